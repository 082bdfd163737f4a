/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ledger_write.c: the three transactions of the ledger: storing entries, an ack, a new epoch.
 *
 * Seqs are given from the copy of the log that the transaction works on, so a transaction that fails gives
 * none. Rows go from the old end only. What goes on overflow is more than must, so that not every transaction
 * of a full log tells of a loss.
 */
#include "gateway/store/ledger_file.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* On overflow this part of all rows goes at once. */
#define OVERFLOW_SHARE 64

/* How often entries make the ledger look for events that are too old. */
#define AGED_INTERVAL_US (60 * USEC_PER_SEC)

static int64_t min_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t max_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void output_reset(struct ledger_output *output)
{
    output->count = 0;
    text_reset(&output->lines);
}

static int output_add(struct ledger_output *output, uint64_t ticket, int64_t seq, const struct text *line)
{
    size_t i = output->count++;

    assert(i < sizeof(output->stored) / sizeof(output->stored[0]));
    output->at[i] = output->lines.len;
    output->stored[i] =
        (struct ledger_stored){ .ticket = ticket, .seq = seq, .len = seq > 0 ? line->len : 0 };
    if (seq > 0)
        text_add_bytes(&output->lines, line->data, line->len + 1);
    return text_error(&output->lines);
}

/* The lines no longer move: says where they are. */
static void output_finish(struct ledger_output *output)
{
    for (size_t i = 0; i < output->count; i++)
        if (output->stored[i].seq > 0)
            output->stored[i].bytes = output->lines.data + output->at[i];
}

static void set_first_id(struct ledger_log *log, int64_t first_id)
{
    log->first_id = first_id;
    log->position.oldest = max_of(first_id - log->base, 1);
}

static int save_log(struct ledger_file *file, const struct ledger_log *log)
{
    const struct ledger_position *position = &log->position;
    sqlite3_stmt *save = file->sql.save_log;

    if (sqlite3_bind_text(save, 1, position->epoch, -1, SQLITE_STATIC) |
        sqlite3_bind_int64(save, 2, log->base) | sqlite3_bind_int64(save, 3, position->acked) |
        sqlite3_bind_int64(save, 4, position->head) |
        sqlite3_bind_blob(save, 5, position->head_hash, CHAIN_BYTES, SQLITE_STATIC))
        return -ENOMEM;
    return database_run(save);
}

/* The end of each transaction. */
static int finish(struct ledger_file *file, const struct ledger_log *log, int r)
{
    if (r == 0)
        r = save_log(file, log);
    r = database_end(&file->database, r);
    if (r == 0)
        file->log = *log;
    return r;
}

/* Begins file->line with the next seq. */
static struct text *begin_line(struct ledger_file *file, const struct ledger_log *log)
{
    char prefix[LEDGER_PREFIX_SIZE];
    size_t len = ledger_file_prefix(log->position.epoch, log->position.head + 1, prefix);

    text_reset(&file->line);
    text_add_bytes(&file->line, prefix, len);
    return &file->line;
}

/* Stores file->line: its seq, and the chain's next link. */
static int insert_line(struct ledger_file *file, struct ledger_log *log)
{
    const struct text *line = &file->line;
    struct ledger_position *position = &log->position;
    sqlite3_stmt *insert = file->sql.insert;
    int r = text_error(line);

    if (r < 0)
        return r;
    if (line->len > EVENT_BYTES_MAX)
        return -EMSGSIZE;
    if (sqlite3_bind_int64(insert, 1, ledger_log_last_id(log) + 1) |
        sqlite3_bind_blob(insert, 2, position->head_hash, CHAIN_BYTES, SQLITE_STATIC) |
        sqlite3_bind_text(insert, 3, line->data, (int)line->len, SQLITE_STATIC))
        return -ENOMEM;
    r = database_run(insert);
    if (r < 0)
        return r;
    chain_next(position->head_hash, line->data, line->len, position->head_hash);
    position->head++;
    return 0;
}

static int remove_through(struct ledger_file *file, struct ledger_log *log, int64_t id)
{
    int r;

    if (sqlite3_bind_int64(file->sql.remove, 1, id))
        return -ENOMEM;
    r = database_run(file->sql.remove);
    if (r == 0)
        set_first_id(log, id + 1);
    return r;
}

static struct ledger_cause *cause_slot(struct ledger_file *file, uint64_t ticket)
{
    return &file->causes[ticket % LEDGER_CAUSES_MAX];
}

static int write_event(struct ledger_file *file, struct ledger_log *log, const struct ledger_item *item)
{
    const struct ledger_cause *cause = cause_slot(file, item->cause);
    struct text *line = begin_line(file, log);

    text_add_bytes(line, item->body, item->cause_at);
    if (item->cause > 0 && cause->ticket == item->cause && cause->seq > 0)
        text_addf(line, ",\"cause\":%" PRId64, cause->seq);
    text_add_bytes(line, item->body + item->cause_at, item->body_len - item->cause_at);
    return insert_line(file, log);
}

