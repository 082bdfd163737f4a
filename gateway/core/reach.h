/* SPDX-License-Identifier: GPL-3.0-or-later */
/* reach.h: who would be let in where, and which rules came nearest to it. For people who ask, never for a
 * decision. Pure: nothing changes and nothing is allocated. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/world.h"

/* Rules that are told of. */
#define REACH_RULES_MAX 5

/* An opening within so many days is told. */
#define REACH_DAYS 7

/* Why a rule does not let somebody in, nearest first. */
enum reach_state {
    REACH_CLOSED,      /* its schedule is */
    REACH_OTHER_TYPE,  /* it takes other types of credentials */
    REACH_NOT_STARTED, /* it is not valid yet */
    REACH_EXPIRED,     /* it is not valid any more */
    REACH_OFF,         /* it is not enabled */
    REACH_OTHERS,      /* it lets others in here: valid and enabled, but the user has none of its tags */
};

struct reach_rule {
    uint32_t rule;
    enum reach_state state;
    int64_t opens_us; /* UTC; INSTANT_MIN: it is open; INSTANT_MAX: not within REACH_DAYS, or not known */
};

/* "closed", "other_type", … */
const char *reach_state_name(enum reach_state state);

/* Whether an enabled rule joins them, whatever the time. */
bool reach_joins(const struct policy *policy, uint32_t user, uint32_t point);

/* The best that one of the user's credentials comes to there (world_ask()); without any,
 * UNKNOWN_CREDENTIAL, or UNKNOWN_POINT if it is that. ret->user is the user, whatever failed. */
void reach_ask(const struct world *world, uint32_t user, uint32_t point, const struct timestamp *now,
               struct verdict *ret);

/* The rules that came nearest to letting verdict->user in, if NO_RULE, TYPE_NOT_ALLOWED or OUTSIDE_SCHEDULE
 * is among what failed; those nearer first, then those that open earlier. Returns how many. */
size_t reach_nearest(const struct world *world, const struct verdict *verdict, const struct timestamp *now,
                     struct reach_rule ret[static REACH_RULES_MAX]);
