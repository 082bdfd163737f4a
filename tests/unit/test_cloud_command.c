/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands, results and time: texts of the contract come out as they went in; broken ones are refused with
 * code and member. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "proto/cloud_command.h"

#define CHALLENGE "u3Rk0XbT5yXo7W0mZq1vJg"
#define REF       "0123456789abcdef0123456789abcdef"
#define CLAIMS                                                                                               \
    "\"aud\":\"hub/gw1\",\"iat\":1795357800,\"exp\":1795357820,\"jti\":\"7f0c1b9e5a4d4c1e\","                \
    "\"iss\":\"desk@hub\""

static const struct cloud_self self = { .site = "hub", .gateway = "gw1" };

static void command__comes_out_as_it_went_in(void **unused)
{
    static const char release[] =
        "{" CLAIMS ",\"verb\":\"release\",\"target\":\"front\",\"args\":{\"direction\":\"entry\","
        "\"reason\":\"parcel\"},\"chal\":\"" CHALLENGE "\"}";
    static const char open[] = "{" CLAIMS ",\"sub\":\"u1\",\"verb\":\"open\",\"target\":\"front.in\"}";
    static const char sync[] =
        "{\"aud\":\"hub/*\",\"iat\":1,\"exp\":2,\"jti\":\"7f0c1b9e5a4d4c1e\",\"iss\":\"d\","
        "\"verb\":\"sync\"}";
    const char *const texts[] = { release, open, sync };
    struct text text = TEXT_INIT;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct cloud_refusal refusal;
        struct cloud_command command;

        assert_int_equal(cloud_command_parse(texts[i], strlen(texts[i]), &self, &command, &refusal), 0);
        assert_int_equal(cloud_command_format(&text, &command), 0);
        assert_string_equal(text.data, texts[i]);
        cloud_command_finish(&command);
    }
    text_finish(&text);
}

static void expect_refused(const char *text, const char *code, const char *member)
{
    struct cloud_refusal refusal;
    struct cloud_command command;

    assert_int_equal(cloud_command_parse(text, strlen(text), &self, &command, &refusal), -EBADMSG);
    assert_string_equal(refusal.code, code);
    assert_string_equal(refusal.error.path, member);
}

static void command__broken_claims__are_refused_by_name(void **unused)
{
    expect_refused("{\"aud\":\"hub/gw2\"}", "audience", "aud");
    expect_refused("{\"aud\":\"hub/gw1\"}", "claims", "iat");
    expect_refused("{\"aud\":\"hub/gw1\",\"iat\":1}", "claims", "exp");
    expect_refused("{\"aud\":\"hub/gw1\",\"iat\":1,\"exp\":2,\"jti\":\"7f0c1b9e5a4d4c1\",\"iss\":\"d\"}",
                   "claims", "jti");
    expect_refused("{\"aud\":\"hub/gw1\",\"iat\":1,\"exp\":2,\"jti\":\"7f0c1b9e5a4d4c1.\",\"iss\":\"d\"}",
                   "claims", "jti");
    expect_refused("{" CLAIMS "}", "claims", "verb");
    expect_refused("{" CLAIMS ",\"verb\":\"open\",\"target\":\"a b\"}", "claims", "target");
    expect_refused("{" CLAIMS ",\"verb\":\"open\",\"target\":\"a\",\"args\":[]}", "claims", "args");
    expect_refused("x", "format", "");
}

static void command__for_a_whole_site__only_some_verbs(void **unused)
{
    static const char form[] = "{\"aud\":\"hub/*\",\"iat\":1,\"exp\":2,\"jti\":\"7f0c1b9e5a4d4c1e\","
                               "\"iss\":\"d\",\"verb\":\"%s\",\"target\":\"x\"}";
    struct text text = TEXT_INIT;
    size_t taken = 0;

    for (int verb = 0; verb < CLOUD_VERBS; verb++) {
        struct cloud_refusal refusal;
        struct cloud_command command = { 0 };

        text_reset(&text);
        text_addf(&text, form, cloud_verb_name((enum cloud_verb)verb));
        if (cloud_command_parse(text.data, text.len, &self, &command, &refusal) == 0)
            taken++;
        else
            assert_string_equal(refusal.code, "audience");
        cloud_command_finish(&command);
    }
    assert_int_equal(taken, 3);
    text_finish(&text);
}

static void challenge__of_another_form__is_nobody_s(void **unused)
{
    static const char text[] = "{" CLAIMS ",\"verb\":\"sync\",\"chal\":\"AAAA\"}";
    struct cloud_refusal refusal;
    struct cloud_command command;

    assert_int_equal(cloud_command_parse(text, strlen(text), &self, &command, &refusal), 0);
    assert_string_equal(command.challenge, "?");
    cloud_command_finish(&command);
}

/* Reads args; on refusal *ret_member says where. */
static int read_args(const char *verb, const char *rest, struct cloud_command_args *ret, char *ret_member)
{
    struct text text = TEXT_INIT;
    struct cloud_refusal refusal = { 0 };
    struct cloud_command command;
    enum cloud_verb which;

    text_addf(&text, "{" CLAIMS ",\"verb\":\"%s\",\"target\":\"x\"%s}", verb, rest);
    assert_true(cloud_verb_find(verb, &which));
    assert_int_equal(cloud_command_parse(text.data, text.len, &self, &command, &refusal), 0);
    int r = cloud_command_args_read(&command, which, ret, &refusal);

    if (r < 0)
        assert_string_equal(refusal.code, "args");
    strcpy(ret_member, r < 0 ? refusal.error.path : "");
    cloud_command_finish(&command);
    text_finish(&text);
    return r;
}

