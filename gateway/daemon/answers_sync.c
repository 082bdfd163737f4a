/* SPDX-License-Identifier: GPL-3.0-or-later */
/* answers_sync.c: what the gateway knows of itself and the cloud, and where it might be wrong. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/daemon/answers.h"
#include "gateway/daemon/daemon.h"
#include "proto/json.h"

static void verified(void *user, const struct ledger_verified *verified)
{
    struct ctl_reply *reply = user;
    cleanup_with(text_finish) struct text text = TEXT_INIT;
    struct json_out out = json_out_to(&text);
    char broken[64];

    if (verified->error < 0) {
        ctl_reply_end(reply, CONTROL_EXIT_DAEMON, strerror(-verified->error));
        return;
    }
    json_begin_object(&out, NULL);
    json_add_string(&out, "epoch", verified->epoch);
    json_add_int(&out, "first", verified->first);
    json_add_int(&out, "last", verified->last);
    json_add_int(&out, "count", verified->last - verified->first + 1);
    if (verified->first_bad)
        json_add_int(&out, "first_bad", verified->first_bad);
    json_end_object(&out);
    ctl_reply_text(reply, &text);
    snprintf(broken, sizeof(broken), "event %" PRId64 " is not what it was", verified->first_bad);
    if (verified->first_bad)
        ctl_reply_end(reply, CONTROL_EXIT_NO, broken);
    else
        ctl_reply_end(reply, CONTROL_EXIT_OK, NULL);
}

void answers_events_verify(void *user, struct ctl_reply *reply)
{
    struct daemon *daemon = user;
    int r = ledger_verify(daemon->ledger, verified, reply);

    if (r < 0)
        ctl_reply_end(reply, CONTROL_EXIT_DAEMON, strerror(-r));
}
