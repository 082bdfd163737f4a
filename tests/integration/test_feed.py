#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy's way down, disturbed: rows that drifted, and snapshots that are cut off (cloud contract 2)."""
import base64
import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import unittest

from gateway import BEN, SystemTest, card

ROOT = "stile/1/hub/gw1/"

# What finding and mending one item may cost, all messages together.
REPAIR_BYTES_MAX = 32 * 1024


def people(count):
    return [item for number in range(count)
            for item in (("user", {"id": f"p{number}", "tags": ["member"]}), card(f"p{number}", f"{number:08X}"))]


def next_of(subscriber):
    """Topic and payload of the next message that mosquitto_sub sees."""
    message = json.loads(subscriber.output.next())
    return message["topic"].removeprefix(ROOT), message["payload"]


def claims(payload):
    """What a message says, signed or not."""
    if not payload.startswith("{"):
        payload = base64.urlsafe_b64decode(payload.split(".")[1] + "==")
    return json.loads(payload)


def put_row(db, slot, kind, rev, item):
    """As the policy store would."""
    text = json.dumps(item, separators=(",", ":"))
    db.execute("INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?, ?, ?)",
               [slot, kind, item["id"], rev, text, hashlib.blake2b(text.encode(), digest_size=16).digest()])


class DriftTest(SystemTest):
    def policy_db(self):
        return contextlib.closing(sqlite3.connect(os.path.join(self.gateway.state, "policy.db"), isolation_level=None))

    def held(self):
        """What the gateway has in force: kind, id and rev of each item."""
        with self.policy_db() as db:
            return set(db.execute("SELECT kind, id, rev FROM items WHERE slot = (SELECT slot FROM head)"))

    def wanted(self):
        with contextlib.closing(sqlite3.connect(os.path.join(self.cloud.directory, "cloud.db"))) as db:
            return set(db.execute("SELECT kind, id, rev FROM items WHERE item IS NOT NULL"))

    def plant(self, change):
        """Changes rows behind stiled's back, so that they are a sound policy of the same version."""
        with self.policy_db() as db:
            slot = db.execute("SELECT slot FROM head").fetchone()[0]
            change(db, slot)
            rows = db.execute("SELECT kind, id, rev FROM items WHERE slot = ?", [slot]).fetchall()
            digests = (hashlib.blake2b(b"%s\0%s\0%d" % (kind.encode(), name.encode(), rev), digest_size=16).digest()
                       for kind, name, rev in rows)
            root = sum(int.from_bytes(digest, "big") for digest in digests) % 2**128
            db.execute("UPDATE head SET root = ?, items = ?", [f"{root:032x}", len(rows)])

    def mend(self, change):
        """Plants a drift; returns the messages that mended it."""
        self.gateway.stop()
        self.plant(change)
        self.assertNotEqual(self.held(), self.wanted())
        topics = ("up/request", "up/result", "down/digest", "down/delta", "down/snapshot", "down/chunk")
        with self.broker.subscribe(*(ROOT + topic for topic in topics)) as subscriber:
            self.gateway.start()
            self.events.take(kind="policy_applied", version=2)
            messages = [next_of(subscriber)]
            while messages[-1][0] != "up/result":
                messages.append(next_of(subscriber))
        return messages

    def start_with(self, *items):
        self.start(*items)
        self.cloud.put("user", {"id": "ben", "name": "Ben Ruiz", "tags": ["member", "weekend"]})
        self.events.take(kind="policy_applied", version=2)

    def assert_mended(self):
        self.tap("front.reader", BEN, kind="granted", user="ben")
        self.gateway.stop()
        self.assertEqual(self.held(), self.wanted())

    def assert_by_buckets(self, messages, buckets):
        self.assertEqual([topic for topic, _ in messages],
                         ["up/request", "down/digest", "up/request", "down/delta", "up/result"])
        self.assertEqual(len(json.loads(messages[2][1])["buckets"]), buckets)
        delta = claims(messages[3][1])
        self.assertEqual((delta["from"], delta["to"]), (2, 2))
        self.assertEqual(json.loads(messages[4][1])["outcome"], "applied")
        self.assertLess(sum(len(payload) for _, payload in messages), REPAIR_BYTES_MAX)


