#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a reader expects of every file: its licence, a heading, bounds on length, a test that is really run, a room with a README."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(sys.argv[1])
TOPS = ('gateway', 'proto', 'config', 'hal', 'systemd', 'tests', 'tools')
LICENCE = 'SPDX-License-Identifier: GPL-3.0-or-later'
FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 60
LINES_PER_CONDITION = 1000
# Bytes for fuzzers, and what Python leaves behind.
SKIPPED = {'corpus', '__pycache__'}
DATA = ('.csv', '.example', '.json', '.jsonl', '.md', '.txt')
TEST_FOLDERS = (('unit', 'test_*.c'), ('integration', 'test_*.py'), ('fuzz', 'fuzz_*.c'), ('bench', 'bench_*.c'),
                ('fault', '*.c'), ('fault', 'test_*.py'), ('contract', 'test_*.py'), ('vm', 'test_*.py'))
# What somebody meant to come back to, and where somebody's own machine shows.
LEFTOVERS = re.compile(r'\b(TODO|FIXME|XXX)\b|/(work|root|home)/|/tmp/bash')
TYPEDEF = re.compile(r'\btypedef\s+(struct|enum|union)\b[^(]*$')


def sources(*patterns):
    for top in TOPS:
        for pattern in patterns:
            yield from (file for file in sorted((ROOT / top).rglob(pattern)) if file.is_file() and not SKIPPED & set(file.parts))


def check_licence():
    for file in sources('*'):
        if file.suffix not in DATA and LICENCE not in '\n'.join(file.read_text().splitlines()[:3]):
            yield file, 'has no SPDX line'


def check_heading():
    for file in sources('*.[ch]'):
        lines = file.read_text().splitlines()
        if len(lines) < 2 or not lines[1].startswith('/* '):
            yield file, 'has no heading behind the SPDX line'


def check_file_length():
    for file in sources('*.[ch]'):
        if (count := len(file.read_text().splitlines())) >= FILE_LINES_MAX:
            yield file, f'has {count} lines, not less than {FILE_LINES_MAX}'


def functions(lines):
    """clang-format puts a function's braces, and nothing else of one line, into the first column."""
    start = None
    for number, line in enumerate(lines, 1):
        if line == '{':
            start = number
        elif line == '}' and start:
            yield start, number - start + 1
            start = None


def check_function_length():
    for file in sources('*.[ch]'):
        for start, count in functions(file.read_text().splitlines()):
            if count >= FUNCTION_LINES_MAX:
                yield f'{file}:{start}', f'a function of {count} lines, not less than {FUNCTION_LINES_MAX}'


def check_words():
    for file in sources('*'):
        if file.name == pathlib.Path(__file__).name:
            continue
        for number, line in enumerate(file.read_text(errors='replace').splitlines(), 1):
            if match := LEFTOVERS.search(line):
                yield f'{file}:{number}', f'"{match[0]}" has no place here'
            if file.suffix in ('.c', '.h') and TYPEDEF.search(line):
                yield f'{file}:{number}', 'structs, enums and unions go by their own names'


def check_conditions():
    """Optional parts are whole files that meson chooses."""
    lines = [line for file in sources('*.[ch]') for line in file.read_text().splitlines()]
    conditions = sum(bool(re.match(r'\s*#\s*if', line)) for line in lines)
    if conditions * LINES_PER_CONDITION > len(lines):
        yield ROOT, f'has {conditions} #if in {len(lines)} lines, more than one in {LINES_PER_CONDITION}'


def check_listed():
    """A test that meson does not know is not run."""
    for folder, pattern in TEST_FOLDERS:
        listed = (ROOT / 'tests' / folder / 'meson.build').read_text()
        for file in sorted((ROOT / 'tests' / folder).glob(pattern)):
            name = re.sub(r'^(test|fuzz|bench)_', '', file.stem)
            if f"'{name}'" not in listed and f"'{file.name}'" not in listed:
                yield file, f'is not listed in tests/{folder}/meson.build'


def check_exclusions():
    """What coverage leaves out says why."""
    for file in sources('*.[ch]'):
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if 'GCOVR_EXCL' in line and not re.search(r'/\* GCOVR_EXCL_(BR_)?LINE: \w.* \*/$', line):
                yield f'{file}:{number}', 'must be "/* GCOVR_EXCL_BR_LINE: reason */" at the end of its line'


def check_rooms():
    """README.md's map names the rooms; each file with code lies in one, and each room says what it is."""
    text = (ROOT / 'README.md').read_text()
    rooms = [ROOT / room for room in re.findall(r'^    ([a-z/-]+(?:/|\.c))  ', text, re.MULTILINE)]
    for room in rooms:
        if not room.is_file() and not (room / 'README.md').is_file():
            yield room, 'is a room of README.md and has no README.md'
    for file in sources('*.[ch]'):
        if not any(file.is_relative_to(room) for room in rooms):
            yield file, 'lies in no room of README.md'


def check_mentions():
    """A file that a document names by its path is there: from the root, or beside the document."""
    for file in [*ROOT.glob('*.md'), *(ROOT / 'docs').glob('*.md'), *sources('*.md')]:
        for number, line in enumerate(file.read_text().splitlines(), 1):
            for path in re.findall(r'`((?:[\w.-]+/)+[\w-]+\.(?:[ch]|py|md|jsonl?|in|build))`', line):
                if not (ROOT / path).is_file() and not (file.parent / path).is_file():
                    yield f'{file}:{number}', f'names {path}, which is not there'


def check_format():
    files = [str(file) for file in sources('*.[ch]')]
    run = subprocess.run(['clang-format', '--dry-run', '--Werror', *files], capture_output=True, text=True)
    for fault in re.findall(r'^(.+?:\d+):\d+: error', run.stderr, re.MULTILINE):
        yield fault, 'is not as clang-format has it'


CHECKS = (check_licence, check_heading, check_file_length, check_function_length, check_words, check_conditions, check_listed,
          check_exclusions, check_rooms, check_mentions, check_format)


def main():
    found = [f'{str(where).removeprefix(f"{ROOT}/")}: {what}' for check in CHECKS for where, what in check()]
    for fault in found:
        print(fault)
    return 1 if found else 0


sys.exit(main())
