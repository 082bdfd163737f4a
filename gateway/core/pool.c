/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pool.c: growing by half as much again keeps a million strings from being copied more than a few times. */
#include "gateway/core/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_MIN 4096

void pool_finish(struct pool *pool)
{
    free(pool->bytes);
    *pool = (struct pool){ 0 };
}

static int reserve(struct pool *pool, size_t more)
{
    size_t size = pool->size ? pool->size : SIZE_MIN;

    if (more > UINT32_MAX - 1 - pool->len)
        return -E2BIG;
    while (size - pool->len < more)
        size += size / 2;
    if (size == pool->size)
        return 0;
    char *bytes = realloc(pool->bytes, size);

    if (!bytes)
        return -ENOMEM;
    pool->bytes = bytes;
    pool->size = size;
    return 0;
}

/* There is room. */
static void append(struct pool *pool, const void *bytes, size_t len)
{
    memcpy(pool->bytes + pool->len, bytes, len);
    pool->len += len;
}

int pool_add(struct pool *pool, const char *string, uint32_t *ret_offset)
{
    size_t size = strlen(string) + 1;
    int r = reserve(pool, size);

    if (r < 0)
        return r;
    *ret_offset = (uint32_t)pool->len;
    append(pool, string, size);
    return 0;
}

int pool_copy(struct pool *pool, const struct pool *from, size_t more)
{
    char *bytes = malloc(from->len + more);

    if (!bytes)
        return -ENOMEM;
    if (from->len > 0)
        memcpy(bytes, from->bytes, from->len);
    pool_finish(pool);
    *pool = (struct pool){ .bytes = bytes, .len = from->len, .size = from->len + more };
    return 0;
}

void pool_trim(struct pool *pool)
{
    char *bytes = pool->len ? realloc(pool->bytes, pool->len) : NULL;

    if (!bytes)
        return;
    pool->bytes = bytes;
    pool->size = pool->len;
}

void interner_finish(struct interner *interner)
{
    pool_finish(&interner->keys);
    free(interner->offsets);
    free(interner->slots);
    *interner = (struct interner){ 0 };
}

/* FNV-1a, folded: keys come from a policy that was signed for, and a slow compile is the worst that it can
 * do. */
static uint32_t hash_of(const void *key, size_t len)
{
    const uint8_t *bytes = key;
    uint64_t hash = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
    return (uint32_t)(hash ^ hash >> 32);
}

const void *interner_key(const struct interner *interner, uint32_t number, size_t *ret_len)
{
    const char *at = interner->keys.bytes + interner->offsets[number];
    uint32_t len;

    memcpy(&len, at, sizeof(len));
    *ret_len = len;
    return at + sizeof(len);
}

static uint32_t *find_slot(const struct interner *interner, const void *key, size_t len)
{
    uint32_t mask = interner->slot_count - 1;
    uint32_t at = hash_of(key, len) & mask;

    while (interner->slots[at] != POOL_NONE) {
        size_t other_len;
        const void *other = interner_key(interner, interner->slots[at], &other_len);

        if (other_len == len && memcmp(other, key, len) == 0)
            break;
        at = (at + 1) & mask;
    }
    return &interner->slots[at];
}

static int grow_slots(struct interner *interner)
{
    uint32_t count = interner->slot_count ? 2 * interner->slot_count : 64;
    uint32_t *slots = malloc(count * sizeof(*slots));

    if (!slots)
        return -ENOMEM;
    memset(slots, 0xff, count * sizeof(*slots));
    free(interner->slots);
    interner->slots = slots;
    interner->slot_count = count;
    for (uint32_t i = 0; i < interner->count; i++) {
        size_t len;
        const void *key = interner_key(interner, i, &len);

        *find_slot(interner, key, len) = i;
    }
    return 0;
}

static int grow_offsets(struct interner *interner)
{
    uint32_t size = interner->size ? interner->size + interner->size / 2 : 64;
    uint32_t *offsets = realloc(interner->offsets, size * sizeof(*offsets));

    if (!offsets)
        return -ENOMEM;
    interner->offsets = offsets;
    interner->size = size;
    return 0;
}

static int add_key(struct interner *interner, const void *key, size_t len)
{
    uint32_t prefix = (uint32_t)len;
    int r = interner->count == interner->size ? grow_offsets(interner) : 0;

    if (r == 0)
        r = reserve(&interner->keys, sizeof(prefix) + len);
    if (r < 0)
        return r;
    interner->offsets[interner->count++] = (uint32_t)interner->keys.len;
    append(&interner->keys, &prefix, sizeof(prefix));
    append(&interner->keys, key, len);
    return 0;
}

int interner_put(struct interner *interner, const void *key, size_t len, uint32_t *ret_number)
{
    int r = 2 * (uint64_t)interner->count >= interner->slot_count ? grow_slots(interner) : 0;

    if (r < 0)
        return r;
    uint32_t *slot = find_slot(interner, key, len);

    if (*slot == POOL_NONE) {
        r = add_key(interner, key, len);
        if (r < 0)
            return r;
        *slot = interner->count - 1;
    }
    *ret_number = *slot;
    return 0;
}

int pool_add_key(struct pool *pool, const struct interner *interner, uint32_t number, uint32_t *ret_offset)
{
    size_t len;
    const void *key = interner_key(interner, number, &len);
    int r = reserve(pool, len + 1);

    if (r < 0)
        return r;
    *ret_offset = (uint32_t)pool->len;
    append(pool, key, len);
    append(pool, "", 1);
    return 0;
}
