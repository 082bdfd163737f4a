/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_store_model.h: policies whose content follows from the version's number, so that what a fault leaves
 * behind can be told from a mix of two.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/store/policy_store.h"

/* Versions that one change leads forward. */
#define POLICY_STORE_MODEL_SPAN 3

struct fixture;

/* Leads the store from its version to the one SPAN above, by delta or, if that cannot be or is not wished, by
 * snapshot; a snapshot that is staged goes on. Returns the outcome of the last part. */
enum policy_outcome policy_store_model_change(struct fixture *f, bool delta);

/* Opens the file and closes it again: its rows are those of the version that its head states, all of them and
 * no other. Returns the version. */
int64_t policy_store_model_check(struct fixture *f);
