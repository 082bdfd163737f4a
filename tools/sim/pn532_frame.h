/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pn532_frame.h: the frames between a host and a PN532 (PN532 User Manual UM0701-02, 6.2.1). Pure.
 *
 *     normal    00 00 FF LEN LCS        TFI ... DCS 00
 *     extended  00 00 FF FF FF LH LL LCS TFI ... DCS 00
 *     ACK       00 00 FF 00 FF 00          NACK  00 00 FF FF 00 00
 *
 * A frame may be preceded by anything; it is found by its start code 00 FF.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Most bytes of a frame's body, its first byte (TFI) included. */
#define PN532_BODY_MAX 265

/* Most bytes of a frame on the line. */
#define PN532_FRAME_MAX (PN532_BODY_MAX + 10)

#define PN532_TFI_HOST 0xd4
#define PN532_TFI_CHIP 0xd5

/* What a byte completed. */
enum pn532_frame {
    PN532_FRAME_NONE, /* nothing yet */
    PN532_FRAME_ACK,
    PN532_FRAME_NACK,
    PN532_FRAME_BODY,   /* body and len of the parser hold it until the next byte */
    PN532_FRAME_BROKEN, /* a length or checksum does not fit; the frame is forgotten */
};

enum pn532_parser_state {
    PN532_PARSER_SEEK,
    PN532_PARSER_LEN,
    PN532_PARSER_LCS,
    PN532_PARSER_LEN_HIGH,
    PN532_PARSER_LEN_LOW,
    PN532_PARSER_EXTENDED_LCS,
    PN532_PARSER_BODY,
    PN532_PARSER_DCS,
};

/* Zeroed: waits for a frame. */
struct pn532_parser {
    enum pn532_parser_state state;
    uint8_t previous; /* byte before, while seeking */
    uint8_t sum;      /* what the next checksum brings to zero */
    size_t len;
    size_t have;
    uint8_t body[PN532_BODY_MAX];
};

enum pn532_frame pn532_parser_put(struct pn532_parser *parser, uint8_t byte);

/* Writes the frame of a body of 1 to PN532_BODY_MAX bytes, extended from 256 on. Returns its bytes. */
size_t pn532_frame_build(const uint8_t *body, size_t len, uint8_t ret_frame[static PN532_FRAME_MAX]);

/* The frames without a body of their own. Each returns its bytes. */
size_t pn532_frame_ack(uint8_t ret_frame[static PN532_FRAME_MAX]);
size_t pn532_frame_error(uint8_t ret_frame[static PN532_FRAME_MAX]);
