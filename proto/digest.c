/* SPDX-License-Identifier: GPL-3.0-or-later */
/* digest.c: BLAKE2b as the cloud contract states it: unkeyed with its length as parameter, keyed for
 * credentials. */
#include "proto/digest.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

struct digest digest_item(const char *kind, const char *id, int64_t rev)
{
    crypto_generichash_state state;
    struct digest digest;
    char decimal[24];

    snprintf(decimal, sizeof(decimal), "%" PRId64, rev);
    crypto_generichash_init(&state, NULL, 0, DIGEST_BYTES);
    crypto_generichash_update(&state, (const uint8_t *)kind, strlen(kind) + 1);
    crypto_generichash_update(&state, (const uint8_t *)id, strlen(id) + 1);
    crypto_generichash_update(&state, (const uint8_t *)decimal, strlen(decimal));
    crypto_generichash_final(&state, digest.bytes, DIGEST_BYTES);
    return digest;
}

struct digest digest_bytes(const void *bytes, size_t len)
{
    struct digest digest;

    crypto_generichash(digest.bytes, DIGEST_BYTES, bytes, len, NULL, 0);
    return digest;
}

void digest_add(struct digest *sum, const struct digest *item)
{
    unsigned carry = 0;

    for (size_t i = DIGEST_BYTES; i-- > 0;) {
        carry += (unsigned)sum->bytes[i] + item->bytes[i];
        sum->bytes[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

void digest_subtract(struct digest *sum, const struct digest *item)
{
    unsigned borrow = 0;

    for (size_t i = DIGEST_BYTES; i-- > 0;) {
        unsigned taken = (unsigned)item->bytes[i] + borrow;

        borrow = sum->bytes[i] < taken;
        sum->bytes[i] = (uint8_t)(sum->bytes[i] - taken);
    }
}

unsigned digest_bucket(const struct digest *item)
{
    return (unsigned)item->bytes[0] << 4 | item->bytes[1] >> 4;
}

unsigned digest_set_count(const struct digest_set *set)
{
    unsigned count = 0;

    for (unsigned bucket = 0; bucket < DIGEST_BUCKETS; bucket++)
        count += digest_set_has(set, bucket);
    return count;
}

void digest_sums_add(struct digest_sums *sums, const struct digest *item)
{
    digest_add(&sums->of[digest_bucket(item)], item);
}

void chain_next(const uint8_t prev[static CHAIN_BYTES], const void *event, size_t len,
                uint8_t ret[static CHAIN_BYTES])
{
    crypto_generichash_state state;

    crypto_generichash_init(&state, NULL, 0, CHAIN_BYTES);
    crypto_generichash_update(&state, prev, CHAIN_BYTES);
    crypto_generichash_update(&state, event, len);
    crypto_generichash_final(&state, ret, CHAIN_BYTES);
}

void sha256_hex(const void *bytes, size_t len, char ret[static SHA256_HEX_SIZE])
{
    uint8_t hash[SHA256_BYTES];

    crypto_hash_sha256(hash, bytes, len);
    hex_encode(hash, sizeof(hash), ret);
}

void credential_hash(const uint8_t secret[static SECRET_BYTES], const char *type, const char *value,
                     uint8_t ret[static CREDENTIAL_HASH_BYTES])
{
    crypto_generichash_state state;

    crypto_generichash_init(&state, secret, SECRET_BYTES, CREDENTIAL_HASH_BYTES);
    crypto_generichash_update(&state, (const uint8_t *)type, strlen(type) + 1);
    crypto_generichash_update(&state, (const uint8_t *)value, strlen(value));
    crypto_generichash_final(&state, ret, CREDENTIAL_HASH_BYTES);
}
