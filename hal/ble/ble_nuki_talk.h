/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_nuki_talk.h: one exchange with a Nuki lock: a command of the driver, the step that it is at, and how it
 * ends. The other files of ble_nuki are its steps. Pure.
 *
 * One value is written at a time: what a step sends while the last one is not confirmed waits, and its
 * deadline is looked at when it goes. Each nonce and each challenge of the lock counts once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hal/ble/ble_protocol.h"
#include "proto/nuki_frame.h"

/* How long the lock may be silent, how long its motor may turn (an unlatching takes up to ten seconds), and
 * how long we leave a lock alone that is busy or not in pairing mode yet. */
#define BLE_NUKI_ANSWER_US (INT64_C(4) * 1000 * 1000)
#define BLE_NUKI_MOTOR_US  (INT64_C(25) * 1000 * 1000)
#define BLE_NUKI_PAUSE_US  (INT64_C(500) * 1000)

/* True messages in one exchange, and refused ones in one or between two: with more of them the link is
 * dropped.
 */
#define BLE_NUKI_MESSAGES_MAX 64
#define BLE_NUKI_REFUSED_MAX  16

/* The last nonces and challenges of the lock that we remember, by their first eight bytes: they are random,
 * and nobody without the key can choose them. */
#define BLE_NUKI_SEEN_MAX 512

enum ble_nuki_channel { BLE_NUKI_CHANNEL_PAIRING, BLE_NUKI_CHANNEL_KEYTURNER, BLE_NUKI_CHANNEL_COUNT };

/* What is awaited. */
enum ble_nuki_step {
    BLE_NUKI_STEP_IDLE,
    BLE_NUKI_STEP_PAUSE,  /* nothing: the exchange goes on when due */
    BLE_NUKI_STEP_STATES, /* before anything else of STATES, LOG, CLOCK */
    BLE_NUKI_STEP_CHALLENGE,
    BLE_NUKI_STEP_ACTION, /* that the lock accepts it */
    BLE_NUKI_STEP_MOTOR,  /* that it completes it */
    BLE_NUKI_STEP_CHECK,  /* states, since those that came on the way were not the wanted ones */
    BLE_NUKI_STEP_LOG,
    BLE_NUKI_STEP_CLOCK,
    BLE_NUKI_STEP_PAIR_KEY,
    BLE_NUKI_STEP_PAIR_CHALLENGE, /* to prove our key */
    BLE_NUKI_STEP_PAIR_PROVEN,    /* the next challenge, which says that it was */
    BLE_NUKI_STEP_PAIR_ID,
    BLE_NUKI_STEP_PAIR_END,
};

/* What a pairing has come to; wiped at its end. */
struct ble_nuki_pairing {
    uint8_t secret[NUKI_KEY_BYTES];
    uint8_t public[NUKI_KEY_BYTES];
    uint8_t lock_public[NUKI_KEY_BYTES];
    uint8_t nonce[NUKI_NONCE_BYTES];
    uint32_t app_id;
    struct nuki_access access;
};

struct ble_nuki {
    const struct ble_port *port;
    char name[NUKI_NAME_SIZE];
    int64_t pin;
    bool paired;
    uint32_t app_id;
    struct nuki_access access;
    int64_t zone_s; /* what the lock's clock is ahead of UTC by, after its last states */

    struct nuki_assembly in[BLE_NUKI_CHANNEL_COUNT];
    uint64_t seen[BLE_NUKI_SEEN_MAX];
    unsigned seen_next;
    unsigned messages; /* true ones in this exchange */
    unsigned refused;  /* since it began */
    bool dropped;      /* until the link is closed nothing is heard */
    bool writing;      /* the last value is not confirmed */
    bool waiting;      /* out is to follow it */
    struct nuki_message out;

    enum ble_nuki_step step;
    int64_t due_us; /* of step */
    struct ble_command command;
    uint16_t sent;    /* the last command of this exchange but requests for data; 0: none */
    bool acted;       /* what changes the lock was written: it may have been done */
    const char *wait; /* why the lock wants to be left alone, NULL: it does not */
    bool fresh;       /* a second challenge was asked for after a bad nonce */
    bool reached;     /* the bolt was seen where it is wanted */
    unsigned records; /* that a LOG has brought */
    struct ble_nuki_pairing pairing;
};

/* The channel that a command speaks over. */
unsigned ble_nuki_talk_channel(enum ble_command_kind kind);

/* Begins an exchange; the caller sends its first message. */
void ble_nuki_talk_begin(struct ble_nuki *nuki, const struct ble_command *command);

/* Sends a message and awaits step for BLE_NUKI_ANSWER_US. What acts (a lock action, the clock, a pairing's
 * confirmation) and would go after the deadline does not: the exchange ends. */
void ble_nuki_talk_send(struct ble_nuki *nuki, enum ble_nuki_step step, const struct nuki_message *message,
                        const struct ble_now *now);

/* The same, for a message that asks for what. */
void ble_nuki_talk_request(struct ble_nuki *nuki, enum ble_nuki_step step, enum nuki_command what,
                           const struct ble_now *now);

/* Leaves the lock alone for a while: it has done nothing, and said why (static word). */
void ble_nuki_talk_pause(struct ble_nuki *nuki, const char *why, const struct ble_now *now);

/* The last value was confirmed. */
void ble_nuki_talk_written(struct ble_nuki *nuki, const struct ble_now *now);

/* Whether the lock was asked for anything that it has not answered: a step whose message still waits has
 * asked for nothing. */
bool ble_nuki_talk_awaits(const struct ble_nuki *nuki);

/* When the exchange is to be looked at: silent, paused long enough, or past its deadline. */
int64_t ble_nuki_talk_due(const struct ble_nuki *nuki);

/* Whether the deadline is over and was not kept: nothing may act any more, and nothing has. */
bool ble_nuki_talk_is_late(const struct ble_nuki *nuki, const struct ble_now *now);

/* Ends of an exchange. late: the deadline was over. lost: for the link's sake; UNKNOWN if it has acted, else
 * FAILED and to be tried again. */
void ble_nuki_talk_complete(struct ble_nuki *nuki);
void ble_nuki_talk_fail(struct ble_nuki *nuki, const char *reason);
void ble_nuki_talk_unknown(struct ble_nuki *nuki, const char *reason);
void ble_nuki_talk_late(struct ble_nuki *nuki);
void ble_nuki_talk_lost(struct ble_nuki *nuki, const char *reason);

/* A message was refused; after too many the link is dropped. */
void ble_nuki_talk_refuse(struct ble_nuki *nuki, const char *reason);

/* Wants the link closed, and hears nothing until it is; an exchange is lost. */
void ble_nuki_talk_drop(struct ble_nuki *nuki, const char *reason);

/* Tells the driver what the lock's states come to. */
void ble_nuki_talk_say(struct ble_nuki *nuki, const struct nuki_states *states, const struct ble_now *now);

/* Takes note of a nonce or challenge. False if it is one of those that we remember. */
bool ble_nuki_talk_is_new(struct ble_nuki *nuki, const uint8_t random[static NUKI_FRAME_NONCE_BYTES]);
