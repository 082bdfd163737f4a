/* SPDX-License-Identifier: GPL-3.0-or-later */
/* keyring.h: the private keys of a site, a file for each in its directory "keys", mode 0600.
 *
 *     {"id":"pol-1","jwk":{"kty":"OKP","crv":"Ed25519","x":"…"},"use":["policy"],"d":"…","made":1795357800}
 *
 * A key item of the contract with three members more: d is the private key (RFC 8037), made orders the keys
 * of one use, "retired":true means that nothing is signed with it any more.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "gateway/base/cleanup.h"
#include "gateway/base/text.h"
#include "proto/key.h"

#define KEYRING_DIRECTORY "keys"

#define KEYRING_FILE_BYTES_MAX 16384

struct keyring_key {
    struct key key;
    uint8_t seed[KEY_SEED_BYTES];
    int64_t made; /* Unix seconds */
    bool retired;
    struct json_object *item; /* what gateways may know of it */
};

struct keyring {
    struct keyring_key *keys; /* the oldest first */
    size_t count;
    struct timespec changed; /* the directory, when it was read; 0: to be read again */
};

/* Reads the keys of a site's directory unless they were read since they changed. No directory is no keys.
 * Logs which one is not as it should be. Returns 0; -EPERM if others may read one; -EBADMSG if one is not
 * what it should be; or a negative errno. */
int keyring_read(struct keyring *keyring, const char *directory) must_check;

/* Harmless on a zeroed struct. */
void keyring_finish(struct keyring *keyring);

/* NULL if there is none. */
const struct keyring_key *keyring_find(const struct keyring *keyring, const char *id);

/* Makes a key; item has its id, uses and scope, and is completed by jwk. Returns 0; -EEXIST if there is one
 * of that id; -EBADMSG with *error naming the member; or a negative errno. */
int keyring_make(const char *directory, struct json_object *item, int64_t now,
                 struct json_error *error) must_check;

/* From here on nothing is signed with it. */
int keyring_retire(const char *directory, const struct keyring_key *key) must_check;
