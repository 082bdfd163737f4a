/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The gateway's end against a small model of the cloud, over a network that loses, repeats and reorders, with
 * stores that are slow, busy or fail, restarts, and a log restored from an old image. Seed by seed: during
 * the faults the windows are never exceeded; once they end, policy and events arrive, each event once in
 * effect.
 */
#include "tests/unit/sync_model.h"

#include "gateway/base/log.h"

#define SEEDS     60
#define TICK_US   (100 * USEC_PER_MSEC)
#define FAULTS_US (600 * USEC_PER_SEC)
#define P5_US     (30 * USEC_PER_SEC)
#define HEAL_US   (900 * USEC_PER_SEC) /* more than the longest pause between two requests, twice */

/* --- the gateway's stores --- */

static struct job *add_job(struct sim *s, struct queue *queue, enum job_kind kind)
{
    if (queue->count == JOBS_MAX || chance(s, 30))
        return NULL;
    struct job *job = &queue->jobs[queue->count++];

    *job = (struct job){ .kind = kind, .at = delay(s, USEC_PER_SEC) };
    return job;
}

static int hook_delta(void *user, const struct cloud_delta *delta)
{
    struct sim *s = user;
    struct job *job = add_job(s, &s->policy_jobs, JOB_DELTA);

    if (!job)
        return -ENOBUFS;
    job->repair = digest_set_count(&delta->buckets) > 0;
    job->generation = delta->generation;
    job->from = delta->from;
    job->to = delta->to;
    return 0;
}

static int hook_snapshot(void *user, const struct cloud_snapshot *manifest)
{
    struct sim *s = user;
    struct job *job = add_job(s, &s->policy_jobs, JOB_SNAPSHOT);

    if (!job)
        return -ENOBUFS;
    job->to = manifest->policy.version;
    return 0;
}

static int hook_chunk(void *user, const char *bytes, size_t len)
{
    struct sim *s = user;
    struct cloud_refusal refusal;
    struct cloud_chunk chunk;
    struct job *job = add_job(s, &s->policy_jobs, JOB_CHUNK);

    if (!job)
        return -ENOBUFS;
    assert_int_equal(cloud_chunk_parse(bytes, len, &chunk, &refusal), 0);
    job->to = chunk.version;
    job->chunk = chunk.i;
    return 0;
}

static int hook_cancel(void *user)
{
    struct sim *s = user;

    return add_job(s, &s->policy_jobs, JOB_CANCEL) ? 0 : -ENOBUFS;
}

static int hook_sums(void *user)
{
    struct sim *s = user;

    return add_job(s, &s->policy_jobs, JOB_SUMS) ? 0 : -ENOBUFS;
}

static int hook_read(void *user, int64_t from, size_t count_max, size_t bytes_max)
{
    struct sim *s = user;
    struct job *job = add_job(s, &s->ledger_jobs, JOB_READ);

    if (!job)
        return -ENOBUFS;
    job->from = from;
    return 0;
}

static int hook_ack(void *user, const struct cloud_ack *ack)
{
    struct sim *s = user;
    struct job *job = add_job(s, &s->ledger_jobs, JOB_ACK);

    if (!job)
        return -ENOBUFS;
    job->ack = *ack;
    return 0;
}

static int hook_new_epoch(void *user)
{
    struct sim *s = user;

    return add_job(s, &s->ledger_jobs, JOB_EPOCH) ? 0 : -ENOBUFS;
}

static bool drifted(const struct sim *s)
{
    return strcmp(s->policy.root, policy_of(s->policy.version).root) != 0;
}

/* Whether a version is beyond what is in force, or mends it. */
static bool is_news(const struct sim *s, int64_t version)
{
    return version > s->policy.version || (version == s->policy.version && drifted(s));
}

static enum sync_policy_outcome apply(struct sim *s, int64_t version)
{
    if (s->bad[version])
        return SYNC_POLICY_REJECTED;
    assert_true(is_news(s, version)); /* never backwards */
    s->policy = policy_of(version);
    return SYNC_POLICY_APPLIED;
}

static enum sync_policy_outcome apply_delta(struct sim *s, const struct job *job)
{
    if (job->repair && job->to == s->policy.version && drifted(s))
        return apply(s, job->to);
    if (job->generation == s->policy.generation && job->to <= s->policy.version)
        return SYNC_POLICY_STALE;
    if (job->generation != s->policy.generation || job->from != s->policy.version)
        return SYNC_POLICY_GAP;
    return drifted(s) ? SYNC_POLICY_REJECTED : apply(s, job->to);
}

