/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nfc_proto.c: a presence is two facts, which number and when last; everything else follows from them. */
#include "hal/nfc/nfc_proto.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

bool nfc_uid_size_valid(size_t uid_len)
{
    return uid_len == 4 || uid_len == 7 || uid_len == 10;
}

static bool is_there(const struct nfc_presence *presence, const uint8_t *uid, size_t uid_len)
{
    return presence->uid_len == uid_len && memcmp(presence->uid, uid, uid_len) == 0;
}

struct nfc_change nfc_presence_put(struct nfc_presence *presence, const uint8_t *uid, size_t uid_len,
                                   int64_t now_us)
{
    bool seen = nfc_uid_size_valid(uid_len);
    bool there = presence->uid_len > 0;
    struct nfc_change change = { 0 };

    if (seen && is_there(presence, uid, uid_len)) {
        presence->seen_us = now_us;
        return change;
    }
    change.removed = there && (seen || now_us - presence->seen_us >= NFC_REMOVED_AFTER_US);
    change.presented = seen;
    if (change.removed)
        presence->uid_len = 0;
    if (seen) {
        memcpy(presence->uid, uid, uid_len);
        presence->uid_len = uid_len;
        presence->seen_us = now_us;
    }
    return change;
}

void nfc_value(const uint8_t *uid, size_t uid_len, char ret_value[static NFC_VALUE_SIZE])
{
    assert(uid_len <= NFC_UID_MAX);
    ret_value[0] = '\0';
    for (size_t i = 0; i < uid_len; i++)
        snprintf(ret_value + 2 * i, 3, "%02X", uid[i]);
}

bool nfc_serial_path(const char *connection, char *ret_path, size_t size)
{
    const char *path = strstr(connection, ":/");
    size_t len = path ? strcspn(path + 1, ":") : 0;

    if (!path || len >= size)
        return false;
    memcpy(ret_path, path + 1, len);
    ret_path[len] = '\0';
    return true;
}
