/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_collector.h: what a collector's registers come to: cards, passages, releases that end. Pure.
 *
 * It is told what was read and what was written, each with the time, and says what the gateway should hear.
 *
 * Cards. The device holds a card until its sequence number is written back. A card is read once, told once,
 * and then acknowledged for as long as it takes. A card that may have waited longer than timing.stale_card_ms
 * is acknowledged and not told: its age is at most the time since the last look at the device, so that
 * nothing that was latched before the driver started, while the port was gone, or over a stall is ever fresh.
 *
 * Passages. Counters wrap (the difference counts, modulo their width) and start from zero with the device
 * (starts moved, or the difference is no number of people). Each person ends the oldest release of that side.
 *
 * Releases. One that the device has taken ends with a passage, with the device's time-out, or, if that is
 * missed, some time after its pulse: `completed`, by what is known. If the device cannot be asked any more,
 * or has started anew, it ends `unknown`.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hal/modbus/modbus_image.h"
#include "hal/modbus/modbus_profile.h"

/* Releases of one side that have not ended; more are refused. */
#define MODBUS_RELEASES_MAX 4

/* People between two looks at a device; a difference beyond is a counter that started anew. */
#define MODBUS_PEOPLE_MAX 1000

enum modbus_card_state {
    MODBUS_CARD_NONE,  /* the slot's sequence number is the one we know */
    MODBUS_CARD_WAITS, /* a new card is to be read */
    MODBUS_CARD_TAKEN, /* to be acknowledged */
};

struct modbus_release_state {
    int64_t id;
    int64_t until_us; /* then it has ended, whatever is known */
};

struct modbus_collector_side {
    enum modbus_card_state card;
    uint32_t sequence; /* as it was seen last */
    int64_t since_us;  /* the card was not there yet when the device was looked at then */
    uint32_t passages;
    bool timed_out;
    size_t release_count;
    struct modbus_release_state releases[MODBUS_RELEASES_MAX]; /* oldest first */
};

struct modbus_collector {
    const struct modbus_profile *profile; /* borrowed */
    bool known;                           /* at least one image was taken */
    int64_t seen_us;                      /* when the last image was begun */
    uint32_t starts;
    struct modbus_collector_side sides[MODBUS_SIDES];
    bool inputs[MODBUS_INPUTS_MAX];
};

enum modbus_news_kind {
    MODBUS_NEWS_PASSAGE,
    MODBUS_NEWS_NO_PASSAGE,
    MODBUS_NEWS_INPUT,
    MODBUS_NEWS_STALE_CARD, /* a card was passed over */
    MODBUS_NEWS_RESTART,    /* the device has started anew */
    MODBUS_NEWS_RESULT,
};

/* One thing for the gateway, or the log. */
struct modbus_news {
    enum modbus_news_kind kind;
    enum modbus_side_name side; /* PASSAGE, NO_PASSAGE, STALE_CARD, RESULT */
    int64_t count;              /* PASSAGE: people */
    size_t input;               /* INPUT: index in the profile */
    bool value;                 /* INPUT */
    int64_t id;                 /* RESULT */
    enum driver_outcome outcome;
    const char *reason; /* RESULT: static, or NULL */
};

/* The most that one call can come to. */
#define MODBUS_NEWS_MAX (MODBUS_SIDES * (MODBUS_RELEASES_MAX * 2 + 4) + MODBUS_INPUTS_MAX + 1)

struct modbus_news_list {
    size_t count;
    struct modbus_news news[MODBUS_NEWS_MAX];
};

/* People between two readings of a counter that may wrap, and may have begun anew unsaid. */
uint32_t modbus_collector_people(const struct modbus_place *counter, uint32_t before, uint32_t now,
                                 bool restarted);

void modbus_collector_init(struct modbus_collector *collector, const struct modbus_profile *profile);

/* A poll that began at begun_us has ended. Fills *ret_news. */
void modbus_collector_see(struct modbus_collector *collector, const struct modbus_image *image,
                          int64_t begun_us, struct modbus_news_list *ret_news);

/* The device cannot be asked now: ends releases whose time is over. Fills *ret_news. */
void modbus_collector_miss(struct modbus_collector *collector, int64_t now_us,
                           struct modbus_news_list *ret_news);

/* Whether one more release of a side can be followed. */
bool modbus_collector_can_release(const struct modbus_collector *collector, enum modbus_side_name side);

/* The device has taken a release. */
void modbus_collector_released(struct modbus_collector *collector, enum modbus_side_name side, int64_t id,
                               int64_t pulse_ms, int64_t now_us);

/* The card that waited was read. Returns whether it is fresh enough to be told. */
bool modbus_collector_card_read(struct modbus_collector *collector, enum modbus_side_name side,
                                int64_t now_us) must_check;

/* Its sequence number was written back. */
void modbus_collector_card_acknowledged(struct modbus_collector *collector, enum modbus_side_name side);
