#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""test-vpn-netns.py ROAMD ROAM_HAD ROAMCTL POLICY ROAM_GW

The whole daemon outside the enterprise with a real gateway, strongSwan or roam-gw, and roam-had behind it, in network
namespaces of its own (names begin with rtv-): two cafes, a router, the gateway, the home link. Exit status
77 (skipped) without root, namespaces, TUN or nftables; the cases with strongSwan want its kernel-libipsec and
EAP-MSCHAPv2.
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fake"))
import bus  # noqa: E402
import outcome  # noqa: E402
from bus import Bus, wait_until  # noqa: E402
from resolved import StandIn  # noqa: E402

bus.DEADLINE_S = 40

ROAMD, ROAM_HAD, ROAMCTL, POLICY, ROAM_GW = (os.path.abspath(a) for a in sys.argv[1:6])
RT, GW, HA, MN = NAMESPACES = [f"rtv-{os.getpid()}-{x}" for x in ("rt", "gw", "ha", "mn")]
CHARON = "/usr/lib/ipsec/charon"
HOME_ADDRESS, CORRESPONDENT = "10.1.0.100", "10.4.0.10"
PASSWORD = "correct horse"
KEY = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
HOME_AGENT = """[home-agent]
address=10.1.0.2
interface=home
home-network=10.1.0.0/24
trusted-networks=10.1.0.0/24;10.8.0.0/24
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
[vpn]
gateway=203.0.113.2
local-id=alice@example.com
remote-id=vpn.example.com
"""
EAP = "auth=eap\neap-identity=alice@example.com\npassword-file=ask\nca-file=ca.pem\n"
PSK = "psk-file=vpn.psk\n"
ROAM_GATEWAY = """[gateway]
id=vpn.example.com
pool=10.8.0.0/24
networks=10.0.0.0/8
dialects={dialects}
tun-name=gw0
control={directory}/gw-control
[client alice@example.com]
psk-file=vpn.psk
"""
STRONGSWAN = """
charon {{
  load = random nonce aesni aes sha1 sha2 md5 md4 hmac kdf openssl pem pkcs1 pkcs8 x509 pubkey constraints gcm kernel-libipsec kernel-netlink socket-default vici updown eap-identity eap-mschapv2
  install_routes = no
  plugins {{
    vici {{
      socket = unix://{dir}/run/charon.vici
    }}
  }}
  filelog {{
    log {{
      path = {dir}/charon.log
      default = 1
      flush_line = yes
    }}
  }}
}}
swanctl {{
  load = pem pkcs1 x509 openssl random pkcs8 pubkey
}}
"""
CONNECTION = """
connections {{
  rw {{
    version = 2
    mobike = yes
    pools = p4
    proposals = aes256gcm16-prfsha384-ecp384
    send_cert = always
    local {{
      id = vpn.example.com
      certs = gateway.pem
    }}
    remote {{
      auth = eap-mschapv2
      eap_id = %any
    }}
    children {{
      c {{
        local_ts = 0.0.0.0/0
        esp_proposals = aes256gcm16
      }}
    }}
  }}
}}
pools {{
  p4 {{
    addrs = 10.8.0.0/24
    dns = 10.4.0.53
  }}
}}
secrets {{
  eap-1 {{
    id = alice@example.com
    secret = "{password}"
  }}
}}
"""


def sh(*command, ns=None, check=True):
    prefix = ["ip", "netns", "exec", ns] if ns else []
    return subprocess.run([*prefix, *(str(c) for c in command)], check=check, capture_output=True, text=True, timeout=60)


def has_strongswan():
    plugins = ("kernel-libipsec", "eap-mschapv2")
    return (shutil.which("swanctl") and shutil.which("pki") and os.path.exists(CHARON) and
            all(os.path.exists(f"/usr/lib/ipsec/plugins/libstrongswan-{name}.so") for name in plugins))


def possible():
    if os.geteuid() != 0 or not os.path.exists("/dev/net/tun"):
        return False
    name = f"rtv-{os.getpid()}-try"
    if sh("ip", "netns", "add", name, check=False).returncode != 0:
        return False
    good = sh("nft", "add", "table", "inet", "probe", ns=name, check=False).returncode == 0
    sh("ip", "netns", "del", name)
    return good


def cable(left, left_name, right, right_name, right_address):
    sh("ip", "link", "add", left_name, "netns", left, "type", "veth", "peer", "name", right_name, "netns", right)
    sh("ip", "link", "set", left_name, "up", ns=left)
    sh("ip", "addr", "add", right_address, "dev", right_name, ns=right)
    sh("ip", "link", "set", right_name, "up", ns=right)


