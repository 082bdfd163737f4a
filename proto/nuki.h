/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nuki.h: what a Nuki Smart Lock and its clients say to each other, and in which words. Both sides. Pure.
 *
 * After the maker's "Nuki Smart Lock API V2.1" (16.03.2020) and its later additions; chapter numbers are of
 * V2.1. Constants bear the document's names. A message is a command and its payload; numbers are little
 * endian. How messages become frames is nuki_frame.h, who may read them nuki_key.h.
 *
 * What can be parsed can be formatted and parsed again to the same struct. What a lock says is not to be
 * trusted for being well formed: values that are not in the enums come through as they are, and have the word
 * "unknown".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"

/* GATT (2): services, and the characteristics below them, which are written and indicate. In pairing GDIO
 * has plain messages, USDIO has encrypted ones. */
#define NUKI_PAIRING_SERVICE   "a92ee100-5501-11e4-916c-0800200c9a66"
#define NUKI_PAIRING_GDIO      "a92ee101-5501-11e4-916c-0800200c9a66"
#define NUKI_KEYTURNER_SERVICE "a92ee200-5501-11e4-916c-0800200c9a66"
#define NUKI_KEYTURNER_GDIO    "a92ee201-5501-11e4-916c-0800200c9a66"
#define NUKI_KEYTURNER_USDIO   "a92ee202-5501-11e4-916c-0800200c9a66"

#define NUKI_KEY_BYTES   32
#define NUKI_NONCE_BYTES 32 /* a challenge, and the nonces of pairing */
#define NUKI_MAC_BYTES   32 /* an authenticator of pairing */
#define NUKI_UUID_BYTES  16
#define NUKI_NAME_BYTES  32 /* padded with NUL, and without one if it is that long */
#define NUKI_NAME_SIZE   (NUKI_NAME_BYTES + 1)
#define NUKI_SUFFIX_SIZE (20 + 1)

/* Longest payload of a message known here, with room for what later firmware adds to states and config. */
#define NUKI_PAYLOAD_MAX 128

/* Why a message is refused. nuki_error_word() has a word for each: "short", "length", "mac", … */
enum nuki_error {
    NUKI_E_SHORT = 1,     /* fewer bytes than any frame has */
    NUKI_E_LENGTH,        /* its length field, or what its command is long, is not what came */
    NUKI_E_LONG,          /* more bytes than a frame may have */
    NUKI_E_AUTH_ID,       /* of another authorization, by what is written outside */
    NUKI_E_MAC,           /* not made with our key, or altered */
    NUKI_E_INNER_AUTH_ID, /* inside another authorization than outside */
    NUKI_E_CRC,
    NUKI_E_COMMAND, /* none that is known here */
    NUKI_E_PAYLOAD, /* of a length that the command does not have */
};

enum nuki_command {
    NUKI_COMMAND_REQUEST_DATA = 0x0001,
    NUKI_COMMAND_PUBLIC_KEY = 0x0003,
    NUKI_COMMAND_CHALLENGE = 0x0004,
    NUKI_COMMAND_AUTHORIZATION_AUTHENTICATOR = 0x0005,
    NUKI_COMMAND_AUTHORIZATION_DATA = 0x0006,
    NUKI_COMMAND_AUTHORIZATION_ID = 0x0007,
    NUKI_COMMAND_KEYTURNER_STATES = 0x000c,
    NUKI_COMMAND_LOCK_ACTION = 0x000d,
    NUKI_COMMAND_STATUS = 0x000e,
    NUKI_COMMAND_ERROR_REPORT = 0x0012,
    NUKI_COMMAND_REQUEST_CONFIG = 0x0014,
    NUKI_COMMAND_CONFIG = 0x0015,
    NUKI_COMMAND_AUTHORIZATION_ID_CONFIRMATION = 0x001e,
    NUKI_COMMAND_UPDATE_TIME = 0x0021,
    NUKI_COMMAND_REQUEST_LOG_ENTRIES = 0x0031,
    NUKI_COMMAND_LOG_ENTRY = 0x0032,
    NUKI_COMMAND_LOG_ENTRY_COUNT = 0x0033,
};

