/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_modbus_frame.c: frames in hex. Those of serial lines are Waveshare's, from its development protocol V2
 * for the 8-relay board. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <string.h>

#include "hal/modbus/modbus_frame.h"
#include "proto/encode.h"

static const struct modbus_frame_to rtu = { .unit = 1 };
static const struct modbus_frame_to tcp = { .tcp = true, .unit = 9, .transaction = 0x1234 };

static const struct modbus_request release = { .kind = MODBUS_REQUEST_WRITE_COIL,
                                               .range = { .address = 0x200, .count = 1 },
                                               .words = { 7 } };
static const struct modbus_request coils = { .kind = MODBUS_REQUEST_READ,
                                             .range = { MODBUS_TABLE_COIL, 0, 8 } };
static const struct modbus_request holding = { .kind = MODBUS_REQUEST_READ,
                                               .range = { MODBUS_TABLE_HOLDING, 0x8000, 1 } };
static const struct modbus_request text = { .kind = MODBUS_REQUEST_WRITE_REGISTERS,
                                            .range = { .address = 0x10, .count = 2 },
                                            .words = { 0x4849, 0x2020 } };

static size_t from_hex(const char *hex, uint8_t bytes[static MODBUS_FRAME_MAX])
{
    size_t len = strlen(hex) / 2;

    assert_int_equal(hex_decode(hex, bytes, len), 0);
    return len;
}

static void format__each_kind__is_as_the_maker_writes_it(void **state)
{
    static const struct {
        const struct modbus_frame_to *to;
        const struct modbus_request *request;
        const char *hex;
        size_t answer;
    } rows[] = {
        { &rtu, &release, "0105020000078db0", 8 },
        { &rtu, &coils, "0101000000083dcc", 6 },
        { &rtu, &holding, "010380000001adca", 7 },
        { &rtu, &text, "01100010000204484920202ccd", 8 },
        { &tcp, &release, "123400000006090502000007", 12 },
        { &tcp, &text, "12340000000b0910001000020448492020", 12 },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t expected[MODBUS_FRAME_MAX], bytes[MODBUS_FRAME_MAX];
        size_t len = from_hex(rows[i].hex, expected);

        assert_int_equal(modbus_frame_format(rows[i].to, rows[i].request, bytes), len);
        assert_memory_equal(bytes, expected, len);
        assert_int_equal(modbus_frame_answer_size(rows[i].to, rows[i].request), rows[i].answer);
    }
}

static const struct {
    const char *what; /* for whoever reads this */
    const struct modbus_frame_to *to;
    const struct modbus_request *request;
    const char *hex;
    enum modbus_frame_kind kind;
    enum modbus_result result; /* ANSWER */
    size_t used;               /* FOREIGN */
} answers[] = {
    { "echo", &rtu, &release, "0105020000078db0", MODBUS_FRAME_ANSWER, MODBUS_RESULT_OK },
    { "echo and more", &rtu, &release, "0105020000078db0ff", MODBUS_FRAME_ANSWER, MODBUS_RESULT_OK },
    { "half of it", &rtu, &release, "0105020000", MODBUS_FRAME_PART },
    { "one byte", &rtu, &release, "01", MODBUS_FRAME_PART },
    { "bit flipped", &rtu, &release, "0105020000078db1", MODBUS_FRAME_ANSWER, MODBUS_RESULT_WRONG },
    { "another coil", &rtu, &release, "010500000000cdca", MODBUS_FRAME_ANSWER, MODBUS_RESULT_WRONG },
    { "another function", &rtu, &release, "010101519074", MODBUS_FRAME_ANSWER, MODBUS_RESULT_WRONG },
    { "another unit", &rtu, &release, "020500000000cdf9", MODBUS_FRAME_FOREIGN, .used = 8 },
    { "exception", &rtu, &release, "0185030291", MODBUS_FRAME_ANSWER, MODBUS_RESULT_REFUSED },
    { "exception to something else", &rtu, &coils, "0185030291", MODBUS_FRAME_ANSWER, MODBUS_RESULT_WRONG },
    { "coils", &rtu, &coils, "010101519074", MODBUS_FRAME_ANSWER, MODBUS_RESULT_OK },
    { "register", &rtu, &holding, "01030200c8b9d2", MODBUS_FRAME_ANSWER, MODBUS_RESULT_OK },
    { "a length that no frame has", &rtu, &holding, "0103ff", MODBUS_FRAME_ANSWER, MODBUS_RESULT_WRONG },
    { "echo", &tcp, &release, "123400000006090502000007", MODBUS_FRAME_ANSWER, MODBUS_RESULT_OK },
    { "old transaction", &tcp, &release, "123300000006090502000007", MODBUS_FRAME_FOREIGN, .used = 12 },
    { "half of it", &tcp, &release, "12340000000609050200", MODBUS_FRAME_PART },
    { "half a header", &tcp, &release, "123400", MODBUS_FRAME_PART },
    { "another protocol", &tcp, &release, "123400010006090502000007", MODBUS_FRAME_ANSWER,
      MODBUS_RESULT_WRONG },
    { "another unit", &tcp, &release, "123400000006080502000007", MODBUS_FRAME_ANSWER, MODBUS_RESULT_WRONG },
    { "too long", &tcp, &release, "1234000000ff090502000007", MODBUS_FRAME_ANSWER, MODBUS_RESULT_WRONG },
    { "one byte more", &tcp, &release, "12340000000709050200000700", MODBUS_FRAME_ANSWER,
      MODBUS_RESULT_WRONG },
    { "exception", &tcp, &release, "123400000003098504", MODBUS_FRAME_ANSWER, MODBUS_RESULT_REFUSED },
    { "working on it", &tcp, &release, "123400000003098505", MODBUS_FRAME_ANSWER, MODBUS_RESULT_SILENT },
    { "gateway: silent", &tcp, &release, "12340000000309850b", MODBUS_FRAME_ANSWER, MODBUS_RESULT_SILENT },
    { "no such exception", &tcp, &release, "1234000000030985ff", MODBUS_FRAME_ANSWER, MODBUS_RESULT_WRONG },
};

