/* SPDX-License-Identifier: GPL-3.0-or-later */
/* driver_events.c: what happens at a device, put into words by driver_emit(). */
#include "hal/driver.h"

#include <assert.h>

#include "gateway/base/text.h"

static void copy_id(char to[static ID_SIZE], const char *id)
{
    assert(id_valid(id));
    text_copy(to, ID_SIZE, id);
}

void driver_presented(struct driver *driver, const char *point, const char *type, const char *value,
                      enum driver_assurance assurance)
{
    struct driver_event event = { .kind = DRIVER_EVENT_PRESENTED, .assurance = assurance };

    copy_id(event.point, point);
    text_copy(event.credential_type, sizeof(event.credential_type), type);
    text_copy(event.credential_value, sizeof(event.credential_value), value);
    driver_emit(driver, &event);
}

void driver_removed(struct driver *driver, const char *point)
{
    struct driver_event event = { .kind = DRIVER_EVENT_REMOVED };

    copy_id(event.point, point);
    driver_emit(driver, &event);
}

void driver_approach(struct driver *driver, const char *point)
{
    struct driver_event event = { .kind = DRIVER_EVENT_APPROACH };

    copy_id(event.point, point);
    driver_emit(driver, &event);
}

void driver_input(struct driver *driver, const char *point, enum driver_role role, bool value)
{
    struct driver_event event = { .kind = DRIVER_EVENT_INPUT, .role = role, .value = value };

    copy_id(event.point, point);
    driver_emit(driver, &event);
}

void driver_input_target(struct driver *driver, const char *target, enum driver_role role, bool value)
{
    struct driver_event event = { .kind = DRIVER_EVENT_INPUT, .role = role, .value = value };

    copy_id(event.target, target);
    driver_emit(driver, &event);
}

void driver_passage(struct driver *driver, const char *target, enum driver_direction direction, int64_t count)
{
    struct driver_event event = { .kind = DRIVER_EVENT_PASSAGE, .direction = direction, .count = count };

    copy_id(event.target, target);
    driver_emit(driver, &event);
}

void driver_no_passage(struct driver *driver, const char *target, enum driver_direction direction)
{
    struct driver_event event = { .kind = DRIVER_EVENT_NO_PASSAGE, .direction = direction };

    copy_id(event.target, target);
    driver_emit(driver, &event);
}

void driver_state(struct driver *driver, const char *target, enum driver_lock lock, enum driver_door door,
                  int64_t battery)
{
    struct driver_event event = {
        .kind = DRIVER_EVENT_STATE, .lock = lock, .door = door, .battery = battery
    };

    copy_id(event.target, target);
    driver_emit(driver, &event);
}

void driver_lock(struct driver *driver, const char *target, enum driver_lock lock, enum driver_door door,
                 const char *detail)
{
    struct driver_event event = {
        .kind = DRIVER_EVENT_STATE, .lock = lock, .door = door, .battery = DRIVER_BATTERY_UNKNOWN
    };

    copy_id(event.target, target);
    text_copy(event.detail, sizeof(event.detail), detail);
    driver_emit(driver, &event);
}

void driver_door(struct driver *driver, const char *target, enum driver_door door, bool obstacle,
                 bool vehicle)
{
    struct driver_event event = { .kind = DRIVER_EVENT_STATE,
                                  .lock = DRIVER_LOCK_UNTOLD,
                                  .door = door,
                                  .obstacle = obstacle,
                                  .vehicle = vehicle,
                                  .battery = DRIVER_BATTERY_UNKNOWN };

    copy_id(event.target, target);
    driver_emit(driver, &event);
}
