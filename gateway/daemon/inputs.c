/* SPDX-License-Identifier: GPL-3.0-or-later */
/* inputs.c: what devices tell without being asked. Nothing here is decided: an exit button releases whatever
 * holds, a passage confirms, and core draws the conclusions. */
#include "gateway/daemon/inputs.h"

#include <assert.h>
#include <errno.h>

#include "gateway/daemon/access.h"
#include "gateway/daemon/daemon.h"
#include "gateway/daemon/modes.h"
#include "gateway/daemon/record.h"
#include "gateway/daemon/releases.h"

#define SUBSYSTEM "input"

/* The door of an input: of its target, or of the access point whose reader it came from. */
static uint32_t door_of(const struct daemon *daemon, const struct driver_event *driver)
{
    if (driver->target[0])
        return policy_door_of_target(daemon->policy, driver->target);
    uint32_t point = policy_point_of_reader(daemon->policy, driver->point);

    return point == POLICY_NONE ? POLICY_NONE : policy_point(daemon->policy, point)->door;
}

/* Egress is free: a press opens whatever holds, but not long after it was. */
static void release_exit(struct daemon *daemon, uint32_t door, const struct driver_event *driver,
                         uint64_t cause, const struct timestamp *now)
{
    struct release_order order = {
        .door = door,
        .direction = DIRECTION_EXIT,
        .pulse_ms = policy_door(daemon->policy, door)->pulse_ms,
        .deadline_us = driver->at_us + DAEMON_RELEASE_LIMIT_US,
    };

    struct release *release = releases_send(daemon, &order);

    if (release)
        releases_record(daemon, release, cause, now);
    else
        daemon_trouble(SUBSYSTEM, "exit button", -ENOMEM);
}

/* What an input is called in the log; *value stands in it. */
static void fill_event(struct event *event, enum world_input input, const bool *value)
{
    static const struct {
        enum event_kind kind;
        const char *reason;
    } told[] = {
        [WORLD_INPUT_REX] = { EVENT_REX, NULL },
        [WORLD_INPUT_TAMPER] = { EVENT_TAMPER, NULL },
        [WORLD_INPUT_FIRE] = { EVENT_ALARM, "fire" },
        [WORLD_INPUT_OBSTACLE] = { EVENT_ALARM, "obstacle" },
        [WORLD_INPUT_JAMMED] = { EVENT_ALARM, "jammed" },
        [WORLD_INPUT_VEHICLE] = { EVENT_VEHICLE, NULL },
    };

    if (input == WORLD_INPUT_CONTACT) {
        event->kind = *value ? EVENT_OPENED : EVENT_CLOSED;
        return;
    }
    event->kind = told[input].kind;
    event->reason = told[input].reason;
    event->on = value;
}

static const char *detail_of(const struct driver_event *driver)
{
    return driver->detail[0] ? driver->detail : NULL;
}

/* Inputs are states: what was known is not recorded again. */
static void sense(struct daemon *daemon, const struct driver_event *driver, enum world_input input,
                  bool value)
{
    struct timestamp now = daemon_now(daemon);
    uint32_t door = door_of(daemon, driver);
    const struct world_sensed sensed = { .input = input,
                                         .value = value,
                                         .reader = driver->point[0] ? driver->point : NULL };
    struct event event = {
        .point = driver->point[0] ? driver->point : NULL,
        .door = door == POLICY_NONE ? NULL : policy_door(daemon->policy, door)->id,
        .target = driver->target[0] ? driver->target : NULL,
        .by = input == WORLD_INPUT_JAMMED && value ? detail_of(driver) : NULL,
    };

    access_advance(daemon, &now); /* what was due is told before */
    int news = door == POLICY_NONE ? 1 : world_input(daemon->world, door, &sensed, &now);

    if (news < 0)
        daemon_trouble(SUBSYSTEM, driver->target, news);
    if (input == WORLD_INPUT_FIRE && !value)
        world_no_fire(daemon->world, driver->target[0] ? driver->target : driver->point, driver->target[0],
                      &now);
    fill_event(&event, input, &value);
    uint64_t ticket = news ? record_event(daemon, &event, 0, &now) : 0;

    if (news == WORLD_PRESSED && policy_door(daemon->policy, door)->rex_releases)
        release_exit(daemon, door, driver, ticket, &now);
    if (input == WORLD_INPUT_FIRE || (news > 0 && input == WORLD_INPUT_VEHICLE))
        modes_follow(daemon, &now); /* what it kept open may be let go now */
    access_settle(daemon, ticket, &now);
}

static void input(struct daemon *daemon, const struct driver_event *driver)
{
    static const enum world_input inputs[] = {
        [DRIVER_ROLE_CONTACT] = WORLD_INPUT_CONTACT,
        [DRIVER_ROLE_REX] = WORLD_INPUT_REX,
        [DRIVER_ROLE_TAMPER] = WORLD_INPUT_TAMPER,
        [DRIVER_ROLE_FIRE] = WORLD_INPUT_FIRE,
    };

    sense(daemon, driver, inputs[driver->role], driver->value);
}

/* People of one passage event that are told to core; a counter that jumps must not keep the loop. */
#define PASSAGES_MAX 32

