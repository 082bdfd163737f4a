# SPDX-License-Identifier: GPL-3.0-or-later
"""What reaches a door's device, seen from the device: the test itself is the driver of the door `back`.

Its program, stile-wire, only joins the gateway to a socket of the test, so that the test reads every command and can
answer late, twice, or with a lie.
"""
import json
import os
import socket
import time
import unittest

from gateway import ADA, SystemTest
from support import LIMIT_S, next_message

WIRE = """#!/usr/bin/python3 -S
import json, os, socket, threading
first = os.fdopen(0, "rb", 0, closefd=False).readline()
wire = socket.socket(socket.AF_UNIX)
wire.connect(json.loads(first)["device"]["socket"])
wire.sendall(first)
def pump(read, write):
    try:
        while data := read():
            write(data)
    except OSError:
        pass
    os._exit(0)
threading.Thread(target=pump, args=(lambda: os.read(0, 4096), wire.sendall), daemon=True).start()
pump(lambda: wire.recv(4096), lambda data: os.write(1, data))
"""


def boot_us():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


class Driver:
    """One life of the driver's process."""

    def __init__(self, connection, targets):
        connection.settimeout(LIMIT_S)
        self.connection = connection
        self.lines = connection.makefile("r", encoding="utf-8")
        assert self.hear()["do"] == "configure"
        self.say(ev="hello", driver="wire", version="1", protocol=1, points=["back.reader"], targets=targets)
        self.say(ev="health", state="up")

    def say(self, **members):
        self.connection.sendall((json.dumps(members) + "\n").encode())

    def hear(self):
        """The next command but pings, which are answered."""
        while True:
            line = self.lines.readline()
            assert line, "the gateway closed it"
            command = json.loads(line)
            if command["do"] != "ping":
                return command
            self.say(ev="pong", id=command.get("id", 0))

    def hear_of(self, do):
        while (command := self.hear())["do"] != do:
            pass
        return command

    def end(self):
        self.connection.close()


class DoorTest(SystemTest):
    def setUp(self):
        super().setUp()
        program = os.path.join(self.gateway.directory, "drivers", "stile-wire")
        with open(program, "w", encoding="utf-8") as f:
            f.write(WIRE)
        os.chmod(program, 0o755)
        self.path = os.path.join(self.directory, "wire")
        self.listener = self.enterContext(socket.socket(socket.AF_UNIX))
        self.listener.bind(self.path)
        self.listener.listen()
        self.listener.settimeout(LIMIT_S)

    def driver(self, *targets):
        return Driver(self.listener.accept()[0], list(targets or ("back",)))

    def device(self, *targets):
        return "device", {"id": "back", "driver": "wire", "socket": self.path, "points": ["back.reader"],
                          "targets": list(targets or ("back",))}

    def door(self, **members):
        return "door", {"id": "back", "kind": "door", "target": "back", "pulse_ms": 500, **members}

    def begin(self, *more, **door):
        self.site(self.device(), self.door(**door),
                  ("access_point", {"id": "back.in", "door": "back", "direction": "entry", "readers": ["back.reader"]}),
                  ("rule", {"id": "back", "users": ["ada"], "doors": ["back"]}), *more)
        self.cloud.serve(self.broker.port)
        self.gateway.start()
        return self.driver()

    def put(self, kind, item):
        self.cloud.put(kind, item)
        self.events.take(kind="policy_applied")

    def holds(self, driver, on, target="back", outcome="completed"):
        command = driver.hear_of("hold")
        self.assertEqual((command["target"], command["on"]), (target, on))
        driver.say(ev="result", id=command["id"], outcome=outcome)


