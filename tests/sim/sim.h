/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sim.h: one universe: its time, its chance, what will happen in it, and the story of what did.
 *
 * Everything that happens is an event with a time, taken from one queue; nothing runs beside it. All chance
 * is drawn from the seed. So the same seed tells the same story, of which a hash is kept.
 *
 * There is one universe at a time, and its parts stand for what there is one of (a gateway, a broker, a
 * cloud): each keeps its own state and has a <part>_begin().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>

#include "gateway/base/clock.h"

/* Whose future an event is: it goes with its owner. */
enum sim_owner {
    SIM_WORLD,
    SIM_GATEWAY, /* the process */
    SIM_LINK,    /* stile-link's process */
    SIM_BROKER,
    SIM_CLOUD, /* the process */
    SIM_OWNERS,
};

/* argument: NULL, or allocated and fn's to free. */
typedef void sim_event_fn(void *argument, int64_t number);

/* What may go wrong in this universe; drawn from its seed, so that most have a few of them. */
struct sim_faults {
    bool loss; /* of messages while a connection stands, as brokers do */
    bool duplication;
    bool reordering;
    bool replay;       /* what was said long ago comes again */
    bool resets;       /* connections break */
    bool partitions;   /* nothing goes through, and nobody is told */
    bool broker;       /* it restarts, now and then empty */
    bool power;        /* of the gateway */
    bool kills;        /* its processes */
    bool slow_disk;    /* of the gateway */
    bool broken_disk;  /* of the gateway: full, or failing */
    bool cloud_power;  /* of the cloud, and its processes */
    bool clock;        /* of the gateway: jumps of years, and none at all */
    bool lost_policy;  /* policy.db is gone */
    bool drift;        /* an item of policy.db is another one */
    bool old_image;    /* the gateway's card is an old copy of itself */
    bool old_cloud;    /* the cloud's file is */
    bool bulk;         /* policies that need several chunks */
    bool bad_items;    /* versions that a gateway refuses */
    bool flood;        /* more events than a log keeps */
    bool slow_network; /* seconds, not milliseconds */
    bool lease;        /* no fault: the policy is leased */
};

/* Begins a universe. trace: prints what happens. */
void sim_begin(uint64_t seed, bool trace);
void sim_end(void);

const struct sim_faults *sim_faults(void);

/* Microseconds since the universe began. */
int64_t sim_now(void);

uint64_t sim_draw(void);
/* 0 to n - 1. */
int64_t sim_below(int64_t n);
/* From `from` to `to`, small ones more often. */
int64_t sim_between(int64_t from, int64_t to);
/* Whether something happens that happens in n of 1,000 cases. */
bool sim_chance(unsigned n);
/* The same, while faults go on. */
bool sim_mishap(bool possible, unsigned n);

/* Faults go on until this is called: then everything works. */
void sim_heal(void);
bool sim_healed(void);

void sim_at(enum sim_owner owner, int64_t delay_us, sim_event_fn *fn, void *argument, int64_t number);

/* Nothing of this owner comes any more. */
void sim_forget(enum sim_owner owner);

/* Lets the next thing happen. */
void sim_step(void);

/* Something that happened, for the story. */
void sim_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
uint64_t sim_hash(void);

/* What had to hold does not: tells the end of the story and how to hear it again, and ends the process. */
noreturn void sim_fail(const char *what, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define SIM_REQUIRE(condition, what, ...)                                                                    \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            sim_fail(what, __VA_ARGS__);                                                                     \
    } while (0)
