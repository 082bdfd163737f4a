#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway that is busy: how many decisions and durable events a second; and how long a card waits for its release at
worst while a large change of policy is applied, the broker is frozen, the disk is busy.

Refusals are decided faster than any disk takes them. They wait in memory, and those that find no room there are told
of by one counting event; `recorded` is the share that was stored one by one.
"""
import contextlib
import signal
import sys

from measured import STRANGERS, Program, System, now_us, report, report_times, write_people

PEOPLE = 100000
REFUSED = 40000
TAPS = 2000
CHANGED = 5000  # users, each with a card: 10,000 items

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


def measure_rate(system, name, open_):
    """As many refusals as the driver gets out, so many of them unanswered at once."""
    before = head(system)
    system.driver.tap(REFUSED, system.people, STRANGERS, open_=open_, gap_ms=0)
    answers = system.driver.answers()
    begin_us, end_us = answers[0][0], answers[-1][1]
    stored, stored_us = head(system), now_us()
    while (later := head(system)) > stored:
        stored, stored_us = later, now_us()
    recorded = min(stored - before, REFUSED)
    report(f'{name}_decisions', REFUSED / (end_us - begin_us) * 1e6, '1/s')
    report(f'{name}_events_durable', recorded / (stored_us - begin_us) * 1e6, '1/s')
    report(f'{name}_recorded', recorded / REFUSED, 'ratio')


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


def measure_change(system):
    """Cards are presented until the change is in force."""
    path = system.dir / 'more.csv'
    write_people(path, 2 * system.people, CHANGED, 'member')
    times_us = []
    version = policy_version(system)
    system.driver.tap(TAPS, 0, system.people)
    system.cloud.run('import', path)
    while True:
        times_us += [answered - sent for sent, answered in system.driver.answers()]
        if policy_version(system) > version:
            break
        system.driver.tap(TAPS, 0, system.people)
    report_times('tap_while_policy_changes', times_us)


def main():
    with System(PEOPLE) as system:
        system.gateway.start()
        driver = system.wait_for_driver()
        system.gateway.log('is ready')
        driver.times(200, 0, PEOPLE)
        report_times('tap_while_quiet', driver.times(TAPS, 0, PEOPLE))
        with frozen(system.broker):
            report_times('tap_while_broker_frozen', driver.times(TAPS, 0, PEOPLE))
        with busy_disk(system.dir / 'gw1' / 'state'):
            report_times('tap_while_disk_busy', driver.times(TAPS, 0, PEOPLE))
        measure_change(system)
        for open_ in (1, 64):
            measure_rate(system, f'refused_{open_}', open_)


main()
