/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_memory.h: what we know of locks, kept in ble-memory.json in the state directory: handles, so that
 * nothing is discovered twice, how far their logs were read, and whether a bolt is to be thrown again, so
 * that a driver that ends behind a release leaves no door unlocked.
 *
 * It is a file of its own since it is written now and then, and the keys are not.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "hal/ble/ble_gatt.h"
#include "proto/ble_address.h"

#define BLE_MEMORY_FILE "ble-memory.json"

struct ble_memory {
    struct ble_gatt_cache cache;
    uint32_t log_index; /* of the last entry that the gateway was told of; 0: none */
    bool relock;        /* it was, or was about to be, unlocked for a release, and is to be locked again */
};

/* What is remembered of a lock, for a protocol that has so many wants. Of a lock, or file, of which nothing
 * can be read, nothing is known. */
void ble_memory_find(const char *directory, const struct ble_address *address, const char *protocol,
                     size_t want_count, struct ble_memory *ret_memory);

/* Returns 0 or a negative errno. A file that is damaged is begun anew. */
int ble_memory_put(const char *directory, const struct ble_address *address, const char *protocol,
                   size_t want_count, const struct ble_memory *memory) must_check;
