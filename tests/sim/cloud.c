/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cloud.c: each call into stile-cloud is made with its clock, and may find that its disk has no power any
 * more; then the process is gone, and comes back after a while. */
#include "tests/sim/cloud.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/broker.h"
#include "tests/sim/desk.h"
#include "tests/sim/disk.h"
#include "tests/sim/machine.h"
#include "tests/sim/sim.h"
#include "tests/sim/watch.h"
#include "tools/stile-cloud/feed.h"
#include "tools/stile-cloud/peer.h"

#define RETRY_US   (1 * USEC_PER_SEC)
#define RESTART_US (20 * USEC_PER_SEC)
#define LOOK_US    (500 * USEC_PER_MSEC)

/* Often enough for a lease. */
#define LOOK_AGAIN_US (10 * USEC_PER_SEC)

static struct {
    struct site site;
    struct peers *peers; /* NULL: the process does not run */
    bool running;        /* this very moment */
    bool connected;
    bool killed; /* not the power */
    struct content content;
    struct content attempted; /* by a change whose commit the power may have cut */
    bool attempting;
    bool old_image; /* was put back, and the process has not started since */
    int64_t
        waits_above; /* a generation: until ours is higher, nobody changes the policy; 0: it may be changed */
    struct cloud_version *history;
    size_t count;
    size_t size;
} cloud;

/* Files beside the database, by which processes wake each other. */
void __wrap_site_mark(const struct site *site, const char *mark);

void __wrap_site_mark(const struct site *site, const char *mark)
{
}

bool cloud_is_running(void)
{
    return cloud.running;
}

bool cloud_serving(void)
{
    return cloud.peers && cloud.connected;
}

const struct cloud_version *cloud_find_version(int64_t generation, int64_t version)
{
    for (size_t i = cloud.count; i-- > 0;)
        if (cloud.history[i].policy.generation == generation && cloud.history[i].policy.version == version)
            return &cloud.history[i];
    return NULL;
}

const struct cloud_version *cloud_newest(void)
{
    return &cloud.history[cloud.count - 1];
}

/* --- the process --- */

static bool same_policy(const struct cloud_policy *a, const struct cloud_policy *b)
{
    return a->generation == b->generation && a->version == b->version && strcmp(a->root, b->root) == 0;
}

/* After whatever may have committed a policy. */
static void note_version(void)
{
    if (cloud.count > 0 && same_policy(&cloud.site.policy, &cloud_newest()->policy))
        return;
    if (cloud.count == cloud.size) {
        cloud.size = cloud.size ? 2 * cloud.size : 64;
        cloud.history = realloc(cloud.history, cloud.size * sizeof(*cloud.history));
        assert(cloud.history);
    }
    cloud.history[cloud.count++] = (struct cloud_version){ cloud.site.policy, cloud.content };
    sim_trace("the cloud's policy is %lld.%lld %.8s%s", (long long)cloud.site.policy.generation,
              (long long)cloud.site.policy.version, cloud.site.policy.root,
              cloud.content.bad ? ", a bad one" : "");
}

static void start(void *argument, int64_t number);

static void die(void)
{
    bool lossy = !cloud.killed;

    sim_trace("the cloud is gone%s", lossy ? ", with its power" : "");
    cloud.peers = peers_free(cloud.peers);
    site_close(&cloud.site);
    sim_forget(SIM_CLOUD);
    broker_vanish(BROKER_CLOUD, !lossy);
    disk_restart(DISK_CLOUD, lossy);
    cloud.killed = cloud.connected = false;
    sim_at(SIM_CLOUD, sim_healed() ? RETRY_US : sim_between(RETRY_US, RESTART_US), start, NULL, 0);
}

void cloud_check_power(void)
{
    if (cloud.peers && disk_is_cut(DISK_CLOUD))
        die();
}

void cloud_power_off(int64_t operations)
{
    if (!cloud.peers)
        return;
    disk_cut(DISK_CLOUD, operations);
    cloud_check_power();
}

void cloud_kill(void)
{
    cloud.killed = cloud.peers != NULL;
    cloud_power_off(0);
}

