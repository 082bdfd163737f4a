/* SPDX-License-Identifier: GPL-3.0-or-later */
/* reach.c: asks the decision itself for each of a user's credentials; only where a rule was missing, the
 * rules of the point are looked at one by one. */
#include "gateway/core/reach.h"

#include "gateway/core/memory.h"

static bool failed(const struct verdict *verdict, enum reason reason)
{
    for (size_t i = 0; i < verdict->failed_count; i++)
        if (verdict->failed[i] == reason)
            return true;
    return false;
}

const char *reach_state_name(enum reach_state state)
{
    static const char *const names[] = { "closed", "other_type", "not_started", "expired", "off", "others" };

    return names[state];
}

bool reach_joins(const struct policy *policy, uint32_t user, uint32_t point)
{
    uint32_t cursor = 0, rule;

    while (policy_rule_next(policy, user, point, &cursor, &rule))
        if (policy_rule(policy, rule)->enabled)
            return true;
    return false;
}

/* --- The best verdict. --- */

static bool better(const struct verdict *a, const struct verdict *b)
{
    static const int ranks[] = { [VERDICT_GRANT] = 0, [VERDICT_PENDING] = 1, [VERDICT_DENY] = 2 };

    if (a->kind != b->kind)
        return ranks[a->kind] < ranks[b->kind];
    return a->failed_count < b->failed_count;
}

static struct verdict without_credential(const struct policy *policy, uint32_t point)
{
    bool usable = policy_point(policy, point)->usable;
    enum reason reason = usable ? REASON_UNKNOWN_CREDENTIAL : REASON_UNKNOWN_POINT;

    return (struct verdict){
        .kind = VERDICT_DENY,
        .reason = reason,
        .failed = { reason },
        .failed_count = 1,
        .point = point,
        .door = usable ? policy_point(policy, point)->door : POLICY_NONE,
        .second_user = POLICY_NONE,
        .credential = POLICY_NONE,
        .rule = POLICY_NONE,
    };
}

void reach_ask(const struct world *world, uint32_t user, uint32_t point, const struct timestamp *now,
               struct verdict *ret)
{
    struct verdict best = without_credential(world->policy, point);
    uint32_t cursor = 0, credential;

    while (policy_credential_of_user_next(world->policy, user, &cursor, &credential)) {
        struct verdict verdict;

        world_ask(world, point, credential, now, &verdict);
        if (cursor == 1 || better(&verdict, &best))
            best = verdict;
    }
    *ret = best;
    ret->user = user; /* who was asked about, also where nobody is identified */
}

/* --- The nearest rules. --- */

/* Who is to be let in, where and when. */
struct wish {
    const struct policy *policy;
    uint32_t user;
    uint32_t point;
    uint32_t types; /* bit 1 << credential_type of what was presented; all bits: not known */
    const struct timestamp *now;
};

static bool has_limit(const struct policy_rule *rule)
{
    return rule->valid_from_us != INSTANT_MIN || rule->valid_until_us != INSTANT_MAX;
}

static bool open_at(const struct wish *wish, const struct policy_rule *rule, int64_t utc_us)
{
    struct local_time local = zone_local(policy_zone(wish->policy), utc_us);

    return policy_schedule_open(wish->policy, rule->schedule, &local);
}

/* The first window of the schedule that begins behind an instant, on its day or one of the REACH_DAYS after
 * it. */
static int64_t next_opening(const struct wish *wish, const struct policy_rule *rule, int64_t from_us)
{
    const struct zone *zone = policy_zone(wish->policy);
    int32_t today = zone_local(zone, from_us).day;
    int64_t opens_us = INSTANT_MAX;
    struct policy_window window;

    for (int32_t day = today; day <= today + REACH_DAYS && opens_us == INSTANT_MAX; day++)
        for (uint32_t cursor = 0;
             policy_schedule_day_next(wish->policy, rule->schedule, day, &cursor, &window);) {
            int64_t at_us = zone_instant(zone, day, window.from_s);

            if (at_us > from_us && at_us < opens_us && open_at(wish, rule, at_us))
                opens_us = at_us;
        }
    return opens_us;
}

