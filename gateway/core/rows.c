/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rows.c: the contract's table.
 *
 * To be read beside section 3 of the decision contract: `rows` at the end is its table, in its order; each
 * row is the function named after its reason and says when it fails. A row whose inputs are not known is
 * passed over.
 */
#include "gateway/core/rows.h"

#include "gateway/core/memory.h"
#include "gateway/core/mode.h"

static void fail(struct trial *t, enum reason reason)
{
    t->row |= REASON_BIT(reason);
}

/* "2, clock none": a limit told by the wall clock is in the way. False if the clock can tell. */
static bool clock_cannot_tell(struct trial *t)
{
    if (memory_clock_trusted(t->now))
        return false;
    if (policy_site(t->policy)->ignore_untrusted_clock)
        t->warnings |= WARNING_CLOCK_UNTRUSTED;
    else
        fail(t, REASON_CLOCK_UNTRUSTED);
    return true;
}

/* Rows 11 and 16. */
static void check_validity(struct trial *t, int64_t from_us, int64_t until_us, enum reason not_started,
                           enum reason expired)
{
    if ((from_us == INSTANT_MIN && until_us == INSTANT_MAX) || clock_cannot_tell(t))
        return;
    if (t->now->utc_us < from_us)
        fail(t, not_started);
    else if (t->now->utc_us >= until_us)
        fail(t, expired);
}

static int64_t seconds_rounded_up(int64_t us)
{
    return (us + USEC_PER_SEC - 1) / USEC_PER_SEC;
}

/* Calls check for each credential that was found. */
static void each_found(struct trial *t,
                       void (*check)(struct trial *t, const struct policy_credential *credential))
{
    for (size_t i = 0; i < t->party->showing->count; i++)
        if (t->party->found[i] != POLICY_NONE)
            check(t, &t->party->credentials[i]);
}

static bool moves(const struct policy_point *point)
{
    return point->from != point->to;
}

/* --- The rows. --- */

static void stale(struct trial *t)
{
    if (t->session->age_us > t->point->max_age_us)
        fail(t, REASON_STALE);
}

static void lockdown(struct trial *t)
{
    bool down = mode_lockdown(t->world, t->door_memory) || t->below.mode == DOOR_MODE_LOCKED_DOWN;

    if (!down || mode_fire(t->door_memory))
        return;
    if (t->party->user == POLICY_NONE || !policy_user_passes_lockdown(t->policy, t->party->user))
        fail(t, REASON_LOCKDOWN);
}

static void door_blocked(struct trial *t)
{
    if (!mode_fire(t->door_memory) && t->below.mode == DOOR_MODE_BLOCKED)
        fail(t, REASON_DOOR_BLOCKED);
}

static void locked_out(struct trial *t)
{
    if (t->session->present.shown[t->session->last].type != CREDENTIAL_PIN)
        return;
    int64_t until_us = memory_boot_us(&t->world->point_at[t->point_index]->locked_until, t->now);

    if (until_us <= t->now->boot_us)
        return;
    fail(t, REASON_LOCKED_OUT);
    t->lockout_s = seconds_rounded_up(until_us - t->now->boot_us);
}

static void unknown_credential(struct trial *t)
{
    if (t->party->unknown)
        fail(t, REASON_UNKNOWN_CREDENTIAL);
}

static void ambiguous_credential(struct trial *t)
{
    if (t->party->ambiguous)
        fail(t, REASON_AMBIGUOUS_CREDENTIAL);
}

static void pin_wrong(struct trial *t)
{
    if (t->party->pin_wrong)
        fail(t, REASON_PIN_WRONG);
}

static void different_users(struct trial *t)
{
    if (t->party->different)
        fail(t, REASON_DIFFERENT_USERS);
}

static void credential_status_of(struct trial *t, const struct policy_credential *credential)
{
    switch (credential->status) { /* GCOVR_EXCL_BR_LINE: it names every value */
    case CREDENTIAL_ACTIVE:
        break;
    case CREDENTIAL_PENDING:
        fail(t, REASON_CREDENTIAL_PENDING);
        break;
    case CREDENTIAL_BLOCKED:
        fail(t, REASON_CREDENTIAL_BLOCKED);
        break;
    case CREDENTIAL_LOST:
        fail(t, REASON_CREDENTIAL_LOST);
        break;
    case CREDENTIAL_INVALID:
        fail(t, REASON_CREDENTIAL_INVALID);
        break;
    }
}

static void credential_status(struct trial *t)
{
    each_found(t, credential_status_of);
}

