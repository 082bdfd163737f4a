/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_image.c: the arrays of people are already flat and name everything by number; an image is these
 * arrays behind a header, each padded to whole cache lines. The sum finds what a disk does to bytes; it is no
 * defence against somebody who can write the file, who could write the database beside it. */
#include "gateway/core/policy_image.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/core/policy_builder.h"

#define MAGIC UINT64_C(0x33676d695f6c7473) /* "stl_img3" */

/* Odd constants of the golden ratio and the square root of three. */
#define MIX_A UINT64_C(0x9e3779b97f4a7c15)
#define MIX_B UINT64_C(0xbb67ae8584caa73b)

#define LANES 4

/* The header's sum is policy_image_sum() of what stands behind it. */
#define SUM_FROM offsetof(struct policy_image_header, key)

/* One array of the policy: where its pointer lies, and the size of an entry. */
struct array {
    size_t pointer;
    size_t entry;
};

enum {
    ARRAY_POOL,
    ARRAY_USERS,
    ARRAY_CREDENTIALS,
    ARRAY_BY_USER,
    ARRAY_SLOTS,
    ARRAY_VALIDITIES,
    ARRAY_TERMS,
    ARRAY_BLOCKS,
    ARRAY_TAGSETS,
    ARRAY_LINKAGES,
    ARRAY_MISSING_USERS,
    ARRAYS,
};

static_assert(sizeof(((struct policy_image_header *)0)->counts) == ARRAYS * sizeof(uint64_t),
              "a count for each array");
static_assert(POLICY_IMAGE_PARTS > 2 * ARRAYS, "each array and its padding");
static_assert(sizeof(struct policy_image_header) % POLICY_LINE_BYTES == 0, "arrays begin where a line does");

#define ARRAY(field, type)                                                                                   \
    {                                                                                                        \
        offsetof(struct policy, field), sizeof(type)                                                         \
    }

static const struct array arrays[ARRAYS] = {
    [ARRAY_POOL] = ARRAY(pool.bytes, char),
    [ARRAY_USERS] = ARRAY(users, struct user_record),
    [ARRAY_CREDENTIALS] = ARRAY(credentials, struct credential_record),
    [ARRAY_BY_USER] = ARRAY(by_user, uint32_t),
    [ARRAY_SLOTS] = ARRAY(slots, uint32_t),
    [ARRAY_VALIDITIES] = ARRAY(validities, struct validity),
    [ARRAY_TERMS] = ARRAY(terms, struct terms),
    [ARRAY_BLOCKS] = ARRAY(blocks, struct block),
    [ARRAY_TAGSETS] = ARRAY(tagsets, struct tagset),
    [ARRAY_LINKAGES] = ARRAY(linkages, struct linkage),
    [ARRAY_MISSING_USERS] = ARRAY(missing_users, uint32_t),
};

