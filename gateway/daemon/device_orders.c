/* SPDX-License-Identifier: GPL-3.0-or-later */
/* device_orders.c: a list, as short as the people who order something just now. One order is one command, a
 * scan one for each radio; it ends with the last of them. */
#include "gateway/daemon/device_orders.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "gateway/daemon/access.h"
#include "gateway/daemon/daemon.h"
#include "gateway/daemon/record.h"
#include "gateway/daemon/releases.h"
#include "proto/json.h"

#define SUBSYSTEM "order"

struct device_order {
    struct device_order *next;
    struct ctl_reply *reply;
    enum driver_command_kind kind;
    enum driver_direction direction;
    enum control_exit exit;
    char target[ID_SIZE]; /* "": a scan */
    uint64_t cause;
    size_t open; /* commands that have not ended */
    int64_t ids[DEVICE_ORDERS_RADIOS_MAX];
    char radios[DEVICE_ORDERS_RADIOS_MAX][ID_SIZE];
};

struct device_orders {
    struct device_order *first;
};

int device_orders_new(struct device_orders **ret)
{
    struct device_orders *orders = calloc(1, sizeof(*orders));

    if (!orders)
        return -ENOMEM;
    *ret = orders;
    return 0;
}

struct device_orders *device_orders_free(struct device_orders *orders)
{
    if (!orders)
        return NULL;
    for (struct device_order *order; (order = orders->first);) {
        orders->first = order->next;
        ctl_reply_end(order->reply, CONTROL_EXIT_DAEMON, "the daemon stops");
        free(order);
    }
    free(orders);
    return NULL;
}

static enum driver_command_kind kind_of(enum control_verb verb)
{
    static const struct {
        enum control_verb verb;
        enum driver_command_kind kind;
    } kinds[] = {
        { CONTROL_DEVICE_RELEASE, DRIVER_COMMAND_RELEASE }, { CONTROL_BLE_SCAN, DRIVER_COMMAND_SCAN },
        { CONTROL_LOCK_PAIR, DRIVER_COMMAND_PAIR },         { CONTROL_LOCK_UNLOCK, DRIVER_COMMAND_UNLOCK },
        { CONTROL_LOCK_UNLATCH, DRIVER_COMMAND_UNLATCH },   { CONTROL_LOCK_LOCK, DRIVER_COMMAND_LOCK },
    };
    size_t i = 0;

    while (kinds[i].verb != verb) {
        i++;
        assert(i < sizeof(kinds) / sizeof(kinds[0]));
    }
    return kinds[i].kind;
}

static enum driver_direction direction_of(const char *direction)
{
    if (!direction)
        return DRIVER_DIRECTION_ANY;
    return strcmp(direction, "exit") == 0 ? DRIVER_DIRECTION_EXIT : DRIVER_DIRECTION_ENTRY;
}

static enum driver_address_type address_type_of(const char *type)
{
    if (!type)
        return DRIVER_ADDRESS_UNKNOWN;
    return strcmp(type, "random") == 0 ? DRIVER_ADDRESS_RANDOM : DRIVER_ADDRESS_PUBLIC;
}

static struct driver_command command_of(const struct ctl_device_order *wanted, const struct timestamp *now)
{
    struct driver_command command = {
        .kind = kind_of(wanted->verb),
        .deadline_us = now->boot_us + DEVICE_ORDERS_LIMIT_US,
        .direction = direction_of(wanted->direction),
        .pulse_ms = DEVICE_ORDERS_PULSE_MS,
        .address_type = address_type_of(wanted->address_type),
    };

    if (wanted->verb == CONTROL_BLE_SCAN) /* the driver ends it half a second before */
        command.deadline_us = now->boot_us + wanted->for_s * USEC_PER_SEC + USEC_PER_SEC / 2;
    if (wanted->verb == CONTROL_LOCK_PAIR)
        command.deadline_us = now->boot_us + DEVICE_ORDERS_PAIR_US;
    text_copy(command.target, sizeof(command.target), wanted->target);
    text_copy(command.address, sizeof(command.address), wanted->address);
    return command;
}

/* NULL if the policy has no door there. */
static const char *door_of(const struct daemon *daemon, const char *target)
{
    uint32_t door = policy_door_of_target(daemon->policy, target);

    return door == POLICY_NONE ? NULL : policy_door(daemon->policy, door)->id;
}

static const char *direction_word(enum driver_direction direction)
{
    return direction == DRIVER_DIRECTION_ANY ? NULL : driver_direction_name(direction);
}

