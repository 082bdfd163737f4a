/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_store.c: requests between the loop and the worker. A request is one allocation with everything that
 * it needs, runs on the worker's thread, and carries its answer back; only the worker touches the file. */
#include "gateway/store/policy_store.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/core/policy.h"
#include "gateway/store/policy_store_delta.h"
#include "gateway/store/policy_store_internal.h"
#include "gateway/store/policy_store_snapshot.h"

/* Requests that wait at most: the chunks that may be on their way at once, twice. */
#define REQUESTS_MAX 32

struct chunk {
    const void *bytes;
    size_t len;
};

struct request {
    struct worker_job job;
    struct policy_store *store;
    policy_report_fn *done;
    void *user;
    struct policy_report report;
    struct key_set keys; /* of a policy that was applied */
    bool image_due;      /* its compiled copy should be written */
    union {
        struct policy_delta delta;
        struct policy_manifest manifest;
        struct chunk chunk;
    };
    /* One byte more than is right, so that what is too long stays wrong. */
    char root[ROOT_SIZE + 1];
    char first[SHA256_HEX_SIZE + 1];
    char *copies; /* what the rest points into */
};

/* A start has other things to do first. */
#define VERIFY_DELAY_US (5 * USEC_PER_SEC)

/* Behind a large change there may be others, which should not wait for the copy of a million people. */
#define IMAGE_DELAY_US (2 * USEC_PER_SEC)

static struct policy_store *container_of_verify(struct worker_job *job)
{
    return (struct policy_store *)(void *)((char *)job - offsetof(struct policy_store, verify));
}

/* --- Opening and closing. --- */

static int open_trusted(struct policy_store *store, const struct policy_store_options *options,
                        struct policy_opened *opened)
{
    int r = policy_store_file_open(&store->file, options, &opened->policy, opened->text);

    if (r == 0)
        opened->created = store->file.rows.database.created;
    return r;
}

/* An empty file takes the place of one that cannot be trusted; the text goes on saying why. */
static int replace_damaged(struct policy_store *store, const struct policy_store_options *options,
                           struct policy_opened *opened)
{
    char text[sizeof(opened->text)];
    int r = database_move_aside(options->path, opened->aside, sizeof(opened->aside));

    if (r < 0)
        return r;
    opened->damaged = true;
    memcpy(text, opened->text, sizeof(text));
    r = open_trusted(store, options, opened);
    if (r == 0)
        memcpy(opened->text, text, sizeof(text));
    return r;
}

int policy_store_open(const struct policy_store_options *options, struct policy_store **ret_store,
                      struct policy_opened *ret_opened)
{
    struct policy_store *store = calloc(1, sizeof(*store));

    static_assert(sizeof(ret_opened->text) == DATABASE_TEXT_SIZE, "one text for both");
    *ret_opened = (struct policy_opened){ 0 };
    if (!store)
        return -ENOMEM;
    int r = open_trusted(store, options, ret_opened);

    if (r == -EUCLEAN)
        r = replace_damaged(store, options, ret_opened);
    if (r < 0) {
        free(store);
        return r;
    }
    store->keys = policy_store_file_take_keys(&store->file);
    store->position = ret_opened->position = store->file.head.position;
    store->staging = ret_opened->staging = store->file.head.staging;
    store->damaged = options->damaged;
    store->damaged_user = options->user;
    *ret_store = store;
    return 0;
}

static void run_verify(struct worker_job *job)
{
    struct policy_store *store = container_of_verify(job);

    store->verified = store->closing ? 0 : policy_store_file_verify(&store->file, &store->check);
}

static void verify_done(struct worker_job *job)
{
    struct policy_store *store = container_of_verify(job);

    if (store->verified > 0)
        worker_submit_reserved(store->worker, &store->verify, 0);
    else if (store->verified == -EUCLEAN && store->damaged)
        store->damaged(store->damaged_user);
}

static struct policy_store *container_of_save(struct worker_job *job)
{
    return (struct policy_store *)(void *)((char *)job - offsetof(struct policy_store, save));
}

static void run_save(struct worker_job *job)
{
    policy_store_file_save_image(&container_of_save(job)->file);
}

static void save_done(struct worker_job *job)
{
    container_of_save(job)->saving = false;
}

/* By itself, so that nobody waits for it who waits for a change. */
static void save_image(struct policy_store *store)
{
    if (store->saving)
        return;
    store->saving = true;
    store->save = (struct worker_job){ .run = run_save, .done = save_done };
    worker_submit_reserved(store->worker, &store->save, IMAGE_DELAY_US);
}

