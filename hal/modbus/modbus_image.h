/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_image.h: registers and what they mean, by a profile. Pure.
 *
 * What is polled is gathered into ranges, one request each: neighbours share one, gaps are never read, since
 * many devices answer those with an exception. When every range has been read, the words make an image.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "hal/modbus/modbus_profile.h"

/* Each polled value can need one of its own. */
#define MODBUS_RANGES_MAX (3 + MODBUS_OUTPUTS_MAX + MODBUS_LINES_MAX)

struct modbus_range {
    enum modbus_table table;
    uint16_t address;
    uint16_t count; /* registers or bits, at most MODBUS_RANGE_MAX */
};

/* What one poll reads, and what it read: one word a register or bit. */
struct modbus_poll {
    size_t count;
    struct modbus_range ranges[MODBUS_RANGES_MAX];
    uint16_t words[MODBUS_RANGES_MAX][MODBUS_RANGE_MAX];
};

struct modbus_image_side {
    uint32_t sequence;
    uint32_t passages;
    bool timed_out;
};

/* What a device says of itself at one time. What the profile does not have is zero. */
struct modbus_image {
    bool stranger; /* the identity is not the profile's: nothing else means anything */
    uint32_t starts;
    struct modbus_image_side sides[MODBUS_SIDES];
    bool inputs[MODBUS_INPUTS_MAX];
};

struct modbus_card_number {
    size_t len;
    uint8_t bytes[MODBUS_CARD_BYTES_MAX];
};

/* A plan of one's own: from an empty poll, places that are present are added and then joined to ranges. After
 * the reading, what lies at a place of the plan: a number, or whether a bit is true. */
void modbus_image_add(struct modbus_poll *poll, const struct modbus_place *place);
void modbus_image_join(struct modbus_poll *poll);
uint32_t modbus_image_number(const struct modbus_profile *profile, const struct modbus_poll *poll,
                             const struct modbus_place *place);
bool modbus_image_bit(const struct modbus_poll *poll, const struct modbus_place *place);

/* The ranges that profile wants polled. */
void modbus_image_plan(const struct modbus_profile *profile, struct modbus_poll *ret_poll);

/* What poll's words mean. */
void modbus_image_decode(const struct modbus_profile *profile, const struct modbus_poll *poll,
                         struct modbus_image *ret_image);

/* The one range that fetches a card: its length and data. */
struct modbus_range modbus_image_card_range(const struct modbus_card *card);

/* What its words mean. Returns 0, or -EBADMSG if the length is none that the slot can have. */
int modbus_image_card(const struct modbus_profile *profile, const struct modbus_card *card,
                      const uint16_t words[], struct modbus_card_number *ret_number) must_check;

/* A text for a display: text->words registers, cut or filled up with spaces. Characters of UTF-8 become ISO
 * 8859-1, or '?' if it does not have them. */
void modbus_image_text(const struct modbus_profile *profile, const struct modbus_text *text,
                       const char *string, uint16_t ret_words[static MODBUS_TEXT_WORDS_MAX]);

/* A pulse in the units of release, rounded up, at least 1 and at most what a register or coil takes. */
uint16_t modbus_image_pulse(const struct modbus_release *release, int64_t pulse_ms);
