/* SPDX-License-Identifier: GPL-3.0-or-later */
/* backend.h: what the control socket asks of the daemon.
 *
 * ctl sees neither ledger nor hal: whoever joins them fills in this struct of functions. Each function gets a
 * reply, which is its own from then on, writes lines to it and ends it with ctl_reply_end() exactly once,
 * within the call or later. A reply outlives its client and even the ctl: what is written to it then goes
 * nowhere, and it still has to be ended.
 *
 * The shapes of the answers are in README.md.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/text.h"
#include "proto/control.h"

struct ctl_reply;

/* One line of the answer: a JSON object without LF. Returns 0, -EPIPE if the client has left (nobody needs
 * the rest), or another negative errno; the error sticks and need not be checked. */
int ctl_reply_text(struct ctl_reply *reply, const struct text *object);
int ctl_reply_line(struct ctl_reply *reply, const char *line, size_t len);

/* Any number of lines, each ended by LF: events as the ledger hands them out. */
int ctl_reply_lines(struct ctl_reply *reply, const char *lines, size_t len);

/* Ends the answer and frees the reply. message: NULL or, with CONTROL_EXIT_OK, a note for people ("older
 * events were left out"), else why not ("no such door: gmy"). */
void ctl_reply_end(struct ctl_reply *reply, enum control_exit code, const char *message);

/* Whether somebody still waits for it. */
bool ctl_reply_wanted(const struct ctl_reply *reply);

/* An operator's release. Strings last for the call. */
struct ctl_release {
    const char *door;
    const char *direction; /* "entry", "exit" */
    const char *reason;
    const char *operator_name; /* user name of whoever connected, or "uid 1004" */
};

/* What an operator orders of a door. Strings last for the call. */
struct ctl_order {
    const char *door;
    const char *action;   /* as in proto/control.c, but release */
    const char *value;    /* mode: its name; lockdown: "on", "off"; NULL: has none */
    int64_t until_utc_us; /* INT64_MIN: not said */
    int64_t for_s;        /* 0: not said */
    const char *reason;
    const char *operator_name;
};

/* What an operator orders of a device itself, whatever doors there are. Strings last for the call; NULL: not
 * said. */
struct ctl_device_order {
    enum control_verb verb; /* ble scan, lock pair to lock lock, device release */
    const char *device;     /* device release; ble scan: only this one */
    const char *target;     /* all but ble scan */
    const char *direction;  /* device release: "entry", "exit" */
    const char *address;    /* lock pair */
    const char *address_type;
    int64_t for_s; /* ble scan */
    const char *reason;
    const char *operator_name;
};

/* Which events; NULL and 0 restrict nothing, limit is always set. Strings last for the call. */
struct ctl_events {
    const char *door;
    const char *user;
    int64_t since_utc_us; /* inclusive */
    int64_t limit;        /* the last so many, at most CONTROL_EVENTS_MAX */
};

/* When something would be presented: now, unless it says otherwise. */
struct ctl_when {
    bool at_given;
    int64_t at_utc_us; /* at this time */
    int clock;         /* with this enum clock_state; -1: not said */
};

/* Either last, or user and point. Strings last for the call. */
struct ctl_explain {
    const char *last;  /* door: why was the last presentation there decided as it was */
    const char *user;  /* would this user be let in ... */
    const char *point; /* ... at this access point */
    struct ctl_when when;
};

struct ctl_backend {
    void *user;
    void (*status)(void *user, struct ctl_reply *reply);
    void (*sync)(void *user, struct ctl_reply *reply);
    void (*devices)(void *user, struct ctl_reply *reply);
    void (*device_order)(void *user, struct ctl_reply *reply, const struct ctl_device_order *order);
    void (*device_listen)(void *user, struct ctl_reply *reply, const char *device, int64_t for_s);
    void (*lock_status)(void *user, struct ctl_reply *reply, const char *target); /* NULL: all */
    void (*doors)(void *user, struct ctl_reply *reply, bool brief);
    void (*release)(void *user, struct ctl_reply *reply, const struct ctl_release *release);
    void (*door)(void *user, struct ctl_reply *reply, const struct ctl_order *order);
    void (*lockdown)(void *user, struct ctl_reply *reply, const struct ctl_order *order); /* of the site */
    void (*events)(void *user, struct ctl_reply *reply, const struct ctl_events *events);
    void (*events_verify)(void *user, struct ctl_reply *reply);
    void (*user_find)(void *user, struct ctl_reply *reply, const char *words);
    void (*explain)(void *user, struct ctl_reply *reply, const struct ctl_explain *explain);
    void (*who_can)(void *user, struct ctl_reply *reply, const char *point, const struct ctl_when *when,
                    int64_t limit);
    void (*where_can)(void *user, struct ctl_reply *reply, const char *who, const struct ctl_when *when);
    void (*version)(void *user, struct ctl_reply *reply);
};
