/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench_ledger.c: durable events a second, appended one by one (each waits for the last to be durable) and in
 * hundreds, beside the floor: as many bytes written in place and synced as often by nothing but the two
 * system calls. */
#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/store/ledger.h"

#define SYNCS       2000
#define EVENT_BYTES 256
#define DIRECTORY   "/var/tmp/bench-ledger-XXXXXX" /* /tmp may be memory */

static int64_t now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * USEC_PER_SEC + ts.tv_nsec / 1000;
}

static double per_second(size_t count, int64_t since_us)
{
    return (double)count * (double)USEC_PER_SEC / (double)(now_us() - since_us);
}

/* Writes to a file that is there in full, as a log does that has been used before. */
static double measure_floor(const char *path, size_t together)
{
    static char bytes[100 * EVENT_BYTES];
    size_t len = together * EVENT_BYTES;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int64_t begin_us;

    assert(fd >= 0 && len <= sizeof(bytes));
    memset(bytes, 'x', sizeof(bytes));
    for (size_t i = 0; i < SYNCS; i++)
        if (pwrite(fd, bytes, len, (off_t)(i * len)) != (ssize_t)len)
            abort();
    fsync(fd);
    begin_us = now_us();
    for (size_t i = 0; i < SYNCS; i++)
        if (pwrite(fd, bytes, len, (off_t)(i * len)) != (ssize_t)len || fdatasync(fd) < 0)
            abort();
    double rate = per_second(SYNCS * together, begin_us);

    close(fd);
    unlink(path);
    return rate;
}

static void append(struct ledger *ledger, int64_t number)
{
    const struct event event = { .kind = EVENT_GRANTED,
                                 .point = "front.in",
                                 .door = "front",
                                 .user = "u17",
                                 .credential = "c17",
                                 .reason = "RULE",
                                 .rule = "members",
                                 .count = number };
    const struct ledger_entry entry = { .event = &event, .now = { .boot_us = number } };

    if (ledger_append(ledger, &entry, NULL) < 0)
        abort();
}

static void await_stored(struct ledger *ledger)
{
    struct pollfd poll_fd = { .fd = ledger_fd(ledger), .events = POLLIN };

    while (ledger_pending(ledger) > 0) {
        (void)poll(&poll_fd, 1, -1);
        ledger_dispatch(ledger);
    }
}

static double measure_ledger(const char *path, size_t together)
{
    const struct ledger_options options = { .path = path,
                                            .boot_id = "5d0e1c9a-7c1f-4a53-9a55-0c1f7e0a2b11",
                                            .rows_max = 1000000,
                                            .retain_rows = 100000 };
    struct ledger_opened opened;
    struct ledger *ledger;
    int64_t begin_us;
    char wal[80];

    if (ledger_open(&options, &ledger, &opened) < 0 || ledger_start(ledger) < 0)
        abort();
    begin_us = now_us();
    for (int64_t i = 1; i <= SYNCS; i++) {
        for (size_t k = 0; k < together; k++)
            append(ledger, i);
        await_stored(ledger);
    }
    double rate = per_second(SYNCS * together, begin_us);

    ledger_close(ledger, NULL);
    snprintf(wal, sizeof(wal), "%s-wal", path);
    (void)unlink(wal);
    unlink(path);
    return rate;
}

int main(void)
{
    static const size_t togethers[] = { 1, 100 };
    char directory[] = DIRECTORY;
    char path[64];

    assert(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/ledger.db", directory);
    for (size_t i = 0; i < sizeof(togethers) / sizeof(togethers[0]); i++) {
        double floor = measure_floor(path, togethers[i]);
        double rate = measure_ledger(path, togethers[i]);

        printf("ledger_floor_%zu %.0f events/s\n", togethers[i], floor);
        printf("ledger_events_durable_%zu %.0f events/s\n", togethers[i], rate);
        printf("ledger_share_of_floor_%zu %.2f ratio\n", togethers[i], rate / floor);
    }
    rmdir(directory);
    return 0;
}
