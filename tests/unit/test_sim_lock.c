/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The simulated lock as a thing on a door: its courses, its motor, its clock and its log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "tools/sim/lock.h"

#define T0_US    (500 * USEC_PER_SEC)
#define T0_UTC_S INT64_C(1772445600) /* 2026-03-02T10:00:00Z */
#define NEWS_MAX 16

static const struct lock_actor bridge = { .auth_id = 7, .name = "bridge" };

/* What was told: the state moved to, or an event's number from OTHERS on. */
#define OTHERS 0x100

struct watched {
    struct lock lock;
    unsigned news[NEWS_MAX];
    size_t count;
};

static void watch(void *userdata, int64_t now_us, enum lock_event event)
{
    struct watched *watched = userdata;

    assert_true(watched->count < NEWS_MAX);
    watched->news[watched->count++] =
        event == LOCK_EVENT_MOVED ? watched->lock.state : OTHERS + (unsigned)event;
}

static int make(void **state)
{
    static struct watched watched;

    memset(&watched, 0, sizeof(watched));
    lock_init(&watched.lock, 1, T0_US, T0_UTC_S * USEC_PER_SEC);
    watched.lock.event = watch;
    watched.lock.userdata = &watched;
    *state = &watched;
    return 0;
}

/* Begins an action, goes from due time to due time until it rests, and returns when that is. */
static int64_t carry_out(struct watched *watched, enum nuki_action action)
{
    int64_t now_us = T0_US;

    assert_int_equal(lock_act(&watched->lock, now_us, (uint8_t)action, 0, &bridge), 0);
    for (int64_t due_us; (due_us = lock_turn(&watched->lock, now_us)) != INT64_MAX;)
        now_us = due_us;
    return now_us;
}

