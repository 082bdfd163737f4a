/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Attacks with what was good once: messages sent again, changed behind their jti, or with a challenge or
 * nonce that is over; and floods (cloud contract 1, C1, C2). test_sync_attack.c has the single messages. */
#include "tests/unit/attack_gateway.h"

#define ROUNDS 200

static int setup_gateway(void **state)
{
    struct gateway *g = calloc(1, sizeof(*g));

    gateway_open(g);
    *state = g;
    return 0;
}

static int teardown_gateway(void **state)
{
    struct gateway *g = *state;

    gateway_close(g);
    free(g);
    return 0;
}

/* A message of that topic whose gateway has just begun. */
static struct draft begin_with(struct gateway *g, enum cloud_topic topic, uint64_t dice, bool clock)
{
    struct draft d = { .topic = topic, .dice = dice, .challenged = true };

    begin(g, &d, TRUST_SIGNED, clock);
    return d;
}

static void assert_refused(struct gateway *g, const struct heard *heard, const struct effects *before,
                           const char *code)
{
    struct effects after = look(g->w);

    assert_string_equal(heard->code, code);
    assert_string_equal(heard->event, code);
    assert_int_equal(heard->results, 1);
    assert_int_equal(heard->others, 0);
    assert_memory_equal(&after, before, sizeof(after));
}

static void replay__command_again__tells_the_first_result(void **state)
{
    struct gateway *g = *state;

    for (unsigned round = 0; round < ROUNDS; round++) {
        struct draft d = begin_with(g, CLOUD_DOWN_COMMAND, round, round & 1);

        write_draft(&d, &g->message);
        assert_string_equal(deliver(g, d.topic, false).code, "");
        struct effects before = look(g->w);
        char stored[sizeof(g->w->seen.stored)], first_ref[CLOUD_REF_SIZE];

        strcpy(stored, g->w->seen.stored);
        strcpy(first_ref, g->w->seen.ref);
        const struct sync_command_begun known = { SYNC_BEGUN_KNOWN, first_ref, stored, 7 };
        struct heard heard = deliver_as(g, d.topic, false, known);
        struct effects after = look(g->w);

        assert_true(heard.repeat);
        assert_int_equal(heard.results, 1);
        assert_memory_equal(&after, &before, sizeof(after));
    }
}

static void replay__jti_with_other_bytes__is_refused(void **state)
{
    static const struct way others[] = {
        { .text = "gym" },
        { .text = "{\"direction\":\"exit\",\"reason\":\"r\"}" },
        { .text = "release", .number = 21 },
    };
    static const enum check where[] = { CHECK_TARGET, CHECK_ARGS, CHECK_LIFETIME };
    struct gateway *g = *state;

    for (unsigned round = 0; round < ROUNDS; round++) {
        struct draft d = begin_with(g, CLOUD_DOWN_COMMAND, round, round & 1);
        char stored[sizeof(g->w->seen.stored)], first_ref[CLOUD_REF_SIZE];

        write_draft(&d, &g->message);
        assert_string_equal(deliver(g, d.topic, false).code, "");
        struct effects before = look(g->w);

        strcpy(stored, g->w->seen.stored);
        strcpy(first_ref, g->w->seen.ref);
        d.ways[where[round % 3]] = &others[round % 3];
        write_draft(&d, &g->message);
        const struct sync_command_begun known = { SYNC_BEGUN_KNOWN, first_ref, stored, 7 };
        struct heard heard = deliver_as(g, d.topic, false, known);

        assert_refused(g, &heard, &before, "jti");
    }
}

/* Its age may be exp - iat, not a microsecond more; a clock that is believed would have let it expire a
 * second later. */
static void replay__challenge_beyond_its_age__is_refused(void **state)
{
    struct gateway *g = *state;

    for (int lifetime = 1; lifetime <= 30; lifetime++)
        for (int late = 0; late < 2; late++) {
            const struct way way = { .text = "release", .number = lifetime };
            struct draft d = begin_with(g, CLOUD_DOWN_COMMAND, (unsigned)lifetime, false);
            struct effects before = look(g->w);

            d.ways[CHECK_LIFETIME] = &way;
            write_draft(&d, &g->message);
            g->w->now.boot_us += lifetime * SECOND + late;
            struct heard heard = deliver(g, d.topic, false);

            if (late)
                assert_refused(g, &heard, &before, "challenge");
            else
                assert_string_equal(heard.code, "");
        }
}

