/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rows.h: one person tried by the rows of the contract's table. */
#pragma once

#include "gateway/core/decide.h"
#include "gateway/core/memory.h"
#include "gateway/core/mode.h"

#define TYPE_BIT(type)     (1u << (type))
#define REASON_BIT(reason) (UINT64_C(1) << (reason))

_Static_assert(REASONS <= 64, "reasons are kept as bits");

/* What the rows look at, then what they found. */
struct trial {
    const struct world *world;
    const struct policy *policy;
    const struct timestamp *now;
    const struct session *session;
    uint32_t point_index;
    const struct policy_point *point;
    const struct policy_door *door;
    const struct door_memory *door_memory;
    struct held_mode below; /* at the door, were there no fire and no site lockdown */
    const struct party *party;
    const struct party *other; /* the other person of the session; NULL: none */
    bool other_passes;         /* and would be granted too */
    struct local_time local;   /* with a trusted clock */

    uint64_t row; /* reasons that fail in the row being checked */
    uint64_t failed;
    uint8_t order[REASONS]; /* the same in the order of the table */
    size_t count;
    unsigned warnings;
    uint32_t rule;
    int64_t lockout_s; /* how long until another try */
    int64_t interval_s;
};

/* Checks rows 2 to 26 in their order; `again` is for the first of two people, who has passed the others
 * already (row 26). */
void rows_check(struct trial *t, bool again);
