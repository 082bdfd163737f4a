/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines between stiled and stile-link, both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "proto/link_message.h"

static const char *const commands[] = {
    "{\"do\":\"connect\",\"site\":\"hub\",\"gateway\":\"gw1\",\"host\":\"broker\",\"port\":8883,"
    "\"username\":\"u\",\"password\":\"p\",\"ca_file\":\"/ca\",\"cert_file\":\"/crt\",\"key_file\":\"/key\","
    "\"keep_alive_s\":30,\"will\":\"e30\"}",
    "{\"do\":\"publish\",\"id\":7,\"topic\":\"up/state\",\"payload\":\"e30\"}",
    "{\"do\":\"ping\",\"id\":3}",
    "{\"do\":\"shutdown\"}",
};
static const char *const events[] = {
    "{\"ev\":\"connected\"}",
    "{\"ev\":\"disconnected\",\"reason\":\"refused\"}",
    "{\"ev\":\"message\",\"topic\":\"down/delta\",\"retained\":true,\"payload\":\"e30\"}",
    "{\"ev\":\"published\",\"id\":7,\"code\":135}",
    "{\"ev\":\"pong\",\"id\":3}",
    "{\"ev\":\"error\",\"text\":\"what\"}",
};

static void command__every_kind__comes_out_as_it_went_in(void **unused)
{
    struct text text = TEXT_INIT;

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        struct link_command command;
        struct json_error error;

        assert_int_equal(link_command_parse(commands[i], strlen(commands[i]), &command, &error), 0);
        assert_int_equal(link_command_format(&text, &command), 0);
        assert_string_equal(text_string(&text), commands[i]);
        link_command_finish(&command);
    }
    text_finish(&text);
}

static void event__every_kind__comes_out_as_it_went_in(void **unused)
{
    struct text text = TEXT_INIT;

    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        struct link_event event;
        struct json_error error;

        assert_int_equal(link_event_parse(events[i], strlen(events[i]), &event, &error), 0);
        assert_int_equal(link_event_format(&text, &event), 0);
        assert_string_equal(text_string(&text), events[i]);
        link_event_finish(&event);
    }
    text_finish(&text);
}

static void payload__decoded__ends_in_nul(void **unused)
{
    struct link_event event;
    struct json_error error;

    assert_int_equal(link_event_parse(events[2], strlen(events[2]), &event, &error), 0);
    assert_int_equal(event.payload_len, 2);
    assert_string_equal(event.payload, "{}");
    link_event_finish(&event);
}

static void payload__largest__fits_a_line(void **unused)
{
    static char bytes[CLOUD_PACKET_MAX];
    struct link_event event = { .kind = LINK_EVENT_MESSAGE, .topic = "down/chunk" };
    struct link_event again;
    struct json_error error;
    struct text text = TEXT_INIT;

    memset(bytes, 0xff, sizeof(bytes));
    event.payload = bytes;
    event.payload_len = sizeof(bytes);
    assert_int_equal(link_event_format(&text, &event), 0);
    assert_int_equal(link_event_parse(text.data, text.len, &again, &error), 0);
    assert_int_equal(again.payload_len, sizeof(bytes));
    assert_memory_equal(again.payload, bytes, sizeof(bytes));
    link_event_finish(&again);
    text_finish(&text);
}

static void command__broken__is_refused_by_member(void **unused)
{
    static const struct {
        const char *line;
        int r;
        const char *path;
    } rows[] = {
        { "{\"do\":\"dance\"}", LINK_E_UNKNOWN_KIND, NULL },
        { "{}", -EBADMSG, "do" },
        { "{\"do\":\"publish\",\"topic\":\"up/state\",\"payload\":\"\"}", -EBADMSG, "id" },
        { "{\"do\":\"publish\",\"id\":1,\"topic\":\"down/delta\",\"payload\":\"\"}", -EBADMSG, "topic" },
        { "{\"do\":\"publish\",\"id\":1,\"topic\":\"up/+\",\"payload\":\"\"}", -EBADMSG, "topic" },
        { "{\"do\":\"publish\",\"id\":1,\"topic\":\"up/state\",\"payload\":\"e30=\"}", -EBADMSG, "payload" },
        { "{\"do\":\"connect\",\"site\":\"h/"
          "b\",\"gateway\":\"g\",\"host\":\"b\",\"port\":1,\"will\":\"e30\"}",
          -EBADMSG, "site" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct link_command command;
        struct json_error error;

        assert_int_equal(link_command_parse(rows[i].line, strlen(rows[i].line), &command, &error), rows[i].r);
        if (rows[i].path)
            assert_string_equal(error.path, rows[i].path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(command__every_kind__comes_out_as_it_went_in),
        cmocka_unit_test(event__every_kind__comes_out_as_it_went_in),
        cmocka_unit_test(payload__decoded__ends_in_nul),
        cmocka_unit_test(payload__largest__fits_a_line),
        cmocka_unit_test(command__broken__is_refused_by_member),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
