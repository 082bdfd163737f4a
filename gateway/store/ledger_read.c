/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ledger_read.c: what is read goes by ranges of ids, so that a slice costs the same wherever it lies. */
#include "gateway/store/ledger_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Adds a line and its LF. */
static int add_line(struct text *lines, sqlite3_stmt *row, int column)
{
    const void *line = sqlite3_column_text(row, column);

    if (!line)
        return -ENOMEM;
    text_add_bytes(lines, line, (size_t)sqlite3_column_bytes(row, column));
    text_add_bytes(lines, "\n", 1);
    return text_error(lines);
}

static bool batch_full(const struct ledger_batch *batch, size_t len, size_t more, size_t bytes_max)
{
    return batch->count > 0 && (more > bytes_max || len > bytes_max - more);
}

static int fill_batch(sqlite3_stmt *rows, size_t bytes_max, struct text *lines, struct ledger_batch *batch)
{
    int r;

    while ((r = database_row(rows)) > 0) {
        if (batch_full(batch, lines->len, (size_t)sqlite3_column_bytes(rows, 2) + 1, bytes_max))
            return 0;
        if (batch->count == 0)
            r = ledger_file_prev(rows, batch->prev);
        if (r >= 0)
            r = add_line(lines, rows, 2);
        if (r < 0)
            return r;
        batch->count++;
    }
    return r;
}

int ledger_read_batch(struct ledger_file *file, int64_t from, size_t count_max, size_t bytes_max,
                      struct text *lines, struct ledger_batch *ret_batch)
{
    const struct ledger_log *log = &file->log;
    struct ledger_batch batch = { 0 };
    int64_t first = from > log->position.oldest ? from : log->position.oldest;
    int64_t last = log->position.head;
    int r;

    memcpy(batch.epoch, log->position.epoch, EPOCH_SIZE);
    if (first <= last) {
        cleanup_with(database_resetp) sqlite3_stmt *rows = file->sql.rows;

        if (count_max < (size_t)(last - first + 1))
            last = first + (int64_t)(count_max > 0 ? count_max : 1) - 1;
        r = ledger_file_rows(file, log->base + first, log->base + last);
        if (r == 0)
            r = fill_batch(rows, bytes_max, lines, &batch);
        if (r < 0)
            return r;
        if (batch.count == 0)
            return -EUCLEAN;
        batch.first = first;
        last = first + (int64_t)batch.count - 1;
    }
    r = ledger_file_hash(file, log->base + last, batch.hash);
    if (r <= 0)
        return r < 0 ? r : -EUCLEAN;
    if (batch.count == 0)
        memcpy(batch.prev, batch.hash, CHAIN_BYTES);
    *ret_batch = batch;
    return 0;
}

/* The range to look through is settled once: what is stored meanwhile is not asked for. */
static int begin_search(struct ledger_file *file, struct ledger_search *search)
{
    const struct ledger_log *log = &file->log;

    search->begun = true;
    search->first_id = log->first_id;
    if (search->since_seq > log->position.head)
        search->first_id = ledger_log_last_id(log) + 1;
    else if (search->since_seq > 0 && log->base + search->since_seq > log->first_id)
        search->first_id = log->base + search->since_seq;
    search->last_id = ledger_log_last_id(log);
    search->at = calloc(search->limit, sizeof(*search->at));
    return search->at ? 0 : -ENOMEM;
}

static int bind_search(struct ledger_file *file, const struct ledger_search *search, sqlite3_stmt *find,
                       const int64_t range[2])
{
    bool all = !search->door[0] && !search->user[0] && !search->kinds[0][0] && !search->utc[0];
    int failed = sqlite3_bind_int64(find, 1, range[0]) | sqlite3_bind_int64(find, 2, range[1]) |
                 sqlite3_bind_text(find, 3, search->door, -1, SQLITE_STATIC) |
                 sqlite3_bind_text(find, 4, search->user, -1, SQLITE_STATIC) |
                 sqlite3_bind_text(find, 9, search->utc, -1, SQLITE_STATIC) |
                 sqlite3_bind_text(find, 10, file->boot_id, -1, SQLITE_STATIC) |
                 sqlite3_bind_int64(find, 11, search->boot_us) | sqlite3_bind_int(find, 12, all);

    for (int i = 0; i < 4; i++)
        failed |= sqlite3_bind_text(find, 5 + i, search->kinds[i], -1, SQLITE_STATIC);
    return failed ? -ENOMEM : 0;
}

/* Returns 1 when the limit is reached and one more was seen, 0 at the end of the slice, or a negative errno.
 */
static int collect(struct ledger_search *search, sqlite3_stmt *find)
{
    int r;

    while ((r = database_row(find)) > 0) {
        if (search->count == search->limit) {
            search->more = true;
            return 1;
        }
        search->at[search->count++] = search->lines.len;
        r = add_line(&search->lines, find, 1);
        if (r < 0)
            return r;
    }
    return r;
}

