/* SPDX-License-Identifier: GPL-3.0-or-later */
/* main.c: the command line in, one question to the daemon, its answer out. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "tools/stilectl/arguments.h"
#include "tools/stilectl/device_test.h"
#include "tools/stilectl/field.h"
#include "tools/stilectl/help.h"
#include "tools/stilectl/session.h"
#include "tools/stilectl/show.h"
#include "tools/stilectl/watch.h"

static void print(struct text *out)
{
    fwrite(text_string(out), 1, out->len, stdout);
    fflush(stdout);
    text_reset(out);
}

static void complain(const char *message)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;

    field_add(&text, message);
    fprintf(stderr, "stilectl: %s\n", text_string(&text));
}

static void on_text_line(void *userdata, const char *line, size_t len, struct json_object *object)
{
    struct show *show = userdata;

    show_line(show, object);
    print(&show->out);
}

static void on_json_line(void *userdata, const char *line, size_t len, struct json_object *object)
{
    printf("%.*s\n", (int)len, line);
    fflush(stdout);
}

static bool wants_colour(void)
{
    const char *no_color = getenv("NO_COLOR"); /* https://no-color.org: set and not empty */
    const char *term = getenv("TERM");

    return isatty(STDOUT_FILENO) && !(no_color && *no_color) && !(term && strcmp(term, "dumb") == 0);
}

/* The daemon's version comes second, so that this one is told even if no daemon is there. */
static void print_own_version(bool json)
{
    printf(json ? "{\"program\":\"stilectl\",\"version\":\"%s\"}\n" : "stilectl %s\n", STILE_VERSION);
    fflush(stdout);
}

/* Whether the daemon may say nothing for longer than a hung one would. */
static bool may_take_long(const struct arguments *arguments)
{
    enum control_verb verb = arguments->command->verb;

    return arguments->args.follow || verb == CONTROL_EVENTS_VERIFY || verb == CONTROL_DEVICE_LISTEN ||
           verb == CONTROL_BLE_SCAN || verb == CONTROL_LOCK_PAIR;
}

static enum control_exit ask(const struct arguments *arguments, const struct text *request, int64_t now_us)
{
    struct show show;
    cleanup_with(text_finish) struct text message = TEXT_INIT;
    const struct session session = { .socket = arguments->socket,
                                     .endless = may_take_long(arguments),
                                     .line = arguments->json ? on_json_line : on_text_line,
                                     .userdata = &show };

    show_init(&show, arguments->command, wants_colour(), now_us);
    enum control_exit code = session_run(&session, request, &message);

    show_end(&show);
    print(&show.out);
    show_finish(&show);
    if (message.len > 0)
        complain(text_string(&message));
    return code;
}

static enum control_exit show_help(const struct control_command *command)
{
    cleanup_with(text_finish) struct text out = TEXT_INIT;

    if (command)
        help_command(&out, command);
    else
        help_all(&out);
    print(&out);
    return CONTROL_EXIT_OK;
}

/* As it is written on the command line. */
static void complain_of_argument(const struct control_command *command, const struct json_error *error)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    const char *path = error->path;
    const char *mark = "";

    for (size_t i = 0; i < command->argument_count; i++) {
        const struct control_argument *argument = &command->arguments[i];

        if (strcmp(argument->row.member, error->path) != 0)
            continue;
        if (argument->form == CONTROL_POSITIONAL)
            path = argument->placeholder;
        else
            mark = "--";
    }
    text_addf(&text, "%s: %s%s%s%s", command->name, mark, path, *path ? " " : "", error->text);
    complain(text_string(&text));
    fprintf(stderr, "usage: stilectl %s %s\n", command->name, command->syntax);
}

/* The driver knows what a profile is: it takes over this process. */
static enum control_exit check_profile(const struct arguments *arguments)
{
    cleanup_with(text_finish) struct text path = TEXT_INIT;
    const char *file = arguments->args.file;

    if (!file || arguments->json) {
        complain(file ? "profile check: has no --json" : "profile check: FILE is missing");
        return CONTROL_EXIT_USAGE;
    }
    text_addf(&path, "%s/stile-modbus", getenv("STILE_DRIVERS") ?: STILE_DRIVER_DIRECTORY);
    execl(text_string(&path), "stile-modbus", "--check", file, NULL);
    text_addf(&path, ": %s", strerror(errno));
    complain(text_string(&path));
    return CONTROL_EXIT_DAEMON;
}

static enum control_exit watch(const struct arguments *arguments)
{
    cleanup_with(text_finish) struct text message = TEXT_INIT;
    enum control_exit code = watch_run(arguments, wants_colour(), &message);

    if (message.len > 0)
        complain(text_string(&message));
    return code;
}

static enum control_exit test_device(const struct arguments *arguments)
{
    cleanup_with(text_finish) struct text message = TEXT_INIT;
    enum control_exit code = device_test_run(arguments, wants_colour(), &message);

    if (message.len > 0)
        complain(text_string(&message));
    return code;
}

int main(int argc, char *argv[])
{
    cleanup_with(arguments_finish) struct arguments arguments = { 0 };
    cleanup_with(text_finish) struct text problem = TEXT_INIT;
    cleanup_with(text_finish) struct text request = TEXT_INIT;
    struct json_error error = { 0 };
    int64_t now_us = clock_utc_us();

    if (arguments_parse(&arguments, argc, argv, now_us, &problem) < 0) {
        complain(text_string(&problem));
        return CONTROL_EXIT_USAGE;
    }
    if (arguments.help)
        return show_help(arguments.command);
    if (arguments.command->verb == CONTROL_PROFILE_CHECK)
        return check_profile(&arguments);
    if (arguments.command->verb == CONTROL_DEVICE_TEST)
        return test_device(&arguments);
    if (arguments.command->verb == CONTROL_WATCH)
        return watch(&arguments);
    int r = control_request_format(&request, arguments.command, &arguments.args, &error);

    if (r == -EBADMSG) {
        complain_of_argument(arguments.command, &error);
        return CONTROL_EXIT_USAGE;
    }
    if (r < 0) {
        complain(strerror(-r));
        return CONTROL_EXIT_CONNECTION;
    }
    if (arguments.command->verb == CONTROL_VERSION)
        print_own_version(arguments.json);
    return ask(&arguments, &request, now_us);
}
