/* SPDX-License-Identifier: GPL-3.0-or-later */
/* walk.c: one poll() over what the device says, the order that is under way, and the keyboard. An order has a
 * connection of its own, since the daemon keeps none that is idle. */
#include "tools/stilectl/walk.h"

#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "tools/stilectl/field.h"
#include "tools/stilectl/session.h"

#define INDENT "    "

void walk_say(struct walk *walk, enum tone tone, const char *format, ...)
{
    cleanup_with(text_finish) struct text line = TEXT_INIT;
    cleanup_with(text_finish) struct text shown = TEXT_INIT;
    va_list args;

    va_start(args, format);
    text_vaddf(&line, format, args);
    va_end(args);
    tone_add(&shown, walk->colour, tone, text_string(&line));
    printf("%s\n", text_string(&shown));
    fflush(stdout);
}

static bool is(const char *value, const char *expected)
{
    return value && strcmp(value, expected) == 0;
}

static bool matches(const struct walk_event *wanted, struct json_object *said)
{
    const char *event = field_string(said, "ev");
    const char *place = field_string(said, "target") ?: field_string(said, "point");

    if (!is(place, wanted->place) || !event)
        return false;
    if (strcmp(wanted->role, "card") == 0)
        return strcmp(event, "presented") == 0;
    if (strcmp(wanted->role, "door") == 0)
        return strcmp(event, "state") == 0 &&
               is(field_string(said, "door"), wanted->value ? "open" : "closed");
    return strcmp(event, "input") == 0 && is(field_string(said, "role"), wanted->role) &&
           field_true(said, "value") == wanted->value;
}

static void lose(struct walk *walk, enum control_exit code, const char *why)
{
    walk->gone = true;
    walk->exit = code;
    text_reset(&walk->trouble);
    text_add(&walk->trouble, why ? why : "the daemon ended it");
}

static void on_said(void *user, struct control_answer *answer, const char *bytes, size_t len)
{
    struct walk *walk = user;

    if (answer->done) {
        lose(walk, answer->exit == CONTROL_EXIT_OK ? CONTROL_EXIT_DAEMON : answer->exit, answer->error);
    } else if (field_true(answer->object, "listening")) {
        walk->listening = true;
    } else if (!walk->listening) {
        if (walk->place_count < WALK_PLACES_MAX)
            walk->places[walk->place_count++] = take_ptr(answer->object);
    } else {
        show_said(&walk->show, answer->object);
        printf(INDENT "%s", text_string(&walk->show.out));
        fflush(stdout);
        text_reset(&walk->show.out);
        walk->done = walk->done || (walk->wanted && matches(walk->wanted, answer->object));
    }
}

static void on_order(void *user, struct control_answer *answer, const char *bytes, size_t len)
{
    struct walk *walk = user;
    struct walk_outcome *outcome = &walk->outcome;
    cleanup_with(text_finish) struct text text = TEXT_INIT;

    if (answer->done) {
        walk->done = true;
        if (answer->error) { /* it was not even tried */
            text_copy(outcome->outcome, sizeof(outcome->outcome), "failed");
            text_copy(outcome->reason, sizeof(outcome->reason), answer->error);
        }
        return;
    }
    text_copy(outcome->outcome, sizeof(outcome->outcome), field_string(answer->object, "outcome"));
    text_copy(outcome->reason, sizeof(outcome->reason), field_string(answer->object, "reason"));
    outcome->ms = field_int(answer->object, "ms", 0);
    show_came_to(&text, walk->colour, answer->object);
    printf(INDENT "%s\n", text_string(&text));
    fflush(stdout);
}

static void read_feed(struct walk *walk, struct feed *feed,
                      void (*line)(void *user, struct control_answer *answer, const char *bytes, size_t len))
{
    int r = feed_read(feed, line, walk);

    if (r < 0 && !walk->gone && !walk->done)
        lose(walk, CONTROL_EXIT_CONNECTION,
             r == -EPIPE ? "the daemon is gone: it closed" : "the connection to the daemon was lost");
}

static void take_typed(struct walk *walk, char letter)
{
    if (!walk->in_line)
        walk->typed = letter;
    walk->in_line = letter != '\n';
}

static void read_keyboard(struct walk *walk)
{
    char bytes[256];
    ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));

    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
        walk->typed = 'q';
    for (ssize_t i = 0; i < n; i++)
        take_typed(walk, bytes[i]);
}

