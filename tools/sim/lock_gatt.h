/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lock_gatt.h: a lock's GATT server (Core Specification, Vol 3, Parts F and G): its table of attributes, the
 * requests that a client may make, and the values that it indicates, one at a time. Pure: PDUs and the time
 * go in, PDUs come out.
 *
 *   Generic Access   name, appearance
 *   Generic Attribute   service changed
 *   a92ee100 pairing   a92ee101: write, indicate
 *   a92ee200 keyturner   a92ee201 and a92ee202: write, indicate
 *
 * Handles are counted from 1 on; those of Nuki's services by `shift` further on, as new firmware would do.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "proto/att.h"

/* Values that wait for their indications: as many as a log has entries, and what an action tells. */
#define LOCK_GATT_QUEUE_MAX 80
#define LOCK_GATT_VALUE_MAX 256

#define LOCK_GATT_NAME_SIZE 32
#define LOCK_GATT_MTU       247

enum lock_io {
    LOCK_IO_CHANGED, /* service changed */
    LOCK_IO_PAIRING, /* a92ee101, plain */
    LOCK_IO_PLAIN,   /* a92ee201 */
    LOCK_IO_SECRET,  /* a92ee202 */
    LOCK_IOS,
};

enum lock_gatt_event {
    LOCK_GATT_MTU_AGREED,
    LOCK_GATT_DISCOVERY,  /* a client looks for services: once a connection */
    LOCK_GATT_SUBSCRIBED, /* or not any more */
    LOCK_GATT_TOLD,       /* a value's last piece was confirmed; label */
    LOCK_GATT_OFFENCE,    /* the client broke a rule of the protocol */
    LOCK_GATT_DEAD,       /* no confirmation in 30 s: the link must end */
};

/* Its owner. send: one PDU. written: a whole write, to be told of after its response was sent. */
struct lock_gatt_user {
    void (*send)(void *userdata, const uint8_t pdu[], size_t len);
    void (*written)(void *userdata, enum lock_io io, const uint8_t value[], size_t len);
    void (*event)(void *userdata, enum lock_gatt_event event, enum lock_io io, const char *text);
    void *userdata;
};

struct lock_gatt_value {
    enum lock_io io;
    const char *label; /* borrowed; for LOCK_GATT_TOLD */
    size_t len;
    uint8_t bytes[LOCK_GATT_VALUE_MAX];
};

struct lock_gatt {
    struct lock_gatt_user user;
    char name[LOCK_GATT_NAME_SIZE];
    uint16_t shift;
    uint16_t mtu_offered;
    uint16_t mtu;
    uint16_t cccd[LOCK_IOS];
    bool discovered;
    bool wants_confirmation;
    int64_t expires_us; /* the confirmation */
    struct lock_gatt_value queue[LOCK_GATT_QUEUE_MAX];
    size_t queued;
    size_t first;          /* of the ring */
    size_t sent;           /* bytes of the first value that are on their way or there */
    enum lock_io prepared; /* where prepared_bytes go; LOCK_IOS: nowhere yet */
    uint8_t prepared_bytes[ATT_VALUE_MAX];
    size_t prepared_len;
};

void lock_gatt_init(struct lock_gatt *gatt, const char *name, const struct lock_gatt_user *user);

/* A new connection, which knows nothing of the last one. */
void lock_gatt_begin(struct lock_gatt *gatt);

/* Takes one PDU of the client. */
void lock_gatt_receive(struct lock_gatt *gatt, int64_t now_us, const uint8_t bytes[], size_t len);

/* Indicates a copy of a value, in pieces of the MTU, each after the one before was confirmed. Nothing is sent
 * to a client that did not subscribe. Returns 0, -ENOTCONN: did not subscribe, or -ENOBUFS: the queue or the
 * value is too long. */
int lock_gatt_indicate(struct lock_gatt *gatt, int64_t now_us,
                       const struct lock_gatt_value *value) must_check;

/* Sends pieces without waiting for confirmations, which is forbidden. */
void lock_gatt_storm(struct lock_gatt *gatt, enum lock_io io, const uint8_t bytes[], size_t len);

/* What is due happens. Returns the time of the next thing, or INT64_MAX. */
int64_t lock_gatt_turn(struct lock_gatt *gatt, int64_t now_us);

/* The handle of a characteristic's value, and of what stands behind it to subscribe. */
uint16_t lock_gatt_handle(const struct lock_gatt *gatt, enum lock_io io);
uint16_t lock_gatt_cccd(const struct lock_gatt *gatt, enum lock_io io);
