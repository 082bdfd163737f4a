/* SPDX-License-Identifier: GPL-3.0-or-later */
/* link_message.c: a row table a kind, as in driver_message.c; payloads travel in base64url because a line is
 * JSON and a payload may hold lines itself. */
#include "proto/link_message.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const command_names[] = { "connect", "publish", "ping", "shutdown", NULL };
static const char *const event_names[] = { "connected", "disconnected", "message", "published",
                                           "pong",      "error",        NULL };

/* Members of every kind, borrowed. */
struct raw {
    int64_t port, keep_alive_s, id, code;
    bool retained;
    const char *site, *gateway, *host, *username, *password, *ca_file, *cert_file, *key_file, *topic, *reason,
        *payload;
};

static bool up_topic(const char *name)
{
    enum cloud_topic topic;

    return cloud_topic_find(name, &topic) && !cloud_topic_is_down(topic);
}

#define PAYLOAD_CHARS_MAX (B64_SIZE(CLOUD_PACKET_MAX) - 1)

#define ROW_ID JSON_ROW_INT_REQUIRED(struct raw, id, "id", 1, JSON_INT_MAX)

static const struct json_row connect_rows[] = {
    JSON_ROW_CHECKED(struct raw, site, "site", true, topic_name_valid, TOPIC_NAME_EXPECTED),
    JSON_ROW_CHECKED(struct raw, gateway, "gateway", true, topic_name_valid, TOPIC_NAME_EXPECTED),
    JSON_ROW_STRING_REQUIRED(struct raw, host, "host", 1, LINK_HOST_SIZE - 1),
    JSON_ROW_INT_REQUIRED(struct raw, port, "port", 1, 65535),
    JSON_ROW_STRING(struct raw, username, "username", 1, LINK_USERNAME_SIZE - 1),
    JSON_ROW_STRING(struct raw, password, "password", 1, LINK_PASSWORD_SIZE - 1),
    JSON_ROW_STRING(struct raw, ca_file, "ca_file", 1, LINK_PATH_SIZE - 1),
    JSON_ROW_STRING(struct raw, cert_file, "cert_file", 1, LINK_PATH_SIZE - 1),
    JSON_ROW_STRING(struct raw, key_file, "key_file", 1, LINK_PATH_SIZE - 1),
    JSON_ROW_INT(struct raw, keep_alive_s, "keep_alive_s", 5, 3600, CLOUD_KEEP_ALIVE_S),
    JSON_ROW_STRING_REQUIRED(struct raw, payload, "will", 1, PAYLOAD_CHARS_MAX),
};
static const struct json_row publish_rows[] = {
    ROW_ID,
    JSON_ROW_CHECKED(struct raw, topic, "topic", true, up_topic, "must be an \"up\" topic"),
    JSON_ROW_STRING_REQUIRED(struct raw, payload, "payload", 0, PAYLOAD_CHARS_MAX),
};
static const struct json_row id_rows[] = { ROW_ID };
static const struct json_row disconnected_rows[] = {
    JSON_ROW_STRING_REQUIRED(struct raw, reason, "reason", 0, LINK_REASON_SIZE - 1),
};
static const struct json_row message_rows[] = {
    JSON_ROW_STRING_REQUIRED(struct raw, topic, "topic", 1, LINK_TOPIC_SIZE - 1),
    { .member = "retained", .type = JSON_BOOL, .required = true, .offset = offsetof(struct raw, retained) },
    JSON_ROW_STRING_REQUIRED(struct raw, payload, "payload", 0, PAYLOAD_CHARS_MAX),
};
static const struct json_row published_rows[] = {
    ROW_ID,
    JSON_ROW_INT_REQUIRED(struct raw, code, "code", 0, 255),
};
static const struct json_row error_rows[] = {
    JSON_ROW_STRING_REQUIRED(struct raw, reason, "text", 0, LINK_REASON_SIZE - 1),
};

struct kind {
    const struct json_row *rows;
    size_t count;
};

