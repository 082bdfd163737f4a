/* SPDX-License-Identifier: GPL-3.0-or-later */
/* answers.h: what the control socket asks of the daemon; gateway/ctl/README.md has the shapes. */
#pragma once

#include "gateway/base/clock.h"
#include "gateway/ctl/backend.h"

struct daemon;
struct ledger_found;
struct ledger_query;

/* A reply that waits for the ledger. */
struct question {
    struct daemon *daemon;
    struct ctl_reply *reply;
};

struct ctl_backend answers_backend(struct daemon *daemon);

/* Asks the ledger; done gets a struct question, which it frees. If the ledger takes no question the reply is
 * ended at once. */
void answers_ask(struct daemon *daemon, struct ctl_reply *reply, const struct ledger_query *query,
                 void (*done)(void *user, const struct ledger_found *found));

/* How long ago a stored event was, in seconds; -1 if that is not known. */
int64_t answers_age(const struct daemon *daemon, const char *line, size_t len, const struct timestamp *now);

/* The time that is asked about. */
struct timestamp answers_when(const struct daemon *daemon, const struct ctl_when *when);

/* In answers_doors.c: how doors are, and what is ordered of them. */
void answers_doors(void *user, struct ctl_reply *reply, bool brief);
void answers_release(void *user, struct ctl_reply *reply, const struct ctl_release *wanted);
void answers_door(void *user, struct ctl_reply *reply, const struct ctl_order *order);
void answers_lockdown(void *user, struct ctl_reply *reply, const struct ctl_order *order);

/* In answers_devices.c: devices themselves. */
void answers_device_order(void *user, struct ctl_reply *reply, const struct ctl_device_order *order);
void answers_device_listen(void *user, struct ctl_reply *reply, const char *device, int64_t for_s);
void answers_lock_status(void *user, struct ctl_reply *reply, const char *target);

/* In answers_sync.c: how far the cloud and the gateway agree, and whether the log can be believed. */
void answers_sync(void *user, struct ctl_reply *reply);
void answers_events_verify(void *user, struct ctl_reply *reply);

/* In answers_people.c: about people, and why somebody was not let in. */
void answers_user_find(void *user, struct ctl_reply *reply, const char *words);
void answers_explain(void *user, struct ctl_reply *reply, const struct ctl_explain *explain);

/* In answers_reach.c: who would be let in where. */
void answers_who_can(void *user, struct ctl_reply *reply, const char *point, const struct ctl_when *when,
                     int64_t limit);
void answers_where_can(void *user, struct ctl_reply *reply, const char *who, const struct ctl_when *when);
