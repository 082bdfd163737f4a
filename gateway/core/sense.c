/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sense.c: nothing here decides who may pass. The contact's transitions are the table of door.c; the other
 * inputs are alarms for as long as any place of the door says so. */
#include "gateway/core/sense.h"

#include <string.h>

#include "gateway/core/keep.h"
#include "gateway/core/mode.h"
#include "gateway/core/passage.h"

enum door_command sense_command(const struct door_memory *door, const struct timestamp *now)
{
    if (mode_is_open(door->told_mode))
        return DOOR_FREED;
    return door->awaited || now->boot_us < door->released_until_us ? DOOR_RELEASED : DOOR_LOCKED;
}

/* Nothing is told of a door that is not in the policy. */
static void tell(struct world *world, const struct door_memory *door, struct world_notice notice)
{
    if (door->index == POLICY_NONE)
        return;
    notice.door = door->index;
    notice.point = notice.user = notice.second_user = notice.area = POLICY_NONE;
    if (world->hooks.notice)
        world->hooks.notice(world->hooks.user, &notice);
}

/* --- Alarms. --- */

#define FIRE_BIT      (1u << DOOR_ALARM_FIRE)
#define REX_STUCK_BIT (1u << DOOR_ALARM_REX_STUCK)

static void change_alarm(struct world *world, struct door_memory *door, struct world_notice notice)
{
    struct alarm_memory *memory = &door->alarms[notice.alarm];

    if (memory->on == notice.on)
        return;
    memory->on = notice.on;
    memory->since = memory_moment(&world->now);
    keep_alarm(world, door, notice.alarm);
    notice.kind = WORLD_ALARM;
    tell(world, door, notice);
}

static void set_alarm(struct world *world, struct door_memory *door, enum door_alarm alarm, bool on)
{
    change_alarm(world, door, (struct world_notice){ .alarm = alarm, .on = on });
}

/* --- The table's acts. --- */

static void soon(struct world *world, int64_t at_us)
{
    if (at_us < world->due_us)
        world->due_us = at_us;
}

static int64_t held_us(const struct world *world, const struct door_memory *door)
{
    const struct policy_door *policy = policy_door(world->policy, door->index);

    return (door->extended ? policy->extended_held_ms : policy->held_ms) * USEC_PER_MSEC;
}

/* Share of the time that a door may be open, after which it is warned of; 100: not at all. */
static int64_t warning_us(const struct world *world, const struct door_memory *door)
{
    int64_t percent = policy_door(world->policy, door->index)->held_warn_percent;

    return held_us(world, door) / 100 * percent;
}

/* When the table is to be asked next, and what; BOOT_NEVER: it is not. */
static int64_t table_due(const struct world *world, const struct door_memory *door,
                         enum door_input *ret_input)
{
    bool warns = door->phase == DOOR_OPEN && policy_door(world->policy, door->index)->held_warn_percent < 100;

    if (door->phase != DOOR_OPEN && door->phase != DOOR_WARNED)
        return BOOT_NEVER;
    *ret_input = warns ? DOOR_WARNING_DUE : DOOR_HELD_DUE;
    return door->open_since_us + (warns ? warning_us(world, door) : held_us(world, door));
}

/* A release that the door was opened by is to end as soon as it is shut. */
static void relock(struct world *world, struct door_memory *door)
{
    if (!door->used || door->vehicle || world->now.boot_us >= door->released_until_us ||
        !policy_door(world->policy, door->index)->relock_on_close)
        return;
    door->locks = true;
    tell(world, door, (struct world_notice){ .kind = WORLD_RELOCKED });
}

