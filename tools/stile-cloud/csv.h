/* SPDX-License-Identifier: GPL-3.0-or-later */
/* csv.h: comma-separated values (RFC 4180), read in place. Lines end in LF or CRLF; a byte order mark, and
 * rows without a character in any field, are passed over. If the first line has a semicolon and no comma,
 * semicolons separate: that is what spreadsheets write in half of Europe. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/cleanup.h"

#define CSV_FIELDS_MAX 64

struct csv_row {
    char *fields[CSV_FIELDS_MAX]; /* in the text */
    size_t count;
};

struct csv {
    char *at;
    char separator;
    unsigned line;     /* that comes next */
    unsigned row_line; /* on which the last row began */
};

/* bytes ends in NUL and is written to. */
struct csv csv_over(char *bytes);

/* 1 with a row, 0 at the end, -EINVAL (a quote without end, or something behind it), -E2BIG (too many
 * fields). */
int csv_next(struct csv *csv, struct csv_row *ret) must_check;
