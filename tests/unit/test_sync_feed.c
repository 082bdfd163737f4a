/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The policy feed: what is asked for, and what is answered. */
#include "tests/unit/sync_fixture.h"

#define NONE (-1)

static void feed__on_desired__asks_by_the_contract_s_table(void **state)
{
    static const struct {
        int64_t generation, version;
        const char *root;
        int want;
        bool stale;
    } rows[] = {
        { 2, 1, ROOT_B, CLOUD_WANT_SNAPSHOT, false },
        { 2, 42, ROOT_A, CLOUD_WANT_SNAPSHOT, false },
        { 1, 41, ROOT_B, NONE, true },
        { 0, 99, ROOT_B, NONE, true },
        { 1, 43, ROOT_B, CLOUD_WANT_DELTA, false },
        { 1, 42, ROOT_B, CLOUD_WANT_DIGEST, false },
        { 1, 42, ROOT_A, NONE, false },
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        start(w);
        connect_up(w);
        desire(w, policy(rows[i].generation, rows[i].version, rows[i].root));
        if (rows[i].stale)
            (void)expect_result(w, CLOUD_DOWN_DESIRED, CLOUD_OUTCOME_STALE);
        if (rows[i].want != NONE) {
            struct cloud_request request = expect_request(w, (enum cloud_want)rows[i].want);

            assert_int_equal(request.generation, 1);
            assert_int_equal(request.version, 42);
        }
        expect_silence(w);
    }
}

static void feed__no_answer__asks_again_after_ten_seconds_doubling_to_five_minutes(void **state)
{
    static const int waits_s[] = { 10, 20, 40, 80, 160, 300, 300, 300 };
    struct world *w = *state;

    connect_up(w);
    acked(w, 0);
    desire(w, policy(1, 43, ROOT_B));
    (void)expect_request(w, CLOUD_WANT_DELTA);
    for (size_t i = 0; i < sizeof(waits_s) / sizeof(waits_s[0]); i++) {
        pass(w, waits_s[i] * SECOND - 1);
        while (w->out_taken < w->out_count) /* states go on */
            assert_int_equal(next(w)->topic, CLOUD_UP_STATE);
        pass(w, 1);
        (void)expect_request(w, CLOUD_WANT_DELTA);
    }
    desire(w, policy(1, 43, ROOT_B)); /* the same again: not at once */
    expect_silence(w);
}

static void feed__delta__is_answered_with_its_ref_and_what_is_in_force(void **state)
{
    struct world *w = *state;
    char ref[CLOUD_REF_SIZE];

    connect_up(w);
    send_delta(w, 42, 43);
    cloud_ref(w->text.data, w->text.len, ref);
    assert_int_equal(w->deltas, 1);
    expect_silence(w);
    w->policy = policy(1, 43, ROOT_B);
    report(w, SYNC_POLICY_APPLIED);
    struct cloud_result result = expect_result(w, CLOUD_DOWN_DELTA, CLOUD_OUTCOME_APPLIED);

    assert_string_equal(result.ref, ref);
    assert_int_equal(result.policy.version, 43);
    assert_string_equal(result.policy.root, ROOT_B);
    desire(w, policy(1, 43, ROOT_B));
    expect_silence(w);
}

static void feed__applied_but_target_moved_on__asks_for_the_rest_at_once(void **state)
{
    struct world *w = *state;

    connect_up(w);
    desire(w, policy(1, 44, ROOT_A));
    (void)expect_request(w, CLOUD_WANT_DELTA);
    send_delta(w, 42, 43);
    w->policy = policy(1, 43, ROOT_B);
    report(w, SYNC_POLICY_APPLIED);
    (void)expect_result(w, CLOUD_DOWN_DELTA, CLOUD_OUTCOME_APPLIED);
    assert_int_equal(expect_request(w, CLOUD_WANT_DELTA).version, 43);
}

