# SPDX-License-Identifier: GPL-3.0-or-later
"""The device simulators as programs that a test has something happen to."""
import os
import subprocess

from support import BUILD, LIMIT_S, Program


class Simulator(Program):
    """One whose control socket lies at path; what happens to it is on its standard output."""

    def __init__(self, program, path, *options, **others):
        self.program = os.path.join(BUILD, "tools", "sim", program)
        self.socket = path
        super().__init__(self.program, "--control", path, *options, **others)

    def ctl(self, words):
        result = subprocess.run([self.program, "ctl", self.socket, *words.split()], capture_output=True, text=True,
                                timeout=LIMIT_S)
        assert result.stdout.startswith("ok"), result.stdout + result.stderr
        return result.stdout

    def until(self, text):
        """Skips what happened until a line has this text; returns the lines up to it."""
        lines = []
        self.output.until(lambda line: lines.append(line) or text in line)
        return lines


class Collector(Simulator):
    def __init__(self, directory, *options):
        super().__init__("sim-collector", os.path.join(directory, "collector.ctl"), *options)
        self.address = self.output.next().strip()


class NfcReader(Simulator):
    def __init__(self, directory, *options):
        self.port = os.path.join(directory, "reader")
        super().__init__("sim-pn532", os.path.join(directory, "reader.ctl"), "--port", self.port, *options)
        self.until("ready")


class Lock(Simulator):
    """On the Bluetooth adapter of that name, hci1."""

    def __init__(self, directory, adapter, *options):
        super().__init__("sim-lock", os.path.join(directory, f"lock-{adapter}.ctl"), "--adapter", adapter, *options)
        self.address = self.until("ready")[-1].split()[-1]
