/* SPDX-License-Identifier: GPL-3.0-or-later */
/* run.c: universes, one after the other.
 *
 *     run SEED [COUNT] [--trace]
 *
 * Runs COUNT universes (1) from SEED on; every hundredth is run twice, and must tell the same story. The
 * first one in which something does not hold ends it.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "tests/sim/broker.h"
#include "tests/sim/cloud.h"
#include "tests/sim/desk.h"
#include "tests/sim/disk.h"
#include "tests/sim/doors.h"
#include "tests/sim/events.h"
#include "tests/sim/link.h"
#include "tests/sim/machine.h"
#include "tests/sim/sim.h"
#include "tests/sim/watch.h"
#include "tests/sim/world.h"

#define TWICE_EVERY 100

struct totals {
    int64_t events;
    int64_t lives;
    int64_t us;
};

static uint64_t run(uint64_t seed, bool trace, struct totals *totals)
{
    sim_begin(seed, trace);
    disk_begin();
    watch_begin();
    events_begin();
    machine_begin();
    broker_begin();
    link_begin();
    doors_begin();
    desk_begin();
    cloud_begin();
    world_begin();
    while (!watch_is_over())
        machine_run();
    totals->events += events_count();
    totals->lives += machine_lives();
    totals->us += sim_now();
    uint64_t hash = sim_hash();

    cloud_end();
    sim_end();
    broker_end();
    link_end();
    events_end();
    desk_end();
    disk_end();
    return hash;
}

static void on_crash(int number)
{
    sim_fail(number == SIGABRT ? "an assertion" : "the process", "signal %d", number);
}

static bool read_number(const char *text, uint64_t *ret)
{
    char *end;

    errno = 0;
    *ret = strtoull(text, &end, 10);
    return errno == 0 && *text && !*end;
}

int main(int argc, char *argv[])
{
    bool trace = argc > 2 && strcmp(argv[argc - 1], "--trace") == 0;
    uint64_t seed, count = 1;
    struct totals totals = { 0 };

    argc -= trace;
    if (argc < 2 || argc > 3 || !read_number(argv[1], &seed) ||
        (argc == 3 && !read_number(argv[2], &count))) {
        fputs("usage: run SEED [COUNT] [--trace]\n", stderr);
        return 2;
    }
    signal(SIGABRT, on_crash);
    signal(SIGSEGV, on_crash);
    log_init("stiled", trace ? LOG_DEBUG : LOG_CRIT);
    if (!trace && !freopen("/dev/null", "w", stdout))
        return 1;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t hash = run(seed + i, trace, &totals);

        if ((i % TWICE_EVERY == 0) && run(seed + i, false, &totals) != hash)
            sim_fail("determinism", "seed %" PRIu64 " told two stories", seed + i);
        if (count == 1)
            fprintf(stderr, "seed %" PRIu64 ": story %016" PRIx64 "\n", seed, hash);
    }
    fprintf(stderr, "%" PRIu64 " universes: %" PRId64 " events, %" PRId64 " lives, %.1f days; all is well\n",
            count, totals.events, totals.lives, (double)totals.us / USEC_PER_SEC / 86400);
    return 0;
}
