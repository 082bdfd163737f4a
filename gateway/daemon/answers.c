/* SPDX-License-Identifier: GPL-3.0-or-later */
/* answers.c: what is in memory is answered at once; what lies in the ledger is asked of its worker, and the
 * answer is ended when it comes. */
#include "gateway/daemon/alarms.h"
#include "gateway/daemon/answers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/daemon/cloud.h"
#include "gateway/daemon/daemon.h"
#include "proto/json.h"

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
    alarms_add(&out, daemon);
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

static struct question *question_new(struct daemon *daemon, struct ctl_reply *reply)
{
    struct question *question = malloc(sizeof(*question));

    if (question)
        *question = (struct question){ daemon, reply };
    return question;
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
        .device_order = answers_device_order,
        .device_listen = answers_device_listen,
        .lock_status = answers_lock_status,
        .doors = answers_doors,
        .release = answers_release,
        .door = answers_door,
        .lockdown = answers_lockdown,
        .events = answer_events,
        .events_verify = answers_events_verify,
        .user_find = answers_user_find,
        .explain = answers_explain,
        .who_can = answers_who_can,
        .where_can = answers_where_can,
        .version = answer_version,
    };
}
