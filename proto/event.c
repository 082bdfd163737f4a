/* SPDX-License-Identifier: GPL-3.0-or-later */
/* event.c: the details of an event are rows in the order in which they are written, so that the order, the
 * bounds and what may be cut stand in one place. */
#include "proto/event.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "proto/json.h"

/* 9999-12-31T23:59:59.999999Z */
#define UTC_US_MAX (INT64_C(253402300800) * USEC_PER_SEC - 1)

enum detail_type {
    DETAIL_STRING,   /* const char *, cut after max bytes */
    DETAIL_FREE,     /* the same, left out if the event gets too long */
    DETAIL_LIST,     /* struct event_list */
    DETAIL_NUMBER,   /* int64_t, 0 is absent */
    DETAIL_MEASURE,  /* const int64_t * */
    DETAIL_TRUTH,    /* const bool * */
    DETAIL_VALUE,    /* a credential's value: free, and secret unless nobody knows it */
    DETAIL_PREVIOUS, /* the three members from previous_epoch on */
};

struct detail_row {
    const char *member;
    enum detail_type type;
    size_t offset;
    size_t max;
};

#define ROW(type_, field, name)                                                                              \
    {                                                                                                        \
        .member = name, .type = type_, .offset = offsetof(struct event, field), .max = 64                    \
    }
#define ROW_MAX(type_, field, name, max_)                                                                    \
    {                                                                                                        \
        .member = name, .type = type_, .offset = offsetof(struct event, field), .max = max_                  \
    }

static const struct detail_row detail_rows[] = {
    ROW(DETAIL_STRING, point, "point"),
    ROW(DETAIL_STRING, door, "door"),
    ROW(DETAIL_STRING, target, "target"),
    ROW(DETAIL_STRING, direction, "direction"),
    ROW(DETAIL_STRING, user, "user"),
    ROW(DETAIL_STRING, second_user, "second_user"),
    ROW(DETAIL_STRING, credential, "credential"),
    ROW(DETAIL_STRING, credential_type, "type"),
    ROW_MAX(DETAIL_VALUE, value, "value", 130),
    ROW(DETAIL_STRING, reason, "reason"),
    ROW(DETAIL_LIST, failed, "failed"),
    ROW(DETAIL_LIST, warnings, "warnings"),
    ROW(DETAIL_STRING, rule, "rule"),
    ROW_MAX(DETAIL_FREE, message, "message", 256),
    ROW(DETAIL_NUMBER, retry_after_s, "retry_after_s"),
    ROW(DETAIL_NUMBER, pulse_ms, "pulse_ms"),
    ROW(DETAIL_STRING, mode, "mode"),
    ROW(DETAIL_STRING, until, "until"),
    ROW(DETAIL_TRUTH, on, "on"),
    ROW(DETAIL_STRING, by, "by"),
    ROW(DETAIL_STRING, what, "what"),
    ROW_MAX(DETAIL_FREE, authorization, "authorization", 128),
    ROW(DETAIL_STRING, lock_utc, "lock_utc"),
    ROW(DETAIL_NUMBER, index, "index"),
    ROW(DETAIL_STRING, device, "device"),
    ROW(DETAIL_STRING, driver, "driver"),
    ROW(DETAIL_STRING, operator_name, "operator"),
    ROW(DETAIL_STRING, issuer, "iss"),
    ROW(DETAIL_STRING, key, "kid"),
    ROW(DETAIL_STRING, jti, "jti"),
    ROW(DETAIL_STRING, verb, "verb"),
    ROW(DETAIL_STRING, outcome, "outcome"),
    ROW(DETAIL_STRING, of, "of"),
    ROW(DETAIL_STRING, code, "code"),
    ROW(DETAIL_NUMBER, generation, "generation"),
    ROW(DETAIL_NUMBER, version, "version"),
    ROW(DETAIL_STRING, root, "root"),
    ROW(DETAIL_STRING, item_kind, "item_kind"),
    ROW(DETAIL_STRING, item_id, "id"),
    ROW_MAX(DETAIL_STRING, member, "member", 128),
    ROW(DETAIL_STRING, software, "software"),
    ROW(DETAIL_MEASURE, ms, "ms"),
    ROW(DETAIL_NUMBER, from, "from"),
    ROW(DETAIL_NUMBER, to, "to"),
    ROW(DETAIL_NUMBER, count, "count"),
    ROW(DETAIL_PREVIOUS, previous_epoch, "previous"),
    ROW_MAX(DETAIL_FREE, text, "text", 512),
};

