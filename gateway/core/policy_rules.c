/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_rules.c: who is joined to where ("Row 20, matching"). Rules are bits: each point and each tag set
 * has a word or more of them, so that joining is an AND; the few users that a rule names themselves have a
 * list. */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "gateway/core/policy_internal.h"

#define BITS 64

static void set_bit(uint64_t *words, uint32_t i)
{
    words[i / BITS] |= UINT64_C(1) << i % BITS;
}

static bool has_bit(const uint64_t *words, uint32_t i)
{
    return words[i / BITS] >> i % BITS & 1;
}

static struct item_rule rule_item(const struct policy *policy, uint32_t i)
{
    struct json_error error;
    struct item item;

    item_was_checked(item_read(ITEM_RULE, policy->named[ITEM_RULE].list[i].object, true, &item, &error));
    return item.rule;
}

static uint64_t *point_words(const struct policy *policy, uint32_t point)
{
    return policy->point_rules + (size_t)point * policy->rule_words;
}

/* Calls join(policy, rule, index) for each entry of a list that is there. */
static void each_reference(struct policy *policy, uint32_t rule, struct json_object *list,
                           enum item_kind kind,
                           void (*join)(struct policy *policy, uint32_t rule, uint32_t index))
{
    struct json_error error;

    for (size_t i = 0; i < json_list_length(list); i++) {
        const char *id = json_list_string(list, i, &error);
        uint32_t index = policy_refer(policy, ITEM_RULE, policy->named[ITEM_RULE].list[rule].id, kind, id);

        if (index != POLICY_NONE)
            join(policy, rule, index);
    }
}

static void join_point(struct policy *policy, uint32_t rule, uint32_t point)
{
    set_bit(point_words(policy, point), rule);
}

static void join_door(struct policy *policy, uint32_t rule, uint32_t door)
{
    for (uint32_t i = 0; i < policy->named[ITEM_ACCESS_POINT].count; i++)
        if (policy->points[i].door == door)
            join_point(policy, rule, i);
}

static void join_area(struct policy *policy, uint32_t rule, uint32_t area)
{
    for (uint32_t i = 0; i < policy->named[ITEM_ACCESS_POINT].count; i++)
        if (policy->points[i].to == area)
            join_point(policy, rule, i);
}

/* The tags that it names and that are there; those that are not are listed when tags are joined. */
static int compile_tags(struct policy *policy, struct json_object *list, struct policy_rule *rule)
{
    size_t count = json_list_length(list);
    uint32_t *tags = policy_alloc(policy, count, sizeof(*tags));
    struct json_error error;

    if (!tags)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        uint32_t tag = policy_find(policy, ITEM_TAG, json_list_string(list, i, &error));

        if (tag != POLICY_NONE)
            tags[rule->tag_count++] = tag;
    }
    rule->tags = tags;
    return 0;
}

static int compile_rule(struct policy *policy, uint32_t i)
{
    const struct named *named = &policy->named[ITEM_RULE].list[i];
    struct item_rule from = rule_item(policy, i);
    struct item_instant valid_from;
    struct item_instant valid_until;
    struct json_error error;
    uint32_t types = UINT32_MAX;

    if (from.types)
        item_was_checked(item_types_read(from.types, &types, &error));
    item_was_checked(item_instant_read(from.valid_from, "", &valid_from, &error));
    item_was_checked(item_instant_read(from.valid_until, "", &valid_until, &error));
    policy->rules[i] = (struct policy_rule){
        .id = named->id,
        .name = named->name,
        .schedule = from.schedule ? policy_refer(policy, ITEM_RULE, named->id, ITEM_SCHEDULE, from.schedule)
                                  : SCHEDULE_ALWAYS,
        .types = types,
        .valid_from_us = policy_resolve(policy, &valid_from, false, INSTANT_MIN),
        .valid_until_us = policy_resolve(policy, &valid_until, true, INSTANT_MAX),
        .enabled = from.enabled,
    };
    each_reference(policy, i, from.points, ITEM_ACCESS_POINT, join_point);
    each_reference(policy, i, from.doors, ITEM_DOOR, join_door);
    each_reference(policy, i, from.areas, ITEM_AREA, join_area);
    return compile_tags(policy, from.tags, &policy->rules[i]);
}

