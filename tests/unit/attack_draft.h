/* SPDX-License-Identifier: GPL-3.0-or-later */
/* attack_draft.h: a message from the cloud as the contract wants it, and the faults it may be given.
 *
 * A draft is a legitimate message and, for each check that the contract has, which of the ways to fail it is
 * taken, if any. It is written from the contract's text alone, with libsodium's own base64 and signatures.
 * The tables of the ways are in attack_faults.h.
 */
#pragma once

#include "tests/unit/jws_fixture.h"
#include "tests/unit/sync_fixture.h"

#define NOW_S  INT64_C(1795357800)
#define HASH_0 "0000000000000000000000000000000000000000000000000000000000000000"
#define JTI    "7f0c1b9e5a4d4c1e"

/* The checks in the contract's order, which is that of the codes (cloud contract 1, "Signed"; 4). */
enum check {
    CHECK_SIZE,
    CHECK_RETAINED,
    CHECK_FORMAT,
    CHECK_HEADER,
    CHECK_ALG,
    CHECK_TYP,
    CHECK_KID,
    CHECK_RETIRED,
    CHECK_USE,
    CHECK_SIGNATURE,
    CHECK_PAYLOAD,
    CHECK_AUDIENCE,
    CHECK_CLAIMS,
    CHECK_GENERATION,
    CHECK_NONCE,
    CHECK_LIFETIME,
    CHECK_NOT_YET,
    CHECK_EXPIRED,
    CHECK_CHALLENGE,
    CHECK_SCOPE,
    CHECK_VERB,
    CHECK_ROOT_VERB, /* "use", as a verb asks for it */
    CHECK_TARGET,
    CHECK_ARGS,
};
#define CHECKS (CHECK_ARGS + 1)

/* Sets of topics. */
#define ON(topic)     (1u << (topic))
#define ON_DESIRED    ON(CLOUD_DOWN_DESIRED)
#define ON_DELTA      ON(CLOUD_DOWN_DELTA)
#define ON_SNAPSHOT   ON(CLOUD_DOWN_SNAPSHOT)
#define ON_ACK        ON(CLOUD_DOWN_ACK)
#define ON_COMMAND    ON(CLOUD_DOWN_COMMAND)
#define ON_TIME       ON(CLOUD_DOWN_TIME)
#define ON_POLICY     (ON_DESIRED | ON_DELTA | ON_SNAPSHOT)
#define ON_GENERAL    (ON_POLICY | ON_COMMAND) /* may be for the whole site, commands some */
#define ON_SIGNED     (ON_POLICY | ON_ACK | ON_COMMAND | ON_TIME)
#define ON_ALL_BUT(t) (ON_SIGNED & ~(t))

/* What a way does. */
enum how {
    HOW_SAY,    /* text is said instead of what is right, and who signs is number, if any */
    HOW_INSERT, /* these change a part before it is encoded: text behind its opening brace */
    HOW_BEFORE,
    HOW_AFTER,
    HOW_INSTEAD,
    HOW_NEST, /* number arrays, one in the other */
    HOW_CUT,  /* number bytes of its end */
    HOW_NUL,  /* and a byte of that value */
    HOW_ODD,  /* these change it encoded: one character more than base64url can have */
    HOW_SPARE,
    HOW_SIGN_EMPTY, /* these the signature */
    HOW_SIGN_SHORT,
    HOW_SIGN_LONG,
    HOW_SIGN_ZERO,
    HOW_SIGN_PLUS_L, /* S is not below the group's order */
    HOW_SIGN_FLIP,
    HOW_SIGN_SWAP,
    HOW_SIGN_WEAK,    /* holds for every message if a point of small order is taken as the key */
    HOW_SIGN_HMAC,    /* with the public key as the secret */
    HOW_SIGN_PAYLOAD, /* of the payload alone */
    HOW_SPLICE,       /* another payload behind the signed header */
};

/* One way to fail a check. */
struct way {
    const char *family;
    unsigned topics;
    enum how how;
    const char *text;
    int number;
};

struct draft {
    enum cloud_topic topic;
    const struct way *ways[CHECKS]; /* NULL: the check is passed */
    uint64_t dice;
    char nonce[CLOUD_CHALLENGE_SIZE]; /* the gateway's challenge, or for time its nonce */
    bool challenged;                  /* a command carries it */
    bool bare;                        /* not signed at all */
};

/* splitmix64: below bound. */
static inline uint64_t roll(uint64_t *dice, uint64_t bound)
{
    uint64_t z = *dice += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % bound;
}

