/* SPDX-License-Identifier: GPL-3.0-or-later */
/* session.c: the back-off lives here and not in stile-link, because each attempt needs a Will with its
 * number, and because time can be simulated here. */
#include "gateway/sync/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/log.h"
#include "proto/event.h"

/* Behind the reason, when connections end at once again and again. */
#define SECOND_BOX " (again and again, just after it stood: has another box this one's site and name?)"

void session_init(struct session *session, const struct sync_options *options, const struct sync_hooks *hooks)
{
    *session = (struct session){ .hooks = hooks, .phase = SESSION_OFF };
    struct cloud_state *state = &session->state;

    snprintf(state->gateway, sizeof(state->gateway), "%s", options->self.gateway);
    snprintf(state->boot, sizeof(state->boot), "%s", options->boot_id);
    snprintf(state->contract, sizeof(state->contract), "%s", CLOUD_CONTRACT);
    snprintf(state->software, sizeof(state->software), "%s", options->software);
    snprintf(state->trust, sizeof(state->trust), "%s", trust_mode_name(options->trust));
    state->conn = options->conn;
    session_set_policy(session, &options->policy);
    session_set_log(session, &options->log);
}

void session_finish(struct session *session)
{
    text_finish(&session->report);
    text_finish(&session->text);
}

static void publish_state(struct session *session, const struct cloud_state *state)
{
    int r = cloud_state_format(&session->text, state);

    if (r < 0)
        log_error("sync", "cannot write the state: %s", strerror(-r));
    else
        session->hooks->publish(session->hooks->user, CLOUD_UP_STATE, session->text.data, session->text.len);
}

/* The Will of connection number conn, and what a clean stop says. */
static struct cloud_state last_words(const struct session *session, int64_t conn)
{
    struct cloud_state state = session->state;

    state.conn = conn;
    state.online = false;
    return state;
}

static void try_connect(struct session *session)
{
    const struct cloud_state will = last_words(session, session->state.conn + 1);
    int r = cloud_state_format(&session->text, &will);

    session->phase = SESSION_CONNECTING;
    if (r < 0)
        log_error("sync", "cannot write the will: %s", strerror(-r));
    else
        session->hooks->connect(session->hooks->user, session->text.data, session->text.len);
}

static bool answered(const struct session *session)
{
    return session->desired_came && session->ack_came;
}

/* The end of a connection that did its work, or stood for long, is no failure; whoever ended it at once may
 * do so again. */
static void judge(struct session *session, int64_t stood_us)
{
    if (stood_us >= SESSION_RETRY_MAX_US || (answered(session) && stood_us >= SESSION_BRIEF_US)) {
        session->failures = 0;
        session->brief = 0;
    } else if (answered(session)) {
        session->brief++;
        if (session->failures > SESSION_BRIEF_FAILURES)
            session->failures = SESSION_BRIEF_FAILURES;
    }
}

/* Goes offline. */
static void leave(struct session *session, const struct timestamp *now, const char *reason)
{
    bool online = session->phase == SESSION_ONLINE;
    char text[SESSION_REASON_SIZE];

    if (online) {
        judge(session, now->boot_us - session->since_us);
        session->since_us = now->boot_us;
    }
    snprintf(text, sizeof(text), "%s%s", reason,
             online && session->brief >= SESSION_BRIEF_MANY ? SECOND_BOX : "");
    if (online || strcmp(text, session->reason) != 0)
        log_warning("sync", "not connected: %s", text);
    memcpy(session->reason, text, sizeof(text));
}

static int64_t retry_ceiling(unsigned failures)
{
    int64_t ceiling = SESSION_RETRY_MIN_US;

    while (failures-- > 0 && ceiling < SESSION_RETRY_MAX_US)
        ceiling *= 2;
    return ceiling < SESSION_RETRY_MAX_US ? ceiling : SESSION_RETRY_MAX_US;
}

void session_link_started(struct session *session)
{
    if (session->phase == SESSION_OFF)
        try_connect(session);
}

void session_link_ended(struct session *session, const struct timestamp *now, const char *reason)
{
    if (session->phase == SESSION_STOPPED)
        return;
    leave(session, now, reason);
    session->phase = SESSION_OFF;
}

