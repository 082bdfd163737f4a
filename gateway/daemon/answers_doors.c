/* SPDX-License-Identifier: GPL-3.0-or-later */
/* answers_doors.c: how doors are, why they are so, and what is ordered of them. An order is recorded first,
 * with whose it is; what it brings about follows from that event. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/daemon/access.h"
#include "gateway/daemon/answers.h"
#include "gateway/daemon/daemon.h"
#include "gateway/daemon/modes.h"
#include "gateway/daemon/orders.h"
#include "gateway/daemon/record.h"
#include "gateway/daemon/releases.h"
#include "proto/json.h"
#include "proto/nearest.h"

/* Events among which a door's last one is looked for. */
#define RECENT_EVENTS 2000

/* Keeps the last line that tells of a door. Our own writer made the lines: this text stands nowhere but
 * there. */
static const char *last_of_door(const struct ledger_found *found, const char *door, size_t *ret_len)
{
    const char *last = NULL;
    char member[ID_SIZE + 16];

    snprintf(member, sizeof(member), "\"door\":\"%s\"", door);
    for (const char *line = found->lines, *end; line < found->lines + found->len; line = end + 1) {
        end = memchr(line, '\n', (size_t)(found->lines + found->len - line));
        if (memmem(line, (size_t)(end - line), member, strlen(member))) {
            last = line;
            *ret_len = (size_t)(end - line);
        }
    }
    return last;
}

struct device_state {
    const char *device;
    enum hal_state state;
};

static int find_device(void *user, const struct hal_status *status)
{
    struct device_state *wanted = user;

    if (strcmp(status->id, wanted->device) != 0)
        return 0;
    wanted->state = status->state;
    return 1;
}

static void add_door_device(struct json_out *out, const struct daemon *daemon, const struct policy_door *door)
{
    if (door->device == POLICY_NONE)
        return;
    struct device_state state = { .device = policy_device(daemon->policy, door->device)->id };

    json_add_string(out, "device", state.device);
    if (hal_each(daemon->hal, find_device, &state))
        json_add_string(out, "device_state", hal_state_name(state.state));
}

static void add_door_points(struct json_out *out, const struct daemon *daemon, uint32_t door)
{
    json_begin_list(out, "points");
    for (uint32_t i = 0; i < policy_count(daemon->policy, ITEM_ACCESS_POINT); i++) {
        const struct policy_point *point = policy_point(daemon->policy, i);

        if (point->door != door)
            continue;
        json_begin_object(out, NULL);
        json_add_string(out, "id", point->id);
        json_add_string(out, "direction", direction_name(point->direction));
        json_end_object(out);
    }
    json_end_list(out);
}

/* A time to come by the boot clock as RFC 3339, to the nearest second, since the two clocks are not read in
 * the same instant. Returns false if it never comes or nobody knows the time. */
static bool format_until(int64_t until_us, const struct timestamp *now, char ret_utc[static UTC_SIZE])
{
    if (until_us == INT64_MAX || now->clock == CLOCK_STATE_NONE)
        return false;
    int64_t utc_us = now->utc_us + (until_us - now->boot_us) + USEC_PER_SEC / 2;

    return event_utc_format(utc_us - utc_us % USEC_PER_SEC, ret_utc);
}

static void add_until(struct json_out *out, int64_t until_us, const struct timestamp *now)
{
    char utc[UTC_SIZE];

    if (format_until(until_us, now, utc))
        json_add_string(out, "until", utc);
    if (until_us != INT64_MAX)
        json_add_int(out, "left_s", (until_us - now->boot_us) / USEC_PER_SEC);
}

static void add_order(struct json_out *out, const char *order)
{
    if (order)
        json_add_raw(out, "order", order, strlen(order));
}

/* Of a door's lockdown and the site's, the one that is told of: the wider. */
static uint32_t locked_down(const struct daemon *daemon, uint32_t door)
{
    return world_is_locked_down(daemon->world, POLICY_NONE) ? POLICY_NONE : door;
}

