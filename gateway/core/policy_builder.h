/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_builder.h: a policy in the making. Only the policy_*.c files that compile people see it. */
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
    struct interner validities; /* of users */
    struct interner terms;      /* of credentials */
    struct interner tagsets;    /* ids, each ended by NUL, ascending */
    struct interner links;      /* ids */
    struct raw_block *blocks;
    size_t block_count;

    const struct policy *base; /* whose people are taken over, and changed by what is added and removed */
    struct policy *image;      /* the base, if it is of an image; else NULL */
    bool changed;              /* people were added or removed */
    struct pool removed[ITEM_KINDS]; /* ids; of people only */
};

/* People were added and there is no base: sorts, numbers and finds them. Returns 0 or a negative errno. */
int policy_finish_people(struct policy_builder *builder) must_check;

/* The base's with the changes made. Returns 0 or a negative errno. */
int policy_merge_people(struct policy_builder *builder) must_check;

/* What people have in common: numbers what the base has, before anybody is added; and all of it in the
 * policy. Each returns 0 or a negative errno. */
int policy_take_shared(struct policy_builder *builder) must_check;
int policy_finish_shared(struct policy_builder *builder) must_check;

/* The people of an image that was checked become the policy's, with the image; it is of nobody else any more.
 */
void policy_image_adopt(struct policy *policy, struct policy *image);

/* Sorts both lists by id. *ret_users_from: where each user was before, NULL if they were in order; the
 * caller's to free. Returns 0 or -ENOMEM. */
int policy_sort_people(struct policy *policy, uint32_t **ret_users_from) must_check;

/* Credentials in order of their users; slots and chains of credentials by their hash. Each returns 0 or
 * -ENOMEM. */
int policy_index_by_user(struct policy *policy) must_check;
int policy_index_by_hash(struct policy *policy) must_check;

/* A number that tells contents apart. */
uint64_t policy_image_sum(const void *bytes, size_t len);