static int64_t opens_us(const struct wish *wish, const struct policy_rule *rule)
{
    int64_t now_us = wish->now->utc_us;

    if (!memory_clock_trusted(wish->now))
        return rule->schedule == SCHEDULE_ALWAYS && !has_limit(rule) ? INSTANT_MIN : INSTANT_MAX;
    int64_t from_us = rule->valid_from_us > now_us ? rule->valid_from_us : now_us;
    int64_t at_us = open_at(wish, rule, from_us) ? from_us : next_opening(wish, rule, from_us);

    if (at_us == now_us)
        return INSTANT_MIN;
    if (at_us >= rule->valid_until_us || at_us > now_us + REACH_DAYS * 86400 * USEC_PER_SEC)
        return INSTANT_MAX;
    return at_us;
}

static bool joins(const struct wish *wish, uint32_t index)
{
    uint32_t cursor = index, next;

    return policy_rule_next(wish->policy, wish->user, wish->point, &cursor, &next) && next == index;
}

/* What is in the way first. The clock tells of validity only if it can be trusted, as for the decision. */
static enum reach_state state_of(const struct wish *wish, uint32_t index)
{
    const struct policy_rule *rule = policy_rule(wish->policy, index);
    bool trusted = memory_clock_trusted(wish->now);

    if (!rule->enabled)
        return REACH_OFF;
    if (trusted && wish->now->utc_us >= rule->valid_until_us)
        return REACH_EXPIRED;
    if (trusted && wish->now->utc_us < rule->valid_from_us)
        return REACH_NOT_STARTED;
    if (!joins(wish, index))
        return REACH_OTHERS;
    return rule->types & wish->types ? REACH_CLOSED : REACH_OTHER_TYPE;
}

/* Whether it is worth telling: others' rules that hold, and the user's own that do not let in. A verdict of
 * the log may be older than a rule that would. */
static bool is_near(const struct wish *wish, const struct reach_rule *near)
{
    if (near->state == REACH_OTHERS)
        return true;
    return joins(wish, near->rule) && !(near->state == REACH_CLOSED && near->opens_us == INSTANT_MIN);
}

static bool nearer(const struct reach_rule *a, const struct reach_rule *b)
{
    if (a->state != b->state)
        return a->state < b->state;
    return a->opens_us < b->opens_us;
}

/* Puts it behind those that are as near; what is too many falls off the end. */
static size_t insert(struct reach_rule list[static REACH_RULES_MAX], size_t count,
                     const struct reach_rule *near)
{
    size_t at = count;

    while (at > 0 && nearer(near, &list[at - 1])) {
        if (at < REACH_RULES_MAX)
            list[at] = list[at - 1];
        at--;
    }
    if (at < REACH_RULES_MAX)
        list[at] = *near;
    return count < REACH_RULES_MAX ? count + 1 : count;
}

static uint32_t types_of(const struct policy *policy, uint32_t credential)
{
    return credential == POLICY_NONE ? UINT32_MAX : 1u << policy_credential(policy, credential).type;
}

size_t reach_nearest(const struct world *world, const struct verdict *verdict, const struct timestamp *now,
                     struct reach_rule ret[static REACH_RULES_MAX])
{
    const struct wish wish = { .policy = world->policy,
                               .user = verdict->user,
                               .point = verdict->point,
                               .types = types_of(world->policy, verdict->credential),
                               .now = now };
    size_t count = 0;
    uint32_t cursor = 0, index;

    if (!failed(verdict, REASON_NO_RULE) && !failed(verdict, REASON_TYPE_NOT_ALLOWED) &&
        !failed(verdict, REASON_OUTSIDE_SCHEDULE))
        return 0;
    if (wish.user == POLICY_NONE || wish.point == POLICY_NONE)
        return 0; /* of the log, and gone from the policy */
    while (policy_rule_of_point_next(wish.policy, wish.point, &cursor, &index)) {
        const struct reach_rule near = { index, state_of(&wish, index),
                                         opens_us(&wish, policy_rule(wish.policy, index)) };

        if (is_near(&wish, &near))
            count = insert(ret, count, &near);
    }
    return count;
}
