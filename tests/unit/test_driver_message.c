/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each message of the driver protocol is read and written; what a driver may get wrong is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/driver_message.h"

static struct driver_event event;
static struct driver_command command;

static void expect_event(const char *line)
{
    struct json_error error = { 0 };
    int r = driver_event_parse(line, strlen(line), &event, &error);

    if (r != 0)
        print_message("# %s: %s %s\n", line, error.path, error.text);
    assert_int_equal(r, 0);
}

static void expect_command(const char *line)
{
    struct json_error error = { 0 };
    int r = driver_command_parse(line, strlen(line), &command, &error);

    if (r != 0)
        print_message("# %s: %s %s\n", line, error.path, error.text);
    assert_int_equal(r, 0);
}

static void refuse_event(const char *line, const char *path)
{
    struct json_error error = { 0 };

    assert_int_equal(driver_event_parse(line, strlen(line), &event, &error), -EBADMSG);
    assert_string_equal(error.path, path);
    assert_true(error.text[0] != '\0');
}

static void refuse_command(const char *line, const char *path)
{
    struct json_error error = { 0 };

    assert_int_equal(driver_command_parse(line, strlen(line), &command, &error), -EBADMSG);
    assert_string_equal(error.path, path);
    assert_true(error.text[0] != '\0');
}

/* Lines as the writer writes them: reading and writing them gives the same bytes. */
static const char *const event_lines[] = {
    "{\"ev\":\"hello\",\"driver\":\"nfc\",\"version\":\"1.2\",\"protocol\":1,\"points\":[\"in\",\"out\"],"
    "\"targets\":[\"gate\"],\"capabilities\":[\"display\"],\"at\":5}",
    "{\"ev\":\"presented\",\"point\":\"in\",\"credential\":{\"type\":\"card\",\"value\":\"04A1\","
    "\"assurance\":\"shared_secret\"},\"at\":5}",
    "{\"ev\":\"removed\",\"point\":\"in\",\"at\":5}",
    "{\"ev\":\"approach\",\"point\":\"in\",\"at\":5}",
    "{\"ev\":\"input\",\"point\":\"in\",\"target\":\"gate\",\"role\":\"rex\",\"value\":true,\"at\":5}",
    "{\"ev\":\"passage\",\"target\":\"gate\",\"direction\":\"exit\",\"count\":3,\"at\":5}",
    "{\"ev\":\"no_passage\",\"target\":\"gate\",\"at\":5}",
    "{\"ev\":\"state\",\"target\":\"gate\",\"lock\":\"jammed\",\"door\":\"opening\",\"obstacle\":true,"
    "\"vehicle\":true,"
    "\"battery\":0,\"detail\":\"motor_blocked\",\"at\":5}",
    "{\"ev\":\"record\",\"target\":\"gate\",\"index\":812,\"time\":0,\"what\":\"unlock\",\"trigger\":"
    "\"keypad\","
    "\"outcome\":\"success\",\"name\":\"Zo\303\253\",\"at\":5}",
    "{\"ev\":\"result\",\"id\":9,\"outcome\":\"unknown\",\"reason\":\"timeout\",\"ms\":12}",
    "{\"ev\":\"found\",\"id\":9,\"address\":\"54:D2:72:0A:0B:0C\",\"address_type\":\"random\","
    "\"name\":\"Nuki\",\"about\":\"Nuki lock\",\"rssi\":-60}",
    "{\"ev\":\"progress\",\"id\":9,\"text\":\"Press the button.\"}",
    "{\"ev\":\"health\",\"state\":\"degraded\",\"reason\":\"slow\",\"counters\":{\"reads\":12,\"bad\":-1}}",
    "{\"ev\":\"pong\",\"id\":3}",
    "{\"ev\":\"error\",\"text\":\"is missing\",\"member\":\"port\"}",
};

