/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cloud_message_down.c: what the cloud says. Built like cloud_message_up.c; a delta keeps its JSON object, so
 * that a thousand items are not copied once more. */
#include <assert.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "proto/cloud_message_form.h"

#define JSON_FLAGS (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

static const char *const op_names[] = { "put", "del", NULL };
enum op { OP_PUT, OP_DEL };

/* Members of every kind, borrowed. */
struct raw {
    int64_t generation, version, from, to, rev, items, chunks, i, seq, lease_until;
    const char *root, *first, *epoch, *hash, *kind, *id, *sums;
    struct json_object *ops, *item;
    int op;
};

#define ROW_GENERATION JSON_ROW_INT_REQUIRED(struct raw, generation, "generation", 1, JSON_INT_MAX)
#define ROW_VERSION    JSON_ROW_INT_REQUIRED(struct raw, version, "version", 1, JSON_INT_MAX)
#define ROW_KIND       JSON_ROW_CHECKED(struct raw, kind, "kind", true, id_valid, ID_EXPECTED)
#define ROW_REV        JSON_ROW_INT_REQUIRED(struct raw, rev, "rev", 1, JSON_INT_MAX)
#define ROW_ID         JSON_ROW_CHECKED(struct raw, id, "id", true, id_valid, ID_EXPECTED)
#define ROW_ITEM                                                                                             \
    {                                                                                                        \
        .member = "item", .type = JSON_OBJECT, .required = true, .offset = offsetof(struct raw, item)        \
    }

static const struct json_row id_rows[] = { ROW_ID };

int cloud_desired_parse(const char *bytes, size_t len, const struct cloud_self *self,
                        struct cloud_desired *ret, struct cloud_refusal *refusal)
{
    static const struct json_row rows[] = {
        JSON_ROW_INT(struct raw, lease_until, "lease_until", 1, JSON_INT_MAX, 0),
    };
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct raw raw = { 0 };
    int r = cloud_form_open(bytes, len, &object, refusal);

    if (r == 0)
        r = cloud_form_read_claims(object, self, ret->aud, &ret->iat, refusal);
    if (r == 0)
        r = cloud_form_read_policy(object, &ret->policy, refusal);
    if (r == 0)
        r = cloud_form_read(object, JSON_ROWS(rows), &raw, refusal);
    if (r == 0)
        ret->lease_until = raw.lease_until;
    return r;
}

static void add_claims(struct json_out *out, const char *aud, int64_t iat)
{
    json_add_string(out, "aud", aud);
    json_add_int(out, "iat", iat);
}

int cloud_desired_format(struct text *text, const struct cloud_desired *desired)
{
    struct json_out out = json_out_to(text);

    text_reset(text);
    json_begin_object(&out, NULL);
    add_claims(&out, desired->aud, desired->iat);
    cloud_form_add_policy(&out, &desired->policy);
    if (desired->lease_until)
        json_add_int(&out, "lease_until", desired->lease_until);
    return cloud_form_finish(&out);
}

/* Names the item at fault. */
static int refuse_item(const struct raw *raw, struct cloud_refusal *refusal)
{
    refusal->code = "item";
    if (raw->kind)
        memcpy(refusal->kind, raw->kind, strlen(raw->kind) + 1);
    if (raw->id)
        memcpy(refusal->id, raw->id, strlen(raw->id) + 1);
    return -EBADMSG;
}

/* The item of a put or of a chunk's line: its id and its text. */
static int read_item(struct raw *raw, const char **ret_item, size_t *ret_len, struct cloud_refusal *refusal)
{
    size_t len = 0;
    int r = cloud_form_read(raw->item, JSON_ROWS(id_rows), raw, refusal);

    if (r < 0) {
        json_error_within(&refusal->error, "item");
        return refuse_item(raw, refusal);
    }
    const char *item = json_object_to_json_string_length(raw->item, JSON_FLAGS, &len);

    if (!item)
        return -ENOMEM;
    if (len > CLOUD_ITEM_BYTES_MAX) {
        (void)cloud_form_refuse(refusal, "item", "", "is longer than %d bytes", CLOUD_ITEM_BYTES_MAX);
        return refuse_item(raw, refusal);
    }
    *ret_item = item;
    *ret_len = len;
    return 0;
}

