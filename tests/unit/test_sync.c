/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every arrow of the cloud contract by itself, with time, randomness, broker and stores in the test's hands.
 */
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
    struct cloud_policy policy;
    struct sync_staging staging;
    uint64_t random;
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
    unsigned deltas;
    unsigned snapshots;
    unsigned chunks;
    unsigned cancels;
    int store_error; /* what the store's hooks return */
    struct text text;
};

static void hook_connect(void *user, const char *will, size_t len)
{
    struct world *w = user;
    struct cloud_refusal refusal;

    w->connects++;
    assert_int_equal(cloud_state_parse(will, len, &w->will, &refusal), 0);
}

static void hook_publish(void *user, enum cloud_topic topic, const char *payload, size_t len)
{
    struct world *w = user;

    assert_true(w->out_count < OUT_MAX);
    w->out[w->out_count++] = (struct message){ .topic = topic, .payload = strndup(payload, len) };
}

static void hook_save_conn(void *user, int64_t conn)
{
    ((struct world *)user)->saved_conn = conn;
}

static int hook_read_events(void *user, int64_t from, size_t count_max, size_t bytes_max)
{
    struct world *w = user;

    assert_int_equal(count_max, CLOUD_BATCH_EVENTS_MAX);
    assert_int_equal(bytes_max, CLOUD_BATCH_BYTES_MAX);
    w->reads++;
    w->read_from = from;
    return 0;
}

static int hook_ack(void *user, const struct cloud_ack *ack)
{
    ((struct world *)user)->acks++;
    return 0;
}

static int hook_new_epoch(void *user)
{
    ((struct world *)user)->new_epochs++;
    return 0;
}

static int hook_delta(void *user, const struct cloud_delta *delta)
{
    struct world *w = user;

    w->deltas += w->store_error == 0;
    return w->store_error;
}

static int hook_snapshot(void *user, const struct cloud_snapshot *manifest)
{
    struct world *w = user;

    w->snapshots += w->store_error == 0;
    return w->store_error;
}

static int hook_chunk(void *user, const char *bytes, size_t len)
{
    struct world *w = user;

    w->chunks += w->store_error == 0;
    return w->store_error;
}

static int hook_cancel(void *user)
{
    ((struct world *)user)->cancels++;
    return 0;
}

static uint64_t hook_random(void *user)
{
    return ((struct world *)user)->random;
}

static struct cloud_policy policy(int64_t generation, int64_t version, const char *root)
{
    struct cloud_policy p = { .generation = generation, .version = version };

    memcpy(p.root, root, CLOUD_ROOT_SIZE);
    return p;
}

/* (Re)creates sync as after a start of the gateway. */
static void start(struct world *w)
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
                                      .random = hook_random };
    const struct sync_options options = { .self = { .site = "hub", .gateway = "gw1" },
                                          .software = "0.1.0",
                                          .boot_id = BOOT,
                                          .conn = w->saved_conn,
                                          .log = w->log,
                                          .policy = w->policy,
                                          .staging = w->staging };

    w->sync = sync_free(w->sync);
    assert_int_equal(sync_new(&options, &hooks, &w->sync), 0);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    log_init("test", LOG_CRIT);
    w->now = (struct timestamp){ .boot_us = 1000 * SECOND, .clock = CLOCK_STATE_NONE };
    w->log = (struct sync_log){ .epoch = EPOCH, .oldest = 1, .acked = 0, .head = 0 };
    w->policy = policy(1, 42, ROOT_A);
    w->random = UINT64_MAX;
    start(w);
    *state = w;
    return 0;
}

static int teardown(void **state)
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
static void pass(struct world *w, int64_t us)
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

static void expect_silence(struct world *w)
{
    assert_null(next(w));
}

static struct cloud_state expect_state(struct world *w)
{
    const char *payload = expect(w, CLOUD_UP_STATE);
    struct cloud_refusal refusal;
    struct cloud_state state;

    assert_int_equal(cloud_state_parse(payload, strlen(payload), &state, &refusal), 0);
    return state;
}

static struct cloud_request expect_request(struct world *w, enum cloud_want want)
{
    const char *payload = expect(w, CLOUD_UP_REQUEST);
    struct cloud_refusal refusal;
    struct cloud_request request;

    assert_int_equal(cloud_request_parse(payload, strlen(payload), &request, &refusal), 0);
    assert_int_equal(request.want, want);
    return request;
}

static struct cloud_result expect_result(struct world *w, enum cloud_topic of, enum cloud_outcome outcome)
{
    const char *payload = expect(w, CLOUD_UP_RESULT);
    struct cloud_refusal refusal;
    struct cloud_result result;

    assert_int_equal(cloud_result_parse(payload, strlen(payload), &result, &refusal), 0);
    assert_int_equal(result.of, of);
    assert_int_equal(result.outcome, outcome);
    return result;
}

