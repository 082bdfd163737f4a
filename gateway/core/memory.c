/* SPDX-License-Identifier: GPL-3.0-or-later */
/* memory.c: records, and the counting of people in areas.
 *
 * Who counts in an area is the union of who is recorded there and who has a place reserved; an area keeps the
 * two numbers `recorded` and `expected` (reserved, not recorded), so that a decision counts nobody, and what
 * they come to once nobody is recorded there. Each change of a person therefore takes the person off the
 * counts and puts the person on again.
 *
 * People who are no users of a policy count for nothing in it, so each policy has its own counts. Those of
 * the next one come about person by person, beside the ones in force, and every change goes to both; turning
 * to it then depends on no number of people.
 */
#include "gateway/core/memory.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int64_t memory_boot_us(const struct moment *moment, const struct timestamp *now)
{
    if (!moment->earlier || moment->utc_us == INSTANT_MIN || !memory_clock_trusted(now))
        return moment->boot_us;
    int64_t boot_us = now->boot_us + (moment->utc_us - now->utc_us);

    return boot_us < moment->boot_us ? boot_us : moment->boot_us;
}

struct moment memory_moment(const struct timestamp *now)
{
    return (struct moment){ .boot_us = now->boot_us,
                            .utc_us = memory_clock_trusted(now) ? now->utc_us : INSTANT_MIN };
}

struct area_memory *memory_area(const struct world *world, uint32_t area)
{
    return area == AREA_OUTSIDE ? world->outside : world->area_at[area];
}

struct person_memory *memory_person(const struct world *world, uint32_t user)
{
    return user == POLICY_NONE ? NULL : table_find(&world->people, policy_id(world->policy, ITEM_USER, user));
}

/* The area of the last record, if it was not forgiven since. */
static struct area_memory *recorded_area(const struct world *world, const struct person_memory *person)
{
    struct area_memory *area = person->area;

    return area && person->serial > area->forgiven && person->serial > world->forgiven ? area : NULL;
}

const struct area_memory *memory_whereabouts(const struct world *world, const struct person_memory *person)
{
    const struct area_memory *area = person ? recorded_area(world, person) : NULL;

    return area && area->index != POLICY_NONE ? area : NULL;
}

static bool is_known(const struct person_memory *person, uint32_t turn)
{
    return person->known[turn_side(turn)] == turn;
}

static bool has_place(const struct person_memory *person, const struct area_memory *area)
{
    const struct place *place = person->places;

    while (place && place->area != area)
        place = place->next;
    return place && place->count > 0;
}

bool memory_is_counted(const struct world *world, const struct person_memory *person,
                       const struct area_memory *area)
{
    return person && (recorded_area(world, person) == area || has_place(person, area));
}

int64_t memory_uses(const struct world *world, const char *credential)
{
    const struct credential_memory *memory = table_find(&world->credentials, credential);

    return memory ? memory->used + memory->reserved : 0;
}

static struct release *find_release(const struct person_memory *person, const struct door_memory *door,
                                    enum direction direction)
{
    struct release *release = person ? person->releases : NULL;

    while (release && (release->door != door || release->direction != direction))
        release = release->next;
    return release;
}

const struct release *memory_release(const struct person_memory *person, const struct door_memory *door,
                                     enum direction direction)
{
    const struct release *release = find_release(person, door, direction);

    return release && release->counts ? release : NULL;
}

/* --- Records. --- */

struct area_memory *memory_area_get(struct world *world, const char *id)
{
    size_t count = world->areas.count;
    struct area_memory *area = table_get(&world->areas, id, sizeof(*area));

    if (area && world->areas.count > count) {
        area->index = POLICY_NONE;
        area->forgive_utc_us = INSTANT_MAX;
    }
    return area;
}

/* Notes whether a policy has the person as a user. */
static void know(struct person_memory *person, const struct policy *policy, uint32_t turn)
{
    if (policy_find(policy, ITEM_USER, person->node.id) != POLICY_NONE)
        person->known[turn_side(turn)] = turn;
}

struct person_memory *memory_person_get(struct world *world, const char *id)
{
    size_t count = world->people.count;
    struct person_memory *person = table_get(&world->people, id, sizeof(*person));

    if (person && world->people.count > count)
        know(person, world->policy, world->turn);
    return person;
}

struct credential_memory *memory_credential_get(struct world *world, const char *id)
{
    return table_get(&world->credentials, id, sizeof(struct credential_memory));
}

struct door_memory *memory_door_get(struct world *world, const char *id)
{
    size_t count = world->doors.count;
    struct door_memory *door = table_get(&world->doors, id, sizeof(*door));

    if (door && world->doors.count > count) {
        door->index = POLICY_NONE;
        door->override = DOOR_MODES;
        door->phase = DOOR_UNKNOWN;
        door->told_mode = DOOR_MODE_CONTROLLED;
        door->told_cause = MODE_BY_DOOR;
    }
    return door;
}

struct point_memory *memory_point_get(struct world *world, const char *id)
{
    size_t count = world->points.count;
    struct point_memory *point = table_get(&world->points, id, sizeof(*point));

