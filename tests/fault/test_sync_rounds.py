# SPDX-License-Identifier: GPL-3.0-or-later
"""Gateways, a cloud and the real broker on a bad day, round after round of one running system.

    test_sync_rounds.py [ROUNDS [SEED [STOP_S]]]

In each round the policy changes and people tap while something goes wrong: connections are cut at any byte, publications
come twice or late, the broker is killed and comes back empty or stops for STOP_S seconds, and stile-link, stiled or the
cloud are killed or stopped. Then the faults end, and within 30 s each gateway has the cloud's policy by its root, and the
cloud has the gateway's log: each event once, in order, byte for byte. Commands go out in the midst of it and are waited
for at the end, when the ledgers are compared, too: none ran twice, and what was printed of it is what the log says.
Everything that goes down is signed.

Several gateways of one site go through it side by side; a round of each counts as one. A round that fails tells its seed:
the same faults come again at the same places, though not at the same microseconds.
"""
import collections
import json
import os
import random
import re
import signal
import sqlite3
import sys
import tempfile
import time

from contract import WatchedBroker
from gateway import ADA, BEN, SITE, STILE_CLOUD, STILED, Cloud, Gateway
from ledger import ledger_lines
from proxy import CALM, Network, Weather
from support import LIMIT_S, Program

GATEWAYS = 16
AGREE_S = 30          # cloud contract P5
LARGE_EVERY = 15      # changes; such a one fits no delta
PEOPLE = 600          # in it: with their cards more ops than a delta may have
PAUSE_S = 0.03        # longest time between two things that happen in a round
CHANGES, TAPS, COMMANDS = 2, 6, 4  # in a round; everybody taps
KEYS = [("root-1", "root"), ("pol-1", "policy"), ("ev-1", "events"), ("cmd-1", "command")]

DEVICES = [("device", {"id": name, "driver": "sim", "control": name + ".fifo", **settings}) for name, settings in (
    ("front", {"points": ["front.reader"], "targets": ["front"]}),
    ("gym", {"points": ["gym.reader", "gym.exit"], "targets": ["gym"], "pass_ms": 0}))]


def boot_us():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


class Member(Gateway):
    """A gateway behind a proxy of its own, and what was seen of it. Its devices' FIFOs lie where it runs."""

    def __init__(self, directory, proxy, keys):
        super().__init__(directory, gateway=proxy.name, broker={"host": "127.0.0.1", "port": proxy.port},
                         trust="signed", keys=keys)
        self.name = proxy.name
        self.proxy = proxy
        self.compared = 0  # events

    def start(self):
        began = boot_us()
        self.stiled = Program("/usr/bin/env", "-C", self.directory, STILED, "--config", self.config, errors=True)
        self.stiled.output.until(lambda line: "is ready" in line)
        self.events.follow(self.socket)
        return began

    def come_up(self):
        began = self.start()
        for device in ("front", "gym"):
            self.await_event(began, kind="device_up", device=device)

    def await_event(self, after_us, **members):
        """The first event with these members that happened after that time."""
        def fits(event):
            return event["at"] > after_us and members.items() <= event.items()

        for event in self.events.waiting:
            if fits(event):
                return event
        while not fits(event := self.events.next()):
            self.events.waiting.append(event)
        self.events.waiting.append(event)
        return event

    def tap_if_it_runs(self, point, value):
        try:
            self.tap(point, value)
        except OSError:
            pass  # nobody listens now

    def agree(self, policy, end):
        """Until the gateway's policy is this one."""
        while (mine := self.policy()) != policy:
            left_s = end - time.monotonic()
            assert left_s > 0, f"{self.name} has {mine}, the cloud {policy}"
            try:
                self.events.waiting.append(self.events.next(left_s))
            except AssertionError:
                raise AssertionError(f"{self.name} has {self.policy()}, the cloud {policy}") from None

    def policy(self):
        policy = self.ask("status")[0]["policy"]
        return policy["generation"], policy["version"], policy["root"]

    def last_event(self):
        """Somebody is let in; the end of that."""
        now = boot_us()
        self.tap("front.reader", ADA)
        granted = self.await_event(now, kind="granted", user="ada", door="front")
        return self.await_event(now, kind="completed", cause=granted["seq"])


