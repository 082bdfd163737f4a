/* SPDX-License-Identifier: GPL-3.0-or-later */
/* arguments.c: all commands share the options; which of them one heeds is in its row of main.c. */
#include "tools/stile-cloud/arguments.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

/* No duration has a larger number. */
#define DURATION_MAX 1000000

bool arguments_duration(const char *text, int64_t *ret_s)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
    char *end;
    int64_t number = strtoll(text, &end, 10);

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (end != text && end[0] == units[i].unit && !end[1] && number > 0 && number <= DURATION_MAX) {
            *ret_s = number * units[i].seconds;
            return true;
        }
    return false;
}

static bool take_limit(const char *text, int64_t *ret)
{
    char *end;

    *ret = strtoll(text, &end, 10);
    return text[0] && *end == '\0' && *ret > 0;
}

/* Options that are a text to keep. */
static bool take_string(int option, const char *text, struct arguments *ret)
{
    const struct {
        int option;
        const char **field;
    } strings[] = {
        { 'd', &ret->directory },     { 'b', &ret->broker },    { 'u', &ret->username },
        { 'p', &ret->password_file }, { 'A', &ret->ca_file },   { 'C', &ret->cert_file },
        { 'K', &ret->key },           { 'g', &ret->gateway },   { 'v', &ret->verbs },
        { 't', &ret->targets },       { 'D', &ret->direction }, { 'R', &ret->reason },
    };

    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        if (strings[i].option == option) {
            *strings[i].field = text;
            return true;
        }
    return false;
}

bool arguments_parse(int argc, char *argv[], struct arguments *ret)
{
    static const struct option options[] = {
        { "directory", required_argument, NULL, 'd' },
        { "broker", required_argument, NULL, 'b' },
        { "user", required_argument, NULL, 'u' },
        { "password-file", required_argument, NULL, 'p' },
        { "ca", required_argument, NULL, 'A' },
        { "cert", required_argument, NULL, 'C' },
        { "key", required_argument, NULL, 'K' },
        { "gateway", required_argument, NULL, 'g' },
        { "limit", required_argument, NULL, 'n' },
        { "follow", no_argument, NULL, 'f' },
        { "verbs", required_argument, NULL, 'v' },
        { "targets", required_argument, NULL, 't' },
        { "direction", required_argument, NULL, 'D' },
        { "reason", required_argument, NULL, 'R' },
        { "for", required_argument, NULL, 'F' },
        { "unchecked", no_argument, NULL, 'U' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { NULL, 0, NULL, 0 },
    };

    for (int option; (option = getopt_long(argc, argv, "d:b:u:p:g:n:fhV", options, NULL)) != -1;) {
        switch (option) {
        case 'n':
            if (!take_limit(optarg, &ret->limit))
                return false;
            break;
        case 'F':
            if (!arguments_duration(optarg, &ret->for_s))
                return false;
            break;
        case 'f':
            ret->follow = true;
            break;
        case 'U':
            ret->unchecked = true;
            break;
        case 'h':
            ret->help = true;
            break;
        case 'V':
            ret->version = true;
            break;
        default:
            if (!take_string(option, optarg, ret))
                return false;
        }
    }
    ret->words = argv + optind;
    ret->count = argc - optind;
    return ret->count > 0 || ret->help || ret->version;
}
