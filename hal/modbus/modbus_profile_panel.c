/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_profile_panel.c: one function an object. What would open a door that nobody meant (a name twice, two
 * outputs on one coil, a relay that nothing switches off) is refused here, before anything is wired. */
#include "hal/modbus/modbus_profile_panel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hal/modbus/modbus_form.h"
#include "hal/modbus/modbus_wiring.h"

#define COIL_ON  0xff00
#define COIL_OFF 0x0000

static const char *const state_names[] = { "unknown", "open",    "closed",   "opening",
                                           "closing", "stopped", "obstacle", NULL };

/* Adds the entry's place in its list to an error from inside. */
static int at_entry(int r, const char *list, size_t i, struct json_error *error)
{
    if (r < 0)
        json_error_within(error, "%s[%zu]", list, i);
    return r;
}

static int read_write(struct json_object *object, const char *member, struct modbus_write *ret_write,
                      struct json_error *error)
{
    static const struct json_row rows[] = {
        JSON_ROW_ENUM_REQUIRED(struct modbus_write, table, "table", modbus_form_tables),
        JSON_ROW_INT_REQUIRED(struct modbus_write, address, "address", 0, MODBUS_ADDRESS_MAX),
        JSON_ROW_INT_REQUIRED(struct modbus_write, value, "value", 0, UINT16_MAX),
    };
    struct modbus_write write = { .present = true };

    if (!object)
        return 0;
    int r = modbus_form_strict(object, JSON_ROWS(rows), &write, error);

    if (r == 0 && write.table != MODBUS_TABLE_COIL && write.table != MODBUS_TABLE_HOLDING)
        r = modbus_form_refuse(error, "table", "must be coil or holding");
    if (r < 0) {
        json_error_within(error, "%s", member);
        return r;
    }
    *ret_write = write;
    return 0;
}

struct output_members {
    const char *name;
    int64_t coil;
    struct json_object *on;
    struct json_object *off;
    struct json_object *read;
    struct json_object *pulse;
};

/* The usual relay: one coil to write and to read. */
static void take_coil(int64_t coil, struct modbus_output *output)
{
    output->on = (struct modbus_write){ true, MODBUS_TABLE_COIL, coil, COIL_ON };
    output->off = (struct modbus_write){ true, MODBUS_TABLE_COIL, coil, COIL_OFF };
    output->read =
        (struct modbus_place){ .present = true, .table = MODBUS_TABLE_COIL, .address = coil, .words = 1 };
}

static bool same_write(const struct modbus_write *left, const struct modbus_write *right)
{
    return left->present && right->present && left->table == right->table &&
           left->address == right->address && left->value == right->value;
}

static int check_output(const struct modbus_output *output, const struct output_members *members,
                        struct json_error *error)
{
    if (members->coil >= 0 && (members->on || members->off || members->read))
        return modbus_form_refuse(error, "coil", "says on, off and read already");
    if (output->on.present != output->off.present)
        return modbus_form_refuse(error, output->on.present ? "off" : "on", "is missing");
    if (same_write(&output->on, &output->off))
        return modbus_form_refuse(error, "off", "is what on is");
    if (!output->on.present && !output->pulse.present)
        return modbus_form_refuse(error, "", "must have coil, on and off, or pulse");
    return 0;
}

static int read_output_parts(const struct output_members *members, struct modbus_output *output,
                             struct json_error *error)
{
    int r = read_write(members->on, "on", &output->on, error);

    if (r == 0)
        r = read_write(members->off, "off", &output->off, error);
    if (r == 0)
        r = modbus_form_place(members->read, MODBUS_PLACE_BIT, "read", &output->read, error);
    if (r == 0 && members->pulse) {
        r = modbus_form_release(members->pulse, &output->pulse, error);
        if (r < 0)
            json_error_within(error, "pulse");
    }
    return r;
}