static enum sync_policy_outcome begin_staging(struct sim *s, const struct job *job)
{
    if (!is_news(s, job->to))
        return SYNC_POLICY_STALE;
    if (!s->staging.active || s->staging.version != job->to)
        s->staging =
            (struct sync_staging){ .active = true, .generation = 1, .version = job->to, .chunks = CHUNKS };
    return SYNC_POLICY_STAGED;
}

static enum sync_policy_outcome stage(struct sim *s, const struct job *job)
{
    if (!s->staging.active || job->to != s->staging.version || job->chunk != s->staging.next)
        return SYNC_POLICY_IGNORED;
    if (++s->staging.next < CHUNKS)
        return SYNC_POLICY_STAGED;
    s->staging = (struct sync_staging){ 0 };
    return is_news(s, job->to) ? apply(s, job->to) : SYNC_POLICY_STALE;
}

static enum sync_policy_outcome policy_job(struct sim *s, const struct job *job)
{
    if (chance(s, 20))
        return SYNC_POLICY_FAILED;
    if (job->kind == JOB_DELTA)
        return apply_delta(s, job);
    if (job->kind == JOB_SNAPSHOT)
        return begin_staging(s, job);
    if (job->kind == JOB_CHUNK)
        return stage(s, job);
    s->staging = (struct sync_staging){ 0 };
    return SYNC_POLICY_STALE;
}

static void answer_sums(struct sim *s)
{
    const struct cloud_digest digest = { .generation = 1,
                                         .version = s->policy.version,
                                         .sums = { drifted(s) } };

    sync_sums(s->sync, &s->now, chance(s, 20) ? NULL : &digest);
}

static void answer_policy(struct sim *s, const struct job *job)
{
    if (job->kind == JOB_SUMS) {
        answer_sums(s);
        return;
    }
    bool was_drifted = drifted(s);
    struct sync_policy_report report = { .outcome = policy_job(s, job) };

    if (report.outcome == SYNC_POLICY_REJECTED)
        report.code = job->kind == JOB_DELTA && was_drifted && !job->repair ? "root" : "item";
    report.policy = s->policy;
    report.staging = s->staging;
    sync_policy(s->sync, &s->now, &report);
}

static void event_line(const struct sim *s, int64_t seq, struct text *text)
{
    text_addf(text, "{\"seq\":%lld,\"epoch\":\"%s\"}", (long long)seq, s->log.epoch);
}

static void append(struct sim *s)
{
    struct text line = TEXT_INIT;
    int64_t seq = s->log.head + 1;

    if (seq >= EVENTS_MAX)
        return;
    event_line(s, seq, &line);
    chain_next(s->hashes[seq - 1], line.data, line.len, s->hashes[seq]);
    text_finish(&line);
    s->log.head = seq;
    sync_log_changed(s->sync, &s->now, &s->log);
}

static void begin_epoch(struct sim *s)
{
    s->log = (struct sync_log){ .oldest = 1 };
    snprintf(s->log.epoch, sizeof(s->log.epoch), "%016x", ++s->epochs);
    memset(s->hashes[0], 0, CHAIN_BYTES);
}

static void answer_read(struct sim *s, const struct job *job)
{
    struct text lines = TEXT_INIT;
    struct cloud_events batch = { .first = job->from };

    if (chance(s, 20)) {
        sync_batch(s->sync, &s->now, NULL);
        return;
    }
    memcpy(batch.epoch, s->log.epoch, sizeof(batch.epoch));
    for (int64_t seq = job->from; seq <= s->log.head && batch.count < BATCH_EVENTS; seq++) {
        event_line(s, seq, &lines);
        text_add(&lines, "\n");
        batch.count++;
    }
    if (batch.count == 0)
        batch.first = 0;
    else
        memcpy(batch.prev, s->hashes[batch.first - 1], CHAIN_BYTES);
    memcpy(batch.hash, s->hashes[batch.count ? batch.first + batch.count - 1 : 0], CHAIN_BYTES);
    batch.lines = text_string(&lines);
    batch.len = lines.len;
    sync_batch(s->sync, &s->now, &batch);
    text_finish(&lines);
}

