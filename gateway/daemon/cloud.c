/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cloud.c: this file only translates: sync decides what is said, the stores what is kept, stile-link carries
 * it. */
#include "gateway/daemon/cloud.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "gateway/base/child.h"
#include "gateway/base/log.h"
#include "gateway/daemon/cloud_commands.h"
#include "gateway/daemon/cloud_policy.h"
#include "gateway/daemon/cloud_report.h"
#include "gateway/daemon/daemon.h"
#include "gateway/daemon/record.h"
#include "gateway/sync/sync.h"
#include "proto/link_message.h"

#define SUBSYSTEM "cloud"

#define LINK_PROGRAM "stile-link"

/* Bytes of what sync remembers under CLOUD_WALL_KEY. */
#define WALL_SIZE 128

struct cloud {
    struct child *link; /* NULL: the gateway stands alone */
    char *password;
    struct text line;      /* of the command being sent */
    int64_t publish_id;    /* of the last publication */
    int64_t report_due_us; /* INT64_MAX: nothing changed since the last report */
    int64_t reported_us;
    bool stopped;
};

/* --- to stile-link --- */

static void send_command(struct daemon *daemon, const struct link_command *command)
{
    int r = link_command_format(&daemon->cloud->line, command);

    if (r == 0)
        r = child_send(daemon->cloud->link, text_string(&daemon->cloud->line), daemon->cloud->line.len);
    if (r < 0)
        daemon_trouble(SUBSYSTEM, "stile-link was not told", r);
}

static void copy_setting(char *ret, size_t size, const char *value)
{
    snprintf(ret, size, "%s", value ? value : "");
}

static void on_connect(void *user, const char *will, size_t len)
{
    struct daemon *daemon = user;
    const struct config *config = &daemon->config;
    struct link_command command = { .kind = LINK_COMMAND_CONNECT };
    cleanup_with(freep) char *payload = strndup(will, len);

    if (!payload)
        return;
    command.payload = payload;
    command.payload_len = len;
    command.connect.port = config->broker.port;
    command.connect.keep_alive_s = CLOUD_KEEP_ALIVE_S;
    copy_setting(command.connect.site, sizeof(command.connect.site), config->site);
    copy_setting(command.connect.gateway, sizeof(command.connect.gateway), config->gateway);
    copy_setting(command.connect.host, sizeof(command.connect.host), config->broker.host);
    copy_setting(command.connect.username, sizeof(command.connect.username), config->broker.username);
    copy_setting(command.connect.ca_file, sizeof(command.connect.ca_file), config->broker.ca_file);
    copy_setting(command.connect.cert_file, sizeof(command.connect.cert_file), config->broker.cert_file);
    copy_setting(command.connect.key_file, sizeof(command.connect.key_file), config->broker.key_file);
    copy_setting(command.connect.password, sizeof(command.connect.password), daemon->cloud->password);
    send_command(daemon, &command);
}

static void on_publish(void *user, enum cloud_topic topic, const char *payload, size_t len)
{
    struct daemon *daemon = user;
    cleanup_with(freep) char *copy = strndup(payload, len);
    const struct link_command command = {
        .kind = LINK_COMMAND_PUBLISH,
        .id = ++daemon->cloud->publish_id,
        .topic = topic,
        .payload = copy,
        .payload_len = len,
    };

    if (copy)
        send_command(daemon, &command);
}

static void on_save_conn(void *user, int64_t conn)
{
    struct daemon *daemon = user;
    struct timestamp now = daemon_now(daemon);
    char value[BOOT_ID_SIZE + 24];

    snprintf(value, sizeof(value), "%s %" PRId64, daemon->boot_id, conn);
    record_effect(daemon, CLOUD_CONN_KEY, value);
    record_state(daemon, &now);
}

static void on_refused(void *user, const struct timestamp *now, const struct sync_refused *refused)
{
    const struct event event = {
        .kind = EVENT_REFUSED,
        .of = strchr(cloud_topic_name(refused->of), '/') + 1, /* without "down" */
        .code = refused->code,
        .member = refused->member[0] ? refused->member : NULL,
        .count = refused->count,
        .text = refused->text,
    };

    record_event(user, &event, 0, now);
}

static void on_set_time(void *user, const struct timestamp *now, int64_t utc_us)
{
    daemon_set_time(user, now, utc_us);
}

static void on_save_wall(void *user, const char *value)
{
    struct daemon *daemon = user;
    struct timestamp now = daemon_now(daemon);

    record_effect(daemon, CLOUD_WALL_KEY, value);
    record_state(daemon, &now);
}