class Modes(DoorTest):
    def test_restart__with_an_unlocked_door__holds_it(self):
        self.holds(self.begin(mode="unlocked"), True)
        self.gateway.restart()
        self.holds(self.driver(), True)

    def test_device__back_after_the_mode_has_ended__lets_go(self):
        first = self.begin(mode="unlocked")
        self.holds(first, True)
        first.end()
        self.events.take(kind="device_down", device="back")
        self.put(*self.door())
        self.holds(self.driver(), False)

    def test_gateway__back_after_the_mode_has_ended__lets_go(self):
        self.holds(self.begin(), False)

    def test_hold__not_done__is_told_again(self):
        driver = self.begin()
        self.holds(driver, False)
        self.put(*self.door(mode="unlocked"))
        self.holds(driver, True)
        self.put(*self.door(mode="blocked"))
        self.holds(driver, False, outcome="failed")
        self.holds(driver, False)

    def test_hold__that_the_device_cannot__is_an_event_and_not_tried_again(self):
        driver = self.begin()
        self.holds(driver, False)
        self.put(*self.door(mode="unlocked"))
        command = driver.hear_of("hold")
        driver.say(ev="result", id=command["id"], outcome="failed", reason="not_supported")
        failed = self.events.take(kind="failed", door="back")
        self.assertEqual((failed["device"], failed["reason"]), ("back", "not_supported"))
        self.assertIn("cannot be held open", failed["text"])
        self.assertIn("cannot be held open", self.gateway.ctl("doors"))
        card = {"type": "card", "value": "DEAD", "assurance": "identifier"}
        driver.say(ev="presented", at=boot_us(), point="back.reader", credential=card)
        granted = self.events.take(kind="granted", door="back")
        self.assertEqual(driver.hear_of("release")["target"], "back")
        self.events.take(kind="released", door="back", cause=granted["seq"])
        self.put(*self.door())
        self.holds(driver, False)

    def test_contact__that_nobody_sees_any_more__is_unknown(self):
        driver = self.begin()
        driver.say(ev="input", at=boot_us(), target="back", role="contact", value=False)
        self.events.take(kind="closed", door="back")
        driver.say(ev="health", state="degraded", reason="unit 1 (back): silent")
        self.assertEqual(self.events.take(kind="device_degraded", device="back")["reason"], "unit 1 (back): silent")
        driver.say(ev="state", at=boot_us(), target="back", lock="locked")  # says nothing of the door
        driver.say(ev="input", at=boot_us(), target="back", role="tamper", value=True)
        self.events.take(kind="tamper", door="back")
        self.assertEqual(self.gateway.ask("doors")[0]["state"], "closed")
        driver.say(ev="state", at=boot_us(), target="back", door="unknown")
        driver.say(ev="input", at=boot_us(), target="back", role="tamper", value=False)
        self.events.take(kind="tamper", door="back")
        self.assertEqual(self.gateway.ask("doors")[0]["state"], "unknown")
        driver.say(ev="health", state="up")
        self.events.take(kind="device_up", device="back")

    def test_held_target__of_no_door_any_more__is_let_go(self):
        driver = self.begin(mode="unlocked")
        self.holds(driver, True)
        self.cloud.run("del", "door", "back")
        self.holds(driver, False)

    def test_held_target__of_no_door_any_more_while_its_device_is_down__is_complained_of(self):
        driver = self.begin(mode="unlocked")
        self.holds(driver, True)
        driver.end()
        self.events.take(kind="device_down", device="back")
        self.cloud.run("del", "door", "back")
        self.gateway.log("may hold it open still")

    def test_held_target__that_its_device_has_no_more__is_let_go(self):
        driver = self.begin(mode="unlocked")
        self.holds(driver, True)
        self.cloud.put(*self.device("side"))
        self.assertFalse(driver.hear_of("hold")["on"])
        self.assertEqual(driver.hear()["do"], "shutdown")

    def test_held_target__that_is_another_devices_now__is_let_go_by_the_one_and_held_by_the_other(self):
        first = self.begin(mode="unlocked")
        self.holds(first, True)
        self.cloud.put("device", {**self.device()[1], "id": "aside"})
        self.holds(first, False)
        self.holds(self.driver(), True)
        self.cloud.run("del", "device", "back")
        self.assertEqual(first.hear()["do"], "shutdown")

    def test_unlocked_door__that_moves_to_another_target__takes_its_mode_along(self):
        self.site(self.device("back", "side"), self.door(mode="unlocked"))
        self.cloud.serve(self.broker.port)
        self.gateway.start()
        driver = self.driver("back", "side")
        self.holds(driver, True)
        self.put(*self.door(mode="unlocked", target="side"))
        self.holds(driver, True, "side")
        self.holds(driver, False)


