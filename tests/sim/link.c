/* SPDX-License-Identifier: GPL-3.0-or-later */
/* link.c: lines are taken at once and answered by events, as child.h says. */
#include "tests/sim/link.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/child.h"
#include "proto/link_message.h"
#include "tests/sim/broker.h"
#include "tests/sim/machine.h"
#include "tests/sim/sim.h"

/* The process, and what a line takes. */
#define START_US (30 * USEC_PER_MSEC)
#define LINE_US  100

#define CONNECT_MAX_US (2 * USEC_PER_SEC)
#define REFUSED_MAX_US (10 * USEC_PER_SEC)
#define RESTART_MAX_US (5 * USEC_PER_SEC)

struct child {
    struct child_callbacks callbacks;
    void *user;
    bool running;
    bool stopping;
    bool connecting;
    bool online;
    char *will;
    size_t will_len;
    struct text line;
};

static struct child process;

void link_begin(void)
{
    assert(!process.running);
}

void link_end(void)
{
    text_finish(&process.line);
    free(process.will);
    process = (struct child){ 0 };
}

static const char *topic_of(const char *below)
{
    static char topic[BROKER_TOPIC_SIZE];

    snprintf(topic, sizeof(topic), "stile/1/" MACHINE_SITE "/" MACHINE_GATEWAY "/%s", below);
    return topic;
}

/* A line that stiled will read. */
struct line {
    size_t len;
    char text[];
};

static void read_line(void *argument, int64_t number)
{
    struct line *line = argument;

    if (process.running)
        process.callbacks.line(process.user, line->text, line->len);
    free(line);
}

static void say(const struct link_event *event)
{
    int r = link_event_format(&process.line, event);
    struct line *line = malloc(sizeof(*line) + process.line.len + 1);

    assert(r == 0 && line);
    line->len = process.line.len;
    memcpy(line->text, text_string(&process.line), line->len + 1);
    sim_at(SIM_LINK, LINE_US, read_line, line, 0);
}

static void say_disconnected(const char *reason)
{
    struct link_event event = { .kind = LINK_EVENT_DISCONNECTED };

    process.connecting = process.online = false;
    snprintf(event.reason, sizeof(event.reason), "%s", reason);
    say(&event);
}

static void refuse(void *argument, int64_t number)
{
    say_disconnected("no answer");
}

static void connect_now(void *argument, int64_t number)
{
    const struct link_event event = { .kind = LINK_EVENT_CONNECTED };

    if (!broker_reachable(BROKER_GATEWAY)) {
        sim_at(SIM_LINK, sim_between(USEC_PER_MSEC, REFUSED_MAX_US), refuse, NULL, 0);
        return;
    }
    process.connecting = false;
    process.online = true;
    broker_connect(BROKER_GATEWAY, topic_of("up/state"), process.will, process.will_len);
    say(&event);
}

static void take_connect(const struct link_command *command)
{
    SIM_REQUIRE(!process.connecting && !process.online, "one connection at a time",
                "a second one is asked for");
    free(process.will);
    process.will = strndup(command->payload, command->payload_len);
    process.will_len = command->payload_len;
    process.connecting = true;
    sim_at(SIM_LINK, sim_between(USEC_PER_MSEC, CONNECT_MAX_US), connect_now, NULL, 0);
}

void link_receive(const char *topic, bool retained, const char *payload, size_t len)
{
    struct link_event event = { .kind = LINK_EVENT_MESSAGE, .retained = retained, .payload_len = len };
    cleanup_with(freep) char *copied = malloc(len + 1);

    assert(copied);
    memcpy(copied, payload, len + 1);
    event.payload = copied;
    snprintf(event.topic, sizeof(event.topic), "%s", topic);
    if (process.online)
        say(&event);
}

void link_lost(const char *reason)
{
    if (process.running && process.online)
        say_disconnected(reason);
}

/* --- child.h --- */

static void start(void *argument, int64_t number)
{
    process.running = true;
    process.callbacks.started(process.user);
}

int child_new(sd_event *event, const struct child_spec *spec, const struct child_callbacks *callbacks,
              void *user, struct child **ret)
{
    assert(!process.running);
    process.callbacks = *callbacks;
    process.user = user;
    process.stopping = process.connecting = process.online = false;
    *ret = &process;
    sim_at(SIM_LINK, START_US, start, NULL, 0);
    return 0;
}

/* As much as is left of it, when stiled ends. */
struct child *child_free(struct child *child)
{
    return NULL;
}

void link_gone(bool silently)
{
    if (process.online)
        broker_vanish(BROKER_GATEWAY, !silently);
    process.running = process.connecting = process.online = false;
}

static void end(const char *reason)
{
    bool again = !process.stopping;

    sim_forget(SIM_LINK);
    link_gone(false);
    if (again)
        sim_at(SIM_LINK, sim_between(USEC_PER_SEC / 4, RESTART_MAX_US), start, NULL, 0);
    process.callbacks.ended(process.user, reason, again);
}

void link_crash(void)
{
    if (!machine_alive() || !process.running || process.stopping)
        return;
    sim_trace("stile-link crashes");
    end("killed");
}

static void end_stopped(void *argument, int64_t number)
{
    end("stopped");
}

static void take_shutdown(void)
{
    if (process.online)
        broker_leave(BROKER_GATEWAY);
    process.online = false;
}

int child_send(struct child *child, const char *line, size_t len)
{
    struct link_command command;
    struct json_error error;

    if (!process.running || !machine_alive())
        return CHILD_E_DOWN;
    int r = link_command_parse(line, len, &command, &error);

    SIM_REQUIRE(r == 0, "the line protocol", "stile-link does not understand %.80s", line);
    switch (command.kind) {
    case LINK_COMMAND_CONNECT:
        take_connect(&command);
        break;
    case LINK_COMMAND_PUBLISH:
        if (process.online)
            broker_publish(BROKER_GATEWAY, topic_of(cloud_topic_name(command.topic)),
                           cloud_topic_retained(command.topic), command.payload, command.payload_len);
        break;
    case LINK_COMMAND_PING:
        break;
    case LINK_COMMAND_SHUTDOWN:
        take_shutdown();
        break;
    }
    link_command_finish(&command);
    return 0;
}

void child_stop(struct child *child, const char *line)
{
    process.stopping = true;
    if (line && process.running)
        (void)!child_send(child, line, strlen(line));
    sim_at(SIM_LINK, START_US, end_stopped, NULL, 0);
}

void child_pong(struct child *child)
{
}

void child_fail(struct child *child, const char *reason)
{
    sim_fail("the line protocol", "stiled finds fault with stile-link: %s", reason);
}
