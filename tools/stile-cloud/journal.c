/* SPDX-License-Identifier: GPL-3.0-or-later */
/* journal.c: a batch is stored whole or not at all, and is acknowledged by whoever called, after the commit.
 * The chain tells a repeat from a fork: events that are there already must lead to the hash that the batch
 * says. */
#include "tools/stile-cloud/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int journal_cursor(struct site *site, const char *gateway, const char *epoch, struct journal_cursor *ret)
{
    cleanup_with(site_finalizep) sqlite3_stmt *query = NULL;
    int r = site_prepare(site, "SELECT seq, hash FROM logs WHERE gateway = ? AND epoch = ?", &query);

    if (r < 0)
        return r;
    sqlite3_bind_text(query, 1, gateway, -1, SQLITE_STATIC);
    sqlite3_bind_text(query, 2, epoch, -1, SQLITE_STATIC);
    r = site_step(site, query);
    if (r < 0)
        return r;
    *ret = (struct journal_cursor){ 0 };
    if (r == 0)
        return 0;
    if (sqlite3_column_bytes(query, 1) != CHAIN_BYTES)
        return -EUCLEAN;
    ret->seq = sqlite3_column_int64(query, 0);
    memcpy(ret->hash, sqlite3_column_blob(query, 1), CHAIN_BYTES);
    return 0;
}

static int save_cursor(struct site *site, const char *gateway, const char *epoch,
                       const struct journal_cursor *cursor)
{
    cleanup_with(site_finalizep) sqlite3_stmt *replace = NULL;
    int r = site_prepare(site, "INSERT OR REPLACE INTO logs VALUES(?, ?, ?, ?)", &replace);

    if (r < 0)
        return r;
    sqlite3_bind_text(replace, 1, gateway, -1, SQLITE_STATIC);
    sqlite3_bind_text(replace, 2, epoch, -1, SQLITE_STATIC);
    sqlite3_bind_int64(replace, 3, cursor->seq);
    sqlite3_bind_blob(replace, 4, cursor->hash, CHAIN_BYTES, SQLITE_STATIC);
    return site_run(site, replace);
}

int journal_alarm(struct site *site, const char *gateway, const char *text)
{
    cleanup_with(site_finalizep) sqlite3_stmt *insert = NULL;
    int r = site_prepare(site, "INSERT INTO alarms(gateway, text, at) VALUES(?, ?, ?)", &insert);

    if (r < 0)
        return r;
    sqlite3_bind_text(insert, 1, gateway, -1, SQLITE_STATIC);
    sqlite3_bind_text(insert, 2, text, -1, SQLITE_STATIC);
    sqlite3_bind_int64(insert, 3, clock_utc_us() / USEC_PER_SEC);
    return site_run(site, insert);
}

/* A batch on its way into the table. */
struct batch {
    struct site *site;
    const char *gateway;
    const struct cloud_events *events;
    sqlite3_stmt *find;
    sqlite3_stmt *insert;
};

/* Whether the event that is there under this number is this one. 0: it is; -EEXIST: it is another; or a
 * negative errno. */
static int compare(struct batch *batch, int64_t seq, const char *line, size_t len)
{
    sqlite3_bind_text(batch->find, 1, batch->gateway, -1, SQLITE_STATIC);
    sqlite3_bind_text(batch->find, 2, batch->events->epoch, -1, SQLITE_STATIC);
    sqlite3_bind_int64(batch->find, 3, seq);
    int r = site_step(batch->site, batch->find);
    bool same = r == 1 && (size_t)sqlite3_column_bytes(batch->find, 0) == len &&
                memcmp(sqlite3_column_text(batch->find, 0), line, len) == 0;

    sqlite3_reset(batch->find);
    /* What lies in a hole was never here. */
    return r < 0 ? r : r == 0 || same ? 0 : -EEXIST;
}

static int insert(struct batch *batch, int64_t seq, const char *line, size_t len)
{
    sqlite3_bind_text(batch->insert, 1, batch->gateway, -1, SQLITE_STATIC);
    sqlite3_bind_text(batch->insert, 2, batch->events->epoch, -1, SQLITE_STATIC);
    sqlite3_bind_int64(batch->insert, 3, seq);
    sqlite3_bind_text(batch->insert, 4, line, (int)len, SQLITE_STATIC);
    return site_run(batch->site, batch->insert);
}

/* Moves the cursor over the batch's lines: compares what is there, inserts what is beyond. */
static int walk(struct batch *batch, struct journal_cursor *cursor)
{
    const char *lines = batch->events->lines;
    size_t rest = batch->events->len;
    int64_t seq = batch->events->first;
    const char *line;
    size_t len;
    int r = 0;

    for (; r == 0 && cloud_line_next(&lines, &rest, &line, &len); seq++) {
        if (seq <= cursor->seq) {
            r = compare(batch, seq, line, len);
            continue;
        }
        r = insert(batch, seq, line, len);
        chain_next(cursor->hash, line, len, cursor->hash);
        cursor->seq = seq;
    }
    return r;
}

