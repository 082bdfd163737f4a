/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl.h: the control socket of a simulator: one connection, one line of words, one line of answer.
 *
 * `sim-x ctl SOCKET present in 04A1B2C3` writes "present in 04A1B2C3"; the simulator answers "ok", "ok ..."
 * or "error: ...".
 */
#pragma once

#include "gateway/base/cleanup.h"

#define CTL_LINE_SIZE  512
#define CTL_WORDS_MAX  16
#define CTL_REPLY_SIZE 256

/* Listens at path; a socket that nobody listens to any more is replaced. Returns the descriptor,
 * close-on-exec, or a negative errno. Whoever closes it removes path. */
int ctl_listen(const char *path) must_check;

/* Takes one connection that waits, has handle() answer its line, and closes it. argv: the line's words, argc
 * of them, NULL behind; reply: empty, becomes the answer's line without LF. */
void ctl_serve(int listen_fd,
               void (*handle)(void *userdata, int argc, char *argv[], char reply[static CTL_REPLY_SIZE]),
               void *userdata);

/* What the command line's `ctl SOCKET WORD...` does: sends the words, prints the answer. Returns what main()
 * returns: 0 if the answer begins with "ok", 1 if not, 2 if nobody listens. */
int ctl_main(const char *path, int argc, char *argv[]);
