/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_world.c: what `stiled simulate` does not show: state that survives a restart, notices, due times, and
 * that counting holds whatever happens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/core/memory.h"
#include "gateway/simulate/simulate_policy.h"

#define BOOT_A "aaaaaaaa-0000-4000-8000-000000000000"
#define BOOT_B "bbbbbbbb-0000-4000-8000-000000000000"

/* 2026-03-02T10:00:00Z, a Monday: second 0 of the tests, at boot time T0_BOOT. */
#define T0_UTC  (INT64_C(1772445600) * USEC_PER_SEC)
#define T0_BOOT (INT64_C(1000) * USEC_PER_SEC)

#define KEPT_MAX    256
#define NOTICES_MAX 64
#define USERS       6

static const char *const items[] = {
    "{'kind':'device','item':{'id':'unit','driver':'sim','targets':['t1','t2','t3']}}",
    "{'kind':'tag','item':{'id':'member'}}",
    "{'kind':'schedule','item':{'id':'noon','windows':[{'days':['mon'],'from':'12:00','to':'13:00'}]}}",
    "{'kind':'area','item':{'id':'gym','anti_passback':'hard','capacity':3,'forgive_at':'04:00'}}",
    "{'kind':'area','item':{'id':'hall','anti_passback':'soft'}}",
    "{'kind':'door','item':{'id':'gate','kind':'turnstile','target':'t1'}}",
    "{'kind':'door','item':{'id':'front','kind':'door','target':'t2','min_interval_s':{'member':60}}}",
    "{'kind':'door','item':{'id':'shop','kind':'door','target':'t3','mode_schedules':"
    "[{'schedule':'noon','mode':'unlocked','first_person':'member'}]}}",
    "{'kind':'access_point','item':{'id':'gate.in','door':'gate','direction':'entry','from':'hall','to':'gym'"
    "}}",
    "{'kind':'access_point','item':{'id':'gate.out','door':'gate','direction':'exit','from':'gym','to':'hall'"
    "}}",
    "{'kind':'access_point','item':{'id':'front.in','door':'front','direction':'entry','to':'hall',"
    "'factors':[{'any':[['card'],['pin']]}]}}",
    "{'kind':'access_point','item':{'id':'shop.in','door':'shop','direction':'entry'}}",
    "{'kind':'rule','item':{'id':'r','tags':['member'],'doors':['gate','front','shop']}}",
    "{'kind':'credential','item':{'id':'twice','user':'u0','type':'plate','value':'TWICE','uses':2}}",
};

struct pair {
    char *key;
    char *value;
};

struct fixture {
    struct simulate_items items;
    struct policy *policy;
    struct world *world;
    struct pair kept[KEPT_MAX];
    size_t kept_count;
    struct world_notice notices[NOTICES_MAX];
    size_t notice_count;
    int64_t boot_offset_us; /* between the boot clock and the wall clock */
    enum clock_state clock;
};

static void __attribute__((format(printf, 2, 3))) put_item(struct fixture *f, const char *format, ...)
{
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct json_error error;
    char line[512];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    for (char *quote = line; (quote = strchr(quote, '\''));)
        *quote = '"';
    assert_int_equal(json_parse(line, strlen(line), &object, &error), 0);
    assert_int_equal(simulate_items_put(&f->items, object, true, &error), 0);
}

static void keep(void *user, const char *key, const char *value)
{
    struct fixture *f = user;
    size_t i = 0;

    while (i < f->kept_count && strcmp(f->kept[i].key, key) != 0)
        i++;
    if (i == f->kept_count) {
        assert_true(f->kept_count < KEPT_MAX);
        f->kept[f->kept_count++].key = strdup(key);
    }
    free(f->kept[i].value);
    f->kept[i].value = value ? strdup(value) : NULL;
}

static void note(void *user, const struct world_notice *notice)
{
    struct fixture *f = user;

    f->notices[f->notice_count++ % NOTICES_MAX] = *notice;
}

static struct world *new_world(struct fixture *f, const char *boot_id)
{
    const struct world_hooks hooks = { .user = f, .effect = keep, .notice = note };
    struct world *world = NULL;

    assert_int_equal(world_new(f->policy, boot_id, &hooks, &world), 0);
    return world;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++)
        put_item(f, "%s", items[i]);
    for (int i = 0; i < USERS; i++) {
        put_item(f, "{'kind':'user','item':{'id':'u%d','tags':['member']}}", i);
        put_item(f, "{'kind':'credential','item':{'id':'c%d','user':'u%d','type':'card','value':'0%d'}}", i,
                 i, i);
    }
    f->clock = CLOCK_STATE_SYNCED;
    f->boot_offset_us = T0_UTC - T0_BOOT;
    assert_int_equal(simulate_items_compile(&f->items, &f->policy), 0);
    f->world = new_world(f, BOOT_A);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    world_free(f->world);
    policy_free(f->policy);
    simulate_items_finish(&f->items);
    for (size_t i = 0; i < f->kept_count; i++) {
        free(f->kept[i].key);
        free(f->kept[i].value);
    }
    free(f);
    return 0;
}

