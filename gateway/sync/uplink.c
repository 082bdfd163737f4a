/* SPDX-License-Identifier: GPL-3.0-or-later */
/* uplink.c: only the cloud's own acks move the window. What the broker confirms (PUBACK) is of no interest:
 * it can lose what it confirmed. */
#include "gateway/sync/uplink.h"

#include <string.h>

#include "gateway/base/log.h"

void uplink_init(struct uplink *uplink, const struct sync_log *log, const struct sync_hooks *hooks)
{
    *uplink = (struct uplink){ .hooks = hooks, .phase = UPLINK_OFF, .log = *log };
}

void uplink_finish(struct uplink *uplink)
{
    text_finish(&uplink->text);
}

/* Forgets what was sent: the next batch begins behind seq. */
static void rewind_to(struct uplink *uplink, int64_t seq)
{
    uplink->cursor = seq;
    uplink->last_ack = seq;
    uplink->next = seq + 1;
    uplink->in_flight = 0;
    uplink->discard = uplink->reading;
    uplink->starved = false;
}

static void read_more(struct uplink *uplink, const struct timestamp *now)
{
    if (uplink->phase != UPLINK_RUNNING || uplink->renewing || uplink->reading || uplink->starved ||
        uplink->in_flight == CLOUD_BATCH_WINDOW || uplink->next > uplink->log.head)
        return;
    int r = uplink->hooks->read_events(uplink->hooks->user, uplink->next, CLOUD_BATCH_EVENTS_MAX,
                                       CLOUD_BATCH_BYTES_MAX);

    uplink->reading = r == 0;
    uplink->starved = r < 0;
    if (r < 0 && uplink->in_flight == 0)
        uplink->progress_at = now->boot_us;
}

void uplink_begin(struct uplink *uplink)
{
    uplink->phase = UPLINK_WAITING;
    rewind_to(uplink, 0);
}

void uplink_disconnected(struct uplink *uplink)
{
    uplink->phase = UPLINK_OFF;
    rewind_to(uplink, 0);
}

int64_t uplink_due(const struct uplink *uplink)
{
    bool owed = uplink->in_flight > 0 || uplink->starved || uplink->last_ack < uplink->cursor;

    return uplink->phase == UPLINK_RUNNING && owed ? uplink->progress_at + UPLINK_PATIENCE_US : SYNC_NEVER;
}

bool uplink_set_log(struct uplink *uplink, const struct timestamp *now, const struct sync_log *log)
{
    bool other = strcmp(uplink->log.epoch, log->epoch) != 0;

    uplink->log = *log;
    if (!other)
        read_more(uplink, now);
    return other;
}

bool uplink_skips(const struct uplink *uplink, const struct cloud_events *batch)
{
    return !uplink->discard && batch->count > 0 && batch->first > uplink->next;
}

static void send_batch(struct uplink *uplink, const struct timestamp *now, const struct cloud_events *batch)
{
    int r = cloud_events_format(&uplink->text, batch);

    if (r < 0) {
        log_error("sync", "cannot send events from %lld on: %s", (long long)batch->first, strerror(-r));
        uplink->starved = true;
        return;
    }
    if (uplink->in_flight == 0)
        uplink->progress_at = now->boot_us;
    uplink->next = batch->first + batch->count;
    uplink->ends[uplink->in_flight++] = uplink->next - 1;
    uplink->hooks->publish(uplink->hooks->user, CLOUD_UP_EVENTS, uplink->text.data, uplink->text.len);
}

void uplink_batch(struct uplink *uplink, const struct timestamp *now, const struct cloud_events *batch)
{
    bool wanted = uplink->reading && !uplink->discard;

    uplink->reading = false;
    uplink->discard = false;
    if (wanted) {
        bool usable = batch && batch->count > 0 && strcmp(batch->epoch, uplink->log.epoch) == 0;

        if (usable && batch->first >= uplink->next)
            send_batch(uplink, now, batch);
        else if (!usable)
            uplink->starved = true;
        if (uplink->starved && uplink->in_flight == 0)
            uplink->progress_at = now->boot_us;
    }
    read_more(uplink, now);
}

void uplink_ack(struct uplink *uplink, const struct cloud_ack *ack)
{
    if (uplink->renewing)
        return;
    int r = uplink->hooks->ack(uplink->hooks->user, ack);

    if (r < 0)
        log_warning("sync", "an ack could not be taken now: %s", strerror(-r));
}

static void drop_acked(struct uplink *uplink)
{
    size_t gone = 0;

    while (gone < uplink->in_flight && uplink->ends[gone] <= uplink->cursor)
        gone++;
    uplink->in_flight -= gone;
    memmove(uplink->ends, uplink->ends + gone, uplink->in_flight * sizeof(uplink->ends[0]));
}

static void take_ack(struct uplink *uplink, const struct timestamp *now, int64_t seq)
{
    if (uplink->phase == UPLINK_WAITING) {
        uplink->phase = UPLINK_RUNNING;
        rewind_to(uplink, seq);
    }
    if (seq < uplink->cursor && uplink_due(uplink) == SYNC_NEVER)
        uplink->progress_at = now->boot_us;
    uplink->last_ack = seq;
    if (seq > uplink->cursor) {
        uplink->cursor = seq;
        uplink->progress_at = now->boot_us;
        if (uplink->next <= seq) {
            uplink->next = seq + 1;
            uplink->discard = uplink->reading;
        }
        drop_acked(uplink);
    }
    read_more(uplink, now);
}

static void dispute(struct uplink *uplink, int64_t seq)
{
    log_error("sync", "the cloud's ack of event %lld does not fit the log: a new epoch begins",
              (long long)seq);
    uplink->renewing = uplink->hooks->new_epoch(uplink->hooks->user) == 0;
}

void uplink_acked(struct uplink *uplink, const struct timestamp *now, enum sync_ack_outcome outcome,
                  int64_t seq)
{
    if (uplink->phase == UPLINK_OFF || uplink->renewing)
        return;
    switch (outcome) {
    case SYNC_ACK_TAKEN:
        take_ack(uplink, now, seq);
        return;
    case SYNC_ACK_DISPUTED:
        dispute(uplink, seq);
        return;
    case SYNC_ACK_OTHER_EPOCH:
    case SYNC_ACK_FAILED:
        return;
    }
}

void uplink_renewed(struct uplink *uplink, int error)
{
    uplink->renewing = false;
    if (error < 0)
        log_error("sync", "no new epoch could be begun: %s", strerror(-error));
}

void uplink_advance(struct uplink *uplink, const struct timestamp *now)
{
    if (now->boot_us < uplink_due(uplink))
        return;
    rewind_to(uplink, uplink->last_ack);
    uplink->progress_at = now->boot_us;
    read_more(uplink, now);
}
