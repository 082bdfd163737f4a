/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cloud.h: sync, stile-link and the two stores, joined. Without a broker in the configuration there is no
 * link, and everything here does nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/base/cleanup.h"

struct daemon;
struct json_out;

/* Lasting state that is not core's: the highest policy ever applied (cloud contract P6), and the last
 * connection of a boot. */
#define CLOUD_POLICY_KEY "policy"
#define CLOUD_CONN_KEY   "conn"

/* Who changed the policy last: "iat kid". */
#define CLOUD_CHANGED_KEY "changed"

/* What sync remembers of the lease and the time (wall.h). */
#define CLOUD_WALL_KEY "wall"

/* And each retired key, "retired/cmd-1". */
#define CLOUD_RETIRED_PREFIX "retired/"

/* Doors and devices are looked at for up/report at most this often. */
#define CLOUD_REPORT_EVERY_US (5 * USEC_PER_SEC)

/* Most bytes that wait for a stile-link which does not read. */
#define CLOUD_OUT_MAX (4u * 1024 * 1024)

/* The stores are open, their workers not yet started. Returns 0 or a negative errno; cloud_free() is to be
 * called in any case. */
int cloud_new(struct daemon *daemon) must_check;
void cloud_free(struct daemon *daemon);

/* Takes leave of the broker. daemon_stopped() follows, from the loop, when stile-link is gone; true if there
 * is none to wait for. */
void cloud_stop(struct daemon *daemon);
bool cloud_stopped(const struct daemon *daemon);

/* Events are durable, or gone; one of them, as stored. */
void cloud_log_changed(struct daemon *daemon);
void cloud_live(struct daemon *daemon, const char *event, size_t len);

/* Doors, devices or people are not as they were. */
void cloud_world_changed(struct daemon *daemon);

void cloud_advance(struct daemon *daemon, const struct timestamp *now);
int64_t cloud_due(const struct daemon *daemon);

/* Retires a key for good: gathered for the next event (record.h), which is the command's. Returns 0;
 * TRUST_E_LAST_ROOT; or -ENOMEM. */
int cloud_retire_key(struct daemon *daemon, const char *kid) must_check;

/* The member "link" of stilectl's status. */
void cloud_add_status(const struct daemon *daemon, struct json_out *out);