static int read_output(struct json_object *object, struct modbus_output *ret_output, struct json_error *error)
{
    static const struct json_row rows[] = {
        JSON_ROW_CHECKED(struct output_members, name, "name", true, id_valid, ID_EXPECTED),
        JSON_ROW_INT(struct output_members, coil, "coil", 0, MODBUS_ADDRESS_MAX, -1),
        JSON_ROW_OBJECT(struct output_members, on, "on"),
        JSON_ROW_OBJECT(struct output_members, off, "off"),
        JSON_ROW_OBJECT(struct output_members, read, "read"),
        JSON_ROW_OBJECT(struct output_members, pulse, "pulse"),
    };
    struct output_members members;
    struct modbus_output output = { 0 };
    int r = modbus_form_strict(object, JSON_ROWS(rows), &members, error);

    if (r == 0)
        r = read_output_parts(&members, &output, error);
    if (r == 0 && members.coil >= 0)
        take_coil(members.coil, &output);
    if (r == 0)
        r = check_output(&output, &members, error);
    if (r < 0)
        return r;
    snprintf(output.name, sizeof(output.name), "%s", members.name);
    *ret_output = output;
    return 0;
}

/* Whether a pulse writes there, to move or before. */
static bool pulse_takes(const struct modbus_release *pulse, enum modbus_table table, int64_t address)
{
    if (!pulse->present || address < 0)
        return false;
    if (table == MODBUS_TABLE_COIL)
        return address == pulse->address;
    return address == pulse->pulse ||
           (pulse->count >= 0 && (address == pulse->count || address == pulse->count + 1));
}

static bool pulse_meets_level(const struct modbus_release *pulse, const struct modbus_output *output)
{
    return output->on.present && (pulse_takes(pulse, output->on.table, output->on.address) ||
                                  pulse_takes(pulse, output->off.table, output->off.address));
}

static bool takes_registers(const struct modbus_release *left, const struct modbus_release *right)
{
    return pulse_takes(left, MODBUS_TABLE_HOLDING, right->pulse) ||
           pulse_takes(left, MODBUS_TABLE_HOLDING, right->count);
}

static bool pulses_meet(const struct modbus_release *left, const struct modbus_release *right)
{
    return left->present && right->present && (takes_registers(left, right) || takes_registers(right, left));
}

static bool same_pulse(const struct modbus_release *left, const struct modbus_release *right)
{
    return left->present && right->present && left->address == right->address;
}

/* A slip here would open another door. */
static int compare_outputs(const struct modbus_output *before, const struct modbus_output *output,
                           struct json_error *error)
{
    if (strcmp(before->name, output->name) == 0)
        return modbus_form_refuse(error, "name", "is taken by an output before");
    if (same_write(&before->on, &output->on) || same_write(&before->off, &output->on) ||
        pulse_meets_level(&before->pulse, output))
        return modbus_form_refuse(error, "on", "moves an output before");
    if (same_write(&before->on, &output->off))
        return modbus_form_refuse(error, "off", "moves an output before");
    if (same_pulse(&before->pulse, &output->pulse))
        return modbus_form_refuse(error, "pulse.address", "moves an output before");
    if (pulses_meet(&before->pulse, &output->pulse) || pulse_meets_level(&output->pulse, before))
        return modbus_form_refuse(error, "pulse", "is written where an output before is");
    return 0;
}

static int read_outputs(struct json_object *list, struct modbus_panel_map *map, struct json_error *error)
{
    for (size_t i = 0; i < json_list_length(list); i++) {
        struct json_object *entry = json_list_object(list, i, error);

        if (!entry) {
            json_error_within(error, "outputs");
            return -EBADMSG;
        }
        int r = read_output(entry, &map->outputs[i], error);

        for (size_t k = 0; k < i && r == 0; k++)
            r = compare_outputs(&map->outputs[k], &map->outputs[i], error);
        if (r < 0)
            return at_entry(r, "outputs", i, error);
        map->output_count++;
    }
    return 0;
}

struct line_members {
    const char *name;
    struct json_object *place;
};