static enum sync_ack_outcome judge_ack(struct sim *s, const struct cloud_ack *ack)
{
    if (chance(s, 20))
        return SYNC_ACK_FAILED;
    if (strcmp(ack->epoch, s->log.epoch) != 0)
        return SYNC_ACK_OTHER_EPOCH;
    if (ack->seq > s->log.head || memcmp(ack->hash, s->hashes[ack->seq], CHAIN_BYTES) != 0)
        return SYNC_ACK_DISPUTED;
    if (ack->seq > s->log.acked)
        s->log.acked = ack->seq;
    return SYNC_ACK_TAKEN;
}

static void answer_ack(struct sim *s, const struct job *job)
{
    enum sync_ack_outcome outcome = judge_ack(s, &job->ack);

    if (outcome == SYNC_ACK_TAKEN && s->connected) {
        s->cursor = s->acked_here && s->cursor > job->ack.seq ? s->cursor : job->ack.seq;
        s->acked_here = true;
    }
    sync_acked(s->sync, &s->now, outcome, job->ack.seq);
}

static void answer_ledger(struct sim *s, const struct job *job)
{
    if (job->kind == JOB_READ) {
        answer_read(s, job);
    } else if (job->kind == JOB_ACK) {
        answer_ack(s, job);
    } else if (chance(s, 200)) {
        sync_new_epoch(s->sync, -EIO);
    } else {
        begin_epoch(s);
        s->acked_here = false;
        append(s); /* the `epoch` event; tells of the new epoch as well */
        sync_new_epoch(s->sync, 0);
    }
}

static void run_jobs(struct sim *s, struct queue *queue, void (*answer)(struct sim *s, const struct job *job))
{
    while (queue->count > 0 && queue->jobs[0].at <= s->now.boot_us) {
        struct job job = queue->jobs[0];

        queue->count--;
        memmove(queue->jobs, queue->jobs + 1, queue->count * sizeof(job));
        answer(s, &job);
    }
}

/* --- the network again --- */

static void deliver(struct sim *s, const struct message *message)
{
    const struct trust_message received = { cloud_topic_retained(message->topic), message->payload,
                                            message->len };

    if (!message->up)
        sync_message(s->sync, &s->now, cloud_topic_name(message->topic), &received);
    else if (message->topic == CLOUD_UP_STATE)
        take_state(s, message);
    else if (message->topic == CLOUD_UP_REQUEST)
        take_request(s, message);
    else if (message->topic == CLOUD_UP_EVENTS)
        take_events(s, message);
}

static void run_network(struct sim *s)
{
    for (size_t i = 0; i < s->message_count;) {
        struct message message = s->messages[i];

        if (message.at > s->now.boot_us) {
            i++;
            continue;
        }
        s->message_count--;
        memmove(&s->messages[i], &s->messages[i + 1], (s->message_count - i) * sizeof(message));
        deliver(s, &message);
        free(message.payload);
    }
}

/* --- the gateway's link --- */

static void hook_connect(void *user, const char *will, size_t len)
{
    struct sim *s = user;

    assert_false(s->connected);
    assert_int_equal(s->connect_at, 0);
    s->connect_at = delay(s, USEC_PER_SEC) + 1;
}

/* What leaves the gateway keeps within its windows. */
static void hook_publish(void *user, enum cloud_topic topic, const char *payload, size_t len)
{
    struct sim *s = user;
    struct cloud_refusal refusal;
    struct cloud_events events;

    assert_true(s->connected);
    if (topic == CLOUD_UP_EVENTS) {
        assert_int_equal(cloud_events_parse(payload, len, &events, &refusal), 0);
        assert_true(s->acked_here);
        assert_true(events.first + events.count - 1 <= s->cursor + CLOUD_BATCH_WINDOW * BATCH_EVENTS);
    }
    carry(s, true, topic, payload, len);
}

static void hook_save_conn(void *user, int64_t conn)
{
    struct sim *s = user;

    assert_int_equal(conn, s->conn + 1);
    s->conn = conn;
}

static uint64_t hook_random(void *user)
{
    return draw(user);
}

static void disconnect(struct sim *s)
{
    s->connected = false;
    s->connect_at = 0;
    lose_messages(s);
    sync_disconnected(s->sync, &s->now, "by the test");
}

static void run_link(struct sim *s)
{
    if (s->connected && chance(s, 3))
        disconnect(s);
    if (s->connect_at == 0 || s->connect_at > s->now.boot_us)
        return;
    if (chance(s, 300)) {
        disconnect(s);
        return;
    }
    s->connect_at = 0;
    s->connected = true;
    s->acked_here = false;
    s->cursor = 0;
    sync_connected(s->sync, &s->now);
}

static void hook_save_wall(void *user, const char *value)
{
}

