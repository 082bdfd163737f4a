/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nfc_proto.h: from what a reader sees, turn by turn, to presentations. Pure: numbers and time are passed in.
 *
 * A card that lies on the reader is one presentation, however often it is seen. It is removed when it was not
 * seen for NFC_REMOVED_AFTER_US; radio that fades for less than that is no removal. Another number ends the
 * presentation of the one before it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"

/* ISO/IEC 14443-3, 6.5.4: single, double or triple size. */
#define NFC_UID_MAX 10

/* Number in hex, with NUL. */
#define NFC_VALUE_SIZE (2 * NFC_UID_MAX + 1)

/* Longer than a select and its retries on a real chip; shorter than a person takes to present a card twice on
 * purpose. */
#define NFC_REMOVED_AFTER_US INT64_C(250000)

struct nfc_presence {
    uint8_t uid[NFC_UID_MAX];
    size_t uid_len;  /* 0: nothing lies there */
    int64_t seen_us; /* when it was seen last */
};

/* What a turn came to. Both may be true: one card in place of another. */
struct nfc_change {
    bool removed;
    bool presented;
};

/* A card was seen, or (uid_len 0) none. A number of a size that does not exist is none. */
struct nfc_change nfc_presence_put(struct nfc_presence *presence, const uint8_t *uid, size_t uid_len,
                                   int64_t now_us);

bool nfc_uid_size_valid(size_t uid_len);

/* The credential's value: upper-case hex, as the card sends it (decision contract 1). */
void nfc_value(const uint8_t *uid, size_t uid_len, char ret_value[static NFC_VALUE_SIZE]);

/* The serial port in a connection string ("pn532_uart:/dev/ttyUSB0:115200"), copied to ret_path; false if it
 * names none. */
bool nfc_serial_path(const char *connection, char *ret_path, size_t size);