class Free(DoorTest):
    """A turnstile whose exit is free."""

    def holds(self, driver, on, direction, outcome="completed"):
        command = driver.hear_of("hold")
        self.assertEqual((command["on"], command.get("direction")), (on, direction))
        driver.say(ev="result", id=command["id"], outcome=outcome)

    def test_free_exit__is_held_alone(self):
        driver = self.begin(kind="turnstile", free="exit")
        self.holds(driver, False, None)
        self.holds(driver, True, "exit")
        self.put(*self.door(kind="turnstile", free="exit", mode="unlocked"))
        self.holds(driver, True, None)
        self.put(*self.door(kind="turnstile", free="exit"))
        self.holds(driver, False, None, outcome="failed")
        self.holds(driver, False, None)
        self.holds(driver, True, "exit")
        self.put(*self.door(kind="turnstile", free="exit", mode="blocked"))
        self.holds(driver, False, None)


class Late(DoorTest):
    def press(self, driver, age_us):
        for value in (False, True):
            driver.say(ev="input", at=boot_us() - age_us, target="back", role="rex", value=value)

    def test_exit_button__pressed_long_ago__opens_nothing(self):
        driver = self.begin()
        self.up("back")
        self.press(driver, 5000000)
        rex = self.events.take(kind="rex", door="back")
        self.events.take(kind="failed", door="back", reason="deadline", cause=rex["seq"])
        self.press(driver, 0)
        self.assertEqual(driver.hear_of("release")["direction"], "exit")


class Waiting(DoorTest):
    """Releases that wait for the commit of their grant, which here takes a second."""

    def begin(self, *more, **door):
        self.gateway.configure(broker=self.address(), limits={"gather_ms": 1000})
        return super().begin(*more, strict_log=True, **door)

    def present(self, driver):
        self.up("back")
        driver.say(ev="presented", at=boot_us(), point="back.reader",
                   credential={"type": "card", "value": ADA, "assurance": "identifier"})
        self.assertEqual(driver.hear_of("show")["indication"], "wait")

    def test_waits__released(self):
        driver = self.begin()
        self.present(driver)
        self.assertEqual(driver.hear()["do"], "release")
        self.assertEqual(driver.hear_of("show")["indication"], "granted")

    def refused(self, driver, reason):
        self.assertEqual(driver.hear()["do"], "show")
        self.assertEqual(self.events.take(kind="failed", door="back")["reason"], reason)

    def test_door_blocked_meanwhile__not_released(self):
        driver = self.begin()
        self.present(driver)
        self.gateway.ask("door", "back", "mode", "blocked", "--reason", "test")
        self.refused(driver, "mode_changed")

    def test_policy_that_refuses_meanwhile__not_released(self):
        driver = self.begin()
        self.present(driver)
        self.cloud.run("del", "rule", "back")
        self.refused(driver, "policy_changed")

    def test_turned_back_meanwhile__not_released(self):
        driver = self.begin(kind="turnstile", passage_timeout_ms=60000)
        self.present(driver)
        driver.say(ev="no_passage", at=boot_us(), target="back", direction="entry")
        self.refused(driver, "not_awaited")

    def test_nobody_waits_any_more__not_released(self):
        driver = self.begin(passage="sensed", passage_timeout_ms=100)
        self.present(driver)
        self.refused(driver, "not_awaited")


