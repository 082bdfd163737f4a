# SPDX-License-Identifier: GPL-3.0-or-later
"""A bad line between a Modbus master and its slaves: an RS-485 line of pseudo-terminals, or a TCP connection.

Requests are dropped, truncated or (on a serial line, where a checksum would tell) get a bit flipped; answers besides come
late or twice. A request is never late or doubled: no line does that, and no master could undo it."""
import heapq
import os
import random
import select
import socket
import threading
import time
import tty


class BadLine:
    """port: what the master opens. Faults begin with `chance`, between 0 and 1, of each piece of bytes."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.chance = 0.0
        self.pieces = self.faults = 0
        self.late = []  # (when, number, piece)
        self.ended = False
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *failure):
        self.ended = True
        self.thread.join()

    def flip(self, piece):
        at = self.random.randrange(8 * len(piece))
        return piece[:at // 8] + bytes([piece[at // 8] ^ 1 << at % 8]) + piece[at // 8 + 1:]

    def harm(self, piece, answer):
        """What arrives, and how much later: a list of (seconds, bytes). None: the connection ends, since TCP does not lose
        bytes and go on."""
        self.pieces += 1
        if self.random.random() >= self.chance:
            return [(0, piece)]
        self.faults += 1
        kinds = ["drop", "truncate"] + (["flip"] if self.serial else []) + (["delay", "double"] if answer else [])
        kind = self.random.choice(kinds)
        if kind == "drop":
            return []
        if kind == "truncate":
            return [(0, piece[:self.random.randrange(len(piece))])] + ([] if self.serial else [(0, None)])
        if kind == "flip":
            return [(0, self.flip(piece))]
        if kind == "delay":
            return [(self.random.uniform(0, self.late_s), piece)]
        return [(0, piece), (0, piece)]

    def forward(self, piece, answer):
        for seconds, part in self.harm(piece, answer):
            if seconds:
                heapq.heappush(self.late, (time.monotonic() + seconds, self.pieces, part))
            elif part is None:
                self.hang_up()
            elif part:
                (self.to_master if answer else self.to_slaves)(part)

    def send_late(self):
        """Returns how long to wait for the next."""
        while self.late and self.late[0][0] <= time.monotonic():
            self.to_master(heapq.heappop(self.late)[2])
        return min(0.05, max(0, self.late[0][0] - time.monotonic())) if self.late else 0.05


def pseudo_terminal():
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    return ours, theirs, os.ttyname(theirs)


class SerialLine(BadLine):
    """slaves: the units that each has. It hears requests to those and nothing else: libmodbus' server takes what follows a
    request to another unit for that unit's answer, and were that lost it would be deaf to its own next request."""
    serial = True

    def __init__(self, slaves, seed, late_s):
        super().__init__(seed)
        self.late_s = late_s
        self.units = slaves
        self.master, self.kept, self.port = pseudo_terminal()
        self.slaves = [pseudo_terminal() for _ in slaves]
        self.slave_ports = [name for _, _, name in self.slaves]

    def to_master(self, piece):
        os.write(self.master, piece)

    def to_slaves(self, piece):
        for units, (ours, _, _) in zip(self.units, self.slaves):
            if piece[0] in units:
                os.write(ours, piece)

    def run(self):
        fds = [self.master, *(ours for ours, _, _ in self.slaves)]
        while not self.ended:
            for fd in select.select(fds, [], [], self.send_late())[0]:
                self.forward(os.read(fd, 512), fd != self.master)


class TcpLine(BadLine):
    """A connection whose slave is behind 127.0.0.1:slave_port."""
    serial = False

    def __init__(self, slave_port, seed, late_s):
        super().__init__(seed)
        self.late_s = late_s
        self.slave_port = slave_port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.master = self.slave = None

    def to_master(self, piece):
        if self.master:
            self.master.sendall(piece)

    def to_slaves(self, piece):
        self.slave.sendall(piece)

    def hang_up(self):
        for end in (self.master, self.slave):
            if end:
                end.close()
        self.master = self.slave = None
        self.late.clear()

    def take(self, end):
        if end is self.listener:
            self.hang_up()
            self.master = self.listener.accept()[0]
            self.slave = socket.create_connection(("127.0.0.1", self.slave_port))
            return
        piece = end.recv(512) if end in (self.master, self.slave) else b"gone"
        if piece == b"gone":
            return
        if not piece:
            self.hang_up()
        else:
            self.forward(piece, end is self.slave)

    def run(self):
        while not self.ended:
            ends = [end for end in (self.listener, self.master, self.slave) if end]
            try:
                for end in select.select(ends, [], [], self.send_late())[0]:
                    self.take(end)
            except OSError:
                self.hang_up()
        self.hang_up()
