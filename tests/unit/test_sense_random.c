/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever happens to a door in whatever order, with restarts in between, it is as a second opinion says: a
 * few facts of what happened and when, judged anew each time, without phases and without a table. */
#include "tests/unit/door_fixture.h"

#define RUNS  1500
#define STEPS 80

#define SECOND USEC_PER_SEC

static const char *const items[] = {
    "{'kind':'device','item':{'id':'unit','driver':'sim','targets':['t1']}}",
    "{'kind':'door','item':{'id':'front','kind':'door','target':'t1','pulse_ms':3000,'held_ms':20000,"
    "'held_warn_percent':75,'relock_on_close':true}}",
};

enum { PULSE_US = 3 * SECOND, HELD_US = 20 * SECOND, EXTENDED_US = 60 * SECOND, STUCK_US = 60 * SECOND };

struct opinion {
    int contact;
    int64_t since_us; /* counted from */
    bool forced, held, stuck, tamper, fire, unlocked;
    bool pressed;
    int64_t pressed_us;
    int64_t released_us, excused_us, unlocked_us; /* until then */
    enum door_lock lock;
    bool longer, used, locks;
};

static bool is_free(const struct opinion *o)
{
    return o->fire || o->unlocked;
}

static bool counts(const struct opinion *o)
{
    return o->contact == 1 && !o->forced && !is_free(o);
}

static void think_time(struct opinion *o, int64_t now_us)
{
    if (counts(o) && now_us - o->since_us >= (o->longer ? EXTENDED_US : HELD_US))
        o->held = true;
    if (o->pressed && now_us - o->pressed_us >= STUCK_US)
        o->stuck = true;
}

static void think_opened(struct opinion *o, int64_t now_us)
{
    bool allowed = is_free(o) || o->pressed || now_us < o->released_us + SECOND ||
                   now_us < o->excused_us + SECOND || o->lock == DOOR_LOCK_UNLOCKED ||
                   o->lock == DOOR_LOCK_MOVING || now_us < o->unlocked_us + SECOND;

    if (o->contact == 1)
        return;
    if (o->contact == 0)
        o->forced = !allowed;
    if (is_free(o))
        o->held = false;
    o->longer = o->longer && now_us < o->released_us + SECOND;
    o->contact = 1;
    o->used = true;
    o->since_us = now_us;
}

static void think_shut(struct opinion *o, int64_t now_us)
{
    if (counts(o) && o->used && o->released_us > now_us)
        o->locks = true;
    o->contact = 0;
    o->forced = o->held = false;
}

static void think_released(struct opinion *o, int64_t now_us, bool longer)
{
    int64_t until_us = now_us + PULSE_US;

    o->released_us = until_us > o->released_us ? until_us : o->released_us;
    o->longer = longer;
    o->used = o->locks = false;
    if (counts(o) && !o->held)
        o->since_us = now_us;
}

static void think_mode(struct opinion *o, int64_t now_us, bool was_free)
{
    if (is_free(o))
        o->held = false;
    else if (was_free)
        o->since_us = now_us;
}

static void think_pressed(struct opinion *o, int64_t now_us, bool pressed)
{
    if (pressed && !o->pressed)
        o->pressed_us = now_us;
    if (pressed) {
        o->excused_us = now_us + PULSE_US;
    } else {
        o->stuck = false;
    }
    o->pressed = pressed;
}

static void think_locked(struct opinion *o, int64_t now_us)
{
    if (o->locks && o->released_us > now_us)
        o->released_us = now_us;
    o->locks = false;
}

static void think_lock(struct opinion *o, int64_t now_us, enum door_lock lock)
{
    if (o->lock == DOOR_LOCK_UNLOCKED)
        o->unlocked_us = now_us;
    o->lock = lock;
}

static void think_restart(struct opinion *o)
{
    o->contact = -1;
    o->released_us = o->excused_us = o->unlocked_us = 0;
    o->lock = DOOR_LOCK_UNKNOWN;
    o->longer = o->used = o->locks = false;
    o->pressed = o->stuck;
}

