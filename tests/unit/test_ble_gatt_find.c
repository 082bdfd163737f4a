/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_ble_gatt_find.c: what the client finds in devices of all kinds, and what it does not put up with. */
#include "proto/encode.h"
#include "tests/unit/client_fixture.h"

static void start__unknown_device__finds_and_subscribes_to_what_is_used(void **state)
{
    struct fixture *f = *state;

    start(f, USES_SECRET);
    assert_ready(f);
    assert_int_equal(f->gatt.mtu, PEER_MTU);
    assert_true(f->cache.known);
    assert_int_equal(f->cache.at[WANT_PAIRING].value, FIRST_HANDLE + 7);
    assert_int_equal(f->cache.at[WANT_PAIRING].cccd, FIRST_HANDLE + 8);
    assert_int_equal(f->cache.at[WANT_PLAIN].value, FIRST_HANDLE + 11);
    assert_int_equal(f->cache.at[WANT_PLAIN].cccd, PLAIN_CCCD);
    assert_int_equal(f->cache.at[WANT_SECRET].value, SECRET_VALUE);
    assert_int_equal(f->cache.at[WANT_SECRET].cccd, SECRET_CCCD);
    assert_int_equal(f->peer.writes, 1);
    assert_int_equal(f->peer.written[0], SECRET_CCCD);
    assert_memory_equal(f->peer.last_value, "\x02\x00", 2);
    assert_true(ble_gatt_has(&f->gatt, WANT_SECRET));
    assert_false(ble_gatt_has(&f->gatt, WANT_PLAIN));
    assert_false(ble_gatt_has(&f->gatt, WANT_COUNT));
}

static void start__everything__is_looked_for_once(void **state)
{
    struct fixture *f = *state;

    start(f, USES_ALL);
    assert_ready(f);
    assert_int_equal(f->peer.asked[ATT_FIND_VALUE_REQUEST], 2);
    assert_int_equal(f->peer.asked[ATT_READ_TYPE_REQUEST], 2);
    assert_int_equal(f->peer.asked[ATT_FIND_INFO_REQUEST], WANT_COUNT);
    assert_int_equal(f->peer.writes, WANT_COUNT);
}

static void start__without_what_is_used__breaks(void **state)
{
    struct fixture *f = *state;

    f->peer.count -= 3; /* the secret characteristic */
    start(f, USES_SECRET);
    assert_broke(f, "characteristic_missing");
    assert_false(f->cache.known);
    start(f, 1u << WANT_PLAIN);
    assert_ready(f);
    assert_int_equal(f->cache.at[WANT_SECRET].value, 0);
    assert_int_equal(f->peer.asked[ATT_FIND_INFO_REQUEST], 2); /* there is nothing behind what is not there */
}

static void start__without_descriptor_or_property__is_without_characteristic(void **state)
{
    struct fixture *f = *state;

    peer_find(&f->peer, SECRET_CCCD)->type = 0x2901;
    start(f, USES_SECRET);
    assert_broke(f, "characteristic_missing");
    f->peer = peer_lock(FIRST_HANDLE);
    peer_find(&f->peer, SECRET_VALUE - 1)->properties = ATT_PROPERTY_WRITE;
    start(f, USES_SECRET);
    assert_broke(f, "characteristic_missing");
}

static void start__descriptor_of_the_next_characteristic__is_not_taken(void **state)
{
    struct fixture *f = *state;

    peer_find(&f->peer, PLAIN_CCCD)->type = 0x2901;
    start(f, 1u << WANT_PLAIN);
    assert_broke(f, "characteristic_missing");
}