int policy_compile_rules(struct policy *policy)
{
    uint32_t count = policy->named[ITEM_RULE].count;
    int r = 0;

    policy->rule_words = (count + BITS - 1) / BITS;
    policy->rules = policy_alloc(policy, count, sizeof(*policy->rules));
    policy->point_rules = policy_alloc(
        policy, (size_t)policy->named[ITEM_ACCESS_POINT].count * policy->rule_words, sizeof(uint64_t));
    if (!policy->rules || !policy->point_rules)
        return -ENOMEM;
    for (uint32_t i = 0; i < count && r == 0; i++)
        r = compile_rule(policy, i);
    return r;
}

/* Which rules and lockdowns name a tag: of each tag its words. */
static void join_tag_lists(struct policy *policy, uint64_t *tag_rules, bool *lockdown)
{
    const struct kind_list *sites = &policy->named[ITEM_SITE];
    struct json_error error;
    struct item site;

    for (uint32_t rule = 0; rule < policy->named[ITEM_RULE].count; rule++) {
        struct json_object *tags = rule_item(policy, rule).tags;

        for (size_t i = 0; i < json_list_length(tags); i++) {
            uint32_t tag = policy_refer(policy, ITEM_RULE, policy->named[ITEM_RULE].list[rule].id, ITEM_TAG,
                                        json_list_string(tags, i, &error));

            if (tag != POLICY_NONE)
                set_bit(tag_rules + (size_t)tag * policy->rule_words, rule);
        }
    }
    if (sites->count == 0)
        return;
    item_was_checked(item_read(ITEM_SITE, sites->list[0].object, true, &site, &error));
    for (size_t i = 0; i < json_list_length(site.site.lockdown_tags); i++) {
        uint32_t tag = policy_refer(policy, ITEM_SITE, sites->list[0].id, ITEM_TAG,
                                    json_list_string(site.site.lockdown_tags, i, &error));

        if (tag != POLICY_NONE)
            lockdown[tag] = true;
    }
}

int policy_join_tagsets(struct policy *policy)
{
    uint32_t tags = policy->named[ITEM_TAG].count;
    size_t words = policy->rule_words;
    cleanup_with(freep) uint64_t *tag_rules = calloc((size_t)tags * words + 1, sizeof(*tag_rules));
    cleanup_with(freep) bool *lockdown = calloc((size_t)tags + 1, sizeof(*lockdown));

    policy->tagset_rules = policy_alloc(policy, policy->tagset_count * words, sizeof(*policy->tagset_rules));
    if (!tag_rules || !lockdown || !policy->tagset_rules)
        return -ENOMEM;
    join_tag_lists(policy, tag_rules, lockdown);
    for (uint32_t i = 0; i < policy->tagset_count; i++) {
        struct tagset *tagset = &policy->tagsets[i];

        for (uint32_t t = 0; t < tagset->count; t++) {
            uint32_t tag = policy->tagset_tags[tagset->first_tag + t];

            tagset->passes_lockdown |= lockdown[tag];
            for (size_t w = 0; w < words; w++)
                policy->tagset_rules[i * words + w] |= tag_rules[tag * words + w];
        }
    }
    return 0;
}

/* A rule and a user that it names. */
struct naming {
    uint32_t user;
    uint32_t rule;
};

struct namings {
    struct naming *list;
    size_t count;
    size_t size;
};

static int compare_namings(const void *a, const void *b)
{
    const struct naming *x = a;
    const struct naming *y = b;

    if (x->user != y->user)
        return x->user < y->user ? -1 : 1;
    return x->rule < y->rule ? -1 : x->rule > y->rule;
}

static int add_naming(struct namings *namings, uint32_t user, uint32_t rule)
{
    if (namings->count == namings->size) {
        size_t size = namings->size ? 2 * namings->size : 64;
        struct naming *list = realloc(namings->list, size * sizeof(*list));

        if (!list)
            return -ENOMEM;
        namings->list = list;
        namings->size = size;
    }
    namings->list[namings->count++] = (struct naming){ user, rule };
    return 0;
}

