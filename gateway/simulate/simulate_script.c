/* SPDX-License-Identifier: GPL-3.0-or-later */
/* simulate_script.c: a verb is a row with its function, which reads its own member of the line and tells the
 * world. Both clocks run by `at`; the boot clock begins a second before the first line. */
#include "gateway/simulate/simulate_script.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <json-c/json.h>

#include "proto/rfc3339.h"

#define BOOT_ID "00000000-0000-0000-0000-000000000000"

/* Longest value that is presented, in bytes. */
#define VALUE_BYTES_MAX 4096

static const char *const type_names[] = { "card", "pin", "mobile", "key", "plate", "qr", NULL };
static const char *const assurance_names[] = { "identifier", "shared_secret", "authenticated", NULL };
static const char *const direction_names[] = { "entry", "exit", NULL };
static const char *const role_names[] = { "contact", "rex", "tamper", "fire", NULL };
static const char *const clock_names[] = { "none", "holdover", "synced", NULL };
static const char *const mode_names[] = { "controlled",  "unlocked", "locked_open", "blocked",
                                          "locked_down", "auto",     NULL };

_Static_assert(CREDENTIAL_QR == 5 && ASSURANCE_AUTHENTICATED == 2 && DIRECTION_EXIT == 1 &&
                   WORLD_INPUT_FIRE == 3 && CLOCK_STATE_SYNCED == 2 && DOOR_MODE_LOCKED_DOWN == 4 &&
                   DOOR_MODES == 5,
               "names stand in the order of their enums; \"auto\" is no mode");

/* Where a script's fire is said, which holds until false whatever the policy: is no id, so no door's. */
#define FIRE_PLACE "(script)"

/* What a verb's function is given. */
struct act {
    struct simulate_script *script;
    const char *at;
    struct json_object *line;
    struct text *out;
    struct json_error *error;
};

/* Members of all verbs; each verb reads its own. */
struct args {
    const char *point;
    const char *door;
    const char *user;
    const char *value;
    const char *until;
    struct json_object *credential;
    int64_t age_ms;
    enum credential_type type;
    enum assurance assurance;
    enum direction direction;
    enum world_input role;
    enum door_mode mode;
    enum clock_state clock;
    bool on;
};

#define ROW_STRING(field, max_)                                                                              \
    {                                                                                                        \
        .member = #field, .type = JSON_STRING, .required = true, .offset = offsetof(struct args, field),     \
        .min = 0, .max = max_                                                                                \
    }
#define ROW_BOOL(field, name)                                                                                \
    {                                                                                                        \
        .member = name, .type = JSON_BOOL, .required = true, .offset = offsetof(struct args, field)          \
    }
#define ROW_ENUM(field, names_) JSON_ROW_ENUM_REQUIRED(struct args, field, #field, names_)

/* The object of a verb, read by rows. NULL with the error filled if it is none or does not fit. */
static struct json_object *read_verb(const struct act *act, const char *verb, const struct json_row rows[],
                                     size_t count, struct args *ret)
{
    const struct json_row row = { .member = verb, .type = JSON_OBJECT, .required = true };
    struct json_object *object = NULL;

    if (json_read(act->line, &row, 1, &object, act->error) < 0)
        return NULL;
    if (json_read(object, rows, count, ret, act->error) == 0)
        return object;
    json_error_within(act->error, "%s", verb);
    return NULL;
}

/* An index in the policy, or POLICY_NONE with the error filled. */
static uint32_t find(const struct act *act, enum item_kind kind, const char *id, const char *path)
{
    uint32_t index = policy_find(act->script->policy, kind, id);

    if (index == POLICY_NONE)
        json_error_set(act->error, path, "is no %s of the policy", item_kind_name(kind));
    return index;
}

static void print_verdict(const struct act *act, const char *point, const struct verdict *verdict)
{
    struct json_out out = json_out_to(act->out);

    json_begin_object(&out, NULL);
    json_add_string(&out, "at", act->at);
    json_add_string(&out, "point", point);
    verdict_add(&out, act->script->policy, verdict);
    json_end_object(&out);
}