class Drift(DriftTest):
    def test_P5_one_changed_one_missing_one_extra__are_mended_by_their_buckets(self):
        self.start_with(*people(3000))

        def change(db, slot):
            put_row(db, slot, "user", 1, {"id": "ben", "status": "cancelled"})
            db.execute("DELETE FROM items WHERE slot = ? AND kind = 'credential' AND id = 'p1234.card'", [slot])
            put_row(db, slot, "user", 1, {"id": "spy", "name": "Nobody"})

        self.assert_by_buckets(self.mend(change), 4)  # the changed one left one bucket for another
        self.assert_mended()

    def test_P5_a_single_item__is_found_in_a_few_kilobytes(self):
        self.start_with(*people(3000))
        messages = self.mend(lambda db, slot: db.execute(
            "DELETE FROM items WHERE slot = ? AND kind = 'user' AND id = 'p99'", [slot]))
        self.assert_by_buckets(messages, 1)
        print("one item mended in", sum(len(payload) for _, payload in messages), "bytes,",
              sum(len(payload) for topic, payload in messages if topic != "down/digest"), "besides the digest")
        self.assert_mended()

    def test_more_than_a_message_holds__comes_as_a_snapshot(self):
        self.start_with(*people(3000))
        messages = self.mend(lambda db, slot: db.execute(
            "DELETE FROM items WHERE slot = ? AND kind = 'user' AND id LIKE 'p%'", [slot]))
        topics = [topic for topic, _ in messages]
        self.assertEqual(topics[:5], ["up/request", "down/digest", "up/request", "down/snapshot", "up/request"])
        self.assertIn("down/chunk", topics)
        self.assert_mended()


class SignedDrift(DriftTest):
    """A repair is signed, and by a root, because `key` items may lie in the buckets."""

    def setUp(self):
        super().setUp()
        keys = [json.loads(self.cloud.run("key", "new", *words))
                for words in (("root-1", "root"), ("pol-1", "policy"), ("ev-1", "events"))]
        self.key = keys[1]
        self.gateway.configure(broker=self.address(), trust="signed", keys=keys)

    def test_P5_key_that_nobody_signed__goes_with_the_rest(self):
        self.start_with(*people(3000))
        self.assertEqual(self.gateway.ask("sync")[0]["changed"]["kid"], "pol-1")

        def change(db, slot):
            put_row(db, slot, "key", 1, {**self.key, "id": "evil", "use": ["command"]})
            db.execute("DELETE FROM items WHERE slot = ? AND kind = 'user' AND id = 'p99'", [slot])

        self.assert_by_buckets(self.mend(change), 2)
        self.assertEqual(self.gateway.ask("sync")[0]["changed"]["kid"], "root-1")
        self.assert_mended()


class Resume(SystemTest):
    """A snapshot is cut off in its middle, and goes on behind the last chunk that the gateway has."""

    def cut_off(self):
        """Everything runs, and a snapshot is on its way."""
        self.start()
        memos = [("memo", {"id": f"m{number:03}", "text": "x" * 13000}) for number in range(900)]
        self.cloud.take([*memos, *people(1)], "--unchecked")  # a kind that this gateway keeps and does not know
        self.cloud.wait_for("wants chunks 32 to ")

    def assert_goes_on(self):
        asked = []
        line = ""
        while not line.endswith(" applied: policy %d.2 is in force\n" % self.cloud.generation()):
            line = self.cloud.serving.output.next()
            asked += re.findall(r"wants (\w+) ?(\d*)", line)
        self.assertTrue(asked)
        for what, first in asked:
            self.assertEqual(what, "chunks")
            self.assertGreaterEqual(int(first), 32)
        self.events.take(kind="policy_applied", version=2)
        self.assertEqual(self.tap("front.reader", f"{0:08X}", kind="granted")["user"], "p0")

    def test_P8_stiled_killed(self):
        self.cut_off()
        self.gateway.kill()
        self.gateway.start()
        self.up("front")
        self.works()  # by the old policy or the new
        self.assert_goes_on()

    def test_link_killed(self):
        self.cut_off()
        os.kill(self.gateway.link(), signal.SIGKILL)
        self.works()
        self.assert_goes_on()

    def test_broker_restarted_empty(self):
        self.cut_off()
        self.broker.kill()
        self.works()
        self.broker.restart()
        self.assert_goes_on()

    def test_cloud_killed(self):
        self.cut_off()
        self.cloud.stop()
        self.cloud.serve(self.broker.port)
        self.assert_goes_on()


