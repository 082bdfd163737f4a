/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_nuki_pin.h: what a Nuki lock only does for who knows its security PIN: tell its log, set its clock.
 * Pure. */
#pragma once

#include "hal/ble/ble_nuki_talk.h"

/* Send the requests with the challenge that they answer. */
void ble_nuki_pin_send_log(struct ble_nuki *nuki, const uint8_t challenge[static NUKI_NONCE_BYTES],
                           const struct ble_now *now);
void ble_nuki_pin_send_clock(struct ble_nuki *nuki, const uint8_t challenge[static NUKI_NONCE_BYTES],
                             const struct ble_now *now);

/* Step LOG: an entry. */
void ble_nuki_pin_entry(struct ble_nuki *nuki, const struct nuki_message *message, const struct ble_now *now);

/* Steps LOG and CLOCK: a status. */
void ble_nuki_pin_ended(struct ble_nuki *nuki, const struct nuki_message *message, const struct ble_now *now);
