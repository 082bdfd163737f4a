/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cloud_message_command.c: built like the other cloud_message_*.c. What a verb takes stands in a row of
 * `takes`, so that no verb has a parser of its own. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "proto/cloud_command.h"
#include "proto/cloud_message_form.h"
#include "proto/rfc3339.h"

static const char *const mode_names[] = { "controlled",  "unlocked", "locked_open", "blocked",
                                          "locked_down", "auto",     NULL };
static const char *const outcome_names[] = { "completed", "denied",  "failed", "expired",
                                             "refused",   "unknown", NULL };
static const char *const direction_names[] = { "entry", "exit", NULL };

/* Members that args can have. */
enum arg { ARG_DIRECTION = 1, ARG_MODE = 2, ARG_ON = 4, ARG_FOR = 8, ARG_REASON = 16, ARG_TEXT = 32 };

static const struct verb_row {
    const char *name;
    unsigned args;
    bool actuates;
    bool for_all;
    bool no_target;
} verbs[CLOUD_VERBS] = {
    [CLOUD_VERB_OPEN] = { .name = "open", .actuates = true },
    [CLOUD_VERB_RELEASE] = { "release", .args = ARG_DIRECTION | ARG_REASON, .actuates = true },
    [CLOUD_VERB_LOCK] = { "lock", .args = ARG_FOR | ARG_REASON, .actuates = true },
    [CLOUD_VERB_UNLOCK] = { "unlock", .args = ARG_FOR | ARG_REASON, .actuates = true },
    [CLOUD_VERB_MODE] = { "mode", .args = ARG_MODE | ARG_FOR, .actuates = true },
    [CLOUD_VERB_LOCKDOWN] = { "lockdown", .args = ARG_ON, .actuates = true, .for_all = true },
    [CLOUD_VERB_FORGIVE] = { .name = "forgive" },
    [CLOUD_VERB_SHOW] = { "show", .args = ARG_TEXT | ARG_FOR },
    [CLOUD_VERB_PROBE] = { .name = "probe" },
    [CLOUD_VERB_SYNC] = { .name = "sync", .for_all = true, .no_target = true },
    [CLOUD_VERB_RETIRE_KEY] = { .name = "retire_key", .for_all = true },
};

/* Members, borrowed. */
struct raw {
    int64_t iat, exp, seq, ms, for_s;
    const char *jti, *issuer, *sub, *verb, *target, *challenge, *ref, *kid, *code, *member, *reason, *text;
    const char *nonce, *utc;
    struct json_object *args;
    int of, outcome, direction, mode;
    bool on, repeat;
};

/* Copies what a row has bounded. */
#define COPY(field_, value_)                                                                                 \
    do {                                                                                                     \
        assert(strlen(value_) < sizeof(field_));                                                             \
        memcpy(field_, value_, strlen(value_) + 1);                                                          \
    } while (0)

const char *cloud_verb_name(enum cloud_verb verb)
{
    return verbs[verb].name;
}

bool cloud_verb_find(const char *name, enum cloud_verb *ret)
{
    for (int i = 0; i < CLOUD_VERBS; i++)
        if (strcmp(verbs[i].name, name) == 0) {
            *ret = (enum cloud_verb)i;
            return true;
        }
    return false;
}

bool cloud_verb_actuates(enum cloud_verb verb)
{
    return verbs[verb].actuates;
}

bool cloud_verb_has_target(enum cloud_verb verb)
{
    return !verbs[verb].no_target;
}

const char *cloud_mode_name(enum cloud_mode mode)
{
    return mode_names[mode];
}

const char *cloud_command_outcome_name(enum cloud_command_outcome outcome)
{
    return outcome_names[outcome];
}

int cloud_command_outcome_find(const char *name)
{
    return json_enum_value(outcome_names, name);
}

static bool jti_valid(const char *value)
{
    size_t len = strlen(value);

    return len >= CLOUD_JTI_BYTES_MIN && len <= CLOUD_JTI_BYTES_MAX &&
           strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == len;
}

static bool target_valid(const char *value)
{
    return strcmp(value, CLOUD_TARGET_ALL) == 0 || id_valid(value);
}

#define ROW_JTI(required_)                                                                                   \
    JSON_ROW_CHECKED(struct raw, jti, "jti", required_, jti_valid, "must be 16 to 64 of A-Z a-z 0-9 _ -")
