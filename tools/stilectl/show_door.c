/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show_door.c: how a door is, and why, in the words that one would use on the telephone. */
#include "tools/stilectl/show.h"

#include <string.h>

#include "proto/json.h"
#include "tools/stilectl/field.h"
#include "tools/stilectl/moment.h"

static bool is(const char *value, const char *wanted)
{
    return value && strcmp(value, wanted) == 0;
}

static void add_word(struct text *out, const char *before, const char *value)
{
    if (!value)
        return;
    text_add(out, before);
    field_add(out, value);
}

static void add_end(struct text *out, struct json_object *why, int64_t now_us)
{
    int64_t left_s = field_int(why, "left_s", -1);

    if (left_s < 0)
        return;
    if (field_string(why, "until")) {
        text_add(out, " until ");
        moment_add(out, field_string(why, "until"), now_us);
    } else {
        text_add(out, " for another ");
        moment_add_duration(out, left_s);
    }
}

void show_door_why(struct text *out, struct json_object *why, int64_t now_us)
{
    struct json_object *order = field_object(why, "order");
    const char *by = field_string(why, "by");
    const char *who = field_string(order, "operator");

    if (is(by, "schedule")) {
        add_word(out, "schedule ", field_string(why, "schedule"));
    } else if (is(by, "door")) {
        text_add(out, "as always");
    } else {
        field_add(out, is(by, "override") ? "ordered" : by ? by : "?");
        add_word(out, " by ", who ? who : field_string(order, "iss"));
        add_end(out, why, now_us);
        add_word(out, ": ", field_string(order, "reason"));
    }
}

void show_door_alarms(struct text *out, struct json_object *door)
{
    struct json_object *alarms = field_list(door, "alarms");
    struct json_error ignored;

    for (size_t i = 0; i < json_list_length(alarms); i++) {
        const char *alarm = field_string(json_list_object(alarms, i, &ignored), "alarm");

        text_add(out, i > 0 ? ", " : "");
        show_words(out, alarm ? alarm : "?");
    }
    if (field_true(door, "vehicle"))
        text_addf(out, "%svehicle", out->len ? ", " : "");
    if (field_true(door, "cannot_hold"))
        text_addf(out, "%scannot be held open", out->len ? ", " : "");
}

/* The state, and what a lock that tells says of itself. */
static void add_state(struct text *out, struct json_object *door)
{
    add_word(out, "", field_string(door, "state"));
    add_word(out, ", ", field_string(door, "lock"));
}

static void add_last(struct text *out, struct json_object *door, int64_t now_us)
{
    struct json_object *event = field_object(door, "last");
    int64_t age_s = field_int(door, "last_s", -1);

    if (!event)
        return;
    show_words(out, field_string(event, "kind") ? field_string(event, "kind") : "?");
    add_word(out, " ", field_string(event, "verb"));
    add_word(out, " ", field_string(event, "user"));
    add_word(out, " ", field_string(event, "operator"));
    text_add(out, ", ");
    if (age_s >= 0) {
        moment_add_duration(out, age_s);
        text_add(out, " ago");
    } else {
        moment_add(out, field_string(event, "utc"), now_us);
    }
}

enum tone show_door_tone(const char *mode)
{
    return is(mode, "controlled")                            ? TONE_PLAIN
           : is(mode, "unlocked") || is(mode, "locked_open") ? TONE_DOUBTFUL
                                                             : TONE_BAD;
}

void show_door(struct show *show, struct json_object *door)
{
    cleanup_with(text_finish) struct text state = TEXT_INIT;
    cleanup_with(text_finish) struct text why = TEXT_INIT;
    cleanup_with(text_finish) struct text alarms = TEXT_INIT;
    cleanup_with(text_finish) struct text last = TEXT_INIT;
    const char *mode = field_string(door, "mode");

    add_state(&state, door);
    show_door_why(&why, field_object(door, "why"), show->now_us);
    show_door_alarms(&alarms, door);
    add_last(&last, door, show->now_us);
    show_member(show, door, "id");
    show_member(show, door, "name");
    table_add(&show->table, TONE_PLAIN, text_string(&state));
    table_add(&show->table, show_door_tone(mode), mode);
    table_add(&show->table, TONE_PLAIN, text_string(&why));
    show_member(show, door, "device");
    show_member(show, door, "device_state");
    table_add(&show->table, TONE_BAD, text_string(&alarms));
    table_add(&show->table, TONE_PLAIN, text_string(&last));
}
