/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_unit_settle.h: what follows from what a lock's protocol said, and the answers to orders. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "proto/driver_message.h"

struct ble_order;
struct ble_unit;

/* Acts on what the protocol said in a call that has returned. Follows each such call. */
void ble_unit_settle(struct ble_unit *unit);

/* Tells how an order ended that was not taken. */
void ble_unit_settle_answer(struct ble_unit *unit, int64_t id, enum driver_outcome outcome,
                            const char *reason);

/* Tells how an order ended, and forgets it. If it came to its deadline since the lock did not answer, that is
 * why. */
void ble_unit_settle_order(struct ble_unit *unit, size_t i, enum driver_outcome outcome, const char *reason);

/* Whether the lock is locked again after this order. */
bool ble_unit_settle_relocks(const struct ble_unit *unit, const struct ble_order *order);

/* Keeps how far its log was read. */
void ble_unit_settle_keep(struct ble_unit *unit);

/* A line for the log; detail may be NULL. */
void ble_unit_settle_note(const struct ble_unit *unit, int level, const char *text, const char *detail);
