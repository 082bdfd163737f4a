/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_advert.c: advertising data, whole and broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <string.h>

#include "proto/advert.h"

/* a92ee200-5501-11e4-916c-0800200c9a66, Nuki's keyturner service (facts of the lock: hal/ble/README.md). */
#define KEYTURNER                                                                                            \
    0xa9, 0x2e, 0xe2, 0x00, 0x55, 0x01, 0x11, 0xe4, 0x91, 0x6c, 0x08, 0x00, 0x20, 0x0c, 0x9a, 0x66
#define KEYTURNER_REVERSED                                                                                   \
    0x66, 0x9a, 0x0c, 0x20, 0x00, 0x08, 0x6c, 0x91, 0xe4, 0x11, 0x01, 0x55, 0x00, 0xe2, 0x2e, 0xa9
#define FLAGS 2, 0x01, 0x06

static const uint8_t keyturner[] = { KEYTURNER };

static void read__beacon__has_its_uuid_numbers_and_power(void **state)
{
    static const uint8_t data[] = { FLAGS,     26,   0xff, 0x4c, 0x00, 0x02, 0x15,
                                    KEYTURNER, 0x1d, 0x0a, 0x0b, 0x0c, 0xc5 };
    struct advert advert = { 0 };

    advert_read(data, sizeof(data), &advert);
    assert_true(advert.beacon.present);
    assert_memory_equal(advert.beacon.uuid, keyturner, sizeof(keyturner));
    assert_int_equal(advert.beacon.major, 0x1d0a);
    assert_int_equal(advert.beacon.minor, 0x0b0c);
    assert_int_equal(advert.beacon.power, 0xc5);
    assert_int_equal(advert.service_count, 0);
    assert_string_equal(advert.name, "");
}

static void read__other_data_of_the_same_company__is_no_beacon(void **state)
{
    static const uint8_t homekit[] = { FLAGS, 7, 0xff, 0x4c, 0x00, 0x06, 0x2d, 0x01, 0x02 };
    static const uint8_t longer[] = { 27, 0xff, 0x4c, 0x00, 0x02, 0x15, KEYTURNER, 0, 0, 0, 0, 0xc5, 0 };
    struct advert advert = { 0 };

    advert_read(homekit, sizeof(homekit), &advert);
    advert_read(longer, sizeof(longer), &advert);
    assert_false(advert.beacon.present);
}

static void read__advertisement_and_scan_response__come_together(void **state)
{
    static const uint8_t first[] = { FLAGS, 17, 0x06, KEYTURNER_REVERSED };
    static const uint8_t second[] = { 5,   0x08, 'N', 'u', 'k', 'i', 10,  0x09, 'N',
                                      'u', 'k',  'i', '_', '1', 'D', '0', 'A' };
    struct advert advert = { 0 };

    advert_read(first, sizeof(first), &advert);
    advert_read(second, sizeof(second), &advert);
    assert_true(advert_has_service(&advert, keyturner));
    assert_string_equal(advert.name, "Nuki_1D0A");
    advert_read((const uint8_t[]){ 4, 0x08, 'N', 'u', 'k' }, 5, &advert);
    assert_string_equal(advert.name, "Nuki_1D0A");
}

static void read__service_data__names_its_service_once(void **state)
{
    static const uint8_t data[] = { 20, 0x21, KEYTURNER_REVERSED, 0x11, 0x22, 0x33 };
    struct advert advert = { 0 };

    advert_read(data, sizeof(data), &advert);
    advert_read(data, sizeof(data), &advert);
    assert_int_equal(advert.service_count, 1);
    assert_true(advert_has_service(&advert, keyturner));
}

static void read__more_services_than_are_kept__keeps_the_first(void **state)
{
    struct advert advert = { 0 };

    for (uint8_t i = 0; i < ADVERT_SERVICES_MAX + 2; i++) {
        uint8_t data[18] = { 17, 0x07, i };

        advert_read(data, sizeof(data), &advert);
    }
    assert_int_equal(advert.service_count, ADVERT_SERVICES_MAX);
    assert_int_equal(advert.services[0][ADVERT_UUID_BYTES - 1], 0);
}

static void read__other_than_ascii_in_a_name__is_replaced(void **state)
{
    static const uint8_t data[] = { 7, 0x09, 'a', 0x1b, '[', 0x00, 0x7f, 0xc3 };
    struct advert advert = { 0 };

    advert_read(data, sizeof(data), &advert);
    assert_string_equal(advert.name, "a?[???");
}

static void read__structure_longer_than_the_data__ends_the_reading(void **state)
{
    static const uint8_t beacon_cut[] = { 26, 0xff, 0x4c, 0x00, 0x02, 0x15, KEYTURNER, 0, 0, 0, 0 };
    static const uint8_t padded[] = { 3, 0x09, 'o', 'k', 0, 5, 0x09, 'n', 'o', 'n', 'o' };
    struct advert advert = { 0 };

    advert_read(beacon_cut, sizeof(beacon_cut), &advert);
    assert_false(advert.beacon.present);
    advert_read(padded, sizeof(padded), &advert);
    assert_string_equal(advert.name, "ok");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read__beacon__has_its_uuid_numbers_and_power),
        cmocka_unit_test(read__other_data_of_the_same_company__is_no_beacon),
        cmocka_unit_test(read__advertisement_and_scan_response__come_together),
        cmocka_unit_test(read__service_data__names_its_service_once),
        cmocka_unit_test(read__more_services_than_are_kept__keeps_the_first),
        cmocka_unit_test(read__other_than_ascii_in_a_name__is_replaced),
        cmocka_unit_test(read__structure_longer_than_the_data__ends_the_reading),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
