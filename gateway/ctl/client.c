/* SPDX-License-Identifier: GPL-3.0-or-later */
/* client.c: requests are taken one a turn of the loop, each when the answer before it has ended.
 *
 * While an answer is under way the connection is not read, so that a client cannot pile up requests; that it
 * has closed shows as EPOLLHUP all the same. A client that has only shut down its sending side still gets its
 * answer.
 */
#include "gateway/ctl/client.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-event.h>

#include "gateway/base/clock.h"
#include "gateway/base/lines.h"
#include "gateway/ctl/ctl.h"
#include "gateway/ctl/reply.h"
#include "gateway/ctl/verbs.h"

#define ERROR_SIZE (JSON_PATH_SIZE + JSON_TEXT_SIZE + 2)

struct client {
    const struct client_house *house;
    int fd;
    struct lines lines;
    struct peer peer;
    sd_event_source *io;
    sd_event_source *timer;
    sd_event_source *work;   /* takes the next request, or frees a failed client */
    struct ctl_reply *reply; /* of the request being answered; NULL: none */
    struct follow follow;
    int64_t moved_us; /* when bytes last moved, or an answer ended */
    bool input_ended;
    bool failed;
};

const struct ctl_backend *client_backend(const struct client *client)
{
    return &client->house->backend;
}

const struct peer *client_peer(const struct client *client)
{
    return &client->peer;
}

static bool answering(const struct client *client)
{
    return client->reply || client->follow.stage != FOLLOW_OFF;
}

static void enable_work(struct client *client)
{
    sd_event_source_set_enabled(client->work, SD_EVENT_ONESHOT);
}

static void fail(struct client *client)
{
    client->failed = true;
    enable_work(client);
}

