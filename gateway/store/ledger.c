/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ledger.c: the loop's side: entries wait in a list, and one job at a time takes a batch of them to the disk.
 *
 * The job first goes to the worker with nothing to do: when it comes back the loop has finished the turn in
 * which the first entry was appended, so that what belongs together is committed together. A batch that fails
 * goes again as it is, entry for entry, so nothing can be lost, doubled or reordered between two tries.
 */
#include "gateway/store/ledger_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Reads, searches, acks, … that wait for the worker at most. */
#define REQUESTS_MAX 64

#define RETRY_FIRST_US (100 * USEC_PER_MSEC)
#define RETRY_MAX_US   (5 * USEC_PER_SEC)

static void items_init(struct ledger_items *items)
{
    *items = (struct ledger_items){ 0 };
    items->end = &items->first;
}

static void items_add(struct ledger_items *items, struct ledger_item *item)
{
    *items->end = item;
    items->end = &item->next;
    items->count++;
}

static struct ledger_item *items_take(struct ledger_items *items)
{
    struct ledger_item *item = items->first;

    items->first = item->next;
    if (!items->first)
        items->end = &items->first;
    items->count--;
    item->next = NULL;
    return item;
}

static void items_clear(struct ledger_items *items)
{
    while (items->first)
        free(items_take(items));
}

static size_t effects_bytes(const struct ledger_entry *entry)
{
    size_t bytes = 0;

    for (size_t i = 0; i < entry->effect_count; i++) {
        const struct ledger_effect *effect = &entry->effects[i];

        bytes += strlen(effect->key) + 1 + (effect->value ? strlen(effect->value) + 1 : 0);
    }
    return bytes;
}

static size_t command_bytes(const struct ledger_command *command)
{
    return command ? strlen(command->kid) + strlen(command->jti) + strlen(command->result) + 3 : 0;
}

static const char *copy_string(char **end, const char *string)
{
    char *copy = *end;

    if (!string)
        return NULL;
    *end = stpcpy(copy, string) + 1;
    return copy;
}

/* A copy of entry in one block; its event is in text already. */
static struct ledger_item *copy_entry(const struct ledger_entry *entry, const struct text *body,
                                      size_t cause_at)
{
    size_t body_len = entry->event ? body->len : 0;
    size_t effects_size = entry->effect_count * sizeof(struct ledger_effect);
    struct ledger_item *item = malloc(sizeof(*item) + effects_size + body_len + effects_bytes(entry) +
                                      command_bytes(entry->command));
    char *end;

    if (!item)
        return NULL;
    *item = (struct ledger_item){ .cause = entry->cause,
                                  .now = entry->now,
                                  .body_len = body_len,
                                  .cause_at = cause_at,
                                  .effects = (struct ledger_effect *)(item + 1),
                                  .effect_count = entry->effect_count };
    end = (char *)(item + 1) + effects_size;
    if (entry->event) {
        item->body = end;
        end = mempcpy(end, body->data, body_len);
    }
    for (size_t i = 0; i < entry->effect_count; i++) {
        item->effects[i].key = copy_string(&end, entry->effects[i].key);
        item->effects[i].value = copy_string(&end, entry->effects[i].value);
    }
    if (entry->command) {
        item->command.kid = copy_string(&end, entry->command->kid);
        item->command.jti = copy_string(&end, entry->command->jti);
        item->command.result = copy_string(&end, entry->command->result);
    }
    return item;
}

static int new_item(struct ledger *ledger, const struct ledger_entry *entry, struct ledger_item **ret_item)
{
    size_t cause_at = 0;
    int r = 0;

    if (entry->event)
        r = event_body(&ledger->body, entry->event, &entry->now, ledger->boot_id, &cause_at);
    if (r < 0)
        return r;
    *ret_item = copy_entry(entry, &ledger->body, cause_at);
    return *ret_item ? 0 : -ENOMEM;
}

