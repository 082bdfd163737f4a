#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""An order to a Bluetooth lock, until the lock has accepted it and until it has carried it out: over a new link when nothing is
known of the lock, over a new link when its handles are, and over one that is there; and where the time goes. In a virtual machine whose
controllers take a radio's time: advertisements every 20 ms (of the crowd 100), connection events every 50 ms.

The floors are measured with it: a bare L2CAP connection to the same lock, and a request and its answer over it. The share of the
processor is the driver's own time of all that, emulated.
"""
import contextlib
import ctypes
import os
import pathlib
import re
import select
import statistics
import struct
import tempfile
import time

from house import Driver, acquaint
from radio import Air, att_connect, wait_for
from simulators import Lock

FLOORS, COLD, KNOWN, WARM, CROWD = 10, 5, 10, 30, 16
MOTOR_MS = 100
MTU_REQUEST = 2
REQUESTS = 10
SEALS, MESSAGE_BYTES = 1000, 50
# Challenge asked for and told, action, accepted, two states, complete.
MESSAGES_OF_AN_ORDER = 7
# Requests and answers until `accepted`: MTU, subscription, challenge, action.
ROUNDS_KNOWN, ROUNDS_WARM = 4, 2
CONNECT_SHARE = 1.2


def report(name, value, unit):
    print(f'{name} {value:.4g} {unit}', flush=True)


def now_us():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def report_times(name, times_us):
    report(f'{name}_p50', statistics.median(times_us) / 1000, 'ms')
    report(f'{name}_max', max(times_us) / 1000, 'ms')


class Measured(Driver):
    """Orders, and when what came of them."""

    def __init__(self, directory, **lock):
        super().__init__(directory, ['front'], **lock)
        self.next_do = 'unlock'

    def processor_us(self):
        """The time that it had until now."""
        return int(pathlib.Path(f'/proc/{self.process.pid}/schedstat').read_text().split()[0]) // 1000

    def measure(self, lock):
        """The times of an order: since it was given, by name."""
        before_us, sent_us = self.processor_us(), now_us()
        number = self.order(self.next_do, 'front')
        self.next_do = 'lock' if self.next_do == 'unlock' else 'unlock'
        times = {}
        for outcome in 'accepted', 'completed':
            self.hear(ev='result', id=number, outcome=outcome)
            times[outcome] = now_us() - sent_us
        times['processor'] = self.processor_us() - before_us
        for line in lock.until('told complete'):
            at_us, what = line.strip().split(' ', 1)
            times.setdefault(re.sub(r' (unlock|lock)$', '', what), int(at_us) - sent_us)
        return times


def column(rows, name):
    return [row[name] for row in rows]


def between(rows, first, last):
    return [row[last] - (row[first] if first else 0) for row in rows]


def measure_floors(central, peripheral, lock):
    """Connections, and requests with their answers."""
    connects, rounds = [], []
    for _ in range(FLOORS):
        begun_us = now_us()
        with att_connect(central, peripheral) as s:
            connects.append(now_us() - begun_us)
            for _ in range(REQUESTS):
                begun_us = now_us()
                s.send(struct.pack('<BH', MTU_REQUEST, 247))
                wait_for(s, select.POLLIN)
                s.recv(16)
                rounds.append(now_us() - begun_us)
        lock.until('link off')
    report_times('ble_floor_connect', connects)
    report_times('ble_floor_request', rounds)
    return statistics.mean(connects), statistics.mean(rounds)


def report_orders(name, rows, shares):
    for outcome in 'accepted', 'completed':
        report_times(f'ble_{name}_{outcome}', column(rows, outcome))
    for share, (first, last) in shares.items():
        report(f'ble_{name}_share_{share}', statistics.median(between(rows, first, last)) / 1000, 'ms')
    report(f'ble_{name}_share_processor', statistics.median(column(rows, 'processor')) / 1000, 'ms')
    return statistics.mean(column(rows, 'accepted'))


TALK = {'challenge': ('subscribed secret on', 'told challenge'), 'action': ('told challenge', 'told accepted'),
        'motor': ('told accepted', 'told complete')}
LINKED = {'connecting': (None, 'link on'), 'settling': ('link on', 'subscribed secret on'), **TALK}


def measure_crypto():
    """One message of an order: sealed, or opened."""
    sodium = ctypes.CDLL('libsodium.so.23')
    key, nonce, message, box = bytes(32), bytes(24), bytes(MESSAGE_BYTES), ctypes.create_string_buffer(MESSAGE_BYTES + 16)
    begun_us = now_us()
    for _ in range(SEALS):
        sodium.crypto_secretbox_easy(box, message, ctypes.c_ulonglong(MESSAGE_BYTES), nonce, key)
    report('ble_crypto_of_an_order', (now_us() - begun_us) / SEALS * MESSAGES_OF_AN_ORDER / 1000, 'ms')


def measure_cold(directory, lock):
    """Nothing is known but the key: each time a new driver."""
    rows = []
    for _ in range(COLD):
        with Measured(directory, idle_s=1, heartbeat_s=86400) as driver:
            rows.append(driver.measure(lock))
        lock.until('link off')
        os.remove(os.path.join(directory, 'ble-memory.json'))
    return report_orders('cold', rows, {'connecting': (None, 'link on'), 'discovering': ('link on', 'subscribed secret on'), **TALK})


def measure_known(directory, lock):
    """Each time over a new link."""
    with Measured(directory, idle_s=1, heartbeat_s=86400) as driver:
        driver.measure(lock)
        rows = []
        for _ in range(KNOWN):
            lock.until('link off')
            rows.append(driver.measure(lock))
    lock.until('link off')
    assert not any('discovery' in row for row in rows), 'handles were looked for again'
    return report_orders('known', rows, LINKED)


def measure_warm(directory, lock):
    with Measured(directory, link='warm', heartbeat_s=86400) as driver:
        driver.measure(lock)
        rows = [driver.measure(lock) for _ in range(WARM)]
    return report_orders('warm', rows, {'challenge': (None, 'told challenge'), 'action': TALK['action'], 'motor': TALK['motor']})


def measure_crowd():
    """All of sixteen locks at once, over new links, handles known."""
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        stack.enter_context(Air(CROWD + 1))
        locks = {f'door{i}': stack.enter_context(Lock(directory, f'hci{i + 1}', '--interval', '100')) for i in range(CROWD)}
        for lock in locks.values():
            lock.ctl(f'motor {MOTOR_MS} {MOTOR_MS} {MOTOR_MS}')
        acquaint(directory, locks)
        driver = stack.enter_context(Driver(directory, list(locks), idle_s=1, heartbeat_s=86400))
        for do in 'unlock', 'lock':
            sent_us = now_us()
            for door in locks:
                driver.order(do, door)
            times = []
            for _ in locks:
                number, outcome = driver.end()
                assert outcome == 'completed', outcome
                times.append(now_us() - sent_us)
            for lock in locks.values():
                lock.until('link off')
        report_times('ble_crowd_completed', times)


def main():
    with tempfile.TemporaryDirectory() as directory, Air(2) as air, Lock(directory, 'hci1', '--interval', '20') as lock:
        lock.ctl(f'motor {MOTOR_MS} {MOTOR_MS} {MOTOR_MS}')
        central, peripheral = air.adapters
        connect_us, round_us = measure_floors(central, peripheral, lock)
        measure_crypto()
        acquaint(directory, {'front': lock})
        measure_cold(directory, lock)
        known_us, warm_us = measure_known(directory, lock), measure_warm(directory, lock)
        report('ble_known_to_floor', (known_us - ROUNDS_KNOWN * round_us) / connect_us, f'ratio, aim {CONNECT_SHARE}')
        report('ble_warm_to_floor', warm_us / (ROUNDS_WARM * round_us), 'ratio, aim 1')
    measure_crowd()


main()
