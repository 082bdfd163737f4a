/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Clients that ask, are slow, are wrong or leave; and the socket itself. */
#include "tests/unit/ctl_fixture.h"

static void ctl__two_clients__each_gets_its_own_answer(void **state)
{
    struct fixture *f = *state;
    cleanup_with(end_freep) struct end *a = end_new(f);
    cleanup_with(end_freep) struct end *b = end_new(f);

    say(a, "{\"command\":\"devices\"}\n");
    await_calls(f, 1);
    say(b, "{\"command\":\"status\"}\n");
    assert_string_equal(hear(b), "{\"site\":\"hub\"}");
    assert_string_equal(hear(b), OK);
    ctl_reply_lines(f->kept, "{\"id\":\"bus1\"}\n{\"id\":\"bus2\"}\n", 28);
    end_kept(f);
    assert_string_equal(hear(a), "{\"id\":\"bus1\"}");
    assert_string_equal(hear(a), "{\"id\":\"bus2\"}");
    assert_string_equal(hear(a), OK);
}

static void ctl__several_requests__are_answered_in_order(void **state)
{
    struct fixture *f = *state;
    cleanup_with(end_freep) struct end *end = end_new(f);

    say(end, "{\"command\":\"devices\"}\n{\"command\":\"version\"}\n{\"command\":\"user find\",\"args\":"
             "{\"text\":\"Ada\"}}\n");
    await_calls(f, 1);
    assert_string_equal(f->seen, "devices");
    end_kept(f);
    assert_string_equal(hear(end), OK);
    assert_string_equal(hear(end), "{\"program\":\"stiled\"}");
    assert_string_equal(hear(end), OK);
    assert_string_equal(hear(end), "{\"done\":true,\"exit\":0,\"note\":\"nobody else\"}");
    assert_string_equal(f->seen, "user find Ada");
}

static void ctl__arguments__reach_the_backend(void **state)
{
    struct fixture *f = *state;
    cleanup_with(end_freep) struct end *end = end_new(f);

    say(end,
        "{\"command\":\"explain\",\"args\":{\"user\":\"u\",\"point\":\"p\",\"at\":\"1970-01-01T00:00:01Z\"}"
        "}\n");
    assert_string_equal(hear(end), OK);
    assert_string_equal(f->seen, "explain - u p 1 1000000 -1");
    say(end, "{\"command\":\"explain\",\"args\":{\"user\":\"u\",\"point\":\"p\",\"clock\":\"none\"}}\n");
    assert_string_equal(hear(end), OK);
    assert_string_equal(f->seen, "explain - u p 0 0 0");
    say(end, "{\"command\":\"who-can\",\"args\":{\"point\":\"p\"}}\n");
    assert_string_equal(hear(end), OK);
    assert_string_equal(f->seen, "who-can p 0 1000");
    say(end, "{\"command\":\"where-can\",\"args\":{\"user\":\"u\",\"at\":\"1970-01-01T00:00:01Z\"}}\n");
    assert_string_equal(hear(end), OK);
    assert_string_equal(f->seen, "where-can u 1 1000000");
    say(end, "{\"command\":\"explain\",\"args\":{\"last\":\"gym\"}}\n");
    assert_string_equal(hear(end), OK);
    assert_string_equal(f->seen, "explain gym - - 0 0 -1");
    say(end, "{\"command\":\"events\",\"args\":{\"door\":\"gym\",\"since\":\"1970-01-01T00:00:01Z\"}}\n");
    await_calls(f, 6);
    assert_string_equal(f->seen, "events gym - 1000000 100");
}

static void ctl__wrong_request__is_refused_and_the_next_is_taken(void **state)
{
    struct fixture *f = *state;
    cleanup_with(end_freep) struct end *end = end_new(f);

    say(end, "hello\n{\"command\":\"doors\",\"args\":{\"dor\":1}}\n{\"command\":\"status\"}\n");
    assert_non_null(strstr(hear(end), "\"exit\":2,\"error\":\"is not JSON"));
    assert_string_equal(hear(end), "{\"done\":true,\"exit\":2,\"error\":\"dor: is not known to doors\"}");
    assert_string_equal(hear(end), "{\"site\":\"hub\"}");
}

static void ctl__line_too_long__is_refused_and_the_next_is_taken(void **state)
{
    struct fixture *f = *state;
    cleanup_with(end_freep) struct end *end = end_new(f);
    cleanup_with(freep) char *line = malloc(CONTROL_LINE_MAX + 2);

    memset(line, 'x', CONTROL_LINE_MAX);
    memcpy(line + CONTROL_LINE_MAX, "\n", 2);
    say(end, line);
    say(end, "{\"command\":\"status\"}\n");
    assert_string_equal(hear(end), "{\"done\":true,\"exit\":2,\"error\":\"the line is too long\"}");
    assert_string_equal(hear(end), "{\"site\":\"hub\"}");
}

static void ctl__reader_who_does_not_read__is_dropped_and_others_go_on(void **state)
{
    struct fixture *f = *state;
    cleanup_with(end_freep) struct end *slow = end_new(f);
    cleanup_with(end_freep) struct end *other = end_new(f);
    const char *line;
    const char *last = "";

    say(slow, "{\"command\":\"doors\"}\n");
    await_calls(f, 1);
    say(other, "{\"command\":\"status\"}\n");
    assert_string_equal(hear(other), "{\"site\":\"hub\"}");
    while ((line = hear(slow)))
        last = line;
    assert_string_not_equal(last, OK);
}

static void ctl__silent_client__is_dropped(void **state)
{
    struct fixture *f = *state;

    f->ctl = ctl_free(f->ctl);
    f->options.idle_us = SOON_US;
    assert_int_equal(ctl_new(f->event, &f->options, &f->ctl), 0);
    cleanup_with(end_freep) struct end *end = end_new(f);

    assert_null(hear(end));
}

