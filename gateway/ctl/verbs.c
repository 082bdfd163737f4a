/* SPDX-License-Identifier: GPL-3.0-or-later */
/* verbs.c: one short case a command; what may be asked, and by whom, was checked before. */
#include "gateway/ctl/verbs.h"

#include <assert.h>
#include <string.h>

#include "gateway/base/clock.h"

static void run_release(struct client *client, const struct control_args *args, struct ctl_reply *reply)
{
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

static void run_door(struct client *client, const struct control_args *args, struct ctl_reply *reply)
{
    const struct ctl_backend *backend = client_backend(client);
    const struct ctl_order order = order_of(client, args);

    if (strcmp(args->action, "release") == 0)
        run_release(client, args, reply);
    else
        backend->door(backend->user, reply, &order);
}

static void run_lockdown(struct client *client, const struct control_args *args, struct ctl_reply *reply)
{
    const struct ctl_backend *backend = client_backend(client);
    const struct ctl_order order = order_of(client, args);

    backend->lockdown(backend->user, reply, &order);
}

static void run_events(struct client *client, const struct control_args *args, struct ctl_reply *reply)
{
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

static void run_explain(struct client *client, const struct control_args *args, struct ctl_reply *reply)
{
    const struct ctl_backend *backend = client_backend(client);
    const struct ctl_explain explain = {
        .last = args->last,
        .user = args->user,
        .point = args->point,
        .when = when_of(args),
    };

    backend->explain(backend->user, reply, &explain);
}

static void run_who_can(struct client *client, const struct control_args *args, struct ctl_reply *reply)
{
    const struct ctl_backend *backend = client_backend(client);
    const struct ctl_when when = when_of(args);

    backend->who_can(backend->user, reply, args->point, &when, args->limit);
}

static void run_where_can(struct client *client, const struct control_args *args, struct ctl_reply *reply)
{
    const struct ctl_backend *backend = client_backend(client);
    const struct ctl_when when = when_of(args);

    backend->where_can(backend->user, reply, args->user, &when);
}

void verbs_run(struct client *client, const struct control_request *request, struct ctl_reply *reply)
{
    const struct ctl_backend *backend = client_backend(client);

    switch (request->command->verb) {
    case CONTROL_STATUS:
        backend->status(backend->user, reply);
        return;
    case CONTROL_SYNC:
        backend->sync(backend->user, reply);
        return;
    case CONTROL_DEVICES:
        backend->devices(backend->user, reply);
        return;
    case CONTROL_DOORS:
        backend->doors(backend->user, reply, request->args.brief);
        return;
    case CONTROL_RELEASE:
        run_release(client, &request->args, reply);
        return;
    case CONTROL_DOOR:
        run_door(client, &request->args, reply);
        return;
    case CONTROL_LOCKDOWN:
        run_lockdown(client, &request->args, reply);
        return;
    case CONTROL_EVENTS:
        run_events(client, &request->args, reply);
        return;
    case CONTROL_EVENTS_VERIFY:
        backend->events_verify(backend->user, reply);
        return;
    case CONTROL_USER_FIND:
        backend->user_find(backend->user, reply, request->args.text);
        return;
    case CONTROL_EXPLAIN:
        run_explain(client, &request->args, reply);
        return;
    case CONTROL_WHO_CAN:
        run_who_can(client, &request->args, reply);
        return;
    case CONTROL_WHERE_CAN:
        run_where_can(client, &request->args, reply);
        return;
    case CONTROL_VERSION:
        backend->version(backend->user, reply);
        return;
    case CONTROL_PROFILE_CHECK:
    case CONTROL_WATCH:
        assert(false); /* local: never asked */
    }
}
