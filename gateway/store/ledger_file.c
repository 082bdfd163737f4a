/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ledger_file.c: opening, and what reading and writing have in common.
 *
 * At opening only the end of the log is checked, whatever its length: SQLite's own checks and ledger_verify()
 * find the rest.
 */
#include "gateway/store/ledger_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/* A line that is not JSON any more answers no question, but must not keep the others from answering. */
#define FIND_SQL                                                                                             \
    "SELECT id, line FROM events WHERE id BETWEEN ?1 AND ?2 AND (?12 OR iif(json_valid(line),"               \
    " (?3 = '' OR line ->> 'door' = ?3)"                                                                     \
    " AND (?4 = '' OR line ->> 'user' = ?4 OR line ->> 'second_user' = ?4)"                                  \
    " AND (?5 = '' OR line ->> 'kind' IN (?5, ?6, ?7, ?8))"                                                  \
    " AND (?9 = '' OR coalesce(line ->> 'utc' >= ?9, line ->> 'boot' = ?10 AND line ->> 'at' >= ?11)), 0))"  \
    " ORDER BY id "

struct statement_row {
    size_t offset;
    const char *sql;
};

#define ROW(member, sql_)                                                                                    \
    {                                                                                                        \
        .offset = offsetof(struct ledger_statements, member), .sql = sql_                                    \
    }

static const struct statement_row statement_rows[] = {
    ROW(insert, "INSERT INTO events (id, prev, line) VALUES (?1, ?2, ?3)"),
    ROW(remove, "DELETE FROM events WHERE id <= ?1"),
    ROW(rows, "SELECT id, prev, line FROM events WHERE id BETWEEN ?1 AND ?2 ORDER BY id"),
    ROW(aged, "SELECT max(id) FROM events WHERE id BETWEEN ?1 AND ?2 AND iif(json_valid(line),"
              " coalesce(line ->> 'utc' < ?3, line ->> 'boot' = ?4 AND line ->> 'at' < ?5), 0)"),
    ROW(find_first, FIND_SQL "ASC"),
    ROW(find_last, FIND_SQL "DESC"),
    ROW(save_log, "INSERT INTO log (one, epoch, base, acked, head, head_hash) VALUES (1, ?1, ?2, ?3, ?4, ?5)"
                  " ON CONFLICT DO UPDATE SET epoch = ?1, base = ?2, acked = ?3, head = ?4, head_hash = ?5"),
    ROW(put_state, "INSERT INTO state (key, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2"),
    ROW(delete_state, "DELETE FROM state WHERE key = ?1"),
    ROW(states, "SELECT key, value FROM state WHERE key >= ?1 ORDER BY key"),
    ROW(find_command, "SELECT ref, result, seq FROM commands WHERE kid = ?1 AND jti = ?2"),
    ROW(start_command,
        "INSERT INTO commands (kid, jti, ref, what, boot, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"),
    ROW(end_command, "UPDATE commands SET result = ?3, seq = ?4 WHERE kid = ?1 AND jti = ?2"),
    ROW(count_commands, "SELECT coalesce(max(n) - min(n) + 1, 0) FROM commands"),
    ROW(count_commands_of_key, "SELECT count(*) FROM commands WHERE kid = ?1"),
    ROW(prune_commands, "DELETE FROM commands WHERE n IN (SELECT n FROM commands ORDER BY n LIMIT ?1)"
                        " AND iif(boot = ?2, at < ?3, ?4)"),
    ROW(started_commands, "SELECT kid, jti, ref, what FROM commands WHERE result IS NULL ORDER BY n"),
};

#define STATEMENTS (sizeof(statement_rows) / sizeof(statement_rows[0]))

static sqlite3_stmt **statement_of(struct ledger_file *file, size_t i)
{
    return (sqlite3_stmt **)(void *)((char *)&file->sql + statement_rows[i].offset);
}

/* A table that is not as it must be shows here: the file says that it is ours, so it is damaged. */
static int prepare_all(struct ledger_file *file)
{
    for (size_t i = 0; i < STATEMENTS; i++) {
        int r = database_prepare(&file->database, statement_rows[i].sql, statement_of(file, i));

        if (r < 0)
            return sqlite3_errcode(file->database.handle) == SQLITE_ERROR ? -EUCLEAN : r;
    }
    return 0;
}

