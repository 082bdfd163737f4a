/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stile-link: the process that owns the connection to the broker. Lines on standard input and output
 * (proto/link_message.h), messages to itself on standard error; it holds no key and decides nothing.
 *
 * A poll loop of its own, because there are just two descriptors and one of them changes. When standard input
 * ends without a shutdown, stiled is gone: then so is this process, and the broker publishes the Will.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "gateway/base/lines.h"
#include "gateway/base/log.h"
#include "gateway/link/broker.h"
#include "proto/link_message.h"

/* Bytes kept while stiled does not read. Beyond half of it nothing more is taken from the broker. */
#define OUT_MAX (64u * LINK_LINE_MAX)

struct link {
    struct lines lines;
    struct broker *broker; /* NULL: no connection and no attempt */
    bool broker_ended;     /* to be freed */
    bool stopping;         /* shutdown was asked for */
    int error;             /* 0, or the negative errno that ends the process */
    struct text text;
};

static void send_event(struct link *link, const struct link_event *event)
{
    int r = link_event_format(&link->text, event);

    if (r == 0)
        r = lines_put(&link->lines, link->text.data, link->text.len);
    /* During a shutdown stiled may not listen any more, and need not. */
    if (r < 0 && !link->stopping)
        link->error = r;
}

static void send_error(struct link *link, const char *text)
{
    struct link_event event = { .kind = LINK_EVENT_ERROR };

    log_warning("link", "%s", text);
    snprintf(event.reason, sizeof(event.reason), "%s", text);
    send_event(link, &event);
}

static void on_connected(void *user)
{
    send_event(user, &(struct link_event){ .kind = LINK_EVENT_CONNECTED });
}

static void on_message(void *user, const char *topic, bool retained, const void *payload, size_t len)
{
    struct link_event event = { .kind = LINK_EVENT_MESSAGE, .retained = retained, .payload_len = len };

    snprintf(event.topic, sizeof(event.topic), "%s", topic);
    memcpy(&event.payload, &payload, sizeof(payload)); /* only read */
    send_event(user, &event);
}

static void on_published(void *user, int64_t id, int code)
{
    send_event(user, &(struct link_event){ .kind = LINK_EVENT_PUBLISHED, .id = id, .code = code });
}

static void on_ended(void *user, const char *reason)
{
    struct link *link = user;
    struct link_event event = { .kind = LINK_EVENT_DISCONNECTED };

    link->broker_ended = true;
    snprintf(event.reason, sizeof(event.reason), "%s", reason);
    send_event(link, &event);
}

static const struct broker_callbacks broker_callbacks = {
    .connected = on_connected,
    .message = on_message,
    .published = on_published,
    .ended = on_ended,
};

static void start_connection(struct link *link, const struct link_command *command)
{
    if (link->broker) {
        send_error(link, "connect: there is a connection already");
        return;
    }
    int r = broker_new(&command->connect, command->payload, command->payload_len, &broker_callbacks, link,
                       &link->broker);

    if (r < 0) {
        char reason[LINK_REASON_SIZE];

        snprintf(reason, sizeof(reason), "cannot try to connect: %s", strerror(-r));
        on_ended(link, reason);
    }
}

static void carry_out(struct link *link, const struct link_command *command)
{
    switch (command->kind) {
    case LINK_COMMAND_CONNECT:
        start_connection(link, command);
        return;
    case LINK_COMMAND_PUBLISH:
        if (link->broker)
            broker_publish(link->broker, command->id, command->topic, command->payload, command->payload_len);
        return;
    case LINK_COMMAND_PING:
        send_event(link, &(struct link_event){ .kind = LINK_EVENT_PONG, .id = command->id });
        return;
    case LINK_COMMAND_SHUTDOWN:
        link->stopping = true;
        if (link->broker)
            broker_leave(link->broker);
        return;
    }
}

static void take_line(struct link *link, const char *line, size_t len)
{
    struct link_command command;
    struct json_error error;
    char text[LINK_REASON_SIZE];
    int r = link_command_parse(line, len, &command, &error);

    if (r == 0) {
        carry_out(link, &command);
        link_command_finish(&command);
    } else if (r == -EBADMSG) {
        snprintf(text, sizeof(text), "%.64s: %.90s", error.path, error.text);
        send_error(link, text);
    } else if (r == LINK_E_UNKNOWN_KIND) {
        send_error(link, "do: is not known");
    } else {
        link->error = r;
    }
}

static void take_lines(struct link *link)
{
    char *line;
    size_t len;
    int filled = lines_fill(&link->lines);
    int r;

    while ((r = lines_next(&link->lines, &line, &len)) != 0 && link->error == 0) {
        if (r == 1)
            take_line(link, line, len);
        else
            send_error(link, "a line was too long");
    }
    if (filled < 0 && !link->stopping)
        link->error = filled;
}

/* Polls once, both ways. */
static void turn(struct link *link)
{
    bool full = link->lines.out.end - link->lines.out.start > OUT_MAX / 2;
    bool broker = link->broker != NULL;
    struct pollfd fds[] = {
        { .fd = link->stopping ? -1 : STDIN_FILENO, .events = POLLIN },
        { .fd = lines_pending(&link->lines) ? STDOUT_FILENO : -1, .events = POLLOUT },
        { .fd = broker && !full ? broker_fd(link->broker) : -1,
          .events = broker ? broker_events(link->broker) : 0 },
    };

    if (poll(fds, 3, broker ? BROKER_TURN_MS : -1) < 0) {
        link->error = errno == EINTR ? 0 : -errno;
        return;
    }
    if (fds[1].revents && lines_flush(&link->lines) < 0 && !link->stopping)
        link->error = -EPIPE;
    if (link->broker)
        broker_turn(link->broker, fds[2].revents);
    if (link->broker_ended) {
        link->broker = broker_free(link->broker);
        link->broker_ended = false;
    }
    if (fds[0].revents)
        take_lines(link);
}

int main(void)
{
    struct link link = { 0 };

    log_init("stile-link", LOG_INFO);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_DUMPABLE, 0);                                      /* it holds the broker's password */
    sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){ 0 }); /* nobody at a door waits for it */
    if (lines_init(&link.lines, STDIN_FILENO, STDOUT_FILENO, LINK_LINE_MAX, OUT_MAX) < 0 ||
        broker_library_open() < 0)
        return EXIT_FAILURE;
    while (link.error == 0 && !(link.stopping && (!link.broker || broker_calling(link.broker))))
        turn(&link);
    if (link.error < 0 && link.error != -EPIPE)
        log_error("link", "ends: %s", strerror(-link.error));
    if (link.broker && broker_calling(link.broker))
        _exit(link.error == 0 ? EXIT_SUCCESS : EXIT_FAILURE); /* a thread uses what would be freed */
    broker_free(link.broker);
    broker_library_close();
    lines_finish(&link.lines);
    text_finish(&link.text);
    return link.error == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