enum nuki_status { NUKI_STATUS_COMPLETE = 0x00, NUKI_STATUS_ACCEPTED = 0x01 };

enum nuki_id_type { NUKI_ID_TYPE_APP, NUKI_ID_TYPE_BRIDGE, NUKI_ID_TYPE_FOB, NUKI_ID_TYPE_KEYPAD };

enum nuki_state {
    NUKI_STATE_UNINITIALIZED = 0x00,
    NUKI_STATE_PAIRING_MODE = 0x01,
    NUKI_STATE_DOOR_MODE = 0x02,
    NUKI_STATE_MAINTENANCE_MODE = 0x04,
};

enum nuki_lock_state {
    NUKI_LOCK_STATE_UNCALIBRATED = 0x00,
    NUKI_LOCK_STATE_LOCKED = 0x01,
    NUKI_LOCK_STATE_UNLOCKING = 0x02,
    NUKI_LOCK_STATE_UNLOCKED = 0x03,
    NUKI_LOCK_STATE_LOCKING = 0x04,
    NUKI_LOCK_STATE_UNLATCHED = 0x05,
    NUKI_LOCK_STATE_UNLOCKED_LOCK_N_GO = 0x06,
    NUKI_LOCK_STATE_UNLATCHING = 0x07,
    NUKI_LOCK_STATE_CALIBRATION = 0xfc,
    NUKI_LOCK_STATE_BOOT_RUN = 0xfd,
    NUKI_LOCK_STATE_MOTOR_BLOCKED = 0xfe,
    NUKI_LOCK_STATE_UNDEFINED = 0xff,
};

enum nuki_trigger {
    NUKI_TRIGGER_SYSTEM = 0x00, /* a command by Bluetooth */
    NUKI_TRIGGER_MANUAL = 0x01,
    NUKI_TRIGGER_BUTTON = 0x02,
    NUKI_TRIGGER_AUTOMATIC = 0x03,
    NUKI_TRIGGER_AUTO_LOCK = 0x06,
    NUKI_TRIGGER_HOMEKIT = 0xab,
    NUKI_TRIGGER_MQTT = 0xac,
};

enum nuki_action {
    NUKI_ACTION_NONE = 0x00,
    NUKI_ACTION_UNLOCK = 0x01,
    NUKI_ACTION_LOCK = 0x02,
    NUKI_ACTION_UNLATCH = 0x03,
    NUKI_ACTION_LOCK_N_GO = 0x04,
    NUKI_ACTION_LOCK_N_GO_UNLATCH = 0x05,
    NUKI_ACTION_FULL_LOCK = 0x06,
    NUKI_ACTION_FOB_1 = 0x81,
    NUKI_ACTION_FOB_2 = 0x82,
    NUKI_ACTION_FOB_3 = 0x83,
};

#define NUKI_FLAG_AUTO_UNLOCK 0x01
#define NUKI_FLAG_FORCE       0x02

enum nuki_completion {
    NUKI_COMPLETION_SUCCESS = 0x00,
    NUKI_COMPLETION_MOTOR_BLOCKED = 0x01,
    NUKI_COMPLETION_CANCELED = 0x02,
    NUKI_COMPLETION_TOO_RECENT = 0x03,
    NUKI_COMPLETION_BUSY = 0x04,
    NUKI_COMPLETION_LOW_MOTOR_VOLTAGE = 0x05,
    NUKI_COMPLETION_CLUTCH_FAILURE = 0x06,
    NUKI_COMPLETION_MOTOR_POWER_FAILURE = 0x07,
    NUKI_COMPLETION_INCOMPLETE_FAILURE = 0x08,
    NUKI_COMPLETION_INVALID_CODE = 0xe0,
    NUKI_COMPLETION_OTHER_ERROR = 0xfe,
    NUKI_COMPLETION_UNKNOWN = 0xff,
};