    if (point && world->points.count > count)
        point->index = POLICY_NONE;
    return point;
}

struct release *memory_release_get(struct person_memory *person, struct door_memory *door,
                                   enum direction direction)
{
    struct release *release = find_release(person, door, direction);

    if (release)
        return release;
    release = calloc(1, sizeof(*release));
    if (!release)
        return NULL;
    *release = (struct release){ .next = person->releases, .door = door, .direction = direction };
    person->releases = release;
    return release;
}

struct place *memory_place_get(struct person_memory *person, struct area_memory *area)
{
    struct place *place = person->places;

    while (place && place->area != area)
        place = place->next;
    if (place)
        return place;
    place = calloc(1, sizeof(*place));
    if (!place)
        return NULL;
    *place = (struct place){ .next = person->places, .area = area };
    person->places = place;
    return place;
}

struct first_person *memory_first_get(struct door_memory *door, const char *tag)
{
    struct first_person *first = door->first;

    while (first && strcmp(first->tag, tag) != 0)
        first = first->next;
    if (first)
        return first;
    first = calloc(1, sizeof(*first));
    if (!first)
        return NULL;
    first->tag = strdup(tag);
    if (!first->tag) {
        free(first);
        return NULL;
    }
    first->next = door->first;
    door->first = first;
    return first;
}

static struct door_place *place_get(struct door_memory *door, const char *id, bool left)
{
    struct door_place *silent = NULL;

    for (size_t i = 1; i < DOOR_PLACES_MAX; i++) {
        struct door_place *place = &door->places[i];

        if (place->left == left && strcmp(place->id, id) == 0)
            return place;
        if (!silent && place->alarms == 0 && place->button == DOOR_BUTTON_UNKNOWN)
            silent = place;
    }
    if (!silent)
        return NULL;
    text_copy(silent->id, sizeof(silent->id), id);
    silent->left = left;
    return silent;
}

struct door_place *memory_place_of(struct door_memory *door, const char *reader)
{
    return reader ? place_get(door, reader, false) : &door->places[0];
}

struct door_place *memory_left_place(struct door_memory *door, const char *target)
{
    return place_get(door, target, true);
}

/* --- Counting. --- */

/* Adds by (1 or -1) for somebody as recorded and expected now, in the counts of one policy. */
static void tally_for(const struct world *world, uint32_t turn, const struct person_memory *person, int by)
{
    struct area_memory *area = recorded_area(world, person);

    if (!is_known(person, turn))
        return;
    if (area)
        area->headcounts[turn_side(turn)].recorded += by;
    for (const struct place *place = person->places; place; place = place->next) {
        struct headcount *headcount = &place->area->headcounts[turn_side(turn)];

        if (place->count == 0)
            continue;
        headcount->reserved += by;
        if (place->area != area)
            headcount->expected += by;
    }
}

static void tally(const struct world *world, const struct person_memory *person, int by)
{
    tally_for(world, world->turn, person, by);
    if (world->next_policy)
        tally_for(world, world->next_turn, person, by);
}

static void clear_headcounts(struct world *world, uint32_t turn)
{
    for (struct area_memory *area = NULL; (area = table_next(&world->areas, area));)
        area->headcounts[turn_side(turn)] = (struct headcount){ 0 };
}

void memory_count(struct world *world)
{
    clear_headcounts(world, world->turn);
    for (struct person_memory *person = NULL; (person = table_next(&world->people, person));)
        tally_for(world, world->turn, person, 1);
}

void memory_record(struct world *world, struct person_memory *person, struct area_memory *area,
                   uint64_t serial)
{
    tally(world, person, -1);
    person->area = area;
    person->serial = serial;
    tally(world, person, 1);
}

static void change_place(struct world *world, struct person_memory *person, struct area_memory *area, int by)
{
    struct place *place = person->places;

    while (place->area != area)
        place = place->next;
    tally(world, person, -1);
    place->count += (unsigned)by;
    tally(world, person, 1);
}

void memory_reserve(struct world *world, struct person_memory *person, struct area_memory *area)
{
    change_place(world, person, area, 1);
}

void memory_unreserve(struct world *world, struct person_memory *person, struct area_memory *area)
{
    change_place(world, person, area, -1);
}

void memory_forgive_person(struct world *world, struct person_memory *person)
{
    tally(world, person, -1);
    person->area = NULL;
    tally(world, person, 1);
}

static void forget_recorded(struct area_memory *area)
{
    for (size_t side = 0; side < 2; side++) {
        area->headcounts[side].recorded = 0;
        area->headcounts[side].expected = area->headcounts[side].reserved;
    }
}

void memory_forgive_area(struct world *world, struct area_memory *area)
{
    if (area) {
        area->forgiven = world->serial;
        forget_recorded(area);
        return;
    }
    world->forgiven = world->serial;
    while ((area = table_next(&world->areas, area)))
        forget_recorded(area);
}

/* --- Binding to a policy. --- */

/* Records of a policy's few things, by index. */
struct binding {
    struct area_memory **areas;
    struct area_memory *outside;
    struct door_memory **doors;
    struct point_memory **points;
};

