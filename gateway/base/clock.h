/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clock.h: the two times of the gateway.
 *
 * Durations, ages and deadlines run on boot time (CLOCK_BOOTTIME: never set, counts through suspend); dates
 * and schedules run on UTC. Both are microseconds. Only programs read the clock; proto and core are handed
 * the time.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define USEC_PER_MSEC INT64_C(1000)
#define USEC_PER_SEC  INT64_C(1000000)

/* Bytes of a boot id with its terminating NUL: a UUID in text. */
#define BOOT_ID_SIZE 37

/* What the gateway knows about its wall clock (decision contract, section 2). */
enum clock_state {
    CLOCK_STATE_NONE,     /* nobody vouches for it */
    CLOCK_STATE_HOLDOVER, /* was synced in this boot, or a hardware clock vouches */
    CLOCK_STATE_SYNCED,   /* kept by NTP now */
};

/* One reading, passed into everything that decides. */
struct timestamp {
    int64_t boot_us; /* since boot */
    int64_t utc_us;  /* since 1970-01-01T00:00:00Z; meaningless with CLOCK_STATE_NONE */
    enum clock_state clock;
};

/* Microseconds since boot, suspend included. */
int64_t clock_boot_us(void);

/* Microseconds since 1970 by the system's clock. */
int64_t clock_utc_us(void);

/* Both at once, with what the kernel says of its synchronisation (adjtimex: STA_UNSYNC is not synced, then
 * holdover if a hardware clock exists or the clock was synced before in this process, else none). */
struct timestamp clock_now(void);

/* The kernel's boot id as a UUID in text. Returns 0 or a negative errno. */
int clock_boot_id(char ret_id[static BOOT_ID_SIZE]);

/* "none", "holdover", "synced". */
const char *clock_state_name(enum clock_state state);

/* The state of that name, -1 if there is none. */
int clock_state_find(const char *name);
