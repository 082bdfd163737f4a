/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_places.c: areas, links, devices, doors and access points. The items were checked, so reading them
 * again cannot fail. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/core/policy_internal.h"

#define US_PER_HOUR (3600 * USEC_PER_SEC)

static int compile_area(struct policy *policy, uint32_t i, const struct named *named, const struct item *item)
{
    policy->areas[i] = (struct policy_area){
        .id = named->id,
        .name = named->name,
        .capacity = item->area.capacity,
        .anti_passback = item->area.anti_passback,
        .anti_passback_us = item->area.anti_passback_min * 60 * USEC_PER_SEC,
        .forgive_at_s = item->area.forgive_at ? item_clock_read(item->area.forgive_at, 86399) : -1,
    };
    return 0;
}

static int compile_link(struct policy *policy, uint32_t i, const struct named *named, const struct item *item)
{
    struct item_instant refreshed;
    struct json_error error;

    item_was_checked(item_instant_read(item->link.refreshed_at, "refreshed_at", &refreshed, &error));
    policy->links[i] = (struct policy_link){
        .id = named->id,
        .enabled = item->link.enabled,
        .max_stale_us = item->link.max_stale_h * US_PER_HOUR,
        .refreshed_us = refreshed.set ? refreshed.us : INSTANT_MIN,
    };
    return 0;
}

static int compile_device(struct policy *policy, uint32_t i, const struct named *named,
                          const struct item *item)
{
    policy->devices[i] = (struct policy_device){
        .id = named->id,
        .driver = policy_copy(policy, item->device.driver),
        .json = named->text,
        .json_len = named->text_len,
    };
    return policy->devices[i].driver ? 0 : -ENOMEM;
}

static bool lists(struct json_object *list, const char *wanted)
{
    struct json_error error;

    for (size_t i = 0; i < json_list_length(list); i++)
        if (strcmp(json_list_string(list, i, &error), wanted) == 0)
            return true;
    return false;
}

/* The device that lists a target, the first by id. */
static uint32_t device_of(struct policy *policy, const char *target)
{
    const struct kind_list *devices = &policy->named[ITEM_DEVICE];
    struct json_error error;
    struct item item;

    for (uint32_t i = 0; i < devices->count; i++) {
        item_was_checked(item_read(ITEM_DEVICE, devices->list[i].object, true, &item, &error));
        if (lists(item.device.targets, target))
            return i;
    }
    return POLICY_NONE;
}

static int compile_modes(struct policy *policy, const struct named *named, struct json_object *list,
                         struct policy_door *door)
{
    size_t count = json_list_length(list);
    struct policy_mode_entry *modes = policy_alloc(policy, count, sizeof(*modes));
    struct item_mode_entry entry;
    struct json_error error;

    if (!modes)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        item_was_checked(item_mode_entry_read(list, i, &entry, &error));
        modes[i] = (struct policy_mode_entry){
            .schedule = policy_refer(policy, ITEM_DOOR, named->id, ITEM_SCHEDULE, entry.schedule),
            .mode = entry.mode,
            .first_person = entry.first_person,
            .first_person_tag = entry.first_person
                                    ? policy_refer(policy, ITEM_DOOR, named->id, ITEM_TAG, entry.first_person)
                                    : POLICY_NONE,
        };
    }
    door->modes = modes;
    door->mode_count = count;
    return 0;
}

