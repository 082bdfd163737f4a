/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands: each clause of the contract's section 4. */
#include "gateway/sync/commands.h"
#include "tests/unit/command_fixture.h"

/* --- C1 --- */

static void C1__retained__is_refused(void **state)
{
    struct commander *c = *state;
    char header[HEADER_SIZE];

    text_reset(&c->payload);
    craft(&c->w->text, header_of(header, "EdDSA", "cmd-1", "stile-command+jwt"), "{}", COMMAND_SEED);
    const struct trust_message message = { true, c->w->text.data, c->w->text.len };

    sync_message(c->w->sync, &c->w->now, "down/command", &message);
    struct cloud_command_result result = expect_command_result(c->w, CLOUD_COMMAND_REFUSED);

    assert_string_equal(result.code, "retained");
    assert_string_equal(result.jti, "");
    assert_int_equal(c->w->begins, 0);
}

static void C1__lifetime__depends_on_what_the_verb_does(void **state)
{
    static const struct {
        const char *rest;
        int64_t max_s;
    } cases[] = {
        { RELEASE, 30 },
        { ",\"verb\":\"lockdown\",\"target\":\"*\",\"args\":{\"on\":true}", 30 },
        { ",\"verb\":\"forgive\",\"target\":\"u1\"", 300 },
        { ",\"verb\":\"sync\"", 300 },
    };
    struct commander *c = *state;

    c->w->runs_end = true;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        send_claims(c, JTI, NOW_S, NOW_S, cases[i].rest);
        expect_code(c, "lifetime");
        send_claims(c, JTI, NOW_S, NOW_S + cases[i].max_s + 1, cases[i].rest);
        expect_code(c, "lifetime");
        send_claims(c, JTI, NOW_S, NOW_S + cases[i].max_s, cases[i].rest);
        begun_new(c);
        assert_int_equal(c->w->seen.outcome, CLOUD_COMMAND_COMPLETED);
        sync_command_ended(c->w->sync, &c->w->now, c->w->seen.id, 8);
        while (next(c->w))
            continue;
    }
}

static void C1__synced_clock__iat_less_five_seconds_to_exp(void **state)
{
    struct commander *c = *state;

    c->w->now.utc_us = (NOW_S - 5) * USEC_PER_SEC - 1;
    send_release(c, JTI);
    expect_code(c, "not_yet");
    c->w->now.utc_us = (NOW_S + 20) * USEC_PER_SEC;
    send_release(c, JTI);
    expect_code(c, "expired");
    c->w->now.utc_us = (NOW_S - 5) * USEC_PER_SEC;
    send_release(c, JTI);
    expect_run(c);
    c->w->now.utc_us = (NOW_S + 20) * USEC_PER_SEC - 1;
    send_release(c, JTI);
    expect_run(c);
}

/* With a challenge of ours in it. */
static void send_challenged(struct commander *c, const char *challenge, int64_t lifetime_s)
{
    char rest[512];

    snprintf(rest, sizeof(rest), RELEASE ",\"chal\":\"%s\"", challenge);
    send_claims(c, JTI, 100, 100 + lifetime_s, rest);
}

static void C1__clock_not_synced__needs_a_challenge_of_ours(void **state)
{
    struct commander *c = *state;

    for (int clock = CLOCK_STATE_NONE; clock < CLOCK_STATE_SYNCED; clock++) {
        c->w->now.clock = (enum clock_state)clock;
        send_release(c, JTI);
        expect_code(c, "challenge");
        send_challenged(c, "u3Rk0XbT5yXo7W0mZq1vJg", 20);
        expect_code(c, "challenge");
        send_challenged(c, "no challenge at all", 20);
        expect_code(c, "challenge");
        send_challenged(c, c->challenge, 20);
        expect_run(c);
    }
}

static void C1__challenge__no_older_than_the_command_lives(void **state)
{
    struct commander *c = *state;

    c->w->now.clock = CLOCK_STATE_NONE;
    c->w->now.boot_us += 20 * SECOND;
    send_challenged(c, c->challenge, 20);
    expect_run(c);
    assert_int_equal(c->w->seen.run.deadline_us, c->w->now.boot_us);
    c->w->now.boot_us++;
    send_challenged(c, c->challenge, 20);
    expect_code(c, "challenge");
    send_challenged(c, c->challenge, 20); /* the new one */
    expect_run(c);
}