/* --- the run --- */

static void start(struct sim *s)
{
    const struct sync_hooks hooks = { .user = s,
                                      .connect = hook_connect,
                                      .publish = hook_publish,
                                      .save_conn = hook_save_conn,
                                      .read_events = hook_read,
                                      .ack = hook_ack,
                                      .new_epoch = hook_new_epoch,
                                      .apply_delta = hook_delta,
                                      .begin_snapshot = hook_snapshot,
                                      .put_chunk = hook_chunk,
                                      .cancel_snapshot = hook_cancel,
                                      .read_sums = hook_sums,
                                      .save_wall = hook_save_wall,
                                      .random = hook_random };
    const struct sync_options options = { .self = { .site = "hub", .gateway = "gw1" },
                                          .software = "0.1.0",
                                          .boot_id = "5d0e1c9a-7c1f-4a53-9a55-0c1f7e0a2b11",
                                          .conn = s->conn,
                                          .log = s->log,
                                          .policy = s->policy,
                                          .staging = s->staging };

    assert_int_equal(sync_new(&options, &hooks, &s->sync), 0);
    sync_link_started(s->sync);
}

/* What is in force is no longer what it should be; found out at the next start. */
static void drift(struct sim *s)
{
    if (s->policy.version > 0)
        s->policy.root[0] = 'f';
}

static void restart(struct sim *s)
{
    s->sync = sync_free(s->sync);
    s->connected = false;
    s->connect_at = 0;
    s->policy_jobs.count = 0;
    s->ledger_jobs.count = 0;
    lose_messages(s);
    start(s);
}

/* The cloud's policy changes; some changes have a bad item, which the next one mends. */
static void change_policy(struct sim *s, bool bad)
{
    if (s->version + 1 >= VERSIONS_MAX)
        return;
    s->version++;
    s->bad[s->version] = bad;
    say_delta(s, s->version - 1, (struct digest_set){ 0 });
    say_desired(s);
}

/* An old image of the card is put back: events that the cloud has are not there any more. */
static void restore_image(struct sim *s)
{
    if (s->log.acked < 3 || s->epochs + 1 >= EPOCHS_MAX)
        return;
    s->log.head = s->log.acked - 2;
    s->log.acked = s->log.head;
    restart(s);
}

static void tick(struct sim *s)
{
    s->now.boot_us += TICK_US;
    run_link(s);
    run_network(s);
    run_jobs(s, &s->policy_jobs, answer_policy);
    run_jobs(s, &s->ledger_jobs, answer_ledger);
    if (chance(s, 200))
        append(s);
    if (chance(s, 10))
        change_policy(s, chance(s, 200));
    if (chance(s, 1)) {
        if (chance(s, 300))
            drift(s);
        restart(s);
    }
    if (chance(s, 1) && draw(s) % 4 == 0)
        restore_image(s);
    if (sync_due(s->sync) <= s->now.boot_us)
        sync_advance(s->sync, &s->now);
}

static void run(struct sim *s, int64_t us)
{
    int64_t end = s->now.boot_us + us;

    while (s->now.boot_us < end)
        tick(s);
}

static void sync__seed_by_seed__converges_and_keeps_its_windows(void **state)
{
    static struct sim sim; /* too large for the stack */
    int64_t events = 0;

    log_init("test", LOG_CRIT);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim *s = &sim;

        memset(s, 0, sizeof(*s));
        s->seed = seed * UINT64_C(0x9e3779b97f4a7c15);
        s->now.boot_us = USEC_PER_SEC;
        s->policy = policy_of(0);
        s->version = 1;
        begin_epoch(s);
        start(s);
        s->faults = true;
        run(s, FAULTS_US);
        s->faults = false;
        change_policy(s, false);
        run(s, HEAL_US);

        assert_true(s->connected);
        assert_int_equal(s->policy.version, s->version);
        assert_false(drifted(s));
        drift(s);
        restart(s);
        run(s, P5_US);
        assert_false(drifted(s));
        const struct archive *archive = archive_of(s, s->log.epoch);

        assert_int_equal(archive->cursor, s->log.head);
        assert_int_equal(s->log.acked, s->log.head);
        assert_memory_equal(archive->hash, s->hashes[s->log.head], CHAIN_BYTES);
        events += s->log.head;
        lose_messages(s);
        sync_free(s->sync);
        text_finish(&s->text);
    }
    assert_true(events > SEEDS * 100); /* something was going on */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sync__seed_by_seed__converges_and_keeps_its_windows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
