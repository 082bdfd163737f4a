/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scene.c: doors and devices above, what happened below, the newest first. Where there is no room for all
 * doors and devices, those come first of which there is something to say. */
#include "tools/stilectl/scene.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "tools/stilectl/field.h"
#include "tools/stilectl/moment.h"
#include "tools/stilectl/show.h"

/* Lines that happenings get at least, if there is not room for all, unless it is too little for anything. */
#define HAPPENINGS_MIN 8

#define HEADS 3

#define NAME_COLUMNS  12
#define STATE_COLUMNS 8
#define MODE_COLUMNS  11
#define SINCE_COLUMNS 10
#define TIME_COLUMNS  8

static void empty(struct scene_objects *objects)
{
    for (size_t i = 0; i < objects->count; i++)
        json_putp(&objects->items[i]);
    free(objects->items);
    *objects = (struct scene_objects){ 0 };
}

void scene_finish(struct scene *scene)
{
    for (size_t i = 0; i < SCENE_LISTS; i++)
        empty(&scene->lists[i]);
    empty(&scene->coming);
    for (size_t i = 0; i < SCENE_HAPPENINGS_MAX; i++)
        json_putp(&scene->happened[i]);
    text_finish(&scene->trouble);
}

int scene_add(struct scene *scene, struct json_object **object)
{
    struct scene_objects *coming = &scene->coming;

    if (coming->count == coming->size) {
        size_t size = coming->size ? 2 * coming->size : 16;
        struct json_object **items = realloc(coming->items, size * sizeof(struct json_object *));

        if (!items)
            return -ENOMEM;
        coming->items = items;
        coming->size = size;
    }
    coming->items[coming->count++] = take_ptr(*object);
    return 0;
}

void scene_told(struct scene *scene, enum scene_list list)
{
    empty(&scene->lists[list]);
    scene->lists[list] = scene->coming;
    scene->coming = (struct scene_objects){ 0 };
}

void scene_forget_coming(struct scene *scene)
{
    empty(&scene->coming);
}

/* --- what happened --- */

static const struct kind {
    const char *name;
    enum tone tone;
    bool silent;  /* repeats what another event said */
    bool changes; /* doors or devices */
} kinds[] = {
    { "presented", .silent = true },
    { "released", .silent = true },
    { "accepted", .silent = true },
    { "completed", .silent = true },
    { "granted", TONE_GOOD },
    { "denied", TONE_BAD },
    { "pending", TONE_DOUBTFUL },
    { "failed", TONE_BAD, .changes = true }, /* a door may not be held as its mode says */
    { "unknown", TONE_DOUBTFUL },
    { "opened", .changes = true },
    { "closed", .changes = true },
    { "unlocked", .changes = true },
    { "locked", .changes = true },
    { "vehicle", .changes = true },
    { "mode", .changes = true },
    { "lockdown", TONE_DOUBTFUL, .changes = true },
    { "forced", TONE_BAD, .changes = true },
    { "held", TONE_BAD, .changes = true },
    { "held_clear", TONE_GOOD, .changes = true },
    { "alarm", TONE_BAD, .changes = true },
    { "tamper", TONE_BAD, .changes = true },
    { "duress", TONE_BAD },
    { "device_up", TONE_GOOD, .changes = true },
    { "device_degraded", TONE_DOUBTFUL, .changes = true },
    { "device_down", TONE_BAD, .changes = true },
    { "policy_applied", .changes = true },
    { "policy_rejected", TONE_BAD },
    { "operator", .changes = true }, /* another order may change nothing but who it is from */
    { "lost", TONE_BAD },
    { "boot", .changes = true },
};

static struct kind kind_of(struct json_object *event)
{
    const char *name = field_string(event, "kind");

    for (size_t i = 0; name && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].name, name) == 0)
            return kinds[i];
    return (struct kind){ .name = name };
}

bool scene_tells(struct json_object *event)
{
    return !kind_of(event).silent;
}

bool scene_changes(struct json_object *event)
{
    return kind_of(event).changes;
}

void scene_happened(struct scene *scene, struct json_object **event)
{
    struct json_object **place = &scene->happened[scene->next++ % SCENE_HAPPENINGS_MAX];

    json_putp(place);
    *place = take_ptr(*event);
}

/* --- drawing --- */