#define ROW_REF                                                                                              \
    JSON_ROW_CHECKED(struct raw, ref, "ref", true, cloud_form_root_valid, CLOUD_FORM_ROOT_EXPECTED)
#define ROW_REASON(required_)                                                                                \
    {                                                                                                        \
        .member = "reason", .type = JSON_STRING, .required = required_,                                      \
        .offset = offsetof(struct raw, reason), .min = 1, .max = CLOUD_REASON_BYTES_MAX                      \
    }

static const struct json_row claim_rows[] = {
    JSON_ROW_INT_REQUIRED(struct raw, exp, "exp", 0, JSON_INT_MAX),
    ROW_JTI(true),
    JSON_ROW_STRING_REQUIRED(struct raw, issuer, "iss", 1, CLOUD_ISSUER_BYTES_MAX),
    JSON_ROW_CHECKED(struct raw, sub, "sub", false, id_valid, ID_EXPECTED),
    JSON_ROW_STRING_REQUIRED(struct raw, verb, "verb", 1, CLOUD_WORD_SIZE - 1),
    JSON_ROW_CHECKED(struct raw, target, "target", false, target_valid, "must be an id, or a star"),
    JSON_ROW_STRING(struct raw, challenge, "chal", 0, INT64_MAX),
    JSON_ROW_OBJECT(struct raw, args, "args"),
};

static bool is_for_site(const char *aud)
{
    size_t len = strlen(aud);

    return len >= 2 && strcmp(aud + len - 2, "/*") == 0;
}

static int refuse_site(struct cloud_refusal *refusal)
{
    return cloud_form_refuse(refusal, "audience", "aud", "is more than one gateway");
}

/* The audience may be the whole site only with some verbs. */
static int check_audience(const struct cloud_command *command, struct cloud_refusal *refusal)
{
    enum cloud_verb verb;
    bool for_all = cloud_verb_find(command->verb, &verb) && verbs[verb].for_all;

    return is_for_site(command->aud) && !for_all ? refuse_site(refusal) : 0;
}

static int read_claims(const struct cloud_self *self, struct cloud_command *command,
                       struct cloud_refusal *refusal)
{
    struct raw raw = { 0 };
    int r = cloud_form_read_claims(command->object, self, command->aud, &command->iat, refusal);

    if (r == 0)
        r = cloud_form_read(command->object, JSON_ROWS(claim_rows), &raw, refusal);
    if (r < 0)
        return r;
    command->exp = raw.exp;
    command->args = raw.args;
    COPY(command->jti, raw.jti);
    COPY(command->issuer, raw.issuer);
    COPY(command->sub, raw.sub ? raw.sub : "");
    COPY(command->verb, raw.verb);
    COPY(command->target, raw.target ? raw.target : "");
    if (raw.challenge)
        COPY(command->challenge, cloud_form_challenge_valid(raw.challenge) ? raw.challenge : "?");
    return check_audience(command, refusal);
}

static void command_finishp(struct cloud_command *command)
{
    cloud_command_finish(command);
}

int cloud_command_parse(const char *bytes, size_t len, const struct cloud_self *self,
                        struct cloud_command *ret, struct cloud_refusal *refusal)
{
    cleanup_with(command_finishp) struct cloud_command command = { 0 };
    int r = cloud_form_open(bytes, len, &command.object, refusal);

    if (r == 0)
        r = read_claims(self, &command, refusal);
    if (r < 0)
        return r;
    *ret = command;
    command = (struct cloud_command){ 0 };
    return 0;
}

int cloud_command_format(struct text *text, const struct cloud_command *command)
{
    struct json_out out = json_out_to(text);

    text_reset(text);
    json_begin_object(&out, NULL);
    json_add_string(&out, "aud", command->aud);
    json_add_int(&out, "iat", command->iat);
    json_add_int(&out, "exp", command->exp);
    json_add_string(&out, "jti", command->jti);
    json_add_string(&out, "iss", command->issuer);
    json_add_string(&out, "sub", cloud_form_filled(command->sub));
    json_add_string(&out, "verb", command->verb);
    json_add_string(&out, "target", cloud_form_filled(command->target));
    if (command->args)
        json_add_object(&out, "args", command->args);
    json_add_string(&out, "chal", cloud_form_filled(command->challenge));
    return cloud_form_finish(&out);
}

void cloud_command_finish(struct cloud_command *command)
{
    json_putp(&command->object);
    *command = (struct cloud_command){ 0 };
}

