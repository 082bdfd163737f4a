/* SPDX-License-Identifier: GPL-3.0-or-later */
/* peer.c: one function a topic; what goes wrong with one message is said on standard error and answered by
 * nothing, since the gateway asks again in its own time. */
#include "tools/stile-cloud/peer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/log.h"
#include "tools/stile-cloud/feed.h"
#include "tools/stile-cloud/journal.h"

#define SUBSYSTEM "serve"

#define TOPIC_SIZE (CLOUD_PREFIX_SIZE + 32)

/* What is known of a gateway from its last state. */
struct peer {
    char name[ID_SIZE];
    struct cloud_state state;
    bool known;
};

struct peers {
    struct site *site;
    peers_publish_fn *publish;
    void *user;
    struct text payload; /* being written */
    int64_t told;        /* version of the policy that was told last */
    int64_t told_generation;
    struct peer list[PEERS_MAX];
    size_t count;
};

int peers_new(struct site *site, peers_publish_fn *publish, void *user, struct peers **ret)
{
    struct peers *peers = calloc(1, sizeof(*peers));

    if (!peers)
        return -ENOMEM;
    peers->site = site;
    peers->publish = publish;
    peers->user = user;
    peers->told = site->policy.version;
    peers->told_generation = site->policy.generation;
    *ret = peers;
    return 0;
}

struct peers *peers_free(struct peers *peers)
{
    if (!peers)
        return NULL;
    text_finish(&peers->payload);
    free(peers);
    return NULL;
}

static void trouble(const struct peers *peers, const struct peer *peer, const char *what, int r)
{
    log_error(SUBSYSTEM, "%s: %s: %s (%s)", peer->name, what, strerror(-r), site_text(peers->site));
}