static void assert_news(const struct watched *watched, const unsigned news[], size_t count)
{
    assert_int_equal(watched->count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(watched->news[i], news[i]);
}

#define ASSERT_NEWS(watched, ...)                                                                            \
    assert_news(watched, (const unsigned[]){ __VA_ARGS__ },                                                  \
                sizeof((const unsigned[]){ __VA_ARGS__ }) / sizeof(unsigned))

static void unlock__takes_the_motors_time(void **state)
{
    struct watched *watched = *state;

    assert_int_equal(carry_out(watched, NUKI_ACTION_UNLOCK), T0_US + LOCK_MOTOR_MS * USEC_PER_MSEC);
    ASSERT_NEWS(watched, NUKI_LOCK_STATE_UNLOCKING, NUKI_LOCK_STATE_UNLOCKED, OTHERS + LOCK_EVENT_DONE);
    assert_true(watched->lock.changed);
}

static void unlatch__complete_before_the_latch_falls_back(void **state)
{
    struct watched *watched = *state;

    assert_int_equal(carry_out(watched, NUKI_ACTION_UNLATCH),
                     T0_US + (LOCK_MOTOR_MS + LOCK_LATCH_MS) * USEC_PER_MSEC);
    ASSERT_NEWS(watched, NUKI_LOCK_STATE_UNLATCHING, NUKI_LOCK_STATE_UNLATCHED, OTHERS + LOCK_EVENT_DONE,
                NUKI_LOCK_STATE_UNLOCKED);
}

static void lock_n_go__locks_after_its_time(void **state)
{
    struct watched *watched = *state;
    struct nuki_states states;

    assert_int_equal(lock_act(&watched->lock, T0_US, NUKI_ACTION_LOCK_N_GO, 0, &bridge), 0);
    lock_turn(&watched->lock, T0_US + LOCK_MOTOR_MS * USEC_PER_MSEC);
    lock_states(&watched->lock, T0_US + LOCK_MOTOR_MS * USEC_PER_MSEC, &states);
    assert_int_equal(states.lock_n_go_timer, LOCK_AWAY_MS / 1000);
    assert_int_equal(lock_turn(&watched->lock, T0_US + 60 * USEC_PER_SEC), INT64_MAX);
    ASSERT_NEWS(watched, NUKI_LOCK_STATE_UNLOCKING, NUKI_LOCK_STATE_UNLOCKED_LOCK_N_GO,
                NUKI_LOCK_STATE_LOCKING, NUKI_LOCK_STATE_LOCKED, OTHERS + LOCK_EVENT_DONE);
}

static void every_action__ends_in_its_state(void **state)
{
    static const struct {
        enum nuki_action action;
        enum nuki_lock_state end;
    } rows[] = {
        { NUKI_ACTION_UNLOCK, NUKI_LOCK_STATE_UNLOCKED },
        { NUKI_ACTION_LOCK, NUKI_LOCK_STATE_LOCKED },
        { NUKI_ACTION_FULL_LOCK, NUKI_LOCK_STATE_LOCKED },
        { NUKI_ACTION_UNLATCH, NUKI_LOCK_STATE_UNLOCKED },
        { NUKI_ACTION_LOCK_N_GO_UNLATCH, NUKI_LOCK_STATE_LOCKED },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make(state);
        carry_out(*state, rows[i].action);
        assert_int_equal(((struct watched *)*state)->lock.state, rows[i].end);
    }
}

static void action__while_the_motor_turns__busy(void **state)
{
    struct watched *watched = *state;

    assert_int_equal(lock_act(&watched->lock, T0_US, NUKI_ACTION_UNLOCK, 0, &bridge), 0);
    assert_int_equal(lock_act(&watched->lock, T0_US, NUKI_ACTION_LOCK, 0, &bridge), NUKI_CODE_K_BUSY);
    assert_int_equal(lock_turn_key(&watched->lock, T0_US, NUKI_LOCK_STATE_LOCKED), -EBUSY);
    assert_int_equal(lock_act(&watched->lock, T0_US, 0x77, 0, &bridge), NUKI_CODE_K_BAD_PARAMETER);
}

static void jam__once__blocks_once(void **state)
{
    struct watched *watched = *state;

    watched->lock.jams = 1;
    carry_out(watched, NUKI_ACTION_LOCK);
    ASSERT_NEWS(watched, NUKI_LOCK_STATE_LOCKING, NUKI_LOCK_STATE_MOTOR_BLOCKED, OTHERS + LOCK_EVENT_FAILED);
    assert_int_equal(lock_log(&watched->lock, 1)->data[3], NUKI_COMPLETION_MOTOR_BLOCKED);
    carry_out(watched, NUKI_ACTION_LOCK);
    assert_int_equal(watched->lock.state, NUKI_LOCK_STATE_LOCKED);
    assert_int_equal(watched->lock.last_completion, NUKI_COMPLETION_SUCCESS);
}

static void power__lost_in_motion__position_unknown(void **state)
{
    struct watched *watched = *state;

    lock_fail(&watched->lock);
    assert_int_equal(watched->lock.state, NUKI_LOCK_STATE_LOCKED);
    assert_int_equal(lock_act(&watched->lock, T0_US, NUKI_ACTION_UNLOCK, 0, &bridge), 0);
    lock_fail(&watched->lock);
    assert_int_equal(watched->lock.state, NUKI_LOCK_STATE_UNDEFINED);
    assert_int_equal(lock_turn(&watched->lock, T0_US + 60 * USEC_PER_SEC), INT64_MAX);
}

static void states__tell_what_there_is(void **state)
{
    struct lock *lock = &((struct watched *)*state)->lock;
    struct nuki_states states;

    lock->battery_percent = 46;
    lock->battery_critical = true;
    lock->zone_minutes = 60;
    lock_set_door(lock, T0_US, NUKI_DOOR_SENSOR_OPENED);
    assert_int_equal(lock_turn_key(lock, T0_US, NUKI_LOCK_STATE_UNLOCKED), 0);
    lock_states(lock, T0_US + USEC_PER_SEC, &states);
    assert_int_equal(states.lock_state, NUKI_LOCK_STATE_UNLOCKED);
    assert_int_equal(states.trigger, NUKI_TRIGGER_MANUAL);
    assert_int_equal(states.door_sensor, NUKI_DOOR_SENSOR_OPENED);
    assert_int_equal(states.last_action, NUKI_ACTION_UNLOCK);
    assert_int_equal(nuki_battery_percent(states.battery), 46);
    assert_true(nuki_battery_critical(states.battery));
    assert_int_equal(nuki_time_seconds(&states.time), T0_UTC_S + 3600 + 1);
}

static void clock__set__goes_on_from_there(void **state)
{
    struct lock *lock = &((struct watched *)*state)->lock;

    lock_set_time(lock, T0_US, 1000);
    assert_int_equal(lock_time(lock, T0_US + 5 * USEC_PER_SEC), 1005);
}

static void log__full__forgets_the_oldest(void **state)
{
    struct lock *lock = &((struct watched *)*state)->lock;

    assert_null(lock_log(lock, 0));
    assert_null(lock_log(lock, 1));
    for (size_t i = 0; i <= LOCK_LOG_MAX; i++)
        lock_set_door(lock, T0_US, i % 2 ? NUKI_DOOR_SENSOR_CLOSED : NUKI_DOOR_SENSOR_OPENED);
    assert_null(lock_log(lock, 1));
    assert_int_equal(lock_log(lock, 2)->data[0], NUKI_LOG_DOOR_CLOSED);
    assert_int_equal(lock_log(lock, LOCK_LOG_MAX + 1)->type, NUKI_LOG_TYPE_DOOR_SENSOR);
    assert_null(lock_log(lock, LOCK_LOG_MAX + 2));
}

static void log__action__tells_who(void **state)
{
    struct watched *watched = *state;

    carry_out(watched, NUKI_ACTION_UNLOCK);
    const struct nuki_log_entry *entry = lock_log(&watched->lock, 1);

    assert_int_equal(entry->auth_id, bridge.auth_id);
    assert_string_equal(entry->name, "bridge");
    assert_int_equal(entry->data[0], NUKI_ACTION_UNLOCK);
    assert_int_equal(nuki_time_seconds(&entry->time), T0_UTC_S + LOCK_MOTOR_MS / 1000);
}

#define TEST(name) cmocka_unit_test_setup(name, make)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(unlock__takes_the_motors_time),
        TEST(unlatch__complete_before_the_latch_falls_back),
        TEST(lock_n_go__locks_after_its_time),
        TEST(every_action__ends_in_its_state),
        TEST(action__while_the_motor_turns__busy),
        TEST(jam__once__blocks_once),
        TEST(power__lost_in_motion__position_unknown),
        TEST(states__tell_what_there_is),
        TEST(clock__set__goes_on_from_there),
        TEST(log__full__forgets_the_oldest),
        TEST(log__action__tells_who),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
