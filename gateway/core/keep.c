/* SPDX-License-Identifier: GPL-3.0-or-later */
/* keep.c: a key is "<sort>/<id>[/<id>…]" (ids hold no '/'); each sort is a row with its reader.
 *
 * A moment is kept with the boot it belongs to, the boot time of writing and, by a trusted clock, UTC: read
 * in a later boot it is placed before that boot's start by what had passed when it was written.
 */
#include "gateway/core/keep.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/json.h"
#include "proto/name.h"

/* A sort, three ids and what joins them. */
#define KEY_SIZE (4 * ID_SIZE)
#define KEY_IDS  3

/* A value as it is read; what a sort has no use for is absent. */
struct kept {
    const char *area;
    const char *mode;
    const char *boot;
    int64_t at_us;
    int64_t utc_us;
    int64_t now_us;
    int64_t serial;
    int64_t used;
    int64_t day;
    int64_t second;
    int64_t forgive_us;
    bool earlier;
};

static const struct json_row kept_rows[] = {
    JSON_ROW_CHECKED(struct kept, area, "area", false, id_valid, ID_EXPECTED),
    JSON_ROW_STRING(struct kept, mode, "mode", 1, ID_BYTES_MAX),
    JSON_ROW_STRING(struct kept, boot, "boot", 1, BOOT_ID_SIZE - 1),
    JSON_ROW_INT(struct kept, at_us, "at", -JSON_INT_MAX, JSON_INT_MAX, BOOT_NEVER),
    JSON_ROW_INT(struct kept, utc_us, "utc", -JSON_INT_MAX, JSON_INT_MAX, INSTANT_MIN),
    JSON_ROW_INT(struct kept, now_us, "now", -JSON_INT_MAX, JSON_INT_MAX, 0),
    JSON_ROW_INT(struct kept, serial, "serial", 0, JSON_INT_MAX, 0),
    JSON_ROW_INT(struct kept, used, "used", 0, JSON_INT_MAX, 0),
    JSON_ROW_INT(struct kept, day, "day", INT32_MIN, INT32_MAX, INT64_MIN),
    JSON_ROW_INT(struct kept, second, "second", 0, 86399, 0),
    JSON_ROW_INT(struct kept, forgive_us, "forgive", -JSON_INT_MAX, JSON_INT_MAX, INSTANT_MAX),
    JSON_ROW_BOOL(struct kept, earlier, "earlier", false),
};

/* --- Writing. --- */

static struct json_out begin(struct world *world)
{
    struct json_out out = json_out_to(&world->text);

    text_reset(&world->text);
    json_begin_object(&out, NULL);
    return out;
}

static void add_moment(struct json_out *out, const struct world *world, const struct moment *moment)
{
    if (moment->boot_us == BOOT_NEVER)
        return;
    json_add_string(out, "boot", world->boot_id);
    json_add_int(out, "at", moment->boot_us);
    if (moment->utc_us != INSTANT_MIN)
        json_add_int(out, "utc", moment->utc_us);
    json_add_int(out, "now", world->now.boot_us);
    if (moment->earlier)
        json_add_bool(out, "earlier", true);
}

static void end(struct world *world, struct json_out *out, const char *key)
{
    json_end_object(out);
    if (world->hooks.effect)
        world->hooks.effect(world->hooks.user, key, text_string(&world->text));
}

static void forget(struct world *world, const char *key)
{
    if (world->hooks.effect)
        world->hooks.effect(world->hooks.user, key, NULL);
}

void keep_person(struct world *world, const struct person_memory *person)
{
    char key[KEY_SIZE];

    snprintf(key, sizeof(key), "person/%s", person->node.id);
    if (!person->area) {
        forget(world, key);
        return;
    }
    struct json_out out = begin(world);

    json_add_string(&out, "area", person->area->node.id);
    json_add_int(&out, "serial", (int64_t)person->serial);
    add_moment(&out, world, &person->moved);
    end(world, &out, key);
}

void keep_release(struct world *world, const struct person_memory *person, const struct release *release)
{
    char key[KEY_SIZE];

    snprintf(key, sizeof(key), "release/%s/%s/%s", person->node.id, release->door->node.id,
             direction_name(release->direction));
    if (!release->counts) {
        forget(world, key);
        return;
    }
    struct json_out out = begin(world);

    add_moment(&out, world, &release->at);
    end(world, &out, key);
}

