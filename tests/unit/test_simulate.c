/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_simulate.c: the decision contract by example. Each file of vectors/ is a test: a policy, a script, and
 * what `stiled simulate` prints. Names say row or line of the contract, the case, and what comes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/file.h"
#include "gateway/simulate/simulate.h"

#define VECTOR_BYTES_MAX (1024u * 1024)
#define VECTORS_MAX      512

/* What a run printed. */
struct output {
    char *out;
    char *err;
    int code;
};

static void output_finish(struct output *output)
{
    free(output->out);
    free(output->err);
}

static struct output run(struct simulate_text policy, struct simulate_text script)
{
    struct output output = { 0 };
    size_t out_len, err_len;
    FILE *out = open_memstream(&output.out, &out_len);
    FILE *err = open_memstream(&output.err, &err_len);

    assert_non_null(out);
    assert_non_null(err);
    output.code = simulate_run(&policy, &script, out, err);
    fclose(out);
    fclose(err);
    return output;
}

static struct simulate_text text_of(const char *name, const char *string)
{
    return (struct simulate_text){ .name = name, .bytes = string, .len = strlen(string) };
}

/* Cuts what follows the line with this word; the text before it ends there. */
static char *cut(char *text, const char *word)
{
    char *at = strstr(text, word);

    assert_non_null(at);
    *at = '\0';
    return at + strlen(word);
}

static void vector(void **state)
{
    cleanup_with(freep) char *bytes = NULL;
    char path[PATH_MAX];
    size_t len;

    snprintf(path, sizeof(path), "%s/tests/unit/vectors/%s.txt", getenv("STILE_SOURCE"),
             (const char *)*state);
    assert_int_equal(file_read(path, VECTOR_BYTES_MAX, &bytes, &len), 0);
    char *policy = cut(bytes, "policy\n");
    char *script = cut(policy, "script\n");
    char *expected = cut(script, "expected\n");
    cleanup_with(output_finish) struct output output =
        run(text_of("policy", policy), text_of("script", script));

    assert_string_equal(output.err, "");
    assert_string_equal(output.out, expected);
    assert_int_equal(output.code, SIMULATE_OK);
}

/* --- Input that is not taken. --- */

#define DEVICE "{\"kind\":\"device\",\"item\":{\"id\":\"unit\",\"driver\":\"sim\",\"targets\":[\"t1\"]}}\n"
#define DOOR   "{\"kind\":\"door\",\"item\":{\"id\":\"front\",\"kind\":\"door\",\"target\":\"t1\"}}\n"
#define POLICY DEVICE DOOR
#define AT     "{\"at\":\"2026-03-02T10:00:00Z\","

static void assert_refused(const char *policy, const char *script, const char *err)
{
    cleanup_with(output_finish) struct output output = run(text_of("p", policy), text_of("s", script));

    if (strncmp(output.err, err, strlen(err)) != 0)
        assert_string_equal(output.err, err);
    assert_int_equal(output.code, SIMULATE_REFUSED);
}

static void policy__line_that_is_no_json__is_named(void **state)
{
    assert_refused(DEVICE "{\n", "", "p:2: ");
}

static void policy__wrong_member__is_named_with_its_path(void **state)
{
    assert_refused(DEVICE "\n{\"kind\":\"door\",\"item\":{\"id\":\"front\",\"kind\":\"door\",\"target\":"
                          "\"t1\",\"pulse_ms\":1}}",
                   "", "p:3: item.pulse_ms: ");
}

static void policy__id_twice__is_refused(void **state)
{
    assert_refused(POLICY DOOR, "", "p:3: item.id: is there already");
}

static void policy__zone_that_does_not_exist__is_refused_at_its_line(void **state)
{
    assert_refused("{\"kind\":\"site\",\"item\":{\"id\":\"s\",\"timezone\":\"Mars/Base\"}}\n" DEVICE, "",
                   "p:1: item.timezone: ");
}

static void script__no_verb_or_two__is_refused(void **state)
{
    assert_refused(POLICY, AT "\"presnt\":{}}", "s:1: must have one of present");
    assert_refused(POLICY, AT "\"lockdown\":{\"on\":true},\"clock\":\"none\"}",
                   "s:1: clock: must not stand beside lockdown");
}

