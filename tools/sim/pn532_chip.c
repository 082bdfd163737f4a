/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pn532_chip.c: a row for each command. A handler writes the answer behind its two head bytes, or says that
 * it is not there yet: searches without an end of their own wait until a card comes. */
#include "tools/sim/pn532_chip.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define PARAMETER_RATS 0x10 /* SetParameters: ATS is asked for at selection */

#define TYPE_A           0x00 /* InListPassiveTarget: 106 kbit/s, ISO/IEC 14443 type A */
#define AUTOPOLL_MIFARE  0x10
#define AUTOPOLL_ISO_DEP 0x20
#define AUTOPOLL_FOREVER 0xff
#define RETRIES_FOREVER  0xff

enum progress { PROGRESS_DONE, PROGRESS_WAITS, PROGRESS_UNKNOWN };

/* An answer in the making. */
struct answer {
    uint8_t *data; /* behind D5 and the code */
    size_t len;
};

typedef enum progress command_fn(struct pn532_chip *chip, const uint8_t *data, size_t len,
                                 struct answer *answer);

struct command {
    uint8_t code;
    uint8_t exchange; /* 1: it talks to a card, which takes PN532_EXCHANGE_US */
    command_fn *run;
};

static void put(struct answer *answer, const void *bytes, size_t len)
{
    memcpy(answer->data + answer->len, bytes, len);
    answer->len += len;
}

static void put_byte(struct answer *answer, uint8_t byte)
{
    put(answer, &byte, 1);
}

static enum progress nothing(struct pn532_chip *chip, const uint8_t *data, size_t len, struct answer *answer)
{
    return PROGRESS_DONE;
}

/* Test 0 echoes; test 6 asks the selected card whether it is there (7.2.1). */
static enum progress diagnose(struct pn532_chip *chip, const uint8_t *data, size_t len, struct answer *answer)
{
    if (len >= 1 && data[0] == 0x00)
        put(answer, data, len);
    else if (len >= 1 && data[0] == 0x06)
        put_byte(answer, chip->selected ? PN532_STATUS_OK : PN532_STATUS_TIMEOUT);
    else
        return PROGRESS_UNKNOWN;
    return PROGRESS_DONE;
}

static enum progress firmware(struct pn532_chip *chip, const uint8_t *data, size_t len, struct answer *answer)
{
    static const uint8_t version[] = { 0x32, 0x01, 0x06, 0x07 };

    put(answer, version, sizeof(version));
    return PROGRESS_DONE;
}

static enum progress read_registers(struct pn532_chip *chip, const uint8_t *data, size_t len,
                                    struct answer *answer)
{
    for (size_t i = 0; i + 1 < len; i += 2)
        put_byte(answer, data[i] == 0x63 ? chip->registers[data[i + 1]] : 0);
    return PROGRESS_DONE;
}

static enum progress write_registers(struct pn532_chip *chip, const uint8_t *data, size_t len,
                                     struct answer *answer)
{
    for (size_t i = 0; i + 2 < len; i += 3)
        if (data[i] == 0x63)
            chip->registers[data[i + 1]] = data[i + 2];
    return PROGRESS_DONE;
}

static enum progress set_parameters(struct pn532_chip *chip, const uint8_t *data, size_t len,
                                    struct answer *answer)
{
    if (len >= 1)
        chip->parameters = data[0];
    return PROGRESS_DONE;
}

static void release(struct pn532_chip *chip)
{
    if (chip->selected)
        chip->selected->state = PN532_CARD_HALT;
    chip->selected = NULL;
}

static void field_off(struct pn532_chip *chip)
{
    for (size_t i = 0; i < chip->card_count; i++)
        pn532_card_reset(&chip->cards[i]);
    chip->selected = NULL;
}

/* Item 1 switches the field, item 5 sets the retries (7.3.1). */
static enum progress configure_rf(struct pn532_chip *chip, const uint8_t *data, size_t len,
                                  struct answer *answer)
{
    if (len >= 2 && data[0] == 0x01 && !(data[1] & 1))
        field_off(chip);
    if (len >= 4 && data[0] == 0x05)
        chip->retries = data[3];
    return PROGRESS_DONE;
}

/* The first card that answers the look that ends at due_us: any that was not sent to sleep, or the one that
 * is called by its number. */
static struct pn532_card *search(struct pn532_chip *chip, const uint8_t *uid, size_t uid_len)
{
    for (size_t i = 0; i < chip->card_count; i++) {
        struct pn532_card *card = &chip->cards[i];

        if (card->seen_us > chip->due_us)
            continue;
        if (uid_len ? pn532_card_is(card, uid, uid_len) : card->state != PN532_CARD_HALT)
            return card;
    }
    return NULL;
}

