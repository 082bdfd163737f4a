/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_protocol.h: what a lock's own protocol is for the driver. The next protocol is a file or two: a table
 * of functions, and a row in ble_protocol.c.
 *
 * One ble_protocol's self is one lock. It is a pure state machine: it reads no clock, makes no random bytes,
 * and knows no handles, sockets or connections. The driver opens and closes the link when it sees fit, and
 * brings it values; what the protocol wants goes out by a port. All times are microseconds of CLOCK_BOOTTIME.
 *
 * One command at a time: begin() is called for the next only after the last one's final result. Commands may
 * come only while the link is open, with the characteristic that channel() names for them writable and its
 * indications on. A port's functions may be called from within any function that takes `now`; the driver
 * must not call into the same self from within them.
 *
 * Which outcome: FAILED says that the lock did not do it, and will not. What may have been done is UNKNOWN:
 * a link lost or a lock silent after the action was written. COMPLETED was said by the lock itself, and its
 * bolt is where it was wanted. Nothing that a lock says counts before it is authenticated, and only what was
 * asked for changes a state. After UNKNOWN, and FAILED that followed ACCEPTED, the driver reads the states.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "proto/advert.h"
#include "proto/driver_message.h"

/* Longest value that is written: longer than an MTU of 23 takes at once. */
#define BLE_VALUE_MAX 512

/* Characteristics that one protocol speaks over. */
#define BLE_CHANNELS_MAX 4

/* What is to be remembered of a pairing, as bytes that only the protocol reads. Secret. */
#define BLE_SECRET_MAX 128

/* Time from the clock, as far as somebody vouches for it. */
#define BLE_UTC_UNKNOWN INT64_MIN

struct ble_now {
    int64_t us;    /* boot time */
    int64_t utc_s; /* seconds since 1970, or BLE_UTC_UNKNOWN */
};

/* A characteristic: written with response, and indicates. UUIDs as text of 36 characters. */
struct ble_channel {
    const char *service;
    const char *characteristic;
};

enum ble_command_kind {
    BLE_COMMAND_STATES, /* read them: `state`, then completed */
    BLE_COMMAND_LOCK,
    BLE_COMMAND_UNLOCK,  /* bolt drawn, latch as it is */
    BLE_COMMAND_UNLATCH, /* and the latch pulled: the door can be pushed open */
    BLE_COMMAND_PAIR,    /* a person stands at the lock: `progress`, `keep`, then completed */
    BLE_COMMAND_LOG,     /* `record` for each entry behind `after`, oldest first, at most BLE_RECORDS_MAX */
    BLE_COMMAND_CLOCK,   /* set the lock's clock */
};

#define BLE_RECORDS_MAX 32

struct ble_command {
    enum ble_command_kind kind;
    int64_t deadline_us; /* nothing that moves the lock is written after it */
    uint32_t after;      /* LOG: index of the last record that is known, 0: none */
};

/* The reason of an order that was not begun, or not written, before its deadline. */
#define BLE_REASON_DEADLINE "deadline"

/* The reason of a lock that does not know us any more: a person has to pair it again. */
#define BLE_REASON_UNAUTHORIZED "authorization_lost"

/* What a command came to. At most one ACCEPTED, then exactly one other. */
struct ble_result {
    enum driver_outcome outcome;
    const char *reason; /* static; NULL for ACCEPTED and COMPLETED */
    bool again; /* FAILED for the link's sake, nothing was asked of the lock: a new link may be tried with the
                 * same command before its deadline */
};

/* The lock as it is. What it does not tell is UNKNOWN. */
struct ble_state {
    enum driver_lock lock;
    enum driver_door door;
    int64_t battery; /* percent, or DRIVER_BATTERY_UNKNOWN */
    const char
        *detail; /* static word for what `lock` does not say, "unlatched", "motor_blocked"; NULL: nothing */
    bool battery_critical;
    bool door_sensor_tampered;
    bool clock_wrong;    /* off by more than BLE_CLOCK_OFF_S */
    int64_t clock_off_s; /* lock's minus ours; 0 if either is not known */
    const char *trigger; /* static word for who moved it last, "manual"; NULL: not said */
};

/* How far a lock's clock may be off; the time of its log, and of its own schedules, is wrong by that much. */
#define BLE_CLOCK_OFF_S 60

#define BLE_RECORD_NAME_SIZE 33

