/* SPDX-License-Identifier: GPL-3.0-or-later */
/* feed.c: one question is asked again after everything that happens: what is missing? (wanted()). There is no
 * other state than what is in force, what is staged and what the cloud wants; so a lost, repeated or late
 * message can delay the answer and not change it. */
#include "gateway/sync/feed.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/log.h"

void feed_init(struct feed *feed, const struct sync_options *options, const struct sync_hooks *hooks)
{
    *feed = (struct feed){
        .hooks = hooks, .have = options->policy, .staging = options->staging, .changed = options->changed
    };
}

void feed_finish(struct feed *feed)
{
    text_finish(&feed->text);
}

void feed_disconnected(struct feed *feed)
{
    feed->target_known = false;
    feed->repair = FEED_REPAIR_UNKNOWN;
    feed->asking = false;
}

/* Whether a is an earlier policy than b: negative, 0, positive. */
static int compare(const struct cloud_policy *a, const struct cloud_policy *b)
{
    if (a->generation != b->generation)
        return a->generation < b->generation ? -1 : 1;
    if (a->version != b->version)
        return a->version < b->version ? -1 : 1;
    return 0;
}

static bool satisfied(const struct feed *feed)
{
    int order = compare(&feed->target, &feed->have);

    return order < 0 || (order == 0 && strcmp(feed->target.root, feed->have.root) == 0);
}

static struct cloud_policy staged(const struct feed *feed)
{
    return (struct cloud_policy){ .generation = feed->staging.generation, .version = feed->staging.version };
}

/* Whether what is staged leads from what is in force towards the target: then it is finished first, even if
 * the target has moved on. */
static bool staging_helps(const struct feed *feed)
{
    const struct cloud_policy aim = staged(feed);

    return feed->staging.active && !satisfied(feed) && compare(&aim, &feed->have) >= 0 &&
           compare(&aim, &feed->target) <= 0;
}

static struct cloud_request request_chunks(const struct feed *feed)
{
    int64_t left = feed->staging.chunks - feed->staging.next;

    return (struct cloud_request){ .want = CLOUD_WANT_CHUNKS,
                                   .generation = feed->staging.generation,
                                   .version = feed->staging.version,
                                   .from = feed->staging.next,
                                   .count = left < CLOUD_CHUNK_WINDOW ? left : CLOUD_CHUNK_WINDOW };
}

/* "On desired": what to ask for, if anything. */
static bool wanted(const struct feed *feed, struct cloud_request *ret)
{
    struct cloud_request request = { .want = CLOUD_WANT_DELTA,
                                     .generation = feed->have.generation,
                                     .version = feed->have.version };

    if (!feed->target_known || satisfied(feed) || compare(&feed->target, &feed->refused) == 0)
        return false;
    if (staging_helps(feed)) {
        *ret = request_chunks(feed);
        return true;
    }
    if (feed->target.generation > feed->have.generation || feed->repair == FEED_REPAIR_WHOLE)
        request.want = CLOUD_WANT_SNAPSHOT;
    else if (feed->target.version == feed->have.version && feed->repair == FEED_REPAIR_UNKNOWN)
        request.want = CLOUD_WANT_DIGEST;
    else if (feed->target.version == feed->have.version)
        request.buckets = feed->buckets;
    *ret = request;
    return true;
}

static void ask(struct feed *feed, const struct timestamp *now, const struct cloud_request *request)
{
    int r = cloud_request_format(&feed->text, request);

    feed->asking = true;
    feed->request = *request;
    feed->ask_at = now->boot_us + feed->pause_us;
    if (r < 0)
        log_error("sync", "cannot write a request: %s", strerror(-r));
    else
        feed->hooks->publish(feed->hooks->user, CLOUD_UP_REQUEST, feed->text.data, feed->text.len);
}

/* Whether the answer to what was asked is still coming in: the window is not used up. */
static bool window_runs(const struct feed *feed, const struct cloud_request *request)
{
    const struct cloud_request *asked = &feed->request;

    return request->want == CLOUD_WANT_CHUNKS && asked->want == CLOUD_WANT_CHUNKS &&
           request->generation == asked->generation && request->version == asked->version &&
           request->from >= asked->from && request->from < asked->from + asked->count;
}

