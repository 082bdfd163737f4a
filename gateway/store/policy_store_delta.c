/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_store_delta.c: nothing is taken from what a delta says: what its ops make of the rows must come to
 * the root stated. The sum of the items goes along with each row that comes or goes. A repair is of rows that
 * are not what they should be, so the whole policy is read back after it; it needs no check of its own: puts
 * that miss its buckets do not come to the root. */
#include "gateway/store/policy_store_delta.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/core/item.h"
#include "gateway/store/policy_store_compile.h"
#include "proto/encode.h"

static bool is_repair(const struct policy_delta *delta)
{
    return digest_set_count(&delta->buckets) > 0;
}

static int check_claims(const struct policy_delta *delta, struct policy_report *report)
{
    uint8_t root[DIGEST_BYTES];

    if (delta->generation < 1)
        return policy_store_file_reject(report, POLICY_CODE_CLAIMS, "generation", "must be 1 at least");
    if (delta->from < 0)
        return policy_store_file_reject(report, POLICY_CODE_CLAIMS, "from", "must be 0 at least");
    if (delta->to < delta->from)
        return policy_store_file_reject(report, POLICY_CODE_CLAIMS, "to", "must not be below from");
    if (is_repair(delta) && delta->to != delta->from)
        return policy_store_file_reject(report, POLICY_CODE_CLAIMS, "to", "must be from, with buckets");
    if (hex_decode(delta->root, root, sizeof(root)) < 0)
        return policy_store_file_reject(report, POLICY_CODE_CLAIMS, "root", "must be 32 hex digits");
    return 0;
}

/* P2. Returns 0 for a delta that fits. A repair fits the version that it is of, and changes nothing where
 * there is nothing to repair (P5). */
static int place(const struct policy_delta *delta, const struct policy_position *now)
{
    if (is_repair(delta) && delta->generation == now->generation && delta->to == now->version &&
        strcmp(delta->root, now->root) != 0)
        return 0;
    if (!policy_store_file_before(now->generation, now->version, delta->generation, delta->to))
        return POLICY_STALE;
    return delta->generation == now->generation && delta->from == now->version ? 0 : POLICY_GAP;
}

static int refuse_key(const struct policy_delta *delta, const struct policy_op *op,
                      struct policy_report *report)
{
    if (item_kind_find(op->kind) != ITEM_KEY || delta->root_key || is_repair(delta))
        return 0;
    return policy_store_file_reject(report, POLICY_CODE_KEYS, "", "needs the signature of a root key");
}

/* --- What the ops come to. --- */

static int changes_init(struct policy_changes *changes, const struct policy_delta *delta,
                        const struct policy_position *before)
{
    *changes =
        (struct policy_changes){ .root = delta->root, .whole = is_repair(delta), .items = before->items };
    changes->people = calloc(delta->count + 1, sizeof(*changes->people));
    if (!changes->people)
        return -ENOMEM;
    return hex_decode(before->root, changes->sum.bytes, DIGEST_BYTES);
}

static void changes_finish(struct policy_changes *changes)
{
    free(changes->people);
}

/* Before an op: what was there goes. */
static int take_out(struct policy_file *file, struct policy_changes *changes, const char *kind,
                    const char *id)
{
    enum item_kind number = item_kind_find(kind);
    int64_t rev;
    int r = policy_store_rows_rev(&file->rows, file->head.slot, kind, id, &rev);

    if (r > 0) {
        struct digest digest = digest_item(kind, id, rev);

        digest_subtract(&changes->sum, &digest);
        changes->items--;
    }
    if (number == ITEM_USER || number == ITEM_CREDENTIAL) {
        struct policy_change *change = &changes->people[changes->count++];

        change->kind = number;
        snprintf(change->id, sizeof(change->id), "%s", id);
    }
    return r < 0 ? r : 0;
}

/* After a put. */
static void put_in(struct policy_changes *changes, const char *kind, const char *id, int64_t rev)
{
    struct digest digest = digest_item(kind, id, rev);

    digest_add(&changes->sum, &digest);
    changes->items++;
}

/* --- Ops. --- */

static int put(struct policy_file *file, const struct policy_delta *delta, const struct policy_op *op,
               struct policy_changes *changes, struct policy_report *report)
{
    cleanup_with(json_putp) struct json_object *item = NULL;
    int r = json_parse(op->item, op->item_len, &item, &report->why);

    if (r == -EBADMSG) {
        report->code = POLICY_CODE_ITEM;
        return POLICY_REJECTED;
    }
    if (r < 0)
        return r;
    policy_store_file_name_item(report, op->kind, item);
    r = refuse_key(delta, op, report);
    if (r != 0)
        return r;
    const struct policy_item_source source = { .kind = op->kind, .rev = op->rev, .item = item };

    r = take_out(file, changes, op->kind, report->id);
    if (r == 0)
        r = policy_store_file_put(file, file->head.slot, delta->to, &source, report);
    if (r == 0)
        put_in(changes, op->kind, item_id(item), op->rev);
    return r;
}

static int del(struct policy_file *file, const struct policy_delta *delta, const struct policy_op *op,
               struct policy_changes *changes, struct policy_report *report)
{
    snprintf(report->id, sizeof(report->id), "%s", op->id);
    int r = refuse_key(delta, op, report);

    if (r != 0)
        return r;
    if (!id_valid(op->kind))
        return policy_store_file_reject(report, POLICY_CODE_ITEM, "kind", ID_EXPECTED);
    if (!id_valid(op->id))
        return policy_store_file_reject(report, POLICY_CODE_ITEM, "id", ID_EXPECTED);
    r = take_out(file, changes, op->kind, op->id);
    return r == 0 ? policy_store_rows_del(&file->rows, file->head.slot, op->kind, op->id) : r;
}

