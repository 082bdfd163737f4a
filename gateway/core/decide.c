/* SPDX-License-Identifier: GPL-3.0-or-later */
/* decide.c: what stands around the contract's table (rows.c): before it, who presented what; after it, what
 * the failed rows come to. */
#include "gateway/core/decide.h"

#include <assert.h>
#include <string.h>

#include "gateway/core/mode.h"
#include "gateway/core/rows.h"

/* What a verdict may wait for. */
#define REASONS_PENDING                                                                                      \
    (REASON_BIT(REASON_SECOND_FACTOR_REQUIRED) | REASON_BIT(REASON_SECOND_PERSON_REQUIRED))

/* Rows 1 to 4: what holds even at an open door. */
#define REASONS_AT_OPEN_DOOR                                                                                 \
    (REASON_BIT(REASON_UNKNOWN_POINT) | REASON_BIT(REASON_STALE) | REASON_BIT(REASON_LOCKDOWN) |             \
     REASON_BIT(REASON_DOOR_BLOCKED))

/* --- Before the rows: who presented what ("Rows 6-9, finding credentials"). --- */

static uint32_t look_up(const struct policy *policy, const struct party *party, bool after_user,
                        const struct shown *shown, uint32_t *ret_credential)
{
    if (shown->credential != POLICY_NONE) {
        *ret_credential = shown->credential;
        return 1;
    }
    if (after_user && shown->type == CREDENTIAL_PIN)
        return policy_lookup_of_user(policy, party->user_ref, shown->type, shown->hash, ret_credential);
    return policy_lookup(policy, shown->type, shown->hash, ret_credential);
}

static void find_shown(const struct policy *policy, struct party *party, size_t i, bool *after_user)
{
    const struct shown *shown = &party->showing->shown[i];
    uint32_t credential = POLICY_NONE;
    uint32_t count = look_up(policy, party, *after_user, shown, &credential);

    party->types |= TYPE_BIT(shown->type);
    party->found[i] = count == 1 ? credential : POLICY_NONE;
    if (count == 0 && *after_user && shown->type == CREDENTIAL_PIN)
        party->pin_wrong = true;
    else if (count == 0)
        party->unknown = true;
    else if (count > 1)
        party->ambiguous = true;
    if (count != 1)
        return;
    struct policy_credential *found = &party->credentials[i];

    *found = policy_credential(policy, credential);
    if (*after_user && found->user_ref != party->user_ref)
        party->different = true;
    if (!*after_user) {
        party->user_ref = found->user_ref;
        party->user = found->user;
    }
    *after_user = true;
}

static void find_party(const struct policy *policy, const struct showing *showing, struct party *ret)
{
    bool after_user = false;

    ret->showing = showing;
    ret->types = 0;
    ret->unknown = ret->ambiguous = ret->pin_wrong = ret->different = false;
    ret->user = ret->user_ref = POLICY_NONE;
    for (size_t i = 0; i < showing->count; i++)
        find_shown(policy, ret, i, &after_user);
    ret->known = after_user && !ret->unknown && !ret->ambiguous ? KNOWN_NAME : KNOWN_NOTHING;
    if (ret->known == KNOWN_NOTHING)
        ret->user = POLICY_NONE;
    if (ret->user != POLICY_NONE) {
        ret->known = KNOWN_USER;
        ret->who = policy_user(policy, ret->user);
    }
}

/* --- After the rows: "3, session and verdict", "5, output". --- */

static bool credential_duress(const struct party *party)
{
    bool duress = false;

    for (size_t i = 0; i < party->showing->count; i++)
        duress = duress || (party->found[i] != POLICY_NONE && party->credentials[i].duress);
    return duress;
}

/* Of one who is granted: all that was presented was found. */
static bool credential_limited(const struct party *party)
{
    bool limited = false;

    for (size_t i = 0; i < party->showing->count; i++)
        limited = limited || party->credentials[i].uses >= 0;
    return limited;
}