static void start__characteristic_without_descriptors__is_not_looked_behind(void **state)
{
    struct fixture *f = *state;

    peer_find(&f->peer, FIRST_HANDLE + 12)->handle = 0; /* the plain one's: its next declaration follows */
    peer_find(&f->peer, PLAIN_CCCD)->handle = 0;
    for (uint16_t handle = FIRST_HANDLE + 14; handle <= SECRET_CCCD; handle++)
        peer_find(&f->peer, handle)->handle -= 2;
    start(f, USES_SECRET);
    assert_ready(f);
    assert_int_equal(f->cache.at[WANT_PLAIN].value, 0);
    assert_int_equal(f->cache.at[WANT_SECRET].cccd, SECRET_CCCD - 2);
}

static void start__value_at_the_end_of_its_service__has_no_descriptors(void **state)
{
    struct fixture *f = *state;

    peer_find(&f->peer, FIRST_HANDLE + 9)->end = SECRET_VALUE;
    f->peer.count--;
    start(f, USES_SECRET);
    assert_broke(f, "characteristic_missing");
}

static void start__characteristic_of_another_service__is_another(void **state)
{
    struct fixture *f = *state;

    peer_find(&f->peer, FIRST_HANDLE + 6)->uuid = UUID_SECRET;
    start(f, USES_SECRET);
    assert_ready(f);
    assert_int_equal(f->cache.at[WANT_SECRET].value, SECRET_VALUE);
    assert_int_equal(f->cache.at[WANT_PAIRING].value, 0);
}

/* A first want's service of handles 4 to 9, as far as the phase. */
static void start_at(struct fixture *f, enum ble_gatt_state phase)
{
    static const uint8_t service[] = { 4, 0, 9, 0 };
    static const uint8_t uuid_backwards[] = { 0x66, 0x9a, 0x0c, 0x20, 0x00, 0x08, 0x6c, 0x91,
                                              0xe4, 0x11, 0x01, 0x55, 0x01, 0xe1, 0x2e, 0xa9 };
    uint8_t declaration[21] = { 4, 0, INDICATES, 5, 0 };

    memcpy(declaration + 5, uuid_backwards, sizeof(uuid_backwards));
    f->wants.count = 1;
    f->told = 0;
    f->cache.known = false;
    ble_gatt_start(&f->gatt, &f->wants, 1, &f->cache);
    ble_gatt_sent(&f->gatt, f->now_us);
    receive_pdu(f, &(struct att_pdu){ .opcode = ATT_MTU_RESPONSE, .mtu = 100 });
    ble_gatt_sent(&f->gatt, f->now_us);
    if (phase > BLE_GATT_SERVICES) {
        receive_pdu(
            f, &(struct att_pdu){ .opcode = ATT_FIND_VALUE_RESPONSE, .value = service, .len = 4, .each = 4 });
        ble_gatt_sent(&f->gatt, f->now_us);
    }
    if (phase > BLE_GATT_CHARACTERISTICS) {
        receive_pdu(f, &(struct att_pdu){ .opcode = ATT_READ_TYPE_RESPONSE,
                                          .value = declaration,
                                          .len = sizeof(declaration),
                                          .each = sizeof(declaration) });
        ble_gatt_sent(&f->gatt, f->now_us);
    }
    assert_int_equal(f->gatt.state, phase);
    assert_int_equal(f->told, 0);
}