static const char *const command_lines[] = {
    "{\"do\":\"configure\",\"device\":{\"driver\":\"nfc\",\"port\":\"/dev/ttyUSB0\"}}",
    "{\"do\":\"release\",\"id\":1,\"target\":\"gate\",\"direction\":\"exit\",\"pulse_ms\":50,\"deadline\":9}",
    "{\"do\":\"lock\",\"id\":2,\"target\":\"gate\",\"deadline\":9}",
    "{\"do\":\"unlock\",\"id\":3,\"target\":\"gate\",\"deadline\":9}",
    "{\"do\":\"unlatch\",\"id\":3,\"target\":\"gate\",\"deadline\":9}",
    "{\"do\":\"hold\",\"id\":4,\"target\":\"gate\",\"on\":false,\"deadline\":9}",
    "{\"do\":\"show\",\"point\":\"in\",\"indication\":\"wait\",\"text\":\"One moment\",\"ms\":500}",
    "{\"do\":\"prepare\",\"target\":\"gate\"}",
    "{\"do\":\"probe\",\"id\":5,\"deadline\":9}",
    "{\"do\":\"scan\",\"id\":5,\"deadline\":9}",
    "{\"do\":\"pair\",\"id\":5,\"target\":\"gate\",\"address\":\"54:D2:72:0A:0B:0C\",\"address_type\":"
    "\"public\","
    "\"deadline\":9}",
    "{\"do\":\"ping\",\"id\":6}",
    "{\"do\":\"shutdown\"}",
    "{\"do\":\"error\",\"text\":\"is not of this device\",\"member\":\"point\"}",
};

static void event__every_kind__written_as_it_was_read(void **state)
{
    struct text text = TEXT_INIT;

    assert_int_equal(sizeof(event_lines) / sizeof(event_lines[0]), DRIVER_EVENT_ERROR + 1);
    for (size_t i = 0; i < sizeof(event_lines) / sizeof(event_lines[0]); i++) {
        expect_event(event_lines[i]);
        assert_int_equal(event.kind, i);
        assert_int_equal(driver_event_format(&text, &event), 0);
        assert_string_equal(text.data, event_lines[i]);
    }
    text_finish(&text);
}

static void command__every_kind__written_as_it_was_read(void **state)
{
    struct text text = TEXT_INIT;

    assert_int_equal(sizeof(command_lines) / sizeof(command_lines[0]), DRIVER_COMMAND_ERROR + 1);
    for (size_t i = 0; i < sizeof(command_lines) / sizeof(command_lines[0]); i++) {
        expect_command(command_lines[i]);
        assert_int_equal(command.kind, i);
        assert_int_equal(driver_command_format(&text, &command), 0);
        assert_string_equal(text.data, command_lines[i]);
    }
    text_finish(&text);
}

static void event__members_left_out__have_their_presets(void **state)
{
    expect_event("{\"ev\":\"presented\",\"at\":5,\"point\":\"in\",\"credential\":{\"type\":\"pin\","
                 "\"value\":\"1234\"}}");
    assert_int_equal(event.assurance, DRIVER_ASSURANCE_IDENTIFIER);
    expect_event("{\"ev\":\"passage\",\"at\":5,\"target\":\"gate\"}");
    assert_int_equal(event.count, 1);
    assert_int_equal(event.direction, DRIVER_DIRECTION_ANY);
    expect_event("{\"ev\":\"state\",\"at\":5,\"target\":\"gate\"}");
    assert_int_equal(event.lock, DRIVER_LOCK_UNTOLD);
    assert_int_equal(event.battery, DRIVER_BATTERY_UNKNOWN);
    assert_string_equal(event.detail, "");
    expect_event("{\"ev\":\"record\",\"at\":5,\"target\":\"gate\",\"what\":\"lock\"}");
    assert_int_equal(event.record.index, 0);
    assert_int_equal(event.record.time_s, DRIVER_TIME_UNKNOWN);
    assert_string_equal(event.record.trigger, "");
    assert_string_equal(event.record.name, "");
    expect_event("{\"ev\":\"found\",\"id\":1,\"address\":\"54:D2:72:0A:0B:0C\"}");
    assert_int_equal(event.found.address_type, DRIVER_ADDRESS_UNKNOWN);
    assert_int_equal(event.found.rssi, DRIVER_RSSI_UNKNOWN);
    assert_string_equal(event.found.name, "");
}

