/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sync.c: the facade hands each input to the part it concerns and what one part learns to the others: a
 * connection's begin and end, a policy in force, the log's position. */
#include "gateway/sync/sync.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/sync/answer.h"
#include "gateway/sync/commands.h"
#include "gateway/sync/feed.h"
#include "gateway/sync/session.h"
#include "gateway/sync/trust.h"
#include "gateway/sync/uplink.h"
#include "gateway/sync/wall.h"

struct sync {
    char site[ID_SIZE];
    char gateway[ID_SIZE];
    struct cloud_self self; /* points to these */
    struct sync_hooks hooks;
    int64_t heard_us;
    struct trust *trust;
    struct answer answer;
    struct session session;
    struct feed feed;
    struct uplink uplink;
    struct wall wall;
    struct commands commands;
};

struct sync *sync_free(struct sync *sync)
{
    if (!sync)
        return NULL;
    trust_free(sync->trust);
    answer_finish(&sync->answer);
    session_finish(&sync->session);
    feed_finish(&sync->feed);
    uplink_finish(&sync->uplink);
    wall_finish(&sync->wall);
    commands_finish(&sync->commands);
    free(sync);
    return NULL;
}

/* For the verb `sync`. */
static void say_birth(void *user, const struct timestamp *now)
{
    struct sync *sync = user;

    session_begin(&sync->session, now);
    uplink_begin(&sync->uplink);
}

static void init_commands(struct sync *sync, const struct sync_options *options)
{
    wall_init(&sync->wall, options, &sync->hooks);
    sync->wall.self = &sync->self;
    sync->wall.answer = &sync->answer;
    commands_init(&sync->commands, &sync->hooks);
    sync->commands.self = &sync->self;
    sync->commands.answer = &sync->answer;
    sync->commands.wall = &sync->wall;
    sync->commands.say = say_birth;
    sync->commands.say_user = sync;
    sync->session.commands = &sync->commands;
}

static void syncp(struct sync **sync)
{
    sync_free(*sync);
}

int sync_new(const struct sync_options *options, const struct sync_hooks *hooks, struct sync **ret)
{
    cleanup_with(syncp) struct sync *sync = calloc(1, sizeof(*sync));

    if (!sync)
        return -ENOMEM;
    int r = trust_new(options->trust, options->keys, &sync->trust);

    if (r < 0)
        return r;
    snprintf(sync->site, sizeof(sync->site), "%s", options->self.site);
    snprintf(sync->gateway, sizeof(sync->gateway), "%s", options->self.gateway);
    sync->self = (struct cloud_self){ .site = sync->site, .gateway = sync->gateway };
    sync->hooks = *hooks;
    sync->answer.hooks = &sync->hooks;
    session_init(&sync->session, options, &sync->hooks);
    feed_init(&sync->feed, options, &sync->hooks);
    sync->feed.self = &sync->self;
    sync->feed.answer = &sync->answer;
    uplink_init(&sync->uplink, &options->log, &sync->hooks);
    init_commands(sync, options);
    *ret = take_ptr(sync);
    return 0;
}

static void go_offline(struct sync *sync)
{
    sync->answer.online = false;
    feed_disconnected(&sync->feed);
    uplink_disconnected(&sync->uplink);
    wall_disconnected(&sync->wall);
}

void sync_link_started(struct sync *sync)
{
    session_link_started(&sync->session);
}

void sync_link_ended(struct sync *sync, const struct timestamp *now, const char *reason)
{
    session_link_ended(&sync->session, now, reason);
    go_offline(sync);
}

void sync_connected(struct sync *sync, const struct timestamp *now)
{
    if (!session_connected(&sync->session, now))
        return;
    sync->answer.online = true;
    uplink_begin(&sync->uplink);
    session_advance(&sync->session, now);
    wall_advance(&sync->wall, now);
}

void sync_disconnected(struct sync *sync, const struct timestamp *now, const char *reason)
{
    if (session_disconnected(&sync->session, now, reason))
        go_offline(sync);
}

static void refuse(struct sync *sync, const struct timestamp *now, struct cloud_result *result,
                   const struct cloud_refusal *refusal)
{
    result->policy = sync->feed.have;
    answer_refusal(&sync->answer, now, result, refusal);
}

