# SPDX-License-Identifier: GPL-3.0-or-later
"""stile-modbus alone against sim-collector, over TCP and over a serial line with a line's timing: what a turnstile
does, and what a bus can do to it. A wrong answer is never taken, a release never lost silently, and everything
comes back without a person."""
import json
import os
import signal
import subprocess
import tempfile
import time
import unittest

from simulators import Collector
from support import BUILD, LIMIT_S, SOURCE, JsonProgram

DRIVER = os.path.join(BUILD, "hal", "modbus", "stile-modbus")
PROFILES = os.path.join(SOURCE, "config", "profiles")


class Driver(JsonProgram):
    def __init__(self, connection, profiles=PROFILES, profile="sim-collector", units=None):
        super().__init__(DRIVER, "--profiles", profiles)
        self.heard = []
        self.number = 0
        item = {"id": "c", "driver": "modbus", "profile": profile}
        if units:
            item |= {"units": units, "points": [point for unit in units for point in unit["points"]],
                     "targets": [target for unit in units for target in unit["targets"]]}
        else:
            item |= {"connection": connection, "points": ["gym.in", "gym.out"], "targets": ["gym"]}
        self.say(do="configure", device=item)

    def hear(self, limit_s=LIMIT_S, **members):
        def wanted(text):
            self.heard.append(json.loads(text))
            return members.items() <= self.heard[-1].items()

        self.output.until(wanted, limit_s)
        return self.heard[-1]

    def cards(self):
        return [line["credential"]["value"] for line in self.heard if line["ev"] == "presented"]

    def release(self, direction, pulse_ms=700, deadline_ms=LIMIT_S * 1000, target="gym"):
        self.number += 1
        deadline = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000 + deadline_ms * 1000
        self.say(do="release", id=self.number, target=target, direction=direction, pulse_ms=pulse_ms,
                 deadline=deadline)
        return self.number

    def outcomes(self, number):
        return [(line["outcome"], line.get("reason")) for line in self.heard
                if line["ev"] == "result" and line["id"] == number]


