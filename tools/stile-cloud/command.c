/* SPDX-License-Identifier: GPL-3.0-or-later */
/* command.c: what is printed is what a gateway said, never what is hoped: where nobody answers in time the
 * answer is `unknown`, unless the command surely was not sent. */
#include "tools/stile-cloud/command.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "tools/stile-cloud/outbox.h"
#include "tools/stile-cloud/sign.h"

#define JTI_BYTES 16

/* The longest that a touched mark may go unnoticed. */
#define TICK_MS 500

/* A person who gives none. */
#define NO_REASON "none given"

/* A command to one gateway. */
struct sending {
    struct site *site;
    const struct command_order *order;
    enum cloud_verb verb;
    struct json_object *args;
    const char *gateway;
    struct cloud_command command;
    char ref[CLOUD_REF_SIZE];
    int64_t events_from; /* events stored before it are not its */
    struct text text;
};

static enum command_end __attribute__((format(printf, 2, 3)))
say(enum command_end end, const char *format, ...)
{
    va_list args;

    fputs("stile-cloud: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return end;
}

static int64_t unix_now(void)
{
    return clock_utc_us() / USEC_PER_SEC;
}

/* --- what is asked for --- */

static bool take_word(const char *word, const char *const names[], int *ret)
{
    *ret = word ? json_enum_value(names, word) : -1;
    return *ret >= 0;
}

static bool take_mode(const char *word, enum cloud_mode *ret)
{
    for (int mode = 0; word && mode <= CLOUD_MODE_AUTO; mode++)
        if (strcmp(cloud_mode_name((enum cloud_mode)mode), word) == 0) {
            *ret = (enum cloud_mode)mode;
            return true;
        }
    return false;
}

/* NULL, or what is wrong. */
static const char *take_args(const struct command_order *order, enum cloud_verb verb,
                             struct cloud_command_args *ret)
{
    static const char *const directions[] = { "entry", "exit", NULL };
    static const char *const switches[] = { "off", "on", NULL };
    int on = 0;
    int exits = 0;

    if (order->direction && !take_word(order->direction, directions, &exits))
        return "--direction: must be entry or exit";
    if (verb == CLOUD_VERB_LOCKDOWN && !take_word(order->value, switches, &on))
        return "lockdown takes a door or '*', and on or off";
    *ret = (struct cloud_command_args){ .exit = exits,
                                        .on = on,
                                        .for_s = order->for_s,
                                        .reason = order->reason ? order->reason : NO_REASON,
                                        .text = order->value };
    if (verb == CLOUD_VERB_MODE && !take_mode(order->value, &ret->mode))
        return "mode takes a door, and controlled, unlocked, locked_open, blocked, locked_down or auto";
    if (verb == CLOUD_VERB_SHOW && !order->value)
        return "show takes an access point and a text";
    if (verb == CLOUD_VERB_OPEN && !order->value)
        return "open takes an access point and a user";
    return NULL;
}

/* The args as the command carries them, or what is wrong. */
static const char *write_args(struct sending *sending)
{
    struct cloud_command_args args;
    struct json_error error;
    const char *wrong = take_args(sending->order, sending->verb, &args);

    if (wrong)
        return wrong;
    text_reset(&sending->text);
    cloud_command_args_write(&sending->text, sending->verb, &args);
    if (text_error(&sending->text) ||
        json_parse(text_string(&sending->text), sending->text.len, &sending->args, &error) < 0)
        return "what was given cannot be written";
    return NULL;
}

/* Who it is, for the gateway's log. */
static void name_issuer(const struct site *site, char *ret, size_t size)
{
    const struct passwd *user = getpwuid(geteuid());

    snprintf(ret, size, "%.60s@%s", user ? user->pw_name : "somebody", site->name);
}

static void fill_command(struct sending *sending, const char *challenge)
{
    const struct command_order *order = sending->order;
    struct cloud_command *command = &sending->command;
    uint8_t random[JTI_BYTES];

    *command = (struct cloud_command){ .iat = unix_now(), .args = sending->args };
    command->exp = command->iat + COMMAND_LIFE_S;
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        abort(); /* cannot fail for so few bytes: getrandom(2) */
    hex_encode(random, sizeof(random), command->jti);
    snprintf(command->aud, sizeof(command->aud), "%s/%s", sending->site->name, sending->gateway);
    name_issuer(sending->site, command->issuer, sizeof(command->issuer));
    text_copy(command->verb, sizeof(command->verb), order->verb);
    text_copy(command->target, sizeof(command->target), order->target);
    text_copy(command->challenge, sizeof(command->challenge), challenge);
    if (sending->verb == CLOUD_VERB_OPEN)
        text_copy(command->sub, sizeof(command->sub), order->value);
}

/* A gateway would say the same; here it is said at once, and to the person who can mend it. */
static const char *check_command(struct sending *sending)
{
    const struct cloud_self self = { sending->site->name, sending->gateway };
    struct cloud_command read = { 0 };
    struct cloud_command_args args;
    struct cloud_refusal refusal;
    const char *wrong = NULL;

    if (cloud_command_format(&sending->text, &sending->command) < 0)
        return "what was given is too long";
    if (cloud_command_parse(text_string(&sending->text), sending->text.len, &self, &read, &refusal) < 0 ||
        cloud_command_args_read(&read, sending->verb, &args, &refusal) < 0)
        wrong = refusal.error.text;
    if (wrong)
        say(COMMAND_END_USAGE, "%s: %s", refusal.error.path, wrong);
    cloud_command_finish(&read);
    return wrong;
}

/* --- on its way --- */

/* The last event that was stored before. */
static int note_events(struct sending *sending)
{
    cleanup_with(site_finalizep) sqlite3_stmt *query = NULL;
    int r = site_prepare(sending->site, "SELECT coalesce(max(n), 0) FROM events", &query);

    if (r == 0)
        r = site_step(sending->site, query);
    if (r == 1)
        sending->events_from = sqlite3_column_int64(query, 0);
    return r < 0 ? r : 0;
}

/* Signs it and puts it into the outbox. */
static int post(struct sending *sending)
{
    const struct sign_request request = {
        .topic = CLOUD_DOWN_COMMAND,
        .by = sending->verb == CLOUD_VERB_RETIRE_KEY ? SIGN_BY_ROOT : SIGN_BY_USE,
        .verb = sending->order->verb,
        .target = sending->order->target,
        .kid = sending->order->kid,
    };
    struct outbox_command command = { .gateway = sending->gateway, .exp = sending->command.exp };
    int r = sign_payload(sending->site, &request, &sending->text);

    if (r == 0)
        r = note_events(sending);
    if (r < 0)
        return r;
    cloud_ref(sending->text.data, sending->text.len, sending->ref);
    memcpy(command.ref, sending->ref, sizeof(command.ref));
    command.payload = text_string(&sending->text);
    return outbox_add(sending->site, &command, unix_now());
}

/* The event of the same jti, which is certain where the result is not. Returns 1 if it has come. */
static int find_event(struct sending *sending, struct cloud_command_result *ret)
{
    cleanup_with(site_finalizep) sqlite3_stmt *query = NULL;
    int r = site_prepare(sending->site,
                         "SELECT line ->> 'outcome', line ->> 'code', line ->> 'reason', line ->> 'ms', seq"
                         " FROM events WHERE n > ? AND gateway = ? AND line ->> 'kind' = 'command'"
                         " AND line ->> 'jti' = ?",
                         &query);

    if (r < 0)
        return r;
    sqlite3_bind_int64(query, 1, sending->events_from);
    sqlite3_bind_text(query, 2, sending->gateway, -1, SQLITE_STATIC);
    sqlite3_bind_text(query, 3, sending->command.jti, -1, SQLITE_STATIC);
    r = site_step(sending->site, query);
    if (r != 1)
        return r;
    const char *outcome = (const char *)sqlite3_column_text(query, 0);
    int known = outcome ? cloud_command_outcome_find(outcome) : -1;

    *ret = (struct cloud_command_result){ .seq = sqlite3_column_int64(query, 4), .ms = -1 };
    ret->outcome = known < 0 ? CLOUD_COMMAND_UNKNOWN : (enum cloud_command_outcome)known;
    text_copy(ret->code, sizeof(ret->code), (const char *)sqlite3_column_text(query, 1));
    text_copy(ret->reason, sizeof(ret->reason), (const char *)sqlite3_column_text(query, 2));
    if (sqlite3_column_type(query, 3) != SQLITE_NULL)
        ret->ms = sqlite3_column_int64(query, 3);
    return 1;
}

/* Returns 1 with what became of it, 0 if nothing is known yet, or a negative errno. */
static int look(struct sending *sending, bool *ret_sent, struct cloud_command_result *ret)
{
    struct cloud_refusal refusal;
    int r = outbox_answer(sending->site, sending->ref, &sending->text, ret_sent);

    if (r == 1 &&
        cloud_command_result_parse(text_string(&sending->text), sending->text.len, ret, &refusal) == 0)
        return 1;
    return r < 0 ? r : find_event(sending, ret);
}

/* As look(), for as long as it makes sense. */
static int await(struct sending *sending, bool *ret_sent, struct cloud_command_result *ret)
{
    cleanup_with(closep) int marks = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    struct pollfd fd = { .fd = marks, .events = POLLIN };
    int64_t until_us = clock_boot_us() + (COMMAND_LIFE_S + COMMAND_GRACE_S) * USEC_PER_SEC;
    char buffer[4096];
    int r = marks < 0 || inotify_add_watch(marks, sending->site->directory, IN_CLOSE_WRITE) < 0 ? -errno : 0;

    while (r == 0) {
        r = look(sending, ret_sent, ret);
        if (r != 0 || clock_boot_us() >= until_us)
            break;
        if (poll(&fd, 1, TICK_MS) > 0 && read(marks, buffer, sizeof(buffer)) < 0)
            r = -errno;
    }
    return r;
}

/* --- the answer --- */

static enum command_end end_of(enum cloud_command_outcome outcome)
{
    switch (outcome) {
    case CLOUD_COMMAND_COMPLETED:
        return COMMAND_END_COMPLETED;
    case CLOUD_COMMAND_DENIED:
    case CLOUD_COMMAND_FAILED:
    case CLOUD_COMMAND_EXPIRED:
    case CLOUD_COMMAND_REFUSED:
        return COMMAND_END_NO;
    case CLOUD_COMMAND_UNKNOWN:
        return COMMAND_END_UNKNOWN;
    }
    return COMMAND_END_UNKNOWN;
}

/* "gw1: release front: denied: NO_RULE (3 ms, event 4713)" */
static enum command_end print_result(const struct sending *sending, const struct cloud_command_result *result)
{
    const struct command_order *order = sending->order;

    printf("%s: %s%s%s: %s", sending->gateway, order->verb, order->target ? " " : "",
           order->target ? order->target : "", cloud_command_outcome_name(result->outcome));
    if (result->code[0] && result->outcome == CLOUD_COMMAND_REFUSED)
        printf(": %s%s%s", result->code, result->member[0] ? " " : "", result->member);
    if (result->reason[0])
        printf(": %s", result->reason);
    if (result->ms >= 0)
        printf(", %" PRId64 " ms", result->ms);
    if (result->seq)
        printf(", event %" PRId64, result->seq);
    putchar('\n');
    return end_of(result->outcome);
}

static enum command_end print_silence(const struct sending *sending, bool sent)
{
    if (!sent)
        return say(COMMAND_END_FAULT, "%s: was not sent in time", sending->gateway);
    printf("%s: %s %s: unknown: no answer\n", sending->gateway, sending->order->verb,
           sending->order->target ? sending->order->target : "");
    return COMMAND_END_UNKNOWN;
}

static enum command_end could_not(const struct sending *sending, int r)
{
    if (r == -ENOKEY)
        return say(
            COMMAND_END_FAULT,
            "no key may sign this; make one with: stile-cloud key new ID %s, and let the gateway know it",
            sending->verb == CLOUD_VERB_RETIRE_KEY ? "root" : "command");
    return say(COMMAND_END_FAULT, "%s: %s", strerror(-r), site_text(sending->site));
}

/* Sends it with this challenge ("": none). *ret_challenge: a new one, if it was refused for want of it. */
static enum command_end try(struct sending *sending, const char *challenge,
                            char ret_challenge[static CLOUD_CHALLENGE_SIZE])
{
    struct cloud_command_result result;
    bool sent = false;

    fill_command(sending, challenge);
    if (check_command(sending))
        return COMMAND_END_USAGE;
    int r = post(sending);

    if (r == 0)
        r = await(sending, &sent, &result);
    if (r < 0)
        return could_not(sending, r);
    if (r == 0)
        return print_silence(sending, sent);
    if (result.challenge[0] && !ret_challenge[0]) {
        memcpy(ret_challenge, result.challenge, CLOUD_CHALLENGE_SIZE);
        return COMMAND_END_NO;
    }
    return print_result(sending, &result);
}

/* What the gateway said last: whether it is there, and its challenge if it has no clock to be trusted. */
static int read_state(struct sending *sending, bool *ret_online,
                      char ret_challenge[static CLOUD_CHALLENGE_SIZE])
{
    cleanup_with(site_finalizep) sqlite3_stmt *query = NULL;
    struct cloud_refusal refusal;
    struct cloud_state state;
    int r = site_prepare(sending->site, "SELECT online, state FROM gateways WHERE name = ?", &query);

    if (r < 0)
        return r;
    sqlite3_bind_text(query, 1, sending->gateway, -1, SQLITE_STATIC);
    r = site_step(sending->site, query);
    *ret_online = false;
    ret_challenge[0] = '\0';
    if (r != 1)
        return r;
    const char *text = (const char *)sqlite3_column_text(query, 1);

    if (!text || cloud_state_parse(text, strlen(text), &state, &refusal) < 0)
        return 0;
    *ret_online = sqlite3_column_int(query, 0);
    if (state.clock != CLOCK_STATE_SYNCED)
        memcpy(ret_challenge, state.challenge, sizeof(state.challenge));
    return 0;
}

static enum command_end send_one(struct sending *sending)
{
    char challenge[CLOUD_CHALLENGE_SIZE];
    char again[CLOUD_CHALLENGE_SIZE] = "";
    bool online;
    int r = read_state(sending, &online, challenge);

    if (r < 0)
        return could_not(sending, r);
    if (!online)
        return say(COMMAND_END_FAULT, "%s is not online: nothing was sent", sending->gateway);
    enum command_end end = try(sending, challenge, again);

    return again[0] ? try(sending, again, again) : end;
}

/* --- to whom --- */

/* The process that serves holds the lock. */
static bool is_served(const struct site *site)
{
    cleanup_with(freep) char *path = NULL;

    if (asprintf(&path, "%s/" SITE_LOCK, site->directory) < 0) {
        path = NULL;
        return false;
    }
    cleanup_with(closep) int lock = open(path, O_RDWR | O_CLOEXEC);

    return lock >= 0 && flock(lock, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

/* The names of the gateways, each with its NUL. Returns how many, or a negative errno. */
static int list_gateways(struct site *site, struct text *names)
{
    cleanup_with(site_finalizep) sqlite3_stmt *query = NULL;
    int count = 0;
    int r = site_prepare(site, "SELECT name FROM gateways ORDER BY name", &query);

    while (r >= 0 && (r = site_step(site, query)) == 1) {
        const char *name = (const char *)sqlite3_column_text(query, 0);

        text_add_bytes(names, name, strlen(name) + 1);
        count++;
    }
    if (r == 0)
        r = text_error(names);
    return r < 0 ? r : count;
}

static bool is_for_all(enum cloud_verb verb, const struct command_order *order)
{
    return verb == CLOUD_VERB_SYNC || verb == CLOUD_VERB_RETIRE_KEY ||
           (verb == CLOUD_VERB_LOCKDOWN && strcmp(order->target, CLOUD_TARGET_ALL) == 0);
}

static enum command_end send_all(struct sending *sending)
{
    cleanup_with(text_finish) struct text names = TEXT_INIT;
    int count = list_gateways(sending->site, &names);
    enum command_end worst = COMMAND_END_COMPLETED;

    if (count < 0)
        return could_not(sending, count);
    if (count == 0)
        return say(COMMAND_END_FAULT, "no gateway was ever seen");
    if (count > 1 && !is_for_all(sending->verb, sending->order))
        return say(COMMAND_END_USAGE, "there are %d gateways: say --gateway NAME", count);
    for (const char *name = names.data; count-- > 0; name += strlen(name) + 1) {
        sending->gateway = name;
        enum command_end end = send_one(sending);

        worst = end > worst ? end : worst;
    }
    return worst;
}

static enum command_end send_checked(struct sending *sending)
{
    const struct command_order *order = sending->order;

    if (!cloud_verb_find(order->verb, &sending->verb))
        return say(COMMAND_END_USAGE, "\"%s\" is no verb: see stile-cloud(1)", order->verb);
    if (cloud_verb_has_target(sending->verb) != !!order->target)
        return say(COMMAND_END_USAGE, "%s takes %s target", order->verb, order->target ? "no" : "a");
    const char *wrong = write_args(sending);

    if (wrong)
        return say(COMMAND_END_USAGE, "%s", wrong);
    if (!is_served(sending->site))
        return say(COMMAND_END_FAULT, "nobody serves this site: nothing was sent; see stile-cloud serve");
    sending->gateway = order->gateway;
    return order->gateway ? send_one(sending) : send_all(sending);
}

enum command_end command_send(struct site *site, const struct command_order *order)
{
    struct sending sending = { .site = site, .order = order };
    enum command_end end = send_checked(&sending);

    json_putp(&sending.args);
    text_finish(&sending.text);
    return end;
}
