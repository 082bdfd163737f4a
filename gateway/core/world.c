/* SPDX-License-Identifier: GPL-3.0-or-later */
/* world.c: each verb lets happen what is due, changes memory, and tells.
 *
 * A presentation is decided on a copy of its session; the copy replaces it only when everything that the
 * verdict needs has been allocated. */
#include "gateway/core/world.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/core/advance.h"
#include "gateway/core/keep.h"
#include "gateway/core/memory.h"
#include "gateway/core/mode.h"
#include "gateway/core/passage.h"
#include "gateway/core/sense.h"

static void world_freep(struct world **world)
{
    world_free(*world);
}

int world_new(const struct policy *policy, const char *boot_id, const struct world_hooks *hooks,
              struct world **ret)
{
    cleanup_with(world_freep) struct world *world = calloc(1, sizeof(*world));

    if (!world)
        return -ENOMEM;
    world->hooks = *hooks;
    snprintf(world->boot_id, sizeof(world->boot_id), "%s", boot_id);
    for (size_t i = 0; i < KEEP_VALUE_SIZE; i++)
        text_add_bytes(&world->text, "", 1);
    int r = text_error(&world->text);

    if (r == 0)
        r = memory_bind(world, policy);
    if (r < 0)
        return r;
    sense_follow(world);
    *ret = take_ptr(world);
    return 0;
}

struct world *world_free(struct world *world)
{
    if (world) {
        memory_finish(world);
        text_finish(&world->text);
        free(world);
    }
    return NULL;
}

int world_restore(struct world *world, const char *key, const char *value)
{
    assert(!world->started);
    return keep_restore(world, key, value);
}

bool world_prepare(struct world *world, const struct policy *policy, size_t people)
{
    return memory_prepare(world, policy, people);
}

int world_set_policy(struct world *world, const struct policy *policy, const struct timestamp *now)
{
    advance_to(world, now);
    int r = memory_bind(world, policy);

    if (r < 0)
        return r;
    sense_follow(world);
    advance_replan(world);
    return 0;
}

/* --- Presenting. --- */

/* Adds a credential to a session; one that is in it already only proves more. */
static void session_add(struct session *session, const struct shown *shown)
{
    struct showing *present = &session->present;
    size_t i = 0;

    while (i < present->count && (present->shown[i].type != shown->type ||
                                  memcmp(present->shown[i].hash, shown->hash, CREDENTIAL_HASH_BYTES) != 0))
        i++;
    if (i == WORLD_SESSION_MAX)
        i = present->count = 0;
    if (i == present->count)
        present->shown[present->count++] = *shown;
    else if (shown->assurance > present->shown[i].assurance)
        present->shown[i].assurance = shown->assurance;
    session->last = i;
}

/* The session at a point with this presentation in it. */
static struct session session_with(const struct world *world, uint32_t point,
                                   const struct presentation *presentation)
{
    struct session session = { 0 };
    struct shown shown = { .type = presentation->type,
                           .assurance = presentation->assurance,
                           .credential = POLICY_NONE };

    if (point != POLICY_NONE) {
        const struct session *before = &world->point_at[point]->session;

        if (world->now.boot_us < before->last_us + policy_point(world->policy, point)->factor_timeout_us)
            session = *before;
    }
    session.age_us = presentation->age_us;
    session.last_us = world->now.boot_us;
    memcpy(shown.hash, presentation->hash, sizeof(shown.hash));
    session_add(&session, &shown);
    return session;
}

/* What becomes of the session after the verdict. */
static void session_go_on(struct session *session, const struct verdict *verdict)
{
    if (verdict->kind != VERDICT_PENDING) {
        *session = (struct session){ 0 };
    } else if (verdict->reason == REASON_SECOND_PERSON_REQUIRED) {
        session->first = session->present;
        session->present.count = 0;
    }
}

static bool verdict_failed(const struct verdict *verdict, enum reason reason)
{
    bool failed = false;

    for (size_t i = 0; i < verdict->failed_count; i++)
        failed = failed || verdict->failed[i] == reason;
    return failed;
}

