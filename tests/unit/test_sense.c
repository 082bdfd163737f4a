/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a world tells of its doors: alarms raised once, ended once, and in force over a restart. */
#include "tests/unit/door_fixture.h"

#include <errno.h>

static const char *const items[] = {
    "{'kind':'device','item':{'id':'unit','driver':'sim','targets':['t1','t2','t3']}}",
    "{'kind':'door','item':{'id':'front','kind':'door','target':'t1','pulse_ms':3000,'held_ms':20000,"
    "'extended_held_ms':50000,'held_warn_percent':75,'relock_on_close':true}}",
    "{'kind':'door','item':{'id':'back','kind':'door','target':'t2','pulse_ms':3000,'held_ms':20000,"
    "'passage':'sensed'}}",
    "{'kind':'door','item':{'id':'gate','kind':'turnstile','target':'t3','passage_timeout_ms':8000}}",
    "{'kind':'door','item':{'id':'out','kind':'turnstile','target':'t3','free':'exit'}}",
    "{'kind':'door','item':{'id':'in','kind':'turnstile','target':'t3','free':'entry'}}",
    "{'kind':'access_point','item':{'id':'out.out','door':'out','direction':'exit'}}",
    "{'kind':'access_point','item':{'id':'back.in','door':'back','direction':'entry'}}",
    "{'kind':'access_point','item':{'id':'gate.in','door':'gate','direction':'entry'}}",
    "{'kind':'user','item':{'id':'ada'}}",
    "{'kind':'credential','item':{'id':'c','user':'ada','type':'card','value':'04A1'}}",
    "{'kind':'user','item':{'id':'bob','extended_time':true}}",
    "{'kind':'credential','item':{'id':'d','user':'bob','type':'card','value':'04B1'}}",
    "{'kind':'rule','item':{'id':'r','users':['ada','bob'],'doors':['back','gate','out']}}",
};

static int setup(void **state)
{
    int r = setup_doors(state, items, sizeof(items) / sizeof(items[0]));
    struct fixture *f = *state;

    at_door(f, "front");
    return r;
}

static struct verdict tap(struct fixture *f, const char *point, const char *card)
{
    struct presentation presentation = { .point = point, .type = CREDENTIAL_CARD };
    struct verdict verdict;

    simulate_items_hash(CREDENTIAL_CARD, card, presentation.hash);
    assert_int_equal(world_present(f->world, &presentation, &f->now, &verdict), 0);
    assert_int_equal(verdict.kind, VERDICT_GRANT);
    return verdict;
}

static void opened__while_locked__forced_until_shut(void **state)
{
    struct fixture *f = shut(state);
    int64_t since_us;

    assert_int_equal(input(f, WORLD_INPUT_CONTACT, true), 1);
    assert_told(f, "+forced ");
    assert_true(world_door_alarm(f->world, f->door, DOOR_ALARM_FORCED, &since_us));
    assert_int_equal(since_us, f->now.utc_us);
    assert_int_equal(input(f, WORLD_INPUT_CONTACT, true), 0);
    release(f, 3000, false);
    wait_for(f, 100);
    assert_told(f, "");
    assert_int_equal(input(f, WORLD_INPUT_CONTACT, false), 1);
    assert_told(f, "-forced ");
    assert_false(alarm_on(f, DOOR_ALARM_FORCED));
}

static void opened__by_a_release_and_shortly_after__is_not_forced(void **state)
{
    struct fixture *f = shut(state);

    assert_int_equal(command(f), DOOR_LOCKED);
    release(f, 3000, false);
    assert_int_equal(command(f), DOOR_RELEASED);
    wait_for(f, 3);
    assert_int_equal(command(f), DOOR_LOCKED);
    wait_for(f, 0.999);
    input(f, WORLD_INPUT_CONTACT, true);
    assert_told(f, "");
    input(f, WORLD_INPUT_CONTACT, false);
    wait_for(f, 0.001);
    input(f, WORLD_INPUT_CONTACT, true);
    assert_told(f, "+forced ");
}

static void opened__by_a_slow_device__is_not_forced(void **state)
{
    struct fixture *f = shut(state);

    release(f, 3000, false);
    wait_for(f, 4);
    assert_int_equal(world_release_lasts(f->world, f->door, 3000, &f->now), 0);
    wait_for(f, 3.999);
    input(f, WORLD_INPUT_CONTACT, true);
    input(f, WORLD_INPUT_CONTACT, false);
    wait_for(f, 10);
    assert_int_equal(world_release_lasts(f->world, f->door, 0, &f->now), 0);
    assert_int_equal(command(f), DOOR_LOCKED);
    wait_for(f, 0.999);
    input(f, WORLD_INPUT_CONTACT, true);
    assert_told(f, "");
}

