/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_link.c: every end of a connection goes through close_link(), which counts it, sets the rest and leaves
 * it to the next turn to tell. Output goes before input: what a peer sends is not read before it has taken
 * our answer to what it sent before. */
#include "hal/ble/ble_link.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "hal/ble/ble_socket.h"

void ble_link_init(struct ble_link *link, const struct ble_address *peer, const struct ble_gatt_wants *wants,
                   struct ble_link_rule rule, struct ble_connector connector)
{
    *link = (struct ble_link){ .peer = *peer,
                               .connector = connector,
                               .rule = rule,
                               .wants = wants,
                               .uses = rule.uses,
                               .fd = -1,
                               .rest_ms = BLE_LINK_REST_MIN_MS };
}

void ble_link_finish(struct ble_link *link)
{
    closep(&link->fd);
    link->fd = -1;
}

enum ble_link_urgency ble_link_urgency(const struct ble_link *link)
{
    return link->wanted == BLE_LINK_UNWANTED && link->rule.warm ? BLE_LINK_BACKGROUND : link->wanted;
}

static bool is_connected(const struct ble_link *link)
{
    return link->state == BLE_LINK_SETUP || link->state == BLE_LINK_READY;
}

static void set_state(struct ble_link *link, enum ble_link_state state, int64_t now_us)
{
    link->state = state;
    link->since_us = now_us;
}

static void rest(struct ble_link *link, int64_t now_us)
{
    ble_link_finish(link);
    link->closed_us = now_us;
    link->rest_us = now_us + BLE_LINK_REST_MIN_MS * USEC_PER_MSEC;
    set_state(link, BLE_LINK_IDLE, now_us);
}

/* Ends a connection, or the attempt to make one, and says so at the next turn. */
static void close_link(struct ble_link *link, const char *reason, int64_t now_us)
{
    rest(link, now_us);
    link->reason = reason;
    link->untold = true;
}

/* The same, and the next attempt waits longer than this one did. */
static void fail_link(struct ble_link *link, const char *reason, int64_t now_us)
{
    int64_t rest_ms = link->rest_ms;

    if (link->state == BLE_LINK_READY)
        link->counts.lost++;
    else
        link->counts.failures++;
    link->unreached = link->state == BLE_LINK_CONNECTING;
    close_link(link, reason, now_us);
    link->rest_us = now_us + rest_ms * USEC_PER_MSEC;
    link->rest_ms = rest_ms * 2 < BLE_LINK_REST_MAX_MS ? rest_ms * 2 : BLE_LINK_REST_MAX_MS;
}

