/* SPDX-License-Identifier: GPL-3.0-or-later */
/* answer.h: up/result, what became of a message from the cloud, and the event that tells of refusals. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/text.h"
#include "gateway/sync/sync.h"
#include "proto/cloud_message.h"

/* Refusals that are answered and logged in one second; the others are only counted. */
#define ANSWER_REFUSALS_PER_S 50

/* Each code's first refusal is an event, then all that came within this time are one. */
#define ANSWER_EVENT_US (60 * USEC_PER_SEC)

/* As many codes as the contract has, and more. */
#define ANSWER_CODES_MAX 64

/* Refusals by one code. */
struct answer_refused {
    const char *code;
    int64_t told_us; /* of the last event */
    int64_t count;   /* since then */
    enum cloud_topic of;
    struct json_error error; /* of the last one */
};

struct answer {
    const struct sync_hooks *hooks;
    bool online; /* results go nowhere otherwise: the next birth tells where the gateway stands */
    int64_t second;
    unsigned refusals; /* in that second */
    struct answer_refused refused[ANSWER_CODES_MAX];
    size_t refused_count;
    struct cloud_result trouble; /* for people: what was refused or failed last, and when */
    int64_t trouble_us;
    struct text text;
};

void answer_finish(struct answer *answer);

void answer_send(struct answer *answer, const struct timestamp *now, const struct cloud_result *result);

/* A message is refused: result says of which topic, its ref, and which policy is in force. */
void answer_refusal(struct answer *answer, const struct timestamp *now, const struct cloud_result *result,
                    const struct cloud_refusal *refusal);

/* The same of commands, which have results of their own: of one that is refused ref, and jti and kid if they
 * are known. */
void answer_command(struct answer *answer, const struct cloud_command_result *result);
void answer_command_refusal(struct answer *answer, const struct timestamp *now,
                            const struct cloud_command_result *result, const struct cloud_refusal *refusal);

void answer_advance(struct answer *answer, const struct timestamp *now);
int64_t answer_due(const struct answer *answer);