static void shorter_release__ends_no_longer_one(void **state)
{
    struct fixture *f = shut(state);

    release(f, 9000, false);
    release(f, 3000, false);
    wait_for(f, 8);
    assert_int_equal(command(f), DOOR_RELEASED);
}

static void open__too_long__warned_then_held_until_shut(void **state)
{
    struct fixture *f = shut(state);

    release(f, 3000, false);
    input(f, WORLD_INPUT_CONTACT, true);
    wait_for(f, 14.999);
    assert_told(f, "");
    wait_for(f, 0.001);
    assert_told(f, "soon ");
    wait_for(f, 4.999);
    assert_told(f, "");
    wait_for(f, 0.001);
    assert_told(f, "+held ");
    wait_for(f, 100);
    release(f, 3000, false);
    assert_told(f, "");
    input(f, WORLD_INPUT_CONTACT, false);
    assert_told(f, "-held ");
}

static void open__released_again__time_begins_anew(void **state)
{
    struct fixture *f = shut(state);

    release(f, 3000, false);
    input(f, WORLD_INPUT_CONTACT, true);
    wait_for(f, 16);
    assert_told(f, "soon ");
    release(f, 3000, false);
    wait_for(f, 14);
    assert_told(f, "");
    wait_for(f, 6);
    assert_told(f, "soon +held ");
}

static void open__for_somebody_who_needs_longer__has_longer(void **state)
{
    struct fixture *f = shut(state);

    release(f, 9000, true);
    input(f, WORLD_INPUT_CONTACT, true);
    wait_for(f, 37);
    assert_told(f, "");
    wait_for(f, 1);
    assert_told(f, "soon ");
    wait_for(f, 12);
    assert_told(f, "+held ");
}

static void open__nobody_looked_for_long__both_are_told(void **state)
{
    struct fixture *f = shut(state);

    release(f, 3000, false);
    input(f, WORLD_INPUT_CONTACT, true);
    f->now.boot_us += 100 * USEC_PER_SEC;
    f->now.utc_us += 100 * USEC_PER_SEC;
    input(f, WORLD_INPUT_CONTACT, false);
    assert_told(f, "soon +held -held ");
}

static void shut__before_the_release_is_over__relocked_once(void **state)
{
    struct fixture *f = shut(state);

    release(f, 3000, false);
    input(f, WORLD_INPUT_CONTACT, false); /* is shut still */
    assert_told(f, "");
    input(f, WORLD_INPUT_CONTACT, true);
    wait_for(f, 1);
    release(f, 3000, false); /* the next one is not through yet */
    input(f, WORLD_INPUT_CONTACT, false);
    assert_told(f, "");
    input(f, WORLD_INPUT_CONTACT, true);
    input(f, WORLD_INPUT_CONTACT, false);
    assert_told(f, "relock ");
    assert_int_equal(command(f), DOOR_RELEASED); /* until the device has done it */
    assert_int_equal(world_locked(f->world, f->door, &f->now), 0);
    assert_int_equal(command(f), DOOR_LOCKED);
    input(f, WORLD_INPUT_CONTACT, true); /* bounces */
    assert_told(f, "");
    input(f, WORLD_INPUT_CONTACT, false);
    wait_for(f, 2);
    input(f, WORLD_INPUT_CONTACT, true);
    assert_told(f, "+forced ");
}

static void shut__released_again_before_the_device_has_locked__stays_released(void **state)
{
    struct fixture *f = shut(state);

    release(f, 3000, false);
    input(f, WORLD_INPUT_CONTACT, true);
    input(f, WORLD_INPUT_CONTACT, false);
    release(f, 3000, false);
    assert_int_equal(world_locked(f->world, f->door, &f->now), 0);
    assert_int_equal(command(f), DOOR_RELEASED);
    assert_told(f, "relock ");
}

static void shut__device_says_late_that_it_has_begun__lasts_no_longer(void **state)
{
    struct fixture *f = shut(state);

    release(f, 3000, false);
    input(f, WORLD_INPUT_CONTACT, true);
    input(f, WORLD_INPUT_CONTACT, false);
    assert_told(f, "relock ");
    wait_for(f, 2);
    assert_int_equal(world_release_lasts(f->world, f->door, 3000, &f->now), 0);
    wait_for(f, 1);
    assert_int_equal(command(f), DOOR_LOCKED);
}

