/* SPDX-License-Identifier: GPL-3.0-or-later */
/* digest.h: the hashes of the cloud contract and of credentials at rest. BLAKE2b and SHA-256 by
 * libsodium. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/encode.h"

/* Digest of an item or of a set of items (cloud contract 2): 128 bits, big-endian; a set's is the sum modulo
 * 2^128. */
#define DIGEST_BYTES   16
#define DIGEST_BUCKETS 4096 /* by the first 12 bits */

struct digest {
    uint8_t bytes[DIGEST_BYTES];
};

/* BLAKE2b-128 of kind NUL id NUL rev, rev in decimal. */
struct digest digest_item(const char *kind, const char *id, int64_t rev);

/* BLAKE2b-128 of any bytes. */
struct digest digest_bytes(const void *bytes, size_t len);

/* sum += item, sum -= item, modulo 2^128. */
void digest_add(struct digest *sum, const struct digest *item);
void digest_subtract(struct digest *sum, const struct digest *item);

/* The bucket an item's digest falls into, 0 to DIGEST_BUCKETS - 1. */
unsigned digest_bucket(const struct digest *item);

/* Some of the buckets. */
struct digest_set {
    uint8_t bits[DIGEST_BUCKETS / 8];
};

static inline void digest_set_add(struct digest_set *set, unsigned bucket)
{
    set->bits[bucket / 8] |= (uint8_t)(1u << bucket % 8);
}

static inline bool digest_set_has(const struct digest_set *set, unsigned bucket)
{
    return set->bits[bucket / 8] >> bucket % 8 & 1;
}

unsigned digest_set_count(const struct digest_set *set);

/* What the items of each bucket come to. */
struct digest_sums {
    struct digest of[DIGEST_BUCKETS];
};
void digest_sums_add(struct digest_sums *sums, const struct digest *item);

/* A link of the event chain (cloud contract E2): BLAKE2b-256 of the previous hash and the event's bytes
 * without LF. hash(0) of an epoch is all zero. ret may be prev. */
#define CHAIN_BYTES 32
void chain_next(const uint8_t prev[static CHAIN_BYTES], const void *event, size_t len,
                uint8_t ret[static CHAIN_BYTES]);

/* SHA-256 in hex: of a snapshot's chunk, of the payload that a result refers to (cloud contract 2). */
#define SHA256_BYTES    32
#define SHA256_HEX_SIZE HEX_SIZE(SHA256_BYTES)
void sha256_hex(const void *bytes, size_t len, char ret[static SHA256_HEX_SIZE]);

/* How a credential's value is kept at rest and looked up: BLAKE2b-128 of type NUL value, keyed with the
 * gateway's secret, which lives outside the databases. type is the contract's word: "card",
 * "pin". */
#define SECRET_BYTES          32
#define CREDENTIAL_HASH_BYTES 16
void credential_hash(const uint8_t secret[static SECRET_BYTES], const char *type, const char *value,
                     uint8_t ret[static CREDENTIAL_HASH_BYTES]);
