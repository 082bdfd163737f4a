/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_store_compile.c: a policy is compiled in one pass over its rows with one item in memory, however
 * many there are, and the root comes from the same pass: what decides is what was counted. Everything is
 * checked again on the way: the rows may be older than this program and its rules.
 *
 * After a delta the people of the policy before are taken over but for those that it changed, since a million
 * of them need not be read for one that was revoked. Everything else is few, and read again.
 */
#include "gateway/store/policy_store_compile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/zoneinfo.h"
#include "gateway/store/policy_store_image.h"
#include "proto/json.h"

/* People who were changed leave something behind in memory: from so many on, and more than half of all, they
 * are compiled whole again. */
#define EDITS_MIN 10000

/* Behind every id of a kind. */
#define ID_LAST "~"

static void builder_freep(struct policy_builder **builder)
{
    policy_builder_free(*builder);
}

/* Items of kinds that are not ours only count. */
static int add_item(struct policy_builder *builder, const struct policy_item_row *row,
                    struct policy_report *report)
{
    cleanup_with(json_putp) struct json_object *item = NULL;
    enum item_kind kind = item_kind_find(row->kind);

    if (kind == ITEM_KINDS)
        return 0;
    int r = json_parse(row->json, row->json_len, &item, &report->why);

    if (r == 0)
        r = item_check(kind, item, true, &report->why);
    if (r == 0)
        r = policy_builder_add(builder, kind, item, row->json, row->json_len, &report->why);
    if (r != -EBADMSG)
        return r;
    snprintf(report->kind, sizeof(report->kind), "%s", row->kind);
    snprintf(report->id, sizeof(report->id), "%s", row->id);
    report->code = POLICY_CODE_ITEM;
    return POLICY_REJECTED;
}

static int check_claims(const char *root, const struct policy_compiled *compiled,
                        struct policy_report *report)
{
    if (strcmp(compiled->root, root) != 0)
        return policy_store_file_reject(report, POLICY_CODE_ROOT, "root", "is not the root of these items");
    if (compiled->items > POLICY_ITEMS_MAX)
        return policy_store_file_reject(report, POLICY_CODE_CLAIMS, "ops", "make the policy too large");
    return 0;
}

/* --- All rows. --- */

static int add_all(struct policy_rows *rows, struct policy_builder *builder, struct policy_compiled *compiled,
                   struct policy_report *report)
{
    struct digest sum = { 0 };
    struct policy_item_row row;
    int r;

    while ((r = policy_store_rows_next(rows, &row)) > 0) {
        struct digest digest = digest_item(row.kind, row.id, row.rev);

        digest_add(&sum, &digest);
        compiled->items++;
        r = add_item(builder, &row, report);
        if (r != 0)
            return r;
    }
    hex_encode(sum.bytes, DIGEST_BYTES, compiled->root);
    return r;
}

int policy_store_compile_whole(struct policy_file *file, int64_t slot, const char *root,
                               struct policy_compiled *ret_compiled, struct policy_report *report)
{
    cleanup_with(builder_freep) struct policy_builder *builder = NULL;
    struct policy_compiled compiled = { 0 };
    int r = policy_builder_new(zoneinfo_read, NULL, &builder);

    if (r == 0)
        r = policy_store_rows_scan(&file->rows, slot, "", "");
    if (r == 0)
        r = add_all(&file->rows, builder, &compiled, report);
    policy_store_rows_scan_end(&file->rows);
    if (r == 0)
        r = check_claims(root, &compiled, report);
    if (r == 0)
        r = policy_builder_finish(builder, &compiled.policy);
    if (r == 0)
        *ret_compiled = compiled;
    file->image_failed = false; /* there is another to be written */
    return r;
}

/* --- The rows that were changed. --- */

/* Adds what is not people: steps over the rows of each kind of people as a whole. */
static int add_places(struct policy_rows *rows, int64_t slot, struct policy_builder *builder,
                      struct policy_report *report)
{
    struct policy_item_row row;
    int r = policy_store_rows_scan(rows, slot, "", "");

    while (r == 0 && (r = policy_store_rows_next(rows, &row)) > 0) {
        enum item_kind kind = item_kind_find(row.kind);

        if (kind == ITEM_USER || kind == ITEM_CREDENTIAL) {
            policy_store_rows_scan_end(rows);
            r = policy_store_rows_scan(rows, slot, item_kind_name(kind), ID_LAST);
        } else {
            r = add_item(builder, &row, report);
        }
    }
    policy_store_rows_scan_end(rows);
    return r;
}

/* Makes of somebody what the row says, if there is one. */
static int change_person(struct policy_file *file, struct policy_builder *builder, enum item_kind kind,
                         const char *id, struct policy_report *report)
{
    struct policy_item_row row;
    int r = policy_store_rows_find(&file->rows, file->head.slot, item_kind_name(kind), id, &row);

    if (r == 0)
        r = policy_builder_remove(builder, kind, id);
    else if (r > 0)
        r = add_item(builder, &row, report);
    policy_store_rows_found(&file->rows);
    return r;
}

static int compare_changes(const void *a, const void *b)
{
    const struct policy_change *x = a;
    const struct policy_change *y = b;

    return x->kind != y->kind ? (x->kind < y->kind ? -1 : 1) : strcmp(x->id, y->id);
}

