# SPDX-License-Identifier: GPL-3.0-or-later
"""Bluetooth controllers that exist in the kernel's mind only, in a machine of machine.py.

BlueZ's btvirt makes them; whatever one of them sends, the others hear. The kernel above them is the real one. Python's own
Bluetooth sockets know no fixed channels (CID), so the addresses of L2CAP are made here.
"""
import ctypes
import errno
import fcntl
import os
import select
import socket
import struct
import subprocess
import sys

from support import LIMIT_S, Program

HCIDEVUP, HCIDEVDOWN, HCIGETDEVINFO = 0x400448C9, 0x400448CA, 0x800448D3
NETLINK_KOBJECT_UEVENT = 15
HCI_COMMAND = 1
LE_SET_ADVERTISING_PARAMETERS, LE_SET_ADVERTISING_DATA, LE_SET_ADVERTISE_ENABLE = 0x2006, 0x2008, 0x200A
ATT_CID = 4
LE_PUBLIC = 1
SOL_BLUETOOTH, BT_SECURITY, BT_SECURITY_LOW = 274, 4, 1

libc = ctypes.CDLL(None, use_errno=True)


def hci_socket():
    return socket.socket(socket.AF_BLUETOOTH, socket.SOCK_RAW, socket.BTPROTO_HCI)


class Adapter:
    """hci0, hci1, ... It has its address once it is up."""

    def __init__(self, number):
        self.number = number
        self.name = f'hci{number}'
        self.up()
        with hci_socket() as s:
            info = fcntl.ioctl(s, HCIGETDEVINFO, struct.pack('H', number).ljust(128, b'\0'))
        self.raw = info[10:16]
        self.address = ':'.join(f'{byte:02X}' for byte in reversed(self.raw))

    def up(self):
        with hci_socket() as s:
            try:
                fcntl.ioctl(s, HCIDEVUP, self.number)
            except OSError as error:
                if error.errno != errno.EALREADY:
                    raise

    def down(self):
        with hci_socket() as s:
            fcntl.ioctl(s, HCIDEVDOWN, self.number)


class Radio(Program):
    """So many adapters of btvirt, all of them up. Gone at the end of its `with`. One link each: more get mixed up."""

    def __init__(self, count, *argv):
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_KOBJECT_UEVENT) as events:
            events.bind((0, 1))
            events.settimeout(LIMIT_S)
            super().__init__(*(argv or ('btvirt', '-L', f'-l{count}')), stdin=subprocess.PIPE)
            waiting = {f'hci{number}' for number in range(count)}
            while waiting:
                path = events.recv(4096).split(b'\0')[0].decode()
                if path.startswith('add@') and '/bluetooth/' in path:
                    waiting.discard(os.path.basename(path))
        self.adapters = [Adapter(number) for number in range(count)]


class Air(Radio):
    """The same of air.py: they take their time, have many links, and can be out of reach."""

    def __init__(self, count):
        super().__init__(count, sys.executable, os.path.join(os.path.dirname(__file__), 'air.py'), count)

    def move(self, adapter, where):
        """where: "away", "back"."""
        self.process.stdin.write(f'{where} {adapter.number}\n')
        self.process.stdin.flush()


def virtual(count):
    """Those of btvirt where the kernel knows virtual controllers: not on every architecture."""
    return Radio(count) if os.path.exists('/dev/vhci') else Air(count)


def advertise(adapter):
    """Connectable, at the shortest interval there is, until somebody connects."""
    with hci_socket() as s:
        s.bind((adapter.number,))
        for command, parameters in ((LE_SET_ADVERTISING_PARAMETERS, struct.pack('<HHBBB6sBB', 0x20, 0x20, 0, 0, 0, bytes(6), 7, 0)),
                                    (LE_SET_ADVERTISING_DATA, bytes([3, 2, 1, 6]).ljust(32, b'\0')),
                                    (LE_SET_ADVERTISE_ENABLE, b'\1')):
            s.send(struct.pack('<BHB', HCI_COMMAND, command, len(parameters)) + parameters)


def att_address(raw):
    """struct sockaddr_l2"""
    return struct.pack('<HH6sHBx', socket.AF_BLUETOOTH, 0, raw, ATT_CID, LE_PUBLIC)


def att_socket(adapter):
    """An L2CAP socket on the fixed channel of ATT, on this adapter, that does not block."""
    s = socket.socket(socket.AF_BLUETOOTH, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK, socket.BTPROTO_L2CAP)
    s.setsockopt(SOL_BLUETOOTH, BT_SECURITY, struct.pack('BB', BT_SECURITY_LOW, 0))
    address = att_address(adapter.raw)
    assert libc.bind(s.fileno(), address, len(address)) == 0, os.strerror(ctypes.get_errno())
    return s


def wait_for(s, what):
    poll = select.poll()
    poll.register(s, what)
    assert poll.poll(LIMIT_S * 1000), 'nothing happened in time'


def att_connect(adapter, peer):
    """A connection to the peer's ATT channel, as bare as it gets."""
    s = att_socket(adapter)
    address = att_address(peer.raw)
    if libc.connect(s.fileno(), address, len(address)) != 0:
        assert ctypes.get_errno() == errno.EINPROGRESS, os.strerror(ctypes.get_errno())
    wait_for(s, select.POLLOUT)
    failure = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    assert not failure, os.strerror(failure)
    return s


def att_listen(adapter):
    s = att_socket(adapter)
    s.listen()
    return s


def att_accept(listener):
    """The next connection. Not by python's accept(), which knows no such address."""
    wait_for(listener, select.POLLIN)
    fd = libc.accept(listener.fileno(), None, None)
    assert fd >= 0, os.strerror(ctypes.get_errno())
    return socket.socket(fileno=fd)
