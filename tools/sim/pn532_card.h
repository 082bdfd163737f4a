/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pn532_card.h: ISO/IEC 14443 type A cards in front of the simulated chip. Pure.
 *
 * A card knows its number, how it answers selection, and enough of its commands that Debian's own libnfc
 * tools can read it. Nothing here is a secret or checks one well: keys are the factory's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"

#define PN532_UID_MAX     10
#define PN532_CASCADE_MAX 12 /* a UID with its cascade tags */
#define PN532_ATS_MAX     20
#define PN532_MEMORY_MAX  1024

/* Most bytes of one answer of a card. */
#define PN532_ANSWER_MAX 262

/* Status bytes of the chip (UM0701-02, 7.1). */
#define PN532_STATUS_OK      0x00
#define PN532_STATUS_TIMEOUT 0x01
#define PN532_STATUS_AUTH    0x14
#define PN532_STATUS_CONTEXT 0x27

enum pn532_card_kind {
    PN532_CARD_CLASSIC,    /* MIFARE Classic 1K: 4 bytes (or 7), 64 blocks, factory keys */
    PN532_CARD_ULTRALIGHT, /* MIFARE Ultralight: 7 bytes, 16 pages */
    PN532_CARD_NTAG,       /* NTAG213: 7 bytes, 45 pages, GET_VERSION */
    PN532_CARD_DESFIRE,    /* DESFire EV1: 7 bytes, ISO-DEP with ATS */
    PN532_CARD_UID10,      /* 10 bytes, ISO-DEP with ATS */
    PN532_CARD_PHONE,      /* 4 random bytes 08xxxxxx, ISO-DEP with ATS */
    PN532_CARD_BAD_ATS,    /* hostile: announces an ATS of length 0 */
    PN532_CARD_KINDS,
};

/* What selection made of a card (ISO/IEC 14443-3, 6.3). */
enum pn532_card_state {
    PN532_CARD_IDLE,
    PN532_CARD_ACTIVE,
    PN532_CARD_HALT, /* answers only a wake-up by its number */
};

struct pn532_card {
    enum pn532_card_kind kind;
    enum pn532_card_state state;
    bool changing;   /* takes a new random number whenever the field goes */
    int64_t seen_us; /* the chip's: a look that ends earlier does not find it */
    uint8_t uid[PN532_UID_MAX];
    size_t uid_len;
    int sector;    /* Classic: the authenticated one, or -1 */
    uint8_t frame; /* DESFire: frames of GetVersion still to come */
    size_t memory_len;
    uint8_t memory[PN532_MEMORY_MAX];
};

/* "classic", "phone". */
const char *pn532_card_kind_name(enum pn532_card_kind kind);

/* The kind of that name, or PN532_CARD_KINDS. */
enum pn532_card_kind pn532_card_kind_find(const char *name);

/* Bytes a number of this kind has: the preferred one. */
size_t pn532_card_uid_len(enum pn532_card_kind kind);

/* Makes a factory-fresh card. Returns 0, or -EINVAL if this kind has no numbers of uid_len bytes. */
int pn532_card_init(struct pn532_card *card, enum pn532_card_kind kind, const uint8_t *uid,
                    size_t uid_len) must_check;

/* Forgets what selection and authentication made of it: the field was off. */
void pn532_card_reset(struct pn532_card *card);

/* Whether it speaks ISO/IEC 14443-4. */
bool pn532_card_iso_dep(const struct pn532_card *card);

/* Its answer to selection as the chip reports it behind Tg: ATQA, SAK, length, UID, and with_ats its ATS.
 * Returns the bytes. */
#define PN532_TARGET_MAX (4 + PN532_UID_MAX + PN532_ATS_MAX)
size_t pn532_card_target(const struct pn532_card *card, bool with_ats,
                         uint8_t ret_data[static PN532_TARGET_MAX]);

/* Whether uid, with its cascade tags 88, is this card's whole number. */
bool pn532_card_is(const struct pn532_card *card, const uint8_t *uid, size_t len);

/* One exchange as InDataExchange does it: len bytes go to the card. Returns the status byte; with
 * PN532_STATUS_OK *ret_len bytes of answer. */
uint8_t pn532_card_exchange(struct pn532_card *card, const uint8_t *data, size_t len,
                            uint8_t ret_answer[static PN532_ANSWER_MAX], size_t *ret_len);

/* The same as InCommunicateThru does it, without the chip's own framing of ISO/IEC 14443-4. */
uint8_t pn532_card_raw(struct pn532_card *card, const uint8_t *data, size_t len,
                       uint8_t ret_answer[static PN532_ANSWER_MAX], size_t *ret_len);
