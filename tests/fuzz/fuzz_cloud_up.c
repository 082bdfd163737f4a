/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every parser of what gateways, or whoever can publish in their place, send up. What is taken must be
 * written and taken again. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/cloud_message.h"

static void try_events(const char *bytes, size_t len, struct text *text)
{
    struct cloud_refusal refusal;
    struct cloud_events events;

    if (cloud_events_parse(bytes, len, &events, &refusal) < 0)
        return;
    (void)!cloud_events_check(&events, &refusal);
    if (cloud_events_format(text, &events) == 0)
        assert(cloud_events_parse(text->data, text->len, &events, &refusal) == 0);
}

static void try_others(const char *bytes, size_t len, struct text *text)
{
    struct cloud_refusal refusal;
    struct cloud_state state;
    struct cloud_request request;
    struct cloud_result result;

    if (cloud_state_parse(bytes, len, &state, &refusal) == 0) {
        assert(cloud_state_format(text, &state) == 0);
        assert(cloud_state_parse(text->data, text->len, &state, &refusal) == 0);
    }
    if (cloud_request_parse(bytes, len, &request, &refusal) == 0) {
        assert(cloud_request_format(text, &request) == 0);
        assert(cloud_request_parse(text->data, text->len, &request, &refusal) == 0);
    }
    if (cloud_result_parse(bytes, len, &result, &refusal) == 0) {
        assert(cloud_result_format(text, &result) == 0);
        assert(cloud_result_parse(text->data, text->len, &result, &refusal) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = malloc(size + 1);
    struct text text = { 0 };

    memcpy(bytes, data, size);
    bytes[size] = '\0';
    try_events(bytes, size, &text);
    try_others(bytes, size, &text);
    text_finish(&text);
    free(bytes);
    return 0;
}
