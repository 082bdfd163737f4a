/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_profile.c: one function an object of the file, each with its rows. What rows cannot say (a bit has
 * no words, length and data are neighbours) is checked right behind them. */
#include "hal/modbus/modbus_profile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/file.h"
#include "hal/modbus/modbus_form.h"
#include "hal/modbus/modbus_profile_panel.h"
#include "proto/json_locate.h"

/* What one missing reply may cost: a driver must not be away for longer (hal/driver.h). */
#define SILENCE_MAX_MS 1500

static const char *const order_names[] = { "high_first", "low_first", NULL };
static const char *const role_names[] = { "contact", "rex", "tamper", "fire", NULL };
static const char *const side_names[MODBUS_SIDES] = { "in", "out" };

/* How a card is written in the file. */
struct card_members {
    struct json_object *sequence;
    struct json_object *length;
    struct json_object *data;
    int64_t ack;
};

static int check_card(const struct modbus_card *card, struct json_error *error)
{
    if (!card->sequence.present)
        return modbus_form_refuse(error, "sequence", "is missing");
    if (!card->length.present)
        return modbus_form_refuse(error, "length", "is missing");
    if (!card->data.present)
        return modbus_form_refuse(error, "data", "is missing");
    if (card->sequence.words != 1)
        return modbus_form_refuse(error, "sequence.words", "must be 1, as that of ack");
    if (card->length.words != 1)
        return modbus_form_refuse(error, "length.words", "must be 1");
    if (card->data.table != card->length.table || card->data.address != card->length.address + 1)
        return modbus_form_refuse(error, "data.address", "must follow length, so that one read fetches both");
    return 0;
}

static int read_card(struct json_object *object, struct modbus_card *ret_card, struct json_error *error)
{
    static const struct json_row rows[] = {
        JSON_ROW_OBJECT(struct card_members, sequence, "sequence"),
        JSON_ROW_OBJECT(struct card_members, length, "length"),
        JSON_ROW_OBJECT(struct card_members, data, "data"),
        JSON_ROW_INT_REQUIRED(struct card_members, ack, "ack", 0, MODBUS_ADDRESS_MAX),
    };
    struct card_members members;
    struct modbus_card card = { .present = true };
    int r = modbus_form_strict(object, JSON_ROWS(rows), &members, error);

    if (r == 0)
        r = modbus_form_place(members.sequence, MODBUS_PLACE_NUMBER, "sequence", &card.sequence, error);
    if (r == 0)
        r = modbus_form_place(members.length, MODBUS_PLACE_NUMBER, "length", &card.length, error);
    if (r == 0)
        r = modbus_form_place(members.data, MODBUS_PLACE_BYTES, "data", &card.data, error);
    if (r == 0)
        r = check_card(&card, error);
    if (r < 0)
        return r;
    card.ack = members.ack;
    *ret_card = card;
    return 0;
}

static int read_hold(struct json_object *object, struct modbus_hold *ret_hold, struct json_error *error)
{
    static const struct json_row rows[] = {
        JSON_ROW_INT_REQUIRED(struct modbus_hold, address, "address", 0, MODBUS_ADDRESS_MAX),
    };
    struct modbus_hold hold = { .present = true };
    int r = modbus_form_strict(object, JSON_ROWS(rows), &hold, error);

    if (r == 0)
        *ret_hold = hold;
    return r;
}

static int read_text(struct json_object *object, struct modbus_text *ret_text, struct json_error *error)
{
    static const struct json_row rows[] = {
        JSON_ROW_INT_REQUIRED(struct modbus_text, address, "address", 0, MODBUS_ADDRESS_MAX),
        JSON_ROW_INT_REQUIRED(struct modbus_text, words, "words", 1, MODBUS_TEXT_WORDS_MAX),
    };
    struct modbus_text text = { .present = true };
    int r = modbus_form_strict(object, JSON_ROWS(rows), &text, error);

    if (r == 0 && text.address + text.words - 1 > MODBUS_ADDRESS_MAX)
        r = modbus_form_refuse(error, "words", "reach beyond the last register");
    if (r < 0)
        return r;
    *ret_text = text;
    return 0;
}

/* Those of a side that are objects of their own kind. */
struct side_members {
    struct json_object *card;
    struct json_object *release;
    struct json_object *passages;
    struct json_object *timed_out;
    struct json_object *text;
    struct json_object *hold;
};

static int read_side_parts(const struct side_members *members, struct modbus_side *side,
                           struct json_error *error)
{
    int r = members->card ? read_card(members->card, &side->card, error) : 0;