static int present(const struct act *act)
{
    static const struct json_row rows[] = {
        ROW_STRING(point, VALUE_BYTES_MAX),
        { .member = "credential",
          .type = JSON_OBJECT,
          .required = true,
          .offset = offsetof(struct args, credential) },
        JSON_ROW_INT(struct args, age_ms, "age_ms", 0, INT32_MAX, 0),
    };
    static const struct json_row credential_rows[] = {
        ROW_ENUM(type, type_names),
        ROW_STRING(value, VALUE_BYTES_MAX),
        JSON_ROW_ENUM(struct args, assurance, "assurance", assurance_names, ASSURANCE_IDENTIFIER),
    };
    struct args args = { 0 };

    if (!read_verb(act, "present", JSON_ROWS(rows), &args))
        return -EBADMSG;
    if (json_read(args.credential, JSON_ROWS(credential_rows), &args, act->error) < 0) {
        json_error_within(act->error, "present.credential");
        return -EBADMSG;
    }
    struct presentation presentation = { .point = args.point,
                                         .type = args.type,
                                         .assurance = args.assurance,
                                         .age_us = args.age_ms * USEC_PER_MSEC };
    struct verdict verdict;

    simulate_items_hash(args.type, args.value, presentation.hash);
    int r = world_present(act->script->world, &presentation, &act->script->now, &verdict);

    if (r == 0)
        print_verdict(act, args.point, &verdict);
    return r;
}

static int passage(const struct act *act)
{
    static const struct json_row rows[] = { ROW_STRING(door, VALUE_BYTES_MAX),
                                            ROW_ENUM(direction, direction_names) };
    struct args args = { 0 };

    if (!read_verb(act, "passage", JSON_ROWS(rows), &args))
        return -EBADMSG;
    uint32_t door = find(act, ITEM_DOOR, args.door, "passage.door");

    return door == POLICY_NONE
               ? -EBADMSG
               : world_passage(act->script->world, door, args.direction, 1, &act->script->now);
}

static int no_passage(const struct act *act)
{
    static const struct json_row rows[] = { ROW_STRING(door, VALUE_BYTES_MAX) };
    struct args args = { 0 };

    if (!read_verb(act, "no_passage", JSON_ROWS(rows), &args))
        return -EBADMSG;
    uint32_t door = find(act, ITEM_DOOR, args.door, "no_passage.door");

    return door == POLICY_NONE ? -EBADMSG : world_no_passage_any(act->script->world, door, &act->script->now);
}

static int input(const struct act *act)
{
    static const struct json_row rows[] = { ROW_STRING(door, VALUE_BYTES_MAX), ROW_ENUM(role, role_names),
                                            ROW_BOOL(on, "value") };
    struct args args = { 0 };

    if (!read_verb(act, "input", JSON_ROWS(rows), &args))
        return -EBADMSG;
    uint32_t door = find(act, ITEM_DOOR, args.door, "input.door");

    if (door == POLICY_NONE)
        return -EBADMSG;
    const struct world_sensed sensed = { .input = args.role,
                                         .value = args.on,
                                         .reader = args.role == WORLD_INPUT_FIRE ? FIRE_PLACE : NULL };
    int r = world_input(act->script->world, door, &sensed, &act->script->now);

    return r < 0 ? r : 0;
}

static int mode(const struct act *act)
{
    static const struct json_row rows[] = {
        ROW_STRING(door, VALUE_BYTES_MAX),
        ROW_ENUM(mode, mode_names),
        JSON_ROW_CHECKED(struct args, until, "until", false, rfc3339_valid, RFC3339_EXPECTED),
    };
    const struct timestamp *now = &act->script->now;
    struct args args = { 0 };
    int64_t utc_us;
    int64_t until_us = INT64_MAX;

    if (!read_verb(act, "mode", JSON_ROWS(rows), &args))
        return -EBADMSG;
    uint32_t door = find(act, ITEM_DOOR, args.door, "mode.door");

    if (door == POLICY_NONE)
        return -EBADMSG;
    if (args.until && rfc3339_parse(args.until, &utc_us))
        until_us = now->boot_us + (utc_us - now->utc_us);
    return world_mode(act->script->world, door, args.mode, until_us, now);
}

static int lockdown(const struct act *act)
{
    static const struct json_row rows[] = { ROW_BOOL(on, "on") };
    struct args args = { 0 };

    if (!read_verb(act, "lockdown", JSON_ROWS(rows), &args))
        return -EBADMSG;
    return world_lockdown(act->script->world, POLICY_NONE, args.on, &act->script->now);
}

static int forgive(const struct act *act)
{
    static const struct json_row rows[] = { JSON_ROW_STRING(struct args, user, "user", 0, VALUE_BYTES_MAX) };
    struct args args = { 0 };

    if (!read_verb(act, "forgive", JSON_ROWS(rows), &args))
        return -EBADMSG;
    uint32_t user = args.user ? find(act, ITEM_USER, args.user, "forgive.user") : POLICY_NONE;

    return args.user && user == POLICY_NONE ? -EBADMSG
                                            : world_forgive(act->script->world, user, &act->script->now);
}