static void passage(struct daemon *daemon, const struct driver_event *driver)
{
    struct timestamp now = daemon_now(daemon);
    uint32_t door = policy_door_of_target(daemon->policy, driver->target);
    enum direction direction = driver->direction == DRIVER_DIRECTION_EXIT ? DIRECTION_EXIT : DIRECTION_ENTRY;
    int64_t count = driver->count < PASSAGES_MAX ? driver->count : PASSAGES_MAX;
    int r;

    if (door == POLICY_NONE)
        return;
    access_advance(daemon, &now); /* what was due is told before */
    if (driver->kind == DRIVER_EVENT_PASSAGE)
        r = world_passage(daemon->world, door, direction, count, &now);
    else if (driver->direction == DRIVER_DIRECTION_ANY)
        r = world_no_passage_any(daemon->world, door, &now);
    else
        r = world_no_passage(daemon->world, door, direction, &now);
    if (r < 0)
        daemon_trouble(SUBSYSTEM, driver->target, r);
    access_settle(daemon, 0, &now);
}

/* What was closed may be open when it is seen again. */
static void lose_contact(struct daemon *daemon, uint32_t door)
{
    struct timestamp now = daemon_now(daemon);

    access_advance(daemon, &now); /* what was due is told before */
    world_contact_lost(daemon->world, door);
    access_settle(daemon, 0, &now);
}

/* On the way it is neither, and a jam is told as an alarm. */
static void sense_lock(struct daemon *daemon, const struct driver_event *driver, uint32_t door)
{
    static const enum door_lock locks[] = {
        [DRIVER_LOCK_UNKNOWN] = DOOR_LOCK_UNKNOWN,   [DRIVER_LOCK_LOCKED] = DOOR_LOCK_LOCKED,
        [DRIVER_LOCK_UNLOCKED] = DOOR_LOCK_UNLOCKED, [DRIVER_LOCK_MOVING] = DOOR_LOCK_MOVING,
        [DRIVER_LOCK_JAMMED] = DOOR_LOCK_JAMMED,
    };
    struct timestamp now = daemon_now(daemon);
    const struct event event = {
        .kind = driver->lock == DRIVER_LOCK_UNLOCKED ? EVENT_UNLOCKED : EVENT_LOCKED,
        .door = policy_door(daemon->policy, door)->id,
        .target = driver->target,
        .by = detail_of(driver),
    };

    access_advance(daemon, &now); /* what was due is told before */
    if (world_lock(daemon->world, door, locks[driver->lock], &now))
        record_event(daemon, &event, 0, &now);
    access_settle(daemon, 0, &now);
    if (driver->lock != DRIVER_LOCK_UNKNOWN)
        sense(daemon, driver, WORLD_INPUT_JAMMED, driver->lock == DRIVER_LOCK_JAMMED);
}

/* What a lock, a door or a barrier says of itself. The lock comes first: it let the door open. */
static void state(struct daemon *daemon, const struct driver_event *driver)
{
    uint32_t door = door_of(daemon, driver);

    if (door == POLICY_NONE)
        return;
    if (driver->lock != DRIVER_LOCK_UNTOLD)
        sense_lock(daemon, driver, door);
    if (driver->door == DRIVER_DOOR_UNKNOWN) {
        lose_contact(daemon, door);
        return;
    }
    sense(daemon, driver, WORLD_INPUT_OBSTACLE, driver->obstacle);
    sense(daemon, driver, WORLD_INPUT_VEHICLE, driver->vehicle);
    if (driver->door != DRIVER_DOOR_UNTOLD)
        sense(daemon, driver, WORLD_INPUT_CONTACT,
              driver->door != DRIVER_DOOR_CLOSED); /* not on the way either */
}

static const char *filled(const char *string)
{
    return string[0] ? string : NULL;
}

/* What a lock did while nobody looked is told, and changes nothing: it may be hours old, and its state is
 * told apart from it. */
static void lock_record(struct daemon *daemon, const char *device, const struct driver_event *driver)
{
    const struct driver_record *record = &driver->record;
    struct timestamp now = daemon_now(daemon);
    uint32_t door = door_of(daemon, driver);
    char utc[UTC_SIZE];
    const struct event event = {
        .kind = EVENT_LOCK_RECORD,
        .door = door == POLICY_NONE ? NULL : policy_door(daemon->policy, door)->id,
        .target = driver->target,
        .by = filled(record->trigger),
        .what = record->what,
        .authorization = filled(record->name),
        .lock_utc = event_utc_format(record->time_s * USEC_PER_SEC, utc) ? utc : NULL,
        .index = record->index,
        .device = device,
        .outcome = filled(record->outcome),
    };

    record_event(daemon, &event, 0, &now);
}

void inputs_event(struct daemon *daemon, const char *device, const struct driver_event *event)
{
    switch (event->kind) {
    case DRIVER_EVENT_INPUT:
        input(daemon, event);
        break;
    case DRIVER_EVENT_PASSAGE:
    case DRIVER_EVENT_NO_PASSAGE:
        passage(daemon, event);
        break;
    case DRIVER_EVENT_STATE:
        state(daemon, event);
        break;
    case DRIVER_EVENT_RECORD:
        lock_record(daemon, device, event);
        break;
    case DRIVER_EVENT_PRESENTED:
    case DRIVER_EVENT_REMOVED:
    case DRIVER_EVENT_APPROACH:
    case DRIVER_EVENT_HELLO:
    case DRIVER_EVENT_RESULT:
    case DRIVER_EVENT_FOUND:
    case DRIVER_EVENT_PROGRESS:
    case DRIVER_EVENT_HEALTH:
    case DRIVER_EVENT_PONG:
    case DRIVER_EVENT_ERROR:
        assert(false); /* are not inputs */
    }
}
