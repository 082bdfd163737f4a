/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Presence: when a gateway connects, and what it says of itself. */
#include "tests/unit/sync_fixture.h"

static void session__link_starts__connects_with_a_will_and_says_its_birth(void **state)
{
    struct world *w = *state;

    assert_int_equal(sync_due(w->sync), SYNC_NEVER);
    sync_link_started(w->sync);
    assert_int_equal(w->connects, 1);
    assert_false(w->will.online);
    assert_int_equal(w->will.conn, 1);
    expect_silence(w);
    sync_connected(w->sync, &w->now);
    struct cloud_state birth = expect_state(w);

    assert_true(birth.online);
    assert_int_equal(birth.conn, 1);
    assert_int_equal(w->saved_conn, 1);
    assert_string_equal(birth.trust, "broker");
    assert_int_equal(birth.policy.version, 42);
}

static void session__restarted_in_the_same_boot__goes_on_counting(void **state)
{
    struct world *w = *state;

    connect_up(w);
    start(w);
    sync_link_started(w->sync);
    assert_int_equal(w->will.conn, 2);
}

static void session__failures__waits_double_up_to_a_minute_for_ever(void **state)
{
    struct world *w = *state;
    int64_t ceiling = SECOND;

    sync_link_started(w->sync);
    for (unsigned i = 1; i < 50; i++) {
        w->random = (uint64_t)ceiling; /* the longest wait */
        sync_disconnected(w->sync, &w->now, "refused");
        assert_int_equal(sync_due(w->sync) - w->now.boot_us, ceiling);
        pass(w, ceiling - 1);
        assert_int_equal(w->connects, i);
        pass(w, 1);
        assert_int_equal(w->connects, i + 1);
        assert_int_equal(w->will.conn, 1);
        ceiling = 2 * ceiling < 60 * SECOND ? 2 * ceiling : 60 * SECOND;
    }
}

static void session__connection_that_stood__starts_over_with_a_short_wait(void **state)
{
    struct world *w = *state;

    sync_link_started(w->sync);
    for (int i = 0; i < 10; i++) {
        sync_disconnected(w->sync, &w->now, "refused");
        pass(w, 60 * SECOND);
    }
    sync_connected(w->sync, &w->now);
    pass(w, 59 * SECOND);
    w->random = 60 * SECOND;
    sync_disconnected(w->sync, &w->now, "gone"); /* too short to count */
    assert_int_equal(sync_due(w->sync) - w->now.boot_us, 60 * SECOND);
    pass(w, 60 * SECOND);
    sync_connected(w->sync, &w->now);
    pass(w, 60 * SECOND);
    w->random = SECOND;
    sync_disconnected(w->sync, &w->now, "gone");
    assert_int_equal(sync_due(w->sync) - w->now.boot_us, SECOND);
}

static void session__connection_that_was_answered__starts_over_with_a_short_wait(void **state)
{
    struct world *w = *state;

    sync_link_started(w->sync);
    for (int i = 0; i < 10; i++) {
        sync_disconnected(w->sync, &w->now, "refused");
        pass(w, 60 * SECOND);
    }
    sync_connected(w->sync, &w->now);
    desire(w, w->policy);
    acked(w, 0);
    pass(w, 2 * SECOND);
    w->random = SECOND;
    sync_disconnected(w->sync, &w->now, "gone");
    assert_int_equal(sync_due(w->sync) - w->now.boot_us, SECOND);
}

/* A connection that is answered, and ends stood_us later. */
static void visit(struct world *w, int64_t stood_us)
{
    sync_connected(w->sync, &w->now);
    desire(w, w->policy);
    acked(w, 0);
    pass(w, stood_us);
    w->random = 60 * SECOND;
    sync_disconnected(w->sync, &w->now, "gone");
}

static int64_t wait_us(const struct world *w)
{
    return sync_due(w->sync) - w->now.boot_us;
}

static void session__pushed_off_at_once_again_and_again__waits_longer_and_says_why(void **state)
{
    struct world *w = *state;
    struct sync_status status;

    sync_link_started(w->sync);
    for (unsigned i = 0; i < 10; i++) {
        const int64_t ceiling = (i < 2 ? 1 << i : 4) * SECOND;

        visit(w, SECOND);
        assert_int_equal(wait_us(w), (60 * SECOND) % (ceiling + 1));
        sync_status(w->sync, &status);
        assert_true((strstr(status.reason, "another box") != NULL) == (i >= 2));
        pass(w, 60 * SECOND);
    }
    visit(w, 2 * SECOND);
    assert_int_equal(wait_us(w), (60 * SECOND) % (SECOND + 1));
    sync_status(w->sync, &status);
    assert_string_equal(status.reason, "gone");
}

static void session__link_ends__no_attempt_before_it_runs_again(void **state)
{
    struct world *w = *state;

    connect_up(w);
    sync_link_ended(w->sync, &w->now, "killed");
    assert_int_equal(sync_due(w->sync), SYNC_NEVER);
    sync_connected(w->sync, &w->now); /* a late line */
    expect_silence(w);
    sync_link_started(w->sync);
    assert_int_equal(w->connects, 2);
}

