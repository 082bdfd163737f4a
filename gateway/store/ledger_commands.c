/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ledger_commands.c: which commands came, and what became of them (cloud contract C2). A command is looked up
 * and started in one transaction, so that of two with one name only one can be new. */
#include "gateway/store/ledger_file.h"

#include <errno.h>
#include <string.h>

/* Old results that go when a command comes; more than one, so that a pile melts. */
#define PRUNE_MAX 16

static int bind_name(sqlite3_stmt *statement, const struct ledger_command *command)
{
    return sqlite3_bind_text(statement, 1, command->kid, -1, SQLITE_STATIC) |
                   sqlite3_bind_text(statement, 2, command->jti, -1, SQLITE_STATIC)
               ? -ENOMEM
               : 0;
}

/* Columns ref, result, seq. */
static int take_known(sqlite3_stmt *row, struct text *texts, struct ledger_begun *ret_begun)
{
    const char *ref = (const char *)sqlite3_column_text(row, 0);
    const char *result = (const char *)sqlite3_column_text(row, 1);

    if (!ref || (!result && sqlite3_column_type(row, 1) != SQLITE_NULL))
        return -ENOMEM;
    text_add_bytes(texts, ref, strlen(ref) + 1);
    if (result)
        text_add(texts, result);
    if (text_error(texts))
        return text_error(texts);
    *ret_begun = (struct ledger_begun){ .outcome = LEDGER_BEGUN_KNOWN,
                                        .ref = texts->data,
                                        .result = result ? texts->data + strlen(ref) + 1 : NULL,
                                        .seq = sqlite3_column_int64(row, 2) };
    return 1;
}

/* Returns 1 if it is known, 0 if not. */
static int find(struct ledger_file *file, const struct ledger_command *command, struct text *texts,
                struct ledger_begun *ret_begun)
{
    cleanup_with(database_resetp) sqlite3_stmt *query = file->sql.find_command;
    int r = bind_name(query, command);

    if (r == 0)
        r = database_row(query);
    return r > 0 ? take_known(query, texts, ret_begun) : r;
}

static int count(sqlite3_stmt *statement, int64_t *ret_count)
{
    cleanup_with(database_resetp) sqlite3_stmt *query = statement;
    int r = database_row(query);

    if (r > 0)
        *ret_count = sqlite3_column_int64(query, 0);
    return r < 0 ? r : 0;
}

static int count_of_key(struct ledger_file *file, const char *kid, int64_t *ret_count)
{
    sqlite3_stmt *query = file->sql.count_commands_of_key;

    return sqlite3_bind_text(query, 1, kid, -1, SQLITE_STATIC) ? -ENOMEM : count(query, ret_count);
}

/* An earlier boot's are at least as old as this boot is. */
static int prune(struct ledger_file *file, int64_t rows, const struct timestamp *now)
{
    sqlite3_stmt *statement = file->sql.prune_commands;
    int64_t limit = rows - LEDGER_COMMANDS_MIN;
    int64_t since_us = now->boot_us - LEDGER_COMMANDS_AGE_US;

    if (limit <= 0)
        return 0;
    if (sqlite3_bind_int64(statement, 1, limit < PRUNE_MAX ? limit : PRUNE_MAX) |
        sqlite3_bind_text(statement, 2, file->boot_id, -1, SQLITE_STATIC) |
        sqlite3_bind_int64(statement, 3, since_us) |
        sqlite3_bind_int64(statement, 4, since_us > 0 || rows >= LEDGER_COMMANDS_MAX))
        return -ENOMEM;
    return database_run(statement);
}

static int start(struct ledger_file *file, const struct ledger_command *command, const struct timestamp *now)
{
    sqlite3_stmt *statement = file->sql.start_command;
    int r = bind_name(statement, command);

    if (r < 0 || sqlite3_bind_text(statement, 3, command->ref, -1, SQLITE_STATIC) |
                     sqlite3_bind_text(statement, 4, command->what, -1, SQLITE_STATIC) |
                     sqlite3_bind_text(statement, 5, file->boot_id, -1, SQLITE_STATIC) |
                     sqlite3_bind_int64(statement, 6, now->boot_us))
        return -ENOMEM;
    return database_run(statement);
}

/* Returns 1 if there is no room. */
static int start_new(struct ledger_file *file, const struct ledger_command *command,
                     const struct timestamp *now)
{
    int64_t rows = 0;
    int64_t of_key = 0;
    int r = count(file->sql.count_commands, &rows);

    if (r == 0)
        r = prune(file, rows, now);
    if (r == 0)
        r = count(file->sql.count_commands, &rows);
    if (r == 0)
        r = count_of_key(file, command->kid, &of_key);
    if (r == 0 && (rows >= LEDGER_COMMANDS_MAX || of_key >= LEDGER_COMMANDS_KEY_MAX))
        return 1;
    return r == 0 ? start(file, command, now) : r;
}

void ledger_commands_begin(struct ledger_file *file, const struct ledger_command *command,
                           const struct timestamp *now, struct text *texts, struct ledger_begun *ret_begun)
{
    struct ledger_begun begun = { .outcome = LEDGER_BEGUN_NEW };
    int r = find(file, command, texts, &begun);

    if (r == 0) {
        r = database_begin(&file->database);
        if (r == 0)
            r = start_new(file, command, now);
        if (r == 1)
            begun.outcome = LEDGER_BEGUN_FULL;
        r = database_end(&file->database, r < 0 ? r : 0);
    }
    if (r < 0)
        begun = (struct ledger_begun){ .outcome = LEDGER_BEGUN_FAILED, .error = r };
    *ret_begun = begun;
}

int ledger_commands_end(struct ledger_file *file, const struct ledger_command *command, int64_t seq)
{
    sqlite3_stmt *statement = file->sql.end_command;
    int r = bind_name(statement, command);

    if (r < 0 || sqlite3_bind_text(statement, 3, command->result, -1, SQLITE_STATIC) |
                     sqlite3_bind_int64(statement, 4, seq))
        return -ENOMEM;
    return database_run(statement);
}

int ledger_commands_restore(struct ledger_file *file,
                            int (*fn)(void *user, const struct ledger_command *command), void *user)
{
    cleanup_with(database_resetp) sqlite3_stmt *query = file->sql.started_commands;
    int r;

    while ((r = database_row(query)) > 0) {
        const struct ledger_command command = {
            .kid = (const char *)sqlite3_column_text(query, 0),
            .jti = (const char *)sqlite3_column_text(query, 1),
            .ref = (const char *)sqlite3_column_text(query, 2),
            .what = (const char *)sqlite3_column_text(query, 3),
        };

        if (!command.kid || !command.jti || !command.ref || !command.what)
            return -ENOMEM;
        r = fn(user, &command);
        if (r < 0)
            return r;
    }
    return r;
}
