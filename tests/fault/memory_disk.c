/* SPDX-License-Identifier: GPL-3.0-or-later */
/* memory_disk.c: a SQLite VFS; what is not about files is left to the one that SQLite would use. */
#include "tests/fault/memory_disk.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct open_file {
    sqlite3_file base;
    struct memory_disk *disk;
    struct memory_file *file;
};

static bool power_is_off(const struct memory_disk *disk)
{
    return disk->cut_at > 0 && disk->operations >= disk->cut_at;
}

/* Counts an operation that changes something. Returns SQLITE_OK if it may be done. */
static int operate(struct memory_disk *disk)
{
    uint64_t n = disk->operations++;

    if (power_is_off(disk))
        return SQLITE_IOERR;
    return n >= disk->fail_from && n < disk->fail_to ? disk->fail_code : SQLITE_OK;
}

static void resize(struct memory_image *image, size_t len)
{
    if (len > image->len) {
        image->bytes = realloc(image->bytes, len);
        assert(image->bytes);
        memset(image->bytes + image->len, 0, len - image->len);
    }
    image->len = len;
}

static void copy_image(struct memory_image *to, const struct memory_image *from)
{
    resize(to, from->len);
    if (from->len > 0)
        memcpy(to->bytes, from->bytes, from->len);
}

static void mark_dirty(struct memory_file *file, size_t from, size_t to)
{
    if (file->dirty_from == file->dirty_to)
        file->dirty_from = from;
    file->dirty_from = from < file->dirty_from ? from : file->dirty_from;
    file->dirty_to = to > file->dirty_to ? to : file->dirty_to;
}

/* Only what is dirty: a WAL is long and synced often. */
static void sync_file(struct memory_file *file)
{
    size_t to = file->dirty_to < file->now.len ? file->dirty_to : file->now.len;

    resize(&file->synced, file->now.len);
    if (to > file->dirty_from)
        memcpy(file->synced.bytes + file->dirty_from, file->now.bytes + file->dirty_from,
               to - file->dirty_from);
    file->dirty_from = file->dirty_to = 0;
}

/* It is gone now, and after a cut only perhaps. */
static void delete_file(struct memory_file *file)
{
    resize(&file->now, 0);
    mark_dirty(file, 0, file->synced.len);
    file->deleted = true;
}

static void remove_file(struct memory_file *file)
{
    free(file->now.bytes);
    free(file->synced.bytes);
    *file = (struct memory_file){ 0 };
}

static void sync_directory(struct memory_disk *disk)
{
    for (size_t i = 0; i < MEMORY_DISK_FILES; i++)
        if (disk->files[i].deleted)
            remove_file(&disk->files[i]);
}

static int file_close(sqlite3_file *base)
{
    return SQLITE_OK;
}