static void feed__rejected__is_not_asked_for_again_until_another_version(void **state)
{
    struct world *w = *state;

    connect_up(w);
    desire(w, policy(1, 43, ROOT_B));
    (void)expect_request(w, CLOUD_WANT_DELTA);
    send_delta(w, 42, 43);
    const struct sync_policy_report r = { .outcome = SYNC_POLICY_REJECTED,
                                          .code = "item",
                                          .kind = "user",
                                          .id = "u9",
                                          .member = "valid_from",
                                          .policy = w->policy };

    sync_policy(w->sync, &w->now, &r);
    struct cloud_result result = expect_result(w, CLOUD_DOWN_DELTA, CLOUD_OUTCOME_REJECTED);

    assert_string_equal(result.code, "item");
    assert_string_equal(result.id, "u9");
    assert_string_equal(result.member, "valid_from");
    assert_int_equal(result.policy.version, 42);
    acked(w, 0);
    desire(w, policy(1, 43, ROOT_B));
    pass(w, 20 * SECOND);
    expect_silence(w);
    desire(w, policy(1, 44, ROOT_B));
    assert_int_equal(expect_request(w, CLOUD_WANT_DELTA).version, 42);
}

static void feed__gap__is_said_and_asked_for(void **state)
{
    struct world *w = *state;

    connect_up(w);
    send_delta(w, 44, 45);
    report(w, SYNC_POLICY_GAP);
    (void)expect_result(w, CLOUD_DOWN_DELTA, CLOUD_OUTCOME_GAP);
    assert_int_equal(expect_request(w, CLOUD_WANT_DELTA).version, 42);
    send_delta(w, 41, 42);
    report(w, SYNC_POLICY_STALE);
    (void)expect_result(w, CLOUD_DOWN_DELTA, CLOUD_OUTCOME_STALE);
    expect_silence(w);
}

static void feed__gap_told_after_the_connection_s_end__is_kept_quiet(void **state)
{
    struct world *w = *state;

    connect_up(w);
    send_delta(w, 44, 45);
    sync_disconnected(w->sync, &w->now, "gone");
    report(w, SYNC_POLICY_GAP);
    expect_silence(w);
}

static void feed__disk_failure__is_said_and_asked_again_in_time(void **state)
{
    struct world *w = *state;

    connect_up(w);
    desire(w, policy(1, 43, ROOT_B));
    (void)expect_request(w, CLOUD_WANT_DELTA);
    send_delta(w, 42, 43);
    report(w, SYNC_POLICY_FAILED);
    (void)expect_result(w, CLOUD_DOWN_DELTA, CLOUD_OUTCOME_FAILED);
    expect_silence(w);
    pass(w, 10 * SECOND);
    (void)expect_request(w, CLOUD_WANT_DELTA);
}

static void feed__store_is_busy__drops_and_asks_again(void **state)
{
    struct world *w = *state;

    connect_up(w);
    desire(w, policy(1, 43, ROOT_B));
    (void)expect_request(w, CLOUD_WANT_DELTA);
    w->store_error = -ENOBUFS;
    send_delta(w, 42, 43);
    expect_silence(w);
    pass(w, 10 * SECOND);
    (void)expect_request(w, CLOUD_WANT_DELTA);
    w->store_error = -EMSGSIZE; /* will never fit */
    send_delta(w, 42, 43);
    assert_string_equal(expect_result(w, CLOUD_DOWN_DELTA, CLOUD_OUTCOME_REJECTED).code, "claims");
    acked(w, 0);
    pass(w, 20 * SECOND);
    expect_silence(w);
}

static void feed__envelope_does_not_hold__is_refused_and_asked_again(void **state)
{
    struct world *w = *state;

    connect_up(w);
    desire(w, policy(1, 43, ROOT_B));
    (void)expect_request(w, CLOUD_WANT_DELTA);
    receive_text(w, CLOUD_DOWN_DELTA, "eyJhbGciOiJFZERTQSJ9.e30.AA");
    assert_string_equal(expect_result(w, CLOUD_DOWN_DELTA, CLOUD_OUTCOME_REJECTED).code, "header");
    pass(w, 10 * SECOND);
    (void)expect_request(w, CLOUD_WANT_DELTA);
    receive_text(w, CLOUD_DOWN_DELTA, "{\"aud\":\"hub/gw1\",\"iat\":1}"); /* content: not asked again */
    assert_string_equal(expect_result(w, CLOUD_DOWN_DELTA, CLOUD_OUTCOME_REJECTED).code, "claims");
    acked(w, 0);
    pass(w, 19 * SECOND);
    expect_silence(w);
}

