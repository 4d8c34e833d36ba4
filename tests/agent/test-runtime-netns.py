#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""test-runtime-netns.py ROAMD ROAM_HAD ROAMCTL POLICY

The whole daemon on real links, in network namespaces of its own (names begin with rtm-): a home link
with roam-had, a router with a correspondent behind it, a visited trusted link, and an outside link
that leads nowhere but to the router. There is no VPN gateway: what IKE sends is looked at, not
answered. Exit status 77 (skipped) without root, namespaces, TUN or nftables.
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fake"))
import bus  # noqa: E402
import outcome  # noqa: E402
from bus import Bus, wait_until  # noqa: E402

# IKE gives up on a silent gateway after 20 s.
bus.DEADLINE_S = 40

ROAMD, ROAM_HAD, ROAMCTL, POLICY = (os.path.abspath(a) for a in sys.argv[1:5])
RT, HA, MN, FA = (f"rtm-{os.getpid()}-{x}" for x in ("rt", "ha", "mn", "fa"))
HOME_WATCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fake", "home_watch.py")
FOREIGN_AGENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fake", "foreign_agent.py")
HOME_ADDRESS, CORRESPONDENT = "10.1.0.100", "10.4.0.10"
KEY = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
HOME_AGENT = """[home-agent]
address=10.1.0.2
interface=home
home-network=10.1.0.0/24
trusted-networks={trusted}
advertisement-interval=1
tun-name=had0
[node 10.1.0.100]
spi=4096
key-file=mn-ha.key
"""
PROFILE = """[mobile-ip]
home-address=10.1.0.100/24
home-agent=10.1.0.2
spi=4096
key-file=mn-ha.key
[trust]
t-monitor=10
monitor-margin=6
"""
VPN = """[vpn]
gateway=203.0.113.2
psk-file=vpn.psk
"""
# bridge of the router, its address, the node's address and default router there
LINKS = {
    "home": ("br-home", "10.1.0.1/24", "10.1.0.100/24"),
    "office": ("br-office", "10.2.0.1/24", "10.2.0.50/24"),
    "cafe": ("br-cafe", "198.51.100.1/24", "198.51.100.50/24"),
}


def sh(*command, ns=None, check=True):
    prefix = ["ip", "netns", "exec", ns] if ns else []
    return subprocess.run([*prefix, *command], check=check, capture_output=True, text=True, timeout=60)


def possible():
    if os.geteuid() != 0 or not os.path.exists("/dev/net/tun"):
        return False
    name = f"rtm-{os.getpid()}-try"
    if sh("ip", "netns", "add", name, check=False).returncode != 0:
        return False
    good = sh("nft", "add", "table", "inet", "probe", ns=name, check=False).returncode == 0
    sh("ip", "netns", "del", name)
    return good


def make_topology():
    for ns in (RT, HA, MN, FA):
        sh("ip", "netns", "add", ns)
        sh("ip", "link", "set", "lo", "up", ns=ns)
    for bridge, address, _ in LINKS.values():
        sh("ip", "link", "add", "name", bridge, "type", "bridge", ns=RT)
        sh("ip", "addr", "add", address, "dev", bridge, ns=RT)
        sh("ip", "link", "set", bridge, "up", ns=RT)
    sh("ip", "link", "add", "p-ha", "netns", RT, "type", "veth", "peer", "name", "home", "netns", HA)
    sh("ip", "link", "set", "p-ha", "master", "br-home", "up", ns=RT)
    sh("ip", "addr", "add", "10.1.0.2/24", "dev", "home", ns=HA)
    sh("ip", "link", "set", "home", "up", ns=HA)
    sh("ip", "route", "add", "default", "via", "10.1.0.1", ns=HA)
    sh("ip", "link", "add", "p-fa", "netns", RT, "type", "veth", "peer", "name", "office", "netns", FA)
    sh("ip", "link", "set", "p-fa", "master", "br-office", "up", ns=RT)
    sh("ip", "addr", "add", "10.2.0.9/24", "dev", "office", ns=FA)
    sh("ip", "link", "set", "office", "up", ns=FA)
    sh("ip", "route", "add", "default", "via", "10.2.0.1", ns=FA)
    sh("ip", "link", "add", "p-mn", "netns", RT, "type", "veth", "peer", "name", "eth0", "netns", MN)
    sh("ip", "link", "set", "eth0", "up", ns=MN)
    # The correspondent is an address of the router; the cafe does not lead to the home agent.
    sh("ip", "addr", "add", CORRESPONDENT + "/32", "dev", "lo", ns=RT)
    sh("ip", "addr", "add", "203.0.113.2/32", "dev", "lo", ns=RT)
    for ns in (RT, HA):
        sh("sysctl", "-qw", "net.ipv4.ip_forward=1", ns=ns)
    sh("nft", "add table inet fw; add chain inet fw f { type filter hook forward priority 0; };"
       "add rule inet fw f iifname br-cafe oifname br-home drop", ns=RT)