static bool same_request(const struct cloud_request *a, const struct cloud_request *b)
{
    return a->want == b->want && a->generation == b->generation && a->version == b->version &&
           a->from == b->from && a->count == b->count &&
           memcmp(&a->buckets, &b->buckets, sizeof(a->buckets)) == 0;
}

static void push_job(struct feed *feed, const struct feed_job *job)
{
    assert(feed->job_count < FEED_JOBS_MAX);
    feed->jobs[(feed->job_first + feed->job_count++) % FEED_JOBS_MAX] = *job;
}

static struct feed_job pop_job(struct feed *feed)
{
    assert(feed->job_count > 0);
    struct feed_job job = feed->jobs[feed->job_first];

    feed->job_first = (feed->job_first + 1) % FEED_JOBS_MAX;
    feed->job_count--;
    return job;
}

/* What is staged and leads nowhere is dropped. */
static void drop_staging(struct feed *feed)
{
    const struct feed_job job = { .of = CLOUD_DOWN_DESIRED, .aim = staged(feed) };
    bool useless = feed->distrusted || (feed->target_known && !staging_helps(feed));

    if (feed->staging.active && useless && feed->hooks->cancel_snapshot(feed->hooks->user) == 0)
        push_job(feed, &job);
}

/* What the store has in hand may still become a staged snapshot. */
void feed_distrust(struct feed *feed)
{
    feed->distrusted = feed->staging.active || feed->job_count > 0;
    if (feed->job_count == 0)
        drop_staging(feed);
}

/* Asks for what is missing, unless that was asked already. While the store works the answer may change. */
static void look(struct feed *feed, const struct timestamp *now)
{
    struct cloud_request request;

    if (feed->job_count > 0)
        return;
    drop_staging(feed);
    if (!wanted(feed, &request)) {
        feed->asking = false;
        return;
    }
    if (feed->asking && (same_request(&request, &feed->request) || window_runs(feed, &request)))
        return;
    feed->pause_us = FEED_PAUSE_MIN_US;
    ask(feed, now, &request);
}

static void begin_result(const struct feed *feed, enum cloud_topic of, const char *ref,
                         struct cloud_result *ret)
{
    *ret = (struct cloud_result){ .of = of, .policy = feed->have };
    memcpy(ret->ref, ref, sizeof(ret->ref));
}

/* A message that its parser refused. What was wrong with its content is not asked for again; what was wrong
 * with its envelope may be somebody else's doing. */
static void refuse(struct feed *feed, const struct timestamp *now, struct cloud_result *result,
                   const struct cloud_refusal *refusal)
{
    bool content = strcmp(refusal->code, "claims") == 0 || strcmp(refusal->code, "item") == 0;

    answer_refusal(feed->answer, now, result, refusal);
    if (content && feed->asking)
        feed->refused = feed->target;
    look(feed, now);
}

/* A higher generation takes the place of everything, versions too: that is a root's to say. */
static int check_generation(const struct feed *feed, const struct trust_opened *opened, int64_t generation,
                            struct cloud_refusal *refusal)
{
    if (generation <= feed->have.generation || trust_may_raise_generation(opened))
        return 0;
    *refusal = (struct cloud_refusal){ .code = "generation" };
    json_error_set(&refusal->error, "generation", "is higher, which only a root key may sign");
    return -EBADMSG;
}

/* The cloud wants what is in force. */
static void note_agreement(struct feed *feed, const struct timestamp *now)
{
    if (feed->target_known && compare(&feed->target, &feed->have) == 0 && satisfied(feed))
        feed->agreed_us = now->boot_us;
}

/* Whether another target was named after this one, which a bad network kept for longer. Not so where the
 * cloud says a lower one later: it was put back. */
static bool is_late(const struct feed *feed, const struct cloud_desired *desired)
{
    return feed->target_known && desired->iat <= feed->target_iat &&
           compare(&desired->policy, &feed->target) < 0;
}

