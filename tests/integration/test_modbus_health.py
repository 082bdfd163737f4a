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


if __name__ == "__main__":
    unittest.main()
