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

/* What is known of an item before it changes. */
struct before {
    bool exists;
    bool same;   /* as what it shall become */
    int64_t rev; /* 0: never seen */
};

static int look_up(struct feed_change *change, const char *kind, const char *id, const char *item,
                   struct before *ret)
{
    sqlite3_bind_text(change->get, 1, kind, -1, SQLITE_STATIC);
    sqlite3_bind_text(change->get, 2, id, -1, SQLITE_STATIC);
    int r = site_step(change->site, change->get);

    *ret = (struct before){ 0 };
    if (r == 1) {
        const char *old = (const char *)sqlite3_column_text(change->get, 1);

        ret->rev = sqlite3_column_int64(change->get, 0);
        ret->exists = old != NULL;
        ret->same = old && item && strcmp(old, item) == 0;
    }
    sqlite3_reset(change->get);
    return r < 0 ? r : 0;
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

int feed_change_put(struct feed_change *change, const char *kind, const char *id, const char *item)
{
    struct digest added = digest_item(kind, id, change->version);
    struct before before;
    int r = look_up(change, kind, id, item, &before);

    if (r < 0 || before.same)
        return r;
    if (before.exists) {
        struct digest removed = digest_item(kind, id, before.rev);

        digest_subtract(&change->root, &removed);
    }
    digest_add(&change->root, &added);
    return write_row(change, kind, id, item);
}

int feed_change_del(struct feed_change *change, const char *kind, const char *id)
{
    struct before before;
    int r = look_up(change, kind, id, NULL, &before);

    if (r < 0)
        return r;
    if (!before.exists)
        return -ENOENT;
    struct digest removed = digest_item(kind, id, before.rev);

    digest_subtract(&change->root, &removed);
    return write_row(change, kind, id, NULL);
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

int feed_raise(struct site *site, int64_t theirs)
{
    cleanup_with(site_finalizep) sqlite3_stmt *update = NULL;

    if (theirs - site->policy.generation > FEED_LEAD_MAX)
        return -ERANGE;
    int r = site_prepare(site, "UPDATE site SET generation = ?1 + 1 WHERE generation <= ?1", &update);

    if (r < 0)
        return r;
    sqlite3_bind_int64(update, 1, theirs);
    r = site_run(site, update);
    return r < 0 ? r : site_refresh(site);
}

int feed_desired(const struct site *site, const char *gateway, int64_t now, struct text *payload)
{
    struct cloud_desired desired = { .iat = now, .policy = site->policy };

    if (site->lease_s)
        desired.lease_until = now + site->lease_s;

    snprintf(desired.aud, sizeof(desired.aud), "%s/%s", site->name, gateway);
    return cloud_desired_format(payload, &desired);
}

/* Ops of a delta in the making. */
struct ops {
    struct cloud_op list[CLOUD_OPS_MAX];
    size_t count;
    struct text strings; /* of each: kind, id and item, each with its NUL */
};

static void ops_freep(struct ops **ops)
{
    if (*ops)
        text_finish(&(*ops)->strings);
    free(*ops);
}

static int take_op(struct ops *ops, sqlite3_stmt *row)
{
    if (ops->count == CLOUD_OPS_MAX)
        return -EMSGSIZE;
    ops->list[ops->count++] = (struct cloud_op){
        .del = sqlite3_column_type(row, 3) == SQLITE_NULL,
        .rev = sqlite3_column_int64(row, 2),
        .item_len = (size_t)sqlite3_column_bytes(row, 3),
    };
    for (int column = 0; column <= 3; column++)
        if (column != 2)
            text_add_bytes(&ops->strings, sqlite3_column_text(row, column) ?: (const uint8_t *)"",
                           (size_t)sqlite3_column_bytes(row, column) + 1);
    return ops->strings.len > CLOUD_PAYLOAD_MAX ? -EMSGSIZE : text_error(&ops->strings);
}

/* What a delta is about. */
struct scope {
    int64_t from;                     /* what changed after this version */
    const struct digest_set *buckets; /* not NULL: instead, all that these hold */
};

static struct digest digest_of(sqlite3_stmt *row)
{
    return digest_item((const char *)sqlite3_column_text(row, 0), (const char *)sqlite3_column_text(row, 1),
                       sqlite3_column_int64(row, 2));
}

static bool is_meant(const struct scope *scope, sqlite3_stmt *row)
{
    struct digest digest = digest_of(row);

    return !scope->buckets || digest_set_has(scope->buckets, digest_bucket(&digest));
}

static int collect_ops(struct site *site, const struct scope *scope, struct ops *ops)
{
    cleanup_with(site_finalizep) sqlite3_stmt *query = NULL;
    int r = site_prepare(site,
                         scope->buckets ? "SELECT kind, id, rev, item FROM items WHERE item IS NOT NULL"
                                        : "SELECT kind, id, rev, item FROM items WHERE rev > ?"
                                          " ORDER BY item IS NOT NULL, kind, id",
                         &query);

    if (r == 0 && !scope->buckets)
        sqlite3_bind_int64(query, 1, scope->from);
    while (r == 0) {
        int row = site_step(site, query);

        if (row != 1)
            return row;
        r = is_meant(scope, query) ? take_op(ops, query) : 0;
    }
    return r;
}

static const char *next_string(const char **at)
{
    const char *string = *at;

    *at += strlen(string) + 1;
    return string;
}

/* Once strings has grown to its end and moves no more. */
static void point_ops(struct ops *ops)
{
    const char *at = text_string(&ops->strings);

    for (size_t i = 0; i < ops->count; i++) {
        ops->list[i].kind = next_string(&at);
        ops->list[i].id = next_string(&at);
        ops->list[i].item = next_string(&at);
    }
}

/* Of one moment: another process may commit the next version meanwhile. */
static int read_ops(struct site *site, const struct scope *scope, struct ops *ops)
{
    int r = site_begin_reading(site);

    if (r < 0)
        return r;
    r = site_refresh(site);
    if (r == 0)
        r = collect_ops(site, scope, ops);
    r = site_end(site, r);
    if (r == 0)
        point_ops(ops);
    return r;
}

static int write_delta(struct site *site, const struct scope *scope, int64_t now, struct text *payload)
{
    cleanup_with(ops_freep) struct ops *ops = calloc(1, sizeof(*ops));
    int r = ops ? read_ops(site, scope, ops) : -ENOMEM;

    if (r < 0)
        return r;
    struct cloud_delta delta = {
        .iat = now,
        .generation = site->policy.generation,
        .from = scope->buckets ? site->policy.version : scope->from,
        .to = site->policy.version,
        .ops = ops->list,
        .count = ops->count,
    };

    if (scope->buckets)
        delta.buckets = *scope->buckets;
    snprintf(delta.aud, sizeof(delta.aud), "%s/*", site->name);
    memcpy(delta.root, site->policy.root, sizeof(delta.root));
    return cloud_delta_format(payload, &delta);
}

int feed_delta(struct site *site, int64_t from, int64_t now, struct text *payload)
{
    return write_delta(site, &(struct scope){ .from = from }, now, payload);
}

int feed_repair(struct site *site, const struct digest_set *buckets, int64_t now, struct text *payload)
{
    return write_delta(site, &(struct scope){ .buckets = buckets }, now, payload);
}

static int sum_items(struct site *site, struct digest_sums *sums)
{
    cleanup_with(site_finalizep) sqlite3_stmt *query = NULL;
    int r = site_prepare(site, "SELECT kind, id, rev FROM items WHERE item IS NOT NULL", &query);

    while (r == 0 && (r = site_step(site, query)) == 1) {
        struct digest digest = digest_of(query);

        digest_sums_add(sums, &digest);
        r = 0;
    }
    return r;
}

int feed_digest(struct site *site, struct text *payload)
{
    cleanup_with(freep) struct digest_sums *sums = calloc(1, sizeof(*sums));
    struct cloud_digest digest;
    int r = sums ? site_begin_reading(site) : -ENOMEM;

    if (r < 0)
        return r;
    r = site_refresh(site);
    if (r == 0)
        r = sum_items(site, sums);
    r = site_end(site, r);
    if (r < 0)
        return r;
    digest.generation = site->policy.generation;
    digest.version = site->policy.version;
    cloud_digest_sums(&digest, sums);
    return cloud_digest_format(payload, &digest);
}
