/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nuki_frame.c: how long a frame will be is known from its first bytes (an encrypted one's length field, a
 * plain one's command), so that bytes which can never become one are given up at once and what comes next is
 * read anew. */
#include "proto/nuki_frame.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "gateway/base/bytes.h"

static_assert(NUKI_FRAME_NONCE_BYTES == crypto_secretbox_NONCEBYTES &&
                  NUKI_FRAME_MAC_BYTES == crypto_secretbox_MACBYTES &&
                  NUKI_KEY_BYTES == crypto_secretbox_KEYBYTES,
              "boxes are libsodium's");

#define COMMAND_BYTES 2
#define CRC_BYTES     2
#define AUTH_ID_BYTES 4
#define PLAIN_MIN     (COMMAND_BYTES + CRC_BYTES)

/* Where an encrypted frame has its length. */
#define LENGTH_AT (NUKI_FRAME_NONCE_BYTES + AUTH_ID_BYTES)

uint16_t nuki_frame_crc(const uint8_t bytes[], size_t len)
{
    unsigned crc = 0xffff;

    for (size_t i = 0; i < len; i++) {
        crc ^= (unsigned)bytes[i] << 8;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1) & 0xffff;
    }
    return (uint16_t)crc;
}

static bool crc_is_right(const uint8_t bytes[], size_t len)
{
    return nuki_frame_crc(bytes, len - CRC_BYTES) == bytes_get_u16(bytes + len - CRC_BYTES);
}

/* Whether what has come of a plain frame is one. Where a command's length varies its CRC says where it ends.
 */
static int judge_plain(const uint8_t bytes[], size_t len)
{
    size_t min, max;

    if (len < COMMAND_BYTES)
        return NUKI_FRAME_PART;
    if (!nuki_payload_bounds(bytes_get_u16(bytes), &min, &max))
        return NUKI_E_COMMAND;
    if (len > PLAIN_MIN + max)
        return NUKI_E_LENGTH;
    if (len >= PLAIN_MIN + min && crc_is_right(bytes, len))
        return 0;
    return len == PLAIN_MIN + max ? NUKI_E_CRC : NUKI_FRAME_PART;
}

static int judge_encrypted(const uint8_t bytes[], size_t len)
{
    if (len < NUKI_FRAME_HEADER)
        return NUKI_FRAME_PART;
    size_t box_len = bytes_get_u16(bytes + LENGTH_AT);

    if (box_len < NUKI_FRAME_MAC_BYTES + NUKI_FRAME_INNER_MIN ||
        box_len > NUKI_FRAME_MAX - NUKI_FRAME_HEADER || len > NUKI_FRAME_HEADER + box_len)
        return NUKI_E_LENGTH;
    return len < NUKI_FRAME_HEADER + box_len ? NUKI_FRAME_PART : 0;
}

int nuki_frame_add(struct nuki_assembly *assembly, const uint8_t part[], size_t len)
{
    int r = NUKI_E_LONG;

    if (len == 0)
        return NUKI_E_SHORT;
    if (assembly->whole)
        nuki_frame_reset(assembly);
    if (len <= sizeof(assembly->bytes) - assembly->len) {
        memcpy(assembly->bytes + assembly->len, part, len);
        assembly->len += len;
        r = assembly->encrypted ? judge_encrypted(assembly->bytes, assembly->len)
                                : judge_plain(assembly->bytes, assembly->len);
    }
    if (r > 0)
        nuki_frame_reset(assembly);
    assembly->whole = r == 0;
    return r;
}

void nuki_frame_reset(struct nuki_assembly *assembly)
{
    assembly->len = 0;
    assembly->whole = false;
}

size_t nuki_frame_plain(const struct nuki_message *message, uint8_t ret_bytes[static NUKI_FRAME_MAX])
{
    uint8_t payload[NUKI_PAYLOAD_MAX];
    size_t payload_len = nuki_format(message, payload);
    size_t len = COMMAND_BYTES + payload_len;

    bytes_put_u16(ret_bytes, (uint16_t)message->command);
    memcpy(ret_bytes + COMMAND_BYTES, payload, payload_len);
    bytes_put_u16(ret_bytes + len, nuki_frame_crc(ret_bytes, len));
    return len + CRC_BYTES;
}