/* Which mode holds, and why: until when and who said so, or which schedule. */
static void add_mode(struct json_out *out, const struct daemon *daemon, uint32_t door,
                     const struct timestamp *now)
{
    const struct policy_mode_entry *entry = world_door_entry(daemon->world, door, now);
    enum mode_cause cause;
    enum door_mode mode = world_door_mode(daemon->world, door, now, &cause);
    int64_t until_us = INT64_MAX;

    json_add_string(out, "mode", door_mode_name(mode));
    json_begin_object(out, "why");
    json_add_string(out, "by", access_cause_name(cause));
    if (cause == MODE_BY_OVERRIDE && world_door_override(daemon->world, door, now, &until_us) != DOOR_MODES) {
        add_until(out, until_us, now);
        add_order(out, orders_of(daemon, door));
    }
    if (cause == MODE_BY_LOCKDOWN)
        add_order(out, orders_of_lockdown(daemon, locked_down(daemon, door)));
    if (entry && entry->schedule != POLICY_NONE)
        json_add_string(out, "schedule", policy_id(daemon->policy, ITEM_SCHEDULE, entry->schedule));
    json_end_object(out);
}

static void add_alarms(struct json_out *out, const struct daemon *daemon, uint32_t door)
{
    int64_t since_us;

    json_begin_list(out, "alarms");
    for (enum door_alarm alarm = 0; alarm < DOOR_ALARMS; alarm++) {
        char utc[UTC_SIZE];

        if (!world_door_alarm(daemon->world, door, alarm, &since_us))
            continue;
        json_begin_object(out, NULL);
        json_add_string(out, "alarm", door_alarm_name(alarm));
        json_add_string(out, "since", event_utc_format(since_us, utc) ? utc : NULL);
        json_end_object(out);
    }
    json_end_list(out);
}

static void add_last(struct json_out *out, const struct daemon *daemon, const char *door,
                     const struct ledger_found *found, const struct timestamp *now)
{
    size_t len = 0;
    const char *last = found->error < 0 ? NULL : last_of_door(found, door, &len);
    int64_t age_s = last ? answers_age(daemon, last, len, now) : -1;

    if (last)
        json_add_raw(out, "last", last, len);
    if (age_s >= 0)
        json_add_int(out, "last_s", age_s);
}

/* found: where to look for the last event; NULL: it is not wanted. */
static void answer_door(struct daemon *daemon, struct ctl_reply *reply, uint32_t index,
                        const struct ledger_found *found)
{
    static const char *const contacts[] = { "unknown", "closed", "open" };
    const struct policy_door *door = policy_door(daemon->policy, index);
    struct timestamp now = daemon_now(daemon);
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    struct json_out out = json_out_to(&text);

    json_begin_object(&out, NULL);
    json_add_string(&out, "id", door->id);
    json_add_string(&out, "name", door->name);
    json_add_string(&out, "kind", door_kind_name(door->kind));
    add_mode(&out, daemon, index, &now);
    json_add_string(&out, "target", door->target);
    add_door_device(&out, daemon, door);
    json_add_string(&out, "state", contacts[world_door_contact(daemon->world, index) + 1]);
    if (world_door_lock(daemon->world, index) != DOOR_LOCK_UNKNOWN)
        json_add_string(&out, "lock", door_lock_name(world_door_lock(daemon->world, index)));
    if (world_door_vehicle(daemon->world, index))
        json_add_bool(&out, "vehicle", true);
    if (modes_unable(daemon, index))
        json_add_bool(&out, "cannot_hold", true);
    json_add_string(&out, "command", door_command_name(world_door_command(daemon->world, index, &now)));
    add_alarms(&out, daemon, index);
    add_door_points(&out, daemon, index);
    if (found)
        add_last(&out, daemon, door->id, found, &now);
    json_end_object(&out);
    ctl_reply_text(reply, &text);
}

