/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signed messages: the published vector, and each way to be refused. */
#include "tests/unit/jws_fixture.h"

#define TYP     "stile-desired+jws"
#define HEADER  "{\"alg\":\"EdDSA\",\"kid\":\"pol-1\",\"typ\":\"" TYP "\"}"
#define PAYLOAD "{\"aud\":\"hub/gw1\"}"
#define SEED    7

/* RFC 8037, appendix A.1. */
#define RFC_SEED   "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
#define RFC_PUBLIC "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"

#define A16 "AAAAAAAAAAAAAAAA"
#define A64 A16 A16 A16 A16

static void decode(const char *b64, uint8_t ret[static KEY_PUBLIC_BYTES])
{
    size_t len;

    assert_int_equal(b64_decode(b64, strlen(b64), ret, KEY_PUBLIC_BYTES, &len), 0);
    assert_int_equal(len, KEY_PUBLIC_BYTES);
}

static void public_of(uint8_t seed, uint8_t ret_public[static KEY_PUBLIC_BYTES])
{
    key_derive(seed_of(seed).bytes, ret_public);
}

/* All steps: 0, or the error of the first that refuses. */
static int open_message(const char *bytes, size_t len, const uint8_t public_key[static KEY_PUBLIC_BYTES])
{
    char payload[4096];
    struct jws jws;
    size_t payload_len;
    int r = jws_parse(bytes, len, TYP, &jws);

    if (r == 0)
        r = jws_verify(&jws, public_key);
    if (r == 0)
        r = jws_decode(&jws, payload, sizeof(payload), &payload_len);
    return r;
}

static void jws_verify__vector_of_rfc_8037__holds(void **state)
{
    static const char input[] = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    static const char signature[] =
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    const struct jws jws = {
        .input = input, .input_len = strlen(input), .signature = signature, .signature_len = strlen(signature)
    };
    uint8_t seed[KEY_SEED_BYTES];
    uint8_t expected[KEY_PUBLIC_BYTES];
    uint8_t public_key[KEY_PUBLIC_BYTES];

    decode(RFC_SEED, seed);
    decode(RFC_PUBLIC, expected);
    key_derive(seed, public_key);
    assert_memory_equal(public_key, expected, sizeof(expected));
    assert_int_equal(jws_verify(&jws, public_key), 0);
}

static void jws_sign__message__is_opened_by_its_key_alone(void **state)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    const struct seed seed = seed_of(SEED);
    const struct jws_signer signer = { "pol-1", seed.bytes };
    uint8_t public_key[KEY_PUBLIC_BYTES];
    char payload[64];
    struct jws jws;
    size_t len;

    public_of(SEED, public_key);
    assert_int_equal(jws_sign(&text, &signer, TYP, PAYLOAD, strlen(PAYLOAD)), 0);
    assert_int_equal(jws_parse(text.data, text.len, TYP, &jws), 0);
    assert_string_equal(jws.kid, "pol-1");
    assert_int_equal(jws_verify(&jws, public_key), 0);
    assert_int_equal(jws_decode(&jws, payload, sizeof(payload), &len), 0);
    assert_int_equal(len, strlen(PAYLOAD));
    assert_string_equal(payload, PAYLOAD);
    public_of(SEED + 1, public_key);
    assert_int_equal(jws_verify(&jws, public_key), JWS_E_SIGNATURE);
}

/* Both names of the algorithm, and members in any order. */
static void jws_parse__headers_of_the_contract__are_taken(void **state)
{
    static const char *const good[] = {
        HEADER,
        "{\"alg\":\"Ed25519\",\"kid\":\"pol-1\",\"typ\":\"" TYP "\"}",
        "{ \"typ\": \"" TYP "\", \"kid\": \"pol-1\", \"alg\": \"EdDSA\" }",
    };
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    uint8_t public_key[KEY_PUBLIC_BYTES];

    public_of(SEED, public_key);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        craft(&text, good[i], PAYLOAD, SEED);
        assert_int_equal(open_message(text.data, text.len, public_key), 0);
    }
}

