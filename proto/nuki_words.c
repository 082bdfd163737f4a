/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nuki_words.c: the words of nuki.h. A value that a lock may send is a byte like any other, so each table is
 * searched, and "unknown" is its end. */
#include "proto/nuki.h"

struct word {
    int value; /* NO_MORE: the end */
    const char *word;
};

#define NO_MORE (-1)
#define END                                                                                                  \
    {                                                                                                        \
        NO_MORE, "unknown"                                                                                   \
    }

static const char *find(const struct word words[], int value)
{
    while (words->value != NO_MORE && words->value != value)
        words++;
    return words->word;
}

const char *nuki_error_word(int error)
{
    static const struct word words[] = {
        { NUKI_E_SHORT, "short" },     { NUKI_E_LENGTH, "length" },
        { NUKI_E_LONG, "long" },       { NUKI_E_AUTH_ID, "auth_id" },
        { NUKI_E_MAC, "mac" },         { NUKI_E_INNER_AUTH_ID, "inner_auth_id" },
        { NUKI_E_CRC, "crc" },         { NUKI_E_COMMAND, "command" },
        { NUKI_E_PAYLOAD, "payload" }, END,
    };

    return find(words, error);
}

const char *nuki_lock_state_word(uint8_t lock_state)
{
    static const struct word words[] = {
        { NUKI_LOCK_STATE_UNCALIBRATED, "uncalibrated" },
        { NUKI_LOCK_STATE_LOCKED, "locked" },
        { NUKI_LOCK_STATE_UNLOCKING, "unlocking" },
        { NUKI_LOCK_STATE_UNLOCKED, "unlocked" },
        { NUKI_LOCK_STATE_LOCKING, "locking" },
        { NUKI_LOCK_STATE_UNLATCHED, "unlatched" },
        { NUKI_LOCK_STATE_UNLOCKED_LOCK_N_GO, "unlocked_lock_n_go" },
        { NUKI_LOCK_STATE_UNLATCHING, "unlatching" },
        { NUKI_LOCK_STATE_CALIBRATION, "calibration" },
        { NUKI_LOCK_STATE_BOOT_RUN, "boot_run" },
        { NUKI_LOCK_STATE_MOTOR_BLOCKED, "motor_blocked" },
        { NUKI_LOCK_STATE_UNDEFINED, "undefined" },
        END,
    };

    return find(words, lock_state);
}

const char *nuki_trigger_word(uint8_t trigger)
{
    static const struct word words[] = {
        { NUKI_TRIGGER_SYSTEM, "system" },       { NUKI_TRIGGER_MANUAL, "manual" },
        { NUKI_TRIGGER_BUTTON, "button" },       { NUKI_TRIGGER_AUTOMATIC, "automatic" },
        { NUKI_TRIGGER_AUTO_LOCK, "auto_lock" }, { NUKI_TRIGGER_HOMEKIT, "homekit" },
        { NUKI_TRIGGER_MQTT, "mqtt" },           END,
    };

    return find(words, trigger);
}

const char *nuki_action_word(uint8_t action)
{
    static const struct word words[] = {
        { NUKI_ACTION_NONE, "none" },
        { NUKI_ACTION_UNLOCK, "unlock" },
        { NUKI_ACTION_LOCK, "lock" },
        { NUKI_ACTION_UNLATCH, "unlatch" },
        { NUKI_ACTION_LOCK_N_GO, "lock_n_go" },
        { NUKI_ACTION_LOCK_N_GO_UNLATCH, "lock_n_go_unlatch" },
        { NUKI_ACTION_FULL_LOCK, "full_lock" },
        { NUKI_ACTION_FOB_1, "fob_1" },
        { NUKI_ACTION_FOB_2, "fob_2" },
        { NUKI_ACTION_FOB_3, "fob_3" },
        END,
    };

    return find(words, action);
}

const char *nuki_completion_word(uint8_t completion)
{
    static const struct word words[] = {
        { NUKI_COMPLETION_SUCCESS, "success" },
        { NUKI_COMPLETION_MOTOR_BLOCKED, "motor_blocked" },
        { NUKI_COMPLETION_CANCELED, "canceled" },
        { NUKI_COMPLETION_TOO_RECENT, "too_recent" },
        { NUKI_COMPLETION_BUSY, "busy" },
        { NUKI_COMPLETION_LOW_MOTOR_VOLTAGE, "low_motor_voltage" },
        { NUKI_COMPLETION_CLUTCH_FAILURE, "clutch_failure" },
        { NUKI_COMPLETION_MOTOR_POWER_FAILURE, "motor_power_failure" },
        { NUKI_COMPLETION_INCOMPLETE_FAILURE, "incomplete_failure" },
        { NUKI_COMPLETION_INVALID_CODE, "invalid_code" },
        { NUKI_COMPLETION_OTHER_ERROR, "other_error" },
        END,
    };

    return find(words, completion);
}

