/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Time for a gateway without a clock, and the lease (P7). */
#include "tests/unit/command_fixture.h"

/* --- time --- */

static void lose_clock(struct commander *c)
{
    c->w->now.clock = CLOCK_STATE_NONE;
    c->w->now.utc_us = 0;
}

static struct cloud_request expect_time_wanted(struct commander *c)
{
    return expect_request(c->w, CLOUD_WANT_TIME);
}

/* down/time with this nonce. */
static void tell_time(struct commander *c, const char *kid, uint8_t seed, const char *nonce)
{
    const struct cloud_time time = { .aud = "hub/gw1", .iat = NOW_S, .utc_us = NOW_S * USEC_PER_SEC };
    struct cloud_time told = time;
    char header[HEADER_SIZE];

    strcpy(told.nonce, nonce);
    assert_int_equal(cloud_time_format(&c->payload, &told), 0);
    craft(&c->w->text, header_of(header, "EdDSA", kid, "stile-time+jws"), text_string(&c->payload), seed);
    receive(c->w, CLOUD_DOWN_TIME);
}

/* The state that tells of a changed clock comes in between. */
static void skip_state(struct commander *c)
{
    (void)expect_state(c->w);
}

static void time__no_clock__is_asked_for_and_counts(void **state)
{
    struct commander *c = *state;

    lose_clock(c);
    pass(c->w, 5 * SECOND);
    skip_state(c);
    struct cloud_request request = expect_time_wanted(c);

    tell_time(c, "time-1", TIME_SEED, request.nonce);
    assert_int_equal(c->w->now.clock, CLOCK_STATE_HOLDOVER);
    assert_int_equal(c->w->now.utc_us, NOW_S * USEC_PER_SEC);
    pass(c->w, 5 * SECOND);
    assert_int_equal(expect_state(c->w).clock, CLOCK_STATE_HOLDOVER);
    pass(c->w, 20 * SECOND);
    expect_silence(c->w);
}

static void time__clock_is_there__nobody_asks(void **state)
{
    struct commander *c = *state;

    pass(c->w, 20 * SECOND);
    expect_silence(c->w);
    assert_true(sync_due(c->w->sync) > c->w->now.boot_us);
}

static void expect_nonce_refused(struct commander *c)
{
    struct cloud_result result = expect_result(c->w, CLOUD_DOWN_TIME, CLOUD_OUTCOME_REJECTED);

    assert_string_equal(result.code, "nonce");
    assert_int_equal(c->w->now.clock, CLOCK_STATE_NONE);
}

static void time__nonce__own_young_and_once(void **state)
{
    struct commander *c = *state;

    lose_clock(c);
    tell_time(c, "time-1", TIME_SEED, "u3Rk0XbT5yXo7W0mZq1vJg");
    expect_nonce_refused(c);
    pass(c->w, 5 * SECOND);
    skip_state(c);
    struct cloud_request first = expect_time_wanted(c);

    c->w->now.boot_us += 10 * SECOND;
    tell_time(c, "time-1", TIME_SEED, first.nonce);
    expect_nonce_refused(c);
    sync_advance(c->w->sync, &c->w->now);
    struct cloud_request second = expect_time_wanted(c);

    assert_string_not_equal(first.nonce, second.nonce);
    c->w->now.boot_us += 10 * SECOND - 1;
    tell_time(c, "time-1", TIME_SEED, second.nonce);
    assert_int_equal(c->w->now.clock, CLOCK_STATE_HOLDOVER);
    lose_clock(c);
    tell_time(c, "time-1", TIME_SEED, second.nonce);
    expect_nonce_refused(c);
}

static void time__another_key__is_refused(void **state)
{
    struct commander *c = *state;

    lose_clock(c);
    pass(c->w, 5 * SECOND);
    skip_state(c);
    struct cloud_request request = expect_time_wanted(c);

    tell_time(c, "cmd-1", COMMAND_SEED, request.nonce);
    assert_string_equal(expect_result(c->w, CLOUD_DOWN_TIME, CLOUD_OUTCOME_REJECTED).code, "use");
    assert_int_equal(c->w->now.clock, CLOCK_STATE_NONE);
}

static void time__no_answer__asked_again_with_pauses(void **state)
{
    static const int64_t pauses[] = { 10, 20, 40, 80, 160, 300, 300 };
    struct commander *c = *state;

    lose_clock(c);
    sync_advance(c->w->sync, &c->w->now);
    (void)expect_time_wanted(c);
    for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
        unsigned wanted = 0;

        pass(c->w, pauses[i] * SECOND - 1);
        for (const struct message *message; (message = next(c->w));)
            wanted += message->topic == CLOUD_UP_REQUEST;
        assert_int_equal(wanted, 0);
        pass(c->w, 1);
        (void)expect_time_wanted(c);
    }
}

static void time__new_connection__asks_at_once(void **state)
{
    struct commander *c = *state;

    lose_clock(c);
    sync_advance(c->w->sync, &c->w->now);
    (void)expect_time_wanted(c);
    sync_link_ended(c->w->sync, &c->w->now, "gone");
    say_hello(c);
    (void)expect_time_wanted(c);
}

/* --- P7 --- */

static void lease(struct commander *c, int64_t iat, int64_t version, int64_t until)
{
    const struct cloud_desired desired = {
        .aud = "hub/gw1", .iat = iat, .policy = policy(1, version, ROOT_A), .lease_until = until
    };

    assert_int_equal(cloud_desired_format(&c->w->text, &desired), 0);
    receive(c->w, CLOUD_DOWN_DESIRED);
}

static struct sync_status status(struct commander *c)
{
    struct sync_status status;

    sync_status(c->w->sync, &status);
    return status;
}