static uint64_t record_order(struct daemon *daemon, const struct ctl_device_order *wanted,
                             const struct timestamp *now)
{
    const struct event event = {
        .kind = EVENT_OPERATOR,
        .door = wanted->target ? door_of(daemon, wanted->target) : NULL,
        .target = wanted->target,
        .direction = wanted->direction,
        .device = wanted->device,
        .operator_name = wanted->operator_name,
        .verb = driver_command_name(kind_of(wanted->verb)),
        .text = wanted->reason ? wanted->reason : wanted->address,
    };

    return record_event(daemon, &event, 0, now);
}

/* Which of the order's commands has this id; id 0: which has ended. */
static size_t find_id(const struct device_order *order, int64_t id)
{
    size_t i = 0;

    while (i < DEVICE_ORDERS_RADIOS_MAX && order->ids[i] != id)
        i++;
    return i;
}

static void record_outcome(struct daemon *daemon, const struct device_order *order, const char *radio,
                           enum driver_outcome outcome, const char *reason, int64_t ms)
{
    struct timestamp now = daemon_now(daemon);
    const struct event event = {
        .kind = releases_event_kind(outcome),
        .door = order->target[0] ? door_of(daemon, order->target) : NULL,
        .target = order->target[0] ? order->target : NULL,
        .direction = direction_word(order->direction),
        .reason = reason[0] ? reason : NULL,
        .device = radio[0] ? radio : NULL,
        .ms = &ms,
    };

    record_event(daemon, &event, order->cause, &now);
}

static void tell_outcome(const struct device_order *order, const char *radio, enum driver_outcome outcome,
                         const char *reason, int64_t ms)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    struct json_out out = json_out_to(&text);

    json_begin_object(&out, NULL);
    json_add_string(&out, "verb", driver_command_name(order->kind));
    json_add_string(&out, "device", radio[0] ? radio : NULL);
    json_add_string(&out, "target", order->target[0] ? order->target : NULL);
    json_add_string(&out, "direction", direction_word(order->direction));
    json_add_string(&out, "outcome", driver_outcome_name(outcome));
    json_add_string(&out, "reason", reason[0] ? reason : NULL);
    json_add_int(&out, "ms", ms);
    json_end_object(&out);
    ctl_reply_text(order->reply, &text);
}

static uint32_t door_opened(const struct daemon *daemon, const struct device_order *order)
{
    return order->target[0] && order->kind != DRIVER_COMMAND_PAIR
               ? policy_door_of_target(daemon->policy, order->target)
               : POLICY_NONE;
}

/* A door that was opened by hand is not forced. */
static void tell_core(struct daemon *daemon, const struct device_order *order, const struct timestamp *now)
{
    uint32_t door = door_opened(daemon, order);
    int r = door == POLICY_NONE ? 0 : world_released(daemon->world, door, DEVICE_ORDERS_PULSE_MS, false, now);

    if (r < 0)
        daemon_trouble(SUBSYSTEM, order->target, r);
}

/* A lock is slow, and whoever stands there pulls the door when its motor has come to rest; one that was
 * locked is shut. */
static void tell_core_outcome(struct daemon *daemon, const struct device_order *order,
                              enum driver_outcome outcome, const struct timestamp *now)
{
    uint32_t door = door_opened(daemon, order);
    int r = 0;

    if (door == POLICY_NONE || outcome == DRIVER_OUTCOME_FAILED)
        return;
    if (order->kind == DRIVER_COMMAND_RELEASE)
        r = world_release_lasts(daemon->world, door,
                                outcome == DRIVER_OUTCOME_ACCEPTED ? DEVICE_ORDERS_PULSE_MS : 0, now);
    else if (order->kind != DRIVER_COMMAND_LOCK)
        r = world_release_lasts(daemon->world, door, policy_door(daemon->policy, door)->pulse_ms, now);
    else if (outcome == DRIVER_OUTCOME_COMPLETED)
        r = world_locked(daemon->world, door, now);
    if (r < 0)
        daemon_trouble(SUBSYSTEM, order->target, r);
}

/* One of its commands has come to this. */
static void take_outcome(struct daemon *daemon, struct device_order *order, const char *radio,
                         enum driver_outcome outcome, const char *reason, int64_t ms)
{
    struct timestamp now = daemon_now(daemon);

    if (outcome == DRIVER_OUTCOME_FAILED || outcome == DRIVER_OUTCOME_UNKNOWN)
        order->exit = CONTROL_EXIT_NO;
    tell_core_outcome(daemon, order, outcome, &now);
    record_outcome(daemon, order, radio, outcome, reason, ms);
    tell_outcome(order, radio, outcome, reason, ms);
}

