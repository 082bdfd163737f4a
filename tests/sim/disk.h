/* SPDX-License-Identifier: GPL-3.0-or-later */
/* disk.h: the gateway's card and the cloud's disk, in memory, behind one SQLite VFS that looks at a file's
 * directory: /gateway/ledger.db, /cloud/cloud.db.
 *
 * A third directory, /audit/, is for looking at what is on a disk for certain: copies of what was synced.
 */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

enum disk_place { DISK_GATEWAY, DISK_CLOUD, DISK_AUDIT, DISK_PLACES };

#define DISK_LEDGER          "/gateway/ledger.db"
#define DISK_POLICY          "/gateway/policy.db"
#define DISK_CLOUD_DIRECTORY "/cloud"

/* Empties all disks. */
void disk_begin(void);
void disk_end(void);

/* The power goes now, or before one of the next operations; or the process that uses the disk is killed,
 * which loses nothing that was written. */
void disk_cut(enum disk_place place, int64_t operations);
bool disk_is_cut(enum disk_place place);

/* The power is back. lossy: what was not synced may be gone, or torn. */
void disk_restart(enum disk_place place, bool lossy);

/* From now on operations fail with this code of SQLite's; SQLITE_OK: they work again. */
void disk_break(enum disk_place place, int code);

/* Remembers what the disk holds (synced), and puts it back later; only while nothing is open. */
void disk_take_image(enum disk_place place);
bool disk_has_image(enum disk_place place);
void disk_put_image(enum disk_place place);

/* Whether there is a file whose name begins so. */
bool disk_has(const char *prefix);

/* Removes a file and what belongs to it. */
void disk_remove(const char *path);

/* Opens a copy of what is synced of this file, for reading. Never NULL; closed by disk_audit_end(). */
sqlite3 *disk_audit(const char *path);
void disk_audit_end(sqlite3 *handle);
