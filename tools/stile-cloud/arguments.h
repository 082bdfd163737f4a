/* SPDX-License-Identifier: GPL-3.0-or-later */
/* arguments.h: stile-cloud's command line. Strings are argv's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct arguments {
    const char *directory;
    const char *broker;
    const char *username;
    const char *password_file;
    const char *ca_file;
    const char *cert_file;
    const char *key; /* a file, or a key's id */
    const char *gateway;
    const char *verbs;
    const char *targets;
    const char *direction;
    const char *reason;
    int64_t for_s;
    int64_t limit;
    bool help;
    bool version;
    bool follow;
    bool unchecked;
    char **words; /* behind the command */
    int count;
};

/* Returns false if something is not understood, or nothing is asked for. */
bool arguments_parse(int argc, char *argv[], struct arguments *ret);

/* "90s", "15m", "8h", "7d". */
bool arguments_duration(const char *text, int64_t *ret_s);
