/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands, their results and time. What is taken must be written and taken again. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/cloud_command.h"

static const struct cloud_self self = { .site = "hub", .gateway = "gw1" };

static void try_command(const char *bytes, size_t len, struct text *text)
{
    struct cloud_refusal refusal;
    struct cloud_command command;
    struct cloud_command again;
    struct cloud_command_args args;

    if (cloud_command_parse(bytes, len, &self, &command, &refusal) < 0)
        return;
    if (strcmp(command.challenge, "?") != 0 && cloud_command_format(text, &command) == 0) {
        assert(cloud_command_parse(text->data, text->len, &self, &again, &refusal) == 0);
        cloud_command_finish(&again);
    }
    for (int verb = 0; verb < CLOUD_VERBS; verb++) {
        text_reset(text);
        if (cloud_command_args_read(&command, (enum cloud_verb)verb, &args, &refusal) == 0)
            cloud_command_args_write(text, (enum cloud_verb)verb, &args);
        assert(text_error(text) == 0);
    }
    cloud_command_finish(&command);
}

static void try_others(const char *bytes, size_t len, struct text *text)
{
    struct cloud_refusal refusal;
    struct cloud_command_result result;
    struct cloud_time time;

    if (cloud_command_result_parse(bytes, len, &result, &refusal) == 0) {
        assert(cloud_command_result_is(bytes, len));
        assert(cloud_command_result_format(text, &result) == 0);
        assert(cloud_command_result_parse(text->data, text->len, &result, &refusal) == 0);
    }
    if (cloud_time_parse(bytes, len, &self, &time, &refusal) == 0) {
        assert(cloud_time_format(text, &time) == 0);
        assert(cloud_time_parse(text->data, text->len, &self, &time, &refusal) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = malloc(size + 1);
    struct text text = { 0 };

    memcpy(bytes, data, size);
    bytes[size] = '\0';
    try_command(bytes, size, &text);
    try_others(bytes, size, &text);
    text_finish(&text);
    free(bytes);
    return 0;
}
