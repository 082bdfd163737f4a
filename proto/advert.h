/* SPDX-License-Identifier: GPL-3.0-or-later */
/* advert.h: what a Bluetooth LE device says of itself to everybody: advertising data (Core Specification,
 * Vol 3, Part C, 11; Supplement, Part A), and Apple's iBeacon in it. Pure.
 *
 * Nothing in it is authenticated: anybody can say it in anybody's name. It may be a reason to look, never a
 * fact.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADVERT_UUID_BYTES 16

/* A name with its NUL: 248 bytes at most. */
#define ADVERT_NAME_SIZE 249

/* The 128-bit services that are kept; there is room for one in a legacy advertisement. */
#define ADVERT_SERVICES_MAX 4

struct advert_beacon {
    bool present;
    uint8_t uuid[ADVERT_UUID_BYTES]; /* as it is written: most significant byte first */
    uint16_t major;
    uint16_t minor;
    uint8_t power; /* measured at a metre, as a byte; Nuki keeps its state-changed bit in the lowest bit */
};

struct advert {
    char name[ADVERT_NAME_SIZE]; /* "" if not said; printable ASCII, and '?' for what is not */
    size_t service_count;
    uint8_t services[ADVERT_SERVICES_MAX][ADVERT_UUID_BYTES]; /* listed or with data; as it is written */
    struct advert_beacon beacon;
};

/* Reads advertising or scan response data into *advert and adds to what stands there, so that both can be
 * read into one. What is not known is passed over; data that does not fit its lengths ends the reading
 * there, since devices fill up what they have left with anything. */
void advert_read(const uint8_t *data, size_t len, struct advert *advert);

/* Whether a service of that UUID was said. */
bool advert_has_service(const struct advert *advert, const uint8_t uuid[static ADVERT_UUID_BYTES]);
