/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_ble_unit.c: one door with a simulated lock: what its orders come to, and what is done without any. */
#include "ble_rig.h"

static int set_up(void **state)
{
    *state = rig_new(1);
    return 0;
}

static int set_up_paired(void **state)
{
    *state = rig_new(1);
    rig_pair_all(*state);
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

static void pair__person_presses_the_button__is_paired_and_looked_at(void **state)
{
    struct rig *rig = *state;
    const struct ble_now now = rig_now(rig);
    struct ble_key key;

    ble_unit_start(&rig->doors[0].unit, &now);
    assert_string_equal(ble_unit_fault(&rig->doors[0].unit), "not_paired");
    rig_order(rig, 0, DRIVER_COMMAND_PAIR, 1, 30000);
    rig_run(rig, 5000);
    rig_assert_said(rig, "d0 progress 1 Connecting");
    rig_assert_not_said(rig, "result");
    lock_talk_press(&rig->doors[0].device.talk, rig->now_us);
    rig_run(rig, 10000);
    rig_assert_said(rig, "d0 result 1 completed \n");
    rig_assert_said(rig, "d0 state locked closed 100 system\n");
    assert_null(ble_unit_fault(&rig->doors[0].unit));
    assert_int_equal(ble_keys_find(rig->directory, "d0", NULL, &key), 0);
}

static void pair__nobody_presses__fails_and_the_old_key_still_opens(void **state)
{
    struct rig *rig = *state;

    rig_order(rig, 0, DRIVER_COMMAND_PAIR, 2, 15000);
    rig_run(rig, 20000);
    rig_assert_said(rig, "d0 result 2 failed ");
    rig_order(rig, 0, DRIVER_COMMAND_RELEASE, 3, 10000);
    rig_run(rig, 10000);
    rig_assert_said(rig, "d0 result 3 completed");
}

static void pair_any_type(struct rig *rig, int64_t limit_ms)
{
    const struct ble_now now = rig_now(rig);
    struct rig_door *door = &rig->doors[0];
    const struct ble_order order = { .kind = DRIVER_COMMAND_PAIR,
                                     .id = 1,
                                     .deadline_us = now.us + limit_ms * USEC_PER_MSEC,
                                     .address = door->address,
                                     .any_type = true };

    ble_unit_start(&door->unit, &now);
    ble_unit_order(&door->unit, &order, &now);
}

static void pair__type_of_the_address_is_not_known__both_are_tried(void **state)
{
    struct rig *rig = *state;
    struct rig_door *door = &rig->doors[0];

    door->address.type = BLE_ADDRESS_RANDOM;
    lock_talk_press(&door->device.talk, rig->now_us);
    pair_any_type(rig, 60000);
    rig_run(rig, 60000);
    rig_assert_said(rig, "d0 result 1 completed");
    assert_int_equal(door->unit.link.peer.type, BLE_ADDRESS_RANDOM);
}

static void pair__link_breaks_while_nobody_presses__keeps_the_type_that_answered(void **state)
{
    struct rig *rig = *state;
    struct lock_device *device = &rig->doors[0].device;

    lock_device_drop(device, "told not_pairing");
    pair_any_type(rig, 10000);
    rig_run(rig, 1000);
    lock_talk_press(&device->talk, rig->now_us);
    rig_run(rig, 10000);
    rig_assert_said(rig, "d0 result 1 completed");
}

static void pair__lock_out_of_reach__says_so_whichever_type_was_tried_last(void **state)
{
    struct rig *rig = *state;

    rig->doors[0].absent = true;
    pair_any_type(rig, 15000);
    rig_run(rig, 15001);
    rig_assert_said(rig, "d0 result 1 failed no_answer");
}

static void release__by_unlatching__is_accepted_completed_and_looked_at_once_more(void **state)
{
    struct rig *rig = *state;

    rig_order(rig, 0, DRIVER_COMMAND_RELEASE, 7, 10000);
    rig_run(rig, 20000);
    rig_assert_said(rig, "d0 result 7 accepted \n");
    rig_assert_said(rig, "d0 result 7 completed \n");
    rig_assert_said(rig, "d0 state unlocked closed 100 unlatched");
    rig_assert_said(rig, "d0 state unlocked closed 100 system\n");
    assert_int_equal(lock_of(rig)->state, NUKI_LOCK_STATE_UNLOCKED);
    assert_int_equal(rig->doors[0].unit.link.counts.discoveries, 1); /* when it was paired */
}

static void release__relock__throws_the_bolt_again_when_the_pulse_is_over(void **state)
{
    struct rig *rig = *state;

    rig->doors[0].item.relock = true;
    rig->doors[0].item.release = BLE_RELEASE_UNLOCK;
    rig_order(rig, 0, DRIVER_COMMAND_RELEASE, 7, 10000);
    rig_run(rig, 2500);
    rig_assert_said(rig, "d0 result 7 completed");
    assert_int_equal(lock_of(rig)->state, NUKI_LOCK_STATE_UNLOCKED);
    rig_run(rig, 5000);
    assert_int_equal(lock_of(rig)->state, NUKI_LOCK_STATE_LOCKED);
    rig_assert_said(rig, "d0 state locked closed");
}

static void release__relock_while_the_door_stands_open__waits_until_it_is_shut(void **state)
{
    struct rig *rig = *state;

    rig->doors[0].item.relock = true;
    rig_order(rig, 0, DRIVER_COMMAND_RELEASE, 7, 10000);
    rig_run(rig, 1000);
    lock_set_door(lock_of(rig), rig->now_us, NUKI_DOOR_SENSOR_OPENED);
    rig_run(rig, 30000);
    assert_int_equal(lock_of(rig)->state, NUKI_LOCK_STATE_UNLOCKED);
    rig_assert_said(rig, "d0 state unlocked open");
    lock_set_door(lock_of(rig), rig->now_us, NUKI_DOOR_SENSOR_CLOSED);
    rig_run(rig, 20000);
    assert_int_equal(lock_of(rig)->state, NUKI_LOCK_STATE_LOCKED);
}

static void release__relock_of_a_door_that_stood_open_for_long__is_not_given_up(void **state)
{
    struct rig *rig = *state;

    rig->doors[0].item.relock = true;
    rig_order(rig, 0, DRIVER_COMMAND_RELEASE, 7, 10000);
    rig_run(rig, 1000);
    lock_set_door(lock_of(rig), rig->now_us, NUKI_DOOR_SENSOR_OPENED);
    rig_run(rig, 3600 * 1000);
    rig_assert_said(rig, "is not locked again yet: the door stands open");
    int64_t connects = rig->doors[0].connects;

    rig_run(rig, 3600 * 1000);
    assert_true(rig->doors[0].connects - connects < 10);
    lock_set_door(lock_of(rig), rig->now_us, NUKI_DOOR_SENSOR_CLOSED);
    rig_run(rig, 1000 * 1000);
    assert_int_equal(lock_of(rig)->state, NUKI_LOCK_STATE_LOCKED);
}

static void release__held__is_not_locked_again(void **state)
{
    struct rig *rig = *state;

    rig->doors[0].item.relock = true;
    rig_order(rig, 0, DRIVER_COMMAND_HOLD, 6, 10000);
    rig_order(rig, 0, DRIVER_COMMAND_RELEASE, 7, 20000);
    rig_run(rig, 60000);
    rig_assert_said(rig, "d0 result 6 completed");
    rig_assert_said(rig, "d0 result 7 completed");
    assert_int_equal(lock_of(rig)->state, NUKI_LOCK_STATE_UNLOCKED);
}

static void release__then_a_hold_or_an_unlock__is_not_locked_again(void **state)
{
    static const enum driver_command_kind kinds[] = { DRIVER_COMMAND_HOLD, DRIVER_COMMAND_UNLOCK };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct rig *rig = rig_new(1);

        rig_pair_all(rig);
        rig->doors[0].item.relock = true;
        rig_order(rig, 0, DRIVER_COMMAND_RELEASE, 6, 10000);
        rig_order(rig, 0, kinds[i], 7, 20000);
        rig_run(rig, 60000);
        rig_assert_said(rig, "d0 result 6 completed");
        rig_assert_said(rig, "d0 result 7 completed");
        assert_int_equal(lock_of(rig)->state, NUKI_LOCK_STATE_UNLOCKED);
        rig_free(rig);
    }
}

