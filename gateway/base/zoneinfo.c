/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zoneinfo.c: core knows zones by their bytes only; this is where these come from. The letters of a name
 * have no dot among them, so that no name leads out of the directory. */
#include "gateway/base/zoneinfo.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/file.h"

#define DIRECTORY      "/usr/share/zoneinfo/"
#define NAME_BYTES_MAX 64
#define LETTERS        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/"

bool zoneinfo_name_valid(const char *name)
{
    size_t len = strlen(name);

    return len > 0 && len <= NAME_BYTES_MAX && name[0] != '/' && name[len - 1] != '/' &&
           strspn(name, LETTERS) == len;
}

int zoneinfo_read(void *user, const char *name, char **ret_bytes, size_t *ret_len)
{
    char path[sizeof(DIRECTORY) + NAME_BYTES_MAX];

    if (!zoneinfo_name_valid(name))
        return -EINVAL;
    snprintf(path, sizeof(path), DIRECTORY "%s", name);
    return file_read(path, ZONEINFO_BYTES_MAX, ret_bytes, ret_len);
}
