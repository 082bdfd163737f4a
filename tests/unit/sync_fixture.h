/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sync_fixture.h: a gateway's sync with time, randomness, broker and stores in the test's hands. Every tests
 * file takes what it needs. */
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

#include "gateway/base/log.h"
#include "gateway/sync/sync.h"

#define EPOCH   "9f2c51d07be8a634"
#define EPOCH_2 "0000000000000001"
#define BOOT    "5d0e1c9a-7c1f-4a53-9a55-0c1f7e0a2b11"
#define ROOT_A  "0000000000000000000000000000000a"
#define ROOT_B  "0000000000000000000000000000000b"
#define SECOND  USEC_PER_SEC

#define OUT_MAX 256

struct message {
    enum cloud_topic topic;
    char *payload;
};

/* Where the gateway stands, and what it was asked to do. */
struct world {
    struct sync *sync;
    struct timestamp now;
    struct sync_log log;
    int64_t iat; /* of the last desired */
    struct cloud_policy policy;
    struct sync_staging staging;
    uint64_t random;
    uint64_t random_step;
    struct message out[OUT_MAX];
    size_t out_count;
    size_t out_taken;
    unsigned connects;
    struct cloud_state will;
    int64_t saved_conn;
    unsigned reads;
    int64_t read_from;
    unsigned acks;
    unsigned new_epochs;
    enum trust_mode trust;
    const struct key_set *keys; /* of gateway.json */
    bool keys_allowed;          /* of the last delta or snapshot */
    unsigned refused;
    struct sync_refused last_refused;
    unsigned deltas;
    unsigned snapshots;
    unsigned chunks;
    unsigned cancels;
    unsigned sums;
    int store_error; /* what the store's hooks return */
    unsigned begins; /* of commands */
    struct command_seen {
        char kid[ID_SIZE], jti[CLOUD_JTI_SIZE], ref[CLOUD_REF_SIZE], what[512];
        struct sync_command run; /* without the strings */
        enum cloud_command_outcome outcome;
        char code[CLOUD_WORD_SIZE], stored[2048];
        int64_t id;
    } seen;           /* of the last one */
    struct observer { /* told of each, NULL: nobody is */
        void *user;
        void (*begun)(void *user, const struct sync_command_name *name);
        void (*run)(void *user, const struct sync_command *command);
        void (*ended)(void *user, const struct sync_command_ended *ended);
    } observer;
    unsigned runs;
    bool runs_end; /* at once, completed */
    unsigned ends;
    int end_error;
    char wall[128]; /* what was saved, "" if nothing */
    bool forgetful;
    unsigned lease_calls;
    bool lease_over;
    struct text text;
};

static inline void hook_connect(void *user, const char *will, size_t len)
{
    struct world *w = user;
    struct cloud_refusal refusal;

    w->connects++;
    assert_int_equal(cloud_state_parse(will, len, &w->will, &refusal), 0);
}

static inline void hook_publish(void *user, enum cloud_topic topic, const char *payload, size_t len)
{
    struct world *w = user;

    assert_true(w->out_count < OUT_MAX);
    w->out[w->out_count++] = (struct message){ .topic = topic, .payload = strndup(payload, len) };
}

static inline void hook_save_conn(void *user, int64_t conn)
{
    ((struct world *)user)->saved_conn = conn;
}

static inline int hook_read_events(void *user, int64_t from, size_t count_max, size_t bytes_max)
{
    struct world *w = user;

    assert_int_equal(count_max, CLOUD_BATCH_EVENTS_MAX);
    assert_int_equal(bytes_max, CLOUD_BATCH_BYTES_MAX);
    w->reads++;
    w->read_from = from;
    return 0;
}

static inline int hook_ack(void *user, const struct cloud_ack *ack)
{
    ((struct world *)user)->acks++;
    return 0;
}

static inline int hook_new_epoch(void *user)
{
    ((struct world *)user)->new_epochs++;
    return 0;
}