/* Row 5: counts a PIN that failed. */
static void count_pin(struct world *world, struct point_memory *point, const struct verdict *verdict)
{
    int64_t now_us = world->now.boot_us;
    struct world_notice notice = { .kind = WORLD_LOCKED_OUT,
                                   .door = verdict->door,
                                   .point = verdict->point,
                                   .user = POLICY_NONE,
                                   .second_user = POLICY_NONE,
                                   .area = POLICY_NONE };

    if (verdict_failed(verdict, REASON_LOCKED_OUT) ||
        (!verdict_failed(verdict, REASON_UNKNOWN_CREDENTIAL) && !verdict_failed(verdict, REASON_PIN_WRONG)))
        return;
    if (point->failure_count == PIN_FAILURES_MAX)
        memmove(point->failures_us, point->failures_us + 1, --point->failure_count * sizeof(int64_t));
    point->failures_us[point->failure_count++] = now_us;
    if (point->failure_count < PIN_FAILURES_MAX || now_us - point->failures_us[0] >= PIN_FAILURES_SPAN)
        return;
    point->locked_until = memory_moment(&world->now);
    point->locked_until.boot_us += PIN_LOCKOUT_US;
    if (point->locked_until.utc_us != INSTANT_MIN)
        point->locked_until.utc_us += PIN_LOCKOUT_US;
    keep_lockout(world, point);
    if (world->hooks.notice)
        world->hooks.notice(world->hooks.user, &notice);
}

static bool is_open_now(const struct world *world, uint32_t schedule)
{
    if (schedule == SCHEDULE_ALWAYS)
        return true;
    if (!memory_clock_trusted(&world->now))
        return false;
    struct local_time local = zone_local(policy_zone(world->policy), world->now.utc_us);

    return policy_schedule_open(world->policy, schedule, &local);
}

static bool grants_first_person(const struct world *world, const struct decision *decision,
                                const struct policy_mode_entry *entry)
{
    const struct verdict *verdict = &decision->verdict;

    return entry->first_person && entry->first_person_tag != POLICY_NONE && verdict->reason == REASON_RULE &&
           policy_point(world->policy, verdict->point)->direction == DIRECTION_ENTRY &&
           (policy_user_has_tag(world->policy, verdict->user, entry->first_person_tag) ||
            (decision->with_first &&
             policy_user_has_tag(world->policy, verdict->second_user, entry->first_person_tag)));
}

/* "4, mode schedules": the tag by which entry i of the door has waited for this grant; NULL if it has not. */
static const char *first_person_tag(const struct world *world, const struct decision *decision, size_t i)
{
    const struct policy_mode_entry *entry = &policy_door(world->policy, decision->verdict.door)->modes[i];

    if (!grants_first_person(world, decision, entry) || !is_open_now(world, entry->schedule))
        return NULL;
    return policy_id(world->policy, ITEM_TAG, entry->first_person_tag);
}

/* Returns 0 or -ENOMEM. */
static int prepare_first_person(const struct world *world, const struct decision *decision)
{
    uint32_t door = decision->verdict.door;

    for (size_t i = 0; i < policy_door(world->policy, door)->mode_count; i++) {
        const char *tag = first_person_tag(world, decision, i);

        if (tag && !memory_first_get(world->door_at[door], tag))
            return -ENOMEM;
    }
    return 0;
}

static void note_first_person(struct world *world, const struct decision *decision)
{
    struct door_memory *memory = world->door_at[decision->verdict.door];
    size_t count = policy_door(world->policy, decision->verdict.door)->mode_count;

    for (size_t i = 0; i < count; i++) {
        const char *tag = first_person_tag(world, decision, i);

        if (!tag)
            continue;
        struct first_person *first = memory_first_get(memory, tag);

        first->came = true;
        if (memory_clock_trusted(&world->now)) {
            struct local_time local = zone_local(policy_zone(world->policy), world->now.utc_us);

            first->dated = true;
            first->day = local.day;
            first->second = local.second;
        }
        keep_first_person(world, memory, first);
    }
}

/* Gives the grant what it needs first, so that it is given whole or not at all. */
static int give_grant(struct world *world, struct decision *decision)
{
    struct verdict *verdict = &decision->verdict;
    struct awaited *awaited = NULL;
    int r = passage_prepare(world, decision, &awaited);

    if (r == 0)
        r = prepare_first_person(world, decision);
    if (r < 0) {
        free(awaited);
        return r;
    }
    note_first_person(world, decision);
    if (awaited)
        verdict->grant = passage_begin(world, awaited);
    if (verdict->pulse_ms > 0) {
        struct door_memory *door = world->door_at[verdict->door];
        int64_t until_us = world->now.boot_us + verdict->pulse_ms * USEC_PER_MSEC;

        door->pulse_until_us = until_us > door->pulse_until_us ? until_us : door->pulse_until_us;
    }
    return 0;
}

/* A grant that could not be given. */
static struct verdict refused(const struct verdict *verdict)
{
    struct verdict denial = *verdict;