def make_topology():
    for ns in NAMESPACES:
        sh("ip", "netns", "add", ns)
        sh("ip", "link", "set", "lo", "up", ns=ns)
    cable(MN, "eth0", RT, "cafe0", "198.51.100.1/24")
    cable(MN, "eth1", RT, "cafe1", "198.18.2.1/24")
    cable(GW, "out", RT, "net", "203.0.113.1/24")
    cable(HA, "home", GW, "in", "10.1.0.1/24")
    sh("ip", "addr", "add", "203.0.113.2/24", "dev", "out", ns=GW)
    sh("ip", "route", "add", "default", "via", "203.0.113.1", ns=GW)
    for address in (CORRESPONDENT, "10.4.0.53"):
        sh("ip", "addr", "add", address + "/32", "dev", "lo", ns=GW)
    sh("ip", "addr", "add", "10.1.0.2/24", "dev", "home", ns=HA)
    sh("ip", "route", "add", "default", "via", "10.1.0.1", ns=HA)
    for ns in (RT, GW, HA):
        sh("sysctl", "-qw", "net.ipv4.ip_forward=1", ns=ns)
    # What is inside is not known out here.
    sh("nft", "add table inet fw; add chain inet fw f { type filter hook forward priority 0; };"
       "add rule inet fw f ip daddr 10.0.0.0/8 drop", ns=RT)


def remove_topology():
    for ns in NAMESPACES:
        sh("ip", "netns", "del", ns, check=False)


def plug(interface, address, router, metric):
    sh("ip", "addr", "add", address, "dev", interface, ns=MN)
    sh("ip", "route", "add", "default", "via", router, "dev", interface, "metric", metric, ns=MN)


def ping(source=HOME_ADDRESS):
    return sh("ping", "-c1", "-W1", "-I", source, CORRESPONDENT, ns=MN, check=False).returncode == 0


class Gateway:
    def __init__(self, directory):
        self.dir = directory
        for name in ("run", "x509", "x509ca", "private"):
            (directory / name).mkdir(parents=True)
        self.make_certificates()
        (directory / "strongswan.conf").write_text(STRONGSWAN.format(dir=directory))
        (directory / "swanctl.conf").write_text(CONNECTION.format(password=PASSWORD))
        self.env = dict(os.environ, STRONGSWAN_CONF=str(directory / "strongswan.conf"))
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", GW, "unshare", "-m", "sh", "-c",
             f"mount --bind {directory}/run /run && exec {CHARON}"],
            env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until((directory / "run" / "charon.vici").exists, "charon did not start")
        self.swanctl("--load-all", "--noprompt", "--file", directory / "swanctl.conf")
        wait_until(lambda: "ipsec0" in sh("ls", "/sys/class/net", ns=GW).stdout, "no ipsec0")
        sh("ip", "route", "replace", "10.8.0.0/24", "dev", "ipsec0", ns=GW)

    def make_certificates(self):
        def save(name, *arguments):
            done = subprocess.run(["pki", *[str(a) for a in arguments], "--outform", "pem"], check=True, capture_output=True)
            path = self.dir / name
            path.write_bytes(done.stdout)
            path.chmod(0o600)
            return path
        ca_key = save("ca.key", "--gen", "--type", "ecdsa", "--size", "256")
        self.ca = save("x509ca/ca.pem", "--self", "--ca", "--in", ca_key, "--type", "ecdsa", "--dn", "CN=Example CA")
        key = save("private/gateway.pem", "--gen", "--type", "ecdsa", "--size", "256")
        save("x509/gateway.pem", "--issue", "--in", key, "--type", "priv", "--cacert", self.ca, "--cakey", ca_key, "--dn",
             "CN=gateway", "--san", "vpn.example.com", "--flag", "serverAuth")

    def swanctl(self, *arguments):
        return subprocess.run(["swanctl", *[str(a) for a in arguments], "--uri", f"unix://{self.dir}/run/charon.vici"],
                              check=True, env=self.env, capture_output=True, text=True, timeout=30)

    def stop(self):
        self.process.kill()
        self.process.wait()


