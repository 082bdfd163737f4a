#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A large site comes down, signed, and the events of a long outage go up, through a broker that sends at once. Words:
how many credentials there are, and how many events the outage has; people have two credentials each, a card and a QR
code.

The first policy has STAFF people and the driver, which presents cards without end while the rest comes: so the whole
of the site comes as one snapshot, and the old policy decides until it is there. As many cards are presented afterwards:
what they wait for at worst is the machine. Bytes are those within the gateway's connection to the broker, TLS not
counted.
"""
import json
import re
import subprocess
import sys
import threading

from measured import STRANGERS, System, now_us, read, report, report_times, write_people

from gateway import STILE_CLOUD  # (measured has set the path)

FETCH_S = 1800
STAFF = 1000
TAPS = 500
OUTAGE_TAPS = 10000
RECONNECT_S = 120  # up to a minute of it is the gateway's jitter


class Site(System):
    """Whose policy and acks are signed. The first import has STAFF people."""

    broker_settings = ('set_tcp_nodelay true',)

    def fill(self):
        keys = [json.loads(self.cloud.run('key', 'new', *words))
                for words in (('root-1', 'root'), ('pol-1', 'policy,events'))]
        self.gateway.configure(broker={'host': '127.0.0.1', 'port': self.broker.port}, trust='signed', keys=keys)
        super().fill()

    def start_all(self):
        self.gateway.start()
        self.wait_for_driver()
        self.gateway.log('is in force')
        self.cloud.wait_for('is in force')
        self.driver.times(200, 0, STAFF)

    def pids(self):
        return {**self.gateway.processes(), 'mosquitto': self.broker.process.pid,
                'stile-cloud': self.cloud.serving.process.pid}

    def wire(self):
        """Bytes that stile-link has sent and received."""
        told = subprocess.run(['ss', '-tinpH', f'dport = {self.broker.port}'], capture_output=True, text=True,
                              check=True).stdout
        mine = next(entry for entry in re.split(r'\n(?=\S)', told) if 'stile-link' in entry)
        return [int(re.search(rf'{name}:(\d+)', mine)[1]) for name in ('bytes_sent', 'bytes_received')]

    def log_position(self):
        return self.gateway.ask('status')[0]['events']


def forget_peaks(pids):
    for pid in pids.values():
        with open(f'/proc/{pid}/clear_refs', 'w') as f:
            f.write('5')


def report_peaks(name, pids):
    for program in ('stiled', 'stile-link', 'mosquitto', 'stile-cloud'):
        peak_kib = int(re.search(r'VmHWM:\s*(\d+)', read(f'/proc/{pids[program]}/status'))[1])
        report(f'{name}_peak_{program}', peak_kib / 1024, 'MiB')


def report_decisions(name, times_us):
    report_times(name, times_us, unit='ms')
    report(f'{name}_over_1ms', sum(time_us > 1000 for time_us in times_us) / len(times_us), 'ratio')


class When(threading.Thread):
    """Waits for something, and takes the time."""

    def __init__(self, wait):
        super().__init__()
        self.wait = wait
        self.at_us = None
        self.start()

    def run(self):
        self.wait()
        self.at_us = now_us()


def measure_fetch(system, name, credentials):
    path = system.dir / 'crowd.csv'
    write_people(path, 10 * STAFF, credentials // 2, 'member', qr=True)
    pids = system.pids()
    forget_peaks(pids)
    _, received = system.wire()
    chunks = When(lambda: system.cloud.serving.output.until(lambda line: 'wants chunks' in line, FETCH_S))
    force = When(lambda: system.gateway.stiled.output.until(lambda line: 'is in force' in line, FETCH_S))
    subprocess.run([STILE_CLOUD, '--directory', system.cloud.directory, 'import', path], check=True,
                   stdout=subprocess.DEVNULL)
    begin_us = now_us()
    times_us = []
    while force.is_alive():
        times_us += system.driver.times(TAPS, 0, STAFF)
    received = system.wire()[1] - received
    later_us = [time_us for _ in range(0, len(times_us), TAPS) for time_us in system.driver.times(TAPS, 0, STAFF)]
    chunks.join()
    force.join()
    report(f'{name}_offered', (chunks.at_us - begin_us) / 1e6, 's')
    report(f'{name}_in_force', (force.at_us - begin_us) / 1e6, 's')
    report_peaks(name, pids)
    report_decisions(f'{name}_decision', times_us)
    report_decisions(f'{name}_decision_afterwards', later_us)
    report(f'{name}_wire_per_user', received / (credentials // 2), 'bytes')


def produce(system, events):
    """Refusals, while nobody listens. Returns the last event that the cloud has, and the last there is."""
    begin = system.log_position()
    begin_us = now_us()
    while (end := system.log_position())['head'] - begin['acked'] < events:
        system.driver.times(OUTAGE_TAPS, STAFF, STRANGERS, gap_ms=0)
    report(f'outage_{events}_produced', (end['head'] - begin['head']) / (now_us() - begin_us) * 1e6, '1/s')
    return begin['acked'], end['head']


def stored(system, seq):
    """Waits until the cloud has stored this event. Returns the last one that it has, when, and the bytes so far."""
    pattern = re.compile(r' events \d+ to (\d+) are stored')
    told = system.cloud.serving.output
    while (last := int(pattern.search(told.until(pattern.search, RECONNECT_S))[1])) < seq:
        continue
    return last, now_us(), *system.wire()


def measure_outage(system, events):
    system.broker.kill()
    acked, head = produce(system, events)
    system.broker.restart()
    first, begin_us, *before = stored(system, acked + 1)
    last, end_us, *after = stored(system, head)
    while system.log_position()['acked'] < head:
        continue
    name = f'drain_{events}'
    report(f'{name}_events', (last - first) / (end_us - begin_us) * 1e6, '1/s')
    report(f'{name}_wire_per_event', (after[0] - before[0]) / (last - first), 'bytes')
    report(f'{name}_wire_acks_per_event', (after[1] - before[1]) / (last - first), 'bytes')


def main():
    credentials, events = map(int, sys.argv[1:])
    with Site(STAFF) as system:
        system.start_all()
        measure_fetch(system, f'fetch_{credentials}', credentials)
        measure_outage(system, events)


main()
