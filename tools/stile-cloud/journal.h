/* SPDX-License-Identifier: GPL-3.0-or-later */
/* journal.h: the events of the gateways, as the cloud keeps them (cloud contract 3, E4). */
#pragma once

#include "gateway/base/cleanup.h"
#include "gateway/base/text.h"
#include "tools/stile-cloud/site.h"

/* How far an epoch's events are stored without a gap. */
struct journal_cursor {
    int64_t seq; /* 0: nothing of this epoch */
    uint8_t hash[CHAIN_BYTES];
};

enum journal_outcome {
    JOURNAL_STORED,
    JOURNAL_REPEATED, /* all of it was there */
    JOURNAL_GAP,      /* begins beyond the cursor: not taken */
    JOURNAL_FORKED,   /* what was there under these numbers is something else: not taken, an alarm */
};

int journal_cursor(struct site *site, const char *gateway, const char *epoch,
                   struct journal_cursor *ret) must_check;

/* Stores a checked batch and moves the cursor, in one transaction. oldest: where the gateway's log of this
 * epoch begins, 0 if that is not known; a batch that begins there is taken over a hole, which is an alarm.
 * *ret_cursor: where it stands afterwards. Returns an outcome or a negative errno. */
int journal_store(struct site *site, const char *gateway, const struct cloud_events *batch, int64_t oldest,
                  struct journal_cursor *ret_cursor) must_check;

/* Most alarms that are kept, and longest text of one. */
#define JOURNAL_ALARMS_MAX     1000
#define JOURNAL_ALARM_TEXT_MAX 511

/* Notes what a person should look at; said again, it is counted. */
int journal_alarm(struct site *site, const char *gateway, const char *format, ...) must_check
    __attribute__((format(printf, 3, 4)));

/* Events in order of arrival. */
struct journal_query {
    const char *gateway; /* NULL: all */
    int64_t after;       /* arrival number */
};

/* Most events in one go: reading keeps others from writing. */
#define JOURNAL_PAGE 500

/* Sets query->after so that the last so many are read. */
int journal_seek(struct site *site, struct journal_query *query, int64_t last) must_check;

/* Appends "gateway event" lines to text and moves on. Returns how many, 0 at the end, or a negative errno. */
int journal_read(struct site *site, struct journal_query *query, struct text *text) must_check;
