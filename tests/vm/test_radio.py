#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The virtual controllers themselves: what the other tests of this directory stand on."""
import select
import struct
import unittest

from radio import Air, advertise, att_accept, att_connect, att_listen, virtual, wait_for

MTU_REQUEST, MTU_RESPONSE = 2, 3


class RadioTest(unittest.TestCase):
    def connect(self, central, peripheral):
        """Both ends."""
        with att_listen(peripheral) as listener:
            advertise(peripheral)
            here = self.enterContext(att_connect(central, peripheral))
            return here, self.enterContext(att_accept(listener))

    def pass_bytes(self, here, there):
        for end, other, pdu in (here, there, struct.pack('<BH', MTU_REQUEST, 247)), (there, here, struct.pack('<BH', MTU_RESPONSE, 185)):
            end.send(pdu)
            wait_for(other, select.POLLIN)
            self.assertEqual(other.recv(len(pdu) + 1), pdu)

    def test_virtual__two_connected__bytes_pass_both_ways(self):
        radio = self.enterContext(virtual(2))
        self.pass_bytes(*self.connect(*radio.adapters))

    def test_air__one_connected_to_three__bytes_pass_on_each_link(self):
        radio = self.enterContext(Air(4))
        central, *peripherals = radio.adapters
        links = [self.connect(central, peripheral) for peripheral in peripherals]
        for link in reversed(links):
            self.pass_bytes(*link)

    def test_air__one_goes_away__both_ends_hear_of_it(self):
        radio = self.enterContext(Air(2))
        ends = self.connect(*radio.adapters)
        radio.move(radio.adapters[0], 'away')
        for end in ends:
            wait_for(end, select.POLLHUP)


if __name__ == '__main__':
    unittest.main()