void keep_credential(struct world *world, const struct credential_memory *credential)
{
    char key[KEY_SIZE];
    struct json_out out = begin(world);

    snprintf(key, sizeof(key), "credential/%s", credential->node.id);
    json_add_int(&out, "used", credential->used + credential->reserved);
    end(world, &out, key);
}

void keep_area(struct world *world, const struct area_memory *area)
{
    char key[KEY_SIZE];
    struct json_out out = begin(world);

    snprintf(key, sizeof(key), "area/%s", area->node.id);
    json_add_int(&out, "serial", (int64_t)area->forgiven);
    if (area->forgive_utc_us != INSTANT_MAX)
        json_add_int(&out, "forgive", area->forgive_utc_us);
    end(world, &out, key);
}

void keep_override(struct world *world, const struct door_memory *door)
{
    char key[KEY_SIZE];

    snprintf(key, sizeof(key), "override/%s", door->node.id);
    if (door->override == DOOR_MODES) {
        forget(world, key);
        return;
    }
    struct json_out out = begin(world);

    json_add_string(&out, "mode", door_mode_name(door->override));
    add_moment(&out, world, &door->override_until);
    end(world, &out, key);
}

void keep_first_person(struct world *world, const struct door_memory *door, const struct first_person *first)
{
    char key[KEY_SIZE];
    struct json_out out = begin(world);

    snprintf(key, sizeof(key), "first/%s/%s", door->node.id, first->tag);
    if (first->dated) {
        json_add_int(&out, "day", first->day);
        json_add_int(&out, "second", first->second);
    }
    end(world, &out, key);
}

void keep_alarm(struct world *world, const struct door_memory *door, enum door_alarm alarm)
{
    char key[KEY_SIZE];

    snprintf(key, sizeof(key), "alarm/%s/%s", door->node.id, door_alarm_name(alarm));
    if (!door->alarms[alarm].on) {
        forget(world, key);
        return;
    }
    struct json_out out = begin(world);

    add_moment(&out, world, &door->alarms[alarm].since);
    end(world, &out, key);
}

void keep_place(struct world *world, const struct door_memory *door, const struct door_place *place,
                enum door_alarm alarm)
{
    char key[KEY_SIZE];

    snprintf(key, sizeof(key), "%s/%s/%s%s%s", place->left ? "left" : "said", door->node.id,
             door_alarm_name(alarm), place->id[0] ? "/" : "", place->id);
    if (!(place->alarms >> alarm & 1)) {
        forget(world, key);
        return;
    }
    struct json_out out = begin(world);

    end(world, &out, key);
}

void keep_lockout(struct world *world, const struct point_memory *point)
{
    char key[KEY_SIZE];
    struct json_out out = begin(world);

    snprintf(key, sizeof(key), "lockout/%s", point->node.id);
    add_moment(&out, world, &point->locked_until);
    end(world, &out, key);
}

void keep_lockdown(struct world *world, const struct door_memory *door)
{
    char key[KEY_SIZE];

    snprintf(key, sizeof(key), "lockdown%s%s", door ? "/" : "", door ? door->node.id : "");
    if (door ? !door->locked_down : !world->lockdown) {
        forget(world, key);
        return;
    }
    struct json_out out = begin(world);

    end(world, &out, key);
}

void keep_forgiven(struct world *world)
{
    struct json_out out = begin(world);

    json_add_int(&out, "serial", (int64_t)world->forgiven);
    end(world, &out, "forgiven");
}

/* --- Reading. --- */

static struct moment kept_moment(const struct world *world, const struct kept *kept)
{
    struct moment moment = { .boot_us = kept->at_us, .utc_us = kept->utc_us, .earlier = kept->earlier };

    if (kept->at_us == BOOT_NEVER)
        return (struct moment){ .boot_us = BOOT_NEVER, .utc_us = INSTANT_MIN };
    if (kept->boot && strcmp(kept->boot, world->boot_id) == 0)
        return moment;
    moment.boot_us = kept->at_us - kept->now_us;
    moment.earlier = true;
    return moment;
}

static void saw_serial(struct world *world, const struct kept *kept)
{
    if ((uint64_t)kept->serial > world->serial)
        world->serial = (uint64_t)kept->serial;
}