static struct cloud_events expect_events(struct world *w, int64_t first)
{
    const char *payload = expect(w, CLOUD_UP_EVENTS);
    struct cloud_refusal refusal;
    struct cloud_events events;

    assert_int_equal(cloud_events_parse(payload, strlen(payload), &events, &refusal), 0);
    assert_int_equal(events.first, first);
    return events;
}

static void connect_up(struct world *w)
{
    sync_link_started(w->sync);
    sync_connected(w->sync, &w->now);
    (void)expect_state(w);
}

static void receive(struct world *w, enum cloud_topic topic)
{
    sync_message(w->sync, &w->now, cloud_topic_name(topic), w->text.data, w->text.len);
}

static void receive_text(struct world *w, enum cloud_topic topic, const char *payload)
{
    sync_message(w->sync, &w->now, cloud_topic_name(topic), payload, strlen(payload));
}

static void desire(struct world *w, struct cloud_policy target)
{
    const struct cloud_desired desired = { .aud = "hub/gw1", .iat = 1, .policy = target };

    assert_int_equal(cloud_desired_format(&w->text, &desired), 0);
    receive(w, CLOUD_DOWN_DESIRED);
}

static void send_delta(struct world *w, int64_t from, int64_t to)
{
    const struct cloud_delta delta = {
        .aud = "hub/gw1", .iat = 1, .generation = 1, .from = from, .to = to, .root = ROOT_B
    };

    assert_int_equal(cloud_delta_format(&w->text, &delta), 0);
    receive(w, CLOUD_DOWN_DELTA);
}

static void send_manifest(struct world *w, struct cloud_policy target, int64_t chunks)
{
    struct cloud_snapshot snapshot = {
        .aud = "hub/gw1", .iat = 1, .policy = target, .items = chunks, .chunks = chunks
    };

    memset(snapshot.first, 'a', CLOUD_HASH_SIZE - 1);
    assert_int_equal(cloud_snapshot_format(&w->text, &snapshot), 0);
    receive(w, CLOUD_DOWN_SNAPSHOT);
}

static void send_ack(struct world *w)
{
    const struct cloud_ack ack = { .aud = "hub/gw1", .iat = 1, .epoch = EPOCH };

    assert_int_equal(cloud_ack_format(&w->text, &ack), 0);
    receive(w, CLOUD_DOWN_ACK);
}

/* An ack comes, and the ledger takes it. */
static void acked(struct world *w, int64_t seq)
{
    send_ack(w);
    sync_acked(w->sync, &w->now, SYNC_ACK_TAKEN, seq);
}

static void report(struct world *w, enum sync_policy_outcome outcome)
{
    const struct sync_policy_report r = { .outcome = outcome, .policy = w->policy, .staging = w->staging };

    sync_policy(w->sync, &w->now, &r);
}

static void append(struct world *w, int64_t head)
{
    w->log.head = head;
    sync_log_changed(w->sync, &w->now, &w->log);
}

/* The ledger answers a read with count events. */
static void batch(struct world *w, int64_t first, int64_t count)
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

/* --- presence --- */

static void session__link_starts__connects_with_a_will_and_says_its_birth(void **state)
{
    struct world *w = *state;

    assert_int_equal(sync_due(w->sync), SYNC_NEVER);
    sync_link_started(w->sync);
    assert_int_equal(w->connects, 1);
    assert_false(w->will.online);
    assert_int_equal(w->will.conn, 1);
    expect_silence(w);
    sync_connected(w->sync, &w->now);
    struct cloud_state birth = expect_state(w);

    assert_true(birth.online);
    assert_int_equal(birth.conn, 1);
    assert_int_equal(w->saved_conn, 1);
    assert_string_equal(birth.trust, "broker");
    assert_int_equal(birth.policy.version, 42);
}

static void session__restarted_in_the_same_boot__goes_on_counting(void **state)
{
    struct world *w = *state;

    connect_up(w);
    start(w);
    sync_link_started(w->sync);
    assert_int_equal(w->will.conn, 2);
}

static void session__failures__waits_double_up_to_a_minute_for_ever(void **state)
{
    struct world *w = *state;
    int64_t ceiling = SECOND;

    sync_link_started(w->sync);
    for (unsigned i = 1; i < 50; i++) {
        w->random = (uint64_t)ceiling; /* the longest wait */
        sync_disconnected(w->sync, &w->now, "refused");
        assert_int_equal(sync_due(w->sync) - w->now.boot_us, ceiling);
        pass(w, ceiling - 1);
        assert_int_equal(w->connects, i);
        pass(w, 1);
        assert_int_equal(w->connects, i + 1);
        assert_int_equal(w->will.conn, 1);
        ceiling = 2 * ceiling < 60 * SECOND ? 2 * ceiling : 60 * SECOND;
    }
}

