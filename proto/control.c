/* SPDX-License-Identifier: GPL-3.0-or-later */
/* control.c: the commands are rows; both ends of the socket, the help, the completion and the manual live on
 * them. */
#include "proto/control.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "proto/json_locate.h"
#include "proto/name.h"
#include "proto/nearest.h"
#include "proto/rfc3339.h"

#define EVENTS_PRESET 100
#define PEOPLE_PRESET 1000

static bool direction_valid(const char *direction)
{
    return strcmp(direction, "entry") == 0 || strcmp(direction, "exit") == 0;
}

static bool clock_valid(const char *name)
{
    return clock_state_find(name) >= 0;
}

static bool mode_valid(const char *value)
{
    static const char *const modes[] = { "controlled", "unlocked", "locked_open", "blocked", "locked_down" };

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        if (strcmp(modes[i], value) == 0)
            return true;
    return false;
}

static bool switch_valid(const char *value)
{
    return strcmp(value, "on") == 0 || strcmp(value, "off") == 0;
}

/* What can be done with a door. */
static const struct action {
    const char *name;
    bool (*value)(const char *value); /* of the word behind it; NULL: it has none */
    const char *problem;              /* with that */
    bool has_direction;
    bool ends; /* takes --until and --for */
} actions[] = {
    { .name = "release", .has_direction = true },
    { .name = "lock", .ends = true },
    { .name = "unlock", .ends = true },
    { .name = "hold", .ends = true },
    { .name = "mode",
      .value = mode_valid,
      .problem = "mode must be controlled, unlocked, locked_open, blocked or locked_down",
      .ends = true },
    { .name = "auto" },
    { .name = "lockdown", .value = switch_valid, .problem = "lockdown must be on or off" },
};

static const struct action *find_action(const char *name)
{
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    return NULL;
}

static bool action_valid(const char *name)
{
    return find_action(name);
}

static const char *check_door(const struct control_args *args)
{
    const struct action *action = find_action(args->action);

    if (action->value && !(args->value && action->value(args->value)))
        return action->problem;
    if (!action->value && args->value)
        return "only mode and lockdown take a VALUE";
    if (args->direction && !action->has_direction)
        return "only release takes --direction";
    if ((args->until || args->for_s) && !action->ends)
        return "only lock, unlock, hold and mode take --until or --for";
    return args->until && args->for_s ? "takes either --until or --for" : NULL;
}

/* Either the last presentation at a door, or a user and an access point. */
static const char *check_explain(const struct control_args *args)
{
    bool complete =
        args->last ? !args->user && !args->point && !args->at && !args->clock : args->user && args->point;

    return complete ? NULL : "needs either --last DOOR alone, or USER and POINT";
}

#define ROW_ID(field, member, required)                                                                      \
    JSON_ROW_CHECKED(struct control_args, field, member, required, id_valid, ID_EXPECTED)
#define ROW_TIME(field, member)                                                                              \
    JSON_ROW_CHECKED(struct control_args, field, member, false, rfc3339_valid, RFC3339_EXPECTED)

#define ARGUMENT_AT                                                                                          \
    {                                                                                                        \
        ROW_TIME(at, "at"), CONTROL_TIME, "TIME", "at this time instead of now"                              \
    }

#define ARGUMENT_DOOR                                                                                        \
    {                                                                                                        \
        ROW_ID(door, "door", true), CONTROL_POSITIONAL, "DOOR", "the door's id"                              \
    }
#define ARGUMENT_REASON                                                                                      \
    {                                                                                                        \
        JSON_ROW_STRING_REQUIRED(struct control_args, reason, "reason", 1, CONTROL_TEXT_MAX),                \
            CONTROL_OPTION, "TEXT", "why; it is recorded with your name"                                     \
    }

static const struct control_argument release_arguments[] = {
    ARGUMENT_DOOR,
    { JSON_ROW_CHECKED(struct control_args, direction, "direction", true, direction_valid,
                       "must be entry or exit"),
      CONTROL_POSITIONAL, "DIRECTION", "entry or exit", "entry exit" },
    ARGUMENT_REASON,
};

static const struct control_argument profile_check_arguments[] = {
    { JSON_ROW_STRING_REQUIRED(struct control_args, file, "file", 1, CONTROL_TEXT_MAX), CONTROL_POSITIONAL,
      "FILE", "a profile, as config/profiles/README.md describes them" },
};

