/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sync_model.h: what test_sync_random.c runs the gateway's end against: a network that loses, repeats and
 * reorders, and a small model of the cloud. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/sync/sync.h"

#define BATCH_EVENTS 10
#define CHUNKS       37
#define MESSAGES_MAX 4096
#define JOBS_MAX     64
#define EVENTS_MAX   4096
#define EPOCHS_MAX   64
#define VERSIONS_MAX 1024

struct message {
    bool up;
    enum cloud_topic topic;
    char *payload;
    size_t len;
    int64_t at;
};

enum job_kind { JOB_DELTA, JOB_SNAPSHOT, JOB_CHUNK, JOB_CANCEL, JOB_SUMS, JOB_READ, JOB_ACK, JOB_EPOCH };

/* Something a store owes; stores answer in order. */
struct job {
    enum job_kind kind;
    int64_t generation, from, to; /* of a change; READ: from */
    int64_t chunk;
    bool repair; /* a delta */
    struct cloud_ack ack;
    int64_t at;
};

struct queue {
    struct job jobs[JOBS_MAX];
    size_t count;
};

/* Events of an epoch that the cloud has. */
struct archive {
    char epoch[CLOUD_EPOCH_SIZE];
    int64_t cursor;
    uint8_t hash[CHAIN_BYTES];
};

struct sim {
    uint64_t seed;
    bool faults;
    struct timestamp now;
    struct sync *sync;
    struct text text;

    struct message messages[MESSAGES_MAX];
    size_t message_count;
    int64_t connect_at; /* 0: no attempt */
    bool connected;

    struct cloud_policy policy;
    struct sync_staging staging;
    struct queue policy_jobs;

    unsigned epochs;
    struct sync_log log;
    uint8_t hashes[EVENTS_MAX][CHAIN_BYTES]; /* of the current epoch */
    struct queue ledger_jobs;
    bool acked_here; /* an ack was taken in this connection */
    int64_t cursor;  /* the highest */
    int64_t conn;

    int64_t version; /* the cloud's */
    bool bad[VERSIONS_MAX];
    struct archive archives[EPOCHS_MAX];
    size_t archive_count;
};

static inline uint64_t draw(struct sim *s)
{
    s->seed ^= s->seed << 13;
    s->seed ^= s->seed >> 7;
    s->seed ^= s->seed << 17;
    return s->seed;
}

/* Whether something happens that happens in n of 1,000 cases, while there are faults. */
static inline bool chance(struct sim *s, unsigned n)
{
    return s->faults && draw(s) % 1000 < n;
}

static inline int64_t delay(struct sim *s, int64_t most_us)
{
    return s->now.boot_us + (int64_t)(draw(s) % (uint64_t)most_us);
}

static inline struct cloud_policy policy_of(int64_t version)
{
    struct cloud_policy policy = { .generation = version > 0, .version = version };

    snprintf(policy.root, sizeof(policy.root), "%032llx", (unsigned long long)version);
    return policy;
}

/* --- network --- */

static inline void carry(struct sim *s, bool up, enum cloud_topic topic, const char *payload, size_t len)
{
    int copies = chance(s, 100) ? 0 : chance(s, 100) ? 2 : 1;

    while (copies-- > 0) {
        struct message message = { .up = up, .topic = topic, .len = len };

        assert_true(s->message_count < MESSAGES_MAX);
        message.payload = strndup(payload, len);
        message.at = delay(s, s->faults ? 3 * USEC_PER_SEC : 1); /* without faults in order */
        s->messages[s->message_count++] = message;
    }
}

static inline void lose_messages(struct sim *s)
{
    while (s->message_count > 0)
        free(s->messages[--s->message_count].payload);
}

/* --- the cloud --- */

static inline void say_desired(struct sim *s)
{
    const struct cloud_desired desired = { .aud = "hub/gw1", .iat = 1, .policy = policy_of(s->version) };

    assert_int_equal(cloud_desired_format(&s->text, &desired), 0);
    carry(s, false, CLOUD_DOWN_DESIRED, s->text.data, s->text.len);
}

/* buckets: none for a change. */
static inline void say_delta(struct sim *s, int64_t from, struct digest_set buckets)
{
    struct cloud_delta delta = {
        .aud = "hub/gw1", .iat = 1, .generation = 1, .from = from, .to = s->version, .buckets = buckets
    };

    memcpy(delta.root, policy_of(s->version).root, CLOUD_ROOT_SIZE);
    assert_int_equal(cloud_delta_format(&s->text, &delta), 0);
    carry(s, false, CLOUD_DOWN_DELTA, s->text.data, s->text.len);
}

