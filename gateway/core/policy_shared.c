/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_shared.c: what many people have in common: validities, terms, tag sets, links; and blocks. Those of
 * the base keep their numbers, and new ones come behind. */
#include <errno.h>
#include <string.h>

#include "gateway/core/policy_builder.h"

/* Room for the base's entries, which are there already, and so many more. */
static void *begin_list(struct policy *policy, const void *base, uint32_t base_count, size_t more,
                        size_t entry)
{
    void *list = policy_alloc(policy, base_count + more, entry);

    if (list && base_count > 0)
        memcpy(list, base, base_count * entry);
    return list;
}

static int64_t resolve(const struct policy *policy, const struct raw_instant *raw, bool at_end, int64_t unset)
{
    const struct item_instant instant = {
        .set = raw->form != RAW_UNSET,
        .is_date = raw->form == RAW_DATE,
        .day = raw->day,
        .us = raw->us,
    };

    return policy_resolve(policy, &instant, at_end, unset);
}

static int finish_validities(struct policy_builder *builder, const struct policy *base)
{
    struct policy *policy = builder->policy;
    uint32_t count = builder->validities.count;

    policy->validities =
        begin_list(policy, base->validities, base->validity_count, count, sizeof(*policy->validities));
    if (!policy->validities)
        return -ENOMEM;
    policy->validity_count = base->validity_count + count;
    for (uint32_t i = 0; i < count; i++) {
        struct raw_validity raw;
        size_t len;

        memcpy(&raw, interner_key(&builder->validities, i, &len), sizeof(raw));
        policy->validities[base->validity_count + i] = (struct validity){
            .from_us = resolve(policy, &raw.from, false, INSTANT_MIN),
            .until_us = resolve(policy, &raw.until, true, INSTANT_MAX),
        };
    }
    return 0;
}

static int finish_terms(struct policy_builder *builder, const struct policy *base)
{
    struct policy *policy = builder->policy;
    uint32_t count = builder->terms.count;

    policy->terms = begin_list(policy, base->terms, base->terms_count, count, sizeof(*policy->terms));
    if (!policy->terms)
        return -ENOMEM;
    policy->terms_count = base->terms_count + count;
    for (uint32_t i = 0; i < count; i++) {
        struct raw_terms raw;
        size_t len;

        memcpy(&raw, interner_key(&builder->terms, i, &len), sizeof(raw));
        policy->terms[base->terms_count + i] = (struct terms){
            .from_us = resolve(policy, &raw.validity.from, false, INSTANT_MIN),
            .until_us = resolve(policy, &raw.validity.until, true, INSTANT_MAX),
            .uses = raw.uses,
            .type = raw.type,
            .status = raw.status,
            .duress = raw.duress,
        };
    }
    return 0;
}

static int finish_blocks(struct policy_builder *builder, const struct policy *base)
{
    struct policy *policy = builder->policy;
    uint32_t count = (uint32_t)builder->block_count;

    policy->blocks =
        begin_list(policy, base->blocks, base->people_block_count, count, sizeof(*policy->blocks));
    if (!policy->blocks)
        return -ENOMEM;
    policy->people_block_count = base->people_block_count + count;
    for (uint32_t i = 0; i < count; i++)
        policy->blocks[base->people_block_count + i] = (struct block){
            .from_us = resolve(policy, &builder->blocks[i].from, false, INSTANT_MIN),
            .message = builder->blocks[i].message,
        };
    return 0;
}

/* The base's are the interner's first. */
static int finish_tagsets(struct policy_builder *builder, const struct policy *base)
{
    struct policy *policy = builder->policy;
    int r = 0;

    policy->tagset_count = builder->tagsets.count;
    policy->tagsets = begin_list(policy, base->tagsets, base->tagset_count,
                                 policy->tagset_count - base->tagset_count, sizeof(*policy->tagsets));
    if (!policy->tagsets)
        return -ENOMEM;
    for (uint32_t i = base->tagset_count; r == 0 && i < policy->tagset_count; i++)
        r = pool_add_key(&policy->pool, &builder->tagsets, i, &policy->tagsets[i].ids);
    return r;
}

static int finish_linkages(struct policy_builder *builder, const struct policy *base)
{
    struct policy *policy = builder->policy;
    int r = 0;

    policy->linkage_count = builder->links.count;
    policy->linkages = begin_list(policy, base->linkages, base->linkage_count,
                                  policy->linkage_count - base->linkage_count, sizeof(*policy->linkages));
    if (!policy->linkages)
        return -ENOMEM;
    for (uint32_t i = base->linkage_count; r == 0 && i < policy->linkage_count; i++)
        r = pool_add_key(&policy->pool, &builder->links, i, &policy->linkages[i].id);
    return r;
}

int policy_finish_shared(struct policy_builder *builder)
{
    static const struct policy nobody;
    const struct policy *base = builder->base ? builder->base : &nobody;
    int r = finish_validities(builder, base);

    if (r == 0)
        r = finish_terms(builder, base);
    if (r == 0)
        r = finish_blocks(builder, base);
    if (r == 0)
        r = finish_tagsets(builder, base);
    if (r == 0)
        r = finish_linkages(builder, base);
    return r;
}

static int take_tagsets(struct policy_builder *builder)
{
    const struct policy *base = builder->base;
    uint32_t number;
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < base->tagset_count; i++) {
        const char *ids = pool_string(&base->pool, base->tagsets[i].ids);
        const char *end = ids;

        while (*end)
            end += strlen(end) + 1;
        r = interner_put(&builder->tagsets, ids, (size_t)(end - ids), &number);
    }
    return r;
}

int policy_take_shared(struct policy_builder *builder)
{
    const struct policy *base = builder->base;
    uint32_t number;
    int r = take_tagsets(builder);

    for (uint32_t i = 0; r == 0 && i < base->linkage_count; i++) {
        const char *id = pool_string(&base->pool, base->linkages[i].id);

        r = interner_put(&builder->links, id, strlen(id), &number);
    }
    return r;
}
