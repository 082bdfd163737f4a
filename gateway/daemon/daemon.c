/* SPDX-License-Identifier: GPL-3.0-or-later */
/* daemon.c: what is opened waits for the disk, before anybody is let in; from READY=1 on nothing does. The
 * control socket comes first, since it tells whether another stiled runs here. The stores are closed before
 * everything else: what they still had to do ends in calls to the other parts. */
#include "gateway/daemon/daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "gateway/base/log.h"
#include "gateway/daemon/access.h"
#include "gateway/daemon/answers.h"
#include "gateway/daemon/cloud.h"
#include "gateway/daemon/cloud_commands.h"
#include "gateway/daemon/cloud_policy.h"
#include "gateway/daemon/device_orders.h"
#include "gateway/daemon/devices.h"
#include "gateway/daemon/listeners.h"
#include "gateway/daemon/modes.h"
#include "gateway/daemon/orders.h"
#include "gateway/daemon/record.h"
#include "gateway/daemon/releases.h"

#define SUBSYSTEM "daemon"

/* Key of the lasting state that says in which boot the clock was synced. */
#define CLOCK_KEY "clock"

/* And of the one that says in which boot the cloud told the time, and what UTC minus boot time is. */
#define TOLD_KEY "time"

#define USEC_PER_DAY (INT64_C(86400) * USEC_PER_SEC)

/* Where drivers look for profiles, in their environment. */
#define PROFILES_VARIABLE "STILE_PROFILES"
#define STATE_VARIABLE    "STATE_DIRECTORY"

void daemon_trouble(const char *subsystem, const char *what, int r)
{
    log_error(subsystem, "%s: %s", what, strerror(-r));
}

struct timestamp daemon_now(const struct daemon *daemon)
{
    struct timestamp now = clock_now();

