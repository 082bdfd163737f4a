/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_modbus_profile.c: the shipped profile is read as it is meant; each kind of mistake is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/file.h"
#include "hal/modbus/modbus_profile.h"

static char *shipped_path(char path[static 512])
{
    snprintf(path, 512, "%s/config/profiles/sim-collector.json", getenv("STILE_SOURCE"));
    return path;
}

static void load__shipped_profile__has_every_part(void **state)
{
    struct modbus_profile profile;
    struct text problem = TEXT_INIT;
    char path[512];

    assert_int_equal(modbus_profile_load(shipped_path(path), &profile, &problem), 0);
    assert_string_equal(profile.name, "sim-collector");
    assert_int_equal(profile.identity_value, 0x5354);
    assert_int_equal(profile.sides[MODBUS_SIDE_OUT].release.address, 1);
    assert_int_equal(profile.sides[MODBUS_SIDE_OUT].release.pulse, 3);
    assert_int_equal(profile.sides[MODBUS_SIDE_IN].card.data.words, 8);
    assert_int_equal(profile.sides[MODBUS_SIDE_IN].passages.words, 2);
    assert_int_equal(profile.input_count, 2);
    assert_int_equal(profile.inputs[1].role, DRIVER_ROLE_FIRE);
    text_finish(&problem);
}

static void load__no_file__says_so(void **state)
{
    struct modbus_profile profile;
    struct text problem = TEXT_INIT;

    assert_int_equal(modbus_profile_load("/nonexistent/x.json", &profile, &problem), -ENOENT);
    assert_string_equal(text_string(&problem), "/nonexistent/x.json: No such file or directory");
    text_finish(&problem);
}

static void load__mistake__names_file_line_and_member(void **state)
{
    static const char bytes[] = "{\n \"profile\": \"x\",\n \"timing\": {},\n \"sides\": {\n  \"in\": {\n"
                                "   \"release\": {\n    \"method\": \"coil\",\n    \"address\": 65536\n"
                                "   }\n  }\n }\n}\n";
    struct modbus_profile profile;
    struct text problem = TEXT_INIT;
    char path[] = "/tmp/stile-profile-XXXXXX";
    char expected[256];
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, sizeof(bytes) - 1), sizeof(bytes) - 1);
    close(fd);
    assert_int_equal(modbus_profile_load(path, &profile, &problem), -EBADMSG);
    unlink(path);
    snprintf(expected, sizeof(expected), "%s:8: sides.in.release.address: must be an integer from 0 to 65535",
             path);
    assert_string_equal(text_string(&problem), expected);
    text_finish(&problem);
}

#define HEAD  "{\"profile\":\"x\",\"timing\":{},"
#define SIDES "\"sides\":{\"in\":{}}"

#define CARD(sequence, length, data)                                                                         \
    HEAD "\"sides\":{\"in\":{\"card\":{\"sequence\":" sequence ",\"length\":" length ",\"data\":" data       \
         ",\"ack\":0}}}}"
#define BIT    "{\"table\":\"coil\",\"address\":1}"
#define NUMBER "{\"table\":\"input\",\"address\":1}"

#define WRITE "{\"table\":\"coil\",\"address\":0,\"value\":65280}"
#define OTHER "{\"table\":\"holding\",\"address\":9,\"value\":1}"
#define SET_PULSE(coil, pulse, count)                                                                        \
    "{\"method\":\"coil\",\"address\":" #coil ",\"pulse\":" #pulse ",\"count\":" #count "}"
#define PULSE          "{\"method\":\"coil\",\"address\":7}"
#define PULSES(a, b)   OUTPUTS("{\"name\":\"a\",\"pulse\":" a "},{\"name\":\"b\",\"pulse\":" b "}")
#define OUTPUTS(items) HEAD "\"outputs\":[" items "]}"
#define PANEL          HEAD "\"outputs\":[{\"name\":\"a\",\"coil\":0}],"

