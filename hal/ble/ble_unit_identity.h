/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_unit_identity.h: which lock a unit is: its key, its address, its link. */
#pragma once

#include "gateway/base/cleanup.h"

struct ble_address;
struct ble_unit;

/* Sets what the unit is by its item and the keys file, from which it is read anew; its link begins idle. Why
 * it cannot be used is noted in the unit. */
void ble_unit_identity_set(struct ble_unit *unit);

/* Makes it a lock at this address that knows nobody, until the next ble_unit_identity_set(). Returns 0 or a
 * negative errno. */
int ble_unit_identity_strange(struct ble_unit *unit, const struct ble_address *address) must_check;

/* Closes the link and forgets the key. */
void ble_unit_identity_forget(struct ble_unit *unit);

/* Keeps what is known of it. Returns 0 or a negative errno. */
int ble_unit_identity_remember(const struct ble_unit *unit) must_check;