static void credential_validity_of(struct trial *t, const struct policy_credential *credential)
{
    check_validity(t, credential->valid_from_us, credential->valid_until_us, REASON_CREDENTIAL_NOT_STARTED,
                   REASON_CREDENTIAL_EXPIRED);
}

static void credential_validity(struct trial *t)
{
    each_found(t, credential_validity_of);
}

static void used_up_of(struct trial *t, const struct policy_credential *credential)
{
    if (credential->uses >= 0 && memory_uses(t->world, credential->id) >= credential->uses)
        fail(t, REASON_USED_UP);
}

static void used_up(struct trial *t)
{
    each_found(t, used_up_of);
}

static void assurance_too_low(struct trial *t)
{
    const struct showing *showing = t->party->showing;
    enum assurance proven = ASSURANCE_IDENTIFIER;

    for (size_t i = 0; i < showing->count; i++)
        if (t->party->found[i] != POLICY_NONE && showing->shown[i].assurance > proven)
            proven = showing->shown[i].assurance;
    if (proven < t->point->min_assurance)
        fail(t, REASON_ASSURANCE_TOO_LOW);
}

static void unknown_user(struct trial *t)
{
    if (t->party->user == POLICY_NONE)
        fail(t, REASON_UNKNOWN_USER);
}

static void user_status(struct trial *t)
{
    switch (t->party->who.status) { /* GCOVR_EXCL_BR_LINE: it names every value */
    case USER_ACTIVE:
        break;
    case USER_PENDING:
        fail(t, REASON_USER_PENDING);
        break;
    case USER_SUSPENDED:
        fail(t, REASON_USER_SUSPENDED);
        break;
    case USER_CANCELLED:
        fail(t, REASON_USER_CANCELLED);
        break;
    }
}

static void user_validity(struct trial *t)
{
    check_validity(t, t->party->who.valid_from_us, t->party->who.valid_until_us, REASON_USER_NOT_STARTED,
                   REASON_USER_EXPIRED);
}

static void user_blocked(struct trial *t)
{
    const struct policy_user *who = &t->party->who;

    if (who->blocked && (!memory_clock_trusted(t->now) || t->now->utc_us >= who->block_from_us))
        fail(t, REASON_USER_BLOCKED);
}

static void mobile_not_enabled_of(struct trial *t, const struct policy_credential *credential)
{
    bool mobile = credential->type == CREDENTIAL_MOBILE || credential->type == CREDENTIAL_KEY;

    if (mobile && !t->party->who.mobile)
        fail(t, REASON_MOBILE_NOT_ENABLED);
}

static void mobile_not_enabled(struct trial *t)
{
    each_found(t, mobile_not_enabled_of);
}

static void link_state(struct trial *t)
{
    const struct policy_user *who = &t->party->who;

    if (!who->linked)
        return;
    if (who->link == POLICY_NONE) {
        fail(t, REASON_LINK_DISABLED); /* gone: nobody knows when it was refreshed */
        return;
    }
    const struct policy_link *link = policy_link(t->policy, who->link);

    if (!link->enabled)
        fail(t, REASON_LINK_DISABLED);
    if (link->refreshed_us == INSTANT_MIN)
        fail(t, REASON_LINK_STALE);
    else if (!clock_cannot_tell(t) && t->now->utc_us - link->refreshed_us > link->max_stale_us)
        fail(t, REASON_LINK_STALE);
}

/* How far the rules that join user and point go. */
struct rules_found {
    bool joins;
    bool allows;       /* the type */
    uint32_t opens;    /* lowest that opens now */
    uint32_t may_open; /* lowest that would, were every limit in time met */
};

static bool rule_has_limit(const struct policy_rule *rule)
{
    return rule->valid_from_us != INSTANT_MIN || rule->valid_until_us != INSTANT_MAX;
}

static bool rule_valid(const struct trial *t, const struct policy_rule *rule)
{
    return !rule_has_limit(rule) || !memory_clock_trusted(t->now) ||
           (rule->valid_from_us <= t->now->utc_us && t->now->utc_us < rule->valid_until_us);
}

static bool rule_opens(const struct trial *t, const struct policy_rule *rule)
{
    if (!memory_clock_trusted(t->now))
        return rule->schedule == SCHEDULE_ALWAYS && !rule_has_limit(rule);
    return policy_schedule_open(t->policy, rule->schedule, &t->local);
}

static struct rules_found find_rules(const struct trial *t)
{
    unsigned type = TYPE_BIT(t->party->showing->shown[0].type);
    struct rules_found found = { .opens = POLICY_NONE, .may_open = POLICY_NONE };
    uint32_t cursor = 0, index;

