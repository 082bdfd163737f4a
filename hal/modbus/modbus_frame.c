/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_frame.c: the PDU is the same on both kinds of line; around it stand what they check. The only right
 * answer to a write is known beforehand, so it is made and compared. */
#include "hal/modbus/modbus_frame.h"

#include <assert.h>
#include <string.h>

#define TCP_HEADER 7 /* transaction, protocol, length, unit */
#define TCP_BEFORE 6 /* what the length does not count */
#define CRC_SIZE   2

/* A TCP frame's length: unit, function and a byte, to unit and the longest PDU. */
#define TCP_LENGTH_MIN 3
#define TCP_LENGTH_MAX 254

/* A serial frame's longest (Modbus over Serial Line V1.02, 2.3). */
#define RTU_FRAME_MAX 256

#define ECHO_SIZE      5 /* function, address, value or count */
#define EXCEPTION_SIZE 2 /* function, code */
#define EXCEPTION_BIT  0x80

enum function {
    FUNCTION_READ_COILS = 1,
    FUNCTION_READ_DISCRETES = 2,
    FUNCTION_READ_HOLDINGS = 3,
    FUNCTION_READ_INPUTS = 4,
    FUNCTION_WRITE_COIL = 5,
    FUNCTION_WRITE_REGISTER = 6,
    FUNCTION_WRITE_REGISTERS = 16,
};

/* Exceptions (Modbus Application Protocol V1.1b3, 7). */
enum exception {
    EXCEPTION_FIRST = 1,
    EXCEPTION_ACKNOWLEDGE = 5,  /* it is working on it */
    EXCEPTION_NO_PATH = 10,     /* a gateway cannot reach the unit */
    EXCEPTION_NO_RESPONSE = 11, /* a gateway got no answer from the unit */
};

static uint16_t crc(const uint8_t bytes[], size_t len)
{
    uint16_t crc = 0xffff;

    for (size_t i = 0; i < len; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & 1 ? crc >> 1 ^ 0xa001 : crc >> 1);
    }
    return crc;
}

static void put_word(uint8_t bytes[static 2], uint16_t word)
{
    bytes[0] = (uint8_t)(word >> 8);
    bytes[1] = (uint8_t)word;
}

static uint16_t get_word(const uint8_t bytes[static 2])
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static enum function function_of(const struct modbus_request *request)
{
    static const enum function reads[] = {
        [MODBUS_TABLE_COIL] = FUNCTION_READ_COILS,
        [MODBUS_TABLE_DISCRETE] = FUNCTION_READ_DISCRETES,
        [MODBUS_TABLE_INPUT] = FUNCTION_READ_INPUTS,
        [MODBUS_TABLE_HOLDING] = FUNCTION_READ_HOLDINGS,
    };

    switch (request->kind) {
    case MODBUS_REQUEST_READ:
        return reads[request->range.table];
    case MODBUS_REQUEST_WRITE_COIL:
        return FUNCTION_WRITE_COIL;
    case MODBUS_REQUEST_WRITE_REGISTER:
        return FUNCTION_WRITE_REGISTER;
    case MODBUS_REQUEST_WRITE_REGISTERS:
        break;
    }
    return FUNCTION_WRITE_REGISTERS;
}

/* Function, address, and value or count: a whole request but for function 16, and the answer to each write.
 */
static void format_echo(const struct modbus_request *request, uint8_t ret_pdu[static ECHO_SIZE])
{
    bool one = request->kind == MODBUS_REQUEST_WRITE_COIL || request->kind == MODBUS_REQUEST_WRITE_REGISTER;

    ret_pdu[0] = (uint8_t)function_of(request);
    put_word(ret_pdu + 1, request->range.address);
    put_word(ret_pdu + 3, one ? request->words[0] : request->range.count);
}