/* --- keys --- */

/* Who signs: the seed is the key's place. */
enum signer {
    SIGNER_ROOT = 1,
    SIGNER_POLICY,
    SIGNER_EVENTS,
    SIGNER_COMMAND,
    SIGNER_TIME,
    SIGNER_DESK,    /* commands, with a scope */
    SIGNER_DIGITAL, /* digital keys */
    SIGNER_GONE,    /* every use, retired; the key is still there */
    SIGNER_VAGUE,   /* every use but command, and a scope that nobody understands */
    SIGNER_WEAK,    /* every use; its public key is of small order */
    SIGNER_BURIED,  /* retired; there is no key of that id */
    SIGNER_STRANGER,
};

static const char *const signer_names[] = {
    [SIGNER_ROOT] = "root-1",   [SIGNER_POLICY] = "pol-1",    [SIGNER_EVENTS] = "ev-1",
    [SIGNER_COMMAND] = "cmd-1", [SIGNER_TIME] = "time-1",     [SIGNER_DESK] = "desk-1",
    [SIGNER_DIGITAL] = "dk-1",  [SIGNER_GONE] = "gone-1",     [SIGNER_VAGUE] = "vague-1",
    [SIGNER_WEAK] = "weak-1",   [SIGNER_BURIED] = "buried-1", [SIGNER_STRANGER] = "stranger",
};

/* Whose message this is when nothing is wrong with it. */
static inline enum signer signer_of(enum cloud_topic topic)
{
    return topic == CLOUD_DOWN_ACK       ? SIGNER_EVENTS
           : topic == CLOUD_DOWN_COMMAND ? SIGNER_COMMAND
           : topic == CLOUD_DOWN_TIME    ? SIGNER_TIME
                                         : SIGNER_POLICY;
}

/* --- the payload --- */

static inline bool fails(const struct draft *d, enum check check)
{
    return d->ways[check] != NULL;
}

/* What the check's way says, or else what is right. */
static inline const char *said(const struct draft *d, enum check check, const char *right)
{
    return d->ways[check] && d->ways[check]->text ? d->ways[check]->text : right;
}

static inline void add_command_claims(const struct draft *d, struct text *text)
{
    const struct way *lifetime = d->ways[CHECK_LIFETIME];
    int64_t iat = NOW_S + (fails(d, CHECK_NOT_YET) ? d->ways[CHECK_NOT_YET]->number : 0) -
                  (fails(d, CHECK_EXPIRED) && !fails(d, CHECK_NOT_YET) ? d->ways[CHECK_EXPIRED]->number : 0);
    int64_t exp = iat + (lifetime ? lifetime->number : 20);
    const char *verb = said(d, CHECK_LIFETIME, said(d, CHECK_VERB, said(d, CHECK_ROOT_VERB, "release")));
    const char *target = said(d, CHECK_TARGET, "front");
    const char *chal = said(d, CHECK_CHALLENGE, d->nonce);

    if (fails(d, CHECK_SCOPE) && !fails(d, CHECK_LIFETIME) && d->ways[CHECK_SCOPE]->number == 1)
        verb = "lock";

    text_addf(text, ",\"iat\":%lld,\"exp\":%lld,\"jti\":\"" JTI "\",\"iss\":\"desk@hub\",\"verb\":\"%s\"",
              (long long)iat, (long long)exp, verb);
    text_addf(text, ",\"target\":\"%s\",\"args\":%s", said(d, CHECK_SCOPE, target),
              said(d, CHECK_ARGS, "{\"direction\":\"entry\",\"reason\":\"r\"}"));
    if ((d->challenged || fails(d, CHECK_CHALLENGE)) && chal[0])
        text_addf(text, ",\"chal\":\"%s\"", chal);
}