    while (found.opens == POLICY_NONE &&
           policy_rule_next(t->policy, t->party->user, t->point_index, &cursor, &index)) {
        const struct policy_rule *rule = policy_rule(t->policy, index);

        if (!rule->enabled || !rule_valid(t, rule))
            continue;
        found.joins = true;
        if (!(rule->types & type))
            continue;
        found.allows = true;
        if (rule_opens(t, rule))
            found.opens = index;
        if (found.may_open == POLICY_NONE && rule->schedule != SCHEDULE_NEVER &&
            rule->schedule != POLICY_NONE)
            found.may_open = index;
    }
    return found;
}

static void no_rule(struct trial *t)
{
    struct rules_found found = find_rules(t);

    t->rule = found.opens;
    if (found.opens != POLICY_NONE)
        return;
    if (found.may_open != POLICY_NONE && clock_cannot_tell(t))
        t->rule = found.may_open;
    else if (!found.joins)
        fail(t, REASON_NO_RULE);
    else if (!found.allows)
        fail(t, REASON_TYPE_NOT_ALLOWED);
    else
        fail(t, REASON_OUTSIDE_SCHEDULE);
}

static void min_interval(struct trial *t)
{
    int64_t interval_us = t->door->min_interval_s[t->party->who.kind] * USEC_PER_SEC;

    if (t->point->direction != DIRECTION_ENTRY || !interval_us)
        return;
    const struct release *release =
        memory_release(memory_person(t->world, t->party->user), t->door_memory, t->point->direction);

    if (!release)
        return;
    int64_t left_us = memory_boot_us(&release->at, t->now) + interval_us - t->now->boot_us;

    if (left_us <= 0)
        return;
    fail(t, REASON_MIN_INTERVAL);
    t->interval_s = seconds_rounded_up(left_us);
}

/* The user is where he must not be, by the mode of this area. */
static void violated(struct trial *t, uint32_t area_index, const struct person_memory *person)
{
    static const struct policy_area off = { .anti_passback = ANTI_PASSBACK_OFF };
    const struct policy_area *area = area_index == AREA_OUTSIDE ? &off : policy_area(t->policy, area_index);

    switch (area->anti_passback) { /* GCOVR_EXCL_BR_LINE: it names every value */
    case ANTI_PASSBACK_OFF:
        break;
    case ANTI_PASSBACK_SOFT:
        t->warnings |= WARNING_ANTI_PASSBACK;
        break;
    case ANTI_PASSBACK_HARD:
        fail(t, REASON_ANTI_PASSBACK);
        break;
    case ANTI_PASSBACK_TIMED:
        if (t->now->boot_us - memory_boot_us(&person->moved, t->now) < area->anti_passback_us)
            fail(t, REASON_ANTI_PASSBACK);
        break;
    }
}

static void anti_passback(struct trial *t)
{
    if (t->party->who.apb_exempt || !moves(t->point))
        return;
    const struct person_memory *person = memory_person(t->world, t->party->user);
    const struct area_memory *area = memory_whereabouts(t->world, person);

    if (!area)
        return;
    if (area->index == t->point->to)
        violated(t, t->point->to, person);
    if (area->index != t->point->from)
        violated(t, t->point->from, person);
}

/* People who count against somebody who wants to enter the area. */
static int64_t others_in(const struct trial *t, const struct area_memory *area)
{
    const struct person_memory *self = memory_person(t->world, t->party->user);
    const struct headcount *there = memory_headcount(t->world, area);
    int64_t count = there->recorded + there->expected;

    if (memory_is_counted(t->world, self, area))
        count--;
    if (t->other && t->other->user != POLICY_NONE &&
        !memory_is_counted(t->world, memory_person(t->world, t->other->user), area))
        count++;
    return count;
}

static void area_full(struct trial *t)
{
    uint32_t to = t->point->to;

    if (t->point->direction != DIRECTION_ENTRY || !moves(t->point) || to == AREA_OUTSIDE)
        return;
    const struct area_memory *area = memory_area(t->world, to);
    int64_t capacity = policy_area(t->policy, to)->capacity;

    if (capacity >= 0 && others_in(t, area) >= capacity)
        fail(t, REASON_AREA_FULL);
}

static bool may_be_open(const struct trial *t, const struct door_memory *door)
{
    const struct awaited *awaited = door->awaited;

    while (awaited && awaited->until_us <= t->now->boot_us)
        awaited = awaited->next;
    return awaited || door->pulse_until_us > t->now->boot_us || door->released_until_us > t->now->boot_us ||
           door->phase != DOOR_CLOSED || mode_is_open(mode_held(t->world, door->index, t->now).mode);
}

