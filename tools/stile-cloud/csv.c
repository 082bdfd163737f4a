/* SPDX-License-Identifier: GPL-3.0-or-later */
/* csv.c: a quoted field is unquoted where it stands, which only makes it shorter. */
#include "tools/stile-cloud/csv.h"

#include <errno.h>
#include <string.h>

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

struct csv csv_over(char *bytes)
{
    struct csv csv = { .at = bytes, .separator = ',', .line = 1 };

    if (strncmp(bytes, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0)
        csv.at += strlen(BYTE_ORDER_MARK);
    size_t first = strcspn(csv.at, "\n");

    if (!memchr(csv.at, ',', first) && memchr(csv.at, ';', first))
        csv.separator = ';';
    return csv;
}

/* From behind the opening quote; leaves csv->at behind the closing one. */
static int unquote(struct csv *csv, char **ret_field)
{
    char *to = csv->at;

    *ret_field = to;
    for (;; csv->at++) {
        if (*csv->at == '\0')
            return -EINVAL;
        if (*csv->at == '"') {
            if (csv->at[1] != '"')
                break;
            csv->at++;
        }
        csv->line += *csv->at == '\n';
        *to++ = *csv->at;
    }
    csv->at++;
    *to = '\0';
    return 0;
}

static bool ends_field(const struct csv *csv)
{
    char c = *csv->at;

    return c == csv->separator || c == '\n' || c == '\0' || (c == '\r' && csv->at[1] == '\n');
}

/* Takes a field and what ends it. Returns 1 if another one follows in the row, 0 if not. */
static int take_field(struct csv *csv, char **ret_field)
{
    int r = 0;

    if (*csv->at == '"') {
        csv->at++;
        r = unquote(csv, ret_field);
    } else {
        *ret_field = csv->at;
        while (!ends_field(csv))
            csv->at++;
    }
    if (r < 0 || !ends_field(csv))
        return -EINVAL;
    char end = *csv->at;

    *csv->at = '\0';
    csv->at += end == '\r' ? 2 : end != '\0';
    csv->line += end == '\r' || end == '\n';
    return end == csv->separator;
}

/* Takes a row. Returns 1, or what is wrong with it. */
static int take_row(struct csv *csv, struct csv_row *ret)
{
    csv->row_line = csv->line;
    ret->count = 0;
    for (int more = 1; more;) {
        if (ret->count == CSV_FIELDS_MAX)
            return -E2BIG;
        more = take_field(csv, &ret->fields[ret->count++]);
        if (more < 0)
            return more;
    }
    return 1;
}

static bool is_empty(const struct csv_row *row)
{
    for (size_t i = 0; i < row->count; i++)
        if (row->fields[i][0])
            return false;
    return true;
}

int csv_next(struct csv *csv, struct csv_row *ret)
{
    while (*csv->at) {
        int r = take_row(csv, ret);

        if (r < 0 || !is_empty(ret))
            return r;
    }
    return 0;
}
