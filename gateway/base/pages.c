/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pages.c: nothing but advice to the kernel; without it, or where it is not followed, reads are slower. */
#include "gateway/base/pages.h"

#include <stdlib.h>
#include <sys/mman.h>

/* Of a large page: on x86-64, and on arm64 with small pages of 4 KiB. */
#define LARGE_BYTES ((size_t)2 << 20)

void *pages_alloc(size_t len)
{
    size_t align = len < LARGE_BYTES ? PAGES_ALIGN : LARGE_BYTES;
    void *memory = NULL;

    if (posix_memalign(&memory, align, len) != 0)
        return NULL;
    if (align == LARGE_BYTES)
        (void)madvise(memory, len, MADV_HUGEPAGE);
    return memory;
}
