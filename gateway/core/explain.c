/* SPDX-License-Identifier: GPL-3.0-or-later */
/* explain.c: a sentence for each reason. What failed is looked up again, in the same places that the decision
 * looked at; the sentences stand in a table beside their reasons. */
#include "gateway/core/explain.h"

#include "gateway/core/memory.h"
#include "gateway/core/mode.h"

#define DAYS_OF_WEEK 7

/* Rules that are put into words; further ones are left out. */
#define RULES_TOLD_MAX 3

static const char *const day_names[DAYS_OF_WEEK] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
static const char *const assurance_words[] = { "identifier", "shared_secret", "authenticated" };

struct sentence {
    struct text *text;
    const struct world *world;
    const struct policy *policy;
    const struct verdict *verdict;
    const struct timestamp *now;
    const struct policy_point *point; /* NULL with UNKNOWN_POINT, as the next */
    const struct policy_door *door;
    const char *user;       /* "nobody known" if not identified */
    const char *credential; /* likewise */
};

static const char *called(const char *name, const char *id)
{
    return *name ? name : id;
}

/* --- Times. --- */

static void add_clock_time(struct text *text, int32_t second)
{
    text_addf(text, "%02d:%02d", second / 3600, second / 60 % 60);
    if (second % 60)
        text_addf(text, ":%02d", second % 60);
}

static void add_date(struct text *text, int32_t day)
{
    int year, month, mday;

    zone_date(day, &year, &month, &mday);
    text_addf(text, "%04d-%02d-%02d", year, month, mday);
}

/* "2026-10-31", or "2026-10-31 17:00" if it is not the start of a day. */
static void add_instant(struct sentence *s, int64_t utc_us)
{
    struct local_time local = zone_local(policy_zone(s->policy), utc_us);

    add_date(s->text, local.day);
    if (local.second == 0)
        return;
    text_add(s->text, " ");
    add_clock_time(s->text, local.second);
}

static void add_validity(struct sentence *s, int64_t from_us, int64_t until_us, bool started)
{
    struct local_time until = zone_local(policy_zone(s->policy), until_us);

    text_add(s->text, started ? " was valid until " : " is valid from ");
    if (!started)
        add_instant(s, from_us);
    else if (until.second == 0)
        add_date(s->text, until.day - 1);
    else
        add_instant(s, until_us);
}

/* " at 10:02", of a moment on the boot clock; nothing if no clock tells. */
static void add_moment(struct sentence *s, const char *word, int64_t boot_us)
{
    if (!memory_clock_trusted(s->now))
        return;
    struct local_time local =
        zone_local(policy_zone(s->policy), s->now->utc_us - (s->now->boot_us - boot_us));

    text_addf(s->text, " %s ", word);
    if (local.day != zone_local(policy_zone(s->policy), s->now->utc_us).day) {
        add_date(s->text, local.day);
        text_add(s->text, " ");
    }
    add_clock_time(s->text, local.second - local.second % 60);
}

static void add_wait(struct sentence *s, int64_t until_us)
{
    int64_t left_us = until_us - s->now->boot_us;

    if (left_us > 0)
        text_addf(s->text, ", try again in %lld s", (long long)((left_us + USEC_PER_SEC - 1) / USEC_PER_SEC));
}

/* --- Schedules. --- */

static bool same_day(const struct policy *policy, uint32_t schedule, int32_t a, int32_t b)
{
    struct policy_window of_a, of_b;
    uint32_t cursor_a = 0, cursor_b = 0;

    for (;;) {
        bool more_a = policy_schedule_day_next(policy, schedule, a, &cursor_a, &of_a);
        bool more_b = policy_schedule_day_next(policy, schedule, b, &cursor_b, &of_b);

        if (!more_a || !more_b)
            return more_a == more_b;
        if (of_a.from_s != of_b.from_s || of_a.to_s != of_b.to_s)
            return false;
    }
}

static void add_windows(struct text *text, const struct policy *policy, uint32_t schedule, int32_t day)
{
    struct policy_window window;

    for (uint32_t cursor = 0; policy_schedule_day_next(policy, schedule, day, &cursor, &window);) {
        text_add(text, " ");
        add_clock_time(text, window.from_s);
        text_add(text, "-");
        add_clock_time(text, window.to_s);
    }
}