static int restore_person(struct world *world, char *const ids[], const struct kept *kept)
{
    struct area_memory *area = kept->area ? memory_area_get(world, kept->area) : NULL;
    struct person_memory *person = memory_person_get(world, ids[0]);

    if (!kept->area || kept->at_us == BOOT_NEVER)
        return -EBADMSG;
    if (!area || !person)
        return -ENOMEM;
    memory_record(world, person, area, (uint64_t)kept->serial);
    person->moved = kept_moment(world, kept);
    saw_serial(world, kept);
    return 0;
}

static int restore_release(struct world *world, char *const ids[], const struct kept *kept)
{
    bool entry = strcmp(ids[2], direction_name(DIRECTION_ENTRY)) == 0;
    struct person_memory *person = memory_person_get(world, ids[0]);
    struct door_memory *door = memory_door_get(world, ids[1]);
    struct release *release =
        person && door ? memory_release_get(person, door, entry ? DIRECTION_ENTRY : DIRECTION_EXIT) : NULL;

    if (kept->at_us == BOOT_NEVER)
        return -EBADMSG;
    if (!release)
        return -ENOMEM;
    release->at = kept_moment(world, kept);
    release->counts = true;
    return 0;
}

static int restore_credential(struct world *world, char *const ids[], const struct kept *kept)
{
    struct credential_memory *credential = memory_credential_get(world, ids[0]);

    if (!credential)
        return -ENOMEM;
    credential->used = kept->used;
    return 0;
}

static int restore_area(struct world *world, char *const ids[], const struct kept *kept)
{
    struct area_memory *area = memory_area_get(world, ids[0]);

    if (!area)
        return -ENOMEM;
    area->forgiven = (uint64_t)kept->serial;
    area->forgive_utc_us = kept->forgive_us;
    saw_serial(world, kept);
    memory_count(world);
    return 0;
}

/* Whether there is all of a moment, or nothing: it never comes. */
static bool moment_whole(const struct kept *kept)
{
    bool something = kept->boot || kept->now_us != 0 || kept->utc_us != INSTANT_MIN;

    return kept->at_us != BOOT_NEVER || !something;
}

static int restore_override(struct world *world, char *const ids[], const struct kept *kept)
{
    int mode = kept->mode ? door_mode_find(kept->mode) : -1;

    if (mode < 0 || !moment_whole(kept))
        return -EBADMSG;
    struct door_memory *door = memory_door_get(world, ids[0]);

    if (!door)
        return -ENOMEM;
    door->override = (enum door_mode)mode;
    door->override_until = kept_moment(world, kept);
    return 0;
}

static int restore_first_person(struct world *world, char *const ids[], const struct kept *kept)
{
    struct door_memory *door = memory_door_get(world, ids[0]);
    struct first_person *first = door ? memory_first_get(door, ids[1]) : NULL;

    if (!first)
        return -ENOMEM;
    first->came = true;
    first->dated = kept->day != INT64_MIN;
    first->day = first->dated ? (int32_t)kept->day : 0;
    first->second = (int32_t)kept->second;
    return 0;
}

/* What the contact says then decides whether it is still so. */
static int restore_alarm(struct world *world, char *const ids[], const struct kept *kept)
{
    int alarm = kept->at_us == BOOT_NEVER ? -1 : door_alarm_find(ids[1]);
    struct door_memory *door = alarm < 0 ? NULL : memory_door_get(world, ids[0]);

    if (alarm < 0)
        return -EBADMSG;
    if (!door)
        return -ENOMEM;
    door->alarms[alarm] = (struct alarm_memory){ .on = true, .since = kept_moment(world, kept) };
    if (alarm == DOOR_ALARM_HELD)
        door->phase = DOOR_LOST_HELD;
    if (alarm == DOOR_ALARM_FORCED)
        door->phase = DOOR_LOST_FORCED;
    return 0;
}

static int restore_place(struct world *world, char *const ids[], const char *id,
                         struct door_place *(*place_of)(struct door_memory *door, const char *id))
{
    int alarm = door_alarm_find(ids[1]);
    struct door_memory *door = alarm < 0 ? NULL : memory_door_get(world, ids[0]);
    struct door_place *place = door ? place_of(door, id) : NULL;

    if (alarm < 0)
        return -EBADMSG;
    if (!door)
        return -ENOMEM;
    if (place)
        place->alarms |= 1u << alarm;
    if (place && alarm == DOOR_ALARM_REX_STUCK)
        place->button = DOOR_BUTTON_PRESSED;
    return 0;
}

