/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_fixture.h: the system's zones. The C library reads the same files and is the oracle: an instant is
 * also asked of localtime_r(). Inline, because not every test file needs all of it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gateway/base/clock.h"
#include "gateway/base/zoneinfo.h"
#include "gateway/core/zone.h"

#define DAY  INT64_C(86400)
#define HOUR 3600

static const char *const names[] = {
    "Europe/Madrid",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Africa/Casablanca",
    "Europe/Dublin",
    "Pacific/Apia",
    "Antarctica/Troll",
    "America/Godthab",
    "Asia/Beirut",
    "America/St_Johns",
    "Africa/Cairo",
    "Asia/Gaza",
    "America/Caracas",
    "Pacific/Kwajalein",
    "Pacific/Kiritimati",
    "Asia/Pyongyang",
    "UTC",
};

#define NAMES (sizeof(names) / sizeof(names[0]))

static inline void zone_freep(struct zone **zone)
{
    zone_free(*zone);
}

static inline void read_zone(const char *name, char **ret_bytes, size_t *ret_len)
{
    assert_int_equal(zoneinfo_read(NULL, name, ret_bytes, ret_len), 0);
}

static inline struct zone *load(const char *name)
{
    cleanup_with(freep) char *bytes = NULL;
    struct zone *zone = NULL;
    size_t len;

    read_zone(name, &bytes, &len);
    assert_int_equal(zone_new(bytes, len, &zone), 0);
    return zone;
}

/* --- the oracle --- */

static inline void oracle_use(const char *tz)
{
    setenv("TZ", tz, 1);
    tzset();
}

static inline void oracle_use_file(const char *name)
{
    char tz[128];

    snprintf(tz, sizeof(tz), ":%s", name);
    oracle_use(tz);
}

static inline struct tm oracle_at(int64_t t)
{
    time_t time = t;
    struct tm tm;

    assert_non_null(localtime_r(&time, &tm));
    return tm;
}

static inline int64_t oracle_offset(int64_t t)
{
    return oracle_at(t).tm_gmtoff;
}

static inline int64_t oracle_local(int64_t t)
{
    return t + oracle_offset(t);
}

static inline void assert_local(const struct zone *zone, const char *name, int64_t t)
{
    struct tm tm = oracle_at(t);
    struct local_time local = zone_local(zone, t * USEC_PER_SEC + 999999);
    int year, month, day;

    zone_date(local.day, &year, &month, &day);
    if (year != tm.tm_year + 1900 || month != tm.tm_mon + 1 || day != tm.tm_mday ||
        local.second != tm.tm_hour * HOUR + tm.tm_min * 60 + tm.tm_sec || local.offset != tm.tm_gmtoff)
        fail_msg("%s at %" PRId64 ": %d-%02d-%02d %" PRId32 "s %+" PRId32
                 ", not %d-%02d-%02d %02d:%02d:%02d %+ld",
                 name, t, year, month, day, local.second, local.offset, tm.tm_year + 1900, tm.tm_mon + 1,
                 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, tm.tm_gmtoff);
    assert_int_equal(zone_weekday(local.day), (tm.tm_wday + 6) % 7);
}

static inline int64_t year_start(int year)
{
    return zone_day(year, 1, 1) * DAY;
}
