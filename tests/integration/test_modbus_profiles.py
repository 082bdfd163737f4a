# SPDX-License-Identifier: GPL-3.0-or-later
"""stile-modbus with each shipped profile of a product, against a slave made of the maker's map: what goes over the line, byte
for byte, and what is told of it. makers/waveshare.json is the maker's own examples."""
import json
import os
import pathlib
import time
import unittest

from modbus_device import Came, Device, Moxa, Waveshare
from support import BUILD, LIMIT_S, SOURCE, JsonProgram

DRIVER = os.path.join(BUILD, "hal", "modbus", "stile-modbus")
PROFILES = os.path.join(SOURCE, "config", "profiles")
RTU_9600 = {"baud": 9600, "parity": "N", "stop_bits": 1}
RTU_CAME = {"baud": 38400, "parity": "E", "stop_bits": 1}
ROLES = ["contact", "rex", "tamper", "fire", "alarm", "ready", "vehicle", "obstacle"]
DOORS = [f"door{i}" for i in range(1, 9)]


def examples(part):
    """The maker's exchanges by what they are: (request, response), in hex."""
    path = pathlib.Path(__file__).parent / "makers" / "waveshare.json"
    return {row["what"]: (row["request"], row["response"]) for row in json.loads(path.read_text(encoding="utf-8"))[part]}


class Driver(JsonProgram):
    def __init__(self, profile, device, targets, wiring=None, units=None):
        super().__init__(DRIVER, "--profiles", PROFILES)
        self.number = 0
        item = {"id": "d", "driver": "modbus", "profile": profile, "targets": targets}
        item |= {"units": units} if units else {"connection": device.connection}
        self.say(do="configure", device={**item, "wiring": wiring} if wiring else item)

    def command(self, verb, target, **members):
        self.number += 1
        deadline = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000 + LIMIT_S * 1000000
        self.say(do=verb, id=self.number, target=target, deadline=deadline, **members)
        return self.number

    def release(self, target, pulse_ms, **members):
        number = self.command("release", target, pulse_ms=pulse_ms, **members)
        self.hear(ev="result", id=number, outcome="accepted")
        return number

    def hold(self, target, on):
        self.hear(ev="result", id=self.command("hold", target, on=on), outcome="completed")


