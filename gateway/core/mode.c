/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mode.c: strongest first: fire, lockdown, override, mode schedule, the door's own. */
#include "gateway/core/mode.h"

#include <string.h>

/* What mode entries are looked at by. */
struct look {
    const struct policy *policy;
    const struct door_memory *door;
    bool trusted;
    struct local_time local;
};

/* Wall-clock seconds, for comparing within a window. */
static int64_t wall(int32_t day, int32_t second)
{
    return (int64_t)day * 86400 + second;
}

static bool window_has(const struct policy_window *window, const struct first_person *first)
{
    bool past_midnight = window->to_s <= window->from_s;
    int64_t at = wall(first->day, first->second);

    return at >= wall(window->day, window->from_s) && at < wall(window->day + past_midnight, window->to_s);
}

/* Whether a user with the entry's tag was granted in a window that is open. */
static bool first_came(const struct look *look, const struct policy_mode_entry *entry)
{
    const char *tag = policy_id(look->policy, ITEM_TAG, entry->first_person_tag);
    const struct first_person *first = look->door->first;
    struct policy_window window;
    uint32_t cursor = 0;

    while (tag && first && strcmp(first->tag, tag) != 0)
        first = first->next;
    if (!tag || !first || !first->came)
        return false;
    if (entry->schedule == SCHEDULE_ALWAYS)
        return true;
    while (first->dated &&
           policy_schedule_window_next(look->policy, entry->schedule, &look->local, &cursor, &window))
        if (window_has(&window, first))
            return true;
    return false;
}

static bool entry_holds(const struct look *look, const struct policy_mode_entry *entry)
{
    if (entry->schedule != SCHEDULE_ALWAYS && !look->trusted)
        return false;
    if (!policy_schedule_open(look->policy, entry->schedule, &look->local))
        return false;
    return !entry->first_person || !mode_is_open(entry->mode) || first_came(look, entry);
}

/* Whether nobody can tell if the entry holds: it is then taken not to, and nothing opens after it. */
static bool entry_unsure(const struct look *look, const struct policy_mode_entry *entry)
{
    bool timed = entry->schedule != SCHEDULE_ALWAYS && entry->schedule != SCHEDULE_NEVER;

    return entry->schedule == POLICY_NONE || (timed && !look->trusted);
}

static struct held_mode by_schedule(const struct look *look, const struct policy_door *door)
{
    struct held_mode held = { door->mode, MODE_BY_DOOR };
    bool unsure = false;

    for (size_t i = 0; i < door->mode_count && held.cause == MODE_BY_DOOR; i++) {
        if (entry_unsure(look, &door->modes[i]))
            unsure = true;
        else if (entry_holds(look, &door->modes[i]))
            held = (struct held_mode){ door->modes[i].mode, MODE_BY_SCHEDULE, &door->modes[i] };
    }
    if (unsure && mode_is_open(held.mode))
        held.mode = DOOR_MODE_CONTROLLED;
    return held;
}

struct held_mode mode_below(const struct world *world, uint32_t door, const struct timestamp *now)
{
    const struct policy_door *of_policy = policy_door(world->policy, door);
    const struct door_memory *memory = world->door_at[door];

    if (memory->override != DOOR_MODES && now->boot_us < memory_boot_us(&memory->override_until, now))
        return (struct held_mode){ memory->override, MODE_BY_OVERRIDE };
    if (of_policy->mode_count == 0)
        return (struct held_mode){ of_policy->mode, MODE_BY_DOOR };
    struct look look = { .policy = world->policy, .door = memory, .trusted = memory_clock_trusted(now) };

    if (look.trusted)
        look.local = zone_local(policy_zone(world->policy), now->utc_us);
    return by_schedule(&look, of_policy);
}

struct held_mode mode_over(const struct world *world, const struct door_memory *door, struct held_mode below)
{
    if (mode_fire(door))
        return (struct held_mode){ DOOR_MODE_LOCKED_OPEN, MODE_BY_FIRE };
    if (mode_lockdown(world, door))
        return (struct held_mode){ DOOR_MODE_LOCKED_DOWN, MODE_BY_LOCKDOWN };
    return below;
}

struct held_mode mode_held(const struct world *world, uint32_t door, const struct timestamp *now)
{
    return mode_over(world, world->door_at[door], mode_below(world, door, now));
}

enum direction mode_free(const struct policy_door *door, enum door_mode mode)
{
    bool holds =
        mode == DOOR_MODE_CONTROLLED || (mode == DOOR_MODE_LOCKED_DOWN && door->free == DIRECTION_EXIT);

    return holds ? door->free : DIRECTIONS;
}