static const struct {
    const char *bytes;
    const char *path;
    const char *text; /* a part of it */
} mistakes[] = {
    { "[]", "", "must be one JSON object" },
    { "{\"profile\":\"x\"," SIDES "}", "timing", "is missing" },
    { "{\"profile\":\"x\",\"timing\":{}}", "sides", "is missing" },
    { "{\"profile\":\"../x\",\"timing\":{}," SIDES "}", "profile", "must be 1 to 64" },
    { HEAD SIDES ",\"word_oder\":\"low_first\"}", "word_oder", "did you mean word_order?" },
    { HEAD SIDES ",\"word_order\":\"big\"}", "word_order", "must be one of high_first, low_first" },
    { HEAD "\"sides\":{}}", "sides", "must have in, out or both" },
    { HEAD "\"sides\":{\"left\":{}}}", "sides.left", "is not known" },
    { "{\"profile\":\"x\",\"timing\":{\"response_ms\":1000,\"late_ms\":600}," SIDES "}", "timing.late_ms",
      "at most 1500" },
    { HEAD SIDES ",\"starts\":" BIT "}", "starts.table", "must be input or holding" },
    { HEAD SIDES ",\"starts\":{\"table\":\"input\",\"address\":65535,\"words\":2}}", "starts.words",
      "more registers" },
    { HEAD SIDES ",\"starts\":{\"table\":\"input\",\"address\":1,\"inverted\":true}}", "starts.inverted",
      "is for bits" },
    { HEAD SIDES ",\"identity\":{\"table\":\"coil\",\"address\":1,\"value\":1}}", "identity.table",
      "must be input or holding" },
    { HEAD "\"sides\":{\"in\":{\"timed_out\":" BIT "}}}", "sides.in.timed_out", "needs passages" },
    { HEAD "\"sides\":{\"in\":{\"passages\":" BIT "}}}", "sides.in.passages.table", "input or holding" },
    { HEAD "\"sides\":{\"in\":{\"text\":{\"address\":65535,\"words\":2}}}}", "sides.in.text.words",
      "beyond the last" },
    { HEAD "\"sides\":{\"in\":{\"release\":{\"method\":\"coil_time\",\"address\":1,\"pulse\":2}}}}",
      "sides.in.release.pulse", "is for method coil" },
    { HEAD "\"sides\":{\"in\":{\"release\":{\"method\":\"coil\",\"address\":1}},"
           "\"out\":{\"release\":{\"method\":\"coil\",\"address\":1}}}}",
      "sides.out.release.address", "is that of side in" },
    { CARD(BIT, NUMBER, NUMBER), "sides.in.card.sequence.table", "input or holding" },
    { CARD("{\"table\":\"input\",\"address\":1,\"words\":2}", NUMBER, NUMBER), "sides.in.card.sequence.words",
      "must be 1" },
    { HEAD SIDES "}", "", "names nothing that can be read" },
    { CARD(NUMBER, NUMBER, NUMBER), "sides.in.card.data.address", "must follow length" },
    { CARD(NUMBER, "{\"table\":\"input\",\"address\":1,\"words\":2}", "{\"table\":\"input\",\"address\":3}"),
      "sides.in.card.length.words", "must be 1" },
    { CARD(NUMBER, NUMBER, "{\"table\":\"input\",\"address\":2,\"words\":17}"), "sides.in.card.data.words",
      "more registers" },
    { HEAD "\"sides\":{\"in\":{\"card\":{\"ack\":1}}}}", "sides.in.card.sequence", "is missing" },
    { HEAD SIDES ",\"inputs\":[{\"role\":\"fire\",\"at\":" BIT "},{\"role\":\"smoke\",\"at\":" BIT "}]}",
      "inputs[1].role", "must be one of" },
    { HEAD SIDES ",\"inputs\":[{\"role\":\"fire\"}]}", "inputs[0].at", "is missing" },
    { HEAD SIDES ",\"inputs\":[1]}", "inputs[0]", "must be an object" },
    { HEAD SIDES ",\"outputs\":[{\"name\":\"a\",\"coil\":0}]}", "outputs", "without sides" },
    { HEAD SIDES ",\"wiring\":{\"release\":\"a\"}}", "wiring", "devices with outputs" },
    { HEAD "\"sides\":{\"in\":{\"release\":{\"method\":\"coil\",\"address\":1,\"count\":2}}}}",
      "sides.in.release.count", "is for outputs" },
    { OUTPUTS("{\"name\":\"a\"}"), "outputs[0]", "must have coil, on and off, or pulse" },
    { OUTPUTS("1"), "outputs[0]", "must be an object" },
    { OUTPUTS("{\"name\":\"a\",\"coil\":0,\"on\":" WRITE "}"), "outputs[0].coil", "already" },
    { OUTPUTS("{\"name\":\"a\",\"on\":" WRITE "}"), "outputs[0].off", "is missing" },
    { OUTPUTS("{\"name\":\"a\",\"off\":" WRITE "}"), "outputs[0].on", "is missing" },
    { OUTPUTS("{\"name\":\"a\",\"off\":{\"table\":\"input\",\"address\":0,\"value\":1}}"),
      "outputs[0].off.table", "coil or holding" },
    { OUTPUTS("{\"name\":\"a\",\"coil\":0},{\"name\":\"a\",\"coil\":1}"), "outputs[1].name", "is taken" },
    { OUTPUTS("{\"name\":\"a\",\"coil\":0},{\"name\":\"b\",\"coil\":0}"), "outputs[1].on", "output before" },
    { OUTPUTS("{\"name\":\"a\",\"coil\":0,\"pulse\":" PULSE "},{\"name\":\"b\",\"coil\":1,\"pulse\":" PULSE
              "}"),
      "outputs[1].pulse.address", "output before" },
    { OUTPUTS("{\"name\":\"a\",\"on\":" WRITE ",\"off\":" WRITE "}"), "outputs[0].off", "what on is" },
    { OUTPUTS("{\"name\":\"a\",\"on\":" OTHER ",\"off\":" WRITE "},{\"name\":\"b\",\"coil\":0}"),
      "outputs[1].on", "output before" },
    { OUTPUTS("{\"name\":\"b\",\"coil\":0},{\"name\":\"a\",\"on\":" OTHER ",\"off\":" WRITE "}"),
      "outputs[1].off", "output before" },
    { OUTPUTS("{\"name\":\"a\",\"coil\":7},{\"name\":\"b\",\"pulse\":" PULSE "}"), "outputs[1].pulse",
      "output before" },
    { OUTPUTS("{\"name\":\"a\",\"pulse\":" PULSE "},{\"name\":\"b\",\"coil\":7}"), "outputs[1].on",
      "output before" },
    { OUTPUTS("{\"name\":\"a\",\"on\":" OTHER ",\"off\":" WRITE
              "},{\"name\":\"b\",\"pulse\":" SET_PULSE(8, 9, 20) "}"),
      "outputs[1].pulse", "output before" },
    { OUTPUTS("{\"name\":\"a\",\"on\":" OTHER ",\"off\":" WRITE
              "},{\"name\":\"b\",\"pulse\":" SET_PULSE(8, 20, 8) "}"),
      "outputs[1].pulse", "output before" },
    { PULSES(SET_PULSE(7, 20, 30), SET_PULSE(8, 20, 40)), "outputs[1].pulse", "output before" },
    { PULSES(SET_PULSE(7, 20, 30), SET_PULSE(8, 21, 29)), "outputs[1].pulse", "output before" },
    { PULSES(SET_PULSE(7, 20, 30), SET_PULSE(8, 21, 19)), "outputs[1].pulse", "output before" },
    { PULSES(SET_PULSE(7, 20, 30), SET_PULSE(8, 31, 40)), "outputs[1].pulse", "output before" },
    { OUTPUTS("{\"name\":\"a\",\"pulse\":{\"method\":\"coil_time\",\"address\":1,\"count\":1}}"),
      "outputs[0].pulse.count", "is for method coil" },
    { OUTPUTS("{\"name\":\"a\",\"pulse\":" PULSE "}"), "", "names nothing that can be read" },
    { PANEL "\"inputs\":[{\"name\":\"a\"}]}", "inputs[0].at", "is missing" },
    { PANEL "\"inputs\":[{\"name\":\"a\",\"at\":" BIT "},{\"name\":\"a\",\"at\":" NUMBER "}]}",
      "inputs[1].name", "is taken" },
    { PANEL "\"inputs\":[{\"name\":\"a\",\"at\":{\"table\":\"coil\",\"address\":1,\"words\":2}}]}",
      "inputs[0].at.words", "more registers" },
    { PANEL "\"status\":{\"at\":" NUMBER "}}", "status.words", "is missing" },
    { PANEL "\"status\":{\"at\":" BIT ",\"words\":[{\"value\":1,\"is\":\"open\"}]}}", "status.at.table",
      "input or holding" },
    { PANEL "\"status\":{\"at\":" NUMBER
            ",\"words\":[{\"value\":1,\"is\":\"open\"},{\"value\":1,\"is\":\"closed\"}]}}",
      "status.words[1].value", "meaning already" },
    { PANEL "\"status\":{\"at\":" NUMBER ",\"words\":[{\"value\":1,\"is\":\"ajar\"}]}}", "status.words[0].is",
      "must be one of" },
    { PANEL "\"wiring\":{\"release\":\"b\"}}", "wiring.release", "no output" },
    { PANEL "\"wiring\":{\"target\":\"x\",\"release\":\"a\"}}", "wiring.target", "is not known here" },
};

