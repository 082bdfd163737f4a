# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateway as a whole, on simulated devices: taps, what operators ask, its start and its end."""
import json
import os
import re
import signal
import socket
import subprocess
import unittest

from gateway import ADA, BEN, CLEO, DAN, STILED, Gateway, SystemTest, card
from support import LIMIT_S, Program


class Tap(SystemTest):
    def test_granted__is_released_and_passes(self):
        self.start()
        granted = self.tap("gym.reader", ADA, kind="granted")
        released = self.events.take(kind="released", door="gym")
        accepted = self.events.take(kind="accepted", door="gym")
        completed = self.events.take(kind="completed", door="gym")
        passage = self.events.take(kind="passage", door="gym")
        for event in (released, accepted, completed, passage):
            self.assertEqual(event["cause"], granted["seq"])
            self.assertGreater(event["seq"], granted["seq"])
        told = {"point": "gym.in", "door": "gym", "user": "ada", "credential": "ada.card", "type": "card",
                "reason": "RULE", "rule": "members", "pulse_ms": 500, "clock": "holdover"}
        self.assertEqual(told, {member: granted.get(member) for member in told})
        self.assertEqual((passage["user"], passage["direction"]), ("ada", "entry"))
        self.assertNotIn(ADA, json.dumps([granted, released, passage]))

    def test_denied__says_why(self):
        self.start()
        denied = self.tap("gym.reader", CLEO, kind="denied")
        self.assertEqual((denied["user"], denied["failed"]), ("cleo", ["USER_EXPIRED"]))
        denied = self.tap("gym.reader", DAN, kind="denied")
        self.assertEqual((denied["user"], denied["failed"]), ("dan", ["OUTSIDE_SCHEDULE"]))
        denied = self.tap("gym.reader", "04FF", kind="denied")
        self.assertEqual((denied["reason"], denied["value"]), ("UNKNOWN_CREDENTIAL", "04FF"))
        self.assertEqual([event["kind"] for event in self.events.until(denied["seq"]) if "door" in event], ["denied"] * 3)

    def test_log_and_databases__hold_no_number(self):
        self.start(("credential", {"id": "ada.pin", "user": "ada", "type": "pin", "value": "90817263"}))
        self.works()
        self.tap("front.reader", "90817263", "pin", kind="denied")
        self.gateway.stop()
        for name in os.listdir(self.gateway.state):
            with open(os.path.join(self.gateway.state, name), "rb") as f:
                content = f.read()
            for secret in (ADA, BEN, "90817263"):
                self.assertNotIn(secret.encode(), content, name)

    def test_strict_log_and_limited_uses__commit_first(self):
        self.start(("door", {"id": "front", "kind": "door", "target": "front", "pulse_ms": 500, "strict_log": True}),
                   card("ben", BEN, uses=1))
        granted = self.tap("front.reader", ADA, kind="granted")
        released = self.events.take(kind="released", door="front")
        self.assertEqual(released["cause"], granted["seq"])
        self.assertGreater(released["at"], granted["at"])  # another turn of the loop
        granted = self.tap("gym.reader", BEN, kind="granted")
        released = self.events.take(kind="released", door="gym")
        self.assertGreater(released["at"], granted["at"])
        self.events.take(kind="passage", user="ben")
        self.assertEqual(self.tap("gym.exit", BEN, kind="denied")["reason"], "USED_UP")

    def test_pending__until_the_second_factor(self):
        self.start(("access_point", {"id": "front.in", "door": "front", "direction": "entry", "readers": ["front.reader"],
                                     "factors": [{"any": [["card", "pin"]]}]}),
                   ("credential", {"id": "ada.pin", "user": "ada", "type": "pin", "value": "1234"}))
        pending = self.tap("front.reader", ADA, kind="pending")
        self.assertEqual(pending["reason"], "SECOND_FACTOR_REQUIRED")
        granted = self.tap("front.reader", "1234", "pin", kind="granted")
        self.assertEqual((granted["user"], granted["credential"]), ("ada", "ada.pin"))
        self.assertNotIn("1234", json.dumps([line for line in self.events.lines.values() if '"pin"' in line]))

    def test_mode__unlocked_by_policy__holds_the_device_and_grants(self):
        self.start()
        unlocked = {"id": "front", "kind": "door", "target": "front", "mode": "unlocked"}
        self.cloud.put("door", unlocked)
        self.assertEqual(self.events.take(kind="mode", door="front")["mode"], "unlocked")
        granted = self.tap("front.reader", CLEO, kind="granted")
        self.assertEqual(granted["reason"], "DOOR_UNLOCKED")
        self.cloud.put("door", {**unlocked, "mode": "blocked"})
        self.assertEqual(self.events.take(kind="mode", door="front")["mode"], "blocked")
        self.assertEqual(self.tap("front.reader", ADA, kind="denied")["reason"], "DOOR_BLOCKED")

    def test_fire__opens_whatever_else(self):
        self.start()
        self.gateway.happen("gym", "input target gym fire on")
        self.assertEqual(self.events.take(kind="mode", door="gym")["mode"], "locked_open")
        self.assertEqual(self.tap("gym.reader", DAN, kind="granted")["reason"], "DOOR_UNLOCKED")
        self.gateway.happen("gym", "input target gym fire off")
        self.assertEqual(self.events.take(kind="mode", door="gym")["mode"], "controlled")
        self.assertEqual(self.tap("gym.reader", DAN, kind="denied")["reason"], "OUTSIDE_SCHEDULE")

    def test_exit_button__opens(self):
        self.start()
        for value in ("off", "on"):
            self.gateway.happen("front", f"input target front rex {value}")
        rex = self.events.take(kind="rex", door="front")
        self.events.take(kind="completed", door="front", direction="exit", cause=rex["seq"])


