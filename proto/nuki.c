/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nuki.c: each message's layout stands once, as a function that goes over its fields: the same one reads and
 * writes, so that the two cannot come apart. A row of forms[] has it with the lengths that it may have. */
#include "proto/nuki.h"

#include <assert.h>
#include <string.h>
#include <time.h>

#include "gateway/base/bytes.h"

#define YEAR_MIN  2000
#define YEAR_MAX  2255
#define TAIL_SIZE (NUKI_STATES_BYTES_MAX - NUKI_STATES_BYTES_2016)

/* A payload that is read, or written. Beyond its end nothing is, and it is bad. */
struct wire {
    const uint8_t *in; /* NULL: written to out */
    uint8_t *out;
    size_t len;
    size_t at;
    bool bad;
};

static size_t left(const struct wire *wire)
{
    return wire->len - wire->at;
}

static void wire_bytes(struct wire *wire, void *field, size_t size)
{
    if (left(wire) < size) {
        wire->bad = true;
        return;
    }
    if (wire->in)
        memcpy(field, wire->in + wire->at, size);
    else
        memcpy(wire->out + wire->at, field, size);
    wire->at += size;
}

static void wire_u8(struct wire *wire, uint8_t *field)
{
    wire_bytes(wire, field, 1);
}

static void wire_u16(struct wire *wire, uint16_t *field)
{
    uint8_t bytes[2];

    bytes_put_u16(bytes, *field);
    wire_bytes(wire, bytes, sizeof(bytes));
    *field = bytes_get_u16(bytes);
}

static void wire_u32(struct wire *wire, uint32_t *field)
{
    uint8_t bytes[4];

    bytes_put_u32(bytes, *field);
    wire_bytes(wire, bytes, sizeof(bytes));
    *field = bytes_get_u32(bytes);
}

/* Size with the NUL, which is not sent. What stands behind a NUL is not kept. */
static void wire_name(struct wire *wire, char *field, size_t size)
{
    char padded[NUKI_NAME_SIZE] = { 0 };

    memcpy(padded, field, strnlen(field, size - 1));
    wire_bytes(wire, padded, size - 1);
    memset(field, 0, size);
    memcpy(field, padded, strlen(padded));
}

static void wire_time(struct wire *wire, struct nuki_time *time)
{
    wire_u16(wire, &time->year);
    wire_u8(wire, &time->month);
    wire_u8(wire, &time->day);
    wire_u8(wire, &time->hour);
    wire_u8(wire, &time->minute);
    wire_u8(wire, &time->second);
}

static void wire_request_data(struct wire *wire, struct nuki_message *message)
{
    wire_u16(wire, &message->request);
}

/* Public key, challenge, authenticator, and the request for config: 32 bytes each. */
static void wire_bytes_32(struct wire *wire, struct nuki_message *message)
{
    wire_bytes(wire, message->nonce, sizeof(message->nonce));
}

static void wire_authorization_data(struct wire *wire, struct nuki_message *message)
{
    struct nuki_authorization_data *data = &message->authorization_data;

    wire_bytes(wire, data->authenticator, sizeof(data->authenticator));
    wire_u8(wire, &data->id_type);
    wire_u32(wire, &data->app_id);
    wire_name(wire, data->name, sizeof(data->name));
    wire_bytes(wire, data->nonce, sizeof(data->nonce));
}

static void wire_authorization_id(struct wire *wire, struct nuki_message *message)
{
    struct nuki_authorization_id *id = &message->authorization_id;

    wire_bytes(wire, id->authenticator, sizeof(id->authenticator));
    wire_u32(wire, &id->auth_id);
    wire_bytes(wire, id->uuid, sizeof(id->uuid));
    wire_bytes(wire, id->nonce, sizeof(id->nonce));
}

static void wire_confirmation(struct wire *wire, struct nuki_message *message)
{
    wire_bytes(wire, message->confirmation.authenticator, sizeof(message->confirmation.authenticator));
    wire_u32(wire, &message->confirmation.auth_id);
}

/* What firmware since 2016 has added, as far as it has. */
static void wire_states_tail(struct wire *wire, struct nuki_states *states)
{
    uint8_t tail[TAIL_SIZE] = { states->last_action, states->last_trigger, states->last_completion,
                                states->door_sensor };

    memcpy(tail + 4, states->rest, sizeof(states->rest));
    wire_bytes(wire, tail, states->size - (size_t)NUKI_STATES_BYTES_2016);
    states->last_action = tail[0];
    states->last_trigger = tail[1];
    states->last_completion = tail[2];
    states->door_sensor = tail[3];
    memcpy(states->rest, tail + 4, sizeof(states->rest));
}

