/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ledger_requests.c: what is asked of the ledger: each request is a job that owns what it needs, answers once
 * and is freed. Long ones do a slice, come back to the loop and go again behind what has been submitted
 * meanwhile. */
#include "gateway/store/ledger_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct request {
    struct worker_job job;
    struct ledger *ledger;
    void *user;
    int result; /* of the run: 1 wants another slice */
};

struct read_request {
    struct request base;
    void (*done)(void *user, const struct ledger_batch *batch);
    int64_t from;
    size_t count_max;
    size_t bytes_max;
    struct text lines;
    struct ledger_batch batch;
};

struct find_request {
    struct request base;
    void (*done)(void *user, const struct ledger_found *found);
    struct ledger_search search;
};

struct ack_request {
    struct request base;
    void (*done)(void *user, const struct ledger_acked *acked);
    char epoch[EPOCH_SIZE];
    uint8_t hash[CHAIN_BYTES];
    struct ledger_acked acked;
    struct ledger_position position; /* after it */
};

struct epoch_request {
    struct request base;
    void (*done)(void *user, int error);
    struct timestamp now;
    struct ledger_output output;
    struct ledger_position position; /* after it */
};

struct begin_request {
    struct request base;
    void (*done)(void *user, const struct ledger_begun *begun);
    struct ledger_command command; /* its strings stand behind the request */
    struct timestamp now;
    struct text texts;
    struct ledger_begun begun;
};

struct verify_request {
    struct request base;
    void (*done)(void *user, const struct ledger_verified *verified);
    struct ledger_walk walk;
};

/* A zeroed request of that size. NULL without memory. */
static void *new_request(struct ledger *ledger, size_t size, void *user)
{
    struct request *request = calloc(1, size);

    if (!request)
        return NULL;
    request->ledger = ledger;
    request->user = user;
    return request;
}

/* Frees the request if it cannot be taken. */
static int submit(struct request *request, void (*run)(struct worker_job *),
                  void (*done)(struct worker_job *))
{
    struct ledger *ledger = request->ledger;
    int r;

    request->job.run = run;
    request->job.done = done;
    r = ledger->closing ? -ENOBUFS : worker_submit(ledger->worker, &request->job);
    if (r < 0)
        free(request);
    return r;
}

/* Sends a request for its next slice. Returns false if it has come to its end, which closing is too. */
static bool next_slice(struct request *request)
{
    if (request->result <= 0)
        return false;
    if (request->ledger->closing) {
        request->result = -ECANCELED;
        return false;
    }
    worker_submit_reserved(request->ledger->worker, &request->job, 0);
    return true;
}

static void read_run(struct worker_job *job)
{
    struct read_request *request = (struct read_request *)job;

    request->base.result = ledger_read_batch(&request->base.ledger->file, request->from, request->count_max,
                                             request->bytes_max, &request->lines, &request->batch);
}

static void read_done(struct worker_job *job)
{
    struct read_request *request = (struct read_request *)job;

    request->batch.error = request->base.result;
    request->batch.lines = text_string(&request->lines);
    request->batch.len = request->lines.len;
    request->done(request->base.user, &request->batch);
    text_finish(&request->lines);
    free(request);
}

int ledger_read(struct ledger *ledger, int64_t from, size_t count_max, size_t bytes_max,
                void (*done)(void *user, const struct ledger_batch *batch), void *user)
{
    struct read_request *request = new_request(ledger, sizeof(*request), user);

    if (!request)
        return -ENOMEM;
    request->done = done;
    request->from = from;
    request->count_max = count_max;
    request->bytes_max = bytes_max;
    return submit(&request->base, read_run, read_done);
}

static void find_run(struct worker_job *job)
{
    struct find_request *request = (struct find_request *)job;

    request->base.result = ledger_read_search(&request->base.ledger->file, &request->search);
}

static void find_done(struct worker_job *job)
{
    struct find_request *request = (struct find_request *)job;
    struct ledger_search *search = &request->search;
    struct ledger_found found = { 0 };

    if (next_slice(&request->base))
        return;
    found.error = request->base.result;
    found.lines = "";
    if (found.error == 0) {
        found.count = search->count;
        found.lines = text_string(&search->lines);
        found.len = search->lines.len;
        found.more = search->more;
    }
    request->done(request->base.user, &found);
    text_finish(&search->lines);
    free(search->at);
    free(request);
}

static void copy_name(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
}

/* An event without utc is as old as its boot time says. */
static void copy_since(struct ledger_search *search, const struct ledger_query *query)
{
    if (query->since_utc_us <= 0)
        return;
    if (!event_utc_format(query->since_utc_us, search->utc))
        copy_name(search->utc, sizeof(search->utc), ":"); /* behind every date */
    search->boot_us = query->now.boot_us - (query->now.utc_us - query->since_utc_us);
}

static void copy_query(struct ledger_search *search, const struct ledger_query *query)
{
    size_t kinds = 0;

    copy_name(search->door, sizeof(search->door), query->door);
    copy_name(search->user, sizeof(search->user), query->user);
    for (size_t i = 0; i < sizeof(query->kinds) / sizeof(query->kinds[0]); i++)
        if (query->kinds[i])
            copy_name(search->kinds[kinds++], LEDGER_KIND_SIZE, query->kinds[i]);
    copy_since(search, query);
    search->since_seq = query->since_seq;
    search->oldest_first = query->oldest_first;
    search->limit = query->limit;
    if (search->limit == 0 || search->limit > LEDGER_QUERY_MAX)
        search->limit = LEDGER_QUERY_MAX;
}

