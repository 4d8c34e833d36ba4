#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The manual pages say what the programs do: test-man.py SOURCE_ROOT ROAMD ROAMCTL ROAM_HAD ROAM_GW"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fake"))
import outcome  # noqa: E402

ROOT, ROAMD, ROAMCTL, ROAM_HAD, ROAM_GW = sys.argv[1:6]
PAGES = ("roamd.8", "roamctl.1", "roamd-profile.conf.5", "roam-had.8", "home-agent.conf.5", "roam-gw.8", "gateway.conf.5")


def page(name):
    with open(os.path.join(ROOT, "docs", name), encoding="utf-8") as f:
        return f.read().replace("\\-", "-")


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as f:
        return f.read()


def options(*command):
    text = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True, timeout=30).stdout
    return set(re.findall(r"^\s+(?:-\w, )?(--[a-z-]+)", text, flags=re.M))


class Manual(unittest.TestCase):
    @unittest.skipUnless(shutil.which("man"), "no man")
    def test_no_warnings(self):
        for name in PAGES:
            reply = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", os.path.join(ROOT, "docs", name)],
                                   capture_output=True, text=True, env=dict(os.environ, LC_ALL="C.UTF-8"), timeout=60)
            self.assertEqual(reply.stderr, "", name)

    def test_options_of_roamd(self):
        found = options(ROAMD)
        self.assertIn("--gate-only", found)
        for option in found - {"--help-all"}:
            self.assertIn(option, page("roamd.8"))

    def test_options_and_commands_of_roam_had(self):
        text = page("roam-had.8")
        for option in options(ROAM_HAD) - {"--help-all"}:
            self.assertIn(option, text)
        for command in ("status", "bindings", "counters", "revoke"):
            self.assertRegex(text, rf'(?m)^\.BR? "?{command}')

    def test_options_of_roam_gw(self):
        text = page("roam-gw.8")
        for option in options(ROAM_GW) - {"--help-all"}:
            self.assertIn(option, text)

    def test_keys_of_the_home_agent(self):
        self.check_keys(read("mip4", "had-config-io.c"), "home-agent.conf")

    def test_keys_of_the_gateway(self):
        self.check_keys(read("lab", "gateway", "gw-config-io.c"), "gateway.conf")

    def check_keys(self, source, name):
        text, example = page(name + ".5"), read("data", name)
        lists = re.findall(r"static const char \*const \w+_keys\[\] = \{([^}]*)\}", source)
        keys = [key for found in lists for key in re.findall(r'"([a-z-]+)"', found)]
        self.assertGreater(len(keys), 15)
        for key in keys:
            self.assertRegex(text, rf"(?m)^\.B {re.escape(key)}$", key)
            self.assertRegex(example, rf"(?m)^#?{re.escape(key)}=", key)

    def test_options_of_roamctl(self):
        text = page("roamctl.1")
        for command in ("status", "why", "monitor", "sa", "history", "secret", "connect", "disconnect", "redetect"):
            self.assertRegex(text, rf'(?m)^\.BR? "?{command}')
            for option in options(ROAMCTL, command):
                self.assertIn(option, text)

    def test_keys_of_the_profile(self):
        keys = re.findall(r'^\s+\{ "([a-z-]+)", "([a-z-]+)", AGENT_CONFIG', read("agent", "config-rules.c"), flags=re.M)
        self.assertGreater(len(keys), 30)
        text, example = page("roamd-profile.conf.5"), read("data", "profile.conf.example")
        for group, key in keys:
            self.assertIn(f".SH [{group}]", text)
            self.assertRegex(text, rf'(?m)^\.BR? ("?|.*, "? ?"?){re.escape(key)}\b', key)
            self.assertRegex(example, rf"(?m)^#?{re.escape(key)}=", key)

    def test_duties(self):
        # covers: R5266-SEC-001, R5266-SEC-005
        text = " ".join(page("roamd.8").split())
        self.assertIn("keep the home agent unreachable from outside", text)
        self.assertIn("list of trusted networks must hold only addresses of the enterprise", text)
        self.assertIn("shows the home address, the address of the home agent, the NAI", text)


class Example(unittest.TestCase):
    def test_example_profile_is_good(self):
        with tempfile.TemporaryDirectory(prefix="roamd-example-") as directory:
            for name, text, mode in (("profile.conf", read("data", "profile.conf.example"), 0o644),
                                     ("mn-ha.key", "00112233445566778899aabbccddeeff\n", 0o600),
                                     ("vpn.psk", "correct horse battery staple\n", 0o600)):
                path = os.path.join(directory, name)
                with open(path, "w", encoding="utf-8") as f:
                    f.write(text)
                os.chmod(path, mode)
            command = [ROAMD, "--check", "--profile", os.path.join(directory, "profile.conf")]
            reply = subprocess.run(command, capture_output=True, text=True, timeout=30)
            self.assertEqual((reply.returncode, reply.stderr), (0, ""))
            os.chmod(os.path.join(directory, "vpn.psk"), 0o644)
            reply = subprocess.run(command, capture_output=True, text=True, timeout=30)
            self.assertEqual(reply.returncode, 78)
            self.assertIn("[vpn] psk-file: found 'mode 0644', allowed: ", reply.stderr)

    def test_usage(self):
        for arguments in (["--nosuch"], ["extra"], ["--log-level", "loud"]):
            reply = subprocess.run([ROAMD, *arguments], capture_output=True, text=True, timeout=30)
            self.assertEqual(reply.returncode, 2)
            self.assertIn("roamd --help", reply.stderr)


if __name__ == "__main__":
    outcome.main()
