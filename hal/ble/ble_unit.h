/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_unit.h: one lock of the driver: its orders, what else is to be done with it, and when its link is
 * wanted.
 *
 * One thing is done at a time. Orders come first, in their order; then the bolt that is to be thrown again
 * after a release, a look at the lock's states, its log, its clock. An order that is past its deadline is
 * never begun. What could not be asked of the lock for the link's sake is tried again on a new link before
 * the deadline; what may have been done is not: its outcome is unknown, and the lock is looked at.
 *
 * A lock is looked at when the driver starts, when its beacon says that something has happened, after what
 * went wrong, some seconds after its latch was pulled, while its door is open, and every heartbeat_s. Of one
 * that is out of reach it is said that lock and door are not known, until it is seen again.
 *
 * That a bolt is to be thrown again is kept, so that the next driver does it if this one ends: while a
 * release waits for its lock, which delays nobody. What is kept only ever locks.
 *
 * It is handed the time; keys and memory are read and written in the state directory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hal/ble/ble_device.h"
#include "hal/ble/ble_link.h"
#include "hal/ble/ble_memory.h"
#include "hal/ble/ble_protocol.h"

#define BLE_ORDERS_MAX 8

/* How long a link is wanted because somebody is at the door. */
#define BLE_PREPARE_MS 8000

/* What a lock is given for what nobody waits for. */
#define BLE_TASK_MS 20000

/* When a latch that was pulled has fallen back. */
#define BLE_UNLATCHED_MS 6000

/* Between looks at a lock whose motor turns, for somebody else or after a link was lost. */
#define BLE_MOVING_MS 1000

/* Between looks at a lock whose door was open when it was last seen: nobody may tell us that it is shut. And
 * how many, for the battery's sake, before it is looked at every heartbeat_s only. */
#define BLE_OPEN_MS        30000
#define BLE_OPEN_LOOKS_MAX 20

/* Between tries to throw the bolt again, while it fails or the door stands open; and how many, before it is
 * tried every heartbeat_s only. */
#define BLE_RELOCK_EVERY_MS 5000
#define BLE_RELOCK_TRIES    60

/* From a start to a bolt that was to be thrown again by a driver that is no more: a hold comes before. */
#define BLE_RELOCK_START_MS 2000

/* Anybody can send a beacon that says "changed", and each look costs battery. So they are not heeded more
 * often than the first, nor on the average than the second, of which so many can be had ahead. An order gives
 * all of them back. */
#define BLE_BEACON_REST_MS   5000
#define BLE_BEACON_EVERY_MS  120000
#define BLE_BEACON_AHEAD_MAX 20

/* Between tries of what the lock refuses. */
#define BLE_REFUSED_REST_MS 60000

/* From what the gateway was told of the lock's log until it need not be told again. By then it has read that,
 * and stored it: had it read nothing for DRIVER_STUCK_MS, or ended, this process would have ended, too. */
#define BLE_KEEP_MS 10000

/* Links in a row that came to nothing, until a lock that was heard of counts as out of reach. */
#define BLE_MISSES_MAX 2

struct ble_unit;

/* To whom a unit speaks. say() returns false if the gateway will not hear of it. */
struct ble_voice {
    bool (*say)(void *userdata, const struct driver_event *event);
    void (*note)(void *userdata, int level, const char *text); /* for the log, without the target */
    void *userdata;
};

struct ble_order {
    enum driver_command_kind kind; /* RELEASE, LOCK, UNLOCK, UNLATCH, HOLD, PAIR */
    int64_t id;
    int64_t deadline_us;
    int64_t pulse_ms;           /* RELEASE */
    bool on;                    /* HOLD */
    struct ble_address address; /* PAIR */
    bool any_type;              /* PAIR: the address's type is not known */
    bool accepted;              /* was told */
};

/* What is being done with the lock. */
enum ble_task {
    BLE_TASK_NONE,
    BLE_TASK_ORDER, /* the first one */
    BLE_TASK_RELOCK,
    BLE_TASK_LOOK,
    BLE_TASK_LOG,
    BLE_TASK_CLOCK,
};

struct ble_unit_counts {
    int64_t commands;
    int64_t completed;
    int64_t failed;
    int64_t unknown;
    int64_t retries; /* on a new link */
    int64_t looks;
    int64_t beacons; /* that made us look */
    int64_t records; /* of the log */
    int64_t refused; /* messages of the lock that are none */
};

