/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zoneinfo.c: core knows zones by their bytes only; this is where these come from. */
#include "gateway/zoneinfo.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "gateway/base/file.h"
#include "gateway/core/zone.h"

#define ZONEINFO_DIRECTORY "/usr/share/zoneinfo"

int zoneinfo_read(void *user, const char *name, char **ret_bytes, size_t *ret_len)
{
    char path[PATH_MAX];

    if (!zone_name_valid(name) ||
        snprintf(path, sizeof(path), "%s/%s", ZONEINFO_DIRECTORY, name) >= (int)sizeof(path))
        return -EINVAL;
    return file_read(path, ZONE_BYTES_MAX, ret_bytes, ret_len);
}
