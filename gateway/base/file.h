/* SPDX-License-Identifier: GPL-3.0-or-later */
/* file.h: whole small files. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "gateway/base/cleanup.h"

/* Reads a whole file of at most size_max bytes. *ret_bytes is the caller's to free and has a NUL behind its
 * last byte; it is from pages_alloc(). Returns 0, -EFBIG, or what open or read said. */
int file_read(const char *path, size_t size_max, char **ret_bytes, size_t *ret_len) must_check;

/* Replaces a file: temporary neighbour, fsync, rename, fsync of the directory. Returns 0 or a negative errno.
 */
int file_write(const char *path, const void *bytes, size_t len, mode_t mode) must_check;