int policy_store_start(struct policy_store *store)
{
    bool image_due = policy_store_file_image_is_due(&store->file);

    assert(!store->worker);
    int r = worker_new("policy", REQUESTS_MAX, &store->worker);

    if (r == 0 && image_due)
        save_image(store);

    if (r == 0 && store->file.by_image) {
        store->verify = (struct worker_job){ .run = run_verify, .done = verify_done };
        worker_submit_reserved(store->worker, &store->verify, VERIFY_DELAY_US);
    }
    return r;
}

struct policy_store *policy_store_close(struct policy_store *store)
{
    if (!store)
        return NULL;
    store->closing = true;
    worker_free(store->worker);
    policy_store_file_close(&store->file);
    key_set_finish(&store->keys);
    free(store);
    return NULL;
}

int policy_store_fd(const struct policy_store *store)
{
    return worker_fd(store->worker);
}

void policy_store_dispatch(struct policy_store *store)
{
    worker_dispatch(store->worker);
}

const struct key_set *policy_store_keys(const struct policy_store *store)
{
    return &store->keys;
}

const struct policy_position *policy_store_position(const struct policy_store *store)
{
    return &store->position;
}

const struct policy_staging *policy_store_staging(const struct policy_store *store)
{
    return &store->staging;
}

/* --- Changes. --- */

static struct request *request_free(struct request *request)
{
    if (!request)
        return NULL;
    key_set_finish(&request->keys);
    free(request->copies);
    free(request);
    return NULL;
}

static void request_freep(struct request **request)
{
    request_free(*request);
}

static void answer(struct worker_job *job)
{
    struct request *request = (struct request *)job;
    struct policy_store *store = request->store;

    store->position = request->report.position;
    store->staging = request->report.staging;
    if (request->report.outcome == POLICY_APPLIED) {
        key_set_finish(&store->keys);
        store->keys = request->keys;
        request->keys = (struct key_set){ 0 };
    }
    request->done(request->user, &request->report);
    if (request->image_due)
        save_image(store);
    request_free(request);
}

/* A request with room for copies of so many bytes. */
static struct request *request_new(struct policy_store *store, void (*run)(struct worker_job *job),
                                   size_t size)
{
    struct request *request = calloc(1, sizeof(*request));

    if (!request)
        return NULL;
    request->job = (struct worker_job){ .run = run, .done = answer };
    request->store = store;
    request->copies = malloc(size + 1);
    return request->copies ? request : request_free(request);
}

/* Hands it to the worker, which is then its owner. */
static int submit(struct request **request, policy_report_fn *done, void *user)
{
    (*request)->done = done;
    (*request)->user = user;
    int r = worker_submit((*request)->store->worker, &(*request)->job);

    if (r == 0)
        *request = NULL;
    return r;
}

static void applied(struct request *request)
{
    if (request->report.outcome != POLICY_APPLIED)
        return;
    request->keys = policy_store_file_take_keys(&request->store->file);
    request->image_due = policy_store_file_image_is_due(&request->store->file);
}

static void run_apply(struct worker_job *job)
{
    struct request *request = (struct request *)job;

    policy_store_delta_apply(&request->store->file, &request->delta, &request->report);
    applied(request);
}

/* Copies a string of that length to *at, which moves on. NULL stays NULL. */
static const char *keep(char **at, const char *string, size_t len)
{
    char *kept = *at;

    if (!string)
        return NULL;
    memcpy(kept, string, len);
    kept[len] = '\0';
    *at += len + 1;
    return kept;
}

static const char *keep_string(char **at, const char *string)
{
    return keep(at, string, string ? strlen(string) : 0);
}

static size_t size_of_op(const struct policy_op *op)
{
    assert(op->del ? op->id != NULL : op->item != NULL);
    return sizeof(*op) + strlen(op->kind) + 1 + (op->id ? strlen(op->id) + 1 : 0) + op->item_len + 1;
}

/* The ops come first, so that they are aligned; their strings behind them. */
static void keep_ops(struct request *request, const struct policy_delta *delta)
{
    struct policy_op *ops = (struct policy_op *)(void *)request->copies;
    char *at = request->copies + delta->count * sizeof(*ops);

    for (size_t i = 0; i < delta->count; i++) {
        ops[i] = delta->ops[i];
        ops[i].kind = keep_string(&at, delta->ops[i].kind);
        ops[i].id = keep_string(&at, delta->ops[i].id);
        ops[i].item = keep(&at, delta->ops[i].item, delta->ops[i].item_len);
    }
    request->delta.ops = ops;
}

