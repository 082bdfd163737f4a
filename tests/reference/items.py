# SPDX-License-Identifier: GPL-3.0-or-later
"""The items of a policy as the decision contract's section 1 states them: members, types, bounds, defaults.

KINDS maps each kind to its members; read_item() returns the item as a dict with every member of its kind filled
in (None: absent and without a default) or raises Refused. Instants become whole microseconds since 1970 in UTC,
a date alone becomes a Day, times of day become microseconds since midnight.

Written from the contract alone. Nobody who changes this file may look at gateway/core for what it does.
"""
import datetime
import re
import zoneinfo

EPOCH = datetime.date(1970, 1, 1).toordinal()
SECOND = 1_000_000
DAY = 86400 * SECOND

TYPES = ("card", "pin", "mobile", "key", "plate", "qr")
MODES = ("controlled", "unlocked", "locked_open", "blocked", "locked_down")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ASSURANCES = ("identifier", "shared_secret", "authenticated")
DIRECTIONS = ("entry", "exit")
CLOCKS = ("synced", "holdover", "none")

ZONES = zoneinfo.available_timezones()


class Refused(Exception):
    """Input that the contract does not allow. The text is the member."""


class Day(int):
    """A local date, as days since 1970-01-01."""


# Values: each reader takes (value, member) and returns what it means, or raises Refused.

def refuse_unless(ok, member):
    if not ok:
        raise Refused(member)


def string(value, member):
    refuse_unless(isinstance(value, str), member)
    return value


def boolean(value, member):
    refuse_unless(isinstance(value, bool), member)
    return value


def integer(least, most):
    def read(value, member):
        refuse_unless(type(value) is int and least <= value <= most, member)
        return value
    return read


def one_of(names):
    def read(value, member):
        refuse_unless(isinstance(value, str) and value in names, member)
        return value
    return read


def matching(pattern):
    compiled = re.compile(pattern)

    def read(value, member):
        refuse_unless(isinstance(value, str) and compiled.fullmatch(value), member)
        return value
    return read


