/* SPDX-License-Identifier: GPL-3.0-or-later */
/* listeners.c: a list with a timer each; one whose client has left is dropped with the next thing that is
 * told, or when somebody else comes. */
#include "gateway/daemon/listeners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/daemon.h"
#include "proto/json.h"

struct listener {
    struct listener *next;
    struct listeners *listeners;
    struct ctl_reply *reply;
    sd_event_source *timer;
    char device[ID_SIZE];
};

struct listeners {
    struct listener *first;
};

int listeners_new(struct listeners **ret)
{
    struct listeners *listeners = calloc(1, sizeof(*listeners));

    if (!listeners)
        return -ENOMEM;
    *ret = listeners;
    return 0;
}

static void end(struct listener *listener, enum control_exit code, const char *message)
{
    struct listener **at = &listener->listeners->first;

    while (*at != listener)
        at = &(*at)->next;
    *at = listener->next;
    ctl_reply_end(listener->reply, code, message);
    sd_event_source_disable_unref(listener->timer);
    free(listener);
}

struct listeners *listeners_free(struct listeners *listeners)
{
    if (!listeners)
        return NULL;
    while (listeners->first)
        end(listeners->first, CONTROL_EXIT_DAEMON, "the daemon stops");
    free(listeners);
    return NULL;
}

static int on_time(sd_event_source *source, uint64_t usec, void *user)
{
    end(user, CONTROL_EXIT_OK, NULL);
    return 0;
}

static void drop_deserted(struct listeners *listeners)
{
    for (struct listener *listener = listeners->first, *next; listener; listener = next) {
        next = listener->next;
        if (!ctl_reply_wanted(listener->reply))
            end(listener, CONTROL_EXIT_OK, NULL);
    }
}

void listeners_add(struct daemon *daemon, struct ctl_reply *reply, const char *device, int64_t for_s)
{
    struct listener *listener = calloc(1, sizeof(*listener));
    int r = listener ? 0 : -ENOMEM;

    drop_deserted(daemon->listeners);
    if (r == 0)
        r = sd_event_add_time_relative(daemon->event, &listener->timer, CLOCK_BOOTTIME,
                                       (uint64_t)(for_s * USEC_PER_SEC), 0, on_time, listener);
    if (r < 0) {
        free(listener);
        ctl_reply_end(reply, CONTROL_EXIT_DAEMON, strerror(-r));
        return;
    }
    listener->reply = reply;
    listener->listeners = daemon->listeners;
    listener->next = daemon->listeners->first;
    text_copy(listener->device, sizeof(listener->device), device);
    daemon->listeners->first = listener;
}

static void tell(struct daemon *daemon, const char *device, const struct text *text)
{
    drop_deserted(daemon->listeners);
    for (const struct listener *at = daemon->listeners->first; at; at = at->next)
        if (strcmp(at->device, device) == 0)
            ctl_reply_text(at->reply, text);
}

static void add_state(struct json_out *out, const struct driver_event *event)
{
    if (event->lock != DRIVER_LOCK_UNTOLD)
        json_add_string(out, "lock", driver_lock_name(event->lock));
    if (event->door != DRIVER_DOOR_UNTOLD)
        json_add_string(out, "door", driver_door_name(event->door));
    if (event->obstacle)
        json_add_bool(out, "obstacle", true);
    if (event->vehicle)
        json_add_bool(out, "vehicle", true);
    if (event->battery != DRIVER_BATTERY_UNKNOWN)
        json_add_int(out, "battery", event->battery);
    json_add_string(out, "detail", event->detail[0] ? event->detail : NULL);
}

static void add_event(struct json_out *out, const struct driver_event *event)
{
    json_add_string(out, "ev", driver_event_name(event->kind));
    json_add_string(out, "point", event->point[0] ? event->point : NULL);
    json_add_string(out, "target", event->target[0] ? event->target : NULL);
    if (event->kind == DRIVER_EVENT_PRESENTED)
        json_add_string(out, "type", event->credential_type);
    if (event->kind == DRIVER_EVENT_INPUT) {
        json_add_string(out, "role", driver_role_name(event->role));
        json_add_bool(out, "value", event->value);
    }
    if (event->direction != DRIVER_DIRECTION_ANY)
        json_add_string(out, "direction", driver_direction_name(event->direction));
    if (event->kind == DRIVER_EVENT_PASSAGE)
        json_add_int(out, "count", event->count);
    if (event->kind == DRIVER_EVENT_STATE)
        add_state(out, event);
    if (event->kind == DRIVER_EVENT_RECORD)
        json_add_string(out, "what", event->record.what);
}

void listeners_event(struct daemon *daemon, const char *device, const struct driver_event *event)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    struct json_out out = json_out_to(&text);

    if (!daemon->listeners->first)
        return;
    json_begin_object(&out, NULL);
    add_event(&out, event);
    json_end_object(&out);
    tell(daemon, device, &text);
}

void listeners_device(struct daemon *daemon, const struct hal_status *status)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    struct json_out out = json_out_to(&text);

    json_begin_object(&out, NULL);
    json_add_string(&out, "ev", "device");
    json_add_string(&out, "state", hal_state_name(status->state));
    json_add_string(&out, "reason", status->reason[0] ? status->reason : NULL);
    json_end_object(&out);
    tell(daemon, status->id, &text);
}
