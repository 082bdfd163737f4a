/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_nuki_state.h: what a Nuki lock's words mean here. Pure. */
#pragma once

#include "hal/ble/ble_protocol.h"
#include "proto/nuki.h"

/* The lock as its states say it is, at now. *ret_zone_s: what its clock is ahead of UTC by, if it is right.
 *
 * The maker does not say whether the offset that a lock tells has summer time in it, so a clock that is an
 * hour off is right; the hour is in *ret_zone_s then. */
void ble_nuki_state_of(const struct nuki_states *states, const struct ble_now *now,
                       struct ble_state *ret_state, int64_t *ret_zone_s);

/* An entry of the lock's log. */
void ble_nuki_state_record(const struct nuki_log_entry *entry, int64_t zone_s, struct ble_record *ret_record);
