/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_store_file.c: what is in force is one row, the head. It is written last in each transaction, and
 * what the file thinks of itself changes after the commit. */
#include "gateway/store/policy_store_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/text.h"
#include "gateway/core/item.h"
#include "gateway/store/policy_store_compile.h"
#include "gateway/store/policy_store_image.h"

/* policy.db.image */
#define IMAGE_SUFFIX ".image"

/* People who were changed since the compiled copy was written, at most: they are compiled at the start, and a
 * card is worn by writing. */
#define IMAGE_CHANGES_MAX 2000

/* Rows that are read before somebody else has a turn. Verifying begins anew after a change, but not for ever.
 */
#define CHECK_ROWS           10000
#define CHECK_BEGINNINGS_MAX 4

bool policy_store_file_before(int64_t generation, int64_t version, int64_t other_generation,
                              int64_t other_version)
{
    return generation != other_generation ? generation < other_generation : version < other_version;
}

int policy_store_file_reject(struct policy_report *report, enum policy_code code, const char *member,
                             const char *text)
{
    report->code = code;
    json_error_set(&report->why, member, "%s", text);
    return POLICY_REJECTED;
}

void policy_store_file_name_item(struct policy_report *report, const char *kind, struct json_object *item)
{
    struct {
        const char *id;
    } named = { 0 };
    static const struct json_row rows[] = { JSON_ROW_STRING(__typeof__(named), id, "id", 0, ID_BYTES_MAX) };
    struct json_error ignored;

    snprintf(report->kind, sizeof(report->kind), "%s", kind);
    if (json_read(item, JSON_ROWS(rows), &named, &ignored) == 0 && named.id)
        snprintf(report->id, sizeof(report->id), "%s", named.id);
}

int policy_store_file_unstage(struct policy_file *file, struct policy_head *head)
{
    head->staging = (struct policy_staging){ 0 };
    return policy_store_rows_clear(&file->rows, !head->slot);
}

static int add_key(struct key_set *keys, const struct policy_item_row *row)
{
    cleanup_with(json_putp) struct json_object *item = NULL;
    struct json_error ignored;
    int r = json_parse(row->json, row->json_len, &item, &ignored);

    if (r == 0)
        r = key_set_add(keys, item, &ignored);
    return r == -EBADMSG ? -EUCLEAN : r;
}

static int read_keys(struct policy_file *file, int64_t slot)
{
    const char *kind = item_kind_name(ITEM_KEY);
    struct policy_item_row row;
    int r = policy_store_rows_scan(&file->rows, slot, kind, "");

    key_set_finish(&file->keys);
    while (r == 0 && (r = policy_store_rows_next(&file->rows, &row)) > 0 && strcmp(row.kind, kind) == 0)
        r = add_key(&file->keys, &row);
    policy_store_rows_scan_end(&file->rows);
    return r < 0 ? r : 0;
}

struct key_set policy_store_file_take_keys(struct policy_file *file)
{
    struct key_set keys = file->keys;

    file->keys = (struct key_set){ 0 };
    return keys;
}

int policy_store_file_end(struct policy_file *file, const struct policy_head *head, int r)
{
    if (r == POLICY_APPLIED || r == POLICY_STAGED) {
        int e = policy_store_rows_write_head(&file->rows, head);

        if (e == 0 && r == POLICY_APPLIED)
            e = read_keys(file, head->slot);
        if (e == 0)
            e = database_commit(&file->rows.database);
        if (e == 0) {
            file->head = *head;
            return r;
        }
        r = e;
    }
    database_rollback(&file->rows.database);
    return r;
}

void policy_store_file_report(const struct policy_file *file, int r, struct policy_report *report)
{
    report->outcome = r < 0 ? POLICY_FAILED : (enum policy_outcome)r;
    report->error = r < 0 ? r : 0;
    report->position = file->head.position;
    report->staging = file->head.staging;
}

struct policy *policy_store_file_follow(struct policy_file *file, struct policy *policy)
{
    policy_free(file->policy);
    file->policy = policy_share(policy);
    return policy;
}

