/* SPDX-License-Identifier: GPL-3.0-or-later */
/* advance.c: three due times are kept, so that a call usually looks at them and does nothing: `due_us` by
 * boot time for what has a duration, `forgive_utc_us` and `modes_utc_us` for what the wall clock brings. */
#include "gateway/core/advance.h"

#include "gateway/core/keep.h"
#include "gateway/core/mode.h"
#include "gateway/core/passage.h"
#include "gateway/core/sense.h"

/* --- forgive_at. --- */

/* The first instant after now at which it is that time of the day. */
static int64_t next_at(const struct zone *zone, int64_t now_us, int32_t second)
{
    for (int32_t day = zone_local(zone, now_us).day;; day++) {
        int64_t at = zone_instant(zone, day, second);

        if (at > now_us && zone_instant(zone, day, 0) < zone_instant(zone, day + 1, 0))
            return at;
    }
}

static int64_t next_forgiveness(const struct world *world, const struct area_memory *area)
{
    int32_t second = area->index < AREA_OUTSIDE ? policy_area(world->policy, area->index)->forgive_at_s : -1;

    if (second < 0 || !memory_clock_trusted(&world->now))
        return INSTANT_MAX;
    return next_at(policy_zone(world->policy), world->now.utc_us, second);
}

static void plan_forgiveness(struct world *world, struct area_memory *area, int64_t at_us)
{
    if (area->forgive_utc_us != at_us) {
        area->forgive_utc_us = at_us;
        keep_area(world, area);
    }
}

/* After the clock went or came, or at the start. What was planned before a restart and is overdue comes now;
 * without a clock it does not come. */
static void plan_all_forgiveness(struct world *world, bool keep_earlier)
{
    for (struct area_memory *area = NULL; (area = table_next(&world->areas, area));) {
        int64_t next = next_forgiveness(world, area);
        bool earlier = keep_earlier && next != INSTANT_MAX && area->forgive_utc_us < next;

        plan_forgiveness(world, area, earlier ? area->forgive_utc_us : next);
    }
}

static void forgive(struct world *world, struct area_memory *area)
{
    struct world_notice notice = {
        .kind = WORLD_FORGIVEN,
        .door = POLICY_NONE,
        .point = POLICY_NONE,
        .user = POLICY_NONE,
        .second_user = POLICY_NONE,
        .area = area->index,
    };

    memory_forgive_area(world, area);
    area->forgive_utc_us = next_forgiveness(world, area);
    keep_area(world, area);
    if (world->hooks.notice)
        world->hooks.notice(world->hooks.user, &notice);
}

static void forgive_due(struct world *world)
{
    if (!memory_clock_trusted(&world->now) || world->now.utc_us < world->forgive_utc_us)
        return;
    world->forgive_utc_us = INSTANT_MAX;
    for (struct area_memory *area = NULL; (area = table_next(&world->areas, area));) {
        if (area->forgive_utc_us <= world->now.utc_us)
            forgive(world, area);
        if (area->forgive_utc_us < world->forgive_utc_us)
            world->forgive_utc_us = area->forgive_utc_us;
    }
}

/* --- Passages, doors and overrides. --- */

/* One that was told before a restart, and ended meanwhile, has an end that people are told. */
static void end_override(struct world *world, struct door_memory *door)
{
    if (door->told_cause == MODE_BY_DOOR) {
        door->told_mode = door->override;
        door->told_cause = MODE_BY_OVERRIDE;
    }
    door->override = DOOR_MODES;
    keep_override(world, door);
    world->modes_utc_us = INSTANT_MIN;
}

static void end_due(struct world *world)
{
    int64_t due_us = BOOT_NEVER;

    if (world->now.boot_us < world->due_us)
        return;
    for (struct door_memory *door = NULL; (door = table_next(&world->doors, door));) {
        int64_t until_us = memory_boot_us(&door->override_until, &world->now);

        passage_time_out(world, door, &due_us);
        sense_time_out(world, door, &due_us);
        if (door->override == DOOR_MODES)
            continue;
        if (until_us <= world->now.boot_us)
            end_override(world, door);
        else if (until_us < due_us)
            due_us = until_us;
    }
    world->due_us = due_us;
}

/* --- Modes. --- */

