/* SPDX-License-Identifier: GPL-3.0-or-later */
/* key.h: the keys that sign what comes down (cloud contract 1, "Keys"): `key` items, and `keys` in
 * gateway.json.
 *
 *     {"id":"cmd-1","jwk":{"kty":"OKP","crv":"Ed25519","x":"…"},"use":["command"],
 *      "scope":{"verbs":["open","release"],"targets":["front"]}}
 *
 * A use that is not known grants nothing; a scope with a member that is not known allows nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "gateway/base/text.h"
#include "proto/json.h"
#include "proto/name.h"

#define KEY_PUBLIC_BYTES 32 /* Ed25519, RFC 8032 */
#define KEY_SEED_BYTES   32

enum key_use {
    KEY_USE_POLICY,
    KEY_USE_EVENTS,
    KEY_USE_COMMAND,
    KEY_USE_TIME,
    KEY_USE_DIGITAL_KEY,
    KEY_USE_ROOT, /* covers policy; alone may change keys, raise the generation, retire */
};
#define KEY_USES (KEY_USE_ROOT + 1)

struct key {
    char id[ID_SIZE]; /* the `kid` */
    uint8_t public_key[KEY_PUBLIC_BYTES];
    unsigned uses;             /* bits 1 << key_use */
    bool scope_unknown;        /* its scope has a member that is not known */
    struct json_object *scope; /* checked; NULL: none */
};

/* Keys in no order, each id once. */
struct key_set {
    struct key *keys;
    size_t count;
};

/* "policy", "digital_key". */
const char *key_use_name(enum key_use use);

/* The use of that name, KEY_USES if there is none. */
enum key_use key_use_find(const char *name);

/* Reads a `key` item. Returns 0, or -EBADMSG with *error naming the member. *ret is the caller's to finish.
 */
int key_read(struct json_object *item, struct key *ret, struct json_error *error) must_check;

/* Frees what it holds. Harmless on a zeroed struct. */
void key_finish(struct key *key);

/* Whether its uses say so; root covers policy. */
bool key_has_use(const struct key *key, enum key_use use);

/* Whether its scope allows the verb on that target. */
bool key_allows(const struct key *key, const char *verb, const char *target);

/* Adds what a key item says. Returns as key_read() does; -EEXIST if there is one of that id; or -ENOMEM. */
int key_set_add(struct key_set *set, struct json_object *item, struct json_error *error) must_check;

/* NULL if there is none. */
const struct key *key_set_find(const struct key_set *set, const char *id);

/* Frees all. Harmless on a zeroed struct. */
void key_set_finish(struct key_set *set);

/* A new pair: 32 random bytes, and the public key that belongs to them. */
void key_generate(uint8_t ret_seed[static KEY_SEED_BYTES], uint8_t ret_public[static KEY_PUBLIC_BYTES]);

/* The public key of a seed. */
void key_derive(const uint8_t seed[static KEY_SEED_BYTES], uint8_t ret_public[static KEY_PUBLIC_BYTES]);
