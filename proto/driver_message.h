/* SPDX-License-Identifier: GPL-3.0-or-later */
/* driver_message.h: the lines between the gateway and its drivers (hal/README.md is the same for people
 * who write a driver).
 *
 * One JSON object a line, at most LINE_BYTES_MAX with its LF. Events go from driver to gateway and name their
 * kind in "ev", commands go the other way and name it in "do". Members that are known are checked for type
 * and bounds, others are ignored; a kind that is not known is an outcome of its own, so that the caller can
 * answer it. Strings are copied into the structs: nothing in them is borrowed.
 *
 * Times are microseconds of CLOCK_BOOTTIME.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "gateway/base/lines.h"
#include "gateway/base/text.h"
#include "proto/json.h"
#include "proto/name.h"

#define DRIVER_PROTOCOL 1

/* Bounds, each with the NUL. */
#define DRIVER_VALUE_SIZE  129 /* a credential's value: 128 printable ASCII characters at most */
#define DRIVER_REASON_SIZE 161 /* why; for people and logs */
#define DRIVER_TEXT_SIZE   129 /* what a display shows */
#define DRIVER_MEMBER_SIZE 129 /* a path into the device item */
#define DRIVER_WORD_SIZE   33  /* a driver's name or version, a capability, a counter's name */

/* Entries of the lists; what is beyond them is refused. */
#define DRIVER_POINTS_MAX       64
#define DRIVER_TARGETS_MAX      32
#define DRIVER_CAPABILITIES_MAX 16
#define DRIVER_COUNTERS_MAX     112

/* Latest time of a record: 9999-12-31T23:59:59Z. */
#define DRIVER_TIME_MAX INT64_C(253402300799)

/* The line's kind is not one of ours. */
#define DRIVER_E_UNKNOWN_KIND JSON_E_UNKNOWN_KIND

enum driver_event_kind {
    DRIVER_EVENT_HELLO,
    DRIVER_EVENT_PRESENTED,
    DRIVER_EVENT_REMOVED,
    DRIVER_EVENT_APPROACH,
    DRIVER_EVENT_INPUT,
    DRIVER_EVENT_PASSAGE,
    DRIVER_EVENT_NO_PASSAGE,
    DRIVER_EVENT_STATE,
    DRIVER_EVENT_RECORD,
    DRIVER_EVENT_RESULT,
    DRIVER_EVENT_FOUND,
    DRIVER_EVENT_PROGRESS,
    DRIVER_EVENT_HEALTH,
    DRIVER_EVENT_PONG,
    DRIVER_EVENT_ERROR,
};

enum driver_command_kind {
    DRIVER_COMMAND_CONFIGURE,
    DRIVER_COMMAND_RELEASE,
    DRIVER_COMMAND_LOCK,
    DRIVER_COMMAND_UNLOCK,
    DRIVER_COMMAND_UNLATCH,
    DRIVER_COMMAND_HOLD,
    DRIVER_COMMAND_SHOW,
    DRIVER_COMMAND_PREPARE,
    DRIVER_COMMAND_PROBE,
    DRIVER_COMMAND_SCAN,
    DRIVER_COMMAND_PAIR,
    DRIVER_COMMAND_PING,
    DRIVER_COMMAND_SHUTDOWN,
    DRIVER_COMMAND_ERROR,
};

/* ANY: the device can't tell, or doesn't care. Left out in lines. */
enum driver_direction { DRIVER_DIRECTION_ANY, DRIVER_DIRECTION_ENTRY, DRIVER_DIRECTION_EXIT };

/* Weakest first (decision contract 3, row 13). */
enum driver_assurance {
    DRIVER_ASSURANCE_IDENTIFIER,
    DRIVER_ASSURANCE_SHARED_SECRET,
    DRIVER_ASSURANCE_AUTHENTICATED,
};

/* What the value true means: contact: open; rex: pressed; tamper and fire: alarm. */
enum driver_role { DRIVER_ROLE_CONTACT, DRIVER_ROLE_REX, DRIVER_ROLE_TAMPER, DRIVER_ROLE_FIRE };

enum driver_outcome {
    DRIVER_OUTCOME_ACCEPTED,  /* the device has taken it; another result follows */
    DRIVER_OUTCOME_COMPLETED, /* done, as far as the device can tell */
    DRIVER_OUTCOME_FAILED,    /* was not and will not be carried out */
    DRIVER_OUTCOME_UNKNOWN,   /* may have been carried out */
};

