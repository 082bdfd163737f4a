/* SPDX-License-Identifier: GPL-3.0-or-later */
/* broker.c: a message makes two journeys, to the broker and from it, each on a connection that must still be
 * the same when it arrives. */
#include "tests/sim/broker.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/cloud_message.h"
#include "tests/sim/cloud.h"
#include "tests/sim/link.h"
#include "tests/sim/sim.h"
#include "tests/sim/watch.h"

#define RETAINED_MAX 8
#define OLD_MAX      64

#define QUICK_US      (20 * USEC_PER_MSEC)
#define SLOW_US       (5 * USEC_PER_SEC)
#define KEEP_US       (CLOUD_KEEP_ALIVE_S * USEC_PER_SEC * 3 / 2)
#define RETRANSMIT_US (200 * USEC_PER_MSEC)

/* Whole topics; payload ends in a NUL. */
struct message {
    enum broker_client from;
    uint64_t connection; /* on which it travels */
    bool retained;
    bool again; /* is said by nobody now */
    char topic[BROKER_TOPIC_SIZE];
    size_t len;
    char payload[];
};

struct client {
    uint64_t connection; /* 0: none */
    int64_t dark_until;  /* nothing goes through */
    int64_t last_up;     /* arrivals, so that they keep their order */
    int64_t last_down;
    struct message *will;
};

static struct {
    struct client clients[BROKER_CLIENTS];
    uint64_t connections; /* so far */
    int64_t down_until;
    struct message *retained[RETAINED_MAX];
    struct message *old[OLD_MAX]; /* a choice of what the cloud said */
    size_t old_count;
} broker;

static const char *const names[] = { "gateway", "cloud" };

static const char *below(const struct message *message)
{
    const char *end = message->topic + strlen(message->topic);

    for (int slashes = 0; end > message->topic; end--)
        if (end[-1] == '/' && ++slashes == 2)
            break;
    return end;
}

static struct message *make(const char *topic, bool retained, const char *payload, size_t len)
{
    struct message *message = malloc(sizeof(*message) + len + 1);

    assert(message);
    *message = (struct message){ .retained = retained, .len = len };
    snprintf(message->topic, sizeof(message->topic), "%s", topic);
    memcpy(message->payload, payload, len);
    message->payload[len] = '\0';
    return message;
}

static struct message *copy(const struct message *message)
{
    struct message *copied = make(message->topic, message->retained, message->payload, message->len);

    copied->from = message->from;
    copied->connection = message->connection;
    copied->again = message->again;
    return copied;
}

void broker_begin(void)
{
    memset(&broker, 0, sizeof(broker));
}

void broker_end(void)
{
    for (size_t i = 0; i < RETAINED_MAX; i++)
        free(broker.retained[i]);
    for (size_t i = 0; i < OLD_MAX; i++)
        free(broker.old[i]);
    for (size_t i = 0; i < BROKER_CLIENTS; i++)
        free(broker.clients[i].will);
}

static int64_t journey(int64_t *last)
{
    int64_t us = sim_between(100, QUICK_US);

    if (sim_mishap(sim_faults()->slow_network, 300))
        us = sim_between(0, SLOW_US);
    if (sim_mishap(sim_faults()->reordering, 200))
        return sim_between(0, SLOW_US);
    if (sim_now() + us < *last)
        us = *last - sim_now();
    *last = sim_now() + us;
    return us;
}

/* Whether a message has to wait for the end of the dark, like a segment that is sent again. */
static bool waits(enum broker_client client, sim_event_fn *fn, struct message *message)
{
    int64_t dark_us = broker.clients[client].dark_until - sim_now();

    if (dark_us <= 0)
        return false;
    sim_at(SIM_BROKER, dark_us + RETRANSMIT_US, fn, message, 0);
    return true;
}

static void deliver(void *argument, int64_t number)
{
    struct message *message = argument;
    enum broker_client to = message->from == BROKER_CLOUD ? BROKER_GATEWAY : BROKER_CLOUD;

    if (broker.clients[to].connection != message->connection) {
        free(message);
        return;
    }
    if (waits(to, deliver, message))
        return;
    sim_trace("%s gets %s%s, %zu bytes", names[to], below(message), message->again ? " again" : "",
              message->len);
    if (to == BROKER_GATEWAY)
        link_receive(below(message), message->retained, message->payload, message->len);
    else
        cloud_receive(message->topic, message->payload, message->len);
    free(message);
}

static void send_down(const struct message *message)
{
    struct client *to = &broker.clients[message->from == BROKER_CLOUD ? BROKER_GATEWAY : BROKER_CLOUD];
    struct message *copied;

    if (!to->connection)
        return;
    copied = copy(message);
    copied->connection = to->connection;
    sim_at(SIM_BROKER, journey(&to->last_down), deliver, copied, 0);
}

static void keep_retained(const struct message *message)
{
    size_t i = 0;

    while (i < RETAINED_MAX && broker.retained[i] && strcmp(broker.retained[i]->topic, message->topic) != 0)
        i++;
    assert(i < RETAINED_MAX);
    free(broker.retained[i]);
    broker.retained[i] = copy(message);
}

/* One of those kept gives way, now and then. */
static void keep_old(const struct message *message)
{
    size_t i = broker.old_count < OLD_MAX ? broker.old_count++ : (size_t)sim_below(4 * OLD_MAX);

    if (i >= OLD_MAX)
        return;
    free(broker.old[i]);
    broker.old[i] = copy(message);
}

static void take(struct message *message)
{
    if (message->retained)
        keep_retained(message);
    if (message->from == BROKER_CLOUD && sim_faults()->replay && !message->again)
        keep_old(message);
    send_down(message);
    free(message);
}

