/* SPDX-License-Identifier: GPL-3.0-or-later */
/* attack_gateway.h: the gateway's sync that is attacked, and what can be seen of it. */
#pragma once

#include "tests/unit/attack_draft.h"

/* What a message can do. */
struct effects {
    unsigned deltas, snapshots, chunks, cancels, sums, acks, new_epochs, runs, leases, connects;
    enum clock_state clock;
    bool target_known;
    int64_t target_generation, target_version;
    char wall[sizeof(((struct world *)0)->wall)];
};

/* What was heard of one. */
struct heard {
    char code[CLOUD_WORD_SIZE]; /* "": no refusal */
    char event[CLOUD_WORD_SIZE];
    char ref[CLOUD_REF_SIZE];
    bool repeat, jti;
    unsigned results, events, others; /* others: published, and no result */
};

struct gateway {
    struct world *w;
    struct key_set keys;
    struct text message; /* the last */
};

static inline void add_key_with(struct gateway *g, enum signer signer, const char *uses, const char *more)
{
    cleanup_with(json_putp) struct json_object *item =
        key_item(signer_names[signer], (uint8_t)signer, uses, more);
    struct json_error error;

    assert_int_equal(key_set_add(&g->keys, item, &error), 0);
}

static inline void add_keys(struct gateway *g)
{
    add_key_with(g, SIGNER_ROOT, "\"root\"", "");
    add_key_with(g, SIGNER_POLICY, "\"policy\"", "");
    add_key_with(g, SIGNER_EVENTS, "\"events\"", "");
    add_key_with(g, SIGNER_COMMAND, "\"command\"", "");
    add_key_with(g, SIGNER_TIME, "\"time\"", "");
    add_key_with(g, SIGNER_DESK, "\"command\"",
                 ",\"scope\":{\"verbs\":[\"release\",\"dance\",\"retire_key\",\"sync\",\"open\",\"forgive\","
                 "\"lockdown\"],"
                 "\"targets\":[\"front\",\"nowhere\"]}");
    add_key_with(g, SIGNER_DIGITAL, "\"digital_key\"", "");
    add_key_with(g, SIGNER_GONE, "\"policy\",\"events\",\"command\",\"time\",\"root\"", "");
    add_key_with(g, SIGNER_VAGUE, "\"policy\",\"events\",\"time\",\"root\"", ",\"scope\":{\"hours\":[]}");
    add_key_with(g, SIGNER_WEAK, "\"policy\",\"events\",\"command\",\"time\"", "");
    /* No key item may be such a point; should one come in nevertheless: */
    struct key *weak = &g->keys.keys[g->keys.count - 1];

    memset(weak->public_key, 0, sizeof(weak->public_key));
    weak->public_key[0] = 1;
}

static inline void gateway_open(struct gateway *g)
{
    void *world = NULL;

    assert_int_equal(setup(&world), 0);
    g->w = world;
    add_keys(g);
    g->w->keys = &g->keys;
    g->w->random_step = UINT64_C(0x9e3779b97f4a7c15);
    g->w->runs_end = true;
}

static inline void gateway_close(struct gateway *g)
{
    void *world = g->w;

    assert_int_equal(teardown(&world), 0);
    key_set_finish(&g->keys);
    text_finish(&g->message);
}

/* Forgets what was published. */
static inline void drain(struct world *w)
{
    for (size_t i = 0; i < w->out_count; i++)
        free(w->out[i].payload);
    w->out_count = w->out_taken = 0;
}

/* What the gateway says when it is connected: its challenge, and its nonce if it wants the time. */
static inline void listen_to_birth(struct world *w, struct draft *d)
{
    struct cloud_refusal refusal;
    struct cloud_request request;
    struct cloud_state state = expect_state(w);

    strcpy(d->nonce, state.challenge);
    for (const struct message *message; (message = next(w));)
        if (d->topic == CLOUD_DOWN_TIME && message->topic == CLOUD_UP_REQUEST) {
            assert_int_equal(
                cloud_request_parse(message->payload, strlen(message->payload), &request, &refusal), 0);
            strcpy(d->nonce, request.nonce);
        }
    drain(w);
}

