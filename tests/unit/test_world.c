/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `stiled simulate` does not show: notices, due times, and
 * that counting holds whatever happens. */
#include "tests/unit/world_fixture.h"

/* --- Notices, due times, asking. --- */

static void passage__notices__tell_who_and_which_grant(void **state)
{
    struct fixture *f = *state;
    struct verdict verdict = present(f, 0, "gate.in", CREDENTIAL_CARD, "01");

    pass(f, 1, DIRECTION_ENTRY);
    assert_int_equal(last_notice(f)->kind, WORLD_PASSED);
    assert_int_equal(last_notice(f)->grant, verdict.grant);
    assert_int_equal(last_notice(f)->user, verdict.user);
    assert_int_equal(last_notice(f)->area, policy_find(f->policy, ITEM_AREA, "gym"));
    pass(f, 2, DIRECTION_EXIT);
    assert_int_equal(last_notice(f)->grant, 0);
    assert_int_equal(last_notice(f)->user, POLICY_NONE);
    verdict = present(f, 3, "gate.out", CREDENTIAL_CARD, "01");
    advance(f, 8);
    assert_int_equal(last_notice(f)->kind, WORLD_NOT_PASSED);
    assert_int_equal(last_notice(f)->grant, verdict.grant);
}

static void release_failed__gives_back(void **state)
{
    struct fixture *f = *state;
    struct verdict verdict = present(f, 0, "gate.in", CREDENTIAL_PLATE, "TWICE");
    struct timestamp now = at(f, 1);

    assert_true(verdict.limited);
    assert_int_equal(world_release_failed(f->world, verdict.grant, &now), 0);
    assert_int_equal(last_notice(f)->kind, WORLD_NOT_PASSED);
    assert_int_equal(memory_uses(f->world, "twice"), 0);
}

static void release_failed__of_one_of_several_or_none__others_stay(void **state)
{
    struct fixture *f = *state;
    struct timestamp now = at(f, 1);

    uint64_t first = present(f, 0, "gate.in", CREDENTIAL_CARD, "00").grant;
    uint64_t second = present(f, 0, "gate.in", CREDENTIAL_CARD, "01").grant;

    assert_int_equal(world_release_failed(f->world, second + 1, &now), 0);
    assert_int_equal(f->notice_count, 0);
    assert_int_equal(world_release_failed(f->world, second, &now), 0);
    assert_int_equal(last_notice(f)->grant, second);
    pass(f, 1, DIRECTION_ENTRY);
    assert_int_equal(last_notice(f)->grant, first);
}

static void no_passage__of_nobody__is_nothing(void **state)
{
    struct fixture *f = *state;
    struct timestamp now = at(f, 0);

    assert_int_equal(world_no_passage(f->world, door(f, "gate"), DIRECTION_ENTRY, &now), 0);
    assert_int_equal(f->notice_count, 0);
}

/* Asked between an end and the call that lets it happen. */
static void door_mode__override_is_over__no_longer_holds(void **state)
{
    struct fixture *f = *state;
    struct timestamp now = at(f, 0);
    int64_t until_us = now.boot_us + 2 * USEC_PER_SEC;
    int64_t told_us = 0;
    uint32_t front = door(f, "front");
    enum mode_cause cause;

    assert_int_equal(world_door_override(f->world, front, &now, &told_us), DOOR_MODES);
    assert_int_equal(world_mode(f->world, front, DOOR_MODE_BLOCKED, until_us, &now), 0);
    now = at(f, 1);
    assert_int_equal(world_door_mode(f->world, front, &now, &cause), DOOR_MODE_BLOCKED);
    assert_null(world_door_entry(f->world, front, &now));
    assert_int_equal(world_door_override(f->world, front, &now, &told_us), DOOR_MODE_BLOCKED);
    assert_int_equal(told_us, until_us);
    now = at(f, 2);
    assert_int_equal(world_door_mode(f->world, front, &now, &cause), DOOR_MODE_CONTROLLED);
    assert_int_equal(world_door_override(f->world, front, &now, &told_us), DOOR_MODES);
}

/* Of a person, not of what the reader's session holds; and nobody's is nobody's. */
static void open__by_a_credential_or_none__decides_by_itself(void **state)
{
    struct fixture *f = *state;
    struct timestamp now = at(f, 0);
    uint32_t point = policy_find(f->policy, ITEM_ACCESS_POINT, "gate.in");
    struct verdict verdict;

    uint32_t plate = policy_find(f->policy, ITEM_CREDENTIAL, "twice");

    assert_int_equal(world_open(f->world, point, plate, &now, &verdict), 0);
    assert_int_equal(verdict.kind, VERDICT_GRANT);
    assert_int_equal(memory_uses(f->world, "twice"), 1);
    assert_int_equal(world_open(f->world, point, POLICY_NONE, &now, &verdict), 0);
    assert_int_equal(verdict.kind, VERDICT_DENY);
    assert_int_equal(verdict.reason, REASON_UNKNOWN_CREDENTIAL);
}

