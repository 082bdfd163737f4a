/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_unit.c: whose turn it is, and what is due. Each call of the protocol is followed by ble_unit_settle().
 */
#include "hal/ble/ble_unit.h"

#include <string.h>
#include <syslog.h>

#include "gateway/base/clock.h"
#include "hal/ble/ble_unit_identity.h"
#include "hal/ble/ble_unit_port.h"
#include "hal/ble/ble_unit_settle.h"

/* Reports of the link in a turn, so that no lock takes the turns of the others. */
#define REPORTS_MAX 8

static int64_t after(const struct ble_unit *unit, int64_t ms)
{
    return unit->now.us + ms * USEC_PER_MSEC;
}

void ble_unit_init(struct ble_unit *unit, const struct ble_unit_setup *setup, const struct ble_now *now)
{
    *unit = (struct ble_unit){
        .item = setup->item,
        .protocol = setup->protocol,
        .directory = setup->directory,
        .voice = setup->voice,
        .connector = setup->connector,
        .link.fd = -1,
        .now = *now,
        .stopped = true,
        .relock_us = INT64_MAX,
        .log_us = INT64_MAX,
        .keep_us = INT64_MAX,
        .look_us = INT64_MAX,
        .state.battery = DRIVER_BATTERY_UNKNOWN,
    };
    ble_unit_port(unit);
    ble_unit_identity_set(unit);
    if (unit->relock_kept)
        unit->relock_us = now->us;
}

void ble_unit_finish(struct ble_unit *unit)
{
    ble_unit_identity_forget(unit);
}

/* Orders. */

static const char *refusal(const struct ble_unit *unit, const struct ble_order *order)
{
    const struct ble_lock_item *item = unit->item;

    if (unit->stopped)
        return "no_adapter";
    if (unit->order_count == BLE_ORDERS_MAX)
        return "busy";
    if (order->kind != DRIVER_COMMAND_PAIR)
        return unit->unusable;
    return item->has_address && memcmp(item->address.bytes, order->address.bytes, BLE_ADDRESS_BYTES) != 0
               ? "other_address"
               : NULL;
}

void ble_unit_order(struct ble_unit *unit, const struct ble_order *order, const struct ble_now *now)
{
    const char *reason = refusal(unit, order);

    unit->now = *now;
    unit->counts.commands++;
    unit->beacon_paid_us = now->us;
    if (reason)
        ble_unit_settle_answer(unit, order->id, DRIVER_OUTCOME_FAILED, reason);
    else
        unit->orders[unit->order_count++] = *order;
    if (!reason && order->kind == DRIVER_COMMAND_HOLD)
        unit->held = order->on;
}

void ble_unit_prepare(struct ble_unit *unit, const struct ble_now *now)
{
    unit->now = *now;
    unit->prepared_until_us = after(unit, BLE_PREPARE_MS);
}

void ble_unit_look(struct ble_unit *unit, const struct ble_now *now)
{
    unit->now = *now;
    unit->look_us = now->us;
    unit->tell = true;
}

/* Whether a beacon may make us look. */
static bool may_heed(const struct ble_unit *unit)
{
    int64_t ahead_us = unit->beacon_paid_us - unit->now.us;

    return unit->now.us >= unit->beacon_rest_until_us &&
           ahead_us <= (BLE_BEACON_AHEAD_MAX - 1) * BLE_BEACON_EVERY_MS * USEC_PER_MSEC;
}

void ble_unit_heard(struct ble_unit *unit, enum ble_heard heard, const struct ble_now *now)
{
    unit->now = *now;
    if (unit->has_link)
        ble_link_heard(&unit->link);
    if (heard != BLE_HEARD_CHANGED || unit->look_us <= now->us || !may_heed(unit))
        return;
    unit->counts.beacons++;
    unit->look_us = now->us;
    unit->beacon_rest_until_us = after(unit, BLE_BEACON_REST_MS);
    unit->beacon_paid_us = (unit->beacon_paid_us > now->us ? unit->beacon_paid_us : now->us) +
                           BLE_BEACON_EVERY_MS * USEC_PER_MSEC;
}

/* The adapter. */

/* What was begun ends as the protocol says, and its link with it. */
static void lose_link(struct ble_unit *unit, const char *reason)
{
    if (unit->has_link)
        ble_link_close(&unit->link, reason, unit->now.us);
    if (unit->lock)
        unit->protocol->closed(unit->lock, &unit->now);
    ble_unit_settle(unit);
}

