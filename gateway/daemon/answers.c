/* SPDX-License-Identifier: GPL-3.0-or-later */
/* answers.c: what is in memory is answered at once; what lies in the ledger is asked of its worker, and the
 * answer is ended when it comes. */
#include "gateway/daemon/answers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/daemon/access.h"
#include "gateway/daemon/cloud.h"
#include "gateway/daemon/daemon.h"
#include "gateway/daemon/record.h"
#include "gateway/daemon/releases.h"
#include "proto/json.h"

/* Events among which a door's last one is looked for. */
#define RECENT_EVENTS 2000

static void add_utc(struct json_out *out, const char *member, const struct timestamp *now)
{
    char utc[UTC_SIZE];

    if (now->clock != CLOCK_STATE_NONE && event_utc_format(now->utc_us, utc))
        json_add_string(out, member, utc);
    else
        json_add_null(out, member);
}

static void add_policy(struct json_out *out, const struct daemon *daemon)
{
    const struct policy_position *position = policy_store_position(daemon->store);

    json_begin_object(out, "policy");
    json_add_int(out, "generation", position->generation);
    json_add_int(out, "version", position->version);
    json_add_string(out, "root", position->root);
    json_add_int(out, "items", position->items);
    json_begin_list(out, "dangling");
    for (size_t i = 0; i < policy_dangling_count(daemon->policy) && i < POLICY_DANGLING_MAX; i++)
        json_add_string(out, NULL, policy_dangling(daemon->policy, i));
    json_end_list(out);
    json_end_object(out);
}

static void add_events(struct json_out *out, const struct daemon *daemon)
{
    const struct ledger_position *position = ledger_position(daemon->ledger);

    json_begin_object(out, "events");
    json_add_string(out, "epoch", position->epoch);
    json_add_int(out, "oldest", position->oldest);
    json_add_int(out, "acked", position->acked);
    json_add_int(out, "head", position->head);
    json_add_int(out, "queued", (int64_t)ledger_pending(daemon->ledger));
    json_end_object(out);
}

struct device_count {
    int64_t up;
    int64_t total;
};

static int count_device(void *user, const struct hal_status *status)
{
    struct device_count *count = user;

    count->total++;
    count->up += status->state == HAL_STATE_UP || status->state == HAL_STATE_DEGRADED;
    return 0;
}

static void add_devices(struct json_out *out, const struct daemon *daemon)
{
    struct device_count count = { 0 };

    hal_each(daemon->hal, count_device, &count);
    json_begin_object(out, "devices");
    json_add_int(out, "up", count.up);
    json_add_int(out, "total", count.total);
    json_end_object(out);
}

static void answer_status(void *user, struct ctl_reply *reply)
{
    struct daemon *daemon = user;
    struct timestamp now = daemon_now(daemon);
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    struct json_out out = json_out_to(&text);

    json_begin_object(&out, NULL);
    json_add_string(&out, "site", daemon->config.site);
    json_add_string(&out, "gateway", daemon->config.gateway);
    json_add_string(&out, "version", STILE_VERSION);
    json_add_string(&out, "boot", daemon->boot_id);
    json_add_int(&out, "uptime_s", (now.boot_us - daemon->started_us) / USEC_PER_SEC);
    add_utc(&out, "utc", &now);
    json_add_string(&out, "clock", clock_state_name(now.clock));
    json_add_string(&out, "trust", config_trust_name(daemon->config.trust));
    add_policy(&out, daemon);
    add_events(&out, daemon);
    cloud_add_status(daemon, &out);
    add_devices(&out, daemon);
    json_end_object(&out);
    ctl_reply_text(reply, &text);
    ctl_reply_end(reply, CONTROL_EXIT_OK, NULL);
}

static void add_names(struct json_out *out, const char *member, struct json_object *device)
{
    struct json_error error;
    struct json_object *list = NULL;
    const struct json_row row = { .member = member, .type = JSON_LIST, .max = INT64_MAX };

    if (json_read(device, &row, 1, &list, &error) < 0)
        return;
    json_begin_list(out, member);
    for (size_t i = 0; i < json_list_length(list); i++)
        json_add_string(out, NULL, json_list_string(list, i, &error));
    json_end_list(out);
}

