#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A door with a Bluetooth lock, from the tap on the reader to the lock's motor."""
import os
import unittest

from house import HouseTest, heard
from radio import virtual
from support import Program

# Whichever comes first.
OUT_OF_REACH = ('deadline', 'link_lost', 'no_answer')
BLUETOOTHD = '/usr/libexec/bluetooth/bluetoothd'


class PairedTest(HouseTest):
    """Found and paired as a person does it. The link is made when it is needed, and dropped."""

    lock_settings = {'idle_s': 1, 'heartbeat_s': 86400}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.events.take(kind='device_degraded', device='ble')  # the lock is not paired
        cls.found = cls.gateway.ask('ble', 'scan', '--for', '2')
        cls.told = cls.pair(cls.lock, 'front')
        cls.events.take(kind='device_up', device='ble')

    def test_scan__finds_the_lock(self):
        self.assertEqual([line['address'] for line in self.found if 'address' in line], [self.lock.address], self.found)

    def test_pairing__tells_what_to_press_and_how_it_ends(self):
        self.assertTrue(any('Press the button' in line.get('progress', '') for line in self.told), self.told)
        self.assertEqual(self.told[-1]['outcome'], 'completed')

    def test_tap__unlatches(self):
        self.opens()
        self.lock.until('moved unlatched')

    def test_somebody_is_at_the_reader__the_link_is_made_before_the_tap(self):
        heard(self.lock)
        if 'link=1' in self.lock.ctl('status'):
            self.lock.until('link off')
        self.gateway.happen('front', 'approach front.reader')
        self.lock.until('subscribed secret on')
        self.opens()
        self.assertNotIn('link on', heard(self.lock))

    def test_orders__move_the_bolt_and_its_state_is_told(self):
        for verb, state in ('unlock', 'unlocked'), ('lock', 'locked'):
            self.assertEqual(self.gateway.ask('lock', verb, 'front')[-1]['outcome'], 'completed')
            [status] = self.gateway.ask('lock', 'status', 'front')
            self.assertEqual(status['lock'], state)

    def test_jam__is_told_and_forgotten(self):
        self.lock.ctl('jam')
        self.assertEqual(self.fails(), 'motor_blocked')
        self.opens()

    def test_busy__is_asked_again_until_it_is_too_late(self):
        self.lock.ctl('refuse busy')
        self.opens()
        self.lock.ctl('refuse busy 100')
        self.assertEqual(self.fails(), 'busy')
        self.lock.ctl('refuse busy 0')
        self.opens()

    def test_lock_reboots__opens_as_before(self):
        self.lock.ctl('reboot 500')
        self.lock.until('back')
        self.opens()

    def test_lock_is_gone__fails_until_it_is_back(self):
        self.lock.ctl('gone')
        self.assertIn(self.fails(), OUT_OF_REACH)
        self.lock.ctl('back')
        self.opens()

    def test_gateway_restarts__has_keys_and_handles(self):
        self.opens()
        heard(self.lock)
        self.gateway.restart()
        self.events.take(kind='device_up', device='front')
        self.events.take(kind='device_up', device='ble')
        self.opens()
        self.assertNotIn('discovery', heard(self.lock))


class BluetoothdTest(HouseTest):
    """bluetoothd has both adapters. The kernel gives whoever connects to the one that listens last: the lock."""

    @classmethod
    def make_radio(cls):
        radio = cls.enterClassContext(virtual(2))
        os.makedirs('/run/dbus', exist_ok=True)
        bus = cls.enterClassContext(Program('dbus-daemon', '--system', '--nopidfile', '--nofork', '--print-address'))
        bus.output.next()
        daemon = cls.enterClassContext(Program(BLUETOOTHD, '-n', '-d', errors=True))
        for _ in radio.adapters:
            daemon.output.until(lambda line: 'has been enabled' in line)
        return radio

    @classmethod
    def introduce(cls):
        cls.know_all()

    def test_bluetoothd_beside__opens(self):
        self.events.take(kind='device_up', device='ble')
        self.opens()
        self.opens()


class WarmTest(HouseTest):
    """The link is kept."""

    lock_settings = {'link': 'warm', 'heartbeat_s': 86400}

    @classmethod
    def introduce(cls):
        cls.know_all()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.events.take(kind='device_up', device='ble')

    def test_taps__share_a_link(self):
        self.opens()
        heard(self.lock)
        self.opens()
        self.assertNotIn('mtu', heard(self.lock))

    def test_lock_reboots__the_link_comes_back_by_itself(self):
        self.opens()
        self.lock.ctl('reboot 500')
        self.lock.until('subscribed secret on')
        self.opens()

    def test_adapter_is_switched_off__is_switched_on_again(self):
        self.opens()
        self.radio.adapters[0].down()
        self.events.take(kind='device_down', device='ble')
        self.events.take(kind='device_up', device='ble')
        self.opens()

    def test_lock_out_of_reach__fails_and_comes_back_by_itself(self):
        self.opens()
        heard(self.lock)
        self.radio.move(self.radio.adapters[1], 'away')
        self.assertIn(self.fails(), OUT_OF_REACH)
        self.radio.move(self.radio.adapters[1], 'back')
        self.lock.until('subscribed secret on')
        self.opens()


if __name__ == '__main__':
    unittest.main()
