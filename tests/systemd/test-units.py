#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Units as systemd itself reads them, and the dispatcher script: test-units.py DISPATCHER UNIT..."""
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fake"))
import outcome  # noqa: E402

DISPATCHER, UNITS = sys.argv[1], sys.argv[2:]


@unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd-analyze")
class Units(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="roamd-units-")
        self.addCleanup(self.directory.cleanup)
        for unit in UNITS:
            with open(unit, encoding="utf-8") as f:
                # The programs need not be installed for their units to be read.
                text = re.sub(r"^(ExecStart=)\S+", r"\1/bin/true", f.read(), flags=re.M)
            with open(os.path.join(self.directory.name, os.path.basename(unit)), "w", encoding="utf-8") as f:
                f.write(text)

    def test_verify(self):
        for unit in UNITS:
            path = os.path.join(self.directory.name, os.path.basename(unit))
            reply = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", path],
                                   capture_output=True, text=True, timeout=60)
            ours = [line for line in (reply.stdout + reply.stderr).splitlines() if self.directory.name in line]
            self.assertEqual(ours, [], unit)

    def test_verify_finds_what_is_wrong(self):
        path = os.path.join(self.directory.name, "wrong.service")
        with open(path, "w", encoding="utf-8") as f:
            f.write("[Service]\nExecStart=/bin/true\nProtectSytem=strict\n")
        reply = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", path],
                               capture_output=True, text=True, timeout=60)
        self.assertIn("ProtectSytem", reply.stdout + reply.stderr)

    def test_sandbox(self):
        for unit in ("roamd.service", "roam-had.service", "roam-fad.service"):
            path = os.path.join(self.directory.name, unit)
            reply = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--no-pager", path],
                                   capture_output=True, text=True, timeout=60)
            exposure = re.search(rf"Overall exposure level for {re.escape(unit)}: ([\d.]+)", reply.stdout)
            self.assertIsNotNone(exposure, reply.stdout + reply.stderr)
            self.assertLess(float(exposure.group(1)), 4.0, unit)

    def test_what_counts(self):
        def read(name):
            with open(next(u for u in UNITS if os.path.basename(u) == name), encoding="utf-8") as f:
                return f.read()
        roamd, gate = read("roamd.service"), read("roamd-gate.service")
        home_agent = read("roam-had.service")
        for line in ("Type=notify", "Restart=always", "WatchdogSec=30", "FileDescriptorStoreMax=1",
                     "StateDirectory=roam-had", "RuntimeDirectory=roam-had", "ExecReload=/bin/kill -HUP $MAINPID"):
            self.assertIn("\n" + line + "\n", home_agent)
        # CAP_CHOWN: control-group= gives the socket to a group that the service is no member of.
        for unit in ("roam-had.service", "roam-fad.service"):
            self.assertIn("\nCapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW CAP_NET_BIND_SERVICE CAP_CHOWN\n", read(unit))
        for line in ("Type=notify", "Restart=always", "WatchdogSec=30", "RestartPreventExitStatus=2 78",
                     "DeviceAllow=/dev/net/tun rw", "DeviceAllow=/dev/tpmrm0 rw",
                     "CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW CAP_NET_BIND_SERVICE CAP_SYS_NICE"):
            self.assertIn("\n" + line + "\n", roamd)
        self.assertIn("--gate-only", gate)
        self.assertRegex(gate, r"\nBefore=network-pre\.target ")
        self.assertIn("\nWants=network-pre.target\n", gate)


class Dispatcher(unittest.TestCase):
    """The script as NetworkManager calls it, with a roamctl that writes down its arguments."""

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="roamd-dispatcher-")
        self.addCleanup(self.directory.cleanup)
        self.log = os.path.join(self.directory.name, "log")
        self.roamctl = self.write("roamctl", f'for a in "$@"; do printf "<%s>" "$a"; done >> {self.log}')

    def write(self, name, body):
        path = os.path.join(self.directory.name, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\n" + body + "\n")
        os.chmod(path, 0o755)
        return path

    def call(self, interface, action, roamctl=None):
        reply = subprocess.run([DISPATCHER, interface, action], env=dict(os.environ, ROAMCTL=roamctl or self.roamctl),
                               capture_output=True, text=True, timeout=30)
        self.assertEqual((reply.returncode, reply.stdout, reply.stderr), (0, "", ""))
        if not os.path.exists(self.log):
            return None
        with open(self.log, encoding="utf-8") as f:
            return f.read()

    def test_link_events(self):
        for action, expected in (("up", "<eth0>"), ("dhcp4-change", "<eth0>"), ("down", ""),
                                 ("connectivity-change", "")):
            if os.path.exists(self.log):
                os.unlink(self.log)
            heard = self.call("eth0", action)
            self.assertEqual(heard, f"<redetect><--no-wait><--reason><NetworkManager: {action} eth0>{expected}")

    def test_others_are_ignored(self):
        for interface, action in (("tun0", "vpn-up"), ("tun0", "vpn-down"), ("eth0", "pre-up"), ("eth0", "hostname"),
                                  ("eth0", "dhcp6-change"), ("lo", "up"), ("", "")):
            self.assertIsNone(self.call(interface, action))

    def test_never_blocks_never_fails(self):
        hang = self.write("hang", "sleep 60")
        began = time.monotonic()
        self.call("eth0", "up", hang)
        self.assertLess(time.monotonic() - began, 20)
        self.call("eth0", "up", self.write("fail", "echo no >&2; exit 3"))
        self.call("eth0", "up", "/nonexistent")

    def test_hostile_interface_name(self):
        self.assertIn("<$(reboot);x>", self.call("$(reboot);x", "up"))

    def test_mode(self):
        self.assertEqual(stat.S_IMODE(os.stat(DISPATCHER).st_mode) & 0o111, 0o111)


if __name__ == "__main__":
    outcome.main()
