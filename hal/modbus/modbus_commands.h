/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_commands.h: releases and holds of a collector, from the command to its result. Pure.
 *
 * They wait in the order in which they came. A release is sent once; one whose answer is missing ends
 * `unknown`. A hold is a state: what was taken is written again when the device has started anew.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hal/modbus/modbus_collector.h"
#include "hal/modbus/modbus_unit.h"

/* Commands that were not sent yet; more are refused. */
#define MODBUS_COMMANDS_MAX 8

/* Requests of commands have tags from 0 to here; other requests have others. */
#define MODBUS_COMMANDS_TAGS (2 + MODBUS_SIDES)

/* A hold of both sides is two requests. */
enum modbus_part { MODBUS_PART_WHOLE, MODBUS_PART_FIRST, MODBUS_PART_LAST };

struct modbus_queued {
    int64_t id;
    int64_t deadline_us;
    enum modbus_side_name side;
    enum driver_command_kind kind; /* RELEASE, HOLD */
    int64_t pulse_ms;              /* release */
    bool on;                       /* hold */
    enum modbus_part part;         /* hold */
};

struct modbus_commands {
    const struct modbus_profile *profile; /* borrowed, as the next two */
    const struct modbus_voice *voice;
    struct modbus_collector *collector;
    size_t queue_count;
    struct modbus_queued queue[MODBUS_COMMANDS_MAX];
    int64_t pulse_units[MODBUS_SIDES]; /* what the pulse register holds; -1: not known */
    bool held[MODBUS_SIDES];           /* as the device was told */
    bool hold_waits[MODBUS_SIDES];     /* it is to be told again */
};

void modbus_commands_init(struct modbus_commands *commands, const struct modbus_profile *profile,
                          const struct modbus_voice *voice, struct modbus_collector *collector);

/* Takes a release or a hold. Returns NULL, or why it is refused. */
const char *modbus_commands_take(struct modbus_commands *commands, const struct driver_command *command);

/* The request of the oldest command; of a hold that the device has lost. False: there is none. */
bool modbus_commands_want(const struct modbus_commands *commands, struct modbus_request *ret_request);
bool modbus_commands_want_again(const struct modbus_commands *commands, struct modbus_request *ret_request);

/* What became of a request of ours. */
void modbus_commands_answer(struct modbus_commands *commands, const struct modbus_request *request,
                            const struct modbus_answer *answer);

/* The device has started anew, or is away: what it held is known no more. */
void modbus_commands_forget(struct modbus_commands *commands);

/* A hold off while the device is away: what it means is written off when the device is back. */
void modbus_commands_let_go(struct modbus_commands *commands, const struct driver_command *command);

/* Somebody else says anew what is held. */
void modbus_commands_drop(struct modbus_commands *commands);

/* Ends what was not sent: `failed`, "device_down". */
void modbus_commands_fail(struct modbus_commands *commands);
