/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pty.c: the kernel moves bytes through a pseudo-terminal at once. A simulator that wants a real line's
 * timing waits for the request's characters before it looks at them, and for the reply's before it writes
 * them: the host then sees a frame's last byte when a real line would have delivered it. */
#include "tools/sim/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define NSEC_PER_SEC INT64_C(1000000000)

/* How long a host may leave the port unread until a write fails. */
#define WRITE_PATIENCE_MS 1000

static int make_raw(int fd)
{
    struct termios termios;

    if (tcgetattr(fd, &termios) < 0)
        return -errno;
    cfmakeraw(&termios);
    return tcsetattr(fd, TCSANOW, &termios) < 0 ? -errno : 0;
}

static int make_link(const char *name, const char *link)
{
    struct stat st;

    if (lstat(link, &st) == 0 && S_ISLNK(st.st_mode))
        unlink(link);
    return symlink(name, link) < 0 ? -errno : 0;
}

int pty_open(struct pty *pty, const char *link)
{
    cleanup_with(closep) int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    char name[PTY_PATH_SIZE];

    if (fd < 0 || grantpt(fd) < 0 || unlockpt(fd) < 0 || ptsname_r(fd, name, sizeof(name)) != 0)
        return -errno;
    if (strlen(link) >= sizeof(pty->link))
        return -ENAMETOOLONG;
    cleanup_with(closep) int host_fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);

    if (host_fd < 0)
        return -errno;
    int r = make_raw(host_fd);

    if (r == 0)
        r = make_link(name, link);
    if (r < 0)
        return r;
    pty->fd = take_fd(&fd);
    pty->host_fd = take_fd(&host_fd);
    snprintf(pty->link, sizeof(pty->link), "%s", link);
    return 0;
}

void pty_close(struct pty *pty)
{
    if (pty->fd < 0)
        return;
    unlink(pty->link);
    close(take_fd(&pty->fd));
    close(take_fd(&pty->host_fd));
}

int pty_write(struct pty *pty, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(pty->fd, bytes, len);

        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
        if (n < 0 && poll(&(struct pollfd){ .fd = pty->fd, .events = POLLOUT }, 1, WRITE_PATIENCE_MS) == 0)
            return -ETIMEDOUT;
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

void pty_line_wait(struct pty_line *line, size_t count)
{
    struct timespec ts;

    if (line->baud == 0)
        return;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    int64_t start_ns = ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;

    if (start_ns < line->free_at_ns)
        start_ns = line->free_at_ns;
    line->free_at_ns = start_ns + (int64_t)count * line->char_bits * NSEC_PER_SEC / line->baud;
    ts = (struct timespec){ .tv_sec = line->free_at_ns / NSEC_PER_SEC,
                            .tv_nsec = line->free_at_ns % NSEC_PER_SEC };
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
        ;
}
