/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The simulated chip against what libnfc says to it (frames from a transcript of libnfc 1.8.0) and the chip's
 * manual. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tools/sim/pn532_chip.h"

static const uint8_t uid[] = { 0x04, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6 };

static struct pn532_chip *chip_new(bool timing)
{
    static struct pn532_chip chip;

    pn532_chip_init(&chip, timing);
    return &chip;
}

static void lay(struct pn532_chip *chip, enum pn532_card_kind kind, int64_t now)
{
    struct pn532_card card;

    assert_int_equal(pn532_card_init(&card, kind, uid, sizeof(uid)), 0);
    assert_int_equal(pn532_chip_lay(chip, &card, now), 0);
}

/* Sends a command at `now` and expects its answer at once. */
static void expect(struct pn532_chip *chip, int64_t now, const char *command, const char *answer)
{
    uint8_t bytes[64];
    uint8_t wanted[64];
    uint8_t body[PN532_BODY_MAX];
    size_t len = 0;
    size_t wanted_len = 0;
    int used;

    for (unsigned byte; sscanf(command, "%2x %n", &byte, &used) == 1; command += used)
        bytes[len++] = (uint8_t)byte;
    for (unsigned byte; sscanf(answer, "%2x %n", &byte, &used) == 1; answer += used)
        wanted[wanted_len++] = (uint8_t)byte;
    pn532_chip_command(chip, bytes, len, now);
    assert_true(pn532_chip_answer(chip, now, body, &len));
    assert_int_equal(len, wanted_len);
    assert_memory_equal(body, wanted, len);
}

static void chip__opening__answers_as_recorded(void **state)
{
    struct pn532_chip *chip = chip_new(false);

    expect(chip, 0, "d4 14 01", "d5 15");
    expect(chip, 0, "d4 00 00 6c 69 62 6e 66 63", "d5 01 00 6c 69 62 6e 66 63");
    expect(chip, 0, "d4 02", "d5 03 32 01 06 07");
    expect(chip, 0, "d4 12 14", "d5 13");
    expect(chip, 0, "d4 06 63 02 63 03 63 0d 63 38 63 3d", "d5 07 00 00 00 00 00");
    expect(chip, 0, "d4 08 63 02 80 63 03 80", "d5 09");
    expect(chip, 0, "d4 06 63 02 63 03 63 05 63 38 63 3c 63 3d", "d5 07 80 80 00 00 00 00");
    expect(chip, 0, "d4 32 05 00 01 02", "d5 33");
}

static void chip__card_on_antenna__is_listed_with_its_number(void **state)
{
    struct pn532_chip *chip = chip_new(false);

    lay(chip, PN532_CARD_DESFIRE, 0);
    expect(chip, 0, "d4 4a 01 00", "d5 4b 01 01 03 44 20 07 04 a1 b2 c3 d4 e5 f6 06 75 77 81 02 80");
    expect(chip, 0, "d4 42 b2", "d5 43 00 a3");
    expect(chip, 0, "d4 44 00", "d5 45 00");
    expect(chip, 0, "d4 4a 01 00 88 04 a1 b2 c3 d4 e5 f6",
           "d5 4b 01 01 03 44 20 07 04 a1 b2 c3 d4 e5 f6 06 75 77 81 02 80");
}

static void chip__deselected_card__sleeps_until_the_field_goes(void **state)
{
    struct pn532_chip *chip = chip_new(false);
    uint8_t body[PN532_BODY_MAX];
    const uint8_t list[] = { 0xd4, 0x4a, 0x01, 0x00 };
    size_t len;

    lay(chip, PN532_CARD_NTAG, 0);
    expect(chip, 0, "d4 32 05 00 01 02", "d5 33");
    expect(chip, 0, "d4 4a 01 00", "d5 4b 01 01 00 44 00 07 04 a1 b2 c3 d4 e5 f6");
    expect(chip, 0, "d4 44 00", "d5 45 00");
    pn532_chip_command(chip, list, sizeof(list), 0);
    assert_false(pn532_chip_answer(chip, 0, body, &len));
    expect(chip, 0, "d4 32 01 00", "d5 33");
    expect(chip, 0, "d4 4a 01 00", "d5 4b 01 01 00 44 00 07 04 a1 b2 c3 d4 e5 f6");
}

static void chip__no_card__search_ends_after_its_retries(void **state)
{
    struct pn532_chip *chip = chip_new(true);
    uint8_t body[PN532_BODY_MAX];
    const uint8_t list[] = { 0xd4, 0x4a, 0x01, 0x00 };
    const uint8_t none[] = { 0xd5, 0x4b, 0x00 };
    size_t len;

    expect(chip, 0, "d4 32 05 00 01 02", "d5 33");
    pn532_chip_command(chip, list, sizeof(list), 1000);
    assert_false(pn532_chip_answer(chip, 1000 + PN532_LIST_US, body, &len));
    assert_int_equal(pn532_chip_due(chip), 1000 + 3 * PN532_LIST_US);
    assert_true(pn532_chip_answer(chip, 1000 + 3 * PN532_LIST_US, body, &len));
    assert_int_equal(len, sizeof(none));
    assert_memory_equal(body, none, len);
}

