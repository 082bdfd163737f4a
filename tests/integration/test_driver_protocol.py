#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""hal/README.md keeps its word: its example lines are understood, its example driver and stile-sim work."""
import json
import os
import pathlib
import re
import subprocess
import tempfile
import time
import unittest

SOURCE = pathlib.Path(os.environ['STILE_SOURCE'])
SIM = pathlib.Path(os.environ['STILE_BUILD']) / 'hal/sim/stile-sim'
EXAMPLE = SOURCE / 'hal/example/stile-example'
LATER = 9_000_000_000_000_000
README = (SOURCE / 'hal/README.md').read_text()


class Driver:
    """A driver on two pipes. Reading blocks until it says something; meson's time-out is the limit."""

    def __init__(self, program, **device):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True, bufsize=1)
        self.say(do='configure', device=device)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def say(self, **command):
        self.process.stdin.write(json.dumps(command) + '\n')

    def hear(self):
        return json.loads(self.process.stdout.readline())

    def until(self, kind):
        while (event := self.hear())['ev'] != kind:
            pass
        return event

    def end(self):
        self.say(do='shutdown')
        return self.process.wait()


class Example(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.relay = pathlib.Path(self.directory.name) / 'relay'

    def driver(self):
        return Driver(EXAMPLE, driver='example', targets=['gate'], relay=str(self.relay))

    def test_life(self):
        with self.driver() as driver:
            self.assertEqual(driver.hear()['targets'], ['gate'])
            self.assertEqual(driver.hear(), {'ev': 'health', 'state': 'up'})
            driver.say(do='ping', id=4)
            self.assertEqual(driver.hear(), {'ev': 'pong', 'id': 4})
            driver.say(do='release', id=1, target='gate', pulse_ms=50, deadline=LATER)
            self.assertEqual(driver.hear()['outcome'], 'accepted')
            self.assertEqual(driver.hear()['outcome'], 'completed')
            self.assertEqual(self.relay.read_text(), '0')
            driver.say(do='lock', id=2, target='gate', deadline=LATER)
            self.assertEqual(driver.hear()['reason'], 'not_supported')
            self.assertEqual(driver.end(), 0)

    def test_too_late(self):
        with self.driver() as driver:
            driver.say(do='release', id=1, target='gate', pulse_ms=50, deadline=1)
            self.assertEqual(driver.until('result')['reason'], 'deadline')
            self.assertFalse(self.relay.exists())


class Sim(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.control = pathlib.Path(self.directory.name) / 'control'

    def driver(self, **settings):
        driver = Driver(SIM, driver='sim', points=['in'], targets=['gate'], control=str(self.control), **settings)
        driver.until('health')
        return driver

    def happen(self, words):
        self.control.write_text(words + '\n')

    def test_what_can_happen(self):
        told = {
            'present in card 04A1 authenticated': {'ev': 'presented', 'point': 'in', 'credential': {
                'type': 'card', 'value': '04A1', 'assurance': 'authenticated'}},
            'remove in': {'ev': 'removed', 'point': 'in'},
            'input point in tamper on': {'ev': 'input', 'point': 'in', 'role': 'tamper', 'value': True},
            'input target gate fire off': {'ev': 'input', 'target': 'gate', 'role': 'fire', 'value': False},
            'passage gate entry 2': {'ev': 'passage', 'target': 'gate', 'direction': 'entry', 'count': 2},
            'no_passage gate exit': {'ev': 'no_passage', 'target': 'gate', 'direction': 'exit'},
            'health degraded slow': {'ev': 'health', 'state': 'degraded', 'reason': 'slow'},
            'battery gate 12': {'ev': 'state', 'target': 'gate', 'battery': 12},
            'approach in': {'ev': 'approach', 'point': 'in'},
            'lock gate jammed motor': {'ev': 'state', 'target': 'gate', 'lock': 'jammed', 'detail': 'motor'},
        }
        with self.driver() as driver:
            for words, event in told.items():
                self.happen(words)
                heard = driver.hear()
                self.assertGreater(heard.pop('at'), 0)
                self.assertEqual(heard, event, words)
            self.happen('nonsense\npassage gate\nremove in')  # survives what it does not understand
            self.assertEqual(driver.hear()['ev'], 'removed')
            self.assertEqual(driver.end(), 0)

    def test_release_that_fails(self):
        with self.driver(fail='jammed') as driver:
            driver.say(do='release', id=1, target='gate', pulse_ms=500, deadline=LATER)
            result = driver.hear()
            self.assertEqual((result['outcome'], result['reason']), ('failed', 'jammed'))

    def test_scan_and_pair(self):
        with self.driver(found='54:D2:72:0A:0B:0C') as driver:
            soon = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000 + 400_000  # a scan ends half a second before
            driver.say(do='scan', id=1, deadline=soon)
            self.assertEqual(driver.hear()['address'], '54:D2:72:0A:0B:0C')
            self.assertEqual(driver.hear()['outcome'], 'completed')
            driver.say(do='pair', id=2, target='gate', address='54:D2:72:0A:0B:0D', deadline=LATER)
            self.assertEqual(driver.hear()['reason'], 'not_found')
            driver.say(do='pair', id=3, target='gate', address='54:D2:72:0A:0B:0C', deadline=LATER)
            self.assertEqual([driver.hear()['ev'] for _ in range(3)], ['progress', 'progress', 'result'])

    def test_crash(self):
        with self.driver() as driver:
            self.happen('crash')
            self.assertLess(driver.process.wait(), 0)

    def test_garbage(self):
        with self.driver() as driver:
            self.happen('garbage 2\nremove in')
            self.assertRaises(ValueError, driver.hear)
            self.assertRaises(ValueError, driver.hear)
            self.assertEqual(driver.hear()['ev'], 'removed')

    def test_stop_reading(self):
        with self.driver() as driver:
            self.happen('stop_reading\nremove in')
            driver.hear()
            driver.say(do='ping', id=1)
            self.happen('remove in')
            self.assertEqual(driver.hear()['ev'], 'removed')  # and no pong before it


class Readme(unittest.TestCase):
    def test_lines_to_the_driver_are_understood(self):
        commands = [json.loads(line) for line in re.findall(r'^    (\{"do".*\})$', README, re.M)]
        kinds = {command['do'] for command in commands}
        self.assertEqual(kinds, {'configure', 'release', 'lock', 'unlock', 'unlatch', 'hold', 'show', 'prepare',
                                 'probe', 'scan', 'pair', 'ping', 'shutdown', 'error'})
        with Driver(SIM, **next(c for c in commands if c['do'] == 'configure')['device']) as driver:
            driver.until('health')
            for command in commands:
                if command['do'] not in ('configure', 'shutdown'):
                    driver.say(**command)
            driver.say(do='ping', id=999)
            heard = []
            while (event := driver.hear()).get('id') != 999:
                heard.append(event)
            self.assertNotIn('error', [event['ev'] for event in heard])

    def test_every_event_has_its_line(self):
        events = [json.loads(line) for line in re.findall(r'^    (\{"ev".*\})$', README, re.M)]
        self.assertEqual({event['ev'] for event in events},
                         {'hello', 'presented', 'removed', 'approach', 'input', 'passage', 'no_passage', 'state', 'record',
                          'result', 'found', 'progress', 'health', 'pong', 'error'})


unittest.main()
