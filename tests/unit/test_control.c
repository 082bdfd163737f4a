/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests as a client may send them, right and wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/control.h"

struct fixture {
    struct text text;
    struct control_request request;
    struct control_answer answer;
    struct json_error error;
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
    control_request_finish(&f->request);
    control_answer_finish(&f->answer);
    free(f);
    return 0;
}

static int parse(struct fixture *f, const char *line)
{
    control_request_finish(&f->request);
    return control_request_parse(line, strlen(line), &f->request, &f->error);
}

static void control_commands__syntax_and_rows_agree(void **state)
{
    size_t count;
    const struct control_command *commands = control_commands(&count);

    for (size_t i = 0; i < count; i++) {
        const char *at = commands[i].syntax;

        assert_ptr_equal(control_find(commands[i].name), &commands[i]);
        assert_int_equal(commands[i].verb, i);
        for (size_t k = 0; k < commands[i].argument_count; k++) {
            const struct control_argument *argument = &commands[i].arguments[k];
            char written[64];

            snprintf(written, sizeof(written), "%s%s%s%s", argument->form == CONTROL_POSITIONAL ? "" : "--",
                     argument->form == CONTROL_POSITIONAL ? "" : argument->row.member,
                     argument->form == CONTROL_POSITIONAL || !argument->placeholder ? "" : " ",
                     argument->placeholder ? argument->placeholder : "");
            at = strstr(at, written);
            assert_non_null(at);
        }
    }
}

static void control_request__every_command__comes_back(void **state)
{
    static const struct {
        const char *name;
        struct control_args args;
        const char *line;
    } requests[] = {
        { "status", { 0 }, "{\"command\":\"status\",\"args\":{}}" },
        { "release",
          { .door = "gym", .direction = "exit", .reason = "lost \"card\"" },
          "{\"command\":\"release\",\"args\":{\"door\":\"gym\",\"direction\":\"exit\",\"reason\":\"lost "
          "\\\"card\\\"\"}}" },
        { "events",
          { .follow = true, .user = "u17", .since = "2026-11-22T14:30:00Z", .limit = 5 },
          "{\"command\":\"events\",\"args\":{\"follow\":true,\"user\":\"u17\",\"since\":\"2026-11-22T14:30:"
          "00Z"
          "\",\"limit\":5}}" },
        { "door",
          { .door = "gym", .action = "unlock", .for_s = 7200, .reason = "x" },
          "{\"command\":\"door\",\"args\":{\"door\":\"gym\",\"action\":\"unlock\",\"for\":7200,\"reason\":"
          "\"x\"}}" },
        { "lockdown",
          { .value = "off", .reason = "x" },
          "{\"command\":\"lockdown\",\"args\":{\"value\":\"off\",\"reason\":\"x\"}}" },
        { "doors", { .brief = true }, "{\"command\":\"doors\",\"args\":{\"brief\":true}}" },
        { "lock pair",
          { .target = "gate", .address = "54:D2:72:0A:0B:0C", .address_type = "random" },
          "{\"command\":\"lock "
          "pair\",\"args\":{\"target\":\"gate\",\"address\":\"54:D2:72:0A:0B:0C\",\"address-type\":"
          "\"random\"}}" },
        { "sync", { 0 }, "{\"command\":\"sync\",\"args\":{}}" },
        { "events verify", { 0 }, "{\"command\":\"events verify\",\"args\":{}}" },
        { "user find", { .text = "Ada" }, "{\"command\":\"user find\",\"args\":{\"text\":\"Ada\"}}" },
        { "explain",
          { .user = "u17", .point = "gym.in", .at = "2026-11-22T14:30:00Z" },
          "{\"command\":\"explain\",\"args\":{\"user\":\"u17\",\"point\":\"gym.in\",\"at\":\"2026-11-22T14:"
          "30:"
          "00Z\"}}" },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        assert_int_equal(
            control_request_format(&f->text, control_find(requests[i].name), &requests[i].args, &f->error),
            0);
        assert_string_equal(text_string(&f->text), requests[i].line);
        assert_int_equal(parse(f, requests[i].line), 0);
        assert_string_equal(f->request.command->name, requests[i].name);
    }
}

static void control_request__values__are_read(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(parse(f,
                           "{\"command\":\"events\",\"args\":{\"door\":\"gym\",\"since\":\"2026-11-22T15:30:"
                           "00.5+01:00\"}}"),
                     0);
    assert_string_equal(f->request.args.door, "gym");
    assert_null(f->request.args.user);
    assert_int_equal(f->request.args.since_utc_us, INT64_C(1795357800500000));
    assert_int_equal(f->request.args.at_utc_us, INT64_MIN);
    assert_int_equal(f->request.args.limit, 100);
    assert_false(f->request.args.follow);
}