static int file_read(sqlite3_file *base, void *bytes, int len, sqlite3_int64 offset)
{
    const struct open_file *open = (struct open_file *)base;
    const struct memory_image *image = &open->file->now;
    size_t at = (size_t)offset, want = (size_t)len, have = 0;

    if (power_is_off(open->disk))
        return SQLITE_IOERR_READ;
    if (at < image->len)
        have = image->len - at < want ? image->len - at : want;
    if (have > 0)
        memcpy(bytes, image->bytes + at, have);
    memset((char *)bytes + have, 0, want - have);
    return have == want ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int file_write(sqlite3_file *base, const void *bytes, int len, sqlite3_int64 offset)
{
    struct open_file *open = (struct open_file *)base;
    struct memory_image *image = &open->file->now;
    size_t end = (size_t)offset + (size_t)len;
    int r = operate(open->disk);

    if (r != SQLITE_OK)
        return r;
    if (end > image->len)
        resize(image, end);
    memcpy(image->bytes + offset, bytes, (size_t)len);
    mark_dirty(open->file, (size_t)offset, end);
    return SQLITE_OK;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    struct open_file *open = (struct open_file *)base;
    int r = operate(open->disk);

    if (r != SQLITE_OK)
        return r;
    mark_dirty(open->file, (size_t)size, open->file->now.len);
    resize(&open->file->now, (size_t)size);
    return SQLITE_OK;
}

static int file_sync(sqlite3_file *base, int flags)
{
    struct open_file *open = (struct open_file *)base;
    int r = operate(open->disk);

    if (r != SQLITE_OK)
        return r;
    sync_file(open->file);
    if (open->file->new_journal)
        sync_directory(open->disk);
    open->file->new_journal = false;
    return SQLITE_OK;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *ret_size)
{
    *ret_size = (sqlite3_int64)((struct open_file *)base)->file->now.len;
    return SQLITE_OK;
}

static int file_lock(sqlite3_file *base, int level)
{
    return SQLITE_OK;
}

static int file_reserved(sqlite3_file *base, int *ret_reserved)
{
    *ret_reserved = 0;
    return SQLITE_OK;
}

/* SQLite goes on with the pragma as it finds it afterwards. */
static int file_control(sqlite3_file *base, int op, void *argument)
{
    const struct memory_disk *disk = ((struct open_file *)base)->disk;
    char **pragma = argument; /* answer, name, value */

    if (op == SQLITE_FCNTL_PRAGMA && disk->careless && strcmp(pragma[1], "synchronous") == 0)
        memcpy(pragma[2], "1", sizeof("1"));
    return SQLITE_NOTFOUND;
}

static int file_sector(sqlite3_file *base)
{
    return MEMORY_DISK_SECTOR;
}

static int file_device(sqlite3_file *base)
{
    return 0;
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_lock,
    .xCheckReservedLock = file_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_device,
};

/* The file of that name, deleted ones included, or a free place (name ""), or NULL. */
static struct memory_file *find_file(struct memory_disk *disk, const char *name)
{
    for (size_t i = 0; i < MEMORY_DISK_FILES; i++)
        if (strcmp(disk->files[i].name, name) == 0)
            return &disk->files[i];
    return NULL;
}

static int disk_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *base, int flags, int *ret_flags)
{
    struct memory_disk *disk = vfs->pAppData;
    struct open_file *open = (struct open_file *)base;
    struct memory_file *file;

    base->pMethods = NULL;
    assert(name);
    if (power_is_off(disk))
        return SQLITE_CANTOPEN;
    file = find_file(disk, name);
    if (!file && (flags & SQLITE_OPEN_CREATE)) {
        file = find_file(disk, "");
        assert(file && strlen(name) < sizeof(file->name));
        strcpy(file->name, name);
    }
    if (!file || (file->deleted && !(flags & SQLITE_OPEN_CREATE)))
        return SQLITE_CANTOPEN;
    if (file->deleted || file->now.len == 0)
        file->new_journal = flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL);
    file->deleted = false;
    *open = (struct open_file){ .base.pMethods = &methods, .disk = disk, .file = file };
    if (ret_flags)
        *ret_flags = flags;
    return SQLITE_OK;
}

static int disk_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    struct memory_disk *disk = vfs->pAppData;
    struct memory_file *file = find_file(disk, name);
    int r = operate(disk);

    if (r != SQLITE_OK)
        return r;
    if (!file || file->deleted)
        return SQLITE_IOERR_DELETE_NOENT;
    delete_file(file);
    if (sync)
        sync_directory(disk);
    return SQLITE_OK;
}

static int disk_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret_there)
{
    const struct memory_file *file = find_file(vfs->pAppData, name);

    *ret_there = file && !file->deleted;
    return SQLITE_OK;
}

static int disk_path(sqlite3_vfs *vfs, const char *name, int size, char *ret_path)
{
    snprintf(ret_path, (size_t)size, "%s", name);
    return SQLITE_OK;
}

