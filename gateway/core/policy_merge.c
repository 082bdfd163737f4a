/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_merge.c: people of a policy that differ from another's by a few. Records are copied in stretches
 * between the edits; then what names records by index is renumbered in one pass each. Nothing is looked up by
 * id or by hash but what was changed. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "gateway/core/policy_builder.h"

/* So many slots may be taken before the table is made anew: three of four. */
#define SLOTS_TAKEN_MAX(slots) ((slots) / 4 * 3)

/* One record goes, one comes, or one takes the place of another. */
struct edit {
    const char *id;
    uint32_t at; /* in the base: of the one that goes, or before which one comes */
    bool goes;
    uint32_t from; /* among those that were added; POLICY_NONE: none comes */
    uint32_t to;   /* its index now */
};

struct edits {
    struct edit *list;
    uint32_t count;
};

/* What of the base's became what. */
struct merge {
    struct policy_builder *builder;
    const struct policy *base;
    struct policy *policy;
    struct edits users;
    struct edits credentials;
    uint32_t *user_refs;     /* of each user_ref of the base; POLICY_NONE: not known yet */
    uint32_t *numbers;       /* the same of each number in user_ids */
    uint32_t *credential_at; /* of each of the base that stayed as it was; POLICY_NONE: of the others */
};

static void merge_finish(struct merge *merge)
{
    free(merge->users.list);
    free(merge->credentials.list);
    free(merge->user_refs);
    free(merge->numbers);
    free(merge->credential_at);
}

/* --- Edits. --- */

static int compare_edits(const void *a, const void *b)
{
    return strcmp(((const struct edit *)a)->id, ((const struct edit *)b)->id);
}

static void add_edit(const struct merge *merge, struct edits *edits, enum item_kind kind, const char *id,
                     uint32_t from)
{
    uint32_t at = policy_find_from(merge->base, kind, id);
    bool goes = at < policy_count(merge->base, kind) && strcmp(policy_id(merge->base, kind, at), id) == 0;

    if (goes || from != POLICY_NONE)
        edits->list[edits->count++] = (struct edit){ .id = id, .at = at, .goes = goes, .from = from };
}

static size_t count_strings(const struct pool *pool)
{
    size_t count = 0;

    for (size_t at = 0; at < pool->len; at += strlen(pool->bytes + at) + 1)
        count++;
    return count;
}

/* In order of id. Those that were added are in their order already. */
static int find_edits(const struct merge *merge, enum item_kind kind, uint32_t added, struct edits *ret)
{
    const struct pool *removed = &merge->builder->removed[kind];

    ret->list = calloc(added + count_strings(removed) + 1, sizeof(*ret->list));
    if (!ret->list)
        return -ENOMEM;
    for (uint32_t i = 0; i < added; i++)
        add_edit(merge, ret, kind, policy_id(merge->policy, kind, i), i);
    for (size_t at = 0; at < removed->len; at += strlen(removed->bytes + at) + 1)
        add_edit(merge, ret, kind, removed->bytes + at, POLICY_NONE);
    qsort(ret->list, ret->count, sizeof(*ret->list), compare_edits);
    return 0;
}

/* --- Records. --- */

/* Those of one kind. */
struct records {
    const void *base;
    uint32_t base_count;
    void *list; /* those that were added; then all */
    uint32_t count;
    uint32_t *places; /* of each of the base, where it is now; POLICY_NONE if it went */
};

/* Puts the base's records from one index up to another behind what is in the list. */
static void copy_stretch(struct records *records, uint32_t from, uint32_t up_to)
{
    memcpy((char *)records->list + records->count * POLICY_RECORD_BYTES,
           (const char *)records->base + from * POLICY_RECORD_BYTES, (up_to - from) * POLICY_RECORD_BYTES);
    for (uint32_t i = from; i < up_to; i++)
        records->places[i] = records->count++;
}

/* Makes the edits. */
static int merge_records(struct records *records, struct edits *edits)
{
    char *merged = pages_alloc(((size_t)records->base_count + edits->count + 1) * POLICY_RECORD_BYTES);
    cleanup_with(freep) char *added = NULL;
    uint32_t next = 0;

    if (!merged)
        return -ENOMEM;
    added = records->list;
    records->list = merged;
    records->count = 0;
    for (uint32_t i = 0; i < edits->count; i++) {
        struct edit *edit = &edits->list[i];

        assert(edit->at >= next); /* each was changed once */
        copy_stretch(records, next, edit->at);
        next = edit->at;
        if (edit->goes)
            records->places[next++] = POLICY_NONE;
        if (edit->from == POLICY_NONE)
            continue;
        edit->to = records->count++;
        memcpy(merged + edit->to * POLICY_RECORD_BYTES, added + edit->from * POLICY_RECORD_BYTES,
               POLICY_RECORD_BYTES);
    }
    copy_stretch(records, next, records->base_count);
    return 0;
}

