# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the decision contract's section 1 draws the line: for each kind and member values that must reject the item
and values that are only just taken; and script lines that cannot be taken.
"""

# For each kind values that are refused. A missing member is a value too.
MISSING = object()
BAD_LIST = ("t1", {}, [1], [None], None, ["a b"], ["t1", ""])
BAD_BOOL = (0, "true", None)
BAD_INSTANT = ("2026-13-01", "2026-02-29", "1969-12-31", "2026-06-01T00:00:00", "2026-06-01T24:00:00Z",
               "2026-06-01T10:00:60Z", "2026-06-01 10:00:00Z", "2026-06-01T10:00Z", "2026-06-01T10:00:00.Z",
               "2026-06-01T10:00:00.1234567890Z", "2026-6-1", "", 5, None, "2026-06-01T10:61:00Z",
               "2026-06-01T10:00:00+0200")


class Bounds:
    """Of an integer."""

    def __init__(self, least, most):
        self.good = (least, most)
        self.bad = (least - 1, most + 1, float(least), str(least), None, True, [least])


def bad_windows(more):
    """Lists of windows that are refused; more is what a good one has besides from and to."""
    return ([{"from": "08:00", "to": "08:00", **more}], [{"from": "24:00", "to": "08:00", **more}],
            [{"from": "8:00", "to": "09:00", **more}], [{"from": "08:00", "to": "24:01", **more}],
            [{"to": "09:00", **more}], [{"from": "08:60", "to": "09:00", **more}], [{"from": "08:00", **more}],
            [{"from": "08:00", "to": None, **more}], ["08:00-09:00"], {}, None)


GOOD_INSTANT = ("1970-01-01", "2024-02-29", "1970-01-01T00:00:00Z", "2026-06-01T23:59:59.999999999-23:59",
                "2026-06-01T00:00:00.0+00:00", "9998-12-31", "2026-06-01T12:00:00+14:00")

NIGHT = {"from": "22:00", "to": "06:00"}
BAD = {
    "site": {"timezone": ("Mars/Olympus", "", 5, None, MISSING, "../UTC"), "untrusted_clock": ("deny", None, True),
             "lockdown_tags": BAD_LIST},
    "calendar": {"days": (["2026-02-29"], ["2026-04-31"], ["02-01"], [{"from": "2026-02-02", "to": "2026-02-01"}],
                          [{"from": "2026-02-02"}], [{"to": "2026-02-02"}], ["2026-01-01T00:00:00Z"], [5], None),
                 "yearly": (["02-30"], ["13-01"], ["1-1"], ["2026-01-01"], [{}], "01-01", None)},
    "schedule": {"id": ("always", "never"),
                 "windows": bad_windows({"days": ["mon"]}) + ([NIGHT], [{"days": [], **NIGHT}],
                                                             [{"days": ["Mon"], **NIGHT}], [{"days": "mon", **NIGHT}]),
                 "special": tuple([{"calendar": "k1", "windows": bad}] for bad in bad_windows({}))
                 + ([{"windows": []}], [{"calendar": "k1"}], [{"calendar": 1, "windows": []}], {}, None)},
    "area": {"id": ("outside",), "capacity": Bounds(0, 1000000), "anti_passback": ("on", None, True),
             "anti_passback_min": Bounds(1, 10080), "forgive_at": ("25:00", "5:00", 5, None, "12:60", "")},
    "door": {"kind": ("gate", None, MISSING, 1), "target": (None, MISSING, 1), "pulse_ms": Bounds(50, 600000),
             "extended_pulse_ms": Bounds(50, 1800000), "held_ms": Bounds(1000, 86400000),
             "extended_held_ms": Bounds(1000, 86400000), "held_warn_percent": Bounds(1, 99), "free": ("both", None, 1), "relock_on_close": BAD_BOOL,
             "rex_releases": BAD_BOOL,
             "passage_timeout_ms": Bounds(100, 600000), "passage": ("none", None, 1), "mode": ("auto", None, 1),
             "mode_schedules": ([{"mode": "blocked"}], [{"schedule": "always"}],
                                [{"schedule": "always", "mode": "auto"}], ["always"], {}, None,
                                [{"schedule": "always", "mode": "blocked", "first_person": None}]),
             "interlock": (None, 1), "strict_log": BAD_BOOL,
             "min_interval_s": ({"member": 0}, {"employee": 604801}, {"visitor": "1"}, {"member": None}, 5, None, [])},
    "access_point": {"door": (None, MISSING, 1), "direction": ("in", None, MISSING),
                     "from": (None, 1, "-"), "to": (None, [], "a 1"),
                     "readers": ("r", [1], None),
                     "factors": ([{}], [{"any": []}], [{"any": [[]]}], [{"any": [["face"]]}], [{"any": ["card"]}],
                                 [{"any": [["card"]], "schedule": None}], {"any": [["card"]]}, None),
                     "factor_timeout_s": Bounds(1, 300), "min_assurance": ("high", None, 1),
                     "two_person": BAD_BOOL, "max_age_ms": Bounds(100, 60000)},
    "device": {"driver": (None, MISSING, 1), "targets": ("x", [1], None)},
    "user": {"kind": ("guest", None), "status": ("blocked", None), "valid_from": BAD_INSTANT,
             "valid_until": BAD_INSTANT, "tags": BAD_LIST, "mobile": BAD_BOOL,
             "block": ({"from": "now"}, {"message": 5}, {"from": None}, True, None),
             "extended_time": BAD_BOOL, "apb_exempt": BAD_BOOL, "link": (None, 5, [])},
    "credential": {"user": (None, MISSING, 1), "type": ("face", None, MISSING),
                   "value": (None, MISSING, 1, "\u00e9", "x" * 200), "status": ("suspended", None),
                   "valid_from": BAD_INSTANT, "valid_until": BAD_INSTANT, "uses": Bounds(0, 1000000),
                   "duress": BAD_BOOL},
    "rule": {"tags": BAD_LIST, "users": BAD_LIST, "points": BAD_LIST, "doors": BAD_LIST, "areas": BAD_LIST,
             "schedule": (None, 1), "types": ([], ["face"], "card", None, [1]), "valid_from": BAD_INSTANT,
             "valid_until": BAD_INSTANT, "enabled": BAD_BOOL},
    "link": {"enabled": BAD_BOOL, "max_stale_h": Bounds(1, 8760),
             "refreshed_at": ("2026-01-01", "", 5, None, "2026-01-01T00:00:00")},
    "tag": {},
}
BAD_ID = ("", "-a", "a b", "a" * 65, 5, None, MISSING, "\u00e4", ".x")
BAD_NAME = (5, None, "x" * 129, "\u00e4" * 129)
BAD_VALUES = {"card": ("04a1", "4A1", "", "04:A1", "00" * 66), "pin": ("123", "1" * 13, "12a4", ""),
              "plate": ("b1", "B-1", "Z" * 17, ""), "mobile": ("\n", "x" * 129), "key": ("\x7f",), "qr": ("\u20ac",)}
BAD_LINES = (
    {"present": {"point": "p1"}}, {"present": {"credential": {"type": "card", "value": "00"}}},
    {"present": {"point": "p1", "credential": {"type": "face", "value": "00"}}},
    {"present": {"point": "p1", "credential": {"type": "card", "value": 0}}},
    {"present": {"point": "p1", "credential": {"type": "card"}}},
    {"present": {"point": "p1", "credential": {"type": "card", "value": "00", "assurance": "none"}}},
    {"present": {"point": "p1", "credential": {"type": "card", "value": "00"}, "age_ms": -1}},
    {"present": {"point": "p1", "credential": {"type": "card", "value": "00"}, "age_ms": 1.0}},
    {"passage": {"door": "gone", "direction": "entry"}}, {"passage": {"door": "d1"}}, {"no_passage": {"door": "gone"}},
    {"passage": {"door": "d1", "direction": "in"}}, {"input": {"door": "gone", "role": "fire", "value": True}},
    {"input": {"door": "d1", "role": "smoke", "value": True}}, {"input": {"door": "d1", "role": "fire", "value": 1}},
    {"input": {"door": "d1", "role": "fire"}}, {"mode": {"door": "gone", "mode": "blocked"}},
    {"mode": {"door": "d1", "mode": "open"}}, {"mode": {"door": "d1", "mode": "blocked", "until": "2026-01-01"}},
    {"lockdown": {}}, {"lockdown": {"on": 1}}, {"forgive": {"user": "gone"}}, {"forgive": {"user": 5}},
    {"clock": "good"}, {"clock": {}}, {"put": {"kind": "tag"}}, {"put": {"kind": "tag", "item": []}},
    {"put": {"item": {"id": "x"}}}, {"del": {"id": "x"}}, {"del": {"kind": "tag"}}, {},
    {"lockdown": {"on": True}, "clock": "synced"}, {"sleep": {}},
)


# What is only just taken, besides integers at their bounds.
GOOD = {
    "site": {"timezone": ("America/Argentina/Buenos_Aires",), "lockdown_tags": ([], ["gone"])},
    "calendar": {"days": ([], ["2024-02-29"], [{"from": "2026-02-02", "to": "2026-02-02"}]),
                 "yearly": ([], ["02-29", "12-31"])},
    "schedule": {"windows": ([], [{"days": ["mon"], "from": "23:59:59", "to": "24:00"}],
                             [{"days": ["sun", "sat"], "from": "22:00", "to": "00:00"}]),
                 "special": ([], [{"calendar": "gone", "windows": []}])},
    "area": {"forgive_at": ("00:00", "23:59")},
    "door": {"mode_schedules": ([], [{"schedule": "always", "mode": "locked_down"}]),
             "min_interval_s": ({}, {"member": 1, "employee": 604800}, {"visitor": 604800, "guest": None})},
    "access_point": {"readers": ([], ["front.1"]), "factors": ([], [{"any": [["pin", "qr", "plate"]]}])},
    "device": {"targets": ([],), "baud": (None,)},
    "user": {"valid_from": GOOD_INSTANT, "valid_until": GOOD_INSTANT, "block": ({}, {"message": ""}),
             "link": ("gone",)},
    "credential": {"valid_from": GOOD_INSTANT, "valid_until": GOOD_INSTANT},
    "rule": {"types": (["card", "pin", "mobile", "key", "plate", "qr"],), "valid_from": GOOD_INSTANT,
             "valid_until": GOOD_INSTANT},
    "link": {"refreshed_at": ("2026-06-01T10:00:00Z",)},
    "tag": {},
}
GOOD_ID = ("a" * 64, "7._:-", "Z")
GOOD_NAME = ("", "x" * 128, "\u00e4" * 128, "\U0001f6aa" * 128)
GOOD_VALUES = {"card": ("00", "FF" * 65), "pin": ("1234", "0" * 12), "plate": ("B", "Z" * 16),
               "mobile": ("~" * 128, "!"), "key": (" k",), "qr": ("\"\\",)}

# An item of each kind with what it must have.
PLAIN = {
    "site": {"timezone": "UTC"}, "calendar": {}, "schedule": {}, "area": {},
    "door": {"kind": "door", "target": "front"}, "access_point": {"door": "d1", "direction": "entry"},
    "device": {"driver": "sim"}, "tag": {}, "user": {}, "credential": {"user": "u1", "type": "card", "value": "00"},
    "rule": {}, "link": {},
}


def with_value(item, member, value):
    """The item with this value in the member's place."""
    item = {name: kept for name, kept in item.items() if name != member}
    return item if value is MISSING else item | {member: value}


