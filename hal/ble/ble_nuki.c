/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_nuki.c: a lock is heard only when a step awaits a message of that command: rows[] is the whole of it.
 * Everything else is refused, and changes nothing. */
#include "hal/ble/ble_nuki.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"
#include "hal/ble/ble_nuki_action.h"
#include "hal/ble/ble_nuki_advert.h"
#include "hal/ble/ble_nuki_pair.h"
#include "hal/ble/ble_nuki_pin.h"
#include "hal/ble/ble_nuki_talk.h"

static const struct ble_channel channels[] = {
    [BLE_NUKI_CHANNEL_PAIRING] = { NUKI_PAIRING_SERVICE, NUKI_PAIRING_GDIO },
    [BLE_NUKI_CHANNEL_KEYTURNER] = { NUKI_KEYTURNER_SERVICE, NUKI_KEYTURNER_USDIO },
};

/* The first message of an exchange, or of its next try. */
static void start(struct ble_nuki *nuki, const struct ble_now *now)
{
    switch (nuki->command.kind) {
    case BLE_COMMAND_STATES:
    case BLE_COMMAND_LOG:
    case BLE_COMMAND_CLOCK:
        ble_nuki_talk_request(nuki, BLE_NUKI_STEP_STATES, NUKI_COMMAND_KEYTURNER_STATES, now);
        break;
    case BLE_COMMAND_LOCK:
    case BLE_COMMAND_UNLOCK:
    case BLE_COMMAND_UNLATCH:
        ble_nuki_talk_request(nuki, BLE_NUKI_STEP_CHALLENGE, NUKI_COMMAND_CHALLENGE, now);
        break;
    case BLE_COMMAND_PAIR:
        ble_nuki_pair_begin(nuki, now);
        break;
    }
}

static void take_states(struct ble_nuki *nuki, const struct nuki_message *message, const struct ble_now *now)
{
    ble_nuki_talk_say(nuki, &message->states, now);
    if (nuki->command.kind == BLE_COMMAND_STATES)
        ble_nuki_talk_complete(nuki);
    else
        ble_nuki_talk_request(nuki, BLE_NUKI_STEP_CHALLENGE, NUKI_COMMAND_CHALLENGE, now);
}

static void take_challenge(struct ble_nuki *nuki, const struct nuki_message *message,
                           const struct ble_now *now)
{
    if (!ble_nuki_talk_is_new(nuki, message->nonce))
        ble_nuki_talk_refuse(nuki, "replayed");
    else if (nuki->command.kind == BLE_COMMAND_LOG)
        ble_nuki_pin_send_log(nuki, message->nonce, now);
    else if (nuki->command.kind == BLE_COMMAND_CLOCK)
        ble_nuki_pin_send_clock(nuki, message->nonce, now);
    else
        ble_nuki_action_send(nuki, message->nonce, now);
}

/* Whether the step's message carried a challenge, which was wrong then. */
static bool answers_challenge(enum ble_nuki_step step)
{
    return step == BLE_NUKI_STEP_ACTION || step == BLE_NUKI_STEP_LOG || step == BLE_NUKI_STEP_CLOCK;
}

/* Whether a busy lock has done nothing yet. */
static bool is_before_motor(enum ble_nuki_step step)
{
    return step != BLE_NUKI_STEP_MOTOR && step != BLE_NUKI_STEP_CHECK;
}

static const char *word_of(uint8_t code)
{
    bool unauthorized = code == NUKI_CODE_K_NOT_AUTHORIZED || code == NUKI_CODE_K_INVALID_AUTH_ID;

    return unauthorized ? BLE_REASON_UNAUTHORIZED : nuki_code_word(code);
}

/* Whether an error is of an exchange that has ended. What a lock says of a request, or of nothing that we
 * send, can be of this one. */
static bool is_late(const struct ble_nuki *nuki, const struct nuki_error_report *error)
{
    switch (error->command) {
    case NUKI_COMMAND_LOCK_ACTION:
    case NUKI_COMMAND_UPDATE_TIME:
    case NUKI_COMMAND_REQUEST_LOG_ENTRIES:
        return error->command != nuki->sent;
    default:
        return false;
    }
}

