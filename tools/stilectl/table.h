/* SPDX-License-Identifier: GPL-3.0-or-later */
/* table.h: aligned columns. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/text.h"

#define TABLE_COLUMNS_MAX 10

enum tone {
    TONE_PLAIN,
    TONE_GOOD,
    TONE_DOUBTFUL,
    TONE_BAD,
    TONE_HEAD,
};

/* Appends text, coloured if the terminal can show it. */
void tone_add(struct text *out, bool colour, enum tone tone, const char *shown);

struct table {
    const char *const *heads; /* NULL-terminated */
    size_t columns;
    struct text cells;      /* each ended by NUL, row by row */
    struct text cell_tones; /* a byte each */
    size_t count;
};

void table_begin(struct table *table, const char *const heads[]);
void table_finish(struct table *table);

/* The next cell, left to right, row after row. value may be NULL or "": "-". */
void table_add(struct table *table, enum tone tone, const char *value);

/* Heads and rows; nothing without rows. */
void table_print(const struct table *table, bool colour, struct text *out);
