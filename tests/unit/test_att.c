/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_att.c: PDUs in hex, as they stand in the Core Specification's tables and in btmon's records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "proto/att.h"
#include "proto/encode.h"

static size_t from_hex(const char *hex, uint8_t bytes[static ATT_MTU_MAX])
{
    size_t len = strlen(hex) / 2;

    assert_int_equal(hex_decode(hex, bytes, len), 0);
    return len;
}

static struct att_pdu parse(const char *hex, uint8_t bytes[static ATT_MTU_MAX])
{
    struct att_pdu pdu = { 0 };

    assert_int_equal(att_parse(bytes, from_hex(hex, bytes), &pdu), 0);
    return pdu;
}

static const char *const each_opcode[] = {
    "01080a000a",                                         /* error */
    "020502",                                             /* MTU */
    "03f700",                                             /* */
    "040b000c00",                                         /* find information */
    "05010c0002290d000129",                               /* of 16 bits */
    "05020c00 669a0c2000086c91e411015501e22ea9",          /* of 128 bits */
    "060100ffff0028669a0c2000086c91e411015500e22ea9",     /* find by type value */
    "070100080010001f00",                                 /* */
    "080100ffff0328",                                     /* read by type */
    "080100ffff669a0c2000086c91e411015500e22ea9",         /* of 128 bits */
    "0915 0200 08 0300 669a0c2000086c91e411015501e22ea9", /* */
    "0a0300",                                             /* read */
    "0b",                                                 /* of nothing */
    "0b0102",                                             /* */
    "0c03001600",                                         /* read blob */
    "0d01",                                               /* */
    "100100ffff0028",                                     /* read by group type */
    "1106 010008000018 090010000118",                     /* */
    "12030001",                                           /* write */
    "13",                                                 /* */
    "16030000000102",                                     /* prepare write */
    "17030000000102",                                     /* */
    "1801",                                               /* execute write */
    "19",                                                 /* */
    "1b030001",                                           /* notification */
    "1d030001",                                           /* indication */
    "1e",                                                 /* confirmation */
    "52030001",                                           /* write command */
};

/* The same without the blanks that set fields apart. */
static const char *packed(const char *hex, char text[static HEX_SIZE(ATT_MTU_MAX)])
{
    char *end = text;

    for (; *hex; hex++)
        if (*hex != ' ')
            *end++ = *hex;
    *end = '\0';
    return text;
}

static void format__of_each_parsed_pdu__is_the_same_bytes(void **state)
{
    for (size_t i = 0; i < sizeof(each_opcode) / sizeof(each_opcode[0]); i++) {
        uint8_t bytes[ATT_MTU_MAX], again[ATT_MTU_MAX];
        char text[HEX_SIZE(ATT_MTU_MAX)];
        struct att_pdu pdu = parse(packed(each_opcode[i], text), bytes);
        size_t len = strlen(text) / 2;

        assert_int_equal(pdu.opcode, bytes[0]);
        assert_int_equal(att_format(&pdu, again), len);
        assert_memory_equal(bytes, again, len);
    }
}

static void parse__fields__are_little_endian(void **state)
{
    uint8_t bytes[ATT_MTU_MAX];
    struct att_pdu pdu = parse("0112345606", bytes);

    assert_int_equal(pdu.request, ATT_WRITE_REQUEST);
    assert_int_equal(pdu.handle, 0x5634);
    assert_int_equal(pdu.code, ATT_ERROR_NOT_SUPPORTED);
    pdu = parse("0c03001602", bytes);
    assert_int_equal(pdu.handle, 3);
    assert_int_equal(pdu.offset, 0x216);
    pdu = parse("080100feff0328", bytes);
    assert_int_equal(pdu.first, 1);
    assert_int_equal(pdu.last, 0xfffe);
    struct att_uuid characteristic = att_uuid_16(ATT_TYPE_CHARACTERISTIC);

    assert_true(att_uuid_equal(&pdu.type, &characteristic));
}

static void parse__wrong_lengths__are_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "01080a00",
        "01080a000a00",
        "0205",
        "02050200",
        "03",
        "04010002",
        "0501",
        "0502",
        "05030c000229",
        "05010c00",
        "05010c0002",
        "05010c00022901",
        "0601000200",
        "07",
        "07010008",
        "0701000800ff",
        "08010002",
        "080100020003",
        "08010002000328aa",
        "09",
        "0902",
        "0901ff",
        "0907020028",
        "0915020028",
        "0a03",
        "0a030000",
        "0c0300",
        "1106",
        "1103010008",
        "110601000800001809",
        "120a",
        "1300",
        "16030000",
        "18",
        "180100",
        "1900",
        "1b03",
        "1d",
        "1e00",
        "5203",
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t bytes[ATT_MTU_MAX];
        struct att_pdu pdu = { .opcode = 0xee };

        assert_int_equal(att_parse(bytes, from_hex(rows[i], bytes), &pdu), -EBADMSG);
        assert_int_equal(pdu.opcode, 0xee);
    }
}