/* What the device item lists; the policy in force has it unless the device is being taken away. */
static void add_lists(struct json_out *out, const struct daemon *daemon, const char *id)
{
    cleanup_with(json_putp) struct json_object *item = NULL;
    struct json_error error;
    uint32_t index = policy_find(daemon->policy, ITEM_DEVICE, id);

    if (index == POLICY_NONE)
        return;
    const struct policy_device *device = policy_device(daemon->policy, index);

    if (json_parse(device->json, device->json_len, &item, &error) < 0)
        return;
    add_names(out, "points", item);
    add_names(out, "targets", item);
}

struct devices_answer {
    struct daemon *daemon;
    struct ctl_reply *reply;
};

static int answer_device(void *user, const struct hal_status *status)
{
    struct devices_answer *answer = user;
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    struct json_out out = json_out_to(&text);

    json_begin_object(&out, NULL);
    json_add_string(&out, "id", status->id);
    json_add_string(&out, "driver", status->driver);
    json_add_string(&out, "state", hal_state_name(status->state));
    json_add_string(&out, "reason", status->reason[0] ? status->reason : NULL);
    json_add_string(&out, "last_error", status->last_error[0] ? status->last_error : NULL);
    json_add_int(&out, "since_s", (clock_boot_us() - status->since_us) / USEC_PER_SEC);
    json_add_int(&out, "restarts", status->restarts);
    json_add_string(&out, "version", status->version[0] ? status->version : NULL);
    add_lists(&out, answer->daemon, status->id);
    json_begin_object(&out, "counters");
    for (size_t i = 0; i < status->counter_count; i++)
        json_add_int(&out, status->counters[i].name, status->counters[i].value);
    json_end_object(&out);
    json_end_object(&out);
    ctl_reply_text(answer->reply, &text);
    return 0;
}

static void answer_devices(void *user, struct ctl_reply *reply)
{
    struct daemon *daemon = user;
    struct devices_answer answer = { daemon, reply };

    hal_each(daemon->hal, answer_device, &answer);
    ctl_reply_end(reply, CONTROL_EXIT_OK, NULL);
}

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

static void answer_door(struct daemon *daemon, struct ctl_reply *reply, uint32_t index,
                        const struct ledger_found *found)
{
    static const char *const contacts[] = { "unknown", "closed", "open" };
    const struct policy_door *door = policy_door(daemon->policy, index);
    struct timestamp now = daemon_now(daemon);
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    struct json_out out = json_out_to(&text);
    enum mode_cause cause;
    size_t len = 0;

    json_begin_object(&out, NULL);
    json_add_string(&out, "id", door->id);
    json_add_string(&out, "name", door->name);
    json_add_string(&out, "kind", door_kind_name(door->kind));
    json_add_string(&out, "mode", door_mode_name(world_door_mode(daemon->world, index, &now, &cause)));
    json_add_string(&out, "target", door->target);
    add_door_device(&out, daemon, door);
    json_add_string(&out, "state", contacts[world_door_contact(daemon->world, index) + 1]);
    add_door_points(&out, daemon, index);
    const char *last = found->error < 0 ? NULL : last_of_door(found, door->id, &len);

    if (last)
        json_add_raw(&out, "last", last, len);
    json_end_object(&out);
    ctl_reply_text(reply, &text);
}

static struct question *question_new(struct daemon *daemon, struct ctl_reply *reply)
{
    struct question *question = malloc(sizeof(*question));

    if (question)
        *question = (struct question){ daemon, reply };
    return question;
}

static void doors_found(void *user, const struct ledger_found *found)
{
    cleanup_with(freep) struct question *question = user;

    for (uint32_t i = 0; i < policy_count(question->daemon->policy, ITEM_DOOR); i++)
        answer_door(question->daemon, question->reply, i, found);
    ctl_reply_end(question->reply, CONTROL_EXIT_OK, NULL);
}

