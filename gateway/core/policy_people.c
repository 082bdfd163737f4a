/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_people.c: users and credentials, once all are there: sorted, numbered, found by user and by hash.
 * All of it is linear except for sorting, and what comes out of the store is sorted. */
#include <errno.h>
#include <string.h>

#include "gateway/core/policy_builder.h"
#include "proto/name.h"

/* A record in its old place; sorting these instead of the records keeps what moves small. */
struct place {
    const char *id;
    uint32_t at;
};

static int compare_places(const void *a, const void *b)
{
    return strcmp(((const struct place *)a)->id, ((const struct place *)b)->id);
}

/* Items come from the store in order of id: then there is nothing to sort. */
static bool in_order(const struct place *places, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++)
        if (strcmp(places[i - 1].id, places[i].id) > 0)
            return false;
    return true;
}

/* Sorts records by id. *ret_from: where each was before, NULL if they were in order. The id is a record's
 * offset at id_at. */
static int sort_records(const struct pool *pool, void **records, uint32_t count, size_t entry, size_t id_at,
                        uint32_t **ret_from)
{
    cleanup_with(freep) struct place *places = calloc((size_t)count + 1, sizeof(*places));
    char *bytes = *records;

    *ret_from = NULL;
    if (!places)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t id;

        memcpy(&id, bytes + i * entry + id_at, sizeof(id));
        places[i] = (struct place){ pool_string(pool, id), i };
    }
    if (in_order(places, count))
        return 0;
    qsort(places, count, sizeof(*places), compare_places);
    char *sorted = malloc(((size_t)count + 1) * entry);
    uint32_t *from = malloc(((size_t)count + 1) * sizeof(*from));

    if (!sorted || !from) {
        free(sorted);
        free(from);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        memcpy(sorted + i * entry, bytes + places[i].at * entry, entry);
        from[i] = places[i].at;
    }
    free(bytes);
    *records = sorted;
    *ret_from = from;
    return 0;
}

/* Users get their indexes; numbers of users that are not there get those behind. */
static int number_users(struct policy_builder *builder, const uint32_t *from)
{
    struct policy *policy = builder->policy;
    uint32_t count = builder->user_ids.count;
    cleanup_with(freep) uint32_t *index_of = malloc(((size_t)count + 1) * sizeof(*index_of));
    uint32_t missing = policy->user_count;

    builder->missing_users = malloc(((size_t)count + 1) * sizeof(*builder->missing_users));
    if (!index_of || !builder->missing_users)
        return -ENOMEM;
    memset(index_of, 0xff, (size_t)count * sizeof(*index_of));
    for (uint32_t i = 0; i < policy->user_count; i++)
        index_of[builder->user_refs[from ? from[i] : i]] = i;
    for (uint32_t i = 0; i < policy->credential_count; i++) {
        uint32_t *ref = &policy->credentials[i].user_ref;

        if (index_of[*ref] == POLICY_NONE) {
            builder->missing_users[missing - policy->user_count] = *ref;
            index_of[*ref] = missing++;
        }
        *ref = index_of[*ref];
    }
    return 0;
}

static int sort_people(struct policy_builder *builder)
{
    struct policy *policy = builder->policy;
    cleanup_with(freep) uint32_t *users_from = NULL;
    cleanup_with(freep) uint32_t *credentials_from = NULL;
    void *users = policy->users;
    void *credentials = policy->credentials;
    int r = sort_records(&policy->pool, &users, policy->user_count, sizeof(*policy->users),
                         offsetof(struct user_record, id), &users_from);

    policy->users = users;
    if (r == 0)
        r = sort_records(&policy->pool, &credentials, policy->credential_count, sizeof(*policy->credentials),
                         offsetof(struct credential_record, id), &credentials_from);
    policy->credentials = credentials;
    return r < 0 ? r : number_users(builder, users_from);
}

/* Moves records to where a cache line begins, with room for one more and nothing of what growing left over.
 * NULL: out of memory, and they stay. */
static void *settle(void *records, size_t count, size_t entry)
{
    size_t len = (count + 1) * entry;
    void *settled = aligned_alloc(POLICY_LINE_BYTES, len + policy_padding(len));

    if (settled && count > 0)
        memcpy(settled, records, count * entry);
    if (settled)
        free(records);
    return settled;
}

static int settle_people(struct policy *policy)
{
    struct user_record *users = settle(policy->users, policy->user_count, sizeof(*users));

    if (!users)
        return -ENOMEM;
    policy->users = users;
    users[policy->user_count] = (struct user_record){ 0 };
    struct credential_record *credentials =
        settle(policy->credentials, policy->credential_count, sizeof(*credentials));

    if (!credentials)
        return -ENOMEM;
    policy->credentials = credentials;
    return 0;
}

