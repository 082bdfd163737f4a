/* SPDX-License-Identifier: GPL-3.0-or-later */
/* simulate_policy.c: a change is compiled as a gateway does it; there would be no hurry here, but what is
 * tried out should be what runs. */
#include "gateway/simulate/simulate_policy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "gateway/base/zoneinfo.h"
#include "proto/name.h"

/* "kind/id" with NUL; a kind is looked at as an id is. */
#define KEY_SIZE (2 * ID_SIZE)

/* Nothing sealed here is kept. */
static const uint8_t secret[SECRET_BYTES];

struct item {
    struct table_node node;
    enum item_kind kind;
    struct json_object *object; /* NULL: deleted */
    bool changed;               /* since the last policy */
};

struct change {
    const char *kind;
    const char *id;
    struct json_object *item;
};

static const struct json_row put_rows[] = {
    JSON_ROW_CHECKED(struct change, kind, "kind", true, id_valid, ID_EXPECTED),
    { .member = "item", .type = JSON_OBJECT, .required = true, .offset = offsetof(struct change, item) },
};

static const struct json_row delete_rows[] = {
    JSON_ROW_CHECKED(struct change, kind, "kind", true, id_valid, ID_EXPECTED),
    JSON_ROW_CHECKED(struct change, id, "id", true, id_valid, ID_EXPECTED),
};

static void finish_item(void *record)
{
    struct item *item = record;

    json_object_put(item->object);
}

void simulate_items_finish(struct simulate_items *items)
{
    table_finish(&items->table, finish_item);
}

static struct item *item_of(struct simulate_items *items, const char *kind, const char *id)
{
    char key[KEY_SIZE];

    snprintf(key, sizeof(key), "%s/%s", kind, id);
    return table_get(&items->table, key, sizeof(struct item));
}

static void builder_freep(struct policy_builder **builder)
{
    policy_builder_free(*builder);
}

static void policy_freep(struct policy **policy)
{
    policy_free(*policy);
}

static int add(struct policy_builder *builder, const struct item *item, struct json_error *error)
{
    const char *text = json_object_to_json_string(item->object);

    return policy_builder_add(builder, item->kind, item->object, text, strlen(text), error);
}

/* What the builder needs to be told of an item beside the people of `last` (NULL: all that is there). */
static int tell(struct policy_builder *builder, const struct item *item, const struct policy *last,
                struct json_error *error)
{
    bool taken_over = last && (item->kind == ITEM_USER || item->kind == ITEM_CREDENTIAL);
    const char *key = item->node.id;

    if (taken_over && !item->changed)
        return 0;
    if (item->object)
        return add(builder, item, error);
    return taken_over ? policy_builder_remove(builder, item->kind, strchr(key, '/') + 1) : 0;
}

static int compile(const struct simulate_items *items, const struct policy *last, struct policy **ret_policy,
                   struct json_error *error)
{
    cleanup_with(builder_freep) struct policy_builder *builder = NULL;
    int r = policy_builder_new(zoneinfo_read, NULL, &builder);

    if (r == 0 && last)
        policy_builder_take_people(builder, last);
    for (const struct item *item = NULL; r == 0 && (item = table_next(&items->table, item));)
        r = tell(builder, item, last, error);
    return r < 0 ? r : policy_builder_finish(builder, ret_policy);
}

/* What only the policy as a whole can say of a site: whether its zone exists, whether there is another. */
static int check_site(const struct simulate_items *items, struct json_error *error)
{
    cleanup_with(policy_freep) struct policy *policy = NULL;
    int r = compile(items, NULL, &policy, error);

    if (r == -EBADMSG)
        json_error_within(error, "item");
    return r;
}

int simulate_items_put(struct simulate_items *items, struct json_object *object, bool replace,
                       struct json_error *error)
{
    struct change change;
    int r = json_read(object, JSON_ROWS(put_rows), &change, error);

    if (r < 0)
        return r;
    enum item_kind kind = item_kind_find(change.kind);

    r = item_check(kind, change.item, false, error);
    if (r < 0) {
        json_error_within(error, "item");
        return r;
    }
    r = item_seal(kind, change.item, secret);
    if (r < 0)
        return r;
    struct item *item = item_of(items, change.kind, item_id(change.item));

    if (!item)
        return -ENOMEM;
    if (item->object && !replace) {
        json_error_set(error, "item.id", "is there already");
        return -EBADMSG;
    }
    json_object_put(item->object);
    item->object = json_object_get(change.item);
    item->kind = kind;
    item->changed = true;
    return kind == ITEM_SITE ? check_site(items, error) : 0;
}

int simulate_items_delete(struct simulate_items *items, struct json_object *object, struct json_error *error)
{
    struct change change;
    int r = json_read(object, JSON_ROWS(delete_rows), &change, error);

    if (r < 0)
        return r;
    struct item *item = item_of(items, change.kind, change.id);

    if (!item)
        return -ENOMEM;
    json_object_put(item->object);
    item->object = NULL;
    item->kind = item_kind_find(change.kind);
    item->changed = true;
    return 0;
}

int simulate_items_follow(struct simulate_items *items, const struct policy *last, struct policy **ret_policy)
{
    struct json_error error;
    int r = compile(items, last, ret_policy, &error);

    if (r == -EBADMSG && last) /* the time zone is another */
        r = compile(items, NULL, ret_policy, &error);
    for (struct item *item = NULL; r == 0 && (item = table_next(&items->table, item));)
        item->changed = false;
    return r;
}

int simulate_items_compile(struct simulate_items *items, struct policy **ret_policy)
{
    return simulate_items_follow(items, NULL, ret_policy);
}

void simulate_items_hash(enum credential_type type, const char *value,
                         uint8_t ret_hash[static CREDENTIAL_HASH_BYTES])
{
    credential_hash(secret, credential_type_name(type), value, ret_hash);
}
