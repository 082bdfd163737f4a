/* SPDX-License-Identifier: GPL-3.0-or-later */
/* watch.c: what concerns the policy (P1 to P6), and when which of the others look. */
#include "tests/sim/watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/daemon/daemon.h"
#include "gateway/sync/sync.h"
#include "proto/cloud_command.h"
#include "tests/sim/cloud.h"
#include "tests/sim/desk.h"
#include "tests/sim/disk.h"
#include "tests/sim/doors.h"
#include "tests/sim/events.h"
#include "tests/sim/loop.h"
#include "tests/sim/machine.h"
#include "tests/sim/sim.h"

/* What the cloud said it wants in force, the last ones. */
#define WANTED_KEPT 64

static struct {
    bool over;
    struct cloud_desired wanted[WANTED_KEPT];
    size_t wanted_count;
    struct cloud_desired leased; /* whose lease runs */
    struct cloud_policy decides; /* in this life; the store may be ahead of it */
    bool started;
    struct cloud_policy seen;
    struct cloud_policy in_force; /* as last seen */
    struct cloud_policy floor;    /* P6: the highest whose event is stored */
    bool may_be_none;             /* policy.db was lost */
    bool drifted;                 /* and not mended yet */
    bool has_drifted;
    bool old_image; /* the card is an old copy, not looked at yet */
    bool cloud_old_image;
} watch;

void watch_begin(void)
{
    memset(&watch, 0, sizeof(watch));
}

bool watch_is_over(void)
{
    return watch.over;
}

static int compare(const struct cloud_policy *a, const struct cloud_policy *b)
{
    if (a->generation != b->generation)
        return a->generation < b->generation ? -1 : 1;
    return a->version < b->version ? -1 : a->version > b->version;
}

static struct cloud_policy policy_of(const struct policy_position *position)
{
    struct cloud_policy policy = { .generation = position->generation, .version = position->version };

    snprintf(policy.root, sizeof(policy.root), "%s", position->root);
    return policy;
}

/* --- the policy on the card --- */

static void add_item(sqlite3_stmt *row, struct digest *sum)
{
    struct digest item = digest_item((const char *)sqlite3_column_text(row, 0),
                                     (const char *)sqlite3_column_text(row, 1), sqlite3_column_int64(row, 2));

    digest_add(sum, &item);
}

/* What is stored, with the root that its items come to. */
static struct cloud_policy read_stored(void)
{
    sqlite3 *handle = disk_audit(DISK_POLICY);
    struct cloud_policy policy = { .root = CLOUD_ROOT_NONE };
    struct digest sum = { 0 };
    sqlite3_stmt *head = NULL, *items = NULL;

    if (sqlite3_prepare_v2(handle, "SELECT generation, version, slot FROM head", -1, &head, NULL) ==
            SQLITE_OK &&
        sqlite3_step(head) == SQLITE_ROW) {
        policy.generation = sqlite3_column_int64(head, 0);
        policy.version = sqlite3_column_int64(head, 1);
        sqlite3_prepare_v2(handle, "SELECT kind, id, rev FROM items WHERE slot = ?", -1, &items, NULL);
        sqlite3_bind_int64(items, 1, sqlite3_column_int64(head, 2));
        while (sqlite3_step(items) == SQLITE_ROW)
            add_item(items, &sum);
        hex_encode(sum.bytes, DIGEST_BYTES, policy.root);
    }
    sqlite3_finalize(head);
    sqlite3_finalize(items);
    disk_audit_end(handle);
    return policy;
}

struct cloud_policy watch_gateway_policy(void)
{
    return read_stored();
}

/* The root is one that the cloud gave this version; there may have been two, if the cloud was put back. */
static void check_version(const struct cloud_policy *policy, const char *what)
{
    const struct cloud_version *version = cloud_find_version(policy->generation, policy->version);

    bool same = version && strcmp(version->policy.root, policy->root) == 0;

    watch.drifted &= !same;
    SIM_REQUIRE(policy->version == 0 || same || (version && watch.drifted), what,
                "policy %" PRId64 ".%" PRId64 " has root %s, at the cloud %s", policy->generation,
                policy->version, policy->root, version ? version->policy.root : "none");
}

