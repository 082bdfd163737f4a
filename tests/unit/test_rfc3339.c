/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Times as the contract writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "proto/rfc3339.h"

static void rfc3339_parse__moments__are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t utc_us;
    } moments[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "2026-11-22T14:30:00.123456Z", INT64_C(1795357800123456) },
        { "2026-11-22t15:30:00.1234567+01:00", INT64_C(1795357800123456) },
        { "2026-11-22T12:00:00-02:30", INT64_C(1795357800000000) },
        { "2024-02-29T00:00:00z", INT64_C(1709164800000000) },
        { "2016-12-31T23:59:60Z", INT64_C(1483228800000000) },
        { "9999-12-31T23:59:59.999999Z", INT64_C(253402300799999999) },
    };

    for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        int64_t utc_us = -1;

        assert_true(rfc3339_parse(moments[i].text, &utc_us));
        assert_int_equal(utc_us, moments[i].utc_us);
    }
}

static void rfc3339_parse__anything_else__is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "2026",
        "2026-11-22",
        "2026-11-22T14:30Z",
        "2026-11-22T14:30:00",
        "2026-11-22 14:30:00Z",
        "2026-11-22T14:30:00Z ",
        " 2026-11-22T14:30:00Z",
        "2026-11-22T14:30:00.Z",
        "2026-11-22T14:30:00+1:00",
        "2026-11-22T14:30:00+01",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2025-02-29T00:00:00Z",
        "2026-11-22T24:00:00Z",
        "2026-11-22T14:60:00Z",
        "2026-11-22T14:30:61Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "-026-11-22T14:30:00Z",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t utc_us = 7;

        assert_false(rfc3339_parse(bad[i], &utc_us));
        assert_int_equal(utc_us, 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc3339_parse__moments__are_read),
        cmocka_unit_test(rfc3339_parse__anything_else__is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
