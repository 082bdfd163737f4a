/* SPDX-License-Identifier: GPL-3.0-or-later */
/* allocation_fixture.h: the nth allocation from here on fails, once: the core's own ones, and what comes out
 * of memory that is allocated in bulk (chunks, pools), as if none were left. A test that includes it is
 * linked with failing_allocations. */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct interner;
struct json_object;
struct policy;
struct pool;

static size_t countdown; /* 0: none fails any more */

static inline bool fails(void)
{
    return countdown > 0 && --countdown == 0;
}

int __real_posix_memalign(void **memory, size_t alignment, size_t size);
int __wrap_posix_memalign(void **memory, size_t alignment, size_t size);

int __wrap_posix_memalign(void **memory, size_t alignment, size_t size)
{
    return fails() ? ENOMEM : __real_posix_memalign(memory, alignment, size);
}

int __real_json_object_object_add(struct json_object *object, const char *name, struct json_object *value);
int __wrap_json_object_object_add(struct json_object *object, const char *name, struct json_object *value);

int __wrap_json_object_object_add(struct json_object *object, const char *name, struct json_object *value)
{
    return fails() ? -1 : __real_json_object_object_add(object, name, value);
}

#define FAILING_PUT(name, parameters, ...)                                                                   \
    int __real_##name parameters;                                                                            \
    int __wrap_##name parameters;                                                                            \
    int __wrap_##name parameters                                                                             \
    {                                                                                                        \
        return fails() ? -ENOMEM : __real_##name(__VA_ARGS__);                                               \
    }

FAILING_PUT(pool_add, (struct pool * pool, const char *string, uint32_t *ret), pool, string, ret)
FAILING_PUT(pool_add_key,
            (struct pool * pool, const struct interner *interner, uint32_t number, uint32_t *ret), pool,
            interner, number, ret)
FAILING_PUT(interner_put, (struct interner * interner, const void *key, size_t len, uint32_t *ret), interner,
            key, len, ret)

#define FAILING(name, parameters, ...)                                                                       \
    void *__real_##name parameters;                                                                          \
    void *__wrap_##name parameters;                                                                          \
    void *__wrap_##name parameters                                                                           \
    {                                                                                                        \
        return fails() ? NULL : __real_##name(__VA_ARGS__);                                                  \
    }

FAILING(malloc, (size_t size), size)
FAILING(calloc, (size_t count, size_t size), count, size)
FAILING(realloc, (void *memory, size_t size), memory, size)
FAILING(json_object_new_string, (const char *string), string)
FAILING(strdup, (const char *string), string)
FAILING(policy_alloc, (struct policy * policy, size_t count, size_t size), policy, count, size)
FAILING(policy_copy, (struct policy * policy, const char *string), policy, string)