static bool is_word(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* What is the controller's matter: it is not the lock that was not there. */
static void fail_with(struct ble_link *link, int error, int64_t now_us)
{
    const char *reason = ble_socket_reason(error);

    fail_link(link, reason, now_us);
    link->counts.busy += is_word(reason, "busy");
    link->crowded_out = is_word(reason, "adapter_full");
    if (link->crowded_out || is_word(reason, "busy"))
        link->unreached = false;
}

void ble_link_close(struct ble_link *link, const char *reason, int64_t now_us)
{
    if (link->fd < 0)
        return;
    if (link->state == BLE_LINK_READY && link->gatt.from_cache && !link->heard)
        link->cache.known = false;
    fail_link(link, reason, now_us);
}

void ble_link_want(struct ble_link *link, enum ble_link_urgency urgency, unsigned uses, int64_t now_us)
{
    if (link->wanted != urgency)
        link->used_us = now_us;
    link->wanted = urgency;
    if (urgency == BLE_LINK_UNWANTED)
        return;
    if (is_connected(link) && (uses & ~link->uses) != 0)
        close_link(link, "other_use", now_us);
    if (!is_connected(link))
        link->uses = uses;
}

void ble_link_heard(struct ble_link *link)
{
    int64_t soon_us = link->closed_us + BLE_LINK_REST_MIN_MS * USEC_PER_MSEC;

    if (!link->unreached)
        return;
    link->rest_ms = BLE_LINK_REST_MIN_MS;
    if (link->rest_us > soon_us)
        link->rest_us = soon_us;
}

/* When a link that is wanted may be tried again. */
static int64_t rest_over_us(const struct ble_link *link)
{
    int64_t person_us = link->closed_us + BLE_LINK_REST_PERSON_MS * USEC_PER_MSEC;

    return link->wanted == BLE_LINK_PERSON && person_us < link->rest_us ? person_us : link->rest_us;
}

static enum ble_link_state state_without_connection(const struct ble_link *link, int64_t now_us)
{
    if (ble_link_urgency(link) == BLE_LINK_UNWANTED)
        return BLE_LINK_IDLE;
    return now_us < rest_over_us(link) ? BLE_LINK_RESTING : BLE_LINK_WAITING;
}

static int64_t connect_expires_us(const struct ble_link *link)
{
    bool person = link->wanted == BLE_LINK_PERSON;

    return link->since_us + (person ? BLE_LINK_CONNECT_PERSON_MS : BLE_LINK_CONNECT_MS) * USEC_PER_MSEC;
}

static int64_t setup_expires_us(const struct ble_link *link)
{
    return link->state == BLE_LINK_SETUP ? link->since_us + BLE_LINK_SETUP_MS * USEC_PER_MSEC : INT64_MAX;
}

static int64_t idle_expires_us(const struct ble_link *link)
{
    if (link->state != BLE_LINK_READY || ble_link_urgency(link) != BLE_LINK_UNWANTED || link->gatt.writes > 0)
        return INT64_MAX;
    return link->used_us + link->rule.idle_ms * USEC_PER_MSEC;
}

static enum ble_link_news turn_connecting(struct ble_link *link, int64_t now_us)
{
    if (ble_link_urgency(link) == BLE_LINK_UNWANTED) {
        rest(link, now_us);
        return BLE_LINK_BUSY;
    }
    int r = ble_socket_connected(link->fd);

    if (r < 0) {
        fail_with(link, r, now_us);
    } else if (r > 0) {
        link->counts.connects++;
        link->connect_us = now_us - link->since_us;
        set_state(link, BLE_LINK_SETUP, now_us);
        ble_gatt_start(&link->gatt, link->wants, link->uses, &link->cache);
    } else if (now_us >= connect_expires_us(link)) {
        fail_link(link, "no_answer", now_us);
    } else {
        return BLE_LINK_QUIET;
    }
    return BLE_LINK_BUSY;
}

static void take_ready(struct ble_link *link, int64_t now_us)
{
    if (link->gatt.looks > 0)
        link->counts.discoveries++;
    link->setup_us = now_us - link->since_us;
    link->heard = false;
    link->used_us = now_us;
    set_state(link, BLE_LINK_READY, now_us);
}

/* The peer speaks: whatever is amiss later is a new story. One that takes everything and says nothing is of
 * no use. */
static void take_value(struct ble_link *link, int64_t now_us)
{
    link->counts.values++;
    link->heard = true;
    link->used_us = now_us;
    link->rest_ms = BLE_LINK_REST_MIN_MS;
}

static void take_written(struct ble_link *link, int64_t now_us)
{
    link->counts.writes++;
    link->used_us = now_us;
}

static enum ble_link_news take_report(struct ble_link *link, const struct ble_gatt_report *report,
                                      int64_t now_us)
{
    switch (report->news) {
    case BLE_GATT_NOTHING:
        return BLE_LINK_BUSY;
    case BLE_GATT_IS_READY:
        take_ready(link, now_us);
        return BLE_LINK_IS_READY;
    case BLE_GATT_VALUE:
        take_value(link, now_us);
        return BLE_LINK_VALUE;
    case BLE_GATT_WRITTEN:
        take_written(link, now_us);
        return BLE_LINK_WRITTEN;
    case BLE_GATT_REFUSED:
        return BLE_LINK_REFUSED;
    case BLE_GATT_BROKE:
        break;
    }
    link->counts.broken++;
    fail_link(link, report->reason, now_us);
    return BLE_LINK_BUSY;
}

/* Sends a PDU. Returns 1, 0 (none, or not now), or a negative errno. */
static int send_one(struct ble_link *link, int64_t now_us)
{
    size_t len = 0;
    const uint8_t *bytes = ble_gatt_output(&link->gatt, &len);
    int r = bytes ? ble_socket_send(link->fd, bytes, len) : 0;

    if (r > 0)
        ble_gatt_sent(&link->gatt, now_us);
    return r;
}

/* Receives a PDU. Returns 1 with what it is to the client, 0 (none), or a negative errno. An empty one is
 * none of ATT's, and of no harm. */
static int receive_one(struct ble_link *link, struct ble_gatt_report *ret_report)
{
    size_t len = 0;
    int r = ble_gatt_may_receive(&link->gatt)
                ? ble_socket_receive(link->fd, link->bytes, sizeof(link->bytes), &len)
                : 0;

    if (r > 0 && len > 0)
        ble_gatt_receive(&link->gatt, link->bytes, len, ret_report);
    return r;
}

static enum ble_link_news turn_deadlines(struct ble_link *link, int64_t now_us)
{
    struct ble_gatt_report report = { .news = BLE_GATT_NOTHING };

    ble_gatt_tick(&link->gatt, now_us, &report);
    if (report.news == BLE_GATT_BROKE) {
        link->counts.timeouts++;
        fail_link(link, report.reason, now_us);
    } else if (now_us >= setup_expires_us(link)) {
        fail_link(link, "setup_timeout", now_us);
    } else if (now_us >= idle_expires_us(link)) {
        close_link(link, "idle", now_us);
    } else {
        return BLE_LINK_QUIET;
    }
    return BLE_LINK_BUSY;
}

static enum ble_link_news turn_connected(struct ble_link *link, int64_t now_us,
                                         struct ble_gatt_report *ret_report)
{
    if (turn_deadlines(link, now_us) == BLE_LINK_BUSY)
        return BLE_LINK_BUSY;
    int r = send_one(link, now_us);

    if (r > 0)
        return BLE_LINK_BUSY;
    if (r == 0)
        r = receive_one(link, ret_report);
    if (r > 0) {
        /* A confirmation goes before whoever hears of the value may close: the connection outlives its
         * socket by 2 s, and a peer that misses one says nothing more on it for 30 s. */
        (void)send_one(link, now_us);
        return take_report(link, ret_report, now_us);
    }
    if (r == 0)
        return BLE_LINK_QUIET;
    fail_with(link, r == -ETIMEDOUT ? -ECONNRESET : r, now_us); /* it is not heard any more: was lost */
    return BLE_LINK_BUSY;
}

static enum ble_link_news step(struct ble_link *link, int64_t now_us, struct ble_gatt_report *ret_report)
{
    switch (link->state) {
    case BLE_LINK_CONNECTING:
        return turn_connecting(link, now_us);
    case BLE_LINK_SETUP:
    case BLE_LINK_READY:
        return turn_connected(link, now_us, ret_report);
    case BLE_LINK_IDLE:
    case BLE_LINK_RESTING:
    case BLE_LINK_WAITING:
        break;
    }
    enum ble_link_state state = state_without_connection(link, now_us);

    if (state != link->state)
        set_state(link, state, now_us);
    return BLE_LINK_QUIET;
}

void ble_link_turn(struct ble_link *link, int64_t now_us, struct ble_link_report *ret_report)
{
    struct ble_gatt_report report = { .news = BLE_GATT_NOTHING };
    enum ble_link_news news = link->untold ? BLE_LINK_BUSY : step(link, now_us, &report);

    if (link->untold) {
        *ret_report = (struct ble_link_report){ .news = BLE_LINK_CLOSED, .reason = link->reason };
        link->untold = false;
        return;
    }
    *ret_report = (struct ble_link_report){
        .news = news, .want = report.want, .value = report.value, .len = report.len, .reason = report.reason
    };
}

int ble_link_fd(const struct ble_link *link, short *ret_events)
{
    size_t len;

    *ret_events = POLLOUT;
    if (is_connected(link))
        *ret_events = (short)((ble_gatt_may_receive(&link->gatt) ? POLLIN : 0) |
                              (ble_gatt_output(&link->gatt, &len) ? POLLOUT : 0));
    return link->fd;
}

int64_t ble_link_due_us(const struct ble_link *link)
{
    if (link->untold)
        return 0;
    switch (link->state) {
    case BLE_LINK_IDLE:
        return ble_link_urgency(link) == BLE_LINK_UNWANTED ? INT64_MAX : 0;
    case BLE_LINK_RESTING:
        return rest_over_us(link);
    case BLE_LINK_WAITING:
        return INT64_MAX;
    case BLE_LINK_CONNECTING:
        return connect_expires_us(link);
    case BLE_LINK_SETUP:
    case BLE_LINK_READY:
        break;
    }
    int64_t own_us = link->state == BLE_LINK_SETUP ? setup_expires_us(link) : idle_expires_us(link);
    int64_t gatt_us = ble_gatt_due_us(&link->gatt);

    return own_us < gatt_us ? own_us : gatt_us;
}

int ble_link_write(struct ble_link *link, size_t want, const uint8_t value[], size_t len, int64_t now_us)
{
    link->used_us = now_us;
    return link->state == BLE_LINK_READY ? ble_gatt_write(&link->gatt, want, value, len) : -ENOTCONN;
}

int ble_link_command(struct ble_link *link, size_t want, const uint8_t value[], size_t len, int64_t now_us)
{
    link->used_us = now_us;
    return link->state == BLE_LINK_READY ? ble_gatt_command(&link->gatt, want, value, len) : -ENOTCONN;
}

bool ble_link_may_recall(const struct ble_link *link)
{
    return link->state == BLE_LINK_READY && ble_gatt_may_recall(&link->gatt);
}

void ble_link_connect(struct ble_link *link, int64_t now_us)
{
    assert(link->state == BLE_LINK_WAITING);
    set_state(link, BLE_LINK_CONNECTING, now_us);
    int r = link->connector.connect(link->connector.self, &link->peer, &link->fd);

    if (r < 0)
        fail_with(link, r, now_us);
}

void ble_link_yield(struct ble_link *link, int64_t now_us)
{
    assert(link->state == BLE_LINK_CONNECTING);
    link->counts.yielded++;
    rest(link, now_us);
}

void ble_link_let_go(struct ble_link *link, int64_t now_us)
{
    close_link(link, BLE_LINK_MADE_ROOM, now_us);
}
