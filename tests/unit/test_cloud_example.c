/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The examples of proto/schema, which are also those of proto/cloud.md: what our parsers take from them our
 * formatters write again, byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "proto/cloud_command.h"
#include "proto/cloud_message.h"

static const struct cloud_self self = { .site = "hub", .gateway = "gw1" };

/* --- each parses, and formats to text what came of it; returns what the first that fails returns --- */

static int state_again(struct text *text, const char *payload, struct cloud_refusal *refusal)
{
    struct cloud_state state;
    int r = cloud_state_parse(payload, strlen(payload), &state, refusal);

    return r < 0 ? r : cloud_state_format(text, &state);
}

static int request_again(struct text *text, const char *payload, struct cloud_refusal *refusal)
{
    struct cloud_request request;
    int r = cloud_request_parse(payload, strlen(payload), &request, refusal);

    return r < 0 ? r : cloud_request_format(text, &request);
}

static int command_result_again(struct text *text, const char *payload, struct cloud_refusal *refusal)
{
    struct cloud_command_result result;
    int r = cloud_command_result_parse(payload, strlen(payload), &result, refusal);

    return r < 0 ? r : cloud_command_result_format(text, &result);
}

static int result_again(struct text *text, const char *payload, struct cloud_refusal *refusal)
{
    struct cloud_result result;

    if (cloud_command_result_is(payload, strlen(payload)))
        return command_result_again(text, payload, refusal);
    int r = cloud_result_parse(payload, strlen(payload), &result, refusal);

    return r < 0 ? r : cloud_result_format(text, &result);
}

static int desired_again(struct text *text, const char *payload, struct cloud_refusal *refusal)
{
    struct cloud_desired desired;
    int r = cloud_desired_parse(payload, strlen(payload), &self, &desired, refusal);

    return r < 0 ? r : cloud_desired_format(text, &desired);
}

static int delta_again(struct text *text, const char *payload, struct cloud_refusal *refusal)
{
    struct cloud_delta delta;
    int r = cloud_delta_parse(payload, strlen(payload), &self, &delta, refusal);

    if (r < 0)
        return r;
    r = cloud_delta_format(text, &delta);
    cloud_delta_finish(&delta);
    return r;
}

static int snapshot_again(struct text *text, const char *payload, struct cloud_refusal *refusal)
{
    struct cloud_snapshot snapshot;
    int r = cloud_snapshot_parse(payload, strlen(payload), &self, &snapshot, refusal);

    return r < 0 ? r : cloud_snapshot_format(text, &snapshot);
}

/* The first line alone, whose LF the parser wants to see. */
static int chunk_again(struct text *text, const char *payload, struct cloud_refusal *refusal)
{
    struct text line = TEXT_INIT;
    struct cloud_chunk chunk;

    text_addf(&line, "%s\n", payload);
    int r = cloud_chunk_parse(line.data, line.len, &chunk, refusal);

    if (r == 0)
        r = cloud_chunk_format(text, &chunk);
    text_finish(&line);
    return r;
}

static int chunk_line_again(struct text *text, const char *payload, struct cloud_refusal *refusal)
{
    struct cloud_item item;
    int r = cloud_item_parse(payload, strlen(payload), &item, refusal);

    if (r < 0)
        return r;
    text_reset(text);
    cloud_item_add(text, &item);
    cloud_item_finish(&item);
    return text_error(text);
}

static int ack_again(struct text *text, const char *payload, struct cloud_refusal *refusal)
{
    struct cloud_ack ack;
    int r = cloud_ack_parse(payload, strlen(payload), &self, &ack, refusal);

    return r < 0 ? r : cloud_ack_format(text, &ack);
}

static int command_again(struct text *text, const char *payload, struct cloud_refusal *refusal)
{
    struct cloud_command command;
    int r = cloud_command_parse(payload, strlen(payload), &self, &command, refusal);

    if (r < 0)
        return r;
    r = cloud_command_format(text, &command);
    cloud_command_finish(&command);
    return r;
}

static int time_again(struct text *text, const char *payload, struct cloud_refusal *refusal)
{
    struct cloud_time time;
    int r = cloud_time_parse(payload, strlen(payload), &self, &time, refusal);

    return r < 0 ? r : cloud_time_format(text, &time);
}

static const struct row {
    const char *schema;
    int (*again)(struct text *text, const char *payload, struct cloud_refusal *refusal);
} rows[] = {
    { "state", state_again },       { "will", state_again },      { "request", request_again },
    { "result", result_again },     { "desired", desired_again }, { "delta", delta_again },
    { "snapshot", snapshot_again }, { "chunk", chunk_again },     { "chunk_line", chunk_line_again },
    { "ack", ack_again },           { "command", command_again }, { "time", time_again },
};

static struct json_object *read_schema(const char *name)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/proto/schema/%s.json", getenv("STILE_SOURCE"), name);
    struct json_object *schema = json_object_from_file(path);

    assert_non_null(schema);
    return schema;
}

/* A line's end may follow. */
static void assert_same(const struct text *text, const char *payload)
{
    size_t len = strlen(payload);

    assert_true(text->len >= len);
    assert_memory_equal(text->data, payload, len);
    assert_true(text->len == len || strcmp(text->data + len, "\n") == 0);
}

static void check_examples(const struct row *row)
{
    struct json_object *schema = read_schema(row->schema);
    struct json_object *examples = json_object_object_get(schema, "examples");
    struct text text = TEXT_INIT;

    assert_true(json_object_array_length(examples) > 0);
    for (size_t i = 0; i < json_object_array_length(examples); i++) {
        struct cloud_refusal refusal;
        const char *payload = json_object_to_json_string_ext(
            json_object_array_get_idx(examples, i), JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

        assert_int_equal(row->again(&text, payload, &refusal), 0);
        assert_same(&text, payload);
    }
    text_finish(&text);
    json_object_put(schema);
}

static void example__of_each_message__comes_out_as_it_went_in(void **unused)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("# %s\n", rows[i].schema);
        check_examples(&rows[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(example__of_each_message__comes_out_as_it_went_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