static void answer_doors(struct daemon *daemon, struct ctl_reply *reply, const struct ledger_found *found)
{
    for (uint32_t i = 0; i < policy_count(daemon->policy, ITEM_DOOR); i++)
        answer_door(daemon, reply, i, found);
    ctl_reply_end(reply, CONTROL_EXIT_OK, NULL);
}

static void doors_found(void *user, const struct ledger_found *found)
{
    cleanup_with(freep) struct question *question = user;

    answer_doors(question->daemon, question->reply, found);
}

void answers_doors(void *user, struct ctl_reply *reply, bool brief)
{
    const struct ledger_query query = { .now = daemon_now(user), .limit = RECENT_EVENTS };

    if (brief)
        answer_doors(user, reply, NULL);
    else
        answers_ask(user, reply, &query, doors_found);
}

/* --- orders --- */

/* Finds the door, or ends the reply with what it may have been. */
static uint32_t take_door(const struct daemon *daemon, struct ctl_reply *reply, const char *word)
{
    uint32_t index = policy_find(daemon->policy, ITEM_DOOR, word);
    struct nearest nearest = nearest_to(word);
    cleanup_with(text_finish) struct text text = TEXT_INIT;

    if (index != POLICY_NONE)
        return index;
    for (uint32_t i = 0; i < policy_count(daemon->policy, ITEM_DOOR); i++)
        nearest_offer(&nearest, policy_door(daemon->policy, i)->id);
    text_addf(&text, "there is no door \"%s\"", word);
    if (nearest.best)
        text_addf(&text, "; did you mean \"%s\"?", nearest.best);
    ctl_reply_end(reply, CONTROL_EXIT_NO, text_string(&text));
    return POLICY_NONE;
}

void answers_release(void *user, struct ctl_reply *reply, const struct ctl_release *wanted)
{
    struct daemon *daemon = user;
    struct timestamp now = daemon_now(daemon);
    enum direction direction = strcmp(wanted->direction, "exit") == 0 ? DIRECTION_EXIT : DIRECTION_ENTRY;
    uint32_t door = take_door(daemon, reply, wanted->door);
    const struct event event = {
        .kind = EVENT_OPERATOR,
        .door = wanted->door,
        .direction = wanted->direction,
        .operator_name = wanted->operator_name,
        .verb = "release",
        .text = wanted->reason,
    };

    if (door == POLICY_NONE)
        return;
    struct release_order order = releases_by_hand(daemon, door, direction, &now);

    order.reply = reply;
    struct release *release = releases_send(daemon, &order);
    uint64_t ticket = record_event(daemon, &event, 0, &now);

    if (release)
        releases_record(daemon, release, ticket, &now);
    else
        ctl_reply_end(reply, CONTROL_EXIT_DAEMON, strerror(ENOMEM));
    access_settle(daemon, ticket, &now);
    daemon_arm(daemon);
}

/* When an order ends. Returns whether it can be said; else the reply is ended. */
static bool take_end(struct ctl_reply *reply, const struct ctl_order *order, const struct timestamp *now,
                     int64_t *ret_until_us)
{
    *ret_until_us = order->for_s ? now->boot_us + order->for_s * USEC_PER_SEC : INT64_MAX;
    if (order->until_utc_us == INT64_MIN)
        return true;
    if (now->clock == CLOCK_STATE_NONE) {
        ctl_reply_end(reply, CONTROL_EXIT_NO, "nobody knows the time here: say --for how long instead");
        return false;
    }
    if (order->until_utc_us <= now->utc_us) {
        ctl_reply_end(reply, CONTROL_EXIT_USAGE, "--until is over already");
        return false;
    }
    *ret_until_us = now->boot_us + (order->until_utc_us - now->utc_us);
    return true;
}

