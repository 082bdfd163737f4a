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
#include "tools/stile-cloud/outbox.h"
#include "tools/stile-cloud/sign.h"

#define SUBSYSTEM "serve"

#define TOPIC_SIZE (CLOUD_PREFIX_SIZE + 32)
#define ALARM_SIZE 512

/* Changes that a gateway is sent unasked before the result of the first: it applies one after the other. */
#define CHANGES_MAX 2

/* What is known of a gateway from its last state. */
struct peer {
    char name[ID_SIZE];
    struct cloud_state state;          /* offline: of when it was online */
    bool known;                        /* it said a state since we are connected */
    int changes_under_way;             /* deltas whose results have not come; CHANGES_MAX: or a snapshot */
    int64_t sent;                      /* the version that the last of them leads to */
    char manifest_ref[CLOUD_REF_SIZE]; /* of the last one sent, "": none */
};

struct peers {
    struct site *site;
    peers_publish_fn *publish;
    void *user;
    struct text payload;      /* being written */
    struct cloud_policy told; /* what was told last */
    int64_t told_lease_s;
    int64_t told_at; /* boot time */
    struct peer list[PEERS_MAX];
    size_t count;
};

static void note_told(struct peers *peers)
{
    peers->told = peers->site->policy;
    peers->told_lease_s = peers->site->lease_s;
    peers->told_at = clock_boot_us();
}