static void contact__told_and_lost__is_known_and_not(void **state)
{
    struct fixture *f = *state;
    struct timestamp now = at(f, 0);
    uint32_t front = door(f, "front");

    assert_int_equal(world_door_contact(f->world, front), -1);
    assert_int_equal(
        world_input(f->world, front, &(struct world_sensed){ WORLD_INPUT_CONTACT, true, NULL }, &now), 1);
    assert_int_equal(world_door_contact(f->world, front), 1);
    world_contact_lost(f->world, front);
    assert_int_equal(world_door_contact(f->world, front), -1);
}

static void due__no_clock__only_what_the_boot_clock_tells(void **state)
{
    struct fixture *f = *state;
    struct timestamp now = at(f, 0);

    f->clock = now.clock = CLOCK_STATE_NONE;
    advance(f, 0);
    assert_int_equal(world_due(f->world, &now), INT64_MAX);
}

static void due__nothing_is_timed__never(void **state)
{
    struct simulate_items none = { 0 };
    struct policy *policy = NULL;
    struct timestamp now = at(*state, 0);
    struct fixture *f = *state;

    advance(f, 0);
    assert_int_equal(simulate_items_compile(&none, &policy), 0);
    assert_int_equal(world_set_policy(f->world, policy, &now), 0);
    assert_int_equal(world_due(f->world, &now), INT64_MAX);
    f->world = world_free(f->world);
    policy_free(policy);
}

static void due__passage_override_mode_forgive__soonest(void **state)
{
    struct fixture *f = *state;
    struct timestamp now = at(f, 0);

    advance(f, 0);
    assert_true(world_due(f->world, &now) > now.boot_us);
    tap(f, 0, "gate.in", "00");
    assert_int_equal(world_due(f->world, &now), now.boot_us + 5 * USEC_PER_SEC);
    assert_int_equal(
        world_mode(f->world, door(f, "front"), DOOR_MODE_UNLOCKED, now.boot_us + 2 * USEC_PER_SEC, &now), 0);
    assert_int_equal(last_notice(f)->mode, DOOR_MODE_UNLOCKED);
    assert_int_equal(world_due(f->world, &now), now.boot_us + 2 * USEC_PER_SEC);
    advance(f, 2);
    assert_int_equal(last_notice(f)->kind, WORLD_MODE);
    assert_int_equal(last_notice(f)->mode, DOOR_MODE_CONTROLLED);
}

static void mode_schedule__begin_and_end__are_told(void **state)
{
    struct fixture *f = *state;
    double noon = 2 * 3600;

    tap(f, noon, "shop.in", "00");
    assert_int_equal(last_notice(f)->mode, DOOR_MODE_UNLOCKED);
    assert_int_equal(last_notice(f)->cause, MODE_BY_SCHEDULE);
    for (int i = 0; i < 8 && last_notice(f)->mode == DOOR_MODE_UNLOCKED; i++) {
        struct timestamp now = at(f, noon);
        int64_t due_us = world_due(f->world, &now);

        noon += (double)(due_us - now.boot_us) / USEC_PER_SEC;
        advance(f, noon);
    }
    assert_int_equal(last_notice(f)->mode, DOOR_MODE_CONTROLLED);
    assert_int_equal((int64_t)noon, 3 * 3600);
}

static void due__clock_comes_back_unseen__now(void **state)
{
    struct fixture *f = *state;
    struct timestamp now = at(f, 1);

    f->clock = CLOCK_STATE_NONE;
    advance(f, 0);
    assert_int_equal(world_due(f->world, &now), now.boot_us);
}

static void ask__changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct timestamp now = at(f, 0);
    struct verdict verdict;

    advance(f, 0);
    for (int i = 0; i < 3; i++) {
        world_ask(f->world, policy_find(f->policy, ITEM_ACCESS_POINT, "gate.in"),
                  policy_find(f->policy, ITEM_CREDENTIAL, "twice"), &now, &verdict);
        assert_int_equal(verdict.reason, REASON_RULE);
    }
    assert_int_equal(memory_uses(f->world, "twice"), 0);
    assert_int_equal(world_due(f->world, &now) > now.boot_us + 5 * USEC_PER_SEC, true);
}

