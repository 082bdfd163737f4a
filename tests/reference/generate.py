# SPDX-License-Identifier: GPL-3.0-or-later
"""Random scripts over random policies, the same for the same seed.

Each line happens at the moment of the one before, a little later, at an edge of what the policy limits or a
microsecond to either side of it, or when one of the policy's durations has gone since an earlier line.
"""
from items import ASSURANCES, DAY, DIRECTIONS, SECOND, TYPES
from limits import BAD_LINES
from policies import DOORS, LIKELY_MODES, POINTS, USERS, VALUES, Policies


class Scripts(Policies):
    def __init__(self, seed):
        super().__init__(seed)
        self.script = []
        self.now = 0
        self.past = []
        self.there = None  # who was last where
        self.gone = []  # items that were deleted

    def wait(self):
        """Time passes: seldom to an edge or for a known duration, mostly little."""
        before = self.now
        way = self.random.random()
        if way < 0.25:
            later = [moment for moment in (self.moments if way < 0.1 else sorted(self.limits)) if moment > self.now]
            if later:
                self.now = later[min(len(later) - 1, self.random.randrange(3))] + self.one((0, 0, 0, -1, 1))
        elif way < 0.5 and self.past:
            self.now = self.one(self.past[-6:]) + self.one(self.durations) + self.one((0, 0, 0, -1, 1))
        elif way < 0.85:
            self.now += self.one((0, 1, 1000, 100_000, SECOND, SECOND, 2 * SECOND, 4_999_999))
        if self.now < before or self.now > before + 12 * DAY:
            self.now = before + self.one((0, 0, SECOND))
        self.past.append(self.now)

    def add(self, verb, argument):
        self.script.append({"at": self.text(self.now), verb: argument})

    def items_of(self, kind):
        return [item for (its_kind, _), item in self.policy.items() if its_kind == kind]

    def present(self):
        credentials = self.items_of("credential")
        if self.there and self.chance(0.55):
            point, user = self.there
        else:
            point, user = self.one(POINTS) if self.chance(0.99) else "gone", self.one(USERS)
        if self.themed("two_person", 0.4, 0.02):
            user = self.one(USERS)
        own = [credential for credential in credentials if credential["user"] == user]
        again = self.there == (point, user)
        pin = again and "factors" in self.policy.get(("access_point", point), {})
        wanted = [credential for credential in own if (credential["type"] == "pin") == pin] or own
        presented = {"type": "card", "value": "04A9"}
        if own and self.chance(0.96):
            credential = self.one(wanted if self.chance(0.9) else own)
            presented = {"type": credential["type"], "value": credential["value"]}
        if self.themed("pins", 0.15, 0.01) or (again and self.chance(0.05)):
            presented = {"type": "pin", "value": self.one(VALUES["pin"] + ("9999", "99999", "99999"))}
        if self.chance(0.02):
            kind = self.one(TYPES)
            presented = {"type": kind, "value": self.one(VALUES[kind] + ("04a1", "?"))}
        if self.themed("assurance", 0.6, 0.05):
            presented["assurance"] = self.one(ASSURANCES)
        argument = {"point": point, "credential": presented}
        if self.themed("stale", 0.4, 0.01):
            argument["age_ms"] = self.one((0, 99, 100, 101, 5000, 5001, 60000, 60001))
        self.there = point, user
        self.add("present", argument)

    def guess_pins(self):
        """A burst of PINs, most of them wrong, around the five minutes of the lockout."""
        point, end = self.one(POINTS), self.now + 300 * SECOND
        for number in range(self.random.randint(4, 8)):
            value = self.one(("9999", "9999", "9999", "9999", "99999", "4711"))
            self.add("present", {"point": point, "credential": {"type": "pin", "value": value}})
            if number == 3 and self.chance(0.6):
                self.now = end + self.one((0, -1, 1))
            elif number > 3 and self.chance(0.4):
                self.now += 300 * SECOND + self.one((0, -1, 1, -SECOND, -1_500_000))
            else:
                self.now += self.one((0, 1, SECOND, 11 * SECOND))
            end = max(end, self.now)
        self.past.append(self.now)
        self.there = None

    def present_one(self, credential, point):
        self.add("present", {"point": point, "credential": {"type": credential["type"], "value": credential["value"]}})

    def two_persons(self):
        """One after the other at one point, and something that happens to the first between."""
        first, second = self.random.sample(USERS, 2)
        point = self.one([point["id"] for point in self.items_of("access_point") if point.get("two_person")] or POINTS)
        cards = {user: self.one([credential for credential in self.items_of("credential")
                                 if credential["user"] == user and credential["type"] != "pin"] or [None])
                 for user in (first, second)}
        if not all(cards.values()):
            return
        self.present_one(cards[first], point)
        self.now += self.one((0, 1, SECOND, 3 * SECOND, 9_999_999))
        way = self.random.random()
        if way < 0.15 and ("user", first) in self.policy:
            self.put(("user", first), self.make("user", first))
        elif way < 0.3:
            key = "credential", cards[first]["id"]
            self.put(key, self.make(*key))
        elif way < 0.45:
            self.present_one(cards[first], self.one(POINTS))
        elif way < 0.55:
            self.present_one(cards[first], point)
        elif way < 0.65:
            self.remove(self.one((("user", first), ("credential", cards[first]["id"]))))
        elif way < 0.75:
            self.wait()
        self.present_one(cards[second], point)
        self.there = point, self.one((first, second))

    def is_sensed(self, door):
        door = self.policy.get(("door", door), {"kind": None})
        return door.get("passage", "sensed" if door["kind"] == "turnstile" else "assumed") == "sensed"

    def walk(self):
        """Somebody is let in at a sensed door, and comes, comes too late, or does not come."""
        points = [point for point in self.items_of("access_point") if self.is_sensed(point["door"])]
        cards = [credential for credential in self.items_of("credential") if credential["type"] != "pin"]
        if not points or not cards:
            return
        limited = [point for point in points if "min_interval_s" in self.policy["door", point["door"]]]
        point, card = self.one(limited or points), self.one(cards)
        door = self.policy["door", point["door"]]
        time_out = door.get("passage_timeout_ms", 5000) * 1000
        self.present_one(card, point["id"])
        self.now += self.one((0, 1, 1000, time_out // 2, time_out // 2, time_out - 1, time_out))
        if self.chance(0.3):
            self.present_one(self.one(cards), self.one(points)["id"])
        way = self.random.random()
        if way < 0.25:
            self.add("passage", {"door": door["id"], "direction": self.one(DIRECTIONS + (point["direction"],))})
        elif way < 0.5:
            self.add("no_passage", {"door": door["id"]})
        elif way < 0.75:
            self.add("input", {"door": door["id"], "role": "contact", "value": True})
            if self.chance(0.7):
                self.add("input", {"door": door["id"], "role": "contact", "value": False})
        self.past.append(self.now)
        self.present_one(card, self.one([point] * 2 + self.items_of("access_point"))["id"])
        self.there = point["id"], card["user"]

    def passage(self):
        verb = self.one(("passage", "passage", "no_passage", "contact"))
        door = self.one(DOORS)
        if self.there and self.chance(0.8):
            door = self.policy.get(("access_point", self.there[0]), {}).get("door", door)
        if ("door", door) not in self.policy:
            return
        if verb == "contact":
            self.add("input", {"door": door, "role": "contact", "value": self.chance(0.6)})
        elif verb == "passage":
            self.add(verb, {"door": door, "direction": self.one(("entry", "entry", "exit"))})
        else:
            self.add(verb, {"door": door})

    def contact(self):
        for door in self.items_of("door"):
            if self.chance(0.7):
                self.add("input", {"door": door["id"], "role": "contact", "value": self.chance(0.15)})

    def fire(self):
        for door in self.some(self.items_of("door"), 1, 1):
            self.add("input", {"door": door["id"], "role": self.one(("fire", "fire", "fire", "rex", "tamper")),
                               "value": self.chance(0.6)})

    def override(self):
        for door in self.some(self.items_of("door"), 1, 1):
            argument = {"door": door["id"], "mode": self.one(LIKELY_MODES + ("auto", "auto"))}
            if self.chance(0.5) and argument["mode"] != "auto":
                argument["until"] = self.text(self.now + self.one(self.durations))
            self.add("mode", argument)

    def lockdown(self):
        self.add("lockdown", {"on": self.chance(0.4)})

    def forgive(self):
        users = self.items_of("user")
        self.add("forgive", {"user": self.one(users)["id"]} if users and self.chance(0.7) else {})

    def clock(self):
        self.add("clock", self.one(("synced", "holdover", "none", "none", "none")))

    def change(self):
        if self.chance(0.4):
            if not self.policy:
                return
            key = self.one(sorted(self.policy)) if self.chance(0.95) else ("tag", "nobody")
            if key[0] in ("device", "area", "site") and self.chance(0.7):
                return
            self.remove(key)
        elif self.gone and self.chance(0.6):
            self.put(*self.gone.pop(self.random.randrange(len(self.gone))))
        else:
            kind, pool, _ = self.one(self.POOLS)
            item_id = self.one(pool)
            self.put((kind, item_id), self.make(kind, item_id))

    def leave(self):
        """A user is deleted, most likely one who was let in."""
        key = "user", self.there[1] if self.there and self.chance(0.7) else self.one(USERS)
        if key in self.policy:
            self.remove(key)
        elif self.gone:
            self.put(*self.gone.pop())

    def remove(self, key):
        if key in self.policy:
            self.gone.append((key, self.policy.pop(key)))
        self.add("del", {"kind": key[0], "id": key[1]})

    def put(self, key, item):
        self.policy[key] = item
        self.add("put", {"kind": key[0], "item": item})

    def refused(self):
        """A line that ends the script."""
        if self.policy and self.chance(0.7):
            kind, item_id = self.one(sorted(self.policy))
            self.add("put", self.spoil({"kind": kind, "item": self.policy[kind, item_id]}))
        elif self.chance(0.1):
            self.script.append({"at": self.text(self.now - 1), "clock": "none"})
        elif ("door", "d1") in self.policy:
            self.script.append({"at": self.text(self.now)} | self.one(BAD_LINES))

    def make_script(self):
        self.now = self.moments[self.random.randrange(len(self.moments) // 2)]
        steps = [(self.passage, "time_out", 0.1, 0.06), (self.walk, "time_out", 0.12, 0.005),
                 (self.walk, "interval", 0.08, 0), (self.two_persons, "two_person", 0.08, 0),
                 (self.contact, "interlock", 0.15, 0.003), (self.override, "modes", 0.08, 0.003),
                 (self.fire, "modes", 0.04, 0.002), (self.lockdown, "lockdown", 0.08, 0.002),
                 (self.leave, "capacity", 0.04, 0), (self.forgive, "passback", 0.03, 0.002),
                 (self.clock, "clock", 0.08, 0.003), (self.change, "changes", 0.15, 0.005),
                 (self.guess_pins, "pins", 0.04, 0.001), (self.refused, None, 0, 0.001)]
        if "clock" in self.themes and self.chance(0.7):
            self.clock()
        if "interlock" in self.themes:
            self.contact()
        for _ in range(self.random.randint(15, 40)):
            self.wait()
            way = self.random.random()
            step = self.present
            for candidate, theme, often, seldom in steps:
                share = often if theme in self.themes else seldom
                if way < share:
                    step = candidate
                    break
                way -= share
            step()
        return self.script


def generate(seed):
    """Returns (policy, script), each a list of lines as objects."""
    scripts = Scripts(seed)
    policy = scripts.make_policy()
    return policy, scripts.make_script()
