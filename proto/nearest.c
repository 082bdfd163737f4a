/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nearest.c: the restricted Damerau-Levenshtein distance over three rows of its matrix. */
#include "proto/nearest.h"

#include <string.h>

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;

    return least < c ? least : c;
}

/* One row of the matrix: the distances from the first i bytes of a to each beginning of b. */
static void fill_row(const char *a, const char *b, size_t i, unsigned rows[3][NEAREST_BYTES_MAX + 1])
{
    unsigned *row = rows[i % 3];
    const unsigned *before = rows[(i + 2) % 3];
    const unsigned *before_that = rows[(i + 1) % 3];

    row[0] = (unsigned)i;
    for (size_t j = 1; b[j - 1]; j++) {
        row[j] = min3(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a[i - 1] != b[j - 1]));
        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before_that[j - 2] + 1 < row[j])
            row[j] = before_that[j - 2] + 1;
    }
}

unsigned nearest_distance(const char *a, const char *b)
{
    unsigned rows[3][NEAREST_BYTES_MAX + 1];
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);

    if (a_len > NEAREST_BYTES_MAX || b_len > NEAREST_BYTES_MAX)
        return (unsigned)(a_len > b_len ? a_len : b_len);
    for (unsigned j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_len; i++)
        fill_row(a, b, i, rows);
    return rows[a_len % 3][b_len];
}

void nearest_offer(struct nearest *nearest, const char *candidate)
{
    unsigned distance = nearest_distance(nearest->word, candidate);

    if (distance > (strlen(nearest->word) + 2) / 3 || distance >= strlen(candidate))
        return;
    if (nearest->best && nearest->distance <= distance)
        return;
    nearest->best = candidate;
    nearest->distance = distance;
}
