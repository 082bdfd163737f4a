/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lines.h: lines ended by LF over a non-blocking descriptor, both ways, bounded.
 *
 * The same code carries drivers, stile-link, the control socket and stilectl. It never blocks and never grows
 * beyond its bounds: a line that is too long is dropped whole and reported, output that a peer doesn't read
 * is refused.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/cleanup.h"

/* A driver's line with its LF (hal/README.md). */
#define LINE_BYTES_MAX 4096

struct lines_buffer {
    char *data;
    size_t start; /* first byte not yet taken */
    size_t end;   /* behind the last byte */
    size_t size;
};

struct lines {
    int fd_in;  /* -1: no input */
    int fd_out; /* -1: no output; may equal fd_in */
    size_t line_max;
    size_t out_max;
    bool dropping; /* inside a line that is too long */
    struct lines_buffer in;
    struct lines_buffer out;
};

/* Takes no ownership of the descriptors; makes them non-blocking. line_max: longest line with its LF, in
 * bytes; out_max: most bytes kept for a peer that does not read. Returns 0 or a negative errno. */
int lines_init(struct lines *lines, int fd_in, int fd_out, size_t line_max, size_t out_max) must_check;

/* Frees the buffers; closes nothing. Harmless on a zeroed struct. */
void lines_finish(struct lines *lines);

/* Reads what is there, at most one buffer full. Returns 1 if something came, 0 if nothing was there, -EPIPE
 * at end of file, or another negative errno. Lines already read can still be taken after an error. */
int lines_fill(struct lines *lines) must_check;

/* The next complete line, NUL in place of its LF, valid until the next call of lines_fill. Returns 1 with a
 * line, 0 if none is complete, -EMSGSIZE once for each line that was too long and is gone. */
int lines_next(struct lines *lines, char **ret_line, size_t *ret_len) must_check;

/* Queues line plus LF and writes what the peer takes now. line holds no LF. Returns 0 (taken whole), -ENOBUFS
 * (peer does not read; nothing taken), -EMSGSIZE (longer than line_max), or another negative errno if the
 * descriptor is gone. */
int lines_put(struct lines *lines, const char *line, size_t len) must_check;

/* Writes more of what is queued. Returns 0 if all is out, 1 if some waits for POLLOUT, or a negative errno.
 */
int lines_flush(struct lines *lines) must_check;

/* Whether output waits for POLLOUT. */
static inline bool lines_pending(const struct lines *lines)
{
    return lines->out.end > lines->out.start;
}