int peers_new(struct site *site, peers_publish_fn *publish, void *user, struct peers **ret)
{
    struct peers *peers = calloc(1, sizeof(*peers));

    if (!peers)
        return -ENOMEM;
    peers->site = site;
    peers->publish = publish;
    peers->user = user;
    note_told(peers);
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

/* The same, kept for who asks later. */
static int __attribute__((format(printf, 3, 4)))
note_alarm(struct peers *peers, const struct peer *peer, const char *format, ...)
{
    char text[ALARM_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    tell(peer, "ALARM: %s", text);
    return journal_alarm(peers->site, peer->name, "%s", text);
}

/* Signs what was just formatted with result r, if it is to be. Returns r, or what signing said. */
static int seal(struct peers *peers, const struct peer *peer, struct sign_request request, int r)
{
    bool needs_root = false;

    if (r < 0 || !cloud_topic_typ(request.topic))
        return r;
    if (cloud_topic_use(request.topic) == KEY_USE_POLICY)
        r = sign_needs_root(peers->site, &peer->state.policy, &needs_root);
    if (needs_root)
        request.by = SIGN_BY_ROOT;
    return r < 0 ? r : sign_payload(peers->site, &request, &peers->payload);
}

/* Publishes what was formatted, and sealed where that is needed, with result r. */
static void publish(struct peers *peers, const struct peer *peer, enum cloud_topic topic, int r)
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

/* Both. */
static void send(struct peers *peers, const struct peer *peer, enum cloud_topic topic, int r)
{
    const struct sign_request request = { .topic = topic };

    publish(peers, peer, topic, seal(peers, peer, request, r));
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

/* A manifest may mend key items, as a repair may: by a root, if there is one. */
static void send_manifest(struct peers *peers, struct peer *peer)
{
    const struct sign_request request = { .topic = CLOUD_DOWN_SNAPSHOT, .by = SIGN_BY_ROOT_IF_ANY };

    if (peers->site->policy.version == 0)
        return;
    peer->changes_under_way = CHANGES_MAX;
    peer->sent = peers->site->policy.version;
    int r = feed_offer(peers->site, unix_now(), &peers->payload);

    r = seal(peers, peer, request, r);
    cloud_ref(text_string(&peers->payload), peers->payload.len, peer->manifest_ref);
    publish(peers, peer, CLOUD_DOWN_SNAPSHOT, r);
}

/* A delta that was written with result r, or a snapshot if it fits no message. */
static void send_delta(struct peers *peers, struct peer *peer, enum sign_by by, int r)
{
    const struct sign_request request = { .topic = CLOUD_DOWN_DELTA, .by = by };

    peer->changes_under_way++;
    peer->sent = peers->site->policy.version;
    r = seal(peers, peer, request, r);
    if (r == -EMSGSIZE)
        send_manifest(peers, peer);
    else
        publish(peers, peer, CLOUD_DOWN_DELTA, r);
}

/* What leads from a version to the newest. */
static void send_change(struct peers *peers, struct peer *peer, int64_t from)
{
    send_delta(peers, peer, SIGN_BY_USE, feed_delta(peers->site, from, unix_now(), &peers->payload));
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

/* state: NULL leaves the last one. */
static int save_state(struct peers *peers, const struct peer *peer, const char *state)
{
    cleanup_with(site_finalizep) sqlite3_stmt *upsert = NULL;
    int r = site_prepare(peers->site,
                         "INSERT INTO gateways VALUES(?1, ?2, coalesce(?3, '-'), NULL) ON CONFLICT DO UPDATE"
                         " SET online = ?2, state = coalesce(?3, state)",
                         &upsert);

    if (r < 0)
        return r;
    sqlite3_bind_text(upsert, 1, peer->name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(upsert, 2, peer->state.online);
    sqlite3_bind_text(upsert, 3, state, -1, SQLITE_STATIC);
    return site_run(peers->site, upsert);
}

/* A gateway that is ahead of us is never rolled back: what we have gets a higher generation (P6). While we
 * have nothing there is nothing to put in place of what it has. */
static int stay_ahead(struct peers *peers, const struct peer *peer)
{
    const struct cloud_policy *theirs = &peer->state.policy;
    const struct cloud_policy *ours = &peers->site->policy;
    bool behind = theirs->generation > ours->generation ||
                  (theirs->generation == ours->generation && theirs->version > ours->version);

    if (!behind || ours->version == 0)
        return 0;
    int r = feed_raise(peers->site, theirs->generation);

    if (r < 0 && r != -ERANGE)
        return r;
    return note_alarm(peers, peer, "has policy %" PRId64 ".%" PRId64 ", ahead of ours: %s",
                      theirs->generation, theirs->version,
                      r == -ERANGE ? "too far to be believed" : "a higher generation begins");
}

/* One that lost its policy says 0.0 and remembers that it had a later one than it is offered now. */
static int outbid(struct peers *peers, struct peer *peer, const struct cloud_result *result)
{
    bool too_low = strcmp(result->code, "version") == 0 || strcmp(result->code, "generation") == 0;
    bool ours = strcmp(result->ref, peer->manifest_ref) == 0;

    if (ours || result->policy.version > 0)
        peer->manifest_ref[0] = '\0'; /* has its answer: said again by somebody else it tells nothing */
    if (!too_low || result->policy.version > 0 || !ours)
        return 0;
    int r = feed_raise(peers->site, peers->site->policy.generation);

    return r < 0 ? r : note_alarm(peers, peer, "lost a policy ahead of ours: a higher generation begins");
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

/* Whether a state is of another connection than the one that is online, and an older one. Boots have no
 * order; but the Will of a boot that is not the last one comes late. */
static bool is_old(const struct peer *peer, const struct cloud_state *state)
{
    bool same_boot = strcmp(state->boot, peer->state.boot) == 0;

    return peer->known && (same_boot ? state->conn < peer->state.conn : !state->online);
}

/* Returns whether it comes or goes. */
static bool note_state(struct peer *peer, const struct cloud_state *state)
{
    bool news = !peer->known || state->online != peer->state.online || state->conn != peer->state.conn;

    if (state->online)
        peer->state = *state;
    peer->state.online = state->online;
    peer->known = true;
    peer->changes_under_way = news ? 0 : peer->changes_under_way;
    return news;
}

static void take_state(struct peers *peers, struct peer *peer, const char *payload, size_t len)
{
    struct cloud_refusal refusal;
    struct cloud_state state;
    int r = cloud_state_parse(payload, len, &state, &refusal);

    if (r == 0 && strcmp(state.gateway, peer->name) != 0)
        tell(peer, "sent the state of %s", state.gateway);
    else if (r < 0)
        tell(peer, "sent a state that is not understood: %s %s", refusal.error.path, refusal.error.text);
    if (r < 0 || strcmp(state.gateway, peer->name) != 0 || is_old(peer, &state))
        return;
    bool news = note_state(peer, &state);

    r = save_state(peers, peer, state.online ? payload : NULL);
    if (r < 0)
        trouble(peers, peer, "state", r);
    if (news) /* told once it is saved: who reads this and sends a command finds the gateway online */
        tell(peer, "%s, policy %" PRId64 ".%" PRId64 ", events to %" PRId64,
             state.online ? "online" : "offline", peer->state.policy.generation, peer->state.policy.version,
             peer->state.head);
    if (state.online)
        answer_online(peers, peer);
}

static int store_events(struct peers *peers, const struct peer *peer, const struct cloud_events *events)
{
    bool current = strcmp(events->epoch, peer->state.epoch) == 0;
    struct journal_cursor cursor;
    int r = journal_store(peers->site, peer->name, events, current ? peer->state.oldest : 0, &cursor);

    if (r < 0)
        return r;
    if (r == JOURNAL_STORED)
        tell(peer, "events %" PRId64 " to %" PRId64 " are stored", events->first, cursor.seq);
    else if (r == JOURNAL_FORKED)
        tell(peer, "ALARM: sent events from %" PRId64 " on with another content", events->first);
    send_ack(peers, peer, events->epoch, &cursor);
    return 0;
}

static void take_events(struct peers *peers, struct peer *peer, const char *payload, size_t len)
{
    struct cloud_refusal refusal;
    struct cloud_events events;
    int r = cloud_events_parse(payload, len, &events, &refusal);

    if (r == 0)
        r = cloud_events_check(&events, &refusal);
    if (r == 0)
        r = store_events(peers, peer, &events);
    else if (r == -EBADMSG) /* which it goes on repeating until a person has looked at it */
        r = note_alarm(peers, peer, "sent events that are not what they say: %s %s", refusal.error.path,
                       refusal.error.text);
    if (r < 0)
        trouble(peers, peer, "events", r);
}

static void send_chunks(struct peers *peers, struct peer *peer, const struct cloud_request *request)
{
    int asked = feed_offer_asked(peers->site, request, unix_now());

    if (asked < 0)
        trouble(peers, peer, "offer", asked);
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

/* Drift is told and mended of the newest version only. */
static void mend(struct peers *peers, struct peer *peer, const struct cloud_request *request)
{
    const struct cloud_policy *ours = &peers->site->policy;

    if (request->generation != ours->generation || request->version != ours->version)
        send_desired(peers, peer);
    else if (request->want == CLOUD_WANT_DIGEST)
        send(peers, peer, CLOUD_DOWN_DIGEST, feed_digest(peers->site, &peers->payload));
    else
        send_delta(peers, peer, SIGN_BY_ROOT_IF_ANY,
                   feed_repair(peers->site, &request->buckets, unix_now(), &peers->payload));
}

/* A gateway without a clock believes nobody but a time key. */
static void send_time(struct peers *peers, const struct peer *peer, const char *nonce)
{
    struct cloud_time time = { .iat = unix_now(), .utc_us = clock_utc_us() };

    snprintf(time.aud, sizeof(time.aud), "%s/%s", peers->site->name, peer->name);
    snprintf(time.nonce, sizeof(time.nonce), "%s", nonce);
    send(peers, peer, CLOUD_DOWN_TIME, cloud_time_format(&peers->payload, &time));
}

static void tell_request(const struct peer *peer, const struct cloud_request *request)
{
    if (request->want == CLOUD_WANT_TIME)
        tell(peer, "wants time");
    else if (request->want == CLOUD_WANT_CHUNKS)
        tell(peer, "wants chunks %" PRId64 " to %" PRId64 " of %" PRId64 ".%" PRId64, request->from,
             request->from + request->count - 1, request->generation, request->version);
    else
        tell(peer, "wants %s, has %" PRId64 ".%" PRId64, cloud_want_name(request->want), request->generation,
             request->version);
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
    tell_request(peer, &request);
    if (request.want == CLOUD_WANT_DELTA || request.want == CLOUD_WANT_DIGEST)
        peer->changes_under_way = 0; /* what was sent before has not helped */
    switch (request.want) {
    case CLOUD_WANT_DELTA:
        if (digest_set_count(&request.buckets) > 0)
            mend(peers, peer, &request);
        else if (request.generation == peers->site->policy.generation &&
                 request.version < peers->site->policy.version)
            send_change(peers, peer, request.version);
        else
            send_desired(peers, peer);
        break;
    case CLOUD_WANT_DIGEST:
        mend(peers, peer, &request);
        break;
    case CLOUD_WANT_SNAPSHOT:
        send_manifest(peers, peer);
        break;
    case CLOUD_WANT_CHUNKS:
        send_chunks(peers, peer, &request);
        break;
    case CLOUD_WANT_TIME:
        send_time(peers, peer, request.nonce);
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

static void take_command_result(struct peers *peers, const struct peer *peer, const char *payload, size_t len)
{
    struct cloud_command_result result;
    struct cloud_refusal refusal;

    if (cloud_command_result_parse(payload, len, &result, &refusal) < 0) {
        tell(peer, "sent a result that is not understood: %s %s", refusal.error.path, refusal.error.text);
        return;
    }
    int r = outbox_answered(peers->site, peer->name, result.ref, payload);

    if (r < 0)
        trouble(peers, peer, "result", r);
    tell(peer, "command %s %s%s%s%s%s", result.jti[0] ? result.jti : result.ref,
         cloud_command_outcome_name(result.outcome), result.code[0] ? " " : "", result.code,
         result.reason[0] ? " " : "", result.reason);
}

/* What was sent behind a change that was not applied is of no use, and asked for anew. */
static void note_result(struct peer *peer, const struct cloud_result *result)
{
    bool more = result->outcome == CLOUD_OUTCOME_APPLIED && result->policy.version < peer->sent;

    peer->state.policy = result->policy;
    peer->changes_under_way = more && peer->changes_under_way > 0 ? peer->changes_under_way - 1 : 0;
}

static void take_result(struct peers *peers, struct peer *peer, const char *payload, size_t len)
{
    struct cloud_refusal refusal;
    struct cloud_result result;

    if (cloud_command_result_is(payload, len)) {
        take_command_result(peers, peer, payload, len);
        return;
    }
    int r = cloud_result_parse(payload, len, &result, &refusal);

    if (r < 0) {
        tell(peer, "sent a result that is not understood: %s %s", refusal.error.path, refusal.error.text);
        return;
    }
    r = save_result(peers, peer, payload);
    if (r == 0)
        r = outbid(peers, peer, &result);
    if (r < 0)
        trouble(peers, peer, "result", r);
    note_result(peer, &result);
    tell(peer, "%s %s%s%s%s%s%s%s%s%s: policy %" PRId64 ".%" PRId64 " is in force",
         cloud_topic_name(result.of), cloud_outcome_name(result.outcome), result.code[0] ? " " : "",
         result.code, result.kind[0] ? " " : "", result.kind, result.id[0] ? " " : "", result.id,
         result.member[0] ? " " : "", result.member, result.policy.generation, result.policy.version);
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

    if (!site_take_topic(peers->site, topic, gateway, &below) || !cloud_topic_find(below, &kind) ||
        !takers[kind])
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

void peers_disconnected(struct peers *peers)
{
    for (size_t i = 0; i < peers->count; i++) {
        peers->list[i].known = false;
        peers->list[i].state.online = false;
    }
}

/* A lease is renewed when a third of it is over, so that two renewals may be lost. */
static bool is_told(const struct peers *peers)
{
    int64_t lease_s = peers->site->lease_s;

    return peers->told.version == peers->site->policy.version &&
           peers->told.generation == peers->site->policy.generation && peers->told_lease_s == lease_s &&
           (lease_s == 0 || clock_boot_us() < peers->told_at + lease_s * USEC_PER_SEC / 3);
}

/* A delta begins where the one before it ends. Behind some without a result, or a snapshot, the target alone
 * goes out: deltas would queue up, and the snapshot begin anew. What happened meanwhile is asked for. */
static void tell_change(struct peers *peers, struct peer *peer)
{
    int64_t from = peer->changes_under_way > 0 ? peer->sent : peer->state.policy.version;
    bool same_generation = peer->state.policy.generation == peers->site->policy.generation;

    if (same_generation && from < peers->site->policy.version && peer->changes_under_way < CHANGES_MAX)
        send_change(peers, peer, from);
    send_desired(peers, peer);
}

void peers_policy_changed(struct peers *peers)
{
    int r = site_refresh(peers->site);

    if (r == 0 && is_told(peers))
        return;
    for (size_t i = 0; i < peers->count && r == 0; i++)
        if (peers->list[i].state.online)
            r = stay_ahead(peers, &peers->list[i]);
    if (r < 0) {
        log_error(SUBSYSTEM, "the policy cannot be told: %s (%s)", strerror(-r), site_text(peers->site));
        return;
    }
    note_told(peers);
    for (size_t i = 0; i < peers->count; i++)
        if (peers->list[i].state.online)
            tell_change(peers, &peers->list[i]);
}