/* What was told, one word after the other, must be news each time. */
static void hear(struct fixture *f, bool alarms[static DOOR_ALARMS])
{
    char words[512];
    char *rest = NULL;

    snprintf(words, sizeof(words), "%s", text_string(&f->told));
    text_reset(&f->told);
    for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        int alarm = word[0] == '+' || word[0] == '-' ? door_alarm_find(word + 1) : -1;

        if (alarm < 0)
            continue;
        assert_int_equal(alarms[alarm], word[0] == '-');
        alarms[alarm] = word[0] == '+';
    }
}

static void compare(struct fixture *f, const struct opinion *o, const bool heard[static DOOR_ALARMS])
{
    const bool expected[DOOR_ALARMS] = {
        [DOOR_ALARM_FORCED] = o->forced, [DOOR_ALARM_HELD] = o->held,       [DOOR_ALARM_TAMPER] = o->tamper,
        [DOOR_ALARM_FIRE] = o->fire,     [DOOR_ALARM_REX_STUCK] = o->stuck,
    };
    enum door_command command = is_free(o)                        ? DOOR_FREED
                                : f->now.boot_us < o->released_us ? DOOR_RELEASED
                                                                  : DOOR_LOCKED;

    for (enum door_alarm alarm = 0; alarm < DOOR_ALARMS; alarm++) {
        assert_int_equal(alarm_on(f, alarm), expected[alarm]);
        assert_int_equal(heard[alarm], expected[alarm]);
    }
    assert_int_equal(world_door_contact(f->world, f->door), o->contact);
    assert_int_equal(world_door_lock(f->world, f->door), o->lock);
    assert_int_equal(world_door_command(f->world, f->door, &f->now), command);
}

static uint32_t draw(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % below;
}

static void happen(struct fixture *f, struct opinion *o, uint32_t what, bool value)
{
    int64_t now_us = f->now.boot_us;
    bool was_free = is_free(o);

    switch (what) {
    case 0:
    case 1:
        input(f, WORLD_INPUT_CONTACT, true);
        think_opened(o, now_us);
        break;
    case 2:
    case 3:
        input(f, WORLD_INPUT_CONTACT, false);
        think_shut(o, now_us);
        break;
    case 4:
        world_contact_lost(f->world, f->door);
        o->contact = -1;
        break;
    case 5:
        release(f, PULSE_US / USEC_PER_MSEC, value);
        think_released(o, now_us, value);
        break;
    case 6:
        input(f, WORLD_INPUT_REX, value);
        think_pressed(o, now_us, value);
        break;
    case 7:
        input(f, WORLD_INPUT_TAMPER, value);
        o->tamper = value;
        break;
    case 8:
        input(f, WORLD_INPUT_FIRE, value);
        o->fire = value;
        think_mode(o, now_us, was_free);
        break;
    case 9:
        set_mode(f, value ? DOOR_MODE_UNLOCKED : DOOR_MODE_BLOCKED);
        o->unlocked = value;
        think_mode(o, now_us, was_free);
        break;
    case 10:
        assert_int_equal(world_locked(f->world, f->door, &f->now), 0);
        think_locked(o, now_us);
        break;
    case 11:
        think_lock(o, now_us, value ? DOOR_LOCK_UNLOCKED : DOOR_LOCK_LOCKED);
        lock_says(f, o->lock);
        break;
    default:
        restart(f);
        think_restart(o);
        break;
    }
}

static void door__anything_in_any_order__is_as_a_second_opinion_says(void **state)
{
    static const double seconds[] = { 0, 0, 0.5, 1, 2, 3, 5, 19.9, 20, 61 };

    for (uint32_t run = 1; run <= RUNS; run++) {
        struct opinion opinion = { .contact = -1 };
        bool heard[DOOR_ALARMS] = { false };
        uint32_t seed = run;
        void *made;

        assert_int_equal(setup_doors(&made, items, sizeof(items) / sizeof(items[0])), 0);
        struct fixture *f = made;

        at_door(f, "front");
        for (int step = 0; step < STEPS; step++) {
            wait_for(f, seconds[draw(&seed, sizeof(seconds) / sizeof(seconds[0]))]);
            think_time(&opinion, f->now.boot_us);
            happen(f, &opinion, draw(&seed, 13), draw(&seed, 2));
            hear(f, heard);
            compare(f, &opinion, heard);
        }
        teardown(&made);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(door__anything_in_any_order__is_as_a_second_opinion_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