static void step(struct world *world, struct door_memory *door, enum door_input input)
{
    struct door_step next = door_step(door->phase, input);

    door->phase = next.phase;
    if (next.acts & DOOR_STARTS) {
        door->open_since_us = world->now.boot_us;
        soon(world, table_due(world, door, &input));
    }
    if (next.acts & DOOR_WARNS)
        tell(world, door, (struct world_notice){ .kind = WORLD_HELD_SOON });
    if (next.acts & (DOOR_RAISES_HELD | DOOR_ENDS_HELD))
        set_alarm(world, door, DOOR_ALARM_HELD, next.acts & DOOR_RAISES_HELD);
    if (next.acts & (DOOR_RAISES_FORCED | DOOR_ENDS_FORCED))
        set_alarm(world, door, DOOR_ALARM_FORCED, next.acts & DOOR_RAISES_FORCED);
    if (next.acts & DOOR_RELOCKS)
        relock(world, door);
}

/* --- Inputs. --- */

/* Whether what opens it is a release, that may just have ended. */
static bool follows_release(const struct world *world, const struct door_memory *door)
{
    return door->awaited || world->now.boot_us < door->released_until_us + SENSE_GRACE_US;
}

/* Whether somebody goes out by the button. */
static bool is_excused(const struct world *world, const struct door_memory *door)
{
    bool pressed = door->alarms[DOOR_ALARM_REX_STUCK].on;

    for (size_t i = 0; i < DOOR_PLACES_MAX; i++)
        pressed |= door->places[i].button == DOOR_BUTTON_PRESSED;
    return pressed || world->now.boot_us < door->excused_until_us + SENSE_GRACE_US;
}

/* Whether a lock in this state keeps no door shut. */
static bool lets_open(enum door_lock lock)
{
    return lock == DOOR_LOCK_UNLOCKED || lock == DOOR_LOCK_MOVING;
}

/* Whether somebody may have unlocked it by hand, by key, or at the lock itself. */
static bool is_unlocked(const struct world *world, const struct door_memory *door)
{
    return lets_open(door->lock) || world->now.boot_us < door->unlocked_until_us + SENSE_GRACE_US;
}

static void opens(struct world *world, struct door_memory *door)
{
    bool released = follows_release(world, door);
    bool allowed = released || is_excused(world, door) || is_unlocked(world, door);

    door->used = true;
    door->extended = door->extended && released;
    if (mode_is_open(door->told_mode))
        step(world, door, DOOR_OPENS_FREED);
    else
        step(world, door, allowed ? DOOR_OPENS_RELEASED : DOOR_OPENS_LOCKED);
}

static bool sense_contact(struct world *world, struct door_memory *door, bool open)
{
    struct awaited *awaited = passage_oldest(door, DIRECTIONS);
    bool news = door_contact(door->phase) != open;

    if (!open) {
        step(world, door, DOOR_SHUTS);
        return news;
    }
    if (!news)
        return false;
    opens(world, door);
    if (awaited && policy_door(world->policy, door->index)->kind != DOOR_KIND_TURNSTILE)
        passage_confirm(world, awaited);
    return true;
}

static bool is_said(const struct door_memory *door, enum door_alarm alarm)
{
    unsigned said = 0;

    for (size_t i = 0; i < DOOR_PLACES_MAX; i++)
        said |= door->places[i].alarms;
    return said >> alarm & 1;
}

static void say(struct world *world, struct door_memory *door, struct door_place *place, unsigned alarms)
{
    unsigned changed = place->alarms ^ alarms;

    place->alarms = alarms;
    for (enum door_alarm alarm = 0; alarm < DOOR_ALARMS; alarm++)
        if (changed >> alarm & 1)
            keep_place(world, door, place, alarm);
}

/* A button that was not seen to be let go, here or since its device came up, may be stuck: nobody presses it.
 */
