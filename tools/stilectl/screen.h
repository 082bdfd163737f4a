/* SPDX-License-Identifier: GPL-3.0-or-later */
/* screen.h: what a terminal shows, and the fewest bytes that make it show something else.
 *
 * A frame is written from its top left, in cells; what does not fit is cut. Only lines that differ from the
 * frame before are sent, as plain ANSI (ECMA-48). Widths of characters are those of the locale (LC_CTYPE).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/cleanup.h"
#include "gateway/base/text.h"
#include "tools/stilectl/table.h"

#define SCREEN_ROWS_MAX 500

struct screen {
    size_t rows;
    size_t columns;
    bool colour;
    struct text *shown; /* a line each; at first, and after another size, nothing is known of them */
    struct text *next;
    bool known;
    size_t row;
    size_t column;
};

void screen_finish(struct screen *screen);

/* Begins a frame of this size. Returns 0 or -ENOMEM. */
int screen_begin(struct screen *screen, size_t rows, size_t columns) must_check;

/* Writes words into so many columns, 0: all that are left on this line. Shorter ones are filled up, longer
 * ones cut; a blank follows. Malformed UTF-8 and what has no width becomes '?'. */
void screen_cell(struct screen *screen, enum tone tone, const char *words, size_t columns);

/* The line is done. Lines below the last are dropped. */
void screen_newline(struct screen *screen);

/* How many lines are left. */
size_t screen_left(const struct screen *screen);

/* The frame is done: appends what turns the terminal from the last frame into this one. */
void screen_end(struct screen *screen, struct text *out);