/* A line of the story for people, and for tests to wait for. */
static void __attribute__((format(printf, 2, 3))) tell(const struct peer *peer, const char *format, ...)
{
    va_list args;

    printf("%s ", peer->name);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

/* Publishes what was just formatted with result r. */
static void send(struct peers *peers, const struct peer *peer, enum cloud_topic topic, int r)
{
    const struct cloud_self self = { peers->site->name, peer->name };
    char prefix[CLOUD_PREFIX_SIZE];
    char name[TOPIC_SIZE];

    cloud_topic_prefix(&self, prefix);
    snprintf(name, sizeof(name), "%s%s", prefix, cloud_topic_name(topic));
    if (r == 0)
        r = peers->publish(peers->user, name, cloud_topic_retained(topic), text_string(&peers->payload),
                           peers->payload.len);
    if (r < 0)
        trouble(peers, peer, cloud_topic_name(topic), r);
}

static int64_t unix_now(void)
{
    return clock_utc_us() / USEC_PER_SEC;
}

static void send_desired(struct peers *peers, const struct peer *peer)
{
    if (peers->site->policy.version > 0)
        send(peers, peer, CLOUD_DOWN_DESIRED,
             feed_desired(peers->site, peer->name, unix_now(), &peers->payload));
}

static void send_manifest(struct peers *peers, const struct peer *peer)
{
    send(peers, peer, CLOUD_DOWN_SNAPSHOT, feed_offer(peers->site, unix_now(), &peers->payload));
}

/* What leads from a version to the newest: a delta, or a snapshot if that fits no message. */
static void send_change(struct peers *peers, const struct peer *peer, int64_t from)
{
    int r = feed_delta(peers->site, from, &peers->payload);

    if (r == -EMSGSIZE)
        send_manifest(peers, peer);
    else
        send(peers, peer, CLOUD_DOWN_DELTA, r);
}

static void send_ack(struct peers *peers, const struct peer *peer, const char *epoch,
                     const struct journal_cursor *cursor)
{
    struct cloud_ack ack = { .iat = unix_now(), .seq = cursor->seq };

    snprintf(ack.aud, sizeof(ack.aud), "%s/%s", peers->site->name, peer->name);
    snprintf(ack.epoch, sizeof(ack.epoch), "%s", epoch);
    memcpy(ack.hash, cursor->hash, sizeof(ack.hash));
    send(peers, peer, CLOUD_DOWN_ACK, cloud_ack_format(&peers->payload, &ack));
}

static int save_state(struct peers *peers, const struct peer *peer, const char *payload)
{
    cleanup_with(site_finalizep) sqlite3_stmt *upsert = NULL;
    int r = site_prepare(
        peers->site,
        "INSERT INTO gateways VALUES(?1, ?2, ?3, ?4, ?5, NULL, ?6) ON CONFLICT(name) DO UPDATE SET"
        " boot = ?2, conn = ?3, online = ?4, state = CASE ?4 WHEN 1 THEN ?5 ELSE state END, seen = ?6",
        &upsert);

    if (r < 0)
        return r;
    sqlite3_bind_text(upsert, 1, peer->name, -1, SQLITE_STATIC);
    sqlite3_bind_text(upsert, 2, peer->state.boot, -1, SQLITE_STATIC);
    sqlite3_bind_int64(upsert, 3, peer->state.conn);
    sqlite3_bind_int64(upsert, 4, peer->state.online);
    sqlite3_bind_text(upsert, 5, payload, -1, SQLITE_STATIC);
    sqlite3_bind_int64(upsert, 6, unix_now());
    return site_run(peers->site, upsert);
}

/* A gateway that is ahead of us is never rolled back: what we have gets a higher generation (P6). */
static int stay_ahead(struct peers *peers, const struct peer *peer)
{
    const struct cloud_policy *theirs = &peer->state.policy;
    const struct cloud_policy *ours = &peers->site->policy;
    bool behind = theirs->generation > ours->generation ||
                  (theirs->generation == ours->generation && theirs->version > ours->version);

    if (!behind)
        return 0;
    tell(peer, "has policy %" PRId64 ".%" PRId64 ", which is ahead of ours: a higher generation begins",
         theirs->generation, theirs->version);
    return feed_raise(peers->site, theirs->generation + 1);
}

static void answer_online(struct peers *peers, struct peer *peer)
{
    struct journal_cursor cursor;
    int r = stay_ahead(peers, peer);

    if (r == 0)
        send_desired(peers, peer);
    if (r == 0)
        r = journal_cursor(peers->site, peer->name, peer->state.epoch, &cursor);
    if (r < 0)
        trouble(peers, peer, "state", r);
    else
        send_ack(peers, peer, peer->state.epoch, &cursor);
}

static void take_state(struct peers *peers, struct peer *peer, const char *payload, size_t len)
{
    struct cloud_refusal refusal;
    struct cloud_state state;
    int r = cloud_state_parse(payload, len, &state, &refusal);

    if (r < 0) {
        tell(peer, "sent a state that is not understood: %s %s", refusal.error.path, refusal.error.text);
        return;
    }
    if (peer->known && strcmp(state.boot, peer->state.boot) == 0 && state.conn < peer->state.conn)
        return; /* of an older connection */
    bool news = !peer->known || state.online != peer->state.online || state.conn != peer->state.conn;

    if (!state.online) {
        state.policy = peer->state.policy; /* the Will tells no more */
        state.oldest = peer->state.oldest;
    }
    peer->state = state;
    peer->known = true;
    r = save_state(peers, peer, payload);
    if (r < 0)
        trouble(peers, peer, "state", r);
    if (news)
        tell(peer, "%s, policy %" PRId64 ".%" PRId64 ", events to %" PRId64,
             state.online ? "online" : "offline", state.policy.generation, state.policy.version, state.head);
    if (state.online)
        answer_online(peers, peer);
}

static void take_events(struct peers *peers, struct peer *peer, const char *payload, size_t len)
{
    struct cloud_refusal refusal;
    struct journal_cursor cursor;
    struct cloud_events events;
    int r = cloud_events_parse(payload, len, &events, &refusal);

    if (r == 0)
        r = cloud_events_check(&events, &refusal);
    if (r == -EBADMSG) {
        tell(peer, "sent events that are not what they say: %s %s", refusal.error.path, refusal.error.text);
        return;
    }
    if (r == 0)
        r = journal_store(peers->site, peer->name, &events, peer->state.oldest, &cursor);
    if (r < 0) {
        trouble(peers, peer, "events", r);
        return;
    }
    if (r == JOURNAL_STORED)
        tell(peer, "events %" PRId64 " to %" PRId64 " are stored", events.first, cursor.seq);
    else if (r == JOURNAL_FORKED)
        tell(peer, "ALARM: sent events from %" PRId64 " on with another content", events.first);
    send_ack(peers, peer, events.epoch, &cursor);
}

static void send_chunks(struct peers *peers, struct peer *peer, const struct cloud_request *request)
{
    for (int64_t i = request->from; i < request->from + request->count; i++) {
        int r = feed_chunk(peers->site, request, i, &peers->payload);

        if (r == -ENOENT && i > request->from)
            return; /* it asked for more than there are */
        if (r == -ENOENT) {
            send_manifest(peers, peer);
            return;
        }
        send(peers, peer, CLOUD_DOWN_CHUNK, r);
    }
}

static void take_request(struct peers *peers, struct peer *peer, const char *payload, size_t len)
{
    struct cloud_refusal refusal;
    struct cloud_request request;
    int r = cloud_request_parse(payload, len, &request, &refusal);

    if (r < 0) {
        tell(peer, "asked for what is not understood: %s %s", refusal.error.path, refusal.error.text);
        return;
    }
    tell(peer, "wants %s, has %" PRId64 ".%" PRId64, cloud_want_name(request.want), request.generation,
         request.version);
    switch (request.want) {
    case CLOUD_WANT_DELTA:
        if (request.generation == peers->site->policy.generation &&
            request.version < peers->site->policy.version)
            send_change(peers, peer, request.version);
        else
            send_desired(peers, peer);
        break;
    case CLOUD_WANT_SNAPSHOT:
    case CLOUD_WANT_DIGEST: /* a manifest is an answer to drift, too (cloud contract 2) */
        send_manifest(peers, peer);
        break;
    case CLOUD_WANT_CHUNKS:
        send_chunks(peers, peer, &request);
        break;
    }
}

static int save_result(struct peers *peers, const struct peer *peer, const char *payload)
{
    cleanup_with(site_finalizep) sqlite3_stmt *update = NULL;
    int r = site_prepare(peers->site, "UPDATE gateways SET result = ? WHERE name = ?", &update);

    if (r < 0)
        return r;
    sqlite3_bind_text(update, 1, payload, -1, SQLITE_STATIC);
    sqlite3_bind_text(update, 2, peer->name, -1, SQLITE_STATIC);
    return site_run(peers->site, update);
}

static void take_result(struct peers *peers, struct peer *peer, const char *payload, size_t len)
{
    struct cloud_refusal refusal;
    struct cloud_result result;
    int r = cloud_result_parse(payload, len, &result, &refusal);

    if (r < 0) {
        tell(peer, "sent a result that is not understood: %s %s", refusal.error.path, refusal.error.text);
        return;
    }
    r = save_result(peers, peer, payload);
    if (r < 0)
        trouble(peers, peer, "result", r);
    peer->state.policy = result.policy;
    tell(peer, "%s %s%s%s%s%s%s%s%s: policy %" PRId64 ".%" PRId64 " is in force", cloud_topic_name(result.of),
         cloud_outcome_name(result.outcome), result.code[0] ? " " : "", result.code,
         result.kind[0] ? " " : "", result.kind, result.id[0] ? " " : "", result.id,
         result.member[0] ? " (member at fault is named)" : "", result.policy.generation,
         result.policy.version);
}

static struct peer *find(struct peers *peers, const char *name)
{
    for (size_t i = 0; i < peers->count; i++)
        if (strcmp(peers->list[i].name, name) == 0)
            return &peers->list[i];
    if (peers->count == PEERS_MAX)
        return NULL;
    struct peer *peer = &peers->list[peers->count++];

    snprintf(peer->name, sizeof(peer->name), "%s", name);
    return peer;
}

/* "stile/1/hub/gw1/up/state": fills the gateway's name and the topic below its prefix. */
static bool take_apart(const struct site *site, const char *topic, char ret_gateway[static ID_SIZE],
                       const char **ret_below)
{
    const struct cloud_self self = { site->name, "" };
    char prefix[CLOUD_PREFIX_SIZE];

    cloud_topic_prefix(&self, prefix);
    size_t len = strlen(prefix) - 1; /* without the slash behind the gateway's empty name */

    if (strncmp(topic, prefix, len) != 0)
        return false;
    const char *slash = strchr(topic + len, '/');
    size_t name = slash ? (size_t)(slash - topic) - len : 0;

    if (name == 0 || name >= ID_SIZE)
        return false;
    memcpy(ret_gateway, topic + len, name);
    ret_gateway[name] = '\0';
    *ret_below = slash + 1;
    return topic_name_valid(ret_gateway);
}

void peers_message(struct peers *peers, const char *topic, const char *payload, size_t len)
{
    static void (*const takers[CLOUD_TOPIC_COUNT])(struct peers *, struct peer *, const char *, size_t) = {
        [CLOUD_UP_STATE] = take_state,
        [CLOUD_UP_EVENTS] = take_events,
        [CLOUD_UP_REQUEST] = take_request,
        [CLOUD_UP_RESULT] = take_result,
    };
    char gateway[ID_SIZE];
    const char *below;
    enum cloud_topic kind;

    if (!take_apart(peers->site, topic, gateway, &below) || !cloud_topic_find(below, &kind) || !takers[kind])
        return;
    struct peer *peer = find(peers, gateway);
    int r = site_refresh(peers->site);

    if (!peer)
        log_error(SUBSYSTEM, "%s: there are more than %d gateways", gateway, PEERS_MAX);
    else if (r < 0)
        trouble(peers, peer, "policy", r);
    else
        takers[kind](peers, peer, payload, len);
}

void peers_policy_changed(struct peers *peers)
{
    const struct cloud_policy *policy = &peers->site->policy;
    int r = site_refresh(peers->site);

    if (r < 0) {
        log_error(SUBSYSTEM, "the policy cannot be read: %s", site_text(peers->site));
        return;
    }
    if (policy->version == peers->told && policy->generation == peers->told_generation)
        return;
    for (size_t i = 0; i < peers->count; i++) {
        const struct peer *peer = &peers->list[i];

        if (!peer->state.online)
            continue;
        if (peer->state.policy.generation == policy->generation &&
            peer->state.policy.version < policy->version)
            send_change(peers, peer, peer->state.policy.version);
        send_desired(peers, peer);
    }
    peers->told = policy->version;
    peers->told_generation = policy->generation;
}
