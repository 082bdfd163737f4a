/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_wiring.c: names become indices once, so that nothing is looked up while a door waits. */
#include "hal/modbus/modbus_wiring.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hal/modbus/modbus_form.h"

static const char *const output_members[MODBUS_DIRECTIONS] = { "release", "release_entry", "release_exit" };

static const char *const role_names[MODBUS_ROLES + 1] = {
    [MODBUS_ROLE_CONTACT] = "contact",
    [MODBUS_ROLE_REX] = "rex",
    [MODBUS_ROLE_TAMPER] = "tamper",
    [MODBUS_ROLE_FIRE] = "fire",
    [MODBUS_ROLE_ALARM] = "alarm",
    [MODBUS_ROLE_READY] = "ready",
    [MODBUS_ROLE_VEHICLE] = "vehicle",
    [MODBUS_ROLE_OBSTACLE] = "obstacle",
    [MODBUS_ROLE_PASSED] = "passed",
    [MODBUS_ROLE_PASSED_ENTRY] = "passed_entry",
    [MODBUS_ROLE_PASSED_EXIT] = "passed_exit",
    NULL,
};

struct wiring_members {
    const char *target;
    const char *outputs[MODBUS_DIRECTIONS];
    const char *inputs[MODBUS_ROLES];
    struct json_object *closed_at_rest;
    bool status;
};

#define ROW_NAME(field, name) JSON_ROW_STRING(struct wiring_members, field, name, 1, ID_SIZE - 1)

static const struct json_row rows[] = {
    ROW_NAME(outputs[DRIVER_DIRECTION_ANY], "release"),
    ROW_NAME(outputs[DRIVER_DIRECTION_ENTRY], "release_entry"),
    ROW_NAME(outputs[DRIVER_DIRECTION_EXIT], "release_exit"),
    ROW_NAME(inputs[MODBUS_ROLE_CONTACT], "contact"),
    ROW_NAME(inputs[MODBUS_ROLE_REX], "rex"),
    ROW_NAME(inputs[MODBUS_ROLE_TAMPER], "tamper"),
    ROW_NAME(inputs[MODBUS_ROLE_FIRE], "fire"),
    ROW_NAME(inputs[MODBUS_ROLE_ALARM], "alarm"),
    ROW_NAME(inputs[MODBUS_ROLE_READY], "ready"),
    ROW_NAME(inputs[MODBUS_ROLE_VEHICLE], "vehicle"),
    ROW_NAME(inputs[MODBUS_ROLE_OBSTACLE], "obstacle"),
    ROW_NAME(inputs[MODBUS_ROLE_PASSED], "passed"),
    ROW_NAME(inputs[MODBUS_ROLE_PASSED_ENTRY], "passed_entry"),
    ROW_NAME(inputs[MODBUS_ROLE_PASSED_EXIT], "passed_exit"),
    JSON_ROW_LIST(struct wiring_members, closed_at_rest, "closed_at_rest", 0, MODBUS_ROLES),
    JSON_ROW_BOOL(struct wiring_members, status, "status", false),
    JSON_ROW_CHECKED(struct wiring_members, target, "target", true, id_valid, ID_EXPECTED), /* last */
};

static int find_output(const struct modbus_panel_map *map, const char *name)
{
    for (size_t i = 0; i < map->output_count; i++)
        if (strcmp(map->outputs[i].name, name) == 0)
            return (int)i;
    return -1;
}

static int find_input(const struct modbus_panel_map *map, const char *name)
{
    for (size_t i = 0; i < map->input_count; i++)
        if (strcmp(map->inputs[i].name, name) == 0)
            return (int)i;
    return -1;
}

static int take_outputs(const struct wiring_members *members, const struct modbus_panel_map *map,
                        struct modbus_wiring *wiring, struct json_error *error)
{
    for (size_t i = 0; i < MODBUS_DIRECTIONS; i++) {
        const char *name = members->outputs[i];

        wiring->outputs[i] = name ? find_output(map, name) : -1;
        if (name && wiring->outputs[i] < 0)
            return modbus_form_refuse(error, output_members[i], "is no output of the profile");
    }
    const int *outputs = wiring->outputs;

