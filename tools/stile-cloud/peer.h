/* SPDX-License-Identifier: GPL-3.0-or-later */
/* peer.h: the cloud's end of the contract for each gateway of a site: what a message from it is answered
 * with.
 *
 * Everything that is said follows a commit of what it rests on. Nothing is remembered that the next state of
 * the gateway would not tell again, so serving can be stopped and started at any time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/cleanup.h"
#include "gateway/base/text.h"
#include "tools/stile-cloud/site.h"

/* Gateways of one site; messages of more are ignored. */
#define PEERS_MAX 256

struct peers;

/* How peers speak: topic is whole; -EAGAIN if there is no connection. */
typedef int peers_publish_fn(void *user, const char *topic, bool retained, const void *payload, size_t len);

int peers_new(struct site *site, peers_publish_fn *publish, void *user, struct peers **ret) must_check;
struct peers *peers_free(struct peers *peers);

/* A message. payload ends in a NUL behind len. */
void peers_message(struct peers *peers, const char *topic, const char *payload, size_t len);

/* The connection is gone: who is online is known again from the states that come with the next one. */
void peers_disconnected(struct peers *peers);

/* Tells every gateway that is online what changed, if the policy or its lease is another than the last time;
 * and renews the lease in time. */
void peers_policy_changed(struct peers *peers);
