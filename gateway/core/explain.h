/* SPDX-License-Identifier: GPL-3.0-or-later */
/* explain.h: a verdict's reasons in words, with the values that failed ("rule Evenings opens Mon-Fri
 * 17:00-22:00, it was Sunday 10:12"). Pure. */
#pragma once

#include "gateway/base/text.h"
#include "gateway/core/world.h"

/* Appends one sentence without a full stop for one of verdict->failed. */
void explain_reason(struct text *text, const struct world *world, const struct policy *policy,
                    const struct verdict *verdict, enum reason reason, const struct timestamp *now);

/* A schedule as people write it, in the week that holds this day: "Mon-Fri 08:00-18:00, Sat 10:00-14:00". */
void explain_schedule(struct text *text, const struct policy *policy, uint32_t schedule, int32_t day);
