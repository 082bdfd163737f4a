# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole system for tests: Debian's mosquitto, stile-cloud with a small site, and stiled with its drivers.

The site has two doors. `front` is a door, and whoever is granted counts as gone through; `gym` is a turnstile whose
people walk through at once. Each is a stile-sim of its own, to which things happen through a FIFO. ada and ben are let
in, cleo's membership is over, for dan the hours are never right.
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import unittest

from contract import WatchedBroker
from support import BUILD, LIMIT_S, SOURCE, Program

STILED = os.path.join(BUILD, "gateway", "stiled")
STILECTL = os.path.join(BUILD, "tools", "stilectl", "stilectl")
STILE_CLOUD = os.path.join(BUILD, "tools", "stile-cloud", "stile-cloud")
CHILDREN = ("gateway/link/stile-link", "hal/sim/stile-sim", "hal/nfc/stile-nfc", "hal/modbus/stile-modbus", "hal/ble/stile-ble")

ADA, BEN, CLEO, DAN = "04A1B2C3D4E5F6", "0412AB34", "04C1D2E3F4A5B6", "04D1E2F3A4B5C6"


def card(user, value, **more):
    return "credential", {"id": f"{user}.card", "user": user, "type": "card", "value": value, **more}


SITE = [
    ("site", {"id": "hub", "name": "Hub Coworking", "timezone": "Europe/Madrid"}),
    ("area", {"id": "gym", "name": "Gym"}),
    ("door", {"id": "front", "name": "Front door", "kind": "door", "target": "front", "pulse_ms": 500,
              "passage": "assumed"}),
    ("door", {"id": "gym", "name": "Gym turnstile", "kind": "turnstile", "target": "gym", "pulse_ms": 500,
              "passage_timeout_ms": 60000}),
    ("access_point", {"id": "front.in", "door": "front", "direction": "entry", "readers": ["front.reader"]}),
    ("access_point", {"id": "gym.in", "door": "gym", "direction": "entry", "to": "gym", "readers": ["gym.reader"]}),
    ("access_point", {"id": "gym.out", "door": "gym", "direction": "exit", "from": "gym", "readers": ["gym.exit"]}),
    ("tag", {"id": "member"}),
    ("tag", {"id": "weekend"}),
    ("user", {"id": "ada", "name": "Ada Lovelace", "tags": ["member"]}),
    ("user", {"id": "ben", "name": "Ben Ruiz", "tags": ["member"]}),
    ("user", {"id": "cleo", "name": "Cleo Maret", "tags": ["member"], "valid_until": "2020-12-31"}),
    ("user", {"id": "dan", "name": "Dan Okafor", "tags": ["weekend"]}),
    card("ada", ADA),
    card("ben", BEN),
    card("cleo", CLEO),
    card("dan", DAN),
    ("rule", {"id": "members", "name": "Members", "tags": ["member"], "doors": ["front", "gym"]}),
    ("rule", {"id": "weekenders", "tags": ["weekend"], "doors": ["front", "gym"], "schedule": "never"}),
]


class Cloud:
    """A site's directory, and the server while it runs."""

    def __init__(self, directory):
        self.directory = os.path.join(directory, "cloud")
        self.serving = None
        self.run("init", "hub")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def run(self, *words):
        done = subprocess.run([STILE_CLOUD, "--directory", self.directory, *words], capture_output=True, text=True,
                              timeout=LIMIT_S)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def generation(self):
        return int(re.search(r"policy (\d+)\.", self.run("status"))[1])

    def put(self, kind, item):
        self.run("put", kind, json.dumps(item))

    def take(self, items, *options):
        """All of them as one version. The last with an id is the one that counts."""
        items = {(kind, item["id"]): {"kind": kind, "item": item} for kind, item in items}
        path = self.directory + ".jsonl"
        with open(path, "w", encoding="utf-8") as f:
            f.writelines(json.dumps(item) + "\n" for item in items.values())
        self.run(*options, "import", path)

    def serve(self, port, *options):
        self.serving = Program(STILE_CLOUD, "--directory", self.directory, *options, "serve", "--broker",
                               f"127.0.0.1:{port}", echo=True)

    def stop(self):
        if self.serving:
            self.serving.kill()

    def events(self):
        """The stored lines, in order of arrival."""
        return [line.split(" ", 1)[1] for line in self.run("events").splitlines()]

    def wait_for(self, words):
        """Until the server says them."""
        return self.serving.output.until(lambda line: words in line)

    def wait_for_event(self, event):
        """Until it is stored. The server tells of each commit behind it."""
        while event not in map(json.loads, self.events()):
            self.wait_for(" are stored")