static int publish(void *user, const char *topic, bool retained, const void *payload, size_t len)
{
    if (!cloud.connected)
        return -EAGAIN;
    if (!disk_is_cut(DISK_CLOUD))
        broker_publish(BROKER_CLOUD, topic, retained, payload, len);
    return 0;
}

static void tell_change(void)
{
    cloud.running = true;
    if (cloud_serving())
        peers_policy_changed(cloud.peers);
    cloud.running = false;
    if (!disk_is_cut(DISK_CLOUD))
        note_version();
}

static void look(void *argument, int64_t number)
{
    tell_change();
    sim_at(SIM_CLOUD, LOOK_AGAIN_US, look, NULL, 0);
}

static void connect_now(void *argument, int64_t number)
{
    if (cloud.connected)
        return;
    if (!broker_reachable(BROKER_CLOUD)) {
        sim_at(SIM_CLOUD, RETRY_US, connect_now, NULL, 0);
        return;
    }
    cloud.connected = true;
    broker_connect(BROKER_CLOUD, NULL, NULL, 0);
}

/* The version that was committed last; or one that was being committed: a change, or a higher generation. */
static void check_version(void)
{
    const struct cloud_policy *ours = &cloud.site.policy;
    size_t i = cloud.count;

    if (cloud.count == 0 || (!cloud.old_image && same_policy(ours, &cloud_newest()->policy)))
        return;
    while (i-- > 0 && cloud.history[i].policy.version != ours->version)
        continue;
    bool raised = i < cloud.count && strcmp(cloud.history[i].policy.root, ours->root) == 0 &&
                  (cloud.old_image || i + 1 == cloud.count);

    SIM_REQUIRE(raised || cloud.attempting, "the cloud's store",
                "version %lld.%lld is not what was committed", (long long)ours->generation,
                (long long)ours->version);
    cloud.content = raised ? cloud.history[i].content : cloud.attempted;
}

/* A gateway that is ahead must be heard before the policy may change: the same numbers would come again with
 * another content. */
static void check_old_image(void)
{
    struct cloud_policy theirs = watch_gateway_policy();
    const struct cloud_policy *ours = &cloud.site.policy;
    bool ahead = theirs.generation > ours->generation ||
                 (theirs.generation == ours->generation && theirs.version > ours->version);

    if (cloud.old_image && ahead)
        cloud.waits_above = theirs.generation;
    cloud.old_image = false;
}

static void start(void *argument, int64_t number)
{
    int r = site_open(DISK_CLOUD_DIRECTORY, &cloud.site);

    SIM_REQUIRE(r == 0, "the cloud's store", "cannot be opened: %s", strerror(-r));
    check_version();
    check_old_image();
    cloud.attempting = false;
    note_version();
    r = peers_new(&cloud.site, publish, NULL, &cloud.peers);
    assert(r == 0);
    sim_trace("the cloud is there, with policy %lld.%lld", (long long)cloud.site.policy.generation,
              (long long)cloud.site.policy.version);
    watch_cloud_starts(&cloud.site);
    connect_now(NULL, 0);
    sim_at(SIM_CLOUD, LOOK_US, look, NULL, 0);
}

void cloud_receive(const char *topic, const char *payload, size_t len)
{
    if (!cloud.peers || len > CLOUD_PAYLOAD_MAX)
        return;
    if (strstr(topic, "/up/state"))
        desk_heard(payload, len);
    cloud.running = true;
    peers_message(cloud.peers, topic, payload, len);
    cloud.running = false;
    if (!disk_is_cut(DISK_CLOUD))
        note_version();
}

void cloud_lost(const char *reason)
{
    if (!cloud_serving())
        return;
    cloud.connected = false;
    peers_disconnected(cloud.peers);
    sim_at(SIM_CLOUD, RETRY_US, connect_now, NULL, 0);
}

/* --- the people who change the policy --- */

static int put(struct feed_change *change, struct content_item item)
{
    if (item.json)
        return feed_change_put(change, item.kind, item.id, item.json);
    int r = feed_change_del(change, item.kind, item.id);

    return r == -ENOENT ? 0 : r;
}

