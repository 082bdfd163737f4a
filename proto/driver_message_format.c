/* SPDX-License-Identifier: GPL-3.0-or-later */
/* driver_message_format.c: the writers of driver_message.h. One function a kind with more than two members,
 * so that a line can be read off from it. */
#include "proto/driver_message.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* Optional strings are left out when empty. */
static const char *filled(const char *string)
{
    return string[0] != '\0' ? string : NULL;
}

static void add_direction(struct json_out *out, enum driver_direction direction)
{
    if (direction != DRIVER_DIRECTION_ANY)
        json_add_string(out, "direction", driver_direction_name(direction));
}

static void add_address(struct json_out *out, const char *address, enum driver_address_type type)
{
    json_add_string(out, "address", address);
    if (type != DRIVER_ADDRESS_UNKNOWN)
        json_add_string(out, "address_type", driver_address_type_name(type));
}

static void add_words(struct json_out *out, const char *member, const char *words, size_t word_size,
                      size_t count)
{
    json_begin_list(out, member);
    for (size_t i = 0; i < count; i++)
        json_add_string(out, NULL, words + i * word_size);
    json_end_list(out);
}

static void add_hello(struct json_out *out, const struct driver_hello *hello)
{
    json_add_string(out, "driver", hello->driver);
    json_add_string(out, "version", hello->version);
    json_add_int(out, "protocol", hello->protocol);
    add_words(out, "points", hello->points[0], ID_SIZE, hello->point_count);
    add_words(out, "targets", hello->targets[0], ID_SIZE, hello->target_count);
    add_words(out, "capabilities", hello->capabilities[0], DRIVER_WORD_SIZE, hello->capability_count);
}

static void add_presented(struct json_out *out, const struct driver_event *event)
{
    json_add_string(out, "point", event->point);
    json_begin_object(out, "credential");
    json_add_string(out, "type", event->credential_type);
    json_add_string(out, "value", event->credential_value);
    json_add_string(out, "assurance", driver_assurance_name(event->assurance));
    json_end_object(out);
}

static void add_input(struct json_out *out, const struct driver_event *event)
{
    json_add_string(out, "point", filled(event->point));
    json_add_string(out, "target", filled(event->target));
    json_add_string(out, "role", driver_role_name(event->role));
    json_add_bool(out, "value", event->value);
}

static void add_state(struct json_out *out, const struct driver_event *event)
{
    json_add_string(out, "target", event->target);
    json_add_string(out, "lock", driver_lock_name(event->lock));
    json_add_string(out, "door", driver_door_name(event->door));
    if (event->obstacle)
        json_add_bool(out, "obstacle", true);
    if (event->vehicle)
        json_add_bool(out, "vehicle", true);
    if (event->battery != DRIVER_BATTERY_UNKNOWN)
        json_add_int(out, "battery", event->battery);
    json_add_string(out, "detail", filled(event->detail));
}

static void add_record(struct json_out *out, const struct driver_event *event)
{
    const struct driver_record *record = &event->record;

    json_add_string(out, "target", event->target);
    if (record->index != 0)
        json_add_int(out, "index", record->index);
    if (record->time_s != DRIVER_TIME_UNKNOWN)
        json_add_int(out, "time", record->time_s);
    json_add_string(out, "what", record->what);
    json_add_string(out, "trigger", filled(record->trigger));
    json_add_string(out, "outcome", filled(record->outcome));
    json_add_string(out, "name", filled(record->name));
}

static void add_result(struct json_out *out, const struct driver_event *event)
{
    json_add_int(out, "id", event->id);
    json_add_string(out, "outcome", driver_outcome_name(event->outcome));
    json_add_string(out, "reason", filled(event->reason));
    json_add_int(out, "ms", event->ms);
}

static void add_found(struct json_out *out, const struct driver_event *event)
{
    const struct driver_found *found = &event->found;

    json_add_int(out, "id", event->id);
    add_address(out, found->address, found->address_type);
    json_add_string(out, "name", filled(found->name));
    json_add_string(out, "about", filled(found->about));
    if (found->rssi != DRIVER_RSSI_UNKNOWN)
        json_add_int(out, "rssi", found->rssi);
}

static void add_health(struct json_out *out, const struct driver_event *event)
{
    json_add_string(out, "state", driver_health_name(event->health));
    json_add_string(out, "reason", filled(event->reason));
    if (event->counter_count == 0)
        return;
    json_begin_object(out, "counters");
    for (size_t i = 0; i < event->counter_count; i++)
        json_add_int(out, event->counters[i].name, event->counters[i].value);
    json_end_object(out);
}

