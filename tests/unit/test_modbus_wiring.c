/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_modbus_wiring.c: each mistake in a device item's wiring is named. */
#include "tests/unit/panel_fixture.h"

static const struct {
    const char *profile, *targets, *wiring;
    const char *path, *text; /* of the error; a part of the text */
} mistakes[] = {
    { "waveshare-relay8", "a", NULL, "wiring", "is missing" },
    { "waveshare-relay8", "", NULL, "targets", "one at least" },
    { "turnstile-relay8", "a b", NULL, "targets", "must be one target" },
    { "waveshare-relay8", "a", "[{\"target\":\"b\",\"release\":\"relay1\"}]", "wiring[0].target",
      "not among" },
    { "waveshare-relay8", "a b", "[{\"target\":\"b\",\"release\":\"relay1\"}]", "wiring",
      "one of the targets" },
    { "waveshare-relay8", "a", "[{\"target\":\"a\"}]", "wiring[0]", "joins nothing" },
    { "waveshare-relay8", "a", "[{\"target\":\"a\",\"release\":\"relay9\"}]", "wiring[0].release",
      "no output" },
    { "waveshare-relay8", "a", "[{\"target\":\"a\",\"contact\":\"di9\"}]", "wiring[0].contact", "no input" },
    { "waveshare-relay8", "a", "[{\"target\":\"a\",\"relaese\":\"relay1\"}]", "wiring[0].relaese",
      "did you mean release?" },
    { "waveshare-relay8", "a", "[{\"target\":\"a\",\"release\":\"relay1\",\"status\":true}]",
      "wiring[0].status", "not told" },
    { "waveshare-relay8", "a", "[{\"target\":\"a\",\"rex\":\"di1\",\"closed_at_rest\":[\"contact\"]}]",
      "wiring[0].closed_at_rest[0]", "wired input" },
    { "waveshare-relay8", "a", "[{\"target\":\"a\",\"release\":\"relay1\",\"release_exit\":\"relay2\"}]",
      "wiring[0].release", "both directions" },
    { "waveshare-relay8", "a",
      "[{\"target\":\"a\",\"release_entry\":\"relay1\",\"release_exit\":\"relay1\"}]",
      "wiring[0].release_exit", "that of entry" },
    { "waveshare-relay8", "a b",
      "[{\"target\":\"a\",\"release\":\"relay1\"},{\"target\":\"b\",\"release\":\"relay1\"}]", "wiring[1]",
      "another target" },
    { "waveshare-relay8", "a", "[{\"target\":\"a\",\"rex\":\"di1\"},{\"target\":\"a\",\"rex\":\"di2\"}]",
      "wiring[1].target", "twice" },
    { "moxa-e1214", "a", "[{\"target\":\"a\",\"contact\":\"count1\"}]", "wiring[0].contact", "a counter" },
    { "moxa-e1214", "a", "[{\"target\":\"a\",\"release\":\"pulse1\"}]", "wiring", "can be read" },
    { "waveshare-relay8", "a", "[1]", "wiring[0]", "must be an object" },
};

static void new__mistake__names_the_member(void **state)
{
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        struct json_error error = { 0 };
        struct bench bench;
        char wiring[512];

        snprintf(wiring, sizeof(wiring), "{\"wiring\":%s}", mistakes[i].wiring ? mistakes[i].wiring : "");
        assert_int_equal(make(&bench, mistakes[i].profile, mistakes[i].targets,
                              mistakes[i].wiring ? wiring : NULL, &error),
                         -EBADMSG);
        assert_string_equal(error.path, mistakes[i].path);
        assert_non_null(strstr(error.text, mistakes[i].text));
        text_finish(&bench.heard);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new__mistake__names_the_member),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
