/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_link.h: the link to one lock: when it connects, when it lets go, and what comes over it.
 *
 * A link is told how much it is wanted, and for what. When it is, it waits for the radio (ble_radio.h),
 * connects, sets up (ble_gatt.h) and is ready. What fails is tried again as long as the link is wanted, after
 * a rest that doubles from BLE_LINK_REST_MIN_MS on; it stays short while a person waits. A link that is not
 * wanted any more is dropped after its idle time, or kept by a rule: warm links answer faster, and cost the
 * lock's battery.
 *
 * Nothing here waits, and a turn takes at most one PDU, so no peer takes the turns of the others.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "hal/ble/ble_gatt.h"
#include "proto/ble_address.h"

/* Rest before a peer is tried again, even after a link that ended well: the controller has it for a while
 * longer, and says that it is busy. */
#define BLE_LINK_REST_MIN_MS    500
#define BLE_LINK_REST_PERSON_MS 2000
#define BLE_LINK_REST_MAX_MS    60000

/* How long a connect may take, and getting ready. A lock that is there advertises several times a second. */
#define BLE_LINK_CONNECT_MS        4000
#define BLE_LINK_CONNECT_PERSON_MS 10000
#define BLE_LINK_SETUP_MS          10000

/* The reason of a link that was closed for another one's sake. */
#define BLE_LINK_MADE_ROOM "made_room"

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
    /* Begins to connect: the descriptor, as in ble_socket.h, becomes writable when that is over, and is the
     * link's. Returns 0 or a negative errno. */
    int (*connect)(void *self, const struct ble_address *peer, int *ret_fd);
};

struct ble_link_rule {
    bool warm;       /* always BACKGROUND at least */
    int64_t idle_ms; /* else: how long it is kept after its last use */
    unsigned uses;   /* what for, until told otherwise: a bit for each want, as in ble_gatt_start() */
};

/* Since the start. */
struct ble_link_counts {
    int64_t connects; /* that worked */
    int64_t failures; /* connects and setups that did not */
    int64_t busy;     /* of these: the controller was, or somebody else has the lock's ATT */
    int64_t yielded;  /* connects given up for another door */
    int64_t discoveries;
    int64_t lost;     /* ready, and then gone or of no use */
    int64_t timeouts; /* of transactions */
    int64_t broken;   /* connections that the peer made no use of: malformed, out of turn, no handles */
    int64_t values;
    int64_t writes; /* that the peer took */
};

struct ble_link {
    struct ble_address peer;
    struct ble_connector connector;
    struct ble_link_rule rule;
    const struct ble_gatt_wants *wants; /* borrowed */
    struct ble_gatt_cache cache;        /* may be set after init, and read when IS_READY was reported */

    enum ble_link_state state;
    enum ble_link_urgency wanted; /* by the caller; the rule may add to it */
    unsigned uses;
    int fd;           /* -1: none */
    int64_t since_us; /* in this state */
    int64_t used_us;  /* last */
    int64_t closed_us;
    int64_t rest_us;    /* until then */
    int64_t rest_ms;    /* how long the rest after the next failure is */
    const char *reason; /* why it was closed last, a word; NULL: never */
    bool untold;        /* that it was */
    bool unreached;     /* by the last attempt to connect */
    bool crowded_out;   /* the controller had no room for it in that */
    bool heard;         /* a value, in this connection */
    int64_t connect_us; /* what the last connect took, and the last setup */
    int64_t setup_us;
    struct ble_gatt gatt;
    struct ble_link_counts counts;
    uint8_t bytes[ATT_MTU_MAX + 1]; /* received last; one more shows what is too long */
};

enum ble_link_news {
    BLE_LINK_QUIET,    /* nothing is left to be done now */
    BLE_LINK_BUSY,     /* something was done that is not worth telling */
    BLE_LINK_IS_READY, /* cache, connect_us and setup_us are new */
    BLE_LINK_VALUE,    /* want, value: an indication or notification */
    BLE_LINK_WRITTEN,  /* want: the peer has taken the oldest write */
    BLE_LINK_REFUSED,  /* want, reason: it has refused it, and did not carry it out */
    BLE_LINK_CLOSED, /* reason: could not connect, was lost, or let go ("idle", "made_room"). Writes that were
                      * neither WRITTEN nor REFUSED may have been carried out. Tries again while it is wanted
                      */
};

struct ble_link_report {
    enum ble_link_news news;
    size_t want;
    const uint8_t *value; /* until the next turn */
    size_t len;
    const char *reason; /* a static word */
};

/* Idle, with an empty cache. wants is borrowed. */
void ble_link_init(struct ble_link *link, const struct ble_address *peer, const struct ble_gatt_wants *wants,
                   struct ble_link_rule rule, struct ble_connector connector);

/* Closes its descriptor. */
void ble_link_finish(struct ble_link *link);

/* How much it is wanted from now on, and what for (UNWANTED: no matter). A connection that does not have all
 * of uses is closed ("other_use") and made anew. */
void ble_link_want(struct ble_link *link, enum ble_link_urgency urgency, unsigned uses, int64_t now_us);

/* An advertisement of the peer was heard: if it rests because it was not reached, there is no need for that
 * any more. */
void ble_link_heard(struct ble_link *link);

/* One bounded step. Is called a few times for each link in turn until it says QUIET, whenever its descriptor
 * has something, ble_link_due_us() is over, or another function was called. */
void ble_link_turn(struct ble_link *link, int64_t now_us, struct ble_link_report *ret_report);

/* The descriptor and what to poll it for; -1: none. */
int ble_link_fd(const struct ble_link *link, short *ret_events);

/* When a turn is due although nothing happens; INT64_MAX: never. */
int64_t ble_link_due_us(const struct ble_link *link);

/* As in ble_gatt.h. */
int ble_link_write(struct ble_link *link, size_t want, const uint8_t value[], size_t len,
                   int64_t now_us) must_check;
int ble_link_command(struct ble_link *link, size_t want, const uint8_t value[], size_t len,
                     int64_t now_us) must_check;
bool ble_link_may_recall(const struct ble_link *link);

/* Closes a link that is connected or connecting, for reason, a static word: the peer talks nonsense or is
 * silent. CLOSED follows. If no value ever came to a cached handle, it may be another's by now: the handles
 * are found anew. */
void ble_link_close(struct ble_link *link, const char *reason, int64_t now_us);

/* How much it is wanted, by the caller or by its rule. */
enum ble_link_urgency ble_link_urgency(const struct ble_link *link);

/* For ble_radio.h. WAITING: connect now. CONNECTING: give up for somebody else, without blame. With a
 * descriptor: make room, CLOSED ("made_room") follows. */
void ble_link_connect(struct ble_link *link, int64_t now_us);
void ble_link_yield(struct ble_link *link, int64_t now_us);
void ble_link_let_go(struct ble_link *link, int64_t now_us);
