/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show.c: a row a command: what becomes of a line, and which table collects it. */
#include "tools/stilectl/show.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "proto/json.h"
#include "tools/stilectl/field.h"
#include "tools/stilectl/moment.h"

static const char *or_empty(const char *value)
{
    return value ? value : "";
}

void show_label(struct show *show, const char *label)
{
    tone_add(&show->out, show->colour, TONE_HEAD, label);
    for (size_t i = strlen(label); i < 9; i++)
        text_add(&show->out, " ");
}

static void show_gateway(struct show *show, struct json_object *status)
{
    show_label(show, "gateway");
    field_add(&show->out, or_empty(field_string(status, "site")));
    text_add(&show->out, "/");
    field_add(&show->out, or_empty(field_string(status, "gateway")));
    text_add(&show->out, ", stiled ");
    field_add(&show->out, or_empty(field_string(status, "version")));
    text_add(&show->out, ", up ");
    moment_add_duration(&show->out, field_int(status, "uptime_s", 0));
    text_add(&show->out, "\n");
    show_label(show, "clock");
    field_add(&show->out, or_empty(field_string(status, "clock")));
    text_add(&show->out, ", ");
    moment_add(&show->out, field_string(status, "utc"), show->now_us);
    text_add(&show->out, "\n");
}

static void show_policy(struct show *show, struct json_object *status)
{
    struct json_object *policy = field_object(status, "policy");
    struct json_object *dangling = field_list(policy, "dangling");

    show_label(show, "policy");
    text_addf(&show->out, "generation %" PRId64 ", version %" PRId64 ", %" PRId64 " items",
              field_int(policy, "generation", 0), field_int(policy, "version", 0),
              field_int(policy, "items", 0));
    text_add(&show->out, "\n");
    for (size_t i = 0; i < json_list_length(dangling); i++) {
        show_label(show, "");
        tone_add(&show->out, show->colour, TONE_DOUBTFUL, "refers to what is not there: ");
        field_add(&show->out, or_empty(field_entry(dangling, i)));
        text_add(&show->out, "\n");
    }
}

static void show_events_state(struct show *show, struct json_object *status)
{
    struct json_object *events = field_object(status, "events");
    int64_t head = field_int(events, "head", 0);

    show_label(show, "events");
    text_addf(&show->out,
              "up to number %" PRId64 ", %" PRId64 " not yet with the cloud, %" PRId64
              " not yet on the disk\n",
              head, head - field_int(events, "acked", 0), field_int(events, "queued", 0));
}

static void show_link(struct show *show, struct json_object *status)
{
    struct json_object *link = field_object(status, "link");
    bool connected = field_true(link, "connected");
    const char *error = field_string(link, "error");

    show_label(show, "cloud");
    if (!field_true(link, "configured")) {
        text_add(&show->out, "none: this gateway stands alone\n");
        return;
    }
    tone_add(&show->out, show->colour, connected ? TONE_GOOD : TONE_BAD,
             connected ? "connected" : "not connected");
    text_add(&show->out, " for ");
    moment_add_duration(&show->out, field_int(link, "since_s", 0));
    if (error && !connected) {
        text_add(&show->out, ": ");
        field_add(&show->out, error);
    }
    text_add(&show->out, "\n");
}

/* Kinds, and at which door or device where that is said. */
static void add_alarms(struct text *out, struct json_object *alarms)
{
    for (size_t i = 0; i < json_list_length(alarms); i++) {
        struct json_error error;
        struct json_object *alarm = json_list_object(alarms, i, &error);
        const char *door = field_string(alarm, "door");

        text_add(out, i > 0 ? ", " : "");
        field_add(out, or_empty(field_string(alarm, "kind")));
        if (door) {
            text_add(out, " ");
            field_add(out, door);
        }
    }
}

static void show_alarms(struct show *show, struct json_object *status)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;

    add_alarms(&text, field_list(status, "alarms"));
    show_label(show, "alarms");
    if (text.len > 0)
        tone_add(&show->out, show->colour, TONE_BAD, text_string(&text));
    else
        text_add(&show->out, "none");
    text_add(&show->out, "\n");
}

