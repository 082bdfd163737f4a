/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modes.c: one list of targets, in no order: a gateway has a handful of doors, and modes change a few times a
 * day. */
#include "gateway/daemon/modes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/daemon/daemon.h"
#include "gateway/daemon/record.h"

#define SUBSYSTEM "mode"

/* Reasons of hal. Whoever has no hold can only be told in vain, whoever is gone is told when it comes up. */
#define CANNOT_HOLD  "not_supported"
#define DRIVER_ENDED "driver_ended"

struct told {
    struct told *next;
    char target[ID_SIZE];
    char device[ID_SIZE];       /* that had the target when it was told */
    char door[ID_SIZE];         /* for which it was told */
    bool on;                    /* hold it released ... */
    enum driver_direction side; /* ... in this direction */
    bool cleared;               /* for one direction: the other is known to be let go */
    bool unable;                /* its device has said that it cannot */
    int64_t id;                 /* of the command under way, 0: none */
    int64_t again_us;           /* tell it once more, INT64_MAX: no need */
};

struct modes {
    struct told *first;
};

int modes_new(struct modes **ret)
{
    struct modes *modes = calloc(1, sizeof(*modes));

    if (!modes)
        return -ENOMEM;
    *ret = modes;
    return 0;
}

struct modes *modes_free(struct modes *modes)
{
    if (!modes)
        return NULL;
    for (struct told *told = modes->first, *next; told; told = next) {
        next = told->next;
        free(told);
    }
    free(modes);
    return NULL;
}

static struct told *find(const struct modes *modes, const char *target, const char *device)
{
    struct told *told = modes->first;

    while (told && (strcmp(told->target, target) != 0 || strcmp(told->device, device) != 0))
        told = told->next;
    return told;
}

static struct told *get(struct modes *modes, const char *target, const char *device)
{
    struct told *told = find(modes, target, device);

    if (told)
        return told;
    told = calloc(1, sizeof(*told));
    if (!told)
        return NULL;
    snprintf(told->target, sizeof(told->target), "%s", target);
    snprintf(told->device, sizeof(told->device), "%s", device);
    told->next = modes->first;
    modes->first = told;
    return told;
}

/* A device that is down is told when it comes up; one that is not there has nothing to be told. */
static bool waits_for_device(const char *reason)
{
    return strcmp(reason, "device_down") == 0 || strcmp(reason, "unknown_device") == 0 ||
           strcmp(reason, "unknown_target") == 0;
}

/* What is held in one direction only is let go in both first. */
static bool clears(const struct told *told)
{
    return told->on && told->side != DRIVER_DIRECTION_ANY && !told->cleared;
}

static void tell(struct daemon *daemon, struct told *told, const struct timestamp *now)
{
    struct driver_command command = {
        .kind = DRIVER_COMMAND_HOLD,
        .on = told->on && !clears(told),
        .direction = clears(told) ? DRIVER_DIRECTION_ANY : told->side,
        .deadline_us = now->boot_us + DAEMON_RELEASE_LIMIT_US,
    };
    const char *reason = NULL;

    snprintf(command.target, sizeof(command.target), "%s", told->target);
    told->id = 0;
    told->again_us = INT64_MAX;
    told->unable = false;
    int r = hal_command(daemon->hal, told->device, &command, &told->id, &reason);

    if (r == 0 || (r > 0 && waits_for_device(reason)))
        return;
    told->again_us = now->boot_us + MODES_AGAIN_US;
    log_error(SUBSYSTEM, "%s: cannot be told to %s, tried again: %s", told->target,
              told->on ? "hold open" : "let go", r < 0 ? strerror(-r) : reason);
}

/* Whether a door is held released, and in which direction. */
static bool wanted(const struct daemon *daemon, uint32_t door, const struct timestamp *now,
                   enum driver_direction *ret_side)
{
    static const enum driver_direction sides[] = {
        [DIRECTION_ENTRY] = DRIVER_DIRECTION_ENTRY,
        [DIRECTION_EXIT] = DRIVER_DIRECTION_EXIT,
        [DIRECTIONS] = DRIVER_DIRECTION_ANY,
    };
    enum direction direction = world_door_free(daemon->world, door, now);
    enum mode_cause cause;
    enum door_mode mode = world_door_mode(daemon->world, door, now, &cause);

    *ret_side = sides[direction];
    return direction != DIRECTIONS || mode == DOOR_MODE_UNLOCKED || mode == DOOR_MODE_LOCKED_OPEN;
}

/* anew: even if it was told the same before. */
static void tell_door(struct daemon *daemon, uint32_t index, bool anew, const struct timestamp *now)
{
    const struct policy_door *door = policy_door(daemon->policy, index);
    enum driver_direction side;
    bool on = wanted(daemon, index, now, &side);

    if (door->device == POLICY_NONE || policy_door_of_target(daemon->policy, door->target) != index)
        return;
    struct told *told = get(daemon->modes, door->target, policy_device(daemon->policy, door->device)->id);

    if (!told) {
        daemon_trouble(SUBSYSTEM, door->target, -ENOMEM);
        return;
    }
    snprintf(told->door, sizeof(told->door), "%s", door->id);
    if (!anew &&
        ((told->on == on && told->side == side) || (!on && world_door_vehicle(daemon->world, index))))
        return; /* nothing closes on a vehicle */
    told->on = on;
    told->side = side;
    told->cleared = false;
    tell(daemon, told, now);
}