static size_t format_pdu(const struct modbus_request *request, uint8_t ret_pdu[])
{
    size_t count = request->range.count;

    format_echo(request, ret_pdu);
    if (request->kind != MODBUS_REQUEST_WRITE_REGISTERS)
        return ECHO_SIZE;
    assert(count <= MODBUS_WRITE_WORDS_MAX);
    ret_pdu[ECHO_SIZE] = (uint8_t)(2 * count);
    for (size_t i = 0; i < count; i++)
        put_word(ret_pdu + ECHO_SIZE + 1 + 2 * i, request->words[i]);
    return ECHO_SIZE + 1 + 2 * count;
}

size_t modbus_frame_format(const struct modbus_frame_to *to, const struct modbus_request *request,
                           uint8_t ret_bytes[static MODBUS_FRAME_MAX])
{
    size_t before = to->tcp ? TCP_HEADER : 1;

    assert(request->range.count > 0 && request->range.count <= MODBUS_RANGE_MAX);
    size_t len = format_pdu(request, ret_bytes + before);

    ret_bytes[before - 1] = to->unit;
    if (to->tcp) {
        put_word(ret_bytes, to->transaction);
        put_word(ret_bytes + 2, 0);
        put_word(ret_bytes + 4, (uint16_t)(1 + len));
        return TCP_HEADER + len;
    }
    uint16_t sum = crc(ret_bytes, 1 + len);

    ret_bytes[1 + len] = (uint8_t)sum;
    ret_bytes[2 + len] = (uint8_t)(sum >> 8);
    return 1 + len + CRC_SIZE;
}

static bool is_bits(const struct modbus_request *request)
{
    return request->range.table == MODBUS_TABLE_COIL || request->range.table == MODBUS_TABLE_DISCRETE;
}

/* Bytes of data that a reading's answer has. */
static size_t data_size(const struct modbus_request *request)
{
    size_t count = request->range.count;

    return is_bits(request) ? (count + 7) / 8 : 2 * count;
}

static size_t answer_pdu_size(const struct modbus_request *request)
{
    return request->kind == MODBUS_REQUEST_READ ? 2 + data_size(request) : ECHO_SIZE;
}

size_t modbus_frame_answer_size(const struct modbus_frame_to *to, const struct modbus_request *request)
{
    return answer_pdu_size(request) + (to->tcp ? TCP_HEADER : 1 + CRC_SIZE);
}

/* What is wrong with an answer, or NULL. */

static const char *judge_exception(uint8_t code, enum modbus_result *ret_result)
{
    if (code < EXCEPTION_FIRST || code > EXCEPTION_NO_RESPONSE)
        return "answers with an exception that does not exist";
    *ret_result = code == EXCEPTION_ACKNOWLEDGE || code >= EXCEPTION_NO_PATH ? MODBUS_RESULT_SILENT
                                                                             : MODBUS_RESULT_REFUSED;
    return NULL;
}

static void take_words(const struct modbus_request *request, const uint8_t data[], uint16_t ret_words[])
{
    for (size_t i = 0; i < request->range.count; i++)
        ret_words[i] = is_bits(request) ? data[i / 8] >> i % 8 & 1 : get_word(data + 2 * i);
}

/* The PDU of an answer that came whole. */
static const char *judge_pdu(const struct modbus_request *request, const uint8_t pdu[], size_t len,
                             struct modbus_frame *ret_frame)
{
    uint8_t echo[ECHO_SIZE];

    format_echo(request, echo);
    if (len == EXCEPTION_SIZE && pdu[0] == (echo[0] | EXCEPTION_BIT))
        return judge_exception(pdu[1], &ret_frame->result);
    if (pdu[0] != echo[0])
        return "answers with another function";
    if (len != answer_pdu_size(request) ||
        (request->kind == MODBUS_REQUEST_READ && pdu[1] != data_size(request)))
        return "answers with another length";
    if (request->kind != MODBUS_REQUEST_READ && memcmp(pdu, echo, ECHO_SIZE) != 0)
        return "repeats something else than was written";
    if (request->kind == MODBUS_REQUEST_READ)
        take_words(request, pdu + 2, ret_frame->words);
    ret_frame->result = MODBUS_RESULT_OK;
    return NULL;
}

