# SPDX-License-Identifier: GPL-3.0-or-later
"""policy.py SITE/GATEWAY GENERATION VERSION <ITEMS

Makes a whole policy of lines {"kind":…,"item":{…}}, in which every item is new: the files desired, snapshot and chunk, to be
published under these names. A policy beyond 60 KiB has several chunks, each with the hash of the next."""
import hashlib
import json
import sys
import time

aud, generation, version = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
items = [json.loads(line) for line in sys.stdin]


def digest(entry):
    text = "\0".join((entry["kind"], entry["item"]["id"], str(version)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "big")


def line(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False) + "\n"


claims = {"aud": aud, "iat": int(time.time()), "generation": generation, "version": version,
          "root": f"{sum(map(digest, items)) % 2**128:032x}"}
chunk = line({"generation": generation, "version": version, "i": 0, "next": None})
chunk += "".join(line({"kind": entry["kind"], "rev": version, "item": entry["item"]}) for entry in items)
first = hashlib.sha256(chunk.encode()).hexdigest()
for name, payload in (("desired", line(claims)), ("snapshot", line({**claims, "items": len(items), "chunks": 1, "first": first})),
                      ("chunk", chunk)):
    with open(name, "w", encoding="utf-8") as file:
        file.write(payload)
