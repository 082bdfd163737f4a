/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_ble_nuki_pin.c: a lock's log and clock, which need its PIN. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "nuki_rig.h"

/* Up to the challenge, with states of which the clock is off by so much. */
static void begin(struct rig *rig, enum ble_command_kind kind, uint32_t after, int64_t off_s)
{
    struct nuki_message states = rig_states(NUKI_LOCK_STATE_LOCKED);
    struct ble_command command = { .kind = kind, .deadline_us = RIG_DEADLINE_US, .after = after };

    states.states.time = nuki_time_from_seconds(RIG_UTC_S + 3600 + off_s);
    rig_init(rig, RIG_AUTH_ID, RIG_PIN);
    ble_nuki.begin(rig->nuki, &command, &rig->now);
    rig_settle(rig);
    assert_asked(rig, NUKI_COMMAND_KEYTURNER_STATES);
    rig_say(rig, &states);
    assert_asked(rig, NUKI_COMMAND_CHALLENGE);
}

static void say_entry(struct rig *rig, uint32_t index)
{
    struct nuki_message message = { .command = NUKI_COMMAND_LOG_ENTRY,
                                    .log_entry = { .index = index,
                                                   .time = nuki_time_from_seconds(RIG_UTC_S + 3600 - index),
                                                   .name = "Ada",
                                                   .type = NUKI_LOG_TYPE_LOCK_ACTION,
                                                   .data_len = 4,
                                                   .data = { NUKI_ACTION_UNLOCK, NUKI_TRIGGER_MANUAL } } };

    rig_say(rig, &message);
}

static void log__entries_behind_the_known__are_said_in_order(void **state)
{
    struct rig rig;

    begin(&rig, BLE_COMMAND_LOG, 41, 0);
    rig_say_challenge(&rig, 1);
    struct nuki_message heard = rig_heard(&rig), challenge = rig_challenge(1);

    assert_int_equal(heard.command, NUKI_COMMAND_REQUEST_LOG_ENTRIES);
    assert_int_equal(heard.request_log.start, 41);
    assert_int_equal(heard.request_log.count, BLE_RECORDS_MAX);
    assert_int_equal(heard.request_log.descending, 0);
    assert_int_equal(heard.request_log.pin, RIG_PIN);
    assert_memory_equal(heard.request_log.nonce, challenge.nonce, NUKI_NONCE_BYTES);
    say_entry(&rig, 42);
    say_entry(&rig, 44);
    assert_int_equal(rig.result_count, 0);
    rig_say_status(&rig, NUKI_STATUS_COMPLETE);
    assert_end(&rig, DRIVER_OUTCOME_COMPLETED, NULL);
    assert_int_equal(rig.record_count, 2);
    assert_int_equal(rig.records[1].index, 44);
    assert_int_equal(rig.records[1].utc_s, RIG_UTC_S - 44);
    assert_string_equal(rig.records[1].what, "unlock");
    assert_string_equal(rig.records[1].trigger, "manual");
    assert_string_equal(rig.records[1].outcome, "success");
    assert_string_equal(rig.records[1].name, "Ada");
    rig_finish(&rig);
}

static void log__entry_known_or_out_of_order__is_refused(void **state)
{
    struct rig rig;

    begin(&rig, BLE_COMMAND_LOG, 41, 0);
    say_entry(&rig, 42);
    assert_refused(&rig, 1, "unasked");
    rig_say_challenge(&rig, 1);
    say_entry(&rig, 41);
    assert_refused(&rig, 2, "out_of_order");
    say_entry(&rig, 43);
    say_entry(&rig, 42);
    assert_refused(&rig, 3, "out_of_order");
    assert_int_equal(rig.record_count, 1);
    rig_finish(&rig);
}

static void log__more_than_was_asked_for__is_refused(void **state)
{
    struct rig rig;

    begin(&rig, BLE_COMMAND_LOG, 0, 0);
    rig_say_challenge(&rig, 1);
    for (uint32_t i = 1; i <= BLE_RECORDS_MAX + 1; i++)
        say_entry(&rig, i);
    assert_refused(&rig, 1, "out_of_order");
    assert_int_equal(rig.record_count, BLE_RECORDS_MAX);
    rig_finish(&rig);
}

static void log__after_another__may_be_as_long(void **state)
{
    struct ble_command command = { .kind = BLE_COMMAND_LOG, .deadline_us = RIG_DEADLINE_US, .after = 1 };
    struct rig rig;

    begin(&rig, BLE_COMMAND_LOG, 0, 0);
    rig_say_challenge(&rig, 1);
    say_entry(&rig, 1);
    rig_say_status(&rig, NUKI_STATUS_COMPLETE);
    ble_nuki.begin(rig.nuki, &command, &rig.now);
    rig_settle(&rig);
    rig_say_states(&rig, NUKI_LOCK_STATE_LOCKED);
    rig_say_challenge(&rig, 2);
    assert_int_equal(rig_heard(&rig).request_log.count, BLE_RECORDS_MAX);
    rig_finish(&rig);
}

