/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory for large tables: aligned, whole, and free()'s. Whether the kernel follows the advice is its own
 * affair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <string.h>

#include "gateway/base/pages.h"

static void pages_alloc__any_size__begins_a_line_and_is_whole(void **state)
{
    static const size_t sizes[] = { 0, 1, 63, 4096, ((size_t)2 << 20) - 1, (size_t)2 << 20, 5000001 };

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint8_t *memory = pages_alloc(sizes[i]);

        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % PAGES_ALIGN, 0);
        memset(memory, 0xa5, sizes[i]);
        free(memory);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_alloc__any_size__begins_a_line_and_is_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
