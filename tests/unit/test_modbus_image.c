/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values as registers hold them, and the requests that fetch them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "hal/modbus/modbus_image.h"

static struct modbus_place place(enum modbus_table table, int64_t address, int64_t words)
{
    return (struct modbus_place){ .present = true, .table = table, .address = address, .words = words };
}

static void assert_range(const struct modbus_range *range, enum modbus_table table, unsigned address,
                         unsigned count)
{
    assert_int_equal(range->table, table);
    assert_int_equal(range->address, address);
    assert_int_equal(range->count, count);
}

static void plan__neighbours__share_a_request(void **state)
{
    struct modbus_profile profile = {
        .starts = place(MODBUS_TABLE_INPUT, 11, 1),
        .identity = place(MODBUS_TABLE_INPUT, 10, 1),
        .input_count = 2,
        .inputs = { { .place = place(MODBUS_TABLE_DISCRETE, 5, 1) },
                    { .place = place(MODBUS_TABLE_DISCRETE, 4, 1) } },
    };
    struct modbus_poll poll;

    profile.sides[MODBUS_SIDE_IN].passages = place(MODBUS_TABLE_INPUT, 12, 2);
    profile.sides[MODBUS_SIDE_OUT].passages = place(MODBUS_TABLE_INPUT, 15, 2); /* a gap at 14 */
    modbus_image_plan(&profile, &poll);
    assert_int_equal(poll.count, 3);
    assert_range(&poll.ranges[0], MODBUS_TABLE_DISCRETE, 4, 2);
    assert_range(&poll.ranges[1], MODBUS_TABLE_INPUT, 10, 4);
    assert_range(&poll.ranges[2], MODBUS_TABLE_INPUT, 15, 2);
}

static void plan__one_place_twice__is_read_once(void **state)
{
    struct modbus_profile profile = {
        .input_count = 2,
        .inputs = { { .place = place(MODBUS_TABLE_COIL, 7, 1) },
                    { .place = place(MODBUS_TABLE_COIL, 7, 1) } },
    };
    struct modbus_poll poll;

    modbus_image_plan(&profile, &poll);
    assert_int_equal(poll.count, 1);
    assert_range(&poll.ranges[0], MODBUS_TABLE_COIL, 7, 1);
}

static void decode__word_order__is_the_profiles(void **state)
{
    struct modbus_profile profile = { 0 };
    struct modbus_poll poll;
    struct modbus_image image;

    profile.sides[MODBUS_SIDE_IN].passages = place(MODBUS_TABLE_HOLDING, 0, 2);
    modbus_image_plan(&profile, &poll);
    poll.words[0][0] = 0x1234;
    poll.words[0][1] = 0x5678;
    modbus_image_decode(&profile, &poll, &image);
    assert_int_equal(image.sides[MODBUS_SIDE_IN].passages, 0x12345678);
    profile.words = MODBUS_ORDER_LOW_FIRST;
    modbus_image_decode(&profile, &poll, &image);
    assert_int_equal(image.sides[MODBUS_SIDE_IN].passages, 0x56781234);
}

static void decode__inverted_bit__is_turned(void **state)
{
    struct modbus_profile profile = { .input_count = 1,
                                      .inputs = { { .place = place(MODBUS_TABLE_DISCRETE, 0, 1) } } };
    struct modbus_poll poll;
    struct modbus_image image;

    profile.inputs[0].place.inverted = true;
    modbus_image_plan(&profile, &poll);
    poll.words[0][0] = 0;
    modbus_image_decode(&profile, &poll, &image);
    assert_true(image.inputs[0]);
    poll.words[0][0] = 1;
    modbus_image_decode(&profile, &poll, &image);
    assert_false(image.inputs[0]);
}

static void decode__other_identity__is_a_stranger(void **state)
{
    struct modbus_profile profile = { .identity = place(MODBUS_TABLE_INPUT, 0, 1), .identity_value = 5 };
    struct modbus_poll poll;
    struct modbus_image image;

    modbus_image_plan(&profile, &poll);
    poll.words[0][0] = 5;
    modbus_image_decode(&profile, &poll, &image);
    assert_false(image.stranger);
    poll.words[0][0] = 6;
    modbus_image_decode(&profile, &poll, &image);
    assert_true(image.stranger);
}

