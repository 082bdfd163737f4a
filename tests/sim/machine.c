/* SPDX-License-Identifier: GPL-3.0-or-later */
/* machine.c: a life of stiled is one call of daemon_run(), which comes back when the loop ends. Power that is
 * gone and a process that is killed end the loop too, but then the disk takes nothing any more, nobody hears
 * what is said, and all that daemon_run() still does is to free its memory.
 */
#include "tests/sim/machine.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "gateway/daemon/daemon.h"
#include "tests/sim/cloud.h"
#include "tests/sim/desk.h"
#include "tests/sim/disk.h"
#include "tests/sim/link.h"
#include "tests/sim/loop.h"
#include "tests/sim/sim.h"
#include "tests/sim/watch.h"

/* 2026-11-25T12:00:00Z: the true time when a universe begins. */
#define TRUE_UTC_US (INT64_C(1795608000) * USEC_PER_SEC)

#define YEAR_US (INT64_C(365) * 86400 * USEC_PER_SEC)

enum ending { RUNNING, STOPPED, KILLED, POWER_OFF };

static struct {
    enum ending ending;
    bool running;
    int64_t lives;
    int64_t boots;
    int64_t booted_at;
    int64_t next_life_at;
    int64_t utc_error_us;
    enum clock_state clock;
    bool lose_policy;
    bool put_old_image;
    bool drift;
    char boot_id[BOOT_ID_SIZE];
} machine;

/* --- the clock --- */

int64_t __wrap_clock_boot_us(void);
int64_t __wrap_clock_utc_us(void);
struct timestamp __wrap_clock_now(void);
int __wrap_clock_boot_id(char ret_id[static BOOT_ID_SIZE]);

int64_t __wrap_clock_boot_us(void)
{
    return sim_now() - (cloud_is_running() ? 0 : machine.booted_at) + USEC_PER_SEC;
}

int64_t machine_true_utc_us(void)
{
    return TRUE_UTC_US + sim_now();
}

/* The cloud's clock is right. */
int64_t __wrap_clock_utc_us(void)
{
    return machine_true_utc_us() + (cloud_is_running() ? 0 : machine.utc_error_us);
}

struct timestamp __wrap_clock_now(void)
{
    return machine_time();
}

struct timestamp machine_time(void)
{
    return (struct timestamp){ .boot_us = __wrap_clock_boot_us(),
                               .utc_us = machine_true_utc_us() + machine.utc_error_us,
                               .clock = machine.clock };
}

int __wrap_clock_boot_id(char ret_id[static BOOT_ID_SIZE])
{
    memcpy(ret_id, machine.boot_id, BOOT_ID_SIZE);
    return 0;
}

void machine_jump(void)
{
    static const enum clock_state states[] = { CLOCK_STATE_NONE, CLOCK_STATE_HOLDOVER, CLOCK_STATE_SYNCED };

    machine.utc_error_us = sim_chance(300) ? 0 : sim_below(20 * YEAR_US) - 10 * YEAR_US;
    machine.clock = states[sim_below(3)];
    sim_trace("the clock is %lld s off, %s", (long long)(machine.utc_error_us / USEC_PER_SEC),
              clock_state_name(machine.clock));
}

/* --- chance, and what a process asks of the system --- */

ssize_t __wrap_getrandom(void *bytes, size_t len, unsigned flags);
int __wrap_sigprocmask(int how, const sigset_t *set, sigset_t *old);
int __wrap_config_secret(const struct config *config, uint8_t ret_secret[static SECRET_BYTES]);

ssize_t __wrap_getrandom(void *bytes, size_t len, unsigned flags)
{
    for (size_t i = 0; i < len; i++)
        ((unsigned char *)bytes)[i] = (unsigned char)sim_draw();
    return (ssize_t)len;
}

int __wrap_sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
    return 0;
}

int __wrap_config_secret(const struct config *config, uint8_t ret_secret[static SECRET_BYTES])
{
    memset(ret_secret, 's', SECRET_BYTES);
    return 0;
}

/* --- lives --- */

static void boot(void)
{
    machine.boots++;
    machine.booted_at = sim_now();
    snprintf(machine.boot_id, sizeof(machine.boot_id), "00000000-0000-4000-8000-%012llx",
             (unsigned long long)machine.boots);
}

void machine_begin(void)
{
    memset(&machine, 0, sizeof(machine));
    machine.clock = CLOCK_STATE_SYNCED;
    boot();
    if (sim_faults()->clock)
        machine_jump();
}

