/* SPDX-License-Identifier: GPL-3.0-or-later */
/* parse.c: our own parsers as a filter, to be compared with the schemas.
 *
 * Each line of standard input is the name of a schema, a blank and a payload in which U+001F stands for LF.
 * For each comes a line: "ok", or the code and the member of the refusal.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "gateway/core/item.h"
#include "hal/modbus/modbus_profile.h"
#include "proto/cloud_command.h"
#include "proto/cloud_message.h"
#include "proto/encode.h"
#include "proto/jws.h"
#include "proto/key.h"

static const struct cloud_self self = { .site = "hub", .gateway = "gw1" };

static int check_key(struct json_object *item, struct cloud_refusal *refusal)
{
    struct key key = { 0 };
    int r = key_read(item, &key, &refusal->error);

    key_finish(&key);
    return r;
}

/* As the header of a signed message: who it is for and what it says come later. */
static int parse_jws_header(const char *payload, size_t len, struct cloud_refusal *refusal)
{
    static const char signature[] =
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    char header[B64_SIZE(2 * JWS_HEADER_MAX)];
    struct jws jws;

    if (len > 2 * JWS_HEADER_MAX)
        return -EBADMSG;
    b64_encode((const uint8_t *)payload, len, header);
    text_addf(&text, "%s.e30.%s", header, signature);
    int r = jws_parse(text.data, text.len, "stile-desired+jws", &jws);

    if (r > 0)
        refusal->code = jws_code((enum jws_error)r);
    else if (r == 0 && !jws.kid[0])
        refusal->code = "kid";
    else
        return r;
    return -EBADMSG;
}

static int parse_gateway(const char *payload, size_t len, struct cloud_refusal *refusal)
{
    cleanup_with(text_finish) struct text problems = TEXT_INIT;
    struct config config = { 0 };
    int r = config_parse("gateway.json", "/etc/stile", payload, len, &config, &problems);

    refusal->code = "config";
    text_copy(refusal->error.path, sizeof(refusal->error.path), text_string(&problems));
    refusal->error.path[strcspn(refusal->error.path, "\n")] = '\0'; /* the first of them */
    config_finish(&config);
    return r;
}

static int parse_profile(const char *payload, size_t len, struct cloud_refusal *refusal)
{
    struct modbus_profile profile;

    return modbus_profile_parse(payload, len, &profile, &refusal->error);
}

static int check_item(const char *kind, const char *text, size_t len, struct cloud_refusal *refusal)
{
    cleanup_with(json_putp) struct json_object *item = NULL;
    int r = json_parse(text, len, &item, &refusal->error);

    refusal->code = "item";
    if (r == 0 && strcmp(kind, "key") == 0)
        return check_key(item, refusal);
    return r < 0 ? r : item_check(item_kind_find(kind), item, false, &refusal->error);
}

static int parse_state(const char *payload, size_t len, struct cloud_refusal *refusal)
{
    struct cloud_state state;

    return cloud_state_parse(payload, len, &state, refusal);
}

static int parse_request(const char *payload, size_t len, struct cloud_refusal *refusal)
{
    struct cloud_request request;

    return cloud_request_parse(payload, len, &request, refusal);
}

static int parse_result(const char *payload, size_t len, struct cloud_refusal *refusal)
{
    struct cloud_command_result command;
    struct cloud_result result;

    return cloud_command_result_is(payload, len) ? cloud_command_result_parse(payload, len, &command, refusal)
                                                 : cloud_result_parse(payload, len, &result, refusal);
}

static int parse_events(const char *payload, size_t len, struct cloud_refusal *refusal)
{
    struct cloud_events events;

    return cloud_events_parse(payload, len, &events, refusal);
}

static int parse_desired(const char *payload, size_t len, struct cloud_refusal *refusal)
{
    struct cloud_desired desired;

    return cloud_desired_parse(payload, len, &self, &desired, refusal);
}

static int parse_delta(const char *payload, size_t len, struct cloud_refusal *refusal)
{
    struct cloud_delta delta = { 0 };
    int r = cloud_delta_parse(payload, len, &self, &delta, refusal);

    for (size_t i = 0; r == 0 && i < delta.count; i++)
        if (!delta.ops[i].del)
            r = check_item(delta.ops[i].kind, delta.ops[i].item, delta.ops[i].item_len, refusal);
    cloud_delta_finish(&delta);
    return r;
}

