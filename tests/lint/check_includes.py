#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may look into whom (the README of each room says why). An include that is not allowed fails the build."""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1])

# Room (the longest path prefix wins) -> rooms and single headers that it may look into, besides itself.
PROTO = ['gateway/base', 'proto']
CORE = PROTO + ['gateway/core']
ROOMS = {
    'gateway/base': [],
    'proto': ['gateway/base'],
    'config': PROTO,
    'hal': PROTO,
    'hal/sim': PROTO + ['hal/driver.h'],
    'hal/nfc': PROTO + ['hal/driver.h'],
    'hal/ble': PROTO + ['hal/driver.h'],
    'hal/modbus': PROTO + ['hal/driver.h'],
    'gateway/core': PROTO,
    'gateway/store': CORE,
    'gateway/sync': CORE,
    'gateway/ctl': CORE,
    'gateway/link': PROTO,
    'gateway/simulate': CORE,
    'gateway': CORE + ['config', 'hal/hal.h', 'gateway/store', 'gateway/sync', 'gateway/ctl',
                      'gateway/simulate'],
    'tools/stilectl': PROTO,
    'tools/stile-cloud': PROTO + ['gateway/core/item.h', 'gateway/link/tls.h'],
    'tools/sim': PROTO,
}

# Library header -> where it may be named. A library has one room, and the programs of tools/ that are its other end.
LIBRARIES = {
    r'sqlite3\.h': ['gateway/store', 'tools/stile-cloud'],
    r'mosquitto\.h|mqtt_protocol\.h': ['gateway/link', 'tools/stile-cloud'],
    r'openssl/.*': ['gateway/link'],
    r'json-c/.*': ['proto', 'gateway/core', 'gateway/store', 'hal', 'hal/ble', 'hal/nfc', 'hal/modbus', 'hal/sim', 'config',
                   'gateway', 'gateway/simulate', 'gateway/sync', 'tools/stilectl', 'tools/stile-cloud', 'tools/sim'],
    r'bluetooth/.*': ['hal/ble', 'tools/sim'],
    r'nfc/.*': ['hal/nfc'],
    r'modbus/.*|modbus\.h': ['tools/sim'],
    r'sodium.*': ['proto', 'gateway/base', 'gateway/store', 'config', 'tools/stile-cloud'],
}

# Room -> standard headers that would make it impure.
IMPURE = {
    'proto': r'(fcntl|unistd|sys/socket|sys/file|poll|systemd/.*)\.h',
    'gateway/core': r'(fcntl|unistd|sys/socket|sys/file|poll|systemd/.*|pthread)\.h',
    'gateway/sync': r'(fcntl|unistd|sys/socket|sys/file|poll|systemd/.*|pthread)\.h',
}


def room_of(path):
    rooms = [room for room in ROOMS if path == room or path.startswith(room + '/')]
    return max(rooms, key=len) if rooms else None


def allowed(room, header):
    target = room_of(header)
    if target == room:
        return True
    return any(header == name if name.endswith('.h') else target == name for name in ROOMS[room])


def library_fault(room, header):
    for pattern, rooms in LIBRARIES.items():
        if re.fullmatch(pattern, header) and room not in rooms:
            return f'{header} belongs to {", ".join(rooms)}'
    if room in IMPURE and re.fullmatch(IMPURE[room], header):
        return f'{room} is pure and must not see {header}'
    return None


def faults(file):
    path = str(file.relative_to(ROOT))
    room = room_of(path)
    if room is None:
        yield f'{path}: lies in no room that tests/lint/check_includes.py knows'
        return
    for number, line in enumerate(file.read_text().splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
        if not match:
            continue
        header = match[2]
        if match[1] == '"' and not (ROOT / header).is_file():
            yield f'{path}:{number}: "{header}" is not a path from the root'
        elif match[1] == '"' and not allowed(room, header):
            yield f'{path}:{number}: {room} may not look into {header}'
        elif match[1] == '<' and (fault := library_fault(room, header)):
            yield f'{path}:{number}: {fault}'


def main():
    found = 0
    for top in ('gateway', 'proto', 'config', 'hal', 'tools'):
        for file in sorted((ROOT / top).rglob('*.[ch]')):
            for fault in faults(file):
                print(fault)
                found += 1
    return 1 if found else 0


sys.exit(main())
