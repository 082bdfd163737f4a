/* SPDX-License-Identifier: GPL-3.0-or-later */
/* answer.c: refusals are bounded per second, because whoever can publish to the gateway could otherwise make
 * it talk and log without end. */
#include "gateway/sync/answer.h"

#include <assert.h>
#include <string.h>

#include "gateway/base/log.h"
#include "proto/cloud_command.h"

void answer_finish(struct answer *answer)
{
    text_finish(&answer->text);
}

static void note_trouble(struct answer *answer, const struct timestamp *now,
                         const struct cloud_result *result)
{
    if (result->outcome != CLOUD_OUTCOME_REJECTED && result->outcome != CLOUD_OUTCOME_FAILED)
        return;
    answer->trouble = *result;
    answer->trouble_us = now->boot_us;
}

/* What was formatted with result r. */
static void publish(struct answer *answer, int r)
{
    if (r < 0)
        log_error("sync", "cannot write a result: %s", strerror(-r));
    else
        answer->hooks->publish(answer->hooks->user, CLOUD_UP_RESULT, answer->text.data, answer->text.len);
}

void answer_send(struct answer *answer, const struct timestamp *now, const struct cloud_result *result)
{
    note_trouble(answer, now, result);
    if (!answer->online)
        return;
    publish(answer, cloud_result_format(&answer->text, result));
}

void answer_command(struct answer *answer, const struct cloud_command_result *result)
{
    if (!answer->online)
        return;
    publish(answer, cloud_command_result_format(&answer->text, result));
}

static bool may_answer(struct answer *answer, const struct timestamp *now)
{
    int64_t second = now->boot_us / USEC_PER_SEC;

    if (second != answer->second) {
        answer->second = second;
        answer->refusals = 0;
    }
    return answer->refusals++ < ANSWER_REFUSALS_PER_S;
}

static void tell(struct answer *answer, const struct timestamp *now, struct answer_refused *refused)
{
    const struct sync_refused event = { .of = refused->of,
                                        .code = refused->code,
                                        .member = refused->error.path,
                                        .text = refused->error.text,
                                        .count = refused->count };

    refused->told_us = now->boot_us;
    refused->count = 0;
    if (answer->hooks->refused)
        answer->hooks->refused(answer->hooks->user, now, &event);
}

static struct answer_refused *find(struct answer *answer, const char *code)
{
    for (size_t i = 0; i < answer->refused_count; i++)
        if (strcmp(answer->refused[i].code, code) == 0)
            return &answer->refused[i];
    return NULL;
}

static void count(struct answer *answer, const struct timestamp *now, enum cloud_topic of,
                  const struct cloud_refusal *refusal)
{
    struct answer_refused *refused = find(answer, refusal->code);
    bool first = !refused;

    if (first) {
        assert(answer->refused_count < ANSWER_CODES_MAX);
        refused = &answer->refused[answer->refused_count++];
        *refused = (struct answer_refused){ .code = refusal->code };
    }
    refused->count++;
    refused->of = of;
    refused->error = refusal->error;
    if (first)
        tell(answer, now, refused);
}

/* Counts it, and logs it if there were not too many. Returns whether to answer. */
static bool take_refusal(struct answer *answer, const struct timestamp *now, enum cloud_topic of,
                         const struct cloud_refusal *refusal)
{
    count(answer, now, of, refusal);
    if (!may_answer(answer, now))
        return false;
    log_warning("sync", "%s refused (%s): %s%s%s", cloud_topic_name(of), refusal->code, refusal->error.path,
                refusal->error.path[0] ? ": " : "", refusal->error.text);
    return true;
}

void answer_command_refusal(struct answer *answer, const struct timestamp *now,
                            const struct cloud_command_result *result, const struct cloud_refusal *refusal)
{
    struct cloud_command_result refused = *result;

    if (!take_refusal(answer, now, CLOUD_DOWN_COMMAND, refusal))
        return;
    refused.outcome = CLOUD_COMMAND_REFUSED;
    text_copy(refused.code, sizeof(refused.code), refusal->code);
    text_copy(refused.member, sizeof(refused.member), refusal->error.path);
    answer_command(answer, &refused);
}

void answer_refusal(struct answer *answer, const struct timestamp *now, const struct cloud_result *result,
                    const struct cloud_refusal *refusal)
{
    struct cloud_result refused = *result;

    if (!take_refusal(answer, now, result->of, refusal))
        return;
    refused.outcome = CLOUD_OUTCOME_REJECTED;
    text_copy(refused.code, sizeof(refused.code), refusal->code);
    text_copy(refused.kind, sizeof(refused.kind), refusal->kind);
    text_copy(refused.id, sizeof(refused.id), refusal->id);
    text_copy(refused.member, sizeof(refused.member), refusal->error.path);
    answer_send(answer, now, &refused);
}

/* A code that was silent for so long is forgotten. */
void answer_advance(struct answer *answer, const struct timestamp *now)
{
    for (size_t i = answer->refused_count; i-- > 0;) {
        struct answer_refused *refused = &answer->refused[i];

        if (now->boot_us < refused->told_us + ANSWER_EVENT_US)
            continue;
        if (refused->count > 0)
            tell(answer, now, refused);
        else
            *refused = answer->refused[--answer->refused_count];
    }
}

int64_t answer_due(const struct answer *answer)
{
    int64_t due = SYNC_NEVER;

    for (size_t i = 0; i < answer->refused_count; i++)
        if (answer->refused[i].told_us + ANSWER_EVENT_US < due)
            due = answer->refused[i].told_us + ANSWER_EVENT_US;
    return due;
}
