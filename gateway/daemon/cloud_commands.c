/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cloud_commands.c: a function for each verb. A verb may end while it is being run; sync's hook then returns
 * what was told meanwhile (`running`), since sync must not be called back from it. */
#include "gateway/daemon/cloud_commands.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/daemon/access.h"
#include "gateway/daemon/cloud.h"
#include "gateway/daemon/daemon.h"
#include "gateway/daemon/orders.h"
#include "gateway/daemon/record.h"
#include "gateway/daemon/releases.h"

#define SUBSYSTEM "command"

struct probe {
    int64_t id;      /* hal's; 0: free */
    int64_t command; /* sync's */
};

struct cloud_commands {
    int64_t running; /* the command whose verb runs now, 0: none */
    const char *jti; /* its name, NULL: none */
    bool ended;      /* and it has ended, like this: */
    struct sync_command_end end;
    char reason[DRIVER_REASON_SIZE];
    struct probe probes[CLOUD_COMMANDS_PROBES_MAX];
};

int cloud_commands_new(struct cloud_commands **ret)
{
    *ret = calloc(1, sizeof(**ret));
    return *ret ? 0 : -ENOMEM;
}

struct cloud_commands *cloud_commands_free(struct cloud_commands *commands)
{
    free(commands);
    return NULL;
}

/* --- to and from the ledger --- */

static void on_begun(void *user, const struct ledger_begun *begun)
{
    struct daemon *daemon = user;
    struct timestamp now = daemon_now(daemon);
    struct sync_command_begun told = {
        .outcome = SYNC_BEGUN_FAILED, .ref = begun->ref, .result = begun->result, .seq = begun->seq
    };

    switch (begun->outcome) {
    case LEDGER_BEGUN_NEW:
        told.outcome = SYNC_BEGUN_NEW;
        break;
    case LEDGER_BEGUN_KNOWN:
        told.outcome = SYNC_BEGUN_KNOWN;
        break;
    case LEDGER_BEGUN_FULL:
        log_error(SUBSYSTEM, "more than %d commands in a day, or %d of one key", LEDGER_COMMANDS_MAX,
                  LEDGER_COMMANDS_KEY_MAX);
        break;
    case LEDGER_BEGUN_FAILED:
        daemon_trouble(SUBSYSTEM, "a command", begun->error);
        break;
    }
    sync_command_begun(daemon->sync, &now, &told);
    daemon_arm(daemon);
}

int cloud_commands_begin(void *user, const struct sync_command_name *name)
{
    struct daemon *daemon = user;
    struct timestamp now = daemon_now(daemon);
    const struct ledger_command command = {
        .kid = name->kid, .jti = name->jti, .ref = name->ref, .what = name->what
    };

    return ledger_begin_command(daemon->ledger, &command, &now, on_begun, daemon);
}

static int restore(void *user, const struct ledger_command *command)
{
    struct daemon *daemon = user;
    const struct sync_command_name name = { command->kid, command->jti, command->ref, command->what };

    sync_restore_command(daemon->sync, &name);
    return 0;
}

int cloud_commands_restore(struct daemon *daemon)
{
    return ledger_restore_commands(daemon->ledger, restore, daemon);
}

static void on_ended(struct daemon *daemon, int64_t seq, void *argument)
{
    cleanup_with(freep) int64_t *id = argument;
    struct timestamp now = daemon_now(daemon);

    sync_command_ended(daemon->sync, &now, *id, seq);
}

static const char *word(const char *text)
{
    return text[0] ? text : NULL;
}

/* Puts the target where events of its kind have it. */
static void set_target(struct event *event, const struct sync_command_ended *ended)
{
    enum cloud_verb verb;

    if (!cloud_verb_find(ended->verb, &verb))
        return;
    switch (verb) {
    case CLOUD_VERB_OPEN:
        event->user = word(ended->sub);
        event->point = word(ended->target);
        break;
    case CLOUD_VERB_SHOW:
        event->point = word(ended->target);
        break;
    case CLOUD_VERB_RELEASE:
    case CLOUD_VERB_LOCK:
    case CLOUD_VERB_UNLOCK:
    case CLOUD_VERB_MODE:
    case CLOUD_VERB_LOCKDOWN:
        event->door = strcmp(ended->target, CLOUD_TARGET_ALL) == 0 ? NULL : word(ended->target);
        break;
    case CLOUD_VERB_FORGIVE:
        event->user = word(ended->target);
        break;
    case CLOUD_VERB_PROBE:
        event->device = word(ended->target);
        break;
    case CLOUD_VERB_RETIRE_KEY:
        event->item_kind = "key";
        event->item_id = word(ended->target);
        break;
    case CLOUD_VERB_SYNC:
        break;
    }
}

