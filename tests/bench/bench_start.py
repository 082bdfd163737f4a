#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway that starts with its policy in policy.db: the time from its execution to the release for the first card,
which its driver presents as soon as it runs; and the memory of its processes then."""
from measured import System, report_memory, report_times

STARTS = 5


def first_decision_us(system):
    executed_us = system.gateway.start()
    driver = system.wait_for_driver()
    driver.tap(1, 0, system.people)
    return driver.answers()[0][1] - executed_us


def wait_until_idle(system):
    """The cloud has the last start's event of who was let in: then the link is up as well, and nothing is left to do."""
    system.gateway.follow()
    for _ in range(1 + STARTS):
        granted = system.gateway.events.take(kind='granted')
    system.gateway.events.leave()
    system.cloud.wait_for_event(granted)


def main():
    for people in (1000, 100000):
        with System(people) as system:
            first_decision_us(system)  # fetches the policy
            times_us = []
            for _ in range(STARTS):
                system.gateway.stop()
                times_us.append(first_decision_us(system))
            report_times(f'start_to_first_release_{people}', times_us, shares=(50,), unit='ms')
            wait_until_idle(system)
            for name, pid in system.gateway.processes().items():
                report_memory(f'{name}_{people}', pid)


main()
