#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the events can be believed, at the gateway and in the cloud (cloud contract 3, E1, E2, E4)."""
import contextlib
import os
import sqlite3
import unittest

from gateway import SystemTest


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


if __name__ == "__main__":
    unittest.main()