static void show_status(struct show *show, struct json_object *status)
{
    struct json_object *devices = field_object(status, "devices");

    show_gateway(show, status);
    show_policy(show, status);
    show_events_state(show, status);
    show_link(show, status);
    show_label(show, "devices");
    text_addf(&show->out, "%" PRId64 " of %" PRId64 " up\n", field_int(devices, "up", 0),
              field_int(devices, "total", 0));
    show_alarms(show, status);
}

enum tone show_tone(const char *state)
{
    static const struct {
        const char *state;
        enum tone tone;
    } tones[] = {
        { "up", TONE_GOOD },           { "completed", TONE_GOOD },   { "starting", TONE_DOUBTFUL },
        { "degraded", TONE_DOUBTFUL }, { "unknown", TONE_DOUBTFUL }, { "down", TONE_BAD },
        { "failed", TONE_BAD },        { "blocked", TONE_BAD },      { "suspended", TONE_BAD },
        { "cancelled", TONE_BAD },     { "pending", TONE_DOUBTFUL }, { "jammed", TONE_BAD },
        { "passed", TONE_GOOD },
    };

    for (size_t i = 0; i < sizeof(tones) / sizeof(tones[0]); i++)
        if (strcmp(tones[i].state, state) == 0)
            return tones[i].tone;
    return TONE_PLAIN;
}

void show_member(struct show *show, struct json_object *object, const char *member)
{
    const char *value = or_empty(field_string(object, member));

    table_add(&show->table, show_tone(value), value);
}

static void add_number(struct show *show, int64_t number)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;

    text_addf(&text, "%" PRId64, number);
    table_add(&show->table, TONE_PLAIN, text_string(&text));
}

static void add_list(struct show *show, struct json_object *list)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;

    field_add_list(&text, list, " ");
    table_add(&show->table, TONE_PLAIN, text_string(&text));
}

static void show_device(struct show *show, struct json_object *device)
{
    cleanup_with(text_finish) struct text since = TEXT_INIT;

    moment_add_duration(&since, field_int(device, "since_s", 0));
    show_member(show, device, "id");
    show_member(show, device, "driver");
    show_member(show, device, "state");
    table_add(&show->table, TONE_PLAIN, text_string(&since));
    add_number(show, field_int(device, "restarts", 0));
    add_list(show, field_list(device, "points"));
    add_list(show, field_list(device, "targets"));
    show_member(show, device, "reason");
}

static void show_release(struct show *show, struct json_object *release)
{
    field_add(&show->out, or_empty(field_string(release, "door")));
    text_add(&show->out, " ");
    field_add(&show->out, or_empty(field_string(release, "direction")));
    text_add(&show->out, ": ");
    show_came_to(&show->out, show->colour, release);
    text_add(&show->out, "\n");
}

/* An order is answered with how the door is now, a release with what became of it. */
static void show_order(struct show *show, struct json_object *answer)
{
    if (field_string(answer, "outcome"))
        show_release(show, answer);
    else
        show_door(show, answer);
}

static void show_happened(struct show *show, struct json_object *event)
{
    moment_add(&show->out, field_string(event, "utc"), show->now_us);
    text_add(&show->out, "  ");
    show_event(&show->out, event);
    text_add(&show->out, "\n");
}

static void show_user(struct show *show, struct json_object *user)
{
    cleanup_with(text_finish) struct text valid = TEXT_INIT;
    cleanup_with(text_finish) struct text source = TEXT_INIT;
    struct json_object *block = field_object(user, "block");
    struct json_object *from = field_object(user, "source");

    text_addf(&valid, "%s to %s", or_empty(field_string(user, "valid_from")),
              or_empty(field_string(user, "valid_until")));
    if (from)
        text_addf(&source, "%s %s", or_empty(field_string(from, "system")),
                  or_empty(field_string(from, "ref")));
    show_member(show, user, "id");
    show_member(show, user, "name");
    show_member(show, user, "kind");
    show_member(show, user, "status");
    table_add(&show->table, TONE_PLAIN, valid.len > strlen(" to ") ? text_string(&valid) : "always");
    add_number(show, field_int(user, "credentials", 0));
    add_list(show, field_list(user, "doors"));
    table_add(&show->table, TONE_PLAIN, text_string(&source));
    table_add(&show->table, TONE_BAD,
              field_string(block, "message") ? field_string(block, "message")
              : block                        ? "blocked"
                                             : NULL);
}

