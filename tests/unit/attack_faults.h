/* SPDX-License-Identifier: GPL-3.0-or-later */
/* attack_faults.h: the ways to fail each check of the cloud contract. One row a way, and a family may have
 * several. */
#pragma once

#include "tests/unit/attack_draft.h"

static const struct way ways_sizes[] = {
    { "oversize", ON_SIGNED, HOW_SAY, NULL, 0 },
};

static const struct way ways_retains[] = {
    { "retained", ON_ALL_BUT(ON_DESIRED), HOW_SAY, NULL, 0 },
};

/* Bare objects: where trust is signed, or the kind never comes bare. */
static const struct way ways_formats[] = {
    { "parts", ON_SIGNED, HOW_AFTER, ".", 0 },
    { "parts", ON_SIGNED, HOW_AFTER, ".AAAA.AAAA", 0 },
    { "parts", ON_SIGNED, HOW_BEFORE, ".", 0 },
    { "parts", ON_SIGNED, HOW_CUT, NULL, 100 },
    { "parts", ON_SIGNED, HOW_INSTEAD, "", 0 },
    { "parts", ON_SIGNED, HOW_INSTEAD, ".", 0 },
    { "parts", ON_SIGNED, HOW_INSTEAD, "AAAA", 0 },
    { "base64 padding", ON_SIGNED, HOW_AFTER, "=", 0 },
    { "base64 padding", ON_SIGNED, HOW_AFTER, "==", 0 },
    { "base64 alphabet", ON_SIGNED, HOW_AFTER, "+", 0 },
    { "base64 alphabet", ON_SIGNED, HOW_BEFORE, "/", 0 },
    { "base64 alphabet", ON_SIGNED, HOW_AFTER, "\xff", 0 },
    { "white space", ON_SIGNED, HOW_AFTER, "\n", 0 },
    { "white space", ON_SIGNED, HOW_BEFORE, " ", 0 },
    { "white space", ON_SIGNED, HOW_BEFORE, "\xef\xbb\xbf", 0 },
    { "U+0000", ON_SIGNED, HOW_NUL, NULL, 0 },
    { "bare object", ON_SIGNED, HOW_INSTEAD, "{}", 0 },
    { "bare object", ON_SIGNED, HOW_INSTEAD,
      "{\"payload\":\"e30\",\"protected\":\"e30\",\"signature\":\"AA\"}", 0 },
    { "bare object", ON_SIGNED, HOW_INSTEAD, "{\"aud\":\"hub/gw1\",\"iat\":1}", 0 },
};

