/* SPDX-License-Identifier: GPL-3.0-or-later */
/* advance.h: what happens by itself as time goes on. */
#pragma once

#include "gateway/core/memory.h"

/* Takes over the time and lets happen what is due: forgive_at, ends of awaited passages and of overrides,
 * changes of mode. Every call of the world that is given the time begins with it. */
void advance_to(struct world *world, const struct timestamp *now);

/* After a change of policy: computes anew what is due. */
void advance_replan(struct world *world);

/* Tells of another mode holding at one door, at any door. */
void advance_tell_mode(struct world *world, uint32_t door);
void advance_tell_modes(struct world *world);
