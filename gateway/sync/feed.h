/* SPDX-License-Identifier: GPL-3.0-or-later */
/* feed.h: the policy on its way down: what the cloud wants in force, what to ask for, what became of it
 * (cloud contract 2). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/text.h"
#include "gateway/sync/answer.h"
#include "gateway/sync/sync.h"
#include "proto/cloud_message.h"

/* A request is repeated after the first of these, then after twice the time, up to the last. */
#define FEED_PAUSE_MIN_US (10 * USEC_PER_SEC)
#define FEED_PAUSE_MAX_US (300 * USEC_PER_SEC)

/* What the policy store may owe: a window of chunks, twice over. What comes beyond is dropped, and asked for
 * again in time. */
#define FEED_JOBS_MAX (2 * CLOUD_CHUNK_WINDOW)

/* Something that the policy store works on. */
struct feed_job {
    enum cloud_topic of; /* delta, snapshot or chunk; desired: a cancellation, nobody's answer */
    char ref[CLOUD_REF_SIZE];
    struct cloud_policy aim; /* what would be in force after it */
    struct sync_author by;
};

/* What mends a policy of the right version and another root. */
enum feed_repair {
    FEED_REPAIR_UNKNOWN, /* the digest tells */
    FEED_REPAIR_BUCKETS, /* those that differ */
    FEED_REPAIR_WHOLE,   /* a snapshot: the sums are equal, or a change did not come to its root */
};

struct feed {
    const struct sync_hooks *hooks;
    const struct cloud_self *self;
    struct answer *answer;

    struct cloud_policy have;
    struct sync_staging staging;
    char manifest_ref[CLOUD_REF_SIZE]; /* of the snapshot that is staged; "" if it came in an earlier run */
    struct sync_author manifest_by;
    bool distrusted;            /* what is staged, or on its way to be: a key counts no more */
    struct sync_author changed; /* the last change that was applied */
    int64_t agreed_us;          /* when target was last known to be in force; 0: never */

    bool target_known; /* since the connection stands */
    struct cloud_policy target;
    int64_t target_iat; /* when the cloud said so */
    struct cloud_policy
        refused; /* its content was: not asked for again until the target is another version */
    enum feed_repair repair;
    bool summing;               /* the store sums up what is in force, beside its jobs */
    struct cloud_digest digest; /* the cloud's, to compare with that */
    struct digest_set buckets;  /* that differ */

    struct feed_job jobs[FEED_JOBS_MAX]; /* a ring, in the order of the calls */
    size_t job_first;
    size_t job_count;

    bool asking;
    struct cloud_request request;
    int64_t pause_us;
    int64_t ask_at; /* again */

    struct text text;
};

void feed_init(struct feed *feed, const struct sync_options *options, const struct sync_hooks *hooks);
void feed_finish(struct feed *feed);

void feed_disconnected(struct feed *feed);

/* A key counts no more: what is being received may be by it, and is asked for anew. */
void feed_distrust(struct feed *feed);

/* Messages. feed_desired() returns whether it was taken, with what it says. */
bool feed_desired(struct feed *feed, const struct timestamp *now, const struct trust_opened *opened,
                  struct cloud_desired *ret_desired);
void feed_delta(struct feed *feed, const struct timestamp *now, const struct trust_opened *opened);
void feed_snapshot(struct feed *feed, const struct timestamp *now, const struct trust_opened *opened);
void feed_chunk(struct feed *feed, const struct timestamp *now, const char *bytes, size_t len);
void feed_digest(struct feed *feed, const struct timestamp *now, const char *bytes, size_t len);

/* The policy store's answer to a digest; NULL if what is in force could not be summed up. */
void feed_sums(struct feed *feed, const struct timestamp *now, const struct cloud_digest *sums);

/* Its answer to the oldest job. */
void feed_report(struct feed *feed, const struct timestamp *now, const struct sync_policy_report *report);

void feed_advance(struct feed *feed, const struct timestamp *now);
int64_t feed_due(const struct feed *feed);
