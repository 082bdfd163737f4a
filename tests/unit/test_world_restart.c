/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is kept goes on after a restart of the program, and of the machine with or without a clock. */
#include "tests/unit/world_fixture.h"

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

static void reboot__without_a_clock_before__counts_from_the_boot(void **state)
{
    struct fixture *f = *state;

    f->clock = CLOCK_STATE_NONE;
    assert_int_equal(tap(f, 0, "front.in", "00"), REASON_RULE);
    f->clock = CLOCK_STATE_SYNCED;
    reboot(f, 100);
    assert_int_equal(tap(f, 130, "front.in", "00"), REASON_MIN_INTERVAL);
    assert_int_equal(tap(f, 161, "front.in", "00"), REASON_RULE);
}

/* The release that is given back was of the boot before, and is kept as such. */
static void reboot__release_given_back__the_earlier_counts_again(void **state)
{
    struct fixture *f = *state;

    put_item(
        f, "{'kind':'door','item':{'id':'gate','kind':'turnstile','target':'t1','min_interval_s':{'member':60"
           "}}}");
    put_item(f, "{'kind':'access_point','item':{'id':'gate.in','door':'gate','direction':'entry'}}");
    f->policy = policy_free(f->policy);
    assert_int_equal(simulate_items_compile(&f->items, &f->policy), 0);
    restart(f, BOOT_A);
    assert_int_equal(tap(f, 0, "gate.in", "00"), REASON_RULE);
    pass(f, 1, DIRECTION_ENTRY);
    reboot(f, 60);
    assert_int_equal(tap(f, 61, "gate.in", "00"), REASON_RULE);
    advance(f, 70);
    restart(f, BOOT_B);
    assert_int_equal(tap(f, 71, "gate.in", "00"), REASON_RULE);
}

static void reboot__override_and_lockdown__end_on_time(void **state)
{
    struct fixture *f = *state;
    struct timestamp now = at(f, 0);
    enum mode_cause cause;

    assert_int_equal(
        world_mode(f->world, door(f, "gate"), DOOR_MODE_BLOCKED, now.boot_us + 100 * USEC_PER_SEC, &now), 0);
    assert_int_equal(world_lockdown(f->world, POLICY_NONE, true, &now), 0);
    reboot(f, 50);
    assert_int_equal(tap(f, 99, "gate.in", "00"), REASON_LOCKDOWN);
    now = at(f, 99);
    assert_int_equal(world_lockdown(f->world, POLICY_NONE, false, &now), 0);
    assert_int_equal(world_door_mode(f->world, door(f, "gate"), &now, &cause), DOOR_MODE_BLOCKED);
    assert_int_equal(cause, MODE_BY_OVERRIDE);
    assert_int_equal(world_due(f->world, &now), now.boot_us + USEC_PER_SEC);
    assert_int_equal(tap(f, 100, "gate.in", "00"), REASON_RULE);
}

static void reboot__override_has_ended_meanwhile__is_told(void **state)
{
    struct fixture *f = *state;
    struct timestamp now = at(f, 0);

    assert_int_equal(
        world_mode(f->world, door(f, "gate"), DOOR_MODE_BLOCKED, now.boot_us + 10 * USEC_PER_SEC, &now), 0);
    reboot(f, 50);
    f->notice_count = 0;
    advance(f, 51);
    assert_int_equal(f->notice_count, 1);
    assert_int_equal(last_notice(f)->kind, WORLD_MODE);
    assert_int_equal(last_notice(f)->door, door(f, "gate"));
    assert_int_equal(last_notice(f)->mode, DOOR_MODE_CONTROLLED);
    assert_int_equal(last_notice(f)->cause, MODE_BY_DOOR);
}

static void mode_is(struct fixture *f, const char *name, enum door_mode mode, enum mode_cause why)
{
    struct timestamp now = at(f, 0);
    enum mode_cause cause;

    assert_int_equal(world_door_mode(f->world, door(f, name), &now, &cause), mode);
    assert_int_equal(cause, why);
}

static void lock_down(struct fixture *f, uint32_t which, bool on)
{
    struct timestamp now = at(f, 0);

    assert_int_equal(world_lockdown(f->world, which, on, &now), 0);
    assert_int_equal(world_is_locked_down(f->world, which), on);
}

static void override(struct fixture *f, const char *name, enum door_mode mode)
{
    struct timestamp now = at(f, 0);

    assert_int_equal(world_mode(f->world, door(f, name), mode, BOOT_NEVER, &now), 0);
}

/* Neither ends what the other ordered, over a restart too. */
static void lockdown_of_a_door__and_its_override__stand_side_by_side(void **state)
{
    struct fixture *f = *state;

    override(f, "gate", DOOR_MODE_BLOCKED);
    lock_down(f, door(f, "gate"), true);
    restart(f, BOOT_A);
    mode_is(f, "gate", DOOR_MODE_LOCKED_DOWN, MODE_BY_LOCKDOWN);
    mode_is(f, "front", DOOR_MODE_CONTROLLED, MODE_BY_DOOR);
    struct verdict verdict = present(f, 0, "gate.in", CREDENTIAL_CARD, "00");

    assert_int_equal(verdict.failed[0], REASON_LOCKDOWN);
    assert_int_equal(verdict.failed[1], REASON_DOOR_BLOCKED);
    override(f, "gate", DOOR_MODE_UNLOCKED);
    mode_is(f, "gate", DOOR_MODE_LOCKED_DOWN, MODE_BY_LOCKDOWN);
    assert_int_equal(tap(f, 0, "gate.in", "00"), REASON_LOCKDOWN);
    override(f, "gate", DOOR_MODES);
    assert_int_equal(tap(f, 0, "gate.in", "00"), REASON_LOCKDOWN);
    override(f, "gate", DOOR_MODE_BLOCKED);
    lock_down(f, door(f, "gate"), false);
    restart(f, BOOT_A);
    mode_is(f, "gate", DOOR_MODE_BLOCKED, MODE_BY_OVERRIDE);
}