const char *nuki_door_sensor_word(uint8_t door_sensor)
{
    static const struct word words[] = {
        { NUKI_DOOR_SENSOR_UNAVAILABLE, "unavailable" },
        { NUKI_DOOR_SENSOR_DEACTIVATED, "deactivated" },
        { NUKI_DOOR_SENSOR_CLOSED, "closed" },
        { NUKI_DOOR_SENSOR_OPENED, "opened" },
        { NUKI_DOOR_SENSOR_STATE_UNKNOWN, "state_unknown" },
        { NUKI_DOOR_SENSOR_CALIBRATING, "calibrating" },
        { NUKI_DOOR_SENSOR_UNCALIBRATED, "uncalibrated" },
        { NUKI_DOOR_SENSOR_TAMPERED, "tampered" },
        END,
    };

    return find(words, door_sensor);
}

const char *nuki_code_word(uint8_t code)
{
    static const struct word words[] = {
        { NUKI_CODE_P_NOT_PAIRING, "not_pairing" },
        { NUKI_CODE_P_BAD_AUTHENTICATOR, "bad_authenticator" },
        { NUKI_CODE_P_BAD_PARAMETER, "bad_parameter" },
        { NUKI_CODE_P_MAX_USER, "max_user" },
        { NUKI_CODE_K_NOT_AUTHORIZED, "not_authorized" },
        { NUKI_CODE_K_BAD_PIN, "bad_pin" },
        { NUKI_CODE_K_BAD_NONCE, "bad_nonce" },
        { NUKI_CODE_K_BAD_PARAMETER, "bad_parameter" },
        { NUKI_CODE_K_INVALID_AUTH_ID, "invalid_auth_id" },
        { NUKI_CODE_K_DISABLED, "disabled" },
        { NUKI_CODE_K_REMOTE_NOT_ALLOWED, "remote_not_allowed" },
        { NUKI_CODE_K_TIME_NOT_ALLOWED, "time_not_allowed" },
        { NUKI_CODE_K_TOO_MANY_PIN_ATTEMPTS, "too_many_pin_attempts" },
        { NUKI_CODE_K_TOO_MANY_ENTRIES, "too_many_entries" },
        { NUKI_CODE_K_CODE_ALREADY_EXISTS, "code_already_exists" },
        { NUKI_CODE_K_CODE_INVALID, "code_invalid" },
        { NUKI_CODE_K_CODE_INVALID_TIMEOUT_1, "code_invalid_timeout_1" },
        { NUKI_CODE_K_CODE_INVALID_TIMEOUT_2, "code_invalid_timeout_2" },
        { NUKI_CODE_K_CODE_INVALID_TIMEOUT_3, "code_invalid_timeout_3" },
        { NUKI_CODE_K_AUTO_UNLOCK_TOO_RECENT, "auto_unlock_too_recent" },
        { NUKI_CODE_K_POSITION_UNKNOWN, "position_unknown" },
        { NUKI_CODE_K_MOTOR_BLOCKED, "motor_blocked" },
        { NUKI_CODE_K_CLUTCH_FAILURE, "clutch_failure" },
        { NUKI_CODE_K_MOTOR_TIMEOUT, "motor_timeout" },
        { NUKI_CODE_K_BUSY, "busy" },
        { NUKI_CODE_K_CANCELED, "canceled" },
        { NUKI_CODE_K_NOT_CALIBRATED, "not_calibrated" },
        { NUKI_CODE_K_MOTOR_POSITION_LIMIT, "motor_position_limit" },
        { NUKI_CODE_K_MOTOR_LOW_VOLTAGE, "motor_low_voltage" },
        { NUKI_CODE_K_MOTOR_POWER_FAILURE, "motor_power_failure" },
        { NUKI_CODE_K_CLUTCH_POWER_FAILURE, "clutch_power_failure" },
        { NUKI_CODE_K_VOLTAGE_TOO_LOW, "voltage_too_low" },
        { NUKI_CODE_K_FIRMWARE_UPDATE_NEEDED, "firmware_update_needed" },
        { NUKI_CODE_BAD_CRC, "bad_crc" },
        { NUKI_CODE_BAD_LENGTH, "bad_length" },
        END,
    };

    return find(words, code);
}
