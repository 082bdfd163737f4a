/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that are new, of this version, of a later one, somebody else's or damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/file.h"
#include "gateway/store/database.h"

#define APPLICATION_ID 0x73740001

static const char *const migrations[] = {
    "CREATE TABLE a (n INTEGER PRIMARY KEY) STRICT;",
    "CREATE TABLE b (n INTEGER PRIMARY KEY) STRICT; INSERT INTO b SELECT n FROM a;",
    "CREATE TABLE c (n INTEGER PRIMARY KEY) STRICT; INSERT INTO nowhere VALUES (1);",
};

static const struct database_format first = { APPLICATION_ID, migrations, 1 };
static const struct database_format second = { APPLICATION_ID, migrations, 2 };
static const struct database_format broken = { APPLICATION_ID, migrations, 3 };

struct fixture {
    char directory[32];
    char path[48];
    struct database database;
    char text[DATABASE_TEXT_SIZE];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    strcpy(f->directory, "/tmp/test-database-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    snprintf(f->path, sizeof(f->path), "%s/x.db", f->directory);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[64];

    database_close(&f->database);
    snprintf(command, sizeof(command), "rm -r %s", f->directory);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

static int open_as(struct fixture *f, const struct database_format *format)
{
    return database_open(&f->database, f->path, format, f->text);
}

static int64_t number(struct fixture *f, const char *sql)
{
    sqlite3_stmt *statement;
    int64_t value;

    assert_int_equal(database_prepare(&f->database, sql, &statement), 0);
    assert_int_equal(database_row(statement), 1);
    value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

static int run(struct fixture *f, const char *sql)
{
    sqlite3_stmt *statement;
    int r;

    assert_int_equal(database_prepare(&f->database, sql, &statement), 0);
    r = database_run(statement);
    sqlite3_finalize(statement);
    return r;
}

static bool exists(struct fixture *f, const char *suffix)
{
    char path[80];

    snprintf(path, sizeof(path), "%s%s", f->path, suffix);
    return access(path, F_OK) == 0;
}

static void database_open__no_file__creates_it(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(open_as(f, &first), 0);
    assert_true(f->database.created);
    assert_int_equal(number(f, "PRAGMA application_id"), APPLICATION_ID);
    assert_int_equal(number(f, "PRAGMA user_version"), 1);
    database_close(&f->database);
    assert_int_equal(open_as(f, &first), 0);
    assert_false(f->database.created);
}

static void database_open__any_file__is_synced_and_exclusive(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(open_as(f, &first), 0);
    assert_int_equal(number(f, "PRAGMA synchronous"), 2);
    assert_int_equal(number(f, "PRAGMA journal_size_limit"), DATABASE_JOURNAL_BYTES);
    assert_int_equal(number(f, "PRAGMA foreign_keys"), 1);
    assert_int_equal(number(f, "PRAGMA trusted_schema"), 0);
    assert_int_equal(run(f, "INSERT INTO a VALUES (1)"), 0);
    assert_true(exists(f, "-wal"));
    assert_false(exists(f, "-shm"));
}

static void database_open__older_version__moves_it_forward(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(open_as(f, &first), 0);
    assert_int_equal(run(f, "INSERT INTO a VALUES (7)"), 0);
    database_close(&f->database);
    assert_int_equal(open_as(f, &second), 0);
    assert_int_equal(number(f, "SELECT n FROM b"), 7);
    assert_int_equal(number(f, "PRAGMA user_version"), 2);
}

static void database_open__migration_fails__old_version_stays(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(open_as(f, &broken), -EIO);
    assert_non_null(strstr(f->text, "nowhere"));
    assert_int_equal(open_as(f, &second), 0);
    assert_int_equal(number(f, "SELECT count(*) FROM sqlite_schema WHERE name = 'c'"), 0);
}

static void database_open__newer_version__is_refused(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(open_as(f, &second), 0);
    database_close(&f->database);
    assert_int_equal(open_as(f, &first), -EPROTONOSUPPORT);
    assert_non_null(strstr(f->text, "newer"));
}

static void database_open__foreign_file__is_refused(void **state)
{
    struct fixture *f = *state;
    const struct database_format other = { APPLICATION_ID + 1, migrations, 1 };

    assert_int_equal(open_as(f, &other), 0);
    database_close(&f->database);
    assert_int_equal(open_as(f, &first), -EUCLEAN);
    assert_string_equal(f->text, "not a file of this program");
}

static void database_open__garbage__is_damaged(void **state)
{
    struct fixture *f = *state;
    char garbage[8192];

    memset(garbage, 'x', sizeof(garbage));
    assert_int_equal(file_write(f->path, garbage, sizeof(garbage), 0600), 0);
    assert_int_equal(open_as(f, &first), -EUCLEAN);
    assert_non_null(strstr(f->text, "not a database"));
}

static void database_open__already_open__is_busy(void **state)
{
    struct fixture *f = *state;
    struct database other = { 0 };

    assert_int_equal(open_as(f, &first), 0);
    assert_int_equal(database_open(&other, f->path, &first, f->text), -EBUSY);
}

static void database_end__failure_before__undoes_and_keeps_the_reason(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(open_as(f, &first), 0);
    assert_int_equal(database_begin(&f->database), 0);
    assert_int_equal(run(f, "INSERT INTO a VALUES (1)"), 0);
    assert_int_equal(database_end(&f->database, run(f, "INSERT INTO a VALUES (1)")), -EEXIST);
    assert_non_null(strstr(database_text(&f->database), "UNIQUE"));
    assert_int_equal(number(f, "SELECT count(*) FROM a"), 0);
}

static void database_end__success__commits(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(open_as(f, &first), 0);
    assert_int_equal(database_begin(&f->database), 0);
    assert_int_equal(database_end(&f->database, run(f, "INSERT INTO a VALUES (1)")), 0);
    database_close(&f->database);
    assert_int_equal(open_as(f, &first), 0);
    assert_int_equal(number(f, "SELECT count(*) FROM a"), 1);
}

static void database_move_aside__twice__keeps_both(void **state)
{
    struct fixture *f = *state;
    char name[64];

    assert_int_equal(file_write(f->path, "1", 1, 0600), 0);
    assert_int_equal(database_move_aside(f->path, name, sizeof(name)), 0);
    assert_string_equal(name, "x.db.damaged-1");
    assert_int_equal(file_write(f->path, "2", 1, 0600), 0);
    assert_int_equal(database_move_aside(f->path, name, sizeof(name)), 0);
    assert_string_equal(name, "x.db.damaged-2");
    assert_true(exists(f, ".damaged-1"));
    assert_true(exists(f, ".damaged-2"));
    assert_false(exists(f, ""));
}

static void database_move_aside__wal_there__goes_with_it(void **state)
{
    struct fixture *f = *state;
    char name[64], wal[64];

    snprintf(wal, sizeof(wal), "%s-wal", f->path);
    assert_int_equal(file_write(f->path, "1", 1, 0600), 0);
    assert_int_equal(file_write(wal, "1", 1, 0600), 0);
    assert_int_equal(database_move_aside(f->path, name, sizeof(name)), 0);
    assert_true(exists(f, ".damaged-1-wal"));
    assert_false(exists(f, "-wal"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(database_open__no_file__creates_it, setup, teardown),
        cmocka_unit_test_setup_teardown(database_open__any_file__is_synced_and_exclusive, setup, teardown),
        cmocka_unit_test_setup_teardown(database_open__older_version__moves_it_forward, setup, teardown),
        cmocka_unit_test_setup_teardown(database_open__migration_fails__old_version_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(database_open__newer_version__is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(database_open__foreign_file__is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(database_open__garbage__is_damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(database_open__already_open__is_busy, setup, teardown),
        cmocka_unit_test_setup_teardown(database_end__failure_before__undoes_and_keeps_the_reason, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(database_end__success__commits, setup, teardown),
        cmocka_unit_test_setup_teardown(database_move_aside__twice__keeps_both, setup, teardown),
        cmocka_unit_test_setup_teardown(database_move_aside__wal_there__goes_with_it, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
