/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_panel_output.h: one output of a panel: a release that waits to be written, and the level that it is
 * held at. Pure.
 *
 * A pulse is timed by the device where it can. Where it cannot, the output is written on, and off when the
 * time is over and nothing stands in the way; a release that may or may not have been carried out is written
 * off at once. Off is wanted until the device has confirmed it.
 *
 * A level that was told is wanted for as long as it was not confirmed, again after each look, since it does
 * no harm twice. What nobody was told is left as it is found: after a start the gateway says first what is
 * held.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hal/modbus/modbus_panel_target.h"

/* What a request is for: its tag, after the output's number. */
enum modbus_panel_step {
    MODBUS_PANEL_COUNT, /* how many pulses */
    MODBUS_PANEL_WIDTH, /* how long a pulse is */
    MODBUS_PANEL_START, /* the release itself */
    MODBUS_PANEL_LEVEL,
    MODBUS_PANEL_STEPS,
};

struct modbus_panel_level {
    bool held;
    bool told;      /* it was told whether it is held */
    bool sure;      /* the device has confirmed the level */
    int64_t off_us; /* not held: when we must end a pulse; INT64_MAX: never */
};

struct modbus_panel_output {
    const struct modbus_output *map;    /* borrowed */
    struct modbus_panel_target *target; /* whose it is; NULL: it is not wired */
    struct driver_command release;      /* id 0: none waits */
    bool counted;                       /* the device is set for one pulse */
    int64_t width;                      /* what its pulse register holds; -1: not known */
    int64_t pulse_end_us;               /* of the last pulse */
    int64_t hold_id;                    /* the command that waits for the level; 0: none */
    int64_t hold_deadline_us;
    struct modbus_panel_level level;
    struct modbus_panel_level before; /* what holds again if that command is never sent */
    bool rests;                       /* a level was not taken: not again before the next look */
    bool refused;                     /* nor will it be, it seems */
    bool doubt;                       /* it is to be read back */
    bool leaves;                      /* what is not taken is written again at once */
    int64_t written_us;
};

void modbus_panel_output_init(struct modbus_panel_output *output, const struct modbus_output *map,
                              struct modbus_panel_target *target);

/* Takes a release for its target. Returns NULL, or why it is refused. */
const char *modbus_panel_output_release(struct modbus_panel_output *output,
                                        const struct driver_command *command, int64_t now_us);

/* Takes a level; id 0: nobody waits for it. Whether hold_id is still set says if a request is needed. */
void modbus_panel_output_hold(struct modbus_panel_output *output, bool on, int64_t id, int64_t deadline_us,
                              int64_t now_us);

/* Ends the hold that waits, if one does. Not done: what was not sent is not wanted any more. */
void modbus_panel_output_end_hold(struct modbus_panel_output *output, bool done);

/* Fills in what is wanted, with the step as its tag; false: nothing is. */
bool modbus_panel_output_want(const struct modbus_panel_output *output, int64_t now_us,
                              struct modbus_request *ret_request);

/* When it will want something that it does not want now. */
int64_t modbus_panel_output_due_us(const struct modbus_panel_output *output);

/* What became of the request of a step. Says results of releases, not of holds: of those the caller does. */
void modbus_panel_output_answer(struct modbus_panel_output *output, enum modbus_panel_step step,
                                const struct modbus_request *request, const struct modbus_answer *answer);

/* A look that began at begun_us has ended; on: what was read back, NULL if it was not. */
void modbus_panel_output_see(struct modbus_panel_output *output, const bool *on, int64_t begun_us);

/* Nobody will be there to end a pulse: it ends now. */
void modbus_panel_output_leave(struct modbus_panel_output *output, int64_t now_us);

/* Somebody else says anew what is held: until then it is left as it is found. */
void modbus_panel_output_forget(struct modbus_panel_output *output);

/* What the device holds is known no more. down: nor can it be told anything. */
void modbus_panel_output_lost(struct modbus_panel_output *output, bool down);
