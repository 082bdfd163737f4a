/* SPDX-License-Identifier: GPL-3.0-or-later */
/* record.h: events and lasting state, on their way to the ledger.
 *
 * core tells its changes of state through a hook, in the middle of a call; they are gathered here and go into
 * the ledger with the event that they belong to, in one transaction (cloud contract E1). An event that
 * nothing was told of yet takes all that is gathered.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "gateway/base/clock.h"
#include "proto/event.h"

struct daemon;
struct record;

struct ledger_command;

/* What is to happen once an event is durable. */
struct record_then {
    void (*durable)(struct daemon *daemon, int64_t seq, void *argument);
    void *argument;                       /* freed with free() if that never comes */
    const struct ledger_command *command; /* whose result the event tells, NULL: none */
};

/* Events whose commit somebody waits for, at most. */
#define RECORD_WAITING_MAX 1024

/* Changes of state that wait for a ledger which takes nothing, at most; beyond them the oldest go. */
#define RECORD_EFFECTS_MAX 65536

int record_new(struct record **ret) must_check;

/* Frees what still waits. Takes NULL, returns NULL. */
struct record *record_free(struct record *record);

/* core's effect hook; user is the daemon. */
void record_effect(void *user, const char *key, const char *value);

/* Appends an event with what was gathered. cause: ticket of the event that it follows from, 0 if none.
 * Returns the event's ticket, 0 if the ledger refused it (logged, and counted by the ledger). */
uint64_t record_event(struct daemon *daemon, const struct event *event, uint64_t cause,
                      const struct timestamp *now);

/* The same, and calls then->durable once it is on the disk. Returns 0 if it was refused: then nothing is
 * called and the argument stays the caller's. */
uint64_t record_event_then(struct daemon *daemon, const struct event *event, const struct timestamp *now,
                           const struct record_then *then);

/* Appends what was gathered and belongs to no event. */
void record_state(struct daemon *daemon, const struct timestamp *now);

/* From the ledger's committed(): calls who waits for this ticket. */
void record_committed(struct daemon *daemon, uint64_t ticket, int64_t seq);
