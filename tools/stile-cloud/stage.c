/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stage.c: a temporary table is a file of its own, so that writing it locks nothing. Its order is that of the
 * items, and the change is then written from one end to the other. */
#include "tools/stile-cloud/stage.h"

#include <errno.h>
#include <string.h>

#include "tools/stile-cloud/feed.h"

static int run(struct site *site, const char *sql)
{
    cleanup_with(site_finalizep) sqlite3_stmt *statement = NULL;
    int r = site_prepare(site, sql, &statement);

    return r < 0 ? r : site_run(site, statement);
}

int stage_begin(struct site *site, struct stage *ret)
{
    struct stage stage = { .site = site };
    int r = site_begin_reading(site);

    if (r < 0)
        return r;
    r = run(site, "CREATE TEMP TABLE staged(kind TEXT NOT NULL, id TEXT NOT NULL, item TEXT NOT NULL,"
                  " PRIMARY KEY(kind, id)) STRICT, WITHOUT ROWID");
    if (r == 0)
        r = site_prepare(site, "SELECT item FROM staged WHERE kind = ? AND id = ?", &stage.get);
    if (r == 0)
        r = site_prepare(site, "INSERT INTO staged VALUES(?, ?, ?) ON CONFLICT DO NOTHING", &stage.set);
    *ret = stage;
    return r < 0 ? stage_end(ret, r, &(bool){ false }) : 0;
}

/* Whether what is there under this name is the same. */
static int compare(struct stage *stage, const char *kind, const char *id, const char *item)
{
    sqlite3_bind_text(stage->get, 1, kind, -1, SQLITE_STATIC);
    sqlite3_bind_text(stage->get, 2, id, -1, SQLITE_STATIC);
    int r = site_step(stage->site, stage->get);
    bool same = r == 1 && strcmp((const char *)sqlite3_column_text(stage->get, 0), item) == 0;

    sqlite3_reset(stage->get);
    return r < 0 ? r : same ? 0 : -EEXIST;
}

int stage_put(struct stage *stage, const char *kind, const char *id, const char *item)
{
    sqlite3_bind_text(stage->set, 1, kind, -1, SQLITE_STATIC);
    sqlite3_bind_text(stage->set, 2, id, -1, SQLITE_STATIC);
    sqlite3_bind_text(stage->set, 3, item, -1, SQLITE_STATIC);
    int r = site_run(stage->site, stage->set);

    if (r < 0 || sqlite3_changes(stage->site->handle) > 0)
        return r;
    return compare(stage, kind, id, item);
}

static int put_all(struct stage *stage, struct feed_change *change)
{
    cleanup_with(site_finalizep) sqlite3_stmt *query = NULL;
    int r = site_prepare(stage->site, "SELECT kind, id, item FROM staged ORDER BY kind, id", &query);

    while (r == 0 && (r = site_step(stage->site, query)) == 1)
        r = feed_change_put(change, (const char *)sqlite3_column_text(query, 0),
                            (const char *)sqlite3_column_text(query, 1),
                            (const char *)sqlite3_column_text(query, 2));
    return r;
}

static int change_all(struct stage *stage, bool *ret_changed)
{
    struct feed_change change;
    int r = feed_change_begin(stage->site, &change);

    if (r < 0)
        return r;
    r = feed_change_end(&change, put_all(stage, &change));
    *ret_changed = r == 0 && change.changed > 0;
    return r;
}

int stage_end(struct stage *stage, int r, bool *ret_changed)
{
    sqlite3_finalize(stage->get);
    sqlite3_finalize(stage->set);
    r = site_end(stage->site, r); /* a rollback takes the table with it */
    if (r < 0)
        return r;
    r = change_all(stage, ret_changed);
    int dropped = run(stage->site, "DROP TABLE staged");

    return r < 0 ? r : dropped;
}