/* report names the op's item for as long as it may have to be refused. */
static int apply_ops(struct policy_file *file, const struct policy_delta *delta,
                     struct policy_changes *changes, struct policy_report *report)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < delta->count; i++) {
        const struct policy_op *op = &delta->ops[i];

        snprintf(report->kind, sizeof(report->kind), "%s", op->kind);
        report->id[0] = '\0';
        r = op->del ? del(file, delta, op, changes, report) : put(file, delta, op, changes, report);
    }
    if (r == 0)
        report->kind[0] = report->id[0] = '\0';
    return r;
}

/* Finds the first item behind a place that lies in one of the buckets. Returns 1 with the place moved there,
 * 0 if there is none, or a negative errno. */
static int find_in_buckets(struct policy_file *file, const struct digest_set *buckets,
                           char kind[static POLICY_KIND_SIZE], char id[static ID_SIZE])
{
    struct policy_item_row row;
    bool found = false;
    int r = policy_store_rows_scan(&file->rows, file->head.slot, kind, id);

    while (r == 0 && !found && (r = policy_store_rows_next(&file->rows, &row)) > 0) {
        struct digest digest = digest_item(row.kind, row.id, row.rev);

        found = digest_set_has(buckets, digest_bucket(&digest));
        r = 0;
    }
    if (found) {
        snprintf(kind, POLICY_KIND_SIZE, "%s", row.kind);
        snprintf(id, ID_SIZE, "%s", row.id);
    }
    policy_store_rows_scan_end(&file->rows);
    return r < 0 ? r : found;
}

static int clear_buckets(struct policy_file *file, const struct digest_set *buckets)
{
    char kind[POLICY_KIND_SIZE] = "";
    char id[ID_SIZE] = "";
    int r;

    while ((r = find_in_buckets(file, buckets, kind, id)) > 0) {
        r = policy_store_rows_del(&file->rows, file->head.slot, kind, id);
        if (r < 0)
            return r;
    }
    return r;
}

/* A chain and not a sum: whoever signs puts could choose a thousand items that come to a given sum. */
static int hash_keys(struct policy_file *file, uint8_t ret_hash[static CHAIN_BYTES])
{
    const char *kind = item_kind_name(ITEM_KEY);
    struct policy_item_row row;
    uint8_t hash[CHAIN_BYTES] = { 0 };
    int r = policy_store_rows_scan(&file->rows, file->head.slot, kind, "");

    while (r == 0 && (r = policy_store_rows_next(&file->rows, &row)) > 0) {
        struct digest digest = digest_item(row.id, row.json, row.rev);

        if (strcmp(row.kind, kind) != 0)
            break;
        chain_next(hash, digest.bytes, sizeof(digest.bytes), hash);
        r = 0;
    }
    policy_store_rows_scan_end(&file->rows);
    memcpy(ret_hash, hash, sizeof(hash));
    return r < 0 ? r : 0;
}

/* A repair empties its buckets before the puts fill them. `key` items that lie there stay as they are, unless
 * a root key signed. */
static int change_items(struct policy_file *file, const struct policy_delta *delta,
                        struct policy_changes *changes, struct policy_report *report, bool *ret_keys_changed)
{
    uint8_t before[CHAIN_BYTES];
    uint8_t after[CHAIN_BYTES];
    int r = hash_keys(file, before);

    if (r == 0 && is_repair(delta))
        r = clear_buckets(file, &delta->buckets);
    if (r == 0)
        r = apply_ops(file, delta, changes, report);
    if (r == 0)
        r = hash_keys(file, after);
    if (r != 0)
        return r;
    *ret_keys_changed = memcmp(before, after, sizeof(before)) != 0;
    if (*ret_keys_changed && !delta->root_key)
        return policy_store_file_reject(report, POLICY_CODE_KEYS, "", "needs the signature of a root key");
    return 0;
}

/* A snapshot on its way that is not above the new version can only lead back; and with other keys nobody
 * knows any more whether who signed it may. */
static int unstage_outrun(struct policy_file *file, struct policy_head *head, bool keys_changed)
{
    const struct policy_staging *staging = &head->staging;
    const struct policy_position *position = &head->position;
    bool leads_on = policy_store_file_before(position->generation, position->version, staging->generation,
                                             staging->version);

    if (!staging->active || (leads_on && !keys_changed))
        return 0;
    return policy_store_file_unstage(file, head);
}

static int apply(struct policy_file *file, const struct policy_delta *delta, struct policy_report *report)
{
    cleanup_with(changes_finish) struct policy_changes changes;
    struct policy_head head = file->head;
    struct policy_compiled compiled = { 0 };
    bool keys_changed = false;
    int r = changes_init(&changes, delta, &head.position);

    if (r == 0)
        r = database_begin(&file->rows.database);
    if (r == 0)
        r = change_items(file, delta, &changes, report, &keys_changed);
    if (r == 0)
        r = policy_store_compile_changed(file, &head, &changes, &compiled, report);
    if (r == 0) {
        head.position.version = delta->to;
        head.position.items = compiled.items;
        memcpy(head.position.root, compiled.root, sizeof(compiled.root));
        r = unstage_outrun(file, &head, keys_changed);
    }
    r = policy_store_file_end(file, &head, r);
    if (r == POLICY_APPLIED)
        report->policy = policy_store_file_follow(file, take_ptr(compiled.policy));
    policy_free(compiled.policy);
    return r;
}

void policy_store_delta_apply(struct policy_file *file, const struct policy_delta *delta,
                              struct policy_report *ret_report)
{
    int r = check_claims(delta, ret_report);

    if (r == 0)
        r = place(delta, &file->head.position);
    if (r == 0)
        r = apply(file, delta, ret_report);
    policy_store_file_report(file, r, ret_report);
}
