/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_store_snapshot.c: each chunk is one transaction that puts its items into the slot not in force and
 * notes the next chunk's hash, so that a restart goes on where the last commit was. The last chunk's
 * transaction swaps. */
#include "gateway/store/policy_store_snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/store/policy_store_compile.h"
#include "proto/encode.h"
#include "proto/json.h"

struct chunk_header {
    int64_t generation;
    int64_t version;
    int64_t i;
    const char *next;
};

/* Of the last chunk `next` is null, and not read. */
static const struct json_row header_rows[] = {
    JSON_ROW_INT_REQUIRED(struct chunk_header, generation, "generation", 1, JSON_INT_MAX),
    JSON_ROW_INT_REQUIRED(struct chunk_header, version, "version", 1, JSON_INT_MAX),
    JSON_ROW_INT_REQUIRED(struct chunk_header, i, "i", 0, JSON_INT_MAX),
};

static const struct json_row next_rows[] = {
    JSON_ROW_STRING_REQUIRED(struct chunk_header, next, "next", SHA256_HEX_SIZE - 1, SHA256_HEX_SIZE - 1),
};

static const struct json_row item_rows[] = {
    JSON_ROW_STRING_REQUIRED(struct policy_item_source, kind, "kind", 0, INT64_MAX),
    JSON_ROW_INT_REQUIRED(struct policy_item_source, rev, "rev", 1, JSON_INT_MAX),
    JSON_ROW_OBJECT(struct policy_item_source, item, "item"),
};

static bool is_hex(const char *text, size_t bytes)
{
    uint8_t decoded[SHA256_BYTES];

    return text && hex_decode(text, decoded, bytes) == 0;
}

static int check_claims(const struct policy_manifest *manifest, struct policy_report *report)
{
    const char *wrong = NULL;

    if (manifest->generation < 1)
        wrong = "generation";
    else if (manifest->version < 1)
        wrong = "version";
    else if (manifest->items < 0)
        wrong = "items";
    else if (manifest->chunks < 0 || manifest->chunks > POLICY_ITEMS_MAX ||
             (manifest->chunks == 0 && manifest->items > 0))
        wrong = "chunks";
    else if (!is_hex(manifest->root, DIGEST_BYTES))
        wrong = "root";
    else if (manifest->chunks > 0 && !is_hex(manifest->first, SHA256_BYTES))
        wrong = "first";
    return wrong ? policy_store_file_reject(report, POLICY_CODE_CLAIMS, wrong,
                                            "is not what a manifest can state")
                 : 0;
}

/* P6. The same version again is no rollback: with another root it repairs. */
static int check_order(const struct policy_file *file, int64_t generation, int64_t version,
                       struct policy_report *report)
{
    const struct policy_position *now = &file->head.position;

    if (generation < now->generation || generation < file->floor_generation)
        return policy_store_file_reject(report, POLICY_CODE_GENERATION, "generation",
                                        "is below one that has been in force");
    if (policy_store_file_before(generation, version, now->generation, now->version) ||
        policy_store_file_before(generation, version, file->floor_generation, file->floor_version))
        return policy_store_file_reject(report, POLICY_CODE_VERSION, "version",
                                        "is below one that has been in force");
    return 0;
}

static int place(const struct policy_file *file, const struct policy_manifest *manifest,
                 struct policy_report *report)
{
    const struct policy_position *now = &file->head.position;

    if (manifest->generation == now->generation && manifest->version == now->version &&
        strcmp(manifest->root, now->root) == 0)
        return POLICY_STALE;
    return check_order(file, manifest->generation, manifest->version, report);
}

static void set_staging(struct policy_head *head, const struct policy_manifest *manifest)
{
    const char *first = manifest->chunks > 0 ? manifest->first : "";

    head->staging = (struct policy_staging){ .active = true,
                                             .generation = manifest->generation,
                                             .version = manifest->version,
                                             .chunks = manifest->chunks };
    head->staged_items = manifest->items;
    head->root_key = manifest->root_key;
    snprintf(head->staged_root, sizeof(head->staged_root), "%s", manifest->root);
    snprintf(head->first, sizeof(head->first), "%s", first);
    snprintf(head->expected, sizeof(head->expected), "%s", first);
}

