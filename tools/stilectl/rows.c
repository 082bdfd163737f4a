/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rows.c: at build time, writes what depends on the commands' rows: the bash completion, and the manual from
 * its template.
 *
 *     stilectl-rows completion
 *     stilectl-rows man stilectl.1.in
 */
#include <stdio.h>
#include <string.h>

#include "gateway/base/cleanup.h"
#include "proto/control.h"

#define LINE_SIZE 1024

/* roff takes '-' for a hyphen unless told otherwise. */
static void put_roff(const char *text)
{
    for (; *text; text++)
        printf(*text == '-' ? "\\-" : "%c", *text);
}

static void put_synopsis(void)
{
    size_t count;
    const struct control_command *commands = control_commands(&count);

    for (size_t i = 0; i < count; i++) {
        printf(".B stilectl %s\n", commands[i].name);
        put_roff(commands[i].syntax);
        puts(i + 1 < count ? "\n.br" : "");
    }
}

static void put_argument(const struct control_argument *argument)
{
    printf(".TP\n.B ");
    put_roff(argument->form == CONTROL_POSITIONAL ? "" : "--");
    put_roff(argument->form == CONTROL_POSITIONAL ? "" : argument->row.member);
    printf(" %s\n", argument->placeholder ? argument->placeholder : "");
    put_roff(argument->help);
    puts("");
}

static void put_commands(void)
{
    size_t count;
    const struct control_command *commands = control_commands(&count);

    for (size_t i = 0; i < count; i++) {
        printf(".SS %s ", commands[i].name);
        put_roff(commands[i].syntax);
        puts("");
        put_roff(commands[i].summary);
        puts(".");
        put_roff(commands[i].details ? commands[i].details : "");
        puts("");
        for (size_t k = 0; k < commands[i].argument_count; k++)
            put_argument(&commands[i].arguments[k]);
    }
}

static int put_manual(const char *template)
{
    FILE *file = fopen(template, "re");
    char line[LINE_SIZE];

    if (!file) {
        perror(template);
        return 1;
    }
    while (fgets(line, sizeof(line), file)) {
        if (strcmp(line, "@synopsis@\n") == 0)
            put_synopsis();
        else if (strcmp(line, "@commands@\n") == 0)
            put_commands();
        else
            fputs(line, stdout);
    }
    fclose(file);
    return 0;
}

static void put_options(const struct control_command *command)
{
    for (size_t i = 0; i < command->argument_count; i++)
        if (command->arguments[i].form != CONTROL_POSITIONAL)
            printf(" --%s", command->arguments[i].row.member);
}

static int put_completion(void)
{
    size_t count;
    const struct control_command *commands = control_commands(&count);

    puts("# bash completion for stilectl; written by stilectl-rows\n"
         "_stilectl()\n{\n"
         "    local words=\"${COMP_WORDS[*]:1:COMP_CWORD-1}\" options=\"--json --socket --help\"\n"
         "    local current=\"${COMP_WORDS[COMP_CWORD]}\"\n"
         "    case \"$words \" in");
    for (size_t i = 0; i < count; i++) {
        printf("    *\"%s \"*) options+=\"", commands[i].name);
        put_options(&commands[i]);
        puts("\" ;;");
    }
    puts("    *\"user \"*) options+=\" find\" ;;");
    printf("    *) options+=\" help");
    for (size_t i = 0; i < count; i++)
        printf(" %.*s", (int)strcspn(commands[i].name, " "), commands[i].name);
    puts("\" ;;\n    esac\n"
         "    case \"${COMP_WORDS[COMP_CWORD-1]}\" in\n"
         "    --socket) COMPREPLY=($(compgen -f -- \"$current\")) ;;\n"
         "    *) COMPREPLY=($(compgen -W \"$options\" -- \"$current\")) ;;\n"
         "    esac\n}\n"
         "complete -F _stilectl stilectl");
    return 0;
}

int main(int argc, char *argv[])
{
    if (argc == 2 && strcmp(argv[1], "completion") == 0)
        return put_completion();
    if (argc == 3 && strcmp(argv[1], "man") == 0)
        return put_manual(argv[2]);
    fprintf(stderr, "usage: stilectl-rows completion | man TEMPLATE\n");
    return 2;
}
