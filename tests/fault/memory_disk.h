/* SPDX-License-Identifier: GPL-3.0-or-later */
/* memory_disk.h: a disk for SQLite that can be full, broken, or lose its power between any two operations.
 *
 * A file is kept twice: as its last sync left it, and as it is now. When the power goes each sector that
 * differs may be the one or the other. Which file names exist is believed durable at once, as SQLite syncs
 * directories itself.
 */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEMORY_DISK_FILES  8
#define MEMORY_DISK_SECTOR 512

/* What a power cut leaves of what was not synced. */
enum memory_disk_cut {
    MEMORY_DISK_CUT_NOTHING,
    MEMORY_DISK_CUT_ALL,
    MEMORY_DISK_CUT_SOME, /* sector by sector, at random */
};

struct memory_image {
    unsigned char *bytes;
    size_t len;
};

struct memory_file {
    char name[64]; /* empty: free */
    struct memory_image now;
    struct memory_image synced;
    size_t dirty_from; /* where they may differ */
    size_t dirty_to;
};

struct memory_disk {
    sqlite3_vfs vfs;
    struct memory_file files[MEMORY_DISK_FILES];
    uint64_t operations; /* writes, truncations, syncs and deletions so far */
    uint64_t fail_from;  /* operations from here to before fail_to fail with fail_code */
    uint64_t fail_to;
    int fail_code;
    uint64_t cut_at; /* from this operation on there is no power; 0: there is */
};

/* Makes it SQLite's default disk. */
void memory_disk_install(struct memory_disk *disk);

/* Power comes back after a cut. */
void memory_disk_restart(struct memory_disk *disk, enum memory_disk_cut cut, uint64_t (*draw)(uint64_t *seed),
                         uint64_t *seed);

/* Removes all files and forgets all faults. */
void memory_disk_format(struct memory_disk *disk);