bool machine_alive(void)
{
    return machine.running && machine.ending == RUNNING;
}

int64_t machine_lives(void)
{
    return machine.lives;
}

static void end_life(enum ending ending)
{
    if (!machine_alive())
        return;
    machine.ending = ending;
    loop_end();
}

void machine_power_off(void)
{
    if (machine_alive())
        sim_trace("power off");
    if (!disk_is_cut(DISK_GATEWAY))
        disk_cut(DISK_GATEWAY, 0);
    end_life(POWER_OFF);
}

void machine_kill(void)
{
    if (!machine_alive())
        return;
    sim_trace("stiled is killed");
    disk_cut(DISK_GATEWAY, 0);
    end_life(KILLED);
}

void machine_stop(void)
{
    if (!machine_alive())
        return;
    sim_trace("stiled is told to stop");
    loop_signal(SIGTERM);
}

void machine_step(void)
{
    sim_step();
    if (machine_alive() && disk_is_cut(DISK_GATEWAY))
        machine_power_off();
    cloud_check_power();
    watch_step();
}

void machine_lose_policy(void)
{
    machine.lose_policy = true;
}

void machine_put_old_image(void)
{
    machine.put_old_image = disk_has_image(DISK_GATEWAY);
}

void machine_drift(void)
{
    machine.drift = true;
}

static char *copy(const char *text)
{
    char *copied = strdup(text);

    assert(copied);
    return copied;
}

static struct config make_config(void)
{
    return (struct config){
        .path = copy("/sim/gateway.json"),
        .source = copy(""),
        .site = copy(MACHINE_SITE),
        .gateway = copy(MACHINE_GATEWAY),
        .keys = desk_keys(),
        .broker = { .present = true, .host = copy("broker"), .port = 1883 },
        .state_directory = copy("/gateway"),
        .control_socket = copy("/sim/control"),
        .driver_directory = copy("/sim/drivers"),
        .profile_directory = copy("/sim/profiles"),
        .limits = { .event_rows_max = 512, .event_rows_kept = sim_faults()->old_cloud ? 512 : 20 },
    };
}

/* Whatever it was that ended it, the processes that the gateway had are gone with it. */
static void bury(void)
{
    if (machine.ending == RUNNING && disk_is_cut(DISK_GATEWAY))
        machine.ending = POWER_OFF; /* while it was opening or closing its files */
    if (machine.ending == RUNNING && !loop_has_turned())
        sim_trace("stiled cannot start");
    bool lossy = machine.ending == POWER_OFF;

    sim_forget(SIM_GATEWAY);
    sim_forget(SIM_LINK);
    link_gone(lossy);
    if (disk_is_cut(DISK_GATEWAY))
        disk_restart(DISK_GATEWAY, lossy);
    machine.next_life_at =
        sim_now() + sim_between(USEC_PER_SEC / 10, lossy ? 60 * USEC_PER_SEC : 3 * USEC_PER_SEC);
    if (lossy)
        disk_break(DISK_GATEWAY, SQLITE_OK);
}

static void change_card(void)
{
    if (machine.put_old_image) {
        sim_trace("the card is an old copy of itself");
        disk_put_image(DISK_GATEWAY);
        watch_old_image();
    }
    if (machine.lose_policy) {
        sim_trace("policy.db is gone");
        disk_remove(DISK_POLICY);
        watch_lost_policy();
    }
    if (machine.drift && watch_drift())
        sim_trace("an item of policy.db is another one");
    machine.put_old_image = machine.lose_policy = machine.drift = false;
}

static void live(void)
{
    struct config config = make_config();

    machine.lives++;
    if (machine.ending == POWER_OFF)
        boot();
    machine.ending = RUNNING;
    machine.running = true;
    sim_trace("life %lld begins in boot %lld", (long long)machine.lives, (long long)machine.boots);
    watch_life_begins();
    loop_begin();
    (void)daemon_run(&config);
    machine.running = false;
    bury();
    change_card();
    watch_life_ended();
}

static void look(void *argument, int64_t number)
{
}

void machine_run(void)
{
    if (sim_now() >= machine.next_life_at) {
        live();
        return;
    }
    sim_at(SIM_WORLD, machine.next_life_at - sim_now(), look, NULL, 0);
    while (sim_now() < machine.next_life_at && !watch_is_over())
        machine_step();
}
