/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opening a file in whatever state it is, and events that are numbered, chained and kept. */
#include "tests/unit/ledger_fixture.h"

static void chain__lines_of_the_contract__give_its_hash(void **state)
{
    struct text lines = TEXT_INIT;
    uint8_t hash[CHAIN_BYTES] = { 0 };
    char hex[HEX_SIZE(CHAIN_BYTES)];

    text_add(&lines, "{\"seq\":1}\n{\"seq\":2}\n");
    chain(&lines, hash);
    hex_encode(hash, CHAIN_BYTES, hex);
    assert_string_equal(hex, "4325ab85e3fd22edfee94c22c8cfc0effbb812a4501d506ba1cc6857926be956");
    text_finish(&lines);
}

static void open__no_file__creates_an_empty_log(void **state)
{
    struct fixture *f = *state;
    const struct ledger_position *position;
    const uint8_t zeros[CHAIN_BYTES] = { 0 };

    open_ledger(f);
    position = ledger_position(f->ledger);
    assert_true(f->opened.created);
    assert_false(f->opened.damaged);
    assert_int_equal(strlen(position->epoch), 16);
    assert_int_equal(strspn(position->epoch, "0123456789abcdef"), 16);
    assert_int_equal(position->oldest, 1);
    assert_int_equal(position->head, 0);
    assert_memory_equal(position->head_hash, zeros, CHAIN_BYTES);
}

static void open__again__position_is_kept(void **state)
{
    struct fixture *f = *state;
    struct ledger_position before;

    start_ledger(f);
    append_many(f, 3);
    assert_int_equal(ack_truly(f, 2), LEDGER_ACK_TAKEN);
    before = *ledger_position(f->ledger);
    restart_ledger(f);
    assert_false(f->opened.created);
    assert_memory_equal(ledger_position(f->ledger), &before, sizeof(before));
    assert_int_equal(before.head, 3);
    assert_int_equal(before.acked, 2);
}

static void append__events__are_numbered_and_chained(void **state)
{
    struct fixture *f = *state;
    uint8_t hash[CHAIN_BYTES] = { 0 };
    char prefix[128];

    start_ledger(f);
    append_many(f, 3);
    assert_int_equal(f->last_seq, 3);
    assert_int_equal(f->last_ticket, 3);
    for (int i = 1; i <= 3; i++) {
        snprintf(prefix, sizeof(prefix), "{\"seq\":%d,\"epoch\":\"%s\",\"boot\":\"" BOOT "\",", i,
                 ledger_position(f->ledger)->epoch);
        assert_memory_equal(line(&f->lines, (size_t)i - 1), prefix, strlen(prefix));
    }
    chain(&f->lines, hash);
    assert_memory_equal(hash, ledger_position(f->ledger)->head_hash, CHAIN_BYTES);
}

static void append__in_one_turn__is_one_transaction(void **state)
{
    struct fixture *f = *state;

    start_ledger(f);
    for (size_t i = 0; i < LEDGER_BATCH_MAX; i++)
        append_effect(f, "k", "v");
    await_stored(f);
    assert_int_equal(f->transactions, 1);
    assert_int_equal(f->entries, LEDGER_BATCH_MAX);
}

static void append__gathering__waits_for_company(void **state)
{
    struct fixture *f = *state;

    f->options.gather_us = 3600 * USEC_PER_SEC;
    start_ledger(f);
    append_effect(f, "k", "v");
    read_from(f, 1, 1, 1);
    read_from(f, 1, 1, 1);
    append_effect(f, "k", "v");
    assert_int_equal(f->entries, 0);
    close_ledger(f);
    assert_int_equal(f->transactions, 1);
    assert_int_equal(f->entries, 2);
}

static void append__cause__is_the_seq_of_its_ticket(void **state)
{
    struct fixture *f = *state;
    const struct event event = { .kind = EVENT_RELEASED, .door = "front" };
    uint64_t first;

    start_ledger(f);
    append_effect(f, "k", "v");
    first = append(f, &event, 0);
    append(f, &event, first);
    await_stored(f);
    append(f, &event, first);
    append(f, &event, first - 1);
    append(f, &event, 999);
    await_stored(f);
    assert_no_line(&f->lines, 0, "cause");
    assert_line(&f->lines, 1, "\"kind\":\"released\",\"cause\":1,\"door\":\"front\"}");
    assert_line(&f->lines, 2, "\"cause\":1");
    assert_no_line(&f->lines, 3, "cause");
    assert_no_line(&f->lines, 4, "cause");
}