static const struct kind command_kinds[] = {
    [LINK_COMMAND_CONNECT] = { JSON_ROWS(connect_rows) },
    [LINK_COMMAND_PUBLISH] = { JSON_ROWS(publish_rows) },
    [LINK_COMMAND_PING] = { JSON_ROWS(id_rows) },
    [LINK_COMMAND_SHUTDOWN] = { NULL, 0 },
};
static const struct kind event_kinds[] = {
    [LINK_EVENT_CONNECTED] = { NULL, 0 },
    [LINK_EVENT_DISCONNECTED] = { JSON_ROWS(disconnected_rows) },
    [LINK_EVENT_MESSAGE] = { JSON_ROWS(message_rows) },
    [LINK_EVENT_PUBLISHED] = { JSON_ROWS(published_rows) },
    [LINK_EVENT_PONG] = { JSON_ROWS(id_rows) },
    [LINK_EVENT_ERROR] = { JSON_ROWS(error_rows) },
};

/* *ret_payload is the caller's to free, NULL if the kind has none. */
static int decode_payload(const struct raw *raw, char **ret_payload, size_t *ret_len,
                          struct json_error *error)
{
    if (!raw->payload) {
        *ret_payload = NULL;
        *ret_len = 0;
        return 0;
    }
    size_t text_len = strlen(raw->payload);
    size_t size = text_len / 4 * 3 + 3;
    cleanup_with(freep) char *payload = malloc(size + 1);
    size_t len = 0;

    if (!payload)
        return -ENOMEM;
    if (b64_decode(raw->payload, text_len, (uint8_t *)payload, size, &len) < 0) {
        json_error_set(error, "payload", "must be base64url without padding");
        return -EBADMSG;
    }
    payload[len] = '\0';
    *ret_payload = take_ptr(payload);
    *ret_len = len;
    return 0;
}

static void fill_connect(const struct raw *raw, struct link_connect *ret)
{
    text_copy(ret->site, sizeof(ret->site), raw->site);
    text_copy(ret->gateway, sizeof(ret->gateway), raw->gateway);
    text_copy(ret->host, sizeof(ret->host), raw->host);
    text_copy(ret->username, sizeof(ret->username), raw->username);
    text_copy(ret->password, sizeof(ret->password), raw->password);
    text_copy(ret->ca_file, sizeof(ret->ca_file), raw->ca_file);
    text_copy(ret->cert_file, sizeof(ret->cert_file), raw->cert_file);
    text_copy(ret->key_file, sizeof(ret->key_file), raw->key_file);
    ret->port = raw->port;
    ret->keep_alive_s = raw->keep_alive_s;
}

int link_command_parse(const char *line, size_t len, struct link_command *ret, struct json_error *error)
{
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct raw raw = { 0 };
    int kind = 0;
    int r = json_parse(line, len, &object, error);

    if (r == 0)
        r = json_read_kind(object, "do", command_names, &kind, error);
    if (r == 0)
        r = json_read(object, command_kinds[kind].rows, command_kinds[kind].count, &raw, error);
    if (r == 0)
        r = decode_payload(&raw, &ret->payload, &ret->payload_len, error);
    if (r != 0)
        return r;
    ret->kind = (enum link_command_kind)kind;
    ret->id = raw.id;
    if (raw.topic)
        (void)cloud_topic_find(raw.topic, &ret->topic);
    fill_connect(&raw, &ret->connect);
    return 0;
}

int link_event_parse(const char *line, size_t len, struct link_event *ret, struct json_error *error)
{
    cleanup_with(json_putp) struct json_object *object = NULL;
    struct raw raw = { 0 };
    int kind = 0;
    int r = json_parse(line, len, &object, error);

    if (r == 0)
        r = json_read_kind(object, "ev", event_names, &kind, error);
    if (r == 0)
        r = json_read(object, event_kinds[kind].rows, event_kinds[kind].count, &raw, error);
    if (r == 0)
        r = decode_payload(&raw, &ret->payload, &ret->payload_len, error);
    if (r != 0)
        return r;
    ret->kind = (enum link_event_kind)kind;
    ret->retained = raw.retained;
    ret->id = raw.id;
    ret->code = raw.code;
    text_copy(ret->topic, sizeof(ret->topic), raw.topic);
    text_copy(ret->reason, sizeof(ret->reason), raw.reason);
    return 0;
}

