/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lock_talk.c: a frame is opened, then its command's row says what it needs (nothing, a challenge, the PIN as
 * well) and who answers. */
#include "tools/sim/lock_talk.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define NOTE_SIZE 128

static void __attribute__((format(printf, 2, 3))) note(struct lock_talk *talk, const char *format, ...)
{
    char line[NOTE_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    talk->user.note(talk->user.userdata, line);
}

static struct lock_auth *find_auth(struct lock_talk *talk, uint32_t auth_id)
{
    for (size_t i = 0; i < LOCK_AUTHS_MAX; i++)
        if (auth_id && talk->auths[i].access.auth_id == auth_id)
            return &talk->auths[i];
    return NULL;
}

/* --- what the lock says --- */

/* A word for the lines that tests wait for. */
static const char *label_of(const struct nuki_message *message)
{
    if (message->command == NUKI_COMMAND_STATUS)
        return message->status == NUKI_STATUS_ACCEPTED ? "accepted" : "complete";
    if (message->command == NUKI_COMMAND_ERROR_REPORT)
        return nuki_code_word(message->error_report.code);
    return nuki_command_word((uint16_t)message->command);
}

static void say(struct lock_talk *talk, int64_t now_us, const struct lock_auth *auth,
                const struct nuki_message *message)
{
    uint8_t nonce[NUKI_FRAME_NONCE_BYTES];
    struct lock_frame frame;

    talk->user.random(talk->user.userdata, nonce, sizeof(nonce));
    lock_fault_seal(&talk->faults, &auth->access, nonce, message, &frame);
    for (unsigned i = 0; i < frame.times; i++)
        talk->user.say(talk->user.userdata, now_us, &frame, label_of(message));
}

static void say_plain(struct lock_talk *talk, int64_t now_us, enum lock_io io,
                      const struct nuki_message *message)
{
    struct lock_frame frame;

    lock_fault_plain(&talk->faults, io, message, &frame);
    for (unsigned i = 0; i < frame.times; i++)
        talk->user.say(talk->user.userdata, now_us, &frame, label_of(message));
}

static void say_status(struct lock_talk *talk, int64_t now_us, const struct lock_auth *auth, uint8_t status)
{
    say(talk, now_us, auth, &(struct nuki_message){ .command = NUKI_COMMAND_STATUS, .status = status });
}

static struct nuki_message error_of(uint8_t code, uint16_t command)
{
    return (struct nuki_message){ .command = NUKI_COMMAND_ERROR_REPORT,
                                  .error_report = { .code = code, .command = command } };
}

static void refuse(struct lock_talk *talk, int64_t now_us, const struct lock_auth *auth, uint8_t code,
                   uint16_t command)
{
    const struct nuki_message error = error_of(code, command);

    note(talk, "refused %s %s", nuki_command_word(command), nuki_code_word(code));
    say(talk, now_us, auth, &error);
}

/* To whom cannot be answered in secret. */
static void refuse_plain(struct lock_talk *talk, int64_t now_us, enum lock_io io, uint8_t code,
                         uint16_t command)
{
    const struct nuki_message error = error_of(code, command);

    note(talk, "refused %s %s", nuki_command_word(command), nuki_code_word(code));
    say_plain(talk, now_us, io, &error);
}

static void say_states(struct lock_talk *talk, int64_t now_us, const struct lock_auth *auth)
{
    struct nuki_message message = { .command = NUKI_COMMAND_KEYTURNER_STATES };

    lock_states(&talk->lock, now_us, &message.states);
    message.states.size = talk->states_size;
    if (talk->pairing_until_us)
        message.states.nuki_state = NUKI_STATE_PAIRING_MODE;
    say(talk, now_us, auth, &message);
}

/* --- what it is asked --- */

static void say_challenge(struct lock_talk *talk, int64_t now_us, const struct lock_auth *auth)
{
    struct nuki_message message = { .command = NUKI_COMMAND_CHALLENGE };

    talk->user.random(talk->user.userdata, talk->challenge, sizeof(talk->challenge));
    talk->challenged = true;
    memcpy(message.nonce, talk->challenge, sizeof(message.nonce));
    say(talk, now_us, auth, &message);
}

/* Only a bridge that reads the states makes the beacon quiet. */
static void do_request(struct lock_talk *talk, int64_t now_us, const struct lock_auth *auth,
                       const struct nuki_message *message)
{
    switch (message->request) {
    case NUKI_COMMAND_CHALLENGE:
        say_challenge(talk, now_us, auth);
        break;
    case NUKI_COMMAND_KEYTURNER_STATES:
        talk->lock.changed &= auth->id_type != NUKI_ID_TYPE_BRIDGE;
        say_states(talk, now_us, auth);
        break;
    default: /* any number that a client sends */
        refuse(talk, now_us, auth, NUKI_CODE_K_BAD_PARAMETER, (uint16_t)message->command);
    }
}

/* ACCEPTED goes before the states through which the lock moves at once. */
static void do_action(struct lock_talk *talk, int64_t now_us, const struct lock_auth *auth,
                      const struct nuki_message *message)
{
    const struct nuki_lock_action *action = &message->lock_action;
    struct lock_actor actor = { .auth_id = auth->access.auth_id, .trigger = NUKI_TRIGGER_SYSTEM };
    int code = talk->refusals > 0 ? talk->refusal : 0;

    text_copy(actor.name, sizeof(actor.name), auth->name);
    if (code)
        talk->refusals--;
    else
        code = lock_act(&talk->lock, now_us, action->action, action->flags, &actor);
    if (code) {
        refuse(talk, now_us, auth, (uint8_t)code, NUKI_COMMAND_LOCK_ACTION);
        return;
    }
    talk->acting = auth->access.auth_id;
    say_status(talk, now_us, auth, NUKI_STATUS_ACCEPTED);
    say_states(talk, now_us, auth);
}

static void do_config(struct lock_talk *talk, int64_t now_us, const struct lock_auth *auth,
                      const struct nuki_message *message)
{
    struct nuki_message config = { .command = NUKI_COMMAND_CONFIG,
                                   .config = { .size = NUKI_CONFIG_BYTES, .nuki_id = talk->lock.id } };

    snprintf(config.config.name, sizeof(config.config.name), "Nuki_%08X", talk->lock.id);
    say(talk, now_us, auth, &config);
}

static void do_time(struct lock_talk *talk, int64_t now_us, const struct lock_auth *auth,
                    const struct nuki_message *message)
{
    int64_t seconds = nuki_time_seconds(&message->update_time.time);

    if (seconds == INT64_MIN) {
        refuse(talk, now_us, auth, NUKI_CODE_K_BAD_PARAMETER, NUKI_COMMAND_UPDATE_TIME);
        return;
    }
    lock_set_time(&talk->lock, now_us, seconds);
    note(talk, "clock set");
    say_status(talk, now_us, auth, NUKI_STATUS_COMPLETE);
}

static void say_log_count(struct lock_talk *talk, int64_t now_us, const struct lock_auth *auth)
{
    uint32_t last = talk->lock.log_last;
    struct nuki_message message = { .command = NUKI_COMMAND_LOG_ENTRY_COUNT };

    message.log_count =
        (struct nuki_log_count){ .logging_enabled = 1,
                                 .count = (uint16_t)(last < LOCK_LOG_MAX ? last : LOCK_LOG_MAX),
                                 .door_sensor_enabled = 1,
                                 .door_sensor_logging_enabled = 1 };
    say(talk, now_us, auth, &message);
}

/* Beyond `start` in the given order; 0 is before the first of either. */
static void do_log(struct lock_talk *talk, int64_t now_us, const struct lock_auth *auth,
                   const struct nuki_message *message)
{
    const struct nuki_request_log *request = &message->request_log;
    struct nuki_message answer = { .command = NUKI_COMMAND_LOG_ENTRY };
    uint32_t newest = talk->lock.log_last;
    uint32_t oldest = newest > LOCK_LOG_MAX ? newest - LOCK_LOG_MAX + 1 : 1;
    unsigned left = request->count;

    if (request->total)
        say_log_count(talk, now_us, auth);
    for (uint32_t i = 0; i <= newest - oldest && newest > 0 && left > 0; i++) {
        const struct nuki_log_entry *entry =
            lock_log(&talk->lock, request->descending ? newest - i : oldest + i);

        if (request->start &&
            (request->descending ? entry->index >= request->start : entry->index <= request->start))
            continue;
        answer.log_entry = *entry;
        say(talk, now_us, auth, &answer);
        left--;
    }
    say_status(talk, now_us, auth, NUKI_STATUS_COMPLETE);
}

/* --- what a command needs --- */

/* Where a command has its challenge and its PIN; NULL: has none. */
struct proof {
    const uint8_t *nonce;
    const uint16_t *pin;
};

static struct proof proof_of(const struct nuki_message *message)
{
    switch ((int)message->command) {
    case NUKI_COMMAND_LOCK_ACTION:
        return (struct proof){ message->lock_action.nonce, NULL };
    case NUKI_COMMAND_REQUEST_CONFIG:
        return (struct proof){ message->nonce, NULL };
    case NUKI_COMMAND_UPDATE_TIME:
        return (struct proof){ message->update_time.nonce, &message->update_time.pin };
    case NUKI_COMMAND_REQUEST_LOG_ENTRIES:
        return (struct proof){ message->request_log.nonce, &message->request_log.pin };
    default: /* those that need nothing */
        return (struct proof){ NULL, NULL };
    }
}

/* Whether the challenge is the one that was given, which it is only once. */
static bool meets_challenge(struct lock_talk *talk, const uint8_t nonce[static NUKI_NONCE_BYTES])
{
    bool good = talk->challenged && nuki_key_equal(nonce, talk->challenge);

    talk->challenged = false;
    talk->counts.challenges += !good;
    return good;
}

static uint8_t pin_fault(struct lock_talk *talk, uint16_t pin)
{
    if (talk->pin_tries >= LOCK_PIN_TRIES_MAX)
        return NUKI_CODE_K_TOO_MANY_PIN_ATTEMPTS;
    if (pin == talk->pin) {
        talk->pin_tries = 0;
        return 0;
    }
    talk->pin_tries++;
    talk->counts.pins++;
    return NUKI_CODE_K_BAD_PIN;
}

/* What speaks against a message that was opened: a code, or 0. */
static uint8_t proof_fault(struct lock_talk *talk, const struct nuki_message *message)
{
    const struct proof proof = proof_of(message);

    if (proof.nonce && !meets_challenge(talk, proof.nonce))
        return NUKI_CODE_K_BAD_NONCE;
    return proof.pin ? pin_fault(talk, *proof.pin) : 0;
}

/* Whether the client has used it before; remembers it. */
static bool nonce_is_old(struct lock_talk *talk, struct lock_auth *auth, const uint8_t *nonce)
{
    size_t known = auth->nonces < LOCK_NONCES_MAX ? auth->nonces : LOCK_NONCES_MAX;

    for (size_t i = 0; i < known; i++)
        if (memcmp(auth->nonce[i], nonce, NUKI_FRAME_NONCE_BYTES) == 0) {
            talk->counts.nonces++;
            return true;
        }
    memcpy(auth->nonce[auth->nonces++ % LOCK_NONCES_MAX], nonce, NUKI_FRAME_NONCE_BYTES);
    return false;
}

static const struct {
    enum nuki_command command;
    void (*run)(struct lock_talk *talk, int64_t now_us, const struct lock_auth *auth,
                const struct nuki_message *message);
} commands[] = {
    { NUKI_COMMAND_REQUEST_DATA, do_request },    { NUKI_COMMAND_LOCK_ACTION, do_action },
    { NUKI_COMMAND_REQUEST_CONFIG, do_config },   { NUKI_COMMAND_UPDATE_TIME, do_time },
    { NUKI_COMMAND_REQUEST_LOG_ENTRIES, do_log },
};

static void note_heard(struct lock_talk *talk, const struct nuki_message *message)
{
    if (message->command == NUKI_COMMAND_REQUEST_DATA)
        note(talk, "heard request_data %s", nuki_command_word(message->request));
    else if (message->command == NUKI_COMMAND_LOCK_ACTION)
        note(talk, "heard lock_action %s", nuki_action_word(message->lock_action.action));
    else
        note(talk, "heard %s", nuki_command_word((uint16_t)message->command));
}

static void obey(struct lock_talk *talk, int64_t now_us, struct lock_auth *auth,
                 const struct nuki_message *message)
{
    uint8_t code;

    note_heard(talk, message);
    if (nonce_is_old(talk, auth, talk->secret.bytes))
        code = NUKI_CODE_K_BAD_NONCE;
    else
        code = proof_fault(talk, message);
    for (size_t i = 0; code == 0 && i < COUNT(commands); i++)
        if (commands[i].command == message->command) {
            commands[i].run(talk, now_us, auth, message);
            return;
        }
    refuse(talk, now_us, auth, code ? code : NUKI_CODE_UNKNOWN, (uint16_t)message->command);
}

/* --- frames --- */

/* What is answered to a frame that cannot be opened. */
static uint8_t code_of(int error)
{
    switch (error) {
    case NUKI_E_CRC:
        return NUKI_CODE_BAD_CRC;
    case NUKI_E_SHORT:
    case NUKI_E_LENGTH:
    case NUKI_E_LONG:
    case NUKI_E_PAYLOAD:
        return NUKI_CODE_BAD_LENGTH;
    case NUKI_E_INNER_AUTH_ID:
        return NUKI_CODE_K_INVALID_AUTH_ID;
    case NUKI_E_COMMAND:
        return NUKI_CODE_UNKNOWN;
    default: /* a wrong key or another's */
        return NUKI_CODE_K_NOT_AUTHORIZED;
    }
}

static void spurn(struct lock_talk *talk, int64_t now_us, enum lock_io io, int error)
{
    talk->counts.frames++;
    note(talk, "spurned %s", nuki_error_word(error));
    refuse_plain(talk, now_us, io, code_of(error), 0);
}

static void take_secret(struct lock_talk *talk, int64_t now_us)
{
    struct lock_auth *auth = find_auth(talk, nuki_frame_auth_id(talk->secret.bytes));
    struct nuki_message message;
    int r = auth ? nuki_frame_open(&auth->access, talk->secret.bytes, talk->secret.len, &message)
                 : NUKI_E_AUTH_ID;

    if (r == 0) {
        obey(talk, now_us, auth, &message);
        return;
    }
    if (!auth || r == NUKI_E_MAC) {
        spurn(talk, now_us, LOCK_IO_PLAIN, r);
        return;
    }
    talk->counts.frames++;
    note(talk, "spurned %s", nuki_error_word(r));
    refuse(talk, now_us, auth, code_of(r), 0);
}

static void finish_pairing(struct lock_talk *talk)
{
    const struct lock_pairing *pairing = &talk->pairing;

    talk->pairing_until_us = 0;
    talk->next_auth_id++;
    (void)!lock_talk_authorize(talk, &pairing->access, pairing->id_type, pairing->name);
    note(talk, "paired %u", pairing->access.auth_id);
}

static void take_pairing(struct lock_talk *talk, int64_t now_us)
{
    uint8_t random[LOCK_PAIRING_RANDOM];
    struct nuki_message message, answer;
    int r = nuki_frame_open_plain(talk->plain.bytes, talk->plain.len, &message);

    if (r) {
        spurn(talk, now_us, LOCK_IO_PAIRING, r);
        return;
    }
    note(talk, "heard %s", nuki_command_word((uint16_t)message.command));
    talk->user.random(talk->user.userdata, random, sizeof(random));
    r = talk->pairing_until_us ? lock_pairing_take(&talk->pairing, &message, random, &answer)
                               : NUKI_CODE_P_NOT_PAIRING;
    if (r) {
        talk->counts.pairings++;
        refuse_plain(talk, now_us, LOCK_IO_PAIRING, (uint8_t)r, (uint16_t)message.command);
        return;
    }
    if (talk->pairing.step == LOCK_PAIRING_DONE)
        finish_pairing(talk);
    say_plain(talk, now_us, LOCK_IO_PAIRING, &answer);
}

void lock_talk_take(struct lock_talk *talk, int64_t now_us, enum lock_io io, const uint8_t value[],
                    size_t len)
{
    struct nuki_assembly *assembly = io == LOCK_IO_SECRET ? &talk->secret : &talk->plain;

    if (io == LOCK_IO_PLAIN) { /* the keyturner has nothing to say in the open */
        refuse_plain(talk, now_us, io, NUKI_CODE_K_NOT_AUTHORIZED, 0);
        return;
    }
    int r = nuki_frame_add(assembly, value, len);

    if (r == NUKI_FRAME_PART)
        return;
    if (r)
        spurn(talk, now_us, io == LOCK_IO_SECRET ? LOCK_IO_PLAIN : io, r);
    else if (io == LOCK_IO_SECRET)
        take_secret(talk, now_us);
    else
        take_pairing(talk, now_us);
}

/* --- what happens by itself --- */

static void lock_happened(void *userdata, int64_t now_us, enum lock_event event)
{
    struct lock_talk *talk = userdata;
    const struct lock_auth *auth = find_auth(talk, talk->acting);

    if (event == LOCK_EVENT_MOVED)
        note(talk, "moved %s", nuki_lock_state_word(talk->lock.state));
    if (!auth)
        return;
    if (event == LOCK_EVENT_MOVED) {
        say_states(talk, now_us, auth);
        return;
    }
    talk->acting = 0;
    if (event == LOCK_EVENT_DONE)
        say_status(talk, now_us, auth, NUKI_STATUS_COMPLETE);
    else
        refuse(talk, now_us, auth, NUKI_CODE_K_MOTOR_BLOCKED, NUKI_COMMAND_LOCK_ACTION);
}

static uint32_t free_auth_id(const struct lock_talk *talk)
{
    for (size_t i = 0; i < LOCK_AUTHS_MAX; i++)
        if (talk->auths[i].access.auth_id == 0)
            return talk->next_auth_id;
    return 0;
}

void lock_talk_press(struct lock_talk *talk, int64_t now_us)
{
    talk->pairing_until_us = now_us + LOCK_PAIRING_MS * USEC_PER_MSEC;
    lock_pairing_begin(&talk->pairing, free_auth_id(talk));
}

int64_t lock_talk_turn(struct lock_talk *talk, int64_t now_us)
{
    int64_t due = lock_turn(&talk->lock, now_us);

    if (talk->pairing_until_us && now_us >= talk->pairing_until_us) {
        talk->pairing_until_us = 0;
        note(talk, "pairing mode is over");
    }
    return talk->pairing_until_us && talk->pairing_until_us < due ? talk->pairing_until_us : due;
}

int lock_talk_authorize(struct lock_talk *talk, const struct nuki_access *access, uint8_t id_type,
                        const char *name)
{
    struct lock_auth *auth = find_auth(talk, access->auth_id);

    for (size_t i = 0; i < LOCK_AUTHS_MAX && !auth; i++)
        if (talk->auths[i].access.auth_id == 0)
            auth = &talk->auths[i];
    if (!auth)
        return -ENOSPC;
    memset(auth, 0, sizeof(*auth));
    auth->access = *access;
    auth->id_type = id_type;
    text_copy(auth->name, sizeof(auth->name), name);
    if (talk->next_auth_id <= access->auth_id)
        talk->next_auth_id = access->auth_id + 1;
    return 0;
}

void lock_talk_forget(struct lock_talk *talk)
{
    memset(talk->auths, 0, sizeof(talk->auths));
}

void lock_talk_begin(struct lock_talk *talk)
{
    talk->challenged = false;
    talk->acting = 0;
    nuki_frame_reset(&talk->plain);
    nuki_frame_reset(&talk->secret);
    lock_pairing_begin(&talk->pairing, free_auth_id(talk));
}

void lock_talk_init(struct lock_talk *talk, uint32_t id, int64_t now_us, int64_t utc_us,
                    const struct lock_talk_user *user)
{
    memset(talk, 0, sizeof(*talk));
    talk->user = *user;
    talk->next_auth_id = LOCK_AUTH_ID_FIRST;
    talk->pin = LOCK_PIN;
    talk->states_size = NUKI_STATES_BYTES_V21;
    talk->secret.encrypted = true;
    lock_init(&talk->lock, id, now_us, utc_us);
    talk->lock.event = lock_happened;
    talk->lock.userdata = talk;
    lock_talk_begin(talk);
}
