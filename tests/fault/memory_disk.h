/* SPDX-License-Identifier: GPL-3.0-or-later */
/* memory_disk.h: a disk for SQLite that can be full, broken, or lose its power between any two operations.
 *
 * A file is kept twice: as its last sync left it, and as it is now. When the power goes each sector that
 * differs may be the one or the other, or the one up to some byte and the other from there on. A file that
 * was deleted may be there again until the directory is synced, which SQLite does with a new journal's first
 * sync. That the name of a new file is durable is believed.
 *
 * The power goes before an operation; whatever that one would have left behind halfway is among what a cut
 * before the next one can leave.
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
    MEMORY_DISK_CUT_SOME, /* sector by sector, at random, some of them torn */
};
#define MEMORY_DISK_CUTS 3

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
    bool deleted;     /* but not for certain: what was synced is kept */
    bool new_journal; /* its first sync syncs the directory */
};

struct memory_disk {
    sqlite3_vfs vfs;
    struct memory_file files[MEMORY_DISK_FILES];
    uint64_t operations; /* writes, truncations, syncs and deletions so far */
    uint64_t fail_from;  /* operations from here to before fail_to fail with fail_code */
    uint64_t fail_to;
    int fail_code;
    uint64_t cut_at; /* from this operation on there is no power; 0: there is */
    bool careless;   /* PRAGMA synchronous=FULL gives NORMAL, to see that a test would notice */
};

/* Makes it SQLite's default disk. */
void memory_disk_install(struct memory_disk *disk);

/* Power comes back after a cut. */
void memory_disk_restart(struct memory_disk *disk, enum memory_disk_cut cut, uint64_t (*draw)(uint64_t *seed),
                         uint64_t *seed);

/* Cuts that have every operation up to operations_max as their first victim, with everything that a cut can
 * leave: sets when the next one comes, the i-th, and returns what it leaves. */
enum memory_disk_cut memory_disk_plan(struct memory_disk *disk, uint64_t i, uint64_t operations_max);

/* Runs this program again with the arguments CUTS 1 NORMAL, which have to make its disk careless. Returns
 * whether it then exits with 1: whether it has noticed. */
bool memory_disk_notices(const char *cuts);

/* Removes all files and forgets all faults. */
void memory_disk_format(struct memory_disk *disk);
