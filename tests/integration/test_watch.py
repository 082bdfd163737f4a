# SPDX-License-Identifier: GPL-3.0-or-later
"""`stilectl watch`: what a person sees on a terminal of 80 by 24, and what a program reads from a pipe."""
import json
import os
import re
import signal
import subprocess
import termios
import unittest

from gateway import ADA, CLEO, SITE, STILECTL, SystemTest
from support import LIMIT_S, Program
from terminal import Terminal


class Watching(SystemTest):
    def setUp(self):
        super().setUp()
        self.start()

    def watch(self, **size):
        terminal = self.enterContext(Terminal(STILECTL, "--socket", self.gateway.socket, "watch", **size))
        terminal.shows(r"^\d\d:\d\d:\d\d  hub/gw1  2 doors  2 of 2 devic")
        return terminal

    def below(self, lines, head):
        """The lines from behind a head to the next one."""
        start = next(number for number, line in enumerate(lines) if line.startswith(head)) + 1
        rest = [number for number, line in enumerate(lines) if number >= start and re.match("DEVICES|HAPPENED", line)]
        return lines[start:min(rest, default=len(lines))]


class Screen(Watching):
    def test_screen__shows_doors_devices_and_taps_in_words(self):
        terminal = self.watch()
        self.tap("gym.reader", CLEO, kind="denied")
        terminal.shows(r"^\d\d:\d\d:\d\d gym.in +cleo +denied: The person's membership has ended")
        lines = terminal.lines
        self.assertEqual([line.split()[0] for line in self.below(lines, "DOORS")], ["front", "gym"])
        self.assertRegex(self.below(lines, "DOORS")[0], r"^front +unknown +controlled +as always$")
        self.assertRegex(self.below(lines, "DEVICES")[1], r"^gym +up +\d+ s$")
        self.tap("front.reader", ADA, kind="granted")
        newest = terminal.until(lambda lines: "granted" in lines[8] and lines)
        self.assertRegex(newest[8], r"front.in +ada +granted by rule members$")
        self.assertRegex(newest[9], "gym.in +cleo +denied")

    def test_screen__follows_doors_alarms_and_orders(self):
        terminal = self.watch()
        self.gateway.happen("front", "input target front contact on")
        terminal.shows(r"^front +open +controlled")
        self.gateway.happen("front", "input target front tamper on")
        terminal.shows(r"^front +open +controlled +tamper; as always$")
        terminal.shows(r"^\d.* 2 devices up +1 alarm$|^\d.* 2 devices up +2 alarms$")
        self.gateway.ask("door", "gym", "unlock", "--for", "2h", "--reason", "party")
        terminal.shows(r"^gym +unknown +unlocked +ordered by root until \d\d:\d\d:\d\d: party$|^gym.* until 20")
        os.kill(self.gateway.driver("gym"), signal.SIGSTOP)
        terminal.shows(r"^gym +down +\d+ s +does not answer$")
        terminal.shows(r"^gym +unknown +unlocked +device down; ordered by root")
        terminal.shows(r"^gym +up +\d+ s$")

    def test_screen__sends_only_lines_that_changed(self):
        terminal = self.watch()
        self.tap("gym.reader", CLEO, kind="denied")
        terminal.shows("gym.in +cleo +denied")
        first = terminal.lines[0]
        terminal.until(lambda lines: lines[0] != first)
        second = terminal.lines[0]
        terminal.forget()
        terminal.until(lambda lines: lines[0] != second)
        self.assertLess(terminal.received, 400)  # the time, and for how long the devices are up
        self.assertFalse(terminal.touched & {1, 2, 3, *range(7, 24)}, "\n".join(terminal.lines))

    def test_screen__of_another_size(self):
        terminal = self.watch(rows=12, columns=40)
        self.assertTrue(all(len(line) <= 40 for line in terminal.lines))
        terminal.resize(30, 120)
        self.tap("gym.reader", CLEO, kind="denied")
        terminal.shows("The person's membership has ended")
        terminal.shows("^DOORS")
        terminal.resize(2, 10)
        terminal.until(lambda lines: re.match(r"\d\d:\d\d:\d\d", lines[0]))

    def test_more_doors_than_lines__those_with_something_to_say_come_first(self):
        doors = [("door", {"id": f"d{number:02}", "kind": "door", "target": f"d{number:02}"}) for number in range(40)]
        self.cloud.take([*SITE, *self.gateway.devices(), *doors])
        self.events.take(kind="policy_applied", version=2)
        self.gateway.ask("door", "d37", "lockdown", "on", "--reason", "drill")
        terminal = self.enterContext(Terminal(STILECTL, "--socket", self.gateway.socket, "watch"))
        terminal.shows(r"^d37 +unknown +locked down +lockdown by root: drill")
        self.assertRegex(terminal.lines[1], r"^DOORS \d+/42 ")
        self.assertRegex(terminal.lines[2], "^d37 ")

    def test_gateway_restarted__is_waited_for(self):
        terminal = self.watch()
        self.gateway.stop()
        terminal.shows("^THE GATEWAY DOES NOT ANSWER: ")
        self.gateway.start()
        terminal.until(lambda lines: lines[1].startswith("DOORS"))
        self.tap("gym.reader", CLEO, kind="denied")
        terminal.shows("gym.in +cleo +denied")

    def test_terminal_that_takes_nothing__holds_nobody_up(self):
        terminal = self.watch()
        terminal.forget()
        for number in range(300):
            self.gateway.tap("gym.reader", f"04{number:06X}")
        last = self.events.take(kind="denied", value="0400012B")
        self.assertEqual(self.gateway.ask("events", "--limit", "1")[0]["seq"], last["seq"])
        terminal.shows("gym.in +0400012B +denied")

    def left(self, terminal):
        self.assertEqual(terminal.private, {"25"})  # the screen is the shell's, and has its cursor
        self.assertEqual(termios.tcgetattr(terminal.slave), terminal.shell)

    def test_ctrl_c__leaves_the_terminal_as_it_was(self):
        for keys in ("\x03", "q"):
            terminal = self.watch()
            self.assertEqual(terminal.private, {"1049"})
            self.assertNotEqual(termios.tcgetattr(terminal.slave), terminal.shell)
            terminal.type(keys)
            self.assertEqual(terminal.ends(), 0)
            self.left(terminal)

    def test_suspended__gives_the_terminal_back_meanwhile(self):
        terminal = self.watch()
        terminal.process.send_signal(signal.SIGTSTP)
        _, status = os.waitpid(terminal.process.pid, os.WUNTRACED)
        self.assertTrue(os.WIFSTOPPED(status))
        terminal.until(lambda _: terminal.private == {"25"})
        self.left(terminal)
        terminal.process.send_signal(signal.SIGCONT)
        terminal.until(lambda lines: terminal.private == {"1049"} and lines[1].startswith("DOORS"))

    def test_no_daemon__is_not_waited_for_at_first(self):
        terminal = self.enterContext(Terminal(STILECTL, "--socket", self.directory + "/none", "watch"))
        self.assertEqual(terminal.ends(), 3)
        self.assertEqual(terminal.private, set())


