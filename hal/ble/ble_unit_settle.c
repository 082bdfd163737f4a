/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_unit_settle.c: the protocol is never called from within itself: its results are only noted while it
 * runs, and acted on here. */
#include "hal/ble/ble_unit_settle.h"

#include <string.h>
#include <syslog.h>

#include "gateway/base/clock.h"
#include "hal/ble/ble_unit.h"
#include "hal/ble/ble_unit_identity.h"

/* How long a lock's clock is left as it is after it was set, or could not be. */
#define CLOCK_EVERY_MS (24 * 3600 * 1000)

static int64_t after(const struct ble_unit *unit, int64_t ms)
{
    return unit->now.us + ms * USEC_PER_MSEC;
}

void ble_unit_settle_note(const struct ble_unit *unit, int level, const char *text, const char *detail)
{
    cleanup_with(text_finish) struct text line = TEXT_INIT;

    text_addf(&line, "%s%s", text, detail ?: "");
    unit->voice.note(unit->voice.userdata, level, text_string(&line));
}

static void say_result(const struct ble_unit *unit, int64_t id, enum driver_outcome outcome,
                       const char *reason)
{
    struct driver_event event = { .kind = DRIVER_EVENT_RESULT, .id = id, .outcome = outcome };

    text_copy(event.reason, sizeof(event.reason), reason);
    unit->voice.say(unit->voice.userdata, &event);
}

static void count_outcome(struct ble_unit *unit, enum driver_outcome outcome)
{
    switch (outcome) {
    case DRIVER_OUTCOME_ACCEPTED:
        break;
    case DRIVER_OUTCOME_COMPLETED:
        unit->counts.completed++;
        break;
    case DRIVER_OUTCOME_FAILED:
        unit->counts.failed++;
        break;
    case DRIVER_OUTCOME_UNKNOWN:
        unit->counts.unknown++;
        break;
    }
}

/* A pairing has come to an end, whichever: the lock is what the keys file says now. */
static void end_pairing(struct ble_unit *unit)
{
    unit->pairing = false;
    ble_unit_identity_set(unit);
    unit->heard = unit->tried = false;
    unit->misses = 0;
    unit->tell = true;
    unit->look_us = unit->now.us;
}

void ble_unit_settle_answer(struct ble_unit *unit, int64_t id, enum driver_outcome outcome,
                            const char *reason)
{
    count_outcome(unit, outcome);
    say_result(unit, id, outcome, reason);
}

void ble_unit_settle_order(struct ble_unit *unit, size_t i, enum driver_outcome outcome, const char *reason)
{
    int64_t id = unit->orders[i].id;
    bool missed = unit->misses > 0 && reason && strcmp(reason, BLE_REASON_DEADLINE) == 0;

    unit->order_count--;
    memmove(&unit->orders[i], &unit->orders[i + 1], (unit->order_count - i) * sizeof(unit->orders[0]));
    ble_unit_settle_answer(unit, id, outcome, missed ? unit->link.reason : reason);
    if (i == 0 && unit->pairing)
        end_pairing(unit);
}

bool ble_unit_settle_relocks(const struct ble_unit *unit, const struct ble_order *order)
{
    return order->kind == DRIVER_COMMAND_RELEASE && unit->item->relock && !unit->held;
}

/* What comes after a release is what holds: open, or locked. */
static bool ends_relock(const struct ble_order *order, enum driver_outcome outcome)
{
    bool opens = order->kind == DRIVER_COMMAND_UNLOCK || (order->kind == DRIVER_COMMAND_HOLD && order->on);
    bool locks = order->kind == DRIVER_COMMAND_LOCK || (order->kind == DRIVER_COMMAND_HOLD && !order->on);

    return (opens && outcome != DRIVER_OUTCOME_FAILED) || (locks && outcome == DRIVER_OUTCOME_COMPLETED);
}

/* What is left to be done after an order that moves the lock. What failed after it was accepted may have
 * drawn the bolt and no more. */
static void follow(struct ble_unit *unit, const struct ble_order *order, enum driver_outcome outcome)
{
    bool moved = outcome != DRIVER_OUTCOME_FAILED;

    if (!moved || outcome == DRIVER_OUTCOME_UNKNOWN) {
        unit->tell = true;
        unit->look_us = unit->now.us;
    } else if (order->kind == DRIVER_COMMAND_UNLATCH ||
               (order->kind == DRIVER_COMMAND_RELEASE && unit->item->release == BLE_RELEASE_UNLATCH)) {
        unit->look_us = after(unit, BLE_UNLATCHED_MS);
    }
    if (ends_relock(order, outcome))
        unit->relock_us = INT64_MAX;
    if (ble_unit_settle_relocks(unit, order) && (moved || order->accepted)) {
        unit->relock_us = after(unit, order->pulse_ms);
        unit->relock_tries = 0;
    }
}

static void remember(struct ble_unit *unit)
{
    int r = ble_unit_identity_remember(unit);

    if (r < 0)
        ble_unit_settle_note(unit, LOG_WARNING, "what is known of it cannot be kept: ", strerror(-r));
}

void ble_unit_settle_keep(struct ble_unit *unit)
{
    unit->keep_us = INT64_MAX;
    unit->log_kept = unit->log_index;
    remember(unit);
}

/* Who is paired may have been reset, and its log have begun anew. */
static void begin_log(struct ble_unit *unit)
{
    unit->log_index = 0;
    unit->log_kept = 0;
    unit->keep_us = INT64_MAX;
    remember(unit);
}

