/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The policy feed: a policy of the right version and another root is found out and mended (cloud contract 2).
 */
#include "tests/unit/sync_fixture.h"

static void receive_digest(struct world *w, int64_t version)
{
    const struct cloud_digest digest = { .generation = 1, .version = version, .sums = { 1 } };

    assert_int_equal(cloud_digest_format(&w->text, &digest), 0);
    receive(w, CLOUD_DOWN_DIGEST);
}

/* The store's items, whose sums differ from the cloud's in buckets 0 and 1. */
static void answer_sums(struct world *w)
{
    const struct cloud_digest sums = { .generation = 1, .version = 42, .sums = { 0, 0, 0, 0, 0, 0, 0, 9 } };

    sync_sums(w->sync, &w->now, &sums);
}

static void drift_found(struct world *w)
{
    connect_up(w);
    desire(w, policy(1, 42, ROOT_B));
    (void)expect_request(w, CLOUD_WANT_DIGEST);
    receive_digest(w, 42);
    assert_int_equal(w->sums, 1);
    expect_silence(w);
    answer_sums(w);
    const struct cloud_request request = expect_request(w, CLOUD_WANT_DELTA);

    assert_int_equal(request.version, 42);
    assert_int_equal(digest_set_count(&request.buckets), 2);
    assert_true(digest_set_has(&request.buckets, 0));
    assert_true(digest_set_has(&request.buckets, 1));
}

static void feed__P5_drift__names_the_buckets_and_is_repaired(void **state)
{
    struct world *w = *state;

    drift_found(w);
    send_delta(w, 42, 42);
    w->policy = policy(1, 42, ROOT_B);
    report(w, SYNC_POLICY_APPLIED);
    (void)expect_result(w, CLOUD_DOWN_DELTA, CLOUD_OUTCOME_APPLIED);
    expect_silence(w);
}

static void snapshot_mends(struct world *w)
{
    send_manifest(w, policy(1, 42, ROOT_B), 1);
    staged(w, 42, 1, 0);
    report(w, SYNC_POLICY_STAGED);
    (void)expect_request(w, CLOUD_WANT_CHUNKS);
    receive_text(w, CLOUD_DOWN_CHUNK, "{}\n");
    w->staging.active = false;
    w->policy = policy(1, 42, ROOT_B);
    report(w, SYNC_POLICY_APPLIED);
    (void)expect_result(w, CLOUD_DOWN_SNAPSHOT, CLOUD_OUTCOME_APPLIED);
    expect_silence(w);
}

static void feed__drift_answered_by_a_manifest__is_repaired(void **state)
{
    drift_found(*state);
    snapshot_mends(*state);
}

static void feed__repair_that_misses_the_root__ends_in_a_snapshot(void **state)
{
    struct world *w = *state;

    drift_found(w);
    send_delta(w, 42, 42);
    const struct sync_policy_report rejected = { .outcome = SYNC_POLICY_REJECTED,
                                                 .code = "root",
                                                 .policy = w->policy };

    sync_policy(w->sync, &w->now, &rejected);
    (void)expect_result(w, CLOUD_DOWN_DELTA, CLOUD_OUTCOME_REJECTED);
    (void)expect_request(w, CLOUD_WANT_SNAPSHOT);
    snapshot_mends(w);
}

static void feed__equal_sums_and_another_root__ends_in_a_snapshot(void **state)
{
    const struct cloud_digest same = { .generation = 1, .version = 42, .sums = { 1 } };
    struct world *w = *state;

    connect_up(w);
    desire(w, policy(1, 42, ROOT_B));
    (void)expect_request(w, CLOUD_WANT_DIGEST);
    receive_digest(w, 42);
    sync_sums(w->sync, &w->now, &same);
    (void)expect_request(w, CLOUD_WANT_SNAPSHOT);
}

static void feed__sums_that_say_nothing__are_asked_for_again(void **state)
{
    struct world *w = *state;

    connect_up(w);
    acked(w, 0);
    desire(w, policy(1, 42, ROOT_B));
    (void)expect_request(w, CLOUD_WANT_DIGEST);
    receive_digest(w, 41); /* of another version */
    assert_int_equal(w->sums, 0);
    receive_digest(w, 42);
    sync_sums(w->sync, &w->now, NULL); /* the disk */
    expect_silence(w);
    w->store_error = -ENOBUFS;
    receive_digest(w, 42);
    expect_silence(w);
    pass(w, 10 * SECOND);
    (void)expect_request(w, CLOUD_WANT_DIGEST);
}

static void feed__change_overtakes_the_sums__they_say_nothing_any_more(void **state)
{
    struct world *w = *state;

    connect_up(w);
    desire(w, policy(1, 42, ROOT_B));
    (void)expect_request(w, CLOUD_WANT_DIGEST);
    receive_digest(w, 42);
    desire(w, policy(1, 43, ROOT_A));
    assert_int_equal(expect_request(w, CLOUD_WANT_DELTA).version, 42);
    send_delta(w, 42, 43);
    w->policy = policy(1, 43, ROOT_A);
    report(w, SYNC_POLICY_APPLIED);
    (void)expect_result(w, CLOUD_DOWN_DELTA, CLOUD_OUTCOME_APPLIED);
    answer_sums(w);
    expect_silence(w);
}

static void feed__digest_that_nobody_asked_for__is_ignored(void **state)
{
    struct world *w = *state;

    connect_up(w);
    receive_digest(w, 42);
    assert_int_equal(w->sums, 0);
    expect_silence(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(feed__P5_drift__names_the_buckets_and_is_repaired),
        TEST(feed__drift_answered_by_a_manifest__is_repaired),
        TEST(feed__repair_that_misses_the_root__ends_in_a_snapshot),
        TEST(feed__equal_sums_and_another_root__ends_in_a_snapshot),
        TEST(feed__sums_that_say_nothing__are_asked_for_again),
        TEST(feed__change_overtakes_the_sums__they_say_nothing_any_more),
        TEST(feed__digest_that_nobody_asked_for__is_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