bool policy_store_file_image_is_good(const struct policy_head *head)
{
    return head->image.of.version > 0 && strcmp(head->image.upto, head->position.root) == 0;
}

static bool has_image(const struct policy_file *file)
{
    return policy_count(file->policy, ITEM_USER) + (int64_t)policy_count(file->policy, ITEM_CREDENTIAL) >=
           file->image_people_min;
}

bool policy_store_file_image_is_due(const struct policy_file *file)
{
    const struct policy_image_mark *mark = &file->head.image;

    if (!has_image(file))
        return mark->of.version > 0;
    return policy_store_file_image_is_good(&file->head) ? mark->changes > IMAGE_CHANGES_MAX
                                                        : !file->image_failed;
}

/* The copy comes first: one that the mark does not know of is not looked at. */
void policy_store_file_save_image(struct policy_file *file)
{
    struct policy_head head = file->head;
    uint8_t key[POLICY_IMAGE_KEY_BYTES];
    int r = has_image(file) ? 0 : -ENOENT;

    policy_store_image_key(&head.position, file->secret, key);
    if (r == 0)
        r = policy_store_image_save(file->image, key, file->policy);
    head.image = (struct policy_image_mark){ 0 };
    if (r == 0) {
        head.image.of = head.position;
        strcpy(head.image.upto, head.position.root);
    } else {
        unlink(file->image);
    }
    file->image_failed = r < 0;
    r = database_begin(&file->rows.database);
    if (r == 0)
        r = policy_store_rows_clear_noted(&file->rows);
    if (r == 0)
        r = policy_store_rows_write_head(&file->rows, &head);
    if (database_end(&file->rows.database, r) == 0)
        file->head = head;
}

/* Adds the next rows to the sums. Returns 1 if there are more, 0 at the end, or a negative errno. */
static int check_slice(struct policy_file *file, struct policy_check *check, int64_t rows)
{
    struct policy_item_row row;
    int r = policy_store_rows_scan(&file->rows, file->head.slot, check->kind, check->id);

    while (r == 0 && (r = policy_store_rows_next(&file->rows, &row)) > 0) {
        struct digest digest = digest_item(row.kind, row.id, row.rev);

        digest_add(&check->sum, &digest);
        if (check->sums)
            digest_sums_add(check->sums, &digest);
        snprintf(check->kind, sizeof(check->kind), "%s", row.kind);
        snprintf(check->id, sizeof(check->id), "%s", row.id);
        r = --rows > 0 ? 0 : 1;
        if (r > 0)
            break;
    }
    policy_store_rows_scan_end(&file->rows);
    return r;
}

int policy_store_file_verify(struct policy_file *file, struct policy_check *check)
{
    char root[ROOT_SIZE];

    if (strcmp(check->root, file->head.position.root) != 0) {
        *check = (struct policy_check){ .beginnings = check->beginnings + 1 };
        strcpy(check->root, file->head.position.root);
    }
    int r = check_slice(file, check, check->beginnings > CHECK_BEGINNINGS_MAX ? INT64_MAX : CHECK_ROWS);

    if (r != 0)
        return r;
    hex_encode(check->sum.bytes, DIGEST_BYTES, root);
    return strcmp(root, check->root) == 0 ? 0 : -EUCLEAN;
}

int policy_store_file_sum(struct policy_file *file, struct policy_check *check)
{
    const char *root = file->head.position.root;

    if (!check->root[0])
        strcpy(check->root, root);
    return strcmp(check->root, root) == 0 ? check_slice(file, check, CHECK_ROWS) : -ECANCELED;
}