/* Each is signed by the right key. */
static void jws_parse__other_headers__each_by_its_code(void **state)
{
    static const struct {
        const char *header;
        enum jws_error error;
    } rows[] = {
        { "", JWS_E_HEADER },
        { "{}", JWS_E_HEADER },
        { "[]", JWS_E_HEADER },
        { HEADER " x", JWS_E_HEADER },
        { "{\"alg\":\"EdDSA\",\"kid\":\"pol-1\"}", JWS_E_HEADER },
        { "{\"alg\":\"EdDSA\",\"typ\":\"" TYP "\"}", JWS_E_HEADER },
        { "{\"kid\":\"pol-1\",\"typ\":\"" TYP "\"}", JWS_E_HEADER },
        { "{\"alg\":null,\"kid\":\"pol-1\",\"typ\":\"" TYP "\"}", JWS_E_HEADER },
        { "{\"alg\":\"EdDSA\",\"kid\":7,\"typ\":\"" TYP "\"}", JWS_E_HEADER },
        { "{\"alg\":\"EdDSA\",\"alg\":\"EdDSA\",\"kid\":\"pol-1\",\"typ\":\"" TYP "\"}", JWS_E_HEADER },
        { "{\"alg\":\"EdDSA\",\"kid\":\"pol-1\",\"typ\":\"" TYP "\",\"cty\":\"json\"}", JWS_E_HEADER },
        { "{\"alg\":\"EdDSA\",\"kid\":\"pol-1\",\"typ\":\"" TYP "\",\"crit\":[\"b64\"],\"b64\":false}",
          JWS_E_HEADER },
        { "{\"alg\":\"EdDSA\",\"kid\":\"pol\\u0000\",\"typ\":\"" TYP "\"}", JWS_E_HEADER },
        { "{\"alg\":\"EdDSA\",\"kid\":\"" A64 A64 A64 A64 A64 A64 A64 A64 "\",\"typ\":\"" TYP "\"}",
          JWS_E_HEADER }, /* too long */
        { "{\"alg\":\"none\",\"kid\":\"pol-1\",\"typ\":\"" TYP "\"}", JWS_E_ALG },
        { "{\"alg\":\"HS256\",\"kid\":\"pol-1\",\"typ\":\"" TYP "\"}", JWS_E_ALG },
        { "{\"alg\":\"eddsa\",\"kid\":\"pol-1\",\"typ\":\"" TYP "\"}", JWS_E_ALG },
        { "{\"alg\":\"Ed448\",\"kid\":\"pol-1\",\"typ\":\"" TYP "\"}", JWS_E_ALG },
        { "{\"alg\":\"\",\"kid\":\"pol-1\",\"typ\":\"\"}", JWS_E_ALG },
        { "{\"alg\":\"EdDSA\",\"kid\":\"pol-1\",\"typ\":\"stile-delta+jws\"}", JWS_E_TYP },
        { "{\"alg\":\"EdDSA\",\"kid\":\"pol-1\",\"typ\":\"STILE-DESIRED+JWS\"}", JWS_E_TYP },
        { "{\"alg\":\"EdDSA\",\"kid\":\"pol-1\",\"typ\":\"\"}", JWS_E_TYP },
    };
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    uint8_t public_key[KEY_PUBLIC_BYTES];

    public_of(SEED, public_key);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        craft(&text, rows[i].header, PAYLOAD, SEED);
        assert_int_equal(open_message(text.data, text.len, public_key), rows[i].error);
    }
}

static void jws_parse__kid_that_is_no_id__is_nobody_s(void **state)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    struct jws jws;

    craft(&text, "{\"alg\":\"EdDSA\",\"kid\":\"../pol-1\",\"typ\":\"" TYP "\"}", PAYLOAD, SEED);
    assert_int_equal(jws_parse(text.data, text.len, TYP, &jws), 0);
    assert_string_equal(jws.kid, "");
}

static void jws_parse__no_three_parts__is_no_jws(void **state)
{
    static const char *const bad[] = {
        "", ".", "..", "a.b", "a.b.c.d", "{}", "a.b.c\n", " a.b.c", "a.b=.c", "a+.b.c", "a/.b.c", "a.b.c,",
    };
    struct jws jws;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(jws_parse(bad[i], strlen(bad[i]), TYP, &jws),
                         strcmp(bad[i], "..") == 0 ? JWS_E_HEADER : JWS_E_FORMAT);
    assert_int_equal(jws_parse("a.b\0.c", 6, TYP, &jws), JWS_E_FORMAT);
}

/* Whatever bit of a message is another one, it is refused. */
static void jws__any_bit_flipped__is_refused(void **state)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    uint8_t public_key[KEY_PUBLIC_BYTES];

    public_of(SEED, public_key);
    craft(&text, HEADER, PAYLOAD, SEED);
    for (size_t bit = 0; bit < 8 * text.len; bit++) {
        text.data[bit / 8] ^= (char)(1 << bit % 8);
        assert_true(open_message(text.data, text.len, public_key) > 0);
        text.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    assert_int_equal(open_message(text.data, text.len, public_key), 0);
    for (size_t len = 0; len < text.len; len++)
        assert_true(open_message(text.data, len, public_key) > 0);
}