static const char *const kind_names[EVENT_KINDS] = {
    [EVENT_PRESENTED] = "presented",
    [EVENT_GRANTED] = "granted",
    [EVENT_DENIED] = "denied",
    [EVENT_PENDING] = "pending",
    [EVENT_RELEASED] = "released",
    [EVENT_ACCEPTED] = "accepted",
    [EVENT_COMPLETED] = "completed",
    [EVENT_FAILED] = "failed",
    [EVENT_UNKNOWN] = "unknown",
    [EVENT_PASSAGE] = "passage",
    [EVENT_NO_PASSAGE] = "no_passage",
    [EVENT_OPENED] = "opened",
    [EVENT_CLOSED] = "closed",
    [EVENT_UNLOCKED] = "unlocked",
    [EVENT_LOCKED] = "locked",
    [EVENT_LOCK_RECORD] = "lock_record",
    [EVENT_FORCED] = "forced",
    [EVENT_HELD] = "held",
    [EVENT_HELD_CLEAR] = "held_clear",
    [EVENT_REX] = "rex",
    [EVENT_VEHICLE] = "vehicle",
    [EVENT_MODE] = "mode",
    [EVENT_LOCKDOWN] = "lockdown",
    [EVENT_ALARM] = "alarm",
    [EVENT_TAMPER] = "tamper",
    [EVENT_DURESS] = "duress",
    [EVENT_DEVICE_UP] = "device_up",
    [EVENT_DEVICE_DEGRADED] = "device_degraded",
    [EVENT_DEVICE_DOWN] = "device_down",
    [EVENT_POLICY_APPLIED] = "policy_applied",
    [EVENT_POLICY_REJECTED] = "policy_rejected",
    [EVENT_REFUSED] = "refused",
    [EVENT_COMMAND] = "command",
    [EVENT_OPERATOR] = "operator",
    [EVENT_CLOCK] = "clock",
    [EVENT_BOOT] = "boot",
    [EVENT_EPOCH] = "epoch",
    [EVENT_LOST] = "lost",
    [EVENT_CONFIG] = "config",
};

const char *event_kind_name(enum event_kind kind)
{
    return (unsigned)kind < EVENT_KINDS ? kind_names[kind] : NULL;
}

bool event_utc_format(int64_t utc_us, char ret_text[static UTC_SIZE])
{
    char text[UTC_SIZE];
    time_t seconds = (time_t)(utc_us / USEC_PER_SEC);
    int ms = (int)(utc_us % USEC_PER_SEC / USEC_PER_MSEC);
    struct tm tm;

    if (utc_us < 0 || utc_us > UTC_US_MAX || !gmtime_r(&seconds, &tm))
        return false;
    size_t len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.", &tm);

    text[len++] = (char)('0' + ms / 100);
    text[len++] = (char)('0' + ms / 10 % 10);
    text[len++] = (char)('0' + ms % 10);
    text[len++] = 'Z';
    text[len] = '\0';
    memcpy(ret_text, text, UTC_SIZE);
    return true;
}

static void add_cut(struct json_out *out, const char *member, const char *value, size_t max)
{
    char cut[1024];
    size_t len;

    if (!value)
        return;
    len = text_cut(value, max < sizeof(cut) ? max : sizeof(cut) - 1);
    memcpy(cut, value, len);
    cut[len] = '\0';
    json_add_string(out, member, cut);
}