static void binding_finish(struct binding *binding)
{
    free(binding->areas);
    free(binding->doors);
    free(binding->points);
}

static int binding_init(struct world *world, const struct policy *policy, struct binding *ret)
{
    uint32_t areas = policy_count(policy, ITEM_AREA);
    uint32_t doors = policy_count(policy, ITEM_DOOR);
    uint32_t points = policy_count(policy, ITEM_ACCESS_POINT);
    cleanup_with(binding_finish) struct binding binding = {
        .areas = calloc(areas + 1, sizeof(*binding.areas)),
        .outside = memory_area_get(world, policy_id(policy, ITEM_AREA, AREA_OUTSIDE)),
        .doors = calloc(doors + 1, sizeof(*binding.doors)),
        .points = calloc(points + 1, sizeof(*binding.points)),
    };
    bool complete = binding.areas && binding.outside && binding.doors && binding.points;

    for (uint32_t i = 0; complete && i < areas; i++)
        complete = (binding.areas[i] = memory_area_get(world, policy_id(policy, ITEM_AREA, i)));
    for (uint32_t i = 0; complete && i < doors; i++)
        complete = (binding.doors[i] = memory_door_get(world, policy_id(policy, ITEM_DOOR, i)));
    for (uint32_t i = 0; complete && i < points; i++)
        complete = (binding.points[i] = memory_point_get(world, policy_id(policy, ITEM_ACCESS_POINT, i)));
    if (!complete)
        return -ENOMEM;
    *ret = binding;
    binding = (struct binding){ 0 };
    return 0;
}

static void index_records(struct world *world)
{
    for (struct area_memory *area = NULL; (area = table_next(&world->areas, area));)
        area->index = policy_find(world->policy, ITEM_AREA, area->node.id);
    for (struct door_memory *door = NULL; (door = table_next(&world->doors, door));) {
        door->index = policy_find(world->policy, ITEM_DOOR, door->node.id);
        door->interlock = NULL;
    }
    for (struct point_memory *point = NULL; (point = table_next(&world->points, point));)
        point->index = policy_find(world->policy, ITEM_ACCESS_POINT, point->node.id);
}

/* Joins the doors of each interlock group in a ring. */
static void join_interlocks(struct world *world)
{
    uint32_t count = policy_count(world->policy, ITEM_DOOR);

    for (uint32_t i = 0; i < count; i++) {
        uint32_t group = policy_door(world->policy, i)->interlock;
        uint32_t next = (i + 1) % count;

        if (group == POLICY_NONE)
            continue;
        while (policy_door(world->policy, next)->interlock != group)
            next = (next + 1) % count;
        world->door_at[i]->interlock = world->door_at[next];
    }
}

/* A number that nobody is known by yet. */
static void begin_preparing(struct world *world, const struct policy *policy)
{
    world->next_turn = world->next_turn > world->turn ? world->next_turn + 2 : world->turn + 1;
    world->next_policy = policy;
    world->looked_up = NULL;
    clear_headcounts(world, world->next_turn);
}

bool memory_prepare(struct world *world, const struct policy *policy, size_t people)
{
    struct person_memory *person;

    if (world->next_policy != policy)
        begin_preparing(world, policy);
    while ((person = table_next(&world->people, world->looked_up)) && people-- > 0) {
        know(person, policy, world->next_turn);
        tally_for(world, world->next_turn, person, 1);
        world->looked_up = person;
    }
    return !person;
}

int memory_bind(struct world *world, const struct policy *policy)
{
    struct binding binding;
    int r = binding_init(world, policy, &binding);

    if (r == 0)
        memory_prepare(world, policy, SIZE_MAX);
    world->next_policy = NULL;
    if (r < 0)
        return r;
    world->turn = world->next_turn;
    free(world->area_at);
    free(world->door_at);
    free(world->point_at);
    world->policy = policy;
    world->area_at = binding.areas;
    world->outside = binding.outside;
    world->door_at = binding.doors;
    world->point_at = binding.points;
    index_records(world);
    join_interlocks(world);
    return 0;
}

static void finish_person(void *record)
{
    struct person_memory *person = record;

    for (struct place *place = person->places, *next; place; place = next) {
        next = place->next;
        free(place);
    }
    for (struct release *release = person->releases, *next; release; release = next) {
        next = release->next;
        free(release);
    }
}

static void finish_door(void *record)
{
    struct door_memory *door = record;

    for (struct awaited *awaited = door->awaited, *next; awaited; awaited = next) {
        next = awaited->next;
        free(awaited);
    }
    for (struct first_person *first = door->first, *next; first; first = next) {
        next = first->next;
        free(first->tag);
        free(first);
    }
}

void memory_finish(struct world *world)
{
    table_finish(&world->areas, NULL);
    table_finish(&world->people, finish_person);
    table_finish(&world->credentials, NULL);
    table_finish(&world->doors, finish_door);
    table_finish(&world->points, NULL);
    free(world->area_at);
    free(world->door_at);
    free(world->point_at);
}