static void C1__challenge_on_a_synced_clock__must_count_too(void **state)
{
    struct commander *c = *state;
    char rest[512];

    send_claims(c, JTI, NOW_S, NOW_S + 20, RELEASE ",\"chal\":\"u3Rk0XbT5yXo7W0mZq1vJg\"");
    expect_code(c, "challenge");
    snprintf(rest, sizeof(rest), RELEASE ",\"chal\":\"%s\"", c->challenge);
    c->w->now.boot_us += 5 * SECOND;
    c->w->now.utc_us += 5 * SECOND;
    send_claims(c, JTI, NOW_S, NOW_S + 20, rest);
    expect_run(c);
    assert_int_equal(c->w->seen.run.deadline_us, c->w->now.boot_us + 15 * SECOND);
}

static void C1__challenges__the_last_eight_count(void **state)
{
    struct commander *c = *state;
    char first[CLOUD_CHALLENGE_SIZE];

    c->w->now.clock = CLOCK_STATE_NONE;
    strcpy(first, c->challenge);
    for (int i = 0; i < CLOUD_CHALLENGES - 1; i++) {
        send_release(c, JTI);
        expect_code(c, "challenge");
    }
    send_challenged(c, first, 30);
    expect_run(c);
    send_release(c, JTI);
    expect_code(c, "challenge");
    send_challenged(c, first, 30);
    expect_code(c, "challenge");
}

static void C1__clock_far_behind_what_was_signed__needs_a_challenge(void **state)
{
    struct commander *c = *state;

    send_release(c, JTI);
    expect_run(c);
    c->w->now.utc_us -= 300 * USEC_PER_SEC;
    send_claims(c, JTI, NOW_S - 300, NOW_S - 280, RELEASE);
    expect_run(c);
    c->w->now.utc_us -= USEC_PER_SEC;
    send_claims(c, JTI, NOW_S - 301, NOW_S - 281, RELEASE);
    expect_code(c, "challenge");
    send_challenged(c, c->challenge, 20);
    expect_run(c);
}

/* Far-off numbers break nothing. */
static void C1__times_at_the_bounds_of_numbers__are_refused(void **state)
{
    struct commander *c = *state;

    send_claims(c, JTI, JSON_INT_MAX - 20, JSON_INT_MAX, RELEASE);
    expect_code(c, "not_yet");
    send_claims(c, JTI, 0, 20, RELEASE);
    expect_code(c, "expired");
    send_claims(c, JTI, JSON_INT_MAX, 0, RELEASE);
    expect_code(c, "lifetime");
}

/* --- the codes' order --- */

static void codes__each_fault_less__the_next_code(void **state)
{
    static const struct {
        const char *kid;
        uint8_t seed;
        const char *rest, *code;
    } cases[] = {
        { "desk", SCOPED_SEED, ",\"verb\":\"fly\",\"target\":\"nowhere\"", "scope" },
        { "desk", SCOPED_SEED, ",\"verb\":\"dance\",\"target\":\"back\"", "scope" },
        { "root-1", ROOT_SEED, ",\"verb\":\"dance\",\"target\":\"nowhere\"", "verb" },
        { "root-1", ROOT_SEED, ",\"verb\":\"release\",\"target\":\"nowhere\"", "use" },
        { "cmd-1", COMMAND_SEED, ",\"verb\":\"retire_key\",\"target\":\"x\"", "use" },
        { "cmd-1", COMMAND_SEED, ",\"verb\":\"release\",\"target\":\"nowhere\"", "target" },
        { "cmd-1", COMMAND_SEED, ",\"verb\":\"release\",\"target\":\"*\"", "target" },
        { "cmd-1", COMMAND_SEED, ",\"verb\":\"release\",\"target\":\"front\"", "args" },
        { "cmd-1", COMMAND_SEED, ",\"verb\":\"open\",\"target\":\"front\"", "args" },
    };
    struct commander *c = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        c->kid = cases[i].kid;
        c->seed = cases[i].seed;
        send_claims(c, JTI, NOW_S, NOW_S + 20, cases[i].rest);
        expect_code(c, cases[i].code);
    }
}

