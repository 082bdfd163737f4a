/* SPDX-License-Identifier: GPL-3.0-or-later */
/* reply.c: a handle of its own, because a backend may answer when the client has long left. */
#include "gateway/ctl/reply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/ctl/client.h"

struct ctl_reply {
    struct client *client; /* NULL: it has left */
};

struct ctl_reply *ctl_reply_new(struct client *client)
{
    struct ctl_reply *reply = malloc(sizeof(*reply));

    if (reply)
        *reply = (struct ctl_reply){ .client = client };
    return reply;
}

void ctl_reply_desert(struct ctl_reply *reply)
{
    if (reply)
        reply->client = NULL;
}

bool ctl_reply_wanted(const struct ctl_reply *reply)
{
    return reply->client;
}

int ctl_reply_line(struct ctl_reply *reply, const char *line, size_t len)
{
    return reply->client ? client_put(reply->client, line, len) : -EPIPE;
}

int ctl_reply_text(struct ctl_reply *reply, const struct text *object)
{
    if (text_error(object)) {
        /* An answer that is not whole must not look so. */
        if (reply->client)
            client_answered(take_ptr(reply->client), CONTROL_EXIT_DAEMON, strerror(-text_error(object)));
        return text_error(object);
    }
    return ctl_reply_line(reply, text_string(object), object->len);
}

int ctl_reply_lines(struct ctl_reply *reply, const char *lines, size_t len)
{
    int r = 0;

    for (const char *end; r == 0 && len > 0 && (end = memchr(lines, '\n', len));) {
        size_t taken = (size_t)(end - lines) + 1;

        r = ctl_reply_line(reply, lines, taken - 1);
        lines += taken;
        len -= taken;
    }
    return r;
}

void ctl_reply_end(struct ctl_reply *reply, enum control_exit code, const char *message)
{
    if (reply->client)
        client_answered(reply->client, code, message);
    free(reply);
}
