/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_panel_target.c: passages first, then the ends of releases, so that the last look of a release still
 * sees who passed. */
#include "hal/modbus/modbus_panel_target.h"

#include <assert.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/text.h"

static struct driver_event event_of(const struct modbus_panel_target *target, enum driver_event_kind kind)
{
    struct driver_event event = { .kind = kind, .battery = DRIVER_BATTERY_UNKNOWN };

    text_copy(event.target, sizeof(event.target), target->id);
    return event;
}

static void say(const struct modbus_panel_target *target, const struct driver_event *event)
{
    target->voice->say(target->voice->userdata, event);
}

/* Where a role is read; NULL: it is not wired. */
static const struct modbus_place *place_of(const struct modbus_panel_target *target, size_t role)
{
    int input = target->wiring.inputs[role];

    return input < 0 ? NULL : &target->profile->panel.inputs[input].place;
}

static bool is_counter(const struct modbus_place *place)
{
    return place->table == MODBUS_TABLE_INPUT || place->table == MODBUS_TABLE_HOLDING;
}

void modbus_panel_target_plan(const struct modbus_panel_target *target, struct modbus_poll *poll)
{
    for (size_t role = 0; role < MODBUS_ROLES; role++)
        if (place_of(target, role))
            modbus_image_add(poll, place_of(target, role));
    if (target->wiring.status)
        modbus_image_add(poll, &target->profile->panel.status.place);
}

static void end_release(struct modbus_panel_target *target, size_t i, enum driver_outcome outcome,
                        const char *reason)
{
    modbus_unit_result(target->voice, target->releases[i].id, outcome, reason);
    target->release_count--;
    memmove(&target->releases[i], &target->releases[i + 1],
            (target->release_count - i) * sizeof(target->releases[0]));
}

/* The oldest release that people who pass in a direction can have used; release_count: none. */
static size_t find_release(const struct modbus_panel_target *target, enum driver_direction direction)
{
    size_t i = 0;

    while (i < target->release_count && direction != DRIVER_DIRECTION_ANY &&
           target->releases[i].direction != DRIVER_DIRECTION_ANY &&
           target->releases[i].direction != direction)
        i++;
    return i;
}

/* One person, or count of them if no release is known to be theirs. */
static void pass(struct modbus_panel_target *target, enum driver_direction direction, uint32_t count)
{
    while (count > 0) {
        struct driver_event event = event_of(target, DRIVER_EVENT_PASSAGE);
        size_t i = find_release(target, direction);
        bool released = i < target->release_count;

        event.direction =
            released && direction == DRIVER_DIRECTION_ANY ? target->releases[i].direction : direction;
        event.count = released ? 1 : count;
        say(target, &event);
        if (released)
            end_release(target, i, DRIVER_OUTCOME_COMPLETED, NULL);
        count -= (uint32_t)event.count;
    }
}

static bool read_bit(const struct modbus_panel_target *target, const struct modbus_poll *poll, size_t role)
{
    return modbus_image_bit(poll, place_of(target, role)) != target->wiring.closed_at_rest[role];
}

static void see_passed(struct modbus_panel_target *target, const struct modbus_poll *poll,
                       enum driver_direction direction)
{
    const size_t role = MODBUS_ROLE_PASSED + (size_t)direction;
    const struct modbus_place *place = place_of(target, role);
    uint32_t count = 0;

    if (!place)
        return;
    if (is_counter(place)) {
        uint32_t now = modbus_image_number(target->profile, poll, place);

        if (target->counted)
            count = modbus_collector_people(place, target->counts[direction], now, false);
        target->counts[direction] = now;
    } else {
        bool value = read_bit(target, poll, role);

        count = target->known && value && !target->values[role];
        target->values[role] = value;
    }
    pass(target, direction, count);
}

static void say_input(const struct modbus_panel_target *target, enum driver_role role, bool value)
{
    struct driver_event event = event_of(target, DRIVER_EVENT_INPUT);

    event.role = role;
    event.value = value;
    say(target, &event);
}

