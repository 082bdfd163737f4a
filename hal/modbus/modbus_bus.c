/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_bus.c: every turn looks at all units anew. There are at most thirty-two, and a plan that was made
 * before would be wrong as soon as somebody presents a card. */
#include "hal/modbus/modbus_bus.h"

#include <assert.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "hal/modbus/modbus_frame.h"

#define GAP_FIXED_ABOVE_BAUD 19200
#define GAP_FIXED_US         1750

int64_t modbus_bus_bytes_us(const struct modbus_wire *wire, size_t count)
{
    return wire->baud == 0 ? 0 : (int64_t)count * wire->char_bits * USEC_PER_SEC / wire->baud;
}

int64_t modbus_bus_gap_us(const struct modbus_wire *wire)
{
    return wire->baud > GAP_FIXED_ABOVE_BAUD ? GAP_FIXED_US : modbus_bus_bytes_us(wire, 7) / 2;
}

static bool is_tcp(const struct modbus_bus *bus)
{
    return bus->wire.baud == 0;
}

void modbus_bus_init(struct modbus_bus *bus, struct modbus_wire wire)
{
    *bus = (struct modbus_bus){ .wire = wire };
}

void modbus_bus_add(struct modbus_bus *bus, struct modbus_unit unit, uint8_t address,
                    const struct modbus_timing *timing)
{
    assert(bus->count < MODBUS_UNITS_MAX);
    bus->units[bus->count++] =
        (struct modbus_bus_unit){ .unit = unit, .address = address, .timing = *timing };
}

void modbus_bus_finish(struct modbus_bus *bus)
{
    for (size_t i = 0; i < bus->count; i++)
        bus->units[i].unit.ops->free(bus->units[i].unit.self);
    bus->count = 0;
}

static int64_t later(int64_t a_us, int64_t b_us)
{
    return a_us > b_us ? a_us : b_us;
}

static int64_t next_retry_ms(int64_t retry_ms)
{
    if (retry_ms == 0)
        return MODBUS_RETRY_MIN_MS;
    return retry_ms * 2 < MODBUS_RETRY_MAX_MS ? retry_ms * 2 : MODBUS_RETRY_MAX_MS;
}

bool modbus_bus_is_up(const struct modbus_bus_unit *unit)
{
    const char *reason;

    return unit->unit.ops->health(unit->unit.self, &reason) != DRIVER_HEALTH_DOWN;
}

enum driver_health modbus_bus_health(const struct modbus_bus_unit *unit, const char **ret_reason)
{
    const char *reason;
    enum driver_health health = unit->unit.ops->health(unit->unit.self, &reason);

    *ret_reason = health == DRIVER_HEALTH_DOWN ? unit->reason : reason;
    return health == DRIVER_HEALTH_DOWN && unit->heard > 0 ? DRIVER_HEALTH_DEGRADED : health;
}

static void take_down(struct modbus_bus_unit *unit, const char *reason, int64_t now_us)
{
    text_copy(unit->reason, sizeof(unit->reason), reason);
    unit->unit.ops->lost(unit->unit.self, now_us);
}

/* A request came to nothing. heard: not to silence. */
static void fail(struct modbus_bus_unit *unit, bool heard, const char *reason, int64_t now_us)
{
    unit->failures++;
    if (heard)
        unit->heard = MODBUS_FAILURES_DOWN;
    else if (unit->heard > 0)
        unit->heard--;
    unit->retry_ms = next_retry_ms(unit->retry_ms);
    unit->retry_us = now_us + unit->retry_ms * USEC_PER_MSEC;
    if (!modbus_bus_is_up(unit) || unit->failures >= MODBUS_FAILURES_DOWN)
        take_down(unit, reason, now_us);
}

/* It answered: what it says of itself decides. */
static void succeed(struct modbus_bus_unit *unit, int64_t now_us)
{
    const char *reason;
    enum driver_health health = unit->unit.ops->health(unit->unit.self, &reason);

    if (health == DRIVER_HEALTH_DOWN && reason) {
        unit->failures = MODBUS_FAILURES_DOWN;
        fail(unit, true, reason, now_us);
        return;
    }
    unit->failures = 0;
    if (health == DRIVER_HEALTH_DOWN)
        return;
    unit->heard = 0;
    unit->retry_ms = 0;
}

static void count_result(struct modbus_bus_counts *counts, enum modbus_result result, int64_t took_us)
{
    switch (result) {
    case MODBUS_RESULT_REFUSED:
        counts->refused++;
        counts->answered++;
        return;
    case MODBUS_RESULT_OK:
        counts->answered++;
        counts->slowest_us = later(counts->slowest_us, took_us);
        return;
    case MODBUS_RESULT_SILENT:
        counts->silent++;
        return;
    case MODBUS_RESULT_WRONG:
        counts->wrong++;
        return;
    case MODBUS_RESULT_LATE:
        counts->late++;
        return;
    case MODBUS_RESULT_GONE:
        return;
    }
}

