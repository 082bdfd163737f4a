#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway that starts with its policy in policy.db and the compiled copy beside it, which is in the page cache: the
time from its execution to the release for the first card, which its driver presents as soon as it runs; and the memory
of its processes then. Once for each number of credentials told; people have two each, a card and a QR code.

A gateway that fetches its policy from the cloud first takes its time, and is not what is measured here."""
import sys

from measured import System, report_memory, report_times

STARTS = 5
FETCH_S = 400


def first_decision_us(system):
    executed_us = system.gateway.start()
    driver = system.wait_for_driver()
    driver.tap(1, 0, system.people)
    return driver.answers()[0][1] - executed_us


def fetch(system):
    system.gateway.start()
    system.wait_for_driver(FETCH_S)
    system.gateway.stop()


def wait_until_idle(system):
    """The cloud has the last start's event of who was let in: then the link is up as well, and nothing is left to do."""
    system.gateway.follow()
    for _ in range(STARTS):
        granted = system.gateway.events.take(kind='granted')
    system.gateway.events.leave()
    system.cloud.wait_for_event(granted)


def main():
    for credentials in map(int, sys.argv[1:]):
        with System(credentials // 2, qr=True) as system:
            fetch(system)
            times_us = []
            for i in range(STARTS):
                if i > 0:
                    system.gateway.stop()
                times_us.append(first_decision_us(system))
            report_times(f'start_to_first_release_{credentials}', times_us, shares=(50,), unit='ms')
            wait_until_idle(system)
            for name, pid in system.gateway.processes().items():
                report_memory(f'{name}_{credentials}', pid)


main()
