/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_collector_unit.h: a turnstile's collector as a unit of the bus (modbus_unit.h). Pure.
 *
 * A cycle is: read each range of the poll, look at what they come to, then do the chores that wait (fetch a
 * card, acknowledge it, write a display), each once. What modbus_collector.h makes of the readings is said to
 * the gateway. Commands (modbus_commands.h) go before all of that.
 */
#pragma once

#include "gateway/base/cleanup.h"
#include "hal/modbus/modbus_unit.h"

/* The item needs one point for each side of the profile, in the order in, out, and one target. As
 * modbus_unit_new(). */
int modbus_collector_unit_new(const struct modbus_unit_item *item, const struct modbus_profile *profile,
                              const struct modbus_voice *voice, struct modbus_unit *ret_unit,
                              struct json_error *error) must_check;
