/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nuki_rig.h: a Nuki lock played by hand against ble_nuki: what the protocol says is kept here, and what the
 * lock says comes in indications of 20 bytes. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"
#include "hal/ble/ble_nuki.h"
#include "hal/ble/ble_nuki_talk.h"
#include "proto/nuki_frame.h"

#define RIG_INDICATION  20
#define RIG_START_US    INT64_C(1000000000)
#define RIG_DEADLINE_US (RIG_START_US + INT64_C(10000000))
#define RIG_UTC_S       INT64_C(1795634400) /* 2026-11-25 18:00:00 */
#define RIG_PIN         1234
#define RIG_AUTH_ID     0x00010203
#define RIG_RESULTS     4
#define RIG_RECORDS     (BLE_RECORDS_MAX + 1)
#define RIG_SECRET      41

struct rig {
    void *nuki;
    struct ble_port port;
    struct ble_now now;
    struct nuki_access access; /* as the lock has it */
    uint8_t nonce;             /* of the lock's last frame, counts up */
    uint8_t random;            /* what the port's next random bytes are, counts up */

    unsigned writes;
    unsigned channel; /* of the last write */
    size_t len;
    uint8_t bytes[NUKI_FRAME_MAX];
    bool unconfirmed; /* the last write, until rig_settle() */
    bool slow;        /* writes are confirmed by hand */

    unsigned result_count;
    struct ble_result results[RIG_RESULTS];
    unsigned state_count;
    struct ble_state state;
    unsigned refused_count;
    const char *refused;
    unsigned drop_count;
    const char *dropped;
    unsigned record_count;
    struct ble_record records[RIG_RECORDS];
    unsigned progress_count;
    char progress[DRIVER_REASON_SIZE];
    int keep_result;
    size_t secret_len;
    uint8_t secret[BLE_SECRET_MAX];
};

static inline void rig_write(void *userdata, unsigned channel, const uint8_t bytes[], size_t len)
{
    struct rig *rig = userdata;

    assert_false(rig->unconfirmed);
    assert_true(len <= sizeof(rig->bytes));
    memcpy(rig->bytes, bytes, len);
    rig->len = len;
    rig->channel = channel;
    rig->unconfirmed = true;
    rig->writes++;
}

static inline void rig_state(void *userdata, const struct ble_state *state)
{
    struct rig *rig = userdata;

    rig->state = *state;
    rig->state_count++;
}

static inline void rig_result(void *userdata, const struct ble_result *result)
{
    struct rig *rig = userdata;

    assert_true(rig->result_count < RIG_RESULTS);
    rig->results[rig->result_count++] = *result;
}

static inline void rig_progress(void *userdata, const char *text)
{
    struct rig *rig = userdata;

    text_copy(rig->progress, sizeof(rig->progress), text);
    rig->progress_count++;
}

static inline void rig_record(void *userdata, const struct ble_record *record)
{
    struct rig *rig = userdata;

    assert_true(rig->record_count < RIG_RECORDS);
    rig->records[rig->record_count++] = *record;
}

static inline int rig_keep(void *userdata, const uint8_t secret[], size_t len)
{
    struct rig *rig = userdata;

    memcpy(rig->secret, secret, len);
    rig->secret_len = len;
    return rig->keep_result;
}

static inline void rig_refused(void *userdata, const char *reason)
{
    struct rig *rig = userdata;

    rig->refused = reason;
    rig->refused_count++;
}

static inline void rig_drop(void *userdata, const char *reason)
{
    struct rig *rig = userdata;

    rig->dropped = reason;
    rig->drop_count++;
}

static inline void rig_random(void *userdata, void *ret_bytes, size_t len)
{
    struct rig *rig = userdata;

    memset(ret_bytes, ++rig->random, len);
}

