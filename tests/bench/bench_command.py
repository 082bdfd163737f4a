#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""One remote release: from the signed command that is written to the broker until the door's driver is told. In between
lie the broker, stile-link, the signature, and one commit on the disk: a command is started durably before the device is
told (cloud contract C2). The driver is a script; its waking is in the figure.
"""
import json
import pathlib
import socket
import sys

from measured import System, now_us, report_times

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / 'fault'))

from commands_signed import Sender  # noqa: E402 (the path stands above)
from support import next_message  # noqa: E402

RELEASES = 200

ROOT = 'stile/1/hub/gw1/'

DRIVER = '''#!/usr/bin/python3
import json, socket, sys, time
def say(**members):
    print(json.dumps(members), flush=True)
for line in sys.stdin:
    at = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
    command = json.loads(line)
    match command["do"]:
        case "configure":
            device = command["device"]
            told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            told.connect(device["told"])
            say(ev="hello", driver="told", version="1", protocol=1, targets=device["targets"])
            say(ev="health", state="up")
        case "release":
            told.send(str(at).encode())
            say(ev="result", id=command["id"], outcome="completed", ms=0)
        case "hold":
            say(ev="result", id=command["id"], outcome="completed", ms=0)
        case "ping":
            say(ev="pong", id=command.get("id", 0))
        case "shutdown":
            break
'''


class Building(System):
    def devices(self):
        return [('device', {'id': 'door', 'driver': 'told', 'told': str(self.dir / 'told.sock'), 'targets': ['front']})]

    def prepare(self):
        """The driver, and keys that gateway and cloud share."""
        driver = self.dir / 'gw1' / 'drivers' / 'stile-told'
        driver.write_text(DRIVER)
        driver.chmod(0o755)
        keys = [json.loads(self.cloud.run('key', 'new', *words))
                for words in (('root-1', 'root'), ('ev-1', 'events'), ('cmd-1', 'command'))]
        self.gateway.configure(broker={'host': '127.0.0.1', 'port': self.broker.port}, keys=keys)


def text(words):
    return len(words).to_bytes(2, 'big') + words.encode()


def packet(kind, body):
    """An MQTT packet."""
    length, rest = b'', len(body)
    while True:
        rest, digit = divmod(rest, 128)[0], rest % 128
        length += bytes([digit | (0x80 if rest else 0)])
        if not rest:
            return bytes([kind]) + length + body


class Publisher:
    """Speaks MQTT 5 itself: what goes out has gone out when publish() returns."""

    def __init__(self, port):
        self.socket = socket.create_connection(('127.0.0.1', port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(packet(0x10, text('MQTT') + bytes([5, 2, 0, 0, 0]) + text('bench')))
        assert self.socket.recv(256)[0] == 0x20, 'the broker refuses'

    def publish(self, topic, payload):
        self.socket.sendall(packet(0x30, text(topic) + b'\0' + payload.encode()))


def challenge_of(states):
    """Of the last state there is; each lives for as long as a command may."""
    return json.loads(next_message(states, ROOT + 'up/state')['payload'])['challenge']


class Prompt(Building):
    """Its broker sends at once; one as Debian sets it up waits for the last packet's acknowledgement, which Linux
    delays by 40 ms."""

    broker_settings = ('set_tcp_nodelay true',)


def measure(system, told):
    """Times from publishing to the driver."""
    told.bind(str(system.dir / 'told.sock'))
    system.prepare()
    states = system.start(system.broker.subscribe(ROOT + 'up/state'))
    results = system.start(system.broker.subscribe(ROOT + 'up/result'))
    system.gateway.start()
    system.gateway.follow('door')
    sender = Sender(system.cloud.directory)
    publisher = Publisher(system.broker.port)
    challenge = challenge_of(states)
    for _ in range(RELEASES):
        _, payload = sender.release('front', challenge)
        sent_us = now_us()
        publisher.publish(ROOT + 'down/command', payload)
        yield int(told.recv(64)) - sent_us
        while json.loads(next_message(results, ROOT + 'up/result')['payload'])['of'] != 'command':
            continue


def main():
    for name, kind in (('command_to_device', Prompt), ('command_to_device_debian_broker', Building)):
        with kind(100) as system, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            report_times(name, list(measure(system, told)), shares=(50, 99), unit='ms')


main()
