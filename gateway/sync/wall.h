/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wall.h: what the cloud says of wall-clock time: a clock for a gateway that has none ("Time" in cloud
 * contract 2), the lease of its policy (P7), and how late it is at least, by what was signed.
 *
 * The lease in force, whether it has run out, and the latest signed iat outlast a restart: whoever owns the
 * ledger keeps the one text that save_wall() hands out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/text.h"
#include "gateway/sync/answer.h"
#include "gateway/sync/sync.h"
#include "proto/cloud_message.h"

/* A request for the time is repeated after the first of these, then after twice the time, up to the last. */
#define WALL_PAUSE_MIN_US (10 * USEC_PER_SEC)
#define WALL_PAUSE_MAX_US (300 * USEC_PER_SEC)

/* The latest iat is kept again once it has moved on by so much. */
#define WALL_SAVE_S 60

struct wall_lease {
    int64_t iat;
    int64_t until;   /* 0: none */
    int64_t version; /* of the desired that brought it */
    int64_t generation;
};

struct wall {
    const struct sync_hooks *hooks;
    const struct cloud_self *self;
    struct answer *answer;

    char nonce[CLOUD_CHALLENGE_SIZE]; /* "": none is out */
    int64_t asked_at;
    int64_t ask_at; /* again; SYNC_NEVER: there is a clock, or no connection */
    int64_t pause_us;

    bool forgetful;
    int64_t remembers_at; /* boot time at which that is over; 0: not set yet */
    int64_t latest_iat;   /* of all that was signed and taken */
    int64_t saved_iat;
    struct wall_lease lease; /* in force */
    struct wall_lease next;  /* counts once its version is applied */
    bool over;               /* the lease has run out, and that was told */
    int64_t over_at;         /* boot time at which it does, as of the last look; SYNC_NEVER */

    struct text text;
};

void wall_init(struct wall *wall, const struct sync_options *options, const struct sync_hooks *hooks);
void wall_finish(struct wall *wall);

/* After the next connect time is asked for at once, if there is none. */
void wall_disconnected(struct wall *wall);

/* Something signed with this iat was taken. */
void wall_note_iat(struct wall *wall, int64_t iat);

/* down/time. policy is in force, for results. */
void wall_time(struct wall *wall, const struct timestamp *now, const struct trust_opened *opened,
               const struct cloud_policy *policy);

/* A desired that was taken; and what is in force. */
void wall_desired(struct wall *wall, const struct timestamp *now, const struct cloud_desired *desired,
                  const struct cloud_policy *policy);
void wall_policy(struct wall *wall, const struct timestamp *now, const struct cloud_policy *policy);

/* Whether a command's iat and exp, compared with the clock, are enough (C1). Not while one may live that was
 * carried out before the ledger was lost: until then it takes a challenge, which is of this run. */
bool wall_vouches(const struct wall *wall, const struct timestamp *now);

void wall_advance(struct wall *wall, const struct timestamp *now);
int64_t wall_due(const struct wall *wall);
