/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz_modbus_frame.c: the first byte says what was asked and on which kind of line, the others came. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "hal/modbus/modbus_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct modbus_request requests[] = {
        { .kind = MODBUS_REQUEST_READ, .range = { MODBUS_TABLE_COIL, 0, 8 } },
        { .kind = MODBUS_REQUEST_READ, .range = { MODBUS_TABLE_INPUT, 2, MODBUS_RANGE_MAX } },
        { .kind = MODBUS_REQUEST_WRITE_COIL, .range = { .address = 0x200, .count = 1 }, .words = { 7 } },
        { .kind = MODBUS_REQUEST_WRITE_REGISTERS, .range = { .address = 16, .count = 2 } },
    };
    struct modbus_frame frame;

    if (size == 0)
        return 0;
    const struct modbus_frame_to to = { .tcp = data[0] & 1, .unit = 1, .transaction = 1 };
    enum modbus_frame_kind kind =
        modbus_frame_take(&to, &requests[data[0] >> 1 & 3], data + 1, size - 1, &frame);

    assert(kind == MODBUS_FRAME_PART || (frame.used > 0 && frame.used < size));
    return 0;
}
