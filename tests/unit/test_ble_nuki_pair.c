/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_ble_nuki_pair.c: pairing against the lock's side made of proto/nuki_key.h, with what goes wrong at
 * each step, and that old keys stay until there are new ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>

#include "nuki_rig.h"

#define NEW_AUTH_ID 77

static const uint8_t lock_secret[NUKI_KEY_BYTES] = { 9, 8, 7, 6 };
static const uint8_t lock_nonce[NUKI_NONCE_BYTES] = { 5, 5, 5 };

/* The steps of a pairing when all is well. */
enum step { ASKED, KEYED, PROVEN, IDENTIFIED, CONFIRMED, STEPS };

/* What the lock gathers of a pairing. */
struct lock {
    uint8_t key[NUKI_KEY_BYTES];
    uint8_t client[NUKI_KEY_BYTES];
    struct nuki_authorization_data data;
};

static void say_key(struct rig *rig)
{
    struct nuki_message message = { .command = NUKI_COMMAND_PUBLIC_KEY };

    nuki_key_public(lock_secret, message.public_key);
    rig_say_plain(rig, &message);
}

static void say_challenge(struct rig *rig, uint8_t number)
{
    struct nuki_message message = rig_challenge(number);

    rig_say_plain(rig, &message);
}

static void say_status(struct rig *rig, enum nuki_status status)
{
    struct nuki_message message = rig_status(status);

    rig_say_plain(rig, &message);
}

static void say_error(struct rig *rig, enum nuki_code code)
{
    struct nuki_message message = rig_error(code);

    rig_say_plain(rig, &message);
}

static void hear_key(const struct rig *rig, struct lock *lock)
{
    struct nuki_message heard = rig_heard(rig);

    assert_int_equal(heard.command, NUKI_COMMAND_PUBLIC_KEY);
    memcpy(lock->client, heard.public_key, sizeof(lock->client));
    assert_int_equal(nuki_key_agree(lock_secret, lock->client, lock->key), 0);
}

static void hear_authenticator(const struct rig *rig, const struct lock *lock)
{
    struct nuki_message heard = rig_heard(rig), challenge = rig_challenge(1);
    uint8_t lock_public[NUKI_KEY_BYTES], expected[NUKI_MAC_BYTES];

    nuki_key_public(lock_secret, lock_public);
    nuki_key_prove_keys(lock->key, lock->client, lock_public, challenge.nonce, expected);
    assert_int_equal(heard.command, NUKI_COMMAND_AUTHORIZATION_AUTHENTICATOR);
    assert_memory_equal(heard.authenticator, expected, sizeof(expected));
}

static void hear_data(const struct rig *rig, struct lock *lock)
{
    struct nuki_message heard = rig_heard(rig), challenge = rig_challenge(2);
    uint8_t expected[NUKI_MAC_BYTES];

    assert_int_equal(heard.command, NUKI_COMMAND_AUTHORIZATION_DATA);
    lock->data = heard.authorization_data;
    nuki_key_prove_data(lock->key, &lock->data, challenge.nonce, expected);
    assert_memory_equal(lock->data.authenticator, expected, sizeof(expected));
    assert_int_equal(lock->data.id_type, NUKI_ID_TYPE_BRIDGE);
    assert_string_equal(lock->data.name, "stile front");
}

static void say_id(struct rig *rig, const struct lock *lock, uint8_t flaw)
{
    struct nuki_message message = { .command = NUKI_COMMAND_AUTHORIZATION_ID,
                                    .authorization_id = { .auth_id = NEW_AUTH_ID, .uuid = { 1 } } };
    struct nuki_authorization_id *id = &message.authorization_id;

    memcpy(id->nonce, lock_nonce, sizeof(id->nonce));
    nuki_key_prove_id(lock->key, id, lock->data.nonce, id->authenticator);
    id->authenticator[0] ^= flaw;
    rig_say_plain(rig, &message);
}

