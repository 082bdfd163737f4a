/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modes.h: makes doors' devices do what the mode in force asks: hold them released, or let go.
 *
 * What each target was told last is remembered until its device has done it. One that could not be told or
 * did not do it is told again; one whose device comes up is told whatever the mode, since nobody knows what
 * it still does from before; one that is no door's any more is let go, and so is one that its door has at
 * another device now: each device is told while it still runs, since what it holds outlasts its driver. A
 * barrier with a vehicle under it is let go when that has gone, and what a fire holds, whoever's it is, when
 * the fire is over.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "gateway/base/clock.h"
#include "proto/driver_message.h"

struct daemon;
struct modes;

/* Between two attempts to tell a device. */
#define MODES_AGAIN_US (5 * USEC_PER_SEC)

int modes_new(struct modes **ret) must_check;

/* Takes NULL, returns NULL. */
struct modes *modes_free(struct modes *modes);

/* Tells the devices whose door's mode asks for something else than they were told: after a mode has changed,
 * and after a new policy. */
void modes_follow(struct daemon *daemon, const struct timestamp *now);

/* A device came up: tells it the modes of its doors. */
void modes_device_up(struct daemon *daemon, const char *device, const struct timestamp *now);

/* A result from a driver. Returns whether it was for a command of ours. */
bool modes_result(struct daemon *daemon, int64_t id, enum driver_outcome outcome, const char *reason);

/* Whether the door's mode asks for what its device cannot: it stays shut until it is released. */
bool modes_unable(const struct daemon *daemon, uint32_t door);

/* Tells again what is due. */
void modes_advance(struct daemon *daemon, const struct timestamp *now);

/* Boot time at which modes_advance() should be called next, INT64_MAX: nothing is due. */
int64_t modes_due(const struct daemon *daemon);
