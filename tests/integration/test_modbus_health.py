# SPDX-License-Identifier: GPL-3.0-or-later
"""What stile-modbus says of devices that are not well: those that answer, but wrongly, are degraded with the reason, and
those that are silent are down; both come back without a person."""
import unittest

from modbus_device import Device, Waveshare, crc
from test_modbus_profiles import RTU_9600, Driver

WIRING = [{"target": "door1", "release": "relay1", "contact": "di1"}]


def framed(frame, change):
    """A serial frame whose bytes before the checksum were changed, with the right checksum."""
    changed = change(bytearray(frame[:-2]))
    return bytes(changed) + crc(bytes(changed))


def put(at, value):
    def change(frame):
        frame[at] = value
        return frame

    return change


SERIAL = {
    "answers as another unit": lambda frame: framed(frame, put(0, 9)),
    "answers with another function": lambda frame: framed(frame, put(1, 3)),
    "answers with a wrong checksum": lambda frame: frame[:-1] + bytes([frame[-1] ^ 1]),
    "answers with another length": lambda frame: framed(frame, lambda part: part[:2] + b"\x02" + part[3:] + b"\x00"),
    "answers with less than a frame": lambda frame: frame[:-1],
    "the device refuses what the profile reads": lambda frame: framed(frame, lambda part: bytes([part[0], part[1] | 0x80, 2])),
    "answers with an exception that does not exist": lambda frame: framed(frame, lambda part: bytes([part[0], part[1] | 0x80, 77])),
}
TCP = {
    "answers as another unit": lambda frame: bytes(put(6, 9)(bytearray(frame))),
    "answers with no Modbus frame": lambda frame: bytes(put(3, 1)(bytearray(frame))),
    "answers another request": lambda frame: bytes(put(1, frame[1] ^ 0x80)(bytearray(frame))),
}


class WrongAnswersTest(unittest.TestCase):
    def check(self, device, profile, spoils):
        driver = self.enterContext(Driver(profile, self.enterContext(device), ["door1"], WIRING))
        driver.hear(ev="health", state="up")
        for reason, spoil in spoils.items():
            with self.subTest(reason):
                device.spoil = spoil
                driver.hear(ev="health", state="degraded", reason=reason)
                number = driver.command("release", "door1", pulse_ms=700)
                driver.hear(ev="result", id=number, outcome="failed", reason="wrong_answer")
                device.spoil = None
                driver.hear(ev="health", state="up")
        device.spoil = lambda frame: b""
        driver.hear(ev="health", state="down", reason="silent")
        device.spoil = None
        driver.hear(ev="health", state="up")
        driver.release("door1", 700)

    def test_serial_line__each_wrong_answer__degrades_with_its_reason(self):
        self.check(Device(Waveshare(), line=RTU_9600), "waveshare-relay8", SERIAL)

    def test_tcp__each_wrong_answer__degrades_with_its_reason(self):
        self.check(Device(Waveshare()), "waveshare-poe-relay8", TCP)


class SeveralTest(unittest.TestCase):
    """Two boards with a door each, at addresses of their own, in one device."""

    def setUp(self):
        self.boards = [self.enterContext(Device(Waveshare())) for _ in range(2)]
        units = [{"unit": 1, "connection": board.connection, "targets": [door], "wiring": [{**WIRING[0], "target": door}]}
                 for board, door in zip(self.boards, ("door1", "door2"))]
        self.driver = self.enterContext(Driver("waveshare-poe-relay8", None, ["door1", "door2"], units=units))
        self.driver.hear(ev="health", state="up")

    def probe(self):
        self.driver.number += 1
        self.driver.say(do="probe", id=self.driver.number, deadline=9 * 10**15)
        return self.driver.hear(ev="result", id=self.driver.number)

    def test_one_silent__its_door_is_unknown_until_it_is_back(self):
        self.boards[1].map.bits[2][0] = 1
        self.driver.hear(ev="input", target="door2", role="contact", value=True)
        self.boards[1].spoil = lambda frame: b""
        self.driver.hear(ev="state", target="door2", door="unknown")
        self.driver.hear(ev="health", state="degraded", reason="unit 1 (door2): silent")
        number = self.driver.command("release", "door2", pulse_ms=700)
        self.driver.hear(ev="result", id=number, outcome="failed", reason="device_down")
        self.driver.release("door1", 700)
        self.boards[1].spoil = None
        self.driver.hear(ev="input", target="door2", role="contact", value=True)
        self.driver.hear(ev="health", state="up")

    def test_all_silent__is_down(self):
        for board in self.boards:
            board.spoil = lambda frame: b""
        self.driver.hear(ev="health", state="down", reason="unit 1 (door1): silent; unit 1 (door2): silent")

    def test_probe__looks_at_every_unit(self):
        for board in self.boards:
            board.seen.clear()
        self.assertEqual(self.probe()["outcome"], "completed")
        for board in self.boards:
            self.assertEqual(board.requests(1), [bytes.fromhex("0100000001")])  # outputs are read back for a probe
        self.boards[1].spoil = lambda frame: b""
        self.driver.hear(ev="health", state="degraded")
        result = self.probe()
        self.assertEqual((result["outcome"], result["reason"]), ("failed", "unit 1 (door2): silent"))


if __name__ == "__main__":
    unittest.main()
