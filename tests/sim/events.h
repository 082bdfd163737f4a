/* SPDX-License-Identifier: GPL-3.0-or-later */
/* events.h: every event that stiled has told of as stored, and whether the ledger and the cloud still know it
 * (cloud contract 3). */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cloud_ack;

void events_begin(void);
void events_end(void);

/* A new process: seqs that it gives may follow events that nobody was told of. */
void events_life_begins(void);

/* Looks at the ledger, which nobody has open. forget: it is an old copy of itself, and what it does not know
 * is excused. */
void events_check_ledger(bool forget);

/* The cloud says that it has stored these. */
void events_acked(const struct cloud_ack *ack);

/* Looks at the cloud's store, as it starts or stands. forget: it is an old copy of itself. */
void events_check_acked(sqlite3 *cloud, bool forget);

/* Everything is everywhere. */
void events_check_all(sqlite3 *cloud);

int64_t events_count(void);