static bool day_has_window(const struct policy *policy, uint32_t schedule, int32_t day)
{
    struct policy_window window;
    uint32_t cursor = 0;

    return policy_schedule_day_next(policy, schedule, day, &cursor, &window);
}

void explain_schedule(struct text *text, const struct policy *policy, uint32_t schedule, int32_t day)
{
    int32_t monday = day - zone_weekday(day);
    const char *comma = "";

    if (schedule == SCHEDULE_ALWAYS) {
        text_add(text, "always");
        return;
    }
    for (int first = 0, last; first < DAYS_OF_WEEK; first = last + 1) {
        last = first;
        while (last + 1 < DAYS_OF_WEEK && same_day(policy, schedule, monday + first, monday + last + 1))
            last++;
        if (!day_has_window(policy, schedule, monday + first))
            continue;
        text_addf(text, "%s%s", comma, day_names[first]);
        if (last > first)
            text_addf(text, "-%s", day_names[last]);
        add_windows(text, policy, schedule, monday + first);
        comma = ", ";
    }
    if (!*comma)
        text_add(text, schedule == SCHEDULE_NEVER || schedule == POLICY_NONE ? "never" : "never this week");
}

/* --- Sentences. --- */

static void tell_unknown_point(struct sentence *s)
{
    text_add(s->text, "the access point, its door, its target or one of its areas is not in the policy");
}

static void tell_stale(struct sentence *s)
{
    text_addf(s->text, "what was presented at %s came more than %lld ms late", s->point->id,
              (long long)(s->point->max_age_us / USEC_PER_MSEC));
}

static void tell_lockdown(struct sentence *s)
{
    text_addf(s->text, "%s is locked down, and %s has none of the tags that may pass",
              called(s->door->name, s->door->id), s->user);
}

static void tell_blocked(struct sentence *s)
{
    text_addf(s->text, "%s is blocked", called(s->door->name, s->door->id));
    enum mode_cause cause = mode_below(s->world, s->verdict->door, s->now).cause;

    if (cause == MODE_BY_OVERRIDE)
        text_add(s->text, " by an operator");
    else if (cause == MODE_BY_SCHEDULE)
        text_add(s->text, " by its schedule");
}

static void tell_locked_out(struct sentence *s)
{
    const struct point_memory *point = s->world->point_at[s->verdict->point];
    int64_t until_us = memory_boot_us(&point->locked_until, s->now);

    text_add(s->text, "five wrong PINs");
    if (until_us <= s->now->boot_us)
        return;
    add_moment(s, "at", until_us - PIN_LOCKOUT_US);
    add_wait(s, until_us);
}

static void tell_unknown_credential(struct sentence *s)
{
    text_add(s->text, s->verdict->user == POLICY_NONE ? "nobody has this credential" : "the person has none");
}

static void tell_ambiguous(struct sentence *s)
{
    text_add(s->text, "more than one credential has this type and value");
}

static void tell_pin_wrong(struct sentence *s)
{
    text_addf(s->text, "the PIN is none of %s's", s->user);
}

static void tell_different_users(struct sentence *s)
{
    text_addf(s->text, "not all that was presented belongs to %s", s->user);
}

static void tell_status(struct sentence *s, const char *what, const char *status)
{
    text_addf(s->text, "%s is %s", what, status);
}

static void tell_credential_pending(struct sentence *s)
{
    tell_status(s, s->credential, "pending");
}

static void tell_credential_blocked(struct sentence *s)
{
    tell_status(s, s->credential, "blocked");
}

static void tell_credential_lost(struct sentence *s)
{
    tell_status(s, s->credential, "reported lost");
}

static void tell_credential_invalid(struct sentence *s)
{
    tell_status(s, s->credential, "invalid");
}

static void tell_credential_validity(struct sentence *s, bool started)
{
    text_add(s->text, s->credential);
    if (s->verdict->credential == POLICY_NONE)
        return;
    struct policy_credential credential = policy_credential(s->policy, s->verdict->credential);

    add_validity(s, credential.valid_from_us, credential.valid_until_us, started);
}

static void tell_credential_not_started(struct sentence *s)
{
    tell_credential_validity(s, false);
}

