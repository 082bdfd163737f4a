#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The virtual controllers themselves: what the other tests of this directory stand on."""
import select
import struct
import unittest

from radio import Radio, advertise, att_accept, att_connect, att_listen
from support import LIMIT_S

MTU_REQUEST, MTU_RESPONSE = 2, 3


def receive(s):
    assert select.select([s], [], [], LIMIT_S)[0], 'nothing came in time'
    return s.recv(1024)


class RadioTest(unittest.TestCase):
    def setUp(self):
        self.radio = self.enterContext(Radio(2))
        self.peripheral, self.central = self.radio.adapters

    def test_two_adapters__connected__bytes_pass_both_ways(self):
        with att_listen(self.peripheral) as listener:
            advertise(self.peripheral)
            with att_connect(self.central, self.peripheral) as here, att_accept(listener) as there:
                here.send(struct.pack('<BH', MTU_REQUEST, 247))
                self.assertEqual(receive(there), struct.pack('<BH', MTU_REQUEST, 247))
                there.send(struct.pack('<BH', MTU_RESPONSE, 185))
                self.assertEqual(receive(here), struct.pack('<BH', MTU_RESPONSE, 185))


if __name__ == '__main__':
    unittest.main()
