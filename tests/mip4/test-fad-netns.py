#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""test-fad-netns.py ROAM_FAD ROAM_HAD

roam-fad on real links, in network namespaces of its own (names begin with rf-): a visited link with a mobile
node made of packet sockets, a router, a home link with roam-had and a correspondent. TAP on stdout; exit
status 77 (skipped) without root, namespaces or TUN.

Every check sends real packets and looks at what arrives. Nothing is left behind.
"""
import contextlib, ctypes, hmac, json, os, pathlib, shutil, signal, socket, struct, subprocess, sys, tempfile, time, traceback

KEY = bytes(range(32))
FA_HA_KEY, MN_FA_KEY = bytes(range(100, 132)), bytes(range(200, 217))
HAD_CONFIG = """[home-agent]
address=10.1.0.2
interface=home
home-network=10.1.0.0/24
trusted-networks=10.1.0.0/24;10.9.0.0/24
max-lifetime=300
mtu=1480
tun-name=had0

[node 10.1.0.100]
spi=4096
key-file=mn-ha.key
nai=alice@example.com
"""
FAD_CONFIG = """[foreign-agent]
interface=visit
address=10.2.0.1/24
care-of-address=10.9.0.2
registration-lifetime=300
advertisement-interval=1
tun-name=fad0
"""
HA, RT, FA, MN, CN = (f"rf-{os.getpid()}-{x}" for x in ("ha", "rt", "fa", "mn", "cn"))
HOA, AGENT, CORR, VISITED, COA = "10.1.0.100", "10.1.0.2", "10.1.0.10", "10.2.0.1", "10.9.0.2"
MN_MAC, FA_MAC = "02:00:00:00:02:64", "02:00:00:00:02:01"
libc = ctypes.CDLL(None, use_errno=True)


def sh(*args, check=True, ns=None, stdin=None):
    if ns:
        args = ("ip", "netns", "exec", ns) + args
    return subprocess.run(args, check=check, capture_output=True, text=True, input=stdin)


@contextlib.contextmanager
def inside(ns):
    """Sockets made in this block belong to @ns, and stay there."""
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    other = os.open(f"/run/netns/{ns}", os.O_RDONLY)
    try:
        if libc.setns(other, 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        yield
    finally:
        libc.setns(own, 0x40000000)
        os.close(own)
        os.close(other)


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def ip(text):
    return socket.inet_aton(text)


def make_topology():
    for ns in (HA, RT, FA, MN, CN):
        sh("ip", "netns", "add", ns)
        sh("ip", "link", "set", "lo", "up", ns=ns)
        for name in ("all", "default"):
            sh("sysctl", "-qw", f"net.ipv6.conf.{name}.disable_ipv6=1", ns=ns)
            sh("sysctl", "-qw", f"net.ipv4.conf.{name}.rp_filter=0", ns=ns)
    sh("ip", "link", "add", "name", "br0", "type", "bridge", ns=RT)
    for ns, port, name in ((HA, "p1", "home"), (CN, "p2", "home"), (FA, "p3", "core")):
        sh("ip", "link", "add", port, "netns", RT, "type", "veth", "peer", "name", name, "netns", ns)
        sh("ip", "link", "set", port, "up", ns=RT)
        sh("ip", "link", "set", name, "up", ns=ns)
        if name == "home":
            sh("ip", "link", "set", port, "master", "br0", ns=RT)
    sh("ip", "link", "add", "visit", "netns", FA, "address", FA_MAC, "type", "veth", "peer", "name", "eth0", "address",
       MN_MAC, "netns", MN)
    # The node's kernel answers nothing: no address, no ARP.
    sh("ip", "link", "set", "eth0", "up", "arp", "off", ns=MN)
    sh("ip", "link", "set", "visit", "up", ns=FA)
    sh("ip", "link", "set", "br0", "up", ns=RT)
    for ns, dev, addr in ((RT, "br0", "10.1.0.1"), (RT, "p3", "10.9.0.1"), (HA, "home", AGENT), (CN, "home", CORR),
                          (FA, "core", COA), (FA, "visit", VISITED)):
        sh("ip", "addr", "add", addr + "/24", "dev", dev, ns=ns)
    for ns, gw in ((HA, "10.1.0.1"), (CN, "10.1.0.1"), (FA, "10.9.0.1")):
        sh("ip", "route", "add", "default", "via", gw, ns=ns)
    for ns in (HA, RT):
        sh("sysctl", "-qw", "net.ipv4.ip_forward=1", ns=ns)
    # Strict, as distributions set it: roam-fad must get along with it on the visited link.
    sh("sysctl", "-qw", "net.ipv4.conf.visit.rp_filter=1", ns=FA)


def remove_topology():
    for ns in (HA, RT, FA, MN, CN):
        sh("ip", "netns", "del", ns, check=False)


def wait_for(condition, what, seconds=5.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("timed out: " + what)


class Program:
    """roam-had or roam-fad with a configuration, its key files and a status file."""

    def __init__(self, program, ns, directory, name, config, keys):
        self.program, self.ns, self.dir, self.name = program, ns, pathlib.Path(directory) / name, name
        self.dir.mkdir()
        self.control = self.dir / "control"
        self.status_path = self.dir / "status.json"
        for key, value in keys.items():
            path = self.dir / key
            path.write_text(value.hex())
            path.chmod(0o600)
        self.log = open(self.dir / "log", "w+")
        self.process = None
        self.start(config)

    def start(self, config=None):
        if config is not None:
            (self.dir / "conf").write_text(config)
        self.status_path.unlink(missing_ok=True)
        extra = ["--control", str(self.control)]
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", self.ns, self.program, "--config", str(self.dir / "conf"), "--status-file",
             str(self.status_path), "--log-level", "debug"] + extra, stderr=self.log, stdout=self.log)
        wait_for(lambda: self.status_path.exists() or self.process.poll() is not None, self.name + " started")
        assert self.process.poll() is None, self.text()

    def restart(self, config):
        assert self.stop() == 0
        self.start(config)

    def file(self):
        return json.loads(self.status_path.read_text())

    def status(self):
        """By the control socket."""
        return json.loads(sh(self.program, "status", "--control", str(self.control)).stdout)

    def count(self, name):
        status = self.status()
        return {**status["registration-counters"], **status["data-counters"]}[name]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)

    def text(self):
        self.log.flush()
        return (self.dir / "log").read_text()


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    s = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


def ipv4(src, dst, proto, payload, tos=0, ttl=64, df=False):
    def head(c):
        return struct.pack("!BBHHHBBH4s4s", 0x45, tos, 20 + len(payload), 1, 0x4000 if df else 0, ttl, proto, c,
                           ip(src), ip(dst))
    return head(checksum(head(0))) + payload


def udp_packet(src, sport, dst, dport, data, good=True, **kw):
    head = struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data
    c = checksum(ip(src) + ip(dst) + struct.pack("!HH", 17, len(head)) + head)
    if not good:
        c ^= 0x1234
    return ipv4(src, dst, 17, head[:6] + struct.pack("!H", c or 0xffff) + head[8:], **kw)


class Node:
    """The mobile node: frames by hand."""

    def __init__(self):
        self.serial = 1
        self.socket = packet_socket(MN, "eth0", 3)

    def send(self, packet, dst=FA_MAC):
        self.socket.send(mac(dst) + mac(MN_MAC) + b"\x08\0" + packet)

    def frames(self, want, seconds=2.0):
        """The first received IPv4 frame that @want likes; None when there is none in time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                frame, address = self.socket.recvfrom(65535)
            except (TimeoutError, socket.timeout):
                return None
            if address[2] != 4 and frame[12:14] == b"\x08\0" and want(frame):
                return frame
        return None

    def drain(self):
        self.frames(lambda f: False, 0.01)

    def request(self, lifetime=120, flags=0x02, home=HOA, agent=AGENT, coa=COA, after=b"", key=KEY, spi=4096, before=b""):
        self.serial += 1
        ident = (int(time.time()) + 2208988800) << 32 | (self.serial << 16 | os.getpid() & 0xffff)
        m = struct.pack("!BBH4s4s4sQ", 1, flags, lifetime, ip(home), ip(agent), ip(coa), ident) + before
        m += struct.pack("!BBI", 32, 36, spi)
        return m + hmac.digest(key, m, "sha256") + after

    def register(self, message, home=HOA, destination=VISITED, port=4000, ttl=255, good=True, seconds=2.0):
        """Sends @message; the reply's frame and UDP payload, or None."""
        self.drain()
        self.send(udp_packet(home, port, destination, 434, message, ttl=ttl, good=good))
        frame = self.frames(lambda f: f[23] == 17 and f[36:38] == struct.pack("!H", port), seconds)
        return frame and (frame, frame[14 + 28:])


