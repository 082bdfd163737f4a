/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_nuki_pin.c: entries are asked for from the oldest that is not known on, so that an import which breaks
 * off has no hole, and the last index that came says where to go on. */
#include "hal/ble/ble_nuki_pin.h"

#include <string.h>

#include "hal/ble/ble_nuki_state.h"

void ble_nuki_pin_send_log(struct ble_nuki *nuki, const uint8_t challenge[static NUKI_NONCE_BYTES],
                           const struct ble_now *now)
{
    struct nuki_message message = { .command = NUKI_COMMAND_REQUEST_LOG_ENTRIES,
                                    .request_log = { .start = nuki->command.after,
                                                     .count = (uint16_t)(BLE_RECORDS_MAX - nuki->records),
                                                     .pin = (uint16_t)nuki->pin } };

    memcpy(message.request_log.nonce, challenge, NUKI_NONCE_BYTES);
    ble_nuki_talk_send(nuki, BLE_NUKI_STEP_LOG, &message, now);
}

void ble_nuki_pin_send_clock(struct ble_nuki *nuki, const uint8_t challenge[static NUKI_NONCE_BYTES],
                             const struct ble_now *now)
{
    struct nuki_message message = { .command = NUKI_COMMAND_UPDATE_TIME,
                                    .update_time = { .time =
                                                         nuki_time_from_seconds(now->utc_s + nuki->zone_s),
                                                     .pin = (uint16_t)nuki->pin } };

    memcpy(message.update_time.nonce, challenge, NUKI_NONCE_BYTES);
    ble_nuki_talk_send(nuki, BLE_NUKI_STEP_CLOCK, &message, now);
}

void ble_nuki_pin_entry(struct ble_nuki *nuki, const struct nuki_message *message, const struct ble_now *now)
{
    struct ble_record record;

    if (message->log_entry.index <= nuki->command.after || nuki->records == BLE_RECORDS_MAX) {
        ble_nuki_talk_refuse(nuki, "out_of_order");
        return;
    }
    nuki->command.after = message->log_entry.index;
    nuki->records++;
    nuki->due_us = now->us + BLE_NUKI_ANSWER_US;
    ble_nuki_state_record(&message->log_entry, nuki->zone_s, &record);
    nuki->port->record(nuki->port->userdata, &record);
}

void ble_nuki_pin_ended(struct ble_nuki *nuki, const struct nuki_message *message, const struct ble_now *now)
{
    if (message->status == NUKI_STATUS_COMPLETE)
        ble_nuki_talk_complete(nuki);
    else
        ble_nuki_talk_refuse(nuki, "unasked");
}
