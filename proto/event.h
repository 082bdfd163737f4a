/* SPDX-License-Identifier: GPL-3.0-or-later */
/* event.h: what an event says (cloud contract 3).
 *
 * An event is one JSON object whose members stand in a fixed order: seq, epoch, boot, at, utc, clock, kind,
 * cause, details. The ledger gives seq, epoch and cause when it stores the event; event_body() writes the
 * rest. Stored bytes are never rewritten.
 *
 * A PIN never gets into an event, and a credential's value only when nobody knows it: event_body() leaves
 * such a value out, whatever the caller filled in.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "gateway/base/clock.h"
#include "gateway/base/text.h"

/* Longest stored event, without LF. */
#define EVENT_BYTES_MAX 4096

/* Longest body: leaves room for seq, epoch, cause, and `was` after a change of epoch. */
#define EVENT_BODY_MAX (EVENT_BYTES_MAX - 192)

/* Entries of a list; more are left out. */
#define EVENT_LIST_MAX 40

enum event_kind {
    EVENT_PRESENTED,
    EVENT_GRANTED,
    EVENT_DENIED,
    EVENT_PENDING, /* more is needed: a second factor, a second person */
    EVENT_RELEASED,
    EVENT_ACCEPTED,
    EVENT_COMPLETED,
    EVENT_FAILED,
    EVENT_UNKNOWN,
    EVENT_PASSAGE,
    EVENT_NO_PASSAGE,
    EVENT_OPENED,
    EVENT_CLOSED,
    EVENT_UNLOCKED, /* a door's lock says so, by whatever (by) */
    EVENT_LOCKED,
    EVENT_LOCK_RECORD, /* an entry of a lock's own log, maybe old and maybe a repeat: nothing follows from it
                        */
    EVENT_FORCED,
    EVENT_HELD,
    EVENT_HELD_CLEAR,
    EVENT_REX,
    EVENT_VEHICLE, /* one stands under a barrier (on), or has gone */
    EVENT_MODE,
    EVENT_LOCKDOWN,
    EVENT_ALARM,
    EVENT_TAMPER,
    EVENT_DURESS,
    EVENT_DEVICE_UP,
    EVENT_DEVICE_DEGRADED, /* it goes on, in part or not as it should */
    EVENT_DEVICE_DOWN,
    EVENT_POLICY_APPLIED,
    EVENT_POLICY_REJECTED,
    EVENT_REFUSED, /* something from the cloud, by the code of its up/result */
    EVENT_COMMAND,
    EVENT_OPERATOR,
    EVENT_CLOCK,
    EVENT_BOOT,
    EVENT_EPOCH,
    EVENT_LOST,
    EVENT_CONFIG,
    EVENT_KINDS, /* how many there are */
};

/* A list of words, borrowed. */
struct event_list {
    const char *const *items;
    size_t count;
};

/* Details in the order in which they are written. NULL, an empty list and 0 leave a member out; a number or
 * truth for which 0 says something is a pointer. Everything is borrowed. */
struct event {
    enum event_kind kind;
    const char *point; /* access point, or the hal point if that is all that is known */
    const char *door;
    const char *target;
    const char *direction; /* "entry", "exit" */
    const char *user;
    const char *second_user;     /* the other person of a two-person grant */
    const char *credential;      /* its id */
    const char *credential_type; /* member "type" */
    const char *value;           /* written only without credential, and never of type "pin" */
    const char *reason;
    struct event_list failed;
    struct event_list warnings;
    const char *rule;
    const char *message;
    int64_t retry_after_s;
    int64_t pulse_ms;
    const char *mode;
    const char *until;         /* RFC 3339 */
    const bool *on;            /* what it is about is so, or has ended */
    const char *by;            /* what moved a lock, or jammed it, in its own word */
    const char *what;          /* these four of a lock's record: what it did, in its own word, ... */
    const char *authorization; /* ... for whom, in its own text, which anybody may have written, ... */
    const char *lock_utc;      /* ... when, by its clock, as utc, ... */
    int64_t index;             /* ... and the entry, so that a repeat can be seen */
    const char *device;
    const char *driver;
    const char *operator_name; /* member "operator": who did it at the gateway */
    const char *issuer;        /* member "iss" of a command */
    const char *key;           /* member "kid" */
    const char *jti;
    const char *verb;
    const char *outcome; /* of a command; of a lock's record in the lock's own word */
    const char *of;      /* what was refused: "delta", "command" */
    const char *code;
    int64_t generation;
    int64_t version;
    const char *root;
    const char *item_kind; /* an item that a change was refused for */
    const char *item_id;
    const char *member;
    const char *software;
    const int64_t *ms; /* how long it took */
    int64_t from;      /* seqs that are gone, with to */
    int64_t to;
    int64_t count;
    const char *previous_epoch; /* these three make the member "previous" {epoch, head, hash} */
    int64_t previous_head;
    const char *previous_hash;
    const char *text; /* free, for people */
};

/* The contract's word: "granted", "device_down". */
const char *event_kind_name(enum event_kind kind);

/* Writes `"boot":…,"at":…,"utc":…,"clock":…,"kind":…,details}` to text, which is emptied first: a stored
 * event from behind its epoch on. *ret_cause_at is where `,"cause":N` is to be inserted, as an offset into
 * it. utc is written as 2026-11-22T14:30:00.123Z, or null with clock none or outside the years 1970 to 9999.
 *
 * A string is cut at a character's end after the bound in event.c's rows. If the body still exceeds
 * EVENT_BODY_MAX the free texts (message, value, authorization, text) are left out and `"cut":true` is
 * written.
 *
 * Returns 0, -ENOMEM, or -EMSGSIZE if even that is too long (names that are no ids). */
int event_body(struct text *text, const struct event *event, const struct timestamp *now, const char *boot_id,
               size_t *ret_cause_at) must_check;

/* Bytes of 2026-11-22T14:30:00.123Z with NUL. */
#define UTC_SIZE 25

/* Formats utc_us, cut to milliseconds. Returns false outside the years 1970 to 9999. */
bool event_utc_format(int64_t utc_us, char ret_text[static UTC_SIZE]);
