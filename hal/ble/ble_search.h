/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_search.h: a person looks for locks: what was heard of each device, and when it is told. Pure.
 *
 * Only devices that a protocol knows are told, each once: as soon as it has said its name, or a moment after
 * it was first heard.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hal/ble/ble_hci.h"
#include "hal/ble/ble_protocol.h"

/* Devices of one search; there are few locks in reach, and others don't count. */
#define BLE_SEARCH_MAX 64

/* How long a device has to say its name, and how much earlier than its deadline a search ends. */
#define BLE_SEARCH_NAME_MS 1500
#define BLE_SEARCH_END_MS  500

struct ble_sighting {
    struct ble_address address;
    struct advert advert; /* of all that it said */
    char name[ADVERT_NAME_SIZE];
    const struct ble_protocol *protocol;
    enum ble_heard heard;
    int rssi;
    int64_t first_us;
    bool told;
};

struct ble_search {
    int64_t id; /* of the command; 0: nobody looks */
    int64_t end_us;
    size_t count; /* kept when it has ended */
    struct ble_sighting seen[BLE_SEARCH_MAX];
};

/* Begins, and forgets what was seen before. */
void ble_search_begin(struct ble_search *search, int64_t id, int64_t deadline_us);

/* Takes a report, while somebody looks. */
void ble_search_hear(struct ble_search *search, const struct ble_hci_report *report, int64_t now_us);

/* The next device to be told. Returns false if there is none now. */
bool ble_search_next(struct ble_search *search, int64_t now_us, struct driver_found *ret_found);

/* When ble_search_next() has something though nothing is heard, or the search ends. INT64_MAX: never. */
int64_t ble_search_due_us(const struct ble_search *search);

/* What type the address of a device has that was seen. Returns false if it was not. */
bool ble_search_type(const struct ble_search *search, const struct ble_address *address,
                     enum ble_address_type *ret_type);