/* P6 */
static void check_order(const struct cloud_policy *now)
{
    if (now->version == 0 && (watch.may_be_none || watch.in_force.version == 0))
        return;
    SIM_REQUIRE(compare(now, &watch.in_force) >= 0, "P6",
                "policy %" PRId64 ".%" PRId64 " follows %" PRId64 ".%" PRId64, now->generation, now->version,
                watch.in_force.generation, watch.in_force.version);
    watch.may_be_none = false;
}

/* stiled tells its sync right after it has turned to another policy. */
void __real_sync_policy(struct sync *sync, const struct timestamp *now,
                        const struct sync_policy_report *report);
void __wrap_sync_policy(struct sync *sync, const struct timestamp *now,
                        const struct sync_policy_report *report);

void __wrap_sync_policy(struct sync *sync, const struct timestamp *now,
                        const struct sync_policy_report *report)
{
    watch.decides = report->policy;
    __real_sync_policy(sync, now, report);
}

/* A new policy is prepared piece by piece, while the old one decides; here there may be more pieces than so
 * few people make. */
bool __real_world_prepare(struct world *world, const struct policy *policy, size_t people);
bool __wrap_world_prepare(struct world *world, const struct policy *policy, size_t people);

bool __wrap_world_prepare(struct world *world, const struct policy *policy, size_t people)
{
    bool at_once = people == SIZE_MAX || !sim_chance(300);

    return __real_world_prepare(world, policy, at_once ? people : 1) && at_once;
}

const struct cloud_policy *watch_in_force(void)
{
    return &watch.decides;
}

bool watch_policy_is_lost(void)
{
    return machine_alive() && watch.started && watch.decides.version == 0 && watch.floor.version > 0;
}

static void look_at_policy(const struct daemon *daemon)
{
    struct cloud_policy now = watch.started ? watch.decides : policy_of(policy_store_position(daemon->store));

    bool same = compare(&now, &watch.seen) == 0 && strcmp(now.root, watch.seen.root) == 0;

    watch.decides = now;
    if (same && watch.started)
        return;
    watch.started = true;
    watch.seen = now;
    sim_trace("policy %" PRId64 ".%" PRId64 " is in force", now.generation, now.version);
    check_order(&now);
    check_version(&now, "P1");
    if (!watch.may_be_none)
        watch.in_force = now;
}

/* P7: a lease that begins to count is one of a version that is applied, and of a later word than the one
 * before. */
static void look_at_lease(const struct daemon *daemon)
{
    struct sync_status status;
    size_t i = 0;

    sync_status(daemon->sync, &status);
    if (status.lease_until == watch.leased.lease_until)
        return;
    while (i < WANTED_KEPT && watch.wanted[i].lease_until != status.lease_until)
        i++;
    if (i == WANTED_KEPT)
        return; /* said too long ago to be known here */
    const struct cloud_desired *of = &watch.wanted[i];

    sim_trace("the lease of %" PRId64 ".%" PRId64 " counts", of->policy.generation, of->policy.version);
    SIM_REQUIRE(compare(&of->policy, &watch.decides) <= 0 || watch.may_be_none, "P7",
                "the lease of %" PRId64 ".%" PRId64 " counts, and it is not in force", of->policy.generation,
                of->policy.version);
    SIM_REQUIRE(of->iat > watch.leased.iat || sim_faults()->old_image, "P7",
                "an earlier lease takes the place of a later one");
    watch.leased = *of;
}

void watch_step(void)
{
    const struct daemon *daemon = loop_daemon();

    if (!machine_alive() || !daemon)
        return;
    look_at_policy(daemon);
    if (sim_faults()->lease && daemon->sync)
        look_at_lease(daemon);
    doors_check();
}

/* --- the gateway --- */

void watch_life_begins(void)
{
    SIM_REQUIRE(!disk_has(DISK_LEDGER ".damaged"), "the ledger", "was thrown away");
    watch.started = false;
    watch.leased = (struct cloud_desired){ 0 }; /* what it was may not have been stored */
    events_life_begins();
    disk_remove(DISK_POLICY ".damaged-1");
}

void watch_life_ended(void)
{
    struct cloud_policy stored = read_stored();

    if (watch.old_image) {
        watch.in_force = watch.floor = stored;
        watch.may_be_none = true;
        watch.drifted = watch.has_drifted; /* it may be a copy of that */
    }
    events_check_ledger(watch.old_image);
    watch.old_image = false;
    check_version(&stored, "P1");
    check_order(&stored);
    sim_trace("policy %" PRId64 ".%" PRId64 " is stored", stored.generation, stored.version);
}

void watch_old_image(void)
{
    watch.old_image = true;
}

