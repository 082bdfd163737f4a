/* SPDX-License-Identifier: GPL-3.0-or-later */
/* machine.h: the box that the gateway runs on: its power, its clock, its processes. The gateway itself is
 * stiled as it is, from gateway/daemon on; what it stands on is replaced when linking:
 *
 *     sd_event.c  the loop: its turns are steps of the universe
 *     worker.c    the stores' threads: jobs take time, and nothing runs beside them
 *     child.c     stile-link: a client of the simulated broker
 *     hal.c       devices, doors and people
 *     machine.c   clocks, random numbers, the configuration
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/clock.h"

#define MACHINE_SITE    "hub"
#define MACHINE_GATEWAY "gw1"

struct daemon;

void machine_begin(void);

/* Runs stiled until it ends, in whatever way; or, while there is none, lets one thing happen. */
void machine_run(void);

/* stiled runs: its loop turns, and its power is on. */
bool machine_alive(void);

/* Lives of stiled so far. */
int64_t machine_lives(void);

/* What ends a life. */
void machine_power_off(void);
void machine_kill(void);
void machine_stop(void); /* as systemd does */

/* Lets the next thing happen. A power cut in the middle of it ends the life as well. */
void machine_step(void);

/* What happens to the card between two lives. */
void machine_lose_policy(void);
void machine_put_old_image(void);
void machine_drift(void);

/* The wall clock jumps. */
void machine_jump(void);

struct timestamp machine_time(void);
int64_t machine_true_utc_us(void);
