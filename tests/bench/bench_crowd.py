#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Eight lanes of turnstiles on one device, with a crowd before them: how many people a minute pass each lane, and what is ours of
the time that each takes. A person presents a card once nobody is before them in the lane, and walks through half a second
after the release. Simulated controllers on Modbus TCP, read as often as their profile says.

    60_a_minute     one person a second comes to each lane
    as_they_can     each lane has a queue: the next one presents a card as soon as the one before is through
"""
import random
import threading
import time

from measured import BUILD, UNIT_SCHEDULING, Program, System, card, report, report_times
from bench_tap import ctl, told_at

LANES = 8
PEOPLE = 1000
MEASURED_S = 40
WALK_MS = 500
JITTER_S = 0.2


class Building(System):
    def devices(self):
        self.gates, units, items = [], [], []
        for i in range(LANES):
            gate = self.start(Program(*UNIT_SCHEDULING, BUILD / "tools/sim/sim-collector", "--tcp", "0", "--auto",
                                      f"pass:{WALK_MS}", "--control", self.dir / f"gate{i}.ctl"))
            port = gate.output.next().split()[-1]
            self.gates.append(gate)
            units.append({"connection": {"tcp": f"127.0.0.1:{port}"}, "points": [f"in{i}", f"out{i}"], "targets": [f"lane{i}"]})
            items += [("door", {"id": f"lane{i}", "kind": "turnstile", "target": f"lane{i}"}),
                      ("access_point", {"id": f"lane{i}.in", "door": f"lane{i}", "direction": "entry", "to": "floor",
                                        "readers": [f"in{i}"]})]
        return [*items, ("rule", {"id": "lanes", "tags": ["member"], "doors": [f"lane{i}" for i in range(LANES)]}),
                ("device", {"id": "gates", "driver": "modbus", "profile": "sim-collector", "units": units,
                            "points": [point for unit in units for point in unit["points"]],
                            "targets": [target for unit in units for target in unit["targets"]]})]


class Lane(threading.Thread):
    """The people of one lane. people: number, and when each presented a card, was released and was through."""

    def __init__(self, building, number, gap_s, end_s):
        super().__init__()
        self.control = building.dir / f"gate{number}.ctl"
        self.gate = building.gates[number]
        self.number = number
        self.gap_s = gap_s
        self.end_s = end_s
        self.people = []

    def run(self):
        comes_s = time.monotonic() + random.uniform(0, self.gap_s)
        for number in range(self.number, PEOPLE, LANES):
            time.sleep(max(0, comes_s + random.uniform(-JITTER_S, JITTER_S) * self.gap_s - time.monotonic()))
            if time.monotonic() > self.end_s:
                return
            ctl(self.control, f"present in {card(number)}")
            self.people.append((number, *(told_at(self.gate, words) for words in (" presented", "coil 0", "passed"))))
            comes_s += self.gap_s


def a_minute(lanes, when):
    """How many of each lane did it a minute, between the first and the last."""
    times_us = [[person[when] for person in lane.people] for lane in lanes]
    return sum(60e6 * (len(lane) - 1) / (lane[-1] - lane[0]) for lane in times_us) / len(lanes)


def measure(name, gap_s):
    with Building(PEOPLE) as building:
        building.gateway.start()
        building.gateway.follow("gates")
        lanes = [Lane(building, i, gap_s, time.monotonic() + MEASURED_S) for i in range(LANES)]
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.join()
        people = [person for lane in lanes for person in lane.people]
        report(f"crowd_{name}_presented", a_minute(lanes, 1), "1/min")
        report(f"crowd_{name}_passed", a_minute(lanes, 3), "1/min")
        decided = {event["user"]: event["at"] for event in
                   (building.gateway.events.take(kind="granted") for _ in people)}
        report_times(f"crowd_{name}_presented_to_released", [coil - at for _, at, coil, _ in people], shares=(50, 99), unit="ms")
        report_times(f"crowd_{name}_decided_to_released", [coil - decided[f"u{number}"] for number, _, coil, _ in people],
                     shares=(50, 99), unit="ms")
        report_times(f"crowd_{name}_all_of_it", [passed - at for _, at, _, passed in people], shares=(50, 99), unit="ms")


if __name__ == "__main__":
    measure("60_a_minute", 1)
    measure("as_they_can", 0)
