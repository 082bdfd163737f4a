/* SPDX-License-Identifier: GPL-3.0-or-later */
/* journal.c: a batch is stored whole or not at all, and is acknowledged by whoever called, after the commit.
 * The chain tells a repeat from a fork: events that are there already must lead to the hash that the batch
 * says. */
#include "tools/stile-cloud/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
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

static int forget_alarms(struct site *site)
{
    cleanup_with(site_finalizep) sqlite3_stmt *delete = NULL;
    int r = site_prepare(site, "DELETE FROM alarms WHERE n <= (SELECT max(n) FROM alarms) - ?", &delete);

    if (r < 0)
        return r;
    sqlite3_bind_int64(delete, 1, JOURNAL_ALARMS_MAX);
    return site_run(site, delete);
}

int journal_alarm(struct site *site, const char *gateway, const char *format, ...)
{
    cleanup_with(site_finalizep) sqlite3_stmt *upsert = NULL;
    char text[JOURNAL_ALARM_TEXT_MAX + 1];
    va_list args;
    int r = site_prepare(site,
                         "INSERT INTO alarms(gateway, text, first, last, count) VALUES(?1, ?2, ?3, ?3, 1)"
                         " ON CONFLICT DO UPDATE SET last = ?3, count = count + 1",
                         &upsert);

    if (r < 0)
        return r;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    sqlite3_bind_text(upsert, 1, gateway, -1, SQLITE_STATIC);
    sqlite3_bind_text(upsert, 2, text, -1, SQLITE_STATIC);
    sqlite3_bind_int64(upsert, 3, clock_utc_us() / USEC_PER_SEC);
    r = site_run(site, upsert);
    return r < 0 ? r : forget_alarms(site);
}

/* A batch on its way into the table. */
struct batch {
    struct site *site;
    const char *gateway;
    const struct cloud_events *events;
    int64_t oldest;
    sqlite3_stmt *find;
    sqlite3_stmt *insert;
};

static void batch_finish(struct batch *batch)
{
    sqlite3_finalize(batch->find);
    sqlite3_finalize(batch->insert);
}

/* Whether the event that is there under this number is this one. 0: it is, or none is (what lies in a hole
 * was never here); -EEXIST: it is another; or a negative errno. */
static int compare(struct batch *batch, int64_t seq, const char *line, size_t len)
{
    sqlite3_bind_text(batch->find, 1, batch->gateway, -1, SQLITE_STATIC);
    sqlite3_bind_text(batch->find, 2, batch->events->epoch, -1, SQLITE_STATIC);
    sqlite3_bind_int64(batch->find, 3, seq);
    int r = site_step(batch->site, batch->find);
    bool other = r == 1 && ((size_t)sqlite3_column_bytes(batch->find, 0) != len ||
                            memcmp(sqlite3_column_text(batch->find, 0), line, len) != 0);

    sqlite3_reset(batch->find);
    return r < 0 ? r : other ? -EEXIST : 0;
}

static int insert(struct batch *batch, int64_t seq, const char *line, size_t len)
{
    sqlite3_bind_text(batch->insert, 1, batch->gateway, -1, SQLITE_STATIC);
    sqlite3_bind_text(batch->insert, 2, batch->events->epoch, -1, SQLITE_STATIC);
    sqlite3_bind_int64(batch->insert, 3, seq);
    sqlite3_bind_text(batch->insert, 4, line, (int)len, SQLITE_STATIC);
    return site_run(batch->site, batch->insert);
}

/* Moves the cursor over the batch: what is there is compared, what is beyond is inserted. -EEXIST if the
 * batch is not of the log that led to the cursor. */
static int walk(struct batch *batch, struct journal_cursor *cursor)
{
    const struct cloud_events *events = batch->events;
    const char *lines = events->lines;
    size_t rest = events->len;
    int64_t seq = events->first;
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
    if (r == 0 && seq == cursor->seq + 1 && memcmp(cursor->hash, events->hash, CHAIN_BYTES) != 0)
        return -EEXIST;
    return r;
}

static int save_hole(struct batch *batch, int64_t first, const struct journal_cursor *last)
{
    cleanup_with(site_finalizep) sqlite3_stmt *insert = NULL;
    int r = site_prepare(batch->site, "INSERT INTO holes VALUES(?, ?, ?, ?, ?)", &insert);

    if (r < 0)
        return r;
    sqlite3_bind_text(insert, 1, batch->gateway, -1, SQLITE_STATIC);
    sqlite3_bind_text(insert, 2, batch->events->epoch, -1, SQLITE_STATIC);
    sqlite3_bind_int64(insert, 3, first);
    sqlite3_bind_int64(insert, 4, last->seq);
    sqlite3_bind_blob(insert, 5, last->hash, CHAIN_BYTES, SQLITE_STATIC);
    return site_run(batch->site, insert);
}

