/* SPDX-License-Identifier: GPL-3.0-or-later */
/* gatt_fixture.h: a small GATT server by a table of attributes, for tests of the client and of links. It
 * answers what a lock would be asked, refuses what a test tells it to, and counts. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <string.h>

#include "hal/ble/ble_gatt.h"
#include "proto/att.h"

#define PEER_ATTRIBUTES_MAX 24
#define PEER_MTU            185

/* The wants of all these tests, in their order. */
enum { WANT_PAIRING, WANT_PLAIN, WANT_SECRET, WANT_COUNT };
#define USES_SECRET (1u << WANT_SECRET)
#define USES_ALL    ((1u << WANT_COUNT) - 1)

struct peer_attribute {
    uint16_t handle;
    uint16_t type;        /* 0: a characteristic's value, whose UUID is `uuid` */
    uint16_t end;         /* of a service */
    const char *uuid;     /* of a service, or declared */
    uint8_t properties;   /* of a declaration */
    uint8_t refuse_write; /* code, 0: taken */
};

struct peer {
    struct peer_attribute attributes[PEER_ATTRIBUTES_MAX];
    size_t count;
    uint16_t mtu; /* 0: does not know the request */
    uint16_t agreed;
    unsigned asked[256];  /* by opcode */
    uint16_t written[16]; /* handles, in order */
    size_t writes;
    uint8_t last_value[ATT_VALUE_MAX];
    size_t last_len;
};

#define UUID_PAIRING_SERVICE "a92ee100-5501-11e4-916c-0800200c9a66"
#define UUID_PAIRING         "a92ee101-5501-11e4-916c-0800200c9a66"
#define UUID_SERVICE         "a92ee200-5501-11e4-916c-0800200c9a66"
#define UUID_PLAIN           "a92ee201-5501-11e4-916c-0800200c9a66"
#define UUID_SECRET          "a92ee202-5501-11e4-916c-0800200c9a66"

#define INDICATES (ATT_PROPERTY_WRITE | ATT_PROPERTY_INDICATE)

static inline struct ble_gatt_wants peer_wants(void)
{
    static const char *const uuids[WANT_COUNT][2] = {
        [WANT_PAIRING] = { UUID_PAIRING_SERVICE, UUID_PAIRING },
        [WANT_PLAIN] = { UUID_SERVICE, UUID_PLAIN },
        [WANT_SECRET] = { UUID_SERVICE, UUID_SECRET },
    };
    struct ble_gatt_wants wants = { .count = WANT_COUNT };

    for (size_t i = 0; i < WANT_COUNT; i++) {
        wants.at[i].subscribe = BLE_GATT_SUBSCRIBE_INDICATE;
        assert_int_equal(att_uuid_parse(uuids[i][0], &wants.at[i].service), 0);
        assert_int_equal(att_uuid_parse(uuids[i][1], &wants.at[i].uuid), 0);
    }
    return wants;
}

/* A lock as most are: handles from first on. */
static inline struct peer peer_lock(uint16_t first)
{
    const struct peer_attribute lock[] = {
        { first, ATT_TYPE_PRIMARY_SERVICE, first + 4, "1800", 0, 0 },
        { first + 1, ATT_TYPE_CHARACTERISTIC, 0, "2a00", ATT_PROPERTY_READ, 0 },
        { first + 2, 0, 0, "2a00", 0, 0 },
        { first + 5, ATT_TYPE_PRIMARY_SERVICE, first + 8, UUID_PAIRING_SERVICE, 0, 0 },
        { first + 6, ATT_TYPE_CHARACTERISTIC, 0, UUID_PAIRING, INDICATES, 0 },
        { first + 7, 0, 0, UUID_PAIRING, 0, 0 },
        { first + 8, ATT_TYPE_CCCD, 0, NULL, 0, 0 },
        { first + 9, ATT_TYPE_PRIMARY_SERVICE, first + 20, UUID_SERVICE, 0, 0 },
        { first + 10, ATT_TYPE_CHARACTERISTIC, 0, UUID_PLAIN, INDICATES, 0 },
        { first + 11, 0, 0, UUID_PLAIN, 0, 0 },
        { first + 12, 0x2901, 0, NULL, 0, 0 },
        { first + 13, ATT_TYPE_CCCD, 0, NULL, 0, 0 },
        { first + 14, ATT_TYPE_CHARACTERISTIC, 0, UUID_SECRET, INDICATES, 0 },
        { first + 15, 0, 0, UUID_SECRET, 0, 0 },
        { first + 16, ATT_TYPE_CCCD, 0, NULL, 0, 0 },
    };
    struct peer peer = { .count = sizeof(lock) / sizeof(lock[0]),
                         .mtu = PEER_MTU,
                         .agreed = ATT_MTU_DEFAULT };

    memcpy(peer.attributes, lock, sizeof(lock));
    return peer;
}

