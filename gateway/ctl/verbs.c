/* SPDX-License-Identifier: GPL-3.0-or-later */
/* verbs.c: one short function a command; what may be asked, and by whom, was checked before. */
#include "gateway/ctl/verbs.h"

#include <assert.h>
#include <string.h>

#include "gateway/base/clock.h"

static void run_release(struct client *client, const struct control_request *request, struct ctl_reply *reply)
{
    const struct control_args *args = &request->args;
    const struct ctl_backend *backend = client_backend(client);
    const struct ctl_release release = { .door = args->door,
                                         .direction = args->direction ? args->direction : "entry",
                                         .reason = args->reason,
                                         .operator_name = client_peer(client)->name };

    backend->release(backend->user, reply, &release);
}

static struct ctl_order order_of(struct client *client, const struct control_args *args)
{
    return (struct ctl_order){
        .door = args->door,
        .action = args->action,
        .value = args->value,
        .until_utc_us = args->until_utc_us,
        .for_s = args->for_s,
        .reason = args->reason,
        .operator_name = client_peer(client)->name,
    };
}

static void run_door(struct client *client, const struct control_request *request, struct ctl_reply *reply)
{
    const struct control_args *args = &request->args;
    const struct ctl_backend *backend = client_backend(client);
    const struct ctl_order order = order_of(client, args);

    if (strcmp(args->action, "release") == 0)
        run_release(client, request, reply);
    else
        backend->door(backend->user, reply, &order);
}

static void run_lockdown(struct client *client, const struct control_request *request,
                         struct ctl_reply *reply)
{
    const struct control_args *args = &request->args;
    const struct ctl_backend *backend = client_backend(client);
    const struct ctl_order order = order_of(client, args);

    backend->lockdown(backend->user, reply, &order);
}

static void run_device_order(struct client *client, const struct control_request *request,
                             struct ctl_reply *reply)
{
    const struct ctl_backend *backend = client_backend(client);
    const struct control_args *args = &request->args;
    const struct ctl_device_order order = {
        .verb = request->command->verb,
        .device = args->device,
        .target = args->target,
        .direction = args->direction,
        .address = args->address,
        .address_type = args->address_type,
        .for_s = args->for_s,
        .reason = args->reason,
        .operator_name = client_peer(client)->name,
    };

    backend->device_order(backend->user, reply, &order);
}

static void run_events(struct client *client, const struct control_request *request, struct ctl_reply *reply)
{
    const struct control_args *args = &request->args;
    const struct ctl_backend *backend = client_backend(client);
    const struct ctl_events events = {
        .door = args->door,
        .user = args->user,
        .since_utc_us = args->since ? args->since_utc_us : 0,
        .limit = args->limit,
    };

    if (args->follow && client_follow(client, args) < 0)
        ctl_reply_end(reply, CONTROL_EXIT_DAEMON, "out of memory");
    else
        backend->events(backend->user, reply, &events);
}

static struct ctl_when when_of(const struct control_args *args)
{
    return (struct ctl_when){ .at_given = args->at,
                              .at_utc_us = args->at ? args->at_utc_us : 0,
                              .clock = args->clock ? clock_state_find(args->clock) : -1 };
}

static void run_explain(struct client *client, const struct control_request *request, struct ctl_reply *reply)
{
    const struct control_args *args = &request->args;
    const struct ctl_backend *backend = client_backend(client);
    const struct ctl_explain explain = {
        .last = args->last,
        .user = args->user,
        .point = args->point,
        .when = when_of(args),
    };

    backend->explain(backend->user, reply, &explain);
}

static void run_who_can(struct client *client, const struct control_request *request, struct ctl_reply *reply)
{
    const struct control_args *args = &request->args;
    const struct ctl_backend *backend = client_backend(client);
    const struct ctl_when when = when_of(args);

    backend->who_can(backend->user, reply, args->point, &when, args->limit);
}

