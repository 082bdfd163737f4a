/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cloud_report.c: built from what is in memory, seldom, and never on the way from a tap to its door. */
#include "gateway/daemon/cloud_report.h"

#include <errno.h>

#include "gateway/daemon/alarms.h"
#include "gateway/daemon/daemon.h"
#include "proto/cloud_message.h"

/* What the report's lists are gathered in. Strings are the policy's and hal's. */
struct gathered {
    struct cloud_report_door *doors;
    struct cloud_report_device *devices;
    struct cloud_report_area *areas;
    struct cloud_report_alarm alarms[CLOUD_REPORT_ENTRIES_MAX];
    size_t alarm_count;
    size_t device_count;
};

static void gathered_finish(struct gathered *gathered)
{
    free(gathered->doors);
    free(gathered->devices);
    free(gathered->areas);
}

static size_t bounded(uint32_t count)
{
    return count < CLOUD_REPORT_ENTRIES_MAX ? count : CLOUD_REPORT_ENTRIES_MAX;
}

static int add_device(void *user, const struct hal_status *status)
{
    struct gathered *gathered = user;

    gathered->devices[gathered->device_count++] = (struct cloud_report_device){
        .id = status->id,
        .state = hal_state_name(status->state),
        .reason = status->reason[0] ? status->reason : NULL,
    };
    return gathered->device_count == HAL_DEVICES_MAX;
}

static void gather(struct daemon *daemon, struct gathered *gathered, const struct timestamp *now)
{
    static const char *const contacts[] = { "unknown", "closed", "open" };
    enum mode_cause cause;

    for (uint32_t i = 0; i < bounded(policy_count(daemon->policy, ITEM_DOOR)); i++)
        gathered->doors[i] = (struct cloud_report_door){
            .id = policy_door(daemon->policy, i)->id,
            .mode = door_mode_name(world_door_mode(daemon->world, i, now, &cause)),
            .sensed = contacts[world_door_contact(daemon->world, i) + 1],
        };
    for (uint32_t i = 0; i < bounded(policy_count(daemon->policy, ITEM_AREA)); i++)
        gathered->areas[i] = (struct cloud_report_area){
            .id = policy_area(daemon->policy, i)->id,
            .people = world_occupancy(daemon->world, i),
        };
    hal_each(daemon->hal, add_device, gathered);
    gathered->alarm_count = alarms_in_force(daemon, gathered->alarms);
}

int cloud_report_payload(struct daemon *daemon, struct text *text, const struct timestamp *now)
{
    size_t doors = bounded(policy_count(daemon->policy, ITEM_DOOR));
    size_t areas = bounded(policy_count(daemon->policy, ITEM_AREA));
    cleanup_with(gathered_finish) struct gathered gathered = {
        .doors = calloc(doors + 1, sizeof(struct cloud_report_door)),
        .devices = calloc(HAL_DEVICES_MAX, sizeof(struct cloud_report_device)),
        .areas = calloc(areas + 1, sizeof(struct cloud_report_area)),
    };

    if (!gathered.doors || !gathered.devices || !gathered.areas)
        return -ENOMEM;
    gather(daemon, &gathered, now);
    const struct cloud_report report = {
        .doors = gathered.doors,
        .door_count = doors,
        .devices = gathered.devices,
        .device_count = gathered.device_count,
        .areas = gathered.areas,
        .area_count = areas,
        .alarms = gathered.alarms,
        .alarm_count = gathered.alarm_count,
    };
    return cloud_report_format(text, &report);
}
