/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_join.c: people and everything else, joined. People name tags, links and rules' users by id for as
 * long as they are kept, so that this is done anew for each policy, whether its people were compiled, changed
 * or read from an image. */
#include <errno.h>
#include <string.h>

#include "gateway/core/policy_builder.h"

static const char *next_id(const char *id)
{
    return id + strlen(id) + 1;
}

static size_t count_ids(const struct policy *policy)
{
    size_t count = 0;

    for (uint32_t i = 0; i < policy->tagset_count; i++)
        for (const char *id = pool_string(&policy->pool, policy->tagsets[i].ids); *id; id = next_id(id))
            count++;
    return count;
}

/* Tags that are there, by index, behind those of the tag sets before; the others match nothing. */
static void join_tagset(struct policy *policy, struct tagset *tagset)
{
    tagset->first_tag = policy->tagset_tag_count;
    tagset->passes_lockdown = tagset->lacks = false;
    for (const char *id = pool_string(&policy->pool, tagset->ids); *id; id = next_id(id)) {
        uint32_t tag = policy_find(policy, ITEM_TAG, id);

        if (tag != POLICY_NONE)
            policy->tagset_tags[policy->tagset_tag_count++] = tag;
        else
            tagset->lacks = true;
    }
    tagset->count = policy->tagset_tag_count - tagset->first_tag;
}

static int join_tagsets(struct policy *policy)
{
    policy->tagset_tag_count = 0;
    policy->tagset_tags = policy_alloc(policy, count_ids(policy), sizeof(*policy->tagset_tags));
    if (!policy->tagset_tags)
        return -ENOMEM;
    for (uint32_t i = 0; i < policy->tagset_count; i++)
        join_tagset(policy, &policy->tagsets[i]);
    return policy_join_tagsets(policy);
}

static int join_users(struct policy *policy)
{
    for (uint32_t i = 0; i < policy->user_count; i++)
        policy->users[i].rules = 0;
    return policy_join_users(policy);
}

static void note_missing_tags(struct policy *policy)
{
    for (uint32_t i = 0; i < policy->user_count; i++) {
        const struct user_record *record = &policy->users[i];
        const struct tagset *tagset = &policy->tagsets[record->tagset];

        if (!tagset->lacks)
            continue;
        for (const char *id = pool_string(&policy->pool, tagset->ids); *id; id = next_id(id))
            (void)policy_refer(policy, ITEM_USER, pool_string(&policy->pool, record->id), ITEM_TAG, id);
    }
}

static void join_links(struct policy *policy)
{
    for (uint32_t i = 0; i < policy->linkage_count; i++) {
        struct linkage *linkage = &policy->linkages[i];

        linkage->link = policy_find(policy, ITEM_LINK, pool_string(&policy->pool, linkage->id));
    }
    for (uint32_t i = 0; i < policy->user_count; i++) {
        const struct user_record *record = &policy->users[i];
        const struct linkage *linkage = record->linked ? &policy->linkages[record->link] : NULL;

        if (linkage && linkage->link == POLICY_NONE)
            policy_note_dangling(policy, ITEM_USER, pool_string(&policy->pool, record->id), ITEM_LINK,
                                 pool_string(&policy->pool, linkage->id));
    }
}

static void note_missing_users(struct policy *policy)
{
    for (uint32_t i = 0; policy->missing_user_count > 0 && i < policy->credential_count; i++) {
        const struct credential_record *record = &policy->credentials[i];

        if (record->user_ref < policy->user_count)
            continue;
        uint32_t missing = policy->missing_users[record->user_ref - policy->user_count];

        policy_note_dangling(policy, ITEM_CREDENTIAL, pool_string(&policy->pool, record->id), ITEM_USER,
                             pool_string(&policy->pool, missing));
    }
}

int policy_join_people(struct policy *policy)
{
    int r = join_tagsets(policy);

    if (r == 0)
        r = join_users(policy);
    if (r < 0)
        return r;
    note_missing_tags(policy);
    join_links(policy);
    note_missing_users(policy);
    return 0;
}
