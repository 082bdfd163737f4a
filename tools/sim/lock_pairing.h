/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lock_pairing.h: the lock's side of classic pairing, generations 1 to 4 (Nuki Smart Lock API V2.1, 5.1).
 * Pure: messages go in, answers come out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "proto/nuki.h"
#include "proto/nuki_key.h"

/* What the client is to send next. */
enum lock_pairing_step {
    LOCK_PAIRING_REQUEST, /* for the lock's public key */
    LOCK_PAIRING_KEY,     /* its own */
    LOCK_PAIRING_AUTHENTICATOR,
    LOCK_PAIRING_DATA,
    LOCK_PAIRING_CONFIRMATION,
    LOCK_PAIRING_DONE, /* nothing: access, id_type and name are whom the lock knows from now on */
};

struct lock_pairing {
    enum lock_pairing_step step;
    uint8_t secret[NUKI_KEY_BYTES];
    uint8_t public[NUKI_KEY_BYTES];
    uint8_t client[NUKI_KEY_BYTES];
    uint8_t nonce[NUKI_NONCE_BYTES]; /* the last that was sent */
    struct nuki_access access;
    uint8_t id_type; /* enum nuki_id_type */
    char name[NUKI_NAME_SIZE];
};

/* As many random bytes as an answer takes. */
#define LOCK_PAIRING_RANDOM (NUKI_UUID_BYTES + NUKI_NONCE_BYTES)

/* From the first message on. auth_id: what the next client gets; 0: no place is free. */
void lock_pairing_begin(struct lock_pairing *pairing, uint32_t auth_id);

/* Takes a message. Returns 0, and what the lock answers; or an enum nuki_code: refused, and all begins anew.
 */
int lock_pairing_take(struct lock_pairing *pairing, const struct nuki_message *message,
                      const uint8_t random[static LOCK_PAIRING_RANDOM],
                      struct nuki_message *ret_answer) must_check;
