/* SPDX-License-Identifier: GPL-3.0-or-later */
/* control.h: what is said over the control socket, for both of its ends.
 *
 * A request is one line {"command":"events","args":{"door":"gym"}}; it is answered by lines, one JSON object
 * each, the last of which is {"done":true,"exit":N} with "error" or "note" for people. One request is
 * answered at a time; a further one on the same connection waits for the end of the one before.
 *
 * The commands are rows: name, arguments, help, privilege. The daemon parses requests by them; stilectl
 * parses its command line, and prints its help, its completion and its manual's synopsis from them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "gateway/base/text.h"
#include "proto/json.h"

/* Longest line with its LF, both ways. */
#define CONTROL_LINE_MAX (128u * 1024)

#define CONTROL_SOCKET_DEFAULT "/run/stile/control.sock"

/* Events in one answer. */
#define CONTROL_EVENTS_MAX 10000

/* People in one answer of who-can. */
#define CONTROL_PEOPLE_MAX 10000

/* Longest override that ends by itself. */
#define CONTROL_FOR_S_MAX (366 * 86400)

/* Longest scan, and longest listening to a device. */
#define CONTROL_SCAN_S_MAX   60
#define CONTROL_LISTEN_S_MAX 3600

#define CONTROL_TEXT_MAX 256 /* bytes of a reason or a search text */

/* "exit" of the last line, and of stilectl. */
enum control_exit {
    CONTROL_EXIT_OK = 0,
    CONTROL_EXIT_NO = 1,            /* the answer is no: not found, denied, not released */
    CONTROL_EXIT_USAGE = 2,         /* the request is wrong */
    CONTROL_EXIT_CONNECTION = 3,    /* stilectl's own: no daemon there, or it went away */
    CONTROL_EXIT_NOT_PERMITTED = 4, /* this person may not */
    CONTROL_EXIT_DAEMON = 5,        /* the daemon could not */
};

enum control_privilege {
    CONTROL_READ,    /* whoever may connect */
    CONTROL_OPERATE, /* root, the daemon's user, the operator group */
};

enum control_verb {
    CONTROL_STATUS,
    CONTROL_SYNC,
    CONTROL_DEVICES,
    CONTROL_DEVICE_LISTEN,
    CONTROL_DEVICE_RELEASE,
    CONTROL_DEVICE_TEST,
    CONTROL_BLE_SCAN,
    CONTROL_LOCK_STATUS,
    CONTROL_LOCK_PAIR,
    CONTROL_LOCK_UNLOCK,
    CONTROL_LOCK_UNLATCH,
    CONTROL_LOCK_LOCK,
    CONTROL_DOORS,
    CONTROL_DOOR,
    CONTROL_RELEASE,
    CONTROL_LOCKDOWN,
    CONTROL_EVENTS,
    CONTROL_EVENTS_VERIFY,
    CONTROL_USER_FIND,
    CONTROL_EXPLAIN,
    CONTROL_WHO_CAN,
    CONTROL_WHERE_CAN,
    CONTROL_PROFILE_CHECK,
    CONTROL_VERSION,
    CONTROL_WATCH,
};

/* How an argument is written on stilectl's command line. */
enum control_form {
    CONTROL_POSITIONAL, /* DOOR */
    CONTROL_OPTION,     /* --reason TEXT */
    CONTROL_TIME,       /* --since TIME: an option that stilectl turns into RFC 3339 in UTC */
    CONTROL_FUTURE,     /* --until TIME: the same, of a time to come */
    CONTROL_DURATION,   /* --for 2h: an option that stilectl turns into seconds */
    CONTROL_FLAG,       /* --follow */
};

/* The arguments of every command; those that were not given are NULL, 0 or false. */
struct control_args {
    const char *door;
    const char *device;
    const char *target;
    const char *address;      /* lock pair */
    const char *address_type; /* lock pair */
    const char *direction;    /* of a release */
    const char *action;       /* door: what to do */
    const char *value;        /* door, lockdown: a mode, on or off */
    const char *reason;
    const char *user;
    const char *point;
    const char *text;
    const char *file;     /* profile check: a path */
    const char *last;     /* explain: a door's id */
    const char *since;    /* RFC 3339 */
    const char *at;       /* RFC 3339 */
    const char *clock;    /* explain: a clock state's name */
    const char *until;    /* RFC 3339 */
    int64_t since_utc_us; /* since, parsed; INT64_MIN if not given */
    int64_t at_utc_us;    /* at, parsed; INT64_MIN if not given */
    int64_t until_utc_us; /* until, parsed; INT64_MIN if not given */
    int64_t for_s;
    int64_t limit;
    bool follow;
    bool brief;
    bool yes; /* device test: asks nothing */
};

struct control_argument {
    struct json_row row; /* member and bounds; the field lies in struct control_args */
    enum control_form form;
    const char *placeholder; /* "DOOR"; NULL for a flag */
    const char *help;
    const char *words; /* what it may be, with blanks between, for the completion; NULL: anything */
};

struct control_command {
    enum control_verb verb;
    const char *name; /* "user find" */
    bool local;       /* stilectl does it by itself: the daemon is not asked, and refuses it */
    enum control_privilege privilege;
    const char *syntax;  /* behind the name: "DOOR DIRECTION --reason TEXT" */
    const char *summary; /* half a line */
    const char *details; /* for `help COMMAND`; NULL: nothing more to say */
    const struct control_argument *arguments;
    size_t argument_count;
    const char *(*check)(const struct control_args *args); /* what rows cannot say: what is wrong, NULL if
                                                              nothing is; NULL: there is nothing to say */
};

/* The rows, in the order of the help. */
const struct control_command *control_commands(size_t *ret_count);

/* By its full name; NULL if there is none. */
const struct control_command *control_find(const char *name);

/* A request that arrived. Strings in args are borrowed from object. */
struct control_request {
    const struct control_command *command;
    struct control_args args;
    struct json_object *object;
};

void control_request_finish(struct control_request *request);

/* Parses a line without its LF. Returns 0, -EBADMSG with *error filled (unknown command, wrong or unknown
 * argument), or -ENOMEM. */
int control_request_parse(const char *line, size_t len, struct control_request *ret_request,
                          struct json_error *error) must_check;

/* Writes a request line without LF; text is emptied first. args is checked as the other end would. Returns 0,
 * -EBADMSG with *error filled, or -ENOMEM. */
int control_request_format(struct text *text, const struct control_command *command,
                           const struct control_args *args, struct json_error *error) must_check;

/* A line of an answer. Strings are borrowed from object. */
struct control_answer {
    bool done;
    enum control_exit exit; /* of the last line */
    const char *error;      /* why it is not 0; NULL: nothing to say */
    const char *note;       /* what people should know besides; NULL: nothing */
    struct json_object *object;
};

void control_answer_finish(struct control_answer *answer);

int control_answer_parse(const char *line, size_t len, struct control_answer *ret_answer,
                         struct json_error *error) must_check;

/* Writes the last line of an answer; text is emptied first. error and note may be NULL. */
void control_done_format(struct text *text, enum control_exit code, const char *error, const char *note);