/* Something that the lock did, whoever made it. Strings but name are static. */
struct ble_record {
    uint32_t index; /* counts up; to be given back as `after` */
    int64_t utc_s;
    const char *what;                /* "unlock", "lock", "unlatch", "door_opened", … */
    const char *trigger;             /* NULL: not said */
    const char *outcome;             /* "success", "motor_blocked", "invalid_code", … ; NULL: not said */
    char name[BLE_RECORD_NAME_SIZE]; /* of the authorization, as the lock has it; may be "" and is not ours to
                                        trust */
};

/* Where a protocol's outputs go. Strings and bytes are gone after the call, unless said to be static. */
struct ble_port {
    /* Write this value now, with response; written() follows. One at a time. */
    void (*write)(void *userdata, unsigned channel, const uint8_t bytes[], size_t len);
    void (*state)(void *userdata, const struct ble_state *state);
    void (*result)(void *userdata, const struct ble_result *result);

    /* A sentence for the person who pairs. */
    void (*progress)(void *userdata, const char *text);
    void (*record)(void *userdata, const struct ble_record *record);

    /* Paired: store this before anything else, never print it. Returns 0; otherwise the pairing fails. */
    int (*keep)(void *userdata, const uint8_t secret[], size_t len);

    /* A message was refused, and why (static word); for counters and logs. */
    void (*refused)(void *userdata, const char *reason);

    /* The link is of no use: it is silent, or floods. Close it; closed() follows. */
    void (*drop)(void *userdata, const char *reason);

    /* Fills with random bytes fit for keys. */
    void (*random)(void *userdata, void *ret_bytes, size_t len);
    void *userdata;
};

/* Who a lock is to us, and we to it: from the device item and the keys file; borrowed for create(). */
struct ble_identity {
    const char *name; /* what the lock is to call us in its list of users, at most 32 bytes of UTF-8 */
    int64_t pin;      /* the lock's security PIN, which is secret too; -1: not known */
    const uint8_t *secret;
    size_t secret_len; /* 0: not paired */
};

/* What a device says to everybody, which anybody could say in its name: a reason to look, never a fact. */
enum ble_heard {
    BLE_HEARD_NOTHING, /* it is no lock of this kind, or does not say here that it is */
    BLE_HEARD_LOCK,
    BLE_HEARD_CHANGED, /* something has happened to it since we read its states */
    BLE_HEARD_PAIRING, /* a person has made it ready to be paired */
};

/* self is the protocol's own struct for one lock. */
struct ble_protocol {
    const char *name;  /* as in the lock's `protocol` */
    const char *about; /* what such a lock is to people: "Nuki lock" */
    const struct ble_channel *channels;
    unsigned channel_count;

    enum ble_heard (*heard)(const struct advert *advert);

    /* What the lock is called, as far as its advertisement without a name tells; "" if it does not. */
    void (*called)(const struct advert *advert, char ret_name[static ADVERT_NAME_SIZE]);

    /* The channel that a command speaks over. */
    unsigned (*channel)(enum ble_command_kind kind);

    /* A lock of this kind; port is borrowed and must outlive it. Returns 0, -EBADMSG for a secret that is
     * none of its own, or -ENOMEM. */
    int (*create)(const struct ble_identity *identity, const struct ble_port *port, void **ret_self);

    /* Forgets all keys. Takes NULL. */
    void (*destroy)(void *self);

    /* Whether there is anything to open it with; without, only PAIR can be begun. */
    bool (*paired)(const void *self);

    void (*begin)(void *self, const struct ble_command *command, const struct ble_now *now);

    /* The link is gone: what was begun ends. */
    void (*closed)(void *self, const struct ble_now *now);

    /* An indication's value. */
    void (*value)(void *self, unsigned channel, const uint8_t bytes[], size_t len, const struct ble_now *now);

    /* The lock has taken the last write, or refused it (ok false). */
    void (*written)(void *self, bool ok, const struct ble_now *now);

    /* When tick() is wanted though nothing happens; INT64_MAX: not at all. */
    int64_t (*due_us)(const void *self);
    void (*tick)(void *self, const struct ble_now *now);
};

/* The protocol of that name, or NULL. */
const struct ble_protocol *ble_protocol_find(const char *name);

/* Protocol i of all; NULL behind the last. */
const struct ble_protocol *ble_protocol_at(size_t i);
