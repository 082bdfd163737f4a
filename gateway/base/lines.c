/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lines.c: two linear buffers. Input is compacted only when it is refilled, so that a taken line stays in
 * place until then; output grows up to its bound and shrinks to nothing when the peer has read it all. */
#include "gateway/base/lines.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OUT_FIRST_SIZE 1024

static int make_nonblocking(int fd)
{
    if (fd < 0)
        return 0;
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    return 0;
}

int lines_init(struct lines *lines, int fd_in, int fd_out, size_t line_max, size_t out_max)
{
    assert(line_max > 1 && out_max >= line_max);
    int r = make_nonblocking(fd_in);

    if (r == 0)
        r = make_nonblocking(fd_out);
    if (r < 0)
        return r;
    char *data = malloc(line_max);

    if (!data)
        return -ENOMEM;
    *lines = (struct lines){ .fd_in = fd_in,
                             .fd_out = fd_out,
                             .line_max = line_max,
                             .out_max = out_max,
                             .in = { .data = data, .size = line_max } };
    return 0;
}

void lines_finish(struct lines *lines)
{
    free(lines->in.data);
    free(lines->out.data);
    lines->in = (struct lines_buffer){ 0 };
    lines->out = (struct lines_buffer){ 0 };
}

static void compact(struct lines_buffer *buffer)
{
    if (buffer->start == 0)
        return;
    memmove(buffer->data, buffer->data + buffer->start, buffer->end - buffer->start);
    buffer->end -= buffer->start;
    buffer->start = 0;
}

int lines_fill(struct lines *lines)
{
    struct lines_buffer *in = &lines->in;

    compact(in);
    if (in->end == in->size)
        return 0; /* complete lines wait to be taken first */
    ssize_t n = read(lines->fd_in, in->data + in->end, in->size - in->end);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    if (n == 0)
        return -EPIPE;
    in->end += (size_t)n;
    return 1;
}

int lines_next(struct lines *lines, char **ret_line, size_t *ret_len)
{
    struct lines_buffer *in = &lines->in;

    for (;;) {
        char *line = in->data + in->start;
        char *end = memchr(line, '\n', in->end - in->start);

        if (!end) {
            if (in->start == 0 && in->end == in->size) { /* full, and still no end of line */
                lines->dropping = true;
                in->end = 0;
            } else if (lines->dropping) {
                in->start = in->end = 0;
            }
            return 0;
        }
        in->start += (size_t)(end - line) + 1;
        if (lines->dropping) { /* the tail of a line that is too long */
            lines->dropping = false;
            return -EMSGSIZE;
        }
        *end = '\0';
        *ret_line = line;
        *ret_len = (size_t)(end - line);
        return 1;
    }
}

static int write_some(int fd, const char *bytes, size_t len, size_t *ret_written)
{
    ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n < 0 && errno == ENOTSOCK)
        n = write(fd, bytes, len);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return -errno;
    *ret_written = n < 0 ? 0 : (size_t)n;
    return 0;
}

int lines_flush(struct lines *lines)
{
    struct lines_buffer *out = &lines->out;

    while (out->start < out->end) {
        size_t written = 0;
        int r = write_some(lines->fd_out, out->data + out->start, out->end - out->start, &written);

        if (r < 0)
            return r;
        if (written == 0)
            return 1;
        out->start += written;
    }
    out->start = out->end = 0;
    return 0;
}

static int reserve(struct lines *lines, size_t more)
{
    struct lines_buffer *out = &lines->out;

    if (more > lines->out_max - (out->end - out->start))
        return -ENOBUFS;
    if (out->size - out->end >= more)
        return 0;
    compact(out);
    size_t size = out->size ? out->size : OUT_FIRST_SIZE;

    while (size < out->end + more)
        size *= 2;
    if (size == out->size)
        return 0;
    char *data = realloc(out->data, size);

    if (!data)
        return -ENOMEM;
    out->data = data;
    out->size = size;
    return 0;
}

int lines_put(struct lines *lines, const char *line, size_t len)
{
    struct lines_buffer *out = &lines->out;

    assert(!memchr(line, '\n', len));
    if (len + 1 > lines->line_max)
        return -EMSGSIZE;
    int r = reserve(lines, len + 1);

    if (r < 0)
        return r;
    memcpy(out->data + out->end, line, len);
    out->data[out->end + len] = '\n';
    out->end += len + 1;
    r = lines_flush(lines);
    return r < 0 ? r : 0;
}
