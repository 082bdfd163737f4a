/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_frame.h: requests as bytes, and whether bytes are the answer. Pure.
 *
 * A serial line has unit, PDU and CRC (Modbus over Serial Line V1.02, 2.5.1), TCP a header with a
 * transaction's number instead of the CRC (Modbus Messaging on TCP/IP V1.0b, 3.1.3). An answer is the right
 * one only if all of it is: unit, function, length, what it repeats of a write, checksum.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "hal/modbus/modbus_unit.h"

/* Longest frame of either kind: 7 bytes of header and 253 of PDU on TCP, 256 on a serial line. */
#define MODBUS_FRAME_MAX 260

/* How a request is addressed. */
struct modbus_frame_to {
    bool tcp;
    uint8_t unit;
    uint16_t transaction; /* TCP */
};

enum modbus_frame_kind {
    MODBUS_FRAME_PART,    /* more bytes are needed */
    MODBUS_FRAME_FOREIGN, /* a whole frame that answers something else: of another unit or transaction */
    MODBUS_FRAME_ANSWER,
};

struct modbus_frame {
    size_t used;               /* bytes that a FOREIGN frame or ANSWER takes */
    enum modbus_result result; /* ANSWER: OK, REFUSED, SILENT (a gateway says so), WRONG */
    const char *why; /* WRONG, FOREIGN, and a PART that begins as the answer does: what is wrong with it as it
                        stands, for people; else NULL */
    uint16_t words[MODBUS_RANGE_MAX]; /* OK and READ */
};

/* Returns the length. */
size_t modbus_frame_format(const struct modbus_frame_to *to, const struct modbus_request *request,
                           uint8_t ret_bytes[static MODBUS_FRAME_MAX]);

/* How long the answer is if all is well. */
size_t modbus_frame_answer_size(const struct modbus_frame_to *to, const struct modbus_request *request);

/* What stands at the beginning of len bytes that came after request. */
enum modbus_frame_kind modbus_frame_take(const struct modbus_frame_to *to,
                                         const struct modbus_request *request, const uint8_t bytes[],
                                         size_t len, struct modbus_frame *ret_frame);
