/* SPDX-License-Identifier: GPL-3.0-or-later */
/* moment.h: times as people write and read them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/text.h"
#include "proto/event.h"

#define MOMENT_EXPECTED "must be RFC 3339, a date 2026-11-22, a time 14:30, or how long ago: 90s, 30m, 2h, 3d"

/* Turns what a person wrote into RFC 3339 in UTC. Dates and times without an offset are local; HH:MM is of
 * today. Returns false if it is none of these. */
bool moment_parse(const char *text, int64_t now_us, char ret_utc[static UTC_SIZE]);

#define MOMENT_FUTURE_EXPECTED                                                                               \
    "must be a time to come: RFC 3339, a date 2026-11-22, or a time 14:30, the next one"

/* The same for a time to come: a date is its midnight, HH:MM the next one, and how long ago is none. */
bool moment_parse_future(const char *text, int64_t now_us, char ret_utc[static UTC_SIZE]);

/* "90s", "30m", "2h", "3d" in seconds. Returns false if it is none of these. */
bool moment_parse_duration(const char *text, int64_t *ret_seconds);

/* "14:30:02" if it is of today, else "2026-11-22 14:30:02"; local. utc: RFC 3339, or NULL: "no clock". */
void moment_add(struct text *out, const char *utc, int64_t now_us);

/* The same in 8 columns: of another day only "11-22". */
void moment_add_briefly(struct text *out, const char *utc, int64_t now_us);

/* "12 s", "5 min", "3 h 20 min", "2 d 4 h". */
void moment_add_duration(struct text *out, int64_t seconds);