/* Counting sort by user; within a user by id, since credentials are in that order. */
static int index_by_user(struct policy *policy)
{
    uint32_t *next = calloc((size_t)policy->user_count + 1, sizeof(*next));
    uint32_t total = 0;

    policy->by_user = malloc(((size_t)policy->credential_count + 1) * sizeof(*policy->by_user));
    if (!next || !policy->by_user) {
        free(next);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < policy->credential_count; i++)
        if (policy->credentials[i].user_ref < policy->user_count)
            next[policy->credentials[i].user_ref]++;
    for (uint32_t i = 0; i <= policy->user_count; i++) {
        uint32_t count = i < policy->user_count ? next[i] : 0;

        policy->users[i].first_credential = next[i] = total;
        total += count;
    }
    for (uint32_t i = 0; i < policy->credential_count; i++)
        if (policy->credentials[i].user_ref < policy->user_count)
            policy->by_user[next[policy->credentials[i].user_ref]++] = i;
    free(next);
    return 0;
}

/* Two of three slots are taken at most. From the last credential to the first, so that a chain of equal ones
 * begins with the lowest id. */
static int index_by_hash(struct policy *policy)
{
    uint32_t count = policy->credential_count;

    policy->slot_count = count + count / 2 + 1;
    policy->slot_index_mask = policy_index_mask(count);
    policy->slots = malloc(policy->slot_count * sizeof(*policy->slots));
    if (!policy->slots)
        return -ENOMEM;
    memset(policy->slots, 0xff, policy->slot_count * sizeof(*policy->slots));
    for (uint32_t i = count; i-- > 0;) {
        struct credential_record *record = &policy->credentials[i];
        enum credential_type type = (enum credential_type)policy->terms[record->terms].type;
        uint32_t *slot = policy_slot(policy, type, record->hash);

        record->next_same = *slot == POLICY_NONE ? POLICY_NONE : *slot & policy->slot_index_mask;
        *slot = policy_slot_value(policy, i);
    }
    return 0;
}

static int64_t resolve(const struct policy *policy, const struct raw_instant *raw, bool at_end, int64_t unset)
{
    const struct item_instant instant = {
        .set = raw->form != RAW_UNSET,
        .is_date = raw->form == RAW_DATE,
        .day = raw->day,
        .us = raw->us,
    };

    return policy_resolve(policy, &instant, at_end, unset);
}

static int resolve_validities(struct policy_builder *builder)
{
    struct policy *policy = builder->policy;

    policy->validities = policy_alloc(policy, builder->validities.count, sizeof(*policy->validities));
    if (!policy->validities)
        return -ENOMEM;
    policy->validity_count = builder->validities.count;
    for (uint32_t i = 0; i < builder->validities.count; i++) {
        struct raw_validity raw;
        size_t len;

        memcpy(&raw, interner_key(&builder->validities, i, &len), sizeof(raw));
        policy->validities[i].from_us = resolve(policy, &raw.from, false, INSTANT_MIN);
        policy->validities[i].until_us = resolve(policy, &raw.until, true, INSTANT_MAX);
    }
    return 0;
}

static int resolve_terms(struct policy_builder *builder)
{
    struct policy *policy = builder->policy;

    policy->terms = policy_alloc(policy, builder->terms.count, sizeof(*policy->terms));
    if (!policy->terms)
        return -ENOMEM;
    policy->terms_count = builder->terms.count;
    for (uint32_t i = 0; i < builder->terms.count; i++) {
        struct raw_terms raw;
        size_t len;

        memcpy(&raw, interner_key(&builder->terms, i, &len), sizeof(raw));
        policy->terms[i] = (struct terms){
            .from_us = resolve(policy, &raw.validity.from, false, INSTANT_MIN),
            .until_us = resolve(policy, &raw.validity.until, true, INSTANT_MAX),
            .uses = raw.uses,
            .type = raw.type,
            .status = raw.status,
            .duress = raw.duress,
        };
    }
    return 0;
}

static int resolve_blocks(struct policy_builder *builder)
{
    struct policy *policy = builder->policy;

    policy->blocks = policy_alloc(policy, builder->block_count, sizeof(*policy->blocks));
    if (!policy->blocks)
        return -ENOMEM;
    policy->people_block_count = (uint32_t)builder->block_count;
    for (size_t i = 0; i < builder->block_count; i++)
        policy->blocks[i] = (struct block){
            .from_us = resolve(policy, &builder->blocks[i].from, false, INSTANT_MIN),
            .message = builder->blocks[i].message,
        };
    return 0;
}

