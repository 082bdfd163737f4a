/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lock_advert.c: two forms, each a list of length, type and value (Core Specification, Supplement, part A).
 */
#include "tools/sim/lock_advert.h"

#include <stdio.h>
#include <string.h>

#define TYPE_NAME         0x09
#define TYPE_SERVICE_DATA 0x21 /* of a 128-bit UUID */
#define TYPE_MANUFACTURER 0xff

#define POWER_UNCHANGED 0xc4
#define POWER_CHANGED   0xc5

#define UUID_BYTES 16

/* a92eeX00-5501-11e4-916c-0800200c9a66: 1 is pairing, 2 the keyturner; highest byte first. */
static void put_uuid(uint8_t service, uint8_t ret_uuid[static UUID_BYTES])
{
    static const uint8_t base[UUID_BYTES] = { 0xa9, 0x2e, 0xe0, 0x00, 0x55, 0x01, 0x11, 0xe4,
                                              0x91, 0x6c, 0x08, 0x00, 0x20, 0x0c, 0x9a, 0x66 };

    memcpy(ret_uuid, base, UUID_BYTES);
    ret_uuid[2] = (uint8_t)(0xe0 | service);
}

static void put_id(uint8_t *to, uint32_t id)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(id >> (24 - 8 * i));
}

/* iBeacon: Apple's number, kind and length, UUID, major and minor (the lock's number), power at a metre. */
static size_t put_beacon(uint32_t id, bool changed, uint8_t *to)
{
    const uint8_t head[] = { 26, TYPE_MANUFACTURER, 0x4c, 0x00, 0x02, 0x15 };

    memcpy(to, head, sizeof(head));
    put_uuid(2, to + sizeof(head));
    put_id(to + sizeof(head) + UUID_BYTES, id);
    to[sizeof(head) + UUID_BYTES + 4] = changed ? POWER_CHANGED : POWER_UNCHANGED;
    return sizeof(head) + UUID_BYTES + 5;
}

/* On air a UUID in a service's data is lowest byte first. */
static size_t put_pairing(uint32_t id, uint8_t *to)
{
    uint8_t uuid[UUID_BYTES];

    put_uuid(1, uuid);
    to[0] = 1 + UUID_BYTES + 4;
    to[1] = TYPE_SERVICE_DATA;
    for (size_t i = 0; i < UUID_BYTES; i++)
        to[2 + i] = uuid[UUID_BYTES - 1 - i];
    put_id(to + 2 + UUID_BYTES, id);
    return 2 + UUID_BYTES + 4;
}

struct lock_advert lock_advert_make(uint32_t id, bool pairing, bool changed)
{
    struct lock_advert advert = { 0 };
    char name[LOCK_ADVERT_BYTES_MAX - 2];

    advert.len = pairing ? put_pairing(id, advert.bytes) : put_beacon(id, changed, advert.bytes);
    int len = snprintf(name, sizeof(name), "Nuki_%08X", id);

    advert.scan_bytes[0] = (uint8_t)(len + 1);
    advert.scan_bytes[1] = TYPE_NAME;
    memcpy(advert.scan_bytes + 2, name, (size_t)len);
    advert.scan_len = (size_t)len + 2;
    return advert;
}