/* One event for all that were refused. Without memory for it, it waits for the next batch. */
static void add_lost(struct ledger *ledger)
{
    const struct event event = { .kind = EVENT_LOST, .count = ledger->refused_events };
    const struct ledger_entry entry = { .event = &event, .now = ledger->refused_at };
    struct ledger_item *item;

    if (ledger->refused_events == 0 || new_item(ledger, &entry, &item) < 0)
        return;
    items_add(&ledger->waiting, item);
    ledger->refused_events = 0;
}

static void submit(struct ledger *ledger, int64_t delay_us)
{
    ledger->write.submitted = true;
    worker_submit_reserved(ledger->worker, &ledger->write.job, delay_us);
}

/* Takes what waits to the disk; a list that is empty ends the job. */
static void submit_batch(struct ledger *ledger)
{
    struct ledger_items *batch = &ledger->write.batch;

    add_lost(ledger);
    while (ledger->waiting.count > 0 && batch->count < LEDGER_BATCH_MAX)
        items_add(batch, items_take(&ledger->waiting));
    if (batch->count > 0)
        submit(ledger, 0);
}

/* Begins to gather, unless the job is on its way already. */
static void submit_gathering(struct ledger *ledger)
{
    if (!ledger->write.submitted)
        submit(ledger, ledger->gather_us);
}

static void tell_trouble(struct ledger *ledger, int error, const char *text)
{
    if (error == ledger->trouble)
        return;
    ledger->trouble = error;
    if (ledger->hooks.trouble)
        ledger->hooks.trouble(ledger->hooks.user, error, text);
}

static void batch_failed(struct ledger *ledger)
{
    tell_trouble(ledger, ledger->write.error, ledger->write.text);
    if (ledger->closing && ledger->last_try)
        return;
    ledger->last_try = ledger->closing;
    ledger->retry_us = ledger->retry_us == 0 ? RETRY_FIRST_US : 2 * ledger->retry_us;
    if (ledger->retry_us > RETRY_MAX_US)
        ledger->retry_us = RETRY_MAX_US;
    submit(ledger, ledger->retry_us);
}

static void batch_stored(struct ledger *ledger)
{
    const struct ledger_output *output = &ledger->write.output;

    ledger->position = ledger->write.position;
    ledger->retry_us = 0;
    items_clear(&ledger->write.batch);
    tell_trouble(ledger, 0, "");
    if (ledger->hooks.committed)
        ledger->hooks.committed(ledger->hooks.user, output->stored, output->count);
}

static void write_run(struct worker_job *job)
{
    struct ledger_write *write = (struct ledger_write *)job;
    struct ledger *ledger = (struct ledger *)((char *)write - offsetof(struct ledger, write));

    if (write->batch.count == 0)
        return;
    write->error = ledger_write_items(&ledger->file, write->batch.first, &write->output);
    write->position = ledger->file.log.position;
    if (write->error < 0)
        snprintf(write->text, sizeof(write->text), "%s", database_text(&ledger->file.database));
}

/* While hooks run the job counts as submitted, so that what they append is taken below. */
static void write_done(struct worker_job *job)
{
    struct ledger_write *write = (struct ledger_write *)job;
    struct ledger *ledger = (struct ledger *)((char *)write - offsetof(struct ledger, write));
    bool gathered = write->batch.count == 0;

    if (!gathered && write->error < 0) {
        batch_failed(ledger);
        return;
    }
    if (!gathered)
        batch_stored(ledger);
    write->submitted = false;
    if (gathered || ledger->gather_us == 0)
        submit_batch(ledger);
    else if (ledger->waiting.count > 0 || ledger->refused_events > 0)
        submit_gathering(ledger);
}

int ledger_open(const struct ledger_options *options, struct ledger **ret_ledger,
                struct ledger_opened *ret_opened)
{
    struct ledger *ledger = calloc(1, sizeof(*ledger));
    int r;