/* A lock that is paired, if it has an authorization, and whose PIN is known, if it is not -1. */
static inline void rig_init(struct rig *rig, uint32_t auth_id, int64_t pin)
{
    static const uint8_t key[NUKI_KEY_BYTES] = { 7, 7, 7 };
    uint8_t secret[RIG_SECRET] = { 1, (uint8_t)auth_id, (uint8_t)(auth_id >> 8), (uint8_t)(auth_id >> 16) };
    struct ble_identity identity = {
        .name = "stile front", .pin = pin, .secret = secret, .secret_len = auth_id ? sizeof(secret) : 0
    };

    *rig = (struct rig){ .now = { .us = RIG_START_US, .utc_s = RIG_UTC_S }, .access = { auth_id, { 0 } } };
    rig->port = (struct ble_port){ rig_write, rig_state,   rig_result, rig_progress, rig_record,
                                   rig_keep,  rig_refused, rig_drop,   rig_random,   rig };
    memcpy(rig->access.key, key, sizeof(key));
    memcpy(secret + 9, key, sizeof(key));
    assert_int_equal(ble_nuki.create(&identity, &rig->port, &rig->nuki), 0);
}

static inline void rig_finish(struct rig *rig)
{
    ble_nuki.destroy(rig->nuki);
}

/* Confirms what was written, as the driver does once it has returned to its loop. */
static inline void rig_settle(struct rig *rig)
{
    while (rig->unconfirmed && !rig->slow) {
        rig->unconfirmed = false;
        ble_nuki.written(rig->nuki, true, &rig->now);
    }
}

static inline void rig_begin(struct rig *rig, enum ble_command_kind kind)
{
    ble_nuki.begin(rig->nuki, &(struct ble_command){ .kind = kind, .deadline_us = RIG_DEADLINE_US },
                   &rig->now);
    rig_settle(rig);
}

/* Bytes from the lock. */
static inline void rig_indicate(struct rig *rig, unsigned channel, const uint8_t bytes[], size_t len)
{
    for (size_t at = 0; at < len; at += RIG_INDICATION)
        ble_nuki.value(rig->nuki, channel, bytes + at, len - at < RIG_INDICATION ? len - at : RIG_INDICATION,
                       &rig->now);
    rig_settle(rig);
}

/* The lock's next nonce; different in its first bytes from all random ones of rig_random() and challenges. */
static inline const uint8_t *rig_nonce(struct rig *rig, uint8_t nonce[static NUKI_FRAME_NONCE_BYTES])
{
    memset(nonce, 0, NUKI_FRAME_NONCE_BYTES);
    nonce[0] = ++rig->nonce;
    nonce[1] = 0xee;
    return nonce;
}

static inline void rig_say(struct rig *rig, const struct nuki_message *message)
{
    uint8_t nonce[NUKI_FRAME_NONCE_BYTES], bytes[NUKI_FRAME_MAX];
    size_t len = nuki_frame_seal(&rig->access, rig_nonce(rig, nonce), message, bytes);

    rig_indicate(rig, BLE_NUKI_CHANNEL_KEYTURNER, bytes, len);
}

static inline void rig_say_plain(struct rig *rig, const struct nuki_message *message)
{
    uint8_t bytes[NUKI_FRAME_MAX];
    size_t len = nuki_frame_plain(message, bytes);

    rig_indicate(rig, BLE_NUKI_CHANNEL_PAIRING, bytes, len);
}

static inline struct nuki_message rig_challenge(uint8_t number)
{
    struct nuki_message message = { .command = NUKI_COMMAND_CHALLENGE };

    memset(message.nonce, number, sizeof(message.nonce));
    message.nonce[1] = 0xcc;
    return message;
}

static inline struct nuki_message rig_status(enum nuki_status status)
{
    return (struct nuki_message){ .command = NUKI_COMMAND_STATUS, .status = (uint8_t)status };
}

static inline struct nuki_message rig_error(enum nuki_code code)
{
    return (struct nuki_message){ .command = NUKI_COMMAND_ERROR_REPORT,
                                  .error_report = { (uint8_t)code, 0 } };
}

/* At RIG_UTC_S by the lock's right clock, an hour east. */
static inline struct nuki_message rig_states(enum nuki_lock_state lock_state)
{
    return (struct nuki_message){ .command = NUKI_COMMAND_KEYTURNER_STATES,
                                  .states = { .size = NUKI_STATES_BYTES_V21,
                                              .nuki_state = NUKI_STATE_DOOR_MODE,
                                              .lock_state = (uint8_t)lock_state,
                                              .time = nuki_time_from_seconds(RIG_UTC_S + 3600),
                                              .zone_minutes = 60,
                                              .battery = 0xa0,
                                              .last_completion = NUKI_COMPLETION_UNKNOWN,
                                              .door_sensor = NUKI_DOOR_SENSOR_CLOSED } };
}