void ble_unit_stop(struct ble_unit *unit, const char *reason, const struct ble_now *now)
{
    unit->now = *now;
    unit->stopped = true;
    lose_link(unit, reason);
    if (unit->heard)
        ble_unit_port_unseen(unit);
    while (unit->order_count > 0)
        ble_unit_settle_order(unit, 0, DRIVER_OUTCOME_FAILED, reason);
    unit->held = false;
    unit->prepared_until_us = 0;
}

void ble_unit_start(struct ble_unit *unit, const struct ble_now *now)
{
    unit->stopped = false;
    unit->tried = unit->heard = false;
    unit->misses = 0;
    ble_unit_look(unit, now);
    if (unit->relock_us < after(unit, BLE_RELOCK_START_MS))
        unit->relock_us = after(unit, BLE_RELOCK_START_MS);
}

/* Pairing. */

static void try_other_type(struct ble_unit *unit)
{
    struct ble_address address = unit->link.peer;
    const char *reason = unit->link.reason;

    address.type = address.type == BLE_ADDRESS_PUBLIC ? BLE_ADDRESS_RANDOM : BLE_ADDRESS_PUBLIC;
    if (ble_unit_identity_strange(unit, &address) < 0)
        ble_unit_settle_order(unit, 0, DRIVER_OUTCOME_FAILED, "out_of_memory");
    else
        unit->link.reason = reason; /* so far it is still why */
}

static void begin_pairing(struct ble_unit *unit)
{
    unit->pairing = true;
    unit->port.progress(unit->port.userdata, "Connecting to the lock.");
    if (ble_unit_identity_strange(unit, &unit->orders[0].address) < 0)
        ble_unit_settle_order(unit, 0, DRIVER_OUTCOME_FAILED, "out_of_memory");
}

/* What comes over the link. */

static void take_ready(struct ble_unit *unit)
{
    if (unit->link.gatt.looks == 0)
        return;
    int r = ble_unit_identity_remember(unit);

    if (r < 0)
        ble_unit_settle_note(unit, LOG_WARNING, "its handles cannot be kept: ", strerror(-r));
}

/* Links in a row that make a lock one that is out of reach. */
static unsigned misses_max(const struct ble_unit *unit)
{
    return unit->heard ? BLE_MISSES_MAX : 1;
}

static void take_closed(struct ble_unit *unit, const char *reason)
{
    bool missed = unit->link.wanted != BLE_LINK_UNWANTED && strcmp(reason, BLE_LINK_MADE_ROOM) != 0;

    ble_unit_settle_note(unit, LOG_DEBUG, "link closed: ", reason);
    if (missed) {
        unit->tried = true;
        unit->misses++;
    }
    unit->protocol->closed(unit->lock, &unit->now);
    ble_unit_settle(unit);
    if (missed && !unit->pairing && unit->misses == misses_max(unit))
        ble_unit_port_unseen(unit);
    if (missed && unit->pairing && unit->orders[0].any_type && unit->link.unreached)
        try_other_type(unit);
}

static void take_report(struct ble_unit *unit, const struct ble_link_report *report)
{
    switch (report->news) {
    case BLE_LINK_QUIET:
    case BLE_LINK_BUSY:
        return;
    case BLE_LINK_IS_READY:
        take_ready(unit);
        return;
    case BLE_LINK_VALUE:
        unit->protocol->value(unit->lock, (unsigned)report->want, report->value, report->len, &unit->now);
        break;
    case BLE_LINK_WRITTEN:
        unit->protocol->written(unit->lock, true, &unit->now);
        break;
    case BLE_LINK_REFUSED:
        ble_unit_settle_note(unit, LOG_NOTICE, "a write was refused: ", report->reason);
        unit->protocol->written(unit->lock, false, &unit->now);
        break;
    case BLE_LINK_CLOSED:
        take_closed(unit, report->reason);
        return;
    }
    ble_unit_settle(unit);
}

/* Returns whether the link has more. */
static bool take_reports(struct ble_unit *unit)
{
    struct ble_link_report report = { .news = BLE_LINK_BUSY };

    for (int i = 0; i < REPORTS_MAX && unit->has_link && report.news != BLE_LINK_QUIET; i++) {
        ble_link_turn(&unit->link, unit->now.us, &report);
        take_report(unit, &report);
    }
    return unit->has_link && report.news != BLE_LINK_QUIET;
}

/* Whose turn it is. */

