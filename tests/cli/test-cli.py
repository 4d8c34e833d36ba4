#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""roamctl against a fake agent on a private bus: test-cli.py ROAMCTL FAKE_AGENT POLICY"""
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fake"))
import outcome  # noqa: E402
from bus import Bus, FakeAgent, wait_until  # noqa: E402

ROAMCTL, FAKE, POLICY = sys.argv[1:4]
COMMANDS = ("status", "why", "monitor", "sa", "history", "secret", "connect", "disconnect", "redetect")

STATUS = """\
Inside the enterprise network through eth0.

Mode            c (inside), for 2 min
Interface       eth0
Home address    10.1.0.100
Home agent      10.1.0.2
Care-of address 10.8.0.2
Gateway         203.0.113.2
VPN             up, MOBIKE
Inner address   10.8.0.2
IKE             aes256gcm16-prfsha384-ecp384
ESP             aes256gcm16
Data plane      fake

LINK\tKIND\tSTATE\tADDRESS\tTRUST\tREASON
eth0*\tethernet\tC\t10.2.0.50/24\tproved\tthe home agent answered
"""
WHY = """\
Inside the enterprise network through eth0.
The home agent answered.

eth0: the home agent answered
    proved to be the enterprise 12 s ago
"""
SA = """\
IKE SA          established, for 1 h 0 min
SPIs            0102030405060708 (this machine) f1f2f3f4f5f6f7f8 (gateway)
Moves by        MOPO
Path            wlan0 198.51.100.50 -> 203.0.113.2:4500
Round trip      20.4 ms
NAT             before this machine
Next rekeying   3 h 0 min
Inner address   10.8.0.2
IKE             aes256gcm16-prfsha384-ecp384
ESP             aes256gcm16

ESP-IN\tESP-OUT\tUSE\tAGE
c0000001\td0000001\treceives\t1 h 0 min
c0000002\td0000002\tsends\t5 s

LINK\tLOCAL\tGATEWAY\tSTATE\tRTT\tTRIED
wlan0*\t198.51.100.50\t203.0.113.2:4500\tworks\t20.4 ms\t3 s
wwan0\t192.0.2.7\t203.0.113.2:4500\tuntried\t-\t-
"""
HISTORY = """\
NO\tTIME\tFROM\tTO\tGAP\tTO-MOBIKE\tTO-RRQ\tREASON
1\t2023-11-14 22:13:20\tc eth0\tmc wlan0\t41.0 ms\t0.8 ms\t-\tcable pulled
"""


class WithoutDaemon(unittest.TestCase):
    def setUp(self):
        self.bus = Bus(POLICY)
        self.bus.start()
        self.addCleanup(self.bus.clean_up)

    def run_it(self, *arguments, **more):
        return subprocess.run([ROAMCTL, *arguments], env=self.bus.environment, capture_output=True, text=True,
                              timeout=30, **more)

    def test_not_running(self):
        for command in COMMANDS:
            reply = self.run_it(command)
            self.assertEqual(reply.returncode, 3, command)
            self.assertEqual(reply.stdout, "")
            self.assertIn("roamd is not running. Start it with: systemctl start roamd", reply.stderr)

    def test_no_bus(self):
        environment = dict(self.bus.environment, DBUS_SYSTEM_BUS_ADDRESS="unix:path=/nonexistent/socket")
        reply = subprocess.run([ROAMCTL], env=environment, capture_output=True, text=True, timeout=30)
        self.assertEqual(reply.returncode, 3)
        self.assertIn("The system bus cannot be reached", reply.stderr)

    def test_usage(self):
        reply = self.run_it("sattus")
        self.assertEqual(reply.returncode, 2)
        self.assertIn("found 'sattus', allowed:", reply.stderr)
        for arguments in (("status", "extra"), ("status", "--nosuch"), ("redetect", "a", "b"), ("history", "-n", "-1"),
                          ("history", "-n", "x")):
            reply = self.run_it(*arguments)
            self.assertEqual(reply.returncode, 2, arguments)
            self.assertIn("roamctl " + arguments[0], reply.stderr)

    def test_help_and_version(self):
        reply = self.run_it("help")
        self.assertEqual(reply.returncode, 0)
        for command in COMMANDS:
            self.assertIn("\n  " + command, reply.stdout)
            own = self.run_it(command, "--help")
            self.assertEqual(own.returncode, 0)
            self.assertIn("--json", own.stdout)
        self.assertRegex(self.run_it("--version").stdout, r"^roamctl \d+\.\d+\.\d+\n$")


