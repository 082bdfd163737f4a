/* SPDX-License-Identifier: GPL-3.0-or-later */
/* passage.c: every grant is an awaited one, if only for a moment: where the passage is assumed it is
 * confirmed as soon as it has begun. So there is one way in (reserve), and two ways out (confirm, give up).
 */
#include "gateway/core/passage.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "gateway/core/keep.h"

static int prepare_person(struct world *world, struct awaited *awaited, uint32_t user, bool by_rule)
{
    int i = awaited->people[0] ? 1 : 0;
    struct person_memory *person = memory_person_get(world, policy_id(world->policy, ITEM_USER, user));

    if (!person)
        return -ENOMEM;
    awaited->people[i] = person;
    if (awaited->to && !memory_place_get(person, awaited->to))
        return -ENOMEM;
    if (by_rule)
        awaited->released[i] = memory_release_get(person, awaited->door, awaited->direction);
    return by_rule && !awaited->released[i] ? -ENOMEM : 0;
}

static int prepare_credentials(struct world *world, struct awaited *awaited, const struct party *party)
{
    for (size_t i = 0; i < party->showing->count; i++) {
        struct credential_memory *credential =
            memory_credential_get(world, policy_id(world->policy, ITEM_CREDENTIAL, party->found[i]));

        if (!credential)
            return -ENOMEM;
        awaited->credentials[awaited->credential_count++] = credential;
    }
    return 0;
}

static int prepare_party(struct world *world, struct awaited *awaited, const struct party *party,
                         bool by_rule)
{
    int r = prepare_person(world, awaited, party->user, by_rule);

    return r < 0 || !by_rule ? r : prepare_credentials(world, awaited, party);
}

int passage_prepare(struct world *world, const struct decision *decision, struct awaited **ret_awaited)
{
    const struct verdict *verdict = &decision->verdict;
    const struct party *present = &decision->present;
    const struct policy_point *point = policy_point(world->policy, verdict->point);
    bool by_rule = verdict->reason == REASON_RULE;

    if (present->user == POLICY_NONE || present->pin_wrong || present->different) {
        *ret_awaited = NULL;
        return 0;
    }
    cleanup_with(freep) struct awaited *awaited = calloc(1, sizeof(*awaited));
    if (!awaited)
        return -ENOMEM;
    awaited->door = world->door_at[verdict->door];
    awaited->point = world->point_at[verdict->point];
    awaited->direction = point->direction;
    awaited->to = point->from == point->to ? NULL : memory_area(world, point->to);

    int r = prepare_party(world, awaited, present, by_rule);

    if (r == 0 && decision->with_first)
        r = prepare_party(world, awaited, &decision->first, by_rule);
    if (r == 0)
        *ret_awaited = take_ptr(awaited);
    return r;
}

/* The person at one of the two places of a grant: what the grant reserves, and gives back. */
static void reserve_person(struct world *world, struct awaited *awaited, int i)
{
    struct release *release = awaited->released[i];

    if (awaited->to)
        memory_reserve(world, awaited->people[i], awaited->to);
    if (!release)
        return;
    awaited->before[i] = *release;
    release->counts = true;
    release->at = memory_moment(&world->now);
    keep_release(world, awaited->people[i], release);
}

static void give_back_place(struct world *world, struct awaited *awaited, int i)
{
    if (awaited->to)
        memory_unreserve(world, awaited->people[i], awaited->to);
}

static void give_back_person(struct world *world, struct awaited *awaited, int i)
{
    struct release *release = awaited->released[i];

    give_back_place(world, awaited, i);
    if (!release)
        return;
    release->counts = awaited->before[i].counts;
    release->at = awaited->before[i].at;
    keep_release(world, awaited->people[i], release);
}

static void confirm_person(struct world *world, struct awaited *awaited, int i)
{
    struct person_memory *person = awaited->people[i];

    if (!awaited->to)
        return;
    memory_unreserve(world, person, awaited->to);
    memory_record(world, person, awaited->to, ++world->serial);
    person->moved = memory_moment(&world->now);
    keep_person(world, person);
}

static void each_person(struct world *world, struct awaited *awaited,
                        void (*act)(struct world *world, struct awaited *awaited, int i))
{
    for (int i = 0; i < 2 && awaited->people[i]; i++)
        act(world, awaited, i);
}

static void unlink_awaited(struct awaited *awaited)
{
    struct awaited **place = &awaited->door->awaited;

    while (*place != awaited)
        place = &(*place)->next;
    *place = awaited->next;
}