    if (r < 0) {
        json_error_within(error, "card");
        return r;
    }
    r = members->release ? modbus_form_release(members->release, &side->release, error) : 0;
    if (r == 0 && side->release.present && side->release.count >= 0)
        r = modbus_form_refuse(error, "count", "is for outputs");
    if (r < 0) {
        json_error_within(error, "release");
        return r;
    }
    r = members->hold ? read_hold(members->hold, &side->hold, error) : 0;
    if (r < 0) {
        json_error_within(error, "hold");
        return r;
    }
    r = members->text ? read_text(members->text, &side->text, error) : 0;
    if (r < 0) {
        json_error_within(error, "text");
        return r;
    }
    r = modbus_form_place(members->passages, MODBUS_PLACE_NUMBER, "passages", &side->passages, error);
    if (r == 0)
        r = modbus_form_place(members->timed_out, MODBUS_PLACE_BIT, "timed_out", &side->timed_out, error);
    return r;
}

static int read_side(struct json_object *object, struct modbus_side *ret_side, struct json_error *error)
{
    static const struct json_row rows[] = {
        JSON_ROW_OBJECT(struct side_members, card, "card"),
        JSON_ROW_OBJECT(struct side_members, release, "release"),
        JSON_ROW_OBJECT(struct side_members, passages, "passages"),
        JSON_ROW_OBJECT(struct side_members, timed_out, "timed_out"),
        JSON_ROW_OBJECT(struct side_members, text, "text"),
        JSON_ROW_OBJECT(struct side_members, hold, "hold"),
    };
    struct side_members members;
    struct modbus_side side = { .present = true };

    if (!object)
        return 0;
    int r = modbus_form_strict(object, JSON_ROWS(rows), &members, error);

    if (r == 0)
        r = read_side_parts(&members, &side, error);
    if (r == 0 && side.timed_out.present && !side.passages.present)
        r = modbus_form_refuse(error, "timed_out", "needs passages");
    if (r < 0)
        return r;
    *ret_side = side;
    return 0;
}

/* A slip here would open the other way. */
static bool same_release(const struct modbus_side sides[MODBUS_SIDES])
{
    const struct modbus_release *in = &sides[MODBUS_SIDE_IN].release;
    const struct modbus_release *out = &sides[MODBUS_SIDE_OUT].release;

    return in->present && out->present && in->address == out->address;
}

struct sides_members {
    struct json_object *sides[MODBUS_SIDES];
};

static int read_sides(struct json_object *object, struct modbus_profile *profile, struct json_error *error)
{
    static const struct json_row rows[MODBUS_SIDES] = {
        JSON_ROW_OBJECT(struct sides_members, sides[MODBUS_SIDE_IN], "in"),
        JSON_ROW_OBJECT(struct sides_members, sides[MODBUS_SIDE_OUT], "out"),
    };
    struct sides_members members;
    int r = modbus_form_strict(object, JSON_ROWS(rows), &members, error);

    for (size_t i = 0; i < MODBUS_SIDES && r == 0; i++) {
        r = read_side(members.sides[i], &profile->sides[i], error);
        if (r < 0)
            json_error_within(error, "%s", side_names[i]);
    }
    if (r == 0 && !members.sides[MODBUS_SIDE_IN] && !members.sides[MODBUS_SIDE_OUT])
        r = modbus_form_refuse(error, "", "must have in, out or both");
    if (r == 0 && same_release(profile->sides))
        r = modbus_form_refuse(error, "out.release.address", "is that of side in");
    if (r < 0)
        json_error_within(error, "sides");
    return r;
}

struct input_members {
    enum driver_role role;
    struct json_object *place;
};

static int read_input(struct json_object *object, struct modbus_input *ret_input, struct json_error *error)
{
    static const struct json_row rows[] = {
        JSON_ROW_ENUM_REQUIRED(struct input_members, role, "role", role_names),
        JSON_ROW_OBJECT(struct input_members, place, "at"),
    };
    struct input_members members;
    struct modbus_input input = { 0 };
    int r = modbus_form_strict(object, JSON_ROWS(rows), &members, error);

    if (r == 0 && !members.place)
        r = modbus_form_refuse(error, "at", "is missing");
    if (r == 0)
        r = modbus_form_place(members.place, MODBUS_PLACE_BIT, "at", &input.place, error);
    if (r < 0)
        return r;
    input.role = members.role;
    *ret_input = input;
    return 0;
}