static enum ble_command_kind kind_of(const struct ble_unit *unit, const struct ble_order *order)
{
    switch (order->kind) {
    case DRIVER_COMMAND_RELEASE:
        return unit->item->release == BLE_RELEASE_UNLATCH ? BLE_COMMAND_UNLATCH : BLE_COMMAND_UNLOCK;
    case DRIVER_COMMAND_LOCK:
        return BLE_COMMAND_LOCK;
    case DRIVER_COMMAND_UNLOCK:
        return BLE_COMMAND_UNLOCK;
    case DRIVER_COMMAND_UNLATCH:
        return BLE_COMMAND_UNLATCH;
    case DRIVER_COMMAND_HOLD:
        return order->on ? BLE_COMMAND_UNLOCK : BLE_COMMAND_LOCK;
    case DRIVER_COMMAND_PAIR:
        return BLE_COMMAND_PAIR;
    case DRIVER_COMMAND_PROBE:
    case DRIVER_COMMAND_CONFIGURE:
    case DRIVER_COMMAND_SHOW:
    case DRIVER_COMMAND_PREPARE:
    case DRIVER_COMMAND_SCAN:
    case DRIVER_COMMAND_PING:
    case DRIVER_COMMAND_SHUTDOWN:
    case DRIVER_COMMAND_ERROR:
        break;
    }
    return BLE_COMMAND_STATES;
}

static enum ble_command_kind kind_of_task(enum ble_task task, const struct ble_unit *unit)
{
    switch (task) {
    case BLE_TASK_ORDER:
        return kind_of(unit, &unit->orders[0]);
    case BLE_TASK_RELOCK:
        return BLE_COMMAND_LOCK;
    case BLE_TASK_LOG:
        return BLE_COMMAND_LOG;
    case BLE_TASK_CLOCK:
        return BLE_COMMAND_CLOCK;
    case BLE_TASK_LOOK:
    case BLE_TASK_NONE:
        break;
    }
    return BLE_COMMAND_STATES;
}

static bool clock_is_due(const struct ble_unit *unit)
{
    return unit->state.clock_wrong && unit->item->pin >= 0 && unit->now.utc_s != BLE_UTC_UNKNOWN &&
           unit->clock_us <= unit->now.us;
}

/* What is to be done next, link or not. A bolt is not thrown against an open door, or one that was not looked
 * at: that is done first. */
static enum ble_task next_task(const struct ble_unit *unit)
{
    int64_t now_us = unit->now.us;

    if (unit->order_count > 0)
        return BLE_TASK_ORDER;
    if (unit->unusable || unit->stopped)
        return BLE_TASK_NONE;
    if (unit->relock_us <= now_us && !unit->held)
        return unit->state.door == DRIVER_DOOR_OPEN || !unit->heard ? BLE_TASK_LOOK : BLE_TASK_RELOCK;
    if (unit->look_us <= now_us)
        return BLE_TASK_LOOK;
    if (unit->log_us <= now_us)
        return BLE_TASK_LOG;
    return clock_is_due(unit) ? BLE_TASK_CLOCK : BLE_TASK_NONE;
}

static void begin(struct ble_unit *unit, enum ble_task task)
{
    const struct ble_command command = {
        .kind = kind_of_task(task, unit),
        .deadline_us = task == BLE_TASK_ORDER ? unit->orders[0].deadline_us : after(unit, BLE_TASK_MS),
        .after = unit->log_index,
    };

    unit->task = task;
    unit->records = 0;
    unit->record_lost = false;
    unit->protocol->begin(unit->lock, &command, &unit->now);
    ble_unit_settle(unit);
}

/* Returns whether something was begun. */
static bool begin_next(struct ble_unit *unit)
{
    enum ble_task task = unit->task == BLE_TASK_NONE ? next_task(unit) : BLE_TASK_NONE;

    if (task == BLE_TASK_ORDER && unit->orders[0].kind == DRIVER_COMMAND_PAIR && !unit->pairing) {
        begin_pairing(unit);
        return true;
    }
    if (task == BLE_TASK_NONE || !unit->has_link || unit->link.state != BLE_LINK_READY)
        return false;
    begin(unit, task);
    return true;
}