static void event__after_another__nothing_is_left_of_it(void **state)
{
    expect_event(event_lines[DRIVER_EVENT_HEALTH]);
    assert_int_equal(event.counter_count, 2);
    expect_event(event_lines[DRIVER_EVENT_REMOVED]);
    assert_int_equal(event.counter_count, 0);
    assert_string_equal(event.reason, "");
}

static void command__members_left_out__have_their_presets(void **state)
{
    expect_command("{\"do\":\"hold\",\"id\":1,\"target\":\"gate\",\"deadline\":9}");
    assert_true(command.on);
    expect_command("{\"do\":\"show\",\"point\":\"in\",\"indication\":\"granted\"}");
    assert_int_equal(command.ms, 3000);
    assert_string_equal(command.text, "");
}

static void line__of_an_unknown_kind__an_outcome_of_its_own(void **state)
{
    struct json_error error = { 0 };
    const char *line = "{\"ev\":\"weather\",\"do\":\"dance\"}";

    assert_int_equal(driver_event_parse(line, strlen(line), &event, &error), DRIVER_E_UNKNOWN_KIND);
    assert_string_equal(error.text, "is not known: weather");
    assert_int_equal(driver_command_parse(line, strlen(line), &command, &error), DRIVER_E_UNKNOWN_KIND);
}

static void event__of_wrong_form__member_is_named(void **state)
{
    refuse_event("", "");
    refuse_event("[]", "");
    refuse_event("{\"ev\":1}", "ev");
    refuse_event("{}", "ev");
    refuse_event("{\"ev\":\"removed\",\"at\":5}", "point");
    refuse_event("{\"ev\":\"removed\",\"point\":\"in\"}", "at");
    refuse_event("{\"ev\":\"removed\",\"at\":5,\"point\":\"../in\"}", "point");
    refuse_event("{\"ev\":\"input\",\"at\":5,\"role\":\"rex\",\"value\":true}", "point");
    refuse_event("{\"ev\":\"input\",\"at\":5,\"point\":\"in\",\"role\":\"rex\",\"value\":1}", "value");
    refuse_event("{\"ev\":\"passage\",\"at\":5,\"target\":\"gate\",\"count\":0}", "count");
    refuse_event("{\"ev\":\"state\",\"at\":5,\"target\":\"gate\",\"battery\":101}", "battery");
    refuse_event("{\"ev\":\"result\",\"id\":0,\"outcome\":\"failed\"}", "id");
    refuse_event("{\"ev\":\"result\",\"id\":1,\"outcome\":\"perhaps\"}", "outcome");
    refuse_event("{\"ev\":\"found\",\"id\":1}", "address");
    refuse_event("{\"ev\":\"found\",\"id\":1,\"address\":\"a\",\"rssi\":128}", "rssi");
    refuse_event("{\"ev\":\"progress\",\"text\":\"Wait.\"}", "id");
    refuse_event("{\"ev\":\"progress\",\"id\":1,\"text\":\"\"}", "text");
    refuse_event("{\"ev\":\"state\",\"at\":5,\"target\":\"gate\",\"detail\":\"\"}", "detail");
    refuse_event("{\"ev\":\"record\",\"at\":5,\"target\":\"gate\"}", "what");
    refuse_event("{\"ev\":\"record\",\"at\":5,\"target\":\"gate\",\"what\":\"a\\n\"}", "what");
    refuse_event("{\"ev\":\"record\",\"at\":5,\"target\":\"gate\",\"what\":\"a\",\"time\":253402300800}",
                 "time");
    refuse_event("{\"ev\":\"record\",\"at\":5,\"target\":\"gate\",\"what\":\"a\",\"name\":\"\\u001b[2J\"}",
                 "name");
    refuse_event("{\"ev\":\"record\",\"at\":5,\"target\":\"gate\",\"what\":\"a\",\"name\":\"\377\"}", "");
    refuse_event("{\"ev\":\"health\",\"state\":\"up\",\"counters\":{\"reads\":1.5}}", "counters");
    refuse_event("{\"ev\":\"hello\",\"driver\":\"../x\",\"version\":\"1\",\"protocol\":1}", "driver");
    refuse_event("{\"ev\":\"hello\",\"driver\":\"x\",\"version\":\"1\",\"protocol\":1,\"points\":[\"a\",7]}",
                 "points[1]");
    refuse_event("{\"ev\":\"presented\",\"at\":5,\"point\":\"in\",\"credential\":{\"type\":\"soul\","
                 "\"value\":\"1\"}}",
                 "credential.type");
    refuse_event("{\"ev\":\"presented\",\"at\":5,\"point\":\"in\",\"credential\":{\"type\":\"card\","
                 "\"value\":\"\\u0007\"}}",
                 "credential.value");
}

