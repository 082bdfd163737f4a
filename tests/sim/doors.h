/* SPDX-License-Identifier: GPL-3.0-or-later */
/* doors.h: what stands in for hal/hal.h: one device with two doors, and the people who come to them. Each
 * decision is compared with what the policy in force says. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

void doors_begin(void);

/* Somebody lays a card to a reader. */
void doors_tap(void);

/* The device goes away for a while. */
void doors_device_down(void);

/* An event was stored and told: those of decisions and releases come in the order in which they happened. */
void doors_stored(const char *line);

/* After each step: who waits for a stored grant, and who has got it. */
void doors_check(void);