static void append__cause_too_long_ago__is_left_out(void **state)
{
    struct fixture *f = *state;
    const struct event event = { .kind = EVENT_RELEASED };
    uint64_t first;

    start_ledger(f);
    first = append(f, &event, 0);
    append_many(f, LEDGER_CAUSES_MAX);
    append(f, &event, first);
    append(f, &event, first + 1);
    await_stored(f);
    assert_no_line(&f->lines, LEDGER_CAUSES_MAX + 1, "cause");
    assert_no_line(&f->lines, LEDGER_CAUSES_MAX + 2, "cause");
    append(f, &event, first + 5);
    await_stored(f);
    assert_line(&f->lines, LEDGER_CAUSES_MAX + 3, "\"cause\":6");
}

static void append__bad_effects__are_refused(void **state)
{
    struct fixture *f = *state;
    struct ledger_effect effects[LEDGER_EFFECTS_MAX + 1];
    struct ledger_entry entry = { .effects = effects, .effect_count = 1 };
    char *big = calloc(1, LEDGER_VALUE_BYTES_MAX + 2);

    start_ledger(f);
    memset(big, 'x', LEDGER_VALUE_BYTES_MAX + 1);
    effects[0] = (struct ledger_effect){ .key = "k", .value = big };
    assert_int_equal(ledger_append(f->ledger, &entry, NULL), -EMSGSIZE);
    effects[0] = (struct ledger_effect){ .key = big, .value = "v" };
    assert_int_equal(ledger_append(f->ledger, &entry, NULL), -EMSGSIZE);
    effects[0] = (struct ledger_effect){ .key = "" };
    assert_int_equal(ledger_append(f->ledger, &entry, NULL), -EINVAL);
    effects[0] = (struct ledger_effect){ .value = "v" };
    assert_int_equal(ledger_append(f->ledger, &entry, NULL), -EINVAL);
    for (size_t i = 0; i <= LEDGER_EFFECTS_MAX; i++)
        effects[i] = (struct ledger_effect){ .key = "k" };
    entry.effect_count = LEDGER_EFFECTS_MAX + 1;
    assert_int_equal(ledger_append(f->ledger, &entry, NULL), -EINVAL);
    assert_int_equal(ledger_pending(f->ledger), 0);
    free(big);
}

static void append__too_many_wait__refuses_and_counts_the_lost(void **state)
{
    struct fixture *f = *state;
    const struct event event = { .kind = EVENT_REX };
    struct ledger_entry entry = { .event = &event, .now = f->options.now };

    start_ledger(f);
    for (size_t i = 0; i < LEDGER_PENDING_MAX - LEDGER_RESERVE; i++)
        assert_int_equal(ledger_append(f->ledger, &entry, NULL), 0);
    assert_int_equal(ledger_append(f->ledger, &entry, NULL), -ENOBUFS);
    entry.essential = true;
    for (size_t i = 0; i < LEDGER_RESERVE; i++)
        assert_int_equal(ledger_append(f->ledger, &entry, NULL), 0);
    assert_int_equal(ledger_append(f->ledger, &entry, NULL), -ENOBUFS);
    await_stored(f);
    assert_int_equal(f->last_seq, LEDGER_PENDING_MAX + 1);
    assert_line(&f->lines, LEDGER_PENDING_MAX, "\"kind\":\"lost\",\"count\":2}");
    assert_int_equal(f->last_ticket, 0);
}

static int remember(void *user, const char *key, const char *value)
{
    text_addf(user, "%s=%s ", key, value);
    return 0;
}

static void restore__after_restart__gives_what_was_stored_last(void **state)
{
    struct fixture *f = *state;

    start_ledger(f);
    append_effect(f, "use/b", "1");
    append_effect(f, "use/a", "1");
    append_effect(f, "use/c", "1");
    append_effect(f, "door", "x");
    append_effect(f, "uses", "x");
    append_effect(f, "use/b", "2");
    append_effect(f, "use/c", NULL);
    close_ledger(f);
    open_ledger(f);
    assert_int_equal(ledger_restore(f->ledger, "use/", remember, &f->answer), 0);
    assert_string_equal(text_string(&f->answer), "use/a=1 use/b=2 ");
    text_reset(&f->answer);
    assert_int_equal(ledger_restore(f->ledger, "", remember, &f->answer), 0);
    assert_string_equal(text_string(&f->answer), "door=x use/a=1 use/b=2 uses=x ");
}

static int refuse(void *user, const char *key, const char *value)
{
    return -ECANCELED;
}

