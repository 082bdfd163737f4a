/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_ble_sight.c: one door with a simulated lock: what is said while nobody sees it, and how often it is
 * looked at. */
#include "ble_rig.h"

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

/* What it was last seen as holds no longer: somebody may have opened it. */
static void lock__out_of_reach__is_not_known_until_it_is_seen_again(void **state)
{
    struct rig *rig = *state;
    struct rig_door *door = &rig->doors[0];
    struct ble_now now;

    rig_run(rig, 20000);
    door->absent = true;
    now = rig_now(rig);
    ble_unit_heard(&door->unit, BLE_HEARD_CHANGED, &now);
    rig_run(rig, 600 * 1000);
    assert_string_equal(text_string(&rig->said), "d0 state unknown unknown 100 \n");
    text_reset(&rig->said);
    door->absent = false;
    rig_run(rig, 300 * 1000);
    assert_string_equal(text_string(&rig->said), "d0 state locked closed 100 system\nd0 input tamper 0\n");
}

static void lock__out_of_reach_with_a_door_that_stood_open__is_looked_at_before_it_is_locked(void **state)
{
    struct rig *rig = *state;
    struct rig_door *door = &rig->doors[0];

    door->item.relock = true;
    rig_order(rig, 0, DRIVER_COMMAND_RELEASE, 7, 10000);
    rig_run(rig, 1000);
    lock_set_door(lock_of(rig), rig->now_us, NUKI_DOOR_SENSOR_OPENED);
    rig_run(rig, 30000);
    rig_assert_said(rig, "d0 state unlocked open");
    door->absent = true;
    rig_disconnect(door);
    rig_run(rig, 300 * 1000);
    rig_assert_said(rig, "d0 state unknown unknown");
    door->absent = false;
    rig_run(rig, 300 * 1000);
    assert_int_equal(lock_of(rig)->state, NUKI_LOCK_STATE_UNLOCKED);
}

/* Nobody hears its beacon here. */
static void door__is_shut_after_the_last_look__is_seen_within_half_a_minute(void **state)
{
    struct rig *rig = *state;

    rig_order(rig, 0, DRIVER_COMMAND_RELEASE, 7, 10000);
    rig_run(rig, 4000);
    lock_set_door(lock_of(rig), rig->now_us, NUKI_DOOR_SENSOR_OPENED);
    rig_run(rig, 5000);
    rig_assert_said(rig, "d0 state unlocked open");
    lock_set_door(lock_of(rig), rig->now_us, NUKI_DOOR_SENSOR_CLOSED);
    text_reset(&rig->said);
    rig_run(rig, BLE_OPEN_MS + 2000);
    rig_assert_said(rig, "d0 state unlocked closed");
}

static void door__stands_open_for_long__is_looked_at_by_the_heartbeat(void **state)
{
    struct rig *rig = *state;
    struct ble_unit *unit = &rig->doors[0].unit;
    const struct ble_now now = rig_now(rig);
    int64_t looks = unit->counts.looks;

    lock_set_door(lock_of(rig), rig->now_us, NUKI_DOOR_SENSOR_OPENED);
    ble_unit_look(unit, &now);
    rig_run(rig, 3600 * 1000);
    assert_in_range(unit->counts.looks - looks, BLE_OPEN_LOOKS_MAX, BLE_OPEN_LOOKS_MAX + 4);
}

/* Returns how many made us look. */
static int64_t hear_for_an_hour(struct rig *rig, enum ble_heard even, enum ble_heard odd)
{
    struct ble_unit *unit = &rig->doors[0].unit;
    int64_t before = unit->counts.beacons;

    for (int i = 0; i < 36000; i++) {
        const struct ble_now now = rig_now(rig);

        ble_unit_heard(unit, i % 2 ? odd : even, &now);
        rig_run(rig, 100);
    }
    return unit->counts.beacons - before;
}

#define BEACONS_AN_HOUR (3600 * 1000 / BLE_BEACON_EVERY_MS)

static void beacon__says_changed_for_ever__is_heeded_seldom(void **state)
{
    struct rig *rig = *state;

    assert_in_range(hear_for_an_hour(rig, BLE_HEARD_CHANGED, BLE_HEARD_CHANGED), BEACONS_AN_HOUR,
                    BEACONS_AN_HOUR + BLE_BEACON_AHEAD_MAX);
    assert_in_range(hear_for_an_hour(rig, BLE_HEARD_CHANGED, BLE_HEARD_CHANGED), BEACONS_AN_HOUR - 1,
                    BEACONS_AN_HOUR + 1);
}

static void beacon__of_somebody_who_takes_turns_with_the_lock__is_heeded_as_seldom(void **state)
{
    struct rig *rig = *state;

    assert_in_range(hear_for_an_hour(rig, BLE_HEARD_CHANGED, BLE_HEARD_LOCK), BEACONS_AN_HOUR,
                    BEACONS_AN_HOUR + BLE_BEACON_AHEAD_MAX);
}

static void beacon__behind_many_but_after_an_order__is_heeded(void **state)
{
    struct rig *rig = *state;
    struct ble_unit *unit = &rig->doors[0].unit;

    hear_for_an_hour(rig, BLE_HEARD_CHANGED, BLE_HEARD_CHANGED);
    rig_order(rig, 0, DRIVER_COMMAND_LOCK, 7, 10000);
    rig_run(rig, 10000);
    int64_t beacons = unit->counts.beacons;

    for (int i = 0; i < 5; i++) {
        const struct ble_now now = rig_now(rig);

        ble_unit_heard(unit, BLE_HEARD_CHANGED, &now);
        rig_run(rig, BLE_BEACON_REST_MS);
    }
    assert_int_equal(unit->counts.beacons, beacons + 5);
}

#define PAIRED(name) cmocka_unit_test_setup_teardown(name, set_up_paired, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIRED(beacon__says_changed_for_ever__is_heeded_seldom),
        PAIRED(beacon__of_somebody_who_takes_turns_with_the_lock__is_heeded_as_seldom),
        PAIRED(beacon__behind_many_but_after_an_order__is_heeded),
        PAIRED(door__is_shut_after_the_last_look__is_seen_within_half_a_minute),
        PAIRED(door__stands_open_for_long__is_looked_at_by_the_heartbeat),
        PAIRED(lock__out_of_reach__is_not_known_until_it_is_seen_again),
        PAIRED(lock__out_of_reach_with_a_door_that_stood_open__is_looked_at_before_it_is_locked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
