/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_nuki_key.c: keys and authenticators against vectors/nuki.json; a whole pairing, byte for byte, by both
 * sides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>

#include "nuki_vectors.h"

/* What a pairing's ten messages are, in their order. */
enum step {
    STEP_REQUEST,
    STEP_LOCK_KEY,
    STEP_CLIENT_KEY,
    STEP_CHALLENGE_1,
    STEP_AUTHENTICATOR,
    STEP_CHALLENGE_2,
    STEP_DATA,
    STEP_ID,
    STEP_CONFIRMATION,
    STEP_COMPLETE,
    STEP_COUNT,
};

static struct nuki_message parsed(struct json_object *pairing, enum step step)
{
    struct vector frame = vector_at(pairing, step, "msg");
    struct nuki_message message;

    assert_int_equal(nuki_frame_open_plain(frame.bytes, frame.len, &message), 0);
    return message;
}

static void assert_frame(struct json_object *pairing, enum step step, const struct nuki_message *message)
{
    struct vector expected = vector_at(pairing, step, "msg");
    uint8_t bytes[NUKI_FRAME_MAX];

    assert_int_equal(nuki_frame_plain(message, bytes), expected.len);
    assert_memory_equal(bytes, expected.bytes, expected.len);
}

/* All of a pairing's messages are made again from what each side has, with this common key. */
static void assert_pairing(struct json_object *pairing, const uint8_t key[static NUKI_KEY_BYTES],
                           const struct nuki_message *data, const struct nuki_message *id)
{
    struct nuki_message lock = parsed(pairing, STEP_LOCK_KEY);
    struct nuki_message client = parsed(pairing, STEP_CLIENT_KEY);
    struct nuki_message challenge_1 = parsed(pairing, STEP_CHALLENGE_1);
    struct nuki_message challenge_2 = parsed(pairing, STEP_CHALLENGE_2);
    struct nuki_message authenticator = { .command = NUKI_COMMAND_AUTHORIZATION_AUTHENTICATOR };
    struct nuki_message confirmation = { .command = NUKI_COMMAND_AUTHORIZATION_ID_CONFIRMATION };
    struct nuki_message made_data = *data, made_id = *id;

    assert_int_equal(json_object_array_length(pairing), STEP_COUNT);
    assert_frame(
        pairing, STEP_REQUEST,
        &(struct nuki_message){ .command = NUKI_COMMAND_REQUEST_DATA, .request = NUKI_COMMAND_PUBLIC_KEY });
    assert_frame(pairing, STEP_LOCK_KEY, &lock);
    assert_frame(pairing, STEP_CLIENT_KEY, &client);
    assert_frame(pairing, STEP_CHALLENGE_1, &challenge_1);
    nuki_key_prove_keys(key, client.public_key, lock.public_key, challenge_1.nonce,
                        authenticator.authenticator);
    assert_frame(pairing, STEP_AUTHENTICATOR, &authenticator);
    assert_frame(pairing, STEP_CHALLENGE_2, &challenge_2);
    nuki_key_prove_data(key, &data->authorization_data, challenge_2.nonce,
                        made_data.authorization_data.authenticator);
    assert_frame(pairing, STEP_DATA, &made_data);
    nuki_key_prove_id(key, &id->authorization_id, data->authorization_data.nonce,
                      made_id.authorization_id.authenticator);
    assert_frame(pairing, STEP_ID, &made_id);
    nuki_key_prove_confirmation(key, id->authorization_id.auth_id, id->authorization_id.nonce,
                                confirmation.confirmation.authenticator);
    confirmation.confirmation.auth_id = id->authorization_id.auth_id;
    assert_frame(pairing, STEP_CONFIRMATION, &confirmation);
    assert_frame(pairing, STEP_COMPLETE,
                 &(struct nuki_message){ .command = NUKI_COMMAND_STATUS, .status = NUKI_STATUS_COMPLETE });
}

static void agree__makers_example__is_its_key(void **state)
{
    struct json_object *row = json_object_array_get_idx(vector_member(*state, "key_agreement"), 0);
    struct vector secret = vector_of(row, "client_sk");
    struct vector lock = vector_of(row, "lock_pk");
    uint8_t key[NUKI_KEY_BYTES];

    nuki_key_public(secret.bytes, key);
    assert_memory_equal(key, vector_of(row, "client_pk").bytes, NUKI_KEY_BYTES);
    assert_int_equal(nuki_key_agree(secret.bytes, lock.bytes, key), 0);
    assert_memory_equal(key, vector_of(row, "hsalsa20_zero_nonce").bytes, NUKI_KEY_BYTES);
}

