# SPDX-License-Identifier: GPL-3.0-or-later
"""Random policies, the same for the same seed.

Ids come from small pools, so that things collide, dangle, go and return. Each policy has a few themes whose members
are set often while the others mostly keep their defaults: else everything would fail at once and nothing would be
told apart. Moments are the edges of what the policy limits, on days around changes of the clocks.
"""
import datetime
import random

from items import ASSURANCES, EPOCH, MODES, SECOND, TYPES, WEEKDAYS
from limits import bad_values, with_value
from timing import first_instant

THEMES = ("validity", "status", "schedules", "factors", "pins", "two_person", "passback", "capacity", "interlock",
          "modes", "lockdown", "clock", "links", "uses", "interval", "changes", "dangling", "ambiguous", "block",
          "first_person", "assurance", "stale", "forgive", "rules", "time_out")

# Zones with days on which their clocks change, at night, at midnight, by half an hour, by a whole day.
PLACES = (
    ("UTC", "2024-02-28"), ("UTC", "2026-12-31"), ("Europe/Berlin", "2026-03-29"), ("Europe/Berlin", "2026-10-25"),
    ("America/New_York", "2026-03-08"), ("America/New_York", "2026-11-01"), ("America/Sao_Paulo", "2018-11-04"),
    ("America/Sao_Paulo", "2018-02-18"), ("America/Havana", "2024-03-10"), ("America/Havana", "2024-11-03"),
    ("America/St_Johns", "2006-10-29"), ("Australia/Lord_Howe", "2026-04-05"), ("Australia/Lord_Howe", "2026-10-04"),
    ("Africa/Cairo", "2024-04-26"), ("Africa/Cairo", "2024-11-01"), ("Asia/Kathmandu", "2026-07-01"),
    ("America/Nuuk", "2024-03-30"), ("America/Nuuk", "2024-10-26"), ("Pacific/Apia", "2011-12-29"),
    ("Pacific/Auckland", "2026-09-27"), ("Europe/Berlin", "2028-02-29"),
)
TIMES = ("00:00", "00:00:30", "00:30", "01:00", "01:30", "01:45", "02:00", "02:30", "03:00", "06:00", "08:00", "12:00",
         "12:00:01", "17:30", "22:00", "23:00", "23:30", "23:59:59")
OFFSETS = ("Z", "Z", "Z", "+00:00", "+02:00", "-03:30", "+13:45", "-11:00")

TAGS = ("t1", "t2", "t3")
USERS = ("u1", "u2", "u3", "u4")
AREAS = ("a1", "a2")
DOORS = ("d1", "d2", "d3")
POINTS = ("p1", "p2", "p3", "p4")
SCHEDULES = ("s1", "s2", "s3")
CALENDARS = ("k1", "k2")
LINKS = ("l1", "l2")
RULES = ("r1", "r10", "r2", "r3", "R4")
WAYS = ({"to": "a1", "direction": "entry"}, {"from": "a1", "direction": "exit"}, {"from": "a1", "to": "a2"},
        {"from": "a2", "to": "a1"})
CREDENTIALS = tuple("c%d" % n for n in range(1, 10))
VALUES = {
    "card": ("04A1", "04A2", "00", "FF" * 65), "pin": ("1234", "0000", "123456789012", "4711"),
    "mobile": ("m-1", "m 2", "~" * 128, "m-4"), "key": ("k-1", "k-2", "k\"3", "k-4"),
    "plate": ("BAB123", "X", "Z" * 16, "42"), "qr": ("q-1", "q\"2", "{\\}", "q-4"),
}

LIKELY_MODES = MODES + ("controlled", "unlocked", "unlocked")


