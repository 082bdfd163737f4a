/* SPDX-License-Identifier: GPL-3.0-or-later */
/* verdict.h: what a presentation comes to (decision contract 3 and 5). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/text.h"
#include "gateway/core/policy.h"

/* In the order of the contract's table; within a row in the order the row names them. */
enum reason {
    REASON_UNKNOWN_POINT,
    REASON_STALE,
    REASON_LOCKDOWN,
    REASON_DOOR_BLOCKED,
    REASON_LOCKED_OUT,
    REASON_UNKNOWN_CREDENTIAL,
    REASON_AMBIGUOUS_CREDENTIAL,
    REASON_PIN_WRONG,
    REASON_DIFFERENT_USERS,
    REASON_CREDENTIAL_PENDING,
    REASON_CREDENTIAL_BLOCKED,
    REASON_CREDENTIAL_LOST,
    REASON_CREDENTIAL_INVALID,
    REASON_CREDENTIAL_NOT_STARTED,
    REASON_CREDENTIAL_EXPIRED,
    REASON_USED_UP,
    REASON_ASSURANCE_TOO_LOW,
    REASON_UNKNOWN_USER,
    REASON_USER_PENDING,
    REASON_USER_SUSPENDED,
    REASON_USER_CANCELLED,
    REASON_USER_NOT_STARTED,
    REASON_USER_EXPIRED,
    REASON_USER_BLOCKED,
    REASON_MOBILE_NOT_ENABLED,
    REASON_LINK_DISABLED,
    REASON_LINK_STALE,
    REASON_NO_RULE,
    REASON_TYPE_NOT_ALLOWED,
    REASON_OUTSIDE_SCHEDULE,
    REASON_MIN_INTERVAL,
    REASON_ANTI_PASSBACK,
    REASON_AREA_FULL,
    REASON_INTERLOCK,
    REASON_FACTORS_NOT_ALLOWED,
    REASON_SECOND_FACTOR_REQUIRED,
    REASON_SECOND_PERSON_REQUIRED,
    REASON_CLOCK_UNTRUSTED, /* stands where the time reason stood that it takes the place of */
    REASON_RULE,
    REASON_DOOR_UNLOCKED,
    REASONS,
};

enum verdict_kind { VERDICT_GRANT, VERDICT_DENY, VERDICT_PENDING };

/* Bits of warnings, in the order in which they are written. */
enum warning { WARNING_ANTI_PASSBACK = 1, WARNING_CLOCK_UNTRUSTED = 2, WARNING_DURESS = 4 };

/* Indexes are of the policy that decided; POLICY_NONE where there is none. */
struct verdict {
    enum verdict_kind kind;
    enum reason reason;
    uint8_t failed[REASONS]; /* reasons, in the order of the table */
    size_t failed_count;
    unsigned warnings;
    uint32_t point;
    uint32_t door;
    uint32_t user;
    uint32_t second_user; /* of a two-person grant: who came first */
    uint32_t credential;
    uint32_t rule;
    int64_t retry_after_s; /* 0: does not apply */
    bool extended;         /* for somebody who needs longer to pass */
    int64_t pulse_ms;      /* 0: no release (DOOR_UNLOCKED, or no grant) */
    uint64_t grant;        /* serial number of a grant that awaits or made a passage; 0: none */
    bool limited;          /* a credential with a use limit: the commit comes before the release */
};

/* "USER_EXPIRED"; and back, REASONS if there is none. */
const char *reason_name(enum reason reason);
enum reason reason_find(const char *name);
const char *verdict_kind_name(enum verdict_kind kind); /* "grant" */

/* The word of one warning bit: "ANTI_PASSBACK". */
const char *warning_name(enum warning warning);

/* Writes the members of contract 5 behind at and point: "verdict" … "pulse_ms", into an open object. */
struct json_out;
void verdict_add(struct json_out *out, const struct policy *policy, const struct verdict *verdict);