    *ret_opened = (struct ledger_opened){ 0 };
    if (!ledger)
        return -ENOMEM;
    ledger->hooks = options->hooks;
    ledger->gather_us = options->gather_us;
    snprintf(ledger->boot_id, sizeof(ledger->boot_id), "%s", options->boot_id);
    ledger->write.job = (struct worker_job){ .run = write_run, .done = write_done };
    items_init(&ledger->waiting);
    items_init(&ledger->write.batch);
    r = ledger_file_open(&ledger->file, options, ret_opened);
    if (r < 0) {
        (void)ledger_close(ledger, NULL);
        return r;
    }
    ledger->position = ledger->file.log.position;
    *ret_ledger = ledger;
    return 0;
}

int ledger_restore(struct ledger *ledger, const char *prefix,
                   int (*fn)(void *user, const char *key, const char *value), void *user)
{
    assert(!ledger->worker);
    return ledger_file_restore(&ledger->file, prefix, fn, user);
}

int ledger_restore_commands(struct ledger *ledger,
                            int (*fn)(void *user, const struct ledger_command *command), void *user)
{
    assert(!ledger->worker);
    return ledger_commands_restore(&ledger->file, fn, user);
}

int ledger_start(struct ledger *ledger)
{
    assert(!ledger->worker);
    return worker_new("ledger", REQUESTS_MAX, &ledger->worker);
}

struct ledger *ledger_close(struct ledger *ledger, size_t *ret_lost)
{
    if (!ledger)
        return NULL;
    ledger->closing = true;
    ledger->worker = worker_free(ledger->worker);
    if (ret_lost)
        *ret_lost = ledger_pending(ledger);
    ledger_file_close(&ledger->file);
    items_clear(&ledger->waiting);
    items_clear(&ledger->write.batch);
    text_finish(&ledger->write.output.lines);
    text_finish(&ledger->body);
    free(ledger);
    return NULL;
}

int ledger_fd(const struct ledger *ledger)
{
    return worker_fd(ledger->worker);
}

void ledger_dispatch(struct ledger *ledger)
{
    worker_dispatch(ledger->worker);
}

const struct ledger_position *ledger_position(const struct ledger *ledger)
{
    return &ledger->position;
}

size_t ledger_pending(const struct ledger *ledger)
{
    return ledger->waiting.count + ledger->write.batch.count;
}

static int check_entry(const struct ledger_entry *entry)
{
    assert(!entry->command || (entry->event && entry->command->result));
    if (entry->command && strlen(entry->command->result) > LEDGER_COMMAND_BYTES_MAX)
        return -EMSGSIZE;
    if (entry->effect_count > LEDGER_EFFECTS_MAX)
        return -EINVAL;
    for (size_t i = 0; i < entry->effect_count; i++) {
        const struct ledger_effect *effect = &entry->effects[i];

        if (!effect->key || effect->key[0] == '\0')
            return -EINVAL;
        if (strlen(effect->key) > LEDGER_KEY_BYTES_MAX)
            return -EMSGSIZE;
        if (effect->value && strlen(effect->value) > LEDGER_VALUE_BYTES_MAX)
            return -EMSGSIZE;
    }
    return 0;
}

static int refuse(struct ledger *ledger, const struct ledger_entry *entry, int r)
{
    if (entry->event) {
        ledger->refused_events++;
        ledger->refused_at = entry->now;
        submit_gathering(ledger);
    }
    return r;
}

int ledger_append(struct ledger *ledger, const struct ledger_entry *entry, uint64_t *ret_ticket)
{
    size_t max = entry->essential ? LEDGER_PENDING_MAX : LEDGER_PENDING_MAX - LEDGER_RESERVE;
    struct ledger_item *item = NULL;
    int r = check_entry(entry);

    assert(ledger->worker);
    if (r < 0)
        return r;
    if (ledger_pending(ledger) >= max)
        return refuse(ledger, entry, -ENOBUFS);
    r = new_item(ledger, entry, &item);
    if (r < 0)
        return r == -ENOMEM ? refuse(ledger, entry, r) : r;
    item->ticket = ++ledger->last_ticket;
    items_add(&ledger->waiting, item);
    submit_gathering(ledger);
    if (ret_ticket)
        *ret_ticket = item->ticket;
    return 0;
}
