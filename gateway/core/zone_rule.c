/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_rule.c: a cursor whose first misfit sticks. */
#include "gateway/core/zone_rule.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "gateway/core/zone.h"

#define OFFSET_HOURS_MAX 24
#define MOMENT_HOURS_MAX 167 /* RFC 8536, 3.3.1 */

/* Switches happen at two o'clock unless the rule says otherwise. */
#define SECOND_DEFAULT (2 * 3600)

struct cursor {
    const char *at; /* NULL after the first misfit */
};

static bool next_is(const struct cursor *cursor, char c)
{
    return cursor->at && *cursor->at == c;
}

static bool skip(struct cursor *cursor, char c)
{
    if (!next_is(cursor, c))
        return false;
    cursor->at++;
    return true;
}

static void need(struct cursor *cursor, bool good)
{
    if (!good)
        cursor->at = NULL;
}

static int take_number(struct cursor *cursor, int min, int max)
{
    int value = 0;

    need(cursor, cursor->at && isdigit((unsigned char)*cursor->at));
    for (int digits = 0; cursor->at && isdigit((unsigned char)*cursor->at); cursor->at++, digits++) {
        value = value * 10 + (*cursor->at - '0');
        if (digits == 3)
            need(cursor, false);
        if (!cursor->at)
            return 0;
    }
    need(cursor, cursor->at && value >= min && value <= max);
    return value;
}

/* "CET" or "<-03>"; nothing misfitted before. */
static void take_name(struct cursor *cursor)
{
    size_t len = 0;

    if (skip(cursor, '<')) {
        len = strcspn(cursor->at, ">");
        need(cursor, len > 0 && cursor->at[len] == '>');
        if (cursor->at)
            cursor->at += len + 1;
        return;
    }
    while (isalpha((unsigned char)cursor->at[len]))
        len++;
    need(cursor, len >= 3);
    if (cursor->at)
        cursor->at += len;
}

/* [+-]hh[:mm[:ss]], in seconds. */
static int32_t take_time(struct cursor *cursor, int hours_max)
{
    bool negative = skip(cursor, '-');

    if (!negative)
        skip(cursor, '+');
    int32_t seconds = take_number(cursor, 0, hours_max) * 3600;

    if (skip(cursor, ':'))
        seconds += take_number(cursor, 0, 59) * 60;
    if (skip(cursor, ':'))
        seconds += take_number(cursor, 0, 59);
    return negative ? -seconds : seconds;
}

static struct zone_moment take_moment(struct cursor *cursor)
{
    struct zone_moment moment = { .second = SECOND_DEFAULT };

    if (skip(cursor, 'M')) {
        moment.form = ZONE_DAY_MONTH;
        moment.month = take_number(cursor, 1, 12);
        need(cursor, skip(cursor, '.'));
        moment.week = take_number(cursor, 1, 5);
        need(cursor, skip(cursor, '.'));
        moment.day = take_number(cursor, 0, 6);
    } else if (skip(cursor, 'J')) {
        moment.form = ZONE_DAY_JULIAN;
        moment.day = take_number(cursor, 1, 365);
    } else {
        moment.form = ZONE_DAY_ORDINAL;
        moment.day = take_number(cursor, 0, 365);
    }
    if (skip(cursor, '/'))
        moment.second = take_time(cursor, MOMENT_HOURS_MAX);
    return moment;
}

bool zone_rule_parse(const char *text, struct zone_rule *ret)
{
    struct cursor cursor = { text };
    struct zone_rule rule = { 0 };

    take_name(&cursor);
    rule.offset = -take_time(&cursor, OFFSET_HOURS_MAX); /* POSIX counts west of Greenwich */
    if (cursor.at && *cursor.at) {
        rule.has_dst = true;
        take_name(&cursor);
        rule.dst_offset = rule.offset + 3600;
        if (!next_is(&cursor, ','))
            rule.dst_offset = -take_time(&cursor, OFFSET_HOURS_MAX);
        need(&cursor, skip(&cursor, ','));
        rule.begins = take_moment(&cursor);
        need(&cursor, skip(&cursor, ','));
        rule.ends = take_moment(&cursor);
    }
    if (!cursor.at || *cursor.at)
        return false;
    *ret = rule;
    return true;
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Monday is 0 for zone_weekday(), Sunday for a rule. */
static int32_t day_of_month_form(const struct zone_moment *moment, int year)
{
    int32_t first = zone_day(year, moment->month, 1);
    int32_t next = moment->month == 12 ? zone_day(year + 1, 1, 1) : zone_day(year, moment->month + 1, 1);
    int32_t day = first + (moment->day - (zone_weekday(first) + 1) % 7 + 7) % 7 + 7 * (moment->week - 1);

    return day < next ? day : day - 7;
}

static int32_t day_of(const struct zone_moment *moment, int year)
{
    switch (moment->form) { /* GCOVR_EXCL_BR_LINE: it names every value */
    case ZONE_DAY_JULIAN:
        return zone_day(year, 1, 1) + moment->day - 1 + (is_leap(year) && moment->day >= 60);
    case ZONE_DAY_ORDINAL:
        return zone_day(year, 1, 1) + moment->day;
    case ZONE_DAY_MONTH:
        break;
    }
    return day_of_month_form(moment, year);
}

struct zone_rule_year zone_rule_year(const struct zone_rule *rule, int year)
{
    return (struct zone_rule_year){
        .dst_begins = day_of(&rule->begins, year) * INT64_C(86400) + rule->begins.second - rule->offset,
        .dst_ends = day_of(&rule->ends, year) * INT64_C(86400) + rule->ends.second - rule->dst_offset,
    };
}
