/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pn532_card.c: one row per kind of card, one function per command set. */
#include "tools/sim/pn532_card.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define CASCADE_TAG  0x88
#define SAK_ISO_DEP  0x20
#define CMD_READ     0x30
#define BLOCK_BYTES  16
#define PAGE_BYTES   4
#define SECTOR_BYTES 64
#define KEY_BYTES    6
#define WRITE_ACK    0x0a

typedef uint8_t exchange_fn(struct pn532_card *card, const uint8_t *data, size_t len, uint8_t *answer,
                            size_t *answer_len);

struct kind {
    const char *name;
    size_t uid_len;
    size_t other_uid_len; /* also allowed; 0: none */
    uint8_t atqa[2];
    uint8_t sak;
    size_t memory_len;
    size_t ats_len; /* bytes of ats, its length byte included */
    uint8_t ats[PN532_ATS_MAX];
    exchange_fn *exchange;
};

static uint8_t answer_with(const void *bytes, size_t len, uint8_t *answer, size_t *answer_len)
{
    memcpy(answer, bytes, len);
    *answer_len = len;
    return PN532_STATUS_OK;
}

/* 60/61 BLOCK KEY(6) UID(4): key A or B of the sector's last block. */
static uint8_t classic_authenticate(struct pn532_card *card, const uint8_t *data, size_t len,
                                    size_t *answer_len)
{
    size_t sector = data[1] / 4u;

    card->sector = -1;
    if (len < 2 + KEY_BYTES || (sector + 1) * SECTOR_BYTES > card->memory_len)
        return PN532_STATUS_AUTH;
    const uint8_t *trailer = card->memory + (sector + 1) * SECTOR_BYTES - BLOCK_BYTES;
    const uint8_t *key = data[0] == 0x60 ? trailer : trailer + BLOCK_BYTES - KEY_BYTES;

    if (memcmp(key, data + 2, KEY_BYTES) != 0) {
        card->state = PN532_CARD_HALT;
        return PN532_STATUS_AUTH;
    }
    card->sector = (int)sector;
    *answer_len = 0;
    return PN532_STATUS_OK;
}

static uint8_t exchange_classic(struct pn532_card *card, const uint8_t *data, size_t len, uint8_t *answer,
                                size_t *answer_len)
{
    if (len < 2)
        return PN532_STATUS_TIMEOUT;
    if (data[0] == 0x60 || data[0] == 0x61)
        return classic_authenticate(card, data, len, answer_len);
    if (card->sector < 0 || data[1] / 4 != card->sector)
        return PN532_STATUS_TIMEOUT;
    uint8_t *block = card->memory + (size_t)data[1] * BLOCK_BYTES;

    if (data[0] == CMD_READ)
        return answer_with(block, BLOCK_BYTES, answer, answer_len);
    if (data[0] == 0xa0 && len == 2 + BLOCK_BYTES && data[1] > 0) {
        memcpy(block, data + 2, BLOCK_BYTES);
        *answer_len = 0;
        return PN532_STATUS_OK;
    }
    return PN532_STATUS_TIMEOUT;
}

/* Four pages from the named one on, going round at the end (NTAG213 data sheet 10.2). */
static uint8_t read_pages(const struct pn532_card *card, size_t page, size_t pages, uint8_t *answer,
                          size_t *answer_len)
{
    size_t total = card->memory_len / PAGE_BYTES;

    if (page >= total || pages * PAGE_BYTES > PN532_ANSWER_MAX)
        return PN532_STATUS_TIMEOUT;
    for (size_t i = 0; i < pages; i++)
        memcpy(answer + i * PAGE_BYTES, card->memory + (page + i) % total * PAGE_BYTES, PAGE_BYTES);
    *answer_len = pages * PAGE_BYTES;
    return PN532_STATUS_OK;
}

static uint8_t exchange_ultralight(struct pn532_card *card, const uint8_t *data, size_t len, uint8_t *answer,
                                   size_t *answer_len)
{
    if (len == 2 && data[0] == CMD_READ)
        return read_pages(card, data[1], 4, answer, answer_len);
    if (len == 2 + PAGE_BYTES && data[0] == 0xa2 && data[1] >= 4 &&
        (size_t)data[1] < card->memory_len / PAGE_BYTES) {
        memcpy(card->memory + (size_t)data[1] * PAGE_BYTES, data + 2, PAGE_BYTES);
        answer[0] = WRITE_ACK;
        *answer_len = 1;
        return PN532_STATUS_OK;
    }
    return PN532_STATUS_TIMEOUT;
}

static uint8_t exchange_ntag(struct pn532_card *card, const uint8_t *data, size_t len, uint8_t *answer,
                             size_t *answer_len)
{
    static const uint8_t version[] = { 0x00, 0x04, 0x04, 0x02, 0x01, 0x00, 0x0f, 0x03 };

    if (len == 1 && data[0] == 0x60)
        return answer_with(version, sizeof(version), answer, answer_len);
    if (len == 3 && data[0] == 0x3a && data[2] >= data[1] && data[2] < card->memory_len / PAGE_BYTES)
        return read_pages(card, data[1], (size_t)data[2] - data[1] + 1, answer, answer_len);
    return exchange_ultralight(card, data, len, answer, answer_len);
}