static void session__connection_that_stood__starts_over_with_a_short_wait(void **state)
{
    struct world *w = *state;

    sync_link_started(w->sync);
    for (int i = 0; i < 10; i++) {
        sync_disconnected(w->sync, &w->now, "refused");
        pass(w, 60 * SECOND);
    }
    sync_connected(w->sync, &w->now);
    pass(w, 59 * SECOND);
    w->random = 60 * SECOND;
    sync_disconnected(w->sync, &w->now, "gone"); /* too short to count */
    assert_int_equal(sync_due(w->sync) - w->now.boot_us, 60 * SECOND);
    pass(w, 60 * SECOND);
    sync_connected(w->sync, &w->now);
    pass(w, 60 * SECOND);
    w->random = SECOND;
    sync_disconnected(w->sync, &w->now, "gone");
    assert_int_equal(sync_due(w->sync) - w->now.boot_us, SECOND);
}

static void session__link_ends__no_attempt_before_it_runs_again(void **state)
{
    struct world *w = *state;

    connect_up(w);
    sync_link_ended(w->sync, &w->now, "killed");
    assert_int_equal(sync_due(w->sync), SYNC_NEVER);
    sync_connected(w->sync, &w->now); /* a late line */
    expect_silence(w);
    sync_link_started(w->sync);
    assert_int_equal(w->connects, 2);
}

static void session__state__is_repeated_until_both_answers_came(void **state)
{
    struct world *w = *state;

    connect_up(w);
    pass(w, 30 * SECOND);
    (void)expect_state(w);
    desire(w, w->policy);
    pass(w, 30 * SECOND);
    (void)expect_state(w);
    acked(w, 0);
    pass(w, 599 * SECOND);
    expect_silence(w);
    pass(w, SECOND);
    (void)expect_state(w);
}

static void session__change__is_told_five_seconds_after_the_last_state(void **state)
{
    struct world *w = *state;

    connect_up(w);
    send_delta(w, 42, 43);
    w->policy = policy(1, 43, ROOT_B);
    report(w, SYNC_POLICY_APPLIED);
    (void)expect_result(w, CLOUD_DOWN_DELTA, CLOUD_OUTCOME_APPLIED);
    pass(w, 5 * SECOND - 1);
    expect_silence(w);
    pass(w, 1);
    assert_int_equal(expect_state(w).policy.version, 43);
    w->now.clock = CLOCK_STATE_SYNCED;
    pass(w, 5 * SECOND);
    struct cloud_state said = expect_state(w);

    assert_int_equal(said.clock, CLOCK_STATE_SYNCED);
    assert_string_equal(said.utc, "1970-01-01T00:00:00.000Z");
}

static void session__report__at_most_one_in_five_seconds_and_the_last_one(void **state)
{
    struct world *w = *state;

    connect_up(w);
    assert_int_equal(sync_report(w->sync, &w->now, "{\"a\":1}", 7), 0);
    assert_string_equal(expect(w, CLOUD_UP_REPORT), "{\"a\":1}");
    assert_int_equal(sync_report(w->sync, &w->now, "{\"a\":2}", 7), 0);
    assert_int_equal(sync_report(w->sync, &w->now, "{\"a\":3}", 7), 0);
    pass(w, 5 * SECOND - 1);
    expect_silence(w);
    pass(w, 1);
    assert_string_equal(expect(w, CLOUD_UP_REPORT), "{\"a\":3}");
    assert_int_equal(sync_report(w->sync, &w->now, "{\"a\":3}", 7), 0);
    pass(w, 5 * SECOND);
    expect_silence(w);
    sync_disconnected(w->sync, &w->now, "gone"); /* the broker may come back empty */
    pass(w, 60 * SECOND);
    sync_connected(w->sync, &w->now);
    (void)expect_state(w);
    assert_string_equal(expect(w, CLOUD_UP_REPORT), "{\"a\":3}");
}

static void session__clean_stop__says_what_the_will_would(void **state)
{
    struct world *w = *state;

    connect_up(w);
    sync_stop(w->sync);
    struct cloud_state last = expect_state(w);

    assert_false(last.online);
    assert_int_equal(last.conn, 1);
    assert_int_equal(sync_due(w->sync), SYNC_NEVER);
    sync_disconnected(w->sync, &w->now, "left");
    sync_link_ended(w->sync, &w->now, "ended");
    assert_int_equal(w->connects, 1);
}

static void session__status__tells_people(void **state)
{
    struct world *w = *state;
    struct sync_status status;

    sync_link_started(w->sync);
    sync_disconnected(w->sync, &w->now, "refused");
    sync_status(w->sync, &status);
    assert_false(status.connected);
    assert_string_equal(status.reason, "refused");
    pass(w, 60 * SECOND);
    sync_connected(w->sync, &w->now);
    desire(w, w->policy);
    sync_status(w->sync, &status);
    assert_true(status.connected);
    assert_false(status.answered);
    assert_true(status.target_known);
    acked(w, 0);
    sync_status(w->sync, &status);
    assert_true(status.answered);
    assert_int_equal(status.heard_us, w->now.boot_us);
}

