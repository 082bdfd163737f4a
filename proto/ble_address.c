/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_address.c: by hand, since sscanf() takes signs and spaces. */
#include "proto/ble_address.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

const char *const ble_address_type_names[] = { "public", "random", NULL };

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int)((at - digits) % 16) : -1;
}

int ble_address_parse(const char *text, enum ble_address_type type, struct ble_address *ret_address)
{
    struct ble_address address = { .type = type };

    if (strlen(text) != BLE_ADDRESS_TEXT_SIZE - 1)
        return -EBADMSG;
    for (size_t i = 0; i < BLE_ADDRESS_BYTES; i++) {
        const char *at = text + 3 * i;
        int high = hex_digit(at[0]);
        int low = hex_digit(at[1]);

        if (high < 0 || low < 0 || (i + 1 < BLE_ADDRESS_BYTES && at[2] != ':'))
            return -EBADMSG;
        address.bytes[BLE_ADDRESS_BYTES - 1 - i] = (uint8_t)(high * 16 + low);
    }
    *ret_address = address;
    return 0;
}

bool ble_address_valid(const char *text)
{
    struct ble_address address;

    return ble_address_parse(text, BLE_ADDRESS_PUBLIC, &address) == 0;
}

void ble_address_format(const struct ble_address *address, char ret_text[static BLE_ADDRESS_TEXT_SIZE])
{
    const uint8_t *b = address->bytes;

    snprintf(ret_text, BLE_ADDRESS_TEXT_SIZE, "%02X:%02X:%02X:%02X:%02X:%02X", b[5], b[4], b[3], b[2], b[1],
             b[0]);
}

bool ble_address_equal(const struct ble_address *a, const struct ble_address *b)
{
    return a->type == b->type && memcmp(a->bytes, b->bytes, BLE_ADDRESS_BYTES) == 0;
}
