/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_store_rows.c: an item carries the digest of its JSON, because SQLite has no check of its pages: a
 * bit that flips on the card must not turn a denial into a grant. Its kind, id and rev are covered by the
 * policy's root. */
#include "gateway/store/policy_store_rows.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define APPLICATION_ID 0x73747031 /* "stp1" */

#define NO_ROOT "00000000000000000000000000000000"

static const char *const migrations[] = {
    "CREATE TABLE head ("
    " id INTEGER PRIMARY KEY CHECK (id = 1),"
    " secret_check BLOB NOT NULL,"
    " slot INTEGER NOT NULL CHECK (slot IN (0, 1)),"
    " generation INTEGER NOT NULL,"
    " version INTEGER NOT NULL,"
    " items INTEGER NOT NULL,"
    " root TEXT NOT NULL,"
    " staging INTEGER NOT NULL,"
    " staged_generation INTEGER NOT NULL,"
    " staged_version INTEGER NOT NULL,"
    " staged_chunks INTEGER NOT NULL,"
    " staged_next INTEGER NOT NULL,"
    " staged_items INTEGER NOT NULL,"
    " staged_root TEXT NOT NULL,"
    " staged_first TEXT NOT NULL,"
    " staged_expected TEXT NOT NULL,"
    " staged_root_key INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE items ("
    " slot INTEGER NOT NULL,"
    " kind TEXT NOT NULL,"
    " id TEXT NOT NULL,"
    " rev INTEGER NOT NULL,"
    " json TEXT NOT NULL,"
    " digest BLOB NOT NULL,"
    " PRIMARY KEY (slot, kind, id)"
    ") STRICT, WITHOUT ROWID;",

    "ALTER TABLE head ADD COLUMN image_generation INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE head ADD COLUMN image_version INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE head ADD COLUMN image_root TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE head ADD COLUMN image_upto TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE head ADD COLUMN image_changes INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE head ADD COLUMN image_sum TEXT NOT NULL DEFAULT '';"
    "CREATE TABLE changed ("
    " kind TEXT NOT NULL,"
    " id TEXT NOT NULL,"
    " PRIMARY KEY (kind, id)"
    ") STRICT, WITHOUT ROWID;",
};

static const struct database_format format = {
    .application_id = APPLICATION_ID,
    .migrations = migrations,
    .version = sizeof(migrations) / sizeof(migrations[0]),
};

#define READ_HEAD                                                                                            \
    "SELECT slot, generation, version, items, root, staging, staged_generation, staged_version, "            \
    "staged_chunks, staged_next, staged_items, staged_root, staged_first, staged_expected, "                 \
    "staged_root_key, secret_check, image_generation, image_version, image_root, image_upto, "               \
    "image_changes, image_sum FROM head"

#define CREATE_HEAD                                                                                          \
    "INSERT INTO head VALUES (1, ?1, 0, 0, 0, 0, '" NO_ROOT "', 0, 0, 0, 0, 0, 0, '', '', '', 0, 0, 0, '', " \
    "'', 0, '')"

#define WRITE_HEAD                                                                                           \
    "UPDATE head SET slot = ?1, generation = ?2, version = ?3, items = ?4, root = ?5, staging = ?6, "        \
    "staged_generation = ?7, staged_version = ?8, staged_chunks = ?9, staged_next = ?10, "                   \
    "staged_items = ?11, staged_root = ?12, staged_first = ?13, staged_expected = ?14, "                     \
    "staged_root_key = ?15, image_generation = ?16, image_version = ?17, image_root = ?18, "                 \
    "image_upto = ?19, image_changes = ?20, image_sum = ?21"

#define PUT "INSERT OR REPLACE INTO items (slot, kind, id, rev, json, digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"

#define SCAN                                                                                                 \
    "SELECT kind, id, rev, json, digest FROM items WHERE slot = ?1 AND (kind, id) > (?2, ?3) "               \
    "ORDER BY kind, id"

#define FIND "SELECT kind, id, rev, json, digest FROM items WHERE slot = ?1 AND kind = ?2 AND id = ?3"

#define KEYS(slot) "SELECT id, rev, json FROM items WHERE slot = " #slot " AND kind = 'key'"
#define KEYS_DIFFER                                                                                          \
    "SELECT EXISTS (" KEYS(0) " EXCEPT " KEYS(1) ") OR EXISTS (" KEYS(1) " EXCEPT " KEYS(0) ")"