class Events:
    """What happened, as `stilectl events --follow` tells it, over restarts of stiled: what was told once is never told
    with another content. An event that a wait has taken is not found by the next."""

    def __init__(self):
        self.lines = {}  # by (epoch, seq)
        self.waiting = []
        self.program = None

    def follow(self, socket):
        self.leave()
        self.program = Program(STILECTL, "--socket", socket, "--json", "events", "--follow", "--limit", "10000")

    def leave(self):
        if self.program:
            self.program.kill()

    def next(self, limit_s=LIMIT_S):
        """The next one that was not told before."""
        while True:
            line = self.program.output.next(limit_s)
            assert line is not None, "stilectl ended"
            event = json.loads(line)
            key = event["epoch"], event["seq"]
            if key not in self.lines:
                self.lines[key] = line
                return event
            assert self.lines[key] == line, ("told twice, differently", self.lines[key], line)

    def take(self, **members):
        """The first event with these members that was not taken yet; waits for it."""
        for event in self.waiting:
            if members.items() <= event.items():
                self.waiting.remove(event)
                return event
        while True:
            event = self.next()
            if members.items() <= event.items():
                return event
            self.waiting.append(event)

    def until(self, seq):
        """Every event up to seq, in order of telling."""
        while not any(known >= seq for _, known in self.lines):
            self.waiting.append(self.next())
        return [json.loads(line) for line in self.lines.values()]


