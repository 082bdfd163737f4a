/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_builder.c: takes items in any order. People are turned into records at once, since there may be a
 * million of them, with their references as numbers; of everything else the objects are kept until all are
 * there. */
#include <assert.h>
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "gateway/core/policy_builder.h"
#include "gateway/base/text.h"
#include "proto/encode.h"

int policy_builder_new(policy_zone_fn *zone, void *user, struct policy_builder **ret)
{
    struct policy_builder *builder = calloc(1, sizeof(*builder));

    if (!builder)
        return -ENOMEM;
    builder->read_zone = zone;
    builder->user = user;
    builder->policy = calloc(1, sizeof(*builder->policy));
    if (!builder->policy) {
        free(builder);
        return -ENOMEM;
    }
    *ret = builder;
    return 0;
}

struct policy_builder *policy_builder_free(struct policy_builder *builder)
{
    if (!builder)
        return NULL;
    policy_free(builder->policy);
    interner_finish(&builder->user_ids);
    interner_finish(&builder->validities);
    interner_finish(&builder->terms);
    interner_finish(&builder->tagsets);
    interner_finish(&builder->links);
    free(builder->user_refs);
    free(builder->blocks);
    policy_free(builder->image);
    for (int kind = 0; kind < ITEM_KINDS; kind++)
        pool_finish(&builder->removed[kind]);
    free(builder);
    return NULL;
}

/* --- adding --- */

/* text was checked with its item. */
static struct raw_instant take_instant(const char *text)
{
    struct json_error ignored;
    struct item_instant instant = { 0 };

    item_was_checked(item_instant_read(text, "", &instant, &ignored));
    return (struct raw_instant){
        .us = instant.us,
        .day = instant.day,
        .form = !instant.set      ? RAW_UNSET
                : instant.is_date ? RAW_DATE
                                  : RAW_INSTANT,
    };
}

static struct raw_validity take_validity(const char *from, const char *until)
{
    return (struct raw_validity){ take_instant(from), take_instant(until) };
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The tags in order, each once. */
static int take_tags(struct policy_builder *builder, struct json_object *tags, uint32_t *ret)
{
    size_t count = json_list_length(tags);
    cleanup_with(freep) const char **ids = calloc(count + 1, sizeof(*ids));
    cleanup_with(text_finish) struct text key = TEXT_INIT;
    struct json_error ignored;

    if (!ids)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        ids[i] = json_list_string(tags, i, &ignored);
    qsort(ids, count, sizeof(*ids), compare_strings);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || strcmp(ids[i], ids[i - 1]) != 0)
            text_add_bytes(&key, ids[i], strlen(ids[i]) + 1);
    int r = text_error(&key);

    return r < 0 ? r : interner_put(&builder->tagsets, text_string(&key), key.len, ret);
}

static int take_block(struct policy_builder *builder, struct json_object *object, uint32_t *ret)
{
    struct json_error ignored;
    struct raw_block raw = { .message = POOL_NONE };
    struct item_block block;
    int r = 0;

    item_was_checked(item_block_read(object, &block, &ignored));
    raw.from = take_instant(block.from);
    struct raw_block *blocks = realloc(builder->blocks, (builder->block_count + 1) * sizeof(*blocks));

    if (!blocks)
        return -ENOMEM;
    builder->blocks = blocks;
    if (block.message)
        r = pool_add(&builder->policy->pool, block.message, &raw.message);
    if (r < 0)
        return r;
    *ret = (uint32_t)builder->block_count + (builder->base ? builder->base->people_block_count : 0);
    builder->blocks[builder->block_count++] = raw;
    return 0;
}

/* Makes room for one more record behind count. */
static int grow(void **list, size_t count, size_t *size, size_t entry)
{
    if (count + 1 < *size)
        return 0;
    size_t more = *size ? *size + *size / 2 : 256;
    void *grown = realloc(*list, more * entry);

    if (!grown)
        return -ENOMEM;
    *list = grown;
    *size = more;
    return 0;
}

static int grow_users(struct policy_builder *builder)
{
    struct policy *policy = builder->policy;
    size_t refs_size = builder->users_size;
    void *users = policy->users;
    void *refs = builder->user_refs;
    int r = grow(&refs, policy->user_count, &refs_size, sizeof(*builder->user_refs));

    builder->user_refs = refs;
    if (r == 0)
        r = grow(&users, policy->user_count, &builder->users_size, sizeof(*policy->users));
    policy->users = users;
    return r;
}

