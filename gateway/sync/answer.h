/* SPDX-License-Identifier: GPL-3.0-or-later */
/* answer.h: up/result, what became of a message from the cloud. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/text.h"
#include "gateway/sync/sync.h"
#include "proto/cloud_message.h"

/* Refusals that are answered and logged in one second; the others are dropped. */
#define ANSWER_REFUSALS_PER_S 50

struct answer {
    const struct sync_hooks *hooks;
    bool online; /* results go nowhere otherwise: the next birth tells where the gateway stands */
    int64_t second;
    unsigned refusals; /* in that second */
    struct text text;
};

void answer_finish(struct answer *answer);

void answer_send(struct answer *answer, const struct cloud_result *result);

/* A payload of topic `of` that a parser refused. policy is in force. */
void answer_refusal(struct answer *answer, const struct timestamp *now, const struct cloud_result *result,
                    const struct cloud_refusal *refusal);