static void wire_states(struct wire *wire, struct nuki_message *message)
{
    struct nuki_states *states = &message->states;
    uint16_t zone = (uint16_t)states->zone_minutes;

    if (wire->in)
        states->size = (uint8_t)wire->len;
    assert(states->size >= NUKI_STATES_BYTES_2016 && states->size <= NUKI_STATES_BYTES_MAX);
    wire_u8(wire, &states->nuki_state);
    wire_u8(wire, &states->lock_state);
    wire_u8(wire, &states->trigger);
    wire_time(wire, &states->time);
    wire_u16(wire, &zone);
    states->zone_minutes = (int16_t)zone;
    wire_u8(wire, &states->battery);
    wire_u8(wire, &states->config_update_count);
    wire_u8(wire, &states->lock_n_go_timer);
    wire_states_tail(wire, states);
}

static void wire_lock_action(struct wire *wire, struct nuki_message *message)
{
    struct nuki_lock_action *action = &message->lock_action;

    wire_u8(wire, &action->action);
    wire_u32(wire, &action->app_id);
    wire_u8(wire, &action->flags);
    if (wire->in ? left(wire) > sizeof(action->nonce) : action->suffix[0] != '\0')
        wire_name(wire, action->suffix, sizeof(action->suffix));
    wire_bytes(wire, action->nonce, sizeof(action->nonce));
}

static void wire_status(struct wire *wire, struct nuki_message *message)
{
    wire_u8(wire, &message->status);
}

static void wire_error_report(struct wire *wire, struct nuki_message *message)
{
    wire_u8(wire, &message->error_report.code);
    wire_u16(wire, &message->error_report.command);
}

static void wire_config(struct wire *wire, struct nuki_message *message)
{
    struct nuki_config *config = &message->config;

    if (wire->in)
        config->size = (uint8_t)wire->len;
    assert(config->size >= NUKI_CONFIG_BYTES_MIN && config->size <= NUKI_PAYLOAD_MAX);
    wire_u32(wire, &config->nuki_id);
    wire_name(wire, config->name, sizeof(config->name));
    if (!wire->in)
        memset(wire->out + wire->at, 0, config->size - wire->at);
    wire->at = config->size;
}

static void wire_update_time(struct wire *wire, struct nuki_message *message)
{
    struct nuki_update_time *update = &message->update_time;

    wire_time(wire, &update->time);
    wire_bytes(wire, update->nonce, sizeof(update->nonce));
    wire_u16(wire, &update->pin);
}

static void wire_request_log(struct wire *wire, struct nuki_message *message)
{
    struct nuki_request_log *request = &message->request_log;

    wire_u32(wire, &request->start);
    wire_u16(wire, &request->count);
    wire_u8(wire, &request->descending);
    wire_u8(wire, &request->total);
    wire_bytes(wire, request->nonce, sizeof(request->nonce));
    wire_u16(wire, &request->pin);
}

static void wire_log_entry(struct wire *wire, struct nuki_message *message)
{
    struct nuki_log_entry *entry = &message->log_entry;

    wire_u32(wire, &entry->index);
    wire_time(wire, &entry->time);
    wire_u32(wire, &entry->auth_id);
    wire_name(wire, entry->name, sizeof(entry->name));
    wire_u8(wire, &entry->type);
    if (wire->in)
        entry->data_len = (uint8_t)left(wire);
    wire_bytes(wire, entry->data, entry->data_len);
}

static void wire_log_count(struct wire *wire, struct nuki_message *message)
{
    wire_u8(wire, &message->log_count.logging_enabled);
    wire_u16(wire, &message->log_count.count);
    wire_u8(wire, &message->log_count.door_sensor_enabled);
    wire_u8(wire, &message->log_count.door_sensor_logging_enabled);
}

struct form {
    uint16_t command;
    uint8_t min, max; /* bytes of payload */
    const char *word;
    void (*go_over)(struct wire *wire, struct nuki_message *message);
};

