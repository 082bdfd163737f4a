/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names that come from a policy must not lead out of the database's directory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "gateway/base/zoneinfo.h"

static void zoneinfo_name_valid__only_below_the_directory(void **state)
{
    static const char *const good[] = { "UTC",       "Europe/Madrid", "America/Argentina/Buenos_Aires",
                                        "Etc/GMT+5", "Etc/GMT-14",    "America/Port-au-Prince" };
    static const char *const bad[] = {
        "",
        "/",
        "/etc/passwd",
        "..",
        "../x",
        "Europe/../x",
        "Europe/..",
        ".",
        "./UTC",
        "UTC/",
        "a b",
        "a\n",
        "Eur\xc3\xb6pe",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(zoneinfo_name_valid(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(zoneinfo_name_valid(bad[i]));
}

static void zoneinfo_read__a_zone__is_what_the_system_has(void **state)
{
    cleanup_with(freep) char *bytes = NULL;
    size_t len = 0;

    assert_int_equal(zoneinfo_read(NULL, "Europe/Madrid", &bytes, &len), 0);
    assert_true(len > 4 && memcmp(bytes, "TZif", 4) == 0);
}

static void zoneinfo_read__no_such_zone__touches_nothing(void **state)
{
    char *bytes = NULL;
    size_t len = 7;

    assert_int_equal(zoneinfo_read(NULL, "Europe/Atlantis", &bytes, &len), -ENOENT);
    assert_int_equal(zoneinfo_read(NULL, "../../../etc/passwd", &bytes, &len), -EINVAL);
    assert_null(bytes);
    assert_int_equal(len, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zoneinfo_name_valid__only_below_the_directory),
        cmocka_unit_test(zoneinfo_read__a_zone__is_what_the_system_has),
        cmocka_unit_test(zoneinfo_read__no_such_zone__touches_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
