/* SPDX-License-Identifier: GPL-3.0-or-later */
/* peer.h: who is at the other end of a connection, by what the kernel says. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "gateway/base/cleanup.h"

/* Bytes of a user's name with NUL. */
#define PEER_NAME_SIZE 64

/* No operator group. */
#define PEER_NO_GROUP ((gid_t)-1)

struct peer {
    char name[PEER_NAME_SIZE]; /* from /etc/passwd alone, or "uid 1004" */
    bool operates;             /* root, the daemon's own user, or a member of the operator group */
};

/* Reads it when the connection was made; later changes of the peer's groups count for later connections.
 * Returns 0 or a negative errno. */
int peer_read(int fd, gid_t operator_gid, struct peer *ret_peer) must_check;
