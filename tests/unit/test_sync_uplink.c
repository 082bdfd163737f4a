/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The event uplink: what may be sent, and when again. */
#include "tests/unit/sync_fixture.h"

static void uplink__before_the_first_ack__nothing_leaves(void **state)
{
    struct world *w = *state;

    connect_up(w);
    append(w, 10);
    pass(w, 25 * SECOND);
    assert_int_equal(w->reads, 0);
    send_ack(w);
    assert_int_equal(w->acks, 1);
    assert_int_equal(w->reads, 0); /* the ledger has not said what it makes of it */
    sync_acked(w->sync, &w->now, SYNC_ACK_TAKEN, 3);
    assert_int_equal(w->read_from, 4);
    batch(w, 4, 7);
    (void)expect_events(w, 4);
    assert_int_equal(w->reads, 1); /* nothing more is there */
}

static void uplink__window__is_four_batches_beyond_the_last_ack(void **state)
{
    struct world *w = *state;

    append(w, 1000);
    connect_up(w);
    acked(w, 0);
    for (int i = 0; i < CLOUD_BATCH_WINDOW; i++) {
        assert_int_equal(w->read_from, 1 + 10 * i);
        batch(w, 1 + 10 * i, 10);
        (void)expect_events(w, 1 + 10 * i);
    }
    assert_int_equal(w->reads, 4);
    acked(w, 5); /* inside of the first: it still counts */
    assert_int_equal(w->reads, 4);
    acked(w, 20); /* two are through */
    assert_int_equal(w->read_from, 41);
    batch(w, 41, 10);
    (void)expect_events(w, 41);
    batch(w, 51, 10);
    (void)expect_events(w, 51);
    assert_int_equal(w->reads, 6);
}

static void uplink__no_progress__sends_again_from_the_last_ack_after_ten_seconds(void **state)
{
    struct world *w = *state;

    append(w, 20);
    connect_up(w);
    desire(w, w->policy);
    acked(w, 0);
    batch(w, 1, 10);
    batch(w, 11, 10);
    (void)expect_events(w, 1);
    (void)expect_events(w, 11);
    pass(w, 9 * SECOND);
    acked(w, 10); /* progress */
    acked(w, 10); /* none */
    pass(w, 10 * SECOND - 1);
    assert_int_equal(w->reads, 2);
    pass(w, 1);
    assert_int_equal(w->read_from, 11);
    batch(w, 11, 10);
    (void)expect_events(w, 11);
    acked(w, 20);
    pass(w, 100 * SECOND);
    assert_int_equal(w->reads, 3);
    expect_silence(w);
}

static void uplink__cloud_lost_something__goes_back_to_its_cursor(void **state)
{
    struct world *w = *state;

    append(w, 20);
    connect_up(w);
    acked(w, 20);
    assert_int_equal(w->reads, 0);
    acked(w, 5);
    assert_int_equal(w->reads, 0);
    pass(w, 10 * SECOND);
    assert_int_equal(w->read_from, 6);
}

static void uplink__events_are_gone__the_state_tells_oldest_before_the_batch(void **state)
{
    struct world *w = *state;

    w->log.oldest = 8;
    append(w, 20);
    connect_up(w);
    acked(w, 2);
    assert_int_equal(w->read_from, 3);
    batch(w, 8, 13);
    assert_int_equal(expect_state(w).oldest, 8);
    (void)expect_events(w, 8);
}

static void uplink__disputed_ack__begins_a_new_epoch_with_a_birth(void **state)
{
    struct world *w = *state;

    append(w, 20);
    connect_up(w);
    send_ack(w);
    sync_acked(w->sync, &w->now, SYNC_ACK_DISPUTED, 30);
    assert_int_equal(w->new_epochs, 1);
    send_ack(w); /* while it is begun acks mean nothing */
    assert_int_equal(w->acks, 1);
    w->log = (struct sync_log){ .epoch = EPOCH_2, .oldest = 1, .acked = 0, .head = 21 };
    sync_log_changed(w->sync, &w->now, &w->log);
    assert_string_equal(expect_state(w).epoch, EPOCH_2);
    sync_new_epoch(w->sync, 0);
    assert_int_equal(w->reads, 0);
    acked(w, 0);
    assert_int_equal(w->read_from, 1);
}

static void uplink__new_epoch_fails__is_tried_again_with_the_next_ack(void **state)
{
    struct world *w = *state;

    append(w, 20);
    connect_up(w);
    send_ack(w);
    sync_acked(w->sync, &w->now, SYNC_ACK_DISPUTED, 30);
    sync_new_epoch(w->sync, -EIO);
    send_ack(w);
    sync_acked(w->sync, &w->now, SYNC_ACK_DISPUTED, 30);
    assert_int_equal(w->new_epochs, 2);
}

static void uplink__ack_of_another_epoch__is_no_answer(void **state)
{
    struct world *w = *state;

    append(w, 20);
    connect_up(w);
    desire(w, w->policy);
    send_ack(w);
    sync_acked(w->sync, &w->now, SYNC_ACK_OTHER_EPOCH, 30);
    assert_int_equal(w->reads, 0);
    pass(w, 30 * SECOND);
    (void)expect_state(w); /* asked again */
}

static void uplink__batch_of_an_earlier_connection__is_not_sent(void **state)
{
    struct world *w = *state;

    append(w, 20);
    connect_up(w);
    acked(w, 0);
    sync_disconnected(w->sync, &w->now, "gone");
    pass(w, 60 * SECOND);
    sync_connected(w->sync, &w->now);
    (void)expect_state(w);
    batch(w, 1, 20); /* read for the first one, before any ack of this one */
    expect_silence(w);
    acked(w, 10);
    assert_int_equal(w->read_from, 11);
}

static void uplink__ledger_cannot_read__is_asked_again(void **state)
{
    struct world *w = *state;

    append(w, 20);
    connect_up(w);
    acked(w, 0);
    sync_batch(w->sync, &w->now, NULL);
    assert_int_equal(w->reads, 1);
    pass(w, 10 * SECOND);
    assert_int_equal(w->reads, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(uplink__before_the_first_ack__nothing_leaves),
        TEST(uplink__window__is_four_batches_beyond_the_last_ack),
        TEST(uplink__no_progress__sends_again_from_the_last_ack_after_ten_seconds),
        TEST(uplink__cloud_lost_something__goes_back_to_its_cursor),
        TEST(uplink__events_are_gone__the_state_tells_oldest_before_the_batch),
        TEST(uplink__disputed_ack__begins_a_new_epoch_with_a_birth),
        TEST(uplink__new_epoch_fails__is_tried_again_with_the_next_ack),
        TEST(uplink__ack_of_another_epoch__is_no_answer),
        TEST(uplink__batch_of_an_earlier_connection__is_not_sent),
        TEST(uplink__ledger_cannot_read__is_asked_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
