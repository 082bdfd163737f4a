/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clock.c: reads the two clocks and the kernel's opinion of them.
 *
 * adjtimex() says whether NTP keeps the clock (STA_UNSYNC cleared). Where it does not, a hardware clock still
 * vouches for the time a box was started with; a box without either knows nothing.
 */
#include "gateway/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/cleanup.h"

static int64_t read_clock(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000;
}

int64_t clock_boot_us(void)
{
    return read_clock(CLOCK_BOOTTIME);
}

int64_t clock_utc_us(void)
{
    return read_clock(CLOCK_REALTIME);
}

static enum clock_state kernel_state(void)
{
    struct timex t = { 0 };

    if (adjtimex(&t) >= 0 && !(t.status & STA_UNSYNC))
        return CLOCK_STATE_SYNCED;
    if (access("/dev/rtc0", F_OK) == 0)
        return CLOCK_STATE_HOLDOVER;
    return CLOCK_STATE_NONE;
}

struct timestamp clock_now(void)
{
    return (
        struct timestamp){ .boot_us = clock_boot_us(), .utc_us = clock_utc_us(), .clock = kernel_state() };
}

int clock_boot_id(char ret_id[static BOOT_ID_SIZE])
{
    cleanup_with(closep) int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    char id[BOOT_ID_SIZE];

    if (fd < 0)
        return -errno;
    ssize_t n = read(fd, id, BOOT_ID_SIZE - 1);

    if (n != BOOT_ID_SIZE - 1)
        return n < 0 ? -errno : -EBADMSG;
    id[n] = '\0';
    memcpy(ret_id, id, BOOT_ID_SIZE);
    return 0;
}

const char *clock_state_name(enum clock_state state)
{
    switch (state) {
    case CLOCK_STATE_NONE:
        return "none";
    case CLOCK_STATE_HOLDOVER:
        return "holdover";
    case CLOCK_STATE_SYNCED:
        return "synced";
    }
    return NULL;
}

int clock_state_find(const char *name)
{
    for (enum clock_state state = CLOCK_STATE_NONE; state <= CLOCK_STATE_SYNCED; state++)
        if (strcmp(clock_state_name(state), name) == 0)
            return (int)state;
    return -1;
}
