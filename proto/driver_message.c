/* SPDX-License-Identifier: GPL-3.0-or-later */
/* driver_message.c: the words and the readers; driver_message_format.c writes. One row table a kind. Members
 * are read into a flat struct of borrowed values first, then copied; so every kind shares the readers, and
 * the public structs hold no pointer. */
#include "proto/driver_message.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#define PULSE_MS_MIN   50
#define PULSE_MS_MAX   1800000
#define SHOW_MS        3000
#define SHOW_MS_MAX    600000
#define COUNT_MAX      65535
#define PERCENT_MAX    100
#define RSSI_MAX       127
#define VALUE_EXPECTED "must be 1 to 128 printable ASCII characters"
#define WORD_EXPECTED  "must be 1 to 32 printable ASCII characters"
#define LINE_EXPECTED  "must be at most 128 bytes without control characters"

static const char *const event_names[] = {
    "hello",  "presented", "removed", "approach", "input",  "passage", "no_passage", "state",
    "record", "result",    "found",   "progress", "health", "pong",    "error",      NULL,
};
static const char *const command_names[] = {
    "configure", "release", "lock", "unlock", "unlatch",  "hold",  "show", "prepare",
    "probe",     "scan",    "pair", "ping",   "shutdown", "error", NULL,
};
static const char *const direction_names[] = { "any", "entry", "exit", NULL };
static const char *const assurance_names[] = { "identifier", "shared_secret", "authenticated", NULL };
static const char *const role_names[] = { "contact", "rex", "tamper", "fire", NULL };
static const char *const outcome_names[] = { "accepted", "completed", "failed", "unknown", NULL };
static const char *const health_names[] = { "up", "degraded", "down", NULL };
static const char *const lock_names[] = { "unknown", "locked", "unlocked", "moving", "jammed", NULL };
static const char *const door_names[] = { "unknown", "open", "closed", "opening", "closing", NULL };
static const char *const indication_names[] = { "granted", "denied", "wait", NULL };
static const char *const address_type_names[] = { "unknown", "public", "random", NULL };
static const char *const credential_types[] = { "card", "pin", "mobile", "key", "plate", "qr", NULL };

static bool printable(const char *text, size_t max)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i++)
        if (text[i] < ' ' || text[i] > '~')
            return false;
    return len > 0 && len <= max;
}

static bool value_valid(const char *value)
{
    return printable(value, DRIVER_VALUE_SIZE - 1);
}

static bool word_valid(const char *word)
{
    return printable(word, DRIVER_WORD_SIZE - 1);
}

/* For one line of a log or terminal; that it is UTF-8 was seen to before. */
static bool line_valid(const char *line)
{
    size_t len = strlen(line);

    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            return false;
    return len < DRIVER_TEXT_SIZE;
}

