/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Points in time as a person types them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "tools/stilectl/moment.h"

/* 2026-11-22T14:30:00Z, 15:30 in Berlin */
#define NOW_US INT64_C(1795357800000000)

static int setup(void **state)
{
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1); /* Berlin, without the need for tzdata */
    tzset();
    return 0;
}

static void moment_parse__every_form__is_turned_into_utc(void **state)
{
    static const struct {
        const char *text, *utc;
    } moments[] = {
        { "2026-11-22T14:30:00Z", "2026-11-22T14:30:00.000Z" },
        { "2026-11-22T14:30:00+02:00", "2026-11-22T12:30:00.000Z" },
        { "2026-11-22", "2026-11-21T23:00:00.000Z" },
        { "2026-07-01", "2026-06-30T22:00:00.000Z" },
        { "08:05", "2026-11-22T07:05:00.000Z" },
        { "90s", "2026-11-22T14:28:30.000Z" },
        { "30m", "2026-11-22T14:00:00.000Z" },
        { "2h", "2026-11-22T12:30:00.000Z" },
        { "3d", "2026-11-19T14:30:00.000Z" },
    };

    for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        char utc[UTC_SIZE];

        assert_true(moment_parse(moments[i].text, NOW_US, utc));
        assert_string_equal(utc, moments[i].utc);
    }
}

static void moment_parse__anything_else__is_refused(void **state)
{
    static const char *const bad[] = { "",        "yesterday", "8:05",       "25:00",
                                       "08:05 ",  "2h30m",     "-2h",        "h",
                                       "2",       "2w",        "2026-11-2",  " 2h",
                                       "100001d", "+2h",       "2026-13-01", "2026-11-22T14:30" };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char utc[UTC_SIZE];

        assert_false(moment_parse(bad[i], NOW_US, utc));
    }
}

static void moment_parse_future__time_of_day__is_the_next_one(void **state)
{
    static const struct {
        const char *text, *utc;
    } moments[] = {
        { "15:31", "2026-11-22T14:31:00.000Z" },
        { "15:30", "2026-11-23T14:30:00.000Z" },
        { "08:05", "2026-11-23T07:05:00.000Z" },
        { "2026-11-23", "2026-11-22T23:00:00.000Z" },
        { "2026-11-22T14:30:01Z", "2026-11-22T14:30:01.000Z" },
    };

    for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        char utc[UTC_SIZE];

        assert_true(moment_parse_future(moments[i].text, NOW_US, utc));
        assert_string_equal(utc, moments[i].utc);
    }
}

static void moment_parse_future__on_the_last_day_of_summer__is_the_same_time_of_day(void **state)
{
    char utc[UTC_SIZE];

    /* 2026-10-24T14:00:00+02:00: the clocks go back in the night */
    assert_true(moment_parse_future("14:00", INT64_C(1792843200000000), utc));
    assert_string_equal(utc, "2026-10-25T13:00:00.000Z");
}

static void moment_parse_future__what_is_over__is_refused(void **state)
{
    static const char *const bad[] = { "2026-11-22", "2026-11-22T14:30:00Z", "2h", "", "tomorrow" };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char utc[UTC_SIZE];

        assert_false(moment_parse_future(bad[i], NOW_US, utc));
    }
}

static void moment_parse_duration__in_seconds(void **state)
{
    static const char *const bad[] = {
        "", "2", "h", "2w", "-2h", "2h30m", "100001d", "99999999999999999999s"
    };
    int64_t seconds = -1;

    assert_true(moment_parse_duration("90s", &seconds));
    assert_int_equal(seconds, 90);
    assert_true(moment_parse_duration("3d", &seconds));
    assert_int_equal(seconds, 3 * 86400);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(moment_parse_duration(bad[i], &seconds));
}

static void moment_add__today_has_no_date(void **state)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;

    moment_add(&text, "2026-11-22T14:30:02.5Z", NOW_US);
    text_add(&text, "|");
    moment_add(&text, "2026-11-21T23:00:00Z", NOW_US);
    text_add(&text, "|");
    moment_add(&text, "2026-11-21T22:59:59Z", NOW_US);
    text_add(&text, "|");
    moment_add(&text, NULL, NOW_US);
    assert_string_equal(text_string(&text), "15:30:02|00:00:00|2026-11-21 23:59:59|no clock");
}

static void moment_add_briefly__takes_eight_columns(void **state)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;

    moment_add_briefly(&text, "2026-11-22T14:30:02.5Z", NOW_US);
    text_add(&text, "|");
    moment_add_briefly(&text, "2026-11-21T22:59:59Z", NOW_US);
    text_add(&text, "|");
    moment_add_briefly(&text, NULL, NOW_US);
    assert_string_equal(text_string(&text), "15:30:02|11-21|no clock");
}

static void moment_add_duration__two_units_at_most(void **state)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    static const int64_t durations[] = { 0, 59, 60, 3600 + 20 * 60, 2 * 86400 + 4 * 3600 };

    for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
        moment_add_duration(&text, durations[i]);
        text_add(&text, "|");
    }
    assert_string_equal(text_string(&text), "0 s|59 s|1 min|1 h 20 min|2 d 4 h|");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moment_parse__every_form__is_turned_into_utc),
        cmocka_unit_test(moment_parse__anything_else__is_refused),
        cmocka_unit_test(moment_parse_future__time_of_day__is_the_next_one),
        cmocka_unit_test(moment_parse_future__on_the_last_day_of_summer__is_the_same_time_of_day),
        cmocka_unit_test(moment_parse_future__what_is_over__is_refused),
        cmocka_unit_test(moment_parse_duration__in_seconds),
        cmocka_unit_test(moment_add__today_has_no_date),
        cmocka_unit_test(moment_add_briefly__takes_eight_columns),
        cmocka_unit_test(moment_add_duration__two_units_at_most),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