static void script__time_goes_back__is_refused(void **state)
{
    assert_refused(POLICY, AT "\"clock\":\"none\"}\n{\"at\":\"2026-03-02T09:59:59Z\",\"clock\":\"none\"}",
                   "s:2: at: must not be before the line above");
}

static void script__at_missing__is_refused(void **state)
{
    assert_refused(POLICY, "{\"clock\":\"none\"}", "s:1: at: ");
}

static void script__door_or_user_not_in_the_policy__is_refused(void **state)
{
    assert_refused(POLICY, AT "\"no_passage\":{\"door\":\"back\"}}", "s:1: no_passage.door: is no door");
    assert_refused(POLICY, AT "\"passage\":{\"door\":\"back\",\"direction\":\"entry\"}}",
                   "s:1: passage.door: ");
    assert_refused(POLICY, AT "\"input\":{\"door\":\"back\",\"role\":\"fire\",\"value\":true}}",
                   "s:1: input.door: ");
    assert_refused(POLICY, AT "\"mode\":{\"door\":\"back\",\"mode\":\"auto\"}}", "s:1: mode.door: ");
    assert_refused(POLICY, AT "\"forgive\":{\"user\":\"ada\"}}", "s:1: forgive.user: is no user");
}

static void script__member_of_a_verb__is_named_with_its_path(void **state)
{
    assert_refused(POLICY,
                   AT "\"present\":{\"point\":\"x\",\"credential\":{\"type\":\"crad\",\"value\":\"1\"}}}",
                   "s:1: present.credential.type: ");
    assert_refused(POLICY, AT "\"input\":{\"door\":\"front\",\"role\":\"fire\"}}", "s:1: input.value: ");
    assert_refused(POLICY, AT "\"mode\":{\"door\":\"front\",\"mode\":\"auto\",\"until\":\"soon\"}}",
                   "s:1: mode.until: ");
    assert_refused(POLICY, AT "\"clock\":\"good\"}", "s:1: clock: ");
    assert_refused(
        POLICY,
        AT "\"put\":{\"kind\":\"door\",\"item\":{\"id\":\"front\",\"kind\":\"gate\",\"target\":\"t1\"}}}",
        "s:1: put.item.kind: ");
}

static void script__deleting_what_is_not_there__is_taken(void **state)
{
    cleanup_with(output_finish) struct output output =
        run(text_of("p", POLICY), text_of("s", AT "\"del\":{\"kind\":\"user\",\"id\":\"ada\"}}"));

    assert_int_equal(output.code, SIMULATE_OK);
}

static int is_vector(const struct dirent *entry)
{
    return strstr(entry->d_name, ".txt") != NULL;
}

int main(void)
{
    struct CMUnitTest tests[VECTORS_MAX] = {
        cmocka_unit_test(policy__line_that_is_no_json__is_named),
        cmocka_unit_test(policy__wrong_member__is_named_with_its_path),
        cmocka_unit_test(policy__id_twice__is_refused),
        cmocka_unit_test(policy__zone_that_does_not_exist__is_refused_at_its_line),
        cmocka_unit_test(script__no_verb_or_two__is_refused),
        cmocka_unit_test(script__time_goes_back__is_refused),
        cmocka_unit_test(script__at_missing__is_refused),
        cmocka_unit_test(script__door_or_user_not_in_the_policy__is_refused),
        cmocka_unit_test(script__member_of_a_verb__is_named_with_its_path),
        cmocka_unit_test(script__deleting_what_is_not_there__is_taken),
    };
    struct dirent **entries = NULL;
    char path[PATH_MAX];
    size_t count = 0;

    while (tests[count].test_func)
        count++;
    snprintf(path, sizeof(path), "%s/tests/unit/vectors", getenv("STILE_SOURCE"));
    int found = scandir(path, &entries, is_vector, alphasort);

    if (found <= 0 || count + (size_t)found > VECTORS_MAX)
        return EXIT_FAILURE;
    for (int i = 0; i < found; i++) {
        *strrchr(entries[i]->d_name, '.') = '\0';
        tests[count++] = (struct CMUnitTest){ .name = entries[i]->d_name,
                                              .test_func = vector,
                                              .initial_state = entries[i]->d_name };
    }
    int failed = _cmocka_run_group_tests("simulate", tests, count, NULL, NULL);

    for (int i = 0; i < found; i++)
        free(entries[i]);
    free(entries);
    return failed;
}
