/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ledger_model.h: what a ledger has promised, kept beside it, to compare its file with after a fault.
 *
 * Each event carries a number that is also stored as state in the same entry: without a loss, number, seq and
 * state agree.
 */
#pragma once

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/store/ledger.h"

#define LEDGER_MODEL_MAX 100000

/* Says what is wrong and ends the program. */
#define REQUIRE(condition, ...)                                                                              \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, __VA_ARGS__);                                                                    \
            fputc('\n', stderr);                                                                             \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

/* One thing that the ledger told. */
struct ledger_report {
    int64_t acked; /* an ack that was taken, or 0 */
    int64_t seq;   /* an event that was stored, or 0 */
    uint8_t hash[CHAIN_BYTES];
};

/* All that was told of one file. */
struct ledger_model {
    uint8_t hashes[LEDGER_MODEL_MAX][CHAIN_BYTES]; /* by seq */
    bool reported[LEDGER_MODEL_MAX];
    int64_t head;
    int64_t acked;
};

struct ledger_options ledger_model_options(const char *path, struct ledger_hooks hooks);

/* For ledger_restore(): the number of the last event. user: int64_t. */
int ledger_model_number(void *user, const char *key, const char *value);

/* Appends the event with that number. Returns what ledger_append() says. */
int ledger_model_append(struct ledger *ledger, int64_t number) must_check;

struct ledger_report ledger_model_report(const struct ledger_stored *stored);
void ledger_model_note(struct ledger_model *model, const struct ledger_report *report);

/* Opens the file, compares it with the model, closes it. Ends the program if a promise was broken. */
void ledger_model_check(struct ledger_model *model, const char *path);

/* The next random number; *seed is not 0. */
uint64_t ledger_model_draw(uint64_t *seed);