enum driver_health { DRIVER_HEALTH_UP, DRIVER_HEALTH_DEGRADED, DRIVER_HEALTH_DOWN };

enum driver_lock {
    DRIVER_LOCK_UNKNOWN, /* nobody knows now: what was said before holds no longer */
    DRIVER_LOCK_LOCKED,
    DRIVER_LOCK_UNLOCKED,
    DRIVER_LOCK_MOVING,
    DRIVER_LOCK_JAMMED,
    DRIVER_LOCK_UNTOLD, /* the line says nothing of it; has no name */
};

/* On the way (a barrier's boom) is neither open nor known to be closed. */
enum driver_door {
    DRIVER_DOOR_UNKNOWN, /* nobody sees it now: what was said before holds no longer */
    DRIVER_DOOR_OPEN,
    DRIVER_DOOR_CLOSED,
    DRIVER_DOOR_OPENING,
    DRIVER_DOOR_CLOSING,
    DRIVER_DOOR_UNTOLD, /* the line says nothing of it; has no name */
};

enum driver_indication { DRIVER_INDICATION_GRANTED, DRIVER_INDICATION_DENIED, DRIVER_INDICATION_WAIT };

/* Of a radio device's address; UNKNOWN is left out in lines. */
enum driver_address_type { DRIVER_ADDRESS_UNKNOWN, DRIVER_ADDRESS_PUBLIC, DRIVER_ADDRESS_RANDOM };

/* Battery of a device that has none or doesn't tell. */
#define DRIVER_BATTERY_UNKNOWN (-1)

/* Signal strength that nobody measured (as in Bluetooth's HCI). */
#define DRIVER_RSSI_UNKNOWN 127

/* Time of a record of a lock that has no clock, or none that it was set to. */
#define DRIVER_TIME_UNKNOWN (-1)

/* Capabilities that the gateway asks for. */
#define DRIVER_CAN_HOLD    "hold"    /* can keep a target released, if its device can */
#define DRIVER_CAN_PREPARE "prepare" /* wants to hear that a person is at a door */
#define DRIVER_CAN_SCAN    "scan"    /* can look for devices that are not in its item */

struct driver_counter {
    char name[DRIVER_WORD_SIZE];
    int64_t value;
};

/* What a driver says of itself once it is configured. */
struct driver_hello {
    char driver[DRIVER_WORD_SIZE];
    char version[DRIVER_WORD_SIZE];
    int64_t protocol;
    size_t point_count;
    size_t target_count;
    size_t capability_count;
    char points[DRIVER_POINTS_MAX][ID_SIZE];
    char targets[DRIVER_TARGETS_MAX][ID_SIZE];
    char capabilities[DRIVER_CAPABILITIES_MAX][DRIVER_WORD_SIZE];
};

/* A device that answers to a scan. */
struct driver_found {
    char address[DRIVER_WORD_SIZE];
    enum driver_address_type address_type; /* [unknown] */
    char name[DRIVER_TEXT_SIZE];           /* as it calls itself, "" */
    char about[DRIVER_TEXT_SIZE];          /* what the driver makes of it, for people, "" */
    int64_t rssi;                          /* dBm or DRIVER_RSSI_UNKNOWN */
};

/* An entry of a lock's own log: what it did, whoever made it. Nothing follows from it, and it may be old. */
struct driver_record {
    int64_t index;                  /* counts up; the same again is the same entry. [0]: not counted */
    int64_t time_s;                 /* by the lock's clock, since 1970 UTC, or DRIVER_TIME_UNKNOWN */
    char what[DRIVER_WORD_SIZE];    /* "unlock", "lock", "unlatch", "door_opened", … */
    char trigger[DRIVER_WORD_SIZE]; /* "manual", "keypad", "" */
    char outcome[DRIVER_WORD_SIZE]; /* the lock's own word: "success", "invalid_code", "" */
    char name[DRIVER_TEXT_SIZE]; /* whom the lock took it for; from others, without control characters, "" */
};