static const struct form forms[] = {
    { NUKI_COMMAND_REQUEST_DATA, 2, 2, "request_data", wire_request_data },
    { NUKI_COMMAND_PUBLIC_KEY, 32, 32, "public_key", wire_bytes_32 },
    { NUKI_COMMAND_CHALLENGE, 32, 32, "challenge", wire_bytes_32 },
    { NUKI_COMMAND_AUTHORIZATION_AUTHENTICATOR, 32, 32, "authorization_authenticator", wire_bytes_32 },
    { NUKI_COMMAND_AUTHORIZATION_DATA, 101, 101, "authorization_data", wire_authorization_data },
    { NUKI_COMMAND_AUTHORIZATION_ID, 84, 84, "authorization_id", wire_authorization_id },
    { NUKI_COMMAND_KEYTURNER_STATES, NUKI_STATES_BYTES_2016, NUKI_STATES_BYTES_MAX, "keyturner_states",
      wire_states },
    { NUKI_COMMAND_LOCK_ACTION, 38, 58, "lock_action", wire_lock_action },
    { NUKI_COMMAND_STATUS, 1, 1, "status", wire_status },
    { NUKI_COMMAND_ERROR_REPORT, 3, 3, "error_report", wire_error_report },
    { NUKI_COMMAND_REQUEST_CONFIG, 32, 32, "request_config", wire_bytes_32 },
    { NUKI_COMMAND_CONFIG, NUKI_CONFIG_BYTES_MIN, NUKI_PAYLOAD_MAX, "config", wire_config },
    { NUKI_COMMAND_AUTHORIZATION_ID_CONFIRMATION, 36, 36, "authorization_id_confirmation",
      wire_confirmation },
    { NUKI_COMMAND_UPDATE_TIME, 41, 41, "update_time", wire_update_time },
    { NUKI_COMMAND_REQUEST_LOG_ENTRIES, 42, 42, "request_log_entries", wire_request_log },
    { NUKI_COMMAND_LOG_ENTRY, 48, 48 + NUKI_LOG_DATA_MAX, "log_entry", wire_log_entry },
    { NUKI_COMMAND_LOG_ENTRY_COUNT, 5, 5, "log_entry_count", wire_log_count },
};

static const struct form *find(uint16_t command)
{
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (forms[i].command == command)
            return &forms[i];
    }
    return NULL;
}

int nuki_parse(uint16_t command, const uint8_t payload[], size_t len, struct nuki_message *ret)
{
    const struct form *form = find(command);
    struct nuki_message message = { .command = command };
    struct wire wire = { .in = payload, .len = len };

    if (!form)
        return NUKI_E_COMMAND;
    if (len < form->min || len > form->max)
        return NUKI_E_PAYLOAD;
    form->go_over(&wire, &message);
    if (wire.bad || left(&wire) > 0)
        return NUKI_E_PAYLOAD;
    *ret = message;
    return 0;
}

size_t nuki_format(const struct nuki_message *message, uint8_t ret_payload[static NUKI_PAYLOAD_MAX])
{
    const struct form *form = find((uint16_t)message->command);
    struct nuki_message copy = *message;
    struct wire wire = { .out = ret_payload, .len = NUKI_PAYLOAD_MAX };

    assert(form);
    form->go_over(&wire, &copy);
    assert(!wire.bad && wire.at >= form->min && wire.at <= form->max);
    return wire.at;
}

void nuki_forget(struct nuki_message *message)
{
    explicit_bzero(message, sizeof(*message));
}

bool nuki_payload_bounds(uint16_t command, size_t *ret_min, size_t *ret_max)
{
    const struct form *form = find(command);

    if (!form)
        return false;
    *ret_min = form->min;
    *ret_max = form->max;
    return true;
}

const char *nuki_command_word(uint16_t command)
{
    const struct form *form = find(command);

    return form ? form->word : "unknown";
}

bool nuki_battery_critical(uint8_t battery)
{
    return battery & 1;
}

int nuki_battery_percent(uint8_t battery)
{
    int percent = (battery & 0xfc) >> 1;

    return percent == 0 || percent > 100 ? -1 : percent;
}

int64_t nuki_time_seconds(const struct nuki_time *time)
{
    struct tm tm = { .tm_year = time->year - 1900,
                     .tm_mon = time->month - 1,
                     .tm_mday = time->day,
                     .tm_hour = time->hour,
                     .tm_min = time->minute,
                     .tm_sec = time->second };

    if (time->year < YEAR_MIN || time->year > YEAR_MAX || time->hour > 23 || time->minute > 59 ||
        time->second > 60)
        return INT64_MIN;
    int64_t seconds = timegm(&tm);

    return tm.tm_mon == time->month - 1 && tm.tm_mday == time->day ? seconds : INT64_MIN;
}

struct nuki_time nuki_time_from_seconds(int64_t seconds)
{
    time_t at = (time_t)seconds;
    struct tm tm = { 0 };

    gmtime_r(&at, &tm);
    return (struct nuki_time){ .year = (uint16_t)(tm.tm_year + 1900),
                               .month = (uint8_t)(tm.tm_mon + 1),
                               .day = (uint8_t)tm.tm_mday,
                               .hour = (uint8_t)tm.tm_hour,
                               .minute = (uint8_t)tm.tm_min,
                               .second = (uint8_t)tm.tm_sec };
}