static void session__state__is_repeated_until_both_answers_came(void **state)
{
    struct world *w = *state;

    connect_up(w);
    pass(w, 30 * SECOND);
    (void)expect_state(w);
    desire(w, w->policy);
    pass(w, 30 * SECOND);
    (void)expect_state(w);
    acked(w, 0);
    pass(w, 599 * SECOND);
    expect_silence(w);
    pass(w, SECOND);
    (void)expect_state(w);
}

static void session__change__is_told_five_seconds_after_the_last_state(void **state)
{
    struct world *w = *state;

    connect_up(w);
    send_delta(w, 42, 43);
    w->policy = policy(1, 43, ROOT_B);
    report(w, SYNC_POLICY_APPLIED);
    (void)expect_result(w, CLOUD_DOWN_DELTA, CLOUD_OUTCOME_APPLIED);
    pass(w, 5 * SECOND - 1);
    expect_silence(w);
    pass(w, 1);
    assert_int_equal(expect_state(w).policy.version, 43);
    w->now.clock = CLOCK_STATE_SYNCED;
    pass(w, 5 * SECOND);
    struct cloud_state said = expect_state(w);

    assert_int_equal(said.clock, CLOCK_STATE_SYNCED);
    assert_string_equal(said.utc, "1970-01-01T00:00:00.000Z");
}

static void session__report__at_most_one_in_five_seconds_and_the_last_one(void **state)
{
    struct world *w = *state;

    connect_up(w);
    assert_int_equal(sync_report(w->sync, &w->now, "{\"a\":1}", 7), 0);
    assert_string_equal(expect(w, CLOUD_UP_REPORT), "{\"a\":1}");
    assert_int_equal(sync_report(w->sync, &w->now, "{\"a\":2}", 7), 0);
    assert_int_equal(sync_report(w->sync, &w->now, "{\"a\":3}", 7), 0);
    pass(w, 5 * SECOND - 1);
    expect_silence(w);
    pass(w, 1);
    assert_string_equal(expect(w, CLOUD_UP_REPORT), "{\"a\":3}");
    assert_int_equal(sync_report(w->sync, &w->now, "{\"a\":3}", 7), 0);
    pass(w, 5 * SECOND);
    expect_silence(w);
    sync_disconnected(w->sync, &w->now, "gone"); /* the broker may come back empty */
    pass(w, 60 * SECOND);
    sync_connected(w->sync, &w->now);
    (void)expect_state(w);
    assert_string_equal(expect(w, CLOUD_UP_REPORT), "{\"a\":3}");
}

static void session__clean_stop__says_what_the_will_would(void **state)
{
    struct world *w = *state;

    connect_up(w);
    sync_stop(w->sync);
    struct cloud_state last = expect_state(w);

    assert_false(last.online);
    assert_int_equal(last.conn, 1);
    assert_int_equal(sync_due(w->sync), SYNC_NEVER);
    sync_disconnected(w->sync, &w->now, "left");
    sync_link_ended(w->sync, &w->now, "ended");
    assert_int_equal(w->connects, 1);
}

static void session__status__tells_people(void **state)
{
    struct world *w = *state;
    struct sync_status status;

    sync_link_started(w->sync);
    sync_disconnected(w->sync, &w->now, "refused");
    sync_status(w->sync, &status);
    assert_false(status.connected);
    assert_string_equal(status.reason, "refused");
    pass(w, 60 * SECOND);
    sync_connected(w->sync, &w->now);
    desire(w, w->policy);
    sync_status(w->sync, &status);
    assert_true(status.connected);
    assert_false(status.answered);
    assert_true(status.target_known);
    acked(w, 0);
    sync_status(w->sync, &status);
    assert_true(status.answered);
    assert_int_equal(status.heard_us, w->now.boot_us);
}

static void live__only_while_connected(void **state)
{
    struct world *w = *state;

    sync_live(w->sync, "{}", 2);
    expect_silence(w);
    connect_up(w);
    sync_live(w->sync, "{}", 2);
    assert_string_equal(expect(w, CLOUD_UP_LIVE), "{}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(session__link_starts__connects_with_a_will_and_says_its_birth),
        TEST(session__restarted_in_the_same_boot__goes_on_counting),
        TEST(session__failures__waits_double_up_to_a_minute_for_ever),
        TEST(session__connection_that_stood__starts_over_with_a_short_wait),
        TEST(session__connection_that_was_answered__starts_over_with_a_short_wait),
        TEST(session__pushed_off_at_once_again_and_again__waits_longer_and_says_why),
        TEST(session__link_ends__no_attempt_before_it_runs_again),
        TEST(session__state__is_repeated_until_both_answers_came),
        TEST(session__change__is_told_five_seconds_after_the_last_state),
        TEST(session__report__at_most_one_in_five_seconds_and_the_last_one),
        TEST(session__clean_stop__says_what_the_will_would),
        TEST(session__status__tells_people),
        TEST(live__only_while_connected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
