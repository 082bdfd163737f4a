/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nuki_key.c: crypto_box_beforenm() is the document's dh1 and kdf1 in one. What is known and not sent goes
 * into an authenticator all the same, so it is put together here field by field. */
#include "proto/nuki_key.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>

#include "gateway/base/bytes.h"

static_assert(NUKI_KEY_BYTES == crypto_box_BEFORENMBYTES && NUKI_KEY_BYTES == crypto_auth_hmacsha256_KEYBYTES,
              "keys are libsodium's");
static_assert(NUKI_MAC_BYTES == crypto_auth_hmacsha256_BYTES && NUKI_MAC_BYTES == NUKI_KEY_BYTES,
              "authenticators are HMAC-SHA256");

void nuki_key_public(const uint8_t secret[static NUKI_KEY_BYTES], uint8_t ret_public[static NUKI_KEY_BYTES])
{
    crypto_scalarmult_base(ret_public, secret);
}

int nuki_key_agree(const uint8_t secret[static NUKI_KEY_BYTES], const uint8_t public[static NUKI_KEY_BYTES],
                   uint8_t ret_key[static NUKI_KEY_BYTES])
{
    return crypto_box_beforenm(ret_key, public, secret) == 0 ? 0 : -EBADMSG;
}

static void add(crypto_auth_hmacsha256_state *mac, const void *bytes, size_t len)
{
    crypto_auth_hmacsha256_update(mac, bytes, len);
}

static void add_u32(crypto_auth_hmacsha256_state *mac, uint32_t value)
{
    uint8_t bytes[4];

    bytes_put_u32(bytes, value);
    add(mac, bytes, sizeof(bytes));
}

void nuki_key_prove_keys(const uint8_t key[static NUKI_KEY_BYTES],
                         const uint8_t client[static NUKI_KEY_BYTES],
                         const uint8_t lock[static NUKI_KEY_BYTES],
                         const uint8_t challenge[static NUKI_NONCE_BYTES],
                         uint8_t ret_mac[static NUKI_MAC_BYTES])
{
    crypto_auth_hmacsha256_state mac;

    crypto_auth_hmacsha256_init(&mac, key, NUKI_KEY_BYTES);
    add(&mac, client, NUKI_KEY_BYTES);
    add(&mac, lock, NUKI_KEY_BYTES);
    add(&mac, challenge, NUKI_NONCE_BYTES);
    crypto_auth_hmacsha256_final(&mac, ret_mac);
}

void nuki_key_prove_data(const uint8_t key[static NUKI_KEY_BYTES], const struct nuki_authorization_data *data,
                         const uint8_t challenge[static NUKI_NONCE_BYTES],
                         uint8_t ret_mac[static NUKI_MAC_BYTES])
{
    struct nuki_message message = { .command = NUKI_COMMAND_AUTHORIZATION_DATA, .authorization_data = *data };
    uint8_t payload[NUKI_PAYLOAD_MAX];
    crypto_auth_hmacsha256_state mac;
    size_t len = nuki_format(&message, payload);

    crypto_auth_hmacsha256_init(&mac, key, NUKI_KEY_BYTES);
    add(&mac, payload + NUKI_MAC_BYTES, len - NUKI_MAC_BYTES);
    add(&mac, challenge, NUKI_NONCE_BYTES);
    crypto_auth_hmacsha256_final(&mac, ret_mac);
}

void nuki_key_prove_id(const uint8_t key[static NUKI_KEY_BYTES], const struct nuki_authorization_id *id,
                       const uint8_t nonce[static NUKI_NONCE_BYTES], uint8_t ret_mac[static NUKI_MAC_BYTES])
{
    crypto_auth_hmacsha256_state mac;

    crypto_auth_hmacsha256_init(&mac, key, NUKI_KEY_BYTES);
    add_u32(&mac, id->auth_id);
    add(&mac, id->uuid, NUKI_UUID_BYTES);
    add(&mac, id->nonce, NUKI_NONCE_BYTES);
    add(&mac, nonce, NUKI_NONCE_BYTES);
    crypto_auth_hmacsha256_final(&mac, ret_mac);
}

void nuki_key_prove_confirmation(const uint8_t key[static NUKI_KEY_BYTES], uint32_t auth_id,
                                 const uint8_t nonce[static NUKI_NONCE_BYTES],
                                 uint8_t ret_mac[static NUKI_MAC_BYTES])
{
    crypto_auth_hmacsha256_state mac;

    crypto_auth_hmacsha256_init(&mac, key, NUKI_KEY_BYTES);
    add_u32(&mac, auth_id);
    add(&mac, nonce, NUKI_NONCE_BYTES);
    crypto_auth_hmacsha256_final(&mac, ret_mac);
}

bool nuki_key_equal(const uint8_t a[static NUKI_KEY_BYTES], const uint8_t b[static NUKI_KEY_BYTES])
{
    return sodium_memcmp(a, b, NUKI_KEY_BYTES) == 0;
}
