/* SPDX-License-Identifier: GPL-3.0-or-later */
/* peer.c: credentials and groups come with the socket; nothing that the peer says counts. */
#include "gateway/ctl/peer.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/socket.h>

#define PASSWD_LINE_MAX 4096

static void filep(FILE **file)
{
    if (*file)
        fclose(*file);
}

/* getpwuid() may ask a directory service and wait for it. */
static void read_name(uid_t uid, char ret_name[static PEER_NAME_SIZE])
{
    cleanup_with(filep) FILE *file = fopen("/etc/passwd", "re");
    char buffer[PASSWD_LINE_MAX];
    struct passwd entry;
    struct passwd *found;

    snprintf(ret_name, PEER_NAME_SIZE, "uid %u", uid);
    while (file && fgetpwent_r(file, &entry, buffer, sizeof(buffer), &found) == 0) {
        if (entry.pw_uid == uid) {
            snprintf(ret_name, PEER_NAME_SIZE, "%s", entry.pw_name);
            return;
        }
    }
}

/* Returns 1 if gid is among the peer's supplementary groups, 0 if not, or a negative errno. */
static int has_group(int fd, gid_t gid)
{
    socklen_t size = 0;
    cleanup_with(freep) gid_t *groups = NULL;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0)
        return 0;
    if (errno != ERANGE)
        return -errno;
    groups = malloc(size);
    if (!groups)
        return -ENOMEM;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
        return -errno;
    for (size_t i = 0; i < size / sizeof(groups[0]); i++)
        if (groups[i] == gid)
            return 1;
    return 0;
}

int peer_read(int fd, gid_t operator_gid, struct peer *ret_peer)
{
    struct ucred credentials;
    socklen_t size = sizeof(credentials);
    int operates;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
        return -errno;
    operates = credentials.uid == 0 || credentials.uid == geteuid();
    if (!operates && operator_gid != PEER_NO_GROUP)
        operates = credentials.gid == operator_gid ? 1 : has_group(fd, operator_gid);
    if (operates < 0)
        return operates;
    ret_peer->operates = operates;
    read_name(credentials.uid, ret_peer->name);
    return 0;
}
