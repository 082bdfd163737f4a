/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pool.h: strings in one block, named by their offset; and numbers for what repeats. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"

#define POOL_NONE UINT32_MAX

struct pool {
    char *bytes;
    size_t len;
    size_t size;
};

void pool_finish(struct pool *pool);

/* Appends a string. Returns 0, -ENOMEM, or -E2BIG beyond 4 GiB. */
int pool_add(struct pool *pool, const char *string, uint32_t *ret_offset) must_check;

/* Becomes a copy of another with room for so much more. Returns 0 or -ENOMEM. */
int pool_copy(struct pool *pool, const struct pool *from, size_t more) must_check;

/* Gives back what is not used. */
void pool_trim(struct pool *pool);

static inline const char *pool_string(const struct pool *pool, uint32_t offset)
{
    return offset == POOL_NONE ? NULL : pool->bytes + offset;
}

/* Equal byte strings get equal numbers, counted from 0. */
struct interner {
    struct pool keys;  /* each behind its length */
    uint32_t *offsets; /* of key i in keys */
    uint32_t count;
    uint32_t size;
    uint32_t *slots;     /* numbers, POOL_NONE is free */
    uint32_t slot_count; /* a power of two, or 0 */
};

void interner_finish(struct interner *interner);

int interner_put(struct interner *interner, const void *key, size_t len, uint32_t *ret_number) must_check;

/* The key of a number, aligned to nothing. */
const void *interner_key(const struct interner *interner, uint32_t number, size_t *ret_len);

/* Appends a key, and a NUL. Returns what pool_add() does. */
int pool_add_key(struct pool *pool, const struct interner *interner, uint32_t number,
                 uint32_t *ret_offset) must_check;