static void put_target(struct pn532_chip *chip, struct pn532_card *card, struct answer *answer)
{
    uint8_t target[PN532_TARGET_MAX];
    size_t len = pn532_card_target(card, chip->parameters & PARAMETER_RATS, target);

    put_byte(answer, 1); /* Tg */
    put(answer, target, len);
    card->state = PN532_CARD_ACTIVE;
    chip->selected = card;
}

static enum progress list_targets(struct pn532_chip *chip, const uint8_t *data, size_t len,
                                  struct answer *answer)
{
    struct pn532_card *card = len >= 2 && data[1] == TYPE_A ? search(chip, data + 2, len - 2) : NULL;

    if (!card && chip->due_us < chip->until_us)
        return PROGRESS_WAITS;
    put_byte(answer, card ? 1 : 0);
    if (card)
        put_target(chip, card, answer);
    return PROGRESS_DONE;
}

static bool polls_for(const uint8_t *types, size_t count, const struct pn532_card *card)
{
    return memchr(types, pn532_card_iso_dep(card) ? AUTOPOLL_ISO_DEP : AUTOPOLL_MIFARE, count);
}

/* PollNr, Period, types (7.3.13). Each found target is its type, its length, and what a list would say. */
static enum progress auto_poll(struct pn532_chip *chip, const uint8_t *data, size_t len,
                               struct answer *answer)
{
    struct pn532_card *card = len >= 3 ? search(chip, NULL, 0) : NULL;

    if (!card || !polls_for(data + 2, len - 2, card)) {
        if (chip->due_us < chip->until_us)
            return PROGRESS_WAITS;
        put_byte(answer, 0);
        return PROGRESS_DONE;
    }
    put_byte(answer, 1);
    put_byte(answer, pn532_card_iso_dep(card) ? AUTOPOLL_ISO_DEP : AUTOPOLL_MIFARE);
    size_t at = answer->len;

    put_byte(answer, 0);
    put_target(chip, card, answer);
    answer->data[at] = (uint8_t)(answer->len - at - 1);
    return PROGRESS_DONE;
}

typedef uint8_t exchange_fn(struct pn532_card *card, const uint8_t *data, size_t len,
                            uint8_t ret_answer[static PN532_ANSWER_MAX], size_t *ret_len);

static enum progress exchange(struct pn532_chip *chip, const uint8_t *data, size_t len, exchange_fn *talk,
                              struct answer *answer)
{
    uint8_t bytes[PN532_ANSWER_MAX];
    size_t count = 0;
    uint8_t status =
        chip->selected && len > 0 ? talk(chip->selected, data, len, bytes, &count) : PN532_STATUS_TIMEOUT;

    put_byte(answer, status);
    if (status == PN532_STATUS_OK)
        put(answer, bytes, count);
    return PROGRESS_DONE;
}

static enum progress data_exchange(struct pn532_chip *chip, const uint8_t *data, size_t len,
                                   struct answer *answer)
{
    if (len >= 1 && data[0] == 1)
        return exchange(chip, data + 1, len - 1, pn532_card_exchange, answer);
    put_byte(answer, PN532_STATUS_CONTEXT);
    return PROGRESS_DONE;
}

static enum progress communicate_thru(struct pn532_chip *chip, const uint8_t *data, size_t len,
                                      struct answer *answer)
{
    return exchange(chip, data, len, pn532_card_raw, answer);
}

static enum progress deselect(struct pn532_chip *chip, const uint8_t *data, size_t len, struct answer *answer)
{
    release(chip);
    put_byte(answer, PN532_STATUS_OK);
    return PROGRESS_DONE;
}

static enum progress power_down(struct pn532_chip *chip, const uint8_t *data, size_t len,
                                struct answer *answer)
{
    field_off(chip);
    put_byte(answer, PN532_STATUS_OK);
    return PROGRESS_DONE;
}

/* By the manual's chapters 7.2 and 7.3. */
static const struct command commands[] = {
    { 0x00, 0, diagnose },         { 0x02, 0, firmware },       { 0x06, 0, read_registers },
    { 0x08, 0, write_registers },  { 0x12, 0, set_parameters }, { 0x14, 0, nothing /* SAMConfiguration */ },
    { 0x16, 0, power_down },       { 0x32, 0, configure_rf },   { 0x40, 1, data_exchange },
    { 0x42, 1, communicate_thru }, { 0x44, 0, deselect },       { 0x4a, 0, list_targets },
    { 0x52, 0, deselect },         { 0x60, 0, auto_poll },
};

#define CODE_LIST      0x4a
#define CODE_AUTO_POLL 0x60

static const struct command *find(uint8_t code)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (commands[i].code == code)
            return &commands[i];
    return NULL;
}

void pn532_chip_init(struct pn532_chip *chip, bool timing)
{
    *chip = (struct pn532_chip){
        .timing = timing,
        .parameters = PARAMETER_RATS,
        .retries = RETRIES_FOREVER,
        .due_us = PN532_NEVER,
    };
}

