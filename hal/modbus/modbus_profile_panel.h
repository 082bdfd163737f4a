/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_profile_panel.h: the part of a profile that says what a panel is made of. Pure; for
 * modbus_profile.c.
 */
#pragma once

#include "gateway/base/cleanup.h"
#include "hal/modbus/modbus_profile.h"

/* The members `outputs`, `inputs`, `status` and `wiring`; NULL: absent. */
struct modbus_profile_panel_members {
    struct json_object *outputs;
    struct json_object *inputs;
    struct json_object *status;
    struct json_object *wiring;
};

/* Returns 0 or -EBADMSG with *error filled. */
int modbus_profile_panel_read(const struct modbus_profile_panel_members *members,
                              struct modbus_panel_map *ret_map, struct json_error *error) must_check;
