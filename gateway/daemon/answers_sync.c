/* SPDX-License-Identifier: GPL-3.0-or-later */
/* answers_sync.c: what the gateway knows of itself and the cloud, and where it might be wrong. Ages are by
 * the boot clock, so they hold without a wall clock; what only a wall clock could tell is left out without
 * one. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/daemon/answers.h"
#include "gateway/daemon/cloud_policy.h"
#include "gateway/daemon/daemon.h"
#include "gateway/sync/sync.h"
#include "proto/json.h"
#include "proto/rfc3339.h"

/* Seconds since a boot time. 0: it never was. */
static void add_age(struct json_out *out, const char *member, const struct timestamp *now, int64_t boot_us)
{
    if (boot_us)
        json_add_int(out, member, (now->boot_us - boot_us) / USEC_PER_SEC);
}

static void add_utc(struct json_out *out, const char *member, int64_t utc_us)
{
    char utc[UTC_SIZE];

    if (event_utc_format(utc_us, utc))
        json_add_string(out, member, utc);
}

static void add_version(struct json_out *out, const char *member, const struct cloud_policy *policy)
{
    json_begin_object(out, member);
    json_add_int(out, "generation", policy->generation);
    json_add_int(out, "version", policy->version);
    json_add_string(out, "root", policy->root);
    json_end_object(out);
}

static const char *word(const char *text)
{
    return text[0] ? text : NULL;
}

static void add_trouble(struct json_out *out, const struct sync_status *status, const struct timestamp *now)
{
    const struct cloud_result *trouble = &status->trouble;

    if (!status->trouble_us)
        return;
    json_begin_object(out, "refused");
    json_add_string(out, "of", cloud_topic_name(trouble->of));
    json_add_string(out, "outcome", cloud_outcome_name(trouble->outcome));
    json_add_string(out, "code", word(trouble->code));
    json_add_string(out, "kind", word(trouble->kind));
    json_add_string(out, "id", word(trouble->id));
    json_add_string(out, "member", word(trouble->member));
    add_age(out, "ago_s", now, status->trouble_us);
    json_end_object(out);
}

static void add_staging(struct json_out *out, const struct sync_staging *staging)
{
    if (!staging->active)
        return;
    json_begin_object(out, "staging");
    json_add_int(out, "generation", staging->generation);
    json_add_int(out, "version", staging->version);
    json_add_int(out, "next", staging->next);
    json_add_int(out, "chunks", staging->chunks);
    json_end_object(out);
}

static void add_changed(struct json_out *out, const struct sync_author *author)
{
    if (!author->iat)
        return;
    json_begin_object(out, "changed");
    json_add_string(out, "kid", word(author->kid));
    add_utc(out, "at", author->iat * USEC_PER_SEC);
    json_end_object(out);
}

static void add_talk(struct json_out *out, const struct daemon *daemon, const struct sync_status *status,
                     const struct timestamp *now)
{
    const struct policy_position *position = policy_store_position(daemon->store);

    json_add_bool(out, "connected", status->connected);
    json_add_int(out, "since_s", (now->boot_us - status->since_us) / USEC_PER_SEC);
    json_add_string(out, "error", status->connected ? NULL : word(status->reason));
    add_age(out, "heard_s", now, status->heard_us);
    json_add_bool(out, "answered", status->answered);
    if (status->target_known)
        add_version(out, "want", &status->target);
    if (status->target_known && status->target.generation == position->generation)
        json_add_int(out, "lag", status->target.version - position->version);
    json_add_string(out, "asks", status->asks);
    add_staging(out, &status->staging);
    add_trouble(out, status, now);
    add_changed(out, &status->changed);
}

int64_t answers_age(const struct daemon *daemon, const char *line, size_t len, const struct timestamp *now)
{
    struct event_time {
        const char *boot;
        int64_t at;
        const char *utc;
    } time;
    static const struct json_row rows[] = {
        JSON_ROW_STRING_REQUIRED(struct event_time, boot, "boot", 0, INT64_MAX),
        JSON_ROW_INT_REQUIRED(struct event_time, at, "at", 0, JSON_INT_MAX),
    };
    static const struct json_row utc_rows[] = {
        JSON_ROW_STRING_REQUIRED(struct event_time, utc, "utc", 0, INT64_MAX),
    };
    cleanup_with(json_putp) struct json_object *event = NULL;
    struct json_error ignored;
    int64_t utc_us;

    if (json_parse(line, len, &event, &ignored) < 0)
        return -1;
    if (json_read(event, JSON_ROWS(rows), &time, &ignored) == 0 && strcmp(time.boot, daemon->boot_id) == 0)
        return (now->boot_us - time.at) / USEC_PER_SEC;
    if (now->clock == CLOCK_STATE_NONE || json_read(event, JSON_ROWS(utc_rows), &time, &ignored) < 0 ||
        !rfc3339_parse(time.utc, &utc_us))
        return -1;
    return (now->utc_us - utc_us) / USEC_PER_SEC;
}