static const char *word(struct json_object *object, const char *member)
{
    const char *value = field_string(object, member);

    return value ? value : "-";
}

static void add_count(struct text *out, size_t count, const char *one, const char *many)
{
    if (count > 0)
        text_addf(out, "  %zu %s", count, count == 1 ? one : many);
}

static size_t count_alarms(const struct scene_objects *doors)
{
    size_t count = 0;

    for (size_t i = 0; i < doors->count; i++)
        count += json_list_length(field_list(doors->items[i], "alarms"));
    return count;
}

static bool is_up(struct json_object *device)
{
    return strcmp(word(device, "state"), "up") == 0;
}

static size_t count_up(const struct scene_objects *devices)
{
    size_t count = 0;

    for (size_t i = 0; i < devices->count; i++)
        count += is_up(devices->items[i]);
    return count;
}

static void draw_title(const struct scene *scene, struct screen *screen, int64_t now_us)
{
    const struct scene_objects *status = &scene->lists[SCENE_STATUS];
    const struct scene_objects *doors = &scene->lists[SCENE_DOORS];
    const struct scene_objects *devices = &scene->lists[SCENE_DEVICES];
    cleanup_with(text_finish) struct text left = TEXT_INIT;
    cleanup_with(text_finish) struct text alarms = TEXT_INIT;
    char utc[UTC_SIZE];

    if (event_utc_format(now_us, utc))
        moment_add(&left, utc, now_us);
    if (status->count > 0) {
        text_add(&left, "  ");
        field_add(&left, word(status->items[0], "site"));
        text_add(&left, "/");
        field_add(&left, word(status->items[0], "gateway"));
    }
    add_count(&left, doors->count, "door", "doors");
    text_addf(&left, "  %zu of %zu devices up", count_up(devices), devices->count);
    add_count(&alarms, count_alarms(doors), "alarm", "alarms");
    screen_cell(screen, TONE_HEAD, text_string(&left), 0);
    screen_cell(screen, TONE_BAD, text_string(&alarms), 0);
    screen_newline(screen);
    if (scene->trouble.len == 0)
        return;
    screen_cell(screen, TONE_BAD, text_string(&scene->trouble), 0);
    screen_newline(screen);
}

/* The heads of a list, which says if it is not whole. */
static void draw_head(struct screen *screen, const char *name, size_t shown, size_t count)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;

    text_add(&text, name);
    if (shown < count)
        text_addf(&text, " %zu/%zu", shown, count);
    screen_cell(screen, TONE_HEAD, text_string(&text), NAME_COLUMNS);
}

static void draw_door(struct screen *screen, struct json_object *door, int64_t now_us)
{
    cleanup_with(text_finish) struct text id = TEXT_INIT;
    cleanup_with(text_finish) struct text why = TEXT_INIT;
    cleanup_with(text_finish) struct text alarms = TEXT_INIT;
    cleanup_with(text_finish) struct text mode = TEXT_INIT;
    const char *device = field_string(door, "device_state");

    field_add(&id, word(door, "id"));
    show_door_alarms(&alarms, door);
    if (device && strcmp(device, "down") == 0)
        text_addf(&alarms, "%sdevice down", alarms.len ? ", " : "");
    text_add(&alarms, alarms.len ? "; " : "");
    show_door_why(&why, field_object(door, "why"), now_us);
    show_words(&mode, word(door, "mode"));
    screen_cell(screen, TONE_PLAIN, text_string(&id), NAME_COLUMNS);
    screen_cell(screen, TONE_PLAIN, word(door, "state"), STATE_COLUMNS);
    screen_cell(screen, show_door_tone(field_string(door, "mode")), text_string(&mode), MODE_COLUMNS);
    screen_cell(screen, TONE_BAD, text_string(&alarms), 0);
    if (strcmp(word(door, "lock"), "unlocked") == 0)
        screen_cell(screen, TONE_DOUBTFUL, "lock unlocked; ", 0);
    screen_cell(screen, TONE_PLAIN, text_string(&why), 0);
    screen_newline(screen);
}

