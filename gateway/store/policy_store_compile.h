/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_store_compile.h: from rows to a policy: from all of them, or from the policy before and those that
 * were changed. Both come to the same policy.
 *
 * Each returns 0, POLICY_REJECTED with what is wrong in report, or a negative errno.
 */
#pragma once

#include "gateway/base/cleanup.h"
#include "gateway/core/item.h"
#include "gateway/store/policy_store_file.h"

/* A slot's items, compiled, with the root that they come to. */
struct policy_compiled {
    struct policy *policy; /* the caller's to free */
    int64_t items;
    char root[ROOT_SIZE];
};

/* A user or credential that was put or deleted. */
struct policy_change {
    enum item_kind kind;
    char id[ID_SIZE];
};

/* What a change made of the policy in force. */
struct policy_changes {
    const char *root;  /* stated */
    bool whole;        /* rows changed that are not counted here */
    struct digest sum; /* of its items now */
    int64_t items;
    struct policy_change *people;
    size_t count;
};

/* Reads a slot, whose root must be the one stated. */
int policy_store_compile_whole(struct policy_file *file, int64_t slot, const char *root,
                               struct policy_compiled *ret_compiled, struct policy_report *report) must_check;

/* What is in force with these changes, whose rows have been written. Notes them beside the compiled copy, in
 * head and rows, or that the copy is good for nothing any more. changes->people is put in order. */
int policy_store_compile_changed(struct policy_file *file, struct policy_head *head,
                                 struct policy_changes *changes, struct policy_compiled *ret_compiled,
                                 struct policy_report *report) must_check;

/* What is in force, its people from the compiled copy and what was changed since. Anything but 0: it has to
 * be compiled whole. */
int policy_store_compile_image(struct policy_file *file, struct policy **ret_policy) must_check;
