/* SPDX-License-Identifier: GPL-3.0-or-later */
/* world_view.c: what people are told of a world. Nothing here changes it. */
#include "gateway/core/memory.h"
#include "gateway/core/mode.h"
#include "gateway/core/sense.h"
#include "gateway/core/world.h"

enum door_mode world_door_mode(const struct world *world, uint32_t door, const struct timestamp *now,
                               enum mode_cause *ret_cause)
{
    struct held_mode held = mode_held(world, door, now);

    *ret_cause = held.cause;
    return held.mode;
}

const struct policy_mode_entry *world_door_entry(const struct world *world, uint32_t door,
                                                 const struct timestamp *now)
{
    return mode_held(world, door, now).entry;
}

enum door_mode world_door_override(const struct world *world, uint32_t door, const struct timestamp *now,
                                   int64_t *ret_until_us)
{
    const struct door_memory *memory = world->door_at[door];
    int64_t until_us = memory_boot_us(&memory->override_until, now);

    if (memory->override == DOOR_MODES || until_us <= now->boot_us)
        return DOOR_MODES;
    *ret_until_us = until_us;
    return memory->override;
}

bool world_is_locked_down(const struct world *world, uint32_t door)
{
    return door == POLICY_NONE ? world->lockdown : world->door_at[door]->locked_down;
}

enum direction world_door_free(const struct world *world, uint32_t door, const struct timestamp *now)
{
    return mode_free(policy_door(world->policy, door), mode_held(world, door, now).mode);
}

bool world_door_vehicle(const struct world *world, uint32_t door)
{
    return world->door_at[door]->vehicle;
}

int world_door_contact(const struct world *world, uint32_t door)
{
    return door_contact(world->door_at[door]->phase);
}

enum door_lock world_door_lock(const struct world *world, uint32_t door)
{
    return world->door_at[door]->lock;
}

enum door_command world_door_command(const struct world *world, uint32_t door, const struct timestamp *now)
{
    return sense_command(world->door_at[door], now);
}

bool world_door_alarm(const struct world *world, uint32_t door, enum door_alarm alarm, int64_t *ret_since_us)
{
    const struct alarm_memory *memory = &world->door_at[door]->alarms[alarm];

    *ret_since_us = memory->since.utc_us;
    return memory->on;
}

bool world_burns(const struct world *world, const char *door)
{
    const struct door_memory *memory = table_find(&world->doors, door);

    return memory && mode_fire(memory);
}

int64_t world_occupancy(const struct world *world, uint32_t area)
{
    return memory_headcount(world, memory_area(world, area))->recorded;
}

uint32_t world_user_area(const struct world *world, uint32_t user)
{
    const struct area_memory *area = memory_whereabouts(world, memory_person(world, user));

    return area ? area->index : POLICY_NONE;
}
