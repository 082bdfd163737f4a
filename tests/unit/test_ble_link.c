/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_ble_link.c: a link's life over socket pairs. */
#include "tests/unit/link_fixture.h"

#define IDLE_MS 5000

struct fixture {
    struct lock lock;
    int64_t now_us;
};

static void setup_with(struct fixture *f, bool warm)
{
    f->now_us = 1000 * USEC_PER_SEC;
    lock_init(&f->lock, (struct ble_link_rule){ .warm = warm, .idle_ms = IDLE_MS, .uses = USES_SECRET });
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    setup_with(f, false);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    lock_finish(&f->lock);
    free(f);
    return 0;
}

static void settle(struct fixture *f)
{
    lock_settle(&f->lock, f->now_us);
}

static void pass(struct fixture *f, int64_t ms)
{
    f->now_us += ms * USEC_PER_MSEC;
    settle(f);
}

static void want(struct fixture *f, enum ble_link_urgency urgency, unsigned uses)
{
    ble_link_want(&f->lock.link, urgency, uses, f->now_us);
    settle(f);
}

static enum ble_link_state state_of(const struct fixture *f)
{
    return f->lock.link.state;
}

static void connect_link(struct fixture *f)
{
    assert_int_equal(state_of(f), BLE_LINK_WAITING);
    ble_link_connect(&f->lock.link, f->now_us);
    settle(f);
}

static void get_ready(struct fixture *f)
{
    want(f, BLE_LINK_PERSON, USES_SECRET);
    connect_link(f);
    assert_int_equal(state_of(f), BLE_LINK_READY);
    assert_int_equal(f->lock.report.news, BLE_LINK_IS_READY);
}

static void assert_closed(const struct fixture *f, const char *reason)
{
    assert_int_equal(f->lock.report.news, BLE_LINK_CLOSED);
    assert_string_equal(f->lock.report.reason, reason);
    assert_int_equal(f->lock.link.fd, -1);
}

static void want__person__waits_for_the_radio_and_gets_ready(void **state)
{
    struct fixture *f = *state;
    struct ble_link *link = &f->lock.link;

    assert_int_equal(ble_link_due_us(link), INT64_MAX);
    get_ready(f);
    assert_int_equal(link->counts.connects, 1);
    assert_int_equal(link->counts.discoveries, 1);
    assert_true(link->cache.known);
    assert_true(ble_gatt_has(&link->gatt, WANT_SECRET));
    assert_int_equal(f->lock.told[BLE_LINK_IS_READY], 1);
}

static void write__and_indication__are_told(void **state)
{
    struct fixture *f = *state;

    get_ready(f);
    assert_int_equal(ble_link_write(&f->lock.link, WANT_SECRET, (const uint8_t *)"hi", 2, f->now_us), 0);
    settle(f);
    assert_int_equal(f->lock.report.news, BLE_LINK_WRITTEN);
    assert_memory_equal(f->lock.peer.last_value, "hi", 2);
    lock_send(&f->lock, &(struct att_pdu){ .opcode = ATT_INDICATION,
                                           .handle = SECRET_VALUE,
                                           .value = (const uint8_t *)"yo",
                                           .len = 2 });
    assert_true(lock_turn(&f->lock, f->now_us));
    assert_int_equal(f->lock.report.news, BLE_LINK_VALUE);
    assert_memory_equal(f->lock.report.value, "yo", 2);
    settle(f);
    assert_int_equal(f->lock.peer.asked[ATT_CONFIRMATION], 1);
}

static void unwanted__cold_link__is_let_go_after_its_idle_time(void **state)
{
    struct fixture *f = *state;

    get_ready(f);
    pass(f, 60000);
    assert_int_equal(state_of(f), BLE_LINK_READY);
    want(f, BLE_LINK_UNWANTED, 0);
    assert_int_equal(ble_link_due_us(&f->lock.link), f->now_us + IDLE_MS * USEC_PER_MSEC);
    pass(f, IDLE_MS - 1);
    want(f, BLE_LINK_UNWANTED, 0); /* which is no news */
    assert_int_equal(state_of(f), BLE_LINK_READY);
    pass(f, 1);
    assert_closed(f, "idle");
    assert_int_equal(state_of(f), BLE_LINK_IDLE);
    assert_int_equal(ble_link_due_us(&f->lock.link), INT64_MAX);
    assert_int_equal(f->lock.link.counts.lost, 0);
}

