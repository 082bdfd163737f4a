/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the simulated lock answers: to a client that does as it should, and to one that does not. */
#include "lock_fixture.h"
#include "nuki_vectors.h"

static const uint8_t secret_key[NUKI_KEY_BYTES] = { 9, 8, 7 };

/* --- the maker's examples --- */

/* The lock of the API's examples: its client has number 2, and its next challenge is the example's. */
static struct client *example_lock(void **state, struct json_object *vectors, size_t challenge_row)
{
    struct client *client = *state;
    struct vector key = vector_of(json_object_array_get_idx(vector_member(vectors, "key_agreement"), 0),
                                  "hsalsa20_zero_nonce");
    struct vector inner =
        vector_at(vector_member(vectors, "encrypted_usdio_a92ee202"), challenge_row, "plaintext");

    memcpy(client->access.key, key.bytes, NUKI_KEY_BYTES);
    assert_int_equal(lock_talk_authorize(&client->device.talk, &client->access, NUKI_ID_TYPE_BRIDGE, ""), 0);
    client_ready(client);
    client->device.talk.challenged = true;
    memcpy(client->device.talk.challenge, inner.bytes + 6, NUKI_NONCE_BYTES);
    return client;
}

static void write_vector(struct client *client, struct json_object *vectors, size_t row)
{
    struct vector wire = vector_at(vector_member(vectors, "encrypted_usdio_a92ee202"), row, "wire");

    client_write(client, lock_gatt_handle(&client->device.gatt, LOCK_IO_SECRET), wire.bytes, wire.len);
}

static void examples__of_the_maker__obeyed_once(void **state)
{
    void *vectors;

    assert_int_equal(vectors_open(&vectors), 0);
    struct client *client = example_lock(state, vectors, 3);

    write_vector(client, vectors, 0);
    client_hears_state(client, NUKI_LOCK_STATE_LOCKED);
    write_vector(client, vectors, 4);
    client_hears_status(client, NUKI_STATUS_ACCEPTED);
    client_hears_state(client, NUKI_LOCK_STATE_UNLOCKING);
    write_vector(client, vectors, 0); /* its nonce is old now */
    client_hears_error(client, NUKI_CODE_K_BAD_NONCE, NUKI_COMMAND_REQUEST_DATA);
    assert_int_equal(client->device.talk.counts.nonces, 1);
    vectors_close(&vectors);
}

/* --- pairing --- */

static void press(struct client *client)
{
    client_ready(client);
    lock_talk_press(&client->device.talk, client->now_us);
}

/* Agrees on a key; returns the lock's first challenge. */
static struct nuki_message exchange_keys(struct client *client, uint8_t ret_lock[static NUKI_KEY_BYTES],
                                         uint8_t ret_client[static NUKI_KEY_BYTES])
{
    struct nuki_message message = { .command = NUKI_COMMAND_REQUEST_DATA,
                                    .request = NUKI_COMMAND_PUBLIC_KEY };

    client_say_plain(client, &message);
    message = client_hear_plain(client, LOCK_IO_PAIRING);
    assert_int_equal(message.command, NUKI_COMMAND_PUBLIC_KEY);
    memcpy(ret_lock, message.public_key, NUKI_KEY_BYTES);
    assert_int_equal(nuki_key_agree(secret_key, ret_lock, client->access.key), 0);
    nuki_key_public(secret_key, ret_client);
    memcpy(message.public_key, ret_client, NUKI_KEY_BYTES);
    client_say_plain(client, &message);
    return client_hear_plain(client, LOCK_IO_PAIRING);
}

/* The same, and proves it; returns the second challenge. */
static struct nuki_message prove_keys(struct client *client)
{
    uint8_t lock[NUKI_KEY_BYTES], own[NUKI_KEY_BYTES];
    struct nuki_message challenge = exchange_keys(client, lock, own);
    struct nuki_message proof = { .command = NUKI_COMMAND_AUTHORIZATION_AUTHENTICATOR };

    nuki_key_prove_keys(client->access.key, own, lock, challenge.nonce, proof.authenticator);
    client_say_plain(client, &proof);
    return client_hear_plain(client, LOCK_IO_PAIRING);
}

static void say_data(struct client *client, const struct nuki_message *challenge)
{
    struct nuki_message message = {
        .command = NUKI_COMMAND_AUTHORIZATION_DATA,
        .authorization_data = { .id_type = NUKI_ID_TYPE_BRIDGE, .name = "stile", .nonce = { 5 } },
    };

    nuki_key_prove_data(client->access.key, &message.authorization_data, challenge->nonce,
                        message.authorization_data.authenticator);
    client_say_plain(client, &message);
}