/* Which members a kind has stands behind each; what a kind doesn't have is zero ("" for strings). */
struct driver_event {
    enum driver_event_kind kind;
    int64_t at_us;        /* when it happened; 0 where the line had none (presented to record always have) */
    char point[ID_SIZE];  /* presented, removed, approach; input: this or target, or both */
    char target[ID_SIZE]; /* passage, no_passage, state, record; input: see point */
    enum driver_direction direction;          /* passage, no_passage */
    char credential_type[DRIVER_WORD_SIZE];   /* presented: card, pin, mobile, key, plate or qr */
    char credential_value[DRIVER_VALUE_SIZE]; /* presented: canonical, see decision contract 1 */
    enum driver_assurance assurance;          /* presented: what was proven, [identifier] */
    enum driver_role role;                    /* input */
    bool value;                               /* input */
    int64_t count;                            /* passage: how many people, [1] */
    enum driver_lock lock;                    /* state, [UNTOLD] */
    enum driver_door door;                    /* state, [UNTOLD] */
    bool obstacle;                            /* state: something keeps it from closing, [false] */
    bool vehicle;                             /* state: one still stands there, [false] */
    int64_t battery;                          /* state: percent or DRIVER_BATTERY_UNKNOWN */
    char detail[DRIVER_WORD_SIZE];            /* state: a word on why it is so, "" */
    int64_t id;                               /* result, found, progress: the command's; pong: the ping's */
    enum driver_outcome outcome;              /* result */
    int64_t ms;                               /* result: how long it took, [0] */
    enum driver_health health;                /* health: member "state" */
    char reason[DRIVER_REASON_SIZE];          /* result, health; progress, error: member "text" */
    char member[DRIVER_MEMBER_SIZE];          /* error: which member of the device item, "" */
    size_t counter_count;                     /* health */
    struct driver_counter counters[DRIVER_COUNTERS_MAX];
    struct driver_found found;   /* found */
    struct driver_record record; /* record */
    struct driver_hello hello;   /* hello; untouched by the parser for other kinds */
};

struct driver_command {
    enum driver_command_kind kind;
    int64_t id;                            /* those with a result: 1 to JSON_INT_MAX; ping: [0] */
    int64_t deadline_us;                   /* the same: never carried out after it */
    char target[ID_SIZE];                  /* release, lock, unlock, unlatch, hold, prepare, pair */
    enum driver_direction direction;       /* release, hold */
    int64_t pulse_ms;                      /* release: 50 to 1800000 */
    bool on;                               /* hold: [true]; false ends it */
    char point[ID_SIZE];                   /* show */
    enum driver_indication indication;     /* show */
    int64_t ms;                            /* show: for how long, [3000] */
    char address[DRIVER_WORD_SIZE];        /* pair */
    enum driver_address_type address_type; /* pair, [unknown] */
    char text[DRIVER_REASON_SIZE];         /* show: at most DRIVER_TEXT_SIZE, ""; error */
    char member[DRIVER_MEMBER_SIZE];       /* error: which member, "" */
    char device[LINE_BYTES_MAX];           /* configure: the device item as JSON; untouched for other kinds */
};

/* Parses one line without its LF.
 *
 * Returns 0, DRIVER_E_UNKNOWN_KIND or -EBADMSG with *error filled, or -ENOMEM. *ret holds nothing of use
 * unless 0 is returned. */
int driver_event_parse(const char *line, size_t len, struct driver_event *ret,
                       struct json_error *error) must_check;
int driver_command_parse(const char *line, size_t len, struct driver_command *ret,
                         struct json_error *error) must_check;

/* Writes a line without LF to text, which is emptied first. What can be parsed can be written and parsed
 * again to the same struct. Returns 0, -EMSGSIZE (longer than a line may be), or -ENOMEM. */
int driver_event_format(struct text *text, const struct driver_event *event) must_check;
int driver_command_format(struct text *text, const struct driver_command *command) must_check;

/* Puts a device item into a configure command. Returns 0, or -EMSGSIZE if it can't fit in a line. */
int driver_command_set_device(struct driver_command *command, struct json_object *device) must_check;

/* The protocol's words. */
const char *driver_event_name(enum driver_event_kind kind);
const char *driver_command_name(enum driver_command_kind kind);
const char *driver_direction_name(enum driver_direction direction); /* "any", "entry", "exit" */
const char *driver_assurance_name(enum driver_assurance assurance);
const char *driver_role_name(enum driver_role role);
const char *driver_outcome_name(enum driver_outcome outcome);
const char *driver_health_name(enum driver_health health);
const char *driver_lock_name(enum driver_lock lock);
const char *driver_door_name(enum driver_door door);
const char *driver_indication_name(enum driver_indication indication);
const char *driver_address_type_name(enum driver_address_type type); /* "unknown", "public", "random" */

/* A driver's name in a device item, from which its program's name is made: 1 to 32 of a-z 0-9 -, from a
 * letter on. */
bool driver_name_valid(const char *name);

/* Whether a command is answered by results: release, lock, unlock, unlatch, hold, probe, scan, pair. */
bool driver_command_has_result(enum driver_command_kind kind);
