/* SPDX-License-Identifier: GPL-3.0-or-later */
/* world.c: everybody who does something now and then comes back as an event of its own. */
#include "tests/sim/world.h"

#include <sqlite3.h>
#include <stddef.h>

#include "tests/sim/broker.h"
#include "tests/sim/cloud.h"
#include "tests/sim/desk.h"
#include "tests/sim/disk.h"
#include "tests/sim/doors.h"
#include "tests/sim/link.h"
#include "tests/sim/machine.h"
#include "tests/sim/sim.h"
#include "tests/sim/watch.h"

#define TAP_US     (10 * USEC_PER_SEC) /* on average twice this; the same below */
#define COMMAND_US (40 * USEC_PER_SEC)
#define CHANGE_US  (40 * USEC_PER_SEC)
#define FAULT_US   (20 * USEC_PER_SEC)

#define FAULTS_MIN_US (60 * USEC_PER_SEC)
#define FAULTS_MAX_US (600 * USEC_PER_SEC)

/* After the faults: both ends have found each other (back-off, and what a slow disk still owes); policy and
 * events agree (P5). */
#define MEET_US  (100 * USEC_PER_SEC)
#define AGREE_US (30 * USEC_PER_SEC)

/* Where no connection is made anew the longest pause between two requests counts, twice. */
#define PATIENT_US (700 * USEC_PER_SEC)

#define CUT_OFF_MAX_US (120 * USEC_PER_SEC)
#define BROKEN_MAX_US  (60 * USEC_PER_SEC)
#define OPERATIONS_MAX 40

/* More than a log keeps, together with what each tap leaves behind. */
#define FLOOD_TAPS 300

static void tap(void *argument, int64_t number)
{
    doors_tap();
    if (!sim_healed())
        sim_at(SIM_WORLD, sim_below(2 * TAP_US), tap, NULL, 0);
}

static void flood(void *argument, int64_t left)
{
    doors_tap();
    if (left > 0)
        sim_at(SIM_WORLD, 10 * USEC_PER_MSEC, flood, NULL, left - 1);
}

static void change(void *argument, int64_t number)
{
    cloud_change(sim_healed());
    if (!sim_healed())
        sim_at(SIM_WORLD, sim_below(2 * CHANGE_US), change, NULL, 0);
}

static void command(void *argument, int64_t number)
{
    desk_send();
    if (!sim_healed())
        sim_at(SIM_WORLD, sim_below(2 * COMMAND_US), command, NULL, 0);
}

/* --- what breaks --- */

static void mend_disk(void *argument, int64_t number)
{
    disk_break(DISK_GATEWAY, SQLITE_OK);
}

static void break_disk(void)
{
    sim_trace("the disk is broken");
    disk_break(DISK_GATEWAY, sim_chance(500) ? SQLITE_FULL : SQLITE_IOERR_WRITE);
    sim_at(SIM_WORLD, sim_between(1, BROKEN_MAX_US), mend_disk, NULL, 0);
}

static enum broker_client somebody(void)
{
    return sim_chance(600) ? BROKER_GATEWAY : BROKER_CLOUD;
}

static void hurt_network(void)
{
    const struct sim_faults *faults = sim_faults();

    if (sim_mishap(faults->resets, 300))
        broker_reset(somebody());
    if (sim_mishap(faults->partitions, 200))
        broker_partition(somebody(), sim_between(USEC_PER_SEC, CUT_OFF_MAX_US));
    if (sim_mishap(faults->broker, 150))
        broker_restart(sim_chance(500), sim_between(USEC_PER_SEC / 10, 30 * USEC_PER_SEC));
}

