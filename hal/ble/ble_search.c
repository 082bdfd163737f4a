/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_search.c: a table. */
#include "hal/ble/ble_search.h"

#include <string.h>

#include "gateway/base/clock.h"

void ble_search_begin(struct ble_search *search, int64_t id, int64_t deadline_us)
{
    search->id = id;
    search->end_us = deadline_us - BLE_SEARCH_END_MS * USEC_PER_MSEC;
    search->count = 0;
}

static bool same_bytes(const struct ble_address *a, const struct ble_address *b)
{
    return memcmp(a->bytes, b->bytes, BLE_ADDRESS_BYTES) == 0;
}

static struct ble_sighting *find(struct ble_search *search, const struct ble_address *address)
{
    for (size_t i = 0; i < search->count; i++)
        if (ble_address_equal(&search->seen[i].address, address))
            return &search->seen[i];
    return NULL;
}

static void name(struct ble_sighting *sighting)
{
    if (sighting->advert.name[0])
        text_copy(sighting->name, sizeof(sighting->name), sighting->advert.name);
    else
        sighting->protocol->called(&sighting->advert, sighting->name);
}

/* The protocol that knows the device. */
static void recognise(struct ble_sighting *sighting)
{
    const struct ble_protocol *protocol;

    for (size_t i = 0; (protocol = ble_protocol_at(i)); i++) {
        enum ble_heard heard = protocol->heard(&sighting->advert);

        if (heard != BLE_HEARD_NOTHING) {
            sighting->protocol = protocol;
            sighting->heard = heard;
            name(sighting);
            return;
        }
    }
}

void ble_search_hear(struct ble_search *search, const struct ble_hci_report *report, int64_t now_us)
{
    struct ble_sighting fresh = { .address = report->address, .first_us = now_us };
    struct ble_sighting *known = find(search, &report->address);
    struct ble_sighting *sighting = known ?: &fresh;

    if (search->id == 0)
        return;
    sighting->rssi = report->rssi;
    advert_read(report->data, report->len, &sighting->advert);
    recognise(sighting);
    if (!known && fresh.protocol && search->count < BLE_SEARCH_MAX)
        search->seen[search->count++] = fresh;
}

static int64_t told_us(const struct ble_search *search, const struct ble_sighting *sighting)
{
    int64_t late_us = sighting->first_us + BLE_SEARCH_NAME_MS * USEC_PER_MSEC;

    if (sighting->told)
        return INT64_MAX;
    if (sighting->name[0])
        return 0;
    return late_us < search->end_us ? late_us : search->end_us;
}

static enum driver_address_type type_of(const struct ble_address *address)
{
    return address->type == BLE_ADDRESS_PUBLIC ? DRIVER_ADDRESS_PUBLIC : DRIVER_ADDRESS_RANDOM;
}

static struct driver_found found_of(const struct ble_sighting *sighting)
{
    struct driver_found found = { .address_type = type_of(&sighting->address), .rssi = sighting->rssi };
    cleanup_with(text_finish) struct text about = TEXT_INIT;

    text_addf(&about, "%s%s", sighting->protocol->about,
              sighting->heard == BLE_HEARD_PAIRING ? ", ready to be paired" : "");
    ble_address_format(&sighting->address, found.address);
    text_copy(found.name, sizeof(found.name), sighting->name);
    text_copy(found.about, sizeof(found.about), text_string(&about));
    return found;
}

bool ble_search_next(struct ble_search *search, int64_t now_us, struct driver_found *ret_found)
{
    for (size_t i = 0; search->id != 0 && i < search->count; i++) {
        if (told_us(search, &search->seen[i]) > now_us)
            continue;
        search->seen[i].told = true;
        *ret_found = found_of(&search->seen[i]);
        return true;
    }
    return false;
}

int64_t ble_search_due_us(const struct ble_search *search)
{
    int64_t due_us = search->id != 0 ? search->end_us : INT64_MAX;

    for (size_t i = 0; search->id != 0 && i < search->count; i++)
        if (told_us(search, &search->seen[i]) < due_us)
            due_us = told_us(search, &search->seen[i]);
    return due_us;
}

bool ble_search_type(const struct ble_search *search, const struct ble_address *address,
                     enum ble_address_type *ret_type)
{
    for (size_t i = 0; i < search->count; i++) {
        if (!same_bytes(&search->seen[i].address, address))
            continue;
        *ret_type = search->seen[i].address.type;
        return true;
    }
    return false;
}
