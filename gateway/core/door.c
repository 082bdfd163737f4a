/* SPDX-License-Identifier: GPL-3.0-or-later */
/* door.c: the transitions of a door, one a line. Whatever is not listed changes nothing. */
#include "gateway/core/door.h"

#include <stddef.h>
#include <string.h>

static const struct {
    enum door_phase from;
    enum door_input input;
    enum door_phase to;
    unsigned acts;
} transitions[] = {
    /* Who did not see it opening cannot say that it was forced. */
    { DOOR_UNKNOWN, DOOR_OPENS_LOCKED, DOOR_OPEN, DOOR_STARTS },
    { DOOR_UNKNOWN, DOOR_OPENS_RELEASED, DOOR_OPEN, DOOR_STARTS },
    { DOOR_UNKNOWN, DOOR_OPENS_FREED, DOOR_FREE, 0 },
    { DOOR_UNKNOWN, DOOR_SHUTS, DOOR_CLOSED, 0 },

    { DOOR_CLOSED, DOOR_OPENS_LOCKED, DOOR_FORCED, DOOR_RAISES_FORCED },
    { DOOR_CLOSED, DOOR_OPENS_RELEASED, DOOR_OPEN, DOOR_STARTS },
    { DOOR_CLOSED, DOOR_OPENS_FREED, DOOR_FREE, 0 },
    { DOOR_CLOSED, DOOR_IS_LOST, DOOR_UNKNOWN, 0 },

    { DOOR_OPEN, DOOR_SHUTS, DOOR_CLOSED, DOOR_RELOCKS },
    { DOOR_OPEN, DOOR_IS_LOST, DOOR_UNKNOWN, 0 },
    { DOOR_OPEN, DOOR_IS_RELEASED, DOOR_OPEN, DOOR_STARTS },
    { DOOR_OPEN, DOOR_IS_FREED, DOOR_FREE, 0 },
    { DOOR_OPEN, DOOR_WARNING_DUE, DOOR_WARNED, DOOR_WARNS },
    { DOOR_OPEN, DOOR_HELD_DUE, DOOR_HELD, DOOR_RAISES_HELD },

    { DOOR_WARNED, DOOR_SHUTS, DOOR_CLOSED, DOOR_RELOCKS },
    { DOOR_WARNED, DOOR_IS_LOST, DOOR_UNKNOWN, 0 },
    { DOOR_WARNED, DOOR_IS_RELEASED, DOOR_OPEN, DOOR_STARTS },
    { DOOR_WARNED, DOOR_IS_FREED, DOOR_FREE, 0 },
    { DOOR_WARNED, DOOR_HELD_DUE, DOOR_HELD, DOOR_RAISES_HELD },

    /* Another release does not end it: the door is to be closed. */
    { DOOR_HELD, DOOR_SHUTS, DOOR_CLOSED, DOOR_ENDS_HELD | DOOR_RELOCKS },
    { DOOR_HELD, DOOR_IS_LOST, DOOR_LOST_HELD, 0 },
    { DOOR_HELD, DOOR_IS_FREED, DOOR_FREE, DOOR_ENDS_HELD },

    { DOOR_FORCED, DOOR_SHUTS, DOOR_CLOSED, DOOR_ENDS_FORCED },
    { DOOR_FORCED, DOOR_IS_LOST, DOOR_LOST_FORCED, 0 },

    { DOOR_FREE, DOOR_SHUTS, DOOR_CLOSED, 0 },
    { DOOR_FREE, DOOR_IS_LOST, DOOR_UNKNOWN, 0 },
    { DOOR_FREE, DOOR_IS_SECURED, DOOR_OPEN, DOOR_STARTS },

    /* Found open again it is as it was; nothing is raised twice. */
    { DOOR_LOST_HELD, DOOR_OPENS_LOCKED, DOOR_HELD, 0 },
    { DOOR_LOST_HELD, DOOR_OPENS_RELEASED, DOOR_HELD, 0 },
    { DOOR_LOST_HELD, DOOR_OPENS_FREED, DOOR_FREE, DOOR_ENDS_HELD },
    { DOOR_LOST_HELD, DOOR_SHUTS, DOOR_CLOSED, DOOR_ENDS_HELD },
    { DOOR_LOST_HELD, DOOR_IS_FREED, DOOR_UNKNOWN, DOOR_ENDS_HELD },

    { DOOR_LOST_FORCED, DOOR_OPENS_LOCKED, DOOR_FORCED, 0 },
    { DOOR_LOST_FORCED, DOOR_OPENS_RELEASED, DOOR_FORCED, 0 },
    { DOOR_LOST_FORCED, DOOR_OPENS_FREED, DOOR_FORCED, 0 },
    { DOOR_LOST_FORCED, DOOR_SHUTS, DOOR_CLOSED, DOOR_ENDS_FORCED },
};

struct door_step door_step(enum door_phase phase, enum door_input input)
{
    for (size_t i = 0; i < sizeof(transitions) / sizeof(transitions[0]); i++)
        if (transitions[i].from == phase && transitions[i].input == input)
            return (struct door_step){ transitions[i].to, transitions[i].acts };
    return (struct door_step){ phase, 0 };
}

int door_contact(enum door_phase phase)
{
    static const int contacts[] = {
        [DOOR_UNKNOWN] = -1, [DOOR_CLOSED] = 0,     [DOOR_OPEN] = 1,
        [DOOR_WARNED] = 1,   [DOOR_HELD] = 1,       [DOOR_FORCED] = 1,
        [DOOR_FREE] = 1,     [DOOR_LOST_HELD] = -1, [DOOR_LOST_FORCED] = -1,
    };

    return contacts[phase];
}

static const char *const alarm_names[DOOR_ALARMS] = {
    [DOOR_ALARM_FORCED] = "forced", [DOOR_ALARM_HELD] = "held",           [DOOR_ALARM_TAMPER] = "tamper",
    [DOOR_ALARM_FIRE] = "fire",     [DOOR_ALARM_REX_STUCK] = "rex_stuck", [DOOR_ALARM_OBSTACLE] = "obstacle",
    [DOOR_ALARM_JAMMED] = "jammed",
};

const char *door_alarm_name(enum door_alarm alarm)
{
    return alarm_names[alarm];
}

int door_alarm_find(const char *name)
{
    for (int i = 0; i < DOOR_ALARMS; i++)
        if (strcmp(alarm_names[i], name) == 0)
            return i;
    return -1;
}

const char *door_command_name(enum door_command command)
{
    static const char *const names[DOOR_COMMANDS] = {
        [DOOR_LOCKED] = "locked",
        [DOOR_RELEASED] = "released",
        [DOOR_FREED] = "freed",
    };

    return names[command];
}

const char *door_lock_name(enum door_lock lock)
{
    static const char *const names[DOOR_LOCKS] = {
        [DOOR_LOCK_UNKNOWN] = "unknown", [DOOR_LOCK_LOCKED] = "locked", [DOOR_LOCK_UNLOCKED] = "unlocked",
        [DOOR_LOCK_MOVING] = "moving",   [DOOR_LOCK_JAMMED] = "jammed",
    };

    return names[lock];
}
