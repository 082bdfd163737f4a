/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone.h: local time by the system's tz database (TZif, RFC 8536), without global state. Pure: the caller
 * reads the file (gateway/base/zoneinfo.h).
 *
 * Days are counted from 1970-01-01, local. A skipped hour never comes, a repeated one counts twice (decision
 * contract 2 and its fine print).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"

struct zone;

struct local_time {
    int32_t day;    /* since 1970-01-01, local */
    int32_t second; /* of the day, by the clock on the wall: 0 to 86399 */
    int32_t offset; /* seconds east of UTC */
};

/* bytes: a TZif file's; NULL: UTC. Returns 0, -EBADMSG or -ENOMEM. */
int zone_new(const void *bytes, size_t len, struct zone **ret) must_check;
struct zone *zone_free(struct zone *zone);

struct local_time zone_local(const struct zone *zone, int64_t utc_us);

/* The first instant at which the clock on that day has reached `second` (0: the day's start); in a skipped
 * hour the end of it. Microseconds since 1970. */
int64_t zone_instant(const struct zone *zone, int32_t day, int32_t second);

/* Monday is 0. */
int zone_weekday(int32_t day);

void zone_date(int32_t day, int *ret_year, int *ret_month, int *ret_day);
int32_t zone_day(int year, int month, int day);
