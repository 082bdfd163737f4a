# SPDX-License-Identifier: GPL-3.0-or-later
"""stile-link alone against the real mosquitto: what stiled may rely on, and what a broker can do to it."""
import base64
import os
import signal
import socket
import subprocess
import tempfile
import unittest

from support import BUILD, LIMIT_S, JsonProgram, Mosquitto, free_port, next_message

LINK = os.path.join(BUILD, "gateway", "link", "stile-link")
PREFIX = "stile/1/hub/gw1/"
WILL = b'{"gateway":"gw1","online":false}'
DOWN = ["desired", "delta", "snapshot", "chunk", "digest", "ack"]


def b64(payload):
    return base64.urlsafe_b64encode(payload).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Link(JsonProgram):
    def __init__(self, *environment):
        super().__init__("/usr/bin/env", *environment, LINK)

    def connect(self, port, **more):
        self.say(**{"do": "connect", "site": "hub", "gateway": "gw1", "host": "127.0.0.1", "port": port,
                    "keep_alive_s": 5, "will": b64(WILL), **more})

    def publish(self, number, topic, payload):
        self.say(do="publish", id=number, topic=topic, payload=b64(payload))


class LinkTest(unittest.TestCase):
    def setUp(self):
        self.directory = self.enterContext(tempfile.TemporaryDirectory())

    def broker(self, **more):
        return self.enterContext(Mosquitto(self.directory, **more))

    def link(self, *environment):
        return self.enterContext(Link(*environment))

    def online(self, broker, **more):
        link = self.link()
        link.connect(broker.port, **more)
        link.hear(ev="connected")
        return link

    def test_connected__only_after_every_subscription(self):
        broker = self.broker()
        self.online(broker)
        granted = set()
        while len(granted) < len(DOWN):
            line = broker.output.until(lambda text: "No. of subs" in text or PREFIX + "down/" in text)
            granted |= {topic for topic in DOWN if f"{PREFIX}down/{topic} (QoS 1)" in line}
        self.assertEqual(granted, set(DOWN))

    def test_publish__is_confirmed_and_retained_by_topic(self):
        broker = self.broker()
        subscriber = self.enterContext(broker.subscribe(PREFIX + "up/#"))
        link = self.online(broker)
        link.publish(1, "up/state", b'{"a":1}')
        link.publish(2, "up/events", b'{"b":1}')
        state = next_message(subscriber, PREFIX + "up/state")
        events = next_message(subscriber, PREFIX + "up/events")
        self.assertEqual((state["payload"], state["retain"], state["qos"]), ('{"a":1}', 1, 1))
        self.assertEqual((events["payload"], events["retain"], events["qos"]), ('{"b":1}', 0, 1))
        link.hear(ev="published", id=1, code=0)
        link.hear(ev="published", id=2, code=0)

    def test_message__retained_flag_and_bytes_are_passed_on(self):
        broker = self.broker()
        broker.publish(PREFIX + "down/desired", '{"old":1}', retain=True)
        broker.publish(PREFIX + "down/delta", '{"stale":1}', retain=True)
        link = self.online(broker)
        first = link.hear(ev="message")
        self.assertEqual((first["topic"], first["retained"]), ("down/desired", True))
        self.assertEqual(unb64(first["payload"]), b'{"old":1}')
        broker.publish(PREFIX + "down/delta", '{"new":1}')
        delta = link.hear(ev="message")  # the retained one was not asked for
        self.assertEqual((delta["topic"], delta["retained"]), ("down/delta", False))
        self.assertEqual(unb64(delta["payload"]), b'{"new":1}')

    def test_payload__the_longest_goes_both_ways(self):
        broker = self.broker()
        subscriber = self.enterContext(broker.subscribe(PREFIX + "up/events"))
        link = self.online(broker)
        payload = b'{"x":"' + b"y" * (61440 - 8) + b'"}'
        link.publish(1, "up/events", payload)
        self.assertEqual(next_message(subscriber, PREFIX + "up/events")["payload"].encode(), payload)
        link.hear(ev="published", id=1, code=0)
        for _ in range(40):
            broker.publish(PREFIX + "down/chunk", payload.decode())
        for _ in range(40):
            self.assertEqual(unb64(link.hear(ev="message")["payload"]), payload)

    def test_will__is_seen_when_killed(self):
        broker = self.broker()
        subscriber = self.enterContext(broker.subscribe(PREFIX + "up/state"))
        link = self.online(broker)
        link.send_signal(signal.SIGKILL)
        message = next_message(subscriber, PREFIX + "up/state")
        self.assertEqual((message["payload"].encode(), message["retain"]), (WILL, 1))

    def test_will__is_seen_when_stiled_is_gone(self):
        broker = self.broker()
        subscriber = self.enterContext(broker.subscribe(PREFIX + "up/state"))
        link = self.online(broker)
        link.process.stdin.close()
        self.assertNotEqual(link.wait(), 0)
        self.assertEqual(next_message(subscriber, PREFIX + "up/state")["payload"].encode(), WILL)

    def test_shutdown__delivers_what_is_on_the_way_and_no_will(self):
        broker = self.broker()
        results = self.enterContext(broker.subscribe(PREFIX + "up/result"))
        states = self.enterContext(broker.subscribe(PREFIX + "up/state"))
        link = self.online(broker)
        for number in range(100):
            link.publish(number + 1, "up/result", b'{"n":%d}' % number)
        link.say(do="shutdown")
        self.assertEqual(link.wait(), 0)
        for number in range(100):
            self.assertEqual(next_message(results, PREFIX + "up/result")["payload"], '{"n":%d}' % number)
        broker.publish(PREFIX + "up/state", "{}")
        self.assertEqual(next_message(states, PREFIX + "up/state")["payload"], "{}")

    def test_broker__absent_at_start__is_told_and_found_later(self):
        port = free_port()
        link = self.link()
        link.connect(port)
        self.assertIn("refused", link.hear(ev="disconnected")["reason"])
        self.broker(port=port)
        link.connect(port)
        link.hear(ev="connected")

    def test_broker__restarted__ends_the_connection_and_its_queue(self):
        broker = self.broker()
        link = self.online(broker)
        broker.kill()
        link.hear(ev="disconnected")
        link.publish(1, "up/events", b'{"lost":1}')
        broker.restart()
        subscriber = self.enterContext(broker.subscribe(PREFIX + "up/events"))
        link.connect(broker.port)
        link.hear(ev="connected")
        link.publish(2, "up/events", b'{"kept":1}')
        self.assertEqual(next_message(subscriber, PREFIX + "up/events")["payload"], '{"kept":1}')

    def test_broker__frozen__is_noticed_while_pings_are_answered(self):
        broker = self.broker()
        link = self.online(broker)
        broker.send_signal(signal.SIGSTOP)
        link.publish(1, "up/events", b"{}")
        link.say(do="ping", id=9)
        link.hear(ev="pong", id=9)
        link.hear(ev="disconnected")
        broker.send_signal(signal.SIGCONT)

    def test_broker__frozen_before_the_connect__is_given_up(self):
        broker = self.broker()
        broker.send_signal(signal.SIGSTOP)
        link = self.link()
        link.connect(broker.port)
        self.assertIn("does not answer", link.hear(ev="disconnected")["reason"])
        broker.send_signal(signal.SIGCONT)

    def test_user__wrong_password__is_told(self):
        passwords = os.path.join(self.directory, "passwords")
        subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "gw", "right"], check=True, timeout=LIMIT_S)
        broker = self.broker(extra=["allow_anonymous false", f"password_file {passwords}"])
        link = self.link()
        link.connect(broker.port, username="gw", password="wrong")
        self.assertIn("uthoriz", link.hear(ev="disconnected")["reason"])
        link.connect(broker.port, username="gw", password="right")
        link.hear(ev="connected")

    def test_publish__refused_by_the_broker__is_told_with_its_code(self):
        rules = os.path.join(self.directory, "acl")
        with open(rules, "w", encoding="utf-8") as f:
            f.write(f"topic read {PREFIX}down/#\ntopic write {PREFIX}up/state\n")
        os.chmod(rules, 0o600)
        broker = self.broker(extra=[f"acl_file {rules}"])
        link = self.online(broker)
        link.publish(1, "up/events", b"{}")
        self.assertGreaterEqual(link.hear(ev="published", id=1)["code"], 128)

    def test_tls__broker_must_be_vouched_for(self):
        def path(name):
            return os.path.join(self.directory, name)

        for name in ("right", "wrong"):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                            "-nodes", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1",
                            "-keyout", path(f"{name}.key"), "-out", path(f"{name}.crt")],
                           check=True, timeout=LIMIT_S, stderr=subprocess.DEVNULL)
        broker = self.broker(extra=[f"certfile {path('right.crt')}", f"keyfile {path('right.key')}"])
        link = self.link()
        link.connect(broker.port, ca_file=path("wrong.crt"))
        link.hear(ev="disconnected")
        link.connect(broker.port, ca_file=path("right.crt"))
        link.hear(ev="connected")

    def asked_in_vain(self):
        """A link that asks a silent name server."""
        fifo = os.path.join(self.directory, "answer")
        os.mkfifo(fifo)
        link = self.link(f"LD_PRELOAD={BUILD}/tests/integration/libsilent-names.so", f"SILENT_NAMES={fifo}",
                         f"ASAN_OPTIONS=verify_asan_link_order=0:{os.environ.get('ASAN_OPTIONS', '')}")
        link.connect(1883, host="broker.example.org")
        return link, fifo

    def test_name_server_silent__pings_are_answered(self):
        link, fifo = self.asked_in_vain()
        for number in range(1, 4):
            link.say(do="ping", id=number)
            link.hear(ev="pong", id=number)
        link.say(do="connect", site="hub", gateway="gw1", host="127.0.0.1", port=1, will=b64(WILL))
        self.assertIn("already", link.hear(ev="error")["text"])
        with open(fifo, "w", encoding="utf-8"):
            self.assertIn("Lookup error", link.hear(ev="disconnected")["reason"])

    def test_name_server_silent__shutdown_does_not_wait(self):
        link, _ = self.asked_in_vain()
        link.say(do="shutdown")
        self.assertEqual(link.wait(), 0)

    def test_line__broken__is_answered_and_harmless(self):
        link = self.link()
        link.say(do="dance")
        self.assertIn("not known", link.hear(ev="error")["text"])
        link.say(do="publish", id=0)
        self.assertIn("id", link.hear(ev="error")["text"])
        link.say(do="ping", id=1)
        link.hear(ev="pong", id=1)

    def test_connect__states_what_the_contract_says(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(LIMIT_S)
            link = self.link()
            link.connect(server.getsockname()[1])
            connection, _ = server.accept()
            with connection:
                connection.settimeout(LIMIT_S)
                packet = connection.recv(4096)
        self.assertEqual(packet[2:9], b"\x00\x04MQTT\x05")
        self.assertEqual(packet[9], 0b00101110)  # will retained, QoS 1, clean start
        self.assertIn(b"\x27\x00\x01\x00\x00", packet)  # Maximum Packet Size 65,536
        self.assertIn(b"\x21\x00\x10", packet)  # Receive Maximum 16
        self.assertIn(b"\x00\x07hub/gw1", packet)


if __name__ == "__main__":
    unittest.main()
