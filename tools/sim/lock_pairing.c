/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lock_pairing.c: one row for each step: the message that it takes, and the function that answers. */
#include "tools/sim/lock_pairing.h"

#include <string.h>

#include "gateway/base/text.h"

typedef int pairing_step(struct lock_pairing *pairing, const struct nuki_message *message,
                         const uint8_t random[static LOCK_PAIRING_RANDOM], struct nuki_message *ret_answer);

static int give_key(struct lock_pairing *pairing, const struct nuki_message *message,
                    const uint8_t random[static LOCK_PAIRING_RANDOM], struct nuki_message *ret_answer)
{
    if (message->request != NUKI_COMMAND_PUBLIC_KEY)
        return NUKI_CODE_P_BAD_PARAMETER;
    memcpy(pairing->secret, random, NUKI_KEY_BYTES);
    nuki_key_public(pairing->secret, pairing->public);
    ret_answer->command = NUKI_COMMAND_PUBLIC_KEY;
    memcpy(ret_answer->public_key, pairing->public, NUKI_KEY_BYTES);
    return 0;
}

static void challenge(struct lock_pairing *pairing, const uint8_t *random, struct nuki_message *ret_answer)
{
    memcpy(pairing->nonce, random, NUKI_NONCE_BYTES);
    ret_answer->command = NUKI_COMMAND_CHALLENGE;
    memcpy(ret_answer->nonce, pairing->nonce, NUKI_NONCE_BYTES);
}

static int take_key(struct lock_pairing *pairing, const struct nuki_message *message,
                    const uint8_t random[static LOCK_PAIRING_RANDOM], struct nuki_message *ret_answer)
{
    memcpy(pairing->client, message->public_key, NUKI_KEY_BYTES);
    if (nuki_key_agree(pairing->secret, pairing->client, pairing->access.key) < 0)
        return NUKI_CODE_P_BAD_PARAMETER;
    challenge(pairing, random, ret_answer);
    return 0;
}

static int take_authenticator(struct lock_pairing *pairing, const struct nuki_message *message,
                              const uint8_t random[static LOCK_PAIRING_RANDOM],
                              struct nuki_message *ret_answer)
{
    uint8_t mac[NUKI_MAC_BYTES];

    nuki_key_prove_keys(pairing->access.key, pairing->client, pairing->public, pairing->nonce, mac);
    if (!nuki_key_equal(mac, message->authenticator))
        return NUKI_CODE_P_BAD_AUTHENTICATOR;
    challenge(pairing, random, ret_answer);
    return 0;
}

static int take_data(struct lock_pairing *pairing, const struct nuki_message *message,
                     const uint8_t random[static LOCK_PAIRING_RANDOM], struct nuki_message *ret_answer)
{
    const struct nuki_authorization_data *data = &message->authorization_data;
    struct nuki_authorization_id *id = &ret_answer->authorization_id;
    uint8_t mac[NUKI_MAC_BYTES];

    nuki_key_prove_data(pairing->access.key, data, pairing->nonce, mac);
    if (!nuki_key_equal(mac, data->authenticator))
        return NUKI_CODE_P_BAD_AUTHENTICATOR;
    if (data->id_type > NUKI_ID_TYPE_KEYPAD)
        return NUKI_CODE_P_BAD_PARAMETER;
    if (pairing->access.auth_id == 0)
        return NUKI_CODE_P_MAX_USER;
    pairing->id_type = data->id_type;
    text_copy(pairing->name, sizeof(pairing->name), data->name);
    memcpy(pairing->nonce, random + NUKI_UUID_BYTES, NUKI_NONCE_BYTES);
    ret_answer->command = NUKI_COMMAND_AUTHORIZATION_ID;
    id->auth_id = pairing->access.auth_id;
    memcpy(id->uuid, random, NUKI_UUID_BYTES);
    memcpy(id->nonce, pairing->nonce, NUKI_NONCE_BYTES);
    nuki_key_prove_id(pairing->access.key, id, data->nonce, id->authenticator);
    return 0;
}

static int take_confirmation(struct lock_pairing *pairing, const struct nuki_message *message,
                             const uint8_t random[static LOCK_PAIRING_RANDOM],
                             struct nuki_message *ret_answer)
{
    uint8_t mac[NUKI_MAC_BYTES];

    nuki_key_prove_confirmation(pairing->access.key, message->confirmation.auth_id, pairing->nonce, mac);
    if (message->confirmation.auth_id != pairing->access.auth_id ||
        !nuki_key_equal(mac, message->confirmation.authenticator))
        return NUKI_CODE_P_BAD_AUTHENTICATOR;
    ret_answer->command = NUKI_COMMAND_STATUS;
    ret_answer->status = NUKI_STATUS_COMPLETE;
    return 0;
}

static const struct {
    enum nuki_command command;
    pairing_step *take;
} steps[LOCK_PAIRING_DONE] = {
    [LOCK_PAIRING_REQUEST] = { NUKI_COMMAND_REQUEST_DATA, give_key },
    [LOCK_PAIRING_KEY] = { NUKI_COMMAND_PUBLIC_KEY, take_key },
    [LOCK_PAIRING_AUTHENTICATOR] = { NUKI_COMMAND_AUTHORIZATION_AUTHENTICATOR, take_authenticator },
    [LOCK_PAIRING_DATA] = { NUKI_COMMAND_AUTHORIZATION_DATA, take_data },
    [LOCK_PAIRING_CONFIRMATION] = { NUKI_COMMAND_AUTHORIZATION_ID_CONFIRMATION, take_confirmation },
};

void lock_pairing_begin(struct lock_pairing *pairing, uint32_t auth_id)
{
    *pairing = (struct lock_pairing){ .access.auth_id = auth_id };
}

int lock_pairing_take(struct lock_pairing *pairing, const struct nuki_message *message,
                      const uint8_t random[static LOCK_PAIRING_RANDOM], struct nuki_message *ret_answer)
{
    int r = NUKI_CODE_P_BAD_PARAMETER;
    struct nuki_message answer = { 0 };

    if (pairing->step < LOCK_PAIRING_DONE && steps[pairing->step].command == message->command)
        r = steps[pairing->step].take(pairing, message, random, &answer);
    if (r) {
        lock_pairing_begin(pairing, pairing->access.auth_id);
        return r;
    }
    pairing->step++;
    *ret_answer = answer;
    return 0;
}
