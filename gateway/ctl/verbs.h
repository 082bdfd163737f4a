/* SPDX-License-Identifier: GPL-3.0-or-later */
/* verbs.h: from a checked request to the backend's function. */
#pragma once

#include "gateway/ctl/client.h"

/* Hands the reply to the backend. */
void verbs_run(struct client *client, const struct control_request *request, struct ctl_reply *reply);
