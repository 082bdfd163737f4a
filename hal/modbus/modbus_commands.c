/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_commands.c: the first of the queue is the one that is under way, if one is; others are put behind
 * it. */
#include "hal/modbus/modbus_commands.h"

#include <assert.h>
#include <string.h>

#define COIL_ON  0xff00
#define COIL_OFF 0

/* Tags of our requests. */
enum { TAG_PULSE, TAG_COMMAND, TAG_HOLD_AGAIN, TAGS = TAG_HOLD_AGAIN + MODBUS_SIDES };

static_assert(TAGS == MODBUS_COMMANDS_TAGS, "the tags are counted");

static enum driver_direction direction_of(enum modbus_side_name side)
{
    return side == MODBUS_SIDE_IN ? DRIVER_DIRECTION_ENTRY : DRIVER_DIRECTION_EXIT;
}

static uint16_t pulse_of(const struct modbus_commands *commands, const struct modbus_queued *queued)
{
    return modbus_image_pulse(&commands->profile->sides[queued->side].release, queued->pulse_ms);
}

/* A pulse goes to where the device keeps it before the release, unless it holds it already. */
static struct modbus_request want_release(const struct modbus_commands *commands,
                                          const struct modbus_queued *queued)
{
    const struct modbus_release *release = &commands->profile->sides[queued->side].release;
    uint16_t units = pulse_of(commands, queued);
    bool coil = release->method == MODBUS_RELEASE_COIL;

    if (coil && release->pulse >= 0 && commands->pulse_units[queued->side] != units)
        return modbus_unit_write(MODBUS_REQUEST_WRITE_REGISTER, release->pulse, units, queued->deadline_us,
                                 TAG_PULSE);
    return modbus_unit_write(MODBUS_REQUEST_WRITE_COIL, release->address, coil ? COIL_ON : units,
                             queued->deadline_us, TAG_COMMAND);
}

static struct modbus_request want_hold(const struct modbus_commands *commands, enum modbus_side_name side,
                                       bool on, int64_t deadline_us, int tag)
{
    return modbus_unit_write(MODBUS_REQUEST_WRITE_COIL, commands->profile->sides[side].hold.address,
                             on ? COIL_ON : COIL_OFF, deadline_us, tag);
}

bool modbus_commands_want(const struct modbus_commands *commands, struct modbus_request *ret_request)
{
    const struct modbus_queued *queued = &commands->queue[0];

    if (commands->queue_count == 0)
        return false;
    *ret_request = queued->kind == DRIVER_COMMAND_RELEASE
                       ? want_release(commands, queued)
                       : want_hold(commands, queued->side, queued->on, queued->deadline_us, TAG_COMMAND);
    return true;
}

bool modbus_commands_want_again(const struct modbus_commands *commands, struct modbus_request *ret_request)
{
    for (enum modbus_side_name side = 0; side < MODBUS_SIDES; side++) {
        if (commands->hold_waits[side]) {
            *ret_request =
                want_hold(commands, side, commands->held[side], INT64_MAX, TAG_HOLD_AGAIN + (int)side);
            return true;
        }
    }
    return false;
}

static void unqueue(struct modbus_commands *commands)
{
    assert(commands->queue_count > 0);
    commands->queue_count--;
    memmove(&commands->queue[0], &commands->queue[1], commands->queue_count * sizeof(commands->queue[0]));
}

static void answer_pulse(struct modbus_commands *commands, const struct modbus_request *request,
                         enum modbus_result result)
{
    struct modbus_queued *queued = &commands->queue[0];

    commands->pulse_units[queued->side] = result == MODBUS_RESULT_OK ? request->words[0] : -1;
    if (result == MODBUS_RESULT_OK)
        return;
    modbus_unit_result(commands->voice, queued->id, DRIVER_OUTCOME_FAILED, modbus_unit_reason(result));
    unqueue(commands);
}

static void answer_release(struct modbus_commands *commands, const struct modbus_queued *queued,
                           const struct modbus_answer *answer)
{
    const struct modbus_release *release = &commands->profile->sides[queued->side].release;

    if (answer->result == MODBUS_RESULT_OK)
        modbus_collector_released(commands->collector, queued->side, queued->id,
                                  pulse_of(commands, queued) * release->unit_ms, answer->now_us);
    modbus_unit_result(commands->voice, queued->id, modbus_unit_outcome(answer->result),
                       modbus_unit_reason(answer->result));
}

/* What a hold came to: where one side was done and the other was not, nobody can say. */
static enum driver_outcome hold_outcome(const struct modbus_queued *queued, enum modbus_result result)
{
    if (result == MODBUS_RESULT_OK)
        return DRIVER_OUTCOME_COMPLETED;
    return queued->part == MODBUS_PART_LAST ? DRIVER_OUTCOME_UNKNOWN : modbus_unit_outcome(result);
}

/* A hold that may or may not have been taken back is taken back again; one that may have been set is the
 * gateway's to set again. */
static void answer_hold(struct modbus_commands *commands, const struct modbus_queued *queued,
                        enum modbus_result result)
{
    bool doubt = modbus_unit_outcome(result) == DRIVER_OUTCOME_UNKNOWN;

    if (result == MODBUS_RESULT_OK)
        commands->held[queued->side] = queued->on;
    else if (doubt)
        commands->held[queued->side] = false;
    commands->hold_waits[queued->side] = doubt && !queued->on;
    if (queued->part == MODBUS_PART_FIRST && result == MODBUS_RESULT_OK)
        return;
    modbus_unit_result(commands->voice, queued->id, hold_outcome(queued, result), modbus_unit_reason(result));
}

