#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_gateway.py ROAM_GW GW_PEER

roam-gw in network namespaces of its own (prefix gwt-, made and deleted here): a real strongSwan as client, with data;
clients behind a NAT; a client by hand that breaks the rules; packets that nobody should send. Needs root, and
strongSwan with kernel-libipsec; exit status 77 when this cannot run here.

                      [s] 10.4.0.10
                       |
  [a]-a0 198.51.100--+ in
  [a]-a1 198.18.2----[r]---203.0.113.2-[g]    a0 and g also have 2001:db8:a::/64 and 2001:db8:f::/64
  [b]-192.168.77-[n]-+
  [c]-192.168.78--+
"""
import base64
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fake"))
import outcome  # noqa: E402

ROAM_GW, GW_PEER = sys.argv[1:3]
CHARON = "/usr/lib/ipsec/charon"
NODES = ("g", "s", "r", "a", "b", "c", "n")
SECRETS = {"alice@example.com": "opensesame", "bob@example.com": "sesameopen", "carol@example.com": "mellonmellon"}
GATEWAY, GATEWAY6, SERVER, SERVER6 = "203.0.113.2", "2001:db8:f::2", "10.4.0.10", "2001:db8:4::10"
PATIENCE = 15

STRONGSWAN = """
charon {{
  load = random nonce aes sha1 sha2 hmac kdf openssl curve25519 pem pkcs1 pkcs8 x509 pubkey constraints gcm kernel-libipsec kernel-netlink socket-default vici
  install_virtual_ip_on = lo
  plugins {{ vici {{ socket = unix://{dir}/run/charon.vici }} }}
  filelog {{ log {{
      path = {dir}/charon.log
      default = 1
      ike = 2
      flush_line = yes
  }} }}
}}
swanctl {{ load = pem pkcs1 pkcs8 x509 pubkey openssl random }}
"""
CONNECTION = """
connections {{ rw {{
    remote_addrs = 203.0.113.2
    version = 2
    mobike = {mobike}
    vips = {vips}
    proposals = aes256gcm16-prfsha384-ecp384
    local {{ auth = {auth}
      id = {id}
      {certificate} }}
    remote {{ auth = {auth}
      id = vpn.example.com
      {ca} }}
    children {{ c {{
        remote_ts = 10.0.0.0/8,2001:db8:4::/64
        esp_proposals = aes256gcm16-ecp384,aes256gcm16
    }} }}
}} }}
secrets {{ ike-1 {{
    id-1 = {id}
    id-2 = vpn.example.com
    secret = "{secret}"
}} }}
"""
CONFIGURATION = """
[gateway]
id=vpn.example.com
pool=10.8.0.0/24
networks=10.0.0.0/8
tun-name=gw0
{settings}
"""
ECHO = """
import socket, sys, threading, hashlib
def tcp():
    listener = socket.create_server(("10.4.0.10", 9000))
    while True:
        s, _ = listener.accept()
        digest = hashlib.sha256()
        while data := s.recv(65536):
            digest.update(data)
        s.sendall(digest.hexdigest().encode())
        s.close()
threading.Thread(target=tcp, daemon=True).start()
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.4.0.10", 7))
print("ready", flush=True)
while True:
    data, peer = s.recvfrom(2048)
    print(peer[0], data.decode(errors="replace"), flush=True)
    s.sendto(data, peer)
"""
UPLOAD = """
import hashlib, os, socket

data = os.urandom(1 << 20) * 4
s = socket.create_connection(("10.4.0.10", 9000), 10, ("{inner}", 0))
s.sendall(data)
s.shutdown(socket.SHUT_WR)
print("same" if s.recv(64).decode() == hashlib.sha256(data).hexdigest() else "another")
"""
NAT = """
table ip nat {
  chain postrouting {
    type nat hook postrouting priority 100;
    oifname "out" masquerade random
  }
}"""


def ns(node):
    return "gwt-" + node


def run(*args, check=True, **kwargs):
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True, **kwargs)
    if check and done.returncode != 0:
        raise AssertionError(f"{args}: {done.stdout}{done.stderr}")
    return done.stdout


def inside(node, *args):
    return ["ip", "netns", "exec", ns(node), *map(str, args)]


def wait_for(condition, what, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("not within %g s: %s" % (seconds, what() if callable(what) else what))
        time.sleep(0.02)


def delete_namespaces():
    for node in NODES:
        run("ip", "netns", "delete", ns(node), check=False)


def cable(one, name, addresses, other, other_name, other_addresses):
    run("ip", "link", "add", name, "netns", ns(one), "type", "veth", "peer", "name", other_name, "netns", ns(other))
    for node, interface, addrs in ((one, name, addresses), (other, other_name, other_addresses)):
        for addr in addrs:
            run("ip", "-n", ns(node), "addr", "add", addr, "dev", interface, *(["nodad"] if ":" in addr else []))
        run("ip", "-n", ns(node), "link", "set", interface, "up")


def route(node, *words):
    run("ip", "-n", ns(node), "route", "add", *words)


def build_network():
    delete_namespaces()
    for node in NODES:
        run("ip", "netns", "add", ns(node))
        run("ip", "-n", ns(node), "link", "set", "lo", "up")
        run(*inside(node, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward;"
                                      "echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter;"
                                      "echo 0 > /proc/sys/net/ipv4/conf/default/rp_filter"))
    for node in "rg":
        run(*inside(node, "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding"))
    cable("g", "out", ("203.0.113.2/24", "2001:db8:f::2/64"), "r", "gw", ("203.0.113.1/24", "2001:db8:f::1/64"))
    cable("g", "in", ("10.4.0.1/24", "2001:db8:4::1/64"), "s", "eth0", ("10.4.0.10/24", "2001:db8:4::10/64"))
    cable("a", "a0", ("198.51.100.50/24", "2001:db8:a::50/64"), "r", "a0", ("198.51.100.1/24", "2001:db8:a::1/64"))
    cable("a", "a1", ("198.18.2.50/24",), "r", "a1", ("198.18.2.1/24",))
    cable("n", "out", ("192.0.2.2/24",), "r", "nat", ("192.0.2.1/24",))
    cable("b", "b0", ("192.168.77.50/24",), "n", "in1", ("192.168.77.1/24",))
    cable("c", "c0", ("192.168.78.50/24",), "n", "in2", ("192.168.78.1/24",))
    route("g", "default", "via", "203.0.113.1")
    route("g", "default", "via", "2001:db8:f::1")
    route("s", "default", "via", "10.4.0.1")
    route("s", "default", "via", "2001:db8:4::1")
    route("b", "default", "via", "192.168.77.1")
    route("c", "default", "via", "192.168.78.1")
    plug_all()
    run(*inside("n", "nft", "-f", "-"), input=NAT)


def plug_all():
    """What a test may have taken down: with the link go its routes and its IPv6 addresses."""
    for node, name in (("a", "a0"), ("a", "a1"), ("n", "out")):
        run("ip", "-n", ns(node), "link", "set", name, "up")
    run("ip", "-n", ns("a"), "addr", "replace", "2001:db8:a::50/64", "dev", "a0", "nodad")
    for node, *words in (("a", "via", "198.51.100.1", "metric", "10"), ("a", "via", "198.18.2.1", "metric", "20"),
                         ("a", "via", "2001:db8:a::1"), ("n", "via", "192.0.2.1")):
        run("ip", "-n", ns(node), "route", "replace", "default", *words)


def restart_nat():
    """It loses its mappings when its outer interface goes; new ones have other ports."""
    run("ip", "-n", ns("n"), "link", "set", "out", "down")
    plug_all()


class Program:
    """A process whose output goes to a file that is read again and again."""

    def __init__(self, node, path, *argv):
        self.path = path
        with path.open("w") as output:
            self.process = subprocess.Popen(inside(node, *argv), stdin=subprocess.PIPE, stdout=output,
                                            stderr=subprocess.STDOUT, text=True)

    def text(self):
        return self.path.read_text()

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def wait_for(self, word, n=1):
        wait_for(lambda: self.text().count(word) >= n, lambda: f"'{word}' {n} times in:\n{self.text()}")

    def stop(self):
        """Its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdin.close()
        return self.process.returncode


class Gateway(Program):
    def __init__(self, directory, settings="", clients=None):
        self.directory = directory
        conf = directory / "gateway.conf"
        text = CONFIGURATION.format(settings=settings)
        for number, (name, secret) in enumerate((SECRETS if clients is None else clients).items()):
            if secret is None:
                text += f"[client {name}]\nauth=certificate\n"
                continue
            key = directory / f"{number}.psk"
            key.touch(mode=0o600)
            key.write_text(secret + "\n")
            text += f"[client {name}]\npsk-file={key.name}\n"
        conf.write_text(text)
        self.control = directory / "control"
        super().__init__("g", directory / "gateway.log", ROAM_GW, "--config", conf, "--control", self.control)
        wait_for(self.answers, lambda: "an answer of the gateway:\n" + self.text())

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError("the gateway does not start:\n" + self.text())
        return "clients" in run(ROAM_GW, "--status", "--control", self.control, check=False)

    def status(self):
        return json.loads(run(ROAM_GW, "--status", "--control", self.control))

    def client(self, identity):
        found = [c for c in self.status()["clients"] if c["identity"] == identity]
        if len(found) != 1:
            raise AssertionError(f"{identity}: {len(found)} times in {self.status()['clients']}")
        return found[0]

    def count(self, name):
        return self.status()["data-counters"][name]

    def ike_count(self, name):
        return self.status()["ike-counters"].get(name, 0)


class Charon:
    """strongSwan as client on @node."""

    def __init__(self, node, directory, identity, pki=None, mobike="yes", vips="0.0.0.0"):
        self.node, self.dir = node, directory
        (directory / "run").mkdir(parents=True)
        conf = directory / "strongswan.conf"
        conf.write_text(STRONGSWAN.format(dir=directory))
        self.env = dict(os.environ, STRONGSWAN_CONF=str(conf), SWANCTL_DIR=str(directory))
        if pki:
            (directory / "private").mkdir()
            shutil.copy(pki / "client.key", directory / "private")
        self.process = subprocess.Popen(
            inside(node, "unshare", "-m", "sh", "-c", f"mount --bind {directory}/run /run && exec {CHARON}"),
            env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for((directory / "run" / "charon.vici").exists, "charon")
        (directory / "swanctl.conf").write_text(CONNECTION.format(
            auth="pubkey" if pki else "psk", id=identity, secret=SECRETS[identity], mobike=mobike, vips=vips,
            certificate=f"certs = {pki}/client.pem" if pki else "", ca=f"cacerts = {pki}/ca.pem" if pki else ""))
        self.swanctl("--load-all", "--noprompt", "--file", directory / "swanctl.conf")

    def swanctl(self, *args):
        return run("swanctl", *args, "--uri", f"unix://{self.dir}/run/charon.vici", env=self.env)

    def connect(self):
        """Its inner address."""
        self.swanctl("--initiate", "--child", "c", "--timeout", "10")
        for line in self.swanctl("--list-sas").splitlines():
            if line.strip().startswith("local ") and "/32" not in line and "[" in line:
                return line.rsplit("[", 1)[1].rstrip("]")
        raise AssertionError("no inner address:\n" + self.swanctl("--list-sas"))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def ping(node, inner, n=5, seconds=5, target=SERVER):
    """How many of @n came back."""
    text = run(*inside(node, "ping", "-n", "-c", n, "-i", 0.05, "-w", seconds, "-I", inner, target), check=False)
    return int(text.split(" received")[0].rsplit(" ", 1)[1])


def make_pki(directory):
    directory.mkdir()

    def save(name, *command):
        (directory / name).touch(mode=0o600)
        (directory / name).write_text(run("pki", *command, "--outform", "pem"))
    for who in ("ca", "gateway", "client"):
        save(who + ".key", "--gen", "--type", "ecdsa", "--size", 256)
    save("ca.pem", "--self", "--ca", "--in", directory / "ca.key", "--type", "ecdsa", "--dn", "CN=Example CA")
    for who, san in (("gateway", "vpn.example.com"), ("client", "alice@example.com")):
        save(who + ".pub", "--pub", "--in", directory / (who + ".key"), "--type", "ecdsa")
        save(who + ".pem", "--issue", "--cacert", directory / "ca.pem", "--cakey", directory / "ca.key", "--in",
             directory / (who + ".pub"), "--type", "pub", "--dn", "CN=" + who, "--san", san)
    return directory


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        build_network()
        cls.shared = pathlib.Path(tempfile.mkdtemp(prefix="gwt-"))
        cls.server = Program("s", cls.shared / "server.log", "/usr/bin/python3", "-c", ECHO)
        cls.server.wait_for("ready")

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        delete_namespaces()
        shutil.rmtree(cls.shared, ignore_errors=True)

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="gwt-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        plug_all()

    def gateway(self, settings="", clients=None):
        gateway = Gateway(self.dir, settings, clients)
        self.addCleanup(gateway.stop)
        return gateway

    def charon(self, node="a", identity="alice@example.com", **kwargs):
        charon = Charon(node, self.dir / ("charon-" + node), identity, **kwargs)
        self.addCleanup(charon.stop)
        return charon

    def peer(self, *options, node="a", local="198.51.100.50", gateway=GATEWAY, identity="alice@example.com"):
        peer = Program(node, self.dir / f"peer-{node}.log", GW_PEER, *options, local, gateway, identity,
                       SECRETS[identity])
        self.addCleanup(peer.stop)
        return peer

    def assert_echo(self, peer, inner, text):
        peer.tell(f"send {inner} {SERVER} {text}")
        peer.wait_for(f"received {SERVER} {inner} {text}")

    def assert_echo_in_the_end(self, peer, inner, text):
        """Of several, as a router that was just switched on loses some."""
        def came():
            peer.tell(f"send {inner} {SERVER} {text}")
            time.sleep(0.2)
            return f"received {SERVER} {inner} {text}" in peer.text()
        wait_for(came, lambda: f"an answer to {text}:\n{peer.text()}")


@unittest.skipUnless(os.access(CHARON, os.X_OK) and shutil.which("swanctl") and shutil.which("pki"), "no strongSwan")
class Strongswan(Case):
    def upload(self, node, inner):
        return run(*inside(node, "/usr/bin/python3", "-c", UPLOAD.format(inner=inner))).strip()

    def test_data_rekeying_moving_leaving(self):
        gateway, charon = self.gateway(), self.charon()
        inner = charon.connect()
        self.assertEqual(inner, "10.8.0.1")
        self.assertEqual(ping("a", inner), 5)
        self.assertEqual(self.upload("a", inner), "same")
        client = gateway.client("alice@example.com")
        self.assertEqual((client["dialect"], client["remote"]), ("mobike", "198.51.100.50:4500"))
        self.assertGreater(client["rx-octets"], 4 << 20)
        charon.swanctl("--rekey", "--child", "c")
        wait_for(lambda: gateway.client("alice@example.com")["spi-in"] != client["spi-in"], "another Child SA")
        self.assertEqual(ping("a", inner), 5)
        charon.swanctl("--rekey", "--ike", "rw")
        self.assertEqual(ping("a", inner), 5)
        run("ip", "-n", ns("a"), "link", "set", "a0", "down")
        wait_for(lambda: gateway.client("alice@example.com")["remote"] == "198.18.2.50:4500", "the move")
        wait_for(lambda: ping("a", inner, 1, 1) == 1, "data on the other link")
        charon.swanctl("--terminate", "--ike", "rw")
        wait_for(lambda: not gateway.status()["clients"], "the end of the client")
        self.assertEqual(gateway.status()["n-clients"], 0)
        self.assertIn("moved to 198.18.2.50:4500", gateway.text())

    def test_certificates(self):
        pki = make_pki(self.dir / "pki")
        gateway = self.gateway(f"certificate-file={pki}/gateway.pem\nprivate-key-file={pki}/gateway.key\n"
                               f"ca-file={pki}/ca.pem", {"alice@example.com": None})
        charon = self.charon(pki=pki)
        self.assertEqual(ping("a", charon.connect()), 5)
        self.assertEqual(gateway.client("alice@example.com")["state"], "established")

    def test_ip6_inside(self):
        gateway = self.gateway("pool6=2001:db8:8::/64\nnetworks=10.0.0.0/8;2001:db8:4::/64")
        charon = self.charon(vips="0.0.0.0,::")
        charon.connect()
        client = gateway.client("alice@example.com")
        self.assertEqual((client["inner"], client["inner6"]), ("10.8.0.1", "2001:db8:8::1"))
        self.assertEqual(ping("a", "10.8.0.1"), 5)
        self.assertEqual(ping("a", "2001:db8:8::1", target=SERVER6), 5)

    def test_redirect(self):
        gateway, charon = self.gateway("redirect=203.0.113.9"), self.charon()
        with self.assertRaises(AssertionError):
            charon.connect()
        self.assertIn("203.0.113.9", (charon.dir / "charon.log").read_text())
        self.assertEqual(gateway.status()["clients"], [])

    def test_wrong_secret_is_refused(self):
        gateway = self.gateway(clients={"alice@example.com": "another secret"})
        charon = self.charon()
        with self.assertRaises(AssertionError):
            charon.connect()
        self.assertEqual(gateway.status()["clients"], [])
        self.assertIn("refused", gateway.text())

    # covers: MOB-IMP-001
    def test_two_behind_one_nat(self):
        gateway = self.gateway()
        clients = {node: self.charon(node, identity) for node, identity in
                   (("b", "bob@example.com"), ("c", "carol@example.com"))}
        inner = {node: charon.connect() for node, charon in clients.items()}
        self.assertEqual(set(inner.values()), {"10.8.0.1", "10.8.0.2"})
        both = [gateway.client(i) for i in ("bob@example.com", "carol@example.com")]
        self.assertEqual([c["nat"] for c in both], [True, True])
        self.assertEqual({c["remote"].split(":")[0] for c in both}, {"192.0.2.2"})
        self.assertNotEqual(both[0]["remote"], both[1]["remote"])
        for _ in range(2):
            for node in clients:
                self.assertEqual(ping(node, inner[node]), 5)
        # From one client to the other: out of one tunnel into the other.
        text = run(*inside("b", "ping", "-n", "-c", 3, "-i", 0.05, "-w", 5, "-I", inner["b"], inner["c"]), check=False)
        self.assertIn(" 3 received", text)

    # covers: MOB-SUP-005
    def test_esp_follows_a_nat_without_mobike(self):
        gateway, charon = self.gateway(), self.charon("b", "bob@example.com", mobike="no")
        inner = charon.connect()
        self.assertEqual(ping("b", inner), 5)
        before = gateway.client("bob@example.com")
        self.assertEqual(before["dialect"], "none")
        restart_nat()
        wait_for(lambda: ping("b", inner, 1, 1) == 1, "data after the NAT's restart")
        self.assertNotEqual(gateway.client("bob@example.com")["remote"], before["remote"])
        self.assertGreaterEqual(gateway.count("followed-nat"), 1)


class ByHand(Case):
    # covers: MOB-SEC-003
    def test_only_its_own_address(self):
        gateway, peer = self.gateway(), self.peer()
        peer.wait_for("established 10.8.0.1")
        self.assert_echo(peer, "10.8.0.1", "first")
        for wrong, counter in ((f"send 10.8.0.2 {SERVER} spoofed", "spoofed"),
                               (f"send {SERVER} 10.8.0.1 spoofed", "spoofed"),
                               ("send 10.8.0.1 203.0.113.9 elsewhere", "not-in-selectors"),
                               ("replay", "replayed"), ("corrupt", "replayed")):
            before = gateway.count(counter)
            peer.tell(wrong)
            wait_for(lambda: gateway.count(counter) == before + 1, f"{counter} after '{wrong}'")
        self.assert_echo(peer, "10.8.0.1", "last")
        # Being at an address gives no right to use it inside.
        peer.tell("move 198.18.2.50")
        peer.wait_for("path-ok")
        before = gateway.count("spoofed")
        peer.tell(f"send 198.18.2.50 {SERVER} spoofed")
        wait_for(lambda: gateway.count("spoofed") == before + 1, "the drop of what has the outer address inside")
        self.assert_echo(peer, "10.8.0.1", "moved")
        self.assertNotIn("spoofed", self.server.text())

    # covers: IKE-ESP-007
    def test_next_header(self):
        gateway, peer = self.gateway(), self.peer()
        peer.wait_for("established 10.8.0.1")
        for number, counter in ((59, "dummy"), (17, "next-header"), (0, "next-header"), (41, "malformed")):
            before = gateway.count(counter)
            peer.tell(f"next {number} 10.8.0.1")
            wait_for(lambda: gateway.count(counter) == before + 1, f"{counter} after {number}")
        self.assert_echo(peer, "10.8.0.1", "four")
        self.assertNotIn("next", self.server.text())

    # covers: IKE-ESP-015, IKE-TRN-007
    def test_esp_alternates(self):
        gateway, peer = self.gateway(), self.peer("--raw")
        peer.wait_for("established 10.8.0.1")
        for number, form in enumerate(("udp", "raw", "udp", "raw")):
            peer.tell(f"form {form}")
            self.assert_echo(peer, "10.8.0.1", f"{form}-{number}")
        self.assertEqual(gateway.client("alice@example.com")["encapsulation"], "none")

    def test_esp_by_itself(self):
        gateway, peer = self.gateway(), self.peer("--raw")
        peer.wait_for("established 10.8.0.1")
        self.assertEqual(gateway.client("alice@example.com")["encapsulation"], "none")
        self.assert_echo(peer, "10.8.0.1", "raw")
        peer.tell("move 198.18.2.50")
        peer.wait_for("path-ok")
        self.assert_echo(peer, "10.8.0.1", "moved")
        self.assertTrue(gateway.client("alice@example.com")["remote"].startswith("198.18.2.50:"))
        peer.tell("rekey")
        peer.wait_for("rekeyed")
        self.assert_echo(peer, "10.8.0.1", "rekeyed")

    def test_ip6_outside(self):
        for options in ((), ("--raw",)):
            with self.subTest(options=options):
                gateway = self.gateway()
                peer = self.peer(*options, local="2001:db8:a::50", gateway=GATEWAY6)
                peer.wait_for("established 10.8.0.1")
                self.assert_echo(peer, "10.8.0.1", "over-ip6")
                client = gateway.client("alice@example.com")
                self.assertTrue(client["remote"].startswith("[2001:db8:a::50]:"), client["remote"])
                self.assertEqual(client["encapsulation"], "none" if options else "udp")
                peer.stop()
                gateway.stop()

    def test_end_of_the_gateway_is_told(self):
        gateway, peer = self.gateway(), self.peer()
        peer.wait_for("established")
        begin = time.monotonic()
        self.assertEqual(gateway.stop(), 0)
        self.assertLess(time.monotonic() - begin, 1.5)
        peer.wait_for("ended")
        self.assertNotIn("gw0", run("ip", "-n", ns("g"), "-br", "link"))
        self.assertFalse(gateway.control.exists())

    def test_end_without_an_answer(self):
        gateway, peer = self.gateway(), self.peer()
        peer.wait_for("established")
        run("ip", "-n", ns("a"), "link", "set", "a0", "down")
        self.assertEqual(gateway.stop(), 0)

    def test_newcomer_of_the_same_name(self):
        gateway, first = self.gateway(), self.peer(identity="bob@example.com", node="b", local="192.168.77.50")
        first.wait_for("established 10.8.0.1")
        first.process.send_signal(signal.SIGKILL)
        second = self.peer(identity="bob@example.com", node="c", local="192.168.78.50")
        second.wait_for("established")
        wait_for(lambda: len(gateway.status()["clients"]) == 1, "only the newcomer")
        inner = gateway.client("bob@example.com")["inner"]
        self.assert_echo(second, inner, "newcomer")


class Mobike(Case):
    def test_nat_forbidden(self):
        gateway = self.gateway("dialects=mobike\nnat=forbid")
        behind = self.peer("--no-nat", node="b", local="192.168.77.50", identity="bob@example.com")
        behind.wait_for("ended ")
        self.assertIn("NAT", behind.text())
        peer = self.peer("--no-nat", "--raw")
        peer.wait_for("established 10.8.0.1")
        self.assertEqual(gateway.client("alice@example.com")["dialect"], "mobike")
        self.assert_echo(peer, "10.8.0.1", "by-itself")


class Mopo(Case):
    # covers: MOPO-CHR-004, MOPO-CHG-012
    def test_moves(self):
        gateway, peer = self.gateway("dialects=mopo"), self.peer("--mopo")
        peer.wait_for("established 10.8.0.1")
        client = gateway.client("alice@example.com")
        self.assertEqual((client["dialect"], client["encapsulation"]), ("mopo", "udp"))
        self.assert_echo(peer, "10.8.0.1", "before")
        peer.tell("move 198.18.2.50")
        peer.wait_for("path-ok")
        # With sequence numbers that begin anew it would be dropped as replayed.
        self.assert_echo(peer, "10.8.0.1", "after")
        moved = gateway.client("alice@example.com")
        self.assertEqual((moved["remote"], moved["ike-remote"]), ("198.18.2.50:4500",) * 2)
        self.assertEqual([moved[key] for key in ("spi-in", "spi-out")], [client[key] for key in ("spi-in", "spi-out")])
        self.assertEqual(gateway.count("replayed"), 0)

    # covers: MOPO-TBD-015, MOPO-TBD-016, IKE-NAT-008
    def test_esp_follows_a_nat(self):
        """ESP alone follows the NAT, with a new packet only; the IKE SA waits for CHANGE_PATH."""
        gateway = self.gateway("dialects=mopo")
        peer = self.peer("--mopo", node="b", local="192.168.77.50", identity="bob@example.com")
        peer.wait_for("established 10.8.0.1")
        peer.tell("check")  # now it knows as whom the gateway sees it
        peer.wait_for("path-ok")
        self.assert_echo(peer, "10.8.0.1", "first")
        before, replayed = gateway.client("bob@example.com"), gateway.count("replayed")
        restart_nat()
        peer.tell("replay")
        wait_for(lambda: gateway.count("replayed") == replayed + 1, "a replayed packet from the new port")
        self.assertEqual(gateway.client("bob@example.com")["remote"], before["remote"])
        self.assert_echo_in_the_end(peer, "10.8.0.1", "another-port")
        after = gateway.client("bob@example.com")
        self.assertNotEqual(after["remote"], before["remote"])
        self.assertEqual(after["ike-remote"], before["ike-remote"])
        self.assertEqual(gateway.count("followed-nat"), 1)
        peer.tell("check")
        wait_for(lambda: gateway.client("bob@example.com")["ike-remote"] == after["remote"], lambda: "CHANGE_PATH: "
                 + str((before, gateway.client("bob@example.com"))))
        self.assert_echo(peer, "10.8.0.1", "changed-path")

    # covers: MOPO-ENG-003
    def test_each_dialect_alone(self):
        """A client is refused nothing for its dialect: without a common one it just cannot move."""
        for settings, options, dialect in (("dialects=mobike", ("--mopo",), "none"), ("dialects=mopo", (), "none"),
                                           ("dialects=none", (), "none"), ("dialects=mobike;mopo", ("--mopo",), "mopo"),
                                           ("dialects=mobike;mopo", (), "mobike")):
            with self.subTest(settings=settings, options=options):
                gateway, peer = self.gateway(settings), self.peer(*options)
                peer.wait_for("established")
                self.assertEqual(gateway.client("alice@example.com")["dialect"], dialect)
                peer.tell("quit")
                peer.wait_for("ended")
                gateway.stop()

    def test_nat_forbidden(self):
        gateway = self.gateway("dialects=mopo\nnat=forbid")
        behind = self.peer("--mopo", "--no-nat", node="b", local="192.168.77.50", identity="bob@example.com")
        behind.wait_for("ended ")
        self.assertIn("NAT", behind.text())
        peer = self.peer("--mopo", "--no-nat", "--raw")
        peer.wait_for("established 10.8.0.1")
        self.assertEqual(gateway.client("alice@example.com")["encapsulation"], "none")
        self.assert_echo(peer, "10.8.0.1", "by-itself")
        self.assertEqual(len(gateway.status()["clients"]), 1)

    # covers: MOPO-NP-011
    def test_nat_forbidden_by_the_gateway_alone(self):
        """The client shows no NAT_PREVENTION, as its policy does not ask for it."""
        gateway = self.gateway("dialects=mopo\nnat=forbid")
        behind = self.peer("--mopo", node="b", local="192.168.77.50", identity="bob@example.com")
        behind.wait_for("ended ")
        self.assertIn("NAT_PREVENTED", behind.text())
        self.assertEqual(gateway.status()["clients"], [])


class Hostile(Case):
    def send(self, node, target, port, payloads):
        script = ("import socket, sys, json, base64\n"
                  "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                  "for item in json.load(sys.stdin):\n"
                  f"    s.sendto(base64.b64decode(item), ('{target}', {port}))\n")
        run(*inside(node, "/usr/bin/python3", "-c", script),
            input=json.dumps([base64.b64encode(p).decode() for p in payloads]))

    def send_raw(self, node, target, payloads):
        script = ("import socket, sys, json, base64\n"
                  "s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 50)\n"
                  "for item in json.load(sys.stdin):\n"
                  f"    s.sendto(base64.b64decode(item), ('{target}', 0))\n")
        run(*inside(node, "/usr/bin/python3", "-c", script),
            input=json.dumps([base64.b64encode(p).decode() for p in payloads]))

    # covers: IKE-ESP-014
    def test_garbage(self):
        """Everything that any stranger can send; the client who is there notices nothing."""
        gateway, peer = self.gateway(), self.peer()
        peer.wait_for("established 10.8.0.1")
        spi = bytes.fromhex(gateway.client("alice@example.com")["spi-in"])
        chance = random.Random(4711)
        garbage = [chance.randbytes(n) for n in (0, 1, 2, 3, 4, 5, 7, 8, 27, 28, 29, 100, 1400, 9000)]
        ike = [b"\0\0\0\0" + g for g in garbage]
        init = chance.randbytes(8) + b"\0" * 8 + bytes((33, 0x20, 34, 8)) + b"\0" * 4
        ike += [b"\0\0\0\0" + init + (28 + len(g)).to_bytes(4, "big") + g for g in garbage]
        esp = [spi + g for g in garbage] + [b"\0\0\0\x01" + g for g in garbage]
        self.send("b", GATEWAY, 4500, garbage + ike + esp + [b"\xff"])
        self.send("b", GATEWAY, 500, garbage + [i[4:] for i in ike])
        self.send_raw("a", GATEWAY, garbage + esp)
        self.assert_echo(peer, "10.8.0.1", "undisturbed")
        status = gateway.status()
        self.assertEqual(len(status["clients"]), 1)
        self.assertGreater(status["data-counters"]["unknown-spi"], 5)
        self.assertGreater(status["data-counters"]["malformed"] + status["data-counters"]["authenticator"], 5)
        self.assertEqual(status["data-counters"]["spoofed"], 0)
        self.assertIsNone(gateway.process.poll())

    def test_flood_of_half_open(self):
        """Beginnings of IKE_SA_INIT with proper headers from one host; one client comes all the same."""
        gateway = self.gateway("cookie-threshold=4")
        chance = random.Random(4712)
        flood = []
        for _ in range(3000):
            body = chance.randbytes(60)
            flood.append(chance.randbytes(8) + b"\0" * 8 + bytes((33, 0x20, 34, 8)) + b"\0" * 4
                         + (28 + len(body)).to_bytes(4, "big") + body)
        self.send("b", GATEWAY, 500, flood)
        peer = self.peer()
        peer.wait_for("established 10.8.0.1")
        self.assert_echo(peer, "10.8.0.1", "through")
        self.assertLess(len(gateway.text().splitlines()), 60, "log lines about strangers are limited")


class Configuration(unittest.TestCase):
    GOOD = "[gateway]\npool=10.8.0.0/24\n[client *]\npsk-file=k\n"

    def check(self, text, secret="opensesame\n", mode=0o600):
        with tempfile.TemporaryDirectory(prefix="gwt-") as directory:
            path = pathlib.Path(directory, "g.conf")
            path.write_text(text)
            key = pathlib.Path(directory, "k")
            key.write_text(secret)
            key.chmod(mode)
            done = subprocess.run([ROAM_GW, "--check", "--config", str(path)], capture_output=True, text=True)
            return done.returncode, done.stderr.replace(directory, "DIR")

    def test_good(self):
        self.assertEqual(self.check(self.GOOD), (0, ""))
        self.assertEqual(self.check(self.GOOD, "0x" + "ab" * 20 + "\n"), (0, ""))
        self.assertEqual(self.check("[gateway]\npool6=2001:db8:8::/64\ndialects=mopo\nnat=forbid\nmtu=1280\n"
                                    "dns=10.4.0.53;2001:db8::53\nrefused=192.0.2.0/24\nannounce=10.9.0.2\n"
                                    "redirect=vpn2.example.com\nroutability=after\ntickets=no\n[client a@example.com]\n"
                                    "psk-file=k\n"), (0, ""))

    def test_every_fault_names_its_place(self):
        for group, key, value, allowed in (
                ("gateway", "pool", "10.8.0.0/33", "an IPv4 prefix"), ("gateway", "pool6", "10.0.0.0/8", "an IPv6 prefix"),
                ("gateway", "dns", "1;2", "up to 4 addresses"), ("gateway", "networks", "ten", "prefixes"),
                ("gateway", "refused", "ten", "prefixes"), ("gateway", "announce", "me", "up to 8 addresses"),
                ("gateway", "dialects", "french", "mobike, mopo"), ("gateway", "nat", "maybe", "traverse, forbid"),
                ("gateway", "udp-encapsulation", "no", "when-needed, always"),
                ("gateway", "routability", "maybe", "before, after, never"), ("gateway", "redirect", "a b", "address or name"),
                ("gateway", "tickets", "1", "no, yes"), ("gateway", "ike-proposals", "rot13", "rot13"),
                ("gateway", "esp-proposals", "rot13", "rot13"), ("gateway", "max-clients", "0", "a number from 1"),
                ("gateway", "mtu", "100", "a number from 576"), ("gateway", "tun-name", "a/b", "an interface name"),
                ("gateway", "rekey-ike", "5", "a number from 60"), ("gateway", "control", "here", "an absolute path"),
                ("gateway", "colour", "green", "unknown key"), ("client *", "auth", "oath", "psk, certificate"),
                ("client *", "colour", "green", "unknown key")):
            # Of a key that stands twice the last one counts.
            after = "pool=10.8.0.0/24\n" if group == "gateway" else "psk-file=k\n"
            text = self.GOOD.replace(after, f"{after}{key}={value}\n")
            status, errors = self.check(text)
            self.assertEqual(status, 78, key)
            self.assertIn(f"DIR/g.conf: [{group}] {key}: ", errors)
            self.assertIn(allowed, errors, key)

    def test_what_is_missing(self):
        for text, words in (("[client *]\npsk-file=k\n", "[gateway] pool: missing"),
                            ("[gateway]\npool=10.8.0.0/24\n", "no client"),
                            ("[gateway]\npool=10.8.0.0/24\n[client *]\n", "[client *] psk-file: missing"),
                            ("[gateway]\npool=10.8.0.0/24\n[client *]\nauth=certificate\n", "certificate"),
                            (self.GOOD + "[clients]\n", "[clients]: unknown group"),
                            ("[gateway]\npool=10.8.0.0/24\nnat=forbid\nudp-encapsulation=always\n[client *]\npsk-file=k\n",
                             "[gateway] udp-encapsulation: "), ("pool", "g.conf: ")):
            status, errors = self.check(text)
            self.assertEqual(status, 78, text)
            self.assertIn(words, errors)

    def test_secrets(self):
        for secret, mode, words in (("short\n", 0o600, "at least 8 octets"), ("0xabc\n", 0o600, "hex digits"),
                                    ("opensesame\n", 0o644, "chmod 0600")):
            status, errors = self.check(self.GOOD, secret, mode)
            self.assertEqual(status, 78)
            self.assertIn(words, errors)
            self.assertNotIn("opensesame", errors)

    def test_usage(self):
        for words in (["--nosuch"], ["extra"], ["--log-level", "loud"]):
            done = subprocess.run([ROAM_GW, *words], capture_output=True, text=True)
            self.assertEqual(done.returncode, 2)
            self.assertIn("roam-gw --help", done.stderr)
        self.assertEqual(run(ROAM_GW, "--version").split()[0], "roam-gw")
        done = subprocess.run([ROAM_GW, "--status", "--control", "/nonexistent/control"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("not running", done.stderr)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("needs root")
        sys.exit(77)
    outcome.main(*sys.argv[3:])