def packet_socket(ns, dev, proto=0x0800):
    with inside(ns):
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(proto))
        s.bind((dev, proto))
        s.settimeout(2.0)
        return s


def udp(ns, addr, port):
    with inside(ns):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((addr, port))
        s.settimeout(2.0)
        return s


class HomeAgent:
    """A home agent of the test's own, with an association with the foreign agent: it shares no code with roam-had."""

    ADDRESS, SPI = "10.1.0.3", 5000

    def __init__(self):
        sh("ip", "addr", "add", self.ADDRESS + "/24", "dev", "home", ns=HA)
        self.socket = udp(HA, self.ADDRESS, 434)
        self.peer = None

    def close(self):
        self.socket.close()
        sh("ip", "addr", "del", self.ADDRESS + "/24", "dev", "home", ns=HA)

    def sign(self, message):
        message += struct.pack("!BBI", 34, 36, self.SPI)
        return message + hmac.digest(FA_HA_KEY, message, "sha256")

    def verify(self, message):
        assert message[-38:-32] == struct.pack("!BBI", 34, 36, self.SPI), message.hex()
        assert hmac.digest(FA_HA_KEY, message[:-32], "sha256") == message[-32:], "Foreign-Home authentication"

    def receive(self):
        message, self.peer = self.socket.recvfrom(65535)
        return message

    def reply(self, request, after):
        m = struct.pack("!BBH", 3, 0, 120) + request[4:12] + request[16:24] + struct.pack("!BBI", 32, 36, 4096)
        m += hmac.digest(KEY, m, "sha256")
        self.socket.sendto(self.sign(m + after), self.peer)
        return m


def captured(s, want, seconds=1.0):
    """IPv4 packets (without Ethernet header) that @want likes, until @seconds of them are over."""
    found, end = [], time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        s.settimeout(left)
        try:
            frame, address = s.recvfrom(65535)
        except (TimeoutError, socket.timeout):
            break
        if frame[12:14] == b"\x08\0" and want(frame[14:]):
            found.append(frame[14:])
            end = min(end, time.monotonic() + 0.1)
    return found


def quiet(s, seconds=0.4):
    s.settimeout(seconds)
    try:
        return s.recv(65535)
    except (TimeoutError, socket.timeout):
        return None
    finally:
        s.settimeout(2.0)