static const struct way ways_headers[] = {
    { "header members", ON_SIGNED, HOW_INSERT, "\"crit\":[\"exp\"],", 0 },
    { "header members", ON_SIGNED, HOW_INSERT, "\"crit\":\"exp\",", 0 },
    { "header members", ON_SIGNED, HOW_INSERT, "\"b64\":false,", 0 },
    { "header members", ON_SIGNED, HOW_INSERT, "\"zip\":\"DEF\",", 0 },
    { "header members", ON_SIGNED, HOW_INSERT, "\"cty\":\"JWT\",", 0 },
    { "header members", ON_SIGNED, HOW_INSERT, "\"\":\"\",", 0 },
    { "header members", ON_SIGNED, HOW_INSERT, "\"Alg\":\"EdDSA\",", 0 },
    { "key in header", ON_SIGNED, HOW_INSERT,
      "\"jwk\":{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"},",
      0 },
    { "key in header", ON_SIGNED, HOW_INSERT, "\"jku\":\"https://evil.example/keys\",", 0 },
    { "key in header", ON_SIGNED, HOW_INSERT, "\"x5u\":\"https://evil.example/cert\",", 0 },
    { "key in header", ON_SIGNED, HOW_INSERT, "\"x5c\":[\"AAAA\"],", 0 },
    { "duplicate in header", ON_SIGNED, HOW_INSERT, "\"alg\":\"EdDSA\",", 0 },
    { "duplicate in header", ON_SIGNED, HOW_INSERT, "\"alg\":\"none\",", 0 },
    { "duplicate in header", ON_SIGNED, HOW_INSERT, "\"kid\":\"root-1\",", 0 },
    { "duplicate in header", ON_SIGNED, HOW_INSERT, "\"\\u0074yp\":\"JWT\",", 0 },
    { "missing in header", ON_SIGNED, HOW_INSTEAD, "{\"alg\":\"EdDSA\",\"kid\":\"pol-1\"}", 0 },
    { "missing in header", ON_SIGNED, HOW_INSTEAD, "{\"alg\":\"EdDSA\",\"typ\":\"stile-delta+jws\"}", 0 },
    { "missing in header", ON_SIGNED, HOW_INSTEAD, "{\"kid\":\"pol-1\",\"typ\":\"stile-delta+jws\"}", 0 },
    { "missing in header", ON_SIGNED, HOW_INSTEAD, "{\"alg\":\"none\"}", 0 },
    { "missing in header", ON_SIGNED, HOW_INSTEAD, "{}", 0 },
    { "missing in header", ON_SIGNED, HOW_INSTEAD, "", 0 },
    { "header types", ON_SIGNED, HOW_INSTEAD, "{\"alg\":\"EdDSA\",\"kid\":1,\"typ\":\"stile-delta+jws\"}",
      0 },
    { "header types", ON_SIGNED, HOW_INSTEAD, "{\"alg\":null,\"kid\":\"pol-1\",\"typ\":\"stile-delta+jws\"}",
      0 },
    { "header types", ON_SIGNED, HOW_INSTEAD,
      "{\"alg\":[\"EdDSA\"],\"kid\":\"pol-1\",\"typ\":\"stile-delta+jws\"}", 0 },
    { "header types", ON_SIGNED, HOW_INSTEAD, "[\"EdDSA\",\"pol-1\",\"stile-delta+jws\"]", 0 },
    { "header types", ON_SIGNED, HOW_INSTEAD, "null", 0 },
    { "header is no JSON", ON_SIGNED, HOW_AFTER, "x", 0 },
    { "header is no JSON", ON_SIGNED, HOW_AFTER, "{}", 0 },
    { "header is no JSON", ON_SIGNED, HOW_CUT, NULL, 1 },
    { "header is no JSON", ON_SIGNED, HOW_BEFORE, "/**/", 0 },
    { "header is no JSON", ON_SIGNED, HOW_INSTEAD, "{'alg':'EdDSA','kid':'pol-1','typ':'stile-delta+jws'}",
      0 },
    { "nested in header", ON_SIGNED, HOW_NEST, NULL, 16 },
    { "nested in header", ON_SIGNED, HOW_NEST, NULL, 200 },
    { "long header", ON_SIGNED, HOW_NEST, NULL, 5000 },
    { "U+0000", ON_SIGNED, HOW_INSTEAD,
      "{\"alg\":\"EdDSA\",\"kid\":\"pol-1\\u0000\",\"typ\":\"stile-delta+jws\"}", 0 },
    { "U+0000", ON_SIGNED, HOW_NUL, NULL, 0 },
    { "invalid UTF-8", ON_SIGNED, HOW_INSTEAD,
      "{\"alg\":\"EdDSA\",\"kid\":\"pol-1\xff\",\"typ\":\"stile-delta+jws\"}", 0 },
    { "invalid UTF-8", ON_SIGNED, HOW_BEFORE, "\xef\xbb\xbf", 0 },
    { "base64 spare bits", ON_SIGNED, HOW_SPARE, NULL, 0 },
    { "base64 length", ON_SIGNED, HOW_ODD, NULL, 0 },
};

static const struct way ways_algs[] = {
    { "alg none", ON_SIGNED, HOW_SIGN_EMPTY, "none", 0 },
    { "alg none", ON_SIGNED, HOW_SIGN_EMPTY, "None", 0 },
    { "alg none", ON_SIGNED, HOW_SIGN_EMPTY, "", 0 },
    { "alg none", ON_SIGNED, HOW_SAY, "none", 0 },
    { "alg HS256", ON_SIGNED, HOW_SIGN_HMAC, "HS256", 0 },
    { "alg HS256", ON_SIGNED, HOW_SIGN_HMAC, "HS512", 0 },
    { "alg other", ON_SIGNED, HOW_SAY, "ES256", 0 },
    { "alg other", ON_SIGNED, HOW_SAY, "RS256", 0 },
    { "alg other", ON_SIGNED, HOW_SAY, "Ed448", 0 },
    { "alg spelling", ON_SIGNED, HOW_SAY, "eddsa", 0 },
    { "alg spelling", ON_SIGNED, HOW_SAY, "EDDSA", 0 },
    { "alg spelling", ON_SIGNED, HOW_SAY, "EdDSA ", 0 },
    { "alg spelling", ON_SIGNED, HOW_SAY, "ed25519", 0 },
};