static int read_inputs(struct json_object *list, struct modbus_profile *profile, struct json_error *error)
{
    size_t count = json_list_length(list);

    if (count > MODBUS_INPUTS_MAX)
        return modbus_form_refuse(error, "inputs", "must be at most 8 for a device with sides");
    for (size_t i = 0; i < count; i++) {
        struct json_object *entry = json_list_object(list, i, error);
        int r = entry ? read_input(entry, &profile->inputs[i], error) : -EBADMSG;

        if (r < 0) {
            json_error_within(error, entry ? "inputs[%zu]" : "inputs", i);
            return r;
        }
    }
    profile->input_count = count;
    return 0;
}

static int read_timing(struct json_object *object, struct modbus_timing *ret_timing, struct json_error *error)
{
    static const struct json_row rows[] = {
        JSON_ROW_INT(struct modbus_timing, poll, "poll_ms", 5, 10000, 50),
        JSON_ROW_INT(struct modbus_timing, response, "response_ms", 20, 1000, 300),
        JSON_ROW_INT(struct modbus_timing, late, "late_ms", 0, 1500, 1000),
        JSON_ROW_INT(struct modbus_timing, stale, "stale_card_ms", 100, 60000, 2000),
        JSON_ROW_INT(struct modbus_timing, passage, "passage_ms", 0, 60000, 1000),
    };
    int r = modbus_form_strict(object, JSON_ROWS(rows), ret_timing, error);

    if (r == 0 && ret_timing->response + ret_timing->late > SILENCE_MAX_MS)
        r = modbus_form_refuse(error, "late_ms", "must be at most 1500 together with response_ms");
    if (r < 0)
        json_error_within(error, "timing");
    return r;
}

struct identity_members {
    enum modbus_table table;
    int64_t address;
    int64_t value;
};

static int read_identity(struct json_object *object, struct modbus_profile *profile, struct json_error *error)
{
    static const struct json_row rows[] = {
        JSON_ROW_ENUM_REQUIRED(struct identity_members, table, "table", modbus_form_tables),
        JSON_ROW_INT_REQUIRED(struct identity_members, address, "address", 0, MODBUS_ADDRESS_MAX),
        JSON_ROW_INT_REQUIRED(struct identity_members, value, "value", 0, UINT16_MAX),
    };
    struct identity_members members;

    if (!object)
        return 0;
    int r = modbus_form_strict(object, JSON_ROWS(rows), &members, error);

    if (r == 0 && modbus_form_is_bit(members.table))
        r = modbus_form_refuse(error, "table", "must be input or holding");
    if (r < 0) {
        json_error_within(error, "identity");
        return r;
    }
    profile->identity = (struct modbus_place){
        .present = true, .table = members.table, .address = members.address, .words = 1
    };
    profile->identity_value = members.value;
    return 0;
}

/* The outermost object. */
struct profile_members {
    const char *name;
    const char *description;
    enum modbus_order words;
    enum modbus_order bytes;
    struct json_object *timing;
    struct json_object *identity;
    struct json_object *starts;
    struct json_object *sides;
    struct modbus_profile_panel_members panel;
};

/* A device that cannot be looked at is never up. */
static bool can_be_polled(const struct modbus_profile *profile)
{
    bool can = profile->identity.present || profile->starts.present || profile->input_count > 0;

    for (size_t i = 0; i < MODBUS_SIDES; i++)
        can = can || profile->sides[i].card.present || profile->sides[i].passages.present;
    for (size_t i = 0; i < profile->panel.output_count; i++)
        can = can || profile->panel.outputs[i].read.present;
    return can || profile->panel.input_count > 0 || profile->panel.status.place.present;
}

/* What a collector has, or what a panel has. */
static int read_kind(const struct profile_members *members, struct modbus_profile *profile,
                     struct json_error *error)
{
    if (!members->sides == !members->panel.outputs)
        return modbus_form_refuse(error, members->sides ? "outputs" : "sides",
                                  members->sides ? "is for devices without sides"
                                                 : "is missing, or outputs: one of them must be there");
    if (members->panel.outputs)
        return modbus_profile_panel_read(&members->panel, &profile->panel, error);
    if (members->panel.status || members->panel.wiring)
        return modbus_form_refuse(error, members->panel.status ? "status" : "wiring",
                                  "is for devices with outputs");
    int r = read_sides(members->sides, profile, error);

    return r < 0 ? r : read_inputs(members->panel.inputs, profile, error);
}

