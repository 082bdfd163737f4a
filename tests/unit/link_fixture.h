/* SPDX-License-Identifier: GPL-3.0-or-later */
/* link_fixture.h: a lock at the other end of a socket pair, and a connector that brings it. Time is a number
 * that a test moves. */
#pragma once

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "hal/ble/ble_link.h"
#include "tests/unit/gatt_fixture.h"

#define FIRST_HANDLE 0x10
#define SECRET_VALUE (FIRST_HANDLE + 15)
#define SECRET_CCCD  (FIRST_HANDLE + 16)

/* Turns of one link that no test needs more of. */
#define TURNS_MAX 200

struct lock {
    struct ble_gatt_wants wants;
    struct ble_link link;
    struct peer peer;
    int fd;                        /* its end, -1: not connected */
    int refuse;                    /* negative errno for the next connects, 0: none */
    bool silent;                   /* does not answer connects: the descriptor does not become writable */
    unsigned connects;             /* asked of the radio */
    struct ble_link_report report; /* last, QUIET and BUSY apart */
    unsigned told[BLE_LINK_CLOSED + 1];
};

/* Fills our end until it is not writable any more: to the link, a connect that is under way. */
static inline void stuff(int fd)
{
    static const uint8_t byte;

    while (send(fd, &byte, 1, MSG_DONTWAIT) == 1)
        ;
}

static inline int lock_connect(void *self, const struct ble_address *peer, int *ret_fd)
{
    struct lock *lock = self;
    int pair[2];

    lock->connects++;
    if (lock->refuse != 0)
        return lock->refuse;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    if (lock->fd >= 0)
        close(lock->fd);
    lock->fd = pair[1];
    lock->peer.agreed = ATT_MTU_DEFAULT;
    if (lock->silent)
        stuff(pair[0]);
    *ret_fd = pair[0];
    return 0;
}

static inline void lock_init(struct lock *lock, struct ble_link_rule rule)
{
    const struct ble_address address = { .bytes = { 1, 2, 3, 4, 5, 6 } };

    *lock = (struct lock){ .wants = peer_wants(), .peer = peer_lock(FIRST_HANDLE), .fd = -1 };
    ble_link_init(&lock->link, &address, &lock->wants, rule,
                  (struct ble_connector){ .self = lock, .connect = lock_connect });
}

static inline void lock_finish(struct lock *lock)
{
    ble_link_finish(&lock->link);
    if (lock->fd >= 0)
        close(lock->fd);
}

static inline void lock_send(struct lock *lock, const struct att_pdu *pdu)
{
    uint8_t bytes[ATT_MTU_MAX];
    size_t len = att_format(pdu, bytes);

    assert_int_equal(send(lock->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL), len);
}

/* The lock answers what came. Returns whether something did. */
static inline bool lock_answer(struct lock *lock)
{
    uint8_t bytes[ATT_MTU_MAX], answer[ATT_MTU_MAX];
    ssize_t n = lock->fd >= 0 && !lock->silent ? recv(lock->fd, bytes, sizeof(bytes), MSG_DONTWAIT) : -1;

    if (n <= 0)
        return false;
    size_t len = peer_answer(&lock->peer, bytes, (size_t)n, answer);

    if (len > 0)
        assert_int_equal(send(lock->fd, answer, len, MSG_DONTWAIT | MSG_NOSIGNAL), len);
    return true;
}

static inline void lock_hang_up(struct lock *lock)
{
    close(lock->fd);
    lock->fd = -1;
}

/* One turn. Returns whether there was something to do. */
static inline bool lock_turn(struct lock *lock, int64_t now_us)
{
    struct ble_link_report report;

    ble_link_turn(&lock->link, now_us, &report);
    if (report.news == BLE_LINK_QUIET)
        return false;
    lock->told[report.news]++;
    if (report.news != BLE_LINK_BUSY)
        lock->report = report;
    return true;
}

/* Link and lock go on until both are quiet. */
static inline void lock_settle(struct lock *lock, int64_t now_us)
{
    unsigned turns = 0;

    while (lock_turn(lock, now_us) || lock_answer(lock))
        assert_true(++turns < TURNS_MAX);
}
