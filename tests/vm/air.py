#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual Bluetooth LE controllers with the time that a radio takes.

    air.py COUNT     runs until its standard input ends

btvirt's know one link each and pass everything on at once. These have links to many at a time, hear an advertisement when its
interval is over, and pass data on at a connection's events alone. The kernel takes them for serial ones, which it knows on every
architecture. Lines on standard input move them: `away 3` takes the third out of
range, so that its links time out; `back 3` ends that. What they are told by the kernel is in the Core Specification 4.2, volume 2, part E.
"""
import fcntl
import heapq
import itertools
import os
import pty
import select
import struct
import sys
import termios
import time
import tty

N_HCI, HCIUARTSETPROTO, HCI_UART_H4 = 15, 0x400455C8, 0
COMMAND, DATA, EVENT = 1, 2, 4
# Of a packet's header: its length, and where and how it says the length of the rest.
HEADERS = {COMMAND: (4, 3, '<B'), DATA: (5, 3, '<H')}
DISCONNECTED, COMMAND_COMPLETE, COMMAND_STATUS, PACKETS_COMPLETED, LE_META = 0x05, 0x0E, 0x0F, 0x13, 0x3E
LE_CONNECTED, LE_REPORT, LE_UPDATED, LE_FEATURES = 1, 2, 3, 4
OK, UNKNOWN_COMMAND, UNKNOWN_LINK, TIMED_OUT, ENDED_BY_PEER, ENDED_HERE, NO_SUCH_STATE = 0, 1, 2, 8, 0x13, 0x16, 0x0C
CENTRAL, PERIPHERAL = 0, 1
PACKET_BYTES, PACKETS = 251, 8
RSSI = 256 - 55


class Link:
    """Data waits for its next event."""

    def __init__(self, handle, central, peripheral, interval_s, timeout_s):
        self.handle = handle
        self.ends = (central, peripheral)
        self.interval_s = interval_s
        self.timeout_s = timeout_s
        self.start_s = time.monotonic()

    def other(self, end):
        return self.ends[1 - self.ends.index(end)]

    def next_event_s(self):
        passed = time.monotonic() - self.start_s
        return self.start_s + (passed // self.interval_s + 1) * self.interval_s


class Controller:
    """What the kernel sees of one: commands in, events out."""

    def __init__(self, air, number):
        self.air = air
        self.address = bytes([number, 0, 0, 0xAB, 0xAA, 0x00])
        self.here = True
        self.links = {}
        self.heard = b''
        self.reset()
        self.fd, self.line = pty.openpty()
        tty.setraw(self.line)
        fcntl.ioctl(self.line, termios.TIOCSETD, struct.pack('i', N_HCI))
        fcntl.ioctl(self.line, HCIUARTSETPROTO, HCI_UART_H4)

    def reset(self):
        self.random = bytes(6)
        self.parameters = struct.pack('<HHBBB6sBB', 0x800, 0x800, 0, 0, 0, bytes(6), 7, 0)
        self.data = self.response = b''
        self.advertising = 0  # counts up: a timer of the time before is void
        self.scanning = self.scan_active = False
        self.initiating = None
        self.accepted = set()

    # --- to the kernel ---

    def tell(self, event, parameters):
        os.write(self.fd, bytes([EVENT, event, len(parameters)]) + parameters)

    def tell_le(self, event, form, *values):
        self.tell(LE_META, bytes([event]) + struct.pack(form, *values))

    def complete(self, opcode, *parameters):
        self.tell(COMMAND_COMPLETE, struct.pack('<BH', 1, opcode) + b''.join(parameters))

    def status(self, opcode, status=OK):
        self.tell(COMMAND_STATUS, struct.pack('<BBH', status, 1, opcode))

    def report(self, kind, peer, data):
        self.tell_le(LE_REPORT, f'<BBB6sB{len(data)}sB', 1, kind, *peer, len(data), data, RSSI)

    def end(self, link, reason):
        del self.links[link.handle]
        self.tell(DISCONNECTED, struct.pack('<BHB', OK, link.handle, reason))

    # --- from the kernel ---

    def hear(self):
        self.heard += os.read(self.fd, 4096)
        while packet := self.next_packet():
            if packet[0] == COMMAND:
                self.obey(struct.unpack_from('<H', packet, 1)[0], packet[4:])
            else:
                flags = struct.unpack_from('<H', packet, 1)[0]
                self.send(flags & 0xFFF, flags >> 12 & 1, packet[5:])

    def next_packet(self):
        """Once it is whole."""
        if not self.heard:
            return None
        header, at, form = HEADERS[self.heard[0]]
        if len(self.heard) < header:
            return None
        end = header + struct.unpack_from(form, self.heard, at)[0]
        if len(self.heard) < end:
            return None
        packet, self.heard = self.heard[:end], self.heard[end:]
        return packet

    def obey(self, opcode, parameters):
        if opcode in ANSWERS:
            self.complete(opcode, b'\0', ANSWERS[opcode])
        elif opcode in OBEYED:
            OBEYED[opcode](self, opcode, parameters)
        else:
            self.complete(opcode, bytes([UNKNOWN_COMMAND]))

    def send(self, handle, part, data):
        """In the other's ears a first part has another mark than in our mouth."""
        link = self.links.get(handle)
        if link:
            mark = 1 if part else 2
            packet = struct.pack('<BHH', DATA, handle | mark << 12, len(data)) + data
            self.air.at(link.next_event_s(), lambda: self.sent(link, packet))

    def sent(self, link, packet):
        """The peer has it, unless one of the two is away."""
        if self.links.get(link.handle) is link and all(end.here for end in link.ends):
            os.write(link.other(self).fd, packet)
            self.tell(PACKETS_COMPLETED, struct.pack('<BHH', 1, link.handle, 1))

    def obey_reset(self, opcode, _):
        for link in list(self.links.values()):
            self.air.lose(link)
        self.links.clear()
        self.reset()
        self.complete(opcode, b'\0')

    def obey_address(self, opcode, _):
        self.complete(opcode, b'\0', self.address)

    def obey_random(self, opcode, parameters):
        self.random = parameters
        self.complete(opcode, b'\0')

    def obey_advertising_parameters(self, opcode, parameters):
        self.parameters = parameters
        self.complete(opcode, b'\0')

    def obey_data(self, opcode, parameters):
        self.data = parameters[1:1 + parameters[0]]
        self.complete(opcode, b'\0')

    def obey_response(self, opcode, parameters):
        self.response = parameters[1:1 + parameters[0]]
        self.complete(opcode, b'\0')

    def obey_advertise(self, opcode, parameters):
        self.air.advertisers += 1
        self.advertising = self.air.advertisers if parameters[0] else 0
        self.complete(opcode, b'\0')
        self.advertise(self.advertising)

    def obey_scan_parameters(self, opcode, parameters):
        self.scan_active = parameters[0] == 1
        self.complete(opcode, b'\0')

    def obey_scan(self, opcode, parameters):
        self.scanning = parameters[0] == 1
        self.complete(opcode, b'\0')

    def obey_accept_none(self, opcode, _):
        self.accepted.clear()
        self.complete(opcode, b'\0')

    def obey_accept(self, opcode, parameters):
        self.accepted.add((parameters[0], parameters[1:7]))
        self.complete(opcode, b'\0')

    def obey_accept_no_more(self, opcode, parameters):
        self.accepted.discard((parameters[0], parameters[1:7]))
        self.complete(opcode, b'\0')

    def obey_connect(self, opcode, parameters):
        self.status(opcode, NO_SUCH_STATE if self.initiating else OK)
        self.initiating = self.initiating or parameters

    def obey_connect_no_more(self, opcode, _):
        self.complete(opcode, bytes([OK if self.initiating else NO_SUCH_STATE]))
        if self.initiating:
            self.initiating = None
            self.tell_le(LE_CONNECTED, '<BHBB6sHHHB', UNKNOWN_LINK, 0, CENTRAL, 0, bytes(6), 0, 0, 0, 0)

    def obey_disconnect(self, opcode, parameters):
        link = self.links.get(struct.unpack_from('<H', parameters)[0])
        self.status(opcode, OK if link else UNKNOWN_LINK)
        if link:
            self.end(link, ENDED_HERE)
            self.air.at(link.next_event_s(), lambda: self.air.end(link, link.other(self)))

    def obey_update(self, opcode, parameters):
        handle, _, interval, latency, timeout = struct.unpack_from('<HHHHH', parameters)
        link = self.links.get(handle)
        self.status(opcode, OK if link else UNKNOWN_LINK)
        if link:
            link.interval_s, link.timeout_s = interval * 0.00125, timeout * 0.01
            for end in link.ends:
                end.tell_le(LE_UPDATED, '<BHHHH', OK, handle, interval, latency, timeout)

    def obey_features(self, opcode, parameters):
        self.status(opcode)
        self.tell_le(LE_FEATURES, '<BH8s', OK, struct.unpack_from('<H', parameters)[0], bytes(8))

    def obey_version(self, opcode, parameters):
        self.status(opcode)
        self.tell(0x0C, b'\0' + parameters[:2] + struct.pack('<BHH', 8, 0xFFFF, 0))

    # --- in the air ---

    def name(self):
        """As which it advertises: kind of address, address."""
        own = self.parameters[5]
        return own & 1, self.random if own & 1 else self.address

    def advertise(self, serial):
        """Once for each interval. A scanner asks for the response, an initiator connects."""
        if not serial or serial != self.advertising:
            return
        self.air.at(time.monotonic() + struct.unpack_from('<H', self.parameters)[0] * 0.000625, lambda: self.advertise(serial))
        if not self.here:
            return
        for other in self.air.controllers:
            if other is self or not other.here:
                continue
            if other.scanning:
                other.report(self.parameters[4], self.name(), self.data)
                if other.scan_active:
                    other.report(4, self.name(), self.response)
            if self.advertising and other.wants(self.name()):
                self.air.connect(other, self)

    def wants(self, peer):
        if not self.initiating:
            return False
        return peer in self.accepted if self.initiating[4] else peer == (self.initiating[5], self.initiating[6:12])


