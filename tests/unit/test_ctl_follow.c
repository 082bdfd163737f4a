/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events that are followed: what happened before goes over into what happens. */
#include "tests/unit/ctl_fixture.h"

static void ctl_follow__history_then_live__nothing_twice(void **state)
{
    struct fixture *f = *state;
    cleanup_with(end_freep) struct end *end = end_new(f);

    ctl_publish(f->ctl, EVENT(40), strlen(EVENT(40)));
    say(end, "{\"command\":\"events\",\"args\":{\"follow\":true,\"limit\":7}}\n");
    await_calls(f, 1);
    assert_string_equal(f->seen, "events - - 0 7");
    ctl_publish(f->ctl, EVENT(42), strlen(EVENT(42)));
    ctl_publish(f->ctl, EVENT(43), strlen(EVENT(43)));
    ctl_reply_lines(f->kept, EVENT(41) "\n" EVENT(42) "\n", 2 * strlen(EVENT(41) "\n"));
    end_kept(f);
    ctl_publish(f->ctl, EVENT(44), strlen(EVENT(44)));
    assert_string_equal(hear(end), EVENT(41));
    assert_string_equal(hear(end), EVENT(42));
    assert_string_equal(hear(end), EVENT(43));
    assert_string_equal(hear(end), EVENT(44));
}

static void ctl_follow__filters__hold_for_what_happens(void **state)
{
    static const char elsewhere[] = "{\"seq\":1,\"door\":\"front\",\"user\":\"u17\"}";
    static const char nobody[] = "{\"seq\":2,\"door\":\"gym\"}";
    static const char early[] =
        "{\"seq\":3,\"utc\":\"2026-01-01T00:00:00.000Z\",\"door\":\"gym\",\"user\":\"u17\"}";
    static const char unknown[] = "{\"seq\":4,\"utc\":null,\"door\":\"gym\",\"user\":\"u17\"}";
    static const char *const events[] = { elsewhere, nobody, early, unknown, EVENT(5) };
    struct fixture *f = *state;
    cleanup_with(end_freep) struct end *end = end_new(f);

    say(end, "{\"command\":\"events\",\"args\":{\"follow\":true,\"door\":\"gym\",\"user\":\"u17\",\"since\":"
             "\"2026-11-22T14:30:00Z\"}}\n");
    await_calls(f, 1);
    end_kept(f);
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
        ctl_publish(f->ctl, events[i], strlen(events[i]));
    assert_string_equal(hear(end), unknown);
    assert_string_equal(hear(end), EVENT(5));
}

static void ctl_follow__history_failed__ends(void **state)
{
    struct fixture *f = *state;
    cleanup_with(end_freep) struct end *end = end_new(f);

    say(end, "{\"command\":\"events\",\"args\":{\"follow\":true}}\n{\"command\":\"status\"}\n");
    await_calls(f, 1);
    ctl_reply_end(take_ptr(f->kept), CONTROL_EXIT_DAEMON, "disk");
    assert_string_equal(hear(end), "{\"done\":true,\"exit\":5,\"error\":\"disk\"}");
    assert_string_equal(hear(end), "{\"site\":\"hub\"}");
}

static void ctl_follow__reader_who_does_not_read__is_dropped(void **state)
{
    static char event[CONTROL_LINE_MAX - 1];
    struct fixture *f = *state;
    cleanup_with(end_freep) struct end *end = end_new(f);
    size_t lines = 0;

    memset(event, ' ', sizeof(event));
    memcpy(event, EVENT(7), strlen(EVENT(7)));
    say(end, "{\"command\":\"events\",\"args\":{\"follow\":true}}\n");
    await_calls(f, 1);
    end_kept(f);
    for (size_t i = 0; i < 2 * CTL_OUTPUT_MAX / CONTROL_LINE_MAX; i++)
        ctl_publish(f->ctl, event, sizeof(event));
    while (hear(end))
        lines++;
    assert_true(lines < 2 * CTL_OUTPUT_MAX / CONTROL_LINE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ctl_follow__history_then_live__nothing_twice),
        TEST(ctl_follow__filters__hold_for_what_happens),
        TEST(ctl_follow__history_failed__ends),
        TEST(ctl_follow__reader_who_does_not_read__is_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
