/* SPDX-License-Identifier: GPL-3.0-or-later */
/* disk.c: each directory is a memory_disk of its own, so that each has its own power. */
#include "tests/sim/disk.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fault/memory_disk.h"
#include "tests/sim/sim.h"

static const char *const directories[DISK_PLACES] = { "/gateway/", "/cloud/", "/audit/" };

static struct memory_disk disks[DISK_PLACES];
static struct memory_disk images[2]; /* of the gateway's and the cloud's */
static bool has_image[2];
static sqlite3_vfs router;

static struct memory_disk *disk_of(const char *path)
{
    for (enum disk_place place = DISK_GATEWAY; place < DISK_PLACES; place++)
        if (strncmp(path, directories[place], strlen(directories[place])) == 0)
            return &disks[place];
    return NULL;
}

static int open_file(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *ret_flags)
{
    struct memory_disk *disk = disk_of(name);

    assert(disk);
    return disk->vfs.xOpen(&disk->vfs, name, file, flags, ret_flags);
}

static int delete_file(sqlite3_vfs *vfs, const char *name, int sync)
{
    struct memory_disk *disk = disk_of(name);

    return disk->vfs.xDelete(&disk->vfs, name, sync);
}

static int access_file(sqlite3_vfs *vfs, const char *name, int flags, int *ret_there)
{
    struct memory_disk *disk = disk_of(name);

    return disk->vfs.xAccess(&disk->vfs, name, flags, ret_there);
}

static int random_bytes(sqlite3_vfs *vfs, int len, char *ret)
{
    for (int i = 0; i < len; i++)
        ret[i] = (char)sim_draw();
    return len;
}

static void install(void)
{
    for (enum disk_place place = DISK_GATEWAY; place < DISK_PLACES; place++)
        memory_disk_install(&disks[place]);
    router = disks[DISK_GATEWAY].vfs;
    router.pNext = NULL;
    router.zName = "sim-disks";
    router.xOpen = open_file;
    router.xDelete = delete_file;
    router.xAccess = access_file;
    router.xRandomness = random_bytes;
    sqlite3_vfs_register(&router, 1);
}

static void copy_bytes(struct memory_image *to, const struct memory_image *from)
{
    to->bytes = realloc(to->bytes, from->len + 1);
    assert(to->bytes);
    if (from->len > 0)
        memcpy(to->bytes, from->bytes, from->len);
    to->len = from->len;
}

/* What is synced becomes what is there. */
static void copy_file(struct memory_file *to, const char *name, const struct memory_file *from)
{
    snprintf(to->name, sizeof(to->name), "%s", name);
    copy_bytes(&to->now, &from->synced);
    copy_bytes(&to->synced, &from->synced);
    to->dirty_from = to->dirty_to = 0;
}

static void copy_disk(struct memory_disk *to, const struct memory_disk *from)
{
    memory_disk_format(to);
    for (size_t i = 0; i < MEMORY_DISK_FILES; i++)
        if (from->files[i].name[0] && !from->files[i].deleted)
            copy_file(&to->files[i], from->files[i].name, &from->files[i]);
}

void disk_begin(void)
{
    if (!router.zName)
        install();
    for (enum disk_place place = DISK_GATEWAY; place < DISK_PLACES; place++)
        memory_disk_format(&disks[place]);
    has_image[DISK_GATEWAY] = has_image[DISK_CLOUD] = false;
    sqlite3_randomness(0, NULL); /* seeded anew, by random_bytes() */
}

void disk_end(void)
{
    for (enum disk_place place = DISK_GATEWAY; place < DISK_PLACES; place++)
        memory_disk_format(&disks[place]);
    memory_disk_format(&images[DISK_GATEWAY]);
    memory_disk_format(&images[DISK_CLOUD]);
}

void disk_cut(enum disk_place place, int64_t operations)
{
    disks[place].cut_at = disks[place].operations + (uint64_t)operations + (disks[place].operations == 0);
}

bool disk_is_cut(enum disk_place place)
{
    return disks[place].cut_at > 0 && disks[place].operations >= disks[place].cut_at;
}

static uint64_t draw(uint64_t *seed)
{
    return sim_draw();
}