def remove_topology():
    for ns in (MN, FA, HA, RT):
        sh("ip", "netns", "del", ns, check=False)


def unplug():
    sh("ip", "addr", "flush", "dev", "eth0", ns=MN)
    sh("ip", "link", "set", "p-mn", "down", ns=RT)


def plug(name):
    bridge, router, address = LINKS[name]
    sh("ip", "link", "set", "p-mn", "master", bridge, "up", ns=RT)
    sh("ip", "addr", "add", address, "dev", "eth0", ns=MN)
    sh("ip", "route", "add", "default", "via", router.split("/")[0], "dev", "eth0", ns=MN)


def answers_arp(address, bridge):
    """Whether anybody on that link of the router says to have the address."""
    sh("ip", "neigh", "flush", "dev", bridge, ns=RT)
    sh("ip", "route", "add", address + "/32", "dev", bridge, ns=RT)
    sh("ping", "-c1", "-W2", address, ns=RT, check=False)
    known = sh("ip", "neigh", "show", address, "dev", bridge, ns=RT).stdout
    sh("ip", "route", "del", address + "/32", "dev", bridge, ns=RT)
    return "lladdr" in known


def ping(source=HOME_ADDRESS):
    """From an address, or out of an interface past the policy routes."""
    return sh("ping", "-c1", "-W1", "-I", source, CORRESPONDENT, ns=MN, check=False).returncode == 0


def gate():
    """The gate's rules, or nothing."""
    return sh("nft", "list", "table", "inet", "roamd", ns=MN, check=False).stdout


