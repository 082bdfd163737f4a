/* SPDX-License-Identifier: GPL-3.0-or-later */
/* answer.c: refusals are bounded per second, because whoever can publish to the gateway could otherwise make
 * it talk and log without end. */
#include "gateway/sync/answer.h"

#include <stdio.h>
#include <string.h>

#include "gateway/base/log.h"

void answer_finish(struct answer *answer)
{
    text_finish(&answer->text);
}

void answer_send(struct answer *answer, const struct cloud_result *result)
{
    if (!answer->online)
        return;
    int r = cloud_result_format(&answer->text, result);

    if (r < 0)
        log_error("sync", "cannot write a result: %s", strerror(-r));
    else
        answer->hooks->publish(answer->hooks->user, CLOUD_UP_RESULT, answer->text.data, answer->text.len);
}

static bool may_refuse(struct answer *answer, const struct timestamp *now)
{
    int64_t second = now->boot_us / USEC_PER_SEC;

    if (second != answer->second) {
        answer->second = second;
        answer->refusals = 0;
    }
    return answer->refusals++ < ANSWER_REFUSALS_PER_S;
}

void answer_refusal(struct answer *answer, const struct timestamp *now, const struct cloud_result *result,
                    const struct cloud_refusal *refusal)
{
    struct cloud_result refused = *result;

    if (!may_refuse(answer, now))
        return;
    log_warning("sync", "%s refused (%s): %s%s%s", cloud_topic_name(result->of), refusal->code,
                refusal->error.path, refusal->error.path[0] ? ": " : "", refusal->error.text);
    refused.outcome = CLOUD_OUTCOME_REJECTED;
    snprintf(refused.code, sizeof(refused.code), "%s", refusal->code);
    snprintf(refused.kind, sizeof(refused.kind), "%s", refusal->kind);
    snprintf(refused.id, sizeof(refused.id), "%s", refusal->id);
    snprintf(refused.member, sizeof(refused.member), "%s", refusal->error.path);
    answer_send(answer, &refused);
}