static int compile_door(struct policy *policy, uint32_t i, const struct named *named, const struct item *item)
{
    const struct item_door *from = &item->door;
    struct policy_door *door = &policy->doors[i];
    struct item_min_interval interval = { 0 };
    struct json_error error;

    *door = (struct policy_door){
        .id = named->id,
        .name = named->name,
        .kind = from->kind,
        .target = policy_copy(policy, from->target),
        .device = device_of(policy, from->target),
        .pulse_ms = from->pulse_ms,
        .extended_pulse_ms = from->extended_pulse_ms ? from->extended_pulse_ms : 3 * from->pulse_ms,
        .held_ms = from->held_ms,
        .extended_held_ms = from->extended_held_ms ? from->extended_held_ms : 3 * from->held_ms,
        .held_warn_percent = from->held_warn_percent,
        .free = (enum direction)from->free,
        .relock_on_close = from->relock_on_close,
        .rex_releases = from->rex_releases,
        .passage_timeout_ms = from->passage_timeout_ms,
        .sensed = from->passage == 0 || (from->passage < 0 && from->kind == DOOR_KIND_TURNSTILE),
        .mode = from->mode,
        .interlock = POLICY_NONE,
        .strict_log = from->strict_log,
    };
    if (from->min_interval)
        item_was_checked(item_min_interval_read(from->min_interval, &interval, &error));
    memcpy(door->min_interval_s, interval.s, sizeof(interval.s));
    if (door->device == POLICY_NONE)
        policy_note_dangling(policy, ITEM_DOOR, named->id, ITEM_DEVICE, from->target);
    if (!door->target)
        return -ENOMEM;
    return compile_modes(policy, named, from->mode_schedules, door);
}

static const char *group_of(const struct policy *policy, uint32_t door, struct item *item)
{
    struct json_error error;

    item_was_checked(item_read(ITEM_DOOR, policy->named[ITEM_DOOR].list[door].object, true, item, &error));
    return item->door.interlock;
}

/* A group's number is the index of its first door, which is the door itself at the latest. */
static void number_interlocks(struct policy *policy)
{
    struct item item;
    struct item other;

    for (uint32_t i = 0; i < policy->named[ITEM_DOOR].count; i++) {
        const char *group = group_of(policy, i, &item);

        for (uint32_t j = 0; group && policy->doors[i].interlock == POLICY_NONE; j++) {
            const char *of_other = group_of(policy, j, &other);

            if (of_other && strcmp(group, of_other) == 0)
                policy->doors[i].interlock = j;
        }
    }
}

static int compile_combinations(struct policy *policy, struct json_object *any,
                                struct policy_factor_entry *entry)
{
    size_t count = json_list_length(any);
    uint32_t *types = policy_alloc(policy, count, sizeof(*types));
    struct json_error error;

    if (!types)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        item_was_checked(item_combination_read(any, i, &types[i], &error));
    entry->any = types;
    entry->any_count = count;
    return 0;
}

static int compile_factors(struct policy *policy, const struct named *named, struct json_object *list,
                           struct policy_point *point)
{
    size_t count = json_list_length(list);
    struct policy_factor_entry *factors = policy_alloc(policy, count, sizeof(*factors));
    struct item_factor_entry entry;
    struct json_error error;
    int r = factors ? 0 : -ENOMEM;

    for (size_t i = 0; i < count && r == 0; i++) {
        item_was_checked(item_factor_entry_read(list, i, &entry, &error));
        factors[i].schedule = SCHEDULE_ALWAYS;
        if (entry.schedule)
            factors[i].schedule =
                policy_refer(policy, ITEM_ACCESS_POINT, named->id, ITEM_SCHEDULE, entry.schedule);
        r = compile_combinations(policy, entry.any, &factors[i]);
    }
    point->factors = factors;
    point->factor_count = count;
    return r;
}

static int compile_readers(struct policy *policy, struct json_object *list, struct policy_point *point)
{
    size_t count = json_list_length(list);
    const char **readers = policy_alloc(policy, count, sizeof(*readers));
    struct json_error error;

    if (!readers)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        readers[i] = policy_copy(policy, json_list_string(list, i, &error));
        if (!readers[i])
            return -ENOMEM;
    }
    point->readers = readers;
    point->reader_count = count;
    return 0;
}

static uint32_t refer_area(struct policy *policy, const struct named *named, const char *id)
{
    return id ? policy_refer(policy, ITEM_ACCESS_POINT, named->id, ITEM_AREA, id) : AREA_OUTSIDE;
}