static void take__whatever_comes__is_what_it_is(void **state)
{
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        uint8_t bytes[MODBUS_FRAME_MAX];
        struct modbus_frame frame;
        size_t len = from_hex(answers[i].hex, bytes);
        enum modbus_frame_kind kind =
            modbus_frame_take(answers[i].to, answers[i].request, bytes, len, &frame);

        assert_int_equal(kind, answers[i].kind);
        if (kind == MODBUS_FRAME_ANSWER)
            assert_int_equal(frame.result, answers[i].result);
        if (kind == MODBUS_FRAME_FOREIGN)
            assert_int_equal(frame.used, answers[i].used);
    }
}

static void take__not_the_answer__says_why(void **state)
{
    static const struct {
        const struct modbus_frame_to *to;
        const struct modbus_request *request;
        const char *hex;
        const char *why; /* NULL: nothing is wrong, or nothing is known */
    } rows[] = {
        { &rtu, &release, "0105020000078db0", NULL },
        { &rtu, &release, "0185030291", NULL },
        { &rtu, &release, "02", NULL },
        { &rtu, &release, "0205020000", NULL },
        { &rtu, &release, "0105020000", "answers with less than a frame" },
        { &rtu, &release, "0105020000078db1", "answers with a wrong checksum" },
        { &rtu, &release, "010500000000cdca", "repeats something else than was written" },
        { &rtu, &release, "010101519074", "answers with another function" },
        { &rtu, &release, "020500000000cdf9", "answers as another unit" },
        { &rtu, &holding, "0103ff", "answers with no Modbus frame" },
        { &tcp, &release, "12340000", "answers with less than a frame" },
        { &tcp, &release, "123300000006090502", NULL },
        { &tcp, &release, "123300000006090502000007", "answers another request" },
        { &tcp, &release, "123400010006090502000007", "answers with no Modbus frame" },
        { &tcp, &release, "123400000006080502000007", "answers as another unit" },
        { &tcp, &release, "12340000000709050200000700", "answers with another length" },
        { &tcp, &release, "1234000000030985ff", "answers with an exception that does not exist" },
        { &tcp, &release, "12340000000309850b", NULL },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t bytes[MODBUS_FRAME_MAX];
        struct modbus_frame frame;
        size_t len = from_hex(rows[i].hex, bytes);

        (void)modbus_frame_take(rows[i].to, rows[i].request, bytes, len, &frame);
        assert_int_equal(frame.why == NULL, rows[i].why == NULL);
        if (rows[i].why)
            assert_string_equal(frame.why, rows[i].why);
    }
}

static void take__bits_and_registers__become_words(void **state)
{
    uint8_t bytes[MODBUS_FRAME_MAX];
    struct modbus_frame frame;

    size_t len = from_hex("010101519074", bytes);
    assert_int_equal(modbus_frame_take(&rtu, &coils, bytes, len, &frame), MODBUS_FRAME_ANSWER);
    assert_memory_equal(frame.words, ((uint16_t[]){ 1, 0, 0, 0, 1, 0, 1, 0 }), 8 * sizeof(uint16_t));
    len = from_hex("01030200c8b9d2", bytes);
    assert_int_equal(modbus_frame_take(&rtu, &holding, bytes, len, &frame), MODBUS_FRAME_ANSWER);
    assert_int_equal(frame.words[0], 200);
}

/* Nothing that differs in one bit from the right answer is taken for it. */
static void take__any_bit_flipped__is_never_ok(void **state)
{
    static const struct modbus_frame_to *const lines[] = { &rtu, &tcp };
    uint8_t bytes[MODBUS_FRAME_MAX];
    struct modbus_frame frame;

    for (size_t line = 0; line < 2; line++) {
        size_t len = modbus_frame_format(lines[line], &release, bytes);

        for (size_t bit = 0; bit < 8 * len; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_false(modbus_frame_take(lines[line], &release, bytes, len, &frame) ==
                             MODBUS_FRAME_ANSWER &&
                         frame.result != MODBUS_RESULT_WRONG && frame.result != MODBUS_RESULT_REFUSED);
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(format__each_kind__is_as_the_maker_writes_it),
        cmocka_unit_test(take__whatever_comes__is_what_it_is),
        cmocka_unit_test(take__not_the_answer__says_why),
        cmocka_unit_test(take__bits_and_registers__become_words),
        cmocka_unit_test(take__any_bit_flipped__is_never_ok),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
