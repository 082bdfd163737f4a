/* SPDX-License-Identifier: GPL-3.0-or-later */
/* loop.h: what stands in for sd-event in stiled. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct daemon;

/* A new process. */
void loop_begin(void);

/* Whether it came as far as its loop. */
bool loop_has_turned(void);

/* The process in its loop, or NULL. */
struct daemon *loop_daemon(void);

/* A descriptor is readable: its handler is called in a later turn. */
void loop_readable(int fd);

void loop_signal(int signal);

/* The loop does not turn again. */
void loop_end(void);