static void take_desired(struct sync *sync, const struct timestamp *now, const struct trust_opened *opened)
{
    struct cloud_desired desired;

    if (!feed_desired(&sync->feed, now, opened, &desired))
        return;
    sync->session.desired_came = true;
    if (opened->key)
        wall_note_iat(&sync->wall, desired.iat);
    wall_desired(&sync->wall, now, &desired, &sync->feed.have);
}

static void take_delta(struct sync *sync, const struct timestamp *now, const struct trust_opened *opened)
{
    feed_delta(&sync->feed, now, opened);
}

static void take_snapshot(struct sync *sync, const struct timestamp *now, const struct trust_opened *opened)
{
    feed_snapshot(&sync->feed, now, opened);
}

static void take_ack(struct sync *sync, const struct timestamp *now, const struct trust_opened *opened)
{
    struct cloud_result result = { .of = CLOUD_DOWN_ACK };
    struct cloud_refusal refusal;
    struct cloud_ack ack;
    int r = cloud_ack_parse(opened->payload, opened->len, &sync->self, &ack, &refusal);

    memcpy(result.ref, opened->ref, sizeof(result.ref));
    if (r == 0)
        uplink_ack(&sync->uplink, &ack);
    else if (r == -EBADMSG)
        refuse(sync, now, &result, &refusal);
}

static void take_command(struct sync *sync, const struct timestamp *now, const struct trust_opened *opened)
{
    commands_take(&sync->commands, now, opened);
}

static void take_time(struct sync *sync, const struct timestamp *now, const struct trust_opened *opened)
{
    wall_time(&sync->wall, now, opened, &sync->feed.have);
}

typedef void take_fn(struct sync *sync, const struct timestamp *now, const struct trust_opened *opened);

/* Signed messages. */
static take_fn *const takers[CLOUD_TOPIC_COUNT] = {
    [CLOUD_DOWN_DESIRED] = take_desired,   [CLOUD_DOWN_DELTA] = take_delta,
    [CLOUD_DOWN_SNAPSHOT] = take_snapshot, [CLOUD_DOWN_ACK] = take_ack,
    [CLOUD_DOWN_COMMAND] = take_command,   [CLOUD_DOWN_TIME] = take_time,
};

/* Not even its sender is known. */
static void refuse_unopened(struct sync *sync, const struct timestamp *now, enum cloud_topic topic,
                            const struct trust_message *message, const struct cloud_refusal *refusal)
{
    struct cloud_command_result command = { .ms = -1 };
    struct cloud_result result = { .of = topic };

    cloud_ref(message->bytes, message->len, result.ref);
    memcpy(command.ref, result.ref, sizeof(command.ref));
    if (topic == CLOUD_DOWN_COMMAND)
        answer_command_refusal(&sync->answer, now, &command, refusal);
    else
        refuse(sync, now, &result, refusal);
}

static void take_signed(struct sync *sync, const struct timestamp *now, enum cloud_topic topic,
                        const struct trust_message *message)
{
    struct trust_opened opened;
    struct cloud_refusal refusal;
    int r = trust_open(sync->trust, topic, message, &opened, &refusal);

    if (r == 0)
        takers[topic](sync, now, &opened);
    else if (r == -EBADMSG)
        refuse_unopened(sync, now, topic, message, &refusal);
}

static void take_unsigned(struct sync *sync, const struct timestamp *now, enum cloud_topic topic,
                          const struct trust_message *message)
{
    struct cloud_refusal refusal;

    if (trust_check(topic, message, &refusal) < 0)
        refuse_unopened(sync, now, topic, message, &refusal);
    else if (topic == CLOUD_DOWN_CHUNK)
        feed_chunk(&sync->feed, now, message->bytes, message->len);
    else
        feed_digest(&sync->feed, now, message->bytes, message->len);
}

void sync_message(struct sync *sync, const struct timestamp *now, const char *name,
                  const struct trust_message *message)
{
    enum cloud_topic topic;

    if (!session_online(&sync->session) || !cloud_topic_find(name, &topic))
        return;
    sync->heard_us = now->boot_us;
    if (takers[topic])
        take_signed(sync, now, topic, message);
    else if (cloud_topic_is_down(topic))
        take_unsigned(sync, now, topic, message);
}

void sync_log_changed(struct sync *sync, const struct timestamp *now, const struct sync_log *log)
{
    session_set_log(&sync->session, log);
    if (!uplink_set_log(&sync->uplink, now, log) || !session_online(&sync->session))
        return;
    session_begin(&sync->session, now);
    uplink_begin(&sync->uplink);
}