QUESTION = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
s.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, int(sys.argv[1]))
s.settimeout(2)
s.sendto(bytes.fromhex("123401000001000000000000") + b"\\x03vpn\\x07example\\x03com\\0\\0\\1\\0\\1", ("198.51.100.1", 53))
s.recv(512)
"""


def asks_name_server(mark):
    """Whether a socket with that mark gets an answer past the tunnel."""
    return sh("/usr/bin/python3", "-c", QUESTION, str(mark), ns=MN, check=False).returncode == 0


def gate_gateways():
    return sh("nft", "list", "set", "inet", "roamd", "gateway4", ns=MN, check=False).stdout


class Daemon(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="roamd-runtime-")))
        self.bus = Bus(POLICY)
        self.bus.start()
        self.addCleanup(self.bus.clean_up)
        self.addCleanup(remove_topology)
        make_topology()
        self.write("mn-ha.key", KEY, 0o600)
        self.write("vpn.psk", "correct horse battery staple", 0o600)
        self.write("profile.conf", PROFILE + VPN, 0o644)
        self.roamd = self.home_agent = self.foreign_agent = self.name_server = None
        self.log = open(self.directory / "log", "w+", encoding="utf-8")
        self.addCleanup(self.log.close)
        self.addCleanup(self.end)

    def enterContext(self, manager):  # unittest has it from Python 3.11 on
        value = manager.__enter__()
        self.addCleanup(manager.__exit__, None, None, None)
        return value

    def end(self):
        for process in (self.roamd, self.home_agent, self.foreign_agent, self.name_server):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        outcome = self._outcome.result
        if any(test is self for test, _ in outcome.errors + outcome.failures):
            self.log.seek(0)
            sys.stderr.write(self.log.read())

    def write(self, name, text, mode):
        path = self.directory / name
        path.write_text(text + "\n", encoding="utf-8")
        path.chmod(mode)
        return path

    def command(self, *more):
        # With a resolv.conf of its own when the test wrote one.
        own = (f"mount --bind {self.directory}/resolv.conf /etc/resolv.conf && "
               if (self.directory / "resolv.conf").exists() else "")
        return ["ip", "netns", "exec", MN, "unshare", "-m", "sh", "-c", own + 'exec "$0" "$@"', ROAMD, "--profile", str(self.directory / "profile.conf"), "--state-dir",
                str(self.directory / "state"), "--runtime-dir", str(self.directory / "run"), *more]

    def start_home_agent(self, trusted="10.1.0.0/24;10.2.0.0/24"):
        self.write("home-agent.conf", HOME_AGENT.format(trusted=trusted), 0o644)
        self.home_agent = subprocess.Popen(
            ["ip", "netns", "exec", HA, ROAM_HAD, "--config", str(self.directory / "home-agent.conf"), "--status-file",
             str(self.directory / "bindings")], stdout=self.log, stderr=self.log)
        wait_until((self.directory / "bindings").exists, "roam-had did not start")

    def stop_home_agent(self):
        self.home_agent.terminate()
        self.home_agent.wait()

    def start_name_server(self):
        """The cafe's router knows one name."""
        self.write("resolv.conf", "nameserver 198.51.100.1\n", 0o644)
        self.name_server = subprocess.Popen(
            ["ip", "netns", "exec", RT, "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
             "--user=root", "--pid-file=", "--bind-interfaces", "--listen-address=198.51.100.1",
             "--address=/vpn.example.com/203.0.113.2"], stdout=self.log, stderr=self.log)
        wait_until(lambda: ":53 " in sh("ss", "-ulnH", ns=RT).stdout, "dnsmasq did not start")

    def start_foreign_agent(self, flags, ns=FA, link=("office", "10.2.0.9", "10.1.0.2")):
        self.foreign_agent = subprocess.Popen(
            ["ip", "netns", "exec", ns, "/usr/bin/python3", FOREIGN_AGENT, *link, flags, str(self.directory / "fa")],
            stdout=self.log, stderr=self.log)

    def start_watch(self, interface):
        """What home_watch.py saw on that link so far, by calling the result."""
        path = self.directory / "watch"
        with open(path, "w", encoding="utf-8") as output:
            process = subprocess.Popen(["ip", "netns", "exec", RT, "/usr/bin/python3", HOME_WATCH, interface],
                                       stdout=output)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_until(lambda: path.read_text(encoding="utf-8") != "", "home_watch.py did not start")
        return lambda: path.read_text(encoding="utf-8").splitlines()

    def relayed(self):
        """Requests that the foreign agent relayed, the source address and TTL of the last one."""
        try:
            count, source, ttl = (self.directory / "fa.requests").read_text(encoding="utf-8").split()
        except (OSError, ValueError):
            return 0, "", 0
        return int(count), source, int(ttl)

    def bindings(self):
        return json.loads((self.directory / "bindings").read_text(encoding="utf-8"))["bindings"]

    def start(self):
        self.roamd = subprocess.Popen(self.command(), env=self.bus.environment, stdout=self.log, stderr=self.log)
        wait_until(lambda: self.bus.has_owner("org.roamd"), "roamd did not start")

    def ctl(self, *arguments):
        return subprocess.run([ROAMCTL, *arguments], env=self.bus.environment, capture_output=True, text=True,
                              timeout=30)

    def status(self):
        reply = self.ctl("status", "--json")
        return json.loads(reply.stdout) if reply.returncode == 0 else {"mode": "gone", "advice": ""}

    def wait_mode(self, mode):
        wait_until(lambda: self.status()["mode"] == mode, f"mode {mode}: {self.status()}")

    def history(self):
        return [json.loads(line) for line in self.ctl("history", "--json", "-n", "0").stdout.splitlines()]

    # ------------------------------------------------------------------- cases ----

    def test_home_and_office(self):
        self.start_home_agent()
        plug("home")
        self.start()
        self.wait_mode("home")
        self.assertTrue(ping())
        unplug()
        self.wait_mode("offline")
        plug("office")
        self.wait_mode("c")
        self.assertFalse(ping("eth0"))  # in clear only inside the tunnel to the home agent
        # covers: R5266-INT-001
        self.assertEqual([b["care-of-address"] for b in self.bindings()], ["10.2.0.50"])
        self.assertTrue(ping())
        row = self.history()[-1]
        self.assertEqual((row["from-mode"], row["to-mode"], row["to-address"]), ("home", "c", "10.2.0.50"))
        # Both first packets left, and in the pass of the event (generous: the machine is shared).
        # covers: R5266-DET-001
        for key in ("event-to-mobike-us", "event-to-rrq-us"):
            self.assertGreaterEqual(row[key], 0)
            self.assertLess(row[key], 100_000)
        unplug()
        plug("home")
        self.wait_mode("home")
        wait_until(lambda: self.bindings() == [], "the binding stays")

    def test_outside_nothing_leaves_in_clear(self):
        self.start_home_agent()
        plug("cafe")
        self.start()
        # Neither the home agent nor a gateway answers; whoever goes round the tunnel meets the gate.
        # covers: R5266-TRF-003, R5266-TRF-005
        self.assertFalse(ping("eth0"))
        self.assertFalse(ping("198.51.100.50"))
        self.assertFalse(ping())
        wait_until(lambda: "203.0.113.2" in self.status()["advice"], "no advice about the gateway")
        self.assertIn(self.status()["mode"], ("offline", "detecting"))
        self.assertGreater(self.status()["counters"]["gate.stopped-packets"], 0)

    @unittest.skipUnless(shutil.which("dnsmasq"), "no dnsmasq")
    def test_gateway_by_name(self):
        self.write("profile.conf", PROFILE + VPN.replace("203.0.113.2", "vpn.example.com"), 0o644)
        self.start_name_server()
        plug("cafe")
        self.start()
        # The gate is closed, and the question passed it: only roamd may ask.
        # covers: R5266-DET-012, R5266-TRF-005
        wait_until(lambda: self.status().get("gateway") == "203.0.113.2", f"not resolved: {self.status()}")
        wait_until(lambda: "203.0.113.2" in gate_gateways(), "the gate does not know it")
        self.assertTrue(asks_name_server(mark=0x5266))
        self.assertFalse(asks_name_server(mark=0))
        self.assertFalse(ping("eth0"))
        wait_until(lambda: "203.0.113.2" in self.status()["advice"], "no advice about the gateway")
        # The next start does not need the name service.
        self.roamd.send_signal(signal.SIGTERM)
        self.assertEqual(self.roamd.wait(timeout=10), 0)
        self.name_server.kill()
        self.name_server.wait()
        self.start()
        self.assertEqual(self.status()["gateway"], "203.0.113.2")
        self.assertIn("203.0.113.2", gate_gateways())

    def test_gateway_that_nobody_knows(self):
        self.write("profile.conf", PROFILE + VPN.replace("203.0.113.2", "vpn.example.com"), 0o644)
        self.write("resolv.conf", "nameserver 198.51.100.1\n", 0o644)
        self.start_home_agent()
        plug("cafe")
        self.start()
        self.assertEqual(self.status()["gateway"], "vpn.example.com")
        wait_until(lambda: "no name server knows" in self.status()["advice"], f"no advice: {self.status()}")
        self.assertIn("[vpn] gateway", self.status()["advice"])
        self.assertFalse(ping("eth0"))
        # Where the network is proved, nobody needs the name.
        unplug()
        plug("office")
        self.wait_mode("c")
        self.assertTrue(ping())

    def test_asked_secret(self):
        self.write("profile.conf", PROFILE + VPN.replace("vpn.psk", "ask"), 0o644)
        plug("cafe")
        self.start()
        wait_until(lambda: "roamctl secret" in self.status()["advice"], f"no advice: {self.status()}")
        request, = self.status()["pending-secrets"]
        self.assertEqual((request["kind"], request["gateway"], request["refusal"]), ("psk", "203.0.113.2", ""))
        short = subprocess.run([ROAMCTL, "secret"], env=self.bus.environment, input="short\n", capture_output=True,
                               text=True, timeout=30)
        self.assertEqual(short.returncode, 1)
        self.assertIn("at least 8 octets", short.stderr)
        self.assertEqual(len(self.status()["pending-secrets"]), 1)
        reply = subprocess.run([ROAMCTL, "secret"], env=self.bus.environment, input="correct horse battery staple\n",
                               capture_output=True, text=True, timeout=30)
        self.assertEqual((reply.returncode, reply.stderr), (0, ""))
        self.assertEqual(self.status()["pending-secrets"], [])
        # Now the gateway is tried, which does not answer here.
        wait_until(lambda: "203.0.113.2" in self.status()["advice"] and "secret" not in self.status()["advice"],
                   f"not tried: {self.status()}")
        self.log.flush()
        self.assertNotIn("correct horse", (self.directory / "log").read_text(encoding="utf-8"))

    def test_kill_in_the_middle(self):
        self.start_home_agent()
        plug("office")
        self.start()
        self.wait_mode("c")
        unplug()
        plug("cafe")
        wait_until(lambda: self.status()["mode"] != "c", "still c")
        self.roamd.kill()
        self.roamd.wait()
        # covers: R5266-TRF-005
        self.assertIn("table inet roamd", gate())
        self.assertFalse(ping("eth0"))
        self.assertIn("roam0", sh("ip", "link", ns=MN).stdout)
        rows = len(self.history() or [0])
        unplug()
        plug("office")
        self.start()
        self.wait_mode("c")
        self.assertTrue(ping())
        self.assertGreater(len(self.history()), rows - 1)

    def test_terminate(self):
        self.start_home_agent()
        plug("office")
        self.start()
        self.wait_mode("c")
        wait_until(lambda: self.bindings() != [], "no binding")
        self.roamd.send_signal(signal.SIGTERM)
        self.assertEqual(self.roamd.wait(timeout=10), 0)
        wait_until(lambda: self.bindings() == [], "the binding stays")
        self.assertIn("table inet roamd", gate())
        self.assertFalse(ping("eth0"))

    def test_disconnect_and_connect(self):
        self.start_home_agent()
        plug("office")
        self.start()
        self.wait_mode("c")
        self.assertEqual(self.ctl("disconnect").returncode, 0)
        wait_until(lambda: gate() == "", "the gate stays")
        self.assertNotIn("roam0", sh("ip", "link", ns=MN).stdout)
        wait_until(lambda: self.bindings() == [], "the binding stays")
        self.assertTrue(ping("10.2.0.50"))
        self.assertEqual(self.ctl("redetect").returncode, 1)
        self.assertEqual(self.ctl("connect").returncode, 0)
        self.wait_mode("c")
        self.assertTrue(ping())
        self.assertEqual(self.ctl("redetect", "eth0").returncode, 0)
        self.assertEqual(self.ctl("redetect", "nosuch0").returncode, 1)

    def test_proof_runs_out(self):
        self.start_home_agent()
        plug("office")
        self.start()
        self.wait_mode("c")
        # Renewed before it ends: T_MONITOR - N is 4 s here.
        # covers: R5266-MON-001, R5266-MON-002
        age = self.status()["links"][0]["proof-age-ms"]
        time.sleep(6)
        self.assertLess(self.status()["links"][0]["proof-age-ms"], age + 6000)
        self.stop_home_agent()
        # covers: R5266-MON-004, R5266-MON-009
        wait_until(lambda: self.status()["mode"] != "c", "still c without a home agent")
        self.assertFalse(ping())
        self.assertFalse(ping("eth0"))
        self.start_home_agent()
        wait_until(lambda: self.status()["mode"] == "c", "not c again")
        self.assertTrue(ping())

    def start_gate_watch(self):
        """The changes of the gate's sets from now on, as text."""
        path = self.directory / "gate-watch"
        with open(path, "w", encoding="utf-8") as output:
            process = subprocess.Popen(["ip", "netns", "exec", MN, "nft", "monitor", "elements"], stdout=output)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return lambda: path.read_text(encoding="utf-8")

    # covers: R5266-MODE-002, R5266-MODE-008, R5266-INT-003, MIP-REG-003, MIP-HOM-014, MIP-ADV-001
    def test_foreign_agent(self):
        self.start_home_agent()
        watch = self.start_gate_watch()
        self.start_foreign_agent("1100")  # F, T
        self.write("profile.conf", PROFILE.replace("[trust]", "foreign-agent=prefer\n[trust]"), 0o644)
        plug("office")
        self.start()
        self.wait_mode("f")
        wait_until(lambda: [b["care-of-address"] for b in self.bindings()] == ["10.2.0.9"], "no binding of the agent")
        # What was under way to our own address still came in (D-38).
        wait_until(lambda: "c_tunnel_late" in watch(), f"no time for packets under way: {watch()}")
        # From the home address, and the agent was never asked for by ARP.
        self.assertEqual(self.relayed()[1:], (HOME_ADDRESS, 255))
        self.assertNotIn("10.2.0.9", sh("ip", "neigh", ns=MN).stdout)
        status = self.status()
        self.assertEqual((status["foreign-agent"], status["care-of-address"]), ("10.2.0.9", "10.2.0.9"))
        self.assertIn("foreign agent 10.2.0.9", status["sentence"])
        self.assertTrue(ping())
        self.assertFalse(ping("eth0"))
        # covers: MIP-HOM-011, MIP-HOM-012
        self.assertFalse(answers_arp(HOME_ADDRESS, "br-office"))
        # c first (RFC 5266 3): the history says so. A proof lasts 10 s and is renewed through the agent.
        self.assertEqual([(r["from-mode"], r["to-mode"]) for r in self.history()], [("offline", "c"), ("c", "f")])
        wait_until(lambda: self.relayed()[0] >= 3, "the proof is not renewed through the agent")
        self.assertEqual(self.status()["mode"], "f")
        # The agent is gone: co-located again, without a moment in the clear.
        self.foreign_agent.kill()
        self.foreign_agent.wait()
        wait_until(lambda: self.status()["mode"] == "c", "not c again")
        wait_until(lambda: [b["care-of-address"] for b in self.bindings()] == ["10.2.0.50"], "not our own address")
        self.assertTrue(ping())

    # covers: MIP-HOM-002, MIP-HOM-005, MIP-HOM-006, MIP-HOM-007, MIP-HOM-009, MIP-HOM-013, MIP-HOM-016
    def test_arp_of_the_home_address(self):
        self.start_home_agent()
        watch = self.start_watch("p-mn")
        plug("office")
        self.start()
        self.wait_mode("c")
        # Away: the care-of address is answered for, the home address is not.
        self.assertFalse(answers_arp(HOME_ADDRESS, "br-office"))
        self.assertTrue(answers_arp("10.2.0.50", "br-office"))
        # Home: the carrier comes first, and with it the home agent's advertisements; then the address.
        unplug()
        heard = self.status()["counters"]["discovery.advertisements-accepted"]
        sh("ip", "link", "set", "p-mn", "master", "br-home", "up", ns=RT)
        wait_until(lambda: self.status()["counters"]["discovery.advertisements-accepted"] > heard, "no home agent heard")
        plug("home")
        self.wait_mode("home")
        own = json.loads(sh("ip", "-j", "link", "show", "eth0", ns=MN).stdout)[0]["address"]
        gratuitous = f"arp 1 ff:ff:ff:ff:ff:ff {own} {HOME_ADDRESS} {HOME_ADDRESS}"
        # Announced before the request, and again twice.
        wait_until(lambda: f"rrq {HOME_ADDRESS} 0" in watch(), f"no deregistration: {watch()}")
        self.assertIn(gratuitous, watch()[:watch().index(f"rrq {HOME_ADDRESS} 0")], watch())
        wait_until(lambda: watch().count(gratuitous) >= 3, f"not announced three times: {watch()}")

    # covers: MIP-MOV-019
    def test_foreign_agent_that_asks_for_registration(self):
        self.start_home_agent()
        self.start_foreign_agent("9100")  # R, F, T
        self.write("profile.conf", PROFILE, 0o644)
        plug("office")
        self.start()
        wait_until(lambda: self.status().get("foreign-agent") == "10.2.0.9", "not registered through the agent")
        self.assertEqual([b["care-of-address"] for b in self.bindings()], ["10.2.0.50"])
        self.assertTrue(ping())

    # covers: R5266-MODE-006, R5266-SEC-008
    def test_foreign_agent_on_an_untrusted_network(self):
        self.start_home_agent(trusted="10.1.0.0/24")
        self.start_foreign_agent("9100")
        self.write("profile.conf", PROFILE.replace("[trust]", "foreign-agent=prefer\n[trust]"), 0o644)
        plug("office")
        self.start()
        wait_until(lambda: self.status().get("counters", {}).get("discovery.advertisements-accepted", 0) > 2, "no advertisement heard")
        wait_until(lambda: "10.1.0.2" in self.status()["advice"], "no advice about the home agent")
        self.assertEqual(self.relayed()[0], 0)
        self.assertFalse(ping("eth0"))

    def test_wrong_key(self):
        self.start_home_agent()
        self.write("mn-ha.key", KEY[::-1], 0o600)
        self.write("profile.conf", PROFILE, 0o644)
        plug("office")
        self.start()
        wait_until(lambda: "10.1.0.2" in self.status()["advice"], "no advice about the home agent")
        self.assertEqual(self.status()["mode"], "offline")
        self.assertFalse(ping("eth0"))

    def test_home_agent_does_not_trust_the_network(self):
        self.start_home_agent(trusted="10.1.0.0/24")
        self.write("profile.conf", PROFILE, 0o644)
        plug("office")
        self.start()
        wait_until(lambda: "10.1.0.2" in self.status()["advice"], "no advice about the home agent")
        self.assertEqual(self.status()["mode"], "offline")
        self.assertFalse(ping("eth0"))

    def test_gate_only(self):
        plug("office")
        self.assertTrue(ping("10.2.0.50"))
        reply = subprocess.run(self.command("--gate-only"), capture_output=True, text=True, timeout=30)
        self.assertEqual((reply.returncode, reply.stderr), (0, ""))
        self.assertIn("table inet roamd", gate())
        self.assertFalse(ping("eth0"))

    def test_second_instance(self):
        self.start()
        reply = subprocess.run(self.command("--no-dbus"), capture_output=True, text=True, timeout=30)
        self.assertEqual(reply.returncode, 1)
        self.assertIn("Another roamd runs already", reply.stderr)

    def test_bad_profile(self):
        self.write("profile.conf", PROFILE.replace("spi=4096", "spi=1") + "[trust\n", 0o644)
        reply = subprocess.run(self.command(), capture_output=True, text=True, timeout=30)
        self.assertEqual(reply.returncode, 78)
        self.assertIn("profile.conf:", reply.stderr)


if __name__ == "__main__":
    if not possible():
        print("needs root, network namespaces, /dev/net/tun and nftables")
        sys.exit(77)
    outcome.main(*sys.argv[5:])
