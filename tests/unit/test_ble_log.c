/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_ble_log.c: what a simulated lock's log has is told, and how far it was told is kept only later. */
#include "ble_rig.h"

static int set_up(void **state)
{
    struct rig *rig = rig_new(1);

    rig_pair_all(rig);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    rig_free(*state);
    return 0;
}

/* With the PIN, its log is read behind the look that follows. */
static void pair(struct rig *rig, int64_t id)
{
    rig->doors[0].item.pin = LOCK_PIN;
    rig_order(rig, 0, DRIVER_COMMAND_PAIR, id, 30000);
    lock_talk_press(&rig->doors[0].device.talk, rig->now_us);
    rig_run(rig, 8000);
}

static void turn_key(struct rig *rig)
{
    assert_int_equal(lock_turn_key(&rig->doors[0].device.talk.lock, rig->now_us, NUKI_LOCK_STATE_UNLOCKED),
                     0);
}

static void look(struct rig *rig)
{
    const struct ble_now now = rig_now(rig);

    text_reset(&rig->said);
    ble_unit_look(&rig->doors[0].unit, &now);
    rig_run(rig, 5000);
}

static struct ble_memory memory_of(const struct rig *rig)
{
    const struct ble_unit *unit = &rig->doors[0].unit;
    struct ble_memory memory;

    ble_memory_find(rig->directory, &unit->link.peer, "nuki", unit->wants.count, &memory);
    return memory;
}

static uint32_t kept(const struct rig *rig)
{
    return memory_of(rig).log_index;
}

static void log__with_the_pin__is_read_from_where_it_was_left_off(void **state)
{
    struct rig *rig = *state;

    turn_key(rig);
    pair(rig, 2);
    rig_assert_said(rig, "d0 record 1 unlock success \"\"\n");
    look(rig);
    rig_assert_not_said(rig, "record");
}

/* A lock that was reset counts its log from 1 again. */
static void log__of_a_lock_that_is_paired_anew__is_read_from_its_beginning(void **state)
{
    struct rig *rig = *state;

    turn_key(rig);
    for (int64_t id = 2; id <= 3; id++) {
        text_reset(&rig->said);
        pair(rig, id);
        rig_assert_said(rig, "d0 record 1 unlock");
    }
}

static void log__was_told__how_far_is_kept_ten_seconds_later(void **state)
{
    struct rig *rig = *state;

    turn_key(rig);
    pair(rig, 2);
    rig_assert_said(rig, "d0 record 1 unlock");
    assert_int_equal(kept(rig), 0);
    rig_run(rig, BLE_KEEP_MS);
    assert_true(kept(rig) > 0);
    assert_int_equal(kept(rig), rig->doors[0].unit.log_index);
}

/* The gateway may not have read the line yet, whatever else is written meanwhile. */
static void log__was_told_and_a_relock_is_kept__is_not_kept_with_it(void **state)
{
    struct rig *rig = *state;

    rig->doors[0].item.relock = true;
    turn_key(rig);
    pair(rig, 2);
    rig_assert_said(rig, "d0 record 1 unlock");
    rig_order(rig, 0, DRIVER_COMMAND_RELEASE, 3, 30000);
    rig_run(rig, 500);
    assert_true(memory_of(rig).relock);
    assert_int_equal(kept(rig), 0);
}

static void log__gateway_does_not_hear_it__is_read_again(void **state)
{
    struct rig *rig = *state;

    rig->deaf = true;
    turn_key(rig);
    pair(rig, 2);
    rig_run(rig, BLE_KEEP_MS);
    assert_int_equal(kept(rig), 0);
    rig->deaf = false;
    look(rig);
    rig_assert_said(rig, "d0 record 1 unlock");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(log__with_the_pin__is_read_from_where_it_was_left_off, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(log__of_a_lock_that_is_paired_anew__is_read_from_its_beginning,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(log__was_told__how_far_is_kept_ten_seconds_later, set_up, tear_down),
        cmocka_unit_test_setup_teardown(log__was_told_and_a_relock_is_kept__is_not_kept_with_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(log__gateway_does_not_hear_it__is_read_again, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