class Air:
    """All of them, and the time."""

    def __init__(self, count):
        self.timers = []
        self.order = itertools.count()
        self.handles = itertools.cycle(range(1, 0xE00))
        self.advertisers = 0
        self.controllers = []
        for number in range(count):
            self.controllers.append(Controller(self, number))

    def at(self, when_s, what):
        heapq.heappush(self.timers, (when_s, next(self.order), what))

    def connect(self, central, peripheral):
        interval, latency, timeout = struct.unpack_from('<HHH', central.initiating, 15)
        link = Link(next(self.handles), central, peripheral, interval * 0.00125, timeout * 0.01)
        name = 0, central.address
        for end, role, peer in ((peripheral, PERIPHERAL, name), (central, CENTRAL, peripheral.name())):
            end.links[link.handle] = link
            end.tell_le(LE_CONNECTED, '<BHBB6sHHHB', OK, link.handle, role, *peer, interval, latency, timeout, 0)
        central.initiating = None
        peripheral.advertising = 0

    def end(self, link, end, reason=ENDED_BY_PEER):
        if end.links.get(link.handle) is link:
            end.end(link, reason)

    def lose(self, link):
        """Both notice when nothing was heard for so long."""
        for end in link.ends:
            self.at(time.monotonic() + link.timeout_s, lambda end=end: self.end(link, end, TIMED_OUT))

    def move(self, where, number):
        controller = self.controllers[number]
        controller.here = where == 'back'
        if not controller.here:
            for link in controller.links.values():
                self.lose(link)

    def run(self):
        by_fd = {controller.fd: controller for controller in self.controllers}
        while True:
            wait_s = max(0, self.timers[0][0] - time.monotonic()) if self.timers else None
            for fd in select.select([*by_fd, sys.stdin], [], [], wait_s)[0]:
                if fd in by_fd:
                    by_fd[fd].hear()
                    continue
                line = sys.stdin.readline()
                if not line:
                    return
                where, number = line.split()
                self.move(where, int(number))
            while self.timers and self.timers[0][0] <= time.monotonic():
                heapq.heappop(self.timers)[2]()


