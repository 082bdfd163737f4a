/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zoneinfo.h: the files of the system's time zone database, as bytes; gateway/core/zone.h reads them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/cleanup.h"

/* Longest file that is taken for a zone, in bytes. */
#define ZONEINFO_BYTES_MAX (256u * 1024)

/* Whether a name may be looked up below the database's directory: "Europe/Vienna", but nothing that leads
 * out of it. */
bool zoneinfo_name_valid(const char *name);

/* Reads a zone's file; user is not looked at. *ret_bytes is the caller's to free. Returns 0, -EINVAL for a
 * name that no zone has, or what file_read() says. */
int zoneinfo_read(void *user, const char *name, char **ret_bytes, size_t *ret_len) must_check;