/* A level that the gateway is told when it has changed. other: a second input for the same, or the first. */
static void tell_level(const struct modbus_panel_target *target, const bool before[], enum driver_role role,
                       enum modbus_role first, enum modbus_role other)
{
    bool value = target->values[first] || target->values[other];

    if (!place_of(target, first) && !place_of(target, other))
        return;
    if (!target->known || value != (before[first] || before[other]))
        say_input(target, role, value);
}

static void see_levels(struct modbus_panel_target *target, const struct modbus_poll *poll)
{
    bool before[MODBUS_ROLES];

    memcpy(before, target->values, sizeof(before));
    for (size_t role = 0; role < MODBUS_ROLE_PASSED; role++)
        if (place_of(target, role))
            target->values[role] = read_bit(target, poll, role);
    tell_level(target, before, DRIVER_ROLE_CONTACT, MODBUS_ROLE_CONTACT, MODBUS_ROLE_CONTACT);
    tell_level(target, before, DRIVER_ROLE_REX, MODBUS_ROLE_REX, MODBUS_ROLE_REX);
    tell_level(target, before, DRIVER_ROLE_TAMPER, MODBUS_ROLE_TAMPER, MODBUS_ROLE_ALARM);
    tell_level(target, before, DRIVER_ROLE_FIRE, MODBUS_ROLE_FIRE, MODBUS_ROLE_FIRE);
}

bool modbus_panel_target_ready(const struct modbus_panel_target *target)
{
    return !place_of(target, MODBUS_ROLE_READY) || target->values[MODBUS_ROLE_READY];
}

static void see_ready(struct modbus_panel_target *target, int64_t begun_us)
{
    if (!target->known || modbus_panel_target_ready(target))
        target->ready_us = begun_us;
    target->stuck = begun_us - target->ready_us >= MODBUS_READY_MS * USEC_PER_MSEC;
}

/* Whether somebody who passes would be seen. */
static bool counts_people(const struct modbus_panel_target *target, enum driver_direction direction)
{
    return place_of(target, MODBUS_ROLE_PASSED) || place_of(target, MODBUS_ROLE_PASSED + (size_t)direction) ||
           (direction == DRIVER_DIRECTION_ANY &&
            (place_of(target, MODBUS_ROLE_PASSED_ENTRY) || place_of(target, MODBUS_ROLE_PASSED_EXIT)));
}

static void see_ends(struct modbus_panel_target *target, int64_t begun_us)
{
    for (size_t i = 0; i < target->release_count;) {
        struct driver_event event = event_of(target, DRIVER_EVENT_NO_PASSAGE);

        if (target->releases[i].until_us > begun_us) {
            i++;
            continue;
        }
        event.direction = target->releases[i].direction;
        bool counts = counts_people(target, event.direction);

        if (counts)
            say(target, &event);
        end_release(target, i, DRIVER_OUTCOME_COMPLETED, counts ? "no_passage" : NULL);
    }
}

static enum modbus_state state_of(const struct modbus_status *status, uint32_t word)
{
    for (size_t i = 0; i < status->count; i++)
        if (status->words[i].value == word)
            return status->words[i].state;
    return MODBUS_STATE_UNKNOWN;
}

/* A boom that rests half-way is not closed. */
static struct modbus_panel_state meaning(enum modbus_state state)
{
    switch (state) {
    case MODBUS_STATE_UNKNOWN:
        break;
    case MODBUS_STATE_OPEN:
        return (struct modbus_panel_state){ DRIVER_LOCK_UNLOCKED, DRIVER_DOOR_OPEN };
    case MODBUS_STATE_CLOSED:
        return (struct modbus_panel_state){ DRIVER_LOCK_LOCKED, DRIVER_DOOR_CLOSED };
    case MODBUS_STATE_OPENING:
        return (struct modbus_panel_state){ DRIVER_LOCK_MOVING, DRIVER_DOOR_OPENING };
    case MODBUS_STATE_CLOSING:
        return (struct modbus_panel_state){ DRIVER_LOCK_MOVING, DRIVER_DOOR_CLOSING };
    case MODBUS_STATE_STOPPED:
        return (struct modbus_panel_state){ DRIVER_LOCK_UNKNOWN, DRIVER_DOOR_OPEN };
    case MODBUS_STATE_OBSTACLE:
        return (struct modbus_panel_state){ DRIVER_LOCK_JAMMED, DRIVER_DOOR_OPEN, .obstacle = true };
    }
    return (struct modbus_panel_state){ DRIVER_LOCK_UNKNOWN, DRIVER_DOOR_UNKNOWN };
}