static inline void rig_say_states(struct rig *rig, enum nuki_lock_state lock_state)
{
    struct nuki_message message = rig_states(lock_state);

    rig_say(rig, &message);
}

static inline void rig_say_status(struct rig *rig, enum nuki_status status)
{
    struct nuki_message message = rig_status(status);

    rig_say(rig, &message);
}

static inline void rig_say_challenge(struct rig *rig, uint8_t number)
{
    struct nuki_message message = rig_challenge(number);

    rig_say(rig, &message);
}

static inline void rig_say_error(struct rig *rig, enum nuki_code code)
{
    struct nuki_message message = rig_error(code);

    rig_say(rig, &message);
}

/* What was written last. */
static inline struct nuki_message rig_heard(const struct rig *rig)
{
    struct nuki_message message;

    assert_int_equal(rig->channel == BLE_NUKI_CHANNEL_PAIRING
                         ? nuki_frame_open_plain(rig->bytes, rig->len, &message)
                         : nuki_frame_open(&rig->access, rig->bytes, rig->len, &message),
                     0);
    return message;
}

static inline void assert_heard(const struct rig *rig, enum nuki_command command)
{
    assert_int_equal(rig_heard(rig).command, command);
}

static inline void assert_asked(const struct rig *rig, enum nuki_command what)
{
    struct nuki_message message = rig_heard(rig);

    assert_int_equal(message.command, NUKI_COMMAND_REQUEST_DATA);
    assert_int_equal(message.request, what);
}

/* Lets time pass up to `us`, with a tick whenever one is due. */
static inline void rig_pass(struct rig *rig, int64_t us)
{
    while (ble_nuki.due_us(rig->nuki) <= us) {
        if (rig->now.us < ble_nuki.due_us(rig->nuki))
            rig->now.us = ble_nuki.due_us(rig->nuki);
        ble_nuki.tick(rig->nuki, &rig->now);
        rig_settle(rig);
    }
    rig->now.us = us;
}

static inline void rig_close(struct rig *rig)
{
    rig->unconfirmed = false;
    ble_nuki.closed(rig->nuki, &rig->now);
}

/* The exchange has ended, with this as its last result, and nothing more is to come. */
static inline void assert_end(struct rig *rig, enum driver_outcome outcome, const char *reason)
{
    assert_true(rig->result_count > 0);
    const struct ble_result *result = &rig->results[rig->result_count - 1];

    assert_int_equal(result->outcome, outcome);
    if (reason)
        assert_string_equal(result->reason, reason);
    else
        assert_null(result->reason);
    assert_true(ble_nuki.due_us(rig->nuki) == INT64_MAX);
    for (unsigned i = 0; i + 1 < rig->result_count; i++)
        assert_int_equal(rig->results[i].outcome, DRIVER_OUTCOME_ACCEPTED);
}

static inline void assert_refused(const struct rig *rig, unsigned count, const char *reason)
{
    assert_int_equal(rig->refused_count, count);
    assert_string_equal(rig->refused, reason);
}

/* The steps of an unlocking when all is well. */
enum rig_progress { RIG_ASKED, RIG_WRITTEN, RIG_ACCEPTED, RIG_MOVING, RIG_ARRIVED, RIG_STEPS };

static inline void rig_unlock(struct rig *rig, enum rig_progress progress)
{
    rig_begin(rig, BLE_COMMAND_UNLOCK);
    assert_asked(rig, NUKI_COMMAND_CHALLENGE);
    if (progress >= RIG_WRITTEN) {
        rig_say_challenge(rig, 1);
        assert_heard(rig, NUKI_COMMAND_LOCK_ACTION);
    }
    if (progress >= RIG_ACCEPTED)
        rig_say_status(rig, NUKI_STATUS_ACCEPTED);
    if (progress >= RIG_MOVING)
        rig_say_states(rig, NUKI_LOCK_STATE_UNLOCKING);
    if (progress >= RIG_ARRIVED)
        rig_say_states(rig, NUKI_LOCK_STATE_UNLOCKED);
}

static inline int rig_setup(void **state)
{
    struct rig *rig = malloc(sizeof(*rig));

    if (!rig)
        return -1;
    rig_init(rig, RIG_AUTH_ID, -1);
    *state = rig;
    return 0;
}

static inline int rig_teardown(void **state)
{
    rig_finish(*state);
    free(*state);
    return 0;
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)
