/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rfc3339.c: fixed columns, then a fraction, then an offset. strptime() takes signs, blanks and short numbers
 * in many places, so the digits are read here. */
#include "proto/rfc3339.h"

#include <stddef.h>
#include <time.h>

#include "gateway/base/clock.h"

#define SECONDS_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

/* What is left; NULL after the first misfit. */
struct cursor {
    const char *at;
};

static int take_number(struct cursor *cursor, int digits, int min, int max)
{
    int value = 0;

    for (int i = 0; cursor->at && i < digits; i++) {
        char c = *cursor->at;

        cursor->at = c >= '0' && c <= '9' ? cursor->at + 1 : NULL;
        value = value * 10 + (c - '0');
    }
    if (value < min || value > max)
        cursor->at = NULL;
    return value;
}

static void take_char(struct cursor *cursor, char upper, char lower)
{
    if (cursor->at)
        cursor->at = *cursor->at == upper || *cursor->at == lower ? cursor->at + 1 : NULL;
}

static int days_in(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

static int64_t take_seconds(struct cursor *cursor)
{
    struct tm tm = { 0 };
    int year = take_number(cursor, 4, 1, 9999);

    take_char(cursor, '-', '-');
    int month = take_number(cursor, 2, 1, 12);

    take_char(cursor, '-', '-');
    tm.tm_mday = take_number(cursor, 2, 1, cursor->at ? days_in(year, month) : 31);
    take_char(cursor, 'T', 't');
    tm.tm_hour = take_number(cursor, 2, 0, 23);
    take_char(cursor, ':', ':');
    tm.tm_min = take_number(cursor, 2, 0, 59);
    take_char(cursor, ':', ':');
    tm.tm_sec = take_number(cursor, 2, 0, 60);
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    return cursor->at ? timegm(&tm) : 0;
}

static int64_t take_fraction(struct cursor *cursor)
{
    int64_t us = 0;
    int64_t worth = USEC_PER_SEC / 10;

    if (!cursor->at || *cursor->at != '.')
        return 0;
    cursor->at++;
    us = worth * take_number(cursor, 1, 0, 9);
    while (cursor->at && *cursor->at >= '0' && *cursor->at <= '9') {
        worth /= 10;
        us += worth * take_number(cursor, 1, 0, 9);
    }
    return us;
}

static int64_t take_offset(struct cursor *cursor)
{
    if (!cursor->at || (*cursor->at != '+' && *cursor->at != '-')) {
        take_char(cursor, 'Z', 'z');
        return 0;
    }
    int sign = *cursor->at++ == '-' ? -1 : 1;
    int hours = take_number(cursor, 2, 0, 23);

    take_char(cursor, ':', ':');
    return sign * (hours * 3600 + take_number(cursor, 2, 0, 59) * 60);
}

bool rfc3339_parse(const char *text, int64_t *ret_utc_us)
{
    struct cursor cursor = { text };
    int64_t seconds = take_seconds(&cursor);
    int64_t us = take_fraction(&cursor);

    seconds -= take_offset(&cursor);
    if (!cursor.at || *cursor.at || seconds < 0 || seconds > SECONDS_MAX)
        return false;
    *ret_utc_us = seconds * USEC_PER_SEC + us;
    return true;
}

bool rfc3339_valid(const char *text)
{
    int64_t utc_us;

    return rfc3339_parse(text, &utc_us);
}