static int read_input(struct json_object *object, struct modbus_line_in *ret_input, struct json_error *error)
{
    static const struct json_row rows[] = {
        JSON_ROW_CHECKED(struct line_members, name, "name", true, id_valid, ID_EXPECTED),
        JSON_ROW_OBJECT(struct line_members, place, "at"),
    };
    struct line_members members;
    int r = modbus_form_strict(object, JSON_ROWS(rows), &members, error);

    if (r == 0 && !members.place)
        r = modbus_form_refuse(error, "at", "is missing");
    if (r == 0)
        r = modbus_form_place(members.place, MODBUS_PLACE_INPUT, "at", &ret_input->place, error);
    if (r == 0)
        snprintf(ret_input->name, sizeof(ret_input->name), "%s", members.name);
    return r;
}

static int read_inputs(struct json_object *list, struct modbus_panel_map *map, struct json_error *error)
{
    for (size_t i = 0; i < json_list_length(list); i++) {
        struct json_object *entry = json_list_object(list, i, error);

        if (!entry) {
            json_error_within(error, "inputs");
            return -EBADMSG;
        }
        int r = read_input(entry, &map->inputs[i], error);

        for (size_t k = 0; k < i && r == 0; k++)
            if (strcmp(map->inputs[k].name, map->inputs[i].name) == 0)
                r = modbus_form_refuse(error, "name", "is taken by an input before");
        if (r < 0)
            return at_entry(r, "inputs", i, error);
        map->input_count++;
    }
    return 0;
}

struct word_members {
    int64_t value;
    enum modbus_state state;
};

static int read_word(struct json_object *list, size_t i, struct modbus_status *status,
                     struct json_error *error)
{
    static const struct json_row rows[] = {
        JSON_ROW_INT_REQUIRED(struct word_members, value, "value", 0, UINT16_MAX),
        JSON_ROW_ENUM_REQUIRED(struct word_members, state, "is", state_names),
    };
    struct word_members members;
    struct json_object *entry = json_list_object(list, i, error);

    if (!entry) {
        json_error_within(error, "words");
        return -EBADMSG;
    }
    int r = modbus_form_strict(entry, JSON_ROWS(rows), &members, error);

    for (size_t k = 0; k < status->count && r == 0; k++)
        if (status->words[k].value == members.value)
            r = modbus_form_refuse(error, "value", "has a meaning already");
    if (r < 0)
        return at_entry(r, "words", i, error);
    status->words[status->count].value = members.value;
    status->words[status->count++].state = members.state;
    return 0;
}

struct status_members {
    struct json_object *place;
    struct json_object *words;
};

static int read_status(struct json_object *object, struct modbus_status *status, struct json_error *error)
{
    static const struct json_row rows[] = {
        JSON_ROW_OBJECT(struct status_members, place, "at"),
        JSON_ROW_LIST(struct status_members, words, "words", 1, MODBUS_STATES_MAX),
    };
    struct status_members members;

    if (!object)
        return 0;
    int r = modbus_form_strict(object, JSON_ROWS(rows), &members, error);

    if (r == 0 && (!members.place || !members.words))
        r = modbus_form_refuse(error, members.place ? "words" : "at", "is missing");
    if (r == 0)
        r = modbus_form_place(members.place, MODBUS_PLACE_NUMBER, "at", &status->place, error);
    for (size_t i = 0; r == 0 && i < json_list_length(members.words); i++)
        r = read_word(members.words, i, status, error);
    if (r < 0)
        json_error_within(error, "status");
    return r;
}

int modbus_profile_panel_read(const struct modbus_profile_panel_members *members,
                              struct modbus_panel_map *ret_map, struct json_error *error)
{
    struct modbus_panel_map map = { .wired = members->wiring };
    int r = read_outputs(members->outputs, &map, error);

    if (r == 0)
        r = read_inputs(members->inputs, &map, error);
    if (r == 0)
        r = read_status(members->status, &map.status, error);
    if (r == 0 && members->wiring) {
        r = modbus_wiring_read(members->wiring, &map, &map.wiring, NULL, error);
        if (r < 0)
            json_error_within(error, "wiring");
    }
    if (r < 0)
        return r;
    *ret_map = map;
    return 0;
}
