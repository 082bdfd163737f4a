/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_nuki_pair.h: pairing with a Nuki lock as a bridge, which is the only kind of client that clears the
 * lock's "state changed" beacon (Nuki Smart Lock API V2.1, 9 "Authorize App"). Pure.
 *
 * The lock's key is not proven to be the lock's: whoever is between the two in the half minute of pairing
 * could be it. So a person pairs in person, and looks at the lock's list of users.
 */
#pragma once

#include "hal/ble/ble_nuki_talk.h"

/* Begins, and begins again while the lock is not in pairing mode. */
void ble_nuki_pair_begin(struct ble_nuki *nuki, const struct ble_now *now);

/* Steps PAIR_KEY to PAIR_END. */
void ble_nuki_pair_key(struct ble_nuki *nuki, const struct nuki_message *message, const struct ble_now *now);
void ble_nuki_pair_challenged(struct ble_nuki *nuki, const struct nuki_message *message,
                              const struct ble_now *now);
void ble_nuki_pair_proven(struct ble_nuki *nuki, const struct nuki_message *message,
                          const struct ble_now *now);
void ble_nuki_pair_identified(struct ble_nuki *nuki, const struct nuki_message *message,
                              const struct ble_now *now);
void ble_nuki_pair_ended(struct ble_nuki *nuki, const struct nuki_message *message,
                         const struct ble_now *now);

/* Reads what was kept of a pairing. Returns 0 or -EBADMSG. */
int ble_nuki_pair_restore(struct ble_nuki *nuki, const uint8_t secret[], size_t len) must_check;