bool feed_desired(struct feed *feed, const struct timestamp *now, const struct trust_opened *opened,
                  struct cloud_desired *ret_desired)
{
    struct cloud_refusal refusal;
    struct cloud_desired desired;
    struct cloud_result result;
    int r = cloud_desired_parse(opened->payload, opened->len, feed->self, &desired, &refusal);

    if (r == 0)
        r = check_generation(feed, opened, desired.policy.generation, &refusal);
    begin_result(feed, CLOUD_DOWN_DESIRED, opened->ref, &result);
    if (r == -EBADMSG)
        answer_refusal(feed->answer, now, &result, &refusal);
    if (r < 0)
        return false;
    if (!is_late(feed, &desired)) {
        feed->target_known = true;
        feed->target = desired.policy;
        feed->target_iat = desired.iat;
    }
    if (feed->asking && now->boot_us - (feed->ask_at - feed->pause_us) >= FEED_PAUSE_MIN_US)
        feed->asking = false; /* the cloud is there, and the answer is overdue: ask at once */
    if (compare(&desired.policy, &feed->have) < 0) {
        result.outcome = CLOUD_OUTCOME_STALE;
        answer_send(feed->answer, now, &result);
    }
    note_agreement(feed, now);
    look(feed, now);
    *ret_desired = desired;
    return true;
}

/* The store took a job, or did not. */
static void submitted(struct feed *feed, const struct timestamp *now, int r, const struct feed_job *job)
{
    static const struct cloud_refusal too_much = { .code = "claims",
                                                   .error = { .text = "is more than this gateway takes" } };
    struct cloud_result result;

    if (r == 0) {
        push_job(feed, job);
        return;
    }
    if (r == -EMSGSIZE) {
        begin_result(feed, job->of, job->ref, &result);
        answer_refusal(feed->answer, now, &result, &too_much);
        feed->refused = job->aim;
        look(feed, now);
        return;
    }
    log_info("sync", "%s dropped: %s", cloud_topic_name(job->of), strerror(-r));
}

static struct feed_job job_of(enum cloud_topic of, const struct trust_opened *opened, int64_t iat)
{
    struct feed_job job = { .of = of, .by.iat = iat };

    text_copy(job.ref, sizeof(job.ref), opened->ref);
    text_copy(job.by.kid, sizeof(job.by.kid), opened->key ? opened->key->id : "");
    return job;
}

void feed_delta(struct feed *feed, const struct timestamp *now, const struct trust_opened *opened)
{
    struct cloud_refusal refusal;
    struct cloud_delta delta = { 0 };
    struct cloud_result result;
    int r = cloud_delta_parse(opened->payload, opened->len, feed->self, &delta, &refusal);

    delta.keys_allowed = trust_may_change_keys(opened);
    begin_result(feed, CLOUD_DOWN_DELTA, opened->ref, &result);
    if (r == 0 && feed->job_count < FEED_JOBS_MAX) {
        struct feed_job job = job_of(CLOUD_DOWN_DELTA, opened, delta.iat);

        job.aim.generation = delta.generation;
        job.aim.version = delta.to;
        memcpy(job.aim.root, delta.root, sizeof(job.aim.root));
        submitted(feed, now, feed->hooks->apply_delta(feed->hooks->user, &delta), &job);
    } else if (r == -EBADMSG) {
        refuse(feed, now, &result, &refusal);
    }
    cloud_delta_finish(&delta);
}

void feed_snapshot(struct feed *feed, const struct timestamp *now, const struct trust_opened *opened)
{
    struct cloud_refusal refusal;
    struct cloud_snapshot snapshot;
    struct cloud_result result;
    int r = cloud_snapshot_parse(opened->payload, opened->len, feed->self, &snapshot, &refusal);

    if (r == 0)
        r = check_generation(feed, opened, snapshot.policy.generation, &refusal);
    snapshot.keys_allowed = trust_may_change_keys(opened);
    begin_result(feed, CLOUD_DOWN_SNAPSHOT, opened->ref, &result);
    if (r == 0 && feed->job_count < FEED_JOBS_MAX) {
        struct feed_job job = job_of(CLOUD_DOWN_SNAPSHOT, opened, snapshot.iat);

        job.aim = snapshot.policy;
        submitted(feed, now, feed->hooks->begin_snapshot(feed->hooks->user, &snapshot), &job);
    } else if (r == -EBADMSG) {
        refuse(feed, now, &result, &refusal);
    }
}

