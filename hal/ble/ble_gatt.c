/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ble_gatt.c: a row for each phase says what is asked, what answers it, and what an answer or a refusal does.
 * A phase goes through the wants, one step each, and may ask more than once in a step. At most one request is
 * under way, and nothing is taken while a reply waits, so one buffer each is enough. */
#include "hal/ble/ble_gatt.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "hal/ble/ble_gatt_find.h"

#define CCCD_BYTES 2

/* Opcode, handle and offset before the piece that a prepared write carries, and what carries all of it out.
 */
#define PIECE_BEFORE  5
#define EXECUTE_WRITE 1

static const struct ble_gatt_want *want_at(const struct ble_gatt *gatt, size_t want)
{
    return &gatt->wants->at[want];
}

static void ask(struct ble_gatt *gatt, const struct att_pdu *pdu)
{
    gatt->request_len = att_format(pdu, gatt->request);
}

static bool ask_mtu(struct ble_gatt *gatt)
{
    if (gatt->step > 0)
        return false;
    ask(gatt, &(struct att_pdu){ .opcode = ATT_MTU_REQUEST, .mtu = ATT_MTU_MAX });
    return true;
}

static void agree_on_mtu(struct ble_gatt *gatt, uint16_t mtu)
{
    if (mtu > ATT_MTU_MAX)
        mtu = ATT_MTU_MAX;
    gatt->mtu = mtu > ATT_MTU_DEFAULT ? mtu : ATT_MTU_DEFAULT;
}

static const char *take_mtu(struct ble_gatt *gatt, const struct att_pdu *pdu,
                            struct ble_gatt_report *ret_report)
{
    agree_on_mtu(gatt, pdu->mtu);
    gatt->step++;
    return NULL;
}

/* A peer that does not know the request keeps the default (Vol 3, Part G, 4.3.1). */
static const char *refuse_mtu(struct ble_gatt *gatt, uint8_t code, struct ble_gatt_report *ret_report)
{
    if (code != ATT_ERROR_NOT_SUPPORTED)
        return att_error_word(code);
    gatt->step++;
    return NULL;
}

static bool is_used(const struct ble_gatt *gatt, size_t want)
{
    return gatt->uses >> want & 1;
}

static bool ask_subscribe(struct ble_gatt *gatt)
{
    while (gatt->step < gatt->wants->count &&
           (gatt->handles[gatt->step].cccd == 0 || !is_used(gatt, gatt->step)))
        gatt->step++;
    if (gatt->step == gatt->wants->count)
        return false;
    const uint8_t value[CCCD_BYTES] = { (uint8_t)want_at(gatt, gatt->step)->subscribe };

    ask(gatt, &(struct att_pdu){ .opcode = ATT_WRITE_REQUEST,
                                 .handle = gatt->handles[gatt->step].cccd,
                                 .value = value,
                                 .len = sizeof(value) });
    return true;
}

static const char *take_subscribed(struct ble_gatt *gatt, const struct att_pdu *pdu,
                                   struct ble_gatt_report *ret_report)
{
    gatt->proven = true;
    gatt->step++;
    return NULL;
}

static void begin_discovery(struct ble_gatt *gatt)
{
    gatt->cache->known = false;
    gatt->from_cache = false;
    gatt->state = BLE_GATT_SERVICES;
    gatt->step = 0;
    gatt->cursor = 0;
    memset(gatt->handles, 0, sizeof(gatt->handles));
    memset(gatt->services, 0, sizeof(gatt->services));
}

/* Whatever it is refused for, a cached handle may be to blame: it can be another attribute's by now. */
static const char *refuse_subscribe(struct ble_gatt *gatt, uint8_t code, struct ble_gatt_report *ret_report)
{
    if (!gatt->from_cache)
        return att_error_word(code);
    begin_discovery(gatt);
    return NULL;
}

static bool fits(const struct ble_gatt *gatt, size_t len)
{
    return len <= (size_t)gatt->mtu - ATT_VALUE_BEFORE;
}

/* The next piece of a value that is too long for one PDU, or that it is complete (Vol 3, Part G, 4.9.4). */
static void ask_piece(struct ble_gatt *gatt, const struct ble_gatt_write *write)
{
    size_t rest = write->len - gatt->prepared;
    size_t most = (size_t)gatt->mtu - PIECE_BEFORE;

    if (rest == 0)
        ask(gatt, &(struct att_pdu){ .opcode = ATT_EXECUTE_WRITE_REQUEST, .flags = EXECUTE_WRITE });
    else
        ask(gatt, &(struct att_pdu){ .opcode = ATT_PREPARE_WRITE_REQUEST,
                                     .handle = gatt->handles[write->want].value,
                                     .offset = (uint16_t)gatt->prepared,
                                     .value = write->value + gatt->prepared,
                                     .len = rest < most ? rest : most });
}