/* It can be the latch that is stuck, and the bolt is drawn. */
static void release__fails_after_it_was_accepted__is_locked_again(void **state)
{
    struct rig *rig = *state;

    rig->doors[0].item.relock = true;
    lock_of(rig)->jams = 1;
    rig_order(rig, 0, DRIVER_COMMAND_RELEASE, 7, 10000);
    rig_run(rig, 20000);
    rig_assert_said(rig, "d0 result 7 accepted");
    rig_assert_said(rig, "d0 result 7 failed motor_blocked");
    assert_int_equal(lock_of(rig)->state, NUKI_LOCK_STATE_LOCKED);
}

/* Nobody waits for it: other doors come first. */
static void release__relock_of_a_lock_that_is_gone__takes_no_persons_turn(void **state)
{
    struct rig *rig = *state;
    struct rig_door *door = &rig->doors[0];

    door->item.relock = true;
    rig_order(rig, 0, DRIVER_COMMAND_RELEASE, 7, 10000);
    rig_run(rig, 2500);
    rig_assert_said(rig, "d0 result 7 completed");
    door->absent = true;
    rig_disconnect(door);
    rig_run(rig, 600 * 1000);
    assert_int_equal(door->unit.link.wanted, BLE_LINK_BACKGROUND);
    door->absent = false;
    rig_run(rig, 120 * 1000);
    assert_int_equal(lock_of(rig)->state, NUKI_LOCK_STATE_LOCKED);
}

