#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a driver's line to the command that answers it, one card after the other, so that nothing queues: a card that is
let in (to its release) and one that is not (to what the reader shows). Beside it the floor: a line to another process
and back. `ordinary`: without the priority that the unit gives."""
import subprocess

from measured import STILE_BENCH, STRANGERS, UNIT_SCHEDULING, System, at_share, report, report_times

TAPS = 3000
DENIED = 1000
WARM_UP = 200


def floor():
    run = subprocess.run([*UNIT_SCHEDULING, STILE_BENCH, '--floor', str(TAPS)], check=True,
                         capture_output=True, text=True)
    return [int(b) - int(a) for a, b in (line.split() for line in run.stdout.splitlines() if line)]


def main():
    floor_us = floor()
    report_times('line_floor', floor_us)
    for people in (1000, 100000):
        with System(people) as system:
            system.gateway.start()
            driver = system.wait_for_driver()
            driver.times(WARM_UP, 0, people)
            times_us = driver.times(TAPS, 0, people)
            report_times(f'line_release_{people}', times_us)
            report(f'line_release_{people}_p50_to_floor', at_share(times_us, 0.5) / at_share(floor_us, 0.5), 'ratio')
            report_times(f'line_denied_{people}', driver.times(DENIED, people, STRANGERS))
            system.gateway.stop()
            system.gateway.start(scheduling=[])
            driver = system.wait_for_driver()
            driver.times(WARM_UP, 0, people)
            report_times(f'line_release_{people}_ordinary', driver.times(TAPS, 0, people))


main()