static void tell_credential_expired(struct sentence *s)
{
    tell_credential_validity(s, true);
}

static void tell_used_up(struct sentence *s)
{
    text_addf(s->text, "%s has no use left", s->credential);
    if (s->verdict->credential == POLICY_NONE)
        return;
    struct policy_credential credential = policy_credential(s->policy, s->verdict->credential);

    text_addf(s->text, ": %lld of %lld", (long long)memory_uses(s->world, credential.id),
              (long long)credential.uses);
}

static void tell_assurance(struct sentence *s)
{
    text_addf(s->text, "%s asks for %s or better", s->point->id, assurance_words[s->point->min_assurance]);
}

static void tell_unknown_user(struct sentence *s)
{
    text_addf(s->text, "the user of %s is not in the policy", s->credential);
}

static void tell_user_pending(struct sentence *s)
{
    tell_status(s, s->user, "pending");
}

static void tell_user_suspended(struct sentence *s)
{
    tell_status(s, s->user, "suspended");
}

static void tell_user_cancelled(struct sentence *s)
{
    tell_status(s, s->user, "cancelled");
}

static void tell_user_validity(struct sentence *s, bool started)
{
    struct policy_user who = policy_user(s->policy, s->verdict->user);

    text_add(s->text, s->user);
    add_validity(s, who.valid_from_us, who.valid_until_us, started);
}

static void tell_user_not_started(struct sentence *s)
{
    tell_user_validity(s, false);
}

static void tell_user_expired(struct sentence *s)
{
    tell_user_validity(s, true);
}

static void tell_user_blocked(struct sentence *s)
{
    const char *message = policy_user(s->policy, s->verdict->user).block_message;

    text_addf(s->text, "%s is blocked%s%s", s->user, message ? ": " : "", message ? message : "");
}

static void tell_mobile(struct sentence *s)
{
    text_addf(s->text, "%s may not use a phone or a digital key", s->user);
}

static void tell_link_disabled(struct sentence *s)
{
    uint32_t link = policy_user(s->policy, s->verdict->user).link;

    if (link == POLICY_NONE)
        text_addf(s->text, "the link that %s comes over is gone", s->user);
    else
        text_addf(s->text, "link %s, which %s comes over, is off", policy_link(s->policy, link)->id, s->user);
}

static void tell_link_stale(struct sentence *s)
{
    const struct policy_link *link = policy_link(s->policy, policy_user(s->policy, s->verdict->user).link);

    if (link->refreshed_us == INSTANT_MIN) {
        text_addf(s->text, "link %s was never refreshed", link->id);
        return;
    }
    text_addf(s->text, "link %s was last refreshed ", link->id);
    add_instant(s, link->refreshed_us);
    text_addf(s->text, ", more than %lld h ago", (long long)(link->max_stale_us / (3600 * USEC_PER_SEC)));
}

/* Rules that join user and point, whatever else they say, each put into words by tell. */
static size_t each_rule(struct sentence *s, void (*tell)(struct sentence *s, const struct policy_rule *rule))
{
    uint32_t cursor = 0, index;
    size_t count = 0;

    while (count < RULES_TOLD_MAX &&
           policy_rule_next(s->policy, s->verdict->user, s->verdict->point, &cursor, &index)) {
        const struct policy_rule *rule = policy_rule(s->policy, index);

        text_addf(s->text, "%srule %s", count++ ? "; " : "", called(rule->name, rule->id));
        tell(s, rule);
    }
    return count;
}

static void tell_why_not(struct sentence *s, const struct policy_rule *rule)
{
    if (!rule->enabled)
        text_add(s->text, " is off");
    else
        add_validity(s, rule->valid_from_us, rule->valid_until_us, s->now->utc_us >= rule->valid_from_us);
}

static void tell_unjoined(struct sentence *s)
{
    const char *comma = "";

    text_addf(s->text, "no rule joins %s to %s; tags of %s: ", s->user, s->point->id, s->user);
    for (uint32_t tag = 0; tag < policy_count(s->policy, ITEM_TAG); tag++)
        if (policy_user_has_tag(s->policy, s->verdict->user, tag)) {
            text_addf(s->text, "%s%s", comma, policy_id(s->policy, ITEM_TAG, tag));
            comma = ", ";
        }
    if (!*comma)
        text_add(s->text, "none");
}

