/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_gatt_find.c: a round trip takes two connection intervals, so there are as few as possible: services are
 * looked for by their UUIDs; within one, characteristics are gone through once, until there is none left to
 * find; and behind each stand its descriptors, until the next declaration. Lists must ascend, so none is
 * longer than the handles that there are. */
#include "hal/ble/ble_gatt_find.h"

#include "gateway/base/bytes.h"

/* A characteristic's declaration: properties, handle of the value, UUID (Vol 3, Part G, 3.3.1). */
#define DECLARATION_HANDLE_AT 1
#define DECLARATION_UUID_AT   3

static void ask(struct ble_gatt *gatt, const struct att_pdu *pdu)
{
    gatt->request_len = att_format(pdu, gatt->request);
}

static void next_step(struct ble_gatt *gatt)
{
    gatt->step++;
    gatt->cursor = 0;
}

/* The first want of the same service as this one: looking for it once is enough. */
static size_t first_of_service(const struct ble_gatt *gatt, size_t want)
{
    size_t first = 0;

    while (!att_uuid_equal(&gatt->wants->at[first].service, &gatt->wants->at[want].service))
        first++;
    return first;
}

/* Where a list of a range goes on behind handle, or the next step. */
static void look_behind(struct ble_gatt *gatt, uint16_t handle, const struct ble_gatt_range *range)
{
    if (handle >= range->last)
        next_step(gatt);
    else
        gatt->cursor = (uint16_t)(handle + 1);
}

bool ble_gatt_find_ask_service(struct ble_gatt *gatt)
{
    for (; gatt->step < gatt->wants->count; next_step(gatt)) {
        const struct att_uuid *service = &gatt->wants->at[gatt->step].service;
        size_t first = first_of_service(gatt, gatt->step);
        uint8_t value[ATT_UUID_BYTES];

        if (first < gatt->step) {
            gatt->services[gatt->step] = gatt->services[first];
            continue;
        }
        ask(gatt, &(struct att_pdu){ .opcode = ATT_FIND_VALUE_REQUEST,
                                     .first = ATT_HANDLE_FIRST,
                                     .last = ATT_HANDLE_LAST,
                                     .type = ATT_UUID_16(ATT_TYPE_PRIMARY_SERVICE),
                                     .value = value,
                                     .len = att_uuid_put(service, value) });
        return true;
    }
    return false;
}

/* A device that has the service twice is taken by the first. */
const char *ble_gatt_find_take_service(struct ble_gatt *gatt, const struct att_pdu *pdu,
                                       struct ble_gatt_report *ret_report)
{
    struct att_entry service = att_entry_at(pdu, 0);

    if (service.handle < ATT_HANDLE_FIRST || service.end < service.handle)
        return "malformed";
    gatt->services[gatt->step] = (struct ble_gatt_range){ service.handle, service.end };
    next_step(gatt);
    return NULL;
}

/* "Not found" ends every list. */
const char *ble_gatt_find_refuse(struct ble_gatt *gatt, uint8_t code, struct ble_gatt_report *ret_report)
{
    if (code != ATT_ERROR_NOT_FOUND)
        return att_error_word(code);
    next_step(gatt);
    return NULL;
}

bool ble_gatt_find_ask_characteristics(struct ble_gatt *gatt)
{
    for (; gatt->step < gatt->wants->count; next_step(gatt)) {
        const struct ble_gatt_range *service = &gatt->services[gatt->step];

        if (service->first == 0 || first_of_service(gatt, gatt->step) < gatt->step)
            continue;
        if (gatt->cursor == 0)
            gatt->cursor = service->first;
        ask(gatt, &(struct att_pdu){ .opcode = ATT_READ_TYPE_REQUEST,
                                     .first = gatt->cursor,
                                     .last = service->last,
                                     .type = ATT_UUID_16(ATT_TYPE_CHARACTERISTIC) });
        return true;
    }
    return false;
}

/* Whether a characteristic can be used as it is wanted. */
static bool serves(const struct ble_gatt_want *want, uint8_t properties)
{
    switch (want->subscribe) {
    case BLE_GATT_SUBSCRIBE_NONE:
        return true;
    case BLE_GATT_SUBSCRIBE_NOTIFY:
        return properties & ATT_PROPERTY_NOTIFY;
    case BLE_GATT_SUBSCRIBE_INDICATE:
        break;
    }
    return properties & ATT_PROPERTY_INDICATE;
}

