/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_nuki_state.c: every byte may come from a lock, so the switches here are over numbers and have a
 * default. */
#include "hal/ble/ble_nuki_state.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"

#define HOUR_S 3600

/* How far from an hour's difference a clock may be that is taken for one that counts summer time apart. */
#define SUMMER_OFF_S 600

static enum driver_lock lock_of(uint8_t lock_state)
{
    switch (lock_state) {
    case NUKI_LOCK_STATE_LOCKED:
        return DRIVER_LOCK_LOCKED;
    case NUKI_LOCK_STATE_UNLOCKED:
    case NUKI_LOCK_STATE_UNLATCHED:
    case NUKI_LOCK_STATE_UNLOCKED_LOCK_N_GO:
        return DRIVER_LOCK_UNLOCKED;
    case NUKI_LOCK_STATE_UNLOCKING:
    case NUKI_LOCK_STATE_LOCKING:
    case NUKI_LOCK_STATE_UNLATCHING:
        return DRIVER_LOCK_MOVING;
    case NUKI_LOCK_STATE_MOTOR_BLOCKED:
        return DRIVER_LOCK_JAMMED;
    default:
        return DRIVER_LOCK_UNKNOWN;
    }
}

static enum driver_door door_of(uint8_t door_sensor)
{
    switch (door_sensor) {
    case NUKI_DOOR_SENSOR_CLOSED:
        return DRIVER_DOOR_CLOSED;
    case NUKI_DOOR_SENSOR_OPENED:
        return DRIVER_DOOR_OPEN;
    case NUKI_DOOR_SENSOR_UNAVAILABLE:
    case NUKI_DOOR_SENSOR_DEACTIVATED:
        return DRIVER_DOOR_UNTOLD;
    default:
        return DRIVER_DOOR_UNKNOWN;
    }
}

static const char *detail_of(uint8_t lock_state)
{
    bool said = lock_state == NUKI_LOCK_STATE_LOCKED || lock_state == NUKI_LOCK_STATE_UNLOCKED;

    return said ? NULL : nuki_lock_state_word(lock_state);
}

/* -1, 0 or 1. */
static int summer_hours(int64_t off_s)
{
    if (llabs(off_s - HOUR_S) <= SUMMER_OFF_S)
        return 1;
    return llabs(off_s + HOUR_S) <= SUMMER_OFF_S ? -1 : 0;
}

static void compare_clocks(const struct nuki_states *states, int64_t utc_s, struct ble_state *state,
                           int64_t *zone_s)
{
    int64_t shown_s = nuki_time_seconds(&states->time);

    if (utc_s == BLE_UTC_UNKNOWN)
        return;
    if (shown_s == INT64_MIN) {
        state->clock_wrong = true;
        return;
    }
    int64_t off_s = shown_s - *zone_s - utc_s;
    int hours = summer_hours(off_s);

    *zone_s += hours * HOUR_S;
    state->clock_off_s = off_s - hours * HOUR_S;
    state->clock_wrong = llabs(state->clock_off_s) > BLE_CLOCK_OFF_S;
}

void ble_nuki_state_of(const struct nuki_states *states, const struct ble_now *now,
                       struct ble_state *ret_state, int64_t *ret_zone_s)
{
    int percent = nuki_battery_percent(states->battery);

    *ret_state = (struct ble_state){ .lock = lock_of(states->lock_state),
                                     .door = door_of(states->door_sensor),
                                     .battery = percent < 0 ? DRIVER_BATTERY_UNKNOWN : percent,
                                     .detail = detail_of(states->lock_state),
                                     .battery_critical = nuki_battery_critical(states->battery),
                                     .door_sensor_tampered = states->door_sensor == NUKI_DOOR_SENSOR_TAMPERED,
                                     .trigger = nuki_trigger_word(states->trigger) };
    *ret_zone_s = (int64_t)states->zone_minutes * 60;
    compare_clocks(states, now->utc_s, ret_state, ret_zone_s);
}

/* How much data each type of entry has at least. */
static size_t data_min(uint8_t type)
{
    switch (type) {
    case NUKI_LOG_TYPE_LOCK_ACTION:
    case NUKI_LOG_TYPE_CALIBRATION:
    case NUKI_LOG_TYPE_INITIALIZATION_RUN:
        return 4;
    case NUKI_LOG_TYPE_KEYPAD_ACTION:
        return 3;
    default:
        return 1;
    }
}

static const char *door_event(uint8_t event)
{
    switch (event) {
    case NUKI_LOG_DOOR_OPENED:
        return "door_opened";
    case NUKI_LOG_DOOR_CLOSED:
        return "door_closed";
    case NUKI_LOG_DOOR_JAMMED:
        return "door_sensor_jammed";
    default:
        return "unknown";
    }
}

static void record_motor(const uint8_t data[], const char *what, struct ble_record *record)
{
    record->what = what;
    record->trigger = nuki_trigger_word(data[1]);
    record->outcome = nuki_completion_word(data[3]);
}

static void record_data(const struct nuki_log_entry *entry, struct ble_record *record)
{
    const uint8_t *data = entry->data;

    switch (entry->type) {
    case NUKI_LOG_TYPE_LOGGING:
        record->what = data[0] ? "logging_on" : "logging_off";
        break;
    case NUKI_LOG_TYPE_LOCK_ACTION:
        record_motor(data, nuki_action_word(data[0]), record);
        break;
    case NUKI_LOG_TYPE_CALIBRATION:
        record_motor(data, "calibration", record);
        break;
    case NUKI_LOG_TYPE_INITIALIZATION_RUN:
        record_motor(data, "initialization_run", record);
        break;
    case NUKI_LOG_TYPE_KEYPAD_ACTION:
        record->what = data[0] == NUKI_ACTION_NONE ? "toggle" : nuki_action_word(data[0]);
        record->trigger = "keypad";
        record->outcome = nuki_completion_word(data[2]);
        break;
    case NUKI_LOG_TYPE_DOOR_SENSOR:
        record->what = door_event(data[0]);
        break;
    case NUKI_LOG_TYPE_DOOR_SENSOR_LOGGING:
        record->what = data[0] ? "door_sensor_logging_on" : "door_sensor_logging_off";
        break;
    default:
        break;
    }
}

void ble_nuki_state_record(const struct nuki_log_entry *entry, int64_t zone_s, struct ble_record *ret_record)
{
    int64_t shown_s = nuki_time_seconds(&entry->time);

    *ret_record = (struct ble_record){ .index = entry->index,
                                       .utc_s = shown_s == INT64_MIN ? BLE_UTC_UNKNOWN : shown_s - zone_s,
                                       .what = "unknown" };
    text_copy(ret_record->name, sizeof(ret_record->name), entry->name);
    if (entry->data_len >= data_min(entry->type))
        record_data(entry, ret_record);
}