class Asking(SystemTest):
    def setUp(self):
        super().setUp()
        self.start()
        self.cloud.wait_for("online")

    def members(self, answer, expected):
        self.assertEqual(expected, {member: answer.get(member) for member in expected})

    def test_status(self):
        self.works()
        status, = self.gateway.ask("status")
        self.members(status, {"site": "hub", "gateway": "gw1", "trust": "broker", "clock": "holdover",
                              "devices": {"up": 2, "total": 2}})
        self.members(status["policy"], {"version": 1, "items": 21, "dangling": []})
        self.members(status["link"], {"configured": True, "connected": True})
        self.assertEqual(status["events"]["oldest"], 1)
        self.assertRegex(status["utc"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertIn("gateway  hub/gw1", self.gateway.ctl("status"))

    def test_devices(self):
        front, gym = self.gateway.ask("devices")
        self.members(front, {"id": "front", "driver": "sim", "state": "up", "restarts": 0, "version": "1",
                             "points": ["front.reader"], "targets": ["front"]})
        self.members(gym, {"id": "gym", "state": "up"})
        self.assertRegex(self.gateway.ctl("devices"), r"(?m)^gym +sim +up ")

    def test_doors(self):
        granted = self.works()
        self.gateway.happen("front", "input target front contact on")
        opened = self.events.take(kind="opened", door="front")
        front, gym = self.gateway.ask("doors")
        self.members(front, {"id": "front", "name": "Front door", "kind": "door", "mode": "controlled", "target": "front",
                             "device": "front", "device_state": "up", "state": "open",
                             "points": [{"id": "front.in", "direction": "entry"}]})
        self.assertEqual(front["last"], opened)
        self.members(gym, {"id": "gym", "kind": "turnstile", "state": "unknown"})
        self.assertNotIn("last", gym)
        self.assertGreater(opened["seq"], granted["seq"])

    def test_release(self):
        answer, = self.gateway.ask("release", "gym", "exit", "--reason", "lost card")
        self.members(answer, {"door": "gym", "direction": "exit", "outcome": "completed"})
        operator = self.events.take(kind="operator")
        self.members(operator, {"door": "gym", "direction": "exit", "operator": "root", "verb": "release",
                                "text": "lost card"})
        self.events.take(kind="released", cause=operator["seq"])
        self.assertIn('there is no door "gmy"; did you mean "gym"?',
                      self.gateway.ctl("release", "gmy", "exit", "--reason", "x", status=1))
        self.assertIn("DIRECTION", self.gateway.ctl("release", "gym", "up", "--reason", "x", status=2))

    def test_release__that_fails__exits_with_1(self):
        self.cloud.put(*self.gateway.sim("gym", points=["gym.reader", "gym.exit"], targets=["gym"], fail="jammed"))
        self.events.take(kind="policy_applied")
        self.up("gym")
        answer, = self.gateway.ask("release", "gym", "entry", "--reason", "x", status=1)
        self.members(answer, {"outcome": "failed", "reason": "jammed"})
        self.assertEqual(self.events.take(kind="failed", door="gym")["reason"], "jammed")

    def test_release__of_a_door_without_its_device__is_refused_at_once(self):
        self.cloud.run("del", "device", "gym")
        self.events.take(kind="policy_applied")
        answer, = self.gateway.ask("release", "gym", "entry", "--reason", "x", status=1)
        self.members(answer, {"outcome": "failed", "reason": "unknown_target"})

    def test_release__by_others__is_not_permitted(self):
        for directory in (self.directory, self.gateway.directory):
            os.chmod(directory, 0o711)
        done = subprocess.run(["setpriv", "--reuid", "nobody", "--clear-groups", "/usr/bin/python3", "-c", OTHERS,
                               self.gateway.socket], capture_output=True, text=True, timeout=LIMIT_S)
        self.assertEqual(done.stdout.split(), ["4", "0"], done.stderr)

    def test_events(self):
        first = self.works("gym")
        self.events.take(kind="passage")
        last = self.tap("front.reader", CLEO, kind="denied")
        everything = self.gateway.ask("events")
        self.assertEqual([event["seq"] for event in everything], list(range(1, last["seq"] + 1)))
        self.assertEqual(everything, self.events.until(last["seq"]))
        self.assertEqual({event["door"] for event in self.gateway.ask("events", "--door", "gym")}, {"gym"})
        self.assertEqual(self.gateway.ask("events", "--user", "cleo"), [last])
        self.assertEqual(self.gateway.ask("events", "--limit", "1"), [last])
        self.assertEqual(self.gateway.ask("events", "--since", first["utc"])[0]["seq"], first["seq"])
        self.assertEqual(self.gateway.ask("events", "--user", "nobody"), [])

    def test_user_find(self):
        ada, = self.gateway.ask("user", "find", "LOVE")
        self.members(ada, {"id": "ada", "name": "Ada Lovelace", "kind": "member", "status": "active", "tags": ["member"],
                           "credentials": 1, "doors": ["front", "gym"]})
        self.gateway.ctl("user", "find", "zoe", status=1)

    def test_explain__of_what_was_decided(self):
        self.assertIn("nothing was presented there", self.gateway.ctl("explain", "--last", "gym", status=1))
        denied = self.tap("gym.reader", CLEO, kind="denied")
        answer, = self.gateway.ask("explain", "--last", "gym")
        self.members(answer, {"point": "gym.in", "door": "gym", "verdict": "deny", "reason": "USER_EXPIRED",
                              "failed": ["USER_EXPIRED"], "user": "cleo", "name": "Cleo Maret", "seq": denied["seq"]})
        self.assertIn("2020-12-31", answer["details"][0]["text"])
        self.tap("gym.reader", DAN, kind="denied")
        self.assertIn("outside the hours", self.gateway.ctl("explain", "--last", "gym"))
        self.tap("gym.reader", "0499", kind="denied")
        self.assertEqual(self.gateway.ask("explain", "--last", "gym")[0]["reason"], "UNKNOWN_CREDENTIAL")
        self.assertIn("no such door", self.gateway.ctl("explain", "--last", "gmy", status=1))

    def test_explain__of_what_would_be(self):
        self.members(self.gateway.ask("explain", "ada", "gym.in")[0],
                     {"verdict": "grant", "reason": "RULE", "rule": "members", "user": "ada", "failed": []})
        self.members(self.gateway.ask("explain", "cleo", "gym.in")[0], {"verdict": "deny", "reason": "USER_EXPIRED"})
        self.members(self.gateway.ask("explain", "cleo", "gym.in", "--at", "2020-06-01T12:00:00Z")[0],
                     {"verdict": "grant", "at": "2020-06-01T12:00:00.000Z"})
        self.gateway.ctl("explain", "zoe", "gym.in", status=1)
        self.gateway.ctl("explain", "ada", "gym", status=1)
        self.assertFalse([event for event in self.gateway.ask("events") if "user" in event])  # nothing was presented

    def test_explain__names_the_rules_that_came_nearest(self):
        closed = {"rule": "weekenders", "name": "weekenders", "state": "closed"}
        others = {"rule": "members", "name": "Members", "state": "others", "tags": ["member"]}
        answer, = self.gateway.ask("explain", "dan", "gym.in")
        self.members(answer, {"reason": "OUTSIDE_SCHEDULE", "point_name": "gym.in", "door_name": "Gym turnstile",
                              "nearest": [closed, others]})
        self.tap("gym.reader", DAN, kind="denied")
        self.assertEqual(self.gateway.ask("explain", "--last", "gym")[0]["nearest"], [closed, others])
        self.assertIn("Members (members) lets in people with the tag member.", self.gateway.ctl("explain", "--last", "gym"))
        self.assertNotIn("nearest", self.gateway.ask("explain", "ada", "gym.in")[0])

    def test_explain__with_another_clock(self):
        answer, = self.gateway.ask("explain", "cleo", "gym.in", "--at", "2020-06-01T12:00:00Z", "--clock", "none")
        self.members(answer, {"clock": "none", "verdict": "deny", "failed": ["CLOCK_UNTRUSTED"], "at": None})
        answer, = self.gateway.ask("explain", "cleo", "gym.in", "--at", "2020-06-01T12:00:00Z", "--clock", "holdover")
        self.members(answer, {"clock": "holdover", "verdict": "grant", "at": "2020-06-01T12:00:00.000Z"})

    def test_who_can(self):
        answers = self.gateway.ask("who-can", "gym.in")
        self.assertEqual([(answer["user"], answer["name"], answer["verdict"], answer["failed"]) for answer in answers],
                         [("ada", "Ada Lovelace", "grant", []), ("ben", "Ben Ruiz", "grant", []),
                          ("cleo", "Cleo Maret", "deny", ["USER_EXPIRED"]),
                          ("dan", "Dan Okafor", "deny", ["OUTSIDE_SCHEDULE"])])
        answers = self.gateway.ask("who-can", "gym.in", "--at", "2020-06-01T12:00:00Z", "--limit", "3")
        self.assertEqual([answer["verdict"] for answer in answers], ["grant"] * 3)
        self.assertIn("there is no such access point", self.gateway.ctl("who-can", "gym", status=1))
        for rule in ("members", "weekenders"):
            self.cloud.run("del", "rule", rule)
            self.events.take(kind="policy_applied")
        self.assertIn("no rule joins anybody", self.gateway.ctl("who-can", "gym.in", status=1))

    def test_who_can__many__all_by_id(self):
        people = [f"u{i:05}" for i in range(3000)]
        self.cloud.take([("user", {"id": user, "name": user, "tags": ["weekend"]}) for user in people])
        self.events.take(kind="policy_applied")
        answers = self.gateway.ask("who-can", "gym.in", "--limit", "10000")
        self.assertEqual([answer["user"] for answer in answers], ["ada", "ben", "cleo", "dan", *people])
        self.assertEqual(answers[-1]["failed"], ["UNKNOWN_CREDENTIAL"])
        self.assertEqual(len(self.gateway.ask("who-can", "gym.in")), 1000)

    def test_where_can(self):
        self.cloud.take([("schedule", {"id": "sundays", "windows": [{"days": ["sun"], "from": "10:00", "to": "12:00"}]}),
                         ("rule", {"id": "weekenders", "tags": ["weekend"], "doors": ["front"], "schedule": "sundays"})])
        self.events.take(kind="policy_applied")
        answers = self.gateway.ask("where-can", "dan", "--at", "2026-07-04T12:00:00Z")
        self.assertEqual([(answer["point"], answer["door"], answer["failed"], answer.get("opens")) for answer in answers],
                         [("front.in", "front", ["OUTSIDE_SCHEDULE"], "2026-07-05T08:00:00.000Z"),
                          ("gym.in", "gym", ["NO_RULE"], None), ("gym.out", "gym", ["NO_RULE"], None)])
        self.assertEqual([answer["verdict"] for answer in self.gateway.ask("where-can", "ada")], ["grant"] * 3)
        self.assertIn("there is no such user", self.gateway.ctl("where-can", "zoe", status=1))

    def test_version(self):
        self.assertEqual([answer["program"] for answer in self.gateway.ask("version")], ["stilectl", "stiled"])


# Run as somebody who may read but not operate: prints what release and status end with.
OTHERS = """
import json, socket, sys
with socket.socket(socket.AF_UNIX) as s:
    s.connect(sys.argv[1])
    lines = s.makefile("rw")
    for request in ({"command": "release", "args": {"door": "gym", "direction": "entry", "reason": "x"}},
                    {"command": "status"}):
        lines.write(json.dumps(request) + "\\n")
        lines.flush()
        while not (answer := json.loads(lines.readline())).get("done"):
            pass
        print(answer["exit"])
"""


class Life(SystemTest):
    def test_check_config__names_file_line_and_member(self):
        check = [STILED, "--config", self.gateway.config, "--check-config"]
        done = subprocess.run(check, capture_output=True, text=True, timeout=LIMIT_S)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        with open(self.gateway.config, "w", encoding="utf-8") as f:
            f.write('{\n  "site": "hub",\n  "gatway": "gw1",\n  "broker": {"host": "b", "port": 70000}\n}\n')
        done = subprocess.run(check, capture_output=True, text=True, timeout=LIMIT_S)
        self.assertEqual(done.returncode, 78)
        for place in ("1: gateway: ", "3: gatway: ", "4: broker.port: "):
            self.assertIn(f"{self.gateway.config}:{place}", done.stderr)
        run = subprocess.run(check[:3], capture_output=True, text=True, timeout=LIMIT_S)
        self.assertEqual((run.returncode, run.stderr), (78, done.stderr))

    def test_sigterm__takes_leave(self):
        states = self.enterContext(self.broker.subscribe("stile/1/hub/gw1/up/state"))
        self.start()
        self.gateway.stop()  # and its children
        self.assertFalse(os.path.exists(self.gateway.socket))
        seen = []
        while not seen or seen[-1]["online"]:
            seen.append(json.loads(json.loads(states.output.next())["payload"]))
        self.assertEqual(seen[-1], {**{member: seen[-2][member] for member in ("gateway", "boot", "conn")}, "online": False})
        self.gateway.start()
        self.up("front")
        self.works()

    def test_sigterm__while_much_is_under_way__is_clean(self):
        self.start(("door", {"id": "front", "kind": "door", "target": "front", "pulse_ms": 500, "strict_log": True}))
        for number in range(10):
            self.cloud.put("tag", {"id": "other", "name": f"Others {number}"})
            for _ in range(30):
                self.gateway.tap("front.reader", ADA)
                self.gateway.tap("gym.reader", BEN)
            self.gateway.restart()
            self.up("front")
            self.up("gym")

    def test_systemd__is_told(self):
        path = os.path.join(self.directory, "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(path)
            notify.settimeout(LIMIT_S)
            self.site()
            self.gateway.start(NOTIFY_SOCKET=path, WATCHDOG_USEC="200000")
            told = []
            while "READY=1" not in told or told.count("WATCHDOG=1") < 3:
                told += notify.recv(4096).decode().split("\n")
            self.gateway.stop()
            while "STOPPING=1" not in told:
                told += notify.recv(4096).decode().split("\n")

    def second(self, **config):
        """A second stiled that has to give up; returns what it says."""
        other = Gateway(self.directory, gateway="gw2")
        other.configure(**config)
        done = subprocess.run([STILED, "--config", other.config], capture_output=True, text=True, timeout=LIMIT_S)
        self.assertEqual(done.returncode, 1, done.stderr)
        return done.stderr

    def test_second__on_the_same_state__is_refused(self):
        self.start()
        self.assertRegex(self.second(state_directory=self.gateway.state), r"ledger\.db: .*(in use|locked)")
        self.works()

    def test_second__on_the_same_socket__is_refused_before_it_does_anything(self):
        self.start()
        self.assertIn("control.sock: another stiled listens there", self.second(control_socket=self.gateway.socket))
        self.assertEqual(os.listdir(os.path.join(self.directory, "gw2", "state")), [])
        self.works()

    def test_restart__keeps_policy_presence_and_events(self):
        self.start(("area", {"id": "gym", "anti_passback": "hard"}), card("ben", BEN, uses=1))
        self.works("gym")
        self.events.take(kind="passage", user="ada")
        self.tap("gym.reader", BEN, kind="granted")
        last = self.events.take(kind="passage", user="ben")
        self.broker.kill()
        before = self.gateway.ask("events")
        self.gateway.restart()
        boot = self.events.take(kind="boot", seq=last["seq"] + 1)
        self.assertEqual(self.gateway.ask("events")[:len(before)], before)
        self.assertEqual(boot["epoch"], last["epoch"])
        self.up("gym")
        self.assertEqual(self.tap("gym.reader", ADA, kind="denied")["reason"], "ANTI_PASSBACK")
        self.assertIn("USED_UP", self.tap("gym.reader", BEN, kind="denied")["failed"])
        self.assertEqual(self.tap("gym.exit", ADA, kind="granted")["user"], "ada")

    def damage(self, name):
        """Overwrites its first pages, and what the journal could mend them with."""
        path = os.path.join(self.gateway.state, name)
        with open(path, "r+b") as f:
            f.write(b"\xa5" * 8192)
        for journal in (path + "-wal", path + "-shm"):
            if os.path.exists(journal):
                os.unlink(journal)

    def test_damaged_policy__lies_aside_and_comes_again(self):
        self.start()
        self.gateway.stop()
        self.damage("policy.db")
        self.assertIn("policy.db was damaged", self.gateway.start())
        self.gateway.log(".1 is in force")
        self.up("front")
        self.works()
        self.assertTrue(aside(self.gateway.state, "policy.db"))

    def test_damaged_ledger__lies_aside_and_a_new_epoch_begins(self):
        self.start()
        epoch = self.works()["epoch"]
        self.gateway.stop()
        self.damage("ledger.db")
        self.assertIn("ledger.db was damaged", self.gateway.start())
        self.up("front")
        granted = self.works()
        self.assertNotEqual(granted["epoch"], epoch)
        self.assertTrue(aside(self.gateway.state, "ledger.db"))
        self.cloud.wait_for_event(granted)


def aside(directory, name):
    return [entry for entry in os.listdir(directory) if re.fullmatch(re.escape(name) + r"[.-].+", entry)
            and not entry.endswith(("-wal", "-shm"))]


if __name__ == "__main__":
    unittest.main()
