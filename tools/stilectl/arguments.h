/* SPDX-License-Identifier: GPL-3.0-or-later */
/* arguments.h: the command line, by the rows of proto/control.h. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "gateway/base/text.h"
#include "proto/control.h"
#include "proto/event.h"

/* CONTROL_TIME arguments of one command. */
#define ARGUMENTS_TIMES_MAX 2

struct arguments {
    const char *socket;
    bool json;
    bool help; /* help for command, or for all if it is NULL */
    const struct control_command *command;
    struct control_args args; /* borrowed from argv and from here: do not move it */
    struct text words;        /* WORDS, joined by blanks */
    char times[ARGUMENTS_TIMES_MAX][UTC_SIZE];
    unsigned times_used;
};

void arguments_finish(struct arguments *arguments);

/* Fills arguments, which stays where it is. Returns 0, or -EBADMSG with the reason in problem. What rows say
 * of values is checked when the request is written. */
int arguments_parse(struct arguments *arguments, int argc, char *argv[], int64_t now_us,
                    struct text *problem) must_check;
