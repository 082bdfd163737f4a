/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_store_delta.c: nothing is computed from what a delta says; after its ops the whole policy is read
 * back and must come to the root stated. */
#include "gateway/store/policy_store_delta.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/core/item.h"
#include "proto/encode.h"

static int check_claims(const struct policy_delta *delta, struct policy_report *report)
{
    uint8_t root[DIGEST_BYTES];

    if (delta->generation < 1)
        return policy_store_file_reject(report, POLICY_CODE_CLAIMS, "generation", "must be 1 at least");
    if (delta->from < 0)
        return policy_store_file_reject(report, POLICY_CODE_CLAIMS, "from", "must be 0 at least");
    if (delta->to < delta->from)
        return policy_store_file_reject(report, POLICY_CODE_CLAIMS, "to", "must not be below from");
    if (hex_decode(delta->root, root, sizeof(root)) < 0)
        return policy_store_file_reject(report, POLICY_CODE_CLAIMS, "root", "must be 32 hex digits");
    return 0;
}

/* P2. Returns 0 for a delta that fits. */
static int place(const struct policy_delta *delta, const struct policy_position *now)
{
    if (!policy_store_file_before(now->generation, now->version, delta->generation, delta->to))
        return POLICY_STALE;
    return delta->generation == now->generation && delta->from == now->version ? 0 : POLICY_GAP;
}

static int refuse_key(const struct policy_delta *delta, const struct policy_op *op,
                      struct policy_report *report)
{
    if (item_kind_find(op->kind) != ITEM_KEY || delta->root_key)
        return 0;
    return policy_store_file_reject(report, POLICY_CODE_KEYS, "", "needs the signature of a root key");
}

static int put(struct policy_file *file, const struct policy_delta *delta, const struct policy_op *op,
               struct policy_report *report)
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

    return policy_store_file_put(file, file->head.slot, delta->to, &source, report);
}

static int del(struct policy_file *file, const struct policy_delta *delta, const struct policy_op *op,
               struct policy_report *report)
{
    snprintf(report->id, sizeof(report->id), "%s", op->id);
    int r = refuse_key(delta, op, report);

    if (r != 0)
        return r;
    if (!id_valid(op->kind))
        return policy_store_file_reject(report, POLICY_CODE_ITEM, "kind", ID_EXPECTED);
    if (!id_valid(op->id))
        return policy_store_file_reject(report, POLICY_CODE_ITEM, "id", ID_EXPECTED);
    return policy_store_rows_del(&file->rows, file->head.slot, op->kind, op->id);
}

/* report names the op's item for as long as it may have to be refused. */
static int apply_ops(struct policy_file *file, const struct policy_delta *delta, struct policy_report *report)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < delta->count; i++) {
        const struct policy_op *op = &delta->ops[i];

        snprintf(report->kind, sizeof(report->kind), "%s", op->kind);
        report->id[0] = '\0';
        r = op->del ? del(file, delta, op, report) : put(file, delta, op, report);
    }
    if (r == 0)
        report->kind[0] = report->id[0] = '\0';
    return r;
}

/* A snapshot on its way that is not above the new version can only lead back. */
static int unstage_outrun(struct policy_file *file, struct policy_head *head)
{
    const struct policy_staging *staging = &head->staging;
    const struct policy_position *position = &head->position;

    if (!staging->active || policy_store_file_before(position->generation, position->version,
                                                     staging->generation, staging->version))
        return 0;
    return policy_store_file_unstage(file, head);
}

static int apply(struct policy_file *file, const struct policy_delta *delta, struct policy_report *report)
{
    struct policy_head head = file->head;
    struct policy_compiled compiled = { 0 };
    int r = database_begin(&file->rows.database);

    if (r == 0)
        r = apply_ops(file, delta, report);
    if (r == 0)
        r = policy_store_file_compile(file, head.slot, delta->root, &compiled, report);
    if (r == 0) {
        head.position.version = delta->to;
        head.position.items = compiled.items;
        memcpy(head.position.root, compiled.root, sizeof(compiled.root));
        r = unstage_outrun(file, &head);
    }
    r = policy_store_file_end(file, &head, r);
    if (r == POLICY_APPLIED)
        report->policy = take_ptr(compiled.policy);
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
