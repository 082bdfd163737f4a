/* SPDX-License-Identifier: GPL-3.0-or-later */
/* control.c: requests and answers, by the rows of control_rows.c. */
#include "proto/control.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "proto/json_locate.h"
#include "proto/name.h"
#include "proto/nearest.h"
#include "proto/rfc3339.h"

void control_request_finish(struct control_request *request)
{
    json_putp(&request->object);
    *request = (struct control_request){ 0 };
}

struct raw_request {
    const char *command;
    struct json_object *args;
};

static const struct json_row request_rows[] = {
    JSON_ROW_STRING_REQUIRED(struct raw_request, command, "command", 1, CONTROL_TEXT_MAX),
    JSON_ROW_OBJECT(struct raw_request, args, "args"),
};

static int refuse_command(const char *name, struct json_error *error)
{
    struct nearest nearest = nearest_to(name);
    size_t count;
    const struct control_command *commands = control_commands(&count);

    for (size_t i = 0; i < count; i++)
        if (!commands[i].local)
            nearest_offer(&nearest, commands[i].name);
    if (nearest.best)
        json_error_set(error, "command", "is not known; did you mean \"%s\"?", nearest.best);
    else
        json_error_set(error, "command", "is not known");
    return -EBADMSG;
}

static bool known(const struct control_command *command, const char *member)
{
    for (size_t i = 0; i < command->argument_count; i++)
        if (strcmp(command->arguments[i].row.member, member) == 0)
            return true;
    return false;
}

static int refuse_unknown(const struct control_command *command, struct json_object *object,
                          struct json_error *error)
{
    const char *name;

    for (size_t i = 0; (name = json_locate_unknown(object, NULL, 0, i)); i++) {
        if (!known(command, name)) {
            json_error_set(error, name, "is not known to %s", command->name);
            return -EBADMSG;
        }
    }
    return 0;
}

static int read_args(const struct control_command *command, struct json_object *object,
                     struct control_args *args, struct json_error *error)
{
    int r = refuse_unknown(command, object, error);

    for (size_t i = 0; r == 0 && i < command->argument_count; i++)
        r = json_read(object, &command->arguments[i].row, 1, args, error);
    if (r < 0)
        return r;
    if (args->since)
        rfc3339_parse(args->since, &args->since_utc_us);
    if (args->at)
        rfc3339_parse(args->at, &args->at_utc_us);
    if (args->until)
        rfc3339_parse(args->until, &args->until_utc_us);
    const char *problem = command->check ? command->check(args) : NULL;

    if (problem) {
        json_error_set(error, "", "%s", problem);
        return -EBADMSG;
    }
    return 0;
}

int control_request_parse(const char *line, size_t len, struct control_request *ret_request,
                          struct json_error *error)
{
    static const char none[] = "{}";
    cleanup_with(control_request_finish) struct control_request request = {
        .args = { .since_utc_us = INT64_MIN, .at_utc_us = INT64_MIN, .until_utc_us = INT64_MIN }
    };
    cleanup_with(json_putp) struct json_object *empty = NULL;
    struct raw_request raw;
    int r = json_parse(line, len, &request.object, error);

    if (r == 0)
        r = json_read(request.object, JSON_ROWS(request_rows), &raw, error);
    if (r < 0)
        return r;
    request.command = control_find(raw.command);
    if (!request.command || request.command->local)
        return refuse_command(raw.command, error);
    if (!raw.args) {
        r = json_parse(none, strlen(none), &empty, error);
        raw.args = empty;
    }
    if (r == 0)
        r = read_args(request.command, raw.args, &request.args, error);
    if (r < 0)
        return r;
    *ret_request = request;
    request = (struct control_request){ 0 };
    return 0;
}

static void add_argument(struct json_out *out, const struct json_row *row, const struct control_args *args)
{
    const void *field = (const char *)args + row->offset;

    switch (row->type) {
    case JSON_BOOL:
        if (*(const bool *)field)
            json_add_bool(out, row->member, true);
        return;
    case JSON_INT:
        if (*(const int64_t *)field != 0)
            json_add_int(out, row->member, *(const int64_t *)field);
        return;
    case JSON_STRING:
        json_add_string(out, row->member, *(const char *const *)field);
        return;
    case JSON_ENUM:
    case JSON_OBJECT:
    case JSON_LIST:
        break;
    }
    assert(false);
}

int control_request_format(struct text *text, const struct control_command *command,
                           const struct control_args *args, struct json_error *error)
{
    cleanup_with(control_request_finish) struct control_request request = { 0 };
    struct json_out out = json_out_to(text);

    text_reset(text);
    json_begin_object(&out, NULL);
    json_add_string(&out, "command", command->name);
    json_begin_object(&out, "args");
    for (size_t i = 0; i < command->argument_count; i++)
        add_argument(&out, &command->arguments[i].row, args);
    json_end_object(&out);
    json_end_object(&out);
    if (text_error(text))
        return text_error(text);
    return control_request_parse(text_string(text), text->len, &request, error);
}

void control_answer_finish(struct control_answer *answer)
{
    json_putp(&answer->object);
    *answer = (struct control_answer){ 0 };
}

struct raw_done {
    int64_t code;
    const char *error;
    const char *note;
};

static const struct json_row answer_rows[] = {
    JSON_ROW_BOOL(struct control_answer, done, "done", false),
};

static const struct json_row done_rows[] = {
    JSON_ROW_INT_REQUIRED(struct raw_done, code, "exit", CONTROL_EXIT_OK, CONTROL_EXIT_DAEMON),
    JSON_ROW_STRING(struct raw_done, error, "error", 0, CONTROL_LINE_MAX),
    JSON_ROW_STRING(struct raw_done, note, "note", 0, CONTROL_LINE_MAX),
};

int control_answer_parse(const char *line, size_t len, struct control_answer *ret_answer,
                         struct json_error *error)
{
    cleanup_with(control_answer_finish) struct control_answer answer = { 0 };
    struct raw_done raw = { 0 };
    int r = json_parse(line, len, &answer.object, error);

    if (r == 0)
        r = json_read(answer.object, JSON_ROWS(answer_rows), &answer, error);
    if (r == 0 && answer.done)
        r = json_read(answer.object, JSON_ROWS(done_rows), &raw, error);
    if (r < 0)
        return r;
    answer.exit = (enum control_exit)raw.code;
    answer.error = raw.error;
    answer.note = raw.note;
    *ret_answer = answer;
    answer = (struct control_answer){ 0 };
    return 0;
}

void control_done_format(struct text *text, enum control_exit code, const char *error, const char *note)
{
    struct json_out out = json_out_to(text);

    text_reset(text);
    json_begin_object(&out, NULL);
    json_add_bool(&out, "done", true);
    json_add_int(&out, "exit", code);
    json_add_string(&out, "error", error);
    json_add_string(&out, "note", note);
    json_end_object(&out);
}
