# SPDX-License-Identifier: GPL-3.0-or-later
"""proto/schema as a judge of messages, by Debian's python3-jsonschema.

A Schemas judges as the contract does: members that nobody knows are ignored. Schemas(own=True) judges what our own
programs send: nothing that the schemas do not name, and no word beyond those that they list in x-words.
"""
import base64
import json
import os
import pathlib
import re

import jsonschema

from support import SOURCE, Mosquitto

FOLDER = pathlib.Path(SOURCE, "proto", "schema")
PAYLOAD_MAX = 61440
HEADER_MAX = 512

# Last names of topics; and what may come bare where the broker is trusted.
LINES = {"events": "event", "chunk": "chunk_line"}
SIGNED = {"desired": "jws", "delta": "jws", "snapshot": "jws", "ack": "jws", "time": "jws", "command": "jwt"}
BARE = {"desired", "delta", "snapshot", "ack"}
TOPICS = {"up": {"state", "report", "events", "live", "request", "result"},
          "down": {"desired", "delta", "snapshot", "chunk", "digest", "ack", "command", "time"}}
RETAINED = {"state", "report", "desired"}

# Keywords below which a schema adds to another one, whose members it does not repeat.
CONDITIONS = {"allOf", "if", "then", "else", "not"}


def closed(schema):
    """The schema without what is open in it: unless it says additionalProperties, it knows all members."""
    if isinstance(schema, list):
        return [closed(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: value if key in CONDITIONS or key in ("examples", "enum", "const") else closed(value)
              for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict):
        result.setdefault("additionalProperties", False)
    if "x-words" in schema:
        result["enum"] = schema["x-words"]
    return result


class Schemas:
    def __init__(self, own=False):
        self.schemas = {}
        for path in sorted(FOLDER.rglob("*.json")):
            schema = json.loads(path.read_text(encoding="utf-8"))
            self.schemas[str(path.relative_to(FOLDER).with_suffix(""))] = closed(schema) if own else schema
        store = {schema["$id"]: schema for schema in self.schemas.values()}
        self.validators = {
            name: jsonschema.Draft202012Validator(schema, resolver=jsonschema.RefResolver(schema["$id"], schema, store))
            for name, schema in self.schemas.items()}

    def examples(self, name):
        return self.schemas[name].get("examples", [])

    def accepts(self, name, value):
        return self.validators[name].is_valid(value)

    def faults(self, name, value):
        """What is wrong with it, as texts."""
        return [f"{name}: {error.json_path}: {error.message[:300]}" for error in self.validators[name].iter_errors(value)]

    def message_faults(self, topic, payload):
        """topic: below the prefix, "up/state". payload: bytes."""
        way, _, name = topic.partition("/")
        if name not in TOPICS.get(way, ()):
            return [f"{topic}: is no topic"]
        if len(payload) > PAYLOAD_MAX:
            return [f"{topic}: is longer than {PAYLOAD_MAX} bytes"]
        try:
            return self.payload_faults(name, payload)
        except ValueError as error:
            return [f"{topic}: {error}"]

    def payload_faults(self, name, payload):
        if name in LINES:
            return self.lines_faults(name, payload)
        if name == "live":
            return self.faults("event", parse(payload))
        if name in SIGNED and not (name in BARE and payload.startswith(b"{")):
            return self.signed_faults(name, payload)
        value = parse(payload)
        return self.faults("will" if name == "state" and value.get("online") is False else name, value)

    def lines_faults(self, name, payload):
        if not payload.endswith(b"\n"):
            raise ValueError("the last line has no end")
        head, *lines = payload[:-1].split(b"\n")
        faults = self.faults(name, parse(head))
        for line in lines:
            faults += self.faults(LINES[name], parse(line))
        return faults

    def signed_faults(self, name, payload):
        parts = payload.decode().split(".")
        if len(parts) != 3:
            raise ValueError("is neither bare nor JWS compact")
        header, content = unpack(parts[0]), unpack(parts[1])
        if len(header) > HEADER_MAX:
            raise ValueError("has a long header")
        header = parse(header)
        faults = self.faults("jws", payload.decode()) + self.faults("jws_header", header)
        if header.get("typ") != f"stile-{name}+{SIGNED[name]}":
            faults.append(f"{name}: typ is {header.get('typ')}")
        return faults + self.faults(name, parse(content))


def unpack(text):
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != text:
        raise ValueError("is not base64url without padding")
    return data


def parse(payload):
    """One JSON object, in which nothing is said twice and no integer has a fraction."""
    def once(pairs):
        value = dict(pairs)
        if len(value) < len(pairs):
            raise ValueError("has a repeated member")
        return value

    def refuse(text):
        raise ValueError(f"{text} is no integer")

    value = json.loads(payload, object_pairs_hook=once, parse_float=refuse, parse_constant=refuse)
    if not isinstance(value, dict):
        raise ValueError("is not an object")
    return value
