/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever a client sends: a request that is taken can be written, and is then taken again. */
#include <assert.h>
#include <stdint.h>

#include "proto/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const struct control_request *request)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    struct json_error error;
    int r = control_request_format(&text, request->command, &request->args, &error);

    assert(r == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_with(control_request_finish) struct control_request request = { 0 };
    cleanup_with(control_answer_finish) struct control_answer answer = { 0 };
    struct json_error error;

    if (control_request_parse((const char *)data, size, &request, &error) == 0)
        round_trip(&request);
    if (control_answer_parse((const char *)data, size, &answer, &error) == 0)
        assert(answer.object);
    return 0;
}
