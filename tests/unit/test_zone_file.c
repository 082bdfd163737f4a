/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes that are no zone, or a damaged one, and what follows its last transition. */
#include "tests/unit/zone_fixture.h"

/* --- files made here --- */

struct change {
    int64_t at;
    uint8_t type;
};

struct made {
    uint8_t bytes[4096];
    size_t len;
};

static void put_int(struct made *made, int64_t value, size_t len)
{
    for (size_t i = len; i-- > 0;)
        made->bytes[made->len++] = (uint8_t)((uint64_t)value >> 8 * i);
}

static void put_header(struct made *made, size_t changes, size_t types)
{
    memcpy(made->bytes + made->len, "TZif2", 5);
    made->len += 20;
    put_int(made, 0, 4);
    put_int(made, 0, 4);
    put_int(made, 0, 4);
    put_int(made, (int64_t)changes, 4);
    put_int(made, (int64_t)types, 4);
    put_int(made, 1, 4);
}

static void put_types(struct made *made, const int32_t offsets[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        put_int(made, offsets[i], 4);
        put_int(made, 0, 2);
    }
    put_int(made, 0, 1); /* names: one that is empty */
}

/* As a slim file is: nothing but what the second block and the footer say. */
static struct made make_file(const struct change changes[], size_t change_count, const int32_t offsets[],
                             size_t offset_count, const char *footer)
{
    struct made made = { 0 };

    put_header(&made, 0, 1);
    put_types(&made, offsets, 1);
    put_header(&made, change_count, offset_count);
    for (size_t i = 0; i < change_count; i++)
        put_int(&made, changes[i].at, 8);
    for (size_t i = 0; i < change_count; i++)
        put_int(&made, changes[i].type, 1);
    put_types(&made, offsets, offset_count);
    made.len +=
        (size_t)snprintf((char *)made.bytes + made.len, sizeof(made.bytes) - made.len, "\n%s\n", footer);
    return made;
}

static struct made make_rule(const char *footer)
{
    return make_file(NULL, 0, (const int32_t[]){ 0 }, 1, footer);
}

static struct zone *open_made(const struct made *made)
{
    struct zone *zone = NULL;

    assert_int_equal(zone_new(made->bytes, made->len, &zone), 0);
    return zone;
}

static void assert_bad(const struct made *made)
{
    cleanup_with(freep) uint8_t *exact = malloc(made->len); /* so that a reader that goes too far is caught */
    struct zone *zone = NULL;

    memcpy(exact, made->bytes, made->len);
    assert_int_equal(zone_new(exact, made->len, &zone), -EBADMSG);
    assert_null(zone);
}

static void zone_local__rule_alone__as_the_c_library(void **state)
{
    static const char *const rules[] = {
        "UTC0",
        "<+0530>-5:30",
        "EST5EDT,M3.2.0,M11.1.0",
        "CET-1CEST,M3.5.0,M10.5.0/3",
        "IST-1GMT0,M10.5.0,M3.5.0/1",
        "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
        "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
        "<+00>0<+02>-2,M3.5.0/1,M10.5.0/3",
        "IST-2IDT,M3.4.4/26,M10.5.0",
        "EET-2EEST,M3.4.4/50,M10.4.4/50",
        "AAA3BBB,J60/0,J300/0",
        "AAA3BBB,59/0,299/0",
        "AAA-3BBB-4:30:15,J10/1,J350/23",
        "AAA-12BBB-13,M9.5.0/2:45,M4.1.0/3:45",
        "AAA3BBB,M12.5.6,M1.5.0",
    };

    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        struct made made = make_rule(rules[i]);
        cleanup_with(zone_freep) struct zone *zone = open_made(&made);

        oracle_use(rules[i]);
        for (int64_t t = year_start(1999); t < year_start(2030); t += 4999)
            assert_local(zone, rules[i], t);
        for (int64_t t = year_start(2095); t < year_start(2105); t += 4999)
            assert_local(zone, rules[i], t);
    }
}

