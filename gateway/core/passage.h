/* SPDX-License-Identifier: GPL-3.0-or-later */
/* passage.h: grants that await their passage (decision contract 4, fine print "reservation and passage"). */
#pragma once

#include "gateway/core/memory.h"

/* Gets everything that a grant needs, so that nothing can fail once it is given. *ret_awaited is NULL if the
 * grant moves and uses nothing; else it goes to passage_begin(). Returns 0 or -ENOMEM. */
int passage_prepare(struct world *world, const struct decision *decision,
                    struct awaited **ret_awaited) must_check;

/* The grant is given: reserves, and confirms at once where the passage is assumed. Returns its number. */
uint64_t passage_begin(struct world *world, struct awaited *awaited);

/* Ends an awaited grant of its door. */
void passage_confirm(struct world *world, struct awaited *awaited);
void passage_give_up(struct world *world, struct awaited *awaited);

/* Ends what was awaited for too long; *due_us is brought forward to the next end. */
void passage_time_out(struct world *world, struct door_memory *door, int64_t *due_us);

/* The oldest awaited grant of a door in a direction (DIRECTIONS: in any), or NULL. */
struct awaited *passage_oldest(const struct door_memory *door, enum direction direction);

/* The awaited grant with that number, or NULL. */
struct awaited *passage_find(const struct world *world, uint64_t grant);
