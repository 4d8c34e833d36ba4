#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The manual and the example say what roam-leasequeryd does: test-leasequeryd-manual.py SOURCE_ROOT PROGRAM UNIT"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fake"))
import outcome  # noqa: E402

ROOT, PROGRAM, UNIT = sys.argv[1:4]


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as f:
        return f.read()


class Manual(unittest.TestCase):
    @unittest.skipUnless(shutil.which("man"), "no man")
    def test_no_warnings(self):
        reply = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z",
                                os.path.join(ROOT, "docs", "roam-leasequeryd.8")],
                               capture_output=True, text=True, env=dict(os.environ, LC_ALL="C.UTF-8"), timeout=60)
        self.assertEqual(reply.stderr, "")

    def test_options(self):
        text = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, check=True, timeout=30).stdout
        found = set(re.findall(r"^\s+(?:-\w, )?(--[a-z-]+)", text, flags=re.M))
        self.assertIn("--status-file", found)
        manual = read("docs", "roam-leasequeryd.8").replace("\\-", "-")
        for option in found:
            self.assertIn(option, manual)

    def test_keys(self):
        source = read("dhcp6", "leasequeryd-config-io.c")
        keys = [key for names in re.findall(r"_keys\[\]\s*=\s*\{([^}]*)\}", source) for key in re.findall(r'"([a-z-]+)"', names)]
        self.assertGreater(len(keys), 18)
        manual, example = read("docs", "roam-leasequeryd.8").replace("\\-", "-"), read("data", "leasequery.conf")
        for key in keys:
            self.assertRegex(manual, rf'(?m)^\.BR? (.*[ ", ])?{re.escape(key)}\b', key)
            if key not in ("duid", "statement", "connection", "type-done", "type-data", "option-relay-id"):
                self.assertRegex(example, rf"(?m)^#?{re.escape(key)}=", key)

    def test_example(self):
        with tempfile.TemporaryDirectory() as directory:
            text = read("data", "leasequery.conf").replace("/var/lib/kea", directory).replace("/etc/kea", directory)
            for name, content in (("kea-dhcp6-serverid", "00:01:00:01:2a:00:00:00:02:00:00:00:00:01\n"),
                                  ("kea-dhcp6.conf", '{ "Dhcp6": { "subnet6": [ { "id": 1, "subnet": "2001:db8::/64" } ] } }'),
                                  ("leasequery.conf", text)):
                with open(os.path.join(directory, name), "w", encoding="utf-8") as f:
                    f.write(content)
            for change in ("", "#"):  # as it is, and with everything that it leaves out
                with open(os.path.join(directory, "leasequery.conf"), "w", encoding="utf-8") as f:
                    f.write(re.sub(r"(?m)^#(?=[\[a-z-]+[= ].*$)(?=\[|[a-z-]+=)", "", text) if change else text)
                reply = subprocess.run([PROGRAM, "--config", os.path.join(directory, "leasequery.conf"), "--check"],
                                       capture_output=True, text=True, timeout=30)
                self.assertEqual((reply.returncode, reply.stderr), (0, ""))

    @unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd-analyze")
    def test_sandbox(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "roam-leasequeryd.service")
            with open(UNIT, encoding="utf-8") as f, open(path, "w", encoding="utf-8") as g:
                g.write(re.sub(r"^(ExecStart=)\S+", r"\1/bin/true", f.read(), flags=re.M))
            reply = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--no-pager", path],
                                   capture_output=True, text=True, timeout=60)
        exposure = re.search(r"Overall exposure level for roam-leasequeryd\.service: ([\d.]+)", reply.stdout)
        self.assertIsNotNone(exposure, reply.stdout + reply.stderr)
        self.assertLess(float(exposure.group(1)), 2.5)


if __name__ == "__main__":
    outcome.main()