static inline int hook_delta(void *user, const struct cloud_delta *delta)
{
    struct world *w = user;

    w->deltas += w->store_error == 0;
    w->keys_allowed = delta->keys_allowed;
    return w->store_error;
}

static inline int hook_snapshot(void *user, const struct cloud_snapshot *manifest)
{
    struct world *w = user;

    w->snapshots += w->store_error == 0;
    w->keys_allowed = manifest->keys_allowed;
    return w->store_error;
}

static inline int hook_chunk(void *user, const char *bytes, size_t len)
{
    struct world *w = user;

    w->chunks += w->store_error == 0;
    return w->store_error;
}

static inline int hook_cancel(void *user)
{
    ((struct world *)user)->cancels++;
    return 0;
}

static inline int hook_sums(void *user)
{
    struct world *w = user;

    w->sums += w->store_error == 0;
    return w->store_error;
}

static inline void hook_refused(void *user, const struct timestamp *now, const struct sync_refused *refused)
{
    struct world *w = user;

    w->refused++;
    w->last_refused = *refused;
}

static inline bool hook_has_target(void *user, enum cloud_verb verb, const char *target)
{
    return id_valid(target) && strcmp(target, "nowhere") != 0;
}

static inline int hook_begin_command(void *user, const struct sync_command_name *name)
{
    struct world *w = user;

    w->begins++;
    snprintf(w->seen.kid, sizeof(w->seen.kid), "%s", name->kid);
    snprintf(w->seen.jti, sizeof(w->seen.jti), "%s", name->jti);
    snprintf(w->seen.ref, sizeof(w->seen.ref), "%s", name->ref);
    snprintf(w->seen.what, sizeof(w->seen.what), "%s", name->what);
    if (w->observer.begun)
        w->observer.begun(w->observer.user, name);
    return w->store_error;
}

static inline bool hook_run_command(void *user, const struct timestamp *now,
                                    const struct sync_command *command, struct sync_command_end *ret_end)
{
    struct world *w = user;

    w->runs++;
    w->seen.run = *command;
    if (w->observer.run)
        w->observer.run(w->observer.user, command);
    *ret_end = (struct sync_command_end){ .outcome = CLOUD_COMMAND_COMPLETED };
    return w->runs_end;
}

static inline int hook_end_command(void *user, const struct timestamp *now,
                                   const struct sync_command_ended *ended)
{
    struct world *w = user;

    if (w->end_error)
        return w->end_error;
    w->ends++;
    w->seen.id = ended->id;
    w->seen.outcome = ended->result->outcome;
    snprintf(w->seen.code, sizeof(w->seen.code), "%s", ended->result->code);
    snprintf(w->seen.stored, sizeof(w->seen.stored), "%s", ended->stored);
    if (w->observer.ended)
        w->observer.ended(w->observer.user, ended);
    return 0;
}

static inline void hook_set_time(void *user, const struct timestamp *now, int64_t utc_us)
{
    struct world *w = user;

    w->now.utc_us = utc_us;
    w->now.clock = CLOCK_STATE_HOLDOVER;
}

static inline void hook_save_wall(void *user, const char *value)
{
    struct world *w = user;

    snprintf(w->wall, sizeof(w->wall), "%s", value);
}

static inline void hook_lease_over(void *user, bool over)
{
    struct world *w = user;

    w->lease_calls++;
    w->lease_over = over;
}

static inline uint64_t hook_random(void *user)
{
    struct world *w = user;

    return w->random += w->random_step;
}

static inline struct cloud_policy policy(int64_t generation, int64_t version, const char *root)
{
    struct cloud_policy p = { .generation = generation, .version = version };

    memcpy(p.root, root, CLOUD_ROOT_SIZE);
    return p;
}