static void say_state(const struct modbus_panel_target *target)
{
    struct driver_event event = event_of(target, DRIVER_EVENT_STATE);

    event.lock = target->state.lock;
    event.door = target->state.door;
    event.obstacle = target->state.obstacle;
    event.vehicle = target->state.vehicle;
    say(target, &event);
}

static bool same_state(const struct modbus_panel_state *left, const struct modbus_panel_state *right)
{
    return left->lock == right->lock && left->door == right->door && left->obstacle == right->obstacle &&
           left->vehicle == right->vehicle;
}

static void see_state(struct modbus_panel_target *target, const struct modbus_poll *poll,
                      enum driver_lock lock)
{
    const struct modbus_status *status = &target->profile->panel.status;
    struct modbus_panel_state state = { .lock = lock, .door = DRIVER_DOOR_UNTOLD };

    if (target->wiring.status)
        state = meaning(state_of(status, modbus_image_number(target->profile, poll, &status->place)));
    else if (lock == DRIVER_LOCK_UNKNOWN)
        state.lock = target->state.lock; /* its outputs were not read in this look */
    state.obstacle = state.obstacle || target->values[MODBUS_ROLE_OBSTACLE];
    state.vehicle = target->values[MODBUS_ROLE_VEHICLE];
    if (same_state(&state, &target->state))
        return;
    target->state = state;
    say_state(target);
}

void modbus_panel_target_see(struct modbus_panel_target *target, const struct modbus_poll *poll,
                             int64_t begun_us, enum driver_lock lock)
{
    for (enum driver_direction direction = 0; direction < MODBUS_DIRECTIONS; direction++)
        see_passed(target, poll, direction);
    see_levels(target, poll);
    see_ready(target, begun_us);
    see_ends(target, begun_us);
    see_state(target, poll, lock);
    target->known = target->counted = true;
}

void modbus_panel_target_restart(struct modbus_panel_target *target)
{
    while (target->release_count > 0)
        end_release(target, 0, DRIVER_OUTCOME_UNKNOWN, "device_restarted");
}

/* The contact that the gateway was told is not seen any more. */
static void lose_door(struct modbus_panel_target *target)
{
    if (!target->known || !(target->wiring.status || place_of(target, MODBUS_ROLE_CONTACT)))
        return;
    target->state = (struct modbus_panel_state){ DRIVER_LOCK_UNKNOWN, DRIVER_DOOR_UNKNOWN };
    say_state(target);
}

void modbus_panel_target_miss(struct modbus_panel_target *target, int64_t now_us)
{
    lose_door(target);
    target->known = false;
    modbus_panel_target_ask(target);
    for (size_t i = 0; i < target->release_count;) {
        if (target->releases[i].until_us > now_us)
            i++;
        else
            end_release(target, i, DRIVER_OUTCOME_UNKNOWN, "device_down");
    }
}

void modbus_panel_target_ask(struct modbus_panel_target *target)
{
    target->state = (struct modbus_panel_state){ .door = DRIVER_DOOR_UNTOLD };
}

void modbus_panel_target_released(struct modbus_panel_target *target, int64_t id,
                                  enum driver_direction direction, int64_t end_us)
{
    int64_t grace_ms = counts_people(target, direction) ? target->profile->timing.passage : 0;

    assert(target->release_count < MODBUS_RELEASES_MAX);
    target->releases[target->release_count++] = (struct modbus_panel_release){
        .id = id, .direction = direction, .until_us = end_us + grace_ms * USEC_PER_MSEC
    };
    modbus_unit_result(target->voice, id, DRIVER_OUTCOME_ACCEPTED, NULL);
}

bool modbus_panel_target_blocked(const struct modbus_panel_target *target)
{
    return target->values[MODBUS_ROLE_VEHICLE] || target->values[MODBUS_ROLE_OBSTACLE];
}