int cloud_commands_end(void *user, const struct timestamp *now, const struct sync_command_ended *ended)
{
    const struct cloud_command_result *result = ended->result;
    struct event event = {
        .kind = EVENT_COMMAND,
        .reason = word(result->reason),
        .issuer = word(ended->issuer),
        .key = ended->kid,
        .jti = ended->jti,
        .verb = word(ended->verb),
        .outcome = cloud_command_outcome_name(result->outcome),
        .code = word(result->code),
        .member = word(result->member),
        .ms = result->ms < 0 ? NULL : &result->ms,
        .text = ended->text,
    };
    const struct ledger_command command = { .kid = ended->kid, .jti = ended->jti, .result = ended->stored };
    cleanup_with(freep) int64_t *id = malloc(sizeof(*id));

    if (!id)
        return -ENOMEM;
    *id = ended->id;
    set_target(&event, ended);
    const struct record_then then = { .durable = on_ended, .argument = id, .command = &command };

    if (!record_event_then(user, &event, now, &then))
        return -ENOBUFS;
    (void)take_ptr(id);
    return 0;
}

const char *cloud_commands_jti(const struct daemon *daemon)
{
    return daemon->commands->jti;
}

/* --- how a command ends --- */

static void finish(struct daemon *daemon, int64_t id, enum cloud_command_outcome outcome, const char *reason)
{
    struct cloud_commands *commands = daemon->commands;
    struct timestamp now = daemon_now(daemon);
    struct sync_command_end end = { .outcome = outcome, .reason = reason };

    if (commands->running != id) {
        sync_command_done(daemon->sync, &now, id, &end);
        return;
    }
    assert(!commands->ended);
    text_copy(commands->reason, sizeof(commands->reason), reason);
    commands->end = (struct sync_command_end){ outcome, commands->reason };
    commands->ended = true;
}

static enum cloud_command_outcome outcome_of(enum driver_outcome outcome)
{
    switch (outcome) {
    case DRIVER_OUTCOME_COMPLETED:
        return CLOUD_COMMAND_COMPLETED;
    case DRIVER_OUTCOME_FAILED:
        return CLOUD_COMMAND_FAILED;
    case DRIVER_OUTCOME_ACCEPTED:
    case DRIVER_OUTCOME_UNKNOWN:
        return CLOUD_COMMAND_UNKNOWN;
    }
    return CLOUD_COMMAND_UNKNOWN;
}

void cloud_commands_driven(struct daemon *daemon, int64_t id, enum driver_outcome outcome, const char *reason)
{
    finish(daemon, id, outcome_of(outcome), reason);
}

void cloud_commands_decided(struct daemon *daemon, int64_t id, const struct verdict *verdict)
{
    bool granted = verdict->kind == VERDICT_GRANT;

    finish(daemon, id, granted ? CLOUD_COMMAND_COMPLETED : CLOUD_COMMAND_DENIED,
           reason_name(verdict->reason));
}

static void finish_with(struct daemon *daemon, int64_t id, int r)
{
    if (r < 0)
        daemon_trouble(SUBSYSTEM, "a command", r);
    finish(daemon, id, r < 0 ? CLOUD_COMMAND_FAILED : CLOUD_COMMAND_COMPLETED, r < 0 ? "no_memory" : NULL);
}

/* --- the verbs --- */

static uint32_t door_of(const struct daemon *daemon, const struct sync_command *command)
{
    return policy_find(daemon->policy, ITEM_DOOR, command->target);
}

/* The user's telephone: of several the first by id that opens, or that there is. */
static uint32_t telephone(const struct daemon *daemon, uint32_t point, const char *user_id,
                          const struct timestamp *now)
{
    uint32_t user = policy_find(daemon->policy, ITEM_USER, user_id);
    uint32_t first = POLICY_NONE;
    uint32_t cursor = 0;
    uint32_t credential;

    while (user != POLICY_NONE &&
           policy_credential_of_user_next(daemon->policy, user, &cursor, &credential)) {
        struct verdict verdict;

        if (policy_credential(daemon->policy, credential).type != CREDENTIAL_MOBILE)
            continue;
        world_ask(daemon->world, point, credential, now, &verdict);
        if (verdict.kind == VERDICT_GRANT)
            return credential;
        first = first == POLICY_NONE ? credential : first;
    }
    return first;
}