static void order__lock_out_of_reach__fails_at_its_deadline_and_is_never_done(void **state)
{
    struct rig *rig = *state;

    rig_run(rig, 20000); /* the link is let go */
    rig->doors[0].absent = true;
    rig_order(rig, 0, DRIVER_COMMAND_RELEASE, 7, 10000);
    rig_run(rig, 9999);
    rig_assert_not_said(rig, "result");
    rig_run(rig, 2);
    rig_assert_said(rig, "d0 result 7 failed no_answer");
    rig->doors[0].absent = false;
    rig_run(rig, 120000);
    assert_int_equal(lock_of(rig)->state, NUKI_LOCK_STATE_LOCKED);
}

static void order__link_breaks_before_it_was_given__is_done_on_a_new_one(void **state)
{
    struct rig *rig = *state;

    lock_device_drop(&rig->doors[0].device, "heard request_data challenge");
    rig_order(rig, 0, DRIVER_COMMAND_LOCK, 7, 10000);
    rig_run(rig, 10000);
    rig_assert_said(rig, "d0 result 7 completed");
    assert_int_equal(rig->doors[0].unit.counts.retries, 1);
}

static void order__link_breaks_after_it_was_given__is_unknown_and_the_lock_looked_at(void **state)
{
    struct rig *rig = *state;

    lock_device_drop(&rig->doors[0].device, "told accepted");
    rig_order(rig, 0, DRIVER_COMMAND_UNLOCK, 7, 10000);
    rig_run(rig, 10000);
    rig_assert_said(rig, "d0 result 7 accepted");
    rig_assert_said(rig, "d0 result 7 unknown");
    rig_assert_said(rig, "d0 state unlocked closed");
    assert_int_equal(lock_of(rig)->last_action, NUKI_ACTION_UNLOCK);
}

/* A lock that takes 20 bytes at once gets the action in pieces, and acts when it is told to behind the last.
 */
static void order__deadline_over_while_it_is_given__is_recalled(void **state)
{
    struct rig *rig = *state;
    struct rig_door *door = &rig->doors[0];
    int64_t begun_us;

    rig_run(rig, 20000); /* the link is let go */
    door->device.gatt.mtu_offered = ATT_MTU_DEFAULT;
    begun_us = rig->now_us;
    rig_order(rig, 0, DRIVER_COMMAND_UNLOCK, 7, 2000);
    rig_run(rig, RIG_CONNECT_MS - 1);
    rig->now_us += USEC_PER_MSEC;
    while (!door->device.talk.challenged || door->unit.link.gatt.writes > 0)
        assert_true(rig_round(rig));
    while (door->unit.link.gatt.prepared == 0)
        assert_true(rig_round(rig));
    door->device.deaf = 1;
    rig_run(rig, begun_us / USEC_PER_MSEC + 2001 - rig->now_us / USEC_PER_MSEC);
    rig_assert_said(rig, "d0 result 7 unknown");
    rig_run(rig, 60000);
    assert_int_equal(lock_of(rig)->state, NUKI_LOCK_STATE_LOCKED);
}

/* Its handles have moved, and what is subscribed to happens to be where it was. */
static void order__write_is_refused__is_not_written_again_on_this_link(void **state)
{
    struct rig *rig = *state;
    struct ble_link *link = &rig->doors[0].unit.link;

    rig_run(rig, 20000); /* the link is let go */
    link->cache.at[rig->doors[0].unit.protocol->channel(BLE_COMMAND_UNLOCK)].value = UINT16_MAX;
    rig_order(rig, 0, DRIVER_COMMAND_UNLOCK, 7, 10000);
    rig_run(rig, 10000);
    rig_assert_said(rig, "d0 result 7 completed");
    assert_int_equal(rig->doors[0].unit.counts.retries, 1);
}