identifier = matching(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")


def name(value, member):
    refuse_unless(isinstance(value, str) and len(value) <= 128, member)
    return value


def zone(value, member):
    refuse_unless(isinstance(value, str) and value in ZONES, member)
    return value


def list_of(read_entry, least=0):
    def read(value, member):
        refuse_unless(isinstance(value, list) and len(value) >= least, member)
        return [read_entry(entry, member) for entry in value]
    return read


def date(value, member):
    match = isinstance(value, str) and re.fullmatch(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", value)
    refuse_unless(match and value >= "1970", member)
    try:
        return Day(datetime.date(*map(int, match.groups())).toordinal() - EPOCH)
    except ValueError:
        raise Refused(member) from None


INSTANT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?"
                     r"(?:Z|([+-])([0-9]{2}):([0-9]{2}))")


def instant(value, member):
    match = isinstance(value, str) and INSTANT.fullmatch(value)
    refuse_unless(match, member)
    day, hour, minute, second, fraction, sign, offset_hour, offset_minute = match.groups()
    refuse_unless(hour < "24" and minute < "60" and second < "60", member)
    seconds = date(day, member) * 86400 + int(hour) * 3600 + int(minute) * 60 + int(second)
    if sign:
        refuse_unless(offset_hour < "24" and offset_minute < "60", member)
        offset = int(offset_hour) * 3600 + int(offset_minute) * 60
        seconds -= offset if sign == "+" else -offset
    return seconds * SECOND + int((fraction or "")[:6].ljust(6, "0"))


def instant_or_date(value, member):
    if isinstance(value, str) and "T" not in value:
        return date(value, member)
    return instant(value, member)


def clock_time(value, member):
    match = isinstance(value, str) and re.fullmatch(r"([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?", value)
    refuse_unless(match, member)
    hour, minute, second = match.groups("00")
    refuse_unless(hour < "24" and minute < "60" and second < "60", member)
    return (int(hour) * 3600 + int(minute) * 60 + int(second)) * SECOND


def clock_time_end(value, member):
    return DAY if value == "24:00" else clock_time(value, member)


def minute_of_day(value, member):
    refuse_unless(isinstance(value, str) and len(value) == 5, member)
    return clock_time(value, member)


def month_day(value, member):
    match = isinstance(value, str) and re.fullmatch(r"([0-9]{2})-([0-9]{2})", value)
    refuse_unless(match, member)
    month, day = map(int, match.groups())
    refuse_unless(1 <= month <= 12 and 1 <= day <= (29 if month == 2 else 30 if month in (4, 6, 9, 11) else 31), member)
    return month, day


# Members: REQUIRED where there is no default.

REQUIRED = object()


def record(members, check=None):
    """An object with these members: {name: (reader, default)}. Others are ignored. check sees the whole."""
    rows = [(member, *row) for member, row in members.items()]

    def read(value, member):
        refuse_unless(isinstance(value, dict), member)
        out = {}
        for inner, reader, default in rows:
            if inner in value:
                out[inner] = reader(value[inner], inner)
            else:
                refuse_unless(default is not REQUIRED, inner)
                out[inner] = default
        if check:
            check(out, member)
        return out
    return read


def check_window(window, member):
    refuse_unless(window["from"] != window["to"], "to")


def check_range(dates, member):
    refuse_unless(dates["from"] <= dates["to"], "to")


def check_value(credential, member):
    canonical = {
        "card": r"(?:[0-9A-F]{2}){1,65}",
        "pin": r"[0-9]{4,12}",
        "plate": r"[A-Z0-9]{1,16}",
    }.get(credential["type"], r"[ -~]{1,128}")
    refuse_unless(re.fullmatch(canonical, credential["value"]), "value")


def fill_door(door, member):
    """Defaults that hang on other members."""
    if door["extended_pulse_ms"] is None:
        door["extended_pulse_ms"] = 3 * door["pulse_ms"]
    if door["passage"] is None:
        door["passage"] = "sensed" if door["kind"] == "turnstile" else "assumed"


date_range = record({"from": (date, REQUIRED), "to": (date, REQUIRED)}, check_range)


def date_or_range(value, member):
    """As (first, last)."""
    if isinstance(value, dict):
        read = date_range(value, member)
        return read["from"], read["to"]
    day = date(value, member)
    return day, day


window_times = {"from": (clock_time, REQUIRED), "to": (clock_time_end, REQUIRED)}
window = record(window_times, check_window)
weekly_window = record({"days": (list_of(one_of(WEEKDAYS), 1), REQUIRED)} | window_times, check_window)
special = record({"calendar": (identifier, REQUIRED), "windows": (list_of(window), REQUIRED)})
mode_entry = record({"schedule": (identifier, REQUIRED), "mode": (one_of(MODES), REQUIRED),
                     "first_person": (identifier, None)})
interval = (integer(1, 604800), None)
min_interval = record({"member": interval, "employee": interval, "visitor": interval})
factor_entry = record({"schedule": (identifier, "always"),
                       "any": (list_of(list_of(one_of(TYPES), 1), 1), REQUIRED)})
block = record({"from": (instant_or_date, None), "message": (string, None)})
source = record({"system": (string, "local"), "ref": (string, None)})

references = (list_of(identifier), [])
validity = {"valid_from": (instant_or_date, None), "valid_until": (instant_or_date, None)}

KINDS = {
    "site": record({
        "id": (identifier, REQUIRED), "name": (name, None),
        "timezone": (zone, REQUIRED),
        "untrusted_clock": (one_of(("deny_scheduled", "ignore_time")), "deny_scheduled"),
        "lockdown_tags": references,
    }),
    "calendar": record({
        "id": (identifier, REQUIRED), "name": (name, None),
        "days": (list_of(date_or_range), []),
        "yearly": (list_of(month_day), []),
    }),
    "schedule": record({
        "id": (identifier, REQUIRED), "name": (name, None),
        "windows": (list_of(weekly_window), []),
        "special": (list_of(special), []),
    }),
    "area": record({
        "id": (identifier, REQUIRED), "name": (name, None),
        "capacity": (integer(0, 1000000), None),
        "anti_passback": (one_of(("off", "soft", "hard", "timed")), "off"),
        "anti_passback_min": (integer(1, 10080), 60),
        "forgive_at": (minute_of_day, None),
    }),
    "door": record({
        "id": (identifier, REQUIRED), "name": (name, None),
        "kind": (one_of(("door", "turnstile", "barrier")), REQUIRED),
        "target": (string, REQUIRED),
        "pulse_ms": (integer(50, 600000), 3000),
        "extended_pulse_ms": (integer(50, 1800000), None),
        "held_ms": (integer(1000, 86400000), 30000),
        "extended_held_ms": (integer(1000, 86400000), None),
        "held_warn_percent": (integer(1, 99), None),
        "free": (one_of(DIRECTIONS), None),
        "relock_on_close": (boolean, False),
        "rex_releases": (boolean, True),
        "passage_timeout_ms": (integer(100, 600000), 5000),
        "passage": (one_of(("sensed", "assumed")), None),
        "mode": (one_of(MODES), "controlled"),
        "mode_schedules": (list_of(mode_entry), []),
        "interlock": (identifier, None),
        "strict_log": (boolean, False),
        "min_interval_s": (min_interval, {"member": None, "employee": None, "visitor": None}),
    }, fill_door),
    "access_point": record({
        "id": (identifier, REQUIRED), "name": (name, None),
        "door": (identifier, REQUIRED),
        "direction": (one_of(DIRECTIONS), REQUIRED),
        "from": (identifier, "outside"),
        "to": (identifier, "outside"),
        "readers": (list_of(string), []),
        "factors": (list_of(factor_entry), []),
        "factor_timeout_s": (integer(1, 300), 10),
        "min_assurance": (one_of(ASSURANCES), "identifier"),
        "two_person": (boolean, False),
        "max_age_ms": (integer(100, 60000), 5000),
    }),
    "device": record({
        "id": (identifier, REQUIRED), "name": (name, None),
        "driver": (string, REQUIRED),
        "points": (list_of(string), []),
        "targets": (list_of(string), []),
        "profile": (string, None),
    }),
    "tag": record({"id": (identifier, REQUIRED), "name": (name, None)}),
    "user": record({
        "id": (identifier, REQUIRED), "name": (name, None),
        "kind": (one_of(("member", "employee", "visitor")), "member"),
        "source": (source, {"system": "local", "ref": None}),
        "status": (one_of(("active", "pending", "suspended", "cancelled")), "active"),
        **validity,
        "tags": references,
        "mobile": (boolean, True),
        "block": (block, None),
        "extended_time": (boolean, False),
        "apb_exempt": (boolean, False),
        "link": (identifier, None),
    }),
    "credential": record({
        "id": (identifier, REQUIRED), "name": (name, None),
        "user": (identifier, REQUIRED),
        "type": (one_of(TYPES), REQUIRED),
        "value": (string, REQUIRED),
        "status": (one_of(("active", "pending", "blocked", "lost", "invalid")), "active"),
        **validity,
        "uses": (integer(0, 1000000), None),
        "duress": (boolean, False),
    }, check_value),
    "rule": record({
        "id": (identifier, REQUIRED), "name": (name, None),
        "tags": references, "users": references,
        "points": references, "doors": references, "areas": references,
        "schedule": (identifier, "always"),
        "types": (list_of(one_of(TYPES), 1), None),
        **validity,
        "enabled": (boolean, True),
    }),
    "link": record({
        "id": (identifier, REQUIRED), "name": (name, None),
        "description": (string, None), "unit_url": (string, None), "company_key": (string, None),
        "remote_company": (string, None), "location": (string, None), "collector": (string, None),
        "terminal": (string, None),
        "enabled": (boolean, True),
        "max_stale_h": (integer(1, 8760), 72),
        "refreshed_at": (instant, None),
    }),
}

BUILT_IN = {("schedule", "always"), ("schedule", "never"), ("area", "outside")}


def read_item(kind, value):
    item = KINDS[kind](value, "item")
    refuse_unless((kind, item["id"]) not in BUILT_IN, "id")
    return item