class Restored(SystemTest):
    def test_P6_policy_lost_and_cloud_older__agree_in_a_higher_generation(self):
        self.start()
        generation = self.cloud.generation()
        self.cloud.stop()
        backup = os.path.join(self.directory, "backup")
        shutil.copytree(self.cloud.directory, backup)
        self.cloud.serve(self.broker.port)
        self.cloud.put("user", {"id": "ben", "name": "Ben Ruiz", "tags": ["member", "weekend"]})
        self.events.take(kind="policy_applied", version=2)
        self.gateway.stop()
        self.cloud.stop()
        for path in pathlib.Path(self.gateway.state).glob("policy.db*"):
            path.unlink()
        shutil.rmtree(self.cloud.directory)
        shutil.copytree(backup, self.cloud.directory)
        self.cloud.serve(self.broker.port)
        self.gateway.start()
        self.events.take(kind="policy_applied", generation=generation + 1, version=1)
        self.up("front")
        self.works()


class Status(SystemTest):
    """stilectl sync."""

    def sync(self):
        return self.gateway.ask("sync")[0]

    def source(self, sync, **members):
        return next(source for source in sync["sources"] if members.items() <= source.items())

    def test_agreement_and_sources(self):
        self.start(("link", {"id": "north", "refreshed_at": "2026-01-01T00:00:00Z", "max_stale_h": 1}),
                   ("link", {"id": "south"}))
        self.cloud.wait_for("down/snapshot applied")
        sync = self.sync()
        self.assertEqual((sync["have"]["version"], sync["want"], sync["lag"]), (1, sync["have"], 0))
        self.assertTrue(sync["connected"])
        self.assertNotIn("refused", sync)
        self.assertNotIn("kid", sync["changed"])
        self.assertIn("age_s", self.source(sync, source="policy"))
        self.assertEqual(self.source(sync, source="link", id="north")["state"], "stale")
        self.assertEqual(self.source(sync, source="link", id="south"), {"source": "link", "id": "south", "state": "stale"})
        self.gateway.restart()
        self.assertEqual(self.sync()["changed"], sync["changed"])

    def test_refusal_says_which_item(self):
        self.start()
        self.broker.expect_fault("'soon' is not valid")
        self.cloud.run("--unchecked", "put", "user", '{"id":"eve","valid_from":"soon"}')
        self.events.take(kind="policy_rejected")
        self.cloud.wait_for("down/delta rejected")
        sync = self.sync()
        self.assertEqual({**sync["refused"], "ago_s": 0},
                         {"of": "down/delta", "outcome": "rejected", "code": "item", "kind": "user", "id": "eve",
                          "member": "valid_from", "ago_s": 0})
        self.assertEqual((sync["have"]["version"], sync["want"]["version"], sync["lag"]), (1, 2, 1))

    def test_events_wait_while_the_broker_is_gone(self):
        self.start()
        self.broker.kill()
        self.gateway.log("not connected")
        self.works()
        sync = self.sync()
        self.assertFalse(sync["connected"])
        self.assertGreater(sync["events"]["waiting"], 0)
        self.assertGreaterEqual(sync["events"]["oldest_s"], 0)
        self.assertNotIn("want", sync)


if __name__ == "__main__":
    unittest.main()