static int merge_users(struct merge *merge)
{
    struct policy *policy = merge->policy;
    size_t refs = (size_t)merge->base->user_count + merge->base->missing_user_count;

    merge->user_refs = malloc((refs + 1) * sizeof(*merge->user_refs));
    if (!merge->user_refs)
        return -ENOMEM;
    memset(merge->user_refs, 0xff, refs * sizeof(*merge->user_refs));
    struct records records = { .base = merge->base->users,
                               .base_count = merge->base->user_count,
                               .list = policy->users,
                               .places = merge->user_refs };
    int r = merge_records(&records, &merge->users);

    if (r < 0)
        return r;
    policy->users = records.list;
    policy->user_count = records.count;
    policy->users[policy->user_count] = (struct user_record){ 0 };
    return 0;
}

static int merge_credentials(struct merge *merge)
{
    struct policy *policy = merge->policy;

    merge->credential_at =
        malloc(((size_t)merge->base->credential_count + 1) * sizeof(*merge->credential_at));
    if (!merge->credential_at)
        return -ENOMEM;
    struct records records = { .base = merge->base->credentials,
                               .base_count = merge->base->credential_count,
                               .list = policy->credentials,
                               .places = merge->credential_at };
    int r = merge_records(&records, &merge->credentials);

    if (r < 0)
        return r;
    policy->credentials = records.list;
    policy->credential_count = records.count;
    return 0;
}

/* --- Users of credentials. --- */

/* The user_ref of a number in user_ids; offset: the id in the pool, POOL_NONE if it is not there yet. */
static int refer(struct merge *merge, uint32_t number, uint32_t offset, uint32_t *ret_ref)
{
    struct policy *policy = merge->policy;
    int r = 0;

    if (merge->numbers[number] == POLICY_NONE) {
        if (offset == POOL_NONE)
            r = pool_add_key(&policy->pool, &merge->builder->user_ids, number, &offset);
        if (r < 0)
            return r;
        uint32_t user = policy_find(policy, ITEM_USER, pool_string(&policy->pool, offset));

        if (user == POLICY_NONE) {
            user = policy->user_count + policy->missing_user_count;
            policy->missing_users[policy->missing_user_count++] = offset;
        }
        merge->numbers[number] = user;
    }
    *ret_ref = merge->numbers[number];
    return 0;
}

/* The user_ref of one of the base: of a user who went or was replaced, or who was missing. */
static int refer_again(struct merge *merge, uint32_t ref)
{
    const struct policy *base = merge->base;
    uint32_t offset =
        ref < base->user_count ? base->users[ref].id : base->missing_users[ref - base->user_count];
    const char *id = pool_string(&base->pool, offset);
    uint32_t number;
    int r = interner_put(&merge->builder->user_ids, id, strlen(id), &number);

    return r == 0 ? refer(merge, number, offset, &merge->user_refs[ref]) : r;
}

static int begin_referring(struct merge *merge)
{
    size_t most =
        (size_t)merge->builder->user_ids.count + merge->users.count + merge->base->missing_user_count;

    merge->numbers = malloc((most + 1) * sizeof(*merge->numbers));
    merge->policy->missing_users = policy_alloc(merge->policy, most, sizeof(*merge->policy->missing_users));
    if (!merge->numbers || !merge->policy->missing_users)
        return -ENOMEM;
    memset(merge->numbers, 0xff, most * sizeof(*merge->numbers));
    return 0;
}

static int renumber_users(struct merge *merge)
{
    const struct policy *base = merge->base;
    struct credential_record *credentials = merge->policy->credentials;
    int r = begin_referring(merge);

    for (uint32_t i = 0; r == 0 && i < base->credential_count; i++) {
        uint32_t ref = base->credentials[i].user_ref;

        if (merge->credential_at[i] == POLICY_NONE)
            continue;
        if (merge->user_refs[ref] == POLICY_NONE)
            r = refer_again(merge, ref);
        credentials[merge->credential_at[i]].user_ref = merge->user_refs[ref];
    }
    for (uint32_t i = 0; r == 0 && i < merge->credentials.count; i++) {
        const struct edit *edit = &merge->credentials.list[i];

        if (edit->from != POLICY_NONE)
            r = refer(merge, credentials[edit->to].user_ref, POOL_NONE, &credentials[edit->to].user_ref);
    }
    return r;
}

/* --- Slots, and chains of credentials with one hash. --- */