void sync_batch(struct sync *sync, const struct timestamp *now, const struct cloud_events *batch)
{
    /* The cloud takes a batch with a hole before it only if the state told of the hole (E4). */
    if (batch && uplink_skips(&sync->uplink, batch)) {
        sync->session.state.oldest = batch->first;
        session_say(&sync->session, now);
    }
    uplink_batch(&sync->uplink, now, batch);
}

void sync_acked(struct sync *sync, const struct timestamp *now, enum sync_ack_outcome outcome, int64_t seq)
{
    sync->session.ack_came |= outcome == SYNC_ACK_TAKEN;
    uplink_acked(&sync->uplink, now, outcome, seq);
}

void sync_new_epoch(struct sync *sync, int error)
{
    uplink_renewed(&sync->uplink, error);
}

void sync_live(struct sync *sync, const char *event, size_t len)
{
    if (session_online(&sync->session))
        sync->hooks.publish(sync->hooks.user, CLOUD_UP_LIVE, event, len);
}

void sync_policy(struct sync *sync, const struct timestamp *now, const struct sync_policy_report *report)
{
    session_set_policy(&sync->session, &report->policy);
    feed_report(&sync->feed, now, report);
    wall_policy(&sync->wall, now, &sync->feed.have);
}

void sync_command_begun(struct sync *sync, const struct timestamp *now,
                        const struct sync_command_begun *begun)
{
    commands_begun(&sync->commands, now, begun);
}

void sync_command_done(struct sync *sync, const struct timestamp *now, int64_t id,
                       const struct sync_command_end *end)
{
    commands_done(&sync->commands, now, id, end);
}

void sync_command_ended(struct sync *sync, const struct timestamp *now, int64_t id, int64_t seq)
{
    commands_ended(&sync->commands, now, id, seq);
}

void sync_restore_command(struct sync *sync, const struct sync_command_name *name)
{
    commands_restore(&sync->commands, name);
}

void sync_sums(struct sync *sync, const struct timestamp *now, const struct cloud_digest *sums)
{
    feed_sums(&sync->feed, now, sums);
}

void sync_keys_changed(struct sync *sync, const struct key_set *items)
{
    trust_set_items(sync->trust, items);
}

int sync_restore_retired(struct sync *sync, const char *kid)
{
    return trust_restore_retired(sync->trust, kid);
}

int sync_retire_key(struct sync *sync, const char *kid)
{
    int r = trust_retire(sync->trust, kid);

    if (r == 0)
        feed_distrust(&sync->feed);
    return r;
}

int sync_report(struct sync *sync, const struct timestamp *now, const char *payload, size_t len)
{
    int r = session_report(&sync->session, payload, len);

    session_advance(&sync->session, now);
    return r;
}

void sync_advance(struct sync *sync, const struct timestamp *now)
{
    session_advance(&sync->session, now);
    feed_advance(&sync->feed, now);
    uplink_advance(&sync->uplink, now);
    answer_advance(&sync->answer, now);
    commands_advance(&sync->commands, now);
    wall_advance(&sync->wall, now);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t sync_due(const struct sync *sync)
{
    int64_t due = earlier(session_due(&sync->session), feed_due(&sync->feed));

    due = earlier(due, earlier(uplink_due(&sync->uplink), answer_due(&sync->answer)));
    return earlier(due, earlier(commands_due(&sync->commands), wall_due(&sync->wall)));
}

void sync_stop(struct sync *sync)
{
    session_stop(&sync->session);
    go_offline(sync);
}

void sync_status(const struct sync *sync, struct sync_status *ret)
{
    const struct session *session = &sync->session;
    const struct feed *feed = &sync->feed;

    *ret = (struct sync_status){ .connected = session_online(session),
                                 .since_us = session->since_us,
                                 .reason = session->reason,
                                 .answered = session->desired_came && session->ack_came,
                                 .heard_us = sync->heard_us,
                                 .target_known = feed->target_known,
                                 .target = feed->target,
                                 .agreed_us = feed->agreed_us,
                                 .asks = feed->asking ? cloud_want_name(feed->request.want) : NULL,
                                 .staging = feed->staging,
                                 .changed = feed->changed,
                                 .trouble = sync->answer.trouble,
                                 .trouble_us = sync->answer.trouble_us,
                                 .lease_until = sync->wall.lease.until,
                                 .lease_over = sync->wall.over };
}