void ledger_file_close(struct ledger_file *file)
{
    for (size_t i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(*statement_of(file, i));
    file->sql = (struct ledger_statements){ 0 };
    database_close(&file->database);
    text_finish(&file->body);
    text_finish(&file->line);
}

int ledger_file_new_epoch(char ret_epoch[static EPOCH_SIZE])
{
    uint8_t random[(EPOCH_SIZE - 1) / 2];

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return -EIO;
    hex_encode(random, sizeof(random), ret_epoch);
    return 0;
}

int ledger_file_rows(struct ledger_file *file, int64_t first, int64_t last)
{
    return sqlite3_bind_int64(file->sql.rows, 1, first) | sqlite3_bind_int64(file->sql.rows, 2, last)
               ? -ENOMEM
               : 0;
}

int ledger_file_prev(sqlite3_stmt *rows, uint8_t ret_hash[static CHAIN_BYTES])
{
    const void *prev = sqlite3_column_blob(rows, 1);

    if (!prev || sqlite3_column_bytes(rows, 1) != CHAIN_BYTES)
        return -EUCLEAN;
    memcpy(ret_hash, prev, CHAIN_BYTES);
    return 0;
}

int ledger_file_hash(struct ledger_file *file, int64_t id, uint8_t ret_hash[static CHAIN_BYTES])
{
    cleanup_with(database_resetp) sqlite3_stmt *rows = file->sql.rows;
    int r;

    if (id == ledger_log_last_id(&file->log)) {
        memcpy(ret_hash, file->log.position.head_hash, CHAIN_BYTES);
        return 1;
    }
    if (id == file->log.base) {
        memset(ret_hash, 0, CHAIN_BYTES);
        return 1;
    }
    r = ledger_file_rows(file, id + 1, id + 1);
    if (r == 0)
        r = database_row(rows);
    if (r <= 0)
        return r;
    r = ledger_file_prev(rows, ret_hash);
    return r < 0 ? r : 1;
}

size_t ledger_file_prefix(const char *epoch, int64_t seq, char ret_prefix[static LEDGER_PREFIX_SIZE])
{
    return (size_t)snprintf(ret_prefix, LEDGER_PREFIX_SIZE, "{\"seq\":%" PRId64 ",\"epoch\":\"%s\",", seq,
                            epoch);
}

static int begin_log(struct ledger_file *file)
{
    struct ledger_log log = { .position = { .oldest = 1 }, .first_id = 1 };
    sqlite3_stmt *save = file->sql.save_log;
    int r = ledger_file_new_epoch(log.position.epoch);

    if (r < 0)
        return r;
    if (sqlite3_bind_text(save, 1, log.position.epoch, -1, SQLITE_TRANSIENT) |
        sqlite3_bind_int64(save, 2, 0) | sqlite3_bind_int64(save, 3, 0) | sqlite3_bind_int64(save, 4, 0) |
        sqlite3_bind_zeroblob(save, 5, CHAIN_BYTES))
        return -ENOMEM;
    r = database_run(save);
    if (r < 0)
        return r;
    file->log = log;
    file->created = true;
    return 0;
}

static int64_t int_in(sqlite3_stmt *statement, int column, int64_t min, int64_t max, int *r)
{
    int64_t value = sqlite3_column_int64(statement, column);

    if (value < min || value > max)
        *r = -EUCLEAN;
    return value;
}

/* Columns epoch, base, acked, head, head_hash, first id (or NULL), last id (or NULL). */
static int take_log(sqlite3_stmt *row, struct ledger_log *ret_log)
{
    struct ledger_log log = { 0 };
    struct ledger_position *position = &log.position;
    const char *epoch = (const char *)sqlite3_column_text(row, 0);
    uint8_t random[(EPOCH_SIZE - 1) / 2];
    int r = 0;

    if (!epoch || strlen(epoch) != EPOCH_SIZE - 1 || hex_decode(epoch, random, sizeof(random)) < 0)
        return -EUCLEAN;
    memcpy(position->epoch, epoch, EPOCH_SIZE);
    log.base = int_in(row, 1, 0, INT64_MAX / 2, &r);
    position->head = int_in(row, 3, 0, INT64_MAX / 2, &r);
    position->acked = int_in(row, 2, 0, position->head, &r);
    if (sqlite3_column_bytes(row, 4) != CHAIN_BYTES)
        return -EUCLEAN;
    memcpy(position->head_hash, sqlite3_column_blob(row, 4), CHAIN_BYTES);
    log.first_id = ledger_log_last_id(&log) + 1;
    if (sqlite3_column_type(row, 5) != SQLITE_NULL) {
        log.first_id = int_in(row, 5, 1, ledger_log_last_id(&log), &r);
        (void)int_in(row, 6, ledger_log_last_id(&log), ledger_log_last_id(&log), &r);
    }
    position->oldest = log.first_id > log.base ? log.first_id - log.base : 1;
    *ret_log = log;
    return r;
}

static int load_log(struct ledger_file *file)
{
    sqlite3_stmt *row = NULL;
    bool empty = false;
    int r = database_prepare(&file->database,
                             "SELECT epoch, base, acked, head, head_hash, (SELECT min(id) FROM events),"
                             " (SELECT max(id) FROM events) FROM (SELECT 1) LEFT JOIN log",
                             &row);

    if (r == 0)
        r = database_row(row);
    if (r == 1)
        empty = sqlite3_column_type(row, 0) == SQLITE_NULL && sqlite3_column_type(row, 5) == SQLITE_NULL;
    if (r == 1 && !empty)
        r = take_log(row, &file->log);
    sqlite3_finalize(row);
    return empty ? begin_log(file) : r;
}

/* Whether the last event and the log's head fit together. */
static int check_end(struct ledger_file *file)
{
    cleanup_with(database_resetp) sqlite3_stmt *rows = file->sql.rows;
    const struct ledger_position *position = &file->log.position;
    int64_t last_id = ledger_log_last_id(&file->log);
    char prefix[LEDGER_PREFIX_SIZE];
    uint8_t hash[CHAIN_BYTES] = { 0 };
    size_t len;
    int r;

    if (position->head == 0)
        return memcmp(hash, position->head_hash, CHAIN_BYTES) == 0 ? 0 : -EUCLEAN;
    r = ledger_file_rows(file, last_id, last_id);
    if (r == 0)
        r = database_row(rows);
    if (r <= 0)
        return r;
    r = ledger_file_prev(rows, hash);
    if (r < 0)
        return r;
    len = ledger_file_prefix(position->epoch, position->head, prefix);
    const char *line = (const char *)sqlite3_column_text(rows, 2);

    if (!line || strncmp(line, prefix, len) != 0)
        return -EUCLEAN;
    chain_next(hash, line, (size_t)sqlite3_column_bytes(rows, 2), hash);
    return memcmp(hash, position->head_hash, CHAIN_BYTES) == 0 ? 0 : -EUCLEAN;
}

static int open_once(struct ledger_file *file, const char *path, char ret_text[static DATABASE_TEXT_SIZE])
{
    int r = database_open(&file->database, path, &ledger_schema, ret_text);

    if (r < 0)
        return r;
    r = prepare_all(file);
    if (r == 0)
        r = load_log(file);
    if (r == 0)
        r = check_end(file);
    if (r < 0) {
        const char *text = database_text(&file->database);

        snprintf(ret_text, DATABASE_TEXT_SIZE, "%s", *text ? text : "the last event does not fit the head");
        ledger_file_close(file);
    }
    return r;
}

int ledger_file_open(struct ledger_file *file, const struct ledger_options *options,
                     struct ledger_opened *ret_opened)
{
    char again[DATABASE_TEXT_SIZE] = "the damaged file cannot be moved aside";
    int r;

    *ret_opened = (struct ledger_opened){ 0 };
    snprintf(file->boot_id, sizeof(file->boot_id), "%s", options->boot_id);
    file->rows_max = options->rows_max > LEDGER_ROWS_MIN ? options->rows_max : LEDGER_ROWS_MIN;
    file->retain_rows = options->retain_rows;
    file->retain_age_us = options->retain_age_us;
    file->now = options->now;
    r = open_once(file, options->path, ret_opened->text);
    if (r == -EUCLEAN) {
        ret_opened->damaged = true;
        r = database_move_aside(options->path, ret_opened->aside, sizeof(ret_opened->aside));
        if (r == 0)
            r = open_once(file, options->path, again);
        if (r < 0)
            memcpy(ret_opened->text, again, sizeof(again));
        return r;
    }
    ret_opened->created = file->created;
    return r;
}

int ledger_file_restore(struct ledger_file *file, const char *prefix,
                        int (*fn)(void *user, const char *key, const char *value), void *user)
{
    cleanup_with(database_resetp) sqlite3_stmt *states = file->sql.states;
    size_t len = strlen(prefix);
    int r;

    if (sqlite3_bind_text(states, 1, prefix, -1, SQLITE_STATIC))
        return -ENOMEM;
    while ((r = database_row(states)) > 0) {
        const char *key = (const char *)sqlite3_column_text(states, 0);
        const char *value = (const char *)sqlite3_column_text(states, 1);

        if (!key || !value)
            return -ENOMEM;
        if (strncmp(key, prefix, len) != 0)
            return 0;
        r = fn(user, key, value);
        if (r < 0)
            return r;
    }
    return r;
}