/* An answer is missing or makes no sense. why: what came instead; NULL: nothing did. */
static void note_failure(struct modbus_bus *bus, enum modbus_result result, const char *why, int64_t now_us)
{
    struct modbus_bus_unit *unit = &bus->units[bus->asked];

    bus->failures++;
    if (is_tcp(bus))
        bus->spoilt = result == MODBUS_RESULT_WRONG || bus->request.deadline_us != INT64_MAX ||
                      bus->failures % MODBUS_FAILURES_DOWN == 0;
    else
        unit->rest_us = now_us + unit->timing.late * USEC_PER_MSEC;
    fail(unit, why != NULL, why ? why : modbus_unit_reason(result), now_us);
}

/* Tells the unit; the line is free again. */
static void tell(struct modbus_bus *bus, enum modbus_result result, const uint16_t words[], int64_t now_us)
{
    struct modbus_bus_unit *unit = &bus->units[bus->asked];
    const struct modbus_answer answer = {
        .result = result, .words = words, .begun_us = bus->begun_us, .now_us = now_us
    };

    bus->state = MODBUS_BUS_FREE;
    count_result(&unit->counts, result, now_us - bus->begun_us);
    unit->unit.ops->answer(unit->unit.self, &bus->request, &answer);
}

void modbus_bus_answered(struct modbus_bus *bus, const struct modbus_frame *frame, int64_t now_us)
{
    assert(bus->state == MODBUS_BUS_BUSY);
    tell(bus, frame->result, frame->words, now_us);
    bus->quiet_us = now_us + modbus_bus_gap_us(&bus->wire);
    if (frame->result != MODBUS_RESULT_OK && frame->result != MODBUS_RESULT_REFUSED) {
        note_failure(bus, frame->result, frame->why, now_us);
        return;
    }
    bus->failures = 0;
    bus->retry_ms = 0;
    succeed(&bus->units[bus->asked], now_us);
}

void modbus_bus_late(struct modbus_bus *bus, int64_t now_us)
{
    assert(bus->state == MODBUS_BUS_BUSY);
    tell(bus, MODBUS_RESULT_LATE, NULL, now_us);
}

void modbus_bus_heard(struct modbus_bus *bus, const char *why)
{
    bus->heard = why;
}

static void expire(struct modbus_bus *bus, int64_t now_us)
{
    tell(bus, MODBUS_RESULT_SILENT, NULL, now_us);
    bus->quiet_us = now_us + modbus_bus_gap_us(&bus->wire);
    note_failure(bus, MODBUS_RESULT_SILENT, bus->heard, now_us);
}

void modbus_bus_opened(struct modbus_bus *bus)
{
    bus->state = MODBUS_BUS_FREE;
    bus->spoilt = false;
    bus->opened++;
}

void modbus_bus_gone(struct modbus_bus *bus, const char *reason, int64_t now_us)
{
    if (bus->state == MODBUS_BUS_BUSY)
        tell(bus, MODBUS_RESULT_GONE, NULL, now_us);
    bus->state = MODBUS_BUS_CLOSED;
    bus->spoilt = false;
    bus->retry_ms = next_retry_ms(bus->retry_ms);
    bus->retry_us = now_us + bus->retry_ms * USEC_PER_MSEC;
    for (size_t i = 0; i < bus->count; i++) {
        bus->units[i].heard = 0;
        bus->units[i].retry_us = 0; /* the line is to blame */
        bus->units[i].retry_ms = 0;
        take_down(&bus->units[i], reason, now_us);
    }
}

/* When a unit may be asked what it wants at now_us; *ret_urgency and *ret_request say what that is. */
static int64_t ready_us(const struct modbus_bus_unit *unit, int64_t now_us, enum modbus_urgency *ret_urgency,
                        struct modbus_request *ret_request)
{
    const struct modbus_unit *wanting = &unit->unit;

    *ret_urgency = wanting->ops->want(wanting->self, now_us, ret_request);
    switch (*ret_urgency) {
    case MODBUS_URGENCY_NONE:
        return later(wanting->ops->due_us(wanting->self), later(unit->rest_us, unit->retry_us));
    case MODBUS_URGENCY_POLL:
    case MODBUS_URGENCY_ACKNOWLEDGE:
        return later(unit->rest_us, unit->retry_us);
    case MODBUS_URGENCY_RELEASE:
        break;
    }
    return unit->rest_us;
}