static void end_order(struct ble_unit *unit)
{
    const struct ble_order order = unit->orders[0];
    const struct ble_result end = unit->end;

    if (end.again) {
        unit->counts.retries++;
        return; /* it is still the first one */
    }
    if (order.kind != DRIVER_COMMAND_PAIR)
        follow(unit, &order, end.outcome);
    else if (end.outcome == DRIVER_OUTCOME_COMPLETED)
        begin_log(unit);
    ble_unit_settle_order(unit, 0, end.outcome, end.reason);
}

/* The bolt could not be thrown, or the door stands open. */
static void put_off_relock(struct ble_unit *unit, const char *reason)
{
    bool seldom = ++unit->relock_tries >= BLE_RELOCK_TRIES;

    unit->relock_us = after(unit, seldom ? unit->item->heartbeat_s * 1000 : BLE_RELOCK_EVERY_MS);
    if (unit->relock_tries != BLE_RELOCK_TRIES)
        return;
    unit->tell = true;
    ble_unit_settle_note(unit, LOG_WARNING, "is not locked again yet: ", reason);
}

static void end_relock(struct ble_unit *unit)
{
    if (unit->end.outcome == DRIVER_OUTCOME_COMPLETED)
        unit->relock_us = INT64_MAX;
    else if (!unit->end.again) {
        unit->look_us = unit->now.us;
        put_off_relock(unit, unit->end.reason);
    }
}

static bool stands_open(const struct ble_unit *unit)
{
    return unit->state.door == DRIVER_DOOR_OPEN;
}

/* An open door is soon looked at again, whatever it was seen by. */
static void watch_door(struct ble_unit *unit)
{
    if (stands_open(unit) && unit->open_looks < BLE_OPEN_LOOKS_MAX &&
        unit->look_us > after(unit, BLE_OPEN_MS))
        unit->look_us = after(unit, BLE_OPEN_MS);
}

static void end_look(struct ble_unit *unit)
{
    if (unit->end.again)
        return;
    bool done = unit->end.outcome == DRIVER_OUTCOME_COMPLETED;

    unit->counts.looks++;
    unit->open_looks = stands_open(unit) ? unit->open_looks + 1 : 0;
    unit->looked_us = done ? unit->now.us : unit->looked_us;
    unit->look_us = after(unit, !done                                    ? BLE_REFUSED_REST_MS
                                : unit->state.lock == DRIVER_LOCK_MOVING ? BLE_MOVING_MS
                                                                         : unit->item->heartbeat_s * 1000);
    if (unit->relock_us <= unit->now.us && (!done || stands_open(unit)))
        put_off_relock(unit, done ? "the door stands open" : unit->end.reason);
    if (done && unit->item->pin >= 0)
        unit->log_us = unit->now.us;
}

static void end_log(struct ble_unit *unit)
{
    unit->log_us = unit->records == BLE_RECORDS_MAX ? unit->now.us : INT64_MAX;
    if (unit->records > 0)
        unit->keep_us = after(unit, BLE_KEEP_MS);
    if (unit->end.outcome != DRIVER_OUTCOME_COMPLETED && !unit->end.again)
        ble_unit_settle_note(unit, LOG_WARNING, "its log cannot be read: ", unit->end.reason);
}

static void end_clock(struct ble_unit *unit)
{
    if (unit->end.again)
        return;
    unit->clock_us = after(unit, CLOCK_EVERY_MS);
    if (unit->end.outcome == DRIVER_OUTCOME_COMPLETED)
        unit->look_us = unit->now.us;
    else
        ble_unit_settle_note(unit, LOG_WARNING, "its clock cannot be set: ", unit->end.reason);
}

static void end_task(struct ble_unit *unit)
{
    enum ble_task task = unit->task;

    unit->task = BLE_TASK_NONE;
    unit->ended = false;
    if (unit->end.outcome == DRIVER_OUTCOME_COMPLETED) {
        unit->heard = unit->tried = true;
        unit->unauthorized = false;
        unit->misses = 0;
    }
    if (unit->end.reason && strcmp(unit->end.reason, BLE_REASON_UNAUTHORIZED) == 0)
        unit->unauthorized = unit->tried = true;
    switch (task) {
    case BLE_TASK_NONE:
        break;
    case BLE_TASK_ORDER:
        end_order(unit);
        break;
    case BLE_TASK_RELOCK:
        end_relock(unit);
        break;
    case BLE_TASK_LOOK:
        end_look(unit);
        break;
    case BLE_TASK_LOG:
        end_log(unit);
        break;
    case BLE_TASK_CLOCK:
        end_clock(unit);
        break;
    }
    watch_door(unit);
}

void ble_unit_settle(struct ble_unit *unit)
{
    if (unit->write_failed) {
        unit->write_failed = false;
        unit->protocol->written(unit->lock, false, &unit->now);
    }
    if (unit->accepted && unit->task == BLE_TASK_ORDER && !unit->orders[0].accepted) {
        unit->orders[0].accepted = true;
        say_result(unit, unit->orders[0].id, DRIVER_OUTCOME_ACCEPTED, NULL);
    }
    if (unit->accepted)
        unit->misses = 0;
    unit->accepted = false;
    if (unit->drop) {
        const char *reason = unit->drop;

        unit->drop = NULL;
        ble_link_close(&unit->link, reason, unit->now.us);
    }
    if (unit->ended)
        end_task(unit);
}
