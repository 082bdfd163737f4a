/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rfc3339.h: a moment in text: 2026-11-22T14:30:00Z, 2026-11-22T15:30:00.25+01:00. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Microseconds since 1970; further digits are cut. Returns false if text is no such moment of the years 1970
 * to 9999. A leap second is the second behind it. */
bool rfc3339_parse(const char *text, int64_t *ret_utc_us);

/* For rows. */
bool rfc3339_valid(const char *text);

#define RFC3339_EXPECTED "must be a time like 2026-11-22T14:30:00Z"
