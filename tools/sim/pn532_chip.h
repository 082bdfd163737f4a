/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pn532_chip.h: a PN532 as its host sees it: commands in, answers out when they are due (UM0701-02, 7). Pure:
 * the time is passed in, in microseconds of any monotonic clock.
 *
 * What the chip does with cards takes time only if timing is on: then a search, an exchange and a polling
 * slot last as long as they do in the air.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "tools/sim/pn532_card.h"
#include "tools/sim/pn532_frame.h"

/* Cards in the field at once. */
#define PN532_CARDS_MAX 4

/* With timing on: one search for a card, one exchange (assumed, not measured on a real antenna). */
#define PN532_LIST_US     5000
#define PN532_EXCHANGE_US 3000

/* A polling slot of InAutoPoll (UM0701-02, 7.3.13). */
#define PN532_SLOT_US 150000

/* Never by itself. */
#define PN532_NEVER INT64_MAX

struct pn532_chip {
    struct pn532_card cards[PN532_CARDS_MAX];
    size_t card_count;
    struct pn532_card *selected; /* target 1, or NULL */
    bool timing;
    uint8_t parameters;
    uint8_t retries;                 /* of a passive activation; 0xff: for ever */
    uint8_t registers[256];          /* of page 63 */
    uint8_t command[PN532_BODY_MAX]; /* under way, without its TFI */
    size_t command_len;              /* 0: none */
    int64_t due_us;                  /* when its answer is looked for next */
    int64_t until_us;                /* when a search ends without a card */
};

void pn532_chip_init(struct pn532_chip *chip, bool timing);

/* A frame's body arrived; whatever was under way is forgotten. */
void pn532_chip_command(struct pn532_chip *chip, const uint8_t *body, size_t len, int64_t now_us);

/* The host sent an ACK: what is under way is forgotten. */
void pn532_chip_abort(struct pn532_chip *chip);

/* Whether the answer is there by now. *ret_len 0 with true: the chip does not know the command, and answers
 * with an error frame. */
bool pn532_chip_answer(struct pn532_chip *chip, int64_t now_us, uint8_t ret_body[static PN532_BODY_MAX],
                       size_t *ret_len);

/* When to ask for the answer; PN532_NEVER: nothing is under way, or it waits for a card. */
int64_t pn532_chip_due(const struct pn532_chip *chip);

/* A card is laid on the antenna. Returns 0, -EEXIST (a card with this number lies there), or -ENOSPC. */
int pn532_chip_lay(struct pn532_chip *chip, const struct pn532_card *card, int64_t now_us) must_check;

/* The card with this number, or every card (uid NULL), is taken away. Returns how many were. */
size_t pn532_chip_take(struct pn532_chip *chip, const uint8_t *uid, size_t uid_len);
