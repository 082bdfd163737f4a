#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands, time and lease with the real broker, stile-cloud and stiled (cloud contract 4, Time in 2, P7)."""
import contextlib
import json
import os
import sqlite3
import subprocess
import unittest

from gateway import STILE_CLOUD, SystemTest
from support import LIMIT_S, Program, next_message

ROOT = "stile/1/hub/gw1/"

COMPLETED, FAULT, USAGE, NO, UNKNOWN = 0, 1, 2, 3, 4


def phone(user):
    return "credential", {"id": f"{user}.phone", "user": user, "type": "mobile", "value": f"phone-{user}"}


class CommandTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.keys = [self.make_key(*words) for words in (("root-1", "root"), ("pol-1", "policy"), ("ev-1", "events"),
                                                         ("cmd-1", "command"), ("time-1", "time"))]
        self.gateway.configure(broker=self.address(), keys=self.keys)

    def make_key(self, *words):
        return json.loads(self.cloud.run("key", "new", *words))

    def start_site(self, *more):
        self.start(phone("ada"), phone("cleo"), *more)
        self.cloud.wait_for("is in force")

    def command(self, *words, status=COMPLETED):
        """What is printed."""
        done = subprocess.run([STILE_CLOUD, "--directory", self.cloud.directory, "command", *words], capture_output=True,
                              text=True, timeout=LIMIT_S)
        self.assertEqual(done.returncode, status, (words, done.stdout, done.stderr))
        return done.stdout or done.stderr

    def told(self, **members):
        """The command's event, which agrees with what was printed."""
        return self.events.take(kind="command", **members)

    def mode(self, door):
        return next(entry["mode"] for entry in self.gateway.ask("doors") if entry["id"] == door)


