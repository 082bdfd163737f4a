/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Schedules and calendars. */
#include "tests/unit/policy_fixture.h"

static bool open_at(const struct fixture *f, const char *schedule, const char *instant)
{
    struct local_time local = zone_local(policy_zone(f->policy), us(instant));

    return policy_schedule_open(f->policy, policy_find(f->policy, ITEM_SCHEDULE, schedule), &local);
}

/* Open from and up to each pair of instants, and closed just outside. */
static void assert_open(const struct fixture *f, const char *schedule, const char *from, const char *until)
{
    struct local_time before = zone_local(policy_zone(f->policy), us(from) - 1);
    struct local_time last = zone_local(policy_zone(f->policy), us(until) - 1);
    uint32_t index = find(f, ITEM_SCHEDULE, schedule);

    if (!open_at(f, schedule, from))
        fail_msg("%s is closed at %s", schedule, from);
    if (open_at(f, schedule, until))
        fail_msg("%s is open at %s", schedule, until);
    if (policy_schedule_open(f->policy, index, &before))
        fail_msg("%s is open before %s", schedule, from);
    if (!policy_schedule_open(f->policy, index, &last))
        fail_msg("%s is closed before %s", schedule, until);
}

static void policy_schedule_open__windows__half_open_and_past_midnight(void **state)
{
    struct fixture *f = *state;

    BUILD(f, "schedule {'id':'day','windows':[{'days':['mon','wed'],'from':'08:00','to':'18:00:30'}]}",
          "schedule {'id':'night','windows':[{'days':['sun'],'from':'22:00','to':'06:00'}]}",
          "schedule {'id':'whole','windows':[{'days':['tue'],'from':'00:00','to':'24:00'}]}",
          "schedule {'id':'to_midnight','windows':[{'days':['tue'],'from':'20:00','to':'00:00'}]}",
          "schedule "
          "{'id':'joined','windows':[{'days':['fri'],'from':'20:00','to':'24:00'},{'days':['sat'],'from':'00:"
          "00','to':'02:00'}]}",
          "schedule {'id':'empty'}");
    assert_open(f, "day", "2026-11-23T08:00:00Z", "2026-11-23T18:00:30Z"); /* a Monday */
    assert_open(f, "day", "2026-11-25T08:00:00Z", "2026-11-25T18:00:30Z");
    assert_false(open_at(f, "day", "2026-11-24T12:00:00Z"));
    assert_open(f, "night", "2026-11-22T22:00:00Z", "2026-11-23T06:00:00Z");
    assert_false(open_at(f, "night", "2026-11-22T03:00:00Z")); /* Sunday morning belongs to Saturday */
    assert_false(open_at(f, "night", "2026-11-23T23:00:00Z"));
    assert_open(f, "whole", "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z");
    assert_open(f, "to_midnight", "2026-11-24T20:00:00Z", "2026-11-25T00:00:00Z");
    assert_open(f, "joined", "2026-11-27T20:00:00Z", "2026-11-28T02:00:00Z");
    assert_false(open_at(f, "empty", "2026-11-24T12:00:00Z"));
    assert_true(open_at(f, "always", "2026-11-24T12:00:00Z"));
    assert_false(open_at(f, "never", "2026-11-24T12:00:00Z"));
    assert_false(open_at(f, "gone", "2026-11-24T12:00:00Z"));
}