void advance_tell_mode(struct world *world, uint32_t door)
{
    struct door_memory *memory = world->door_at[door];
    struct held_mode held = mode_held(world, door, &world->now);
    struct world_notice notice = {
        .kind = WORLD_MODE,
        .door = door,
        .point = POLICY_NONE,
        .user = POLICY_NONE,
        .second_user = POLICY_NONE,
        .area = POLICY_NONE,
        .mode = held.mode,
        .cause = held.cause,
    };

    if (held.mode == memory->told_mode && held.cause == memory->told_cause)
        return;
    memory->told_mode = held.mode;
    memory->told_cause = held.cause;
    if (world->hooks.notice)
        world->hooks.notice(world->hooks.user, &notice);
    sense_mode(world, memory, mode_is_open(held.mode));
}

/* Clocks are changed at full quarters of an hour, after which a window may be open once more. */
#define QUARTER_US (900 * USEC_PER_SEC)

#define DAY_S 86400

static int64_t earlier(int64_t at_us, int64_t now_us, int64_t next_us)
{
    return at_us > now_us && at_us < next_us ? at_us : next_us;
}

/* When to look at a schedule again: when a window opens or closes, or the clock may have been changed. */
static int64_t next_change(const struct world *world, uint32_t schedule)
{
    const struct zone *zone = policy_zone(world->policy);
    int64_t now_us = world->now.utc_us;
    int64_t next_us = (now_us / QUARTER_US + 1) * QUARTER_US;
    int32_t today = zone_local(zone, now_us).day;
    struct policy_window window;

    for (int32_t day = today - 1; day <= today; day++)
        for (uint32_t cursor = 0; policy_schedule_day_next(world->policy, schedule, day, &cursor, &window);) {
            int32_t last_day = day + (window.to_s <= window.from_s || window.to_s == DAY_S);

            next_us = earlier(zone_instant(zone, day, window.from_s), now_us, next_us);
            next_us = earlier(zone_instant(zone, last_day, window.to_s % DAY_S), now_us, next_us);
        }
    return next_us;
}

/* When a schedule of a mode opens or closes next. */
static int64_t next_mode_change(const struct world *world)
{
    int64_t next_us = INSTANT_MAX;

    for (uint32_t i = 0; memory_clock_trusted(&world->now) && i < policy_count(world->policy, ITEM_DOOR);
         i++) {
        const struct policy_door *door = policy_door(world->policy, i);

        for (size_t k = 0; k < door->mode_count; k++) {
            int64_t at_us = next_change(world, door->modes[k].schedule);

            next_us = at_us < next_us ? at_us : next_us;
        }
    }
    return next_us;
}

void advance_tell_modes(struct world *world)
{
    for (uint32_t i = 0; i < policy_count(world->policy, ITEM_DOOR); i++)
        advance_tell_mode(world, i);
    world->modes_utc_us = next_mode_change(world);
    world->told_utc_us = world->now.utc_us;
}

static void tell_due_modes(struct world *world)
{
    bool trusted = memory_clock_trusted(&world->now);

    if (world->modes_utc_us == INSTANT_MIN ||
        (trusted && (world->now.utc_us >= world->modes_utc_us || world->now.utc_us < world->told_utc_us)))
        advance_tell_modes(world);
}

/* --- The whole. --- */

static void replan(struct world *world, bool keep_earlier)
{
    plan_all_forgiveness(world, keep_earlier);
    world->forgive_utc_us = INSTANT_MIN;
    world->due_us = INT64_MIN;
    world->modes_utc_us = INSTANT_MIN;
    forgive_due(world);
    end_due(world);
    tell_due_modes(world);
}

void advance_replan(struct world *world)
{
    replan(world, false);
}

void advance_to(struct world *world, const struct timestamp *now)
{
    bool first = !world->started;
    bool clock_changed = first || memory_clock_trusted(now) != memory_clock_trusted(&world->now);
    int64_t boot_us = now->boot_us > world->now.boot_us ? now->boot_us : world->now.boot_us;

    world->now = *now;
    world->now.boot_us = boot_us;
    world->started = true;
    if (clock_changed) {
        replan(world, first);
        return;
    }
    forgive_due(world);
    end_due(world);
    tell_due_modes(world);
}