class Site(Cloud):
    """The cloud, which reaches the broker through a proxy."""

    def __init__(self, directory, proxy):
        super().__init__(directory)
        self.proxy = proxy
        self.changes = 0
        self.keys = [json.loads(self.run("key", "new", *words)) for words in KEYS]
        self.commands = []  # programs that wait for what becomes of one

    def come_up(self):
        self.serving = Program(STILE_CLOUD, "--directory", self.directory, "serve", "--broker",
                               f"127.0.0.1:{self.proxy.port}")
        self.wait_for("serving hub")

    def query(self, sql, *values):
        with sqlite3.connect(os.path.join(self.directory, "cloud.db"), timeout=LIMIT_S) as database:
            return database.execute(sql, values).fetchall()

    def policy(self):
        return self.query("SELECT generation, version, root FROM site")[0]

    def change(self, chance):
        self.changes += 1
        if chance.randrange(LARGE_EVERY) == 0:
            self.take(item for n in range(PEOPLE) for item in (
                ("user", {"id": f"p{n}", "name": f"{self.changes}", "tags": ["member"]}),
                ("credential", {"id": f"p{n}.card", "user": f"p{n}", "type": "card", "value": f"{self.changes * PEOPLE + n:08X}"})))
            return
        for _ in range(chance.randrange(1, 4)):
            name = f"guest{chance.randrange(4)}"
            if self.query("SELECT 1 FROM items WHERE kind = 'user' AND id = ? AND item NOT NULL", name):
                self.run("del", "user", name)
            else:
                self.put("user", {"id": name, "name": f"{self.changes}"})

    def command(self, member):
        self.commands.append(Program(STILE_CLOUD, "--directory", self.directory, "command", "release", "gym", "--gateway",
                                     member.name))

    def told(self):
        """By name of the gateway: (outcome, number of the event or 0) of each command that was sent."""
        told = {}
        for command in self.commands:
            for line in iter(command.output.next, None):
                found = re.fullmatch(r"(\w+): release gym: (\w+)\b.*?(?:, event (\d+))?\n", line)
                assert found, line
                print(line, end="")
                told.setdefault(found[1], []).append((found[2], int(found[3] or 0)))
            command.kill()
        return told

    def stored(self, member, after, last):
        """Lines of the member's events in order of their numbers."""
        return self.query("SELECT line FROM events WHERE gateway = ? AND seq > ? AND seq <= ? ORDER BY epoch, seq",
                          member.name, after, last)

    def await_events(self, member, last):
        """Until all events up to that one are stored. The server tells of each commit behind it."""
        while not self.query("SELECT 1 FROM logs WHERE gateway = ? AND seq >= ?", member.name, last):
            try:
                assert self.serving.output.next() is not None, "the cloud ended"
            except AssertionError:
                logs = self.query("SELECT epoch, seq FROM logs WHERE gateway = ?", member.name)
                raise AssertionError(f"{member.name} has events up to {last}, the cloud {logs}") from None


