/* SPDX-License-Identifier: GPL-3.0-or-later */
/* device.h: one device: its driver process, and what the gateway knows of both. Used by hal.c only.
 *
 * What a driver says is checked here; what it means for commands is hal.c's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "hal/device_item.h"
#include "hal/hal.h"

struct device;

/* From the loop; device_free() may be called from `gone` only. */
struct device_callbacks {
    void (*event)(void *userdata, struct device *device, const struct driver_event *event);

    /* Returns whether a command of this device waits for it. */
    bool (*result)(void *userdata, struct device *device, const struct driver_event *event);

    /* A found or progress event. Returns the same. */
    bool (*progress)(void *userdata, struct device *device, const struct driver_event *event);

    /* Nothing that was sent to its process will be answered any more. */
    void (*lost)(void *userdata, struct device *device);

    /* It is in another state. */
    void (*changed)(void *userdata, struct device *device);

    /* After device_stop(): no process is left. */
    void (*gone)(void *userdata, struct device *device);
};

/* A device that does nothing yet. config and callbacks must outlive it. An item that cannot be used makes a
 * device that will be down. Returns 0 or -ENOMEM. */
int device_new(sd_event *event, const struct hal_config *config, const struct hal_item *item,
               const struct device_callbacks *callbacks, void *userdata, struct device **ret) must_check;

/* Kills the process if there is one. Takes NULL, returns NULL. */
struct device *device_free(struct device *device);

/* Begins its life. Returns 0 or a negative errno. */
int device_start(struct device *device) must_check;

/* Shuts it down; `gone` follows, from the loop. */
void device_stop(struct device *device);

/* Sends a command. Returns 0, or HAL_E_REFUSED if no driver that has said hello takes it. */
int device_send(struct device *device, const struct driver_command *command) must_check;

/* Tells the driver that somebody is at this target of its, if it can make use of that and was not told just
 * now. */
void device_prepare(struct device *device, const char *target);

/* Whether driver and json are the item's. */
bool device_is(const struct device *device, const struct hal_item *item);

bool device_is_up(const struct device *device);

/* Whether the running driver's hello names this capability. */
bool device_can(const struct device *device, const char *capability);

const char *device_id(const struct device *device);
const struct device_item *device_ids(const struct device *device);
void device_status(const struct device *device, struct hal_status *ret);

/* As hal_each_place(), of this device. */
int device_each_place(const struct device *device, int (*fn)(void *userdata, const struct hal_place *place),
                      void *userdata);