static void chip__endless_search__waits_for_a_card(void **state)
{
    struct pn532_chip *chip = chip_new(false);
    uint8_t body[PN532_BODY_MAX];
    const uint8_t list[] = { 0xd4, 0x4a, 0x01, 0x00 };
    size_t len;

    pn532_chip_command(chip, list, sizeof(list), 0);
    assert_false(pn532_chip_answer(chip, 1000000, body, &len));
    assert_int_equal(pn532_chip_due(chip), PN532_NEVER);
    lay(chip, PN532_CARD_NTAG, 2000000);
    assert_int_equal(pn532_chip_due(chip), 2000000);
    assert_true(pn532_chip_answer(chip, 2000000, body, &len));
    assert_int_equal(body[2], 1);
}

static const uint8_t list_a[] = { 0xd4, 0x4a, 0x01, 0x00 };

/* Whether the search that is under way finds a card at this time; it must not have been due before. */
static bool finds(struct pn532_chip *chip, int64_t at)
{
    uint8_t body[PN532_BODY_MAX];
    size_t len;

    assert_int_equal(pn532_chip_due(chip), at);
    return pn532_chip_answer(chip, at, body, &len) && body[2] == 1;
}

static void chip__card_laid_in_a_search__is_found_a_look_later(void **state)
{
    struct pn532_chip *chip = chip_new(true);

    expect(chip, 0, "d4 32 05 00 01 02", "d5 33");
    pn532_chip_command(chip, list_a, sizeof(list_a), 0);
    lay(chip, PN532_CARD_NTAG, 2000);
    assert_false(finds(chip, PN532_LIST_US));
    assert_true(finds(chip, 2000 + PN532_LIST_US));
}

/* The host is told of a look's end a little later: that must not let it see what came meanwhile. */
static void chip__card_laid_after_a_look__is_not_found_by_it(void **state)
{
    struct pn532_chip *chip = chip_new(true);

    expect(chip, 0, "d4 32 05 00 01 02", "d5 33");
    pn532_chip_command(chip, list_a, sizeof(list_a), 0);
    lay(chip, PN532_CARD_NTAG, PN532_LIST_US + 300);
    assert_false(finds(chip, PN532_LIST_US));
    assert_true(finds(chip, 2 * PN532_LIST_US + 300));
}

static void chip__card_laid_late_in_a_search__is_found_by_the_next(void **state)
{
    struct pn532_chip *chip = chip_new(true);
    int64_t end = 3 * PN532_LIST_US;

    expect(chip, 0, "d4 32 05 00 01 02", "d5 33");
    pn532_chip_command(chip, list_a, sizeof(list_a), 0);
    assert_false(finds(chip, PN532_LIST_US));
    lay(chip, PN532_CARD_NTAG, end - 100);
    assert_false(finds(chip, end));
    pn532_chip_command(chip, list_a, sizeof(list_a), end + 2000);
    assert_true(finds(chip, end + 2000 + PN532_LIST_US));
}

static void chip__abort__ends_what_is_under_way(void **state)
{
    struct pn532_chip *chip = chip_new(false);
    uint8_t body[PN532_BODY_MAX];
    const uint8_t poll[] = { 0xd4, 0x60, 0xff, 0x02, 0x20, 0x10 };
    size_t len;

    pn532_chip_command(chip, poll, sizeof(poll), 0);
    assert_false(pn532_chip_answer(chip, 0, body, &len));
    pn532_chip_abort(chip);
    lay(chip, PN532_CARD_NTAG, 1);
    assert_int_equal(pn532_chip_due(chip), PN532_NEVER);
    assert_false(pn532_chip_answer(chip, 1, body, &len));
}

static void chip__auto_poll__tells_type_and_length(void **state)
{
    struct pn532_chip *chip = chip_new(false);

    lay(chip, PN532_CARD_NTAG, 0);
    expect(chip, 0, "d4 60 14 02 20 10", "d5 61 01 10 0c 01 00 44 00 07 04 a1 b2 c3 d4 e5 f6");
}

static void chip__card_taken_away__is_a_timeout(void **state)
{
    struct pn532_chip *chip = chip_new(false);

    lay(chip, PN532_CARD_ULTRALIGHT, 0);
    expect(chip, 0, "d4 4a 01 00", "d5 4b 01 01 00 44 00 07 04 a1 b2 c3 d4 e5 f6");
    expect(chip, 0, "d4 40 01 30 04", "d5 41 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00");
    assert_int_equal(pn532_chip_take(chip, NULL, 0), 1);
    expect(chip, 0, "d4 40 01 30 04", "d5 41 01");
}

