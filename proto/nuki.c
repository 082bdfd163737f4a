/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nuki.c: each message's layout stands once, as a function that goes over its fields: the same one reads and
 * writes, so that the two cannot come apart. A row of forms[] has it with the lengths that it may have. */
#include "proto/nuki.h"

#include <assert.h>
#include <string.h>
#include <time.h>

#define YEAR_MIN  2000
#define YEAR_MAX  2255
#define TAIL_SIZE (NUKI_STATES_BYTES_MAX - NUKI_STATES_BYTES_2016)

/* Behind the fields of config that are of use. */
static const uint8_t zeros[NUKI_PAYLOAD_MAX];

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

static void put_or_take(struct wire *wire, void *field, size_t size)
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

static void u8(struct wire *wire, uint8_t *field)
{
    put_or_take(wire, field, 1);
}

static void u16(struct wire *wire, uint16_t *field)
{
    uint8_t bytes[] = { (uint8_t)*field, (uint8_t)(*field >> 8) };

    put_or_take(wire, bytes, sizeof(bytes));
    *field = (uint16_t)(bytes[0] | bytes[1] << 8);
}

static void u32(struct wire *wire, uint32_t *field)
{
    uint16_t low = (uint16_t)*field;
    uint16_t high = (uint16_t)(*field >> 16);

    u16(wire, &low);
    u16(wire, &high);
    *field = low | (uint32_t)high << 16;
}

/* Size with the NUL, which is not sent. What stands behind a NUL is not kept. */
static void name(struct wire *wire, char *field, size_t size)
{
    char padded[NUKI_NAME_SIZE] = { 0 };

    memcpy(padded, field, strnlen(field, size - 1));
    put_or_take(wire, padded, size - 1);
    memset(field, 0, size);
    memcpy(field, padded, strlen(padded));
}

static void date(struct wire *wire, struct nuki_time *time)
{
    u16(wire, &time->year);
    u8(wire, &time->month);
    u8(wire, &time->day);
    u8(wire, &time->hour);
    u8(wire, &time->minute);
    u8(wire, &time->second);
}

static void request_data(struct wire *wire, struct nuki_message *message)
{
    u16(wire, &message->request);
}

/* Public key, challenge, authenticator, and the request for config: 32 bytes each. */
static void bytes_32(struct wire *wire, struct nuki_message *message)
{
    put_or_take(wire, message->nonce, sizeof(message->nonce));
}

static void authorization_data(struct wire *wire, struct nuki_message *message)
{
    struct nuki_authorization_data *data = &message->authorization_data;

    put_or_take(wire, data->authenticator, sizeof(data->authenticator));
    u8(wire, &data->id_type);
    u32(wire, &data->app_id);
    name(wire, data->name, sizeof(data->name));
    put_or_take(wire, data->nonce, sizeof(data->nonce));
}

static void authorization_id(struct wire *wire, struct nuki_message *message)
{
    struct nuki_authorization_id *id = &message->authorization_id;

    put_or_take(wire, id->authenticator, sizeof(id->authenticator));
    u32(wire, &id->auth_id);
    put_or_take(wire, id->uuid, sizeof(id->uuid));
    put_or_take(wire, id->nonce, sizeof(id->nonce));
}

static void confirmation(struct wire *wire, struct nuki_message *message)
{
    put_or_take(wire, message->confirmation.authenticator, sizeof(message->confirmation.authenticator));
    u32(wire, &message->confirmation.auth_id);
}

/* What firmware since 2016 has added, as far as it has. */
static void states_tail(struct wire *wire, struct nuki_states *states)
{
    uint8_t tail[TAIL_SIZE] = { states->last_action, states->last_trigger, states->last_completion,
                                states->door_sensor };

    memcpy(tail + 4, states->rest, sizeof(states->rest));
    put_or_take(wire, tail, states->size - (size_t)NUKI_STATES_BYTES_2016);
    states->last_action = tail[0];
    states->last_trigger = tail[1];
    states->last_completion = tail[2];
    states->door_sensor = tail[3];
    memcpy(states->rest, tail + 4, sizeof(states->rest));
}

static void states(struct wire *wire, struct nuki_message *message)
{
    struct nuki_states *states = &message->states;
    uint16_t zone = (uint16_t)states->zone_minutes;

    if (wire->in)
        states->size = (uint8_t)wire->len;
    assert(states->size >= NUKI_STATES_BYTES_2016 && states->size <= NUKI_STATES_BYTES_MAX);
    u8(wire, &states->nuki_state);
    u8(wire, &states->lock_state);
    u8(wire, &states->trigger);
    date(wire, &states->time);
    u16(wire, &zone);
    states->zone_minutes = (int16_t)zone;
    u8(wire, &states->battery);
    u8(wire, &states->config_update_count);
    u8(wire, &states->lock_n_go_timer);
    states_tail(wire, states);
}