static int add_user(struct policy_builder *builder, const struct item *item)
{
    struct policy *policy = builder->policy;
    const struct item_user *user = &item->user;
    const struct raw_validity validity = take_validity(user->valid_from, user->valid_until);
    struct user_record record = {
        .block = POLICY_NONE,
        .link = POLICY_NONE,
        .kind = (uint8_t)user->kind,
        .status = (uint8_t)user->status,
        .mobile = user->mobile,
        .extended_time = user->extended_time,
        .apb_exempt = user->apb_exempt,
        .linked = user->link,
    };
    uint32_t ref, name;
    int r = grow_users(builder);

    if (r == 0)
        r = pool_add(&policy->pool, item->common.id, &record.id);
    if (r == 0)
        r = pool_add(&policy->pool, item->common.name ? item->common.name : "", &name);
    if (r == 0)
        r = interner_put(&builder->user_ids, item->common.id, strlen(item->common.id), &ref);
    if (r == 0)
        r = take_tags(builder, user->tags, &record.tagset);
    if (r == 0)
        r = interner_put(&builder->validities, &validity, sizeof(validity), &record.validity);
    record.validity += builder->base ? builder->base->validity_count : 0;
    if (r == 0 && user->block)
        r = take_block(builder, user->block, &record.block);
    if (r == 0 && user->link)
        r = interner_put(&builder->links, user->link, strlen(user->link), &record.link);
    if (r < 0)
        return r;
    builder->user_refs[policy->user_count] = ref;
    policy->users[policy->user_count++] = record;
    return 0;
}

static int add_credential(struct policy_builder *builder, const struct item *item)
{
    struct policy *policy = builder->policy;
    const struct item_credential *credential = &item->credential;
    const struct raw_terms terms = {
        .validity = take_validity(credential->valid_from, credential->valid_until),
        .uses = (int32_t)credential->uses,
        .type = (uint8_t)credential->type,
        .status = (uint8_t)credential->status,
        .duress = credential->duress,
    };
    struct credential_record record = { .next_same = POLICY_NONE };
    void *credentials = policy->credentials;
    size_t len;
    int r = grow(&credentials, policy->credential_count, &builder->credentials_size, sizeof(record));

    policy->credentials = credentials;
    if (r == 0)
        r = b64_decode(credential->sealed, strlen(credential->sealed), record.hash, sizeof(record.hash),
                       &len);
    if (r == 0)
        r = pool_add(&policy->pool, item->common.id, &record.id);
    if (r == 0)
        r = interner_put(&builder->user_ids, credential->user, strlen(credential->user), &record.user_ref);
    if (r == 0)
        r = interner_put(&builder->terms, &terms, sizeof(terms), &record.terms);
    record.terms += builder->base ? builder->base->terms_count : 0;
    if (r < 0)
        return r;
    policy->credentials[policy->credential_count++] = record;
    return 0;
}

static int take_site(struct policy_builder *builder, const struct item *item, struct json_error *error)
{
    struct policy *policy = builder->policy;
    cleanup_with(freep) char *bytes = NULL;
    size_t len = 0;

    if (policy->named[ITEM_SITE].count > 0) {
        json_error_set(error, "id", "there is a site already, and can be one at most");
        return -EBADMSG;
    }
    int r = builder->read_zone(builder->user, item->site.timezone, &bytes, &len);

    if (r == 0)
        r = zone_new(bytes, len, &policy->zone);
    if (r == -ENOMEM)
        return r;
    if (r < 0) {
        json_error_set(error, "timezone", "is no time zone of this system");
        return -EBADMSG;
    }
    policy->zone_sum = policy_image_sum(bytes, len);
    policy->site.timezone = policy_copy(policy, item->site.timezone);
    policy->site.ignore_untrusted_clock = item->site.untrusted_clock;
    return policy->site.timezone ? 0 : -ENOMEM;
}

static int add_named(struct policy_builder *builder, enum item_kind kind, const struct item *item,
                     struct json_object *object, const struct named *like)
{
    struct policy *policy = builder->policy;
    struct kind_list *list = &policy->named[kind];
    struct named named = *like;
    size_t size = list->size;
    void *entries = list->list;
    int r = grow(&entries, list->count, &size, sizeof(named));

