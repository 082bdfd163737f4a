#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""sim-lock as a program, over a socket that it is given: what a test of a driver without any Bluetooth has."""
import os
import select
import socket
import struct
import subprocess
import tempfile
import unittest

from simulators import Simulator
from support import BUILD, LIMIT_S

SIM_LOCK = os.path.join(BUILD, 'tools', 'sim', 'sim-lock')
MTU_REQUEST, MTU_RESPONSE, READ_REQUEST, READ_RESPONSE, WRITE_REQUEST, WRITE_RESPONSE, INDICATION = 0x02, 0x03, 0x0A, 0x0B, 0x12, 0x13, 0x1D
NAME, PAIRING, PAIRING_CCCD = 3, 12, 13
REQUEST_PUBLIC_KEY = bytes.fromhex('0100030027A7')


class SocketLock(Simulator):
    def __init__(self, directory):
        self.link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            super().__init__('sim-lock', os.path.join(directory, 'lock.ctl'), '--id', 'A1B2C3D4', '--fd', theirs.fileno(),
                             inherited=[theirs.fileno()])
        self.until('link on')

    def __exit__(self, *_):
        self.link.close()
        super().__exit__()

    def receive(self):
        assert select.select([self.link], [], [], LIMIT_S)[0], 'nothing came in time'
        return self.link.recv(1024)

    def request(self, pdu):
        self.link.send(pdu)
        return self.receive()


def usage(*words):
    return subprocess.run([SIM_LOCK, *words], capture_output=True, text=True, timeout=LIMIT_S)


class SimLockTest(unittest.TestCase):
    def setUp(self):
        self.lock = self.enterContext(SocketLock(self.enterContext(tempfile.TemporaryDirectory())))

    def test_client__asks_for_the_name__is_told(self):
        self.assertEqual(self.lock.request(struct.pack('<BH', MTU_REQUEST, 100)), struct.pack('<BH', MTU_RESPONSE, 247))
        self.assertEqual(self.lock.request(struct.pack('<BH', READ_REQUEST, NAME)), bytes([READ_RESPONSE]) + b'Nuki_A1B2C3D4')

    def test_client__button_pressed__is_told_the_public_key(self):
        self.lock.request(struct.pack('<BH', MTU_REQUEST, 247))
        self.lock.request(struct.pack('<BHH', WRITE_REQUEST, PAIRING_CCCD, 2))
        self.lock.ctl('press')
        self.assertEqual(self.lock.request(struct.pack('<BH', WRITE_REQUEST, PAIRING) + REQUEST_PUBLIC_KEY), bytes([WRITE_RESPONSE]))
        indication = self.lock.receive()
        self.assertEqual(indication[:5], struct.pack('<BHH', INDICATION, PAIRING, 3))
        self.assertEqual(len(indication), 3 + 36)

    def test_link__told_to_drop_at_a_line__ends_there(self):
        self.lock.ctl('drop mtu')
        self.assertEqual(self.lock.request(struct.pack('<BH', MTU_REQUEST, 100))[0], MTU_RESPONSE)
        self.assertEqual(self.lock.receive(), b'')
        self.lock.until('link off')
        self.assertEqual(self.lock.wait(), 0)

    def test_link__ended_by_the_client__program_ends(self):
        self.lock.link.close()
        self.lock.until('link off')
        self.assertEqual(self.lock.wait(), 0)

    def test_status__asked_for__in_one_line(self):
        done = usage('ctl', self.lock.socket, 'status')
        self.assertEqual(done.stdout, 'ok state=locked door=closed link=1 pairing=0 changed=0 known=0 frames=0 nonces=0 challenges=0 pins=0 '
                                      'pairings=0\n')
        self.assertEqual(usage('ctl', self.lock.socket, 'dance').returncode, 1)


class UsageTest(unittest.TestCase):
    def test_options__wrong__usage(self):
        for words in [[], ['--fd', 'x'], ['--fd', '3', '--adapter', 'hci1'], ['--adapter', 'hci1', '--interval', '5'], ['--fd', '3', '--id', 'xyz'],
                      ['--fd', '3', 'more'], ['--strange']]:
            done = usage(*words)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn('usage: sim-lock', done.stderr)

    def test_help__asked_for__has_every_command(self):
        done = usage('--help')
        self.assertEqual(done.returncode, 0)
        for word in 'press', 'fault KIND', 'inner-auth-id', 'status':
            self.assertIn(word, done.stdout)

    def test_adapter__is_none__says_so(self):
        done = usage('--adapter', 'eth0')
        self.assertEqual(done.returncode, 1)
        self.assertIn('Invalid argument', done.stderr)


if __name__ == '__main__':
    unittest.main()
