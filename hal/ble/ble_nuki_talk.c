/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_nuki_talk.c: the deadline is looked at in one place, right before a value goes to the driver, which
 * writes it at once because nothing else of ours is under way. */
#include "hal/ble/ble_nuki_talk.h"

#include <string.h>

#include "hal/ble/ble_nuki_state.h"

/* Whether a message changes the lock, so that it is not known any more what became of it if the link breaks.
 */
static bool acts(const struct nuki_message *message)
{
    return message->command == NUKI_COMMAND_LOCK_ACTION || message->command == NUKI_COMMAND_UPDATE_TIME ||
           message->command == NUKI_COMMAND_AUTHORIZATION_ID_CONFIRMATION;
}

unsigned ble_nuki_talk_channel(enum ble_command_kind kind)
{
    return kind == BLE_COMMAND_PAIR ? BLE_NUKI_CHANNEL_PAIRING : BLE_NUKI_CHANNEL_KEYTURNER;
}

static size_t frame(struct ble_nuki *nuki, uint8_t ret_bytes[static NUKI_FRAME_MAX])
{
    uint8_t nonce[NUKI_FRAME_NONCE_BYTES];

    if (nuki->command.kind == BLE_COMMAND_PAIR)
        return nuki_frame_plain(&nuki->out, ret_bytes);
    nuki->port->random(nuki->port->userdata, nonce, sizeof(nonce));
    return nuki_frame_seal(&nuki->access, nonce, &nuki->out, ret_bytes);
}

static void emit(struct ble_nuki *nuki, const struct ble_now *now)
{
    uint8_t bytes[NUKI_FRAME_MAX];

    if (acts(&nuki->out) && ble_nuki_talk_is_late(nuki, now)) {
        ble_nuki_talk_late(nuki);
        return;
    }
    size_t len = frame(nuki, bytes);

    nuki->acted = nuki->acted || acts(&nuki->out);
    if (nuki->out.command != NUKI_COMMAND_REQUEST_DATA)
        nuki->sent = (uint16_t)nuki->out.command;
    nuki->waiting = false;
    nuki->writing = true;
    nuki_forget(&nuki->out);
    nuki->port->write(nuki->port->userdata, ble_nuki_talk_channel(nuki->command.kind), bytes, len);
}

void ble_nuki_talk_begin(struct ble_nuki *nuki, const struct ble_command *command)
{
    nuki->command = *command;
    nuki->messages = 0;
    nuki->refused = 0;
    nuki->sent = 0;
    nuki->acted = false;
    nuki->wait = NULL;
    nuki->fresh = false;
    nuki->reached = false;
    nuki->records = 0;
    for (size_t i = 0; i < BLE_NUKI_CHANNEL_COUNT; i++)
        nuki_frame_reset(&nuki->in[i]);
}

void ble_nuki_talk_send(struct ble_nuki *nuki, enum ble_nuki_step step, const struct nuki_message *message,
                        const struct ble_now *now)
{
    nuki->step = step;
    nuki->due_us = now->us + BLE_NUKI_ANSWER_US;
    nuki->out = *message;
    nuki->waiting = nuki->writing;
    if (!nuki->waiting)
        emit(nuki, now);
}

void ble_nuki_talk_request(struct ble_nuki *nuki, enum ble_nuki_step step, enum nuki_command what,
                           const struct ble_now *now)
{
    const struct nuki_message message = { .command = NUKI_COMMAND_REQUEST_DATA, .request = (uint16_t)what };

    ble_nuki_talk_send(nuki, step, &message, now);
}

void ble_nuki_talk_pause(struct ble_nuki *nuki, const char *why, const struct ble_now *now)
{
    nuki->acted = false;
    nuki->wait = why;
    nuki->step = BLE_NUKI_STEP_PAUSE;
    nuki->due_us = now->us + BLE_NUKI_PAUSE_US;
}

void ble_nuki_talk_written(struct ble_nuki *nuki, const struct ble_now *now)
{
    nuki->writing = false;
    if (nuki->waiting)
        emit(nuki, now);
}

bool ble_nuki_talk_awaits(const struct ble_nuki *nuki)
{
    return nuki->step != BLE_NUKI_STEP_IDLE && nuki->step != BLE_NUKI_STEP_PAUSE && !nuki->waiting;
}

int64_t ble_nuki_talk_due(const struct ble_nuki *nuki)
{
    if (nuki->step == BLE_NUKI_STEP_IDLE)
        return INT64_MAX;
    return !nuki->acted && nuki->command.deadline_us < nuki->due_us ? nuki->command.deadline_us
                                                                    : nuki->due_us;
}

bool ble_nuki_talk_is_late(const struct ble_nuki *nuki, const struct ble_now *now)
{
    return !nuki->acted && now->us >= nuki->command.deadline_us;
}

static void end(struct ble_nuki *nuki, const struct ble_result *result)
{
    nuki->step = BLE_NUKI_STEP_IDLE;
    nuki->waiting = false;
    nuki_forget(&nuki->out);
    explicit_bzero(&nuki->pairing, sizeof(nuki->pairing));
    nuki->port->result(nuki->port->userdata, result);
}

void ble_nuki_talk_complete(struct ble_nuki *nuki)
{
    end(nuki, &(struct ble_result){ .outcome = DRIVER_OUTCOME_COMPLETED });
}

void ble_nuki_talk_fail(struct ble_nuki *nuki, const char *reason)
{
    end(nuki, &(struct ble_result){ .outcome = DRIVER_OUTCOME_FAILED, .reason = reason });
}

void ble_nuki_talk_unknown(struct ble_nuki *nuki, const char *reason)
{
    end(nuki, &(struct ble_result){ .outcome = DRIVER_OUTCOME_UNKNOWN, .reason = reason });
}

void ble_nuki_talk_late(struct ble_nuki *nuki)
{
    ble_nuki_talk_fail(nuki, nuki->wait ? nuki->wait : BLE_REASON_DEADLINE);
}

void ble_nuki_talk_lost(struct ble_nuki *nuki, const char *reason)
{
    if (nuki->acted)
        ble_nuki_talk_unknown(nuki, reason);
    else
        end(nuki, &(struct ble_result){ .outcome = DRIVER_OUTCOME_FAILED, .reason = reason, .again = true });
}

void ble_nuki_talk_refuse(struct ble_nuki *nuki, const char *reason)
{
    nuki->port->refused(nuki->port->userdata, reason);
    if (++nuki->refused >= BLE_NUKI_REFUSED_MAX)
        ble_nuki_talk_drop(nuki, "flood");
}

void ble_nuki_talk_drop(struct ble_nuki *nuki, const char *reason)
{
    nuki->dropped = true;
    if (nuki->step != BLE_NUKI_STEP_IDLE)
        ble_nuki_talk_lost(nuki, reason);
    nuki->port->drop(nuki->port->userdata, reason);
}

void ble_nuki_talk_say(struct ble_nuki *nuki, const struct nuki_states *states, const struct ble_now *now)
{
    struct ble_state state;

    ble_nuki_state_of(states, now, &state, &nuki->zone_s);
    nuki->port->state(nuki->port->userdata, &state);
}

bool ble_nuki_talk_is_new(struct ble_nuki *nuki, const uint8_t random[static NUKI_FRAME_NONCE_BYTES])
{
    uint64_t begin;

    memcpy(&begin, random, sizeof(begin));
    for (size_t i = 0; i < BLE_NUKI_SEEN_MAX; i++) {
        if (nuki->seen[i] == begin)
            return false;
    }
    nuki->seen[nuki->seen_next++ % BLE_NUKI_SEEN_MAX] = begin;
    return true;
}
