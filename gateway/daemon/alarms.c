/* SPDX-License-Identifier: GPL-3.0-or-later */
/* alarms.c: nothing is kept here: core knows of the doors' alarms, sync of the lease. */
#include "gateway/daemon/alarms.h"

#include "gateway/daemon/cloud_report.h"
#include "gateway/daemon/daemon.h"
#include "gateway/sync/sync.h"

static bool lease_is_over(const struct daemon *daemon)
{
    struct sync_status status;

    if (!daemon->sync)
        return false;
    sync_status(daemon->sync, &status);
    return status.lease_over;
}

/* Appends those of a door. */
static void add_door(const struct daemon *daemon, uint32_t door, struct cloud_report_alarm alarms[],
                     size_t *count)
{
    for (enum door_alarm alarm = 0; alarm < DOOR_ALARMS && *count < CLOUD_REPORT_ENTRIES_MAX; alarm++) {
        int64_t since_us;

        if (world_door_alarm(daemon->world, door, alarm, &since_us))
            alarms[(*count)++] = (struct cloud_report_alarm){
                .kind = door_alarm_name(alarm),
                .door = policy_door(daemon->policy, door)->id,
                .since_us = since_us == INSTANT_MIN ? 0 : since_us,
            };
    }
}

size_t alarms_in_force(const struct daemon *daemon,
                       struct cloud_report_alarm ret_alarms[static CLOUD_REPORT_ENTRIES_MAX])
{
    size_t count = 0;

    if (lease_is_over(daemon))
        ret_alarms[count++] = (struct cloud_report_alarm){ .kind = CLOUD_LEASE_ALARM };
    for (uint32_t door = 0; door < policy_count(daemon->policy, ITEM_DOOR); door++)
        add_door(daemon, door, ret_alarms, &count);
    return count;
}

void alarms_add(struct json_out *out, const struct daemon *daemon)
{
    struct cloud_report_alarm alarms[CLOUD_REPORT_ENTRIES_MAX];
    size_t count = alarms_in_force(daemon, alarms);

    json_begin_list(out, "alarms");
    for (size_t i = 0; i < count; i++)
        cloud_report_alarm_add(out, &alarms[i]);
    json_end_list(out);
}
