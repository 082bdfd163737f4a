/* SPDX-License-Identifier: GPL-3.0-or-later */
/* session.c: waits in poll() alone. */
#include "tools/stilectl/session.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "gateway/base/lines.h"

int session_connect(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    cleanup_with(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    return take_fd(&fd);
}

/* Returns 1 with a line, 0 if the daemon says nothing, or a negative errno. */
static int await_line(const struct session *session, struct lines *lines, char **ret_line, size_t *ret_len)
{
    int timeout = session->endless ? -1 : SESSION_PATIENCE_MS;

    for (;;) {
        int r = lines_next(lines, ret_line, ret_len);

        if (r != 0)
            return r;
        struct pollfd poll_fd = { .fd = lines->fd_in, .events = POLLIN };

        r = poll(&poll_fd, 1, timeout);
        if (r <= 0)
            return r < 0 ? -errno : 0;
        r = lines_fill(lines);
        if (r < 0)
            return r;
    }
}

/* The whole request must be out before the answer can come: one line always fits the socket's buffer or the
 * daemon reads it. */
static int send_request(struct lines *lines, const struct text *request)
{
    int r = lines_put(lines, text_string(request), request->len);

    while (r == 0 && lines_pending(lines)) {
        struct pollfd poll_fd = { .fd = lines->fd_out, .events = POLLOUT };

        r = poll(&poll_fd, 1, SESSION_PATIENCE_MS) <= 0 ? -ETIMEDOUT : lines_flush(lines);
        if (r > 0)
            r = 0;
    }
    return r;
}

/* Returns 1 while the answer goes on, 0 at its end, or a negative errno. */
static int take_answer(const struct session *session, const char *line, size_t len,
                       enum control_exit *ret_exit, struct text *message)
{
    cleanup_with(control_answer_finish) struct control_answer answer = { 0 };
    struct json_error error;
    int r = control_answer_parse(line, len, &answer, &error);

    if (r < 0)
        return r;
    if (!answer.done) {
        session->line(session->userdata, line, len, answer.object);
        return 1;
    }
    if (answer.error || answer.note)
        text_add(message, answer.error ? answer.error : answer.note);
    *ret_exit = answer.exit;
    return 0;
}

static int converse(const struct session *session, struct lines *lines, const struct text *request,
                    enum control_exit *ret_exit, struct text *message)
{
    char *line;
    size_t len;
    int r = send_request(lines, request);

    /* A daemon that turns us away has answered and closed before it could read. */
    if (r == -EPIPE)
        r = 0;
    while (r >= 0) {
        r = await_line(session, lines, &line, &len);
        if (r == 0)
            return -ETIMEDOUT;
        if (r > 0)
            r = take_answer(session, line, len, ret_exit, message);
        if (r == 0)
            return 0;
    }
    return r;
}

enum control_exit session_refused(const char *path, int error, struct text *message)
{
    bool permitted = error != -EACCES && error != -EPERM;

    text_addf(message, permitted ? "no daemon at %s: %s" : "you may not ask the daemon at %s: %s", path,
              strerror(-error));
    return permitted ? CONTROL_EXIT_CONNECTION : CONTROL_EXIT_NOT_PERMITTED;
}

enum control_exit session_run(const struct session *session, const struct text *request, struct text *message)
{
    enum control_exit code = CONTROL_EXIT_CONNECTION;
    cleanup_with(closep) int fd = session_connect(session->socket);
    cleanup_with(lines_finish) struct lines lines = { 0 };

    if (fd < 0)
        return session_refused(session->socket, fd, message);
    int r = lines_init(&lines, fd, fd, CONTROL_LINE_MAX, CONTROL_LINE_MAX);

    if (r == 0)
        r = converse(session, &lines, request, &code, message);
    if (r < 0) {
        text_addf(message, "the connection to the daemon was lost: %s",
                  r == -EPIPE ? "it closed" : strerror(-r));
        return CONTROL_EXIT_CONNECTION;
    }
    return code;
}
