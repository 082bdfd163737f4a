/* SPDX-License-Identifier: GPL-3.0-or-later */
/* offer.c: a snapshot as it is sent, kept for an hour after the last request. Each chunk holds the hash of
 * the next, so they are made from the last to the first: a first pass says where chunks begin, a second one
 * writes them backwards. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tools/stile-cloud/feed.h"

/* What a chunk's line has beside the item, at most: {"kind":"","rev":,"item":}, a kind, a number, LF. */
#define LINE_OVERHEAD (ID_BYTES_MAX + 48)

/* A chunk: the items from this one on. */
struct span {
    char kind[ID_SIZE];
    char id[ID_SIZE];
    int64_t items;
};

/* An offer in the making. */
struct offer {
    struct site *site;
    struct span *spans;
    size_t count;
    size_t size;
    sqlite3_stmt *range;
    sqlite3_stmt *insert;
    struct text lines;
    struct text payload;
};

static void offer_finish(struct offer *offer)
{
    free(offer->spans);
    sqlite3_finalize(offer->range);
    sqlite3_finalize(offer->insert);
    text_finish(&offer->lines);
    text_finish(&offer->payload);
}

static int begin_span(struct offer *offer, sqlite3_stmt *row)
{
    if (offer->count == offer->size) {
        size_t size = offer->size ? 2 * offer->size : 64;
        struct span *spans = realloc(offer->spans, size * sizeof(*spans));

        if (!spans)
            return -ENOMEM;
        offer->spans = spans;
        offer->size = size;
    }
    struct span *span = &offer->spans[offer->count++];

    snprintf(span->kind, sizeof(span->kind), "%s", (const char *)sqlite3_column_text(row, 0));
    snprintf(span->id, sizeof(span->id), "%s", (const char *)sqlite3_column_text(row, 1));
    span->items = 0;
    return 0;
}

static int find_spans(struct offer *offer)
{
    cleanup_with(site_finalizep) sqlite3_stmt *query = NULL;
    int64_t filled = FEED_CHUNK_FILL;
    int r = site_prepare(
        offer->site,
        "SELECT kind, id, length(CAST(item AS BLOB)) FROM items WHERE item IS NOT NULL ORDER BY kind, id",
        &query);

    while (r == 0) {
        int row = site_step(offer->site, query);

        if (row != 1)
            return row;
        int64_t bytes = sqlite3_column_int64(query, 2) + LINE_OVERHEAD;

        if (filled + bytes > FEED_CHUNK_FILL) {
            r = begin_span(offer, query);
            filled = 0;
        }
        filled += bytes;
        if (r == 0)
            offer->spans[offer->count - 1].items++;
    }
    return r;
}

static int read_lines(struct offer *offer, const struct span *span)
{
    int r;

    sqlite3_bind_text(offer->range, 1, span->kind, -1, SQLITE_STATIC);
    sqlite3_bind_text(offer->range, 2, span->id, -1, SQLITE_STATIC);
    sqlite3_bind_int64(offer->range, 3, span->items);
    text_reset(&offer->lines);
    while ((r = site_step(offer->site, offer->range)) == 1) {
        const struct cloud_item item = {
            .kind = (const char *)sqlite3_column_text(offer->range, 0),
            .rev = sqlite3_column_int64(offer->range, 1),
            .item = (const char *)sqlite3_column_text(offer->range, 2),
            .item_len = (size_t)sqlite3_column_bytes(offer->range, 2),
        };

        cloud_item_add(&offer->lines, &item);
    }
    sqlite3_reset(offer->range);
    return r < 0 ? r : text_error(&offer->lines);
}

static int write_chunk(struct offer *offer, struct cloud_chunk *chunk)
{
    int r = read_lines(offer, &offer->spans[chunk->i]);

    chunk->lines = text_string(&offer->lines);
    chunk->len = offer->lines.len;
    if (r == 0)
        r = cloud_chunk_format(&offer->payload, chunk);
    if (r < 0)
        return r;
    sqlite3_bind_int64(offer->insert, 1, chunk->generation);
    sqlite3_bind_int64(offer->insert, 2, chunk->version);
    sqlite3_bind_int64(offer->insert, 3, chunk->i);
    sqlite3_bind_blob64(offer->insert, 4, offer->payload.data, offer->payload.len, SQLITE_STATIC);
    sha256_hex(offer->payload.data, offer->payload.len, chunk->next);
    return site_run(offer->site, offer->insert);
}

