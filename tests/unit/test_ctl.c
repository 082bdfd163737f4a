/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-event.h>

#include "gateway/ctl/ctl.h"

#define OPERATORS  1 /* the gid of "daemon" in Debian */
#define STRANGER   4711
#define SOMEBODY   4712
#define OK         "{\"done\":true,\"exit\":0}"
#define LINE_SIZE  (CONTROL_LINE_MAX + 1)
#define SOON_US    1000
#define EVENT(seq) "{\"seq\":" #seq ",\"door\":\"gym\",\"user\":\"u17\"}"

struct fixture {
    sd_event *event;
    char directory[64];
    char path[96];
    struct ctl_options options;
    struct ctl *ctl;
    struct ctl_reply *kept; /* a reply that the test ends */
    int calls;
    char seen[512]; /* arguments of the last call */
};

/* A client's end of a connection. */
struct end {
    struct fixture *fixture;
    int fd;
    char line[LINE_SIZE];
    size_t len;
};

/* What the kernel is made to say of peers: ordinary, or somebody in a group. */
static struct {
    bool on;
    uid_t uid;
    gid_t group;
} fake_peer;

int __real_getsockopt(int fd, int level, int option, void *value, socklen_t *size);
int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *size);

int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *size)
{
    if (fake_peer.on && option == SO_PEERCRED) {
        *(struct ucred *)value = (struct ucred){ .pid = 1, .uid = fake_peer.uid, .gid = STRANGER };
        return 0;
    }
    if (fake_peer.on && option == SO_PEERGROUPS) {
        if (*size < sizeof(gid_t)) {
            *size = sizeof(gid_t);
            errno = ERANGE;
            return -1;
        }
        *(gid_t *)value = fake_peer.group;
        *size = sizeof(gid_t);
        return 0;
    }
    return __real_getsockopt(fd, level, option, value, size);
}

