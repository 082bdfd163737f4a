# SPDX-License-Identifier: GPL-3.0-or-later
"""The items of a policy, and what they mean at a time of day: the decision contract's section 2 and the first two
lines of its fine print.
"""
import items
from items import refuse_unless
from timing import day_start, local, month_and_day

DEFAULT_SITE = {"timezone": "UTC", "untrusted_clock": "deny_scheduled", "lockdown_tags": []}


class Policy:
    def __init__(self):
        self.kinds = {kind: {} for kind in items.KINDS}
        self.users = self.kinds["user"]
        self.areas = self.kinds["area"]
        self.doors = self.kinds["door"]
        self.points = self.kinds["access_point"]
        self.tags = self.kinds["tag"]
        self.by_value = {}

    def put(self, kind, value):
        refuse_unless(isinstance(kind, str), "kind")
        refuse_unless(isinstance(value, dict), "item")
        if kind not in items.KINDS:
            return  # the cloud contract: items of unknown kinds decide nothing
        item = items.read_item(kind, value)
        refuse_unless(kind != "site" or not self.kinds["site"] or item["id"] in self.kinds["site"], "id")
        self.delete(kind, item["id"])
        self.kinds[kind][item["id"]] = item
        if kind == "credential":
            self.by_value.setdefault((item["type"], item["value"]), []).append(item)

    def delete(self, kind, item_id):
        item = self.kinds.get(kind, {}).pop(item_id, None)
        if item and kind == "credential":
            self.by_value[item["type"], item["value"]].remove(item)

    def holds(self, kind, value, user=None):
        """Credentials with this type and value, of this user if one is given."""
        held = self.by_value.get((kind, value), [])
        return held if user is None else [credential for credential in held if credential["user"] == user]

    def site(self):
        for site in self.kinds["site"].values():
            return site
        return DEFAULT_SITE

    def zone(self):
        return self.site()["timezone"]

    def has_tag(self, user, tags):
        """Whether the user has one of the tags; a tag counts while its item exists."""
        return any(tag in self.tags and tag in user["tags"] for tag in tags)

    def has_area(self, area):
        return area == "outside" or area in self.areas

    def device_of(self, target):
        """The id of the first device that has the target, or None."""
        return min((device["id"] for device in self.kinds["device"].values() if target in device["targets"]), default=None)

    def has_target(self, target):
        return self.device_of(target) is not None

    def starts(self, moment):
        """When a valid_from or a block's from begins."""
        return day_start(self.zone(), moment) if isinstance(moment, items.Day) else moment

    def ends(self, moment):
        """When a valid_until ends."""
        return day_start(self.zone(), moment + 1) if isinstance(moment, items.Day) else moment

    def not_started(self, item, at):
        return item["valid_from"] is not None and at < self.starts(item["valid_from"])

    def expired(self, item, at):
        return item["valid_until"] is not None and at >= self.ends(item["valid_until"])

    def nature(self, schedule_id):
        """Of a schedule: always, never, missing (itself or a calendar that it names) or timed."""
        if schedule_id in ("always", "never"):
            return schedule_id
        schedule = self.kinds["schedule"].get(schedule_id)
        calendars = self.kinds["calendar"]
        if not schedule or any(special["calendar"] not in calendars for special in schedule["special"]):
            return "missing"
        return "timed"

    def in_calendar(self, calendar_id, day):
        calendar = self.kinds["calendar"][calendar_id]
        return (any(first <= day <= last for first, last in calendar["days"])
                or month_and_day(day) in calendar["yearly"])

    def windows_of_day(self, schedule, day):
        for special in schedule["special"]:
            if self.in_calendar(special["calendar"], day):
                return special["windows"]
        weekday = items.WEEKDAYS[(day + 3) % 7]  # 1970-01-01 was a Thursday
        return [window for window in schedule["windows"] if weekday in window["days"]]

    def open_windows(self, schedule_id, today, clock):
        """The windows of a schedule that are open on this local date at this time of day, each as day, from, to. That
        of `always` has no day."""
        nature = self.nature(schedule_id)
        if nature != "timed":
            return {("always", 0, 0)} if nature == "always" else set()
        schedule = self.kinds["schedule"][schedule_id]
        found = set()
        for window in self.windows_of_day(schedule, today):
            if window["from"] <= clock and (clock < window["to"] or window["from"] > window["to"]):
                found.add((today, window["from"], window["to"]))
        for window in self.windows_of_day(schedule, today - 1):
            if window["from"] > window["to"] and clock < window["to"]:
                found.add((today - 1, window["from"], window["to"]))
        return found

    def is_open(self, schedule_id, at):
        return bool(self.open_windows(schedule_id, *local(self.zone(), at)))

    def joins(self, rule, user, point):
        return ((user["id"] in rule["users"] or self.has_tag(user, rule["tags"]))
                and (point["id"] in rule["points"] or point["door"] in rule["doors"] or point["to"] in rule["areas"]))