static void show_version(struct show *show, struct json_object *version)
{
    field_add(&show->out, or_empty(field_string(version, "program")));
    text_add(&show->out, " ");
    field_add(&show->out, or_empty(field_string(version, "version")));
    text_add(&show->out, "\n");
}

static const char *const source_heads[] = { "SOURCE", "WHICH", "AGE", "STATE", NULL };
static const char *const no_table[] = { NULL };
static const char *const found_heads[] = { "ADDRESS", "TYPE", "NAME", "SIGNAL", "ABOUT", NULL };
static const char *const lock_heads[] = { "LOCK",    "IS",    "WHY",    "DOOR", "STATE",
                                          "BATTERY", "HEARD", "DEVICE", "IS",   NULL };
static const char *const device_heads[] = { "DEVICE", "DRIVER",  "STATE",  "FOR", "RESTARTS",
                                            "POINTS", "TARGETS", "REASON", NULL };
static const char *const door_heads[] = { "DOOR",   "NAME", "STATE",  "MODE", "WHY",
                                          "DEVICE", "IS",   "ALARMS", "LAST", NULL };
static const char *const user_heads[] = { "USER",  "NAME",  "KIND",   "STATUS", "VALID",
                                          "CARDS", "DOORS", "SOURCE", "BLOCK",  NULL };
static const char *const who_heads[] = { "USER", "NAME", "LET IN", "WHY NOT", NULL };
static const char *const where_heads[] = { "POINT", "NAME", "LET IN", "WHY NOT", "OPENS", NULL };

static const struct {
    void (*line)(struct show *show, struct json_object *object);
    const char *const *heads;
} views[] = {
    [CONTROL_SYNC] = { show_sync, source_heads },
    [CONTROL_STATUS] = { show_status, no_table },
    [CONTROL_DEVICES] = { show_device, device_heads },
    [CONTROL_DOORS] = { show_door, door_heads },
    [CONTROL_RELEASE] = { show_release, no_table },
    [CONTROL_EVENTS] = { show_happened, no_table },
    [CONTROL_DOOR] = { show_order, door_heads },
    [CONTROL_LOCKDOWN] = { show_door, door_heads },
    [CONTROL_USER_FIND] = { show_user, user_heads },
    [CONTROL_EVENTS_VERIFY] = { show_verified, no_table },
    [CONTROL_EXPLAIN] = { show_explain, no_table },
    [CONTROL_WHO_CAN] = { show_who, who_heads },
    [CONTROL_DEVICE_LISTEN] = { show_said, no_table },
    [CONTROL_DEVICE_RELEASE] = { show_outcome, no_table },
    [CONTROL_BLE_SCAN] = { show_found, found_heads },
    [CONTROL_LOCK_STATUS] = { show_lock, lock_heads },
    [CONTROL_LOCK_PAIR] = { show_outcome, no_table },
    [CONTROL_LOCK_UNLOCK] = { show_outcome, no_table },
    [CONTROL_LOCK_UNLATCH] = { show_outcome, no_table },
    [CONTROL_LOCK_LOCK] = { show_outcome, no_table },
    [CONTROL_WHERE_CAN] = { show_where, where_heads },
    [CONTROL_VERSION] = { show_version, no_table },
};

void show_init(struct show *show, const struct control_command *command, bool colour, int64_t now_us)
{
    *show = (struct show){ .command = command, .colour = colour, .now_us = now_us };
    table_begin(&show->table, views[command->verb].heads);
}

void show_finish(struct show *show)
{
    table_finish(&show->table);
    text_finish(&show->out);
}

void show_line(struct show *show, struct json_object *object)
{
    views[show->command->verb].line(show, object);
}

void show_end(struct show *show)
{
    table_print(&show->table, show->colour, &show->out);
}