/* The members that args can have; each verb takes some of them. */
static const struct arg_row {
    enum arg arg;
    struct json_row row;
} arg_rows[] = {
    { ARG_DIRECTION, JSON_ROW_ENUM_REQUIRED(struct raw, direction, "direction", direction_names) },
    { ARG_MODE, JSON_ROW_ENUM_REQUIRED(struct raw, mode, "mode", mode_names) },
    { ARG_ON, { .member = "on", .type = JSON_BOOL, .required = true, .offset = offsetof(struct raw, on) } },
    { ARG_FOR, JSON_ROW_INT(struct raw, for_s, "for_s", 1, CLOUD_FOR_S_MAX, 0) },
    { ARG_REASON, ROW_REASON(true) },
    { ARG_TEXT, JSON_ROW_STRING_REQUIRED(struct raw, text, "text", 1, CLOUD_SHOW_BYTES_MAX) },
};

static int refuse_args(struct cloud_refusal *refusal)
{
    json_error_within(&refusal->error, "args");
    refusal->code = "args";
    return -EBADMSG;
}

int cloud_command_args_read(const struct cloud_command *command, enum cloud_verb verb,
                            struct cloud_command_args *ret, struct cloud_refusal *refusal)
{
    unsigned takes = verbs[verb].args;
    struct raw raw = { 0 };

    if (takes && !command->args)
        return cloud_form_refuse(refusal, "args", "args", "is missing");
    if (verb == CLOUD_VERB_OPEN && !command->sub[0])
        return cloud_form_refuse(refusal, "args", "sub", "is missing");
    for (size_t i = 0; i < sizeof(arg_rows) / sizeof(arg_rows[0]); i++)
        if ((takes & arg_rows[i].arg) &&
            cloud_form_read(command->args, &arg_rows[i].row, 1, &raw, refusal) < 0)
            return refuse_args(refusal);
    if (verb == CLOUD_VERB_SHOW && raw.for_s > CLOUD_SHOW_S_MAX)
        return cloud_form_refuse(refusal, "args", "args.for_s", "must be at most %d", CLOUD_SHOW_S_MAX);
    *ret = (struct cloud_command_args){ .exit = raw.direction == 1,
                                        .mode = (enum cloud_mode)raw.mode,
                                        .on = raw.on,
                                        .for_s = raw.for_s,
                                        .reason = raw.reason,
                                        .text = raw.text };
    return 0;
}

void cloud_command_args_write(struct text *text, enum cloud_verb verb, const struct cloud_command_args *args)
{
    unsigned takes = verbs[verb].args;
    struct json_out out = json_out_to(text);

    json_begin_object(&out, NULL);
    if (takes & ARG_DIRECTION)
        json_add_string(&out, "direction", direction_names[args->exit]);
    if (takes & ARG_MODE)
        json_add_string(&out, "mode", cloud_mode_name(args->mode));
    if (takes & ARG_ON)
        json_add_bool(&out, "on", args->on);
    if ((takes & ARG_FOR) && args->for_s)
        json_add_int(&out, "for_s", args->for_s);
    if (takes & ARG_REASON)
        json_add_string(&out, "reason", args->reason);
    if (takes & ARG_TEXT)
        json_add_string(&out, "text", args->text);
    json_end_object(&out);
}

/* What a result is of. */
static const char *const of_names[] = { "command", NULL };

static const struct json_row of_rows[] = {
    JSON_ROW_ENUM_REQUIRED(struct raw, of, "of", of_names),
};

bool cloud_command_result_is(const char *bytes, size_t len)
{
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct cloud_refusal refusal;
    struct raw raw;

    return cloud_form_open(bytes, len, &object, &refusal) == 0 &&
           cloud_form_read(object, JSON_ROWS(of_rows), &raw, &refusal) == 0;
}

static const struct json_row result_rows[] = {
    JSON_ROW_ENUM_REQUIRED(struct raw, of, "of", of_names),
    ROW_REF,
    ROW_JTI(false),
    JSON_ROW_CHECKED(struct raw, kid, "kid", false, id_valid, ID_EXPECTED),
    JSON_ROW_ENUM_REQUIRED(struct raw, outcome, "outcome", outcome_names),
    JSON_ROW_STRING(struct raw, code, "code", 1, CLOUD_WORD_SIZE - 1),
    JSON_ROW_STRING(struct raw, member, "member", 1, CLOUD_MEMBER_SIZE - 1),
    ROW_REASON(false),
    JSON_ROW_CHECKED(struct raw, challenge, "challenge", false, cloud_form_challenge_valid,
                     CLOUD_FORM_CHALLENGE_EXPECTED),
    JSON_ROW_INT(struct raw, seq, "seq", 1, JSON_INT_MAX, 0),
    JSON_ROW_INT(struct raw, ms, "ms", 0, JSON_INT_MAX, -1),
    JSON_ROW_BOOL(struct raw, repeat, "repeat", false),
};

