# SPDX-License-Identifier: GPL-3.0-or-later
"""Drivers that hang in every way a program can: noticed within 5 s, back within 10 s, and nobody else is touched. Times
are those of the gateway's own events, by the boot clock."""
import os
import signal
import subprocess
import unittest

from gateway import STILECTL, SystemTest
from simulators import Collector, NfcReader
from test_doors import boot_us

NOTICED_US = 5_000_000
BACK_US = 10_000_000

# Hangs at its first release, as its device item says; the next one finds the mark that it left, and works.
DRIVER = """#!/usr/bin/python3 -S
import json, os, signal, sys
def say(**members):
    os.write(1, (json.dumps(members) + "\\n").encode())
for line in sys.stdin:
    command = json.loads(line)
    if command["do"] == "configure":
        item = command["device"]
        say(ev="hello", driver="hangs", version="1", protocol=1, points=[], targets=item["targets"])
        say(ev="health", state="up")
    elif command["do"] == "ping":
        say(ev="pong", id=command.get("id", 0))
    elif command["do"] == "hold":
        say(ev="result", id=command["id"], outcome="completed")
    elif command["do"] == "release" and not os.path.exists(item["mark"]):
        open(item["mark"], "w").close()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if item["way"] == "call":
            os.mkfifo(item["mark"] + ".fifo")
            os.open(item["mark"] + ".fifo", os.O_RDONLY)  # until somebody writes, which nobody does
        elif item["way"] == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        while True:
            pass
    elif command["do"] == "release":
        say(ev="result", id=command["id"], outcome="completed")
    elif command["do"] == "shutdown":
        break
"""

WAYS = ("loop", "call", "stop")


class Supervision(SystemTest):
    def in_time(self, device, began_us):
        down = self.events.take(kind="device_down", device=device)
        self.assertEqual(down["reason"], "does not answer")
        self.assertLess(down["at"] - began_us, NOTICED_US)
        self.assertLess(self.up(device)["at"] - began_us, BACK_US)
        self.assertEqual(self.gateway.device(device)["restarts"], 1)

    def untouched(self, drivers):
        for device, driver in drivers.items():
            self.assertEqual(self.gateway.driver(device), driver)
            self.assertEqual(self.gateway.device(device)["restarts"], 0)

    def test_loop_blocked_call_and_stop__at_once(self):
        program = os.path.join(self.gateway.directory, "drivers", "stile-hangs")
        with open(program, "w", encoding="utf-8") as f:
            f.write(DRIVER)
        os.chmod(program, 0o755)
        site = []
        for way in WAYS:
            site += [("device", {"id": way, "driver": "hangs", "way": way, "targets": [way],
                                 "mark": os.path.join(self.directory, way)}),
                     ("door", {"id": way, "kind": "door", "target": way})]
        self.start(*site)
        for way in WAYS:
            self.up(way)
        drivers = {device: self.gateway.driver(device) for device in ("front", "gym")}
        began_us = boot_us()
        orders = [subprocess.Popen([STILECTL, "--socket", self.gateway.socket, "door", way, "release", "--reason", "x"])
                  for way in WAYS]
        for way in WAYS:
            self.events.take(kind="released", door=way)
        first = self.works("front")
        for way in WAYS:
            self.in_time(way, began_us)
            unknown = self.events.take(kind="unknown", door=way, reason="driver_ended")
            self.assertLess(first["seq"], unknown["seq"])
        self.assertEqual([order.wait() for order in orders], [1] * len(WAYS))
        self.untouched(drivers)
        for way in WAYS:
            self.gateway.ctl("door", way, "release", "--reason", "again")

    def test_device_that_is_not_well__is_degraded_with_the_reason_and_goes_on(self):
        self.start()
        self.gateway.happen("gym", "health degraded antenna")
        self.assertEqual(self.events.take(kind="device_degraded", device="gym")["reason"], "antenna")
        self.works("gym")
        device = self.gateway.device("gym")
        self.assertEqual((device["state"], device["reason"], device["restarts"]), ("degraded", "antenna", 0))
        self.assertRegex(self.gateway.ctl("devices"), r"(?m)^gym +sim +degraded .* antenna$")
        self.gateway.happen("gym", "health up")
        self.events.take(kind="device_up", device="gym")
        self.works("gym")
        device = self.gateway.device("gym")
        self.assertEqual((device["state"], device.get("reason"), device["last_error"]), ("up", None, "antenna"))


class Hardware(SystemTest):
    """The drivers of real devices, at simulated ones."""

    def setUp(self):
        super().setUp()
        self.reader = self.enterContext(NfcReader(self.directory))
        self.collector = self.enterContext(Collector(self.directory, "--auto", "pass:10"))
        self.gateway.devices = lambda: [
            ("device", {"id": "front", "driver": "nfc", "connection": f"pn532_uart:{self.reader.port}",
                        "points": ["front.reader"]}),
            ("device", {"id": "gym", "driver": "modbus", "profile": "sim-collector", "targets": ["gym"],
                        "points": ["gym.reader", "gym.exit"],
                        "connection": {"tcp": f"127.0.0.1:{self.collector.address}"}}),
        ]
        self.start()

    def process(self, driver):
        return next(pid for pid in self.gateway.children() if os.readlink(f"/proc/{pid}/exe").endswith(driver))

    def test_drivers_stopped__come_back_one_by_one(self):
        for device, driver, other in (("front", "stile-nfc", "stile-modbus"), ("gym", "stile-modbus", "stile-nfc")):
            untouched = self.process(other)
            began_us = boot_us()
            os.kill(self.process(driver), signal.SIGSTOP)
            down = self.events.take(kind="device_down", device=device)
            self.assertEqual(down["reason"], "does not answer")
            self.assertLess(down["at"] - began_us, NOTICED_US)
            self.assertLess(self.up(device)["at"] - began_us, BACK_US)
            self.assertEqual(self.process(other), untouched)

    def test_controller_that_answers_wrongly__is_not_believed_and_comes_back(self):
        driver = self.process("stile-modbus")
        self.collector.ctl("garbage 5")
        degraded = self.events.take(kind="device_degraded", device="gym")
        self.assertRegex(degraded["reason"], "^answers ")
        self.up("gym")
        self.assertEqual(self.process("stile-modbus"), driver)
        self.assertEqual(self.gateway.device("gym")["last_error"], degraded["reason"])


if __name__ == "__main__":
    unittest.main()
