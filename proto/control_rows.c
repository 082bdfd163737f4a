/* SPDX-License-Identifier: GPL-3.0-or-later */
/* control_rows.c: the commands are rows; both ends of the socket, the help, the completion and the manual
 * live on them. */
#include "proto/control.h"

#include <string.h>

#include "gateway/base/clock.h"
#include "proto/ble_address.h"
#include "proto/name.h"
#include "proto/rfc3339.h"

#define EVENTS_PRESET 100
#define PEOPLE_PRESET 1000
#define SCAN_PRESET_S 10

static bool direction_valid(const char *direction)
{
    return strcmp(direction, "entry") == 0 || strcmp(direction, "exit") == 0;
}

static bool address_type_valid(const char *type)
{
    return strcmp(type, "public") == 0 || strcmp(type, "random") == 0;
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

#define ARGUMENT_TARGET                                                                                      \
    {                                                                                                        \
        ROW_ID(target, "target", true), CONTROL_POSITIONAL, "NAME",                                          \
            "the lock's target, as the device has it"                                                        \
    }
#define ARGUMENT_REASON_OPTIONAL                                                                             \
    {                                                                                                        \
        JSON_ROW_STRING(struct control_args, reason, "reason", 1, CONTROL_TEXT_MAX), CONTROL_OPTION, "TEXT", \
            "why; it is recorded with your name"                                                             \
    }

static const struct control_argument lock_status_arguments[] = {
    { ROW_ID(target, "target", false), CONTROL_POSITIONAL, "NAME", "one target; all if not given" },
};

static const struct control_argument lock_arguments[] = { ARGUMENT_TARGET, ARGUMENT_REASON_OPTIONAL };

static const struct control_argument lock_pair_arguments[] = {
    ARGUMENT_TARGET,
    { JSON_ROW_CHECKED(struct control_args, address, "address", true, ble_address_valid,
                       BLE_ADDRESS_EXPECTED),
      CONTROL_POSITIONAL, "ADDRESS", "the lock's address, as in 54:D2:72:0A:0B:0C" },
    { JSON_ROW_CHECKED(struct control_args, address_type, "address-type", false, address_type_valid,
                       "must be public or random"),
      CONTROL_OPTION, "TYPE", "public or random; found out if not given" },
};

static const struct control_argument ble_scan_arguments[] = {
    { ROW_ID(device, "device", false), CONTROL_OPTION, "NAME", "only with this device's radio" },
    { JSON_ROW_INT(struct control_args, for_s, "for", 1, CONTROL_SCAN_S_MAX, SCAN_PRESET_S), CONTROL_OPTION,
      "S", "for so many seconds, 1 to 60 (10)" },
};

#define ARGUMENT_DEVICE                                                                                      \
    {                                                                                                        \
        ROW_ID(device, "device", true), CONTROL_POSITIONAL, "NAME", "the device's id"                        \
    }

static const struct control_argument device_release_arguments[] = {
    ARGUMENT_DEVICE,
    { ROW_ID(target, "target", true), CONTROL_POSITIONAL, "TARGET", "which of its targets" },
    { JSON_ROW_CHECKED(struct control_args, direction, "direction", false, direction_valid,
                       "must be entry or exit"),
      CONTROL_OPTION, "DIRECTION", "entry or exit; if not given, whatever the device does" },
    ARGUMENT_REASON,
};

static const struct control_argument device_listen_arguments[] = {
    ARGUMENT_DEVICE,
    { JSON_ROW_INT(struct control_args, for_s, "for", 1, CONTROL_LISTEN_S_MAX, CONTROL_LISTEN_S_MAX),
      CONTROL_OPTION, "S", "for so many seconds, 1 to 3600 (3600)" },
};

static const struct control_argument device_test_arguments[] = {
    ARGUMENT_DEVICE,
    { JSON_ROW_BOOL(struct control_args, yes, "yes", false), CONTROL_FLAG, NULL,
      "ask nothing: release each output once, wait for no input" },
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
    { .verb = CONTROL_DEVICE_LISTEN,
      .name = "device listen",
      .privilege = CONTROL_OPERATE,
      .syntax = "NAME [--for S]",
      .summary = "show what a device says, as it says it, until Ctrl-C",
      .details =
          "First its points and targets with what was last heard of each, then inputs, states, passages and "
          "presentations. What was presented is not shown, only that something was.",
      ARGUMENTS(device_listen_arguments) },
    { .verb = CONTROL_DEVICE_RELEASE,
      .name = "device release",
      .privilege = CONTROL_OPERATE,
      .syntax = "NAME TARGET [--direction DIRECTION] --reason TEXT",
      .summary = "release a target of a device for 0.7 seconds",
      .details = "Whether or not a door of the policy has this target. For people's doors there is release.",
      ARGUMENTS(device_release_arguments) },
    { .verb = CONTROL_DEVICE_TEST,
      .name = "device test",
      .local = true,
      .syntax = "NAME [--yes]",
      .summary = "walk an installer through every output and input of a device",
      .details =
          "Doors really open. Each output is released once and you are asked whether it did; each input that "
          "the device has told of, and each reader, is waited for. Skip with s, leave with q. Exits with 1 "
          "if anything failed.",
      ARGUMENTS(device_test_arguments) },
    { .verb = CONTROL_BLE_SCAN,
      .name = "ble scan",
      .privilege = CONTROL_OPERATE,
      .syntax = "[--device NAME] [--for S]",
      .summary = "look for locks that could be paired",
      .details = "Listens with every radio that can, and lists what is near.",
      ARGUMENTS(ble_scan_arguments) },
    { .verb = CONTROL_LOCK_STATUS,
      .name = "lock status",
      .syntax = "[NAME]",
      .summary = "show how locks are: bolt, door, battery, and when they last said so",
      ARGUMENTS(lock_status_arguments) },
    { .verb = CONTROL_LOCK_PAIR,
      .name = "lock pair",
      .privilege = CONTROL_OPERATE,
      .syntax = "NAME ADDRESS [--address-type TYPE]",
      .summary = "become known to a lock; says what to press and when",
      .details = "The lock at ADDRESS is target NAME from then on. Its keys stay on the gateway and are "
                 "never shown.",
      ARGUMENTS(lock_pair_arguments) },
    { .verb = CONTROL_LOCK_UNLOCK,
      .name = "lock unlock",
      .privilege = CONTROL_OPERATE,
      .syntax = "NAME [--reason TEXT]",
      .summary = "draw a lock's bolt",
      .details =
          "The lock alone: the door's mode stays, and with it who may pass. To let everybody pass, door DOOR "
          "unlock.",
      ARGUMENTS(lock_arguments) },
    { .verb = CONTROL_LOCK_UNLATCH,
      .name = "lock unlatch",
      .privilege = CONTROL_OPERATE,
      .syntax = "NAME [--reason TEXT]",
      .summary = "pull a lock's latch, so that the door can be pushed open",
      ARGUMENTS(lock_arguments) },
    { .verb = CONTROL_LOCK_LOCK,
      .name = "lock lock",
      .privilege = CONTROL_OPERATE,
      .syntax = "NAME [--reason TEXT]",
      .summary = "throw a lock's bolt",
      ARGUMENTS(lock_arguments) },
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
