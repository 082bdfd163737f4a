/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading events back, by the cloud's place and by what a person asks. */
#include "tests/unit/ledger_fixture.h"

static void read__nothing_there__says_where_the_log_stands(void **state)
{
    struct fixture *f = *state;

    start_ledger(f);
    append_many(f, 2);
    read_from(f, 3, 10, 1000);
    assert_int_equal(f->batch.count, 0);
    assert_int_equal(f->batch.first, 0);
    assert_string_equal(f->batch.epoch, ledger_position(f->ledger)->epoch);
}

static void read__batches__join_by_their_hashes(void **state)
{
    struct fixture *f = *state;
    uint8_t hash[CHAIN_BYTES] = { 0 };

    start_ledger(f);
    append_many(f, 10);
    for (int64_t seq = 1; seq <= 10; seq += 3) {
        read_from(f, seq, 3, SIZE_MAX);
        assert_int_equal(f->batch.first, seq);
        assert_int_equal(f->batch.count, seq == 10 ? 1 : 3);
        assert_memory_equal(f->batch.prev, hash, CHAIN_BYTES);
        chain(&f->answer, hash);
        assert_memory_equal(f->batch.hash, hash, CHAIN_BYTES);
    }
    assert_memory_equal(hash, ledger_position(f->ledger)->head_hash, CHAIN_BYTES);
}

static void read__bytes_bound__holds_but_for_one_event(void **state)
{
    struct fixture *f = *state;
    size_t two;

    start_ledger(f);
    append_many(f, 4);
    read_from(f, 1, 2, SIZE_MAX);
    two = f->batch.len;
    read_from(f, 1, 10, two);
    assert_int_equal(f->batch.count, 2);
    read_from(f, 1, 10, two - 1);
    assert_int_equal(f->batch.count, 1);
    read_from(f, 1, 10, 1);
    assert_int_equal(f->batch.count, 1);
}

static void find__by_member__gives_those_in_order(void **state)
{
    struct fixture *f = *state;
    const struct event granted = { .kind = EVENT_GRANTED, .user = "u1", .second_user = "u2" };
    struct ledger_query query = { .door = "odd" };

    start_ledger(f);
    append_many(f, 6);
    append(f, &granted, 0);
    await_stored(f);
    assert_int_equal(find(f, &query), 3);
    assert_line(&f->answer, 0, "{\"seq\":2,");
    assert_line(&f->answer, 2, "{\"seq\":6,");
    assert_false(f->found.more);
    query = (struct ledger_query){ .user = "u2" };
    assert_int_equal(find(f, &query), 1);
    query = (struct ledger_query){ .kinds = { "denied", "granted" } };
    assert_int_equal(find(f, &query), 1);
    query = (struct ledger_query){ .since_seq = 3 };
    assert_int_equal(find(f, &query), 5);
    query = (struct ledger_query){ .since_seq = 8 };
    assert_int_equal(find(f, &query), 0);
    query = (struct ledger_query){ .door = "odd", .user = "u2" };
    assert_int_equal(find(f, &query), 0);
}

static void find__limit__keeps_the_end_that_is_asked_for(void **state)
{
    struct fixture *f = *state;
    struct ledger_query query = { .limit = 2 };

    start_ledger(f);
    append_many(f, 5);
    assert_int_equal(find(f, &query), 2);
    assert_true(f->found.more);
    assert_line(&f->answer, 0, "{\"seq\":4,");
    assert_line(&f->answer, 1, "{\"seq\":5,");
    query.oldest_first = true;
    assert_int_equal(find(f, &query), 2);
    assert_true(f->found.more);
    assert_line(&f->answer, 0, "{\"seq\":1,");
    query.limit = 5;
    assert_int_equal(find(f, &query), 5);
    assert_false(f->found.more);
}

static void find__over_many_slices__misses_nothing(void **state)
{
    struct fixture *f = *state;
    struct ledger_query query = { .door = "odd" };

    start_ledger(f);
    append_many(f, 9001);
    assert_int_equal(find(f, &query), 4500);
    assert_line(&f->answer, 0, "{\"seq\":2,");
    assert_line(&f->answer, 4499, "{\"seq\":9000,");
    query.oldest_first = true;
    query.limit = 4000;
    assert_int_equal(find(f, &query), 4000);
    assert_line(&f->answer, 3999, "{\"seq\":8000,");
    assert_true(f->found.more);
}

static void find__one_row_behind_a_slice__is_not_missed(void **state)
{
    struct fixture *f = *state;
    struct ledger_query query = { 0 };

    start_ledger(f);
    append_many(f, LEDGER_SLICE_ROWS + 1);
    assert_int_equal(find(f, &query), LEDGER_SLICE_ROWS + 1);
    query.oldest_first = true;
    assert_int_equal(find(f, &query), LEDGER_SLICE_ROWS + 1);
}

