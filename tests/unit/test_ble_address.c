/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_ble_address.c: an address and its text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>

#include "proto/ble_address.h"

static void address__either_case__is_read_last_byte_first_and_written_in_upper_case(void **state)
{
    static const uint8_t bytes[] = { 0x0c, 0x0b, 0x0a, 0x72, 0xd2, 0x54 };
    struct ble_address address;
    char text[BLE_ADDRESS_TEXT_SIZE];

    assert_int_equal(ble_address_parse("54:d2:72:0A:0b:0C", BLE_ADDRESS_RANDOM, &address), 0);
    assert_memory_equal(address.bytes, bytes, sizeof(bytes));
    assert_int_equal(address.type, BLE_ADDRESS_RANDOM);
    ble_address_format(&address, text);
    assert_string_equal(text, "54:D2:72:0A:0B:0C");
}

static void address__other_text__is_refused_and_nothing_written(void **state)
{
    static const char *const texts[] = {
        "",
        "54:D2:72:0A:0B",
        "54:D2:72:0A:0B:0",
        "54:D2:72:0A:0B:0C:",
        "54:D2:72:0A:0B:0C0",
        "54-D2-72-0A-0B-0C",
        "54:D2:72:0A:0B:0G",
        "+4:D2:72:0A:0B:0C",
        " 4:D2:72:0A:0B:0C",
        "54:D2:72:0A:0B:C ",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct ble_address address = { .bytes = { 0xa5 } };

        assert_int_equal(ble_address_parse(texts[i], BLE_ADDRESS_PUBLIC, &address), -EBADMSG);
        assert_int_equal(address.bytes[0], 0xa5);
        assert_false(ble_address_valid(texts[i]));
    }
}

static void address__same_bytes_of_another_type__is_another(void **state)
{
    struct ble_address a = { .bytes = { 1, 2, 3, 4, 5, 6 }, .type = BLE_ADDRESS_PUBLIC };
    struct ble_address b = a;

    assert_true(ble_address_equal(&a, &b));
    b.type = BLE_ADDRESS_RANDOM;
    assert_false(ble_address_equal(&a, &b));
    b = a;
    b.bytes[5] = 7;
    assert_false(ble_address_equal(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(address__either_case__is_read_last_byte_first_and_written_in_upper_case),
        cmocka_unit_test(address__other_text__is_refused_and_nothing_written),
        cmocka_unit_test(address__same_bytes_of_another_type__is_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
