/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_ble_relock.c: a driver that ends between a release and the bolt, at any moment of it: the next one
 * throws the bolt, and never more than that. */
#include "ble_rig.h"

static int set_up(void **state)
{
    struct rig *rig = rig_new(1);

    rig_pair_all(rig);
    rig->doors[0].item.relock = true;
    rig->doors[0].item.release = BLE_RELEASE_UNLOCK;
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    rig_free(*state);
    return 0;
}

static struct lock *lock_of(struct rig *rig)
{
    return &rig->doors[0].device.talk.lock;
}

static bool is_kept(const struct rig *rig)
{
    const struct ble_unit *unit = &rig->doors[0].unit;
    struct ble_memory memory;

    ble_memory_find(rig->directory, &rig->doors[0].address, "nuki", unit->wants.count, &memory);
    return memory.relock;
}

static void until_unlocked(struct rig *rig)
{
    rig_order(rig, 0, DRIVER_COMMAND_RELEASE, 7, 10000);
    for (int i = 0; i < 2500 && lock_of(rig)->state != NUKI_LOCK_STATE_UNLOCKED; i++)
        rig_run(rig, 1);
    assert_int_equal(lock_of(rig)->state, NUKI_LOCK_STATE_UNLOCKED);
}

static void relock__driver_killed_before_it__is_done_by_the_next_one(void **state)
{
    struct rig *rig = *state;

    until_unlocked(rig);
    rig_restart(rig, 3600 * 1000);
    rig_run(rig, 10000);
    assert_int_equal(lock_of(rig)->state, NUKI_LOCK_STATE_LOCKED);
    rig_assert_said(rig, "d0 state locked closed");
    assert_false(is_kept(rig));
}

/* Wherever the motor has come to when the driver ends, and if it has begun at all. */
static void relock__driver_killed_at_any_moment__ends_with_the_bolt_thrown(void **state)
{
    for (int64_t ms = 0; ms < 3000; ms += 20) {
        void *each;

        set_up(&each);
        struct rig *rig = each;

        rig_run(rig, 20000); /* the link is let go */
        rig_order(rig, 0, DRIVER_COMMAND_RELEASE, 7, 10000);
        rig_run(rig, ms);
        rig_restart(rig, 3000);
        rig_run(rig, 20000);
        assert_int_equal(lock_of(rig)->state, NUKI_LOCK_STATE_LOCKED);
        assert_false(is_kept(rig));
        tear_down(&each);
    }
}

static void relock__release_over_a_link_that_is_there__is_kept_before_the_lock_moves(void **state)
{
    struct rig *rig = *state;
    struct ble_now now;

    rig_run(rig, 20000);
    now = rig_now(rig);
    ble_unit_prepare(&rig->doors[0].unit, &now);
    rig_run(rig, 2000);
    assert_int_equal(rig->doors[0].unit.link.state, BLE_LINK_READY);
    rig->doors[0].device.deaf = 1;
    rig_order(rig, 0, DRIVER_COMMAND_RELEASE, 7, 10000);
    rig_run(rig, 1);
    assert_true(is_kept(rig));
    assert_int_equal(lock_of(rig)->state, NUKI_LOCK_STATE_LOCKED);
}

static void relock__done_before_the_driver_ends__is_not_done_again(void **state)
{
    struct rig *rig = *state;

    until_unlocked(rig);
    rig_run(rig, 10000);
    assert_int_equal(lock_of(rig)->state, NUKI_LOCK_STATE_LOCKED);
    assert_int_equal(lock_turn_key(lock_of(rig), rig->now_us, NUKI_LOCK_STATE_UNLOCKED), 0);
    rig_restart(rig, 1000);
    rig_run(rig, 60000);
    assert_int_equal(lock_of(rig)->state, NUKI_LOCK_STATE_UNLOCKED);
}

static void relock__release_that_failed__is_not_owed(void **state)
{
    struct rig *rig = *state;

    rig_run(rig, 20000);
    rig->doors[0].absent = true;
    rig_order(rig, 0, DRIVER_COMMAND_RELEASE, 7, 10000);
    rig_run(rig, 5000);
    assert_true(is_kept(rig));
    rig_run(rig, 6000);
    rig_assert_said(rig, "d0 result 7 failed");
    assert_false(is_kept(rig));
}

static void relock__hold_or_unlock_behind_the_release__is_not_owed(void **state)
{
    static const enum driver_command_kind kinds[] = { DRIVER_COMMAND_HOLD, DRIVER_COMMAND_UNLOCK };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        void *each;

        set_up(&each);
        struct rig *rig = each;

        until_unlocked(rig);
        rig_order(rig, 0, kinds[i], 6, 10000);
        rig_run(rig, 10000);
        rig_assert_said(rig, "d0 result 6 completed");
        rig_restart(rig, 1000);
        rig_run(rig, 60000);
        assert_int_equal(lock_of(rig)->state, NUKI_LOCK_STATE_UNLOCKED);
        tear_down(&each);
    }
}

