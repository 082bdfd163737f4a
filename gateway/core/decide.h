/* SPDX-License-Identifier: GPL-3.0-or-later */
/* decide.h: the decision itself (decision contract 3): one pure function over policy, world, session and
 * time. It changes nothing and allocates nothing. */
#pragma once

#include "gateway/core/policy.h"
#include "gateway/core/verdict.h"
#include "gateway/core/world.h"

/* A credential that was presented. */
struct shown {
    enum credential_type type;
    enum assurance assurance;
    uint8_t hash[CREDENTIAL_HASH_BYTES];
    uint32_t credential; /* to be looked up by type and hash: POLICY_NONE; else this one is meant */
};

/* What one person presented, in that order, each credential once. */
struct showing {
    struct shown shown[WORLD_SESSION_MAX];
    size_t count;
};

/* What is going on at an access point, the presentation to be decided included. */
struct session {
    struct showing present; /* of who is presenting */
    size_t last;            /* which of them was just presented */
    struct showing first;   /* complete credentials of the first of two people; may be empty */
    int64_t last_us;        /* boot time of the last presentation */
    int64_t age_us;         /* of that one */
};

/* How much is known of who presents; each includes those before it. */
enum known {
    KNOWN_NOTHING,
    KNOWN_NAME, /* no credential is unknown or ambiguous: they name somebody */
    KNOWN_USER, /* who is in the policy */
};

/* Who showed what. */
struct party {
    const struct showing *showing;
    uint32_t found[WORLD_SESSION_MAX];                       /* POLICY_NONE: none, or too many */
    struct policy_credential credentials[WORLD_SESSION_MAX]; /* that were found */
    unsigned types;                                          /* presented: bit 1 << credential_type */
    bool unknown;
    bool ambiguous;
    bool pin_wrong;
    bool different;
    enum known known;
    uint32_t user_ref;      /* the session's user, in the policy or not */
    uint32_t user;          /* POLICY_NONE: not known */
    struct policy_user who; /* if known */
};

struct decision {
    struct verdict verdict;
    struct party present;
    struct party first;
    bool with_first; /* both are released */
};

/* point: index of the access point, POLICY_NONE if it is not in the policy. world decides by its policy. */
void decide(const struct world *world, uint32_t point, const struct session *session,
            const struct timestamp *now, struct decision *ret);