static void pairing__done_right__is_obeyed(void **state)
{
    struct client *client = *state;
    struct nuki_message confirmation = { .command = NUKI_COMMAND_AUTHORIZATION_ID_CONFIRMATION };
    uint8_t mac[NUKI_MAC_BYTES];

    press(client);
    const struct nuki_message challenge = prove_keys(client);

    say_data(client, &challenge);
    const struct nuki_message id = client_hear_plain(client, LOCK_IO_PAIRING);

    assert_int_equal(id.command, NUKI_COMMAND_AUTHORIZATION_ID);
    nuki_key_prove_id(client->access.key, &id.authorization_id, (const uint8_t[NUKI_NONCE_BYTES]){ 5 }, mac);
    assert_memory_equal(mac, id.authorization_id.authenticator, NUKI_MAC_BYTES);
    client->access.auth_id = confirmation.confirmation.auth_id = id.authorization_id.auth_id;
    assert_int_equal(client->access.auth_id, 3);
    nuki_key_prove_confirmation(client->access.key, client->access.auth_id, id.authorization_id.nonce,
                                confirmation.confirmation.authenticator);
    client_say_plain(client, &confirmation);
    assert_int_equal(client_hear_plain(client, LOCK_IO_PAIRING).status, NUKI_STATUS_COMPLETE);
    client_act(client, NUKI_ACTION_UNLOCK);
    client_hears_status(client, NUKI_STATUS_ACCEPTED);
}

static void assert_refused_plain(struct client *client, enum nuki_code code)
{
    const struct nuki_message message = client_hear_plain(client, LOCK_IO_PAIRING);

    assert_int_equal(message.command, NUKI_COMMAND_ERROR_REPORT);
    assert_int_equal(message.error_report.code, code);
}

static void pairing__without_the_button_or_too_late__refused(void **state)
{
    struct client *client = *state;
    const struct nuki_message request = { .command = NUKI_COMMAND_REQUEST_DATA,
                                          .request = NUKI_COMMAND_PUBLIC_KEY };

    client_ready(client);
    client_say_plain(client, &request);
    assert_refused_plain(client, NUKI_CODE_P_NOT_PAIRING);
    lock_talk_press(&client->device.talk, client->now_us);
    client_wait(client, LOCK_PAIRING_MS);
    client_say_plain(client, &request);
    assert_refused_plain(client, NUKI_CODE_P_NOT_PAIRING);
}

static void pairing__wrong_authenticator__begins_anew(void **state)
{
    struct client *client = *state;
    struct nuki_message wrong = { .command = NUKI_COMMAND_AUTHORIZATION_AUTHENTICATOR };
    uint8_t lock[NUKI_KEY_BYTES], own[NUKI_KEY_BYTES];

    press(client);
    exchange_keys(client, lock, own);
    client_say_plain(client, &wrong);
    assert_refused_plain(client, NUKI_CODE_P_BAD_AUTHENTICATOR);
    say_data(client, &wrong);
    assert_refused_plain(client, NUKI_CODE_P_BAD_PARAMETER); /* a public key is expected */
    const struct nuki_message challenge = prove_keys(client);

    client->access.key[0] ^= 1;
    say_data(client, &challenge);
    assert_refused_plain(client, NUKI_CODE_P_BAD_AUTHENTICATOR);
    assert_int_equal(client->device.talk.counts.pairings, 3);
}

static void pairing__wrong_confirmation__is_not_paired(void **state)
{
    struct client *client = *state;
    const struct nuki_message confirmation = { .command = NUKI_COMMAND_AUTHORIZATION_ID_CONFIRMATION,
                                               .confirmation = { .auth_id = 3 } };

    press(client);
    const struct nuki_message challenge = prove_keys(client);

    say_data(client, &challenge);
    assert_int_equal(client_hear_plain(client, LOCK_IO_PAIRING).command, NUKI_COMMAND_AUTHORIZATION_ID);
    client_say_plain(client, &confirmation);
    assert_refused_plain(client, NUKI_CODE_P_BAD_AUTHENTICATOR);
    assert_int_equal(client->device.talk.auths[1].access.auth_id, 0);
}

static void pairing__no_place_free__refused(void **state)
{
    struct client *client = *state;

    for (uint32_t id = 3; id < 2 + LOCK_AUTHS_MAX; id++)
        assert_int_equal(lock_talk_authorize(&client->device.talk, &(struct nuki_access){ .auth_id = id },
                                             NUKI_ID_TYPE_APP, ""),
                         0);
    press(client);
    const struct nuki_message challenge = prove_keys(client);

    say_data(client, &challenge);
    assert_refused_plain(client, NUKI_CODE_P_MAX_USER);
}

