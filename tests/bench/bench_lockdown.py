#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long it takes until the last of 64 doors that stand unlocked was told to lock, from the execution of `stilectl lockdown on`:
relay boards of eight doors each on Modbus TCP, on two devices and on eight. The boards take no time, or 5 ms to answer each
write, which is assumed: then the eight doors of a board are told one after the other."""
import subprocess

from measured import BUILD, UNIT_SCHEDULING, Program, System, now_us, report_times

DOORS = 64
BOARD_DOORS = 8
ROUNDS = 100
OFF = 0


class Building(System):
    def __init__(self, devices, turnaround_ms):
        self.device_count = devices
        self.turnaround_ms = turnaround_ms
        super().__init__(1)

    def board(self, number, port):
        doors = [f"d{number * BOARD_DOORS + i}" for i in range(BOARD_DOORS)]
        return {"unit": 1, "connection": {"tcp": f"127.0.0.1:{port}"}, "targets": doors,
                "wiring": [{"target": door, "release": f"relay{i}"} for i, door in enumerate(doors, 1)]}

    def devices(self):
        self.slave = self.start(Program(*UNIT_SCHEDULING, BUILD / "tests/bench/bench-slave", DOORS // BOARD_DOORS,
                                        self.turnaround_ms))
        boards = [self.board(i, port) for i, port in enumerate(self.slave.output.next().split())]
        share = len(boards) // self.device_count
        items = []
        for i in range(self.device_count):
            units = boards[i * share:(i + 1) * share]
            items.append(("device", {"id": f"m{i}", "driver": "modbus", "profile": "waveshare-poe-relay8", "units": units,
                                     "targets": [door for unit in units for door in unit["targets"]]}))
        return items + [("door", {"id": f"d{i}", "kind": "door", "target": f"d{i}", "mode": "unlocked"})
                        for i in range(DOORS)]

    def lockdown(self, words):
        subprocess.run([BUILD / "tools/stilectl/stilectl", "--socket", self.gateway.socket, "lockdown", words, "--reason", "bench"],
                       check=True, stdout=subprocess.DEVNULL)

    def told(self, locks):
        """When each door was told to lock, or to stay open; waits for the last."""
        times = {}
        while len(times) < DOORS:
            at_us, board, coil, value = map(int, self.slave.output.next().split())
            if (value == OFF) == locks:
                times.setdefault((board, coil), at_us)
        return times.values()


def measure(devices, turnaround_ms):
    with Building(devices, turnaround_ms) as building:
        building.gateway.start()
        building.gateway.follow(*(f"m{i}" for i in range(devices)))
        building.told(False)
        first, last = [], []
        for _ in range(ROUNDS):
            began_us = now_us()
            building.lockdown("on")
            times = building.told(True)
            first.append(min(times) - began_us)
            last.append(max(times) - began_us)
            building.lockdown("off")
            building.told(False)
        name = f"lockdown_{DOORS}_doors_{devices}_devices_{turnaround_ms}_ms"
        report_times(f"{name}_first_told", first, shares=(50,), unit="ms")
        report_times(f"{name}_last_told", last, shares=(50, 99), unit="ms")


for count in (2, 8):
    for answer_ms in (0, 5):
        measure(count, answer_ms)
