/* SPDX-License-Identifier: GPL-3.0-or-later */
/* commands.c: the checks of a command stand in check(), in the contract's order; the way of a command through
 * its slot is in the functions below it, each of which ends where somebody else has the word. */
#include "gateway/sync/commands.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/sync/challenge.h"

void commands_init(struct commands *commands, const struct sync_hooks *hooks)
{
    *commands = (struct commands){ .hooks = hooks };
}

static void slot_free(struct command_slot *slot)
{
    cloud_command_finish(&slot->command);
    *slot = (struct command_slot){ 0 };
}

void commands_finish(struct commands *commands)
{
    for (size_t i = 0; i < COMMANDS_SLOTS; i++)
        slot_free(&commands->slots[i]);
    text_finish(&commands->text);
}

void commands_challenge(struct commands *commands, const struct timestamp *now,
                        char ret[static CLOUD_CHALLENGE_SIZE])
{
    size_t i = commands->challenge_next++ % CLOUD_CHALLENGES;

    challenge_make(commands->hooks, commands->challenges[i].text);
    commands->challenges[i].made_us = now->boot_us;
    memcpy(ret, commands->challenges[i].text, CLOUD_CHALLENGE_SIZE);
}

static size_t slots_used(const struct commands *commands)
{
    size_t used = 0;

    for (size_t i = 0; i < COMMANDS_SLOTS; i++)
        used += commands->slots[i].phase != COMMAND_FREE;
    return used;
}

/* One of the first count; NULL if they are used. */
static struct command_slot *slot_new(struct commands *commands, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (commands->slots[i].phase == COMMAND_FREE) {
            commands->slots[i] = (struct command_slot){ .id = ++commands->last_id, .result = { .ms = -1 } };
            return &commands->slots[i];
        }
    return NULL;
}

static struct command_slot *slot_find(struct commands *commands, int64_t id, enum command_phase phase)
{
    for (size_t i = 0; i < COMMANDS_SLOTS; i++)
        if (commands->slots[i].phase == phase && commands->slots[i].id == id)
            return &commands->slots[i];
    return NULL;
}

/* --- C1: whether it may be carried out at all. --- */

static int64_t lifetime_us(const struct cloud_command *command)
{
    return (command->exp - command->iat) * USEC_PER_SEC;
}

/* When the challenge was made; false if it is none of ours, or too old. */
static bool challenge_counts(const struct commands *commands, const struct cloud_command *command,
                             const struct timestamp *now, int64_t *ret_made_us)
{
    for (size_t i = 0; i < CLOUD_CHALLENGES; i++)
        if (command->challenge[0] && strcmp(commands->challenges[i].text, command->challenge) == 0) {
            *ret_made_us = commands->challenges[i].made_us;
            return now->boot_us - *ret_made_us <= lifetime_us(command);
        }
    return false;
}

/* Its time, by the clock if that is believed, and by the challenge. */
static const char *check_time(const struct commands *commands, const struct command_slot *slot,
                              const struct timestamp *now, int64_t *ret_deadline_us)
{
    const struct cloud_command *command = &slot->command;
    bool vouched = wall_vouches(commands->wall, now);
    int64_t now_s = now->utc_us / USEC_PER_SEC;
    int64_t made_us;
    int64_t deadline_us = INT64_MAX;

    if (vouched && now_s < command->iat - CLOUD_SKEW_S)
        return "not_yet";
    if (vouched && now_s >= command->exp)
        return "expired";
    if (vouched)
        deadline_us = now->boot_us + command->exp * USEC_PER_SEC - now->utc_us;
    if (!vouched || command->challenge[0]) {
        if (!challenge_counts(commands, command, now, &made_us))
            return "challenge";
        if (made_us + lifetime_us(command) < deadline_us)
            deadline_us = made_us + lifetime_us(command);
    }
    *ret_deadline_us = deadline_us;
    return NULL;
}

static bool lifetime_fits(const struct cloud_command *command)
{
    enum cloud_verb verb;
    bool actuates = cloud_verb_find(command->verb, &verb) && cloud_verb_actuates(verb);
    int64_t lifetime_s = command->exp - command->iat;

    return lifetime_s >= 1 && lifetime_s <= (actuates ? CLOUD_ACTUATE_S_MAX : CLOUD_COMMAND_S_MAX);
}

static bool has_target(const struct commands *commands, enum cloud_verb verb, const char *target)
{
    if (!cloud_verb_has_target(verb))
        return true;
    if (verb == CLOUD_VERB_LOCKDOWN && strcmp(target, CLOUD_TARGET_ALL) == 0)
        return true;
    if (verb == CLOUD_VERB_RETIRE_KEY)
        return id_valid(target);
    return commands->hooks->has_target(commands->hooks->user, verb, target);
}

