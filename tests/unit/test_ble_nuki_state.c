/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_ble_nuki_state.c: what every byte of a lock's states and log comes to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <string.h>

#include "hal/ble/ble_nuki_state.h"

#define UTC_S INT64_C(1795634400)

static const struct ble_now now = { .us = 1, .utc_s = UTC_S };

static struct nuki_states states_at(int64_t shown_s, int16_t zone_minutes)
{
    return (struct nuki_states){ .size = NUKI_STATES_BYTES_V21,
                                 .lock_state = NUKI_LOCK_STATE_LOCKED,
                                 .time = nuki_time_from_seconds(shown_s),
                                 .zone_minutes = zone_minutes };
}

static struct ble_state state_of(const struct nuki_states *states)
{
    struct ble_state state;
    int64_t zone_s;

    ble_nuki_state_of(states, &now, &state, &zone_s);
    return state;
}

static void assert_word(const char *word, const char *expected)
{
    if (expected)
        assert_string_equal(word, expected);
    else
        assert_null(word);
}

static void lock_state__each__is_told(void **state)
{
    static const struct {
        uint8_t lock_state;
        enum driver_lock lock;
        const char *detail;
    } rows[] = {
        { 0x00, DRIVER_LOCK_UNKNOWN, "uncalibrated" },
        { 0x01, DRIVER_LOCK_LOCKED, NULL },
        { 0x02, DRIVER_LOCK_MOVING, "unlocking" },
        { 0x03, DRIVER_LOCK_UNLOCKED, NULL },
        { 0x04, DRIVER_LOCK_MOVING, "locking" },
        { 0x05, DRIVER_LOCK_UNLOCKED, "unlatched" },
        { 0x06, DRIVER_LOCK_UNLOCKED, "unlocked_lock_n_go" },
        { 0x07, DRIVER_LOCK_MOVING, "unlatching" },
        { 0xfc, DRIVER_LOCK_UNKNOWN, "calibration" },
        { 0xfd, DRIVER_LOCK_UNKNOWN, "boot_run" },
        { 0xfe, DRIVER_LOCK_JAMMED, "motor_blocked" },
        { 0xff, DRIVER_LOCK_UNKNOWN, "undefined" },
        { 0x42, DRIVER_LOCK_UNKNOWN, "unknown" },
    };
    struct nuki_states states = states_at(UTC_S, 0);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        states.lock_state = rows[i].lock_state;
        assert_int_equal(state_of(&states).lock, rows[i].lock);
        assert_word(state_of(&states).detail, rows[i].detail);
    }
}

static void door_sensor__each__is_told(void **state)
{
    struct nuki_states states = states_at(UTC_S, 0);

    for (unsigned sensor = 0; sensor < 256; sensor++) {
        states.door_sensor = (uint8_t)sensor;
        struct ble_state told = state_of(&states);

        assert_int_equal(told.door, sensor <= 1   ? DRIVER_DOOR_UNTOLD
                                    : sensor == 2 ? DRIVER_DOOR_CLOSED
                                    : sensor == 3 ? DRIVER_DOOR_OPEN
                                                  : DRIVER_DOOR_UNKNOWN);
        assert_int_equal(told.door_sensor_tampered, sensor == 0xf0);
    }
}

static void battery__full_empty_or_not_said__is_told(void **state)
{
    struct nuki_states states = states_at(UTC_S, 0);

    assert_int_equal(state_of(&states).battery, DRIVER_BATTERY_UNKNOWN);
    assert_false(state_of(&states).battery_critical);
    states.battery = 0x29;
    assert_int_equal(state_of(&states).battery, 20);
    assert_true(state_of(&states).battery_critical);
}

static void clock__off__is_told_beyond_the_bound(void **state)
{
    static const struct {
        int64_t off_s;
        int16_t zone_minutes;
        bool wrong;
        int64_t told_s, zone_s;
    } rows[] = {
        { 0, 60, false, 0, 3600 },      { 60, 60, false, 60, 3600 },
        { 61, 60, true, 61, 3600 },     { -61, -300, true, -61, -18000 },
        { 3600, 60, false, 0, 7200 },   { -3590, 60, false, 10, 0 },
        { 3700, 60, true, 100, 7200 },  { 2400, 60, true, 2400, 3600 },
        { 7200, 60, true, 7200, 3600 }, { 86400 * 365, 0, true, 86400 * 365, 0 },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct nuki_states states =
            states_at(UTC_S + rows[i].zone_minutes * 60 + rows[i].off_s, rows[i].zone_minutes);
        struct ble_state told;
        int64_t zone_s;

        ble_nuki_state_of(&states, &now, &told, &zone_s);
        assert_int_equal(told.clock_wrong, rows[i].wrong);
        assert_int_equal(told.clock_off_s, rows[i].told_s);
        assert_int_equal(zone_s, rows[i].zone_s);
    }
}