static void answer_command(struct modbus_commands *commands, const struct modbus_answer *answer)
{
    const struct modbus_queued queued = commands->queue[0];

    unqueue(commands);
    if (queued.kind == DRIVER_COMMAND_RELEASE) {
        answer_release(commands, &queued, answer);
        return;
    }
    answer_hold(commands, &queued, answer->result);
    if (queued.part == MODBUS_PART_FIRST && answer->result != MODBUS_RESULT_OK)
        unqueue(commands); /* the other side's */
}

void modbus_commands_answer(struct modbus_commands *commands, const struct modbus_request *request,
                            const struct modbus_answer *answer)
{
    switch (request->tag) {
    case TAG_PULSE:
        answer_pulse(commands, request, answer->result);
        return;
    case TAG_COMMAND:
        answer_command(commands, answer);
        return;
    default: /* again: refused is an answer too */
        commands->hold_waits[request->tag - TAG_HOLD_AGAIN] =
            answer->result != MODBUS_RESULT_OK && answer->result != MODBUS_RESULT_REFUSED;
        return;
    }
}

static bool has(const struct modbus_commands *commands, enum driver_command_kind kind,
                enum modbus_side_name side)
{
    const struct modbus_side *place = &commands->profile->sides[side];

    return kind == DRIVER_COMMAND_RELEASE ? place->release.present : place->hold.present;
}

static bool means(const struct driver_command *command, enum modbus_side_name side)
{
    return command->direction == DRIVER_DIRECTION_ANY || command->direction == direction_of(side);
}

/* Queues a command for each side that it means; a release is for one. Returns NULL, or why it is refused. */
static const char *enqueue(struct modbus_commands *commands, const struct driver_command *command)
{
    size_t count = 0;

    if (commands->queue_count + MODBUS_SIDES > MODBUS_COMMANDS_MAX)
        return "busy";
    for (enum modbus_side_name side = 0; side < MODBUS_SIDES; side++) {
        if (!has(commands, command->kind, side) || !means(command, side))
            continue;
        commands->queue[commands->queue_count + count++] = (struct modbus_queued){
            .id = command->id,
            .deadline_us = command->deadline_us,
            .side = side,
            .kind = command->kind,
            .pulse_ms = command->pulse_ms,
            .on = command->on,
        };
    }
    if (count == 0 || (count > 1 && command->kind == DRIVER_COMMAND_RELEASE))
        return "direction";
    if (count > 1) {
        commands->queue[commands->queue_count].part = MODBUS_PART_FIRST;
        commands->queue[commands->queue_count + 1].part = MODBUS_PART_LAST;
    }
    commands->queue_count += count;
    return NULL;
}

/* Releases of a side that wait to be sent. */
static size_t releases_waiting(const struct modbus_commands *commands, enum modbus_side_name side)
{
    size_t count = 0;

    for (size_t i = 0; i < commands->queue_count; i++)
        count += commands->queue[i].side == side && commands->queue[i].kind == DRIVER_COMMAND_RELEASE;
    return count;
}

static bool is_full(const struct modbus_commands *commands, const struct driver_command *command)
{
    for (enum modbus_side_name side = 0; side < MODBUS_SIDES; side++)
        if (means(command, side) && has(commands, DRIVER_COMMAND_RELEASE, side) &&
            commands->collector->sides[side].release_count + releases_waiting(commands, side) >=
                MODBUS_RELEASES_MAX)
            return true;
    return false;
}

static bool can_hold(const struct modbus_commands *commands)
{
    return has(commands, DRIVER_COMMAND_HOLD, MODBUS_SIDE_IN) ||
           has(commands, DRIVER_COMMAND_HOLD, MODBUS_SIDE_OUT);
}

const char *modbus_commands_take(struct modbus_commands *commands, const struct driver_command *command)
{
    if (command->kind == DRIVER_COMMAND_RELEASE)
        return is_full(commands, command) ? "busy" : enqueue(commands, command);
    assert(command->kind == DRIVER_COMMAND_HOLD);
    return can_hold(commands) ? enqueue(commands, command) : "not_supported";
}

void modbus_commands_forget(struct modbus_commands *commands)
{
    for (size_t side = 0; side < MODBUS_SIDES; side++) {
        commands->pulse_units[side] = -1;
        commands->hold_waits[side] = commands->hold_waits[side] || commands->held[side];
    }
}

void modbus_commands_let_go(struct modbus_commands *commands, const struct driver_command *command)
{
    for (enum modbus_side_name side = 0; side < MODBUS_SIDES; side++) {
        if (!has(commands, DRIVER_COMMAND_HOLD, side) || !means(command, side))
            continue;
        commands->held[side] = false;
        commands->hold_waits[side] = true;
    }
}

void modbus_commands_drop(struct modbus_commands *commands)
{
    for (size_t side = 0; side < MODBUS_SIDES; side++) {
        commands->hold_waits[side] = commands->hold_waits[side] && !commands->held[side];
        commands->held[side] = false;
    }
}

void modbus_commands_fail(struct modbus_commands *commands)
{
    for (size_t i = 0; i < commands->queue_count; i++)
        if (commands->queue[i].part != MODBUS_PART_FIRST)
            modbus_unit_result(commands->voice, commands->queue[i].id, DRIVER_OUTCOME_FAILED, "device_down");
    commands->queue_count = 0;
}

void modbus_commands_init(struct modbus_commands *commands, const struct modbus_profile *profile,
                          const struct modbus_voice *voice, struct modbus_collector *collector)
{
    *commands = (struct modbus_commands){ .profile = profile, .voice = voice, .collector = collector };
    modbus_commands_forget(commands);
}