static int read_parts(const struct profile_members *members, struct modbus_profile *profile,
                      struct json_error *error)
{
    if (!members->timing)
        return modbus_form_refuse(error, "timing", "is missing");
    int r = read_timing(members->timing, &profile->timing, error);
    if (r == 0)
        r = read_identity(members->identity, profile, error);
    if (r == 0)
        r = modbus_form_place(members->starts, MODBUS_PLACE_NUMBER, "starts", &profile->starts, error);
    if (r == 0)
        r = read_kind(members, profile, error);
    if (r == 0 && !can_be_polled(profile))
        r = modbus_form_refuse(error, "", "names nothing that can be read");
    return r;
}

static int read_profile(struct json_object *object, struct modbus_profile *profile, struct json_error *error)
{
    static const struct json_row rows[] = {
        JSON_ROW_CHECKED(struct profile_members, name, "profile", true, id_valid, ID_EXPECTED),
        JSON_ROW_STRING(struct profile_members, description, "description", 0, 1000),
        JSON_ROW_ENUM(struct profile_members, words, "word_order", order_names, MODBUS_ORDER_HIGH_FIRST),
        JSON_ROW_ENUM(struct profile_members, bytes, "byte_order", order_names, MODBUS_ORDER_HIGH_FIRST),
        JSON_ROW_OBJECT(struct profile_members, timing, "timing"),
        JSON_ROW_OBJECT(struct profile_members, identity, "identity"),
        JSON_ROW_OBJECT(struct profile_members, starts, "starts"),
        JSON_ROW_OBJECT(struct profile_members, sides, "sides"),
        JSON_ROW_LIST(struct profile_members, panel.outputs, "outputs", 1, MODBUS_OUTPUTS_MAX),
        JSON_ROW_LIST(struct profile_members, panel.inputs, "inputs", 0, MODBUS_LINES_MAX),
        JSON_ROW_OBJECT(struct profile_members, panel.status, "status"),
        JSON_ROW_OBJECT(struct profile_members, panel.wiring, "wiring"),
    };
    struct profile_members members;
    int r = modbus_form_strict(object, JSON_ROWS(rows), &members, error);

    if (r == 0)
        r = read_parts(&members, profile, error);
    if (r < 0)
        return r;
    snprintf(profile->name, sizeof(profile->name), "%s", members.name);
    profile->words = members.words;
    profile->bytes = members.bytes;
    return 0;
}

int modbus_profile_parse(const char *bytes, size_t len, struct modbus_profile *ret_profile,
                         struct json_error *error)
{
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct modbus_profile profile = { 0 };
    int r = json_parse(bytes, len, &object, error);

    if (r == 0)
        r = read_profile(object, &profile, error);
    if (r < 0)
        return r;
    *ret_profile = profile;
    return 0;
}

static unsigned line_of(const char *bytes, size_t len, struct json_error *error)
{
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct json_error ignored;

    return json_parse(bytes, len, &object, &ignored) < 0 ? json_locate_fault(bytes, len, error)
                                                         : json_locate(bytes, len, error->path, NULL);
}

/* A device item names the file. */
static int check_name(const char *path, const struct modbus_profile *profile, struct json_error *error)
{
    const char *slash = strrchr(path, '/');
    const char *file = slash ? slash + 1 : path;
    size_t len = strlen(profile->name);

    if (strncmp(file, profile->name, len) == 0 && strcmp(file + len, ".json") == 0)
        return 0;
    return modbus_form_refuse(error, "profile", "must be the file's name without \".json\"");
}

int modbus_profile_load(const char *path, struct modbus_profile *ret_profile, struct text *problem)
{
    cleanup_with(freep) char *bytes = NULL;
    struct json_error error = { 0 };
    struct modbus_profile profile;
    size_t len;
    int r = file_read(path, MODBUS_PROFILE_BYTES_MAX, &bytes, &len);

    if (r < 0) {
        text_addf(problem, "%s: %s", path, strerror(-r));
        return r;
    }
    r = modbus_profile_parse(bytes, len, &profile, &error);
    if (r == 0)
        r = check_name(path, &profile, &error);
    if (r == 0)
        *ret_profile = profile;
    if (r < 0) {
        unsigned line = line_of(bytes, len, &error);

        text_addf(problem, "%s:%u: %s%s%s", path, line, error.path, error.path[0] ? ": " : "", error.text);
    }
    return r;
}

const char *modbus_profile_side(enum modbus_side_name side)
{
    return side_names[side];
}