/* SELECT finds nothing on these cards; every other command is unknown to them (ISO/IEC 7816-4, 5.6). */
static uint8_t exchange_iso(struct pn532_card *card, const uint8_t *data, size_t len, uint8_t *answer,
                            size_t *answer_len)
{
    static const uint8_t not_found[] = { 0x6a, 0x82 };
    static const uint8_t not_supported[] = { 0x6d, 0x00 };

    if (len >= 2 && data[1] == 0xa4)
        return answer_with(not_found, sizeof(not_found), answer, answer_len);
    return answer_with(not_supported, sizeof(not_supported), answer, answer_len);
}

/* GetVersion, wrapped (90 60, then 90 AF twice): hardware, software, number and production. */
static uint8_t desfire_version(struct pn532_card *card, uint8_t *answer, size_t *answer_len)
{
    static const uint8_t hardware[] = { 0x04, 0x01, 0x01, 0x01, 0x00, 0x18, 0x05, 0x91, 0xaf };
    static const uint8_t software[] = { 0x04, 0x01, 0x01, 0x01, 0x04, 0x18, 0x05, 0x91, 0xaf };
    static const uint8_t production[] = { 0xba, 0x34, 0x8c, 0x41, 0x50, 0x24, 0x18, 0x91, 0x00 };

    if (card->frame == 2)
        return answer_with(hardware, sizeof(hardware), answer, answer_len);
    if (card->frame == 1)
        return answer_with(software, sizeof(software), answer, answer_len);
    memcpy(answer, card->uid, card->uid_len);
    memcpy(answer + card->uid_len, production + 2, sizeof(production) - 2);
    *answer_len = card->uid_len + sizeof(production) - 2;
    return PN532_STATUS_OK;
}

static uint8_t exchange_desfire(struct pn532_card *card, const uint8_t *data, size_t len, uint8_t *answer,
                                size_t *answer_len)
{
    static const uint8_t selected[] = { 0x90, 0x00 };
    static const uint8_t name[] = { 0xd2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x00 };

    if (len >= 5 && data[0] == 0x90 && data[1] == 0x60) {
        card->frame = 2;
        return desfire_version(card, answer, answer_len);
    }
    if (len >= 5 && data[0] == 0x90 && data[1] == 0xaf && card->frame > 0) {
        card->frame--;
        return desfire_version(card, answer, answer_len);
    }
    if (len >= 5 + sizeof(name) && data[1] == 0xa4 && memcmp(data + 5, name, sizeof(name)) == 0)
        return answer_with(selected, sizeof(selected), answer, answer_len);
    return exchange_iso(card, data, len, answer, answer_len);
}

static const struct kind kinds[PN532_CARD_KINDS] = {
    [PN532_CARD_CLASSIC] = { "classic", 4, 7, { 0x00, 0x04 }, 0x08, 1024, 0, { 0 }, exchange_classic },
    [PN532_CARD_ULTRALIGHT] = { "ultralight", 7, 0, { 0x00, 0x44 }, 0x00, 64, 0, { 0 }, exchange_ultralight },
    [PN532_CARD_NTAG] = { "ntag", 7, 0, { 0x00, 0x44 }, 0x00, 180, 0, { 0 }, exchange_ntag },
    [PN532_CARD_DESFIRE] = { "desfire",
                             7,
                             0,
                             { 0x03, 0x44 },
                             SAK_ISO_DEP,
                             0,
                             6,
                             { 0x06, 0x75, 0x77, 0x81, 0x02, 0x80 },
                             exchange_desfire },
    [PN532_CARD_UID10] = { "uid10",
                           10,
                           0,
                           { 0x00, 0x84 },
                           SAK_ISO_DEP,
                           0,
                           5,
                           { 0x05, 0x75, 0x80, 0x60, 0x02 },
                           exchange_iso },
    [PN532_CARD_PHONE] = { "phone",
                           4,
                           0,
                           { 0x00, 0x04 },
                           SAK_ISO_DEP,
                           0,
                           5,
                           { 0x05, 0x78, 0x80, 0x70, 0x02 },
                           exchange_iso },
    [PN532_CARD_BAD_ATS] = { "bad-ats",
                             7,
                             4,
                             { 0x03, 0x44 },
                             SAK_ISO_DEP,
                             0,
                             6,
                             { 0x00, 0x75, 0x77, 0x81, 0x02, 0x80 },
                             exchange_iso },
};

const char *pn532_card_kind_name(enum pn532_card_kind kind)
{
    assert(kind < PN532_CARD_KINDS);
    return kinds[kind].name;
}