static inline void say_manifest(struct sim *s)
{
    struct cloud_snapshot snapshot = {
        .aud = "hub/gw1", .iat = 1, .policy = policy_of(s->version), .items = 1, .chunks = CHUNKS
    };

    memset(snapshot.first, 'a', CLOUD_HASH_SIZE - 1);
    assert_int_equal(cloud_snapshot_format(&s->text, &snapshot), 0);
    carry(s, false, CLOUD_DOWN_SNAPSHOT, s->text.data, s->text.len);
}

static inline void say_digest(struct sim *s)
{
    const struct cloud_digest digest = { .generation = 1, .version = s->version };

    assert_int_equal(cloud_digest_format(&s->text, &digest), 0);
    carry(s, false, CLOUD_DOWN_DIGEST, s->text.data, s->text.len);
}

static inline void say_chunks(struct sim *s, const struct cloud_request *request)
{
    assert_true(request->from + request->count <= CHUNKS);
    if (chance(s, 50)) { /* kept long enough */
        say_manifest(s);
        return;
    }
    for (int64_t i = request->from; i < request->from + request->count; i++) {
        const struct cloud_chunk chunk = {
            .generation = 1, .version = request->version, .i = i, .lines = ""
        };

        assert_int_equal(cloud_chunk_format(&s->text, &chunk), 0);
        carry(s, false, CLOUD_DOWN_CHUNK, s->text.data, s->text.len);
    }
}

static inline void take_request(struct sim *s, const struct message *message)
{
    struct cloud_refusal refusal;
    struct cloud_request request;

    assert_int_equal(cloud_request_parse(message->payload, message->len, &request, &refusal), 0);
    if (request.want == CLOUD_WANT_TIME)
        return; /* not this cloud's trade */
    if (request.want == CLOUD_WANT_CHUNKS)
        say_chunks(s, &request);
    else if (request.want == CLOUD_WANT_DIGEST && request.version == s->version)
        say_digest(s);
    else if (request.want == CLOUD_WANT_DIGEST)
        say_desired(s);
    else if (request.want == CLOUD_WANT_DELTA && draw(s) % 4 != 0 &&
             request.version + (digest_set_count(&request.buckets) == 0) <= s->version)
        say_delta(s, request.version, request.buckets);
    else
        say_manifest(s);
}

static inline struct archive *archive_of(struct sim *s, const char *epoch)
{
    for (size_t i = 0; i < s->archive_count; i++)
        if (strcmp(s->archives[i].epoch, epoch) == 0)
            return &s->archives[i];
    assert_true(s->archive_count < EPOCHS_MAX);
    struct archive *archive = &s->archives[s->archive_count++];

    memcpy(archive->epoch, epoch, CLOUD_EPOCH_SIZE);
    return archive;
}

static inline void say_ack(struct sim *s, const struct archive *archive)
{
    struct cloud_ack ack = { .aud = "hub/gw1", .iat = 1, .seq = archive->cursor };

    memcpy(ack.epoch, archive->epoch, sizeof(ack.epoch));
    memcpy(ack.hash, archive->hash, CHAIN_BYTES);
    assert_int_equal(cloud_ack_format(&s->text, &ack), 0);
    carry(s, false, CLOUD_DOWN_ACK, s->text.data, s->text.len);
}

static inline void take_state(struct sim *s, const struct message *message)
{
    struct cloud_refusal refusal;
    struct cloud_state state;

    assert_int_equal(cloud_state_parse(message->payload, message->len, &state, &refusal), 0);
    say_desired(s);
    say_ack(s, archive_of(s, state.epoch));
}

/* Takes what is new of a batch that follows; anything else is answered by the cursor alone. */
static inline void take_events(struct sim *s, const struct message *message)
{
    struct cloud_refusal refusal;
    struct cloud_events events;

    assert_int_equal(cloud_events_parse(message->payload, message->len, &events, &refusal), 0);
    assert_int_equal(cloud_events_check(&events, &refusal), 0);
    struct archive *archive = archive_of(s, events.epoch);
    int64_t last = events.first + events.count - 1;

    if (events.first <= archive->cursor + 1 && last > archive->cursor) {
        if (events.first == archive->cursor + 1)
            assert_memory_equal(events.prev, archive->hash, CHAIN_BYTES);
        archive->cursor = last;
        memcpy(archive->hash, events.hash, CHAIN_BYTES);
    }
    say_ack(s, archive);
}