static void hear_confirmation(const struct rig *rig, const struct lock *lock)
{
    struct nuki_message heard = rig_heard(rig);
    uint8_t expected[NUKI_MAC_BYTES];

    nuki_key_prove_confirmation(lock->key, NEW_AUTH_ID, lock_nonce, expected);
    assert_int_equal(heard.command, NUKI_COMMAND_AUTHORIZATION_ID_CONFIRMATION);
    assert_int_equal(heard.confirmation.auth_id, NEW_AUTH_ID);
    assert_memory_equal(heard.confirmation.authenticator, expected, sizeof(expected));
}

static void pair_up_to(struct rig *rig, struct lock *lock, enum step step)
{
    rig_begin(rig, BLE_COMMAND_PAIR);
    assert_asked(rig, NUKI_COMMAND_PUBLIC_KEY);
    assert_int_equal(rig->channel, BLE_NUKI_CHANNEL_PAIRING);
    if (step >= KEYED) {
        say_key(rig);
        hear_key(rig, lock);
    }
    if (step >= PROVEN) {
        say_challenge(rig, 1);
        hear_authenticator(rig, lock);
    }
    if (step >= IDENTIFIED) {
        say_challenge(rig, 2);
        hear_data(rig, lock);
    }
    if (step >= CONFIRMED) {
        say_id(rig, lock, 0);
        hear_confirmation(rig, lock);
    }
}

/* Whether the protocol opens a frame of the lock's with this access, and asks with it. */
static void assert_speaks_as(struct rig *rig, uint32_t auth_id, const uint8_t key[static NUKI_KEY_BYTES])
{
    rig->access.auth_id = auth_id;
    memcpy(rig->access.key, key, NUKI_KEY_BYTES);
    rig->result_count = 0;
    rig_begin(rig, BLE_COMMAND_STATES);
    assert_asked(rig, NUKI_COMMAND_KEYTURNER_STATES);
    rig_say_states(rig, NUKI_LOCK_STATE_LOCKED);
    assert_end(rig, DRIVER_OUTCOME_COMPLETED, NULL);
}

static void pair__new_lock__keeps_keys_and_speaks_with_them(void **state)
{
    struct lock lock;
    struct rig rig;

    rig_init(&rig, 0, -1);
    pair_up_to(&rig, &lock, CONFIRMED);
    assert_int_equal(rig.secret_len, 0);
    assert_false(ble_nuki.paired(rig.nuki));
    say_status(&rig, NUKI_STATUS_COMPLETE);
    assert_end(&rig, DRIVER_OUTCOME_COMPLETED, NULL);
    assert_true(ble_nuki.paired(rig.nuki));
    assert_string_equal(rig.progress, "Paired. The lock knows this gateway as \"stile front\".");
    assert_int_equal(rig.progress_count, 3);
    assert_speaks_as(&rig, NEW_AUTH_ID, lock.key);
    rig.result_count = 0;
    rig_begin(&rig, BLE_COMMAND_LOCK);
    rig_say_challenge(&rig, 3);
    assert_int_equal(rig_heard(&rig).lock_action.app_id, lock.data.app_id);
    rig_finish(&rig);
}

static void pair__what_was_kept__opens_the_lock_after_a_restart(void **state)
{
    struct ble_identity identity = { .name = "stile front", .pin = -1 };
    struct lock lock;
    struct rig rig;

    rig_init(&rig, 0, -1);
    pair_up_to(&rig, &lock, CONFIRMED);
    say_status(&rig, NUKI_STATUS_COMPLETE);
    assert_int_equal(rig.secret_len, RIG_SECRET);
    rig_finish(&rig);
    identity.secret = rig.secret;
    identity.secret_len = rig.secret_len;
    assert_int_equal(ble_nuki.create(&identity, &rig.port, &rig.nuki), 0);
    assert_speaks_as(&rig, NEW_AUTH_ID, lock.key);
    rig.result_count = 0;
    rig_begin(&rig, BLE_COMMAND_LOCK);
    rig_say_challenge(&rig, 3);
    assert_int_equal(rig_heard(&rig).lock_action.app_id, lock.data.app_id);
    rig_finish(&rig);
}

