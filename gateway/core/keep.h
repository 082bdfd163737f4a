/* SPDX-License-Identifier: GPL-3.0-or-later */
/* keep.h: what outlasts a restart, as keys and values (README.md lists them).
 *
 * Each function writes the present state of one thing through the effect hook; keep_restore() reads it back.
 * Values are JSON. A value is written whole each time, so that the last one is all there is to know.
 */
#pragma once

#include "gateway/core/memory.h"

/* Bytes that the longest value needs; the world's text has them from the beginning. */
#define KEEP_VALUE_SIZE 1024

void keep_person(struct world *world, const struct person_memory *person);
void keep_release(struct world *world, const struct person_memory *person, const struct release *release);
void keep_credential(struct world *world, const struct credential_memory *credential);
void keep_area(struct world *world, const struct area_memory *area);
void keep_override(struct world *world, const struct door_memory *door);
void keep_first_person(struct world *world, const struct door_memory *door, const struct first_person *first);
void keep_alarm(struct world *world, const struct door_memory *door, enum door_alarm alarm);
void keep_place(struct world *world, const struct door_memory *door, const struct door_place *place,
                enum door_alarm alarm);
void keep_lockout(struct world *world, const struct point_memory *point);

/* Of a door, or of the site: NULL. */
void keep_lockdown(struct world *world, const struct door_memory *door);

void keep_forgiven(struct world *world);

/* Returns as world_restore() does. */
int keep_restore(struct world *world, const char *key, const char *value) must_check;
