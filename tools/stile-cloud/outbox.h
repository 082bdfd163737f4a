/* SPDX-License-Identifier: GPL-3.0-or-later */
/* outbox.h: commands on their way: who sends one puts it here, the process that serves publishes it and
 * writes down what the gateway answers. Known by ref, the hash of the signed bytes, which every answer has,
 * even one to a signature that does not hold. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/cleanup.h"
#include "gateway/base/text.h"
#include "proto/cloud_command.h"
#include "tools/stile-cloud/peer.h"
#include "tools/stile-cloud/site.h"

/* What was answered is kept for so long. */
#define OUTBOX_KEEP_S 86400

/* Signed bytes of a command. */
struct outbox_command {
    char ref[CLOUD_REF_SIZE];
    const char *gateway;
    int64_t exp;
    const char *payload;
};

/* Puts a command in, and wakes the process that serves. */
int outbox_add(struct site *site, const struct outbox_command *command, int64_t now) must_check;

/* Publishes what was not sent and has not expired, the oldest first. */
int outbox_send(struct site *site, int64_t now, peers_publish_fn *publish, void *user) must_check;

/* Writes down a gateway's up/result, unless there is one, and wakes who waits for it. Returns 1 if it was one
 * of ours, 0 if not, or a negative errno. */
int outbox_answered(struct site *site, const char *gateway, const char *ref, const char *result) must_check;

/* What was answered, into text. Returns 1, 0 if nothing was yet, or a negative errno; *ret_sent tells whether
 * it was sent at all. */
int outbox_answer(struct site *site, const char *ref, struct text *text, bool *ret_sent) must_check;