static enum key_use use_of(enum cloud_verb verb)
{
    return verb == CLOUD_VERB_RETIRE_KEY ? KEY_USE_ROOT : KEY_USE_COMMAND;
}

/* The contract's codes from `lifetime` on, in its order; NULL: it may be carried out. *ret_member names the
 * member of args that does not fit. */
static const char *check(struct commands *commands, struct command_slot *slot, const struct timestamp *now,
                         const struct key *key, char ret_member[static CLOUD_MEMBER_SIZE])
{
    const struct cloud_command *command = &slot->command;
    struct sync_command *told = &slot->told;
    struct cloud_refusal refusal;

    if (!lifetime_fits(command))
        return "lifetime";
    const char *code = check_time(commands, slot, now, &told->deadline_us);

    if (code)
        return code;
    if (!key_allows(key, command->verb, command->target))
        return "scope";
    if (!cloud_verb_find(command->verb, &told->verb))
        return "verb";
    if (!key_has_use(key, use_of(told->verb)))
        return "use";
    if (!has_target(commands, told->verb, command->target))
        return "target";
    if (cloud_command_args_read(command, told->verb, &told->args, &refusal) < 0) {
        text_copy(ret_member, CLOUD_MEMBER_SIZE, refusal.error.path);
        return "args";
    }
    return slots_used(commands) >= COMMANDS_BUSY && !key_has_use(key, KEY_USE_ROOT) ? "busy" : NULL;
}

/* --- C3: its end. --- */

/* A free text of the sender's, for the event. */
static const char *reason_given(const struct command_slot *slot)
{
    return slot->told.args.reason ? slot->told.args.reason : slot->told.args.text;
}

/* Hands the result to the ledger, which may not take it now. */
static void store(struct commands *commands, struct command_slot *slot, const struct timestamp *now)
{
    struct sync_command_ended ended = {
        .id = slot->id,
        .kid = slot->kid,
        .jti = slot->command.jti,
        .issuer = slot->command.issuer,
        .verb = slot->command.verb,
        .target = slot->command.target,
        .sub = slot->command.sub,
        .text = reason_given(slot),
        .result = &slot->result,
    };
    int r = cloud_command_result_format(&commands->text, &slot->result);

    ended.stored = text_string(&commands->text);
    if (r == 0)
        r = commands->hooks->end_command(commands->hooks->user, now, &ended);
    if (r < 0) {
        log_error("sync", "the result of command %s cannot be stored, tried again: %s", slot->command.jti,
                  strerror(-r));
        slot->again_us = now->boot_us + COMMANDS_AGAIN_US;
        return;
    }
    slot->phase = COMMAND_STORING;
}

static void set_outcome(struct command_slot *slot, enum cloud_command_outcome outcome)
{
    struct cloud_command_result *result = &slot->result;

    result->outcome = outcome;
    memcpy(result->ref, slot->ref, sizeof(result->ref));
    memcpy(result->jti, slot->command.jti, sizeof(result->jti));
    memcpy(result->kid, slot->kid, sizeof(result->kid));
    slot->phase = COMMAND_ENDING;
}

static void end(struct commands *commands, struct command_slot *slot, const struct timestamp *now,
                enum cloud_command_outcome outcome)
{
    set_outcome(slot, outcome);
    store(commands, slot, now);
}

/* It came too late, or there is no time left. */
static void expire(struct commands *commands, struct command_slot *slot, const struct timestamp *now)
{
    strcpy(slot->result.code, "expired");
    end(commands, slot, now, CLOUD_COMMAND_EXPIRED);
}

static void carried_out(struct commands *commands, struct command_slot *slot, const struct timestamp *now,
                        const struct sync_command_end *how)
{
    text_copy(slot->result.reason, sizeof(slot->result.reason), how->reason);
    slot->result.ms = (now->boot_us - slot->came_us) / USEC_PER_MSEC;
    end(commands, slot, now, how->outcome);
}

/* The one verb that is sync's own. */
static struct sync_command_end say_state(struct commands *commands, const struct timestamp *now)
{
    commands->say(commands->say_user, now);
    return (struct sync_command_end){ .outcome = CLOUD_COMMAND_COMPLETED };
}

static void run(struct commands *commands, struct command_slot *slot, const struct timestamp *now)
{
    struct sync_command_end how;
    bool ended = true;

    slot->phase = COMMAND_RUNNING;
    if (slot->told.verb == CLOUD_VERB_SYNC)
        how = say_state(commands, now);
    else
        ended = commands->hooks->run_command(commands->hooks->user, now, &slot->told, &how);
    if (ended)
        carried_out(commands, slot, now, &how);
}

