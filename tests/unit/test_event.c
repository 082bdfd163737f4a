/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events as the ledger keeps and the cloud reads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "proto/event.h"
#include "proto/json.h"

#define BOOT "5d0e1c9a-7c1f-4a53-9a55-0c1f7e0a2b11"

/* 2026-11-22T14:30:00.123456Z */
#define UTC_US INT64_C(1795357800123456)

static const struct timestamp synced = { .boot_us = 81234567890,
                                         .utc_us = UTC_US,
                                         .clock = CLOCK_STATE_SYNCED };

struct fixture {
    struct text text;
    size_t cause_at;
};

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct fixture));
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    text_finish(&f->text);
    free(f);
    return 0;
}

static const char *body(struct fixture *f, const struct event *event, const struct timestamp *now)
{
    assert_int_equal(event_body(&f->text, event, now, BOOT, &f->cause_at), 0);
    return text_string(&f->text);
}

static void event__granted__members_stand_in_the_fixed_order(void **state)
{
    const struct event event = { .kind = EVENT_GRANTED,
                                 .reason = "RULE",
                                 .user = "u17",
                                 .door = "front",
                                 .pulse_ms = 700,
                                 .ms = &(int64_t){ 0 } };

    assert_string_equal(body(*state, &event, &synced),
                        "\"boot\":\"" BOOT "\",\"at\":81234567890,\"utc\":\"2026-11-22T14:30:00.123Z\","
                        "\"clock\":\"synced\",\"kind\":\"granted\",\"door\":\"front\",\"user\":\"u17\","
                        "\"reason\":\"RULE\",\"pulse_ms\":700,\"ms\":0}");
}

static void event__lock_record__has_the_locks_words_and_time(void **state)
{
    const struct event event = { .kind = EVENT_LOCK_RECORD,
                                 .target = "front",
                                 .by = "keypad",
                                 .what = "unlock",
                                 .authorization = "Ada",
                                 .lock_utc = "2026-11-22T03:02:11.000Z",
                                 .index = 812,
                                 .device = "ble1",
                                 .outcome = "success" };

    assert_non_null(
        strstr(body(*state, &event, &synced),
               "\"kind\":\"lock_record\",\"target\":\"front\",\"by\":\"keypad\",\"what\":\"unlock\","
               "\"authorization\":\"Ada\",\"lock_utc\":\"2026-11-22T03:02:11.000Z\",\"index\":812,"
               "\"device\":\"ble1\",\"outcome\":\"success\"}"));
}

static void event__place_of_the_cause__is_behind_the_kind(void **state)
{
    struct fixture *f = *state;
    const struct event event = { .kind = EVENT_REX, .door = "front" };
    const char *text = body(f, &event, &synced);

    assert_memory_equal(text + f->cause_at - strlen("\"rex\""), "\"rex\"", 5);
    assert_string_equal(text + f->cause_at, ",\"door\":\"front\"}");
}

static void event__no_clock__utc_is_null(void **state)
{
    const struct timestamp none = { .boot_us = 5, .utc_us = UTC_US, .clock = CLOCK_STATE_NONE };
    const struct event event = { .kind = EVENT_BOOT };

    assert_string_equal(body(*state, &event, &none),
                        "\"boot\":\"" BOOT "\",\"at\":5,\"utc\":null,\"clock\":\"none\",\"kind\":\"boot\"}");
}

static void event__pin__is_never_written(void **state)
{
    const struct event event = { .kind = EVENT_DENIED, .credential_type = "pin", .value = "4711" };
    const struct event untyped = { .kind = EVENT_DENIED, .value = "4711" };

    assert_null(strstr(body(*state, &event, &synced), "4711\""));
    assert_null(strstr(body(*state, &untyped, &synced), "4711\""));
}

static void event__card__value_only_when_nobody_knows_it(void **state)
{
    const struct event unknown = { .kind = EVENT_DENIED, .credential_type = "card", .value = "04A1B2C3" };
    const struct event known = {
        .kind = EVENT_GRANTED, .credential_type = "card", .value = "04A1B2C3", .credential = "c1"
    };

    assert_non_null(strstr(body(*state, &unknown, &synced), "\"type\":\"card\",\"value\":\"04A1B2C3\""));
    assert_null(strstr(body(*state, &known, &synced), "04A1B2C3"));
}