static int sense_rex(struct world *world, struct door_memory *door, const struct world_sensed *sensed)
{
    struct door_place *place = memory_place_of(door, sensed->reader) ?: &door->places[0];
    enum door_button before = place->button;

    place->button = sensed->value ? DOOR_BUTTON_PRESSED : DOOR_BUTTON_READY;
    if (!sensed->value) {
        say(world, door, place, place->alarms & ~REX_STUCK_BIT);
        set_alarm(world, door, DOOR_ALARM_REX_STUCK, is_said(door, DOOR_ALARM_REX_STUCK));
        return before == DOOR_BUTTON_PRESSED;
    }
    door->excused_until_us =
        world->now.boot_us + policy_door(world->policy, door->index)->pulse_ms * USEC_PER_MSEC;
    if (before == DOOR_BUTTON_PRESSED)
        return 0;
    place->pressed_us = world->now.boot_us;
    soon(world, place->pressed_us + SENSE_REX_STUCK_US);
    return before == DOOR_BUTTON_READY ? WORLD_PRESSED : 1;
}

static bool sense_alarm(struct world *world, struct door_memory *door, enum door_alarm alarm,
                        const struct world_sensed *sensed)
{
    struct door_place *place = memory_place_of(door, sensed->reader);
    unsigned bit = 1u << alarm;

    if (place)
        say(world, door, place, sensed->value ? place->alarms | bit : place->alarms & ~bit);
    bool on = sensed->value || is_said(door, alarm);
    bool news = door->alarms[alarm].on != on;

    set_alarm(world, door, alarm, on);
    return news;
}

static bool sense_vehicle(struct door_memory *door, bool there)
{
    bool news = door->vehicle != there;

    door->vehicle = there;
    return news;
}

int sense_input(struct world *world, struct door_memory *door, const struct world_sensed *sensed)
{
    switch (sensed->input) { /* GCOVR_EXCL_BR_LINE: it names every value */
    case WORLD_INPUT_CONTACT:
        return sense_contact(world, door, sensed->value);
    case WORLD_INPUT_REX:
        return sense_rex(world, door, sensed);
    case WORLD_INPUT_TAMPER:
        return sense_alarm(world, door, DOOR_ALARM_TAMPER, sensed);
    case WORLD_INPUT_FIRE:
        return sense_alarm(world, door, DOOR_ALARM_FIRE, sensed);
    case WORLD_INPUT_OBSTACLE:
        return sense_alarm(world, door, DOOR_ALARM_OBSTACLE, sensed);
    case WORLD_INPUT_JAMMED:
        return sense_alarm(world, door, DOOR_ALARM_JAMMED, sensed);
    case WORLD_INPUT_VEHICLE:
        break;
    }
    return sense_vehicle(door, sensed->value);
}

static void lock_is(struct world *world, struct door_memory *door, enum door_lock lock)
{
    if (lets_open(door->lock))
        door->unlocked_until_us = world->now.boot_us;
    door->lock = lock;
}

/* What a barrier or a turnstile calls its lock is how it stands: the boom that was lifted is "unlocked". */
bool sense_lock(struct world *world, struct door_memory *door, enum door_lock lock)
{
    bool settles = lock == DOOR_LOCK_LOCKED || lock == DOOR_LOCK_UNLOCKED;
    bool news = settles && lock != door->settled;

    if (policy_door(world->policy, door->index)->kind != DOOR_KIND_DOOR)
        return false;
    lock_is(world, door, lock);
    if (settles)
        door->settled = lock;
    return news;
}

static void forget_lock(struct door_memory *door)
{
    door->lock = door->settled = DOOR_LOCK_UNKNOWN;
    door->unlocked_until_us = 0;
}

void sense_contact_lost(struct world *world, struct door_memory *door)
{
    step(world, door, DOOR_IS_LOST);
}

static void lose_button(struct door_place *place)
{
    if (place->button == DOOR_BUTTON_READY)
        place->button = DOOR_BUTTON_UNKNOWN;
}

void sense_lost(struct world *world, struct door_memory *door)
{
    lose_button(&door->places[0]);
    lock_is(world, door, DOOR_LOCK_UNKNOWN);
    sense_contact_lost(world, door);
}

void sense_reader_lost(struct door_memory *door, const char *reader)
{
    for (size_t i = 1; i < DOOR_PLACES_MAX; i++)
        if (strcmp(door->places[i].id, reader) == 0)
            lose_button(&door->places[i]);
}

