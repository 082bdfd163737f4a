/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a door's exit button is to a world: who goes out by it, when it is pressed, and when it is stuck. */
#include "tests/unit/door_fixture.h"

static const char *const items[] = {
    "{'kind':'device','item':{'id':'unit','driver':'sim','targets':['t1']}}",
    "{'kind':'door','item':{'id':'front','kind':'door','target':'t1','pulse_ms':3000,'held_ms':20000,"
    "'held_warn_percent':75}}",
};

static int setup(void **state)
{
    int r = setup_doors(state, items, sizeof(items) / sizeof(items[0]));

    at_door(*state, "front");
    return r;
}

static void exit_button__excuses_while_pressed_and_for_a_pulse(void **state)
{
    struct fixture *f = shut(state);

    assert_int_equal(input(f, WORLD_INPUT_REX, false), 0);
    assert_int_equal(input(f, WORLD_INPUT_REX, true), WORLD_PRESSED);
    wait_for(f, 30);
    input(f, WORLD_INPUT_CONTACT, true);
    input(f, WORLD_INPUT_CONTACT, false);
    assert_int_equal(input(f, WORLD_INPUT_REX, true), 0);
    assert_int_equal(input(f, WORLD_INPUT_REX, false), 1);
    assert_int_equal(input(f, WORLD_INPUT_REX, false), 0);
    assert_int_equal(command(f), DOOR_LOCKED);
    wait_for(f, 3.999);
    input(f, WORLD_INPUT_CONTACT, true);
    input(f, WORLD_INPUT_CONTACT, false);
    assert_told(f, "");
    wait_for(f, 0.001);
    input(f, WORLD_INPUT_CONTACT, true);
    assert_told(f, "+forced ");
}

/* The door alone, whose lock has lost sight of it: the next press is one. */
static void exit_button__contact_is_lost__is_pressed(void **state)
{
    struct fixture *f = shut(state);

    input(f, WORLD_INPUT_REX, false);
    world_contact_lost(f->world, f->door);
    assert_int_equal(input(f, WORLD_INPUT_REX, true), WORLD_PRESSED);
}

/* Said again, pressed when its device comes up, or stuck, it opens nothing; let go, it does. */
static void exit_button__not_seen_to_be_let_go__is_not_pressed(void **state)
{
    struct fixture *f = shut(state);

    assert_int_equal(input(f, WORLD_INPUT_REX, true), 1);
    assert_int_equal(input(f, WORLD_INPUT_REX, true), 0);
    assert_int_equal(input(f, WORLD_INPUT_REX, false), 1);
    assert_int_equal(input(f, WORLD_INPUT_REX, true), WORLD_PRESSED);
    world_device_lost(f->world, f->door);
    assert_int_equal(input(f, WORLD_INPUT_REX, true), 0);
    input(f, WORLD_INPUT_REX, false);
    world_device_lost(f->world, f->door);
    assert_int_equal(input(f, WORLD_INPUT_REX, true), 1);
    wait_for(f, 60);
    assert_true(alarm_on(f, DOOR_ALARM_REX_STUCK));
    assert_int_equal(input(f, WORLD_INPUT_REX, true), 0);
    restart(f);
    assert_int_equal(input(f, WORLD_INPUT_REX, true), 0);
    assert_int_equal(input(f, WORLD_INPUT_REX, false), 1);
    assert_int_equal(input(f, WORLD_INPUT_REX, true), WORLD_PRESSED);
}

static void exit_button__stuck__an_alarm_until_let_go(void **state)
{
    struct fixture *f = shut(state);

    input(f, WORLD_INPUT_REX, true);
    wait_for(f, 59);
    input(f, WORLD_INPUT_REX, true);
    assert_told(f, "");
    wait_for(f, 1);
    assert_told(f, "+rex_stuck ");
    restart(f);
    input(f, WORLD_INPUT_REX, true);
    wait_for(f, 100);
    assert_told(f, "");
    input(f, WORLD_INPUT_REX, false);
    assert_told(f, "-rex_stuck ");
    restart(f);
    assert_false(alarm_on(f, DOOR_ALARM_REX_STUCK));
}

/* Who goes out by the button after somebody who needs longer has no longer than others. */
static void open__by_the_button_later__has_the_usual_time(void **state)
{
    struct fixture *f = shut(state);

    release(f, 3000, true);
    wait_for(f, 10);
    input(f, WORLD_INPUT_REX, true);
    input(f, WORLD_INPUT_REX, false);
    input(f, WORLD_INPUT_CONTACT, true);
    wait_for(f, 20);
    assert_told(f, "soon +held ");
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(exit_button__excuses_while_pressed_and_for_a_pulse),
        TEST(exit_button__contact_is_lost__is_pressed),
        TEST(exit_button__not_seen_to_be_let_go__is_not_pressed),
        TEST(exit_button__stuck__an_alarm_until_let_go),
        TEST(open__by_the_button_later__has_the_usual_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
