/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_link.h: the link to one lock: when it connects, when it lets go, and what comes over it.
 *
 * A link is told how much it is wanted. When it is, it waits for the radio (ble_radio.h), connects, sets up
 * (ble_gatt.h) and is ready. What fails is tried again as long as the link is wanted, after a rest that
 * doubles from BLE_LINK_REST_MIN_MS; it stays short while a person waits. A link that is not wanted any more
 * is dropped after its idle time, or kept by a rule: warm links answer faster, and cost the lock's battery.
 *
 * Descriptors are read without waiting, one PDU at a turn, so that no peer takes the turns of the others.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "gateway/base/clock.h"
#include "hal/ble/ble_gatt.h"
#include "proto/ble_address.h"

/* Rest before a peer is tried again. A link that was closed is not opened at once: the controller still has
 * it and says that it is busy. */
#define BLE_LINK_REST_MIN_MS    500
#define BLE_LINK_REST_PERSON_MS 2000
#define BLE_LINK_REST_MAX_MS    60000

/* How long a connect may take, from the radio's permission on, and getting ready. */
#define BLE_LINK_CONNECT_MS 10000
#define BLE_LINK_SETUP_MS   10000

enum ble_link_urgency {
    BLE_LINK_UNWANTED,
    BLE_LINK_BACKGROUND, /* a heartbeat, or kept warm */
    BLE_LINK_PERSON,     /* somebody stands at the door */
};

enum ble_link_state {
    BLE_LINK_IDLE,
    BLE_LINK_RESTING, /* wanted, and not yet to be tried again */
    BLE_LINK_WAITING, /* for the radio */
    BLE_LINK_CONNECTING,
    BLE_LINK_SETUP, /* connected: MTU, handles, subscriptions */
    BLE_LINK_READY,
};

/* How connections are made: a seam, so that tests bring their own. */
struct ble_connector {
    void *self;
    /* Begins to connect: the descriptor becomes writable when it is done. Returns 0 or a negative errno;
     * -EBUSY and -EAGAIN are no fault of the peer's. */
    int (*connect)(void *self, const struct ble_address *peer, int *ret_fd);
};

struct ble_link_rule {
    bool warm;       /* never let go */
    int64_t idle_ms; /* else: how long after it was last of use */
};

/* Since the start. */
struct ble_link_counts {
    int64_t connects; /* that worked */
    int64_t connect_failures;
    int64_t discoveries;
    int64_t cached; /* setups without one */
    int64_t ready;
    int64_t lost; /* ready, and then gone without our doing */
    int64_t busy; /* the controller was */
    int64_t timeouts;
    int64_t malformed; /* also out of turn */
    int64_t yielded;   /* connects given up for a person at another door */
    int64_t values;
    int64_t writes;
};

struct ble_link {
    struct ble_address peer;
    struct ble_connector connector;
    struct ble_link_rule rule;
    const struct ble_gatt_wants *wants; /* borrowed */
    struct ble_gatt_cache cache;        /* the caller may set it while the link is idle, and read it */

    enum ble_link_state state;
    enum ble_link_urgency wanted; /* by the caller; the rule may add to it */
    int fd;
    int64_t since_us; /* in this state */
    int64_t used_us;  /* last */
    int64_t rest_until_us;
    int64_t rest_ms;    /* the next one */
    const char *reason; /* why it was closed last, a word; NULL: never */
    int64_t connect_us; /* what the last connect and setup took */
    int64_t setup_us;
    struct ble_gatt gatt;
    struct ble_link_counts counts;
    uint8_t bytes[ATT_MTU_MAX + 1]; /* received last; one more shows what is too long */
};

enum ble_link_news {
    BLE_LINK_QUIET,    /* nothing is left to be done now */
    BLE_LINK_BUSY,     /* something was done that is not worth telling */
    BLE_LINK_IS_READY, /* cache, connect_us, setup_us are new */
    BLE_LINK_VALUE,    /* want, value: an indication or notification */
    BLE_LINK_WRITTEN,  /* want */
    BLE_LINK_REFUSED,  /* want, reason: that write was refused, and not carried out */
    BLE_LINK_CLOSED,   /* reason: could not connect, or was lost; the link tries again while it is wanted.
                        * "idle": let go. Writes without answer may have been carried out */
};

struct ble_link_report {
    enum ble_link_news news;
    size_t want;
    const uint8_t *value; /* until the next turn */
    size_t len;
    const char *reason;
};

/* Idle. wants is borrowed; the cache is empty. */
void ble_link_init(struct ble_link *link, const struct ble_address *peer, const struct ble_gatt_wants *wants,
                   struct ble_link_rule rule, struct ble_connector connector);

/* Closes its descriptor. */
void ble_link_finish(struct ble_link *link);

/* How much it is wanted from now on. */
void ble_link_want(struct ble_link *link, enum ble_link_urgency urgency, int64_t now_us);

/* An advert of the peer was heard: it is there, so a rest makes no sense. */
void ble_link_heard(struct ble_link *link, int64_t now_us);

/* One bounded step: at most one PDU. Is called until it says QUIET, or a few times for each link in turn,
 * whenever the descriptor has something, ble_link_due_us() is over, or after any other call. */
void ble_link_turn(struct ble_link *link, int64_t now_us, struct ble_link_report *ret_report);

/* What to poll the descriptor for, and until when; fd -1: nothing. INT64_MAX: never. */
int ble_link_fd(const struct ble_link *link, short *ret_events);
int64_t ble_link_due_us(const struct ble_link *link);

/* As in ble_gatt.h, when READY. */
bool ble_link_has(const struct ble_link *link, size_t want);
int ble_link_write(struct ble_link *link, size_t want, const uint8_t value[], size_t len,
                   int64_t now_us) must_check;
int ble_link_command(struct ble_link *link, size_t want, const uint8_t value[], size_t len,
                     int64_t now_us) must_check;

/* Closes, for reason (a literal), which is told by the next turn: the peer talks nonsense, or does not
 * answer. distrust: the cached handles may be to blame, and are dropped. */
void ble_link_close(struct ble_link *link, const char *reason, bool distrust, int64_t now_us);

/* For ble_radio.h. The state is WAITING: connect now. */
void ble_link_connect(struct ble_link *link, int64_t now_us);

/* The state is CONNECTING: give up for somebody else, without blame. */
void ble_link_yield(struct ble_link *link, int64_t now_us);

/* What it counts as for the radio: the caller's wish and the rule. */
enum ble_link_urgency ble_link_urgency(const struct ble_link *link);

/* "idle", "resting", "waiting", "connecting", "setup", "ready". */
const char *ble_link_state_name(enum ble_link_state state);