static void take_error(struct ble_nuki *nuki, const struct nuki_message *message, const struct ble_now *now)
{
    uint8_t code = message->error_report.code;

    if (is_late(nuki, &message->error_report)) {
        ble_nuki_talk_refuse(nuki, "unasked");
    } else if (nuki->step == BLE_NUKI_STEP_CHECK) {
        ble_nuki_talk_unknown(nuki, word_of(code));
    } else if ((code == NUKI_CODE_K_BUSY && is_before_motor(nuki->step)) ||
               (code == NUKI_CODE_P_NOT_PAIRING && nuki->step == BLE_NUKI_STEP_PAIR_KEY)) {
        ble_nuki_talk_pause(nuki, nuki_code_word(code), now);
    } else if (code == NUKI_CODE_K_BAD_NONCE && answers_challenge(nuki->step) && !nuki->fresh) {
        nuki->fresh = true;
        nuki->acted = false;
        ble_nuki_talk_request(nuki, BLE_NUKI_STEP_CHALLENGE, NUKI_COMMAND_CHALLENGE, now);
    } else {
        ble_nuki_talk_fail(nuki, word_of(code));
    }
}

static const struct row {
    enum ble_nuki_step step;
    enum nuki_command command;
    void (*take)(struct ble_nuki *nuki, const struct nuki_message *message, const struct ble_now *now);
} rows[] = {
    { BLE_NUKI_STEP_STATES, NUKI_COMMAND_KEYTURNER_STATES, take_states },
    { BLE_NUKI_STEP_CHALLENGE, NUKI_COMMAND_CHALLENGE, take_challenge },
    { BLE_NUKI_STEP_ACTION, NUKI_COMMAND_STATUS, ble_nuki_action_answered },
    { BLE_NUKI_STEP_MOTOR, NUKI_COMMAND_KEYTURNER_STATES, ble_nuki_action_moved },
    { BLE_NUKI_STEP_MOTOR, NUKI_COMMAND_STATUS, ble_nuki_action_ended },
    { BLE_NUKI_STEP_CHECK, NUKI_COMMAND_KEYTURNER_STATES, ble_nuki_action_checked },
    { BLE_NUKI_STEP_LOG, NUKI_COMMAND_LOG_ENTRY, ble_nuki_pin_entry },
    { BLE_NUKI_STEP_LOG, NUKI_COMMAND_STATUS, ble_nuki_pin_ended },
    { BLE_NUKI_STEP_CLOCK, NUKI_COMMAND_STATUS, ble_nuki_pin_ended },
    { BLE_NUKI_STEP_PAIR_KEY, NUKI_COMMAND_PUBLIC_KEY, ble_nuki_pair_key },
    { BLE_NUKI_STEP_PAIR_CHALLENGE, NUKI_COMMAND_CHALLENGE, ble_nuki_pair_challenged },
    { BLE_NUKI_STEP_PAIR_PROVEN, NUKI_COMMAND_CHALLENGE, ble_nuki_pair_proven },
    { BLE_NUKI_STEP_PAIR_ID, NUKI_COMMAND_AUTHORIZATION_ID, ble_nuki_pair_identified },
    { BLE_NUKI_STEP_PAIR_END, NUKI_COMMAND_STATUS, ble_nuki_pair_ended },
};

static void take(struct ble_nuki *nuki, const struct nuki_message *message, const struct ble_now *now)
{
    if (!ble_nuki_talk_awaits(nuki)) {
        ble_nuki_talk_refuse(nuki, "unasked");
        return;
    }
    if (message->command == NUKI_COMMAND_ERROR_REPORT) {
        take_error(nuki, message, now);
        return;
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].step == nuki->step && rows[i].command == message->command) {
            rows[i].take(nuki, message, now);
            return;
        }
    }
    ble_nuki_talk_refuse(nuki, "unasked");
}

/* Returns NULL, or why a whole frame is refused. */
static const char *open_frame(struct ble_nuki *nuki, unsigned from, struct nuki_message *ret)
{
    const struct nuki_assembly *in = &nuki->in[from];
    int r;

    if (from == BLE_NUKI_CHANNEL_PAIRING) {
        r = nuki_frame_open_plain(in->bytes, in->len, ret);
        return r == 0 ? NULL : nuki_error_word(r);
    }
    if (!nuki->paired)
        return "unasked";
    r = nuki_frame_open(&nuki->access, in->bytes, in->len, ret);
    if (r != 0)
        return nuki_error_word(r);
    return ble_nuki_talk_is_new(nuki, in->bytes) ? NULL : "replayed";
}

