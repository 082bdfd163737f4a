/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lock.h: a motor lock on a door: bolt and latch, door sensor, battery, clock and log. Pure: it is told the
 * time. Whom it obeys is the matter of lock_talk.h.
 *
 * An action takes the motor its time, passes through the states that a real lock passes through, and is
 * complete in its state of rest. An unlatched door's latch falls back later, by itself.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "proto/nuki.h"

#define LOCK_LOG_MAX 64 /* entries; the oldest gives way */

#define LOCK_MOTOR_MS 2000
#define LOCK_LATCH_MS 3000
#define LOCK_AWAY_MS  20000 /* lock 'n' go: time to leave */

enum lock_event {
    LOCK_EVENT_MOVED,  /* its state is another one */
    LOCK_EVENT_DONE,   /* the action is complete */
    LOCK_EVENT_FAILED, /* it never will be: the motor is blocked */
};

/* Who acts: an authorization, or 0 and a name for somebody at the door. */
struct lock_actor {
    uint32_t auth_id;
    char name[NUKI_NAME_SIZE];
    uint8_t trigger; /* enum nuki_trigger */
};

/* The row of an action's steps that is under way. */
struct lock_motion {
    const struct lock_course *course; /* NULL: at rest */
    size_t step;
    int64_t due_us; /* the step's end */
    uint8_t flags;
    struct lock_actor actor;
};

struct lock {
    uint32_t id;
    int64_t motor_ms;
    int64_t latch_ms;
    int64_t away_ms;
    int64_t clock_us;     /* its UTC less the boot time */
    int16_t zone_minutes; /* east of Greenwich: what it shows is local time */
    uint8_t state;        /* enum nuki_lock_state */
    uint8_t door;         /* enum nuki_door_sensor */
    uint8_t trigger;
    uint8_t battery_percent;
    bool battery_critical;
    uint8_t last_action;
    uint8_t last_trigger;
    uint8_t last_completion;
    bool changed;  /* the beacon's bit */
    unsigned jams; /* so many of the next actions block the motor */
    struct lock_motion motion;
    struct nuki_log_entry log[LOCK_LOG_MAX];
    uint32_t log_last; /* index of the newest entry; 0: none */
    void (*event)(void *userdata, int64_t now_us, enum lock_event event); /* the caller's */
    void *userdata;
};

/* Locked, behind a closed door, its battery full, its clock right. The caller then says who is told of what
 * happens. */
void lock_init(struct lock *lock, uint32_t id, int64_t now_us, int64_t utc_us);

/* Begins an action. Returns 0, or the error that it answers with: enum nuki_code. */
int lock_act(struct lock *lock, int64_t now_us, uint8_t action, uint8_t flags,
             const struct lock_actor *actor) must_check;

/* What is due happens. Returns the time of the next thing, or INT64_MAX. */
int64_t lock_turn(struct lock *lock, int64_t now_us);

/* Somebody at the door turns the key: LOCKED or UNLOCKED. Returns 0 or -EBUSY: the motor turns it. */
int lock_turn_key(struct lock *lock, int64_t now_us, uint8_t state) must_check;

/* The door opens or closes, or its sensor fails. */
void lock_set_door(struct lock *lock, int64_t now_us, uint8_t door);

/* The power is gone: a motion ends where it is, and nobody knows where that is. */
void lock_fail(struct lock *lock);

/* Local time in seconds as it believes; and what it shall believe. */
int64_t lock_time(const struct lock *lock, int64_t now_us);
void lock_set_time(struct lock *lock, int64_t now_us, int64_t seconds);

/* 19 bytes of states. */
void lock_states(const struct lock *lock, int64_t now_us, struct nuki_states *ret_states);

/* The entry with that index, or NULL: it is not there, or not any more. */
const struct nuki_log_entry *lock_log(const struct lock *lock, uint32_t index);
