/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Local time, held against the C library instant by instant. */
#include "tests/unit/zone_fixture.h"

/* The first instant after t, up to until, with another offset, or until. Looks once a day: no zone changes
 * back within one. */
static int64_t oracle_transition(int64_t t, int64_t until)
{
    int64_t offset = oracle_offset(t);
    int64_t before = t;
    int64_t after = t;

    while (after < until && oracle_offset(after) == offset) {
        before = after;
        after += DAY;
    }
    if (after >= until)
        return until;
    while (after - before > 1) {
        int64_t middle = before + (after - before) / 2;

        if (oracle_offset(middle) == offset)
            before = middle;
        else
            after = middle;
    }
    return after;
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void zone_local__random_instants__as_the_c_library(void **state)
{
    uint64_t random = 20261122;
    uint64_t span = (uint64_t)year_start(2200);

    for (size_t i = 0; i < NAMES; i++) {
        cleanup_with(zone_freep) struct zone *zone = load(names[i]);

        oracle_use_file(names[i]);
        for (int n = 0; n < 5000; n++)
            assert_local(zone, names[i], (int64_t)(next_random(&random) % span));
    }
}

static void zone_local__around_every_transition__as_the_c_library(void **state)
{
    static const int64_t around[] = { -DAY, -HOUR, -1, 0, 1, HOUR, DAY };

    for (size_t i = 0; i < NAMES; i++) {
        cleanup_with(zone_freep) struct zone *zone = load(names[i]);
        int64_t until = year_start(2200);

        oracle_use_file(names[i]);
        for (int64_t t = oracle_transition(DAY, until); t < until; t = oracle_transition(t, until))
            for (size_t j = 0; j < sizeof(around) / sizeof(around[0]); j++)
                assert_local(zone, names[i], t + around[j]);
    }
}

static void zone_local__before_1970__counts_backwards(void **state)
{
    cleanup_with(zone_freep) struct zone *zone = NULL;

    assert_int_equal(zone_new(NULL, 0, &zone), 0);
    struct local_time local = zone_local(zone, -1);

    assert_int_equal(local.day, -1);
    assert_int_equal(local.second, 86399);
    assert_int_equal(zone_weekday(-1), 2);
    local = zone_local(zone, -DAY * USEC_PER_SEC);
    assert_int_equal(local.day, -1);
    assert_int_equal(local.second, 0);
}

static void zone_new__no_bytes__utc(void **state)
{
    cleanup_with(zone_freep) struct zone *zone = NULL;

    assert_int_equal(zone_new(NULL, 0, &zone), 0);
    oracle_use("UTC0");
    for (int year = 1970; year < 2200; year++)
        assert_local(zone, "NULL", year_start(year) + 12345);
    assert_int_equal(zone_instant(zone, 20000, 3600), (20000 * DAY + 3600) * USEC_PER_SEC);
}

/* --- instants --- */

/* By what the words say: minute after minute, from where the clock cannot have been yet, until it has reached
 * that day and time. */
static int64_t naive_instant(int32_t day, int32_t second)
{
    int64_t wanted = day * DAY + second;
    int64_t most = INT64_MIN;

    for (int64_t t = wanted - 27 * HOUR; t <= wanted + 27 * HOUR; t += HOUR / 2)
        if (oracle_offset(t) > most)
            most = oracle_offset(t);
    for (int64_t t = wanted - most;; t += 60)
        if (oracle_local(t) >= wanted)
            return t * USEC_PER_SEC;
}

static void assert_instant(const struct zone *zone, const char *name, int32_t day, int32_t second)
{
    int64_t instant = zone_instant(zone, day, second);

    if (instant != naive_instant(day, second))
        fail_msg("%s, day %" PRId32 " second %" PRId32 ": %" PRId64 ", not %" PRId64, name, day, second,
                 instant, naive_instant(day, second));
}

static void zone_instant__around_every_transition__first_that_has_reached_it(void **state)
{
    static const int32_t seconds[] = { 0,    60,       30 * 60,   HOUR,  5400, 2 * HOUR,
                                       9000, 3 * HOUR, 23 * HOUR, 84600, 86340 };

    for (size_t i = 0; i < NAMES; i++) {
        cleanup_with(zone_freep) struct zone *zone = load(names[i]);
        int64_t until = year_start(2045);

        oracle_use_file(names[i]);
        for (int64_t t = oracle_transition(3 * DAY, until); t < until; t = oracle_transition(t, until)) {
            int32_t day = (int32_t)(oracle_local(t) / DAY);

            for (int32_t d = day - 2; d <= day + 1; d++)
                for (size_t j = 0; j < sizeof(seconds) / sizeof(seconds[0]); j++)
                    if (d == day || seconds[j] % (23 * HOUR) == 0)
                        assert_instant(zone, names[i], d, seconds[j]);
        }
    }
}

struct known {
    const char *name;
    int year, month, day;
    int hour, minute;
    const char *utc;
};

static void zone_instant__known_days__as_the_newspapers_said(void **state)
{
    static const struct known cases[] = {
        { "Europe/Madrid", 2026, 3, 29, 2, 30, "2026-03-29T01:00:00" },  /* skipped: its end */
        { "Europe/Madrid", 2026, 10, 25, 2, 30, "2026-10-25T00:30:00" }, /* repeated: the first */
        { "Europe/Madrid", 2026, 10, 25, 3, 0, "2026-10-25T02:00:00" },
        { "Europe/Madrid", 2150, 3, 29, 2, 30, "2150-03-29T01:00:00" },      /* by the footer */
        { "America/Sao_Paulo", 2017, 10, 15, 0, 0, "2017-10-15T03:00:00" },  /* midnight is skipped */
        { "America/Sao_Paulo", 2018, 2, 18, 0, 0, "2018-02-18T03:00:00" },   /* the second midnight */
        { "America/Sao_Paulo", 2018, 2, 17, 23, 30, "2018-02-18T01:30:00" }, /* repeated: the first */
        { "Asia/Beirut", 2022, 3, 27, 0, 0, "2022-03-26T22:00:00" },         /* midnight is skipped */
        { "Pacific/Apia", 2011, 12, 29, 23, 59, "2011-12-30T09:59:00" },
        { "Pacific/Apia", 2011, 12, 30, 0, 0, "2011-12-30T10:00:00" }, /* a day that never was */
        { "Pacific/Apia", 2011, 12, 30, 18, 0, "2011-12-30T10:00:00" },
        { "Pacific/Apia", 2011, 12, 31, 0, 0, "2011-12-30T10:00:00" },
        { "America/St_Johns", 2005, 10, 30, 0, 0, "2005-10-30T02:30:00" }, /* the clock goes back at 00:01 */
        { "America/St_Johns", 2005, 10, 30, 0, 1, "2005-10-30T03:31:00" },
        { "Australia/Lord_Howe", 2026, 4, 5, 1, 45, "2026-04-04T14:45:00" }, /* half an hour repeated */
        { "Europe/Dublin", 2026, 3, 29, 1, 30, "2026-03-29T01:00:00" }, /* winter is the exception there */
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct known *known = &cases[i];
        cleanup_with(zone_freep) struct zone *zone = load(known->name);
        time_t instant = (time_t)(zone_instant(zone, zone_day(known->year, known->month, known->day),
                                               known->hour * HOUR + known->minute * 60) /
                                  USEC_PER_SEC);
        char utc[32];
        struct tm tm;

        strftime(utc, sizeof(utc), "%Y-%m-%dT%H:%M:%S", gmtime_r(&instant, &tm));
        if (strcmp(utc, known->utc) != 0)
            fail_msg("%s %d-%02d-%02d %02d:%02d: %s, not %s", known->name, known->year, known->month,
                     known->day, known->hour, known->minute, utc, known->utc);
    }
}

/* --- dates and names --- */

static void zone_date__every_day_to_9999__leads_back(void **state)
{
    int32_t last = zone_day(9999, 12, 31);

    assert_int_equal(zone_day(1970, 1, 1), 0);
    assert_int_equal(last, 2932896);
    for (int32_t day = -800; day <= last; day++) {
        time_t time = (time_t)day * DAY;
        int year, month, of_month;
        struct tm tm;

        zone_date(day, &year, &month, &of_month);
        assert_true(gmtime_r(&time, &tm) && year == tm.tm_year + 1900 && month == tm.tm_mon + 1 &&
                    of_month == tm.tm_mday);
        assert_true(zone_day(year, month, of_month) == day && zone_weekday(day) == (tm.tm_wday + 6) % 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zone_local__random_instants__as_the_c_library),
        cmocka_unit_test(zone_local__around_every_transition__as_the_c_library),
        cmocka_unit_test(zone_local__before_1970__counts_backwards),
        cmocka_unit_test(zone_new__no_bytes__utc),
        cmocka_unit_test(zone_instant__around_every_transition__first_that_has_reached_it),
        cmocka_unit_test(zone_instant__known_days__as_the_newspapers_said),
        cmocka_unit_test(zone_date__every_day_to_9999__leads_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
