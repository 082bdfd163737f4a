/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever a driver or a gateway writes: it is refused with a reason, or writing what was read gives a line
 * that is read as the same. */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "proto/driver_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_event(const char *line, size_t len)
{
    cleanup_with(text_finish) struct text first = TEXT_INIT;
    cleanup_with(text_finish) struct text second = TEXT_INIT;
    static struct driver_event event;
    struct json_error error = { 0 };

    if (driver_event_parse(line, len, &event, &error) != 0) {
        assert(error.text[0] != '\0');
        return;
    }
    if (driver_event_format(&first, &event) == -EMSGSIZE)
        return;
    assert(driver_event_parse(first.data, first.len, &event, &error) == 0);
    assert(driver_event_format(&second, &event) == 0 && strcmp(first.data, second.data) == 0);
}

static void check_command(const char *line, size_t len)
{
    cleanup_with(text_finish) struct text first = TEXT_INIT;
    cleanup_with(text_finish) struct text second = TEXT_INIT;
    static struct driver_command command;
    struct json_error error = { 0 };

    if (driver_command_parse(line, len, &command, &error) != 0) {
        assert(error.text[0] != '\0');
        return;
    }
    if (driver_command_format(&first, &command) == -EMSGSIZE)
        return;
    assert(driver_command_parse(first.data, first.len, &command, &error) == 0);
    assert(driver_command_format(&second, &command) == 0 && strcmp(first.data, second.data) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= LINE_BYTES_MAX)
        return 0;
    check_event((const char *)data, size);
    check_command((const char *)data, size);
    return 0;
}