class Outside(unittest.TestCase):
    """What both gateways have in common; no cases of its own."""

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="roamd-vpn-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.bus = Bus(POLICY)
        self.bus.start()
        self.addCleanup(self.bus.clean_up)
        self.addCleanup(remove_topology)
        make_topology()
        self.log = open(self.directory / "log", "w+", encoding="utf-8")
        self.addCleanup(self.log.close)
        self.write("mn-ha.key", KEY, 0o600)
        self.write("vpn.psk", "correct horse battery staple", 0o600)
        self.write("home-agent.conf", HOME_AGENT, 0o644)
        self.spawn(HA, ROAM_HAD, "--config", self.directory / "home-agent.conf", "--status-file", self.directory / "bindings")
        wait_until((self.directory / "bindings").exists, "roam-had did not start")
        self.roamd = None
        self.start_gateway()

    def tearDown(self):
        outcome = self._outcome.result
        if any(test is self for test, _ in outcome.errors + outcome.failures):
            self.log.seek(0)
            sys.stderr.write(self.log.read())

    def write(self, name, text, mode):
        path = self.directory / name
        path.write_text(text + "\n", encoding="utf-8")
        path.chmod(mode)

    def spawn(self, ns, *command):
        process = subprocess.Popen(["ip", "netns", "exec", ns, *(str(c) for c in command)], env=self.bus.environment,
                                   stdout=self.log, stderr=self.log)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def start(self):
        own = (f"mount --bind {self.directory}/resolv.conf /etc/resolv.conf && "
               if (self.directory / "resolv.conf").exists() else "")
        self.roamd = self.spawn(MN, "unshare", "-m", "sh", "-c", own + 'exec "$0" "$@"', ROAMD, "--profile", self.directory / "profile.conf", "--state-dir",
                                self.directory / "state", "--runtime-dir", self.directory / "run")
        wait_until(lambda: self.bus.has_owner("org.roamd"), "roamd did not start")

    def ctl(self, *arguments, give=None):
        return subprocess.run([ROAMCTL, *arguments], env=self.bus.environment, capture_output=True, text=True,
                              timeout=30, input=give)

    def status(self):
        reply = self.ctl("status", "--json")
        return json.loads(reply.stdout) if reply.returncode == 0 else {"mode": "gone", "advice": "", "pending-secrets": []}

    def give(self, secret):
        wait_until(lambda: self.status()["pending-secrets"] != [], f"no secret is asked for: {self.status()}")
        reply = self.ctl("secret", give=secret + "\n")
        self.assertEqual((reply.returncode, reply.stderr), (0, ""))

    def sa(self):
        return json.loads(self.ctl("sa", "--json").stdout or "{}")

    def stop_roamd(self):
        self.roamd.terminate()
        self.roamd.wait(timeout=10)

    def start_connected(self):
        plug("eth0", "198.51.100.50/24", "198.51.100.1", "100")
        self.start()
        if "=ask" in (self.directory / "profile.conf").read_text(encoding="utf-8"):
            self.give(PASSWORD)
        wait_until(lambda: self.status()["mode"] == "mc", f"no VPN: {self.status()}")


