/* SPDX-License-Identifier: GPL-3.0-or-later */
/* offer.c: a snapshot as it is sent, kept for an hour after the last request. Each chunk holds the hash of
 * the next, so they are made from the last to the first: a first pass says where chunks begin, a second one
 * writes them backwards. */
#include <errno.h>
#include <string.h>

#include "tools/stile-cloud/feed.h"

/* Where a chunk begins: the first item that is in it. */
struct start {
    char kind[ID_SIZE];
    char id[ID_SIZE];
};

struct starts {
    struct start *list;
    size_t count;
    size_t size;
    int64_t items;
};

static void starts_finish(struct starts *starts)
{
    free(starts->list);
}

static int add_start(struct starts *starts, sqlite3_stmt *row)
{
    if (starts->count == starts->size) {
        size_t size = starts->size ? 2 * starts->size : 64;
        struct start *list = realloc(starts->list, size * sizeof(*list));

        if (!list)
            return -ENOMEM;
        starts->list = list;
        starts->size = size;
    }
    struct start *start = &starts->list[starts->count++];

    strncpy(start->kind, (const char *)sqlite3_column_text(row, 0), sizeof(start->kind) - 1);
    strncpy(start->id, (const char *)sqlite3_column_text(row, 1), sizeof(start->id) - 1);
    start->kind[sizeof(start->kind) - 1] = start->id[sizeof(start->id) - 1] = '\0';
    return 0;
}

static int find_starts(struct site *site, struct starts *starts)
{
    cleanup_with(site_finalizep) sqlite3_stmt *query = NULL;
    int r = site_prepare(
        site,
        "SELECT kind, id, length(CAST(item AS BLOB)) FROM items WHERE item IS NOT NULL ORDER BY kind, id",
        &query);
    int64_t fill = FEED_CHUNK_FILL;

    for (; r >= 0 && (r = site_step(site, query)) == 1; starts->items++) {
        int64_t bytes = sqlite3_column_int64(query, 2) + 2 * ID_SIZE;

        if (fill + bytes > FEED_CHUNK_FILL) {
            r = add_start(starts, query);
            fill = 0;
        }
        fill += bytes;
    }
    return r;
}

/* The lines of the chunk that begins at start and ends before end (NULL: goes on to the last item). */
static int chunk_lines(struct site *site, const struct start *start, const struct start *end,
                       struct text *lines)
{
    cleanup_with(site_finalizep) sqlite3_stmt *query = NULL;
    int r = site_prepare(
        site,
        end ? "SELECT kind, rev, item FROM items WHERE item IS NOT NULL AND (kind, id) >= (?1, ?2)"
              " AND (kind, id) < (?3, ?4) ORDER BY kind, id"
            : "SELECT kind, rev, item FROM items WHERE item IS NOT NULL AND (kind, id) >= (?1, ?2)"
              " ORDER BY kind, id",
        &query);

    if (r < 0)
        return r;
    sqlite3_bind_text(query, 1, start->kind, -1, SQLITE_STATIC);
    sqlite3_bind_text(query, 2, start->id, -1, SQLITE_STATIC);
    if (end) {
        sqlite3_bind_text(query, 3, end->kind, -1, SQLITE_STATIC);
        sqlite3_bind_text(query, 4, end->id, -1, SQLITE_STATIC);
    }
    text_reset(lines);
    while ((r = site_step(site, query)) == 1) {
        const struct cloud_item item = {
            .kind = (const char *)sqlite3_column_text(query, 0),
            .rev = sqlite3_column_int64(query, 1),
            .item = (const char *)sqlite3_column_text(query, 2),
            .item_len = (size_t)sqlite3_column_bytes(query, 2),
        };

        cloud_item_add(lines, &item);
    }
    return r < 0 ? r : text_error(lines);
}

static int write_chunk(struct site *site, const struct cloud_chunk *chunk, const struct text *payload)
{
    cleanup_with(site_finalizep) sqlite3_stmt *insert = NULL;
    int r = site_prepare(site, "INSERT INTO chunks VALUES(?, ?, ?, ?)", &insert);

    if (r < 0)
        return r;
    sqlite3_bind_int64(insert, 1, chunk->generation);
    sqlite3_bind_int64(insert, 2, chunk->version);
    sqlite3_bind_int64(insert, 3, chunk->i);
    sqlite3_bind_blob64(insert, 4, payload->data, payload->len, SQLITE_STATIC);
    return site_run(site, insert);
}

/* Writes the chunks from the last to the first. ret_first: the first one's hash, "" if there is none. */
static int write_chunks(struct site *site, const struct starts *starts,
                        char ret_first[static CLOUD_HASH_SIZE])
{
    cleanup_with(text_finish) struct text lines = TEXT_INIT;
    cleanup_with(text_finish) struct text payload = TEXT_INIT;
    struct cloud_chunk chunk = { .generation = site->policy.generation, .version = site->policy.version };
    int r = 0;

    for (size_t i = starts->count; i-- > 0 && r == 0;) {
        r = chunk_lines(site, &starts->list[i], i + 1 < starts->count ? &starts->list[i + 1] : NULL, &lines);
        chunk.i = (int64_t)i;
        chunk.lines = text_string(&lines);
        chunk.len = lines.len;
        if (r == 0)
            r = cloud_chunk_format(&payload, &chunk);
        if (r == 0)
            r = write_chunk(site, &chunk, &payload);
        if (r == 0)
            sha256_hex(payload.data, payload.len, chunk.next);
    }
    strcpy(ret_first, chunk.next);
    return r;
}

