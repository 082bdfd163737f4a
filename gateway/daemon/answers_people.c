/* SPDX-License-Identifier: GPL-3.0-or-later */
/* answers_people.c: who somebody is, and why somebody was not let in. The last presentation is explained from
 * its stored event, so that what is said is what was decided; the words around it come from the policy in
 * force. */
#include "gateway/daemon/answers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/core/explain.h"
#include "gateway/core/reach.h"
#include "gateway/daemon/daemon.h"
#include "proto/json.h"

/* A user item for people. Objects and strings are borrowed from it. */
struct person {
    const char *name;
    const char *kind;
    const char *status;
    struct json_object *source;
    const char *source_ref;
    const char *valid_from;
    const char *valid_until;
    struct json_object *tags;
    struct json_object *block;
    const char *link;
};

static const struct json_row person_rows[] = {
    JSON_ROW_STRING(struct person, name, "name", 0, INT64_MAX),
    JSON_ROW_STRING(struct person, kind, "kind", 0, INT64_MAX),
    JSON_ROW_STRING(struct person, status, "status", 0, INT64_MAX),
    JSON_ROW_OBJECT(struct person, source, "source"),
    JSON_ROW_STRING(struct person, valid_from, "valid_from", 0, INT64_MAX),
    JSON_ROW_STRING(struct person, valid_until, "valid_until", 0, INT64_MAX),
    JSON_ROW_LIST(struct person, tags, "tags", 0, INT64_MAX),
    JSON_ROW_OBJECT(struct person, block, "block"),
    JSON_ROW_STRING(struct person, link, "link", 0, INT64_MAX),
};

static const struct json_row source_row = { .member = "ref", .type = JSON_STRING, .max = INT64_MAX };

static int read_person(struct json_object *item, struct person *ret)
{
    struct json_error error;

    if (json_read(item, JSON_ROWS(person_rows), ret, &error) < 0)
        return -EBADMSG;
    ret->source_ref = NULL;
    return ret->source ? json_read(ret->source, &source_row, 1, &ret->source_ref, &error) : 0;
}

struct search {
    struct daemon *daemon;
    struct ctl_reply *reply;
    size_t found;
    char words[CONTROL_TEXT_MAX + 1];
};

static bool contains(const char *text, const char *words)
{
    return text && strcasestr(text, words);
}

/* Doors that a rule joins the user to, whatever the time. */
static void add_reachable(struct json_out *out, const struct policy *policy, uint32_t user)
{
    json_begin_list(out, "doors");
    for (uint32_t door = 0; door < policy_count(policy, ITEM_DOOR); door++) {
        bool joined = false;

        for (uint32_t i = 0; i < policy_count(policy, ITEM_ACCESS_POINT) && !joined; i++)
            joined = policy_point(policy, i)->door == door && reach_joins(policy, user, i);
        if (joined)
            json_add_string(out, NULL, policy_door(policy, door)->id);
    }
    json_end_list(out);
}

static void answer_person(const struct search *search, const char *id, const struct person *person)
{
    const struct policy *policy = search->daemon->policy;
    uint32_t user = policy_find(policy, ITEM_USER, id);
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    struct json_out out = json_out_to(&text);

    json_begin_object(&out, NULL);
    json_add_string(&out, "id", id);
    json_add_string(&out, "name", person->name);
    json_add_string(&out, "kind", person->kind ? person->kind : "member");
    json_add_string(&out, "status", person->status ? person->status : "active");
    if (person->source)
        json_add_object(&out, "source", person->source);
    json_add_string(&out, "valid_from", person->valid_from);
    json_add_string(&out, "valid_until", person->valid_until);
    if (person->tags)
        json_add_object(&out, "tags", person->tags);
    if (person->block)
        json_add_object(&out, "block", person->block);
    json_add_string(&out, "link", person->link);
    if (user != POLICY_NONE) {
        uint32_t cursor = 0;
        uint32_t credential;
        int64_t count = 0;

        while (policy_credential_of_user_next(policy, user, &cursor, &credential))
            count++;
        json_add_int(&out, "credentials", count);
        add_reachable(&out, policy, user);
    }
    json_end_object(&out);
    ctl_reply_text(search->reply, &text);
}

