/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_device.h: a device item of driver `modbus`. Pure. hal/modbus/README.md describes it for people. */
#pragma once

#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "hal/modbus/modbus_bus.h"
#include "hal/modbus/modbus_profile.h"

struct json_object;

struct modbus_device {
    char profile[ID_SIZE];
    struct modbus_line line; /* its times are the profile's, not set here */
    uint8_t unit;
    size_t point_count;
    char points[MODBUS_SIDES][ID_SIZE];
    char target[ID_SIZE];
};

/* Returns 0, or -EBADMSG with *error filled. */
int modbus_device_read(struct json_object *item, struct modbus_device *ret_device,
                       struct json_error *error) must_check;

/* Gives each side of the profile its point, in the order in, out: *ret_points[side] is borrowed from device,
 * NULL for a side that the profile does not have. Takes the profile's times. Returns 0, or -EBADMSG with
 * *error filled if there are not as many points as sides. */
int modbus_device_match(struct modbus_device *device, const struct modbus_profile *profile,
                        const char *ret_points[static MODBUS_SIDES], struct json_error *error) must_check;