static void unwanted__while_in_use__is_kept(void **state)
{
    struct fixture *f = *state;

    get_ready(f);
    want(f, BLE_LINK_UNWANTED, 0);
    pass(f, IDLE_MS - 1);
    lock_send(&f->lock, &(struct att_pdu){ .opcode = ATT_INDICATION, .handle = SECRET_VALUE });
    settle(f);
    pass(f, IDLE_MS - 1);
    assert_int_equal(state_of(f), BLE_LINK_READY);
}

static void unwanted__while_a_write_is_under_way__is_kept(void **state)
{
    struct fixture *f = *state;

    get_ready(f);
    f->lock.silent = true;
    assert_int_equal(ble_link_write(&f->lock.link, WANT_SECRET, (const uint8_t *)"a", 1, f->now_us), 0);
    want(f, BLE_LINK_UNWANTED, 0);
    pass(f, IDLE_MS);
    assert_int_equal(state_of(f), BLE_LINK_READY);
    f->lock.silent = false;
    settle(f);
    pass(f, IDLE_MS);
    assert_closed(f, "idle");
}

static void unwanted__warm_link__is_kept_and_made_anew(void **state)
{
    struct fixture *f = *state;

    lock_finish(&f->lock);
    setup_with(f, true);
    settle(f);
    connect_link(f);
    pass(f, 1000000);
    assert_int_equal(state_of(f), BLE_LINK_READY);
    lock_hang_up(&f->lock);
    settle(f);
    assert_closed(f, "link_lost");
    assert_int_equal(f->lock.link.counts.lost, 1);
    assert_int_equal(state_of(f), BLE_LINK_RESTING);
    pass(f, BLE_LINK_REST_MIN_MS);
    connect_link(f);
    assert_int_equal(state_of(f), BLE_LINK_READY);
    assert_int_equal(f->lock.link.counts.discoveries, 1);
}

static void second_connect__of_known_lock__discovers_nothing(void **state)
{
    struct fixture *f = *state;

    get_ready(f);
    lock_hang_up(&f->lock);
    settle(f);
    pass(f, BLE_LINK_REST_MIN_MS);
    unsigned looked = f->lock.peer.asked[ATT_READ_TYPE_REQUEST];

    connect_link(f);
    assert_int_equal(state_of(f), BLE_LINK_READY);
    assert_int_equal(f->lock.peer.asked[ATT_READ_TYPE_REQUEST], looked);
    assert_int_equal(f->lock.link.counts.connects, 2);
    assert_int_equal(f->lock.link.counts.discoveries, 1);
}

static void want__other_use__makes_the_connection_anew(void **state)
{
    struct fixture *f = *state;

    get_ready(f);
    want(f, BLE_LINK_PERSON, USES_SECRET);
    assert_int_equal(state_of(f), BLE_LINK_READY);
    want(f, BLE_LINK_PERSON, 1u << WANT_PAIRING);
    assert_closed(f, "other_use");
    pass(f, BLE_LINK_REST_MIN_MS);
    connect_link(f);
    assert_true(ble_gatt_has(&f->lock.link.gatt, WANT_PAIRING));
    assert_false(ble_gatt_has(&f->lock.link.gatt, WANT_SECRET));
}

static void want__less_than_before__keeps_the_connection_for_all(void **state)
{
    struct fixture *f = *state;

    want(f, BLE_LINK_PERSON, USES_ALL);
    connect_link(f);
    want(f, BLE_LINK_PERSON, USES_SECRET);
    want(f, BLE_LINK_PERSON, 1u << WANT_PAIRING);
    assert_int_equal(state_of(f), BLE_LINK_READY);
}

/* How long the link rests when nobody helps it. */
static int64_t rest_ms(const struct fixture *f)
{
    assert_int_equal(state_of(f), BLE_LINK_RESTING);
    return (ble_link_due_us(&f->lock.link) - f->now_us) / USEC_PER_MSEC;
}

static void connect__refused__rests_longer_each_time_up_to_a_minute(void **state)
{
    struct fixture *f = *state;
    int64_t expected = BLE_LINK_REST_MIN_MS;

    f->lock.refuse = -EHOSTUNREACH;
    want(f, BLE_LINK_BACKGROUND, USES_SECRET);
    for (int i = 0; i < 10; i++) {
        connect_link(f);
        assert_closed(f, "no_adapter");
        assert_int_equal(rest_ms(f), expected);
        pass(f, expected);
        expected = expected * 2 < BLE_LINK_REST_MAX_MS ? expected * 2 : BLE_LINK_REST_MAX_MS;
    }
    assert_int_equal(f->lock.link.counts.failures, 10);
    want(f, BLE_LINK_PERSON, USES_SECRET);
    connect_link(f);
    assert_int_equal(rest_ms(f), BLE_LINK_REST_PERSON_MS);
}

