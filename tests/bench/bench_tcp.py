#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a release takes through stile-modbus on Modbus TCP, from the command to the device that has heard it, while 1, 8 or
32 units are polled without a pause: each at an address of its own, or all behind one. The devices take no time."""
import json
import os
import random
import subprocess
import tempfile
import time

from measured import BUILD, UNIT_SCHEDULING, Program, now_us, report_times

RELEASES = 200
PROFILE = {"profile": "bench", "timing": {"poll_ms": 5, "response_ms": 300, "late_ms": 1000},
           "outputs": [{"name": "relay", "coil": 0,
                        "pulse": {"method": "coil_time", "address": 512, "unit_ms": 50}}],
           "inputs": [{"name": "contact", "at": {"table": "discrete", "address": 0}}],
           "wiring": {"release": "relay", "contact": "contact"}}


class Driver(Program):
    def __init__(self, directory, units):
        with open(os.path.join(directory, "bench.json"), "w", encoding="utf-8") as f:
            json.dump(PROFILE, f)
        super().__init__(*UNIT_SCHEDULING, BUILD / "hal/modbus/stile-modbus", "--profiles", directory, stdin=subprocess.PIPE)
        self.say(do="configure", device={"driver": "modbus", "profile": "bench", "units": units,
                                         "targets": [target for unit in units for target in unit["targets"]]})
        self.output.until(lambda line: '"state":"up"' in line)

    def say(self, **members):
        line = (json.dumps(members) + "\n").encode()
        sent_us = now_us()
        os.write(self.process.stdin.fileno(), line)
        return sent_us


def units_of(count, ports):
    """Each with a door; ports: one for each, or one for all. All must fit in a line."""
    return [{"unit": i + 1, "connection": {"tcp": f"127.0.0.1:{ports[i % len(ports)]}"}, "targets": [f"d{i}"]}
            for i in range(count)]


def measure(name, count, addresses):
    with tempfile.TemporaryDirectory() as directory, \
            Program(*UNIT_SCHEDULING, BUILD / "tests/bench/bench-slave", addresses) as slave:
        with Driver(directory, units_of(count, slave.output.next().split())) as driver:
            times = []
            for number in range(1, RELEASES + 1):
                time.sleep(random.uniform(0.004, 0.012))
                sent_us = driver.say(do="release", id=number, target=f"d{random.randrange(count)}", pulse_ms=50,
                                     deadline=9 * 10**15)
                times.append(int(slave.output.next().split()[0]) - sent_us)
                driver.output.until(lambda line: '"completed"' in line)
            report_times(f"tcp_{count}_units_{name}", times, shares=(50, 99), unit="ms")


for units in (1, 8, 32):
    measure("own_address", units, units)
    measure("one_address", units, 1)