static const struct control_argument door_arguments[] = {
    ARGUMENT_DOOR,
    { JSON_ROW_CHECKED(struct control_args, action, "action", true, action_valid,
                       "must be release, lock, unlock, hold, mode, auto or lockdown"),
      CONTROL_POSITIONAL, "ACTION", "release, lock, unlock, hold, mode, auto or lockdown",
      "release lock unlock hold mode auto lockdown" },
    { JSON_ROW_STRING(struct control_args, value, "value", 1, CONTROL_TEXT_MAX), CONTROL_POSITIONAL, "VALUE",
      "of mode: which one; of lockdown: on or off",
      "controlled unlocked locked_open blocked locked_down on off" },
    { JSON_ROW_CHECKED(struct control_args, direction, "direction", false, direction_valid,
                       "must be entry or exit"),
      CONTROL_OPTION, "DIRECTION", "of a release: entry (if not given) or exit" },
    { ROW_TIME(until, "until"), CONTROL_FUTURE, "TIME", "the mode ends then" },
    { JSON_ROW_INT(struct control_args, for_s, "for", 1, CONTROL_FOR_S_MAX, 0), CONTROL_DURATION, "DURATION",
      "the mode ends so much later: 90s, 30m, 2h, 3d" },
    ARGUMENT_REASON,
};

static const struct control_argument lockdown_arguments[] = {
    { JSON_ROW_CHECKED(struct control_args, value, "value", true, switch_valid, "must be on or off"),
      CONTROL_POSITIONAL, "STATE", "on or off", "on off" },
    ARGUMENT_REASON,
};

static const struct control_argument doors_arguments[] = {
    { JSON_ROW_BOOL(struct control_args, brief, "brief", false), CONTROL_FLAG, NULL,
      "without the last event, which is looked for in the log" },
};

static const struct control_argument events_arguments[] = {
    { JSON_ROW_BOOL(struct control_args, follow, "follow", false), CONTROL_FLAG, NULL,
      "go on with what happens, until Ctrl-C" },
    { ROW_ID(door, "door", false), CONTROL_OPTION, "DOOR", "only of this door" },
    { ROW_ID(user, "user", false), CONTROL_OPTION, "USER", "only of this user" },
    { ROW_TIME(since, "since"), CONTROL_TIME, "TIME", "only from this time on" },
    { JSON_ROW_INT(struct control_args, limit, "limit", 1, CONTROL_EVENTS_MAX, EVENTS_PRESET), CONTROL_OPTION,
      "N", "the last N, 1 to 10000 (100)" },
};

static const struct control_argument user_find_arguments[] = {
    { JSON_ROW_STRING_REQUIRED(struct control_args, text, "text", 1, CONTROL_TEXT_MAX), CONTROL_POSITIONAL,
      "WORDS", "part of an id, a name or a source's reference" },
};

static const struct control_argument explain_arguments[] = {
    { ROW_ID(last, "last", false), CONTROL_OPTION, "DOOR", "the last presentation at this door" },
    { ROW_ID(user, "user", false), CONTROL_POSITIONAL, "USER", "the user's id" },
    { ROW_ID(point, "point", false), CONTROL_POSITIONAL, "POINT", "the access point's id" },
    ARGUMENT_AT,
    { JSON_ROW_CHECKED(struct control_args, clock, "clock", false, clock_valid,
                       "must be none, holdover or synced"),
      CONTROL_OPTION, "CLOCK", "as if the gateway's clock were none, holdover or synced" },
};

static const struct control_argument who_can_arguments[] = {
    { ROW_ID(point, "point", true), CONTROL_POSITIONAL, "POINT", "the access point's id" },
    ARGUMENT_AT,
    { JSON_ROW_INT(struct control_args, limit, "limit", 1, CONTROL_PEOPLE_MAX, PEOPLE_PRESET), CONTROL_OPTION,
      "N", "the first N by id, 1 to 10000 (1000)" },
};

static const struct control_argument where_can_arguments[] = {
    { ROW_ID(user, "user", true), CONTROL_POSITIONAL, "USER", "the user's id" },
    ARGUMENT_AT,
};