static void find__since_a_date__counts_by_boot_time_without_one(void **state)
{
    struct fixture *f = *state;
    struct ledger_query query = { .since_utc_us = UTC_US, .now = f->options.now };
    struct timestamp start = f->options.now;

    query.now.boot_us += 60 * USEC_PER_SEC;
    query.now.utc_us += 60 * USEC_PER_SEC;
    f->options.boot_id = OTHER_BOOT;
    f->options.now.clock = CLOCK_STATE_NONE;
    start_ledger(f);
    append_many(f, 1); /* 1: of another boot, without a date */
    f->options.boot_id = BOOT;
    restart_ledger(f);
    append_many(f, 1); /* 2: just in time by boot time */
    f->options.now.boot_us--;
    append_many(f, 1); /* 3: too early by boot time */
    f->options.now = start;
    append_many(f, 1); /* 4: just in time by date */
    f->options.now.utc_us -= USEC_PER_MSEC;
    append_many(f, 1); /* 5: too early by date */
    assert_int_equal(find(f, &query), 2);
    assert_line(&f->answer, 0, "{\"seq\":2,");
    assert_line(&f->answer, 1, "{\"seq\":4,");
}

static void find__after_a_new_epoch__earlier_events_come_before(void **state)
{
    struct fixture *f = *state;
    const struct ledger_query query = { 0 };

    start_ledger(f);
    append_many(f, 2);
    assert_int_equal(ack_truly(f, 2), LEDGER_ACK_TAKEN);
    new_epoch(f);
    assert_int_equal(find(f, &query), 3);
    assert_line(&f->answer, 1, "{\"seq\":2,");
    assert_line(&f->answer, 2, "\"kind\":\"epoch\"");
}

static void find__damaged_line__does_not_hide_the_others(void **state)
{
    struct fixture *f = *state;
    const struct ledger_query query = { .door = "even" };

    start_ledger(f);
    append_many(f, 5);
    close_ledger(f);
    tamper(f, "UPDATE events SET line = 'x' WHERE id = 1");
    start_ledger(f);
    assert_int_equal(find(f, &query), 2);
}

static void find__closing__is_cancelled(void **state)
{
    struct fixture *f = *state;
    const struct ledger_query query = { .user = "nobody" };

    start_ledger(f);
    append_many(f, 9000);
    assert_int_equal(ledger_find(f->ledger, &query, found, f), 0);
    close_ledger(f);
    assert_true(f->answered);
    assert_int_equal(f->found.error, -ECANCELED);
}

static void requests__too_many__are_refused(void **state)
{
    struct fixture *f = *state;
    int r = 0;
    size_t taken = 0;

    start_ledger(f);
    while (r == 0 && taken < 10000) {
        r = ledger_read(f->ledger, 1, 1, 1, read_answered, f);
        taken++;
    }
    assert_int_equal(r, -ENOBUFS);
    await_answer(f);
    assert_int_equal(ledger_read(f->ledger, 1, 1, 1, read_answered, f), 0);
}

static void verify__E2_changed_line__is_found(void **state)
{
    struct fixture *f = *state;

    start_ledger(f);
    append_many(f, 5000);
    assert_int_equal(verify(f), 0);
    assert_int_equal(f->verified.first, 1);
    assert_int_equal(f->verified.last, 5000);
    close_ledger(f);
    tamper(f, "UPDATE events SET line = replace(line, 'even', 'evil') WHERE id = 4501");
    start_ledger(f);
    assert_false(f->opened.damaged);
    assert_int_equal(verify(f), 4501);
    assert_int_equal(f->verified.first, 1);
    assert_int_equal(f->verified.last, 4502); /* which is chained to what 4501 was */
}

static void verify__missing_or_misplaced_event__is_found(void **state)
{
    struct fixture *f = *state;

    start_ledger(f);
    append_many(f, 10);
    close_ledger(f);
    tamper(f, "UPDATE events SET id = 99 WHERE id = 8; UPDATE events SET id = 8 WHERE id = 7;"
              "UPDATE events SET id = 7 WHERE id = 99");
    start_ledger(f);
    assert_int_equal(verify(f), 7);
    close_ledger(f);
    tamper(f, "DELETE FROM events WHERE id = 4");
    start_ledger(f);
    assert_int_equal(verify(f), 4);
}

static void verify__first_event_changed__is_found(void **state)
{
    struct fixture *f = *state;

    start_ledger(f);
    append_many(f, 3);
    close_ledger(f);
    tamper(f, "UPDATE events SET line = replace(line, 'even', 'evil') WHERE id = 1");
    start_ledger(f);
    assert_int_equal(verify(f), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(read__nothing_there__says_where_the_log_stands),
        TEST(read__batches__join_by_their_hashes),
        TEST(read__bytes_bound__holds_but_for_one_event),
        TEST(find__by_member__gives_those_in_order),
        TEST(find__limit__keeps_the_end_that_is_asked_for),
        TEST(find__over_many_slices__misses_nothing),
        TEST(find__one_row_behind_a_slice__is_not_missed),
        TEST(find__since_a_date__counts_by_boot_time_without_one),
        TEST(find__after_a_new_epoch__earlier_events_come_before),
        TEST(find__damaged_line__does_not_hide_the_others),
        TEST(find__closing__is_cancelled),
        TEST(requests__too_many__are_refused),
        TEST(verify__E2_changed_line__is_found),
        TEST(verify__missing_or_misplaced_event__is_found),
        TEST(verify__first_event_changed__is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
