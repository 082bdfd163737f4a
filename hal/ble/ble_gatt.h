/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_gatt.h: a GATT client as a state machine (Core Specification, Vol 3, Part G): PDUs and the time go in,
 * PDUs and reports come out. It has no descriptor; ble_link.h does the reading and writing.
 *
 * From its start on it agrees on an MTU, finds the wanted characteristics, or takes their handles from the
 * device's cache, and subscribes to those that are used: a subscription does not outlive its connection. Then
 * it is ready and writes what it is told to, one request at a time.
 *
 * Cached handles are proven by their first use. If the peer refuses to be subscribed to by one, the cache is
 * dropped and everything is found anew, once in a connection. If it is the first write that has no such
 * handle, the cache is dropped and the connection is of no use.
 *
 * A PDU that is malformed or comes out of turn, and a transaction of more than ATT_TRANSACTION_MS, fail the
 * connection: nothing is guessed. Indications are confirmed at once, whatever they are about; requests of the
 * peer are answered, since it may be client as well: with our MTU, else as not supported.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "proto/att.h"

#define BLE_GATT_WANTS_MAX 8

/* Writes that wait for their turn. */
#define BLE_GATT_WRITES_MAX 4

/* Requests that discovery may take: a peer cannot keep us looking for ever. */
#define BLE_GATT_LOOKS_MAX 128

/* How the peer is to tell of new values; the numbers are what is written to the CCCD. */
enum ble_gatt_subscribe {
    BLE_GATT_SUBSCRIBE_NONE = 0,
    BLE_GATT_SUBSCRIBE_NOTIFY = ATT_CCCD_NOTIFY,
    BLE_GATT_SUBSCRIBE_INDICATE = ATT_CCCD_INDICATE,
};

/* A characteristic. The caller knows it by its place in the list of wants. */
struct ble_gatt_want {
    struct att_uuid service; /* primary */
    struct att_uuid uuid;
    enum ble_gatt_subscribe subscribe;
};

struct ble_gatt_wants {
    size_t count;
    struct ble_gatt_want at[BLE_GATT_WANTS_MAX];
};

struct ble_gatt_handles {
    uint16_t value; /* 0: the device is without it */
    uint16_t cccd;  /* 0: nothing to subscribe to */
};

/* What is known of one device, for one list of wants. The caller keeps it, zeroed at first, and may store it:
 * whoever changes the wants zeroes it. */
struct ble_gatt_cache {
    bool known;
    struct ble_gatt_handles at[BLE_GATT_WANTS_MAX];
};

enum ble_gatt_state {
    BLE_GATT_IDLE, /* before the start */
    BLE_GATT_MTU,
    BLE_GATT_SERVICES,
    BLE_GATT_CHARACTERISTICS,
    BLE_GATT_DESCRIPTORS,
    BLE_GATT_SUBSCRIBING,
    BLE_GATT_READY,
    BLE_GATT_BROKEN,
};

enum ble_gatt_news {
    BLE_GATT_NOTHING,
    BLE_GATT_IS_READY, /* the cache has the handles */
    BLE_GATT_VALUE,    /* an indication or notification of want */
    BLE_GATT_WRITTEN,  /* the peer has taken the oldest write, which was to want */
    BLE_GATT_REFUSED,  /* the peer has refused it, for reason; the connection goes on */
    BLE_GATT_BROKE,    /* for reason: the connection is to be closed */
};

struct ble_gatt_report {
    enum ble_gatt_news news;
    size_t want;
    const uint8_t *value; /* VALUE: of the received bytes */
    size_t len;
    const char *reason; /* a word */
};

struct ble_gatt_write {
    size_t want;
    bool command;
    size_t len;
    uint8_t value[ATT_VALUE_MAX];
};

struct ble_gatt_range {
    uint16_t first; /* 0: there is none */
    uint16_t last;
};

struct ble_gatt {
    enum ble_gatt_state state;
    const struct ble_gatt_wants *wants; /* borrowed */
    unsigned uses;
    struct ble_gatt_cache *cache; /* borrowed */
    uint16_t mtu;
    bool from_cache; /* the handles in use are those of an earlier connection */
    bool proven;     /* and the peer took one of them in this one */
    size_t step;     /* which want is looked for, looked into or subscribed to */
    uint16_t cursor; /* where looking goes on, 0: at the beginning */
    unsigned looks;  /* requests that discovery took */
    struct ble_gatt_handles handles[BLE_GATT_WANTS_MAX];
    struct ble_gatt_range services[BLE_GATT_WANTS_MAX]; /* of each want's service */

    uint8_t pending;    /* opcode of the request that is to be answered, 0: none */
    int64_t expires_us; /* pending */
    size_t writes;      /* waiting; the first may be under way */
    size_t prepared;    /* bytes of the first that the peer holds, if it is too long for one PDU */
    struct ble_gatt_write queue[BLE_GATT_WRITES_MAX];

    size_t request_len; /* to be sent, 0: nothing */
    uint8_t request[ATT_MTU_MAX];
    size_t reply_len; /* to the peer's request or indication */
    uint8_t reply[ATT_MTU_MAX];
};

/* A connection is there. wants and cache are borrowed as long as it lasts. All wants are looked for, so that
 * the cache serves every connection; those of uses (bit i: want i) must be there, are subscribed to, and can
 * be written. */
void ble_gatt_start(struct ble_gatt *gatt, const struct ble_gatt_wants *wants, unsigned uses,
                    struct ble_gatt_cache *cache);

/* The next PDU to send, which stays the next one until ble_gatt_sent(); NULL: none. */
const uint8_t *ble_gatt_output(const struct ble_gatt *gatt, size_t *ret_len);
void ble_gatt_sent(struct ble_gatt *gatt, int64_t now_us);

/* Takes one PDU that came. What it is answered with must be sent before the next one is taken
 * (ble_gatt_may_receive()): who does not read is not read. */
bool ble_gatt_may_receive(const struct ble_gatt *gatt);
void ble_gatt_receive(struct ble_gatt *gatt, const uint8_t bytes[], size_t len,
                      struct ble_gatt_report *ret_report);

/* When ble_gatt_tick() is due; INT64_MAX: never. */
int64_t ble_gatt_due_us(const struct ble_gatt *gatt);
void ble_gatt_tick(struct ble_gatt *gatt, int64_t now_us, struct ble_gatt_report *ret_report);

/* Whether a characteristic can be written: READY, there, and used. */
bool ble_gatt_has(const struct ble_gatt *gatt, size_t want);

/* Queues a write, or a write without response, of a copy. WRITTEN or REFUSED follows for each write that is
 * no command. A write that is longer than the MTU allows goes in pieces, and is taken as a whole; a command
 * cannot. Returns 0, BLE_GATT_E_FULL, -ENOTCONN (not READY), -ENOENT (not there or not used), or -EMSGSIZE:
 * too long for a command, or longer than ATT_VALUE_MAX. */
#define BLE_GATT_E_FULL 1
int ble_gatt_write(struct ble_gatt *gatt, size_t want, const uint8_t value[], size_t len) must_check;
int ble_gatt_command(struct ble_gatt *gatt, size_t want, const uint8_t value[], size_t len) must_check;

/* Whether the oldest write was not given to the peer yet, or in part only: if the connection ends now, the
 * peer does not carry it out. */
bool ble_gatt_may_recall(const struct ble_gatt *gatt);