/* found: the oldest event that is not yet with the cloud; NULL: there is none. */
static void add_queue(struct json_out *out, const struct daemon *daemon, const struct ledger_found *found,
                      const struct timestamp *now)
{
    const struct ledger_position *position = ledger_position(daemon->ledger);
    int64_t age_s = found && found->count > 0 ? answers_age(daemon, found->lines, found->len - 1, now) : -1;

    json_begin_object(out, "events");
    json_add_string(out, "epoch", position->epoch);
    json_add_int(out, "head", position->head);
    json_add_int(out, "acked", position->acked);
    json_add_int(out, "waiting", position->head - position->acked);
    if (age_s >= 0)
        json_add_int(out, "oldest_s", age_s);
    json_add_int(out, "queued", (int64_t)ledger_pending(daemon->ledger));
    json_end_object(out);
}

static void add_lease(struct json_out *out, const struct sync_status *status)
{
    if (!status->lease_until)
        return;
    json_begin_object(out, "lease");
    add_utc(out, "until", status->lease_until * USEC_PER_SEC);
    json_add_bool(out, "over", status->lease_over);
    json_end_object(out);
}

static void add_link(struct json_out *out, const struct policy_link *link, const struct timestamp *now)
{
    bool refreshed = link->refreshed_us != INSTANT_MIN;
    bool known = refreshed && now->clock != CLOCK_STATE_NONE;
    int64_t age_us = known ? now->utc_us - link->refreshed_us : 0;
    bool stale = !refreshed || age_us > link->max_stale_us;

    json_begin_object(out, NULL);
    json_add_string(out, "source", "link");
    json_add_string(out, "id", link->id);
    if (known)
        json_add_int(out, "age_s", age_us / USEC_PER_SEC);
    if (refreshed)
        add_utc(out, "refreshed_at", link->refreshed_us);
    json_add_string(out, "state", !link->enabled ? "off" : stale ? "stale" : NULL);
    json_end_object(out);
}

/* How old the data of each source is: the policy by when the cloud last said that it is the one. */
static void add_sources(struct json_out *out, const struct daemon *daemon, const struct sync_status *status,
                        const struct timestamp *now)
{
    json_begin_list(out, "sources");
    json_begin_object(out, NULL);
    json_add_string(out, "source", "policy");
    add_age(out, "age_s", now, status->agreed_us);
    json_end_object(out);
    for (uint32_t i = 0; i < policy_count(daemon->policy, ITEM_LINK); i++)
        add_link(out, policy_link(daemon->policy, i), now);
    json_begin_object(out, NULL);
    json_add_string(out, "source", "clock");
    add_age(out, "age_s", now, daemon->clock_set_us);
    json_add_string(out, "state", clock_state_name(now->clock));
    json_end_object(out);
    json_end_list(out);
}

static void answer(struct daemon *daemon, struct ctl_reply *reply, const struct ledger_found *found)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    const struct cloud_policy have = cloud_policy_position(policy_store_position(daemon->store));
    struct timestamp now = daemon_now(daemon);
    struct json_out out = json_out_to(&text);
    struct sync_status status = { 0 };

    json_begin_object(&out, NULL);
    json_add_bool(&out, "configured", daemon->sync);
    add_version(&out, "have", &have);
    if (daemon->sync) {
        sync_status(daemon->sync, &status);
        add_talk(&out, daemon, &status, &now);
    }
    add_queue(&out, daemon, found, &now);
    add_lease(&out, &status);
    add_sources(&out, daemon, &status, &now);
    json_end_object(&out);
    ctl_reply_text(reply, &text);
    ctl_reply_end(reply, CONTROL_EXIT_OK, NULL);
}

static void oldest_found(void *user, const struct ledger_found *found)
{
    cleanup_with(freep) struct question *question = user;

    answer(question->daemon, question->reply, found);
}

void answers_sync(void *user, struct ctl_reply *reply)
{
    struct daemon *daemon = user;
    const struct ledger_position *position = ledger_position(daemon->ledger);
    const struct ledger_query oldest = { .since_seq = position->acked + 1, .limit = 1, .oldest_first = true };

    if (position->acked < position->head)
        answers_ask(daemon, reply, &oldest, oldest_found);
    else
        answer(daemon, reply, NULL);
}

static void verified(void *user, const struct ledger_verified *verified)
{
    struct ctl_reply *reply = user;
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    struct json_out out = json_out_to(&text);
    char broken[64];

    if (verified->error < 0) {
        ctl_reply_end(reply, CONTROL_EXIT_DAEMON, strerror(-verified->error));
        return;
    }
    json_begin_object(&out, NULL);
    json_add_string(&out, "epoch", verified->epoch);
    json_add_int(&out, "first", verified->first);
    json_add_int(&out, "last", verified->last);
    json_add_int(&out, "count", verified->last - verified->first + 1);
    if (verified->first_bad)
        json_add_int(&out, "first_bad", verified->first_bad);
    json_end_object(&out);
    ctl_reply_text(reply, &text);
    snprintf(broken, sizeof(broken), "event %" PRId64 " is not what it was", verified->first_bad);
    if (verified->first_bad)
        ctl_reply_end(reply, CONTROL_EXIT_NO, broken);
    else
        ctl_reply_end(reply, CONTROL_EXIT_OK, NULL);
}

void answers_events_verify(void *user, struct ctl_reply *reply)
{
    struct daemon *daemon = user;
    int r = ledger_verify(daemon->ledger, verified, reply);

    if (r < 0)
        ctl_reply_end(reply, CONTROL_EXIT_DAEMON, strerror(-r));
}