static void feed__refusals__fifty_a_second_are_answered(void **state)
{
    struct world *w = *state;
    size_t answered;

    connect_up(w);
    for (int i = 0; i < 80; i++)
        receive_text(w, CLOUD_DOWN_DESIRED, "x");
    answered = w->out_count - w->out_taken;
    assert_int_equal(answered, 50);
    pass(w, SECOND);
    receive_text(w, CLOUD_DOWN_ACK, "x");
    assert_int_equal(w->out_count - w->out_taken, 51);
}

static void receive_chunks(struct world *w, int64_t from, int64_t to)
{
    for (int64_t i = from; i < to; i++) {
        receive_text(w, CLOUD_DOWN_CHUNK, "{}\n");
        staged(w, 43, 20, i + 1);
        report(w, SYNC_POLICY_STAGED);
    }
}

static void feed__snapshot__comes_in_windows_and_is_answered_once(void **state)
{
    struct world *w = *state;
    char ref[CLOUD_REF_SIZE];

    connect_up(w);
    send_manifest(w, policy(1, 43, ROOT_B), 20);
    cloud_ref(w->text.data, w->text.len, ref);
    desire(w, policy(1, 43, ROOT_B));
    staged(w, 43, 20, 0);
    report(w, SYNC_POLICY_STAGED);
    struct cloud_request request = expect_request(w, CLOUD_WANT_CHUNKS);

    assert_int_equal(request.from, 0);
    assert_int_equal(request.count, 16);
    receive_chunks(w, 0, 15);
    expect_silence(w);
    receive_chunks(w, 15, 16);
    request = expect_request(w, CLOUD_WANT_CHUNKS);
    assert_int_equal(request.from, 16);
    assert_int_equal(request.count, 4);
    receive_chunks(w, 16, 19);
    receive_text(w, CLOUD_DOWN_CHUNK, "{}\n");
    w->staging.active = false;
    w->policy = policy(1, 43, ROOT_B);
    report(w, SYNC_POLICY_APPLIED);
    assert_string_equal(expect_result(w, CLOUD_DOWN_SNAPSHOT, CLOUD_OUTCOME_APPLIED).ref, ref);
    expect_silence(w);
}

static void feed__chunk_lost__is_asked_for_after_ten_seconds_without_progress(void **state)
{
    struct world *w = *state;

    connect_up(w);
    acked(w, 0);
    send_manifest(w, policy(1, 43, ROOT_B), 20);
    staged(w, 43, 20, 0);
    report(w, SYNC_POLICY_STAGED);
    desire(w, policy(1, 43, ROOT_B));
    (void)expect_request(w, CLOUD_WANT_CHUNKS);
    pass(w, 9 * SECOND);
    receive_chunks(w, 0, 5);
    receive_text(w, CLOUD_DOWN_CHUNK, "{}\n"); /* the sixth is missing */
    report(w, SYNC_POLICY_IGNORED);
    pass(w, 10 * SECOND - 1);
    expect_silence(w);
    pass(w, 1);
    assert_int_equal(expect_request(w, CLOUD_WANT_CHUNKS).from, 5);
}

static void feed__restart_while_staging__goes_on_where_it_was(void **state)
{
    struct world *w = *state;

    staged(w, 43, 20, 7);
    start(w);
    connect_up(w);
    desire(w, policy(1, 44, ROOT_B)); /* the target has moved on meanwhile */
    struct cloud_request request = expect_request(w, CLOUD_WANT_CHUNKS);

    assert_int_equal(request.version, 43);
    assert_int_equal(request.from, 7);
    receive_text(w, CLOUD_DOWN_CHUNK, "{}\n");
    w->staging.active = false;
    w->policy = policy(1, 43, ROOT_A);
    report(w, SYNC_POLICY_APPLIED);
    (void)expect_result(w, CLOUD_DOWN_CHUNK, CLOUD_OUTCOME_APPLIED); /* the manifest's ref is not known */
    (void)expect_request(w, CLOUD_WANT_DELTA);
}

