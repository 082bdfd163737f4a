/* SPDX-License-Identifier: GPL-3.0-or-later */
/* screen.c: lines are compared as the bytes that draw them: a line is the smallest thing that is worth a
 * movement of the cursor. */
#include "tools/stilectl/screen.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

static void free_lines(struct text *lines, size_t rows)
{
    for (size_t i = 0; lines && i < rows; i++)
        text_finish(&lines[i]);
    free(lines);
}

void screen_finish(struct screen *screen)
{
    free_lines(screen->shown, screen->rows);
    free_lines(screen->next, screen->rows);
    *screen = (struct screen){ .colour = screen->colour };
}

static int resize(struct screen *screen, size_t rows, size_t columns)
{
    screen_finish(screen);
    screen->shown = calloc(rows, sizeof(*screen->shown));
    screen->next = calloc(rows, sizeof(*screen->next));
    if (!screen->shown || !screen->next) {
        screen_finish(screen);
        return -ENOMEM;
    }
    screen->rows = rows;
    screen->columns = columns;
    return 0;
}

int screen_begin(struct screen *screen, size_t rows, size_t columns)
{
    if (rows > SCREEN_ROWS_MAX)
        rows = SCREEN_ROWS_MAX;
    int r = rows == screen->rows && columns == screen->columns ? 0 : resize(screen, rows, columns);

    if (r < 0)
        return r;
    for (size_t i = 0; i < rows; i++)
        text_reset(&screen->next[i]);
    screen->row = 0;
    screen->column = 0;
    return 0;
}

/* One character: its bytes and its width. What cannot be shown is one byte long and -1 wide. */
static size_t measure(const char *at, int *ret_width)
{
    mbstate_t state = { 0 };
    wchar_t character;
    size_t len = mbrtowc(&character, at, MB_LEN_MAX, &state);

    if (len == (size_t)-1 || len == (size_t)-2 || len == 0) {
        *ret_width = -1;
        return 1;
    }
    *ret_width = wcwidth(character);
    return len;
}

/* Adds what fits into so many columns; returns how many it took. */
static size_t add_cut(struct text *out, const char *words, size_t columns)
{
    size_t taken = 0;

    while (*words) {
        int width;
        size_t len = measure(words, &width);
        size_t needs = width < 0 ? 1 : (size_t)width;

        if (taken + needs > columns)
            break;
        text_add_bytes(out, width < 0 ? "?" : words, width < 0 ? 1 : len);
        taken += needs;
        words += len;
    }
    return taken;
}

void screen_cell(struct screen *screen, enum tone tone, const char *words, size_t columns)
{
    if (screen->row == screen->rows)
        return;
    size_t left = screen->columns - screen->column;
    size_t room = columns && columns < left ? columns : left;
    struct text *line = &screen->next[screen->row];
    cleanup_with(text_finish) struct text cut = TEXT_INIT;
    size_t taken = add_cut(&cut, words, room);

    tone_add(line, screen->colour, tone, text_string(&cut));
    screen->column += taken;
    for (size_t end = taken; columns && end < columns + 1 && screen->column < screen->columns; end++) {
        text_add(line, " ");
        screen->column++;
    }
}

void screen_newline(struct screen *screen)
{
    screen->row += screen->row < screen->rows;
    screen->column = 0;
}

size_t screen_left(const struct screen *screen)
{
    return screen->rows - screen->row;
}

void screen_end(struct screen *screen, struct text *out)
{
    if (!screen->known)
        text_add(out, "\033[0m\033[2J");
    for (size_t i = 0; i < screen->rows; i++) {
        struct text *line = &screen->next[i];

        if (strcmp(text_string(line), text_string(&screen->shown[i])) == 0)
            continue;
        text_addf(out, "\033[%zu;1H\033[2K%s", i + 1, text_string(line));
    }
    struct text *shown = screen->shown;

    screen->shown = screen->next;
    screen->next = shown;
    screen->known = true;
}
