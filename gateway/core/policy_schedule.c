/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_schedule.c: calendars and schedules, compiled and asked ("2, local time" in the contract's fine
 * print). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/core/policy_internal.h"

#define SECONDS_PER_DAY 86400

/* --- compiling; the items were checked, so reading them again cannot fail --- */

static int compare_days(const void *a, const void *b)
{
    const struct item_days *x = a;
    const struct item_days *y = b;

    return x->from < y->from ? -1 : x->from > y->from;
}

/* Joins what overlaps, so that a day lies in one entry at most. */
static size_t join_days(struct item_days *days, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && days[i].from <= days[kept - 1].to) {
            if (days[i].to > days[kept - 1].to)
                days[kept - 1].to = days[i].to;
        } else {
            days[kept++] = days[i];
        }
    }
    return kept;
}

static int compile_calendar(struct policy *policy, const struct named *named, struct calendar *calendar)
{
    struct json_error error;
    struct item item;

    item_was_checked(item_read(ITEM_CALENDAR, named->object, true, &item, &error));
    size_t count = json_list_length(item.calendar.days);

    calendar->days = policy_alloc(policy, count, sizeof(*calendar->days));
    if (!calendar->days)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        item_was_checked(item_days_read(item.calendar.days, i, &calendar->days[i], &error));
    qsort(calendar->days, count, sizeof(*calendar->days), compare_days);
    calendar->count = join_days(calendar->days, count);
    for (size_t i = 0; i < json_list_length(item.calendar.yearly); i++) {
        int32_t month_day = 0;

        item_yearly_read(json_list_string(item.calendar.yearly, i, &error), &month_day);
        calendar->yearly[month_day / 100] |= UINT32_C(1) << month_day % 100;
    }
    return 0;
}

int policy_compile_calendars(struct policy *policy)
{
    const struct kind_list *items = &policy->named[ITEM_CALENDAR];
    int r = 0;

    policy->calendars = policy_alloc(policy, items->count, sizeof(*policy->calendars));
    if (!policy->calendars)
        return -ENOMEM;
    for (uint32_t i = 0; i < items->count && r == 0; i++)
        r = compile_calendar(policy, &items->list[i], &policy->calendars[i]);
    return r;
}

static int compile_windows(struct policy *policy, struct json_object *windows, bool with_days,
                           struct window_list *ret)
{
    size_t count = json_list_length(windows);
    struct item_window *list = policy_alloc(policy, count, sizeof(*list));
    struct json_error error;

    if (!list)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        item_was_checked(item_window_read(windows, i, with_days, &list[i], &error));
    *ret = (struct window_list){ list, count };
    return 0;
}

static int compile_schedule(struct policy *policy, const struct named *named, struct schedule *schedule)
{
    struct json_error error;
    struct item item;

    item_was_checked(item_read(ITEM_SCHEDULE, named->object, true, &item, &error));
    size_t count = json_list_length(item.schedule.special);
    struct special *specials = policy_alloc(policy, count, sizeof(*specials));

    if (!specials)
        return -ENOMEM;
    schedule->specials = specials;
    schedule->special_count = count;
    int r = compile_windows(policy, item.schedule.windows, true, &schedule->windows);

    for (size_t i = 0; i < count && r == 0; i++) {
        struct item_special special;

        item_was_checked(item_special_read(item.schedule.special, i, &special, &error));
        specials[i].calendar =
            policy_refer(policy, ITEM_SCHEDULE, named->id, ITEM_CALENDAR, special.calendar);
        schedule->broken |= specials[i].calendar == POLICY_NONE;
        r = compile_windows(policy, special.windows, false, &specials[i].windows);
    }
    return r;
}

int policy_compile_schedules(struct policy *policy)
{
    const struct kind_list *items = &policy->named[ITEM_SCHEDULE];
    int r = 0;

    policy->schedules = policy_alloc(policy, items->count, sizeof(*policy->schedules));
    if (!policy->schedules)
        return -ENOMEM;
    for (uint32_t i = 0; i < items->count && r == 0; i++)
        r = compile_schedule(policy, &items->list[i], &policy->schedules[i]);
    return r;
}

/* --- asking --- */

static bool has_day(const struct calendar *calendar, int32_t day)
{
    size_t low = 0;
    size_t high = calendar->count;
    int year, month, of_month;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (calendar->days[middle].to < day)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < calendar->count && calendar->days[low].from <= day)
        return true;
    zone_date(day, &year, &month, &of_month);
    return calendar->yearly[month] >> of_month & 1;
}

/* The windows of a day, weekly ones of other weekdays among them. */
static const struct window_list *windows_of(const struct policy *policy, const struct schedule *schedule,
                                            int32_t day)
{
    for (size_t i = 0; i < schedule->special_count; i++)
        if (has_day(&policy->calendars[schedule->specials[i].calendar], day))
            return &schedule->specials[i].windows;
    return &schedule->windows;
}

static bool is_open(const struct item_window *window, int32_t day, const struct local_time *local)
{
    bool past_midnight = window->from_s > window->to_s;

    if (!(window->days >> zone_weekday(day) & 1))
        return false;
    if (day == local->day)
        return window->from_s <= local->second && (past_midnight || local->second < window->to_s);
    return past_midnight && local->second < window->to_s; /* it began the evening before */
}

/* Whether it is one of the policy's own, and whole. */
static bool has_windows(const struct policy *policy, uint32_t index)
{
    return index < policy->named[ITEM_SCHEDULE].count && !policy->schedules[index].broken;
}

/* *cursor counts through the windows of today and then of yesterday. */
bool policy_schedule_window_next(const struct policy *policy, uint32_t index, const struct local_time *local,
                                 uint32_t *cursor, struct policy_window *ret_window)
{
    uint32_t at = 0;

    if (index == SCHEDULE_ALWAYS && (*cursor)++ == 0) {
        *ret_window = (struct policy_window){ 0, 0, 0 };
        return true;
    }
    if (!has_windows(policy, index))
        return false;
    for (int32_t day = local->day; day >= local->day - 1; day--) {
        const struct window_list *windows = windows_of(policy, &policy->schedules[index], day);

        for (size_t i = 0; i < windows->count; i++, at++) {
            if (at < *cursor || !is_open(&windows->list[i], day, local))
                continue;
            *cursor = at + 1;
            *ret_window = (struct policy_window){ day, windows->list[i].from_s, windows->list[i].to_s };
            return true;
        }
    }
    return false;
}

bool policy_schedule_day_next(const struct policy *policy, uint32_t index, int32_t day, uint32_t *cursor,
                              struct policy_window *ret_window)
{
    if (index == SCHEDULE_ALWAYS && (*cursor)++ == 0) {
        *ret_window = (struct policy_window){ day, 0, SECONDS_PER_DAY };
        return true;
    }
    if (!has_windows(policy, index))
        return false;
    const struct window_list *windows = windows_of(policy, &policy->schedules[index], day);

    while (*cursor < windows->count) {
        const struct item_window *window = &windows->list[(*cursor)++];

        if (!(window->days >> zone_weekday(day) & 1))
            continue;
        *ret_window = (struct policy_window){ day, window->from_s, window->to_s };
        return true;
    }
    return false;
}

bool policy_schedule_open(const struct policy *policy, uint32_t schedule, const struct local_time *local)
{
    struct policy_window window;
    uint32_t cursor = 0;

    return policy_schedule_window_next(policy, schedule, local, &cursor, &window);
}
