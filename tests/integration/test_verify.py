#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the events can be believed, at the gateway and in the cloud (cloud contract 3, E1, E2, E4)."""
import contextlib
import os
import sqlite3
import subprocess
import unittest

from gateway import STILE_CLOUD, SystemTest
from support import LIMIT_S


def execute(path, sql):
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        return db.execute(sql).fetchall()


class AtTheGateway(SystemTest):
    def test_E2_log__is_whole_while_events_go_on(self):
        self.start()
        for _ in range(5):
            self.works()
        verified, = self.gateway.ask("events", "verify")
        status, = self.gateway.ask("status")
        self.assertEqual(verified, {"epoch": status["events"]["epoch"], "first": 1, "last": status["events"]["head"],
                                    "count": status["events"]["head"]})

    def test_E2_changed_event__is_found(self):
        self.start()
        granted = self.works()
        self.gateway.stop()
        execute(os.path.join(self.gateway.state, "ledger.db"),
                f"UPDATE events SET line = replace(line, 'ada', 'ben') WHERE id = {granted['seq']}")
        self.gateway.start()
        verified, = self.gateway.ask("events", "verify", status=1)
        self.assertEqual(verified["first_bad"], granted["seq"])


class InTheCloud(SystemTest):
    def setUp(self):
        super().setUp()
        self.start()
        self.granted = self.works()
        self.cloud.wait_for_event(self.granted)

    def verify(self):
        done = subprocess.run([STILE_CLOUD, "--directory", self.cloud.directory, "events", "verify"],
                              capture_output=True, text=True, timeout=LIMIT_S)
        return done.returncode, done.stdout

    def change(self, sql):
        execute(os.path.join(self.cloud.directory, "cloud.db"), sql)

    def test_E1_E2_what_a_gateway_sent__is_whole_while_more_comes(self):
        status, report = self.verify()
        self.assertEqual(status, 0, report)
        self.assertRegex(report, rf"^gw1 epoch {self.granted['epoch']}: events 1 to \d+: the chain holds\n$")

    def test_E2_changed_event__is_found(self):
        self.change(f"UPDATE events SET line = replace(line, 'ada', 'ben') WHERE seq = {self.granted['seq']}")
        status, report = self.verify()
        self.assertEqual(status, 1)
        self.assertIn("the chain breaks", report)

    def test_E1_missing_event__is_named(self):
        self.change(f"DELETE FROM events WHERE seq = {self.granted['seq']}")
        status, report = self.verify()
        self.assertEqual(status, 1)
        self.assertIn(f"event {self.granted['seq']} is missing", report)


if __name__ == "__main__":
    unittest.main()
