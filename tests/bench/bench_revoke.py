#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""One credential is revoked: from `stile-cloud del` having returned until the card is refused at the door. The card is
presented again and again meanwhile, each time as soon as the last one was answered. The first word says how many are
revoked, the others how many credentials there are; people have two each, a card and a QR code. As many are revoked
again without a pause: each as soon as the last one is refused, while its result may still be on the way.

A site as large as it gets: meson test runs up to 100,000; `bench_revoke.py 100 1000000` takes some minutes to fill.
"""
import sys

from measured import System, now_us, report_times

FETCH_S = 900


def revoke(system, driver, person, wait):
    system.cloud.run('del', 'credential', f'u{person}.card')
    returned_us = now_us()
    refused_us = driver.until_refused(person)
    if wait:
        system.cloud.wait_for('delta applied')
    return refused_us - returned_us


def main():
    rounds, *sizes = map(int, sys.argv[1:])
    for credentials in sizes:
        with System(credentials // 2, qr=True) as system:
            system.gateway.start()
            driver = system.wait_for_driver(FETCH_S)
            step = system.people // rounds
            for name, first, wait in (('revoked', 0, True), ('revoked_in_a_row', 1, False)):
                times_us = [revoke(system, driver, first + number * step, wait) for number in range(rounds)]
                report_times(f'{name}_{credentials}', times_us, shares=(50, 99), unit='ms')


main()
