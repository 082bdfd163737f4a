/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz_nuki.c: what comes from a lock. The first byte's lowest bit says over which characteristic; its others
 * are how long the parts are. A frame is opened as it came, and its bytes once more as what was in a box that
 * was made with the right key, since no fuzzer finds a MAC. What is taken comes out the same again. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "proto/nuki_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct nuki_access lock = { .auth_id = 2, .key = { 1, 2, 3 } };
static const uint8_t nonce[NUKI_FRAME_NONCE_BYTES] = { 4, 5, 6 };

/* Parsing is the same as formatting and parsing again. */
static void take(const struct nuki_message *message)
{
    uint8_t first[NUKI_FRAME_MAX], second[NUKI_FRAME_MAX];
    struct nuki_message again;
    size_t len = nuki_frame_seal(&lock, nonce, message, first);

    int r = nuki_frame_open(&lock, first, len, &again);

    assert(r == 0);
    assert(nuki_frame_seal(&lock, nonce, &again, second) == len);
    assert(memcmp(first, second, len) == 0);
    (void)nuki_command_word((uint16_t)message->command);
}

static void open_frame(const struct nuki_assembly *assembly)
{
    struct nuki_message message;
    int r = assembly->encrypted ? nuki_frame_open(&lock, assembly->bytes, assembly->len, &message)
                                : nuki_frame_open_plain(assembly->bytes, assembly->len, &message);

    if (r == 0)
        take(&message);
}

/* The bytes, with the right authorization before and the right CRC behind them. */
static void open_boxed(const uint8_t *data, size_t size)
{
    uint8_t inner[NUKI_FRAME_INNER_MAX] = { 2 }, bytes[NUKI_FRAME_MAX];
    size_t len = size < sizeof(inner) - 6 ? size : sizeof(inner) - 6;
    struct nuki_message message;

    memcpy(inner + 4, data, len);
    uint16_t crc = nuki_frame_crc(inner, 4 + len);

    inner[4 + len] = (uint8_t)crc;
    inner[5 + len] = (uint8_t)(crc >> 8);
    len = nuki_frame_box(&lock, nonce, inner, 6 + len, bytes);
    if (nuki_frame_open(&lock, bytes, len, &message) == 0)
        take(&message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct nuki_assembly assembly = { .encrypted = data[0] & 1 };
    size_t part = 1 + (data[0] >> 1);

    open_boxed(data + 1, size - 1);
    for (size_t at = 1; at < size; at += part) {
        size_t len = size - at < part ? size - at : part;

        if (nuki_frame_add(&assembly, data + at, len) == 0)
            open_frame(&assembly);
        assert(assembly.len <= sizeof(assembly.bytes));
    }
    return 0;
}
