#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plants single-line faults in gateway/core one by one and reports which of them the differential test catches.

    plant.py [--count N] [--jobs J] [--only WORD]

How: tests/planting.py.
"""
import argparse
import os
import shutil
import sys

import differ
import limits
from generate import generate

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import planting

TARGET = "gateway/stiled"
FIRST_SEED = 1
SEEDS_AT_ONCE = 500

# (what is then wrong, file in gateway/core, text, text instead)
FAULTS = (
    ("row 2: equal is older", "rows.c", "age_us > t->point->max_age_us", "age_us >= t->point->max_age_us"),
    ("row 3: lockdown tags do not help", "rows.c",
     "t->party->user == POLICY_NONE || !policy_user_passes_lockdown(t->policy, t->party->user)", "true"),
    ("row 3: lockdown in a fire", "rows.c", "!down || mode_fire(t->door_memory)", "!down"),
    ("row 4: blocked in a fire", "rows.c", "!mode_fire(t->door_memory) && t->below", "t->below"),
    ("row 5: lasts a moment longer", "rows.c",
     "until_us <= t->now->boot_us)\n        return;\n    fail(t, REASON_LOCKED",
     "until_us < t->now->boot_us)\n        return;\n    fail(t, REASON_LOCKED"),
    ("row 5: other types are affected", "rows.c",
     "if (t->session->present.shown[t->session->last].type != CREDENTIAL_PIN)", "if (false)"),
    ("row 5: five minutes exactly still lock out", "world.c", ">= PIN_FAILURES_SPAN", "> PIN_FAILURES_SPAN"),
    ("row 5: PINs presented meanwhile count", "world.c", "if (verdict_failed(verdict, REASON_LOCKED_OUT) ||\n        (",
     "if (\n        ("),
    ("row 8: a PIN after a user is looked up among all", "decide.c", "if (after_user && shown->type == CREDENTIAL_PIN)",
     "if (false)"),
    ("row 9: other users go unseen", "decide.c", "found->user_ref != party->user_ref)", "false)"),
    ("row 10: blocked is invalid", "rows.c",
     "fail(t, REASON_CREDENTIAL_BLOCKED)",
     "fail(t, REASON_CREDENTIAL_INVALID)"),
    ("rows 11, 16: until is included", "rows.c", "t->now->utc_us >= until_us", "t->now->utc_us > until_us"),
    ("rows 11, 16: from is excluded", "rows.c", "t->now->utc_us < from_us", "t->now->utc_us <= from_us"),
    ("row 12: one use too many", "rows.c", ">= credential->uses)", "> credential->uses)"),
    ("row 12: reserved uses do not count", "memory.c", "memory->used + memory->reserved", "memory->used"),
    ("row 13: the last assurance, not the highest", "rows.c", " && showing->shown[i].assurance > proven)", ")"),
    ("row 17: a block needs the clock", "rows.c",
     "who->blocked && (!memory_clock_trusted(t->now) || t->now->utc_us >= who->block_from_us)",
     "who->blocked && t->now->utc_us >= who->block_from_us"),
    ("row 18: keys are not mobile", "rows.c", " || credential->type == CREDENTIAL_KEY;", ";"),
    ("row 19: equal is stale", "rows.c", "> link->max_stale_us", ">= link->max_stale_us"),
    ("row 20: the last type, not the first", "rows.c", "showing->shown[0].type);\n    struct rules_found",
     "showing->shown[t->session->last].type);\n    struct rules_found"),
    ("row 20: rules that are off open", "rows.c", "!rule->enabled || !rule_valid", "!rule_valid"),
    ("row 20: without a clock `never` may open", "rows.c", "rule->schedule != SCHEDULE_NEVER &&", "true &&"),
    ("row 20: a rule's end is included", "rows.c",
     "t->now->utc_us < rule->valid_until_us",
     "t->now->utc_us <= rule->valid_until_us"),
    ("row 21: equal is not over", "rows.c", "if (left_us <= 0)", "if (left_us < 0)"),
    ("row 21: at exits too", "rows.c", "t->point->direction != DIRECTION_ENTRY || !interval_us", "!interval_us"),
    ("row 21: a release that came to nothing counts", "passage.c", "release->counts = awaited->before[i].counts;", ""),
    ("row 22: equal is not over", "rows.c", "&person->moved, t->now) < area", "&person->moved, t->now) <= area"),
    ("row 22: the area left is not looked at", "rows.c", "if (area->index != t->point->from)", "if (false)"),
    ("row 22: points that move nobody are checked", "rows.c", "t->party->who.apb_exempt || !moves(t->point)",
     "t->party->who.apb_exempt"),
    ("row 23: the other person does not count", "rows.c", "        count++;", "        ;"),
    ("row 23: who is gone from the policy counts", "memory.c",
     "if (!is_known(person, turn))\n        return;",
     "if (false)\n        return;"),
    ("row 24: an unknown contact is closed", "rows.c", "door->phase != DOOR_CLOSED", "door_contact(door->phase) == 1"),
    ("row 24: an awaited passage is nothing", "rows.c", "return awaited || door", "return door"),
    ("row 24: a pulse lasts a moment longer", "rows.c", "door->pulse_until_us > t->now->boot_us",
     "door->pulse_until_us >= t->now->boot_us"),
    ("row 25: an entry with a missing schedule is passed over", "rows.c",
     "if (entry->schedule == POLICY_NONE) {", "if (false) {"),
    ("row 25: only the last combination can be completed", "rows.c", "begun = begun || (shown", "begun = (shown"),
    ("row 26: the same person is the second one too", "decide.c",
     "!(ret->present.known != KNOWN_NOTHING && ret->present.user_ref == ret->first.user_ref)", "true"),
    ("row 26: a first one who is blocked since", "rows.c",
     "/* 17 */ { KNOWN_USER, true,",
     "/* 17 */ { KNOWN_USER, false,"),
    ("row 26: the first one's extended time is forgotten", "decide.c",
     " || (ret->with_first && ret->first.who.extended_time)", ""),
    ("DURESS of the first person goes unsaid", "decide.c", " || (two && credential_duress(&ret->first))", ""),
    ("an open door takes what is stale", "decide.c", "REASON_BIT(REASON_STALE) | REASON_BIT(REASON_LOCKDOWN)",
     "REASON_BIT(REASON_LOCKDOWN)"),
    ("an open door takes a use", "passage.c", "r < 0 || !by_rule ? r", "r < 0 ? r"),
    ("a session lasts a moment longer", "world.c", "world->now.boot_us < before->last_us +",
     "world->now.boot_us <= before->last_us +"),
    ("a passage may come a moment later", "passage.c", "if (awaited->until_us <= world->now.boot_us)",
     "if (awaited->until_us < world->now.boot_us)"),
    ("a new grant replaces the one of the other direction", "passage.c",
     "older->direction == newer->direction &&",
     "true &&"),
    ("a confirmed passage takes no use", "passage.c", "awaited->credentials[i]->used++;", ""),
    ("a contact confirms at a turnstile", "sense.c",
     "awaited && policy_door(world->policy, door->index)->kind != DOOR_KIND_TURNSTILE",
     "awaited"),
    ("a contact that stays open confirms", "sense.c", "    if (!news)\n        return false;\n", ""),
    ("an override that unlocks holds nothing", "mode.c", "memory->override != DOOR_MODES &&",
     "memory->override > DOOR_MODE_LOCKED_OPEN &&"),
    ("lockdown before fire", "mode.c",
     "if (mode_fire(door))",
     "if (mode_fire(door) && !world->lockdown)"),
    ("what nobody can tell opens", "mode.c", "if (unsure && mode_is_open(held.mode))", "if (false)"),
    ("first_person holds back any mode", "mode.c", "!entry->first_person || !mode_is_open(entry->mode) ||",
     "!entry->first_person ||"),
    ("first_person at an exit", "world.c",
     "policy_point(world->policy, verdict->point)->direction == DIRECTION_ENTRY &&", "true &&"),
    ("a window past midnight ends at midnight", "policy_schedule.c", "(past_midnight || local->second < window->to_s)",
     "local->second < window->to_s"),
    ("the evening before is forgotten", "policy_schedule.c", "day >= local->day - 1; day--) {\n        const",
     "day >= local->day; day--) {\n        const"),
    ("a calendar begins a day late", "policy_schedule.c",
     "calendar->days[low].from <= day",
     "calendar->days[low].from < day"),
    ("a yearly day comes a day late", "policy_schedule.c", "calendar->yearly[month] >> of_month & 1",
     "calendar->yearly[month] >> (of_month - 1) & 1"),
    ("an hour that is skipped comes early", "zone.c",
     "(t > stretch.from ? t : stretch.from) * USEC_PER_SEC",
     "t * USEC_PER_SEC"),
    ("a transition comes a second late", "zone.c",
     "zone->transitions[middle].at <= t",
     "zone->transitions[middle].at < t"),
    ("forgiveness comes a moment late", "advance.c", "if (area->forgive_utc_us <= world->now.utc_us)",
     "if (area->forgive_utc_us < world->now.utc_us)"),
    ("row 20: a rule's areas are the ones left", "policy_rules.c", "policy->points[i].to == area",
     "policy->points[i].from == area"),
    ("row 20: a user is joined by his tags only", "policy_rules.c", "by_tags < by_name ? by_tags : by_name", "by_tags"),
    ("a missing area is outside", "policy_places.c",
     "point->from != POLICY_NONE && point->to != POLICY_NONE",
     "point->to != POLICY_NONE"),
    ("pulse_ms 49", "item.c", '"pulse_ms", 50, 600000', '"pulse_ms", 49, 600000'),
    ("uses 1000001", "item.c", '"uses", 0, 1000000', '"uses", 0, 1000001'),
    ("a change: who went is taken for the first", "policy_merge.c", "records->places[next++] = POLICY_NONE;",
     "records->places[next++] = 0;"),
    ("a change: who comes is left out", "policy_merge.c", "if (goes || from != POLICY_NONE)", "if (goes)"),
    ("a change: of two with one value the second is forgotten", "policy_merge.c", "    record->next_same = next;",
     "    record->next_same = POLICY_NONE;"),
    ("a change: whoever lay behind is not found", "policy_merge.c", "        close_gap(policy, gaps[i]);", ";"),
)


def caught_by(stiled, sound, count, jobs):
    """What told the fault, or None. sound: stiled without it."""
    planted, sound = differ.Program(stiled), differ.Program(sound)
    for first in range(FIRST_SEED, FIRST_SEED + count, SEEDS_AT_ONCE):
        _, kinds = differ.run(stiled, first, SEEDS_AT_ONCE, jobs, enough=1)
        for seed in sorted(seed for seeds in kinds.values() for seed in seeds):
            if not differ.difference(sound, *generate(seed)):
                return "seed %d" % seed
    for policy, script in limits.at_the_limits():
        if differ.difference(planted, policy, script) and not differ.difference(sound, policy, script):
            return "an item at its limit"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--count", type=int, default=10000, help="scripts for each fault at most")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--only", default="", help="faults with this word in their description")
    arguments = parser.parse_args()
    faults = [(what, os.path.join("gateway/core", file), *texts) for what, file, *texts in FAULTS if arguments.only in what]
    copy = planting.Copy(TARGET)
    stiled = os.path.join(copy.build, TARGET)
    sound = shutil.copy2(stiled, stiled + ".sound")
    return planting.report(copy, faults, lambda: caught_by(stiled, sound, arguments.count, arguments.jobs))


if __name__ == "__main__":
    sys.exit(main())