/* Each refusal for want of one makes a new one, and the last 8 count. */
static void replay__challenge_after_eight_others__is_refused(void **state)
{
    static const struct way wrong = { .text = "u3Rk0XbT5yXo7W0mZq1vJg" };
    struct gateway *g = *state;

    for (int newer = 7; newer <= 9; newer++) {
        struct draft d = begin_with(g, CLOUD_DOWN_COMMAND, (unsigned)newer, false);

        d.ways[CHECK_CHALLENGE] = &wrong;
        for (int i = 0; i < newer; i++) {
            write_draft(&d, &g->message);
            assert_string_equal(deliver(g, d.topic, false).code, "challenge");
        }
        struct effects before = look(g->w);

        d.ways[CHECK_CHALLENGE] = NULL;
        write_draft(&d, &g->message);
        struct heard heard = deliver(g, d.topic, false);

        if (newer >= CLOUD_CHALLENGES)
            assert_refused(g, &heard, &before, "challenge");
        else
            assert_string_equal(heard.code, "");
    }
}

static void replay__nonce_used_or_old__is_refused(void **state)
{
    struct gateway *g = *state;

    for (int again = 0; again < 2; again++) {
        struct draft d = begin_with(g, CLOUD_DOWN_TIME, 0, false);

        write_draft(&d, &g->message);
        if (again)
            assert_string_equal(deliver(g, d.topic, false).code, "");
        else
            g->w->now.boot_us += 10 * SECOND;
        struct effects before = look(g->w);
        struct heard heard = deliver(g, d.topic, false);

        assert_refused(g, &heard, &before, "nonce");
    }
}

/* Challenges are in memory only: what one run was given is nothing to the next. */
static void replay__challenge_of_an_earlier_run__is_refused(void **state)
{
    struct gateway *g = *state;
    struct draft d = begin_with(g, CLOUD_DOWN_COMMAND, 0, false), later;

    write_draft(&d, &g->message);
    later = begin_with(g, CLOUD_DOWN_COMMAND, 0, false);
    struct effects before = look(g->w);
    struct heard heard = deliver(g, later.topic, false);

    assert_refused(g, &heard, &before, "challenge");
}

/* Every one is refused, the first 50 of a second are answered, and the events of an hour tell of all. */
static void flood__answers_and_events_are_bounded__and_count_all(void **state)
{
    static const struct way forged = { .how = HOW_SAY, .number = SIGNER_STRANGER };
    struct gateway *g = *state;
    struct draft d = begin_with(g, CLOUD_DOWN_DELTA, 0, true);
    struct effects before = look(g->w);
    unsigned answered = 0, told = 0;
    int64_t counted = 0;

    d.ways[CHECK_SIGNATURE] = &forged;
    write_draft(&d, &g->message);
    for (unsigned i = 0; i < 60 * ROUNDS; i++) {
        unsigned refused = g->w->refused;

        if (i % ROUNDS == 0) {
            g->w->now.boot_us += SECOND; /* and nothing is due in time */
            sync_advance(g->w->sync, &g->w->now);
            drain(g->w);
        }
        answered += deliver(g, d.topic, false).results;
        told += g->w->refused - refused;
        counted += g->w->refused > refused ? g->w->last_refused.count : 0;
    }
    struct effects after = look(g->w);

    assert_memory_equal(&after, &before, sizeof(after));
    assert_int_equal(answered, 60 * 50);
    assert_int_equal(told, 1);
    pass(g->w, 60 * SECOND);
    drain(g->w);
    assert_int_equal(counted + g->w->last_refused.count, 60 * ROUNDS);
}

#define REPLAY_TEST(name) cmocka_unit_test_setup_teardown(name, setup_gateway, teardown_gateway)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REPLAY_TEST(replay__command_again__tells_the_first_result),
        REPLAY_TEST(replay__jti_with_other_bytes__is_refused),
        REPLAY_TEST(replay__challenge_beyond_its_age__is_refused),
        REPLAY_TEST(replay__challenge_after_eight_others__is_refused),
        REPLAY_TEST(replay__challenge_of_an_earlier_run__is_refused),
        REPLAY_TEST(replay__nonce_used_or_old__is_refused),
        REPLAY_TEST(flood__answers_and_events_are_bounded__and_count_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