/* --- policy feed --- */

#define NONE (-1)

static void feed__on_desired__asks_by_the_contract_s_table(void **state)
{
    static const struct {
        int64_t generation, version;
        const char *root;
        int want;
        bool stale;
    } rows[] = {
        { 2, 1, ROOT_B, CLOUD_WANT_SNAPSHOT, false },
        { 2, 42, ROOT_A, CLOUD_WANT_SNAPSHOT, false },
        { 1, 41, ROOT_B, NONE, true },
        { 0, 99, ROOT_B, NONE, true },
        { 1, 43, ROOT_B, CLOUD_WANT_DELTA, false },
        { 1, 42, ROOT_B, CLOUD_WANT_DIGEST, false },
        { 1, 42, ROOT_A, NONE, false },
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        start(w);
        connect_up(w);
        desire(w, policy(rows[i].generation, rows[i].version, rows[i].root));
        if (rows[i].stale)
            (void)expect_result(w, CLOUD_DOWN_DESIRED, CLOUD_OUTCOME_STALE);
        if (rows[i].want != NONE) {
            struct cloud_request request = expect_request(w, (enum cloud_want)rows[i].want);

            assert_int_equal(request.generation, 1);
            assert_int_equal(request.version, 42);
        }
        expect_silence(w);
    }
}

static void feed__no_answer__asks_again_after_ten_seconds_doubling_to_five_minutes(void **state)
{
    static const int waits_s[] = { 10, 20, 40, 80, 160, 300, 300, 300 };
    struct world *w = *state;

    connect_up(w);
    acked(w, 0);
    desire(w, policy(1, 43, ROOT_B));
    (void)expect_request(w, CLOUD_WANT_DELTA);
    for (size_t i = 0; i < sizeof(waits_s) / sizeof(waits_s[0]); i++) {
        pass(w, waits_s[i] * SECOND - 1);
        while (w->out_taken < w->out_count) /* states go on */
            assert_int_equal(next(w)->topic, CLOUD_UP_STATE);
        pass(w, 1);
        (void)expect_request(w, CLOUD_WANT_DELTA);
    }
    desire(w, policy(1, 43, ROOT_B)); /* the same again: not at once */
    expect_silence(w);
}

static void feed__delta__is_answered_with_its_ref_and_what_is_in_force(void **state)
{
    struct world *w = *state;
    char ref[CLOUD_REF_SIZE];

    connect_up(w);
    send_delta(w, 42, 43);
    cloud_ref(w->text.data, w->text.len, ref);
    assert_int_equal(w->deltas, 1);
    expect_silence(w);
    w->policy = policy(1, 43, ROOT_B);
    report(w, SYNC_POLICY_APPLIED);
    struct cloud_result result = expect_result(w, CLOUD_DOWN_DELTA, CLOUD_OUTCOME_APPLIED);

    assert_string_equal(result.ref, ref);
    assert_int_equal(result.policy.version, 43);
    assert_string_equal(result.policy.root, ROOT_B);
    desire(w, policy(1, 43, ROOT_B));
    expect_silence(w);
}

static void feed__applied_but_target_moved_on__asks_for_the_rest_at_once(void **state)
{
    struct world *w = *state;

    connect_up(w);
    desire(w, policy(1, 44, ROOT_A));
    (void)expect_request(w, CLOUD_WANT_DELTA);
    send_delta(w, 42, 43);
    w->policy = policy(1, 43, ROOT_B);
    report(w, SYNC_POLICY_APPLIED);
    (void)expect_result(w, CLOUD_DOWN_DELTA, CLOUD_OUTCOME_APPLIED);
    assert_int_equal(expect_request(w, CLOUD_WANT_DELTA).version, 43);
}

static void feed__rejected__is_not_asked_for_again_until_another_version(void **state)
{
    struct world *w = *state;

    connect_up(w);
    desire(w, policy(1, 43, ROOT_B));
    (void)expect_request(w, CLOUD_WANT_DELTA);
    send_delta(w, 42, 43);
    const struct sync_policy_report r = { .outcome = SYNC_POLICY_REJECTED,
                                          .code = "item",
                                          .kind = "user",
                                          .id = "u9",
                                          .member = "valid_from",
                                          .policy = w->policy };

    sync_policy(w->sync, &w->now, &r);
    struct cloud_result result = expect_result(w, CLOUD_DOWN_DELTA, CLOUD_OUTCOME_REJECTED);

    assert_string_equal(result.code, "item");
    assert_string_equal(result.id, "u9");
    assert_string_equal(result.member, "valid_from");
    assert_int_equal(result.policy.version, 42);
    acked(w, 0);
    desire(w, policy(1, 43, ROOT_B));
    pass(w, 20 * SECOND);
    expect_silence(w);
    desire(w, policy(1, 44, ROOT_B));
    assert_int_equal(expect_request(w, CLOUD_WANT_DELTA).version, 42);
}