class WithDaemon(unittest.TestCase):
    def setUp(self):
        self.bus = Bus(POLICY)
        self.bus.start()
        self.addCleanup(self.bus.clean_up)
        self.agent = FakeAgent(FAKE, self.bus)
        self.addCleanup(self.agent.stop)

    def run_it(self, *arguments, prefix=()):
        return subprocess.run([*prefix, ROAMCTL, *arguments], env=self.bus.environment, capture_output=True, text=True,
                              timeout=30)

    def assert_prints(self, arguments, text):
        reply = self.run_it(*arguments)
        self.assertEqual(reply.stderr, "")
        self.assertEqual(reply.stdout, text)
        self.assertEqual(reply.returncode, 0)

    def test_status(self):
        self.assert_prints(["status"], STATUS)
        self.assert_prints([], STATUS)

    def test_status_with_advice(self):
        self.agent.say("advice Wait.")
        wait_until(lambda: "\nWait.\n" in self.run_it().stdout, "the advice is not shown")

    # covers: MIP-MSV-003
    def test_status_through_a_foreign_agent(self):
        self.agent.say("foreign 10.2.0.9")
        wait_until(lambda: "\nForeign agent   10.2.0.9\n" in self.run_it().stdout, "the foreign agent is not shown")
        text = self.run_it().stdout
        self.assertIn("\nTunnel          in UDP, through a NAT\n", text)
        # Who does not vouch is said.
        self.assertIn('\nMessage         "maintenance at noon" (not authenticated)\n', text)

    def test_status_json(self):
        value = json.loads(self.run_it("status", "--json").stdout)
        self.assertEqual(value["mode"], "c")
        self.assertEqual(value["care-of-address"], "10.8.0.2")
        self.assertEqual(value["links"][0]["proof-age-ms"], 12000)
        self.assertIs(value["enabled"], True)
        self.assertEqual(value, json.loads(self.run_it("--json").stdout) | {"counters": value["counters"]})

    def test_why(self):
        self.assert_prints(["why"], WHY)
        value = json.loads(self.run_it("why", "--json").stdout)
        self.assertEqual(value["why"], "The home agent answered.")

    def test_sa(self):
        none = self.run_it("sa")
        self.assertEqual((none.returncode, none.stdout, none.stderr), (0, "", "There is no VPN now.\n"))
        self.assertEqual(self.run_it("sa", "--json").stdout, "")
        self.agent.say("sa")
        wait_until(lambda: self.run_it("sa").stdout != "", "no IKE SA")
        self.assert_prints(["sa"], SA)
        value = json.loads(self.run_it("sa", "--json").stdout)
        self.assertEqual(value["children"][1]["spi-out"], 0xd0000002)
        self.assertEqual(value["pairs"][0]["state"], "works")

    def test_status_tells_the_dialect(self):
        for word, text in (("mopo", "up, MOPO"), ("none", "up, no MOBIKE"), ("mobike", "up, MOBIKE")):
            self.agent.say("dialect " + word)
            wait_until(lambda: f"\nVPN             {text}\n" in self.run_it().stdout, word)

    def test_secret(self):
        nothing = self.run_it("secret")
        self.assertEqual((nothing.returncode, nothing.stdout, nothing.stderr), (0, "", "Nothing is asked for.\n"))
        self.agent.say("ask wrong")
        wait_until(lambda: self.run_it("secret", "--list").stdout != "", "no request")
        self.assertEqual(self.run_it("secret", "--list").stdout,
                         "The last one was refused: wrong.\nPassword of alice at 203.0.113.2\n")
        self.assertEqual(json.loads(self.run_it("secret", "-l", "--json").stdout)["kind"], "password")
        reply = subprocess.run([ROAMCTL, "secret"], env=self.bus.environment, input="correct horse\nmore\n",
                               capture_output=True, text=True, timeout=30)
        self.assertEqual((reply.returncode, reply.stderr), (0, ""))
        self.assertIn("Handed over", reply.stdout)
        self.assertEqual(self.agent.heard(), "secret 1 'correct horse' secret of 13 octets")

    def test_secret_too_short_or_too_long(self):
        self.agent.say("ask -")
        wait_until(lambda: self.run_it("secret", "--list").stdout != "", "no request")
        for text, word in (("", "nothing was given"), ("\n", "nothing was given"), ("x" * 2000 + "\n", "too long")):
            reply = subprocess.run([ROAMCTL, "secret"], env=self.bus.environment, input=text, capture_output=True,
                                   text=True, timeout=30)
            self.assertEqual(reply.returncode, 1)
            self.assertIn(word, reply.stderr)

    def test_secret_interrupted(self):
        """Who gives up at the question sees again what he types."""
        self.agent.say("ask -")
        wait_until(lambda: self.run_it("secret", "--list").stdout != "", "no request")
        for number in (signal.SIGINT, signal.SIGTERM):
            ours, theirs = pty.openpty()
            process = subprocess.Popen([ROAMCTL, "secret"], env=self.bus.environment, stdin=theirs, stdout=theirs,
                                       stderr=theirs, start_new_session=True)
            shown = b""
            while b"203.0.113.2: " not in shown:
                shown += os.read(ours, 4096)
            self.assertFalse(termios.tcgetattr(theirs)[3] & termios.ECHO)
            wait_until(lambda: self.ended_by(process, number), "it does not end")
            self.assertEqual(process.returncode, -number)
            self.assertTrue(termios.tcgetattr(theirs)[3] & termios.ECHO)
            os.close(theirs)
            os.close(ours)

    @staticmethod
    def ended_by(process, number):
        process.send_signal(number)
        return process.poll() is not None

    def test_secret_is_not_shown_on_the_terminal(self):
        self.agent.say("ask -")
        wait_until(lambda: self.run_it("secret", "--list").stdout != "", "no request")
        ours, theirs = pty.openpty()
        process = subprocess.Popen([ROAMCTL, "secret"], env=self.bus.environment, stdin=theirs, stdout=theirs,
                                   stderr=theirs, start_new_session=True)
        shown = b""
        while b"203.0.113.2: " not in shown:
            shown += os.read(ours, 4096)
        os.write(ours, b"correct horse\n")
        self.assertEqual(self.agent.heard(), "secret 1 'correct horse' secret of 13 octets")
        self.assertEqual(process.wait(timeout=30), 0)
        os.close(theirs)
        while True:
            try:
                more = os.read(ours, 4096)
            except OSError:
                break
            if not more:
                break
            shown += more
        os.close(ours)
        self.assertIn(b"Password of alice at 203.0.113.2: ", shown)
        self.assertIn(b"Handed over", shown)
        self.assertNotIn(b"horse", shown)

    def test_history(self):
        empty = self.run_it("history")
        self.assertEqual((empty.returncode, empty.stdout, empty.stderr), (0, "", "No handovers yet.\n"))
        self.agent.say("handover")
        wait_until(lambda: self.run_it("history").stdout != "", "no handover")
        self.assert_prints(["history"], HISTORY)
        self.agent.say("handover")
        wait_until(lambda: len(self.run_it("history", "--json").stdout.splitlines()) == 2, "no second handover")
        rows = [json.loads(line) for line in self.run_it("history", "--json", "-n", "1").stdout.splitlines()]
        self.assertEqual([(r["number"], r["gap-us"]) for r in rows], [(2, 41000)])

    def test_verbs(self):
        self.assertEqual(self.run_it("redetect", "eth0", "--reason", "test").stdout, "Detecting eth0 again.\n")
        self.assertEqual(self.agent.heard(), "redetect 'eth0' 'test'")
        reply = self.run_it("redetect", "nosuch0")
        self.assertEqual(reply.returncode, 1)
        self.assertIn("nosuch0 is no interface that roamd uses", reply.stderr)
        self.assertIn("roamctl status", reply.stderr)
        self.assertEqual(self.agent.heard(), "redetect 'nosuch0' 'roamctl'")
        self.assertEqual(json.loads(self.run_it("disconnect", "--json").stdout), {"done": "disconnect"})
        self.assertEqual(self.agent.heard(), "disconnect")
        self.assertEqual(self.run_it("redetect").returncode, 1)
        self.assertEqual(self.agent.heard(), "redetect '' 'roamctl'")
        self.assertIn("Switched on", self.run_it("connect").stdout)
        self.assertEqual(self.agent.heard(), "connect")

    def test_redetect_without_waiting(self):
        reply = self.run_it("redetect", "--no-wait", "--reason", "hook")
        self.assertEqual((reply.returncode, reply.stdout, reply.stderr), (0, "", ""))
        self.assertEqual(self.agent.heard(), "redetect '' 'hook'")

    @unittest.skipUnless(os.geteuid() == 0, "needs root to become another user")
    def test_denied(self):
        nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        reply = self.run_it("disconnect", prefix=nobody)
        self.assertEqual(reply.returncode, 4)
        self.assertIn("Not allowed", reply.stderr)
        self.assertIn("org.roamd.control", reply.stderr)
        self.assertEqual(self.run_it("status", prefix=nobody).returncode, 0)

    def test_monitor(self):
        monitor = subprocess.Popen([ROAMCTL, "monitor", "--json", "-n", "3"], env=self.bus.environment,
                                   stdout=subprocess.PIPE, text=True)
        first = json.loads(monitor.stdout.readline())
        self.assertEqual((first["event"], first["data"]["mode"]), ("status", "c"))
        self.agent.say("mode mc wlan0")
        second = json.loads(monitor.stdout.readline())
        self.assertEqual((second["event"], second["data"]["mode"]), ("status", "mc"))
        self.agent.say("handover")
        third = json.loads(monitor.stdout.readline())
        self.assertEqual((third["event"], third["data"]["to-interface"]), ("handover", "wlan0"))
        self.assertEqual(monitor.wait(timeout=30), 0)
        monitor.stdout.close()

    def test_monitor_sees_the_end(self):
        monitor = subprocess.Popen([ROAMCTL, "monitor", "-n", "2"], env=self.bus.environment, stdout=subprocess.PIPE,
                                   text=True)
        self.assertIn("c: Inside the enterprise", monitor.stdout.readline())
        self.agent.stop()
        self.assertIn("roamd has stopped", monitor.stdout.readline())
        self.assertEqual(monitor.wait(timeout=30), 0)
        monitor.stdout.close()

    def test_terminal_gets_colours(self):
        ours, theirs = pty.openpty()
        environment = {k: v for k, v in self.bus.environment.items() if k != "NO_COLOR"}
        subprocess.run([ROAMCTL, "status"], env=environment, stdout=theirs, timeout=30, check=True)
        os.close(theirs)
        text = os.read(ours, 65536).decode()
        os.close(ours)
        self.assertIn("\033[1;32mInside the enterprise", text)
        self.assertIn("\033[1mLINK", text)
        self.assertNotIn("\t", text)


if __name__ == "__main__":
    outcome.main()
