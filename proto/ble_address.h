/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_address.h: the address of a Bluetooth LE device, and its text: 54:D2:72:0A:0B:0C. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"

#define BLE_ADDRESS_BYTES 6

/* The text with its NUL. */
#define BLE_ADDRESS_TEXT_SIZE 18

#define BLE_ADDRESS_EXPECTED "must be six bytes in hex, as in 54:D2:72:0A:0B:0C"

/* Public: given out by the IEEE; random: the device's own, fixed or changing. One is not the other with the
 * same bytes (Core Specification, Vol 6, Part B, 1.3). */
enum ble_address_type { BLE_ADDRESS_PUBLIC, BLE_ADDRESS_RANDOM };

struct ble_address {
    uint8_t bytes[BLE_ADDRESS_BYTES]; /* as on the air and in the kernel: the text's last byte first */
    enum ble_address_type type;
};

/* "public", "random"; NULL-terminated, for the rows of json.h. */
extern const char *const ble_address_type_names[];

/* Reads bytes from text, in upper or lower case; type is given by the caller. Returns 0 or -EBADMSG. */
int ble_address_parse(const char *text, enum ble_address_type type,
                      struct ble_address *ret_address) must_check;

/* Whether text can be parsed. */
bool ble_address_valid(const char *text);

/* In upper case. */
void ble_address_format(const struct ble_address *address, char ret_text[static BLE_ADDRESS_TEXT_SIZE]);

bool ble_address_equal(const struct ble_address *a, const struct ble_address *b);
