/* SPDX-License-Identifier: GPL-3.0-or-later */
/* feed.h: a connection to the daemon that is waited for beside others. */
#pragma once

#include "gateway/base/cleanup.h"
#include "gateway/base/lines.h"
#include "proto/control.h"

struct feed {
    int fd; /* -1: not connected */
    struct lines lines;
};

#define FEED_CLOSED                                                                                          \
    {                                                                                                        \
        .fd = -1                                                                                             \
    }

/* Returns 0 or a negative errno; then it is closed. */
int feed_open(struct feed *feed, const char *path) must_check;

/* Harmless on a closed one. */
void feed_close(struct feed *feed);

/* Sends the request of a command. Returns 0 or a negative errno. */
int feed_ask(struct feed *feed, const char *command, const struct control_args *args) must_check;

/* Hands out what has come. line may take the object (and set it to NULL) and may not close the feed. Returns
 * 0, -EPIPE if the daemon has closed, or another negative errno. */
int feed_read(struct feed *feed,
              void (*line)(void *user, struct control_answer *answer, const char *bytes, size_t len),
              void *user) must_check;