/* Lines that were collected last one first. */
static int turn_round(struct ledger_search *search)
{
    struct text turned = TEXT_INIT;
    size_t end = search->lines.len;
    int r;

    for (size_t i = search->count; i > 0; i--) {
        size_t at = search->at[i - 1];

        text_add_bytes(&turned, search->lines.data + at, end - at);
        end = at;
    }
    r = text_error(&turned);
    text_finish(&search->lines);
    search->lines = turned;
    return r;
}

/* Takes the next slice off the range, from the end that the search begins with. */
static void next_slice(struct ledger_search *search, int64_t ret_range[2])
{
    ret_range[0] = search->first_id;
    ret_range[1] = search->last_id;
    if (search->last_id - search->first_id < LEDGER_SLICE_ROWS) {
        search->first_id = search->last_id + 1;
    } else if (search->oldest_first) {
        ret_range[1] = search->first_id + LEDGER_SLICE_ROWS - 1;
        search->first_id += LEDGER_SLICE_ROWS;
    } else {
        ret_range[0] = search->last_id - LEDGER_SLICE_ROWS + 1;
        search->last_id -= LEDGER_SLICE_ROWS;
    }
}

int ledger_read_search(struct ledger_file *file, struct ledger_search *search)
{
    cleanup_with(database_resetp) sqlite3_stmt *find =
        search->oldest_first ? file->sql.find_first : file->sql.find_last;
    int64_t range[2];
    int r = search->begun ? 0 : begin_search(file, search);

    if (r < 0)
        return r;
    next_slice(search, range);
    r = bind_search(file, search, find, range);
    if (r == 0)
        r = collect(search, find);
    if (r < 0)
        return r;
    if (!search->more && search->first_id <= search->last_id)
        return 1;
    return search->oldest_first ? 0 : turn_round(search);
}

/* Whether a walk can go on: the epoch is still the one, and the next event has not been pruned. If not, it
 * begins at the oldest event of this epoch, whose prev is believed unless it is the first. */
static bool walk_continues(const struct ledger_log *log, const struct ledger_walk *walk)
{
    return walk->seq >= log->position.oldest - 1 && strcmp(walk->epoch, log->position.epoch) == 0;
}

static int begin_walk(struct ledger_file *file, struct ledger_walk *walk)
{
    const struct ledger_position *position = &file->log.position;
    int r;

    memcpy(walk->epoch, position->epoch, EPOCH_SIZE);
    walk->first = position->oldest;
    walk->seq = position->oldest - 1;
    r = ledger_file_hash(file, file->log.base + walk->seq, walk->hash);
    if (r == 0 || r == -EUCLEAN)
        walk->first_bad = position->oldest;
    return r < 0 && r != -EUCLEAN ? r : 0;
}

/* One row: its place, the link to the one before, its name. A hash that differs is the previous event's
 * fault: its bytes have changed since the next one was chained to them. */
static void check_row(const struct ledger_log *log, sqlite3_stmt *row, struct ledger_walk *walk)
{
    int64_t seq = sqlite3_column_int64(row, 0) - log->base;
    const char *line = (const char *)sqlite3_column_text(row, 2);
    char prefix[LEDGER_PREFIX_SIZE];
    size_t len = ledger_file_prefix(walk->epoch, walk->seq + 1, prefix);
    uint8_t prev[CHAIN_BYTES];

    if (seq != walk->seq + 1 || ledger_file_prev(row, prev) < 0 || !line || strncmp(line, prefix, len) != 0)
        walk->first_bad = walk->seq + 1;
    else if (memcmp(prev, walk->hash, CHAIN_BYTES) != 0)
        walk->first_bad = walk->seq > 0 ? walk->seq : 1;
    else
        chain_next(prev, line, (size_t)sqlite3_column_bytes(row, 2), walk->hash);
    walk->seq++;
}

int ledger_read_verify(struct ledger_file *file, struct ledger_walk *walk)
{
    cleanup_with(database_resetp) sqlite3_stmt *rows = file->sql.rows;
    const struct ledger_log *log = &file->log;
    int64_t end;
    int r = walk_continues(log, walk) ? 0 : begin_walk(file, walk);

    if (r < 0 || walk->first_bad)
        return r;
    end = walk->seq + LEDGER_SLICE_ROWS;
    if (end > log->position.head)
        end = log->position.head;
    r = ledger_file_rows(file, log->base + walk->seq + 1, log->base + end);
    while (r == 0 && !walk->first_bad && (r = database_row(rows)) > 0) {
        check_row(log, rows, walk);
        r = 0;
    }
    if (r < 0 || walk->first_bad)
        return r;
    if (walk->seq < end)
        walk->first_bad = walk->seq + 1;
    else if (end < log->position.head)
        return 1;
    else if (memcmp(walk->hash, log->position.head_hash, CHAIN_BYTES) != 0)
        walk->first_bad = end;
    return 0;
}