static void search_item(void *user, const char *kind, const char *id, int64_t rev, const char *json)
{
    struct search *search = user;
    cleanup_with(json_putp) struct json_object *item = NULL;
    struct json_error error;
    struct person person;

    if (!ctl_reply_wanted(search->reply) || json_parse(json, strlen(json), &item, &error) < 0 ||
        read_person(item, &person) < 0)
        return;
    if (!contains(id, search->words) && !contains(person.name, search->words) &&
        !contains(person.source_ref, search->words))
        return;
    search->found++;
    answer_person(search, id, &person);
}

static void search_done(void *user, int error)
{
    cleanup_with(freep) struct search *search = user;

    if (error < 0)
        ctl_reply_end(search->reply, CONTROL_EXIT_DAEMON, strerror(-error));
    else if (search->found == 0)
        ctl_reply_end(search->reply, CONTROL_EXIT_NO, "nobody is called that");
    else
        ctl_reply_end(search->reply, CONTROL_EXIT_OK, NULL);
}

void answers_user_find(void *user, struct ctl_reply *reply, const char *words)
{
    struct daemon *daemon = user;
    struct search *search = calloc(1, sizeof(*search));
    int r = -ENOMEM;

    if (search) {
        search->daemon = daemon;
        search->reply = reply;
        snprintf(search->words, sizeof(search->words), "%s", words);
        r = policy_store_list(daemon->store, item_kind_name(ITEM_USER), search_item, search_done, search);
    }
    if (r == 0)
        return;
    free(search);
    ctl_reply_end(reply, CONTROL_EXIT_DAEMON, strerror(-r));
}

/* A verdict to explain, of now or from the log. */
struct explained {
    struct verdict verdict;
    struct timestamp now;
    int64_t seq;               /* 0: nothing was presented */
    const char *unknown_value; /* what was presented and nobody knows; NULL otherwise */
    const char *unknown_type;
};

static void add_details(struct json_out *out, const struct daemon *daemon, const struct explained *explained)
{
    const struct verdict *verdict = &explained->verdict;

    json_begin_list(out, "details");
    for (size_t i = 0; i < verdict->failed_count; i++) {
        cleanup_with(text_finish) struct text text = TEXT_INIT;

        if (verdict->failed[i] == REASON_UNKNOWN_CREDENTIAL && explained->unknown_value)
            text_addf(&text, "nobody has the %s %s", explained->unknown_type, explained->unknown_value);
        else
            explain_reason(&text, daemon->world, daemon->policy, verdict, verdict->failed[i],
                           &explained->now);
        if (text.len == 0)
            continue;
        json_begin_object(out, NULL);
        json_add_string(out, "reason", reason_name(verdict->failed[i]));
        json_add_string(out, "text", text_string(&text));
        json_end_object(out);
    }
    json_end_list(out);
}

static void add_utc(struct json_out *out, const char *member, int64_t utc_us)
{
    char utc[UTC_SIZE];

    if (event_utc_format(utc_us, utc))
        json_add_string(out, member, utc);
}

static void add_tags(struct json_out *out, const struct policy *policy, const struct policy_rule *rule)
{
    json_begin_list(out, "tags");
    for (size_t i = 0; i < rule->tag_count; i++)
        json_add_string(out, NULL, policy_id(policy, ITEM_TAG, rule->tags[i]));
    json_end_list(out);
}

static void add_types(struct json_out *out, const struct policy_rule *rule)
{
    json_begin_list(out, "types");
    for (enum credential_type type = 0; type < CREDENTIAL_TYPES; type++)
        if (rule->types & (1u << type))
            json_add_string(out, NULL, credential_type_name(type));
    json_end_list(out);
}

