/* SPDX-License-Identifier: GPL-3.0-or-later */
/* jws.c: what stands before the signature holds is looked at as little as possible: dots, the alphabet, and
 * a header of 512 bytes through the one JSON reader. */
#include "proto/jws.h"

#include <errno.h>
#include <json-c/json.h>
#include <sodium.h>
#include <string.h>

#include "proto/encode.h"
#include "proto/json.h"

#define HEADER_MEMBERS 3

struct header {
    const char *alg;
    const char *kid;
    const char *typ;
};

static const struct {
    const char *code;
    const char *text;
} errors[] = {
    [JWS_E_FORMAT] = { "format", "is not three parts in base64url with dots between" },
    [JWS_E_HEADER] = { "header", "the header is not an object of alg, kid and typ, in at most 512 bytes" },
    [JWS_E_ALG] = { "alg", "alg is neither EdDSA nor Ed25519" },
    [JWS_E_TYP] = { "typ", "typ is another kind of message" },
    [JWS_E_SIGNATURE] = { "signature", "the signature is not the key's" },
    [JWS_E_PAYLOAD] = { "payload", "the payload is not base64url" },
};

const char *jws_code(enum jws_error error)
{
    return errors[error].code;
}

const char *jws_text(enum jws_error error)
{
    return errors[error].text;
}

static bool is_b64(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Takes the next part off *at, up to a dot or the end. False if it has other characters. */
static bool take_part(const char **at, const char *end, size_t *ret_len)
{
    const char *begin = *at;

    while (*at < end && is_b64(**at))
        (*at)++;
    *ret_len = (size_t)(*at - begin);
    return *at == end || **at == '.';
}

static bool take_dot(const char **at, const char *end)
{
    return *at < end && *(*at)++ == '.';
}

static bool split(const char *bytes, size_t len, struct jws *jws, size_t *ret_header_len)
{
    const char *at = bytes;
    const char *end = bytes + len;

    jws->input = bytes;
    if (!take_part(&at, end, ret_header_len) || !take_dot(&at, end))
        return false;
    jws->payload = at;
    if (!take_part(&at, end, &jws->payload_len))
        return false;
    jws->input_len = (size_t)(at - bytes);
    if (!take_dot(&at, end))
        return false;
    jws->signature = at;
    return take_part(&at, end, &jws->signature_len) && at == end;
}

/* Strings are borrowed from *ret_object. */
static int read_header(const char *text, size_t len, struct json_object **ret_object, struct header *ret)
{
    static const struct json_row rows[] = {
        JSON_ROW_STRING_REQUIRED(struct header, alg, "alg", 0, INT64_MAX),
        JSON_ROW_STRING_REQUIRED(struct header, kid, "kid", 0, INT64_MAX),
        JSON_ROW_STRING_REQUIRED(struct header, typ, "typ", 0, INT64_MAX),
    };
    uint8_t bytes[JWS_HEADER_MAX];
    struct json_error error;
    size_t bytes_len;

    if (b64_decode(text, len, bytes, sizeof(bytes), &bytes_len) < 0)
        return JWS_E_HEADER;
    int r = json_parse((const char *)bytes, bytes_len, ret_object, &error);

    if (r == 0)
        r = json_read(*ret_object, JSON_ROWS(rows), ret, &error);
    if (r == 0 && json_object_object_length(*ret_object) != HEADER_MEMBERS)
        r = -EBADMSG;
    return r == -EBADMSG ? JWS_E_HEADER : r;
}

int jws_parse(const char *bytes, size_t len, const char *typ, struct jws *ret)
{
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct header header;
    struct jws jws = { 0 };
    size_t header_len;

    if (!split(bytes, len, &jws, &header_len))
        return JWS_E_FORMAT;
    int r = read_header(bytes, header_len, &object, &header);

    if (r != 0)
        return r;
    if (strcmp(header.alg, "EdDSA") != 0 && strcmp(header.alg, "Ed25519") != 0)
        return JWS_E_ALG;
    if (strcmp(header.typ, typ) != 0)
        return JWS_E_TYP;
    if (id_valid(header.kid))
        strcpy(jws.kid, header.kid);
    *ret = jws;
    return 0;
}

int jws_verify(const struct jws *jws, const uint8_t public_key[static KEY_PUBLIC_BYTES])
{
    uint8_t signature[crypto_sign_BYTES];
    size_t len;

    if (b64_decode(jws->signature, jws->signature_len, signature, sizeof(signature), &len) < 0 ||
        len != sizeof(signature) ||
        crypto_sign_verify_detached(signature, (const uint8_t *)jws->input, jws->input_len, public_key) != 0)
        return JWS_E_SIGNATURE;
    return 0;
}

int jws_decode(const struct jws *jws, char *ret_payload, size_t size, size_t *ret_len)
{
    if (b64_decode(jws->payload, jws->payload_len, (uint8_t *)ret_payload, size - 1, ret_len) < 0)
        return JWS_E_PAYLOAD;
    ret_payload[*ret_len] = '\0';
    return 0;
}

static int add_b64(struct text *text, const void *bytes, size_t len)
{
    cleanup_with(freep) char *b64 = malloc(B64_SIZE(len));

    if (!b64)
        return -ENOMEM;
    b64_encode(bytes, len, b64);
    text_add(text, b64);
    return text_error(text);
}

static int add_header(struct text *text, const char *kid, const char *typ)
{
    cleanup_with(text_finish) struct text header = TEXT_INIT;
    struct json_out out = json_out_to(&header);

    json_begin_object(&out, NULL);
    json_add_string(&out, "alg", "EdDSA");
    json_add_string(&out, "kid", kid);
    json_add_string(&out, "typ", typ);
    json_end_object(&out);
    return text_error(&header) ? text_error(&header) : add_b64(text, header.data, header.len);
}

static int add_signature(struct text *text, const uint8_t seed[static KEY_SEED_BYTES])
{
    uint8_t public_key[KEY_PUBLIC_BYTES];
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    uint8_t signature[crypto_sign_BYTES];

    crypto_sign_seed_keypair(public_key, secret, seed);
    crypto_sign_detached(signature, NULL, (const uint8_t *)text->data, text->len, secret);
    sodium_memzero(secret, sizeof(secret));
    text_add(text, ".");
    return add_b64(text, signature, sizeof(signature));
}

int jws_sign(struct text *text, const struct jws_signer *signer, const char *typ, const char *payload,
             size_t len)
{
    text_reset(text);
    int r = add_header(text, signer->kid, typ);

    text_add(text, ".");
    if (r == 0)
        r = add_b64(text, payload, len);
    return r < 0 ? r : add_signature(text, signer->seed);
}