class Gateway:
    """stiled with its own directory: configuration, state, drivers and control socket."""

    def __init__(self, directory, **config):
        self.directory = os.path.join(directory, config.get("gateway", "gw1"))
        self.config = os.path.join(self.directory, "gateway.json")
        self.state = os.path.join(self.directory, "state")
        self.socket = os.path.join(self.directory, "control.sock")
        self.stiled = None
        self.events = Events()
        os.makedirs(self.state, exist_ok=True)
        drivers = os.path.join(self.directory, "drivers")
        os.makedirs(drivers, exist_ok=True)
        for path in CHILDREN:
            if os.path.exists(os.path.join(BUILD, path)):
                os.symlink(os.path.join(BUILD, path), os.path.join(drivers, os.path.basename(path)))
        self.configure(**config)

    def configure(self, **members):
        with open(self.config, "w", encoding="utf-8") as f:
            json.dump({"site": "hub", "gateway": "gw1", "clock": "vouched", "state_directory": "state",
                       "control_socket": "control.sock", "driver_directory": "drivers",
                       "profile_directory": os.path.join(SOURCE, "config", "profiles"), **members}, f, indent=2)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Whatever a test did: stiled stops cleanly, and in a sanitizer's build without a finding."""
        try:
            if self.stiled and self.stiled.process.poll() is None:
                self.stop()
        finally:
            if self.stiled:
                self.stiled.kill()
            self.events.leave()

    def sim(self, name, **settings):
        """A device item; things happen to it by happen(name, words)."""
        return "device", {"id": name, "driver": "sim", "control": self.fifo(name), **settings}

    def devices(self):
        """Those of SITE."""
        return [self.sim("front", points=["front.reader"], targets=["front"]),
                self.sim("gym", points=["gym.reader", "gym.exit"], targets=["gym"], pass_ms=0)]

    # --- the process ---

    def start(self, **environment):
        """Returns its log up to the moment when it is ready."""
        log = []
        self.stiled = Program(STILED, "--config", self.config, errors=True, echo=True,
                              env={**os.environ, **environment})
        self.stiled.output.until(lambda line: log.append(line) or "is ready" in line)
        self.events.follow(self.socket)
        return "".join(log)

    def log(self, words):
        """The next line of the log that has them."""
        return self.stiled.output.until(lambda line: words in line)

    def stop(self):
        """Returns once it and its children are gone: they hold its standard error."""
        self.stiled.send_signal(signal.SIGTERM)
        assert self.stiled.wait() == 0, self.stiled.process.returncode
        self.stiled.output.join(LIMIT_S)
        assert not self.stiled.output.is_alive(), "a child outlives stiled"
        self.events.leave()

    def kill(self):
        self.stiled.kill()
        self.events.leave()

    def restart(self):
        self.stop()
        self.start()

    # --- its devices ---

    def fifo(self, device):
        return os.path.join(self.directory, device + ".fifo")

    def happen(self, device, words):
        """Fails if no driver listens."""
        fd = os.open(self.fifo(device), os.O_WRONLY | os.O_NONBLOCK)
        os.write(fd, words.encode() + b"\n")
        os.close(fd)

    def tap(self, point, value, credential_type="card"):
        self.happen(point.split(".")[0], f"present {point} {credential_type} {value}")

    def children(self):
        for children in pathlib.Path(f"/proc/{self.stiled.process.pid}/task").glob("*/children"):
            yield from map(int, children.read_text().split())

    def driver(self, device):
        """The process of a stile-sim: it has the FIFO open."""
        return next(pid for pid in self.children()
                    if any(os.path.realpath(fd) == self.fifo(device) for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir()))

    def link(self):
        return next(pid for pid in self.children() if os.readlink(f"/proc/{pid}/exe").endswith("stile-link"))

    # --- asking it ---

    def ctl(self, *words, status=0):
        """What stilectl prints; the exit status has to be this one."""
        done = subprocess.run([STILECTL, "--socket", self.socket, *words], capture_output=True, text=True,
                              timeout=LIMIT_S, env={**os.environ, "TZ": "UTC"})
        assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
        return done.stdout or done.stderr

    def ask(self, *words, status=0):
        """The same as a list of objects."""
        return [json.loads(line) for line in self.ctl("--json", *words, status=status).splitlines()]

    def device(self, name):
        return next(device for device in self.ask("devices") if device["id"] == name)


class SystemTest(unittest.TestCase):
    """The parts, none of them started but the broker."""

    def setUp(self):
        self.directory = self.enterContext(tempfile.TemporaryDirectory())
        self.broker = self.enterContext(WatchedBroker(self.directory))
        self.cloud = self.enterContext(Cloud(self.directory))
        self.gateway = self.enterContext(Gateway(self.directory, broker=self.address()))
        self.events = self.gateway.events

    def address(self):
        return {"host": "127.0.0.1", "port": self.broker.port}

    def site(self, *more):
        """SITE, its devices and more, as one version."""
        self.cloud.take([*SITE, *self.gateway.devices(), *more])

    def start(self, *more):
        """Everything, until both devices are up."""
        self.site(*more)
        self.cloud.serve(self.broker.port)
        self.gateway.start()
        self.events.take(kind="policy_applied")
        self.up("front")
        self.up("gym")

    def up(self, device):
        return self.events.take(kind="device_up", device=device)

    def tap(self, point, value, credential_type="card", **expected):
        """Somebody presents a credential; returns the first event then that has these members: the verdict's."""
        self.gateway.tap(point, value, credential_type)
        return self.events.take(**expected)

    def works(self, device="front"):
        """ada is let in, to the end."""
        granted = self.tap(f"{device}.reader", ADA, kind="granted", user="ada", door=device)
        self.events.take(kind="completed", cause=granted["seq"])
        return granted