static int read_op(struct json_object *object, struct cloud_op *ret, struct cloud_refusal *refusal)
{
    static const struct json_row op_rows[] = {
        JSON_ROW_ENUM_REQUIRED(struct raw, op, "op", op_names),
        ROW_KIND,
    };
    static const struct json_row put_rows[] = { ROW_REV, ROW_ITEM };
    struct raw raw = { 0 };
    bool put = false;
    int r = cloud_form_read(object, JSON_ROWS(op_rows), &raw, refusal);

    if (r == 0) {
        put = raw.op == OP_PUT;
        r = put ? cloud_form_read(object, JSON_ROWS(put_rows), &raw, refusal)
                : cloud_form_read(object, JSON_ROWS(id_rows), &raw, refusal);
    }
    if (r == 0 && put)
        r = read_item(&raw, &ret->item, &ret->item_len, refusal);
    if (r < 0)
        return r;
    ret->del = !put;
    ret->kind = raw.kind;
    ret->id = raw.id;
    ret->rev = raw.rev;
    return 0;
}

static int read_ops(struct json_object *list, struct cloud_delta *delta, struct cloud_refusal *refusal)
{
    size_t count = json_list_length(list);

    delta->ops = calloc(count ? count : 1, sizeof(*delta->ops));
    if (!delta->ops)
        return -ENOMEM;
    for (; delta->count < count; delta->count++) {
        struct json_object *entry = json_list_object(list, delta->count, &refusal->error);
        int r = -EBADMSG;

        if (entry)
            r = read_op(entry, &delta->ops[delta->count], refusal);
        else
            (void)cloud_form_refuse(refusal, "claims", "", "must be an object");
        if (r < 0) {
            json_error_within(&refusal->error, "ops[%zu]", delta->count);
            return r;
        }
    }
    return 0;
}

static void delta_finishp(struct cloud_delta *delta)
{
    cloud_delta_finish(delta);
}

static int read_delta(const struct cloud_self *self, struct cloud_delta *delta, struct cloud_refusal *refusal)
{
    static const struct json_row rows[] = {
        ROW_GENERATION,
        JSON_ROW_INT_REQUIRED(struct raw, from, "from", 0, JSON_INT_MAX),
        JSON_ROW_INT_REQUIRED(struct raw, to, "to", 1, JSON_INT_MAX),
        JSON_ROW_CHECKED(struct raw, root, "root", true, cloud_form_root_valid, CLOUD_FORM_ROOT_EXPECTED),
        { .member = "ops",
          .type = JSON_LIST,
          .required = true,
          .offset = offsetof(struct raw, ops),
          .max = CLOUD_OPS_MAX },
    };
    struct raw raw = { 0 };
    int r = cloud_form_read_claims(delta->object, self, delta->aud, &delta->iat, refusal);

    if (r == 0)
        r = cloud_form_read(delta->object, JSON_ROWS(rows), &raw, refusal);
    if (r < 0)
        return r;
    if (raw.to < raw.from)
        return cloud_form_refuse(refusal, "claims", "to", "must not be below \"from\"");
    r = cloud_form_read_buckets(delta->object, &delta->buckets, refusal);
    if (r < 0)
        return r;
    delta->generation = raw.generation;
    delta->from = raw.from;
    delta->to = raw.to;
    memcpy(delta->root, raw.root, CLOUD_ROOT_SIZE);
    return read_ops(raw.ops, delta, refusal);
}

int cloud_delta_parse(const char *bytes, size_t len, const struct cloud_self *self, struct cloud_delta *ret,
                      struct cloud_refusal *refusal)
{
    cleanup_with(delta_finishp) struct cloud_delta delta = { 0 };
    int r = cloud_form_open(bytes, len, &delta.object, refusal);

    if (r == 0)
        r = read_delta(self, &delta, refusal);
    if (r < 0)
        return r;
    *ret = delta;
    delta = (struct cloud_delta){ 0 };
    return 0;
}

void cloud_delta_finish(struct cloud_delta *delta)
{
    free(delta->ops);
    json_object_put(delta->object);
    *delta = (struct cloud_delta){ 0 };
}

static void add_op(struct json_out *out, const struct cloud_op *op)
{
    json_begin_object(out, NULL);
    json_add_string(out, "op", op_names[op->del ? OP_DEL : OP_PUT]);
    json_add_string(out, "kind", op->kind);
    if (op->del) {
        json_add_string(out, "id", op->id);
    } else {
        json_add_int(out, "rev", op->rev);
        json_add_raw(out, "item", op->item, op->item_len);
    }
    json_end_object(out);
}

int cloud_delta_format(struct text *text, const struct cloud_delta *delta)
{
    struct json_out out = json_out_to(text);

    text_reset(text);
    json_begin_object(&out, NULL);
    add_claims(&out, delta->aud, delta->iat);
    json_add_int(&out, "generation", delta->generation);
    json_add_int(&out, "from", delta->from);
    json_add_int(&out, "to", delta->to);
    cloud_form_add_buckets(&out, &delta->buckets);
    json_begin_list(&out, "ops");
    for (size_t i = 0; i < delta->count; i++)
        add_op(&out, &delta->ops[i]);
    json_end_list(&out);
    json_add_string(&out, "root", delta->root);
    return cloud_form_finish(&out);
}

