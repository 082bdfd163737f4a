/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lock_talk.h: what a Nuki lock answers to whom: who is authorized, and what a client has to prove before it
 * is obeyed. Pure: values and the time go in, frames come out; random bytes are the caller's.
 *
 * It is strict where a client could be careless. A challenge counts once, and only in the connection that it
 * was given in. A nonce that a client has used before is refused, in whatever connection that was, and
 * counted.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "proto/nuki_frame.h"
#include "tools/sim/lock.h"
#include "tools/sim/lock_fault.h"
#include "tools/sim/lock_pairing.h"

#define LOCK_AUTHS_MAX     16
#define LOCK_NONCES_MAX    1024 /* remembered of each authorization */
#define LOCK_AUTH_ID_FIRST 2    /* as in the examples of the API */

#define LOCK_PAIRING_MS    30000
#define LOCK_PIN           1234
#define LOCK_PIN_TRIES_MAX 3

/* Whom the lock knows. */
struct lock_auth {
    struct nuki_access access; /* auth_id 0: a free place */
    uint8_t id_type;           /* enum nuki_id_type */
    char name[NUKI_NAME_SIZE];
    size_t nonces; /* that it has used */
    uint8_t nonce[LOCK_NONCES_MAX][NUKI_FRAME_NONCE_BYTES];
};

/* What clients did wrong. */
struct lock_counts {
    unsigned frames;     /* not to be opened */
    unsigned nonces;     /* used before */
    unsigned challenges; /* none, an old one, a wrong one */
    unsigned pins;
    unsigned pairings;
};

struct lock_talk_user {
    /* A frame goes to the client; label, static, names it. */
    void (*say)(void *userdata, int64_t now_us, const struct lock_frame *frame, const char *label);
    void (*note)(void *userdata, const char *line); /* something happened */
    void (*random)(void *userdata, uint8_t ret_bytes[], size_t len);
    void *userdata;
};

struct lock_talk {
    struct lock_talk_user user;
    struct lock lock;
    struct lock_faults faults;
    struct lock_counts counts;
    struct lock_auth auths[LOCK_AUTHS_MAX];
    uint32_t next_auth_id;
    uint16_t pin;
    unsigned pin_tries;       /* wrong ones, one after the other */
    int64_t pairing_until_us; /* 0: not in pairing mode */
    struct lock_pairing pairing;
    uint8_t refusal; /* enum nuki_code, with which the next `refusals` actions are refused */
    unsigned refusals;
    uint8_t states_size; /* of keyturner states: how old the firmware is */

    /* Of this connection. */
    bool challenged;
    uint8_t challenge[NUKI_NONCE_BYTES];
    uint32_t acting; /* whose action is under way; 0: nobody's */
    struct nuki_assembly plain;
    struct nuki_assembly secret;
};

/* A lock that nobody is paired with; id is its number, utc_us what its clock shows. */
void lock_talk_init(struct lock_talk *talk, uint32_t id, int64_t now_us, int64_t utc_us,
                    const struct lock_talk_user *user);

/* A connection begins or ends: nothing of the last one counts. */
void lock_talk_begin(struct lock_talk *talk);

/* A client wrote. */
void lock_talk_take(struct lock_talk *talk, int64_t now_us, enum lock_io io, const uint8_t value[],
                    size_t len);

/* Somebody presses the button for five seconds: pairing mode. */
void lock_talk_press(struct lock_talk *talk, int64_t now_us);

/* What is due happens. Returns the time of the next thing, or INT64_MAX. */
int64_t lock_talk_turn(struct lock_talk *talk, int64_t now_us);

/* Authorizes a client without pairing, in the place of one with that id. Returns 0 or -ENOSPC. */
int lock_talk_authorize(struct lock_talk *talk, const struct nuki_access *access, uint8_t id_type,
                        const char *name) must_check;

/* Forgets whom it knows. */
void lock_talk_forget(struct lock_talk *talk);
