/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Strings in one block: what 32-bit offsets cannot reach is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>

#include "gateway/core/pool.h"

/* One more byte than there are offsets. Nothing is there, and nothing is touched. */
static void pool__beyond_its_offsets__too_big(void **state)
{
    struct pool full = { .len = UINT32_MAX - 4, .size = UINT32_MAX - 4 };
    struct interner interner = { 0 };
    uint32_t offset, number;

    assert_int_equal(interner_put(&interner, "abcd", 4, &number), 0);
    assert_int_equal(pool_add(&full, "abcd", &offset), -E2BIG);
    assert_int_equal(pool_add_key(&full, &interner, number, &offset), -E2BIG);
    interner_finish(&interner);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(pool__beyond_its_offsets__too_big) };

    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
