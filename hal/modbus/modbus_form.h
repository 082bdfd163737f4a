/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_form.h: how profiles and wirings are written: strictly, each mistake with its member. Pure; used by
 * modbus_profile.c, modbus_profile_panel.c and modbus_wiring.c only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "hal/modbus/modbus_profile.h"
#include "proto/json.h"

#define MODBUS_ADDRESS_MAX 65535

/* What may stand at a place. */
enum modbus_place_kind {
    MODBUS_PLACE_BIT,
    MODBUS_PLACE_NUMBER,
    MODBUS_PLACE_BYTES,
    MODBUS_PLACE_INPUT, /* a bit, or the number of a counter */
};

/* "coil", "discrete", "input", "holding", by enum modbus_table; NULL-terminated. */
extern const char *const modbus_form_tables[];

bool modbus_form_is_bit(enum modbus_table table);

/* Fills *error; returns -EBADMSG. */
int modbus_form_refuse(struct json_error *error, const char *path, const char *why);

/* json_read(), and no member beyond the rows. */
int modbus_form_strict(struct json_object *object, const struct json_row rows[], size_t count, void *ret,
                       struct json_error *error) must_check;

/* A member that is a place; object NULL: it is absent, and *ret_place stays as it is. */
int modbus_form_place(struct json_object *object, enum modbus_place_kind kind, const char *member,
                      struct modbus_place *ret_place, struct json_error *error) must_check;

/* How the device times a pulse. */
int modbus_form_release(struct json_object *object, struct modbus_release *ret_release,
                        struct json_error *error) must_check;
