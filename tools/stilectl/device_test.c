/* SPDX-License-Identifier: GPL-3.0-or-later */
/* device_test.c: the steps, in the order in which somebody on a ladder wants them: what opens, what the doors
 * tell, the readers. Which inputs there are is what the device has told of, since every driver says the value
 * of each when it starts. */
#include "tools/stilectl/device_test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/json.h"
#include "tools/stilectl/field.h"
#include "tools/stilectl/walk.h"

#define HINT "s skip, q leave]"

struct device_test {
    struct walk walk;
    struct table table; /* what came of each step */
    bool left;          /* nothing more is tested */
    unsigned failed;
};

/* What a person does to an input, and undoes. */
static const struct input_words {
    const char *role;
    const char *on;
    const char *off;
} input_words[] = {
    { "contact", "open the door", "close the door" },
    { "door", "open the door", "close the door" },
    { "rex", "press the exit button", "let the exit button go" },
    { "tamper", "open the cover (tamper)", "close the cover (tamper)" },
    { "fire", "set the fire alarm off", "end the fire alarm" },
};
#define INPUTS (sizeof(input_words) / sizeof(input_words[0]))

static void note(struct device_test *test, const char *what, const char *result, const char *why)
{
    cleanup_with(text_finish) struct text words = TEXT_INIT;

    show_words(&words, why ? why : "");
    table_add(&test->table, TONE_PLAIN, what);
    table_add(&test->table, show_tone(result), result);
    table_add(&test->table, TONE_PLAIN, text_string(&words));
    test->failed += strcmp(result, "failed") == 0;
}

/* An end that leaves nothing to decide. Returns whether it was one. */
static bool note_end(struct device_test *test, const char *what, enum walk_end end)
{
    switch (end) {
    case WALK_SKIP:
        note(test, what, "skipped", NULL);
        return true;
    case WALK_QUIT:
        test->left = true;
        note(test, what, "skipped", "left");
        return true;
    case WALK_GONE:
        test->left = true;
        note(test, what, "failed", text_string(&test->walk.trouble));
        return true;
    case WALK_LATE:
        note(test, what, "failed", "nothing came in time");
        return true;
    case WALK_NO:
        note(test, what, "failed", "says the installer");
        return true;
    case WALK_GO:
    case WALK_YES:
    case WALK_DONE:
        break;
    }
    return false;
}

/* Whether the target wants to know a direction. */
static bool needs_direction(const struct walk_outcome *outcome)
{
    return strcmp(outcome->outcome, "failed") == 0 && strcmp(outcome->reason, "direction") == 0;
}

static void judge_output(struct device_test *test, const char *what)
{
    const struct walk_outcome *outcome = &test->walk.outcome;
    bool completed = strcmp(outcome->outcome, "completed") == 0;
    enum walk_end end = WALK_YES;

    if (!completed) {
        note(test, what, "failed", outcome->reason[0] ? outcome->reason : outcome->outcome);
        return;
    }
    if (test->walk.asks)
        end = walk_ask(&test->walk, "ynsq", "Did it open?  [y, n, " HINT);
    if (!note_end(test, what, end))
        note(test, what, "passed", outcome->reason);
}

/* Returns false if it wants to know a direction, and nothing was noted. */
static bool test_output(struct device_test *test, const char *target, const char *direction)
{
    cleanup_with(text_finish) struct text what = TEXT_INIT;
    cleanup_with(text_finish) struct text question = TEXT_INIT;
    enum walk_end end = WALK_GO;

    text_addf(&what, "%s%s%s opens", target, direction ? " " : "", direction ? direction : "");
    text_addf(&question, "%s%s%s: ", target, direction ? " " : "", direction ? direction : "");
    text_add(&question, test->walk.asks ? "Enter releases it for 0.7 s  [" HINT : "is released for 0.7 s");
    if (test->walk.asks)
        end = walk_ask(&test->walk, "\nsq", text_string(&question));
    else
        walk_say(&test->walk, TONE_HEAD, "%s", text_string(&question));
    if (note_end(test, text_string(&what), end))
        return true;
    end = walk_release(&test->walk, target, direction);
    if (end == WALK_DONE && !direction && needs_direction(&test->walk.outcome))
        return false;
    if (!note_end(test, text_string(&what), end))
        judge_output(test, text_string(&what));
    return true;
}

static void test_outputs(struct device_test *test, struct json_object *place)
{
    static const char *const both[] = { "entry", "exit" };
    const char *target = field_string(place, "target");
    struct json_object *directions = field_list(place, "directions");
    size_t count = json_list_length(directions);

    if (!target)
        return;
    for (size_t i = 0; i < count && !test->left; i++)
        test_output(test, target, field_entry(directions, i));
    if (count > 0 || test->left || test_output(test, target, NULL))
        return;
    for (size_t i = 0; i < 2 && !test->left; i++)
        test_output(test, target, both[i]);
}

