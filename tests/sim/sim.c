/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sim.c: the queue is a heap ordered by time and, where that is equal, by order of coming. The last steps are
 * kept as they were told, for the case that something fails. */
#include "tests/sim/sim.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_KEPT 120
#define STEP_BYTES 240

struct future {
    int64_t at;
    uint64_t n;
    enum sim_owner owner;
    sim_event_fn *fn;
    void *argument;
    int64_t number;
};

static struct {
    uint64_t seed;
    uint64_t chance;
    bool trace;
    bool healed;
    struct sim_faults faults;
    int64_t now;
    struct future *heap;
    size_t count;
    size_t size;
    uint64_t last_n;
    uint64_t hash;
    uint64_t steps;
    char story[STEPS_KEPT][STEP_BYTES];
} sim;

const struct sim_faults *sim_faults(void)
{
    return &sim.faults;
}

int64_t sim_now(void)
{
    return sim.now;
}

/* SplitMix64: any seed is good, and neighbours have nothing in common. */
uint64_t sim_draw(void)
{
    uint64_t z = sim.chance += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

int64_t sim_below(int64_t n)
{
    assert(n > 0);
    return (int64_t)(sim_draw() % (uint64_t)n);
}

int64_t sim_between(int64_t from, int64_t to)
{
    int64_t range = to - from + 1;

    return from + sim_below(1 + sim_below(range));
}

bool sim_chance(unsigned n)
{
    return sim_draw() % 1000 < n;
}

bool sim_mishap(bool possible, unsigned n)
{
    return possible && !sim.healed && sim_chance(n);
}

void sim_heal(void)
{
    sim.healed = true;
}

bool sim_healed(void)
{
    return sim.healed;
}

/* --- the queue --- */

static bool before(const struct future *a, const struct future *b)
{
    return a->at != b->at ? a->at < b->at : a->n < b->n;
}

static void exchange(size_t a, size_t b)
{
    struct future kept = sim.heap[a];

    sim.heap[a] = sim.heap[b];
    sim.heap[b] = kept;
}

static void rise(size_t i)
{
    while (i > 0 && before(&sim.heap[i], &sim.heap[(i - 1) / 2])) {
        exchange(i, (i - 1) / 2);
        i = (i - 1) / 2;
    }
}

static void sink(size_t i)
{
    for (size_t child; (child = 2 * i + 1) < sim.count; i = child) {
        if (child + 1 < sim.count && before(&sim.heap[child + 1], &sim.heap[child]))
            child++;
        if (!before(&sim.heap[child], &sim.heap[i]))
            return;
        exchange(i, child);
    }
}

void sim_at(enum sim_owner owner, int64_t delay_us, sim_event_fn *fn, void *argument, int64_t number)
{
    if (sim.count == sim.size) {
        sim.size = sim.size ? 2 * sim.size : 256;
        sim.heap = realloc(sim.heap, sim.size * sizeof(*sim.heap));
        assert(sim.heap);
    }
    sim.heap[sim.count] = (struct future){ .at = sim.now + (delay_us > 0 ? delay_us : 0),
                                           .n = ++sim.last_n,
                                           .owner = owner,
                                           .fn = fn,
                                           .argument = argument,
                                           .number = number };
    rise(sim.count++);
}

void sim_forget(enum sim_owner owner)
{
    size_t kept = 0;

    for (size_t i = 0; i < sim.count; i++) {
        if (sim.heap[i].owner == owner)
            free(sim.heap[i].argument);
        else
            sim.heap[kept++] = sim.heap[i];
    }
    sim.count = kept;
    for (size_t i = kept / 2; i-- > 0;)
        sink(i);
}

void sim_step(void)
{
    assert(sim.count > 0);
    struct future next = sim.heap[0];

    sim.heap[0] = sim.heap[--sim.count];
    sink(0);
    sim.now = next.at;
    next.fn(next.argument, next.number);
}

/* --- the story --- */

static void add_to_hash(const void *bytes, size_t len)
{
    const unsigned char *at = bytes;

    for (size_t i = 0; i < len; i++)
        sim.hash = (sim.hash ^ at[i]) * UINT64_C(0x100000001b3);
}

void sim_trace(const char *format, ...)
{
    char *line = sim.story[sim.steps++ % STEPS_KEPT];
    int len = snprintf(line, STEP_BYTES, "%11.6f ", (double)sim.now / USEC_PER_SEC);
    va_list args;

    va_start(args, format);
    vsnprintf(line + len, STEP_BYTES - (size_t)len, format, args);
    va_end(args);
    add_to_hash(line, strlen(line));
    if (sim.trace)
        fprintf(stderr, "%s\n", line);
}

uint64_t sim_hash(void)
{
    return sim.hash;
}

void sim_fail(const char *what, const char *format, ...)
{
    uint64_t first = sim.steps > STEPS_KEPT ? sim.steps - STEPS_KEPT : 0;
    va_list args;

    for (uint64_t i = first; i < sim.steps && !sim.trace; i++)
        fprintf(stderr, "%s\n", sim.story[i % STEPS_KEPT]);
    fprintf(stderr, "\n%s does not hold: ", what);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nagain: run %llu --trace\n", (unsigned long long)sim.seed);
    exit(1);
}

/* --- begin and end --- */

static struct sim_faults draw_faults(void)
{
    /* One universe in eight has no faults at all: what fails there fails anywhere. */
    unsigned often = sim_chance(125) ? 0 : 350;
    unsigned seldom = often ? 120 : 0;
    bool old_image = sim_chance(seldom);
    /* A gateway that lost its policy cannot tell a cloud that lost its own how far they were. */
    bool old_cloud = !old_image && sim_chance(seldom);

    return (struct sim_faults){
        .loss = sim_chance(often),
        .duplication = sim_chance(often),
        .reordering = sim_chance(often),
        .replay = sim_chance(often),
        .resets = sim_chance(often),
        .partitions = sim_chance(often),
        .broker = sim_chance(often),
        .power = sim_chance(often),
        .kills = sim_chance(often),
        .slow_disk = sim_chance(often),
        .broken_disk = sim_chance(often),
        .cloud_power = sim_chance(often),
        .clock = sim_chance(often),
        .lost_policy = !old_cloud && sim_chance(often),
        .drift = sim_chance(often),
        .old_image = old_image,
        .old_cloud = old_cloud,
        .bulk = sim_chance(300),
        .bad_items = sim_chance(often),
        .flood = sim_chance(40),
        .slow_network = sim_chance(often),
        .lease = sim_chance(500),
    };
}

void sim_begin(uint64_t seed, bool trace)
{
    sim.seed = sim.chance = seed;
    sim.trace = trace;
    sim.healed = false;
    sim.now = 0;
    sim.last_n = sim.steps = 0;
    sim.hash = UINT64_C(0xcbf29ce484222325);
    sim.faults = draw_faults();
}

void sim_end(void)
{
    for (enum sim_owner owner = SIM_WORLD; owner < SIM_OWNERS; owner++)
        sim_forget(owner);
    free(sim.heap);
    sim.heap = NULL;
    sim.size = 0;
}