/* An answer of len bytes. why: as judge_pdu() says. */
static enum modbus_frame_kind answer(size_t len, const char *why, struct modbus_frame *ret_frame)
{
    ret_frame->used = len;
    ret_frame->why = why;
    if (why)
        ret_frame->result = MODBUS_RESULT_WRONG;
    return MODBUS_FRAME_ANSWER;
}

static enum modbus_frame_kind foreign(size_t len, const char *why, struct modbus_frame *ret_frame)
{
    ret_frame->used = len;
    ret_frame->why = why;
    return MODBUS_FRAME_FOREIGN;
}

static enum modbus_frame_kind part(bool ours, struct modbus_frame *ret_frame)
{
    ret_frame->why = ours ? "answers with less than a frame" : NULL;
    return MODBUS_FRAME_PART;
}

static enum modbus_frame_kind take_tcp(const struct modbus_frame_to *to, const struct modbus_request *request,
                                       const uint8_t bytes[], size_t len, struct modbus_frame *ret_frame)
{
    if (len < TCP_HEADER)
        return part(len > 1 && get_word(bytes) == to->transaction, ret_frame);
    size_t length = get_word(bytes + 4);

    if (get_word(bytes + 2) != 0 || length < TCP_LENGTH_MIN || length > TCP_LENGTH_MAX)
        return answer(len, "answers with no Modbus frame", ret_frame);
    if (len < TCP_BEFORE + length)
        return part(get_word(bytes) == to->transaction, ret_frame);
    if (get_word(bytes) != to->transaction)
        return foreign(TCP_BEFORE + length, "answers another request", ret_frame);
    if (bytes[TCP_BEFORE] != to->unit)
        return answer(len, "answers as another unit", ret_frame);
    return answer(TCP_BEFORE + length, judge_pdu(request, bytes + TCP_HEADER, length - 1, ret_frame),
                  ret_frame);
}

/* How long a serial frame is by its own words; 0: longer than len, or none of ours, which time will tell. */
static size_t rtu_size(const uint8_t bytes[], size_t len)
{
    if (len < 3)
        return 0;
    if (bytes[1] & EXCEPTION_BIT)
        return 1 + EXCEPTION_SIZE + CRC_SIZE;
    if (bytes[1] >= FUNCTION_READ_COILS && bytes[1] <= FUNCTION_READ_INPUTS)
        return 1 + 2 + bytes[2] + CRC_SIZE;
    return 1 + ECHO_SIZE + CRC_SIZE;
}

static enum modbus_frame_kind take_rtu(const struct modbus_frame_to *to, const struct modbus_request *request,
                                       const uint8_t bytes[], size_t len, struct modbus_frame *ret_frame)
{
    size_t size = rtu_size(bytes, len);

    if (size > RTU_FRAME_MAX)
        return answer(len, "answers with no Modbus frame", ret_frame);
    if (size == 0 || len < size)
        return part(len > 1 && bytes[0] == to->unit, ret_frame);
    if (crc(bytes, size) != 0) /* over the checksum too: low byte first makes that zero */
        return answer(len, "answers with a wrong checksum", ret_frame);
    if (bytes[0] != to->unit)
        return foreign(size, "answers as another unit", ret_frame);
    return answer(size, judge_pdu(request, bytes + 1, size - 1 - CRC_SIZE, ret_frame), ret_frame);
}

enum modbus_frame_kind modbus_frame_take(const struct modbus_frame_to *to,
                                         const struct modbus_request *request, const uint8_t bytes[],
                                         size_t len, struct modbus_frame *ret_frame)
{
    return to->tcp ? take_tcp(to, request, bytes, len, ret_frame)
                   : take_rtu(to, request, bytes, len, ret_frame);
}