/* What is in force must be what the head says, and not older than what once was in force (P6). */
static int open_policy(struct policy_file *file, struct policy **ret_policy,
                       char text[static DATABASE_TEXT_SIZE])
{
    const struct policy_position *position = &file->head.position;
    struct policy_compiled compiled;
    struct policy_report report = { 0 };

    if (position->version > 0 && policy_store_file_before(position->generation, position->version,
                                                          file->floor_generation, file->floor_version)) {
        snprintf(text, DATABASE_TEXT_SIZE,
                 "holds version %" PRId64 "/%" PRId64 ", but %" PRId64 "/%" PRId64 " has been in force",
                 position->generation, position->version, file->floor_generation, file->floor_version);
        return -EUCLEAN;
    }
    file->by_image = policy_store_compile_image(file, ret_policy) == 0;
    if (file->by_image)
        return 0;
    file->head.image = (struct policy_image_mark){ 0 };
    int r = policy_store_compile_whole(file, file->head.slot, position->root, &compiled, &report);

    if (r == 0) {
        *ret_policy = compiled.policy;
        return 0;
    }
    if (r == POLICY_REJECTED)
        snprintf(text, DATABASE_TEXT_SIZE, "%.30s %s: %.30s %.60s", report.kind, report.id, report.why.path,
                 report.why.text);
    else
        snprintf(text, DATABASE_TEXT_SIZE, "%s", r == -EUCLEAN ? "an item is damaged" : strerror(-r));
    return r == POLICY_REJECTED ? -EUCLEAN : r;
}

static void policy_freep(struct policy **policy)
{
    policy_free(*policy);
}

int policy_store_file_open(struct policy_file *file, const struct policy_store_options *options,
                           struct policy **ret_policy, char ret_text[static DATABASE_TEXT_SIZE])
{
    struct policy_file opened = {
        .floor_generation = options->floor_generation,
        .floor_version = options->floor_version,
        .image_people_min = options->image_people_min ? options->image_people_min : POLICY_IMAGE_PEOPLE_MIN,
    };
    cleanup_with(policy_freep) struct policy *policy = NULL;
    int r = policy_store_rows_open(&opened.rows, options->path, options->secret, &opened.head, ret_text);

    if (r < 0)
        return r;
    memcpy(opened.secret, options->secret, SECRET_BYTES);
    if (snprintf(opened.image, sizeof(opened.image), "%s" IMAGE_SUFFIX, options->path) >=
        (int)sizeof(opened.image))
        opened.image[0] = '\0';
    r = open_policy(&opened, &policy, ret_text);
    if (r == 0)
        r = read_keys(&opened, opened.head.slot);
    if (r == 0) {
        *ret_policy = policy_store_file_follow(&opened, take_ptr(policy));
        *file = opened;
    } else {
        policy_store_file_close(&opened);
    }
    return r;
}

void policy_store_file_close(struct policy_file *file)
{
    policy_store_rows_close(&file->rows);
    key_set_finish(&file->keys);
    file->policy = policy_free(file->policy);
}

static int reject_item(struct policy_report *report, const char *member, const char *text)
{
    return policy_store_file_reject(report, POLICY_CODE_ITEM, member, text);
}

/* Checks all that can be told of one item alone, and seals it. */
static int seal(const struct policy_file *file, int64_t version, const struct policy_item_source *source,
                struct policy_report *report)
{
    enum item_kind kind = item_kind_find(source->kind);

    if (!id_valid(source->kind))
        return reject_item(report, "kind", ID_EXPECTED);
    if (source->rev < 1 || source->rev > version)
        return reject_item(report, "rev", "must be from 1 to the policy's version");
    int r = item_check(kind, source->item, false, &report->why);

    if (r == -EBADMSG) {
        report->code = POLICY_CODE_ITEM;
        return POLICY_REJECTED;
    }
    return r == 0 ? item_seal(kind, source->item, file->secret) : r;
}

int policy_store_file_put(struct policy_file *file, int64_t slot, int64_t version,
                          const struct policy_item_source *source, struct policy_report *report)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    struct json_out out = json_out_to(&text);

    int r = seal(file, version, source, report);

    if (r != 0)
        return r;
    json_add_object(&out, NULL, source->item);
    if (text_error(&text) < 0)
        return text_error(&text);
    if (text.len > POLICY_ITEM_BYTES)
        return reject_item(report, "", "is too long");
    const struct policy_item_row row = { .kind = source->kind,
                                         .id = item_id(source->item),
                                         .rev = source->rev,
                                         .json = text.data,
                                         .json_len = text.len };

    return policy_store_rows_put(&file->rows, slot, &row);
}
