/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rows.c: at build time, writes what depends on the commands' rows: the bash completion, and the manual from
 * its template.
 *
 *     stilectl-rows completion
 *     stilectl-rows man stilectl.1.in
 */
#include <stdbool.h>
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
        else if (command->arguments[i].words)
            printf(" %s", command->arguments[i].words);
}

/* What may stand behind these words, len bytes of them: the options of the command that they name, and the
 * second word of those that begin with them. */
static void put_case(const char *words, size_t len)
{
    size_t count;
    const struct control_command *commands = control_commands(&count);

    printf("    *\" %.*s \"*) options+=\"", (int)len, words);
    for (size_t i = 0; i < count; i++) {
        const char *name = commands[i].name;

        if (strncmp(name, words, len) != 0)
            continue;
        if (name[len] == '\0')
            put_options(&commands[i]);
        else if (name[len] == ' ')
            printf("%s", name + len);
    }
    puts("\" ;;");
}

/* Whether command i has its first word in common with the one before. */
static bool again(const struct control_command *commands, size_t i, size_t first)
{
    return i > 0 && strncmp(commands[i].name, commands[i - 1].name, first) == 0 &&
           strcspn(commands[i - 1].name, " ") == first;
}

static int put_completion(void)
{
    size_t count;
    const struct control_command *commands = control_commands(&count);

    puts("# bash completion for stilectl; written by stilectl-rows\n"
         "_stilectl()\n{\n"
         "    local words=\" ${COMP_WORDS[*]:1:COMP_CWORD-1}\" options=\"--json --socket --help\"\n"
         "    local current=\"${COMP_WORDS[COMP_CWORD]}\"\n"
         "    case \"$words \" in");
    for (size_t i = 0; i < count; i++) /* the longer ones first */
        if (strchr(commands[i].name, ' '))
            put_case(commands[i].name, strlen(commands[i].name));
    for (size_t i = 0; i < count; i++) /* before words that may be arguments of theirs: door DOOR lock */
        if (!strchr(commands[i].name, ' '))
            put_case(commands[i].name, strlen(commands[i].name));
    for (size_t i = 0; i < count; i++) {
        size_t first = strcspn(commands[i].name, " ");

        if (commands[i].name[first] == ' ' && !again(commands, i, first))
            put_case(commands[i].name, first);
    }
    printf("    *) options+=\" help");
    for (size_t i = 0; i < count; i++) {
        size_t first = strcspn(commands[i].name, " ");

        if (!again(commands, i, first))
            printf(" %.*s", (int)first, commands[i].name);
    }
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
