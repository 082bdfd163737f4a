/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hostile_fixture.h: a lock that does what bytes tell it to: it answers well, spoils its answers, says
 * whatever it likes, falls silent, hangs up. Whatever it does, the link stays within its bounds and its
 * states, and connects again. For the fuzz target and for a campaign of random bytes.
 */
#pragma once

#include <assert.h>

#include "tests/unit/link_fixture.h"

/* A script's steps: one byte says what, and how much. */
enum {
    STEP_SAY = 0x00,    /* the next n bytes, n = 0 to 63, as a PDU */
    STEP_SPOIL = 0x40,  /* the right answer, with one byte changed: two more bytes say which and how */
    STEP_ANSWER = 0x80, /* the right answer */
    STEP_WRITE = 0xc0,  /* our side writes n bytes, n = 0 to 31 */
    STEP_PASS = 0xe0,   /* n seconds, n = 0 to 15 */
    STEP_HANG_UP = 0xf0,
    STEP_OVERSIZED = 0xf1,
    STEP_FLOOD = 0xf2, /* as many indications as there is room for */
    STEP_LONG = 0xf3,  /* an indication that fits into the longest PDU, and whose value is too long */
};

struct hostile {
    struct lock lock;
    const uint8_t *script;
    size_t left;
    int64_t now_us;
    unsigned said; /* PDUs */
    unsigned ready;
};

/* The bytes of a script that a step takes, as many as there are. */
static inline size_t hostile_take(struct hostile *h, size_t wanted, const uint8_t **ret_bytes)
{
    size_t len = wanted < h->left ? wanted : h->left;

    *ret_bytes = h->script;
    h->script += len;
    h->left -= len;
    return len;
}

/* What must hold whatever came. */
static inline void hostile_check(const struct hostile *h, const struct ble_link_report *report)
{
    const struct ble_link *link = &h->lock.link;
    bool connected = link->state >= BLE_LINK_CONNECTING;

    assert(connected == (link->fd >= 0));
    assert(report->want < WANT_COUNT);
    assert(link->gatt.writes <= BLE_GATT_WRITES_MAX);
    assert(link->gatt.mtu <= ATT_MTU_MAX);
    switch (report->news) {
    case BLE_LINK_QUIET:
    case BLE_LINK_BUSY:
        break;
    case BLE_LINK_IS_READY:
        assert(link->cache.known && link->cache.at[WANT_SECRET].value != 0);
        break;
    case BLE_LINK_VALUE:
        assert(link->state == BLE_LINK_READY && report->want == WANT_SECRET);
        assert(report->len <= ATT_VALUE_MAX && report->value >= link->bytes);
        assert(report->value + report->len <= link->bytes + sizeof(link->bytes));
        break;
    case BLE_LINK_WRITTEN:
        assert(report->want == WANT_SECRET);
        break;
    case BLE_LINK_REFUSED:
    case BLE_LINK_CLOSED:
        assert(report->reason && report->reason[0] != '\0');
        break;
    }
}

/* Our side goes on until it is quiet; the lock does nothing. */
static inline void hostile_settle(struct hostile *h)
{
    struct ble_link_report report;

    for (unsigned turns = 0;; turns++) {
        assert(turns < 4096); /* no peer keeps us busy by what it said once */
        if (h->lock.link.state == BLE_LINK_WAITING)
            ble_link_connect(&h->lock.link, h->now_us);
        enum ble_link_state before = h->lock.link.state;

        ble_link_turn(&h->lock.link, h->now_us, &report);
        hostile_check(h, &report);
        h->ready += report.news == BLE_LINK_IS_READY;
        if (report.news == BLE_LINK_QUIET && h->lock.link.state == before && before != BLE_LINK_WAITING)
            return;
    }
}

