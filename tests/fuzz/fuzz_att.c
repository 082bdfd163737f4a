/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz_att.c: any bytes as a PDU. What can be parsed is formatted to the same bytes, and each entry of a list
 * can be looked at. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "proto/att.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t again[ATT_MTU_MAX];
    struct att_pdu pdu;
    unsigned sum = 0;

    if (att_parse(data, size, &pdu) != 0)
        return 0;
    size_t len = att_format(&pdu, again);

    /* A 128-bit type of the Base UUID becomes one of 16 bits; nothing else changes. */
    assert(len == size ? memcmp(again, data, size) == 0 : len + ATT_UUID_BYTES - 2 == size);
    for (size_t i = 0; i < att_entry_count(&pdu); i++) {
        struct att_entry entry = att_entry_at(&pdu, i);

        assert(entry.len == 0 || (entry.value >= data && entry.value + entry.len <= data + size));
        for (size_t at = 0; at < entry.len; at++)
            sum += entry.value[at];
    }
    return sum == UINT32_MAX;
}
