/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_store_file.h: the open file, and what delta and snapshot do alike. For the one thread that has the
 * file.
 *
 * A change returns an enum policy_outcome or a negative errno. It works on a copy of the head, which becomes
 * the file's when the transaction has been committed.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "gateway/core/policy.h"
#include "gateway/store/policy_store.h"
#include "gateway/store/policy_store_rows.h"
#include "proto/digest.h"
#include "proto/json.h"

struct policy_file {
    struct policy_rows rows;
    struct policy_head head; /* as committed */
    uint8_t secret[SECRET_BYTES];
    int64_t floor_generation;
    int64_t floor_version;
    char image[PATH_MAX]; /* path of the compiled copy */
    int64_t image_people_min;
    bool image_failed;     /* to be written, the last time */
    struct policy *policy; /* in force; what deltas are compiled from */
    bool by_image;         /* opened by it: the rows of people have not been looked at */
    struct key_set keys;   /* of the policy that came in force last, until they are taken */
};

/* An item as the cloud sends it. */
struct policy_item_source {
    const char *kind;
    int64_t rev;
    struct json_object *item; /* is sealed in place */
};

/* Opens or creates what options say, and compiles what is in force. Returns 0 with *ret_policy the caller's
 * to free, -EUCLEAN if the file cannot be trusted, or what database_open() says; ret_text says why. */
int policy_store_file_open(struct policy_file *file, const struct policy_store_options *options,
                           struct policy **ret_policy, char ret_text[static DATABASE_TEXT_SIZE]) must_check;

/* The `key` items of the policy that came in force last, the caller's to finish. */
struct key_set policy_store_file_take_keys(struct policy_file *file);

/* From here on the policy is the one in force, of which the file keeps hold too. Returns it. */
struct policy *policy_store_file_follow(struct policy_file *file, struct policy *policy);

/* Whether the compiled copy and what was noted come to what is in force; whether it should be written; writes
 * it, or does away with it. Best effort: without it the next start takes longer. */
bool policy_store_file_image_is_good(const struct policy_head *head);
bool policy_store_file_image_is_due(const struct policy_file *file);
void policy_store_file_save_image(struct policy_file *file);

/* How far the rows have been read; begins as zeros. */
struct policy_check {
    int beginnings;
    char root[ROOT_SIZE];     /* they must come to */
    struct digest sum;        /* of those up to here: */
    struct digest_sums *sums; /* the same by buckets; NULL: not wanted */
    char kind[POLICY_KIND_SIZE];
    char id[ID_SIZE];
};

/* Reads the next of the rows that are in force. Returns 1 if there are more, 0 if all of them are what the
 * head says, -EUCLEAN if they are not, or another negative errno. */
int policy_store_file_verify(struct policy_file *file, struct policy_check *check) must_check;

/* Adds the next of the items that are in force to their buckets' sums. Returns 1 if there are more, 0 at the
 * end, -ECANCELED if others came in force meanwhile, or another negative errno. */
int policy_store_file_sum(struct policy_file *file, struct policy_check *check) must_check;

/* Harmless on a zeroed struct. */
void policy_store_file_close(struct policy_file *file);

/* Whether one version comes before another. */
bool policy_store_file_before(int64_t generation, int64_t version, int64_t other_generation,
                              int64_t other_version);

/* Names the item that a report is about, as far as it has a name. */
void policy_store_file_name_item(struct policy_report *report, const char *kind, struct json_object *item);

/* Checks, seals and puts an item of that version of the policy; report names it already. Returns 0,
 * POLICY_REJECTED or a negative errno. */
int policy_store_file_put(struct policy_file *file, int64_t slot, int64_t version,
                          const struct policy_item_source *source, struct policy_report *report) must_check;

/* Takes back what is staged, in head and rows. Returns 0 or a negative errno. */
int policy_store_file_unstage(struct policy_file *file, struct policy_head *head) must_check;

/* Ends the transaction of a change that came to r: APPLIED and STAGED write the head and are committed,
 * anything else is rolled back. Returns r, or the negative errno of a failed commit. */
int policy_store_file_end(struct policy_file *file, const struct policy_head *head, int r) must_check;

/* Notes why a change is refused. Returns POLICY_REJECTED. */
int policy_store_file_reject(struct policy_report *report, enum policy_code code, const char *member,
                             const char *text);

/* Completes the report of a change that came to r. */
void policy_store_file_report(const struct policy_file *file, int r, struct policy_report *report);