def bad_values(kind, item):
    """{member: values} that reject an item of this kind."""
    bad = {member: values.bad if isinstance(values, Bounds) else values for member, values in BAD[kind].items()}
    bad |= {"id": bad.get("id", ()) + BAD_ID, "name": BAD_NAME}
    if kind == "credential":
        bad["value"] += BAD_VALUES[item["type"]]
    return bad


def at_the_limits():
    """(policy, script) pairs of one item with a value that is refused or only just taken, or of one refused line."""
    for kind, plain in PLAIN.items():
        item = {"id": "x"} | plain
        bounds = {member: values.good for member, values in BAD[kind].items() if isinstance(values, Bounds)}
        for values_of in (bad_values(kind, item), GOOD[kind] | bounds | {"id": GOOD_ID, "name": GOOD_NAME}):
            for member, values in values_of.items():
                for value in values:
                    yield [{"kind": kind, "item": with_value(item, member, value)}], []
    for values_of in (BAD_VALUES, GOOD_VALUES):
        for its_type, values in values_of.items():
            for value in values:
                item = {"id": "x", "user": "u1", "type": its_type, "value": value}
                yield [{"kind": "credential", "item": item}], []
    door = {"kind": "door", "item": {"id": "d1", "kind": "door", "target": "front"}}
    for line in BAD_LINES:
        yield [door], [{"at": "2026-06-01T10:00:00Z"} | line]
    for at in ("2026-06-01", "2026-06-01T24:00:00Z", "2026-06-01T10:00:00", 5, MISSING, "2026-06-01T09:59:59.999999Z"):
        yield [], [{"at": "2026-06-01T10:00:00Z", "clock": "none"}, with_value({"clock": "none"}, "at", at)]