int ledger_find(struct ledger *ledger, const struct ledger_query *query,
                void (*done)(void *user, const struct ledger_found *found), void *user)
{
    struct find_request *request = new_request(ledger, sizeof(*request), user);

    if (!request)
        return -ENOMEM;
    request->done = done;
    copy_query(&request->search, query);
    return submit(&request->base, find_run, find_done);
}

static void ack_run(struct worker_job *job)
{
    struct ack_request *request = (struct ack_request *)job;
    struct ledger_file *file = &request->base.ledger->file;

    request->acked.outcome = ledger_write_ack(file, request->epoch, request->acked.seq, request->hash);
    request->position = file->log.position;
}

static void ack_done(struct worker_job *job)
{
    struct ack_request *request = (struct ack_request *)job;

    request->base.ledger->position = request->position;
    request->done(request->base.user, &request->acked);
    free(request);
}

int ledger_ack(struct ledger *ledger, const char *epoch, int64_t seq, const uint8_t hash[static CHAIN_BYTES],
               void (*done)(void *user, const struct ledger_acked *acked), void *user)
{
    struct ack_request *request = new_request(ledger, sizeof(*request), user);

    assert(seq >= 0);
    if (!request)
        return -ENOMEM;
    request->done = done;
    copy_name(request->epoch, sizeof(request->epoch), strlen(epoch) < EPOCH_SIZE ? epoch : "");
    memcpy(request->hash, hash, CHAIN_BYTES);
    request->acked.seq = seq;
    return submit(&request->base, ack_run, ack_done);
}

static void epoch_run(struct worker_job *job)
{
    struct epoch_request *request = (struct epoch_request *)job;
    struct ledger_file *file = &request->base.ledger->file;

    request->base.result = ledger_write_epoch(file, &request->now, &request->output);
    request->position = file->log.position;
}

static void epoch_done(struct worker_job *job)
{
    struct epoch_request *request = (struct epoch_request *)job;
    struct ledger *ledger = request->base.ledger;

    ledger->position = request->position;
    if (request->base.result == 0 && ledger->hooks.committed)
        ledger->hooks.committed(ledger->hooks.user, request->output.stored, request->output.count);
    request->done(request->base.user, request->base.result);
    text_finish(&request->output.lines);
    free(request);
}

int ledger_new_epoch(struct ledger *ledger, const struct timestamp *now, void (*done)(void *user, int error),
                     void *user)
{
    struct epoch_request *request = new_request(ledger, sizeof(*request), user);

    if (!request)
        return -ENOMEM;
    request->done = done;
    request->now = *now;
    return submit(&request->base, epoch_run, epoch_done);
}

static void begin_run(struct worker_job *job)
{
    struct begin_request *request = (struct begin_request *)job;

    ledger_commands_begin(&request->base.ledger->file, &request->command, &request->now, &request->texts,
                          &request->begun);
}

static void begin_done(struct worker_job *job)
{
    struct begin_request *request = (struct begin_request *)job;

    request->done(request->base.user, &request->begun);
    text_finish(&request->texts);
    free(request);
}

/* Copies a string to *end. */
static const char *keep(char **end, const char *string)
{
    const char *kept = *end;

    *end = stpcpy(*end, string) + 1;
    return kept;
}

int ledger_begin_command(struct ledger *ledger, const struct ledger_command *command,
                         const struct timestamp *now,
                         void (*done)(void *user, const struct ledger_begun *begun), void *user)
{
    size_t bytes =
        strlen(command->kid) + strlen(command->jti) + strlen(command->ref) + strlen(command->what) + 4;
    struct begin_request *request = new_request(ledger, sizeof(*request) + bytes, user);

    if (!request)
        return -ENOMEM;
    char *end = (char *)(request + 1);

    request->command.kid = keep(&end, command->kid);
    request->command.jti = keep(&end, command->jti);
    request->command.ref = keep(&end, command->ref);
    request->command.what = keep(&end, command->what);
    request->now = *now;
    request->done = done;
    return submit(&request->base, begin_run, begin_done);
}

static void verify_run(struct worker_job *job)
{
    struct verify_request *request = (struct verify_request *)job;

    request->base.result = ledger_read_verify(&request->base.ledger->file, &request->walk);
}

static void verify_done(struct worker_job *job)
{
    struct verify_request *request = (struct verify_request *)job;

    if (next_slice(&request->base))
        return;
    const struct ledger_walk *walk = &request->walk;
    struct ledger_verified verified = {
        .error = request->base.result, .first = walk->first, .last = walk->seq, .first_bad = walk->first_bad
    };

    memcpy(verified.epoch, walk->epoch, EPOCH_SIZE);
    request->done(request->base.user, &verified);
    free(request);
}

int ledger_verify(struct ledger *ledger, void (*done)(void *user, const struct ledger_verified *verified),
                  void *user)
{
    struct verify_request *request = new_request(ledger, sizeof(*request), user);

    if (!request)
        return -ENOMEM;
    request->done = done;
    return submit(&request->base, verify_run, verify_done);
}
