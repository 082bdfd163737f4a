/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bytes.h: numbers as bytes, low byte first, as Bluetooth and what is built on it have them. */
#pragma once

#include <stdint.h>

static inline uint16_t bytes_get_u16(const uint8_t bytes[static 2])
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline uint32_t bytes_get_u32(const uint8_t bytes[static 4])
{
    return bytes_get_u16(bytes) | (uint32_t)bytes_get_u16(bytes + 2) << 16;
}

static inline void bytes_put_u16(uint8_t ret_bytes[static 2], uint16_t value)
{
    ret_bytes[0] = (uint8_t)value;
    ret_bytes[1] = (uint8_t)(value >> 8);
}

static inline void bytes_put_u32(uint8_t ret_bytes[static 4], uint32_t value)
{
    bytes_put_u16(ret_bytes, (uint16_t)value);
    bytes_put_u16(ret_bytes + 2, (uint16_t)(value >> 16));
}