/* Waits for the input to be on and off, whichever comes first. */
static void test_input(struct device_test *test, const char *place, const struct input_words *words,
                       bool is_on)
{
    cleanup_with(text_finish) struct text what = TEXT_INIT;

    text_addf(&what, "%s %s", place, words->role);
    for (int i = 0; i < 2; i++) {
        const struct walk_event wanted = { .place = place, .role = words->role, .value = is_on == (i == 1) };
        cleanup_with(text_finish) struct text question = TEXT_INIT;

        text_addf(&question, "%s: %s %s  [n nothing, " HINT, place, i == 0 ? "now" : "and now",
                  wanted.value ? words->on : words->off);
        if (note_end(test, text_string(&what), walk_await(&test->walk, &wanted, text_string(&question))))
            return;
    }
    note(test, text_string(&what), "passed", NULL);
}

static void test_inputs(struct device_test *test, struct json_object *place)
{
    const char *name = field_string(place, "target") ?: field_string(place, "point");
    struct json_object *inputs = field_object(place, "inputs");
    const char *door = field_string(place, "state");

    for (size_t i = 0; name && i < INPUTS && !test->left; i++) {
        const struct input_words *words = &input_words[i];
        bool is_door = strcmp(words->role, "door") == 0;
        bool known = is_door ? door && strcmp(door, "unknown") != 0
                             : field_true(inputs, words->role) || field_false(inputs, words->role);
        bool is_on = is_door ? door && strcmp(door, "closed") != 0 : field_true(inputs, words->role);

        if (known)
            test_input(test, name, words, is_on);
    }
}

static void test_reader(struct device_test *test, struct json_object *place)
{
    const char *point = field_string(place, "point");
    cleanup_with(text_finish) struct text what = TEXT_INIT;
    cleanup_with(text_finish) struct text question = TEXT_INIT;

    if (!point || test->left)
        return;
    const struct walk_event wanted = { .place = point, .role = "card" };

    text_addf(&what, "%s reads", point);
    text_addf(&question, "%s: present a card now  [n nothing, " HINT, point);
    if (!note_end(test, text_string(&what), walk_await(&test->walk, &wanted, text_string(&question))))
        note(test, text_string(&what), "passed", NULL);
}

static void test_all(struct device_test *test)
{
    struct walk *walk = &test->walk;

    for (size_t i = 0; i < walk->place_count && !test->left; i++)
        test_outputs(test, walk->places[i]);
    for (size_t i = 0; i < walk->place_count && !test->left && walk->asks; i++)
        test_inputs(test, walk->places[i]);
    for (size_t i = 0; i < walk->place_count && !test->left && walk->asks; i++)
        test_reader(test, walk->places[i]);
}

/* Whether it may begin. */
static bool warn(struct device_test *test)
{
    struct walk *walk = &test->walk;

    walk_say(walk, TONE_DOUBTFUL, "Doors will really open, and inputs do what they always do:");
    walk_say(walk, TONE_DOUBTFUL, "an exit button lets out, a fire alarm opens.");
    if (!walk->asks)
        return true;
    return walk_ask(walk, "\nq", "Enter begins  [q leave]") == WALK_GO;
}

static void tell_results(struct device_test *test)
{
    cleanup_with(text_finish) struct text out = TEXT_INIT;

    table_print(&test->table, test->walk.colour, &out);
    printf("\n%s", test->table.count > 0 ? text_string(&out) : "Nothing was tested.\n");
    if (test->left)
        puts("The test was left before its end.");
    fflush(stdout);
}

enum control_exit device_test_run(const struct arguments *arguments, bool colour, struct text *message)
{
    static const char *const heads[] = { "WHAT", "RESULT", "WHY", NULL };
    struct device_test test = { .failed = 0 };
    bool asks = !arguments->args.yes;

    if (!arguments->args.device || arguments->json || (asks && !isatty(STDIN_FILENO))) {
        text_addf(message, "device test: %s",
                  !arguments->args.device ? "NAME is missing"
                  : arguments->json       ? "has no --json"
                                          : "needs a terminal; --yes asks nothing");
        return CONTROL_EXIT_USAGE;
    }
    table_begin(&test.table, heads);
    enum control_exit code = walk_open(&test.walk, arguments->socket, arguments->args.device, asks, colour);

    if (code == CONTROL_EXIT_OK && warn(&test)) {
        test_all(&test);
        tell_results(&test);
        code = test.failed > 0 ? CONTROL_EXIT_NO : CONTROL_EXIT_OK;
    }
    if (test.walk.gone)
        code = test.walk.exit;
    text_add(message, text_string(&test.walk.trouble));
    walk_close(&test.walk);
    table_finish(&test.table);
    return code;
}
