/* SPDX-License-Identifier: GPL-3.0-or-later */
/* terminal.h: the terminal behind standard output, borrowed for a while and left as it was.
 *
 * Output never waits: it goes through a descriptor of our own, since a flag on the one that was inherited
 * would stay with the shell.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

#include "gateway/base/cleanup.h"
#include "gateway/base/text.h"

struct terminal {
    int fd;
    bool taken; /* shows what is ours */
    bool quiet; /* keys are not echoed: saved is to be put back */
    struct termios saved;
    struct text out; /* what the terminal has not taken yet, from `at` on */
    size_t at;
};

/* Standard output is a terminal. Returns 0 or a negative errno. */
int terminal_open(struct terminal *terminal) must_check;

/* Its own screen, no cursor, no echo; and all of that back. */
void terminal_enter(struct terminal *terminal);
void terminal_leave(struct terminal *terminal);
void terminal_close(struct terminal *terminal);

/* 80 by 24 if it does not know. */
void terminal_size(const struct terminal *terminal, size_t *ret_rows, size_t *ret_columns);

/* Whether it has not taken all yet: then nothing new is to be drawn. */
bool terminal_pending(const struct terminal *terminal);

/* Sends what it takes now. Returns 0, or a negative errno if it is gone. */
int terminal_flush(struct terminal *terminal) must_check;
