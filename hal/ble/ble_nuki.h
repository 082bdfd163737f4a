/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_nuki.h: Nuki Smart Locks, generations 1 to 4, as a lock protocol (ble_protocol.h); the maker's "Nuki
 * Smart Lock API V2.1" is what the locks promise. Pure.
 *
 *     ble_nuki.c         what the driver calls, and which message may come when
 *     ble_nuki_talk.c    one exchange: what is sent, what is refused, how it ends
 *     ble_nuki_advert.c  what it advertises
 *     ble_nuki_action.c  challenge, lock action, and whether it was done
 *     ble_nuki_state.c   what the lock's words mean here
 *     ble_nuki_pin.c     what needs its PIN: log and clock
 *     ble_nuki_pair.c    pairing
 */
#pragma once

#include "hal/ble/ble_protocol.h"

extern const struct ble_protocol ble_nuki;