class System:
    """All of it, and what can befall it. A fault is one function; what it breaks, heal() mends."""

    def __init__(self, directory, network, chance, stop_s):
        self.random = chance
        self.stop_s = stop_s
        self.broker = WatchedBroker(directory)
        self.cloud = Site(directory, network.proxy("cloud", self.broker.port, chance.random()))
        self.members = [Member(directory, network.proxy(f"gw{n}", self.broker.port, chance.random()), self.cloud.keys)
                        for n in range(GATEWAYS)]
        self.cloud.take([*SITE, *DEVICES])

    def __enter__(self):
        self.cloud.come_up()
        for member in self.members:
            member.start()
        for member in self.members:
            member.await_event(0, kind="device_up", device="front")
            member.await_event(0, kind="device_up", device="gym")
        return self

    def __exit__(self, *_):
        for member in self.members:
            if member.stiled:
                member.kill()
        for program in self.cloud.commands:
            program.kill()
        self.cloud.stop()
        self.broker.finish()

    # --- faults: of one connection ---

    def cut(self, proxy):
        proxy.weather = Weather(cut_bytes=self.random.choice([40, 400, 4000, 40000]), cuts=self.random.randrange(1, 4))

    def break_off(self, proxy):
        proxy.cut()

    def repeat(self, proxy):
        proxy.weather = Weather(duplicate=0.5)

    def delay(self, proxy):
        proxy.weather = Weather(hold=0.5, duplicate=0.2)

    # --- of one gateway ---

    def kill_link(self, member):
        os.kill(member.link(), signal.SIGKILL)

    def stop_link(self, member):
        os.kill(member.link(), signal.SIGSTOP)

    def kill_gateway(self, member):
        member.kill()

    # --- of everybody ---

    def kill_broker(self):
        self.broker.kill()
        time.sleep(self.random.uniform(0, PAUSE_S))  # it is away for a while
        self.broker.restart()

    def stop_broker(self):
        self.broker.send_signal(signal.SIGSTOP)
        time.sleep(self.stop_s)  # it is away for that long
        self.broker.send_signal(signal.SIGCONT)

    def kill_cloud(self):
        self.cloud.stop()

    def faults(self):
        """What goes wrong in a round: functions without arguments."""
        chosen = []
        for member in self.members:
            connection = self.random.choice([self.cut, self.cut, self.break_off, self.repeat, self.delay])
            process = self.random.choice([None] * 12 + [self.kill_link, self.kill_gateway, self.kill_gateway])
            chosen.append((connection, member.proxy))
            if process:
                chosen.append((process, member))
        everybody = self.random.choice([None] * 6 + [self.kill_broker, self.kill_broker, self.kill_cloud, self.stop_broker])
        if everybody:
            chosen.append((everybody,))
        if self.random.randrange(3) == 0:
            chosen.append((self.random.choice([self.cut, self.repeat, self.delay]), self.cloud.proxy))
        if self.random.randrange(10) == 0:
            chosen.append((self.stop_link, self.random.choice(self.members)))
        return chosen

    def heal(self):
        for proxy in [self.cloud.proxy, *(member.proxy for member in self.members)]:
            proxy.weather = CALM
        if self.cloud.serving.process.poll() is not None:
            self.cloud.come_up()
        for member in self.members:
            if member.stiled.process.poll() is not None:
                member.come_up()

    # --- a round ---

    def change(self):
        self.cloud.change(self.random)

    def tap(self):
        for member in self.members:
            member.tap_if_it_runs(*self.random.choice([("front.reader", ADA), ("gym.reader", BEN), ("front.reader", "04FF")]))

    def run_round(self):
        commands = [(self.cloud.command, member) for member in self.random.sample(self.members, COMMANDS)]
        events = [(self.change,)] * CHANGES + [(self.tap,)] * TAPS + commands + self.faults()
        self.random.shuffle(events)
        for function, *of in events:
            print(function.__name__, *(whose.name for whose in of), end="; ", flush=True)
            self.safely(function, *of)
            time.sleep(self.random.uniform(0, PAUSE_S))  # things happen when they happen
        self.heal()
        self.check()

    @staticmethod
    def safely(function, *of):
        """A process that a fault is for may have gone by another."""
        try:
            function(*of)
        except (ProcessLookupError, FileNotFoundError, StopIteration):
            pass

    def check(self):
        policy = self.cloud.policy()
        healed = time.monotonic()
        for member in self.members:
            member.agree(policy, healed + AGREE_S)
        print(f"agreed after {time.monotonic() - healed:.1f} s", flush=True)
        last = [member.last_event()["seq"] for member in self.members]
        for member, seq in zip(self.members, last):
            self.cloud.await_events(member, seq)
            self.compare(member, seq)

    def compare(self, member, last):
        """The cloud's lines and the gateway's, of what came since the last round."""
        told = {event["seq"]: line.rstrip("\n") for event, line in
                ((json.loads(line), line) for line in member.events.lines.values()) if event["seq"] > member.compared}
        mine = [told.get(seq) for seq in range(member.compared + 1, last + 1)]
        theirs = [line for line, in self.cloud.stored(member, member.compared, last)]
        assert mine == theirs, f"{member.name}: the gateway tells\n{mine}\nand the cloud has\n{theirs}"
        member.compared = last
        member.events.waiting.clear()

    def last_check(self):
        """Behind everything: the ledgers themselves."""
        told = self.cloud.told()
        for member in self.members:
            member.stop()
            lines = ledger_lines(member)
            theirs = [line for line, in self.cloud.stored(member, 0, len(lines))]
            assert len(theirs) >= member.compared and theirs == lines[:len(theirs)], f"{member.name}: the ledger differs"
            events = [json.loads(line) for line in lines]
            applied = [(event["generation"], event["version"]) for event in events if event["kind"] == "policy_applied"]
            assert applied == sorted(set(applied)), f"{member.name}: policies {applied}"
            assert not [event for event in events if event["kind"] in ("policy_rejected", "epoch", "lost")], member.name
            self.check_commands(member, events, told.get(member.name, []))
        assert "alarm" not in self.cloud.run("status"), self.cloud.run("status")
        outcomes = collections.Counter(outcome for each in told.values() for outcome, _ in each)
        print("commands:", ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())))
        return sum(member.compared for member in self.members)

    @staticmethod
    def check_commands(member, events, told):
        """told: as Site.told()"""
        ends = collections.Counter(event["jti"] for event in events if event["kind"] == "command")
        released = collections.Counter(event["jti"] for event in events if event["kind"] == "released" and "jti" in event)
        assert max(ends.values(), default=1) == 1, f"{member.name}: a command ended twice: {ends}"
        assert max(released.values(), default=1) == 1, f"{member.name}: a command ran twice: {released}"
        assert released.keys() <= ends.keys(), f"{member.name}: of a command nothing was told: {released.keys() - ends.keys()}"
        for outcome, seq in told:
            event = events[seq - 1]
            assert seq == 0 or (event["kind"], event["outcome"]) == ("command", outcome), f"{member.name}: {outcome}: {event}"
            assert seq == 0 or outcome != "completed" or event["jti"] in released, f"{member.name}: nothing ran for {event}"


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(2**32)
    stop_s = float(sys.argv[3]) if len(sys.argv) > 3 else 1
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory, Network() as network, \
            System(directory, network, random.Random(seed), stop_s) as system:
        for number in range(0, rounds, GATEWAYS):
            print(f"round {number}: ", end="")
            try:
                system.run_round()
            except BaseException:
                print(f"\nround {number} of seed {seed} failed", file=sys.stderr, flush=True)
                raise
        events = system.last_check()
    print(f"{rounds} rounds: {events} events, {system.cloud.changes} changes of the policy, all where they belong")


if __name__ == "__main__":
    main()