enum nuki_door_sensor {
    NUKI_DOOR_SENSOR_UNAVAILABLE = 0x00,
    NUKI_DOOR_SENSOR_DEACTIVATED = 0x01,
    NUKI_DOOR_SENSOR_CLOSED = 0x02,
    NUKI_DOOR_SENSOR_OPENED = 0x03,
    NUKI_DOOR_SENSOR_STATE_UNKNOWN = 0x04,
    NUKI_DOOR_SENSOR_CALIBRATING = 0x05,
    NUKI_DOOR_SENSOR_UNCALIBRATED = 0x10,
    NUKI_DOOR_SENSOR_TAMPERED = 0xf0,
    NUKI_DOOR_SENSOR_UNKNOWN = 0xff,
};

/* What an error report says (6). */
enum nuki_code {
    NUKI_CODE_P_NOT_PAIRING = 0x10,
    NUKI_CODE_P_BAD_AUTHENTICATOR = 0x11,
    NUKI_CODE_P_BAD_PARAMETER = 0x12,
    NUKI_CODE_P_MAX_USER = 0x13,
    NUKI_CODE_K_NOT_AUTHORIZED = 0x20,
    NUKI_CODE_K_BAD_PIN = 0x21,
    NUKI_CODE_K_BAD_NONCE = 0x22,
    NUKI_CODE_K_BAD_PARAMETER = 0x23,
    NUKI_CODE_K_INVALID_AUTH_ID = 0x24,
    NUKI_CODE_K_DISABLED = 0x25,
    NUKI_CODE_K_REMOTE_NOT_ALLOWED = 0x26,
    NUKI_CODE_K_TIME_NOT_ALLOWED = 0x27,
    NUKI_CODE_K_TOO_MANY_PIN_ATTEMPTS = 0x28,
    NUKI_CODE_K_TOO_MANY_ENTRIES = 0x29,
    NUKI_CODE_K_CODE_ALREADY_EXISTS = 0x2a,
    NUKI_CODE_K_CODE_INVALID = 0x2b,
    NUKI_CODE_K_CODE_INVALID_TIMEOUT_1 = 0x2c,
    NUKI_CODE_K_CODE_INVALID_TIMEOUT_2 = 0x2d,
    NUKI_CODE_K_CODE_INVALID_TIMEOUT_3 = 0x2e,
    NUKI_CODE_K_AUTO_UNLOCK_TOO_RECENT = 0x40,
    NUKI_CODE_K_POSITION_UNKNOWN = 0x41,
    NUKI_CODE_K_MOTOR_BLOCKED = 0x42,
    NUKI_CODE_K_CLUTCH_FAILURE = 0x43,
    NUKI_CODE_K_MOTOR_TIMEOUT = 0x44,
    NUKI_CODE_K_BUSY = 0x45,
    NUKI_CODE_K_CANCELED = 0x46,
    NUKI_CODE_K_NOT_CALIBRATED = 0x47,
    NUKI_CODE_K_MOTOR_POSITION_LIMIT = 0x48,
    NUKI_CODE_K_MOTOR_LOW_VOLTAGE = 0x49,
    NUKI_CODE_K_MOTOR_POWER_FAILURE = 0x4a,
    NUKI_CODE_K_CLUTCH_POWER_FAILURE = 0x4b,
    NUKI_CODE_K_VOLTAGE_TOO_LOW = 0x4c,
    NUKI_CODE_K_FIRMWARE_UPDATE_NEEDED = 0x4d,
    NUKI_CODE_BAD_CRC = 0xfd,
    NUKI_CODE_BAD_LENGTH = 0xfe,
    NUKI_CODE_UNKNOWN = 0xff,
};

enum nuki_log_type {
    NUKI_LOG_TYPE_LOGGING = 0x01,
    NUKI_LOG_TYPE_LOCK_ACTION = 0x02,
    NUKI_LOG_TYPE_CALIBRATION = 0x03,
    NUKI_LOG_TYPE_INITIALIZATION_RUN = 0x04,
    NUKI_LOG_TYPE_KEYPAD_ACTION = 0x05,
    NUKI_LOG_TYPE_DOOR_SENSOR = 0x06,
    NUKI_LOG_TYPE_DOOR_SENSOR_LOGGING = 0x07,
};

