# SPDX-License-Identifier: GPL-3.0-or-later
"""Local time as the decision contract's section 2 and its fine print state it, over the system's tz database.

Instants are microseconds since 1970 in UTC. "Local seconds" are what a clock on the wall shows, counted from
1970-01-01T00:00 as if there were no offset.
"""
import datetime
import functools
import zoneinfo

from items import EPOCH, SECOND

STEP_S = 3600  # no zone changes twice in an hour
REACH_S = 27 * 3600  # more than any offset from UTC


@functools.lru_cache(maxsize=1 << 16)
def offset(zone, second):
    """Of local time from UTC, in seconds."""
    moment = datetime.datetime.fromtimestamp(second, zoneinfo.ZoneInfo(zone))
    return round(moment.utcoffset().total_seconds())


def local(zone, at):
    """The date as days since 1970 and the time of day in microseconds."""
    second, fraction = divmod(at, SECOND)
    day, clock = divmod(second + offset(zone, second), 86400)
    return day, clock * SECOND + fraction


def change_between(zone, before, after):
    """The first second with the offset that holds at `after`, which is not the one at `before`."""
    while after - before > 1:
        middle = (before + after) // 2
        if offset(zone, middle) == offset(zone, before):
            before = middle
        else:
            after = middle
    return after


@functools.lru_cache(maxsize=1 << 16)
def first_instant(zone, wanted):
    """The first instant at which the clock on the wall shows local second `wanted` or a later one."""
    start = wanted - REACH_S
    while True:
        end = start + STEP_S
        if offset(zone, start) != offset(zone, end):
            end = change_between(zone, start, end)
        at = max(start, wanted - offset(zone, start))
        if at < end:
            return at * SECOND
        start = end


def day_start(zone, day):
    return first_instant(zone, day * 86400)


@functools.lru_cache(maxsize=1 << 12)
def month_and_day(day):
    date = datetime.date.fromordinal(EPOCH + day)
    return date.month, date.day
