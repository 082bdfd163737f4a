/* SPDX-License-Identifier: GPL-3.0-or-later */
/* place.h: what a device has told of its points and targets: inputs are states, and so is a lock. Used by
 * device.c only; hal.h has the struct. */
#pragma once

#include "hal/device_item.h"
#include "hal/hal.h"

struct places {
    struct hal_place points[DRIVER_POINTS_MAX];
    struct hal_place targets[DRIVER_TARGETS_MAX];
};

/* Takes an input or a state of a point or target that the item lists; other events say nothing lasting. */
void places_take(struct places *places, const struct device_item *item, const struct driver_event *event);

/* Calls fn for each place of the item, targets first. Stops at the first return other than 0 and returns it.
 */
int places_each(const struct places *places, const struct device_item *item, const char *device,
                int (*fn)(void *userdata, const struct hal_place *place), void *userdata);