static int note_hole(struct batch *batch, struct journal_cursor *cursor)
{
    char text[160];

    snprintf(text, sizeof(text), "epoch %s: events %" PRId64 " to %" PRId64 " are gone", batch->events->epoch,
             cursor->seq + 1, batch->events->first - 1);
    cursor->seq = batch->events->first - 1;
    memcpy(cursor->hash, batch->events->prev, CHAIN_BYTES);
    return journal_alarm(batch->site, batch->gateway, text);
}

static int note_fork(struct batch *batch)
{
    char text[160];

    snprintf(text, sizeof(text), "epoch %s: events from %" PRId64 " on were sent with another content",
             batch->events->epoch, batch->events->first);
    return journal_alarm(batch->site, batch->gateway, text);
}

/* In a transaction. */
static int take(struct batch *batch, int64_t oldest, struct journal_cursor *cursor)
{
    const struct cloud_events *events = batch->events;
    int r = journal_cursor(batch->site, batch->gateway, events->epoch, cursor);
    int64_t before = cursor->seq;

    if (r == 0 && events->first > cursor->seq + 1) {
        if (events->first != oldest)
            return JOURNAL_GAP;
        r = note_hole(batch, cursor);
    }
    if (r < 0)
        return r;
    if (events->first == cursor->seq + 1 && memcmp(cursor->hash, events->prev, CHAIN_BYTES) != 0)
        return JOURNAL_FORKED;
    r = walk(batch, cursor);
    if (r == -EEXIST)
        return JOURNAL_FORKED;
    if (r < 0)
        return r;
    if (cursor->seq == before)
        return JOURNAL_REPEATED;
    return save_cursor(batch->site, batch->gateway, events->epoch, cursor);
}

int journal_store(struct site *site, const char *gateway, const struct cloud_events *events, int64_t oldest,
                  struct journal_cursor *ret_cursor)
{
    struct batch batch = { .site = site, .gateway = gateway, .events = events };
    cleanup_with(site_finalizep) sqlite3_stmt *find = NULL;
    cleanup_with(site_finalizep) sqlite3_stmt *add = NULL;
    int r = site_begin(site);

    if (r < 0)
        return r;
    r = site_prepare(site, "SELECT line FROM events WHERE gateway = ? AND epoch = ? AND seq = ?", &find);
    if (r == 0)
        r = site_prepare(site, "INSERT INTO events(gateway, epoch, seq, line) VALUES(?, ?, ?, ?)", &add);
    batch.find = find;
    batch.insert = add;
    int outcome = r < 0 ? r : take(&batch, oldest, ret_cursor);

    sqlite3_reset(find);
    sqlite3_reset(add);
    r = site_end(site, outcome == JOURNAL_FORKED || outcome == JOURNAL_GAP ? -ECANCELED
                       : outcome < 0                                       ? outcome
                                                                           : 0);
    if (outcome == JOURNAL_FORKED)
        r = note_fork(&batch);
    if (outcome == JOURNAL_FORKED || outcome == JOURNAL_GAP)
        r = journal_cursor(site, gateway, events->epoch, ret_cursor);
    if (outcome == JOURNAL_STORED && r == 0)
        site_mark(site, SITE_EVENTS_MARK);
    return r < 0 ? r : outcome;
}

int journal_each(struct site *site, const struct journal_query *wanted,
                 void (*fn)(void *user, const char *gateway, const char *line), void *user, int64_t *ret_last)
{
    cleanup_with(site_finalizep) sqlite3_stmt *query = NULL;
    int r = site_prepare(site,
                         "SELECT n, gateway, line FROM (SELECT n, gateway, line FROM events WHERE n > ?1"
                         " AND (?2 IS NULL OR gateway = ?2) ORDER BY n DESC LIMIT ?3) ORDER BY n",
                         &query);

    if (r < 0)
        return r;
    sqlite3_bind_int64(query, 1, wanted->after);
    sqlite3_bind_text(query, 2, wanted->gateway, -1, SQLITE_STATIC);
    sqlite3_bind_int64(query, 3, wanted->limit ? wanted->limit : -1);
    *ret_last = wanted->after;
    while ((r = site_step(site, query)) == 1) {
        *ret_last = sqlite3_column_int64(query, 0);
        fn(user, (const char *)sqlite3_column_text(query, 1), (const char *)sqlite3_column_text(query, 2));
    }
    return r;
}
