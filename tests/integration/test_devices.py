# SPDX-License-Identifier: GPL-3.0-or-later
"""What devices and their drivers can do to the gateway: they go and come back, crash and hang. Each time the events say
so, the other device decides meanwhile, and no old tap is acted on."""
import os
import signal
import time
import unittest

from gateway import ADA, BEN, SystemTest
from simulators import Collector, NfcReader


class Simulated(SystemTest):
    """Two stile-sim."""

    def test_driver_killed__is_down_and_comes_back(self):
        self.start()
        os.kill(self.gateway.driver("gym"), signal.SIGKILL)
        down = self.events.take(kind="device_down", device="gym")
        self.assertRegex(down["reason"], "killed|closed its output")
        self.works("front")
        up = self.up("gym")
        self.assertGreater(up["seq"], down["seq"])
        self.works("gym")
        self.assertEqual(self.gateway.device("gym")["restarts"], 1)
        self.assertEqual(self.gateway.device("front")["restarts"], 0)

    def test_driver_killed_again_and_again__waits_longer_each_time(self):
        self.start()
        waited = []
        for _ in range(4):
            os.kill(self.gateway.driver("gym"), signal.SIGKILL)
            down = self.events.take(kind="device_down", device="gym")
            waited.append(self.up("gym")["at"] - down["at"])
        for number, time_us in enumerate(waited):
            self.assertGreater(time_us, 125_000 * 2 ** number)  # half of 250 ms, 500 ms, ...

    def test_driver_killed__release_under_way_is_unknown_and_not_repeated(self):
        self.start()
        self.cloud.put(*self.gateway.sim("gym", points=["gym.reader", "gym.exit"], targets=["gym"], complete_ms=3600000))
        self.events.take(kind="policy_applied")
        self.up("gym")
        granted = self.tap("gym.reader", ADA, kind="granted")
        self.events.take(kind="accepted", cause=granted["seq"])
        os.kill(self.gateway.driver("gym"), signal.SIGKILL)
        self.events.take(kind="unknown", cause=granted["seq"], reason="driver_ended")
        self.up("gym")
        last = self.works("front")
        self.assertEqual(len([event for event in self.events.until(last["seq"])
                              if event["kind"] == "released" and event["door"] == "gym"]), 1)

    def test_driver_stopped__is_killed_and_what_it_had_read_is_gone(self):
        self.start()
        driver = self.gateway.driver("gym")
        os.kill(driver, signal.SIGSTOP)
        self.gateway.tap("gym.reader", BEN)
        self.works("front")
        down = self.events.take(kind="device_down", device="gym")
        self.works("front")
        self.up("gym")
        self.assertNotEqual(self.gateway.driver("gym"), driver)
        granted = self.works("gym")
        self.assertFalse([event for event in self.events.until(granted["seq"]) if event.get("user") == "ben"])
        self.assertIn("answer", down["reason"])

    def test_driver_writes_garbage__is_started_again(self):
        self.start()
        self.gateway.happen("gym", "garbage 1")
        self.works("gym")
        self.gateway.happen("gym", "garbage 20")
        down = self.events.take(kind="device_down", device="gym")
        self.assertIn("cannot be understood", down["reason"])
        self.up("gym")
        self.works("gym")

    def test_tap_while_stiled_sleeps__is_too_old_afterwards(self):
        self.start(("access_point", {"id": "gym.in", "door": "gym", "direction": "entry", "to": "gym",
                                     "readers": ["gym.reader"], "max_age_ms": 500}))
        self.gateway.stiled.send_signal(signal.SIGSTOP)
        self.gateway.tap("gym.reader", ADA)
        self.gateway.tap("front.reader", BEN)
        time.sleep(1)  # what is tested is that time goes by
        self.gateway.stiled.send_signal(signal.SIGCONT)
        denied = self.events.take(kind="denied", door="gym")
        self.assertEqual((denied["reason"], denied["user"]), ("STALE", "ada"))
        granted = self.events.take(kind="granted", user="ben")  # within the five seconds of its access point
        self.events.take(kind="completed", cause=granted["seq"])

    def test_device_that_cannot_be_used__is_down_with_the_reason(self):
        self.start()
        self.cloud.put("device", {"id": "attic", "driver": "telepathy", "points": ["attic.reader"]})
        down = self.events.take(kind="device_down", device="attic")
        self.assertIn("stile-telepathy", down["reason"])
        self.works("front")
        self.cloud.run("del", "device", "attic")
        self.events.take(kind="policy_applied", version=3)
        self.assertEqual([device["id"] for device in self.gateway.ask("devices")], ["front", "gym"])

    def test_device_changed__is_started_anew_alone(self):
        self.start()
        front, gym = self.gateway.driver("front"), self.gateway.driver("gym")
        self.cloud.put(*self.gateway.sim("gym", points=["gym.reader", "gym.exit"], targets=["gym"], pass_ms=1))
        self.events.take(kind="policy_applied", version=2)
        self.up("gym")
        self.assertNotEqual(self.gateway.driver("gym"), gym)
        self.assertEqual(self.gateway.driver("front"), front)
        self.works("gym")


class Hardware(SystemTest):
    """A reader at the front door and in the gym, whose turnstile is a collector. Each is driven as in a building."""

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
            ("access_point", {"id": "gym.in", "door": "gym", "direction": "entry", "to": "gym",
                              "readers": ["gym.reader", "front.reader"]}),
            ("access_point", {"id": "front.in", "door": "front", "direction": "entry", "readers": []}),
        ]
        self.start()

    def by_card(self, kind="classic", value=BEN, user="ben"):
        """Somebody taps, and walks through."""
        self.reader.ctl(f"lay {kind} {value}")
        granted = self.events.take(kind="granted", user=user)
        self.events.take(kind="passage", user=user, cause=granted["seq"])
        self.reader.ctl("take")
        return granted

    def at_slot(self):
        """ada presents her card at the turnstile, and walks through."""
        self.collector.ctl(f"present in {ADA}")
        granted = self.events.take(kind="granted", user="ada")
        self.events.take(kind="passage", user="ada", cause=granted["seq"])
        return granted

    def test_reader_gone_and_back(self):
        self.by_card()
        self.reader.ctl("gone")
        self.events.take(kind="device_down", device="front")
        self.at_slot()
        self.reader.ctl("back")
        self.up("front")
        self.by_card("ntag", ADA, "ada")
        self.at_slot()

    def test_collector_gone_and_back__is_not_given_old_releases(self):
        self.at_slot()
        self.collector.ctl("port gone 3000")
        self.events.take(kind="device_down", device="gym")
        self.collector.ctl("present in FF")
        self.reader.ctl(f"lay classic {BEN}")
        granted = self.events.take(kind="granted", user="ben")
        self.assertEqual(self.events.take(kind="failed", cause=granted["seq"])["reason"], "device_down")
        self.reader.ctl("take")
        self.up("gym")
        last = self.by_card()
        told = self.events.until(last["seq"])
        self.assertFalse([event for event in told if event.get("value") == "FF"])
        self.assertEqual(len([event for event in told if event["kind"] == "released"]), 2)

    def test_card_that_crashes_the_driver__costs_a_restart(self):
        self.reader.ctl("lay bad-ats 04010203")
        down = self.events.take(kind="device_down", device="front")
        self.at_slot()
        self.assertIn("signal", down["reason"])
        self.reader.ctl("take")
        self.up("front")
        self.by_card()


if __name__ == "__main__":
    unittest.main()
