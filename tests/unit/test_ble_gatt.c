/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_ble_gatt.c: the client once it knows what it looks for: cache, writes, values, and what breaks it. */
#include "tests/unit/client_fixture.h"

static void start__known_device__asks_for_mtu_and_subscription_alone(void **state)
{
    struct fixture *f = *state;

    start(f, USES_SECRET);
    start(f, USES_ALL);
    assert_ready(f);
    assert_int_equal(looks(f), 0);
    assert_int_equal(f->peer.asked[ATT_MTU_REQUEST], 1);
    assert_int_equal(f->peer.asked[ATT_WRITE_REQUEST], WANT_COUNT);
}

static void start__mtu_not_known_to_peer__keeps_the_default(void **state)
{
    struct fixture *f = *state;

    f->peer.mtu = 0;
    start(f, USES_ALL);
    assert_ready(f);
    assert_int_equal(f->gatt.mtu, ATT_MTU_DEFAULT);
}

static void start__mtu_out_of_bounds__is_held_in_them(void **state)
{
    struct fixture *f = *state;

    ble_gatt_start(&f->gatt, &f->wants, USES_ALL, &f->cache);
    ble_gatt_sent(&f->gatt, f->now_us);
    receive_pdu(f, &(struct att_pdu){ .opcode = ATT_MTU_RESPONSE, .mtu = 5 });
    assert_int_equal(f->gatt.mtu, ATT_MTU_DEFAULT);
    receive_pdu(f, &(struct att_pdu){ .opcode = ATT_MTU_REQUEST, .mtu = 0xffff });
    assert_int_equal(f->gatt.mtu, ATT_MTU_MAX);
}

static void start__cache_without_what_is_used__finds_anew(void **state)
{
    struct fixture *f = *state;

    f->peer.count -= 3;
    start(f, 1u << WANT_PLAIN);
    f->peer = peer_lock(FIRST_HANDLE);
    start(f, USES_SECRET);
    assert_ready(f);
    assert_true(looks(f) > 0);
}

static void start__stale_cache__is_dropped_and_found_anew_once(void **state)
{
    struct fixture *f = *state;

    start(f, USES_SECRET);
    f->peer = peer_lock(FIRST_HANDLE + 0x20);
    start(f, USES_SECRET);
    assert_ready(f);
    assert_true(looks(f) > 0);
    assert_int_equal(f->cache.at[WANT_SECRET].value, SECRET_VALUE + 0x20);
    start(f, USES_SECRET);
    assert_int_equal(looks(f), 0);
}

static void start__subscription_refused_after_discovery__breaks_without_another(void **state)
{
    struct fixture *f = *state;

    start(f, USES_SECRET);
    peer_find(&f->peer, SECRET_CCCD)->refuse_write = ATT_ERROR_AUTHENTICATION;
    start(f, USES_SECRET);
    assert_broke(f, "authentication_wanted");
    assert_int_equal(f->peer.asked[ATT_FIND_VALUE_REQUEST], 2);
    assert_false(f->cache.known);
}

static void start__damaged_cache__is_not_used(void **state)
{
    struct fixture *f = *state;

    start(f, USES_SECRET);
    f->cache.at[WANT_PLAIN].cccd = 0; /* half of what it takes, though it is not used */
    start(f, USES_SECRET);
    assert_ready(f);
    assert_true(looks(f) > 0);
    assert_int_equal(f->cache.at[WANT_PLAIN].cccd, PLAIN_CCCD);
}

static void write__several__go_one_at_a_time_in_order(void **state)
{
    struct fixture *f = *state;
    size_t len;

    start(f, USES_ALL);
    f->peer.writes = 0;
    assert_int_equal(ble_gatt_write(&f->gatt, WANT_SECRET, (const uint8_t *)"a", 1), 0);
    assert_int_equal(ble_gatt_write(&f->gatt, WANT_PLAIN, (const uint8_t *)"b", 1), 0);
    assert_non_null(ble_gatt_output(&f->gatt, &len));
    ble_gatt_sent(&f->gatt, f->now_us);
    assert_null(ble_gatt_output(&f->gatt, &len));
    receive_pdu(f, &(struct att_pdu){ .opcode = ATT_WRITE_RESPONSE });
    assert_int_equal(f->report.news, BLE_GATT_WRITTEN);
    assert_int_equal(f->report.want, WANT_SECRET);
    exchange(f);
    assert_int_equal(f->report.want, WANT_PLAIN);
    assert_int_equal(f->told, 3);
    assert_int_equal(f->peer.written[0], FIRST_HANDLE + 11);
    assert_memory_equal(f->peer.last_value, "b", 1);
}