class Test:
    def __init__(self, fad, had, node, directory):
        self.fad, self.had, self.node, self.dir = fad, had, node, directory

    def visitors(self):
        return [v["home-address"] for v in self.fad.file()["visitors"]]

    def accepted(self, **kw):
        frame, reply = self.node.register(self.node.request(**kw))
        assert reply[0] == 3 and reply[1] in (0, 1), reply.hex()
        return frame, reply

    # covers: MIP-AUTH-002, MIP-FA-002
    def check_config(self):
        """configuration-errors-are-reported-all-at-once"""
        with tempfile.TemporaryDirectory() as d:
            key, conf = pathlib.Path(d) / "k", pathlib.Path(d) / "c"
            key.write_text("00")
            key.chmod(0o644)
            conf.write_text("[foreign-agent]\naddress=10.2.0.1\ncolour=red\nadvertisement-interval=10\n"
                            "advertisement-lifetime=20\nreverse-tunnel=maybe\ncare-of-address=::1\nrevocation=yes\n"
                            "[node x]\nspi=255\nalgorithm=md4\nkey-file=k\n[other]\n")
            out = sh(PROGRAM, "--check", "--config", str(conf), check=False)
            assert out.returncode == 78, out
            for part in ("interface: missing", "address: found '10.2.0.1'", "colour: unknown key",
                         "advertisement-lifetime: found '20'", "reverse-tunnel: found 'maybe'", "care-of-address: found",
                         "[node x]: found 'x'", "spi: found '255'", "algorithm: found 'md4'", "chmod 0600",
                         "[other]: unknown group", "revocation: needs a group"):
                assert part in out.stderr, (part, out.stderr)

    # covers: MIP-FA-001, MIP-FA-003, MIP-FA-005, MIP-FA-026, MIP-EXT-013
    def advertise(self):
        """advertisements-under-other-decoders"""
        self.fad.restart(FAD_CONFIG + "challenge=yes\n")
        self.node.drain()
        start, frames = time.monotonic(), []
        while len(frames) < 3:
            frame = self.node.frames(lambda f: f[23] == 1 and f[34] == 9, 3)
            assert frame, "no advertisement"
            frames.append((time.monotonic() - start, frame))
        for number, (_, frame) in enumerate(frames):
            assert frame[:6] == mac("01:00:5e:00:00:01") and frame[6:12] == mac(FA_MAC)
            assert frame[22] == 1 and frame[26:34] == ip(VISITED) + ip("224.0.0.1")
            assert checksum(frame[14:34]) == 0 and checksum(frame[34:]) == 0
        numbers = [int.from_bytes(f[34 + 18:34 + 20], "big") for _, f in frames]
        assert numbers[1] == numbers[0] + 1 and numbers[2] == numbers[1] + 1, numbers
        assert frames[2][0] - frames[0][0] <= 2.3
        self.decode([f for _, f in frames])
        self.fad.restart(FAD_CONFIG)

    def decode(self, frames):
        from scapy.all import ICMP, IP, Ether
        packet = Ether(frames[0])
        assert packet[IP].ttl == 1 and packet[ICMP].type == 9 and packet[ICMP].code == 16
        if shutil.which("tshark") is None:
            print("# tshark is missing: only scapy has decoded")
            return
        pcap = pathlib.Path(self.dir) / "adv.pcap"
        with open(pcap, "wb") as f:
            f.write(struct.pack("!IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
            for number, frame in enumerate(frames):
                f.write(struct.pack("!IIII", number, 0, len(frame), len(frame)) + frame)
        names = ("icmp.type", "icmp.code", "icmp.num_addrs", "icmp.lifetime", "icmp.mip.seq", "icmp.mip.life",
                 "icmp.mip.flags", "icmp.mip.coa", "icmp.mip.prefixlength", "icmp.mip.challenge", "icmp.checksum.status",
                 "_ws.malformed", "_ws.expert.message")
        command = ["tshark", "-n", "-r", str(pcap), "-T", "fields"] + [x for n in names for x in ("-e", n)]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        rows = [dict(zip(names, line.split("\t"))) for line in lines]
        for row in rows:
            assert (row["icmp.type"], row["icmp.code"], row["icmp.num_addrs"]) == ("9", "16", "1"), row
            assert row["icmp.mip.life"] == "300" and row["icmp.mip.coa"] == COA, row
            # F and T: not U, there is no NAT; not H, B, R.
            assert int(row["icmp.mip.flags"], 16) == 0x1100, row
            assert row["icmp.mip.prefixlength"] == "24", row
            assert len(row["icmp.mip.challenge"].replace(":", "")) == 32, row
            assert row["icmp.checksum.status"] == "1" and row["_ws.malformed"] == "", row
        assert len({row["icmp.mip.challenge"] for row in rows}) == len(rows), "each advertisement has its own challenge"

    # covers: MIP-FA-004, MIP-SOL-002
    def solicit(self):
        """solicitation-answered-to-the-soliciting-link-layer-address"""
        time.sleep(1.0)
        self.node.drain()
        self.node.send(ipv4(HOA, "224.0.0.11", 1, bytes.fromhex("0a00f5ff00000000"), ttl=1), dst="01:00:5e:00:00:0b")
        frame = self.node.frames(lambda f: f[23] == 1 and f[34] == 9 and f[30:34] == ip(HOA), 1)
        assert frame and frame[:6] == mac(MN_MAC) and frame[22] == 1
        # At most one a second; TTL 64 came from elsewhere.
        self.node.send(ipv4(HOA, "224.0.0.11", 1, bytes.fromhex("0a00f5ff00000000"), ttl=1), dst="01:00:5e:00:00:0b")
        assert self.node.frames(lambda f: f[23] == 1 and f[34] == 9 and f[30:34] == ip(HOA), 0.3) is None
        time.sleep(1.0)
        self.node.send(ipv4(HOA, "224.0.0.11", 1, bytes.fromhex("0a00f5ff00000000"), ttl=64), dst="01:00:5e:00:00:0b")
        assert self.node.frames(lambda f: f[23] == 1 and f[34] == 9 and f[30:34] == ip(HOA), 0.3) is None

    # covers: MIP-FA-010, MIP-FA-011, MIP-FA-012, MIP-FA-017, MIP-GEN-001
    def register(self):
        """registration-relayed-octet-by-octet"""
        up = packet_socket(RT, "p3", 3)
        message = self.node.request(after=b"\x82\0")
        frame, reply = self.node.register(message)
        relayed = captured(up, lambda p: p[9] == 17 and p[12:16] == ip(COA))
        assert len(relayed) == 1 and relayed[0][16:20] == ip(AGENT) and relayed[0][22:24] == b"\x01\xb2"
        # The authenticated part as it was, and nothing of the extension for the agent.
        assert relayed[0][28:] == message[:-2], relayed[0].hex()
        assert frame[:12] == mac(MN_MAC) + mac(FA_MAC) and frame[26:34] == ip(VISITED) + ip(HOA)
        assert frame[34:36] == struct.pack("!H", 434)
        assert reply[0] == 3 and reply[1] == 1 and reply[12:20] == message[16:24]
        mhae = reply.index(b"\x20\x24")
        assert hmac.digest(KEY, reply[:mhae + 6], "sha256") == reply[mhae + 6:mhae + 38]
        wait_for(lambda: self.visitors() == [HOA], "visitor")
        visitor = self.fad.status()["visitors"][0]
        assert visitor["link-layer"] == MN_MAC and visitor["home-agent"] == AGENT and visitor["source-port"] == 4000
        assert visitor["encapsulating-delivery"] and visitor["reverse-tunnel"] and visitor["requested-lifetime"] == 120
        assert [b["care-of-address"] for b in self.had.file()["bindings"]] == [COA]
        up.close()

    # covers: MIP-FA-021, MIP-TUN-004, MIP-GEN-009
    def down(self):
        """tunnelled-packets-reach-the-stored-link-layer-address-without-arp"""
        self.accepted()
        wait_for(lambda: [v["encapsulating-delivery"] for v in self.fad.file()["visitors"]] == [False], "direct delivery")
        cn, arp = udp(CN, CORR, 7001), packet_socket(MN, "eth0", 0x0806)
        self.node.drain()
        cn.sendto(b"hello", (HOA, 7000))
        frame = self.node.frames(lambda f: f[30:34] == ip(HOA) and f.endswith(b"hello"))
        assert frame and frame[:12] == mac(MN_MAC) + mac(FA_MAC)
        # Routed twice: by the home agent and here; both checksums are right.
        assert frame[22] == 62 and checksum(frame[14:34]) == 0, frame[22]
        assert quiet(arp, 0.3) is None, "no ARP for a home address"
        arp.close(), cn.close()

    # covers: MIP-FA-022, MIP-REV-015, MIP-TUN-001, MIP-TUN-002
    def up_direct(self):
        """direct-delivery-goes-through-the-reverse-tunnel"""
        cn, up = udp(CN, CORR, 7002), packet_socket(RT, "p3", 3)
        packet = udp_packet(HOA, 9, CORR, 7002, b"up", ttl=20, tos=0x2a, df=True)
        self.node.send(packet)
        assert cn.recvfrom(100) == (b"up", (HOA, 9))
        outer = captured(up, lambda p: p[9] == 4)
        assert len(outer) == 1 and outer[0][12:20] == ip(COA) + ip(AGENT) and outer[0][0] == 0x45
        inner = outer[0][20:]
        # The router's one off the TTL, TOS and DF to the outside.
        assert inner[8] == 19 and checksum(inner[:20]) == 0 and inner[20:] == packet[20:]
        assert outer[0][1] == 0x2a and outer[0][6:8] == b"\x40\0" and checksum(outer[0][:20]) == 0
        # Nobody else's packets are carried, and none with another source.
        self.node.send(udp_packet("10.2.0.77", 9, CORR, 7002, b"stranger"))
        self.node.send(udp_packet("10.1.0.101", 9, CORR, 7002, b"not here"))
        assert quiet(cn) is None
        cn.close(), up.close()

    # covers: MIP-FA-022, MIP-FA-023, MIP-TUN-003
    def up_encapsulated(self):
        """encapsulating-delivery-and-what-is-not-encapsulated"""
        self.accepted(after=b"\x82\0")
        wait_for(lambda: [v["encapsulating-delivery"] for v in self.fad.file()["visitors"]] == [True], "encapsulating")
        cn, up = udp(CN, CORR, 7003), packet_socket(RT, "p3", 3)
        cn.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        inner = udp_packet(HOA, 9, CORR, 7003, b"up", ttl=20, tos=2)
        self.node.send(ipv4(HOA, VISITED, 4, inner, tos=3))
        data, anc, _, source = cn.recvmsg(100, 100)
        assert data == b"up" and source[0] == HOA and anc[0][2][0] & 3 == 3, "congestion seen on the first hop"
        outer = captured(up, lambda p: p[9] == 4)
        assert len(outer) == 1 and outer[0][12:20] == ip(COA) + ip(AGENT) and outer[0][28] == 19
        # Another's inner source is not carried.
        self.node.send(ipv4(HOA, VISITED, 4, udp_packet("10.1.0.101", 9, CORR, 7003, b"spoof")))
        assert quiet(cn) is None
        # Un-encapsulated: routed as any packet, not tunnelled (selective reverse tunnelling).
        self.node.send(udp_packet(HOA, 9, CORR, 7003, b"plain", ttl=20))
        plain = captured(up, lambda p: p.endswith(b"plain"))
        assert len(plain) == 1 and plain[0][9] == 17 and plain[0][8] == 19
        cn.close(), up.close()

    # covers: MIP-FA-020, MIP-TUN-004
    def nobody(self):
        """tunnelled-for-nobody-is-dropped-without-a-word"""
        up = packet_socket(RT, "p3", 3)
        with inside(RT):
            raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, 4)
        self.node.drain()
        raw.sendto(udp_packet(CORR, 9, "10.1.0.101", 9, b"nobody"), (COA, 0))
        raw.sendto(udp_packet(CORR, 9, HOA, 9, b"not the home agent"), (COA, 0))
        assert captured(up, lambda p: p[12:16] == ip(COA), 0.4) == [], "neither forwarded nor answered with ICMP"
        assert self.node.frames(lambda f: b"nobody" in f or b"not the home" in f, 0.2) is None
        assert self.fad.count("packets-without-visitor") == 1 and self.fad.count("packets-not-from-home-agent") == 1
        with inside(HA):
            agent = socket.socket(socket.AF_INET, socket.SOCK_RAW, 4)
        agent.sendto(udp_packet(CORR, 9, HOA, 9, b"dead", ttl=0), (COA, 0))
        agent.sendto(udp_packet(CORR, 9, HOA, 9, b"last", ttl=1), (COA, 0))
        assert self.node.frames(lambda f: b"dead" in f or b"last" in f, 0.3) is None
        assert self.fad.count("packets-malformed") == 1 and self.fad.count("packets-ttl-exceeded") == 1
        raw.close(), agent.close(), up.close()

    # covers: MIP-TUN-013
    def too_big(self):
        """packets-larger-than-the-tunnel"""
        self.accepted()
        wait_for(lambda: [v["encapsulating-delivery"] for v in self.fad.file()["visitors"]] == [False], "direct delivery")
        cn = udp(CN, CORR, 7004)
        self.node.drain()
        self.node.send(udp_packet(HOA, 9, CORR, 7004, b"x" * 1472, df=True))
        frame = self.node.frames(lambda f: f[23] == 1 and f[34:36] == b"\x03\x04", 1)
        assert frame, "no ICMP"
        assert int.from_bytes(frame[40:42], "big") == 1480, frame.hex()
        assert frame[26:34] == ip(VISITED) + ip(HOA) and frame[:6] == mac(MN_MAC), "directly, from the agent"
        # Without DF it arrives, in fragments inside the tunnel.
        self.node.send(udp_packet(HOA, 9, CORR, 7004, b"y" * 1472))
        assert cn.recv(2000) == b"y" * 1472
        cn.close()

    # covers: MIP-GEN-002, MIP-FA-006
    def bad_checksum(self):
        """request-with-a-wrong-udp-checksum"""
        assert self.node.register(self.node.request(), good=False, seconds=0.4) is None
        assert self.fad.count("discarded-bad-checksum") == 1

    # covers: MIP-FA-014, MIP-FA-007, MIP-FA-015
    def denials(self):
        """denials-come-from-the-requests-destination-once-a-second"""
        message = self.node.request()
        frame, reply = self.node.register(message, ttl=64)
        assert reply[:2] == b"\x03" + bytes([76]) and reply[4:12] == message[4:12] and reply[12:20] == message[16:24]
        assert frame[26:34] == ip(VISITED) + ip(HOA) and frame[:6] == mac(MN_MAC)
        assert self.node.register(self.node.request(), ttl=64, seconds=0.5) is None
        time.sleep(1.0)
        frame, reply = self.node.register(self.node.request(coa="10.9.0.77"), destination="224.0.0.11")
        assert reply[1] == 77 and frame[26:30] == ip(VISITED), "own address when the request was multicast"
        time.sleep(1.0)
        _, reply = self.node.register(self.node.request(agent=COA))
        assert reply[1] == 194, reply.hex()
        time.sleep(1.0)
        _, reply = self.node.register(self.node.request(lifetime=301))
        assert reply[1] == 69 and reply[2:4] == struct.pack("!H", 300)

    # covers: MIP-FA-018
    def unreachable(self):
        """icmp-error-instead-of-a-reply"""
        time.sleep(1.0)
        _, reply = self.node.register(self.node.request(agent=CORR))
        assert reply[1] == 82, reply.hex()
        time.sleep(1.0)
        sh("ip", "route", "add", "unreachable", "10.66.0.0/16", ns=RT)
        _, reply = self.node.register(self.node.request(agent="10.66.0.1"))
        assert reply[1] == 81, reply.hex()

    # covers: MIP-FA-013
    def timeout(self):
        """no-reply-in-seven-seconds"""
        start = time.monotonic()
        sh("ip", "route", "add", "blackhole", "10.67.0.0/16", ns=HA)
        sh("ip", "route", "add", "10.67.0.0/16", "via", AGENT, ns=RT)
        _, reply = self.node.register(self.node.request(agent="10.67.0.1"), seconds=9)
        assert reply[1] == 78 and 6.5 < time.monotonic() - start < 8.5, reply.hex()

    # covers: MIP-FA-025, MIP-RVK-016, MIP-FA-026, MIP-AUTH-016
    def nat(self):
        """udp-tunnel-behind-a-nat-and-revocation-by-a-home-agent-of-the-test"""
        sh("nft", "-f", "-", ns=RT, stdin="table ip n {\n chain c {\n  type nat hook postrouting priority 100\n"
           "  oif br0 ip saddr 10.9.0.0/24 meta l4proto udp snat to 10.1.0.1:40000-40099\n }\n}\n")
        self.fad.restart(FAD_CONFIG + "nat=yes\nrevocation=yes\n[home-agent 10.1.0.3]\nspi=5000\nkey-file=fa-ha.key\n"
                         "[node 10.1.0.100]\nspi=6000\nalgorithm=hmac-md5\nkey-file=mn-fa.key\n")
        agent = HomeAgent()
        try:
            self.udp_tunnel(agent)
            self.revoked(agent)
        finally:
            agent.close()
            sh("nft", "delete table ip n", ns=RT)
            self.fad.restart(FAD_CONFIG)

    def udp_tunnel(self, agent):
        message = self.node.request(agent=agent.ADDRESS)
        signed = message + struct.pack("!BBI", 33, 20, 6000)
        signed += hmac.digest(MN_FA_KEY, signed, "md5")
        self.node.drain()
        self.node.send(udp_packet(HOA, 4000, VISITED, 434, signed, ttl=255))
        relayed = agent.receive()
        assert agent.peer[0] == "10.1.0.1" and 40000 <= agent.peer[1] < 40100, agent.peer
        agent.verify(relayed)
        # What the node signed; UDP Tunnel Request; Revocation Support; Foreign-Home authentication.
        now = int(time.time()) + 2208988800
        after = relayed[len(message):-38]
        assert relayed[:len(message)] == message and after[:8] == bytes.fromhex("9006000000000000"), relayed.hex()
        assert after[8:12] == b"\x89\x06\x80\0" and abs(int.from_bytes(after[12:], "big") - now) < 5 and len(after) == 16
        self.registered_us = now
        m = agent.reply(relayed, bytes.fromhex("2c060000 0000000a") + struct.pack("!BBHI", 0x89, 6, 0x8000, now))
        frame = self.node.frames(lambda f: f[23] == 17 and f[36:38] == struct.pack("!H", 4000))
        reply = frame[14 + 28:]
        assert reply[:len(m)] == m and reply[len(m):len(m) + 6] == struct.pack("!BBI", 33, 20, 6000), reply.hex()
        assert hmac.digest(MN_FA_KEY, reply[:-16], "md5") == reply[-16:], "Mobile-Foreign authentication"
        wait_for(lambda: self.visitors() == [HOA], "visitor")
        started = time.monotonic()
        assert self.fad.status()["visitors"][0]["udp-tunnel"] and self.fad.status()["visitors"][0]["revocation"]
        agent.socket.sendto(b"\x04\x04\0\0" + udp_packet(CORR, 9, HOA, 9, b"down", ttl=9), agent.peer)
        frame = self.node.frames(lambda f: f.endswith(b"down"))
        assert frame and frame[22] == 8 and frame[:6] == mac(MN_MAC)
        # Another next header, and another port, are not the tunnel that was agreed on.
        agent.socket.sendto(b"\x04\x2f\0\0" + udp_packet(CORR, 9, HOA, 9, b"gre"), agent.peer)
        assert self.node.frames(lambda f: f.endswith(b"gre"), 0.3) is None
        self.node.send(udp_packet(HOA, 9, CORR, 9, b"up", ttl=20))
        data, peer = agent.socket.recvfrom(65535)
        assert peer == agent.peer and data[:4] == b"\x04\x04\0\0" and data[4 + 8] == 19 and data.endswith(b"up"), data.hex()
        # Ten seconds without a packet: an Echo Request, whose answer the visitor never sees.
        agent.socket.settimeout(13)
        data, peer = agent.socket.recvfrom(65535)
        assert 9 < time.monotonic() - started < 13 and peer == agent.peer
        inner = data[4:]
        assert inner[9] == 1 and inner[12:20] == ip(HOA) + ip(agent.ADDRESS) and inner[20] == 8 and checksum(inner[20:]) == 0
        echo = b"\0\0\0\0" + inner[24:]
        echo = echo[:2] + struct.pack("!H", checksum(echo)) + echo[4:]
        self.node.drain()
        agent.socket.sendto(b"\x04\x04\0\0" + ipv4(agent.ADDRESS, HOA, 1, echo), agent.peer)
        assert self.node.frames(lambda f: f[23] == 1 and f[34] == 0, 0.3) is None
        assert self.fad.count("keepalives-sent") == 1 and self.fad.count("keepalives-answered") == 1

    def revoked(self, agent):
        head = struct.pack("!BBH", 7, 0, 0xc000) + ip(HOA) + ip(agent.ADDRESS) + ip(COA)
        agent.socket.settimeout(0.5)
        # As old as the registration: a replay.
        agent.socket.sendto(agent.sign(head + struct.pack("!I", self.registered_us)), agent.peer)
        assert quiet(agent.socket) is None and self.visitors() == [HOA]
        self.node.drain()
        agent.socket.sendto(agent.sign(head + struct.pack("!I", self.registered_us + 60)), agent.peer)
        agent.socket.settimeout(2)
        answer = agent.receive()
        agent.verify(answer)
        assert answer[:4] == b"\x0f\0\x80\0" and answer[4:12] == ip(HOA) + struct.pack("!I", self.registered_us + 60)
        frame = self.node.frames(lambda f: f[23] == 1 and f[34] == 9 and f[:6] == mac(MN_MAC))
        assert frame and frame[30:34] == ip(HOA) and frame[34 + 18:34 + 20] == b"\0\0", "sequence 0, to the node alone"
        wait_for(lambda: self.visitors() == [], "revoked")

    # covers: MIP-TUN-011, MIP-TUN-012, MIP-TUN-013, MIP-TUN-014, MIP-TUN-015
    def icmp(self):
        """errors-from-inside-the-reverse-tunnel-reach-the-visitor"""
        self.accepted()
        wait_for(lambda: self.visitors() == [HOA], "visitor")
        sh("ip", "route", "add", AGENT, "dev", "br0", "mtu", "lock", "1300", ns=RT)
        cn = udp(CN, CORR, 7009)
        packet = udp_packet(HOA, 9, CORR, 7009, b"z" * 1372, df=True)
        self.node.drain()
        self.node.send(packet)
        frame = self.node.frames(lambda f: f[23] == 1 and f[34:36] == b"\x03\x04")
        # What the tunnel takes, less the outer header; it quotes the packet, from the agent, to the visitor.
        assert frame and int.from_bytes(frame[40:42], "big") == 1280 and frame[26:34] == ip(VISITED) + ip(HOA), frame
        assert frame[:6] == mac(MN_MAC) and frame[54:62] == ip(HOA) + ip(CORR) and checksum(frame[34:]) == 0, frame.hex()
        # Learned: the next one is told at once, and one without DF is cut before it goes in.
        assert self.fad.count("icmp-errors-relayed") == 1
        self.node.send(packet)
        assert self.node.frames(lambda f: f[23] == 1 and f[34:36] == b"\x03\x04")
        assert self.fad.count("icmp-errors-relayed") == 1 and self.fad.count("packets-too-big") == 1
        self.node.send(udp_packet(HOA, 9, CORR, 7009, b"z" * 1372))
        assert cn.recv(2000) == b"z" * 1372
        sh("ip", "route", "replace", "unreachable", AGENT, ns=RT)
        self.node.send(udp_packet(HOA, 9, CORR, 7009, b"lost"))
        frame = self.node.frames(lambda f: f[23] == 1 and f[34:36] == b"\x03\x01", 3)
        assert frame and frame[26:34] == ip(VISITED) + ip(HOA), "host unreachable"
        sh("ip", "route", "del", AGENT, ns=RT)
        # One that quotes what was never sent.
        forged = ipv4(COA, AGENT, 4, udp_packet(HOA, 9, CORR, 7009, b"never"))
        with inside(RT):
            raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)
        error = b"\x03\x01\0\0\0\0\0\0" + forged
        raw.sendto(error[:2] + struct.pack("!H", checksum(error)) + error[4:], (COA, 0))
        self.node.drain()
        assert self.node.frames(lambda f: f[23] == 1 and f[34] == 3, 0.3) is None
        assert self.fad.count("icmp-errors-ignored") == 1
        raw.close(), cn.close()

    # covers: MIP-ADV-008
    def co_located(self):
        """own-care-of-address-through-the-agent-and-who-is-routed"""
        up, coa = packet_socket(RT, "p3", 3), "10.2.0.50"
        message = self.node.request(flags=0x22, coa=coa)
        self.node.drain()
        self.node.send(udp_packet(coa, 4000, VISITED, 434, message, ttl=255))
        relayed = captured(up, lambda p: p[9] == 17 and p[12:16] == ip(COA))
        assert len(relayed) == 1 and relayed[0][28:] == message
        frame = self.node.frames(lambda f: f[23] == 17 and f[36:38] == struct.pack("!H", 4000))
        assert frame and frame[:6] == mac(MN_MAC) and frame[30:34] == ip(HOA) and frame[43] == 1
        wait_for(lambda: [v["co-located"] for v in self.fad.file()["visitors"]] == [True], "co-located visitor")
        # Its tunnel is its own: what comes from its care-of address is routed, nobody else's (ICMP Code 16).
        self.node.send(ipv4(coa, AGENT, 4, udp_packet(HOA, 9, CORR, 9, b"own tunnel")))
        self.node.send(udp_packet("10.2.0.51", 9, CORR, 9, b"stranger"))
        packets = captured(up, lambda p: p[12:15] == ip(coa)[:3])
        assert len(packets) == 1 and packets[0][9] == 4 and packets[0][12:16] == ip(coa), packets
        self.fad.restart(FAD_CONFIG + "routes-common-traffic=yes\n")
        self.node.drain()
        frame = self.node.frames(lambda f: f[23] == 1 and f[34] == 9, 2)
        assert frame and frame[35] == 0, "ICMP Code 0"
        self.node.send(udp_packet("10.2.0.51", 9, CORR, 9, b"stranger"))
        assert len(captured(up, lambda p: p[12:16] == ip("10.2.0.51"))) == 1
        self.fad.restart(FAD_CONFIG)
        up.close()

    # covers: MIP-FA-024
    def control(self):
        """control-socket"""
        self.accepted()
        out = sh(PROGRAM, "visitors", "--control", str(self.fad.control)).stdout
        assert HOA in out and MN_MAC in out, out
        sh(PROGRAM, "busy", "--control", str(self.fad.control))
        frame = self.node.frames(lambda f: f[23] == 1 and f[34] == 9, 2)
        assert frame and int.from_bytes(frame[34 + 22:34 + 24], "big") & 0x4000, "B"
        sh(PROGRAM, "idle", "--control", str(self.fad.control))
        up = packet_socket(RT, "p3", 3)
        sh(PROGRAM, "remove", HOA, "--control", str(self.fad.control))
        wait_for(lambda: self.visitors() == [], "removed")
        # The home agent is not told: no agent deregisters a node.
        assert captured(up, lambda p: p[9] == 17 and p[12:16] == ip(COA), 0.5) == []
        up.close()
        out = sh(PROGRAM, "remove", "x", "--control", str(self.fad.control), check=False)
        assert out.returncode == 1 and "home address" in out.stderr, out
        assert sh(PROGRAM, "status", "--control", "/nonexistent/socket", check=False).returncode == 3

    # covers: MIP-FA-017
    def leave(self):
        """deregistration-and-expiry-end-the-visit"""
        self.accepted()
        wait_for(lambda: self.visitors() == [HOA], "visitor")
        self.accepted(lifetime=0)
        wait_for(lambda: self.visitors() == [], "deregistered")
        assert "10.1.0.100" not in sh("ip", "rule", ns=FA).stdout
        self.accepted(lifetime=2)
        wait_for(lambda: self.visitors() == [HOA], "visitor")
        assert "from 10.1.0.100 iif visit lookup 434" in sh("ip", "rule", ns=FA).stdout, sh("ip", "rule", ns=FA).stdout
        wait_for(lambda: self.visitors() == [], "expired")
        assert "10.1.0.100" not in sh("ip", "rule", ns=FA).stdout

    def killed(self):
        """kill-9-and-restart-leaves-no-rule-behind"""
        self.accepted()
        wait_for(lambda: self.visitors() == [HOA], "visitor")
        self.fad.process.kill()
        self.fad.process.wait(10)
        assert "10.1.0.100" in sh("ip", "rule", ns=FA).stdout
        self.fad.start()
        assert "10.1.0.100" not in sh("ip", "rule", ns=FA).stdout
        self.accepted()

    # covers: MIP-FA-001
    def terminate(self):
        """sigterm-says-good-bye-and-leaves-nothing-behind"""
        # The one that was killed could not put it back.
        assert self.fad.stop() == 0
        sh("sysctl", "-qw", "net.ipv4.conf.visit.rp_filter=1", ns=FA)
        self.fad.start()
        assert sh("sysctl", "-n", "net.ipv4.conf.visit.rp_filter", ns=FA).stdout.strip() == "2"
        self.accepted()
        wait_for(lambda: self.visitors() == [HOA], "visitor")
        self.node.drain()
        assert self.fad.stop() == 0
        frame = self.node.frames(lambda f: f[23] == 1 and f[34] == 9, 1)
        assert frame and frame[40:42] == b"\0\0", "Lifetime 0"
        assert self.fad.file()["visitors"] == []
        rules = sh("ip", "rule", ns=FA).stdout
        assert "visit" not in rules and "fad0" not in sh("ip", "link", ns=FA).stdout, rules
        assert sh("sysctl", "-n", "net.ipv4.conf.visit.rp_filter", ns=FA).stdout.strip() == "1"