static int clock_verb(const struct act *act)
{
    static const struct json_row rows[] = { ROW_ENUM(clock, clock_names) };
    struct simulate_script *script = act->script;
    struct args args = { 0 };

    if (json_read(act->line, JSON_ROWS(rows), &args, act->error) < 0)
        return -EBADMSG;
    script->clock = script->now.clock = args.clock;
    return world_advance(script->world, &script->now);
}

static int apply(struct simulate_script *script)
{
    struct policy *policy = NULL;
    int r = simulate_items_follow(script->items, script->policy, &policy);

    if (r < 0)
        return r;
    r = world_set_policy(script->world, policy, &script->now);
    if (r < 0) {
        policy_free(policy);
        return r;
    }
    policy_free(script->policy);
    script->policy = policy;
    return 0;
}

/* put and del: their object is a change of the items. */
static int change(const struct act *act, const char *verb)
{
    bool put = strcmp(verb, "put") == 0;
    struct args args;
    struct json_object *object = read_verb(act, verb, NULL, 0, &args);

    if (!object)
        return -EBADMSG;
    int r = put ? simulate_items_put(act->script->items, object, true, act->error)
                : simulate_items_delete(act->script->items, object, act->error);

    if (r == -EBADMSG)
        json_error_within(act->error, "%s", verb);
    return r < 0 ? r : apply(act->script);
}

static int put(const struct act *act)
{
    return change(act, "put");
}

static int del(const struct act *act)
{
    return change(act, "del");
}

static const struct verb {
    const char *name;
    int (*act)(const struct act *act);
} verbs[] = {
    { "present", present }, { "passage", passage },   { "no_passage", no_passage }, { "input", input },
    { "mode", mode },       { "lockdown", lockdown }, { "forgive", forgive },       { "clock", clock_verb },
    { "put", put },         { "del", del },
};

#define VERBS_TEXT "present, passage, no_passage, input, mode, lockdown, forgive, clock, put, del"

/* The one verb of a line, NULL with the error filled. */
static const struct verb *verb_of(struct json_object *line, struct json_error *error)
{
    const struct verb *verb = NULL;

    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (!json_object_object_get_ex(line, verbs[i].name, NULL))
            continue;
        if (verb) {
            json_error_set(error, verbs[i].name, "must not stand beside %s", verb->name);
            return NULL;
        }
        verb = &verbs[i];
    }
    if (!verb)
        json_error_set(error, "", "must have one of " VERBS_TEXT);
    return verb;
}

static int take_time(struct simulate_script *script, const char *at, struct json_error *error)
{
    int64_t utc_us = 0;
    bool valid = rfc3339_parse(at, &utc_us);

    assert(valid);
    if (script->first_us == INSTANT_MIN)
        script->first_us = utc_us;
    else if (utc_us < script->now.utc_us) {
        json_error_set(error, "at", "must not be before the line above");
        return -EBADMSG;
    }
    script->now = (struct timestamp){ .boot_us = utc_us - script->first_us + USEC_PER_SEC,
                                      .utc_us = utc_us,
                                      .clock = script->clock };
    return world_advance(script->world, &script->now);
}

int simulate_script_init(struct simulate_script *script, struct simulate_items *items)
{
    static const struct world_hooks hooks = { 0 };

    *script =
        (struct simulate_script){ .items = items, .clock = CLOCK_STATE_SYNCED, .first_us = INSTANT_MIN };
    int r = simulate_items_compile(items, &script->policy);

    return r < 0 ? r : world_new(script->policy, BOOT_ID, &hooks, &script->world);
}

void simulate_script_finish(struct simulate_script *script)
{
    world_free(script->world);
    policy_free(script->policy);
}

int simulate_script_line(struct simulate_script *script, struct json_object *line, struct text *out,
                         struct json_error *error)
{
    struct head {
        const char *at;
    } head;
    static const struct json_row rows[] = {
        JSON_ROW_CHECKED(struct head, at, "at", true, rfc3339_valid, RFC3339_EXPECTED),
    };
    const struct verb *verb = NULL;

    text_reset(out);
    int r = json_read(line, JSON_ROWS(rows), &head, error);

    if (r < 0)
        return r;
    verb = verb_of(line, error);
    if (!verb)
        return -EBADMSG;
    r = take_time(script, head.at, error);
    if (r < 0)
        return r;
    struct act act = { .script = script, .at = head.at, .line = line, .out = out, .error = error };

    r = verb->act(&act);
    return r < 0 ? r : text_error(out);
}
