/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz_modbus_profile.c: a profile that is taken can be used: its plan, its images, its cards and its
 * displays stay within their bounds whatever a device answers. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hal/modbus/modbus_image.h"
#include "hal/modbus/modbus_profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_side(const struct modbus_profile *profile, const struct modbus_side *side)
{
    static const uint16_t words[MODBUS_RANGE_MAX] = { 5, 0x04a1, 0xb2c3, 0xd400 };
    uint16_t display[MODBUS_TEXT_WORDS_MAX];
    struct modbus_card_number number;

    if (side->card.present) {
        assert(modbus_image_card_range(&side->card).count <= MODBUS_RANGE_MAX);
        if (modbus_image_card(profile, &side->card, words, &number) == 0)
            assert(number.len <= MODBUS_CARD_BYTES_MAX);
    }
    if (side->text.present)
        modbus_image_text(profile, &side->text, "Gr\xc3\xbc\xc3\x9f Gott", display);
    if (side->release.present)
        assert(modbus_image_pulse(&side->release, 700) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct modbus_profile profile;
    struct modbus_poll poll;
    struct modbus_image image;
    struct json_error error;

    if (modbus_profile_parse((const char *)data, size, &profile, &error) != 0)
        return 0;
    modbus_image_plan(&profile, &poll);
    for (size_t i = 0; i < poll.count; i++) {
        assert(poll.ranges[i].count > 0 && poll.ranges[i].count <= MODBUS_RANGE_MAX);
        assert(poll.ranges[i].address + poll.ranges[i].count <= 65536);
        memset(poll.words[i], 0xa5, sizeof(poll.words[i]));
    }
    modbus_image_decode(&profile, &poll, &image);
    for (size_t i = 0; i < MODBUS_SIDES; i++)
        use_side(&profile, &profile.sides[i]);
    return 0;
}
