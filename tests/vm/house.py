# SPDX-License-Identifier: GPL-3.0-or-later
"""A house whose front door has a Bluetooth lock: the whole system of the integration tests, with sim-lock on one virtual controller
and stile-ble on the other. The reader beside the door is a stile-sim.
"""
import contextlib
import json
import os
import queue
import tempfile
import time
import unittest

from gateway import ADA, SITE, Cloud, Gateway
from radio import Air
from simulators import Lock
from support import BUILD, LIMIT_S, JsonProgram, Mosquitto

# The lock's motor: its way, how long the latch is held, lock 'n' go; so that nobody waits.
MOTOR = 'motor 300 200 1000'


# That of a bridge, as stile-ble keeps it: version, authorization, number of the app, key.
KEY = '5a' * 32
SECRET = '01' + '02000000' + '03000000' + KEY


def acquaint(directory, locks):
    """As if these locks, by target, were paired with a stile-ble whose state directory that is."""
    keys = [{'address': lock.address, 'address_type': 'public', 'target': target, 'protocol': 'nuki', 'secret': SECRET}
            for target, lock in locks.items()]
    with open(os.open(os.path.join(directory, 'ble-keys.json'), os.O_WRONLY | os.O_CREAT, 0o600), 'w', encoding='utf-8') as f:
        json.dump({'locks': keys}, f)
    for lock in locks.values():
        lock.ctl(f'authorize 2 {KEY} bridge')


class Driver(JsonProgram):
    """stile-ble without a gateway, once it has its adapter."""

    def __init__(self, directory, targets, **lock):
        super().__init__('/usr/bin/env', f'STATE_DIRECTORY={directory}', os.path.join(BUILD, 'hal', 'ble', 'stile-ble'))
        self.last_id = 0
        self.say(do='configure', device=ble_device(targets, **lock)[1])
        while self.hear(ev='health')['state'] == 'down':
            continue

    def order(self, do, target, **members):
        """Returns its id."""
        self.last_id += 1
        deadline_us = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000 + LIMIT_S * 1000000
        self.say(do=do, id=self.last_id, target=target, deadline=deadline_us, **members)
        return self.last_id

    def end(self):
        """The next outcome that is final: id, outcome."""
        while True:
            result = self.hear(ev='result')
            if result['outcome'] != 'accepted':
                return result['id'], result['outcome']


def heard(lock):
    """What has happened to it until now that nobody waited for."""
    lines = []
    with contextlib.suppress(queue.Empty):
        while True:
            lines.append(lock.output.lines.get_nowait())
    return ''.join(lines)


def site(doors):
    """SITE with these doors alone, each with a reader."""
    kept = [(kind, item) for kind, item in SITE if kind in ('site', 'area', 'tag', 'user', 'credential')]
    for door in doors:
        kept += [('door', {'id': door, 'name': door, 'kind': 'door', 'target': door, 'pulse_ms': 500, 'passage': 'assumed'}),
                 ('access_point', {'id': f'{door}.in', 'door': door, 'direction': 'entry', 'readers': [f'{door}.reader']})]
    return [*kept, ('rule', {'id': 'members', 'name': 'Members', 'tags': ['member'], 'doors': list(doors)})]


def ble_device(doors, **lock):
    return 'device', {'id': 'ble', 'driver': 'ble', 'adapter': 'hci0', 'targets': list(doors),
                      'locks': [{'target': door, **lock} for door in doors]}


class HouseTest(unittest.TestCase):
    """One house for all tests of the class, whose lock is paired."""

    lock_settings = {}
    doors = ['front']

    @classmethod
    def setUpClass(cls):
        cls.directory = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.radio = cls.make_radio()
        cls.locks = [cls.enterClassContext(Lock(cls.directory, f'hci{i + 1}')) for i in range(len(cls.doors))]
        cls.lock = cls.locks[0]
        for lock in cls.locks:
            lock.ctl(MOTOR)
        broker = cls.enterClassContext(Mosquitto(cls.directory))
        cls.cloud = cls.enterClassContext(Cloud(cls.directory))
        cls.gateway = cls.enterClassContext(Gateway(cls.directory, broker={'host': '127.0.0.1', 'port': broker.port}))
        cls.events = cls.gateway.events
        readers = [f'{door}.reader' for door in cls.doors]
        cls.cloud.take([*site(cls.doors), cls.gateway.sim('front', points=readers, targets=[]),
                        ble_device(cls.doors, **cls.lock_settings)])
        cls.introduce()
        cls.cloud.serve(broker.port)
        cls.gateway.start()
        cls.events.take(kind='device_up', device='front')

    @classmethod
    def make_radio(cls):
        return cls.enterClassContext(Air(len(cls.doors) + 1))

    @classmethod
    def introduce(cls):
        """Before stiled starts. Here: to nobody."""

    @classmethod
    def know_all(cls):
        """As if they were paired already."""
        acquaint(cls.gateway.state, dict(zip(cls.doors, cls.locks)))

    @classmethod
    def pair(cls, lock, door):
        """Returns what the person is told."""
        lock.ctl('press')
        return cls.gateway.ask('lock', 'pair', door, lock.address)

    def tap(self, door='front', value=ADA):
        """Returns the verdict's event."""
        self.gateway.happen('front', f'present {door}.reader card {value}')
        return self.events.take(kind='granted', door=door)

    def opens(self, door='front'):
        """ada is let in, to the end."""
        granted = self.tap(door)
        return self.events.take(kind='completed', cause=granted['seq'])

    def fails(self, kind='failed', door='front'):
        """She is not; returns why."""
        granted = self.tap(door)
        return self.events.take(kind=kind, cause=granted['seq'])['reason']