/* --- actions --- */

static void action__challenged__accepted_moves_completes(void **state)
{
    struct client *client = *state;

    client_ready(client);
    client_act(client, NUKI_ACTION_UNLATCH);
    client_hears_status(client, NUKI_STATUS_ACCEPTED);
    client_hears_state(client, NUKI_LOCK_STATE_UNLATCHING);
    client_wait(client, LOCK_MOTOR_MS);
    client_hears_state(client, NUKI_LOCK_STATE_UNLATCHED);
    client_hears_status(client, NUKI_STATUS_COMPLETE);
    client_wait(client, LOCK_LATCH_MS);
    assert_true(client_waits(client));
    assert_true(client_read(client, "moved unlocked"));
}

static void action__without_a_fresh_challenge__refused(void **state)
{
    struct client *client = *state;
    struct nuki_message message = client_action(NUKI_ACTION_UNLOCK);

    client_ready(client);
    client_say(client, &message);
    client_hears_error(client, NUKI_CODE_K_BAD_NONCE, NUKI_COMMAND_LOCK_ACTION);
    client_challenge(client, message.lock_action.nonce);
    client->device.talk.refusal = NUKI_CODE_K_BUSY;
    client->device.talk.refusals = 1;
    client_say(client, &message);
    client_hears_error(client, NUKI_CODE_K_BUSY, NUKI_COMMAND_LOCK_ACTION);
    client_say(client, &message); /* a challenge counts once */
    client_hears_error(client, NUKI_CODE_K_BAD_NONCE, NUKI_COMMAND_LOCK_ACTION);
    client_challenge(client, message.lock_action.nonce);
    lock_device_disconnect(&client->device, client->now_us);
    lock_device_connect(&client->device, client->now_us);
    client_ready(client);
    client_say(client, &message); /* and only in its connection */
    client_hears_error(client, NUKI_CODE_K_BAD_NONCE, NUKI_COMMAND_LOCK_ACTION);
    assert_int_equal(client->device.talk.counts.challenges, 3);
    assert_int_equal(client->device.talk.lock.state, NUKI_LOCK_STATE_LOCKED);
}

static void action__motor_blocked__error_instead_of_complete(void **state)
{
    struct client *client = *state;

    client_ready(client);
    client->device.talk.lock.jams = 1;
    client_act(client, NUKI_ACTION_UNLOCK);
    client_hears_status(client, NUKI_STATUS_ACCEPTED);
    client_hears_state(client, NUKI_LOCK_STATE_UNLOCKING);
    client_wait(client, LOCK_MOTOR_MS);
    client_hears_state(client, NUKI_LOCK_STATE_MOTOR_BLOCKED);
    client_hears_error(client, NUKI_CODE_K_MOTOR_BLOCKED, NUKI_COMMAND_LOCK_ACTION);
}

static void action__while_moving__busy(void **state)
{
    struct client *client = *state;

    client_ready(client);
    client_act(client, NUKI_ACTION_UNLOCK);
    client_hears_status(client, NUKI_STATUS_ACCEPTED);
    client_hears_state(client, NUKI_LOCK_STATE_UNLOCKING);
    client_act(client, NUKI_ACTION_LOCK);
    client_hears_error(client, NUKI_CODE_K_BUSY, NUKI_COMMAND_LOCK_ACTION);
    client_wait(client, LOCK_MOTOR_MS);
    client_hears_state(client, NUKI_LOCK_STATE_UNLOCKED);
}

/* --- states, time, log --- */

static void states__read__only_a_bridge_quiets_the_beacon(void **state)
{
    struct client *client = *state;

    client_ready(client);
    client->device.talk.lock.changed = true;
    client->device.talk.auths[0].id_type = NUKI_ID_TYPE_APP;
    client_ask(client, NUKI_COMMAND_KEYTURNER_STATES);
    client_hears_state(client, NUKI_LOCK_STATE_LOCKED);
    assert_true(client->device.talk.lock.changed);
    client->device.talk.auths[0].id_type = NUKI_ID_TYPE_BRIDGE;
    client->device.talk.states_size = NUKI_STATES_BYTES_2016;
    client_ask(client, NUKI_COMMAND_KEYTURNER_STATES);
    assert_int_equal(client_hear(client).states.size, NUKI_STATES_BYTES_2016);
    assert_false(client->device.talk.lock.changed);
}