void memory_disk_install(struct memory_disk *disk)
{
    disk->vfs = *sqlite3_vfs_find(NULL);
    disk->vfs.pNext = NULL;
    disk->vfs.zName = "memory-disk";
    disk->vfs.szOsFile = sizeof(struct open_file);
    disk->vfs.pAppData = disk;
    disk->vfs.xOpen = disk_open;
    disk->vfs.xDelete = disk_delete;
    disk->vfs.xAccess = disk_access;
    disk->vfs.xFullPathname = disk_path;
    sqlite3_vfs_register(&disk->vfs, 1);
}

static void copy_part(struct memory_image *to, const struct memory_image *from, size_t at, size_t end)
{
    end = end < to->len ? end : to->len;
    end = end < from->len ? end : from->len;
    if (end > at)
        memcpy(to->bytes + at, from->bytes + at, end - at);
}

/* Where nothing is dirty the two are the same. A truncation is done or not: what it would have cut off is as
 * it was synced. */
static void mix_sectors(struct memory_file *file, uint64_t (*draw)(uint64_t *seed), uint64_t *seed)
{
    struct memory_image mixed = { 0 };
    const struct memory_image *images[2] = { &file->synced, &file->now };

    resize(&mixed, images[draw(seed) % 2]->len);
    for (size_t at = 0; at < mixed.len; at += MEMORY_DISK_SECTOR) {
        uint64_t drawn = draw(seed);
        size_t tear = drawn % 4 < 3 ? 0 : draw(seed) % MEMORY_DISK_SECTOR;

        if (at >= file->now.len)
            drawn = tear = 0;
        copy_part(&mixed, images[drawn / 4 % 2], at, at + MEMORY_DISK_SECTOR);
        copy_part(&mixed, images[1 - drawn / 4 % 2], at, at + tear);
    }
    copy_image(&file->now, &mixed);
    free(mixed.bytes);
}

static void restart_file(struct memory_file *file, enum memory_disk_cut cut, uint64_t (*draw)(uint64_t *seed),
                         uint64_t *seed)
{
    if (file->deleted && (cut == MEMORY_DISK_CUT_ALL || (cut == MEMORY_DISK_CUT_SOME && draw(seed) % 2))) {
        remove_file(file);
        return;
    }
    if (file->deleted || cut == MEMORY_DISK_CUT_NOTHING)
        copy_image(&file->now, &file->synced);
    else if (cut == MEMORY_DISK_CUT_SOME)
        mix_sectors(file, draw, seed);
    copy_image(&file->synced, &file->now);
    file->dirty_from = file->dirty_to = 0;
    file->deleted = file->new_journal = false;
}

void memory_disk_restart(struct memory_disk *disk, enum memory_disk_cut cut, uint64_t (*draw)(uint64_t *seed),
                         uint64_t *seed)
{
    for (size_t i = 0; i < MEMORY_DISK_FILES; i++)
        restart_file(&disk->files[i], cut, draw, seed);
    disk->cut_at = 0;
}

enum memory_disk_cut memory_disk_plan(struct memory_disk *disk, uint64_t i, uint64_t operations_max)
{
    disk->cut_at = disk->operations + 1 + i % operations_max;
    return (enum memory_disk_cut)(i / operations_max % MEMORY_DISK_CUTS);
}

bool memory_disk_notices(const char *cuts)
{
    static char seed[] = "1", careless[] = "NORMAL", name[] = "careless";
    char *const argv[] = { name, (char *)(uintptr_t)cuts, seed, careless, NULL };
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        int nowhere = open("/dev/null", O_WRONLY);

        dup2(nowhere, STDOUT_FILENO);
        dup2(nowhere, STDERR_FILENO);
        execv("/proc/self/exe", argv);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

void memory_disk_format(struct memory_disk *disk)
{
    for (size_t i = 0; i < MEMORY_DISK_FILES; i++)
        remove_file(&disk->files[i]);
    disk->operations = 0;
    disk->fail_from = disk->fail_to = 0;
    disk->cut_at = 0;
}