void disk_restart(enum disk_place place, bool lossy)
{
    enum memory_disk_cut cut = lossy ? (enum memory_disk_cut)sim_below(3) : MEMORY_DISK_CUT_ALL;
    uint64_t unused = 0;

    memory_disk_restart(&disks[place], cut, draw, &unused);
}

void disk_break(enum disk_place place, int code)
{
    disks[place].fail_code = code;
    disks[place].fail_from = disks[place].operations;
    disks[place].fail_to = code == SQLITE_OK ? 0 : UINT64_MAX;
}

void disk_take_image(enum disk_place place)
{
    copy_disk(&images[place], &disks[place]);
    has_image[place] = true;
}

bool disk_has_image(enum disk_place place)
{
    return has_image[place];
}

void disk_put_image(enum disk_place place)
{
    assert(has_image[place]);
    copy_disk(&disks[place], &images[place]);
}

/* The file itself, or what SQLite keeps beside it. */
static bool belongs(const struct memory_file *file, const char *path)
{
    size_t len = strlen(path);
    const char *rest = file->name + len;

    return !file->deleted && strncmp(file->name, path, len) == 0 &&
           (!rest[0] || strcmp(rest, "-wal") == 0 || strcmp(rest, "-journal") == 0);
}

bool disk_has(const char *prefix)
{
    const struct memory_disk *disk = disk_of(prefix);

    for (size_t i = 0; i < MEMORY_DISK_FILES; i++)
        if (!disk->files[i].deleted && strncmp(disk->files[i].name, prefix, strlen(prefix)) == 0)
            return true;
    return false;
}

static void remove_file(struct memory_file *file)
{
    free(file->now.bytes);
    free(file->synced.bytes);
    *file = (struct memory_file){ 0 };
}

void disk_remove(const char *path)
{
    struct memory_disk *disk = disk_of(path);

    for (size_t i = 0; i < MEMORY_DISK_FILES; i++)
        if (belongs(&disk->files[i], path))
            remove_file(&disk->files[i]);
}

sqlite3 *disk_audit(const char *path)
{
    const struct memory_disk *disk = disk_of(path);
    const char *base = strrchr(path, '/') + 1;
    sqlite3 *handle = NULL;
    char name[64];
    size_t copied = 0;

    memory_disk_format(&disks[DISK_AUDIT]);
    for (size_t i = 0; i < MEMORY_DISK_FILES; i++) {
        if (!belongs(&disk->files[i], path))
            continue;
        snprintf(name, sizeof(name), "/audit/%s", strrchr(disk->files[i].name, '/') + 1);
        copy_file(&disks[DISK_AUDIT].files[copied++], name, &disk->files[i]);
    }
    snprintf(name, sizeof(name), "/audit/%s", base);
    int r = sqlite3_open_v2(name, &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);

    if (r == SQLITE_OK)
        r = sqlite3_exec(handle, "PRAGMA locking_mode=EXCLUSIVE", NULL, NULL, NULL);
    SIM_REQUIRE(r == SQLITE_OK, "the audit", "%s cannot be opened: %s", path, sqlite3_errmsg(handle));
    return handle;
}

void disk_audit_end(sqlite3 *handle)
{
    int r = sqlite3_close(handle);

    assert(r == SQLITE_OK);
    (void)r;
}

/* --- what the product asks of the file system beside SQLite --- */

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __real_access(const char *path, int mode);
int __wrap_access(const char *path, int mode);

static struct memory_file *find_file(const char *path)
{
    struct memory_disk *disk = disk_of(path);

    for (size_t i = 0; disk && i < MEMORY_DISK_FILES; i++)
        if (!disk->files[i].deleted && strcmp(disk->files[i].name, path) == 0)
            return &disk->files[i];
    return NULL;
}

int __wrap_rename(const char *from, const char *to)
{
    struct memory_file *file = find_file(from);

    if (!disk_of(from))
        return __real_rename(from, to);
    if (!file) {
        errno = ENOENT;
        return -1;
    }
    snprintf(file->name, sizeof(file->name), "%s", to);
    return 0;
}

int __wrap_access(const char *path, int mode)
{
    if (!disk_of(path))
        return __real_access(path, mode);
    errno = ENOENT;
    return find_file(path) ? 0 : -1;
}
