/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lock.c: an action is a course: a row of states, each with the time that it takes. The motor blocks, if it
 * does, at the end of the first step. */
#include "tools/sim/lock.h"

#include <errno.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define STEPS_MAX    6
#define BATTERY_STEP 2 /* percent: what the lock says is half of them */
#define USEC_PER_MIN (60 * USEC_PER_SEC)

/* What ends a step. */
enum pace {
    PACE_REST, /* nothing: the course is over */
    PACE_MOTOR,
    PACE_LATCH,
    PACE_AWAY,
};

struct step {
    uint8_t state; /* enum nuki_lock_state */
    enum pace pace;
    bool complete; /* once this state is reached, the action is */
};

struct lock_course {
    uint8_t action; /* enum nuki_action */
    struct step steps[STEPS_MAX];
};

static const struct lock_course courses[] = {
    { NUKI_ACTION_UNLOCK,
      { { NUKI_LOCK_STATE_UNLOCKING, PACE_MOTOR, false }, { NUKI_LOCK_STATE_UNLOCKED, PACE_REST, true } } },
    { NUKI_ACTION_LOCK,
      { { NUKI_LOCK_STATE_LOCKING, PACE_MOTOR, false }, { NUKI_LOCK_STATE_LOCKED, PACE_REST, true } } },
    { NUKI_ACTION_FULL_LOCK,
      { { NUKI_LOCK_STATE_LOCKING, PACE_MOTOR, false }, { NUKI_LOCK_STATE_LOCKED, PACE_REST, true } } },
    { NUKI_ACTION_UNLATCH,
      { { NUKI_LOCK_STATE_UNLATCHING, PACE_MOTOR, false },
        { NUKI_LOCK_STATE_UNLATCHED, PACE_LATCH, true },
        { NUKI_LOCK_STATE_UNLOCKED, PACE_REST, false } } },
    { NUKI_ACTION_LOCK_N_GO,
      { { NUKI_LOCK_STATE_UNLOCKING, PACE_MOTOR, false },
        { NUKI_LOCK_STATE_UNLOCKED_LOCK_N_GO, PACE_AWAY, false },
        { NUKI_LOCK_STATE_LOCKING, PACE_MOTOR, false },
        { NUKI_LOCK_STATE_LOCKED, PACE_REST, true } } },
    { NUKI_ACTION_LOCK_N_GO_UNLATCH,
      { { NUKI_LOCK_STATE_UNLATCHING, PACE_MOTOR, false },
        { NUKI_LOCK_STATE_UNLATCHED, PACE_LATCH, false },
        { NUKI_LOCK_STATE_UNLOCKED_LOCK_N_GO, PACE_AWAY, false },
        { NUKI_LOCK_STATE_LOCKING, PACE_MOTOR, false },
        { NUKI_LOCK_STATE_LOCKED, PACE_REST, true } } },
};

/* Begins an entry of the log at the place of the oldest. */
static struct nuki_log_entry *log_new(struct lock *lock, int64_t now_us, uint8_t type, uint32_t auth_id,
                                      const char *name)
{
    struct nuki_log_entry *entry = &lock->log[++lock->log_last % LOCK_LOG_MAX];

    *entry = (struct nuki_log_entry){ .index = lock->log_last,
                                      .time = nuki_time_from_seconds(lock_time(lock, now_us)),
                                      .auth_id = auth_id,
                                      .type = type };
    text_copy(entry->name, sizeof(entry->name), name);
    return entry;
}

static void log_action(struct lock *lock, int64_t now_us, uint8_t action, uint8_t flags,
                       const struct lock_actor *actor)
{
    struct nuki_log_entry *entry =
        log_new(lock, now_us, NUKI_LOG_TYPE_LOCK_ACTION, actor->auth_id, actor->name);

    entry->data_len = 4;
    entry->data[0] = action;
    entry->data[1] = actor->trigger;
    entry->data[2] = flags;
    entry->data[3] = lock->last_completion;
}

/* The action has come to an end, good or bad. */
static void finish(struct lock *lock, int64_t now_us, uint8_t completion)
{
    const struct lock_motion *motion = &lock->motion;

    lock->last_action = motion->course->action;
    lock->last_trigger = motion->actor.trigger;
    lock->last_completion = completion;
    log_action(lock, now_us, motion->course->action, motion->flags, &motion->actor);
    lock->event(lock->userdata, now_us,
                completion == NUKI_COMPLETION_SUCCESS ? LOCK_EVENT_DONE : LOCK_EVENT_FAILED);
}

static void set_state(struct lock *lock, int64_t now_us, uint8_t state)
{
    lock->state = state;
    lock->changed = true;
    lock->event(lock->userdata, now_us, LOCK_EVENT_MOVED);
}

static int64_t pace_us(const struct lock *lock, enum pace pace)
{
    switch (pace) {
    case PACE_MOTOR:
        return lock->motor_ms * USEC_PER_MSEC;
    case PACE_LATCH:
        return lock->latch_ms * USEC_PER_MSEC;
    case PACE_AWAY:
        return lock->away_ms * USEC_PER_MSEC;
    case PACE_REST:
        return 0;
    }
    return 0;
}