/* A want of this step's service that is still to be found; the count of wants: there is none. */
static size_t find_missing(const struct ble_gatt *gatt, const struct att_uuid *uuid)
{
    size_t i = gatt->step;

    while (i < gatt->wants->count &&
           (gatt->handles[i].value != 0 || first_of_service(gatt, i) != gatt->step ||
            (uuid && !att_uuid_equal(&gatt->wants->at[i].uuid, uuid))))
        i++;
    return i;
}

const char *ble_gatt_find_take_characteristics(struct ble_gatt *gatt, const struct att_pdu *pdu,
                                               struct ble_gatt_report *ret_report)
{
    struct ble_gatt_range service = gatt->services[gatt->step];
    uint16_t least = gatt->cursor;

    for (size_t i = 0; i < att_entry_count(pdu); i++) {
        struct att_entry entry = att_entry_at(pdu, i);
        struct att_uuid uuid;

        if (entry.handle < least || entry.len < DECLARATION_UUID_AT ||
            att_uuid_take(entry.value + DECLARATION_UUID_AT, entry.len - DECLARATION_UUID_AT, &uuid) < 0)
            return "malformed";
        uint16_t value = bytes_get_u16(entry.value + DECLARATION_HANDLE_AT);

        if (value <= entry.handle || value > service.last)
            return "malformed";
        size_t want = find_missing(gatt, &uuid);

        if (want < gatt->wants->count && serves(&gatt->wants->at[want], entry.value[0]))
            gatt->handles[want].value = value;
        least = (uint16_t)(entry.handle + 1);
    }
    if (find_missing(gatt, NULL) == gatt->wants->count)
        next_step(gatt);
    else
        look_behind(gatt, (uint16_t)(least - 1), &service);
    return NULL;
}

bool ble_gatt_find_ask_descriptors(struct ble_gatt *gatt)
{
    for (; gatt->step < gatt->wants->count; next_step(gatt)) {
        uint16_t value = gatt->handles[gatt->step].value;
        uint16_t last = gatt->services[gatt->step].last;

        if (gatt->wants->at[gatt->step].subscribe == BLE_GATT_SUBSCRIBE_NONE || value == 0 || value == last)
            continue;
        if (gatt->cursor == 0)
            gatt->cursor = (uint16_t)(value + 1);
        ask(gatt, &(struct att_pdu){ .opcode = ATT_FIND_INFO_REQUEST, .first = gatt->cursor, .last = last });
        return true;
    }
    return false;
}

const char *ble_gatt_find_take_descriptors(struct ble_gatt *gatt, const struct att_pdu *pdu,
                                           struct ble_gatt_report *ret_report)
{
    static const struct att_uuid declaration = ATT_UUID_16(ATT_TYPE_CHARACTERISTIC);
    static const struct att_uuid cccd = ATT_UUID_16(ATT_TYPE_CCCD);
    struct ble_gatt_range service = gatt->services[gatt->step];
    uint32_t least = gatt->cursor;

    for (size_t i = 0; i < att_entry_count(pdu); i++) {
        struct att_entry entry = att_entry_at(pdu, i);

        if (entry.handle < least || entry.handle > service.last)
            return "malformed";
        if (att_uuid_equal(&entry.uuid, &cccd))
            gatt->handles[gatt->step].cccd = entry.handle;
        if (att_uuid_equal(&entry.uuid, &cccd) || att_uuid_equal(&entry.uuid, &declaration)) {
            next_step(gatt);
            return NULL;
        }
        least = entry.handle + 1u;
    }
    look_behind(gatt, (uint16_t)(least - 1), &service);
    return NULL;
}

bool ble_gatt_find_is_whole(const struct ble_gatt_want *want, const struct ble_gatt_handles *handles)
{
    bool subscribable = want->subscribe != BLE_GATT_SUBSCRIBE_NONE;

    return handles->value != 0 ? (handles->cccd != 0) == subscribable : handles->cccd == 0;
}