static void P7__lease_that_runs_out__is_told_once(void **state)
{
    struct commander *c = *state;

    lease(c, NOW_S, 42, NOW_S + 60);
    assert_int_equal(status(c).lease_until, NOW_S + 60);
    assert_int_equal(sync_due(c->w->sync) <= c->w->now.boot_us + 60 * SECOND, true);
    c->w->now.utc_us += 60 * SECOND - USEC_PER_SEC;
    pass(c->w, 59 * SECOND);
    assert_int_equal(c->w->lease_calls, 0);
    c->w->now.utc_us += USEC_PER_SEC;
    pass(c->w, SECOND);
    pass(c->w, SECOND);
    assert_int_equal(c->w->lease_calls, 1);
    assert_true(c->w->lease_over);
    assert_true(status(c).lease_over);
    lease(c, NOW_S + 61, 42, NOW_S + 200);
    assert_int_equal(c->w->lease_calls, 2);
    assert_false(c->w->lease_over);
}

static void P7__only_a_later_iat__replaces_it(void **state)
{
    struct commander *c = *state;

    lease(c, NOW_S, 42, NOW_S + 60);
    lease(c, NOW_S, 42, NOW_S + 600);
    lease(c, NOW_S - 1, 42, NOW_S + 6000);
    assert_int_equal(status(c).lease_until, NOW_S + 60);
    lease(c, NOW_S + 1, 42, NOW_S + 30);
    assert_int_equal(status(c).lease_until, NOW_S + 30);
    lease(c, NOW_S + 2, 42, 0);
    assert_int_equal(status(c).lease_until, 0);
}

static void P7__counts_once_its_version_is_applied(void **state)
{
    const struct sync_policy_report applied = { .outcome = SYNC_POLICY_APPLIED,
                                                .policy = policy(1, 43, ROOT_B) };
    struct commander *c = *state;

    lease(c, NOW_S, 42, NOW_S + 60);
    lease(c, NOW_S + 1, 43, NOW_S + 600);
    assert_int_equal(status(c).lease_until, NOW_S + 60);
    (void)expect_request(c->w, CLOUD_WANT_DELTA);
    send_delta(c->w, 42, 43);
    sync_policy(c->w->sync, &c->w->now, &applied);
    assert_int_equal(status(c).lease_until, NOW_S + 600);
}

static void P7__no_clock__nobody_knows(void **state)
{
    struct commander *c = *state;

    lease(c, NOW_S, 42, NOW_S + 60);
    lose_clock(c);
    pass(c->w, 3600 * SECOND);
    assert_int_equal(c->w->lease_calls, 0);
    c->w->now.clock = CLOCK_STATE_HOLDOVER;
    c->w->now.utc_us = (NOW_S + 3600) * USEC_PER_SEC;
    pass(c->w, SECOND);
    assert_int_equal(c->w->lease_calls, 1);
}

static void P7__restart__lease_and_its_end_are_remembered(void **state)
{
    struct commander *c = *state;

    lease(c, NOW_S, 42, NOW_S + 60);
    start(c->w);
    assert_int_equal(status(c).lease_until, NOW_S + 60);
    c->w->now.utc_us += 61 * SECOND;
    pass(c->w, 61 * SECOND);
    assert_int_equal(c->w->lease_calls, 1);
    start(c->w);
    pass(c->w, SECOND);
    assert_true(status(c).lease_over);
    assert_int_equal(c->w->lease_calls, 1);
    say_hello(c);
    lease(c, NOW_S - 1, 42, NOW_S + 6000);
    assert_int_equal(status(c).lease_until, NOW_S + 60);
}

static void P7__policy_lost__is_unknown_until_it_is_in_force_again(void **state)
{
    const struct sync_policy_report applied = { .outcome = SYNC_POLICY_APPLIED,
                                                .policy = policy(1, 42, ROOT_A) };
    struct commander *c = *state;

    lease(c, NOW_S, 42, NOW_S + 60);
    c->w->policy = policy(0, 0, CLOUD_ROOT_NONE);
    start(c->w);
    assert_int_equal(status(c).lease_until, 0);
    say_hello(c);
    lease(c, NOW_S - 1, 42, NOW_S + 6000);
    lease(c, NOW_S, 42, NOW_S + 60);
    assert_int_equal(status(c).lease_until, 0);
    (void)expect_request(c->w, CLOUD_WANT_SNAPSHOT);
    send_delta(c->w, 0, 42); /* stands for the snapshot */
    sync_policy(c->w->sync, &c->w->now, &applied);
    assert_int_equal(status(c).lease_until, NOW_S + 60);
}

static void P7__lease_without_end_in_sight__breaks_nothing(void **state)
{
    struct commander *c = *state;

    lease(c, NOW_S, 42, JSON_INT_MAX);
    pass(c->w, SECOND);
    assert_int_equal(c->w->lease_calls, 0);
    assert_true(sync_due(c->w->sync) > c->w->now.boot_us);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_commander, teardown_commander)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(time__no_clock__is_asked_for_and_counts),
        CASE(time__clock_is_there__nobody_asks),
        CASE(time__nonce__own_young_and_once),
        CASE(time__another_key__is_refused),
        CASE(time__no_answer__asked_again_with_pauses),
        CASE(time__new_connection__asks_at_once),
        CASE(P7__lease_that_runs_out__is_told_once),
        CASE(P7__only_a_later_iat__replaces_it),
        CASE(P7__counts_once_its_version_is_applied),
        CASE(P7__no_clock__nobody_knows),
        CASE(P7__restart__lease_and_its_end_are_remembered),
        CASE(P7__policy_lost__is_unknown_until_it_is_in_force_again),
        CASE(P7__lease_without_end_in_sight__breaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
