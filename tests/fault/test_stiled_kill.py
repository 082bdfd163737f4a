# SPDX-License-Identifier: GPL-3.0-or-later
"""stiled is killed with SIGKILL at random moments while people tap, events go to the cloud and policies come from it, and
started again on the same state directory.

    test_stiled_kill.py [ROUNDS [SEED]]

Whatever stilectl or the cloud was ever told stays as it was told: in the ledger, once, with its number, in one unbroken
chain. The policy is there from the start, and nobody waits for it. Several gateways of one site live in parallel, each
with its own ledger; each round is a life of one of them. All lies in memory: what a killed process has written the kernel
keeps, and with a disk under it a life would be mostly waiting.
"""
import json
import queue
import random
import sys
import tempfile
import threading
import time

from gateway import ADA, BEN, SITE, STILECTL, STILED, Cloud, Gateway
from ledger import ledger_lines
from support import Mosquitto, Program

GATEWAYS = 3

# Most lives end while stiled starts and its first taps come, one in ten when it is with the cloud.
LIFE_S = 0.15
LONG_LIFE_S = 1.5
POLICY_EVERY_S = 0.2


def taps(point, value):
    """Steps of a stile-sim: the same card again and again, for longer than a life."""
    return [{"after_ms": 6, "say": f"present {point} card {value}"}] * 60


POLICY = [
    *SITE,
    ("door", {"id": "front", "kind": "door", "target": "front", "pulse_ms": 500, "strict_log": True}),
    ("device", {"id": "front", "driver": "sim", "points": ["front.reader"], "targets": ["front"],
                "steps": taps("front.reader", ADA)}),
    ("device", {"id": "gym", "driver": "sim", "points": ["gym.reader"], "targets": ["gym"], "pass_ms": 0,
                "steps": taps("gym.reader", BEN)}),
]


def boot_us():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


class Victim:
    """One gateway, and everything that was ever told of it."""

    def __init__(self, directory, name, port, seed):
        self.name = name
        self.random = random.Random(seed)
        self.gateway = Gateway(directory, gateway=name, broker={"host": "127.0.0.1", "port": port})
        self.told = {}  # line by (epoch, seq)
        self.first_decisions_us = []

    def hear(self, line):
        event = json.loads(line)
        known = self.told.setdefault((event["epoch"], event["seq"]), line)
        assert known == line, f"{self.name}: told twice, differently:\n{known}\n{line}"
        return event

    def live(self):
        """From exec to SIGKILL."""
        began = boot_us()
        longest_s = LONG_LIFE_S if self.random.randrange(10) == 0 else LIFE_S
        end = time.monotonic() + self.random.uniform(0, longest_s)
        with Program(STILED, "--config", self.gateway.config, errors=True) as stiled:
            ready = wait_for(stiled.output.lines, "is ready", end)
            follow = self.follow() if ready else None
            time.sleep(max(0, end - time.monotonic()))  # that is its life
        if follow:
            self.drain(follow, began)

    def follow(self):
        return Program(STILECTL, "--socket", self.gateway.socket, "--json", "events", "--follow", "--limit", "20")

    def drain(self, follow, began):
        with follow:
            decided = [event["at"] for event in map(self.hear, lines_of(follow))
                       if event["kind"] == "granted" and event["at"] > began]
        if decided:
            self.first_decisions_us.append(decided[0] - began)

    def fetch_policy(self):
        """The first life, until everybody is let in."""
        self.gateway.start()
        self.gateway.events.take(kind="granted")
        self.gateway.kill()

    def last_life(self, cloud):
        """It comes back with its policy, lets somebody in and reports everything. Returns its ledger's lines."""
        after = boot_us()
        self.gateway.start()
        while (done := self.gateway.events.take(kind="completed", door="gym"))["at"] < after:
            pass
        cloud.serving.output.until(lambda line: line.startswith(f"{self.name} events") and " are stored" in line
                                   and int(line.split()[4]) >= done["seq"])
        self.gateway.stop()
        for line in self.gateway.events.lines.values():
            self.hear(line.rstrip("\n"))
        return ledger_lines(self.gateway)


def wait_for(lines, words, end):
    """Whether a line has the words before the end."""
    try:
        while words not in lines.get(timeout=max(0, end - time.monotonic())):
            pass
        return True
    except queue.Empty:
        return False


def lines_of(program):
    """To its end. Only whole lines: the last may have been cut."""
    while line := program.output.next():
        if line.endswith("\n"):
            yield line.rstrip("\n")


def run(victims, cloud, rounds):
    """Each gateway lives its share of the rounds; meanwhile the policy changes."""
    failures = []

    def lives(victim):
        try:
            for _ in range(rounds // GATEWAYS + 1):
                victim.live()
        except BaseException as failure:
            failures.append(failure)
            raise

    threads = [threading.Thread(target=lives, args=(victim,), daemon=True) for victim in victims]
    for thread in threads:
        thread.start()
    number = 0
    while not failures and any(thread.is_alive() for thread in threads):
        number += 1
        cloud.put("tag", {"id": "other", "name": f"Others {number}"})
        threads[0].join(POLICY_EVERY_S)
    if failures:
        raise failures[0]


def check(victim, lines, arrived):
    """arrived: the lines that the cloud has of it."""
    events = [json.loads(line) for line in lines]
    assert len({event["epoch"] for event in events}) == 1, f"{victim.name}: a new epoch began"
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1)), f"{victim.name}: not 1, 2, 3, ..."
    stored = {(event["epoch"], event["seq"]): line for event, line in zip(events, lines)}
    for key, line in victim.told.items():
        assert stored.get(key) == line, f"{victim.name}: was told and is not in the ledger:\n{line}\n{stored.get(key)}"
    assert arrived == lines[:len(arrived)], f"{victim.name}: the cloud has something else"
    versions = [(event["generation"], event["version"]) for event in events if event["kind"] == "policy_applied"]
    assert versions == sorted(set(versions)), f"{victim.name}: policies {versions}"
    assert not [event for event in events if event["kind"] == "policy_rejected"], f"{victim.name}: a policy was refused"
    return len(versions)


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(2**32)
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory, Mosquitto(directory) as broker, Cloud(directory) as cloud:
        cloud.take(POLICY)
        cloud.serve(broker.port)
        victims = [Victim(directory, f"gw{number}", broker.port, seed + number) for number in range(GATEWAYS)]
        for victim in victims:
            victim.fetch_policy()
        run(victims, cloud, rounds)
        for victim in victims:
            lines = victim.last_life(cloud)
            arrived = [line.split(" ", 1)[1] for line in cloud.run("events").splitlines()
                       if line.startswith(victim.name + " ")]
            policies = check(victim, lines, arrived)
            first = sorted(victim.first_decisions_us)
            print(f"{victim.name}: {len(lines)} events, {len(victim.told)} told by stilectl, {len(arrived)} with the cloud, "
                  f"{policies} policies; from exec to the first decision {first[len(first) // 2] / 1000:.0f} ms, "
                  f"at most {first[-1] / 1000:.0f} ms", flush=True)


main()