static int write_offer(struct site *site, const struct cloud_snapshot *snapshot)
{
    cleanup_with(site_finalizep) sqlite3_stmt *insert = NULL;
    int r = site_prepare(site, "INSERT INTO offers VALUES(?, ?, ?, ?, ?, ?, ?)", &insert);

    if (r < 0)
        return r;
    sqlite3_bind_int64(insert, 1, snapshot->policy.generation);
    sqlite3_bind_int64(insert, 2, snapshot->policy.version);
    sqlite3_bind_text(insert, 3, snapshot->policy.root, -1, SQLITE_STATIC);
    sqlite3_bind_int64(insert, 4, snapshot->items);
    sqlite3_bind_int64(insert, 5, snapshot->chunks);
    sqlite3_bind_text(insert, 6, snapshot->first, -1, SQLITE_STATIC);
    sqlite3_bind_int64(insert, 7, snapshot->iat);
    return site_run(site, insert);
}

/* What nobody asked for within the hour. */
static int drop_old(struct site *site, int64_t now)
{
    static const char *const deletes[] = {
        "DELETE FROM chunks WHERE (generation, version) IN (SELECT generation, version FROM offers WHERE "
        "asked < ?)",
        "DELETE FROM offers WHERE asked < ?",
    };
    int r = 0;

    for (size_t i = 0; i < sizeof(deletes) / sizeof(deletes[0]) && r == 0; i++) {
        cleanup_with(site_finalizep) sqlite3_stmt *statement = NULL;

        r = site_prepare(site, deletes[i], &statement);
        if (r == 0)
            r = sqlite3_bind_int64(statement, 1, now - FEED_OFFER_S) == SQLITE_OK ? site_run(site, statement)
                                                                                  : -EIO;
    }
    return r;
}

/* 1 with *snapshot filled if the newest policy is on offer, else 0. */
static int find_offer(struct site *site, struct cloud_snapshot *snapshot)
{
    cleanup_with(site_finalizep) sqlite3_stmt *query = NULL;
    int r = site_prepare(site, "SELECT items, chunks, first FROM offers WHERE generation = ? AND version = ?",
                         &query);

    if (r < 0)
        return r;
    sqlite3_bind_int64(query, 1, site->policy.generation);
    sqlite3_bind_int64(query, 2, site->policy.version);
    r = site_step(site, query);
    if (r != 1)
        return r;
    snapshot->items = sqlite3_column_int64(query, 0);
    snapshot->chunks = sqlite3_column_int64(query, 1);
    strncpy(snapshot->first, (const char *)sqlite3_column_text(query, 2), sizeof(snapshot->first) - 1);
    return 1;
}

static int make_offer(struct site *site, struct cloud_snapshot *snapshot)
{
    cleanup_with(starts_finish) struct starts starts = { 0 };
    int r = drop_old(site, snapshot->iat);

    if (r == 0)
        r = find_starts(site, &starts);
    if (r == 0)
        r = write_chunks(site, &starts, snapshot->first);
    snapshot->items = starts.items;
    snapshot->chunks = (int64_t)starts.count;
    return r == 0 ? write_offer(site, snapshot) : r;
}

int feed_offer(struct site *site, int64_t now, struct text *payload)
{
    struct cloud_snapshot snapshot = { .iat = now };
    int r = site_begin(site);

    if (r < 0)
        return r;
    r = site_refresh(site);
    snapshot.policy = site->policy;
    strcpy(snapshot.aud, site->name);
    strcat(snapshot.aud, "/*");
    if (r == 0)
        r = find_offer(site, &snapshot);
    if (r == 0)
        r = make_offer(site, &snapshot);
    r = site_end(site, r < 0 ? r : 0);
    return r < 0 ? r : cloud_snapshot_format(payload, &snapshot);
}

static int note_asked(struct site *site, const struct cloud_request *request)
{
    cleanup_with(site_finalizep) sqlite3_stmt *update = NULL;
    int r = site_prepare(site, "UPDATE offers SET asked = ? WHERE generation = ? AND version = ?", &update);

    if (r < 0)
        return r;
    sqlite3_bind_int64(update, 1, clock_utc_us() / USEC_PER_SEC);
    sqlite3_bind_int64(update, 2, request->generation);
    sqlite3_bind_int64(update, 3, request->version);
    return site_run(site, update);
}

int feed_chunk(struct site *site, const struct cloud_request *request, int64_t i, struct text *payload)
{
    cleanup_with(site_finalizep) sqlite3_stmt *query = NULL;
    int r = i == request->from ? note_asked(site, request) : 0;

    if (r == 0)
        r = site_prepare(site, "SELECT payload FROM chunks WHERE generation = ? AND version = ? AND i = ?",
                         &query);
    if (r < 0)
        return r;
    sqlite3_bind_int64(query, 1, request->generation);
    sqlite3_bind_int64(query, 2, request->version);
    sqlite3_bind_int64(query, 3, i);
    r = site_step(site, query);
    if (r != 1)
        return r < 0 ? r : -ENOENT;
    text_reset(payload);
    text_add_bytes(payload, sqlite3_column_blob(query, 0), (size_t)sqlite3_column_bytes(query, 0));
    return text_error(payload);
}
