/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_ble_radio.c: many locks behind socket pairs on one adapter. Time goes to the next thing that is due,
 * so minutes of a radio take no time. */
#include "hal/ble/ble_radio.h"
#include "tests/unit/link_fixture.h"

#define LOCKS_MAX 16
#define IDLE_MS   2000

/* Whatever a test waits for: more than this many rounds is a livelock. */
#define ROUNDS_MAX 10000

struct fixture {
    struct ble_radio radio;
    struct lock locks[LOCKS_MAX];
    size_t count;
    int64_t now_us;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->now_us = 1000 * USEC_PER_SEC;
    *state = f;
    return 0;
}

static void add_locks(struct fixture *f, size_t count, size_t connections)
{
    ble_radio_init(&f->radio, connections);
    f->count = count;
    for (size_t i = 0; i < count; i++) {
        lock_init(&f->locks[i], (struct ble_link_rule){ .idle_ms = IDLE_MS, .uses = USES_SECRET });
        ble_radio_add(&f->radio, &f->locks[i].link);
    }
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < f->count; i++)
        lock_finish(&f->locks[i]);
    free(f);
    return 0;
}

static size_t count_state(const struct fixture *f, enum ble_link_state state)
{
    size_t count = 0;

    for (size_t i = 0; i < f->count; i++)
        count += f->locks[i].link.state == state;
    return count;
}

/* All that can happen now. */
static void settle(struct fixture *f)
{
    for (unsigned rounds = 0; rounds < ROUNDS_MAX; rounds++) {
        for (size_t i = 0; i < f->count; i++)
            lock_settle(&f->locks[i], f->now_us);
        assert_true(count_state(f, BLE_LINK_CONNECTING) <= 1);
        if (!ble_radio_turn(&f->radio, f->now_us))
            return;
        assert_true(count_state(f, BLE_LINK_CONNECTING) <= 1);
    }
    fail_msg("the radio never comes to rest");
}

static int64_t due_us(const struct fixture *f)
{
    int64_t due = ble_radio_due_us(&f->radio);

    for (size_t i = 0; i < f->count; i++)
        if (ble_link_due_us(&f->locks[i].link) < due)
            due = ble_link_due_us(&f->locks[i].link);
    return due;
}

static void pass(struct fixture *f, int64_t ms)
{
    int64_t end_us = f->now_us + ms * USEC_PER_MSEC;

    settle(f);
    for (unsigned rounds = 0; due_us(f) <= end_us; rounds++) {
        assert_true(rounds < ROUNDS_MAX);
        assert_true(due_us(f) > f->now_us);
        f->now_us = due_us(f);
        settle(f);
    }
    f->now_us = end_us;
    settle(f);
}

/* Asks and does not look yet. */
static void ask(struct fixture *f, size_t lock, enum ble_link_urgency urgency)
{
    ble_link_want(&f->locks[lock].link, urgency, USES_SECRET, f->now_us);
    lock_settle(&f->locks[lock], f->now_us);
}

static enum ble_link_state state_of(const struct fixture *f, size_t lock)
{
    return f->locks[lock].link.state;
}

static void turn__many_locks__are_all_ready_and_one_connects_at_a_time(void **state)
{
    struct fixture *f = *state;

    add_locks(f, LOCKS_MAX, LOCKS_MAX);
    for (size_t i = 0; i < LOCKS_MAX; i++)
        ask(f, i, BLE_LINK_BACKGROUND);
    settle(f);
    assert_int_equal(count_state(f, BLE_LINK_READY), LOCKS_MAX);
    assert_int_equal(due_us(f), INT64_MAX);
    assert_false(ble_radio_is_connecting(&f->radio));
}

static void turn__who_waited_longest__goes_first(void **state)
{
    struct fixture *f = *state;

    add_locks(f, 3, 3);
    for (size_t i = 0; i < 3; i++)
        f->locks[i].silent = true;
    ask(f, 2, BLE_LINK_BACKGROUND);
    f->now_us++;
    ask(f, 0, BLE_LINK_BACKGROUND);
    f->now_us++;
    ask(f, 1, BLE_LINK_BACKGROUND);
    settle(f);
    assert_int_equal(state_of(f, 2), BLE_LINK_CONNECTING);
    assert_true(ble_radio_is_connecting(&f->radio));
    pass(f, BLE_LINK_CONNECT_MS);
    assert_int_equal(state_of(f, 0), BLE_LINK_CONNECTING);
    pass(f, BLE_LINK_CONNECT_MS);
    assert_int_equal(state_of(f, 1), BLE_LINK_CONNECTING);
}