static void run_open(struct daemon *daemon, const struct timestamp *now, const struct sync_command *command)
{
    uint32_t point = policy_find(daemon->policy, ITEM_ACCESS_POINT, command->target);
    const struct access_open open = {
        .command = command->id,
        .jti = command->jti,
        .point = point,
        .credential = telephone(daemon, point, command->sub, now),
        .deadline_us = command->deadline_us,
    };

    access_open(daemon, &open, now);
}

static void run_release(struct daemon *daemon, const struct timestamp *now,
                        const struct sync_command *command)
{
    enum direction direction = command->args.exit ? DIRECTION_EXIT : DIRECTION_ENTRY;
    struct release_order order = releases_by_hand(daemon, door_of(daemon, command), direction, now);

    order.command = command->id;
    order.jti = command->jti;
    if (command->deadline_us < order.deadline_us)
        order.deadline_us = command->deadline_us;
    struct release *release = releases_send(daemon, &order);

    if (release)
        releases_record(daemon, release, 0, now);
    else
        finish_with(daemon, command->id, -ENOMEM);
}

static struct order_by order_by(const struct sync_command *command)
{
    return (
        struct order_by){ .issuer = command->issuer, .jti = command->jti, .reason = command->args.reason };
}

static void override_mode(struct daemon *daemon, const struct timestamp *now,
                          const struct sync_command *command, enum door_mode mode)
{
    const struct order_by by = order_by(command);
    int64_t for_s = command->args.for_s;
    int64_t until_us = for_s ? now->boot_us + for_s * USEC_PER_SEC : INT64_MAX;

    finish_with(daemon, command->id, orders_mode(daemon, door_of(daemon, command), mode, until_us, &by, now));
}

static void run_lock(struct daemon *daemon, const struct timestamp *now, const struct sync_command *command)
{
    override_mode(daemon, now, command, DOOR_MODE_CONTROLLED);
}

static void run_unlock(struct daemon *daemon, const struct timestamp *now, const struct sync_command *command)
{
    override_mode(daemon, now, command, DOOR_MODE_UNLOCKED);
}

static void run_mode(struct daemon *daemon, const struct timestamp *now, const struct sync_command *command)
{
    static const enum door_mode modes[] = {
        [CLOUD_MODE_CONTROLLED] = DOOR_MODE_CONTROLLED,   [CLOUD_MODE_UNLOCKED] = DOOR_MODE_UNLOCKED,
        [CLOUD_MODE_LOCKED_OPEN] = DOOR_MODE_LOCKED_OPEN, [CLOUD_MODE_BLOCKED] = DOOR_MODE_BLOCKED,
        [CLOUD_MODE_LOCKED_DOWN] = DOOR_MODE_LOCKED_DOWN, [CLOUD_MODE_AUTO] = DOOR_MODES,
    };

    override_mode(daemon, now, command, modes[command->args.mode]);
}

static void run_lockdown(struct daemon *daemon, const struct timestamp *now,
                         const struct sync_command *command)
{
    const struct order_by by = order_by(command);

    finish_with(daemon, command->id,
                orders_lockdown(daemon, door_of(daemon, command), command->args.on, &by, now));
}

static void run_forgive(struct daemon *daemon, const struct timestamp *now,
                        const struct sync_command *command)
{
    uint32_t user = policy_find(daemon->policy, ITEM_USER, command->target);

    finish_with(daemon, command->id, world_forgive(daemon->world, user, now));
}

static void run_show(struct daemon *daemon, const struct timestamp *now, const struct sync_command *command)
{
    const struct policy_point *point =
        policy_point(daemon->policy, policy_find(daemon->policy, ITEM_ACCESS_POINT, command->target));
    int64_t ms = command->args.for_s * (USEC_PER_SEC / USEC_PER_MSEC);
    bool shown = false;

    for (size_t i = 0; i < point->reader_count; i++)
        shown |= hal_show_text(daemon->hal, point->readers[i], command->args.text, ms);
    finish(daemon, command->id, shown ? CLOUD_COMMAND_COMPLETED : CLOUD_COMMAND_FAILED,
           shown ? NULL : "device_down");
}

static struct probe *find_probe(struct cloud_commands *commands, int64_t id)
{
    for (size_t i = 0; i < CLOUD_COMMANDS_PROBES_MAX; i++)
        if (commands->probes[i].id == id)
            return &commands->probes[i];
    return NULL;
}

