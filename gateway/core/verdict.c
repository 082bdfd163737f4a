/* SPDX-License-Identifier: GPL-3.0-or-later */
/* verdict.c: the words of the contract, and a verdict written in them. */
#include "gateway/core/verdict.h"

#include <assert.h>
#include <string.h>

#include "proto/json.h"

static const char *const reason_names[REASONS + 1] = {
    [REASON_UNKNOWN_POINT] = "UNKNOWN_POINT",
    [REASON_STALE] = "STALE",
    [REASON_LOCKDOWN] = "LOCKDOWN",
    [REASON_DOOR_BLOCKED] = "DOOR_BLOCKED",
    [REASON_LOCKED_OUT] = "LOCKED_OUT",
    [REASON_UNKNOWN_CREDENTIAL] = "UNKNOWN_CREDENTIAL",
    [REASON_AMBIGUOUS_CREDENTIAL] = "AMBIGUOUS_CREDENTIAL",
    [REASON_PIN_WRONG] = "PIN_WRONG",
    [REASON_DIFFERENT_USERS] = "DIFFERENT_USERS",
    [REASON_CREDENTIAL_PENDING] = "CREDENTIAL_PENDING",
    [REASON_CREDENTIAL_BLOCKED] = "CREDENTIAL_BLOCKED",
    [REASON_CREDENTIAL_LOST] = "CREDENTIAL_LOST",
    [REASON_CREDENTIAL_INVALID] = "CREDENTIAL_INVALID",
    [REASON_CREDENTIAL_NOT_STARTED] = "CREDENTIAL_NOT_STARTED",
    [REASON_CREDENTIAL_EXPIRED] = "CREDENTIAL_EXPIRED",
    [REASON_USED_UP] = "USED_UP",
    [REASON_ASSURANCE_TOO_LOW] = "ASSURANCE_TOO_LOW",
    [REASON_UNKNOWN_USER] = "UNKNOWN_USER",
    [REASON_USER_PENDING] = "USER_PENDING",
    [REASON_USER_SUSPENDED] = "USER_SUSPENDED",
    [REASON_USER_CANCELLED] = "USER_CANCELLED",
    [REASON_USER_NOT_STARTED] = "USER_NOT_STARTED",
    [REASON_USER_EXPIRED] = "USER_EXPIRED",
    [REASON_USER_BLOCKED] = "USER_BLOCKED",
    [REASON_MOBILE_NOT_ENABLED] = "MOBILE_NOT_ENABLED",
    [REASON_LINK_DISABLED] = "LINK_DISABLED",
    [REASON_LINK_STALE] = "LINK_STALE",
    [REASON_NO_RULE] = "NO_RULE",
    [REASON_TYPE_NOT_ALLOWED] = "TYPE_NOT_ALLOWED",
    [REASON_OUTSIDE_SCHEDULE] = "OUTSIDE_SCHEDULE",
    [REASON_MIN_INTERVAL] = "MIN_INTERVAL",
    [REASON_ANTI_PASSBACK] = "ANTI_PASSBACK",
    [REASON_AREA_FULL] = "AREA_FULL",
    [REASON_INTERLOCK] = "INTERLOCK",
    [REASON_FACTORS_NOT_ALLOWED] = "FACTORS_NOT_ALLOWED",
    [REASON_SECOND_FACTOR_REQUIRED] = "SECOND_FACTOR_REQUIRED",
    [REASON_SECOND_PERSON_REQUIRED] = "SECOND_PERSON_REQUIRED",
    [REASON_CLOCK_UNTRUSTED] = "CLOCK_UNTRUSTED",
    [REASON_RULE] = "RULE",
    [REASON_DOOR_UNLOCKED] = "DOOR_UNLOCKED",
};

static const enum warning warnings[] = { WARNING_ANTI_PASSBACK, WARNING_CLOCK_UNTRUSTED, WARNING_DURESS };

const char *reason_name(enum reason reason)
{
    assert(reason < REASONS);
    return reason_names[reason];
}

enum reason reason_find(const char *name)
{
    int value = json_enum_value(reason_names, name);

    return value < 0 ? REASONS : (enum reason)value;
}

const char *verdict_kind_name(enum verdict_kind kind)
{
    static const char *const names[] = {
        [VERDICT_GRANT] = "grant",
        [VERDICT_DENY] = "deny",
        [VERDICT_PENDING] = "pending",
    };

    return names[kind];
}

const char *warning_name(enum warning warning)
{
    static const char *const names[] = {
        [WARNING_ANTI_PASSBACK] = "ANTI_PASSBACK",
        [WARNING_CLOCK_UNTRUSTED] = "CLOCK_UNTRUSTED",
        [WARNING_DURESS] = "DURESS",
    };

    return names[warning];
}

static void add_failed(struct json_out *out, const struct verdict *verdict)
{
    json_begin_list(out, "failed");
    for (size_t i = 0; i < verdict->failed_count; i++)
        json_add_string(out, NULL, reason_name(verdict->failed[i]));
    json_end_list(out);
}

static void add_warnings(struct json_out *out, const struct verdict *verdict)
{
    json_begin_list(out, "warnings");
    for (size_t i = 0; i < sizeof(warnings) / sizeof(warnings[0]); i++)
        if (verdict->warnings & warnings[i])
            json_add_string(out, NULL, warning_name(warnings[i]));
    json_end_list(out);
}

void verdict_add(struct json_out *out, const struct policy *policy, const struct verdict *verdict)
{
    json_add_string(out, "verdict", verdict_kind_name(verdict->kind));
    json_add_string(out, "reason", reason_name(verdict->reason));
    add_failed(out, verdict);
    json_add_string(out, "user", policy_id(policy, ITEM_USER, verdict->user));
    json_add_string(out, "credential", policy_id(policy, ITEM_CREDENTIAL, verdict->credential));
    json_add_string(out, "rule", policy_id(policy, ITEM_RULE, verdict->rule));
    add_warnings(out, verdict);
    if (verdict->reason == REASON_USER_BLOCKED)
        json_add_string(out, "message", policy_user(policy, verdict->user).block_message);
    if (verdict->retry_after_s > 0)
        json_add_int(out, "retry_after_s", verdict->retry_after_s);
    if (verdict->pulse_ms > 0)
        json_add_int(out, "pulse_ms", verdict->pulse_ms);
}