/* Tags that are there, by index, behind those of the tag sets before; the others match nothing. */
static void resolve_tagset(struct policy *policy, const struct interner *interner, uint32_t number)
{
    struct tagset *tagset = &policy->tagsets[number];
    size_t len;
    const char *ids = interner_key(interner, number, &len);

    tagset->first_tag = policy->tagset_tag_count;
    for (size_t at = 0; at < len; at += strlen(ids + at) + 1) {
        uint32_t tag = policy_find(policy, ITEM_TAG, ids + at);

        if (tag != POLICY_NONE)
            policy->tagset_tags[policy->tagset_tag_count++] = tag;
    }
    tagset->count = policy->tagset_tag_count - tagset->first_tag;
}

static int resolve_tagsets(struct policy_builder *builder)
{
    struct policy *policy = builder->policy;

    /* No tag is shorter than its NUL and a letter, so there are fewer than bytes. */
    policy->tagset_count = builder->tagsets.count;
    policy->tagsets = policy_alloc(policy, policy->tagset_count, sizeof(*policy->tagsets));
    policy->tagset_tags = policy_alloc(policy, builder->tagsets.keys.len, sizeof(*policy->tagset_tags));
    if (!policy->tagsets || !policy->tagset_tags)
        return -ENOMEM;
    for (uint32_t i = 0; i < policy->tagset_count; i++)
        resolve_tagset(policy, &builder->tagsets, i);
    return 0;
}

static void note_missing_tags(struct policy_builder *builder)
{
    struct policy *policy = builder->policy;

    for (uint32_t i = 0; i < policy->user_count; i++) {
        const struct user_record *record = &policy->users[i];
        size_t len;
        const char *ids = interner_key(&builder->tagsets, record->tagset, &len);
        uint32_t count = 0;

        for (size_t at = 0; at < len; at += strlen(ids + at) + 1)
            count++;
        if (count == policy->tagsets[record->tagset].count)
            continue;
        for (size_t at = 0; at < len; at += strlen(ids + at) + 1)
            (void)policy_refer(policy, ITEM_USER, pool_string(&policy->pool, record->id), ITEM_TAG, ids + at);
    }
}

static void copy_key(const struct interner *ids, uint32_t number, char ret_id[static ID_SIZE])
{
    size_t len;
    const void *key = interner_key(ids, number, &len);

    memcpy(ret_id, key, len);
    ret_id[len] = '\0';
}

static void resolve_links(struct policy_builder *builder)
{
    struct policy *policy = builder->policy;
    char id[ID_SIZE];

    for (uint32_t i = 0; i < policy->user_count; i++) {
        struct user_record *record = &policy->users[i];

        if (!record->linked)
            continue;
        copy_key(&builder->links, record->link, id);
        record->link = policy_refer(policy, ITEM_USER, pool_string(&policy->pool, record->id), ITEM_LINK, id);
    }
}

static void note_missing_users(struct policy_builder *builder)
{
    struct policy *policy = builder->policy;
    char id[ID_SIZE];

    for (uint32_t i = 0; i < policy->credential_count; i++) {
        const struct credential_record *record = &policy->credentials[i];

        if (record->user_ref < policy->user_count)
            continue;
        copy_key(&builder->user_ids, builder->missing_users[record->user_ref - policy->user_count], id);
        policy_note_dangling(policy, ITEM_CREDENTIAL, pool_string(&policy->pool, record->id), ITEM_USER, id);
    }
}

/* What was listed from that entry on. */
static int keep_dangling(struct policy *policy, size_t from)
{
    uint32_t ignored;
    int r = 0;

    for (size_t i = from; i < policy->dangling_count && i < POLICY_DANGLING_MAX && r == 0; i++)
        r = pool_add(&policy->people_dangling, policy_dangling(policy, i), &ignored);
    return r;
}

int policy_finish_people(struct policy_builder *builder)
{
    struct policy *policy = builder->policy;
    size_t listed = policy->dangling_count;
    int r = sort_people(builder);

    if (r == 0)
        r = settle_people(policy);
    if (r == 0)
        r = index_by_user(policy);
    if (r == 0)
        r = resolve_validities(builder);
    if (r == 0)
        r = resolve_terms(builder);
    if (r == 0)
        r = index_by_hash(policy);
    if (r == 0)
        r = resolve_blocks(builder);
    if (r == 0)
        r = resolve_tagsets(builder);
    if (r == 0)
        r = policy_join_tagsets(policy);
    if (r == 0)
        r = policy_join_users(policy);
    if (r < 0)
        return r;
    note_missing_tags(builder);
    resolve_links(builder);
    note_missing_users(builder);
    pool_trim(&policy->pool);
    return keep_dangling(policy, listed);
}