static void clock__boot_time_goes_back__counts_as_the_latest(void **state)
{
    struct fixture *f = *state;

    tap(f, 100, "front.in", "00");
    assert_int_equal(present(f, 50, "front.in", CREDENTIAL_CARD, "00").retry_after_s, 60);
}

/* --- Whatever happens. --- */

static void assert_counts(struct fixture *f)
{
    int64_t recorded[2] = { 0 }, expected[2] = { 0 };

    for (uint32_t i = 0; i < 2; i++) {
        recorded[i] = memory_headcount(f->world, f->world->area_at[i])->recorded;
        expected[i] = memory_headcount(f->world, f->world->area_at[i])->expected;
        for (uint32_t user = 0; user < USERS; user++)
            recorded[i] -= world_user_area(f->world, user) == i;
        assert_int_equal(recorded[i], 0);
    }
    memory_count(f->world);
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(memory_headcount(f->world, f->world->area_at[i])->expected, expected[i]);
}

static void assert_nothing_reserved(struct fixture *f)
{
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(memory_headcount(f->world, f->world->area_at[i])->expected, 0);
    for (struct credential_memory *memory = NULL; (memory = table_next(&f->world->credentials, memory));)
        assert_int_equal(memory->reserved, 0);
    for (uint32_t i = 0; i < policy_count(f->policy, ITEM_DOOR); i++)
        assert_null(f->world->door_at[i]->awaited);
}

/* A small generator, so that a failure comes again. */
static unsigned next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*state >> 33);
}

static void random_step(struct fixture *f, uint64_t *random, double second)
{
    static const char *const points[] = { "gate.in", "gate.out", "front.in", "shop.in" };
    struct timestamp now = at(f, second);
    unsigned pick = next_random(random) % 16;
    char card[3] = { '0', (char)('0' + next_random(random) % (USERS + 1)), 0 };

    if (pick < 8) {
        struct verdict verdict = present(f, second, points[next_random(random) % 4], CREDENTIAL_CARD, card);

        assert_true(verdict.kind != VERDICT_GRANT || verdict.failed_count == 0 ||
                    verdict.reason == REASON_DOOR_UNLOCKED);
    } else if (pick < 12) {
        pass(f, second, next_random(random) % DIRECTIONS);
    } else if (pick == 12) {
        assert_int_equal(world_no_passage_any(f->world, door(f, "gate"), &now), 0);
    } else if (pick == 13) {
        assert_int_equal(world_forgive(f->world, next_random(random) % USERS, &now), 0);
    } else if (pick == 14) {
        assert_int_equal(world_set_policy(f->world, f->policy, &now), 0);
    } else {
        present(f, second, "gate.in", CREDENTIAL_PLATE, "TWICE");
    }
}

static void anything__counts_hold_and_a_restart_agrees(void **state)
{
    struct fixture *f = *state;
    uint64_t random = 20260302;
    double second = 0;

    for (int i = 0; i < 20000; i++) {
        second += next_random(&random) % 4;
        random_step(f, &random, second);
        assert_counts(f);
        if (i % 1000 != 999)
            continue;
        second += 6;
        advance(f, second);
        assert_nothing_reserved(f);
        uint32_t before[USERS];

        for (uint32_t user = 0; user < USERS; user++)
            before[user] = world_user_area(f->world, user);
        restart(f, BOOT_A);
        for (uint32_t user = 0; user < USERS; user++)
            assert_int_equal(world_user_area(f->world, user), before[user]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(release_failed__of_one_of_several_or_none__others_stay),
        TEST(no_passage__of_nobody__is_nothing),
        TEST(door_mode__override_is_over__no_longer_holds),
        TEST(open__by_a_credential_or_none__decides_by_itself),
        TEST(contact__told_and_lost__is_known_and_not),
        TEST(due__no_clock__only_what_the_boot_clock_tells),
        TEST(due__nothing_is_timed__never),
        TEST(passage__notices__tell_who_and_which_grant),
        TEST(release_failed__gives_back),
        TEST(due__passage_override_mode_forgive__soonest),
        TEST(due__clock_comes_back_unseen__now),
        TEST(mode_schedule__begin_and_end__are_told),
        TEST(ask__changes_nothing),
        TEST(clock__boot_time_goes_back__counts_as_the_latest),
        TEST(anything__counts_hold_and_a_restart_agrees),
    };

    return cmocka_run_group_tests_name("world", tests, NULL, NULL);
}