static bool ask_write(struct ble_gatt *gatt)
{
    if (gatt->writes == 0)
        return false;
    const struct ble_gatt_write *write = &gatt->queue[0];

    if (!fits(gatt, write->len)) {
        ask_piece(gatt, write);
        return true;
    }
    ask(gatt, &(struct att_pdu){ .opcode = write->command ? ATT_WRITE_COMMAND : ATT_WRITE_REQUEST,
                                 .handle = gatt->handles[write->want].value,
                                 .value = write->value,
                                 .len = write->len });
    return true;
}

static void drop_write(struct ble_gatt *gatt)
{
    gatt->writes--;
    gatt->prepared = 0;
    memmove(&gatt->queue[0], &gatt->queue[1], gatt->writes * sizeof(gatt->queue[0]));
}

/* The peer says what it understood of a piece. */
static const char *take_piece(struct ble_gatt *gatt, const struct att_pdu *pdu)
{
    const struct ble_gatt_write *write = &gatt->queue[0];

    if (pdu->offset != gatt->prepared || pdu->len > write->len - gatt->prepared || pdu->len == 0 ||
        memcmp(pdu->value, write->value + gatt->prepared, pdu->len) != 0)
        return "garbled_write";
    gatt->prepared += pdu->len;
    return NULL;
}

static const char *take_written(struct ble_gatt *gatt, const struct att_pdu *pdu,
                                struct ble_gatt_report *ret_report)
{
    if (pdu->opcode == ATT_PREPARE_WRITE_RESPONSE)
        return take_piece(gatt, pdu);
    *ret_report = (struct ble_gatt_report){ .news = BLE_GATT_WRITTEN, .want = gatt->queue[0].want };
    gatt->proven = true;
    drop_write(gatt);
    return NULL;
}

static const char *refuse_write(struct ble_gatt *gatt, uint8_t code, struct ble_gatt_report *ret_report)
{
    bool no_such_handle = code == ATT_ERROR_INVALID_HANDLE || code == ATT_ERROR_NOT_FOUND ||
                          code == ATT_ERROR_WRITE_NOT_PERMITTED;

    if (gatt->from_cache && !gatt->proven && no_such_handle) {
        gatt->cache->known = false;
        return "stale_handles";
    }
    if (gatt->prepared > 0) /* the pieces that it took would go before the next value */
        return att_error_word(code);
    *ret_report = (struct ble_gatt_report){ .news = BLE_GATT_REFUSED,
                                            .want = gatt->queue[0].want,
                                            .reason = att_error_word(code) };
    drop_write(gatt);
    return NULL;
}

/* ask: makes the request of this step, or says that the phase is over. take and refuse: its answer; they
 * return what breaks the connection, or NULL. */
struct phase {
    bool (*ask)(struct ble_gatt *gatt);
    const char *(*take)(struct ble_gatt *gatt, const struct att_pdu *pdu, struct ble_gatt_report *ret_report);
    const char *(*refuse)(struct ble_gatt *gatt, uint8_t code, struct ble_gatt_report *ret_report);
};

static const struct phase phases[] = {
    [BLE_GATT_MTU] = { ask_mtu, take_mtu, refuse_mtu },
    [BLE_GATT_SERVICES] = { ble_gatt_find_ask_service, ble_gatt_find_take_service, ble_gatt_find_refuse },
    [BLE_GATT_CHARACTERISTICS] = { ble_gatt_find_ask_characteristics, ble_gatt_find_take_characteristics,
                                   ble_gatt_find_refuse },
    [BLE_GATT_DESCRIPTORS] = { ble_gatt_find_ask_descriptors, ble_gatt_find_take_descriptors,
                               ble_gatt_find_refuse },
    [BLE_GATT_SUBSCRIBING] = { ask_subscribe, take_subscribed, refuse_subscribe },
    [BLE_GATT_READY] = { ask_write, take_written, refuse_write },
};

static bool is_open(const struct ble_gatt *gatt)
{
    return gatt->state != BLE_GATT_IDLE && gatt->state != BLE_GATT_BROKEN;
}

static bool is_discovering(const struct ble_gatt *gatt)
{
    return gatt->state >= BLE_GATT_SERVICES && gatt->state <= BLE_GATT_DESCRIPTORS;
}

/* Whether handles have what is used, and nothing by halves: a cache may come from a file, and a device may
 * have the value and nothing to subscribe to. */
static bool serve(const struct ble_gatt *gatt, const struct ble_gatt_handles handles[])
{
    for (size_t i = 0; i < gatt->wants->count; i++)
        if (!ble_gatt_find_is_whole(want_at(gatt, i), &handles[i]) ||
            (handles[i].value == 0 && is_used(gatt, i)))
            return false;
    return true;
}