static void restore__receiver_fails__stops(void **state)
{
    struct fixture *f = *state;

    start_ledger(f);
    append_effect(f, "a", "1");
    close_ledger(f);
    open_ledger(f);
    assert_int_equal(ledger_restore(f->ledger, "", refuse, NULL), -ECANCELED);
}

static void close__entries_wait__commits_them(void **state)
{
    struct fixture *f = *state;
    const struct event event = { .kind = EVENT_BOOT };

    f->options.gather_us = 3600 * USEC_PER_SEC;
    start_ledger(f);
    for (size_t i = 0; i < 2 * LEDGER_BATCH_MAX; i++)
        append(f, &event, 0);
    close_ledger(f);
    assert_int_equal(f->entries, 2 * LEDGER_BATCH_MAX);
    start_ledger(f);
    assert_int_equal(ledger_position(f->ledger)->head, 2 * LEDGER_BATCH_MAX);
}

static void assert_moved_aside(struct fixture *f, const char *old_epoch)
{
    char aside[400];

    open_ledger(f);
    assert_true(f->opened.damaged);
    assert_false(f->opened.created);
    assert_string_not_equal(f->opened.text, "");
    assert_int_equal(strncmp(f->opened.aside, "ledger.db.damaged-", 18), 0);
    snprintf(aside, sizeof(aside), "%s/%s", f->directory, f->opened.aside);
    assert_int_equal(access(aside, F_OK), 0);
    assert_int_equal(ledger_position(f->ledger)->head, 0);
    assert_string_not_equal(ledger_position(f->ledger)->epoch, old_epoch);
}

static void open__damaged__lies_aside_and_a_new_epoch_begins(void **state)
{
    static const char *const damages[] = {
        "UPDATE events SET line = replace(line, 'even', 'evil') WHERE id = 3",
        "DELETE FROM events WHERE id = 3",
        "UPDATE log SET head = 2",
        "UPDATE log SET acked = 4",
        "UPDATE log SET epoch = 'x'",
        "UPDATE log SET head_hash = x'00'",
        "DELETE FROM log",
        "DROP TABLE state",
        "PRAGMA application_id = 1",
    };
    struct fixture *f = *state;
    char epoch[EPOCH_SIZE];

    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        start_ledger(f);
        strcpy(epoch, ledger_position(f->ledger)->epoch);
        append_many(f, 3);
        close_ledger(f);
        tamper(f, damages[i]);
        assert_moved_aside(f, epoch);
        f->ledger = ledger_close(f->ledger, NULL);
        assert_int_equal(unlink(f->path), 0);
    }
}

static void open__garbage__lies_aside(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(file_write(f->path, "This is no database, and it is long enough to tell.", 51, 0600), 0);
    assert_moved_aside(f, "");
}

static void open__newer_version__is_left_alone(void **state)
{
    struct fixture *f = *state;

    start_ledger(f);
    close_ledger(f);
    tamper(f, "PRAGMA user_version = 99");
    assert_int_equal(ledger_open(&f->options, &f->ledger, &f->opened), -EPROTONOSUPPORT);
    assert_false(f->opened.damaged);
    assert_string_not_equal(f->opened.text, "");
    assert_int_equal(access(f->path, F_OK), 0);
}

static void open__killed_while_creating__is_created_again(void **state)
{
    struct fixture *f = *state;

    start_ledger(f);
    close_ledger(f);
    tamper(f, "DELETE FROM log");
    start_ledger(f);
    assert_true(f->opened.created);
    append_many(f, 1);
    assert_int_equal(f->last_seq, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chain__lines_of_the_contract__give_its_hash),
        TEST(open__no_file__creates_an_empty_log),
        TEST(open__again__position_is_kept),
        TEST(append__events__are_numbered_and_chained),
        TEST(append__in_one_turn__is_one_transaction),
        TEST(append__gathering__waits_for_company),
        TEST(append__cause__is_the_seq_of_its_ticket),
        TEST(append__cause_too_long_ago__is_left_out),
        TEST(append__bad_effects__are_refused),
        TEST(append__too_many_wait__refuses_and_counts_the_lost),
        TEST(restore__after_restart__gives_what_was_stored_last),
        TEST(restore__receiver_fails__stops),
        TEST(close__entries_wait__commits_them),
        TEST(open__damaged__lies_aside_and_a_new_epoch_begins),
        TEST(open__garbage__lies_aside),
        TEST(open__newer_version__is_left_alone),
        TEST(open__killed_while_creating__is_created_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
