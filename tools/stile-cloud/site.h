/* SPDX-License-Identifier: GPL-3.0-or-later */
/* site.h: a site's directory: its policy, what its gateways said, and their events, in one SQLite file.
 *
 * Several processes use it at once: one serves, others change the policy or read events. Each commit is
 * synced before anything is said about it. The journal is SQLite's rollback journal: its WAL, in the version
 * of Debian 12, can be damaged by several connections.
 *
 * Functions return 0 or a negative errno unless they say otherwise.
 */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "proto/cloud_message.h"
#include "tools/stile-cloud/keyring.h"

/* How long one process waits for another's transaction. */
#define SITE_BUSY_MS 10000

/* Touched after each commit that somebody may wait for. */
#define SITE_POLICY_MARK   "policy-changed"
#define SITE_EVENTS_MARK   "events-changed"
#define SITE_COMMANDS_MARK "commands-changed"

/* Locked by the process that serves. */
#define SITE_LOCK "serving"

struct site {
    char *directory;
    sqlite3 *handle;
    char name[ID_SIZE];
    struct cloud_policy policy; /* as of the last site_refresh() */
    int64_t lease_s;            /* for how long it is leased to gateways; 0: no lease */
    struct keyring keyring;     /* sign.c's */
};

/* Makes a directory a site of that name, whose first generation is now, in Unix seconds: a site that is made
 * anew says nothing of the old one's generation again, whose versions gateways would take for the new one's.
 * -EEXIST if it is one. */
int site_create(const char *directory, const char *name, int64_t now) must_check;

/* -ENOENT if it is no site; -EPROTONOSUPPORT if a newer version made it. */
int site_open(const char *directory, struct site *ret) must_check;
void site_close(struct site *site);

/* Reads which policy is the newest, and its lease. */
int site_refresh(struct site *site) must_check;

/* Sets the lease; 0 ends it. */
int site_set_lease(struct site *site, int64_t lease_s) must_check;

/* A transaction: of a writer, or of one who reads several things as of one moment. */
int site_begin(struct site *site) must_check;
int site_begin_reading(struct site *site) must_check;

/* Commits if r is 0, else rolls back. Returns r, or what the commit said. */
int site_end(struct site *site, int r) must_check;

/* Prepares a statement for one use; finalize it with site_finalizep(). */
int site_prepare(struct site *site, const char *sql, sqlite3_stmt **ret) must_check;
void site_finalizep(sqlite3_stmt **statement);

/* 1 with a row, 0 at the end, or a negative errno. */
int site_step(struct site *site, sqlite3_stmt *statement) must_check;

/* For a statement that gives no row. */
int site_run(struct site *site, sqlite3_stmt *statement) must_check;

/* What SQLite said of the last failure, "" if it said nothing. */
const char *site_text(const struct site *site);

/* Tells other processes that something is there to read. Best effort: they look again after a while anyway.
 */
void site_mark(const struct site *site, const char *mark);

/* Takes a topic such as "stile/1/hub/gw1/up/state" apart: into the gateway's name and what stands below its
 * prefix. False if it is none of the site's. */
bool site_take_topic(const struct site *site, const char *topic, char ret_gateway[static ID_SIZE],
                     const char **ret_below);