static int note_hole(struct batch *batch, struct journal_cursor *cursor)
{
    int64_t first = cursor->seq + 1;

    cursor->seq = batch->events->first - 1;
    memcpy(cursor->hash, batch->events->prev, CHAIN_BYTES);
    int r = save_hole(batch, first, cursor);

    if (r < 0)
        return r;
    return journal_alarm(batch->site, batch->gateway, "epoch %s: events %" PRId64 " to %" PRId64 " are gone",
                         batch->events->epoch, first, cursor->seq);
}

/* Returns an outcome, or a negative errno. */
static int take(struct batch *batch)
{
    const struct cloud_events *events = batch->events;
    struct journal_cursor cursor;
    int r = journal_cursor(batch->site, batch->gateway, events->epoch, &cursor);
    int64_t before = cursor.seq;

    if (r == 0 && events->first > cursor.seq + 1) {
        if (events->first != batch->oldest)
            return JOURNAL_GAP;
        r = note_hole(batch, &cursor);
    }
    if (r == 0)
        r = walk(batch, &cursor);
    if (r < 0)
        return r == -EEXIST ? JOURNAL_FORKED : r;
    if (cursor.seq == before)
        return JOURNAL_REPEATED;
    r = save_cursor(batch->site, batch->gateway, events->epoch, &cursor);
    return r < 0 ? r : JOURNAL_STORED;
}

static int store(struct batch *batch)
{
    int r = site_begin(batch->site);

    if (r < 0)
        return r;
    int outcome = take(batch);

    r = site_end(batch->site, outcome == JOURNAL_STORED ? 0 : outcome < 0 ? outcome : -ECANCELED);
    return r == -ECANCELED ? outcome : r < 0 ? r : outcome;
}

int journal_store(struct site *site, const char *gateway, const struct cloud_events *events, int64_t oldest,
                  struct journal_cursor *ret_cursor)
{
    cleanup_with(batch_finish) struct batch batch = {
        .site = site, .gateway = gateway, .events = events, .oldest = oldest
    };
    int r = site_prepare(site, "SELECT line FROM events WHERE gateway = ? AND epoch = ? AND seq = ?",
                         &batch.find);

    if (r == 0)
        r = site_prepare(site, "INSERT INTO events(gateway, epoch, seq, line) VALUES(?, ?, ?, ?)",
                         &batch.insert);
    int outcome = r < 0 ? r : store(&batch);

    if (outcome == JOURNAL_STORED)
        site_mark(site, SITE_EVENTS_MARK);
    if (outcome == JOURNAL_FORKED)
        r = journal_alarm(site, gateway, "epoch %s: events from %" PRId64 " on came with another content",
                          events->epoch, events->first);
    if (outcome >= 0 && r == 0)
        r = journal_cursor(site, gateway, events->epoch, ret_cursor);
    return r < 0 ? r : outcome;
}

int journal_seek(struct site *site, struct journal_query *query, int64_t last)
{
    cleanup_with(site_finalizep) sqlite3_stmt *statement = NULL;
    int r = site_prepare(
        site, "SELECT n FROM events WHERE ?1 IS NULL OR gateway = ?1 ORDER BY n DESC LIMIT 1 OFFSET ?2",
        &statement);

    if (r < 0)
        return r;
    sqlite3_bind_text(statement, 1, query->gateway, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, last);
    r = site_step(site, statement);
    query->after = r == 1 ? sqlite3_column_int64(statement, 0) : 0;
    return r < 0 ? r : 0;
}

int journal_read(struct site *site, struct journal_query *query, struct text *text)
{
    cleanup_with(site_finalizep) sqlite3_stmt *statement = NULL;
    int r = site_prepare(site,
                         "SELECT n, gateway, line FROM events WHERE n > ?1 AND (?2 IS NULL OR gateway = ?2)"
                         " ORDER BY n LIMIT ?3",
                         &statement);
    int count = 0;

    if (r < 0)
        return r;
    sqlite3_bind_int64(statement, 1, query->after);
    sqlite3_bind_text(statement, 2, query->gateway, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 3, JOURNAL_PAGE);
    for (; (r = site_step(site, statement)) == 1; count++) {
        query->after = sqlite3_column_int64(statement, 0);
        text_addf(text, "%s %s\n", (const char *)sqlite3_column_text(statement, 1),
                  (const char *)sqlite3_column_text(statement, 2));
    }
    if (r == 0)
        r = text_error(text);
    return r < 0 ? r : count;
}