static void lockdown_of_a_door__and_the_sites__are_ended_apart(void **state)
{
    struct fixture *f = *state;

    lock_down(f, door(f, "gate"), true);
    lock_down(f, POLICY_NONE, true);
    mode_is(f, "front", DOOR_MODE_LOCKED_DOWN, MODE_BY_LOCKDOWN);
    lock_down(f, POLICY_NONE, false);
    mode_is(f, "gate", DOOR_MODE_LOCKED_DOWN, MODE_BY_LOCKDOWN);
    mode_is(f, "front", DOOR_MODE_CONTROLLED, MODE_BY_DOOR);
    lock_down(f, POLICY_NONE, true);
    lock_down(f, door(f, "gate"), false);
    mode_is(f, "gate", DOOR_MODE_LOCKED_DOWN, MODE_BY_LOCKDOWN);
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

#define X100                                                                                                 \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

/* What says neither when nor in which boot. */
static void restore__little_is_said__is_of_an_earlier_boot_or_undated(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(world_restore(f->world, "person/u0", "{\"area\":\"gym\",\"serial\":1,\"at\":1}"), 0);
    assert_int_equal(world_restore(f->world, "first/shop/member", "{}"), 0);
    assert_string_equal(area_of(f, "u0"), "gym");
    advance(f, 2 * 3600 + 1);
    enum mode_cause cause;
    struct timestamp now = at(f, 2 * 3600 + 1);

    assert_int_equal(world_door_mode(f->world, door(f, "shop"), &now, &cause), DOOR_MODE_CONTROLLED);
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
        { "lockout/gate.in", "{}" },
        { "release/u0/gate/up/x", "{}" },
        { "release/u0/gate/entry", "{}" },
        { "person/" X100 "/" X100 "/" X100, "{}" },
        { "unheard/of", "{}" },
        { "override", "{\"mode\":\"blocked\"}" },
        { "lockdown/gate/in", "{}" },
        { "lockdown/-", "{}" },
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(world_restore(f->world, wrong[i].key, wrong[i].value), -EBADMSG);
}

/* No door opens because something cannot be read. */
static void restore__override_not_understood__is_controlled_without_end(void **state)
{
    struct fixture *f = *state;
    static const char *const wrong[] = {
        "",
        "{}",
        "{\"mode\":\"ajar\"}",
        "{\"mode\":5}",
        "{\"mode\":\"unlocked\",\"boot\":\"" BOOT_A "\"}",
        "{\"mode\":\"unlocked\",\"utc\":1}",
        "{\"mode\":\"unlocked\",\"now\":1}",
        "{\"mode\":\"blocked\",\"at\":\"soon\"}",
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(world_restore(f->world, "override/gate", "{\"mode\":\"unlocked\"}"), 0);
        assert_int_equal(world_restore(f->world, "override/gate", wrong[i]), WORLD_E_DAMAGED);
        mode_is(f, "gate", DOOR_MODE_CONTROLLED, MODE_BY_OVERRIDE);
    }
}

static void restore__lockdown_not_understood__is_on(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(world_restore(f->world, "lockdown/gate", "{\"on\""), WORLD_E_DAMAGED);
    mode_is(f, "gate", DOOR_MODE_LOCKED_DOWN, MODE_BY_LOCKDOWN);
    mode_is(f, "front", DOOR_MODE_CONTROLLED, MODE_BY_DOOR);
    assert_int_equal(world_restore(f->world, "lockdown", ""), WORLD_E_DAMAGED);
    mode_is(f, "front", DOOR_MODE_LOCKED_DOWN, MODE_BY_LOCKDOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(restart__presence_and_occupancy__go_on),
        TEST(restart__reserved_use__counts_as_used),
        TEST(restart__use_given_back_before__is_not_used),
        TEST(restart__min_interval__runs_on),
        TEST(reboot__min_interval__runs_on_by_the_wall_clock),
        TEST(reboot__without_a_clock__counts_from_the_boot),
        TEST(reboot__without_a_clock_before__counts_from_the_boot),
        TEST(reboot__release_given_back__the_earlier_counts_again),
        TEST(reboot__override_and_lockdown__end_on_time),
        TEST(reboot__override_has_ended_meanwhile__is_told),
        TEST(lockdown_of_a_door__and_its_override__stand_side_by_side),
        TEST(lockdown_of_a_door__and_the_sites__are_ended_apart),
        TEST(restart__lockout__runs_on),
        TEST(restart__first_person__keeps_the_door_open),
        TEST(restart__forgiven__stays_forgiven),
        TEST(restart__forgive_at_while_off__is_made_up),
        TEST(restore__little_is_said__is_of_an_earlier_boot_or_undated),
        TEST(restore__not_understood__is_refused),
        TEST(restore__override_not_understood__is_controlled_without_end),
        TEST(restore__lockdown_not_understood__is_on),
    };

    return cmocka_run_group_tests_name("world_restart", tests, NULL, NULL);
}