/* Each once. */
static void order_changes(struct policy_changes *changes)
{
    size_t count = 0;

    qsort(changes->people, changes->count, sizeof(*changes->people), compare_changes);
    for (size_t i = 0; i < changes->count; i++)
        if (i == 0 || compare_changes(&changes->people[i], &changes->people[count - 1]) != 0)
            changes->people[count++] = changes->people[i];
    changes->count = count;
}

/* -EBADMSG: people cannot be taken over. */
static int compile_changed(struct policy_file *file, const struct policy_changes *changes,
                           struct policy **ret_policy, struct policy_report *report)
{
    cleanup_with(builder_freep) struct policy_builder *builder = NULL;
    int r = policy_builder_new(zoneinfo_read, NULL, &builder);

    if (r == 0)
        policy_builder_take_people(builder, file->policy);
    if (r == 0)
        r = add_places(&file->rows, file->head.slot, builder, report);
    for (size_t i = 0; r == 0 && i < changes->count; i++)
        r = change_person(file, builder, changes->people[i].kind, changes->people[i].id, report);
    return r == 0 ? policy_builder_finish(builder, ret_policy) : r;
}

/* A copy that did not come to what was in force before is of no use afterwards either. */
static int note_changes(struct policy_file *file, struct policy_head *head,
                        const struct policy_changes *changes)
{
    struct policy_image_mark *mark = &head->image;
    int r = 0;

    if (!policy_store_file_image_is_good(&file->head)) {
        *mark = (struct policy_image_mark){ 0 };
        return 0;
    }
    for (size_t i = 0; r >= 0 && i < changes->count; i++) {
        const char *kind = item_kind_name(changes->people[i].kind);
        struct digest digest = digest_item(kind, changes->people[i].id, 0);

        r = policy_store_rows_note(&file->rows, kind, changes->people[i].id);
        if (r <= 0)
            continue;
        digest_add(&mark->sum, &digest);
        mark->changes++;
    }
    strcpy(mark->upto, changes->root);
    return r < 0 ? r : 0;
}

static bool is_worn(const struct policy *policy)
{
    uint32_t edits = policy_edits(policy);

    return edits > EDITS_MIN &&
           edits > (policy_count(policy, ITEM_USER) + policy_count(policy, ITEM_CREDENTIAL)) / 2;
}

/* -EBADMSG: it has to be compiled whole. */
static int compile_noted(struct policy_file *file, struct policy_head *head, struct policy_changes *changes,
                         struct policy_compiled *ret_compiled, struct policy_report *report)
{
    struct policy_compiled compiled = { .items = changes->items };

    if (changes->whole || is_worn(file->policy))
        return -EBADMSG;
    hex_encode(changes->sum.bytes, DIGEST_BYTES, compiled.root);
    int r = check_claims(changes->root, &compiled, report);

    if (r != 0)
        return r;
    order_changes(changes);
    r = compile_changed(file, changes, &compiled.policy, report);
    if (r == 0)
        r = note_changes(file, head, changes);
    if (r == 0)
        *ret_compiled = compiled;
    else
        policy_free(compiled.policy);
    return r;
}

int policy_store_compile_changed(struct policy_file *file, struct policy_head *head,
                                 struct policy_changes *changes, struct policy_compiled *ret_compiled,
                                 struct policy_report *report)
{
    int r = compile_noted(file, head, changes, ret_compiled, report);

    if (r != -EBADMSG)
        return r;
    head->image = (struct policy_image_mark){ 0 };
    return policy_store_compile_whole(file, head->slot, changes->root, ret_compiled, report);
}

/* --- The compiled copy. --- */

/* What was noted must be all that was noted: SQLite has no check of its pages. */
static int change_noted(struct policy_file *file, struct policy_builder *builder,
                        struct policy_report *report)
{
    const struct policy_image_mark *mark = &file->head.image;
    struct digest sum = { 0 };
    int64_t count = 0;
    const char *kind;
    const char *id;
    int r;

    while ((r = policy_store_rows_next_noted(&file->rows, &kind, &id)) > 0) {
        struct digest digest = digest_item(kind, id, 0);
        enum item_kind number = item_kind_find(kind);

        digest_add(&sum, &digest);
        count++;
        if (number != ITEM_USER && number != ITEM_CREDENTIAL)
            return -EUCLEAN;
        r = change_person(file, builder, number, id, report);
        if (r != 0)
            return r;
    }
    if (r == 0 && (count != mark->changes || memcmp(&sum, &mark->sum, sizeof(sum)) != 0))
        r = -EUCLEAN;
    return r;
}

int policy_store_compile_image(struct policy_file *file, struct policy **ret_policy)
{
    cleanup_with(builder_freep) struct policy_builder *builder = NULL;
    uint8_t key[POLICY_IMAGE_KEY_BYTES];
    struct policy_report ignored = { 0 };
    int r = policy_store_file_image_is_good(&file->head) ? policy_builder_new(zoneinfo_read, NULL, &builder)
                                                         : -ENOENT;

    policy_store_image_key(&file->head.image.of, file->secret, key);
    if (r == 0)
        r = policy_store_image_take(file->image, key, builder);
    if (r == 0)
        r = add_places(&file->rows, file->head.slot, builder, &ignored);
    if (r == 0) {
        r = change_noted(file, builder, &ignored);
        policy_store_rows_noted_end(&file->rows);
    }
    return r == 0 ? policy_builder_finish(builder, ret_policy) : r;
}