bool driver_name_valid(const char *name)
{
    size_t len = strlen(name);

    return len > 0 && len < DRIVER_WORD_SIZE && name[0] >= 'a' && name[0] <= 'z' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

/* What the rows below fill: every member of every kind, borrowed. Enums are ints here. */
struct raw {
    int64_t at, id, ms, count, battery, rssi, protocol, deadline, pulse_ms, index, time;
    int direction, role, outcome, health, lock, door, indication, assurance, credential_type, address_type;
    bool value, on, obstacle, vehicle;
    const char *point, *target, *reason, *text, *member, *driver, *version, *credential_value;
    const char *address, *name, *about, *detail, *what, *trigger, *ending;
    struct json_object *credential, *counters, *points, *targets, *capabilities, *device;
};

#define ROW_AT              JSON_ROW_INT_REQUIRED(struct raw, at, "at", 1, JSON_INT_MAX)
#define ROW_AT_OPTIONAL     JSON_ROW_INT(struct raw, at, "at", 0, JSON_INT_MAX, 0)
#define ROW_ID              JSON_ROW_INT_REQUIRED(struct raw, id, "id", 1, JSON_INT_MAX)
#define ROW_ID_OPTIONAL     JSON_ROW_INT(struct raw, id, "id", 0, JSON_INT_MAX, 0)
#define ROW_POINT           JSON_ROW_CHECKED(struct raw, point, "point", true, id_valid, ID_EXPECTED)
#define ROW_POINT_OPTIONAL  JSON_ROW_CHECKED(struct raw, point, "point", false, id_valid, ID_EXPECTED)
#define ROW_TARGET          JSON_ROW_CHECKED(struct raw, target, "target", true, id_valid, ID_EXPECTED)
#define ROW_TARGET_OPTIONAL JSON_ROW_CHECKED(struct raw, target, "target", false, id_valid, ID_EXPECTED)
#define ROW_DIRECTION       JSON_ROW_ENUM(struct raw, direction, "direction", direction_names, 0)
#define ROW_REASON          JSON_ROW_STRING(struct raw, reason, "reason", 0, DRIVER_REASON_SIZE - 1)
#define ROW_TEXT            JSON_ROW_STRING(struct raw, text, "text", 0, DRIVER_REASON_SIZE - 1)
#define ROW_MEMBER          JSON_ROW_STRING(struct raw, member, "member", 0, DRIVER_MEMBER_SIZE - 1)
#define ROW_ADDRESS         JSON_ROW_CHECKED(struct raw, address, "address", true, word_valid, WORD_EXPECTED)
#define ROW_ADDRESS_TYPE    JSON_ROW_ENUM(struct raw, address_type, "address_type", address_type_names, 0)
#define ROW_DEADLINE        JSON_ROW_INT_REQUIRED(struct raw, deadline, "deadline", 1, JSON_INT_MAX)

static const struct json_row hello_rows[] = {
    ROW_AT_OPTIONAL,
    JSON_ROW_CHECKED(struct raw, driver, "driver", true, driver_name_valid, "must be 1 to 32 of a-z 0-9 -"),
    JSON_ROW_CHECKED(struct raw, version, "version", true, word_valid, WORD_EXPECTED),
    JSON_ROW_INT_REQUIRED(struct raw, protocol, "protocol", 1, JSON_INT_MAX),
    JSON_ROW_LIST(struct raw, points, "points", 0, DRIVER_POINTS_MAX),
    JSON_ROW_LIST(struct raw, targets, "targets", 0, DRIVER_TARGETS_MAX),
    JSON_ROW_LIST(struct raw, capabilities, "capabilities", 0, DRIVER_CAPABILITIES_MAX),
};
static const struct json_row presented_rows[] = {
    ROW_AT,
    ROW_POINT,
    { .member = "credential",
      .type = JSON_OBJECT,
      .required = true,
      .offset = offsetof(struct raw, credential) },
};
static const struct json_row credential_rows[] = {
    JSON_ROW_ENUM_REQUIRED(struct raw, credential_type, "type", credential_types),
    JSON_ROW_CHECKED(struct raw, credential_value, "value", true, value_valid, VALUE_EXPECTED),
    JSON_ROW_ENUM(struct raw, assurance, "assurance", assurance_names, DRIVER_ASSURANCE_IDENTIFIER),
};
static const struct json_row point_rows[] = { ROW_AT, ROW_POINT };
static const struct json_row input_rows[] = {
    ROW_AT,
    ROW_POINT_OPTIONAL,
    ROW_TARGET_OPTIONAL,
    JSON_ROW_ENUM_REQUIRED(struct raw, role, "role", role_names),
    { .member = "value", .type = JSON_BOOL, .required = true, .offset = offsetof(struct raw, value) },
};
static const struct json_row passage_rows[] = {
    ROW_AT,
    ROW_TARGET,
    ROW_DIRECTION,
    JSON_ROW_INT(struct raw, count, "count", 1, COUNT_MAX, 1),
};
static const struct json_row no_passage_rows[] = { ROW_AT, ROW_TARGET, ROW_DIRECTION };
static const struct json_row state_rows[] = {
    ROW_AT,
    ROW_TARGET,
    JSON_ROW_ENUM(struct raw, lock, "lock", lock_names, DRIVER_LOCK_UNTOLD),
    JSON_ROW_ENUM(struct raw, door, "door", door_names, DRIVER_DOOR_UNTOLD),
    JSON_ROW_BOOL(struct raw, obstacle, "obstacle", false),
    JSON_ROW_BOOL(struct raw, vehicle, "vehicle", false),
    JSON_ROW_INT(struct raw, battery, "battery", 0, PERCENT_MAX, DRIVER_BATTERY_UNKNOWN),
    JSON_ROW_CHECKED(struct raw, detail, "detail", false, word_valid, WORD_EXPECTED),
};
static const struct json_row record_rows[] = {
    ROW_AT,
    ROW_TARGET,
    JSON_ROW_INT(struct raw, index, "index", 0, JSON_INT_MAX, 0),
    JSON_ROW_INT(struct raw, time, "time", 0, DRIVER_TIME_MAX, DRIVER_TIME_UNKNOWN),
    JSON_ROW_CHECKED(struct raw, what, "what", true, word_valid, WORD_EXPECTED),
    JSON_ROW_CHECKED(struct raw, trigger, "trigger", false, word_valid, WORD_EXPECTED),
    JSON_ROW_CHECKED(struct raw, ending, "outcome", false, word_valid, WORD_EXPECTED),
    JSON_ROW_CHECKED(struct raw, name, "name", false, line_valid, LINE_EXPECTED),
};
static const struct json_row result_rows[] = {
    ROW_AT_OPTIONAL,
    ROW_ID,
    JSON_ROW_ENUM_REQUIRED(struct raw, outcome, "outcome", outcome_names),
    ROW_REASON,
    JSON_ROW_INT(struct raw, ms, "ms", 0, JSON_INT_MAX, 0),
};
static const struct json_row found_rows[] = {
    ROW_AT_OPTIONAL,
    ROW_ID,
    ROW_ADDRESS,
    ROW_ADDRESS_TYPE,
    JSON_ROW_STRING(struct raw, name, "name", 0, DRIVER_TEXT_SIZE - 1),
    JSON_ROW_STRING(struct raw, about, "about", 0, DRIVER_TEXT_SIZE - 1),
    JSON_ROW_INT(struct raw, rssi, "rssi", -RSSI_MAX, RSSI_MAX, DRIVER_RSSI_UNKNOWN),
};
static const struct json_row progress_rows[] = {
    ROW_AT_OPTIONAL,
    ROW_ID,
    JSON_ROW_STRING_REQUIRED(struct raw, text, "text", 1, DRIVER_REASON_SIZE - 1),
};
static const struct json_row health_rows[] = {
    ROW_AT_OPTIONAL,
    JSON_ROW_ENUM_REQUIRED(struct raw, health, "state", health_names),
    ROW_REASON,
    JSON_ROW_OBJECT(struct raw, counters, "counters"),
};
static const struct json_row pong_rows[] = { ROW_AT_OPTIONAL, ROW_ID_OPTIONAL };
static const struct json_row error_rows[] = { ROW_AT_OPTIONAL, ROW_TEXT, ROW_MEMBER };

static const struct json_row configure_rows[] = {
    { .member = "device", .type = JSON_OBJECT, .required = true, .offset = offsetof(struct raw, device) },
};
static const struct json_row release_rows[] = {
    ROW_ID,
    ROW_TARGET,
    ROW_DIRECTION,
    ROW_DEADLINE,
    JSON_ROW_INT_REQUIRED(struct raw, pulse_ms, "pulse_ms", PULSE_MS_MIN, PULSE_MS_MAX),
};
static const struct json_row lock_rows[] = { ROW_ID, ROW_TARGET, ROW_DEADLINE };
static const struct json_row hold_rows[] = {
    ROW_ID, ROW_TARGET, ROW_DIRECTION, ROW_DEADLINE, JSON_ROW_BOOL(struct raw, on, "on", true),
};
static const struct json_row show_rows[] = {
    ROW_POINT,
    JSON_ROW_ENUM_REQUIRED(struct raw, indication, "indication", indication_names),
    JSON_ROW_INT(struct raw, ms, "ms", 0, SHOW_MS_MAX, SHOW_MS),
    JSON_ROW_STRING(struct raw, text, "text", 0, DRIVER_TEXT_SIZE - 1),
};
static const struct json_row prepare_rows[] = { ROW_TARGET };
static const struct json_row probe_rows[] = { ROW_ID, ROW_DEADLINE };
static const struct json_row pair_rows[] = {
    ROW_ID, ROW_TARGET, ROW_ADDRESS, ROW_ADDRESS_TYPE, ROW_DEADLINE,
};
static const struct json_row ping_rows[] = { ROW_ID_OPTIONAL };

struct kind {
    const struct json_row *rows;
    size_t count;
};

#define KIND(rows)                                                                                           \
    {                                                                                                        \
        JSON_ROWS(rows)                                                                                      \
    }

static const struct kind event_kinds[] = {
    [DRIVER_EVENT_HELLO] = KIND(hello_rows),           [DRIVER_EVENT_PRESENTED] = KIND(presented_rows),
    [DRIVER_EVENT_REMOVED] = KIND(point_rows),         [DRIVER_EVENT_APPROACH] = KIND(point_rows),
    [DRIVER_EVENT_INPUT] = KIND(input_rows),           [DRIVER_EVENT_PASSAGE] = KIND(passage_rows),
    [DRIVER_EVENT_NO_PASSAGE] = KIND(no_passage_rows), [DRIVER_EVENT_STATE] = KIND(state_rows),
    [DRIVER_EVENT_RECORD] = KIND(record_rows),         [DRIVER_EVENT_RESULT] = KIND(result_rows),
    [DRIVER_EVENT_FOUND] = KIND(found_rows),           [DRIVER_EVENT_PROGRESS] = KIND(progress_rows),
    [DRIVER_EVENT_HEALTH] = KIND(health_rows),         [DRIVER_EVENT_PONG] = KIND(pong_rows),
    [DRIVER_EVENT_ERROR] = KIND(error_rows),
};
static const struct kind command_kinds[] = {
    [DRIVER_COMMAND_CONFIGURE] = KIND(configure_rows),
    [DRIVER_COMMAND_RELEASE] = KIND(release_rows),
    [DRIVER_COMMAND_LOCK] = KIND(lock_rows),
    [DRIVER_COMMAND_UNLOCK] = KIND(lock_rows),
    [DRIVER_COMMAND_UNLATCH] = KIND(lock_rows),
    [DRIVER_COMMAND_HOLD] = KIND(hold_rows),
    [DRIVER_COMMAND_SHOW] = KIND(show_rows),
    [DRIVER_COMMAND_PREPARE] = KIND(prepare_rows),
    [DRIVER_COMMAND_PROBE] = KIND(probe_rows),
    [DRIVER_COMMAND_SCAN] = KIND(probe_rows),
    [DRIVER_COMMAND_PAIR] = KIND(pair_rows),
    [DRIVER_COMMAND_PING] = KIND(ping_rows),
    [DRIVER_COMMAND_SHUTDOWN] = { NULL, 0 },
    [DRIVER_COMMAND_ERROR] = { error_rows, sizeof(error_rows) / sizeof(error_rows[0]) },
};

/* Finds which of names the member says. Returns the index in *ret_kind. */
static int read_words(struct json_object *list, const char *member, bool (*valid)(const char *),
                      char *ret_words, size_t word_size, struct json_error *error)
{
    for (size_t i = 0; i < json_list_length(list); i++) {
        const char *word = json_list_string(list, i, error);

        if (word && !valid(word)) {
            json_error_set(error, "", "%s", valid == id_valid ? ID_EXPECTED : WORD_EXPECTED);
            json_error_within(error, "[%zu]", i);
            word = NULL;
        }
        if (!word) {
            json_error_within(error, "%s", member);
            return -EBADMSG;
        }
        text_copy(ret_words + i * word_size, word_size, word);
    }
    return 0;
}

static int read_hello(const struct raw *raw, struct driver_hello *ret, struct json_error *error)
{
    memset(ret, 0, sizeof(*ret));
    text_copy(ret->driver, sizeof(ret->driver), raw->driver);
    text_copy(ret->version, sizeof(ret->version), raw->version);
    ret->protocol = raw->protocol;
    ret->point_count = json_list_length(raw->points);
    ret->target_count = json_list_length(raw->targets);
    ret->capability_count = json_list_length(raw->capabilities);
    int r = read_words(raw->points, "points", id_valid, ret->points[0], ID_SIZE, error);

    if (r == 0)
        r = read_words(raw->targets, "targets", id_valid, ret->targets[0], ID_SIZE, error);
    if (r == 0)
        r = read_words(raw->capabilities, "capabilities", word_valid, ret->capabilities[0], DRIVER_WORD_SIZE,
                       error);
    return r;
}

static int read_counters(struct json_object *counters, struct driver_event *ret, struct json_error *error)
{
    if (!counters)
        return 0;
    json_object_object_foreach(counters, name, value)
    {
        int64_t number = json_object_get_int64(value);

        if (ret->counter_count == DRIVER_COUNTERS_MAX || !word_valid(name) ||
            !json_object_is_type(value, json_type_int) || number > JSON_INT_MAX || number < -JSON_INT_MAX) {
            json_error_set(error, "counters", "must be at most %d integers by short names",
                           DRIVER_COUNTERS_MAX);
            return -EBADMSG;
        }
        struct driver_counter *counter = &ret->counters[ret->counter_count++];

        text_copy(counter->name, sizeof(counter->name), name);
        counter->value = number;
    }
    return 0;
}

/* What the rows cannot say. */
static int read_inner(enum driver_event_kind kind, struct raw *raw, struct driver_event *ret,
                      struct json_error *error)
{
    int r = 0;

    if (kind == DRIVER_EVENT_PRESENTED) {
        r = json_read(raw->credential, JSON_ROWS(credential_rows), raw, error);
        if (r < 0)
            json_error_within(error, "credential");
    } else if (kind == DRIVER_EVENT_HELLO) {
        r = read_hello(raw, &ret->hello, error);
    } else if (kind == DRIVER_EVENT_HEALTH) {
        r = read_counters(raw->counters, ret, error);
    } else if (kind == DRIVER_EVENT_INPUT && !raw->point && !raw->target) {
        json_error_set(error, "point", "is missing (or target)");
        r = -EBADMSG;
    }
    return r;
}

static void fill_found(const struct raw *raw, struct driver_found *ret)
{
    ret->address_type = (enum driver_address_type)raw->address_type;
    ret->rssi = raw->rssi;
    text_copy(ret->address, sizeof(ret->address), raw->address);
    text_copy(ret->name, sizeof(ret->name), raw->name);
    text_copy(ret->about, sizeof(ret->about), raw->about);
}

static void fill_record(const struct raw *raw, struct driver_record *ret)
{
    ret->index = raw->index;
    ret->time_s = raw->time;
    text_copy(ret->what, sizeof(ret->what), raw->what);
    text_copy(ret->trigger, sizeof(ret->trigger), raw->trigger);
    text_copy(ret->outcome, sizeof(ret->outcome), raw->ending);
    text_copy(ret->name, sizeof(ret->name), raw->name);
}

static void fill_event(enum driver_event_kind kind, const struct raw *raw, struct driver_event *ret)
{
    ret->kind = kind;
    ret->at_us = raw->at;
    ret->direction = (enum driver_direction)raw->direction;
    ret->assurance = (enum driver_assurance)raw->assurance;
    ret->role = (enum driver_role)raw->role;
    ret->value = raw->value;
    ret->count = raw->count;
    ret->lock = (enum driver_lock)raw->lock;
    ret->door = (enum driver_door)raw->door;
    ret->obstacle = raw->obstacle;
    ret->vehicle = raw->vehicle;
    ret->battery = raw->battery;
    ret->id = raw->id;
    ret->outcome = (enum driver_outcome)raw->outcome;
    ret->ms = raw->ms;
    ret->health = (enum driver_health)raw->health;
    text_copy(ret->point, sizeof(ret->point), raw->point);
    text_copy(ret->target, sizeof(ret->target), raw->target);
    text_copy(ret->credential_value, sizeof(ret->credential_value), raw->credential_value);
    if (raw->credential_value)
        text_copy(ret->credential_type, sizeof(ret->credential_type), credential_types[raw->credential_type]);
    text_copy(ret->detail, sizeof(ret->detail), raw->detail);
    text_copy(ret->reason, sizeof(ret->reason), raw->text ? raw->text : raw->reason);
    text_copy(ret->member, sizeof(ret->member), raw->member);
    fill_found(raw, &ret->found);
    fill_record(raw, &ret->record);
}

int driver_event_parse(const char *line, size_t len, struct driver_event *ret, struct json_error *error)
{
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct raw raw = { 0 };
    int kind = 0;
    int r = json_parse(line, len, &object, error);

    if (r == 0)
        r = json_read_kind(object, "ev", event_names, &kind, error);
    if (r == 0)
        r = json_read(object, event_kinds[kind].rows, event_kinds[kind].count, &raw, error);
    if (r != 0)
        return r;
    ret->counter_count = 0;
    r = read_inner((enum driver_event_kind)kind, &raw, ret, error);
    if (r < 0)
        return r;
    fill_event((enum driver_event_kind)kind, &raw, ret);
    return 0;
}

int driver_command_set_device(struct driver_command *command, struct json_object *device)
{
    size_t len;
    const char *json = json_object_to_json_string_length(
        device, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);

    if (!json || len >= sizeof(command->device))
        return -EMSGSIZE;
    memcpy(command->device, json, len + 1);
    return 0;
}

static void fill_command(enum driver_command_kind kind, const struct raw *raw, struct driver_command *ret)
{
    ret->kind = kind;
    ret->id = raw->id;
    ret->deadline_us = raw->deadline;
    ret->direction = (enum driver_direction)raw->direction;
    ret->pulse_ms = raw->pulse_ms;
    ret->on = raw->on;
    ret->indication = (enum driver_indication)raw->indication;
    ret->ms = raw->ms;
    ret->address_type = (enum driver_address_type)raw->address_type;
    text_copy(ret->address, sizeof(ret->address), raw->address);
    text_copy(ret->target, sizeof(ret->target), raw->target);
    text_copy(ret->point, sizeof(ret->point), raw->point);
    text_copy(ret->text, sizeof(ret->text), raw->text);
    text_copy(ret->member, sizeof(ret->member), raw->member);
}

int driver_command_parse(const char *line, size_t len, struct driver_command *ret, struct json_error *error)
{
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct raw raw = { 0 };
    int kind = 0;
    int r = json_parse(line, len, &object, error);

    if (r == 0)
        r = json_read_kind(object, "do", command_names, &kind, error);
    if (r == 0)
        r = json_read(object, command_kinds[kind].rows, command_kinds[kind].count, &raw, error);
    if (r != 0)
        return r;
    if (raw.device && driver_command_set_device(ret, raw.device) < 0) {
        json_error_set(error, "device", "is too long");
        return -EBADMSG;
    }
    fill_command((enum driver_command_kind)kind, &raw, ret);
    return 0;
}

bool driver_command_has_result(enum driver_command_kind kind)
{
    switch (kind) {
    case DRIVER_COMMAND_RELEASE:
    case DRIVER_COMMAND_LOCK:
    case DRIVER_COMMAND_UNLOCK:
    case DRIVER_COMMAND_UNLATCH:
    case DRIVER_COMMAND_HOLD:
    case DRIVER_COMMAND_PROBE:
    case DRIVER_COMMAND_SCAN:
    case DRIVER_COMMAND_PAIR:
        return true;
    case DRIVER_COMMAND_CONFIGURE:
    case DRIVER_COMMAND_SHOW:
    case DRIVER_COMMAND_PREPARE:
    case DRIVER_COMMAND_PING:
    case DRIVER_COMMAND_SHUTDOWN:
    case DRIVER_COMMAND_ERROR:
        break;
    }
    return false;
}

const char *driver_event_name(enum driver_event_kind kind)
{
    return event_names[kind];
}

const char *driver_command_name(enum driver_command_kind kind)
{
    return command_names[kind];
}

const char *driver_direction_name(enum driver_direction direction)
{
    return direction_names[direction];
}

const char *driver_assurance_name(enum driver_assurance assurance)
{
    return assurance_names[assurance];
}

const char *driver_role_name(enum driver_role role)
{
    return role_names[role];
}

const char *driver_outcome_name(enum driver_outcome outcome)
{
    return outcome_names[outcome];
}

const char *driver_health_name(enum driver_health health)
{
    return health_names[health];
}

const char *driver_lock_name(enum driver_lock lock)
{
    return lock_names[lock];
}

const char *driver_door_name(enum driver_door door)
{
    return door_names[door];
}

const char *driver_indication_name(enum driver_indication indication)
{
    return indication_names[indication];
}

const char *driver_address_type_name(enum driver_address_type type)
{
    return address_type_names[type];
}
