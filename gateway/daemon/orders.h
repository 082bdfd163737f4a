/* SPDX-License-Identifier: GPL-3.0-or-later */
/* orders.h: modes and lockdowns that people order, at the gateway or through the cloud: carried out in one
 * way, and remembered with who ordered them and why, over restarts. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "gateway/base/clock.h"
#include "gateway/core/policy.h"

struct daemon;
struct orders;

/* Keys of the lasting state: one for each door's override, one for its lockdown, and one for the site's. */
#define ORDERS_PREFIX "order/"

/* Who orders something. Strings last for the call; NULL: there is none. */
struct order_by {
    const char *operator_name; /* somebody at the gateway, or */
    const char *issuer;        /* whoever the cloud's command is from */
    const char *jti;           /* the command's */
    const char *reason;
    uint64_t cause; /* ticket of the event that tells of the order, 0: none */
};

int orders_new(struct orders **ret) must_check;

/* Takes NULL, returns NULL. */
struct orders *orders_free(struct orders *orders);

/* One entry of the last run's state. Returns 0 or -ENOMEM. */
int orders_restore(struct daemon *daemon, const char *key, const char *value) must_check;

/* Overrides a door's mode; until_us as in world_mode(). DOOR_MODES: ends the override. Returns 0 or a
 * negative errno. */
int orders_mode(struct daemon *daemon, uint32_t door, enum door_mode mode, int64_t until_us,
                const struct order_by *by, const struct timestamp *now) must_check;

/* Locks a door down, with POLICY_NONE the whole site, or ends that; its event is recorded. Returns 0 or a
 * negative errno. */
int orders_lockdown(struct daemon *daemon, uint32_t door, bool on, const struct order_by *by,
                    const struct timestamp *now) must_check;

/* Another mode holds at a door: who ordered an override that has ended by itself is forgotten. */
void orders_follow(struct daemon *daemon, uint32_t door, const struct timestamp *now);

/* Who ordered a door's override; the lockdown of a door, with POLICY_NONE the site's; as a JSON object
 * {operator|iss, reason, at}. NULL: nobody did, or it is not known. Counts only while the order holds. */
const char *orders_of(const struct daemon *daemon, uint32_t door);
const char *orders_of_lockdown(const struct daemon *daemon, uint32_t door);
