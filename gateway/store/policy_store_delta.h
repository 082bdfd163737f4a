/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_store_delta.h: a change between two versions (cloud contract 2, P2 and P3). */
#pragma once

#include "gateway/store/policy_store.h"
#include "gateway/store/policy_store_file.h"

/* Fills *ret_report, zeroed before, as policy_store_apply() says. */
void policy_store_delta_apply(struct policy_file *file, const struct policy_delta *delta,
                              struct policy_report *ret_report);
