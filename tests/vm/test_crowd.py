#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sixteen locks on one adapter, all of them wanted at once."""
import tempfile
import unittest

from house import MOTOR, Driver, acquaint
from radio import Air
from simulators import Lock

LOCKS = 16
ROUNDS = 3


class CrowdTest(unittest.TestCase):
    def setUp(self):
        directory = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(Air(LOCKS + 1))
        self.locks = {f'door{i}': self.enterContext(Lock(directory, f'hci{i + 1}')) for i in range(LOCKS)}
        for lock in self.locks.values():
            lock.ctl(MOTOR)
        acquaint(directory, self.locks)
        self.driver = self.enterContext(Driver(directory, list(self.locks), idle_s=1, heartbeat_s=86400))

    def unlatch(self, door):
        return self.driver.order('unlatch', door)

    def test_some_are_wanted_again_and_again__everybody_gets_in(self):
        """As long as somebody has not been let in, those who have come back at once."""
        waiting = {self.unlatch(door): door for door in self.locks}
        opened = dict.fromkeys(self.locks, 0)
        while waiting:
            number, outcome = self.driver.end()
            door = waiting.pop(number)
            self.assertEqual(outcome, 'completed', (door, opened))
            opened[door] += 1
            if min(opened.values()) < 1 or opened[door] < ROUNDS:
                waiting[self.unlatch(door)] = door


if __name__ == '__main__':
    unittest.main()
