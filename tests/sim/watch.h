/* SPDX-License-Identifier: GPL-3.0-or-later */
/* watch.h: what must hold, looked at after every step, at every word that is said, and at the end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/cloud_message.h"
#include "tests/sim/broker.h"
#include "tools/stile-cloud/site.h"

/* How long the policy is leased for. */
#define WATCH_LEASE_S 120

void watch_begin(void);
void watch_step(void);

/* The universe has come to its end. */
bool watch_is_over(void);

/* Everything must have come to rest by now: the last look. */
void watch_end(void);

/* Both ends must know each other. */
void watch_connected(void);

/* A policy that the gateway has in force, or would have if it ran. */
struct cloud_policy watch_gateway_policy(void);

/* The policy by which the gateway decides now. */
const struct cloud_policy *watch_in_force(void);

/* The gateway had one, and has none. */
bool watch_policy_is_lost(void);

/* What happens to the gateway. */
void watch_life_begins(void);
void watch_life_ended(void);
void watch_old_image(void);
void watch_lost_policy(void);

/* Makes an item on the card one of another rev, and the root what its items then come to. Returns whether
 * there was one. */
bool watch_drift(void);
void watch_stored(const char *line);

/* Something is published. */
void watch_said(enum broker_client client, const char *topic, const char *payload, size_t len);

/* What happens to the cloud. */
void watch_cloud_starts(struct site *site);
void watch_cloud_old_image(void);
