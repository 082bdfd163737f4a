/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_device.h: a device item of driver `modbus`: its units, and the lines that lead to them. Pure.
 * hal/modbus/README.md describes it for people. */
#pragma once

#include <stddef.h>

#include "gateway/base/cleanup.h"
#include "hal/modbus/modbus_bus.h"
#include "hal/modbus/modbus_line.h"
#include "hal/modbus/modbus_unit.h"

struct json_object;

struct modbus_device {
    bool several; /* the item has `units` */
    size_t line_count;
    size_t unit_count;
    struct modbus_connection lines[MODBUS_UNITS_MAX];
    size_t line_of[MODBUS_UNITS_MAX]; /* of each unit */
    struct modbus_unit_item units[MODBUS_UNITS_MAX];
};

/* Returns 0, or -EBADMSG with *error filled: *ret_device is of no use then. Wirings are borrowed from item.
 */
int modbus_device_read(struct json_object *item, struct modbus_device *ret_device,
                       struct json_error *error) must_check;

/* The unit whose point or target this is; unit_count: none's. */
size_t modbus_device_find_point(const struct modbus_device *device, const char *point);
size_t modbus_device_find_target(const struct modbus_device *device, const char *target);