static void arrive(void *argument, int64_t number)
{
    struct message *message = argument;

    if (broker.clients[message->from].connection != message->connection) {
        free(message);
        return;
    }
    if (!waits(message->from, arrive, message))
        take(message);
}

bool broker_reachable(enum broker_client client)
{
    return sim_now() >= broker.down_until && sim_now() >= broker.clients[client].dark_until;
}

/* The end of a connection as the broker sees it. */
static void drop(enum broker_client client, bool with_will)
{
    struct client *at = &broker.clients[client];
    struct message *will = at->will;

    at->will = NULL;
    at->connection = 0;
    at->last_up = at->last_down = 0;
    if (will && with_will && sim_now() >= broker.down_until)
        take(will);
    else
        free(will);
}

/* Who connects anew takes the place of the old connection. */
void broker_connect(enum broker_client client, const char *will_topic, const char *will, size_t len)
{
    struct client *at = &broker.clients[client];

    drop(client, true);
    at->connection = ++broker.connections;
    if (will_topic) {
        at->will = make(will_topic, true, will, len);
        at->will->from = client;
    }
    sim_trace("%s is connected", names[client]);
    for (size_t i = 0; i < RETAINED_MAX && broker.retained[i]; i++) {
        if (broker.retained[i]->from == client)
            continue;
        struct message *message = copy(broker.retained[i]);

        message->connection = at->connection;
        sim_at(SIM_BROKER, journey(&at->last_down), deliver, message, 0);
    }
}

/* What the cloud does not subscribe to is for others. */
static bool somebody_listens(const struct message *message)
{
    enum cloud_topic topic;

    return cloud_topic_find(below(message), &topic) && topic != CLOUD_UP_LIVE && topic != CLOUD_UP_REPORT;
}

void broker_publish(enum broker_client client, const char *topic, bool retained, const char *payload,
                    size_t len)
{
    struct client *at = &broker.clients[client];
    struct message *message = make(topic, retained, payload, len);
    int copies = sim_mishap(sim_faults()->loss, 60) ? 0 : sim_mishap(sim_faults()->duplication, 100) ? 2 : 1;

    message->from = client;
    message->connection = at->connection;
    watch_said(client, below(message), payload, len);
    if (!at->connection || !somebody_listens(message))
        copies = 0;
    else
        sim_trace("%s says %s, %zu bytes%s", names[client], below(message), len,
                  copies == 1   ? ""
                  : copies == 0 ? ", lost"
                                : ", doubled");
    while (copies-- > 0)
        sim_at(SIM_BROKER, journey(&at->last_up), arrive, copy(message), 0);
    free(message);
}

static void leave(void *argument, int64_t connection)
{
    struct message *who = argument;

    if (broker.clients[who->from].connection == (uint64_t)connection)
        drop(who->from, false);
    free(who);
}

void broker_leave(enum broker_client client)
{
    struct client *at = &broker.clients[client];
    struct message *who = make("", false, "", 0);

    who->from = client;
    sim_at(SIM_BROKER, journey(&at->last_up), leave, who, (int64_t)at->connection);
}

static void miss(void *argument, int64_t connection)
{
    for (enum broker_client client = BROKER_GATEWAY; client < BROKER_CLIENTS; client++)
        if (broker.clients[client].connection == (uint64_t)connection)
            drop(client, true);
}

void broker_vanish(enum broker_client client, bool noticed)
{
    if (!broker.clients[client].connection)
        return;
    if (noticed)
        drop(client, true);
    else
        sim_at(SIM_BROKER, KEEP_US, miss, NULL, (int64_t)broker.clients[client].connection);
}

/* --- faults --- */

static void tell(enum broker_client client, const char *reason)
{
    if (client == BROKER_GATEWAY)
        link_lost(reason);
    else
        cloud_lost(reason);
}

void broker_reset(enum broker_client client)
{
    if (!broker.clients[client].connection)
        return;
    sim_trace("the connection of the %s breaks", names[client]);
    drop(client, true);
    tell(client, "reset");
}

/* Only if it is dark for longer than the keep-alive allows. */
static void notice_dark(void *argument, int64_t connection)
{
    for (enum broker_client client = BROKER_GATEWAY; client < BROKER_CLIENTS; client++)
        if (broker.clients[client].connection == (uint64_t)connection &&
            broker.clients[client].dark_until > sim_now())
            broker_reset(client);
}

void broker_partition(enum broker_client client, int64_t us)
{
    struct client *at = &broker.clients[client];

    sim_trace("the %s is cut off for %.1f s", names[client], (double)us / USEC_PER_SEC);
    at->dark_until = sim_now() + us;
    if (at->connection && us > KEEP_US)
        sim_at(SIM_BROKER, KEEP_US, notice_dark, NULL, (int64_t)at->connection);
}

void broker_restart(bool empty, int64_t us)
{
    sim_trace("the broker restarts%s, in %.1f s", empty ? " empty" : "", (double)us / USEC_PER_SEC);
    broker.down_until = sim_now() + us;
    for (size_t i = 0; i < RETAINED_MAX && empty; i++) {
        free(broker.retained[i]);
        broker.retained[i] = NULL;
    }
    for (enum broker_client client = BROKER_GATEWAY; client < BROKER_CLIENTS; client++)
        broker_reset(client);
}

void broker_replay(void)
{
    if (broker.old_count == 0 || !broker.clients[BROKER_GATEWAY].connection)
        return;
    struct message *message = broker.old[sim_below((int64_t)broker.old_count)];

    message->again = true;
    sim_trace("%s is said again", below(message));
    send_down(message);
}

void broker_mend(void)
{
    broker.down_until = 0;
    for (enum broker_client client = BROKER_GATEWAY; client < BROKER_CLIENTS; client++)
        broker.clients[client].dark_until = 0;
}
