/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_store_read.c: what is read goes to the worker like a change, so that it sees whole versions only. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/text.h"
#include "gateway/store/policy_store_internal.h"

/* A slice of a list: so many bytes are gathered before they are handed over. */
#define LIST_SLICE_BYTES (256u * 1024)

struct list_request {
    struct worker_job job;
    struct policy_store *store;
    void (*each)(void *user, const char *kind, const char *id, int64_t rev, const char *json);
    void (*done)(void *user, int error);
    void *user;
    bool one_kind;
    /* The item after which the next slice begins. */
    char kind[POLICY_KIND_SIZE];
    char id[ID_SIZE];
    /* The slice: kind, id, rev and json of one item after the other, each ended by NUL. */
    struct text slice;
    bool more;
    int error;
};

static void list_free(struct list_request *list)
{
    text_finish(&list->slice);
    free(list);
}

static void add_to_slice(struct list_request *list, const struct policy_item_row *row)
{
    char rev[24];
    int len = snprintf(rev, sizeof(rev), "%lld", (long long)row->rev);

    text_add_bytes(&list->slice, row->kind, strlen(row->kind) + 1);
    text_add_bytes(&list->slice, row->id, strlen(row->id) + 1);
    text_add_bytes(&list->slice, rev, (size_t)len + 1);
    text_add_bytes(&list->slice, row->json, row->json_len + 1);
}

/* Gathers a slice. Returns 1 if there is more, 0 at the end, or a negative errno. */
static int gather(struct list_request *list)
{
    struct policy_rows *rows = &list->store->file.rows;
    struct policy_item_row row;
    int r;

    while ((r = policy_store_rows_next(rows, &row)) > 0) {
        if (list->one_kind && strcmp(row.kind, list->kind) != 0)
            return 0;
        add_to_slice(list, &row);
        if (text_error(&list->slice) < 0)
            return text_error(&list->slice);
        if (list->slice.len < LIST_SLICE_BYTES)
            continue;
        snprintf(list->kind, sizeof(list->kind), "%s", row.kind);
        snprintf(list->id, sizeof(list->id), "%s", row.id);
        return 1;
    }
    return r;
}

static void run_list(struct worker_job *job)
{
    struct list_request *list = (struct list_request *)job;
    struct policy_file *file = &list->store->file;
    int r = policy_store_rows_scan(&file->rows, file->head.slot, list->kind, list->id);

    if (r == 0)
        r = gather(list);
    policy_store_rows_scan_end(&file->rows);
    list->more = r > 0;
    list->error = r < 0 ? r : 0;
}

static void tell_slice(const struct list_request *list)
{
    const char *at = list->slice.data;
    const char *end = at + list->slice.len;

    while (at < end) {
        const char *kind = at;
        const char *id = kind + strlen(kind) + 1;
        const char *rev = id + strlen(id) + 1;
        const char *json = rev + strlen(rev) + 1;

        list->each(list->user, kind, id, strtoll(rev, NULL, 10), json);
        at = json + strlen(json) + 1;
    }
}

static void answer_list(struct worker_job *job)
{
    struct list_request *list = (struct list_request *)job;

    tell_slice(list);
    if (list->more) {
        text_reset(&list->slice);
        worker_submit_reserved(list->store->worker, &list->job, 0);
        return;
    }
    list->done(list->user, list->error);
    list_free(list);
}

int policy_store_list(struct policy_store *store, const char *kind,
                      void (*each)(void *user, const char *kind, const char *id, int64_t rev,
                                   const char *json),
                      void (*done)(void *user, int error), void *user)
{
    struct list_request *list = calloc(1, sizeof(*list));

    if (!list)
        return -ENOMEM;
    *list = (struct list_request){ .job = { .run = run_list, .done = answer_list },
                                   .store = store,
                                   .each = each,
                                   .done = done,
                                   .user = user,
                                   .one_kind = kind != NULL };
    if (kind)
        snprintf(list->kind, sizeof(list->kind), "%s", kind);
    int r = worker_submit(store->worker, &list->job);

    if (r < 0)
        list_free(list);
    return r;
}

struct sum_request {
    struct worker_job job;
    struct policy_store *store;
    void (*done)(void *user, int error, const struct policy_position *position,
                 const struct digest_sums *sums);
    void *user;
    struct policy_position position;
    struct policy_check check;
    struct digest_sums sums;
    int progress; /* 1: there are more */
};

static void run_sum(struct worker_job *job)
{
    struct sum_request *request = (struct sum_request *)job;
    struct policy_file *file = &request->store->file;

    request->position = file->head.position;
    request->progress = policy_store_file_sum(file, &request->check);
}

static void answer_sum(struct worker_job *job)
{
    struct sum_request *request = (struct sum_request *)job;

    if (request->progress > 0 && !request->store->closing) {
        worker_submit_reserved(request->store->worker, &request->job, 0);
        return;
    }
    request->done(request->user, request->progress > 0 ? -ECANCELED : request->progress, &request->position,
                  &request->sums);
    free(request);
}

int policy_store_sum(struct policy_store *store,
                     void (*done)(void *user, int error, const struct policy_position *position,
                                  const struct digest_sums *sums),
                     void *user)
{
    struct sum_request *request = calloc(1, sizeof(*request));

    if (!request)
        return -ENOMEM;
    request->job = (struct worker_job){ .run = run_sum, .done = answer_sum };
    request->check.sums = &request->sums;
    request->store = store;
    request->done = done;
    request->user = user;
    int r = worker_submit(store->worker, &request->job);

    if (r < 0)
        free(request);
    return r;
}