/* What follows for decisions is the site's choice, and nothing so far. */
static void on_lease_over(void *user, bool over)
{
    struct daemon *daemon = user;
    struct timestamp now = daemon_now(daemon);
    const struct event event = { .kind = EVENT_ALARM, .reason = CLOUD_LEASE_ALARM, .on = &over };

    record_event(daemon, &event, 0, &now);
    cloud_world_changed(daemon);
    log_warning(SUBSYSTEM, over ? "the policy's lease has run out" : "the policy's lease runs again");
}

static uint64_t on_random(void *user)
{
    uint64_t value;

    if (getrandom(&value, sizeof(value), 0) != sizeof(value))
        abort(); /* cannot fail for so few bytes once the system is up: getrandom(2) */
    return value;
}

/* --- to and from the ledger --- */

static struct sync_log log_position(const struct daemon *daemon)
{
    const struct ledger_position *position = ledger_position(daemon->ledger);
    struct sync_log log = { .oldest = position->oldest, .acked = position->acked, .head = position->head };

    strcpy(log.epoch, position->epoch);
    return log;
}

static void on_batch(void *user, const struct ledger_batch *batch)
{
    struct daemon *daemon = user;
    struct timestamp now = daemon_now(daemon);
    struct cloud_events events = {
        .first = batch->first,
        .count = (int64_t)batch->count,
        .lines = batch->lines,
        .len = batch->len,
    };

    if (batch->error < 0)
        daemon_trouble(SUBSYSTEM, "events cannot be read", batch->error);
    memcpy(events.epoch, batch->epoch, sizeof(events.epoch));
    memcpy(events.prev, batch->prev, sizeof(events.prev));
    memcpy(events.hash, batch->hash, sizeof(events.hash));
    sync_batch(daemon->sync, &now, batch->error < 0 ? NULL : &events);
    daemon_arm(daemon);
}

static int on_read_events(void *user, int64_t from, size_t count_max, size_t bytes_max)
{
    struct daemon *daemon = user;

    return ledger_read(daemon->ledger, from, count_max, bytes_max, on_batch, daemon);
}

static enum sync_ack_outcome ack_outcome(enum ledger_ack_outcome outcome)
{
    switch (outcome) {
    case LEDGER_ACK_TAKEN:
        return SYNC_ACK_TAKEN;
    case LEDGER_ACK_OTHER_EPOCH:
        return SYNC_ACK_OTHER_EPOCH;
    case LEDGER_ACK_BEYOND_HEAD:
    case LEDGER_ACK_WRONG_HASH:
        return SYNC_ACK_DISPUTED;
    case LEDGER_ACK_FAILED:
        return SYNC_ACK_FAILED;
    }
    return SYNC_ACK_FAILED;
}

static void on_acked(void *user, const struct ledger_acked *acked)
{
    struct daemon *daemon = user;
    struct timestamp now = daemon_now(daemon);
    enum sync_ack_outcome outcome = ack_outcome(acked->outcome);

    cloud_log_changed(daemon);
    sync_acked(daemon->sync, &now, outcome, acked->seq);
    daemon_arm(daemon);
}

static int on_ack(void *user, const struct cloud_ack *ack)
{
    struct daemon *daemon = user;

    return ledger_ack(daemon->ledger, ack->epoch, ack->seq, ack->hash, on_acked, daemon);
}

static void on_epoch_begun(void *user, int error)
{
    struct daemon *daemon = user;

    cloud_log_changed(daemon);
    sync_new_epoch(daemon->sync, error);
    daemon_arm(daemon);
}

static int on_new_epoch(void *user)
{
    struct daemon *daemon = user;
    struct timestamp now = daemon_now(daemon);

    return ledger_new_epoch(daemon->ledger, &now, on_epoch_begun, daemon);
}

/* --- from stile-link --- */

static void take_event(struct daemon *daemon, const struct link_event *event)
{
    const struct trust_message message = { event->retained, event->payload, event->payload_len };
    struct timestamp now = daemon_now(daemon);

    switch (event->kind) {
    case LINK_EVENT_CONNECTED:
        sync_connected(daemon->sync, &now);
        break;
    case LINK_EVENT_DISCONNECTED:
        sync_disconnected(daemon->sync, &now, event->reason);
        break;
    case LINK_EVENT_MESSAGE:
        sync_message(daemon->sync, &now, event->topic, &message);
        break;
    case LINK_EVENT_PUBLISHED:
        if (event->code >= 128)
            log_warning(SUBSYSTEM, "the broker refused a publication (reason %" PRId64 "): is its ACL right?",
                        event->code);
        break;
    case LINK_EVENT_PONG:
        child_pong(daemon->cloud->link);
        break;
    case LINK_EVENT_ERROR:
        log_error(SUBSYSTEM, "stile-link: %s", event->reason);
        break;
    }
}

