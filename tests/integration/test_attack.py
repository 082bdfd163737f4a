#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attacks on a signed site over the real broker (cloud contract 1, 2, 4): whoever may publish in down/ gets the contract's
code and nothing else. What a test of sync alone cannot see is what the stores and doors make of it: every event since
is a refusal, and position, keys, doors and the event log are as before. Legitimate messages work before and after.

The messages are made by jwcrypto or by hand, never by stile. tests/unit/test_sync_attack.c has the many cases."""
import base64
import collections
import hashlib
import hmac
import json
import os
import pathlib
import time
import unittest

from jwcrypto import jwk

from gateway import SystemTest
from support import next_message

ROOT = "stile/1/hub/gw1/"
TOPICS = ("desired", "delta", "snapshot", "ack", "command", "time")
SIGNER = {"desired": "pol-1", "delta": "pol-1", "snapshot": "pol-1", "ack": "ev-1", "command": "cmd-1", "time": "time-1"}
USES = {"root-1": "root", "pol-1": "policy", "ev-1": "events", "cmd-1": "command", "time-1": "time", "dk-1": "digital_key",
        "gone-1": "policy,events,command,time"}
ANSWERED_PER_S = 40  # the contract has 50
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493

Case = collections.namedtuple("Case", "family topic payload code retain")


def b64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def typ(topic):
    return f"stile-{topic}+{'jwt' if topic == 'command' else 'jws'}"


def ref(payload):
    return hashlib.sha256(payload.encode()).hexdigest()[:32]


class Signer:
    """Signs any bytes under any header with the keys that stile-cloud keeps, and with a stranger's."""

    def __init__(self, directory):
        self.keys = {"stranger": jwk.JWK.generate(kty="OKP", crv="Ed25519")}
        for path in pathlib.Path(directory, "keys").glob("*.json"):
            secret = json.loads(path.read_text(encoding="utf-8"))
            self.keys[secret["id"]] = jwk.JWK(**secret["jwk"], d=secret["d"])

    def header(self, topic, kid=None, **members):
        return json.dumps({"alg": "EdDSA", "kid": kid or SIGNER[topic], "typ": typ(topic), **members})

    def public(self, kid):
        text = self.keys[kid].export_public(as_dict=True)["x"]
        return base64.urlsafe_b64decode(text + "=")

    def signature(self, signer, signed):
        return self.keys[signer].get_op_key("sign").sign(signed.encode())

    def compact(self, header, payload, signer):
        signed = b64(header.encode()) + "." + b64(payload if isinstance(payload, bytes) else payload.encode())
        return signed + "." + b64(self.signature(signer, signed))

    def message(self, topic, claims, kid=None):
        """As it should be."""
        kid = kid or SIGNER[topic]
        return self.compact(self.header(topic, kid), json.dumps(claims), kid)