@unittest.skipUnless(has_strongswan(), "needs strongSwan with kernel-libipsec and eap-mschapv2")
class WithStrongSwan(Outside):
    def start_gateway(self):
        self.gateway = Gateway(self.directory / "gateway")
        self.addCleanup(self.gateway.stop)
        self.write("ca.pem", self.gateway.ca.read_text(encoding="ascii"), 0o644)
        self.write("profile.conf", PROFILE + EAP, 0o644)

    def test_asked_password(self):
        plug("eth0", "198.51.100.50/24", "198.51.100.1", "100")
        self.start()
        self.give("incorrect horse")
        wait_until(lambda: any(r["refusal"] for r in self.status()["pending-secrets"]), f"not refused: {self.status()}")
        status = self.status()
        self.assertIn("password is wrong", status["pending-secrets"][0]["refusal"])
        self.assertIn('password of alice@example.com, since the last one was refused', status["advice"])
        self.assertFalse(ping())
        self.give(PASSWORD)
        wait_until(lambda: self.status()["mode"] == "mc", f"no VPN: {self.status()}")
        self.assertEqual(self.status()["pending-secrets"], [])
        self.assertTrue(ping())
        self.assertFalse(ping("eth0"))
        self.log.flush()
        self.assertNotIn("correct horse", (self.directory / "log").read_text(encoding="utf-8"))

    def test_security_associations(self):
        self.start_connected()
        sa = json.loads(self.ctl("sa", "--json").stdout)
        self.assertEqual((sa["state"], sa["dialect"], sa["interface"], sa["local"]),
                         ("established", self.status()["dialect"], "eth0", "198.51.100.50"))
        self.assertEqual(sa["tia"], self.status()["tia"])
        theirs = self.gateway.swanctl("--list-sas").stdout
        for key in ("spi-initiator", "spi-responder"):
            self.assertIn(sa[key], theirs)
        used, = [c for c in sa["children"] if c["in-use"]]
        # What is inbound here is outbound there.
        self.assertRegex(theirs, rf"(?m)^\s+in  {used['spi-out']:08x}")
        self.assertRegex(theirs, rf"(?m)^\s+out {used['spi-in']:08x}")
        self.assertIn("IKE SA          established", self.ctl("sa").stdout)

    # covers: MOB-TRG-003
    def test_silent_path_is_left(self):
        self.write("profile.conf", PROFILE + "dpd-interval=5\n" + EAP, 0o644)
        self.start_connected()
        plug("eth1", "198.18.2.50/24", "198.18.2.1", "200")
        spi = self.sa()["spi-initiator"]
        # The carrier stays, the addresses stay: nothing but silence.
        sh("nft", "add chain inet fw i { type filter hook prerouting priority -300; };"
           "add rule inet fw i iifname cafe0 drop; add rule inet fw f oifname cafe0 drop", ns=RT)
        wait_until(lambda: self.status()["interface"] == "eth1" and self.status()["mode"] == "mc", f"{self.status()}")
        self.assertEqual(self.sa()["spi-initiator"], spi)
        used, = [p for p in self.sa()["pairs"] if p["in-use"]]
        self.assertEqual((used["interface"], used["state"]), ("eth1", "works"))
        left = {p["remote"]: p["state"] for p in self.sa()["pairs"] if p["interface"] == "eth0"}
        self.assertEqual(left[used["remote"]], "silent")
        wait_until(ping, "no data after the move")

    # covers: MOB-GWA-001
    def test_gateway_with_two_addresses(self):
        sh("ip", "addr", "add", "203.0.113.3/24", "dev", "out", ns=GW)
        self.write("profile.conf", PROFILE.replace("203.0.113.2", "203.0.113.2;203.0.113.3") + "dpd-interval=5\n" + EAP, 0o644)
        self.start_connected()
        spi = self.sa()["spi-initiator"]
        self.assertTrue(self.sa()["remote"].startswith("203.0.113.2:"))
        sh("nft", "add rule inet fw f ip daddr 203.0.113.2 drop; add rule inet fw f ip saddr 203.0.113.2 drop", ns=RT)
        wait_until(lambda: self.sa().get("remote", "").startswith("203.0.113.3:"), f"{self.sa()}")
        self.assertEqual(self.sa()["spi-initiator"], spi)
        wait_until(lambda: self.status()["mode"] == "mc", f"{self.status()}")
        wait_until(ping, "no data after the move")

    # covers: MOB-GWA-004
    def test_gateway_that_renumbers(self):
        names = self.directory / "hosts"
        names.write_text("203.0.113.2 vpn.example.com\n")
        self.write("resolv.conf", "nameserver 198.51.100.1", 0o644)
        name_server = self.spawn(RT, "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
                                 "--user=root", "--pid-file=", "--bind-interfaces", "--listen-address=198.51.100.1",
                                 f"--addn-hosts={names}")
        self.write("profile.conf", PROFILE.replace("203.0.113.2", "vpn.example.com") + "dpd-interval=5\n" + EAP, 0o644)
        self.start_connected()
        spi = self.sa()["spi-initiator"]
        names.write_text("203.0.113.9 vpn.example.com\n")
        name_server.send_signal(signal.SIGHUP)
        sh("ip", "addr", "del", "203.0.113.2/24", "dev", "out", ns=GW)
        sh("ip", "addr", "add", "203.0.113.9/24", "dev", "out", ns=GW)
        sh("ip", "route", "replace", "default", "via", "203.0.113.1", ns=GW)
        wait_until(lambda: self.sa().get("remote", "").startswith("203.0.113.9:"), f"{self.sa()}")
        self.assertEqual(self.sa()["spi-initiator"], spi)
        wait_until(lambda: self.status()["mode"] == "mc", f"{self.status()}")
        wait_until(ping, "no data after the move")

    def test_name_servers_of_the_gateway(self):
        stand_in = StandIn(self.bus)
        self.addCleanup(stand_in.stop)
        stand_in.appear()
        self.start_connected()
        wait_until(lambda: len(stand_in.calls) >= 4, f"nothing was set: {stand_in.calls}")
        index = int(sh("cat", "/sys/class/net/roam0/ifindex", ns=MN).stdout)
        # covers: IKE-DNS-004
        self.assertEqual(stand_in.calls, [("SetLinkDNS", index, [(2, [10, 4, 0, 53])]),
                                          ("SetLinkDomains", index, [(".", True)]),
                                          ("SetLinkDefaultRoute", index, True), ("FlushCaches",)])
        stand_in.calls.clear()
        # covers: IKE-DNS-008
        self.assertEqual(self.ctl("disconnect").returncode, 0)
        wait_until(lambda: len(stand_in.calls) >= 2, "not reverted")
        self.assertEqual(stand_in.calls, [("RevertLink", index), ("FlushCaches",)])

    def test_move_between_links(self):
        self.start_connected()
        spi = json.loads(self.ctl("sa", "--json").stdout)["spi-initiator"]
        plug("eth1", "198.18.2.50/24", "198.18.2.1", "200")
        sh("ip", "link", "set", "cafe0", "down", ns=RT)
        wait_until(lambda: self.status()["mode"] == "mc" and self.status()["interface"] == "eth1", f"{self.status()}")
        sa = json.loads(self.ctl("sa", "--json").stdout)
        self.assertEqual((sa["spi-initiator"], sa["local"]), (spi, "198.18.2.50"))
        wait_until(ping, "no data after the move")