/* (Re)creates sync as after a start of the gateway. */
static inline void start(struct world *w)
{
    const struct sync_hooks hooks = { .user = w,
                                      .connect = hook_connect,
                                      .publish = hook_publish,
                                      .save_conn = hook_save_conn,
                                      .read_events = hook_read_events,
                                      .ack = hook_ack,
                                      .new_epoch = hook_new_epoch,
                                      .apply_delta = hook_delta,
                                      .begin_snapshot = hook_snapshot,
                                      .put_chunk = hook_chunk,
                                      .cancel_snapshot = hook_cancel,
                                      .read_sums = hook_sums,
                                      .refused = hook_refused,
                                      .has_target = hook_has_target,
                                      .begin_command = hook_begin_command,
                                      .run_command = hook_run_command,
                                      .end_command = hook_end_command,
                                      .set_time = hook_set_time,
                                      .save_wall = hook_save_wall,
                                      .lease_over = hook_lease_over,
                                      .random = hook_random };
    const struct sync_options options = { .self = { .site = "hub", .gateway = "gw1" },
                                          .trust = w->trust,
                                          .keys = w->keys,
                                          .software = "0.1.0",
                                          .boot_id = BOOT,
                                          .conn = w->saved_conn,
                                          .log = w->log,
                                          .policy = w->policy,
                                          .staging = w->staging,
                                          .wall = w->wall[0] ? w->wall : NULL,
                                          .forgetful = w->forgetful };

    w->sync = sync_free(w->sync);
    assert_int_equal(sync_new(&options, &hooks, &w->sync), 0);
}

static inline int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    log_init("test", LOG_CRIT);
    w->now = (struct timestamp){ .boot_us = 1000 * SECOND, .clock = CLOCK_STATE_HOLDOVER };
    w->log = (struct sync_log){ .epoch = EPOCH, .oldest = 1, .acked = 0, .head = 0 };
    w->policy = policy(1, 42, ROOT_A);
    w->random = UINT64_MAX;
    start(w);
    *state = w;
    return 0;
}

static inline int teardown(void **state)
{
    struct world *w = *state;

    sync_free(w->sync);
    for (size_t i = 0; i < w->out_count; i++)
        free(w->out[i].payload);
    text_finish(&w->text);
    free(w);
    return 0;
}

/* Time passes, in one step. */
static inline void pass(struct world *w, int64_t us)
{
    w->now.boot_us += us;
    sync_advance(w->sync, &w->now);
}

/* The next publication; NULL if there is none. */
static const struct message *next(struct world *w)
{
    return w->out_taken < w->out_count ? &w->out[w->out_taken++] : NULL;
}

static const char *expect(struct world *w, enum cloud_topic topic)
{
    const struct message *message = next(w);

    assert_non_null(message);
    assert_int_equal(message->topic, topic);
    return message->payload;
}

static inline void expect_silence(struct world *w)
{
    assert_null(next(w));
}

static inline struct cloud_state expect_state(struct world *w)
{
    const char *payload = expect(w, CLOUD_UP_STATE);
    struct cloud_refusal refusal;
    struct cloud_state state;

    assert_int_equal(cloud_state_parse(payload, strlen(payload), &state, &refusal), 0);
    return state;
}

static inline struct cloud_request expect_request(struct world *w, enum cloud_want want)
{
    const char *payload = expect(w, CLOUD_UP_REQUEST);
    struct cloud_refusal refusal;
    struct cloud_request request;

    assert_int_equal(cloud_request_parse(payload, strlen(payload), &request, &refusal), 0);
    assert_int_equal(request.want, want);
    return request;
}

static inline struct cloud_result expect_result(struct world *w, enum cloud_topic of,
                                                enum cloud_outcome outcome)
{
    const char *payload = expect(w, CLOUD_UP_RESULT);
    struct cloud_refusal refusal;
    struct cloud_result result;

    assert_int_equal(cloud_result_parse(payload, strlen(payload), &result, &refusal), 0);
    assert_int_equal(result.of, of);
    assert_int_equal(result.outcome, outcome);
    return result;
}

