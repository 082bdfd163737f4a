/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of a door: every phase with every input, and what holds whatever comes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "gateway/core/door.h"

/* One letter a phase, in the order of the enumeration. */
static const char phases[] = "?CoWHFfhx";

/* A line for each phase, a cell for each input: the next phase, and what is done (s starts, w warns, +h -h
 * held, +f -f forced, r relocks). Written from the contract, not from the table. */
static const char *const expected[DOOR_PHASES][DOOR_INPUTS] = {
    /*         OPENS:  locked  released freed   SHUTS     LOST RELEASED FREED   SECURED WARN  HELD */
    [DOOR_UNKNOWN] = { "o s", "o s", "f", "C", "?", "?", "?", "?", "?", "?" },
    [DOOR_CLOSED] = { "F +f", "o s", "f", "C", "?", "C", "C", "C", "C", "C" },
    [DOOR_OPEN] = { "o", "o", "o", "C r", "?", "o s", "f", "o", "W w", "H +h" },
    [DOOR_WARNED] = { "W", "W", "W", "C r", "?", "o s", "f", "W", "W", "H +h" },
    [DOOR_HELD] = { "H", "H", "H", "C -hr", "h", "H", "f -h", "H", "H", "H" },
    [DOOR_FORCED] = { "F", "F", "F", "C -f", "x", "F", "F", "F", "F", "F" },
    [DOOR_FREE] = { "f", "f", "f", "C", "?", "f", "f", "o s", "f", "f" },
    [DOOR_LOST_HELD] = { "H", "H", "f -h", "C -h", "h", "h", "? -h", "h", "h", "h" },
    [DOOR_LOST_FORCED] = { "F", "F", "F", "C -f", "x", "x", "x", "x", "x", "x" },
};

static unsigned acts_of(const char *cell)
{
    return (strchr(cell + 1, 's') ? DOOR_STARTS : 0) | (strchr(cell + 1, 'w') ? DOOR_WARNS : 0) |
           (strstr(cell, "+h") ? DOOR_RAISES_HELD : 0) | (strstr(cell, "-h") ? DOOR_ENDS_HELD : 0) |
           (strstr(cell, "+f") ? DOOR_RAISES_FORCED : 0) | (strstr(cell, "-f") ? DOOR_ENDS_FORCED : 0) |
           (strchr(cell + 1, 'r') ? DOOR_RELOCKS : 0);
}

static void step__every_phase_and_input__as_expected(void **state)
{
    for (enum door_phase phase = 0; phase < DOOR_PHASES; phase++)
        for (enum door_input input = 0; input < DOOR_INPUTS; input++) {
            struct door_step step = door_step(phase, input);

            if (phases[step.phase] != expected[phase][input][0] ||
                step.acts != acts_of(expected[phase][input]))
                fail_msg("%c, input %d: %c %#x", phases[phase], (int)input, phases[step.phase], step.acts);
        }
}

static bool is_held(enum door_phase phase)
{
    return phase == DOOR_HELD || phase == DOOR_LOST_HELD;
}

static bool is_forced(enum door_phase phase)
{
    return phase == DOOR_FORCED || phase == DOOR_LOST_FORCED;
}

/* An alarm is raised on the way into its phases and ended on the way out, and never else. */
static void step__alarms__raised_and_ended_once(void **state)
{
    for (enum door_phase phase = 0; phase < DOOR_PHASES; phase++)
        for (enum door_input input = 0; input < DOOR_INPUTS; input++) {
            struct door_step step = door_step(phase, input);

            assert_int_equal(!!(step.acts & DOOR_RAISES_HELD), !is_held(phase) && is_held(step.phase));
            assert_int_equal(!!(step.acts & DOOR_ENDS_HELD), is_held(phase) && !is_held(step.phase));
            assert_int_equal(!!(step.acts & DOOR_RAISES_FORCED), !is_forced(phase) && is_forced(step.phase));
            assert_int_equal(!!(step.acts & DOOR_ENDS_FORCED), is_forced(phase) && !is_forced(step.phase));
        }
}

/* What the contact says last is what is known of it. */
static void step__contact__is_believed(void **state)
{
    for (enum door_phase phase = 0; phase < DOOR_PHASES; phase++) {
        for (enum door_input input = DOOR_OPENS_LOCKED; input <= DOOR_OPENS_FREED; input++)
            assert_int_equal(door_contact(door_step(phase, input).phase), 1);
        assert_int_equal(door_contact(door_step(phase, DOOR_SHUTS).phase), 0);
        assert_int_equal(door_contact(door_step(phase, DOOR_IS_LOST).phase), -1);
        for (enum door_input input = DOOR_IS_RELEASED; input < DOOR_INPUTS; input++)
            assert_int_equal(door_contact(door_step(phase, input).phase), door_contact(phase));
    }
}

static void names__there_and_back(void **state)
{
    for (enum door_alarm alarm = 0; alarm < DOOR_ALARMS; alarm++)
        assert_int_equal(door_alarm_find(door_alarm_name(alarm)), alarm);
    assert_int_equal(door_alarm_find("smoke"), -1);
    assert_string_equal(door_command_name(DOOR_RELEASED), "released");
    assert_string_equal(door_lock_name(DOOR_LOCK_JAMMED), "jammed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(step__every_phase_and_input__as_expected),
        cmocka_unit_test(step__alarms__raised_and_ended_once),
        cmocka_unit_test(step__contact__is_believed),
        cmocka_unit_test(names__there_and_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