/* Ends the world and begins another with what was kept, last key first. */
static void restart(struct fixture *f, const char *boot_id)
{
    world_free(f->world);
    f->world = new_world(f, boot_id);
    for (size_t i = f->kept_count; i-- > 0;)
        if (f->kept[i].value)
            assert_int_equal(world_restore(f->world, f->kept[i].key, f->kept[i].value), 0);
}

/* A restart of the machine: its boot clock begins anew at that second of the tests. */
static void reboot(struct fixture *f, double second)
{
    restart(f, BOOT_B);
    f->boot_offset_us = T0_UTC + (int64_t)(second * USEC_PER_SEC);
}

static struct timestamp at(const struct fixture *f, double second)
{
    int64_t utc_us = T0_UTC + (int64_t)(second * USEC_PER_SEC);

    return (struct timestamp){ .boot_us = utc_us - f->boot_offset_us, .utc_us = utc_us, .clock = f->clock };
}

static struct verdict present(struct fixture *f, double second, const char *point, enum credential_type type,
                              const char *value)
{
    struct presentation presentation = { .point = point, .type = type };
    struct timestamp now = at(f, second);
    struct verdict verdict;

    simulate_items_hash(type, value, presentation.hash);
    assert_int_equal(world_present(f->world, &presentation, &now, &verdict), 0);
    return verdict;
}

static enum reason tap(struct fixture *f, double second, const char *point, const char *card)
{
    return present(f, second, point, CREDENTIAL_CARD, card).reason;
}

static uint32_t door(const struct fixture *f, const char *id)
{
    return policy_find(f->policy, ITEM_DOOR, id);
}

static void pass(struct fixture *f, double second, enum direction direction)
{
    struct timestamp now = at(f, second);

    assert_int_equal(world_passage(f->world, door(f, "gate"), direction, 1, &now), 0);
}

static void advance(struct fixture *f, double second)
{
    struct timestamp now = at(f, second);

    assert_int_equal(world_advance(f->world, &now), 0);
}

static const struct world_notice *last_notice(const struct fixture *f)
{
    assert_true(f->notice_count > 0);
    return &f->notices[(f->notice_count - 1) % NOTICES_MAX];
}

static const char *area_of(const struct fixture *f, const char *user)
{
    return policy_id(f->policy, ITEM_AREA,
                     world_user_area(f->world, policy_find(f->policy, ITEM_USER, user)));
}

/* --- Restart. --- */

static void restart__presence_and_occupancy__go_on(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(tap(f, 0, "gate.in", "00"), REASON_RULE);
    pass(f, 1, DIRECTION_ENTRY);
    restart(f, BOOT_A);
    assert_string_equal(area_of(f, "u0"), "gym");
    assert_int_equal(world_occupancy(f->world, policy_find(f->policy, ITEM_AREA, "gym")), 1);
    assert_int_equal(tap(f, 2, "gate.in", "00"), REASON_ANTI_PASSBACK);
}

static void restart__reserved_use__counts_as_used(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(present(f, 0, "gate.in", CREDENTIAL_PLATE, "TWICE").reason, REASON_RULE);
    restart(f, BOOT_A);
    assert_int_equal(present(f, 1, "gate.in", CREDENTIAL_PLATE, "TWICE").reason, REASON_RULE);
    restart(f, BOOT_A);
    assert_int_equal(present(f, 2, "gate.in", CREDENTIAL_PLATE, "TWICE").reason, REASON_USED_UP);
}

static void restart__use_given_back_before__is_not_used(void **state)
{
    struct fixture *f = *state;

    present(f, 0, "gate.in", CREDENTIAL_PLATE, "TWICE");
    advance(f, 5);
    restart(f, BOOT_A);
    present(f, 6, "gate.in", CREDENTIAL_PLATE, "TWICE");
    assert_int_equal(present(f, 7, "gate.in", CREDENTIAL_PLATE, "TWICE").reason, REASON_RULE);
}

static void restart__min_interval__runs_on(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(tap(f, 0, "front.in", "00"), REASON_RULE);
    restart(f, BOOT_A);
    assert_int_equal(present(f, 30, "front.in", CREDENTIAL_CARD, "00").retry_after_s, 30);
    assert_int_equal(tap(f, 60, "front.in", "00"), REASON_RULE);
}

static void reboot__min_interval__runs_on_by_the_wall_clock(void **state)
{
    struct fixture *f = *state;

    tap(f, 0, "front.in", "00");
    reboot(f, 20);
    assert_int_equal(present(f, 40, "front.in", CREDENTIAL_CARD, "00").retry_after_s, 20);
    assert_int_equal(tap(f, 60, "front.in", "00"), REASON_RULE);
}

static void reboot__without_a_clock__counts_from_the_boot(void **state)
{
    struct fixture *f = *state;

    tap(f, 0, "front.in", "00");
    reboot(f, 20);
    f->clock = CLOCK_STATE_NONE;
    assert_int_equal(present(f, 40, "front.in", CREDENTIAL_CARD, "00").retry_after_s, 40);
}

