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
static int sort_records(const struct pool *pool, void **records, uint32_t count, size_t id_at,
                        uint32_t **ret_from)
{
    cleanup_with(freep) struct place *places = calloc((size_t)count + 1, sizeof(*places));
    char *bytes = *records;

    *ret_from = NULL;
    if (!places)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t id;

        memcpy(&id, bytes + i * POLICY_RECORD_BYTES + id_at, sizeof(id));
        places[i] = (struct place){ pool_string(pool, id), i };
    }
    if (in_order(places, count))
        return 0;
    qsort(places, count, sizeof(*places), compare_places);
    char *sorted = malloc(((size_t)count + 1) * POLICY_RECORD_BYTES);
    uint32_t *from = malloc(((size_t)count + 1) * sizeof(*from));

    if (!sorted || !from) {
        free(sorted);
        free(from);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        memcpy(sorted + i * POLICY_RECORD_BYTES, bytes + places[i].at * POLICY_RECORD_BYTES,
               POLICY_RECORD_BYTES);
        from[i] = places[i].at;
    }
    free(bytes);
    *records = sorted;
    *ret_from = from;
    return 0;
}

int policy_sort_people(struct policy *policy, uint32_t **ret_users_from)
{
    cleanup_with(freep) uint32_t *credentials_from = NULL;
    void *users = policy->users;
    void *credentials = policy->credentials;
    int r = sort_records(&policy->pool, &users, policy->user_count, offsetof(struct user_record, id),
                         ret_users_from);

    policy->users = users;
    if (r == 0)
        r = sort_records(&policy->pool, &credentials, policy->credential_count,
                         offsetof(struct credential_record, id), &credentials_from);
    policy->credentials = credentials;
    return r;
}

/* Users get their indexes; numbers of users that are not there get those behind. */
static int number_users(struct policy_builder *builder, const uint32_t *from)
{
    struct policy *policy = builder->policy;
    uint32_t count = builder->user_ids.count;
    cleanup_with(freep) uint32_t *index_of = malloc(((size_t)count + 1) * sizeof(*index_of));
    int r = 0;

    policy->missing_users = policy_alloc(policy, count - policy->user_count, sizeof(*policy->missing_users));
    if (!index_of || !policy->missing_users)
        return -ENOMEM;
    memset(index_of, 0xff, (size_t)count * sizeof(*index_of));
    for (uint32_t i = 0; i < policy->user_count; i++)
        index_of[builder->user_refs[from ? from[i] : i]] = i;
    for (uint32_t i = 0; r == 0 && i < policy->credential_count; i++) {
        uint32_t *ref = &policy->credentials[i].user_ref;

        if (index_of[*ref] == POLICY_NONE) {
            r = pool_add_key(&policy->pool, &builder->user_ids, *ref,
                             &policy->missing_users[policy->missing_user_count]);
            index_of[*ref] = policy->user_count + policy->missing_user_count++;
        }
        *ref = index_of[*ref];
    }
    return r;
}

/* Moves records to where a cache line begins, with room for one more and nothing of what growing left over.
 * NULL: out of memory, and they stay. */
static void *settle(void *records, size_t count, size_t entry)
{
    void *settled = pages_alloc((count + 1) * entry);

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
int policy_index_by_user(struct policy *policy)
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
int policy_index_by_hash(struct policy *policy)
{
    uint32_t count = policy->credential_count;

    policy->slot_count = count + count / 2 + 1;
    policy->slot_index_mask = policy_index_mask(count);
    policy->slots = pages_alloc(policy->slot_count * sizeof(*policy->slots));
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

int policy_finish_people(struct policy_builder *builder)
{
    cleanup_with(freep) uint32_t *users_from = NULL;
    struct policy *policy = builder->policy;
    int r = policy_sort_people(policy, &users_from);

    if (r == 0)
        r = number_users(builder, users_from);
    if (r == 0)
        r = settle_people(policy);
    if (r == 0)
        r = policy_index_by_user(policy);
    if (r == 0)
        r = policy_finish_shared(builder);
    if (r == 0)
        r = policy_index_by_hash(policy);
    pool_trim(&policy->pool);
    return r;
}