static void chip__unknown_command__is_an_error_frame(void **state)
{
    struct pn532_chip *chip = chip_new(false);
    uint8_t body[PN532_BODY_MAX];
    const uint8_t unknown[] = { 0xd4, 0x7e };
    size_t len = 1;

    pn532_chip_command(chip, unknown, sizeof(unknown), 0);
    assert_true(pn532_chip_answer(chip, 0, body, &len));
    assert_int_equal(len, 0);
}

static void chip__same_card_twice__is_refused(void **state)
{
    struct pn532_chip *chip = chip_new(false);
    struct pn532_card card;

    lay(chip, PN532_CARD_NTAG, 0);
    assert_int_equal(pn532_card_init(&card, PN532_CARD_NTAG, uid, sizeof(uid)), 0);
    assert_int_equal(pn532_chip_lay(chip, &card, 0), -EEXIST);
    assert_int_equal(pn532_chip_take(chip, uid, sizeof(uid)), 1);
    assert_int_equal(pn532_chip_lay(chip, &card, 0), 0);
}

static enum pn532_frame parse(struct pn532_parser *parser, const uint8_t *bytes, size_t len)
{
    enum pn532_frame last = PN532_FRAME_NONE;

    for (size_t i = 0; i < len; i++) {
        enum pn532_frame frame = pn532_parser_put(parser, bytes[i]);

        last = frame == PN532_FRAME_NONE ? last : frame;
    }
    return last;
}

static void frame__what_is_built__is_parsed(void **state)
{
    uint8_t body[PN532_BODY_MAX];
    uint8_t frame[PN532_FRAME_MAX];

    for (size_t len = 1; len <= PN532_BODY_MAX; len++) {
        struct pn532_parser parser = { 0 };

        memset(body, (int)len, len);
        body[0] = PN532_TFI_CHIP;
        size_t bytes = pn532_frame_build(body, len, frame);

        assert_int_equal(parse(&parser, frame, bytes), PN532_FRAME_BODY);
        assert_int_equal(parser.len, len);
        assert_memory_equal(parser.body, body, len);
    }
}

static void frame__flipped_bit__is_never_another_body(void **state)
{
    const uint8_t body[] = { 0xd4, 0x4a, 0x01, 0x00 };
    uint8_t frame[PN532_FRAME_MAX];
    size_t bytes = pn532_frame_build(body, sizeof(body), frame);

    for (size_t bit = 0; bit < 8 * bytes; bit++) {
        struct pn532_parser parser = { 0 };

        frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (parse(&parser, frame, bytes) == PN532_FRAME_BODY) {
            assert_int_equal(parser.len, sizeof(body));
            assert_memory_equal(parser.body, body, sizeof(body));
        }
        frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void frame__wake_up_and_ack__are_told_apart(void **state)
{
    const uint8_t opening[] = { 0x55, 0x55, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff,
                                0x03, 0xfd, 0xd4, 0x14, 0x01, 0x17, 0x00 };
    struct pn532_parser parser = { 0 };
    const uint8_t nack[] = { 0x00, 0x00, 0xff, 0xff, 0x00, 0x00 };
    uint8_t ack[PN532_FRAME_MAX];

    assert_int_equal(parse(&parser, opening, sizeof(opening)), PN532_FRAME_BODY);
    assert_int_equal(parse(&parser, ack, pn532_frame_ack(ack)), PN532_FRAME_ACK);
    assert_int_equal(parse(&parser, nack, sizeof(nack)), PN532_FRAME_NACK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chip__opening__answers_as_recorded),
        cmocka_unit_test(chip__card_on_antenna__is_listed_with_its_number),
        cmocka_unit_test(chip__deselected_card__sleeps_until_the_field_goes),
        cmocka_unit_test(chip__no_card__search_ends_after_its_retries),
        cmocka_unit_test(chip__endless_search__waits_for_a_card),
        cmocka_unit_test(chip__card_laid_in_a_search__is_found_a_look_later),
        cmocka_unit_test(chip__card_laid_after_a_look__is_not_found_by_it),
        cmocka_unit_test(chip__card_laid_late_in_a_search__is_found_by_the_next),
        cmocka_unit_test(chip__abort__ends_what_is_under_way),
        cmocka_unit_test(chip__auto_poll__tells_type_and_length),
        cmocka_unit_test(chip__card_taken_away__is_a_timeout),
        cmocka_unit_test(chip__unknown_command__is_an_error_frame),
        cmocka_unit_test(chip__same_card_twice__is_refused),
        cmocka_unit_test(frame__what_is_built__is_parsed),
        cmocka_unit_test(frame__flipped_bit__is_never_another_body),
        cmocka_unit_test(frame__wake_up_and_ack__are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
