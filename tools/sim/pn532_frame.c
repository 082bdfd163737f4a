/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pn532_frame.c: one byte at a time, because a serial line cuts frames wherever it likes. */
#include "tools/sim/pn532_frame.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

static enum pn532_frame seek(struct pn532_parser *parser, uint8_t byte)
{
    if (parser->previous == 0x00 && byte == 0xff)
        parser->state = PN532_PARSER_LEN;
    parser->previous = byte;
    return PN532_FRAME_NONE;
}

/* Ends a frame, whatever became of it. */
static enum pn532_frame finish(struct pn532_parser *parser, enum pn532_frame frame)
{
    parser->state = PN532_PARSER_SEEK;
    parser->previous = 0xff;
    return frame;
}

/* The length is known and its checksum has been added to sum. */
static enum pn532_frame begin_body(struct pn532_parser *parser)
{
    if (parser->sum != 0 || parser->len == 0 || parser->len > PN532_BODY_MAX)
        return finish(parser, PN532_FRAME_BROKEN);
    parser->state = PN532_PARSER_BODY;
    parser->have = 0;
    parser->sum = 0;
    return PN532_FRAME_NONE;
}

static enum pn532_frame length_checksum(struct pn532_parser *parser, uint8_t byte)
{
    if (parser->len == 0x00 && byte == 0xff)
        return finish(parser, PN532_FRAME_ACK);
    if (parser->len == 0xff && byte == 0x00)
        return finish(parser, PN532_FRAME_NACK);
    if (parser->len == 0xff && byte == 0xff) {
        parser->state = PN532_PARSER_LEN_HIGH;
        return PN532_FRAME_NONE;
    }
    parser->sum = (uint8_t)(parser->len + byte);
    return begin_body(parser);
}

static enum pn532_frame extended_length(struct pn532_parser *parser, uint8_t byte)
{
    if (parser->state == PN532_PARSER_LEN_HIGH) {
        parser->len = (size_t)byte << 8;
        parser->sum = byte;
        parser->state = PN532_PARSER_LEN_LOW;
        return PN532_FRAME_NONE;
    }
    parser->len |= byte;
    parser->sum = (uint8_t)(parser->sum + byte);
    parser->state = PN532_PARSER_EXTENDED_LCS;
    return PN532_FRAME_NONE;
}

static enum pn532_frame body(struct pn532_parser *parser, uint8_t byte)
{
    parser->body[parser->have++] = byte;
    parser->sum = (uint8_t)(parser->sum + byte);
    if (parser->have == parser->len)
        parser->state = PN532_PARSER_DCS;
    return PN532_FRAME_NONE;
}

enum pn532_frame pn532_parser_put(struct pn532_parser *parser, uint8_t byte)
{
    switch (parser->state) {
    case PN532_PARSER_SEEK:
        return seek(parser, byte);
    case PN532_PARSER_LEN:
        parser->len = byte;
        parser->state = PN532_PARSER_LCS;
        return PN532_FRAME_NONE;
    case PN532_PARSER_LCS:
        return length_checksum(parser, byte);
    case PN532_PARSER_LEN_HIGH:
    case PN532_PARSER_LEN_LOW:
        return extended_length(parser, byte);
    case PN532_PARSER_EXTENDED_LCS:
        parser->sum = (uint8_t)(parser->sum + byte);
        return begin_body(parser);
    case PN532_PARSER_BODY:
        return body(parser, byte);
    case PN532_PARSER_DCS:
        return finish(parser, (uint8_t)(parser->sum + byte) == 0 ? PN532_FRAME_BODY : PN532_FRAME_BROKEN);
    }
    assert(false);
    return PN532_FRAME_NONE;
}

/* Start code and length. Returns the bytes written. */
static size_t build_head(size_t len, uint8_t *frame)
{
    static const uint8_t start[] = { 0x00, 0x00, 0xff };

    memcpy(frame, start, sizeof(start));
    if (len <= 0xff) {
        frame[3] = (uint8_t)len;
        frame[4] = (uint8_t)(0u - len);
        return 5;
    }
    frame[3] = frame[4] = 0xff;
    frame[5] = (uint8_t)(len >> 8);
    frame[6] = (uint8_t)len;
    frame[7] = (uint8_t)(0u - frame[5] - frame[6]);
    return 8;
}

size_t pn532_frame_build(const uint8_t *body, size_t len, uint8_t ret_frame[static PN532_FRAME_MAX])
{
    uint8_t sum = 0;

    assert(len > 0 && len <= PN532_BODY_MAX);
    size_t at = build_head(len, ret_frame);

    for (size_t i = 0; i < len; i++) {
        ret_frame[at++] = body[i];
        sum = (uint8_t)(sum + body[i]);
    }
    ret_frame[at++] = (uint8_t)(0u - sum);
    ret_frame[at++] = 0x00;
    return at;
}

size_t pn532_frame_ack(uint8_t ret_frame[static PN532_FRAME_MAX])
{
    static const uint8_t ack[] = { 0x00, 0x00, 0xff, 0x00, 0xff, 0x00 };

    memcpy(ret_frame, ack, sizeof(ack));
    return sizeof(ack);
}

size_t pn532_frame_error(uint8_t ret_frame[static PN532_FRAME_MAX])
{
    static const uint8_t error[] = { 0x7f };

    return pn532_frame_build(error, sizeof(error), ret_frame);
}
