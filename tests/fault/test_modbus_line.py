# SPDX-License-Identifier: GPL-3.0-or-later
"""stile-modbus on a bad line, against two slaves that were not written for this project: libmodbus' own server and
Debian's python3-pymodbus, on a serial line with four units and on TCP.

    test_modbus_line.py TRANSACTIONS    in all

Each release has a pulse of its own, which the slave sees before the release; so what it carried out is compared with what
was said of it: none is lost silently, `failed` was not carried out, `completed` was once, nothing after its deadline. A
reading that another unit answered would make a unit another kind of device, or an input true."""
import contextlib
import json
import os
import random
import sys
import tempfile
import time

from bad_line import SerialLine, TcpLine
from support import BUILD, LIMIT_S, JsonProgram, Program, free_port

DRIVER = os.path.join(BUILD, "hal", "modbus", "stile-modbus")
SLAVE = os.path.join(BUILD, "tests", "fault", "modbus-slave")
PYMODBUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pymodbus_slave.py")

UNITS = (1, 2, 3, 4)
FIRST_PULSE_MS = 50
RESPONSE_MS, LATE_MS = 30, 50
CHANCE = 0.02

# What the slave may take on a busy machine from the line to its clock; a request that was forgotten and carried out later
# would come later than that.
SLAVE_US = 500_000


def profile(identity):
    return {"profile": f"slave-{identity}",
            "timing": {"poll_ms": 5, "response_ms": RESPONSE_MS, "late_ms": LATE_MS},
            "identity": {"table": "holding", "address": 10, "value": identity},
            "sides": {side: {"release": {"method": "coil", "address": i, "pulse": 2 + i, "unit_ms": 1}}
                      for i, side in enumerate(("in", "out"))},
            "inputs": [{"role": "tamper", "at": {"table": "discrete", "address": 2}},
                       {"role": "fire", "at": {"table": "coil", "address": 9}}]}


class Slave(Program):
    def __init__(self, kind, *words):
        argv = [SLAVE] if kind == "libmodbus" else ["/usr/bin/python3", PYMODBUS]
        super().__init__(*argv, *words)
        self.first = self.output.next().strip()

    def writes(self):
        """(when, unit, function, address, value) of each write so far."""
        lines = []
        while not self.output.lines.empty():
            lines.append(tuple(map(int, self.output.next().split())))
        return lines