/* One turn. Returns false once the time is over. */
static bool turn(struct walk *walk, int64_t until_us)
{
    int64_t left_ms = (until_us - clock_boot_us()) / USEC_PER_MSEC;
    struct pollfd fds[] = {
        { .fd = walk->said.fd, .events = POLLIN },
        { .fd = walk->order.fd, .events = POLLIN },
        { .fd = walk->asks ? STDIN_FILENO : -1, .events = POLLIN },
    };

    if (left_ms <= 0)
        return false;
    if (poll(fds, sizeof(fds) / sizeof(fds[0]), (int)left_ms) < 0)
        return true; /* a signal */
    if (fds[0].revents)
        read_feed(walk, &walk->said, on_said);
    if (fds[1].revents)
        read_feed(walk, &walk->order, on_order);
    if (fds[2].revents)
        read_keyboard(walk);
    return true;
}

enum control_exit walk_open(struct walk *walk, const char *socket, const char *device, bool asks, bool colour)
{
    const struct control_args args = { .device = device, .for_s = CONTROL_LISTEN_S_MAX };
    int64_t until_us = clock_boot_us() + WALK_DAEMON_MS * USEC_PER_MSEC;

    *walk = (struct walk){ .socket = socket,
                           .device = device,
                           .asks = asks,
                           .colour = colour,
                           .said = FEED_CLOSED,
                           .order = FEED_CLOSED };
    show_init(&walk->show, control_find("device listen"), colour, clock_utc_us());
    int r = feed_open(&walk->said, socket);

    if (r < 0)
        return session_refused(socket, r, &walk->trouble);
    if (feed_ask(&walk->said, "device listen", &args) < 0)
        lose(walk, CONTROL_EXIT_CONNECTION, "the daemon cannot be asked");
    while (!walk->gone && !walk->listening)
        if (!turn(walk, until_us))
            lose(walk, CONTROL_EXIT_CONNECTION, "the daemon says nothing");
    return walk->gone ? walk->exit : CONTROL_EXIT_OK;
}

void walk_close(struct walk *walk)
{
    feed_close(&walk->said);
    feed_close(&walk->order);
    for (size_t i = 0; i < walk->place_count; i++)
        json_object_put(walk->places[i]);
    show_finish(&walk->show);
    text_finish(&walk->trouble);
}

static enum walk_end end_of(char letter)
{
    switch (letter) {
    case 'y':
        return WALK_YES;
    case 'n':
        return WALK_NO;
    case 's':
        return WALK_SKIP;
    case 'q':
        return WALK_QUIT;
    default:
        return WALK_GO;
    }
}

/* Until one of the letters is typed, or walk->done, or the time is over. */
static enum walk_end wait(struct walk *walk, const char *letters, int64_t limit_ms)
{
    int64_t until_us = clock_boot_us() + limit_ms * USEC_PER_MSEC;

    while (!walk->gone) {
        if (walk->done)
            return WALK_DONE;
        if (walk->typed && strchr(letters, walk->typed))
            return end_of(walk->typed);
        if (walk->typed)
            walk->typed = '\0';
        if (!turn(walk, until_us))
            return WALK_LATE;
    }
    return WALK_GONE;
}

/* Nothing that was typed ahead may answer what is asked now. */
static void begin(struct walk *walk, const struct walk_event *wanted)
{
    if (walk->asks)
        tcflush(STDIN_FILENO, TCIFLUSH);
    walk->typed = '\0';
    walk->in_line = false;
    walk->done = false;
    walk->wanted = wanted;
}

enum walk_end walk_ask(struct walk *walk, const char *letters, const char *question)
{
    begin(walk, NULL);
    walk_say(walk, TONE_HEAD, "%s", question);
    return wait(walk, letters, WALK_ANSWER_MS);
}

enum walk_end walk_await(struct walk *walk, const struct walk_event *wanted, const char *question)
{
    begin(walk, wanted);
    walk_say(walk, TONE_HEAD, "%s", question);
    enum walk_end end = wait(walk, "nsq", WALK_HAPPEN_MS);

    walk->wanted = NULL;
    return end;
}

enum walk_end walk_release(struct walk *walk, const char *target, const char *direction)
{
    const struct control_args args = {
        .device = walk->device, .target = target, .direction = direction, .reason = "device test"
    };

    begin(walk, NULL);
    walk->outcome = (struct walk_outcome){ 0 };
    int r = feed_open(&walk->order, walk->socket);

    if (r == 0)
        r = feed_ask(&walk->order, "device release", &args);
    if (r < 0)
        lose(walk, CONTROL_EXIT_CONNECTION, "the daemon cannot be asked");
    enum walk_end end = wait(walk, "", WALK_DAEMON_MS);

    feed_close(&walk->order);
    return end;
}
