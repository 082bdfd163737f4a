/* SPDX-License-Identifier: GPL-3.0-or-later */
/* arguments.c: options of the program and of the command may stand anywhere; what is left are the command's
 * name and its positional arguments, in the order of their rows. */
#include "tools/stilectl/arguments.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/nearest.h"
#include "tools/stilectl/moment.h"

struct parser {
    struct arguments *arguments;
    char **argv; /* what is not yet read */
    int64_t now_us;
    struct text *problem;
    const struct control_argument *positional[8]; /* of the command, in order */
    size_t positionals;
    size_t taken;
    bool only_values; /* behind "--" */
};

static int refuse(struct parser *parser, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int refuse(struct parser *parser, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    text_vaddf(parser->problem, format, args);
    va_end(args);
    return -EBADMSG;
}

/* Whether a command of two words begins with this one. */
static bool begins_with(const struct control_command *command, const char *word)
{
    size_t len = strlen(word);

    return strncmp(command->name, word, len) == 0 && command->name[len] == ' ';
}

/* Of a word that begins commands, those are named. second: the word after it, NULL: none. */
static int refuse_command(struct parser *parser, const char *first, const char *second)
{
    cleanup_with(text_finish) struct text name = TEXT_INIT;
    cleanup_with(text_finish) struct text begin = TEXT_INIT;
    size_t count;
    const struct control_command *commands = control_commands(&count);

    for (size_t i = 0; i < count; i++)
        if (begins_with(&commands[i], first))
            text_addf(&begin, "%s\"%s\"", begin.len > 0 ? ", " : "", commands[i].name);
    second = begin.len > 0 ? second : NULL;
    text_addf(&name, "%s%s%s", first, second ? " " : "", second ? second : "");
    struct nearest nearest = nearest_to(text_string(&name));

    for (size_t i = 0; i < count; i++)
        nearest_offer(&nearest, commands[i].name);
    if (nearest.best && (second || begin.len == 0))
        return refuse(parser, "there is no command \"%s\"; did you mean \"%s\"?", nearest.word, nearest.best);
    if (begin.len > 0)
        return refuse(parser, "there is no command \"%s\", but %s", nearest.word, text_string(&begin));
    return refuse(parser, "there is no command \"%s\"", nearest.word);
}

/* Takes the name of a command, of one or two words, from argv. */
static int take_command(struct parser *parser)
{
    char *first = *parser->argv++;
    cleanup_with(text_finish) struct text two = TEXT_INIT;
    const struct control_command *command = NULL;

    if (*parser->argv) {
        text_addf(&two, "%s %s", first, *parser->argv);
        command = control_find(text_string(&two));
        parser->argv += command != NULL;
    }
    if (!command)
        command = control_find(first);
    if (!command)
        return refuse_command(parser, first, *parser->argv);
    parser->arguments->command = command;
    for (size_t i = 0; i < command->argument_count; i++) {
        if (command->arguments[i].form != CONTROL_POSITIONAL)
            continue;
        assert(parser->positionals < sizeof(parser->positional) / sizeof(parser->positional[0]));
        parser->positional[parser->positionals++] = &command->arguments[i];
    }
    return 0;
}

static int take_time(struct parser *parser, const char *name, const char *value, const char **ret_utc)
{
    struct arguments *arguments = parser->arguments;
    char *utc = arguments->times[arguments->times_used % ARGUMENTS_TIMES_MAX];

    if (!moment_parse(value, parser->now_us, utc))
        return refuse(parser, "--%s %s", name, MOMENT_EXPECTED);
    arguments->times_used++;
    *ret_utc = utc;
    return 0;
}

static int take_future(struct parser *parser, const char *name, const char *value, const char **ret_utc)
{
    struct arguments *arguments = parser->arguments;
    char *utc = arguments->times[arguments->times_used % ARGUMENTS_TIMES_MAX];

    if (!moment_parse_future(value, parser->now_us, utc))
        return refuse(parser, "--%s %s", name, MOMENT_FUTURE_EXPECTED);
    arguments->times_used++;
    *ret_utc = utc;
    return 0;
}

static int take_duration(struct parser *parser, const struct json_row *row, const char *value, void *field)
{
    int64_t seconds;

    if (!moment_parse_duration(value, &seconds) || seconds < row->min || seconds > row->max)
        return refuse(parser, "--%s must be how long: 90s, 30m, 2h, 3d, at most %lldd", row->member,
                      (long long)row->max / 86400);
    *(int64_t *)field = seconds;
    return 0;
}

static int take_number(struct parser *parser, const struct json_row *row, const char *value, void *field)
{
    char *end;
    long long number = strtoll(value, &end, 10);

    if (*value < '0' || *value > '9' || *end || number < row->min || number > row->max)
        return refuse(parser, "--%s must be an integer from %lld to %lld", row->member, (long long)row->min,
                      (long long)row->max);
    *(int64_t *)field = number;
    return 0;
}

static int store(struct parser *parser, const struct control_argument *argument, const char *value)
{
    void *field = (char *)&parser->arguments->args + argument->row.offset;

    if (argument->form == CONTROL_TIME)
        return take_time(parser, argument->row.member, value, field);
    if (argument->form == CONTROL_FUTURE)
        return take_future(parser, argument->row.member, value, field);
    if (argument->form == CONTROL_DURATION)
        return take_duration(parser, &argument->row, value, field);
    if (argument->row.type == JSON_INT)
        return take_number(parser, &argument->row, value, field);
    *(const char **)field = value;
    return 0;
}

/* The value behind "--name=" or the next word; NULL: there is none. */
static const char *take_value(struct parser *parser, const char *equals)
{
    if (equals)
        return equals + 1;
    return *parser->argv ? *parser->argv++ : NULL;
}

static const struct control_argument *find_option(const struct control_command *command, const char *name,
                                                  size_t len)
{
    for (size_t i = 0; command && i < command->argument_count; i++) {
        const struct control_argument *argument = &command->arguments[i];

        if (argument->form != CONTROL_POSITIONAL && strlen(argument->row.member) == len &&
            memcmp(argument->row.member, name, len) == 0)
            return argument;
    }
    return NULL;
}

static int refuse_option(struct parser *parser, const char *name)
{
    const struct control_command *command = parser->arguments->command;
    struct nearest nearest = nearest_to(name);

    for (size_t i = 0; command && i < command->argument_count; i++)
        if (command->arguments[i].form != CONTROL_POSITIONAL)
            nearest_offer(&nearest, command->arguments[i].row.member);
    if (nearest.best)
        return refuse(parser, "there is no option --%s; did you mean --%s?", name, nearest.best);
    return refuse(parser, "there is no option --%s", name);
}

static int take_command_option(struct parser *parser, const char *name, const char *equals)
{
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    const struct control_argument *argument = find_option(parser->arguments->command, name, len);
    const char *value;

    if (!argument)
        return refuse_option(parser, name);
    if (argument->form == CONTROL_FLAG) {
        *(bool *)(void *)((char *)&parser->arguments->args + argument->row.offset) = true;
        return equals ? refuse(parser, "--%s takes no value", argument->row.member) : 0;
    }
    value = take_value(parser, equals);
    if (!value)
        return refuse(parser, "--%s needs a %s", argument->row.member, argument->placeholder);
    return store(parser, argument, value);
}

static int take_option(struct parser *parser, const char *name)
{
    const char *equals = strchr(name, '=');

    if (strcmp(name, "json") == 0) {
        parser->arguments->json = true;
    } else if (strcmp(name, "help") == 0) {
        parser->arguments->help = true;
    } else if (strcmp(name, "socket") == 0 || strncmp(name, "socket=", strlen("socket=")) == 0) {
        parser->arguments->socket = take_value(parser, equals);
        if (!parser->arguments->socket)
            return refuse(parser, "--socket needs a PATH");
    } else {
        return take_command_option(parser, name, equals);
    }
    return 0;
}

static int take_positional(struct parser *parser, const char *value)
{
    struct text *words = &parser->arguments->words;
    const struct control_argument *last =
        parser->positionals ? parser->positional[parser->positionals - 1] : NULL;

    if (last && strcmp(last->placeholder, "WORDS") == 0) {
        text_addf(words, "%s%s", words->len ? " " : "", value);
        return store(parser, last, text_string(words));
    }
    if (parser->taken == parser->positionals)
        return refuse(parser, "\"%s\" is too much", value);
    return store(parser, parser->positional[parser->taken++], value);
}

static int take_word(struct parser *parser)
{
    struct arguments *arguments = parser->arguments;
    const char *word = *parser->argv;

    if (!parser->only_values && strcmp(word, "--") == 0) {
        parser->argv++;
        parser->only_values = true;
        return 0;
    }
    if (!parser->only_values && strncmp(word, "--", 2) == 0) {
        parser->argv++;
        return take_option(parser, word + 2);
    }
    if (!arguments->command && !arguments->help && strcmp(word, "help") == 0) {
        parser->argv++;
        arguments->help = true;
        return 0;
    }
    if (!arguments->command)
        return take_command(parser);
    parser->argv++;
    return take_positional(parser, word);
}

void arguments_finish(struct arguments *arguments)
{
    text_finish(&arguments->words);
}

int arguments_parse(struct arguments *arguments, int argc, char *argv[], int64_t now_us, struct text *problem)
{
    struct parser parser = {
        .arguments = arguments, .argv = argv + (argc > 0), .now_us = now_us, .problem = problem
    };

    *arguments = (struct arguments){ .socket = CONTROL_SOCKET_DEFAULT };
    while (*parser.argv) {
        int r = take_word(&parser);

        if (r < 0)
            return r;
    }
    if (!arguments->command && !arguments->help)
        return refuse(&parser, "a command is missing; \"stilectl help\" lists them");
    return 0;
}
