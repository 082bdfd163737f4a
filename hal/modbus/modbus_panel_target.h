/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modbus_panel_target.h: one door, turnstile or barrier that a panel moves: what its inputs, counters and
 * state word come to, and the releases that are open. Pure.
 *
 * What is read at each look is compared with the look before. A contact that bounces is read as one level or
 * the other, and as the right one at the next look: the poll is the debouncing. What has passed is an edge of
 * an input, which must last longer than a look, or the difference of a counter, which may wrap and may begin
 * at 0 when the device does.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hal/modbus/modbus_collector.h"
#include "hal/modbus/modbus_unit.h"

struct modbus_panel_release {
    int64_t id;
    enum driver_direction direction;
    int64_t until_us; /* then it has ended, whatever is known */
};

/* A turnstile may not be ready while somebody is in it; if it is not for so long, something is the matter. */
#define MODBUS_READY_MS 10000

/* What was said of it last. */
struct modbus_panel_state {
    enum driver_lock lock;
    enum driver_door door;
    bool obstacle;
    bool vehicle;
};

struct modbus_panel_target {
    const struct modbus_profile *profile; /* borrowed, as the next two */
    const struct modbus_voice *voice;
    const char *id;
    struct modbus_wiring wiring;
    bool counted; /* the counters were read once */
    bool known;   /* the inputs were, since the device was lost */
    bool values[MODBUS_ROLES];
    int64_t ready_us; /* when it was last seen ready, or at all */
    bool stuck;       /* it was not for MODBUS_READY_MS */
    uint32_t counts[MODBUS_DIRECTIONS];
    struct modbus_panel_state state;
    size_t release_count;
    struct modbus_panel_release releases[MODBUS_RELEASES_MAX]; /* oldest first */
};

/* Adds what it wants read. */
void modbus_panel_target_plan(const struct modbus_panel_target *target, struct modbus_poll *poll);

/* A look that began at begun_us has ended. lock: what its outputs come to. */
void modbus_panel_target_see(struct modbus_panel_target *target, const struct modbus_poll *poll,
                             int64_t begun_us, enum driver_lock lock);

/* The device has started anew: nobody knows what became of the releases. */
void modbus_panel_target_restart(struct modbus_panel_target *target);

/* The device cannot be asked: says so of a door that it watches. Releases whose time is over end `unknown`.
 */
void modbus_panel_target_miss(struct modbus_panel_target *target, int64_t now_us);

/* Says its state at the next look, even if it is the same. */
void modbus_panel_target_ask(struct modbus_panel_target *target);

/* A release was carried out, and there was room for it; its pulse ends at end_us. Says `accepted`. */
void modbus_panel_target_released(struct modbus_panel_target *target, int64_t id,
                                  enum driver_direction direction, int64_t end_us);

/* False: it says that it would not open. */
bool modbus_panel_target_ready(const struct modbus_panel_target *target);

/* Something stands in the way: it is not to be closed now. */
bool modbus_panel_target_blocked(const struct modbus_panel_target *target);