static void rest__lock_heard__is_short_again(void **state)
{
    struct fixture *f = *state;

    f->lock.refuse = -ETIMEDOUT;
    want(f, BLE_LINK_BACKGROUND, USES_SECRET);
    for (int i = 0; i < 5; i++) {
        connect_link(f);
        assert_closed(f, "no_answer");
        pass(f, rest_ms(f));
    }
    connect_link(f);
    assert_true(rest_ms(f) > BLE_LINK_REST_MIN_MS);
    ble_link_heard(&f->lock.link);
    assert_int_equal(rest_ms(f), BLE_LINK_REST_MIN_MS);
    pass(f, BLE_LINK_REST_MIN_MS);
    connect_link(f);
    assert_int_equal(rest_ms(f), BLE_LINK_REST_MIN_MS);
}

static void rest__lock_heard_that_is_busy__stays_as_long(void **state)
{
    struct fixture *f = *state;

    f->lock.refuse = -EBUSY;
    want(f, BLE_LINK_BACKGROUND, USES_SECRET);
    connect_link(f);
    pass(f, rest_ms(f));
    connect_link(f);
    int64_t before = rest_ms(f);

    ble_link_heard(&f->lock.link);
    assert_true(before > BLE_LINK_REST_MIN_MS);
    assert_int_equal(rest_ms(f), before);
}

static void rest__lock_heard_that_was_of_no_use__stays_as_long(void **state)
{
    struct fixture *f = *state;

    f->lock.peer.count = 4; /* no keyturner service: another kind of device */
    want(f, BLE_LINK_BACKGROUND, USES_SECRET);
    for (int i = 0; i < 3; i++) {
        connect_link(f);
        assert_closed(f, "characteristic_missing");
        pass(f, rest_ms(f));
    }
    connect_link(f);
    int64_t before = rest_ms(f);

    ble_link_heard(&f->lock.link);
    assert_true(before > BLE_LINK_REST_MIN_MS);
    assert_int_equal(rest_ms(f), before);
}

static void rest__lock_of_use__is_short_again(void **state)
{
    struct fixture *f = *state;

    f->lock.refuse = -ETIMEDOUT;
    want(f, BLE_LINK_BACKGROUND, USES_SECRET);
    for (int i = 0; i < 3; i++) {
        connect_link(f);
        pass(f, rest_ms(f));
    }
    f->lock.refuse = 0;
    connect_link(f);
    lock_hang_up(&f->lock); /* ready, but of no use yet */
    settle(f);
    assert_true(rest_ms(f) > BLE_LINK_REST_MIN_MS);
    pass(f, rest_ms(f));
    connect_link(f);
    assert_int_equal(ble_link_write(&f->lock.link, WANT_SECRET, (const uint8_t *)"a", 1, f->now_us), 0);
    settle(f);
    lock_hang_up(&f->lock); /* it has taken something, and said nothing */
    settle(f);
    assert_true(rest_ms(f) > BLE_LINK_REST_MIN_MS);
    pass(f, rest_ms(f));
    connect_link(f);
    lock_send(&f->lock, &(struct att_pdu){ .opcode = ATT_INDICATION, .handle = SECRET_VALUE });
    settle(f);
    lock_hang_up(&f->lock);
    settle(f);
    assert_int_equal(rest_ms(f), BLE_LINK_REST_MIN_MS);
}

static void connect__busy__is_counted_and_tried_again(void **state)
{
    struct fixture *f = *state;

    f->lock.refuse = -EBUSY;
    want(f, BLE_LINK_PERSON, USES_SECRET);
    connect_link(f);
    assert_closed(f, "busy");
    assert_int_equal(f->lock.link.counts.busy, 1);
    f->lock.refuse = 0;
    pass(f, BLE_LINK_REST_MIN_MS);
    connect_link(f);
    assert_int_equal(state_of(f), BLE_LINK_READY);
}

static void connect__silent_lock__ends_sooner_without_a_person(void **state)
{
    struct fixture *f = *state;

    f->lock.silent = true;
    want(f, BLE_LINK_PERSON, USES_SECRET);
    connect_link(f);
    pass(f, BLE_LINK_CONNECT_PERSON_MS - 1);
    assert_int_equal(state_of(f), BLE_LINK_CONNECTING);
    pass(f, 1);
    assert_closed(f, "no_answer");
    want(f, BLE_LINK_BACKGROUND, USES_SECRET);
    pass(f, BLE_LINK_REST_PERSON_MS);
    connect_link(f);
    pass(f, BLE_LINK_CONNECT_MS);
    assert_closed(f, "no_answer");
    assert_int_equal(f->lock.told[BLE_LINK_CLOSED], 2);
}

