/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a lock says of itself: who unlocks it by hand and opens the door forces nothing. */
#include "tests/unit/door_fixture.h"

static const char *const items[] = {
    "{'kind':'device','item':{'id':'unit','driver':'sim','targets':['t1','t2','t3']}}",
    "{'kind':'door','item':{'id':'front','kind':'door','target':'t1','held_ms':20000}}",
    "{'kind':'door','item':{'id':'boom','kind':'barrier','target':'t2'}}",
};

static int setup(void **state)
{
    int r = setup_doors(state, items, sizeof(items) / sizeof(items[0]));

    at_door(*state, "front");
    return r;
}

static enum door_lock lock_of(const struct fixture *f)
{
    return world_door_lock(f->world, f->door);
}

/* The door is opened and shut again. */
static void use(struct fixture *f)
{
    input(f, WORLD_INPUT_CONTACT, true);
    input(f, WORLD_INPUT_CONTACT, false);
}

static void follow(struct fixture *f)
{
    struct policy *next = NULL;

    assert_int_equal(simulate_items_compile(&f->items, &next), 0);
    assert_int_equal(world_set_policy(f->world, next, &f->now), 0);
    policy_free(f->policy);
    f->policy = next;
}

static void opened__as_the_lock_says_it_is__forced_or_not(void **state)
{
    static const struct {
        enum door_lock lock;
        const char *told;
    } rows[] = {
        { DOOR_LOCK_UNKNOWN, "+forced -forced " },
        { DOOR_LOCK_LOCKED, "+forced -forced " },
        { DOOR_LOCK_UNLOCKED, "" },
        { DOOR_LOCK_MOVING, "" },
        { DOOR_LOCK_JAMMED, "+forced -forced " },
    };
    struct fixture *f = shut(state);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        lock_says(f, rows[i].lock);
        wait_for(f, 100);
        assert_int_equal(lock_of(f), rows[i].lock);
        assert_int_equal(command(f), DOOR_LOCKED); /* nobody commanded anything */
        use(f);
        assert_told(f, rows[i].told);
        lock_says(f, DOOR_LOCK_LOCKED);
        wait_for(f, 1);
    }
}

static void opened__shortly_after_it_was_unlocked__is_not_forced(void **state)
{
    struct fixture *f = shut(state);

    lock_says(f, DOOR_LOCK_UNLOCKED);
    wait_for(f, 100);
    lock_says(f, DOOR_LOCK_LOCKED);
    wait_for(f, 0.999999);
    use(f);
    assert_told(f, "");
    lock_says(f, DOOR_LOCK_LOCKED); /* says it again */
    wait_for(f, 0.000001);
    use(f);
    assert_told(f, "+forced -forced ");
}

static void opened__while_unlocked__may_stay_open_as_long_as_after_a_release(void **state)
{
    struct fixture *f = shut(state);

    lock_says(f, DOOR_LOCK_UNLOCKED);
    input(f, WORLD_INPUT_CONTACT, true);
    wait_for(f, 19.9);
    assert_told(f, "");
    wait_for(f, 0.1);
    assert_told(f, "+held ");
}

static void unlocked__after_the_door_was_forced__ends_nothing(void **state)
{
    struct fixture *f = shut(state);

    input(f, WORLD_INPUT_CONTACT, true);
    lock_says(f, DOOR_LOCK_UNLOCKED);
    assert_told(f, "+forced ");
    input(f, WORLD_INPUT_CONTACT, false);
    assert_told(f, "-forced ");
}

static void news__of_locked_and_unlocked_alone(void **state)
{
    static const struct {
        enum door_lock lock;
        int news;
    } rows[] = {
        { DOOR_LOCK_MOVING, 0 },   { DOOR_LOCK_LOCKED, 1 },   { DOOR_LOCK_LOCKED, 0 },
        { DOOR_LOCK_MOVING, 0 },   { DOOR_LOCK_UNLOCKED, 1 }, { DOOR_LOCK_MOVING, 0 },
        { DOOR_LOCK_UNLOCKED, 0 }, { DOOR_LOCK_UNKNOWN, 0 },  { DOOR_LOCK_UNLOCKED, 0 },
        { DOOR_LOCK_JAMMED, 0 },   { DOOR_LOCK_LOCKED, 1 },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(lock_says(f, rows[i].lock), rows[i].news);
        assert_int_equal(lock_of(f), rows[i].lock);
    }
}

static void device_lost__how_the_lock_is_nobody_knows(void **state)
{
    struct fixture *f = shut(state);

    lock_says(f, DOOR_LOCK_UNLOCKED);
    world_contact_lost(f->world, f->door); /* what watches the door is not what watches the lock */
    assert_int_equal(lock_of(f), DOOR_LOCK_UNLOCKED);
    world_device_lost(f->world, f->door);
    assert_int_equal(lock_of(f), DOOR_LOCK_UNKNOWN);
    assert_int_equal(world_door_contact(f->world, f->door), -1);
    input(f, WORLD_INPUT_CONTACT, false);
    wait_for(f, 1);
    use(f);
    assert_told(f, "+forced -forced ");
    assert_int_equal(lock_says(f, DOOR_LOCK_UNLOCKED), 0); /* as it was told last */
}

static void policy__another_target__its_lock_is_another_one(void **state)
{
    struct fixture *f = shut(state);

    lock_says(f, DOOR_LOCK_UNLOCKED);
    follow(f);
    assert_int_equal(lock_of(f), DOOR_LOCK_UNLOCKED);
    put_item(f, "{'kind':'door','item':{'id':'front','kind':'door','target':'t3'}}");
    follow(f);
    assert_int_equal(lock_of(f), DOOR_LOCK_UNKNOWN);
    input(f, WORLD_INPUT_CONTACT, false);
    use(f);
    assert_told(f, "+forced -forced ");
    assert_int_equal(lock_says(f, DOOR_LOCK_UNLOCKED), 1);
}

static void barrier__has_no_lock_that_somebody_could_have_opened(void **state)
{
    struct fixture *f = *state;

    at_door(f, "boom");
    shut(state);
    assert_int_equal(lock_says(f, DOOR_LOCK_UNLOCKED), 0);
    assert_int_equal(lock_of(f), DOOR_LOCK_UNKNOWN);
    use(f);
    assert_told(f, "+forced -forced ");
}

static void barrier__that_was_a_door__its_lock_counts_no_longer(void **state)
{
    struct fixture *f = shut(state);

    lock_says(f, DOOR_LOCK_UNLOCKED);
    put_item(f, "{'kind':'door','item':{'id':'front','kind':'barrier','target':'t1'}}");
    follow(f);
    assert_int_equal(lock_of(f), DOOR_LOCK_UNKNOWN);
    use(f);
    assert_told(f, "+forced -forced ");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(opened__as_the_lock_says_it_is__forced_or_not),
        TEST(opened__shortly_after_it_was_unlocked__is_not_forced),
        TEST(opened__while_unlocked__may_stay_open_as_long_as_after_a_release),
        TEST(unlocked__after_the_door_was_forced__ends_nothing),
        TEST(news__of_locked_and_unlocked_alone),
        TEST(device_lost__how_the_lock_is_nobody_knows),
        TEST(policy__another_target__its_lock_is_another_one),
        TEST(barrier__has_no_lock_that_somebody_could_have_opened),
        TEST(barrier__that_was_a_door__its_lock_counts_no_longer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
