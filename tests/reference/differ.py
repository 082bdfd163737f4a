#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random scripts through `stiled simulate` and through the reference model; every line and the status compared.

    differ.py [--count N] [--seed S] [--jobs J] [--keep DIR] [--stiled PROGRAM]

Differences are sorted by what differs. The first of each kind is shrunk to a policy and a script from which nothing
can be taken away, and shown with its seed; --keep also writes it to DIR as files for `stiled simulate`.
"""
import argparse
import collections
import copy
import json
import multiprocessing
import os
import re
import resource
import subprocess
import sys
import tempfile

from generate import generate
from script import simulate

MEMBERS = ("at", "point", "verdict", "reason", "failed", "user", "credential", "rule", "warnings", "message",
           "retry_after_s", "pulse_ms")  # in the order in which they are printed
SEEDS_AT_ONCE = 25
LIMIT_S = 30  # for one script; only a fault gets there
HANGS = "hangs"

# status: of the exit, or HANGS; lines: each a list of (member, value); refused: None or (which file, number of the
# line, member)
Result = collections.namedtuple("Result", "status lines refused")


def as_lines(entries):
    return [json.dumps(entry) for entry in entries]


def of_model(policy, script):
    status, outputs, refused = simulate(as_lines(policy), as_lines(script))
    return Result(status, [[(member, out[member]) for member in MEMBERS if member in out] for out in outputs], refused)


def limit_cpu():
    """What hangs ends by itself, even if nobody is left to kill it."""
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_S, LIMIT_S))


class Program:
    """`stiled simulate` with a directory of its own."""

    def __init__(self, stiled):
        self.stiled = stiled
        self.directory = tempfile.TemporaryDirectory(prefix="stile-reference-")

    def write(self, name, entries):
        path = os.path.join(self.directory.name, name)
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in as_lines(entries))
        return path

    def run(self, policy, script):
        files = {"policy": self.write("policy", policy), "script": self.write("script", script)}
        try:
            done = subprocess.run([self.stiled, "simulate", "--policy", files["policy"], "--script", files["script"]],
                                  stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S, check=False,
                                  preexec_fn=limit_cpu)
        except subprocess.TimeoutExpired:
            return Result(HANGS, [], None)
        lines = [json.loads(line, object_pairs_hook=list) for line in done.stdout.splitlines()]
        refused = None
        if done.returncode == 2:
            said = done.stderr.decode()
            refused = next((self.refused(name, said[len(path):]) for name, path in files.items()
                            if said.startswith(path + ":")), said)
        return Result(done.returncode, lines, refused)

    @staticmethod
    def refused(name, said):
        """What ":12: item.windows[0].from: must be ..." names: the file, the line, the innermost member or nothing."""
        number, path = re.match(r":([0-9]+): (?:([a-z_.0-9\[\]]+): )?", said).groups("")
        return name, int(number), re.sub(r"\[[0-9]+\]", "", path).split(".")[-1]


def difference(program, policy, script):
    """None, or (kind of difference, program's result, model's result)."""
    theirs, ours = program.run(policy, script), of_model(policy, script)
    return None if theirs == ours else (kind_of(theirs, ours), theirs, ours)


def kind_of(theirs, ours):
    for said, wanted in zip(theirs.lines, ours.lines):
        if said != wanted:
            said, wanted = dict(said), dict(wanted)
            parts = [member for member in MEMBERS
                     if said.get(member) != wanted.get(member) and member not in ("failed", "warnings")]
            for member in ("failed", "warnings"):
                parts += ["+" + word for word in said[member] if word not in wanted[member]]
                parts += ["-" + word for word in wanted[member] if word not in said[member]]
            return " ".join(parts) or "order"
    if theirs.status == HANGS:
        return HANGS
    if theirs.refused != ours.refused:
        return "refused %s, not %s" % tuple(refused and (refused[0], refused[2])
                                            for refused in (theirs.refused, ours.refused))
    return "status or number of lines"


# Shrinking: whole lines first, then members and list entries, as long as anything differs in the same way.

def without(entries, fails):
    """The shortest list that still fails, taking away ever smaller pieces."""
    size = max(1, len(entries) // 2)
    while size:
        at = 0
        while at < len(entries):
            fewer = entries[:at] + entries[at + size:]
            if fails(fewer):
                entries = fewer
            else:
                at += size
        size //= 2
    return entries


def parts_of(value, path=()):
    """Paths to everything that may be taken out of a value, outermost first."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield path + (key,)
    for key in keys:
        yield from parts_of(value[key], path + (key,))