static void zone_local__all_year_daylight_saving__never_changes(void **state)
{
    struct made made = make_rule("XXX3EDT4,0/0,J365/23"); /* RFC 8536, 3.3.1 */
    cleanup_with(zone_freep) struct zone *zone = open_made(&made);

    for (int64_t t = year_start(2025) - 2 * DAY; t < year_start(2029); t += 1800)
        assert_int_equal(zone_local(zone, t * USEC_PER_SEC).offset, -4 * HOUR);
}

/* A zone that went over to a rule while its other half of the year was on: the last transition's offset holds
 * until the rule's next one. */
static void zone_local__table_ends_within_daylight_saving__holds_until_the_rule_comes(void **state)
{
    const struct change changes[] = { { year_start(2020) + 182 * DAY, 1 } }; /* July 1 */
    struct made made =
        make_file(changes, 1, (const int32_t[]){ 0, 2 * HOUR }, 2, "CET-1CEST,M3.5.0,M10.5.0/3");
    cleanup_with(zone_freep) struct zone *zone = open_made(&made);

    assert_int_equal(zone_local(zone, (changes[0].at - 1) * USEC_PER_SEC).offset, 0);
    assert_int_equal(zone_local(zone, changes[0].at * USEC_PER_SEC).offset, 2 * HOUR);
    assert_int_equal(zone_local(zone, (changes[0].at + 60 * DAY) * USEC_PER_SEC).offset, 2 * HOUR);
    assert_int_equal(zone_local(zone, year_start(2021) * USEC_PER_SEC).offset, HOUR);
}

static void zone_local__no_rule__last_offset_for_ever(void **state)
{
    const struct change changes[] = { { 1000, 1 }, { 2000, 2 } };
    struct made made = make_file(changes, 2, (const int32_t[]){ -HOUR, HOUR, -26 * HOUR }, 3, "");
    cleanup_with(zone_freep) struct zone *zone = open_made(&made);

    assert_int_equal(zone_local(zone, 999 * USEC_PER_SEC + 999999).offset, -HOUR);
    assert_int_equal(zone_local(zone, 1000 * USEC_PER_SEC).offset, HOUR);
    assert_int_equal(zone_local(zone, 2000 * USEC_PER_SEC).offset, -26 * HOUR);
    assert_int_equal(zone_local(zone, year_start(2200) * USEC_PER_SEC).offset, -26 * HOUR);
}

#define X100                                                                                                 \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void zone_new__bad_footer__refused(void **state)
{
    static const char *const rules[] = {
        "C-1",
        "CET",
        "CET-1CEST",
        "CET-1CEST,M3.5.0",
        "CET-1CEST,M3.5.0,",
        "CET-1CEST,M13.5.0,M10.5.0",
        "CET-1CEST,M3.6.0,M10.5.0",
        "CET-1CEST,M3.0.0,M10.5.0",
        "CET-1CEST,M3.5.7,M10.5.0",
        "CET-1CEST,J0,J1",
        "CET-1CEST,J366,J1",
        "CET-1CEST,366,1",
        "CET-1CEST,M3.5.0/168,M10.5.0",
        "CET-1CEST,M3.5.0/2:60,M10.5.0",
        "<CET-1",
        "<>-1",
        "CET-1 ",
        "CET-1CEST,M3.5.0,M10.5.0/3x",
        "CET-00001",
        "\x01",
        "CET-1CEST,M3.5.0,M10.5.0\n3",
        "CET-26:00:01",
        "CET-1CEST-26:00:01,J1,J100",
        "<" X100 X100 X100 ">0",
    };

    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        struct made made = make_rule(rules[i]);
        struct zone *zone = NULL;

        if (zone_new(made.bytes, made.len, &zone) != -EBADMSG)
            fail_msg("\"%s\" taken", rules[i]);
    }
}

static void zone_new__table_that_cannot_be__refused(void **state)
{
    const struct change twice[] = { { 1000, 0 }, { 1000, 0 } };
    const struct change back[] = { { 1000, 0 }, { 999, 0 } };
    const struct change beyond[] = { { 1000, 1 } };
    const int32_t good[] = { 0 };
    struct made made = make_file(twice, 2, good, 1, "");

    assert_bad(&made);
    made = make_file(back, 2, good, 1, "");
    assert_bad(&made);
    made = make_file(beyond, 1, good, 1, "");
    assert_bad(&made);
    made = make_file(twice, 1, good, 0, "");
    assert_bad(&made);
}

