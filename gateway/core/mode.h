/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mode.h: which mode holds at a door (decision contract 4, "Door modes"). Pure. */
#pragma once

#include "gateway/core/memory.h"

struct held_mode {
    enum door_mode mode;
    enum mode_cause cause;
    const struct policy_mode_entry *entry; /* MODE_BY_SCHEDULE: this one's */
};

/* The one that holds; the one that would without fire and lockdown; and what these make of that one. */
struct held_mode mode_held(const struct world *world, uint32_t door, const struct timestamp *now);
struct held_mode mode_below(const struct world *world, uint32_t door, const struct timestamp *now);
struct held_mode mode_over(const struct world *world, const struct door_memory *door, struct held_mode below);

/* The direction that is free though the door is not open: `free` of a controlled door; an exit in lockdown
 * too. DIRECTIONS: none. */
enum direction mode_free(const struct policy_door *door, enum door_mode mode);

/* By the site's lockdown or its own. */
static inline bool mode_lockdown(const struct world *world, const struct door_memory *door)
{
    return world->lockdown || door->locked_down;
}

static inline bool mode_fire(const struct door_memory *door)
{
    return door->alarms[DOOR_ALARM_FIRE].on;
}

static inline bool mode_is_open(enum door_mode mode)
{
    return mode == DOOR_MODE_UNLOCKED || mode == DOOR_MODE_LOCKED_OPEN;
}
