/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cloud_policy.c: a policy is in force once the store has committed it: only then does the world turn to it,
 * and the old one is freed. Before it turns, everybody who is remembered is looked up in the new policy, some
 * at a time, so that no card waits for that; the store's later reports wait until it has turned. */
#include "gateway/daemon/cloud_policy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/daemon/access.h"
#include "gateway/daemon/cloud.h"
#include "gateway/daemon/daemon.h"
#include "gateway/daemon/devices.h"
#include "gateway/daemon/modes.h"
#include "gateway/daemon/record.h"

#define SUBSYSTEM "policy"

/* Looked up in one turn of the loop: a microsecond each, if all of it is cold. */
#define PEOPLE_AT_ONCE 200

/* A report that waits. */
struct waiting {
    struct waiting *next;
    struct policy_report report;
};

struct policy_turn {
    sd_event_source *source; /* enabled while something waits */
    struct waiting *first;   /* a policy that is being prepared */
    struct waiting **end;
    size_t at_once; /* people; all of them when the daemon ends */
};

int cloud_policy_parse(const char *value, struct policy_position *ret)
{
    int64_t generation;
    int64_t version;

    if (sscanf(value, "%" SCNd64 " %" SCNd64, &generation, &version) != 2)
        return -EBADMSG;
    ret->generation = generation;
    ret->version = version;
    return 0;
}

static void save_position(struct daemon *daemon, const struct policy_position *position)
{
    char value[48];

    snprintf(value, sizeof(value), "%" PRId64 " %" PRId64, position->generation, position->version);
    record_effect(daemon, CLOUD_POLICY_KEY, value);
}

struct cloud_policy cloud_policy_position(const struct policy_position *position)
{
    struct cloud_policy policy = { .generation = position->generation, .version = position->version };

    strcpy(policy.root, position->root);
    return policy;
}

struct sync_staging cloud_policy_staging(const struct policy_staging *staging)
{
    return (struct sync_staging){
        .active = staging->active,
        .generation = staging->generation,
        .version = staging->version,
        .chunks = staging->chunks,
        .next = staging->next,
    };
}

/* From here on the new policy decides; the old one has decided its last. What is due is told before, by the
 * old one's indexes. A world that has no memory for the new one goes with the process: what the store has
 * committed is in force after the restart. */
static int turn_world(struct daemon *daemon, const struct policy_report *report, const struct timestamp *now)
{
    access_advance(daemon, now);
    int r = world_set_policy(daemon->world, report->policy, now);

    if (r < 0) {
        daemon_trouble(SUBSYSTEM, "the new policy cannot be taken, starting anew", r);
        policy_free(report->policy);
        (void)!sd_event_exit(daemon->event, r);
        return r;
    }
    policy_store_retire(daemon->store, daemon->policy);
    daemon->policy = report->policy;
    daemon->turns++;
    return 0;
}

static int take_policy(struct daemon *daemon, const struct policy_report *report, const struct timestamp *now)
{
    const struct event event = {
        .kind = EVENT_POLICY_APPLIED,
        .generation = report->position.generation,
        .version = report->position.version,
        .root = report->position.root,
    };

    int r = turn_world(daemon, report, now);

    if (r < 0)
        return r;
    save_position(daemon, &report->position);
    sync_keys_changed(daemon->sync, policy_store_keys(daemon->store));
    uint64_t ticket = record_event(daemon, &event, 0, now);

    modes_follow(daemon, now); /* before the devices of doors that are gone are */
    devices_configure(daemon);
    access_settle(daemon, ticket, now);
    log_notice(SUBSYSTEM, "policy %" PRId64 ".%" PRId64 " is in force, %" PRId64 " items",
               report->position.generation, report->position.version, report->position.items);
    return 0;
}