static void feed__staging_that_leads_nowhere__is_dropped(void **state)
{
    struct world *w = *state;

    staged(w, 45, 20, 7);
    start(w);
    connect_up(w);
    desire(w, policy(1, 43, ROOT_B)); /* below what is staged */
    assert_int_equal(w->cancels, 1);
    (void)expect_request(w, CLOUD_WANT_DELTA);
    w->staging.active = false;
    report(w, SYNC_POLICY_STALE);
    expect_silence(w);
}

static void feed__staging_that_cannot_be_dropped__is_tried_again_later(void **state)
{
    struct world *w = *state;

    staged(w, 45, 20, 7);
    start(w);
    connect_up(w);
    desire(w, policy(1, 43, ROOT_B));
    (void)expect_request(w, CLOUD_WANT_DELTA);
    report(w, SYNC_POLICY_FAILED);
    assert_int_equal(w->cancels, 1); /* not at once: the disk would say the same, for ever */
    desire(w, policy(1, 43, ROOT_B));
    assert_int_equal(w->cancels, 2);
}

static void feed__chunk_that_nobody_waits_for__is_ignored(void **state)
{
    struct world *w = *state;

    connect_up(w);
    receive_text(w, CLOUD_DOWN_CHUNK, "{}\n");
    assert_int_equal(w->chunks, 0);
    expect_silence(w);
}

static void feed__desired_again_and_answer_overdue__asks_at_once(void **state)
{
    struct world *w = *state;

    connect_up(w);
    acked(w, 0);
    desire(w, policy(1, 43, ROOT_B));
    (void)expect_request(w, CLOUD_WANT_DELTA);
    pass(w, 10 * SECOND);
    (void)expect_request(w, CLOUD_WANT_DELTA); /* and again in 20 s */
    pass(w, 9 * SECOND);
    desire(w, policy(1, 43, ROOT_B));
    expect_silence(w);
    pass(w, 1 * SECOND);
    desire(w, policy(1, 43, ROOT_B));
    (void)expect_request(w, CLOUD_WANT_DELTA);
    pass(w, 10 * SECOND);
    (void)expect_request(w, CLOUD_WANT_DELTA);
}

static void feed__P5_desired_that_a_newer_one_overtook__is_no_target(void **state)
{
    struct world *w = *state;

    connect_up(w);
    acked(w, 0);
    desire_at(w, policy(1, 44, ROOT_A), 7);
    (void)expect_request(w, CLOUD_WANT_DELTA);
    desire_at(w, policy(1, 42, w->policy.root), 7);
    desire_at(w, policy(1, 43, ROOT_B), 6);
    expect_silence(w);
    pass(w, 10 * SECOND);
    (void)expect_request(w, CLOUD_WANT_DELTA); /* 44 is what is still wanted */
    desire_at(w, policy(1, 42, w->policy.root), 8);
    pass(w, 300 * SECOND);
    expect_silence(w); /* a cloud that was put back says so */
}

static struct sync_status status_of(struct world *w)
{
    struct sync_status status;

    sync_status(w->sync, &status);
    return status;
}

