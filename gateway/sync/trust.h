/* SPDX-License-Identifier: GPL-3.0-or-later */
/* trust.h: whom the gateway believes: the envelope of what comes down, and the keys (cloud contract 1,
 * "Signed" and "Keys").
 *
 * The keys in force are those of gateway.json and the `key` items of the policy, without the retired ones; of
 * two with one id that of gateway.json counts. Retired ids are lasting state: whoever owns the ledger hands
 * them in at the start, and keeps what trust_retire() adds.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/cleanup.h"
#include "proto/cloud_message.h"
#include "proto/key.h"

struct trust;

enum trust_mode {
    TRUST_BROKER, /* policy and acks may come bare: whoever the broker lets publish in down/ is believed */
    TRUST_SIGNED,
};

/* What stile-link received. bytes end in a NUL behind len. */
struct trust_message {
    bool retained;
    const char *bytes;
    size_t len;
};

/* A message whose envelope holds. Valid until the next trust_open() or change of keys. */
struct trust_opened {
    const char *payload; /* ended by NUL; it begins with a brace, nothing else of it was looked at */
    size_t len;
    char ref[CLOUD_REF_SIZE]; /* of the message as received: for up/result */
    const struct key *key;    /* who signed; NULL: it came bare, by trust broker */
};

/* "signed", "broker". */
const char *trust_mode_name(enum trust_mode mode);

/* Keys are those of gateway.json, which last as long as trust; NULL: none. Returns 0 or -ENOMEM. */
int trust_new(enum trust_mode mode, const struct key_set *config_keys, struct trust **ret) must_check;

/* Takes NULL, returns NULL. */
struct trust *trust_free(struct trust *trust);

/* Of any topic: "size", "retained". Returns 0, or -EBADMSG with *refusal filled. */
int trust_check(enum cloud_topic topic, const struct trust_message *message,
                struct cloud_refusal *refusal) must_check;

/* Opens a message of a signed topic: desired, delta, snapshot, ack, command, time. Refused with the first of
 * the codes "size", "retained", "format", "header", "alg", "typ", "kid", "retired", "use", "signature",
 * "payload" that is due; "payload" (as JSON), "audience" and what follows are for the parser of the kind.
 * A command may be signed by a key for `command` or by a root: which verb needs which is the command's
 * concern. Returns 0; -EBADMSG with *refusal filled; or -ENOMEM. */
int trust_open(struct trust *trust, enum cloud_topic topic, const struct trust_message *message,
               struct trust_opened *ret, struct cloud_refusal *refusal) must_check;

/* Whether the sender may change `key` items: a root alone. */
bool trust_may_change_keys(const struct trust_opened *opened);

/* Whether the sender may raise the generation: a root, or the broker where it is believed. */
bool trust_may_raise_generation(const struct trust_opened *opened);

/* The `key` items of the policy in force, which last until the next call; NULL: none. */
void trust_set_items(struct trust *trust, const struct key_set *items);

/* That is the last root in force, and stays. */
#define TRUST_E_LAST_ROOT 1

/* Retires an id for good, whether a key has it or not. The caller makes that last. Returns 0, also if it was
 * retired already; TRUST_E_LAST_ROOT; or -ENOMEM. */
int trust_retire(struct trust *trust, const char *kid) must_check;

/* The same from lasting state: nothing is asked. Returns 0 or -ENOMEM. */
int trust_restore_retired(struct trust *trust, const char *kid) must_check;
