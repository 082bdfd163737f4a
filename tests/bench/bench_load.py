#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway that is busy: how long a card waits for its release at worst while a large change of policy is applied, the
broker is frozen, the disk is busy; and how many decisions and durable events a second there are.

The rates are of a driver that presents a card as soon as an earlier one is answered. Decisions are made faster than
any disk takes their events. These wait in memory, and those that find no room there are told of by one counting event;
`recorded` is the share that was stored one by one.
"""
import contextlib
import os
import signal
import sys

from measured import STRANGERS, Program, UNIT_SCHEDULING, System, now_us, report, report_times, write_people

PEOPLE = 100000
TAPS = 2000
RUSH = 20000
RUSH_OPEN = 64
CHANGED = 5000  # users, each with a card: 10,000 items

# Of one card: granted, released, accepted, completed; or denied.
EVENTS_GRANTED = 4
EVENTS_REFUSED = 1

# Writes a mebibyte and waits for the disk, again and again.
BUSY = '''
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
print("busy", flush=True)
while True:
    os.pwrite(fd, os.urandom(1 << 20), 0)
    os.fsync(fd)
'''


def head(system):
    """The last event that is stored."""
    return system.gateway.ask('status')[0]['events']['head']


def policy_version(system):
    return system.gateway.ask('status')[0]['policy']['version']


def measure_rate(system, name, first, cards, open_, events_each):
    before = head(system)
    system.driver.tap(RUSH, first, cards, open_=open_, gap_ms=0)
    answers = system.driver.answers()
    begin_us, end_us = answers[0][0], answers[-1][1]
    stored, stored_us = head(system), now_us()
    while (later := head(system)) > stored:
        stored, stored_us = later, now_us()
    report(f'{name}_decisions', RUSH / (end_us - begin_us) * 1e6, '1/s')
    report(f'{name}_events_durable', (stored - before) / (stored_us - begin_us) * 1e6, '1/s')
    report(f'{name}_recorded', min(1, (stored - before) / (RUSH * events_each)), 'ratio')


@contextlib.contextmanager
def frozen(broker):
    broker.send_signal(signal.SIGSTOP)
    yield
    broker.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def busy_disk(directory):
    with Program(sys.executable, '-c', BUSY, directory / 'busy') as writer:
        writer.output.until(lambda line: 'busy' in line)
        yield


def measure_change(system, name, first):
    """Cards are presented until the change is in force."""
    path = system.dir / 'more.csv'
    write_people(path, first, CHANGED, 'member')
    times_us = []
    version = policy_version(system)
    system.driver.tap(TAPS, 0, PEOPLE)
    system.cloud.run('import', path)
    while True:
        times_us += [answered - sent for sent, answered in system.driver.answers()]
        if policy_version(system) > version:
            break
        system.driver.tap(TAPS, 0, PEOPLE)
    report_times(name, times_us)


def start(system, scheduling=None):
    system.gateway.start(scheduling)
    driver = system.wait_for_driver()
    system.gateway.log('is ready')
    driver.times(200, 0, PEOPLE)
    return driver


def main():
    with System(PEOPLE) as system:
        driver = start(system)
        report_times('tap_while_quiet', driver.times(TAPS, 0, PEOPLE))
        with frozen(system.broker):
            report_times('tap_while_broker_frozen', driver.times(TAPS, 0, PEOPLE))
        with busy_disk(system.dir / 'gw1' / 'state'):
            report_times('tap_while_disk_busy', driver.times(TAPS, 0, PEOPLE))
        measure_change(system, 'tap_while_policy_changes', 2 * PEOPLE)
        for open_ in (1, RUSH_OPEN):
            measure_rate(system, f'refused_{open_}', PEOPLE, STRANGERS, open_, EVENTS_REFUSED)
        measure_rate(system, 'granted_1', 0, PEOPLE, 1, EVENTS_GRANTED)
        system.gateway.stop()
        start(system, [*UNIT_SCHEDULING, 'taskset', '--cpu-list', str(max(os.sched_getaffinity(0)))])
        measure_change(system, 'tap_while_policy_changes_one_cpu', 3 * PEOPLE)


main()
