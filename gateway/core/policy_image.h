/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_image.h: the people of a compiled policy as one block of bytes, so that a start need not compile
 * them again.
 *
 * An image is good for exactly one policy, one time zone and one build of this program; whoever writes it
 * names the first by a key. It is a copy: one that does not fit, or of which a byte is another, is not taken,
 * and the people are compiled from their items.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "gateway/core/policy.h"

#define POLICY_IMAGE_KEY_BYTES 32

/* Parts to be written one behind the other. */
#define POLICY_IMAGE_PARTS 23

struct policy_image_part {
    const void *bytes;
    size_t len;
};

/* The first part; filled by policy_image_parts(). */
struct policy_image_header {
    uint64_t magic;
    uint64_t layout; /* version and sizes of the records: another build's are not ours */
    uint64_t sum;    /* of everything behind it, the rest of the header included */
    uint8_t key[POLICY_IMAGE_KEY_BYTES];
    uint64_t len;      /* of all parts */
    uint64_t zone_sum; /* of the time zone's file */
    uint64_t edits;
    uint64_t counts[11];
    uint64_t zeros[3];
};

/* Fills header and parts, which borrow from policy. Returns how many parts there are. */
size_t policy_image_parts(const struct policy *policy, const uint8_t key[static POLICY_IMAGE_KEY_BYTES],
                          struct policy_image_header *ret_header,
                          struct policy_image_part ret_parts[static POLICY_IMAGE_PARTS]);

/* Takes over the people of an image, as policy_builder_take_people() does those of a policy. bytes are
 * aligned to 8 (better: to a cache line), and from then on the policy's, which gives them back through
 * release(); unless 0 is returned, they stay the caller's. Returns 0, -ENOMEM or -EBADMSG (not for this key,
 * or damaged). */
int policy_builder_take_image(struct policy_builder *builder, void *bytes, size_t len,
                              const uint8_t key[static POLICY_IMAGE_KEY_BYTES],
                              void (*release)(void *bytes, size_t len)) must_check;