    if (now.clock != CLOCK_STATE_NONE)
        return now;
    if (daemon->clock_was_synced || daemon->config.clock == CONFIG_CLOCK_VOUCHED) {
        now.clock = CLOCK_STATE_HOLDOVER;
    } else if (daemon->clock_was_told) {
        now.clock = CLOCK_STATE_HOLDOVER;
        now.utc_us = now.boot_us + daemon->clock_told_us;
    }
    return now;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void daemon_arm(struct daemon *daemon)
{
    struct timestamp now = daemon_now(daemon);
    int64_t due = daemon->clock_checked_us + DAEMON_CLOCK_EVERY_US;

    if (!daemon->timer)
        return;
    due = earlier(due, world_due(daemon->world, &now));
    due = earlier(due, modes_due(daemon));
    due = earlier(due, cloud_due(daemon));
    int r = sd_event_source_set_time(daemon->timer, (uint64_t)(due > 0 ? due : 0));

    if (r >= 0)
        r = sd_event_source_set_enabled(daemon->timer, SD_EVENT_ONESHOT);
    if (r < 0)
        daemon_trouble(SUBSYSTEM, "timer", r);
}

/* A clock that was synced once in this boot keeps time for the rest of it: also after a restart, whose first
 * look may come when the kernel has lost sight of its peers. */
static void note_clock(struct daemon *daemon, const struct timestamp *now)
{
    daemon->clock_checked_us = now->boot_us;
    daemon->clock = now->clock;
    if (now->clock == CLOCK_STATE_SYNCED)
        daemon->clock_set_us = now->boot_us;
    if (now->clock != CLOCK_STATE_SYNCED || daemon->clock_was_synced)
        return;
    daemon->clock_was_synced = true;
    record_effect(daemon, CLOCK_KEY, daemon->boot_id);
}

/* A change of the clock's state is an event, so that earlier times can be understood later (cloud contract
 * E6). */
static void check_clock(struct daemon *daemon, const struct timestamp *now)
{
    const struct event event = { .kind = EVENT_CLOCK };

    bool changed = now->clock != daemon->clock;

    note_clock(daemon, now);
    if (changed)
        record_event(daemon, &event, 0, now);
}

void daemon_set_time(struct daemon *daemon, const struct timestamp *now, int64_t utc_us)
{
    char value[BOOT_ID_SIZE + 24];

    daemon->clock_was_told = true;
    daemon->clock_told_us = utc_us - now->boot_us;
    daemon->clock_set_us = now->boot_us;
    snprintf(value, sizeof(value), "%s %" PRId64, daemon->boot_id, daemon->clock_told_us);
    record_effect(daemon, TOLD_KEY, value);
    struct timestamp then = daemon_now(daemon);

    check_clock(daemon, &then);
}

static void restore_told(struct daemon *daemon, const char *value)
{
    size_t boot = strlen(daemon->boot_id);

    if (strncmp(value, daemon->boot_id, boot) != 0)
        return;
    daemon->clock_was_told = true;
    daemon->clock_told_us = strtoll(value + boot, NULL, 10);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct daemon *daemon = userdata;
    struct timestamp now = daemon_now(daemon);

    if (now.boot_us >= daemon->clock_checked_us + DAEMON_CLOCK_EVERY_US)
        check_clock(daemon, &now);
    access_advance(daemon, &now);
    cloud_advance(daemon, &now);
    daemon_arm(daemon);
    return 0;
}

static int on_ledger(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct daemon *daemon = userdata;

    ledger_dispatch(daemon->ledger);
    daemon_arm(daemon);
    return 0;
}

static int on_store(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct daemon *daemon = userdata;

    policy_store_dispatch(daemon->store);
    daemon_arm(daemon);
    return 0;
}

void daemon_stopped(struct daemon *daemon)
{
    int r = daemon->hal_stopped && cloud_stopped(daemon) ? sd_event_exit(daemon->event, 0) : 0;

    if (r < 0)
        daemon_trouble(SUBSYSTEM, "cannot end the loop", r);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
    struct daemon *daemon = userdata;

    if (daemon->stopping)
        return 0;
    daemon->stopping = true;
    log_notice(SUBSYSTEM, "stops on signal %u", info->ssi_signo);
    sd_notify(false, "STOPPING=1");
    cloud_stop(daemon);
    hal_stop(daemon->hal);
    return 0;
}

static void on_committed(void *user, const struct ledger_stored stored[], size_t count)
{
    struct daemon *daemon = user;

    for (size_t i = 0; i < count; i++) {
        if (stored[i].ticket)
            record_committed(daemon, stored[i].ticket, stored[i].seq);
        if (stored[i].bytes && daemon->ctl)
            ctl_publish(daemon->ctl, stored[i].bytes, stored[i].len);
        if (stored[i].bytes && daemon->cloud)
            cloud_live(daemon, stored[i].bytes, stored[i].len);
    }
    if (daemon->cloud)
        cloud_log_changed(daemon);
}

static void on_ledger_trouble(void *user, int error, const char *text)
{
    if (error < 0)
        log_error("ledger", "events cannot be stored and wait in memory: %s: %s", strerror(-error), text);
    else
        log_notice("ledger", "events are stored again");
}

/* The state under these keys is not core's. */
static bool is_own_key(const char *key)
{
    return strcmp(key, CLOUD_POLICY_KEY) == 0 || strcmp(key, CLOUD_CONN_KEY) == 0 ||
           strcmp(key, CLOUD_CHANGED_KEY) == 0 || strcmp(key, CLOUD_WALL_KEY) == 0 ||
           strcmp(key, CLOCK_KEY) == 0 || strcmp(key, TOLD_KEY) == 0 ||
           strncmp(key, CLOUD_RETIRED_PREFIX, strlen(CLOUD_RETIRED_PREFIX)) == 0;
}

static int restore_world(void *user, const char *key, const char *value)
{
    struct daemon *daemon = user;

    if (strcmp(key, CLOCK_KEY) == 0)
        daemon->clock_was_synced = strcmp(value, daemon->boot_id) == 0;
    if (strcmp(key, TOLD_KEY) == 0)
        restore_told(daemon, value);
    if (strncmp(key, ORDERS_PREFIX, strlen(ORDERS_PREFIX)) == 0)
        return orders_restore(daemon, key, value);
    int r = is_own_key(key) ? 0 : world_restore(daemon->world, key, value);

    if (r == -EBADMSG) {
        log_error(SUBSYSTEM, "the stored state %s is not understood and was left alone", key);
        return 0;
    }
    if (r == WORLD_E_DAMAGED)
        log_error(SUBSYSTEM, "the stored state %s is not understood: %s until somebody ends it", key,
                  strncmp(key, "override/", strlen("override/")) == 0 ? "the door is controlled"
                                                                      : "lockdown holds");
    return r < 0 ? r : 0;
}

static int restore_floor(void *user, const char *key, const char *value)
{
    return strcmp(key, CLOUD_POLICY_KEY) == 0 ? cloud_policy_parse(value, user) : 0;
}

static int open_loop(struct daemon *daemon)
{
    sigset_t signals;
    int r = sd_event_new(&daemon->event);

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
        return -errno;
    if (r >= 0)
        r = sd_event_add_signal(daemon->event, NULL, SIGTERM, on_signal, daemon);
    if (r >= 0)
        r = sd_event_add_signal(daemon->event, NULL, SIGINT, on_signal, daemon);
    if (r >= 0)
        r = sd_event_add_time(daemon->event, &daemon->timer, CLOCK_BOOTTIME, 0, USEC_PER_MSEC, on_timer,
                              daemon);
    if (r >= 0)
        r = sd_event_set_watchdog(daemon->event, true);
    return r;
}

static int open_control(struct daemon *daemon)
{
    const struct ctl_options options = {
        .path = daemon->config.control_socket,
        .operator_group = daemon->config.operator_group,
        .backend = answers_backend(daemon),
    };
    int r = ctl_new(daemon->event, &options, &daemon->ctl);

    if (r == -EADDRINUSE)
        log_error(SUBSYSTEM, "%s: another stiled listens there", options.path);
    return r;
}

static char *state_path(const struct daemon *daemon, const char *name)
{
    char *path;

    return asprintf(&path, "%s/%s", daemon->config.state_directory, name) < 0 ? NULL : path;
}

static int open_ledger(struct daemon *daemon)
{
    const struct config_limits *limits = &daemon->config.limits;
    cleanup_with(freep) char *path = state_path(daemon, "ledger.db");
    struct ledger_opened opened;

    if (!path)
        return -ENOMEM;
    struct ledger_options options = {
        .path = path,
        .boot_id = daemon->boot_id,
        .now = daemon_now(daemon),
        .rows_max = limits->event_rows_max,
        .retain_rows = limits->event_rows_kept,
        .retain_age_us = limits->retention_days * USEC_PER_DAY,
        .gather_us = limits->gather_ms * USEC_PER_MSEC,
        .hooks = { .user = daemon, .committed = on_committed, .trouble = on_ledger_trouble },
    };
    int r = ledger_open(&options, &daemon->ledger, &opened);

    daemon->forgetful = opened.damaged;
    if (r < 0)
        log_error("ledger", "%s: %s", path, opened.text);
    else if (opened.damaged)
        log_error("ledger", "%s was damaged (%s); it lies aside as %s and a new epoch begins", path,
                  opened.text, opened.aside);
    return r;
}

static void on_policy_damaged(void *user)
{
    log_error("policy", "policy.db is damaged: what is in force is whole, changes fail until the next start, "
                        "which asks the cloud for "
                        "a new one");
}

static int open_store(struct daemon *daemon)
{
    cleanup_with(freep) char *path = state_path(daemon, "policy.db");
    struct policy_position floor = { 0 };
    struct policy_opened opened;
    int r = ledger_restore(daemon->ledger, CLOUD_POLICY_KEY, restore_floor, &floor);

    if (!path)
        return -ENOMEM;
    if (r < 0)
        return r;
    struct policy_store_options options = {
        .path = path,
        .secret = daemon->secret,
        .floor_generation = floor.generation,
        .floor_version = floor.version,
        .damaged = on_policy_damaged,
    };
    r = policy_store_open(&options, &daemon->store, &opened);
    if (r < 0) {
        log_error("policy", "%s: %s", path, opened.text);
        return r;
    }
    if (opened.damaged)
        log_error("policy", "%s was damaged (%s); it lies aside as %s, and the cloud is asked for a new one",
                  path, opened.text, opened.aside);
    daemon->policy = opened.policy;
    return 0;
}

static int open_world(struct daemon *daemon)
{
    const struct world_hooks hooks = { .user = daemon, .effect = record_effect, .notice = access_notice };
    int r = record_new(&daemon->record);

    if (r >= 0)
        r = access_new(&daemon->access);
    if (r >= 0)
        r = device_orders_new(&daemon->device_orders);
    if (r >= 0)
        r = listeners_new(&daemon->listeners);
    if (r >= 0)
        r = modes_new(&daemon->modes);
    if (r >= 0)
        r = orders_new(&daemon->orders);
    if (r >= 0)
        r = releases_new(&daemon->releases);
    if (r >= 0)
        r = cloud_commands_new(&daemon->commands);
    if (r >= 0)
        r = world_new(daemon->policy, daemon->boot_id, &hooks, &daemon->world);
    if (r >= 0)
        r = ledger_restore(daemon->ledger, "", restore_world, daemon);
    return r;
}

static int start_workers(struct daemon *daemon)
{
    int r = ledger_start(daemon->ledger);

    if (r >= 0)
        r = policy_store_start(daemon->store);
    if (r >= 0)
        r = sd_event_add_io(daemon->event, &daemon->ledger_source, ledger_fd(daemon->ledger), EPOLLIN,
                            on_ledger, daemon);
    if (r >= 0)
        r = sd_event_add_io(daemon->event, &daemon->store_source, policy_store_fd(daemon->store), EPOLLIN,
                            on_store, daemon);
    return r;
}

static void record_boot(struct daemon *daemon)
{
    const struct event event = { .kind = EVENT_BOOT, .software = STILE_VERSION };
    struct timestamp now = daemon_now(daemon);

    note_clock(daemon, &now);
    record_event(daemon, &event, 0, &now);
}

/* What came due while nobody looked; doors' modes are told to the devices, so these come before. */
static void begin(struct daemon *daemon)
{
    struct timestamp now = daemon_now(daemon);

    access_advance(daemon, &now);
    daemon_arm(daemon);
}

/* What drivers are told this way: where profiles are, and where they may keep what must last. */
static int set_environment(const struct daemon *daemon)
{
    if (setenv(PROFILES_VARIABLE, daemon->config.profile_directory, true) < 0 ||
        setenv(STATE_VARIABLE, daemon->config.state_directory, true) < 0)
        return -errno;
    return 0;
}

static int open_all(struct daemon *daemon)
{
    int r = clock_boot_id(daemon->boot_id);

    daemon->started_us = clock_boot_us();
    if (r >= 0)
        r = open_loop(daemon);
    if (r >= 0)
        r = open_control(daemon);
    if (r >= 0)
        r = config_secret(&daemon->config, daemon->secret);
    if (r >= 0)
        r = set_environment(daemon);
    if (r >= 0)
        r = open_ledger(daemon);
    if (r >= 0)
        r = open_store(daemon);
    if (r >= 0)
        r = open_world(daemon);
    if (r >= 0)
        r = cloud_policy_new(daemon);
    if (r >= 0)
        r = cloud_new(daemon);
    if (r >= 0)
        r = start_workers(daemon);
    if (r < 0)
        return r;
    record_boot(daemon);
    return devices_start(daemon);
}

static void close_all(struct daemon *daemon)
{
    size_t lost = 0;

    sd_event_source_unref(daemon->store_source);
    sd_event_source_unref(daemon->ledger_source);
    cloud_policy_finish(daemon);
    daemon->store = policy_store_close(daemon->store);
    daemon->ledger = ledger_close(daemon->ledger, &lost);
    if (lost)
        log_error("ledger", "%zu entries could not be stored", lost);
    daemon->ctl = ctl_free(daemon->ctl);
    cloud_free(daemon);
    cloud_policy_free(daemon);
    daemon->hal = hal_free(daemon->hal);
    daemon->device_orders = device_orders_free(daemon->device_orders);
    daemon->listeners = listeners_free(daemon->listeners);
    daemon->releases = releases_free(daemon->releases);
    daemon->commands = cloud_commands_free(daemon->commands);
    daemon->world = world_free(daemon->world);
    daemon->access = access_free(daemon->access);
    daemon->modes = modes_free(daemon->modes);
    daemon->orders = orders_free(daemon->orders);
    daemon->record = record_free(daemon->record);
    daemon->policy = policy_free(daemon->policy);
    sd_event_source_unref(daemon->timer);
    sd_event_unref(daemon->event);
    config_finish(&daemon->config);
}

int daemon_run(struct config *config)
{
    struct daemon daemon = { .config = *config };

    *config = (struct config){ 0 };
    int r = open_all(&daemon);

    if (r >= 0) {
        begin(&daemon);
        log_notice(SUBSYSTEM, "%s/%s is ready", daemon.config.site, daemon.config.gateway);
        sd_notify(false, "READY=1");
        r = sd_event_loop(daemon.event);
    } else {
        daemon_trouble(SUBSYSTEM, "cannot start", r);
    }
    close_all(&daemon);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
