/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nuki_frame.h: messages as bytes on a characteristic of a Nuki lock (Nuki Smart Lock API V2.1, 3). Pure.
 *
 *     plain      command u16 | payload | crc u16
 *     encrypted  nonce[24] | auth id u32 | length u16 | box of: auth id u32 | command u16 | payload | crc u16
 *
 * The CRC is CRC-16/CCITT-FALSE over all before it. A box is XSalsa20-Poly1305 with its MAC of 16 bytes in
 * front; the length counts the MAC too. A nonce is never to be used twice with the same key.
 *
 * Values of a characteristic come in parts: indications of what fits. Parts go into a nuki_assembly until
 * they are a frame, which then is opened. A plain frame does not say how long it is: its command and its CRC
 * do.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "proto/nuki.h"
#include "proto/nuki_key.h"

#define NUKI_FRAME_NONCE_BYTES 24
#define NUKI_FRAME_HEADER      30 /* nonce, authorization, length */
#define NUKI_FRAME_MAC_BYTES   16
#define NUKI_FRAME_INNER_MIN   8 /* authorization, command, CRC */
#define NUKI_FRAME_PLAIN_MAX   (2 + NUKI_PAYLOAD_MAX + 2)
#define NUKI_FRAME_INNER_MAX   (4 + NUKI_FRAME_PLAIN_MAX)
#define NUKI_FRAME_MAX         (NUKI_FRAME_HEADER + NUKI_FRAME_MAC_BYTES + NUKI_FRAME_INNER_MAX)

/* The frame is not whole yet. */
#define NUKI_FRAME_PART (-1)

struct nuki_assembly {
    bool encrypted; /* which kind of frame the characteristic has */
    bool whole;     /* bytes[] are a frame, which the next part replaces */
    size_t len;
    uint8_t bytes[NUKI_FRAME_MAX];
};

uint16_t nuki_frame_crc(const uint8_t bytes[], size_t len);

/* Adds a part. Returns 0 if bytes[] now are a whole frame to open, which the next part replaces;
 * NUKI_FRAME_PART; or NUKI_E_COMMAND, NUKI_E_CRC, NUKI_E_LENGTH or NUKI_E_LONG: it will never be one, and the
 * next part begins anew. A part of no bytes is NUKI_E_SHORT. */
int nuki_frame_add(struct nuki_assembly *assembly, const uint8_t part[], size_t len) must_check;

/* Forgets what has come: a new link, or a time-out. */
void nuki_frame_reset(struct nuki_assembly *assembly);

/* Writes a frame; returns its length. */
size_t nuki_frame_plain(const struct nuki_message *message, uint8_t ret_bytes[static NUKI_FRAME_MAX]);
size_t nuki_frame_seal(const struct nuki_access *access, const uint8_t nonce[static NUKI_FRAME_NONCE_BYTES],
                       const struct nuki_message *message, uint8_t ret_bytes[static NUKI_FRAME_MAX]);

/* The same around any inner bytes, at most NUKI_FRAME_INNER_MAX: for who wants to send what is wrong. */
size_t nuki_frame_box(const struct nuki_access *access, const uint8_t nonce[static NUKI_FRAME_NONCE_BYTES],
                      const uint8_t inner[], size_t inner_len, uint8_t ret_bytes[static NUKI_FRAME_MAX]);

/* Reads a frame. Returns 0 or an enum nuki_error; nothing of a box is looked at before its MAC was right. */
int nuki_frame_open_plain(const uint8_t bytes[], size_t len, struct nuki_message *ret) must_check;
int nuki_frame_open(const struct nuki_access *access, const uint8_t bytes[], size_t len,
                    struct nuki_message *ret) must_check;

/* The authorization that an encrypted frame says to be of: a lock has many. Needs NUKI_FRAME_HEADER bytes. */
uint32_t nuki_frame_auth_id(const uint8_t bytes[static NUKI_FRAME_HEADER]);