enum nuki_log_door {
    NUKI_LOG_DOOR_OPENED = 0x00,
    NUKI_LOG_DOOR_CLOSED = 0x01,
    NUKI_LOG_DOOR_JAMMED = 0x02, /* the sensor, not the bolt */
};

/* By the lock's own clock, which shows its local time. */
struct nuki_time {
    uint16_t year;
    uint8_t month, day, hour, minute, second;
};

struct nuki_authorization_data {
    uint8_t authenticator[NUKI_MAC_BYTES];
    uint8_t id_type; /* enum nuki_id_type */
    uint32_t app_id;
    char name[NUKI_NAME_SIZE];
    uint8_t nonce[NUKI_NONCE_BYTES]; /* the client's */
};

struct nuki_authorization_id {
    uint8_t authenticator[NUKI_MAC_BYTES];
    uint32_t auth_id;
    uint8_t uuid[NUKI_UUID_BYTES];
    uint8_t nonce[NUKI_NONCE_BYTES]; /* the lock's */
};

struct nuki_confirmation {
    uint8_t authenticator[NUKI_MAC_BYTES];
    uint32_t auth_id;
};

/* Keyturner states are 15 bytes in 2016, 19 in V2.1, and have grown since: what stands behind door_sensor is
 * kept to be formatted again and means nothing here. */
#define NUKI_STATES_BYTES_2016 15
#define NUKI_STATES_BYTES_V21  19
#define NUKI_STATES_BYTES_MAX  48

struct nuki_states {
    uint8_t size;       /* of the payload: NUKI_STATES_BYTES_2016 to _MAX; formatting cuts the fields to it */
    uint8_t nuki_state; /* enum nuki_state */
    uint8_t lock_state; /* enum nuki_lock_state */
    uint8_t trigger;    /* enum nuki_trigger */
    struct nuki_time time;
    int16_t zone_minutes; /* of that time, east of Greenwich */
    uint8_t battery;      /* see nuki_battery_critical() */
    uint8_t config_update_count;
    uint8_t lock_n_go_timer;
    uint8_t last_action; /* enum nuki_action. From here on: zero, and door_sensor UNAVAILABLE, if not said */
    uint8_t last_trigger;
    uint8_t last_completion; /* enum nuki_completion */
    uint8_t door_sensor;     /* enum nuki_door_sensor */
    uint8_t rest[NUKI_STATES_BYTES_MAX - NUKI_STATES_BYTES_V21];
};

struct nuki_lock_action {
    uint8_t action; /* enum nuki_action */
    uint32_t app_id;
    uint8_t flags;
    char suffix[NUKI_SUFFIX_SIZE];   /* for the lock's log, "": none */
    uint8_t nonce[NUKI_NONCE_BYTES]; /* the challenge */
};

struct nuki_error_report {
    uint8_t code;     /* enum nuki_code */
    uint16_t command; /* enum nuki_command */
};

/* The beginning of the configuration; what follows is not of use here, and formatted as zeros. */
#define NUKI_CONFIG_BYTES     74
#define NUKI_CONFIG_BYTES_MIN 36
struct nuki_config {
    uint8_t size; /* of the payload */
    uint32_t nuki_id;
    char name[NUKI_NAME_SIZE];
};

/* Requests that only whoever knows the security PIN may make. */
struct nuki_update_time {
    struct nuki_time time;
    uint8_t nonce[NUKI_NONCE_BYTES];
    uint16_t pin;
};

struct nuki_request_log {
    uint32_t start; /* entries beyond this index in the given order; 0: from the first of that order */
    uint16_t count;
    uint8_t descending; /* 0 or 1 */
    uint8_t total;      /* 1: a log entry count goes before the entries */
    uint8_t nonce[NUKI_NONCE_BYTES];
    uint16_t pin;
};