size_t nuki_frame_box(const struct nuki_access *access, const uint8_t nonce[static NUKI_FRAME_NONCE_BYTES],
                      const uint8_t inner[], size_t inner_len, uint8_t ret_bytes[static NUKI_FRAME_MAX])
{
    assert(inner_len <= NUKI_FRAME_INNER_MAX);
    memcpy(ret_bytes, nonce, NUKI_FRAME_NONCE_BYTES);
    bytes_put_u32(ret_bytes + NUKI_FRAME_NONCE_BYTES, access->auth_id);
    bytes_put_u16(ret_bytes + LENGTH_AT, (uint16_t)(NUKI_FRAME_MAC_BYTES + inner_len));
    crypto_secretbox_easy(ret_bytes + NUKI_FRAME_HEADER, inner, inner_len, nonce, access->key);
    return NUKI_FRAME_HEADER + NUKI_FRAME_MAC_BYTES + inner_len;
}

size_t nuki_frame_seal(const struct nuki_access *access, const uint8_t nonce[static NUKI_FRAME_NONCE_BYTES],
                       const struct nuki_message *message, uint8_t ret_bytes[static NUKI_FRAME_MAX])
{
    uint8_t inner[NUKI_FRAME_INNER_MAX];
    size_t payload_len = nuki_format(message, inner + AUTH_ID_BYTES + COMMAND_BYTES);
    size_t len = AUTH_ID_BYTES + COMMAND_BYTES + payload_len;

    bytes_put_u32(inner, access->auth_id);
    bytes_put_u16(inner + AUTH_ID_BYTES, (uint16_t)message->command);
    bytes_put_u16(inner + len, nuki_frame_crc(inner, len));
    len = nuki_frame_box(access, nonce, inner, len + CRC_BYTES, ret_bytes);
    sodium_memzero(inner, sizeof(inner));
    return len;
}

int nuki_frame_open_plain(const uint8_t bytes[], size_t len, struct nuki_message *ret)
{
    if (len < PLAIN_MIN)
        return NUKI_E_SHORT;
    if (!crc_is_right(bytes, len))
        return NUKI_E_CRC;
    return nuki_parse(bytes_get_u16(bytes), bytes + COMMAND_BYTES, len - PLAIN_MIN, ret);
}

/* What was in the box. */
static int open_inner(const struct nuki_access *access, const uint8_t inner[], size_t len,
                      struct nuki_message *ret)
{
    if (bytes_get_u32(inner) != access->auth_id)
        return NUKI_E_INNER_AUTH_ID;
    if (!crc_is_right(inner, len))
        return NUKI_E_CRC;
    return nuki_parse(bytes_get_u16(inner + AUTH_ID_BYTES), inner + AUTH_ID_BYTES + COMMAND_BYTES,
                      len - NUKI_FRAME_INNER_MIN, ret);
}

int nuki_frame_open(const struct nuki_access *access, const uint8_t bytes[], size_t len,
                    struct nuki_message *ret)
{
    uint8_t inner[NUKI_FRAME_INNER_MAX];
    size_t box_len = len - NUKI_FRAME_HEADER;

    if (len < NUKI_FRAME_HEADER + NUKI_FRAME_MAC_BYTES + NUKI_FRAME_INNER_MIN)
        return NUKI_E_SHORT;
    if (len > NUKI_FRAME_MAX)
        return NUKI_E_LONG;
    if (bytes_get_u16(bytes + LENGTH_AT) != box_len)
        return NUKI_E_LENGTH;
    if (nuki_frame_auth_id(bytes) != access->auth_id)
        return NUKI_E_AUTH_ID;
    if (crypto_secretbox_open_easy(inner, bytes + NUKI_FRAME_HEADER, box_len, bytes, access->key) != 0)
        return NUKI_E_MAC;
    int r = open_inner(access, inner, box_len - NUKI_FRAME_MAC_BYTES, ret);

    sodium_memzero(inner, sizeof(inner));
    return r;
}

uint32_t nuki_frame_auth_id(const uint8_t bytes[static NUKI_FRAME_HEADER])
{
    return bytes_get_u32(bytes + NUKI_FRAME_NONCE_BYTES);
}