/* DOOR_MODES: none, for `auto`. */
static enum door_mode mode_of(const struct ctl_order *order)
{
    static const struct {
        const char *action;
        enum door_mode mode;
    } modes[] = {
        { "lock", DOOR_MODE_CONTROLLED },
        { "unlock", DOOR_MODE_UNLOCKED },
        { "hold", DOOR_MODE_LOCKED_OPEN },
    };

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        if (strcmp(modes[i].action, order->action) == 0)
            return modes[i].mode;
    return strcmp(order->action, "mode") == 0 ? (enum door_mode)door_mode_find(order->value) : DOOR_MODES;
}

/* Records who ordered what; returns the event's ticket. */
static uint64_t record_order(struct daemon *daemon, const struct ctl_order *order, enum door_mode mode,
                             int64_t until_us, const struct timestamp *now)
{
    bool lockdown = !order->action || strcmp(order->action, "lockdown") == 0;
    bool on = lockdown && strcmp(order->value, "on") == 0;
    char until[UTC_SIZE];
    const struct event event = {
        .kind = EVENT_OPERATOR,
        .door = order->door,
        .mode = mode == DOOR_MODES ? NULL : door_mode_name(mode),
        .until = format_until(until_us, now, until) ? until : NULL,
        .on = lockdown ? &on : NULL,
        .operator_name = order->operator_name,
        .verb = lockdown ? "lockdown" : order->action,
        .text = order->reason,
    };

    return record_event(daemon, &event, 0, now);
}

static struct order_by order_by(const struct ctl_order *order, uint64_t ticket)
{
    return (
        struct order_by){ .operator_name = order->operator_name, .reason = order->reason, .cause = ticket };
}

static const char *stronger(const struct daemon *daemon, uint32_t door, const struct ctl_order *order,
                            const struct timestamp *now)
{
    enum mode_cause cause;

    world_door_mode(daemon->world, door, now, &cause);
    if (cause == MODE_BY_FIRE)
        return "fire holds the door open as long as it is told of";
    if (cause != MODE_BY_LOCKDOWN)
        return NULL;
    if (locked_down(daemon, door) == POLICY_NONE)
        return "the lockdown of the site holds until it is ended";
    return strcmp(order->action, "lockdown") == 0 ? NULL : "the lockdown of the door holds until it is ended";
}

void answers_door(void *user, struct ctl_reply *reply, const struct ctl_order *order)
{
    struct daemon *daemon = user;
    struct timestamp now = daemon_now(daemon);
    uint32_t door = take_door(daemon, reply, order->door);
    enum door_mode mode = mode_of(order);
    int64_t until_us;
    int r;

    if (door == POLICY_NONE || !take_end(reply, order, &now, &until_us))
        return;
    uint64_t ticket = record_order(daemon, order, mode, until_us, &now);
    const struct order_by by = order_by(order, ticket);

    if (strcmp(order->action, "lockdown") == 0)
        r = orders_lockdown(daemon, door, strcmp(order->value, "on") == 0, &by, &now);
    else
        r = orders_mode(daemon, door, mode, until_us, &by, &now);
    access_settle(daemon, ticket, &now);
    if (r == 0)
        answer_door(daemon, reply, door, NULL);
    ctl_reply_end(reply, r < 0 ? CONTROL_EXIT_DAEMON : CONTROL_EXIT_OK,
                  r < 0 ? strerror(-r) : stronger(daemon, door, order, &now));
    daemon_arm(daemon);
}

void answers_lockdown(void *user, struct ctl_reply *reply, const struct ctl_order *order)
{
    struct daemon *daemon = user;
    struct timestamp now = daemon_now(daemon);
    uint64_t ticket = record_order(daemon, order, DOOR_MODES, INT64_MAX, &now);
    const struct order_by by = order_by(order, ticket);
    int r = orders_lockdown(daemon, POLICY_NONE, strcmp(order->value, "on") == 0, &by, &now);

    access_settle(daemon, ticket, &now);
    if (r < 0)
        ctl_reply_end(reply, CONTROL_EXIT_DAEMON, strerror(-r));
    else
        answer_doors(daemon, reply, NULL);
    daemon_arm(daemon);
}