static void shut__device_cannot_lock__release_goes_on_as_if_not_tried(void **state)
{
    struct fixture *f = shut(state);

    release(f, 3000, false);
    input(f, WORLD_INPUT_CONTACT, true);
    input(f, WORLD_INPUT_CONTACT, false);
    assert_int_equal(world_not_locked(f->world, f->door, &f->now), 0);
    wait_for(f, 2);
    assert_int_equal(command(f), DOOR_RELEASED);
    assert_int_equal(world_release_lasts(f->world, f->door, 3000, &f->now), 0);
    wait_for(f, 2);
    assert_int_equal(command(f), DOOR_RELEASED);
    input(f, WORLD_INPUT_CONTACT, true);
    input(f, WORLD_INPUT_CONTACT, false);
    assert_told(f, "relock relock ");
}

/* The device took so long that the release was over anyway: that counts as its end. */
static void shut__device_locks_late__excuses_nothing(void **state)
{
    struct fixture *f = shut(state);

    release(f, 3000, false);
    input(f, WORLD_INPUT_CONTACT, true);
    input(f, WORLD_INPUT_CONTACT, false);
    wait_for(f, 4);
    assert_int_equal(world_locked(f->world, f->door, &f->now), 0);
    input(f, WORLD_INPUT_CONTACT, true);
    assert_told(f, "relock +forced ");
}

static void shut__door_does_not_relock__release_goes_on(void **state)
{
    struct fixture *f = *state;

    at_door(f, "back");
    shut(state);
    release(f, 3000, false);
    input(f, WORLD_INPUT_CONTACT, true);
    input(f, WORLD_INPUT_CONTACT, false);
    assert_told(f, "");
    assert_int_equal(command(f), DOOR_RELEASED);
}

static void mode__that_opens__nothing_is_forced_or_held(void **state)
{
    struct fixture *f = shut(state);

    set_mode(f, DOOR_MODE_UNLOCKED);
    assert_int_equal(command(f), DOOR_FREED);
    input(f, WORLD_INPUT_CONTACT, true);
    wait_for(f, 1000);
    assert_told(f, "");
    set_mode(f, DOOR_MODE_BLOCKED);
    wait_for(f, 20);
    assert_told(f, "soon +held ");
    set_mode(f, DOOR_MODE_LOCKED_OPEN);
    assert_told(f, "-held ");
}

static void inputs_that_are_alarms__raised_once_ended_once(void **state)
{
    static const struct {
        enum world_input input;
        enum door_alarm alarm;
        const char *on, *off;
    } rows[] = {
        { WORLD_INPUT_TAMPER, DOOR_ALARM_TAMPER, "+tamper ", "-tamper " },
        { WORLD_INPUT_FIRE, DOOR_ALARM_FIRE, "+fire ", "-fire " },
        { WORLD_INPUT_OBSTACLE, DOOR_ALARM_OBSTACLE, "+obstacle ", "-obstacle " },
        { WORLD_INPUT_JAMMED, DOOR_ALARM_JAMMED, "+jammed ", "-jammed " },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(input(f, rows[i].input, false), 0);
        assert_int_equal(input(f, rows[i].input, true), 1);
        assert_told(f, rows[i].on);
        assert_int_equal(input(f, rows[i].input, true), 0);
        restart(f);
        assert_true(alarm_on(f, rows[i].alarm));
        assert_int_equal(input(f, rows[i].input, true), 0);
        assert_told(f, "");
        assert_int_equal(input(f, rows[i].input, false), 1);
        assert_told(f, rows[i].off);
    }
}

/* Fire opens over lockdown and override, and a restart in between locks nobody in. */
static void fire__over_everything_and_a_restart__opens(void **state)
{
    struct fixture *f = shut(state);

    set_mode(f, DOOR_MODE_BLOCKED);
    assert_int_equal(world_lockdown(f->world, POLICY_NONE, true, &f->now), 0);
    input(f, WORLD_INPUT_FIRE, true);
    assert_int_equal(command(f), DOOR_FREED);
    restart(f);
    assert_int_equal(command(f), DOOR_FREED);
    input(f, WORLD_INPUT_CONTACT, true);
    input(f, WORLD_INPUT_FIRE, false);
    assert_told(f, "+fire -fire ");
    assert_int_equal(command(f), DOOR_LOCKED);
}

static void restart__forced_door_still_open__is_not_told_again(void **state)
{
    struct fixture *f = shut(state);

    input(f, WORLD_INPUT_CONTACT, true);
    assert_told(f, "+forced ");
    restart(f);
    assert_true(alarm_on(f, DOOR_ALARM_FORCED));
    assert_int_equal(world_door_contact(f->world, f->door), -1);
    input(f, WORLD_INPUT_CONTACT, true);
    assert_told(f, "");
    assert_int_equal(world_door_contact(f->world, f->door), 1);
    input(f, WORLD_INPUT_CONTACT, false);
    assert_told(f, "-forced ");
}

