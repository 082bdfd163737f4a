# SPDX-License-Identifier: GPL-3.0-or-later
"""proto/schema against what people read (proto/cloud.md) and against what programs do (our own parsers, by
the filter contract-parse): the same examples, and the same verdict on thousands of broken ones."""
import base64
import copy
import json
import pathlib
import re
import subprocess
import sys
import unittest

from contract import LINES, TOPICS, Schemas
from support import SOURCE

PARSE = sys.argv.pop()
SUMS_SIZE = 21846  # digits of base64url

# What a message has instead of an example: it would be too long to read.
LONG = {"digest": [{"generation": 1, "version": 43, "sums": "A" * SUMS_SIZE}]}

# Where a parser also compares members with each other: names that must be there, addresses that must differ.
STRICTER = {"profile"}

# Schemas that no parser of ours is for.
UNREAD = {"common", "event", "item", "jws", "report"}


def examples(schemas, name):
    return schemas.examples(name) or LONG.get(name, [])


class Documents(unittest.TestCase):
    """An example in a document may leave things out: "…" in a string stands for the rest of it, {…} for an object."""

    def setUp(self):
        self.schemas = Schemas()

    def objects(self, text):
        """(name of the schema, object) for each JSON object of a document; no name outside of the blocks with topics."""
        text = text.replace("{…}", '{"…":0}')
        names, end = [None], 0
        for match in re.finditer(r"^(?:(?:up|down)/(\w+)|the Will)(?= +\{)|\{\"|^```", text, re.MULTILINE):
            if match[0] == "```":
                names = [None]
            elif match[0] == "the Will":
                names = ["will"]
            elif match[1]:
                names = [match[1], LINES.get(match[1], match[1])]
            elif match.start() >= end:  # not within the last one
                value, length = json.JSONDecoder().raw_decode(text[match.start():])
                end = match.start() + length
                yield names[0], value
                names = names[-1:]

    def guess(self, value):
        """Of an object within a sentence."""
        return next((name for member, name in (("alg", "jws_header"), ("jwk", "item/key"), ("op", "op")) if member in value),
                    None)

    def fits(self, shown, full):
        if isinstance(shown, dict):
            return isinstance(full, dict) and ("…" in shown or (
                list(shown) == list(full) and all(self.fits(shown[member], full[member]) for member in shown)))
        if isinstance(shown, list):
            return isinstance(full, list) and len(shown) == len(full) and all(map(self.fits, shown, full))
        if isinstance(shown, str) and "…" in shown:
            return isinstance(full, str) and full.startswith(shown.split("…")[0])
        return type(shown) is type(full) and shown == full

    def known(self, name):
        if name == "op":
            return [op for delta in self.schemas.examples("delta") for op in delta["ops"]]
        return examples(self.schemas, name)

    def test_contract__has_the_examples_of_the_schemas(self):
        seen = set()
        for name, value in self.objects(pathlib.Path(SOURCE, "proto", "cloud.md").read_text(encoding="utf-8")):
            name = name or self.guess(value)
            if list(value) == ["seq"]:  # a line for the vector of hashes, no whole event
                continue
            self.assertIsNotNone(name, f"of what is this an example: {value}")
            self.assertTrue(any(self.fits(value, full) for full in self.known(name)),
                            f"this is no example of proto/schema/{name}.json: {json.dumps(value)}")
            seen.add(name)
        messages = set().union(*TOPICS.values()) - {"live"}
        self.assertLessEqual(messages | {"will", "event", "chunk_line", "op", "item/key", "jws_header"}, seen)

    def test_every_schema__has_an_example_that_it_takes(self):
        for name in self.schemas.schemas:
            if name not in ("common", "item", "jws"):
                self.assertTrue(examples(self.schemas, name), name)
            for example in examples(self.schemas, name):
                self.assertEqual(self.schemas.faults(name, example), [])

    def test_our_own_programs__could_send_every_example(self):
        own = Schemas(own=True)
        for name in own.schemas:
            for example in examples(own, name):
                self.assertEqual(own.faults(name, example), [])


    def test_example_site__is_of_items_that_the_schemas_know(self):
        own = Schemas(own=True)
        site = pathlib.Path(SOURCE, "config", "examples", "coworking", "site.jsonl")
        for line in site.read_text(encoding="utf-8").splitlines():
            self.assertEqual(own.item_faults({"rev": 1, **json.loads(line)}), [])


