/* SPDX-License-Identifier: GPL-3.0-or-later */
/* allocation_fixture.h: the nth allocation from here on fails, once. For the core's own allocations, and
 * those of the policy's memory by themselves, which come out of chunks: a test that includes it is linked
 * with failing_allocations. */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

struct json_object;
struct policy;

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
FAILING(strdup, (const char *string), string)
FAILING(policy_alloc, (struct policy * policy, size_t count, size_t size), policy, count, size)
FAILING(policy_copy, (struct policy * policy, const char *string), policy, string)
