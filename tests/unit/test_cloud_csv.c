/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_cloud_csv.c: rows and quotes as spreadsheets write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tools/stile-cloud/csv.h"

/* The rows of text joined: fields by '|', rows by '/' and their line; an error ends it with its number. */
static void assert_rows(const char *bytes, const char *expected)
{
    char *copy = strdup(bytes);
    struct csv csv = csv_over(copy);
    struct csv_row row;
    char joined[512] = "";
    int r;

    while ((r = csv_next(&csv, &row)) == 1) {
        snprintf(joined + strlen(joined), sizeof(joined) - strlen(joined), "/%u ", csv.row_line);
        for (size_t i = 0; i < row.count; i++)
            snprintf(joined + strlen(joined), sizeof(joined) - strlen(joined), "%s%s", i ? "|" : "",
                     row.fields[i]);
    }
    if (r < 0)
        snprintf(joined + strlen(joined), sizeof(joined) - strlen(joined), "/%u %s", csv.row_line,
                 r == -EINVAL ? "EINVAL" : "E2BIG");
    free(copy);
    assert_string_equal(joined, expected);
}

static void rows__of_every_line_end__are_split(void **state)
{
    assert_rows("a,b\nc,d", "/1 a|b/2 c|d");
    assert_rows("a,b\r\nc,d\r\n", "/1 a|b/2 c|d");
    assert_rows("a,\n,b\n", "/1 a|/2 |b");
}

static void rows__without_a_character__are_passed_over(void **state)
{
    assert_rows("", "");
    assert_rows("\n\r\n", "");
    assert_rows("a,b\n\n,\r\nc,d\n,\n", "/1 a|b/4 c|d");
}

static void quotes__hold_separators_lines_and_quotes(void **state)
{
    assert_rows("\"a,b\",\"c\"\"d\"\n", "/1 a,b|c\"d");
    assert_rows("\"a\nb\",c\nd,e\n", "/1 a\nb|c/3 d|e");
    assert_rows("\"\",x\n", "/1 |x");
    assert_rows("a\"b,c\n", "/1 a\"b|c");
}

static void quotes__unfinished_or_followed_by_more__are_refused(void **state)
{
    assert_rows("a,b\n\"c,d\ne", "/1 a|b/2 EINVAL");
    assert_rows("\"a\"b,c\n", "/1 EINVAL");
    assert_rows("\"", "/1 EINVAL");
}

static void heading__with_semicolons_only__chooses_them(void **state)
{
    assert_rows("a;b\nc,d;e\n", "/1 a|b/2 c,d|e");
    assert_rows("a,b;c\n", "/1 a|b;c");
    assert_rows("\xef\xbb\xbfid;x\n", "/1 id|x");
}

static void row__with_too_many_fields__is_refused(void **state)
{
    char bytes[2 * CSV_FIELDS_MAX + 1];

    memset(bytes, ',', sizeof(bytes));
    bytes[CSV_FIELDS_MAX - 1] = '\0';
    bytes[0] = ',';
    assert_rows(bytes, "");
    bytes[CSV_FIELDS_MAX - 1] = ',';
    bytes[CSV_FIELDS_MAX] = '\0';
    assert_rows(bytes, "/1 E2BIG");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows__of_every_line_end__are_split),
        cmocka_unit_test(rows__without_a_character__are_passed_over),
        cmocka_unit_test(quotes__hold_separators_lines_and_quotes),
        cmocka_unit_test(quotes__unfinished_or_followed_by_more__are_refused),
        cmocka_unit_test(heading__with_semicolons_only__chooses_them),
        cmocka_unit_test(row__with_too_many_fields__is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
