#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""`stiled simulate` says what the reference model says: of items at their limits, and of 10,000 random scripts in
which every reason and every warning of the decision contract must occur.

The scripts are the same in every run; tests/reference/differ.py runs others, and as many as one likes.
"""
import os
import sys
import unittest

import differ
import limits
import model

STILED = os.path.join(os.environ["STILE_BUILD"], "gateway", "stiled")
COUNT = 10000
FIRST_SEED = 1
ENOUGH = 200  # differences, to see which kinds there are
SHOWN = 5

# The contract's table, and what decides a grant.
REASONS = """
    UNKNOWN_POINT STALE LOCKDOWN DOOR_BLOCKED LOCKED_OUT UNKNOWN_CREDENTIAL AMBIGUOUS_CREDENTIAL PIN_WRONG
    DIFFERENT_USERS CREDENTIAL_PENDING CREDENTIAL_BLOCKED CREDENTIAL_LOST CREDENTIAL_INVALID CREDENTIAL_NOT_STARTED
    CREDENTIAL_EXPIRED USED_UP ASSURANCE_TOO_LOW UNKNOWN_USER USER_PENDING USER_SUSPENDED USER_CANCELLED
    USER_NOT_STARTED USER_EXPIRED USER_BLOCKED MOBILE_NOT_ENABLED LINK_DISABLED LINK_STALE NO_RULE TYPE_NOT_ALLOWED
    OUTSIDE_SCHEDULE MIN_INTERVAL ANTI_PASSBACK AREA_FULL INTERLOCK FACTORS_NOT_ALLOWED SECOND_FACTOR_REQUIRED
    SECOND_PERSON_REQUIRED CLOCK_UNTRUSTED""".split()


class Differential(unittest.TestCase):
    maxDiff = None

    def test_items_at_their_limits(self):
        program = differ.Program(STILED)
        for policy, script in limits.at_the_limits():
            with self.subTest(policy=policy, script=script):
                self.assertEqual(program.run(policy, script), differ.of_model(policy, script))

    def test_random_scripts(self):
        seen, kinds = differ.run(STILED, FIRST_SEED, COUNT, len(os.sched_getaffinity(0)), ENOUGH)
        for kind, seeds in sorted(kinds.items(), key=lambda entry: -len(entry[1]))[:SHOWN]:
            differ.show(STILED, kind, seeds, out=sys.stderr)
        self.assertFalse(kinds, "stiled and the model differ")
        self.assertLessEqual({*REASONS, "RULE", "DOOR_UNLOCKED"}, seen.decided.keys(), "decided nothing")
        self.assertLessEqual({*REASONS}, seen.failed.keys(), "never failed")
        self.assertLessEqual({*model.WARNINGS}, seen.warned.keys(), "never warned of")
        self.assertEqual({"policy", "script"}, seen.refused.keys())


if __name__ == "__main__":
    unittest.main()