static void lists__that_make_no_sense__break(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum ble_gatt_state phase;
        const char *hex;
        bool fine;
    } rows[] = {
        { BLE_GATT_SERVICES, "0704000900", true },
        { BLE_GATT_SERVICES, "0700000900", false }, /* no such handle */
        { BLE_GATT_SERVICES, "0704000300", false }, /* ends before it begins */
        { BLE_GATT_CHARACTERISTICS,
          "0907040002"
          "0500002a",
          true },
        { BLE_GATT_CHARACTERISTICS,
          "0907030002"
          "0500002a",
          false }, /* not asked for */
        { BLE_GATT_CHARACTERISTICS,
          "0907090002"
          "0a00002a",
          false }, /* no room for a value */
        { BLE_GATT_CHARACTERISTICS,
          "0907040002"
          "0400002a",
          false }, /* value at its declaration */
        { BLE_GATT_CHARACTERISTICS,
          "0907040002"
          "0a00002a",
          false }, /* and behind its service */
        { BLE_GATT_CHARACTERISTICS,
          "0907040002"
          "0500002a"
          "040002"
          "0500002a",
          false },                                           /* again */
        { BLE_GATT_CHARACTERISTICS, "090404000205", false }, /* too short */
        { BLE_GATT_CHARACTERISTICS,
          "0908040002"
          "0500002a00",
          false }, /* a UUID of 24 bits */
        { BLE_GATT_DESCRIPTORS, "050106000129", true },
        { BLE_GATT_DESCRIPTORS, "050105000129", false },         /* not asked for */
        { BLE_GATT_DESCRIPTORS, "05010a000129", false },         /* behind the range */
        { BLE_GATT_DESCRIPTORS, "05010700012906000229", false }, /* backwards */
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t bytes[ATT_MTU_MAX];
        size_t len = strlen(rows[i].hex) / 2;

        start_at(f, rows[i].phase);
        assert_int_equal(hex_decode(rows[i].hex, bytes, len), 0);
        receive(f, bytes, len);
        if (!rows[i].fine)
            assert_broke(f, "malformed");
        assert_int_equal(f->told, rows[i].fine ? 0 : 1);
    }
}

static void lists__refused_for_another_reason__break(void **state)
{
    struct fixture *f = *state;

    start_at(f, BLE_GATT_CHARACTERISTICS);
    receive_pdu(f, &(struct att_pdu){
                       .opcode = ATT_ERROR, .request = ATT_READ_TYPE_REQUEST, .code = ATT_ERROR_ENCRYPTION });
    assert_broke(f, "encryption_wanted");
}

static void start__peer_that_has_always_more__breaks(void **state)
{
    struct fixture *f = *state;
    static const uint8_t all[] = { 1, 0, 0xff, 0xff };
    uint16_t handle = 1;

    ble_gatt_start(&f->gatt, &f->wants, USES_ALL, &f->cache);
    ble_gatt_sent(&f->gatt, f->now_us);
    receive_pdu(f, &(struct att_pdu){ .opcode = ATT_MTU_RESPONSE, .mtu = 100 });
    for (int i = 0; i < 2; i++) {
        ble_gatt_sent(&f->gatt, f->now_us);
        receive_pdu(
            f, &(struct att_pdu){ .opcode = ATT_FIND_VALUE_RESPONSE, .value = all, .len = 4, .each = 4 });
    }
    for (int i = 0; i < BLE_GATT_LOOKS_MAX && f->told == 0; i++, handle += 2) {
        const uint8_t one[] = { (uint8_t)handle,
                                (uint8_t)(handle >> 8),
                                0x02,
                                (uint8_t)(handle + 1),
                                (uint8_t)(handle >> 8),
                                0x00,
                                0x2a };

        ble_gatt_sent(&f->gatt, f->now_us);
        receive_pdu(f,
                    &(struct att_pdu){ .opcode = ATT_READ_TYPE_RESPONSE, .value = one, .len = 7, .each = 7 });
    }
    assert_broke(f, "endless_discovery");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(start__unknown_device__finds_and_subscribes_to_what_is_used),
        TEST(start__everything__is_looked_for_once),
        TEST(start__without_what_is_used__breaks),
        TEST(start__without_descriptor_or_property__is_without_characteristic),
        TEST(start__descriptor_of_the_next_characteristic__is_not_taken),
        TEST(start__characteristic_without_descriptors__is_not_looked_behind),
        TEST(start__value_at_the_end_of_its_service__has_no_descriptors),
        TEST(start__characteristic_of_another_service__is_another),
        TEST(lists__that_make_no_sense__break),
        TEST(lists__refused_for_another_reason__break),
        TEST(start__peer_that_has_always_more__breaks),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