int cloud_command_result_parse(const char *bytes, size_t len, struct cloud_command_result *ret,
                               struct cloud_refusal *refusal)
{
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct raw raw = { 0 };
    int r = cloud_form_open(bytes, len, &object, refusal);

    if (r == 0)
        r = cloud_form_read(object, JSON_ROWS(result_rows), &raw, refusal);
    if (r < 0)
        return r;
    if (raw.outcome == CLOUD_COMMAND_REFUSED && !raw.code)
        return cloud_form_refuse(refusal, "claims", "code", "is missing");
    *ret = (struct cloud_command_result){
        .outcome = (enum cloud_command_outcome)raw.outcome, .seq = raw.seq, .ms = raw.ms, .repeat = raw.repeat
    };
    COPY(ret->ref, raw.ref);
    COPY(ret->jti, raw.jti ? raw.jti : "");
    COPY(ret->kid, raw.kid ? raw.kid : "");
    COPY(ret->code, raw.code ? raw.code : "");
    COPY(ret->member, raw.member ? raw.member : "");
    COPY(ret->reason, raw.reason ? raw.reason : "");
    COPY(ret->challenge, raw.challenge ? raw.challenge : "");
    return 0;
}

int cloud_command_result_format(struct text *text, const struct cloud_command_result *result)
{
    struct json_out out = json_out_to(text);

    text_reset(text);
    json_begin_object(&out, NULL);
    json_add_string(&out, "of", of_names[0]);
    json_add_string(&out, "ref", result->ref);
    json_add_string(&out, "jti", cloud_form_filled(result->jti));
    json_add_string(&out, "kid", cloud_form_filled(result->kid));
    json_add_string(&out, "outcome", cloud_command_outcome_name(result->outcome));
    json_add_string(&out, "code", cloud_form_filled(result->code));
    json_add_string(&out, "member", cloud_form_filled(result->member));
    json_add_string(&out, "reason", cloud_form_filled(result->reason));
    json_add_string(&out, "challenge", cloud_form_filled(result->challenge));
    if (result->seq)
        json_add_int(&out, "seq", result->seq);
    if (result->ms >= 0)
        json_add_int(&out, "ms", result->ms);
    if (result->repeat)
        json_add_bool(&out, "repeat", true);
    return cloud_form_finish(&out);
}

int cloud_time_parse(const char *bytes, size_t len, const struct cloud_self *self, struct cloud_time *ret,
                     struct cloud_refusal *refusal)
{
    static const struct json_row rows[] = {
        JSON_ROW_CHECKED(struct raw, nonce, "nonce", true, cloud_form_challenge_valid,
                         CLOUD_FORM_CHALLENGE_EXPECTED),
        JSON_ROW_CHECKED(struct raw, utc, "utc", true, cloud_form_utc_valid, CLOUD_FORM_UTC_EXPECTED),
    };
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct raw raw = { 0 };
    int r = cloud_form_open(bytes, len, &object, refusal);

    if (r == 0)
        r = cloud_form_read_own_claims(object, self, ret->aud, &ret->iat, refusal);
    if (r == 0)
        r = cloud_form_read(object, JSON_ROWS(rows), &raw, refusal);
    if (r < 0)
        return r;
    COPY(ret->nonce, raw.nonce);
    return rfc3339_parse(raw.utc, &ret->utc_us) ? 0 : -EBADMSG; /* its row has seen that it is one */
}

int cloud_time_format(struct text *text, const struct cloud_time *time)
{
    struct json_out out = json_out_to(text);
    char utc[UTC_SIZE];

    if (!event_utc_format(time->utc_us, utc))
        return -EINVAL;
    text_reset(text);
    json_begin_object(&out, NULL);
    json_add_string(&out, "aud", time->aud);
    json_add_int(&out, "iat", time->iat);
    json_add_string(&out, "nonce", time->nonce);
    json_add_string(&out, "utc", utc);
    return cloud_form_finish(&out);
}