static void write__commands_between__keep_the_order_and_are_not_reported(void **state)
{
    struct fixture *f = *state;

    start(f, USES_ALL);
    f->peer.writes = 0;
    assert_int_equal(ble_gatt_command(&f->gatt, WANT_PLAIN, (const uint8_t *)"a", 1), 0);
    assert_int_equal(ble_gatt_write(&f->gatt, WANT_SECRET, (const uint8_t *)"b", 1), 0);
    assert_int_equal(ble_gatt_command(&f->gatt, WANT_PLAIN, (const uint8_t *)"c", 1), 0);
    exchange(f);
    assert_int_equal(f->told, 2);
    assert_int_equal(f->peer.asked[ATT_WRITE_COMMAND], 2);
    assert_int_equal(f->peer.writes, 3);
    assert_int_equal(f->peer.written[1], SECRET_VALUE);
    assert_memory_equal(f->peer.last_value, "c", 1);
}

static void write__what_cannot_be__is_refused_here(void **state)
{
    struct fixture *f = *state;
    uint8_t value[ATT_VALUE_MAX] = { 0 };

    ble_gatt_start(&f->gatt, &f->wants, USES_SECRET, &f->cache);
    assert_int_equal(ble_gatt_write(&f->gatt, WANT_SECRET, value, 1), -ENOTCONN);
    start(f, USES_SECRET);
    assert_int_equal(ble_gatt_write(&f->gatt, WANT_PLAIN, value, 1), -ENOENT);
    assert_int_equal(ble_gatt_command(&f->gatt, WANT_SECRET, value, PEER_MTU - 2), -EMSGSIZE);
    for (size_t i = 0; i < BLE_GATT_WRITES_MAX; i++)
        assert_int_equal(ble_gatt_write(&f->gatt, WANT_SECRET, value, PEER_MTU - 3), 0);
    assert_int_equal(ble_gatt_write(&f->gatt, WANT_SECRET, value, 1), BLE_GATT_E_FULL);
    exchange(f);
    assert_int_equal(f->peer.last_len, PEER_MTU - 3);
    assert_int_equal(ble_gatt_write(&f->gatt, WANT_SECRET, value, 1), 0);
}

static void write__refused__is_reported_and_the_next_goes(void **state)
{
    struct fixture *f = *state;

    start(f, USES_ALL);
    peer_find(&f->peer, SECRET_VALUE)->refuse_write = 0x80;
    assert_int_equal(ble_gatt_write(&f->gatt, WANT_SECRET, (const uint8_t *)"a", 1), 0);
    exchange(f);
    assert_int_equal(f->report.news, BLE_GATT_REFUSED);
    assert_int_equal(f->report.want, WANT_SECRET);
    assert_string_equal(f->report.reason, "application_error");
    assert_int_equal(ble_gatt_write(&f->gatt, WANT_PLAIN, (const uint8_t *)"b", 1), 0);
    exchange(f);
    assert_int_equal(f->report.news, BLE_GATT_WRITTEN);
}

static void write__to_unproven_handle_that_is_gone__drops_the_cache(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < WANT_COUNT; i++) /* nothing proves the handles before the first write */
        f->wants.at[i].subscribe = BLE_GATT_SUBSCRIBE_NONE;
    start(f, USES_ALL);
    f->peer = peer_lock(FIRST_HANDLE + 0x20);
    start(f, USES_ALL);
    assert_ready(f);
    assert_int_equal(ble_gatt_write(&f->gatt, WANT_SECRET, (const uint8_t *)"a", 1), 0);
    exchange(f);
    assert_broke(f, "stale_handles");
    assert_false(f->cache.known);
}

static void write__refused_for_a_handle_that_was_proven__is_no_stale_cache(void **state)
{
    struct fixture *f = *state;

    start(f, USES_SECRET);
    start(f, USES_SECRET);
    peer_find(&f->peer, SECRET_VALUE)->refuse_write = ATT_ERROR_WRITE_NOT_PERMITTED;
    assert_int_equal(ble_gatt_write(&f->gatt, WANT_SECRET, (const uint8_t *)"a", 1), 0);
    exchange(f);
    assert_int_equal(f->report.news, BLE_GATT_REFUSED);
    assert_string_equal(f->report.reason, "write_not_permitted");
    assert_true(f->cache.known);
}