static void codes__claims__are_answered_without_the_ledger(void **state)
{
    struct commander *c = *state;

    send_claims(c, "short", NOW_S, NOW_S + 20, RELEASE);
    struct cloud_command_result result = expect_command_result(c->w, CLOUD_COMMAND_REFUSED);

    assert_string_equal(result.code, "claims");
    assert_string_equal(result.member, "jti");
    assert_string_equal(result.kid, "cmd-1");
    assert_int_equal(c->w->begins, 0);
}

static void codes__too_many_under_way__busy_then_silence_but_for_a_root(void **state)
{
    struct commander *c = *state;
    char jti[32];

    for (int i = 0; i < 48; i++) {
        snprintf(jti, sizeof(jti), "%016d", i);
        send_release(c, jti);
        expect_run(c);
    }
    send_release(c, JTI);
    expect_code(c, "busy");
    for (int i = 48; i < 64; i++) {
        snprintf(jti, sizeof(jti), "%016d", i);
        send_release(c, jti);
    }
    unsigned begins = c->w->begins;

    send_release(c, JTI);
    assert_int_equal(c->w->begins, begins);
    expect_silence(c->w);

    c->kid = "root-1"; /* for which there is room left */
    c->seed = ROOT_SEED;
    send_claims(c, JTI, NOW_S, NOW_S + 20, ",\"verb\":\"retire_key\",\"target\":\"cmd-1\"");
    for (unsigned i = 49; i < begins; i++)
        begun_new(c); /* those before it, which are busy */
    expect_run(c);
}

/* --- C2 --- */

static void C2__started__is_durable_before_the_device_is_told(void **state)
{
    struct commander *c = *state;

    send_release(c, JTI);
    assert_int_equal(c->w->begins, 1);
    assert_string_equal(c->w->seen.jti, JTI);
    assert_string_equal(c->w->seen.kid, "cmd-1");
    pass(c->w, SECOND);
    assert_int_equal(c->w->runs, 0);
    expect_run(c);
    assert_int_equal(c->w->seen.run.verb, CLOUD_VERB_RELEASE);
}

static void C2__ledger_does_not_take_it__nothing_happens(void **state)
{
    const struct sync_command_begun failed = { .outcome = SYNC_BEGUN_FAILED };
    struct commander *c = *state;

    c->w->store_error = -ENOBUFS;
    send_release(c, JTI);
    c->w->store_error = 0;
    send_release(c, JTI);
    sync_command_begun(c->w->sync, &c->w->now, &failed);
    assert_int_equal(c->w->runs, 0);
    assert_int_equal(c->w->ends, 0);
    expect_silence(c->w);
}

static void C2__ledger_is_slow__the_command_expires(void **state)
{
    struct commander *c = *state;

    send_release(c, JTI);
    c->w->now.boot_us += 20 * SECOND + 1;
    expect_code(c, "expired");
}

static void C2__repeat__gets_the_first_answer(void **state)
{
    struct commander *c = *state;
    char ref[CLOUD_REF_SIZE];
    char stored[2048];

    send_release(c, JTI);
    strcpy(ref, c->w->seen.ref);
    expect_run(c);
    done(c, CLOUD_COMMAND_COMPLETED, NULL);
    strcpy(stored, c->w->seen.stored);
    sync_command_ended(c->w->sync, &c->w->now, c->w->seen.id, 12);
    assert_false(expect_command_result(c->w, CLOUD_COMMAND_COMPLETED).repeat);
    c->w->now.utc_us += 100 * SECOND; /* it would have expired: that does not count */
    send_release(c, JTI);
    assert_string_equal(c->w->seen.ref, ref);
    begun_known(c, ref, stored, 12);
    struct cloud_command_result again = expect_command_result(c->w, CLOUD_COMMAND_COMPLETED);

    assert_true(again.repeat);
    assert_int_equal(again.seq, 12);
    assert_int_equal(c->w->runs, 1);
    assert_int_equal(c->w->ends, 1);
}

static void C2__repeat_while_it_runs__one_answer(void **state)
{
    struct commander *c = *state;
    char ref[CLOUD_REF_SIZE];

    send_release(c, JTI);
    strcpy(ref, c->w->seen.ref);
    send_release(c, JTI);
    expect_run(c);
    begun_known(c, ref, NULL, 0);
    expect_silence(c->w);
    done(c, CLOUD_COMMAND_COMPLETED, NULL);
    sync_command_ended(c->w->sync, &c->w->now, c->w->seen.id, 12);
    (void)expect_command_result(c->w, CLOUD_COMMAND_COMPLETED);
    assert_int_equal(c->w->runs, 1);
}