static void tell_no_rule(struct sentence *s)
{
    if (each_rule(s, tell_why_not) == 0)
        tell_unjoined(s);
}

static void add_types(struct text *text, uint32_t types, const char *between)
{
    const char *comma = "";

    for (int type = 0; type < CREDENTIAL_TYPES; type++)
        if (types & (1u << type)) {
            text_addf(text, "%s%s", comma, credential_type_name((enum credential_type)type));
            comma = between;
        }
}

static void tell_types(struct sentence *s, const struct policy_rule *rule)
{
    text_add(s->text, " takes only ");
    add_types(s->text, rule->types, ", ");
}

static void tell_type_not_allowed(struct sentence *s)
{
    if (each_rule(s, tell_types) == 0)
        tell_unjoined(s);
}

static void tell_schedule(struct sentence *s, const struct policy_rule *rule)
{
    struct local_time local = zone_local(policy_zone(s->policy), s->now->utc_us);

    text_add(s->text, " opens ");
    explain_schedule(s->text, s->policy, rule->schedule, local.day);
}

static void tell_outside_schedule(struct sentence *s)
{
    struct local_time local = zone_local(policy_zone(s->policy), s->now->utc_us);

    if (each_rule(s, tell_schedule) == 0)
        tell_unjoined(s);
    if (!memory_clock_trusted(s->now))
        return;
    text_addf(s->text, ", it was %s ", day_names[zone_weekday(local.day)]);
    add_clock_time(s->text, local.second - local.second % 60);
}

static void tell_min_interval(struct sentence *s)
{
    struct policy_user who = policy_user(s->policy, s->verdict->user);
    int64_t interval_us = s->door->min_interval_s[who.kind] * USEC_PER_SEC;
    const struct release *release = memory_release(memory_person(s->world, s->verdict->user),
                                                   s->world->door_at[s->verdict->door], s->point->direction);

    text_addf(s->text, "%s was let in at %s", s->user, called(s->door->name, s->door->id));
    if (!release)
        return;
    add_moment(s, "at", memory_boot_us(&release->at, s->now));
    add_wait(s, memory_boot_us(&release->at, s->now) + interval_us);
}

static void tell_anti_passback(struct sentence *s)
{
    const struct person_memory *person = memory_person(s->world, s->verdict->user);
    const struct area_memory *area = memory_whereabouts(s->world, person);

    text_addf(s->text, "%s is recorded in %s", s->user, area ? area->node.id : "no area any more");
    if (area)
        add_moment(s, "since", memory_boot_us(&person->moved, s->now));
}

static void tell_area_full(struct sentence *s)
{
    const struct policy_area *area = policy_area(s->policy, s->point->to);
    const struct headcount *there = memory_headcount(s->world, memory_area(s->world, s->point->to));

    text_addf(s->text, "%s holds %lld, %lld are there and %lld on their way", called(area->name, area->id),
              (long long)area->capacity, (long long)there->recorded, (long long)there->expected);
}

static void tell_interlock(struct sentence *s)
{
    text_addf(s->text, "another door interlocked with %s is released, open or not known to be closed",
              called(s->door->name, s->door->id));
}

static void tell_factors(struct sentence *s)
{
    struct local_time local = zone_local(policy_zone(s->policy), s->now->utc_us);
    const struct policy_factor_entry *entry = s->point->factors;
    const struct policy_factor_entry *end = entry + s->point->factor_count;

    while (entry < end && entry->schedule != POLICY_NONE &&
           !policy_schedule_open(s->policy, entry->schedule, &local))
        entry++;
    text_addf(s->text, "%s takes ", s->point->id);
    if (entry == end) {
        text_add(s->text, "any one credential but a PIN alone");
        return;
    }
    if (entry->schedule == POLICY_NONE) {
        text_add(s->text, "nothing: a schedule of its factors is missing");
        return;
    }
    for (size_t i = 0; i < entry->any_count; i++) {
        text_add(s->text, i ? " or " : "");
        add_types(s->text, entry->any[i], " and ");
    }
}

static void tell_second_person(struct sentence *s)
{
    text_addf(s->text, "%s opens for two people, one after the other", s->point->id);
}