    denial.kind = VERDICT_DENY;
    denial.rule = denial.second_user = POLICY_NONE;
    denial.pulse_ms = 0;
    denial.limited = false;
    return denial;
}

static void session_keep(struct world *world, const struct session *session, const struct verdict *verdict)
{
    struct point_memory *memory = world->point_at[verdict->point];
    bool pin = session->present.shown[session->last].type == CREDENTIAL_PIN;

    memory->session = *session;
    session_go_on(&memory->session, verdict);
    if (pin)
        count_pin(world, memory, verdict);
}

/* Decides and, if it is a grant, gives it. */
static int decide_and_give(struct world *world, uint32_t point, const struct session *session,
                           struct verdict *ret)
{
    struct decision decision;

    decide(world, point, session, &world->now, &decision);
    if (decision.verdict.kind == VERDICT_GRANT) {
        int r = give_grant(world, &decision);

        if (r < 0) {
            *ret = refused(&decision.verdict);
            return r;
        }
        advance_tell_mode(world, decision.verdict.door);
    }
    *ret = decision.verdict;
    return 0;
}

int world_present(struct world *world, const struct presentation *presentation, const struct timestamp *now,
                  struct verdict *ret)
{
    advance_to(world, now);
    uint32_t point = policy_find(world->policy, ITEM_ACCESS_POINT, presentation->point);
    struct session session = session_with(world, point, presentation);
    int r = decide_and_give(world, point, &session, ret);

    if (r == 0 && point != POLICY_NONE)
        session_keep(world, &session, ret);
    return r;
}

int world_open(struct world *world, uint32_t point, uint32_t credential, const struct timestamp *now,
               struct verdict *ret)
{
    struct session session = { .present = { .count = 1 } };

    session.present.shown[0] = (struct shown){ .type = CREDENTIAL_MOBILE,
                                               .assurance = ASSURANCE_AUTHENTICATED,
                                               .credential = credential };
    advance_to(world, now);
    session.last_us = world->now.boot_us;
    return decide_and_give(world, point, &session, ret);
}

void world_ask(const struct world *world, uint32_t point, uint32_t credential, const struct timestamp *now,
               struct verdict *ret)
{
    struct session session; /* has much room that is not looked at */
    struct decision decision;

    session.present.shown[0] = (struct shown){ .type = policy_credential(world->policy, credential).type,
                                               .assurance = ASSURANCE_AUTHENTICATED,
                                               .credential = credential };
    session.present.count = 1;
    session.last = 0;
    session.first.count = 0;
    session.last_us = now->boot_us;
    session.age_us = 0;
    decide(world, point, &session, now, &decision);
    *ret = decision.verdict;
}

/* --- What devices and operators say. --- */

static int end_oldest(struct world *world, uint32_t door, enum direction direction)
{
    struct awaited *awaited = passage_oldest(world->door_at[door], direction);

    if (awaited)
        passage_give_up(world, awaited);
    return 0;
}

static void tell_unexpected(struct world *world, uint32_t door, enum direction direction)
{
    struct world_notice notice = { .kind = WORLD_PASSED,
                                   .door = door,
                                   .point = POLICY_NONE,
                                   .user = POLICY_NONE,
                                   .second_user = POLICY_NONE,
                                   .area = POLICY_NONE,
                                   .direction = direction };

    if (world->hooks.notice)
        world->hooks.notice(world->hooks.user, &notice);
}

int world_passage(struct world *world, uint32_t door, enum direction direction, int64_t count,
                  const struct timestamp *now)
{
    struct door_memory *memory = world->door_at[door];
    struct awaited *awaited;

    advance_to(world, now);
    for (; count > 0 && (awaited = passage_oldest(memory, direction)); count--) {
        sense_passed(world, memory, direction, awaited->grant);
        passage_confirm(world, awaited);
    }
    for (int64_t i = 0; i < count; i++)
        tell_unexpected(world, door, direction);
    sense_followed(world, memory, direction, count);
    return 0;
}

int world_no_passage(struct world *world, uint32_t door, enum direction direction,
                     const struct timestamp *now)
{
    advance_to(world, now);
    return end_oldest(world, door, direction);
}

int world_no_passage_any(struct world *world, uint32_t door, const struct timestamp *now)
{
    advance_to(world, now);
    return end_oldest(world, door, DIRECTIONS);
}

bool world_awaits(const struct world *world, uint64_t grant)
{
    return passage_find(world, grant) != NULL;
}

int world_release_failed(struct world *world, uint64_t grant, const struct timestamp *now)
{
    advance_to(world, now);
    struct awaited *awaited = passage_find(world, grant);

    if (awaited)
        passage_give_up(world, awaited);
    return 0;
}