static void on_link_line(void *user, char *line, size_t len)
{
    struct daemon *daemon = user;
    struct link_event event = { 0 };
    struct json_error error;
    int r = link_event_parse(line, len, &event, &error);

    if (r == 0) {
        take_event(daemon, &event);
        link_event_finish(&event);
    } else if (r == -EBADMSG) {
        log_error(SUBSYSTEM, "stile-link said what is not understood: %s: %s", error.path, error.text);
    }
    daemon_arm(daemon);
}

static void on_link_started(void *user)
{
    struct daemon *daemon = user;

    sync_link_started(daemon->sync);
    daemon_arm(daemon);
}

static void on_link_too_long(void *user)
{
    struct daemon *daemon = user;

    child_fail(daemon->cloud->link, "a line that is too long");
}

static void on_link_ended(void *user, const char *reason, bool will_retry)
{
    struct daemon *daemon = user;
    struct timestamp now = daemon_now(daemon);

    sync_link_ended(daemon->sync, &now, reason);
    if (will_retry) {
        log_error(SUBSYSTEM, "stile-link ended: %s", reason);
        daemon_arm(daemon);
        return;
    }
    daemon->cloud->stopped = true;
    daemon_stopped(daemon);
}

static int start_link(struct daemon *daemon)
{
    static const struct link_command ping = { .kind = LINK_COMMAND_PING, .id = 1 };
    static const struct child_callbacks callbacks = {
        .started = on_link_started,
        .line = on_link_line,
        .too_long = on_link_too_long,
        .ended = on_link_ended,
    };
    cleanup_with(freep) char *path = NULL;

    if (asprintf(&path, "%s/" LINK_PROGRAM, daemon->config.driver_directory) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    int r = link_command_format(&daemon->cloud->line, &ping);

    if (r < 0)
        return r;
    const char *const argv[] = { path, NULL };
    const struct child_spec spec = {
        .argv = argv,
        .ping = text_string(&daemon->cloud->line),
        .line_max = LINK_LINE_MAX,
        .out_max = CLOUD_OUT_MAX,
    };

    return child_new(daemon->event, &spec, &callbacks, daemon, &daemon->cloud->link);
}

static int restore_conn(void *user, const char *key, const char *value)
{
    struct sync_options *options = user;
    size_t boot = strlen(options->boot_id);

    if (strcmp(key, CLOUD_CONN_KEY) == 0 && strncmp(value, options->boot_id, boot) == 0)
        options->conn = strtoll(value + boot, NULL, 10);
    return 0;
}

static int restore_wall(void *user, const char *key, const char *value)
{
    if (strcmp(key, CLOUD_WALL_KEY) == 0)
        text_copy(user, WALL_SIZE, value);
    return 0;
}

static int restore_changed(void *user, const char *key, const char *value)
{
    struct sync_author *author = user;
    char *kid;

    author->iat = strtoll(value, &kid, 10);
    text_copy(author->kid, sizeof(author->kid), *kid ? kid + 1 : kid);
    return 0;
}

static int restore_retired(void *user, const char *key, const char *value)
{
    const char *kid = key + strlen(CLOUD_RETIRED_PREFIX);

    return id_valid(kid) ? sync_restore_retired(user, kid) : 0;
}

static int restore_keys(struct daemon *daemon)
{
    sync_keys_changed(daemon->sync, policy_store_keys(daemon->store));
    return ledger_restore(daemon->ledger, CLOUD_RETIRED_PREFIX, restore_retired, daemon->sync);
}

static int start_sync(struct daemon *daemon)
{
    const struct sync_hooks hooks = {
        .user = daemon,
        .connect = on_connect,
        .publish = on_publish,
        .save_conn = on_save_conn,
        .read_events = on_read_events,
        .ack = on_ack,
        .new_epoch = on_new_epoch,
        .apply_delta = cloud_policy_apply,
        .begin_snapshot = cloud_policy_begin,
        .put_chunk = cloud_policy_put_chunk,
        .cancel_snapshot = cloud_policy_cancel,
        .read_sums = cloud_policy_sum,
        .refused = on_refused,
        .has_target = cloud_commands_has_target,
        .begin_command = cloud_commands_begin,
        .run_command = cloud_commands_run,
        .end_command = cloud_commands_end,
        .set_time = on_set_time,
        .save_wall = on_save_wall,
        .lease_over = on_lease_over,
        .random = on_random,
    };
    struct sync_options options = {
        .self = { daemon->config.site, daemon->config.gateway },
        .trust = daemon->config.trust == CONFIG_TRUST_SIGNED ? TRUST_SIGNED : TRUST_BROKER,
        .keys = &daemon->config.keys,
        .software = STILE_VERSION,
        .boot_id = daemon->boot_id,
        .log = log_position(daemon),
        .policy = cloud_policy_position(policy_store_position(daemon->store)),
        .staging = cloud_policy_staging(policy_store_staging(daemon->store)),
    };
    char wall[WALL_SIZE] = "";
    int r = ledger_restore(daemon->ledger, CLOUD_CONN_KEY, restore_conn, &options);

    if (r >= 0)
        r = ledger_restore(daemon->ledger, CLOUD_WALL_KEY, restore_wall, wall);
    if (r >= 0)
        r = ledger_restore(daemon->ledger, CLOUD_CHANGED_KEY, restore_changed, &options.changed);
    options.wall = wall[0] ? wall : NULL;
    options.forgetful = daemon->forgetful;
    if (r >= 0)
        r = sync_new(&options, &hooks, &daemon->sync);
    return r < 0 ? r : restore_keys(daemon);
}

int cloud_new(struct daemon *daemon)
{
    daemon->cloud = calloc(1, sizeof(*daemon->cloud)); /* freed by whoever closes the daemon, whole or not */
    if (!daemon->cloud)
        return -ENOMEM;
    if (!daemon->config.broker.present) {
        daemon->cloud->report_due_us = INT64_MAX;
        daemon->cloud->stopped = true;
        return 0;
    }
    int r = config_password(&daemon->config, &daemon->cloud->password);

    if (r >= 0)
        r = start_sync(daemon);
    if (r >= 0)
        r = cloud_commands_restore(daemon);
    if (r >= 0)
        r = start_link(daemon);
    return r;
}

void cloud_free(struct daemon *daemon)
{
    if (!daemon->cloud)
        return;
    child_free(daemon->cloud->link);
    daemon->sync = sync_free(daemon->sync);
    text_finish(&daemon->cloud->line);
    free(daemon->cloud->password);
    free(daemon->cloud);
    daemon->cloud = NULL;
}

void cloud_stop(struct daemon *daemon)
{
    static const struct link_command shutdown = { .kind = LINK_COMMAND_SHUTDOWN };

    if (!daemon->sync)
        return;
    sync_stop(daemon->sync);
    bool formatted = link_command_format(&daemon->cloud->line, &shutdown) == 0;

    child_stop(daemon->cloud->link, formatted ? text_string(&daemon->cloud->line) : NULL);
}

bool cloud_stopped(const struct daemon *daemon)
{
    return daemon->cloud->stopped;
}

void cloud_log_changed(struct daemon *daemon)
{
    struct timestamp now = daemon_now(daemon);

    if (!daemon->sync)
        return;
    struct sync_log log = log_position(daemon);

    sync_log_changed(daemon->sync, &now, &log);
}

void cloud_live(struct daemon *daemon, const char *event, size_t len)
{
    if (daemon->sync)
        sync_live(daemon->sync, event, len);
}

void cloud_world_changed(struct daemon *daemon)
{
    if (daemon->sync && daemon->cloud->report_due_us == INT64_MAX)
        daemon->cloud->report_due_us = daemon->cloud->reported_us + CLOUD_REPORT_EVERY_US;
}

static void report(struct daemon *daemon, const struct timestamp *now)
{
    int r = cloud_report_payload(daemon, &daemon->cloud->line, now);

    daemon->cloud->report_due_us = INT64_MAX;
    daemon->cloud->reported_us = now->boot_us;
    if (r == 0)
        r = sync_report(daemon->sync, now, text_string(&daemon->cloud->line), daemon->cloud->line.len);
    if (r < 0)
        daemon_trouble(SUBSYSTEM, "report", r);
}

void cloud_advance(struct daemon *daemon, const struct timestamp *now)
{
    if (!daemon->sync)
        return;
    if (now->boot_us >= daemon->cloud->report_due_us)
        report(daemon, now);
    sync_advance(daemon->sync, now);
}

int64_t cloud_due(const struct daemon *daemon)
{
    int64_t due = daemon->sync ? sync_due(daemon->sync) : INT64_MAX;

    return due < daemon->cloud->report_due_us ? due : daemon->cloud->report_due_us;
}

int cloud_retire_key(struct daemon *daemon, const char *kid)
{
    char key[sizeof(CLOUD_RETIRED_PREFIX) + ID_SIZE];
    int r = sync_retire_key(daemon->sync, kid);

    if (r != 0)
        return r;
    snprintf(key, sizeof(key), CLOUD_RETIRED_PREFIX "%s", kid);
    record_effect(daemon, key, "1");
    return 0;
}

void cloud_add_status(const struct daemon *daemon, struct json_out *out)
{
    struct sync_status status = { .reason = "" };

    json_begin_object(out, "link");
    json_add_bool(out, "configured", daemon->sync);
    if (daemon->sync) {
        sync_status(daemon->sync, &status);
        json_add_bool(out, "connected", status.connected);
        json_add_int(out, "since_s", (clock_boot_us() - status.since_us) / USEC_PER_SEC);
        json_add_string(out, "error", status.connected || !status.reason[0] ? NULL : status.reason);
    }
    json_end_object(out);
}
