/* SPDX-License-Identifier: GPL-3.0-or-later */
/* moment.c: the zone is the machine's (TZ); the wire knows only UTC. */
#include "tools/stilectl/moment.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "proto/rfc3339.h"

#define DURATION_MAX 100000 /* of any unit */

static struct tm local_at(int64_t utc_us)
{
    time_t seconds = (time_t)(utc_us / USEC_PER_SEC);
    struct tm tm = { 0 };

    localtime_r(&seconds, &tm);
    return tm;
}

/* Whether text consists of all that format takes. */
static bool takes_all(const char *text, const char *format, struct tm *tm)
{
    const char *end = strptime(text, format, tm);

    return end && !*end;
}

static bool parse_local(const char *text, int64_t now_us, int64_t *ret_utc_us)
{
    struct tm today = local_at(now_us);
    struct tm tm = { .tm_isdst = -1 };

    if (strlen(text) == strlen("14:30") && takes_all(text, "%H:%M", &tm)) {
        tm.tm_year = today.tm_year;
        tm.tm_mon = today.tm_mon;
        tm.tm_mday = today.tm_mday;
    } else if (strlen(text) != strlen("2026-11-22") || !takes_all(text, "%Y-%m-%d", &tm)) {
        return false;
    }
    tm.tm_isdst = -1;
    *ret_utc_us = mktime(&tm) * USEC_PER_SEC;
    return true;
}

bool moment_parse_duration(const char *text, int64_t *ret_seconds)
{
    static const struct {
        char letter;
        int64_t seconds;
    } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
    char *end;
    long long count = strtoll(text, &end, 10);

    if (*text < '0' || *text > '9' || count > DURATION_MAX || strlen(end) != 1)
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (units[i].letter == *end) {
            *ret_seconds = count * units[i].seconds;
            return true;
        }
    }
    return false;
}

static bool parse_ago(const char *text, int64_t now_us, int64_t *ret_utc_us)
{
    int64_t seconds;

    if (!moment_parse_duration(text, &seconds))
        return false;
    *ret_utc_us = now_us - seconds * USEC_PER_SEC;
    return true;
}

bool moment_parse(const char *text, int64_t now_us, char ret_utc[static UTC_SIZE])
{
    int64_t utc_us;

    return (rfc3339_parse(text, &utc_us) || parse_local(text, now_us, &utc_us) ||
            parse_ago(text, now_us, &utc_us)) &&
           event_utc_format(utc_us, ret_utc);
}

/* The same time of day tomorrow, which is not always 24 hours away. */
static int64_t day_later(int64_t utc_us)
{
    struct tm tm = local_at(utc_us);

    tm.tm_mday++;
    tm.tm_isdst = -1;
    return mktime(&tm) * USEC_PER_SEC;
}

bool moment_parse_future(const char *text, int64_t now_us, char ret_utc[static UTC_SIZE])
{
    int64_t utc_us;

    if (!rfc3339_parse(text, &utc_us) && !parse_local(text, now_us, &utc_us))
        return false;
    if (utc_us <= now_us && strlen(text) == strlen("14:30"))
        utc_us = day_later(utc_us);
    return utc_us > now_us && event_utc_format(utc_us, ret_utc);
}

/* brief: of another day than today the day alone. */
static void add(struct text *out, const char *utc, int64_t now_us, bool brief)
{
    int64_t utc_us;
    char shown[sizeof("2026-11-22 14:30:02")];

    if (!utc || !rfc3339_parse(utc, &utc_us)) {
        text_add(out, "no clock");
        return;
    }
    struct tm tm = local_at(utc_us);
    struct tm today = local_at(now_us);
    bool is_today = tm.tm_year == today.tm_year && tm.tm_yday == today.tm_yday;

    if (is_today)
        strftime(shown, sizeof(shown), "%H:%M:%S", &tm);
    else if (brief)
        strftime(shown, sizeof(shown), "%m-%d", &tm);
    else
        strftime(shown, sizeof(shown), "%Y-%m-%d %H:%M:%S", &tm);
    text_add(out, shown);
}

void moment_add(struct text *out, const char *utc, int64_t now_us)
{
    add(out, utc, now_us, false);
}

void moment_add_briefly(struct text *out, const char *utc, int64_t now_us)
{
    add(out, utc, now_us, true);
}

void moment_add_duration(struct text *out, int64_t seconds)
{
    long long s = seconds;

    if (s < 60)
        text_addf(out, "%lld s", s);
    else if (s < 3600)
        text_addf(out, "%lld min", s / 60);
    else if (s < 86400)
        text_addf(out, "%lld h %lld min", s / 3600, s / 60 % 60);
    else
        text_addf(out, "%lld d %lld h", s / 86400, s / 3600 % 24);
}
