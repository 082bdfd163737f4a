/* SPDX-License-Identifier: GPL-3.0-or-later */
/* panel_fixture.h: a panel by a shipped profile before a device that does what it is told, with a clock of
 * its own. What the panel writes and says is one line of words, in order: "05 0200=0007" is a coil, "06" a
 * register, "10" two registers. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/text.h"
#include "hal/modbus/modbus_profile.h"
#include "hal/modbus/modbus_unit.h"
#include "proto/json.h"

#define TABLES       4
#define CELLS        256
#define TURNS_MAX    200
#define HOUR_US      (3600 * INT64_C(1000000))
#define DEADLINE_OFF INT64_MAX

struct bench {
    struct modbus_profile profile;
    struct modbus_unit_item item;
    struct modbus_voice voice;
    struct modbus_unit unit;
    int64_t now_us;
    uint16_t cells[TABLES][CELLS];
    enum modbus_result next_write; /* and then OK again */
    struct text heard;
};

static void add(struct bench *bench, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct bench *bench, const char *format, ...)
{
    va_list args;

    if (bench->heard.len > 0)
        text_addf(&bench->heard, "; ");
    va_start(args, format);
    text_vaddf(&bench->heard, format, args);
    va_end(args);
}

static void hear(void *userdata, const struct driver_event *event)
{
    struct bench *bench = userdata;

    switch (event->kind) {
    case DRIVER_EVENT_RESULT:
        add(bench, "%d %s%s%s", (int)event->id, driver_outcome_name(event->outcome),
            event->reason[0] ? " " : "", event->reason);
        return;
    case DRIVER_EVENT_INPUT:
        add(bench, "%s %s %d", event->target, driver_role_name(event->role), event->value);
        return;
    case DRIVER_EVENT_PASSAGE:
        add(bench, "%s passage %s %d", event->target, driver_direction_name(event->direction),
            (int)event->count);
        return;
    case DRIVER_EVENT_NO_PASSAGE:
        add(bench, "%s no_passage %s", event->target, driver_direction_name(event->direction));
        return;
    case DRIVER_EVENT_STATE:
        add(bench, "%s %s %s%s%s", event->target, driver_lock_name(event->lock),
            event->door == DRIVER_DOOR_UNTOLD ? "-" : driver_door_name(event->door),
            event->obstacle ? " obstacle" : "", event->vehicle ? " vehicle" : "");
        return;
    case DRIVER_EVENT_HELLO:
    case DRIVER_EVENT_PRESENTED:
    case DRIVER_EVENT_REMOVED:
    case DRIVER_EVENT_APPROACH:
    case DRIVER_EVENT_RECORD:
    case DRIVER_EVENT_FOUND:
    case DRIVER_EVENT_PROGRESS:
    case DRIVER_EVENT_HEALTH:
    case DRIVER_EVENT_PONG:
    case DRIVER_EVENT_ERROR:
        break;
    }
    fail();
}

static void note(void *userdata, const char *text)
{
    add(userdata, "(%s)", text);
}

static int make(struct bench *bench, const char *profile, const char *targets, const char *wiring,
                struct json_error *error)
{
    cleanup_with(text_finish) struct text problem = TEXT_INIT;
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct {
        struct json_object *wiring;
    } members = { 0 };
    static const struct json_row row = { .member = "wiring", .type = JSON_LIST, .max = 16 };
    char path[512];

    *bench = (struct bench){ .now_us = HOUR_US, .heard = TEXT_INIT, .voice = { hear, note, bench } };
    snprintf(path, sizeof(path), "%s/config/profiles/%s.json", getenv("STILE_SOURCE"), profile);
    assert_int_equal(modbus_profile_load(path, &bench->profile, &problem), 0);
    for (; *targets; bench->item.target_count++) {
        size_t len = strcspn(targets, " ");

        memcpy(bench->item.targets[bench->item.target_count], targets, len);
        targets += len + (targets[len] == ' ');
    }
    if (wiring) {
        assert_int_equal(json_parse(wiring, strlen(wiring), &object, error), 0);
        assert_int_equal(json_read(object, &row, 1, &members, error), 0);
    }
    bench->item.wiring = members.wiring;
    return modbus_unit_new(&bench->item, &bench->profile, &bench->voice, &bench->unit, error);
}

static inline void write_cells(struct bench *bench, const struct modbus_request *request)
{
    bool coil = request->kind == MODBUS_REQUEST_WRITE_COIL;
    uint16_t *cells = bench->cells[coil ? MODBUS_TABLE_COIL : MODBUS_TABLE_HOLDING];

    for (size_t i = 0; i < request->range.count && request->range.address + i < CELLS; i++)
        cells[request->range.address + i] = coil ? request->words[0] == 0xff00 : request->words[i];
}

static inline enum modbus_result do_write(struct bench *bench, const struct modbus_request *request)
{
    static const char *const functions[] = { "03", "05", "06", "10" };
    enum modbus_result result = bench->next_write;

    if (request->deadline_us < bench->now_us)
        return MODBUS_RESULT_LATE;
    bench->next_write = MODBUS_RESULT_OK;
    add(bench, "%s %04x=", functions[request->kind], request->range.address);
    for (size_t i = 0; i < request->range.count; i++)
        text_addf(&bench->heard, "%04x", request->words[i]);
    if (result != MODBUS_RESULT_REFUSED)
        write_cells(bench, request);
    return result;
}

