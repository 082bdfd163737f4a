# SPDX-License-Identifier: GPL-3.0-or-later
"""sim-pn532 under unmodified libnfc: Debian's own tools see its cards; stile-nfc, spoken to in JSON lines, tells each
presentation once, whatever the chip does."""
import json
import os
import re
import subprocess
import tempfile
import unittest

from simulators import NfcReader
from support import BUILD, LIMIT_S, JsonProgram, Program

DRIVER = os.path.join(BUILD, "hal", "nfc", "stile-nfc")

# A card of each length of number.
CARDS = {"classic": "0412AB34", "ntag": "04A1B2C3D4E5F6", "uid10": "04112233445566778899"}


class Reading(unittest.TestCase):
    def setUp(self):
        self.directory = self.enterContext(tempfile.TemporaryDirectory())
        self.reader = self.enterContext(NfcReader(self.directory))


class Debian(Reading):
    def setUp(self):
        super().setUp()
        self.environment = {**os.environ, "LIBNFC_DEFAULT_DEVICE": f"pn532_uart:{self.reader.port}"}

    def seen(self):
        """The numbers that nfc-list prints."""
        done = subprocess.run(["nfc-list"], env=self.environment, capture_output=True, text=True, timeout=LIMIT_S)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("opened", done.stdout)
        return {re.sub(r"\s", "", number).upper() for number in re.findall(r"UID \(NFCID.\): ([0-9a-f ]+)", done.stdout)}

    def test_nfc_list__sees_what_lies_there(self):
        self.assertEqual(self.seen(), set())
        for kind, number in CARDS.items():
            self.reader.ctl(f"lay {kind} {number}")
            self.assertEqual(self.seen(), {number})
            self.reader.ctl("take")
        self.assertEqual(self.seen(), set())

    def test_nfc_list__sees_two_cards_at_once(self):
        self.reader.ctl(f"lay ntag {CARDS['ntag']}")
        self.reader.ctl(f"lay classic {CARDS['classic']}")
        self.assertEqual(self.seen(), {CARDS["ntag"], CARDS["classic"]})

    def test_nfc_poll__sees_it_come_and_go(self):
        with Program("stdbuf", "-oL", "nfc-poll", env=self.environment) as poll:
            poll.output.until(lambda line: "will poll" in line)
            self.reader.ctl(f"lay ntag {CARDS['ntag']}")
            line = poll.output.until(lambda line: "UID" in line)
            self.assertEqual(re.sub(r"\s", "", line.split(":")[1]).upper(), CARDS["ntag"])
            poll.output.until(lambda line: "SAK" in line)
            self.reader.ctl("take")
            poll.output.until(lambda line: "done" in line)
            self.assertEqual(poll.wait(), 0)


class Driver(Reading):
    def setUp(self):
        super().setUp()
        self.heard = []
        self.driver = self.start()
        self.hear(ev="health", state="up")

    def start(self):
        driver = self.enterContext(JsonProgram(DRIVER))
        driver.say(do="configure", device={"id": "r", "driver": "nfc", "connection": f"pn532_uart:{self.reader.port}",
                                           "points": ["front.in"]})
        return driver

    def hear(self, **members):
        def wanted(text):
            self.heard.append(json.loads(text))
            return members.items() <= self.heard[-1].items()

        self.driver.output.until(wanted)
        return self.heard[-1]

    def lay(self, kind):
        self.reader.ctl(f"lay {kind} {CARDS[kind]}")
        self.assertEqual(self.hear(ev="presented")["credential"],
                         {"type": "card", "value": CARDS[kind], "assurance": "identifier"})

    def take(self):
        self.reader.ctl("take")
        self.hear(ev="removed", point="front.in")

    def count(self, ev):
        return len([line for line in self.heard if line["ev"] == ev])

    def works(self, kinds=("ntag",)):
        """These cards are told once each, though looked at many times."""
        presented, removed = self.count("presented"), self.count("removed")
        for kind in kinds:
            self.lay(kind)
            self.driver.say(do="ping", id=1)
            self.hear(ev="pong", id=1)
            self.take()
        self.assertEqual(self.count("presented"), presented + len(kinds))
        self.assertEqual(self.count("removed"), removed + len(kinds))

    def test_card__is_told_once_and_its_removal(self):
        self.works(CARDS)
        self.works(CARDS)

    def test_card__replaced_by_another__is_removed_first(self):
        self.lay("ntag")
        self.reader.ctl(f"take {CARDS['ntag']}")
        self.reader.ctl(f"lay classic {CARDS['classic']}")
        self.hear(ev="removed")
        self.assertEqual(self.hear(ev="presented")["credential"]["value"], CARDS["classic"])

    def test_shutdown__ends_well(self):
        self.driver.say(do="shutdown")
        self.assertEqual(self.driver.wait(), 0)

    def test_port_in_use__is_down_with_the_reason(self):
        other = self.start()
        other.hear(ev="health", state="down", reason="another program uses the port")

    def test_faults__pass_and_nothing_is_told_twice(self):
        for fault in ("silent 1", "garbage 1", "garbage 20", "silent 6"):
            with self.subTest(fault):
                self.reader.ctl(f"fault {fault}")
                self.reader.until("fault")
                self.works()

    def test_fault_late__is_not_the_next_ones_answer(self):
        self.reader.ctl("fault late 5 700")
        self.works()

    def test_port_gone__is_down_and_comes_back(self):
        self.reader.ctl("gone")
        self.hear(ev="health", state="down")
        self.driver.say(do="ping", id=7)
        self.hear(ev="pong", id=7)
        self.reader.ctl("back")
        self.hear(ev="health", state="up")
        self.works()

    def test_bad_ats__ends_this_process_only(self):
        self.reader.ctl("lay bad-ats 04010203")
        self.assertLess(self.driver.wait(), 0)
        self.reader.ctl("take")
        self.driver = self.start()
        self.hear(ev="health", state="up")
        self.works()


if __name__ == "__main__":
    unittest.main()