static void policy_schedule_open__daylight_saving__by_the_clock_on_the_wall(void **state)
{
    struct fixture *f = *state;

    BUILD(f, "site {'id':'s','timezone':'Europe/Madrid'}",
          "schedule {'id':'skipped','windows':[{'days':['sun'],'from':'02:00','to':'03:00'}]}",
          "schedule {'id':'into','windows':[{'days':['sun'],'from':'02:30','to':'04:00'}]}",
          "schedule {'id':'twice','windows':[{'days':['sun'],'from':'02:15','to':'02:45'}]}",
          "schedule {'id':'night','windows':[{'days':['sat'],'from':'22:00','to':'02:30'}]}");
    for (int minute = 0; minute < 60; minute++) {
        struct local_time local =
            zone_local(policy_zone(f->policy), us("2026-03-29T00:30:00Z") + minute * 60 * USEC_PER_SEC);

        assert_false(policy_schedule_open(f->policy, find(f, ITEM_SCHEDULE, "skipped"), &local));
    }
    assert_open(f, "into", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z");
    assert_open(f, "night", "2026-03-28T21:00:00Z", "2026-03-29T01:00:00Z");
    assert_open(f, "twice", "2026-10-25T00:15:00Z", "2026-10-25T00:45:00Z");
    assert_open(f, "twice", "2026-10-25T01:15:00Z", "2026-10-25T01:45:00Z");
    assert_open(f, "night", "2026-10-25T01:00:00Z",
                "2026-10-25T01:30:00Z"); /* shut at 02:30, open again at 02:00 */
}

static void policy_schedule_open__special_days__replace_the_weeks(void **state)
{
    struct fixture *f = *state;

    BUILD(
        f,
        "calendar "
        "{'id':'feast','days':['2026-12-24',{'from':'2026-12-24','to':'2026-12-26'},'2026-12-25'],'yearly':['"
        "01-01']}",
        "calendar {'id':'half','days':[{'from':'2026-12-25','to':'2026-12-31'}],'yearly':['02-29','12-31']}",
        "schedule "
        "{'id':'h','windows':[{'days':['mon','tue','wed','thu','fri','sat','sun'],'from':'08:00','to':'20:00'"
        "},"
        "{'days':['wed','thu'],'from':'22:00','to':'03:00'}],"
        "'special':[{'calendar':'feast','windows':[]},{'calendar':'half','windows':[{'from':'09:00','to':'13:"
        "00'},"
        "{'from':'23:00','to':'01:00'}]}]}");
    assert_open(f, "h", "2026-12-22T08:00:00Z", "2026-12-22T20:00:00Z");
    assert_open(f, "h", "2026-12-23T22:00:00Z", "2026-12-24T03:00:00Z"); /* runs out on a closed day */
    for (int hour = 3; hour < 24 * 3; hour++) {
        struct local_time local =
            zone_local(policy_zone(f->policy), us("2026-12-24T00:00:00Z") + hour * 3600 * USEC_PER_SEC);

        assert_false(policy_schedule_open(f->policy, 0, &local)); /* the first that matches holds */
    }
    assert_open(f, "h", "2026-12-27T09:00:00Z", "2026-12-27T13:00:00Z");
    assert_open(f, "h", "2026-12-31T23:00:00Z", "2027-01-01T01:00:00Z");
    assert_false(open_at(f, "h", "2027-01-01T12:00:00Z"));
    assert_open(f, "h", "2027-01-02T08:00:00Z", "2027-01-02T20:00:00Z");
    assert_open(f, "h", "2028-02-29T09:00:00Z", "2028-02-29T13:00:00Z");
    assert_open(f, "h", "2027-02-28T08:00:00Z", "2027-02-28T20:00:00Z");
    assert_open(f, "h", "2027-03-01T08:00:00Z", "2027-03-01T20:00:00Z");
    assert_open(f, "h", "2028-12-31T09:00:00Z", "2028-12-31T13:00:00Z");
}

static void policy_schedule_open__day_that_never_was__its_evening_does_not_run_out(void **state)
{
    struct fixture *f = *state;

    BUILD(f, "site {'id':'s','timezone':'Pacific/Apia'}", /* without 2011-12-30, a Friday */
          "schedule {'id':'thu','windows':[{'days':['thu'],'from':'22:00','to':'03:00'}]}",
          "schedule {'id':'fri','windows':[{'days':['fri'],'from':'22:00','to':'03:00'}]}");
    assert_open(f, "thu", "2011-12-30T08:00:00Z", "2011-12-30T10:00:00Z");
    assert_open(f, "fri", "2011-12-30T10:00:00Z",
                "2011-12-30T13:00:00Z"); /* of D - 1, as the contract says */
}

static void policy_schedule_window_next__each_open_window_once(void **state)
{
    struct fixture *f = *state;
    struct policy_window window;
    uint32_t cursor = 0;

    BUILD(f, "schedule "
             "{'id':'h','windows':[{'days':['mon'],'from':'01:00','to':'02:00'},{'days':['sun'],'from':'22:"
             "00','to':'03:00'},"
             "{'days':['mon'],'from':'08:00','to':'09:00'},{'days':['mon'],'from':'00:30','to':'00:10'}]}");
    struct local_time local = zone_local(policy_zone(f->policy), us("2026-11-23T01:30:00Z"));
    bool seen[3] = { false };

    for (int i = 0; i < 3; i++) {
        assert_true(policy_schedule_window_next(f->policy, 0, &local, &cursor, &window));
        seen[0] |= window.day == local.day && window.from_s == 3600 && window.to_s == 7200;
        seen[1] |= window.day == local.day - 1 && window.from_s == 79200 && window.to_s == 10800;
        seen[2] |= window.day == local.day && window.from_s == 1800 && window.to_s == 600;
    }
    assert_true(seen[0] && seen[1] && seen[2]);
    assert_false(policy_schedule_window_next(f->policy, 0, &local, &cursor, &window));
    assert_false(policy_schedule_window_next(f->policy, 0, &local, &cursor, &window));
    cursor = 0;
    assert_true(policy_schedule_window_next(f->policy, SCHEDULE_ALWAYS, &local, &cursor, &window));
    assert_int_equal(window.day, 0);
    assert_false(policy_schedule_window_next(f->policy, SCHEDULE_ALWAYS, &local, &cursor, &window));
    cursor = 0;
    assert_false(policy_schedule_window_next(f->policy, SCHEDULE_NEVER, &local, &cursor, &window));
    assert_false(policy_schedule_window_next(f->policy, POLICY_NONE, &local, &cursor, &window));
}

static void policy_schedule_day_next__windows_that_begin_on_a_day(void **state)
{
    struct fixture *f = *state;
    struct policy_window window;
    uint32_t cursor = 0;

    BUILD(f, "calendar {'id':'c','days':['2026-11-24','2026-11-26']}",
          "schedule "
          "{'id':'h','windows':[{'days':['mon','tue'],'from':'01:00','to':'02:00'},{'days':['sun'],'from':'"
          "22:00','to':'03:00'},"
          "{'days':['mon'],'from':'22:00','to':'03:00'}],'special':[{'calendar':'c','windows':[{'from':'10:"
          "00','to':'24:00'}]}]}",
          "schedule {'id':'broken','windows':[{'days':['mon'],'from':'01:00','to':'02:00'}],"
          "'special':[{'calendar':'gone','windows':[]}]}");
    uint32_t schedule = find(f, ITEM_SCHEDULE, "h");
    int32_t monday = zone_day(2026, 11, 23);

    assert_true(policy_schedule_day_next(f->policy, schedule, monday, &cursor, &window));
    assert_true(window.day == monday && window.from_s == 3600 && window.to_s == 7200);
    assert_true(policy_schedule_day_next(f->policy, schedule, monday, &cursor, &window));
    assert_true(window.day == monday && window.from_s == 79200 && window.to_s == 10800);
    assert_false(policy_schedule_day_next(f->policy, schedule, monday, &cursor, &window));
    cursor = 0;
    assert_true(policy_schedule_day_next(f->policy, schedule, monday + 1, &cursor, &window));
    assert_true(window.day == monday + 1 && window.from_s == 36000 && window.to_s == 86400);
    assert_false(policy_schedule_day_next(f->policy, schedule, monday + 1, &cursor, &window));
    cursor = 0;
    assert_false(policy_schedule_day_next(f->policy, schedule, monday + 2, &cursor, &window));
    cursor = 0;
    assert_false(
        policy_schedule_day_next(f->policy, find(f, ITEM_SCHEDULE, "broken"), monday, &cursor, &window));
    assert_false(policy_schedule_day_next(f->policy, POLICY_NONE, monday, &cursor, &window));
    assert_false(policy_schedule_day_next(f->policy, SCHEDULE_NEVER, monday, &cursor, &window));
    assert_true(policy_schedule_day_next(f->policy, SCHEDULE_ALWAYS, monday, &cursor, &window));
    assert_true(window.day == monday && window.from_s == 0 && window.to_s == 86400);
    assert_false(policy_schedule_day_next(f->policy, SCHEDULE_ALWAYS, monday, &cursor, &window));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(policy_schedule_open__windows__half_open_and_past_midnight),
        TEST(policy_schedule_open__daylight_saving__by_the_clock_on_the_wall),
        TEST(policy_schedule_open__special_days__replace_the_weeks),
        TEST(policy_schedule_open__day_that_never_was__its_evening_does_not_run_out),
        TEST(policy_schedule_window_next__each_open_window_once),
        TEST(policy_schedule_day_next__windows_that_begin_on_a_day),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
