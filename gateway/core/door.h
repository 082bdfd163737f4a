/* SPDX-License-Identifier: GPL-3.0-or-later */
/* door.h: how a door is, as one table (decision contract 4 and "4, door state").
 *
 * What is sensed (the contact, the lock) and what is commanded (locked, released, freed by its mode) are kept
 * apart; the phase is what the two came to, so that an opening can be told from a forced one. Pure: no time,
 * no memory; sense.c feeds it, and does what it asks for.
 */
#pragma once

#include <stdbool.h>

enum door_phase {
    DOOR_UNKNOWN, /* nobody knows whether it is closed */
    DOOR_CLOSED,
    DOOR_OPEN,        /* for a while that is not too long */
    DOOR_WARNED,      /* the same, and the while is nearly over */
    DOOR_HELD,        /* for too long */
    DOOR_FORCED,      /* and nothing allowed it */
    DOOR_FREE,        /* as long as anyone likes: its mode says so */
    DOOR_LOST_HELD,   /* was held when its contact was lost */
    DOOR_LOST_FORCED, /* was forced then */
    DOOR_PHASES,
};

/* What is commanded. */
enum door_command { DOOR_LOCKED, DOOR_RELEASED, DOOR_FREED, DOOR_COMMANDS };

/* What is sensed of a lock that tells how it is, however it came to that. */
enum door_lock {
    DOOR_LOCK_UNKNOWN,
    DOOR_LOCK_LOCKED,
    DOOR_LOCK_UNLOCKED,
    DOOR_LOCK_MOVING,
    DOOR_LOCK_JAMMED,
    DOOR_LOCKS,
};

enum door_input {
    DOOR_OPENS_LOCKED, /* the contact says open, while locked is commanded */
    DOOR_OPENS_RELEASED,
    DOOR_OPENS_FREED,
    DOOR_SHUTS,
    DOOR_IS_LOST, /* nobody watches the contact any more */
    DOOR_IS_RELEASED,
    DOOR_IS_FREED, /* its mode opens it from now on */
    DOOR_IS_SECURED,
    DOOR_WARNING_DUE,
    DOOR_HELD_DUE,
    DOOR_INPUTS,
};

/* What is to be done, as bits. */
enum door_act {
    DOOR_STARTS = 1, /* the time that it may be open begins */
    DOOR_WARNS = 2,
    DOOR_RAISES_HELD = 4,
    DOOR_ENDS_HELD = 8,
    DOOR_RAISES_FORCED = 16,
    DOOR_ENDS_FORCED = 32,
    DOOR_RELOCKS = 64, /* the release that it was opened by may end */
};

struct door_step {
    enum door_phase phase;
    unsigned acts;
};

/* Alarms that are in force until their cause ends. */
enum door_alarm {
    DOOR_ALARM_FORCED,
    DOOR_ALARM_HELD,
    DOOR_ALARM_TAMPER,
    DOOR_ALARM_FIRE,
    DOOR_ALARM_REX_STUCK,
    DOOR_ALARM_OBSTACLE,
    DOOR_ALARM_JAMMED,
    DOOR_ALARMS,
};

/* The table, with what it leaves out: nothing changes. */
struct door_step door_step(enum door_phase phase, enum door_input input);

/* 1 open, 0 closed, -1 not known. */
int door_contact(enum door_phase phase);

/* "forced"; and back, -1 if there is none. */
const char *door_alarm_name(enum door_alarm alarm);
int door_alarm_find(const char *name);

/* "locked", "released", "freed". */
const char *door_command_name(enum door_command command);

/* "unknown", "locked". */
const char *door_lock_name(enum door_lock lock);
