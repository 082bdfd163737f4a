/* SPDX-License-Identifier: GPL-3.0-or-later */
/* field.h: members of an answer, forgivingly: a member that is missing or of another type is not there. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/text.h"

struct json_object;

/* Borrowed; NULL if not there. */
const char *field_string(struct json_object *object, const char *member);
struct json_object *field_object(struct json_object *object, const char *member);
struct json_object *field_list(struct json_object *object, const char *member);
const char *field_entry(struct json_object *list, size_t i);

/* otherwise if not there. */
int64_t field_int(struct json_object *object, const char *member, int64_t otherwise);

bool field_true(struct json_object *object, const char *member);

/* Whether it is there and false. */
bool field_false(struct json_object *object, const char *member);

/* Appends a string from the answer; control characters become '?', so that no name drives a terminal. */
void field_add(struct text *out, const char *value);

/* Appends the strings of a list, with separators. */
void field_add_list(struct text *out, struct json_object *list, const char *separator);