static int put_all(struct feed_change *change)
{
    struct content_item item;
    int r = 0;

    for (size_t i = 0; r == 0 && (item = content_place(i)).json; i++)
        r = put(change, item);
    if (r == 0)
        r = put(change, content_rule(&cloud.content));
    for (int i = 0; i < CONTENT_PEOPLE && r == 0; i++) {
        r = put(change, content_user(&cloud.content, i));
        if (r == 0)
            r = put(change, content_credential(&cloud.content, i));
    }
    return r;
}

static int put_blobs(struct feed_change *change)
{
    uint64_t filling = sim_draw();
    int r = 0;

    for (size_t i = 0; i < CONTENT_BLOBS && r == 0; i++)
        r = put(change, content_blob(&cloud.content, i, filling + i));
    return r;
}

static void change_person(struct content_person *person)
{
    person->known = sim_chance(900);
    person->active = sim_chance(900);
    person->staff = sim_chance(900);
    person->has_card = sim_chance(900);
    person->card_works = sim_chance(900);
    person->until_2028 = sim_chance(200);
}

static int put_change(struct feed_change *change)
{
    int64_t first = sim_below(CONTENT_PEOPLE);
    int64_t count = sim_between(1, 3);
    int r = 0;

    for (int64_t n = first; n < first + count && r == 0; n++) {
        int i = (int)(n % CONTENT_PEOPLE);

        change_person(&cloud.content.people[i]);
        r = put(change, content_user(&cloud.content, i));
        if (r == 0)
            r = put(change, content_credential(&cloud.content, i));
    }
    return r;
}

static int change_something(struct feed_change *change, bool mend)
{
    struct content before = cloud.content;
    int r;

    if (!before.placed) {
        cloud.content.placed = cloud.content.rule = true;
        cloud.content.blobs = sim_faults()->bulk;
        for (int i = 0; i < CONTENT_PEOPLE; i++)
            change_person(&cloud.content.people[i]);
        r = put_all(change);
        return r == 0 && cloud.content.blobs ? put_blobs(change) : r;
    }
    if (sim_chance(200))
        cloud.content.rule = !cloud.content.rule || mend;
    cloud.content.bad = sim_mishap(sim_faults()->bad_items, 200) && !mend;
    r = put_change(change);
    if (r == 0)
        r = put(change, content_rule(&cloud.content));
    if (r == 0)
        r = put(change, content_bad(&cloud.content));
    if (r == 0 && cloud.content.blobs && sim_chance(150))
        r = put_blobs(change);
    return r;
}

void cloud_change(bool mend)
{
    struct content before = cloud.content;
    struct feed_change change;

    if (!cloud.peers || cloud.site.policy.generation <= cloud.waits_above)
        return;
    cloud.running = true;
    int r = feed_change_begin(&cloud.site, &change);

    if (r == 0)
        r = feed_change_end(&change, change_something(&change, mend));
    cloud.running = false;
    if (r < 0) {
        cloud.attempting = true;
        cloud.attempted = cloud.content;
        cloud.content = before;
    }
    SIM_REQUIRE(r == 0 || disk_is_cut(DISK_CLOUD), "the cloud's store", "a change fails: %s", strerror(-r));
    if (r == 0)
        tell_change();
}

/* The gateway starts anew too, so that nothing of what the cloud has forgotten is still on its way. */
void cloud_put_old_image(void)
{
    if (!cloud.peers || !disk_has_image(DISK_CLOUD))
        return;
    machine_kill();
    cloud_kill();
    sim_trace("the cloud's file is an old copy of itself");
    disk_put_image(DISK_CLOUD);
    cloud.old_image = true;
    watch_cloud_old_image();
}

/* --- begin and end --- */

void cloud_begin(void)
{
    int r;

    memset(&cloud, 0, sizeof(cloud));
    cloud.running = true;
    r = site_create(DISK_CLOUD_DIRECTORY, MACHINE_SITE, clock_utc_us() / USEC_PER_SEC);
    cloud.running = false;
    assert(r == 0);
    start(NULL, 0);
    if (!sim_faults()->lease)
        return;
    r = site_set_lease(&cloud.site, WATCH_LEASE_S);
    assert(r == 0);
}

void cloud_end(void)
{
    peers_free(cloud.peers);
    if (cloud.peers)
        site_close(&cloud.site);
    free(cloud.history);
}