static int write_effect(struct ledger_file *file, const struct ledger_effect *effect)
{
    sqlite3_stmt *statement = effect->value ? file->sql.put_state : file->sql.delete_state;

    if (sqlite3_bind_text(statement, 1, effect->key, -1, SQLITE_STATIC))
        return -ENOMEM;
    if (effect->value && sqlite3_bind_text(statement, 2, effect->value, -1, SQLITE_STATIC))
        return -ENOMEM;
    return database_run(statement);
}

static int write_item(struct ledger_file *file, struct ledger_log *log, const struct ledger_item *item,
                      struct ledger_output *output)
{
    int r = item->body ? write_event(file, log, item) : 0;
    int64_t seq = item->body ? log->position.head : 0;

    for (size_t i = 0; r == 0 && i < item->effect_count; i++)
        r = write_effect(file, &item->effects[i]);
    if (r == 0 && item->command.result)
        r = ledger_commands_end(file, &item->command, seq);
    if (r < 0)
        return r;
    if (item->ticket > 0)
        *cause_slot(file, item->ticket) = (struct ledger_cause){ .ticket = item->ticket, .seq = seq };
    return output_add(output, item->ticket, seq, &file->line);
}

/* An event of the ledger itself. */
static int write_own(struct ledger_file *file, struct ledger_log *log, const struct event *event,
                     struct ledger_output *output)
{
    struct ledger_item item = { 0 };
    int r = event_body(&file->body, event, &file->now, file->boot_id, &item.cause_at);

    if (r < 0)
        return r;
    item.body = file->body.data;
    item.body_len = file->body.len;
    return write_item(file, log, &item, output);
}

/* E3: what does not fit goes, the oldest first, and one event tells of what the cloud did not have. */
static int make_room(struct ledger_file *file, struct ledger_log *log, int64_t incoming,
                     struct ledger_output *output)
{
    int64_t rows = ledger_log_last_id(log) - log->first_id + 1;
    int64_t excess = rows + incoming + 1 - file->rows_max;
    struct event lost = { .kind = EVENT_LOST };
    int r;

    if (excess <= 0)
        return 0;
    lost.from = max_of(log->position.oldest, log->position.acked + 1);
    r = remove_through(file, log, log->first_id + min_of(rows, excess + file->rows_max / OVERFLOW_SHARE) - 1);
    lost.to = log->first_id - 1 - log->base;
    lost.count = lost.to - lost.from + 1;
    if (r < 0 || lost.count <= 0)
        return r;
    return write_own(file, log, &lost, output);
}

/* The last id up to which events are older than they may get; 0 if there is none in the slice. An event
 * without a date goes with a later one of which the age is known: ids stand in the order in which things
 * happened. */
static int find_aged(struct ledger_file *file, const struct ledger_log *log, int64_t last, int64_t *ret_id)
{
    cleanup_with(database_resetp) sqlite3_stmt *aged = file->sql.aged;
    char utc[UTC_SIZE] = "";
    int r;

    if (file->now.clock != CLOCK_STATE_NONE)
        (void)event_utc_format(file->now.utc_us - file->retain_age_us, utc);
    if (sqlite3_bind_int64(aged, 1, log->first_id) | sqlite3_bind_int64(aged, 2, last) |
        sqlite3_bind_text(aged, 3, utc, -1, SQLITE_STATIC) |
        sqlite3_bind_text(aged, 4, file->boot_id, -1, SQLITE_STATIC) |
        sqlite3_bind_int64(aged, 5, file->now.boot_us - file->retain_age_us))
        return -ENOMEM;
    r = database_row(aged);
    if (r > 0)
        *ret_id = sqlite3_column_int64(aged, 0);
    return r < 0 ? r : 0;
}

/* Lets a slice of the oldest events go that the cloud has (or that were repeated in a later epoch) and local
 * retention does not need. */
static int prune(struct ledger_file *file, struct ledger_log *log)
{
    int64_t acked_id = log->base + log->position.acked;
    int64_t slice_end = min_of(acked_id, log->first_id + LEDGER_SLICE_ROWS - 1);
    int64_t by_age = 0;
    int64_t through;
    int r = 0;

    if (file->retain_age_us > 0 && file->now.boot_us - file->aged_boot_us >= AGED_INTERVAL_US) {
        r = find_aged(file, log, slice_end, &by_age);
        file->aged_boot_us = file->now.boot_us;
    }
    through = min_of(slice_end, max_of(acked_id - file->retain_rows, by_age));
    if (r < 0 || through < log->first_id)
        return r;
    return remove_through(file, log, through);
}

int ledger_write_items(struct ledger_file *file, const struct ledger_item *items,
                       struct ledger_output *output)
{
    struct ledger_log log = file->log;
    int64_t incoming = 0;
    int r;

    output_reset(output);
    for (const struct ledger_item *item = items; item; item = item->next) {
        incoming += item->body ? 1 : 0;
        file->now = item->now;
    }
    r = database_begin(&file->database);
    if (r == 0)
        r = prune(file, &log);
    if (r == 0)
        r = make_room(file, &log, incoming, output);
    for (const struct ledger_item *item = items; r == 0 && item; item = item->next)
        r = write_item(file, &log, item, output);
    r = finish(file, &log, r);
    if (r == 0)
        output_finish(output);
    return r;
}