    list->list = entries;
    list->size = (uint32_t)size;
    if (r < 0)
        return r;
    named.id = policy_copy(policy, item->common.id);
    named.name = policy_copy(policy, item->common.name ? item->common.name : item->common.id);
    if (!named.id || !named.name)
        return -ENOMEM;
    named.object = json_object_get(object);
    list->list[list->count++] = named;
    return 0;
}

/* --- taking people over --- */

/* Strings of a thousand items, most of which are short: growing would copy those of all people once more. */
#define POOL_ROOM ((size_t)256 << 10)

static bool is_person(enum item_kind kind)
{
    return kind == ITEM_USER || kind == ITEM_CREDENTIAL;
}

/* Before the first change. */
static int begin_changing(struct policy_builder *builder)
{
    if (!builder->base || builder->changed)
        return 0;
    builder->changed = true;
    int r = pool_copy(&builder->policy->pool, &builder->base->pool, POOL_ROOM);

    return r == 0 ? policy_take_shared(builder) : r;
}

void policy_builder_take_people(struct policy_builder *builder, const struct policy *base)
{
    assert(!builder->base && builder->policy->user_count == 0 && builder->policy->credential_count == 0);
    builder->base = base;
}

int policy_builder_remove(struct policy_builder *builder, enum item_kind kind, const char *id)
{
    uint32_t ignored;

    assert(builder->base && is_person(kind));
    int r = begin_changing(builder);

    return r == 0 ? pool_add(&builder->removed[kind], id, &ignored) : r;
}

uint32_t policy_edits(const struct policy *policy)
{
    return policy->edits;
}

/* Whose dates were resolved in another zone cannot be taken over. */
static int finish_people(struct policy_builder *builder)
{
    int r = 0;

    if (builder->base && builder->base->zone_sum != builder->policy->zone_sum)
        return -EBADMSG;
    if (!builder->base)
        r = policy_finish_people(builder);
    else if (builder->image && !builder->changed)
        policy_image_adopt(builder->policy, builder->image);
    else
        r = begin_changing(builder) == 0 ? policy_merge_people(builder) : -ENOMEM;
    return r == 0 ? policy_join_people(builder->policy) : r;
}

int policy_builder_add(struct policy_builder *builder, enum item_kind kind, struct json_object *object,
                       const char *text, size_t text_len, struct json_error *error)
{
    struct named named = { 0 };
    struct item item;

    if (kind >= ITEM_KINDS)
        return 0;
    int r = item_read(kind, object, true, &item, error);

    if (r == 0 && is_person(kind))
        r = begin_changing(builder);
    if (r < 0)
        return r;
    if (kind == ITEM_USER)
        return add_user(builder, &item);
    if (kind == ITEM_CREDENTIAL)
        return add_credential(builder, &item);
    if (kind == ITEM_SITE)
        r = take_site(builder, &item, error);
    if (r == 0 && kind == ITEM_DEVICE) {
        char *copy = policy_alloc(builder->policy, text_len + 1, 1);

        if (!copy)
            return -ENOMEM;
        memcpy(copy, text, text_len);
        named.text = copy;
        named.text_len = text_len;
    }
    return r < 0 ? r : add_named(builder, kind, &item, object, &named);
}

/* --- finishing --- */

static int compare_named(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->id, ((const struct named *)b)->id);
}

int policy_builder_finish(struct policy_builder *builder, struct policy **ret_policy)
{
    struct policy *policy = builder->policy;
    int r = 0;

    if (!policy->zone) {
        policy->site.timezone = "UTC";
        r = zone_new(NULL, 0, &policy->zone);
    }
    for (int kind = 0; kind < ITEM_KINDS; kind++)
        if (policy->named[kind].count > 1)
            qsort(policy->named[kind].list, policy->named[kind].count, sizeof(struct named), compare_named);
    if (r == 0)
        r = policy_compile_calendars(policy);
    if (r == 0)
        r = policy_compile_schedules(policy);
    if (r == 0)
        r = policy_compile_places(policy);
    if (r == 0)
        r = policy_compile_rules(policy);
    if (r == 0)
        r = finish_people(builder);
    if (r < 0)
        return r;
    policy_drop_objects(policy);
    builder->policy = NULL;
    *ret_policy = policy;
    return 0;
}
