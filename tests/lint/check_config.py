#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""config/README.md and gateway.json(5) list the members of gateway.json that config.c's rows have, with their bounds and presets."""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1])
CONFIG = ROOT / 'config'
SECTION = re.compile(r'static const struct json_row (\w+)_rows\[\] = \{(.*?)\n\};', re.DOTALL)
ROW = re.compile(r'JSON_ROW_(\w+)\(struct draft, \w[\w.]*, "(\w+)"([^)]*)\)')


def rows():
    """(member, numbers of its row: least, greatest, preset; or none)"""
    for section, body in SECTION.findall((CONFIG / 'config.c').read_text()):
        prefix = '' if section == 'top' else f'{section}.'
        for kind, member, rest in ROW.findall(body):
            numbers = [word.strip() for word in rest.split(',')[1:]] if kind == 'INT' else []
            yield prefix + member, numbers


def table():
    """README.md's rows: member to (preset, bounds)"""
    lines = re.findall(r'^\| `([\w.]+)` \| (.*?) \| (.*?) \|$', (CONFIG / 'README.md').read_text(), re.MULTILINE)
    return {member: (preset, bounds) for member, preset, bounds in lines}


def manual():
    text = (CONFIG / 'gateway.json.5').read_text().split('.SH MEMBERS')[1].split('.SH EXAMPLES')[0]
    tags = re.findall(r'^\.TP\n\.BR? (.*)$', text, re.MULTILINE)
    return [word for tag in tags for word in re.split(r' ", " ', tag)]


def faults():
    members = dict(rows())
    if len(members) < 2:
        yield 'config.c: its rows are not found'
    for name, listed in (('README.md', list(table())), ('gateway.json.5', manual())):
        for member in members.keys() - set(listed):
            yield f'{name}: has no {member}'
        for member in set(listed) - members.keys():
            yield f'{name}: has {member}, which config.c does not know'
    for member, numbers in members.items():
        preset, bounds = table().get(member, ('', ''))
        if numbers and (not bounds.startswith(f'{numbers[0]}-{numbers[1]}') or preset != numbers[2]):
            yield f'README.md: {member} is {numbers[0]} to {numbers[1]}, preset {numbers[2]}'


found = list(faults())
for fault in found:
    print(fault)
sys.exit(1 if found else 0)
