/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_wiring.h: which output and input of a panel belongs to which target. Pure.
 *
 * A target's wiring is an object whose members are names of the profile's outputs and inputs:
 *
 *     {"target":"front","release":"relay1","contact":"di1","rex":"di2","closed_at_rest":["contact"]}
 *     {"target":"gate","release_entry":"relay1","release_exit":"relay2","passed_entry":"di1", ...}
 */
#pragma once

#include <stddef.h>

#include "gateway/base/cleanup.h"
#include "hal/modbus/modbus_profile.h"

struct json_object;

/* Reads one target's wiring, without `target` if ret_target is NULL. Returns 0 or -EBADMSG with *error. */
int modbus_wiring_read(struct json_object *object, const struct modbus_panel_map *map,
                       struct modbus_wiring *ret_wiring, char ret_target[ID_SIZE],
                       struct json_error *error) must_check;

/* Whether one output is wired in both, and so would open two doors. */
bool modbus_wiring_clash(const struct modbus_wiring *left, const struct modbus_wiring *right);

/* "contact", ... as in a wiring. */
const char *modbus_wiring_role(enum modbus_role role);