class Verbs(CommandTest):
    def test_release(self):
        self.start_site()
        printed = self.command("release", "front", "--reason", "parcel")
        released = self.events.take(kind="released", door="front")
        event = self.told(verb="release")
        self.assertRegex(printed, rf"^gw1: release front: completed, \d+ ms, event {event['seq']}\n$")
        self.assertEqual((event["outcome"], event["kid"], event["door"], event["text"], released["jti"]),
                         ("completed", "cmd-1", "front", "parcel", event["jti"]))
        self.assertTrue(event["iss"].endswith("@hub"))
        self.cloud.wait_for_event(event)
        self.command("release", "gym", "--direction", "exit")
        self.assertEqual(self.events.take(kind="released", door="gym")["direction"], "exit")

    def test_open_is_decided(self):
        self.start_site()
        self.command("open", "front.in", "ada")
        granted = self.events.take(kind="granted", user="ada", credential="ada.phone", type="mobile")
        self.assertEqual(self.told(verb="open")["jti"], granted["jti"])
        self.assertIn("denied: USER_EXPIRED", self.command("open", "front.in", "cleo", status=NO))
        event = self.told(verb="open", user="cleo")
        self.assertEqual((event["outcome"], event["reason"], event["point"]), ("denied", "USER_EXPIRED", "front.in"))
        self.events.take(kind="denied", user="cleo", jti=event["jti"])
        self.assertIn("denied: UNKNOWN_CREDENTIAL", self.command("open", "front.in", "ben", status=NO))

    def test_modes_and_their_end(self):
        self.start_site()
        self.command("unlock", "front", "--for", "8h")
        self.assertEqual(self.mode("front"), "unlocked")
        self.assertEqual(self.events.take(kind="mode", mode="unlocked")["jti"], self.told(verb="unlock")["jti"])
        self.command("lock", "front")
        self.assertEqual(self.mode("front"), "controlled")
        self.command("mode", "front", "blocked", "--for", "2s")
        self.events.take(kind="mode", door="front", mode="blocked")
        self.events.take(kind="mode", door="front", mode="controlled")
        self.command("mode", "gym", "locked_open")
        self.command("mode", "gym", "auto")
        self.assertEqual(self.mode("gym"), "controlled")

    def test_lockdown(self):
        self.start_site()
        self.command("lockdown", "*", "on")
        self.assertEqual((self.mode("front"), self.mode("gym")), ("locked_down", "locked_down"))
        self.assertIn("denied: LOCKDOWN", self.command("open", "front.in", "ada", status=NO))
        self.command("lockdown", "*", "off")
        self.assertEqual(self.mode("front"), "controlled")
        self.command("lockdown", "gym", "on")
        self.assertEqual((self.mode("front"), self.mode("gym")), ("controlled", "locked_down"))
        self.events.take(kind="lockdown", door="gym", on=True)
        self.command("lockdown", "gym", "off")
        self.assertEqual(self.mode("gym"), "controlled")

    def test_others(self):
        self.start_site()
        self.command("forgive", "ada")
        self.command("show", "front.in", "Please come in", "--for", "5s")
        self.command("probe", "front")
        self.command("sync")
        for verb in ("forgive", "show", "probe", "sync"):
            self.assertEqual(self.told(verb=verb)["outcome"], "completed")

    def test_retired_key_signs_nothing_more(self):
        self.start_site()
        self.command("retire_key", "cmd-1")
        self.assertEqual(self.told(verb="retire_key")["kid"], "root-1")
        self.assertIn("refused: retired", self.command("release", "front", status=NO))
        self.assertIn("failed: last_root", self.command("retire_key", "root-1", status=NO))
        self.gateway.restart()
        self.cloud.wait_for("online")
        self.assertIn("refused: retired", self.command("release", "front", status=NO))

    def test_refusals(self):
        self.start_site()
        for words, code in ((("release", "nowhere"), "target"), (("release", "front.in"), "target"),
                            (("open", "front", "ada"), "target"), (("probe", "gym.in"), "target")):
            self.assertIn(f"refused: {code}", self.command(*words, status=NO))
            self.assertEqual(self.told(verb=words[0])["code"], code)

    def test_scope(self):
        self.keys.append(self.make_key("desk", "command", "--verbs", "release", "--targets", "front"))
        self.gateway.configure(broker=self.address(), keys=self.keys)
        self.start_site()
        self.command("release", "front", "--key", "desk")
        self.assertEqual(self.told(verb="release")["kid"], "desk")
        self.assertIn("no key may sign this", self.command("release", "gym", "--key", "desk", status=FAULT))

    def test_slips_are_told_before_anything_is_sent(self):
        self.start_site()
        for words in (("fly", "front"), ("release",), ("sync", "front"), ("mode", "front", "open"), ("lockdown", "*"),
                      ("release", "front", "--direction", "up"), ("show", "front.in"), ("open", "front.in"),
                      ("show", "front.in", "x" * 129), ("show", "front.in", "x", "--for", "1h"), ("release", "no door")):
            self.command(*words, status=USAGE)
        self.assertEqual([event for event in self.gateway.ask("events") if event["kind"] == "command"], [])