static void send(struct daemon *daemon, struct device_order *order, const struct driver_command *command,
                 const char *radio)
{
    const char *reason = "no_memory";
    int64_t id = 0;
    size_t i = find_id(order, 0);
    int r = hal_command(daemon->hal, radio, command, &id, &reason);

    if (r != 0) {
        take_outcome(daemon, order, radio ? radio : "", DRIVER_OUTCOME_FAILED, reason, 0);
        return;
    }
    order->ids[i] = id;
    text_copy(order->radios[i], ID_SIZE, radio);
    order->open++;
}

static void end_if_done(struct device_orders *orders, struct device_order *order)
{
    struct device_order **at = &orders->first;

    if (order->open > 0)
        return;
    while (*at != order)
        at = &(*at)->next;
    *at = order->next;
    ctl_reply_end(order->reply, order->exit, NULL);
    free(order);
}

void device_orders_begin(struct daemon *daemon, struct ctl_reply *reply,
                         const struct ctl_device_order *wanted, const char *const radios[],
                         size_t radio_count)
{
    struct timestamp now = daemon_now(daemon);
    const struct driver_command command = command_of(wanted, &now);
    struct device_order *order = calloc(1, sizeof(*order));

    assert(radio_count <= DEVICE_ORDERS_RADIOS_MAX);
    if (!order) {
        ctl_reply_end(reply, CONTROL_EXIT_DAEMON, strerror(ENOMEM));
        return;
    }
    order->reply = reply;
    order->kind = command.kind;
    order->direction = command.direction;
    text_copy(order->target, sizeof(order->target), wanted->target);
    order->next = daemon->device_orders->first;
    daemon->device_orders->first = order;
    order->cause = record_order(daemon, wanted, &now);
    if (radio_count == 0)
        send(daemon, order, &command, NULL);
    for (size_t i = 0; i < radio_count; i++)
        send(daemon, order, &command, radios[i]);
    if (order->open > 0 && order->kind != DRIVER_COMMAND_LOCK)
        tell_core(daemon, order, &now);
    access_settle(daemon, order->cause, &now);
    end_if_done(daemon->device_orders, order);
    daemon_arm(daemon);
}

static struct device_order *find_order(const struct daemon *daemon, int64_t id)
{
    struct device_order *order = daemon->device_orders->first;

    while (order && find_id(order, id) == DEVICE_ORDERS_RADIOS_MAX)
        order = order->next;
    return order;
}

bool device_orders_result(struct daemon *daemon, int64_t id, enum driver_outcome outcome, const char *reason,
                          int64_t ms)
{
    struct device_order *order = find_order(daemon, id);

    if (!order)
        return false;
    size_t i = find_id(order, id);

    take_outcome(daemon, order, order->radios[i], outcome, reason, ms);
    if (outcome != DRIVER_OUTCOME_ACCEPTED) {
        order->ids[i] = 0;
        order->open--;
        end_if_done(daemon->device_orders, order);
    }
    return true;
}

void device_orders_found(struct daemon *daemon, int64_t id, const struct driver_found *found)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    struct json_out out = json_out_to(&text);
    const struct device_order *order = find_order(daemon, id);
    bool typed = found->address_type != DRIVER_ADDRESS_UNKNOWN;

    if (!order)
        return;
    json_begin_object(&out, NULL);
    json_add_string(&out, "device", order->radios[find_id(order, id)]);
    json_add_string(&out, "address", found->address);
    json_add_string(&out, "address_type", typed ? driver_address_type_name(found->address_type) : NULL);
    json_add_string(&out, "name", found->name[0] ? found->name : NULL);
    json_add_string(&out, "about", found->about[0] ? found->about : NULL);
    if (found->rssi != DRIVER_RSSI_UNKNOWN)
        json_add_int(&out, "rssi", found->rssi);
    json_end_object(&out);
    ctl_reply_text(order->reply, &text);
}

bool device_orders_progress(struct daemon *daemon, int64_t id, const char *told)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    struct json_out out = json_out_to(&text);
    const struct device_order *order = find_order(daemon, id);

    if (!order)
        return false;
    json_begin_object(&out, NULL);
    json_add_string(&out, "target", order->target[0] ? order->target : NULL);
    json_add_string(&out, "progress", told);
    json_end_object(&out);
    ctl_reply_text(order->reply, &text);
    return true;
}