/* What would have to change for this rule to let in. */
static void add_near(struct json_out *out, const struct policy *policy, const struct reach_rule *near)
{
    const struct policy_rule *rule = policy_rule(policy, near->rule);

    json_begin_object(out, NULL);
    json_add_string(out, "rule", rule->id);
    json_add_string(out, "name", rule->name);
    json_add_string(out, "state", reach_state_name(near->state));
    switch (near->state) {
    case REACH_OTHER_TYPE:
        add_types(out, rule);
        break;
    case REACH_NOT_STARTED:
        add_utc(out, "valid_from", rule->valid_from_us);
        break;
    case REACH_EXPIRED:
        add_utc(out, "valid_until", rule->valid_until_us);
        break;
    case REACH_OTHERS:
        add_tags(out, policy, rule);
        break;
    case REACH_CLOSED:
    case REACH_OFF:
        break;
    }
    if (near->opens_us != INSTANT_MIN && near->opens_us != INSTANT_MAX)
        add_utc(out, "opens", near->opens_us);
    json_end_object(out);
}

static void add_nearest(struct json_out *out, const struct daemon *daemon, const struct explained *explained)
{
    struct reach_rule near[REACH_RULES_MAX];
    size_t count = reach_nearest(daemon->world, &explained->verdict, &explained->now, near);

    if (count == 0)
        return;
    json_begin_list(out, "nearest");
    for (size_t i = 0; i < count; i++)
        add_near(out, daemon->policy, &near[i]);
    json_end_list(out);
}

static void add_name(struct json_out *out, const char *member, const struct policy *policy,
                     enum item_kind kind, uint32_t index)
{
    if (index != POLICY_NONE)
        json_add_string(out, member, policy_name(policy, kind, index));
}

static void answer_explained(struct daemon *daemon, struct ctl_reply *reply,
                             const struct explained *explained)
{
    const struct verdict *verdict = &explained->verdict;
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    struct json_out out = json_out_to(&text);

    json_begin_object(&out, NULL);
    if (explained->now.clock != CLOCK_STATE_NONE)
        add_utc(&out, "at", explained->now.utc_us);
    json_add_string(&out, "clock", clock_state_name(explained->now.clock));
    json_add_string(&out, "point", policy_id(daemon->policy, ITEM_ACCESS_POINT, verdict->point));
    json_add_string(&out, "door", policy_id(daemon->policy, ITEM_DOOR, verdict->door));
    verdict_add(&out, daemon->policy, verdict);
    add_name(&out, "name", daemon->policy, ITEM_USER, verdict->user);
    add_name(&out, "point_name", daemon->policy, ITEM_ACCESS_POINT, verdict->point);
    add_name(&out, "door_name", daemon->policy, ITEM_DOOR, verdict->door);
    add_name(&out, "rule_name", daemon->policy, ITEM_RULE, verdict->rule);
    if (explained->seq)
        json_add_int(&out, "seq", explained->seq);
    add_details(&out, daemon, explained);
    add_nearest(&out, daemon, explained);
    json_end_object(&out);
    ctl_reply_text(reply, &text);
    ctl_reply_end(reply, CONTROL_EXIT_OK, NULL);
}

/* An event of a presentation, as it is stored. Strings are borrowed from it. */
struct stored {
    int64_t seq;
    int64_t at_us;
    const char *boot;
    const char *utc; /* NULL: was not known */
    enum clock_state clock;
    enum verdict_kind kind;
    const char *point;
    const char *door;
    const char *user;
    const char *second_user;
    const char *credential;
    const char *type;
    const char *value;
    const char *reason;
    struct json_object *failed;
    struct json_object *warnings;
    const char *rule;
    int64_t retry_after_s;
    int64_t pulse_ms;
};

static const char *const clock_names[] = { "none", "holdover", "synced", NULL };  /* enum clock_state */
static const char *const kind_names[] = { "granted", "denied", "pending", NULL }; /* enum verdict_kind */