static int restore_target(struct world *world, char *const ids[], const struct kept *kept)
{
    return restore_place(world, ids, NULL, memory_place_of);
}

static int restore_reader(struct world *world, char *const ids[], const struct kept *kept)
{
    return restore_place(world, ids, ids[2], memory_place_of);
}

static int restore_left(struct world *world, char *const ids[], const struct kept *kept)
{
    return restore_place(world, ids, ids[2], memory_left_place);
}

static int restore_lockout(struct world *world, char *const ids[], const struct kept *kept)
{
    struct point_memory *point = kept->at_us == BOOT_NEVER ? NULL : memory_point_get(world, ids[0]);

    if (kept->at_us == BOOT_NEVER)
        return -EBADMSG;
    if (!point)
        return -ENOMEM;
    point->locked_until = kept_moment(world, kept);
    return 0;
}

static int restore_lockdown(struct world *world, char *const ids[], const struct kept *kept)
{
    world->lockdown = true;
    return 0;
}

static int restore_door_lockdown(struct world *world, char *const ids[], const struct kept *kept)
{
    struct door_memory *door = memory_door_get(world, ids[0]);

    if (!door)
        return -ENOMEM;
    door->locked_down = true;
    return 0;
}

static int restore_forgiven(struct world *world, char *const ids[], const struct kept *kept)
{
    world->forgiven = (uint64_t)kept->serial;
    saw_serial(world, kept);
    memory_count(world);
    return 0;
}

static const struct sort {
    const char *name;
    size_t ids;
    bool shuts; /* without it a door might open */
    int (*restore)(struct world *world, char *const ids[], const struct kept *kept);
} sorts[] = {
    { "alarm", 2, false, restore_alarm },           { "area", 1, false, restore_area },
    { "credential", 1, false, restore_credential }, { "first", 2, false, restore_first_person },
    { "forgiven", 0, false, restore_forgiven },     { "left", 3, false, restore_left },
    { "lockdown", 0, true, restore_lockdown },      { "lockdown", 1, true, restore_door_lockdown },
    { "lockout", 1, false, restore_lockout },       { "override", 1, true, restore_override },
    { "person", 1, false, restore_person },         { "release", 3, false, restore_release },
    { "said", 2, false, restore_target },           { "said", 3, false, restore_reader },
};

/* What stands for a value that is not understood, of a sort that shuts. */
static const struct kept shut = { .mode = "controlled", .at_us = BOOT_NEVER, .utc_us = INSTANT_MIN };

static const struct sort *find_sort(const char *name, int ids)
{
    for (size_t i = 0; i < sizeof(sorts) / sizeof(sorts[0]); i++)
        if (strcmp(name, sorts[i].name) == 0 && sorts[i].ids == (size_t)ids)
            return &sorts[i];
    return NULL;
}

/* Cuts a key into its sort and ids. Returns how many ids, or -EBADMSG. */
static int cut_key(char *key, char *ret_ids[static KEY_IDS])
{
    int count = 0;

    for (char *slash = strchr(key, '/'); slash; slash = strchr(slash + 1, '/')) {
        if (count == KEY_IDS)
            return -EBADMSG;
        *slash = '\0';
        ret_ids[count++] = slash + 1;
    }
    for (int i = 0; i < count; i++)
        if (!id_valid(ret_ids[i]))
            return -EBADMSG;
    return count;
}

static int restore_value(struct world *world, const struct sort *sort, char *const ids[], const char *value)
{
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct json_error error;
    struct kept kept;
    int r = json_parse(value, strlen(value), &object, &error);

    if (r == 0)
        r = json_read(object, JSON_ROWS(kept_rows), &kept, &error);
    return r < 0 ? r : sort->restore(world, ids, &kept);
}

int keep_restore(struct world *world, const char *key, const char *value)
{
    char copy[KEY_SIZE];
    char *ids[KEY_IDS];
    int length = snprintf(copy, sizeof(copy), "%s", key);
    int count = length < (int)sizeof(copy) ? cut_key(copy, ids) : -EBADMSG;
    const struct sort *sort = count < 0 ? NULL : find_sort(copy, count);

    if (!sort)
        return -EBADMSG;
    int r = restore_value(world, sort, ids, value);

    if (r != -EBADMSG || !sort->shuts)
        return r;
    r = sort->restore(world, ids, &shut);
    return r < 0 ? r : WORLD_E_DAMAGED;
}