static const struct way ways_typs[] = {
    { "cross-kind", ON_ALL_BUT(ON_DESIRED), HOW_SAY, "stile-desired+jws", 0 },
    { "cross-kind", ON_ALL_BUT(ON_DELTA), HOW_SAY, "stile-delta+jws", 0 },
    { "cross-kind", ON_ALL_BUT(ON_SNAPSHOT), HOW_SAY, "stile-snapshot+jws", 0 },
    { "cross-kind", ON_ALL_BUT(ON_ACK), HOW_SAY, "stile-ack+jws", 0 },
    { "cross-kind", ON_ALL_BUT(ON_COMMAND), HOW_SAY, "stile-command+jwt", 0 },
    { "cross-kind", ON_ALL_BUT(ON_TIME), HOW_SAY, "stile-time+jws", 0 },
    { "cross-kind", ON_SIGNED, HOW_SAY, "stile-key+jwt", 0 },
    { "cross-kind", ON_SIGNED, HOW_SAY, "stile-command+jws", 0 },
    { "cross-kind", ON_SIGNED, HOW_SAY, "stile-ack+jwt", 0 },
    { "typ spelling", ON_SIGNED, HOW_SAY, "JWT", 0 },
    { "typ spelling", ON_SIGNED, HOW_SAY, "", 0 },
    { "typ spelling", ON_DELTA, HOW_SAY, "STILE-DELTA+JWS", 0 },
    { "typ spelling", ON_DELTA, HOW_SAY, "application/stile-delta+jws", 0 },
};