def envelopes(signer, topic, claims):
    """Messages whose envelope is at fault: family, payload, code."""
    good, text = signer.message(topic, claims), json.dumps(claims)
    kid = SIGNER[topic]
    first, middle, last = good.split(".")
    signature = signer.signature(kid, first + "." + middle)
    yield "oversize", signer.compact(signer.header(topic), text + " " * 46080, kid), "size"
    for bad in (f"{first}.{middle}", good + ".AA", f"{first}..{middle}.{last}", good + "=", " " + good, text, "x"):
        yield "form", bad, "format"
    for members in ({"crit": ["exp"]}, {"jwk": signer.keys["stranger"].export_public(as_dict=True)}, {"jku": "https://x.example"},
                    {"x5u": "https://x.example"}, {"pad": "x" * 500}):
        yield "header", signer.compact(signer.header(topic, **members), text, "stranger"), "header"
    header = signer.header(topic)
    for bad in (header[:-1] + ',"alg":"none"}', '{"alg":"none"}', "[]", header.replace('"typ"', '"type"')):
        yield "header", signer.compact(bad, text, kid), "header"
    for alg in ("none", "ES256", "eddsa"):
        yield "alg", signer.compact(signer.header(topic, alg=alg), text, kid), "alg"
    unsigned = b64(signer.header(topic, alg="none").encode()) + "." + middle
    yield "alg", unsigned + ".", "alg"
    unsigned = b64(signer.header(topic, alg="HS256").encode()) + "." + middle
    yield "alg", unsigned + "." + b64(hmac.digest(signer.public(kid), unsigned.encode(), "sha256")), "alg"
    for other in (*TOPICS, "key"):
        if other != topic:
            yield "cross-kind", signer.compact(signer.header(topic, typ=typ(other)), text, kid), "typ"
    yield "cross-kind", signer.compact(signer.header(topic, typ="JWT"), text, kid), "typ"
    for stranger in ("stranger", "", "ROOT-1", "root-1/../pol-1"):
        yield "unknown key", signer.compact(signer.header(topic).replace(f'"{kid}"', f'"{stranger}"'), text, "stranger"), "kid"
    yield "retired key", signer.message(topic, claims, "gone-1"), "retired"
    for other, use in USES.items():
        if other not in (kid, "gone-1") and not (use == "root" and topic not in ("ack", "time")):
            yield "wrong use", signer.message(topic, claims, other), "use"
    yield "forged", signer.compact(signer.header(topic), text, "stranger"), "signature"
    yield "forged", signer.compact(signer.header(topic, "root-1" if SIGNER[topic] == "pol-1" else kid), text, "dk-1"), "signature"
    yield "forged", f"{first}.{middle}.", "signature"
    yield "forged", f"{first}.{b64(text.encode() + b' ')}.{last}", "signature"
    for at in (1, len(middle) // 2):
        swapped = middle[:at] + ("A" if middle[at] != "A" else "B") + middle[at + 1:]
        yield "bit flipped", f"{first}.{swapped}.{last}", "signature"
    for at in (0, 31, 32, 63):
        flipped = bytearray(signature)
        flipped[at] ^= 1 << (at % 8)
        yield "bit flipped", f"{first}.{middle}.{b64(flipped)}", "signature"
    higher = int.from_bytes(signature[32:], "little") + GROUP_ORDER
    yield "not canonical", f"{first}.{middle}.{b64(signature[:32] + higher.to_bytes(32, 'little'))}", "signature"
    yield "not canonical", good[:-1] + chr(ord(good[-1]) + 1), "signature"


def contents(signer, topic, claims):
    """Messages that are signed well, and say what must not count: family, payload, code."""
    kid, text = SIGNER[topic], json.dumps(claims)
    nest = '{"x":' + "[" * 17 + "]" * 17 + "," + text[1:]
    for bad in ("[]", " " + text, text + "x", text[:-1] + ',"aud":"hub/gw1"}', text[:-1] + ',"x":"\\u0000"}', nest,
                '{"x":' + "[" * 9000 + "]" * 9000 + "," + text[1:]):
        yield "payload", signer.compact(signer.header(topic), bad, kid), "payload"
    for bad in (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80"):
        yield "payload", signer.compact(signer.header(topic), text[:-1].encode() + b',"x":"' + bad + b'"}', kid), "payload"
    for aud in ("hub/gw2", "spa/gw1", "*/*", "hub", ["hub/gw1"], None):
        yield "cross-gateway", signer.message(topic, {**claims, "aud": aud}), "audience"
    if kid != "pol-1":
        yield "cross-gateway", signer.message(topic, {**claims, "aud": "hub/*"}), "audience"
    for iat in ("now", 1.5, None):
        yield "claims", signer.message(topic, {**claims, "iat": iat}), "claims"


class Attack(SystemTest):
    def setUp(self):
        super().setUp()
        keys = [json.loads(self.cloud.run("key", "new", kid, uses)) for kid, uses in USES.items()]
        keys.append(json.loads(self.cloud.run("key", "new", "desk-1", "command", "--verbs", "release", "--targets", "gym")))
        self.gateway.configure(broker=self.address(), trust="signed", keys=keys)
        self.signer = Signer(self.cloud.directory)
        self.count = 0
        self.challenge = None
        self.table = collections.defaultdict(collections.Counter)

    # --- legitimate ---

    def command(self, **members):
        """The claims of one that is new. The challenge is needed where nothing keeps this machine's clock."""
        self.count += 1
        now = int(time.time())
        return {"aud": "hub/gw1", "iat": now, "exp": now + 30, "jti": f"{os.getpid():08d}{self.count:08d}", "iss": "test@hub",
                "verb": "release", "target": "front", "args": {"direction": "entry", "reason": "test"},
                "chal": self.challenge, **members}

    def be_challenged(self):
        """A new challenge comes with the refusal of a wrong one."""
        payload = self.signer.message("command", self.command(chal="u3Rk0XbT5yXo7W0mZq1vJg"))
        self.say("command", payload)
        said = self.result(payload)
        self.assertEqual(said["code"], "challenge", said)
        self.challenge = said["challenge"]

    def claims(self, topic):
        generation, version, root = self.position()
        general = {"aud": "hub/gw1", "iat": int(time.time()), "generation": generation}
        return {"desired": {**general, "version": version + 1, "root": root},
                "delta": {**general, "from": version, "to": version + 1, "root": root,
                          "ops": [{"op": "put", "kind": "user", "rev": version + 1, "item": {"id": "mallory"}}]},
                "snapshot": {**general, "version": version + 1, "root": root, "items": 1, "chunks": 1, "first": "0" * 64},
                "ack": {"aud": "hub/gw1", "iat": 1, "epoch": "0" * 16, "seq": 10**6, "hash": "0" * 64},
                "time": {"aud": "hub/gw1", "iat": 1, "nonce": "A" * 22, "utc": "2001-01-01T00:00:00.000Z"},
                "command": self.command()}[topic]

    def say(self, topic, payload, retain=False):
        self.broker.publish(ROOT + "down/" + topic, payload, retain)

    def result(self, payload):
        """What is said of it."""
        while True:
            result = json.loads(next_message(self.results, ROOT + "up/result")["payload"])
            if result["ref"] == ref(payload):
                return result

    def release(self):
        """One that is carried out, and its bytes."""
        self.be_challenged()
        payload = self.signer.message("command", self.command())
        self.say("command", payload)
        said = self.result(payload)
        self.assertEqual(said["outcome"], "completed", said)
        self.events.take(kind="released", door="front")
        return payload

    def change(self, user):
        """A delta of the cloud that is applied; what it and its desired were."""
        self.cloud.put("user", {"id": user})
        event = self.events.take(kind="policy_applied")
        heard = []
        for topic in ("delta", "desired"):
            while True:
                payload = next_message(self.down, ROOT + "down/" + topic)["payload"]
                claims = json.loads(base64.urlsafe_b64decode(payload.split(".")[1] + "=="))
                if claims.get("to", claims.get("version")) == event["version"]:
                    break
            heard.append((topic, payload))
        self.cloud.wait_for(f"policy {event['generation']}.{event['version']} is in force")
        return heard

    def position(self):
        policy = self.gateway.ask("status")[0]["policy"]
        return policy["generation"], policy["version"], policy["root"]

    def stands(self):
        """What an attack must not move."""
        status = self.gateway.ask("status")[0]
        doors = [(door["id"], door["mode"], door["state"]) for door in self.gateway.ask("doors")]
        return status["policy"], status["events"]["epoch"], status["events"]["acked"], status["clock"], doors

    def begin(self):
        """A site at work, whose cloud falls silent."""
        self.down = self.enterContext(self.broker.subscribe(*(ROOT + "down/" + topic for topic in ("delta", "desired", "snapshot"))))
        self.results = self.enterContext(self.broker.subscribe(ROOT + "up/result"))
        self.start()
        self.snapshot = ("snapshot", next_message(self.down, ROOT + "down/snapshot")["payload"])
        self.cloud.run("key", "retire", "gone-1")
        self.cloud.run("command", "retire_key", "gone-1")
        self.old = [self.snapshot, *self.change("eve")]
        self.change("zoe")
        self.released = self.release()
        self.events.take(kind="completed", door="front")
        self.cloud.wait_for_event(self.works())
        self.cloud.stop()
        self.be_challenged()  # its last words have arrived

    def end(self):
        """It is as it was."""
        self.cloud.serve(self.broker.port)
        self.change("mia")
        self.release()
        self.cloud.wait_for_event(self.works())

    # --- attacks ---

    def mount(self, cases):
        """Each gets its code. Pauses keep below what is answered in a second."""
        for number, case in enumerate(cases):
            if number % ANSWERED_PER_S == 0:
                time.sleep(1)
            self.say(case.topic, case.payload, case.retain)
            said = self.result(case.payload)
            code = said.get("code", said["outcome"])
            self.table[case.family][code] += 1
            self.assertEqual((said["of"], code), (case.topic, case.code), (case, said))

    def attack(self, cases):
        """Nothing comes of them, but what tells of refusals."""
        before = self.stands()
        head = self.gateway.ask("status")[0]["events"]["head"]
        self.mount(cases)
        self.assertEqual(self.stands(), before)
        status = self.gateway.ask("status")[0]
        for event in self.events.until(status["events"]["head"]):
            if event["seq"] > head:
                self.assertIn(event["kind"], ("refused", "command", "policy_rejected", "lost"), event)
                self.assertIn(event.get("outcome", "refused"), ("refused", "expired", "rejected"), event)

    def general(self):
        for topic in TOPICS:
            self.be_challenged()
            claims = self.claims(topic)
            for family, payload, code in (*envelopes(self.signer, topic, claims), *contents(self.signer, topic, claims)):
                yield Case(family, topic, payload, code, False)
            if topic != "desired":
                yield Case("retained", topic, self.signer.message(topic, claims), "retained", True)

    def replays(self, family):
        for topic, payload in self.old:
            yield Case(family, topic, payload, "version" if topic == "snapshot" else "stale", False)

    def of_policy(self):
        """What the stores have to see."""
        generation, version, root = self.position()
        yield from self.replays("replayed")
        delta, desired, snapshot = (self.claims(topic) for topic in ("delta", "desired", "snapshot"))
        key = {"op": "put", "kind": "key", "rev": version + 1, "item": {
            "id": "evil-1", "jwk": self.signer.keys["stranger"].export_public(as_dict=True), "use": ["root"]}}
        for family, topic, claims, code in (
                ("wrong root", "delta", delta, "root"),
                ("gap", "delta", {**delta, "from": version + 1, "to": version + 2}, "gap"),
                ("old version", "delta", {**delta, "from": version - 1, "to": version}, "stale"),
                ("old version", "desired", {**desired, "version": version - 1}, "stale"),
                ("generation by policy key", "desired", {**desired, "generation": generation + 1}, "generation"),
                ("generation by policy key", "snapshot", {**snapshot, "generation": generation + 1}, "generation"),
                ("old generation", "desired", {**desired, "generation": generation - 1}, "stale"),
                ("keys by policy key", "delta", {**delta, "ops": [key]}, "keys"),
                ("keys by policy key", "delta", {**delta, "ops": [{"op": "del", "kind": "key", "id": "evil-1"}]}, "keys")):
            yield Case(family, topic, self.signer.message(topic, claims), code, False)

    def of_commands(self):
        self.be_challenged()
        now = int(time.time())
        for family, kid, claims, code in (
                ("lifetime", "cmd-1", self.command(exp=now + 31), "lifetime"),
                ("lifetime", "cmd-1", self.command(exp=now), "lifetime"),
                ("challenge", "cmd-1", self.command(chal="u3Rk0XbT5yXo7W0mZq1vJg"), "challenge"),
                ("scope", "desk-1", self.command(), "scope"),
                ("scope", "desk-1", self.command(target="gym", verb="unlock"), "scope"),
                ("verb", "cmd-1", self.command(verb="dance"), "verb"),
                ("retire_key", "cmd-1", self.command(verb="retire_key", target="pol-1", args={}), "use"),
                ("target", "cmd-1", self.command(target="nowhere"), "target"),
                ("args", "cmd-1", self.command(args={"direction": "up"}), "args"),
                ("jti", "cmd-1", self.command(jti="short"), "claims")):
            yield Case(family, "command", self.signer.message("command", claims, kid), code, False)
        yield Case("same jti", "command", self.other_bytes(), "jti", False)

    def other_bytes(self):
        """The release that was carried out, with another target."""
        claims = json.loads(base64.urlsafe_b64decode(self.released.split(".")[1] + "=="))
        return self.signer.message("command", {**claims, "target": "gym"})

    def repeat(self):
        """The release again: the stored result, and nothing moves."""
        self.say("command", self.released)
        said = self.result(self.released)
        self.assertEqual((said["outcome"], said.get("repeat")), ("completed", True), said)
        self.table["replayed"]["repeat"] += 1

    def silent(self):
        """What is not answered at all: nobody asked for it, or it is of another epoch."""
        generation, version, _ = self.position()
        self.say("chunk", json.dumps({"generation": generation, "version": version + 1, "i": 0, "next": None}) + "\n")
        self.say("digest", json.dumps({"generation": generation, "version": version, "sums": "A" * 21846}))
        self.say("ack", self.signer.message("ack", self.claims("ack")))
        self.say("evil", "x")

    def test_attacks__have_no_effect(self):
        self.begin()
        self.silent()
        self.attack(self.of_policy())
        self.attack(self.of_commands())
        self.attack(self.general())
        self.repeat()
        self.gateway.restart()
        self.up("front")
        self.up("gym")
        self.attack(self.replays("after a restart"))
        self.attack([Case("after a restart", "command", self.other_bytes(), "jti", False),
                     Case("after a restart", "command", self.signer.message("command", self.command(), "gone-1"), "retired", False)])
        self.repeat()
        self.end()
        for family, codes in self.table.items():
            print(f"{family:26} {codes.total():4}  {' '.join(sorted(codes))}")
        self.assertGreater(sum(codes.total() for codes in self.table.values()), 300)


if __name__ == "__main__":
    unittest.main(verbosity=2)