class Once(CommandTest):
    """Whatever the broker does with a command, it is carried out once (C2)."""

    def forget_challenge(self):
        """As if the last state were long ago: the cloud's next challenge is nobody's."""
        with contextlib.closing(sqlite3.connect(os.path.join(self.cloud.directory, "cloud.db"))) as database, database:
            state = json.loads(database.execute("SELECT state FROM gateways").fetchone()[0])
            state["challenge"] = "A" * 22
            database.execute("UPDATE gateways SET state = ?", (json.dumps(state),))

    def caught(self, subscriber):
        return next_message(subscriber, ROOT + "down/command")["payload"]

    def result(self, subscriber):
        return json.loads(next_message(subscriber, ROOT + "up/result")["payload"])

    def releases(self):
        return [event for event in self.gateway.ask("events") if event["kind"] == "released"]

    def test_C2_repeated__first_answer_and_nothing_driven(self):
        self.start_site()
        commands = self.enterContext(self.broker.subscribe(ROOT + "down/command"))
        results = self.enterContext(self.broker.subscribe(ROOT + "up/result"))
        self.forget_challenge()
        self.command("release", "front")
        sent = [self.caught(commands), self.caught(commands)]
        answers = [self.result(results), self.result(results)]
        self.assertEqual([answer["outcome"] for answer in answers], ["refused", "completed"])
        for _ in range(2):
            for payload, answer in zip(sent, answers):
                self.broker.publish(ROOT + "down/command", payload)
                again = self.result(results)
                self.assertTrue(again.pop("repeat"))
                if "challenge" in answer:
                    self.assertNotEqual(again.pop("challenge"), answer["challenge"])
                self.assertEqual(again, {key: value for key, value in answer.items() if key != "challenge"})
            self.gateway.restart()
            self.cloud.wait_for("online")
        self.assertEqual(len(self.releases()), 1)

    def test_C2_killed_while_the_door_is_told__unknown_and_nothing_driven_again(self):
        device = self.gateway.sim("front", points=["front.reader"], targets=["front"], complete_ms=600000)
        self.start_site(device)
        commands = self.enterContext(self.broker.subscribe(ROOT + "down/command"))
        sender = self.enterContext(Program(STILE_CLOUD, "--directory", self.cloud.directory, "command", "release", "front",
                                           echo=True))
        accepted = self.events.take(kind="accepted", door="front")
        self.gateway.kill()
        self.gateway.start()
        event = self.told(verb="release", outcome="unknown")
        self.assertEqual((event["jti"], event["door"]), (accepted["jti"], "front"))
        self.assertIn("unknown", sender.output.next())
        self.assertEqual(sender.wait(), UNKNOWN)
        self.cloud.wait_for("online")
        results = self.enterContext(self.broker.subscribe(ROOT + "up/result"))
        self.broker.publish(ROOT + "down/command", self.caught(commands))
        again = self.result(results)
        self.assertEqual((again["outcome"], again["repeat"], again["seq"]), ("unknown", True, event["seq"]))
        self.assertEqual(len(self.releases()), 1)

    def test_C1_retained__is_refused(self):
        self.start_site()
        commands = self.enterContext(self.broker.subscribe(ROOT + "down/command"))
        results = self.enterContext(self.broker.subscribe(ROOT + "up/result"))
        self.command("release", "front")
        self.result(results)
        self.broker.publish(ROOT + "down/command", self.caught(commands), retain=True)
        self.assertEqual(self.result(results)["code"], "retained")

    def test_override__outlasts_a_restart_and_ends_on_time(self):
        self.start_site()
        self.command("unlock", "front", "--for", "1h")
        self.command("mode", "gym", "blocked", "--for", "3s")
        self.gateway.restart()
        self.assertEqual(self.mode("front"), "unlocked")
        self.events.take(kind="mode", door="gym", mode="controlled")

    def test_nobody_there__nothing_is_sent(self):
        self.start_site()
        self.gateway.stop()
        self.cloud.wait_for("offline")
        self.assertIn("not online", self.command("release", "front", status=FAULT))
        self.cloud.stop()
        self.assertIn("nobody serves", self.command("release", "front", status=FAULT))


class Wall(CommandTest):
    def test_time__gateway_without_a_clock_is_told(self):
        self.gateway.configure(broker=self.address(), keys=self.keys, clock="kernel")
        self.start_site()
        if self.gateway.ask("status")[0]["clock"] == "none":
            self.events.take(kind="clock", clock="holdover")
        self.gateway.restart()
        self.assertIn(self.gateway.ask("status")[0]["clock"], ("holdover", "synced"))
        self.cloud.wait_for("online")
        self.command("release", "front")

    def test_P7_lease__runs_out_and_is_renewed(self):
        self.cloud.run("lease", "2s")
        self.start_site()
        reports = self.enterContext(self.broker.subscribe(ROOT + "up/report"))
        self.cloud.stop()
        self.events.take(kind="alarm", reason="lease", on=True)
        while {"kind": "lease"} not in json.loads(next_message(reports, ROOT + "up/report")["payload"])["alarms"]:
            continue
        self.assertTrue(self.gateway.ask("sync")[0]["lease"]["over"])
        self.works()  # it does nothing to decisions
        self.cloud.serve(self.broker.port)
        self.events.take(kind="alarm", reason="lease", on=False)
        self.assertFalse(self.gateway.ask("sync")[0]["lease"]["over"])
        while json.loads(next_message(reports, ROOT + "up/report")["payload"])["alarms"]:
            continue


if __name__ == "__main__":
    unittest.main()