static void order__motor_blocked__fails_and_the_jam_is_told(void **state)
{
    struct rig *rig = *state;

    lock_of(rig)->jams = 1;
    rig_order(rig, 0, DRIVER_COMMAND_UNLOCK, 7, 10000);
    rig_run(rig, 20000);
    rig_assert_said(rig, "d0 result 7 ");
    rig_assert_not_said(rig, "completed");
    rig_assert_said(rig, "d0 state jammed closed 100 motor_blocked");
    assert_string_equal(ble_unit_fault(&rig->doors[0].unit), "motor_blocked");
}

static void order__lock_has_forgotten_us__fails_and_it_is_asked_ever_more_seldom(void **state)
{
    struct rig *rig = *state;

    lock_talk_forget(&rig->doors[0].device.talk);
    rig_order(rig, 0, DRIVER_COMMAND_UNLOCK, 7, 10000);
    rig_run(rig, 60000);
    rig_assert_said(rig, "d0 result 7 failed no_answer");
    assert_string_equal(ble_unit_fault(&rig->doors[0].unit), "no_answer");
    int64_t before = rig->doors[0].connects;

    rig_run(rig, 3600 * 1000);
    assert_true(rig->doors[0].connects - before < 100);
}

static void order__several__are_done_in_turn_and_too_many_refused(void **state)
{
    struct rig *rig = *state;

    for (int64_t id = 1; id <= BLE_ORDERS_MAX + 1; id++)
        rig_order(rig, 0, id % 2 ? DRIVER_COMMAND_UNLOCK : DRIVER_COMMAND_LOCK, id, 60000);
    rig_assert_said(rig, "d0 result 9 failed busy");
    rig_run(rig, 60000);
    for (int64_t id = 2; id < 8; id++)
        assert_true(rig->doors[0].answered_us[id] > rig->doors[0].answered_us[id - 1]);
    assert_int_equal(rig->doors[0].unit.counts.completed, 1 + BLE_ORDERS_MAX);
}

static void prepare__somebody_comes__connects_and_lets_go_again(void **state)
{
    struct rig *rig = *state;
    struct rig_door *door = &rig->doors[0];

    rig_run(rig, 20000);
    assert_int_equal(door->unit.link.state, BLE_LINK_IDLE);
    struct ble_now now = rig_now(rig);

    ble_unit_prepare(&door->unit, &now);
    rig_run(rig, 2000);
    assert_int_equal(door->unit.link.state, BLE_LINK_READY);
    rig_run(rig, BLE_PREPARE_MS + 10000);
    assert_int_equal(door->unit.link.state, BLE_LINK_IDLE);
}

static void beacon__says_changed__the_lock_is_looked_at_once(void **state)
{
    struct rig *rig = *state;
    struct rig_door *door = &rig->doors[0];

    assert_int_equal(lock_turn_key(lock_of(rig), rig->now_us, NUKI_LOCK_STATE_UNLOCKED), 0);
    for (int i = 0; i < 20; i++) {
        const struct ble_now now = rig_now(rig);

        ble_unit_heard(&door->unit, BLE_HEARD_CHANGED, &now);
        rig_run(rig, 100);
    }
    rig_assert_said(rig, "d0 state unlocked closed");
    assert_int_equal(door->unit.counts.beacons, 1);
}

static void heartbeat__nothing_happens__looks_without_saying_what_is_no_news(void **state)
{
    struct rig *rig = *state;
    int64_t looks = rig->doors[0].unit.counts.looks;

    rig_run(rig, 4 * 900 * 1000 + 5000);
    assert_int_equal(rig->doors[0].unit.counts.looks, looks + 4);
    assert_string_equal(text_string(&rig->said), "");
}

static void lock__gone_and_back__is_reported_and_forgotten(void **state)
{
    struct rig *rig = *state;
    struct rig_door *door = &rig->doors[0];
    struct ble_now now;

    rig_run(rig, 20000);
    door->absent = true;
    now = rig_now(rig);
    ble_unit_look(&door->unit, &now);
    rig_run(rig, 60000);
    assert_string_equal(ble_unit_fault(&door->unit), "no_answer");
    door->absent = false;
    rig_run(rig, 120000);
    assert_null(ble_unit_fault(&door->unit));
}

static void link__made_room_for_another_door__is_no_fault_of_the_lock(void **state)
{
    struct rig *rig = *state;
    struct rig_door *door = &rig->doors[0];

    rig_run(rig, 20000);
    const struct ble_now now = rig_now(rig);

    ble_unit_look(&door->unit, &now);
    rig_run(rig, RIG_CONNECT_MS / 2);
    for (int i = 0; i < 2 * BLE_MISSES_MAX; i++) {
        assert_int_equal(door->unit.link.state, BLE_LINK_CONNECTING);
        ble_link_let_go(&door->unit.link, rig->now_us);
        rig_run(rig, BLE_LINK_REST_MIN_MS + RIG_CONNECT_MS / 2);
        assert_null(ble_unit_fault(&door->unit));
    }
    rig_run(rig, 10000);
    assert_null(ble_unit_fault(&door->unit));
}