static void request__of_what_there_is_not__refused(void **state)
{
    struct client *client = *state;

    client_ready(client);
    client_ask(client, NUKI_COMMAND_LOG_ENTRY);
    client_hears_error(client, NUKI_CODE_K_BAD_PARAMETER, NUKI_COMMAND_REQUEST_DATA);
    client_say(client, &(struct nuki_message){ .command = NUKI_COMMAND_STATUS });
    client_hears_error(client, NUKI_CODE_UNKNOWN, NUKI_COMMAND_STATUS);
}

static void config__asked_for__tells_number_and_name(void **state)
{
    struct client *client = *state;
    struct nuki_message message = { .command = NUKI_COMMAND_REQUEST_CONFIG };

    client_ready(client);
    client_challenge(client, message.nonce);
    client_say(client, &message);
    message = client_hear(client);
    assert_int_equal(message.config.nuki_id, LOCK_ID);
    assert_string_equal(message.config.name, "Nuki_0A0B0C0D");
}

static void clock__set_with_the_pin__is_set(void **state)
{
    struct client *client = *state;
    struct nuki_message message = { .command = NUKI_COMMAND_UPDATE_TIME,
                                    .update_time = { .time = { 2027, 1, 2, 3, 4, 5 }, .pin = LOCK_PIN } };

    client_ready(client);
    client_challenge(client, message.update_time.nonce);
    client_say(client, &message);
    client_hears_status(client, NUKI_STATUS_COMPLETE);
    assert_int_equal(lock_time(&client->device.talk.lock, client->now_us),
                     nuki_time_seconds(&message.update_time.time));
    message.update_time.time.month = 13;
    client_challenge(client, message.update_time.nonce);
    client_say(client, &message);
    client_hears_error(client, NUKI_CODE_K_BAD_PARAMETER, NUKI_COMMAND_UPDATE_TIME);
}

static void say_log_request(struct client *client, struct nuki_request_log request)
{
    struct nuki_message message = { .command = NUKI_COMMAND_REQUEST_LOG_ENTRIES, .request_log = request };

    client_challenge(client, message.request_log.nonce);
    client_say(client, &message);
}

static void pin__wrong_three_times__not_even_the_right_one(void **state)
{
    struct client *client = *state;
    const struct nuki_request_log wrong = { .pin = LOCK_PIN + 1 }, right = { .pin = LOCK_PIN };

    client_ready(client);
    for (int i = 0; i < LOCK_PIN_TRIES_MAX; i++) {
        say_log_request(client, wrong);
        client_hears_error(client, NUKI_CODE_K_BAD_PIN, NUKI_COMMAND_REQUEST_LOG_ENTRIES);
    }
    say_log_request(client, right);
    client_hears_error(client, NUKI_CODE_K_TOO_MANY_PIN_ATTEMPTS, NUKI_COMMAND_REQUEST_LOG_ENTRIES);
    lock_device_reboot(&client->device, client->now_us);
    client_wait(client, 0);
    lock_device_disconnect(&client->device, client->now_us);
    lock_device_connect(&client->device, client->now_us);
    client_ready(client);
    say_log_request(client, right);
    client_hears_status(client, NUKI_STATUS_COMPLETE);
}

static void assert_entries(struct client *client, struct nuki_request_log request, const uint32_t wanted[])
{
    say_log_request(client, request);
    if (request.total) {
        const struct nuki_message count = client_hear(client);

        assert_int_equal(count.command, NUKI_COMMAND_LOG_ENTRY_COUNT);
        assert_int_equal(count.log_count.count, 4);
    }
    for (; *wanted; wanted++)
        assert_int_equal(client_hear(client).log_entry.index, *wanted);
    client_hears_status(client, NUKI_STATUS_COMPLETE);
}

static void log__asked_for__in_either_order_beyond_a_start(void **state)
{
    struct client *client = *state;

    client_ready(client);
    assert_entries(client, (struct nuki_request_log){ .count = 9, .pin = LOCK_PIN }, (const uint32_t[]){ 0 });
    for (int i = 0; i < 4; i++)
        lock_set_door(&client->device.talk.lock, client->now_us, NUKI_DOOR_SENSOR_OPENED);
    assert_entries(client, (struct nuki_request_log){ .count = 9, .total = 1, .pin = LOCK_PIN },
                   (const uint32_t[]){ 1, 2, 3, 4, 0 });
    assert_entries(client, (struct nuki_request_log){ .start = 2, .count = 1, .pin = LOCK_PIN },
                   (const uint32_t[]){ 3, 0 });
    assert_entries(client,
                   (struct nuki_request_log){ .start = 3, .count = 9, .descending = 1, .pin = LOCK_PIN },
                   (const uint32_t[]){ 2, 1, 0 });
    assert_entries(client, (struct nuki_request_log){ .count = 2, .descending = 1, .pin = LOCK_PIN },
                   (const uint32_t[]){ 4, 3, 0 });
}

