/* SPDX-License-Identifier: GPL-3.0-or-later */
/* session.h: presence: when to connect, and what up/state and up/report say (cloud contract 1). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/text.h"
#include "gateway/sync/commands.h"
#include "gateway/sync/sync.h"
#include "proto/cloud_message.h"

/* Wait before an attempt: anything up to a ceiling that doubles from the first to the last of these; a
 * connection on which the cloud gave both answers, or that stood for as long as the last, begins anew with
 * the first. */
#define SESSION_RETRY_MIN_US (1 * USEC_PER_SEC)
#define SESSION_RETRY_MAX_US (60 * USEC_PER_SEC)

/* But one that ends sooner than this goes on doubling, up to 4 s: two boxes of one name push each other off,
 * and without that would do so each second for ever. Not more: on a bad network the attempts that fail after
 * it double from there, and must not take the 30 s in which roots agree once it is well (P5). */
#define SESSION_BRIEF_US       (2 * USEC_PER_SEC)
#define SESSION_BRIEF_FAILURES 2

/* So many in a row are no accident. */
#define SESSION_BRIEF_MANY 3

/* Between two states that tell of a change, and between two reports. */
#define SESSION_CHANGE_US (5 * USEC_PER_SEC)
#define SESSION_REPORT_US (5 * USEC_PER_SEC)

/* Until a state is repeated: while desired or ack are still to come, and after. */
#define SESSION_UNANSWERED_US (30 * USEC_PER_SEC)
#define SESSION_ANSWERED_US   (600 * USEC_PER_SEC)

#define SESSION_REASON_SIZE 161

enum session_phase {
    SESSION_OFF,        /* stile-link does not run */
    SESSION_WAITING,    /* until retry_at */
    SESSION_CONNECTING, /* stile-link tries */
    SESSION_ONLINE,
    SESSION_STOPPED, /* for good */
};

struct session {
    const struct sync_hooks *hooks;
    struct commands *commands; /* has the challenges */
    enum session_phase phase;
    unsigned failures;
    unsigned brief; /* connections in a row that were answered and ended at once */
    int64_t retry_at;
    int64_t since_us; /* of the last change of being online */
    char reason[SESSION_REASON_SIZE];

    struct cloud_state state; /* what up/state says; conn is the last connection's number */
    bool changed;             /* since it was said */
    int64_t said_at;
    bool desired_came; /* answers to the states of this connection */
    bool ack_came;

    struct text report;
    bool report_changed;
    int64_t reported_at;

    struct text text;
};

void session_init(struct session *session, const struct sync_options *options,
                  const struct sync_hooks *hooks);
void session_finish(struct session *session);

void session_link_started(struct session *session);
void session_link_ended(struct session *session, const struct timestamp *now, const char *reason);

/* Return whether it has become so. */
bool session_connected(struct session *session, const struct timestamp *now) must_check;
bool session_disconnected(struct session *session, const struct timestamp *now,
                          const char *reason) must_check;

static inline bool session_online(const struct session *session)
{
    return session->phase == SESSION_ONLINE;
}

/* What the state tells has moved. A new policy is told in time; the log's position when the state is said
 * anyway. */
void session_set_policy(struct session *session, const struct cloud_policy *policy);
void session_set_log(struct session *session, const struct sync_log *log);

/* Says the state now, if online. */
void session_say(struct session *session, const struct timestamp *now);

/* As after a connect: the answers are awaited anew. */
void session_begin(struct session *session, const struct timestamp *now);

int session_report(struct session *session, const char *payload, size_t len) must_check;

void session_advance(struct session *session, const struct timestamp *now);
int64_t session_due(const struct session *session);

void session_stop(struct session *session);