/* A chunk is parsed by the store, once its hash holds. */
void feed_chunk(struct feed *feed, const struct timestamp *now, const char *bytes, size_t len)
{
    struct feed_job job = { .of = CLOUD_DOWN_CHUNK, .aim = staged(feed), .by = feed->manifest_by };

    if (!feed->staging.active || feed->job_count == FEED_JOBS_MAX)
        return;
    cloud_ref(bytes, len, job.ref);
    submitted(feed, now, feed->hooks->put_chunk(feed->hooks->user, bytes, len), &job);
}

void feed_digest(struct feed *feed, const struct timestamp *now, const char *bytes, size_t len)
{
    struct cloud_refusal refusal;
    struct cloud_digest digest;
    struct cloud_result result;
    char ref[CLOUD_REF_SIZE];
    int r = cloud_digest_parse(bytes, len, &digest, &refusal);

    if (r == -EBADMSG) {
        cloud_ref(bytes, len, ref);
        begin_result(feed, CLOUD_DOWN_DIGEST, ref, &result);
        answer_refusal(feed->answer, now, &result, &refusal);
    }
    if (r < 0 || digest.generation != feed->have.generation || digest.version != feed->have.version ||
        !feed->asking || feed->request.want != CLOUD_WANT_DIGEST || feed->job_count > 0 || feed->summing)
        return;
    r = feed->hooks->read_sums(feed->hooks->user);
    if (r < 0) {
        log_info("sync", "digest dropped: %s", strerror(-r));
        return;
    }
    feed->digest = digest;
    feed->summing = true;
}

/* A change may have overtaken the sums. */
static bool sums_count(const struct feed *feed, const struct cloud_digest *sums)
{
    return sums && feed->target_known && sums->generation == feed->have.generation &&
           sums->version == feed->have.version && feed->digest.generation == sums->generation &&
           feed->digest.version == sums->version;
}

void feed_sums(struct feed *feed, const struct timestamp *now, const struct cloud_digest *sums)
{
    feed->summing = false;
    if (sums_count(feed, sums)) {
        feed->buckets = cloud_digest_differ(&feed->digest, sums);
        unsigned count = digest_set_count(&feed->buckets);

        feed->repair = count > 0 ? FEED_REPAIR_BUCKETS : FEED_REPAIR_WHOLE;
        log_warning("sync", "the policy is not the cloud's: %u of %d buckets differ", count, DIGEST_BUCKETS);
    }
    look(feed, now);
}

static void copy_word(char *ret, size_t size, const char *word)
{
    snprintf(ret, size, "%s", word ? word : "");
}

static void send_result(struct feed *feed, const struct timestamp *now, const struct feed_job *job,
                        enum cloud_outcome outcome, const struct sync_policy_report *report)
{
    struct cloud_result result = { .of = job->of, .outcome = outcome, .policy = feed->have };

    if (job->of == CLOUD_DOWN_DESIRED)
        return;
    copy_word(result.ref, sizeof(result.ref), job->ref);
    /* The last chunk answers for the manifest, if that is known. */
    if (job->of == CLOUD_DOWN_CHUNK && outcome == CLOUD_OUTCOME_APPLIED && feed->manifest_ref[0]) {
        result.of = CLOUD_DOWN_SNAPSHOT;
        copy_word(result.ref, sizeof(result.ref), feed->manifest_ref);
    }
    if (outcome == CLOUD_OUTCOME_REJECTED) {
        copy_word(result.code, sizeof(result.code), report->code);
        copy_word(result.kind, sizeof(result.kind), report->kind);
        copy_word(result.id, sizeof(result.id), report->id);
        copy_word(result.member, sizeof(result.member), report->member);
    }
    answer_send(feed->answer, now, &result);
}

