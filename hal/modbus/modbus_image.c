/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_image.c: places are collected, sorted and joined once; a value is found again by its place, so that
 * no one has to remember which range it went into. */
#include "hal/modbus/modbus_image.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Waveshare's flash-on takes no more (its development protocol V2), and it means 54 minutes there. */
#define COIL_TIME_MAX 0x7fff

/* One input can be that of several targets: each place goes in once. */
void modbus_image_add(struct modbus_poll *poll, const struct modbus_place *place)
{
    const struct modbus_range range = { .table = place->table,
                                        .address = (uint16_t)place->address,
                                        .count = (uint16_t)place->words };

    if (!place->present)
        return;
    for (size_t i = 0; i < poll->count; i++)
        if (memcmp(&poll->ranges[i], &range, sizeof(range)) == 0)
            return;
    assert(poll->count < MODBUS_RANGES_MAX);
    poll->ranges[poll->count++] = range;
}

static int compare_ranges(const void *a, const void *b)
{
    const struct modbus_range *left = a;
    const struct modbus_range *right = b;

    if (left->table != right->table)
        return left->table < right->table ? -1 : 1;
    return (int)left->address - (int)right->address;
}

/* Whether next begins in range or right behind it, and both fit in one request. If so range takes it in. */
static bool join(struct modbus_range *range, const struct modbus_range *next)
{
    unsigned end = (unsigned)range->address + range->count;
    unsigned next_end = (unsigned)next->address + next->count;
    unsigned both_end = next_end > end ? next_end : end;

    if (next->table != range->table || next->address > end || both_end - range->address > MODBUS_RANGE_MAX)
        return false;
    range->count = (uint16_t)(both_end - range->address);
    return true;
}

void modbus_image_join(struct modbus_poll *poll)
{
    size_t kept = 0;

    qsort(poll->ranges, poll->count, sizeof(poll->ranges[0]), compare_ranges);
    for (size_t i = 0; i < poll->count; i++)
        if (kept == 0 || !join(&poll->ranges[kept - 1], &poll->ranges[i]))
            poll->ranges[kept++] = poll->ranges[i];
    poll->count = kept;
}

void modbus_image_plan(const struct modbus_profile *profile, struct modbus_poll *ret_poll)
{
    *ret_poll = (struct modbus_poll){ 0 };
    modbus_image_add(ret_poll, &profile->identity);
    modbus_image_add(ret_poll, &profile->starts);
    for (size_t i = 0; i < MODBUS_SIDES; i++) {
        modbus_image_add(ret_poll, &profile->sides[i].card.sequence);
        modbus_image_add(ret_poll, &profile->sides[i].passages);
        modbus_image_add(ret_poll, &profile->sides[i].timed_out);
    }
    for (size_t i = 0; i < profile->input_count; i++)
        modbus_image_add(ret_poll, &profile->inputs[i].place);
    modbus_image_join(ret_poll);
}

static const uint16_t *find_words(const struct modbus_poll *poll, const struct modbus_place *place)
{
    for (size_t i = 0; i < poll->count; i++) {
        const struct modbus_range *range = &poll->ranges[i];

        if (range->table == place->table && place->address >= range->address &&
            place->address + place->words <= range->address + range->count)
            return &poll->words[i][place->address - range->address];
    }
    assert(false); /* the plan has every place */
    return NULL;
}

uint32_t modbus_image_number(const struct modbus_profile *profile, const struct modbus_poll *poll,
                             const struct modbus_place *place)
{
    if (!place->present)
        return 0;
    const uint16_t *words = find_words(poll, place);

    if (place->words == 1)
        return words[0];
    return profile->words == MODBUS_ORDER_HIGH_FIRST ? (uint32_t)words[0] << 16 | words[1]
                                                     : (uint32_t)words[1] << 16 | words[0];
}

bool modbus_image_bit(const struct modbus_poll *poll, const struct modbus_place *place)
{
    return place->present && (*find_words(poll, place) != 0) != place->inverted;
}

void modbus_image_decode(const struct modbus_profile *profile, const struct modbus_poll *poll,
                         struct modbus_image *ret_image)
{
    struct modbus_image image = {
        .stranger = profile->identity.present && modbus_image_number(profile, poll, &profile->identity) !=
                                                     (uint32_t)profile->identity_value,
        .starts = modbus_image_number(profile, poll, &profile->starts),
    };

    for (size_t i = 0; i < MODBUS_SIDES; i++) {
        const struct modbus_side *side = &profile->sides[i];

        image.sides[i].sequence = modbus_image_number(profile, poll, &side->card.sequence);
        image.sides[i].passages = modbus_image_number(profile, poll, &side->passages);
        image.sides[i].timed_out = modbus_image_bit(poll, &side->timed_out);
    }
    for (size_t i = 0; i < profile->input_count; i++)
        image.inputs[i] = modbus_image_bit(poll, &profile->inputs[i].place);
    *ret_image = image;
}

struct modbus_range modbus_image_card_range(const struct modbus_card *card)
{
    return (struct modbus_range){ .table = card->length.table,
                                  .address = (uint16_t)card->length.address,
                                  .count = (uint16_t)(1 + card->data.words) };
}

/* Byte i of words. */
static uint8_t byte_of(const struct modbus_profile *profile, const uint16_t words[], size_t i)
{
    bool high = (i % 2 == 0) == (profile->bytes == MODBUS_ORDER_HIGH_FIRST);

    return (uint8_t)(high ? words[i / 2] >> 8 : words[i / 2]);
}

int modbus_image_card(const struct modbus_profile *profile, const struct modbus_card *card,
                      const uint16_t words[], struct modbus_card_number *ret_number)
{
    struct modbus_card_number number = { .len = words[0] };

    if (number.len == 0 || number.len > 2 * (size_t)card->data.words)
        return -EBADMSG;
    for (size_t i = 0; i < number.len; i++)
        number.bytes[i] = byte_of(profile, words + 1, i);
    *ret_number = number;
    return 0;
}

/* The next character of UTF-8 text as ISO 8859-1. */
static uint8_t next_character(const char **string)
{
    uint8_t first = (uint8_t) * (*string)++;
    uint8_t second = (uint8_t) * *string;

    if (first < 0x80)
        return first >= ' ' ? first : ' ';
    if ((first == 0xc2 || first == 0xc3) && (second & 0xc0) == 0x80) {
        (*string)++;
        return (uint8_t)(first << 6 | (second & 0x3f));
    }
    while (((uint8_t) * *string & 0xc0) == 0x80)
        (*string)++;
    return '?';
}

void modbus_image_text(const struct modbus_profile *profile, const struct modbus_text *text,
                       const char *string, uint16_t ret_words[static MODBUS_TEXT_WORDS_MAX])
{
    for (int64_t i = 0; i < text->words; i++) {
        uint16_t first = *string ? next_character(&string) : ' ';
        uint16_t second = *string ? next_character(&string) : ' ';

        ret_words[i] = profile->bytes == MODBUS_ORDER_HIGH_FIRST ? (uint16_t)(first << 8 | second)
                                                                 : (uint16_t)(second << 8 | first);
    }
}

uint16_t modbus_image_pulse(const struct modbus_release *release, int64_t pulse_ms)
{
    int64_t max = release->method == MODBUS_RELEASE_COIL_TIME ? COIL_TIME_MAX : UINT16_MAX;
    int64_t units = (pulse_ms + release->unit_ms - 1) / release->unit_ms;

    if (units < 1)
        return 1;
    return (uint16_t)(units > max ? max : units);
}