    if (outputs[DRIVER_DIRECTION_ENTRY] >= 0 &&
        outputs[DRIVER_DIRECTION_ENTRY] == outputs[DRIVER_DIRECTION_EXIT])
        return modbus_form_refuse(error, "release_exit", "is that of entry: say release");
    if (outputs[DRIVER_DIRECTION_ANY] >= 0 &&
        (outputs[DRIVER_DIRECTION_ENTRY] >= 0 || outputs[DRIVER_DIRECTION_EXIT] >= 0))
        return modbus_form_refuse(error, "release", "is for both directions: leave out those for one");
    return 0;
}

static int take_inputs(const struct wiring_members *members, const struct modbus_panel_map *map,
                       struct modbus_wiring *wiring, struct json_error *error)
{
    for (size_t role = 0; role < MODBUS_ROLES; role++) {
        const char *name = members->inputs[role];

        wiring->inputs[role] = name ? find_input(map, name) : -1;
        if (!name)
            continue;
        if (wiring->inputs[role] < 0)
            return modbus_form_refuse(error, role_names[role], "is no input of the profile");
        if (role < MODBUS_ROLE_PASSED && !modbus_form_is_bit(map->inputs[wiring->inputs[role]].place.table))
            return modbus_form_refuse(error, role_names[role],
                                      "is a counter: only what has passed is counted");
    }
    return 0;
}

static int take_rests(struct json_object *list, struct modbus_wiring *wiring, struct json_error *error)
{
    for (size_t i = 0; i < json_list_length(list); i++) {
        const char *name = json_list_string(list, i, error);
        int role = name ? json_enum_value(role_names, name) : -1;

        if (name && (role < 0 || wiring->inputs[role] < 0))
            json_error_set(error, "", "must be the name of a wired input, as %s", role_names[0]);
        if (role < 0 || wiring->inputs[role] < 0) {
            json_error_within(error, name ? "closed_at_rest[%zu]" : "closed_at_rest", i);
            return -EBADMSG;
        }
        wiring->closed_at_rest[role] = true;
    }
    return 0;
}

static bool is_empty(const struct modbus_wiring *wiring)
{
    bool empty = !wiring->status;

    for (size_t i = 0; i < MODBUS_DIRECTIONS; i++)
        empty = empty && wiring->outputs[i] < 0;
    for (size_t i = 0; i < MODBUS_ROLES; i++)
        empty = empty && wiring->inputs[i] < 0;
    return empty;
}

int modbus_wiring_read(struct json_object *object, const struct modbus_panel_map *map,
                       struct modbus_wiring *ret_wiring, char ret_target[ID_SIZE], struct json_error *error)
{
    const size_t count = sizeof(rows) / sizeof(rows[0]) - (ret_target ? 0 : 1);
    struct wiring_members members = { 0 };
    struct modbus_wiring wiring = { 0 };
    int r = modbus_form_strict(object, rows, count, &members, error);

    if (r == 0)
        r = take_outputs(&members, map, &wiring, error);
    if (r == 0)
        r = take_inputs(&members, map, &wiring, error);
    if (r == 0)
        r = take_rests(members.closed_at_rest, &wiring, error);
    wiring.status = members.status;
    if (r == 0 && wiring.status && !map->status.place.present)
        r = modbus_form_refuse(error, "status", "is not told by this kind of device");
    if (r == 0 && is_empty(&wiring))
        r = modbus_form_refuse(error, "", "joins nothing: no output, input or status");
    if (r < 0)
        return r;
    if (ret_target)
        snprintf(ret_target, ID_SIZE, "%s", members.target);
    *ret_wiring = wiring;
    return 0;
}

bool modbus_wiring_clash(const struct modbus_wiring *left, const struct modbus_wiring *right)
{
    for (size_t i = 0; i < MODBUS_DIRECTIONS; i++)
        for (size_t k = 0; k < MODBUS_DIRECTIONS; k++)
            if (left->outputs[i] >= 0 && left->outputs[i] == right->outputs[k])
                return true;
    return false;
}

const char *modbus_wiring_role(enum modbus_role role)
{
    return role_names[role];
}
