/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl.h: the control socket, through which people at the gateway ask and operate.
 *
 * A Unix stream socket of mode 0660 on the daemon's loop. Who is at the other end comes from the kernel
 * (SO_PEERCRED, SO_PEERGROUPS), never from the request. Nothing here waits: clients, lines, output and time
 * are bounded, and a client that does not read is dropped.
 */
#pragma once

#include <stddef.h>

#include "gateway/base/cleanup.h"
#include "gateway/base/clock.h"
#include "gateway/ctl/backend.h"

struct sd_event;
struct ctl;

/* Clients at once; one more is told so and closed. */
#define CTL_CLIENTS_MAX 16

/* Output kept for a client that is slower than its answer. */
#define CTL_OUTPUT_MAX (4u * 1024 * 1024)

/* A client without a request, and one that doesn't take its answer, are dropped after this long. */
#define CTL_IDLE_US  (30 * USEC_PER_SEC)
#define CTL_STALL_US (10 * USEC_PER_SEC)

struct ctl_options {
    const char *path;           /* a socket that nobody listens on any more is replaced */
    const char *operator_group; /* NULL: only root and the daemon's user operate */
    struct ctl_backend backend; /* copied; every function is set */
    int64_t idle_us;            /* 0: CTL_IDLE_US */
    int64_t stall_us;           /* 0: CTL_STALL_US */
};

/* Listens. options last for the call. Returns 0, -EADDRINUSE if another daemon listens there, -ESRCH if there
 * is no such group, or a negative errno. */
int ctl_new(struct sd_event *event, const struct ctl_options *options, struct ctl **ret_ctl) must_check;

/* Drops every client, removes the socket. NULL is harmless. Returns NULL. Replies that are still out are to
 * be ended nevertheless. */
struct ctl *ctl_free(struct ctl *ctl);

/* An event that is durable now, for those who follow: the stored line without LF. */
void ctl_publish(struct ctl *ctl, const char *event, size_t len);
