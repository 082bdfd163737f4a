/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Presentations from what a reader sees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "hal/nfc/nfc_proto.h"

static const uint8_t ada[] = { 0x04, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6 };
static const uint8_t ben[] = { 0xa1, 0xb2, 0xc3, 0xd4 };

static void put(struct nfc_presence *presence, const uint8_t *uid, size_t len, int64_t now,
                const char *expected)
{
    struct nfc_change change = nfc_presence_put(presence, uid, len, now);

    assert_int_equal(change.removed, strchr(expected, 'r') != NULL);
    assert_int_equal(change.presented, strchr(expected, 'p') != NULL);
}

static void presence__card_lies_there__is_one_presentation(void **state)
{
    struct nfc_presence presence = { 0 };

    put(&presence, NULL, 0, 0, "");
    put(&presence, ada, sizeof(ada), 1000, "p");
    for (int64_t now = 2000; now < 10 * NFC_REMOVED_AFTER_US; now += 40000)
        put(&presence, ada, sizeof(ada), now, "");
}

static void presence__radio_fades__is_no_removal(void **state)
{
    struct nfc_presence presence = { 0 };

    put(&presence, ada, sizeof(ada), 0, "p");
    put(&presence, NULL, 0, NFC_REMOVED_AFTER_US - 1, "");
    put(&presence, ada, sizeof(ada), NFC_REMOVED_AFTER_US - 1, "");
    put(&presence, NULL, 0, 2 * NFC_REMOVED_AFTER_US - 2, "");
    put(&presence, NULL, 0, 2 * NFC_REMOVED_AFTER_US - 1, "r");
    put(&presence, NULL, 0, 9 * NFC_REMOVED_AFTER_US, "");
}

static void presence__laid_on_again__is_presented_again(void **state)
{
    struct nfc_presence presence = { 0 };

    put(&presence, ada, sizeof(ada), 0, "p");
    put(&presence, NULL, 0, NFC_REMOVED_AFTER_US, "r");
    put(&presence, ada, sizeof(ada), NFC_REMOVED_AFTER_US + 1, "p");
}

static void presence__another_card__ends_the_one_before(void **state)
{
    struct nfc_presence presence = { 0 };

    put(&presence, ada, sizeof(ada), 0, "p");
    put(&presence, ben, sizeof(ben), 1, "rp");
    put(&presence, ada, 4, 2, "rp"); /* the first bytes of a number are not that number */
}

static void presence__number_of_no_size__is_no_card(void **state)
{
    const uint8_t bytes[NFC_UID_MAX] = { 1 };
    struct nfc_presence presence = { 0 };

    for (size_t len = 0; len <= NFC_UID_MAX; len++) {
        presence = (struct nfc_presence){ 0 };
        put(&presence, bytes, len, 0, len == 4 || len == 7 || len == 10 ? "p" : "");
    }
}

static void value__bytes_in_order__are_upper_case_hex(void **state)
{
    char value[NFC_VALUE_SIZE];

    nfc_value(ada, sizeof(ada), value);
    assert_string_equal(value, "04A1B2C3D4E5F6");
}

static void serial_path__connection_strings__are_taken_apart(void **state)
{
    char path[32];

    assert_true(nfc_serial_path("pn532_uart:/dev/ttyUSB0:115200", path, sizeof(path)));
    assert_string_equal(path, "/dev/ttyUSB0");
    assert_true(nfc_serial_path("pn532_uart:/tmp/nfc", path, sizeof(path)));
    assert_string_equal(path, "/tmp/nfc");
    assert_false(nfc_serial_path("pn53x_usb:001:004", path, sizeof(path)));
    assert_false(nfc_serial_path("pn532_uart:/a/path/that/is/longer/than/there/is/room", path, sizeof(path)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presence__card_lies_there__is_one_presentation),
        cmocka_unit_test(presence__radio_fades__is_no_removal),
        cmocka_unit_test(presence__laid_on_again__is_presented_again),
        cmocka_unit_test(presence__another_card__ends_the_one_before),
        cmocka_unit_test(presence__number_of_no_size__is_no_card),
        cmocka_unit_test(value__bytes_in_order__are_upper_case_hex),
        cmocka_unit_test(serial_path__connection_strings__are_taken_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
