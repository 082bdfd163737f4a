/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_unit_port.c: nothing here calls back into the protocol. */
#include "hal/ble/ble_unit_port.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <syslog.h>

#include "hal/ble/ble_keys.h"
#include "hal/ble/ble_unit.h"

static void write_value(void *userdata, unsigned channel, const uint8_t bytes[], size_t len)
{
    struct ble_unit *unit = userdata;

    if (ble_link_write(&unit->link, channel, bytes, len, unit->now.us) != 0)
        unit->write_failed = true;
}

static bool same_word(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static void say_tampered(struct ble_unit *unit, bool tampered)
{
    struct driver_event event = { .kind = DRIVER_EVENT_INPUT, .role = DRIVER_ROLE_TAMPER, .value = tampered };

    text_copy(event.target, sizeof(event.target), unit->item->target);
    unit->voice.say(unit->voice.userdata, &event);
}

static void say_state(struct ble_unit *unit, const struct ble_state *state)
{
    struct driver_event event = {
        .kind = DRIVER_EVENT_STATE, .lock = state->lock, .door = state->door, .battery = state->battery
    };

    text_copy(event.target, sizeof(event.target), unit->item->target);
    text_copy(event.detail, sizeof(event.detail), state->detail ?: state->trigger);
    unit->voice.say(unit->voice.userdata, &event);
}

void ble_unit_port_unseen(struct ble_unit *unit)
{
    struct ble_state *state = &unit->state;

    state->lock = DRIVER_LOCK_UNKNOWN;
    if (state->door != DRIVER_DOOR_UNTOLD)
        state->door = DRIVER_DOOR_UNKNOWN;
    state->detail = state->trigger = NULL;
    say_state(unit, state);
    unit->heard = false;
    unit->tell = true;
}

/* What is no news is not said, unless somebody has to know. */
static void take_state(void *userdata, const struct ble_state *state)
{
    struct ble_unit *unit = userdata;
    const struct ble_state *last = &unit->state;

    if (unit->tell || state->lock != last->lock || state->door != last->door ||
        state->battery != last->battery || !same_word(state->detail, last->detail))
        say_state(unit, state);
    if (unit->tell || state->door_sensor_tampered != last->door_sensor_tampered)
        say_tampered(unit, state->door_sensor_tampered);
    unit->tell = false;
    unit->state = *state;
}

static void take_result(void *userdata, const struct ble_result *result)
{
    struct ble_unit *unit = userdata;

    if (result->outcome == DRIVER_OUTCOME_ACCEPTED) {
        unit->accepted = true;
        return;
    }
    assert(!unit->ended);
    unit->ended = true;
    unit->end = *result;
}

static void say_progress(void *userdata, const char *text)
{
    struct ble_unit *unit = userdata;
    struct driver_event event = { .kind = DRIVER_EVENT_PROGRESS };

    if (unit->order_count == 0)
        return;
    event.id = unit->orders[0].id;
    text_copy(event.reason, sizeof(event.reason), text);
    unit->voice.say(unit->voice.userdata, &event);
}

/* A name comes from whoever the lock's owner let in. */
static void copy_name(char to[static DRIVER_TEXT_SIZE], const char *name)
{
    text_copy(to, DRIVER_TEXT_SIZE, name);
    for (char *c = to; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
}

/* What the gateway could not be told of is read again, with all behind it. */
static void take_record(void *userdata, const struct ble_record *record)
{
    struct ble_unit *unit = userdata;
    struct driver_event event = { .kind = DRIVER_EVENT_RECORD, .record = { .index = record->index } };
    bool timed = record->utc_s >= 0 && record->utc_s <= DRIVER_TIME_MAX;

    event.record.time_s = timed ? record->utc_s : DRIVER_TIME_UNKNOWN;
    text_copy(event.target, sizeof(event.target), unit->item->target);
    text_copy(event.record.what, sizeof(event.record.what), record->what);
    text_copy(event.record.trigger, sizeof(event.record.trigger), record->trigger);
    text_copy(event.record.outcome, sizeof(event.record.outcome), record->outcome);
    copy_name(event.record.name, record->name);
    unit->record_lost = unit->record_lost || !unit->voice.say(unit->voice.userdata, &event);
    if (unit->record_lost)
        return;
    unit->log_index = record->index;
    unit->records++;
    unit->counts.records++;
}

static int keep(void *userdata, const uint8_t secret[], size_t len)
{
    struct ble_unit *unit = userdata;
    cleanup_with(ble_keys_wipe) struct ble_key key = { .address = unit->link.peer, .secret_len = len };

    assert(len <= sizeof(key.secret));
    text_copy(key.target, sizeof(key.target), unit->item->target);
    text_copy(key.protocol, sizeof(key.protocol), unit->protocol->name);
    memcpy(key.secret, secret, len);
    int r = unit->directory ? ble_keys_put(unit->directory, &key) : -ENOENT;

    if (r < 0) {
        cleanup_with(text_finish) struct text text = TEXT_INIT;

        text_addf(&text, "its key cannot be kept in " BLE_KEYS_FILE ": %s", strerror(-r));
        unit->voice.note(unit->voice.userdata, LOG_ERR, text_string(&text));
    }
    return r;
}

static void take_refused(void *userdata, const char *reason)
{
    struct ble_unit *unit = userdata;
    cleanup_with(text_finish) struct text text = TEXT_INIT;

    unit->counts.refused++;
    text_addf(&text, "a message of it was refused: %s", reason);
    unit->voice.note(unit->voice.userdata, LOG_DEBUG, text_string(&text));
}

static void drop(void *userdata, const char *reason)
{
    struct ble_unit *unit = userdata;

    unit->drop = reason;
}

/* The kernel has enough of it before any program of ours runs. */
static void make_random(void *userdata, void *ret_bytes, size_t len)
{
    ssize_t got = getrandom(ret_bytes, len, 0);

    assert(got == (ssize_t)len);
}

void ble_unit_port(struct ble_unit *unit)
{
    unit->port = (struct ble_port){
        .write = write_value,
        .state = take_state,
        .result = take_result,
        .progress = say_progress,
        .record = take_record,
        .keep = keep,
        .refused = take_refused,
        .drop = drop,
        .random = make_random,
        .userdata = unit,
    };
}