static void zone_new__offset_beyond_a_day__refused(void **state)
{
    static const int32_t offsets[] = { 26 * HOUR + 1, -26 * HOUR - 1, INT32_MAX, INT32_MIN };
    const struct change change = { 1000, 1 };

    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        struct made made = make_file(NULL, 0, &offsets[i], 1, "");

        assert_bad(&made);
        made = make_file(&change, 1, (const int32_t[]){ 0, offsets[i] }, 2, "UTC0");
        assert_bad(&made);
    }
}

/* --- hostile bytes --- */

static void zone_new__cut_anywhere__refused(void **state)
{
    for (size_t i = 0; i < NAMES; i++) {
        cleanup_with(freep) char *bytes = NULL;
        size_t len;

        read_zone(names[i], &bytes, &len);
        for (size_t cut = 1; cut < len; cut++) {
            cleanup_with(freep) char *exact = malloc(cut);
            struct zone *zone = NULL;

            memcpy(exact, bytes, cut);
            assert_int_equal(zone_new(exact, cut, &zone), -EBADMSG);
        }
    }
}

static void zone_new__too_long__refused(void **state)
{
    cleanup_with(freep) char *bytes = NULL;
    struct zone *zone = NULL;
    size_t len;

    read_zone("Europe/Madrid", &bytes, &len);
    bytes = realloc(bytes, ZONEINFO_BYTES_MAX + 1);
    assert_non_null(bytes);
    assert_int_equal(zone_new(bytes, ZONEINFO_BYTES_MAX + 1, &zone), -EBADMSG);
}

/* Whatever a file says, a clock shows a time, and instants lie where it has been reached. */
static void use(const struct zone *zone)
{
    static const int64_t instants[] = { INT64_MIN / 2, -1, 0, 1700000000, 4000000000, 250000000000 };

    for (size_t i = 0; i < sizeof(instants) / sizeof(instants[0]); i++) {
        int64_t us = i == 0 ? INT64_MIN / 2 : instants[i] * USEC_PER_SEC;
        struct local_time local = zone_local(zone, us);

        assert_in_range(local.second, 0, 86399);
    }
    for (int32_t day = 0; day < 80000; day += 9973) {
        struct local_time local = zone_local(zone, zone_instant(zone, day, 30000));

        assert_true(local.day * DAY + local.second >= day * DAY + 30000);
    }
}

static void zone_new__any_byte_changed__refused_or_usable(void **state)
{
    static const uint8_t changes[] = { 0x01, 0x80, 0xff };

    for (size_t i = 0; i < NAMES; i++) {
        cleanup_with(freep) char *bytes = NULL;
        size_t len;

        read_zone(names[i], &bytes, &len);
        for (size_t at = 0; at < len; at++)
            for (size_t j = 0; j < sizeof(changes); j++) {
                cleanup_with(zone_freep) struct zone *zone = NULL;

                bytes[at] = (char)(bytes[at] ^ changes[j]);
                if (zone_new(bytes, len, &zone) == 0)
                    use(zone);
                bytes[at] = (char)(bytes[at] ^ changes[j]);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zone_local__rule_alone__as_the_c_library),
        cmocka_unit_test(zone_local__all_year_daylight_saving__never_changes),
        cmocka_unit_test(zone_local__table_ends_within_daylight_saving__holds_until_the_rule_comes),
        cmocka_unit_test(zone_local__no_rule__last_offset_for_ever),
        cmocka_unit_test(zone_new__bad_footer__refused),
        cmocka_unit_test(zone_new__table_that_cannot_be__refused),
        cmocka_unit_test(zone_new__offset_beyond_a_day__refused),
        cmocka_unit_test(zone_new__cut_anywhere__refused),
        cmocka_unit_test(zone_new__too_long__refused),
        cmocka_unit_test(zone_new__any_byte_changed__refused_or_usable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
