/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where something is sensed: at several places of a door, at places that are not the door's any more, and
 * under a barrier. */
#include "tests/unit/door_fixture.h"

#include <errno.h>

#define POINT                                                                                                \
    "{'kind':'access_point','item':{'id':'in','door':'front','direction':'entry',"                           \
    "'readers':['r1','r2','r3','r4','r5','r6','r7','r8','r9']}}"

static const char *const items[] = {
    "{'kind':'device','item':{'id':'unit','driver':'sim','targets':['t1']}}",
    "{'kind':'device','item':{'id':'area','driver':'sim','targets':['t2']}}",
    "{'kind':'door','item':{'id':'front','kind':'barrier','target':'t1','pulse_ms':3000,'held_ms':20000,"
    "'relock_on_close':true}}",
    "{'kind':'door','item':{'id':'back','kind':'door','target':'t3'}}",
    POINT,
};

static int setup(void **state)
{
    int r = setup_doors(state, items, sizeof(items) / sizeof(items[0]));

    at_door(*state, "front");
    return r;
}

static void turn(struct fixture *f)
{
    struct policy *policy = NULL;

    assert_int_equal(simulate_items_compile(&f->items, &policy), 0);
    assert_int_equal(world_set_policy(f->world, policy, &f->now), 0);
    policy_free(f->policy);
    f->policy = policy;
}

/* The policy with this item, or with another one of its id; the calls that follow are about a door. */
static void turn_to_door(struct fixture *f, const char *line, const char *door)
{
    put_item(f, line);
    turn(f);
    at_door(f, door);
}

static void turn_to(struct fixture *f, const char *line)
{
    turn_to_door(f, line, "front");
}

/* The policy without an item. */
static void turn_without(struct fixture *f, const char *line)
{
    delete_item(f, line);
    turn(f);
}

static void alarm__at_several_places__in_force_until_none_says_so(void **state)
{
    static const struct {
        enum world_input input;
        const char *on, *off;
    } rows[] = { { WORLD_INPUT_FIRE, "+fire ", "-fire " }, { WORLD_INPUT_TAMPER, "+tamper ", "-tamper " } };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(input_at(f, "r1", rows[i].input, true), 1);
        assert_int_equal(input(f, rows[i].input, true), 0);
        assert_int_equal(input_at(f, "r2", rows[i].input, false), 0);
        assert_int_equal(input_at(f, "r1", rows[i].input, false), 0);
        restart(f);
        assert_int_equal(input_at(f, "r1", rows[i].input, true), 0);
        assert_int_equal(input(f, rows[i].input, false), 0);
        restart(f);
        assert_int_equal(input(f, rows[i].input, false), 0);
        assert_told(f, rows[i].on);
        assert_int_equal(input_at(f, "r1", rows[i].input, false), 1);
        assert_told(f, rows[i].off);
    }
}

static void alarm__at_more_places_than_are_told_apart__is_raised(void **state)
{
    struct fixture *f = *state;
    char reader[] = "r1";

    for (; reader[1] < '0' + DOOR_PLACES_MAX; reader[1]++)
        input_at(f, reader, WORLD_INPUT_TAMPER, true);
    assert_told(f, "+tamper ");
    assert_int_equal(input_at(f, reader, WORLD_INPUT_FIRE, true), 1);
    assert_told(f, "+fire ");
    assert_int_equal(input_at(f, reader, WORLD_INPUT_FIRE, false), 1);
    assert_told(f, "-fire ");
    for (reader[1] = '1'; reader[1] < '0' + DOOR_PLACES_MAX; reader[1]++)
        input_at(f, reader, WORLD_INPUT_TAMPER, false);
    assert_told(f, "-tamper ");
}

static void exit_button__another_is_stuck__is_pressed(void **state)
{
    struct fixture *f = *state;

    input_at(f, "r1", WORLD_INPUT_REX, true);
    input_at(f, "r2", WORLD_INPUT_REX, false);
    wait_for(f, 30);
    assert_int_equal(input_at(f, "r2", WORLD_INPUT_REX, true), WORLD_PRESSED);
    wait_for(f, 30);
    assert_told(f, "+rex_stuck ");
    assert_int_equal(input_at(f, "r2", WORLD_INPUT_REX, false), 1);
    assert_int_equal(input_at(f, "r2", WORLD_INPUT_REX, true), WORLD_PRESSED);
    input_at(f, "r2", WORLD_INPUT_REX, false);
    restart(f);
    assert_int_equal(input_at(f, "r1", WORLD_INPUT_REX, true), 0);
    input_at(f, "r2", WORLD_INPUT_REX, false);
    assert_told(f, "");
    assert_int_equal(input_at(f, "r1", WORLD_INPUT_REX, false), 1);
    assert_told(f, "-rex_stuck ");
}

