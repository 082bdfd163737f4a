/* SPDX-License-Identifier: GPL-3.0-or-later */
/* database.c: the pragmas stand in the order in which SQLite needs them: exclusive locking before WAL, so
 * that no shared memory file is ever made. */
#include "gateway/store/database.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Damaged files of one name that are kept apart by their number. */
#define DAMAGED_MAX 1000
#define PATH_SIZE   4096

static const char pragmas[] = "PRAGMA locking_mode=EXCLUSIVE;"
                              "PRAGMA trusted_schema=OFF;"
                              "PRAGMA cell_size_check=ON;"
                              "PRAGMA mmap_size=0;"
                              "PRAGMA foreign_keys=ON;"
                              "PRAGMA secure_delete=FAST;"
                              "PRAGMA journal_mode=WAL;"
                              "PRAGMA synchronous=FULL;";

int database_errno(int result)
{
    switch (result & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
    case SQLITE_ROW:
        return 0;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EUCLEAN;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
        return -EACCES;
    case SQLITE_CONSTRAINT:
        return -EEXIST;
    case SQLITE_TOOBIG:
        return -EMSGSIZE;
    default:
        return -EIO;
    }
}

/* A rollback that succeeds makes SQLite forget what went wrong before. */
static void keep_text(struct database *database)
{
    snprintf(database->text, sizeof(database->text), "%s", sqlite3_errmsg(database->handle));
}

const char *database_text(const struct database *database)
{
    return sqlite3_errcode(database->handle) == SQLITE_OK ? database->text : sqlite3_errmsg(database->handle);
}

static int run_sql(struct database *database, const char *sql)
{
    return database_errno(sqlite3_exec(database->handle, sql, NULL, NULL, NULL));
}

static int read_int(struct database *database, const char *sql, int64_t *ret_value)
{
    sqlite3_stmt *statement = NULL;
    int r = database_errno(sqlite3_prepare_v2(database->handle, sql, -1, &statement, NULL));

    if (r == 0)
        r = database_row(statement);
    if (r > 0)
        *ret_value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return r > 0 ? 0 : r < 0 ? r : -EUCLEAN;
}

/* Whether WAL and exclusive locking are really on: a file system may refuse, and SQLite then goes on without.
 */
static int check_mode(struct database *database)
{
    sqlite3_stmt *statement = NULL;
    int r = database_errno(sqlite3_prepare_v2(database->handle, "PRAGMA journal_mode", -1, &statement, NULL));

    if (r == 0)
        r = database_row(statement);
    if (r > 0)
        r = strcmp((const char *)sqlite3_column_text(statement, 0), "wal") == 0 ? 0 : -ENOTSUP;
    sqlite3_finalize(statement);
    return r;
}

/* One step of the schema with its number and whose file it is, in one transaction. */
static int migrate_one(struct database *database, const struct database_format *format, int32_t version)
{
    char numbers[96];
    int r;

    snprintf(numbers, sizeof(numbers), "PRAGMA application_id=%d; PRAGMA user_version=%d",
             (int)format->application_id, (int)version + 1);
    r = run_sql(database, "BEGIN IMMEDIATE");
    if (r == 0)
        r = run_sql(database, format->migrations[version]);
    if (r == 0)
        r = run_sql(database, numbers);
    if (r == 0)
        r = run_sql(database, "COMMIT");
    if (r < 0) {
        keep_text(database);
        (void)run_sql(database, "ROLLBACK");
    }
    return r;
}

static int migrate(struct database *database, const struct database_format *format)
{
    int64_t version = 0, id = 0;
    int r = read_int(database, "PRAGMA user_version", &version);

    if (r == 0)
        r = read_int(database, "PRAGMA application_id", &id);
    if (r < 0)
        return r;
    database->created = version == 0 && id == 0;
    if (!database->created && id != format->application_id)
        return -EUCLEAN;
    if (version < 0)
        return -EUCLEAN;
    if (version > format->version)
        return -EPROTONOSUPPORT;
    for (int32_t i = (int32_t)version; r == 0 && i < format->version; i++)
        r = migrate_one(database, format, i);
    return r;
}

static int bound_wal(struct database *database)
{
    char bounds[96];

    snprintf(bounds, sizeof(bounds), "PRAGMA journal_size_limit=%d; PRAGMA wal_autocheckpoint=%d",
             DATABASE_JOURNAL_BYTES, DATABASE_CHECKPOINT_PAGES);
    return run_sql(database, bounds);
}