static const struct json_row stored_rows[] = {
    JSON_ROW_INT(struct stored, seq, "seq", 0, JSON_INT_MAX, 0),
    JSON_ROW_INT(struct stored, at_us, "at", 0, JSON_INT_MAX, 0),
    JSON_ROW_STRING_REQUIRED(struct stored, boot, "boot", 0, INT64_MAX),
    JSON_ROW_ENUM_REQUIRED(struct stored, clock, "clock", clock_names),
    JSON_ROW_ENUM_REQUIRED(struct stored, kind, "kind", kind_names),
    JSON_ROW_STRING(struct stored, point, "point", 0, INT64_MAX),
    JSON_ROW_STRING(struct stored, door, "door", 0, INT64_MAX),
    JSON_ROW_STRING(struct stored, user, "user", 0, INT64_MAX),
    JSON_ROW_STRING(struct stored, second_user, "second_user", 0, INT64_MAX),
    JSON_ROW_STRING(struct stored, credential, "credential", 0, INT64_MAX),
    JSON_ROW_STRING(struct stored, type, "type", 0, INT64_MAX),
    JSON_ROW_STRING(struct stored, value, "value", 0, INT64_MAX),
    JSON_ROW_STRING_REQUIRED(struct stored, reason, "reason", 0, INT64_MAX),
    JSON_ROW_LIST(struct stored, failed, "failed", 0, INT64_MAX),
    JSON_ROW_LIST(struct stored, warnings, "warnings", 0, INT64_MAX),
    JSON_ROW_STRING(struct stored, rule, "rule", 0, INT64_MAX),
    JSON_ROW_INT(struct stored, retry_after_s, "retry_after_s", 0, JSON_INT_MAX, 0),
    JSON_ROW_INT(struct stored, pulse_ms, "pulse_ms", 0, JSON_INT_MAX, 0),
};

static const struct json_row utc_row = { .member = "utc", .type = JSON_STRING, .max = INT64_MAX };

static uint32_t find(const struct policy *policy, enum item_kind kind, const char *id)
{
    return id ? policy_find(policy, kind, id) : POLICY_NONE;
}

static void take_failed(const struct stored *stored, struct verdict *verdict)
{
    struct json_error error;

    for (size_t i = 0; i < json_list_length(stored->failed) && verdict->failed_count < REASONS; i++) {
        const char *name = json_list_string(stored->failed, i, &error);
        enum reason reason = name ? reason_find(name) : REASONS;

        if (reason != REASONS)
            verdict->failed[verdict->failed_count++] = reason;
    }
}

static void take_warnings(const struct stored *stored, struct verdict *verdict)
{
    static const enum warning all[] = { WARNING_ANTI_PASSBACK, WARNING_CLOCK_UNTRUSTED, WARNING_DURESS };
    struct json_error error;

    for (size_t i = 0; i < json_list_length(stored->warnings); i++)
        for (size_t w = 0; w < sizeof(all) / sizeof(all[0]); w++) {
            const char *name = json_list_string(stored->warnings, i, &error);

            if (name && strcmp(name, warning_name(all[w])) == 0)
                verdict->warnings |= all[w];
        }
}

/* The verdict that an event tells of, in terms of the policy in force: what is gone from it is left out. */
static void take_stored(const struct policy *policy, const struct stored *stored, struct explained *ret)
{
    ret->verdict = (struct verdict){
        .kind = stored->kind,
        .reason = reason_find(stored->reason),
        .point = find(policy, ITEM_ACCESS_POINT, stored->point),
        .door = find(policy, ITEM_DOOR, stored->door),
        .user = find(policy, ITEM_USER, stored->user),
        .second_user = find(policy, ITEM_USER, stored->second_user),
        .credential = find(policy, ITEM_CREDENTIAL, stored->credential),
        .rule = find(policy, ITEM_RULE, stored->rule),
        .retry_after_s = stored->retry_after_s,
        .pulse_ms = stored->pulse_ms,
    };
    take_failed(stored, &ret->verdict);
    take_warnings(stored, &ret->verdict);
    ret->seq = stored->seq;
    ret->unknown_value = stored->value;
    ret->unknown_type = stored->type;
}