static int parse_snapshot(const char *payload, size_t len, struct cloud_refusal *refusal)
{
    struct cloud_snapshot snapshot;

    return cloud_snapshot_parse(payload, len, &self, &snapshot, refusal);
}

static int parse_chunk(const char *payload, size_t len, struct cloud_refusal *refusal)
{
    struct cloud_chunk chunk;

    return cloud_chunk_parse(payload, len, &chunk, refusal);
}

static int parse_chunk_line(const char *payload, size_t len, struct cloud_refusal *refusal)
{
    struct cloud_item item = { 0 };
    int r = cloud_item_parse(payload, len, &item, refusal);

    if (r == 0)
        r = check_item(item.kind, item.item, item.item_len, refusal);
    cloud_item_finish(&item);
    return r;
}

static int parse_digest(const char *payload, size_t len, struct cloud_refusal *refusal)
{
    struct cloud_digest digest;

    return cloud_digest_parse(payload, len, &digest, refusal);
}

static int parse_ack(const char *payload, size_t len, struct cloud_refusal *refusal)
{
    struct cloud_ack ack;

    return cloud_ack_parse(payload, len, &self, &ack, refusal);
}

/* What is looked at once the claims are read. */
static int check_command(const struct cloud_command *command, struct cloud_refusal *refusal)
{
    struct cloud_command_args args;
    enum cloud_verb verb;

    refusal->code = "challenge";
    if (strcmp(command->challenge, "?") == 0)
        return -EBADMSG;
    refusal->code = "verb";
    if (!cloud_verb_find(command->verb, &verb))
        return -EBADMSG;
    refusal->code = "target";
    if (cloud_verb_has_target(verb) && !command->target[0])
        return -EBADMSG;
    return cloud_command_args_read(command, verb, &args, refusal);
}

static int parse_command(const char *payload, size_t len, struct cloud_refusal *refusal)
{
    struct cloud_command command = { 0 };
    int r = cloud_command_parse(payload, len, &self, &command, refusal);

    if (r == 0)
        r = check_command(&command, refusal);
    cloud_command_finish(&command);
    return r;
}

static int parse_time(const char *payload, size_t len, struct cloud_refusal *refusal)
{
    struct cloud_time time;

    return cloud_time_parse(payload, len, &self, &time, refusal);
}

static const struct {
    const char *name;
    int (*parse)(const char *payload, size_t len, struct cloud_refusal *refusal);
} parsers[] = {
    { "gateway", parse_gateway },   { "jws_header", parse_jws_header }, { "ack", parse_ack },
    { "chunk", parse_chunk },       { "chunk_line", parse_chunk_line }, { "command", parse_command },
    { "delta", parse_delta },       { "desired", parse_desired },       { "digest", parse_digest },
    { "events", parse_events },     { "request", parse_request },       { "result", parse_result },
    { "snapshot", parse_snapshot }, { "state", parse_state },           { "time", parse_time },
    { "will", parse_state },        { "profile", parse_profile },
};

static int parse(const char *name, const char *payload, size_t len, struct cloud_refusal *refusal)
{
    if (strncmp(name, "item/", 5) == 0)
        return check_item(name + 5, payload, len, refusal);
    for (size_t i = 0; i < sizeof(parsers) / sizeof(parsers[0]); i++)
        if (strcmp(parsers[i].name, name) == 0)
            return parsers[i].parse(payload, len, refusal);
    fprintf(stderr, "there is no parser of %s\n", name);
    exit(2);
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t len;

    while ((len = getline(&line, &size, stdin)) > 0) {
        struct cloud_refusal refusal = { .code = "payload" };
        char *payload = strchr(line, ' ');

        line[len - 1] = '\0';
        *payload++ = '\0';
        for (char *c = payload; (c = strchr(c, '\x1f'));)
            *c = '\n';
        int r = parse(line, payload, (size_t)(line + len - 1 - payload), &refusal);

        if (r < 0)
            printf("%s %s\n", refusal.code, refusal.error.path);
        else
            puts("ok");
    }
    free(line);
    return 0;
}
