/* SPDX-License-Identifier: GPL-3.0-or-later */
/* simulate_script.h: the lines of a script, carried out one by one (decision contract 5 and its fine
 * print). */
#pragma once

#include "gateway/base/text.h"
#include "gateway/core/world.h"
#include "gateway/simulate/simulate_policy.h"

struct simulate_script {
    struct simulate_items *items;
    struct policy *policy;
    struct world *world;
    enum clock_state clock;
    int64_t first_us; /* UTC of the first line; INSTANT_MIN before it */
    struct timestamp now;
};

/* Compiles the items and begins. items stay the caller's. Returns 0 or a negative errno; to be finished in
 * any case. */
int simulate_script_init(struct simulate_script *script, struct simulate_items *items) must_check;
void simulate_script_finish(struct simulate_script *script);

/* Carries out one line; a verdict is written to out, which is emptied first. Returns 0, -EBADMSG with *error
 * naming the member, or another negative errno. */
int simulate_script_line(struct simulate_script *script, struct json_object *line, struct text *out,
                         struct json_error *error) must_check;