static void reboot__override_and_lockdown__end_on_time(void **state)
{
    struct fixture *f = *state;
    struct timestamp now = at(f, 0);
    enum mode_cause cause;

    assert_int_equal(
        world_mode(f->world, door(f, "gate"), DOOR_MODE_BLOCKED, now.boot_us + 100 * USEC_PER_SEC, &now), 0);
    assert_int_equal(world_lockdown(f->world, true, &now), 0);
    reboot(f, 50);
    assert_int_equal(tap(f, 99, "gate.in", "00"), REASON_LOCKDOWN);
    now = at(f, 99);
    assert_int_equal(world_lockdown(f->world, false, &now), 0);
    assert_int_equal(world_door_mode(f->world, door(f, "gate"), &now, &cause), DOOR_MODE_BLOCKED);
    assert_int_equal(cause, MODE_BY_OVERRIDE);
    assert_int_equal(world_due(f->world, &now), now.boot_us + USEC_PER_SEC);
    assert_int_equal(tap(f, 100, "gate.in", "00"), REASON_RULE);
}

static void restart__lockout__runs_on(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < PIN_FAILURES_MAX; i++)
        assert_int_equal(present(f, i, "front.in", CREDENTIAL_PIN, "9999").reason, REASON_UNKNOWN_CREDENTIAL);
    assert_int_equal(last_notice(f)->kind, WORLD_LOCKED_OUT);
    restart(f, BOOT_A);
    assert_int_equal(present(f, 303, "front.in", CREDENTIAL_PIN, "9999").reason, REASON_LOCKED_OUT);
    assert_int_equal(present(f, 304, "front.in", CREDENTIAL_PIN, "9999").reason, REASON_UNKNOWN_CREDENTIAL);
}

static void restart__first_person__keeps_the_door_open(void **state)
{
    struct fixture *f = *state;
    double noon = 2 * 3600;

    assert_int_equal(tap(f, noon, "shop.in", "00"), REASON_RULE);
    restart(f, BOOT_A);
    assert_int_equal(tap(f, noon + 1, "shop.in", "00"), REASON_DOOR_UNLOCKED);
    assert_int_equal(tap(f, noon + 3600, "shop.in", "00"), REASON_RULE);
}

static void restart__forgiven__stays_forgiven(void **state)
{
    struct fixture *f = *state;
    struct timestamp now = at(f, 2);

    tap(f, 0, "gate.in", "00");
    pass(f, 1, DIRECTION_ENTRY);
    assert_int_equal(world_forgive(f->world, POLICY_NONE, &now), 0);
    restart(f, BOOT_A);
    assert_null(area_of(f, "u0"));
    assert_int_equal(world_occupancy(f->world, policy_find(f->policy, ITEM_AREA, "gym")), 0);
    tap(f, 3, "gate.in", "00");
    pass(f, 4, DIRECTION_ENTRY);
    restart(f, BOOT_A);
    assert_string_equal(area_of(f, "u0"), "gym");
}

static void restart__forgive_at_while_off__is_made_up(void **state)
{
    struct fixture *f = *state;

    tap(f, 0, "gate.in", "00");
    pass(f, 1, DIRECTION_ENTRY);
    restart(f, BOOT_A);
    advance(f, 17 * 3600);
    assert_string_equal(area_of(f, "u0"), "gym");
    restart(f, BOOT_A);
    advance(f, 19 * 3600);
    assert_null(area_of(f, "u0"));
}

static void restore__not_understood__is_refused(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *key;
        const char *value;
    } wrong[] = {
        { "person", "{}" },
        { "person/u0/x", "{\"area\":\"gym\",\"serial\":1,\"at\":1}" },
        { "person/u0", "{\"serial\":1,\"at\":1}" },
        { "person/u0", "{\"area\":\"gym\",\"serial\":1}" },
        { "person/-", "{\"area\":\"gym\",\"serial\":1,\"at\":1}" },
        { "credential/c0", "{\"used\":-1}" },
        { "credential/c0", "[]" },
        { "override/gate", "{\"mode\":\"ajar\"}" },
        { "lockout/gate.in", "{}" },
        { "release/u0/gate/up/x", "{}" },
        { "unheard/of", "{}" },
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(world_restore(f->world, wrong[i].key, wrong[i].value), -EBADMSG);
}

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
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(restart__presence_and_occupancy__go_on),
        TEST(restart__reserved_use__counts_as_used),
        TEST(restart__use_given_back_before__is_not_used),
        TEST(restart__min_interval__runs_on),
        TEST(reboot__min_interval__runs_on_by_the_wall_clock),
        TEST(reboot__without_a_clock__counts_from_the_boot),
        TEST(reboot__override_and_lockdown__end_on_time),
        TEST(restart__lockout__runs_on),
        TEST(restart__first_person__keeps_the_door_open),
        TEST(restart__forgiven__stays_forgiven),
        TEST(restart__forgive_at_while_off__is_made_up),
        TEST(restore__not_understood__is_refused),
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