static void clock__of_one_side_not_known__is_not_compared(void **state)
{
    struct nuki_states states = states_at(UTC_S + 999, 0);
    const struct ble_now unsure = { .us = 1, .utc_s = BLE_UTC_UNKNOWN };
    struct ble_state told;
    int64_t zone_s;

    ble_nuki_state_of(&states, &unsure, &told, &zone_s);
    assert_false(told.clock_wrong);
    states.time = (struct nuki_time){ 0 };
    ble_nuki_state_of(&states, &now, &told, &zone_s);
    assert_true(told.clock_wrong);
    assert_int_equal(told.clock_off_s, 0);
}

static void record__each_type__is_told(void **state)
{
    static const struct {
        uint8_t type;
        uint8_t data_len;
        uint8_t data[4];
        const char *what, *trigger, *outcome;
    } rows[] = {
        { 1, 1, { 1 }, "logging_on", NULL, NULL },
        { 1, 1, { 0 }, "logging_off", NULL, NULL },
        { 2, 4, { 1, 1, 0, 0 }, "unlock", "manual", "success" },
        { 2, 4, { 3, 0, 0, 1 }, "unlatch", "system", "motor_blocked" },
        { 2, 3, { 3, 0, 0 }, "unknown", NULL, NULL },
        { 3, 4, { 0, 2, 0, 0 }, "calibration", "button", "success" },
        { 4, 4, { 0, 2, 0, 8 }, "initialization_run", "button", "incomplete_failure" },
        { 5, 3, { 0, 1, 0xe0 }, "toggle", "keypad", "invalid_code" },
        { 5, 4, { 1, 1, 0, 9 }, "unlock", "keypad", "success" },
        { 6, 1, { 0 }, "door_opened", NULL, NULL },
        { 6, 1, { 1 }, "door_closed", NULL, NULL },
        { 6, 1, { 2 }, "door_sensor_jammed", NULL, NULL },
        { 6, 1, { 3 }, "unknown", NULL, NULL },
        { 7, 1, { 1 }, "door_sensor_logging_on", NULL, NULL },
        { 7, 1, { 0 }, "door_sensor_logging_off", NULL, NULL },
        { 6, 0, { 0 }, "unknown", NULL, NULL },
        { 0x99, 4, { 0 }, "unknown", NULL, NULL },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct nuki_log_entry entry = { .index = 5,
                                        .time = nuki_time_from_seconds(UTC_S),
                                        .name = "Ada",
                                        .type = rows[i].type,
                                        .data_len = rows[i].data_len };
        struct ble_record record;

        memcpy(entry.data, rows[i].data, sizeof(rows[i].data));
        ble_nuki_state_record(&entry, 3600, &record);
        assert_int_equal(record.index, 5);
        assert_int_equal(record.utc_s, UTC_S - 3600);
        assert_string_equal(record.name, "Ada");
        assert_word(record.what, rows[i].what);
        assert_word(record.trigger, rows[i].trigger);
        assert_word(record.outcome, rows[i].outcome);
    }
}

static void record__time_that_is_none__has_none(void **state)
{
    struct nuki_log_entry entry = { .index = 5 };
    struct ble_record record;

    ble_nuki_state_record(&entry, 3600, &record);
    assert_true(record.utc_s == BLE_UTC_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lock_state__each__is_told),
        cmocka_unit_test(door_sensor__each__is_told),
        cmocka_unit_test(battery__full_empty_or_not_said__is_told),
        cmocka_unit_test(clock__off__is_told_beyond_the_bound),
        cmocka_unit_test(clock__of_one_side_not_known__is_not_compared),
        cmocka_unit_test(record__each_type__is_told),
        cmocka_unit_test(record__time_that_is_none__has_none),
    };

    return cmocka_run_group_tests_name("ble_nuki_state", tests, NULL, NULL);
}
