/* SPDX-License-Identifier: GPL-3.0-or-later */
/* advert.c: a list of structures, each a length, a type and its bytes. */
#include "proto/advert.h"

#include <string.h>

/* Assigned Numbers, 2.3. */
enum {
    TYPE_SERVICES_SOME = 0x06,
    TYPE_SERVICES_ALL = 0x07,
    TYPE_NAME_SHORT = 0x08,
    TYPE_NAME = 0x09,
    TYPE_SERVICE_DATA = 0x21,
    TYPE_MANUFACTURER = 0xff,
};

/* Apple's iBeacon: company 004C, type 02, 21 bytes behind it: uuid, major, minor, power. */
#define BEACON_BYTES 25
static const uint8_t beacon_head[] = { 0x4c, 0x00, 0x02, 0x15 };

static void reverse(const uint8_t *from, uint8_t to[static ADVERT_UUID_BYTES])
{
    for (size_t i = 0; i < ADVERT_UUID_BYTES; i++)
        to[i] = from[ADVERT_UUID_BYTES - 1 - i];
}

static void add_service(const uint8_t *bytes, struct advert *advert)
{
    uint8_t uuid[ADVERT_UUID_BYTES];

    reverse(bytes, uuid);
    if (advert->service_count < ADVERT_SERVICES_MAX && !advert_has_service(advert, uuid))
        memcpy(advert->services[advert->service_count++], uuid, sizeof(uuid));
}

/* A name goes to terminals and into JSON, and anybody can have advertised it. */
static void read_name(const uint8_t *bytes, size_t len, struct advert *advert)
{
    size_t n = len < ADVERT_NAME_SIZE - 1 ? len : ADVERT_NAME_SIZE - 1;

    for (size_t i = 0; i < n; i++)
        advert->name[i] = (char)(bytes[i] < 0x20 || bytes[i] > 0x7e ? '?' : bytes[i]);
    advert->name[n] = '\0';
}

static void read_beacon(const uint8_t *bytes, size_t len, struct advert_beacon *beacon)
{
    if (len != BEACON_BYTES || memcmp(bytes, beacon_head, sizeof(beacon_head)) != 0)
        return;
    bytes += sizeof(beacon_head);
    beacon->present = true;
    memcpy(beacon->uuid, bytes, ADVERT_UUID_BYTES);
    beacon->major = (uint16_t)(bytes[16] << 8 | bytes[17]);
    beacon->minor = (uint16_t)(bytes[18] << 8 | bytes[19]);
    beacon->power = bytes[20];
}

static void read_structure(uint8_t type, const uint8_t *bytes, size_t len, struct advert *advert)
{
    switch (type) {
    case TYPE_SERVICES_SOME:
    case TYPE_SERVICES_ALL:
        for (; len >= ADVERT_UUID_BYTES; bytes += ADVERT_UUID_BYTES, len -= ADVERT_UUID_BYTES)
            add_service(bytes, advert);
        break;
    case TYPE_SERVICE_DATA:
        if (len >= ADVERT_UUID_BYTES)
            add_service(bytes, advert);
        break;
    case TYPE_NAME_SHORT:
        if (advert->name[0] == '\0')
            read_name(bytes, len, advert);
        break;
    case TYPE_NAME:
        read_name(bytes, len, advert);
        break;
    case TYPE_MANUFACTURER:
        read_beacon(bytes, len, &advert->beacon);
        break;
    }
}

void advert_read(const uint8_t *data, size_t len, struct advert *advert)
{
    while (len > 0) {
        size_t structure = data[0];

        if (structure == 0 || structure > len - 1)
            return;
        read_structure(data[1], data + 2, structure - 1, advert);
        data += 1 + structure;
        len -= 1 + structure;
    }
}

bool advert_has_service(const struct advert *advert, const uint8_t uuid[static ADVERT_UUID_BYTES])
{
    for (size_t i = 0; i < advert->service_count; i++)
        if (memcmp(advert->services[i], uuid, ADVERT_UUID_BYTES) == 0)
            return true;
    return false;
}