static void restart__held_door_was_shut_meanwhile__ends(void **state)
{
    struct fixture *f = shut(state);

    release(f, 3000, false);
    input(f, WORLD_INPUT_CONTACT, true);
    wait_for(f, 20);
    restart(f);
    assert_told(f, "soon +held ");
    input(f, WORLD_INPUT_CONTACT, false);
    assert_told(f, "-held ");
    restart(f);
    assert_false(alarm_on(f, DOOR_ALARM_HELD));
}

static void contact__lost_while_held_and_freed__ends(void **state)
{
    struct fixture *f = shut(state);

    release(f, 3000, false);
    input(f, WORLD_INPUT_CONTACT, true);
    wait_for(f, 20);
    world_contact_lost(f->world, f->door);
    assert_true(alarm_on(f, DOOR_ALARM_HELD));
    set_mode(f, DOOR_MODE_UNLOCKED);
    assert_told(f, "soon +held -held ");
}

/* The policy without the door: nothing is due, and nothing is lost. */
static void policy__door_is_gone_and_returns__counts_on(void **state)
{
    struct fixture *f = shut(state);
    struct simulate_items none = { 0 };
    struct policy *without = NULL;

    release(f, 3000, false);
    input(f, WORLD_INPUT_CONTACT, true);
    assert_int_equal(simulate_items_compile(&none, &without), 0);
    assert_int_equal(world_set_policy(f->world, without, &f->now), 0);
    wait_for(f, 60);
    assert_told(f, "");
    assert_int_equal(world_set_policy(f->world, f->policy, &f->now), 0);
    assert_told(f, "soon +held ");
    policy_free(without);
    simulate_items_finish(&none);
}

static void override__with_an_end__survives_a_restart_and_ends_offline(void **state)
{
    struct fixture *f = shut(state);

    f->now.clock = CLOCK_STATE_NONE;
    assert_int_equal(
        world_mode(f->world, f->door, DOOR_MODE_UNLOCKED, f->now.boot_us + 60 * USEC_PER_SEC, &f->now), 0);
    wait_for(f, 30);
    restart(f);
    assert_int_equal(command(f), DOOR_FREED);
    wait_for(f, 29.999);
    assert_int_equal(command(f), DOOR_FREED);
    wait_for(f, 0.001);
    assert_int_equal(command(f), DOOR_LOCKED);
}

static void sensed_door__while_somebody_is_awaited__is_not_forced(void **state)
{
    struct fixture *f = *state;

    at_door(f, "back");
    shut(state);
    uint64_t grant = tap(f, "back.in", "04A1").grant;

    wait_for(f, 4.9); /* longer than the pulse */
    assert_int_equal(command(f), DOOR_RELEASED);
    assert_true(world_awaits(f->world, grant));
    input(f, WORLD_INPUT_CONTACT, true);
    assert_told(f, "passed ");
    assert_false(world_awaits(f->world, grant));
}

static void verdict__of_who_needs_longer__says_so(void **state)
{
    struct fixture *f = *state;

    assert_false(tap(f, "back.in", "04A1").extended);
    assert_true(tap(f, "back.in", "04B1").extended);
}

static void passage__of_more_than_were_granted__tailgating_is_told_with_the_count(void **state)
{
    struct fixture *f = *state;

    at_door(f, "gate");
    tap(f, "gate.in", "04A1");
    assert_int_equal(world_passage(f->world, f->door, DIRECTION_ENTRY, 3, &f->now), 0);
    assert_told(f, "passed stranger stranger tailgate:2 ");
    wait_for(f, 7.999);
    assert_int_equal(world_passage(f->world, f->door, DIRECTION_ENTRY, 1, &f->now), 0);
    assert_told(f, "stranger tailgate:1 ");
    assert_int_equal(world_passage(f->world, f->door, DIRECTION_EXIT, 1, &f->now), 0);
    wait_for(f, 0.001);
    assert_int_equal(world_passage(f->world, f->door, DIRECTION_ENTRY, 1, &f->now), 0);
    assert_told(f, "stranger stranger ");
}

static void passage__through_an_open_turnstile__nobody_tailgates(void **state)
{
    struct fixture *f = *state;

    at_door(f, "gate");
    tap(f, "gate.in", "04A1");
    set_mode(f, DOOR_MODE_UNLOCKED);
    assert_int_equal(world_passage(f->world, f->door, DIRECTION_ENTRY, 2, &f->now), 0);
    assert_told(f, "passed stranger ");
}

