/* SPDX-License-Identifier: GPL-3.0-or-later */
/* feed.c: an item's row keeps its last change only, deletions included; that is all a delta needs from
 * whatever version it starts (each item's last op). */
#include "tools/stile-cloud/feed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int feed_change_begin(struct site *site, struct feed_change *ret)
{
    struct feed_change change = { .site = site };
    int r = site_begin(site);

    if (r < 0)
        return r;
    r = site_refresh(site);
    if (r == 0)
        r = site_prepare(site, "SELECT rev, item FROM items WHERE kind = ? AND id = ?", &change.get);
    if (r == 0)
        r = site_prepare(site, "INSERT OR REPLACE INTO items VALUES(?, ?, ?, ?)", &change.set);
    if (r == 0)
        r = hex_decode(site->policy.root, change.root.bytes, DIGEST_BYTES);
    change.version = site->policy.version + 1;
    *ret = change;
    return r < 0 ? feed_change_end(ret, r) : 0;
}

static int write_row(struct feed_change *change, const char *kind, const char *id, const char *item)
{
    sqlite3_bind_text(change->set, 1, kind, -1, SQLITE_STATIC);
    sqlite3_bind_text(change->set, 2, id, -1, SQLITE_STATIC);
    sqlite3_bind_int64(change->set, 3, change->version);
    sqlite3_bind_text(change->set, 4, item, -1, SQLITE_STATIC);
    change->changed++;
    return site_run(change->site, change->set);
}

int feed_change_set(struct feed_change *change, const char *kind, const char *id, const char *item)
{
    sqlite3_bind_text(change->get, 1, kind, -1, SQLITE_STATIC);
    sqlite3_bind_text(change->get, 2, id, -1, SQLITE_STATIC);
    int r = site_step(change->site, change->get);
    const char *old = r == 1 ? (const char *)sqlite3_column_text(change->get, 1) : NULL;
    struct digest digest = digest_item(kind, id, r == 1 ? sqlite3_column_int64(change->get, 0) : 0);
    bool same = old && item ? strcmp(old, item) == 0 : !old && !item;

    if (r >= 0 && !same && old)
        digest_subtract(&change->root, &digest);
    sqlite3_reset(change->get);
    if (r < 0 || same)
        return r < 0 ? r : 0;
    digest = digest_item(kind, id, change->version);
    if (item)
        digest_add(&change->root, &digest);
    return write_row(change, kind, id, item);
}

static int write_version(struct feed_change *change)
{
    cleanup_with(site_finalizep) sqlite3_stmt *update = NULL;
    char root[CLOUD_ROOT_SIZE];
    int r = site_prepare(change->site, "UPDATE site SET version = ?, root = ?", &update);

    if (r < 0)
        return r;
    hex_encode(change->root.bytes, DIGEST_BYTES, root);
    sqlite3_bind_int64(update, 1, change->version);
    sqlite3_bind_text(update, 2, root, -1, SQLITE_STATIC);
    return site_run(change->site, update);
}

int feed_change_end(struct feed_change *change, int r)
{
    sqlite3_finalize(change->get);
    sqlite3_finalize(change->set);
    if (r == 0 && change->changed)
        r = write_version(change);
    r = site_end(change->site, r);
    if (r == 0)
        r = site_refresh(change->site);
    if (r == 0 && change->changed)
        site_mark(change->site, SITE_POLICY_MARK);
    return r;
}

int feed_raise(struct site *site, int64_t generation)
{
    cleanup_with(site_finalizep) sqlite3_stmt *update = NULL;
    int r = site_prepare(
        site, "UPDATE site SET generation = ?1, version = max(version, 1) WHERE generation < ?1", &update);

    if (r < 0)
        return r;
    sqlite3_bind_int64(update, 1, generation);
    r = site_run(site, update);
    return r < 0 ? r : site_refresh(site);
}

/* Ops of a delta in the making; strings are copies. */
struct ops {
    struct cloud_op *list;
    size_t count;
};

static void ops_finish(struct ops *ops)
{
    for (size_t i = 0; i < ops->count; i++) {
        free((void *)(uintptr_t)ops->list[i].kind);
        free((void *)(uintptr_t)ops->list[i].id);
        free((void *)(uintptr_t)ops->list[i].item);
    }
    free(ops->list);
}

static int take_op(struct ops *ops, sqlite3_stmt *row)
{
    const char *item = (const char *)sqlite3_column_text(row, 3);
    struct cloud_op *op = &ops->list[ops->count];

    if (ops->count == CLOUD_OPS_MAX)
        return -EMSGSIZE;
    *op = (struct cloud_op){
        .del = !item,
        .kind = strdup((const char *)sqlite3_column_text(row, 0)),
        .id = strdup((const char *)sqlite3_column_text(row, 1)),
        .rev = sqlite3_column_int64(row, 2),
        .item = item ? strdup(item) : NULL,
        .item_len = item ? strlen(item) : 0,
    };
    ops->count++;
    return op->kind && op->id && (op->item || !item) ? 0 : -ENOMEM;
}

/* Removals first: what takes a right away is never behind what gives one. */
static int collect_ops(struct site *site, int64_t from, struct ops *ops)
{
    cleanup_with(site_finalizep) sqlite3_stmt *query = NULL;
    int r = site_prepare(
        site,
        "SELECT kind, id, rev, item FROM items WHERE rev > ? ORDER BY item IS NOT NULL, kind, id LIMIT ?",
        &query);

    if (r < 0)
        return r;
    sqlite3_bind_int64(query, 1, from);
    sqlite3_bind_int64(query, 2, CLOUD_OPS_MAX + 1);
    while (r == 0) {
        int row = site_step(site, query);

        if (row != 1)
            return row;
        r = take_op(ops, query);
    }
    return r;
}

static int64_t unix_now(void)
{
    return clock_utc_us() / USEC_PER_SEC;
}

static void audience(const struct site *site, const char *gateway, char ret[static CLOUD_AUD_SIZE])
{
    snprintf(ret, CLOUD_AUD_SIZE, "%s/%s", site->name, gateway);
}

int feed_delta(struct site *site, int64_t from, struct text *payload)
{
    cleanup_with(ops_finish) struct ops ops = { .list = calloc(CLOUD_OPS_MAX, sizeof(*ops.list)) };
    struct cloud_delta delta = {
        .iat = unix_now(),
        .generation = site->policy.generation,
        .from = from,
        .to = site->policy.version,
    };

    if (!ops.list)
        return -ENOMEM;
    int r = collect_ops(site, from, &ops);

    if (r < 0)
        return r;
    audience(site, "*", delta.aud);
    strcpy(delta.root, site->policy.root);
    delta.ops = ops.list;
    delta.count = ops.count;
    return cloud_delta_format(payload, &delta);
}

int feed_desired(const struct site *site, const char *gateway, int64_t now, struct text *payload)
{
    struct cloud_desired desired = { .iat = now, .policy = site->policy };

    audience(site, gateway, desired.aud);
    return cloud_desired_format(payload, &desired);
}