static inline struct cloud_events expect_events(struct world *w, int64_t first)
{
    const char *payload = expect(w, CLOUD_UP_EVENTS);
    struct cloud_refusal refusal;
    struct cloud_events events;

    assert_int_equal(cloud_events_parse(payload, strlen(payload), &events, &refusal), 0);
    assert_int_equal(events.first, first);
    return events;
}

static inline void connect_up(struct world *w)
{
    sync_link_started(w->sync);
    sync_connected(w->sync, &w->now);
    (void)expect_state(w);
}

static inline void receive(struct world *w, enum cloud_topic topic)
{
    const struct trust_message message = { .bytes = w->text.data, .len = w->text.len };

    sync_message(w->sync, &w->now, cloud_topic_name(topic), &message);
}

static inline void receive_text(struct world *w, enum cloud_topic topic, const char *payload)
{
    const struct trust_message message = { .bytes = payload, .len = strlen(payload) };

    sync_message(w->sync, &w->now, cloud_topic_name(topic), &message);
}

static inline void desire_at(struct world *w, struct cloud_policy target, int64_t iat)
{
    const struct cloud_desired desired = { .aud = "hub/gw1", .iat = iat, .policy = target };

    assert_int_equal(cloud_desired_format(&w->text, &desired), 0);
    receive(w, CLOUD_DOWN_DESIRED);
}

static inline void desire(struct world *w, struct cloud_policy target)
{
    desire_at(w, target, ++w->iat);
}

static inline void send_delta(struct world *w, int64_t from, int64_t to)
{
    const struct cloud_delta delta = {
        .aud = "hub/gw1", .iat = 1, .generation = 1, .from = from, .to = to, .root = ROOT_B
    };

    assert_int_equal(cloud_delta_format(&w->text, &delta), 0);
    receive(w, CLOUD_DOWN_DELTA);
}

static inline void send_manifest(struct world *w, struct cloud_policy target, int64_t chunks)
{
    struct cloud_snapshot snapshot = {
        .aud = "hub/gw1", .iat = 1, .policy = target, .items = chunks, .chunks = chunks
    };

    memset(snapshot.first, 'a', CLOUD_HASH_SIZE - 1);
    assert_int_equal(cloud_snapshot_format(&w->text, &snapshot), 0);
    receive(w, CLOUD_DOWN_SNAPSHOT);
}

static inline void send_ack(struct world *w)
{
    const struct cloud_ack ack = { .aud = "hub/gw1", .iat = 1, .epoch = EPOCH };

    assert_int_equal(cloud_ack_format(&w->text, &ack), 0);
    receive(w, CLOUD_DOWN_ACK);
}

/* An ack comes, and the ledger takes it. */
static inline void acked(struct world *w, int64_t seq)
{
    send_ack(w);
    sync_acked(w->sync, &w->now, SYNC_ACK_TAKEN, seq);
}

static inline void report(struct world *w, enum sync_policy_outcome outcome)
{
    const struct sync_policy_report r = { .outcome = outcome, .policy = w->policy, .staging = w->staging };

    sync_policy(w->sync, &w->now, &r);
}

/* The store has taken chunks up to next. */
static inline void staged(struct world *w, int64_t version, int64_t chunks, int64_t chunk)
{
    w->staging = (struct sync_staging){
        .active = true, .generation = 1, .version = version, .chunks = chunks, .next = chunk
    };
}

static inline void append(struct world *w, int64_t head)
{
    w->log.head = head;
    sync_log_changed(w->sync, &w->now, &w->log);
}

/* The ledger answers a read with count events. */
static inline void batch(struct world *w, int64_t first, int64_t count)
{
    struct cloud_events events = { .first = first, .count = count };
    struct text lines = TEXT_INIT;

    memcpy(events.epoch, w->log.epoch, sizeof(events.epoch));
    for (int64_t i = 0; i < count; i++)
        text_addf(&lines, "{\"seq\":%d}\n", (int)(first + i));
    events.lines = text_string(&lines);
    events.len = lines.len;
    sync_batch(w->sync, &w->now, &events);
    text_finish(&lines);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