#define NUKI_LOG_DATA_MAX 32
struct nuki_log_entry {
    uint32_t index;
    struct nuki_time time;
    uint32_t auth_id;
    char name[NUKI_NAME_SIZE];
    uint8_t type; /* enum nuki_log_type */
    uint8_t data_len;
    uint8_t data[NUKI_LOG_DATA_MAX]; /* LOCK_ACTION, CALIBRATION, INITIALIZATION_RUN: action, trigger, flags,
                                      * completion; KEYPAD_ACTION: action, source, completion, code u16;
                                      * DOOR_SENSOR: enum nuki_log_door; others: on or off */
};

struct nuki_log_count {
    uint8_t logging_enabled;
    uint16_t count;
    uint8_t door_sensor_enabled;
    uint8_t door_sensor_logging_enabled;
};

/* Which member a command has stands behind each. */
struct nuki_message {
    enum nuki_command command;
    union {
        uint16_t request;                                  /* REQUEST_DATA: the command that is wanted */
        uint8_t public_key[NUKI_KEY_BYTES];                /* PUBLIC_KEY */
        uint8_t nonce[NUKI_NONCE_BYTES];                   /* CHALLENGE, REQUEST_CONFIG */
        uint8_t authenticator[NUKI_MAC_BYTES];             /* AUTHORIZATION_AUTHENTICATOR */
        struct nuki_authorization_data authorization_data; /* AUTHORIZATION_DATA */
        struct nuki_authorization_id authorization_id;     /* AUTHORIZATION_ID */
        struct nuki_confirmation confirmation;             /* AUTHORIZATION_ID_CONFIRMATION */
        struct nuki_states states;                         /* KEYTURNER_STATES */
        struct nuki_lock_action lock_action;               /* LOCK_ACTION */
        uint8_t status;                                    /* STATUS: enum nuki_status */
        struct nuki_error_report error_report;             /* ERROR_REPORT */
        struct nuki_config config;                         /* CONFIG */
        struct nuki_update_time update_time;               /* UPDATE_TIME */
        struct nuki_request_log request_log;               /* REQUEST_LOG_ENTRIES */
        struct nuki_log_entry log_entry;                   /* LOG_ENTRY */
        struct nuki_log_count log_count;                   /* LOG_ENTRY_COUNT */
    };
};

/* Reads a payload. Returns 0, NUKI_E_COMMAND or NUKI_E_PAYLOAD. */
int nuki_parse(uint16_t command, const uint8_t payload[], size_t len, struct nuki_message *ret) must_check;

/* Writes a message's payload; returns its length. */
size_t nuki_format(const struct nuki_message *message, uint8_t ret_payload[static NUKI_PAYLOAD_MAX]);

/* Forgets what a message says, which may be a key. */
void nuki_forget(struct nuki_message *message);

/* Shortest and longest payload of a command. False if it is not known here. */
bool nuki_payload_bounds(uint16_t command, size_t *ret_min, size_t *ret_max);

/* Whether the battery is to be changed, and how full it is in percent, -1 if the firmware is too old to say
 * (bit 0, and bits 2 to 7 with half the percents). */
bool nuki_battery_critical(uint8_t battery);
int nuki_battery_percent(uint8_t battery);

/* Seconds since 1970 of a lock's clock read as if it were UTC, and back. INT64_MIN for a time that is none.
 */
int64_t nuki_time_seconds(const struct nuki_time *time);
struct nuki_time nuki_time_from_seconds(int64_t seconds);

/* Words for logs, results and people: lower case with underscores, as "motor_blocked"; "unknown" for what is
 * none of the enum's values. */
const char *nuki_error_word(int error);
const char *nuki_command_word(uint16_t command);
const char *nuki_lock_state_word(uint8_t lock_state);
const char *nuki_trigger_word(uint8_t trigger);
const char *nuki_action_word(uint8_t action);
const char *nuki_completion_word(uint8_t completion);
const char *nuki_door_sensor_word(uint8_t door_sensor);
const char *nuki_code_word(uint8_t code);