/* The ledger has started it: now its code is told, or it is carried out. */
static void started(struct commands *commands, struct command_slot *slot, const struct timestamp *now)
{
    const char *code = slot->result.code;

    if (strcmp(code, "expired") == 0 || (!code[0] && now->boot_us > slot->told.deadline_us))
        expire(commands, slot, now);
    else if (code[0])
        end(commands, slot, now, CLOUD_COMMAND_REFUSED);
    else
        run(commands, slot, now);
}

/* --- Its way. --- */

static void refuse(struct commands *commands, const struct timestamp *now, const struct command_slot *slot,
                   const struct cloud_refusal *refusal)
{
    struct cloud_command_result result = { .ms = -1 };

    memcpy(result.ref, slot->ref, sizeof(result.ref));
    memcpy(result.kid, slot->kid, sizeof(result.kid));
    memcpy(result.jti, slot->command.jti, sizeof(result.jti));
    answer_command_refusal(commands->answer, now, &result, refusal);
}

/* What its event is to say if it is cut short. */
static int describe(struct text *text, const struct cloud_command *command)
{
    struct json_out out = json_out_to(text);

    text_reset(text);
    json_begin_object(&out, NULL);
    json_add_string(&out, "verb", command->verb);
    json_add_string(&out, "target", command->target);
    json_add_string(&out, "sub", command->sub);
    json_add_string(&out, "iss", command->issuer);
    json_end_object(&out);
    return text_error(text);
}

static int begin(struct commands *commands, struct command_slot *slot)
{
    const struct sync_command_name name = { slot->kid, slot->command.jti, slot->ref,
                                            text_string(&commands->text) };

    slot->phase = COMMAND_BEGINNING;
    return commands->hooks->begin_command(commands->hooks->user, &name);
}

static void fill_told(struct command_slot *slot)
{
    slot->told.id = slot->id;
    slot->told.target = slot->command.target;
    slot->told.sub = slot->command.sub;
    slot->told.issuer = slot->command.issuer;
    slot->told.kid = slot->kid;
    slot->told.jti = slot->command.jti;
}

/* A command that could be read: its checks, and then the ledger's word. */
static int consider(struct commands *commands, struct command_slot *slot, const struct timestamp *now,
                    const struct key *key)
{
    fill_told(slot);
    const char *code = check(commands, slot, now, key, slot->result.member);

    text_copy(slot->result.code, sizeof(slot->result.code), code);
    if (!code)
        wall_note_iat(commands->wall, slot->command.iat);
    int r = describe(&commands->text, &slot->command);

    return r < 0 ? r : begin(commands, slot);
}

void commands_take(struct commands *commands, const struct timestamp *now, const struct trust_opened *opened)
{
    assert(opened->key);
    bool root = key_has_use(opened->key, KEY_USE_ROOT);
    struct command_slot *slot = slot_new(commands, root ? COMMANDS_SLOTS : COMMANDS_MAX);
    struct cloud_refusal refusal;

    if (!slot) {
        log_error("sync", "a command was dropped: too many are under way");
        return;
    }
    slot->came_us = now->boot_us;
    memcpy(slot->ref, opened->ref, sizeof(slot->ref));
    memcpy(slot->kid, opened->key->id, sizeof(slot->kid));
    int r = cloud_command_parse(opened->payload, opened->len, commands->self, &slot->command, &refusal);

    if (r == -EBADMSG)
        refuse(commands, now, slot, &refusal);
    if (r == 0) {
        r = consider(commands, slot, now, opened->key);
        if (r < 0)
            log_error("sync", "command %s was dropped: %s", slot->command.jti, strerror(-r));
    }
    if (r < 0)
        slot_free(slot);
}

/* The same again: the first answer, with a challenge for another try. */
static void repeat(struct commands *commands, const struct timestamp *now,
                   const struct sync_command_begun *begun)
{
    struct cloud_command_result result;
    struct cloud_refusal refusal;

    if (!begun->result)
        return; /* its one result is still to come */
    if (cloud_command_result_parse(begun->result, strlen(begun->result), &result, &refusal) < 0) {
        log_error("sync", "the stored result of a command is not understood");
        return;
    }
    result.repeat = true;
    result.seq = begun->seq;
    if (strcmp(result.code, "challenge") == 0)
        commands_challenge(commands, now, result.challenge);
    answer_command(commands->answer, &result);
}

