# SPDX-License-Identifier: GPL-3.0-or-later
"""The decision contract's section 5: a policy as lines, a script as lines, and what is said of them."""
import json

import items
from items import ASSURANCES, DIRECTIONS, MODES, TYPES, Refused, refuse_unless
from model import Gateway, Presented


def known_door(gateway, line):
    door_id = items.string(line.get("door"), "door")
    refuse_unless(door_id in gateway.policy.doors, "door")
    return gateway.policy.doors[door_id]


def credential(line):
    refuse_unless(isinstance(line, dict), "credential")
    return Presented(items.one_of(TYPES)(line.get("type"), "type"),
                     items.string(line.get("value"), "value"),
                     items.one_of(ASSURANCES)(line.get("assurance", "identifier"), "assurance"))


def present(gateway, line):
    point = items.string(line.get("point"), "point")
    presented = credential(line.get("credential"))
    age_ms = items.integer(0, 2**53 - 1)(line.get("age_ms", 0), "age_ms")
    return {"point": point} | gateway.present(point, presented, age_ms)


def passage(gateway, line):
    gateway.passage(known_door(gateway, line), items.one_of(DIRECTIONS)(line.get("direction"), "direction"))


def no_passage(gateway, line):
    gateway.no_passage(known_door(gateway, line))


def input_(gateway, line):
    door = known_door(gateway, line)
    role = items.one_of(("contact", "fire", "rex", "tamper"))(line.get("role"), "role")
    value = items.boolean(line.get("value"), "value")
    if role == "fire":
        (gateway.fire.add if value else gateway.fire.discard)(door["id"])
    elif role == "contact":
        gateway.contact(door, value)


def mode(gateway, line):
    door = known_door(gateway, line)
    wanted = items.one_of(MODES + ("auto",))(line.get("mode"), "mode")
    until = items.instant(line["until"], "until") if "until" in line else None
    gateway.overrides.pop(door["id"], None)
    if wanted != "auto":
        gateway.overrides[door["id"]] = (wanted, until)


def lockdown(gateway, line):
    gateway.lockdown = items.boolean(line.get("on"), "on")


def forgive(gateway, line):
    if "user" in line:
        user = items.string(line["user"], "user")
        refuse_unless(user in gateway.policy.users, "user")
        gateway.recorded.pop(user, None)
    else:
        gateway.recorded.clear()


def clock(gateway, word):
    gateway.clock = items.one_of(items.CLOCKS)(word, "clock")


def put(gateway, line):
    gateway.policy.put(line.get("kind"), line.get("item"))
    gateway.policy_changed()


def delete(gateway, line):
    gateway.policy.delete(items.string(line.get("kind"), "kind"), items.identifier(line.get("id"), "id"))
    gateway.policy_changed()


VERBS = {"present": present, "passage": passage, "no_passage": no_passage, "input": input_, "mode": mode,
         "lockdown": lockdown, "forgive": forgive, "clock": clock, "put": put, "del": delete}


def read_object(text):
    """A line of a file: one object, no member twice."""
    def once(pairs):
        refuse_unless(len(dict(pairs)) == len(pairs), "")
        return dict(pairs)
    try:
        value = json.loads(text, object_pairs_hook=once)
    except ValueError:
        raise Refused("") from None
    refuse_unless(isinstance(value, dict), "")
    return value


def take_line(gateway, line):
    """Returns what a `present` says, else None."""
    at = items.instant(line.get("at"), "at")
    refuse_unless(gateway.now is None or gateway.now <= at, "at")
    verbs = [verb for verb in line if verb in VERBS]
    refuse_unless(verbs, "")
    refuse_unless(len(verbs) == 1, verbs[-1])
    argument = line[verbs[0]]
    refuse_unless(isinstance(argument, dict) or verbs[0] == "clock", verbs[0])
    gateway.advance(at)
    said = VERBS[verbs[0]](gateway, argument)
    return said and {"at": line["at"]} | said


def simulate(policy_lines, script_lines):
    """Returns (status, outputs, refused): what the program exits with, what it prints for each `present`, and of a
    refused line ("policy" or "script", its number from 1, the member)."""
    gateway = Gateway()
    outputs = []
    where = None
    try:
        for number, text in enumerate(policy_lines, 1):
            where = "policy", number
            put(gateway, read_object(text))
        for number, text in enumerate(script_lines, 1):
            where = "script", number
            said = take_line(gateway, read_object(text))
            if said:
                outputs.append(said)
    except Refused as refused:
        return 2, outputs, (*where, str(refused))
    return 0, outputs, None