static int collect_namings(struct policy *policy, struct namings *namings)
{
    struct json_error error;
    int r = 0;

    for (uint32_t rule = 0; rule < policy->named[ITEM_RULE].count && r == 0; rule++) {
        struct json_object *users = rule_item(policy, rule).users;

        for (size_t i = 0; i < json_list_length(users) && r == 0; i++) {
            uint32_t user = policy_refer(policy, ITEM_RULE, policy->named[ITEM_RULE].list[rule].id, ITEM_USER,
                                         json_list_string(users, i, &error));

            if (user != POLICY_NONE)
                r = add_naming(namings, user, rule);
        }
    }
    return r;
}

/* Lists are laid one behind the other, each behind its length; 0 is the empty one. */
static void lay_lists(struct policy *policy, const struct namings *namings)
{
    uint32_t at = 1;

    for (size_t i = 0; i < namings->count;) {
        uint32_t user = namings->list[i].user;
        uint32_t start = at++;

        for (; i < namings->count && namings->list[i].user == user; i++)
            if (at == start + 1 || policy->user_rules[at - 1] != namings->list[i].rule)
                policy->user_rules[at++] = namings->list[i].rule;
        policy->user_rules[start] = at - start - 1;
        policy->users[user].rules = start;
    }
}

int policy_join_users(struct policy *policy)
{
    struct namings namings = { 0 };
    int r = collect_namings(policy, &namings);

    if (r == 0) {
        policy->user_rule_count = (uint32_t)(2 * namings.count + 1);
        policy->user_rules = policy_alloc(policy, policy->user_rule_count, sizeof(*policy->user_rules));
        r = policy->user_rules ? 0 : -ENOMEM;
    }
    if (r == 0 && namings.count > 0) {
        qsort(namings.list, namings.count, sizeof(*namings.list), compare_namings);
        lay_lists(policy, &namings);
    }
    free(namings.list);
    return r;
}

static const uint64_t *tagset_words(const struct policy *policy, uint32_t tagset)
{
    return policy->tagset_rules + (size_t)tagset * policy->rule_words;
}

/* The first rule from `from` on that is in both words. */
static uint32_t next_in_both(const struct policy *policy, const uint64_t *a, const uint64_t *b, uint32_t from)
{
    uint32_t word = from / BITS;
    uint64_t both = word < policy->rule_words ? a[word] & b[word] & UINT64_MAX << from % BITS : 0;

    while (both == 0 && ++word < policy->rule_words)
        both = a[word] & b[word];
    return both ? word * BITS + (uint32_t)__builtin_ctzll(both) : POLICY_NONE;
}

/* The first rule from `from` on that names the user and that the point has. */
static uint32_t next_by_name(const struct policy *policy, const uint32_t *list, const uint64_t *point,
                             uint32_t from)
{
    for (uint32_t i = 1; i <= list[0]; i++)
        if (list[i] >= from && has_bit(point, list[i]))
            return list[i];
    return POLICY_NONE;
}

bool policy_rule_of_point_next(const struct policy *policy, uint32_t point, uint32_t *cursor,
                               uint32_t *ret_rule)
{
    const uint64_t *words = point_words(policy, point);
    uint32_t rule = next_in_both(policy, words, words, *cursor);

    if (rule == POLICY_NONE)
        return false;
    *cursor = rule + 1;
    *ret_rule = rule;
    return true;
}

bool policy_rule_next(const struct policy *policy, uint32_t user, uint32_t point, uint32_t *cursor,
                      uint32_t *ret_rule)
{
    const struct user_record *record = &policy->users[user];
    const uint64_t *words = point_words(policy, point);

    if (policy->rule_words == 0)
        return false;
    uint32_t by_tags = next_in_both(policy, tagset_words(policy, record->tagset), words, *cursor);
    uint32_t by_name = next_by_name(policy, policy->user_rules + record->rules, words, *cursor);
    uint32_t rule = by_tags < by_name ? by_tags : by_name;

    if (rule == POLICY_NONE)
        return false;
    *cursor = rule + 1;
    *ret_rule = rule;
    return true;
}