static void control_request__bad__is_refused_with_its_reason(void **state)
{
    static const struct {
        const char *line, *path, *text;
    } bad[] = {
        { "{\"command\":\"stauts\"}", "command", "is not known; did you mean \"status\"?" },
        { "{\"command\":\"reboot\"}", "command", "is not known" },
        { "{\"command\":\"watch\"}", "command", "is not known" },
        { "{\"command\":\"lock pair\",\"args\":{\"target\":\"gate\",\"address\":\"54:D2\"}}", "address",
          "must be six bytes in hex, as in 54:D2:72:0A:0B:0C" },
        { "{\"command\":\"ble scan\",\"args\":{\"for\":61}}", "for", "must be an integer from 1 to 60" },
        { "{}", "command", "is missing" },
        { "{\"command\":\"status\",\"args\":[]}", "args", "must be an object" },
        { "{\"command\":\"status\",\"args\":{\"door\":\"gym\"}}", "door", "is not known to status" },
        { "{\"command\":\"release\",\"args\":{\"door\":\"gym\",\"direction\":\"up\",\"reason\":\"x\"}}",
          "direction", "must be entry or exit" },
        { "{\"command\":\"release\",\"args\":{\"door\":\"gym\",\"direction\":\"exit\",\"reason\":\"\"}}",
          "reason", "must be 1 to 256 bytes long" },
        { "{\"command\":\"release\",\"args\":{\"direction\":\"exit\",\"reason\":\"x\"}}", "door",
          "is missing" },
        { "{\"command\":\"door\",\"args\":{\"door\":\"gym\",\"action\":\"mode\",\"value\":\"ajar\","
          "\"reason\":\"x\"}}",
          "", "mode must be controlled, unlocked, locked_open, blocked or locked_down" },
        { "{\"command\":\"door\",\"args\":{\"door\":\"gym\",\"action\":\"lock\",\"for\":0,\"reason\":\"x\"}}",
          "for", "must be an integer from 1 to 31622400" },
        { "{\"command\":\"events\",\"args\":{\"limit\":10001}}", "limit",
          "must be an integer from 1 to 10000" },
        { "{\"command\":\"events\",\"args\":{\"since\":\"yesterday\"}}", "since",
          "must be a time like 2026-11-22T14:30:00Z" },
        { "{\"command\":\"explain\"}", "", "needs either --last DOOR alone, or USER and POINT" },
        { "{\"command\":\"explain\",\"args\":{\"user\":\"u\"}}", "",
          "needs either --last DOOR alone, or USER and POINT" },
        { "{\"command\":\"explain\",\"args\":{\"last\":\"gym\",\"clock\":\"none\"}}", "",
          "needs either --last DOOR alone, or USER and POINT" },
        { "{\"command\":\"explain\",\"args\":{\"user\":\"u\",\"point\":\"p\",\"clock\":\"set\"}}", "clock",
          "must be none, holdover or synced" },
        { "{\"command\":\"who-can\",\"args\":{\"point\":\"gym.in\",\"limit\":10001}}", "limit",
          "must be an integer from 1 to 10000" },
        { "{\"command\":\"explain\",\"args\":{\"last\":\"gym\",\"at\":\"2026-11-22T14:30:00Z\"}}", "",
          "needs either --last DOOR alone, or USER and POINT" },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(parse(f, bad[i].line), -EBADMSG);
        assert_string_equal(f->error.path, bad[i].path);
        assert_string_equal(f->error.text, bad[i].text);
    }
}

static void control_request_format__bad_argument__is_refused_before_sending(void **state)
{
    const struct control_args args = { .door = "a door", .direction = "entry", .reason = "x" };
    struct fixture *f = *state;

    assert_int_equal(control_request_format(&f->text, control_find("release"), &args, &f->error), -EBADMSG);
    assert_string_equal(f->error.path, "door");
}

static void control_answer__done__comes_back(void **state)
{
    struct fixture *f = *state;

    control_done_format(&f->text, CONTROL_EXIT_NO, "no such door", NULL);
    assert_string_equal(text_string(&f->text), "{\"done\":true,\"exit\":1,\"error\":\"no such door\"}");
    assert_int_equal(control_answer_parse(text_string(&f->text), f->text.len, &f->answer, &f->error), 0);
    assert_true(f->answer.done);
    assert_int_equal(f->answer.exit, CONTROL_EXIT_NO);
    assert_string_equal(f->answer.error, "no such door");
    assert_null(f->answer.note);
}

static void control_answer__data__may_have_members_of_any_type(void **state)
{
    static const char line[] = "{\"seq\":41,\"error\":7,\"exit\":\"east\"}";
    struct fixture *f = *state;

    assert_int_equal(control_answer_parse(line, strlen(line), &f->answer, &f->error), 0);
    assert_false(f->answer.done);
    assert_non_null(f->answer.object);
}

static void control_answer__exit_out_of_range__is_refused(void **state)
{
    static const char line[] = "{\"done\":true,\"exit\":6}";
    struct fixture *f = *state;

    assert_int_equal(control_answer_parse(line, strlen(line), &f->answer, &f->error), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_commands__syntax_and_rows_agree),
        cmocka_unit_test_setup_teardown(control_request__every_command__comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(control_request__values__are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(control_request__bad__is_refused_with_its_reason, setup, teardown),
        cmocka_unit_test_setup_teardown(control_request_format__bad_argument__is_refused_before_sending,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(control_answer__done__comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(control_answer__data__may_have_members_of_any_type, setup, teardown),
        cmocka_unit_test_setup_teardown(control_answer__exit_out_of_range__is_refused, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