static void parse__mistake__names_the_member(void **state)
{
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        struct modbus_profile profile;
        struct json_error error;

        assert_int_equal(modbus_profile_parse(mistakes[i].bytes, strlen(mistakes[i].bytes), &profile, &error),
                         -EBADMSG);
        assert_string_equal(error.path, mistakes[i].path);
        assert_non_null(strstr(error.text, mistakes[i].text));
    }
}

static void parse__outputs_apart__are_taken(void **state)
{
    struct modbus_profile profile;
    struct json_error error;

    static const char outputs[] = OUTPUTS(
        "{\"name\":\"a\",\"on\":" OTHER ",\"off\":" WRITE ",\"read\":" BIT "},{\"name\":\"b\",\"coil\":9},"
        "{\"name\":\"c\",\"pulse\":" SET_PULSE(7, 20, 30) "},{\"name\":\"d\",\"pulse\":" SET_PULSE(8, 21,
                                                                                                   32) "}");

    assert_int_equal(modbus_profile_parse(outputs, strlen(outputs), &profile, &error), 0);
    assert_int_equal(profile.panel.output_count, 4);
}

static void parse__least_profile__takes_presets(void **state)
{
    struct modbus_profile profile;
    struct json_error error;

    static const char least[] = HEAD SIDES ",\"starts\":" NUMBER "}";

    assert_int_equal(modbus_profile_parse(least, strlen(least), &profile, &error), 0);
    assert_int_equal(profile.timing.poll, 50);
    assert_int_equal(profile.timing.stale, 2000);
    assert_int_equal(profile.words, MODBUS_ORDER_HIGH_FIRST);
    assert_false(profile.identity.present);
    assert_true(profile.sides[MODBUS_SIDE_IN].present);
    assert_false(profile.sides[MODBUS_SIDE_OUT].present);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(load__shipped_profile__has_every_part),
        cmocka_unit_test(load__no_file__says_so),
        cmocka_unit_test(load__mistake__names_file_line_and_member),
        cmocka_unit_test(parse__mistake__names_the_member),
        cmocka_unit_test(parse__outputs_apart__are_taken),
        cmocka_unit_test(parse__least_profile__takes_presets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
