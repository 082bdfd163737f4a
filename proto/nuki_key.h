/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nuki_key.h: how a Nuki lock and its client come to a common key, and how each proves in pairing that it has
 * it (Nuki Smart Lock API V2.1, 4 and the tables of 5). libsodium; nothing is random here: secrets and nonces
 * are the caller's to make.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "proto/nuki.h"

/* What a paired client has, and the lock of it. */
struct nuki_access {
    uint32_t auth_id;
    uint8_t key[NUKI_KEY_BYTES];
};

/* The public key of a secret one. */
void nuki_key_public(const uint8_t secret[static NUKI_KEY_BYTES], uint8_t ret_public[static NUKI_KEY_BYTES]);

/* The common key: HSalsa20 of X25519, which is crypto_box_beforenm(). Returns 0, or -EBADMSG for a public key
 * with which everybody would come to the same. */
int nuki_key_agree(const uint8_t secret[static NUKI_KEY_BYTES], const uint8_t public[static NUKI_KEY_BYTES],
                   uint8_t ret_key[static NUKI_KEY_BYTES]) must_check;

/* Authenticators: HMAC-SHA256 with the common key, over what is sent and what is only known.
 *
 * keys: of the message AUTHORIZATION_AUTHENTICATOR; challenge is the lock's first. */
void nuki_key_prove_keys(const uint8_t key[static NUKI_KEY_BYTES],
                         const uint8_t client[static NUKI_KEY_BYTES],
                         const uint8_t lock[static NUKI_KEY_BYTES],
                         const uint8_t challenge[static NUKI_NONCE_BYTES],
                         uint8_t ret_mac[static NUKI_MAC_BYTES]);

/* Of AUTHORIZATION_DATA, whose own authenticator is not looked at; challenge is the lock's second. */
void nuki_key_prove_data(const uint8_t key[static NUKI_KEY_BYTES], const struct nuki_authorization_data *data,
                         const uint8_t challenge[static NUKI_NONCE_BYTES],
                         uint8_t ret_mac[static NUKI_MAC_BYTES]);

/* Of AUTHORIZATION_ID; nonce is the client's from AUTHORIZATION_DATA. */
void nuki_key_prove_id(const uint8_t key[static NUKI_KEY_BYTES], const struct nuki_authorization_id *id,
                       const uint8_t nonce[static NUKI_NONCE_BYTES], uint8_t ret_mac[static NUKI_MAC_BYTES]);

/* Of AUTHORIZATION_ID_CONFIRMATION; nonce is the lock's from AUTHORIZATION_ID. */
void nuki_key_prove_confirmation(const uint8_t key[static NUKI_KEY_BYTES], uint32_t auth_id,
                                 const uint8_t nonce[static NUKI_NONCE_BYTES],
                                 uint8_t ret_mac[static NUKI_MAC_BYTES]);

/* Whether two authenticators, keys or nonces are the same, in a time that does not tell where they differ. */
bool nuki_key_equal(const uint8_t a[static NUKI_KEY_BYTES], const uint8_t b[static NUKI_KEY_BYTES]);
