/* SPDX-License-Identifier: GPL-3.0-or-later */
/* json_locate.h: where in a text something stands, for error messages that people act on.
 *
 * Lines count from 1. The text need not be valid: what cannot be walked ends the walk at the nearest place
 * that was reached.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "proto/json.h"

/* Line of the member or entry that path names ("broker.port", "windows[2].from", "" for the outermost
 * object), or of the innermost object or list on the way to it that is there. *ret_found (may be NULL) tells
 * which. */
unsigned json_locate(const char *bytes, size_t len, const char *path, bool *ret_found);

/* What is wrong with a text that json_parse() refused: line, and the reason put for people. Fills
 * error->path with the name of a repeated member, and leaves it empty otherwise. */
unsigned json_locate_fault(const char *bytes, size_t len, struct json_error *error);

/* Name of the nth member of object (from 0) that no row knows; NULL if there are not so many. */
const char *json_locate_unknown(struct json_object *object, const struct json_row rows[], size_t count,
                                size_t nth);

/* The row's member that is nearest to a mistyped name; NULL if none is near. */
const char *json_locate_similar(const char *name, const struct json_row rows[], size_t count);