/* Orders that were not begun; and the one that the lock has not heard all of when its time is over. */
static void expire(struct ble_unit *unit)
{
    const struct ble_order *begun = unit->task == BLE_TASK_ORDER ? &unit->orders[0] : NULL;

    for (size_t i = unit->order_count; i-- > (begun ? 1 : 0);)
        if (unit->now.us > unit->orders[i].deadline_us)
            ble_unit_settle_order(unit, i, DRIVER_OUTCOME_FAILED, BLE_REASON_DEADLINE);
    if (begun && !begun->accepted && unit->now.us > begun->deadline_us && ble_link_may_recall(&unit->link))
        ble_link_close(&unit->link, BLE_REASON_DEADLINE, unit->now.us);
}

static enum ble_link_urgency urgency(const struct ble_unit *unit)
{
    enum ble_task task = unit->task == BLE_TASK_NONE ? next_task(unit) : unit->task;

    if (unit->stopped)
        return BLE_LINK_UNWANTED;
    if (task == BLE_TASK_ORDER || unit->prepared_until_us > unit->now.us)
        return BLE_LINK_PERSON;
    return task == BLE_TASK_NONE ? BLE_LINK_UNWANTED : BLE_LINK_BACKGROUND;
}

/* Only what is news: each wish counts as a use of the link. Returns whether it was. */
static bool want_link(struct ble_unit *unit)
{
    enum ble_link_urgency wanted = urgency(unit);

    if (!unit->has_link || wanted == unit->link.wanted)
        return false;
    ble_link_want(&unit->link, wanted, unit->link.rule.uses, unit->now.us);
    return true;
}

/* From before a release moves the lock. */
static bool is_to_relock(const struct ble_unit *unit)
{
    return unit->relock_us != INT64_MAX ||
           (unit->order_count > 0 && ble_unit_settle_relocks(unit, &unit->orders[0]));
}

static void keep_relock(struct ble_unit *unit)
{
    if (!unit->has_link || unit->pairing || unit->relock_kept == is_to_relock(unit))
        return;
    unit->relock_kept = !unit->relock_kept;
    int r = ble_unit_identity_remember(unit);

    if (r < 0)
        ble_unit_settle_note(unit, LOG_WARNING,
                             "whether it is to be locked again cannot be kept: ", strerror(-r));
}

bool ble_unit_turn(struct ble_unit *unit, const struct ble_now *now)
{
    unit->now = *now;
    if (unit->task != BLE_TASK_NONE && unit->protocol->due_us(unit->lock) <= now->us) {
        unit->protocol->tick(unit->lock, now);
        ble_unit_settle(unit);
    }
    if (unit->has_link && unit->keep_us <= now->us)
        ble_unit_settle_keep(unit);
    expire(unit);
    bool more = take_reports(unit);
    bool begun = begin_next(unit);

    if (want_link(unit) || more || begun)
        return true;
    keep_relock(unit);
    return false;
}

/* What is due already waits for the link. */
static void add_due(int64_t *due_us, const struct ble_unit *unit, int64_t when_us)
{
    if (when_us > unit->now.us && when_us < *due_us)
        *due_us = when_us;
}

int64_t ble_unit_due_us(const struct ble_unit *unit)
{
    int64_t due_us = unit->has_link ? ble_link_due_us(&unit->link) : INT64_MAX;

    if (unit->task != BLE_TASK_NONE && unit->protocol->due_us(unit->lock) < due_us)
        due_us = unit->protocol->due_us(unit->lock);
    for (size_t i = 0; i < unit->order_count; i++)
        add_due(&due_us, unit, unit->orders[i].deadline_us + 1);
    add_due(&due_us, unit, unit->look_us);
    add_due(&due_us, unit, unit->relock_us);
    add_due(&due_us, unit, unit->log_us);
    add_due(&due_us, unit, unit->keep_us);
    add_due(&due_us, unit, unit->prepared_until_us);
    return due_us;
}

static const char *state_fault(const struct ble_state *state)
{
    if (state->lock == DRIVER_LOCK_JAMMED)
        return state->detail ?: "jammed";
    if (state->battery_critical)
        return "battery_low";
    if (state->door_sensor_tampered)
        return "door_sensor_tampered";
    return state->clock_wrong ? "clock_wrong" : NULL;
}

const char *ble_unit_fault(const struct ble_unit *unit)
{
    if (unit->unusable)
        return unit->unusable;
    if (unit->unauthorized)
        return BLE_REASON_UNAUTHORIZED;
    if (unit->misses >= misses_max(unit))
        return unit->link.reason;
    return state_fault(&unit->state);
}

bool ble_unit_tried(const struct ble_unit *unit)
{
    return unit->tried || unit->unusable;
}
