/* SPDX-License-Identifier: GPL-3.0-or-later */
/* device_item.h: the part of a device item that both ends of the protocol must agree on: which points and
 * targets a driver may speak for. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/cleanup.h"
#include "proto/driver_message.h"

struct device_item {
    size_t point_count;
    size_t target_count;
    char points[DRIVER_POINTS_MAX][ID_SIZE];
    char targets[DRIVER_TARGETS_MAX][ID_SIZE];
};

/* Reads `points` and `targets` of a device item. Returns 0 or -EBADMSG with *error filled. */
int device_item_read(struct json_object *device, struct device_item *ret,
                     struct json_error *error) must_check;

bool device_item_has_point(const struct device_item *item, const char *point);
bool device_item_has_target(const struct device_item *item, const char *target);
