#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""stile-cloud against the real broker, with a gateway played by this test."""
import base64
import hashlib
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import unittest

from contract import WatchedBroker
from support import BUILD, LIMIT_S, SOURCE, Program, next_message

CLOUD = os.path.join(BUILD, "tools/stile-cloud/stile-cloud")
ROOT = "stile/1/hub/gw1/"
EPOCH = "9f2c51d07be8a634"
NO_HASH = "0" * 64


def line(seq, word="granted"):
    return json.dumps({"seq": seq, "epoch": EPOCH, "kind": word}, separators=(",", ":"))


def chain(lines):
    """The hash behind the last of the log's lines."""
    value = bytes(32)
    for text in lines:
        value = hashlib.blake2b(value + text.encode(), digest_size=32).digest()
    return value.hex()


def batch(first, last, word="granted"):
    log = [line(seq, word) for seq in range(1, last + 1)]
    head = {"epoch": EPOCH, "first": first, "count": last - first + 1, "prev": chain(log[:first - 1]),
            "hash": chain(log)}
    return "".join(text + "\n" for text in [json.dumps(head), *log[first - 1:]])


def state(conn=1, generation=0, version=0, root="0" * 32, oldest=1, head=0):
    return json.dumps({
        "gateway": "gw1", "boot": "5d0e1c9a-7c1f-4a53-9a55-0c1f7e0a2b11", "conn": conn, "online": True, "contract": "1.0",
        "software": "0.1.0", "trust": "broker",
        "policy": {"generation": generation, "version": version, "root": root},
        "challenge": base64.urlsafe_b64encode(bytes(16)).decode().rstrip("="),
        "events": {"epoch": EPOCH, "oldest": oldest, "acked": 0, "head": head}, "time": {"utc": None, "clock": "none"}})


