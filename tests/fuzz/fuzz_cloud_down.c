/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every parser of what the cloud, or whoever can publish in its place, sends down. What is taken must be
 * written and taken again. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/cloud_message.h"

static const struct cloud_self self = { .site = "hub", .gateway = "gw1" };

static void try_delta(const char *bytes, size_t len, struct text *text)
{
    struct cloud_refusal refusal;
    struct cloud_delta delta;
    struct cloud_delta again;

    if (cloud_delta_parse(bytes, len, &self, &delta, &refusal) < 0)
        return;
    if (cloud_delta_format(text, &delta) == 0) {
        assert(cloud_delta_parse(text->data, text->len, &self, &again, &refusal) == 0);
        assert(again.count == delta.count);
        cloud_delta_finish(&again);
    }
    cloud_delta_finish(&delta);
}

static void try_chunk(const char *bytes, size_t len, struct text *text)
{
    struct cloud_refusal refusal;
    struct cloud_chunk chunk;
    const char *line;
    size_t line_len;

    if (cloud_chunk_parse(bytes, len, &chunk, &refusal) < 0)
        return;
    assert(cloud_chunk_format(text, &chunk) <= 0);
    while (cloud_line_next(&chunk.lines, &chunk.len, &line, &line_len)) {
        struct cloud_item item;

        if (cloud_item_parse(line, line_len, &item, &refusal) == 0) {
            assert(item.item_len <= CLOUD_ITEM_BYTES_MAX);
            cloud_item_finish(&item);
        }
    }
}

static void try_others(const char *bytes, size_t len, struct text *text)
{
    static struct cloud_digest digest;
    struct cloud_refusal refusal;
    struct cloud_desired desired;
    struct cloud_snapshot snapshot;
    struct cloud_ack ack;

    if (cloud_desired_parse(bytes, len, &self, &desired, &refusal) == 0) {
        assert(cloud_desired_format(text, &desired) == 0);
        assert(cloud_desired_parse(text->data, text->len, &self, &desired, &refusal) == 0);
    }
    if (cloud_snapshot_parse(bytes, len, &self, &snapshot, &refusal) == 0) {
        assert(cloud_snapshot_format(text, &snapshot) == 0);
        assert(cloud_snapshot_parse(text->data, text->len, &self, &snapshot, &refusal) == 0);
    }
    if (cloud_ack_parse(bytes, len, &self, &ack, &refusal) == 0) {
        assert(cloud_ack_format(text, &ack) == 0);
        assert(cloud_ack_parse(text->data, text->len, &self, &ack, &refusal) == 0);
    }
    if (cloud_digest_parse(bytes, len, &digest, &refusal) == 0)
        assert(cloud_digest_format(text, &digest) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = malloc(size + 1);
    struct text text = { 0 };

    memcpy(bytes, data, size);
    bytes[size] = '\0';
    try_delta(bytes, size, &text);
    try_chunk(bytes, size, &text);
    try_others(bytes, size, &text);
    text_finish(&text);
    free(bytes);
    return 0;
}
