# SPDX-License-Identifier: GPL-3.0-or-later
"""A program on a pseudo-terminal, and what a person would see there: a model of the few ANSI sequences that stilectl
sends. Any other sequence fails the test."""
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time

from support import LIMIT_S

SEQUENCE = re.compile(r"\x18|\x1b\[(\??)([\d;]*)([A-Za-z])")


class Terminal:
    """rows x columns; `lines` is what is shown, `touched` the rows that were written to since forget()."""

    def __init__(self, *command, rows=24, columns=80, **environment):
        self.master, slave = os.openpty()
        self.shell = termios.tcgetattr(slave)
        self.slave = slave
        self.pending = ""
        self.private = set()
        self.resize(rows, columns, tell=False)
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
                                        env={**os.environ, "TZ": "UTC", "TERM": "xterm", **environment})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.slave)
        os.close(self.master)

    def resize(self, rows, columns, tell=True):
        self.rows, self.columns = rows, columns
        self.screen = [[" "] * columns for _ in range(rows)]
        self.row = self.column = 0
        self.forget()
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if tell:
            self.process.send_signal(signal.SIGWINCH)

    def forget(self):
        self.touched = set()
        self.received = 0

    @property
    def lines(self):
        return ["".join(line).rstrip() for line in self.screen]

    # --- what the program sends ---

    def sequence(self, private, numbers, letter):
        if private:
            assert numbers in ("1049", "25"), numbers
            (self.private.add if letter == "h" else self.private.discard)(numbers)
        elif letter == "H":
            self.row, self.column = (int(number) - 1 for number in numbers.split(";"))
            assert 0 <= self.row < self.rows, numbers
        elif letter == "J":
            assert numbers == "2"
            self.screen = [[" "] * self.columns for _ in range(self.rows)]
        elif letter == "K":
            assert numbers == "2"
            self.screen[self.row] = [" "] * self.columns
            self.touched.add(self.row)
        else:
            assert letter == "m", letter

    def line_feed(self):
        self.row += 1
        if self.row == self.rows:
            self.screen = [*self.screen[1:], [" "] * self.columns]
            self.row -= 1

    def put(self, character):
        assert character.isprintable() or character in "\r\n", character
        if character == "\r":
            self.column = 0
            return
        if character == "\n":
            self.line_feed()
            return
        assert self.column < self.columns, ("a line is too long", self.lines[self.row])
        self.screen[self.row][self.column] = character
        self.column += 1
        self.touched.add(self.row)

    def take(self, text):
        self.pending += text
        while self.pending:
            if self.pending[0] not in "\x18\x1b":
                self.put(self.pending[0])
                self.pending = self.pending[1:]
                continue
            found = SEQUENCE.match(self.pending)
            if not found:
                assert len(self.pending) < 16, self.pending
                return
            if found[3]:
                self.sequence(found[1], found[2], found[3])
            self.pending = self.pending[found.end():]

    def read(self, limit_s):
        """What there is; False after the limit or at the end."""
        if not select.select([self.master], [], [], limit_s)[0]:
            return False
        data = os.read(self.master, 65536)
        self.received += len(data)
        self.take(data.decode())
        return True

    def until(self, shown):
        """Until shown(lines) is true, which it then is."""
        end = time.monotonic() + LIMIT_S
        while not (result := shown(self.lines)):
            assert self.read(max(0, end - time.monotonic())), "\n".join(self.lines)
        return result

    def shows(self, pattern):
        """Until a line matches; returns the match."""
        expression = re.compile(pattern)
        return self.until(lambda lines: next(filter(None, map(expression.search, lines)), None))

    # --- what a person does ---

    def type(self, keys):
        os.write(self.master, keys.encode())

    def ends(self):
        """The exit status, once all that was said is read."""
        while self.process.poll() is None:
            self.read(0.01)
        while self.read(0):
            pass
        return self.process.returncode