static inline void hostile_say(struct hostile *h, const uint8_t bytes[], size_t len)
{
    if (h->lock.fd >= 0 && send(h->lock.fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        h->said++;
}

/* Reads what came from us until something of it wants an answer. Returns its length. */
static inline size_t hostile_next_answer(struct hostile *h, uint8_t ret_answer[static ATT_MTU_MAX])
{
    uint8_t bytes[ATT_MTU_MAX];

    h->lock.peer.agreed = ATT_MTU_MAX; /* it may have told us anything */
    for (ssize_t n; h->lock.fd >= 0 && (n = recv(h->lock.fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0;) {
        size_t len = peer_answer(&h->lock.peer, bytes, (size_t)n, ret_answer);

        if (len > 0)
            return len;
    }
    return 0;
}

static inline void hostile_answer(struct hostile *h, bool spoil)
{
    uint8_t answer[ATT_MTU_MAX];
    const uint8_t *how;
    size_t how_len = spoil ? hostile_take(h, 2, &how) : 0;
    size_t len = hostile_next_answer(h, answer);

    if (len == 0)
        return;
    if (how_len == 2)
        answer[how[0] % len] ^= how[1];
    hostile_say(h, answer, len);
}

/* These do not count as said: they are all the same. */
static inline void hostile_flood(struct hostile *h)
{
    const uint8_t indication[] = { ATT_INDICATION, SECRET_VALUE, 0, 'x' };

    while (h->lock.fd >= 0 &&
           send(h->lock.fd, indication, sizeof(indication), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        ;
}

static inline void hostile_write(struct hostile *h, const uint8_t bytes[], size_t len, bool command)
{
    int r = command ? ble_link_command(&h->lock.link, WANT_SECRET, bytes, len, h->now_us)
                    : ble_link_write(&h->lock.link, WANT_SECRET, bytes, len, h->now_us);

    assert(r == 0 || r == BLE_GATT_E_FULL || h->lock.link.state != BLE_LINK_READY || r == -EMSGSIZE);
}

static inline void hostile_step(struct hostile *h, uint8_t step)
{
    static const uint8_t oversized[4 * ATT_MTU_MAX] = { ATT_INDICATION, SECRET_VALUE };
    const uint8_t *bytes;

    if (step < STEP_SPOIL) {
        size_t len = hostile_take(h, step, &bytes);

        hostile_say(h, bytes, len);
    } else if (step < STEP_WRITE) {
        hostile_answer(h, step < STEP_ANSWER);
    } else if (step < STEP_PASS) {
        size_t len = hostile_take(h, step & 0x1f, &bytes);

        hostile_write(h, bytes, len, step & 1);
    } else if (step < STEP_HANG_UP) {
        h->now_us += (step & 0x0f) * USEC_PER_SEC;
    } else if (step == STEP_OVERSIZED || step == STEP_LONG) {
        hostile_say(h, oversized, step == STEP_LONG ? ATT_MTU_MAX : sizeof(oversized));
    } else if (step == STEP_FLOOD) {
        hostile_flood(h);
    } else if (h->lock.fd >= 0) {
        lock_hang_up(&h->lock);
    }
}

/* A lock that has become well again is used as if nothing had been. */
static inline void hostile_heal(struct hostile *h)
{
    unsigned ready = h->ready;

    if (h->lock.fd >= 0)
        lock_hang_up(&h->lock);
    hostile_settle(h);
    for (int i = 0; i < 200 && h->ready == ready; i++) {
        hostile_answer(h, false);
        h->now_us += USEC_PER_SEC / 4;
        hostile_settle(h);
    }
    assert(h->ready > ready && h->lock.link.state == BLE_LINK_READY);
}

/* Returns how many PDUs the lock said. */
static inline unsigned hostile_run(const uint8_t script[], size_t len)
{
    struct hostile *h = calloc(1, sizeof(*h));

    assert(h);
    h->now_us = USEC_PER_SEC;
    h->script = script;
    h->left = len;
    lock_init(&h->lock, (struct ble_link_rule){ .idle_ms = 1000, .uses = USES_SECRET });
    ble_link_want(&h->lock.link, BLE_LINK_PERSON, USES_SECRET, h->now_us);
    hostile_settle(h);
    while (h->left > 0) {
        const uint8_t *step;

        (void)hostile_take(h, 1, &step);
        hostile_step(h, *step);
        hostile_settle(h);
    }
    hostile_heal(h);
    unsigned said = h->said;

    lock_finish(&h->lock);
    free(h);
    return said;
}