class Profiles(unittest.TestCase):
    def start(self, device, profile, targets, wiring=None):
        driver = self.enterContext(Driver(profile, self.enterContext(device), targets, wiring))
        driver.hear(ev="health", state="up")
        return driver

    def test_waveshare_rtu__is_the_makers_examples(self):
        wiring = [{"target": door, "release": f"relay{i}"} for i, door in enumerate(DOORS, 1)]
        wiring[0].update({role: f"di{i}" for i, role in enumerate(ROLES, 1)}, closed_at_rest=["ready"])
        device = Device(Waveshare(), line=RTU_9600)
        driver = self.start(device, "waveshare-relay8", DOORS, wiring)
        expected = examples("rtu")
        driver.release("door1", 700)
        driver.release("door3", 3000)
        driver.hold("door1", True)
        driver.hold("door1", False)
        for what in ("flash ON relay 1 700 ms (7 x 100 ms)", "flash ON relay 3 3000 ms", "relay 1 ON"):
            request, response = expected[what]
            self.assertEqual(device.until(request), response, what)
        self.assertEqual(device.requests(1, 2), [bytes.fromhex(expected[what][0])[1:-2] for what in ("read 8 relays: 1,5,7 on",
                                                                                                    "read 8 DI")])

    def test_waveshare_rtu__off_and_inputs__are_the_makers_examples(self):
        device = Device(Waveshare(), line=RTU_9600)
        driver = self.start(device, "waveshare-relay8", ["door1"],
                            [{"target": "door1", "release": "relay1", "contact": "di1", "fire": "di2", "closed_at_rest": ["fire"]}])
        driver.hold("door1", False)
        request, response = examples("rtu")["relay 1 OFF"]
        self.assertEqual(device.until(request), response)
        device.map.bits[2][0] = 1
        driver.hear(ev="input", target="door1", role="contact", value=True)
        device.map.bits[2][1] = 1
        driver.hear(ev="input", target="door1", role="fire", value=False)

    def test_waveshare_tcp__is_the_makers_examples(self):
        device = Device(Waveshare())
        driver = self.start(device, "waveshare-poe-relay8", ["door1"], [{"target": "door1", "release": "relay1", "contact": "di1"}])
        number = driver.release("door1", 700)
        driver.hear(ev="result", id=number, outcome="completed")
        self.assertEqual([pdu.hex().upper() for pdu in device.requests(5)],
                         [examples("tcp_same")["flash ON relay 1 700 ms"][0][14:]])

    def test_waveshare__driver_killed_in_a_pulse__the_board_ends_it(self):
        device = Device(Waveshare())
        driver = self.start(device, "waveshare-poe-relay8", ["door1"], [{"target": "door1", "release": "relay1", "contact": "di1"}])
        driver.release("door1", 1000)
        driver.kill()
        self.assertIn(0, device.map.until_s)  # timed there

    def test_moxa__pulse_output__is_set_up_once_and_started(self):
        device = Device(Moxa())
        driver = self.start(device, "moxa-e1214", ["door"], [{"target": "door", "release": "pulse1", "passed": "count2"}])
        first = driver.release("door", 700)
        device.map.words[4][16 + 5] = 1
        driver.hear(ev="passage", target="door", count=1)
        driver.hear(ev="result", id=first, outcome="completed")
        driver.release("door", 2000)
        self.assertEqual([pdu.hex() for pdu in device.requests(5, 6, 16)],
                         ["100026000204" "00000001", "0600350001", "050011ff00", "0600350002", "050011ff00"])

    def test_moxa__relay__is_on_and_off(self):
        device = Device(Moxa())
        driver = self.start(device, "moxa-e1214", ["door"], [{"target": "door", "release": "relay5", "contact": "di0"}])
        number = driver.release("door", 100)
        driver.hear(ev="result", id=number, outcome="completed")
        self.assertEqual([pdu.hex() for pdu in device.requests(5)], ["050005ff00", "0500050000"])
        self.assertEqual([pdu.hex() for pdu in device.requests(1, 2)], ["0100050001", "0200000001"])

    def test_moxa__driver_ends_in_a_pulse__it_is_off_first(self):
        for end in (lambda driver: driver.say(do="shutdown"), lambda driver: driver.process.stdin.close()):
            device = Device(Moxa())
            driver = self.start(device, "moxa-e1214", ["door"], [{"target": "door", "release": "relay5", "contact": "di0"}])
            driver.release("door", 60000)
            end(driver)
            self.assertEqual(driver.wait(), 0)
            self.assertEqual([pdu.hex() for pdu in device.requests(5)], ["050005ff00", "0500050000"])

    def test_moxa__driver_ends_while_it_holds__holds_on_unless_told_before_to_let_go(self):
        for told, last in (False, "050005ff00"), (True, "0500050000"):
            device = Device(Moxa())
            driver = self.start(device, "moxa-e1214", ["door"], [{"target": "door", "release": "relay5", "contact": "di0"}])
            driver.hold("door", True)
            if told:
                driver.command("hold", "door", on=False)
            driver.say(do="shutdown")
            self.assertEqual(driver.wait(), 0)
            self.assertEqual(device.requests(5)[-1].hex(), last)

    def test_came__opens_and_closes_and_says_where_it_is(self):
        device = Device(Came(), line=RTU_CAME)
        driver = self.start(device, "came-zlb30b", ["lane"])
        driver.hear(ev="state", target="lane", door="closed")
        number = driver.release("lane", 300)
        driver.hear(ev="result", id=number, outcome="completed")
        driver.hear(ev="state", target="lane", lock="moving", door="closing")
        device.map.words[3][Came.STATUS] = 17
        driver.hear(ev="state", target="lane", lock="locked", door="closed")
        device.map.words[3][Came.STATUS] = 19
        driver.hear(ev="state", target="lane", lock="unknown", door="open")
        self.assertEqual([pdu.hex() for pdu in device.requests(1, 2, 3, 4, 5)], ["0300640001", "050001ff00", "050003ff00"])

    def test_turnstile__lets_one_pass_each_way(self):
        device = Device(Waveshare(), line=RTU_9600)
        device.map.bits[2][3] = 1
        driver = self.start(device, "turnstile-relay8", ["gate"])
        entry = driver.release("gate", 700, direction="entry")
        exit_ = driver.release("gate", 700, direction="exit")
        device.map.bits[2][1] = 1
        driver.hear(ev="passage", target="gate", direction="exit", count=1)
        driver.hear(ev="result", id=exit_, outcome="completed")
        device.map.bits[2][0] = 1
        driver.hear(ev="passage", target="gate", direction="entry", count=1)
        driver.hear(ev="result", id=entry, outcome="completed")
        self.assertEqual([pdu.hex() for pdu in device.requests(5)], ["0502000007", "0502010007"])
        device.map.bits[2][3] = 0
        device.map.bits[2][2] = 1
        driver.hear(ev="input", target="gate", role="tamper", value=True)  # it was looked at since
        driver.hear(ev="result", id=driver.command("release", "gate", pulse_ms=700, direction="entry"), outcome="failed",
                    reason="not_ready")


if __name__ == "__main__":
    unittest.main()
