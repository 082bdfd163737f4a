/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the ledger remembers of commands (cloud contract C2), and that a file of the version before it did is
 * taken over. */
#include "ledger_fixture.h"

#define REF   "0123456789abcdef0123456789abcdef"
#define JTI_A "aaaaaaaaaaaaaaaa"
#define JTI_B "bbbbbbbbbbbbbbbb"

struct answer {
    struct fixture *f;
    struct ledger_begun begun;
    char result[64];
};

static void begun(void *user, const struct ledger_begun *begun)
{
    struct answer *answer = user;

    answer->f->answered = true;
    answer->begun = *begun;
    snprintf(answer->result, sizeof(answer->result), "%s", begun->result ? begun->result : "-");
    if (begun->outcome == LEDGER_BEGUN_KNOWN)
        assert_string_equal(begun->ref, REF);
}

static struct ledger_command command(const char *jti)
{
    return (struct ledger_command){ .kid = "cmd-1", .jti = jti, .ref = REF, .what = "release front" };
}

static struct answer begin(struct fixture *f, const char *kid, const char *jti)
{
    struct ledger_command begin = command(jti);
    struct answer answer = { .f = f };

    begin.kid = kid;
    assert_int_equal(ledger_begin_command(f->ledger, &begin, &f->options.now, begun, &answer), 0);
    await_answer(f);
    return answer;
}

static void end(struct fixture *f, const char *jti, const char *result)
{
    const struct event event = { .kind = EVENT_COMMAND, .jti = jti };
    struct ledger_command ended = command(jti);
    const struct ledger_entry entry = { .event = &event, .now = f->options.now, .command = &ended };

    ended.result = result;
    assert_int_equal(ledger_append(f->ledger, &entry, NULL), 0);
    await_stored(f);
}

static void C2__command__is_new_once(void **state)
{
    struct fixture *f = *state;

    start_ledger(f);
    assert_int_equal(begin(f, "cmd-1", JTI_A).begun.outcome, LEDGER_BEGUN_NEW);
    assert_int_equal(begin(f, "cmd-2", JTI_A).begun.outcome, LEDGER_BEGUN_NEW);
    assert_int_equal(begin(f, "cmd-1", JTI_B).begun.outcome, LEDGER_BEGUN_NEW);
    struct answer under_way = begin(f, "cmd-1", JTI_A);

    assert_int_equal(under_way.begun.outcome, LEDGER_BEGUN_KNOWN);
    assert_string_equal(under_way.result, "-");
    assert_int_equal(under_way.begun.seq, 0);
}

static void C2__result__is_told_again_after_a_restart(void **state)
{
    struct fixture *f = *state;

    start_ledger(f);
    append_many(f, 3);
    (void)begin(f, "cmd-1", JTI_A);
    end(f, JTI_A, "completed");
    for (int i = 0; i < 2; i++) {
        struct answer known = begin(f, "cmd-1", JTI_A);

        assert_int_equal(known.begun.outcome, LEDGER_BEGUN_KNOWN);
        assert_string_equal(known.result, "completed");
        assert_int_equal(known.begun.seq, 4);
        restart_ledger(f);
    }
}

static int unfinished(void *user, const struct ledger_command *command)
{
    struct text *text = user;

    text_addf(text, "%s %s %s %s;", command->kid, command->jti, command->ref, command->what);
    return 0;
}

static void C2__cut_short__is_found_at_the_next_start(void **state)
{
    struct fixture *f = *state;
    struct text text = TEXT_INIT;

    start_ledger(f);
    (void)begin(f, "cmd-1", JTI_A);
    (void)begin(f, "cmd-1", JTI_B);
    end(f, JTI_A, "completed");
    close_ledger(f);
    open_ledger(f);
    assert_int_equal(ledger_restore_commands(f->ledger, unfinished, &text), 0);
    assert_string_equal(text.data, "cmd-1 " JTI_B " " REF " release front;");
    text_finish(&text);
}

/* Rows behind the ledger's back: so many of this boot at this time. */
static void fill(struct fixture *f, const char *boot, int64_t at_us, int64_t count)
{
    struct text sql = TEXT_INIT;

    text_addf(&sql,
              "WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < %" PRId64 ")"
              " INSERT INTO commands (kid, jti, ref, what, boot, at, result, seq) SELECT '%s',"
              " printf('%%016d', n), '" REF "', '', '%s', %" PRId64 ", 'completed', 1 FROM i",
              count, boot, boot, at_us);
    tamper(f, text_string(&sql));
    text_finish(&sql);
}

#define FIRST "0000000000000001"

static bool known(struct fixture *f, const char *boot, const char *jti)
{
    return begin(f, boot, jti).begun.outcome == LEDGER_BEGUN_KNOWN;
}