static void lock_action(struct wire *wire, struct nuki_message *message)
{
    struct nuki_lock_action *action = &message->lock_action;

    u8(wire, &action->action);
    u32(wire, &action->app_id);
    u8(wire, &action->flags);
    if (wire->in ? left(wire) > sizeof(action->nonce) : action->suffix[0] != '\0')
        name(wire, action->suffix, sizeof(action->suffix));
    put_or_take(wire, action->nonce, sizeof(action->nonce));
}

static void status(struct wire *wire, struct nuki_message *message)
{
    u8(wire, &message->status);
}

static void error_report(struct wire *wire, struct nuki_message *message)
{
    u8(wire, &message->error_report.code);
    u16(wire, &message->error_report.command);
}

static void config(struct wire *wire, struct nuki_message *message)
{
    struct nuki_config *config = &message->config;

    if (wire->in)
        config->size = (uint8_t)wire->len;
    assert(config->size >= NUKI_CONFIG_BYTES_MIN && config->size <= NUKI_PAYLOAD_MAX);
    u32(wire, &config->nuki_id);
    name(wire, config->name, sizeof(config->name));
    if (!wire->in)
        memcpy(wire->out + wire->at, zeros, config->size - wire->at);
    wire->at = config->size;
}

static void update_time(struct wire *wire, struct nuki_message *message)
{
    struct nuki_update_time *update = &message->update_time;

    date(wire, &update->time);
    put_or_take(wire, update->nonce, sizeof(update->nonce));
    u16(wire, &update->pin);
}

static void request_log(struct wire *wire, struct nuki_message *message)
{
    struct nuki_request_log *request = &message->request_log;

    u32(wire, &request->start);
    u16(wire, &request->count);
    u8(wire, &request->descending);
    u8(wire, &request->total);
    put_or_take(wire, request->nonce, sizeof(request->nonce));
    u16(wire, &request->pin);
}

static void log_entry(struct wire *wire, struct nuki_message *message)
{
    struct nuki_log_entry *entry = &message->log_entry;

    u32(wire, &entry->index);
    date(wire, &entry->time);
    u32(wire, &entry->auth_id);
    name(wire, entry->name, sizeof(entry->name));
    u8(wire, &entry->type);
    if (wire->in)
        entry->data_len = (uint8_t)left(wire);
    put_or_take(wire, entry->data, entry->data_len);
}

static void log_count(struct wire *wire, struct nuki_message *message)
{
    u8(wire, &message->log_count.logging_enabled);
    u16(wire, &message->log_count.count);
    u8(wire, &message->log_count.door_sensor_enabled);
    u8(wire, &message->log_count.door_sensor_logging_enabled);
}

struct form {
    uint16_t command;
    uint8_t min, max; /* bytes of payload */
    const char *word;
    void (*go_over)(struct wire *wire, struct nuki_message *message);
};

static const struct form forms[] = {
    { NUKI_COMMAND_REQUEST_DATA, 2, 2, "request_data", request_data },
    { NUKI_COMMAND_PUBLIC_KEY, 32, 32, "public_key", bytes_32 },
    { NUKI_COMMAND_CHALLENGE, 32, 32, "challenge", bytes_32 },
    { NUKI_COMMAND_AUTHORIZATION_AUTHENTICATOR, 32, 32, "authorization_authenticator", bytes_32 },
    { NUKI_COMMAND_AUTHORIZATION_DATA, 101, 101, "authorization_data", authorization_data },
    { NUKI_COMMAND_AUTHORIZATION_ID, 84, 84, "authorization_id", authorization_id },
    { NUKI_COMMAND_KEYTURNER_STATES, NUKI_STATES_BYTES_2016, NUKI_STATES_BYTES_MAX, "keyturner_states",
      states },
    { NUKI_COMMAND_LOCK_ACTION, 38, 58, "lock_action", lock_action },
    { NUKI_COMMAND_STATUS, 1, 1, "status", status },
    { NUKI_COMMAND_ERROR_REPORT, 3, 3, "error_report", error_report },
    { NUKI_COMMAND_REQUEST_CONFIG, 32, 32, "request_config", bytes_32 },
    { NUKI_COMMAND_CONFIG, NUKI_CONFIG_BYTES_MIN, NUKI_PAYLOAD_MAX, "config", config },
    { NUKI_COMMAND_AUTHORIZATION_ID_CONFIRMATION, 36, 36, "authorization_id_confirmation", confirmation },
    { NUKI_COMMAND_UPDATE_TIME, 41, 41, "update_time", update_time },
    { NUKI_COMMAND_REQUEST_LOG_ENTRIES, 42, 42, "request_log_entries", request_log },
    { NUKI_COMMAND_LOG_ENTRY, 48, 48 + NUKI_LOG_DATA_MAX, "log_entry", log_entry },
    { NUKI_COMMAND_LOG_ENTRY_COUNT, 5, 5, "log_entry_count", log_count },
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