int world_released(struct world *world, uint32_t door, int64_t pulse_ms, bool extended,
                   const struct timestamp *now)
{
    advance_to(world, now);
    sense_released(world, world->door_at[door], pulse_ms, extended);
    return 0;
}

int world_release_lasts(struct world *world, uint32_t door, int64_t pulse_ms, const struct timestamp *now)
{
    advance_to(world, now);
    sense_release_lasts(world, world->door_at[door], pulse_ms);
    return 0;
}

int world_locked(struct world *world, uint32_t door, const struct timestamp *now)
{
    advance_to(world, now);
    sense_locked(world, world->door_at[door]);
    return 0;
}

int world_not_locked(struct world *world, uint32_t door, const struct timestamp *now)
{
    advance_to(world, now);
    sense_not_locked(world->door_at[door]);
    return 0;
}

int world_input(struct world *world, uint32_t door, const struct world_sensed *sensed,
                const struct timestamp *now)
{
    advance_to(world, now);
    int news = sense_input(world, world->door_at[door], sensed);

    if (sensed->input == WORLD_INPUT_FIRE)
        advance_tell_mode(world, door);
    return news;
}

void world_no_fire(struct world *world, const char *place, bool is_target, const struct timestamp *now)
{
    advance_to(world, now);
    sense_no_fire(world, place, is_target);
    advance_tell_modes(world);
}

int world_lock(struct world *world, uint32_t door, enum door_lock lock, const struct timestamp *now)
{
    advance_to(world, now);
    return sense_lock(world, world->door_at[door], lock);
}

void world_contact_lost(struct world *world, uint32_t door)
{
    sense_contact_lost(world, world->door_at[door]);
}

void world_device_lost(struct world *world, uint32_t door)
{
    sense_lost(world, world->door_at[door]);
}

void world_reader_lost(struct world *world, uint32_t door, const char *reader)
{
    sense_reader_lost(world->door_at[door], reader);
}

int world_mode(struct world *world, uint32_t door, enum door_mode mode, int64_t until_us,
               const struct timestamp *now)
{
    struct door_memory *memory = world->door_at[door];

    advance_to(world, now);
    bool dated = until_us != BOOT_NEVER && memory_clock_trusted(&world->now);

    memory->override = until_us > world->now.boot_us ? mode : DOOR_MODES;
    memory->override_until =
        (struct moment){ .boot_us = until_us,
                         .utc_us =
                             dated ? world->now.utc_us + (until_us - world->now.boot_us) : INSTANT_MIN };
    keep_override(world, memory);
    if (until_us < world->due_us)
        world->due_us = until_us;
    advance_tell_mode(world, door);
    return 0;
}

int world_lockdown(struct world *world, uint32_t door, bool on, const struct timestamp *now)
{
    struct door_memory *memory = door == POLICY_NONE ? NULL : world->door_at[door];

    advance_to(world, now);
    *(memory ? &memory->locked_down : &world->lockdown) = on;
    keep_lockdown(world, memory);
    advance_tell_modes(world);
    return 0;
}

int world_forgive(struct world *world, uint32_t user, const struct timestamp *now)
{
    struct world_notice notice = { .kind = WORLD_FORGIVEN,
                                   .door = POLICY_NONE,
                                   .point = POLICY_NONE,
                                   .user = user,
                                   .second_user = POLICY_NONE,
                                   .area = POLICY_NONE };

    advance_to(world, now);
    struct person_memory *person = memory_person(world, user);

    if (user == POLICY_NONE) {
        memory_forgive_area(world, NULL);
        keep_forgiven(world);
    } else if (person) {
        memory_forgive_person(world, person);
        keep_person(world, person);
    }
    if (world->hooks.notice)
        world->hooks.notice(world->hooks.user, &notice);
    return 0;
}

int world_advance(struct world *world, const struct timestamp *now)
{
    advance_to(world, now);
    return 0;
}

int64_t world_due(const struct world *world, const struct timestamp *now)
{
    int64_t utc_us =
        world->forgive_utc_us < world->modes_utc_us ? world->forgive_utc_us : world->modes_utc_us;
    int64_t due_us = world->due_us;

    if (!memory_clock_trusted(now) || utc_us == INSTANT_MAX)
        return due_us;
    int64_t left_us = utc_us > now->utc_us ? utc_us - now->utc_us : 0; /* INSTANT_MIN: not planned yet */

    return now->boot_us + left_us < due_us ? now->boot_us + left_us : due_us;
}