void link_command_finish(struct link_command *command)
{
    free(take_ptr(command->payload));
}

void link_event_finish(struct link_event *event)
{
    free(take_ptr(event->payload));
}

static void add_payload(struct json_out *out, const char *member, const char *payload, size_t len)
{
    cleanup_with(freep) char *b64 = malloc(B64_SIZE(len));

    if (!b64) {
        out->text->error = -ENOMEM;
        return;
    }
    b64_encode((const uint8_t *)payload, len, b64);
    json_add_string(out, member, b64);
}

static void add_filled(struct json_out *out, const char *member, const char *value)
{
    json_add_string(out, member, value[0] != '\0' ? value : NULL);
}

static void add_connect(struct json_out *out, const struct link_command *command)
{
    const struct link_connect *connect = &command->connect;

    json_add_string(out, "site", connect->site);
    json_add_string(out, "gateway", connect->gateway);
    json_add_string(out, "host", connect->host);
    json_add_int(out, "port", connect->port);
    add_filled(out, "username", connect->username);
    add_filled(out, "password", connect->password);
    add_filled(out, "ca_file", connect->ca_file);
    add_filled(out, "cert_file", connect->cert_file);
    add_filled(out, "key_file", connect->key_file);
    json_add_int(out, "keep_alive_s", connect->keep_alive_s);
    add_payload(out, "will", command->payload, command->payload_len);
}

static void add_command(struct json_out *out, const struct link_command *command)
{
    switch (command->kind) {
    case LINK_COMMAND_CONNECT:
        add_connect(out, command);
        return;
    case LINK_COMMAND_PUBLISH:
        json_add_int(out, "id", command->id);
        json_add_string(out, "topic", cloud_topic_name(command->topic));
        add_payload(out, "payload", command->payload, command->payload_len);
        return;
    case LINK_COMMAND_PING:
        json_add_int(out, "id", command->id);
        return;
    case LINK_COMMAND_SHUTDOWN:
        return;
    }
    assert(false);
}

static int finish_line(struct json_out *out)
{
    json_end_object(out);
    int r = text_error(out->text);

    return r == 0 && out->text->len + 1 > LINK_LINE_MAX ? -EMSGSIZE : r;
}

int link_command_format(struct text *text, const struct link_command *command)
{
    struct json_out out = json_out_to(text);

    text_reset(text);
    json_begin_object(&out, NULL);
    json_add_string(&out, "do", command_names[command->kind]);
    add_command(&out, command);
    return finish_line(&out);
}

static void add_event(struct json_out *out, const struct link_event *event)
{
    switch (event->kind) {
    case LINK_EVENT_CONNECTED:
        return;
    case LINK_EVENT_DISCONNECTED:
        json_add_string(out, "reason", event->reason);
        return;
    case LINK_EVENT_MESSAGE:
        json_add_string(out, "topic", event->topic);
        json_add_bool(out, "retained", event->retained);
        add_payload(out, "payload", event->payload, event->payload_len);
        return;
    case LINK_EVENT_PUBLISHED:
        json_add_int(out, "id", event->id);
        json_add_int(out, "code", event->code);
        return;
    case LINK_EVENT_PONG:
        json_add_int(out, "id", event->id);
        return;
    case LINK_EVENT_ERROR:
        json_add_string(out, "text", event->reason);
        return;
    }
    assert(false);
}

int link_event_format(struct text *text, const struct link_event *event)
{
    struct json_out out = json_out_to(text);

    text_reset(text);
    json_begin_object(&out, NULL);
    json_add_string(&out, "ev", event_names[event->kind]);
    add_event(&out, event);
    return finish_line(&out);
}
