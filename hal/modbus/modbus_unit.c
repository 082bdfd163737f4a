/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_unit.c: what all kinds of units share, and the one place that knows which kinds there are. */
#include "hal/modbus/modbus_unit.h"

#include "gateway/base/text.h"
#include "hal/modbus/modbus_collector_unit.h"
#include "hal/modbus/modbus_panel.h"

int modbus_unit_new(const struct modbus_unit_item *item, const struct modbus_profile *profile,
                    const struct modbus_voice *voice, struct modbus_unit *ret_unit, struct json_error *error)
{
    return profile->panel.output_count > 0 ? modbus_panel_new(item, profile, voice, ret_unit, error)
                                           : modbus_collector_unit_new(item, profile, voice, ret_unit, error);
}

struct modbus_request modbus_unit_write(enum modbus_request_kind kind, int64_t address, uint16_t value,
                                        int64_t deadline_us, int tag)
{
    return (struct modbus_request){ .kind = kind,
                                    .range = { .address = (uint16_t)address, .count = 1 },
                                    .words = { value },
                                    .deadline_us = deadline_us,
                                    .tag = tag };
}

struct modbus_request modbus_unit_read(struct modbus_range range, int tag)
{
    return (struct modbus_request){
        .kind = MODBUS_REQUEST_READ, .range = range, .deadline_us = INT64_MAX, .tag = tag
    };
}

void modbus_unit_result(const struct modbus_voice *voice, int64_t id, enum driver_outcome outcome,
                        const char *reason)
{
    struct driver_event event = { .kind = DRIVER_EVENT_RESULT, .id = id, .outcome = outcome };

    text_copy(event.reason, sizeof(event.reason), reason);
    voice->say(voice->userdata, &event);
}

void modbus_unit_note(const struct modbus_voice *voice, const char *format, ...)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    va_list args;

    va_start(args, format);
    text_vaddf(&text, format, args);
    va_end(args);
    voice->note(voice->userdata, text_string(&text));
}

enum driver_outcome modbus_unit_outcome(enum modbus_result result)
{
    switch (result) {
    case MODBUS_RESULT_OK:
        return DRIVER_OUTCOME_ACCEPTED;
    case MODBUS_RESULT_REFUSED:
    case MODBUS_RESULT_LATE:
        return DRIVER_OUTCOME_FAILED;
    case MODBUS_RESULT_SILENT:
    case MODBUS_RESULT_WRONG:
    case MODBUS_RESULT_GONE:
        break;
    }
    return DRIVER_OUTCOME_UNKNOWN;
}

const char *modbus_unit_reason(enum modbus_result result)
{
    switch (result) {
    case MODBUS_RESULT_OK:
        break;
    case MODBUS_RESULT_REFUSED:
        return "refused";
    case MODBUS_RESULT_SILENT:
        return "silent";
    case MODBUS_RESULT_WRONG:
        return "wrong_answer";
    case MODBUS_RESULT_LATE:
        return "deadline";
    case MODBUS_RESULT_GONE:
        return "line_gone";
    }
    return NULL;
}