/* Handles without which a want is of no use are not kept. */
static const char *leave_discovery(struct ble_gatt *gatt)
{
    for (size_t i = 0; i < gatt->wants->count; i++)
        if (!ble_gatt_find_is_whole(want_at(gatt, i), &gatt->handles[i]))
            gatt->handles[i] = (struct ble_gatt_handles){ 0 };
    return serve(gatt, gatt->handles) ? NULL : "characteristic_missing";
}

static void leave_mtu(struct ble_gatt *gatt)
{
    gatt->state = BLE_GATT_SERVICES;
    if (!gatt->cache->known || !serve(gatt, gatt->cache->at))
        return;
    gatt->state = BLE_GATT_SUBSCRIBING;
    gatt->from_cache = true;
    memcpy(gatt->handles, gatt->cache->at, sizeof(gatt->handles));
}

static void leave_subscribing(struct ble_gatt *gatt, struct ble_gatt_report *ret_report)
{
    gatt->state = BLE_GATT_READY;
    gatt->cache->known = true;
    memcpy(gatt->cache->at, gatt->handles, sizeof(gatt->handles));
    ret_report->news = BLE_GATT_IS_READY;
}

/* What follows when a phase is over. Returns what breaks the connection, or NULL. */
static const char *leave_phase(struct ble_gatt *gatt, struct ble_gatt_report *ret_report)
{
    const char *reason = NULL;

    if (gatt->state == BLE_GATT_MTU)
        leave_mtu(gatt);
    else if (gatt->state == BLE_GATT_SUBSCRIBING)
        leave_subscribing(gatt, ret_report);
    else
        reason = gatt->state++ == BLE_GATT_DESCRIPTORS ? leave_discovery(gatt) : NULL;
    gatt->step = 0;
    gatt->cursor = 0;
    return reason;
}

/* Makes the next request, if none is under way and there is something to ask. */
static const char *advance(struct ble_gatt *gatt, struct ble_gatt_report *ret_report)
{
    while (gatt->pending == 0 && gatt->request_len == 0 && !phases[gatt->state].ask(gatt)) {
        if (gatt->state == BLE_GATT_READY)
            return NULL;
        const char *reason = leave_phase(gatt, ret_report);

        if (reason)
            return reason;
    }
    if (is_discovering(gatt) && gatt->request_len > 0 && ++gatt->looks > BLE_GATT_LOOKS_MAX)
        return "endless_discovery";
    return NULL;
}

static void break_off(struct ble_gatt *gatt, const char *reason, struct ble_gatt_report *ret_report)
{
    if (!reason)
        return;
    gatt->state = BLE_GATT_BROKEN;
    gatt->pending = 0;
    gatt->request_len = 0;
    *ret_report = (struct ble_gatt_report){ .news = BLE_GATT_BROKE, .reason = reason };
}

void ble_gatt_start(struct ble_gatt *gatt, const struct ble_gatt_wants *wants, unsigned uses,
                    struct ble_gatt_cache *cache)
{
    assert(wants->count > 0 && wants->count <= BLE_GATT_WANTS_MAX);
    *gatt = (struct ble_gatt){
        .state = BLE_GATT_MTU, .wants = wants, .uses = uses, .cache = cache, .mtu = ATT_MTU_DEFAULT
    };
    ask_mtu(gatt);
}

const uint8_t *ble_gatt_output(const struct ble_gatt *gatt, size_t *ret_len)
{
    if (gatt->reply_len == 0 && gatt->request_len == 0)
        return NULL;
    *ret_len = gatt->reply_len > 0 ? gatt->reply_len : gatt->request_len;
    return gatt->reply_len > 0 ? gatt->reply : gatt->request;
}

void ble_gatt_sent(struct ble_gatt *gatt, int64_t now_us)
{
    struct ble_gatt_report none;

    if (gatt->reply_len > 0) {
        gatt->reply_len = 0;
        return;
    }
    assert(gatt->request_len > 0);
    gatt->request_len = 0;
    if (!att_is_command(gatt->request[0])) {
        gatt->pending = gatt->request[0];
        gatt->expires_us = now_us + ATT_TRANSACTION_MS * USEC_PER_MSEC;
        return;
    }
    drop_write(gatt);
    (void)advance(gatt, &none); /* READY: there is no phase to leave */
}

static void reply(struct ble_gatt *gatt, const struct att_pdu *pdu)
{
    gatt->reply_len = att_format(pdu, gatt->reply);
}

/* The peer as a client: there is nothing here to be read. */
static void answer_request(struct ble_gatt *gatt, const struct att_pdu *pdu)
{
    if (pdu->opcode == ATT_MTU_REQUEST) {
        agree_on_mtu(gatt, pdu->mtu);
        reply(gatt, &(struct att_pdu){ .opcode = ATT_MTU_RESPONSE, .mtu = ATT_MTU_MAX });
        return;
    }
    reply(gatt, &(struct att_pdu){ .opcode = ATT_ERROR,
                                   .request = pdu->opcode,
                                   .handle = pdu->handle,
                                   .code = ATT_ERROR_NOT_SUPPORTED });
}

