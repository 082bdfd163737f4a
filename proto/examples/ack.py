# SPDX-License-Identifier: GPL-3.0-or-later
"""ack.py SITE/GATEWAY <PAYLOAD

Answers what a gateway said on up/state or up/events with the payload of down/ack. A state is answered as by a cloud that has
nothing of this log yet; a batch once its chain of hashes is verified. A real cloud stores the lines in between."""
import hashlib
import json
import sys
import time

head, *lines = sys.stdin.read().strip().splitlines()
head = json.loads(head)
if "events" in head:
    acked = {"epoch": head["events"]["epoch"], "seq": 0, "hash": "0" * 64}
else:
    value = bytes.fromhex(head["prev"])
    for line in lines:
        value = hashlib.blake2b(value + line.encode(), digest_size=32).digest()
    if len(lines) != head["count"] or value.hex() != head["hash"]:
        sys.exit("the chain of hashes is broken")
    acked = {"epoch": head["epoch"], "seq": head["first"] + head["count"] - 1, "hash": head["hash"]}
print(json.dumps({"aud": sys.argv[1], "iat": int(time.time()), **acked}))
