# SPDX-License-Identifier: GPL-3.0-or-later
"""The decision contract (gateway/core/decision.md, sections 3 to 6) as a program that is as short as the contract.

It serves one purpose: to be compared with `stiled simulate`. It was written from the contract alone, so where both
agree, two people have read the same thing there. Rows are numbered as in the contract's table.

Nobody who changes this file may look at gateway/core for what it does.
"""
import collections

from items import ASSURANCES, SECOND, TYPES
from policy import Policy
from timing import day_start, first_instant, local

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
LOCKOUT = 5 * MINUTE
PINS_TO_LOCK_OUT = 5

PENDING = {"SECOND_FACTOR_REQUIRED", "SECOND_PERSON_REQUIRED"}
BEFORE_UNLOCKED = {"UNKNOWN_POINT", "STALE", "LOCKDOWN", "DOOR_BLOCKED"}
WARNINGS = ("ANTI_PASSBACK", "CLOCK_UNTRUSTED", "DURESS")
OPEN_MODES = ("unlocked", "locked_open")
DEFAULT_FACTORS = [[kind] for kind in TYPES if kind != "pin"]


Presented = collections.namedtuple("Presented", "type value assurance")


class Session:
    """At one access point."""

    def __init__(self):
        self.first = []  # what the first of two persons presented, complete
        self.current = []  # what the person presented who is there now
        self.last = None


class Person:
    """What a session's credentials say about who is there (rows 6 to 9)."""

    def __init__(self, policy, presented):
        self.presented = presented
        self.found = []  # (credential item, assurance)
        self.last = None  # the credential just presented, if found
        self.missed = set()
        self.user_id = None
        for p in presented:
            self.last = None
            if p.type == "pin" and self.found:
                self.look(policy.holds(p.type, p.value, self.found[0][0]["user"]), p, "PIN_WRONG")
            else:
                self.look(policy.holds(p.type, p.value), p, "UNKNOWN_CREDENTIAL")
        self.identified = not self.missed & {"UNKNOWN_CREDENTIAL", "AMBIGUOUS_CREDENTIAL"}
        if self.identified:
            self.user_id = self.found[0][0]["user"]
        self.user = policy.users.get(self.user_id)

    def look(self, held, presented, reason):
        if len(held) == 1:
            self.last = held[0]
            self.found.append((held[0], presented.assurance))
        else:
            self.missed.add("AMBIGUOUS_CREDENTIAL" if held else reason)

    def of_one_user(self):
        return len({credential["user"] for credential, _ in self.found}) < 2


class Findings:
    """What fails, and what is to be warned of."""

    def __init__(self):
        self.failed = []
        self.warnings = set()
        self.rule = None
        self.retry_after = None  # what the failed row says, by reason

    def fail(self, reason):
        if reason not in self.failed:
            self.failed.append(reason)


class Grant:
    """A grant that awaits its passage, or is confirmed at once."""

    def __init__(self, door, point, at, persons, by_rule):
        self.door = door["id"]
        self.direction = point["direction"]
        self.at = at
        self.until = at + door["passage_timeout_ms"] * 1000
        self.users = [person.user_id for person in persons]
        self.uses = {credential["id"] for person in persons for credential, _ in person.found} if by_rule else set()
        self.released = by_rule
        self.area = point["to"] if point["from"] != point["to"] else None  # None: moves nobody