static void agree__both_sides__come_to_the_same(void **state)
{
    struct json_object *run = vector_member(*state, "synthetic");
    struct vector client = vector_of(run, "client_sk");
    struct vector lock = vector_of(run, "lock_sk");
    uint8_t client_public[NUKI_KEY_BYTES], lock_public[NUKI_KEY_BYTES], key[NUKI_KEY_BYTES];

    nuki_key_public(client.bytes, client_public);
    nuki_key_public(lock.bytes, lock_public);
    assert_memory_equal(client_public, vector_of(run, "client_pk").bytes, NUKI_KEY_BYTES);
    assert_memory_equal(lock_public, vector_of(run, "lock_pk").bytes, NUKI_KEY_BYTES);
    assert_int_equal(nuki_key_agree(client.bytes, lock_public, key), 0);
    assert_memory_equal(key, vector_of(run, "shared").bytes, NUKI_KEY_BYTES);
    assert_int_equal(nuki_key_agree(lock.bytes, client_public, key), 0);
    assert_memory_equal(key, vector_of(run, "shared").bytes, NUKI_KEY_BYTES);
}

static void agree__key_of_small_order__is_refused(void **state)
{
    static const uint8_t small[][NUKI_KEY_BYTES] = { { 0 }, { 1 } };
    uint8_t secret[NUKI_KEY_BYTES] = { 7 }, key[NUKI_KEY_BYTES];

    assert_int_equal(nuki_key_agree(secret, small[0], key), -EBADMSG);
    assert_int_equal(nuki_key_agree(secret, small[1], key), -EBADMSG);
}

static void pairing__makers_example__is_made_again(void **state)
{
    struct json_object *pairing = vector_member(*state, "pairing_classic_gdio_a92ee101_plain");
    struct json_object *row = json_object_array_get_idx(vector_member(*state, "key_agreement"), 0);
    struct json_object *id_row = json_object_array_get_idx(pairing, STEP_ID);
    struct nuki_message data = { .command = NUKI_COMMAND_AUTHORIZATION_DATA,
                                 .authorization_data = { .id_type = NUKI_ID_TYPE_APP,
                                                         .name = "Marc (Test)" } };
    struct nuki_message id = { .command = NUKI_COMMAND_AUTHORIZATION_ID };

    memcpy(data.authorization_data.nonce, vector_at(pairing, STEP_DATA, "nonceABF").bytes, NUKI_NONCE_BYTES);
    id.authorization_id.auth_id = vector_number(id_row, "auth_id");
    memcpy(id.authorization_id.uuid, vector_of(id_row, "uuid").bytes, NUKI_UUID_BYTES);
    memcpy(id.authorization_id.nonce, vector_of(id_row, "nonceK").bytes, NUKI_NONCE_BYTES);
    assert_pairing(pairing, vector_of(row, "hsalsa20_zero_nonce").bytes, &data, &id);
}

static void pairing__as_bridge_with_both_secrets__is_made_again(void **state)
{
    struct json_object *run = vector_member(*state, "synthetic");
    struct json_object *pairing = vector_member(run, "pairing");
    struct nuki_message data = { .command = NUKI_COMMAND_AUTHORIZATION_DATA,
                                 .authorization_data = { .id_type = NUKI_ID_TYPE_BRIDGE,
                                                         .app_id = vector_number(run, "app_id"),
                                                         .name = "stile front" } };
    struct nuki_message id = { .command = NUKI_COMMAND_AUTHORIZATION_ID,
                               .authorization_id = { .auth_id = vector_number(run, "auth_id") } };

    memcpy(data.authorization_data.nonce, vector_of(run, "client_nonce").bytes, NUKI_NONCE_BYTES);
    memcpy(id.authorization_id.uuid, vector_of(run, "uuid").bytes, NUKI_UUID_BYTES);
    memcpy(id.authorization_id.nonce, vector_of(run, "lock_nonce").bytes, NUKI_NONCE_BYTES);
    assert_memory_equal(parsed(pairing, STEP_LOCK_KEY).public_key, vector_of(run, "lock_pk").bytes,
                        NUKI_KEY_BYTES);
    assert_memory_equal(parsed(pairing, STEP_CHALLENGE_2).nonce, vector_of(run, "challenge_2").bytes,
                        NUKI_NONCE_BYTES);
    assert_pairing(pairing, vector_of(run, "shared").bytes, &data, &id);
}

static void equal__one_bit_differs__is_not(void **state)
{
    uint8_t a[NUKI_KEY_BYTES] = { 1, 2, 3 }, b[NUKI_KEY_BYTES] = { 1, 2, 3 };

    assert_true(nuki_key_equal(a, b));
    b[NUKI_KEY_BYTES - 1] ^= 0x80;
    assert_false(nuki_key_equal(a, b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agree__makers_example__is_its_key),
        cmocka_unit_test(agree__both_sides__come_to_the_same),
        cmocka_unit_test(agree__key_of_small_order__is_refused),
        cmocka_unit_test(pairing__makers_example__is_made_again),
        cmocka_unit_test(pairing__as_bridge_with_both_secrets__is_made_again),
        cmocka_unit_test(equal__one_bit_differs__is_not),
    };

    return cmocka_run_group_tests_name("nuki_key", tests, vectors_open, vectors_close);
}