static void grant_by_rule(const struct trial *t, struct decision *ret)
{
    struct verdict *verdict = &ret->verdict;
    bool extended = ret->present.who.extended_time || (ret->with_first && ret->first.who.extended_time);

    verdict->kind = VERDICT_GRANT;
    verdict->reason = REASON_RULE;
    verdict->rule = t->rule;
    verdict->extended = extended;
    verdict->pulse_ms = extended ? t->door->extended_pulse_ms : t->door->pulse_ms;
    verdict->second_user = ret->with_first ? ret->first.user : POLICY_NONE;
    verdict->limited =
        credential_limited(&ret->present) || (ret->with_first && credential_limited(&ret->first));
}

static void conclude(const struct trial *t, struct decision *ret)
{
    struct verdict *verdict = &ret->verdict;

    memcpy(verdict->failed, t->order, t->count);
    verdict->failed_count = t->count;
    if (mode_is_open(mode_over(t->world, t->door_memory, t->below).mode) &&
        !(t->failed & REASONS_AT_OPEN_DOOR)) {
        verdict->kind = VERDICT_GRANT;
        verdict->reason = REASON_DOOR_UNLOCKED;
    } else if (!t->failed) {
        grant_by_rule(t, ret);
    } else {
        verdict->kind = t->failed & ~REASONS_PENDING ? VERDICT_DENY : VERDICT_PENDING;
        verdict->reason = (enum reason)t->order[0];
    }
    if (verdict->reason == REASON_LOCKED_OUT)
        verdict->retry_after_s = t->lockout_s;
    if (verdict->reason == REASON_MIN_INTERVAL)
        verdict->retry_after_s = t->interval_s;
}

/* "Row 26, two persons": tries the first one again. Returns warnings that came up. */
static unsigned try_first(const struct trial *present, const struct session *session, struct decision *ret,
                          bool *ret_passes)
{
    struct trial first = *present;

    first.party = &ret->first;
    first.other = &ret->present;
    rows_check(&first, true);
    *ret_passes = !first.failed;
    return first.warnings;
}

static struct decision unknown_point(void)
{
    struct decision decision = { .verdict = { .kind = VERDICT_DENY,
                                              .reason = REASON_UNKNOWN_POINT,
                                              .failed = { REASON_UNKNOWN_POINT },
                                              .failed_count = 1 } };

    decision.verdict.point = decision.verdict.door = decision.verdict.user = POLICY_NONE;
    decision.verdict.second_user = decision.verdict.credential = decision.verdict.rule = POLICY_NONE;
    decision.present.user = decision.first.user = POLICY_NONE;
    return decision;
}

void decide(const struct world *world, uint32_t point, const struct session *session,
            const struct timestamp *now, struct decision *ret)
{
    const struct policy *policy = world->policy;
    struct trial t = {
        .world = world, .policy = policy, .now = now, .session = session, .point_index = point
    };

    assert(session->present.count > 0);
    if (point == POLICY_NONE || !policy_point(policy, point)->usable) {
        *ret = unknown_point();
        ret->verdict.point = point;
        return;
    }
    t.point = policy_point(policy, point);
    t.door = policy_door(policy, t.point->door);
    t.door_memory = world->door_at[t.point->door];
    t.below = mode_below(world, t.point->door, now);
    t.party = &ret->present;
    t.rule = POLICY_NONE;
    if (memory_clock_trusted(now))
        t.local = zone_local(policy_zone(policy), now->utc_us);

    find_party(policy, &session->present, &ret->present);
    find_party(policy, &session->first, &ret->first);
    bool two = t.point->two_person && session->first.count > 0 &&
               !(ret->present.known != KNOWN_NOTHING && ret->present.user_ref == ret->first.user_ref);

    if (two) {
        t.warnings = try_first(&t, session, ret, &t.other_passes);
        t.other = &ret->first;
    }
    ret->verdict = (struct verdict){ .point = point,
                                     .door = t.point->door,
                                     .user = ret->present.user,
                                     .second_user = POLICY_NONE,
                                     .credential = ret->present.found[session->last],
                                     .rule = POLICY_NONE };
    ret->with_first = t.other_passes;
    rows_check(&t, false);
    conclude(&t, ret);
    ret->with_first = ret->with_first && ret->verdict.reason == REASON_RULE;
    if (credential_duress(&ret->present) || (two && credential_duress(&ret->first)))
        t.warnings |= WARNING_DURESS;
    ret->verdict.warnings = t.warnings;
}
