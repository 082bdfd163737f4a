/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_ble_search.c: a person looks for locks, and is told each once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <string.h>

#include "gateway/base/clock.h"
#include "hal/ble/ble_search.h"

#define BEGIN_US    (1000 * USEC_PER_SEC)
#define DEADLINE_US (BEGIN_US + 5 * USEC_PER_SEC)

/* A beacon of lock 1D0A0B0C; its name; what it says in pairing mode; a telephone. */
static const uint8_t beacon[] = { 26,   0xff, 0x4c, 0x00, 0x02, 0x15, 0xa9, 0x2e, 0xe2,
                                  0x00, 0x55, 0x01, 0x11, 0xe4, 0x91, 0x6c, 0x08, 0x00,
                                  0x20, 0x0c, 0x9a, 0x66, 0x1d, 0x0a, 0x0b, 0x0c, 0xc4 };
static const uint8_t pairing[] = { 17,   0x21, 0x66, 0x9a, 0x0c, 0x20, 0x00, 0x08, 0x6c,
                                   0x91, 0xe4, 0x11, 0x01, 0x55, 0x00, 0xe1, 0x2e, 0xa9 };
static const uint8_t named[] = { 5, 0x09, 'N', 'u', 'k', 'i' };
static const uint8_t telephone[] = { 6, 0x09, 'P', 'h', 'o', 'n', 'e' };

static void hear(struct ble_search *search, uint8_t address, const uint8_t data[], size_t len, int64_t now_us)
{
    const struct ble_hci_report report = {
        .address = { .bytes = { address }, .type = address % 2 ? BLE_ADDRESS_RANDOM : BLE_ADDRESS_PUBLIC },
        .rssi = -60,
        .data = data,
        .len = len,
    };

    ble_search_hear(search, &report, now_us);
}

static struct ble_search *begun(void)
{
    struct ble_search *search = calloc(1, sizeof(*search));

    assert_non_null(search);
    ble_search_begin(search, 7, DEADLINE_US);
    return search;
}

static void search__lock_with_its_number__is_told_at_once_and_once(void **state)
{
    struct ble_search *search = begun();
    struct driver_found found;

    hear(search, 2, beacon, sizeof(beacon), BEGIN_US);
    assert_true(ble_search_next(search, BEGIN_US, &found));
    assert_string_equal(found.address, "00:00:00:00:00:02");
    assert_int_equal(found.address_type, DRIVER_ADDRESS_PUBLIC);
    assert_string_equal(found.name, "Nuki_1D0A0B0C");
    assert_string_equal(found.about, "Nuki lock");
    assert_int_equal(found.rssi, -60);
    hear(search, 2, beacon, sizeof(beacon), BEGIN_US);
    assert_false(ble_search_next(search, DEADLINE_US, &found));
    free(search);
}

static void search__lock_without_a_name__is_waited_for_a_moment(void **state)
{
    struct ble_search *search = begun();
    struct driver_found found;

    hear(search, 3, pairing, sizeof(pairing), BEGIN_US);
    assert_false(ble_search_next(search, BEGIN_US, &found));
    assert_int_equal(ble_search_due_us(search), BEGIN_US + BLE_SEARCH_NAME_MS * USEC_PER_MSEC);
    hear(search, 5, pairing, sizeof(pairing), BEGIN_US);
    hear(search, 5, named, sizeof(named), BEGIN_US);
    assert_true(ble_search_next(search, BEGIN_US, &found));
    assert_string_equal(found.name, "Nuki");
    assert_int_equal(found.address_type, DRIVER_ADDRESS_RANDOM);
    assert_true(ble_search_next(search, ble_search_due_us(search), &found));
    assert_string_equal(found.name, "");
    assert_string_equal(found.about, "Nuki lock, ready to be paired");
    free(search);
}

static void search__other_devices__are_not_told_and_fill_no_place(void **state)
{
    struct ble_search *search = begun();
    struct driver_found found;

    for (unsigned i = 0; i < 256; i++)
        hear(search, (uint8_t)i, telephone, sizeof(telephone), BEGIN_US);
    assert_false(ble_search_next(search, DEADLINE_US, &found));
    for (unsigned i = 0; i < 256; i++)
        hear(search, (uint8_t)i, beacon, sizeof(beacon), BEGIN_US);
    assert_int_equal(search->count, BLE_SEARCH_MAX);
    free(search);
}

static void search__over__remembers_the_types_of_addresses(void **state)
{
    struct ble_search *search = begun();
    enum ble_address_type type;

    hear(search, 3, beacon, sizeof(beacon), BEGIN_US);
    assert_int_equal(ble_search_due_us(search), 0);
    search->id = 0;
    hear(search, 5, beacon, sizeof(beacon), BEGIN_US);
    assert_int_equal(ble_search_due_us(search), INT64_MAX);
    assert_true(ble_search_type(search, &(struct ble_address){ .bytes = { 3 } }, &type));
    assert_int_equal(type, BLE_ADDRESS_RANDOM);
    assert_false(ble_search_type(search, &(struct ble_address){ .bytes = { 5 } }, &type));
    free(search);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(search__lock_with_its_number__is_told_at_once_and_once),
        cmocka_unit_test(search__lock_without_a_name__is_waited_for_a_moment),
        cmocka_unit_test(search__other_devices__are_not_told_and_fill_no_place),
        cmocka_unit_test(search__over__remembers_the_types_of_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
