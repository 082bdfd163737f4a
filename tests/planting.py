# SPDX-License-Identifier: GPL-3.0-or-later
"""Planting faults: a copy of the tree in which one place at a time is made wrong, to see whether the tests tell. What the
plant.py of each suite is built on.

Everything happens in a temporary directory with a build directory of its own; the tree itself is only read. A fault is
(what is then wrong, file, text, text instead); the text must be in its file exactly once, and one that no longer applies is
reported like one that was missed.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Copy:
    """Of the tree, with these targets built."""

    def __init__(self, *targets):
        self.targets = targets
        self.directory = tempfile.TemporaryDirectory(prefix="stile-plant-")
        self.tree = os.path.join(self.directory.name, "tree")
        self.build = os.path.join(self.directory.name, "build")
        listed = subprocess.run(["git", "-C", SOURCE, "ls-files", "-z"], capture_output=True, check=True, text=True)
        for name in filter(None, listed.stdout.split("\0")):
            os.makedirs(os.path.dirname(os.path.join(self.tree, name)), exist_ok=True)
            shutil.copy2(os.path.join(SOURCE, name), os.path.join(self.tree, name))
        subprocess.run(["meson", "setup", self.build, self.tree], stdout=subprocess.DEVNULL, check=True)
        if not self.make():
            sys.exit("the tree does not build as it is")

    def make(self):
        """Returns whether it builds."""
        return subprocess.run(["ninja", "-C", self.build, *self.targets], capture_output=True, check=False).returncode == 0

    def plant(self, file, text, instead):
        """Returns the file's path and what it was, or None: the text is not there exactly once."""
        path = os.path.join(self.tree, file)
        with open(path, encoding="utf-8") as opened:
            before = opened.read()
        if before.count(text) != 1:
            return None
        write(path, before.replace(text, instead))
        return path, before


def write(path, text):
    with open(path, "w", encoding="utf-8") as opened:
        opened.write(text)


def try_fault(copy, fault, caught_by):
    """Returns what to say of it, and whether it was caught."""
    planted = copy.plant(*fault[1:])
    if not planted:
        return "DOES NOT APPLY", False
    try:
        if not copy.make():
            return "DOES NOT BUILD", False
        by = caught_by()
        return ("caught by " + by, True) if by else ("MISSED", False)
    finally:
        write(*planted)


def report(copy, faults, caught_by):
    """Tries each and prints what came of it. caught_by() returns what told the fault that is planted, or None. Returns
    the exit status: 0 if all were caught."""
    caught = 0
    for fault in faults:
        start = time.monotonic()
        said, good = try_fault(copy, fault, caught_by)
        caught += good
        print("%-70s %s (%.1f s)" % (fault[0], said, time.monotonic() - start), flush=True)
    print("%d of %d faults caught" % (caught, len(faults)))
    return 0 if caught == len(faults) else 1
