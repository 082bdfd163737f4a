#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site that signs: what its keys signed counts, and nothing else that somebody puts on the broker (cloud contract 1)."""
import base64
import json
import os
import stat
import subprocess
import tempfile
import unittest

from jwcrypto import jwk, jws

from gateway import BEN, STILE_CLOUD, Cloud, SystemTest
from support import LIMIT_S, next_message

ROOT = "stile/1/hub/gw1/"
DOWN = ("desired", "delta", "snapshot", "ack")


def part(payload, number):
    """What a message says: 0 is its header, 1 its claims."""
    text = payload.split(".")[number]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def flipped(payload, at):
    """Another character of the alphabet at this place."""
    return payload[:at] + ("A" if payload[at] != "A" else "B") + payload[at + 1:]


class Trust(SystemTest):
    def setUp(self):
        super().setUp()
        self.keys = [self.make_key("root-1", "root"), self.make_key("pol-1", "policy"),
                     self.make_key("ev-1", "events")]
        self.gateway.configure(broker=self.address(), trust="signed", keys=self.keys)

    def make_key(self, *words):
        return json.loads(self.cloud.run("key", "new", *words))

    def results(self):
        return self.enterContext(self.broker.subscribe(ROOT + "up/result"))

    def position(self):
        policy = self.gateway.ask("status")[0]["policy"]
        return policy["generation"], policy["version"], policy["root"]

    def put(self, kind, item):
        """One more version; returns once the gateway has it and the cloud knows."""
        self.cloud.put(kind, item)
        return self.applied()

    def applied(self):
        """Which version it is."""
        event = self.events.take(kind="policy_applied")
        self.cloud.wait_for(f"policy {event['generation']}.{event['version']} is in force")
        return event["version"]

    def change(self, name):
        return self.put("user", {"id": name})

    def refused(self, results, topic, payload, code, retain=False):
        """The gateway refuses a message by this code, and stays as it is."""
        before = self.position()
        self.broker.publish(ROOT + "down/" + topic, payload, retain)
        result = json.loads(next_message(results, ROOT + "up/result")["payload"])
        self.assertEqual((result["of"], result["outcome"], result.get("code")), (topic, "rejected", code), result)
        self.assertEqual(self.position(), before)

    def heard(self, subscriber, topic, kid, version=None):
        """The next message of that topic (to that version of the policy), which this key has signed."""
        while True:
            payload = next_message(subscriber, ROOT + "down/" + topic)["payload"]
            claims = part(payload, 1)
            if version in (None, claims.get("to", claims.get("version"))):
                break
        self.assertEqual((part(payload, 0)["typ"], part(payload, 0)["kid"]), (f"stile-{topic}+jws", kid))
        return payload

    def test_P3_signed_site__policy_arrives_and_events_are_acknowledged(self):
        down = self.enterContext(self.broker.subscribe(*(ROOT + "down/" + topic for topic in DOWN)))
        states = self.enterContext(self.broker.subscribe(ROOT + "up/state"))
        self.start()
        self.heard(down, "desired", "root-1")  # another generation: a root has to say so
        self.heard(down, "ack", "ev-1")
        self.heard(down, "snapshot", "root-1")
        self.assertEqual(json.loads(next_message(states, ROOT + "up/state")["payload"])["trust"], "signed")
        self.cloud.wait_for_event(self.works())
        version = self.change("eve")
        self.heard(down, "delta", "pol-1", version)
        self.heard(down, "desired", "pol-1", version)
        self.assertEqual(self.gateway.ask("status")[0]["trust"], "signed")

    def test_P3_forged__does_nothing_and_is_told(self):
        down = self.enterContext(self.broker.subscribe(ROOT + "down/delta", ROOT + "down/ack"))
        self.start()
        self.change("eve")
        delta = self.heard(down, "delta", "pol-1")
        ack = self.heard(down, "ack", "ev-1")
        results = self.results()
        self.broker.publish(ROOT + "down/delta", delta)  # the same again is no forgery: harmless
        self.assertEqual(json.loads(next_message(results, ROOT + "up/result")["payload"])["outcome"], "stale")
        first, middle, last = delta.split(".")
        self.refused(results, "delta", delta, "retained", retain=True)
        self.refused(results, "delta", first + "." + middle, "format")
        self.refused(results, "delta", '{"aud":"hub/gw1","iat":1}', "format")
        self.refused(results, "delta", flipped(delta, 0), "header")
        self.refused(results, "delta", ack, "typ")
        self.refused(results, "delta", flipped(delta, len(first) + 5), "signature")
        self.refused(results, "delta", flipped(delta, len(delta) - 40), "signature")
        self.refused(results, "delta", f"{first}.{middle}.", "signature")
        self.refused(results, "delta", "x" * 61441, "size")
        self.refused(results, "desired", delta, "typ", retain=True)
        self.refused(results, "ack", flipped(ack, len(ack) - 40), "signature")
        for code, topic in (("retained", "delta"), ("typ", "delta"), ("signature", "delta"), ("size", "delta")):
            self.assertEqual(self.events.take(kind="refused", code=code)["of"], topic)
        self.cloud.wait_for_event(self.works())

    def test_P3_other_cloud_with_keys_of_the_same_names__does_nothing(self):
        self.start()
        before = self.position()
        self.cloud.stop()
        other = self.enterContext(Cloud(self.enterContext(tempfile.TemporaryDirectory())))
        for words in (("root-1", "root"), ("pol-1", "policy"), ("ev-1", "events")):
            other.run("key", "new", *words)
        other.put("user", {"id": "mallory"})
        results = self.results()
        other.serve(self.broker.port)
        self.gateway.restart()
        for _ in range(2):
            result = json.loads(next_message(results, ROOT + "up/result")["payload"])
            self.assertEqual((result["outcome"], result["code"]), ("rejected", "signature"))
        self.assertEqual(self.position(), before)
        self.events.take(kind="refused", code="signature")

    def test_P6_replayed_after_a_change__does_not_come_back(self):
        down = self.enterContext(self.broker.subscribe(*(ROOT + "down/" + topic for topic in DOWN)))
        self.start()
        old = [("snapshot", self.heard(down, "snapshot", "root-1"))]
        version = self.change("eve")
        old += [(topic, self.heard(down, topic, "pol-1", version)) for topic in ("delta", "desired")]
        self.cloud.run("del", "credential", "ben.card")
        self.applied()
        now = self.position()
        results = self.results()
        for topic, payload in old:
            self.broker.publish(ROOT + "down/" + topic, payload)
            result = json.loads(next_message(results, ROOT + "up/result")["payload"])
            self.assertIn(result["outcome"], ("stale", "rejected"), result)
            self.assertEqual(self.position(), now)
        self.tap("front.reader", BEN, kind="denied", reason="UNKNOWN_CREDENTIAL")

    def test_rotation__overlaps_and_the_old_key_ends(self):
        down = self.enterContext(self.broker.subscribe(ROOT + "down/delta"))
        self.start()
        version = self.put("key", self.make_key("pol-2", "policy"))
        self.heard(down, "delta", "root-1", version)  # it changes keys
        old = self.heard(down, "delta", "pol-1", self.change("eve"))  # the older one still signs
        self.cloud.run("key", "retire", "pol-1")
        self.heard(down, "delta", "pol-2", self.change("mia"))
        self.cloud.run("command", "retire_key", "pol-1")
        results = self.results()
        self.refused(results, "delta", old, "retired")  # though gateway.json names it
        self.gateway.restart()
        self.cloud.wait_for("gw1 online")
        self.refused(results, "delta", old, "retired")
        self.heard(down, "delta", "pol-2", self.change("zoe"))

    def test_last_root__cannot_be_retired(self):
        self.start()
        done = subprocess.run([STILE_CLOUD, "--directory", self.cloud.directory, "command", "retire_key", "root-1"],
                              capture_output=True, text=True, timeout=LIMIT_S)
        self.assertIn("failed", done.stdout + done.stderr)
        self.assertIn("last_root", done.stdout + done.stderr)
        self.put("key", self.make_key("cmd-1", "command"))  # root-1 is believed

    def sign(self, kid, typ, **claims):
        """A message as a common JOSE library makes it."""
        with open(os.path.join(self.cloud.directory, "keys", kid + ".json"), encoding="utf-8") as f:
            key = json.load(f)
        token = jws.JWS(json.dumps({"aud": "hub/gw1", "iat": 1795357800, **claims}).encode())
        token.add_signature(jwk.JWK(**key["jwk"], d=key["d"]), None,
                            json.dumps({"alg": "EdDSA", "kid": kid, "typ": typ}))
        return token.serialize(compact=True)

    def test_policy_key__changes_neither_keys_nor_the_generation(self):
        self.start()
        generation, version, root = self.position()
        results = self.results()
        put = {"op": "put", "kind": "key", "rev": version + 1, "item": self.make_key("pol-2", "policy")}
        delta = self.sign("pol-1", "stile-delta+jws", generation=generation, **{"from": version}, to=version + 1,
                          ops=[put], root=root)
        self.broker.publish(ROOT + "down/delta", delta)
        result = json.loads(next_message(results, ROOT + "up/result")["payload"])
        self.assertEqual((result["outcome"], result["code"], result["kind"], result["id"]),
                         ("rejected", "keys", "key", "pol-2"))
        desired = {"generation": generation + 1, "version": 1, "root": root}
        self.refused(results, "desired", self.sign("pol-1", "stile-desired+jws", **desired), "generation")
        self.assertEqual(self.position(), (generation, version, root))
        with self.broker.subscribe(ROOT + "up/request") as requests:
            self.broker.publish(ROOT + "down/desired", self.sign("root-1", "stile-desired+jws", **desired))
            self.assertEqual(json.loads(next_message(requests, ROOT + "up/request")["payload"])["want"], "snapshot")

    def test_key_of_gateway_json__wins_over_an_item_of_its_id(self):
        down = self.enterContext(self.broker.subscribe(ROOT + "down/delta"))
        self.start()
        other = self.enterContext(Cloud(self.enterContext(tempfile.TemporaryDirectory())))
        version = self.put("key", json.loads(other.run("key", "new", "pol-1", "policy")))
        self.heard(down, "delta", "root-1", version)
        self.heard(down, "delta", "pol-1", self.change("eve"))

    def test_private_keys__are_nobody_else_s_to_read(self):
        path = os.path.join(self.cloud.directory, "keys", "pol-1.json")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertNotIn('"d"', self.cloud.run("key", "list") + json.dumps(self.keys))
        os.chmod(path, 0o640)
        with self.assertRaisesRegex(AssertionError, "pol-1.json: others may read it"):
            self.cloud.run("key", "list")


if __name__ == "__main__":
    unittest.main(verbosity=2)
