# SPDX-License-Identifier: GPL-3.0-or-later
"""stiled is killed with SIGKILL while commands are under way, and gets the same commands again afterwards.

    test_commands_kill.py [ROUNDS [SEED]]

Each round sends signed releases to several doors at once, kills stiled at some moment of that, starts it again, and sends
the same bytes again, and some of earlier rounds. A driver of its own writes down what it is told before it does it: so it
is seen what happened at the doors whatever stiled remembers of it. No command reaches a door twice; each has one result,
the same however often it is asked for, and one event that agrees with it (cloud contract C2, C3).
"""
import collections
import json
import os
import pathlib
import random
import sys
import tempfile
import time

from commands_signed import Sender
from gateway import Cloud, Gateway
from ledger import ledger_lines
from support import Mosquitto, next_message

ROOT = "stile/1/hub/gw1/"
DOORS = [f"door{i}" for i in range(4)]
LIFE_S = 0.08  # from the commands to the kill, at most

# A driver that is slow enough to be killed in the middle.
DRIVER = """#!/usr/bin/python3
import json, os, sys, time
log = None
def say(**members):
    print(json.dumps(members), flush=True)
for line in sys.stdin:
    command = json.loads(line)
    match command["do"]:
        case "configure":
            device = command["device"]
            log = os.open(device["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            say(ev="hello", driver="ledgerless", version="1", protocol=1, targets=device["targets"])
            say(ev="health", state="up")
        case "release":
            os.write(log, (command["target"] + "\\n").encode())
            say(ev="result", id=command["id"], outcome="accepted", ms=0)
            time.sleep(0.002)
            say(ev="result", id=command["id"], outcome="completed", ms=2)
        case "hold":
            say(ev="result", id=command["id"], outcome="completed", ms=0)
        case "ping":
            say(ev="pong", id=command.get("id", 0))
        case "shutdown":
            break
"""


class Campaign:
    def __init__(self, directory, broker, cloud, gateway):
        self.broker, self.cloud, self.gateway = broker, cloud, gateway
        self.sender = Sender(cloud.directory)
        self.told = pathlib.Path(directory, "told")
        self.sent = []       # (jti, door, bytes)
        self.outcomes = {}   # by jti
        self.doors = {}      # how often a door was told, by jti
        self.conn = 0        # the last life's
        self.states = broker.subscribe(ROOT + "up/state")
        self.results = broker.subscribe(ROOT + "up/result")

    def close(self):
        self.states.kill()
        self.results.kill()

    def come_up(self):
        """Returns a challenge of this life."""
        self.gateway.start()
        self.gateway.events.take(kind="device_up")
        while True:
            state = json.loads(next_message(self.states, ROOT + "up/state")["payload"])
            if state["online"] and state["conn"] > self.conn:
                self.conn = state["conn"]
                return state["challenge"]

    def counts(self):
        return collections.Counter(self.told.read_text(encoding="utf-8").split()) if self.told.exists() else {}

    def hear(self, wanted):
        """Results until each of these has one."""
        while wanted:
            result = json.loads(next_message(self.results, ROOT + "up/result")["payload"])
            if result["of"] != "command":
                continue
            known = self.outcomes.setdefault(result["jti"], (result["outcome"], result.get("code")))
            assert known == (result["outcome"], result.get("code")), ("two outcomes", known, result)
            wanted.discard(result["jti"])

    def round(self, chance):
        challenge = self.come_up()
        before = self.counts()
        commands = [(*self.sender.release(door, challenge), door) for door in DOORS]
        for _, payload, _ in commands:
            self.broker.publish(ROOT + "down/command", payload)
        time.sleep(chance.uniform(0, LIFE_S))  # that is its life
        self.gateway.kill()
        self.come_up()
        again = commands + chance.sample(self.sent, min(2, len(self.sent)))
        for _, payload, _ in again:
            self.broker.publish(ROOT + "down/command", payload)
        self.hear({jti for jti, _, _ in again})
        after = self.counts()
        for jti, _, door in commands:
            self.doors[jti] = after.get(door, 0) - before.get(door, 0)
        self.sent += commands
        self.gateway.stop()

    def judge(self):
        """The log's word, and the doors'."""
        events = collections.defaultdict(list)
        for event in map(json.loads, ledger_lines(self.gateway)):
            if event["kind"] == "command":
                events[event["jti"]].append((event["outcome"], event.get("code")))
        for jti, outcome in self.outcomes.items():
            assert events[jti] == [outcome], (jti, outcome, events[jti])
            possible = {"completed": (1,), "unknown": (0, 1), "failed": (0,), "refused": (0,)}[outcome[0]]
            assert self.doors[jti] in possible, (jti, outcome, self.doors[jti])
        assert len(events) == len(self.sent)
        return collections.Counter(" ".join(filter(None, outcome)) for outcome in self.outcomes.values())


def site(gateway, directory):
    return [("device", {"id": "doors", "driver": "ledgerless", "targets": DOORS,
                        "log": os.path.join(directory, "told")}),
            *(("door", {"id": door, "kind": "door", "target": door, "pulse_ms": 500}) for door in DOORS)]


def main(rounds, seed):
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory, Mosquitto(directory) as broker, \
            Cloud(directory) as cloud, Gateway(directory, broker={"host": "127.0.0.1", "port": broker.port}) as gateway:
        keys = [json.loads(cloud.run("key", "new", *words))
                for words in (("root-1", "root"), ("pol-1", "policy"), ("ev-1", "events"), ("cmd-1", "command"))]
        driver = pathlib.Path(gateway.directory, "drivers", "stile-ledgerless")
        driver.write_text(DRIVER, encoding="utf-8")
        driver.chmod(0o755)
        gateway.configure(broker={"host": "127.0.0.1", "port": broker.port}, keys=keys)
        cloud.take(site(gateway, directory))
        cloud.serve(broker.port)
        gateway.start()
        gateway.events.take(kind="policy_applied")
        gateway.stop()
        campaign = Campaign(directory, broker, cloud, gateway)
        for _ in range(rounds):
            campaign.round(chance)
        campaign.close()
        counts = campaign.judge()
    print(f"seed {seed}: {rounds} kills, {sum(counts.values())} commands, none reached a door twice: {dict(counts)}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100, int(sys.argv[2]) if len(sys.argv) > 2 else time.time_ns())
