/* SPDX-License-Identifier: GPL-3.0-or-later */
/* access.h: from a driver's event to a verdict, a release and the events that tell of it. */
#pragma once

#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/base/cleanup.h"
#include "gateway/core/world.h"
#include "proto/driver_message.h"

struct daemon;
struct access;

/* Things that core tells within one call, at most; more are not recorded (a tap has one or two, lockdown one
 * for each door). */
#define ACCESS_NOTICES_MAX 65536

/* Grants whose ticket is remembered for the passage that follows. */
#define ACCESS_GRANTS_MAX 1024

int access_new(struct access **ret) must_check;
struct access *access_free(struct access *access);

/* core's notice hook; user is the daemon. */
void access_notice(void *user, const struct world_notice *notice);

/* An event from a device, as hal's callback. */
void access_event(struct daemon *daemon, const char *device, const struct driver_event *event);

/* A remote open by a command of the cloud, on behalf of a user. */
struct access_open {
    int64_t command;
    const char *jti;
    uint32_t point;
    uint32_t credential; /* the user's, POLICY_NONE: there is none */
    int64_t deadline_us;
};

/* Decides it and, if it is granted, releases the door, which ends the command then; else it ends the command
 * now. */
void access_open(struct daemon *daemon, const struct access_open *open, const struct timestamp *now);

/* Lets happen what is due in core, and records it. */
void access_advance(struct daemon *daemon, const struct timestamp *now);

/* Records what core told since the last time, and what it changed. cause: as in record_event(). */
void access_settle(struct daemon *daemon, uint64_t cause, const struct timestamp *now);

/* "override": why a mode holds, as events have it. */
const char *access_cause_name(enum mode_cause cause);