/* Microseconds since 1970 of an event's utc, which is always of the form 2026-11-22T14:30:00.123Z. */
static int64_t utc_of(const char *text)
{
    int year, month, day, hour, minute, second, ms;

    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ", &year, &month, &day, &hour, &minute, &second, &ms) != 7)
        return 0;
    int64_t seconds = zone_day(year, month, day) * INT64_C(86400) + hour * 3600 + minute * 60 + second;

    return seconds * USEC_PER_SEC + ms * USEC_PER_MSEC;
}

/* When it happened: in this boot by boot time, which what the clock became since corrects; else as it was
 * written. */
static struct timestamp time_of(const struct daemon *daemon, const struct stored *stored)
{
    struct timestamp now = daemon_now(daemon);

    if (strcmp(stored->boot, daemon->boot_id) == 0)
        return (struct timestamp){ stored->at_us, now.utc_us - (now.boot_us - stored->at_us), now.clock };
    return (struct timestamp){ now.boot_us, stored->utc ? utc_of(stored->utc) : 0, stored->clock };
}

static void explain_event(struct daemon *daemon, struct ctl_reply *reply, const char *line, size_t len)
{
    cleanup_with(json_putp) struct json_object *event = NULL;
    struct explained explained = { 0 };
    struct stored stored;
    struct json_error error;

    if (json_parse(line, len, &event, &error) < 0 ||
        json_read(event, JSON_ROWS(stored_rows), &stored, &error) < 0) {
        ctl_reply_end(reply, CONTROL_EXIT_DAEMON, error.text);
        return;
    }
    if (json_read(event, &utc_row, 1, &stored.utc, &error) < 0)
        stored.utc = NULL; /* null: the clock was not to be trusted */
    take_stored(daemon->policy, &stored, &explained);
    explained.now = time_of(daemon, &stored);
    answer_explained(daemon, reply, &explained);
}

static void last_found(void *user, const struct ledger_found *found)
{
    cleanup_with(freep) struct question *question = user;

    if (found->error < 0)
        ctl_reply_end(question->reply, CONTROL_EXIT_DAEMON, strerror(-found->error));
    else if (found->count == 0)
        ctl_reply_end(question->reply, CONTROL_EXIT_NO, "nothing was presented there");
    else
        explain_event(question->daemon, question->reply, found->lines, found->len - 1);
}

static void explain_last(struct daemon *daemon, struct ctl_reply *reply, const char *door)
{
    const struct ledger_query query = {
        .door = door,
        .kinds = { event_kind_name(EVENT_GRANTED), event_kind_name(EVENT_DENIED),
                   event_kind_name(EVENT_PENDING) },
        .now = daemon_now(daemon),
        .limit = 1,
    };

    if (policy_find(daemon->policy, ITEM_DOOR, door) == POLICY_NONE)
        ctl_reply_end(reply, CONTROL_EXIT_NO, "there is no such door");
    else
        answers_ask(daemon, reply, &query, last_found);
}

static void explain_if(struct daemon *daemon, struct ctl_reply *reply, const struct ctl_explain *wanted)
{
    uint32_t user = policy_find(daemon->policy, ITEM_USER, wanted->user);
    uint32_t point = policy_find(daemon->policy, ITEM_ACCESS_POINT, wanted->point);
    struct explained explained = { .now = answers_when(daemon, &wanted->when) };

    if (user == POLICY_NONE || point == POLICY_NONE) {
        ctl_reply_end(reply, CONTROL_EXIT_NO,
                      user == POLICY_NONE ? "there is no such user" : "there is no such access point");
        return;
    }
    reach_ask(daemon->world, user, point, &explained.now, &explained.verdict);
    answer_explained(daemon, reply, &explained);
}

void answers_explain(void *user, struct ctl_reply *reply, const struct ctl_explain *wanted)
{
    if (wanted->last)
        explain_last(user, reply, wanted->last);
    else
        explain_if(user, reply, wanted);
}
