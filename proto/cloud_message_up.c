/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cloud_message_up.c: what a gateway says. Members are read into a struct of borrowed values by rows, then
 * copied, so that the public structs need no release. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "proto/cloud_message_form.h"
#include "proto/event.h"

static const char *const want_names[] = { "delta", "snapshot", "chunks", "digest", "time", NULL };
static const char *const outcome_names[] = { "applied", "stale", "gap", "rejected", "failed", NULL };
static const char *const clock_names[] = { "none", "holdover", "synced", NULL };

/* What a result can be of: the last names of these topics. */
static const char *const of_names[] = { "desired", "delta",   "snapshot", "chunk", "digest",
                                        "ack",     "command", "time",     NULL };

const char *cloud_want_name(enum cloud_want want)
{
    return want_names[want];
}

const char *cloud_outcome_name(enum cloud_outcome outcome)
{
    return outcome_names[outcome];
}

/* Copies what a row has bounded. */
#define COPY(field_, value_)                                                                                 \
    do {                                                                                                     \
        assert(strlen(value_) < sizeof(field_));                                                             \
        memcpy(field_, value_, strlen(value_) + 1);                                                          \
    } while (0)

struct raw_state {
    const char *gateway, *boot, *contract, *software, *trust, *challenge, *epoch;
    int64_t conn, oldest, acked, head;
    bool online;
    struct json_object *policy, *events, *time;
    int clock;
};

static const struct json_row state_rows[] = {
    JSON_ROW_CHECKED(struct raw_state, gateway, "gateway", true, topic_name_valid, TOPIC_NAME_EXPECTED),
    JSON_ROW_CHECKED(struct raw_state, boot, "boot", true, cloud_form_boot_valid, "must be a UUID"),
    JSON_ROW_INT_REQUIRED(struct raw_state, conn, "conn", 1, JSON_INT_MAX),
    { .member = "online", .type = JSON_BOOL, .required = true, .offset = offsetof(struct raw_state, online) },
};

#define ROW_OBJECT_REQUIRED(type_, field, name)                                                              \
    {                                                                                                        \
        .member = name, .type = JSON_OBJECT, .required = true, .offset = offsetof(type_, field)              \
    }
static const struct json_row online_rows[] = {
    JSON_ROW_STRING_REQUIRED(struct raw_state, contract, "contract", 1, CLOUD_VERSION_SIZE - 1),
    JSON_ROW_STRING_REQUIRED(struct raw_state, software, "software", 1, CLOUD_VERSION_SIZE - 1),
    JSON_ROW_STRING_REQUIRED(struct raw_state, trust, "trust", 1, CLOUD_WORD_SIZE - 1),
    ROW_OBJECT_REQUIRED(struct raw_state, policy, "policy"),
    JSON_ROW_CHECKED(struct raw_state, challenge, "challenge", true, cloud_form_challenge_valid,
                     CLOUD_FORM_CHALLENGE_EXPECTED),
    ROW_OBJECT_REQUIRED(struct raw_state, events, "events"),
    ROW_OBJECT_REQUIRED(struct raw_state, time, "time"),
};
static const struct json_row log_rows[] = {
    JSON_ROW_CHECKED(struct raw_state, epoch, "epoch", true, cloud_form_epoch_valid,
                     CLOUD_FORM_EPOCH_EXPECTED),
    JSON_ROW_INT_REQUIRED(struct raw_state, oldest, "oldest", 1, JSON_INT_MAX),
    JSON_ROW_INT_REQUIRED(struct raw_state, acked, "acked", 0, JSON_INT_MAX),
    JSON_ROW_INT_REQUIRED(struct raw_state, head, "head", 0, JSON_INT_MAX),
};
static const struct json_row time_rows[] = {
    JSON_ROW_ENUM_REQUIRED(struct raw_state, clock, "clock", clock_names),
};

/* A refusal that came from inside member. */
static int within(int r, const char *member, struct cloud_refusal *refusal)
{
    if (r == -EBADMSG)
        json_error_within(&refusal->error, "%s", member);
    return r;
}

