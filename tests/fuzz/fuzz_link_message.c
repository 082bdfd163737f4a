/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The lines between stiled and stile-link, both ways. What is taken must be written and taken again. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/link_message.h"

static void try_command(const char *line, size_t len, struct text *text)
{
    struct link_command command;
    struct link_command again;
    struct json_error error;

    if (link_command_parse(line, len, &command, &error) != 0)
        return;
    assert(link_command_format(text, &command) <= 0);
    if (text->len < LINK_LINE_MAX) {
        assert(link_command_parse(text->data, text->len, &again, &error) == 0);
        assert(again.payload_len == command.payload_len);
        link_command_finish(&again);
    }
    link_command_finish(&command);
}

static void try_event(const char *line, size_t len, struct text *text)
{
    struct link_event event;
    struct link_event again;
    struct json_error error;

    if (link_event_parse(line, len, &event, &error) != 0)
        return;
    assert(link_event_format(text, &event) <= 0);
    if (text->len < LINK_LINE_MAX) {
        assert(link_event_parse(text->data, text->len, &again, &error) == 0);
        assert(again.payload_len == event.payload_len);
        link_event_finish(&again);
    }
    link_event_finish(&event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *line = malloc(size + 1);
    struct text text = { 0 };

    memcpy(line, data, size);
    line[size] = '\0';
    try_command(line, size, &text);
    try_event(line, size, &text);
    text_finish(&text);
    free(line);
    return 0;
}
