/* SPDX-License-Identifier: GPL-3.0-or-later */
/* reply.h: ctl's own side of a reply; backend.h has the backend's. */
#pragma once

#include "gateway/ctl/backend.h"

struct client;

/* NULL: out of memory. The client must call ctl_reply_desert() if it goes before the reply has ended. */
struct ctl_reply *ctl_reply_new(struct client *client);

/* The client has left. Takes NULL. */
void ctl_reply_desert(struct ctl_reply *reply);