/* Carries out one request; false: none is wanted. */
static inline bool turn(struct bench *bench)
{
    struct modbus_request request;
    struct modbus_answer answer = { .begun_us = bench->now_us, .now_us = bench->now_us };

    if (bench->unit.ops->want(bench->unit.self, bench->now_us, &request) == MODBUS_URGENCY_NONE)
        return false;
    if (request.kind == MODBUS_REQUEST_READ) {
        assert_true(request.range.address + request.range.count <= CELLS);
        answer.words = &bench->cells[request.range.table][request.range.address];
    } else {
        answer.result = do_write(bench, &request);
    }
    bench->unit.ops->answer(bench->unit.self, &request, &answer);
    return true;
}

static inline void run(struct bench *bench)
{
    size_t turns = 0;

    while (turn(bench))
        assert_true(turns++ < TURNS_MAX);
}

/* Time passes; the panel is asked whenever it said that it would be. */
static inline void wait_ms(struct bench *bench, int64_t ms)
{
    int64_t end_us = bench->now_us + ms * USEC_PER_MSEC;
    int64_t due_us;

    while ((due_us = bench->unit.ops->due_us(bench->unit.self)) <= end_us) {
        bench->now_us = due_us > bench->now_us ? due_us : bench->now_us + 1;
        run(bench);
    }
    bench->now_us = end_us;
    run(bench);
}

static inline void look(struct bench *bench)
{
    wait_ms(bench, bench->profile.timing.poll);
}

#define HEARD(bench, expected)                                                                               \
    do {                                                                                                     \
        assert_string_equal(text_string(&(bench)->heard), expected);                                         \
        text_reset(&(bench)->heard);                                                                         \
    } while (0)

static inline void tell(struct bench *bench, struct driver_command command, const char *target)
{
    text_copy(command.target, sizeof(command.target), target);
    if (command.deadline_us == 0)
        command.deadline_us = DEADLINE_OFF;
    bench->unit.ops->command(bench->unit.self, &command, bench->now_us);
    run(bench);
}

#define TELL(bench, target, ...) tell(bench, (struct driver_command){ __VA_ARGS__ }, target)
#define RELEASE(bench, target, id_, ms, ...)                                                                 \
    TELL(bench, target, .kind = DRIVER_COMMAND_RELEASE, .id = id_, .pulse_ms = ms, __VA_ARGS__)
#define HOLD(bench, target, id_, on_) TELL(bench, target, .kind = DRIVER_COMMAND_HOLD, .id = id_, .on = on_)

static inline void start(struct bench *bench, const char *profile, const char *targets, const char *wiring,
                         const char *said)
{
    struct json_error error = { 0 };
    const char *reason;

    assert_int_equal(make(bench, profile, targets, wiring, &error), 0);
    assert_int_equal(bench->unit.ops->health(bench->unit.self, &reason), DRIVER_HEALTH_DOWN);
    run(bench);
    assert_int_equal(bench->unit.ops->health(bench->unit.self, &reason), DRIVER_HEALTH_UP);
    HEARD(bench, said);
}

static inline void finish(struct bench *bench)
{
    HEARD(bench, "");
    bench->unit.ops->free(bench->unit.self);
    text_finish(&bench->heard);
}

/* Panels that several tests have: a board that times its pulse, a relay that we must time, a turnstile */

#define DOOR                                                                                                 \
    "{\"wiring\":[{\"target\":\"front\",\"release\":\"relay1\",\"contact\":\"di1\",\"rex\":\"di2\","         \
    "\"closed_at_rest\":[\"contact\"]}]}"
#define DOOR_SAYS "front contact 0; front rex 0; front locked -"

static inline void start_door(struct bench *bench)
{
    struct json_error error = { 0 };

    assert_int_equal(make(bench, "waveshare-relay8", "front", DOOR, &error), 0);
    bench->cells[MODBUS_TABLE_DISCRETE][0] = 1;
    run(bench);
    HEARD(bench, DOOR_SAYS);
}

#define GATE                                                                                                 \
    "{\"wiring\":[{\"target\":\"gate\",\"release\":\"relay0\",\"vehicle\":\"di1\",\"passed\":\"count2\"}]}"

#define ENTRY .direction = DRIVER_DIRECTION_ENTRY
#define EXIT  .direction = DRIVER_DIRECTION_EXIT

static inline void start_turnstile(struct bench *bench)
{
    struct json_error error = { 0 };

    assert_int_equal(make(bench, "turnstile-relay8", "gate", NULL, &error), 0);
    bench->cells[MODBUS_TABLE_DISCRETE][3] = 1; /* ready */
    bench->cells[MODBUS_TABLE_DISCRETE][0] = 1; /* who passed before is no news */
    run(bench);
    HEARD(bench, "gate tamper 0; gate fire 0; gate locked -");
}
