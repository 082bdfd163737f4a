/* SPDX-License-Identifier: GPL-3.0-or-later */
/* place.c: as many places as the item has ids, in its order. */
#include "hal/place.h"

#include <string.h>

#include "gateway/base/text.h"

static struct hal_place *find(struct hal_place places[], const char ids[][ID_SIZE], size_t count,
                              const char *id)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(ids[i], id) == 0)
            return &places[i];
    return NULL;
}

static void take_input(struct hal_place *place, const struct driver_event *event)
{
    unsigned bit = 1u << event->role;

    place->roles |= bit;
    place->values = event->value ? place->values | bit : place->values & ~bit;
    place->heard_us = event->at_us;
}

/* What is left out is as it was. */
static void take_state(struct hal_place *place, const struct driver_event *event)
{
    if (event->lock != DRIVER_LOCK_UNTOLD) {
        place->lock = event->lock;
        text_copy(place->detail, sizeof(place->detail), event->detail);
    }
    if (event->door != DRIVER_DOOR_UNTOLD)
        place->door = event->door;
    if (event->door == DRIVER_DOOR_UNKNOWN)
        place->roles &= ~(1u << DRIVER_ROLE_CONTACT);
    if (event->battery != DRIVER_BATTERY_UNKNOWN) {
        place->battery = event->battery;
        place->has_battery = true;
    }
    place->heard_us = event->at_us;
}

void places_take(struct places *places, const struct device_item *item, const struct driver_event *event)
{
    struct hal_place *point = find(places->points, item->points, item->point_count, event->point);
    struct hal_place *target = find(places->targets, item->targets, item->target_count, event->target);

    if (event->kind == DRIVER_EVENT_INPUT && point)
        take_input(point, event);
    if (event->kind == DRIVER_EVENT_INPUT && target)
        take_input(target, event);
    if (event->kind == DRIVER_EVENT_STATE && target)
        take_state(target, event);
}

int places_each(const struct places *places, const struct device_item *item, const char *device,
                int (*fn)(void *userdata, const struct hal_place *place), void *userdata)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < item->point_count + item->target_count; i++) {
        bool is_point = i >= item->target_count;
        size_t k = is_point ? i - item->target_count : i;
        struct hal_place place = is_point ? places->points[k] : places->targets[k];

        place.id = is_point ? item->points[k] : item->targets[k];
        place.is_point = is_point;
        place.device = device;
        r = fn(userdata, &place);
    }
    return r;
}
