/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_memory.c: many small things live as long as the policy. Each by itself among the objects that are
 * compiled would keep the pages of these from being given back; so they lie together in chunks. */
#include <json-c/json.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/core/policy_internal.h"

struct chunk {
    struct chunk *next;
    size_t used;
    size_t size;
    max_align_t bytes[];
};

#define CHUNK_BYTES ((size_t)64 << 10)

static struct chunk *add_chunk(struct policy *policy, size_t size)
{
    struct chunk *chunk = calloc(1, sizeof(*chunk) + size);

    if (!chunk)
        return NULL;
    chunk->size = size;
    chunk->next = policy->chunks;
    policy->chunks = chunk;
    return chunk;
}

void *policy_alloc(struct policy *policy, size_t count, size_t size)
{
    size_t len = (count * size + sizeof(max_align_t)) / sizeof(max_align_t) * sizeof(max_align_t);
    struct chunk *chunk = policy->chunks;

    if (!chunk || chunk->size - chunk->used < len)
        chunk = add_chunk(policy, len > CHUNK_BYTES ? len : CHUNK_BYTES);
    if (!chunk)
        return NULL;
    chunk->used += len;
    return (char *)chunk->bytes + chunk->used - len;
}

char *policy_copy(struct policy *policy, const char *string)
{
    size_t len = strlen(string) + 1;
    char *copy = policy_alloc(policy, len, 1);

    if (copy)
        memcpy(copy, string, len);
    return copy;
}

void policy_drop_objects(struct policy *policy)
{
    for (int kind = 0; kind < ITEM_KINDS; kind++)
        for (uint32_t i = 0; i < policy->named[kind].count; i++) {
            json_object_put(policy->named[kind].list[i].object);
            policy->named[kind].list[i].object = NULL;
        }
}

static void free_people(struct policy *policy)
{
    if (policy->image) {
        policy->release_image(policy->image, policy->image_len);
        return;
    }
    pool_finish(&policy->pool);
    free(policy->users);
    free(policy->credentials);
    free(policy->by_user);
    free(policy->slots);
}

struct policy *policy_share(struct policy *policy)
{
    atomic_fetch_add(&policy->sharers, 1);
    return policy;
}

struct policy *policy_free(struct policy *policy)
{
    if (!policy || atomic_fetch_sub(&policy->sharers, 1) > 0)
        return NULL;
    policy_drop_objects(policy);
    for (int kind = 0; kind < ITEM_KINDS; kind++)
        free(policy->named[kind].list);
    for (struct chunk *chunk = policy->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    zone_free(policy->zone);
    free_people(policy);
    free(policy);
    return NULL;
}