/* Chooses who goes; false if nobody may. */
static bool choose(struct modbus_bus *bus, int64_t now_us)
{
    enum modbus_urgency best = MODBUS_URGENCY_NONE;

    for (size_t i = 0; i < bus->count; i++) {
        const struct modbus_bus_unit *unit = &bus->units[i];
        struct modbus_request request;
        enum modbus_urgency urgency;

        if (ready_us(unit, now_us, &urgency, &request) > now_us || urgency < best ||
            urgency == MODBUS_URGENCY_NONE ||
            (urgency == best && unit->served_us >= bus->units[bus->asked].served_us))
            continue;
        best = urgency;
        bus->asked = i;
        bus->request = request;
    }
    return best != MODBUS_URGENCY_NONE;
}

static void begin(struct modbus_bus *bus, int64_t now_us)
{
    struct modbus_bus_unit *unit = &bus->units[bus->asked];
    const struct modbus_frame_to to = { .tcp = is_tcp(bus), .unit = unit->address };
    uint8_t bytes[MODBUS_FRAME_MAX];
    size_t size =
        modbus_frame_format(&to, &bus->request, bytes) + modbus_frame_answer_size(&to, &bus->request);

    bus->state = MODBUS_BUS_BUSY;
    bus->heard = NULL;
    bus->begun_us = now_us;
    bus->expires_us = now_us + unit->timing.response * USEC_PER_MSEC + modbus_bus_bytes_us(&bus->wire, size);
    unit->served_us = now_us;
}

/* The line is free: the next request, if one is wanted. Those whose deadline is over are answered. */
static enum modbus_bus_step next(struct modbus_bus *bus, int64_t now_us)
{
    if (now_us < bus->quiet_us)
        return MODBUS_BUS_WAIT;
    while (choose(bus, now_us)) {
        begin(bus, now_us);
        if (now_us <= bus->request.deadline_us)
            return MODBUS_BUS_SEND;
        modbus_bus_late(bus, now_us);
    }
    return MODBUS_BUS_WAIT;
}

static enum modbus_bus_step close_bus(struct modbus_bus *bus)
{
    bus->spoilt = false;
    bus->state = MODBUS_BUS_CLOSED;
    return MODBUS_BUS_CLOSE;
}

static enum modbus_bus_step open_bus(struct modbus_bus *bus, int64_t now_us)
{
    if (now_us < bus->retry_us || !choose(bus, now_us))
        return MODBUS_BUS_WAIT;
    bus->state = MODBUS_BUS_OPENING;
    bus->expires_us = now_us + MODBUS_CONNECT_MS * USEC_PER_MSEC;
    return MODBUS_BUS_OPEN;
}

enum modbus_bus_step modbus_bus_turn(struct modbus_bus *bus, int64_t now_us)
{
    if (bus->state == MODBUS_BUS_BUSY && now_us >= bus->expires_us)
        expire(bus, now_us);
    switch (bus->state) {
    case MODBUS_BUS_CLOSED:
        return open_bus(bus, now_us);
    case MODBUS_BUS_OPENING:
        if (now_us < bus->expires_us)
            return MODBUS_BUS_WAIT;
        modbus_bus_gone(bus, "no connection", now_us);
        return MODBUS_BUS_CLOSE;
    case MODBUS_BUS_FREE:
        return bus->spoilt ? close_bus(bus) : next(bus, now_us);
    case MODBUS_BUS_BUSY:
        break;
    }
    return MODBUS_BUS_WAIT;
}

int64_t modbus_bus_due_us(const struct modbus_bus *bus, int64_t now_us)
{
    int64_t due_us = INT64_MAX;

    if (bus->state == MODBUS_BUS_BUSY || bus->state == MODBUS_BUS_OPENING)
        return bus->expires_us;
    for (size_t i = 0; i < bus->count; i++) {
        struct modbus_request request;
        enum modbus_urgency urgency;
        int64_t unit_us = ready_us(&bus->units[i], now_us, &urgency, &request);

        due_us = unit_us < due_us ? unit_us : due_us;
    }
    return later(due_us, bus->state == MODBUS_BUS_CLOSED ? bus->retry_us : bus->quiet_us);
}

static bool lets_go(const struct driver_command *command)
{
    return command->kind == DRIVER_COMMAND_LOCK || (command->kind == DRIVER_COMMAND_HOLD && !command->on);
}

void modbus_bus_command(struct modbus_bus *bus, size_t index, const struct driver_command *command,
                        const struct modbus_voice *voice, int64_t now_us)
{
    struct modbus_bus_unit *unit = &bus->units[index];

    if (modbus_bus_is_up(unit) || command->kind == DRIVER_COMMAND_SHOW) {
        unit->unit.ops->command(unit->unit.self, command, now_us);
        return;
    }
    if (lets_go(command))
        unit->unit.ops->let_go(unit->unit.self, command, now_us);
    modbus_unit_result(voice, command->id, DRIVER_OUTCOME_FAILED,
                       unit->heard > 0 ? "wrong_answer" : "device_down");
}