static void parse__value_over_512_or_pdu_over_517__is_refused(void **state)
{
    uint8_t bytes[ATT_MTU_MAX + 1] = { ATT_WRITE_REQUEST, 3 };
    struct att_pdu pdu;

    assert_int_equal(att_parse(bytes, 3 + ATT_VALUE_MAX, &pdu), 0);
    assert_int_equal(att_parse(bytes, 3 + ATT_VALUE_MAX + 1, &pdu), -EBADMSG);
    bytes[0] = ATT_PREPARE_WRITE_REQUEST;
    assert_int_equal(att_parse(bytes, ATT_MTU_MAX, &pdu), 0);
    bytes[0] = 0x7e;
    assert_int_equal(att_parse(bytes, ATT_MTU_MAX, &pdu), ATT_E_UNKNOWN);
    assert_int_equal(att_parse(bytes, ATT_MTU_MAX + 1, &pdu), -EBADMSG);
}

static void parse__unknown_opcode__is_told_with_its_kind(void **state)
{
    static const uint8_t later[] = { 0x20, 1, 2 };
    struct att_pdu pdu;

    assert_int_equal(att_parse(later, sizeof(later), &pdu), ATT_E_UNKNOWN);
    assert_int_equal(pdu.opcode, 0x20);
    assert_int_equal(pdu.len, 2);
    assert_true(att_is_request(0x20));
    assert_false(att_is_request(0x23));
    assert_false(att_is_request(ATT_CONFIRMATION));
    assert_false(att_is_request(ATT_WRITE_COMMAND));
    assert_true(att_is_command(ATT_WRITE_COMMAND));
    assert_true(att_is_command(0xd2));
}

static void entries__of_each_list__have_their_members(void **state)
{
    uint8_t bytes[ATT_MTU_MAX];
    struct att_pdu list = parse("05010c0002290d000129", bytes);
    struct att_uuid cccd = att_uuid_16(ATT_TYPE_CCCD);
    struct att_entry entry = att_entry_at(&list, 0);

    assert_int_equal(att_entry_count(&list), 2);
    assert_int_equal(entry.handle, 0x0c);
    assert_true(att_uuid_equal(&entry.uuid, &cccd));
    list = parse("070100080010001f00", bytes);
    entry = att_entry_at(&list, 1);
    assert_int_equal(entry.handle, 0x10);
    assert_int_equal(entry.end, 0x1f);
    assert_int_equal(entry.len, 0);
    list = parse("0904020028030400aabb", bytes);
    entry = att_entry_at(&list, 1);
    assert_int_equal(entry.handle, 4);
    assert_int_equal(entry.len, 2);
    assert_memory_equal(entry.value, "\xaa\xbb", 2);
    list = parse("1106010008000018090010000118", bytes);
    entry = att_entry_at(&list, 1);
    assert_int_equal(entry.handle, 9);
    assert_int_equal(entry.end, 0x10);
    assert_memory_equal(entry.value, "\x01\x18", 2);
}

static void entry_add__what_does_not_fit__is_left_out(void **state)
{
    uint8_t values[ATT_MTU_MAX], bytes[ATT_MTU_MAX];
    struct att_pdu list = { .opcode = ATT_READ_TYPE_RESPONSE };
    struct att_entry entry = { .handle = 1, .value = bytes, .len = 5 };

    memset(bytes, 0xaa, sizeof(bytes));
    assert_true(att_entry_add(&list, values, ATT_MTU_DEFAULT, &entry));
    entry.len = 4; /* another length */
    assert_false(att_entry_add(&list, values, ATT_MTU_DEFAULT, &entry));
    entry.len = 5;
    assert_true(att_entry_add(&list, values, ATT_MTU_DEFAULT, &entry));
    assert_true(att_entry_add(&list, values, ATT_MTU_DEFAULT, &entry)); /* 2 + 3 * 7 = 23 */
    assert_false(att_entry_add(&list, values, ATT_MTU_DEFAULT, &entry));
    assert_int_equal(att_entry_count(&list), 3);
    uint8_t pdu[ATT_MTU_MAX];

    assert_int_equal(att_format(&list, pdu), ATT_MTU_DEFAULT);
    assert_int_equal(pdu[1], 7);
}

