# SPDX-License-Identifier: GPL-3.0-or-later
"""What the broker and the cloud can do to the gateway. Decisions never notice, every event arrives once and in order,
and a change of policy comes whole or not at all."""
import json
import os
import signal
import subprocess
import time
import unittest

from gateway import ADA, BEN, SITE, SystemTest, card
from support import LIMIT_S

ROOT = "stile/1/hub/gw1/"


class Connection(SystemTest):
    def arrived(self, last):
        """All events up to this one are with the cloud: once, in order, with the ledger's bytes."""
        self.cloud.wait_for_event(last)
        self.events.until(last["seq"])
        lines = [line.rstrip("\n") for line in self.events.lines.values()][:last["seq"]]
        self.assertEqual(self.cloud.events()[:last["seq"]], lines)
        self.assertEqual([json.loads(line)["seq"] for line in lines], list(range(1, last["seq"] + 1)))

    def connected(self):
        self.gateway.log("sync: connected")

    def test_absent_at_start__is_found_later(self):
        self.start()
        self.arrived(self.works())
        self.broker.kill()
        self.gateway.restart()
        self.up("front")
        last = self.works()
        self.gateway.log("not connected: ")
        link = self.gateway.ask("status")[0]["link"]
        self.assertEqual((link["configured"], link["connected"]), (True, False))
        self.assertIn("refused", link["error"])
        self.broker.restart()
        self.connected()
        self.arrived(last)

    def test_refuses__is_told_and_comes_good(self):
        passwords = os.path.join(self.directory, "passwords")
        wanted = ["allow_anonymous false", f"password_file {passwords}"]
        subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "gw", "right"], check=True, timeout=LIMIT_S)
        subprocess.run(["mosquitto_passwd", "-b", passwords, "cloud", "cloudy"], check=True, timeout=LIMIT_S)
        self.start()
        last = self.works()
        self.arrived(last)
        self.gateway.stop()
        self.cloud.stop()
        self.broker.kill()
        self.broker.extra = tuple(wanted)
        self.broker.restart()
        for name, password in (("gw1/password", "wrong"), ("cloud.password", "cloudy")):
            with open(os.open(os.path.join(self.directory, name), os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
                f.write(password + "\n")
        self.cloud.serve(self.broker.port, "--user", "cloud", "--password-file", f"{self.directory}/cloud.password")
        self.gateway.configure(broker={**self.address(), "username": "gw", "password_file": "password"})
        self.gateway.start()
        self.up("front")
        self.works()
        self.gateway.log("uthoriz")
        self.assertIn("uthoriz", self.gateway.ask("status")[0]["link"]["error"])
        self.gateway.stop()
        with open(os.path.join(self.gateway.directory, "password"), "w", encoding="utf-8") as f:
            f.write("right\n")
        self.gateway.start()
        self.connected()
        self.up("front")
        self.arrived(self.works())

    def test_dies_and_returns_empty__again_and_again(self):
        self.start()
        for _ in range(3):
            self.arrived(self.works())
            self.broker.kill()
            self.works("gym")
            last = self.works("front")
            self.broker.restart()
            self.connected()
            self.arrived(last)
        self.assertEqual(self.gateway.ask("status")[0]["policy"]["version"], 1)

    def test_stopped__holds_nobody_up(self):
        self.start()
        self.arrived(self.works())
        self.broker.send_signal(signal.SIGSTOP)
        for _ in range(20):
            self.works("front")
            last = self.works("gym")
        self.broker.send_signal(signal.SIGCONT)
        self.arrived(last)

    def test_link_killed__comes_back(self):
        self.start()
        self.arrived(self.works())
        os.kill(self.gateway.link(), signal.SIGKILL)
        self.gateway.log("stile-link ended")
        last = self.works()
        self.connected()
        self.arrived(last)

    def test_link_stopped__is_noticed_and_comes_back(self):
        self.start()
        self.arrived(self.works())
        stopped = self.gateway.link()
        os.kill(stopped, signal.SIGSTOP)
        last = self.works()
        self.gateway.log("stile-link ended: does not answer")
        self.connected()
        self.assertNotEqual(self.gateway.link(), stopped)
        self.arrived(last)

    def test_cloud_absent__events_wait_for_it(self):
        self.start()
        self.arrived(self.works())
        self.cloud.stop()
        last = self.works()
        self.gateway.restart()
        self.up("front")
        self.works()
        self.cloud.serve(self.broker.port)
        self.arrived(last)

    def test_alone__decides_by_what_it_has(self):
        self.start()
        self.works()
        self.gateway.stop()
        self.gateway.configure()
        self.gateway.start()
        self.up("front")
        self.works()
        self.assertEqual(self.gateway.ask("status")[0]["link"], {"configured": False})


class Policy(SystemTest):
    def test_bad_item__refuses_the_change_whole(self):
        results = self.enterContext(self.broker.subscribe(ROOT + "up/result"))
        self.broker.expect_fault("delta: $.ops[2].item.valid_from: 'tomorrow'")
        self.start()
        self.cloud.wait_for("applied")
        with open(os.path.join(self.directory, "change.jsonl"), "w", encoding="utf-8") as f:
            for kind, item in (card("cleo", "04AAAA"), ("user", {"id": "zoe", "valid_from": "tomorrow"}),
                               ("user", {"id": "ada", "status": "cancelled"})):
                f.write(json.dumps({"kind": kind, "item": item}) + "\n")
        self.cloud.run("--unchecked", "import", os.path.join(self.directory, "change.jsonl"))
        rejected = self.events.take(kind="policy_rejected")
        named = {"code": "item", "item_kind": "user", "id": "zoe", "member": "valid_from"}
        self.assertEqual(named, {member: rejected.get(member) for member in named})
        result = next(result for result in map(payload, iter(results.output.next, None))
                      if result["outcome"] == "rejected")
        self.assertEqual(("delta", "item", "user", "zoe", "valid_from", 1),
                         tuple(result[member] for member in ("of", "code", "kind", "id", "member", "version")))
        self.assertRegex(self.gateway.log("refused"), r"user zoe: valid_from")
        self.assertEqual(self.gateway.ask("status")[0]["policy"]["version"], 1)
        self.works()
        self.cloud.put("user", {"id": "zoe", "tags": ["member"]})  # what was refused is spanned by what mends it
        self.events.take(kind="policy_applied", version=3)
        self.assertEqual(self.tap("front.reader", ADA, kind="denied")["reason"], "USER_CANCELLED")

    def test_large__comes_as_a_snapshot_and_then_as_deltas(self):
        people = [item for number in range(1200)
                  for item in (("user", {"id": f"p{number}", "tags": ["member"]}), card(f"p{number}", f"{number:08X}"))]
        self.start(*people)
        self.assertEqual(self.tap("front.reader", f"{1199:08X}", kind="granted")["user"], "p1199")
        self.assertEqual(self.gateway.ask("status")[0]["policy"]["items"], len(SITE) + 2 + len(people))
        self.cloud.run("del", "credential", "p1199.card")
        self.events.take(kind="policy_applied", version=2)
        self.assertEqual(self.tap("front.reader", f"{1199:08X}", kind="denied")["reason"], "UNKNOWN_CREDENTIAL")
        self.cloud.wait_for(f"down/delta applied: policy {self.cloud.generation()}.2")

    def test_many_are_remembered__changes_come_in_their_order(self):
        """More people than the gateway looks up in one turn of its loop; changes meanwhile wait for one another."""
        many = 450
        self.start(*(item for number in range(many)
                     for item in (("user", {"id": f"p{number}", "tags": ["member"]}), card(f"p{number}", f"{number:08X}"))))
        for number in range(many):
            self.tap("front.reader", f"{number:08X}", kind="granted", user=f"p{number}")
        for number in range(5):
            self.cloud.run("del", "credential", f"p{number}.card")
        self.events.take(kind="policy_applied", version=6)
        for number in range(5):
            self.assertEqual(self.tap("front.reader", f"{number:08X}", kind="denied")["reason"], "UNKNOWN_CREDENTIAL")
        self.tap("front.reader", f"{5:08X}", kind="granted", user="p5")

    def test_while_offline__is_fetched_afterwards(self):
        self.start()
        self.broker.kill()
        self.cloud.put("user", {"id": "ada", "tags": ["member"], "status": "suspended"})
        self.cloud.put(*card("ben", "04B0"))
        self.works()
        self.broker.restart()
        self.events.take(kind="policy_applied", version=3)
        self.assertEqual(self.tap("front.reader", ADA, kind="denied")["reason"], "USER_SUSPENDED")
        self.assertEqual(self.tap("front.reader", "04B0", kind="granted")["user"], "ben")
        self.assertEqual(self.tap("front.reader", BEN, kind="denied")["reason"], "UNKNOWN_CREDENTIAL")

    def test_P6_made_anew_with_the_same_ids__begins_a_higher_generation(self):
        self.start()
        generation = self.cloud.generation()
        self.cloud.stop()
        while int(time.time()) <= generation:  # which begins at the clock
            pass
        os.rename(self.cloud.directory, self.cloud.directory + ".lost")
        self.cloud.run("init", "hub")
        self.site(("user", {"id": "ben", "status": "cancelled"}))
        self.cloud.serve(self.broker.port)
        applied = self.events.take(kind="policy_applied", version=1)
        self.assertGreater(applied["generation"], generation)
        self.assertEqual(self.tap("front.reader", BEN, kind="denied")["reason"], "USER_CANCELLED")
        self.works()


def payload(line):
    return json.loads(json.loads(line)["payload"])


class Topics(SystemTest):
    def test_everything_said__is_as_in_the_contract(self):
        subscriber = self.enterContext(self.broker.subscribe("stile/1/#"))
        seen = {}

        def listen(topics, done=lambda: True):
            while not (topics <= seen.keys() and done()):
                message = json.loads(subscriber.output.next())
                self.assertTrue(message["topic"].startswith(ROOT))
                seen.setdefault(message["topic"].removeprefix(ROOT), []).append(message)

        self.start()
        listen({"up/state", "up/request", "up/result", "up/events",
                "down/desired", "down/snapshot", "down/chunk", "down/ack"})
        self.works()
        self.cloud.put(*card("ben", "04B0"))
        listen({"down/delta", "up/live", "up/report"}, lambda: '"gym"' in seen["up/report"][-1]["payload"])
        for topic, messages in seen.items():
            for message in messages:
                self.assertEqual(message["qos"], 0 if topic == "up/live" else 1)
                self.assertEqual(message["retain"], int(topic in ("up/state", "up/report", "down/desired")))
                self.assertLessEqual(len(message["payload"].encode()), 61440)
        self.look(lambda topic: [message["payload"] for message in seen[topic]])

    def look(self, payloads):
        for state in map(json.loads, payloads("up/state")):
            self.assertEqual({"gateway": "gw1", "online": True, "contract": "1.0", "trust": "broker"},
                             {member: state[member] for member in ("gateway", "online", "contract", "trust")})
            self.assertLessEqual({"epoch", "oldest", "acked", "head"}, set(state["events"]))
        desired = json.loads(payloads("down/desired")[-1])
        self.assertEqual((desired["aud"], desired["generation"], desired["version"]), ("hub/gw1", self.cloud.generation(), 2))
        self.assertEqual(json.loads(payloads("up/request")[0]), {"want": "snapshot", "generation": 0, "version": 0})
        self.assertEqual(json.loads(payloads("down/snapshot")[0])["items"], len(SITE) + 2)
        heading, *items = map(json.loads, payloads("down/chunk")[0].splitlines())
        self.assertEqual((heading["i"], heading["next"], len(items)), (0, None, len(SITE) + 2))
        result = json.loads(payloads("up/result")[0])
        self.assertEqual((result["of"], result["outcome"], result["version"]), ("snapshot", "applied", 1))
        delta = json.loads(payloads("down/delta")[0])
        self.assertEqual((delta["from"], delta["to"], [op["op"] for op in delta["ops"]]), (1, 2, ["put"]))
        self.events_of(payloads)
        report = json.loads(payloads("up/report")[-1])
        self.assertEqual({door["id"] for door in report["doors"]}, {"front", "gym"})

    def events_of(self, payloads):
        """Batches are contiguous and hold the ledger's own lines; so does live."""
        known = {json.loads(line)["seq"]: line.rstrip("\n") for line in self.events.lines.values()}
        told = {}
        for batch in payloads("up/events"):
            heading, *lines = batch.rstrip("\n").split("\n")
            heading = json.loads(heading)
            self.assertEqual(len(lines), heading["count"])
            told.update(enumerate(lines, heading["first"]))
        self.assertEqual(sorted(told), list(range(1, len(told) + 1)))
        live = {json.loads(line)["seq"]: line.rstrip("\n") for line in payloads("up/live")}
        for seq, line in [*told.items(), *live.items()]:
            self.assertEqual(known.get(seq, line), line)
        ack = json.loads(payloads("down/ack")[-1])
        self.assertEqual(ack["aud"], "hub/gw1")
        self.assertRegex(ack["hash"], "^[0-9a-f]{64}$")


if __name__ == "__main__":
    unittest.main()