class Run:
    def __init__(self, kind, transactions, seed):
        self.kind = kind
        self.transactions = transactions
        self.random = random.Random(seed)
        self.seed = seed
        self.commands = {}  # id: (unit, side, pulse, deadline)
        self.results = {}   # id: outcomes
        self.counters = {}
        self.stack = contextlib.ExitStack()

    def start_line(self):
        late_s = (RESPONSE_MS + LATE_MS) * 0.9 / 1000
        if self.kind[1] == "rtu":
            shares = [UNITS] if self.kind[0] == "pymodbus" else [(unit,) for unit in UNITS]
            self.line = self.stack.enter_context(SerialLine(shares, self.seed, late_s))
            self.slaves = [self.stack.enter_context(Slave(self.kind[0], "rtu", port, *units))
                           for units, port in zip(shares, self.line.slave_ports)]
            return {"rtu": self.line.port, "baud": 115200, "parity": "N"}
        port = free_port() if self.kind[0] == "pymodbus" else None
        self.slaves = [self.stack.enter_context(Slave(self.kind[0], "tcp", *([port, *UNITS] if port else [])))]
        self.line = self.stack.enter_context(TcpLine(port or int(self.slaves[0].first), self.seed, late_s))
        return {"tcp": f"127.0.0.1:{self.line.port}"}

    def start(self):
        directory = self.stack.enter_context(tempfile.TemporaryDirectory())
        for identity in (0, *UNITS):
            with open(os.path.join(directory, f"slave-{identity}.json"), "w", encoding="utf-8") as f:
                json.dump(profile(identity), f)
        connection = self.start_line()
        self.driver = self.stack.enter_context(JsonProgram(DRIVER, "--profiles", directory))
        self.driver.say(do="configure", device={
            "driver": "modbus", "connection": connection, "points": [f"{u}.{s}" for u in UNITS for s in "io"],
            "targets": [str(u) for u in UNITS],
            "units": [{"unit": u, "profile": f"slave-{u if self.kind[1] == 'rtu' else 0}",
                       "points": [f"{u}.i", f"{u}.o"], "targets": [str(u)]} for u in UNITS]})
        self.until_up()

    def take(self, text):
        line = json.loads(text)
        if line["ev"] == "result":
            self.results.setdefault(line["id"], []).append(line["outcome"])
        elif line["ev"] == "health":
            self.counters = line.get("counters", {})
            assert "kind of device" not in line.get("reason", ""), line
        elif line["ev"] == "input":
            assert not line["value"], line
        return line

    def until_up(self):
        self.driver.output.until(lambda text: self.take(text).get("state") == "up")

    def drain(self):
        while not self.driver.output.lines.empty():
            self.take(self.driver.output.next())

    def release(self, number):
        unit, side = self.random.choice(UNITS), self.random.randrange(2)
        deadline = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000 + self.random.randrange(5_000, 400_000)
        self.commands[number] = (unit, side, FIRST_PULSE_MS + number, deadline)
        self.driver.say(do="release", id=number, target=str(unit), direction=("entry", "exit")[side],
                        pulse_ms=FIRST_PULSE_MS + number, deadline=deadline)

    def finish(self):
        """The line is good again: all is answered, all units come back."""
        self.line.chance = 0
        while not all(self.ended(number) for number in self.commands):
            self.take(self.driver.output.next())
        number = len(self.commands) + 1
        self.driver.say(do="probe", id=number, deadline=time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000 + 10**7)
        self.driver.output.until(lambda text: self.take(text).get("id") == number)

    def ended(self, number):
        return any(outcome != "accepted" for outcome in self.results.get(number, ()))

    def carried_out(self):
        """pulse: when the release was carried out, for each time."""
        done, pulses = {}, {}
        for slave in self.slaves:
            for at, unit, function, address, value in slave.writes():
                if function == 6:
                    pulses[unit, address - 2] = value
                elif value == 0xff00:
                    done.setdefault(pulses.get((unit, address)), []).append(at)
        return done

    def check(self):
        done = self.carried_out()
        tally = {}
        for number, (_, _, pulse, deadline) in self.commands.items():
            outcomes = self.results[number]
            finals = [outcome for outcome in outcomes if outcome != "accepted"]
            times = done.pop(pulse, [])
            what = f"{self.kind}: release {number}: said {outcomes}, carried out {times}, deadline {deadline}"
            assert len(finals) == 1 and outcomes[-1] == finals[0], what
            assert len(times) <= 1, what
            assert finals[0] != "failed" or not times, what
            assert "accepted" not in outcomes or times, what
            assert all(at <= deadline + SLAVE_US for at in times), what
            tally[finals[0]] = tally.get(finals[0], 0) + 1
        assert not done, f"{self.kind}: releases of nobody: {done}"
        return tally

    def run(self):
        with self.stack:
            self.start()
            self.line.chance = CHANCE
            while self.line.pieces < 2 * self.transactions:
                self.drain()
                self.release(len(self.commands) + 1)
                time.sleep(self.random.uniform(0, 0.02))  # people come when they come
            self.finish()
            tally = self.check()
            print(f"{' '.join(self.kind)}: {self.line.pieces // 2} transactions, {self.line.faults} faults, releases {tally}, "
                  f"units {dict((k, v) for k, v in self.counters.items() if not k.startswith('unit'))}", flush=True)
            assert tally.get("completed", 0) > 0 and self.line.faults > 0


def main(transactions):
    kinds = [(slave, line) for line in ("rtu", "tcp") for slave in ("libmodbus", "pymodbus")]
    for seed, kind in enumerate(kinds):
        Run(kind, transactions // len(kinds), seed).run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
