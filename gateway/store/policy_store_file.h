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
    bool by_image;       /* opened by it: the rows of people have not been looked at */
    struct key_set keys; /* of the policy that came in force last, until they are taken */
};

/* An item as the cloud sends it. */
struct policy_item_source {
    const char *kind;
    int64_t rev;
    struct json_object *item; /* is sealed in place */
};

/* A slot's items, compiled, with the root that they come to. */
struct policy_compiled {
    struct policy *policy; /* the caller's to free */
    int64_t items;
    char root[ROOT_SIZE];
};

/* Opens or creates what options say, and compiles what is in force. Returns 0 with *ret_policy the caller's
 * to free, -EUCLEAN if the file cannot be trusted, or what database_open() says; ret_text says why. */
int policy_store_file_open(struct policy_file *file, const struct policy_store_options *options,
                           struct policy **ret_policy, char ret_text[static DATABASE_TEXT_SIZE]) must_check;

/* The `key` items of the policy that came in force last, the caller's to finish. */
struct key_set policy_store_file_take_keys(struct policy_file *file);

/* Writes the compiled copy of what is in force. Best effort: without it the next start takes longer. */
void policy_store_file_save_image(const struct policy_file *file, const struct policy *policy);

/* Reads every row that is in force. Returns 0, -EUCLEAN if they are not what the head says, or another
 * negative errno. */
int policy_store_file_verify(struct policy_file *file) must_check;

/* Adds every item that is in force to its bucket's sum. Returns 0 or a negative errno. */
int policy_store_file_sum(struct policy_file *file, struct digest_sums *sums) must_check;

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

/* Compiles a slot, whose root must be the one stated. Returns 0, POLICY_REJECTED or a negative errno. */
int policy_store_file_compile(struct policy_file *file, int64_t slot, const char *root,
                              struct policy_compiled *ret_compiled, struct policy_report *report) must_check;

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
