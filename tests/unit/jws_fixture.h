/* SPDX-License-Identifier: GPL-3.0-or-later */
/* jws_fixture.h: keys from one byte, and messages with any header. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "proto/cloud_message.h"
#include "proto/encode.h"
#include "proto/jws.h"

#define HEADER_SIZE 1024

/* The seed that consists of that byte. */
struct seed {
    uint8_t bytes[KEY_SEED_BYTES];
};
static inline struct seed seed_of(uint8_t byte)
{
    struct seed seed;

    memset(seed.bytes, byte, sizeof(seed.bytes));
    return seed;
}

/* A key item; more: members in JSON that begin with a comma, or "". */
static inline struct json_object *key_item(const char *id, uint8_t seed, const char *uses, const char *more)
{
    struct json_object *item = NULL;
    struct json_error error;
    uint8_t public_key[KEY_PUBLIC_BYTES];
    char x[B64_SIZE(KEY_PUBLIC_BYTES)];
    char text[512];

    key_derive(seed_of(seed).bytes, public_key);
    b64_encode(public_key, sizeof(public_key), x);
    snprintf(text, sizeof(text),
             "{\"id\":\"%s\",\"jwk\":{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"},\"use\":[%s]%s}", id,
             x, uses, more);
    assert_int_equal(json_parse(text, strlen(text), &item, &error), 0);
    return item;
}

static inline void add_key(struct key_set *set, const char *id, uint8_t seed, const char *uses)
{
    cleanup_with(json_putp) struct json_object *item = key_item(id, seed, uses, "");
    struct json_error error;

    assert_int_equal(key_set_add(set, item, &error), 0);
}

static inline void add_b64(struct text *text, const void *bytes, size_t len)
{
    char b64[B64_SIZE(CLOUD_PAYLOAD_MAX)];

    b64_encode(bytes, len, b64);
    text_add(text, b64);
}

/* Writes a message with this header, signed whatever it says. */
static inline void craft(struct text *text, const char *header, const char *payload, uint8_t seed)
{
    uint8_t public_key[KEY_PUBLIC_BYTES];
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    uint8_t signature[crypto_sign_BYTES];

    text_reset(text);
    add_b64(text, header, strlen(header));
    text_add(text, ".");
    add_b64(text, payload, strlen(payload));
    crypto_sign_seed_keypair(public_key, secret, seed_of(seed).bytes);
    crypto_sign_detached(signature, NULL, (const uint8_t *)text->data, text->len, secret);
    text_add(text, ".");
    add_b64(text, signature, sizeof(signature));
}

/* A header with these members. */
static inline const char *header_of(char buffer[static HEADER_SIZE], const char *alg, const char *kid,
                                    const char *typ)
{
    snprintf(buffer, HEADER_SIZE, "{\"alg\":\"%s\",\"kid\":\"%s\",\"typ\":\"%s\"}", alg, kid, typ);
    return buffer;
}