static void card__byte_order__is_the_profiles(void **state)
{
    const uint16_t words[] = { 3, 0x04a1, 0xb2ff };
    struct modbus_profile profile = { 0 };
    struct modbus_card card = { .length = place(MODBUS_TABLE_INPUT, 16, 1),
                                .data = place(MODBUS_TABLE_INPUT, 17, 2) };
    struct modbus_card_number number;
    struct modbus_range range = modbus_image_card_range(&card);

    assert_range(&range, MODBUS_TABLE_INPUT, 16, 3);
    assert_int_equal(modbus_image_card(&profile, &card, words, &number), 0);
    assert_int_equal(number.len, 3);
    assert_memory_equal(number.bytes, "\x04\xa1\xb2", 3);
    profile.bytes = MODBUS_ORDER_LOW_FIRST;
    assert_int_equal(modbus_image_card(&profile, &card, words, &number), 0);
    assert_memory_equal(number.bytes, "\xa1\x04\xff", 3);
}

static void card__impossible_length__is_refused(void **state)
{
    const struct modbus_profile profile = { 0 };
    const struct modbus_card card = { .data = place(MODBUS_TABLE_INPUT, 17, 2) };
    struct modbus_card_number number;

    assert_int_equal(modbus_image_card(&profile, &card, (uint16_t[]){ 0, 1, 2 }, &number), -EBADMSG);
    assert_int_equal(modbus_image_card(&profile, &card, (uint16_t[]){ 5, 1, 2 }, &number), -EBADMSG);
    assert_int_equal(modbus_image_card(&profile, &card, (uint16_t[]){ 0xffff, 1, 2 }, &number), -EBADMSG);
}

static void text__utf8__becomes_latin1_and_is_cut_or_filled(void **state)
{
    const struct modbus_profile profile = { 0 };
    const struct modbus_text text = { .present = true, .words = 3 };
    uint16_t words[MODBUS_TEXT_WORDS_MAX];

    modbus_image_text(&profile, &text, "Hi\xc3\xa4", words);
    assert_int_equal(words[0], 'H' << 8 | 'i');
    assert_int_equal(words[1], 0xe4 << 8 | ' ');
    assert_int_equal(words[2], ' ' << 8 | ' ');
    modbus_image_text(&profile, &text, "\xe2\x82\xac\nlonger than six", words);
    assert_int_equal(words[0], '?' << 8 | ' ');
    assert_int_equal(words[2], 'n' << 8 | 'g');
}

static void text__ends_inside_a_character__stays_inside(void **state)
{
    const struct modbus_profile profile = { .bytes = MODBUS_ORDER_LOW_FIRST };
    const struct modbus_text text = { .present = true, .words = 1 };
    uint16_t words[MODBUS_TEXT_WORDS_MAX];

    modbus_image_text(&profile, &text, "a\xc3", words);
    assert_int_equal(words[0], '?' << 8 | 'a');
}

static void pulse__units__are_rounded_up_and_bounded(void **state)
{
    struct modbus_release release = { .method = MODBUS_RELEASE_COIL, .unit_ms = 100 };

    assert_int_equal(modbus_image_pulse(&release, 50), 1);
    assert_int_equal(modbus_image_pulse(&release, 700), 7);
    assert_int_equal(modbus_image_pulse(&release, 701), 8);
    release.unit_ms = 1;
    assert_int_equal(modbus_image_pulse(&release, 1800000), 65535);
    release.method = MODBUS_RELEASE_COIL_TIME;
    assert_int_equal(modbus_image_pulse(&release, 1800000), 0x7fff);
}

static void add__same_place_often__goes_in_once(void **state)
{
    const struct modbus_place place = {
        .present = true, .table = MODBUS_TABLE_DISCRETE, .address = 7, .words = 1
    };
    struct modbus_poll poll = { 0 };

    for (size_t i = 0; i <= MODBUS_RANGES_MAX; i++)
        modbus_image_add(&poll, &place);
    assert_int_equal(poll.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(add__same_place_often__goes_in_once),
        cmocka_unit_test(plan__neighbours__share_a_request),
        cmocka_unit_test(plan__one_place_twice__is_read_once),
        cmocka_unit_test(decode__word_order__is_the_profiles),
        cmocka_unit_test(decode__inverted_bit__is_turned),
        cmocka_unit_test(decode__other_identity__is_a_stranger),
        cmocka_unit_test(card__byte_order__is_the_profiles),
        cmocka_unit_test(card__impossible_length__is_refused),
        cmocka_unit_test(text__utf8__becomes_latin1_and_is_cut_or_filled),
        cmocka_unit_test(text__ends_inside_a_character__stays_inside),
        cmocka_unit_test(pulse__units__are_rounded_up_and_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
