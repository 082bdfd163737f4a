/* SPDX-License-Identifier: GPL-3.0-or-later */
/* database.h: one SQLite file with one connection, opened in the one way that is safe here.
 *
 * WAL with synchronous=FULL: what is committed has been synced. locking_mode=EXCLUSIVE: no second connection,
 * in no process, ever looks at the file, which also keeps SQLite's WAL-reset bug away (it needs two). The
 * file says what it is by application_id and which schema it has by user_version. Used by one thread at a
 * time.
 */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"

#define DATABASE_TEXT_SIZE 192

/* Pages of WAL before a checkpoint, and bytes of it that stay on disk between checkpoints. */
#define DATABASE_CHECKPOINT_PAGES 1000
#define DATABASE_JOURNAL_BYTES    (4 * 1024 * 1024)

/* What a file is. Migration i brings user_version from i to i + 1; they are never changed once released. */
struct database_format {
    int32_t application_id;
    const char *const *migrations;
    int32_t version; /* how many */
};

struct database {
    sqlite3 *handle;
    sqlite3_stmt *begin;
    sqlite3_stmt *commit;
    sqlite3_stmt *rollback;
    bool created;
    char text[DATABASE_TEXT_SIZE]; /* what SQLite said before the last rollback */
};

/* Opens or creates path and migrates it. Returns 0, -EUCLEAN (damaged, or not ours), -EPROTONOSUPPORT (a
 * newer version wrote it), -EBUSY (another process has it) or another negative errno; text says why. */
int database_open(struct database *database, const char *path, const struct database_format *format,
                  char ret_text[static DATABASE_TEXT_SIZE]) must_check;

/* All statements prepared on it must be finalized before. Harmless on a zeroed struct. */
void database_close(struct database *database);

/* Renames a damaged file and its WAL to <path>.damaged-<n>. ret_name: the new file's name without directory.
 * Returns 0 or a negative errno. */
int database_move_aside(const char *path, char *ret_name, size_t size) must_check;

/* Prepares a statement that is used again and again. Returns 0 or a negative errno. */
int database_prepare(struct database *database, const char *sql, sqlite3_stmt **ret_statement) must_check;

/* A transaction that writes. Each returns 0 or a negative errno. After a failed commit, roll back. */
int database_begin(struct database *database) must_check;
int database_commit(struct database *database) must_check;
void database_rollback(struct database *database);

/* Commits if r is 0, else (or if that fails) rolls back. Returns r or what the commit said. */
int database_end(struct database *database, int r) must_check;

/* Steps a statement that gives no row, and resets it. Returns 0 or a negative errno. */
int database_run(sqlite3_stmt *statement) must_check;

/* Steps to the next row. Returns 1 with a row, 0 at the end, or a negative errno; the caller resets. */
int database_row(sqlite3_stmt *statement) must_check;

/* The errno for a result code of SQLite: SQLITE_FULL is -ENOSPC, SQLITE_CORRUPT -EUCLEAN, … */
int database_errno(int result);

/* What SQLite said of the last failure, also after the rollback that followed. */
const char *database_text(const struct database *database);

/* For cleanup_with() on a statement that is in use: resets it and lets go of what is bound. */
void database_resetp(sqlite3_stmt **statement);