static void exit_button__device_is_lost__only_its_own_may_be_stuck(void **state)
{
    struct fixture *f = *state;

    input_at(f, "r1", WORLD_INPUT_REX, false);
    input_at(f, "r2", WORLD_INPUT_REX, false);
    input(f, WORLD_INPUT_REX, false);
    world_device_lost(f->world, f->door);
    assert_int_equal(input_at(f, "r1", WORLD_INPUT_REX, true), WORLD_PRESSED);
    assert_int_equal(input(f, WORLD_INPUT_REX, true), 1);
    world_reader_lost(f->world, f->door, "r2");
    assert_int_equal(input_at(f, "r2", WORLD_INPUT_REX, true), 1);
    world_reader_lost(f->world, f->door, "r2");
    assert_int_equal(input_at(f, "r2", WORLD_INPUT_REX, true), 0);
}

static void exit_button__at_more_places_than_are_told_apart__is_the_targets(void **state)
{
    struct fixture *f = *state;
    char reader[] = "r1";

    for (; reader[1] < '0' + DOOR_PLACES_MAX; reader[1]++)
        input_at(f, reader, WORLD_INPUT_REX, false);
    input(f, WORLD_INPUT_REX, false);
    assert_int_equal(input_at(f, reader, WORLD_INPUT_REX, true), WORLD_PRESSED);
    assert_int_equal(input(f, WORLD_INPUT_REX, true), 0);
}

/* At a reader that no point of the door has any more. */
static void exit_button__reader_is_gone__is_not_pressed(void **state)
{
    struct fixture *f = *state;

    input_at(f, "r1", WORLD_INPUT_REX, true);
    input(f, WORLD_INPUT_CONTACT, false);
    wait_for(f, 60);
    assert_told(f, "+rex_stuck ");
    turn_to(f,
            "{'kind':'access_point','item':{'id':'in','door':'front','direction':'entry','readers':['r2']}}");
    assert_told(f, "-rex_stuck! ");
    wait_for(f, 60);
    input(f, WORLD_INPUT_CONTACT, true);
    assert_told(f, "+forced ");
}

/* Everything is sensed that can be. */
static void sense_all(struct fixture *f)
{
    input(f, WORLD_INPUT_CONTACT, false);
    input(f, WORLD_INPUT_REX, true);
    wait_for(f, 60);
    input(f, WORLD_INPUT_FIRE, true);
    input(f, WORLD_INPUT_TAMPER, true);
    input(f, WORLD_INPUT_VEHICLE, true);
    assert_told(f, "+rex_stuck +fire +tamper ");
    assert_int_equal(world_door_command(f->world, f->door, &f->now), DOOR_FREED);
}

static void assert_only_fire_is_known(struct fixture *f)
{
    assert_told(f, "-tamper! -rex_stuck! ");
    assert_int_equal(world_door_contact(f->world, f->door), -1);
    assert_false(world_door_vehicle(f->world, f->door));
    restart(f);
    assert_int_equal(input(f, WORLD_INPUT_FIRE, false), 0); /* not where it was said */
    world_no_fire(f->world, "t1", false, &f->now);          /* nor there: a reader of that name */
    assert_int_equal(world_door_command(f->world, f->door, &f->now), DOOR_FREED);
    world_no_fire(f->world, "t1", true, &f->now);
    assert_told(f, "-fire! ");
    assert_int_equal(world_door_command(f->world, f->door, &f->now), DOOR_LOCKED);
    restart(f);
    assert_false(alarm_on(f, DOOR_ALARM_FIRE));
}

static void target__another_one__only_fire_is_not_forgotten(void **state)
{
    struct fixture *f = *state;

    sense_all(f);
    turn_to(f, "{'kind':'door','item':{'id':'front','kind':'door','target':'t2'}}");
    assert_only_fire_is_known(f);
}

static void target__of_no_device_any_more__only_fire_is_not_forgotten(void **state)
{
    struct fixture *f = *state;

    sense_all(f);
    turn_to(f, "{'kind':'device','item':{'id':'unit','driver':'sim','targets':['t9']}}");
    assert_only_fire_is_known(f);
}

static void target__of_another_device__only_fire_is_not_forgotten(void **state)
{
    struct fixture *f = *state;

    sense_all(f);
    turn_to(f, "{'kind':'device','item':{'id':'area','driver':'sim','targets':['t1','t2']}}");
    assert_only_fire_is_known(f);
}