static void passage__in_the_free_direction__nobody_tailgates(void **state)
{
    struct fixture *f = *state;

    at_door(f, "out");
    tap(f, "out.out", "04A1");
    assert_int_equal(world_passage(f->world, f->door, DIRECTION_EXIT, 2, &f->now), 0);
    assert_told(f, "passed stranger ");
    set_mode(f, DOOR_MODE_BLOCKED);
    assert_int_equal(world_passage(f->world, f->door, DIRECTION_EXIT, 1, &f->now), 0);
    assert_told(f, "stranger tailgate:1 ");
}

static void free_direction__by_mode__an_exit_in_lockdown_too(void **state)
{
    static const struct {
        enum door_mode mode;
        enum direction entry, exit; /* of a door with that one free */
    } rows[] = {
        { DOOR_MODE_CONTROLLED, DIRECTION_ENTRY, DIRECTION_EXIT },
        { DOOR_MODE_UNLOCKED, DIRECTIONS, DIRECTIONS },
        { DOOR_MODE_LOCKED_OPEN, DIRECTIONS, DIRECTIONS },
        { DOOR_MODE_BLOCKED, DIRECTIONS, DIRECTIONS },
        { DOOR_MODE_LOCKED_DOWN, DIRECTIONS, DIRECTION_EXIT },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        at_door(f, "in");
        set_mode(f, rows[i].mode);
        assert_int_equal(world_door_free(f->world, f->door, &f->now), rows[i].entry);
        at_door(f, "out");
        set_mode(f, rows[i].mode);
        assert_int_equal(world_door_free(f->world, f->door, &f->now), rows[i].exit);
        at_door(f, "gate");
        set_mode(f, rows[i].mode);
        assert_int_equal(world_door_free(f->world, f->door, &f->now), DIRECTIONS);
    }
}

static void turnstile__contact_opens__confirms_nobody(void **state)
{
    struct fixture *f = *state;

    at_door(f, "gate");
    shut(state);
    tap(f, "gate.in", "04A1");
    input(f, WORLD_INPUT_CONTACT, true);
    assert_told(f, "");
}

static void restore__alarm_that_makes_no_sense__refused(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(world_restore(f->world, "alarm/front/smoke", "{\"at\":1,\"now\":1}"), -EBADMSG);
    assert_int_equal(world_restore(f->world, "alarm/front/held", "{}"), -EBADMSG);
    assert_int_equal(world_restore(f->world, "alarm/front", "{\"at\":1,\"now\":1}"), -EBADMSG);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(opened__while_locked__forced_until_shut),
        TEST(opened__by_a_release_and_shortly_after__is_not_forced),
        TEST(opened__by_a_slow_device__is_not_forced),
        TEST(shorter_release__ends_no_longer_one),
        TEST(open__too_long__warned_then_held_until_shut),
        TEST(open__released_again__time_begins_anew),
        TEST(open__for_somebody_who_needs_longer__has_longer),
        TEST(open__nobody_looked_for_long__both_are_told),
        TEST(shut__before_the_release_is_over__relocked_once),
        TEST(shut__released_again_before_the_device_has_locked__stays_released),
        TEST(shut__device_says_late_that_it_has_begun__lasts_no_longer),
        TEST(shut__device_cannot_lock__release_goes_on_as_if_not_tried),
        TEST(shut__device_locks_late__excuses_nothing),
        TEST(shut__door_does_not_relock__release_goes_on),
        TEST(mode__that_opens__nothing_is_forced_or_held),
        TEST(inputs_that_are_alarms__raised_once_ended_once),
        TEST(fire__over_everything_and_a_restart__opens),
        TEST(restart__forced_door_still_open__is_not_told_again),
        TEST(restart__held_door_was_shut_meanwhile__ends),
        TEST(contact__lost_while_held_and_freed__ends),
        TEST(policy__door_is_gone_and_returns__counts_on),
        TEST(override__with_an_end__survives_a_restart_and_ends_offline),
        TEST(sensed_door__while_somebody_is_awaited__is_not_forced),
        TEST(verdict__of_who_needs_longer__says_so),
        TEST(passage__of_more_than_were_granted__tailgating_is_told_with_the_count),
        TEST(passage__through_an_open_turnstile__nobody_tailgates),
        TEST(passage__in_the_free_direction__nobody_tailgates),
        TEST(free_direction__by_mode__an_exit_in_lockdown_too),
        TEST(turnstile__contact_opens__confirms_nobody),
        TEST(restore__alarm_that_makes_no_sense__refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
