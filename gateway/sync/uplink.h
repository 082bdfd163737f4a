/* SPDX-License-Identifier: GPL-3.0-or-later */
/* uplink.h: the event log on its way up: a window of batches behind the cloud's last ack (cloud contract 3).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/text.h"
#include "gateway/sync/sync.h"
#include "proto/cloud_message.h"

/* Without progress for so long everything behind the last ack is sent again, and only then, or acks and
 * repeats would breed each other. */
#define UPLINK_PATIENCE_US (10 * USEC_PER_SEC)

enum uplink_phase {
    UPLINK_OFF,     /* no connection */
    UPLINK_WAITING, /* for the first ack after a birth */
    UPLINK_RUNNING,
};

struct uplink {
    const struct sync_hooks *hooks;
    enum uplink_phase phase;
    struct sync_log log;
    int64_t cursor;                   /* the cloud has all up to here */
    int64_t last_ack;                 /* what it said last; below cursor if it lost something */
    int64_t next;                     /* first seq that was not sent yet */
    int64_t ends[CLOUD_BATCH_WINDOW]; /* last seqs of the batches on the way, oldest first */
    size_t in_flight;
    bool reading;  /* the ledger owes a batch ... */
    bool discard;  /* ... that is no longer wanted */
    bool starved;  /* it could not be asked, or could not read */
    bool renewing; /* a new epoch was asked for */
    int64_t progress_at;
    struct text text;
};

void uplink_init(struct uplink *uplink, const struct sync_log *log, const struct sync_hooks *hooks);
void uplink_finish(struct uplink *uplink);

/* A birth was said: the first ack is awaited. */
void uplink_begin(struct uplink *uplink);
void uplink_disconnected(struct uplink *uplink);

/* Returns whether another epoch has begun, so that a birth is due. */
bool uplink_set_log(struct uplink *uplink, const struct timestamp *now,
                    const struct sync_log *log) must_check;

/* Whether the batch leaves events out that the cloud has not got: the state must tell `oldest` before it. */
bool uplink_skips(const struct uplink *uplink, const struct cloud_events *batch);
void uplink_batch(struct uplink *uplink, const struct timestamp *now, const struct cloud_events *batch);

void uplink_ack(struct uplink *uplink, const struct cloud_ack *ack);
void uplink_acked(struct uplink *uplink, const struct timestamp *now, enum sync_ack_outcome outcome,
                  int64_t seq);
void uplink_renewed(struct uplink *uplink, int error);

void uplink_advance(struct uplink *uplink, const struct timestamp *now);
int64_t uplink_due(const struct uplink *uplink);
