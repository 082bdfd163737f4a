/* SPDX-License-Identifier: GPL-3.0-or-later */
/* releases.h: what became of each release.
 *
 * A release is sent first and recorded afterwards, in the same turn, so that nobody waits for the disk. Its
 * results are events that follow from the one that caused it. One that fails gives back what its grant had
 * reserved.
 */
#pragma once

#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "gateway/core/world.h"
#include "hal/hal.h"

struct daemon;
struct release;
struct releases;
struct ctl_reply;

struct release_order {
    uint32_t door; /* of the policy in force */
    enum direction direction;
    int64_t pulse_ms;
    bool extended;           /* for somebody who needs longer to pass */
    int64_t deadline_us;     /* boot time */
    uint64_t grant;          /* of a verdict, 0: an operator's */
    struct ctl_reply *reply; /* answered when the outcome is known; NULL: nobody asks */
    int64_t command;         /* ended then: of the cloud's, 0: none */
    const char *jti;         /* its name, for the events; NULL: none */
};

int releases_new(struct releases **ret) must_check;

/* Answers who still asks. Takes NULL, returns NULL. */
struct releases *releases_free(struct releases *releases);

/* An order by hand: for as long as the door says, and not later than DAEMON_RELEASE_LIMIT_US from now. */
struct release_order releases_by_hand(const struct daemon *daemon, uint32_t door, enum direction direction,
                                      const struct timestamp *now);

/* Sends it to the device. Never NULL unless memory is out (then nothing was sent). Must be recorded next. */
struct release *releases_send(struct daemon *daemon, const struct release_order *order);

/* Whether the device was told. */
bool releases_sent(const struct release *release);

/* Records that it was sent, or that it could not be; cause: ticket of the event that it follows from. */
void releases_record(struct daemon *daemon, struct release *release, uint64_t cause,
                     const struct timestamp *now);

/* The event that tells of an outcome. */
enum event_kind releases_event_kind(enum driver_outcome outcome);

/* A result from a driver, as hal's callback. */
void releases_result(struct daemon *daemon, int64_t id, enum driver_outcome outcome, const char *reason,
                     int64_t ms);

/* The door was shut before its release is over: its device is told to end it. What becomes of that are events
 * with verb "lock"; one that cannot lets the pulse run out. cause: as above. */
void releases_lock(struct daemon *daemon, uint32_t door, uint64_t cause, const struct timestamp *now);