static void run_probe(struct daemon *daemon, const struct timestamp *now, const struct sync_command *command)
{
    const struct driver_command probe = {
        .kind = DRIVER_COMMAND_PROBE,
        .deadline_us = command->deadline_us,
    };
    struct probe *free_probe = find_probe(daemon->commands, 0);
    const char *reason = "busy";
    int64_t id = 0;
    int r = free_probe ? hal_command(daemon->hal, command->target, &probe, &id, &reason) : HAL_E_REFUSED;

    if (r == 0)
        *free_probe = (struct probe){ id, command->id };
    else
        finish(daemon, command->id, CLOUD_COMMAND_FAILED, r < 0 ? "no_memory" : reason);
}

bool cloud_commands_result(struct daemon *daemon, int64_t id, enum driver_outcome outcome, const char *reason)
{
    struct probe *probe = find_probe(daemon->commands, id);

    if (!probe)
        return false;
    if (outcome == DRIVER_OUTCOME_ACCEPTED)
        return true;
    finish(daemon, probe->command, outcome_of(outcome), reason);
    *probe = (struct probe){ 0 };
    return true;
}

static void run_retire_key(struct daemon *daemon, const struct timestamp *now,
                           const struct sync_command *command)
{
    int r = cloud_retire_key(daemon, command->target);

    if (r == TRUST_E_LAST_ROOT)
        finish(daemon, command->id, CLOUD_COMMAND_FAILED, "last_root");
    else
        finish_with(daemon, command->id, r);
}

static void (*const runners[CLOUD_VERBS])(struct daemon *daemon, const struct timestamp *now,
                                          const struct sync_command *command) = {
    [CLOUD_VERB_OPEN] = run_open,       [CLOUD_VERB_RELEASE] = run_release,
    [CLOUD_VERB_LOCK] = run_lock,       [CLOUD_VERB_UNLOCK] = run_unlock,
    [CLOUD_VERB_MODE] = run_mode,       [CLOUD_VERB_LOCKDOWN] = run_lockdown,
    [CLOUD_VERB_FORGIVE] = run_forgive, [CLOUD_VERB_SHOW] = run_show,
    [CLOUD_VERB_PROBE] = run_probe,     [CLOUD_VERB_RETIRE_KEY] = run_retire_key,
};

/* The target may have gone from the policy since it was looked up, before the ledger had the command. */
static bool still_there(struct daemon *daemon, const struct sync_command *command)
{
    return command->verb == CLOUD_VERB_RETIRE_KEY || strcmp(command->target, CLOUD_TARGET_ALL) == 0 ||
           cloud_commands_has_target(daemon, command->verb, command->target);
}

bool cloud_commands_run(void *user, const struct timestamp *now, const struct sync_command *command,
                        struct sync_command_end *ret_end)
{
    struct daemon *daemon = user;
    struct cloud_commands *commands = daemon->commands;

    if (!daemon->stopping)
        access_advance(daemon, now); /* what was due is none of the command's doing */
    commands->running = command->id;
    commands->jti = command->jti;
    commands->ended = false;
    if (daemon->stopping)
        finish(daemon, command->id, CLOUD_COMMAND_FAILED, "stopping");
    else if (!still_there(daemon, command))
        finish(daemon, command->id, CLOUD_COMMAND_FAILED, "target_gone");
    else
        runners[command->verb](daemon, now, command);
    if (!daemon->stopping)
        access_settle(daemon, 0, now);
    commands->running = 0;
    commands->jti = NULL;
    *ret_end = commands->end;
    return commands->ended;
}

bool cloud_commands_has_target(void *user, enum cloud_verb verb, const char *target)
{
    static const enum item_kind kinds[CLOUD_VERBS] = {
        [CLOUD_VERB_OPEN] = ITEM_ACCESS_POINT, [CLOUD_VERB_RELEASE] = ITEM_DOOR,
        [CLOUD_VERB_LOCK] = ITEM_DOOR,         [CLOUD_VERB_UNLOCK] = ITEM_DOOR,
        [CLOUD_VERB_MODE] = ITEM_DOOR,         [CLOUD_VERB_LOCKDOWN] = ITEM_DOOR,
        [CLOUD_VERB_FORGIVE] = ITEM_USER,      [CLOUD_VERB_SHOW] = ITEM_ACCESS_POINT,
        [CLOUD_VERB_PROBE] = ITEM_DEVICE,
    };
    const struct daemon *daemon = user;

    return policy_find(daemon->policy, kinds[verb], target) != POLICY_NONE;
}