static void connecting__unwanted__stops_silently(void **state)
{
    struct fixture *f = *state;

    f->lock.silent = true;
    want(f, BLE_LINK_PERSON, USES_SECRET);
    connect_link(f);
    want(f, BLE_LINK_UNWANTED, 0);
    assert_int_equal(state_of(f), BLE_LINK_IDLE);
    assert_int_equal(f->lock.told[BLE_LINK_CLOSED], 0);
    want(f, BLE_LINK_PERSON, USES_SECRET);
    assert_int_equal(rest_ms(f), BLE_LINK_REST_MIN_MS);
}

static void yield__is_no_failure(void **state)
{
    struct fixture *f = *state;

    f->lock.silent = true;
    want(f, BLE_LINK_BACKGROUND, USES_SECRET);
    connect_link(f);
    ble_link_yield(&f->lock.link, f->now_us);
    settle(f);
    assert_int_equal(rest_ms(f), BLE_LINK_REST_MIN_MS);
    assert_int_equal(f->lock.link.counts.failures, 0);
    assert_int_equal(f->lock.link.counts.yielded, 1);
    assert_int_equal(f->lock.told[BLE_LINK_CLOSED], 0);
}

static void setup__lock_that_says_nothing__ends(void **state)
{
    struct fixture *f = *state;

    want(f, BLE_LINK_PERSON, USES_SECRET);
    ble_link_connect(&f->lock.link, f->now_us);
    f->lock.silent = true; /* connected, and then */
    settle(f);
    assert_int_equal(state_of(f), BLE_LINK_SETUP);
    pass(f, BLE_LINK_SETUP_MS);
    assert_closed(f, "setup_timeout");
    assert_int_equal(f->lock.link.counts.failures, 1);
}

static void ready__transaction_without_answer__ends(void **state)
{
    struct fixture *f = *state;

    get_ready(f);
    f->lock.silent = true;
    assert_int_equal(ble_link_write(&f->lock.link, WANT_SECRET, (const uint8_t *)"a", 1, f->now_us), 0);
    settle(f);
    assert_int_equal(ble_link_due_us(&f->lock.link), f->now_us + ATT_TRANSACTION_MS * USEC_PER_MSEC);
    pass(f, ATT_TRANSACTION_MS);
    assert_closed(f, "timeout");
    assert_int_equal(f->lock.link.counts.timeouts, 1);
}

static void ready__empty_pdu__is_no_end(void **state)
{
    struct fixture *f = *state;

    get_ready(f);
    assert_int_equal(send(f->lock.fd, "", 0, MSG_DONTWAIT), 0);
    settle(f);
    assert_int_equal(state_of(f), BLE_LINK_READY);
}

static void ready__oversized_or_malformed_pdu__ends(void **state)
{
    struct fixture *f = *state;
    static const uint8_t bytes[1000] = { ATT_INDICATION, SECRET_VALUE };

    get_ready(f);
    assert_int_equal(send(f->lock.fd, bytes, sizeof(bytes), MSG_DONTWAIT), sizeof(bytes));
    settle(f);
    assert_closed(f, "malformed");
    pass(f, rest_ms(f));
    connect_link(f);
    assert_int_equal(send(f->lock.fd, bytes, 2, MSG_DONTWAIT), 2);
    settle(f);
    assert_closed(f, "malformed");
    assert_int_equal(f->lock.link.counts.broken, 2);
}

static void ready__last_words_before_the_end__are_heard(void **state)
{
    struct fixture *f = *state;

    get_ready(f);
    lock_send(&f->lock, &(struct att_pdu){ .opcode = ATT_NOTIFICATION, .handle = SECRET_VALUE });
    lock_hang_up(&f->lock);
    settle(f);
    assert_int_equal(f->lock.told[BLE_LINK_VALUE], 1);
    assert_closed(f, "link_lost");
}

static void turn__storm_of_indications__takes_one_each(void **state)
{
    struct fixture *f = *state;
    short events;
    int sent = 0;

    get_ready(f);
    for (; sent < 50; sent++)
        lock_send(&f->lock, &(struct att_pdu){ .opcode = ATT_INDICATION, .handle = SECRET_VALUE });
    for (int i = 0; i < sent; i++) {
        assert_true(lock_turn(&f->lock, f->now_us)); /* the value and its confirmation */
        assert_int_equal(f->lock.told[BLE_LINK_VALUE], i + 1);
    }
    assert_int_equal(ble_link_fd(&f->lock.link, &events), f->lock.link.fd);
    assert_int_equal(events, POLLIN);
}