static void log__slow_entries__are_waited_for_one_by_one(void **state)
{
    struct rig rig;

    begin(&rig, BLE_COMMAND_LOG, 0, 0);
    rig_say_challenge(&rig, 1);
    rig_pass(&rig, RIG_START_US + BLE_NUKI_ANSWER_US - 1);
    say_entry(&rig, 1);
    rig_pass(&rig, RIG_START_US + BLE_NUKI_ANSWER_US + 1);
    assert_int_equal(rig.result_count, 0);
    rig_close(&rig);
    assert_end(&rig, DRIVER_OUTCOME_FAILED, "link_lost");
    assert_int_equal(rig.record_count, 1);
    rig_finish(&rig);
}

static void log__wrong_pin__fails(void **state)
{
    struct rig rig;

    begin(&rig, BLE_COMMAND_LOG, 0, 0);
    rig_say_challenge(&rig, 1);
    rig_say_error(&rig, NUKI_CODE_K_BAD_PIN);
    assert_end(&rig, DRIVER_OUTCOME_FAILED, "bad_pin");
    rig_finish(&rig);
}

static void clock__off__is_set_in_the_locks_own_zone(void **state)
{
    static const struct {
        int64_t off_s, ahead_s;
    } rows[] = { { -300, 3600 }, { 3600 + 300, 7200 }, { 86400, 3600 } };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig rig;

        begin(&rig, BLE_COMMAND_CLOCK, 0, rows[i].off_s);
        assert_true(rig.state.clock_wrong);
        rig_say_challenge(&rig, 1);
        struct nuki_message heard = rig_heard(&rig);

        assert_int_equal(heard.command, NUKI_COMMAND_UPDATE_TIME);
        assert_int_equal(nuki_time_seconds(&heard.update_time.time), RIG_UTC_S + rows[i].ahead_s);
        assert_int_equal(heard.update_time.pin, RIG_PIN);
        rig_say_status(&rig, NUKI_STATUS_COMPLETE);
        assert_end(&rig, DRIVER_OUTCOME_COMPLETED, NULL);
        rig_finish(&rig);
    }
}

static void clock__deadline_over__is_not_set(void **state)
{
    struct rig rig;

    begin(&rig, BLE_COMMAND_CLOCK, 0, 300);
    unsigned writes = rig.writes;

    rig.now.us = RIG_DEADLINE_US;
    rig_say_challenge(&rig, 1);
    assert_end(&rig, DRIVER_OUTCOME_FAILED, "deadline");
    assert_int_equal(rig.writes, writes);
    rig_finish(&rig);
}

static void clock__link_lost_after_it_was_written__is_unknown(void **state)
{
    struct rig rig;

    begin(&rig, BLE_COMMAND_CLOCK, 0, 300);
    rig_say_challenge(&rig, 1);
    rig_close(&rig);
    assert_end(&rig, DRIVER_OUTCOME_UNKNOWN, "link_lost");
    rig_finish(&rig);
}

static void pin__not_known__nothing_is_asked(void **state)
{
    static const enum ble_command_kind kinds[] = { BLE_COMMAND_LOG, BLE_COMMAND_CLOCK };

    for (size_t i = 0; i < 2; i++) {
        struct rig rig;

        rig_init(&rig, RIG_AUTH_ID, -1);
        rig_begin(&rig, kinds[i]);
        assert_end(&rig, DRIVER_OUTCOME_FAILED, "no_pin");
        assert_int_equal(rig.writes, 0);
        rig_finish(&rig);
    }
}

static void clock__ours_not_known__nothing_is_asked(void **state)
{
    struct rig rig;

    rig_init(&rig, RIG_AUTH_ID, RIG_PIN);
    rig.now.utc_s = BLE_UTC_UNKNOWN;
    rig_begin(&rig, BLE_COMMAND_CLOCK);
    assert_end(&rig, DRIVER_OUTCOME_FAILED, "no_time");
    rig_finish(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log__entries_behind_the_known__are_said_in_order),
        cmocka_unit_test(log__entry_known_or_out_of_order__is_refused),
        cmocka_unit_test(log__more_than_was_asked_for__is_refused),
        cmocka_unit_test(log__after_another__may_be_as_long),
        cmocka_unit_test(log__slow_entries__are_waited_for_one_by_one),
        cmocka_unit_test(log__wrong_pin__fails),
        cmocka_unit_test(clock__off__is_set_in_the_locks_own_zone),
        cmocka_unit_test(clock__deadline_over__is_not_set),
        cmocka_unit_test(clock__link_lost_after_it_was_written__is_unknown),
        cmocka_unit_test(pin__not_known__nothing_is_asked),
        cmocka_unit_test(clock__ours_not_known__nothing_is_asked),
    };

    return cmocka_run_group_tests_name("ble_nuki_pin", tests, NULL, NULL);
}
