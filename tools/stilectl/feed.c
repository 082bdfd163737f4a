/* SPDX-License-Identifier: GPL-3.0-or-later */
/* feed.c: requests are short and few, so that they always fit into the socket's buffer. */
#include "tools/stilectl/feed.h"

#include <errno.h>
#include <unistd.h>

#include "tools/stilectl/session.h"

int feed_open(struct feed *feed, const char *path)
{
    int fd = session_connect(path);

    if (fd < 0)
        return fd;
    int r = lines_init(&feed->lines, fd, fd, CONTROL_LINE_MAX, CONTROL_LINE_MAX);

    feed->fd = fd;
    if (r < 0)
        feed_close(feed);
    return r;
}

void feed_close(struct feed *feed)
{
    if (feed->fd < 0)
        return;
    lines_finish(&feed->lines);
    close(feed->fd);
    *feed = (struct feed)FEED_CLOSED;
}

int feed_ask(struct feed *feed, const char *command, const struct control_args *args)
{
    cleanup_with(text_finish) struct text request = TEXT_INIT;
    struct json_error error;
    int r = control_request_format(&request, control_find(command), args, &error);

    return r < 0 ? r : lines_put(&feed->lines, text_string(&request), request.len);
}

static int take(char *bytes, size_t len,
                void (*line)(void *user, struct control_answer *answer, const char *bytes, size_t len),
                void *user)
{
    cleanup_with(control_answer_finish) struct control_answer answer = { 0 };
    struct json_error error;
    int r = control_answer_parse(bytes, len, &answer, &error);

    if (r == 0)
        line(user, &answer, bytes, len);
    return r;
}

int feed_read(struct feed *feed,
              void (*line)(void *user, struct control_answer *answer, const char *bytes, size_t len),
              void *user)
{
    char *bytes;
    size_t len;
    int filled = lines_fill(&feed->lines);
    int r;

    while ((r = lines_next(&feed->lines, &bytes, &len)) > 0) {
        r = take(bytes, len, line, user);
        if (r < 0)
            return r;
    }
    if (r < 0)
        return r;
    return filled < 0 ? filled : 0;
}