static void feed__gap__is_said_and_asked_for(void **state)
{
    struct world *w = *state;

    connect_up(w);
    send_delta(w, 44, 45);
    report(w, SYNC_POLICY_GAP);
    (void)expect_result(w, CLOUD_DOWN_DELTA, CLOUD_OUTCOME_GAP);
    assert_int_equal(expect_request(w, CLOUD_WANT_DELTA).version, 42);
    send_delta(w, 41, 42);
    report(w, SYNC_POLICY_STALE);
    (void)expect_result(w, CLOUD_DOWN_DELTA, CLOUD_OUTCOME_STALE);
    expect_silence(w);
}

static void feed__gap_told_after_the_connection_s_end__is_kept_quiet(void **state)
{
    struct world *w = *state;

    connect_up(w);
    send_delta(w, 44, 45);
    sync_disconnected(w->sync, &w->now, "gone");
    report(w, SYNC_POLICY_GAP);
    expect_silence(w);
}

static void feed__disk_failure__is_said_and_asked_again_in_time(void **state)
{
    struct world *w = *state;

    connect_up(w);
    desire(w, policy(1, 43, ROOT_B));
    (void)expect_request(w, CLOUD_WANT_DELTA);
    send_delta(w, 42, 43);
    report(w, SYNC_POLICY_FAILED);
    (void)expect_result(w, CLOUD_DOWN_DELTA, CLOUD_OUTCOME_FAILED);
    expect_silence(w);
    pass(w, 10 * SECOND);
    (void)expect_request(w, CLOUD_WANT_DELTA);
}

static void feed__store_is_busy__drops_and_asks_again(void **state)
{
    struct world *w = *state;

    connect_up(w);
    desire(w, policy(1, 43, ROOT_B));
    (void)expect_request(w, CLOUD_WANT_DELTA);
    w->store_error = -ENOBUFS;
    send_delta(w, 42, 43);
    expect_silence(w);
    pass(w, 10 * SECOND);
    (void)expect_request(w, CLOUD_WANT_DELTA);
    w->store_error = -EMSGSIZE; /* will never fit */
    send_delta(w, 42, 43);
    assert_string_equal(expect_result(w, CLOUD_DOWN_DELTA, CLOUD_OUTCOME_REJECTED).code, "claims");
    acked(w, 0);
    pass(w, 20 * SECOND);
    expect_silence(w);
}

static void feed__signed_payload__is_refused_by_form_and_asked_again(void **state)
{
    struct world *w = *state;

    connect_up(w);
    desire(w, policy(1, 43, ROOT_B));
    (void)expect_request(w, CLOUD_WANT_DELTA);
    receive_text(w, CLOUD_DOWN_DELTA, "eyJhbGciOiJFZERTQSJ9.e30.AA");
    assert_string_equal(expect_result(w, CLOUD_DOWN_DELTA, CLOUD_OUTCOME_REJECTED).code, "format");
    pass(w, 10 * SECOND);
    (void)expect_request(w, CLOUD_WANT_DELTA);
    receive_text(w, CLOUD_DOWN_DELTA, "{\"aud\":\"hub/gw1\",\"iat\":1}"); /* content: not asked again */
    assert_string_equal(expect_result(w, CLOUD_DOWN_DELTA, CLOUD_OUTCOME_REJECTED).code, "claims");
    acked(w, 0);
    pass(w, 19 * SECOND);
    expect_silence(w);
}

static void feed__refusals__fifty_a_second_are_answered(void **state)
{
    struct world *w = *state;
    size_t answered;

    connect_up(w);
    for (int i = 0; i < 80; i++)
        receive_text(w, CLOUD_DOWN_DESIRED, "x");
    answered = w->out_count - w->out_taken;
    assert_int_equal(answered, 50);
    pass(w, SECOND);
    receive_text(w, CLOUD_DOWN_ACK, "x");
    assert_int_equal(w->out_count - w->out_taken, 51);
}

/* The store has taken chunks up to next. */
static void staged(struct world *w, int64_t version, int64_t chunks, int64_t chunk)
{
    w->staging = (struct sync_staging){
        .active = true, .generation = 1, .version = version, .chunks = chunks, .next = chunk
    };
}

static void receive_chunks(struct world *w, int64_t from, int64_t to)
{
    for (int64_t i = from; i < to; i++) {
        receive_text(w, CLOUD_DOWN_CHUNK, "{}\n");
        staged(w, 43, 20, i + 1);
        report(w, SYNC_POLICY_STAGED);
    }
}

