/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sense.h: what is sensed and commanded at the doors of a world, and the alarms in force (decision contract
 * "4, door state"). It feeds the table of door.h, does what that asks for, and tells. */
#pragma once

#include "gateway/core/memory.h"

/* A contact is told a moment after it moved, and one that has just shut may bounce: an opening so long after
 * a release has ended, or after the lock was said not to be unlocked any more, is still by it. */
#define SENSE_GRACE_US USEC_PER_SEC

/* An exit button that is pressed for so long is stuck. */
#define SENSE_REX_STUCK_US (60 * USEC_PER_SEC)

/* What is commanded at a door then. */
enum door_command sense_command(const struct door_memory *door, const struct timestamp *now);

/* An input says so. Returns as world_input() does. */
int sense_input(struct world *world, struct door_memory *door, const struct world_sensed *sensed);

/* The door's lock says how it is. Returns whether it is locked or unlocked now, and was not when it last was
 * either. */
bool sense_lock(struct world *world, struct door_memory *door, enum door_lock lock);

/* Another policy is in force: what was said where a door is not any more is forgotten, but for fire. */
void sense_follow(struct world *world);

/* world_no_fire(). */
void sense_no_fire(struct world *world, const char *place, bool is_target);

/* Nobody watches the contact any more. */
void sense_contact_lost(struct world *world, struct door_memory *door);

/* Nor the exit button and the lock. */
void sense_lost(struct world *world, struct door_memory *door);

/* Nor one at this reader. */
void sense_reader_lost(struct door_memory *door, const char *reader);

/* The door's device was told to release it. extended: for somebody who needs longer. */
void sense_released(struct world *world, struct door_memory *door, int64_t pulse_ms, bool extended);

/* It has begun that release only now, or has just ended it. */
void sense_release_lasts(struct world *world, struct door_memory *door, int64_t pulse_ms);

/* It has ended the release that the door was shut after. */
void sense_locked(struct world *world, struct door_memory *door);

/* Or has not. */
void sense_not_locked(struct door_memory *door);

/* Another mode holds: it opens the door, or does not. */
void sense_mode(struct world *world, struct door_memory *door, bool opens);

/* Somebody who was awaited has passed; people whom nobody awaited have: they may have followed him. */
void sense_passed(struct world *world, struct door_memory *door, enum direction direction, uint64_t grant);
void sense_followed(struct world *world, struct door_memory *door, enum direction direction, int64_t count);

/* Lets happen what is due; *due_us is brought forward to what is due next. */
void sense_time_out(struct world *world, struct door_memory *door, int64_t *due_us);
