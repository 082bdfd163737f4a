/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lock_fixture.h: a simulated lock, and a client that does what it is told, right or wrong. Inline, because
 * not every test file needs all of it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/text.h"
#include "tools/sim/lock_device.h"

#define LOCK_ID  0x0a0b0c0du
#define PDUS_MAX 512
#define T0_UTC_S INT64_C(1772445600) /* 2026-03-02T10:00:00Z */

struct client {
    struct lock_device device;
    int64_t now_us;
    struct nuki_access access;
    uint8_t nonce;   /* of the next frame: its bytes */
    uint8_t randoms; /* so many bytes have been made */
    struct text lines;
    size_t pdus; /* that the lock has sent, and how many were looked at */
    size_t taken;
    size_t len[PDUS_MAX];
    uint8_t pdu[PDUS_MAX][ATT_MTU_MAX];
};

static inline void client_gets(void *userdata, const uint8_t pdu[], size_t len)
{
    struct client *client = userdata;

    assert_true(client->pdus < PDUS_MAX);
    memcpy(client->pdu[client->pdus], pdu, len);
    client->len[client->pdus++] = len;
}

static inline void client_notes(void *userdata, const char *line)
{
    text_addf(&((struct client *)userdata)->lines, "%s\n", line);
}

/* 1, 2, 3, ... */
static inline void client_random(void *userdata, uint8_t ret_bytes[], size_t len)
{
    struct client *client = userdata;

    for (size_t i = 0; i < len; i++)
        ret_bytes[i] = ++client->randoms;
}

/* Connected, and authorized as a bridge, subscribed to nothing. */
static inline int client_open(void **state)
{
    struct client *client = test_calloc(1, sizeof(*client));
    const struct lock_device_user user = { client_gets, client_notes, client_random, client };

    client->now_us = 1000 * USEC_PER_SEC;
    client->access = (struct nuki_access){ .auth_id = 2, .key = { 1, 2, 3 } };
    lock_device_init(&client->device, LOCK_ID, client->now_us, T0_UTC_S * USEC_PER_SEC, &user);
    assert_int_equal(
        lock_talk_authorize(&client->device.talk, &client->access, NUKI_ID_TYPE_BRIDGE, "gateway"), 0);
    lock_device_connect(&client->device, client->now_us);
    *state = client;
    return 0;
}

static inline int client_close(void **state)
{
    text_finish(&((struct client *)*state)->lines);
    test_free(*state);
    return 0;
}

static inline void client_send(struct client *client, const struct att_pdu *pdu)
{
    uint8_t bytes[ATT_MTU_MAX];

    lock_device_receive(&client->device, client->now_us, bytes, att_format(pdu, bytes));
}

/* The lock's next PDU; fails if there is none. */
static inline struct att_pdu client_pdu(struct client *client)
{
    struct att_pdu pdu;

    assert_true(client->taken < client->pdus);
    assert_int_equal(att_parse(client->pdu[client->taken], client->len[client->taken], &pdu), 0);
    client->taken++;
    return pdu;
}

static inline bool client_waits(const struct client *client)
{
    return client->taken == client->pdus;
}

static inline struct att_pdu client_request(struct client *client, const struct att_pdu *pdu)
{
    assert_true(client_waits(client));
    client_send(client, pdu);
    return client_pdu(client);
}

/* The code with which a request is refused. */
static inline uint8_t client_error(struct client *client, const struct att_pdu *pdu)
{
    const struct att_pdu answer = client_request(client, pdu);

    assert_int_equal(answer.opcode, ATT_ERROR);
    assert_int_equal(answer.request, pdu->opcode);
    return answer.code;
}

static inline void client_write(struct client *client, uint16_t handle, const uint8_t value[], size_t len)
{
    const struct att_pdu request = {
        .opcode = ATT_WRITE_REQUEST, .handle = handle, .value = value, .len = len
    };

    assert_int_equal(client_request(client, &request).opcode, ATT_WRITE_RESPONSE);
}

static inline void client_subscribe(struct client *client, enum lock_io io)
{
    client_write(client, lock_gatt_cccd(&client->device.gatt, io), (const uint8_t[]){ ATT_CCCD_INDICATE, 0 },
                 2);
}

/* With an MTU of 247, subscribed to everything. */
static inline void client_ready(struct client *client)
{
    client_request(client, &(struct att_pdu){ .opcode = ATT_MTU_REQUEST, .mtu = LOCK_GATT_MTU });
    client_subscribe(client, LOCK_IO_PAIRING);
    client_subscribe(client, LOCK_IO_PLAIN);
    client_subscribe(client, LOCK_IO_SECRET);
}