# Those that nothing follows from. Version 4.2; LE and nothing else; it has the commands that are here.
ANSWERS = {
    0x0C01: b'', 0x2001: b'',
    0x1001: struct.pack('<BHBHH', 8, 0, 8, 0xFFFF, 0),
    0x1003: bytes([0, 0, 0, 0, 0x60, 0, 0, 0]),
    0x1002: bytes(25) + b'\xBF\xFF' + bytes(37),
    0x2002: struct.pack('<HB', PACKET_BYTES, PACKETS),
    0x2003: bytes(8),
    0x2007: b'\0',
    0x200F: b'\x20',
    0x201C: b'\xFF\xFF\xFF\xFF\xFF\x03\0\0',
}
OBEYED = {
    0x0406: Controller.obey_disconnect, 0x041D: Controller.obey_version, 0x0C03: Controller.obey_reset,
    0x1009: Controller.obey_address, 0x2005: Controller.obey_random, 0x2006: Controller.obey_advertising_parameters,
    0x2008: Controller.obey_data, 0x2009: Controller.obey_response, 0x200A: Controller.obey_advertise,
    0x200B: Controller.obey_scan_parameters, 0x200C: Controller.obey_scan, 0x200D: Controller.obey_connect,
    0x200E: Controller.obey_connect_no_more, 0x2010: Controller.obey_accept_none, 0x2011: Controller.obey_accept,
    0x2012: Controller.obey_accept_no_more, 0x2013: Controller.obey_update, 0x2016: Controller.obey_features,
}

Air(int(sys.argv[1])).run()