static int open_handle(struct database *database, const char *path)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int r = database_errno(sqlite3_open_v2(path, &database->handle, flags, NULL));

    if (r == 0)
        r = database_errno(sqlite3_db_config(database->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL));
    if (r == 0)
        r = run_sql(database, pragmas);
    if (r == 0)
        r = bound_wal(database);
    return r == 0 ? check_mode(database) : r;
}

static int prepare_own(struct database *database)
{
    int r = database_prepare(database, "BEGIN IMMEDIATE", &database->begin);

    if (r == 0)
        r = database_prepare(database, "COMMIT", &database->commit);
    if (r == 0)
        r = database_prepare(database, "ROLLBACK", &database->rollback);
    return r;
}

static const char *why(const struct database *database, int r)
{
    if (r == -EPROTONOSUPPORT)
        return "written by a newer version of this program";
    if (r == -ENOTSUP)
        return "the file system does not allow a write-ahead log";
    if (database->handle && database_text(database)[0] != '\0')
        return database_text(database);
    return r == -EUCLEAN ? "not a file of this program" : strerror(-r);
}

int database_open(struct database *database, const char *path, const struct database_format *format,
                  char ret_text[static DATABASE_TEXT_SIZE])
{
    struct database opened = { 0 };
    int r = open_handle(&opened, path);

    if (r == 0)
        r = migrate(&opened, format);
    if (r == 0)
        r = prepare_own(&opened);
    if (r < 0) {
        snprintf(ret_text, DATABASE_TEXT_SIZE, "%s", why(&opened, r));
        database_close(&opened);
        return r;
    }
    *database = opened;
    return 0;
}

void database_close(struct database *database)
{
    sqlite3_finalize(database->begin);
    sqlite3_finalize(database->commit);
    sqlite3_finalize(database->rollback);
    sqlite3_close(database->handle);
    *database = (struct database){ 0 };
}

static int rename_if_there(const char *from, const char *to)
{
    return rename(from, to) == 0 || errno == ENOENT ? 0 : -errno;
}

/* The file goes first: SQLite throws away a WAL without one, but would believe a file without its WAL. */
int database_move_aside(const char *path, char *ret_name, size_t size)
{
    char to[PATH_SIZE], wal[PATH_SIZE + 8], to_wal[PATH_SIZE + 8];
    const char *slash = strrchr(path, '/');
    int r;

    for (unsigned n = 1; n <= DAMAGED_MAX; n++) {
        if (snprintf(to, sizeof(to), "%s.damaged-%u", path, n) >= (int)sizeof(to))
            return -ENAMETOOLONG;
        if (access(to, F_OK) == 0)
            continue;
        snprintf(wal, sizeof(wal), "%s-wal", path);
        snprintf(to_wal, sizeof(to_wal), "%s-wal", to);
        r = rename_if_there(path, to);
        if (r == 0)
            r = rename_if_there(wal, to_wal);
        snprintf(ret_name, size, "%s", to + (slash ? slash + 1 - path : 0));
        return r;
    }
    return -EEXIST;
}

int database_prepare(struct database *database, const char *sql, sqlite3_stmt **ret_statement)
{
    return database_errno(
        sqlite3_prepare_v3(database->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, ret_statement, NULL));
}

int database_begin(struct database *database)
{
    return database_run(database->begin);
}

int database_commit(struct database *database)
{
    return database_run(database->commit);
}

void database_rollback(struct database *database)
{
    if (!sqlite3_get_autocommit(database->handle)) {
        (void)sqlite3_step(database->rollback);
        sqlite3_reset(database->rollback);
    }
}

int database_end(struct database *database, int r)
{
    if (r == 0)
        r = database_commit(database);
    if (r < 0) {
        keep_text(database);
        database_rollback(database);
    }
    return r;
}

int database_run(sqlite3_stmt *statement)
{
    int r = database_errno(sqlite3_step(statement));

    sqlite3_reset(statement);
    return r;
}

int database_row(sqlite3_stmt *statement)
{
    int result = sqlite3_step(statement);

    return result == SQLITE_ROW ? 1 : database_errno(result);
}

void database_resetp(sqlite3_stmt **statement)
{
    sqlite3_reset(*statement);
    sqlite3_clear_bindings(*statement);
}
