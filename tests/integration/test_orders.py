# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators order of doors with stilectl: done, recorded with who and why, shown, kept over a restart, and ended on
time without the cloud."""
import contextlib
import os
import sqlite3
import subprocess
import unittest

from gateway import ADA, STILECTL, SystemTest
from support import LIMIT_S

REASON = ("--reason", "courier")


class Orders(SystemTest):
    def setUp(self):
        super().setUp()
        self.start()

    def order(self, *words, status=0):
        answer = self.gateway.ask("door", *words, *REASON, status=status)
        return answer[0] if answer else None

    def note(self, *words):
        done = subprocess.run([STILECTL, "--socket", self.gateway.socket, "door", *words, *REASON],
                              capture_output=True, text=True, timeout=LIMIT_S, check=True)
        return done.stderr

    def doors(self):
        return {door["id"]: door for door in self.gateway.ask("doors")}

    def mode(self, door, mode, reason, **members):
        """The next change of a door's mode is this one."""
        event = self.events.take(kind="mode", door=door)
        self.assertEqual((event["mode"], event["reason"]), (mode, reason))
        self.assertLessEqual(members.items(), event.items())

    def ordered(self, **members):
        event = self.events.take(kind="operator", operator="root", text="courier")
        self.assertLessEqual(members.items(), event.items())
        return event

    def test_each_action__is_an_event_of_its_operator_and_then_one_of_the_mode(self):
        for words, mode in ((["unlock"], "unlocked"), (["hold"], "locked_open"), (["mode", "blocked"], "blocked"),
                            (["lock"], "controlled"), (["mode", "unlocked"], "unlocked")):
            answer = self.order("front", *words)
            self.assertEqual((answer["mode"], answer["why"]["by"]), (mode, "override"))
            self.assertEqual(answer["why"]["order"].items() & {("operator", "root"), ("reason", "courier")},
                             {("operator", "root"), ("reason", "courier")})
            event = self.ordered(door="front", verb=words[0], mode=mode)
            self.mode("front", mode, "override", cause=event["seq"])
        self.assertEqual(self.tap("front.reader", ADA, kind="granted")["reason"], "DOOR_UNLOCKED")
        self.assertEqual(self.order("front", "auto")["why"], {"by": "door"})
        event = self.ordered(door="front", verb="auto")
        self.assertNotIn("mode", event)
        self.mode("front", "controlled", "door", cause=event["seq"])

    def test_release__waits_for_the_outcome(self):
        self.assertEqual(self.order("gym", "release", "--direction", "exit")["outcome"], "completed")
        event = self.ordered(door="gym", verb="release", direction="exit")
        self.events.take(kind="completed", cause=event["seq"])
        self.assertEqual(self.order("front", "release")["direction"], "entry")

    def test_end__comes_on_time_after_a_restart_and_without_the_cloud(self):
        self.cloud.stop()
        self.broker.kill()
        answer = self.order("front", "unlock", "--for", "5s")
        event = self.ordered(verb="unlock")
        self.assertEqual(event["until"], answer["why"]["until"])
        self.mode("front", "unlocked", "override")
        self.gateway.restart()
        why = self.doors()["front"]["why"]
        if why["by"] == "override":  # else the restart has taken longer
            self.assertEqual((why["until"], why["order"]["operator"]), (event["until"], "root"))
        end = self.events.take(kind="mode", door="front", mode="controlled", reason="door")
        self.assertGreaterEqual(end["at"] - event["at"], 5_000_000)
        self.assertEqual(self.doors()["front"]["why"], {"by": "door"})
        self.gateway.stop()
        with contextlib.closing(sqlite3.connect(os.path.join(self.gateway.state, "ledger.db"))) as db:
            self.assertEqual(db.execute("SELECT key FROM state WHERE key LIKE 'order/%'").fetchall(), [])

    def test_order_without_end__is_remembered_over_a_restart_with_who_and_why(self):
        self.order("front", "mode", "blocked")
        before = self.doors()["front"]
        self.gateway.restart()
        after = self.doors()["front"]
        self.assertEqual((after["mode"], after["why"]), (before["mode"], before["why"]))
        self.order("front", "auto")
        self.gateway.restart()
        self.assertEqual(self.doors()["front"]["why"], {"by": "door"})

    def test_until__a_time_to_come(self):
        answer = self.order("front", "unlock", "--until", "2099-01-01T12:00:00Z")
        self.assertEqual(answer["why"]["until"], "2099-01-01T12:00:00.000Z")
        self.assertIn("ordered by root until 2099-01-01 12:00:00: courier", self.gateway.ctl("doors"))

    def test_lockdown_of_a_door__and_other_orders__end_each_other_not(self):
        self.order("front", "mode", "blocked")
        self.ordered(verb="mode")
        self.assertEqual(self.order("front", "lockdown", "on")["mode"], "locked_down")
        event = self.ordered(door="front", verb="lockdown", on=True)
        self.events.take(kind="lockdown", door="front", operator="root", on=True, cause=event["seq"])
        self.gateway.restart()
        why = self.doors()["front"]["why"]
        self.assertEqual((why["by"], why["order"]["operator"]), ("lockdown", "root"))
        for words in (["hold"], ["unlock", "--for", "1h"], ["auto"], ["mode", "blocked"]):
            self.assertEqual(self.order("front", *words)["mode"], "locked_down")
        self.assertIn("the lockdown of the door holds", self.note("front", "lock"))
        self.assertEqual(self.note("front", "lockdown", "on"), "")
        self.order("front", "mode", "blocked")
        answer = self.order("front", "lockdown", "off")
        self.assertEqual((answer["mode"], answer["why"]["by"]), ("blocked", "override"))
        self.order("front", "hold")
        self.assertEqual(self.order("front", "lockdown", "off")["mode"], "locked_open")

    def test_lockdown_of_the_site__is_stronger_and_remembered(self):
        doors = self.gateway.ask("lockdown", "on", *REASON)
        self.assertEqual([(door["id"], door["mode"], door["why"]["by"]) for door in doors],
                         [("front", "locked_down", "lockdown"), ("gym", "locked_down", "lockdown")])
        event = self.ordered(verb="lockdown", on=True)
        self.assertNotIn("door", event)
        self.events.take(kind="lockdown", operator="root", on=True, cause=event["seq"])
        self.assertEqual(self.tap("front.reader", ADA, kind="denied")["reason"], "LOCKDOWN")
        self.assertEqual(self.order("gym", "unlock")["mode"], "locked_down")
        self.gateway.restart()
        self.assertEqual(self.doors()["front"]["why"]["order"]["operator"], "root")
        self.gateway.ask("lockdown", "off", *REASON)
        self.assertEqual({name: door["mode"] for name, door in self.doors().items()},
                         {"front": "controlled", "gym": "unlocked"})

    def test_orders_that_cannot_be_read__keep_doors_shut(self):
        for words in (["unlock"], ["lockdown", "on"]):
            self.order("front", *words)
        self.order("gym", "unlock")
        self.gateway.stop()
        with contextlib.closing(sqlite3.connect(os.path.join(self.gateway.state, "ledger.db"))) as db, db:
            db.execute("UPDATE state SET value = '{' WHERE key LIKE 'override/%' OR key LIKE 'lockdown/%'")
        log = self.gateway.start()
        self.assertIn("lockdown/front is not understood: lockdown holds until somebody ends it", log)
        self.assertEqual({name: door["mode"] for name, door in self.doors().items()},
                         {"front": "locked_down", "gym": "controlled"})
        self.assertEqual(self.order("front", "lockdown", "off")["mode"], "controlled")
        self.assertEqual(self.order("gym", "auto")["why"], {"by": "door"})

    def test_fire__is_stronger_and_the_answer_says_so(self):
        self.gateway.happen("gym", "input target gym fire on")
        self.events.take(kind="mode", door="gym", mode="locked_open")
        answer = self.order("gym", "mode", "blocked")
        self.assertEqual((answer["mode"], answer["why"]), ("locked_open", {"by": "fire"}))
        self.assertEqual([alarm["alarm"] for alarm in answer["alarms"]], ["fire"])
        self.assertIn("fire holds the door open", self.note("gym", "lock"))

    def test_schedule__is_named(self):
        week = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        self.cloud.put("schedule", {"id": "day", "windows": [{"days": week, "from": "00:00", "to": "24:00"}]})
        self.cloud.put("door", {"id": "front", "kind": "door", "target": "front",
                                "mode_schedules": [{"schedule": "day", "mode": "unlocked"}]})
        self.events.take(kind="mode", door="front", reason="schedule")
        self.assertEqual(self.doors()["front"]["why"], {"by": "schedule", "schedule": "day"})

    def test_wrong_orders__say_what_is_wrong(self):
        for words, status, problem in (
                (["gmy", "lock"], 1, 'there is no door "gmy"; did you mean "gym"?'),
                (["cellar", "release"], 1, 'there is no door "cellar"'),
                (["gym", "unlock", "--until", "2020-01-01"], 2, "--until must be a time to come"),
                (["gym", "unlock", "--for", "2w"], 2, "--for must be how long"),
                (["gym", "release", "--for", "2h"], 2, "only lock, unlock, hold and mode take --until or --for"),
                (["gym", "mode", "ajar"], 2, "mode must be controlled, unlocked"),
                (["gym", "lockdown"], 2, "lockdown must be on or off"),
                (["gym", "opn"], 2, "ACTION must be release, lock")):
            self.assertIn(problem, self.gateway.ctl("door", *words, *REASON, status=status))
        self.assertIn("--reason is missing", self.gateway.ctl("door", "gym", "lock", status=2))
        self.assertFalse([event for event in self.gateway.ask("events") if event["kind"] == "operator"])


if __name__ == "__main__":
    unittest.main()
