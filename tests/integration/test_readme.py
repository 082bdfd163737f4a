#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What proto/README.md shows a cloud's developer is run as it stands there: each block of sh, and behind it what it prints, in
which "…" stands for anything. Whatever is said over the broker is judged by the schemas, too."""
import contextlib
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import unittest

from contract import WatchedBroker
from support import BUILD, LIMIT_S, SOURCE

MARK = "--- the next block ---"


def blocks(text):
    """(commands, what they print or None) in order."""
    fenced = re.findall(r"^```(sh)?\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    for i, (language, content) in enumerate(fenced):
        if language:
            follows = fenced[i + 1] if i + 1 < len(fenced) else ("sh", "")
            yield content, None if follows[0] else follows[1]


def fits(shown, said):
    """Line by line; a line that is only "…" stands for any number of lines."""
    pattern = ".*".join(map(re.escape, shown.replace("\n…\n", "\n\0").split("…"))).replace("\0", "(?s:.*)")
    return re.fullmatch(pattern, said)


class Readme(unittest.TestCase):
    def run_script(self, script):
        directory = self.enterContext(tempfile.TemporaryDirectory())
        broker = self.enterContext(WatchedBroker(directory))
        broker.expect_fault("down/desired: was sent with QoS 1, retain False")  # the example says that it should be
        environment = {"BUILD": BUILD, "PORT": str(broker.port), "TMPDIR": directory, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        output = self.enterContext(tempfile.TemporaryFile("w+"))
        shell = subprocess.Popen(["bash", "-euo", "pipefail", "-c", script], cwd=SOURCE, stdout=output, start_new_session=True,
                                 env={**os.environ, **environment})
        try:
            self.assertEqual(shell.wait(LIMIT_S), 0)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGTERM)
            output.seek(0)
            print(said := output.read())
        return said

    def test_worked_example__does_what_it_says(self):
        shown = list(blocks(pathlib.Path(SOURCE, "proto", "README.md").read_text(encoding="utf-8")))
        self.assertGreater(len(shown), 2)
        said = self.run_script(f"echo '{MARK}'\n".join(commands for commands, _ in shown)).split(MARK + "\n")
        self.assertEqual(len(said), len(shown))
        for (commands, expected), output in zip(shown, said):
            if expected is not None:
                self.assertTrue(fits(expected, output), f"{commands}\nprints\n{output}\nand not\n{expected}")


if __name__ == "__main__":
    unittest.main()