static void pair__not_in_pairing_mode__waits_for_the_button(void **state)
{
    struct lock lock;
    struct rig rig;

    rig_init(&rig, 0, -1);
    rig_begin(&rig, BLE_COMMAND_PAIR);
    assert_string_equal(rig.progress,
                        "Press the button of the lock for five seconds, until its ring lights up.");
    for (int i = 0; i < 3; i++) {
        say_error(&rig, NUKI_CODE_P_NOT_PAIRING);
        assert_int_equal(rig.result_count, 0);
        rig_pass(&rig, rig.now.us + BLE_NUKI_PAUSE_US);
        assert_asked(&rig, NUKI_COMMAND_PUBLIC_KEY);
    }
    assert_int_equal(rig.progress_count, 1);
    say_key(&rig);
    hear_key(&rig, &lock);
    rig_finish(&rig);
}

static void pair__button_never_pressed__says_so_at_the_deadline(void **state)
{
    struct rig rig;

    rig_init(&rig, 0, -1);
    rig_begin(&rig, BLE_COMMAND_PAIR);
    while (rig.result_count == 0) {
        say_error(&rig, NUKI_CODE_P_NOT_PAIRING);
        rig_pass(&rig, rig.now.us + BLE_NUKI_PAUSE_US);
    }
    assert_end(&rig, DRIVER_OUTCOME_FAILED, "not_pairing");
    rig_finish(&rig);
}

static void pair__broken_off_at_each_step__leaves_the_old_keys(void **state)
{
    for (enum step at = ASKED; at < STEPS; at++) {
        struct lock lock;
        struct rig rig;

        rig_init(&rig, RIG_AUTH_ID, -1);
        struct nuki_access old = rig.access;

        pair_up_to(&rig, &lock, at);
        rig_close(&rig);
        assert_end(&rig, at == CONFIRMED ? DRIVER_OUTCOME_UNKNOWN : DRIVER_OUTCOME_FAILED, "link_lost");
        assert_int_equal(rig.secret_len, 0);
        assert_speaks_as(&rig, old.auth_id, old.key);
        rig_finish(&rig);
    }
}

static void pair__silence_at_each_step__drops_the_link(void **state)
{
    for (enum step at = ASKED; at < STEPS; at++) {
        struct lock lock;
        struct rig rig;

        rig_init(&rig, 0, -1);
        pair_up_to(&rig, &lock, at);
        rig_pass(&rig, RIG_START_US + BLE_NUKI_ANSWER_US);
        assert_end(&rig, at == CONFIRMED ? DRIVER_OUTCOME_UNKNOWN : DRIVER_OUTCOME_FAILED, "no_answer");
        assert_int_equal(rig.drop_count, 1);
        rig_finish(&rig);
    }
}

static void pair__error_at_each_step__fails_with_its_word(void **state)
{
    for (enum step at = ASKED; at < STEPS; at++) {
        struct lock lock;
        struct rig rig;

        rig_init(&rig, 0, -1);
        pair_up_to(&rig, &lock, at);
        say_error(&rig, NUKI_CODE_P_MAX_USER);
        assert_end(&rig, DRIVER_OUTCOME_FAILED, "max_user");
        assert_false(ble_nuki.paired(rig.nuki));
        rig_finish(&rig);
    }
}

static void pair__deadline_at_each_step__confirms_nothing_after_it(void **state)
{
    for (enum step at = ASKED; at < CONFIRMED; at++) {
        struct lock lock;
        struct rig rig;

        rig_init(&rig, 0, -1);
        rig.now.us = RIG_DEADLINE_US - 1;
        pair_up_to(&rig, &lock, at);
        if (at == IDENTIFIED) {
            rig.now.us = RIG_DEADLINE_US;
            say_id(&rig, &lock, 0);
        }
        rig_pass(&rig, RIG_DEADLINE_US);
        assert_end(&rig, DRIVER_OUTCOME_FAILED, "deadline");
        assert_true(rig_heard(&rig).command != NUKI_COMMAND_AUTHORIZATION_ID_CONFIRMATION);
        rig_finish(&rig);
    }
}

