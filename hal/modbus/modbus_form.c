/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_form.c: what several objects of a profile have in common. What rows cannot say (a bit has no words)
 * is checked right behind them. */
#include "hal/modbus/modbus_form.h"

#include <errno.h>

#include "proto/json_locate.h"

static const char *const method_names[] = { "coil", "coil_time", NULL };

const char *const modbus_form_tables[] = { "coil", "discrete", "input", "holding", NULL };

int modbus_form_strict(struct json_object *object, const struct json_row rows[], size_t count, void *ret,
                       struct json_error *error)
{
    int r = json_read(object, rows, count, ret, error);

    if (r < 0)
        return r;
    const char *unknown = json_locate_unknown(object, rows, count, 0);

    if (!unknown)
        return 0;
    const char *similar = json_locate_similar(unknown, rows, count);

    json_error_set(error, unknown, similar ? "is not known here; did you mean %s?" : "is not known here",
                   similar);
    return -EBADMSG;
}

int modbus_form_refuse(struct json_error *error, const char *path, const char *why)
{
    json_error_set(error, path, "%s", why);
    return -EBADMSG;
}

bool modbus_form_is_bit(enum modbus_table table)
{
    return table == MODBUS_TABLE_COIL || table == MODBUS_TABLE_DISCRETE;
}

static int64_t words_max(enum modbus_place_kind kind)
{
    switch (kind) {
    case MODBUS_PLACE_BIT:
        return 1;
    case MODBUS_PLACE_NUMBER:
    case MODBUS_PLACE_INPUT:
        return 2;
    case MODBUS_PLACE_BYTES:
        return MODBUS_CARD_BYTES_MAX / 2;
    }
    return 0;
}

int modbus_form_place(struct json_object *object, enum modbus_place_kind kind, const char *member,
                      struct modbus_place *ret_place, struct json_error *error)
{
    static const struct json_row rows[] = {
        JSON_ROW_ENUM_REQUIRED(struct modbus_place, table, "table", modbus_form_tables),
        JSON_ROW_INT_REQUIRED(struct modbus_place, address, "address", 0, MODBUS_ADDRESS_MAX),
        JSON_ROW_INT(struct modbus_place, words, "words", 1, MODBUS_RANGE_MAX, 1),
        JSON_ROW_BOOL(struct modbus_place, inverted, "inverted", false),
    };
    struct modbus_place place = { .present = true };

    if (!object)
        return 0;
    int r = modbus_form_strict(object, JSON_ROWS(rows), &place, error);

    bool bit = modbus_form_is_bit(place.table);

    if (r == 0 && kind != MODBUS_PLACE_INPUT && bit != (kind == MODBUS_PLACE_BIT))
        r = modbus_form_refuse(error, "table", bit ? "must be input or holding" : "must be coil or discrete");
    if (r == 0 && (place.words > words_max(bit ? MODBUS_PLACE_BIT : kind) ||
                   place.address + place.words - 1 > MODBUS_ADDRESS_MAX))
        r = modbus_form_refuse(error, "words", "takes more registers than this value can have");
    if (r == 0 && place.inverted && !bit)
        r = modbus_form_refuse(error, "inverted", "is for bits");
    if (r < 0) {
        json_error_within(error, "%s", member);
        return r;
    }
    *ret_place = place;
    return 0;
}

int modbus_form_release(struct json_object *object, struct modbus_release *ret_release,
                        struct json_error *error)
{
    static const struct json_row rows[] = {
        JSON_ROW_ENUM_REQUIRED(struct modbus_release, method, "method", method_names),
        JSON_ROW_INT_REQUIRED(struct modbus_release, address, "address", 0, MODBUS_ADDRESS_MAX),
        JSON_ROW_INT(struct modbus_release, unit_ms, "unit_ms", 1, 60000, 100),
        JSON_ROW_INT(struct modbus_release, pulse, "pulse", 0, MODBUS_ADDRESS_MAX, -1),
        JSON_ROW_INT(struct modbus_release, count, "count", 0, MODBUS_ADDRESS_MAX - 1, -1),
    };
    struct modbus_release release = { .present = true };
    int r = modbus_form_strict(object, JSON_ROWS(rows), &release, error);

    if (r == 0 && release.method == MODBUS_RELEASE_COIL_TIME && release.pulse >= 0)
        r = modbus_form_refuse(error, "pulse", "is for method coil: coil_time sends the pulse itself");
    if (r == 0 && release.method == MODBUS_RELEASE_COIL_TIME && release.count >= 0)
        r = modbus_form_refuse(error, "count", "is for method coil: coil_time is one pulse");
    if (r < 0)
        return r;
    *ret_release = release;
    return 0;
}