/* What the topic's content asks for beside aud. */
static inline void add_claims(const struct draft *d, struct text *text)
{
    const char *generation = said(d, CHECK_GENERATION, "1");

    if (d->topic == CLOUD_DOWN_DESIRED)
        text_addf(text, ",\"iat\":1,\"generation\":%s,\"version\":43,\"root\":\"" ROOT_B "\"", generation);
    else if (d->topic == CLOUD_DOWN_DELTA)
        text_add(text, ",\"iat\":1,\"generation\":1,\"from\":42,\"to\":43,"
                       "\"ops\":[{\"op\":\"del\",\"kind\":\"user\",\"id\":\"u2\"}],\"root\":\"" ROOT_B "\"");
    else if (d->topic == CLOUD_DOWN_SNAPSHOT)
        text_addf(text,
                  ",\"iat\":1,\"generation\":%s,\"version\":43,\"root\":\"" ROOT_B "\",\"items\":1,"
                  "\"chunks\":1,\"first\":\"" HASH_0 "\"",
                  generation);
    else if (d->topic == CLOUD_DOWN_ACK)
        text_add(text, ",\"iat\":1,\"epoch\":\"" EPOCH "\",\"seq\":0,\"hash\":\"" HASH_0 "\"");
    else if (d->topic == CLOUD_DOWN_TIME)
        text_addf(text, ",\"iat\":1,\"nonce\":\"%s\",\"utc\":\"2026-11-22T14:30:00.123Z\"",
                  said(d, CHECK_NONCE, d->nonce));
    else
        add_command_claims(d, text);
}

static inline void add_payload(const struct draft *d, struct text *text)
{
    const char *aud = said(d, CHECK_AUDIENCE, "\"aud\":\"hub/gw1\"");

    text_add(text, "{");
    text_add(text, aud);
    if (fails(d, CHECK_CLAIMS))
        text_add(text, d->ways[CHECK_CLAIMS]->text);
    else
        add_claims(d, text);
    if (fails(d, CHECK_SIZE))
        text_addf(text, ",\"pad\":\"%061440d\"", 0);
    text_add(text, "}");
}

/* --- the envelope --- */

#define NEST_MAX 20000

static inline void add_times(struct text *text, const char *word, int times)
{
    for (int i = 0; i < times; i++)
        text_add(text, word);
}

/* Changes a part before it is encoded. */
static inline void spoil(struct text *part, const struct way *way)
{
    enum how how = way ? way->how : HOW_SAY;
    char *before = strndup(text_string(part), part->len);
    size_t cut = how == HOW_CUT ? (size_t)way->number : 0;
    size_t len = part->len > cut ? part->len - cut : 0;

    text_reset(part);
    if (how == HOW_NEST) {
        text_add(part, "{\"x\":");
        add_times(part, "[", way->number);
        add_times(part, "]", way->number);
        text_addf(part, ",%s", before + 1);
    } else if (how == HOW_INSERT) {
        text_addf(part, "{%s%s", way->text, before + 1);
    } else if (how == HOW_INSTEAD) {
        text_add(part, way->text);
    } else {
        text_add(part, how == HOW_BEFORE ? way->text : "");
        text_add_bytes(part, before, len);
        text_add(part, how == HOW_AFTER ? way->text : "");
        text_add_bytes(part, "\0", how == HOW_NUL);
    }
    free(before);
}

