/* SPDX-License-Identifier: GPL-3.0-or-later */
/* inputs.c: what devices tell without being asked. Nothing here is decided: an exit button releases whatever
 * holds, a passage confirms, and core draws the conclusions. */
#include "gateway/daemon/inputs.h"

#include <assert.h>
#include <errno.h>

#include "gateway/daemon/access.h"
#include "gateway/daemon/daemon.h"
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

/* Egress is free: the button opens whatever holds, but not long after it was pressed. */
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

static enum event_kind input_kind(const struct driver_event *driver)
{
    switch (driver->role) {
    case DRIVER_ROLE_CONTACT:
        return driver->value ? EVENT_OPENED : EVENT_CLOSED;
    case DRIVER_ROLE_REX:
        return EVENT_REX;
    case DRIVER_ROLE_TAMPER:
        return EVENT_TAMPER;
    case DRIVER_ROLE_FIRE:
        return EVENT_ALARM;
    }
    return EVENT_ALARM;
}

static void input(struct daemon *daemon, const struct driver_event *driver)
{
    static const enum world_input inputs[] = {
        [DRIVER_ROLE_CONTACT] = WORLD_INPUT_CONTACT,
        [DRIVER_ROLE_REX] = WORLD_INPUT_REX,
        [DRIVER_ROLE_TAMPER] = WORLD_INPUT_TAMPER,
        [DRIVER_ROLE_FIRE] = WORLD_INPUT_FIRE,
    };
    struct timestamp now = daemon_now(daemon);
    uint32_t door = door_of(daemon, driver);
    struct event event = {
        .kind = input_kind(driver),
        .point = driver->point[0] ? driver->point : NULL,
        .door = door == POLICY_NONE ? NULL : policy_door(daemon->policy, door)->id,
        .target = driver->target[0] ? driver->target : NULL,
        .reason = driver->role == DRIVER_ROLE_FIRE ? "fire" : NULL,
        .on = driver->role == DRIVER_ROLE_CONTACT ? NULL : &driver->value,
    };
    int r =
        door == POLICY_NONE ? 0 : world_input(daemon->world, door, inputs[driver->role], driver->value, &now);

    if (r < 0)
        daemon_trouble(SUBSYSTEM, driver->target, r);
    uint64_t ticket = record_event(daemon, &event, 0, &now);

    if (door != POLICY_NONE && driver->role == DRIVER_ROLE_REX && driver->value)
        release_exit(daemon, door, driver, ticket, &now);
    access_settle(daemon, ticket, &now);
}

/* People of one passage event that are told to core; a counter that jumps must not keep the loop. */
#define PASSAGES_MAX 32

static void passage(struct daemon *daemon, const struct driver_event *driver)
{
    struct timestamp now = daemon_now(daemon);
    uint32_t door = policy_door_of_target(daemon->policy, driver->target);
    enum direction direction = driver->direction == DRIVER_DIRECTION_EXIT ? DIRECTION_EXIT : DIRECTION_ENTRY;
    int64_t count = driver->kind == DRIVER_EVENT_NO_PASSAGE ? 1 : driver->count;
    int r = 0;

    if (door == POLICY_NONE)
        return;
    for (int64_t i = 0; i < count && i < PASSAGES_MAX && r == 0; i++)
        if (driver->kind == DRIVER_EVENT_PASSAGE)
            r = world_passage(daemon->world, door, direction, &now);
        else if (driver->direction == DRIVER_DIRECTION_ANY)
            r = world_no_passage_any(daemon->world, door, &now);
        else
            r = world_no_passage(daemon->world, door, direction, &now);
    if (r < 0)
        daemon_trouble(SUBSYSTEM, driver->target, r);
    access_settle(daemon, 0, &now);
}

/* A lock that has a door sensor speaks of the contact in its state. */
static void state(struct daemon *daemon, const struct driver_event *driver)
{
    struct driver_event contact = *driver;

    if (driver->door == DRIVER_DOOR_UNKNOWN)
        return;
    contact.role = DRIVER_ROLE_CONTACT;
    contact.value = driver->door != DRIVER_DOOR_CLOSED; /* on the way is not closed */
    uint32_t door = door_of(daemon, driver);

    if (door != POLICY_NONE && world_door_contact(daemon->world, door) != contact.value)
        input(daemon, &contact);
}

void inputs_event(struct daemon *daemon, const struct driver_event *event)
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
    case DRIVER_EVENT_PRESENTED:
    case DRIVER_EVENT_REMOVED:
    case DRIVER_EVENT_HELLO:
    case DRIVER_EVENT_RESULT:
    case DRIVER_EVENT_HEALTH:
    case DRIVER_EVENT_PONG:
    case DRIVER_EVENT_ERROR:
        assert(false); /* are not inputs */
    }
}