static void pair__authenticator_of_another__is_refused(void **state)
{
    struct lock lock;
    struct rig rig;

    rig_init(&rig, 0, -1);
    pair_up_to(&rig, &lock, IDENTIFIED);
    say_id(&rig, &lock, 1);
    assert_refused(&rig, 1, "authenticator");
    assert_heard(&rig, NUKI_COMMAND_AUTHORIZATION_DATA);
    say_id(&rig, &lock, 0);
    hear_confirmation(&rig, &lock);
    rig_finish(&rig);
}

static void pair__same_challenge_twice__is_refused(void **state)
{
    struct lock lock;
    struct rig rig;

    rig_init(&rig, 0, -1);
    pair_up_to(&rig, &lock, PROVEN);
    say_challenge(&rig, 1);
    assert_refused(&rig, 1, "replayed");
    rig_finish(&rig);
}

static void pair__key_that_anybody_has__fails(void **state)
{
    struct nuki_message message = { .command = NUKI_COMMAND_PUBLIC_KEY };
    struct rig rig;

    rig_init(&rig, 0, -1);
    rig_begin(&rig, BLE_COMMAND_PAIR);
    rig_say_plain(&rig, &message);
    assert_end(&rig, DRIVER_OUTCOME_FAILED, "bad_key");
    rig_finish(&rig);
}

static void pair__wrong_order_crc_or_channel__is_refused(void **state)
{
    static const uint8_t altered[] = { 0x0e, 0, 1, 0x9d, 0xd7 };
    struct lock lock;
    struct rig rig;

    rig_init(&rig, RIG_AUTH_ID, -1);
    pair_up_to(&rig, &lock, ASKED);
    say_status(&rig, NUKI_STATUS_COMPLETE);
    assert_refused(&rig, 1, "unasked");
    rig_indicate(&rig, BLE_NUKI_CHANNEL_PAIRING, altered, sizeof(altered));
    assert_refused(&rig, 2, "crc");
    rig_say_states(&rig, NUKI_LOCK_STATE_UNLOCKED);
    assert_refused(&rig, 3, "unasked");
    say_challenge(&rig, 1);
    assert_refused(&rig, 4, "unasked");
    assert_int_equal(rig.state_count, 0);
    assert_int_equal(rig.secret_len, 0);
    rig_finish(&rig);
}

static void pair__keys_cannot_be_stored__fails_and_the_old_stay(void **state)
{
    struct lock lock;
    struct rig rig;

    rig_init(&rig, RIG_AUTH_ID, -1);
    struct nuki_access old = rig.access;

    rig.keep_result = -ENOSPC;
    pair_up_to(&rig, &lock, CONFIRMED);
    say_status(&rig, NUKI_STATUS_ACCEPTED);
    assert_refused(&rig, 1, "unasked");
    say_status(&rig, NUKI_STATUS_COMPLETE);
    assert_end(&rig, DRIVER_OUTCOME_FAILED, "not_stored");
    assert_speaks_as(&rig, old.auth_id, old.key);
    rig_finish(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pair__new_lock__keeps_keys_and_speaks_with_them),
        cmocka_unit_test(pair__what_was_kept__opens_the_lock_after_a_restart),
        cmocka_unit_test(pair__not_in_pairing_mode__waits_for_the_button),
        cmocka_unit_test(pair__button_never_pressed__says_so_at_the_deadline),
        cmocka_unit_test(pair__broken_off_at_each_step__leaves_the_old_keys),
        cmocka_unit_test(pair__silence_at_each_step__drops_the_link),
        cmocka_unit_test(pair__error_at_each_step__fails_with_its_word),
        cmocka_unit_test(pair__deadline_at_each_step__confirms_nothing_after_it),
        cmocka_unit_test(pair__authenticator_of_another__is_refused),
        cmocka_unit_test(pair__same_challenge_twice__is_refused),
        cmocka_unit_test(pair__key_that_anybody_has__fails),
        cmocka_unit_test(pair__wrong_order_crc_or_channel__is_refused),
        cmocka_unit_test(pair__keys_cannot_be_stored__fails_and_the_old_stay),
    };

    return cmocka_run_group_tests_name("ble_nuki_pair", tests, NULL, NULL);
}