/* --- Another policy. --- */

/* The door that has a place but its own target now, or POLICY_NONE. */
static uint32_t door_at(const struct world *world, const struct door_place *place)
{
    if (place->left)
        return policy_door_of_target(world->policy, place->id);
    uint32_t point = policy_point_of_reader(world->policy, place->id);

    return point == POLICY_NONE ? POLICY_NONE : policy_point(world->policy, point)->door;
}

/* The target is another one, or another device's. */
static bool is_moved(const struct door_memory *door, const char *target, const char *device)
{
    return door->target[0] && (strcmp(door->target, target) != 0 || strcmp(door->device, device) != 0);
}

/* Ends the alarms that nobody says any more, of those that somebody said who is gone. What is still in force
 * without anybody who says so is fire, which no policy ends. */
static void end_unsaid(struct world *world, struct door_memory *door, unsigned gone)
{
    for (enum door_alarm alarm = 0; alarm < DOOR_ALARMS; alarm++)
        if (gone >> alarm & 1 && !is_said(door, alarm))
            change_alarm(world, door, (struct world_notice){ .alarm = alarm, .unsaid = true });
}

/* Fire at a target that is not the door's any more is said there still. */
static void leave_fire(struct world *world, struct door_memory *door)
{
    struct door_place *target = &door->places[0];
    struct door_place *left = target->alarms & FIRE_BIT ? memory_left_place(door, door->target) : NULL;

    if (left)
        say(world, door, left, FIRE_BIT);
    say(world, door, target, target->alarms & ~FIRE_BIT);
}

/* Alarms that were restored without who said them are taken for the target's. */
static unsigned leave_target(struct world *world, struct door_memory *door)
{
    leave_fire(world, door);
    sense_lost(world, door);
    forget_lock(door);
    door->places[0].button = DOOR_BUTTON_UNKNOWN;
    door->vehicle = false;
    say(world, door, &door->places[0], 0);
    return 1u << DOOR_ALARM_TAMPER | 1u << DOOR_ALARM_OBSTACLE | 1u << DOOR_ALARM_JAMMED | REX_STUCK_BIT;
}

static void follow_door(struct world *world, struct door_memory *door)
{
    const struct policy_door *policy = policy_door(world->policy, door->index);
    const char *device =
        policy->device == POLICY_NONE ? "" : policy_device(world->policy, policy->device)->id;
    unsigned gone = is_moved(door, policy->target, device) ? leave_target(world, door) : 0;

    if (policy->kind != DOOR_KIND_DOOR)
        forget_lock(door);
    for (size_t i = 1; i < DOOR_PLACES_MAX; i++) {
        struct door_place *place = &door->places[i];

        if (door_at(world, place) == door->index)
            continue;
        place->button = DOOR_BUTTON_UNKNOWN;
        gone |= place->alarms & ~FIRE_BIT;
        say(world, door, place, place->alarms & FIRE_BIT);
    }
    end_unsaid(world, door, gone);
    text_copy(door->target, sizeof(door->target), policy->target);
    text_copy(door->device, sizeof(door->device), device);
}

/* A door that has a place now where fire was said before is in that fire. */
static void hand_fire_on(struct world *world, const struct door_place *place)
{
    uint32_t index = place->alarms & FIRE_BIT ? door_at(world, place) : POLICY_NONE;

    if (index == POLICY_NONE)
        return;
    struct door_memory *door = world->door_at[index];
    struct door_place *own = memory_place_of(door, place->left ? NULL : place->id);

    if (own)
        say(world, door, own, own->alarms | FIRE_BIT);
    change_alarm(world, door, (struct world_notice){ .alarm = DOOR_ALARM_FIRE, .on = true, .unsaid = true });
}

void sense_follow(struct world *world)
{
    for (struct door_memory *door = NULL; (door = table_next(&world->doors, door));)
        if (door->index != POLICY_NONE)
            follow_door(world, door);
        else
            leave_fire(world, door);
    for (struct door_memory *door = NULL; (door = table_next(&world->doors, door));)
        for (size_t i = 1; i < DOOR_PLACES_MAX; i++)
            hand_fire_on(world, &door->places[i]);
}