static void run_where_can(struct client *client, const struct control_request *request,
                          struct ctl_reply *reply)
{
    const struct control_args *args = &request->args;
    const struct ctl_backend *backend = client_backend(client);
    const struct ctl_when when = when_of(args);

    backend->where_can(backend->user, reply, args->user, &when);
}

static void run_status(struct client *client, const struct control_request *request, struct ctl_reply *reply)
{
    const struct ctl_backend *backend = client_backend(client);

    backend->status(backend->user, reply);
}

static void run_sync(struct client *client, const struct control_request *request, struct ctl_reply *reply)
{
    const struct ctl_backend *backend = client_backend(client);

    backend->sync(backend->user, reply);
}

static void run_devices(struct client *client, const struct control_request *request, struct ctl_reply *reply)
{
    const struct ctl_backend *backend = client_backend(client);

    backend->devices(backend->user, reply);
}

static void run_events_verify(struct client *client, const struct control_request *request,
                              struct ctl_reply *reply)
{
    const struct ctl_backend *backend = client_backend(client);

    backend->events_verify(backend->user, reply);
}

static void run_version(struct client *client, const struct control_request *request, struct ctl_reply *reply)
{
    const struct ctl_backend *backend = client_backend(client);

    backend->version(backend->user, reply);
}

static void run_doors(struct client *client, const struct control_request *request, struct ctl_reply *reply)
{
    const struct ctl_backend *backend = client_backend(client);

    backend->doors(backend->user, reply, request->args.brief);
}

static void run_user_find(struct client *client, const struct control_request *request,
                          struct ctl_reply *reply)
{
    const struct ctl_backend *backend = client_backend(client);

    backend->user_find(backend->user, reply, request->args.text);
}

static void run_lock_status(struct client *client, const struct control_request *request,
                            struct ctl_reply *reply)
{
    const struct ctl_backend *backend = client_backend(client);

    backend->lock_status(backend->user, reply, request->args.target);
}

static void run_device_listen(struct client *client, const struct control_request *request,
                              struct ctl_reply *reply)
{
    const struct ctl_backend *backend = client_backend(client);

    backend->device_listen(backend->user, reply, request->args.device, request->args.for_s);
}

/* Local commands have none: they are never asked. */
static void (*const runs[])(struct client *client, const struct control_request *request,
                            struct ctl_reply *reply) = {
    [CONTROL_STATUS] = run_status,
    [CONTROL_SYNC] = run_sync,
    [CONTROL_DEVICES] = run_devices,
    [CONTROL_DEVICE_LISTEN] = run_device_listen,
    [CONTROL_DEVICE_RELEASE] = run_device_order,
    [CONTROL_BLE_SCAN] = run_device_order,
    [CONTROL_LOCK_STATUS] = run_lock_status,
    [CONTROL_LOCK_PAIR] = run_device_order,
    [CONTROL_LOCK_UNLOCK] = run_device_order,
    [CONTROL_LOCK_UNLATCH] = run_device_order,
    [CONTROL_LOCK_LOCK] = run_device_order,
    [CONTROL_DOORS] = run_doors,
    [CONTROL_DOOR] = run_door,
    [CONTROL_RELEASE] = run_release,
    [CONTROL_LOCKDOWN] = run_lockdown,
    [CONTROL_EVENTS] = run_events,
    [CONTROL_EVENTS_VERIFY] = run_events_verify,
    [CONTROL_USER_FIND] = run_user_find,
    [CONTROL_EXPLAIN] = run_explain,
    [CONTROL_WHO_CAN] = run_who_can,
    [CONTROL_WHERE_CAN] = run_where_can,
    [CONTROL_VERSION] = run_version,
};

void verbs_run(struct client *client, const struct control_request *request, struct ctl_reply *reply)
{
    assert(request->command->verb < sizeof(runs) / sizeof(runs[0]) && runs[request->command->verb]);
    runs[request->command->verb](client, request, reply);
}