static void feed__snapshot__comes_in_windows_and_is_answered_once(void **state)
{
    struct world *w = *state;
    char ref[CLOUD_REF_SIZE];

    connect_up(w);
    send_manifest(w, policy(1, 43, ROOT_B), 20);
    cloud_ref(w->text.data, w->text.len, ref);
    desire(w, policy(1, 43, ROOT_B));
    staged(w, 43, 20, 0);
    report(w, SYNC_POLICY_STAGED);
    struct cloud_request request = expect_request(w, CLOUD_WANT_CHUNKS);

    assert_int_equal(request.from, 0);
    assert_int_equal(request.count, 16);
    receive_chunks(w, 0, 15);
    expect_silence(w);
    receive_chunks(w, 15, 16);
    request = expect_request(w, CLOUD_WANT_CHUNKS);
    assert_int_equal(request.from, 16);
    assert_int_equal(request.count, 4);
    receive_chunks(w, 16, 19);
    receive_text(w, CLOUD_DOWN_CHUNK, "{}\n");
    w->staging.active = false;
    w->policy = policy(1, 43, ROOT_B);
    report(w, SYNC_POLICY_APPLIED);
    assert_string_equal(expect_result(w, CLOUD_DOWN_SNAPSHOT, CLOUD_OUTCOME_APPLIED).ref, ref);
    expect_silence(w);
}

static void feed__chunk_lost__is_asked_for_after_ten_seconds_without_progress(void **state)
{
    struct world *w = *state;

    connect_up(w);
    acked(w, 0);
    send_manifest(w, policy(1, 43, ROOT_B), 20);
    staged(w, 43, 20, 0);
    report(w, SYNC_POLICY_STAGED);
    desire(w, policy(1, 43, ROOT_B));
    (void)expect_request(w, CLOUD_WANT_CHUNKS);
    pass(w, 9 * SECOND);
    receive_chunks(w, 0, 5);
    receive_text(w, CLOUD_DOWN_CHUNK, "{}\n"); /* the sixth is missing */
    report(w, SYNC_POLICY_IGNORED);
    pass(w, 10 * SECOND - 1);
    expect_silence(w);
    pass(w, 1);
    assert_int_equal(expect_request(w, CLOUD_WANT_CHUNKS).from, 5);
}

static void feed__restart_while_staging__goes_on_where_it_was(void **state)
{
    struct world *w = *state;

    staged(w, 43, 20, 7);
    start(w);
    connect_up(w);
    desire(w, policy(1, 44, ROOT_B)); /* the target has moved on meanwhile */
    struct cloud_request request = expect_request(w, CLOUD_WANT_CHUNKS);

    assert_int_equal(request.version, 43);
    assert_int_equal(request.from, 7);
    receive_text(w, CLOUD_DOWN_CHUNK, "{}\n");
    w->staging.active = false;
    w->policy = policy(1, 43, ROOT_A);
    report(w, SYNC_POLICY_APPLIED);
    (void)expect_result(w, CLOUD_DOWN_CHUNK, CLOUD_OUTCOME_APPLIED); /* the manifest's ref is not known */
    (void)expect_request(w, CLOUD_WANT_DELTA);
}

static void feed__staging_that_leads_nowhere__is_dropped(void **state)
{
    struct world *w = *state;

    staged(w, 45, 20, 7);
    start(w);
    connect_up(w);
    desire(w, policy(1, 43, ROOT_B)); /* below what is staged */
    assert_int_equal(w->cancels, 1);
    (void)expect_request(w, CLOUD_WANT_DELTA);
    w->staging.active = false;
    report(w, SYNC_POLICY_STALE);
    expect_silence(w);
}

static void feed__chunk_that_nobody_waits_for__is_ignored(void **state)
{
    struct world *w = *state;

    connect_up(w);
    receive_text(w, CLOUD_DOWN_CHUNK, "{}\n");
    assert_int_equal(w->chunks, 0);
    expect_silence(w);
}

static void feed__drift__ends_in_a_snapshot(void **state)
{
    static struct cloud_digest digest = { .generation = 1, .version = 42 };
    struct world *w = *state;

    connect_up(w);
    desire(w, policy(1, 42, ROOT_B));
    (void)expect_request(w, CLOUD_WANT_DIGEST);
    assert_int_equal(cloud_digest_format(&w->text, &digest), 0);
    receive(w, CLOUD_DOWN_DIGEST);
    (void)expect_request(w, CLOUD_WANT_SNAPSHOT);
    send_manifest(w, policy(1, 42, ROOT_B), 1);
    staged(w, 42, 1, 0);
    report(w, SYNC_POLICY_STAGED);
    (void)expect_request(w, CLOUD_WANT_CHUNKS);
    receive_text(w, CLOUD_DOWN_CHUNK, "{}\n");
    w->staging.active = false;
    w->policy = policy(1, 42, ROOT_B);
    report(w, SYNC_POLICY_APPLIED);
    (void)expect_result(w, CLOUD_DOWN_SNAPSHOT, CLOUD_OUTCOME_APPLIED);
    expect_silence(w);
}

