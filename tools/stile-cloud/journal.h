/* SPDX-License-Identifier: GPL-3.0-or-later */
/* journal.h: the events of the gateways, as the cloud keeps them (cloud contract 3, E4). */
#pragma once

#include "gateway/base/cleanup.h"
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

/* Stores a checked batch in one transaction and moves the cursor. oldest: of the gateway's last state; a
 * batch that begins there is taken over a hole, which is an alarm. *ret_cursor: where it stands afterwards.
 * Returns an outcome or a negative errno. */
int journal_store(struct site *site, const char *gateway, const struct cloud_events *batch, int64_t oldest,
                  struct journal_cursor *ret_cursor) must_check;

/* Notes what a person should look at. */
int journal_alarm(struct site *site, const char *gateway, const char *text) must_check;

/* Calls fn for each event behind arrival number `after`, in order of arrival; gateway NULL: all. *ret_last:
 * the last one's number. limit: the last so many, 0: all. */
struct journal_query {
    const char *gateway;
    int64_t after;
    int64_t limit;
};
int journal_each(struct site *site, const struct journal_query *query,
                 void (*fn)(void *user, const char *gateway, const char *line), void *user,
                 int64_t *ret_last) must_check;