static inline void add_base64(struct text *text, const void *bytes, size_t len)
{
    size_t size = sodium_base64_encoded_len(len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *b64 = malloc(size);

    sodium_bin2base64(b64, size, bytes, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    text_add(text, b64);
    free(b64);
}

/* Appends a part encoded. Spare bits are there unless its length is a multiple of 3, which the caller sees
 * to. */
static inline void add_part(struct text *text, const struct text *part, const struct way *way)
{
    add_base64(text, text_string(part), part->len);
    if (way && way->how == HOW_ODD)
        text_add(text, part->len % 3 == 0 ? "A" : part->len % 3 == 1 ? "AAA" : "AA");
    if (way && way->how == HOW_SPARE && part->len > 0)
        text->data[text->len - 1]++; /* the last character ends in zeros: none of - _ 9 z Z */
}

static inline enum signer signed_by(const struct draft *d)
{
    static const enum check checks[] = { CHECK_RETIRED, CHECK_USE };

    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
        if (fails(d, checks[i]))
            return (enum signer)d->ways[checks[i]]->number;
    if (fails(d, CHECK_SIGNATURE) && d->ways[CHECK_SIGNATURE]->how == HOW_SIGN_WEAK)
        return SIGNER_WEAK;
    if (fails(d, CHECK_SCOPE))
        return d->ways[CHECK_SCOPE]->number == SIGNER_VAGUE ? SIGNER_VAGUE : SIGNER_DESK;
    return signer_of(d->topic);
}

static inline void add_header(const struct draft *d, struct text *part)
{
    const char *name = cloud_topic_name(d->topic) + strlen("down/");
    char typ[64];

    snprintf(typ, sizeof(typ), "stile-%s+%s", name, d->topic == CLOUD_DOWN_COMMAND ? "jwt" : "jws");
    text_addf(part, "{\"alg\":\"%s\",\"kid\":\"%s\",\"typ\":\"%s\"}",
              said(d, CHECK_ALG, d->dice & 1 ? "EdDSA" : "Ed25519"),
              said(d, CHECK_KID, signer_names[signed_by(d)]), said(d, CHECK_TYP, typ));
}

/* A multiple of 3 would leave no spare bits. */
static inline void make_odd(struct text *part, const struct way *way)
{
    while (way && way->how == HOW_SPARE && part->len % 3 == 0)
        text_add(part, " ");
}

#define POINT_BYTES 32
static const uint8_t group_order[POINT_BYTES] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                                                  0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10 };

/* Spoils a good signature, which is of 64 bytes. */
static inline void spoil_signature(const struct draft *d, uint8_t signature[static 65])
{
    const struct way *way = d->ways[CHECK_SIGNATURE];
    uint64_t dice = d->dice;

    if (way->how == HOW_SIGN_ZERO)
        memset(signature, 0, crypto_sign_BYTES);
    else if (way->how == HOW_SIGN_PLUS_L)
        sodium_add(signature + POINT_BYTES, group_order, POINT_BYTES);
    else if (way->how == HOW_SIGN_FLIP)
        signature[roll(&dice, crypto_sign_BYTES)] ^= (uint8_t)(1u << roll(&dice, 8));
    else if (way->how == HOW_SIGN_SWAP) {
        uint8_t r[POINT_BYTES];

        memcpy(r, signature, sizeof(r));
        memcpy(signature, signature + POINT_BYTES, POINT_BYTES);
        memcpy(signature + POINT_BYTES, r, sizeof(r));
    } else if (way->how == HOW_SIGN_WEAK) {
        memset(signature, 0, crypto_sign_BYTES);
        signature[0] = 1; /* R is the neutral point, S is 0 */
    }
}

static inline void sign(const struct draft *d, struct text *text)
{
    const struct way *way = d->ways[CHECK_SIGNATURE], *alg = d->ways[CHECK_ALG];
    enum signer signer = way && way->how == HOW_SAY ? (enum signer)way->number : signed_by(d);
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES], signature[65] = { 0 };
    size_t len = crypto_sign_BYTES;
    const char *input = text->data;

    crypto_sign_seed_keypair(public_key, secret, seed_of((uint8_t)signer).bytes);
    if (way && way->how == HOW_SIGN_PAYLOAD)
        input = strchr(input, '.') + 1;
    crypto_sign_detached(signature, NULL, (const uint8_t *)input, text->len - (size_t)(input - text->data),
                         secret);
    if (way)
        spoil_signature(d, signature);
    if (alg && alg->how == HOW_SIGN_HMAC) {
        crypto_auth_hmacsha256(signature, (const uint8_t *)text->data, text->len, public_key);
        len = crypto_auth_hmacsha256_BYTES;
    }
    if ((alg && alg->how == HOW_SIGN_EMPTY) || (way && way->how == HOW_SIGN_EMPTY))
        len = 0;
    else if (way && way->how == HOW_SIGN_SHORT)
        len--;
    else if (way && way->how == HOW_SIGN_LONG)
        len++;
    if (way && way->how == HOW_SPLICE)
        text_add(text, "AAAA");
    const struct text part = { .data = (char *)signature, .len = len, .size = sizeof(signature) };

    text_add(text, ".");
    add_part(text, &part, way);
}

/* Writes what arrives. */
static inline void write_draft(const struct draft *d, struct text *text)
{
    struct text header = TEXT_INIT, payload = TEXT_INIT;

    text_reset(text);
    add_payload(d, &payload);
    make_odd(&payload, d->ways[CHECK_PAYLOAD]);
    spoil(&payload, d->ways[CHECK_PAYLOAD]);
    if (d->bare) {
        text_add_bytes(text, text_string(&payload), payload.len);
    } else {
        add_header(d, &header);
        make_odd(&header, d->ways[CHECK_HEADER]);
        spoil(&header, d->ways[CHECK_HEADER]);
        add_part(text, &header, d->ways[CHECK_HEADER]);
        text_add(text, ".");
        add_part(text, &payload, d->ways[CHECK_PAYLOAD]);
        sign(d, text);
        spoil(text, d->ways[CHECK_FORMAT]);
    }
    assert_int_equal(text_error(text), 0);
    text_finish(&header);
    text_finish(&payload);
}