static int prepare(struct policy_rows *rows)
{
    const struct {
        const char *sql;
        sqlite3_stmt **statement;
    } all[] = {
        { READ_HEAD, &rows->read_head },
        { WRITE_HEAD, &rows->write_head },
        { PUT, &rows->put },
        { "DELETE FROM items WHERE slot = ?1 AND kind = ?2 AND id = ?3", &rows->del },
        { "DELETE FROM items WHERE slot = ?1", &rows->clear },
        { SCAN, &rows->scan },
        { KEYS_DIFFER, &rows->keys_differ },
        { "SELECT rev FROM items WHERE slot = ?1 AND kind = ?2 AND id = ?3", &rows->rev },
        { FIND, &rows->find },
        { "INSERT OR IGNORE INTO changed (kind, id) VALUES (?1, ?2)", &rows->note },
        { "SELECT kind, id FROM changed", &rows->noted },
        { "DELETE FROM changed", &rows->clear_noted },
    };
    int r = 0;

    for (size_t i = 0; r == 0 && i < sizeof(all) / sizeof(all[0]); i++)
        r = database_prepare(&rows->database, all[i].sql, all[i].statement);
    return r;
}

/* Binds from position i on. What is bound outlives the step. */
static int bind_text(sqlite3_stmt *statement, int i, const char *text)
{
    return database_errno(sqlite3_bind_text(statement, i, text, -1, SQLITE_STATIC));
}

static int bind_ints(sqlite3_stmt *statement, int i, const int64_t values[], size_t count)
{
    int r = 0;

    for (size_t k = 0; r == 0 && k < count; k++)
        r = database_errno(sqlite3_bind_int64(statement, i + (int)k, values[k]));
    return r;
}

/* The column's text, cut to size; a NULL becomes "". */
static void read_text(sqlite3_stmt *statement, int column, char *ret, size_t size)
{
    const unsigned char *text = sqlite3_column_text(statement, column);

    snprintf(ret, size, "%s", text ? (const char *)text : "");
}

/* A copy whose mark cannot be read is not looked at. */
static void read_mark(sqlite3_stmt *statement, struct policy_image_mark *mark)
{
    char sum[ROOT_SIZE];

    *mark = (struct policy_image_mark){ .of = { .generation = sqlite3_column_int64(statement, 16),
                                                .version = sqlite3_column_int64(statement, 17) },
                                        .changes = sqlite3_column_int64(statement, 20) };
    read_text(statement, 18, mark->of.root, sizeof(mark->of.root));
    read_text(statement, 19, mark->upto, sizeof(mark->upto));
    read_text(statement, 21, sum, sizeof(sum));
    if (hex_decode(sum, mark->sum.bytes, sizeof(mark->sum.bytes)) < 0)
        mark->of.version = 0;
}

static void read_columns(sqlite3_stmt *statement, struct policy_head *head)
{
    *head = (struct policy_head){
        .slot = sqlite3_column_int64(statement, 0),
        .position = { .generation = sqlite3_column_int64(statement, 1),
                      .version = sqlite3_column_int64(statement, 2),
                      .items = sqlite3_column_int64(statement, 3) },
        .staging = { .active = sqlite3_column_int64(statement, 5) != 0,
                     .generation = sqlite3_column_int64(statement, 6),
                     .version = sqlite3_column_int64(statement, 7),
                     .chunks = sqlite3_column_int64(statement, 8),
                     .next = sqlite3_column_int64(statement, 9) },
        .staged_items = sqlite3_column_int64(statement, 10),
        .root_key = sqlite3_column_int64(statement, 14) != 0,
    };
    read_text(statement, 4, head->position.root, sizeof(head->position.root));
    read_text(statement, 11, head->staged_root, sizeof(head->staged_root));
    read_text(statement, 12, head->first, sizeof(head->first));
    read_text(statement, 13, head->expected, sizeof(head->expected));
    read_mark(statement, &head->image);
}

/* A hash that tells secrets apart and tells nothing about them. */
static void check_of_secret(const uint8_t secret[static SECRET_BYTES],
                            uint8_t ret[static CREDENTIAL_HASH_BYTES])
{
    credential_hash(secret, "policy.db", "", ret);
}

static bool blob_equals(sqlite3_stmt *statement, int column, const uint8_t *bytes, int len)
{
    const void *blob = sqlite3_column_blob(statement, column);

    return sqlite3_column_bytes(statement, column) == len && memcmp(blob, bytes, (size_t)len) == 0;
}

static int create_head(struct policy_rows *rows, const uint8_t check[static CREDENTIAL_HASH_BYTES])
{
    sqlite3_stmt *statement = NULL;
    int r = database_prepare(&rows->database, CREATE_HEAD, &statement);

    if (r == 0)
        r = database_errno(sqlite3_bind_blob(statement, 1, check, CREDENTIAL_HASH_BYTES, SQLITE_STATIC));
    if (r == 0)
        r = database_run(statement);
    sqlite3_finalize(statement);
    return r;
}

