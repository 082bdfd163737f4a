/* SPDX-License-Identifier: GPL-3.0-or-later */
/* collector.h: a two-way turnstile with a card slot and a display on each side, and the people before it.
 * Pure: it is told the time, and says what happened in lines for people.
 *
 * Its registers (config/profiles/sim-collector.json is the same for the driver); side 0 is in, 1 out:
 *   input     0 identity 0x5354 · 1 starts · 2+side number of the card in the slot, 0: empty
 *             4+2*side passages, high word first · 16+16*side length of the card, then its bytes
 *   holding   0+side the number written here empties the slot · 2+side pulse in 100 ms
 *             16+16*side display, 32 characters
 *   coil      0+side release; reads 1 while released
 *   discrete  0+side the last release timed out · 2 tamper · 3 fire
 *
 * A release lets one person through; one more while it lasts lets one more through and begins the time anew.
 * When the time is over, all are gone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"

#define COLLECTOR_SIDES          2
#define COLLECTOR_INPUTS         48
#define COLLECTOR_HOLDINGS       48
#define COLLECTOR_DISCRETES      4
#define COLLECTOR_CARD_BYTES_MAX 16
#define COLLECTOR_TEXT_BYTES     32
#define COLLECTOR_NOTE_SIZE      128

/* What the person at a side does with a release. */
enum collector_person {
    COLLECTOR_PERSON_USUAL, /* passes after auto_pass_ms, or waits to be told */
    COLLECTOR_PERSON_HESITATES,
    COLLECTOR_PERSON_TURNS_BACK,
};

struct collector_side {
    unsigned releases;  /* people who may pass */
    int64_t until_us;   /* then they may not any more */
    int64_t pass_us;    /* a person passes by herself; 0: does not */
    uint16_t last_card; /* number of the last card that was in the slot */
    enum collector_person person;
};

struct collector {
    int64_t auto_pass_ms; /* -1: people pass only when told */
    struct collector_side sides[COLLECTOR_SIDES];
    uint16_t inputs[COLLECTOR_INPUTS];
    uint16_t holdings[COLLECTOR_HOLDINGS];
    uint8_t coils[COLLECTOR_SIDES];
    uint8_t discretes[COLLECTOR_DISCRETES];
    void (*note)(void *userdata, int64_t now_us, const char *line); /* something happened */
    void *userdata;
};

void collector_init(struct collector *collector, int64_t auto_pass_ms,
                    void (*note)(void *userdata, int64_t now_us, const char *line), void *userdata);

/* The device starts anew: counters, slots and releases are gone. */
void collector_restart(struct collector *collector, int64_t now_us);

/* The bus writes. Returns 0, or -EINVAL: no such address. */
int collector_write_coil(struct collector *collector, int64_t now_us, unsigned address,
                         uint16_t value) must_check;
int collector_write_holding(struct collector *collector, int64_t now_us, unsigned address,
                            uint16_t value) must_check;

/* Notes what a display shows now. */
void collector_note_display(struct collector *collector, int64_t now_us, size_t side);

/* What is due happens. Returns the time of the next thing, or INT64_MAX. */
int64_t collector_turn(struct collector *collector, int64_t now_us);

/* A person acts; side 0 or 1. Each returns 0 or -EBUSY (the slot is full; nobody may pass). */
int collector_present(struct collector *collector, int64_t now_us, size_t side, const uint8_t *card,
                      size_t len) must_check;
int collector_pass(struct collector *collector, int64_t now_us, size_t side) must_check;

/* With the release that is on, or else with the next one. */
void collector_hesitate(struct collector *collector, int64_t now_us, size_t side);
void collector_turn_back(struct collector *collector, int64_t now_us, size_t side);

void collector_set_tamper(struct collector *collector, int64_t now_us, bool on);
void collector_set_fire(struct collector *collector, int64_t now_us, bool on);