int policy_store_apply(struct policy_store *store, const struct policy_delta *delta, policy_report_fn *done,
                       void *user)
{
    size_t size = 0;

    if (delta->count > POLICY_OPS_MAX)
        return -EMSGSIZE;
    for (size_t i = 0; i < delta->count; i++)
        size += size_of_op(&delta->ops[i]);
    cleanup_with(request_freep) struct request *request = request_new(store, run_apply, size);

    if (!request)
        return -ENOMEM;
    request->delta = *delta;
    keep_ops(request, delta);
    snprintf(request->root, sizeof(request->root), "%s", delta->root);
    request->delta.root = request->root;
    return submit(&request, done, user);
}

static void run_begin(struct worker_job *job)
{
    struct request *request = (struct request *)job;

    policy_store_snapshot_begin(&request->store->file, &request->manifest, &request->report);
    applied(request);
}

int policy_store_begin(struct policy_store *store, const struct policy_manifest *manifest,
                       policy_report_fn *done, void *user)
{
    if (manifest->items > POLICY_ITEMS_MAX)
        return -EMSGSIZE;
    cleanup_with(request_freep) struct request *request = request_new(store, run_begin, 0);

    if (!request)
        return -ENOMEM;
    request->manifest = *manifest;
    snprintf(request->root, sizeof(request->root), "%s", manifest->root);
    request->manifest.root = request->root;
    snprintf(request->first, sizeof(request->first), "%s", manifest->first ? manifest->first : "");
    request->manifest.first = request->first;
    return submit(&request, done, user);
}

static void run_chunk(struct worker_job *job)
{
    struct request *request = (struct request *)job;

    policy_store_snapshot_chunk(&request->store->file, request->chunk.bytes, request->chunk.len,
                                &request->report);
    applied(request);
}

int policy_store_chunk(struct policy_store *store, const void *bytes, size_t len, policy_report_fn *done,
                       void *user)
{
    if (len > POLICY_CHUNK_BYTES)
        return -EMSGSIZE;
    cleanup_with(request_freep) struct request *request = request_new(store, run_chunk, len);

    if (!request)
        return -ENOMEM;
    memcpy(request->copies, bytes, len);
    request->chunk = (struct chunk){ .bytes = request->copies, .len = len };
    return submit(&request, done, user);
}

static void run_cancel(struct worker_job *job)
{
    struct request *request = (struct request *)job;

    policy_store_snapshot_cancel(&request->store->file, &request->report);
}

int policy_store_cancel(struct policy_store *store, policy_report_fn *done, void *user)
{
    cleanup_with(request_freep) struct request *request = request_new(store, run_cancel, 0);

    return request ? submit(&request, done, user) : -ENOMEM;
}

/* --- A policy that is done with. --- */

struct retirement {
    struct worker_job job;
    struct policy *policy;
};

static void run_retire(struct worker_job *job)
{
    policy_free(((struct retirement *)job)->policy);
}

static void retired(struct worker_job *job)
{
    free(job);
}

void policy_store_retire(struct policy_store *store, struct policy *policy)
{
    struct retirement *retirement = policy ? malloc(sizeof(*retirement)) : NULL;

    if (!retirement) {
        policy_free(policy);
        return;
    }
    *retirement = (struct retirement){ .job = { .run = run_retire, .done = retired }, .policy = policy };
    worker_submit_reserved(store->worker, &retirement->job, 0);
}

/* --- Names. --- */

const char *policy_outcome_name(enum policy_outcome outcome)
{
    switch (outcome) {
    case POLICY_APPLIED:
        return "applied";
    case POLICY_STALE:
        return "stale";
    case POLICY_GAP:
        return "gap";
    case POLICY_STAGED:
        return "staged";
    case POLICY_IGNORED:
        return "ignored";
    case POLICY_REJECTED:
        return "rejected";
    case POLICY_FAILED:
        return "failed";
    }
    return NULL;
}

const char *policy_code_name(enum policy_code code)
{
    switch (code) {
    case POLICY_CODE_NONE:
        return NULL;
    case POLICY_CODE_CLAIMS:
        return "claims";
    case POLICY_CODE_GENERATION:
        return "generation";
    case POLICY_CODE_VERSION:
        return "version";
    case POLICY_CODE_KEYS:
        return "keys";
    case POLICY_CODE_ITEM:
        return "item";
    case POLICY_CODE_ROOT:
        return "root";
    case POLICY_CODE_CHUNK:
        return "chunk";
    }
    return NULL;
}
