# SPDX-License-Identifier: GPL-3.0-or-later
"""`stilectl device test` at a terminal and in a pipe: an installer is walked through what a device can do, by stile-sim and
by stile-modbus before a relay board."""
import os
import subprocess
import unittest

from gateway import ADA, STILECTL, SystemTest
from modbus_device import Device, Waveshare
from support import LIMIT_S
from terminal import Terminal

GATE = ("access_point", {"id": "front.out", "door": "front", "direction": "exit", "readers": ["front.exit"]})


class DeviceTest(SystemTest):
    def walk(self, device):
        return self.enterContext(Terminal(STILECTL, "--socket", self.gateway.socket, "device", "test", device, rows=60))

    def in_a_pipe(self, device, *words):
        return subprocess.run([STILECTL, "--socket", self.gateway.socket, "device", "test", device, *words], text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S, check=False)

    def answer(self, terminal, question, keys):
        """Types once the question stands in the last line that was written."""
        terminal.until(lambda lines: question in next((line for line in reversed(lines) if line), ""))
        terminal.type(keys + "\n")

    def table(self, terminal):
        lines = terminal.lines
        head = max(i for i, line in enumerate(lines) if line.startswith("WHAT "))
        return [line.rstrip() for line in lines[head + 1:] if line]

    def rows(self, text):
        return [" ".join(line.split()) for line in text[text.index("WHAT "):].splitlines()[1:]]

    def sim(self, **settings):
        self.start(GATE, self.gateway.sim("front", points=["front.reader", "front.exit"], targets=["front", "spare"],
                                          **settings))

    def test_every_output_and_input__passed(self):
        self.sim(steps=[{"say": "input target front contact off"}, {"say": "input point front.reader tamper on"}])
        terminal = self.walk("front")
        self.answer(terminal, "Enter begins", "")
        for output in ("front entry", "front exit", "spare"):
            self.answer(terminal, f"{output}: Enter releases it for 0.7 s", "")
            self.answer(terminal, "Did it open?", "y")
        terminal.shows("front: now open the door")
        self.gateway.happen("front", "input target spare contact on")  # another one
        self.gateway.happen("front", "input target front contact on")
        terminal.shows("front: and now close the door")
        self.gateway.happen("front", "input target front contact off")
        terminal.shows("front.reader: now close the cover")
        self.gateway.happen("front", "input point front.reader tamper off")
        terminal.shows("front.reader: and now open the cover")
        self.gateway.happen("front", "input point front.reader tamper on")
        terminal.shows("front.reader: present a card now")
        self.gateway.tap("front.reader", ADA)
        terminal.shows("front.exit: present a card now")
        self.gateway.happen("front", f"present front.exit card {ADA}")
        self.assertEqual(terminal.ends(), 0)
        self.assertEqual([line.split()[:3] for line in self.table(terminal)],
                         [["front", "entry", "opens"], ["front", "exit", "opens"], ["spare", "opens", "passed"],
                          ["front", "contact", "passed"], ["front.reader", "tamper", "passed"],
                          ["front.reader", "reads", "passed"], ["front.exit", "reads", "passed"]])
        self.assertIn("    spare: contact on", terminal.lines)
        self.assertIn("    front.reader: presented, type card", terminal.lines)
        self.assertNotIn(ADA, "".join(terminal.lines))

    def test_each_order__is_an_event_of_the_installer(self):
        self.sim()
        self.assertEqual(self.in_a_pipe("front", "--yes").returncode, 0)
        for target, direction in (("front", "entry"), ("front", "exit"), ("spare", None)):
            event = self.events.take(kind="operator", verb="release", target=target, operator="root", text="device test")
            self.assertEqual((event.get("direction"), event["device"]), (direction, "front"))
            self.events.take(kind="completed", target=target, cause=event["seq"])

    def test_installer_says_no_skips_and_leaves(self):
        self.sim(steps=[{"say": "input target front contact off"}])
        terminal = self.walk("front")
        self.answer(terminal, "Enter begins", "")
        self.answer(terminal, "front entry: Enter releases", "")
        self.answer(terminal, "Did it open?", "x")  # is no answer
        terminal.type("n\n")
        self.answer(terminal, "front exit: Enter releases", "s")
        self.answer(terminal, "spare: Enter releases", "skip")
        self.answer(terminal, "front: now open the door", "n")
        self.answer(terminal, "front.reader: present a card", "q")
        self.assertEqual(terminal.ends(), 1)
        self.assertEqual([" ".join(line.split()) for line in self.table(terminal)],
                         ["front entry opens failed says the installer", "front exit opens skipped -",
                          "spare opens skipped -", "front contact failed says the installer",
                          "front.reader reads skipped left", "The test was left before its end."])

    def test_typed_ahead__opens_nothing(self):
        self.sim(accept_ms=300)
        terminal = self.walk("front")
        self.answer(terminal, "Enter begins", "")
        self.answer(terminal, "front entry: Enter releases", "\n\n\n")  # more than that, while it works
        self.answer(terminal, "Did it open?", "y\n\n")  # and before the next question
        self.answer(terminal, "front exit: Enter releases", "s\n\n")
        self.answer(terminal, "spare: Enter releases", "q")
        self.assertEqual(terminal.ends(), 0)
        self.events.take(kind="operator", verb="release", direction="entry")
        self.gateway.tap("front.reader", ADA)
        self.events.take(kind="granted")
        self.assertEqual([e for e in self.events.waiting if e["kind"] == "operator"], [])

    def test_nothing_begins_unasked(self):
        self.sim()
        terminal = self.walk("front")
        self.answer(terminal, "Enter begins", "q")
        self.assertEqual(terminal.ends(), 0)
        done = self.in_a_pipe("front")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("needs a terminal; --yes asks nothing", done.stderr)
        done = self.in_a_pipe("frnt", "--yes")
        self.assertEqual((done.returncode, done.stderr), (1, 'stilectl: there is no device "frnt"; did you mean "front"?\n'))

    def test_device_that_fails__says_why(self):
        self.sim(fail="jammed")
        done = self.in_a_pipe("front", "--yes")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(self.rows(done.stdout), ["front entry opens failed jammed", "front exit opens failed jammed",
                                                  "spare opens failed jammed"])
        self.assertIn("Doors will really open", done.stdout)

    def test_daemon_goes__it_ends(self):
        self.sim(accept_ms=3600000)
        terminal = self.walk("front")
        self.answer(terminal, "Enter begins", "")
        self.answer(terminal, "front entry: Enter releases", "")
        self.events.take(kind="operator", text="device test")
        self.gateway.stop()  # in the middle of a release
        self.assertEqual(terminal.ends(), 3)
        terminal.shows("^stilectl: ")
        self.assertRegex("\n".join(terminal.lines), r"front entry opens +failed  (driver ended|the daemon is gone)")

    def test_modbus__board_without_doors(self):
        device = self.enterContext(Device(Waveshare()))
        wiring = [{"target": "shed", "release": "relay1", "contact": "di1", "rex": "di2"},
                  {"target": "arm", "release_entry": "relay3", "release_exit": "relay4"}]
        self.start(("device", {"id": "hall", "driver": "modbus", "profile": "waveshare-poe-relay8",
                               "connection": device.connection, "targets": ["shed", "arm"], "wiring": wiring}))
        self.up("hall")
        terminal = self.walk("hall")
        self.answer(terminal, "Enter begins", "")
        for output in ("shed", "arm entry", "arm exit"):
            if output == "arm entry":
                self.answer(terminal, "arm: Enter releases", "")  # it wants to know the direction
            self.answer(terminal, f"{output}: Enter releases", "")
            self.answer(terminal, "Did it open?", "y")
        for question, bit, value in (("shed: now open the door", 0, 1), ("shed: and now close the door", 0, 0),
                                     ("shed: now press the exit button", 1, 1),
                                     ("shed: and now let the exit button go", 1, 0)):
            terminal.shows(question)
            device.map.bits[2][bit] = value
        self.assertEqual(terminal.ends(), 0)
        self.assertEqual([" ".join(line.split()) for line in self.table(terminal)],
                         ["shed opens passed -", "arm entry opens passed -", "arm exit opens passed -",
                          "shed contact passed -", "shed rex passed -"])
        flashes = [request.hex() for request in device.requests(5)]
        self.assertEqual([flash[4:6] for flash in flashes if flash.startswith("0502")], ["00", "02", "03"])
        self.assertEqual(sum(device.map.bits[1].values()), 0)  # nothing is left on


unittest.main()
