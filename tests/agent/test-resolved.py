#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""test-resolved.py DRIVER POLICY

What agent/resolved-io.c asks of systemd-resolved: of a stand-in on a private bus, and of the real one in a
network and mount namespace of its own, when the test runs as root (ROAMD_RESOLVED names its program; else the
installed one, or Debian's package unpacked). Two dnsmasq play the servers inside and outside. Exit status 77, with the
reason, when only the stand-in could be asked.
"""
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import unittest

for folder in ("fake", "ike"):
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", folder))
import outcome  # noqa: E402
from bus import Bus, wait_until  # noqa: E402
from interop import packages  # noqa: E402
from interop.base import Skipped  # noqa: E402
from resolved import MANAGER, NAME, PATH, StandIn, connect  # noqa: E402
from gi.repository import Gio, GLib  # noqa: E402

DRIVER, POLICY = (os.path.abspath(a) for a in sys.argv[1:3])
INSTALLED = "/lib/systemd/systemd-resolved"
NS = f"rsv-{os.getpid()}"
SETUP = """set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/resolve
cp /etc/passwd /etc/group /run/
sed -i '/^systemd-resolve:/d' /run/passwd /run/group
# A number that the bus knows, too.
echo 'systemd-resolve:x:65534:65534::/:/usr/sbin/nologin' >> /run/passwd
echo 'systemd-resolve:x:65534:' >> /run/group
chown 65534:65534 /run/systemd/resolve
mount --bind /run/passwd /etc/passwd
mount --bind /run/group /etc/group
export SYSTEMD_LOG_TARGET=console
exec {program}
"""


def sh(*command, check=True):
    return subprocess.run(command, check=check, capture_output=True, text=True, timeout=30)


class Driver:
    def __init__(self, bus):
        self.process = subprocess.Popen([DRIVER], env=bus.environment, stdin=subprocess.PIPE, text=True)

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def stop(self):
        if not self.process.stdin.closed:
            self.process.stdin.close()
        self.process.wait(timeout=20)


class WithBus(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="roamd-resolved-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.bus = Bus(POLICY)
        self.bus.start()
        self.addCleanup(self.bus.clean_up)

    def start_driver(self):
        driver = Driver(self.bus)
        self.addCleanup(driver.stop)
        return driver


class Calls(WithBus):
    """Order and arguments of the calls."""

    def setUp(self):
        super().setUp()
        self.stand_in = StandIn(self.bus)
        self.addCleanup(self.stand_in.stop)

    def wait_calls(self, expected):
        wait_until(lambda: len(self.stand_in.calls) >= len(expected), f"{self.stand_in.calls}")
        self.assertEqual(self.stand_in.calls, expected)
        self.stand_in.calls.clear()

    ALL = [("SetLinkDNS", 7, [(2, [10, 4, 0, 53]), (10, [0x20, 1, 0x0d, 0xb8] + [0] * 11 + [0x53])]),
           ("SetLinkDomains", 7, [(".", True)]), ("SetLinkDefaultRoute", 7, True), ("FlushCaches",)]

    # covers: IKE-DNS-004
    def test_all_names(self):
        self.stand_in.appear()
        driver = self.start_driver()
        wait_until(lambda: self.bus.has_owner(NAME), "no stand-in")
        driver.say("set 7 10.4.0.53,2001:db8::53")
        self.wait_calls(self.ALL)
        driver.say("set 7 10.4.0.53,2001:db8::53")  # the same: nothing
        driver.say("revert")
        self.wait_calls([("RevertLink", 7), ("FlushCaches",)])
        driver.say("revert")
        driver.say("set 8 10.4.0.53 corp.example,example.net")
        self.wait_calls([("SetLinkDNS", 8, [(2, [10, 4, 0, 53])]),
                         ("SetLinkDomains", 8, [("corp.example", True), ("example.net", True)]),
                         ("SetLinkDefaultRoute", 8, False), ("FlushCaches",)])
        driver.stop()  # the end reverts, too
        self.wait_calls([("RevertLink", 8), ("FlushCaches",)])

    def test_resolved_comes_later_and_again(self):
        driver = self.start_driver()
        driver.say("set 7 10.4.0.53,2001:db8::53")
        self.stand_in.appear()
        self.wait_calls(self.ALL)
        self.stand_in.vanish()
        wait_until(lambda: not self.bus.has_owner(NAME), "still there")
        self.stand_in.appear()
        self.wait_calls(self.ALL)

    def test_without_resolved(self):
        driver = self.start_driver()
        driver.say("set 7 10.4.0.53")
        driver.say("revert")
        driver.stop()
        self.assertEqual(driver.process.returncode, 0)


def find_resolved():
    """The program; unpacked where it is not installed, since its package would take the machine's resolv.conf over."""
    if "ROAMD_RESOLVED" in os.environ or os.path.exists(INSTALLED) or os.geteuid() != 0:
        return os.environ.get("ROAMD_RESOLVED", INSTALLED)
    try:
        return str(packages.unpack("systemd-resolved") / INSTALLED[1:])
    except Skipped as reason:
        print(reason, file=sys.stderr)
        return INSTALLED


RESOLVED = find_resolved()


def can_be_real():
    if os.geteuid() != 0 or not os.path.exists(RESOLVED) or not shutil.which("dnsmasq"):
        return False
    good = sh("ip", "netns", "add", NS, check=False).returncode == 0
    sh("ip", "netns", "del", NS, check=False)
    return good


def ask(name):
    """What the stub of resolved says of that name: an address, or the response's code."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    question = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\1\0\1"
    script = ("import socket, sys; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(15); "
              f"s.sendto(bytes.fromhex('{question.hex()}'), ('127.0.0.53', 53)); print(s.recv(2048).hex())")
    reply = bytes.fromhex(sh("ip", "netns", "exec", NS, "/usr/bin/python3", "-c", script).stdout.strip())
    _, flags, _, answers = struct.unpack("!HHHH", reply[:8])
    return socket.inet_ntoa(reply[-4:]) if answers == 1 and len(reply) == len(question) + 16 else f"code {flags & 15}"


@unittest.skipUnless(can_be_real(), "needs root, namespaces, dnsmasq and systemd-resolved (ROAMD_RESOLVED)")
class Real(WithBus):
    """The real one; ten names each know an inside and an outside server."""

    def setUp(self):
        super().setUp()
        self.addCleanup(sh, "ip", "netns", "del", NS, check=False)
        sh("ip", "netns", "add", NS)
        sh("ip", "-n", NS, "link", "set", "lo", "up")
        for name, address in (("eth0", "198.51.100.50/24"), ("roam0", "10.1.0.100/24")):
            sh("ip", "-n", NS, "link", "add", name, "type", "veth", "peer", "name", "p-" + name)
            sh("ip", "-n", NS, "addr", "add", address, "dev", name)
            for end in (name, "p-" + name):
                sh("ip", "-n", NS, "link", "set", end, "up")
        self.inside = self.serve("10.4.0.53", "www.corp.example", "10.9.9.9")
        self.outside = self.serve("198.51.100.53", "www.corp.example", "192.0.2.66")
        self.log = open(self.directory / "log", "w+", encoding="utf-8")
        self.addCleanup(self.log.close)
        self.spawn("unshare", "-m", "sh", "-c", SETUP.format(program=RESOLVED))
        try:
            wait_until(lambda: self.bus.has_owner(NAME), "systemd-resolved did not start")
        except TimeoutError:
            self.tell()
            raise
        # The network's own server, as the network manager would set it.
        self.client = connect(self.bus)
        self.addCleanup(self.client.close_sync, None)
        self.call("SetLinkDNS", "(ia(iay))", (self.index("eth0"), [(2, bytes([198, 51, 100, 53]))]))
        self.call("SetLinkDefaultRoute", "(ib)", (self.index("eth0"), True))

    def tearDown(self):
        outcome = self._outcome.result
        if any(test is self for test, _ in outcome.errors + outcome.failures):
            self.tell()

    def tell(self):
        self.log.seek(0)
        sys.stderr.write(self.log.read())

    def spawn(self, *command):
        log = open(self.directory / "log", "a", encoding="utf-8")
        self.addCleanup(log.close)
        process = subprocess.Popen(["ip", "netns", "exec", NS, *command], env=self.bus.environment, stdout=log, stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def serve(self, address, name, answer):
        sh("ip", "-n", NS, "addr", "add", address + "/32", "dev", "lo")
        process = self.spawn("dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root",
                             "--pid-file=", "--bind-interfaces", "--listen-address=" + address, f"--address=/{name}/{answer}",
                             f"--address=/www.example.org/{answer}")
        wait_until(lambda: f"{address}:53 " in sh("ip", "netns", "exec", NS, "ss", "-ulnH").stdout, "no dnsmasq")
        return process

    def index(self, name):
        return int(sh("ip", "netns", "exec", NS, "cat", f"/sys/class/net/{name}/ifindex").stdout)

    def call(self, method, kind, arguments):
        self.client.call_sync(NAME, PATH, MANAGER, method, GLib.Variant(kind, arguments), None, Gio.DBusCallFlags.NONE,
                              10000, None)

    # covers: IKE-DNS-004, IKE-DNS-008
    def test_all_names(self):
        driver = self.start_driver()
        self.assertEqual(ask("www.corp.example"), "192.0.2.66")
        driver.say(f"set {self.index('roam0')} 10.4.0.53")
        # eth0 stays a default route of its own; the catch-all domain of the tunnel goes before.
        wait_until(lambda: ask("www.example.org") == "10.9.9.9", "still asked outside")
        self.assertEqual(ask("www.corp.example"), "10.9.9.9")
        driver.say("revert")
        wait_until(lambda: ask("www.example.org") == "192.0.2.66", "still asked inside, or remembered")
        self.assertEqual(ask("www.corp.example"), "192.0.2.66")

    # covers: IKE-DNS-005
    def test_split(self):
        driver = self.start_driver()
        driver.say(f"set {self.index('roam0')} 10.4.0.53 corp.example")
        wait_until(lambda: ask("www.corp.example") == "10.9.9.9", "still asked outside")
        self.assertEqual(ask("www.example.org"), "192.0.2.66")
        # Never outside, even when nobody answers inside.
        self.inside.kill()
        self.inside.wait()
        self.call("FlushCaches", "()", ())
        self.assertEqual(ask("www.corp.example"), "code 2")
        driver.stop()
        wait_until(lambda: ask("www.corp.example") == "192.0.2.66", "not reverted at the end")


if __name__ == "__main__":
    outcome.main(*sys.argv[3:])