/* Values of what nobody wants, and those before we are ready, say nothing. */
static void take_value(struct ble_gatt *gatt, const struct att_pdu *pdu, struct ble_gatt_report *ret_report)
{
    if (pdu->opcode == ATT_INDICATION)
        reply(gatt, &(struct att_pdu){ .opcode = ATT_CONFIRMATION });
    if (gatt->state != BLE_GATT_READY)
        return;
    for (size_t i = 0; i < gatt->wants->count; i++) {
        if (gatt->handles[i].value != pdu->handle || gatt->handles[i].cccd == 0 || !is_used(gatt, i))
            continue;
        *ret_report = (struct ble_gatt_report){
            .news = BLE_GATT_VALUE, .want = i, .value = pdu->value, .len = pdu->len
        };
        return;
    }
}

/* What answers our request, and does it? A response's opcode is its request's and one. */
static const char *take_response(struct ble_gatt *gatt, const struct att_pdu *pdu,
                                 struct ble_gatt_report *ret_report)
{
    const struct phase *phase = &phases[gatt->state];
    bool refused = pdu->opcode == ATT_ERROR && pdu->request == gatt->pending;

    if (gatt->pending == 0 || (!refused && pdu->opcode != gatt->pending + 1))
        return "out_of_turn";
    gatt->pending = 0;
    const char *reason =
        refused ? phase->refuse(gatt, (uint8_t)pdu->code, ret_report) : phase->take(gatt, pdu, ret_report);

    return reason ? reason : advance(gatt, ret_report);
}

bool ble_gatt_may_receive(const struct ble_gatt *gatt)
{
    return gatt->reply_len == 0;
}

void ble_gatt_receive(struct ble_gatt *gatt, const uint8_t bytes[], size_t len,
                      struct ble_gatt_report *ret_report)
{
    struct att_pdu pdu;

    assert(ble_gatt_may_receive(gatt));
    *ret_report = (struct ble_gatt_report){ .news = BLE_GATT_NOTHING };
    if (!is_open(gatt))
        return;
    if (att_parse(bytes, len, &pdu) < 0)
        break_off(gatt, "malformed", ret_report);
    else if (att_is_request(pdu.opcode))
        answer_request(gatt, &pdu);
    else if (pdu.opcode == ATT_INDICATION || pdu.opcode == ATT_NOTIFICATION)
        take_value(gatt, &pdu, ret_report);
    else if (!att_is_command(pdu.opcode))
        break_off(gatt, take_response(gatt, &pdu, ret_report), ret_report);
}

int64_t ble_gatt_due_us(const struct ble_gatt *gatt)
{
    return gatt->pending != 0 ? gatt->expires_us : INT64_MAX;
}

void ble_gatt_tick(struct ble_gatt *gatt, int64_t now_us, struct ble_gatt_report *ret_report)
{
    *ret_report = (struct ble_gatt_report){ .news = BLE_GATT_NOTHING };
    if (now_us >= ble_gatt_due_us(gatt))
        break_off(gatt, "timeout", ret_report);
}

bool ble_gatt_has(const struct ble_gatt *gatt, size_t want)
{
    return gatt->state == BLE_GATT_READY && want < gatt->wants->count && gatt->handles[want].value != 0 &&
           is_used(gatt, want);
}

static int queue_write(struct ble_gatt *gatt, size_t want, const uint8_t value[], size_t len, bool command)
{
    struct ble_gatt_report none;

    if (gatt->state != BLE_GATT_READY)
        return -ENOTCONN;
    if (!ble_gatt_has(gatt, want))
        return -ENOENT;
    if ((command && !fits(gatt, len)) || len > ATT_VALUE_MAX)
        return -EMSGSIZE;
    if (gatt->writes == BLE_GATT_WRITES_MAX)
        return BLE_GATT_E_FULL;
    struct ble_gatt_write *write = &gatt->queue[gatt->writes++];

    write->want = want;
    write->command = command;
    write->len = len;
    if (len > 0)
        memcpy(write->value, value, len);
    (void)advance(gatt, &none);
    return 0;
}

int ble_gatt_write(struct ble_gatt *gatt, size_t want, const uint8_t value[], size_t len)
{
    return queue_write(gatt, want, value, len, false);
}

int ble_gatt_command(struct ble_gatt *gatt, size_t want, const uint8_t value[], size_t len)
{
    return queue_write(gatt, want, value, len, true);
}

bool ble_gatt_may_recall(const struct ble_gatt *gatt)
{
    return gatt->writes > 0 && (gatt->request_len > 0 || gatt->pending == ATT_PREPARE_WRITE_REQUEST);
}