static inline struct peer_attribute *peer_find(struct peer *peer, uint16_t handle)
{
    for (size_t i = 0; i < peer->count; i++)
        if (peer->attributes[i].handle == handle)
            return &peer->attributes[i];
    return NULL;
}

static inline size_t peer_uuid(const char *text, uint8_t bytes[static ATT_UUID_BYTES])
{
    struct att_uuid uuid;

    assert_int_equal(att_uuid_parse(text, &uuid), 0);
    return att_uuid_put(&uuid, bytes);
}

static inline struct att_pdu peer_error(const struct att_pdu *request, uint16_t handle, uint8_t code)
{
    return (
        struct att_pdu){ .opcode = ATT_ERROR, .request = request->opcode, .handle = handle, .code = code };
}

/* Whether an attribute is what a listing asks for, and its entry. */
static inline bool peer_lists(const struct peer_attribute *attribute, const struct att_pdu *request,
                              uint8_t value[static 3 + ATT_UUID_BYTES], struct att_entry *ret_entry)
{
    struct att_entry entry = { .handle = attribute->handle, .end = attribute->end, .value = value };

    if (attribute->handle < request->first || attribute->handle > request->last)
        return false;
    if (request->opcode == ATT_FIND_INFO_REQUEST) {
        if (attribute->type != 0)
            entry.uuid = att_uuid_16(attribute->type);
        else
            assert_int_equal(att_uuid_parse(attribute->uuid, &entry.uuid), 0);
    } else if (request->opcode == ATT_FIND_VALUE_REQUEST) {
        if (attribute->type != ATT_TYPE_PRIMARY_SERVICE ||
            peer_uuid(attribute->uuid, value) != request->len ||
            memcmp(value, request->value, request->len) != 0)
            return false;
    } else {
        if (attribute->type != ATT_TYPE_CHARACTERISTIC)
            return false;
        value[0] = attribute->properties;
        value[1] = (uint8_t)(attribute->handle + 1);
        value[2] = (uint8_t)((attribute->handle + 1) >> 8);
        entry.len = 3 + peer_uuid(attribute->uuid, value + 3);
    }
    *ret_entry = entry;
    return true;
}

static inline struct att_pdu peer_list(const struct peer *peer, const struct att_pdu *request,
                                       uint8_t list_bytes[static ATT_MTU_MAX])
{
    struct att_pdu list = { .opcode = (uint8_t)(request->opcode + 1) };

    if (request->first == 0 || request->first > request->last)
        return peer_error(request, request->first, ATT_ERROR_INVALID_HANDLE);
    for (size_t i = 0; i < peer->count; i++) {
        uint8_t value[3 + ATT_UUID_BYTES];
        struct att_entry entry;

        if (peer_lists(&peer->attributes[i], request, value, &entry) &&
            !att_entry_add(&list, list_bytes, peer->agreed, &entry))
            break;
    }
    return list.len > 0 ? list : peer_error(request, request->first, ATT_ERROR_NOT_FOUND);
}

static inline struct att_pdu peer_write(struct peer *peer, const struct att_pdu *request)
{
    const struct peer_attribute *attribute = peer_find(peer, request->handle);

    if (!attribute)
        return peer_error(request, request->handle, ATT_ERROR_INVALID_HANDLE);
    if (attribute->refuse_write != 0)
        return peer_error(request, request->handle, attribute->refuse_write);
    peer->written[peer->writes++ % 16] = request->handle;
    memcpy(peer->last_value, request->value, request->len);
    peer->last_len = request->len;
    return (struct att_pdu){ .opcode = ATT_WRITE_RESPONSE };
}

/* What the peer answers to a PDU of the client: its length, 0 for nothing. */
static inline size_t peer_answer(struct peer *peer, const uint8_t bytes[], size_t len,
                                 uint8_t ret_bytes[static ATT_MTU_MAX])
{
    uint8_t list_bytes[ATT_MTU_MAX];
    struct att_pdu pdu, answer;

    assert_int_equal(att_parse(bytes, len, &pdu), 0);
    assert_true(len <= peer->agreed);
    peer->asked[pdu.opcode]++;
    if (pdu.opcode == ATT_WRITE_COMMAND)
        (void)peer_write(peer, &pdu);
    if (!att_is_request(pdu.opcode))
        return 0;
    if (pdu.opcode == ATT_MTU_REQUEST && peer->mtu != 0) {
        answer = (struct att_pdu){ .opcode = ATT_MTU_RESPONSE, .mtu = peer->mtu };
        peer->agreed = peer->mtu < pdu.mtu ? peer->mtu : pdu.mtu;
    } else if (pdu.opcode == ATT_WRITE_REQUEST) {
        answer = peer_write(peer, &pdu);
    } else if (pdu.opcode == ATT_MTU_REQUEST) {
        answer = peer_error(&pdu, 0, ATT_ERROR_NOT_SUPPORTED);
    } else {
        answer = peer_list(peer, &pdu, list_bytes);
    }
    return att_format(&answer, ret_bytes);
}