/* Creates the head of a file that has none yet. */
static int read_head(struct policy_rows *rows, const uint8_t secret[static SECRET_BYTES],
                     struct policy_head *head, char text[static DATABASE_TEXT_SIZE])
{
    cleanup_with(database_resetp) sqlite3_stmt *statement = rows->read_head;
    uint8_t check[CREDENTIAL_HASH_BYTES];

    check_of_secret(secret, check);
    int r = database_row(statement);

    if (r == 0) {
        sqlite3_reset(statement);
        r = create_head(rows, check);
        if (r == 0)
            r = database_row(statement);
    }
    if (r < 0)
        return r;
    if (!blob_equals(statement, 15, check, sizeof(check))) {
        snprintf(text, DATABASE_TEXT_SIZE, "its credentials are sealed with another secret");
        return -EUCLEAN;
    }
    read_columns(statement, head);
    return 0;
}

int policy_store_rows_open(struct policy_rows *rows, const char *path,
                           const uint8_t secret[static SECRET_BYTES], struct policy_head *ret_head,
                           char ret_text[static DATABASE_TEXT_SIZE])
{
    struct policy_rows opened = { 0 };
    struct policy_head head;
    int r = database_open(&opened.database, path, &format, ret_text);

    if (r < 0)
        return r;
    ret_text[0] = '\0';
    r = prepare(&opened);
    if (r == 0)
        r = read_head(&opened, secret, &head, ret_text);
    if (r < 0) {
        if (ret_text[0] == '\0')
            snprintf(ret_text, DATABASE_TEXT_SIZE, "%s", database_text(&opened.database));
        policy_store_rows_close(&opened);
        return r;
    }
    *rows = opened;
    *ret_head = head;
    return 0;
}

void policy_store_rows_close(struct policy_rows *rows)
{
    sqlite3_finalize(rows->read_head);
    sqlite3_finalize(rows->write_head);
    sqlite3_finalize(rows->put);
    sqlite3_finalize(rows->del);
    sqlite3_finalize(rows->clear);
    sqlite3_finalize(rows->scan);
    sqlite3_finalize(rows->keys_differ);
    sqlite3_finalize(rows->rev);
    sqlite3_finalize(rows->find);
    sqlite3_finalize(rows->note);
    sqlite3_finalize(rows->noted);
    sqlite3_finalize(rows->clear_noted);
    database_close(&rows->database);
    *rows = (struct policy_rows){ 0 };
}

int policy_store_rows_write_head(struct policy_rows *rows, const struct policy_head *head)
{
    cleanup_with(database_resetp) sqlite3_stmt *statement = rows->write_head;
    const struct policy_position *position = &head->position;
    const struct policy_staging *staging = &head->staging;
    char sum[ROOT_SIZE];

    hex_encode(head->image.sum.bytes, DIGEST_BYTES, sum);
    int r = bind_ints(statement, 1,
                      (int64_t[]){ head->slot, position->generation, position->version, position->items }, 4);

    if (r == 0)
        r = bind_text(statement, 5, position->root);
    if (r == 0)
        r = bind_ints(statement, 6,
                      (int64_t[]){ staging->active, staging->generation, staging->version, staging->chunks,
                                   staging->next, head->staged_items },
                      6);
    if (r == 0)
        r = bind_text(statement, 12, head->staged_root);
    if (r == 0)
        r = bind_text(statement, 13, head->first);
    if (r == 0)
        r = bind_text(statement, 14, head->expected);
    if (r == 0)
        r = bind_ints(statement, 15,
                      (int64_t[]){ head->root_key, head->image.of.generation, head->image.of.version }, 3);
    if (r == 0)
        r = bind_text(statement, 18, head->image.of.root);
    if (r == 0)
        r = bind_text(statement, 19, head->image.upto);
    if (r == 0)
        r = bind_ints(statement, 20, &head->image.changes, 1);
    if (r == 0)
        r = bind_text(statement, 21, sum);
    return r == 0 ? database_run(statement) : r;
}

static int bind_place(sqlite3_stmt *statement, int64_t slot, const char *kind, const char *id)
{
    int r = bind_ints(statement, 1, &slot, 1);

    if (r == 0)
        r = bind_text(statement, 2, kind);
    return r == 0 ? bind_text(statement, 3, id) : r;
}