/* Sync knows, once it was told what became of the change. */
static void save_changed(struct daemon *daemon, const struct timestamp *now)
{
    char value[ID_SIZE + 24];
    struct sync_status status;

    sync_status(daemon->sync, &status);
    snprintf(value, sizeof(value), "%" PRId64 " %s", status.changed.iat, status.changed.kid);
    record_effect(daemon, CLOUD_CHANGED_KEY, value);
    record_state(daemon, now);
}

static void refuse_policy(struct daemon *daemon, const struct policy_report *report,
                          const struct timestamp *now)
{
    const struct event event = {
        .kind = EVENT_POLICY_REJECTED,
        .code = policy_code_name(report->code),
        .generation = report->position.generation,
        .version = report->position.version,
        .item_kind = report->kind[0] ? report->kind : NULL,
        .item_id = report->id[0] ? report->id : NULL,
        .member = report->why.path[0] ? report->why.path : NULL,
        .text = report->why.text[0] ? report->why.text : NULL,
    };

    record_event(daemon, &event, 0, now);
    log_error(SUBSYSTEM, "a change of policy was refused (%s): %s %s: %s %s", event.code, report->kind,
              report->id, report->why.path, report->why.text);
}

static const char *word(const char *text)
{
    return text[0] ? text : NULL;
}

static void settle(struct daemon *daemon, const struct policy_report *report)
{
    static const enum sync_policy_outcome outcomes[] = {
        [POLICY_APPLIED] = SYNC_POLICY_APPLIED, [POLICY_STALE] = SYNC_POLICY_STALE,
        [POLICY_GAP] = SYNC_POLICY_GAP,         [POLICY_STAGED] = SYNC_POLICY_STAGED,
        [POLICY_IGNORED] = SYNC_POLICY_IGNORED, [POLICY_REJECTED] = SYNC_POLICY_REJECTED,
        [POLICY_FAILED] = SYNC_POLICY_FAILED,
    };
    struct timestamp now = daemon_now(daemon);
    const struct sync_policy_report told = {
        .outcome = outcomes[report->outcome],
        .code = report->outcome == POLICY_REJECTED ? policy_code_name(report->code) : NULL,
        .kind = word(report->kind),
        .id = word(report->id),
        .member = word(report->why.path),
        .policy = cloud_policy_position(&report->position),
        .staging = cloud_policy_staging(&report->staging),
    };

    if (report->outcome == POLICY_APPLIED && take_policy(daemon, report, &now) < 0)
        return; /* nobody is told that it is in force: it is not */
    if (report->outcome == POLICY_REJECTED)
        refuse_policy(daemon, report, &now);
    else if (report->outcome == POLICY_FAILED)
        daemon_trouble(SUBSYSTEM, "a change of policy", report->error);
    sync_policy(daemon->sync, &now, &told);
    if (report->outcome == POLICY_APPLIED)
        save_changed(daemon, &now);
}

/* --- Reports, in their order. --- */

static bool is_ready(struct daemon *daemon, const struct policy_report *report)
{
    return report->outcome != POLICY_APPLIED ||
           world_prepare(daemon->world, report->policy, daemon->turn->at_once);
}

static void go_on(struct daemon *daemon)
{
    struct policy_turn *turn = daemon->turn;

    while (turn->first && is_ready(daemon, &turn->first->report)) {
        cleanup_with(freep) struct waiting *ready = turn->first;

        turn->first = ready->next;
        if (!turn->first)
            turn->end = &turn->first;
        settle(daemon, &ready->report);
    }
    if (turn->first)
        (void)sd_event_source_set_enabled(turn->source, SD_EVENT_ONESHOT);
    daemon_arm(daemon);
}

static int on_turn(sd_event_source *source, void *userdata)
{
    go_on(userdata);
    return 0;
}

