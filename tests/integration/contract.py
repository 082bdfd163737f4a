# SPDX-License-Identifier: GPL-3.0-or-later
"""proto/schema (and the schemas in config) as a judge of messages, by Debian's python3-jsonschema.

Schemas() judges as the contract does: members that nobody knows are ignored. Schemas(own=True) judges what our own
programs send: nothing that the schemas do not name, and no word beyond those that they list in x-words. A WatchedBroker
so judges every message that they exchange over it.
"""
import base64
import json
import os
import pathlib
import subprocess

import jsonschema

from support import LIMIT_S, SOURCE, Mosquitto, Program

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
        files = {str(path.relative_to(FOLDER).with_suffix("")): path for path in sorted(FOLDER.rglob("*.json"))}
        files["gateway"] = pathlib.Path(SOURCE, "config", "gateway.schema.json")
        files["profile"] = pathlib.Path(SOURCE, "config", "profiles", "profile.schema.json")
        self.schemas = {name: json.loads(path.read_text(encoding="utf-8")) for name, path in files.items()}
        if own:
            self.schemas = {name: closed(schema) for name, schema in self.schemas.items()}
        store = {schema["$id"]: schema for schema in self.schemas.values()}
        self.validators = {
            name: jsonschema.Draft202012Validator(schema, resolver=jsonschema.RefResolver(schema["$id"], schema, store))
            for name, schema in self.schemas.items()}
        line = {**self.schemas["chunk_line"], "allOf": []}
        self.line = self.validators["chunk_line"].evolve(schema=line)

    def examples(self, name):
        return self.schemas[name].get("examples", [])

    def accepts(self, name, value):
        return self.validators[name].is_valid(value)

    def faults(self, name, value):
        """What is wrong with it, as texts."""
        return [f"{name}: {error.json_path}: {error.message[:300]}" for error in self.validators[name].iter_errors(value)]

    def item_faults(self, value):
        """As chunk_line's faults; but the kind picks the item's schema, since thousands of them come and item.json tries
        one condition after the other."""
        if self.line.is_valid(value) and (name := f"item/{value['kind']}") in self.schemas:
            return self.faults(name, value["item"])
        return self.faults("chunk_line", value)

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
            value = parse(line)
            faults += self.item_faults(value) if name == "chunk" else self.faults(LINES[name], value)
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


class WatchedBroker(Mosquitto):
    """A broker whose end fails the test if the programs have said anything over it that the contract does not know. What
    the test itself has published is not judged. It listens for the watcher on a socket of its own, so that whatever
    a test does to the listener of the programs does not keep the watcher away."""

    END = "watched/end"

    def __init__(self, directory, **more):
        self.watcher = None
        self.messages = []
        self.published = set()
        self.expected = []
        super().__init__(directory, **more)

    def socket(self):
        return os.path.join(self.directory, f"watcher-{self.port}.sock")

    def settings(self):
        return ["per_listener_settings true", f"listener 0 {self.socket()}", "allow_anonymous true", *super().settings()]

    def start(self):
        if not super().start():
            return False
        self.watcher = Program("mosquitto_sub", "-i", "watcher", "-V", "5", "--unix", self.socket(), "-q", "1",
                               "--retain-as-published", "-t", "stile/#", "-t", self.END, "-F", "%t %q %r %x")
        self.output.until(lambda text: "Sending SUBACK to watcher" in text)
        return True

    def publish(self, topic, payload, retain=False):
        self.published.add((topic, payload if isinstance(payload, bytes) else payload.encode()))
        super().publish(topic, payload, retain)

    def expect_fault(self, words):
        """The test makes a program say something that is wrong in this way."""
        self.expected.append(words)

    def kill(self):
        super().kill()
        if self.watcher:
            self.watcher.kill()
            self.take_messages()
            self.watcher = None

    def take_messages(self):
        """All up to the end, or to the end's mark. The last line may be cut off."""
        while (line := self.watcher.output.next()) and line.endswith("\n"):
            topic, qos, retain, payload = line.rstrip("\n").split(" ")
            if topic == self.END:
                return
            self.messages.append((topic, int(qos), retain == "1", bytes.fromhex(payload)))

    def __exit__(self, *_):
        self.finish()

    def finish(self):
        """Ends, and judges."""
        try:
            if self.process.poll() is None:
                subprocess.run(["mosquitto_pub", "--unix", self.socket(), "-q", "1", "-t", self.END, "-n"], check=True,
                               timeout=LIMIT_S)
                self.take_messages()
        finally:
            self.kill()
        self.judge()

    def judge(self):
        schemas = Schemas(own=True)
        faults = []
        for topic, qos, retain, payload in dict.fromkeys(self.messages):
            if (topic, payload) in self.published:
                continue
            name = topic.split("/", 4)[4]
            found = schemas.message_faults(name, payload)
            if qos != (0 if name == "up/live" else 1) or retain != (name.split("/")[1] in RETAINED):
                found.append(f"{name}: was sent with QoS {qos}, retain {retain}")
            found = [fault for fault in found if not any(words in fault for words in self.expected)]
            faults += [f"{fault}: {payload[:1000].decode(errors='replace')}" for fault in found]
        assert not faults, "what was said is not as in proto/schema:\n" + "\n".join(faults[:20])
