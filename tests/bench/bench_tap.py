#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a card that is laid on the reader's antenna to the coil that the turnstile's controller finds written, through
libnfc, stile-nfc, stiled, stile-modbus and libmodbus, with simulated devices.

    bench_tap.py ideal    chip, air and lines take no time: what is left is our own
    bench_tap.py tcp      the chip's air and its 115,200 baud line take their time; the turnstile is on Modbus TCP
    bench_tap.py rtu      so does the turnstile's line: Modbus RTU, 19,200 baud
"""
import random
import socket
import sys
import time

from measured import BUILD, UNIT_SCHEDULING, Program, System, card, report_memory, report_times

TAPS = 200
PEOPLE = 1000

# stile-nfc takes a card for removed after 250 ms, and looks for the next one all the time only then. The rest falls
# anywhere into its turns of 20 ms.
REST_S = 0.32
TURN_S = 0.02


def ctl(path, words):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(path))
        s.sendall(f'{words}\n'.encode())
        answer = s.makefile().readline()
    assert answer.startswith('ok'), answer


def told_at(simulator, words):
    """When a simulator told of this."""
    return int(simulator.output.until(lambda line: words in line).split()[0])


class Building(System):
    def __init__(self, people, timing):
        self.timing = timing
        super().__init__(people)

    def devices(self):
        """The two simulators, which no more than real devices wait for our processor, and the devices as the policy names
        them."""
        chip_timing = [] if self.timing == 'ideal' else ['--timing']
        line = ['--rtu', self.dir / 'bus', '--baud-timing'] if self.timing == 'rtu' else ['--tcp', '0']
        self.reader = self.start(Program(*UNIT_SCHEDULING, BUILD / 'tools/sim/sim-pn532', '--port', self.dir / 'reader',
                                         '--control', self.dir / 'reader.ctl', *chip_timing))
        self.turnstile = self.start(Program(*UNIT_SCHEDULING, BUILD / 'tools/sim/sim-collector', *line, '--auto',
                                            'pass:1'))
        port = self.turnstile.output.next().split()[-1]
        connection = {'rtu': port} if self.timing == 'rtu' else {'tcp': f'127.0.0.1:{port}'}
        return [('device', {'id': 'reader', 'driver': 'nfc', 'connection': f'pn532_uart:{self.dir}/reader',
                            'points': ['front.reader']}),
                ('device', {'id': 'turnstile', 'driver': 'modbus', 'profile': 'sim-collector',
                            'connection': connection, 'points': ['slot.in', 'slot.out'], 'targets': ['front']})]

    def tap(self, number):
        """Somebody taps and passes. When the card was laid and when the coil was written."""
        ctl(self.dir / 'reader.ctl', f'lay ntag {card(number)}')
        times = told_at(self.reader, 'lay'), told_at(self.turnstile, 'coil')
        told_at(self.turnstile, 'passed')
        ctl(self.dir / 'reader.ctl', 'take')
        time.sleep(REST_S + random.uniform(0, TURN_S))
        return times


def main(timing):
    with Building(PEOPLE, timing) as building:
        building.gateway.start()
        building.gateway.follow('reader', 'turnstile')
        stages = {'laid_to_decided': [], 'decided_to_coil': [], 'laid_to_coil': []}
        for number in range(TAPS):
            laid_us, coil_us = building.tap(number)
            decided_us = building.gateway.events.take(kind='granted', user=f'u{number}')['at']
            stages['laid_to_decided'].append(decided_us - laid_us)
            stages['decided_to_coil'].append(coil_us - decided_us)
            stages['laid_to_coil'].append(coil_us - laid_us)
        for name, times_us in stages.items():
            report_times(f'tap_{timing}_{name}', times_us, shares=(50, 99), unit='ms')
        for name in ('stile-nfc', 'stile-modbus'):
            report_memory(name, building.gateway.processes()[name])


if __name__ == "__main__":
    main(sys.argv[1])
