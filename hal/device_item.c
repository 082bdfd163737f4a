/* SPDX-License-Identifier: GPL-3.0-or-later */
/* device_item.c: plain arrays; a device has a handful of ids. */
#include "hal/device_item.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct lists {
    struct json_object *points;
    struct json_object *targets;
};

static const struct json_row rows[] = {
    JSON_ROW_LIST(struct lists, points, "points", 0, DRIVER_POINTS_MAX),
    JSON_ROW_LIST(struct lists, targets, "targets", 0, DRIVER_TARGETS_MAX),
};

static int read_ids(struct json_object *list, const char *member, char (*ret_ids)[ID_SIZE],
                    struct json_error *error)
{
    for (size_t i = 0; i < json_list_length(list); i++) {
        const char *id = json_list_string(list, i, error);

        if (id && !id_valid(id)) {
            json_error_set(error, "", "%s", ID_EXPECTED);
            json_error_within(error, "[%zu]", i);
            id = NULL;
        }
        if (!id) {
            json_error_within(error, "%s", member);
            return -EBADMSG;
        }
        snprintf(ret_ids[i], ID_SIZE, "%s", id);
    }
    return 0;
}

int device_item_read(struct json_object *device, struct device_item *ret, struct json_error *error)
{
    struct lists lists;
    int r = json_read(device, JSON_ROWS(rows), &lists, error);

    if (r == 0)
        r = read_ids(lists.points, "points", ret->points, error);
    if (r == 0)
        r = read_ids(lists.targets, "targets", ret->targets, error);
    if (r < 0)
        return r;
    ret->point_count = json_list_length(lists.points);
    ret->target_count = json_list_length(lists.targets);
    return 0;
}

static bool has(const char ids[][ID_SIZE], size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(ids[i], id) == 0)
            return true;
    return false;
}

bool device_item_has_point(const struct device_item *item, const char *point)
{
    return has(item->points, item->point_count, point);
}

bool device_item_has_target(const struct device_item *item, const char *target)
{
    return has(item->targets, item->target_count, target);
}