def taken_out(value, path):
    value = copy.deepcopy(value)
    inner = value
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return value


def trimmed(entries, fails):
    for at in range(len(entries)):
        done = False
        while not done:
            done = True
            for path in parts_of(entries[at]):
                smaller = entries[:at] + [taken_out(entries[at], path)] + entries[at + 1:]
                if fails(smaller):
                    entries, done = smaller, False
                    break
    return entries


def shrink(program, policy, script, kind):
    def differs(policy, script):
        found = difference(program, policy, script)
        return found is not None and found[0] == kind

    while True:
        size = len(json.dumps([policy, script]))
        script = without(script, lambda fewer: differs(policy, fewer))
        policy = without(policy, lambda fewer: differs(fewer, script))
        policy = trimmed(policy, lambda fewer: differs(fewer, script))
        script = trimmed(script, lambda fewer: differs(policy, fewer))
        if len(json.dumps([policy, script])) == size:
            return policy, script


# A run.

class Seen:
    """What occurred: reasons that decided, reasons in `failed`, warnings, files with a refused line."""

    def __init__(self):
        self.decided, self.failed, self.warned, self.refused = (collections.Counter() for _ in range(4))

    def add(self, result):
        for line in map(dict, result.lines):
            self.decided[line["reason"]] += 1
            self.failed.update(line["failed"])
            self.warned.update(line["warnings"])
        if result.refused:
            self.refused[result.refused[0]] += 1

    def update(self, other):
        for name, counter in vars(self).items():
            counter.update(getattr(other, name))


def run_seeds(job):
    stiled, seeds = job
    program, seen, found = Program(stiled), Seen(), []
    for seed in seeds:
        policy, script = generate(seed)
        theirs, ours = program.run(policy, script), of_model(policy, script)
        seen.add(ours)
        if theirs != ours:
            found.append((kind_of(theirs, ours), seed))
        if theirs.status == HANGS:
            break  # enough is known, and more would take long
    return seen, found


def run(stiled, first, count, jobs, enough=None):
    """Compares scripts of seeds from first on. Returns (what was seen, {kind of difference: seeds}). Stops early
    once `enough` differences were found."""
    seen, kinds = Seen(), {}
    batches = [(stiled, range(seed, min(seed + SEEDS_AT_ONCE, first + count)))
               for seed in range(first, first + count, SEEDS_AT_ONCE)]
    with multiprocessing.Pool(jobs) as pool:
        for batch_seen, found in pool.imap_unordered(run_seeds, batches):
            seen.update(batch_seen)
            for kind, seed in found:
                kinds.setdefault(kind, []).append(seed)
            if enough is not None and sum(map(len, kinds.values())) >= enough:
                break
    return seen, kinds


def show(stiled, kind, seeds, keep=None, out=sys.stdout):
    """Shrinks the first script of a kind of difference and tells it."""
    program = Program(stiled)
    policy, script = shrink(program, *generate(min(seeds)), kind)
    _, theirs, ours = difference(program, policy, script)
    print("\n== %s: %d scripts, seed %d" % (kind, len(seeds), min(seeds)), file=out)
    for title, entries in (("policy", policy), ("script", script)):
        print("-- " + title, *as_lines(entries), sep="\n", file=out)
        if keep:
            os.makedirs(keep, exist_ok=True)
            with open(os.path.join(keep, "%d.%s" % (min(seeds), title)), "w", encoding="utf-8") as file:
                file.writelines(line + "\n" for line in as_lines(entries))
    for title, result in (("stiled", theirs), ("model", ours)):
        print("-- %s: status %s, refused %s" % (title, result.status, result.refused), file=out)
        print(*(json.dumps(dict(line)) for line in result.lines), sep="\n", file=out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--keep", metavar="DIR")
    parser.add_argument("--stiled", default=os.path.join(os.environ.get("STILE_BUILD", "build"), "gateway", "stiled"))
    arguments = parser.parse_args()
    seen, kinds = run(arguments.stiled, arguments.seed, arguments.count, arguments.jobs)
    for name, counter in vars(seen).items():
        print("%s: %s" % (name, ", ".join("%s %d" % entry for entry in counter.most_common())))
    for kind, seeds in sorted(kinds.items(), key=lambda entry: -len(entry[1])):
        show(arguments.stiled, kind, seeds, arguments.keep)
    differing = sum(map(len, kinds.values()))
    print("%d scripts, %d differ in %d ways" % (arguments.count, differing, len(kinds)))
    return 1 if kinds else 0


if __name__ == "__main__":
    sys.exit(main())