void watch_lost_policy(void)
{
    watch.in_force = watch.floor;
    watch.may_be_none = true;
}

static bool lower_rev(sqlite3 *handle, int64_t slot, sqlite3_stmt *item, struct digest *root)
{
    const char *kind = (const char *)sqlite3_column_text(item, 0);
    const char *id = (const char *)sqlite3_column_text(item, 1);
    int64_t rev = sqlite3_column_int64(item, 2);
    struct digest before = digest_item(kind, id, rev), after = digest_item(kind, id, rev - 1);
    char sql[256], hex[CLOUD_ROOT_SIZE];

    digest_subtract(root, &before);
    digest_add(root, &after);
    hex_encode(root->bytes, DIGEST_BYTES, hex);
    snprintf(sql, sizeof(sql),
             "BEGIN; UPDATE items SET rev = rev - 1 WHERE slot = %d AND kind = '%s' AND id = '%s';"
             "UPDATE head SET root = '%s'; COMMIT;",
             (int)slot, kind, id, hex);
    sqlite3_reset(item);
    return sqlite3_exec(handle, sql, NULL, NULL, NULL) == SQLITE_OK; /* the disk may be broken */
}

bool watch_drift(void)
{
    sqlite3_stmt *head = NULL, *item = NULL;
    sqlite3 *handle = NULL;
    struct digest root;
    bool found = false;

    if (sqlite3_open_v2(DISK_POLICY, &handle, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
        sqlite3_exec(handle, "PRAGMA locking_mode=EXCLUSIVE", NULL, NULL, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(handle, "SELECT slot, root FROM head", -1, &head, NULL) == SQLITE_OK &&
        sqlite3_step(head) == SQLITE_ROW &&
        hex_decode((const char *)sqlite3_column_text(head, 1), root.bytes, DIGEST_BYTES) == 0) {
        int64_t slot = sqlite3_column_int64(head, 0);

        sqlite3_reset(head);
        sqlite3_prepare_v2(handle,
                           "SELECT kind, id, rev FROM items WHERE slot = ? AND rev > 1 AND kind <> 'blob'",
                           -1, &item, NULL);
        sqlite3_bind_int64(item, 1, slot);
        found = sqlite3_step(item) == SQLITE_ROW && lower_rev(handle, slot, item, &root);
    }
    sqlite3_finalize(item);
    sqlite3_finalize(head);
    sqlite3_close(handle);
    watch.drifted |= found;
    watch.has_drifted |= found;
    return found;
}

void watch_stored(const char *line)
{
    struct cloud_policy policy;
    const char *at = strstr(line, "\"generation\":");

    if (!at || !strstr(line, "\"kind\":\"policy_applied\"") ||
        sscanf(at, "\"generation\":%" SCNd64 ",\"version\":%" SCNd64, &policy.generation, &policy.version) !=
            2)
        return;
    if (compare(&policy, &watch.floor) > 0)
        watch.floor = policy;
}

/* --- what is said --- */

/* P4. The change behind it may be stored by the time that this one's result is said. */
static void check_applied(const struct cloud_result *result)
{
    struct cloud_policy stored = read_stored();
    int order = compare(&stored, &result->policy);

    SIM_REQUIRE(order > 0 || (order == 0 && strcmp(stored.root, result->policy.root) == 0), "P4",
                "policy %" PRId64 ".%" PRId64 " %s is said to be applied, stored is %" PRId64 ".%" PRId64
                " %s",
                result->policy.generation, result->policy.version, result->policy.root, stored.generation,
                stored.version, stored.root);
}

/* What an honest cloud sends is never refused, but for what was meant to be, and what comes too late. */
static void check_rejected(const struct cloud_result *result)
{
    const struct sim_faults *faults = sim_faults();
    bool late = strcmp(result->code, "version") == 0 || strcmp(result->code, "generation") == 0;
    bool drifted = strcmp(result->code, "root") == 0 && watch.has_drifted;
    bool bad = strcmp(result->code, "item") == 0 && strcmp(result->id, "odd") == 0;

    SIM_REQUIRE(drifted || (bad && faults->bad_items) ||
                    (late && (faults->replay || faults->reordering || faults->old_cloud ||
                              faults->lost_policy || faults->duplication)),
                "P3", "a change is refused: %s %s %s %s", result->code, result->kind, result->id,
                result->member);
}

static void take_result(const char *payload, size_t len)
{
    struct cloud_refusal refusal;
    struct cloud_result result;

    if (cloud_command_result_is(payload, len)) {
        desk_said(payload, len);
        return;
    }
    SIM_REQUIRE(cloud_result_parse(payload, len, &result, &refusal) == 0, "the contract", "%s", payload);
    sim_trace("result: %s %s %s", cloud_topic_name(result.of), cloud_outcome_name(result.outcome),
              result.code);
    if (!machine_alive())
        return;
    if (result.outcome == CLOUD_OUTCOME_APPLIED)
        check_applied(&result);
    if (result.outcome == CLOUD_OUTCOME_REJECTED)
        check_rejected(&result);
}

static void take_ack(const char *payload, size_t len)
{
    const struct cloud_self self = { MACHINE_SITE, MACHINE_GATEWAY };
    struct cloud_refusal refusal;
    struct cloud_ack ack;

    SIM_REQUIRE(cloud_ack_parse(payload, len, &self, &ack, &refusal) == 0, "the contract", "%s", payload);
    events_acked(&ack);
    if (!sim_chance(100))
        return;
    sqlite3 *cloud = disk_audit(DISK_CLOUD_DIRECTORY "/cloud.db");

    events_check_acked(cloud, false);
    disk_audit_end(cloud);
}

static void take_desired(const char *payload, size_t len)
{
    const struct cloud_self self = { MACHINE_SITE, MACHINE_GATEWAY };
    struct cloud_refusal refusal;
    struct cloud_desired *desired = &watch.wanted[watch.wanted_count++ % WANTED_KEPT];

    SIM_REQUIRE(cloud_desired_parse(payload, len, &self, desired, &refusal) == 0, "the contract", "%s",
                payload);
}

void watch_said(enum broker_client client, const char *topic, const char *payload, size_t len)
{
    enum cloud_topic kind;

    if (!cloud_topic_find(topic, &kind))
        return;
    if (kind == CLOUD_UP_RESULT)
        take_result(payload, len);
    else if (kind == CLOUD_DOWN_DESIRED)
        take_desired(payload, len);
    else if (kind == CLOUD_DOWN_ACK)
        take_ack(payload, len);
}

/* --- the cloud --- */

void watch_cloud_starts(struct site *site)
{
    events_check_acked(site->handle, watch.cloud_old_image);
    watch.cloud_old_image = false;
}

void watch_cloud_old_image(void)
{
    watch.cloud_old_image = true;
}

/* --- the end --- */

void watch_connected(void)
{
    struct sync_status status = { 0 };
    const struct daemon *daemon = loop_daemon();

    if (daemon && daemon->sync)
        sync_status(daemon->sync, &status);
    SIM_REQUIRE(machine_alive() && daemon, "liveness", "stiled does not run");
    SIM_REQUIRE(cloud_serving(), "liveness", "the cloud does not serve");
    SIM_REQUIRE(status.connected, "liveness", "the gateway is not connected: %s", status.reason);
}

void watch_end(void)
{
    const struct cloud_version *newest = cloud_newest();

    watch_connected();
    struct cloud_policy now = watch.decides;

    SIM_REQUIRE(compare(&now, &newest->policy) == 0 && strcmp(now.root, newest->policy.root) == 0, "P5",
                "the gateway has policy %" PRId64 ".%" PRId64 " %.8s, the cloud %" PRId64 ".%" PRId64 " %.8s",
                now.generation, now.version, now.root, newest->policy.generation, newest->policy.version,
                newest->policy.root);
    struct cloud_policy stored = read_stored();

    SIM_REQUIRE(strcmp(stored.root, now.root) == 0, "P4", "another policy is stored than is in force");
    sqlite3 *cloud = NULL;
    int r = sqlite3_open_v2(DISK_CLOUD_DIRECTORY "/cloud.db", &cloud, SQLITE_OPEN_READONLY, NULL);

    SIM_REQUIRE(r == SQLITE_OK, "the audit", "the cloud's file cannot be opened");
    SIM_REQUIRE(!sim_faults()->lease || sim_faults()->old_cloud ||
                    watch.leased.lease_until > machine_true_utc_us() / USEC_PER_SEC,
                "P7", "the lease is over, though the cloud goes on to renew it");
    events_check_all(cloud);
    desk_check_all(cloud);
    sqlite3_close(cloud);
    sim_trace("all is well after %" PRId64 " events", events_count());
    watch.over = true;
}