/* Whether two heads stage the same snapshot, wherever they are in it. */
static bool same_snapshot(const struct policy_head *a, const struct policy_head *b)
{
    return a->staging.active == b->staging.active && a->staging.generation == b->staging.generation &&
           a->staging.version == b->staging.version && a->staging.chunks == b->staging.chunks &&
           a->staged_items == b->staged_items && a->root_key == b->root_key &&
           strcmp(a->staged_root, b->staged_root) == 0 && strcmp(a->first, b->first) == 0;
}

static int check_keys(struct policy_file *file, const struct policy_head *head, struct policy_report *report)
{
    bool differ = false;
    int r = head->root_key ? 0 : policy_store_rows_keys_differ(&file->rows, &differ);

    if (r < 0 || !differ)
        return r;
    return policy_store_file_reject(report, POLICY_CODE_KEYS, "", "needs the signature of a root key");
}

/* Makes what is staged the policy in force; the order is checked again because the file may be an old copy of
 * itself. Returns APPLIED, POLICY_REJECTED or a negative errno. */
static int swap(struct policy_file *file, struct policy_head *head, struct policy_compiled *ret_compiled,
                struct policy_report *report)
{
    int r = check_order(file, head->staging.generation, head->staging.version, report);

    if (r == 0)
        r = check_keys(file, head, report);
    if (r == 0)
        r = policy_store_compile_whole(file, !head->slot, head->staged_root, ret_compiled, report);
    if (r == 0 && ret_compiled->items != head->staged_items)
        r = policy_store_file_reject(report, POLICY_CODE_CLAIMS, "items", "is not how many there are");
    if (r == 0)
        r = policy_store_rows_clear(&file->rows, head->slot);
    if (r != 0)
        return r;
    *head = (struct policy_head){ .slot = !head->slot,
                                  .position = { .generation = head->staging.generation,
                                                .version = head->staging.version,
                                                .items = ret_compiled->items } };
    memcpy(head->position.root, ret_compiled->root, sizeof(ret_compiled->root));
    return POLICY_APPLIED;
}

/* Ends the transaction in which the head came to this: swaps if all chunks are there. r is what was before.
 */
static int settle(struct policy_file *file, struct policy_head *head, int r, struct policy_report *report)
{
    struct policy_compiled compiled = { 0 };

    if (r == 0)
        r = head->staging.next < head->staging.chunks ? (int)POLICY_STAGED
                                                      : swap(file, head, &compiled, report);
    r = policy_store_file_end(file, head, r);
    if (r == POLICY_APPLIED)
        report->policy = policy_store_file_follow(file, take_ptr(compiled.policy));
    policy_free(compiled.policy);
    return r;
}

static int begin(struct policy_file *file, const struct policy_manifest *manifest,
                 struct policy_report *report)
{
    struct policy_head head = file->head;

    set_staging(&head, manifest);
    if (same_snapshot(&head, &file->head))
        return POLICY_STAGED;
    int r = database_begin(&file->rows.database);

    if (r == 0)
        r = policy_store_rows_clear(&file->rows, !head.slot);
    return settle(file, &head, r, report);
}

void policy_store_snapshot_begin(struct policy_file *file, const struct policy_manifest *manifest,
                                 struct policy_report *ret_report)
{
    int r = check_claims(manifest, ret_report);

    if (r == 0)
        r = place(file, manifest, ret_report);
    if (r == 0)
        r = begin(file, manifest, ret_report);
    policy_store_file_report(file, r, ret_report);
}

static int reject_chunk(struct policy_report *report, size_t line)
{
    json_error_within(&report->why, "line[%zu]", line);
    report->kind[0] = report->id[0] = '\0';
    report->code = POLICY_CODE_CHUNK;
    return POLICY_REJECTED;
}

/* What is left of a chunk; line counts from 1. */
struct cursor {
    const char *at;
    const char *end;
    size_t line;
};

