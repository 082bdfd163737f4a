/* SPDX-License-Identifier: GPL-3.0-or-later */
/* help.c: one column of what is written, one of what it does. */
#include "tools/stilectl/help.h"

#include <string.h>

#define COLUMN   24
#define LINE_MAX 78

static void add_row(struct text *out, const char *written, const char *meaning)
{
    text_addf(out, "  %-*s  %s\n", COLUMN, written, meaning);
}

/* Breaks lines at blanks. */
static void add_paragraph(struct text *out, const char *words)
{
    size_t column = 0;

    while (*words) {
        size_t len = strcspn(words, " ");

        if (column > 0 && column + 1 + len > LINE_MAX) {
            text_add(out, "\n");
            column = 0;
        }
        text_add(out, column > 0 ? " " : "");
        text_add_bytes(out, words, len);
        column += len + (column > 0);
        words += len + strspn(words + len, " ");
    }
    text_add(out, "\n");
}

static void add_global_options(struct text *out)
{
    add_row(out, "--json", "one JSON object a line instead of text");
    add_row(out, "--socket PATH", "the daemon's socket (" CONTROL_SOCKET_DEFAULT ")");
    add_row(out, "--help", "this help");
}

void help_all(struct text *out)
{
    size_t count;
    const struct control_command *commands = control_commands(&count);

    text_add(out, "usage: stilectl [--json] [--socket PATH] COMMAND ...\n\n");
    for (size_t i = 0; i < count; i++)
        add_row(out, commands[i].name, commands[i].summary);
    add_row(out, "help [COMMAND]", "show this, or more about one command");
    text_add(out, "\n");
    add_global_options(out);
    text_add(out, "\nExits with 0 done, 1 the answer is no, 2 wrong request, 3 no daemon,\n"
                  "4 not permitted, 5 the daemon could not.\n");
}

static void add_argument(struct text *out, const struct control_argument *argument)
{
    cleanup_with(text_finish) struct text written = TEXT_INIT;

    if (argument->form != CONTROL_POSITIONAL)
        text_addf(&written, "--%s", argument->row.member);
    if (argument->placeholder)
        text_addf(&written, "%s%s", written.len ? " " : "", argument->placeholder);
    add_row(out, text_string(&written), argument->help);
}

void help_command(struct text *out, const struct control_command *command)
{
    text_addf(out, "usage: stilectl %s%s%s\n\n%s\n\n", command->name, *command->syntax ? " " : "",
              command->syntax, command->summary);
    if (command->details) {
        add_paragraph(out, command->details);
        text_add(out, "\n");
    }
    for (size_t i = 0; i < command->argument_count; i++)
        add_argument(out, &command->arguments[i]);
    add_global_options(out);
}