static void tell_clock(struct sentence *s)
{
    text_add(s->text, "nobody vouches for the clock, so that a limit in time cannot be told");
}

static void tell_rule(struct sentence *s)
{
    const struct policy_rule *rule = policy_rule(s->policy, s->verdict->rule);

    text_addf(s->text, "rule %s opens %s for %s", called(rule->name, rule->id), s->point->id, s->user);
}

static void tell_door_unlocked(struct sentence *s)
{
    text_addf(s->text, "%s is open for everybody", called(s->door->name, s->door->id));
}

static void (*const sentences[REASONS])(struct sentence *s) = {
    [REASON_UNKNOWN_POINT] = tell_unknown_point,
    [REASON_STALE] = tell_stale,
    [REASON_LOCKDOWN] = tell_lockdown,
    [REASON_DOOR_BLOCKED] = tell_blocked,
    [REASON_LOCKED_OUT] = tell_locked_out,
    [REASON_UNKNOWN_CREDENTIAL] = tell_unknown_credential,
    [REASON_AMBIGUOUS_CREDENTIAL] = tell_ambiguous,
    [REASON_PIN_WRONG] = tell_pin_wrong,
    [REASON_DIFFERENT_USERS] = tell_different_users,
    [REASON_CREDENTIAL_PENDING] = tell_credential_pending,
    [REASON_CREDENTIAL_BLOCKED] = tell_credential_blocked,
    [REASON_CREDENTIAL_LOST] = tell_credential_lost,
    [REASON_CREDENTIAL_INVALID] = tell_credential_invalid,
    [REASON_CREDENTIAL_NOT_STARTED] = tell_credential_not_started,
    [REASON_CREDENTIAL_EXPIRED] = tell_credential_expired,
    [REASON_USED_UP] = tell_used_up,
    [REASON_ASSURANCE_TOO_LOW] = tell_assurance,
    [REASON_UNKNOWN_USER] = tell_unknown_user,
    [REASON_USER_PENDING] = tell_user_pending,
    [REASON_USER_SUSPENDED] = tell_user_suspended,
    [REASON_USER_CANCELLED] = tell_user_cancelled,
    [REASON_USER_NOT_STARTED] = tell_user_not_started,
    [REASON_USER_EXPIRED] = tell_user_expired,
    [REASON_USER_BLOCKED] = tell_user_blocked,
    [REASON_MOBILE_NOT_ENABLED] = tell_mobile,
    [REASON_LINK_DISABLED] = tell_link_disabled,
    [REASON_LINK_STALE] = tell_link_stale,
    [REASON_NO_RULE] = tell_no_rule,
    [REASON_TYPE_NOT_ALLOWED] = tell_type_not_allowed,
    [REASON_OUTSIDE_SCHEDULE] = tell_outside_schedule,
    [REASON_MIN_INTERVAL] = tell_min_interval,
    [REASON_ANTI_PASSBACK] = tell_anti_passback,
    [REASON_AREA_FULL] = tell_area_full,
    [REASON_INTERLOCK] = tell_interlock,
    [REASON_FACTORS_NOT_ALLOWED] = tell_factors,
    [REASON_SECOND_FACTOR_REQUIRED] = tell_factors,
    [REASON_SECOND_PERSON_REQUIRED] = tell_second_person,
    [REASON_CLOCK_UNTRUSTED] = tell_clock,
    [REASON_RULE] = tell_rule,
    [REASON_DOOR_UNLOCKED] = tell_door_unlocked,
};

void explain_reason(struct text *text, const struct world *world, const struct policy *policy,
                    const struct verdict *verdict, enum reason reason, const struct timestamp *now)
{
    const char *credential = policy_id(policy, ITEM_CREDENTIAL, verdict->credential);
    struct sentence s = { .text = text,
                          .world = world,
                          .policy = policy,
                          .verdict = verdict,
                          .now = now,
                          .user = verdict->user == POLICY_NONE
                                      ? "the person"
                                      : policy_name(policy, ITEM_USER, verdict->user),
                          .credential = credential ? credential : "the credential" };

    if (verdict->door != POLICY_NONE) {
        s.point = policy_point(policy, verdict->point);
        s.door = policy_door(policy, verdict->door);
    }
    sentences[reason](&s);
}