/* One that happens on time follows the time of the step before it, not that of being looked at. */
static void enter(struct lock *lock, int64_t now_us, size_t index)
{
    struct lock_motion *motion = &lock->motion;
    const struct step *step = &motion->course->steps[index];

    motion->step = index;
    motion->due_us += pace_us(lock, step->pace);
    set_state(lock, now_us, step->state);
    if (step->complete)
        finish(lock, now_us, NUKI_COMPLETION_SUCCESS);
    if (step->pace == PACE_REST)
        motion->course = NULL;
}

static void block(struct lock *lock, int64_t now_us)
{
    lock->jams--;
    set_state(lock, now_us, NUKI_LOCK_STATE_MOTOR_BLOCKED);
    finish(lock, now_us, NUKI_COMPLETION_MOTOR_BLOCKED);
    lock->motion.course = NULL;
}

int lock_act(struct lock *lock, int64_t now_us, uint8_t action, uint8_t flags, const struct lock_actor *actor)
{
    size_t i = 0;

    while (i < COUNT(courses) && courses[i].action != action)
        i++;
    if (i == COUNT(courses))
        return NUKI_CODE_K_BAD_PARAMETER;
    if (lock->motion.course)
        return NUKI_CODE_K_BUSY;
    lock->motion =
        (struct lock_motion){ .course = &courses[i], .due_us = now_us, .flags = flags, .actor = *actor };
    lock->trigger = actor->trigger;
    enter(lock, now_us, 0);
    return 0;
}

int64_t lock_turn(struct lock *lock, int64_t now_us)
{
    struct lock_motion *motion = &lock->motion;

    while (motion->course && now_us >= motion->due_us) {
        if (lock->jams > 0 && motion->step == 0)
            block(lock, now_us);
        else
            enter(lock, now_us, motion->step + 1);
    }
    return motion->course ? motion->due_us : INT64_MAX;
}

int lock_turn_key(struct lock *lock, int64_t now_us, uint8_t state)
{
    const struct lock_actor actor = { .trigger = NUKI_TRIGGER_MANUAL };

    if (lock->motion.course)
        return -EBUSY;
    lock->trigger = lock->last_trigger = actor.trigger;
    lock->last_action = state == NUKI_LOCK_STATE_LOCKED ? NUKI_ACTION_LOCK : NUKI_ACTION_UNLOCK;
    lock->last_completion = NUKI_COMPLETION_SUCCESS;
    log_action(lock, now_us, lock->last_action, 0, &actor);
    set_state(lock, now_us, state);
    return 0;
}

void lock_set_door(struct lock *lock, int64_t now_us, uint8_t door)
{
    lock->door = door;
    lock->changed = true;
    if (door != NUKI_DOOR_SENSOR_OPENED && door != NUKI_DOOR_SENSOR_CLOSED)
        return;
    struct nuki_log_entry *entry = log_new(lock, now_us, NUKI_LOG_TYPE_DOOR_SENSOR, 0, "");

    entry->data_len = 1;
    entry->data[0] = door == NUKI_DOOR_SENSOR_OPENED ? NUKI_LOG_DOOR_OPENED : NUKI_LOG_DOOR_CLOSED;
}

void lock_fail(struct lock *lock)
{
    if (lock->motion.course)
        lock->state = NUKI_LOCK_STATE_UNDEFINED;
    lock->motion.course = NULL;
    lock->changed = true;
}

int64_t lock_time(const struct lock *lock, int64_t now_us)
{
    return (now_us + lock->clock_us + lock->zone_minutes * USEC_PER_MIN) / USEC_PER_SEC;
}

void lock_set_time(struct lock *lock, int64_t now_us, int64_t seconds)
{
    lock->clock_us = seconds * USEC_PER_SEC - lock->zone_minutes * USEC_PER_MIN - now_us;
}

void lock_states(const struct lock *lock, int64_t now_us, struct nuki_states *ret_states)
{
    const struct lock_motion *motion = &lock->motion;
    bool away = motion->course && motion->course->steps[motion->step].pace == PACE_AWAY;

    *ret_states = (struct nuki_states){
        .size = NUKI_STATES_BYTES_V21,
        .nuki_state = NUKI_STATE_DOOR_MODE,
        .lock_state = lock->state,
        .trigger = lock->trigger,
        .time = nuki_time_from_seconds(lock_time(lock, now_us)),
        .zone_minutes = lock->zone_minutes,
        .battery = (uint8_t)(lock->battery_percent / BATTERY_STEP << 2 | lock->battery_critical),
        .lock_n_go_timer = away ? (uint8_t)((motion->due_us - now_us) / USEC_PER_SEC) : 0,
        .last_action = lock->last_action,
        .last_trigger = lock->last_trigger,
        .last_completion = lock->last_completion,
        .door_sensor = lock->door,
    };
}

const struct nuki_log_entry *lock_log(const struct lock *lock, uint32_t index)
{
    const struct nuki_log_entry *entry = &lock->log[index % LOCK_LOG_MAX];

    return index > 0 && entry->index == index ? entry : NULL;
}

void lock_init(struct lock *lock, uint32_t id, int64_t now_us, int64_t utc_us)
{
    *lock = (struct lock){ .id = id,
                           .motor_ms = LOCK_MOTOR_MS,
                           .latch_ms = LOCK_LATCH_MS,
                           .away_ms = LOCK_AWAY_MS,
                           .clock_us = utc_us - now_us,
                           .state = NUKI_LOCK_STATE_LOCKED,
                           .door = NUKI_DOOR_SENSOR_CLOSED,
                           .battery_percent = 100 };
}
