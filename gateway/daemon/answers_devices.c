/* SPDX-License-Identifier: GPL-3.0-or-later */
/* answers_devices.c: devices themselves, whatever doors there are: what is ordered of them, how their locks
 * are, and what they say. */
#include <string.h>

#include "gateway/daemon/answers.h"
#include "gateway/daemon/daemon.h"
#include "gateway/daemon/device_orders.h"
#include "gateway/daemon/listeners.h"
#include "proto/json.h"
#include "proto/nearest.h"

/* A target that is looked for, and what it may have been. */
struct wanted_target {
    const char *target;
    const char *device; /* NULL: of any */
    struct nearest nearest;
};

static int match_target(void *user, const struct hal_place *place)
{
    struct wanted_target *wanted = user;

    if (place->is_point || (wanted->device && strcmp(wanted->device, place->device) != 0))
        return 0;
    nearest_offer(&wanted->nearest, place->id);
    return strcmp(place->id, wanted->target) == 0;
}

static void refuse(struct ctl_reply *reply, const char *what, const char *word, const char *nearest)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;

    text_addf(&text, "there is no %s \"%s\"", what, word);
    if (nearest)
        text_addf(&text, "; did you mean \"%s\"?", nearest);
    ctl_reply_end(reply, CONTROL_EXIT_NO, text_string(&text));
}

/* Finds the target, or ends the reply. device: NULL, or which one's it must be. */
static bool take_target(const struct daemon *daemon, struct ctl_reply *reply, const char *target,
                        const char *device)
{
    struct wanted_target wanted = { .target = target, .device = device, .nearest = nearest_to(target) };
    bool found = hal_each_place(daemon->hal, match_target, &wanted);

    if (!found)
        refuse(reply, "target", target, wanted.nearest.best);
    return found;
}

/* A device that is looked for; and its state. */
struct wanted_device {
    const char *device;
    enum hal_state state;
    struct nearest nearest;
};

static int match_device(void *user, const struct hal_status *status)
{
    struct wanted_device *wanted = user;

    nearest_offer(&wanted->nearest, status->id);
    if (strcmp(status->id, wanted->device) != 0)
        return 0;
    wanted->state = status->state;
    return 1;
}

static bool take_device(const struct daemon *daemon, struct ctl_reply *reply, const char *device)
{
    struct wanted_device wanted = { .device = device, .nearest = nearest_to(device) };
    bool found = hal_each(daemon->hal, match_device, &wanted);

    if (!found)
        refuse(reply, "device", device, wanted.nearest.best);
    return found;
}

/* Devices that can look for others. */
struct radios {
    const struct daemon *daemon;
    const char *only; /* NULL: all */
    const char *names[DEVICE_ORDERS_RADIOS_MAX];
    size_t count;
};

static int add_radio(void *user, const struct hal_status *status)
{
    struct radios *radios = user;

    if ((!radios->only || strcmp(radios->only, status->id) == 0) &&
        radios->count < DEVICE_ORDERS_RADIOS_MAX && hal_can(radios->daemon->hal, status->id, DRIVER_CAN_SCAN))
        radios->names[radios->count++] = status->id;
    return 0;
}

static void scan(struct daemon *daemon, struct ctl_reply *reply, const struct ctl_device_order *order)
{
    struct radios radios = { .daemon = daemon, .only = order->device };

    if (order->device && !take_device(daemon, reply, order->device))
        return;
    hal_each(daemon->hal, add_radio, &radios);
    if (radios.count == 0)
        ctl_reply_end(reply, CONTROL_EXIT_NO,
                      order->device ? "this device has no radio that can scan"
                                    : "no device has a radio that can scan");
    else
        device_orders_begin(daemon, reply, order, radios.names, radios.count);
}

void answers_device_order(void *user, struct ctl_reply *reply, const struct ctl_device_order *order)
{
    struct daemon *daemon = user;

    if (order->verb == CONTROL_BLE_SCAN)
        scan(daemon, reply, order);
    else if ((!order->device || take_device(daemon, reply, order->device)) &&
             take_target(daemon, reply, order->target, order->device))
        device_orders_begin(daemon, reply, order, NULL, 0);
}

static void add_door(struct json_out *out, const struct daemon *daemon, const char *target)
{
    uint32_t door = policy_door_of_target(daemon->policy, target);

    if (door != POLICY_NONE)
        json_add_string(out, "door", policy_door(daemon->policy, door)->id);
}

