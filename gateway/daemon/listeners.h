/* SPDX-License-Identifier: GPL-3.0-or-later */
/* listeners.h: people who watch what a device says, as it says it. What was presented is not told, only that
 * something was. */
#pragma once

#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "gateway/ctl/backend.h"
#include "hal/hal.h"

struct daemon;
struct listeners;

int listeners_new(struct listeners **ret) must_check;

/* Answers who still listens. Takes NULL, returns NULL. */
struct listeners *listeners_free(struct listeners *listeners);

/* Tells from now on, for so long. Takes the reply over. */
void listeners_add(struct daemon *daemon, struct ctl_reply *reply, const char *device, int64_t for_s);

/* A device said something, or went up or down. */
void listeners_event(struct daemon *daemon, const char *device, const struct driver_event *event);
void listeners_device(struct daemon *daemon, const struct hal_status *status);