/* Parses the next line. Returns 0, POLICY_REJECTED or -ENOMEM. */
static int next_line(struct cursor *cursor, struct json_object **ret_object, struct policy_report *report)
{
    const char *line = cursor->at;
    const char *lf = memchr(line, '\n', (size_t)(cursor->end - line));
    int r = -EBADMSG;

    cursor->line++;
    if (lf)
        r = json_parse(line, (size_t)(lf - line), ret_object, &report->why);
    else
        json_error_set(&report->why, "", "has no end of line");
    if (r == -EBADMSG)
        return reject_chunk(report, cursor->line);
    if (r == 0)
        cursor->at = lf + 1;
    return r;
}

/* Reads line 1 and notes what comes next. */
static int take_header(struct policy_head *head, struct cursor *cursor, struct policy_report *report)
{
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct policy_staging *staging = &head->staging;
    struct chunk_header header = { 0 };
    bool last = staging->next == staging->chunks - 1;
    int r = next_line(cursor, &object, report);

    if (r != 0)
        return r;
    if (json_read(object, JSON_ROWS(header_rows), &header, &report->why) < 0 ||
        (!last && json_read(object, JSON_ROWS(next_rows), &header, &report->why) < 0))
        return reject_chunk(report, cursor->line);
    if (header.generation != staging->generation || header.version != staging->version ||
        header.i != staging->next) {
        json_error_set(&report->why, "", "is of another chunk than its hash");
        return reject_chunk(report, cursor->line);
    }
    snprintf(head->expected, sizeof(head->expected), "%s", last ? "" : header.next);
    staging->next++;
    return 0;
}

static int take_item(struct policy_file *file, struct cursor *cursor, struct policy_report *report)
{
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct policy_item_source source;
    int r = next_line(cursor, &object, report);

    if (r != 0)
        return r;
    if (json_read(object, JSON_ROWS(item_rows), &source, &report->why) < 0)
        return reject_chunk(report, cursor->line);
    if (!source.item) {
        json_error_set(&report->why, "item", "is missing");
        return reject_chunk(report, cursor->line);
    }
    policy_store_file_name_item(report, source.kind, source.item);
    return policy_store_file_put(file, !file->head.slot, file->head.staging.version, &source, report);
}

static int take_lines(struct policy_file *file, struct policy_head *head, struct cursor cursor,
                      struct policy_report *report)
{
    int r = take_header(head, &cursor, report);

    while (r == 0 && cursor.at < cursor.end)
        r = take_item(file, &cursor, report);
    if (r == 0)
        report->kind[0] = report->id[0] = '\0';
    return r;
}

static bool is_expected(const struct policy_head *head, const void *bytes, size_t len)
{
    char hash[SHA256_HEX_SIZE];

    if (!head->staging.active)
        return false;
    sha256_hex(bytes, len, hash);
    return strcmp(hash, head->expected) == 0;
}

static int drop(struct policy_file *file)
{
    struct policy_head head = file->head;
    int r = database_begin(&file->rows.database);

    if (r == 0)
        r = policy_store_file_unstage(file, &head);
    return policy_store_file_end(file, &head, r);
}

static int take(struct policy_file *file, const void *bytes, size_t len, struct policy_report *report)
{
    struct policy_head head = file->head;
    int r = database_begin(&file->rows.database);

    if (r == 0)
        r = take_lines(file, &head, (struct cursor){ .at = bytes, .end = (const char *)bytes + len }, report);
    return settle(file, &head, r, report);
}

void policy_store_snapshot_chunk(struct policy_file *file, const void *bytes, size_t len,
                                 struct policy_report *ret_report)
{
    int r = is_expected(&file->head, bytes, len) ? take(file, bytes, len, ret_report) : (int)POLICY_IGNORED;

    /* What is staged is of no use when it was refused or can no longer be read. */
    if (r == POLICY_REJECTED || r == -EUCLEAN) {
        int dropped = drop(file);

        r = dropped < 0 ? dropped : r;
    }
    policy_store_file_report(file, r, ret_report);
}

void policy_store_snapshot_cancel(struct policy_file *file, struct policy_report *ret_report)
{
    int r = file->head.staging.active ? drop(file) : 0;

    policy_store_file_report(file, r < 0 ? r : (int)POLICY_STALE, ret_report);
}