static void command__of_wrong_form__member_is_named(void **state)
{
    refuse_command("{\"do\":\"release\",\"id\":1,\"target\":\"gate\",\"pulse_ms\":49,\"deadline\":9}",
                   "pulse_ms");
    refuse_command("{\"do\":\"release\",\"id\":1,\"target\":\"gate\",\"pulse_ms\":50}", "deadline");
    refuse_command("{\"do\":\"release\",\"target\":\"gate\",\"pulse_ms\":50,\"deadline\":9}", "id");
    refuse_command("{\"do\":\"lock\",\"id\":1,\"deadline\":9}", "target");
    refuse_command("{\"do\":\"configure\",\"device\":\"sim\"}", "device");
    refuse_command("{\"do\":\"configure\"}", "device");
    refuse_command("{\"do\":\"pair\",\"id\":1,\"target\":\"gate\",\"deadline\":9}", "address");
    refuse_command("{\"do\":\"pair\",\"id\":1,\"target\":\"gate\",\"deadline\":9,\"address\":\"a\",\"address_"
                   "type\":\"own\"}",
                   "address_type");
    refuse_command("{\"do\":\"scan\",\"id\":1}", "deadline");
    refuse_command("{\"do\":\"prepare\"}", "target");
}

static void format__longer_than_a_line__says_so(void **state)
{
    struct text text = TEXT_INIT;

    expect_event(event_lines[DRIVER_EVENT_HELLO]);
    event.hello.point_count = DRIVER_POINTS_MAX;
    for (size_t i = 0; i < DRIVER_POINTS_MAX; i++)
        snprintf(event.hello.points[i], ID_SIZE, "%064zu", i);
    assert_int_equal(driver_event_format(&text, &event), -EMSGSIZE);
    text_finish(&text);
}

static void name__of_a_driver__safe_in_a_path(void **state)
{
    assert_true(driver_name_valid("nfc"));
    assert_true(driver_name_valid("osdp-2"));
    assert_false(driver_name_valid(""));
    assert_false(driver_name_valid("2nfc"));
    assert_false(driver_name_valid("a/b"));
    assert_false(driver_name_valid("Nfc"));
    assert_false(driver_name_valid("abcdefghijklmnopqrstuvwxyzabcdefg"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(event__every_kind__written_as_it_was_read),
        cmocka_unit_test(command__every_kind__written_as_it_was_read),
        cmocka_unit_test(event__members_left_out__have_their_presets),
        cmocka_unit_test(event__after_another__nothing_is_left_of_it),
        cmocka_unit_test(command__members_left_out__have_their_presets),
        cmocka_unit_test(line__of_an_unknown_kind__an_outcome_of_its_own),
        cmocka_unit_test(event__of_wrong_form__member_is_named),
        cmocka_unit_test(command__of_wrong_form__member_is_named),
        cmocka_unit_test(format__longer_than_a_line__says_so),
        cmocka_unit_test(name__of_a_driver__safe_in_a_path),
    };

    return cmocka_run_group_tests_name("driver_message", tests, NULL, NULL);
}