static void ctl__answer_not_taken__is_dropped(void **state)
{
    static char line[CONTROL_LINE_MAX - 1];
    struct fixture *f = *state;

    memset(line, ' ', sizeof(line));
    f->ctl = ctl_free(f->ctl);
    f->options.stall_us = SOON_US;
    assert_int_equal(ctl_new(f->event, &f->options, &f->ctl), 0);
    cleanup_with(end_freep) struct end *end = end_new(f);

    say(end, "{\"command\":\"devices\"}\n");
    await_calls(f, 1);
    for (int i = 0; i < 20; i++)
        assert_int_equal(ctl_reply_line(f->kept, line, sizeof(line)), 0);
    while (ctl_reply_wanted(f->kept))
        assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
}

static void ctl__client_left__reply_goes_nowhere(void **state)
{
    struct fixture *f = *state;
    struct end *end = end_new(f);

    say(end, "{\"command\":\"devices\"}\n");
    await_calls(f, 1);
    assert_true(ctl_reply_wanted(f->kept));
    end_freep(&end);
    while (ctl_reply_wanted(f->kept))
        assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
    assert_int_equal(ctl_reply_line(f->kept, "{}", 2), -EPIPE);
    end_kept(f);
}

static void ctl__sender_done__still_gets_its_answer(void **state)
{
    struct fixture *f = *state;
    cleanup_with(end_freep) struct end *end = end_new(f);

    say(end, "{\"command\":\"devices\"}\n{\"command\":\"status\"}\n");
    shutdown(end->fd, SHUT_WR);
    await_calls(f, 1);
    end_kept(f);
    assert_string_equal(hear(end), OK);
    assert_string_equal(hear(end), "{\"site\":\"hub\"}");
    assert_string_equal(hear(end), OK);
    assert_null(hear(end));
}

static void ctl__freed__replies_can_still_be_ended(void **state)
{
    struct fixture *f = *state;
    cleanup_with(end_freep) struct end *end = end_new(f);

    say(end, "{\"command\":\"devices\"}\n");
    await_calls(f, 1);
    f->ctl = ctl_free(f->ctl);
    assert_false(ctl_reply_wanted(f->kept));
    end_kept(f);
    assert_int_equal(access(f->path, F_OK), -1);
}

static void ctl__too_many_clients__one_more_is_told(void **state)
{
    struct fixture *f = *state;
    struct end *ends[CTL_CLIENTS_MAX + 1];

    for (size_t i = 0; i <= CTL_CLIENTS_MAX; i++) {
        ends[i] = end_new(f);
        say(ends[i], "{\"command\":\"status\"}\n");
        if (i < CTL_CLIENTS_MAX)
            assert_string_equal(hear(ends[i]), "{\"site\":\"hub\"}");
    }
    assert_string_equal(hear(ends[CTL_CLIENTS_MAX]),
                        "{\"done\":true,\"exit\":5,\"error\":\"too many clients\"}");
    assert_null(hear(ends[CTL_CLIENTS_MAX]));
    for (size_t i = 0; i <= CTL_CLIENTS_MAX; i++)
        end_freep(&ends[i]);
}

static void ctl_new__stale_socket__is_replaced(void **state)
{
    struct fixture *f = *state;
    char moved[128];
    struct stat st;

    /* What a daemon that died leaves behind. */
    snprintf(moved, sizeof(moved), "%s.kept", f->path);
    assert_int_equal(link(f->path, moved), 0);
    f->ctl = ctl_free(f->ctl);
    assert_int_equal(rename(moved, f->path), 0);
    assert_int_equal(ctl_new(f->event, &f->options, &f->ctl), 0);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    cleanup_with(end_freep) struct end *end = end_new(f);

    say(end, "{\"command\":\"status\"}\n");
    assert_string_equal(hear(end), "{\"site\":\"hub\"}");
}

static void ctl_new__somebody_listens__is_refused_and_untouched(void **state)
{
    struct fixture *f = *state;
    struct ctl *second = NULL;

    assert_int_equal(ctl_new(f->event, &f->options, &second), -EADDRINUSE);
    assert_null(second);
    assert_int_equal(access(f->path, F_OK), 0);
}

static void ctl_new__no_socket_there_or_no_group__is_refused(void **state)
{
    struct fixture *f = *state;
    struct ctl *second = NULL;
    struct ctl_options options = f->options;

    options.path = f->directory;
    assert_int_equal(ctl_new(f->event, &options, &second), -EEXIST);
    options = f->options;
    options.operator_group = "no such group";
    assert_int_equal(ctl_new(f->event, &options, &second), -ESRCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ctl__two_clients__each_gets_its_own_answer),
        TEST(ctl__several_requests__are_answered_in_order),
        TEST(ctl__arguments__reach_the_backend),
        TEST(ctl__wrong_request__is_refused_and_the_next_is_taken),
        TEST(ctl__line_too_long__is_refused_and_the_next_is_taken),
        TEST(ctl__reader_who_does_not_read__is_dropped_and_others_go_on),
        TEST(ctl__silent_client__is_dropped),
        TEST(ctl__answer_not_taken__is_dropped),
        TEST(ctl__client_left__reply_goes_nowhere),
        TEST(ctl__sender_done__still_gets_its_answer),
        TEST(ctl__freed__replies_can_still_be_ended),
        TEST(ctl__too_many_clients__one_more_is_told),
        TEST(ctl_new__stale_socket__is_replaced),
        TEST(ctl_new__somebody_listens__is_refused_and_untouched),
        TEST(ctl_new__no_socket_there_or_no_group__is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
