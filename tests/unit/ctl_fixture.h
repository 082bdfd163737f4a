/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl_fixture.h: a control socket with a backend that notes what it is asked, and clients on the same loop.
 * Inline, because not every test file needs all of it. */
#pragma once

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

#define OK         "{\"done\":true,\"exit\":0}"
#define LINE_SIZE  (CONTROL_LINE_MAX + 1)
#define SOON_US    1000
#define EVENT(seq) "{\"seq\":" #seq ",\"door\":\"gym\",\"user\":\"u17\"}"

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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

static inline void note(struct fixture *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline void note(struct fixture *f, const char *format, ...)
{
    va_list args;

    f->calls++;
    va_start(args, format);
    vsnprintf(f->seen, sizeof(f->seen), format, args);
    va_end(args);
}

static inline const char *or_none(const char *value)
{
    return value ? value : "-";
}

static inline void answer(struct ctl_reply *reply, const char *line)
{
    ctl_reply_line(reply, line, strlen(line));
    ctl_reply_end(reply, CONTROL_EXIT_OK, NULL);
}

static inline void fake_status(void *user, struct ctl_reply *reply)
{
    note(user, "status");
    answer(reply, "{\"site\":\"hub\"}");
}

static inline void fake_sync(void *user, struct ctl_reply *reply)
{
    note(user, "sync");
    answer(reply, "{\"connected\":true}");
}

/* Answers later. */
static inline void fake_devices(void *user, struct ctl_reply *reply)
{
    note(user, "devices");
    ((struct fixture *)user)->kept = reply;
}

/* More than anybody keeps for a reader who does not read. */
static inline void fake_doors(void *user, struct ctl_reply *reply, bool brief)
{
    static char line[CONTROL_LINE_MAX - 1];

    note(user, "doors");
    memset(line, ' ', sizeof(line));
    memcpy(line, "{}", 2);
    for (size_t i = 0; i < 2 * CTL_OUTPUT_MAX / CONTROL_LINE_MAX; i++)
        ctl_reply_line(reply, line, sizeof(line));
    ctl_reply_end(reply, CONTROL_EXIT_OK, NULL);
}

static inline void fake_release(void *user, struct ctl_reply *reply, const struct ctl_release *release)
{
    note(user, "release %s %s %s by %s", release->door, release->direction, release->reason,
         release->operator_name);
    ctl_reply_end(reply, CONTROL_EXIT_NO, "not released");
}

static inline void note_order(struct fixture *f, struct ctl_reply *reply, const struct ctl_order *order)
{
    note(f, "%s %s %s %jd %jd %s by %s", or_none(order->door), or_none(order->action), or_none(order->value),
         (intmax_t)order->until_utc_us, (intmax_t)order->for_s, order->reason, order->operator_name);
    ctl_reply_end(reply, CONTROL_EXIT_OK, NULL);
}

static inline void fake_door(void *user, struct ctl_reply *reply, const struct ctl_order *order)
{
    note_order(user, reply, order);
}

static inline void fake_device_order(void *user, struct ctl_reply *reply,
                                     const struct ctl_device_order *order)
{
    note(user, "%d %s %s %s %s %s %jd %s by %s", (int)order->verb, or_none(order->device),
         or_none(order->target), or_none(order->direction), or_none(order->address),
         or_none(order->address_type), (intmax_t)order->for_s, or_none(order->reason), order->operator_name);
    ctl_reply_end(reply, CONTROL_EXIT_OK, NULL);
}

static inline void fake_device_listen(void *user, struct ctl_reply *reply, const char *device, int64_t for_s)
{
    note(user, "listen %s %jd", device, (intmax_t)for_s);
    ctl_reply_end(reply, CONTROL_EXIT_OK, NULL);
}

static inline void fake_lock_status(void *user, struct ctl_reply *reply, const char *target)
{
    note(user, "lock %s", or_none(target));
    ctl_reply_end(reply, CONTROL_EXIT_OK, NULL);
}

static inline void fake_lockdown(void *user, struct ctl_reply *reply, const struct ctl_order *order)
{
    note_order(user, reply, order);
}

static inline void fake_events(void *user, struct ctl_reply *reply, const struct ctl_events *events)
{
    note(user, "events %s %s %jd %jd", or_none(events->door), or_none(events->user),
         (intmax_t)events->since_utc_us, (intmax_t)events->limit);
    ((struct fixture *)user)->kept = reply;
}

static inline void fake_events_verify(void *user, struct ctl_reply *reply)
{
    note(user, "events verify");
    answer(reply, "{\"count\":3}");
}

static inline void fake_user_find(void *user, struct ctl_reply *reply, const char *words)
{
    note(user, "user find %s", words);
    ctl_reply_end(reply, CONTROL_EXIT_OK, "nobody else");
}

static inline void fake_explain(void *user, struct ctl_reply *reply, const struct ctl_explain *explain)
{
    note(user, "explain %s %s %s %d %jd %d", or_none(explain->last), or_none(explain->user),
         or_none(explain->point), explain->when.at_given, (intmax_t)explain->when.at_utc_us,
         explain->when.clock);
    ctl_reply_end(reply, CONTROL_EXIT_OK, NULL);
}

static inline void fake_who_can(void *user, struct ctl_reply *reply, const char *point,
                                const struct ctl_when *when, int64_t limit)
{
    note(user, "who-can %s %d %jd", point, when->at_given, (intmax_t)limit);
    ctl_reply_end(reply, CONTROL_EXIT_OK, NULL);
}

static inline void fake_where_can(void *user, struct ctl_reply *reply, const char *who,
                                  const struct ctl_when *when)
{
    note(user, "where-can %s %d %jd", who, when->at_given, (intmax_t)when->at_utc_us);
    ctl_reply_end(reply, CONTROL_EXIT_OK, NULL);
}

static inline void fake_version(void *user, struct ctl_reply *reply)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;

    note(user, "version");
    text_add(&text, "{\"program\":\"stiled\"}");
    ctl_reply_text(reply, &text);
    ctl_reply_end(reply, CONTROL_EXIT_OK, NULL);
}