static void turn__peer_that_reads_nothing__is_not_read_either(void **state)
{
    struct fixture *f = *state;
    short events;

    get_ready(f);
    stuff(f->lock.link.fd);
    for (int i = 0; i < 3; i++)
        lock_send(&f->lock, &(struct att_pdu){ .opcode = ATT_INDICATION, .handle = SECRET_VALUE });
    for (int i = 0; i < 10; i++)
        (void)lock_turn(&f->lock, f->now_us);
    assert_int_equal(f->lock.told[BLE_LINK_VALUE], 1);
    assert_int_equal(ble_link_fd(&f->lock.link, &events), f->lock.link.fd);
    assert_int_equal(state_of(f), BLE_LINK_READY);
    assert_int_equal(events, POLLOUT);
}

static void close__without_connection__is_nothing(void **state)
{
    struct fixture *f = *state;

    want(f, BLE_LINK_PERSON, USES_SECRET);
    ble_link_close(&f->lock.link, "no_answer", f->now_us);
    settle(f);
    assert_int_equal(state_of(f), BLE_LINK_WAITING);
    assert_int_equal(f->lock.link.counts.failures, 0);
}

static void is_ready__times_of_its_steps__are_told(void **state)
{
    struct fixture *f = *state;

    want(f, BLE_LINK_PERSON, USES_SECRET);
    ble_link_connect(&f->lock.link, f->now_us);
    f->now_us += 70 * USEC_PER_MSEC;
    assert_true(lock_turn(&f->lock, f->now_us));
    assert_int_equal(state_of(f), BLE_LINK_SETUP);
    pass(f, 30);
    assert_int_equal(state_of(f), BLE_LINK_READY);
    assert_int_equal(f->lock.link.connect_us, 70 * USEC_PER_MSEC);
    assert_int_equal(f->lock.link.setup_us, 30 * USEC_PER_MSEC);
}

static void close__silent_over_cached_handles__finds_anew(void **state)
{
    struct fixture *f = *state;

    for (int64_t discoveries = 1; discoveries <= 2; discoveries++) {
        get_ready(f); /* discovered: nothing is wrong with the handles */
        ble_link_close(&f->lock.link, "no_answer", f->now_us);
        settle(f);
        assert_closed(f, "no_answer");
        pass(f, rest_ms(f));
        connect_link(f); /* cached: a lock that speaks has the right ones, */
        lock_send(&f->lock, &(struct att_pdu){ .opcode = ATT_INDICATION, .handle = SECRET_VALUE });
        settle(f);
        ble_link_close(&f->lock.link, "no_answer", f->now_us);
        settle(f);
        pass(f, rest_ms(f));
        connect_link(f); /* a silent one may not */
        assert_int_equal(f->lock.link.counts.discoveries, discoveries);
        ble_link_close(&f->lock.link, "no_answer", f->now_us);
        settle(f);
        pass(f, rest_ms(f));
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(want__person__waits_for_the_radio_and_gets_ready),
        TEST(write__and_indication__are_told),
        TEST(unwanted__cold_link__is_let_go_after_its_idle_time),
        TEST(unwanted__while_in_use__is_kept),
        TEST(unwanted__while_a_write_is_under_way__is_kept),
        TEST(unwanted__warm_link__is_kept_and_made_anew),
        TEST(second_connect__of_known_lock__discovers_nothing),
        TEST(want__other_use__makes_the_connection_anew),
        TEST(want__less_than_before__keeps_the_connection_for_all),
        TEST(connect__refused__rests_longer_each_time_up_to_a_minute),
        TEST(rest__lock_heard__is_short_again),
        TEST(rest__lock_heard_that_is_busy__stays_as_long),
        TEST(rest__lock_heard_that_was_of_no_use__stays_as_long),
        TEST(rest__lock_of_use__is_short_again),
        TEST(connect__busy__is_counted_and_tried_again),
        TEST(connect__silent_lock__ends_sooner_without_a_person),
        TEST(connecting__unwanted__stops_silently),
        TEST(yield__is_no_failure),
        TEST(setup__lock_that_says_nothing__ends),
        TEST(ready__transaction_without_answer__ends),
        TEST(ready__empty_pdu__is_no_end),
        TEST(ready__oversized_or_malformed_pdu__ends),
        TEST(ready__last_words_before_the_end__are_heard),
        TEST(turn__storm_of_indications__takes_one_each),
        TEST(turn__peer_that_reads_nothing__is_not_read_either),
        TEST(close__without_connection__is_nothing),
        TEST(is_ready__times_of_its_steps__are_told),
        TEST(close__silent_over_cached_handles__finds_anew),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