/* --- frames that are none --- */

static void write_secret(struct client *client, const uint8_t *frame, size_t len)
{
    client_write(client, lock_gatt_handle(&client->device.gatt, LOCK_IO_SECRET), frame, len);
}

static void frame__of_a_stranger__refused_in_the_open(void **state)
{
    struct client *client = *state;
    const struct nuki_message message = { .command = NUKI_COMMAND_REQUEST_DATA,
                                          .request = NUKI_COMMAND_KEYTURNER_STATES };
    const struct nuki_access stranger = { .auth_id = 99 };
    uint8_t frame[NUKI_FRAME_MAX];
    size_t len = nuki_frame_seal(&stranger, (const uint8_t[NUKI_FRAME_NONCE_BYTES]){ 0 }, &message, frame);

    client_ready(client);
    write_secret(client, frame, len);
    assert_int_equal(client_hear_plain(client, LOCK_IO_PLAIN).error_report.code, NUKI_CODE_K_NOT_AUTHORIZED);
    len = nuki_frame_seal(&client->access, (const uint8_t[NUKI_FRAME_NONCE_BYTES]){ 0 }, &message, frame);
    frame[len - 1] ^= 1;
    write_secret(client, frame, len);
    assert_int_equal(client_hear_plain(client, LOCK_IO_PLAIN).error_report.code, NUKI_CODE_K_NOT_AUTHORIZED);
    assert_int_equal(client->device.talk.counts.frames, 2);
}

static void frame__wrong_inside__refused_in_secret(void **state)
{
    struct client *client = *state;
    const uint8_t bad_crc[] = { 2, 0, 0, 0, 1, 0, 12, 0, 0, 0 };
    uint8_t frame[NUKI_FRAME_MAX];
    size_t len = nuki_frame_box(&client->access, (const uint8_t[NUKI_FRAME_NONCE_BYTES]){ 0 }, bad_crc,
                                sizeof(bad_crc), frame);

    client_ready(client);
    write_secret(client, frame, len);
    client_hears_error(client, NUKI_CODE_BAD_CRC, 0);
}

static void frame__in_parts__is_one(void **state)
{
    struct client *client = *state;
    const struct nuki_message message = { .command = NUKI_COMMAND_REQUEST_DATA,
                                          .request = NUKI_COMMAND_KEYTURNER_STATES };
    uint8_t frame[NUKI_FRAME_MAX];
    size_t len =
        nuki_frame_seal(&client->access, (const uint8_t[NUKI_FRAME_NONCE_BYTES]){ 1 }, &message, frame);

    client_ready(client);
    write_secret(client, frame, 20);
    assert_true(client_waits(client));
    write_secret(client, frame + 20, len - 20);
    client_hears_state(client, NUKI_LOCK_STATE_LOCKED);
}

static void keyturner__spoken_to_in_the_open__refused(void **state)
{
    struct client *client = *state;

    client_ready(client);
    client_write(client, lock_gatt_handle(&client->device.gatt, LOCK_IO_PLAIN),
                 (const uint8_t[]){ 1, 0, 12, 0, 0, 0 }, 6);
    assert_int_equal(client_hear_plain(client, LOCK_IO_PLAIN).error_report.code, NUKI_CODE_K_NOT_AUTHORIZED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, client_open, client_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(examples__of_the_maker__obeyed_once),
        TEST(pairing__done_right__is_obeyed),
        TEST(pairing__without_the_button_or_too_late__refused),
        TEST(pairing__wrong_authenticator__begins_anew),
        TEST(pairing__wrong_confirmation__is_not_paired),
        TEST(pairing__no_place_free__refused),
        TEST(action__challenged__accepted_moves_completes),
        TEST(action__without_a_fresh_challenge__refused),
        TEST(action__motor_blocked__error_instead_of_complete),
        TEST(action__while_moving__busy),
        TEST(states__read__only_a_bridge_quiets_the_beacon),
        TEST(request__of_what_there_is_not__refused),
        TEST(config__asked_for__tells_number_and_name),
        TEST(clock__set_with_the_pin__is_set),
        TEST(pin__wrong_three_times__not_even_the_right_one),
        TEST(log__asked_for__in_either_order_beyond_a_start),
        TEST(frame__of_a_stranger__refused_in_the_open),
        TEST(frame__wrong_inside__refused_in_secret),
        TEST(frame__in_parts__is_one),
        TEST(keyturner__spoken_to_in_the_open__refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