class WithRoamGw(Outside):
    """What strongSwan does not have."""

    def start_gateway(self, dialects="mobike;mopo"):
        self.write("profile.conf", PROFILE + PSK, 0o644)
        self.write("gateway.conf", ROAM_GATEWAY.format(dialects=dialects, directory=self.directory), 0o644)
        self.gateway = self.spawn(GW, ROAM_GW, "--config", self.directory / "gateway.conf")
        wait_until(lambda: "gw0" in sh("ls", "/sys/class/net", ns=GW).stdout, "roam-gw did not start")

    def test_mopo(self):
        self.gateway.kill()
        self.gateway.wait()
        self.start_gateway(dialects="mopo")
        self.start_connected()
        self.assertEqual((self.status()["dialect"], self.sa()["dialect"]), ("mopo", "mopo"))
        self.assertIn("VPN             up, MOPO", self.ctl("status").stdout)
        spi = self.sa()["spi-initiator"]
        plug("eth1", "198.18.2.50/24", "198.18.2.1", "200")
        sh("ip", "link", "set", "cafe0", "down", ns=RT)
        wait_until(lambda: self.status()["mode"] == "mc" and self.status()["interface"] == "eth1", f"{self.status()}")
        self.assertEqual((self.sa()["spi-initiator"], self.sa()["local"]), (spi, "198.18.2.50"))
        wait_until(ping, "no data after the move")

    def test_forbidden_nat(self):
        sh("nft", "add table ip nat; add chain ip nat p { type nat hook postrouting priority 100; };"
           "add rule ip nat p oifname net masquerade", ns=RT)
        self.write("profile.conf", PROFILE + PSK + "nat=forbid\n", 0o644)
        plug("eth0", "198.51.100.50/24", "198.51.100.1", "100")
        self.start()
        wait_until(lambda: "NAT" in self.status()["advice"], f"{self.status()}")
        self.assertRegex(self.status()["advice"], "^The VPN with 203.0.113.2 cannot be used from eth0: .*NAT")
        self.assertFalse(ping())
        self.assertFalse(ping("eth0"))

    def test_ticket_survives_a_restart(self):
        self.start_connected()
        ticket = self.directory / "run" / "ticket"
        wait_until(ticket.exists, "no ticket was kept")
        self.assertEqual(ticket.stat().st_mode & 0o7777, 0o600)
        self.assertEqual(self.status()["counters"].get("ike.sessions-resumed", 0), 0)
        self.roamd.kill()  # without a word to the gateway
        self.roamd.wait()
        self.start()
        wait_until(lambda: self.status()["mode"] == "mc", f"no VPN: {self.status()}")
        self.assertEqual(self.status()["counters"]["ike.sessions-resumed"], 1)
        self.assertTrue(ping())
        # Not asked for, not kept.
        self.stop_roamd()
        self.write("profile.conf", PROFILE + PSK + "resumption=no\n", 0o644)
        self.start()
        wait_until(lambda: self.status()["mode"] == "mc", f"no VPN: {self.status()}")
        self.assertEqual(self.status()["counters"].get("ike.sessions-resumed", 0), 0)


if __name__ == "__main__":
    if not possible():
        print("needs root, network namespaces, /dev/net/tun and nftables")
        sys.exit(77)
    outcome.main(*sys.argv[6:])