static void known(struct commands *commands, struct command_slot *slot, const struct timestamp *now,
                  const struct sync_command_begun *begun)
{
    struct cloud_refusal refusal = { .code = "jti" };

    if (strcmp(begun->ref, slot->ref) == 0) {
        repeat(commands, now, begun);
        return;
    }
    json_error_set(&refusal.error, "jti", "was another command's");
    refuse(commands, now, slot, &refusal);
}

static struct command_slot *first_beginning(struct commands *commands)
{
    struct command_slot *first = NULL;

    for (size_t i = 0; i < COMMANDS_SLOTS; i++)
        if (commands->slots[i].phase == COMMAND_BEGINNING && (!first || commands->slots[i].id < first->id))
            first = &commands->slots[i];
    assert(first);
    return first;
}

void commands_begun(struct commands *commands, const struct timestamp *now,
                    const struct sync_command_begun *begun)
{
    struct command_slot *slot = first_beginning(commands);

    switch (begun->outcome) {
    case SYNC_BEGUN_NEW:
        started(commands, slot, now);
        return;
    case SYNC_BEGUN_KNOWN:
        known(commands, slot, now, begun);
        break;
    case SYNC_BEGUN_FAILED:
        log_error("sync", "command %s was dropped: it cannot be stored", slot->command.jti);
        break;
    }
    slot_free(slot);
}

void commands_done(struct commands *commands, const struct timestamp *now, int64_t id,
                   const struct sync_command_end *how)
{
    struct command_slot *slot = slot_find(commands, id, COMMAND_RUNNING);

    assert(slot);
    carried_out(commands, slot, now, how);
}

void commands_ended(struct commands *commands, const struct timestamp *now, int64_t id, int64_t seq)
{
    struct command_slot *slot = slot_find(commands, id, COMMAND_STORING);

    assert(slot);
    slot->result.seq = seq;
    if (strcmp(slot->result.code, "challenge") == 0)
        commands_challenge(commands, now, slot->result.challenge);
    answer_command(commands->answer, &slot->result);
    slot_free(slot);
}

static int read_what(const char *what, struct cloud_command *ret)
{
    struct what {
        const char *verb, *target, *sub, *issuer;
    } read;
    static const struct json_row rows[] = {
        JSON_ROW_STRING_REQUIRED(struct what, verb, "verb", 0, CLOUD_WORD_SIZE - 1),
        JSON_ROW_STRING_REQUIRED(struct what, target, "target", 0, ID_BYTES_MAX),
        JSON_ROW_STRING_REQUIRED(struct what, sub, "sub", 0, ID_BYTES_MAX),
        JSON_ROW_STRING_REQUIRED(struct what, issuer, "iss", 0, CLOUD_ISSUER_BYTES_MAX),
    };
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct json_error error;
    int r = json_parse(what, strlen(what), &object, &error);

    if (r == 0)
        r = json_read(object, JSON_ROWS(rows), &read, &error);
    if (r < 0)
        return r;
    text_copy(ret->verb, sizeof(ret->verb), read.verb);
    text_copy(ret->target, sizeof(ret->target), read.target);
    text_copy(ret->sub, sizeof(ret->sub), read.sub);
    text_copy(ret->issuer, sizeof(ret->issuer), read.issuer);
    return 0;
}

void commands_restore(struct commands *commands, const struct sync_command_name *name)
{
    struct command_slot *slot = slot_new(commands, COMMANDS_MAX);

    if (!slot) {
        log_error("sync", "too many commands were cut short; what became of %s is told after another restart",
                  name->jti);
        return;
    }
    text_copy(slot->kid, sizeof(slot->kid), name->kid);
    text_copy(slot->ref, sizeof(slot->ref), name->ref);
    text_copy(slot->command.jti, sizeof(slot->command.jti), name->jti);
    if (read_what(name->what, &slot->command) < 0)
        log_error("sync", "nobody knows any more what command %s was", name->jti);
    set_outcome(slot, CLOUD_COMMAND_UNKNOWN);
}

void commands_advance(struct commands *commands, const struct timestamp *now)
{
    for (size_t i = 0; i < COMMANDS_SLOTS; i++)
        if (commands->slots[i].phase == COMMAND_ENDING && now->boot_us >= commands->slots[i].again_us)
            store(commands, &commands->slots[i], now);
}

int64_t commands_due(const struct commands *commands)
{
    int64_t due = SYNC_NEVER;

    for (size_t i = 0; i < COMMANDS_SLOTS; i++)
        if (commands->slots[i].phase == COMMAND_ENDING && commands->slots[i].again_us < due)
            due = commands->slots[i].again_us;
    return due;
}
