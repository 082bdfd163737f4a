/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_ble_nuki_advert.c: what is made of what locks advertise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "hal/ble/ble_nuki_advert.h"

#define UUID(number)                                                                                         \
    {                                                                                                        \
        0xa9, 0x2e, 0xe0 + (number), 0x00, 0x55, 0x01, 0x11, 0xe4, 0x91, 0x6c, 0x08, 0x00, 0x20, 0x0c, 0x9a, \
            0x66                                                                                             \
    }

static struct advert beacon(uint8_t power)
{
    return (struct advert){ .beacon = { .present = true, .uuid = UUID(2), .power = power } };
}

static void heard__beacon__the_lowest_bit_alone_says_changed(void **state)
{
    static const uint8_t changed[] = { 0xc5, 0xc9, 0x01 };
    static const uint8_t read[] = { 0xc4, 0xc8, 0xfe };

    for (size_t i = 0; i < sizeof(changed); i++) {
        struct advert advert = beacon(changed[i]);

        assert_int_equal(ble_nuki_advert_heard(&advert), BLE_HEARD_CHANGED);
        advert = beacon(read[i]);
        assert_int_equal(ble_nuki_advert_heard(&advert), BLE_HEARD_LOCK);
    }
}

static void called__beacon__by_its_number(void **state)
{
    struct advert advert = beacon(0xc5);
    char name[ADVERT_NAME_SIZE];

    advert.beacon.major = 0x1d0a;
    advert.beacon.minor = 0x0b0c;
    ble_nuki_advert_called(&advert, name);
    assert_string_equal(name, "Nuki_1D0A0B0C");
    advert.beacon.uuid[0] ^= 1;
    ble_nuki_advert_called(&advert, name);
    assert_string_equal(name, "");
}

static void heard__beacon_of_somebody_else__is_nothing(void **state)
{
    struct advert advert = beacon(0xc5);

    advert.beacon.uuid[15] ^= 1;
    assert_int_equal(ble_nuki_advert_heard(&advert), BLE_HEARD_NOTHING);
    advert = (struct advert){ .name = "Nuk" };
    assert_int_equal(ble_nuki_advert_heard(&advert), BLE_HEARD_NOTHING);
}

static void heard__pairing_service__is_ready_to_be_paired(void **state)
{
    const struct advert old = { .service_count = 1, .services = { UUID(1) } };
    const struct advert ultra = { .service_count = 1, .services = { UUID(3) } };
    struct advert with_beacon = beacon(0xc5);

    assert_int_equal(ble_nuki_advert_heard(&old), BLE_HEARD_PAIRING);
    assert_int_equal(ble_nuki_advert_heard(&ultra), BLE_HEARD_PAIRING);
    with_beacon.service_count = 1;
    memcpy(with_beacon.services[0], old.services[0], ADVERT_UUID_BYTES);
    assert_int_equal(ble_nuki_advert_heard(&with_beacon), BLE_HEARD_PAIRING);
}

static void heard__service_or_name_alone__is_a_lock(void **state)
{
    const struct advert service = { .service_count = 1, .services = { UUID(2) } };
    const struct advert name = { .name = "Nuki_1D0A2B3C" };

    assert_int_equal(ble_nuki_advert_heard(&service), BLE_HEARD_LOCK);
    assert_int_equal(ble_nuki_advert_heard(&name), BLE_HEARD_LOCK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heard__beacon__the_lowest_bit_alone_says_changed),
        cmocka_unit_test(called__beacon__by_its_number),
        cmocka_unit_test(heard__beacon_of_somebody_else__is_nothing),
        cmocka_unit_test(heard__pairing_service__is_ready_to_be_paired),
        cmocka_unit_test(heard__service_or_name_alone__is_a_lock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