static int read_online(struct json_object *object, struct raw_state *raw, struct cloud_state *ret,
                       struct cloud_refusal *refusal)
{
    const char *utc = NULL;
    int r = cloud_form_read(object, JSON_ROWS(online_rows), raw, refusal);

    if (r == 0)
        r = within(cloud_form_read_policy(raw->policy, &ret->policy, refusal), "policy", refusal);
    if (r == 0)
        r = within(cloud_form_read(raw->events, JSON_ROWS(log_rows), raw, refusal), "events", refusal);
    if (r == 0)
        r = within(cloud_form_read(raw->time, JSON_ROWS(time_rows), raw, refusal), "time", refusal);
    if (r == 0)
        r = within(cloud_form_read_nullable(raw->time, "utc", cloud_form_utc_valid, &utc, refusal), "time",
                   refusal);
    if (r < 0)
        return r;
    COPY(ret->contract, raw->contract);
    COPY(ret->software, raw->software);
    COPY(ret->trust, raw->trust);
    COPY(ret->challenge, raw->challenge ? raw->challenge : "");
    COPY(ret->epoch, raw->epoch);
    COPY(ret->utc, utc ? utc : "");
    ret->oldest = raw->oldest;
    ret->acked = raw->acked;
    ret->head = raw->head;
    ret->clock = (enum clock_state)raw->clock;
    return 0;
}

int cloud_state_parse(const char *bytes, size_t len, struct cloud_state *ret, struct cloud_refusal *refusal)
{
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct raw_state raw = { 0 };
    int r = cloud_form_open(bytes, len, &object, refusal);

    if (r == 0)
        r = cloud_form_read(object, JSON_ROWS(state_rows), &raw, refusal);
    if (r < 0)
        return r;
    *ret = (struct cloud_state){ .conn = raw.conn, .online = raw.online };
    COPY(ret->gateway, raw.gateway);
    COPY(ret->boot, raw.boot);
    return raw.online ? read_online(object, &raw, ret, refusal) : 0;
}

static void add_online(struct json_out *out, const struct cloud_state *state)
{
    json_add_string(out, "contract", state->contract);
    json_add_string(out, "software", state->software);
    json_add_string(out, "trust", state->trust);
    json_begin_object(out, "policy");
    cloud_form_add_policy(out, &state->policy);
    json_end_object(out);
    json_add_string(out, "challenge", cloud_form_filled(state->challenge));
    json_begin_object(out, "events");
    json_add_string(out, "epoch", state->epoch);
    json_add_int(out, "oldest", state->oldest);
    json_add_int(out, "acked", state->acked);
    json_add_int(out, "head", state->head);
    json_end_object(out);
    json_begin_object(out, "time");
    if (cloud_form_filled(state->utc))
        json_add_string(out, "utc", state->utc);
    else
        json_add_null(out, "utc");
    json_add_string(out, "clock", clock_names[state->clock]);
    json_end_object(out);
}

int cloud_state_format(struct text *text, const struct cloud_state *state)
{
    struct json_out out = json_out_to(text);

    text_reset(text);
    json_begin_object(&out, NULL);
    json_add_string(&out, "gateway", state->gateway);
    json_add_string(&out, "boot", state->boot);
    json_add_int(&out, "conn", state->conn);
    json_add_bool(&out, "online", state->online);
    if (state->online)
        add_online(&out, state);
    return cloud_form_finish(&out);
}

static void add_doors(struct json_out *out, const struct cloud_report *report)
{
    json_begin_list(out, "doors");
    for (size_t i = 0; i < report->door_count; i++) {
        json_begin_object(out, NULL);
        json_add_string(out, "id", report->doors[i].id);
        json_add_string(out, "mode", report->doors[i].mode);
        json_add_string(out, "sensed", report->doors[i].sensed);
        json_end_object(out);
    }
    json_end_list(out);
}