/* Watches for what may happen next. */
static void settle(struct client *client)
{
    bool pending = lines_pending(&client->lines);
    bool reading = !answering(client) && !client->input_ended;
    int64_t patience_us = pending ? client->house->stall_us : client->house->idle_us;

    sd_event_source_set_io_events(client->io, (reading ? EPOLLIN : 0u) | (pending ? EPOLLOUT : 0u));
    sd_event_source_set_time(client->timer, (uint64_t)(client->moved_us + patience_us));
    sd_event_source_set_enabled(client->timer, pending || reading ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

int client_put(struct client *client, const char *line, size_t len)
{
    if (client->failed)
        return -EPIPE;
    if (!lines_pending(&client->lines))
        client->moved_us = clock_boot_us();
    if (lines_put(&client->lines, line, len) < 0) {
        fail(client);
        return -EPIPE;
    }
    if (client->follow.stage == FOLLOW_HISTORY)
        follow_note(&client->follow, line, len);
    settle(client);
    return 0;
}

static void put_done(struct client *client, enum control_exit code, const char *message)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    bool ok = code == CONTROL_EXIT_OK;

    control_done_format(&text, code, ok ? NULL : message, ok ? message : NULL);
    if (text_error(&text))
        fail(client);
    else
        client_put(client, text_string(&text), text.len);
}

/* History has ended: what happened meanwhile, then whatever happens. */
static void go_live(struct client *client)
{
    struct text held = client->follow.held;
    const char *at = text_string(&held);

    client->follow.held = (struct text)TEXT_INIT;
    client->follow.stage = FOLLOW_LIVE;
    for (const char *end; (end = strchr(at, '\n')); at = end + 1)
        if (follow_wants(&client->follow, at, (size_t)(end - at)))
            client_put(client, at, (size_t)(end - at));
    text_finish(&held);
}

void client_answered(struct client *client, enum control_exit code, const char *message)
{
    client->reply = NULL;
    client->moved_us = clock_boot_us();
    if (client->follow.stage == FOLLOW_HISTORY && code == CONTROL_EXIT_OK) {
        go_live(client);
    } else {
        follow_finish(&client->follow);
        put_done(client, code, message);
    }
    settle(client);
    enable_work(client);
}

int client_follow(struct client *client, const struct control_args *args)
{
    return follow_begin(&client->follow, args);
}

static void hold(struct client *client, const char *event, size_t len)
{
    struct text *held = &client->follow.held;

    text_add_bytes(held, event, len);
    text_add(held, "\n");
    if (text_error(held) || held->len > CTL_OUTPUT_MAX)
        fail(client);
}

void client_publish(struct client *client, const char *event, size_t len)
{
    if (client->failed || !follow_wants(&client->follow, event, len))
        return;
    if (client->follow.stage == FOLLOW_HISTORY)
        hold(client, event, len);
    else
        client_put(client, event, len);
}

static void run(struct client *client, const struct control_request *request)
{
    if (request->command->privilege == CONTROL_OPERATE && !client->peer.operates) {
        put_done(client, CONTROL_EXIT_NOT_PERMITTED, "only root and operators may do that");
        return;
    }
    client->reply = ctl_reply_new(client);
    if (client->reply)
        verbs_run(client, request, client->reply);
    else
        put_done(client, CONTROL_EXIT_DAEMON, strerror(ENOMEM));
}

static void take_line(struct client *client, const char *line, size_t len)
{
    cleanup_with(control_request_finish) struct control_request request = { 0 };
    struct json_error error;
    char why[ERROR_SIZE];
    int r = control_request_parse(line, len, &request, &error);

    if (r == 0) {
        run(client, &request);
    } else if (r == -EBADMSG) {
        snprintf(why, sizeof(why), "%s%s%s", error.path, *error.path ? ": " : "", error.text);
        put_done(client, CONTROL_EXIT_USAGE, why);
    } else {
        put_done(client, CONTROL_EXIT_DAEMON, strerror(-r));
    }
}

/* One request, if one is there. */
static void take_request(struct client *client)
{
    char *line;
    size_t len;
    int r = answering(client) ? 0 : lines_next(&client->lines, &line, &len);

    if (r == -EMSGSIZE)
        put_done(client, CONTROL_EXIT_USAGE, "the line is too long");
    else if (r > 0)
        take_line(client, line, len);
    if (r != 0)
        enable_work(client); /* perhaps there is another one */
    else if (client->input_ended && !answering(client) && !lines_pending(&client->lines))
        fail(client); /* all is said */
}

static int on_work(sd_event_source *source, void *userdata)
{
    struct client *client = userdata;

    if (!client->failed)
        take_request(client);
    if (client->failed)
        client->house->gone(client->house->userdata, client);
    else
        settle(client);
    return 0;
}

static void read_some(struct client *client)
{
    int r = lines_fill(&client->lines);

    if (r == -EPIPE)
        client->input_ended = true;
    else if (r < 0)
        fail(client);
}

static void write_some(struct client *client)
{
    if (lines_flush(&client->lines) < 0)
        fail(client);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct client *client = userdata;

    client->moved_us = clock_boot_us();
    if (revents & (EPOLLHUP | EPOLLERR))
        fail(client);
    if (!client->failed && (revents & EPOLLOUT))
        write_some(client);
    if (!client->failed && (revents & EPOLLIN))
        read_some(client);
    settle(client);
    enable_work(client);
    return 0;
}

static int on_time(sd_event_source *source, uint64_t now, void *userdata)
{
    fail(userdata);
    return 0;
}

static int start(struct client *client)
{
    const struct client_house *house = client->house;
    int r = lines_init(&client->lines, client->fd, client->fd, CONTROL_LINE_MAX, CTL_OUTPUT_MAX);

    if (r == 0)
        r = peer_read(client->fd, house->operator_gid, &client->peer);
    if (r == 0)
        r = sd_event_add_io(house->event, &client->io, client->fd, EPOLLIN, on_io, client);
    if (r >= 0)
        r = sd_event_add_time(house->event, &client->timer, CLOCK_BOOTTIME, 0, 0, on_time, client);
    if (r >= 0)
        r = sd_event_add_defer(house->event, &client->work, on_work, client);
    if (r < 0)
        return r;
    client->moved_us = clock_boot_us();
    settle(client);
    return 0;
}

int client_new(const struct client_house *house, int fd, struct client **ret_client)
{
    struct client *client = calloc(1, sizeof(*client));

    if (!client) {
        close(fd);
        return -ENOMEM;
    }
    client->house = house;
    client->fd = fd;
    int r = start(client);

    if (r < 0) {
        client_free(client);
        return r;
    }
    *ret_client = client;
    return 0;
}

struct client *client_free(struct client *client)
{
    if (!client)
        return NULL;
    ctl_reply_desert(client->reply);
    sd_event_source_disable_unref(client->io);
    sd_event_source_disable_unref(client->timer);
    sd_event_source_disable_unref(client->work);
    follow_finish(&client->follow);
    lines_finish(&client->lines);
    close(client->fd);
    free(client);
    return NULL;
}
