/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_keys.h: what locks know us by, kept in ble-keys.json in the state directory: mode 0600, and never
 * printed or logged. Whoever can read it can open the doors.
 *
 * Pairing writes it, and nothing else does. A file that others could read is not used, and a damaged one is
 * not written over: a person has to look.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "hal/ble/ble_protocol.h"
#include "proto/ble_address.h"
#include "proto/driver_message.h"

#define BLE_KEYS_FILE "ble-keys.json"

struct ble_key {
    struct ble_address address;
    char target[ID_SIZE]; /* that it was paired for */
    char protocol[DRIVER_WORD_SIZE];
    size_t secret_len;
    uint8_t secret[BLE_SECRET_MAX]; /* the protocol's */
};

/* The key of a lock: that of its address, or the one that was paired for target if address is NULL. Returns
 * 0; -ENOENT; -EPERM or -EBADMSG as ble_file_open() does, the latter for a damaged entry, too; or another
 * negative errno. ble_keys_wipe() it after use. */
int ble_keys_find(const char *directory, const char *target, const struct ble_address *address,
                  struct ble_key *ret_key) must_check;

/* Keeps a key. What was paired for the same target before is forgotten. Returns 0 with the key on the disk,
 * or a negative errno. */
int ble_keys_put(const char *directory, const struct ble_key *key) must_check;

/* For cleanup_with(). */
void ble_keys_wipe(struct ble_key *key);