class Policies:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.themes = set(self.random.sample(THEMES, self.random.randint(2, 5)))
        self.zone, day = self.random.choice(PLACES)
        self.day = datetime.date.fromisoformat(day).toordinal() - EPOCH
        self.times = self.random.sample(TIMES, 5)
        self.moments = self.edges()
        self.policy = {}  # (kind, id): item
        self.limits = []  # moments that the policy names
        self.durations = [300 * SECOND, 10 * SECOND, 5 * SECOND, 3 * SECOND]

    # Chance.

    def chance(self, share):
        return self.random.random() < share

    def themed(self, theme, often=0.6, seldom=0.015):
        return self.chance(often if theme in self.themes else seldom)

    def one(self, pool):
        return self.random.choice(pool)

    def some(self, pool, least=0, most=3):
        return self.random.sample(pool, min(len(pool), self.random.randint(least, most)))

    def reference(self, pool):
        return "gone" if self.themed("dangling", 0.06, 0.001) else self.one(pool)

    # Time.

    def edges(self):
        moments = set()
        for text in self.times:
            seconds = sum(int(part) * unit for part, unit in zip(text.split(":"), (3600, 60, 1)))
            for day in range(self.day - 1, self.day + 3):
                at = first_instant(self.zone, day * 86400 + seconds)
                moments |= {at, at + 3600 * SECOND, at - 3600 * SECOND}
        for day in range(self.day, self.day + 2):
            moments.add(first_instant(self.zone, day * 86400))
        return sorted(moments)

    def text(self, at):
        """An instant as text, in one of its ways."""
        zone = self.one(OFFSETS)
        minutes = 0 if zone == "Z" else (1 if zone[0] == "+" else -1) * (int(zone[1:3]) * 60 + int(zone[4:]))
        second, fraction = divmod(at + minutes * 60 * SECOND, SECOND)
        text = (datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=second)).isoformat()
        if fraction or self.chance(0.1):
            digits = "%06d" % fraction
            text += "." + (digits + self.one(("", "9", "001")) if self.chance(0.2) else digits)
        return text + zone

    def moment(self):
        return self.one(self.moments) + self.one((0, 0, 0, 1, -1, SECOND))

    def limit(self):
        """A member that is an instant or a date."""
        if self.chance(0.4):
            day = self.day + self.random.randint(-1, 2)
            self.limits += [first_instant(self.zone, day * 86400), first_instant(self.zone, (day + 1) * 86400)]
            return datetime.date.fromordinal(EPOCH + day).isoformat()
        self.limits.append(self.moment())
        return self.text(self.limits[-1])

    def duration(self, least, most, unit):
        """A value for a member that is a duration, and may be waited for."""
        value = self.one((least, least + 1, min(most, least + 4), min(most, 10 * least)))
        self.durations.append(value * unit)
        return value

    def validity(self, item, share=0.4):
        if self.themed("validity", share):
            if self.chance(0.6):
                item["valid_from"] = self.limit()
            if self.chance(0.6):
                item["valid_until"] = self.limit()

    # Items.

    def site(self, item):
        item["timezone"] = self.zone
        if self.chance(0.5):
            item["untrusted_clock"] = self.one(("deny_scheduled", "ignore_time"))
        if self.themed("lockdown"):
            item["lockdown_tags"] = [self.reference(TAGS) for _ in range(self.random.randint(0, 2))]

    def calendar(self, item):
        date = datetime.date.fromordinal
        days = [date(EPOCH + self.day + self.random.randint(-1, 2)) for _ in range(3)]
        if self.chance(0.5):
            whole = {"from": min(days).isoformat(), "to": max(days).isoformat()}
            item["days"] = [self.one((days[0].isoformat(), whole))]
        if self.chance(0.5):
            item["yearly"] = [self.one((days[1].isoformat()[5:], "02-29", "12-31"))]

    def window(self):
        start = self.one(self.times)
        end = self.one([time for time in self.times + ["24:00"] if time != start])
        return {"from": start, "to": end}

    def schedule(self, item):
        item["windows"] = [{"days": self.some(WEEKDAYS, 3, 7), **self.window()}
                           for _ in range(self.random.randint(0, 2))]
        if self.chance(0.4):
            item["special"] = [{"calendar": self.reference(CALENDARS),
                                "windows": [self.window() for _ in range(self.random.randint(0, 2))]}
                               for _ in range(self.random.randint(1, 2))]

    def scheduled(self):
        if self.chance(0.08):
            return self.one(("always", "never"))
        return self.reference(SCHEDULES)

    def area(self, item):
        if self.themed("capacity", 0.8):
            item["capacity"] = self.one((0, 1, 1, 1, 2, 2, 1000000))
        if self.themed("passback", 0.8):
            item["anti_passback"] = self.one(("off", "soft", "hard", "hard", "timed", "timed"))
            if self.chance(0.7):
                item["anti_passback_min"] = self.duration(1, 10080, 60 * SECOND)
        if self.themed("forgive", 0.8):
            item["forgive_at"] = self.one([time for time in self.times if len(time) == 5] or ["04:00"])
            hour, minute = map(int, item["forgive_at"].split(":"))
            self.limits.append(first_instant(self.zone, self.day * 86400 + hour * 3600 + minute * 60))

    def door(self, item):
        item["kind"] = self.one(("door", "turnstile", "barrier"))
        item["target"] = "x" if self.themed("dangling", 0.05, 0.001) else self.one(("front", "back"))
        if self.chance(0.3):
            item["pulse_ms"] = self.duration(50, 600000, 1000)
        if self.chance(0.2):
            item["extended_pulse_ms"] = self.duration(50, 1800000, 1000)
        if self.chance(0.5) or "time_out" in self.themes:
            item["passage"] = "sensed" if "time_out" in self.themes else self.one(("sensed", "assumed"))
        if self.chance(0.3):
            item["passage_timeout_ms"] = self.duration(100, 600000, 1000)
        if self.themed("modes", 0.3):
            item["mode"] = self.one(LIKELY_MODES)
        if self.themed("modes", 0.5) or self.themed("first_person"):
            item["mode_schedules"] = [self.mode_entry() for _ in range(self.random.randint(1, 3))]
        if self.themed("interlock", 0.9):
            item["interlock"] = self.one(("g1", "g1", "g2"))
        if self.themed("interval", 0.8):
            item["min_interval_s"] = {kind: self.duration(1, 604800, SECOND) for kind in
                                      self.some(("member", "employee", "visitor"), 1, 3)}
        if self.chance(0.02):
            item["held_ms"] = self.one((1000, 86400000))
            item["strict_log"] = True
            item["extended_held_ms"] = self.one((1000, 86400000))
            item["held_warn_percent"] = self.one((1, 99))
            item["free"] = self.one(("entry", "exit"))
            item["relock_on_close"] = item["rex_releases"] = self.chance(0.5)

    def mode_entry(self):
        entry = {"schedule": self.scheduled(), "mode": self.one(LIKELY_MODES)}
        if self.themed("first_person", 0.7):
            entry |= {"schedule": self.reference(SCHEDULES), "mode": self.one(("unlocked",) + LIKELY_MODES),
                      "first_person": self.reference(TAGS)}
        return entry

    def access_point(self, item):
        item["door"] = self.reference(DOORS)
        item["direction"] = self.one(("entry", "entry", "exit"))
        if self.chance(0.5):
            item |= self.one(WAYS)
        else:
            for end in ("from", "to"):
                if self.chance(0.75):
                    item[end] = self.reference(AREAS + ("outside",))
        if self.themed("factors", 0.7) or self.themed("pins", 0.5):
            item["factors"] = [self.factor_entry() for _ in range(self.random.randint(1, 2))]
        if self.chance(0.3):
            item["factor_timeout_s"] = self.duration(1, 300, SECOND)
        if self.themed("assurance", 0.7):
            item["min_assurance"] = self.one(ASSURANCES)
        if self.themed("two_person", 0.7):
            item["two_person"] = True
        if self.themed("stale", 0.5):
            item["max_age_ms"] = self.one((100, 60000))

    def factor_entry(self):
        entry = {"any": [self.one((["card", "pin"], ["card", "pin"], ["card"], ["pin"], ["mobile", "card", "pin"],
                                   self.some(TYPES, 1, 3))) for _ in range(self.random.randint(1, 2))]}
        if self.chance(0.4):
            entry["schedule"] = self.scheduled()
        return entry

    def device(self, item):
        item["driver"] = "sim"
        item["targets"] = self.some(("front", "back"), 1, 2) if self.themed("dangling", 0.1) else ["front", "back"]

    def user(self, item):
        if self.chance(0.3):
            item["kind"] = self.one(("member", "employee", "visitor"))
        if self.themed("status", 0.5):
            item["status"] = self.one(("active", "pending", "suspended", "cancelled"))
        self.validity(item)
        item["tags"] = self.some(TAGS, 0, 3)
        if self.themed("dangling", 0.1):
            item["tags"].append("gone")
        if self.chance(0.1):
            item["mobile"] = self.chance(0.3)
        if self.themed("block", 0.6):
            item["block"] = {"message": "Please see the desk"} if self.chance(0.8) else {}
            if self.chance(0.7):
                item["block"]["from"] = self.limit()
        if self.chance(0.15):
            item["extended_time"] = True
        if self.themed("passback", 0.15):
            item["apb_exempt"] = True
        if self.themed("links", 0.7):
            item["link"] = self.reference(LINKS)
        if self.chance(0.05):
            item["source"] = {"system": "crm", "ref": "17"}

    def credential(self, item):
        number = CREDENTIALS.index(item["id"])
        item["user"] = self.reference(USERS) if self.chance(0.2) else USERS[number % len(USERS)]
        if number < len(USERS):
            item["type"] = self.one(("card", "card", "card", "mobile", "key", "plate"))
        elif number < 2 * len(USERS):
            item["type"] = "pin"
        else:
            item["type"] = self.one(TYPES) if self.themed("ambiguous", 0.8, 0.2) else "qr"
        item["value"] = VALUES[item["type"]][number % len(USERS)]
        if self.themed("ambiguous", 0.3):
            item["value"] = self.one(VALUES[item["type"]])
        if self.themed("status", 0.3):
            item["status"] = self.one(("active", "pending", "blocked", "lost", "invalid"))
        self.validity(item)
        if self.themed("uses", 0.8):
            item["uses"] = self.one((0, 1, 1, 1, 2, 2, 1000000))
        if self.chance(0.1):
            item["duress"] = True

    def rule(self, item):
        who = self.one(("tags", "tags", "users", "both"))
        where = self.one(("points", "doors", "doors", "areas"))
        if who != "users":
            item["tags"] = [self.reference(TAGS) for _ in range(self.random.randint(0, 3))]
        if who != "tags":
            item["users"] = [self.reference(USERS) for _ in range(self.random.randint(0, 4))]
        item[where] = [self.reference({"points": POINTS, "doors": DOORS, "areas": AREAS + ("outside",)}[where])
                       for _ in range(self.random.randint(0, 4))]
        if self.themed("schedules", 0.7, 0.05):
            item["schedule"] = self.scheduled()
        if self.themed("rules", 0.4):
            item["types"] = self.some(TYPES + ("card", "pin"), 1, 3)
        self.validity(item)
        if self.themed("rules", 0.2):
            item["enabled"] = False

    def broad_rule(self):
        """One that lets most in, so that the other rows decide."""
        self.policy["rule", "r2"] = {"id": "r2", "users": list(USERS), "doors": list(DOORS)}

    def link(self, item):
        if self.chance(0.7):
            item["max_stale_h"] = self.one((1, 2, 24, 8760))
        if self.chance(0.85):
            stale = self.moment()
            self.limits.append(stale)
            item["refreshed_at"] = self.text(stale - item.get("max_stale_h", 72) * 3600 * SECOND)
        if self.chance(0.2):
            item["enabled"] = False

    def tag(self, item):
        pass

    def make(self, kind, item_id):
        item = {"id": item_id}
        if self.chance(0.03):
            item["name"] = self.one(("A name", "\u00fc", ""))
        if self.chance(0.01):
            item["x_unknown"] = self.one((None, 5, {"a": []}))
        getattr(self, kind)(item)
        return item

    POOLS = (("device", ("v1",), 1.0), ("area", AREAS, 1.0), ("door", DOORS, 0.95), ("access_point", POINTS, 0.95),
             ("tag", TAGS, 0.95), ("schedule", SCHEDULES, 0.95), ("calendar", CALENDARS, 0.95), ("link", LINKS, 0.95),
             ("user", USERS, 0.97), ("credential", CREDENTIALS, 0.97), ("rule", RULES, 0.7), ("site", ("main",), 0.97))

    def make_policy(self):
        for kind, pool, share in self.POOLS:
            if kind != "site" and "dangling" not in self.themes:
                share = min(1.0, share + 0.04)
            for item_id in pool:
                if self.chance(share):
                    self.policy[kind, item_id] = self.make(kind, item_id)
        if self.chance(0.4 if self.themes & {"rules", "schedules", "validity"} else 0.85):
            self.broad_rule()
        lines = [{"kind": kind, "item": item} for (kind, _), item in self.policy.items()]
        self.random.shuffle(lines)
        if self.chance(0.03):
            at = self.random.randrange(len(lines))
            lines[at] = self.spoil(lines[at])
        return lines

    def spoil(self, line):
        """The line with one value that the contract refuses."""
        bad = bad_values(line["kind"], line["item"])
        member = self.one(sorted(bad))
        return {"kind": line["kind"], "item": with_value(line["item"], member, self.one(bad[member]))}
