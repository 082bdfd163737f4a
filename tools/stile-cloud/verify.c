/* SPDX-License-Identifier: GPL-3.0-or-later */
/* verify.c: reads page by page, so that events go on being stored; what is there does not change. The hash
 * behind each event is not kept, so a changed event shows only at the end of its log. */
#include "tools/stile-cloud/verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/cloud_message.h"
#include "tools/stile-cloud/journal.h"

/* A log that is being walked along. */
struct walk {
    struct site *site;
    char gateway[ID_SIZE];
    char epoch[CLOUD_EPOCH_SIZE];
    struct journal_cursor end;
    struct journal_cursor at; /* what was looked at, and the chain's hash there */
    int64_t gone;             /* events that lie in holes */
    struct text line;
    struct text *report;
    char fault[192]; /* what is wrong, "" if nothing is */
};

static void walk_finish(struct walk *walk)
{
    text_finish(&walk->line);
}

/* Binds the log and a number, in this order. */
static int bind(struct walk *walk, sqlite3_stmt *statement, int64_t seq)
{
    return sqlite3_bind_text(statement, 1, walk->gateway, -1, SQLITE_STATIC) |
                   sqlite3_bind_text(statement, 2, walk->epoch, -1, SQLITE_STATIC) |
                   sqlite3_bind_int64(statement, 3, seq)
               ? -ENOMEM
               : 0;
}

/* Steps over the hole that begins behind what was looked at. Returns 1, 0 if there is none, or a negative
 * errno. */
static int step_over(struct walk *walk)
{
    cleanup_with(site_finalizep) sqlite3_stmt *query = NULL;
    int r = site_prepare(
        walk->site, "SELECT last, hash FROM holes WHERE gateway = ? AND epoch = ? AND first = ?", &query);

    if (r == 0)
        r = bind(walk, query, walk->at.seq + 1);
    if (r == 0)
        r = site_step(walk->site, query);
    if (r != 1)
        return r;
    if (sqlite3_column_bytes(query, 1) != CHAIN_BYTES)
        return -EUCLEAN;
    walk->gone += sqlite3_column_int64(query, 0) - walk->at.seq;
    walk->at.seq = sqlite3_column_int64(query, 0);
    memcpy(walk->at.hash, sqlite3_column_blob(query, 1), CHAIN_BYTES);
    return 1;
}

/* Takes the next event. Returns 1, 0 if something is wrong with it, or a negative errno. */
static int take_event(struct walk *walk, const void *bytes, size_t len)
{
    struct cloud_events event = { .first = walk->at.seq + 1, .count = 1 };
    struct cloud_refusal refusal;

    text_reset(&walk->line);
    text_add_bytes(&walk->line, bytes, len);
    text_add(&walk->line, "\n");
    event.lines = text_string(&walk->line);
    event.len = walk->line.len;
    memcpy(event.epoch, walk->epoch, sizeof(event.epoch));
    memcpy(event.prev, walk->at.hash, CHAIN_BYTES);
    chain_next(event.prev, bytes, len, event.hash);
    int r = text_error(&walk->line);

    if (r == 0)
        r = cloud_events_check(&event, &refusal);
    if (r < 0 && r != -EBADMSG)
        return r;
    if (r == -EBADMSG) {
        snprintf(walk->fault, sizeof(walk->fault), "event %" PRId64 " is another: %.40s %.80s", event.first,
                 refusal.error.path, refusal.error.text);
        return 0;
    }
    walk->at.seq = event.first;
    memcpy(walk->at.hash, event.hash, CHAIN_BYTES);
    return 1;
}

/* Takes the events that follow without a gap, a page of them at most. Returns 1, 0 if the next is missing or
 * wrong, or a negative errno. */
