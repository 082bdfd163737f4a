/* SPDX-License-Identifier: GPL-3.0-or-later */
/* broker.h: one MQTT 5 connection, from its attempt to its end. The only file of the gateway with
 * libmosquitto behind it.
 *
 * Nothing outlives a connection: what was not sent when it ends is gone, and so is the broker's session. Not
 * thread-safe; belongs to one poll loop:
 *
 *     broker_new(&connect, will, will_len, &callbacks, self, &broker);
 *     poll broker_fd() for broker_events(); broker_turn(broker, revents) after every poll
 *     broker_free(broker)       once `ended` was called
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "proto/cloud_message.h"
#include "proto/link_message.h"

struct broker;

/* From the name's address until every subscription is granted. */
#define BROKER_CONNECT_LIMIT_US (20 * USEC_PER_SEC)

/* For what is on the way when broker_leave() is called. */
#define BROKER_LEAVE_LIMIT_US (1500 * USEC_PER_MSEC)

/* Longest time between two turns, for keep-alive and the limits above. */
#define BROKER_TURN_MS 250

/* Publications that may wait for the broker's answer. */
#define BROKER_UNANSWERED_MAX 256

/* Called from broker_turn() only; broker_free() must not be called from them. */
struct broker_callbacks {
    /* All subscriptions are granted. */
    void (*connected)(void *user);

    /* topic is below the prefix. Never before connected(). */
    void (*message)(void *user, const char *topic, bool retained, const void *payload, size_t len);

    /* The broker answered a publication of QoS 1; code is MQTT 5's. */
    void (*published)(void *user, int64_t id, int code);

    /* It is over, or never came about. The last call. */
    void (*ended)(void *user, const char *reason);
};

/* Once, before and after everything else. Returns 0 or -ENOMEM. */
int broker_library_open(void) must_check;
void broker_library_close(void);

/* Begins an attempt. Returns 0, or a negative errno if there is nothing to try
 * with (no memory, a name that cannot be one); what goes wrong on the way is told by `ended`. */
int broker_new(const struct link_connect *connect, const char *will, size_t will_len,
               const struct broker_callbacks *callbacks, void *user, struct broker **ret) must_check;

/* Whether the name is still being resolved, which nothing can break off: broker_free() must not be called. */
bool broker_calling(const struct broker *broker);

/* Without a word to the broker, which then publishes the Will unless broker_leave() went through. Takes NULL,
 * returns NULL. */
struct broker *broker_free(struct broker *broker);

/* What to poll; -1 if there is nothing. The descriptor may change with every turn. */
int broker_fd(const struct broker *broker);
short broker_events(const struct broker *broker);

void broker_turn(struct broker *broker, short revents);

/* Publishes; dropped unless connected. */
void broker_publish(struct broker *broker, int64_t id, enum cloud_topic topic, const void *payload,
                    size_t len);

/* Takes leave once what is on the way is answered, so that the Will is not published; then `ended`. */
void broker_leave(struct broker *broker);