static enum ledger_ack_outcome check_ack(struct ledger_file *file, const char *epoch, int64_t seq,
                                         const uint8_t hash[static CHAIN_BYTES])
{
    const struct ledger_log *log = &file->log;
    uint8_t own[CHAIN_BYTES];
    int r;

    if (strcmp(epoch, log->position.epoch) != 0)
        return LEDGER_ACK_OTHER_EPOCH;
    if (seq > log->position.head)
        return LEDGER_ACK_BEYOND_HEAD;
    r = ledger_file_hash(file, log->base + seq, own);
    if (r < 0)
        return LEDGER_ACK_FAILED;
    return r > 0 && memcmp(own, hash, CHAIN_BYTES) != 0 ? LEDGER_ACK_WRONG_HASH : LEDGER_ACK_TAKEN;
}

enum ledger_ack_outcome ledger_write_ack(struct ledger_file *file, const char *epoch, int64_t seq,
                                         const uint8_t hash[static CHAIN_BYTES])
{
    struct ledger_log log = file->log;
    enum ledger_ack_outcome outcome = check_ack(file, epoch, seq, hash);
    int r;

    if (outcome != LEDGER_ACK_TAKEN || seq <= log.position.acked)
        return outcome;
    log.position.acked = seq;
    r = database_begin(&file->database);
    if (r == 0)
        r = prune(file, &log);
    return finish(file, &log, r) < 0 ? LEDGER_ACK_FAILED : LEDGER_ACK_TAKEN;
}

/* One event of the epoch that is over, under its new seq. */
static int repeat_event(struct ledger_file *file, struct ledger_log *log, const char *old_epoch,
                        sqlite3_stmt *row)
{
    static const char was[] = ",\"was\":{";
    int64_t old_seq = sqlite3_column_int64(row, 0) - file->log.base;
    const char *old = (const char *)sqlite3_column_text(row, 2);
    char prefix[LEDGER_PREFIX_SIZE];
    size_t prefix_len = ledger_file_prefix(old_epoch, old_seq, prefix);
    struct text *line = begin_line(file, log);

    if (!old)
        return -ENOMEM;
    if (strncmp(old, prefix, prefix_len) != 0)
        return -EUCLEAN;
    /* A quotation mark inside a string is escaped: no text of a person looks like a member. */
    if (strstr(old, was)) {
        text_add(line, old + prefix_len);
    } else {
        text_add_bytes(line, old + prefix_len, strlen(old + prefix_len) - 1);
        text_addf(line, "%s\"epoch\":\"%s\",\"seq\":%" PRId64 "}}", was, old_epoch, old_seq);
    }
    return insert_line(file, log);
}

static int repeat_unacked(struct ledger_file *file, struct ledger_log *log, int64_t from)
{
    cleanup_with(database_resetp) sqlite3_stmt *rows = file->sql.rows;
    const struct ledger_position *old = &file->log.position;
    int r = ledger_file_rows(file, file->log.base + from, ledger_log_last_id(&file->log));

    if (r < 0)
        return r;
    while ((r = database_row(rows)) > 0) {
        r = repeat_event(file, log, old->epoch, rows);
        if (r < 0)
            return r;
    }
    return r;
}

static int begin_epoch(struct ledger_file *file, struct ledger_log *log, struct ledger_output *output)
{
    const struct ledger_position *old = &file->log.position;
    char hash[HEX_SIZE(CHAIN_BYTES)];
    const struct event event = {
        .kind = EVENT_EPOCH, .previous_epoch = old->epoch, .previous_head = old->head, .previous_hash = hash
    };
    int r;

    hex_encode(old->head_hash, CHAIN_BYTES, hash);
    log->base = ledger_log_last_id(&file->log);
    log->position = (struct ledger_position){ .oldest = 1 };
    r = ledger_file_new_epoch(log->position.epoch);
    return r == 0 ? write_own(file, log, &event, output) : r;
}

/* The cause of later events is the repetition of what was repeated, or left out. */
static void move_causes(struct ledger_file *file, int64_t from)
{
    for (size_t i = 0; i < LEDGER_CAUSES_MAX; i++) {
        struct ledger_cause *cause = &file->causes[i];

        cause->seq = cause->seq >= from ? cause->seq - from + 2 : 0;
    }
}

int ledger_write_epoch(struct ledger_file *file, const struct timestamp *now, struct ledger_output *output)
{
    struct ledger_log log = file->log;
    int64_t from = max_of(log.position.acked + 1, log.position.oldest);
    int r;

    file->now = *now;
    output_reset(output);
    r = database_begin(&file->database);
    if (r == 0)
        r = begin_epoch(file, &log, output);
    if (r == 0)
        r = repeat_unacked(file, &log, from);
    if (r == 0)
        r = make_room(file, &log, 0, output);
    r = finish(file, &log, r);
    if (r < 0)
        return r;
    move_causes(file, from);
    output_finish(output);
    return 0;
}