#define ARGUMENTS(rows) .arguments = (rows), .argument_count = sizeof(rows) / sizeof((rows)[0])

static const struct control_command commands[] = {
    { .verb = CONTROL_STATUS,
      .name = "status",
      .syntax = "",
      .summary = "show the gateway: policy, events, cloud, devices" },
    { .verb = CONTROL_SYNC,
      .name = "sync",
      .syntax = "",
      .summary = "show how far gateway and cloud agree",
      .details =
          "What is in force and what the cloud wants, what was refused last, who signed the last "
          "change, the events that wait for the cloud, the lease, and how old each source's data is." },
    { .verb = CONTROL_DEVICES, .name = "devices", .syntax = "", .summary = "list readers, buses and radios" },
    { .verb = CONTROL_DOORS,
      .name = "doors",
      .syntax = "[--brief]",
      .summary = "list doors with state, mode and why it holds, alarms and the last event",
      ARGUMENTS(doors_arguments) },
    { .verb = CONTROL_DOOR,
      .name = "door",
      .privilege = CONTROL_OPERATE,
      .syntax = "DOOR ACTION [VALUE] [--direction DIRECTION] [--until TIME | --for DURATION] --reason TEXT",
      .summary = "release a door, or say in which mode it is to be",
      .details =
          "release: lets one person through and waits for the outcome. lock: people need a right to pass "
          "(mode controlled). unlock: anybody may pass (unlocked). hold: stands open (locked_open). mode "
          "VALUE: "
          "controlled, unlocked, locked_open, blocked or locked_down. auto: back to what the policy says. "
          "lockdown on, lockdown off: for this door alone. A mode holds until it ends, or until somebody "
          "says "
          "auto; it outlives a restart, and it ends on time without the cloud. Lockdown, of the door or the "
          "site, and fire are stronger. Needs root, the daemon's user or the operator group; what was done, "
          "by whom and why "
          "is recorded. TIME is RFC 3339, a local date, or the next local HH:MM.",
      ARGUMENTS(door_arguments),
      .check = check_door },
    { .verb = CONTROL_RELEASE,
      .name = "release",
      .privilege = CONTROL_OPERATE,
      .syntax = "DOOR DIRECTION --reason TEXT",
      .summary = "let one person through",
      .details = "Releases the door once and waits for the outcome. Needs root, the daemon's user or the "
                 "operator group. What was done, by whom and why is recorded.",
      ARGUMENTS(release_arguments) },
    { .verb = CONTROL_LOCKDOWN,
      .name = "lockdown",
      .privilege = CONTROL_OPERATE,
      .syntax = "STATE --reason TEXT",
      .summary = "lock the whole site down, or end that",
      .details = "Nobody is let in anywhere, whatever else holds, until it is ended; only fire is stronger. "
                 "Needs root, the daemon's user or the operator group.",
      ARGUMENTS(lockdown_arguments) },
    { .verb = CONTROL_EVENTS,
      .name = "events",
      .syntax = "[--follow] [--door DOOR] [--user USER] [--since TIME] [--limit N]",
      .summary = "show what happened",
      .details =
          "TIME is RFC 3339, a local date, a local time HH:MM of today, or how long ago: 90s, 30m, 2h, "
          "3d.",
      ARGUMENTS(events_arguments) },
    {
        .verb = CONTROL_EVENTS_VERIFY,
        .name = "events verify",
        .syntax = "",
        .summary = "check that no stored event was changed or taken away",
        .details = "Walks along the whole chain of hashes, from the oldest event that is still here to the "
                   "last, while the gateway goes on. Exits with 1 if it breaks anywhere.",
    },
    { .verb = CONTROL_USER_FIND,
      .name = "user find",
      .syntax = "WORDS",
      .summary = "find people by id, name or reference",
      ARGUMENTS(user_find_arguments) },
    { .verb = CONTROL_EXPLAIN,
      .name = "explain",
      .syntax = "--last DOOR | USER POINT [--at TIME] [--clock CLOCK]",
      .summary = "say why somebody was, or would be, let in or not",
      .details =
          "With --last: the last presentation at that door. With USER and POINT: what would be decided; "
          "nothing is presented and nothing changes. Where no rule lets in, those that came nearest are "
          "listed. With CLOCK none nothing is decided by time, not even by TIME. TIME as for events.",
      ARGUMENTS(explain_arguments),
      .check = check_explain },
    { .verb = CONTROL_WHO_CAN,
      .name = "who-can",
      .syntax = "POINT [--at TIME] [--limit N]",
      .summary = "list who would be let in at an access point",
      .details = "Lists everybody whom a rule that is on joins to the access point, by id, with what their "
                 "best credential would come to there, and why not. TIME as for events.",
      ARGUMENTS(who_can_arguments) },
    { .verb = CONTROL_WHERE_CAN,
      .name = "where-can",
      .syntax = "USER [--at TIME]",
      .summary = "list where somebody would be let in",
      .details = "Lists all access points with what the user's best credential would come to there, why "
                 "not, and when a rule for the user opens next, if that is within a week. TIME as for "
                 "events.",
      ARGUMENTS(where_can_arguments) },
    { .verb = CONTROL_PROFILE_CHECK,
      .name = "profile check",
      .local = true,
      .syntax = "FILE",
      .summary = "check a profile of Modbus devices",
      .details = "Says what is wrong with it, with line and member, or that it can be used. Asks the driver, "
                 "stile-modbus, of $STILE_DRIVERS or the compiled-in directory; no daemon is needed.",
      ARGUMENTS(profile_check_arguments) },
    { .verb = CONTROL_VERSION, .name = "version", .syntax = "", .summary = "show the versions" },
    { .verb = CONTROL_WATCH,
      .name = "watch",
      .local = true,
      .syntax = "",
      .summary = "show doors, taps, alarms and devices as they are, until Ctrl-C",
      .details = "On a terminal a screen that is kept up to date; q and Ctrl-C leave it. In a pipe, and with "
                 "--json, "
                 "a line for each happening. When the daemon goes it is waited for." },
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

const struct control_command *control_commands(size_t *ret_count)
{
    *ret_count = COMMANDS;
    return commands;
}

const struct control_command *control_find(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

void control_request_finish(struct control_request *request)
{
    json_putp(&request->object);
    *request = (struct control_request){ 0 };
}

struct raw_request {
    const char *command;
    struct json_object *args;
};

static const struct json_row request_rows[] = {
    JSON_ROW_STRING_REQUIRED(struct raw_request, command, "command", 1, CONTROL_TEXT_MAX),
    JSON_ROW_OBJECT(struct raw_request, args, "args"),
};

static int refuse_command(const char *name, struct json_error *error)
{
    struct nearest nearest = nearest_to(name);

    for (size_t i = 0; i < COMMANDS; i++)
        if (!commands[i].local)
            nearest_offer(&nearest, commands[i].name);
    if (nearest.best)
        json_error_set(error, "command", "is not known; did you mean \"%s\"?", nearest.best);
    else
        json_error_set(error, "command", "is not known");
    return -EBADMSG;
}

static bool known(const struct control_command *command, const char *member)
{
    for (size_t i = 0; i < command->argument_count; i++)
        if (strcmp(command->arguments[i].row.member, member) == 0)
            return true;
    return false;
}

static int refuse_unknown(const struct control_command *command, struct json_object *object,
                          struct json_error *error)
{
    const char *name;

    for (size_t i = 0; (name = json_locate_unknown(object, NULL, 0, i)); i++) {
        if (!known(command, name)) {
            json_error_set(error, name, "is not known to %s", command->name);
            return -EBADMSG;
        }
    }
    return 0;
}

static int read_args(const struct control_command *command, struct json_object *object,
                     struct control_args *args, struct json_error *error)
{
    int r = refuse_unknown(command, object, error);

    for (size_t i = 0; r == 0 && i < command->argument_count; i++)
        r = json_read(object, &command->arguments[i].row, 1, args, error);
    if (r < 0)
        return r;
    if (args->since)
        rfc3339_parse(args->since, &args->since_utc_us);
    if (args->at)
        rfc3339_parse(args->at, &args->at_utc_us);
    if (args->until)
        rfc3339_parse(args->until, &args->until_utc_us);
    const char *problem = command->check ? command->check(args) : NULL;

    if (problem) {
        json_error_set(error, "", "%s", problem);
        return -EBADMSG;
    }
    return 0;
}

int control_request_parse(const char *line, size_t len, struct control_request *ret_request,
                          struct json_error *error)
{
    static const char none[] = "{}";
    cleanup_with(control_request_finish) struct control_request request = {
        .args = { .since_utc_us = INT64_MIN, .at_utc_us = INT64_MIN, .until_utc_us = INT64_MIN }
    };
    cleanup_with(json_putp) struct json_object *empty = NULL;
    struct raw_request raw;
    int r = json_parse(line, len, &request.object, error);

    if (r == 0)
        r = json_read(request.object, JSON_ROWS(request_rows), &raw, error);
    if (r < 0)
        return r;
    request.command = control_find(raw.command);
    if (!request.command || request.command->local)
        return refuse_command(raw.command, error);
    if (!raw.args) {
        r = json_parse(none, strlen(none), &empty, error);
        raw.args = empty;
    }
    if (r == 0)
        r = read_args(request.command, raw.args, &request.args, error);
    if (r < 0)
        return r;
    *ret_request = request;
    request = (struct control_request){ 0 };
    return 0;
}

static void add_argument(struct json_out *out, const struct json_row *row, const struct control_args *args)
{
    const void *field = (const char *)args + row->offset;

    switch (row->type) {
    case JSON_BOOL:
        if (*(const bool *)field)
            json_add_bool(out, row->member, true);
        return;
    case JSON_INT:
        if (*(const int64_t *)field != 0)
            json_add_int(out, row->member, *(const int64_t *)field);
        return;
    case JSON_STRING:
        json_add_string(out, row->member, *(const char *const *)field);
        return;
    case JSON_ENUM:
    case JSON_OBJECT:
    case JSON_LIST:
        break;
    }
    assert(false);
}

int control_request_format(struct text *text, const struct control_command *command,
                           const struct control_args *args, struct json_error *error)
{
    cleanup_with(control_request_finish) struct control_request request = { 0 };
    struct json_out out = json_out_to(text);

    text_reset(text);
    json_begin_object(&out, NULL);
    json_add_string(&out, "command", command->name);
    json_begin_object(&out, "args");
    for (size_t i = 0; i < command->argument_count; i++)
        add_argument(&out, &command->arguments[i].row, args);
    json_end_object(&out);
    json_end_object(&out);
    if (text_error(text))
        return text_error(text);
    return control_request_parse(text_string(text), text->len, &request, error);
}

void control_answer_finish(struct control_answer *answer)
{
    json_putp(&answer->object);
    *answer = (struct control_answer){ 0 };
}

struct raw_done {
    int64_t code;
    const char *error;
    const char *note;
};

static const struct json_row answer_rows[] = {
    JSON_ROW_BOOL(struct control_answer, done, "done", false),
};

static const struct json_row done_rows[] = {
    JSON_ROW_INT_REQUIRED(struct raw_done, code, "exit", CONTROL_EXIT_OK, CONTROL_EXIT_DAEMON),
    JSON_ROW_STRING(struct raw_done, error, "error", 0, CONTROL_LINE_MAX),
    JSON_ROW_STRING(struct raw_done, note, "note", 0, CONTROL_LINE_MAX),
};

int control_answer_parse(const char *line, size_t len, struct control_answer *ret_answer,
                         struct json_error *error)
{
    cleanup_with(control_answer_finish) struct control_answer answer = { 0 };
    struct raw_done raw = { 0 };
    int r = json_parse(line, len, &answer.object, error);

    if (r == 0)
        r = json_read(answer.object, JSON_ROWS(answer_rows), &answer, error);
    if (r == 0 && answer.done)
        r = json_read(answer.object, JSON_ROWS(done_rows), &raw, error);
    if (r < 0)
        return r;
    answer.exit = (enum control_exit)raw.code;
    answer.error = raw.error;
    answer.note = raw.note;
    *ret_answer = answer;
    answer = (struct control_answer){ 0 };
    return 0;
}

void control_done_format(struct text *text, enum control_exit code, const char *error, const char *note)
{
    struct json_out out = json_out_to(text);

    text_reset(text);
    json_begin_object(&out, NULL);
    json_add_bool(&out, "done", true);
    json_add_int(&out, "exit", code);
    json_add_string(&out, "error", error);
    json_add_string(&out, "note", note);
    json_end_object(&out);
}