/* Puts other bytes in the place of a crafted message's signature. */
static void replace_signature(struct text *text, const uint8_t *signature, size_t len)
{
    text->len = (size_t)(strrchr(text->data, '.') + 1 - text->data);
    text->data[text->len] = '\0';
    add_b64(text, signature, len);
}

/* S + L signs the same to those who do not look: RFC 8032, 5.1.7. */
static void jws_verify__S_not_below_the_order__is_refused(void **state)
{
    static const uint8_t order[32] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                                       0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10 };
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    uint8_t public_key[KEY_PUBLIC_BYTES];
    uint8_t signature[crypto_sign_BYTES + 2];
    struct jws jws;
    size_t len;
    unsigned carry = 0;

    public_of(SEED, public_key);
    craft(&text, HEADER, PAYLOAD, SEED);
    assert_int_equal(jws_parse(text.data, text.len, TYP, &jws), 0);
    assert_int_equal(b64_decode(jws.signature, jws.signature_len, signature, crypto_sign_BYTES, &len), 0);
    for (size_t i = 0; i < sizeof(order); i++) {
        carry += signature[32 + i] + order[i];
        signature[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    assert_int_equal(carry, 0);
    replace_signature(&text, signature, crypto_sign_BYTES);
    assert_int_equal(open_message(text.data, text.len, public_key), JWS_E_SIGNATURE);
}

/* Also where the rest of the right one still lies about from the message before. */
static void jws_verify__other_lengths__are_refused(void **state)
{
    cleanup_with(text_finish) struct text good = TEXT_INIT;
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    uint8_t public_key[KEY_PUBLIC_BYTES];
    uint8_t signature[crypto_sign_BYTES + 3] = { 0 };
    struct jws jws;
    size_t right;

    public_of(SEED, public_key);
    craft(&good, HEADER, PAYLOAD, SEED);
    craft(&text, HEADER, PAYLOAD, SEED);
    assert_int_equal(jws_parse(good.data, good.len, TYP, &jws), 0);
    assert_int_equal(b64_decode(jws.signature, jws.signature_len, signature, sizeof(signature), &right), 0);
    for (size_t len = 0; len <= sizeof(signature); len++) {
        struct jws other;

        replace_signature(&text, signature, len);
        assert_int_equal(jws_parse(text.data, text.len, TYP, &other), 0);
        assert_int_equal(jws_verify(&jws, public_key), 0);
        int r = jws_verify(&other, public_key);

        assert_int_equal(r, len == right ? 0 : JWS_E_SIGNATURE);
    }
}

/* With a point of small order as key, R such a point, and S zero, anybody signs anything. */
static void jws_verify__points_of_small_order__sign_nothing(void **state)
{
    static const char *const points[] = {
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* not canonical */
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    size_t count = sizeof(points) / sizeof(points[0]);

    craft(&text, HEADER, PAYLOAD, SEED);
    for (size_t i = 0; i < count * count; i++) {
        uint8_t public_key[KEY_PUBLIC_BYTES];
        uint8_t signature[crypto_sign_BYTES] = { 0 };

        assert_int_equal(hex_decode(points[i / count], public_key, sizeof(public_key)), 0);
        assert_int_equal(hex_decode(points[i % count], signature, 32), 0);
        replace_signature(&text, signature, sizeof(signature));
        assert_int_equal(open_message(text.data, text.len, public_key), JWS_E_SIGNATURE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jws_verify__vector_of_rfc_8037__holds),
        cmocka_unit_test(jws_sign__message__is_opened_by_its_key_alone),
        cmocka_unit_test(jws_parse__headers_of_the_contract__are_taken),
        cmocka_unit_test(jws_parse__other_headers__each_by_its_code),
        cmocka_unit_test(jws_parse__kid_that_is_no_id__is_nobody_s),
        cmocka_unit_test(jws_parse__no_three_parts__is_no_jws),
        cmocka_unit_test(jws__any_bit_flipped__is_refused),
        cmocka_unit_test(jws_verify__S_not_below_the_order__is_refused),
        cmocka_unit_test(jws_verify__other_lengths__are_refused),
        cmocka_unit_test(jws_verify__points_of_small_order__sign_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