static void indication__of_what_is_used__is_confirmed_and_told(void **state)
{
    struct fixture *f = *state;
    const struct att_pdu indication = {
        .opcode = ATT_INDICATION, .handle = SECRET_VALUE, .value = (const uint8_t *)"xyz", .len = 3
    };
    size_t len;

    start(f, USES_SECRET);
    receive_pdu(f, &indication);
    assert_int_equal(f->report.news, BLE_GATT_VALUE);
    assert_int_equal(f->report.want, WANT_SECRET);
    assert_int_equal(f->report.len, 3);
    assert_memory_equal(f->report.value, "xyz", 3);
    assert_false(ble_gatt_may_receive(&f->gatt));
    assert_int_equal(ble_gatt_output(&f->gatt, &len)[0], ATT_CONFIRMATION);
    assert_int_equal(len, 1);
    ble_gatt_sent(&f->gatt, f->now_us);
    assert_true(ble_gatt_may_receive(&f->gatt));
    assert_null(ble_gatt_output(&f->gatt, &len));
}

static void indication__of_anything_else__is_confirmed_only(void **state)
{
    struct fixture *f = *state;
    static const uint16_t handles[] = { 0, 3, FIRST_HANDLE + 11, SECRET_CCCD, 0xffff };
    size_t len;

    start(f, USES_SECRET);
    for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++) {
        receive_pdu(f, &(struct att_pdu){ .opcode = ATT_INDICATION, .handle = handles[i] });
        assert_int_equal(ble_gatt_output(&f->gatt, &len)[0], ATT_CONFIRMATION);
        ble_gatt_sent(&f->gatt, f->now_us);
    }
    assert_int_equal(f->told, 1);
}

static void indication__before_ready__is_confirmed_only(void **state)
{
    struct fixture *f = *state;
    size_t len;

    start(f, USES_SECRET);
    ble_gatt_start(&f->gatt, &f->wants, USES_SECRET, &f->cache);
    ble_gatt_sent(&f->gatt, f->now_us);
    receive_pdu(f, &(struct att_pdu){ .opcode = ATT_MTU_RESPONSE, .mtu = 100 });
    assert_int_equal(f->gatt.state, BLE_GATT_SUBSCRIBING);
    receive_pdu(f, &(struct att_pdu){ .opcode = ATT_INDICATION, .handle = SECRET_VALUE });
    assert_int_equal(f->told, 1);
    assert_int_equal(ble_gatt_output(&f->gatt, &len)[0], ATT_CONFIRMATION);
    ble_gatt_sent(&f->gatt, f->now_us);
    assert_int_equal(ble_gatt_output(&f->gatt, &len)[0], ATT_WRITE_REQUEST);
}

static void notification__of_what_is_used__is_told_unconfirmed(void **state)
{
    struct fixture *f = *state;
    size_t len;

    start(f, USES_SECRET);
    receive_pdu(f, &(struct att_pdu){ .opcode = ATT_NOTIFICATION, .handle = SECRET_VALUE });
    assert_int_equal(f->report.news, BLE_GATT_VALUE);
    assert_null(ble_gatt_output(&f->gatt, &len));
}

static void request__of_the_peer__is_answered(void **state)
{
    struct fixture *f = *state;
    static const uint8_t later[] = { 0x20, 1, 2 };
    struct att_pdu answer;
    size_t len;

    start(f, USES_SECRET);
    receive_pdu(f, &(struct att_pdu){ .opcode = ATT_MTU_REQUEST, .mtu = 100 });
    const uint8_t *bytes = ble_gatt_output(&f->gatt, &len);

    assert_int_equal(att_parse(bytes, len, &answer), 0);
    assert_int_equal(answer.opcode, ATT_MTU_RESPONSE);
    assert_int_equal(answer.mtu, ATT_MTU_MAX);
    assert_int_equal(f->gatt.mtu, 100);
    ble_gatt_sent(&f->gatt, f->now_us);
    receive_pdu(f, &(struct att_pdu){ .opcode = ATT_READ_REQUEST, .handle = 7 });
    bytes = ble_gatt_output(&f->gatt, &len);
    assert_int_equal(len, 5);
    assert_memory_equal(bytes, "\x01\x0a\x07\x00\x06", 5);
    ble_gatt_sent(&f->gatt, f->now_us);
    receive(f, later, sizeof(later));
    bytes = ble_gatt_output(&f->gatt, &len);
    assert_memory_equal(bytes, "\x01\x20\x00\x00\x06", 5);
    assert_int_equal(f->told, 1);
}