class Gateway:
    def __init__(self):
        self.policy = Policy()
        self.now = None
        self.clock = "synced"
        self.lockdown = False
        self.fire = set()  # doors
        self.contacts = {}  # door: open?
        self.places = {}  # door: its target and that one's device, where contacts are
        self.overrides = {}  # door: (mode, until or None)
        self.recorded = {}  # user: (area, since)
        self.used = {}  # credential: confirmed passages
        self.awaited = []  # grants, oldest first
        self.releases = {}  # (user, door, direction): times
        self.pulses = {}  # door: end
        self.first_persons = set()  # (door, tag, window) in which one with the tag was granted
        self.sessions = {}  # point: Session
        self.pin_failures = {}  # point: times
        self.locked_out = {}  # point: end

    # Time passes.

    def advance(self, at):
        before, self.now = self.now, at
        if before is not None and self.clock != "none":
            for area in self.policy.areas.values():
                if area["forgive_at"] is not None and self.forgiveness_between(area, before, at):
                    self.forgive(lambda user, recorded, area=area: recorded == area["id"])
        for grant in [grant for grant in self.awaited if grant.until <= at]:
            self.give_back(grant)

    def forgiveness_between(self, area, before, at):
        zone = self.policy.zone()
        today, _ = local(zone, at)
        instants = (first_instant(zone, day * 86400 + area["forgive_at"] // SECOND)
                    for day in range(today - 2, today + 2) if day_start(zone, day) < day_start(zone, day + 1))
        return any(before < instant <= at for instant in instants)

    def forgive(self, applies):
        self.recorded = {user: (area, since) for user, (area, since) in self.recorded.items()
                         if not applies(user, area)}

    def limit(self, findings, untimed, holds):
        """A limit in time. untimed: it needs no clock. Returns whether it is met, or None: not with this clock."""
        if self.clock != "none" or untimed:
            return holds()
        if self.policy.site()["untrusted_clock"] == "ignore_time":
            findings.warnings.add("CLOCK_UNTRUSTED")
            return True
        return None

    # Modes (section 4).

    def mode_without_lockdown(self, door):
        if door["id"] in self.overrides:
            mode, until = self.overrides[door["id"]]
            if until is None or self.now < until:
                return mode
        unknown = False  # an entry that might hold came before
        for entry in door["mode_schedules"] + [None]:
            mode = entry["mode"] if entry else door["mode"]
            if entry:
                nature = self.policy.nature(entry["schedule"])
                if nature == "missing" or (nature == "timed" and self.clock == "none"):
                    unknown = True
                    continue
                if not self.mode_entry_holds(door, entry):
                    continue
            return "controlled" if unknown and mode in OPEN_MODES else mode

    def mode_entry_holds(self, door, entry):
        windows = self.policy.open_windows(entry["schedule"], *local(self.policy.zone(), self.now))
        if entry["first_person"] is None or entry["mode"] not in OPEN_MODES:
            return bool(windows)
        if entry["first_person"] not in self.policy.tags:
            return False
        return any((door["id"], entry["first_person"], window) in self.first_persons for window in windows)

    def mode(self, door):
        if door["id"] in self.fire:
            return "locked_open"
        if self.lockdown:
            return "locked_down"
        return self.mode_without_lockdown(door)

    # The table (section 3).

    def check(self, point, person, other, fresh=None):
        """Rows 2 to 25 for one person; other is the other person of the session, or None. fresh: the presentation's
        age, for the rows that look at it and not at who is there."""
        findings = Findings()
        door = self.policy.doors[point["door"]]
        if fresh is not None and fresh > point["max_age_ms"]:
            findings.fail("STALE")
        self.check_door_mode(findings, door, person)
        if fresh is not None and person.presented[-1].type == "pin" and self.now < self.locked_out.get(point["id"], 0):
            findings.fail("LOCKED_OUT")
        if any(credential["duress"] for credential, _ in person.found):
            findings.warnings.add("DURESS")
        for reason in ("UNKNOWN_CREDENTIAL", "AMBIGUOUS_CREDENTIAL"):
            if reason in person.missed:
                findings.fail(reason)
        if person.identified:
            self.check_credentials(findings, point, person)
            if person.user:
                self.check_user(findings, person)
                self.check_rules(findings, point, person)
                self.check_interval(findings, point, door, person.user)
                self.check_anti_passback(findings, point, person.user)
        self.check_capacity(findings, point, person, other)
        self.check_interlock(findings, door)
        self.check_factors(findings, point, person)
        return findings

    def check_door_mode(self, findings, door, person):
        """Rows 3 and 4."""
        if door["id"] in self.fire:
            return
        mode = self.mode_without_lockdown(door)
        if self.lockdown or mode == "locked_down":
            if not (person.user and self.policy.has_tag(person.user, self.policy.site()["lockdown_tags"])):
                findings.fail("LOCKDOWN")
        if mode == "blocked":
            findings.fail("DOOR_BLOCKED")

    def check_credentials(self, findings, point, person):
        """Rows 8 to 14."""
        credentials = [credential for credential, _ in person.found]
        if "PIN_WRONG" in person.missed:
            findings.fail("PIN_WRONG")
        if not person.of_one_user():
            findings.fail("DIFFERENT_USERS")
        for status in ("pending", "blocked", "lost", "invalid"):
            if any(credential["status"] == status for credential in credentials):
                findings.fail("CREDENTIAL_" + status.upper())
        self.check_validity(findings, credentials, "CREDENTIAL")
        if any(credential["uses"] is not None and self.uses_taken(credential) >= credential["uses"]
               for credential in credentials):
            findings.fail("USED_UP")
        proven = max(ASSURANCES.index(assurance) for _, assurance in person.found)
        if proven < ASSURANCES.index(point["min_assurance"]):
            findings.fail("ASSURANCE_TOO_LOW")
        if not person.user:
            findings.fail("UNKNOWN_USER")

    def check_validity(self, findings, limited, what):
        """Rows 11 and 16."""
        states = {self.validity(findings, item) for item in limited}
        for state, reason in (("NOT_STARTED", what + "_NOT_STARTED"), ("EXPIRED", what + "_EXPIRED"),
                              ("UNTRUSTED", "CLOCK_UNTRUSTED")):
            if state in states:
                findings.fail(reason)

    def validity(self, findings, item):
        untimed = item["valid_from"] is None and item["valid_until"] is None
        started = self.limit(findings, untimed, lambda: not self.policy.not_started(item, self.now))
        if not started:
            return "UNTRUSTED" if started is None else "NOT_STARTED"
        if not self.limit(findings, untimed, lambda: not self.policy.expired(item, self.now)):
            return "EXPIRED"
        return "VALID"

    def uses_taken(self, credential):
        return (self.used.get(credential["id"], 0)
                + sum(credential["id"] in grant.uses for grant in self.awaited))

    def check_user(self, findings, person):
        """Rows 15 to 19."""
        user = person.user
        if user["status"] != "active":
            findings.fail("USER_" + user["status"].upper())
        self.check_validity(findings, [user], "USER")
        block = user["block"]
        if block and (block["from"] is None or self.clock == "none" or self.policy.starts(block["from"]) <= self.now):
            findings.fail("USER_BLOCKED")
        if not user["mobile"] and any(credential["type"] in ("mobile", "key") for credential, _ in person.found):
            findings.fail("MOBILE_NOT_ENABLED")
        if user["link"] is not None:
            self.check_link(findings, self.policy.kinds["link"].get(user["link"]))

    def check_link(self, findings, link):
        if not link or not link["enabled"]:
            findings.fail("LINK_DISABLED")
        if link:
            refreshed = link["refreshed_at"]
            fresh = self.limit(findings, refreshed is None, lambda: refreshed is not None
                               and self.now - refreshed <= link["max_stale_h"] * HOUR)
            if not fresh:
                findings.fail("CLOCK_UNTRUSTED" if fresh is None else "LINK_STALE")

    def check_rules(self, findings, point, person):
        """Row 20."""
        trusted = self.clock != "none"
        joined = [rule for rule in self.policy.kinds["rule"].values()
                  if rule["enabled"] and self.policy.joins(rule, person.user, point)
                  and not (trusted and (self.policy.not_started(rule, self.now)
                                        or self.policy.expired(rule, self.now)))]
        allowing = [rule for rule in joined if rule["types"] is None or person.presented[0].type in rule["types"]]
        if trusted:
            opening = [rule for rule in allowing if self.policy.is_open(rule["schedule"], self.now)]
        else:
            opening = [rule for rule in allowing if rule["schedule"] == "always"
                       and rule["valid_from"] is None and rule["valid_until"] is None]
            if not opening:
                opening = [rule for rule in allowing if self.policy.nature(rule["schedule"]) in ("always", "timed")]
                if opening and not self.limit(findings, False, None):
                    findings.fail("CLOCK_UNTRUSTED")
                    return
        if opening:
            findings.rule = min(rule["id"] for rule in opening)
        else:
            findings.fail("OUTSIDE_SCHEDULE" if allowing else "TYPE_NOT_ALLOWED" if joined else "NO_RULE")

    def check_interval(self, findings, point, door, user):
        """Row 21."""
        interval = door["min_interval_s"][user["kind"]]
        released = self.releases.get((user["id"], door["id"], point["direction"]))
        if point["direction"] == "entry" and interval is not None and released:
            end = max(released) + interval * SECOND
            if self.now < end:
                findings.fail("MIN_INTERVAL")
                findings.retry_after = end

    def check_anti_passback(self, findings, point, user):
        """Row 22."""
        recorded, since = self.recorded.get(user["id"], (None, None))
        if recorded is None or not self.policy.has_area(recorded) or user["apb_exempt"] or point["from"] == point["to"]:
            return
        violated = []
        if recorded == point["to"]:
            violated.append(point["to"])
        if recorded != point["from"]:
            violated.append(point["from"])
        for area in (self.policy.areas[name] for name in violated if name != "outside"):
            mode = area["anti_passback"]
            if mode == "soft":
                findings.warnings.add("ANTI_PASSBACK")
            elif mode == "hard" or (mode == "timed" and self.now - since < area["anti_passback_min"] * MINUTE):
                findings.fail("ANTI_PASSBACK")

    def check_capacity(self, findings, point, person, other):
        """Row 23."""
        area = self.policy.areas.get(point["to"])
        if point["direction"] != "entry" or not area or area["capacity"] is None or point["from"] == point["to"]:
            return
        inside = {user for user, (recorded, _) in self.recorded.items() if recorded == area["id"]}
        inside |= {user for grant in self.awaited if grant.area == area["id"] for user in grant.users}
        inside.add(other)
        inside &= self.policy.users.keys()
        inside.discard(person.user_id)
        if len(inside) >= area["capacity"]:
            findings.fail("AREA_FULL")

    def check_interlock(self, findings, door):
        """Row 24."""
        for other in self.policy.doors.values():
            if door["interlock"] is None or other["interlock"] != door["interlock"] or other is door:
                continue
            released = (self.now < self.pulses.get(other["id"], 0)
                        or any(grant.door == other["id"] for grant in self.awaited)
                        or self.mode(other) in OPEN_MODES)
            if released or self.contacts.get(other["id"], True):
                findings.fail("INTERLOCK")

    def check_factors(self, findings, point, person):
        """Row 25."""
        allowed = DEFAULT_FACTORS
        for entry in point["factors"]:
            nature = self.policy.nature(entry["schedule"])
            if nature == "missing":
                allowed = []
                break
            is_open = self.limit(findings, nature != "timed",
                                 lambda entry=entry: self.policy.is_open(entry["schedule"], self.now))
            if is_open is None:
                findings.fail("CLOCK_UNTRUSTED")
                return
            if is_open:
                allowed = entry["any"]
                break
        presented = {p.type for p in person.presented}
        if not any(presented.issuperset(combination) for combination in allowed):
            completable = any(presented.issubset(combination) for combination in allowed)
            findings.fail("SECOND_FACTOR_REQUIRED" if completable else "FACTORS_NOT_ALLOWED")

    # A presentation.

    def present(self, point_id, presented, age_ms):
        """Returns the line that says what became of it, without `at` and `point`."""
        point = self.usable_point(point_id)
        if not point:
            self.sessions.pop(point_id, None)
            return {"verdict": "deny", "reason": "UNKNOWN_POINT", "failed": ["UNKNOWN_POINT"], "warnings": []}
        session = self.session(point)
        session.current.append(presented)
        person = Person(self.policy, session.current)
        first = Person(self.policy, session.first) if session.first and point["two_person"] else None
        findings = self.check(point, person, first and first.user_id, fresh=age_ms)
        both = self.check_second_person(findings, point, person, first)
        out = self.conclude(point, session, findings, [person, first] if both else [person])
        self.count_pin(point, presented, findings)
        return out

    def usable_point(self, point_id):
        """Row 1."""
        point = self.policy.points.get(point_id)
        door = self.policy.doors.get(point["door"]) if point else None
        usable = (door and self.policy.has_target(door["target"])
                  and self.policy.has_area(point["from"]) and self.policy.has_area(point["to"]))
        return point if usable else None

    def session(self, point):
        session = self.sessions.get(point["id"])
        if not session or self.now - session.last >= point["factor_timeout_s"] * SECOND:
            session = self.sessions[point["id"]] = Session()
        session.last = self.now
        return session

    def check_second_person(self, findings, point, person, first):
        """Row 26. Returns whether two persons would be released."""
        if not point["two_person"]:
            return False
        if first and first.user_id != person.user_id:
            theirs = self.check(point, first, person.user_id)
            findings.warnings |= theirs.warnings
            if not theirs.failed:
                return True
        findings.fail("SECOND_PERSON_REQUIRED")
        return False

    def conclude(self, point, session, findings, persons):
        """The verdict, its effects, and the line that says so."""
        door = self.policy.doors[point["door"]]
        person = persons[0]
        failed = findings.failed
        out = {"failed": failed}
        if self.mode(door) in OPEN_MODES and not BEFORE_UNLOCKED.intersection(failed):
            out["verdict"], out["reason"] = "grant", "DOOR_UNLOCKED"
            if person.user and person.of_one_user() and "PIN_WRONG" not in person.missed:
                self.pass_through(Grant(door, point, self.now, [person], by_rule=False), door)
        elif not failed:
            out["verdict"], out["reason"] = "grant", "RULE"
            out["rule"] = findings.rule
            extended = any(each.user["extended_time"] for each in persons)
            out["pulse_ms"] = door["extended_pulse_ms" if extended else "pulse_ms"]
            self.release(point, door, persons, out["pulse_ms"])
        else:
            out["verdict"] = "pending" if PENDING.issuperset(failed) else "deny"
            out["reason"] = failed[0]
        if out["verdict"] != "pending":
            del self.sessions[point["id"]]
        elif failed == ["SECOND_PERSON_REQUIRED"]:
            session.first, session.current = session.current, []
        return out | self.particulars(point, person, findings, out["reason"])

    def particulars(self, point, person, findings, reason):
        out = {"warnings": [warning for warning in WARNINGS if warning in findings.warnings]}
        if person.user:
            out["user"] = person.user_id
        if person.last:
            out["credential"] = person.last["id"]
        if reason == "USER_BLOCKED" and person.user["block"]["message"] is not None:
            out["message"] = person.user["block"]["message"]
        end = {"LOCKED_OUT": self.locked_out.get(point["id"]), "MIN_INTERVAL": findings.retry_after}.get(reason)
        if end is not None:
            out["retry_after_s"] = -((self.now - end) // SECOND)
        return out

    def count_pin(self, point, presented, findings):
        """Row 5, for the next ones."""
        if (presented.type != "pin" or self.now < self.locked_out.get(point["id"], 0)
                or not {"UNKNOWN_CREDENTIAL", "PIN_WRONG"}.intersection(findings.failed)):
            return
        failures = (self.pin_failures.get(point["id"], []) + [self.now])[-PINS_TO_LOCK_OUT:]
        if len(failures) == PINS_TO_LOCK_OUT and failures[-1] - failures[0] < LOCKOUT:
            self.locked_out[point["id"]] = self.now + LOCKOUT
            failures = []
        self.pin_failures[point["id"]] = failures

    # Effects (section 4).

    def release(self, point, door, persons, pulse_ms):
        self.pulses[door["id"]] = max(self.pulses.get(door["id"], 0), self.now + pulse_ms * 1000)
        for person in persons:
            self.releases.setdefault((person.user_id, door["id"], point["direction"]), []).append(self.now)
            if point["direction"] == "entry":
                self.note_first_person(door, person.user)
        self.pass_through(Grant(door, point, self.now, persons, by_rule=True), door)

    def note_first_person(self, door, user):
        """A mode entry begins in the windows that are open now, if the clock can tell."""
        for entry in door["mode_schedules"]:
            tag = entry["first_person"]
            if self.policy.has_tag(user, [tag]) and (self.clock != "none" or entry["schedule"] == "always"):
                windows = self.policy.open_windows(entry["schedule"], *local(self.policy.zone(), self.now))
                self.first_persons |= {(door["id"], tag, window) for window in windows}

    def pass_through(self, grant, door):
        for old in [old for old in self.awaited if (old.door, old.direction) == (grant.door, grant.direction)
                    and set(old.users) & set(grant.users)]:
            self.awaited.remove(old)
        self.awaited.append(grant)
        if door["passage"] == "assumed":
            self.confirm(grant)

    def confirm(self, grant):
        self.awaited.remove(grant)
        for credential in grant.uses:
            self.used[credential] = self.used.get(credential, 0) + 1
        for user in grant.users:
            if grant.area is not None:
                self.recorded[user] = (grant.area, self.now)

    def give_back(self, grant):
        self.awaited.remove(grant)
        for user in grant.users:
            if grant.released:
                self.releases[user, grant.door, grant.direction].remove(grant.at)

    def oldest(self, door_id, direction=None):
        for grant in self.awaited:
            if grant.door == door_id and direction in (None, grant.direction):
                return grant
        return None

    # What devices and operators say.

    def passage(self, door, direction):
        grant = self.oldest(door["id"], direction)
        if grant:
            self.confirm(grant)

    def no_passage(self, door):
        grant = self.oldest(door["id"])
        if grant:
            self.give_back(grant)

    def policy_changed(self):
        """What was said where a door is not any more is forgotten, but for fire."""
        for door in self.policy.doors.values():
            place = door["target"], self.policy.device_of(door["target"])
            if self.places.setdefault(door["id"], place) != place:
                self.places[door["id"]] = place
                self.contacts.pop(door["id"], None)

    def contact(self, door, is_open):
        opened = is_open and not self.contacts.get(door["id"], False)
        self.contacts[door["id"]] = is_open
        grant = self.oldest(door["id"])
        if opened and grant and door["kind"] != "turnstile":
            self.confirm(grant)
