# SPDX-License-Identifier: GPL-3.0-or-later
"""What whole-program tests share: a temporary directory, waiting for something with a limit, a real mosquitto on
a port of its own, and a child that speaks in JSON lines.

Nothing here sleeps to synchronise: a wait ends when what is waited for happens, or fails the test.
"""
import json
import os
import queue
import socket
import subprocess
import sys
import threading

BUILD = os.environ["STILE_BUILD"]
SOURCE = os.environ["STILE_SOURCE"]

# Longest wait for anything. Only a failing test gets there.
LIMIT_S = 60


def free_port():
    """A TCP port that was free just now. Use it at once, and be ready for somebody else to be faster."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Reader(threading.Thread):
    """Puts each line of a stream into a queue, and None at its end. echo: they are in the test's output, too."""

    def __init__(self, stream, echo=False):
        super().__init__(daemon=True)
        self.stream = stream
        self.echo = echo
        self.lines = queue.Queue()
        self.start()

    def run(self):
        for line in self.stream:
            if self.echo:
                sys.stderr.write(line)
            self.lines.put(line)
        self.lines.put(None)

    def next(self, limit_s=LIMIT_S):
        """The next line; None at the end. Fails after the limit."""
        try:
            return self.lines.get(timeout=limit_s)
        except queue.Empty:
            raise AssertionError("nothing was said in time") from None

    def until(self, wanted, limit_s=LIMIT_S):
        """Skips lines until wanted(line); returns that line."""
        while True:
            line = self.next(limit_s)
            assert line is not None, "it ended before it said what was waited for"
            if wanted(line):
                return line


class Program:
    """A process whose output is read line by line. Killed at the end of its `with`. inherited: descriptors that it gets."""

    def __init__(self, *argv, stdin=None, errors=False, echo=False, env=None, inherited=()):
        self.process = subprocess.Popen(
            [str(a) for a in argv], stdin=stdin, stdout=None if errors else subprocess.PIPE,
            stderr=subprocess.PIPE if errors else None, text=True, env=env, pass_fds=inherited)
        self.output = Reader(self.process.stderr if errors else self.process.stdout, echo)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def send_signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(LIMIT_S)
        self.output.join(LIMIT_S)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                stream.close()

    def wait(self):
        return self.process.wait(LIMIT_S)


class JsonProgram(Program):
    """A child that speaks in JSON lines on standard input and output."""

    def __init__(self, *argv):
        super().__init__(*argv, stdin=subprocess.PIPE)

    def say(self, **members):
        self.process.stdin.write(json.dumps(members) + "\n")
        self.process.stdin.flush()

    def hear(self, limit_s=LIMIT_S, **members):
        """Skips lines until one has these members; returns it."""
        line = self.output.until(lambda text: members.items() <= json.loads(text).items(), limit_s)
        return json.loads(line)


class Mosquitto(Program):
    """Debian's broker with a configuration of its own in directory. port: None takes a free one."""

    def __init__(self, directory, port=None, extra=()):
        self.directory = directory
        self.extra = tuple(extra)
        self.subscribers = 0
        for attempt in range(10):
            self.port = port or free_port()
            if self.start():
                return
            assert port is None, "the port is taken"
        raise AssertionError("no free port was found")

    def start(self):
        path = os.path.join(self.directory, f"mosquitto-{self.port}.conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write("".join(line + "\n" for line in self.settings()))
        super().__init__("/usr/sbin/mosquitto", "-c", path, errors=True)
        line = self.output.until(lambda text: " running" in text or "Error:" in text)
        if " running" in line:
            return True
        self.kill()
        return False

    def settings(self):
        return ["persistence false", "user root", "log_dest stderr", "log_type all", f"listener {self.port} 127.0.0.1",
                "allow_anonymous true", *self.extra]

    def restart(self):
        """Starts again on the same port after kill(); nothing retained is left."""
        assert self.start(), "the port was taken meanwhile"

    def subscribe(self, *topics):
        """mosquitto_sub that prints one JSON object a message. Returns once the broker has its subscription."""
        self.subscribers += 1
        name = f"subscriber-{self.subscribers}"
        argv = ["mosquitto_sub", "-i", name, "-V", "5", "-h", "127.0.0.1", "-p", self.port, "-F", "%j", "-q", "1",
                "--retain-as-published"]
        for topic in topics:
            argv += ["-t", topic]
        program = Program(*argv)
        self.output.until(lambda text: f"Sending SUBACK to {name}" in text)
        return program

    def publish(self, topic, payload, retain=False):
        """Returns once the broker has taken it."""
        argv = ["mosquitto_pub", "-V", "5", "-h", "127.0.0.1", "-p", str(self.port), "-q", "1", "-t", topic, "-s"]
        subprocess.run(argv + (["-r"] if retain else []), input=payload, check=True, timeout=LIMIT_S,
                       text=isinstance(payload, str))


def next_message(subscriber, topic):
    """The next message under topic that a subscriber of Mosquitto.subscribe() sees: topic, payload, retain, ..."""
    line = subscriber.output.until(lambda text: json.loads(text)["topic"] == topic)
    return json.loads(line)

