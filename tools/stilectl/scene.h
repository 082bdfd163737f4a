/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scene.h: what `watch` knows of the gateway, and how it is drawn. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "tools/stilectl/screen.h"

struct json_object;

/* Happenings that are kept: more than a screen shows. */
#define SCENE_HAPPENINGS_MAX SCREEN_ROWS_MAX

/* What is asked for, each a list of objects, in this order. */
enum scene_list { SCENE_STATUS, SCENE_DOORS, SCENE_DEVICES, SCENE_LISTS };

struct scene_objects {
    struct json_object **items;
    size_t count;
    size_t size;
};

struct scene {
    struct scene_objects lists[SCENE_LISTS];
    struct scene_objects coming;                        /* the list that is being told */
    struct json_object *happened[SCENE_HAPPENINGS_MAX]; /* a ring; the newest is before `next` */
    size_t next;
    struct text trouble; /* why nothing is heard; "": all is well */
};

void scene_finish(struct scene *scene);

/* An object of a list that is being told is taken over; the list is told whole. */
int scene_add(struct scene *scene, struct json_object **object) must_check;
void scene_told(struct scene *scene, enum scene_list list);
void scene_forget_coming(struct scene *scene);

/* Whether an event is told to whoever watches: others only repeat what it said. */
bool scene_tells(struct json_object *event);

/* Whether doors or devices may be other than before, after this event. */
bool scene_changes(struct json_object *event);

/* Something happened; takes it over. */
void scene_happened(struct scene *scene, struct json_object **event);

/* Draws a frame that was begun. now_us: UTC. */
void scene_draw(const struct scene *scene, struct screen *screen, int64_t now_us);