/* ret_first: the first chunk's hash, "" if there is none. */
static int write_chunks(struct offer *offer, char ret_first[static CLOUD_HASH_SIZE])
{
    struct cloud_chunk chunk = { .generation = offer->site->policy.generation,
                                 .version = offer->site->policy.version };
    int r = site_prepare(offer->site,
                         "SELECT kind, rev, item FROM items WHERE item IS NOT NULL AND (kind, id) >= (?, ?)"
                         " ORDER BY kind, id LIMIT ?",
                         &offer->range);

    if (r == 0)
        r = site_prepare(offer->site, "INSERT INTO chunks VALUES(?, ?, ?, ?)", &offer->insert);
    for (chunk.i = (int64_t)offer->count - 1; chunk.i >= 0 && r == 0; chunk.i--)
        r = write_chunk(offer, &chunk);
    memcpy(ret_first, chunk.next, sizeof(chunk.next));
    return r;
}

static int write_manifest(struct site *site, const struct cloud_snapshot *snapshot)
{
    cleanup_with(site_finalizep) sqlite3_stmt *insert = NULL;
    int r = site_prepare(site, "INSERT INTO offers VALUES(?, ?, ?, ?, ?, ?)", &insert);

    if (r < 0)
        return r;
    sqlite3_bind_int64(insert, 1, snapshot->policy.generation);
    sqlite3_bind_int64(insert, 2, snapshot->policy.version);
    sqlite3_bind_int64(insert, 3, snapshot->items);
    sqlite3_bind_int64(insert, 4, snapshot->chunks);
    sqlite3_bind_text(insert, 5, snapshot->first, -1, SQLITE_STATIC);
    sqlite3_bind_int64(insert, 6, snapshot->iat);
    return site_run(site, insert);
}

static int run_before(struct site *site, const char *sql, int64_t asked)
{
    cleanup_with(site_finalizep) sqlite3_stmt *statement = NULL;
    int r = site_prepare(site, sql, &statement);

    if (r < 0)
        return r;
    sqlite3_bind_int64(statement, 1, asked);
    return site_run(site, statement);
}

/* What nobody asked for within the hour. */
static int drop_old(struct site *site, int64_t now)
{
    int r = run_before(site,
                       "DELETE FROM chunks WHERE (generation, version) IN"
                       " (SELECT generation, version FROM offers WHERE asked < ?)",
                       now - FEED_OFFER_S);

    return r < 0 ? r : run_before(site, "DELETE FROM offers WHERE asked < ?", now - FEED_OFFER_S);
}

static int make_offer(struct site *site, struct cloud_snapshot *snapshot)
{
    cleanup_with(offer_finish) struct offer offer = { .site = site };
    int r = find_spans(&offer);

    if (r == 0)
        r = write_chunks(&offer, snapshot->first);
    for (size_t i = 0; i < offer.count; i++)
        snapshot->items += offer.spans[i].items;
    snapshot->chunks = (int64_t)offer.count;
    return r == 0 ? write_manifest(site, snapshot) : r;
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
    snprintf(snapshot->first, sizeof(snapshot->first), "%s", (const char *)sqlite3_column_text(query, 2));
    return 1;
}

/* In a transaction. */
static int offer_newest(struct site *site, struct cloud_snapshot *snapshot)
{
    const struct cloud_request newest = { .generation = site->policy.generation,
                                          .version = site->policy.version };
    int r = drop_old(site, snapshot->iat);

    snapshot->policy = site->policy;
    if (r == 0)
        r = find_offer(site, snapshot);
    if (r == 0)
        return make_offer(site, snapshot);
    return r < 0 ? r : feed_offer_asked(site, &newest, snapshot->iat);
}

int feed_offer(struct site *site, int64_t now, struct text *payload)
{
    struct cloud_snapshot snapshot = { .iat = now };
    int r = site_begin(site);

    if (r < 0)
        return r;
    r = site_refresh(site);
    if (r == 0)
        r = offer_newest(site, &snapshot);
    r = site_end(site, r);
    if (r < 0)
        return r;
    snprintf(snapshot.aud, sizeof(snapshot.aud), "%s/*", site->name);
    return cloud_snapshot_format(payload, &snapshot);
}

int feed_offer_asked(struct site *site, const struct cloud_request *request, int64_t now)
{
    cleanup_with(site_finalizep) sqlite3_stmt *update = NULL;
    int r = site_prepare(site, "UPDATE offers SET asked = ? WHERE generation = ? AND version = ?", &update);

    if (r < 0)
        return r;
    sqlite3_bind_int64(update, 1, now);
    sqlite3_bind_int64(update, 2, request->generation);
    sqlite3_bind_int64(update, 3, request->version);
    return site_run(site, update);
}

int feed_chunk(struct site *site, const struct cloud_request *request, int64_t i, struct text *payload)
{
    cleanup_with(site_finalizep) sqlite3_stmt *query = NULL;
    int r = site_prepare(site, "SELECT payload FROM chunks WHERE generation = ? AND version = ? AND i = ?",
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