static void feed__audience__is_this_gateway_or_its_site(void **state)
{
    struct world *w = *state;

    connect_up(w);
    receive_text(w, CLOUD_DOWN_DESIRED,
                 "{\"aud\":\"hub/gw2\",\"iat\":1,\"generation\":1,\"version\":43,\"root\":\"" ROOT_B "\"}");
    assert_string_equal(expect_result(w, CLOUD_DOWN_DESIRED, CLOUD_OUTCOME_REJECTED).code, "audience");
    receive_text(w, CLOUD_DOWN_DESIRED,
                 "{\"aud\":\"hub/*\",\"iat\":1,\"generation\":1,\"version\":43,\"root\":\"" ROOT_B "\"}");
    (void)expect_request(w, CLOUD_WANT_DELTA);
}

/* --- events --- */

static void uplink__before_the_first_ack__nothing_leaves(void **state)
{
    struct world *w = *state;

    connect_up(w);
    append(w, 10);
    pass(w, 25 * SECOND);
    assert_int_equal(w->reads, 0);
    send_ack(w);
    assert_int_equal(w->acks, 1);
    assert_int_equal(w->reads, 0); /* the ledger has not said what it makes of it */
    sync_acked(w->sync, &w->now, SYNC_ACK_TAKEN, 3);
    assert_int_equal(w->read_from, 4);
    batch(w, 4, 7);
    (void)expect_events(w, 4);
    assert_int_equal(w->reads, 1); /* nothing more is there */
}

static void uplink__window__is_four_batches_beyond_the_last_ack(void **state)
{
    struct world *w = *state;

    append(w, 1000);
    connect_up(w);
    acked(w, 0);
    for (int i = 0; i < CLOUD_BATCH_WINDOW; i++) {
        assert_int_equal(w->read_from, 1 + 10 * i);
        batch(w, 1 + 10 * i, 10);
        (void)expect_events(w, 1 + 10 * i);
    }
    assert_int_equal(w->reads, 4);
    acked(w, 5); /* inside of the first: it still counts */
    assert_int_equal(w->reads, 4);
    acked(w, 20); /* two are through */
    assert_int_equal(w->read_from, 41);
    batch(w, 41, 10);
    (void)expect_events(w, 41);
    batch(w, 51, 10);
    (void)expect_events(w, 51);
    assert_int_equal(w->reads, 6);
}

static void uplink__no_progress__sends_again_from_the_last_ack_after_ten_seconds(void **state)
{
    struct world *w = *state;

    append(w, 20);
    connect_up(w);
    desire(w, w->policy);
    acked(w, 0);
    batch(w, 1, 10);
    batch(w, 11, 10);
    (void)expect_events(w, 1);
    (void)expect_events(w, 11);
    pass(w, 9 * SECOND);
    acked(w, 10); /* progress */
    acked(w, 10); /* none */
    pass(w, 10 * SECOND - 1);
    assert_int_equal(w->reads, 2);
    pass(w, 1);
    assert_int_equal(w->read_from, 11);
    batch(w, 11, 10);
    (void)expect_events(w, 11);
    acked(w, 20);
    pass(w, 100 * SECOND);
    assert_int_equal(w->reads, 3);
    expect_silence(w);
}

static void uplink__cloud_lost_something__goes_back_to_its_cursor(void **state)
{
    struct world *w = *state;

    append(w, 20);
    connect_up(w);
    acked(w, 20);
    assert_int_equal(w->reads, 0);
    acked(w, 5);
    assert_int_equal(w->reads, 0);
    pass(w, 10 * SECOND);
    assert_int_equal(w->read_from, 6);
}

static void uplink__events_are_gone__the_state_tells_oldest_before_the_batch(void **state)
{
    struct world *w = *state;

    w->log.oldest = 8;
    append(w, 20);
    connect_up(w);
    acked(w, 2);
    assert_int_equal(w->read_from, 3);
    batch(w, 8, 13);
    assert_int_equal(expect_state(w).oldest, 8);
    (void)expect_events(w, 8);
}

static void uplink__disputed_ack__begins_a_new_epoch_with_a_birth(void **state)
{
    struct world *w = *state;

    append(w, 20);
    connect_up(w);
    send_ack(w);
    sync_acked(w->sync, &w->now, SYNC_ACK_DISPUTED, 30);
    assert_int_equal(w->new_epochs, 1);
    send_ack(w); /* while it is begun acks mean nothing */
    assert_int_equal(w->acks, 1);
    w->log = (struct sync_log){ .epoch = EPOCH_2, .oldest = 1, .acked = 0, .head = 21 };
    sync_log_changed(w->sync, &w->now, &w->log);
    assert_string_equal(expect_state(w).epoch, EPOCH_2);
    sync_new_epoch(w->sync, 0);
    assert_int_equal(w->reads, 0);
    acked(w, 0);
    assert_int_equal(w->read_from, 1);
}

