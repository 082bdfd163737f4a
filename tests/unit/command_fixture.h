/* SPDX-License-Identifier: GPL-3.0-or-later */
/* command_fixture.h: commands that are really signed, on their way into a gateway's sync. */
#pragma once

#include <inttypes.h>

#include "tests/unit/jws_fixture.h"
#include "tests/unit/sync_fixture.h"

/* Seeds of keys. */
#define ROOT_SEED    1
#define COMMAND_SEED 4
#define TIME_SEED    5
#define SCOPED_SEED  6

#define NOW_S INT64_C(1795357800)
#define JTI   "7f0c1b9e5a4d4c1e"

struct commander {
    struct world *w;
    struct key_set keys;
    struct text payload;
    char challenge[CLOUD_CHALLENGE_SIZE]; /* of the last state */
    const char *kid;
    uint8_t seed;
};

static inline void say_hello(struct commander *c)
{
    sync_link_started(c->w->sync);
    sync_connected(c->w->sync, &c->w->now);
    struct cloud_state state = expect_state(c->w);

    strcpy(c->challenge, state.challenge);
}

static inline void add_scoped_key(struct key_set *keys)
{
    static const char scope[] =
        ",\"scope\":{\"verbs\":[\"release\",\"dance\"],\"targets\":[\"front\",\"nowhere\"]}";
    cleanup_with(json_putp) struct json_object *item = key_item("desk", SCOPED_SEED, "\"command\"", scope);
    struct json_error error;

    assert_int_equal(key_set_add(keys, item, &error), 0);
}

static inline int setup_commander(void **state)
{
    struct commander *c = calloc(1, sizeof(*c));
    void *world = NULL;

    assert_int_equal(setup(&world), 0);
    c->w = world;
    add_key(&c->keys, "root-1", ROOT_SEED, "\"root\"");
    add_key(&c->keys, "cmd-1", COMMAND_SEED, "\"command\"");
    add_key(&c->keys, "time-1", TIME_SEED, "\"time\"");
    add_scoped_key(&c->keys);
    c->w->keys = &c->keys;
    c->w->random_step = 1;
    c->w->now = (struct timestamp){ 1000 * SECOND, NOW_S * USEC_PER_SEC, CLOCK_STATE_SYNCED };
    c->kid = "cmd-1";
    c->seed = COMMAND_SEED;
    start(c->w);
    say_hello(c);
    *state = c;
    return 0;
}

static inline int teardown_commander(void **state)
{
    struct commander *c = *state;
    void *world = c->w;

    assert_int_equal(teardown(&world), 0);
    key_set_finish(&c->keys);
    text_finish(&c->payload);
    free(c);
    return 0;
}

/* Signs what is in payload and lets it arrive. */
static inline void arrive(struct commander *c)
{
    char header[HEADER_SIZE];

    craft(&c->w->text, header_of(header, "EdDSA", c->kid, "stile-command+jwt"), text_string(&c->payload),
          c->seed);
    receive(c->w, CLOUD_DOWN_COMMAND);
}

/* A command with these claims; rest begins with a comma. */
static inline void send_claims(struct commander *c, const char *jti, int64_t iat, int64_t exp,
                               const char *rest)
{
    text_reset(&c->payload);
    text_addf(&c->payload,
              "{\"aud\":\"hub/gw1\",\"iat\":%" PRId64 ",\"exp\":%" PRId64
              ",\"jti\":\"%s\",\"iss\":\"desk@hub\"%s}",
              iat, exp, jti, rest);
    arrive(c);
}

#define RELEASE                                                                                              \
    ",\"verb\":\"release\",\"target\":\"front\",\"args\":{\"direction\":\"entry\",\"reason\":\"r\"}"

static inline void send_release(struct commander *c, const char *jti)
{
    send_claims(c, jti, NOW_S, NOW_S + 20, RELEASE);
}

/* The ledger's word. */
static inline void begun_new(struct commander *c)
{
    const struct sync_command_begun begun = { .outcome = SYNC_BEGUN_NEW };

    sync_command_begun(c->w->sync, &c->w->now, &begun);
}

static inline void begun_known(struct commander *c, const char *ref, const char *result, int64_t seq)
{
    const struct sync_command_begun begun = { SYNC_BEGUN_KNOWN, ref, result, seq };

    sync_command_begun(c->w->sync, &c->w->now, &begun);
}

static inline void done(struct commander *c, enum cloud_command_outcome outcome, const char *reason)
{
    const struct sync_command_end end = { outcome, reason };

    sync_command_done(c->w->sync, &c->w->now, c->w->seen.run.id, &end);
}

static inline struct cloud_command_result expect_command_result(struct world *w,
                                                                enum cloud_command_outcome outcome)
{
    const char *payload = expect(w, CLOUD_UP_RESULT);
    struct cloud_refusal refusal;
    struct cloud_command_result result;

    assert_int_equal(cloud_command_result_parse(payload, strlen(payload), &result, &refusal), 0);
    assert_int_equal(result.outcome, outcome);
    return result;
}

/* The ledger takes the command as new, and stores its end at once: what the cloud hears of one that is
 * refused. */
static inline void expect_code(struct commander *c, const char *code)
{
    unsigned runs = c->w->runs;

    begun_new(c);
    assert_int_equal(c->w->runs, runs);
    assert_string_equal(c->w->seen.code, code);
    sync_command_ended(c->w->sync, &c->w->now, c->w->seen.id, 7);
    struct cloud_command_result result = expect_command_result(
        c->w, strcmp(code, "expired") == 0 ? CLOUD_COMMAND_EXPIRED : CLOUD_COMMAND_REFUSED);

    assert_string_equal(result.code, code);
    assert_int_equal(result.seq, 7);
    assert_int_equal(result.challenge[0] != '\0', strcmp(code, "challenge") == 0);
    if (result.challenge[0])
        strcpy(c->challenge, result.challenge);
}

static inline void expect_run(struct commander *c)
{
    unsigned runs = c->w->runs;

    begun_new(c);
    assert_int_equal(c->w->runs, runs + 1);
}
