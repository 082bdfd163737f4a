/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_rule.h: the rule in a TZif file's footer: "CET-1CEST,M3.5.0,M10.5.0/3" (POSIX TZ, extended by RFC
 * 8536, 3.3.1). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum zone_day_form {
    ZONE_DAY_JULIAN,  /* Jn: 1 to 365, February 29 is never counted */
    ZONE_DAY_ORDINAL, /* n: 0 to 365 */
    ZONE_DAY_MONTH,   /* Mm.w.d: the wth (5: the last) day d (0: Sunday) of month m */
};

struct zone_moment {
    enum zone_day_form form;
    int day; /* of either of the first two forms, or of the week */
    int month;
    int week;
    int32_t second; /* of that day by the clock in force before, -167 h to 167 h */
};

struct zone_rule {
    int32_t offset; /* standard time, seconds east of UTC */
    bool has_dst;
    int32_t dst_offset;
    struct zone_moment begins;
    struct zone_moment ends;
};

/* When it begins and ends in one year, in seconds since 1970. */
struct zone_rule_year {
    int64_t dst_begins;
    int64_t dst_ends;
};

/* Returns false if text is no such rule. */
bool zone_rule_parse(const char *text, struct zone_rule *ret);

struct zone_rule_year zone_rule_year(const struct zone_rule *rule, int year);