class CloudTest(unittest.TestCase):
    def setUp(self):
        self.directory = self.enterContext(tempfile.TemporaryDirectory())
        self.site = os.path.join(self.directory, "hub")
        self.run_cloud("init", "hub")
        self.generation = int(re.search(r"policy (\d+)\.0,", self.run_cloud("status"))[1])

    def cloud(self, *words):
        return subprocess.run([CLOUD, "--directory", self.site, *words], capture_output=True, text=True, timeout=LIMIT_S)

    def run_cloud(self, *words):
        done = self.cloud(*words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def put_user(self, name, **members):
        return self.run_cloud("put", "user", json.dumps({"id": name, **members}))

    def write(self, name, content):
        path = os.path.join(self.directory, name)
        pathlib.Path(path).write_bytes(content if isinstance(content, bytes) else content.encode())
        return path


class Files(CloudTest):
    def test_bad_files_are_refused_whole_and_every_mistake_is_named(self):
        first = self.write("a.jsonl", '{"kind":"user","item":{"id":"ada"}}\n\n{"kind":"usr","item":{"id":"x"}}\nnothing\n'
                                      '{"kind":"user","item":{"id":"ada","name":"Another"}}\n')
        second = self.write("b.csv", 'id,valid_until,card\nbob,tomorrow,04A1B2C3\ncleo,2027-01-01\n')
        latin = self.write("c.csv", 'id,name\nm,Müller\n'.encode("latin-1"))
        cut = self.write("d.csv", b'id,name\nm,M\0ller\n')
        done = self.cloud("import", first, second, latin, cut, os.path.join(self.directory, "missing"))
        self.assertEqual(done.returncode, 2)
        for place in ("a.jsonl:3: kind: ", "a.jsonl:4: ", "a.jsonl:5: id: ", "b.csv:2: valid_until: ",
                      "b.csv:3: has 2 fields", "c.csv:2: is not UTF-8", "d.csv: is not UTF-8", "missing: No such file"):
            self.assertIn(place, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 9, done.stderr)
        self.assertIn(f"policy {self.generation}.0,", self.run_cloud("status"))

    def test_import_that_takes_long_keeps_nobody_waiting(self):
        lines = "".join(json.dumps({"kind": "user", "item": {"id": f"u{n}"}}) + "\n" for n in range(10000))
        with subprocess.Popen([CLOUD, "--directory", self.site, "import", "-"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as slow:
            slow.stdin.write(lines)  # more than the pipe holds: it is being read
            slow.stdin.flush()
            self.assertEqual(self.put_user("ada"), f"1 items, policy {self.generation}.1\n")
            slow.stdin.close()
            self.assertEqual(slow.stdout.read(), f"10000 items, policy {self.generation}.2\n")

    def test_headings_are_checked(self):
        for heading, expected in (("name\n", "id: is missing"), ("id,size\n", "size: is no column"),
                                  ("id,id\n", "id: is there twice"), ("", "is empty"), ('id,"x\n', "a quote has no end")):
            done = self.cloud("import", self.write("h.csv", heading))
            self.assertEqual(done.returncode, 2, heading)
            self.assertIn(expected, done.stderr)

    def test_put_and_del_say_what_came_of_it(self):
        self.assertEqual(self.put_user("ada"), f"1 items, policy {self.generation}.1\n")
        self.assertEqual(self.put_user("ada"), f"1 items, nothing new, policy {self.generation}.1\n")
        self.assertEqual(self.run_cloud("del", "user", "ada"), f"policy {self.generation}.2\n")
        self.assertEqual(self.cloud("del", "user", "ada").returncode, 2)
        done = self.cloud("put", "user", '{"id":"ada","valid_from":"soon"}')
        self.assertEqual(done.returncode, 2)
        self.assertIn("user: valid_from: ", done.stderr)

    def test_manual_names_every_command(self):
        page = pathlib.Path(SOURCE, "tools/stile-cloud/stile-cloud.1").read_text(encoding="utf-8").replace("\\-", "-")
        rows = re.findall(r"^  (\w.*?) *$", self.run_cloud("--help"), re.MULTILINE)
        self.assertEqual(re.findall(r"^\.TP\n\.B (\w+(?: .*)?)$", page.split(".SH COMMANDS")[1].split(".SH CSV")[0],
                                    re.MULTILINE), rows)


class Serving(CloudTest):
    def setUp(self):
        super().setUp()
        self.broker = self.enterContext(WatchedBroker(self.directory))
        self.down = self.enterContext(self.broker.subscribe(ROOT + "down/+"))

    def serve(self):
        program = self.enterContext(Program(CLOUD, "--directory", self.site, "serve", "--broker",
                                            f"127.0.0.1:{self.broker.port}"))
        program.output.until(lambda text: text.startswith("serving hub"))
        return program

    def say(self, topic, payload, retain=False):
        self.broker.publish(ROOT + "up/" + topic, payload, retain)

    def hear_raw(self, topic):
        return next_message(self.down, ROOT + "down/" + topic)

    def hear(self, topic):
        return json.loads(self.hear_raw(topic)["payload"])

    def want(self, **members):
        self.say("request", json.dumps(members))

    def assert_ack(self, seq):
        ack = self.hear("ack")
        self.assertEqual((ack["epoch"], ack["seq"]), (EPOCH, seq))
        self.assertEqual(ack["hash"], chain(line(n) for n in range(1, seq + 1)))

    def test_birth_is_answered_by_what_is_desired_and_an_ack(self):
        self.put_user("ada")
        self.serve()
        self.say("state", state())
        message = self.hear_raw("desired")
        desired = json.loads(message["payload"])
        self.assertEqual(message["retain"], 1)
        self.assertEqual((desired["aud"], desired["generation"], desired["version"]), ("hub/gw1", self.generation, 1))
        ack = self.hear("ack")
        self.assertEqual((ack["epoch"], ack["seq"], ack["hash"]), (EPOCH, 0, NO_HASH))

    def test_put_from_another_process_reaches_an_online_gateway(self):
        self.put_user("ada")
        self.serve()
        self.say("state", state(generation=self.generation, version=1))
        self.hear("ack")
        self.put_user("bob")
        delta = self.hear("delta")
        self.assertEqual((delta["from"], delta["to"], [op["item"]["id"] for op in delta["ops"]]), (1, 2, ["bob"]))
        self.assertEqual(self.hear("desired")["root"], delta["root"])

    def test_change_behind_two_without_a_result_waits_to_be_asked_for(self):
        self.put_user("ada")
        self.serve()
        self.say("state", state(generation=self.generation, version=1))
        self.hear("ack")
        for version, user in ((2, "bob"), (3, "cleo")):
            self.put_user(user)
            delta = self.hear("delta")
            self.assertEqual((delta["from"], delta["to"]), (version - 1, version))
            self.assertEqual(self.hear("desired")["version"], version)
        self.put_user("dan")
        message = json.loads(self.down.output.next())
        self.assertEqual((message["topic"], json.loads(message["payload"])["version"]), (ROOT + "down/desired", 4))
        self.want(want="delta", generation=self.generation, version=3)
        self.assertEqual(self.hear("delta")["from"], 3)

    def test_delta_is_given_on_request(self):
        self.put_user("ada")
        self.put_user("bob")
        self.run_cloud("del", "user", "ada")
        self.serve()
        self.want(want="delta", generation=self.generation, version=1)
        delta = self.hear("delta")
        self.assertEqual((delta["from"], delta["to"]), (1, 3))
        self.assertEqual([op["op"] for op in delta["ops"]], ["del", "put"])

    def test_snapshot_comes_in_chunks_whose_hashes_chain(self):
        rows = "".join(f"u{n:04},{'x' * 100}\n" for n in range(2000))
        self.run_cloud("import", self.write("many.csv", "id,name\n" + rows))
        self.serve()
        self.want(want="delta", generation=self.generation, version=0)
        manifest = self.hear("snapshot")
        self.assertGreater(manifest["chunks"], 2)
        self.want(want="chunks", generation=self.generation, version=1, **{"from": 0, "count": 16})
        expected, users = manifest["first"], []
        for number in range(manifest["chunks"]):
            payload = self.hear_raw("chunk")["payload"]
            self.assertEqual(hashlib.sha256(payload.encode()).hexdigest(), expected)
            head, *items = [json.loads(text) for text in payload.splitlines()]
            self.assertEqual(head["i"], number)
            expected = head["next"]
            users += [item["item"]["id"] for item in items]
        self.assertIsNone(expected)
        self.assertEqual(users, [f"u{n:04}" for n in range(2000)])
        self.want(want="chunks", generation=self.generation, version=7, **{"from": 0, "count": 1})
        self.assertEqual(self.hear("snapshot")["version"], 1)

    def test_events_outlast_a_kill_and_are_neither_lost_nor_doubled(self):
        serving = self.serve()
        self.say("state", state(head=6), retain=True)
        self.assert_ack(0)
        self.say("events", batch(1, 3))
        self.assert_ack(3)
        self.say("events", batch(4, 6))
        serving.send_signal(signal.SIGKILL)
        serving.wait()
        self.serve()
        last = self.hear("ack")["seq"]
        while last < 6:  # an ack of the first life may still be on its way; the second one's tells where it stands
            self.say("events", batch(last + 1, 6))
            last = self.hear("ack")["seq"]
        self.assertEqual(self.run_cloud("events"), "".join(f"gw1 {line(n)}\n" for n in range(1, 7)))
        self.assertEqual(self.run_cloud("events", "--limit", "1"), f"gw1 {line(6)}\n")

    def test_wrong_batches_are_not_acknowledged_beyond_the_cursor(self):
        serving = self.serve()
        self.say("state", state(head=9))
        self.assert_ack(0)
        self.say("events", batch(1, 3))
        self.assert_ack(3)
        self.say("events", batch(6, 7))
        self.assert_ack(3)
        self.say("events", batch(2, 5, word="denied"))
        self.assert_ack(3)
        self.say("events", batch(4, 5).replace("granted", "denied"))
        serving.output.until(lambda text: "not what they say" in text)
        self.say("events", batch(1, 5))
        self.assert_ack(5)
        self.say("state", state(conn=2, oldest=8, head=9))
        self.assert_ack(5)
        self.say("events", batch(8, 9))
        self.assert_ack(9)
        status = self.run_cloud("status")
        for alarm in ("another content", "not what they say", "events 6 to 7 are gone"):
            self.assertIn(alarm, status)

    def test_cloud_behind_a_gateway_begins_a_generation_but_never_an_empty_one(self):
        self.serve()
        self.say("state", state(generation=self.generation + 2, version=7, root="1" * 32))
        self.hear("ack")
        self.assertIn(f"policy {self.generation}.0,", self.run_cloud("status"))
        self.put_user("ada")
        self.assertEqual(self.hear("desired")["generation"], self.generation + 3)
        self.say("state", state(conn=2, generation=2**53 - 1, version=1))
        self.assertEqual(self.hear("desired")["generation"], self.generation + 3)

    def test_gateway_that_lost_a_later_policy_gets_a_generation_above_it(self):
        self.put_user("ada")
        self.serve()
        self.say("state", state())
        self.assertEqual(self.hear("desired")["generation"], self.generation)
        refused = {"of": "snapshot", "ref": "0" * 32, "outcome": "rejected", "code": "version", "member": "version",
                   "generation": 0, "version": 0, "root": "0" * 32}
        self.want(want="snapshot", generation=0, version=0)
        sent = self.hear_raw("snapshot")["payload"].encode()
        self.say("result", json.dumps(refused))  # of nothing that was sent: is not believed
        self.say("result", json.dumps({**refused, "ref": hashlib.sha256(sent).hexdigest()[:32]}))
        self.say("result", json.dumps({**refused, "ref": hashlib.sha256(sent).hexdigest()[:32]}))  # once is enough
        self.assertEqual(self.hear("desired")["generation"], self.generation + 1)
        self.want(want="snapshot", generation=0, version=0)
        self.assertEqual(self.hear("snapshot")["generation"], self.generation + 1)
        self.assertIn("lost a policy ahead of ours", self.run_cloud("status"))

    def test_second_server_of_a_site_is_refused(self):
        self.serve()
        done = self.cloud("serve", "--broker", f"127.0.0.1:{self.broker.port}")
        self.assertEqual(done.returncode, 1)
        self.assertIn("another process serves", done.stderr)

    def test_sigterm_ends_it_well(self):
        serving = self.serve()
        serving.send_signal(signal.SIGTERM)
        self.assertEqual(serving.wait(), 0)


if __name__ == "__main__":
    unittest.main()