static int compile_point(struct policy *policy, uint32_t i, const struct named *named,
                         const struct item *item)
{
    const struct item_point *from = &item->point;
    struct policy_point *point = &policy->points[i];

    *point = (struct policy_point){
        .id = named->id,
        .name = named->name,
        .door = policy_refer(policy, ITEM_ACCESS_POINT, named->id, ITEM_DOOR, from->door),
        .direction = from->direction,
        .from = refer_area(policy, named, from->from),
        .to = refer_area(policy, named, from->to),
        .factor_timeout_us = from->factor_timeout_s * USEC_PER_SEC,
        .min_assurance = from->min_assurance,
        .two_person = from->two_person,
        .max_age_us = from->max_age_ms * USEC_PER_MSEC,
    };
    point->usable = point->door != POLICY_NONE && policy->doors[point->door].device != POLICY_NONE &&
                    point->from != POLICY_NONE && point->to != POLICY_NONE;
    int r = compile_readers(policy, from->readers, point);

    return r < 0 ? r : compile_factors(policy, named, from->factors, point);
}

static int compile_each(struct policy *policy, enum item_kind kind,
                        int (*compile)(struct policy *policy, uint32_t i, const struct named *named,
                                       const struct item *item))
{
    const struct kind_list *items = &policy->named[kind];
    struct json_error error;
    struct item item;
    int r = 0;

    for (uint32_t i = 0; i < items->count && r == 0; i++) {
        item_was_checked(item_read(kind, items->list[i].object, true, &item, &error));
        r = compile(policy, i, &items->list[i], &item);
    }
    return r;
}

static int compare_owners(const void *a, const void *b)
{
    const struct hal_owner *one = a;
    const struct hal_owner *other = b;
    int order = strcmp(one->id, other->id);

    return order ? order : (one->owner > other->owner) - (one->owner < other->owner);
}

static int list_targets(struct policy *policy)
{
    uint32_t count = policy->named[ITEM_DOOR].count;
    struct hal_owner *list = policy_alloc(policy, count, sizeof(*list));

    if (!list)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++)
        list[i] = (struct hal_owner){ policy->doors[i].target, i };
    qsort(list, count, sizeof(*list), compare_owners);
    policy->targets = (struct hal_owners){ list, count };
    return 0;
}

static int list_readers(struct policy *policy)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < policy->named[ITEM_ACCESS_POINT].count; i++)
        count += (uint32_t)policy->points[i].reader_count;
    struct hal_owner *list = policy_alloc(policy, count, sizeof(*list));

    if (!list)
        return -ENOMEM;
    policy->readers = (struct hal_owners){ list, count };
    for (uint32_t i = 0; i < policy->named[ITEM_ACCESS_POINT].count; i++)
        for (size_t r = 0; r < policy->points[i].reader_count; r++)
            *list++ = (struct hal_owner){ policy->points[i].readers[r], i };
    qsort(policy->readers.list, count, sizeof(*list), compare_owners);
    return 0;
}

int policy_compile_places(struct policy *policy)
{
    const struct kind_list *named = policy->named;

    policy->areas = policy_alloc(policy, named[ITEM_AREA].count, sizeof(*policy->areas));
    policy->links = policy_alloc(policy, named[ITEM_LINK].count, sizeof(*policy->links));
    policy->devices = policy_alloc(policy, named[ITEM_DEVICE].count, sizeof(*policy->devices));
    policy->doors = policy_alloc(policy, named[ITEM_DOOR].count, sizeof(*policy->doors));
    policy->points = policy_alloc(policy, named[ITEM_ACCESS_POINT].count, sizeof(*policy->points));
    if (!policy->areas || !policy->links || !policy->devices || !policy->doors || !policy->points)
        return -ENOMEM;
    int r = compile_each(policy, ITEM_DEVICE, compile_device);

    if (r == 0)
        r = compile_each(policy, ITEM_AREA, compile_area);
    if (r == 0)
        r = compile_each(policy, ITEM_LINK, compile_link);
    if (r == 0)
        r = compile_each(policy, ITEM_DOOR, compile_door);
    if (r < 0)
        return r;
    number_interlocks(policy);
    r = compile_each(policy, ITEM_ACCESS_POINT, compile_point);
    if (r == 0)
        r = list_targets(policy);
    return r < 0 ? r : list_readers(policy);
}
