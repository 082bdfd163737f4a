/* SPDX-License-Identifier: GPL-3.0-or-later */
/* client.h: one connection: requests in, answers out, its bounds and times.
 *
 * A client that has failed is only marked; it is freed from the loop, so that nobody who still works with it
 * has to look.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "gateway/base/cleanup.h"
#include "gateway/ctl/backend.h"
#include "gateway/ctl/follow.h"
#include "gateway/ctl/peer.h"

struct sd_event;
struct client;

/* What all clients of one socket share. */
struct client_house {
    struct sd_event *event;
    struct ctl_backend backend;
    gid_t operator_gid; /* PEER_NO_GROUP: none */
    int64_t idle_us;
    int64_t stall_us;
    void (*gone)(void *userdata, struct client *client); /* is to free it */
    void *userdata;
};

/* Takes over fd, also if it fails. Returns 0 or a negative errno. */
int client_new(const struct client_house *house, int fd, struct client **ret_client) must_check;

/* Takes NULL, returns NULL. Its reply, if one is out, outlives it. */
struct client *client_free(struct client *client);

/* An event is durable: tells it to a client that follows. */
void client_publish(struct client *client, const char *event, size_t len);

/* The rest is for replies and verbs. */

const struct ctl_backend *client_backend(const struct client *client);
const struct peer *client_peer(const struct client *client);

/* From here on events are told until the client leaves. Returns 0 or -ENOMEM. */
int client_follow(struct client *client, const struct control_args *args) must_check;

/* One line of the answer. Returns 0, or -EPIPE if the client is gone or about to be. */
int client_put(struct client *client, const char *line, size_t len);

/* The answer has ended. */
void client_answered(struct client *client, enum control_exit code, const char *message);