static void turn__person__interrupts_who_has_none(void **state)
{
    struct fixture *f = *state;

    add_locks(f, 3, 3);
    f->locks[0].silent = true;
    ask(f, 0, BLE_LINK_BACKGROUND);
    settle(f);
    assert_int_equal(state_of(f, 0), BLE_LINK_CONNECTING);
    ask(f, 2, BLE_LINK_BACKGROUND);
    settle(f);
    assert_int_equal(state_of(f, 0), BLE_LINK_CONNECTING);
    ask(f, 1, BLE_LINK_PERSON);
    settle(f);
    assert_int_equal(state_of(f, 1), BLE_LINK_READY);
    assert_int_equal(f->locks[0].link.counts.yielded, 1);
    assert_int_equal(f->locks[0].told[BLE_LINK_CLOSED], 0);
    assert_int_equal(state_of(f, 2), BLE_LINK_READY);
}

static void turn__link_whose_person_comes_later__is_not_interrupted(void **state)
{
    struct fixture *f = *state;

    add_locks(f, 2, 2);
    f->locks[0].silent = true;
    ask(f, 0, BLE_LINK_BACKGROUND);
    settle(f);
    ask(f, 0, BLE_LINK_PERSON);
    ask(f, 1, BLE_LINK_PERSON);
    settle(f);
    assert_int_equal(state_of(f, 0), BLE_LINK_CONNECTING);
}

static void turn__two_persons__are_delayed_by_a_dead_lock_for_a_slice_only(void **state)
{
    struct fixture *f = *state;

    add_locks(f, 2, 2);
    f->locks[0].silent = true;
    ask(f, 0, BLE_LINK_PERSON);
    settle(f);
    f->now_us++;
    ask(f, 1, BLE_LINK_PERSON);
    pass(f, BLE_RADIO_SLICE_MS - 1);
    assert_int_equal(state_of(f, 0), BLE_LINK_CONNECTING);
    pass(f, 1);
    assert_int_equal(state_of(f, 1), BLE_LINK_READY);
    pass(f, BLE_LINK_REST_MIN_MS);
    assert_int_equal(state_of(f, 0), BLE_LINK_CONNECTING);
}

static void turn__persons_without_end__let_the_others_through(void **state)
{
    struct fixture *f = *state;
    unsigned persons = 0;

    add_locks(f, 4, 4);
    ask(f, 3, BLE_LINK_BACKGROUND);
    while (state_of(f, 3) == BLE_LINK_WAITING) {
        for (size_t i = 0; i < 3; i++) /* whoever is served asks again */
            if (state_of(f, i) != BLE_LINK_WAITING) {
                lock_finish(&f->locks[i]);
                lock_init(&f->locks[i], (struct ble_link_rule){ .uses = USES_SECRET });
                f->now_us += USEC_PER_SEC;
                ask(f, i, BLE_LINK_PERSON);
            }
        assert_true(ble_radio_turn(&f->radio, f->now_us));
        for (size_t i = 0; i < f->count; i++)
            lock_settle(&f->locks[i], f->now_us);
        assert_true(++persons <= BLE_RADIO_AHEAD_MAX + 1);
    }
    assert_int_equal(persons, BLE_RADIO_AHEAD_MAX + 1);
    assert_int_equal(state_of(f, 3), BLE_LINK_READY);
}

static void turn__turn_of_one_without_person__is_not_interrupted(void **state)
{
    struct fixture *f = *state;

    add_locks(f, 2, 2);
    f->locks[0].silent = true;
    f->radio.ahead = BLE_RADIO_AHEAD_MAX;
    ask(f, 0, BLE_LINK_BACKGROUND);
    ask(f, 1, BLE_LINK_PERSON);
    settle(f);
    assert_int_equal(state_of(f, 0), BLE_LINK_CONNECTING);
    pass(f, BLE_LINK_CONNECT_MS);
    assert_int_equal(state_of(f, 1), BLE_LINK_READY);
}