enum pn532_card_kind pn532_card_kind_find(const char *name)
{
    for (int i = 0; i < PN532_CARD_KINDS; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return (enum pn532_card_kind)i;
    return PN532_CARD_KINDS;
}

size_t pn532_card_uid_len(enum pn532_card_kind kind)
{
    assert(kind < PN532_CARD_KINDS);
    return kinds[kind].uid_len;
}

/* A Classic's trailers hold FF keys and the transport access bits; block 0 starts with the number. */
static void format_classic(struct pn532_card *card)
{
    static const uint8_t trailer[BLOCK_BYTES] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x07,
                                                  0x80, 0x69, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

    for (size_t at = SECTOR_BYTES - BLOCK_BYTES; at < card->memory_len; at += SECTOR_BYTES)
        memcpy(card->memory + at, trailer, BLOCK_BYTES);
    memcpy(card->memory, card->uid, card->uid_len);
    if (card->uid_len == 4)
        card->memory[4] = card->uid[0] ^ card->uid[1] ^ card->uid[2] ^ card->uid[3];
}

/* Pages 0 and 1 hold the number with both its check bytes; page 3 the capability container. */
static void format_pages(struct pn532_card *card)
{
    static const uint8_t container[] = { 0xe1, 0x10, 0x12, 0x00 };

    memcpy(card->memory, card->uid, 3);
    card->memory[3] = CASCADE_TAG ^ card->uid[0] ^ card->uid[1] ^ card->uid[2];
    memcpy(card->memory + 4, card->uid + 3, 4);
    card->memory[8] = card->uid[3] ^ card->uid[4] ^ card->uid[5] ^ card->uid[6];
    memcpy(card->memory + 12, container, sizeof(container));
}

int pn532_card_init(struct pn532_card *card, enum pn532_card_kind kind, const uint8_t *uid, size_t uid_len)
{
    assert(kind < PN532_CARD_KINDS);
    if (uid_len != kinds[kind].uid_len && (uid_len == 0 || uid_len != kinds[kind].other_uid_len))
        return -EINVAL;
    *card = (struct pn532_card){ .kind = kind, .uid_len = uid_len, .sector = -1 };
    card->memory_len = kinds[kind].memory_len;
    memcpy(card->uid, uid, uid_len);
    if (kind == PN532_CARD_CLASSIC)
        format_classic(card);
    else if (card->memory_len > 0)
        format_pages(card);
    return 0;
}

void pn532_card_reset(struct pn532_card *card)
{
    card->state = PN532_CARD_IDLE;
    card->sector = -1;
    card->frame = 0;
}

bool pn532_card_iso_dep(const struct pn532_card *card)
{
    return kinds[card->kind].sak & SAK_ISO_DEP;
}

size_t pn532_card_target(const struct pn532_card *card, bool with_ats,
                         uint8_t ret_data[static PN532_TARGET_MAX])
{
    const struct kind *kind = &kinds[card->kind];
    size_t len = 4 + card->uid_len;

    ret_data[0] = kind->atqa[0];
    ret_data[1] = kind->atqa[1];
    if (card->uid_len == 7 && kind->uid_len != 7)
        ret_data[1] |= 0x40;
    ret_data[2] = kind->sak;
    ret_data[3] = (uint8_t)card->uid_len;
    memcpy(ret_data + 4, card->uid, card->uid_len);
    if (with_ats) {
        memcpy(ret_data + len, kind->ats, kind->ats_len);
        len += kind->ats_len;
    }
    return len;
}

bool pn532_card_is(const struct pn532_card *card, const uint8_t *uid, size_t len)
{
    uint8_t tagged[PN532_CASCADE_MAX];
    size_t at = 0;
    size_t taken = 0;

    while (card->uid_len - taken > 4) {
        tagged[at++] = CASCADE_TAG;
        memcpy(tagged + at, card->uid + taken, 3);
        at += 3;
        taken += 3;
    }
    memcpy(tagged + at, card->uid + taken, 4);
    return len == at + 4 && memcmp(tagged, uid, len) == 0;
}

uint8_t pn532_card_exchange(struct pn532_card *card, const uint8_t *data, size_t len,
                            uint8_t ret_answer[static PN532_ANSWER_MAX], size_t *ret_len)
{
    return kinds[card->kind].exchange(card, data, len, ret_answer, ret_len);
}

uint8_t pn532_card_raw(struct pn532_card *card, const uint8_t *data, size_t len,
                       uint8_t ret_answer[static PN532_ANSWER_MAX], size_t *ret_len)
{
    if (!pn532_card_iso_dep(card))
        return pn532_card_exchange(card, data, len, ret_answer, ret_len);
    /* R(NAK) is answered by R(ACK): the ping of ISO/IEC 14443-4, 7.5.6.2. */
    if (len != 1 || data[0] != 0xb2)
        return PN532_STATUS_TIMEOUT;
    ret_answer[0] = 0xa3;
    *ret_len = 1;
    return PN532_STATUS_OK;
}