struct ble_unit {
    const struct ble_lock_item *item;
    const struct ble_protocol *protocol;
    const char *directory; /* NULL: nothing can be kept */
    struct ble_voice voice;
    struct ble_connector connector;
    struct ble_gatt_wants wants;
    struct ble_port port;
    struct ble_now now; /* of this turn */

    void *lock;           /* the protocol's; NULL: none was ever known */
    const char *unusable; /* why it cannot be used, a word; NULL: it can */
    bool has_link;        /* its address is known */
    struct ble_link link;
    uint32_t log_index; /* of its log, the last entry that the gateway was told of, ... */
    uint32_t log_kept;  /* ... and the last that it need not be told of again */

    size_t order_count;
    struct ble_order orders[BLE_ORDERS_MAX];
    enum ble_task task;
    bool stopped;              /* there is no adapter */
    bool pairing;              /* the lock and the link are those of the first order */
    bool held;                 /* it was ordered to be held unlocked */
    bool relock_kept;          /* the memory has it that it is to be locked again */
    int64_t prepared_until_us; /* somebody is at the door */
    int64_t looked_us;         /* last */
    int64_t keep_us;           /* when log_index may be kept; INT64_MAX: it is */
    int64_t look_us;           /* this and the next three: when it is due; INT64_MAX: not */
    int64_t relock_us;         /* that there is one is kept over a restart */
    int64_t log_us;
    int64_t clock_us;
    unsigned relock_tries;
    unsigned open_looks; /* in a row at an open door */
    int64_t beacon_rest_until_us;
    int64_t beacon_paid_us; /* the average is kept by those that were heeded, when this is over */

    bool accepted;          /* by the protocol, and not yet seen to */
    bool ended;             /* the same */
    struct ble_result end;  /* how */
    const char *drop;       /* the protocol wants the link closed, why */
    bool write_failed;      /* the link did not take a write */
    unsigned records;       /* that the task LOG has brought, and the gateway was told of */
    bool record_lost;       /* the gateway could not be told of one of it, nor of those behind it */
    bool tell;              /* the next state, though it is no news */
    bool heard;             /* it has answered, and was not out of reach since */
    bool tried;             /* it was, or could not be reached */
    bool unauthorized;      /* it knows us no more */
    unsigned misses;        /* in a row */
    struct ble_state state; /* last told */
    struct ble_unit_counts counts;
};

/* What a unit is made of; all that is pointed to is borrowed. */
struct ble_unit_setup {
    const struct ble_lock_item *item;
    const struct ble_protocol *protocol;
    const char *directory;
    struct ble_voice voice;
    struct ble_connector connector;
};

/* Stopped. The unit must not be moved: its port points to it. */
void ble_unit_init(struct ble_unit *unit, const struct ble_unit_setup *setup, const struct ble_now *now);

/* Closes its link and forgets its keys. */
void ble_unit_finish(struct ble_unit *unit);

/* Takes an order, or refuses it: that is said. */
void ble_unit_order(struct ble_unit *unit, const struct ble_order *order, const struct ble_now *now);

/* Somebody is at the door. */
void ble_unit_prepare(struct ble_unit *unit, const struct ble_now *now);

/* It is to be looked at now, and its state told. */
void ble_unit_look(struct ble_unit *unit, const struct ble_now *now);

/* Its address advertised. */
void ble_unit_heard(struct ble_unit *unit, enum ble_heard heard, const struct ble_now *now);

/* The adapter is gone: ends all orders for reason, a word, and the link. What is held is forgotten. */
void ble_unit_stop(struct ble_unit *unit, const char *reason, const struct ble_now *now);

/* The adapter is there: looks at the lock, and tells its state. */
void ble_unit_start(struct ble_unit *unit, const struct ble_now *now);

/* One bounded step, after whatever happened. Returns whether another one is wanted at once. */
bool ble_unit_turn(struct ble_unit *unit, const struct ble_now *now) must_check;

/* When a turn is due though nothing happens; INT64_MAX: never. */
int64_t ble_unit_due_us(const struct ble_unit *unit);

/* What is wrong with it, for people: "not_paired", "no_answer", "motor_blocked", "battery_low", …; NULL:
 * nothing. */
const char *ble_unit_fault(const struct ble_unit *unit);

/* Whether it is known what is wrong: it has answered, could not be reached, or cannot be asked. */
bool ble_unit_tried(const struct ble_unit *unit);
