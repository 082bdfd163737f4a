/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_nuki_pair.c: new keys replace old ones only when the lock has said that it knows them: a pairing that
 * breaks off leaves the lock as usable as it was. */
#include "hal/ble/ble_nuki_pair.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/bytes.h"

/* What is kept: a version, authorization, app id, key. */
#define SECRET_VERSION 1
#define SECRET_BYTES   (1 + 4 + 4 + NUKI_KEY_BYTES)

static_assert(SECRET_BYTES <= BLE_SECRET_MAX, "fits what the driver keeps");

static void say(struct ble_nuki *nuki, const char *text)
{
    nuki->port->progress(nuki->port->userdata, text);
}

void ble_nuki_pair_begin(struct ble_nuki *nuki, const struct ble_now *now)
{
    if (!nuki->wait)
        say(nuki, "Press the button of the lock for five seconds, until its ring lights up.");
    nuki->port->random(nuki->port->userdata, nuki->pairing.secret, NUKI_KEY_BYTES);
    nuki_key_public(nuki->pairing.secret, nuki->pairing.public);
    ble_nuki_talk_request(nuki, BLE_NUKI_STEP_PAIR_KEY, NUKI_COMMAND_PUBLIC_KEY, now);
}

void ble_nuki_pair_key(struct ble_nuki *nuki, const struct nuki_message *message, const struct ble_now *now)
{
    struct ble_nuki_pairing *pairing = &nuki->pairing;
    struct nuki_message answer = { .command = NUKI_COMMAND_PUBLIC_KEY };

    if (nuki_key_agree(pairing->secret, message->public_key, pairing->access.key) < 0) {
        ble_nuki_talk_fail(nuki, "bad_key");
        return;
    }
    say(nuki, "The lock is in pairing mode; keys are being exchanged.");
    memcpy(pairing->lock_public, message->public_key, NUKI_KEY_BYTES);
    memcpy(answer.public_key, pairing->public, NUKI_KEY_BYTES);
    ble_nuki_talk_send(nuki, BLE_NUKI_STEP_PAIR_CHALLENGE, &answer, now);
}

void ble_nuki_pair_challenged(struct ble_nuki *nuki, const struct nuki_message *message,
                              const struct ble_now *now)
{
    const struct ble_nuki_pairing *pairing = &nuki->pairing;
    struct nuki_message answer = { .command = NUKI_COMMAND_AUTHORIZATION_AUTHENTICATOR };

    if (!ble_nuki_talk_is_new(nuki, message->nonce)) {
        ble_nuki_talk_refuse(nuki, "replayed");
        return;
    }
    nuki_key_prove_keys(pairing->access.key, pairing->public, pairing->lock_public, message->nonce,
                        answer.authenticator);
    ble_nuki_talk_send(nuki, BLE_NUKI_STEP_PAIR_PROVEN, &answer, now);
}

void ble_nuki_pair_proven(struct ble_nuki *nuki, const struct nuki_message *message,
                          const struct ble_now *now)
{
    const struct ble_port *port = nuki->port;
    struct ble_nuki_pairing *pairing = &nuki->pairing;
    struct nuki_message answer = { .command = NUKI_COMMAND_AUTHORIZATION_DATA };
    struct nuki_authorization_data *data = &answer.authorization_data;

    if (!ble_nuki_talk_is_new(nuki, message->nonce)) {
        ble_nuki_talk_refuse(nuki, "replayed");
        return;
    }
    port->random(port->userdata, pairing->nonce, sizeof(pairing->nonce));
    port->random(port->userdata, &pairing->app_id, sizeof(pairing->app_id));
    data->id_type = NUKI_ID_TYPE_BRIDGE;
    data->app_id = pairing->app_id;
    memcpy(data->name, nuki->name, sizeof(data->name));
    memcpy(data->nonce, pairing->nonce, sizeof(data->nonce));
    nuki_key_prove_data(pairing->access.key, data, message->nonce, data->authenticator);
    ble_nuki_talk_send(nuki, BLE_NUKI_STEP_PAIR_ID, &answer, now);
}

void ble_nuki_pair_identified(struct ble_nuki *nuki, const struct nuki_message *message,
                              const struct ble_now *now)
{
    const struct nuki_authorization_id *id = &message->authorization_id;
    struct nuki_access *access = &nuki->pairing.access;
    struct nuki_message answer = { .command = NUKI_COMMAND_AUTHORIZATION_ID_CONFIRMATION,
                                   .confirmation = { .auth_id = id->auth_id } };
    uint8_t expected[NUKI_MAC_BYTES];

    nuki_key_prove_id(access->key, id, nuki->pairing.nonce, expected);
    if (!nuki_key_equal(expected, id->authenticator)) {
        ble_nuki_talk_refuse(nuki, "authenticator");
        return;
    }
    access->auth_id = id->auth_id;
    nuki_key_prove_confirmation(access->key, access->auth_id, id->nonce, answer.confirmation.authenticator);
    ble_nuki_talk_send(nuki, BLE_NUKI_STEP_PAIR_END, &answer, now);
}

static int keep(struct ble_nuki *nuki)
{
    const struct ble_nuki_pairing *pairing = &nuki->pairing;
    uint8_t secret[SECRET_BYTES] = { SECRET_VERSION };

    bytes_put_u32(secret + 1, pairing->access.auth_id);
    bytes_put_u32(secret + 5, pairing->app_id);
    memcpy(secret + 9, pairing->access.key, NUKI_KEY_BYTES);
    int r = nuki->port->keep(nuki->port->userdata, secret, sizeof(secret));

    explicit_bzero(secret, sizeof(secret));
    return r;
}

void ble_nuki_pair_ended(struct ble_nuki *nuki, const struct nuki_message *message, const struct ble_now *now)
{
    char text[DRIVER_REASON_SIZE];

    if (message->status != NUKI_STATUS_COMPLETE) {
        ble_nuki_talk_refuse(nuki, "unasked");
        return;
    }
    if (keep(nuki) < 0) {
        ble_nuki_talk_fail(nuki, "not_stored");
        return;
    }
    nuki->access = nuki->pairing.access;
    nuki->app_id = nuki->pairing.app_id;
    nuki->paired = true;
    snprintf(text, sizeof(text), "Paired. The lock knows this gateway as \"%s\".", nuki->name);
    say(nuki, text);
    ble_nuki_talk_complete(nuki);
}

int ble_nuki_pair_restore(struct ble_nuki *nuki, const uint8_t secret[], size_t len)
{
    if (len != SECRET_BYTES || secret[0] != SECRET_VERSION)
        return -EBADMSG;
    nuki->access.auth_id = bytes_get_u32(secret + 1);
    nuki->app_id = bytes_get_u32(secret + 5);
    memcpy(nuki->access.key, secret + 9, NUKI_KEY_BYTES);
    nuki->paired = true;
    return 0;
}
