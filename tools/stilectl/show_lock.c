/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show_lock.c: devices themselves: radios, locks, what is ordered of them and what they say. */
#include "tools/stilectl/show.h"

#include <inttypes.h>
#include <string.h>

#include "proto/json.h"
#include "tools/stilectl/field.h"
#include "tools/stilectl/moment.h"

static void add_measure(struct show *show, struct json_object *object, const char *member, const char *unit)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    int64_t number = field_int(object, member, INT64_MIN);

    if (number != INT64_MIN)
        text_addf(&text, "%" PRId64 "%s", number, unit);
    table_add(&show->table, TONE_PLAIN, text_string(&text));
}

void show_came_to(struct text *out, bool colour, struct json_object *outcome)
{
    cleanup_with(text_finish) struct text word = TEXT_INIT;
    const char *reason = field_string(outcome, "reason");
    int64_t ms = field_int(outcome, "ms", -1);

    field_add(&word, field_string(outcome, "outcome") ?: "?");
    tone_add(out, colour, show_tone(text_string(&word)), text_string(&word));
    if (ms >= 0)
        text_addf(out, " in %" PRId64 " ms", ms);
    if (reason) {
        text_add(out, ", ");
        show_words(out, reason);
    }
}

/* What only ends a scan is no news, unless it failed. */
void show_found(struct show *show, struct json_object *found)
{
    const char *outcome = field_string(found, "outcome");

    if (!outcome) {
        show_member(show, found, "address");
        show_member(show, found, "address_type");
        show_member(show, found, "name");
        add_measure(show, found, "rssi", " dBm");
        show_member(show, found, "about");
    } else if (strcmp(outcome, "completed") != 0 && strcmp(outcome, "accepted") != 0) {
        show_outcome(show, found);
    }
}

void show_lock(struct show *show, struct json_object *lock)
{
    cleanup_with(text_finish) struct text heard = TEXT_INIT;
    cleanup_with(text_finish) struct text why = TEXT_INIT;
    int64_t heard_s = field_int(lock, "heard_s", -1);

    if (heard_s >= 0) {
        moment_add_duration(&heard, heard_s);
        text_add(&heard, " ago");
    }
    show_words(&why, field_string(lock, "detail") ?: "");
    show_member(show, lock, "target");
    show_member(show, lock, "lock");
    table_add(&show->table, TONE_PLAIN, text_string(&why));
    show_member(show, lock, "door");
    show_member(show, lock, "state");
    add_measure(show, lock, "battery", " %");
    table_add(&show->table, TONE_PLAIN, text_string(&heard));
    show_member(show, lock, "device");
    show_member(show, lock, "device_state");
}

void show_outcome(struct show *show, struct json_object *outcome)
{
    const char *progress = field_string(outcome, "progress");
    const char *direction = field_string(outcome, "direction");

    if (progress) {
        field_add(&show->out, progress);
        text_add(&show->out, "\n");
        return;
    }
    field_add(&show->out, field_string(outcome, "target") ?: field_string(outcome, "device") ?: "?");
    if (direction) {
        text_add(&show->out, " ");
        field_add(&show->out, direction);
    }
    text_add(&show->out, ": ");
    field_add(&show->out, field_string(outcome, "verb") ?: "?");
    text_add(&show->out, " ");
    show_came_to(&show->out, show->colour, outcome);
    if (!direction && strcmp(field_string(outcome, "reason") ?: "", "direction") == 0)
        text_add(&show->out, ": this target wants --direction entry or exit");
    text_add(&show->out, "\n");
}

static void add_place(struct text *out, struct json_object *said)
{
    field_add(out, field_string(said, "target") ?: field_string(said, "point") ?: "device");
    text_add(out, ": ");
}

/* What was last heard of a place. */
static void show_place(struct show *show, struct json_object *place)
{
    struct json_object *inputs = field_object(place, "inputs");
    const char *const roles[] = { "contact", "rex", "tamper", "fire" };

    add_place(&show->out, place);
    text_add(&show->out, field_string(place, "point") ? "point" : "target");
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
        if (field_true(inputs, roles[i]) || field_false(inputs, roles[i]))
            text_addf(&show->out, ", %s %s", roles[i], field_true(inputs, roles[i]) ? "on" : "off");
    text_add(&show->out, "\n");
}

static void add_said(struct text *out, struct json_object *said, const char *event)
{
    static const char *const members[] = { "type", "direction", "lock", "door", "detail", "state", "reason" };
    int64_t battery = field_int(said, "battery", -1);
    int64_t count = field_int(said, "count", -1);

    if (strcmp(event, "input") == 0) {
        field_add(out, field_string(said, "role") ?: "?");
        text_add(out, field_true(said, "value") ? " on" : " off");
        return;
    }
    show_words(out, event);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        const char *value = field_string(said, members[i]);

        if (!value)
            continue;
        text_addf(out, ", %s ", members[i]);
        field_add(out, value);
    }
    if (battery >= 0)
        text_addf(out, ", battery %" PRId64 " %%", battery);
    if (count > 1)
        text_addf(out, ", %" PRId64 " people", count);
    text_add(out, field_true(said, "obstacle") ? ", obstacle" : "");
    text_add(out, field_true(said, "vehicle") ? ", vehicle" : "");
}

void show_said(struct show *show, struct json_object *said)
{
    const char *event = field_string(said, "ev");

    if (event) {
        add_place(&show->out, said);
        add_said(&show->out, said, event);
        text_add(&show->out, "\n");
    } else if (!field_true(said, "listening")) {
        show_place(show, said);
    }
}
