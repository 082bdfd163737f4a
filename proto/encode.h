/* SPDX-License-Identifier: GPL-3.0-or-later */
/* encode.h: bytes as text: lower-case hex, and base64url without padding (RFC 4648 section 5, spare bits
 * zero). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"

/* Characters of n bytes with the terminating NUL. */
#define HEX_SIZE(n) ((n)*2 + 1)
#define B64_SIZE(n) (((n)*4 + 2) / 3 + 1)

void hex_encode(const uint8_t *bytes, size_t len, char *ret_text);

/* Decodes exactly len bytes of lower-case hex. Returns 0 or -EBADMSG. */
int hex_decode(const char *text, uint8_t *ret_bytes, size_t len) must_check;

void b64_encode(const uint8_t *bytes, size_t len, char *ret_text);

/* Decodes at most size bytes. Returns 0 with *ret_len, or -EBADMSG. */
int b64_decode(const char *text, size_t text_len, uint8_t *ret_bytes, size_t size,
               size_t *ret_len) must_check;