static void command__of_the_peer__is_ignored(void **state)
{
    struct fixture *f = *state;
    static const uint8_t signed_write[] = { 0xd2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
    size_t len;

    start(f, USES_SECRET);
    receive_pdu(f, &(struct att_pdu){ .opcode = ATT_WRITE_COMMAND, .handle = 1 });
    receive(f, signed_write, sizeof(signed_write));
    assert_int_equal(f->told, 1);
    assert_null(ble_gatt_output(&f->gatt, &len));
}

static void response__out_of_turn__breaks(void **state)
{
    struct fixture *f = *state;
    static const struct att_pdu rows[] = {
        { .opcode = ATT_WRITE_RESPONSE },
        { .opcode = ATT_CONFIRMATION },
        { .opcode = ATT_ERROR, .request = ATT_WRITE_REQUEST, .code = 1 },
        { .opcode = ATT_READ_RESPONSE },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        start(f, USES_SECRET);
        receive_pdu(f, &rows[i]);
        assert_broke(f, "out_of_turn");
    }
    start(f, USES_SECRET);
    assert_int_equal(ble_gatt_write(&f->gatt, WANT_SECRET, (const uint8_t *)"a", 1), 0);
    receive_pdu(f, &rows[0]); /* before the request was sent */
    assert_broke(f, "out_of_turn");
}

static void response__to_another_request__breaks(void **state)
{
    struct fixture *f = *state;
    static const struct att_pdu rows[] = {
        { .opcode = ATT_READ_RESPONSE },
        { .opcode = ATT_ERROR, .request = ATT_READ_REQUEST, .code = 1 },
        { .opcode = ATT_MTU_RESPONSE, .mtu = 23 },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        start(f, USES_SECRET);
        assert_int_equal(ble_gatt_write(&f->gatt, WANT_SECRET, (const uint8_t *)"a", 1), 0);
        ble_gatt_sent(&f->gatt, f->now_us);
        receive_pdu(f, &rows[i]);
        assert_broke(f, "out_of_turn");
    }
}

static void receive__malformed__breaks_and_nothing_follows(void **state)
{
    struct fixture *f = *state;
    static const uint8_t truncated[] = { ATT_INDICATION, 1 };
    size_t len;

    start(f, USES_SECRET);
    assert_int_equal(ble_gatt_write(&f->gatt, WANT_SECRET, (const uint8_t *)"a", 1), 0);
    receive(f, truncated, sizeof(truncated));
    assert_broke(f, "malformed");
    assert_null(ble_gatt_output(&f->gatt, &len));
    receive_pdu(f, &(struct att_pdu){ .opcode = ATT_INDICATION, .handle = SECRET_VALUE });
    assert_int_equal(f->told, 2);
    assert_null(ble_gatt_output(&f->gatt, &len));
    assert_int_equal(ble_gatt_due_us(&f->gatt), INT64_MAX);
}

static void tick__transaction_of_thirty_seconds__breaks(void **state)
{
    struct fixture *f = *state;
    struct ble_gatt_report report;
    int64_t due_us = f->now_us + ATT_TRANSACTION_MS * USEC_PER_MSEC;

    start(f, USES_SECRET);
    assert_int_equal(ble_gatt_due_us(&f->gatt), INT64_MAX);
    assert_int_equal(ble_gatt_write(&f->gatt, WANT_SECRET, (const uint8_t *)"a", 1), 0);
    ble_gatt_sent(&f->gatt, f->now_us);
    assert_int_equal(ble_gatt_due_us(&f->gatt), due_us);
    ble_gatt_tick(&f->gatt, due_us - 1, &report);
    assert_int_equal(report.news, BLE_GATT_NOTHING);
    ble_gatt_tick(&f->gatt, due_us, &f->report);
    assert_broke(f, "timeout");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(start__known_device__asks_for_mtu_and_subscription_alone),
        TEST(start__mtu_not_known_to_peer__keeps_the_default),
        TEST(start__mtu_out_of_bounds__is_held_in_them),
        TEST(start__cache_without_what_is_used__finds_anew),
        TEST(start__stale_cache__is_dropped_and_found_anew_once),
        TEST(start__subscription_refused_after_discovery__breaks_without_another),
        TEST(start__damaged_cache__is_not_used),
        TEST(write__several__go_one_at_a_time_in_order),
        TEST(write__commands_between__keep_the_order_and_are_not_reported),
        TEST(write__what_cannot_be__is_refused_here),
        TEST(write__refused__is_reported_and_the_next_goes),
        TEST(write__to_unproven_handle_that_is_gone__drops_the_cache),
        TEST(write__refused_for_a_handle_that_was_proven__is_no_stale_cache),
        TEST(indication__of_what_is_used__is_confirmed_and_told),
        TEST(indication__of_anything_else__is_confirmed_only),
        TEST(indication__before_ready__is_confirmed_only),
        TEST(notification__of_what_is_used__is_told_unconfirmed),
        TEST(request__of_the_peer__is_answered),
        TEST(command__of_the_peer__is_ignored),
        TEST(response__out_of_turn__breaks),
        TEST(response__to_another_request__breaks),
        TEST(receive__malformed__breaks_and_nothing_follows),
        TEST(tick__transaction_of_thirty_seconds__breaks),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