static void C2__same_jti_other_bytes__is_refused(void **state)
{
    struct commander *c = *state;

    send_release(c, JTI);
    begun_known(c, "00000000000000000000000000000000", "{}", 12);
    struct cloud_command_result result = expect_command_result(c->w, CLOUD_COMMAND_REFUSED);

    assert_string_equal(result.code, "jti");
    assert_string_equal(result.jti, JTI);
    assert_int_equal(c->w->runs, 0);
    assert_int_equal(c->w->ends, 0);
}

static void C2__repeated_challenge_refusal__brings_a_new_challenge(void **state)
{
    struct commander *c = *state;
    char ref[CLOUD_REF_SIZE];
    char stored[2048];

    c->w->now.clock = CLOCK_STATE_NONE;
    send_release(c, JTI);
    strcpy(ref, c->w->seen.ref);
    expect_code(c, "challenge");
    strcpy(stored, c->w->seen.stored);
    send_release(c, JTI);
    begun_known(c, ref, stored, 7);
    struct cloud_command_result again = expect_command_result(c->w, CLOUD_COMMAND_REFUSED);

    assert_true(again.repeat);
    assert_string_not_equal(again.challenge, c->challenge);
    send_challenged(c, again.challenge, 20);
    expect_run(c);
}

static void C2__cut_short__is_unknown_and_not_driven(void **state)
{
    struct commander *c = *state;
    const struct sync_command_name name = {
        "cmd-1", JTI, "0123456789abcdef0123456789abcdef",
        "{\"verb\":\"release\",\"target\":\"front\",\"sub\":\"\",\"iss\":\"d\"}"
    };

    start(c->w);
    sync_restore_command(c->w->sync, &name);
    assert_true(sync_due(c->w->sync) <= c->w->now.boot_us);
    sync_advance(c->w->sync, &c->w->now);
    assert_int_equal(c->w->ends, 1);
    assert_int_equal(c->w->seen.outcome, CLOUD_COMMAND_UNKNOWN);
    sync_command_ended(c->w->sync, &c->w->now, c->w->seen.id, 9);
    assert_int_equal(c->w->runs, 0);
}

static void C2__more_cut_short_than_there_are_places__the_rest_waits(void **state)
{
    struct commander *c = *state;
    const struct sync_command_name name = { "cmd-1", JTI, "0123456789abcdef0123456789abcdef", "{}" };

    start(c->w);
    for (int i = 0; i < COMMANDS_MAX + 1; i++)
        sync_restore_command(c->w->sync, &name);
    sync_advance(c->w->sync, &c->w->now);
    assert_int_equal(c->w->ends, COMMANDS_MAX);
}

static void C2__ledger_lost__only_a_challenge_of_this_run_counts_at_first(void **state)
{
    struct commander *c = *state;
    char rest[512];

    c->w->forgetful = true;
    start(c->w);
    say_hello(c);
    sync_advance(c->w->sync, &c->w->now);
    send_release(c, JTI);
    expect_code(c, "challenge");
    snprintf(rest, sizeof(rest), RELEASE ",\"chal\":\"%s\"", c->challenge);
    send_claims(c, JTI, NOW_S, NOW_S + 20, rest);
    expect_run(c);
    pass(c->w, 305 * SECOND);
    send_release(c, JTI);
    expect_run(c);
}

/* --- C3 --- */

static void C3__result__follows_its_durable_event(void **state)
{
    struct commander *c = *state;

    send_release(c, JTI);
    expect_run(c);
    c->w->now.boot_us += 412 * USEC_PER_MSEC;
    done(c, CLOUD_COMMAND_FAILED, "device_down");
    expect_silence(c->w);
    sync_command_ended(c->w->sync, &c->w->now, c->w->seen.id, 4713);
    struct cloud_command_result result = expect_command_result(c->w, CLOUD_COMMAND_FAILED);

    assert_string_equal(result.reason, "device_down");
    assert_string_equal(result.jti, JTI);
    assert_string_equal(result.ref, c->w->seen.ref);
    assert_int_equal(result.seq, 4713);
    assert_int_equal(result.ms, 412);
}