/* Whether a target is a door's still, at that device. */
static bool is_of_door(const struct daemon *daemon, const struct told *told)
{
    uint32_t door = policy_door_of_target(daemon->policy, told->target);
    uint32_t device = door == POLICY_NONE ? POLICY_NONE : policy_door(daemon->policy, door)->device;

    return device != POLICY_NONE && strcmp(policy_device(daemon->policy, device)->id, told->device) == 0;
}

/* Whether a target is not let go: it is a door's still, or the door that it was held for burns, which no
 * policy ends. */
static bool stays(const struct daemon *daemon, const struct told *told)
{
    return is_of_door(daemon, told) || world_burns(daemon->world, told->door);
}

/* Targets that no door has any more, or not there. Those that have let go are forgotten. */
static void let_go(struct daemon *daemon, const struct timestamp *now)
{
    for (struct told **at = &daemon->modes->first, *told; (told = *at);) {
        bool kept = stays(daemon, told);

        if (!kept && told->on) {
            told->on = false;
            told->side = DRIVER_DIRECTION_ANY;
            tell(daemon, told, now);
            if (!told->id && told->again_us == INT64_MAX)
                log_error(SUBSYSTEM,
                          "%s: is no door's at %s any more, which is down and may hold it open still",
                          told->target, told->device);
        }
        if (kept || told->id || told->again_us != INT64_MAX) {
            at = &told->next;
        } else {
            *at = told->next;
            free(told);
        }
    }
}

void modes_follow(struct daemon *daemon, const struct timestamp *now)
{
    for (uint32_t i = 0; i < policy_count(daemon->policy, ITEM_DOOR); i++)
        tell_door(daemon, i, false, now);
    let_go(daemon, now);
}

void modes_device_up(struct daemon *daemon, const char *device, const struct timestamp *now)
{
    uint32_t index = policy_find(daemon->policy, ITEM_DEVICE, device);

    for (uint32_t i = 0; index != POLICY_NONE && i < policy_count(daemon->policy, ITEM_DOOR); i++)
        if (policy_door(daemon->policy, i)->device == index)
            tell_door(daemon, i, true, now);
    for (struct told *told = daemon->modes->first; told; told = told->next)
        if (told->on && strcmp(told->device, device) == 0 && !is_of_door(daemon, told))
            tell(daemon, told, now); /* in a fire */
}

/* People are told, too: the door is not as its mode says, and stays so. */
static void record_unable(struct daemon *daemon, const struct told *told, const char *reason)
{
    struct timestamp now = daemon_now(daemon);
    uint32_t door = policy_door_of_target(daemon->policy, told->target);

    if (door == POLICY_NONE)
        return;
    uint32_t device = policy_door(daemon->policy, door)->device;
    bool driver = hal_can(daemon->hal, policy_device(daemon->policy, device)->id, DRIVER_CAN_HOLD);
    struct event event = {
        .kind = EVENT_FAILED,
        .door = policy_door(daemon->policy, door)->id,
        .target = told->target,
        .reason = reason,
        .device = policy_device(daemon->policy, device)->id,
        .text = driver ? "cannot be held open: its device has no output for it"
                       : "cannot be held open: its device's driver cannot hold",
    };

    record_event(daemon, &event, 0, &now);
}

bool modes_result(struct daemon *daemon, int64_t id, enum driver_outcome outcome, const char *reason)
{
    struct told *told = daemon->modes->first;

    while (told && told->id != id)
        told = told->next;
    if (!told)
        return false;
    if (outcome == DRIVER_OUTCOME_ACCEPTED)
        return true;
    told->id = 0;
    if (outcome == DRIVER_OUTCOME_COMPLETED && clears(told)) {
        told->cleared = true;
        told->again_us = 0; /* now the direction itself */
        return true;
    }
    if (outcome == DRIVER_OUTCOME_COMPLETED || strcmp(reason, DRIVER_ENDED) == 0)
        return true;
    bool able = strcmp(reason, CANNOT_HOLD) != 0;

    told->unable = !able;
    if (able)
        told->again_us = clock_boot_us() + MODES_AGAIN_US;
    else if (told->on)
        record_unable(daemon, told, reason);
    if (able || told->on)
        log_error(SUBSYSTEM, "%s: did not %s: %s", told->target, told->on ? "hold open" : "let go", reason);
    return true;
}

bool modes_unable(const struct daemon *daemon, uint32_t door)
{
    const struct policy_door *policy = policy_door(daemon->policy, door);
    const struct told *told =
        policy->device == POLICY_NONE
            ? NULL
            : find(daemon->modes, policy->target, policy_device(daemon->policy, policy->device)->id);

    return told && told->on && told->unable;
}

void modes_advance(struct daemon *daemon, const struct timestamp *now)
{
    for (struct told *told = daemon->modes->first; told; told = told->next)
        if (told->again_us <= now->boot_us)
            tell(daemon, told, now);
}

int64_t modes_due(const struct daemon *daemon)
{
    int64_t due_us = INT64_MAX;

    for (const struct told *told = daemon->modes->first; told; told = told->next)
        if (told->again_us < due_us)
            due_us = told->again_us;
    return due_us;
}
