/* SPDX-License-Identifier: GPL-3.0-or-later */
/* key_command.h: `stile-cloud key new|list|retire`. Each prints, and returns 0; -EINVAL if what was given is
 * wrong, which has been said; or another negative errno. */
#pragma once

#include "gateway/base/cleanup.h"
#include "tools/stile-cloud/site.h"

struct key_command {
    const char *id;
    const char *uses;    /* "policy,events" */
    const char *verbs;   /* "open,release"; NULL: all */
    const char *targets; /* "front"; NULL: all */
};

/* Makes a pair of keys. Prints the public one as gateway.json and `put key` take it. */
int key_command_new(struct site *site, const struct key_command *command) must_check;

/* A line for each key: its id, whether it signs, and what gateways may know of it. */
int key_command_list(struct site *site) must_check;

/* Signs nothing with it any more and takes it out of the policy. Not the last root. */
int key_command_retire(struct site *site, const char *id) must_check;
