/* SPDX-License-Identifier: GPL-3.0-or-later */
/* file.c: a file is replaced by rename after fsync, so that a power cut leaves the old or the new one. */
#include "gateway/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "gateway/base/pages.h"

static int read_all(int fd, char *bytes, size_t size, size_t *ret_len)
{
    size_t len = 0;

    while (len < size) {
        ssize_t n = read(fd, bytes + len, size - len);

        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    *ret_len = len;
    return 0;
}

int file_read(const char *path, size_t size_max, char **ret_bytes, size_t *ret_len)
{
    cleanup_with(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    size_t len = 0;

    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (st.st_size < 0 || (size_t)st.st_size > size_max)
        return -EFBIG;
    cleanup_with(freep) char *bytes = pages_alloc((size_t)st.st_size + 1);

    if (!bytes)
        return -ENOMEM;
    int r = read_all(fd, bytes, (size_t)st.st_size, &len);

    if (r < 0)
        return r;
    bytes[len] = '\0';
    *ret_len = len;
    *ret_bytes = take_ptr(bytes);
    return 0;
}

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);

        if (n < 0)
            return -errno;
        bytes += n;
        len -= (size_t)n;
    }
    return fsync(fd) < 0 ? -errno : 0;
}

static int sync_directory_of(const char *path)
{
    char copy[PATH_MAX];

    snprintf(copy, sizeof(copy), "%s", path);
    cleanup_with(closep) int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int file_write(const char *path, const void *bytes, size_t len, mode_t mode)
{
    char temporary[PATH_MAX];

    if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= (int)sizeof(temporary))
        return -ENAMETOOLONG;
    cleanup_with(closep) int fd = mkostemp(temporary, O_CLOEXEC);

    if (fd < 0)
        return -errno;
    int r = fchmod(fd, mode) < 0 ? -errno : write_all(fd, bytes, len);

    if (r == 0 && rename(temporary, path) < 0)
        r = -errno;
    if (r < 0) {
        unlink(temporary);
        return r;
    }
    return sync_directory_of(path);
}