static int take_page(struct walk *walk)
{
    cleanup_with(site_finalizep) sqlite3_stmt *query = NULL;
    int64_t before = walk->at.seq;
    int r = site_prepare(walk->site,
                         "SELECT seq, line FROM events WHERE gateway = ? AND epoch = ? AND seq > ? AND"
                         " seq <= ? ORDER BY seq LIMIT ?",
                         &query);

    if (r == 0)
        r = bind(walk, query, before);
    if (r < 0)
        return r;
    sqlite3_bind_int64(query, 4, walk->end.seq);
    sqlite3_bind_int64(query, 5, JOURNAL_PAGE);
    while ((r = site_step(walk->site, query)) == 1 && sqlite3_column_int64(query, 0) == walk->at.seq + 1) {
        r = take_event(walk, sqlite3_column_text(query, 1), (size_t)sqlite3_column_bytes(query, 1));
        if (r <= 0)
            return r;
    }
    if (r >= 0 && walk->at.seq == before)
        snprintf(walk->fault, sizeof(walk->fault), "event %" PRId64 " is missing", before + 1);
    return r < 0 ? r : walk->at.seq > before;
}

static int walk_along(struct walk *walk)
{
    int r = 1;

    while (r > 0 && walk->at.seq < walk->end.seq) {
        r = step_over(walk);
        if (r == 0)
            r = take_page(walk);
    }
    if (r > 0 && memcmp(walk->at.hash, walk->end.hash, CHAIN_BYTES) != 0)
        snprintf(walk->fault, sizeof(walk->fault), "the chain breaks: an event is not what it was");
    return r < 0 ? r : 0;
}

static void report(struct walk *walk)
{
    text_addf(walk->report, "%s epoch %s: events 1 to %" PRId64, walk->gateway, walk->epoch, walk->end.seq);
    if (walk->gone)
        text_addf(walk->report, ", %" PRId64 " of them gone before they came", walk->gone);
    text_addf(walk->report, ": %s\n", walk->fault[0] ? walk->fault : "the chain holds");
}

/* The next log in order; fills *walk. Returns 1, 0 at the end, or a negative errno. */
static int next_log(struct walk *walk, const char *gateway)
{
    cleanup_with(site_finalizep) sqlite3_stmt *query = NULL;
    int r = site_prepare(walk->site,
                         "SELECT gateway, epoch, seq, hash FROM logs WHERE (gateway, epoch) > (?1, ?2)"
                         " AND (?3 IS NULL OR gateway = ?3) ORDER BY gateway, epoch LIMIT 1",
                         &query);

    if (r < 0)
        return r;
    sqlite3_bind_text(query, 1, walk->gateway, -1, SQLITE_STATIC);
    sqlite3_bind_text(query, 2, walk->epoch, -1, SQLITE_STATIC);
    sqlite3_bind_text(query, 3, gateway, -1, SQLITE_STATIC);
    r = site_step(walk->site, query);
    if (r != 1)
        return r;
    if (sqlite3_column_bytes(query, 3) != CHAIN_BYTES)
        return -EUCLEAN;
    walk->at = (struct journal_cursor){ 0 };
    walk->gone = 0;
    walk->fault[0] = '\0';
    walk->end.seq = sqlite3_column_int64(query, 2);
    memcpy(walk->end.hash, sqlite3_column_blob(query, 3), CHAIN_BYTES);
    text_copy(walk->gateway, sizeof(walk->gateway), (const char *)sqlite3_column_text(query, 0));
    text_copy(walk->epoch, sizeof(walk->epoch), (const char *)sqlite3_column_text(query, 1));
    return 1;
}

int verify_events(struct site *site, const char *gateway, struct text *text)
{
    cleanup_with(walk_finish) struct walk walk = { .site = site, .report = text };
    int broken = 0;
    int r;

    while ((r = next_log(&walk, gateway)) == 1) {
        r = walk_along(&walk);
        if (r < 0)
            return r;
        report(&walk);
        broken += walk.fault[0] != '\0';
    }
    if (r == 0)
        r = text_error(text);
    return r < 0 ? r : broken;
}