/* Of a chain of the base from there on, where the first is now that stayed as it was. */
static uint32_t first_left(const struct merge *merge, uint32_t credential)
{
    while (credential != POLICY_NONE && merge->credential_at[credential] == POLICY_NONE)
        credential = merge->base->credentials[credential].next_same;
    return credential == POLICY_NONE ? POLICY_NONE : merge->credential_at[credential];
}

/* Those behind a slot that became free, up to the next free one, come anew: they may lie there because it was
 * taken. */
static void close_gap(struct policy *policy, uint32_t gap)
{
    for (uint32_t at = gap; policy->slots[at = at + 1 < policy->slot_count ? at + 1 : 0] != POLICY_NONE;) {
        uint32_t value = policy->slots[at];
        const struct credential_record *record = &policy->credentials[value & policy->slot_index_mask];

        policy->slots[at] = POLICY_NONE;
        *policy_slot(policy, (enum credential_type)policy->terms[record->terms].type, record->hash) = value;
    }
}

/* Puts a credential into its chain, which is in order of id. */
static void enter(struct policy *policy, uint32_t credential)
{
    struct credential_record *record = &policy->credentials[credential];
    uint32_t *slot =
        policy_slot(policy, (enum credential_type)policy->terms[record->terms].type, record->hash);
    uint32_t next = *slot == POLICY_NONE ? POLICY_NONE : *slot & policy->slot_index_mask;
    uint32_t before = POLICY_NONE;

    for (; next < credential; next = policy->credentials[next].next_same)
        before = next;
    record->next_same = next;
    if (before == POLICY_NONE)
        *slot = policy_slot_value(policy, credential);
    else
        policy->credentials[before].next_same = credential;
}

static int renumber_slots(struct merge *merge)
{
    const struct policy *base = merge->base;
    struct policy *policy = merge->policy;
    cleanup_with(freep) uint32_t *gaps = malloc(((size_t)merge->credentials.count + 1) * sizeof(*gaps));
    uint32_t gap_count = 0;

    policy->slots = pages_alloc(base->slot_count * sizeof(*policy->slots));
    if (!gaps || !policy->slots)
        return -ENOMEM;
    policy->slot_count = base->slot_count;
    policy->slot_index_mask = base->slot_index_mask;
    for (uint32_t at = 0; at < base->slot_count; at++) {
        uint32_t slot = base->slots[at];
        uint32_t left = slot == POLICY_NONE ? POLICY_NONE : first_left(merge, slot & base->slot_index_mask);

        if (slot != POLICY_NONE && left == POLICY_NONE)
            gaps[gap_count++] = at;
        policy->slots[at] = left == POLICY_NONE ? POLICY_NONE : (slot & ~base->slot_index_mask) | left;
    }
    for (uint32_t i = 0; i < gap_count; i++)
        close_gap(policy, gaps[i]);
    for (uint32_t i = 0; i < merge->credentials.count; i++)
        if (merge->credentials.list[i].from != POLICY_NONE)
            enter(policy, merge->credentials.list[i].to);
    return 0;
}

static void renumber_chains(struct merge *merge)
{
    for (uint32_t i = 0; i < merge->base->credential_count; i++) {
        uint32_t next = merge->base->credentials[i].next_same;

        if (next != POLICY_NONE && merge->credential_at[i] != POLICY_NONE)
            merge->policy->credentials[merge->credential_at[i]].next_same = first_left(merge, next);
    }
}

static int merge_slots(struct merge *merge)
{
    const struct policy *base = merge->base;
    uint32_t count = merge->policy->credential_count;

    if (policy_index_mask(count) != base->slot_index_mask || count > SLOTS_TAKEN_MAX(base->slot_count))
        return policy_index_by_hash(merge->policy);
    renumber_chains(merge);
    return renumber_slots(merge);
}

/* --- The whole. --- */

int policy_merge_people(struct policy_builder *builder)
{
    cleanup_with(merge_finish) struct merge merge = { .builder = builder,
                                                      .base = builder->base,
                                                      .policy = builder->policy };
    cleanup_with(freep) uint32_t *ignored = NULL;
    int r = policy_sort_people(builder->policy, &ignored);

    if (r == 0)
        r = find_edits(&merge, ITEM_USER, builder->policy->user_count, &merge.users);
    if (r == 0)
        r = find_edits(&merge, ITEM_CREDENTIAL, builder->policy->credential_count, &merge.credentials);
    if (r == 0)
        r = merge_users(&merge);
    if (r == 0)
        r = merge_credentials(&merge);
    if (r == 0)
        r = renumber_users(&merge);
    if (r == 0)
        r = policy_index_by_user(builder->policy);
    if (r == 0)
        r = policy_finish_shared(builder);
    if (r == 0)
        r = merge_slots(&merge);
    builder->policy->edits = builder->base->edits + merge.users.count + merge.credentials.count;
    return r;
}