int policy_store_rows_put(struct policy_rows *rows, int64_t slot, const struct policy_item_row *item)
{
    cleanup_with(database_resetp) sqlite3_stmt *statement = rows->put;
    struct digest digest = digest_bytes(item->json, item->json_len);
    int r = bind_place(statement, slot, item->kind, item->id);

    if (r == 0)
        r = bind_ints(statement, 4, &item->rev, 1);
    if (r == 0)
        r = database_errno(sqlite3_bind_text(statement, 5, item->json, (int)item->json_len, SQLITE_STATIC));
    if (r == 0)
        r = database_errno(sqlite3_bind_blob(statement, 6, digest.bytes, DIGEST_BYTES, SQLITE_STATIC));
    return r == 0 ? database_run(statement) : r;
}

int policy_store_rows_del(struct policy_rows *rows, int64_t slot, const char *kind, const char *id)
{
    cleanup_with(database_resetp) sqlite3_stmt *statement = rows->del;
    int r = bind_place(statement, slot, kind, id);

    return r == 0 ? database_run(statement) : r;
}

int policy_store_rows_clear(struct policy_rows *rows, int64_t slot)
{
    cleanup_with(database_resetp) sqlite3_stmt *statement = rows->clear;
    int r = bind_ints(statement, 1, &slot, 1);

    return r == 0 ? database_run(statement) : r;
}

int policy_store_rows_scan(struct policy_rows *rows, int64_t slot, const char *kind, const char *id)
{
    return bind_place(rows->scan, slot, kind, id);
}

/* The next row of a statement as an item. */
static int next_item(sqlite3_stmt *statement, struct policy_item_row *ret_item)
{
    int r = database_row(statement);

    if (r <= 0)
        return r;
    struct policy_item_row item = {
        .kind = (const char *)sqlite3_column_text(statement, 0),
        .id = (const char *)sqlite3_column_text(statement, 1),
        .rev = sqlite3_column_int64(statement, 2),
        .json = (const char *)sqlite3_column_text(statement, 3),
        .json_len = (size_t)sqlite3_column_bytes(statement, 3),
    };

    if (!item.kind || !item.id || !item.json)
        return -ENOMEM;
    struct digest digest = digest_bytes(item.json, item.json_len);

    if (!blob_equals(statement, 4, digest.bytes, DIGEST_BYTES))
        return -EUCLEAN;
    *ret_item = item;
    return 1;
}

int policy_store_rows_next(struct policy_rows *rows, struct policy_item_row *ret_item)
{
    return next_item(rows->scan, ret_item);
}

void policy_store_rows_scan_end(struct policy_rows *rows)
{
    database_resetp(&rows->scan);
}

int policy_store_rows_keys_differ(struct policy_rows *rows, bool *ret_differ)
{
    cleanup_with(database_resetp) sqlite3_stmt *statement = rows->keys_differ;
    int r = database_row(statement);

    if (r > 0)
        *ret_differ = sqlite3_column_int(statement, 0) != 0;
    return r < 0 ? r : 0;
}

int policy_store_rows_rev(struct policy_rows *rows, int64_t slot, const char *kind, const char *id,
                          int64_t *ret_rev)
{
    cleanup_with(database_resetp) sqlite3_stmt *statement = rows->rev;
    int r = bind_place(statement, slot, kind, id);

    if (r == 0)
        r = database_row(statement);
    if (r > 0)
        *ret_rev = sqlite3_column_int64(statement, 0);
    return r;
}

int policy_store_rows_find(struct policy_rows *rows, int64_t slot, const char *kind, const char *id,
                           struct policy_item_row *ret_item)
{
    int r = bind_place(rows->find, slot, kind, id);

    return r == 0 ? next_item(rows->find, ret_item) : r;
}

void policy_store_rows_found(struct policy_rows *rows)
{
    database_resetp(&rows->find);
}

int policy_store_rows_note(struct policy_rows *rows, const char *kind, const char *id)
{
    cleanup_with(database_resetp) sqlite3_stmt *statement = rows->note;
    int r = bind_text(statement, 1, kind);

    if (r == 0)
        r = bind_text(statement, 2, id);
    if (r == 0)
        r = database_run(statement);
    return r == 0 ? sqlite3_changes(rows->database.handle) : r;
}

int policy_store_rows_next_noted(struct policy_rows *rows, const char **ret_kind, const char **ret_id)
{
    int r = database_row(rows->noted);

    if (r <= 0)
        return r;
    *ret_kind = (const char *)sqlite3_column_text(rows->noted, 0);
    *ret_id = (const char *)sqlite3_column_text(rows->noted, 1);
    return *ret_kind && *ret_id ? 1 : -ENOMEM;
}

void policy_store_rows_noted_end(struct policy_rows *rows)
{
    database_resetp(&rows->noted);
}

int policy_store_rows_clear_noted(struct policy_rows *rows)
{
    return database_run(rows->clear_noted);
}