static void entry_add__one_long_value__is_cut(void **state)
{
    uint8_t values[ATT_MTU_MAX], bytes[ATT_MTU_MAX] = { 0 };
    const struct att_entry entry = { .handle = 1, .end = 2, .value = bytes, .len = ATT_VALUE_MAX };
    struct att_pdu list = { .opcode = ATT_READ_TYPE_RESPONSE };
    struct att_pdu groups = { .opcode = ATT_READ_GROUP_RESPONSE };

    assert_true(att_entry_add(&list, values, ATT_MTU_DEFAULT, &entry));
    assert_int_equal(att_entry_at(&list, 0).len, ATT_MTU_DEFAULT - 4);
    assert_true(att_entry_add(&groups, values, ATT_MTU_MAX, &entry));
    assert_int_equal(att_entry_at(&groups, 0).len, 251);
}

static void uuid__text_and_bytes__agree(void **state)
{
    static const uint8_t backwards[] = { 0x66, 0x9a, 0x0c, 0x20, 0x00, 0x08, 0x6c, 0x91,
                                         0xe4, 0x11, 0x01, 0x55, 0x00, 0xe2, 0x2e, 0xa9 };
    struct att_uuid uuid, taken;
    uint8_t bytes[ATT_UUID_BYTES];

    assert_int_equal(att_uuid_parse("A92EE200-5501-11E4-916C-0800200C9A66", &uuid), 0);
    assert_int_equal(att_uuid_put(&uuid, bytes), sizeof(bytes));
    assert_memory_equal(bytes, backwards, sizeof(bytes));
    assert_int_equal(att_uuid_take(bytes, sizeof(bytes), &taken), 0);
    assert_true(att_uuid_equal(&uuid, &taken));
}

static void uuid__of_16_bits__is_one_of_the_base(void **state)
{
    struct att_uuid number, text;
    uint8_t bytes[ATT_UUID_BYTES];

    assert_int_equal(att_uuid_parse("2902", &number), 0);
    assert_int_equal(att_uuid_parse("00002902-0000-1000-8000-00805f9b34fb", &text), 0);
    assert_true(att_uuid_equal(&number, &text));
    assert_int_equal(att_uuid_put(&number, bytes), 2);
    assert_memory_equal(bytes, "\x02\x29", 2);
}

static void uuid__of_wrong_text_or_length__is_refused(void **state)
{
    static const char *const rows[] = { "",
                                        "290",
                                        "29022",
                                        "29g2",
                                        "a92ee20005501-11e4-916c-0800200c9a66",
                                        "a92ee200-5501-11e4-916c-0800200c9a6",
                                        "a92ee200-5501-11e4-916c0-800200c9a66",
                                        "a92ee200-5501-11e4-916c-0800200c9a6x" };
    static const uint8_t bytes[ATT_UUID_BYTES + 1];
    struct att_uuid uuid;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(att_uuid_parse(rows[i], &uuid), -EBADMSG);
    for (size_t len = 0; len <= sizeof(bytes); len++)
        assert_int_equal(att_uuid_take(bytes, len, &uuid), len == 2 || len == 16 ? 0 : -EBADMSG);
}

static void error_word__each_range__has_one(void **state)
{
    assert_string_equal(att_error_word(ATT_ERROR_INVALID_HANDLE), "invalid_handle");
    assert_string_equal(att_error_word(0x80), "application_error");
    assert_string_equal(att_error_word(0x9f), "application_error");
    assert_string_equal(att_error_word(0xa0), "unknown_error");
    assert_string_equal(att_error_word(0), "unknown_error");
    assert_string_equal(att_error_word(0xff), "out_of_range");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(format__of_each_parsed_pdu__is_the_same_bytes),
        cmocka_unit_test(parse__fields__are_little_endian),
        cmocka_unit_test(parse__wrong_lengths__are_refused),
        cmocka_unit_test(parse__value_over_512_or_pdu_over_517__is_refused),
        cmocka_unit_test(parse__unknown_opcode__is_told_with_its_kind),
        cmocka_unit_test(entries__of_each_list__have_their_members),
        cmocka_unit_test(entry_add__what_does_not_fit__is_left_out),
        cmocka_unit_test(entry_add__one_long_value__is_cut),
        cmocka_unit_test(uuid__text_and_bytes__agree),
        cmocka_unit_test(uuid__of_16_bits__is_one_of_the_base),
        cmocka_unit_test(uuid__of_wrong_text_or_length__is_refused),
        cmocka_unit_test(error_word__each_range__has_one),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
