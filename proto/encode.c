/* SPDX-License-Identifier: GPL-3.0-or-later */
/* encode.c: hex by hand because only lower case is right here; base64url by libsodium, made strict. */
#include "proto/encode.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

void hex_encode(const uint8_t *bytes, size_t len, char *ret_text)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        ret_text[2 * i] = digits[bytes[i] >> 4];
        ret_text[2 * i + 1] = digits[bytes[i] & 15];
    }
    ret_text[2 * len] = '\0';
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

int hex_decode(const char *text, uint8_t *ret_bytes, size_t len)
{
    if (strlen(text) != 2 * len)
        return -EBADMSG;
    for (size_t i = 0; i < len; i++) {
        int high = digit_value(text[2 * i]);
        int low = digit_value(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return -EBADMSG;
        ret_bytes[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

void b64_encode(const uint8_t *bytes, size_t len, char *ret_text)
{
    sodium_bin2base64(ret_text, B64_SIZE(len), bytes, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

int b64_decode(const char *text, size_t text_len, uint8_t *ret_bytes, size_t size, size_t *ret_len)
{
    size_t len;

    /* libsodium refuses spare bits that are not zero, and anything left over because no ignore set is given.
     */
    if (sodium_base642bin(ret_bytes, size, text, text_len, NULL, &len, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
        return -EBADMSG;
    *ret_len = len;
    return 0;
}
