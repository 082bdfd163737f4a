/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_store_image.h: the compiled people of the policy in force, in a file beside policy.db, so that a
 * start need not read a million rows.
 *
 * The file is a copy of what the rows say, or once said: the database knows of which position it is, and
 * notes who was changed since, so that it need not be written for each change. It is taken only for exactly
 * that position; one that is missing, cut off or damaged costs the time of compiling and nothing else.
 */
#pragma once

#include "gateway/base/cleanup.h"
#include "gateway/core/policy_image.h"
#include "gateway/store/policy_store_rows.h"

/* Longest file. */
#define POLICY_STORE_IMAGE_BYTES_MAX (1024u * 1024 * 1024)

/* Names the policy that is at a position, and the secret it is sealed with. */
void policy_store_image_key(const struct policy_position *position, const uint8_t secret[static SECRET_BYTES],
                            uint8_t ret_key[static POLICY_IMAGE_KEY_BYTES]);

/* Reads the file and has builder take it. Returns 0, -EBADMSG (it is not for this key, or damaged), or a
 * negative errno. */
int policy_store_image_take(const char *path, const uint8_t key[static POLICY_IMAGE_KEY_BYTES],
                            struct policy_builder *builder) must_check;

/* Writes the file anew. Returns 0 or a negative errno. */
int policy_store_image_save(const char *path, const uint8_t key[static POLICY_IMAGE_KEY_BYTES],
                            const struct policy *policy) must_check;