static inline void begin(struct gateway *g, struct draft *d, enum trust_mode trust, bool clock)
{
    struct world *w = g->w;

    drain(w);
    w->trust = trust;
    w->now = (struct timestamp){ 1000 * SECOND, NOW_S * USEC_PER_SEC,
                                 clock ? CLOCK_STATE_SYNCED : CLOCK_STATE_NONE };
    w->wall[0] = '\0';
    start(w);
    assert_int_equal(sync_restore_retired(w->sync, signer_names[SIGNER_GONE]), 0);
    assert_int_equal(sync_restore_retired(w->sync, signer_names[SIGNER_BURIED]), 0);
    sync_link_started(w->sync);
    sync_connected(w->sync, &w->now);
    listen_to_birth(w, d);
}

static inline struct effects look(const struct world *w)
{
    struct sync_status status;
    struct effects e;

    memset(&e, 0, sizeof(e)); /* it is compared as bytes */
    sync_status(w->sync, &status);
    e.deltas = w->deltas;
    e.snapshots = w->snapshots;
    e.chunks = w->chunks;
    e.cancels = w->cancels;
    e.sums = w->sums;
    e.acks = w->acks;
    e.new_epochs = w->new_epochs;
    e.runs = w->runs;
    e.leases = w->lease_calls;
    e.connects = w->connects;
    e.clock = w->now.clock;
    e.target_known = status.target_known;
    e.target_generation = status.target.generation;
    e.target_version = status.target.version;
    strcpy(e.wall, w->wall);
    return e;
}

static inline void hear_result(const char *payload, struct heard *heard)
{
    struct cloud_refusal refusal;
    struct cloud_command_result of_command;
    struct cloud_result result;

    heard->results++;
    if (cloud_command_result_is(payload, strlen(payload))) {
        assert_int_equal(cloud_command_result_parse(payload, strlen(payload), &of_command, &refusal), 0);
        strcpy(heard->code, of_command.code);
        heard->repeat = of_command.repeat;
        heard->jti = of_command.jti[0] != '\0';
        strcpy(heard->ref, of_command.ref);
    } else {
        assert_int_equal(cloud_result_parse(payload, strlen(payload), &result, &refusal), 0);
        strcpy(heard->code, result.code);
        strcpy(heard->ref, result.ref);
    }
}

/* The message arrives, and the ledger answers for a command: as begun says, and its end is stored. */
static inline struct heard deliver_as(struct gateway *g, enum cloud_topic topic, bool retained,
                                      struct sync_command_begun begun)
{
    struct world *w = g->w;
    struct heard heard = { 0 };
    unsigned refused = w->refused, begins = w->begins, ends = w->ends;
    const struct trust_message message = { retained, text_string(&g->message), g->message.len };

    sync_message(w->sync, &w->now, cloud_topic_name(topic), &message);
    if (w->begins > begins)
        sync_command_begun(w->sync, &w->now, &begun);
    if (w->refused > refused)
        strcpy(heard.event, w->last_refused.code);
    if (w->ends > ends) {
        strcpy(heard.event, w->seen.code);
        sync_command_ended(w->sync, &w->now, w->seen.id, 7);
    }
    heard.events = w->refused - refused + w->ends - ends;
    for (const struct message *out; (out = next(w));) {
        if (out->topic == CLOUD_UP_RESULT)
            hear_result(out->payload, &heard);
        else
            heard.others++;
    }
    drain(w);
    return heard;
}

/* A command is new. */
static inline struct heard deliver(struct gateway *g, enum cloud_topic topic, bool retained)
{
    return deliver_as(g, topic, retained, (struct sync_command_begun){ .outcome = SYNC_BEGUN_NEW });
}
