/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl.c: the listening socket and the few who are connected to it. */
#include "gateway/ctl/ctl.h"

#include <assert.h>
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-event.h>

#include "gateway/ctl/client.h"

#define SOCKET_MODE 0660
#define BACKLOG     16

/* More connections in a second wait: a failing accept() must not keep the loop busy. */
#define ACCEPTS_PER_SEC 100

struct ctl {
    struct client_house house;
    char *path;
    int fd;
    bool bound; /* path is ours to remove */
    sd_event_source *source;
    struct client *clients[CTL_CLIENTS_MAX];
};

static void forget(void *userdata, struct client *client)
{
    struct ctl *ctl = userdata;

    for (size_t i = 0; i < CTL_CLIENTS_MAX; i++)
        if (ctl->clients[i] == client)
            ctl->clients[i] = client_free(client);
}

static void turn_away(int fd)
{
    cleanup_with(text_finish) struct text text = TEXT_INIT;

    control_done_format(&text, CONTROL_EXIT_DAEMON, "too many clients", NULL);
    text_add(&text, "\n");
    if (!text_error(&text))
        (void)!send(fd, text_string(&text), text.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(fd);
}

static int on_connection(sd_event_source *source, int listen_fd, uint32_t revents, void *userdata)
{
    struct ctl *ctl = userdata;
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0)
        return 0;
    for (size_t i = 0; i < CTL_CLIENTS_MAX; i++) {
        if (!ctl->clients[i]) {
            (void)!client_new(&ctl->house, fd,
                              &ctl->clients[i]); /* one who cannot be served sees it closed */
            return 0;
        }
    }
    turn_away(fd);
    return 0;
}

static int group_of(const char *name, gid_t *ret_gid)
{
    struct group *group;

    if (!name) {
        *ret_gid = PEER_NO_GROUP;
        return 0;
    }
    errno = 0;
    group = getgrnam(name);
    if (!group)
        return errno ? -errno : -ESRCH;
    *ret_gid = group->gr_gid;
    return 0;
}

/* Removes the socket of a daemon that is no more. */
static int remove_stale(const struct sockaddr_un *address)
{
    struct stat st;

    if (lstat(address->sun_path, &st) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(st.st_mode))
        return -EEXIST;
    cleanup_with(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno != ECONNREFUSED)
        return -EADDRINUSE;
    return unlink(address->sun_path) < 0 ? -errno : 0;
}

static int listen_at(struct ctl *ctl)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    if (strlen(ctl->path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    strcpy(address.sun_path, ctl->path);
    int r = remove_stale(&address);

    if (r < 0)
        return r;
    ctl->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (ctl->fd < 0)
        return -errno;
    /* bind() gives the path the socket's mode less the umask, so that it is never open to more. */
    if (fchmod(ctl->fd, SOCKET_MODE) < 0 ||
        bind(ctl->fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    ctl->bound = true;
    if (chmod(ctl->path, SOCKET_MODE) < 0 || listen(ctl->fd, BACKLOG) < 0)
        return -errno;
    return 0;
}

static int start(struct ctl *ctl, const struct ctl_options *options)
{
    int r = group_of(options->operator_group, &ctl->house.operator_gid);

    if (r < 0)
        return r;
    ctl->path = strdup(options->path);
    if (!ctl->path)
        return -ENOMEM;
    r = listen_at(ctl);
    if (r == 0)
        r = sd_event_add_io(ctl->house.event, &ctl->source, ctl->fd, EPOLLIN, on_connection, ctl);
    if (r >= 0)
        r = sd_event_source_set_ratelimit(ctl->source, USEC_PER_SEC, ACCEPTS_PER_SEC);
    return r < 0 ? r : 0;
}

int ctl_new(struct sd_event *event, const struct ctl_options *options, struct ctl **ret_ctl)
{
    struct ctl *ctl = calloc(1, sizeof(*ctl));

    if (!ctl)
        return -ENOMEM;
    ctl->fd = -1;
    ctl->house = (struct client_house){
        .event = sd_event_ref(event),
        .backend = options->backend,
        .idle_us = options->idle_us ? options->idle_us : CTL_IDLE_US,
        .stall_us = options->stall_us ? options->stall_us : CTL_STALL_US,
        .gone = forget,
        .userdata = ctl,
    };
    int r = start(ctl, options);

    if (r < 0) {
        ctl_free(ctl);
        return r;
    }
    *ret_ctl = ctl;
    return 0;
}

struct ctl *ctl_free(struct ctl *ctl)
{
    if (!ctl)
        return NULL;
    for (size_t i = 0; i < CTL_CLIENTS_MAX; i++)
        client_free(ctl->clients[i]);
    sd_event_source_disable_unref(ctl->source);
    sd_event_unref(ctl->house.event);
    closep(&ctl->fd);
    if (ctl->bound)
        unlink(ctl->path);
    free(ctl->path);
    free(ctl);
    return NULL;
}

void ctl_publish(struct ctl *ctl, const char *event, size_t len)
{
    for (size_t i = 0; i < CTL_CLIENTS_MAX; i++)
        if (ctl->clients[i])
            client_publish(ctl->clients[i], event, len);
}
