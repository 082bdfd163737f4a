/* SPDX-License-Identifier: GPL-3.0-or-later */
/* walk.h: a person beside a device: what the device says is shown while the person is asked, or waits.
 *
 * Everything is a line, so that it works on any terminal and in a pipe; the keyboard is read by lines too,
 * and its first letter counts. Every wait ends by itself.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "proto/control.h"
#include "proto/driver_message.h"
#include "tools/stilectl/feed.h"
#include "tools/stilectl/show.h"

#define WALK_PLACES_MAX (DRIVER_POINTS_MAX + DRIVER_TARGETS_MAX)

/* How long a person has to answer, and to walk to a door and do something there; and how long the daemon may
 * take. */
#define WALK_ANSWER_MS (600 * 1000)
#define WALK_HAPPEN_MS (120 * 1000)
#define WALK_DAEMON_MS (60 * 1000)

enum walk_end {
    WALK_GO, /* Enter */
    WALK_YES,
    WALK_NO,
    WALK_SKIP,
    WALK_QUIT, /* or nothing more can be typed */
    WALK_DONE, /* what was waited for has happened */
    WALK_LATE, /* it has not, in time */
    WALK_GONE, /* the daemon has */
};

/* What is waited for of the device. */
struct walk_event {
    const char *place; /* a point or target */
    const char
        *role;  /* an input's; "door": the door as the device itself tells of it; "card": a presentation */
    bool value; /* of an input: true; of the door: open */
};

/* What became of an order. */
struct walk_outcome {
    char outcome[DRIVER_WORD_SIZE]; /* "": there was none */
    char reason[DRIVER_REASON_SIZE];
    int64_t ms;
};

struct walk {
    const char *socket;
    const char *device;
    bool asks; /* standard input is somebody who answers */
    bool colour;
    struct feed said;  /* what the device says */
    struct feed order; /* what is ordered of it just now */
    struct show show;
    struct json_object *places[WALK_PLACES_MAX]; /* as `device listen` tells of them */
    size_t place_count;
    bool listening;
    const struct walk_event *wanted;
    bool done;
    bool gone;
    enum control_exit exit; /* if it is gone */
    struct text trouble;
    char typed; /* first letter of the last line, '\n' of an empty one; '\0': none */
    bool in_line;
    struct walk_outcome outcome;
};

/* Connects, and waits until the device's places are known. Returns CONTROL_EXIT_OK, or why not with the
 * reason in walk->trouble. To be closed in any case. */
enum control_exit walk_open(struct walk *walk, const char *socket, const char *device, bool asks,
                            bool colour);
void walk_close(struct walk *walk);

/* Says one line. */
void walk_say(struct walk *walk, enum tone tone, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Asks, and waits for an answer: one of the letters, as "ynsq"; '\n' stands for Enter. Others are passed
 * over, and so is what was typed before the question. */
enum walk_end walk_ask(struct walk *walk, const char *letters, const char *question);

/* Asks for something to be done, and waits for what the device then says; n, s and q end that. */
enum walk_end walk_await(struct walk *walk, const struct walk_event *wanted, const char *question);

/* Releases a target, direction NULL for none, and waits for the end, which is in walk->outcome. Returns
 * WALK_DONE, WALK_LATE or WALK_GONE. */
enum walk_end walk_release(struct walk *walk, const char *target, const char *direction);