static inline int setup(void **state)
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
                     .sync = fake_sync,
                     .devices = fake_devices,
                     .doors = fake_doors,
                     .release = fake_release,
                     .door = fake_door,
                     .lockdown = fake_lockdown,
                     .device_order = fake_device_order,
                     .device_listen = fake_device_listen,
                     .lock_status = fake_lock_status,
                     .events = fake_events,
                     .events_verify = fake_events_verify,
                     .user_find = fake_user_find,
                     .explain = fake_explain,
                     .who_can = fake_who_can,
                     .where_can = fake_where_can,
                     .version = fake_version },
    };
    assert_int_equal(ctl_new(f->event, &f->options, &f->ctl), 0);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;

    if (f->kept)
        ctl_reply_end(f->kept, CONTROL_EXIT_OK, NULL);
    ctl_free(f->ctl);
    sd_event_unref(f->event);
    unlink(f->path);
    assert_int_equal(rmdir(f->directory), 0);
    free(f);
    return 0;
}

static inline struct end *end_new(struct fixture *f)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct end *end = calloc(1, sizeof(*end));

    strcpy(address.sun_path, f->path);
    end->fixture = f;
    end->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(end->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return end;
}

static inline void end_freep(struct end **end)
{
    if (!*end)
        return;
    close((*end)->fd);
    free(*end);
}

static inline void say(struct end *end, const char *bytes)
{
    assert_int_equal(send(end->fd, bytes, strlen(bytes), MSG_NOSIGNAL), strlen(bytes));
}

/* Runs the loop until a line is there; NULL: the connection has ended. */
static inline const char *hear(struct end *end)
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
static inline void await_calls(struct fixture *f, int calls)
{
    while (f->calls < calls)
        assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
}

/* Ends the reply that the backend keeps. */
static inline void end_kept(struct fixture *f)
{
    ctl_reply_end(take_ptr(f->kept), CONTROL_EXIT_OK, NULL);
}
