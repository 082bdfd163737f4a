/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signed messages: the published vector, and each way to be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <string.h>

#include "proto/encode.h"
#include "proto/jws.h"

#define TYP     "stile-desired+jws"
#define PAYLOAD "{\"aud\":\"hub/gw1\"}"

/* RFC 8037, appendix A.1. */
#define RFC_SEED   "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
#define RFC_PUBLIC "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"

static void decode(const char *b64, uint8_t ret[static KEY_PUBLIC_BYTES])
{
    size_t len;

    assert_int_equal(b64_decode(b64, strlen(b64), ret, KEY_PUBLIC_BYTES, &len), 0);
    assert_int_equal(len, KEY_PUBLIC_BYTES);
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
    uint8_t seed[KEY_SEED_BYTES];
    uint8_t public_key[KEY_PUBLIC_BYTES];
    uint8_t other[KEY_PUBLIC_BYTES];
    const struct jws_signer signer = { "pol-1", seed };
    char payload[64];
    struct jws jws;
    size_t len;

    decode(RFC_SEED, seed);
    decode(RFC_PUBLIC, public_key);
    assert_int_equal(jws_sign(&text, &signer, TYP, PAYLOAD, strlen(PAYLOAD)), 0);
    assert_int_equal(jws_parse(text.data, text.len, TYP, &jws), 0);
    assert_string_equal(jws.kid, "pol-1");
    assert_int_equal(jws_verify(&jws, public_key), 0);
    assert_int_equal(jws_decode(&jws, payload, sizeof(payload), &len), 0);
    assert_int_equal(len, strlen(PAYLOAD));
    assert_string_equal(payload, PAYLOAD);
    key_generate(seed, other);
    assert_int_equal(jws_verify(&jws, other), JWS_E_SIGNATURE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jws_verify__vector_of_rfc_8037__holds),
        cmocka_unit_test(jws_sign__message__is_opened_by_its_key_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