/* The next indication's value, confirmed. It must be of that characteristic. */
static inline struct att_pdu client_indication(struct client *client, enum lock_io io)
{
    const struct att_pdu pdu = client_pdu(client);

    assert_int_equal(pdu.opcode, ATT_INDICATION);
    assert_int_equal(pdu.handle, lock_gatt_handle(&client->device.gatt, io));
    client_send(client, &(struct att_pdu){ .opcode = ATT_CONFIRMATION });
    return pdu;
}

/* Says an encrypted message, under a nonce that was not used before. */
static inline void client_say(struct client *client, const struct nuki_message *message)
{
    uint8_t nonce[NUKI_FRAME_NONCE_BYTES] = { ++client->nonce };
    uint8_t frame[NUKI_FRAME_MAX];
    size_t len = nuki_frame_seal(&client->access, nonce, message, frame);

    client_write(client, lock_gatt_handle(&client->device.gatt, LOCK_IO_SECRET), frame, len);
}

static inline void client_say_plain(struct client *client, const struct nuki_message *message)
{
    uint8_t frame[NUKI_FRAME_MAX];
    size_t len = nuki_frame_plain(message, frame);

    client_write(client, lock_gatt_handle(&client->device.gatt, LOCK_IO_PAIRING), frame, len);
}

static inline void client_ask(struct client *client, enum nuki_command wanted)
{
    client_say(client,
               &(struct nuki_message){ .command = NUKI_COMMAND_REQUEST_DATA, .request = (uint16_t)wanted });
}

/* The next message, which must be in one indication: encrypted, and plain. */
static inline struct nuki_message client_hear(struct client *client)
{
    const struct att_pdu pdu = client_indication(client, LOCK_IO_SECRET);
    struct nuki_message message;

    assert_int_equal(nuki_frame_open(&client->access, pdu.value, pdu.len, &message), 0);
    return message;
}

static inline struct nuki_message client_hear_plain(struct client *client, enum lock_io io)
{
    const struct att_pdu pdu = client_indication(client, io);
    struct nuki_message message;

    assert_int_equal(nuki_frame_open_plain(pdu.value, pdu.len, &message), 0);
    return message;
}

static inline void client_hears_status(struct client *client, enum nuki_status status)
{
    const struct nuki_message message = client_hear(client);

    assert_int_equal(message.command, NUKI_COMMAND_STATUS);
    assert_int_equal(message.status, status);
}

static inline void client_hears_state(struct client *client, enum nuki_lock_state lock_state)
{
    const struct nuki_message message = client_hear(client);

    assert_int_equal(message.command, NUKI_COMMAND_KEYTURNER_STATES);
    assert_int_equal(message.states.lock_state, lock_state);
}

static inline void client_hears_error(struct client *client, enum nuki_code code, enum nuki_command command)
{
    const struct nuki_message message = client_hear(client);

    assert_int_equal(message.command, NUKI_COMMAND_ERROR_REPORT);
    assert_int_equal(message.error_report.code, code);
    assert_int_equal(message.error_report.command, command);
}

/* Asks for a challenge, which goes to ret_nonce. */
static inline void client_challenge(struct client *client, uint8_t ret_nonce[static NUKI_NONCE_BYTES])
{
    client_ask(client, NUKI_COMMAND_CHALLENGE);
    const struct nuki_message message = client_hear(client);

    assert_int_equal(message.command, NUKI_COMMAND_CHALLENGE);
    memcpy(ret_nonce, message.nonce, NUKI_NONCE_BYTES);
}

static inline struct nuki_message client_action(enum nuki_action action)
{
    return (struct nuki_message){ .command = NUKI_COMMAND_LOCK_ACTION,
                                  .lock_action = { .action = (uint8_t)action } };
}

/* Asks for a challenge, and for that action with it. */
static inline void client_act(struct client *client, enum nuki_action action)
{
    struct nuki_message message = client_action(action);

    client_challenge(client, message.lock_action.nonce);
    client_say(client, &message);
}

/* Time passes, and what is due happens. */
static inline void client_wait(struct client *client, int64_t ms)
{
    client->now_us += ms * USEC_PER_MSEC;
    lock_device_turn(&client->device, client->now_us);
}

/* Whether a line with these words was printed. */
static inline bool client_read(const struct client *client, const char *words)
{
    return strstr(text_string(&client->lines), words) != NULL;
}