int cloud_snapshot_parse(const char *bytes, size_t len, const struct cloud_self *self,
                         struct cloud_snapshot *ret, struct cloud_refusal *refusal)
{
    static const struct json_row rows[] = {
        ROW_GENERATION,
        ROW_VERSION,
        JSON_ROW_INT_REQUIRED(struct raw, items, "items", 0, JSON_INT_MAX),
        JSON_ROW_INT_REQUIRED(struct raw, chunks, "chunks", 0, JSON_INT_MAX),
        JSON_ROW_CHECKED(struct raw, first, "first", false, cloud_form_hash_valid, CLOUD_FORM_HASH_EXPECTED),
    };
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct raw raw = { 0 };
    int r = cloud_form_open(bytes, len, &object, refusal);

    if (r == 0)
        r = cloud_form_read_claims(object, self, ret->aud, &ret->iat, refusal);
    if (r == 0)
        r = cloud_form_read(object, JSON_ROWS(rows), &raw, refusal);
    if (r == 0)
        r = cloud_form_read_policy(object, &ret->policy, refusal);
    if (r < 0)
        return r;
    if ((raw.chunks == 0) != (raw.first == NULL))
        return cloud_form_refuse(refusal, "claims", "first", "must be there if there are chunks, only then");
    ret->items = raw.items;
    ret->chunks = raw.chunks;
    memcpy(ret->first, raw.first ? raw.first : "", raw.first ? CLOUD_HASH_SIZE : 1);
    return 0;
}

int cloud_snapshot_format(struct text *text, const struct cloud_snapshot *snapshot)
{
    struct json_out out = json_out_to(text);

    text_reset(text);
    json_begin_object(&out, NULL);
    add_claims(&out, snapshot->aud, snapshot->iat);
    cloud_form_add_policy(&out, &snapshot->policy);
    json_add_int(&out, "items", snapshot->items);
    json_add_int(&out, "chunks", snapshot->chunks);
    json_add_string(&out, "first", cloud_form_filled(snapshot->first));
    return cloud_form_finish(&out);
}

int cloud_chunk_parse(const char *bytes, size_t len, struct cloud_chunk *ret, struct cloud_refusal *refusal)
{
    static const struct json_row rows[] = {
        ROW_GENERATION,
        ROW_VERSION,
        JSON_ROW_INT_REQUIRED(struct raw, i, "i", 0, JSON_INT_MAX),
    };
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct raw raw = { 0 };
    const char *next = NULL;
    const char *lines = NULL;
    int r = cloud_form_open_lines(bytes, len, &object, &lines, refusal);

    if (r == 0)
        r = cloud_form_read(object, JSON_ROWS(rows), &raw, refusal);
    if (r == 0)
        r = cloud_form_read_nullable(object, "next", cloud_form_hash_valid, &next, refusal);
    if (r < 0)
        return r;
    *ret = (struct cloud_chunk){ .generation = raw.generation,
                                 .version = raw.version,
                                 .i = raw.i,
                                 .lines = lines,
                                 .len = (size_t)(bytes + len - lines) };
    memcpy(ret->next, next ? next : "", next ? CLOUD_HASH_SIZE : 1);
    return 0;
}

int cloud_chunk_format(struct text *text, const struct cloud_chunk *chunk)
{
    struct json_out out = json_out_to(text);

    text_reset(text);
    json_begin_object(&out, NULL);
    json_add_int(&out, "generation", chunk->generation);
    json_add_int(&out, "version", chunk->version);
    json_add_int(&out, "i", chunk->i);
    if (cloud_form_filled(chunk->next))
        json_add_string(&out, "next", chunk->next);
    else
        json_add_null(&out, "next");
    json_end_object(&out);
    text_add(text, "\n");
    text_add_bytes(text, chunk->lines, chunk->len);
    if (text_error(text))
        return text_error(text);
    return text->len > CLOUD_PAYLOAD_MAX ? -EMSGSIZE : 0;
}

int cloud_item_parse(const char *line, size_t len, struct cloud_item *ret, struct cloud_refusal *refusal)
{
    static const struct json_row rows[] = { ROW_KIND, ROW_REV, ROW_ITEM };
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct raw raw = { 0 };
    const char *item = NULL;
    size_t item_len = 0;
    int r = cloud_form_open(line, len, &object, refusal);

    if (r == 0)
        r = cloud_form_read(object, JSON_ROWS(rows), &raw, refusal);
    if (r == 0)
        r = read_item(&raw, &item, &item_len, refusal);
    if (r < 0)
        return r;
    *ret = (struct cloud_item){
        .kind = raw.kind, .id = raw.id, .rev = raw.rev, .item = item, .item_len = item_len
    };
    ret->object = take_ptr(object);
    return 0;
}