static void add_event(struct json_out *out, const struct driver_event *event)
{
    switch (event->kind) {
    case DRIVER_EVENT_HELLO:
        add_hello(out, &event->hello);
        return;
    case DRIVER_EVENT_PRESENTED:
        add_presented(out, event);
        return;
    case DRIVER_EVENT_REMOVED:
    case DRIVER_EVENT_APPROACH:
        json_add_string(out, "point", event->point);
        return;
    case DRIVER_EVENT_INPUT:
        add_input(out, event);
        return;
    case DRIVER_EVENT_PASSAGE:
        json_add_string(out, "target", event->target);
        add_direction(out, event->direction);
        json_add_int(out, "count", event->count);
        return;
    case DRIVER_EVENT_NO_PASSAGE:
        json_add_string(out, "target", event->target);
        add_direction(out, event->direction);
        return;
    case DRIVER_EVENT_STATE:
        add_state(out, event);
        return;
    case DRIVER_EVENT_RECORD:
        add_record(out, event);
        return;
    case DRIVER_EVENT_RESULT:
        add_result(out, event);
        return;
    case DRIVER_EVENT_FOUND:
        add_found(out, event);
        return;
    case DRIVER_EVENT_PROGRESS:
        json_add_int(out, "id", event->id);
        json_add_string(out, "text", event->reason);
        return;
    case DRIVER_EVENT_HEALTH:
        add_health(out, event);
        return;
    case DRIVER_EVENT_PONG:
        json_add_int(out, "id", event->id);
        return;
    case DRIVER_EVENT_ERROR:
        json_add_string(out, "text", event->reason);
        json_add_string(out, "member", filled(event->member));
        return;
    }
    assert(false);
}

/* Closes the object and says whether it is a line. */
static int finish_line(struct json_out *out)
{
    json_end_object(out);
    int r = text_error(out->text);

    return r == 0 && out->text->len + 1 > LINE_BYTES_MAX ? -EMSGSIZE : r;
}

int driver_event_format(struct text *text, const struct driver_event *event)
{
    struct json_out out = json_out_to(text);

    text_reset(text);
    json_begin_object(&out, NULL);
    json_add_string(&out, "ev", driver_event_name(event->kind));
    add_event(&out, event);
    if (event->at_us != 0)
        json_add_int(&out, "at", event->at_us);
    return finish_line(&out);
}

static void add_order(struct json_out *out, const struct driver_command *command)
{
    json_add_int(out, "id", command->id);
    json_add_string(out, "target", filled(command->target));
    add_direction(out, command->direction);
    if (command->kind == DRIVER_COMMAND_RELEASE)
        json_add_int(out, "pulse_ms", command->pulse_ms);
    if (command->kind == DRIVER_COMMAND_HOLD)
        json_add_bool(out, "on", command->on);
    if (command->kind == DRIVER_COMMAND_PAIR)
        add_address(out, command->address, command->address_type);
    json_add_int(out, "deadline", command->deadline_us);
}

static void add_command(struct json_out *out, const struct driver_command *command)
{
    switch (command->kind) {
    case DRIVER_COMMAND_CONFIGURE:
        json_add_raw(out, "device", command->device, strlen(command->device));
        return;
    case DRIVER_COMMAND_RELEASE:
    case DRIVER_COMMAND_LOCK:
    case DRIVER_COMMAND_UNLOCK:
    case DRIVER_COMMAND_UNLATCH:
    case DRIVER_COMMAND_HOLD:
    case DRIVER_COMMAND_PROBE:
    case DRIVER_COMMAND_SCAN:
    case DRIVER_COMMAND_PAIR:
        add_order(out, command);
        return;
    case DRIVER_COMMAND_SHOW:
        json_add_string(out, "point", command->point);
        json_add_string(out, "indication", driver_indication_name(command->indication));
        json_add_string(out, "text", filled(command->text));
        json_add_int(out, "ms", command->ms);
        return;
    case DRIVER_COMMAND_PREPARE:
        json_add_string(out, "target", command->target);
        return;
    case DRIVER_COMMAND_PING:
        json_add_int(out, "id", command->id);
        return;
    case DRIVER_COMMAND_SHUTDOWN:
        return;
    case DRIVER_COMMAND_ERROR:
        json_add_string(out, "text", command->text);
        json_add_string(out, "member", filled(command->member));
        return;
    }
    assert(false);
}

int driver_command_format(struct text *text, const struct driver_command *command)
{
    struct json_out out = json_out_to(text);

    text_reset(text);
    json_begin_object(&out, NULL);
    json_add_string(&out, "do", driver_command_name(command->kind));
    add_command(&out, command);
    return finish_line(&out);
}