static void end_awaited(struct world *world, struct awaited *awaited,
                        void (*give_back)(struct world *world, struct awaited *awaited, int i))
{
    unlink_awaited(awaited);
    for (size_t i = 0; i < awaited->credential_count; i++) {
        awaited->credentials[i]->reserved--;
        keep_credential(world, awaited->credentials[i]);
    }
    each_person(world, awaited, give_back);
    free(awaited);
}

/* Nobody passed: the release no longer counts for MIN_INTERVAL either. */
static void give_up(struct world *world, struct awaited *awaited)
{
    end_awaited(world, awaited, give_back_person);
}

static bool concerns(const struct awaited *awaited, const struct person_memory *person)
{
    return person && (awaited->people[0] == person || awaited->people[1] == person);
}

/* "A new grant to a user replaces his awaited one at the same door and direction." That one's release was
 * one. */
static void replace(struct world *world, const struct awaited *newer)
{
    for (struct awaited *older = newer->door->awaited, *next; older; older = next) {
        next = older->next;
        if (older->direction == newer->direction &&
            (concerns(older, newer->people[0]) || concerns(older, newer->people[1])))
            end_awaited(world, older, give_back_place);
    }
}

static void confirm(struct world *world, struct awaited *awaited)
{
    unlink_awaited(awaited);
    for (size_t i = 0; i < awaited->credential_count; i++) {
        awaited->credentials[i]->reserved--;
        awaited->credentials[i]->used++;
        keep_credential(world, awaited->credentials[i]);
    }
    each_person(world, awaited, confirm_person);
    free(awaited);
}

uint64_t passage_begin(struct world *world, struct awaited *awaited)
{
    const struct policy_door *policy_of = policy_door(world->policy, awaited->door->index);
    struct door_memory *door = awaited->door;
    struct awaited **last = &door->awaited;
    uint64_t grant = ++world->grants;

    replace(world, awaited);
    while (*last)
        last = &(*last)->next;
    *last = awaited;
    awaited->grant = grant;
    awaited->until_us = world->now.boot_us + policy_of->passage_timeout_ms * USEC_PER_MSEC;
    each_person(world, awaited, reserve_person);
    for (size_t i = 0; i < awaited->credential_count; i++)
        awaited->credentials[i]->reserved++;
    if (!policy_of->sensed) {
        confirm(world, awaited);
        return grant;
    }
    for (size_t i = 0; i < awaited->credential_count; i++)
        keep_credential(world, awaited->credentials[i]);
    if (awaited->until_us < world->due_us)
        world->due_us = awaited->until_us;
    return grant;
}

static void notify(struct world *world, const struct awaited *awaited, enum world_notice_kind kind)
{
    const struct person_memory *second = awaited->people[1];
    struct world_notice notice = {
        .kind = kind,
        .door = awaited->door->index,
        .point = awaited->point->index,
        .user = policy_find(world->policy, ITEM_USER, awaited->people[0]->node.id),
        .second_user = second ? policy_find(world->policy, ITEM_USER, second->node.id) : POLICY_NONE,
        .area = awaited->to ? awaited->to->index : POLICY_NONE,
        .direction = awaited->direction,
        .grant = awaited->grant,
    };

    if (world->hooks.notice)
        world->hooks.notice(world->hooks.user, &notice);
}

void passage_confirm(struct world *world, struct awaited *awaited)
{
    notify(world, awaited, WORLD_PASSED);
    confirm(world, awaited);
}

void passage_give_up(struct world *world, struct awaited *awaited)
{
    notify(world, awaited, WORLD_NOT_PASSED);
    give_up(world, awaited);
}

void passage_time_out(struct world *world, struct door_memory *door, int64_t *due_us)
{
    for (struct awaited *awaited = door->awaited, *next; awaited; awaited = next) {
        next = awaited->next;
        if (awaited->until_us <= world->now.boot_us)
            passage_give_up(world, awaited);
        else if (awaited->until_us < *due_us)
            *due_us = awaited->until_us;
    }
}

struct awaited *passage_oldest(const struct door_memory *door, enum direction direction)
{
    struct awaited *awaited = door->awaited;

    while (awaited && direction != DIRECTIONS && awaited->direction != direction)
        awaited = awaited->next;
    return awaited;
}

struct awaited *passage_find(const struct world *world, uint64_t grant)
{
    for (const struct door_memory *door = NULL; (door = table_next(&world->doors, door));)
        for (struct awaited *awaited = door->awaited; awaited; awaited = awaited->next)
            if (awaited->grant == grant)
                return awaited;
    return NULL;
}
