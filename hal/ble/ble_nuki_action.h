/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_nuki_action.h: lock, unlock, unlatch: challenge → action → accepted → states on the way → complete. It
 * is done only when the lock says so and its bolt is where it was wanted. Pure. */
#pragma once

#include "hal/ble/ble_nuki_talk.h"

/* Sends the action with the challenge that it answers. */
void ble_nuki_action_send(struct ble_nuki *nuki, const uint8_t challenge[static NUKI_NONCE_BYTES],
                          const struct ble_now *now);

/* Steps ACTION, MOTOR (status), MOTOR (states) and CHECK. */
void ble_nuki_action_answered(struct ble_nuki *nuki, const struct nuki_message *message,
                              const struct ble_now *now);
void ble_nuki_action_ended(struct ble_nuki *nuki, const struct nuki_message *message,
                           const struct ble_now *now);
void ble_nuki_action_moved(struct ble_nuki *nuki, const struct nuki_message *message,
                           const struct ble_now *now);
void ble_nuki_action_checked(struct ble_nuki *nuki, const struct nuki_message *message,
                             const struct ble_now *now);
