/* SPDX-License-Identifier: GPL-3.0-or-later */
/* daemon.h: the running gateway: what its parts share. Only the files of this directory see it.
 *
 *     access.c    from a presentation to a verdict and a release
 *     inputs.c    contacts, buttons and passages
 *     alarms.c    which alarms are in force
 *     releases.c  what became of each release
 *     modes.c     what doors' devices are told of their mode
 *     orders.c    modes and lockdowns that people order
 *     record.c    events and lasting state, on their way to the ledger
 *     devices.c   policy to devices; devices going up and down
 *     cloud.c     sync, stile-link and the two stores, joined; cloud_*.c: parts of it
 *     answers.c   what the control socket asks
 *     daemon.c    opening, running, closing
 *
 * Everything runs on one loop. Nothing here waits for the disk, the network or a device once the loop turns.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "config/config.h"
#include "gateway/base/clock.h"
#include "gateway/base/cleanup.h"
#include "gateway/core/world.h"
#include "gateway/ctl/ctl.h"
#include "gateway/store/ledger.h"
#include "gateway/store/policy_store.h"
#include "hal/hal.h"
#include "proto/event.h"

/* An operator's release, and one whose access point does not say otherwise, is not carried out later than
 * this. */
#define DAEMON_RELEASE_LIMIT_US (5 * USEC_PER_SEC)

/* How often the clock's state is looked at. */
#define DAEMON_CLOCK_EVERY_US (10 * USEC_PER_SEC)

struct access;
struct cloud;
struct cloud_commands;
struct device_orders;
struct listeners;
struct modes;
struct orders;
struct policy_turn;
struct record;
struct releases;
struct sync;

struct daemon {
    struct config config;
    uint8_t secret[SECRET_BYTES];
    char boot_id[BOOT_ID_SIZE];
    int64_t started_us; /* boot time */

    sd_event *event;
    sd_event_source *timer;
    sd_event_source *ledger_source;
    sd_event_source *store_source;

    struct policy *policy; /* in force; never NULL while running */
    uint64_t turns;        /* to another one, in this run */
    struct policy_store *store;
    struct ledger *ledger;
    struct world *world;
    struct hal *hal;
    struct ctl *ctl;
    struct sync *sync; /* NULL: the gateway stands alone */

    struct access *access;
    struct device_orders *device_orders;
    struct listeners *listeners;
    struct modes *modes;
    struct orders *orders;
    struct record *record;
    struct releases *releases;
    struct cloud *cloud;
    struct cloud_commands *commands;
    struct policy_turn *turn;

    enum clock_state clock; /* as last recorded */
    bool clock_was_synced;  /* in this boot */
    bool clock_was_told;    /* by the cloud, in this boot: then it is UTC minus boot time that counts */
    int64_t clock_told_us;
    int64_t clock_set_us; /* boot time when it was last seen synced, or told; 0: not in this run */
    int64_t clock_checked_us;
    bool forgetful; /* the ledger was damaged: what was before is not known */
    bool stopping;
    bool hal_stopped;
};

/* The whole life of stiled with this configuration (taken over). Returns the exit status. */
int daemon_run(struct config *config);

/* The time. A clock that was synced once in this boot is in holdover afterwards, which the kernel forgets;
 * and so is one that the cloud told, which the kernel never knew. */
struct timestamp daemon_now(const struct daemon *daemon);

/* The cloud has told the time: it counts unless the system keeps its own. */
void daemon_set_time(struct daemon *daemon, const struct timestamp *now, int64_t utc_us);

/* Logs that something broke in a way that leaves the daemon running; r is a negative errno. */
void daemon_trouble(const char *subsystem, const char *what, int r);

/* A part that was told to stop has stopped: ends the loop once all have. */
void daemon_stopped(struct daemon *daemon);

/* Sets the timer to what is due next. Called at the end of whatever may have changed that. */
void daemon_arm(struct daemon *daemon);