static void policy__that_changes_something_else__forgets_nothing(void **state)
{
    struct fixture *f = *state;

    sense_all(f);
    turn_to(f, "{'kind':'door','item':{'id':'front','kind':'door','target':'t1','pulse_ms':500}}");
    assert_told(f, "");
    assert_int_equal(world_door_contact(f->world, f->door), 0);
    assert_true(world_door_vehicle(f->world, f->door));
    assert_int_equal(input(f, WORLD_INPUT_FIRE, true), 0);
}

static void reader__of_another_door_or_none__says_nothing_of_this_one(void **state)
{
    struct fixture *f = *state;

    input_at(f, "r1", WORLD_INPUT_FIRE, true);
    input_at(f, "r2", WORLD_INPUT_FIRE, true);
    input_at(f, "r3", WORLD_INPUT_TAMPER, true);
    assert_told(f, "+fire +tamper ");
    turn_to(f,
            "{'kind':'access_point','item':{'id':'in','door':'front','direction':'entry','readers':['r2']}}");
    assert_told(f, "-tamper! ");
    input_at(f, "r2", WORLD_INPUT_TAMPER, true);
    assert_told(f, "+tamper ");
    turn_to(f,
            "{'kind':'access_point','item':{'id':'in','door':'back','direction':'entry','readers':['r8']}}");
    assert_told(f, "-tamper! ");
    world_no_fire(f->world, "r1", false, &f->now);
    assert_told(f, "");
    world_no_fire(f->world, "r2", false, &f->now);
    assert_told(f, "-fire! ");
}

static void fire__at_a_door_that_is_deleted__goes_on_until_its_place_says_otherwise(void **state)
{
    struct fixture *f = *state;

    input(f, WORLD_INPUT_FIRE, true);
    input_at(f, "r1", WORLD_INPUT_FIRE, true);
    assert_told(f, "+fire ");
    turn_without(f, "{'kind':'door','id':'front'}");
    restart(f);
    assert_false(world_burns(f->world, "back"));
    assert_false(world_burns(f->world, "side"));
    world_no_fire(f->world, "t1", true, &f->now);
    assert_true(world_burns(f->world, "front"));
    world_no_fire(f->world, "r1", false, &f->now);
    assert_false(world_burns(f->world, "front"));
    assert_told(f, "");
}

static void fire__at_a_place_that_another_door_takes_over__is_there_too(void **state)
{
    static const char *const takes[] = {
        "{'kind':'door','item':{'id':'back','kind':'door','target':'t1'}}",
        "{'kind':'access_point','item':{'id':'in','door':'back','direction':'entry','readers':['r1']}}",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < 2; i++) {
        input_at(f, i == 0 ? NULL : "r1", WORLD_INPUT_FIRE, true);
        assert_told(f, "+fire ");
        turn_without(f, "{'kind':'door','id':'front'}");
        turn_to_door(f, takes[i], "back");
        assert_told(f, "+fire! ");
        assert_int_equal(input_at(f, i == 0 ? NULL : "r1", WORLD_INPUT_FIRE, false), 1);
        assert_told(f, "-fire ");
        assert_true(world_burns(f->world, "front"));
        world_no_fire(f->world, i == 0 ? "t1" : "r1", i == 0, &f->now);
        assert_false(world_burns(f->world, "front"));
        turn_to(f, "{'kind':'door','item':{'id':'front','kind':'door','target':'t1'}}");
    }
}

/* It has no room left to tell this reader apart. */
static void fire__at_a_reader_that_a_door_with_many_takes_over__is_there_too(void **state)
{
    struct fixture *f = *state;
    char reader[] = "r1";

    input_at(f, "r9", WORLD_INPUT_FIRE, true);
    assert_told(f, "+fire ");
    turn_without(f, "{'kind':'door','id':'front'}");
    turn_to_door(f,
                 "{'kind':'access_point','item':{'id':'in','door':'back','direction':'entry',"
                 "'readers':['r1','r2','r3','r4','r5','r6','r7']}}",
                 "back");
    for (; reader[1] < '0' + DOOR_PLACES_MAX; reader[1]++)
        input_at(f, reader, WORLD_INPUT_TAMPER, true);
    assert_told(f, "+tamper ");
    turn_to_door(
        f, "{'kind':'access_point','item':{'id':'out','door':'back','direction':'exit','readers':['r9']}}",
        "back");
    assert_told(f, "+fire! ");
    assert_int_equal(input_at(f, "r9", WORLD_INPUT_FIRE, false), 1);
    assert_told(f, "-fire ");
}