static void event__lists_and_previous__are_written(void **state)
{
    const char *failed[] = { "STALE", "NO_RULE" };
    const struct event denied = { .kind = EVENT_DENIED, .failed = { failed, 2 } };
    const struct event epoch = {
        .kind = EVENT_EPOCH, .previous_epoch = "00", .previous_head = 7, .previous_hash = "ff"
    };

    assert_non_null(strstr(body(*state, &denied, &synced), "\"failed\":[\"STALE\",\"NO_RULE\"]}"));
    assert_non_null(
        strstr(body(*state, &epoch, &synced), "\"previous\":{\"epoch\":\"00\",\"head\":7,\"hash\":\"ff\"}}"));
}

static void event__long_text__is_cut_at_a_character(void **state)
{
    char text[600];
    const struct event event = { .kind = EVENT_ALARM, .text = text };

    memset(text, 'x', sizeof(text));
    memcpy(text + 511, "\xc3\xa4", 2); /* an a with dots over the bound of 512 */
    text[599] = '\0';
    const char *written = strstr(body(*state, &event, &synced), "\"text\":\"");

    assert_non_null(written);
    assert_int_equal(strlen(written), strlen("\"text\":\"") + 511 + strlen("\"}"));
}

static void event__free_text_that_swells__is_left_out(void **state)
{
    char text[513];
    const char *reasons[EVENT_LIST_MAX];
    const struct event event = { .kind = EVENT_ALARM,
                                 .text = text,
                                 .message = text,
                                 .failed = { reasons, EVENT_LIST_MAX },
                                 .door = "front" };

    memset(text, 1, sizeof(text) - 1); /* each becomes six characters */
    text[512] = '\0';
    for (size_t i = 0; i < EVENT_LIST_MAX; i++)
        reasons[i] = "A_REASON_OF_USUAL_LENGTH";
    const char *written = body(*state, &event, &synced);

    assert_null(strstr(written, "\"text\""));
    assert_non_null(strstr(written, "\"door\":\"front\""));
    assert_non_null(strstr(written, "\"cut\":true}"));
}

static void event__names_that_swell__are_refused(void **state)
{
    struct fixture *f = *state;
    char name[65];
    const char *reasons[EVENT_LIST_MAX];
    const struct event event = { .kind = EVENT_DENIED, .failed = { reasons, EVENT_LIST_MAX } };

    memset(name, 1, sizeof(name) - 1);
    name[64] = '\0';
    for (size_t i = 0; i < EVENT_LIST_MAX; i++)
        reasons[i] = name;
    assert_int_equal(event_body(&f->text, &event, &synced, BOOT, &f->cause_at), -EMSGSIZE);
}

static void event__every_kind__makes_an_object_with_its_name(void **state)
{
    struct fixture *f = *state;

    for (int kind = 0; kind < EVENT_KINDS; kind++) {
        const struct event event = { .kind = (enum event_kind)kind };
        cleanup_with(json_putp) struct json_object *object = NULL;
        struct json_error error;
        struct text line = TEXT_INIT;

        text_addf(&line, "{%s", body(f, &event, &synced));
        assert_non_null(event_kind_name(event.kind));
        assert_int_equal(json_parse(text_string(&line), line.len, &object, &error), 0);
        text_finish(&line);
    }
}

static void event_utc__bounds__are_the_years_1970_to_9999(void **state)
{
    char text[UTC_SIZE];

    assert_true(event_utc_format(0, text));
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    assert_true(event_utc_format(INT64_C(253402300799999999), text));
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    assert_false(event_utc_format(-1, text));
    assert_false(event_utc_format(INT64_C(253402300800000000), text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(event__granted__members_stand_in_the_fixed_order, setup, teardown),
        cmocka_unit_test_setup_teardown(event__lock_record__has_the_locks_words_and_time, setup, teardown),
        cmocka_unit_test_setup_teardown(event__place_of_the_cause__is_behind_the_kind, setup, teardown),
        cmocka_unit_test_setup_teardown(event__no_clock__utc_is_null, setup, teardown),
        cmocka_unit_test_setup_teardown(event__pin__is_never_written, setup, teardown),
        cmocka_unit_test_setup_teardown(event__card__value_only_when_nobody_knows_it, setup, teardown),
        cmocka_unit_test_setup_teardown(event__lists_and_previous__are_written, setup, teardown),
        cmocka_unit_test_setup_teardown(event__long_text__is_cut_at_a_character, setup, teardown),
        cmocka_unit_test_setup_teardown(event__free_text_that_swells__is_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(event__names_that_swell__are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(event__every_kind__makes_an_object_with_its_name, setup, teardown),
        cmocka_unit_test(event_utc__bounds__are_the_years_1970_to_9999),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
