/* SPDX-License-Identifier: GPL-3.0-or-later */
/* orders.c: core knows which mode holds and until when, and nothing of people at desks; who they were is kept
 * here, as the object that is stored and shown, in a list as short as that of the doors. */
#include "gateway/daemon/orders.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/daemon.h"
#include "gateway/daemon/record.h"
#include "proto/json.h"

/* An order has the name of the door that it overrides; one of lockdown has this before it, which begins no
 * door's name, and for the whole site it alone. */
#define LOCKDOWN "*"

#define SUBSYSTEM "order"

struct order {
    struct order *next;
    char *object;
    char name[];
};

struct orders {
    struct order *first;
};

int orders_new(struct orders **ret)
{
    struct orders *orders = calloc(1, sizeof(*orders));

    if (!orders)
        return -ENOMEM;
    *ret = orders;
    return 0;
}

static void forget(struct orders *orders, const char *name)
{
    for (struct order **at = &orders->first, *order; (order = *at); at = &order->next) {
        if (strcmp(order->name, name) != 0)
            continue;
        *at = order->next;
        free(order->object);
        free(order);
        return;
    }
}

struct orders *orders_free(struct orders *orders)
{
    if (!orders)
        return NULL;
    while (orders->first)
        forget(orders, orders->first->name);
    free(orders);
    return NULL;
}

static int keep(struct orders *orders, const char *name, const char *object)
{
    size_t size = strlen(name) + 1;
    struct order *order = malloc(sizeof(*order) + size);
    cleanup_with(freep) char *copy = strdup(object);

    if (!order || !copy) {
        free(order);
        return -ENOMEM;
    }
    forget(orders, name);
    memcpy(order->name, name, size);
    order->object = take_ptr(copy);
    order->next = orders->first;
    orders->first = order;
    return 0;
}

int orders_restore(struct daemon *daemon, const char *key, const char *value)
{
    return keep(daemon->orders, key + strlen(ORDERS_PREFIX), value);
}

/* That an order is not remembered keeps nobody from carrying it out. */
static void remember(struct daemon *daemon, const char *name, const struct order_by *by,
                     const struct timestamp *now)
{
    cleanup_with(text_finish) struct text key = TEXT_INIT;
    cleanup_with(text_finish) struct text object = TEXT_INIT;
    struct json_out out = json_out_to(&object);
    char at[UTC_SIZE];
    bool dated = now->clock != CLOCK_STATE_NONE && event_utc_format(now->utc_us, at);

    json_begin_object(&out, NULL);
    json_add_string(&out, "operator", by->operator_name);
    json_add_string(&out, "iss", by->issuer);
    json_add_string(&out, "reason", by->reason);
    json_add_string(&out, "at", dated ? at : NULL);
    json_end_object(&out);
    text_addf(&key, ORDERS_PREFIX "%s", name);
    int r = text_error(&key) ? text_error(&key) : text_error(&object);

    forget(daemon->orders, name); /* whose it was before it is not */
    if (r == 0)
        r = keep(daemon->orders, name, text_string(&object));
    if (r == 0)
        record_effect(daemon, text_string(&key), text_string(&object));
    else
        daemon_trouble(SUBSYSTEM, name, r);
}

static void end(struct daemon *daemon, const char *name)
{
    cleanup_with(text_finish) struct text key = TEXT_INIT;

    forget(daemon->orders, name);
    text_addf(&key, ORDERS_PREFIX "%s", name);
    if (text_error(&key) == 0)
        record_effect(daemon, text_string(&key), NULL);
}

int orders_mode(struct daemon *daemon, uint32_t door, enum door_mode mode, int64_t until_us,
                const struct order_by *by, const struct timestamp *now)
{
    int r = world_mode(daemon->world, door, mode, until_us, now);

    if (r < 0)
        return r;
    if (mode == DOOR_MODES)
        end(daemon, policy_door(daemon->policy, door)->id);
    else
        remember(daemon, policy_door(daemon->policy, door)->id, by, now);
    return 0;
}

struct lockdown_name {
    char text[sizeof(LOCKDOWN) + ID_SIZE];
};

static struct lockdown_name lockdown_name(const struct daemon *daemon, uint32_t door)
{
    struct lockdown_name name;

    snprintf(name.text, sizeof(name.text), LOCKDOWN "%s",
             door == POLICY_NONE ? "" : policy_door(daemon->policy, door)->id);
    return name;
}

static void remember_lockdown(struct daemon *daemon, uint32_t door, bool on, const struct order_by *by,
                              const struct timestamp *now)
{
    const struct lockdown_name name = lockdown_name(daemon, door);

    if (on)
        remember(daemon, name.text, by, now);
    else
        end(daemon, name.text);
}

int orders_lockdown(struct daemon *daemon, uint32_t door, bool on, const struct order_by *by,
                    const struct timestamp *now)
{
    const struct event event = {
        .kind = EVENT_LOCKDOWN,
        .door = door == POLICY_NONE ? NULL : policy_door(daemon->policy, door)->id,
        .on = &on,
        .operator_name = by->operator_name,
        .issuer = by->issuer,
        .jti = by->jti,
    };
    int r = world_lockdown(daemon->world, door, on, now);

    if (r < 0)
        return r;
    remember_lockdown(daemon, door, on, by, now);
    record_event(daemon, &event, by->cause, now);
    return 0;
}

static const char *find(const struct daemon *daemon, const char *name)
{
    const struct order *order = daemon->orders->first;

    while (order && strcmp(order->name, name) != 0)
        order = order->next;
    return order ? order->object : NULL;
}

const char *orders_of(const struct daemon *daemon, uint32_t door)
{
    return find(daemon, policy_door(daemon->policy, door)->id);
}

void orders_follow(struct daemon *daemon, uint32_t door, const struct timestamp *now)
{
    int64_t until_us;

    if (orders_of(daemon, door) && world_door_override(daemon->world, door, now, &until_us) == DOOR_MODES)
        end(daemon, policy_door(daemon->policy, door)->id);
}

const char *orders_of_lockdown(const struct daemon *daemon, uint32_t door)
{
    const struct lockdown_name name = lockdown_name(daemon, door);

    return find(daemon, name.text);
}