void sense_no_fire(struct world *world, const char *place, bool is_target)
{
    for (struct door_memory *door = NULL; (door = table_next(&world->doors, door));)
        for (size_t i = 1; i < DOOR_PLACES_MAX; i++) {
            struct door_place *said = &door->places[i];

            if (!(said->alarms & FIRE_BIT) || said->left != is_target || strcmp(said->id, place) != 0)
                continue;
            say(world, door, said, said->alarms & ~FIRE_BIT);
            end_unsaid(world, door, FIRE_BIT);
        }
}

/* --- Commands. --- */

void sense_release_lasts(struct world *world, struct door_memory *door, int64_t pulse_ms)
{
    int64_t until_us = world->now.boot_us + pulse_ms * USEC_PER_MSEC;

    if (until_us > door->released_until_us && !door->locks)
        door->released_until_us = until_us;
}

void sense_released(struct world *world, struct door_memory *door, int64_t pulse_ms, bool extended)
{
    door->locks = false;
    sense_release_lasts(world, door, pulse_ms);
    door->extended = extended;
    door->used = false;
    step(world, door, DOOR_IS_RELEASED);
}

void sense_locked(struct world *world, struct door_memory *door)
{
    if (door->locks && world->now.boot_us < door->released_until_us)
        door->released_until_us = world->now.boot_us;
    door->locks = false;
}

void sense_not_locked(struct door_memory *door)
{
    door->locks = false;
}

void sense_mode(struct world *world, struct door_memory *door, bool opens)
{
    step(world, door, opens ? DOOR_IS_FREED : DOOR_IS_SECURED);
}

/* --- People. --- */

void sense_passed(struct world *world, struct door_memory *door, enum direction direction, uint64_t grant)
{
    int64_t over_us = policy_door(world->policy, door->index)->passage_timeout_ms * USEC_PER_MSEC;

    door->followed[direction] = (struct followed){ .grant = grant, .until_us = world->now.boot_us + over_us };
}

void sense_followed(struct world *world, struct door_memory *door, enum direction direction, int64_t count)
{
    const struct followed *followed = &door->followed[direction];

    if (count == 0 || world->now.boot_us >= followed->until_us || mode_is_open(door->told_mode) ||
        mode_free(policy_door(world->policy, door->index), door->told_mode) == direction)
        return;
    tell(world, door,
         (struct world_notice){
             .kind = WORLD_TAILGATED, .direction = direction, .grant = followed->grant, .count = count });
}

/* --- Time. --- */

/* When it will be stuck, unless it is; BOOT_NEVER: it will not. */
static int64_t time_out_button(struct world *world, struct door_memory *door, struct door_place *place)
{
    int64_t stuck_us = place->pressed_us + SENSE_REX_STUCK_US;

    if (place->button != DOOR_BUTTON_PRESSED || place->alarms & REX_STUCK_BIT)
        return BOOT_NEVER;
    if (stuck_us > world->now.boot_us)
        return stuck_us;
    say(world, door, place, place->alarms | REX_STUCK_BIT);
    set_alarm(world, door, DOOR_ALARM_REX_STUCK, true);
    return BOOT_NEVER;
}

static void bring_forward(int64_t *due_us, int64_t at_us)
{
    if (at_us < *due_us)
        *due_us = at_us;
}

void sense_time_out(struct world *world, struct door_memory *door, int64_t *due_us)
{
    enum door_input input;
    int64_t at_us;

    if (door->index == POLICY_NONE)
        return;
    while ((at_us = table_due(world, door, &input)) <= world->now.boot_us)
        step(world, door, input);
    bring_forward(due_us, at_us);
    for (size_t i = 0; i < DOOR_PLACES_MAX; i++)
        bring_forward(due_us, time_out_button(world, door, &door->places[i]));
}