static void add_devices(struct json_out *out, const struct cloud_report *report)
{
    json_begin_list(out, "devices");
    for (size_t i = 0; i < report->device_count; i++) {
        json_begin_object(out, NULL);
        json_add_string(out, "id", report->devices[i].id);
        json_add_string(out, "state", report->devices[i].state);
        json_add_string(out, "reason", report->devices[i].reason);
        json_end_object(out);
    }
    json_end_list(out);
}

void cloud_report_alarm_add(struct json_out *out, const struct cloud_report_alarm *alarm)
{
    char since[UTC_SIZE];

    json_begin_object(out, NULL);
    json_add_string(out, "kind", alarm->kind);
    json_add_string(out, "door", alarm->door);
    json_add_string(out, "device", alarm->device);
    if (alarm->since_us && event_utc_format(alarm->since_us, since))
        json_add_string(out, "since", since);
    json_end_object(out);
}

static void add_alarms(struct json_out *out, const struct cloud_report *report)
{
    json_begin_list(out, "alarms");
    for (size_t i = 0; i < report->alarm_count; i++)
        cloud_report_alarm_add(out, &report->alarms[i]);
    json_end_list(out);
}

int cloud_report_format(struct text *text, const struct cloud_report *report)
{
    struct json_out out = json_out_to(text);

    text_reset(text);
    json_begin_object(&out, NULL);
    add_doors(&out, report);
    add_devices(&out, report);
    add_alarms(&out, report);
    json_begin_object(&out, "occupancy");
    for (size_t i = 0; i < report->area_count; i++)
        json_add_int(&out, report->areas[i].id, report->areas[i].people);
    json_end_object(&out);
    return cloud_form_finish(&out);
}

struct raw_events {
    const char *epoch, *prev, *hash;
    int64_t first, count, seq;
};

static const struct json_row events_rows[] = {
    JSON_ROW_CHECKED(struct raw_events, epoch, "epoch", true, cloud_form_epoch_valid,
                     CLOUD_FORM_EPOCH_EXPECTED),
    JSON_ROW_INT_REQUIRED(struct raw_events, first, "first", 1, JSON_INT_MAX),
    JSON_ROW_INT_REQUIRED(struct raw_events, count, "count", 1, CLOUD_BATCH_EVENTS_MAX),
    JSON_ROW_CHECKED(struct raw_events, prev, "prev", true, cloud_form_hash_valid, CLOUD_FORM_HASH_EXPECTED),
    JSON_ROW_CHECKED(struct raw_events, hash, "hash", true, cloud_form_hash_valid, CLOUD_FORM_HASH_EXPECTED),
};

static int64_t count_lines(const char *lines, size_t len)
{
    const char *line;
    size_t line_len;
    int64_t count = 0;

    while (cloud_line_next(&lines, &len, &line, &line_len))
        count++;
    return count;
}

int cloud_events_parse(const char *bytes, size_t len, struct cloud_events *ret, struct cloud_refusal *refusal)
{
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct raw_events raw = { 0 };
    const char *lines = NULL;
    int r = cloud_form_open_lines(bytes, len, &object, &lines, refusal);

    if (r == 0)
        r = cloud_form_read(object, JSON_ROWS(events_rows), &raw, refusal);
    if (r < 0)
        return r;
    size_t lines_len = (size_t)(bytes + len - lines);

    if (count_lines(lines, lines_len) != raw.count)
        return cloud_form_refuse(refusal, "claims", "count", "is not the number of lines");
    *ret = (struct cloud_events){ .first = raw.first, .count = raw.count, .lines = lines, .len = lines_len };
    COPY(ret->epoch, raw.epoch);
    r = hex_decode(raw.prev, ret->prev, CHAIN_BYTES);
    return r < 0 ? r : hex_decode(raw.hash, ret->hash, CHAIN_BYTES);
}

static int check_event(const char *line, size_t len, const struct cloud_events *events, int64_t seq,
                       struct cloud_refusal *refusal)
{
    static const struct json_row rows[] = {
        JSON_ROW_INT_REQUIRED(struct raw_events, seq, "seq", 1, JSON_INT_MAX),
        JSON_ROW_CHECKED(struct raw_events, epoch, "epoch", true, cloud_form_epoch_valid,
                         CLOUD_FORM_EPOCH_EXPECTED),
    };
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct raw_events raw;
    int r = cloud_form_open(line, len, &object, refusal);

