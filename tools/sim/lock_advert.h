/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lock_advert.h: what a lock advertises (facts of Nuki's Bluetooth API: an iBeacon whose power byte's lowest
 * bit says that the state changed since a bridge read it; in pairing mode the pairing service's data
 * instead). The flags are not in it: whoever advertises adds them. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCK_ADVERT_BYTES_MAX 28 /* 31 of an advertisement less the flags' three */

struct lock_advert {
    uint8_t bytes[LOCK_ADVERT_BYTES_MAX];
    size_t len;
    uint8_t scan_bytes[LOCK_ADVERT_BYTES_MAX]; /* the answer to a scan request: the name */
    size_t scan_len;
};

/* id: the lock's number, the end of its name. */
struct lock_advert lock_advert_make(uint32_t id, bool pairing, bool changed);