class Sensed(DoorTest):
    """What the door's device says of it, and what it is told then."""

    def sense(self, driver, **members):
        driver.say(at=boot_us(), target="back", **members)

    def contact(self, driver, is_open):
        self.sense(driver, ev="input", role="contact", value=is_open)

    def press(self, driver):
        for value in (False, True):
            self.sense(driver, ev="input", role="rex", value=value)

    def commanded(self):
        return next(door["command"] for door in self.gateway.ask("doors") if door["id"] == "back")

    def test_shut_before_the_release_is_over__is_locked(self):
        driver = self.begin(pulse_ms=60000, relock_on_close=True)
        self.up("back")
        self.contact(driver, False)
        self.events.take(kind="closed", door="back")
        self.press(driver)
        driver.hear_of("release")
        self.contact(driver, True)
        self.contact(driver, False)
        shut = self.events.take(kind="closed", door="back")["seq"]
        lock = driver.hear_of("lock")
        self.assertEqual((lock["target"], self.commanded()), ("back", "released"))
        driver.say(ev="result", id=lock["id"], outcome="accepted")
        self.events.take(kind="accepted", door="back", target="back", verb="lock", cause=shut)
        driver.say(ev="result", id=lock["id"], outcome="completed")
        self.events.take(kind="completed", door="back", target="back", verb="lock", cause=shut)
        self.assertEqual(self.commanded(), "locked")

    def test_shut_before_the_release_is_over__device_cannot_lock__is_told_and_stays_released(self):
        driver = self.begin(pulse_ms=60000, relock_on_close=True)
        self.up("back")
        self.contact(driver, False)
        self.events.take(kind="closed", door="back")
        for outcome in ("failed", "unknown"):
            self.press(driver)
            driver.hear_of("release")
            self.contact(driver, True)
            self.contact(driver, False)
            shut = self.events.take(kind="closed", door="back")["seq"]
            driver.say(ev="result", id=driver.hear_of("lock")["id"], outcome=outcome, reason="jammed")
            event = self.events.take(kind=outcome, door="back", verb="lock", reason="jammed", cause=shut)
            self.assertNotIn("direction", event)
            self.assertEqual(self.commanded(), "released")

    def test_exit_button__found_pressed_or_said_again__releases_nothing(self):
        driver = self.begin()
        self.up("back")
        for _ in range(2):
            self.sense(driver, ev="input", role="rex", value=True)
        self.events.take(kind="rex", door="back", on=True)
        self.sense(driver, ev="input", role="tamper", value=True)
        self.events.take(kind="tamper")
        self.assertEqual(self.commanded(), "locked")
        self.press(driver)
        self.assertEqual(driver.hear_of("release")["direction"], "exit")

    def test_exit_button__at_a_reader_that_was_gone__may_be_stuck(self):
        driver = self.begin()
        self.up("back")
        driver.say(ev="input", at=boot_us(), point="back.reader", role="rex", value=False)
        driver.say(ev="health", state="down", reason="unplugged")
        self.events.take(kind="device_down", device="back")
        driver.say(ev="health", state="up")
        driver.say(ev="input", at=boot_us(), point="back.reader", role="rex", value=True)
        self.events.take(kind="rex", point="back.reader", on=True)
        self.sense(driver, ev="input", role="tamper", value=True)
        self.events.take(kind="tamper")
        self.assertEqual(self.commanded(), "locked")

    def test_exit_button__of_a_door_that_opens_by_hand__releases_nothing_and_excuses(self):
        driver = self.begin(rex_releases=False)
        self.up("back")
        self.contact(driver, False)
        self.press(driver)
        rex = self.events.take(kind="rex", door="back", on=True)
        self.contact(driver, True)
        opened = self.events.take(kind="opened", door="back")
        door, = (door for door in self.gateway.ask("doors") if door["id"] == "back")
        self.assertEqual((door["command"], door["alarms"]), ("locked", []))
        self.assertEqual([event["kind"] for event in self.events.until(opened["seq"]) if event["seq"] > rex["seq"]],
                         ["opened"])

    def test_barrier__tells_what_is_in_its_way(self):
        driver = self.begin(kind="barrier")
        self.up("back")
        self.sense(driver, ev="state", door="closed", lock="locked")
        self.events.take(kind="closed", door="back")
        self.sense(driver, ev="state", door="opening", lock="jammed")
        self.events.take(kind="alarm", door="back", reason="jammed", on=True)
        opened = self.events.take(kind="opened", door="back")
        self.events.take(kind="forced", door="back", on=True, cause=opened["seq"])
        self.sense(driver, ev="state", door="closing", lock="moving", obstacle=True, vehicle=True)
        self.events.take(kind="alarm", door="back", reason="jammed", on=False)
        self.events.take(kind="alarm", door="back", reason="obstacle", on=True)
        self.sense(driver, ev="state", battery=80)
        self.sense(driver, ev="state", door="closed", battery=80)
        self.events.take(kind="alarm", door="back", reason="obstacle", on=False)
        closed = self.events.take(kind="closed", door="back")
        self.events.take(kind="forced", door="back", on=False, cause=closed["seq"])

    def test_vehicle_under_a_barrier__keeps_it_open_and_is_told(self):
        driver = self.begin(kind="barrier", mode="unlocked", held_ms=1000)
        self.up("back")
        hold = driver.hear_of("hold")
        driver.say(ev="result", id=hold["id"], outcome="completed")
        self.sense(driver, ev="state", lock="unlocked", vehicle=True)  # seen by a loop, whatever the boom does
        self.events.take(kind="vehicle", door="back", on=True)
        self.sense(driver, ev="state", door="open", vehicle=True)
        self.put(*self.door(kind="barrier", mode="controlled", held_ms=1000))
        self.events.take(kind="held", door="back", reason="vehicle")
        self.assertTrue(next(door for door in self.gateway.ask("doors") if door["id"] == "back")["vehicle"])
        self.assertIn("held, vehicle", self.gateway.ctl("doors"))
        self.press(driver)
        self.assertEqual(driver.hear()["do"], "release")  # and not before it to close
        self.sense(driver, ev="state", door="open")
        self.events.take(kind="vehicle", door="back", on=False)
        self.assertFalse(driver.hear_of("hold")["on"])

    def test_fire_at_two_places__ends_with_the_last(self):
        driver = self.begin()
        self.up("back")
        self.sense(driver, ev="input", role="fire", value=True)
        self.events.take(kind="mode", door="back", reason="fire")
        for value in True, False:
            driver.say(ev="input", at=boot_us(), point="back.reader", role="fire", value=value)
        self.sense(driver, ev="input", role="fire", value=False)
        last = self.events.take(kind="mode", door="back", reason="door")
        self.assertEqual([(event["on"], "point" in event) for event in self.events.until(last["seq"])
                          if event["kind"] == "alarm"], [(True, False), (False, False)])

    def burn(self):
        """Fire at the door `back`; of no door is the target `side`."""
        self.site(self.device("back", "side"), self.door())
        self.cloud.serve(self.broker.port)
        self.gateway.start()
        driver = self.driver("back", "side")
        self.up("back")
        self.holds(driver, False)
        self.events.take(kind="policy_applied")
        self.sense(driver, ev="input", role="fire", value=True)
        self.holds(driver, True)
        return driver

    def test_fire__at_a_target_that_the_door_leaves__holds_both_until_it_is_over(self):
        driver = self.burn()
        self.put(*self.door(target="side"))
        self.holds(driver, True, "side")
        driver.say(ev="input", at=boot_us(), target="side", role="fire", value=False)
        self.sense(driver, ev="input", role="fire", value=False)
        self.holds(driver, False, "side")
        self.holds(driver, False)
        over = self.events.take(kind="alarm", target="back", reason="fire", on=False)
        self.events.take(kind="alarm", door="back", reason="fire", on=False, cause=over["seq"])
        self.events.take(kind="mode", door="back", reason="door")

    def test_fire__at_a_door_that_is_deleted__holds_until_it_is_over(self):
        driver = self.burn()
        self.cloud.run("del", "door", "back")
        self.put("door", {"id": "side", "kind": "door", "target": "side", "mode": "unlocked"})
        self.holds(driver, True, "side")
        self.sense(driver, ev="input", role="fire", value=False)
        self.holds(driver, False)

    def test_fire__at_a_door_that_is_deleted__is_told_to_a_driver_that_starts_anew(self):
        driver = self.burn()
        self.cloud.run("del", "door", "back")
        self.events.take(kind="policy_applied")
        driver.end()
        self.holds(self.driver("back", "side"), True)

    def test_more_people_than_were_granted__are_counted(self):
        driver = self.begin(kind="turnstile")
        self.up("back")
        driver.say(ev="presented", at=boot_us(), point="back.reader",
                   credential={"type": "card", "value": ADA, "assurance": "identifier"})
        granted = self.events.take(kind="granted", door="back")
        self.sense(driver, ev="passage", direction="entry", count=3)
        self.events.take(kind="alarm", reason="tailgate", door="back", direction="entry", count=2, cause=granted["seq"])