static void add_list(struct json_out *out, const struct detail_row *row, const struct event_list *list)
{
    if (list->count == 0)
        return;
    json_begin_list(out, row->member);
    for (size_t i = 0; i < list->count && i < EVENT_LIST_MAX; i++)
        add_cut(out, NULL, list->items[i], row->max);
    json_end_list(out);
}

static void add_previous(struct json_out *out, const struct detail_row *row, const struct event *event)
{
    if (!event->previous_epoch)
        return;
    json_begin_object(out, row->member);
    add_cut(out, "epoch", event->previous_epoch, row->max);
    json_add_int(out, "head", event->previous_head);
    add_cut(out, "hash", event->previous_hash, row->max);
    json_end_object(out);
}

/* Whether a credential's value may be told: only if no credential was found for it, and never a PIN. */
static bool value_public(const struct event *event)
{
    return !event->credential && event->credential_type && strcmp(event->credential_type, "pin") != 0;
}

static void add_detail(struct json_out *out, const struct detail_row *row, const struct event *event,
                       bool cut)
{
    const void *field = (const char *)event + row->offset;

    switch (row->type) {
    case DETAIL_STRING:
        add_cut(out, row->member, *(const char *const *)field, row->max);
        break;
    case DETAIL_VALUE:
        if (!cut && value_public(event))
            add_cut(out, row->member, *(const char *const *)field, row->max);
        break;
    case DETAIL_FREE:
        if (!cut)
            add_cut(out, row->member, *(const char *const *)field, row->max);
        break;
    case DETAIL_LIST:
        add_list(out, row, field);
        break;
    case DETAIL_NUMBER:
        if (*(const int64_t *)field)
            json_add_int(out, row->member, *(const int64_t *)field);
        break;
    case DETAIL_MEASURE:
        if (*(const int64_t *const *)field)
            json_add_int(out, row->member, **(const int64_t *const *)field);
        break;
    case DETAIL_TRUTH:
        if (*(const bool *const *)field)
            json_add_bool(out, row->member, **(const bool *const *)field);
        break;
    case DETAIL_PREVIOUS:
        add_previous(out, row, event);
        break;
    }
}

static void add_head(struct json_out *out, const struct event *event, const struct timestamp *now,
                     const char *boot_id)
{
    char utc[UTC_SIZE];

    json_add_string(out, "boot", boot_id);
    json_add_int(out, "at", now->boot_us);
    if (now->clock != CLOCK_STATE_NONE && event_utc_format(now->utc_us, utc))
        json_add_string(out, "utc", utc);
    else
        json_add_null(out, "utc");
    json_add_string(out, "clock", clock_state_name(now->clock));
    json_add_string(out, "kind", event_kind_name(event->kind));
}

/* One way to write it: whole, or with the free texts cut. */
static int write_body(struct text *text, const struct event *event, const struct timestamp *now,
                      const char *boot_id, bool cut, size_t *ret_cause_at)
{
    struct json_out out = json_out_to(text);
    size_t cause_at;

    text_reset(text);
    add_head(&out, event, now, boot_id);
    cause_at = text->len;
    for (size_t i = 0; i < sizeof(detail_rows) / sizeof(detail_rows[0]); i++)
        add_detail(&out, &detail_rows[i], event, cut);
    if (cut)
        json_add_bool(&out, "cut", true);
    json_end_object(&out);
    if (text_error(text))
        return text_error(text);
    if (text->len > EVENT_BODY_MAX)
        return -EMSGSIZE;
    *ret_cause_at = cause_at;
    return 0;
}

int event_body(struct text *text, const struct event *event, const struct timestamp *now, const char *boot_id,
               size_t *ret_cause_at)
{
    int r = write_body(text, event, now, boot_id, false, ret_cause_at);

    return r == -EMSGSIZE ? write_body(text, event, now, boot_id, true, ret_cause_at) : r;
}