static void uplink__new_epoch_fails__is_tried_again_with_the_next_ack(void **state)
{
    struct world *w = *state;

    append(w, 20);
    connect_up(w);
    send_ack(w);
    sync_acked(w->sync, &w->now, SYNC_ACK_DISPUTED, 30);
    sync_new_epoch(w->sync, -EIO);
    send_ack(w);
    sync_acked(w->sync, &w->now, SYNC_ACK_DISPUTED, 30);
    assert_int_equal(w->new_epochs, 2);
}

static void uplink__ack_of_another_epoch__is_no_answer(void **state)
{
    struct world *w = *state;

    append(w, 20);
    connect_up(w);
    desire(w, w->policy);
    send_ack(w);
    sync_acked(w->sync, &w->now, SYNC_ACK_OTHER_EPOCH, 30);
    assert_int_equal(w->reads, 0);
    pass(w, 30 * SECOND);
    (void)expect_state(w); /* asked again */
}

static void uplink__batch_of_an_earlier_connection__is_not_sent(void **state)
{
    struct world *w = *state;

    append(w, 20);
    connect_up(w);
    acked(w, 0);
    sync_disconnected(w->sync, &w->now, "gone");
    pass(w, 60 * SECOND);
    sync_connected(w->sync, &w->now);
    (void)expect_state(w);
    batch(w, 1, 20); /* read for the first one, before any ack of this one */
    expect_silence(w);
    acked(w, 10);
    assert_int_equal(w->read_from, 11);
}

static void uplink__ledger_cannot_read__is_asked_again(void **state)
{
    struct world *w = *state;

    append(w, 20);
    connect_up(w);
    acked(w, 0);
    sync_batch(w->sync, &w->now, NULL);
    assert_int_equal(w->reads, 1);
    pass(w, 10 * SECOND);
    assert_int_equal(w->reads, 2);
}

static void live__only_while_connected(void **state)
{
    struct world *w = *state;

    sync_live(w->sync, "{}", 2);
    expect_silence(w);
    connect_up(w);
    sync_live(w->sync, "{}", 2);
    assert_string_equal(expect(w, CLOUD_UP_LIVE), "{}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(session__link_starts__connects_with_a_will_and_says_its_birth),
        TEST(session__restarted_in_the_same_boot__goes_on_counting),
        TEST(session__failures__waits_double_up_to_a_minute_for_ever),
        TEST(session__connection_that_stood__starts_over_with_a_short_wait),
        TEST(session__link_ends__no_attempt_before_it_runs_again),
        TEST(session__state__is_repeated_until_both_answers_came),
        TEST(session__change__is_told_five_seconds_after_the_last_state),
        TEST(session__report__at_most_one_in_five_seconds_and_the_last_one),
        TEST(session__clean_stop__says_what_the_will_would),
        TEST(session__status__tells_people),
        TEST(feed__on_desired__asks_by_the_contract_s_table),
        TEST(feed__no_answer__asks_again_after_ten_seconds_doubling_to_five_minutes),
        TEST(feed__delta__is_answered_with_its_ref_and_what_is_in_force),
        TEST(feed__applied_but_target_moved_on__asks_for_the_rest_at_once),
        TEST(feed__rejected__is_not_asked_for_again_until_another_version),
        TEST(feed__gap__is_said_and_asked_for),
        TEST(feed__gap_told_after_the_connection_s_end__is_kept_quiet),
        TEST(feed__disk_failure__is_said_and_asked_again_in_time),
        TEST(feed__store_is_busy__drops_and_asks_again),
        TEST(feed__signed_payload__is_refused_by_form_and_asked_again),
        TEST(feed__refusals__fifty_a_second_are_answered),
        TEST(feed__snapshot__comes_in_windows_and_is_answered_once),
        TEST(feed__chunk_lost__is_asked_for_after_ten_seconds_without_progress),
        TEST(feed__restart_while_staging__goes_on_where_it_was),
        TEST(feed__staging_that_leads_nowhere__is_dropped),
        TEST(feed__chunk_that_nobody_waits_for__is_ignored),
        TEST(feed__drift__ends_in_a_snapshot),
        TEST(feed__audience__is_this_gateway_or_its_site),
        TEST(uplink__before_the_first_ack__nothing_leaves),
        TEST(uplink__window__is_four_batches_beyond_the_last_ack),
        TEST(uplink__no_progress__sends_again_from_the_last_ack_after_ten_seconds),
        TEST(uplink__cloud_lost_something__goes_back_to_its_cursor),
        TEST(uplink__events_are_gone__the_state_tells_oldest_before_the_batch),
        TEST(uplink__disputed_ack__begins_a_new_epoch_with_a_birth),
        TEST(uplink__new_epoch_fails__is_tried_again_with_the_next_ack),
        TEST(uplink__ack_of_another_epoch__is_no_answer),
        TEST(uplink__batch_of_an_earlier_connection__is_not_sent),
        TEST(uplink__ledger_cannot_read__is_asked_again),
        TEST(live__only_while_connected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