static void draw_device(struct screen *screen, struct json_object *device, int64_t now_us)
{
    cleanup_with(text_finish) struct text id = TEXT_INIT;
    cleanup_with(text_finish) struct text since = TEXT_INIT;
    cleanup_with(text_finish) struct text reason = TEXT_INIT;
    const char *state = word(device, "state");

    field_add(&id, word(device, "id"));
    moment_add_duration(&since, field_int(device, "since_s", 0));
    if (field_string(device, "reason"))
        field_add(&reason, field_string(device, "reason"));
    screen_cell(screen, TONE_PLAIN, text_string(&id), NAME_COLUMNS);
    screen_cell(screen, show_tone(state), state, STATE_COLUMNS);
    screen_cell(screen, TONE_PLAIN, text_string(&since), SINCE_COLUMNS);
    screen_cell(screen, TONE_PLAIN, text_string(&reason), 0);
    screen_newline(screen);
}

static bool door_matters(struct json_object *door)
{
    return json_list_length(field_list(door, "alarms")) > 0 ||
           strcmp(word(door, "mode"), "controlled") != 0 || strcmp(word(door, "device_state"), "down") == 0;
}

static bool device_matters(struct json_object *device)
{
    return !is_up(device);
}

struct part {
    const struct scene_objects *objects;
    size_t room;
    int64_t now_us;
    bool (*matters)(struct json_object *object);
    void (*draw)(struct screen *screen, struct json_object *object, int64_t now_us);
};

static void draw_objects(const struct part *part, struct screen *screen, bool only, bool matters,
                         size_t *left)
{
    for (size_t i = 0; i<part->objects->count && * left> 0; i++) {
        if (only && part->matters(part->objects->items[i]) != matters)
            continue;
        part->draw(screen, part->objects->items[i], part->now_us);
        --*left;
    }
}

static void draw_part(const struct part *part, struct screen *screen)
{
    bool all = part->objects->count <= part->room;
    size_t left = part->room;

    draw_objects(part, screen, !all, true, &left);
    if (!all)
        draw_objects(part, screen, true, false, &left);
}

static void draw_happenings(const struct scene *scene, struct screen *screen, int64_t now_us)
{
    for (size_t i = scene->next; i > 0 && scene->next - i < SCENE_HAPPENINGS_MAX && screen_left(screen) > 0;
         i--) {
        struct json_object *event = scene->happened[(i - 1) % SCENE_HAPPENINGS_MAX];
        cleanup_with(text_finish) struct text time = TEXT_INIT;
        cleanup_with(text_finish) struct text text = TEXT_INIT;

        moment_add_briefly(&time, field_string(event, "utc"), now_us);
        show_event_briefly(&text, event);
        screen_cell(screen, TONE_PLAIN, text_string(&time), TIME_COLUMNS);
        screen_cell(screen, field_false(event, "on") ? TONE_GOOD : kind_of(event).tone, text_string(&text),
                    0);
        screen_newline(screen);
    }
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

void scene_draw(const struct scene *scene, struct screen *screen, int64_t now_us)
{
    struct part doors = { &scene->lists[SCENE_DOORS], 0, now_us, door_matters, draw_door };
    struct part devices = { &scene->lists[SCENE_DEVICES], 0, now_us, device_matters, draw_device };

    draw_title(scene, screen, now_us);
    size_t left = screen_left(screen) > HEADS ? screen_left(screen) - HEADS : 0;
    size_t room = left - least(left / 2, HAPPENINGS_MIN);

    devices.room = least(devices.objects->count, room / 3);
    doors.room = least(doors.objects->count, room - devices.room);
    devices.room = least(devices.objects->count, room - doors.room);
    draw_head(screen, "DOORS", doors.room, doors.objects->count);
    screen_cell(screen, TONE_HEAD, "STATE", STATE_COLUMNS);
    screen_cell(screen, TONE_HEAD, "MODE", MODE_COLUMNS);
    screen_cell(screen, TONE_HEAD, "ALARMS; WHY THIS MODE", 0);
    screen_newline(screen);
    draw_part(&doors, screen);
    draw_head(screen, "DEVICES", devices.room, devices.objects->count);
    screen_cell(screen, TONE_HEAD, "STATE", STATE_COLUMNS);
    screen_cell(screen, TONE_HEAD, "FOR", SINCE_COLUMNS);
    screen_cell(screen, TONE_HEAD, "REASON", 0);
    screen_newline(screen);
    draw_part(&devices, screen);
    screen_cell(screen, TONE_HEAD, "HAPPENED", 0);
    screen_newline(screen);
    draw_happenings(scene, screen, now_us);
}
