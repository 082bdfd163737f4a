# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks behind a radio, played by stile-sim: found, paired, ordered about with stilectl, and told when somebody comes."""
import json
import pathlib
import unittest

from gateway import ADA, STILECTL, SystemTest
from support import Program

ADDRESS = "54:D2:72:0A:0B:0C"
LOCK = ("access_point", {"id": "front.in", "door": "front", "direction": "entry", "readers": ["front.reader"],
                         "factors": [{"schedule": "always", "any": [["card", "pin"]]}]})


class Locks(SystemTest):
    def start(self, *more, **settings):
        front = self.gateway.sim("front", points=["front.reader"], targets=["front", "cellar"], **settings)
        super().start(front, *more)

    def ordered(self, **members):
        event = self.events.take(kind="operator", operator="root", **members)
        return event

    def test_scan__finds_what_can_be_paired(self):
        self.start(found=ADDRESS)
        shown = self.gateway.ctl("ble", "scan", "--device", "front", "--for", "1")
        self.assertEqual([line.split() for line in shown.splitlines()],
                         [["ADDRESS", "TYPE", "NAME", "SIGNAL", "ABOUT"],
                          [ADDRESS, "random", "sim", "-60", "dBm", "no", "hardware"]])
        event = self.ordered(verb="scan", device="front")
        self.events.take(kind="completed", device="front", cause=event["seq"])
        found = self.gateway.ask("ble", "scan", "--for", "1")  # with every radio
        self.assertEqual([line.get("address") for line in found if "address" in line], [ADDRESS])
        self.assertEqual({line["device"] for line in found if "outcome" in line}, {"front", "gym"})
        self.assertIn('there is no device "fron"; did you mean "front"?',
                      self.gateway.ctl("ble", "scan", "--device", "fron", status=1))

    def test_pair__says_what_to_press_and_what_became_of_it(self):
        self.start(found=ADDRESS)
        shown = self.gateway.ctl("lock", "pair", "cellar", ADDRESS, "--address-type", "random").splitlines()
        self.assertEqual(shown[:2], ["Press the button of the lock for five seconds.", "Let the button go."])
        self.assertRegex(shown[2], r"^cellar: pair completed in \d+ ms$")
        event = self.ordered(verb="pair", target="cellar", text=ADDRESS)
        self.events.take(kind="completed", target="cellar", cause=event["seq"])
        self.assertRegex(self.gateway.ctl("lock", "pair", "cellar", "54:D2:72:0A:0B:0D", status=1),
                         r"^cellar: pair failed in \d+ ms, not found$")
        self.assertIn("must be six bytes", self.gateway.ctl("lock", "pair", "cellar", "54:D2", status=2))

    def test_orders__are_events_of_whose_they_are(self):
        self.start()
        for verb in ("unlock", "unlatch", "lock"):
            self.assertRegex(self.gateway.ctl("lock", verb, "front", "--reason", "courier"),
                             rf"^front: {verb} accepted in \d+ ms\nfront: {verb} completed in \d+ ms\n$")
            event = self.ordered(verb=verb, target="front", door="front", text="courier")
            self.events.take(kind="completed", target="front", door="front", cause=event["seq"])
        self.gateway.ctl("lock", "unlatch", "cellar")
        self.assertNotIn("door", self.ordered(verb="unlatch", target="cellar"))
        self.assertIn('there is no target "frontt"; did you mean "front"?',
                      self.gateway.ctl("lock", "lock", "frontt", status=1))

    def test_unlatched_door__is_not_forced(self):
        self.start()
        self.gateway.happen("front", "input target front contact off")
        self.events.take(kind="closed", door="front")
        self.gateway.ctl("lock", "unlatch", "front")
        self.gateway.happen("front", "input target front contact on")
        self.events.take(kind="opened", door="front")
        self.assertEqual(next(door for door in self.gateway.ask("doors") if door["id"] == "front")["alarms"], [])

    def test_slow_lock__is_not_forced(self):
        self.start(complete_ms=2000)  # the release's half second and a second more are over by then
        self.gateway.happen("front", "input target front contact off")
        self.events.take(kind="closed", door="front")
        self.works()
        for word in ("on", "off"):
            self.gateway.happen("front", f"input target front contact {word}")
        self.events.take(kind="closed", door="front")
        self.gateway.ctl("lock", "unlatch", "front")
        self.gateway.happen("front", "input target front contact on")
        self.events.take(kind="opened", door="front")
        self.events.take(kind="opened", door="front")
        self.assertEqual([event for event in self.events.waiting if event["kind"] == "forced"], [])

    def test_door_that_is_unlocked_by_hand__is_not_forced(self):
        self.start()
        say = lambda *words: [self.gateway.happen("front", word) for word in words]
        door = lambda: next(door for door in self.gateway.ask("doors") if door["id"] == "front")
        say("lock front locked", "input target front contact off", "lock front moving", "lock front unlocked manual")
        self.assertNotIn("by", self.events.take(kind="locked", door="front"))
        self.events.take(kind="closed", door="front")
        self.events.take(kind="unlocked", door="front", target="front", by="manual")
        say("input target front contact on")
        self.events.take(kind="opened", door="front")
        self.assertEqual((door()["command"], door()["lock"], door()["alarms"]), ("locked", "unlocked", []))
        self.assertIn("open, unlocked", self.gateway.ctl("doors"))
        say("input target front contact off", "lock front jammed motor_blocked")
        self.events.take(kind="alarm", door="front", reason="jammed", on=True, by="motor_blocked")
        self.assertEqual([alarm["alarm"] for alarm in door()["alarms"]], ["jammed"])
        say("lock front locked button")
        self.events.take(kind="locked", door="front", by="button")
        self.assertNotIn("by", self.events.take(kind="alarm", door="front", reason="jammed", on=False))
        say("health down unplugged")
        self.events.take(kind="device_down", device="front")
        self.assertNotIn("lock", door())

    def test_record_of_a_lock__is_an_event_and_nothing_else(self):
        self.start()
        self.gateway.happen("front", "lock front locked")
        self.events.take(kind="locked", door="front")
        record = {"ev": "record", "at": 1, "target": "front", "index": 812, "time": 1795316531, "what": "unlock", "trigger": "keypad",
                  "outcome": "success", "name": "Ada\u2067"}
        say = lambda **members: self.gateway.happen("front", "event " + json.dumps(record | members, separators=(",", ":")))
        say()
        event = self.events.take(kind="lock_record", door="front", target="front", device="front", what="unlock", by="keypad",
                                 outcome="success", authorization="Ada\u2067", index=812)
        self.assertEqual(event["lock_utc"], "2026-11-22T03:02:11.000Z")
        self.assertNotIn("user", event)
        say(target="cellar", index=813, what="door_opened")
        self.assertNotIn("door", self.events.take(kind="lock_record", target="cellar", what="door_opened"))
        self.tap("front.reader", ADA, kind="granted")
        kinds = {event["kind"] for event in self.events.waiting}
        self.assertFalse(kinds & {"unlocked", "opened", "forced", "passage"}, kinds)
        self.assertEqual(next(door for door in self.gateway.ask("doors") if door["id"] == "front")["lock"], "locked")
        self.assertRegex(self.gateway.ctl("events"), r'front .* lock record: unlock by keypad: success, for "Ada.*", '
                         r"at 2026-11-22T03:02:11.000Z by its clock, entry 812")

    def test_order_that_fails__says_why(self):
        self.start(fail="jammed")
        self.assertRegex(self.gateway.ctl("lock", "unlatch", "front", status=1), r"^front: unlatch failed in \d+ ms, jammed$")
        event = self.ordered(verb="unlatch")
        self.events.take(kind="failed", target="front", reason="jammed", cause=event["seq"])
        self.gateway.happen("front", "health down unplugged")
        self.events.take(kind="device_down", device="front")
        self.assertIn("device down", self.gateway.ctl("lock", "lock", "front", status=1))

    def test_status__is_what_was_last_said(self):
        self.start()
        self.assertIn("no lock has said how it is", self.gateway.ctl("lock", "status", status=1))
        self.assertEqual(self.gateway.ask("lock", "status", "front"),
                         [{"target": "front", "door": "front", "lock": "unknown", "device": "front", "device_state": "up"}])
        self.gateway.happen("front", "lock front jammed motor_blocked")
        self.gateway.happen("front", "battery front 15")
        self.gateway.happen("front", "door front closed")
        self.gateway.tap("front.reader", ADA)
        self.events.take(kind="granted")  # and so the others were heard
        status = self.gateway.ask("lock", "status")[0]
        self.assertLessEqual(status.pop("heard_s"), 60)
        self.assertEqual(status, {"target": "front", "door": "front", "lock": "jammed", "detail": "motor_blocked",
                                  "state": "closed", "battery": 15, "device": "front", "device_state": "up"})
        self.assertIn("motor blocked", self.gateway.ctl("lock", "status", "front"))

    def test_listening__tells_what_is_said_but_no_credential_and_ends(self):
        self.start()
        listening = self.enterContext(Program(STILECTL, "--socket", self.gateway.socket, "--json", "device", "listen", "front",
                                              "--for", "3"))
        listening.output.until(lambda line: "listening" in line)
        self.gateway.happen("front", "present front.reader pin 4711")
        self.assertEqual(json.loads(listening.output.next()), {"ev": "presented", "point": "front.reader", "type": "pin"})
        self.gateway.happen("gym", "input target gym tamper on")  # another device
        self.gateway.happen("front", "input target front rex on")
        self.assertEqual(json.loads(listening.output.next())["role"], "rex")
        self.assertIsNone(listening.output.next())
        self.assertEqual(listening.wait(), 0)
        self.assertEqual(self.gateway.ask("device", "listen", "front", "--for", "1")[0],
                         {"target": "front", "inputs": {"rex": True}, "door": "front", "directions": ["entry"],
                          "lock": "unknown", "state": "unknown"})

    def test_somebody_comes__the_lock_is_told(self):
        self.start(LOCK)
        self.gateway.happen("front", "approach front.reader")
        self.gateway.log("front is prepared")

    def test_another_factor_is_awaited__the_lock_is_told(self):
        self.start(LOCK)
        self.tap("front.reader", ADA, kind="pending")
        self.gateway.log("front is prepared")

    def test_driver__knows_where_to_keep_keys(self):
        self.start()
        environment = pathlib.Path(f"/proc/{self.gateway.driver('front')}/environ").read_text().split("\0")
        self.assertIn("STATE_DIRECTORY=" + self.gateway.state, environment)


unittest.main()
