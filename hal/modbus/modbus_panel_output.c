/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_panel_output.c: a release goes before a level, and off is the last word of each. */
#include "hal/modbus/modbus_panel_output.h"

#include <assert.h>
#include <string.h>

#include "gateway/base/clock.h"

#define COIL_ON   0xff00
#define NOT_KNOWN (-1)

/* What nobody was told. */
static const struct modbus_panel_level left_alone = { .sure = true, .off_us = INT64_MAX };

void modbus_panel_output_init(struct modbus_panel_output *output, const struct modbus_output *map,
                              struct modbus_panel_target *target)
{
    *output = (struct modbus_panel_output){
        .map = map, .target = target, .width = NOT_KNOWN, .level = left_alone, .doubt = true
    };
}

static void result(const struct modbus_panel_output *output, int64_t id, enum driver_outcome outcome,
                   const char *reason)
{
    modbus_unit_result(output->target->voice, id, outcome, reason);
}

static bool times_pulses(const struct modbus_panel_output *output)
{
    return output->map->pulse.present;
}

/* A pulse as the output will have it. */
static int64_t pulse_us(const struct modbus_panel_output *output)
{
    const struct modbus_release *pulse = &output->map->pulse;
    int64_t pulse_ms = output->release.pulse_ms;

    return (times_pulses(output) ? modbus_image_pulse(pulse, pulse_ms) * pulse->unit_ms : pulse_ms) *
           USEC_PER_MSEC;
}

/* A level that is not held ends at off_us, with the hold that waits and without it. */
static void end_at(struct modbus_panel_output *output, int64_t off_us)
{
    if (times_pulses(output))
        return;
    if (!output->level.held)
        output->level.off_us = off_us;
    if (!output->before.held)
        output->before.off_us = off_us;
}

/* The release has been carried out. */
static void opened(struct modbus_panel_output *output, int64_t now_us)
{
    int64_t id = output->release.id;

    output->pulse_end_us = now_us + pulse_us(output);
    end_at(output, output->pulse_end_us);
    output->release.id = 0;
    output->written_us = now_us;
    modbus_panel_target_released(output->target, id, output->release.direction, output->pulse_end_us);
}

const char *modbus_panel_output_release(struct modbus_panel_output *output,
                                        const struct driver_command *command, int64_t now_us)
{
    if (!modbus_panel_target_ready(output->target))
        return "not_ready";
    if (output->release.id != 0)
        return "busy";
    output->release = *command;
    if (output->level.held && output->level.sure) /* a pulse would end what is held */
        opened(output, now_us);
    return NULL;
}

void modbus_panel_output_hold(struct modbus_panel_output *output, bool on, int64_t id, int64_t deadline_us,
                              int64_t now_us)
{
    const struct modbus_panel_level before = output->level;

    output->level.told = true;
    output->level.held = on;
    if (!on && output->pulse_end_us > now_us) { /* whoever was released may still pass */
        if (before.held)
            output->level.off_us = output->pulse_end_us;
        return;
    }
    output->level = (struct modbus_panel_level){ .held = on, .told = true, .off_us = INT64_MAX };
    output->before = before;
    output->rests = false;
    output->hold_id = id;
    output->hold_deadline_us = deadline_us;
}

void modbus_panel_output_end_hold(struct modbus_panel_output *output, bool done)
{
    if (output->hold_id != 0 && !done)
        output->level = output->before;
    output->hold_id = 0;
}

static struct modbus_request write_level(const struct modbus_write *write, int64_t deadline_us)
{
    return modbus_unit_write(write->table == MODBUS_TABLE_COIL ? MODBUS_REQUEST_WRITE_COIL
                                                               : MODBUS_REQUEST_WRITE_REGISTER,
                             write->address, (uint16_t)write->value, deadline_us, MODBUS_PANEL_LEVEL);
}

static struct modbus_request write_count(const struct modbus_release *pulse, int64_t deadline_us)
{
    return (struct modbus_request){ .kind = MODBUS_REQUEST_WRITE_REGISTERS,
                                    .range = { .address = (uint16_t)pulse->count, .count = 2 },
                                    .words = { 0, 1 },
                                    .deadline_us = deadline_us,
                                    .tag = MODBUS_PANEL_COUNT };
}

static struct modbus_request next_step(const struct modbus_panel_output *output)
{
    const struct modbus_release *pulse = &output->map->pulse;
    const int64_t deadline_us = output->release.deadline_us;
    struct modbus_request request;

    if (!times_pulses(output)) {
        request = write_level(&output->map->on, deadline_us);
        request.tag = MODBUS_PANEL_START;
        return request;
    }
    uint16_t units = modbus_image_pulse(pulse, output->release.pulse_ms);

    if (pulse->count >= 0 && !output->counted)
        return write_count(pulse, deadline_us);
    if (pulse->pulse >= 0 && output->width != units)
        return modbus_unit_write(MODBUS_REQUEST_WRITE_REGISTER, pulse->pulse, units, deadline_us,
                                 MODBUS_PANEL_WIDTH);
    return modbus_unit_write(MODBUS_REQUEST_WRITE_COIL, pulse->address,
                             pulse->method == MODBUS_RELEASE_COIL ? COIL_ON : units, deadline_us,
                             MODBUS_PANEL_START);
}

/* What the level should be. */
static bool wanted(const struct modbus_panel_output *output, int64_t now_us)
{
    bool pulse = output->level.off_us != INT64_MAX &&
                 (output->level.off_us > now_us || modbus_panel_target_blocked(output->target));

    return output->level.held || pulse;
}

bool modbus_panel_output_want(const struct modbus_panel_output *output, int64_t now_us,
                              struct modbus_request *ret_request)
{
    if (!output->target)
        return false;
    if (output->release.id != 0) {
        *ret_request = next_step(output);
        return true;
    }
    bool on = wanted(output, now_us);