static void value(void *self, unsigned from, const uint8_t bytes[], size_t len, const struct ble_now *now)
{
    struct ble_nuki *nuki = self;
    struct nuki_message message;

    assert(from < BLE_NUKI_CHANNEL_COUNT);
    if (nuki->dropped)
        return;
    int r = nuki_frame_add(&nuki->in[from], bytes, len);

    if (r == NUKI_FRAME_PART)
        return;
    const char *refusal = r == 0 ? open_frame(nuki, from, &message) : nuki_error_word(r);

    if (!refusal && from != ble_nuki_talk_channel(nuki->command.kind))
        refusal = "unasked";
    if (refusal)
        ble_nuki_talk_refuse(nuki, refusal);
    else if (++nuki->messages > BLE_NUKI_MESSAGES_MAX)
        ble_nuki_talk_drop(nuki, "flood");
    else
        take(nuki, &message, now);
}

/* Why a command cannot be begun, or NULL. */
static const char *obstacle(const struct ble_nuki *nuki, const struct ble_now *now)
{
    enum ble_command_kind kind = nuki->command.kind;

    if (ble_nuki_talk_is_late(nuki, now))
        return BLE_REASON_DEADLINE;
    if (!nuki->paired && kind != BLE_COMMAND_PAIR)
        return "not_paired";
    if ((kind == BLE_COMMAND_LOG || kind == BLE_COMMAND_CLOCK) && nuki->pin < 0)
        return "no_pin";
    if (kind == BLE_COMMAND_CLOCK && now->utc_s == BLE_UTC_UNKNOWN)
        return "no_time";
    return NULL;
}

static void begin(void *self, const struct ble_command *command, const struct ble_now *now)
{
    struct ble_nuki *nuki = self;

    assert(nuki->step == BLE_NUKI_STEP_IDLE);
    ble_nuki_talk_begin(nuki, command);
    const char *reason = obstacle(nuki, now);

    if (reason)
        ble_nuki_talk_fail(nuki, reason);
    else if (nuki->dropped)
        ble_nuki_talk_lost(nuki, "link_lost");
    else
        start(nuki, now);
}

static void closed(void *self, const struct ble_now *now)
{
    struct ble_nuki *nuki = self;

    nuki->dropped = false;
    nuki->writing = false;
    nuki->refused = 0;
    if (nuki->step != BLE_NUKI_STEP_IDLE)
        ble_nuki_talk_lost(nuki, "link_lost");
}

/* What was refused once would be again on the same link. */
static void written(void *self, bool ok, const struct ble_now *now)
{
    struct ble_nuki *nuki = self;

    if (!ok)
        ble_nuki_talk_drop(nuki, "write_refused");
    ble_nuki_talk_written(nuki, now);
}

static int64_t due_us(const void *self)
{
    return ble_nuki_talk_due(self);
}

static void tick(void *self, const struct ble_now *now)
{
    struct ble_nuki *nuki = self;

    if (nuki->step == BLE_NUKI_STEP_IDLE || now->us < ble_nuki_talk_due(nuki))
        return;
    if (ble_nuki_talk_is_late(nuki, now))
        ble_nuki_talk_late(nuki);
    else if (nuki->step == BLE_NUKI_STEP_PAUSE)
        start(nuki, now);
    else
        ble_nuki_talk_drop(nuki, "no_answer");
}

static bool is_paired(const void *self)
{
    const struct ble_nuki *nuki = self;

    return nuki->paired;
}

static void destroy(void *self)
{
    if (self)
        explicit_bzero(self, sizeof(struct ble_nuki));
    free(self);
}

static void destroyp(void *self)
{
    destroy(*(void **)self);
}

static int create(const struct ble_identity *identity, const struct ble_port *port, void **ret_self)
{
    cleanup_with(destroyp) struct ble_nuki *nuki = calloc(1, sizeof(*nuki));

    if (!nuki)
        return -ENOMEM;
    if (identity->pin > UINT16_MAX)
        return -EBADMSG;
    nuki->port = port;
    nuki->pin = identity->pin;
    nuki->in[BLE_NUKI_CHANNEL_KEYTURNER].encrypted = true;
    memcpy(nuki->name, identity->name, text_cut(identity->name, NUKI_NAME_BYTES));
    int r =
        identity->secret_len > 0 ? ble_nuki_pair_restore(nuki, identity->secret, identity->secret_len) : 0;

    if (r == 0)
        *ret_self = take_ptr(nuki);
    return r;
}

const struct ble_protocol ble_nuki = {
    .name = "nuki",
    .about = "Nuki lock",
    .channels = channels,
    .channel_count = BLE_NUKI_CHANNEL_COUNT,
    .heard = ble_nuki_advert_heard,
    .called = ble_nuki_advert_called,
    .channel = ble_nuki_talk_channel,
    .create = create,
    .destroy = destroy,
    .paired = is_paired,
    .begin = begin,
    .closed = closed,
    .value = value,
    .written = written,
    .due_us = due_us,
    .tick = tick,
};