/* What is sensed: by the lock itself, else by an input. */
static const char *sensed(const struct hal_place *place)
{
    const unsigned contact = 1u << DRIVER_ROLE_CONTACT;

    if (place->door != DRIVER_DOOR_UNKNOWN)
        return driver_door_name(place->door);
    if (place->roles & contact)
        return place->values & contact ? "open" : "closed";
    return NULL;
}

struct places_answer {
    struct daemon *daemon;
    struct ctl_reply *reply;
    const char *only; /* a target, a device; NULL: all */
    size_t count;
};

static int answer_lock(void *user, const struct hal_place *place)
{
    struct places_answer *answer = user;
    struct wanted_device device = { .device = place->device, .nearest = nearest_to("") };
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    struct json_out out = json_out_to(&text);
    bool wanted = answer->only ? strcmp(place->id, answer->only) == 0 : place->lock != DRIVER_LOCK_UNKNOWN;

    if (place->is_point || !wanted)
        return 0;
    hal_each(answer->daemon->hal, match_device, &device);
    json_begin_object(&out, NULL);
    json_add_string(&out, "target", place->id);
    add_door(&out, answer->daemon, place->id);
    json_add_string(&out, "lock", driver_lock_name(place->lock));
    json_add_string(&out, "detail", place->detail[0] ? place->detail : NULL);
    json_add_string(&out, "state", sensed(place));
    if (place->has_battery)
        json_add_int(&out, "battery", place->battery);
    if (place->heard_us)
        json_add_int(&out, "heard_s", (clock_boot_us() - place->heard_us) / USEC_PER_SEC);
    json_add_string(&out, "device", place->device);
    json_add_string(&out, "device_state", hal_state_name(device.state));
    json_end_object(&out);
    ctl_reply_text(answer->reply, &text);
    answer->count++;
    return 0;
}

void answers_lock_status(void *user, struct ctl_reply *reply, const char *target)
{
    struct daemon *daemon = user;
    struct places_answer answer = { .daemon = daemon, .reply = reply, .only = target };

    if (target && !take_target(daemon, reply, target, NULL))
        return;
    hal_each_place(daemon->hal, answer_lock, &answer);
    ctl_reply_end(reply, answer.count > 0 ? CONTROL_EXIT_OK : CONTROL_EXIT_NO,
                  answer.count > 0 ? NULL : "no lock has said how it is");
}

/* In which the policy's access points use the target. */
static void add_directions(struct json_out *out, const struct daemon *daemon, const char *target)
{
    uint32_t door = policy_door_of_target(daemon->policy, target);
    bool used[DIRECTIONS] = { false };

    for (uint32_t i = 0; door != POLICY_NONE && i < policy_count(daemon->policy, ITEM_ACCESS_POINT); i++) {
        const struct policy_point *point = policy_point(daemon->policy, i);

        if (point->door == door)
            used[point->direction] = true;
    }
    json_begin_list(out, "directions");
    for (enum direction i = 0; i < DIRECTIONS; i++)
        if (used[i])
            json_add_string(out, NULL, direction_name(i));
    json_end_list(out);
}

static void add_inputs(struct json_out *out, const struct hal_place *place)
{
    json_begin_object(out, "inputs");
    for (enum driver_role role = 0; role <= DRIVER_ROLE_FIRE; role++)
        if (place->roles & 1u << role)
            json_add_bool(out, driver_role_name(role), place->values & 1u << role);
    json_end_object(out);
}

static int answer_place(void *user, const struct hal_place *place)
{
    const struct places_answer *answer = user;
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    struct json_out out = json_out_to(&text);

    if (strcmp(place->device, answer->only) != 0)
        return 0;
    json_begin_object(&out, NULL);
    json_add_string(&out, place->is_point ? "point" : "target", place->id);
    add_inputs(&out, place);
    if (!place->is_point) {
        add_door(&out, answer->daemon, place->id);
        add_directions(&out, answer->daemon, place->id);
        json_add_string(&out, "lock", driver_lock_name(place->lock));
        json_add_string(&out, "state", driver_door_name(place->door));
    }
    json_end_object(&out);
    ctl_reply_text(answer->reply, &text);
    return 0;
}

void answers_device_listen(void *user, struct ctl_reply *reply, const char *device, int64_t for_s)
{
    static const char listening[] = "{\"listening\":true}";
    struct daemon *daemon = user;
    struct places_answer answer = { .daemon = daemon, .reply = reply, .only = device };

    if (!take_device(daemon, reply, device))
        return;
    hal_each_place(daemon->hal, answer_place, &answer);
    ctl_reply_line(reply, listening, sizeof(listening) - 1);
    listeners_add(daemon, reply, device, for_s);
}
