/* SPDX-License-Identifier: GPL-3.0-or-later */
/* jws.h: signed messages: JWS in compact form (RFC 7515) with Ed25519 (RFC 8037), as the cloud contract
 * narrows it (section 1, "Signed").
 *
 *     BASE64URL(header) . BASE64URL(payload) . BASE64URL(signature)
 *
 * The header has exactly the members alg ("EdDSA" or "Ed25519"), kid and typ. The signature covers the
 * received bytes up to the second dot. To be called in this order, so that nothing of the payload is decoded
 * before the signature holds:
 *
 *     jws_parse()  →  find the key of jws.kid  →  jws_verify()  →  jws_decode()
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "gateway/base/text.h"
#include "proto/key.h"
#include "proto/name.h"

#define JWS_HEADER_MAX 512 /* bytes, decoded */

/* Why a message is refused; jws_code() has the contract's words for them. */
enum jws_error {
    JWS_E_FORMAT = 1, /* not three parts of the base64url alphabet with dots between */
    JWS_E_HEADER,     /* not base64url of at most JWS_HEADER_MAX bytes, an object with those three strings */
    JWS_E_ALG,
    JWS_E_TYP,
    JWS_E_SIGNATURE, /* not 64 bytes in base64url, or not the key's */
    JWS_E_PAYLOAD,   /* not base64url */
};

/* The parts of a message, which stays the caller's. */
struct jws {
    char kid[ID_SIZE]; /* "" if it cannot be anybody's: not an id */
    const char *input; /* what is signed: the header, a dot, the payload */
    size_t input_len;
    const char *payload; /* in base64url */
    size_t payload_len;
    const char *signature; /* in base64url */
    size_t signature_len;
};

/* "format", "header", ...; and the same in words for people. */
const char *jws_code(enum jws_error error);
const char *jws_text(enum jws_error error);

/* Takes a message of that typ apart. Returns 0, JWS_E_FORMAT to JWS_E_TYP, or -ENOMEM. */
int jws_parse(const char *bytes, size_t len, const char *typ, struct jws *ret) must_check;

/* Whether the signature is the key's. Keys of small order and signatures that are not canonical are refused.
 * Returns 0 or JWS_E_SIGNATURE. */
int jws_verify(const struct jws *jws, const uint8_t public_key[static KEY_PUBLIC_BYTES]) must_check;

/* Decodes the payload, which takes less room than the message; a NUL is put behind it. Returns 0 or
 * JWS_E_PAYLOAD. */
int jws_decode(const struct jws *jws, char *ret_payload, size_t size, size_t *ret_len) must_check;

/* Who signs. */
struct jws_signer {
    const char *kid;
    const uint8_t *seed; /* KEY_SEED_BYTES */
};

/* Writes the signed message to text, which is emptied first. Returns 0 or a negative errno. */
int jws_sign(struct text *text, const struct jws_signer *signer, const char *typ, const char *payload,
             size_t len) must_check;