/* As the gateway says by `hold` off when a device comes up. */
static void relock__locked_when_the_next_driver_comes_up__is_not_done_again(void **state)
{
    struct rig *rig = *state;

    until_unlocked(rig);
    rig_restart(rig, 1000);
    rig_order(rig, 0, DRIVER_COMMAND_LOCK, 6, 10000);
    for (int i = 0; i < 10000 && rig->doors[0].answered_us[6] == 0; i++)
        rig_run(rig, 1);
    rig_assert_said(rig, "d0 result 6 completed");
    assert_int_equal(lock_turn_key(lock_of(rig), rig->now_us, NUKI_LOCK_STATE_UNLOCKED), 0);
    rig_run(rig, 60000);
    assert_int_equal(lock_of(rig)->state, NUKI_LOCK_STATE_UNLOCKED);
}

/* The gateway says it anew, some time behind the first health. */
static void relock__hold_when_the_next_driver_comes_up__is_not_done(void **state)
{
    struct rig *rig = *state;

    until_unlocked(rig);
    rig_restart(rig, 1000);
    rig_run(rig, 1900);
    rig_order(rig, 0, DRIVER_COMMAND_HOLD, 6, 10000);
    rig_run(rig, 60000);
    rig_assert_said(rig, "d0 result 6 completed");
    rig_assert_not_said(rig, "state locked");
    assert_int_equal(lock_of(rig)->state, NUKI_LOCK_STATE_UNLOCKED);
    assert_false(is_kept(rig));
}

/* It is told again for as long as it fails. */
static void relock__hold_that_fails__is_not_done_in_between(void **state)
{
    struct rig *rig = *state;
    struct rig_door *door = &rig->doors[0];

    until_unlocked(rig);
    rig_restart(rig, 1000);
    door->absent = true;
    rig_order(rig, 0, DRIVER_COMMAND_HOLD, 6, 5000);
    rig_run(rig, 6000);
    rig_assert_said(rig, "d0 result 6 failed");
    door->absent = false;
    rig_run(rig, 120 * 1000);
    assert_int_equal(lock_of(rig)->state, NUKI_LOCK_STATE_UNLOCKED);
}

static void relock__locked_by_hand_meanwhile__stays_locked_and_is_owed_no_more(void **state)
{
    struct rig *rig = *state;

    until_unlocked(rig);
    rig_run(rig, 50); /* the motor is done */
    text_reset(&rig->said);
    rig_restart(rig, 1000);
    assert_int_equal(lock_turn_key(lock_of(rig), rig->now_us, NUKI_LOCK_STATE_LOCKED), 0);
    rig_run(rig, 10000);
    assert_int_equal(lock_of(rig)->state, NUKI_LOCK_STATE_LOCKED);
    rig_assert_not_said(rig, "state unlocked");
    assert_false(is_kept(rig));
}

static void relock__door_opened_meanwhile__waits_until_it_is_shut(void **state)
{
    struct rig *rig = *state;

    until_unlocked(rig);
    rig_restart(rig, 1000);
    rig->doors[0].absent = true; /* so that it is due when the lock is first seen */
    lock_set_door(lock_of(rig), rig->now_us, NUKI_DOOR_SENSOR_OPENED);
    rig_run(rig, BLE_RELOCK_START_MS + 1000);
    rig->doors[0].absent = false;
    rig_run(rig, 60000);
    assert_int_equal(lock_of(rig)->state, NUKI_LOCK_STATE_UNLOCKED);
    lock_set_door(lock_of(rig), rig->now_us, NUKI_DOOR_SENSOR_CLOSED);
    rig_run(rig, 20000);
    assert_int_equal(lock_of(rig)->state, NUKI_LOCK_STATE_LOCKED);
}

static void relock__adapter_gone_and_back__leaves_time_for_the_hold(void **state)
{
    struct rig *rig = *state;
    struct ble_unit *unit = &rig->doors[0].unit;
    struct ble_now now;

    until_unlocked(rig);
    now = rig_now(rig);
    ble_unit_stop(unit, "no_adapter", &now);
    rig_run(rig, 60000);
    now = rig_now(rig);
    ble_unit_start(unit, &now);
    rig_run(rig, 1900);
    assert_int_equal(lock_of(rig)->state, NUKI_LOCK_STATE_UNLOCKED);
    rig_run(rig, 10000);
    assert_int_equal(lock_of(rig)->state, NUKI_LOCK_STATE_LOCKED);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(relock__driver_killed_before_it__is_done_by_the_next_one),
        cmocka_unit_test(relock__driver_killed_at_any_moment__ends_with_the_bolt_thrown),
        EACH(relock__release_over_a_link_that_is_there__is_kept_before_the_lock_moves),
        EACH(relock__done_before_the_driver_ends__is_not_done_again),
        EACH(relock__release_that_failed__is_not_owed),
        cmocka_unit_test(relock__hold_or_unlock_behind_the_release__is_not_owed),
        EACH(relock__locked_when_the_next_driver_comes_up__is_not_done_again),
        EACH(relock__hold_when_the_next_driver_comes_up__is_not_done),
        EACH(relock__hold_that_fails__is_not_done_in_between),
        EACH(relock__locked_by_hand_meanwhile__stays_locked_and_is_owed_no_more),
        EACH(relock__door_opened_meanwhile__waits_until_it_is_shut),
        EACH(relock__adapter_gone_and_back__leaves_time_for_the_hold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
