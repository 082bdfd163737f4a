# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole system to be measured: the gateway of the integration tests with its stores on a disk, a site of so many
people, and the driver stile-bench, which presents cards and takes the time.

Times are microseconds of CLOCK_BOOTTIME, as in the programs' own output. stiled is scheduled as its unit does it:
before whatever else the machine has to do.
"""
import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

BUILD = pathlib.Path(os.environ['STILE_BUILD'])
SOURCE = pathlib.Path(os.environ['STILE_SOURCE'])
sys.path.insert(0, str(SOURCE / 'tests' / 'integration'))

import gateway  # noqa: E402 (the path stands above)
from support import LIMIT_S, Mosquitto, Program  # noqa: E402

STILE_BENCH = BUILD / 'tests' / 'bench' / 'stile-bench'

# People who are known and may not enter, behind those who may.
STRANGERS = 1000

SITE = [
    ('site', {'id': 'hub', 'timezone': 'Europe/Madrid'}),
    ('area', {'id': 'floor'}),
    ('door', {'id': 'front', 'kind': 'door', 'target': 'front', 'passage': 'assumed'}),
    ('access_point', {'id': 'front.in', 'door': 'front', 'direction': 'entry', 'to': 'floor',
                      'readers': ['front.reader']}),
    ('tag', {'id': 'member'}),
    ('rule', {'id': 'members', 'tags': ['member'], 'doors': ['front']}),
]


def unit_scheduling():
    """The words that execute a program as systemd/stiled.service does; none if we may not."""
    words = ['chrt', '--rr', '10']
    allowed = subprocess.run([*words, 'true'], stderr=subprocess.DEVNULL).returncode == 0
    if not allowed:
        print('not allowed to schedule as the unit does: times are those of an ordinary process', file=sys.stderr)
    return words if allowed else []


UNIT_SCHEDULING = unit_scheduling()

# Whoever ends a benchmark ends what it started too: a process of that priority must not stay behind.
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def now_us():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def read(path):
    return pathlib.Path(path).read_text()


def report(name, value, unit):
    print(f'{name} {value:.4g} {unit}' if abs(value) < 1000 else f'{name} {value:.0f} {unit}', flush=True)


def at_share(values, share):
    """The smallest value that so large a share of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def report_times(name, times_us, shares=(50, 99, 99.9), unit='us'):
    """p50, p99, ... and the longest, of times in microseconds."""
    scale = {'us': 1, 'ms': 1000}[unit]
    for share in shares:
        report(f'{name}_p{share:g}', at_share(times_us, share / 100) / scale, unit)
    report(f'{name}_max', max(times_us) / scale, unit)


def report_memory(name, pid):
    """What is resident, and the process's share of it where it is shared."""
    lines = dict(line.split(':') for line in read(f'/proc/{pid}/smaps_rollup').splitlines()[1:])
    for kind in ('Rss', 'Pss'):
        report(f'memory_{name}_{kind.lower()}', int(lines[kind].split()[0]) / 1024, 'MiB')


def card(number):
    return f'04{number:012X}'


def write_people(path, first, count, tags, qr=False):
    """Each with a card, and with a QR code if wanted."""
    with open(path, 'w') as f:
        f.write('id,name,card,qr,tags\n')
        for i in range(first, first + count):
            f.write(f'u{i},Person {i},{card(i)},{f"code-{i:09}" if qr else ""},{tags}\n')


class Driver:
    """stile-bench, once stiled has started it."""

    def __init__(self, connection):
        self.connection = connection
        connection.settimeout(LIMIT_S)
        self.lines = connection.makefile('r')

    def tap(self, count, first, cards, open_=1, gap_ms=2):
        """Has random ones of `cards` cards presented; answers() follows."""
        self.connection.sendall(f'tap {count} {first} {cards} {open_} {gap_ms}\n'.encode())

    def answers(self):
        """When each was presented and answered."""
        return [(sent, answered) for sent, answered, _ in self.results()]

    def results(self):
        """The same, and whether it was let in."""
        results = []
        for line in self.lines:
            if line == '\n':
                return results
            results.append(tuple(map(int, line.split())))
        raise AssertionError('the driver ended')

    def times(self, *args, **kwargs):
        """From each presented line to its answer."""
        self.tap(*args, **kwargs)
        return [answered - sent for sent, answered in self.answers()]

    def until_refused(self, card):
        """When this card was refused first."""
        while True:
            self.tap(1, card, 1)
            [(_, answered_us, let_in)] = self.results()
            if not let_in:
                return answered_us

    def close(self):
        self.lines.close()
        self.connection.close()


class Stiled(gateway.Gateway):
    """Nobody follows its events unless told to."""

    def start(self, scheduling=None):
        """Returns when it was executed."""
        words = UNIT_SCHEDULING if scheduling is None else scheduling
        executed_us = now_us()
        self.stiled = Program(*words, gateway.STILED, '--config', self.config, errors=True)
        return executed_us

    def follow(self, *devices):
        """Its events from now on, once these devices are up."""
        self.log('is ready')
        self.events.follow(self.socket)
        for device in devices:
            self.events.take(kind='device_up', device=device)

    def processes(self):
        """stiled and what it started: name to process id."""
        stiled = self.stiled.process.pid
        pids = [stiled, *map(int, read(f'/proc/{stiled}/task/{stiled}/children').split())]
        return {read(f'/proc/{pid}/comm').strip(): pid for pid in pids}


class System:
    """Everything; stiled is not started. Ends with its `with`."""

    broker_settings = ()

    def __init__(self, people, qr=False):
        self.people = people
        self.qr = qr
        self.stack = contextlib.ExitStack()
        # Not below /tmp, which may be memory.
        self.dir = pathlib.Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix='bench-', dir='/var/tmp')))
        self.listener = self.stack.enter_context(socket.socket(socket.AF_UNIX))
        self.listener.bind(str(self.dir / 'bench.sock'))
        self.listener.listen()
        self.broker = self.start(Mosquitto(self.dir, extra=self.broker_settings))
        self.cloud = self.start(gateway.Cloud(self.dir))
        self.gateway = self.start(Stiled(self.dir, broker={'host': '127.0.0.1', 'port': self.broker.port}))
        (self.dir / 'gw1' / 'drivers' / 'stile-bench').symlink_to(STILE_BENCH)
        self.driver = None
        self.fill()
        self.cloud.serve(self.broker.port)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.close_driver()
        return self.stack.__exit__(*failure)

    def start(self, part):
        return self.stack.enter_context(part)

    def devices(self):
        return [('device', {'id': 'bench', 'driver': 'bench', 'connection': str(self.dir / 'bench.sock'),
                            'points': ['front.reader'], 'targets': ['front']})]

    def fill(self):
        self.cloud.take([*SITE, *self.devices()])
        members, strangers = self.dir / 'members.csv', self.dir / 'strangers.csv'
        write_people(members, 0, self.people, 'member', self.qr)
        write_people(strangers, self.people, STRANGERS, '')
        self.cloud.run('import', members, strangers)

    def close_driver(self):
        if self.driver:
            self.driver.close()
        self.driver = None

    def wait_for_driver(self, limit_s=LIMIT_S):
        """stile-bench, started by stiled: its device is up by the time that it can take an order."""
        self.close_driver()
        self.listener.settimeout(limit_s)
        self.driver = Driver(self.listener.accept()[0])
        return self.driver