static const struct way ways_kids[] = {
    { "unknown key", ON_SIGNED, HOW_SAY, "stranger", 0 },
    { "unknown key", ON_SIGNED, HOW_SAY, "", 0 },
    { "unknown key", ON_SIGNED, HOW_SAY, "ROOT-1", 0 },
    { "unknown key", ON_SIGNED, HOW_SAY, "root-1 ", 0 },
    { "unknown key", ON_SIGNED, HOW_SAY, "root-", 0 },
    { "unknown key", ON_SIGNED, HOW_SAY, "root-11", 0 },
    { "unknown key", ON_SIGNED, HOW_SAY, "../keys/root-1", 0 },
    { "unknown key", ON_SIGNED, HOW_SAY, "' OR 1=1", 0 },
    { "unknown key", ON_SIGNED, HOW_SAY,
      "root-1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      0 },
};

static const struct way ways_retired[] = {
    { "retired key", ON_SIGNED, HOW_SAY, NULL, SIGNER_GONE },
    { "retired key", ON_SIGNED, HOW_SAY, NULL, SIGNER_BURIED },
};

static const struct way ways_uses[] = {
    { "wrong use", ON_ACK | ON_TIME, HOW_SAY, NULL, SIGNER_ROOT },
    { "wrong use", ON_SIGNED & ~ON_POLICY, HOW_SAY, NULL, SIGNER_POLICY },
    { "wrong use", ON_ALL_BUT(ON_ACK), HOW_SAY, NULL, SIGNER_EVENTS },
    { "wrong use", ON_ALL_BUT(ON_COMMAND), HOW_SAY, NULL, SIGNER_COMMAND },
    { "wrong use", ON_ALL_BUT(ON_COMMAND), HOW_SAY, NULL, SIGNER_DESK },
    { "wrong use", ON_ALL_BUT(ON_TIME), HOW_SAY, NULL, SIGNER_TIME },
    { "wrong use", ON_SIGNED, HOW_SAY, NULL, SIGNER_DIGITAL },
    { "scope unknown", ON_ALL_BUT(ON_COMMAND), HOW_SAY, NULL, SIGNER_VAGUE },
};

static const struct way ways_signatures[] = {
    { "forged", ON_SIGNED, HOW_SAY, NULL, SIGNER_STRANGER },
    { "forged", ON_SIGNED, HOW_SAY, NULL, SIGNER_ROOT },
    { "forged", ON_SIGNED, HOW_SAY, NULL, SIGNER_DIGITAL },
    { "forged", ON_SIGNED, HOW_SIGN_EMPTY, NULL, 0 },
    { "forged", ON_SIGNED, HOW_SIGN_ZERO, NULL, 0 },
    { "forged", ON_SIGNED, HOW_SIGN_SWAP, NULL, 0 },
    { "forged", ON_SIGNED, HOW_SIGN_PAYLOAD, NULL, 0 },
    { "forged", ON_SIGNED, HOW_SPLICE, NULL, 0 },
    { "signature length", ON_SIGNED, HOW_SIGN_SHORT, NULL, 0 },
    { "signature length", ON_SIGNED, HOW_SIGN_LONG, NULL, 0 },
    { "signature not canonical", ON_SIGNED, HOW_SIGN_PLUS_L, NULL, 0 },
    { "small order", ON_SIGNED, HOW_SIGN_WEAK, NULL, 0 },
    { "bit flipped in bytes", ON_SIGNED, HOW_SIGN_FLIP, NULL, 0 },
    { "base64 spare bits", ON_SIGNED, HOW_SPARE, NULL, 0 },
    { "base64 length", ON_SIGNED, HOW_ODD, NULL, 0 },
};

static const struct way ways_payloads[] = {
    { "payload is no object", ON_SIGNED, HOW_BEFORE, " ", 0 },
    { "payload is no object", ON_SIGNED, HOW_BEFORE, "[", 0 },
    { "payload is no object", ON_SIGNED, HOW_BEFORE, "\xef\xbb\xbf", 0 },
    { "payload is no object", ON_SIGNED, HOW_INSTEAD, "", 0 },
    { "payload is no object", ON_SIGNED, HOW_INSTEAD, "null", 0 },
    { "payload is no object", ON_SIGNED, HOW_INSTEAD, "[]", 0 },
    { "payload is no JSON", ON_SIGNED, HOW_AFTER, "x", 0 },
    { "payload is no JSON", ON_SIGNED, HOW_AFTER, "{}", 0 },
    { "payload is no JSON", ON_SIGNED, HOW_CUT, NULL, 1 },
    { "payload is no JSON", ON_SIGNED, HOW_CUT, NULL, 20 },
    { "payload is no JSON", ON_SIGNED, HOW_INSERT, ",", 0 },
    { "payload is no JSON", ON_SIGNED, HOW_INSERT, "/**/", 0 },
    { "payload is no JSON", ON_SIGNED, HOW_INSERT, "'x':1,", 0 },
    { "payload is no JSON", ON_SIGNED, HOW_INSERT, "x:1,", 0 },
    { "payload is no JSON", ON_SIGNED, HOW_INSERT, "\"x\":NaN,", 0 },
    { "payload is no JSON", ON_SIGNED, HOW_INSERT, "\"x\":01,", 0 },
    { "payload is no JSON", ON_SIGNED, HOW_INSERT, "\"x\":+1,", 0 },
    { "payload is no JSON", ON_SIGNED, HOW_INSERT, "\"x\":\"\t\",", 0 },
    { "duplicate members", ON_SIGNED, HOW_INSERT, "\"aud\":\"hub/gw1\",\"aud\":\"hub/gw1\",", 0 },
    { "duplicate members", ON_SIGNED, HOW_INSERT, "\"aud\":\"hub/gw2\",\"aud\":\"hub/gw1\",", 0 },
    { "duplicate members", ON_SIGNED, HOW_INSERT, "\"\\u0061ud\":\"hub/gw2\",\"aud\":\"hub/gw1\",", 0 },
    { "duplicate members", ON_SIGNED, HOW_INSERT, "\"x\":[{\"a\":1,\"a\":1}],", 0 },
    { "nested", ON_SIGNED, HOW_NEST, NULL, 16 },
    { "nested", ON_SIGNED, HOW_NEST, NULL, 100 },
    { "nested", ON_SIGNED, HOW_NEST, NULL, NEST_MAX },
    { "U+0000", ON_SIGNED, HOW_INSERT, "\"x\":\"\\u0000\",", 0 },
    { "U+0000", ON_SIGNED, HOW_INSERT, "\"aud\\u0000\":\"hub/gw2\",", 0 },
    { "U+0000", ON_SIGNED, HOW_NUL, NULL, 0 },
    { "invalid UTF-8", ON_SIGNED, HOW_INSERT, "\"x\":\"\xff\",", 0 },
    { "invalid UTF-8", ON_SIGNED, HOW_INSERT, "\"x\":\"\xc0\xaf\",", 0 },
    { "invalid UTF-8", ON_SIGNED, HOW_INSERT, "\"x\":\"\xed\xa0\x80\",", 0 },
    { "invalid UTF-8", ON_SIGNED, HOW_INSERT, "\"x\":\"\xf4\x90\x80\x80\",", 0 },
    { "base64 spare bits", ON_SIGNED, HOW_SPARE, NULL, 0 },
    { "base64 length", ON_SIGNED, HOW_ODD, NULL, 0 },
};

static const struct way ways_audiences[] = {
    { "cross-gateway", ON_SIGNED, HOW_SAY, "\"aud\":\"hub/gw2\"", 0 },
    { "cross-gateway", ON_SIGNED, HOW_SAY, "\"aud\":\"hub/gw11\"", 0 },
    { "cross-gateway", ON_SIGNED, HOW_SAY, "\"aud\":\"hub/gw\"", 0 },
    { "cross-gateway", ON_SIGNED, HOW_SAY, "\"aud\":\"HUB/gw1\"", 0 },
    { "cross-gateway", ON_SIGNED & ~ON_POLICY, HOW_SAY, "\"aud\":\"hub/*\"", 0 },
    { "cross-site", ON_SIGNED, HOW_SAY, "\"aud\":\"spa/gw1\"", 0 },
    { "cross-site", ON_SIGNED, HOW_SAY, "\"aud\":\"spa/*\"", 0 },
    { "cross-site", ON_SIGNED, HOW_SAY, "\"aud\":\"*/*\"", 0 },
    { "cross-site", ON_SIGNED, HOW_SAY, "\"aud\":\"*/gw1\"", 0 },
    { "cross-site", ON_SIGNED, HOW_SAY, "\"aud\":\"hub\"", 0 },
    { "no audience", ON_SIGNED, HOW_SAY, "\"x\":1", 0 },
    { "no audience", ON_SIGNED, HOW_SAY, "\"aud\":null", 0 },
    { "no audience", ON_SIGNED, HOW_SAY, "\"aud\":\"\"", 0 },
    { "no audience", ON_SIGNED, HOW_SAY, "\"aud\":[\"hub/gw1\"]", 0 },
    { "no audience", ON_SIGNED, HOW_SAY, "\"aud\":{\"hub/gw1\":1}", 0 },
};

/* Claims of each kind, with one that is wrong. */
#define DESIRED(iat, generation, version, root)                                                              \
    iat ",\"generation\":" generation ",\"version\":" version ",\"root\":" root
#define DELTA(generation, from, to, ops)                                                                     \
    ",\"iat\":1,\"generation\":" generation ",\"from\":" from ",\"to\":" to ",\"ops\":" ops                  \
    ",\"root\":\"" ROOT_B "\""
#define SNAPSHOT(version, items, chunks, first)                                                              \
    ",\"iat\":1,\"generation\":1,\"version\":" version ",\"root\":\"" ROOT_B "\",\"items\":" items           \
    ",\"chunks\":" chunks ",\"first\":" first
#define ACK(iat, epoch, seq, hash)   iat ",\"epoch\":" epoch ",\"seq\":" seq ",\"hash\":" hash
#define COMMAND(iat, exp, jti, rest) iat exp ",\"jti\":" jti ",\"iss\":\"desk@hub\"" rest
#define TIME(iat, nonce, utc)        iat ",\"nonce\":" nonce ",\"utc\":" utc
#define IAT                          ",\"iat\":1"
#define C_IAT                        ",\"iat\":1795357800"
#define C_EXP                        ",\"exp\":1795357820"
#define C_JTI                        "\"" JTI "\""
#define C_REST                                                                                               \
    ",\"verb\":\"release\",\"target\":\"front\",\"args\":{\"direction\":\"entry\",\"reason\":\"r\"}"
#define Q_ROOT  "\"" ROOT_B "\""
#define Q_EPOCH "\"" EPOCH "\""
#define Q_HASH  "\"" HASH_0 "\""
#define Q_NONCE "\"AAAAAAAAAAAAAAAAAAAAAA\""
#define Q_UTC   "\"2026-11-22T14:30:00.123Z\""

static const struct way ways_claims[] = {
    { "claims iat", ON_DESIRED, HOW_SAY, DESIRED("", "1", "43", Q_ROOT), 0 },
    { "claims iat", ON_DESIRED, HOW_SAY, DESIRED(",\"iat\":\"1\"", "1", "43", Q_ROOT), 0 },
    { "claims iat", ON_DESIRED, HOW_SAY, DESIRED(",\"iat\":1.5", "1", "43", Q_ROOT), 0 },
    { "claims iat", ON_ACK, HOW_SAY, ACK("", Q_EPOCH, "0", Q_HASH), 0 },
    { "claims iat", ON_ACK, HOW_SAY, ACK(",\"iat\":null", Q_EPOCH, "0", Q_HASH), 0 },
    { "claims iat", ON_TIME, HOW_SAY, TIME("", Q_NONCE, Q_UTC), 0 },
    { "claims iat", ON_TIME, HOW_SAY, TIME(",\"iat\":true", Q_NONCE, Q_UTC), 0 },
    { "claims iat", ON_COMMAND, HOW_SAY, COMMAND("", C_EXP, C_JTI, C_REST), 0 },
    { "claims iat", ON_COMMAND, HOW_SAY, COMMAND(",\"iat\":\"1795357800\"", C_EXP, C_JTI, C_REST), 0 },
    { "claims exp", ON_COMMAND, HOW_SAY, COMMAND(C_IAT, "", C_JTI, C_REST), 0 },
    { "claims exp", ON_COMMAND, HOW_SAY, COMMAND(C_IAT, ",\"exp\":\"never\"", C_JTI, C_REST), 0 },
    { "claims exp", ON_COMMAND, HOW_SAY, COMMAND(C_IAT, ",\"exp\":1e300", C_JTI, C_REST), 0 },
    { "claims jti", ON_COMMAND, HOW_SAY, COMMAND(C_IAT, C_EXP, "\"short\"", C_REST), 0 },
    { "claims jti", ON_COMMAND, HOW_SAY, COMMAND(C_IAT, C_EXP, "\"7f0c1b9e5a4d4c1\"", C_REST), 0 },
    { "claims jti", ON_COMMAND, HOW_SAY, COMMAND(C_IAT, C_EXP, "\"7f0c1b9e5a4d4c1!\"", C_REST), 0 },
    { "claims jti", ON_COMMAND, HOW_SAY, COMMAND(C_IAT, C_EXP, "\"" HASH_0 "0\"", C_REST), 0 },
    { "claims jti", ON_COMMAND, HOW_SAY, COMMAND(C_IAT, C_EXP, "null", C_REST), 0 },
    { "claims verb", ON_COMMAND, HOW_SAY, COMMAND(C_IAT, C_EXP, C_JTI, ",\"target\":\"front\""), 0 },
    { "claims verb", ON_COMMAND, HOW_SAY, COMMAND(C_IAT, C_EXP, C_JTI, ",\"verb\":[\"release\"]"), 0 },
    { "claims numbers", ON_DESIRED, HOW_SAY, DESIRED(IAT, "-1", "43", Q_ROOT), 0 },
    { "claims numbers", ON_DESIRED, HOW_SAY, DESIRED(IAT, "1", "-1", Q_ROOT), 0 },
    { "claims numbers", ON_DESIRED, HOW_SAY, DESIRED(IAT, "1", "43.0", Q_ROOT), 0 },
    { "claims numbers", ON_DESIRED, HOW_SAY, DESIRED(IAT, "1", "9007199254740992", Q_ROOT), 0 },
    { "claims numbers", ON_DESIRED, HOW_SAY, DESIRED(IAT, "1", "9223372036854775808", Q_ROOT), 0 },
    { "claims numbers", ON_DESIRED, HOW_SAY, DESIRED(IAT, "1", "18446744073709551617", Q_ROOT), 0 },
    { "claims numbers", ON_DELTA, HOW_SAY, DELTA("0", "42", "43", "[]"), 0 },
    { "claims numbers", ON_DELTA, HOW_SAY, DELTA("1", "-1", "43", "[]"), 0 },
    { "claims numbers", ON_DELTA, HOW_SAY, DELTA("1", "42", "\"43\"", "[]"), 0 },
    { "claims numbers", ON_DELTA, HOW_SAY, DELTA("1", "42", "9007199254740992", "[]"), 0 },
    { "claims numbers", ON_SNAPSHOT, HOW_SAY, SNAPSHOT("0", "1", "1", Q_HASH), 0 },
    { "claims numbers", ON_SNAPSHOT, HOW_SAY, SNAPSHOT("43", "-1", "1", Q_HASH), 0 },
    { "claims numbers", ON_SNAPSHOT, HOW_SAY, SNAPSHOT("43", "1", "-1", Q_HASH), 0 },
    { "claims numbers", ON_SNAPSHOT, HOW_SAY, SNAPSHOT("9007199254740992", "1", "1", Q_HASH), 0 },
    { "claims numbers", ON_ACK, HOW_SAY, ACK(IAT, Q_EPOCH, "-1", Q_HASH), 0 },
    { "claims numbers", ON_ACK, HOW_SAY, ACK(IAT, Q_EPOCH, "9007199254740992", Q_HASH), 0 },
    { "claims hashes", ON_DESIRED, HOW_SAY, DESIRED(IAT, "1", "43", "\"b\""), 0 },
    { "claims hashes", ON_DESIRED, HOW_SAY, DESIRED(IAT, "1", "43", "\"0000000000000000000000000000000B\""),
      0 },
    { "claims hashes", ON_DESIRED, HOW_SAY, DESIRED(IAT, "1", "43", "\"" ROOT_B "0\""), 0 },
    { "claims hashes", ON_SNAPSHOT, HOW_SAY, SNAPSHOT("43", "1", "1", "\"00\""), 0 },
    { "claims hashes", ON_SNAPSHOT, HOW_SAY, SNAPSHOT("43", "1", "1", "null"), 0 },
    { "claims hashes", ON_ACK, HOW_SAY, ACK(IAT, Q_EPOCH, "0", "\"00\""), 0 },
    { "claims hashes", ON_ACK, HOW_SAY, ACK(IAT, "\"9F2C51D07BE8A634\"", "0", Q_HASH), 0 },
    { "claims hashes", ON_ACK, HOW_SAY, ACK(IAT, "\"\"", "0", Q_HASH), 0 },
    { "claims ops", ON_DELTA, HOW_SAY, DELTA("1", "42", "43", "{}"), 0 },
    { "claims ops", ON_DELTA, HOW_SAY, DELTA("1", "42", "43", "[1]"), 0 },
    { "claims ops", ON_DELTA, HOW_SAY,
      DELTA("1", "42", "43", "[{\"op\":\"drop\",\"kind\":\"user\",\"id\":\"u2\"}]"), 0 },
    { "claims ops", ON_DELTA, HOW_SAY, DELTA("1", "42", "43", "[{\"op\":\"del\",\"kind\":\"user\"}]"), 0 },
    { "claims time", ON_TIME, HOW_SAY, TIME(IAT, Q_NONCE, "\"tomorrow\""), 0 },
    { "claims time", ON_TIME, HOW_SAY, TIME(IAT, Q_NONCE, "\"2026-13-22T14:30:00.123Z\""), 0 },
    { "claims time", ON_TIME, HOW_SAY, TIME(IAT, Q_NONCE, "\"2026-11-22T14:30:00\""), 0 },
    { "claims time", ON_TIME, HOW_SAY, TIME(IAT, Q_NONCE, "null"), 0 },
    { "claims time", ON_TIME, HOW_SAY, TIME(IAT, "\"AAAA\"", Q_UTC), 0 },
};

static const struct way ways_generations[] = {
    { "generation by policy key", ON_DESIRED | ON_SNAPSHOT, HOW_SAY, "2", 0 },
    { "generation by policy key", ON_DESIRED | ON_SNAPSHOT, HOW_SAY, "9007199254740991", 0 },
};

static const struct way ways_nonces[] = {
    { "nonce of another", ON_TIME, HOW_SAY, "u3Rk0XbT5yXo7W0mZq1vJg", 0 },
    { "nonce of another", ON_TIME, HOW_SAY, "AAAAAAAAAAAAAAAAAAAAAA", 0 },
};

/* Text is the verb. */
static const struct way ways_lifetimes[] = {
    { "lifetime", ON_COMMAND, HOW_SAY, "release", 0 },
    { "lifetime", ON_COMMAND, HOW_SAY, "release", -1 },
    { "lifetime", ON_COMMAND, HOW_SAY, "release", 31 },
    { "lifetime", ON_COMMAND, HOW_SAY, "open", 300 },
    { "lifetime", ON_COMMAND, HOW_SAY, "lockdown", 2000000000 },
    { "lifetime", ON_COMMAND, HOW_SAY, "forgive", 301 },
    { "lifetime", ON_COMMAND, HOW_SAY, "sync", 301 },
    { "lifetime", ON_COMMAND, HOW_SAY, "retire_key", 86400 },
};

/* Number: how far ahead, how long ago. */
static const struct way ways_futures[] = {
    { "future", ON_COMMAND, HOW_SAY, NULL, 6 },
    { "future", ON_COMMAND, HOW_SAY, NULL, 3600 },
    { "future", ON_COMMAND, HOW_SAY, NULL, 2000000000 },
};

static const struct way ways_pasts[] = {
    { "expired", ON_COMMAND, HOW_SAY, NULL, 20 },
    { "expired", ON_COMMAND, HOW_SAY, NULL, 21 },
    { "expired", ON_COMMAND, HOW_SAY, NULL, 3600 },
    { "expired", ON_COMMAND, HOW_SAY, NULL, 1700000000 },
};

static const struct way ways_challenges[] = {
    { "no challenge", ON_COMMAND, HOW_SAY, "", 0 },
    { "challenge of another", ON_COMMAND, HOW_SAY, "u3Rk0XbT5yXo7W0mZq1vJg", 0 },
    { "challenge of another", ON_COMMAND, HOW_SAY, "AAAAAAAAAAAAAAAAAAAAAA", 0 },
    { "challenge of another", ON_COMMAND, HOW_SAY, "x", 0 },
    { "challenge of another", ON_COMMAND, HOW_SAY, "u3Rk0XbT5yXo7W0mZq1vJg==", 0 },
};

/* Signed by the desk, which may release front and nowhere, and dance. Text is the target; number 1: with
 * another verb. */
static const struct way ways_scopes[] = {
    { "scope exceeded", ON_COMMAND, HOW_SAY, "gym", 0 },
    { "scope exceeded", ON_COMMAND, HOW_SAY, "front2", 0 },
    { "scope exceeded", ON_COMMAND, HOW_SAY, "*", 0 },
    { "scope exceeded", ON_COMMAND, HOW_SAY, "front", 1 },
    { "scope unknown", ON_COMMAND, HOW_SAY, "front", SIGNER_VAGUE },
};

static const struct way ways_verbs[] = {
    { "unknown verb", ON_COMMAND, HOW_SAY, "dance", 0 },
    { "unknown verb", ON_COMMAND, HOW_SAY, "RELEASE", 0 },
    { "unknown verb", ON_COMMAND, HOW_SAY, "unlockall", 0 },
};

static const struct way ways_root_verbs[] = {
    { "retire_key by command key", ON_COMMAND, HOW_SAY, "retire_key", 0 },
};

static const struct way ways_targets[] = {
    { "no such target", ON_COMMAND, HOW_SAY, "nowhere", 0 },
};

static const struct way ways_arguments[] = {
    { "args", ON_COMMAND, HOW_SAY, "{}", 0 },
    { "args", ON_COMMAND, HOW_SAY, "{\"direction\":\"up\",\"reason\":\"r\"}", 0 },
    { "args", ON_COMMAND, HOW_SAY, "{\"direction\":1,\"reason\":\"r\"}", 0 },
    { "args", ON_COMMAND, HOW_SAY, "{\"direction\":\"entry\",\"reason\":7}", 0 },
};

/* All of them, and the contract's word. */
#define WAYS(list) list, sizeof(list) / sizeof(list[0])
static const struct {
    const char *code;
    const struct way *ways;
    size_t count;
} checks[CHECKS] = {
    [CHECK_SIZE] = { "size", WAYS(ways_sizes) },
    [CHECK_RETAINED] = { "retained", WAYS(ways_retains) },
    [CHECK_FORMAT] = { "format", WAYS(ways_formats) },
    [CHECK_HEADER] = { "header", WAYS(ways_headers) },
    [CHECK_ALG] = { "alg", WAYS(ways_algs) },
    [CHECK_TYP] = { "typ", WAYS(ways_typs) },
    [CHECK_KID] = { "kid", WAYS(ways_kids) },
    [CHECK_RETIRED] = { "retired", WAYS(ways_retired) },
    [CHECK_USE] = { "use", WAYS(ways_uses) },
    [CHECK_SIGNATURE] = { "signature", WAYS(ways_signatures) },
    [CHECK_PAYLOAD] = { "payload", WAYS(ways_payloads) },
    [CHECK_AUDIENCE] = { "audience", WAYS(ways_audiences) },
    [CHECK_CLAIMS] = { "claims", WAYS(ways_claims) },
    [CHECK_GENERATION] = { "generation", WAYS(ways_generations) },
    [CHECK_NONCE] = { "nonce", WAYS(ways_nonces) },
    [CHECK_LIFETIME] = { "lifetime", WAYS(ways_lifetimes) },
    [CHECK_NOT_YET] = { "not_yet", WAYS(ways_futures) },
    [CHECK_EXPIRED] = { "expired", WAYS(ways_pasts) },
    [CHECK_CHALLENGE] = { "challenge", WAYS(ways_challenges) },
    [CHECK_SCOPE] = { "scope", WAYS(ways_scopes) },
    [CHECK_VERB] = { "verb", WAYS(ways_verbs) },
    [CHECK_ROOT_VERB] = { "use", WAYS(ways_root_verbs) },
    [CHECK_TARGET] = { "target", WAYS(ways_targets) },
    [CHECK_ARGS] = { "args", WAYS(ways_arguments) },
};