static void adapter__gone__ends_orders_and_nothing_is_tried_until_it_is_back(void **state)
{
    struct rig *rig = *state;
    struct rig_door *door = &rig->doors[0];
    struct ble_now now;

    rig_run(rig, 20000);
    rig_order(rig, 0, DRIVER_COMMAND_UNLOCK, 7, 10000);
    rig_run(rig, 100);
    now = rig_now(rig);
    ble_unit_stop(&door->unit, "no_adapter", &now);
    rig_assert_said(rig, "d0 result 7 failed no_adapter");
    rig_assert_said(rig, "d0 state unknown unknown 100");
    int64_t connects = door->connects;

    rig_run(rig, 3600 * 1000);
    assert_int_equal(door->connects, connects);
    now = rig_now(rig);
    ble_unit_start(&door->unit, &now);
    rig_run(rig, 5000);
    rig_assert_said(rig, "d0 state locked closed 100");
}

static void battery_and_clock__amiss__are_told(void **state)
{
    struct rig *rig = *state;
    struct ble_now now = rig_now(rig);

    lock_of(rig)->battery_percent = 16;
    lock_of(rig)->battery_critical = true;
    ble_unit_look(&rig->doors[0].unit, &now);
    rig_run(rig, 5000);
    rig_assert_said(rig, "d0 state locked closed 16");
    assert_string_equal(ble_unit_fault(&rig->doors[0].unit), "battery_low");
    lock_of(rig)->battery_critical = false;
    lock_set_time(lock_of(rig), rig->now_us, lock_time(lock_of(rig), rig->now_us) + 600);
    now = rig_now(rig);
    ble_unit_look(&rig->doors[0].unit, &now);
    rig_run(rig, 5000);
    assert_string_equal(ble_unit_fault(&rig->doors[0].unit), "clock_wrong");
}

#define PAIRED(name) cmocka_unit_test_setup_teardown(name, set_up_paired, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pair__person_presses_the_button__is_paired_and_looked_at, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(pair__type_of_the_address_is_not_known__both_are_tried, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(pair__link_breaks_while_nobody_presses__keeps_the_type_that_answered,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(pair__lock_out_of_reach__says_so_whichever_type_was_tried_last,
                                        set_up, tear_down),
        PAIRED(pair__nobody_presses__fails_and_the_old_key_still_opens),
        PAIRED(release__by_unlatching__is_accepted_completed_and_looked_at_once_more),
        PAIRED(release__relock__throws_the_bolt_again_when_the_pulse_is_over),
        PAIRED(release__relock_while_the_door_stands_open__waits_until_it_is_shut),
        PAIRED(release__relock_of_a_door_that_stood_open_for_long__is_not_given_up),
        PAIRED(release__held__is_not_locked_again),
        cmocka_unit_test(release__then_a_hold_or_an_unlock__is_not_locked_again),
        PAIRED(release__fails_after_it_was_accepted__is_locked_again),
        PAIRED(release__relock_of_a_lock_that_is_gone__takes_no_persons_turn),
        PAIRED(order__lock_out_of_reach__fails_at_its_deadline_and_is_never_done),
        PAIRED(order__link_breaks_before_it_was_given__is_done_on_a_new_one),
        PAIRED(order__link_breaks_after_it_was_given__is_unknown_and_the_lock_looked_at),
        PAIRED(order__deadline_over_while_it_is_given__is_recalled),
        PAIRED(order__write_is_refused__is_not_written_again_on_this_link),
        PAIRED(order__motor_blocked__fails_and_the_jam_is_told),
        PAIRED(order__lock_has_forgotten_us__fails_and_it_is_asked_ever_more_seldom),
        PAIRED(order__several__are_done_in_turn_and_too_many_refused),
        PAIRED(prepare__somebody_comes__connects_and_lets_go_again),
        PAIRED(beacon__says_changed__the_lock_is_looked_at_once),
        PAIRED(heartbeat__nothing_happens__looks_without_saying_what_is_no_news),
        PAIRED(lock__gone_and_back__is_reported_and_forgotten),
        PAIRED(link__made_room_for_another_door__is_no_fault_of_the_lock),
        PAIRED(adapter__gone__ends_orders_and_nothing_is_tried_until_it_is_back),
        PAIRED(battery_and_clock__amiss__are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
