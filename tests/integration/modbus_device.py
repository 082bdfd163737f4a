# SPDX-License-Identifier: GPL-3.0-or-later
"""A Modbus slave made of a maker's map, on TCP or on a pseudo-terminal: coils, inputs, registers, relays that time their own
pulse. It knows nothing of our profiles. What it does not have it refuses, as the device would; each exchange is kept, byte
by byte."""
import contextlib
import os
import queue
import select
import socket
import struct
import termios
import threading
import time
import tty

from support import LIMIT_S

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
ON, OFF = 0xFF00, 0x0000


def crc(frame):
    """Modbus over serial line V1.02, 6.2.2."""
    value = 0xFFFF
    for byte in frame:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return struct.pack("<H", value)


class Refused(Exception):
    """An exception response with this code."""


class Map:
    """What a device has, from 0 on as on the wire. Subclasses add what writing does."""

    def __init__(self, coils=(), discretes=(), inputs=(), holdings=()):
        self.bits = {1: dict.fromkeys(coils, 0), 2: dict.fromkeys(discretes, 0)}
        self.words = {3: dict.fromkeys(holdings, 0), 4: dict.fromkeys(inputs, 0)}
        self.until_s = {}  # relays that time a pulse

    def pulse(self, relay, seconds):
        self.bits[1][relay] = 1
        self.until_s[relay] = time.monotonic() + seconds

    def tick(self):
        for relay in [relay for relay, end in self.until_s.items() if end <= time.monotonic()]:
            del self.until_s[relay]
            self.bits[1][relay] = 0

    def write_coil(self, address, value):
        if address not in self.bits[1]:
            raise Refused(ILLEGAL_ADDRESS)
        if value not in (ON, OFF):
            raise Refused(ILLEGAL_VALUE)
        self.until_s.pop(address, None)
        self.bits[1][address] = int(value == ON)

    def write_register(self, address, value):
        if address not in self.words[3]:
            raise Refused(ILLEGAL_ADDRESS)
        self.words[3][address] = value

    def read(self, table, address, count):
        if any(at not in table for at in range(address, address + count)):
            raise Refused(ILLEGAL_ADDRESS)
        return [table[at] for at in range(address, address + count)]

    def read_bits(self, function, address, count):
        values = self.read(self.bits[function], address, count)
        packed = sum(bit << i for i, bit in enumerate(values)).to_bytes((count + 7) // 8, "little")
        return bytes([function, len(packed)]) + packed

    def read_words(self, function, address, count):
        values = self.read(self.words[function], address, count)
        return struct.pack(f">BB{count}H", function, 2 * count, *values)

    def answer(self, pdu):
        function, address, value = struct.unpack(">BHH", pdu[:5])
        self.tick()
        try:
            if function in self.bits:
                return self.read_bits(function, address, value)
            if function in self.words:
                return self.read_words(function, address, value)
            if function == 5:
                self.write_coil(address, value)
            elif function == 6:
                self.write_register(address, value)
            elif function == 16:
                for i in range(value):
                    self.write_register(address + i, *struct.unpack_from(">H", pdu, 6 + 2 * i))
            else:
                raise Refused(ILLEGAL_FUNCTION)
        except Refused as refusal:
            return bytes([function | 0x80, refusal.args[0]])
        return pdu[:5]


class Waveshare(Map):
    """Waveshare's development protocol V2: 8 relays and inputs; FC05 with a time to 0200.. is flash-on, to 0400.. flash-off."""

    def __init__(self):
        super().__init__(coils=range(8), discretes=range(8), holdings=[*range(0x1000, 0x1008), 0x4000, 0x8000])
        self.words[3][0x8000] = 200

    def write_coil(self, address, value):
        if 0x0200 <= address < 0x0208:
            if not 0 < value <= 0x7FFF:
                raise Refused(ILLEGAL_VALUE)
            self.pulse(address - 0x0200, value / 10)
        else:
            super().write_coil(address, value)


class Moxa(Map):
    """E1200 series manual, E1214: a pulse is started at 16.. and is as long as 52.. says, in 1.5 s, and as often as 36.. says:
    with 0 for ever."""

    def __init__(self):
        super().__init__(coils=[*range(6), *range(16, 22), *range(0x100, 0x106), *range(0x110, 0x116)], discretes=range(6),
                         inputs=[*range(16, 28), 48], holdings=[32, *range(36, 48), *range(52, 58), *range(68, 74)])

    def write_coil(self, address, value):
        super().write_coil(address, value)
        if 16 <= address < 22 and value == ON:
            high, low = self.read(self.words[3], 36 + 2 * (address - 16), 2)
            assert (high, low) == (0, 1), "this pulse would come again"
            self.pulse(address - 16, 1.5 * self.words[3][52 + address - 16])


class Came(Map):
    """FA01323M4A: 40101 is the state; coils 1 stop, 2 open, 4 close, and so on, fall back by themselves."""

    STATUS = 100

    def __init__(self):
        super().__init__(coils=[*range(6), 7], holdings=[*range(11), *range(100, 110)])
        self.words[3][self.STATUS] = 17

    def write_coil(self, address, value):
        super().write_coil(address, value)
        self.bits[1][address] = 0
        self.words[3][self.STATUS] = {1: 32, 3: 33}.get(address, self.words[3][self.STATUS])


class Device(threading.Thread):
    """A map at a port of its own. connection: what a device item says to reach it."""

    def __init__(self, of, unit=1, line=None):
        super().__init__(daemon=True)
        self.map = of
        self.unit = unit
        self.exchanges = queue.Queue()
        self.seen = []
        self.spoil = None  # makes of an answer what goes over the line
        self.stopped, self.stop = os.pipe()
        if line:
            self.fd, self.far = os.openpty()
            tty.setraw(self.fd, termios.TCSANOW)
            self.connection = {"rtu": os.ttyname(self.far), **line}
        else:
            self.listener = socket.create_server(("127.0.0.1", 0))
            self.connection = {"tcp": "127.0.0.1:%d" % self.listener.getsockname()[1]}
        self.serve = self.serve_rtu if line else self.serve_tcp

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        os.close(self.stop)
        self.join(LIMIT_S)
        os.close(self.stopped)

    def until(self, request):
        """Skips exchanges until one had this request, in hex; returns its answer in hex."""
        while True:
            exchange = self.exchanges.get(timeout=LIMIT_S)
            if exchange[0] == request:
                return exchange[1]

    def requests(self, *functions):
        """Every different request so far with one of these functions, in order, without what frames it."""
        return [pdu for pdu in self.seen if pdu[0] in functions]

    def run(self):
        self.serve()

    def wait(self, fd):
        """Whether fd can be read; False: it is over."""
        return self.stopped not in select.select([fd, self.stopped], [], [])[0]

    def exchange(self, pdu, frame):
        """frame: puts a PDU into what goes over the line."""
        answer = frame(self.map.answer(pdu))
        if pdu not in self.seen or pdu[0] in (5, 6, 16):
            self.seen.append(pdu)
        self.exchanges.put((frame(pdu).hex().upper(), answer.hex().upper()))
        return self.spoil(answer) if self.spoil else answer

    def serve_rtu(self):
        def frame(pdu):
            return (part := bytes([self.unit]) + pdu) + crc(part)

        received = b""
        while self.wait(self.fd):
            received += os.read(self.fd, 256)
            length = 9 + received[6] if len(received) > 6 and received[1] == 16 else 8
            if len(received) < length:
                continue
            whole, received = received[:length], received[length:]
            assert crc(whole[:-2]) == whole[-2:], whole.hex()
            if whole[0] == self.unit:
                os.write(self.fd, self.exchange(whole[1:-2], frame))
        os.close(self.fd)
        os.close(self.far)

    def serve_tcp(self):
        while self.wait(self.listener.fileno()):
            with self.listener.accept()[0] as connection, contextlib.suppress(ConnectionError):
                self.serve_connection(connection)
        self.listener.close()

    def serve_connection(self, connection):
        received = b""
        while self.wait(connection.fileno()):
            received += (data := connection.recv(256))
            if not data:
                return
            while len(received) >= 6 and len(received) >= 6 + (length := int.from_bytes(received[4:6], "big")):
                whole, received = received[:6 + length], received[6 + length:]
                connection.sendall(self.exchange(whole[7:], lambda pdu: whole[:4] + struct.pack(">HB", 1 + len(pdu), whole[6]) + pdu))