class Turnstile:
    """The tests; a subclass says how the two are joined."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.collector = self.enterContext(Collector(self.directory, *self.options()))

    def start(self):
        driver = self.enterContext(Driver(self.connection()))
        driver.hear(ev="health", state="up")
        driver.hear(ev="input", role="fire", value=False)
        return driver

    def present(self, driver, point, card):
        """A fence: returns once the driver has told this card."""
        self.collector.ctl(f"present {point} {card}")
        driver.hear(ev="presented", point=f"gym.{point}")
        self.collector.until("acknowledged")

    def works(self, driver):
        """Both ways: a card in, a release, a passage."""
        self.present(driver, "in", "AA55")
        number = driver.release("entry")
        driver.hear(ev="result", id=number, outcome="accepted")
        self.collector.ctl("pass in")
        driver.hear(ev="passage", target="gym", direction="entry", count=1)
        driver.hear(ev="result", id=number, outcome="completed")

    def test_card__is_told_once_and_acknowledged(self):
        driver = self.start()
        self.present(driver, "in", "04a1B2c3")
        self.present(driver, "in", "04A1B2C3D4E5F6")
        self.present(driver, "out", "FF")
        self.assertEqual(driver.cards(), ["04A1B2C3", "04A1B2C3D4E5F6", "FF"])

    def test_card__latched_before_the_start__is_passed_over(self):
        self.collector.ctl("present in 01")
        driver = self.start()
        self.collector.until("card 1 acknowledged")
        self.present(driver, "in", "02")
        self.assertEqual(driver.cards(), ["02"])

    def test_card__presented_while_the_driver_is_stopped__is_passed_over(self):
        driver = self.start()
        number = driver.release("exit", pulse_ms=3000)
        driver.hear(ev="result", id=number, outcome="accepted")
        driver.send_signal(signal.SIGSTOP)
        self.collector.ctl("present in 01")
        self.collector.until("nobody passed")  # the release is over: three seconds
        driver.send_signal(signal.SIGCONT)
        self.collector.until("card 1 acknowledged")
        self.collector.ctl("tamper on")
        driver.hear(ev="input", role="tamper", value=True)  # it looked at the device since
        self.present(driver, "in", "02")
        self.assertEqual(driver.cards(), ["02"])

    def test_release__passage__is_accepted_then_completed(self):
        driver = self.start()
        number = driver.release("entry", pulse_ms=650)
        driver.hear(ev="result", id=number, outcome="accepted")
        self.collector.until("coil 0 written ff00")
        self.collector.until("in: released for 700 ms")
        self.collector.ctl("pass in")
        driver.hear(ev="passage", target="gym", direction="entry", count=1)
        driver.hear(ev="result", id=number, outcome="completed")

    def test_release__nobody_passes__is_completed_without_passage(self):
        driver = self.start()
        self.collector.ctl("hesitate out")
        number = driver.release("exit")
        driver.hear(ev="no_passage", target="gym", direction="exit")
        driver.hear(ev="result", id=number, outcome="completed", reason="no_passage")

    def test_release__person_turns_back__is_completed_without_passage(self):
        driver = self.start()
        number = driver.release("entry", pulse_ms=60000)
        driver.hear(ev="result", id=number, outcome="accepted")
        self.collector.ctl("turn-back in")
        driver.hear(ev="no_passage", target="gym", direction="entry")
        driver.hear(ev="result", id=number, outcome="completed", reason="no_passage")

    def test_release__deadline_over__never_reaches_the_device(self):
        driver = self.start()
        number = driver.release("entry", deadline_ms=-1)
        driver.hear(ev="result", id=number, outcome="failed")
        self.present(driver, "in", "01")
        driver.release("exit")
        self.assertFalse([line for line in self.collector.until("coil 1") if "coil 0" in line])

    def test_release__device_restarts__is_unknown(self):
        driver = self.start()
        number = driver.release("entry", pulse_ms=60000)
        driver.hear(ev="result", id=number, outcome="accepted")
        self.collector.ctl("restart")
        driver.hear(ev="result", id=number, outcome="unknown", reason="device_restarted")
        self.works(driver)

    def test_inputs__change__are_told(self):
        driver = self.start()
        self.collector.ctl("fire on")
        driver.hear(ev="input", target="gym", role="fire", value=True)
        self.collector.ctl("tamper on")
        driver.hear(ev="input", target="gym", role="tamper", value=True)
        self.collector.ctl("fire off")
        driver.hear(ev="input", target="gym", role="fire", value=False)

    def test_show__text__stands_on_the_display_for_its_time(self):
        driver = self.start()
        driver.say(do="show", point="gym.out", indication="granted", text="Grüß Gott", ms=200)
        self.collector.until('out: display "Grüß Gott"')
        self.collector.until('out: display ""')
        driver.say(do="show", point="gym.in", indication="denied", ms=200)
        self.collector.until('in: display "No access"')

    def test_fault__wrong_echo__is_no_answer(self):
        driver = self.start()
        self.collector.ctl("wrong-echo 1 coil")
        number = driver.release("entry")
        driver.hear(ev="result", id=number, outcome="unknown", reason="wrong_answer")
        self.assertEqual(driver.outcomes(number), [("unknown", "wrong_answer")])
        self.works(driver)

    def test_fault__silent__is_unknown_and_the_passage_is_told(self):
        driver = self.start()
        self.collector.ctl("silent 1 coil")
        number = driver.release("entry", pulse_ms=60000)
        driver.hear(ev="result", id=number, outcome="unknown", reason="silent")
        self.collector.ctl("pass in")
        driver.hear(ev="passage", direction="entry")
        self.works(driver)

    def test_fault__deaf__is_unknown_and_never_sent_again(self):
        driver = self.start()
        self.collector.ctl("deaf 1 coil")
        number = driver.release("entry")
        driver.hear(ev="result", id=number, outcome="unknown", reason="silent")
        number = driver.release("exit")
        driver.hear(ev="result", id=number, outcome="accepted")
        self.assertFalse([line for line in self.collector.until("coil 1") if "coil 0" in line])
        self.works(driver)

    def test_fault__late__is_not_the_next_ones_answer(self):
        driver = self.start()
        self.collector.ctl("late 700 1 coil")
        first = driver.release("entry")
        second = driver.release("entry")
        driver.hear(ev="result", id=first, outcome="unknown", reason="silent")
        driver.hear(ev="result", id=second, outcome="accepted")
        self.collector.until("coil 0")
        self.collector.until("coil 0")
        self.present(driver, "out", "77")
        self.assertEqual(driver.cards(), ["77"])

    def test_fault__refused_release__is_failed_and_not_carried_out(self):
        driver = self.start()
        self.collector.ctl("refuse 1 coil")
        number = driver.release("entry")
        driver.hear(ev="result", id=number, outcome="failed", reason="refused")
        driver.release("exit")
        self.assertFalse([line for line in self.collector.until("coil 1") if "coil 0" in line])

    def test_fault__refused_readings__degrade_it_and_come_back(self):
        driver = self.start()
        self.collector.ctl("refuse 3")
        driver.hear(ev="health", state="degraded", reason="the device refuses what the profile reads")
        driver.hear(ev="health", state="up")
        self.works(driver)

    def test_fault__garbage__is_survived(self):
        driver = self.start()
        self.collector.ctl("garbage 1")
        self.present(driver, "in", "1234")
        self.assertEqual(driver.cards(), ["1234"])
        self.collector.ctl("garbage 1 coil")
        number = driver.release("entry")
        driver.hear(ev="result", id=number, outcome="unknown", reason="wrong_answer")
        self.works(driver)

    def test_fault__silent_for_long__is_down_and_comes_back(self):
        driver = self.start()
        self.collector.ctl("deaf 4")
        driver.hear(ev="health", state="down", reason="silent")
        number = driver.release("entry")
        driver.hear(ev="result", id=number, outcome="failed", reason="device_down")
        driver.hear(ev="health", state="up")
        self.works(driver)

    def test_fault__port_gone__is_down_and_comes_back_without_old_cards(self):
        driver = self.start()
        pending = driver.release("exit", pulse_ms=100)
        driver.hear(ev="result", id=pending, outcome="accepted")
        self.collector.ctl("hesitate out")
        self.collector.ctl("port gone 3000")
        driver.hear(ev="health", state="down")
        self.collector.ctl("present in 01")
        number = driver.release("entry")
        driver.hear(ev="result", id=number, outcome="failed", reason="device_down")
        driver.hear(ev="result", id=pending, outcome="unknown", reason="device_down")
        driver.hear(ev="health", state="up")
        self.collector.until("card 1 acknowledged")
        self.works(driver)
        self.assertEqual(driver.cards(), ["AA55"])

    def test_shutdown__ends_well(self):
        driver = self.start()
        driver.say(do="shutdown")
        self.assertEqual(driver.wait(), 0)


class TcpTest(Turnstile, unittest.TestCase):
    def options(self):
        return ()

    def connection(self):
        return {"tcp": f"127.0.0.1:{self.collector.address}"}

    def test_fault__connection_dropped__is_made_again(self):
        driver = self.start()
        self.collector.ctl("drop")
        driver.hear(ev="health", state="down")
        driver.hear(ev="health", state="up")
        self.works(driver)


class RtuTest(Turnstile, unittest.TestCase):
    def options(self):
        return ("--rtu", os.path.join(self.directory, "tty"), "--baud", "115200", "--baud-timing")

    def connection(self):
        return {"rtu": self.collector.address, "baud": 115200, "parity": "E"}

    def test_port_in_use__is_down_with_the_reason(self):
        self.start()
        other = self.enterContext(Driver(self.connection()))
        other.hear(ev="health", state="down", reason="another process has the port")

    def test_driver_killed__the_next_one_has_the_port(self):
        self.start().kill()
        self.works(self.start())


class SeveralTest(unittest.TestCase):
    """Two turnstiles, each at an address of its own, in one device."""

    def setUp(self):
        self.collectors = {}
        for name in ("a", "b"):
            directory = tempfile.TemporaryDirectory()
            self.addCleanup(directory.cleanup)
            self.collectors[name] = self.enterContext(Collector(directory.name))
        self.driver = self.enterContext(Driver(None, units=[
            {"unit": 1, "points": [f"{name}.in", f"{name}.out"], "targets": [name],
             "connection": {"tcp": f"127.0.0.1:{collector.address}"}} for name, collector in self.collectors.items()]))
        self.driver.hear(ev="health", state="up")

    def test_each__is_released_and_read_as_itself(self):
        for name, collector in self.collectors.items():
            number = self.driver.release("entry", target=name)
            self.driver.hear(ev="result", id=number, outcome="accepted")
            collector.ctl("pass in")
            self.driver.hear(ev="passage", target=name, direction="entry", count=1)
            collector.ctl("present out 0A0B")
            self.driver.hear(ev="presented", point=f"{name}.out")

    def test_one_away__degrades_the_device_and_is_named(self):
        self.collectors["b"].ctl("port gone 3000")
        line = self.driver.hear(ev="health", state="degraded")
        self.assertIn("unit 1 (b): ", line["reason"])
        self.assertIn("unit2_failed", line["counters"])
        number = self.driver.release("entry", target="b")
        self.driver.hear(ev="result", id=number, outcome="failed", reason="device_down")
        number = self.driver.release("entry", target="a")
        self.driver.hear(ev="result", id=number, outcome="accepted")
        self.driver.hear(ev="health", state="up")

    def test_hold__that_the_profile_does_not_have__is_refused(self):
        self.driver.say(do="hold", id=9, target="a", on=True, deadline=9 * 10**15)
        self.driver.hear(ev="result", id=9, outcome="failed", reason="not_supported")


class ConfigurationTest(unittest.TestCase):
    def expect(self, member, text, **options):
        with Driver({"tcp": "127.0.0.1:1"}, **options) as driver:
            line = driver.hear(ev="error")
            self.assertEqual(line["member"], member)
            self.assertIn(text, line["text"])
            self.assertEqual(driver.wait(), 1)

    def test_no_such_profile__is_named(self):
        self.expect("profile", "nope.json: No such file", profile="nope")

    def test_mistake_in_a_profile__names_file_line_and_member(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "mine.json")
            with open(path, "w", encoding="utf-8") as f:
                f.write('{"profile": "mine",\n "timing": {"poll_ms": 1},\n "sides": {"in": {}}}\n')
            self.expect("profile", f"{path}:2: timing.poll_ms: must be", profiles=directory, profile="mine")
            result = subprocess.run([DRIVER, "--check", path], capture_output=True, text=True, timeout=LIMIT_S)
            self.assertEqual(result.returncode, 1)
            self.assertIn("mine.json:2: timing.poll_ms: must be", result.stderr)

    def test_shipped_profiles__can_be_used(self):
        for name in os.listdir(PROFILES):
            if name.endswith(".json") and name != "profile.schema.json":
                subprocess.run([DRIVER, "--check", os.path.join(PROFILES, name)], check=True, timeout=LIMIT_S,
                               capture_output=True)


if __name__ == "__main__":
    unittest.main()