static void args__each_verb__takes_its_own(void **unused)
{
    struct cloud_command_args args;
    char member[CLOUD_MEMBER_SIZE];

    assert_int_equal(
        read_args("release", ",\"args\":{\"direction\":\"exit\",\"reason\":\"r\"}", &args, member), 0);
    assert_true(args.exit);
    assert_int_equal(read_args("mode", ",\"args\":{\"mode\":\"blocked\",\"for_s\":60}", &args, member), 0);
    assert_int_equal(args.mode, CLOUD_MODE_BLOCKED);
    assert_int_equal(args.for_s, 60);
    assert_int_equal(read_args("lockdown", ",\"args\":{\"on\":true}", &args, member), 0);
    assert_true(args.on);
    assert_int_equal(read_args("probe", "", &args, member), 0);
    assert_int_equal(read_args("open", ",\"sub\":\"u1\"", &args, member), 0);
}

static void args__that_do_not_fit__are_named(void **unused)
{
    static const struct {
        const char *verb, *rest, *member;
    } cases[] = {
        { "open", "", "sub" },
        { "release", "", "args" },
        { "release", ",\"args\":{\"reason\":\"r\"}", "args.direction" },
        { "release", ",\"args\":{\"direction\":\"up\",\"reason\":\"r\"}", "args.direction" },
        { "release", ",\"args\":{\"direction\":\"exit\"}", "args.reason" },
        { "lock", ",\"args\":{\"for_s\":0,\"reason\":\"r\"}", "args.for_s" },
        { "unlock", ",\"args\":{\"for_s\":1.0,\"reason\":\"r\"}", "args.for_s" },
        { "mode", ",\"args\":{\"mode\":\"open\"}", "args.mode" },
        { "lockdown", ",\"args\":{\"on\":1}", "args.on" },
        { "show", ",\"args\":{\"text\":\"\"}", "args.text" },
        { "show", ",\"args\":{\"text\":\"x\",\"for_s\":601}", "args.for_s" },
    };
    struct cloud_command_args args;
    char member[CLOUD_MEMBER_SIZE];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(read_args(cases[i].verb, cases[i].rest, &args, member), -EBADMSG);
        assert_string_equal(member, cases[i].member);
    }
}

static void result__comes_out_as_it_went_in(void **unused)
{
    static const char completed[] =
        "{\"of\":\"command\",\"ref\":\"" REF "\",\"jti\":\"7f0c1b9e5a4d4c1e\",\"kid\":\"cmd-1\","
        "\"outcome\":\"completed\",\"seq\":4713,\"ms\":412}";
    static const char repeated[] =
        "{\"of\":\"command\",\"ref\":\"" REF "\",\"jti\":\"7f0c1b9e5a4d4c1e\",\"kid\":\"cmd-1\","
        "\"outcome\":\"refused\",\"code\":\"challenge\",\"challenge\":\"" CHALLENGE "\",\"repeat\":true}";
    static const char forged[] =
        "{\"of\":\"command\",\"ref\":\"" REF "\",\"outcome\":\"refused\",\"code\":\"signature\"}";
    const char *const texts[] = { completed, repeated, forged };
    struct text text = TEXT_INIT;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct cloud_refusal refusal;
        struct cloud_command_result result;

        assert_true(cloud_command_result_is(texts[i], strlen(texts[i])));
        assert_int_equal(cloud_command_result_parse(texts[i], strlen(texts[i]), &result, &refusal), 0);
        assert_int_equal(cloud_command_result_format(&text, &result), 0);
        assert_string_equal(text.data, texts[i]);
    }
    assert_false(cloud_command_result_is("{\"of\":\"delta\"}", 14));
    text_finish(&text);
}

static void time__comes_out_as_it_went_in(void **unused)
{
    static const char text[] = "{\"aud\":\"hub/gw1\",\"iat\":1795357800,\"nonce\":\"" CHALLENGE
                               "\",\"utc\":\"2026-11-22T14:30:00.123Z\"}";
    static const char star[] = "{\"aud\":\"hub/*\",\"iat\":1,\"nonce\":\"" CHALLENGE "\"}";
    static const char beyond[] =
        "{\"aud\":\"hub/gw1\",\"iat\":1,\"nonce\":\"" CHALLENGE "\",\"utc\":\"9999-12-31T23:59:60Z\"}";
    struct cloud_refusal refusal;
    struct cloud_time time;
    struct text again = TEXT_INIT;

    assert_int_equal(cloud_time_parse(text, strlen(text), &self, &time, &refusal), 0);
    assert_int_equal(time.utc_us, INT64_C(1795357800123000));
    assert_int_equal(cloud_time_format(&again, &time), 0);
    assert_string_equal(again.data, text);
    assert_int_equal(cloud_time_parse(star, strlen(star), &self, &time, &refusal), -EBADMSG);
    assert_string_equal(refusal.code, "audience");
    assert_int_equal(cloud_time_parse(beyond, strlen(beyond), &self, &time, &refusal), -EBADMSG);
    assert_string_equal(refusal.code, "claims");
    text_finish(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(command__comes_out_as_it_went_in),
        cmocka_unit_test(command__broken_claims__are_refused_by_name),
        cmocka_unit_test(command__for_a_whole_site__only_some_verbs),
        cmocka_unit_test(challenge__of_another_form__is_nobody_s),
        cmocka_unit_test(args__each_verb__takes_its_own),
        cmocka_unit_test(args__that_do_not_fit__are_named),
        cmocka_unit_test(result__comes_out_as_it_went_in),
        cmocka_unit_test(time__comes_out_as_it_went_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
