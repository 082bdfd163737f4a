/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_builder.h: a policy in the making. Only policy_builder.c and policy_people.c see it. */
#pragma once

#include "gateway/core/policy_internal.h"

/* An instant as it stands in an item: dates become instants once the site's zone is known. Without padding,
 * since it is part of an interner's key. */
enum raw_form { RAW_UNSET, RAW_DATE, RAW_INSTANT };
struct raw_instant {
    int64_t us;
    int32_t day;
    int32_t form;
};

struct raw_validity {
    struct raw_instant from;
    struct raw_instant until;
};

/* Likewise without padding. */
struct raw_terms {
    struct raw_validity validity;
    int32_t uses;
    uint8_t type;
    uint8_t status;
    uint16_t duress;
};

struct raw_block {
    struct raw_instant from;
    uint32_t message;
};

struct policy_builder {
    policy_zone_fn *read_zone;
    void *user;
    struct policy *policy;
    size_t users_size;
    size_t credentials_size;
    struct interner user_ids;   /* users that are there or referred to; their numbers */
    uint32_t *user_refs;        /* number of each user record */
    uint32_t *missing_users;    /* numbers of those that are not there, in the order of their user_ref */
    struct interner validities; /* of users */
    struct interner terms;      /* of credentials */
    struct interner tagsets;    /* ids, each ended by NUL, ascending */
    struct interner links;      /* ids */
    struct raw_block *blocks;
    size_t block_count;
};

/* Everything else is compiled. Returns 0 or -ENOMEM. */
int policy_finish_people(struct policy_builder *builder) must_check;

/* The same from the image that was taken. Returns 0 or -EBADMSG (it is of another time zone). */
int policy_image_adopt(struct policy_builder *builder) must_check;

/* A number that tells contents apart. */
uint64_t policy_image_sum(const void *bytes, size_t len);
