/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_ble_site.c: sixteen doors on one adapter that holds seven connections: nobody waits for long because
 * of the others. */
#include "ble_rig.h"

static int set_up(void **state)
{
    *state = rig_new(RIG_DOORS_MAX);
    rig_pair_all(*state);
    return 0;
}

static int tear_down(void **state)
{
    rig_free(*state);
    return 0;
}

static void assert_all_answered_within(const struct rig *rig, int64_t id, int64_t from_us, int64_t ms)
{
    for (size_t i = 0; i < rig->count; i++) {
        const struct rig_door *door = &rig->doors[i];

        if (!door->absent)
            assert_in_range(door->answered_us[id], from_us, from_us + ms * USEC_PER_MSEC);
    }
}

/* Sixteen connects of 0.2 s, and the motor's 5 s for those that wait for a place among seven connections. */
static void site__all_doors_at_once__all_are_opened(void **state)
{
    struct rig *rig = *state;
    int64_t from_us;

    rig_run(rig, 30000);
    from_us = rig->now_us;
    for (size_t i = 0; i < rig->count; i++)
        rig_order(rig, i, DRIVER_COMMAND_RELEASE, 7, 30000);
    rig_run(rig, 40000);
    assert_all_answered_within(rig, 7, from_us, 20000);
    rig_assert_not_said(rig, "failed");
    rig_assert_not_said(rig, "unknown");
}

static void site__half_the_locks_without_power__the_others_do_not_wait_for_them(void **state)
{
    struct rig *rig = *state;
    int64_t from_us;

    rig_run(rig, 30000);
    for (size_t i = 0; i < rig->count; i += 2)
        rig->doors[i].absent = true;
    rig_run(rig, 3600 * 1000); /* heartbeats find out */
    for (size_t i = 1; i < rig->count; i += 2) {
        from_us = rig->now_us;
        rig_order(rig, i, DRIVER_COMMAND_RELEASE, 7, 10000);
        rig_run(rig, 20000);
        assert_in_range(rig->doors[i].answered_us[7], from_us, from_us + 7 * USEC_PER_SEC);
    }
    rig_assert_not_said(rig, "failed");
}

static void site__a_busy_door__does_not_starve_the_heartbeats_of_the_others(void **state)
{
    struct rig *rig = *state;

    for (int i = 0; i < 600; i++) {
        rig_order(rig, 0, i % 2 ? DRIVER_COMMAND_LOCK : DRIVER_COMMAND_UNLOCK, 6, 10000);
        rig_run(rig, 3000);
    }
    for (size_t i = 1; i < rig->count; i++)
        assert_true(rig->doors[i].unit.counts.looks >= 2);
    rig_assert_not_said(rig, "failed");
}

static void site__warm_links_to_all__take_turns_and_a_release_comes_through(void **state)
{
    struct rig *rig = *state;
    int64_t from_us;

    for (size_t i = 0; i < rig->count; i++)
        rig->doors[i].unit.link.rule.warm = true;
    rig_run(rig, 600 * 1000);
    for (size_t i = 0; i < rig->count; i++) {
        from_us = rig->now_us;
        rig_order(rig, i, DRIVER_COMMAND_RELEASE, 7, 10000);
        rig_run(rig, 12000);
        assert_in_range(rig->doors[i].answered_us[7], from_us, from_us + 8 * USEC_PER_SEC);
    }
}

static void site__nothing_is_discovered_twice(void **state)
{
    struct rig *rig = *state;

    rig_run(rig, 24 * 3600 * 1000);
    for (size_t i = 0; i < rig->count; i++) {
        assert_int_equal(rig->doors[i].unit.link.counts.discoveries, 1);
        assert_true(rig->doors[i].unit.link.counts.connects > 90);
    }
}

#define SITE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SITE(site__all_doors_at_once__all_are_opened),
        SITE(site__half_the_locks_without_power__the_others_do_not_wait_for_them),
        SITE(site__a_busy_door__does_not_starve_the_heartbeats_of_the_others),
        SITE(site__warm_links_to_all__take_turns_and_a_release_comes_through),
        SITE(site__nothing_is_discovered_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
