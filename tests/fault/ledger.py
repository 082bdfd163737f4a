# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway's log as it lies on the disk. stiled must not run: it has the file for itself."""
import hashlib
import os
import sqlite3


def ledger_lines(gateway):
    """The stored lines in order, after their chain was verified (cloud contract E2)."""
    database = sqlite3.connect(os.path.join(gateway.state, "ledger.db"))
    head, = database.execute("SELECT head_hash FROM log").fetchone()
    chain = bytes(32)
    lines = []
    for prev, line in database.execute("SELECT prev, line FROM events ORDER BY id"):
        assert prev == chain, f"{gateway.directory}: the chain breaks before {line}"
        chain = hashlib.blake2b(chain + line.encode(), digest_size=32).digest()
        lines.append(line)
    database.close()
    assert chain == head, f"{gateway.directory}: the chain does not end where the ledger says"
    return lines