static void hurt_gateway(void)
{
    const struct sim_faults *faults = sim_faults();

    if (sim_mishap(faults->broken_disk, 150))
        break_disk();
    if (sim_mishap(faults->lost_policy, 100))
        machine_lose_policy();
    if (sim_mishap(faults->drift, 100))
        machine_drift();
    if (sim_mishap(faults->old_image, 150))
        disk_take_image(DISK_GATEWAY);
    if (sim_mishap(faults->old_image, 100))
        machine_put_old_image();
    if (sim_mishap(faults->power || faults->lost_policy || faults->drift || faults->old_image, 200))
        disk_cut(DISK_GATEWAY, sim_between(1, OPERATIONS_MAX));
    if (sim_mishap(faults->kills, 150))
        sim_chance(500) ? machine_kill() : link_crash();
    if (sim_mishap(faults->kills, 50))
        machine_stop();
    if (sim_mishap(faults->clock, 200))
        machine_jump();
    if (sim_mishap(true, 50))
        doors_device_down();
}

static void hurt_cloud(void)
{
    const struct sim_faults *faults = sim_faults();

    if (sim_mishap(faults->cloud_power, 150))
        cloud_power_off(sim_between(0, OPERATIONS_MAX));
    if (sim_mishap(faults->cloud_power, 100))
        cloud_kill();
    if (sim_mishap(faults->old_cloud, 150) && cloud_newest()->policy.version > 0)
        disk_take_image(DISK_CLOUD);
    if (sim_mishap(faults->old_cloud, 60))
        cloud_put_old_image();
}

static void hurt(void *argument, int64_t number)
{
    if (sim_healed())
        return;
    hurt_network();
    hurt_gateway();
    hurt_cloud();
    sim_at(SIM_WORLD, sim_below(2 * FAULT_US), hurt, NULL, 0);
}

/* Who would have a gateway take an old policy waits until it has lost its own, and lets nobody else speak. */
static void replay(void *argument, int64_t number)
{
    bool lost = watch_policy_is_lost();

    if (sim_healed())
        return;
    if (lost && sim_chance(100))
        broker_partition(BROKER_CLOUD, 30 * USEC_PER_SEC);
    broker_replay();
    sim_at(SIM_WORLD, sim_below((lost ? 1 : 10) * USEC_PER_SEC), replay, NULL, 0);
}

/* --- and how it ends --- */

static void end(void *argument, int64_t number)
{
    watch_end();
}

static void meet(void *argument, int64_t number)
{
    watch_connected();
}

static void heal(void *argument, int64_t number)
{
    bool patient = sim_chance(300);
    bool still = sim_chance(400) && !cloud_newest()->content.bad; /* nothing new comes to mend what is old */

    sim_trace("everything is mended");
    sim_heal();
    disk_break(DISK_GATEWAY, SQLITE_OK);
    if (disk_is_cut(DISK_GATEWAY))
        machine_power_off();
    broker_mend();
    if (!patient)
        broker_restart(false, 0);
    if (!still) {
        cloud_change(true);
        sim_at(SIM_WORLD, MEET_US / 2, change, NULL, 0);
    }
    sim_at(SIM_WORLD, MEET_US / 2, tap, NULL, 0);
    sim_at(SIM_WORLD, MEET_US / 2, command, NULL, 0);
    if (!patient)
        sim_at(SIM_WORLD, MEET_US, meet, NULL, 0);
    sim_at(SIM_WORLD, patient ? PATIENT_US : MEET_US + AGREE_US, end, NULL, 0);
}

void world_begin(void)
{
    int64_t faults_us = sim_between(FAULTS_MIN_US, FAULTS_MAX_US);

    sim_at(SIM_WORLD, sim_below(CHANGE_US / 2), change, NULL, 0);
    sim_at(SIM_WORLD, sim_below(TAP_US), tap, NULL, 0);
    sim_at(SIM_WORLD, sim_below(COMMAND_US), command, NULL, 0);
    sim_at(SIM_WORLD, sim_below(FAULT_US), hurt, NULL, 0);
    if (sim_faults()->replay)
        sim_at(SIM_WORLD, sim_below(FAULT_US), replay, NULL, 0);
    if (sim_faults()->flood)
        sim_at(SIM_WORLD, sim_below(faults_us), flood, NULL, FLOOD_TAPS);
    sim_at(SIM_WORLD, faults_us, heal, NULL, 0);
}
