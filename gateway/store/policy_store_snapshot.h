/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_store_snapshot.h: a whole policy in chunks, staged beside the one in force (cloud contract 2, P6 and
 * P8). */
#pragma once

#include <stddef.h>

#include "gateway/store/policy_store.h"
#include "gateway/store/policy_store_file.h"

/* Each fills *ret_report, zeroed before, as policy_store.h says of its namesake. */
void policy_store_snapshot_begin(struct policy_file *file, const struct policy_manifest *manifest,
                                 struct policy_report *ret_report);
void policy_store_snapshot_chunk(struct policy_file *file, const void *bytes, size_t len,
                                 struct policy_report *ret_report);
void policy_store_snapshot_cancel(struct policy_file *file, struct policy_report *ret_report);