class Pipe(Watching):
    def watch(self, *options):
        return self.enterContext(Program(STILECTL, "--socket", self.gateway.socket, *options, "watch"))

    def test_pipe__has_a_line_for_each_happening_over_a_restart(self):
        watch = self.watch()
        self.tap("gym.reader", CLEO, kind="denied")
        line = watch.output.until(lambda line: "cleo" in line)
        self.assertRegex(line, r"gym.in +cleo +denied: The person's membership has ended\n$")
        self.gateway.stop()
        self.gateway.start()
        self.events.take(kind="boot")
        self.up("gym")
        self.tap("gym.reader", ADA, kind="granted")
        lines = []
        watch.output.until(lambda line: lines.append(line) or "granted" in line)
        self.assertFalse([line for line in lines if "cleo" in line])  # nothing is told twice
        self.assertTrue([line for line in lines if re.search("boot", line)])

    def test_json__is_the_events_as_they_are(self):
        watch = self.watch("--json")
        denied = self.tap("gym.reader", CLEO, kind="denied")
        line = watch.output.until(lambda line: '"cleo"' in line)
        self.assertEqual(json.loads(line), denied)

    def test_reader_that_leaves__ends_it(self):
        done = subprocess.run(f"'{STILECTL}' --socket '{self.gateway.socket}' watch | head -n 2", shell=True,
                              capture_output=True, text=True, timeout=LIMIT_S)
        self.assertEqual(len(done.stdout.splitlines()), 2, done.stderr)


if __name__ == "__main__":
    unittest.main()