static void note(struct fixture *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(struct fixture *f, const char *format, ...)
{
    va_list args;

    f->calls++;
    va_start(args, format);
    vsnprintf(f->seen, sizeof(f->seen), format, args);
    va_end(args);
}

static const char *or_none(const char *value)
{
    return value ? value : "-";
}

static void answer(struct ctl_reply *reply, const char *line)
{
    ctl_reply_line(reply, line, strlen(line));
    ctl_reply_end(reply, CONTROL_EXIT_OK, NULL);
}

static void fake_status(void *user, struct ctl_reply *reply)
{
    note(user, "status");
    answer(reply, "{\"site\":\"hub\"}");
}

/* Answers later. */
static void fake_devices(void *user, struct ctl_reply *reply)
{
    note(user, "devices");
    ((struct fixture *)user)->kept = reply;
}

/* More than anybody keeps for a reader who does not read. */
static void fake_doors(void *user, struct ctl_reply *reply)
{
    static char line[CONTROL_LINE_MAX - 1];

    note(user, "doors");
    memset(line, ' ', sizeof(line));
    memcpy(line, "{}", 2);
    for (size_t i = 0; i < 2 * CTL_OUTPUT_MAX / CONTROL_LINE_MAX; i++)
        ctl_reply_line(reply, line, sizeof(line));
    ctl_reply_end(reply, CONTROL_EXIT_OK, NULL);
}

static void fake_release(void *user, struct ctl_reply *reply, const struct ctl_release *release)
{
    note(user, "release %s %s %s by %s", release->door, release->direction, release->reason,
         release->operator_name);
    ctl_reply_end(reply, CONTROL_EXIT_NO, "not released");
}

static void fake_events(void *user, struct ctl_reply *reply, const struct ctl_events *events)
{
    note(user, "events %s %s %jd %jd", or_none(events->door), or_none(events->user),
         (intmax_t)events->since_utc_us, (intmax_t)events->limit);
    ((struct fixture *)user)->kept = reply;
}

static void fake_user_find(void *user, struct ctl_reply *reply, const char *words)
{
    note(user, "user find %s", words);
    ctl_reply_end(reply, CONTROL_EXIT_OK, "nobody else");
}

static void fake_explain(void *user, struct ctl_reply *reply, const struct ctl_explain *explain)
{
    note(user, "explain %s %s %s %d %jd", or_none(explain->last), or_none(explain->user),
         or_none(explain->point), explain->at_given, (intmax_t)explain->at_utc_us);
    ctl_reply_end(reply, CONTROL_EXIT_OK, NULL);
}

static void fake_version(void *user, struct ctl_reply *reply)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;

    note(user, "version");
    text_add(&text, "{\"program\":\"stiled\"}");
    ctl_reply_text(reply, &text);
    ctl_reply_end(reply, CONTROL_EXIT_OK, NULL);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    strcpy(f->directory, "/tmp/test_ctl.XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    snprintf(f->path, sizeof(f->path), "%s/s", f->directory);
    assert_true(sd_event_new(&f->event) >= 0);
    f->options = (struct ctl_options){
        .path = f->path,
        .operator_group = "daemon",
        .backend = { .user = f,
                     .status = fake_status,
                     .devices = fake_devices,
                     .doors = fake_doors,
                     .release = fake_release,
                     .events = fake_events,
                     .user_find = fake_user_find,
                     .explain = fake_explain,
                     .version = fake_version },
    };
    assert_int_equal(ctl_new(f->event, &f->options, &f->ctl), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    fake_peer.on = false;
    if (f->kept)
        ctl_reply_end(f->kept, CONTROL_EXIT_OK, NULL);
    ctl_free(f->ctl);
    sd_event_unref(f->event);
    unlink(f->path);
    assert_int_equal(rmdir(f->directory), 0);
    free(f);
    return 0;
}

static struct end *end_new(struct fixture *f)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct end *end = calloc(1, sizeof(*end));

    strcpy(address.sun_path, f->path);
    end->fixture = f;
    end->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(end->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return end;
}

static void end_freep(struct end **end)
{
    if (!*end)
        return;
    close((*end)->fd);
    free(*end);
}

static void say(struct end *end, const char *bytes)
{
    assert_int_equal(send(end->fd, bytes, strlen(bytes), MSG_NOSIGNAL), strlen(bytes));
}

/* Runs the loop until a line is there; NULL: the connection has ended. */
static const char *hear(struct end *end)
{
    for (size_t got = 0;; got++) {
        if (got == end->len) {
            ssize_t n = recv(end->fd, end->line + end->len, 1, 0);

            if (n == 0 || (n < 0 && errno == ECONNRESET))
                return NULL;
            if (n < 0) {
                assert_int_equal(errno, EAGAIN);
                assert_true(sd_event_run(end->fixture->event, UINT64_MAX) >= 0);
                got--;
                continue;
            }
            end->len++;
        }
        if (end->line[got] == '\n') {
            end->line[got] = '\0';
            end->len = 0;
            return end->line;
        }
        assert_true(end->len < sizeof(end->line));
    }
}

/* Runs the loop until the backend was called so often. */
static void await_calls(struct fixture *f, int calls)
{
    while (f->calls < calls)
        assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
}

/* Ends the reply that the backend keeps. */
static void end_kept(struct fixture *f)
{
    ctl_reply_end(take_ptr(f->kept), CONTROL_EXIT_OK, NULL);
}

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
    assert_string_equal(f->seen, "explain - u p 1 1000000");
    say(end, "{\"command\":\"explain\",\"args\":{\"last\":\"gym\"}}\n");
    assert_string_equal(hear(end), OK);
    assert_string_equal(f->seen, "explain gym - - 0 0");
    say(end, "{\"command\":\"events\",\"args\":{\"door\":\"gym\",\"since\":\"1970-01-01T00:00:01Z\"}}\n");
    await_calls(f, 3);
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

static void ctl_release__by_stranger__is_not_permitted(void **state)
{
    struct fixture *f = *state;

    fake_peer.on = true;
    fake_peer.uid = STRANGER;
    fake_peer.group = SOMEBODY;
    cleanup_with(end_freep) struct end *end = end_new(f);

    say(end, "{\"command\":\"release\",\"args\":{\"door\":\"gym\",\"direction\":\"exit\",\"reason\":\"r\"}}\n"
             "{\"command\":\"status\"}\n");
    assert_string_equal(hear(end),
                        "{\"done\":true,\"exit\":4,\"error\":\"only root and operators may do that\"}");
    assert_string_equal(hear(end), "{\"site\":\"hub\"}");
    assert_string_equal(f->seen, "status");
}

static void ctl_release__by_operator__names_who_it_was(void **state)
{
    struct fixture *f = *state;

    fake_peer.on = true;
    fake_peer.uid = STRANGER;
    fake_peer.group = OPERATORS;
    cleanup_with(end_freep) struct end *end = end_new(f);

    say(end,
        "{\"command\":\"release\",\"args\":{\"door\":\"gym\",\"direction\":\"exit\",\"reason\":\"r\"}}\n");
    assert_string_equal(hear(end), "{\"done\":true,\"exit\":1,\"error\":\"not released\"}");
    assert_string_equal(f->seen, "release gym exit r by uid 4711");
}

static void ctl_release__by_root__is_permitted_and_has_a_name(void **state)
{
    struct fixture *f = *state;

    fake_peer.on = true;
    fake_peer.uid = 0;
    cleanup_with(end_freep) struct end *end = end_new(f);

    say(end,
        "{\"command\":\"release\",\"args\":{\"door\":\"gym\",\"direction\":\"exit\",\"reason\":\"r\"}}\n");
    assert_non_null(hear(end));
    assert_string_equal(f->seen, "release gym exit r by root");
}

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
        TEST(ctl_release__by_stranger__is_not_permitted),
        TEST(ctl_release__by_operator__names_who_it_was),
        TEST(ctl_release__by_root__is_permitted_and_has_a_name),
        TEST(ctl_follow__history_then_live__nothing_twice),
        TEST(ctl_follow__filters__hold_for_what_happens),
        TEST(ctl_follow__history_failed__ends),
        TEST(ctl_follow__reader_who_does_not_read__is_dropped),
        TEST(ctl_new__stale_socket__is_replaced),
        TEST(ctl_new__somebody_listens__is_refused_and_untouched),
        TEST(ctl_new__no_socket_there_or_no_group__is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