static void C2__results__stay_for_a_day_and_ten_thousand(void **state)
{
    struct fixture *f = *state;

    start_ledger(f);
    close_ledger(f);
    fill(f, BOOT, BOOT_US, LEDGER_COMMANDS_MIN + 1);
    f->options.now.boot_us = BOOT_US + DAY_US;
    start_ledger(f);
    (void)begin(f, "cmd-1", JTI_A); /* a day is not over yet */
    assert_true(known(f, BOOT, FIRST));
    f->options.now.boot_us++;
    (void)begin(f, "cmd-1", JTI_B);
    assert_false(known(f, BOOT, FIRST));
    assert_true(known(f, BOOT, "0000000000000100"));
}

static void C2__results_of_an_earlier_boot__stay_until_this_one_is_a_day_old(void **state)
{
    struct fixture *f = *state;

    start_ledger(f);
    close_ledger(f);
    fill(f, OTHER_BOOT, 0, LEDGER_COMMANDS_MIN + 1);
    f->options.now.boot_us = DAY_US;
    start_ledger(f);
    (void)begin(f, "cmd-1", JTI_A);
    assert_true(known(f, OTHER_BOOT, FIRST));
    f->options.now.boot_us = DAY_US + 1;
    (void)begin(f, "cmd-1", JTI_B);
    assert_false(known(f, OTHER_BOOT, FIRST));
}

static void C2__too_many_in_a_day__none_is_forgotten_and_none_taken(void **state)
{
    struct fixture *f = *state;

    start_ledger(f);
    close_ledger(f);
    fill(f, BOOT, BOOT_US, LEDGER_COMMANDS_MAX);
    start_ledger(f);
    assert_int_equal(begin(f, "cmd-1", JTI_A).begun.outcome, LEDGER_BEGUN_FULL);
    assert_int_equal(begin(f, "cmd-1", JTI_A).begun.outcome, LEDGER_BEGUN_FULL);
    assert_true(known(f, BOOT, FIRST));
    f->options.now.boot_us += DAY_US + 1;
    assert_int_equal(begin(f, "cmd-1", JTI_A).begun.outcome, LEDGER_BEGUN_NEW);
}

static void C2__too_many_of_one_key__none_of_it_is_taken_and_others_are(void **state)
{
    struct fixture *f = *state;

    start_ledger(f);
    close_ledger(f);
    fill(f, BOOT, BOOT_US, LEDGER_COMMANDS_KEY_MAX);
    start_ledger(f);
    assert_int_equal(begin(f, BOOT, JTI_A).begun.outcome, LEDGER_BEGUN_FULL);
    assert_true(known(f, BOOT, FIRST));
    assert_int_equal(begin(f, "root-1", JTI_A).begun.outcome, LEDGER_BEGUN_NEW);
}

static void migration__file_of_version_1__is_taken_over_whole(void **state)
{
    struct fixture *f = *state;
    struct database_format old = ledger_schema;
    struct database database = { 0 };
    char text[DATABASE_TEXT_SIZE];

    old.version = 1;
    assert_int_equal(database_open(&database, f->path, &old, text), 0);
    database_close(&database);
    tamper(f, "INSERT INTO state VALUES('key', 'value')");
    start_ledger(f);
    assert_false(f->opened.damaged);
    append_many(f, 2);
    assert_int_equal(begin(f, "cmd-1", JTI_A).begun.outcome, LEDGER_BEGUN_NEW);
    restart_ledger(f);
    assert_int_equal(ledger_position(f->ledger)->head, 2);
    assert_int_equal(begin(f, "cmd-1", JTI_A).begun.outcome, LEDGER_BEGUN_KNOWN);
}

static void migration__events_of_version_1__stay(void **state)
{
    struct fixture *f = *state;

    start_ledger(f);
    append_many(f, 3);
    close_ledger(f);
    tamper(f, "DROP TABLE commands; PRAGMA user_version = 1");
    start_ledger(f);
    assert_false(f->opened.damaged);
    assert_int_equal(ledger_position(f->ledger)->head, 3);
    assert_int_equal(verify(f), 0);
    assert_int_equal(begin(f, "cmd-1", JTI_A).begun.outcome, LEDGER_BEGUN_NEW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(C2__command__is_new_once, setup, teardown),
        cmocka_unit_test_setup_teardown(C2__result__is_told_again_after_a_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(C2__cut_short__is_found_at_the_next_start, setup, teardown),
        cmocka_unit_test_setup_teardown(C2__results__stay_for_a_day_and_ten_thousand, setup, teardown),
        cmocka_unit_test_setup_teardown(C2__results_of_an_earlier_boot__stay_until_this_one_is_a_day_old,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(C2__too_many_in_a_day__none_is_forgotten_and_none_taken, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(C2__too_many_of_one_key__none_of_it_is_taken_and_others_are, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(migration__file_of_version_1__is_taken_over_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(migration__events_of_version_1__stay, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