static void turn__sixteen_locks_with_dead_ones__serves_each_of_the_others_soon(void **state)
{
    struct fixture *f = *state;
    const size_t dead = 5;

    add_locks(f, LOCKS_MAX, LOCKS_MAX);
    for (size_t i = 0; i < LOCKS_MAX; i++) {
        f->locks[i].silent = i < dead;
        ask(f, i, BLE_LINK_BACKGROUND);
        f->now_us++;
    }
    pass(f, (int64_t)(dead * BLE_LINK_CONNECT_MS));
    assert_int_equal(count_state(f, BLE_LINK_READY), LOCKS_MAX - dead);
    unsigned before = f->locks[0].connects;

    pass(f, 3600 * 1000);
    for (size_t i = 0; i < dead; i++) { /* and the dead are tried about once in a minute, none less often */
        assert_true(f->locks[i].connects >= before + 40);
        assert_true(f->locks[i].connects <= before + 70);
    }
}

static void turn__no_connection_left__takes_the_one_used_longest_ago(void **state)
{
    struct fixture *f = *state;

    add_locks(f, 4, 2);
    for (size_t i = 0; i < 2; i++) {
        ask(f, i, BLE_LINK_PERSON);
        settle(f);
        f->now_us += USEC_PER_SEC;
    }
    ask(f, 2, BLE_LINK_PERSON);
    settle(f);
    assert_int_equal(state_of(f, 2), BLE_LINK_WAITING); /* nobody makes room for an equal */
    ask(f, 1, BLE_LINK_BACKGROUND);
    ask(f, 3, BLE_LINK_BACKGROUND);
    settle(f);
    assert_int_equal(state_of(f, 2), BLE_LINK_READY);
    assert_string_equal(f->locks[1].report.reason, "made_room");
    assert_int_equal(state_of(f, 0), BLE_LINK_READY);
    assert_int_equal(state_of(f, 3), BLE_LINK_WAITING);
    ask(f, 0, BLE_LINK_UNWANTED);
    settle(f);
    assert_int_equal(state_of(f, 3), BLE_LINK_READY);
}

static void turn__no_connection_left__spares_what_was_used_last(void **state)
{
    struct fixture *f = *state;

    add_locks(f, 3, 2);
    for (size_t i = 0; i < 2; i++) {
        ask(f, i, BLE_LINK_BACKGROUND);
        settle(f);
    }
    f->now_us += USEC_PER_SEC;
    assert_int_equal(ble_link_write(&f->locks[0].link, WANT_SECRET, (const uint8_t *)"a", 1, f->now_us), 0);
    ask(f, 2, BLE_LINK_PERSON);
    settle(f);
    assert_int_equal(state_of(f, 0), BLE_LINK_READY);
    assert_int_equal(state_of(f, 1), BLE_LINK_RESTING);
}

static void turn__who_has_no_room__holds_up_no_person(void **state)
{
    struct fixture *f = *state;

    add_locks(f, 3, 1);
    ask(f, 0, BLE_LINK_BACKGROUND);
    settle(f);
    f->radio.ahead = BLE_RADIO_AHEAD_MAX; /* it is the turn of one without a person, */
    ask(f, 1, BLE_LINK_BACKGROUND);       /* for whom an equal makes no room */
    ask(f, 2, BLE_LINK_PERSON);
    settle(f);
    assert_int_equal(state_of(f, 2), BLE_LINK_READY);
    assert_int_equal(state_of(f, 1), BLE_LINK_WAITING);
}

/* Links that a rule keeps warm make no room for each other, and wait until there is some. */
static void turn__warm_link_without_room__holds_up_no_heartbeat(void **state)
{
    struct fixture *f = *state;

    add_locks(f, 3, 1);
    for (size_t i = 0; i < 2; i++)
        f->locks[i].link.rule.warm = true;
    settle(f);
    pass(f, 60 * 1000);
    assert_int_equal(state_of(f, 0), BLE_LINK_READY);
    assert_int_equal(state_of(f, 1), BLE_LINK_WAITING);
    ask(f, 2, BLE_LINK_BACKGROUND);
    settle(f);
    assert_int_equal(state_of(f, 2), BLE_LINK_READY);
    assert_string_equal(f->locks[0].report.reason, "made_room");
}