/* A delta from the future tells that there is something to ask for. After the connection's end it does not:
 * then nothing is known of the target until the next one. */
static void note_gap(struct feed *feed, const struct feed_job *job)
{
    if (job->of == CLOUD_DOWN_DELTA && feed->answer->online &&
        (!feed->target_known || compare(&job->aim, &feed->target) > 0)) {
        feed->target = job->aim;
        feed->target_known = true;
    }
}

/* A change that does not come to its root may be right and meet a policy that drifted: that is replaced. */
static void note_rejected(struct feed *feed, const struct feed_job *job, const char *code)
{
    if (job->of == CLOUD_DOWN_DELTA && strcmp(code, "root") == 0)
        feed->repair = FEED_REPAIR_WHOLE;
    else
        feed->refused = job->aim;
}

/* Its chunks say neither. */
static void note_manifest(struct feed *feed, const struct feed_job *job)
{
    copy_word(feed->manifest_ref, sizeof(feed->manifest_ref), job->ref);
    feed->manifest_by = job->by;
}

static void take_report(struct feed *feed, const struct timestamp *now, const struct feed_job *job,
                        const struct sync_policy_report *report)
{
    switch (report->outcome) {
    case SYNC_POLICY_APPLIED:
        send_result(feed, now, job, CLOUD_OUTCOME_APPLIED, report);
        feed->repair = FEED_REPAIR_UNKNOWN;
        feed->changed = job->by;
        note_agreement(feed, now);
        return;
    case SYNC_POLICY_STALE:
        if (job->of != CLOUD_DOWN_CHUNK)
            send_result(feed, now, job, CLOUD_OUTCOME_STALE, report);
        return;
    case SYNC_POLICY_GAP:
        send_result(feed, now, job, CLOUD_OUTCOME_GAP, report);
        note_gap(feed, job);
        return;
    case SYNC_POLICY_STAGED:
        if (job->of == CLOUD_DOWN_SNAPSHOT)
            note_manifest(feed, job);
        return;
    case SYNC_POLICY_IGNORED:
        return;
    case SYNC_POLICY_REJECTED:
        send_result(feed, now, job, CLOUD_OUTCOME_REJECTED, report);
        note_rejected(feed, job, report->code);
        return;
    case SYNC_POLICY_FAILED:
        send_result(feed, now, job, CLOUD_OUTCOME_FAILED, report);
        return;
    }
}

void feed_report(struct feed *feed, const struct timestamp *now, const struct sync_policy_report *report)
{
    struct feed_job job = pop_job(feed);
    bool advanced = report->staging.active && report->staging.next != feed->staging.next;

    feed->have = report->policy;
    feed->staging = report->staging;
    if (advanced && feed->asking && feed->request.want == CLOUD_WANT_CHUNKS) {
        feed->pause_us = FEED_PAUSE_MIN_US;
        feed->ask_at = now->boot_us + feed->pause_us;
    }
    take_report(feed, now, &job, report);
    if (!feed->staging.active)
        note_manifest(feed, &(struct feed_job){ 0 });
    feed->distrusted &= feed->staging.active || feed->job_count > 0;
    /* What cannot be dropped now is tried again when something else happens: a disk that fails would be asked
     * for ever. */
    if (job.of == CLOUD_DOWN_DESIRED && report->outcome == SYNC_POLICY_FAILED)
        return;
    look(feed, now);
}

void feed_advance(struct feed *feed, const struct timestamp *now)
{
    struct cloud_request request;

    if (now->boot_us < feed_due(feed))
        return;
    if (feed->job_count > 0 || feed->summing || !wanted(feed, &request)) {
        feed->ask_at = now->boot_us + feed->pause_us;
        return;
    }
    feed->pause_us = 2 * feed->pause_us < FEED_PAUSE_MAX_US ? 2 * feed->pause_us : FEED_PAUSE_MAX_US;
    ask(feed, now, &request);
}

int64_t feed_due(const struct feed *feed)
{
    return feed->asking ? feed->ask_at : SYNC_NEVER;
}