void cloud_item_finish(struct cloud_item *item)
{
    json_object_put(item->object);
    *item = (struct cloud_item){ 0 };
}

void cloud_item_add(struct text *text, const struct cloud_item *item)
{
    struct json_out out = json_out_to(text);

    json_begin_object(&out, NULL);
    json_add_string(&out, "kind", item->kind);
    json_add_int(&out, "rev", item->rev);
    json_add_raw(&out, "item", item->item, item->item_len);
    json_end_object(&out);
    text_add(text, "\n");
}

void cloud_digest_sums(struct cloud_digest *digest, const struct digest_sums *sums)
{
    for (size_t i = 0; i < DIGEST_BUCKETS; i++)
        memcpy(digest->sums + i * CLOUD_SUM_BYTES, sums->of[i].bytes, CLOUD_SUM_BYTES);
}

struct digest_set cloud_digest_differ(const struct cloud_digest *a, const struct cloud_digest *b)
{
    struct digest_set set = { 0 };

    for (unsigned i = 0; i < DIGEST_BUCKETS; i++)
        if (memcmp(a->sums + i * CLOUD_SUM_BYTES, b->sums + i * CLOUD_SUM_BYTES, CLOUD_SUM_BYTES) != 0)
            digest_set_add(&set, i);
    return set;
}

int cloud_digest_parse(const char *bytes, size_t len, struct cloud_digest *ret, struct cloud_refusal *refusal)
{
    static const struct json_row rows[] = {
        ROW_GENERATION,
        ROW_VERSION,
        JSON_ROW_STRING_REQUIRED(struct raw, sums, "sums", 1, B64_SIZE(CLOUD_SUMS_BYTES)),
    };
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct raw raw = { 0 };
    size_t sums_len = 0;
    int r = cloud_form_open(bytes, len, &object, refusal);

    if (r == 0)
        r = cloud_form_read(object, JSON_ROWS(rows), &raw, refusal);
    if (r < 0)
        return r;
    r = b64_decode(raw.sums, strlen(raw.sums), ret->sums, CLOUD_SUMS_BYTES, &sums_len);
    if (r < 0 || sums_len != CLOUD_SUMS_BYTES)
        return cloud_form_refuse(refusal, "claims", "sums", "must be %d bytes in base64url",
                                 CLOUD_SUMS_BYTES);
    ret->generation = raw.generation;
    ret->version = raw.version;
    return 0;
}

int cloud_digest_format(struct text *text, const struct cloud_digest *digest)
{
    char sums[B64_SIZE(CLOUD_SUMS_BYTES)];
    struct json_out out = json_out_to(text);

    b64_encode(digest->sums, CLOUD_SUMS_BYTES, sums);
    text_reset(text);
    json_begin_object(&out, NULL);
    json_add_int(&out, "generation", digest->generation);
    json_add_int(&out, "version", digest->version);
    json_add_string(&out, "sums", sums);
    return cloud_form_finish(&out);
}

int cloud_ack_parse(const char *bytes, size_t len, const struct cloud_self *self, struct cloud_ack *ret,
                    struct cloud_refusal *refusal)
{
    static const struct json_row rows[] = {
        JSON_ROW_CHECKED(struct raw, epoch, "epoch", true, cloud_form_epoch_valid, CLOUD_FORM_EPOCH_EXPECTED),
        JSON_ROW_INT_REQUIRED(struct raw, seq, "seq", 0, JSON_INT_MAX),
        JSON_ROW_CHECKED(struct raw, hash, "hash", true, cloud_form_hash_valid, CLOUD_FORM_HASH_EXPECTED),
    };
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct raw raw = { 0 };
    int r = cloud_form_open(bytes, len, &object, refusal);

    if (r == 0)
        r = cloud_form_read_own_claims(object, self, ret->aud, &ret->iat, refusal);
    if (r == 0)
        r = cloud_form_read(object, JSON_ROWS(rows), &raw, refusal);
    if (r < 0)
        return r;
    memcpy(ret->epoch, raw.epoch, CLOUD_EPOCH_SIZE);
    ret->seq = raw.seq;
    return hex_decode(raw.hash, ret->hash, CHAIN_BYTES);
}

int cloud_ack_format(struct text *text, const struct cloud_ack *ack)
{
    struct json_out out = json_out_to(text);

    text_reset(text);
    json_begin_object(&out, NULL);
    add_claims(&out, ack->aud, ack->iat);
    json_add_string(&out, "epoch", ack->epoch);
    json_add_int(&out, "seq", ack->seq);
    cloud_form_add_hash(&out, "hash", ack->hash);
    return cloud_form_finish(&out);
}