void pn532_chip_abort(struct pn532_chip *chip)
{
    chip->command_len = 0;
    chip->due_us = PN532_NEVER;
}

/* How long a search without a card goes on; other commands do not search. */
static int64_t search_us(const struct pn532_chip *chip, const uint8_t *data, size_t len)
{
    if (data[0] == CODE_LIST)
        return chip->retries == RETRIES_FOREVER ? PN532_NEVER : (chip->retries + INT64_C(1)) * PN532_LIST_US;
    if (data[0] != CODE_AUTO_POLL || len < 4)
        return 0;
    if (data[1] == AUTOPOLL_FOREVER)
        return PN532_NEVER;
    return (int64_t)data[1] * data[2] * PN532_SLOT_US * (int64_t)(len - 3);
}

static int64_t air_us(const struct pn532_chip *chip, const struct command *command)
{
    if (!chip->timing || !command)
        return 0;
    if (command->code == CODE_LIST || command->code == CODE_AUTO_POLL)
        return PN532_LIST_US;
    return command->exchange ? PN532_EXCHANGE_US : 0;
}

void pn532_chip_command(struct pn532_chip *chip, const uint8_t *body, size_t len, int64_t now_us)
{
    pn532_chip_abort(chip);
    if (len < 2 || body[0] != PN532_TFI_HOST)
        return;
    chip->command_len = len - 1;
    memcpy(chip->command, body + 1, len - 1);
    chip->due_us = now_us + air_us(chip, find(body[1]));
    int64_t lasts_us = search_us(chip, chip->command, chip->command_len);

    chip->until_us = lasts_us == PN532_NEVER ? PN532_NEVER : now_us + lasts_us;
}

/* When a search that found nothing at due_us has something new to find, or ends. */
static int64_t next_look_us(const struct pn532_chip *chip)
{
    int64_t next_us = chip->until_us;

    for (size_t i = 0; i < chip->card_count; i++)
        if (chip->cards[i].seen_us > chip->due_us && chip->cards[i].seen_us < next_us)
            next_us = chip->cards[i].seen_us;
    return next_us;
}

bool pn532_chip_answer(struct pn532_chip *chip, int64_t now_us, uint8_t ret_body[static PN532_BODY_MAX],
                       size_t *ret_len)
{
    const struct command *command = chip->command_len ? find(chip->command[0]) : NULL;
    struct answer answer = { .data = ret_body + 2 };

    if (chip->command_len == 0 || now_us < chip->due_us)
        return false;
    enum progress progress =
        command ? command->run(chip, chip->command + 1, chip->command_len - 1, &answer) : PROGRESS_UNKNOWN;

    if (progress == PROGRESS_WAITS) {
        chip->due_us = next_look_us(chip);
        return false;
    }
    ret_body[0] = PN532_TFI_CHIP;
    ret_body[1] = (uint8_t)(chip->command[0] + 1);
    *ret_len = progress == PROGRESS_UNKNOWN ? 0 : 2 + answer.len;
    assert(*ret_len <= PN532_BODY_MAX);
    pn532_chip_abort(chip);
    return true;
}

int64_t pn532_chip_due(const struct pn532_chip *chip)
{
    return chip->due_us;
}

/* When a search that is under way will see a card that came now. One that begins later looks at all that lie
 * there. */
static int64_t seen_us(const struct pn532_chip *chip, int64_t now_us)
{
    if (!chip->timing || chip->command_len == 0)
        return now_us;
    return now_us + (chip->command[0] == CODE_AUTO_POLL ? PN532_SLOT_US : PN532_LIST_US);
}

int pn532_chip_lay(struct pn532_chip *chip, const struct pn532_card *card, int64_t now_us)
{
    for (size_t i = 0; i < chip->card_count; i++)
        if (chip->cards[i].uid_len == card->uid_len &&
            memcmp(chip->cards[i].uid, card->uid, card->uid_len) == 0)
            return -EEXIST;
    if (chip->card_count == PN532_CARDS_MAX)
        return -ENOSPC;
    struct pn532_card *laid = &chip->cards[chip->card_count++];

    *laid = *card;
    laid->seen_us = seen_us(chip, now_us);
    if (chip->command_len && laid->seen_us < chip->due_us)
        chip->due_us = laid->seen_us;
    return 0;
}

size_t pn532_chip_take(struct pn532_chip *chip, const uint8_t *uid, size_t uid_len)
{
    const struct pn532_card *selected = chip->selected;
    size_t kept = 0;
    size_t taken = 0;

    chip->selected = NULL;
    for (size_t i = 0; i < chip->card_count; i++) {
        struct pn532_card *card = &chip->cards[i];

        if (!uid || (card->uid_len == uid_len && memcmp(card->uid, uid, uid_len) == 0)) {
            taken++;
            continue;
        }
        if (card == selected)
            chip->selected = &chip->cards[kept];
        chip->cards[kept++] = *card;
    }
    chip->card_count = kept;
    return taken;
}
