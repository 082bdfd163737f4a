/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_bytes.c: which byte is which. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "gateway/base/bytes.h"

static void numbers__put_and_got__have_their_low_byte_first(void **state)
{
    static const uint8_t expected[] = { 0xf1, 0x82, 0xf4, 0x83, 0x72, 0xe1 };
    uint8_t bytes[sizeof(expected)];

    bytes_put_u16(bytes, 0x82f1);
    bytes_put_u32(bytes + 2, 0xe17283f4);
    assert_memory_equal(bytes, expected, sizeof(expected));
    assert_int_equal(bytes_get_u16(bytes), 0x82f1);
    assert_int_equal(bytes_get_u32(bytes + 2), 0xe17283f4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers__put_and_got__have_their_low_byte_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