static void interlock(struct trial *t)
{
    const struct door_memory *door = t->door_memory->interlock;

    for (; door && door != t->door_memory; door = door->interlock)
        if (may_be_open(t, door))
            fail(t, REASON_INTERLOCK);
}

/* Row 25 by one list of combinations. */
static void check_combinations(struct trial *t, const uint32_t *any, size_t count)
{
    unsigned shown = t->party->types;
    bool begun = false;

    for (size_t i = 0; i < count; i++) {
        if ((any[i] & ~shown) == 0)
            return;
        begun = begun || (shown & ~any[i]) == 0;
    }
    fail(t, begun ? REASON_SECOND_FACTOR_REQUIRED : REASON_FACTORS_NOT_ALLOWED);
}

static void factors(struct trial *t)
{
    static const uint32_t any_but_pin[] = { TYPE_BIT(CREDENTIAL_CARD), TYPE_BIT(CREDENTIAL_MOBILE),
                                            TYPE_BIT(CREDENTIAL_KEY), TYPE_BIT(CREDENTIAL_PLATE),
                                            TYPE_BIT(CREDENTIAL_QR) };

    for (size_t i = 0; i < t->point->factor_count; i++) {
        const struct policy_factor_entry *entry = &t->point->factors[i];

        if (entry->schedule == POLICY_NONE) {
            fail(t, REASON_FACTORS_NOT_ALLOWED);
            return;
        }
        if (entry->schedule == SCHEDULE_NEVER)
            continue;
        if (entry->schedule != SCHEDULE_ALWAYS && clock_cannot_tell(t)) {
            if (t->row)
                return;
        } else if (!policy_schedule_open(t->policy, entry->schedule, &t->local)) {
            continue;
        }
        check_combinations(t, entry->any, entry->any_count);
        return;
    }
    check_combinations(t, any_but_pin, sizeof(any_but_pin) / sizeof(any_but_pin[0]));
}

static void second_person(struct trial *t)
{
    if (t->point->two_person && !t->other_passes)
        fail(t, REASON_SECOND_PERSON_REQUIRED);
}

/* By number. Row 1 stands in decide(): without a point there is nothing to check. */
static const struct {
    enum known needs; /* to be checked */
    bool again;       /* checked again for the first of two people (row 26) */
    void (*check)(struct trial *t);
} rows[] = {
    /*  2 */ { KNOWN_NOTHING, false, stale },
    /*  3 */ { KNOWN_NOTHING, true, lockdown },
    /*  4 */ { KNOWN_NOTHING, true, door_blocked },
    /*  5 */ { KNOWN_NOTHING, false, locked_out },
    /*  6 */ { KNOWN_NOTHING, true, unknown_credential },
    /*  7 */ { KNOWN_NOTHING, true, ambiguous_credential },
    /*  8 */ { KNOWN_NAME, true, pin_wrong },
    /*  9 */ { KNOWN_NAME, true, different_users },
    /* 10 */ { KNOWN_NAME, true, credential_status },
    /* 11 */ { KNOWN_NAME, true, credential_validity },
    /* 12 */ { KNOWN_NAME, true, used_up },
    /* 13 */ { KNOWN_NAME, true, assurance_too_low },
    /* 14 */ { KNOWN_NAME, true, unknown_user },
    /* 15 */ { KNOWN_USER, true, user_status },
    /* 16 */ { KNOWN_USER, true, user_validity },
    /* 17 */ { KNOWN_USER, true, user_blocked },
    /* 18 */ { KNOWN_USER, true, mobile_not_enabled },
    /* 19 */ { KNOWN_USER, true, link_state },
    /* 20 */ { KNOWN_USER, true, no_rule },
    /* 21 */ { KNOWN_USER, true, min_interval },
    /* 22 */ { KNOWN_USER, true, anti_passback },
    /* 23 */ { KNOWN_NOTHING, true, area_full },
    /* 24 */ { KNOWN_NOTHING, true, interlock },
    /* 25 */ { KNOWN_NOTHING, true, factors },
    /* 26 */ { KNOWN_NOTHING, false, second_person },
};

/* Takes over what failed in a row: within it in the order the row names them, each reason once. */
static void end_row(struct trial *t)
{
    for (uint64_t fresh = t->row & ~t->failed; fresh; fresh &= fresh - 1)
        t->order[t->count++] = (uint8_t)__builtin_ctzll(fresh);
    t->failed |= t->row;
    t->row = 0;
}

void rows_check(struct trial *t, bool again)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if ((again && !rows[i].again) || t->party->known < rows[i].needs)
            continue;
        rows[i].check(t);
        if (t->row)
            end_row(t);
    }
}