class Judge(unittest.TestCase):
    """What the integration tests judge by (contract.py) sees what is wrong."""

    def setUp(self):
        self.schemas = Schemas(own=True)

    def faults(self, topic, payload):
        return self.schemas.message_faults(topic, payload)

    def signed(self, name, typ, payload=None):
        header = {"alg": "EdDSA", "kid": "k", "typ": typ}
        payload = payload or self.schemas.examples(name)[0]
        parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, payload)]
        return b".".join([*parts, b"A" * 86])

    def test_signed__is_opened_and_judged(self):
        self.assertEqual(self.faults("down/command", self.signed("command", "stile-command+jwt")), [])
        self.assertEqual(self.faults("down/desired", self.signed("desired", "stile-desired+jws")), [])
        self.assertIn("typ is", self.faults("down/desired", self.signed("desired", "stile-delta+jws"))[0])
        self.assertIn("'exp' is a required property", self.faults("down/command", self.signed("command", "stile-command+jwt", {
            "aud": "hub/gw1"}))[1])

    def test_bare__only_where_the_broker_may_be_trusted(self):
        for name in ("desired", "delta", "snapshot", "ack"):
            self.assertEqual(self.faults(f"down/{name}", json.dumps(self.schemas.examples(name)[0]).encode()), [])
        for name in ("command", "time"):
            self.assertTrue(self.faults(f"down/{name}", json.dumps(self.schemas.examples(name)[0]).encode()))

    def test_lines__are_judged_one_by_one(self):
        head, event = (json.dumps(self.schemas.examples(name)[0]).encode() for name in ("events", "event"))
        self.assertEqual(self.faults("up/events", head + b"\n" + event + b"\n"), [])
        self.assertTrue(self.faults("up/events", head + b"\n" + event))
        self.assertTrue(self.faults("up/events", head + b"\n" + event.replace(b"granted", b"wanted") + b"\n"))
        chunk, item = (json.dumps(self.schemas.examples(name)[0]).encode() for name in ("chunk", "chunk_line"))
        self.assertEqual(self.faults("down/chunk", chunk + b"\n" + item + b"\n"), [])
        self.assertTrue(self.faults("down/chunk", chunk + b"\n" + item.replace(b"name", b"nmae") + b"\n"))

    def test_form__is_judged(self):
        self.assertTrue(self.faults("up/other", b"{}"))
        self.assertTrue(self.faults("up/report", b'{"doors":[],"alarms":[],"alarms":[],"occupancy":{}}'))
        self.assertTrue(self.faults("up/report", b'{"doors":[],"alarms":[],"occupancy":{"gym":1.0}}'))
        self.assertEqual(self.faults("up/report", b'{"doors":[],"alarms":[],"occupancy":{"gym":1}}'), [])
        self.assertTrue(self.faults("up/report", b'{"doors":[],"alarms":[],"occupancy":{}' + b" " * 61440 + b"}"))


# What a value is replaced by.
OTHERS = [None, True, False, "", "x", "…", "a b", "x" * 40, "x" * 300, 0, 1, -1, 501, 2**53 - 1, 2**53, 1.5, [], {}, [None], ["x"], {"x": 1}]


def changes(value):
    """What else could stand there: other values, and changes within it."""
    yield from OTHERS
    if isinstance(value, str):
        yield from (value + "0", value[:-1], value.upper(), " " + value, value[::-1], re.sub(r"\.\d+Z", "Z", value),
                    value.replace("-", ":", 1), value.replace("/gw1", "/*"), value.replace("/*", "/gw1"))
    elif isinstance(value, int):
        yield from (value + 1, value - 1, str(value), value * 1000)
    elif isinstance(value, list):
        yield from (value + [None], value + ["x y"], value[:-1])
        yield from inside(value, range(len(value)))
    elif isinstance(value, dict):
        yield {**value, "zz": 1}
        for member in value:
            yield {name: content for name, content in value.items() if name != member}
        yield from inside(value, value)


def inside(value, keys):
    for key in keys:
        for change in changes(value[key]):
            changed = copy.copy(value)
            changed[key] = change
            yield changed


def mutants(example):
    return (value for value in changes(example) if isinstance(value, dict))


def beyond_schemas(value):
    """What parsers ask for and JSON Schema cannot say: for whom a message is, that a change goes forward."""
    aud, start, end = (value.get(member) for member in ("aud", "from", "to"))
    if isinstance(aud, str) and re.fullmatch("[A-Za-z0-9]+/[A-Za-z0-9*]+", aud) and aud not in ("hub/gw1", "hub/*"):
        return True
    return isinstance(start, int) and isinstance(end, int) and start > end


def for_state(name, value):
    """One parser reads up/state, online or not."""
    return "will" if name == "state" and value.get("online") is False else name


class Parsers(unittest.TestCase):
    def verdicts(self, cases):
        lines = "".join(f"{name} {self.payload(name, value)}\n" for name, value in cases)
        done = subprocess.run([PARSE], input=lines, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout.splitlines()

    def payload(self, name, value):
        text = json.dumps(value)
        if name == "chunk":
            return text + "\x1f"
        if name == "events":
            count = value.get("count")
            return text + "\x1f" + "{}\x1f" * (count if isinstance(count, int) and 0 < count < 1000 else 1)
        return text

    def disagreements(self, schemas, names):
        cases = [(name, value) for name in names for example in examples(schemas, name) for value in mutants(example)
                 if not beyond_schemas(value)]
        verdicts = self.verdicts(cases)
        self.assertEqual(len(verdicts), len(cases))
        accepted = 0
        for (name, value), verdict in zip(cases, verdicts):
            accepted += verdict == "ok"
            if verdict != "ok" and name in STRICTER:
                continue
            if (verdict == "ok") != schemas.accepts(for_state(name, value), value):
                yield f"{name}: the parser says {verdict!r}, the schema {schemas.faults(name, value)}: {json.dumps(value)[:600]}"
        print(f"{len(cases)} messages, {accepted} of them good", file=sys.stderr)

    def test_schemas_and_parsers__agree(self):
        schemas = Schemas()
        found = list(self.disagreements(schemas, [name for name in schemas.schemas if name not in UNREAD]))
        self.assertEqual(found, [], "\n".join(found[:40]))


if __name__ == "__main__":
    unittest.main()
