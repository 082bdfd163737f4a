/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz_modbus_wiring.c: a device item whose units and wirings are taken can be used: each unit is asked what
 * it wants, answered, and commanded, and asks for nothing that no frame could carry. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/text.h"
#include "hal/modbus/modbus_device.h"
#include "proto/json.h"

#define TURNS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Has one of everything that can be wired. */
static const char profile_text[] =
    "{\"profile\":\"all\",\"timing\":{\"poll_ms\":50,\"passage_ms\":1000},"
    "\"outputs\":[{\"name\":\"relay1\",\"coil\":0},{\"name\":\"relay2\",\"coil\":1},"
    "{\"name\":\"pulse1\",\"pulse\":{\"method\":\"coil\",\"address\":16,\"pulse\":52,\"unit_ms\":100}},"
    "{\"name\":\"boom\",\"on\":{\"table\":\"coil\",\"address\":3,\"value\":65280},"
    "\"off\":{\"table\":\"coil\",\"address\":5,\"value\":65280}}],"
    "\"inputs\":[{\"name\":\"di1\",\"at\":{\"table\":\"discrete\",\"address\":0}},"
    "{\"name\":\"di2\",\"at\":{\"table\":\"discrete\",\"address\":1}},"
    "{\"name\":\"di3\",\"at\":{\"table\":\"discrete\",\"address\":2}},"
    "{\"name\":\"count1\",\"at\":{\"table\":\"input\",\"address\":16,\"words\":2}}],"
    "\"status\":{\"at\":{\"table\":\"holding\",\"address\":100},\"words\":[{\"value\":1,\"is\":\"open\"},"
    "{\"value\":2,\"is\":\"closed\"}]}}";

static void say(void *userdata, const struct driver_event *event)
{
    assert(event->kind == DRIVER_EVENT_RESULT || event->target[0] != '\0');
}

static void note(void *userdata, const char *text)
{
    assert(text[0] != '\0');
}

static void command(const struct modbus_unit *unit, const struct modbus_unit_item *item, int turn)
{
    static const enum driver_command_kind kinds[] = { DRIVER_COMMAND_RELEASE, DRIVER_COMMAND_HOLD,
                                                      DRIVER_COMMAND_PROBE, DRIVER_COMMAND_LOCK };
    struct driver_command command = { .kind = kinds[turn % 4],
                                      .id = turn + 1,
                                      .direction = (enum driver_direction)(turn % 3),
                                      .on = turn % 8 < 4,
                                      .pulse_ms = 500,
                                      .deadline_us = INT64_MAX };

    text_copy(command.target, sizeof(command.target), item->targets[(size_t)turn % item->target_count]);
    unit->ops->command(unit->self, &command, turn * USEC_PER_SEC);
}

static void use(const struct modbus_unit *unit, const struct modbus_unit_item *item)
{
    static const uint16_t words[][2] = { { 1, 0 }, { 0, 1 }, { 2, 2 } };
    uint16_t read[MODBUS_RANGE_MAX];

    for (int turn = 0; turn < TURNS; turn++) {
        const struct modbus_answer answer = { .words = read,
                                              .result =
                                                  turn % 7 == 6 ? MODBUS_RESULT_REFUSED : MODBUS_RESULT_OK,
                                              .begun_us = turn * USEC_PER_SEC,
                                              .now_us = turn * USEC_PER_SEC };
        struct modbus_request request;

        for (size_t i = 0; i < MODBUS_RANGE_MAX; i++)
            read[i] = words[turn % 3][i % 2];
        if (unit->ops->want(unit->self, answer.now_us, &request) != MODBUS_URGENCY_NONE) {
            assert(request.range.count > 0 && request.range.count <= MODBUS_RANGE_MAX);
            assert(request.range.address + request.range.count <= 65536);
            unit->ops->answer(unit->self, &request, &answer);
        }
        command(unit, item, turn);
        if (turn % 13 == 12)
            unit->ops->lost(unit->self, answer.now_us);
    }
}

static void use_device(const struct modbus_device *device, const struct modbus_profile *profile)
{
    const struct modbus_voice voice = { .say = say, .note = note };

    assert(device->unit_count > 0 && device->unit_count <= MODBUS_UNITS_MAX);
    for (size_t i = 0; i < device->unit_count; i++) {
        struct json_error error;
        struct modbus_unit unit;

        assert(device->line_of[i] < device->line_count);
        if (modbus_unit_new(&device->units[i], profile, &voice, &unit, &error) != 0)
            continue;
        use(&unit, &device->units[i]);
        unit.ops->free(unit.self);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_with(json_putp) struct json_object *item = NULL;
    struct modbus_profile profile;
    struct modbus_device device;
    struct json_error error;

    int r = modbus_profile_parse(profile_text, strlen(profile_text), &profile, &error);

    assert(r == 0);
    if (json_parse((const char *)data, size, &item, &error) == 0 &&
        modbus_device_read(item, &device, &error) == 0)
        use_device(&device, &profile);
    return 0;
}