/* Nobody knows who said it: the next who says that there is none is believed. */
static void fire__at_more_places_than_are_told_apart__outlasts_the_policy(void **state)
{
    struct fixture *f = *state;
    char reader[] = "r1";

    for (; reader[1] < '0' + DOOR_PLACES_MAX; reader[1]++)
        input_at(f, reader, WORLD_INPUT_TAMPER, true);
    input(f, WORLD_INPUT_FIRE, true);
    input_at(f, "r9", WORLD_INPUT_FIRE, true);
    assert_told(f, "+tamper +fire ");
    turn_to(f,
            "{'kind':'access_point','item':{'id':'in','door':'back','direction':'entry','readers':['r9']}}");
    turn_to(f, "{'kind':'door','item':{'id':'front','kind':'door','target':'t2'}}");
    assert_told(f, "-tamper! ");
    assert_true(alarm_on(f, DOOR_ALARM_FIRE));
    world_no_fire(f->world, "t1", true, &f->now);
    assert_told(f, "-fire! ");
}

/* As a version kept it that did not tell places apart. */
static void restored__without_a_place__ends_with_the_first_that_says_no(void **state)
{
    struct fixture *f = *state;

    snprintf(f->kept[0].key, sizeof(f->kept[0].key), "alarm/front/fire");
    snprintf(f->kept[0].value, sizeof(f->kept[0].value), "{\"at\":1,\"now\":1}");
    f->kept_count = 1;
    restart(f);
    assert_true(alarm_on(f, DOOR_ALARM_FIRE));
    assert_int_equal(input_at(f, "r1", WORLD_INPUT_FIRE, false), 1);
    assert_told(f, "-fire ");
}

static void restore__place_that_makes_no_sense__refused(void **state)
{
    struct fixture *f = *state;
    char key[] = "said/front/fire/r1";

    assert_int_equal(world_restore(f->world, "said/front/smoke", "{}"), -EBADMSG);
    for (; key[17] <= '9'; key[17]++)
        assert_int_equal(world_restore(f->world, key, "{}"), 0); /* those that there is no room for, too */
}

static void vehicle__under_a_barrier__it_is_not_closed(void **state)
{
    struct fixture *f = *state;

    input(f, WORLD_INPUT_CONTACT, false);
    release(f, 3000, false);
    assert_int_equal(input(f, WORLD_INPUT_VEHICLE, true), 1);
    assert_int_equal(input(f, WORLD_INPUT_VEHICLE, true), 0);
    input(f, WORLD_INPUT_CONTACT, true);
    input(f, WORLD_INPUT_CONTACT, false);
    assert_told(f, "");
    assert_int_equal(input(f, WORLD_INPUT_VEHICLE, false), 1);
    input(f, WORLD_INPUT_CONTACT, true);
    input(f, WORLD_INPUT_CONTACT, false);
    assert_told(f, "relock ");
    input(f, WORLD_INPUT_VEHICLE, true);
    world_contact_lost(f->world, f->door);
    assert_int_equal(input(f, WORLD_INPUT_VEHICLE, false), 1); /* until somebody says that it has gone */
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(alarm__at_several_places__in_force_until_none_says_so),
        TEST(alarm__at_more_places_than_are_told_apart__is_raised),
        TEST(exit_button__another_is_stuck__is_pressed),
        TEST(exit_button__device_is_lost__only_its_own_may_be_stuck),
        TEST(exit_button__at_more_places_than_are_told_apart__is_the_targets),
        TEST(exit_button__reader_is_gone__is_not_pressed),
        TEST(target__another_one__only_fire_is_not_forgotten),
        TEST(target__of_no_device_any_more__only_fire_is_not_forgotten),
        TEST(target__of_another_device__only_fire_is_not_forgotten),
        TEST(fire__at_a_door_that_is_deleted__goes_on_until_its_place_says_otherwise),
        TEST(fire__at_a_place_that_another_door_takes_over__is_there_too),
        TEST(fire__at_a_reader_that_a_door_with_many_takes_over__is_there_too),
        TEST(fire__at_more_places_than_are_told_apart__outlasts_the_policy),
        TEST(policy__that_changes_something_else__forgets_nothing),
        TEST(reader__of_another_door_or_none__says_nothing_of_this_one),
        TEST(restored__without_a_place__ends_with_the_first_that_says_no),
        TEST(restore__place_that_makes_no_sense__refused),
        TEST(vehicle__under_a_barrier__it_is_not_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