class Alarms(SystemTest):
    """Raised, told to the cloud and to people, kept over a restart, ended."""

    def reported(self, alarms):
        """Reads reports until one has these."""
        while True:
            report = json.loads(next_message(self.reports, "stile/1/hub/gw1/up/report")["payload"])
            if {(alarm["kind"], alarm["door"]) for alarm in report["alarms"]} == alarms:
                return

    def told(self):
        return {(alarm["kind"], alarm["door"]) for alarm in self.gateway.ask("status")[0]["alarms"]}

    def test_each__from_its_cause_to_its_end(self):
        alarms = {("forced", "front"), ("tamper", "front"), ("fire", "front"), ("held", "gym"), ("obstacle", "gym")}
        self.start(("door", {"id": "gym", "kind": "barrier", "target": "gym", "pulse_ms": 60000, "held_ms": 1000,
                             "held_warn_percent": 50}))
        self.reports = self.enterContext(self.broker.subscribe("stile/1/hub/gw1/up/report"))
        self.gateway.happen("gym", "door gym closed")
        self.gateway.happen("front", "input target front contact off")
        self.gateway.ctl("release", "gym", "entry", "--reason", "delivery")
        self.gateway.happen("gym", "door gym open obstacle")
        self.gateway.happen("front", "input target front contact on")
        self.gateway.happen("front", "input target front tamper on")
        self.gateway.happen("front", "input target front fire on")
        self.events.take(kind="forced", door="front", on=True)
        self.events.take(kind="tamper", door="front", on=True)
        self.events.take(kind="alarm", door="front", reason="fire", on=True)
        self.events.take(kind="alarm", door="gym", reason="obstacle", on=True)
        self.events.take(kind="alarm", door="gym", reason="held_soon")
        self.events.take(kind="held", door="gym")
        self.reported(alarms)
        self.assertEqual(self.told(), alarms)
        self.gateway.restart()
        self.up("front")
        self.up("gym")
        self.assertEqual(self.told(), alarms)
        for input in "contact on", "tamper on", "fire on", "tamper off", "fire off", "contact off":
            self.gateway.happen("front", f"input target front {input}")
        self.gateway.happen("gym", "door gym open obstacle")
        self.gateway.happen("gym", "door gym closed")
        self.events.take(kind="tamper", door="front", on=False)
        self.events.take(kind="alarm", door="front", reason="fire", on=False)
        self.events.take(kind="forced", door="front", on=False)
        self.events.take(kind="alarm", door="gym", reason="obstacle", on=False)
        last = self.events.take(kind="held_clear", door="gym")
        self.reported(set())
        self.assertEqual(self.told(), set())
        raised = [event["kind"] for event in self.events.until(last["seq"])
                  if event.get("on") is True or event["kind"] == "held"]
        self.assertEqual(sorted(raised), ["alarm", "alarm", "forced", "held", "tamper"])


if __name__ == "__main__":
    unittest.main()