static void feed__status__tells_people_what_is_missing_and_why(void **state)
{
    struct world *w = *state;

    connect_up(w);
    desire(w, w->policy);
    assert_int_equal(status_of(w).agreed_us, w->now.boot_us);
    assert_null(status_of(w).asks);
    assert_int_equal(status_of(w).trouble_us, 0);
    assert_int_equal(status_of(w).changed.iat, 0);
    desire(w, policy(1, 43, ROOT_B));
    assert_string_equal(status_of(w).asks, "delta");
    w->now.boot_us += SECOND;
    send_delta(w, 42, 43);
    report(w, SYNC_POLICY_FAILED);
    assert_int_equal(status_of(w).trouble.of, CLOUD_DOWN_DELTA);
    assert_int_equal(status_of(w).trouble.outcome, CLOUD_OUTCOME_FAILED);
    assert_int_equal(status_of(w).trouble_us, w->now.boot_us);
    assert_int_equal(status_of(w).agreed_us, w->now.boot_us - SECOND);
    assert_int_equal(status_of(w).changed.iat, 0);
    send_delta(w, 42, 43);
    w->policy = policy(1, 43, ROOT_B);
    report(w, SYNC_POLICY_APPLIED);
    assert_int_equal(status_of(w).agreed_us, w->now.boot_us);
    assert_int_equal(status_of(w).changed.iat, 1);
    assert_string_equal(status_of(w).changed.kid, "");
}

/* A chunk is nobody's: its manifest was signed. */
static void feed__status__tells_who_sent_a_snapshot(void **state)
{
    struct world *w = *state;

    connect_up(w);
    send_manifest(w, policy(1, 43, ROOT_B), 1);
    staged(w, 43, 1, 0);
    report(w, SYNC_POLICY_STAGED);
    assert_true(status_of(w).staging.active);
    assert_int_equal(status_of(w).changed.iat, 0);
    receive_text(w, CLOUD_DOWN_CHUNK, "{}\n");
    w->staging.active = false;
    w->policy = policy(1, 43, ROOT_B);
    report(w, SYNC_POLICY_APPLIED);
    assert_int_equal(status_of(w).changed.iat, 1);
}

static void feed__audience__is_this_gateway_or_its_site(void **state)
{
    struct world *w = *state;

    connect_up(w);
    receive_text(w, CLOUD_DOWN_DESIRED,
                 "{\"aud\":\"hub/gw2\",\"iat\":1,\"generation\":1,\"version\":43,\"root\":\"" ROOT_B "\"}");
    assert_string_equal(expect_result(w, CLOUD_DOWN_DESIRED, CLOUD_OUTCOME_REJECTED).code, "audience");
    receive_text(w, CLOUD_DOWN_DESIRED,
                 "{\"aud\":\"hub/*\",\"iat\":1,\"generation\":1,\"version\":43,\"root\":\"" ROOT_B "\"}");
    (void)expect_request(w, CLOUD_WANT_DELTA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(feed__on_desired__asks_by_the_contract_s_table),
        TEST(feed__no_answer__asks_again_after_ten_seconds_doubling_to_five_minutes),
        TEST(feed__delta__is_answered_with_its_ref_and_what_is_in_force),
        TEST(feed__applied_but_target_moved_on__asks_for_the_rest_at_once),
        TEST(feed__rejected__is_not_asked_for_again_until_another_version),
        TEST(feed__gap__is_said_and_asked_for),
        TEST(feed__gap_told_after_the_connection_s_end__is_kept_quiet),
        TEST(feed__disk_failure__is_said_and_asked_again_in_time),
        TEST(feed__store_is_busy__drops_and_asks_again),
        TEST(feed__envelope_does_not_hold__is_refused_and_asked_again),
        TEST(feed__refusals__fifty_a_second_are_answered),
        TEST(feed__snapshot__comes_in_windows_and_is_answered_once),
        TEST(feed__chunk_lost__is_asked_for_after_ten_seconds_without_progress),
        TEST(feed__restart_while_staging__goes_on_where_it_was),
        TEST(feed__staging_that_leads_nowhere__is_dropped),
        TEST(feed__staging_that_cannot_be_dropped__is_tried_again_later),
        TEST(feed__chunk_that_nobody_waits_for__is_ignored),
        TEST(feed__desired_again_and_answer_overdue__asks_at_once),
        TEST(feed__P5_desired_that_a_newer_one_overtook__is_no_target),
        TEST(feed__status__tells_people_what_is_missing_and_why),
        TEST(feed__status__tells_who_sent_a_snapshot),
        TEST(feed__audience__is_this_gateway_or_its_site),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