static void on_policy(void *user, const struct policy_report *report)
{
    struct daemon *daemon = user;
    struct policy_turn *turn = daemon->turn;
    struct waiting *waiting = malloc(sizeof(*waiting));

    if (!waiting) { /* it cannot wait, nor then can those before it */
        cloud_policy_finish(daemon);
        turn->at_once = PEOPLE_AT_ONCE;
        settle(daemon, report);
        return;
    }
    *waiting = (struct waiting){ .report = *report };
    *turn->end = waiting;
    turn->end = &waiting->next;
    if (turn->first == waiting)
        go_on(daemon);
}

void cloud_policy_finish(struct daemon *daemon)
{
    if (!daemon->turn)
        return;
    daemon->turn->at_once = SIZE_MAX;
    if (daemon->turn->first)
        go_on(daemon);
}

int cloud_policy_new(struct daemon *daemon)
{
    daemon->turn = calloc(1, sizeof(*daemon->turn)); /* freed by whoever closes the daemon, whole or not */
    if (!daemon->turn)
        return -ENOMEM;
    daemon->turn->end = &daemon->turn->first;
    daemon->turn->at_once = PEOPLE_AT_ONCE;
    int r = sd_event_add_defer(daemon->event, &daemon->turn->source, on_turn, daemon);

    return r < 0 ? r : sd_event_source_set_enabled(daemon->turn->source, SD_EVENT_OFF);
}

void cloud_policy_free(struct daemon *daemon)
{
    if (!daemon->turn)
        return;
    sd_event_source_unref(daemon->turn->source);
    free(daemon->turn);
    daemon->turn = NULL;
}

/* --- Hooks of sync. --- */

int cloud_policy_apply(void *user, const struct cloud_delta *delta)
{
    struct daemon *daemon = user;
    cleanup_with(freep) struct policy_op *ops = calloc(delta->count + 1, sizeof(*ops));

    if (!ops)
        return -ENOMEM;
    for (size_t i = 0; i < delta->count; i++) {
        const struct cloud_op *op = &delta->ops[i];

        ops[i] = (struct policy_op){ op->del, op->kind, op->id, op->rev, op->item, op->item_len };
    }
    const struct policy_delta change = {
        .generation = delta->generation,
        .from = delta->from,
        .to = delta->to,
        .ops = ops,
        .count = delta->count,
        .root = delta->root,
        .root_key = delta->keys_allowed,
        .buckets = delta->buckets,
    };
    return policy_store_apply(daemon->store, &change, on_policy, daemon);
}

int cloud_policy_begin(void *user, const struct cloud_snapshot *snapshot)
{
    struct daemon *daemon = user;
    const struct policy_manifest manifest = {
        .generation = snapshot->policy.generation,
        .version = snapshot->policy.version,
        .items = snapshot->items,
        .chunks = snapshot->chunks,
        .root = snapshot->policy.root,
        .first = word(snapshot->first),
        .root_key = snapshot->keys_allowed,
    };

    return policy_store_begin(daemon->store, &manifest, on_policy, daemon);
}

int cloud_policy_put_chunk(void *user, const char *bytes, size_t len)
{
    struct daemon *daemon = user;

    return policy_store_chunk(daemon->store, bytes, len, on_policy, daemon);
}

int cloud_policy_cancel(void *user)
{
    struct daemon *daemon = user;

    return policy_store_cancel(daemon->store, on_policy, daemon);
}

static void on_sums(void *user, int error, const struct policy_position *position,
                    const struct digest_sums *sums)
{
    struct daemon *daemon = user;
    struct timestamp now = daemon_now(daemon);
    struct cloud_digest digest = { .generation = position->generation, .version = position->version };

    if (error < 0 && error != -ECANCELED)
        daemon_trouble(SUBSYSTEM, "the items cannot be summed up", error);
    cloud_digest_sums(&digest, sums);
    sync_sums(daemon->sync, &now, error < 0 ? NULL : &digest);
    daemon_arm(daemon);
}

int cloud_policy_sum(void *user)
{
    struct daemon *daemon = user;

    return policy_store_sum(daemon->store, on_sums, daemon);
}
