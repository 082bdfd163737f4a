/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zoneinfo.h: the system's tz database for policies. */
#pragma once

#include <stddef.h>

#include "gateway/base/cleanup.h"

/* Reads a zone's file; a policy_zone_fn. Returns 0, -EINVAL for a name that no zone has, or what reading
 * said. */
int zoneinfo_read(void *user, const char *name, char **ret_bytes, size_t *ret_len) must_check;