void answers_ask(struct daemon *daemon, struct ctl_reply *reply, const struct ledger_query *query,
                 void (*done)(void *user, const struct ledger_found *found))
{
    struct question *question = question_new(daemon, reply);
    int r = question ? ledger_find(daemon->ledger, query, done, question) : -ENOMEM;

    if (r == 0)
        return;
    free(question);
    ctl_reply_end(reply, CONTROL_EXIT_DAEMON, strerror(-r));
}

struct timestamp answers_when(const struct daemon *daemon, const struct ctl_when *when)
{
    struct timestamp now = daemon_now(daemon);

    if (when->at_given) {
        now.utc_us = when->at_utc_us;
        now.clock = CLOCK_STATE_SYNCED;
    }
    if (when->clock >= 0)
        now.clock = (enum clock_state)when->clock;
    return now;
}

static void answer_doors(void *user, struct ctl_reply *reply)
{
    const struct ledger_query query = { .now = daemon_now(user), .limit = RECENT_EVENTS };

    answers_ask(user, reply, &query, doors_found);
}

static void answer_release(void *user, struct ctl_reply *reply, const struct ctl_release *wanted)
{
    struct daemon *daemon = user;
    struct timestamp now = daemon_now(daemon);
    struct release_order order = {
        .door = policy_find(daemon->policy, ITEM_DOOR, wanted->door),
        .direction = strcmp(wanted->direction, "exit") == 0 ? DIRECTION_EXIT : DIRECTION_ENTRY,
        .deadline_us = now.boot_us + DAEMON_RELEASE_LIMIT_US,
        .reply = reply,
    };
    struct event event = {
        .kind = EVENT_OPERATOR,
        .door = wanted->door,
        .direction = wanted->direction,
        .operator_name = wanted->operator_name,
        .verb = "release",
        .text = wanted->reason,
    };

    if (order.door == POLICY_NONE) {
        ctl_reply_end(reply, CONTROL_EXIT_NO, "there is no such door");
        return;
    }
    order.pulse_ms = policy_door(daemon->policy, order.door)->pulse_ms;
    struct release *release = releases_send(daemon, &order);
    uint64_t ticket = record_event(daemon, &event, 0, &now);

    if (release)
        releases_record(daemon, release, ticket, &now);
    else
        ctl_reply_end(reply, CONTROL_EXIT_DAEMON, strerror(ENOMEM));
    access_settle(daemon, ticket, &now);
    daemon_arm(daemon);
}

static void events_found(void *user, const struct ledger_found *found)
{
    cleanup_with(freep) struct question *question = user;

    if (found->error < 0) {
        ctl_reply_end(question->reply, CONTROL_EXIT_DAEMON, strerror(-found->error));
        return;
    }
    ctl_reply_lines(question->reply, found->lines, found->len);
    ctl_reply_end(question->reply, CONTROL_EXIT_OK, found->more ? "older events were left out" : NULL);
}

static void answer_events(void *user, struct ctl_reply *reply, const struct ctl_events *wanted)
{
    const struct ledger_query query = {
        .door = wanted->door,
        .user = wanted->user,
        .since_utc_us = wanted->since_utc_us,
        .now = daemon_now(user),
        .limit = (size_t)wanted->limit,
    };

    answers_ask(user, reply, &query, events_found);
}

static void answer_version(void *user, struct ctl_reply *reply)
{
    static const char line[] = "{\"program\":\"stiled\",\"version\":\"" STILE_VERSION "\"}";

    ctl_reply_line(reply, line, sizeof(line) - 1);
    ctl_reply_end(reply, CONTROL_EXIT_OK, NULL);
}

struct ctl_backend answers_backend(struct daemon *daemon)
{
    return (struct ctl_backend){
        .user = daemon,
        .status = answer_status,
        .sync = answers_sync,
        .devices = answer_devices,
        .doors = answer_doors,
        .release = answer_release,
        .events = answer_events,
        .events_verify = answers_events_verify,
        .user_find = answers_user_find,
        .explain = answers_explain,
        .who_can = answers_who_can,
        .where_can = answers_where_can,
        .version = answer_version,
    };
}
