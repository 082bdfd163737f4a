#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""sim-lock is honest: BlueZ's own gatttool, which was not written for it, finds in it what a Nuki lock has, and is answered."""
import binascii
import re
import subprocess
import tempfile
import unittest

from radio import virtual
from simulators import Lock
from support import LIMIT_S, Program

NUKI = 'a92ee{}-5501-11e4-916c-0800200c9a66'
WRITE_AND_INDICATE = '0x28'
REQUEST_PUBLIC_KEY = '01000300'
PUBLIC_KEY = '0300'


def crc(message):
    """As in Nuki's API: CCITT, little endian, behind the message."""
    return binascii.crc_hqx(bytes.fromhex(message), 0xFFFF).to_bytes(2, 'little').hex()


class Terminal(Program):
    """gatttool, connected."""

    def __init__(self, address):
        super().__init__('gatttool', '-i', 'hci0', '-b', address, '-I', stdin=subprocess.PIPE)
        self.say('connect', 'Connection successful')

    def say(self, command, answer):
        self.process.stdin.write(command + '\n')
        self.process.stdin.flush()
        self.output.until(lambda line: answer in line)

    def value(self):
        """Of the next indication."""
        line = self.output.until(lambda line: 'Indication' in line)
        return re.search(r'value: ([0-9a-f ]+)', line)[1].replace(' ', '')


class GatttoolTest(unittest.TestCase):
    def setUp(self):
        directory = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(virtual(2))
        self.lock = self.enterContext(Lock(directory, 'hci1'))

    def gatttool(self, *words, status=0):
        done = subprocess.run(['gatttool', '-i', 'hci0', '-b', self.lock.address, *words], capture_output=True, text=True,
                              timeout=LIMIT_S)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout + done.stderr

    def handles(self):
        """Of each characteristic's value, by its UUID."""
        found = re.findall(r'value handle = (\w+), uuid = (\S+)', self.gatttool('--characteristics'))
        return {uuid: int(handle, 16) for handle, uuid in found}

    def test_lock__asked_for_services__has_those_of_nuki(self):
        services = re.findall(r'uuid: (\S+)', self.gatttool('--primary'))
        self.assertEqual(services[-2:], [NUKI.format('100'), NUKI.format('200')])

    def test_lock__asked_for_characteristics__they_are_written_and_indicate(self):
        found = re.findall(r'properties = (\w+), .*uuid = (\S+)', self.gatttool('--characteristics'))
        for name in '101', '201', '202':
            self.assertIn((WRITE_AND_INDICATE, NUKI.format(name)), found)

    def test_lock__its_name_is_read__ends_as_its_address(self):
        value = self.gatttool('--char-read', '--uuid', '2a00').rsplit('value: ')[1]
        self.assertEqual(bytes.fromhex(value).decode(), 'Nuki_' + self.lock.address.replace(':', '')[-8:])

    def test_lock__a_declaration_is_written__refuses(self):
        self.assertIn("can't be written", self.gatttool('--char-write-req', '-a', '0x0001', '-n', '00'))

    def test_pairing_lock__asked_for_its_key__indicates_it_in_pieces(self):
        handle = self.handles()[NUKI.format('101')]
        self.lock.ctl('press')
        with Terminal(self.lock.address) as terminal:
            terminal.say(f'char-write-req {handle + 1:#06x} 0200', 'written successfully')
            self.lock.until('subscribed pairing on')
            terminal.say(f'char-write-req {handle:#06x} {REQUEST_PUBLIC_KEY}{crc(REQUEST_PUBLIC_KEY)}', 'written successfully')
            pieces = [terminal.value(), terminal.value()]
        self.assertEqual([len(piece) // 2 for piece in pieces], [20, 16])
        message = ''.join(pieces)
        self.assertTrue(message.startswith(PUBLIC_KEY))
        self.assertEqual(message[-4:], crc(message[:-4]))


if __name__ == '__main__':
    unittest.main()