    if (r == 0)
        r = cloud_form_read(object, JSON_ROWS(rows), &raw, refusal);
    if (r < 0)
        return r;
    if (raw.seq != seq || strcmp(raw.epoch, events->epoch) != 0)
        return cloud_form_refuse(refusal, "claims", "seq", "does not follow");
    return 0;
}

int cloud_events_check(const struct cloud_events *events, struct cloud_refusal *refusal)
{
    uint8_t hash[CHAIN_BYTES];
    const char *lines = events->lines;
    size_t len = events->len;
    const char *line;
    size_t line_len;

    memcpy(hash, events->prev, CHAIN_BYTES);
    for (int64_t seq = events->first; cloud_line_next(&lines, &len, &line, &line_len); seq++) {
        int r = check_event(line, line_len, events, seq, refusal);

        if (r < 0)
            return within(r, "events", refusal);
        chain_next(hash, line, line_len, hash);
    }
    if (memcmp(hash, events->hash, CHAIN_BYTES) != 0)
        return cloud_form_refuse(refusal, "claims", "hash", "is not the last event's");
    return 0;
}

int cloud_events_format(struct text *text, const struct cloud_events *events)
{
    struct json_out out = json_out_to(text);

    text_reset(text);
    json_begin_object(&out, NULL);
    json_add_string(&out, "epoch", events->epoch);
    json_add_int(&out, "first", events->first);
    json_add_int(&out, "count", events->count);
    cloud_form_add_hash(&out, "prev", events->prev);
    cloud_form_add_hash(&out, "hash", events->hash);
    json_end_object(&out);
    text_add(text, "\n");
    text_add_bytes(text, events->lines, events->len);
    if (text_error(text))
        return text_error(text);
    return text->len > CLOUD_PAYLOAD_MAX ? -EMSGSIZE : 0;
}

struct raw_request {
    int want;
    int64_t generation, version, from, count;
    const char *nonce;
};

static const struct json_row want_rows[] = {
    JSON_ROW_ENUM_REQUIRED(struct raw_request, want, "want", want_names),
};
static const struct json_row nonce_rows[] = {
    JSON_ROW_CHECKED(struct raw_request, nonce, "nonce", true, cloud_form_challenge_valid,
                     CLOUD_FORM_CHALLENGE_EXPECTED),
};
static const struct json_row request_rows[] = {
    JSON_ROW_INT_REQUIRED(struct raw_request, generation, "generation", 0, JSON_INT_MAX),
    JSON_ROW_INT_REQUIRED(struct raw_request, version, "version", 0, JSON_INT_MAX),
};
static const struct json_row window_rows[] = {
    JSON_ROW_INT_REQUIRED(struct raw_request, from, "from", 0, JSON_INT_MAX),
    JSON_ROW_INT_REQUIRED(struct raw_request, count, "count", 1, CLOUD_CHUNK_WINDOW),
};

int cloud_request_parse(const char *bytes, size_t len, struct cloud_request *ret,
                        struct cloud_refusal *refusal)
{
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct raw_request raw = { 0 };
    struct digest_set buckets = { 0 };
    int r = cloud_form_open(bytes, len, &object, refusal);

    if (r == 0)
        r = cloud_form_read(object, JSON_ROWS(want_rows), &raw, refusal);
    if (r == 0)
        r = raw.want == CLOUD_WANT_TIME ? cloud_form_read(object, JSON_ROWS(nonce_rows), &raw, refusal)
                                        : cloud_form_read(object, JSON_ROWS(request_rows), &raw, refusal);
    if (r == 0 && raw.want == CLOUD_WANT_CHUNKS)
        r = cloud_form_read(object, JSON_ROWS(window_rows), &raw, refusal);
    if (r == 0 && raw.want == CLOUD_WANT_DELTA)
        r = cloud_form_read_buckets(object, &buckets, refusal);
    if (r < 0)
        return r;
    *ret = (struct cloud_request){ .want = (enum cloud_want)raw.want,
                                   .generation = raw.generation,
                                   .version = raw.version,
                                   .from = raw.from,
                                   .count = raw.count,
                                   .buckets = buckets };
    COPY(ret->nonce, raw.nonce ? raw.nonce : "");
    return 0;
}