static void turn__controller_has_room_for_fewer__makes_room_for_a_person(void **state)
{
    struct fixture *f = *state;

    add_locks(f, 3, BLE_RADIO_CONNECTIONS);
    for (size_t i = 0; i < 2; i++) {
        f->locks[i].link.rule.warm = true;
        settle(f);
    }
    f->locks[2].refuse = -EMLINK;
    ask(f, 2, BLE_LINK_PERSON);
    settle(f);
    f->locks[2].refuse = 0;
    pass(f, BLE_LINK_REST_PERSON_MS);
    assert_int_equal(state_of(f, 2), BLE_LINK_READY);
    assert_int_equal(count_state(f, BLE_LINK_READY), 2);
    assert_int_equal(f->radio.connections, 2);
}

/* That is no reason to believe that it holds fewer. */
static void turn__controller_is_not_done_with_who_made_room__is_asked_again(void **state)
{
    struct fixture *f = *state;

    add_locks(f, 3, 2);
    for (size_t i = 0; i < 2; i++) {
        f->locks[i].link.rule.warm = true;
        settle(f);
    }
    f->locks[2].refuse = -EMLINK;
    ask(f, 2, BLE_LINK_PERSON);
    settle(f);
    assert_int_equal(count_state(f, BLE_LINK_READY), 1);
    f->locks[2].refuse = 0;
    pass(f, BLE_LINK_REST_PERSON_MS);
    assert_int_equal(count_state(f, BLE_LINK_READY), 2);
    assert_int_equal(f->radio.connections, 2);
}

static void turn__link_in_setup__takes_a_connection(void **state)
{
    struct fixture *f = *state;

    add_locks(f, 2, 1);
    ask(f, 0, BLE_LINK_PERSON);
    assert_true(ble_radio_turn(&f->radio, f->now_us));
    f->locks[0].silent = true; /* connected, and then */
    ask(f, 1, BLE_LINK_PERSON);
    settle(f);
    assert_int_equal(state_of(f, 0), BLE_LINK_SETUP);
    assert_int_equal(state_of(f, 1), BLE_LINK_WAITING);
}

static void turn__more_heartbeats_than_connections__all_come_round(void **state)
{
    struct fixture *f = *state;

    add_locks(f, LOCKS_MAX, 3);
    for (size_t i = 0; i < LOCKS_MAX; i++)
        ask(f, i, BLE_LINK_BACKGROUND);
    for (int round = 0; round < LOCKS_MAX; round++) {
        settle(f);
        for (size_t i = 0; i < LOCKS_MAX; i++)
            if (state_of(f, i) == BLE_LINK_READY)
                ask(f, i, BLE_LINK_UNWANTED);
        pass(f, 1);
    }
    for (size_t i = 0; i < LOCKS_MAX; i++)
        assert_int_equal(f->locks[i].told[BLE_LINK_IS_READY], 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(turn__many_locks__are_all_ready_and_one_connects_at_a_time),
        TEST(turn__who_waited_longest__goes_first),
        TEST(turn__person__interrupts_who_has_none),
        TEST(turn__link_whose_person_comes_later__is_not_interrupted),
        TEST(turn__two_persons__are_delayed_by_a_dead_lock_for_a_slice_only),
        TEST(turn__persons_without_end__let_the_others_through),
        TEST(turn__turn_of_one_without_person__is_not_interrupted),
        TEST(turn__sixteen_locks_with_dead_ones__serves_each_of_the_others_soon),
        TEST(turn__no_connection_left__takes_the_one_used_longest_ago),
        TEST(turn__no_connection_left__spares_what_was_used_last),
        TEST(turn__who_has_no_room__holds_up_no_person),
        TEST(turn__warm_link_without_room__holds_up_no_heartbeat),
        TEST(turn__controller_has_room_for_fewer__makes_room_for_a_person),
        TEST(turn__controller_is_not_done_with_who_made_room__is_asked_again),
        TEST(turn__link_in_setup__takes_a_connection),
        TEST(turn__more_heartbeats_than_connections__all_come_round),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
