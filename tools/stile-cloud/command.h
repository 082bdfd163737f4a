/* SPDX-License-Identifier: GPL-3.0-or-later */
/* command.h: `stile-cloud command`: signs a command, has it sent by the process that serves, and waits for
 * what becomes of it: the gateway's up/result, or its event should the result have been lost. */
#pragma once

#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "tools/stile-cloud/site.h"

/* How long a command lives, and how long its result is waited for behind that. */
#define COMMAND_LIFE_S  20
#define COMMAND_GRACE_S 10

/* What a person asks for; NULL and 0: not said. */
struct command_order {
    const char *verb;
    const char *target;
    const char *value;   /* open: the user; mode: which; lockdown: on, off; show: the text */
    const char *gateway; /* NULL: the only one, or, where the verb is for all, each */
    const char *kid;     /* NULL: whichever may */
    const char *direction;
    const char *reason;
    int64_t for_s;
};

/* The one honest answer. */
enum command_end {
    COMMAND_END_COMPLETED,
    COMMAND_END_NO,      /* denied, failed, expired, refused: it did not happen */
    COMMAND_END_UNKNOWN, /* it may have happened */
    COMMAND_END_USAGE,   /* what was asked for is no command */
    COMMAND_END_FAULT,   /* it was not sent */
};

/* Sends it, and prints what became of it: a line for each gateway. Of several the worst is returned. */
enum command_end command_send(struct site *site, const struct command_order *order);
