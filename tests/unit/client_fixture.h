/* SPDX-License-Identifier: GPL-3.0-or-later */
/* client_fixture.h: a GATT client and a server in one function: what one puts out, the other takes. */
#pragma once

#include <errno.h>

#include "gateway/base/clock.h"
#include "tests/unit/gatt_fixture.h"

#define FIRST_HANDLE 0x10
#define SECRET_VALUE (FIRST_HANDLE + 15)
#define SECRET_CCCD  (FIRST_HANDLE + 16)
#define PLAIN_CCCD   (FIRST_HANDLE + 13)

struct fixture {
    struct ble_gatt_wants wants;
    struct ble_gatt_cache cache;
    struct peer peer;
    struct ble_gatt gatt;
    struct ble_gatt_report report; /* the last that told something */
    unsigned told;
    int64_t now_us;
};

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->wants = peer_wants();
    f->peer = peer_lock(FIRST_HANDLE);
    f->now_us = USEC_PER_SEC;
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    free(*state);
    return 0;
}

static inline void receive(struct fixture *f, const uint8_t bytes[], size_t len)
{
    struct ble_gatt_report report;

    ble_gatt_receive(&f->gatt, bytes, len, &report);
    if (report.news == BLE_GATT_NOTHING)
        return;
    f->report = report;
    f->told++;
}

static inline void receive_pdu(struct fixture *f, const struct att_pdu *pdu)
{
    static uint8_t bytes[ATT_MTU_MAX]; /* reports refer to it */

    receive(f, bytes, att_format(pdu, bytes));
}

/* Lets both talk until there is nothing to say. */
static inline void exchange(struct fixture *f)
{
    uint8_t answer[ATT_MTU_MAX];
    const uint8_t *bytes;
    size_t len;

    while ((bytes = ble_gatt_output(&f->gatt, &len))) {
        size_t answer_len = peer_answer(&f->peer, bytes, len, answer);

        ble_gatt_sent(&f->gatt, f->now_us);
        if (answer_len > 0)
            receive(f, answer, answer_len);
    }
}

static inline void start(struct fixture *f, unsigned uses)
{
    ble_gatt_start(&f->gatt, &f->wants, uses, &f->cache);
    f->peer.agreed = ATT_MTU_DEFAULT;
    memset(f->peer.asked, 0, sizeof(f->peer.asked));
    f->peer.writes = 0;
    f->told = 0;
    exchange(f);
}

static inline void assert_ready(const struct fixture *f)
{
    assert_int_equal(f->report.news, BLE_GATT_IS_READY);
    assert_int_equal(f->gatt.state, BLE_GATT_READY);
    assert_int_equal(f->told, 1);
}

static inline void assert_broke(const struct fixture *f, const char *reason)
{
    assert_int_equal(f->report.news, BLE_GATT_BROKE);
    assert_string_equal(f->report.reason, reason);
    assert_int_equal(f->gatt.state, BLE_GATT_BROKEN);
}

static inline unsigned looks(const struct fixture *f)
{
    const unsigned *asked = f->peer.asked;

    return asked[ATT_FIND_VALUE_REQUEST] + asked[ATT_READ_TYPE_REQUEST] + asked[ATT_FIND_INFO_REQUEST] +
           asked[ATT_READ_GROUP_REQUEST];
}