bool session_connected(struct session *session, const struct timestamp *now)
{
    if (session->phase != SESSION_CONNECTING)
        return false;
    session->phase = SESSION_ONLINE;
    session->since_us = now->boot_us;
    session->reason[0] = '\0';
    session->state.conn++;
    session->hooks->save_conn(session->hooks->user, session->state.conn);
    log_notice("sync", "connected");
    session_begin(session, now);
    session->report_changed = session->report.len > 0;
    session->reported_at = now->boot_us - SESSION_REPORT_US;
    return true;
}

bool session_disconnected(struct session *session, const struct timestamp *now, const char *reason)
{
    if (session->phase != SESSION_CONNECTING && session->phase != SESSION_ONLINE)
        return false;
    leave(session, now, reason);
    uint64_t ceiling = (uint64_t)retry_ceiling(session->failures++);

    session->phase = SESSION_WAITING;
    session->retry_at =
        now->boot_us + (int64_t)(session->hooks->random(session->hooks->user) % (ceiling + 1));
    return true;
}

void session_set_policy(struct session *session, const struct cloud_policy *policy)
{
    const struct cloud_policy *said = &session->state.policy;

    if (said->generation != policy->generation || said->version != policy->version ||
        strcmp(said->root, policy->root) != 0)
        session->changed = true;
    session->state.policy = *policy;
}

void session_set_log(struct session *session, const struct sync_log *log)
{
    memcpy(session->state.epoch, log->epoch, sizeof(session->state.epoch));
    session->state.oldest = log->oldest;
    session->state.acked = log->acked;
    session->state.head = log->head;
}

void session_say(struct session *session, const struct timestamp *now)
{
    struct cloud_state *state = &session->state;

    if (!session_online(session))
        return;
    state->online = true;
    state->clock = now->clock;
    if (now->clock == CLOCK_STATE_NONE || !event_utc_format(now->utc_us, state->utc))
        state->utc[0] = '\0';
    commands_challenge(session->commands, now, state->challenge);
    publish_state(session, state);
    session->changed = false;
    session->said_at = now->boot_us;
}

void session_begin(struct session *session, const struct timestamp *now)
{
    session->desired_came = false;
    session->ack_came = false;
    session_say(session, now);
}

int session_report(struct session *session, const char *payload, size_t len)
{
    if (session->report.len == len && memcmp(text_string(&session->report), payload, len) == 0)
        return 0;
    text_reset(&session->report);
    text_add_bytes(&session->report, payload, len);
    session->report_changed = true;
    return text_error(&session->report);
}

static int64_t state_due(const struct session *session)
{
    if (session->changed)
        return session->said_at + SESSION_CHANGE_US;
    return session->said_at + (answered(session) ? SESSION_ANSWERED_US : SESSION_UNANSWERED_US);
}

static int64_t report_due(const struct session *session)
{
    return session->report_changed ? session->reported_at + SESSION_REPORT_US : SYNC_NEVER;
}

static void publish_report(struct session *session, const struct timestamp *now)
{
    session->hooks->publish(session->hooks->user, CLOUD_UP_REPORT, session->report.data, session->report.len);
    session->report_changed = false;
    session->reported_at = now->boot_us;
}

static void advance_online(struct session *session, const struct timestamp *now)
{
    if (now->clock != session->state.clock)
        session->changed = true;
    if (now->boot_us >= state_due(session))
        session_say(session, now);
    if (now->boot_us >= report_due(session))
        publish_report(session, now);
}

void session_advance(struct session *session, const struct timestamp *now)
{
    switch (session->phase) {
    case SESSION_WAITING:
        if (now->boot_us >= session->retry_at)
            try_connect(session);
        return;
    case SESSION_ONLINE:
        advance_online(session, now);
        return;
    case SESSION_OFF:
    case SESSION_CONNECTING:
    case SESSION_STOPPED:
        return;
    }
}

int64_t session_due(const struct session *session)
{
    switch (session->phase) {
    case SESSION_WAITING:
        return session->retry_at;
    case SESSION_ONLINE: {
        int64_t state = state_due(session);
        int64_t report = report_due(session);

        return state < report ? state : report;
    }
    case SESSION_OFF:
    case SESSION_CONNECTING:
    case SESSION_STOPPED:
        return SYNC_NEVER;
    }
    return SYNC_NEVER;
}

void session_stop(struct session *session)
{
    if (session_online(session)) {
        const struct cloud_state state = last_words(session, session->state.conn);

        publish_state(session, &state);
    }
    session->phase = SESSION_STOPPED;
}
