/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_nuki_action.c: a bolt stays where it was driven, so the last state before `complete` decides; a latch
 * springs back by itself, so that it was seen pulled is enough. */
#include "hal/ble/ble_nuki_action.h"

#include <assert.h>
#include <string.h>

struct wish {
    enum nuki_action action;
    enum nuki_lock_state state;
};

static struct wish wish_of(const struct ble_nuki *nuki)
{
    static const struct wish wishes[] = {
        [BLE_COMMAND_LOCK] = { NUKI_ACTION_LOCK, NUKI_LOCK_STATE_LOCKED },
        [BLE_COMMAND_UNLOCK] = { NUKI_ACTION_UNLOCK, NUKI_LOCK_STATE_UNLOCKED },
        [BLE_COMMAND_UNLATCH] = { NUKI_ACTION_UNLATCH, NUKI_LOCK_STATE_UNLATCHED },
    };

    assert(nuki->command.kind >= BLE_COMMAND_LOCK && nuki->command.kind <= BLE_COMMAND_UNLATCH);
    return wishes[nuki->command.kind];
}

void ble_nuki_action_send(struct ble_nuki *nuki, const uint8_t challenge[static NUKI_NONCE_BYTES],
                          const struct ble_now *now)
{
    struct nuki_message message = { .command = NUKI_COMMAND_LOCK_ACTION,
                                    .lock_action = { .action = (uint8_t)wish_of(nuki).action,
                                                     .app_id = nuki->app_id } };

    memcpy(message.lock_action.nonce, challenge, NUKI_NONCE_BYTES);
    ble_nuki_talk_send(nuki, BLE_NUKI_STEP_ACTION, &message, now);
}

static void check(struct ble_nuki *nuki, const struct ble_now *now)
{
    ble_nuki_talk_request(nuki, BLE_NUKI_STEP_CHECK, NUKI_COMMAND_KEYTURNER_STATES, now);
}

void ble_nuki_action_answered(struct ble_nuki *nuki, const struct nuki_message *message,
                              const struct ble_now *now)
{
    static const struct ble_result accepted = { .outcome = DRIVER_OUTCOME_ACCEPTED };

    if (message->status == NUKI_STATUS_ACCEPTED) {
        nuki->step = BLE_NUKI_STEP_MOTOR;
        nuki->due_us = now->us + BLE_NUKI_MOTOR_US;
        nuki->port->result(nuki->port->userdata, &accepted);
    } else if (message->status == NUKI_STATUS_COMPLETE) {
        check(nuki, now);
    } else {
        ble_nuki_talk_refuse(nuki, "status");
    }
}

void ble_nuki_action_ended(struct ble_nuki *nuki, const struct nuki_message *message,
                           const struct ble_now *now)
{
    if (message->status != NUKI_STATUS_COMPLETE)
        ble_nuki_talk_refuse(nuki, "unasked");
    else if (nuki->reached)
        ble_nuki_talk_complete(nuki);
    else
        check(nuki, now);
}

void ble_nuki_action_moved(struct ble_nuki *nuki, const struct nuki_message *message,
                           const struct ble_now *now)
{
    struct wish wish = wish_of(nuki);
    bool is_there = message->states.lock_state == wish.state;

    nuki->reached = is_there || (nuki->reached && wish.action == NUKI_ACTION_UNLATCH);
    ble_nuki_talk_say(nuki, &message->states, now);
}

/* The latch is back already, and the lock says that it has pulled it. */
static bool has_unlatched(const struct nuki_states *states)
{
    return states->size >= NUKI_STATES_BYTES_V21 && states->lock_state == NUKI_LOCK_STATE_UNLOCKED &&
           states->last_action == NUKI_ACTION_UNLATCH && states->last_completion == NUKI_COMPLETION_SUCCESS;
}

void ble_nuki_action_checked(struct ble_nuki *nuki, const struct nuki_message *message,
                             const struct ble_now *now)
{
    const struct nuki_states *states = &message->states;
    struct wish wish = wish_of(nuki);

    ble_nuki_talk_say(nuki, states, now);
    if (states->lock_state == wish.state || (wish.action == NUKI_ACTION_UNLATCH && has_unlatched(states)))
        ble_nuki_talk_complete(nuki);
    else if (states->lock_state == NUKI_LOCK_STATE_MOTOR_BLOCKED)
        ble_nuki_talk_fail(nuki, "motor_blocked");
    else
        ble_nuki_talk_unknown(nuki, "state_differs");
}