static void C3__ledger_is_full__the_result_is_stored_later(void **state)
{
    struct commander *c = *state;

    send_release(c, JTI);
    expect_run(c);
    c->w->end_error = -ENOBUFS;
    done(c, CLOUD_COMMAND_COMPLETED, NULL);
    assert_int_equal(sync_due(c->w->sync), c->w->now.boot_us + SECOND);
    c->w->end_error = 0;
    pass(c->w, SECOND);
    assert_int_equal(c->w->ends, 1);
    assert_int_equal(c->w->seen.outcome, CLOUD_COMMAND_COMPLETED);
}

static void C3__connection_gone__the_event_alone_tells(void **state)
{
    struct commander *c = *state;

    send_release(c, JTI);
    expect_run(c);
    sync_disconnected(c->w->sync, &c->w->now, "gone");
    done(c, CLOUD_COMMAND_COMPLETED, NULL);
    sync_command_ended(c->w->sync, &c->w->now, c->w->seen.id, 9);
    assert_int_equal(c->w->ends, 1);
    expect_silence(c->w);
}

/* --- C4 --- */

static void C4__held_back_by_the_broker__is_not_carried_out(void **state)
{
    struct commander *c = *state;
    char challenge[CLOUD_CHALLENGE_SIZE];

    strcpy(challenge, c->challenge);
    c->w->now.boot_us += 31 * SECOND;
    c->w->now.utc_us += 31 * SECOND;
    send_claims(c, JTI, NOW_S, NOW_S + 30, RELEASE);
    expect_code(c, "expired");
    c->w->now.clock = CLOCK_STATE_NONE;
    send_challenged(c, challenge, 30);
    expect_code(c, "challenge");
    assert_int_equal(c->w->runs, 0);
}

/* --- the verb of sync's own --- */

static void sync__is_a_birth_at_once(void **state)
{
    struct commander *c = *state;

    send_claims(c, JTI, NOW_S, NOW_S + 20, ",\"verb\":\"sync\"");
    begun_new(c);
    struct cloud_state said = expect_state(c->w);

    assert_string_not_equal(said.challenge, c->challenge);
    assert_int_equal(c->w->seen.outcome, CLOUD_COMMAND_COMPLETED);
    assert_int_equal(c->w->runs, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_commander, teardown_commander)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(C1__retained__is_refused),
        CASE(C1__lifetime__depends_on_what_the_verb_does),
        CASE(C1__synced_clock__iat_less_five_seconds_to_exp),
        CASE(C1__clock_not_synced__needs_a_challenge_of_ours),
        CASE(C1__challenge__no_older_than_the_command_lives),
        CASE(C1__challenge_on_a_synced_clock__must_count_too),
        CASE(C1__challenges__the_last_eight_count),
        CASE(C1__clock_far_behind_what_was_signed__needs_a_challenge),
        CASE(C1__times_at_the_bounds_of_numbers__are_refused),
        CASE(codes__each_fault_less__the_next_code),
        CASE(codes__claims__are_answered_without_the_ledger),
        CASE(codes__too_many_under_way__busy_then_silence_but_for_a_root),
        CASE(C2__started__is_durable_before_the_device_is_told),
        CASE(C2__ledger_does_not_take_it__nothing_happens),
        CASE(C2__ledger_is_slow__the_command_expires),
        CASE(C2__repeat__gets_the_first_answer),
        CASE(C2__repeat_while_it_runs__one_answer),
        CASE(C2__same_jti_other_bytes__is_refused),
        CASE(C2__repeated_challenge_refusal__brings_a_new_challenge),
        CASE(C2__cut_short__is_unknown_and_not_driven),
        CASE(C2__more_cut_short_than_there_are_places__the_rest_waits),
        CASE(C2__ledger_lost__only_a_challenge_of_this_run_counts_at_first),
        CASE(C3__result__follows_its_durable_event),
        CASE(C3__ledger_is_full__the_result_is_stored_later),
        CASE(C3__connection_gone__the_event_alone_tells),
        CASE(C4__held_back_by_the_broker__is_not_carried_out),
        CASE(sync__is_a_birth_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