    if (output->rests || (output->level.sure && (on || output->level.off_us == INT64_MAX)))
        return false;
    *ret_request = write_level(on ? &output->map->on : &output->map->off,
                               output->hold_id != 0 ? output->hold_deadline_us : INT64_MAX);
    return true;
}

int64_t modbus_panel_output_due_us(const struct modbus_panel_output *output)
{
    return output->rests || !output->target || modbus_panel_target_blocked(output->target)
               ? INT64_MAX
               : output->level.off_us;
}

static void answer_start(struct modbus_panel_output *output, const struct modbus_answer *answer)
{
    enum driver_outcome outcome = modbus_unit_outcome(answer->result);

    if (answer->result == MODBUS_RESULT_OK) {
        opened(output, answer->now_us);
        return;
    }
    bool refused = answer->result == MODBUS_RESULT_REFUSED; /* it may have failed half-way */

    output->doubt = output->doubt || outcome == DRIVER_OUTCOME_UNKNOWN;
    if (outcome == DRIVER_OUTCOME_UNKNOWN || (refused && output->pulse_end_us <= answer->now_us))
        end_at(output, answer->now_us);
    result(output, output->release.id, outcome, modbus_unit_reason(answer->result));
    output->release.id = 0;
}

/* The device was not told to open: whatever became of it, it does not. */
static void answer_preparation(struct modbus_panel_output *output, enum modbus_panel_step step,
                               const struct modbus_request *request, const struct modbus_answer *answer)
{
    bool ok = answer->result == MODBUS_RESULT_OK;

    if (step == MODBUS_PANEL_COUNT)
        output->counted = ok;
    else
        output->width = ok ? request->words[0] : NOT_KNOWN;
    if (ok)
        return;
    result(output, output->release.id, DRIVER_OUTCOME_FAILED, modbus_unit_reason(answer->result));
    output->release.id = 0;
}

static bool is_write(const struct modbus_request *request, const struct modbus_write *write)
{
    const struct modbus_request same = write_level(write, request->deadline_us);

    return request->kind == same.kind && request->range.address == same.range.address &&
           request->words[0] == same.words[0];
}

static void judge_level(struct modbus_panel_output *output, bool on, const struct modbus_answer *answer)
{
    struct modbus_panel_level *level = &output->level;

    output->refused = answer->result == MODBUS_RESULT_REFUSED;
    output->rests = answer->result != MODBUS_RESULT_OK && !output->leaves;
    if (answer->result != MODBUS_RESULT_OK) {
        level->sure = false;
        return;
    }
    output->written_us = answer->now_us;
    if (!on && level->off_us <= answer->now_us)
        level->off_us = INT64_MAX;
    level->sure = on == wanted(output, answer->now_us);
}

/* What was sent holds, whatever becomes of the command. */
static void answer_level(struct modbus_panel_output *output, const struct modbus_request *request,
                         const struct modbus_answer *answer)
{
    bool on = is_write(request, &output->map->on);

    if (answer->result == MODBUS_RESULT_LATE) /* only a hold has a deadline, and it ends now */
        return;
    judge_level(output, on, answer);
    output->before.sure = false;
    if (on == wanted(output, answer->now_us))
        output->before = output->level;
}

void modbus_panel_output_answer(struct modbus_panel_output *output, enum modbus_panel_step step,
                                const struct modbus_request *request, const struct modbus_answer *answer)
{
    switch (step) {
    case MODBUS_PANEL_COUNT:
    case MODBUS_PANEL_WIDTH:
        if (output->release.id != 0)
            answer_preparation(output, step, request, answer);
        return;
    case MODBUS_PANEL_START:
        if (output->release.id != 0)
            answer_start(output, answer);
        return;
    case MODBUS_PANEL_LEVEL:
        answer_level(output, request, answer);
        return;
    case MODBUS_PANEL_STEPS:
        break;
    }
    assert(false);
}

void modbus_panel_output_see(struct modbus_panel_output *output, const bool *on, int64_t begun_us)
{
    output->rests = false;
    if (!on)
        return;
    output->doubt = false;
    if (output->level.told && output->level.sure && output->written_us < begun_us &&
        output->pulse_end_us < begun_us && output->level.off_us == INT64_MAX && *on != output->level.held) {
        modbus_unit_note(output->target->voice, "%s: is %s, which nobody told it", output->map->name,
                         *on ? "on" : "off");
        output->level.sure = false;
    }
}

void modbus_panel_output_forget(struct modbus_panel_output *output)
{
    if (!output->level.held)
        return;
    output->level = left_alone;
    output->pulse_end_us = 0; /* whoever is let go next is let go at once */
}

/* What is to be on may be off. */
static void lose_level(struct modbus_panel_level *level)
{
    if (level->held || level->off_us != INT64_MAX)
        level->sure = false;
}

void modbus_panel_output_lost(struct modbus_panel_output *output, bool down)
{
    output->counted = false;
    output->width = NOT_KNOWN;
    output->doubt = true;
    output->rests = false;
    lose_level(&output->level);
    lose_level(&output->before);
    if (down && output->release.id != 0) {
        result(output, output->release.id, DRIVER_OUTCOME_FAILED, "device_down");
        output->release.id = 0;
    }
}

void modbus_panel_output_leave(struct modbus_panel_output *output, int64_t now_us)
{
    bool opens = output->release.id != 0 && !times_pulses(output); /* it may be under way */

    output->leaves = true;
    output->rests = false;
    modbus_panel_output_end_hold(output, !output->level.held); /* nothing is held anew, but let go */
    if (!output->level.held && (output->level.off_us != INT64_MAX || opens))
        output->level.off_us = now_us;
    output->release.id = 0;
}