int cloud_request_format(struct text *text, const struct cloud_request *request)
{
    struct json_out out = json_out_to(text);

    text_reset(text);
    json_begin_object(&out, NULL);
    json_add_string(&out, "want", cloud_want_name(request->want));
    json_add_string(&out, "nonce", cloud_form_filled(request->nonce));
    if (request->want != CLOUD_WANT_TIME) {
        json_add_int(&out, "generation", request->generation);
        json_add_int(&out, "version", request->version);
    }
    if (request->want == CLOUD_WANT_CHUNKS) {
        json_add_int(&out, "from", request->from);
        json_add_int(&out, "count", request->count);
    }
    cloud_form_add_buckets(&out, &request->buckets);
    return cloud_form_finish(&out);
}

struct raw_result {
    int of, outcome;
    const char *ref, *code, *kind, *id, *member;
};

static const struct json_row result_rows[] = {
    JSON_ROW_ENUM_REQUIRED(struct raw_result, of, "of", of_names),
    JSON_ROW_CHECKED(struct raw_result, ref, "ref", true, cloud_form_root_valid, CLOUD_FORM_ROOT_EXPECTED),
    JSON_ROW_ENUM_REQUIRED(struct raw_result, outcome, "outcome", outcome_names),
    JSON_ROW_STRING(struct raw_result, code, "code", 1, CLOUD_WORD_SIZE - 1),
    JSON_ROW_CHECKED(struct raw_result, kind, "kind", false, id_valid, ID_EXPECTED),
    JSON_ROW_CHECKED(struct raw_result, id, "id", false, id_valid, ID_EXPECTED),
    JSON_ROW_STRING(struct raw_result, member, "member", 1, CLOUD_MEMBER_SIZE - 1),
};

int cloud_result_parse(const char *bytes, size_t len, struct cloud_result *ret, struct cloud_refusal *refusal)
{
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct raw_result raw = { 0 };
    int r = cloud_form_open(bytes, len, &object, refusal);

    if (r == 0)
        r = cloud_form_read(object, JSON_ROWS(result_rows), &raw, refusal);
    if (r < 0)
        return r;
    if (raw.outcome == CLOUD_OUTCOME_REJECTED && !raw.code)
        return cloud_form_refuse(refusal, "claims", "code", "is missing");
    *ret = (struct cloud_result){ .of = (enum cloud_topic)(CLOUD_DOWN_DESIRED + raw.of),
                                  .outcome = (enum cloud_outcome)raw.outcome };
    COPY(ret->ref, raw.ref);
    COPY(ret->code, raw.code ? raw.code : "");
    COPY(ret->kind, raw.kind ? raw.kind : "");
    COPY(ret->id, raw.id ? raw.id : "");
    COPY(ret->member, raw.member ? raw.member : "");
    return cloud_form_read_policy(object, &ret->policy, refusal);
}

int cloud_result_format(struct text *text, const struct cloud_result *result)
{
    struct json_out out = json_out_to(text);

    assert(cloud_topic_is_down(result->of));
    text_reset(text);
    json_begin_object(&out, NULL);
    json_add_string(&out, "of", of_names[result->of - CLOUD_DOWN_DESIRED]);
    json_add_string(&out, "ref", result->ref);
    json_add_string(&out, "outcome", cloud_outcome_name(result->outcome));
    json_add_string(&out, "code", cloud_form_filled(result->code));
    json_add_string(&out, "kind", cloud_form_filled(result->kind));
    json_add_string(&out, "id", cloud_form_filled(result->id));
    json_add_string(&out, "member", cloud_form_filled(result->member));
    cloud_form_add_policy(&out, &result->policy);
    return cloud_form_finish(&out);
}