static uint64_t rotate(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

/* Each step can be undone, so that two texts which differ in one word have different sums. Only the last part
 * of a chain may have a length that is no multiple of eight. */
struct sum {
    uint64_t lanes[LANES];
    size_t next;
};

static void sum_word(struct sum *sum, uint64_t word)
{
    uint64_t *lane = &sum->lanes[sum->next];

    *lane = rotate(*lane ^ word * MIX_A, 29) * MIX_B;
    sum->next = (sum->next + 1) % LANES;
}

static void sum_bytes(struct sum *sum, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    uint64_t word;

    for (; len >= sizeof(word); at += sizeof(word), len -= sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        sum_word(sum, word);
    }
    if (len == 0) /* and perhaps no bytes at all */
        return;
    word = 0;
    memcpy(&word, at, len);
    sum_word(sum, word);
}

static uint64_t sum_end(struct sum *sum)
{
    uint64_t total = sum->next;

    for (size_t i = 0; i < LANES; i++)
        total = rotate(total ^ sum->lanes[i] * MIX_B, 31) * MIX_A;
    return total ^ total >> 32;
}

uint64_t policy_image_sum(const void *bytes, size_t len)
{
    struct sum sum = { .lanes = { len } };

    sum_bytes(&sum, bytes, len);
    return sum_end(&sum);
}

static uint64_t layout(void)
{
    uint64_t sizes[ARRAYS];

    for (size_t i = 0; i < ARRAYS; i++)
        sizes[i] = arrays[i].entry;
    return policy_image_sum(sizes, sizeof(sizes)) ^ policy_image_sum(STILE_VERSION, strlen(STILE_VERSION));
}

static void *array_pointer(const struct policy *policy, size_t i)
{
    void *pointer;

    memcpy(&pointer, (const char *)policy + arrays[i].pointer, sizeof(pointer));
    return pointer;
}

static void set_array_pointer(struct policy *policy, size_t i, void *pointer)
{
    memcpy((char *)policy + arrays[i].pointer, &pointer, sizeof(pointer));
}

static void count_arrays(const struct policy *policy, uint64_t counts[static ARRAYS])
{
    counts[ARRAY_POOL] = policy->pool.len;
    counts[ARRAY_USERS] = (uint64_t)policy->user_count + 1;
    counts[ARRAY_CREDENTIALS] = policy->credential_count;
    counts[ARRAY_BY_USER] = policy->credential_count;
    counts[ARRAY_SLOTS] = policy->slot_count;
    counts[ARRAY_VALIDITIES] = policy->validity_count;
    counts[ARRAY_TERMS] = policy->terms_count;
    counts[ARRAY_BLOCKS] = policy->people_block_count;
    counts[ARRAY_TAGSETS] = policy->tagset_count;
    counts[ARRAY_LINKAGES] = policy->linkage_count;
    counts[ARRAY_MISSING_USERS] = policy->missing_user_count;
}

/* Bytes of header and arrays; of counts that were never ours anything. */
static uint64_t image_len(const struct policy_image_header *header)
{
    uint64_t len = sizeof(*header);

    for (size_t i = 0; i < ARRAYS; i++) {
        uint64_t bytes = (header->counts[i] & UINT32_MAX) * arrays[i].entry;

        len += bytes + policy_padding(bytes);
    }
    return len;
}

size_t policy_image_parts(const struct policy *policy, const uint8_t key[static POLICY_IMAGE_KEY_BYTES],
                          struct policy_image_header *ret_header,
                          struct policy_image_part ret_parts[static POLICY_IMAGE_PARTS])
{
    static const uint8_t zeros[POLICY_LINE_BYTES];
    size_t count = 0;

    memset(ret_header, 0, sizeof(*ret_header));
    ret_header->magic = MAGIC;
    ret_header->layout = layout();
    ret_header->zone_sum = policy->zone_sum;
    memcpy(ret_header->key, key, POLICY_IMAGE_KEY_BYTES);
    ret_header->edits = policy->edits;
    count_arrays(policy, ret_header->counts);
    ret_parts[count++] = (struct policy_image_part){ ret_header, sizeof(*ret_header) };
    ret_header->len = image_len(ret_header);
    struct sum sum = { .lanes = { ret_header->len - SUM_FROM } };

    sum_bytes(&sum, ret_header->key, sizeof(*ret_header) - SUM_FROM);
    for (size_t i = 0; i < ARRAYS; i++) {
        size_t len = ret_header->counts[i] * arrays[i].entry;

        ret_parts[count++] = (struct policy_image_part){ array_pointer(policy, i), len };
        ret_parts[count++] = (struct policy_image_part){ zeros, policy_padding(len) };
        sum_bytes(&sum, array_pointer(policy, i), len);
        sum_bytes(&sum, zeros, policy_padding(len) / 8 * 8); /* the rest is in the array's last word */
    }
    ret_header->sum = sum_end(&sum);
    return count;
}

/* Whether the counts fit each other. */
static bool counts_fit(const struct policy_image_header *header)
{
    const uint64_t *counts = header->counts;

    return counts[ARRAY_USERS] >= 1 && counts[ARRAY_BY_USER] == counts[ARRAY_CREDENTIALS] &&
           counts[ARRAY_SLOTS] > counts[ARRAY_CREDENTIALS];
}

static bool is_whole(const struct policy_image_header *header, size_t len)
{
    return policy_image_sum(header->key, len - SUM_FROM) == header->sum && header->len == len &&
           image_len(header) == len;
}

void policy_image_adopt(struct policy *policy, struct policy *image)
{
    const struct policy_image_header *header = image->image;
    char *at = (char *)image->image + sizeof(*header);

    for (size_t i = 0; i < ARRAYS; i++) {
        size_t bytes = header->counts[i] * arrays[i].entry;

        set_array_pointer(policy, i, at);
        at += bytes + policy_padding(bytes);
    }
    policy->pool.len = header->counts[ARRAY_POOL];
    policy->user_count = (uint32_t)header->counts[ARRAY_USERS] - 1;
    policy->credential_count = (uint32_t)header->counts[ARRAY_CREDENTIALS];
    policy->slot_count = (uint32_t)header->counts[ARRAY_SLOTS];
    policy->slot_index_mask = policy_index_mask(policy->credential_count);
    policy->validity_count = (uint32_t)header->counts[ARRAY_VALIDITIES];
    policy->terms_count = (uint32_t)header->counts[ARRAY_TERMS];
    policy->people_block_count = (uint32_t)header->counts[ARRAY_BLOCKS];
    policy->tagset_count = (uint32_t)header->counts[ARRAY_TAGSETS];
    policy->linkage_count = (uint32_t)header->counts[ARRAY_LINKAGES];
    policy->missing_user_count = (uint32_t)header->counts[ARRAY_MISSING_USERS];
    policy->edits = (uint32_t)header->edits;
    policy->image = image->image;
    policy->image_len = image->image_len;
    policy->release_image = image->release_image;
    if (image != policy)
        *image = (struct policy){ 0 };
}

int policy_builder_take_image(struct policy_builder *builder, void *bytes, size_t len,
                              const uint8_t key[static POLICY_IMAGE_KEY_BYTES],
                              void (*release)(void *bytes, size_t len))
{
    const struct policy_image_header *header = bytes;

    assert(!builder->base && builder->policy->user_count == 0 && builder->policy->credential_count == 0);
    if (len < sizeof(*header) || header->magic != MAGIC || header->layout != layout() ||
        memcmp(header->key, key, POLICY_IMAGE_KEY_BYTES) != 0 || !is_whole(header, len) ||
        !counts_fit(header))
        return -EBADMSG;
    struct policy *image = calloc(1, sizeof(*image));

    if (!image)
        return -ENOMEM;
    *image = (struct policy){ .image = bytes, .image_len = len, .release_image = release };
    image->zone_sum = header->zone_sum;
    policy_image_adopt(image, image);
    builder->base = builder->image = image;
    return 0;
}
