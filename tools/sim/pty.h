/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pty.h: a simulated device's serial port: a pseudo-terminal under a path of one's choice, and the time that
 * characters take on a real line.
 *
 * The host's end is raw and is kept open here as well, so that a host may close and open the port as often as
 * it likes. Speed and parity that a host sets there have no effect.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"

#define PTY_PATH_SIZE 256

struct pty {
    int fd;                   /* the device's end, non-blocking; -1: the port is gone */
    int host_fd;              /* kept open, never read */
    char link[PTY_PATH_SIZE]; /* the symbolic link that leads to the host's end */
};

#define PTY_INIT                                                                                             \
    {                                                                                                        \
        .fd = -1, .host_fd = -1                                                                              \
    }

/* Opens a port and makes link lead to it; what was there before is replaced if it is a symbolic link.
 * Returns 0 or a negative errno. */
int pty_open(struct pty *pty, const char *link) must_check;

/* The port is gone, as when a plug is pulled: a host that has it open reads end of file or EIO. Harmless if
 * it is gone already. */
void pty_close(struct pty *pty);

/* Writes all, waiting for a host that is slow. Returns 0 or a negative errno. */
int pty_write(struct pty *pty, const uint8_t *bytes, size_t len) must_check;

/* One direction of a line. baud 0: characters take no time. */
struct pty_line {
    int64_t baud;
    int64_t char_bits;  /* 10: start, 8 data, stop; 11: with parity or a second stop bit */
    int64_t free_at_ns; /* monotonic time at which the last character is over */
};

/* Waits until count characters, which begin now or when the line is free, are over. */
void pty_line_wait(struct pty_line *line, size_t count);
