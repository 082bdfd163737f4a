/* SPDX-License-Identifier: GPL-3.0-or-later */
/* devices.c: a device that is in another state is an event; one that comes up is told at once what mode its
 * doors are in, since a driver that restarts knows nothing. */
#include "gateway/daemon/devices.h"

#include <errno.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/daemon/access.h"
#include "gateway/daemon/cloud.h"
#include "gateway/daemon/cloud_commands.h"
#include "gateway/daemon/daemon.h"
#include "gateway/daemon/device_orders.h"
#include "gateway/daemon/listeners.h"
#include "gateway/daemon/modes.h"
#include "gateway/daemon/record.h"
#include "gateway/daemon/releases.h"

#define SUBSYSTEM "device"

static void on_event(void *user, const char *device, const struct driver_event *event)
{
    listeners_event(user, device, event);
    access_event(user, device, event);
}

static void on_result(void *user, int64_t id, enum driver_outcome outcome, const char *reason, int64_t ms)
{
    struct daemon *daemon = user;

    if (!modes_result(daemon, id, outcome, reason) &&
        !device_orders_result(daemon, id, outcome, reason, ms) &&
        !cloud_commands_result(daemon, id, outcome, reason))
        releases_result(daemon, id, outcome, reason, ms);
    struct timestamp now = daemon_now(daemon);

    access_settle(daemon, 0, &now);
    daemon_arm(daemon);
}

static void on_found(void *user, int64_t id, const struct driver_found *found)
{
    device_orders_found(user, id, found);
}

static void on_progress(void *user, int64_t id, const char *text)
{
    if (!device_orders_progress(user, id, text)) /* nobody waits for it */
        log_info(SUBSYSTEM, "%s", text);
}

struct loss {
    struct daemon *daemon;
    const char *device;
};

static int lose_reader(void *user, const struct hal_place *place)
{
    const struct loss *loss = user;
    struct daemon *daemon = loss->daemon;
    uint32_t point = place->is_point && strcmp(place->device, loss->device) == 0
                         ? policy_point_of_reader(daemon->policy, place->id)
                         : POLICY_NONE;
    uint32_t door = point == POLICY_NONE ? POLICY_NONE : policy_point(daemon->policy, point)->door;

    if (door != POLICY_NONE)
        world_reader_lost(daemon->world, door, place->id);
    return 0;
}

/* Nobody watches these doors now. What was closed may be open when the device is back, which then says so. */
static void lose_doors(struct daemon *daemon, const char *device)
{
    struct loss loss = { .daemon = daemon, .device = device };
    uint32_t index = policy_find(daemon->policy, ITEM_DEVICE, device);

    for (uint32_t door = 0; index != POLICY_NONE && door < policy_count(daemon->policy, ITEM_DOOR); door++)
        if (policy_door(daemon->policy, door)->device == index)
            world_device_lost(daemon->world, door);
    hal_each_place(daemon->hal, lose_reader, &loss);
}

static bool is_up(enum hal_state state)
{
    return state == HAL_STATE_UP || state == HAL_STATE_DEGRADED;
}

static void on_device(void *user, const struct hal_status *status)
{
    struct daemon *daemon = user;
    struct timestamp now = daemon_now(daemon);
    struct event event = {
        .kind = status->state == HAL_STATE_UP         ? EVENT_DEVICE_UP
                : status->state == HAL_STATE_DEGRADED ? EVENT_DEVICE_DEGRADED
                                                      : EVENT_DEVICE_DOWN,
        .device = status->id,
        .driver = status->driver,
        .reason = status->reason[0] ? status->reason : NULL,
    };

    log_notice(SUBSYSTEM, "%s: %s%s%s", status->id, hal_state_name(status->state), event.reason ? ": " : "",
               status->reason);
    record_event(daemon, &event, 0, &now);
    listeners_device(daemon, status);
    if (!is_up(status->state))
        lose_doors(daemon, status->id);
    else if (!is_up(status->before))
        modes_device_up(daemon, status->id, &now);
    cloud_world_changed(daemon);
    daemon_arm(daemon);
}

static void on_stopped(void *user)
{
    struct daemon *daemon = user;

    daemon->hal_stopped = true;
    daemon_stopped(daemon);
}

static int configure(struct daemon *daemon)
{
    uint32_t count = policy_count(daemon->policy, ITEM_DEVICE);
    cleanup_with(freep) struct hal_item *items = calloc(count + 1, sizeof(*items));

    if (!items)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        const struct policy_device *device = policy_device(daemon->policy, i);

        items[i] = (struct hal_item){ device->id, device->driver, device->json, device->json_len };
    }
    return hal_configure(daemon->hal, items, count);
}

void devices_configure(struct daemon *daemon)
{
    int r = daemon->stopping ? 0 : configure(daemon);

    if (r < 0)
        daemon_trouble(SUBSYSTEM, "the policy's devices cannot be set up", r);
}

int devices_start(struct daemon *daemon)
{
    const struct hal_config config = { .driver_directory = daemon->config.driver_directory };
    const struct hal_callbacks callbacks = {
        .event = on_event,
        .device = on_device,
        .result = on_result,
        .found = on_found,
        .progress = on_progress,
        .stopped = on_stopped,
    };
    int r = hal_new(daemon->event, &config, &callbacks, daemon, &daemon->hal);

    return r < 0 ? r : configure(daemon);
}