def can_run():
    if os.geteuid() != 0 or not os.path.exists("/dev/net/tun"):
        return False
    probe = f"rf-{os.getpid()}-probe"
    ok = sh("ip", "netns", "add", probe, check=False).returncode == 0
    sh("ip", "netns", "del", probe, check=False)
    return ok


def run_cases(test, cases):
    failed = 0
    print(f"1..{len(cases)}", flush=True)
    for number, case in enumerate(cases, 1):
        try:
            case()
            print(f"ok {number} {case.__doc__}", flush=True)
        except Exception:  # a failed case must not hide the next ones
            failed += 1
            print(f"not ok {number} {case.__doc__}\n# " + traceback.format_exc().replace("\n", "\n# "), flush=True)
    return failed


def main():
    if not can_run():
        print("1..0 # SKIP needs root, network namespaces and /dev/net/tun")
        return 77
    failed = 0
    with tempfile.TemporaryDirectory() as directory:
        programs = []
        try:
            make_topology()
            programs.append(Program(HOME_AGENT, HA, directory, "had", HAD_CONFIG, {"mn-ha.key": KEY}))
            programs.append(Program(PROGRAM, FA, directory, "fad", FAD_CONFIG, {"fa-ha.key": FA_HA_KEY, "mn-fa.key": MN_FA_KEY}))
            test = Test(programs[1], programs[0], Node(), directory)
            only = os.environ.get("CASE")
            cases = [test.check_config, test.advertise, test.solicit, test.register, test.down, test.up_direct,
                     test.up_encapsulated, test.nobody, test.too_big, test.bad_checksum, test.denials, test.unreachable,
                     test.timeout, test.nat, test.icmp, test.co_located, test.control, test.leave, test.killed, test.terminate]
            failed = run_cases(test, [c for c in cases if only is None or c.__name__ in only.split(",")])
            if failed:
                print("# " + "".join(p.text() for p in programs).replace("\n", "\n# "))
            for program in programs:
                if program.process.poll() is None:
                    program.stop()
        finally:
            for program in programs:
                if program.process.poll() is None:
                    program.process.kill()
            remove_topology()
    return 1 if failed else 0


if __name__ == "__main__":
    PROGRAM, HOME_AGENT = sys.argv[1], sys.argv[2]
    sys.exit(main())
