/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl.c: a person and a test use the same door. The simulator serves it from its own loop, one connection at
 * a time, and does not wait longer than a moment for a caller who says nothing. */
#include "tools/sim/ctl.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define CALLER_PATIENCE_MS 500
#define BACKLOG            8

static int address_of(const char *path, struct sockaddr_un *ret_address)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path) + 1);
    *ret_address = address;
    return 0;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address;
    int r = address_of(path, &address);

    if (r < 0)
        return r;
    cleanup_with(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    return take_fd(&fd);
}

int ctl_listen(const char *path)
{
    struct sockaddr_un address;
    int r = address_of(path, &address);

    if (r < 0)
        return r;
    cleanup_with(closep) int other = connect_to(path);

    if (other >= 0)
        return -EADDRINUSE;
    if (other == -ECONNREFUSED)
        unlink(path);
    cleanup_with(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, BACKLOG) < 0)
        return -errno;
    return take_fd(&fd);
}

/* One line, its LF replaced by NUL. Returns whether it was complete. */
static bool read_line(int fd, char line[static CTL_LINE_SIZE])
{
    size_t len = 0;

    while (len < CTL_LINE_SIZE) {
        ssize_t n = recv(fd, line + len, CTL_LINE_SIZE - len, 0);

        if (n <= 0)
            return false;
        len += (size_t)n;
        if (line[len - 1] == '\n') {
            line[len - 1] = '\0';
            return true;
        }
    }
    return false;
}

static int split(char *line, char *argv[static CTL_WORDS_MAX + 1])
{
    int argc = 0;
    char *rest = NULL;

    for (char *word = strtok_r(line, " ", &rest); word && argc < CTL_WORDS_MAX;
         word = strtok_r(NULL, " ", &rest))
        argv[argc++] = word;
    argv[argc] = NULL;
    return argc;
}

void ctl_serve(int listen_fd,
               void (*handle)(void *userdata, int argc, char *argv[], char reply[static CTL_REPLY_SIZE]),
               void *userdata)
{
    cleanup_with(closep) int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
    struct timeval patience = { .tv_usec = CALLER_PATIENCE_MS * 1000 };
    char line[CTL_LINE_SIZE];
    char reply[CTL_REPLY_SIZE + 1] = "";
    char *argv[CTL_WORDS_MAX + 1];

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
        !read_line(fd, line))
        return;
    int argc = split(line, argv);

    handle(userdata, argc, argv, reply);
    strcat(reply, "\n");
    (void)!send(fd, reply, strlen(reply), MSG_NOSIGNAL);
}

int ctl_main(const char *path, int argc, char *argv[])
{
    char line[CTL_LINE_SIZE] = "";
    size_t len = 0;

    for (int i = 0; i < argc && len < sizeof(line); i++)
        len += (size_t)snprintf(line + len, sizeof(line) - len, "%s%s", argv[i], i + 1 < argc ? " " : "\n");
    cleanup_with(closep) int fd = connect_to(path);

    if (fd < 0 || len >= sizeof(line) || argc == 0) {
        fprintf(stderr, "%s: %s\n", path, fd < 0 ? strerror(-fd) : "a command of 1 to 510 bytes is needed");
        return 2;
    }
    if (send(fd, line, len, MSG_NOSIGNAL) < 0 || !read_line(fd, line)) {
        fprintf(stderr, "%s: no answer\n", path);
        return 2;
    }
    puts(line);
    return strncmp(line, "ok", 2) == 0 ? 0 : 1;
}
