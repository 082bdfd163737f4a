/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_store_rows.h: policy.db as rows: one head, and items in two slots.
 *
 * One slot holds the policy in force, the other the snapshot that is being received; the head says which is
 * which, so that a whole policy is swapped by writing one row. Nothing here begins or ends a transaction.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "gateway/store/database.h"
#include "gateway/store/policy_store.h"
#include "proto/digest.h"

/* The compiled copy of people. */
struct policy_image_mark {
    struct policy_position of; /* that it was written for; version 0: there is none. Without `items` */
    char upto[ROOT_SIZE];      /* root of what it and those who were noted since come to */
    int64_t changes;           /* so many were noted, */
    struct digest sum;         /* which come to this */
};

/* What the one row of the head says. The rest of the manifest stands behind staging; it means something only
 * while staging.active. */
struct policy_head {
    int64_t slot; /* of the policy in force: 0 or 1 */
    struct policy_position position;
    struct policy_staging staging;
    int64_t staged_items;
    char staged_root[ROOT_SIZE];
    char first[SHA256_HEX_SIZE];    /* of chunk 0 */
    char expected[SHA256_HEX_SIZE]; /* of chunk staging.next */
    bool root_key;
    struct policy_image_mark image;
};

struct policy_rows {
    struct database database;
    sqlite3_stmt *read_head;
    sqlite3_stmt *write_head;
    sqlite3_stmt *put;
    sqlite3_stmt *del;
    sqlite3_stmt *clear;
    sqlite3_stmt *scan;
    sqlite3_stmt *keys_differ;
    sqlite3_stmt *rev;
    sqlite3_stmt *find;
    sqlite3_stmt *note;
    sqlite3_stmt *noted;
    sqlite3_stmt *clear_noted;
};

/* An item as it is kept. */
struct policy_item_row {
    const char *kind;
    const char *id;
    int64_t rev;
    const char *json; /* checked and sealed */
    size_t json_len;
};

/* Opens or creates the file for items that are sealed with this secret. Returns what database_open() does;
 * a file whose items were sealed with another secret is -EUCLEAN too. *ret_head is what the file holds. */
int policy_store_rows_open(struct policy_rows *rows, const char *path,
                           const uint8_t secret[static SECRET_BYTES], struct policy_head *ret_head,
                           char ret_text[static DATABASE_TEXT_SIZE]) must_check;

/* Harmless on a zeroed struct. */
void policy_store_rows_close(struct policy_rows *rows);

/* The rest returns 0 or a negative errno. */

int policy_store_rows_write_head(struct policy_rows *rows, const struct policy_head *head) must_check;

/* Adds an item, or replaces the one of its kind and id. */
int policy_store_rows_put(struct policy_rows *rows, int64_t slot,
                          const struct policy_item_row *item) must_check;

/* Harmless if it is not there. */
int policy_store_rows_del(struct policy_rows *rows, int64_t slot, const char *kind,
                          const char *id) must_check;

int policy_store_rows_clear(struct policy_rows *rows, int64_t slot) must_check;

/* Begins to read a slot's items, ordered by the bytes of kind and id, behind the given place: "" and "" for
 * all. After the last _next() comes _scan_end(). */
int policy_store_rows_scan(struct policy_rows *rows, int64_t slot, const char *kind,
                           const char *id) must_check;

/* The next item, valid until the next call. Returns 1 with an item, 0 at the end, -EUCLEAN if it is not what
 * was put, or another negative errno. */
int policy_store_rows_next(struct policy_rows *rows, struct policy_item_row *ret_item) must_check;

void policy_store_rows_scan_end(struct policy_rows *rows);

/* One item's revision. Returns 1, 0 if it is not there, or a negative errno. */
int policy_store_rows_rev(struct policy_rows *rows, int64_t slot, const char *kind, const char *id,
                          int64_t *ret_rev) must_check;

/* One item, valid until _found(). Returns 1, 0 if it is not there, -EUCLEAN if it is not what was put, or
 * another negative errno. */
int policy_store_rows_find(struct policy_rows *rows, int64_t slot, const char *kind, const char *id,
                           struct policy_item_row *ret_item) must_check;

void policy_store_rows_found(struct policy_rows *rows);

/* Notes who was changed since the compiled copy was written. Returns 1, 0 if that was noted before, or a
 * negative errno. */
int policy_store_rows_note(struct policy_rows *rows, const char *kind, const char *id) must_check;

/* The next of those who were noted, valid until the next call: 1, 0 at the end, or a negative errno. After
 * the last one comes _noted_end(). */
int policy_store_rows_next_noted(struct policy_rows *rows, const char **ret_kind,
                                 const char **ret_id) must_check;
void policy_store_rows_noted_end(struct policy_rows *rows);

int policy_store_rows_clear_noted(struct policy_rows *rows) must_check;

/* Whether the slots hold different `key` items. */
int policy_store_rows_keys_differ(struct policy_rows *rows, bool *ret_differ) must_check;
