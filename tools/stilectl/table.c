/* SPDX-License-Identifier: GPL-3.0-or-later */
/* table.c: all cells are kept until the end, because the last one may be the widest. */
#include "tools/stilectl/table.h"

#include <assert.h>
#include <string.h>

#include "tools/stilectl/field.h"

#define GAP "  "

void tone_add(struct text *out, bool colour, enum tone tone, const char *shown)
{
    static const char *const codes[] = {
        [TONE_PLAIN] = "",       [TONE_GOOD] = "\033[32m", [TONE_DOUBTFUL] = "\033[33m",
        [TONE_BAD] = "\033[31m", [TONE_HEAD] = "\033[1m",
    };

    if (colour && tone != TONE_PLAIN)
        text_addf(out, "%s%s\033[0m", codes[tone], shown);
    else
        text_add(out, shown);
}

void table_begin(struct table *table, const char *const heads[])
{
    *table = (struct table){ .heads = heads };
    while (heads[table->columns])
        table->columns++;
    assert(table->columns <= TABLE_COLUMNS_MAX);
}

void table_finish(struct table *table)
{
    text_finish(&table->cells);
    text_finish(&table->cell_tones);
}

void table_add(struct table *table, enum tone tone, const char *value)
{
    const char byte = (char)tone;

    field_add(&table->cells, value && *value ? value : "-");
    text_add_bytes(&table->cells, "", 1);
    text_add_bytes(&table->cell_tones, &byte, 1);
    table->count++;
}

/* Characters of UTF-8. */
static size_t width_of(const char *cell)
{
    size_t width = 0;

    for (; *cell; cell++)
        width += ((unsigned char)*cell & 0xc0) != 0x80;
    return width;
}

static void measure(const struct table *table, size_t widths[static TABLE_COLUMNS_MAX])
{
    const char *cell = text_string(&table->cells);

    for (size_t i = 0; i < table->columns; i++)
        widths[i] = strlen(table->heads[i]);
    for (size_t i = 0; i < table->count; i++, cell += strlen(cell) + 1) {
        size_t width = width_of(cell);

        if (width > widths[i % table->columns])
            widths[i % table->columns] = width;
    }
}

static void print_cell(struct text *out, bool colour, enum tone tone, const char *cell, size_t width)
{
    tone_add(out, colour, tone, cell);
    for (size_t i = width_of(cell); i < width; i++)
        text_add(out, " ");
}

void table_print(const struct table *table, bool colour, struct text *out)
{
    const char *cell = text_string(&table->cells);
    size_t widths[TABLE_COLUMNS_MAX] = { 0 };

    if (text_error(&table->cells) || text_error(&table->cell_tones) || table->count == 0)
        return;
    measure(table, widths);
    for (size_t i = 0; i < table->count + table->columns; i++) {
        bool head = i < table->columns;
        size_t column = i % table->columns;
        bool last = column + 1 == table->columns;
        enum tone tone = head ? TONE_HEAD : (enum tone)table->cell_tones.data[i - table->columns];

        print_cell(out, colour, tone, head ? table->heads[i] : cell, last ? 0 : widths[column]);
        text_add(out, last ? "\n" : GAP);
        if (!head)
            cell += strlen(cell) + 1;
    }
}
